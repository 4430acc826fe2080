"""Intervals of tables of cases: against those of each case, whichever frame, chunk and engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models import load
from test_uncertainty import UNFOUNDED
from twitchbayes import InvalidFrameError, InvalidValueError, draws
from twitchbayes.draws import Asked
from twitchbayes.frames import output_columns
from twitchbayes.inference import Batch, Engine
from twitchbayes.model import Model
from twitchbayes.score import score_file

FRAME = pd.DataFrame(
    {
        "id": list("abcd"),
        "fever": ["yes", "no", None, "yes"],
        "cough": [None, "yes", "no", None],
        "winter": [1, 0, 1, 1],
    },
    index=[7, 3, 5, 1],
)


def with_intervals(model: Model, frame: Any = FRAME, **options: Any) -> Any:
    return model.infer_frame(frame, **{"ignore": ["id"], "interval": 0.8, "draws": 60, "seed": 2, **options})


@pytest.mark.parametrize("room", [1, 1 << 25])
def test_rows_have_the_intervals_of_infer(tiny: Model, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every bound of a row is that of `credible_intervals` of its cells, row by row or all in one chunk."""
    monkeypatch.setattr(draws, "ANSWER_BYTES", room)
    found = with_intervals(tiny)
    assert found.index.tolist() == FRAME.index.tolist()
    plain = tiny.infer_frame(FRAME, ignore=["id"])
    bounds = [f"{name}_{bound}" for name in (*tiny.causes, "none", "serious") for bound in ("low", "high")]
    assert list(found) == [*plain, *bounds, "draws_lost"]
    pd.testing.assert_frame_equal(found[list(plain)], plain)
    assert (found["draws_lost"] == 0).all()
    for label, cells in FRAME.drop(columns="id").iterrows():
        single = tiny.infer(cells).credible_intervals(0.8, draws=60, seed=2)
        for name, row in single.rows.items():
            assert found.loc[label, f"{name}_low"] == pytest.approx(row.low, rel=1e-12)
            assert found.loc[label, f"{name}_high"] == pytest.approx(row.high, rel=1e-12)


def test_more_draws_than_a_block(tiny: Model) -> None:
    """Draws beyond a block count as the others do."""
    found = with_intervals(tiny, draws=1_200)
    single = tiny.infer(fever=True, winter=True).credible_intervals(0.8, draws=1_200, seed=2)
    assert found.loc[7, "flu_high"] == found.loc[1, "flu_high"] == pytest.approx(single["flu"].high, rel=1e-12)


@pytest.mark.parametrize("kind", ["polars", "pyarrow"])
def test_other_frames(tiny: Model, kind: str) -> None:
    """Both polars and pyarrow give the columns of pandas."""
    package = pytest.importorskip(kind)
    cells = FRAME.astype(object).where(FRAME.notna(), None).to_dict("list")
    frame = package.DataFrame(cells) if kind == "polars" else package.table(cells)
    found = with_intervals(tiny, frame)
    found = found.to_pandas() if kind == "pyarrow" else pd.DataFrame(found.to_dict(as_series=False))
    pd.testing.assert_frame_equal(found, with_intervals(tiny).reset_index(drop=True))


def test_columns_are_known_before(tiny: Model) -> None:
    """`output_columns` names the columns of the result, with intervals and without."""
    options = {"ignore": ["id"], "on_error": "null", "keep": ["winter"]}
    for interval in (None, Asked.of(0.8)):
        columns = output_columns(tiny, list(FRAME), **options, interval=interval)
        found = tiny.infer_frame(FRAME, **options, interval=interval and interval.level, draws=2)
        assert [name for name, _ in columns] == list(found)


def test_bounds_may_not_have_the_name_of_a_cause(folder: Path) -> None:
    """With a cause `flu` another one named `flu_low` would be two columns of one name."""
    files = {
        "variables": "variable,role\nflu,cause\nflu_low,cause\nfever,finding\n",
        "priors": "variable,probability\nflu,0.1\nflu_low,0.1\n",
        "links": "parent,child,probability\nleak,fever,0.1\nflu,fever,0.5\n",
    }
    model, frame = load(folder, **files), pd.DataFrame({"fever": [1]})
    assert "flu_low" in model.infer_frame(frame)
    with pytest.raises(InvalidValueError, match="two columns of the result would be named 'flu_low'"):
        model.infer_frame(frame, interval=0.9)
    with pytest.raises(InvalidValueError, match="the kept column 'cold_high' has the name"):
        load(folder.with_name("tiny")).infer_frame(frame.assign(cold_high=1), keep=["cold_high"], interval=0.9)


def test_level_is_checked(tiny: Model) -> None:
    """A level, draws or seed out of range is an error at the call."""
    with pytest.raises(InvalidValueError, match=r"95 is no level .*; draws=0 is no whole number"):
        with_intervals(tiny, interval=95, draws=0)


def test_impossible_draws_are_counted(folder: Path) -> None:
    """A row keeps its intervals where it is impossible in some draws, counted; in all of them it has a reason."""
    model = load(folder, links=UNFOUNDED)
    frame = pd.DataFrame({"fever": [1, 0]})
    single = model.infer(fever=True).credible_intervals(draws=1_000)
    found = model.infer_frame(frame, interval=0.95, on_error="null")
    assert found["draws_lost"].tolist() == [single.impossible, 0]
    assert found["flu_high"][0] == pytest.approx(single["flu"].high, rel=1e-12)
    assert found["reason"].isna().all()
    found = model.infer_frame(frame, interval=0.95, draws=1, on_error="null")
    assert found["reason"].tolist() == ["this evidence has probability 0 in every draw of the model's numbers", pd.NA]
    assert found.loc[0].drop("reason").isna().all()
    assert found.loc[1].drop("reason").notna().all()
    with pytest.raises(InvalidFrameError, match=r"1 row of 2 cannot be answered[^$]*in every draw"):
        model.infer_frame(frame, interval=0.95, draws=1)


def test_refused_draws_are_a_reason(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that is refused in some draw has no answer, but the number of such draws and why."""
    own = Engine.answer

    def some(engine, codes, parameters=None, **options):
        found = own(engine, codes, parameters, **options)
        refused = {} if parameters is None else {0: "too improbable", len(codes): "too improbable"}
        return Batch(found.answer, refused)

    monkeypatch.setattr(Engine, "answer", some)
    found = with_intervals(tiny, on_error="null")
    assert found["reason"].dropna().tolist() == ["in 2 of 60 draws: too improbable"]
    assert found["flu"].isna().sum() == found["flu_low"].isna().sum() == 1


def test_faulty_rows_have_no_intervals(tiny: Model) -> None:
    """A cell that cannot be read leaves its row empty, with the reason of the cell."""
    found = with_intervals(tiny, FRAME.assign(cough=["perhaps", "yes", None, None]), on_error="null")
    assert found.loc[7].drop("reason").isna().all()
    assert "'perhaps'" in found.loc[7, "reason"]
    assert found.loc[[3, 5, 1]].drop(columns="reason").notna().all(axis=None)


def test_no_rows(tiny: Model) -> None:
    """A table without rows has the columns, and their types."""
    found = with_intervals(tiny, FRAME.iloc[:0])
    assert len(found) == 0
    assert list(found) == list(with_intervals(tiny))
    assert (found.dtypes == np.float64).all()


def test_progress_counts_every_row(tiny: Model) -> None:
    """What is told at the end is all rows, equal ones too."""
    told: list[tuple[int, int]] = []
    with_intervals(tiny, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (4, 4)


def test_files_have_intervals(tiny: Model, tmp_path: Path) -> None:
    """`score_file` writes the columns of `infer_frame`, of 200 draws where nobody says how many."""
    FRAME.to_csv(tmp_path / "in.csv", index=False)
    score_file(tiny, tmp_path / "in.csv", tmp_path / "out.csv", ignore=["id"], interval=0.9, chunk_rows=3)
    expected = tiny.infer_frame(FRAME, ignore=["id"], interval=0.9, draws=200).reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out.csv"), expected, rtol=1e-12)


def test_few_draws_are_kept(tiny: Model) -> None:
    """The next answer uses the draws of the last one; of many blocks the last two are kept."""
    model = Model(tiny.knowledge)
    one = list(draws.blocks(model.engine, model.beliefs, Asked.of(0.9)))
    assert next(draws.blocks(model.engine, model.beliefs, Asked.of(0.5))).net is one[0].net
    list(draws.blocks(model.engine, model.beliefs, Asked.of(0.9, 5_000)))
    assert next(draws.blocks(model.engine, model.beliefs, Asked.of(0.9))).net is not one[0].net
    assert [len(drawn.net) for drawn in draws.blocks(model.engine, model.beliefs, Asked.of(0.9, 2_345))] == [
        1000,
        1000,
        345,
    ]
