"""What the passes of the engine say of contexts and causes: how often each of their numbers was put to the test.

A cause is the OR of hidden events: its leak fires, or the link of a context that is present. Given the state of its
contexts and that it is present, each has fired with its own chance over that of any of them; given that it is absent,
none has. So the joint posteriors of a cause and the cells of the contexts, which the backward pass has, give the
expected number of times that each number had its chance (trials) and that its event happened (successes).

References
----------
Díez and Galán, Efficient computation for the noisy MAX (International Journal of Intelligent Systems 18, 2003) for the
hidden events of a noisy-OR; Darwiche, A differential approach to inference in Bayesian networks (JACM 50, 2003) for
joint posteriors from the backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchbayes.network import COMPLEMENT, Network
from twitchbayes.plan import Stage
from twitchbayes.weights import Chances, PatternWeights

__all__ = ["Share", "Tally"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Share:
    """Posteriors of the cells of a stage, (rows, cells), and of each of its causes in them, (rows, cells, causes)."""

    stage: Stage
    cells: Floats
    present: Floats


class Tally:
    """Expected counts of the numbers of contexts and causes, summed over rows or kept for each.

    Parameters
    ----------
    network : Network
    weights : ndarray, shape (n_rows,)
        How often each row of the batch counts.
    each : bool
        Whether the counts of every row are kept apart, each counting once.
    """

    def __init__(self, network: Network, weights: Floats, *, each: bool) -> None:
        self._network, self._each = network, each
        self._weights = np.ones(len(weights)) if each else weights
        n_out = len(weights) if each else 1
        index = network.index
        self._tables = np.zeros((n_out, sum(rows.size for rows in index.context_rows)))
        self._leaks = np.zeros((2, n_out, sum(rows.size for rows in index.cause_rows)))
        self._links = np.zeros((2, n_out, len(network.causes) * len(network.contexts)))

    def counts(self) -> tuple[Floats, Floats]:
        """Return successes and trials of every number, 0 for those of findings: (n_rows or 1, n_numbers)."""
        network, index = self._network, self._network.index
        successes, trials = np.zeros((2, len(self._tables), network.numbers.shape[1]))
        start = 0
        for rows in index.context_rows:
            table = self._tables[:, start : start + rows.size].reshape(-1, *rows.shape)
            own = rows != COMPLEMENT
            successes[:, rows[own]] = table[:, own]
            trials[:, rows[own]] = np.broadcast_to(table.sum(axis=-1, keepdims=True), table.shape)[:, own]
            start += rows.size
        leaks = np.concatenate([rows.ravel() for rows in index.cause_rows])
        successes[:, leaks], trials[:, leaks] = self._leaks
        rows, causes, contexts = index.activation_cells
        successes[:, rows], trials[:, rows] = self._links[:, :, causes * len(network.contexts) + contexts]
        return successes, trials

    def add(self, weights: PatternWeights, rows: Ints, shares: list[Share], possible: Bools) -> None:
        """Add what the passes found for some rows of the batch; those that are not `possible` count nothing."""
        counted = np.where(possible, self._weights[rows], 0.0)[:, None]
        into = rows if self._each else np.zeros(len(rows), dtype=np.int64)
        for entries, known in weights.constant_entries():
            self._add(self._tables, into, entries, counted * known)
        for share in shares:
            # What underflow left no number of is not possible.
            cells = np.where(possible[:, None], share.cells, 0.0) * counted
            present = np.where(possible[:, None, None], share.present, 0.0) * counted[:, :, None]
            for entries, known in weights.factor_entries(share.stage):
                self._add(self._tables, into, entries, cells * known)
            for i, chances in enumerate(weights.chances(share.stage)):
                self._add_cause(into, chances, cells, present[:, :, i])

    def _add_cause(self, into: Ints, chances: Chances, cells: Floats, present: Floats) -> None:
        """Share out the presence of one cause, (rows, cells), among the hidden events that can have made it so."""
        absent = np.maximum(cells - present, 0.0)
        per_chance = _over(present, chances.any_fires)
        self._add(self._leaks[0], into, chances.leak_entries, chances.leak * per_chance)
        self._add(self._leaks[1], into, chances.leak_entries, cells)
        for context in chances.contexts:
            place = np.full((1, 1), chances.cause * len(self._network.contexts) + context.number)
            fires = context.link * context.present * per_chance
            # There without firing: another event made the cause present, or none did and it is absent.
            idle = context.present * (1 - context.link)
            there = fires + idle * context.others_fire * per_chance + absent * _over(idle, context.silent)
            self._add(self._links[0], into, place, fires)
            self._add(self._links[1], into, place, there)
            if context.entries is not None:
                self._add(self._tables, into, context.entries + 1, there * context.averaged)
                self._add(self._tables, into, context.entries, (cells - there) * context.averaged)

    def _add(self, out: Floats, into: Ints, entries: Ints, amounts: Floats) -> None:
        """Add amounts (rows, cells) at entries (rows or 1, cells or 1) of the rows of `out`."""
        places, spread = np.broadcast_arrays(into[:, None] * out.shape[1] + entries, amounts)
        if len(out) == 1:
            out += np.bincount(places.ravel(), weights=spread.ravel(), minlength=out.size)
        else:
            np.add.at(out.reshape(-1), places, spread)


def _over(amount: Floats, whole: Floats) -> Floats:
    """Return amount / whole, 0 where there is no whole to have a part in."""
    amount, whole = np.broadcast_arrays(amount, whole)
    return np.divide(amount, whole, out=np.zeros_like(amount), where=whole > 0)
