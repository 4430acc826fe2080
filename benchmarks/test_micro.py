"""The small parts, by pytest-benchmark: `python -m pytest benchmarks --benchmark-only`; no test asserts a time."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks import cohort, ours
from benchmarks.cohort import Codes
from benchmarks.single import SPOKEN
from twitchbayes import Model, load_model

Benchmark = Any

ROWS = 1_000


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(scope="module")
def codes(model: Model) -> Codes:
    full = cohort.simulate(model.network, ROWS, seed=0)
    return cohort.hide(model.network, full, contexts=0.3, findings=0.3, seed=1)


def test_infer(benchmark: Benchmark, model: Model) -> None:
    """One whole posterior."""
    assert "als" in benchmark(model.infer, SPOKEN)


def test_infer_without_a_plan(benchmark: Benchmark, model: Model) -> None:
    """One whole posterior of a pattern that was not met before: the plan is made."""

    def new() -> tuple[tuple[Model], dict[str, Any]]:
        return (Model(model.knowledge),), {}

    assert "als" in benchmark.pedantic(lambda fresh: fresh.infer(SPOKEN), setup=new, rounds=20)


def test_rows(benchmark: Benchmark, model: Model, codes: Codes) -> None:
    """A batch of rows as codes."""
    assert len(benchmark(ours.answer_rows, model, codes)) == ROWS


@pytest.mark.parametrize("kind", cohort.KINDS)
def test_frame(benchmark: Benchmark, model: Model, codes: Codes, kind: str) -> None:
    """A frame of rows, by the kind of its cells."""
    frame = cohort.frame(model, codes, kind)
    assert len(benchmark(model.infer_frame, frame)) == ROWS
