"""Ours: one question, many rows, and where the time of a frame goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from unittest import mock

import numpy as np

from benchmarks.cohort import Codes
from benchmarks.timing import Turn, take_turn
from twitchbayes import Model
from twitchbayes.inference import Batch, Engine

if TYPE_CHECKING:
    import pandas as pd

Take: TypeAlias = Callable[[], Turn]


def single(model: Model, evidence: Mapping[str, str], least_s: float) -> Take:
    """Return a turn of the whole posterior of one case, through the front door."""
    given = dict(evidence)
    return lambda: take_turn(lambda: dict(model.infer(given)), least_s)


def answer_rows(model: Model, codes: Codes) -> np.ndarray:
    """Return the probabilities of the causes, shape (n_rows, n_causes), from codes: no frame is read or made."""
    return model.engine.answer(codes).answer.causes


@dataclass
class Spans:
    """When the engine ran: pairs of start and end."""

    pairs: list[tuple[float, float]] = field(default_factory=list)


@contextmanager
def timed() -> Iterator[Spans]:
    """Note when the engine answers a batch."""
    spans, own = Spans(), Engine.answer

    def answer(*args: Any, **named: Any) -> Batch:
        start = time.perf_counter()
        found = own(*args, **named)
        spans.pairs.append((start, time.perf_counter()))
        return found

    with mock.patch.object(Engine, "answer", answer):
        yield spans


def infer_frame(model: Model, frame: pd.DataFrame) -> np.ndarray:
    """Return the probabilities of the causes of each row of a frame, shape (n_rows, n_causes)."""
    return np.asarray(model.infer_frame(frame)[list(model.causes)])
