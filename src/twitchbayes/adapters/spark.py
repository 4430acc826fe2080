"""Posteriors of a Spark DataFrame, some Arrow batches at a time; a model tuned to the cases of one."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from importlib.util import find_spec
from operator import add
from typing import TYPE_CHECKING, Any, NamedTuple

from twitchbayes import frames
from twitchbayes.adapters import Shipment, needed, refuse_progress
from twitchbayes.adapters.tuning import columns_to_read, read_portion, tune_parts
from twitchbayes.cohort import kind_of, read_part
from twitchbayes.errors import InvalidFrameError, InvalidValueError

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from pyspark import Broadcast
    from pyspark.sql import DataFrame
    from pyspark.sql.types import StructType

    from twitchbayes.draws import Asked
    from twitchbayes.frames import OnError, Progress
    from twitchbayes.model import Model
    from twitchbayes.passes import Question
    from twitchbayes.tuning import Options, Tuning
    from twitchbayes.tuning import Progress as Told

__all__ = ["Carried", "answer_portions", "infer_batches", "infer_frame", "read_batches", "tune"]

ROWS_AT_ONCE = 1 << 17
ROWS_BACK = 10_000  # a batch that goes back to Spark, as many as Spark sends


class Carried(NamedTuple):
    """Stands where a broadcast variable would, and is pickled with what it holds."""

    value: Shipment


def infer_frame(  # noqa: PLR0913 (the arguments of `Model.infer_frame`)
    model: Model,
    frame: DataFrame,
    *,
    columns: Mapping[Any, str] | Sequence[Any] | None = None,
    keep: bool | Sequence[Any] = False,
    ignore: Sequence[Any] = (),
    on_error: OnError = "raise",
    virtual_evidence: Mapping[str, Any] | None = None,
    progress: Progress = None,
    interval: Asked | None = None,
) -> DataFrame:
    """Return the posteriors of each row as a Spark DataFrame; kept columns have their own types.

    Nothing is computed at the call, which looks at the names of the columns only. Arguments and columns
    are those of `Model.infer_frame`. Spark keeps no order of rows: keep a column that names them.

    Raises
    ------
    UnknownVariableError, InvalidValueError
        At the call, if the columns are not as they must be, or pyarrow is not there. An error in a
        cell comes from whatever computes the rows, as Spark's PythonException, whose text has the
        error's own. A row is named there by the columns that `keep` lists, and else by its place in its
        partition.
    """
    _check_arrow()
    refuse_progress(progress, "Spark shows its stages in the console and in its UI")
    options: dict[str, Any] = {"columns": columns, "keep": keep, "ignore": ignore, "on_error": on_error}
    options |= {"virtual_evidence": virtual_evidence, "interval": interval}
    outputs = frames.output_columns(model, frame.columns, **options)
    kept = [name for name, kind in outputs if kind == "kept"]
    names, options = needed(frame.columns, kept, options)
    named_by = [] if keep is True else kept
    work = partial(infer_batches, sent=_sent(frame, Shipment(model)), names=names, options=options, named_by=named_by)
    return _numbered(frame, names).mapInArrow(work, _schema(frame, outputs))


def _numbered(frame: DataFrame, names: Sequence[str]) -> DataFrame:
    """Return some columns under names that mapInArrow can find, which stumbles over a dot."""
    quoted = ["`" + name.replace("`", "``") + "`" for name in names]
    return frame.select([frame[name].alias(f"column_{number}") for number, name in enumerate(quoted)])


def _schema(frame: DataFrame, columns: Iterable[tuple[str, str]]) -> StructType:
    from pyspark.sql.types import DoubleType, StringType, StructField, StructType

    own = {"float": DoubleType(), "text": StringType()}
    return StructType([StructField(name, own[kind]) if kind in own else frame.schema[name] for name, kind in columns])


def _sent(frame: DataFrame, shipment: Shipment) -> Carried | Broadcast[Shipment]:
    if type(frame).__module__.startswith("pyspark.sql.connect"):
        # Spark Connect has no broadcast variables. The model goes with each task, and is still opened once.
        return Carried(shipment)
    return frame.sparkSession.sparkContext.broadcast(shipment)


def infer_batches(
    batches: Iterable[pa.RecordBatch],
    *,
    sent: Carried | Broadcast[Shipment],
    names: list[str],
    options: dict[str, Any],
    named_by: Sequence[str],
) -> Iterator[pa.RecordBatch]:
    """Yield the posteriors of a partition, on a worker."""
    model = sent.value.model
    first = 0
    for table in _gathered(batches):
        named = table.rename_columns(names)
        try:
            answered = frames.infer_frame(model, named, progress=False, **options)
        except InvalidFrameError as error:
            raise _named(error, named, first, named_by) from None
        yield from answered.to_batches(max_chunksize=ROWS_BACK)
        first += len(table)


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield tables larger than Spark's batches: equal rows in one are answered once, and its faults told together."""
    import pyarrow as pa

    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= ROWS_AT_ONCE:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


def _named(error: InvalidFrameError, table: pa.Table, first: int, named_by: Sequence[str]) -> InvalidFrameError:
    """Return an error with rows that can be found again: a table knows only its own numbers of them."""
    partition = _partition()

    def name(row: int) -> dict[str, Any]:
        if named_by:
            return {column: table.column(column)[row].as_py() for column in named_by}
        return {"partition": partition, "row": first + row}

    faults = [fault._replace(row=name(fault.row)) for fault in error.faults]
    return InvalidFrameError(faults, n_faults=error.n_faults, n_rows=error.n_rows, of_rows=error.of_rows)


def _partition() -> int | None:
    from pyspark import TaskContext

    task = TaskContext.get()
    return task.partitionId() if task else None


def _check_arrow() -> None:
    if find_spec("pyarrow") is None:
        message = 'rows go between Spark and Python as Arrow, which needs pyarrow: pip install "twitchbayes[spark]"'
        raise InvalidValueError(message)


# Tuning


def tune(
    model: Model,
    frame: DataFrame,
    options: Options,
    *,
    reading: Mapping[str, Any],
    progress: Told = None,
) -> Tuning:
    """Return a model tuned to the cases of a Spark DataFrame; see `Model.tune`.

    Each partition is read once, and kept (`persist`) as the states of its cases. A pass sends the
    numbers there and gets sums back.

    Parameters
    ----------
    reading : mapping
        The options of `read_cohort`.

    Raises
    ------
    UnknownVariableError, InvalidValueError, InvalidEvidenceError, InvalidFrameError
        As in memory; rows are named by partition, and their place in it.
    """
    _check_arrow()
    import pyarrow as pa

    # Wrong columns are told before anything is computed.
    read_part(model, pa.Table.from_arrays([pa.nulls(0)] * len(frame.columns), names=frame.columns), **reading)
    names, reading = columns_to_read(frame.columns, reading)
    sent = _sent(frame, Shipment(model))
    read = partial(read_batches, sent=sent, names=names, reading=reading)
    portions = _numbered(frame, names).mapInArrow(read, "pickled binary").persist()

    def ask(question: Question | None) -> Any:
        answered = portions.mapInArrow(partial(answer_portions, sent=sent, question=question), "pickled binary")
        answers = [pickle.loads(row[0]) for row in answered.collect()]
        return reduce(add, answers) if answers else None

    try:
        report = ask(None)
        return tune_parts(model, kind_of(frame), report, ask, options, progress=progress)
    finally:
        portions.unpersist()


def read_batches(
    batches: Iterable[pa.RecordBatch],
    *,
    sent: Carried | Broadcast[Shipment],
    names: list[str],
    reading: Mapping[str, Any],
) -> Iterator[pa.RecordBatch]:
    """Yield the cases of a partition as pickled portions, on a worker."""
    first, partition = 0, _partition()
    for table in _gathered(batches):
        portion = read_portion(sent.value.model, table.rename_columns(names), reading)
        faults = [f._replace(row={"partition": partition, "row": first + f.row}) for f in portion.report.faults]
        yield _pickled(portion._replace(report=replace(portion.report, faults=tuple(faults))))
        first += len(table)


def answer_portions(
    batches: Iterable[pa.RecordBatch], *, sent: Carried | Broadcast[Shipment], question: Question | None
) -> Iterator[pa.RecordBatch]:
    """Yield the sum of the answers of the portions of a partition, pickled, on a worker."""
    engine = sent.value.model.engine
    pickled = (cell for batch in batches for cell in batch.column(0).to_pylist())
    answers = [pickle.loads(cell).answer(engine, question) for cell in pickled]
    if answers:
        yield _pickled(reduce(add, answers))


def _pickled(value: Any) -> pa.RecordBatch:
    import pyarrow as pa

    cell = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    return pa.RecordBatch.from_arrays([pa.array([cell], pa.binary())], names=["pickled"])
