"""Tables that lie on many machines: the model travels to each worker once and answers what is there."""

from __future__ import annotations

import os
import pickle
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from twitchbayes.cases import virtual_columns
from twitchbayes.errors import InvalidValueError

if TYPE_CHECKING:
    from twitchbayes.model import Model

__all__ = ["Shipment", "needed", "refuse_progress"]

KEPT_MODELS = 8  # that a process keeps, those used last; one of the size of `twitch` is below a megabyte

_models: OrderedDict[str, Model] = OrderedDict()
_lock = threading.Lock()


class Shipment:
    """A model on its way to the workers: pickled once where it starts, unpickled once in each process.

    A process that gets the same model again, with another task or another table, uses the one it has,
    with the arrays that its engine has made.

    Parameters
    ----------
    model : Model
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    @cached_property
    def _parcel(self) -> bytes:
        return pickle.dumps(self.model, protocol=pickle.HIGHEST_PROTOCOL)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as bytes, which are opened only where this model is not there yet."""
        return _received, (self._name, self._parcel, os.getpid())

    @property
    def _name(self) -> str:
        """What tells the model from others: its tables, and the bound of its engine."""
        return f"{self.model.fingerprint} {self.model.engine.max_bytes}"

    def __dask_tokenize__(self) -> tuple[str, str]:
        """Two shipments of one model are the same to Dask."""
        return type(self).__qualname__, self._name


def _received(name: str, parcel: bytes, sender: int) -> Shipment:
    if os.getpid() != sender:
        # Dask and Spark give each task a core, so a batch is not to take all of them.
        os.environ.setdefault("TWITCHBAYES_THREADS", "1")
    with _lock:
        if name not in _models:
            _models[name] = pickle.loads(parcel)
            if len(_models) > KEPT_MODELS:
                _models.popitem(last=False)
        _models.move_to_end(name)
        return Shipment(_models[name])


def refuse_progress(progress: object, instead: str) -> None:
    """Refuse a progress bar: at the call of a lazy table nothing is computed that it could show.

    Raises
    ------
    InvalidValueError
        If one is asked for; the message says what shows the progress instead.
    """
    if progress:
        message = f"progress={progress!r}: nothing is computed at this call, so there is nothing to show; {instead}"
        raise InvalidValueError(message)


def needed(names: Sequence[Any], kept: Sequence[Any], options: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the columns of a table that the workers must be given, and the options for those alone.

    Parameters
    ----------
    names : sequence of str
        Columns of the table.
    kept : sequence of str
        Those that are kept.
    options : mapping
        `columns`, `keep`, `ignore`, `on_error` and others of `infer_frame`, already found to be in order.
    """
    columns, ignore = options["columns"], _listed(options["ignore"])
    asked = names if columns is None or isinstance(columns, Mapping) else _listed(columns)
    ratios = virtual_columns(options.get("virtual_evidence"))
    left = [name for name in names if name in {*kept, *ratios} or (name in asked and name not in ignore)]
    return left, {**options, "ignore": [name for name in left if name in ignore]}


def _listed(given: Sequence[Any]) -> Sequence[Any]:
    return [given] if isinstance(given, str) else given
