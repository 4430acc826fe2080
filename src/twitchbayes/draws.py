"""Parameter sets drawn from the beliefs, kept for the next answer, and the intervals of tables of cases under them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.beliefs import BLOCK, Beliefs
from twitchbayes.errors import InvalidValueError
from twitchbayes.inference import Engine
from twitchbayes.inference.mixture import gathered
from twitchbayes.mixtures import Mixtures, Rows
from twitchbayes.network import Codes, Network, Parameters

__all__ = [
    "DRAWS",
    "MANY_DRAWS",
    "Asked",
    "Drawn",
    "RowIntervals",
    "affordable",
    "blocks",
    "intervals_of_rows",
    "usual_draws",
]

Floats = NDArray[np.float64]

log = logging.getLogger("twitchbayes")

DRAWS, MOST_DRAWS = 1_000, 100_000
MANY_DRAWS, MANY_ROWS = 200, 1_000  # the usual draws of a table with more rows than so many
FEWEST_DRAWS = 100  # that tell the bounds of a 95% interval
COST_PER_S, BOUND_S = 2e9, 1.5e-7  # numbers read and written in a second; what one value adds to the bounds
LONG_S = 10.0  # what takes longer is told before it starts
SAMPLED_ROWS = 50  # whose plans tell what the intervals of a table cost
DRAWS_COST = 1e9  # numbers that may be read and written for draws someone waits for: less than half a second
KEPT_BLOCKS = 2  # kept for the next answer; one of `twitch` has some 10 MB
ANSWER_BYTES = 1 << 25  # of the answers to some rows of a table under all draws


class Asked(NamedTuple):
    """What intervals are asked for: what they hold, and of which draws."""

    level: float
    draws: int
    seed: int

    @classmethod
    def of(cls, level: Any, draws: Any = DRAWS, seed: Any = 0) -> Asked:
        """Check what was asked for.

        Raises
        ------
        InvalidValueError
            If the level is not between 0 and 1, there are less than 1 or more than 100,000 draws, or the
            seed is no integer from 0 on; with all that is wrong.
        """
        wrong = []
        if not (_is_number(level, (int, float, np.integer, np.floating)) and 0 < level < 1):
            wrong.append(f"{level!r} is no level of an interval; give a number between 0 and 1, as 0.95")
        if not (_is_number(draws, (int, np.integer)) and 1 <= draws <= MOST_DRAWS):
            wrong.append(f"draws={draws!r} is no whole number from 1 to {MOST_DRAWS:,}")
        if not (_is_number(seed, (int, np.integer)) and seed >= 0):
            wrong.append(f"seed={seed!r} is no whole number from 0 on")
        if wrong:
            raise InvalidValueError("; ".join(wrong))
        return cls(float(level), int(draws), int(seed))

    def quantiles(self, values: Floats) -> Floats:
        """Return the lower and the upper bound over the first axis, equal parts beyond each: (2, ...)."""
        beyond = (1 - self.level) / 2
        bounds: Floats = np.quantile(values, [beyond, 1 - beyond], axis=0)
        return bounds


def _is_number(value: Any, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool | np.bool_)


def affordable(engine: Engine, codes: Codes) -> int:
    """Return how many draws, `DRAWS` at most, someone waits for; 0 where they would tell too little.

    What they take is the engine's own cost of an answer, which its plan tells before it is computed; see `DRAWS_COST`.

    Parameters
    ----------
    engine : Engine
    codes : ndarray, shape (n_columns,)
        The evidence.
    """
    draws = min(DRAWS, int(DRAWS_COST / engine.cost(codes)))
    return draws if draws >= FEWEST_DRAWS else 0


@dataclass(frozen=True, slots=True)
class Drawn:
    """Parameter sets: their values, links net, (n_sets, n_numbers), and as the engine takes them."""

    net: Floats
    parameters: Parameters


def blocks(engine: Engine, beliefs: Beliefs, asked: Asked) -> Iterator[Drawn]:
    """Yield the draws that are asked for, some at a time; those used last are kept."""
    for number in range(-(-asked.draws // BLOCK)):
        block, left = _drawn(engine.network, beliefs, number, asked.seed), asked.draws - number * BLOCK
        yield block if left >= BLOCK else Drawn(block.net[:left], block.parameters.take(slice(left)))


@lru_cache(maxsize=KEPT_BLOCKS)
def _drawn(network: Network, beliefs: Beliefs, number: int, seed: int) -> Drawn:
    values = beliefs.block(number, seed)
    values.flags.writeable = False
    return Drawn(values, network.with_net(values))


# Tables of cases


def usual_draws(n_rows: int | None) -> int:
    """Return how many draws the intervals of a table rest on if nobody says: `n_rows` is None where it is not known."""
    return DRAWS if n_rows is not None and n_rows <= MANY_ROWS else MANY_DRAWS


def _tell_cost(engine: Engine, codes: Codes, asked: Asked) -> None:
    """Say what the intervals of some rows will take, where that is long."""
    sample = codes[:: -(-len(codes) // SAMPLED_ROWS) or 1]
    each = sum(map(engine.cost, sample)) / max(len(sample), 1) / COST_PER_S
    seconds = len(codes) * asked.draws * (each + BOUND_S * _width(engine.network))
    if seconds > LONG_S:
        log.warning(
            "intervals of %s different rows over %s draws take about %s s of processor time; fewer draws take less",
            f"{len(codes):,}",
            f"{asked.draws:,}",
            f"{seconds:,.0f}",
        )


def _width(network: Network) -> int:
    """Return how many probabilities have an interval: those of causes and their unions, `none` and `serious`."""
    return len(network.causes) + len(network.groups) + 2


class RowIntervals(NamedTuple):
    """Bounds of the intervals of every row of a table.

    `low` and `high` (n_causes + n_unions + 2, n_rows) are of the causes, their unions, `none` and `serious`, NaN where
    no draw has an answer; `lost` (n_rows,) counts draws in which the row is impossible; `refused` has the reason for
    each row that the engine refuses in some draw.
    """

    low: Floats
    high: Floats
    lost: Floats
    refused: dict[int, str]

    @classmethod
    def none(cls, width: int, n_rows: int) -> RowIntervals:
        """Return those of rows of which nothing is known yet."""
        low, high = np.full((2, width, n_rows), np.nan)
        return cls(low, high, np.zeros(n_rows), {})

    def put(self, rows: NDArray[np.intp], low: Floats, high: Floats, lost: Floats) -> None:
        """Write the bounds of some rows."""
        self.low[:, rows], self.high[:, rows], self.lost[rows] = low, high, lost


def intervals_of_rows(
    engine: Engine,
    beliefs: Beliefs,
    codes: Codes,
    asked: Asked,
    *,
    mixtures: Mixtures | None = None,
    advance: Callable[[int], None] | None = None,
) -> RowIntervals:
    """Return the intervals of each row of a table; distinct rows are answered once, those that are mixtures each.

    Rows go in chunks of which the answers under all draws fit `ANSWER_BYTES`.
    """
    plain = np.arange(len(codes)) if mixtures is None else mixtures.plain
    distinct, of_row, copies = np.unique(codes[plain], axis=0, return_inverse=True, return_counts=True)
    _tell_cost(engine, distinct, asked)
    under = _Under(engine, beliefs, asked)
    width = _width(engine.network)
    found = RowIntervals.none(width, len(distinct))
    step = max(1, ANSWER_BYTES // (asked.draws * width * 8))
    for start in range(0, len(distinct), step):
        rows = slice(start, start + step)
        part = distinct[rows]
        _put_rows(under, Rows(part, np.zeros(len(part)), np.arange(len(part))), found, start)
        if advance is not None:
            advance(int(copies[rows].sum()))
    of_row = of_row.ravel()
    refused = {int(plain[place]): found.refused[i] for place, i in enumerate(of_row.tolist()) if i in found.refused}
    whole = RowIntervals.none(width, len(codes))
    whole.put(plain, found.low[:, of_row], found.high[:, of_row], found.lost[of_row])
    whole.refused.update(refused)
    if mixtures is None:
        return whole
    for some in mixtures.chunks(step):
        found = RowIntervals.none(width, len(some))
        _put_rows(under, mixtures.expanded(some), found, 0)
        whole.put(some, found.low, found.high, found.lost)
        whole.refused.update({int(some[place]): reason for place, reason in found.refused.items()})
        if advance is not None:
            advance(len(some))
    return whole


class _Under(NamedTuple):
    engine: Engine
    beliefs: Beliefs
    asked: Asked

    def answers(self, rows: Rows, n_rows: int) -> tuple[Floats, NDArray[np.bool_], dict[int, list[str]]]:
        """Return causes, unions, none and serious (draws, n_rows, n), where they exist, and what is refused.

        That is the reason for each draw in which a row is refused, by row.
        """
        draws, first = self.asked.draws, 0
        is_mixed = len(rows.codes) > n_rows
        values = np.empty((draws, n_rows, _width(self.engine.network)))
        possible = np.empty((draws, n_rows), dtype=bool)
        refused: dict[int, list[str]] = {}
        for drawn in blocks(self.engine, self.beliefs, self.asked):
            batch = self.engine.answer(rows.codes, drawn.parameters, unions=bool(self.engine.network.groups))
            if is_mixed:
                each = np.arange(len(drawn.net))
                of_row = (each[:, None] * n_rows + rows.of_row).ravel()
                batch = gathered(batch, np.tile(rows.log_weights, len(each)), of_row)
            part, these = batch.answer, slice(first, first + len(drawn.net))
            columns = np.column_stack([part.causes, part.unions, part.none, part.serious])
            values[these] = columns.reshape(-1, n_rows, columns.shape[1])
            possible[these] = part.possible.reshape(-1, n_rows)
            for place, reason in batch.refused.items():
                refused.setdefault(place % n_rows, []).append(reason)
            first += len(drawn.net)
        return values, possible, refused


def _put_rows(under: _Under, rows: Rows, found: RowIntervals, start: int) -> None:
    """Write the intervals of some rows, which begin at `start`."""
    n_rows = int(rows.of_row[-1]) + 1
    values, possible, refused = under.answers(rows, n_rows)
    asked, lost = under.asked, (~possible).sum(axis=0)
    whole = np.flatnonzero(lost == 0)
    found.low[:, start + whole], found.high[:, start + whole] = asked.quantiles(values[:, whole]).transpose(0, 2, 1)
    for row in np.flatnonzero((lost > 0) & (lost < asked.draws)).tolist():
        bounds = asked.quantiles(values[possible[:, row], row])
        found.low[:, start + row], found.high[:, start + row] = bounds
    found.lost[start : start + n_rows] = lost
    for row, reasons in refused.items():
        found.refused[start + row] = f"in {len(reasons):,} of {asked.draws:,} draws: {reasons[0]}"
