"""A table of cases as the codes that the engine reads, and what is wrong with its rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.cells import Ids, distinct, distinct_objects
from twitchbayes.errors import Fault, InvalidEvidenceError, InvalidValueError, TwitchbayesError, did_you_mean
from twitchbayes.mixtures import Seen
from twitchbayes.values import as_number, is_unknown

if TYPE_CHECKING:
    import narwhals as nw

    from twitchbayes.evidence import Evidence, Words
    from twitchbayes.knowledge import Knowledge
    from twitchbayes.states import Said

__all__ = ["Cases", "Virtual", "header", "virtual_columns"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


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


class Virtual(NamedTuple):
    """Where a table has the virtual evidence on one variable.

    Attributes
    ----------
    ratio : column or number or None
        Of a variable that is yes or no: the likelihood ratio present : absent.
    states : mapping of str to column or number, or None
        Otherwise: the likelihood of each state.
    """

    ratio: Any = None
    states: Mapping[str, Any] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that it needs; anything else is a number for all rows."""
        parts = [self.ratio] if self.states is None else self.states.values()
        return tuple(part for part in parts if isinstance(part, str))


def virtual_columns(given: Mapping[str, Any] | None) -> list[str]:
    """Return the columns that the `virtual_evidence` of a table names."""
    each = [Virtual(states=part) if isinstance(part, Mapping) else Virtual(part) for part in (given or {}).values()]
    return [column for virtual in each for column in virtual.columns]


class Cases:
    """The rows of a table, each read as `Words.read` reads one case.

    Parameters
    ----------
    words : Words
    table : narwhals.DataFrame
    names : mapping of column to str
        Columns of the table that are evidence, to the variable or group that each says something of.
    virtual : mapping of str to Virtual
        Variable to where its virtual evidence stands.
    unreadable_is_unknown : bool, default False
        Whether a cell that cannot be read says nothing, rather than making its row faulty.
    one_code_a_cell : bool, default False
        Whether a cell of which no code says what it says, as a range of ages does, cannot be read.

    Attributes
    ----------
    codes : ndarray of int8, shape (n_rows, n_columns)
        What is said of each of `Network.columns`, by code; -1 where no code says it and throughout faulty rows.
    seen : dict of int to Seen
        Column of `codes` to what rows say of it by likelihoods, if any do.
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
        virtual: Mapping[str, Virtual] | None = None,
        unreadable_is_unknown: bool = False,
        one_code_a_cell: bool = False,
    ) -> None:
        self._words, self._table, self._names = words, table, names
        self._virtual = virtual or {}
        self._lenient, self._one_code = unreadable_is_unknown, one_code_a_cell
        self.codes = np.full((len(table), len(words.columns)), -1, dtype=np.int8)
        self.seen: dict[int, Seen] = {}
        self.faulty = np.zeros(len(table), dtype=bool)
        self.contradictory = np.zeros(len(table), dtype=bool)
        self._bad_columns: list[Any] = []
        self._bad_virtual: dict[str, Bools] = {}
        self._written: set[int] = set()
        self.n_faults = self.n_unknown = 0
        for column in names:
            self._read(column)
        told = {name: self._see(name) for name in self._virtual}
        self.contradictory |= words.complete(self.codes, names.values(), told)
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
        rows = np.array([row])
        cells = {name: self._cells(column, rows)[0] for column, name in self._names.items()}
        return self._words.read(cells, {name: self._virtual_cells(name, rows)[0] for name in self._virtual})

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
            messages = [self._fault_of(self._names[column], value) for value in values]
            for row, label, place in zip(rows.tolist(), labels, ids.tolist(), strict=True):
                if message := messages[place]:
                    found.append((row, Fault(label, column, values[place], message)))
        for name, bad in self._bad_virtual.items():
            found += self._bad_likelihoods(name, rows[bad[rows]])
        found += self._contradictions(rows[self.contradictory[rows]])
        return sorted(found, key=lambda item: item[0])

    def _bad_likelihoods(self, name: str, rows: NDArray[np.int64]) -> list[tuple[int, Fault]]:
        columns = self._virtual[name].columns
        column = columns[0] if len(columns) == 1 else None
        cells = self._virtual_cells(name, rows)
        values = self._cells(column, rows) if column is not None else [None] * len(rows)
        return [
            (row, Fault(label, column, value, self._message({}, {name: cell})))
            for row, label, value, cell in zip(rows.tolist(), self.labels(rows), values, cells, strict=True)
        ]

    def _read(self, column: Any) -> None:
        """Write what one column says into the codes, and note its bad cells."""
        name = self._names[column]
        ids, values = distinct(self._table.get_column(column), whole=self._words.counts(name))
        places = self._words.columns_of(name)
        # The last row is what -1, a null, picks.
        said: list[list[Said | None]] = [[None] * len(places) for _ in range(len(values) + 1)]
        bad = np.zeros(len(values) + 1, dtype=bool)
        for i, value in enumerate(values):
            try:
                said[i] = self._words.each(name, value)
            except TwitchbayesError:
                bad[i] = True
            if self._is_too_wide(said[i]):
                said[i], bad[i] = [None] * len(places), True
        wrong = bad[ids]
        if self._lenient:
            self.n_unknown += int(wrong.sum())
        elif wrong.any():
            self._bad_columns.append(column)
            self.n_faults += int(wrong.sum())
            self.faulty |= wrong
        for place, meant in zip(places, zip(*said, strict=True), strict=True):
            self._write(place, ids, meant)

    def _is_too_wide(self, said: Sequence[Said | None]) -> bool:
        return self._one_code and any(one is not None and one.code < 0 for one in said)

    def _fault_of(self, name: str, value: Any) -> str:
        """Return what is wrong with one cell; nothing is wrong with most."""
        message = self._message({name: value})
        if not message and self._is_too_wide(self._words.each(name, value)):
            message = f"{name}={value!r} leaves several states open; here a cell has one, or is empty for unknown"
        return message

    def _see(self, name: str) -> Bools:
        """Note the virtual evidence on a variable, and its bad cells; returns which rows have any."""
        place = self._words.columns_of(name)[0]
        likelihoods, said, bad = self._likelihoods(name)
        if bad.any():
            self._bad_virtual[name] = bad
            self.n_faults += int(bad.sum())
            self.faulty |= bad
        before = self.seen[place].said if place in self.seen else np.zeros(len(self), dtype=bool)
        self.contradictory |= said & ((self.codes[:, place] != -1) | before)
        said &= ~before
        if said.any():
            self._put(place, Seen(np.where(said, np.arange(len(self)), -1), likelihoods))
        return said

    def _likelihoods(self, name: str) -> tuple[Floats, Bools, Bools]:
        """Return the likelihoods of each state in each row, and which rows say something, and which wrongly."""
        virtual = self._virtual[name]
        parts = [virtual.ratio] if virtual.states is None else list(virtual.states.values())
        read = [self._numbers(part) for part in parts]
        numbers, blank = np.stack([one for one, _ in read], axis=1), np.stack([no for _, no in read], axis=1)
        said = ~blank.all(axis=1)
        wrong = ~blank & ~((numbers >= 0) & np.isfinite(numbers))
        bad = said & (blank | wrong).any(axis=1)
        if virtual.states is None:
            numbers = np.column_stack([np.ones(len(self)), numbers])
        bad |= said & (numbers == 0).all(axis=1)
        return numbers, said & ~bad, bad

    def _numbers(self, part: Any) -> tuple[Floats, Bools]:
        """Return the numbers of a column, or one for all rows, NaN where a cell is none; and which cells are blank."""
        if not isinstance(part, str):
            return np.full(len(self), as_number(part)), np.full(len(self), is_unknown(part))
        column = self._table.get_column(part)
        if column.dtype.is_integer() or column.dtype.is_float():
            numbers = np.asarray(column.to_numpy(), dtype=np.float64)
            return numbers, np.isnan(numbers)
        ids, values = distinct(column)
        each = np.array([*map(as_number, values), np.nan])
        blank = np.array([*map(is_unknown, values), True])
        return each[ids], blank[ids]

    def _virtual_cells(self, name: str, rows: NDArray[np.int64]) -> list[Any]:
        """Return what some rows say by virtual evidence, as `infer` takes it; None where they say nothing."""
        virtual = self._virtual[name]
        if virtual.states is None:
            return self._part_cells(virtual.ratio, rows)
        parts = [self._part_cells(part, rows) for part in virtual.states.values()]
        found = [dict(zip(virtual.states, cells, strict=True)) for cells in zip(*parts, strict=True)]
        return [None if all(map(is_unknown, cells.values())) else cells for cells in found]

    def _part_cells(self, part: Any, rows: NDArray[np.int64]) -> list[Any]:
        return self._cells(part, rows) if isinstance(part, str) else [part] * len(rows)

    def _write(self, place: int, ids: Ids, meant: Sequence[Said | None]) -> None:
        """Write what is said of a variable; where an earlier column said otherwise, the row contradicts itself."""
        codes = np.array([-1 if said is None else said.code for said in meant], dtype=np.int8)[ids]
        several = [said.likelihoods if said is not None and said.likelihoods else None for said in meant]
        seen = self._seen_as(several, ids)
        if place in self._written:
            earlier = self.codes[:, place]
            self.contradictory |= (codes != -1) & (earlier != -1) & (earlier != codes)
            self.contradictory |= self._sets_differ(place, seen, codes)
            codes = np.where(codes != -1, codes, earlier)
        self.codes[:, place] = codes
        self._written.add(place)
        if seen is not None:
            self._put(place, seen)

    def _seen_as(self, several: Sequence[tuple[float, ...] | None], ids: Ids) -> Seen | None:
        """Return the sets of states that some values are, by rows; None where none is a set."""
        sets = [likelihoods for likelihoods in several if likelihoods]
        if not sets:
            return None
        number_of = np.full(len(several), -1)
        number_of[[likelihoods is not None for likelihoods in several]] = np.arange(len(sets))
        return Seen(number_of[ids], np.array(sets))

    def _sets_differ(self, place: int, seen: Seen | None, codes: NDArray[np.int8]) -> Bools:
        """Say in which rows a set of states stands beside another, or beside one state, of the same variable."""
        before = self.seen.get(place)
        differ = np.zeros(len(self), dtype=bool)
        if before is not None:
            differ |= before.said & (codes != -1)
        if seen is not None:
            differ |= seen.said & (self.codes[:, place] != -1)
        if before is not None and seen is not None:
            both = np.flatnonzero(before.said & seen.said)
            pairs = before.likelihoods[before.ids[both]], seen.likelihoods[seen.ids[both]]
            differ[both] |= (pairs[0] != pairs[1]).any(axis=1)
        return differ

    def _put(self, place: int, seen: Seen) -> None:
        """Add what some rows say of a variable by likelihoods to what others do."""
        before = self.seen.get(place)
        if before is not None:
            ids = np.where(seen.said, seen.ids + len(before.likelihoods), before.ids)
            seen = Seen(ids, np.concatenate([before.likelihoods, seen.likelihoods]))
        self.seen[place] = seen

    def _contradictions(self, rows: NDArray[np.int64]) -> list[tuple[int, Fault]]:
        """Return why rows contradict themselves, asked once for rows with the same cells in the columns involved."""
        if not rows.size:
            return []
        tied = self._words.tied.union(*(self._words.columns_of(name) for name in self._virtual))
        columns = [c for c, name in self._names.items() if tied.intersection(self._words.columns_of(name))]
        virtual = list(self._virtual)
        parts = [distinct_objects(self._cells(column, rows)) for column in columns]
        parts += [distinct_objects(self._virtual_cells(name, rows)) for name in virtual]
        pairs, which = np.unique(np.stack([part.ids for part in parts], axis=1), axis=0, return_inverse=True)
        messages = []
        for ids in pairs:
            values = [part.values[i] for part, i in zip(parts, ids, strict=True)]
            said = {self._names[c]: value for c, value in zip(columns, values, strict=False)}
            seen = dict(zip(virtual, values[len(columns) :], strict=True))
            readable = {name: value for name, value in said.items() if not self._message({name: value})}
            sound = {name: value for name, value in seen.items() if not self._message({}, {name: value})}
            messages.append(self._message(readable, sound))
        return [
            (row, Fault(label, None, None, messages[place]))
            for row, label, place in zip(rows.tolist(), self.labels(rows), which.ravel().tolist(), strict=True)
        ]

    def _message(self, case: Mapping[str, Any], virtual: Mapping[str, Any] | None = None) -> str:
        """Return what is wrong with a case; nothing is wrong with most."""
        try:
            self._words.read(case, virtual)
        except InvalidEvidenceError as error:
            return "; ".join(map(str, error.errors))
        except TwitchbayesError as error:
            return str(error)
        return ""

    def _cells(self, column: Any, rows: NDArray[np.int64]) -> list[Any]:
        return list(self._table.get_column(column)[rows.tolist()].to_list())
