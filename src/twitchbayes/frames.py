"""Tables of cases: a frame of evidence in, a frame of posteriors of the same kind out."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes.cases import Cases, Virtual, virtual_columns
from twitchbayes.conflict import impossible
from twitchbayes.draws import Asked, intervals_of_rows
from twitchbayes.errors import (
    Fault,
    InvalidEvidenceError,
    InvalidFrameError,
    InvalidValueError,
    TwitchbayesError,
    UnknownVariableError,
    did_you_mean,
)
from twitchbayes.inference.mixture import gathered
from twitchbayes.mixtures import Mixtures

if TYPE_CHECKING:
    from twitchbayes.evidence import Words
    from twitchbayes.model import Model

__all__ = [
    "Columns",
    "OnError",
    "Progress",
    "column_names",
    "infer_frame",
    "output_columns",
    "progress_bar",
    "read_cases",
]

OnError: TypeAlias = Literal["raise", "null"]
Columns: TypeAlias = Mapping[Any, str] | Sequence[Any] | None
Progress: TypeAlias = bool | Callable[[int, int], object] | None
Floats = NDArray[np.float64]

SUMMARY = ("none", "serious", "log_evidence")
REASON = "reason"
DRAWS_LOST = "draws_lost"
IMPOSSIBLE = "this evidence has probability 0 in the model"
IMPOSSIBLE_DRAWS = "this evidence has probability 0 in every draw of the model's numbers"
SHOWN_FAULTS = 10
EXPLAINED_ROWS = 3  # impossible rows for which the smallest conflict is looked for
SECONDS_BEFORE_A_BAR = 2.0


class Layout(NamedTuple):
    """The columns of a frame that are evidence, with their variables; those kept; those of the result."""

    evidence: dict[Any, str]
    virtual: dict[str, Virtual]
    kept: list[Any]
    numbers: list[str]
    with_reason: bool


def infer_frame(  # noqa: PLR0913 (the arguments of `Model.infer_frame`)
    model: Model,
    frame: Any,
    *,
    columns: Columns = None,
    keep: bool | Sequence[Any] = False,
    ignore: Sequence[Any] = (),
    on_error: OnError = "raise",
    virtual_evidence: Mapping[str, Any] | None = None,
    progress: Progress = None,
    interval: Asked | None = None,
) -> Any:
    """Return the posteriors of every row of a pandas, polars or pyarrow table; see `Model.infer_frame`."""
    import narwhals as nw

    options: dict[str, Any] = {"columns": columns, "keep": keep, "ignore": ignore, "on_error": on_error}
    options["virtual_evidence"] = virtual_evidence
    layout = _layout(model, column_names(frame), with_intervals=interval is not None, **options)
    eager = _as_table(frame)
    cases = Cases(model.words, nw.from_native(eager, eager_only=True), layout.evidence, virtual=layout.virtual)
    if cases.faulty.any() and not layout.with_reason:
        raise _unreadable(cases)
    mixtures = Mixtures(cases.codes, cases.seen, cases.faulty)
    with _shown(progress, len(cases)) as advance:
        numbers, refused = _answered(model, cases, mixtures, advance if interval is None else None)
        if interval is not None:
            numbers, more = _with_intervals(model, cases, mixtures, numbers, interval, advance)
            refused = more | refused
    lost = np.flatnonzero(np.isneginf(numbers[layout.numbers.index(SUMMARY[-1])]))
    if lost.size and not layout.with_reason:
        raise _unanswered(model, cases, lost, refused)
    reasons = {row: refused.get(row, IMPOSSIBLE) for row in lost.tolist()} | _reasons(cases)
    numbers[:, list(reasons)] = np.nan
    return _joined(frame, layout, numbers, reasons)


def read_cases(
    words: Words,
    frame: Any,
    *,
    columns: Columns = None,
    ignore: Sequence[Any] = (),
    unreadable_is_unknown: bool = False,
) -> Cases:
    """Return the rows of a pandas, polars or pyarrow table as codes, with what is wrong with them.

    Parameters
    ----------
    words : Words
    frame, columns, ignore
        As for `infer_frame`.
    unreadable_is_unknown : bool, default False
        As for `Cases`.

    Raises
    ------
    UnknownVariableError, InvalidValueError, InvalidEvidenceError
        If the columns are not those of evidence.
    """
    import narwhals as nw

    names = column_names(frame)
    faults = _repeated(names)
    ignored = _listed(ignore, names, "ignore", faults)
    evidence = _evidence(words.names, names, columns, [], ignored, faults)
    _raise_all(faults)
    table = nw.from_native(_as_table(frame), eager_only=True)
    return Cases(words, table, evidence, unreadable_is_unknown=unreadable_is_unknown, one_code_a_cell=True)


def output_columns(  # noqa: PLR0913 (the arguments of `Model.infer_frame`)
    model: Model,
    frame_columns: Sequence[Any],
    *,
    columns: Columns = None,
    keep: bool | Sequence[Any] = False,
    ignore: Sequence[Any] = (),
    on_error: OnError = "raise",
    virtual_evidence: Mapping[str, Any] | None = None,
    interval: object = None,
) -> list[tuple[Any, str]]:
    """Return name and kind of each column that `infer_frame` gives for a frame with these columns.

    Parameters
    ----------
    model : Model
    frame_columns : sequence of str
        Names of the columns of the frame, in order.
    columns, keep, ignore, on_error, virtual_evidence, interval
        As for `infer_frame`; of the interval it only matters whether there is one.

    Returns
    -------
    list of (str, str)
        The kind is "kept" (as it is in the frame), "float" or "text".

    Raises
    ------
    UnknownVariableError, InvalidValueError, InvalidEvidenceError
        If the columns are not those of evidence, clash with each other or with those of the result.
    """
    options: dict[str, Any] = {"columns": columns, "keep": keep, "ignore": ignore, "on_error": on_error}
    options["virtual_evidence"] = virtual_evidence
    layout = _layout(model, list(frame_columns), with_intervals=interval is not None, **options)
    kept = [(name, "kept") for name in layout.kept]
    text = [(REASON, "text")] if layout.with_reason else []
    return [*kept, *((name, "float") for name in layout.numbers), *text]


# Columns


def _layout(  # noqa: PLR0913 (likewise)
    model: Model,
    names: list[Any],
    *,
    columns: Columns,
    keep: bool | Sequence[Any],
    ignore: Sequence[Any],
    on_error: str,
    virtual_evidence: Mapping[str, Any] | None,
    with_intervals: bool,
) -> Layout:
    if on_error not in {"raise", "null"}:
        message = f"on_error={on_error!r} is neither 'raise' nor 'null'"
        raise InvalidValueError(message)
    faults = _repeated(names)
    kept = list(names) if keep is True else _listed(keep or (), names, "keep", faults)
    ignored = _listed(ignore, names, "ignore", faults)
    probabilities = (*model.causes, *model.unions, *SUMMARY[:2])
    bounds = [f"{name}_{bound}" for name in probabilities for bound in ("low", "high")]
    numbers = [*model.causes, *model.unions, *SUMMARY, *([*bounds, DRAWS_LOST] if with_intervals else [])]
    twice = [name for name, count in Counter(numbers).items() if count > 1]
    faults += [
        InvalidValueError(f"with intervals, two columns of the result would be named {name!r}") for name in twice
    ]
    virtual = _virtual(model.words, virtual_evidence, names, faults)
    ratios = virtual_columns(virtual_evidence)
    own = [name for name in names if name not in ratios]
    evidence = _evidence(model.words.names, own, _without(columns, ratios, faults), kept, ignored, faults)
    taken = {*numbers, REASON} if on_error == "null" else set(numbers)
    faults += [_clash(name, evidence) for name in kept if name in taken]
    _raise_all(faults)
    return Layout(evidence, virtual, kept, numbers, on_error == "null")


def _virtual(
    words: Words, given: Mapping[str, Any] | None, names: list[Any], faults: list[TwitchbayesError]
) -> dict[str, Virtual]:
    """Return where the virtual evidence on each variable stands, and check the numbers that all rows share."""
    found: dict[str, Virtual] = {}
    for name, part in (given or {}).items():
        virtual = Virtual(states=part) if isinstance(part, Mapping) else Virtual(part)
        missing = [column for column in virtual.columns if column not in names]
        try:
            if missing:
                hint = did_you_mean(missing[0], map(str, names))
                message = (
                    f"virtual_evidence of {name} names a column {missing[0]!r} that the frame does not have; "
                    f"give a column, or a number for all rows.{hint}"
                )
                raise InvalidValueError(message)
            # 1 stands for the cells, which are read later.
            tried = {state: 1 if isinstance(cell, str) else cell for state, cell in (virtual.states or {}).items()}
            words.read({}, {name: tried if virtual.states is not None else 1 if virtual.columns else part})
        except TwitchbayesError as error:
            faults.append(error)
        else:
            found[name] = virtual
    return found


def _without(columns: Columns, ratios: Sequence[Any], faults: list[TwitchbayesError]) -> Columns:
    """Return which columns are evidence without those of likelihoods, which may be named as variables are."""
    listed = [columns] if isinstance(columns, str) else list(columns or ())
    faults += [
        InvalidValueError(f"the column {column!r} stands in columns and in virtual_evidence; take it out of one")
        for column in listed
        if column in ratios
    ]
    if isinstance(columns, Mapping):
        return {column: name for column, name in columns.items() if column not in ratios}
    return columns if columns is None else [column for column in listed if column not in ratios]


def _repeated(names: list[Any]) -> list[TwitchbayesError]:
    return [
        InvalidValueError(f"{count} columns of the frame are named {name!r}; give each its own name")
        for name, count in Counter(names).items()
        if count > 1
    ]


def _raise_all(faults: Sequence[TwitchbayesError]) -> None:
    if len(faults) > 1:
        raise InvalidEvidenceError(faults)
    if faults:
        raise faults[0]


def _clash(name: str, evidence: Mapping[Any, str]) -> InvalidValueError:
    as_evidence = f" and give columns={{'known_{name}': {evidence[name]!r}}}" if name in evidence else ""
    return InvalidValueError(
        f"the kept column {name!r} has the name of a column of the result; "
        f"leave it out of keep, or rename it in the frame (as 'known_{name}'){as_evidence}"
    )


def _evidence(
    known: Sequence[str],
    names: list[Any],
    columns: Columns,
    kept: list[Any],
    ignored: list[Any],
    faults: list[TwitchbayesError],
) -> dict[Any, str]:
    """Return the columns that are evidence, in their order in the frame, each with its variable or group."""
    renamed = dict(columns) if isinstance(columns, Mapping) else {}
    chosen = _listed(() if columns is None else columns, names, "columns", faults)
    only = columns is not None and not isinstance(columns, Mapping)
    evidence: dict[Any, str] = {}
    column_of: dict[str, Any] = {}
    for column in dict.fromkeys(names):
        name = renamed.get(column, column)
        if column in ignored or (only and column not in chosen):
            if column in chosen:
                faults.append(
                    InvalidValueError(f"the column {column!r} stands in columns and in ignore; take it out of one")
                )
        elif name not in known:
            if column in chosen or column not in kept:
                otherwise = "A column that is no evidence belongs in keep or ignore."
                faults.append(UnknownVariableError(name, known, otherwise=otherwise))
        elif name in column_of:
            message = f"the columns {column_of[name]!r} and {column!r} are both {name}; put one of them in ignore"
            faults.append(InvalidValueError(message))
        else:
            evidence[column], column_of[name] = name, column
    return evidence


def _listed(given: Any, names: list[Any], argument: str, faults: list[TwitchbayesError]) -> list[Any]:
    """Return column names given as a sequence, a mapping or one name, all of which the frame must have."""
    listed = [given] if isinstance(given, str) else list(given)
    for name in listed:
        if name not in names:
            hint = did_you_mean(name, map(str, names))
            faults.append(InvalidValueError(f"{argument} names a column {name!r} that the frame does not have.{hint}"))
    return listed


# Rows


def _answered(
    model: Model, cases: Cases, mixtures: Mixtures, advance: Callable[[int], None] | None
) -> tuple[Floats, dict[int, str]]:
    """Return the columns of results (n_results, n_rows) and the rows that the engine refuses, with the reason."""
    # A column of a frame lies in one piece.
    n_causes, n_unions = len(model.causes), len(model.unions)
    numbers = np.empty((n_causes + n_unions + len(SUMMARY), len(cases)))
    answer = partial(model.engine.answer, unions=n_unions > 0)
    if len(mixtures.plain) == len(cases):
        refused = dict(answer(cases.codes, advance=advance, into=numbers).refused)
        moved = numbers[n_causes : n_causes + n_unions + 1]
        moved[:] = np.roll(moved, -1, axis=0)  # the engine has `none` before the unions
        return numbers, refused
    numbers[:] = -np.inf  # of rows that are refused
    refused = dict(mixtures.refused)
    batches = [(mixtures.plain, answer(cases.codes[mixtures.plain], advance=advance))]
    for rows in mixtures.chunks():
        codes, log_weights, of_row = mixtures.expanded(rows)
        batches.append((rows, gathered(answer(codes), log_weights, of_row)))
        if advance is not None:
            advance(len(rows))
    for rows, batch in batches:
        found = batch.answer
        summary = found.none, found.serious, found.log_evidence
        numbers[:, rows] = np.vstack([found.causes.T, found.unions.T, *summary])
        refused |= {int(rows[place]): reason for place, reason in batch.refused.items()}
    return numbers, refused


def _with_intervals(
    model: Model,
    cases: Cases,
    mixtures: Mixtures,
    numbers: Floats,
    asked: Asked,
    advance: Callable[[int], None] | None,
) -> tuple[Floats, dict[int, str]]:
    """Return the columns of results with those of the intervals, and the rows that have none, with the reason.

    Such a row is left without evidence (-inf), as one that is impossible.
    """
    found = intervals_of_rows(model.engine, model.beliefs, cases.codes, asked, mixtures=mixtures, advance=advance)
    bounds = np.stack([found.low, found.high], axis=1).reshape(2 * len(found.low), len(cases))
    without = np.flatnonzero(np.isnan(found.low[0]) & np.isfinite(numbers[-1])).tolist()
    reasons = dict.fromkeys(without, IMPOSSIBLE_DRAWS) | found.refused
    numbers[-1, list(reasons)] = -np.inf
    return np.concatenate([numbers, bounds, found.lost[None, :]]), reasons


def _unreadable(cases: Cases) -> InvalidFrameError:
    rows = np.flatnonzero(cases.faulty)
    faults = [fault for _, fault in cases.faults(rows[:SHOWN_FAULTS])][:SHOWN_FAULTS]
    return InvalidFrameError(faults, n_faults=cases.n_faults, n_rows=len(rows), of_rows=len(cases))


def _unanswered(model: Model, cases: Cases, rows: NDArray[np.int64], refused: Mapping[int, str]) -> InvalidFrameError:
    faults = []
    first = rows[:SHOWN_FAULTS]
    for i, (row, label) in enumerate(zip(first.tolist(), cases.labels(first), strict=True)):
        reason = refused.get(row, IMPOSSIBLE)
        if row not in refused and i < EXPLAINED_ROWS:
            reason = str(impossible(model, cases.case(row)))
        faults.append(Fault(label, None, None, reason))
    return InvalidFrameError(faults, n_faults=len(rows), n_rows=len(rows), of_rows=len(cases))


def _reasons(cases: Cases) -> dict[int, str]:
    """Return why each faulty row cannot be read."""
    reasons: dict[int, str] = {}
    for row, fault in cases.faults(np.flatnonzero(cases.faulty)):
        reasons[row] = f"{reasons[row]}; {fault.message}" if row in reasons else fault.message
    return reasons


# Frames


def column_names(frame: Any) -> list[Any]:
    """Return the names of a frame's columns.

    Raises
    ------
    InvalidValueError
        If it is no frame that can be read.
    """
    import pandas as pd

    if isinstance(frame, pd.DataFrame):
        return list(frame.columns)
    if _is_of(frame, "polars", "DataFrame"):
        return list(frame.columns)
    if _is_of(frame, "pyarrow", "Table", "RecordBatch"):
        return list(frame.column_names)
    kind = f"{type(frame).__module__.partition('.')[0]}.{type(frame).__name__}"
    lazy = "; collect() it first" if _is_of(frame, "polars", "LazyFrame") else ""
    one = " (Model.infer answers one case)" if isinstance(frame, Mapping) else ""
    message = f"a {kind} is no frame that can be read; give a pandas or polars DataFrame or a pyarrow Table{lazy}{one}"
    raise InvalidValueError(message)


def _is_of(frame: Any, package: str, *classes: str) -> bool:
    # Whoever has such a frame has imported its package: none is imported to look.
    module = sys.modules.get(package)
    return module is not None and isinstance(frame, tuple(getattr(module, name) for name in classes))


def _as_table(frame: Any) -> Any:
    """Return a pyarrow RecordBatch as a Table, any other frame as it is."""
    if not _is_of(frame, "pyarrow", "RecordBatch"):
        return frame
    return sys.modules["pyarrow"].Table.from_batches([frame])


def _joined(frame: Any, layout: Layout, numbers: Floats, reasons: Mapping[int, str]) -> Any:
    """Return the kept columns and the results as a frame of the kind that came in."""
    texts = [reasons.get(row) for row in range(numbers.shape[1])] if layout.with_reason else None
    if _is_of(frame, "polars", "DataFrame"):
        return _joined_polars(frame, layout, numbers, texts)
    if _is_of(frame, "pyarrow", "Table", "RecordBatch"):
        return _joined_arrow(frame, layout, numbers, texts)
    import pandas as pd

    # The transpose of rows in a row each is how pandas itself keeps columns: nothing is copied.
    results = pd.DataFrame(numbers.T, index=frame.index, columns=layout.numbers, copy=False)
    if texts is not None:
        results[REASON] = pd.Series(texts, index=frame.index, dtype="string")
    return pd.concat([frame[layout.kept], results], axis=1) if layout.kept else results


def _joined_polars(frame: Any, layout: Layout, numbers: Floats, texts: list[str | None] | None) -> Any:
    import polars as pl

    results = [pl.Series(name, row, nan_to_null=True) for name, row in zip(layout.numbers, numbers, strict=True)]
    if texts is not None:
        results.append(pl.Series(REASON, texts, dtype=pl.String))
    return pl.DataFrame([*frame.select(layout.kept).get_columns(), *results])


def _joined_arrow(frame: Any, layout: Layout, numbers: Floats, texts: list[str | None] | None) -> Any:
    import pyarrow as pa  # type: ignore[import-untyped]

    kept = frame.select(layout.kept)
    arrays = [pa.array(row, from_pandas=True) for row in numbers]
    fields = [pa.field(name, pa.float64()) for name in layout.numbers]
    if texts is not None:
        arrays.append(pa.array(texts, pa.string()))
        fields.append(pa.field(REASON, pa.string()))
    schema = pa.schema([*kept.schema, *fields], metadata=kept.schema.metadata)
    return type(frame).from_arrays([*kept.columns, *arrays], schema=schema)


# Progress


@contextmanager
def _shown(progress: Progress, total: int) -> Iterator[Callable[[int], None] | None]:
    """Yield what is to be told how many more rows are done; None where nobody wants to know."""
    if callable(progress):
        done = 0

        def tell(more: int) -> None:
            nonlocal done
            done += more
            progress(done, total)

        yield tell
    elif progress or (progress is None and _is_watched()):
        tqdm = _tqdm()
        with tqdm(total=total, unit="row", unit_scale=True, delay=0 if progress else SECONDS_BEFORE_A_BAR) as bar:
            yield bar.update
    else:
        yield None


def _is_watched() -> bool:
    """Whether somebody sees a bar: in a terminal or a notebook, where tqdm is installed."""
    seen = "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
    return seen and importlib.util.find_spec("tqdm") is not None


def progress_bar(unit: str) -> Any:
    """Return a bar (tqdm) without an end, for work of which nobody knows how long it takes."""
    return _tqdm()(unit=unit)


def _tqdm() -> Any:
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        message = "progress=True needs tqdm, which is not installed; pip install tqdm, or give a function (done, total)"
        raise InvalidValueError(message) from None
    return tqdm
