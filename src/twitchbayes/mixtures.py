"""Rows of a table that say something by likelihoods, as mixtures of rows of hard evidence: virtual evidence, ranges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.evidence import MAX_MIXED_ROWS, too_many_rows
from twitchbayes.network import Codes

__all__ = ["Mixtures", "Rows", "Seen"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

ROWS_AT_ONCE = 1 << 16  # of hard evidence: some megabytes, and as many answers


class Seen(NamedTuple):
    """What the rows of a table say of one variable by likelihoods.

    Attributes
    ----------
    ids : ndarray of int, shape (n_rows,)
        Which of `likelihoods` each row says, -1 where it says nothing.
    likelihoods : ndarray, shape (n, n_states)
    """

    ids: Ints
    likelihoods: Floats

    @property
    def said(self) -> Bools:
        """Which rows say something."""
        return self.ids >= 0


class Rows(NamedTuple):
    """Rows of hard evidence that some rows of a table are mixtures of, those of a row together.

    Attributes
    ----------
    codes : ndarray of int8, shape (n_mixed, n_columns)
    log_weights : ndarray, shape (n_mixed,)
    of_row : ndarray of int, shape (n_mixed,)
        Which of the rows of the table each belongs to, from 0.
    """

    codes: Codes
    log_weights: Floats
    of_row: Ints


class Mixtures:
    """The rows of a table that are mixtures.

    Parameters
    ----------
    codes : ndarray of int8, shape (n_rows, n_columns)
        What the rows say for certain.
    seen : mapping of int to Seen
        Column of the codes to what the rows say of it by likelihoods.
    left_out : ndarray of bool, shape (n_rows,)
        Rows that are not answered at all.

    Attributes
    ----------
    rows : ndarray of int
        Numbers of the rows that are mixtures.
    plain : ndarray of int
        Numbers of all other rows.
    refused : dict of int to str
        Rows that are mixtures of too many, with the reason; they are in neither of both.
    """

    def __init__(self, codes: Codes, seen: Mapping[int, Seen], left_out: Bools) -> None:
        self._codes, self._seen = codes, seen
        n_said = np.zeros(len(codes), dtype=np.int64)
        self._sizes = np.ones(len(codes))
        for one in seen.values():
            n_said += one.said
            counts = np.append((one.likelihoods > 0).sum(axis=1), 1)
            self._sizes *= counts[one.ids]
        is_mixture = (n_said > 0) & ~left_out
        too_many = is_mixture & (self._sizes > MAX_MIXED_ROWS)
        self.rows = np.flatnonzero(is_mixture & ~too_many)
        self.plain = np.flatnonzero(~is_mixture)
        self.refused = {
            row: too_many_rows(int(n_said[row]), int(self._sizes[row])) for row in np.flatnonzero(too_many).tolist()
        }

    def chunks(self, most: int = ROWS_AT_ONCE) -> Iterator[Ints]:
        """Yield the numbers of some rows after the other, as many as are mixtures of `most` rows, one at least."""
        ends = np.cumsum(self._sizes[self.rows])
        start = 0
        while start < len(self.rows):
            before = ends[start - 1] if start else 0.0
            stop = max(start + 1, int(np.searchsorted(ends, before + most, side="right")))
            yield self.rows[start:stop]
            start = stop

    def expanded(self, rows: Ints) -> Rows:
        """Return the rows of hard evidence of some rows; a state of likelihood 0 has none."""
        codes, of_row, log_weights = self._codes[rows], np.arange(len(rows)), np.zeros(len(rows))
        for column, one in self._seen.items():
            ids = one.ids[rows][of_row]
            likelihoods = one.likelihoods[ids]
            # A row that says nothing stays one row, whatever stands in its place.
            likelihoods[ids < 0] = np.eye(1, likelihoods.shape[1])
            place, state = np.nonzero(likelihoods)
            codes, of_row, log_weights = codes[place], of_row[place], log_weights[place]
            codes[:, column] = np.where(ids[place] >= 0, state, codes[:, column])
            log_weights = log_weights + np.log(likelihoods[place, state])
        return Rows(codes, log_weights, of_row)
