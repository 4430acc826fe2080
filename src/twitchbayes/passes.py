"""Cases to learn from: what they count under some numbers, and how they came to be in the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes.inference import Engine
from twitchbayes.inference.patterns import distinct_rows, hash_rows
from twitchbayes.information import Information, information_of, score_products
from twitchbayes.learning import Sums
from twitchbayes.network import UNKNOWN, Codes
from twitchbayes.sampling import draw_codes

__all__ = ["Data", "LocalData", "Part", "PartedData", "Question", "Rows", "Selection", "cases_at", "likely_products"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
Question: TypeAlias = Callable[..., Any]

DRAWN, MOST_DRAWS, DRAWN_SEED = 10_000, 40, 0  # cases whose scores say how the numbers trade off
# Bins of the hash: at first, and how much finer those that are needed become; rows that may be fetched from them.
HASH_BITS, BIN_BITS, FINER_BITS, MOST_FETCHED = 64, 12, 4, 1 << 19
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


class Part(NamedTuple):
    """Cases that lie in one place, each distinct one once (n_distinct, n_columns), and its number of copies."""

    codes: Codes
    weights: Floats


class PartedData:
    """Cases in one or more parts, of which only what adds up over the parts is asked.

    Parameters
    ----------
    n_cases : int
    ask : callable
        Puts a question, a callable of an engine and a `Part`, to every part, and returns the sum of the
        answers.
    """

    def __init__(self, n_cases: int, ask: Callable[[Question], Any]) -> None:
        self.n_cases, self._ask = n_cases, ask

    def sums(self, net: Floats) -> Sums:
        """Return the expected counts over all cases under these net numbers."""
        sums: Sums = self._ask(partial(_sums, net=net))
        return sums

    def information(self, net: Floats, selection: Selection | None) -> Information:
        """Return the information in all cases at these net numbers."""
        given = None if selection is None else selection.row
        found: Information = self._ask(partial(_information, net=net, given=given))
        return found

    def sample(self, n: int, seed: int) -> Codes:
        """Return the codes of n cases drawn with replacement: the same ones, however the cases lie in parts."""
        ranks = np.sort(np.random.default_rng(seed).integers(self.n_cases, size=n))
        return cases_at(ranks, self._ask)


class LocalData(PartedData):
    """Cases in memory; each distinct one is counted once.

    Parameters
    ----------
    engine : Engine
    codes : ndarray of int8, shape (n_cases, n_columns)
    """

    def __init__(self, engine: Engine, codes: Codes) -> None:
        self._order, first = distinct_rows(codes, len(engine.network.contexts))
        self._starts = np.flatnonzero(first)
        self._engine = engine
        weights = np.diff(np.append(self._starts, len(codes))).astype(np.float64)
        self.part = Part(codes[self._order[self._starts]], weights)
        super().__init__(len(codes), lambda question: question(engine, self.part))

    def impossible(self) -> dict[int, str]:
        """Return the numbers of the cases that cannot be counted under the network's own numbers, with the reason."""
        batch = self._engine.answer(self.part.codes)
        reasons: dict[int, str] = {}
        for row in np.flatnonzero(~batch.answer.possible).tolist():
            copies = self._order[self._starts[row] :][: int(self.part.weights[row])]
            reasons |= dict.fromkeys(copies.tolist(), batch.refused.get(row, IMPOSSIBLE))
        return dict(sorted(reasons.items()))


def _sums(engine: Engine, part: Part, net: Floats) -> Sums:
    counts = engine.count(part.codes, part.weights, engine.network.with_net(net))
    possible = np.isfinite(counts.log_evidence)
    log_likelihood = float(part.weights[possible] @ counts.log_evidence[possible])
    return Sums(counts.successes[0], counts.trials[0], log_likelihood, int(part.weights[~possible].sum()))


def _information(engine: Engine, part: Part, net: Floats, *, given: Codes | None) -> Information:
    return information_of(engine, part.codes, part.weights, net, given=given)


# Cases by their place in an order that does not depend on the parts


@dataclass(frozen=True, slots=True)
class Rows:
    """Distinct cases of some parts, with their hashes and their numbers of copies; they add up."""

    keys: Keys
    codes: Codes
    weights: Floats

    def __add__(self, other: Rows) -> Rows:
        return Rows(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__slots__))


def cases_at(ranks: Ints, ask: Callable[[Question], Any]) -> Codes:
    """Return the codes of cases by their place among all, ordered by a hash of what they say.

    All parts together have that order, whichever part a case is in. The bins of the hash that a place
    falls into are made finer until the rows in them are few enough to be fetched.

    Parameters
    ----------
    ranks : ndarray of int64, shape (n,)
        Ascending, from 0.
    ask : callable
        As for `PartedData`.
    """
    width = HASH_BITS - BIN_BITS
    edges = np.arange(1 << BIN_BITS, dtype=np.uint64) << np.uint64(width)
    while True:
        cases, distinct = ask(partial(_in_bins, edges=edges))
        ends = np.cumsum(cases)
        needed, place = np.unique(np.searchsorted(ends, ranks, side="right"), return_inverse=True)
        if distinct[needed].sum() <= MOST_FETCHED or width < FINER_BITS:
            break
        width -= FINER_BITS
        within = np.arange(1, 1 << FINER_BITS, dtype=np.uint64) << np.uint64(width)
        edges = np.sort(np.concatenate([edges, (edges[needed, None] + within).ravel()]))
    rows: Rows = ask(partial(_rows_in_bins, edges=edges, needed=needed))
    order = np.argsort(rows.keys, kind="stable")
    # Ranks among what was fetched: bins that were not needed lie between.
    before = ends[needed] - np.cumsum(cases[needed])
    last = np.cumsum(rows.weights[order])
    found: Codes = rows.codes[order[np.searchsorted(last, ranks - before[place], side="right")]]
    return found


def _in_bins(_: Engine, part: Part, edges: Keys) -> Ints:
    """Return how many cases, and how many distinct ones, are in each bin: (2, n_bins)."""
    bins = np.searchsorted(edges, hash_rows(part.codes), side="right") - 1
    counted = [np.bincount(bins, weights=weights, minlength=len(edges)) for weights in (part.weights, None)]
    return np.stack(counted).astype(np.int64)


def _rows_in_bins(_: Engine, part: Part, edges: Keys, needed: Ints) -> Rows:
    keys = hash_rows(part.codes)
    there = np.isin(np.searchsorted(edges, keys, side="right") - 1, needed)
    return Rows(keys[there], part.codes[there], part.weights[there])


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
        logs = engine.log_evidence(np.concatenate([self.row, self.others]), parameters)
        log_selected = float(logs[0])
        weights = n_cases * np.exp(logs[1:] - log_selected)
        counts = engine.count(self.others, weights, parameters)
        return Sums(counts.successes[0], counts.trials[0], -n_cases * log_selected)


def likely_products(engine: Engine, data: Data, net: Floats, selection: Selection | None) -> Floats:
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
    return score_products(engine, codes, net, given=given)
