"""Rows in which a context is unknown that a link depends on: each is the sum of the same row with each of its states.

The loops want those contexts known, so that a link has one number in a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchbayes.network import UNKNOWN, Codes, Network

__all__ = ["Spelled", "spell_out"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spelled:
    """Rows of evidence, spelt out.

    Attributes
    ----------
    codes : ndarray of int8, shape (n_parts, n_columns)
        The parts; those of a row stand together.
    starts : ndarray of int, shape (n_rows,)
        The first part of each row.
    owner : ndarray of int, shape (n_parts,)
        The row of each part.
    """

    codes: Codes
    starts: Ints
    owner: Ints

    def log_sum(self, logs: Floats) -> Floats:
        """Return ln P of each row, of those of its parts: (..., n_parts) -> (..., n_rows)."""
        peak = np.maximum.reduceat(logs, self.starts, axis=-1)
        finite = np.where(np.isfinite(peak), peak, 0.0)
        with np.errstate(divide="ignore"):
            total = np.add.reduceat(np.exp(logs - finite[..., self.owner]), self.starts, axis=-1)
            summed: Floats = np.log(total) + finite
        return summed

    def shares(self, logs: Floats) -> Floats:
        """Return P(part | row) of each part; 0 where the row is impossible."""
        whole = self.log_sum(logs)[..., self.owner]
        found: Floats = np.exp(logs - np.where(np.isfinite(whole), whole, 0.0))
        return found

    def joined(self, columns: Floats) -> Floats:
        """Return answers (n_results, n_sets, n_parts), of which the last is ln P, as those of the rows."""
        shares = self.shares(columns[-1])
        mixed = np.add.reduceat(columns[:-1] * shares, self.starts, axis=-1)
        return np.concatenate([np.minimum(mixed, 1.0), self.log_sum(columns[-1])[None]])

    def refused(self, parts: dict[int, str], logs: Floats, ignored: str) -> dict[int, str]:
        """Return which rows of an answer (n_sets, n_rows) are refused: those of a part that is.

        A part that is too improbable (`ignored`) is left out of a row that is possible by another.
        """
        n_rows = logs.shape[1]
        found: dict[int, str] = {}
        for part, reason in parts.items():
            s, row = part // len(self.codes), int(self.owner[part % len(self.codes)])
            if reason != ignored or not np.isfinite(logs[s, row]):
                found[s * n_rows + row] = reason
        return dict(sorted(found.items()))

    def progress(self, advance: Callable[[int], None] | None) -> Callable[[int], None] | None:
        """Return what is told of parts and tells of rows."""
        if advance is None:
            return None
        done, told = 0, 0

        def tell(parts: int) -> None:
            nonlocal done, told
            done += parts
            rows = done * len(self.starts) // len(self.codes)
            advance(rows - told)
            told = rows

        return tell


def spell_out(network: Network, contexts: Sequence[int], codes: Codes) -> Spelled | None:
    """Return the rows with these contexts spelt out; None where there is nothing to spell out."""
    if not contexts or not (codes[:, contexts] == UNKNOWN).any():
        return None
    owner = np.arange(len(codes))
    for c in contexts:
        codes, owner = _by_states(codes, owner, c, len(network.states[network.contexts[c]]))
    return Spelled(codes, np.searchsorted(owner, np.arange(owner[-1] + 1)), owner)


def _by_states(codes: Codes, owner: Ints, column: int, n_states: int) -> tuple[Codes, Ints]:
    times: Sequence[int] | Ints = np.where(codes[:, column] == UNKNOWN, n_states, 1)
    repeated, owner = np.repeat(codes, times, axis=0), np.repeat(owner, times)
    first = np.repeat(np.cumsum(times) - times, times)
    states = (np.arange(len(repeated)) - first).astype(np.int8)
    repeated[:, column] = np.where(repeated[:, column] == UNKNOWN, states, repeated[:, column])
    return repeated, owner
