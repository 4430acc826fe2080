"""Cases with known diagnoses, from a file or a frame: what tuning learns from and evaluation is held against."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes import files
from twitchbayes.cells import distinct
from twitchbayes.errors import Fault, InvalidFrameError, InvalidValueError, TwitchbayesError, did_you_mean
from twitchbayes.frames import column_names, read_cases
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN, Codes
from twitchbayes.values import is_unknown

if TYPE_CHECKING:
    from twitchbayes.cases import Cases
    from twitchbayes.frames import Columns
    from twitchbayes.model import Model
    from twitchbayes.network import Network

__all__ = [
    "ADVICE",
    "Cohort",
    "Labels",
    "OnBadCases",
    "Totals",
    "check_usable",
    "content_of",
    "count_states",
    "implied",
    "kind_of",
    "read_cohort",
    "read_part",
    "sha256_of",
]

Labels: TypeAlias = str | Sequence[str] | None
OnBadCases: TypeAlias = Literal["raise", "exclude", "unknown"]

CHUNK_ROWS = 200_000
SHOWN_FAULTS = 10
ADVICE = 'on_error="exclude" leaves such cases out and counts them.'
ON_ERROR = ("raise", "exclude", "unknown")
NO_CAUSE = "none"
SEPARATORS = str.maketrans({",": ";", "|": ";"})


class Totals(NamedTuple):
    """What is known of some cases as a whole, wherever they are.

    Attributes
    ----------
    states : ndarray of int64, shape (n_columns, n_states)
        How many usable cases have each state of each of `Network.columns`; 0 beyond its last state.
    used, size : int
        Cases that can be used, and cases in the table.
    excluded, source, sha256
        As of `Cohort`.
    """

    states: NDArray[np.int64]
    used: int
    size: int
    excluded: Mapping[str, int]
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Cases that can be used, and what became of the others.

    Attributes
    ----------
    codes : ndarray of int8, shape (n_used, n_columns)
        State of each of `Network.columns`, by number, -1 where unknown. Known diagnoses stand in the
        columns of the causes, and of their unions: that some cause of it is present, or none.
    rows : ndarray of int64, shape (n_used,)
        Number of each case in the table, from 0.
    labels : tuple of str
        Causes, and then unions of causes, that the table says something of.
    size : int
        Cases in the table.
    excluded : mapping of str to int
        Reason to the number of cases left out, or, where it says so, of cells taken as unknown.
    source : str
        Name of the file, or what kind of frame it was.
    sha256 : str
        Of the bytes of the file, or of what the cases of a frame say, in whatever order (`sha256_of`).
    lines : ndarray of int64, shape (n_used,), optional
        Line of each case in a text file.
    """

    codes: Codes
    rows: NDArray[np.int64]
    labels: tuple[str, ...]
    size: int
    excluded: Mapping[str, int]
    source: str
    sha256: str
    lines: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.int64]) -> Cohort:
        """Return some of the usable cases as a cohort of their own; `rows` count from 0 among them."""
        return replace(self._only(rows), size=len(rows), excluded={}, source=f"part of {self.source}")

    def _only(self, rows: NDArray[np.int64]) -> Cohort:
        lines = None if self.lines is None else self.lines[rows]
        return replace(self, codes=self.codes[rows], rows=self.rows[rows], lines=lines)

    def totals(self, network: Network) -> Totals:
        """Return what is known of the cases as a whole."""
        states = count_states(network, self.codes)
        excluded = dict(sorted(self.excluded.items()))
        return Totals(states, len(self), self.size, excluded, self.source, self.sha256)

    def with_states(self, columns: Sequence[int], states: Codes) -> Cohort:
        """Return the cohort with other states in some of the columns of its codes: (n_used, len(columns))."""
        codes = self.codes.copy()
        codes[:, columns] = states
        digest = hashlib.sha256(self.sha256.encode() + repr(columns).encode() + states.tobytes())
        return replace(self, codes=codes, sha256=digest.hexdigest())

    def without(self, rows: NDArray[np.int64], reason: str) -> Cohort:
        """Return the cohort without some of its usable cases, which are counted under a reason."""
        kept = np.setdiff1d(np.arange(len(self)), rows)
        excluded = dict(self.excluded) | ({reason: len(rows)} if len(rows) else {})
        return replace(self._only(kept), excluded=excluded)


def read_cohort(
    model: Model,
    cases: Any,
    *,
    labels: Labels = None,
    columns: Columns = None,
    ignore: Sequence[Any] = (),
    on_error: OnBadCases = "raise",
) -> Cohort:
    """Read cases with their known diagnoses.

    Parameters
    ----------
    cases : path, pandas or polars DataFrame, or pyarrow Table
        A case a row, a column a variable or group, gaps anywhere; a file is `.csv`, `.tsv` (each also
        with `.gz`), `.parquet`, `.arrow` or `.feather`. A cell is anything that `infer` takes.
    labels : str or sequence of str, optional
        Where the diagnoses stand. A column's name: its cells name the causes that are present, joined by
        ";", all others being absent; a union of causes says that some cause of it is, and not which. "none" says
        that no listed cause is, an empty cell nothing. Names of causes or unions: their columns only, those of
        others are passed over. None: the columns of all causes and unions that the table has.
    columns, ignore
        As for `Model.infer_frame`.
    on_error : {"raise", "exclude", "unknown"}, default "raise"
        What a case does that cannot be read or contradicts itself: it is an error, or it is left out
        and counted. "unknown" takes a cell that cannot be read as unknown, counts it, and leaves out the
        cases that contradict themselves.

    Raises
    ------
    UnknownVariableError, InvalidValueError, InvalidEvidenceError
        If columns or arguments are wrong, or there is no case.
    CasesError, InvalidFrameError
        With the first bad cells, by line or row.
    """
    reading = _Reading(model, labels, columns, ignore, on_error)
    is_file = isinstance(cases, str | os.PathLike)
    cohort = reading.of_file(Path(cases)) if is_file else reading.of_frame(cases)
    check_usable(cohort.source, size=cohort.size, used=len(cohort), excluded=cohort.excluded)
    return cohort


def read_part(
    model: Model,
    frame: Any,
    *,
    labels: Labels = None,
    columns: Columns = None,
    ignore: Sequence[Any] = (),
    on_error: OnBadCases = "raise",
) -> Cohort:
    """Read a part of a table as `read_cohort` reads a frame; there may be no case in it."""
    return _Reading(model, labels, columns, ignore, on_error).of_frame(frame)


def check_usable(source: str, *, size: int, used: int, excluded: Mapping[str, int]) -> None:
    """Check that a table has cases that can be used.

    Raises
    ------
    InvalidValueError
        If it has none, with what became of those that it has.
    """
    if not size:
        message = f"{source} has no case: a header and no row under it"
        raise InvalidValueError(message)
    if not used:
        told = "; ".join(f"{count:,} {reason}" for reason, count in excluded.items())
        message = f"{source} has no case that can be used: {told}"
        raise InvalidValueError(message)


def count_states(network: Network, codes: Codes) -> NDArray[np.int64]:
    """Return how many cases have each state of each column, said or implied: (n_columns, n_states); parts add up."""
    codes = _with_unions(network, codes.copy())
    most = max(len(states) for states in network.states.values())
    counts = np.stack([(codes == state).sum(axis=0) for state in range(most)], axis=1).astype(np.int64)
    for column, name in enumerate(network.columns):
        counts[column, len(network.states[name]) :] = 0  # codes of several states: none of them is known
    return counts


def content_of(codes: Codes) -> int:
    """Return a number that stands for what some cases say, in whatever order; parts add up.

    The sum of the SHA-256 of the codes of each case.
    """
    return sum(int.from_bytes(hashlib.sha256(row).digest(), "big") for row in map(bytes, codes))


def sha256_of(network: Network, content: int) -> str:
    """Return the SHA-256 of the names of the columns and the sum that `content_of` gives, modulo 2^256."""
    return hashlib.sha256(repr(network.columns).encode() + (content % (1 << 256)).to_bytes(32, "big")).hexdigest()


def kind_of(frame: Any) -> str:
    """Return what kind of frame it is, as "pandas DataFrame"."""
    return f"{type(frame).__module__.partition('.')[0]} {type(frame).__name__}"


class _Reading:
    """One reading of a table, chunk by chunk."""

    def __init__(
        self, model: Model, labels: Labels, columns: Columns, ignore: Sequence[Any], on_error: OnBadCases
    ) -> None:
        if on_error not in ON_ERROR:
            message = f"on_error={on_error!r} is none of {', '.join(map(repr, ON_ERROR))}"
            raise InvalidValueError(message)
        self._model, self._columns, self._ignore, self._on_error = model, columns, ignore, on_error
        if labels is not None and (not isinstance(labels, Iterable) or isinstance(labels, bytes | Mapping)):
            message = f"labels={labels!r} is no name of a column and no list of causes"
            raise InvalidValueError(message)
        self._diagnoses = (*model.causes, *model.unions)
        is_column = isinstance(labels, str) and labels not in self._diagnoses
        self._label_column = labels if isinstance(labels, str) and is_column else None
        self._wanted = None if is_column else (labels,) if isinstance(labels, str) else labels
        self._excluded: Counter[str] = Counter()
        self._labels: set[str] = set()
        self._codes: list[Codes] = []
        self._rows: list[NDArray[np.int64]] = []
        self._lines: list[NDArray[np.int64]] = []
        self._in_lines = False
        self._size = 0

    def of_file(self, path: Path) -> Cohort:
        if not path.is_file():
            message = f"there is no file {str(path)!r}"
            raise FileNotFoundError(message)
        self._in_lines = not files.format_of(path).arrow
        faults = files.Faults(path)
        with files.open_reader(path, faults) as reader:
            for chunk in reader.chunks(CHUNK_ROWS):
                try:
                    self._add(chunk)
                except InvalidFrameError as error:
                    for fault in error.faults:
                        faults.add(reader.number(fault.row), fault.message)
                    faults.count += error.n_faults - len(error.faults)
        if faults.count and (self._on_error == "raise" or not self._size):
            raise faults.error()
        if faults.count:
            self._excluded["lines that are no row of the table"] += faults.count
            self._size += faults.count
        with path.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        return self._cohort(path.name, digest)

    def of_frame(self, frame: Any) -> Cohort:
        self._add(frame)
        digest = sha256_of(self._model.network, sum(map(content_of, self._codes)))
        return self._cohort(kind_of(frame), digest)

    def _cohort(self, source: str, sha256: str) -> Cohort:
        none = np.empty((0, len(self._model.network.columns)), dtype=np.int8)
        codes = np.concatenate([none, *self._codes])
        rows = np.concatenate([np.empty(0, dtype=np.int64), *self._rows])
        lines = np.concatenate(self._lines) if self._lines else None
        labels = tuple(name for name in self._diagnoses if name in self._labels)
        return Cohort(codes, rows, labels, self._size, dict(self._excluded), source, sha256, lines)

    def _add(self, frame: Any) -> None:
        passed_over = [*self._ignore, *self._unwanted(frame), *([self._label_column] if self._label_column else [])]
        cases = read_cases(
            self._model.words,
            frame,
            columns=self._columns,
            ignore=passed_over,
            unreadable_is_unknown=self._on_error == "unknown",
        )
        faults = self._named_causes(cases)
        if self._on_error == "raise" and (cases.faulty.any() or faults):
            first = [fault for _, fault in cases.faults(np.flatnonzero(cases.faulty)[:SHOWN_FAULTS])]
            bad = np.concatenate([np.flatnonzero(cases.faulty), [row for row, _ in faults]])
            raise InvalidFrameError(
                [*first, *(fault for _, fault in faults)][:SHOWN_FAULTS],
                n_faults=cases.n_faults + len(faults),
                n_rows=len(np.unique(bad)),
                of_rows=len(cases),
                wanted="used",
                advice=ADVICE,
            )
        self._keep(cases, {row for row, _ in faults})
        self._labels.update(name for name in cases.names if name in self._diagnoses)

    def _unwanted(self, frame: Any) -> list[Any]:
        """Return the columns of causes and unions that are not among the labels that were named."""
        renamed = dict(self._columns) if isinstance(self._columns, Mapping) else {}
        said = {column: renamed.get(column, column) for column in column_names(frame)}
        diagnoses = {column: name for column, name in said.items() if name in self._diagnoses}
        if self._label_column is not None:
            if self._label_column not in said:
                hint = did_you_mean(self._label_column, [*map(str, said), *self._diagnoses])
                message = f"labels={self._label_column!r} is no column of the table and no cause.{hint}"
                raise InvalidValueError(message)
            doubled = [str(column) for column in diagnoses if column not in self._ignore]
            if doubled:
                message = (
                    f"labels={self._label_column!r} says which causes are present, and so do the columns "
                    f"{', '.join(doubled)}; put either in ignore"
                )
                raise InvalidValueError(message)
        if self._wanted is None:
            return []
        missing = [name for name in self._wanted if name not in diagnoses.values()]
        if missing:
            message = f"labels names {', '.join(map(repr, missing))}, which is no column of the table that is a cause"
            raise InvalidValueError(message)
        return [column for column, name in diagnoses.items() if name not in self._wanted]

    def _named_causes(self, cases: Cases) -> list[tuple[int, Fault]]:
        """Write what the label column, if there is one, says into the codes; returns its faults."""
        if self._label_column is None:
            return []
        ids, values = distinct(cases.table.get_column(self._label_column))
        columns = [cases.columns.index(name) for name in self._diagnoses]
        states = np.full((len(values) + 1, len(columns)), UNKNOWN, dtype=np.int8)
        wrong: dict[int, str] = {}
        for i, value in enumerate(values):
            try:
                states[i] = self._states_named(value)
            except TwitchbayesError as error:
                wrong[i] = str(error)
        cases.codes[:, columns] = states[ids]
        self._labels.update(self._model.causes)
        self._labels.update(itertools.compress(self._diagnoses, (states == PRESENT).any(axis=0)))
        rows = np.flatnonzero(np.isin(ids, list(wrong)))
        if self._on_error == "unknown":
            self._excluded["labels that name no cause, taken as unknown"] += len(rows)
            return []
        return [
            (row, Fault(label, self._label_column, values[ids[row]], wrong[int(ids[row])]))
            for row, label in zip(rows.tolist(), cases.labels(rows), strict=True)
        ]

    def _states_named(self, value: Any) -> list[int]:
        """Return the state of each cause and union that a cell of the label column means."""
        causes, knowledge = self._model.causes, self._model.knowledge
        parts = [] if is_unknown(value) else [part.strip() for part in str(value).translate(SEPARATORS).split(";")]
        folded = [part.casefold() for part in parts if part]
        if not folded:  # as an export writes several that are empty
            return [UNKNOWN] * len(self._diagnoses)
        if NO_CAUSE in folded and set(folded) != {NO_CAUSE}:
            message = f"{self._label_column}={value!r} says that no cause is present, and names one"
            raise InvalidValueError(message)
        named = {self._named(value, part) for part in folded if part != NO_CAUSE}
        # Of a union that is named nobody said which of its causes is present.
        open_ = {cause for name in named for cause in knowledge.causes_of(name)}
        said = dict.fromkeys((cause for cause in causes if cause not in open_), ABSENT) | dict.fromkeys(named, PRESENT)
        self._model.words.read({name: bool(state) for name, state in said.items()})  # that causes exclude each other
        return [said.get(name, UNKNOWN) for name in self._diagnoses]

    def _named(self, value: Any, part: str) -> str:
        """Return the cause or union that a folded word of a cell means: its name, or its label."""
        words = {self._model.label(name).casefold(): name for name in reversed(self._diagnoses)}
        words |= {name.casefold(): name for name in self._diagnoses}
        if part not in words:
            hint = did_you_mean(part, [*self._diagnoses, NO_CAUSE])
            message = f"{self._label_column}={value!r}: {part!r} is no cause.{hint}"
            raise InvalidValueError(message)
        return words[part]

    def _keep(self, cases: Cases, unnamed: set[int]) -> None:
        """Keep the cases that can be used, and count the others."""
        bad = cases.faulty.copy()
        bad[list(unnamed)] = True
        told = {
            "cells that cannot be read, taken as unknown": cases.n_unknown,
            "cases that contradict themselves": int(cases.contradictory.sum()),
            "cases with a cell that cannot be read": int((bad & ~cases.contradictory).sum()),
        }
        self._excluded.update({reason: count for reason, count in told.items() if count})
        used = np.flatnonzero(~bad)
        self._codes.append(cases.codes[used])
        self._rows.append(used + self._size)
        if self._in_lines:
            self._lines.append(np.array(cases.labels(used), dtype=np.int64))
        self._size += len(cases)


def _with_unions(network: Network, codes: Codes) -> Codes:
    """Write what the members of each union imply of it: whoever twitches somewhere twitches."""
    first = len(network.contexts) + len(network.causes)
    unions = [*network.union_members, *network.group_members]
    starts = [first] * len(network.union_members) + [len(network.contexts)] * len(network.group_members)
    for union, (start, members) in enumerate(zip(starts, unions, strict=True), start=first + len(network.findings)):
        codes[:, union] = implied(codes[:, union], codes[:, [start + member for member in members]])
    return codes


def implied(said: Codes, members: Codes) -> Codes:
    """Return what cases say of an OR, (n_cases,), or its members, (n_cases, n_members), imply of it."""
    follows = np.where((members == PRESENT).any(axis=1), PRESENT, np.where((members == ABSENT).all(axis=1), ABSENT, -1))
    found: Codes = np.where(said == UNKNOWN, follows, said).astype(np.int8)
    return found
