"""How sure the tables are of their numbers: a Beta distribution for each interval, and draws from all of them.

A number's distribution has the table's value as its mean, and holds 95% within the table's interval. The mean, because
P(evidence) is linear in each number by itself: with independent numbers the model at their means gives exactly the
predictive probability of any evidence. Links are believed in as net link probabilities, whatever form their row has, so
that a link and the leak of its child can be drawn by themselves and never contradict each other.

References
----------
Spiegelhalter and Lauritzen, Sequential updating of conditional probabilities on directed graphical structures
(Networks 20, 1990), for independent Beta and Dirichlet distributions over the numbers of a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchbayes.knowledge import Knowledge, Number
from twitchbayes.network import Network

__all__ = ["Beliefs", "above_the_lowest", "beside", "fit", "quantiles"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MASS = 0.95  # what an interval holds
TAIL = (1 - MASS) / 2
# Sizes between which one is looked for: a number known to one part in 10^6, and one of which no more is known than
# one case tells (the unit information of Kass and Wasserman, JASA 90, 1995).
LARGEST, SMALLEST, STEPS, HALVINGS = 1e14, 1.0, 160, 44
BLOCK = 1000  # sets that are drawn together, with a stream of their own


@dataclass(frozen=True, slots=True, eq=False)
class Beliefs:
    """The distributions of all numbers of a network, in the order of the rows of `priors.csv` and then `links.csv`.

    Attributes
    ----------
    means : ndarray, shape (n_numbers,)
        Fractions; of links, net link probabilities.
    sizes : ndarray, shape (n_numbers,)
        a + b of each Beta(a, b): the number of cases that would say as much. inf where a number is fixed.
    groups : tuple of ndarray
        Rows that are the states of one variable in one stratum: together they have a Dirichlet
        distribution, of one size.
    levels : tuple of ndarray
        Rows that are the states of a graded finding above the lowest, of one leak or link in one stratum: together
        with what they leave for the lowest state they have a Dirichlet distribution, of one size.
    """

    means: Floats
    sizes: Floats
    groups: tuple[Ints, ...]
    levels: tuple[Ints, ...]

    @classmethod
    def of(cls, knowledge: Knowledge, network: Network) -> Beliefs:
        """Fit the distribution of every number to its value and interval.

        States of one variable share the smallest size among them: they are as unsure as the least sure.
        """
        numbers = [p.number for p in knowledge.priors] + [link.number for link in knowledge.links]
        values, lows, highs = (network.to_net(_column(numbers, name))[0] for name in ("probability", "low", "high"))
        means, sizes = fit(values, np.maximum(lows, 0.0), highs)
        groups, levels = beside(knowledge), above_the_lowest(knowledge)
        for rows in (*groups, *levels):
            sizes[rows] = sizes[rows].min()
            means[rows] = values[rows]
        for array in (means, sizes):
            array.flags.writeable = False
        return cls(means, sizes, groups, levels)

    @property
    def fixed(self) -> NDArray[np.bool_]:
        """Which numbers are certain: they have no interval."""
        return np.isinf(self.sizes)

    def draw(self, draws: int, seed: int) -> Floats:
        """Return parameter sets drawn from the distributions, for `Network.with_net`: (draws, n_numbers).

        Parameters
        ----------
        draws : int
        seed : int
            0 or more. The same seed gives the same sets, and a longer draw begins with a shorter one.
        """
        blocks = [self.block(number, seed) for number in range(-(-draws // BLOCK))]
        return np.concatenate(blocks)[:draws]

    def block(self, number: int, seed: int) -> Floats:
        """Return the sets `BLOCK * number` to `BLOCK * (number + 1) - 1` of every draw with a seed."""
        random = np.random.default_rng([seed, number])
        sets = np.repeat(self.means[None, :], BLOCK, axis=0)
        grouped = np.concatenate([*self.groups, *self.levels, np.zeros(0, dtype=np.int64)])
        alone = np.setdiff1d(np.flatnonzero(~self.fixed), grouped)
        a, b = self.means[alone] * self.sizes[alone], (1 - self.means[alone]) * self.sizes[alone]
        sets[:, alone] = random.beta(a, b, size=(BLOCK, len(alone)))
        for rows in self.groups:
            free = rows[self.means[rows] > 0]  # a state of probability 0 has no distribution
            if len(free) > 1 and np.isfinite(self.sizes[free[0]]):
                sets[:, free] = random.dirichlet(self.means[free] * self.sizes[free], size=BLOCK)
        for rows in self.levels:
            free, size = rows[self.means[rows] > 0], self.sizes[rows[0]]
            if len(free) and np.isfinite(size):
                lowest = max(1 - self.means[free].sum(), 0.0)
                shares = np.append(self.means[free], lowest) if lowest > 0 else self.means[free]
                sets[:, free] = random.dirichlet(shares * size, size=BLOCK)[:, : len(free)]
        return sets


def fit(values: Floats, lows: Floats, highs: Floats) -> tuple[Floats, Floats]:
    """Return mean and size (a + b) of the Beta distribution for each value with its 95% interval.

    The mean is the value, and 95% lie within the interval. Where the value is itself a bound of the
    interval, the other bound leaves 2.5% beyond it; where it is 0 or 1, so that no distribution has it
    as its mean, it is the mode instead: Beta(1, b) or Beta(a, 1). An interval without width fixes the
    value. A Beta distribution with a given mean has no more than one other number to choose, so that the
    two tails need not be 2.5% each: of tiny probabilities the lower one holds more.

    An interval may be wider than any Beta distribution with that mean can fill: all of [0, 1], or 0.001 in
    [0, 0.5], of which at most 0.2% can lie above 0.5. Then the size is the one with which the interval holds
    least, and the smaller one of equals, but never below 1, what a single case tells.

    Parameters
    ----------
    values, lows, highs : ndarray, shape (n,)
        Fractions, low <= value <= high.

    Returns
    -------
    means, sizes : ndarray, shape (n,)
        The size is inf where the value is fixed.
    """
    means, sizes = values.copy(), np.full(len(values), np.inf)
    wide = highs > lows
    with np.errstate(divide="ignore", over="ignore"):
        for edge, far in ((wide & (values <= 0), highs), (wide & (values >= 1), 1 - lows)):
            b = np.log(TAIL) / np.log1p(-far[edge])  # 0 where the interval is all of [0, 1]: uniform then
            b = np.clip(b, 1.0, LARGEST)
            means[edge] = np.where(values[edge] <= 0, 1 / (1 + b), b / (1 + b))
            sizes[edge] = 1 + b
    inside = np.flatnonzero(wide & (values > 0) & (values < 1))
    sizes[inside] = _sizes(values[inside], lows[inside], highs[inside])
    return means, sizes


def quantiles(means: Floats, sizes: Floats, at: Sequence[float]) -> Floats:
    """Return quantiles of the Beta distributions with these means and sizes: (len(at), n)."""
    from scipy.special import betaincinv

    fixed = np.isinf(sizes) | (means <= 0) | (means >= 1)
    finite = np.where(fixed, 2.0, sizes)
    inner = np.where(fixed, 0.5, means)
    found: Floats = np.where(fixed, means, betaincinv(inner * finite, (1 - inner) * finite, np.asarray(at)[:, None]))
    return found


def _sizes(values: Floats, lows: Floats, highs: Floats) -> Floats:
    """Return the size at which the interval of each value holds what it should, or least where none does.

    The largest such size: where an interval begins at 0, a very small one, that puts nearly all at 0, would do
    as well.
    """
    beyond = np.where((lows >= values) | (highs <= values), TAIL, 1 - MASS)
    grid = np.geomspace(LARGEST, SMALLEST, STEPS)
    outside = _outside(grid[:, None], values, lows, highs)
    enough = outside >= beyond
    solvable = enough.any(axis=0)
    widest = len(grid) - 1 - outside[::-1].argmax(axis=0)
    first = np.where(solvable, enough.argmax(axis=0), widest)
    large, small = grid[np.maximum(first - 1, 0)], grid[first]
    for _ in range(HALVINGS):
        middle = np.sqrt(large * small)
        more = _outside(middle, values, lows, highs) >= beyond
        small, large = np.where(more, middle, small), np.where(more, large, middle)
    sizes: Floats = np.where(solvable, small, grid[first])
    return sizes


def _outside(sizes: Floats, values: Floats, lows: Floats, highs: Floats) -> Floats:
    """Return P(outside of the interval); of an interval that the value bounds, beyond its other bound only."""
    from scipy.special import betainc, betaincc

    a, b = values * sizes, (1 - values) * sizes
    below = np.where((lows < values) & (lows > 0), betainc(a, b, lows), 0.0)
    above = np.where((highs > values) & (highs < 1), betaincc(a, b, highs), 0.0)
    total: Floats = below + above
    return total


def _column(numbers: Sequence[Number], name: str) -> Floats:
    return np.array([[getattr(number, name) for number in numbers]])


def beside(knowledge: Knowledge) -> tuple[Ints, ...]:
    """Return the rows that stand beside each other: states of one context in one stratum, where each has a row."""
    rows_of: dict[tuple[object, ...], list[int]] = {}
    for row, prior in enumerate(knowledge.priors):
        if knowledge.variables[prior.variable].role == "context":
            rows_of.setdefault((prior.variable, prior.given), []).append(row)
    return tuple(np.array(rows, dtype=np.int64) for rows in rows_of.values() if len(rows) > 1)


def above_the_lowest(knowledge: Knowledge) -> tuple[Ints, ...]:
    """Return the rows of each leak or link into a graded finding, in each stratum: its states above the lowest."""
    rows_of: dict[tuple[object, ...], list[int]] = {}
    for row, link in enumerate(knowledge.links, start=len(knowledge.priors)):
        rows_of.setdefault((link.parent, link.child, link.given), []).append(row)
    return tuple(np.array(rows, dtype=np.int64) for rows in rows_of.values() if len(rows) > 1)
