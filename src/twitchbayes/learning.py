"""Expectation-maximisation: the numbers that cases with gaps and the model's own intervals make most probable together.

What is maximised is the log posterior of the numbers' log odds, ln P(cases) + sum of a ln p + b ln(1 - p), where each
number p has the distribution Beta(a, b) before. On the scale of log odds the mode of a number that the cases say
nothing of is its mean, the table's value, and no number is driven to 0 or 1. A step sets p to
(a + successes)/(a + b + trials), the expected counts being those under the numbers of the step before; it never makes
the posterior smaller. Steps are lengthened by extrapolation, which is taken back where the posterior would fall.

Cases that are in the table because they have something (twitching) are not a sample of everyone. What is maximised then
is P(cases | that), by EM on data of which the others were left out: of those the expected number is added to each step.

References
----------
Dempster, Laird and Rubin, Maximum likelihood from incomplete data via the EM algorithm (JRSS B 39, 1977; section 4.2.2
for truncated data); MacKay, Choice of basis for Laplace approximation (Machine Learning 33, 1998) for the mode on the
scale of log odds; Varadhan and Roland, Simple and globally convergent methods for accelerating the convergence of any
EM algorithm (Scandinavian Journal of Statistics 35, 2008), scheme S3, for the extrapolation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import TwitchbayesError

__all__ = ["Fit", "NotMonotoneError", "Pass", "Priors", "Step", "Sums", "maximise"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ROUNDING = 1e-9  # of the log posterior: by so much it may seem to fall


class NotMonotoneError(TwitchbayesError, ArithmeticError):
    """The log posterior fell in a step of EM, which it cannot: the counts would be wrong."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What one pass over cases gives, summed over them: parts of the data add up.

    Attributes
    ----------
    successes, trials : ndarray, shape (n_numbers,)
        As of `twitchbayes.counts.Counts`.
    log_likelihood : float
        Sum of ln P(case), in nats.
    impossible : int
        Cases that are impossible under the numbers, or refused by the engine; they count nothing.
    """

    successes: Floats
    trials: Floats
    log_likelihood: float
    impossible: int = 0

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.successes + other.successes,
            self.trials + other.trials,
            self.log_likelihood + other.log_likelihood,
            self.impossible + other.impossible,
        )


@dataclass(frozen=True, slots=True)
class Priors:
    """The distributions that the numbers have before, of those that are learned.

    Attributes
    ----------
    a, b : ndarray, shape (n_numbers,)
        Of each Beta(a, b); of a state in a group, a of the Dirichlet distribution.
    free : ndarray of bool, shape (n_numbers,)
        Which numbers are learned; the others stay.
    groups : tuple of ndarray
        Rows that are the states of one variable.
    levels : tuple of ndarray
        Rows that are the states of a graded finding above the lowest, of one leak or link: with what they leave for
        the lowest they have a Dirichlet distribution, in which each of them has its Beta(a, b).
    """

    a: Floats
    b: Floats
    free: Bools
    groups: tuple[Ints, ...]
    levels: tuple[Ints, ...] = ()

    @property
    def in_group(self) -> Bools:
        """Which numbers are one of several states."""
        inside = np.zeros(len(self.a), dtype=bool)
        for rows in self.groups:
            inside[rows] = True
        return inside

    def log_density(self, net: Floats) -> float:
        """Return ln of the density of the numbers' log odds, up to a constant, in nats."""
        from scipy.special import xlog1py, xlogy

        alone = self.free & ~self.in_group
        for rows in self.levels:
            alone[rows] = False
        total = xlogy(self.a[self.free], net[self.free]).sum()
        for rows in self.levels:
            lowest = self.a[rows[0]] + self.b[rows[0]] - self.a[rows].sum()
            total += xlog1py(max(lowest, 0.0), -min(net[rows].sum(), 1.0))
        return float(total + xlog1py(self.b[alone], -net[alone]).sum())

    def maximum(self, net: Floats, sums: Sums) -> Floats:
        """Return the numbers that complete data with these counts would make most probable."""
        successes, trials = sums.successes, sums.trials
        best = net.copy()
        size = self.a + self.b + trials
        best[self.free] = ((self.a + successes) / np.where(size > 0, size, 1.0))[self.free]
        for rows in self.groups:
            if self.free[rows].all():
                counted = self.a[rows] + successes[rows]
                best[rows] = counted / counted.sum()
        return best

    def to_scale(self, net: Floats) -> Floats:
        """Return the log odds of the free numbers; of a state in a group, ln of its probability."""
        free, alone = net[self.free], ~self.in_group[self.free]
        log_odds: Floats = np.log(free) - np.where(alone, np.log1p(-free), 0.0)
        return log_odds

    def from_scale(self, net: Floats, log_odds: Floats) -> Floats:
        """Return the numbers with these log odds, those that are not free as in `net`."""
        from scipy.special import expit

        moved = net.copy()
        alone = ~self.in_group[self.free]
        moved[self.free] = np.where(alone, expit(log_odds), np.exp(np.where(alone, 0.0, log_odds)))
        for rows in self.groups:
            if self.free[rows].all():
                moved[rows] /= moved[rows].sum()
        return moved


class Pass(NamedTuple):
    """The counts under some numbers, and the objective there."""

    net: Floats
    sums: Sums
    log_likelihood: float
    log_posterior: float


class Step(NamedTuple):
    """One pass over the cases: `change` is the largest by which EM would move the log odds of a number."""

    passes: int
    log_posterior: float
    log_likelihood: float
    change: float
    extrapolated: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """Where `maximise` came to: the last pass, whether it converged, and every step to it."""

    last: Pass
    converged: bool
    steps: tuple[Step, ...]


def maximise(
    counted: Callable[[Floats], Pass],
    priors: Priors,
    start: Floats,
    *,
    max_iterations: int,
    tolerance: float,
    told: Callable[[Step], object] | None = None,
) -> Fit:
    """Climb from `start` until a step of EM would move no log odds by more than `tolerance`.

    Parameters
    ----------
    counted : callable
        Gives the pass over the cases at some net numbers.
    priors : Priors
    start : ndarray, shape (n_numbers,)
    max_iterations : int
        Passes over the cases at most.
    tolerance : float
        In nats of log odds.
    told : callable, optional
        Is told every step.

    Raises
    ------
    NotMonotoneError
        If the log posterior falls in a step of EM by more than rounding.
    """
    steps: list[Step] = []
    for here, passes, extrapolated in _climb(counted, priors, start):
        change = _largest_change(priors, here)
        steps.append(Step(passes, here.log_posterior, here.log_likelihood, change, extrapolated))
        if told is not None:
            told(steps[-1])
        if change <= tolerance or passes >= max_iterations:
            break
    return Fit(here, change <= tolerance, tuple(steps))


def _climb(counted: Callable[[Floats], Pass], priors: Priors, start: Floats) -> Iterator[tuple[Pass, int, bool]]:
    """Yield ever better passes, how many there have been, and whether the last was extrapolated."""
    here, passes = counted(start), 1
    yield here, passes, False
    while True:
        first = _one_step(counted, priors, here)
        passes += 1
        yield first, passes, False
        further = _extrapolated(priors, here.net, first.net, priors.maximum(first.net, first.sums))
        if further is not None:
            tried = counted(further)
            passes += 1
            if tried.log_posterior >= first.log_posterior:
                here = tried
                yield here, passes, True
                continue
        here = _one_step(counted, priors, first)
        passes += 1
        yield here, passes, False


def _one_step(counted: Callable[[Floats], Pass], priors: Priors, here: Pass) -> Pass:
    """Return the pass behind one step of EM, which is checked to be no worse."""
    there = counted(priors.maximum(here.net, here.sums))
    fell = here.log_posterior - there.log_posterior
    if not fell <= ROUNDING * max(abs(here.log_posterior), 1.0):
        message = (
            f"the log posterior fell from {here.log_posterior!r} to {there.log_posterior!r} nats in a step of EM, "
            "which it cannot; please report the model and the cases"
        )
        raise NotMonotoneError(message)
    return there


def _extrapolated(priors: Priors, zero: Floats, one: Floats, two: Floats) -> Floats | None:
    """Return where three steps of EM point to; None where they show no direction."""
    start, middle, end = (priors.to_scale(net) for net in (zero, one, two))
    step = middle - start
    bend = end - middle - step
    length = np.linalg.norm(bend)
    if not length > 0:
        return None
    # At -1 it would be where EM itself goes; never shorter than that.
    reach = min(-float(np.linalg.norm(step) / length), -1.0)
    further = priors.from_scale(two, start - 2 * reach * step + reach**2 * bend)
    inside = bool(((further[priors.free] > 0) & (further[priors.free] < 1)).all())
    return further if inside and all(further[rows].sum() < 1 for rows in priors.levels) else None


def _largest_change(priors: Priors, here: Pass) -> float:
    """Return the largest change of log odds that a step of EM would make."""
    moved = priors.to_scale(priors.maximum(here.net, here.sums)) - priors.to_scale(here.net)
    return float(np.abs(moved).max(initial=0.0))
