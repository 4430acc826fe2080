"""Cases to learn from: what they count under some numbers, and how they came to be in the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from twitchbayes.batch import answer_rows, distinct_rows, kernel_for
from twitchbayes.counts import count_rows
from twitchbayes.engine import Engine
from twitchbayes.groups import UNKNOWN, Codes
from twitchbayes.information import Information, information_of, score_products
from twitchbayes.learning import Sums
from twitchbayes.simulation import draw_codes

__all__ = ["Data", "LocalData", "Selection", "likely_products"]

Floats = NDArray[np.float64]

DRAWN, MOST_DRAWS, DRAWN_SEED = 10_000, 40, 0  # cases whose scores say how the numbers trade off
LIKELY_PASSES = 30
IMPOSSIBLE = "this case has probability 0 in the model"


class Data(Protocol):
    """Cases to learn from, wherever they are."""

    @property
    def n_cases(self) -> int:
        """Number of cases."""

    def sums(self, net: Floats) -> Sums:
        """Return the expected counts over all cases under these net numbers, (n_numbers,)."""

    def information(self, net: Floats, selection: Selection | None) -> Information:
        """Return the information in all cases at these net numbers."""

    def sample(self, n: int, seed: int) -> Codes:
        """Return the codes of n cases drawn with replacement, (n, n_columns)."""


class LocalData:
    """Cases in memory; each distinct one is counted once.

    Parameters
    ----------
    engine : Engine
    codes : ndarray of int8, shape (n_cases, n_columns)
    compiled : bool, optional
        As for `answer_rows`.
    """

    def __init__(self, engine: Engine, codes: Codes, *, compiled: bool | None = None) -> None:
        self._order, first = distinct_rows(codes, len(engine.network.contexts))
        self._starts = np.flatnonzero(first)
        if compiled is None:
            # All of them are gone through again and again: the kernel is sooner worth its start.
            compiled = kernel_for(engine, LIKELY_PASSES * len(self._starts), None, counting=True) is not None
        self._engine, self._compiled, self.n_cases = engine, compiled, len(codes)
        self._codes = codes[self._order[self._starts]]
        self._weights = np.diff(np.append(self._starts, len(codes))).astype(np.float64)

    def sums(self, net: Floats) -> Sums:
        """Return the expected counts over all cases under these net numbers."""
        parameters = self._engine.network.with_net(net)
        counts = count_rows(self._engine, self._codes, self._weights, parameters, compiled=self._compiled)
        possible = np.isfinite(counts.log_evidence)
        log_likelihood = float(self._weights[possible] @ counts.log_evidence[possible])
        return Sums(counts.successes[0], counts.trials[0], log_likelihood, int(self._weights[~possible].sum()))

    def information(self, net: Floats, selection: Selection | None) -> Information:
        """Return the information in all cases at these net numbers."""
        given = None if selection is None else selection.row
        return information_of(self._engine, self._codes, self._weights, net, given=given, compiled=self._compiled)

    def sample(self, n: int, seed: int) -> Codes:
        """Return the codes of n cases drawn with replacement."""
        random = np.random.default_rng(seed)
        return self._codes[random.choice(len(self._codes), size=n, p=self._weights / self.n_cases)]

    def impossible(self) -> dict[int, str]:
        """Return the numbers of the cases that cannot be counted under the network's own numbers, with the reason."""
        batch = answer_rows(self._engine, self._codes, compiled=self._compiled)
        reasons: dict[int, str] = {}
        for row in np.flatnonzero(~batch.answer.possible).tolist():
            copies = self._order[self._starts[row] :][: int(self._weights[row])]
            reasons |= dict.fromkeys(copies.tolist(), batch.refused.get(row, IMPOSSIBLE))
        return dict(sorted(reasons.items()))


@dataclass(frozen=True, slots=True)
class Selection:
    """What every case has because it would not be in the table otherwise.

    Attributes
    ----------
    states : dict of str to str
        Variable to state.
    row : ndarray of int8, shape (1, n_columns)
        Evidence of the selected.
    others : ndarray of int8, shape (n, n_columns)
        Evidence of those that are not, in parts that exclude each other.
    """

    states: dict[str, str]
    row: Codes
    others: Codes

    def holds(self, codes: Codes) -> NDArray[np.bool_]:
        """Return which of some complete cases would have been selected."""
        stated = self.row[0] != UNKNOWN
        holds: NDArray[np.bool_] = (codes[:, stated] == self.row[0, stated]).all(axis=1)
        return holds

    def unseen(self, engine: Engine, net: Floats, n_cases: int) -> Sums:
        """Return the expected counts of those that were left out while the cases were found.

        `log_likelihood` is what P(cases | selected) has more than P(cases), in nats.
        """
        parameters = engine.network.with_net(net)
        found = engine.run(np.concatenate([self.row, self.others]), parameters)
        log_selected = float(found.log_evidence[0])
        weights = n_cases * np.exp(found.log_evidence[1:] - log_selected)
        counts = count_rows(engine, self.others, weights, parameters, compiled=False)
        return Sums(counts.successes[0], counts.trials[0], -n_cases * log_selected)


def likely_products(
    engine: Engine, data: Data, net: Floats, selection: Selection | None, *, compiled: bool | None = None
) -> Floats:
    """Return the products of the scores (see `score_products`) in cases drawn from the numbers, with the data's gaps.

    Of cases that were selected only such are drawn; where they are very rare, fewer of them.
    """
    random = np.random.default_rng(DRAWN_SEED)
    parameters = engine.network.with_net(net)
    kept: list[Codes] = []
    for _ in range(MOST_DRAWS):
        codes = draw_codes(engine.network, parameters, DRAWN, random)
        kept.append(codes if selection is None else codes[selection.holds(codes)])
        if sum(map(len, kept)) >= DRAWN:
            break
    codes = np.concatenate(kept)[:DRAWN]
    codes[data.sample(len(codes), DRAWN_SEED) == UNKNOWN] = UNKNOWN
    given = None if selection is None else selection.row
    return score_products(engine, codes, net, given=given, compiled=compiled)
