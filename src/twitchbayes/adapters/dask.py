"""Posteriors of a Dask DataFrame, a partition at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twitchbayes import frames
from twitchbayes.adapters import Shipment, needed, refuse_progress

if TYPE_CHECKING:
    import dask.dataframe as dd
    import pandas as pd

    from twitchbayes.draws import Asked
    from twitchbayes.frames import OnError, Progress
    from twitchbayes.model import Model

__all__ = ["infer_frame", "infer_partition"]


def infer_frame(  # noqa: PLR0913 (the arguments of `Model.infer_frame`)
    model: Model,
    frame: dd.DataFrame,
    *,
    columns: Mapping[Any, str] | Sequence[Any] | None = None,
    keep: bool | Sequence[Any] = False,
    ignore: Sequence[Any] = (),
    on_error: OnError = "raise",
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
    from dask.delayed import delayed

    options: dict[str, Any] = {"columns": columns, "keep": keep, "ignore": ignore, "on_error": on_error}
    options["interval"] = interval
    outputs = frames.output_columns(model, list(frame.columns), **options)
    names, options = needed(frame.columns, [name for name, kind in outputs if kind == "kept"], options)
    frame = frame[names]
    # The answer to no rows has the types of any answer.
    meta = frames.infer_frame(model, frame._meta, **options)
    # With a key of its own: the tasks name it, and a worker fetches it once for all of them.
    shipment = delayed(Shipment(model), name=f"twitchbayes-model-{model.fingerprint}")
    return frame.map_partitions(infer_partition, shipment, meta=meta, **options)


def infer_partition(part: pd.DataFrame, shipment: Shipment, **options: Any) -> pd.DataFrame:
    """Return the posteriors of a partition, on a worker."""
    answered: pd.DataFrame = frames.infer_frame(shipment.model, part, progress=False, **options)
    return answered
