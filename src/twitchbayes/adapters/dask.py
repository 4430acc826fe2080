"""Posteriors of a Dask DataFrame, a partition at a time; a model tuned to the cases of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from twitchbayes import frames
from twitchbayes.adapters import Shipment, needed, refuse_progress
from twitchbayes.adapters.tuning import Portion, columns_to_read, read_portion, tune_parts
from twitchbayes.cohort import kind_of, read_part

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd

    from twitchbayes.draws import Asked
    from twitchbayes.frames import OnError, Progress
    from twitchbayes.model import Model
    from twitchbayes.passes import Question
    from twitchbayes.tuning import Options, Tuning
    from twitchbayes.tuning import Progress as Told

__all__ = ["infer_frame", "infer_partition", "tune"]

ADDED_AT_ONCE = 16  # answers that one task adds up


def infer_frame(  # noqa: PLR0913 (the arguments of `Model.infer_frame`)
    model: Model,
    frame: dd.DataFrame,
    *,
    columns: Mapping[Any, str] | Sequence[Any] | None = None,
    keep: bool | Sequence[Any] = False,
    ignore: Sequence[Any] = (),
    on_error: OnError = "raise",
    virtual_evidence: Mapping[str, Any] | None = None,
    progress: Progress = None,
    interval: Asked | None = None,
) -> dd.DataFrame:
    """Return the posteriors of each row as a Dask DataFrame with the same partitions, divisions and index.

    Nothing is computed at the call, which looks at the names and types of the columns only. Arguments
    and columns are those of `Model.infer_frame`.

    Raises
    ------
    UnknownVariableError, InvalidValueError
        At the call, if the columns are not as they must be. Errors in cells are raised by `compute`.
    """
    refuse_progress(progress, "use dask.diagnostics.ProgressBar, or the dashboard of the cluster")
    options: dict[str, Any] = {"columns": columns, "keep": keep, "ignore": ignore, "on_error": on_error}
    options |= {"virtual_evidence": virtual_evidence, "interval": interval}
    outputs = frames.output_columns(model, list(frame.columns), **options)
    names, options = needed(frame.columns, [name for name, kind in outputs if kind == "kept"], options)
    frame = frame[names]
    # The answer to no rows has the types of any answer.
    meta = frames.infer_frame(model, frame._meta, **options)
    shipment = _shipped(model)
    return frame.map_partitions(infer_partition, shipment, meta=meta, **options)


def infer_partition(part: pd.DataFrame, shipment: Shipment, **options: Any) -> pd.DataFrame:
    """Return the posteriors of a partition, on a worker."""
    answered: pd.DataFrame = frames.infer_frame(shipment.model, part, progress=False, **options)
    return answered


def tune(
    model: Model,
    frame: dd.DataFrame,
    options: Options,
    *,
    reading: Mapping[str, Any],
    progress: Told = None,
) -> Tuning:
    """Return a model tuned to the cases of a Dask DataFrame; see `Model.tune`.

    Each partition is read once, and kept by the workers as the states of its cases. A pass sends the
    numbers there and gets sums back.

    Parameters
    ----------
    reading : mapping
        The options of `read_cohort`.

    Raises
    ------
    UnknownVariableError, InvalidValueError, InvalidEvidenceError, InvalidFrameError
        As in memory; rows are named by the label of the index.
    """
    import dask
    from dask.delayed import delayed

    # Wrong columns are told before anything is computed.
    read_part(model, frame._meta, **reading)
    names, reading = columns_to_read(list(frame.columns), reading)
    shipment, read = _shipped(model), delayed(_read_partition, pure=False)
    portions = dask.persist(*(read(part, shipment, reading) for part in frame[names].to_delayed()))

    def ask(question: Question | None) -> Any:
        sent = delayed(question, pure=False, traverse=False)
        answers = [delayed(_answer, pure=False)(portion, shipment, sent) for portion in portions]
        while len(answers) > 1:
            starts = range(0, len(answers), ADDED_AT_ONCE)
            answers = [delayed(_added, pure=False)(answers[i : i + ADDED_AT_ONCE]) for i in starts]
        return answers[0].compute()

    report = ask(None)
    return tune_parts(model, kind_of(frame), report, ask, options, progress=progress)


def _shipped(model: Model) -> Any:
    """Return a task that holds the model."""
    from dask.delayed import delayed

    # With a key of its own: the tasks name it, and a worker fetches it once for all of them.
    return delayed(Shipment(model), name=f"twitchbayes-model-{model.fingerprint}")


def _read_partition(part: pd.DataFrame, shipment: Shipment, reading: Mapping[str, Any]) -> Portion:
    return read_portion(shipment.model, part, reading)


def _answer(portion: Portion, shipment: Shipment, question: Question | None) -> Any:
    return portion.answer(shipment.model.engine, question)


def _added(answers: list[Any]) -> Any:
    return reduce(add, answers)
