"""Ours: one question, many rows with the compiled kernel or without it, and where the time of a frame goes."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest import mock

import numpy as np

from benchmarks.cohort import Codes
from benchmarks.timing import Turn, take_turn
from twitchbayes import Model, batch, frames

if TYPE_CHECKING:
    import pandas as pd

KERNEL, NUMPY = "kernel", "NumPy"

Take: TypeAlias = Callable[[], Turn]


def paths() -> dict[str, bool]:
    """Return the ways to answer many rows: the compiled kernel where there is one, and NumPy."""
    there = all(importlib.util.find_spec(name) for name in ("numba", "twitchbayes.compiled"))
    return {KERNEL: True, NUMPY: False} if there else {NUMPY: False}


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
    spans = Spans()

    def chosen(*args: Any, **named: Any) -> batch.Batch:
        start = time.perf_counter()
        found = batch.answer_rows(*args, **{**named, "compiled": compiled})
        spans.pairs.append((start, time.perf_counter()))
        return found

    with mock.patch.object(frames, "answer_rows", chosen):
        yield spans


def infer_frame(model: Model, frame: pd.DataFrame, compiled: bool) -> np.ndarray:
    """Return the probabilities of the causes of each row of a frame, shape (n_rows, n_causes)."""
    with path(compiled):
        return np.asarray(model.infer_frame(frame)[list(model.causes)])
