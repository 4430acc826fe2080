"""A table of cases as the codes that the engine reads, and what is wrong with its rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.cells import distinct, distinct_objects
from twitchbayes.errors import Fault, InvalidEvidenceError, InvalidValueError, TwitchbayesError, did_you_mean

if TYPE_CHECKING:
    import narwhals as nw

    from twitchbayes.evidence import Evidence, Words
    from twitchbayes.knowledge import Knowledge

__all__ = ["Cases", "header"]

Bools = NDArray[np.bool_]


def header(knowledge: Knowledge, only: Collection[str] = ()) -> tuple[str, ...]:
    """Return columns that a table of cases may have: contexts, causes, groups, and the findings beside them.

    A group has one column for all of its members. A variable with an assumed state has none: a column of
    its own, left empty, would say that it is unknown.

    Parameters
    ----------
    knowledge : Knowledge
    only : collection of str
        Instead, these variables and groups, whatever they are, in the order of `variables.csv`.

    Raises
    ------
    InvalidValueError
        With every name of `only` that the model does not have.
    """
    variables = knowledge.variables
    wrong = [
        f"the model has no variable {name!r}.{did_you_mean(name, variables)}" for name in only if name not in variables
    ]
    if wrong:
        raise InvalidValueError(" ".join(wrong))
    return tuple(name for name, v in variables.items() if (name in only if only else not (v.group or v.assumed)))


class Cases:
    """The rows of a table, each read as `Words.read` reads one case.

    Parameters
    ----------
    words : Words
    table : narwhals.DataFrame
    names : mapping of column to str
        Columns of the table that are evidence, to the variable or group that each says something of.
    unreadable_is_unknown : bool, default False
        Whether a cell that cannot be read says nothing, rather than making its row faulty.

    Attributes
    ----------
    codes : ndarray of int8, shape (n_rows, n_columns)
        State of each of `Network.columns`, by number; -1 where unknown and throughout faulty rows.
    faulty : ndarray of bool, shape (n_rows,)
        Rows with a cell that cannot be read, or cells that contradict each other.
    contradictory : ndarray of bool, shape (n_rows,)
        Those of them with cells that contradict each other.
    n_faults : int
        Cells that cannot be read, and rows that contradict themselves.
    n_unknown : int
        Cells that cannot be read and were taken as unknown.
    """

    def __init__(
        self,
        words: Words,
        table: nw.DataFrame[Any],
        names: Mapping[Any, str],
        *,
        unreadable_is_unknown: bool = False,
    ) -> None:
        self._words, self._table, self._names = words, table, names
        self._lenient = unreadable_is_unknown
        self.codes = np.full((len(table), len(words.columns)), -1, dtype=np.int8)
        self.faulty = np.zeros(len(table), dtype=bool)
        self.contradictory = np.zeros(len(table), dtype=bool)
        self._bad_columns: list[Any] = []
        self._written: set[int] = set()
        self.n_faults = self.n_unknown = 0
        for column in names:
            self._read(column)
        self.contradictory |= words.complete(self.codes, names.values())
        self.n_faults += int(self.contradictory.sum())
        self.faulty |= self.contradictory
        self.codes[self.faulty] = -1

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def table(self) -> nw.DataFrame[Any]:
        """The table that the cases are read from."""
        return self._table

    @property
    def names(self) -> tuple[str, ...]:
        """The variables and groups that the table has a column for."""
        return tuple(self._names.values())

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of `codes`."""
        return self._words.columns

    def case(self, row: int) -> Evidence:
        """Return one row as the evidence that it is."""
        cells = {name: self._cells(column, np.array([row]))[0] for column, name in self._names.items()}
        return self._words.read(cells)

    def labels(self, rows: NDArray[np.int64]) -> list[Any]:
        """Return the labels of rows: of the index of a pandas frame, else their numbers from 0."""
        index = getattr(self._table.to_native(), "index", None)
        return list(rows.tolist() if index is None else index[rows].tolist())

    def faults(self, rows: NDArray[np.int64]) -> list[tuple[int, Fault]]:
        """Return what is wrong with some rows, with the number of the row, ordered by it."""
        found: list[tuple[int, Fault]] = []
        labels = self.labels(rows)
        for column in self._bad_columns:
            ids, values = distinct_objects(self._cells(column, rows))
            messages = [self._message({self._names[column]: value}) for value in values]
            for row, label, place in zip(rows.tolist(), labels, ids.tolist(), strict=True):
                if message := messages[place]:
                    found.append((row, Fault(label, column, values[place], message)))
        found += self._contradictions(rows[self.contradictory[rows]])
        return sorted(found, key=lambda item: item[0])

    def _read(self, column: Any) -> None:
        """Write what one column says into the codes, and note its bad cells."""
        name = self._names[column]
        ids, values = distinct(self._table.get_column(column), whole=self._words.counts(name))
        places = self._words.columns_of(name)
        # The last row is what -1, a null, picks.
        states = np.full((len(values) + 1, len(places)), -1, dtype=np.int8)
        bad = np.zeros(len(values) + 1, dtype=bool)
        for i, value in enumerate(values):
            try:
                states[i] = self._words.numbers(name, value)
            except TwitchbayesError:
                bad[i] = True
        wrong = bad[ids]
        if self._lenient:
            self.n_unknown += int(wrong.sum())
        elif wrong.any():
            self._bad_columns.append(column)
            self.n_faults += int(wrong.sum())
            self.faulty |= wrong
        for place, state in zip(places, states.T, strict=True):
            self._write(place, state[ids])

    def _write(self, place: int, states: NDArray[np.int8]) -> None:
        """Write the states of a variable; where an earlier column gave it another, the row contradicts itself."""
        if place in self._written:
            earlier = self.codes[:, place]
            known = states != -1
            self.contradictory |= known & (earlier != -1) & (earlier != states)
            states = np.where(known, states, earlier)
        self.codes[:, place] = states
        self._written.add(place)

    def _contradictions(self, rows: NDArray[np.int64]) -> list[tuple[int, Fault]]:
        """Return why rows contradict themselves, asked once for rows with the same cells in the columns involved."""
        if not rows.size:
            return []
        columns = [c for c, name in self._names.items() if self._words.tied.intersection(self._words.columns_of(name))]
        parts = [distinct_objects(self._cells(column, rows)) for column in columns]
        pairs, which = np.unique(np.stack([part.ids for part in parts], axis=1), axis=0, return_inverse=True)
        messages = []
        for ids in pairs:
            said = {self._names[c]: part.values[i] for c, part, i in zip(columns, parts, ids, strict=True)}
            readable = {name: value for name, value in said.items() if not self._message({name: value})}
            messages.append(self._message(readable))
        return [
            (row, Fault(label, None, None, messages[place]))
            for row, label, place in zip(rows.tolist(), self.labels(rows), which.ravel().tolist(), strict=True)
        ]

    def _message(self, case: Mapping[str, Any]) -> str:
        """Return what is wrong with a case; nothing is wrong with most."""
        try:
            self._words.read(case)
        except InvalidEvidenceError as error:
            return "; ".join(map(str, error.errors))
        except TwitchbayesError as error:
            return str(error)
        return ""

    def _cells(self, column: Any, rows: NDArray[np.int64]) -> list[Any]:
        return list(self._table.get_column(column)[rows.tolist()].to_list())
