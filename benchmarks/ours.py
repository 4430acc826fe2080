"""Ours: one question, many rows with the compiled kernel or without it, and where the time of a frame goes."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from benchmarks.cohort import Codes
from benchmarks.timing import Turn, take_turn
from twitchbayes import Model, batch

if TYPE_CHECKING:
    import pandas as pd

KERNEL, NUMPY = "kernel", "NumPy"

Take: TypeAlias = Callable[[], Turn]


def paths() -> dict[str, bool]:
    """Return the ways to answer many rows: the compiled kernel where there is one, and NumPy."""
    there = all(importlib.util.find_spec(name) for name in ("numba", "twitchbayes.compiled"))
    return {KERNEL: True, NUMPY: False} if there else {NUMPY: False}


def has_frames() -> bool:
    """Whether this version has `Model.infer_frame`."""
    return hasattr(Model, "infer_frame")


def single(model: Model, evidence: Mapping[str, str], least_s: float) -> Take:
    """Return a turn of the whole posterior of one case, through the front door."""
    given = dict(evidence)
    return lambda: take_turn(lambda: dict(model.infer(given)), least_s)


def answer_rows(model: Model, codes: Codes, compiled: bool) -> np.ndarray:
    """Return the probabilities of the causes, shape (n_rows, n_causes), from codes: no frame is read or made."""
    return batch.answer_rows(model.engine, codes, compiled=compiled).answer.causes


@dataclass
class Spans:
    """When `answer_rows` ran: pairs of start and end."""

    pairs: list[tuple[float, float]] = field(default_factory=list)


@contextmanager
def path(compiled: bool) -> Iterator[Spans]:
    """Answer rows with the kernel or without it, whatever `infer_frame` would choose, and note when."""
    if has_frames():
        importlib.import_module("twitchbayes.frames")  # else it would be loaded in here, and keep what is put in place
    own = batch.answer_rows
    spans = Spans()

    def chosen(*args: Any, **named: Any) -> batch.Batch:
        start = time.perf_counter()
        found = own(*args, **{**named, "compiled": compiled})
        spans.pairs.append((start, time.perf_counter()))
        return found

    loaded = [m for name, m in list(sys.modules.items()) if name.startswith("twitchbayes")]
    places = [module for module in loaded if getattr(module, "answer_rows", None) is own]
    try:
        for module in places:
            module.answer_rows = chosen
        yield spans
    finally:
        for module in places:
            module.answer_rows = own


def infer_frame(model: Model, frame: pd.DataFrame, compiled: bool) -> np.ndarray:
    """Return the probabilities of the causes of each row of a frame, shape (n_rows, n_causes)."""
    with path(compiled):
        return np.asarray(model.infer_frame(frame)[list(model.causes)])
