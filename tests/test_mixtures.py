"""Tables whose rows say something by likelihoods: ratios and likelihoods of states in columns, and one for all rows."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import random_models
from test_frames import KINDS, rows_of
from twitchbayes import InvalidEvidenceError, InvalidFrameError, InvalidValueError, Model, TwitchbayesError
from twitchbayes import mixtures as mixtures_module
from twitchbayes.cli import main
from twitchbayes.errors import UnknownVariableError
from twitchbayes.evidence import MAX_MIXED_ROWS
from twitchbayes.mixtures import Mixtures, Seen
from twitchbayes.score import score_file

SUMMARY = ["none", "serious", "log_evidence"]


def assert_as_infer(model: Model, rows: list[dict[str, Any]], virtual: list[dict[str, Any]], result: Any) -> None:
    """Each row of an answer with `on_error="null"` is what `infer` makes of it, error or not."""
    found = rows_of(result)
    assert len(found) == len(rows)
    for row, likelihoods, given_ in zip(rows, virtual, found, strict=True):
        try:
            p = model.infer(row, virtual_evidence=likelihoods)
        except TwitchbayesError as error:
            assert given_["log_evidence"] is None or math.isnan(given_["log_evidence"]), (row, likelihoods)
            told = [str(fault) for fault in getattr(error, "errors", [error])]
            assert given_["reason"], told
            if "probability 0" not in told[0]:  # of several faults, the order is not promised
                assert sorted(given_["reason"].split("; ")) == sorted("; ".join(told).split("; "))
            continue
        expected = {**p, **{name: getattr(p, name) for name in SUMMARY}}
        assert {name: given_[name] for name in expected} == pytest.approx(expected, rel=1e-12, abs=1e-14)
        assert not given_.get("reason")


def test_a_column_of_ratios(twitch: Model) -> None:
    """Numbers, texts that are numbers, and cells that say nothing, beside other evidence; all kinds of frames."""
    columns = {
        "age": [62, 35, None, 80, 62],
        "ratio": [4.0, 0.0, 1.0, None, 0.25],
        "said": ["2", "unknown", "", None, "1e3"],
    }
    rows = [{"age": age} for age in columns["age"]]
    virtual = [{"weakness": a, "cramps": b} for a, b in zip(columns["ratio"], columns["said"], strict=True)]
    for kind in KINDS.values():
        frame = kind(columns)
        result = twitch.infer_frame(frame, virtual_evidence={"weakness": "ratio", "cramps": "said"}, on_error="null")
        assert_as_infer(twitch, rows, virtual, result)


@pytest.mark.parametrize("dtype", ["float64", "float32", "Float64", "Int64", "int64", "object"])
def test_types_of_ratios(tiny: Model, dtype: str) -> None:
    """Whatever the type of the column, the ratios are its numbers; missing ones say nothing."""
    values = [2, 0, 3] if dtype == "int64" else [2, None, 3]
    frame = pd.DataFrame({"ratio": pd.Series(values, dtype=dtype)})
    result = tiny.infer_frame(frame, virtual_evidence={"fever": "ratio"}, on_error="null")
    assert_as_infer(tiny, [{}] * 3, [{"fever": value} for value in values], result)


def test_numbers_for_all_rows_and_likelihoods_of_states(twitch: Model) -> None:
    """A number stands for all rows; a mapping has a column or a number for each state."""
    bands = twitch.knowledge.variables["age"].states
    frame = pd.DataFrame({"weakness": ["yes", "no", None], "old": [5.0, None, 1.0], "any": [1.0, None, 0.5]})
    age = {band: "old" if band in bands[-2:] else "any" for band in bands}
    result = twitch.infer_frame(frame, virtual_evidence={"cramps": 3, "pain": None, "age": age}, on_error="null")
    rows = [{"weakness": value} for value in frame["weakness"]]
    virtual: list[dict[str, Any]] = [
        {"cramps": 3, "age": {band: row["old" if band in bands[-2:] else "any"] for band in bands}}
        for row in frame.to_dict("records")
    ]
    virtual[1]["age"] = None
    assert_as_infer(twitch, rows, virtual, result)


@given(data=st.data())
@settings(max_examples=40)
def test_random_models(data: st.DataObject) -> None:
    """Rows of random models with ratios on any of their variables are what `infer` makes of them one by one."""
    model = data.draw(random_models.models())
    rows = data.draw(st.lists(random_models.cases(model), min_size=1, max_size=6))
    binary = [name for name in model.network.columns if model.network.states[name] == ("absent", "present")]
    seen = data.draw(st.lists(st.sampled_from(binary), unique=True, max_size=3))
    names = sorted({name for row in rows for name in row})
    full = [{name: row.get(name) for name in names} for row in rows]
    ratios = st.sampled_from([None, 0.0, 0.5, 1.0, 20.0, -1.0, math.inf])
    virtual = [{name: data.draw(ratios) for name in seen} for _ in rows]
    frame = pd.DataFrame(
        [{**row, **{f"ratio of {n}": v for n, v in v_.items()}} for row, v_ in zip(full, virtual, strict=True)],
        dtype=object,
    )
    given_ = {name: f"ratio of {name}" for name in seen}
    result = model.infer_frame(frame, virtual_evidence=given_, on_error="null")
    assert_as_infer(model, full, virtual, result)


def test_rows_go_in_chunks(twitch: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows of hard evidence go at a time, the answer is the same; the progress counts rows."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"age": ["20-60", "40-70", "65", None] * 8, "ratio": rng.uniform(0, 9, 32)})
    frame.loc[::5, "ratio"] = None
    virtual = {"weakness": "ratio"}
    whole = twitch.infer_frame(frame, virtual_evidence=virtual)
    monkeypatch.setattr(mixtures_module.Mixtures.chunks, "__defaults__", (3,))
    told: list[tuple[int, int]] = []
    parts = twitch.infer_frame(frame, virtual_evidence=virtual, progress=lambda done, rows: told.append((done, rows)))
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-13)
    assert told[-1] == (32, 32)


def test_mixtures_are_the_product_of_what_is_said() -> None:
    """Rows of hard evidence are all pairs of states of positive likelihood; a row that says nothing is none."""
    codes = np.array([[0, -1, -1], [1, -1, -1], [0, -1, -1]], dtype=np.int8)
    seen = {
        1: Seen(np.array([0, -1, 1]), np.array([[0.5, 0.5], [0.0, 2.0]])),
        2: Seen(np.array([0, -1, -1]), np.ones((1, 3))),
    }
    mixed = Mixtures(codes, seen, np.zeros(3, dtype=bool))
    assert (mixed.rows.tolist(), mixed.plain.tolist(), mixed.refused) == ([0, 2], [1], {})
    rows = mixed.expanded(np.array([0, 1, 2]))
    expected = [[0, a, b] for a, b in itertools.product([0, 1], range(3))] + [[1, -1, -1], [0, 1, -1]]
    assert rows.codes.tolist() == expected
    assert rows.of_row.tolist() == [0] * 6 + [1, 2]
    assert np.exp(rows.log_weights) == pytest.approx([0.5] * 6 + [1, 2])
    assert [part.tolist() for part in mixed.chunks(6)] == [[0], [2]]
    assert [part.tolist() for part in mixed.chunks(7)] == [[0, 2]]
    assert [part.tolist() for part in mixed.chunks(1)] == [[0], [2]]


def test_rows_that_are_mixtures_of_too_many(twitch: Model) -> None:
    """Such a row is refused with the reason that `infer` has, and the others are answered."""
    names = [name for name in twitch.findings if not name.startswith("twitch")][:13]
    frame = pd.DataFrame({name: [2.0, None] for name in names})
    virtual = {name: name for name in names}
    result = twitch.infer_frame(frame, virtual_evidence=virtual, on_error="null")
    assert f"a mixture of 8192 cases, above the bound of {MAX_MIXED_ROWS}" in result["reason"][0]
    assert result["als"][1] == twitch.infer()["als"]
    with pytest.raises(InvalidFrameError, match="row 0: evidence by likelihoods on 13 variables"):
        twitch.infer_frame(frame, virtual_evidence=virtual)


def test_columns_of_ratios_are_no_evidence(tiny: Model) -> None:
    """Such a column may have the name of a variable, and is not read as one; it can be kept."""
    frame = pd.DataFrame({"fever": [2.0, 0.5], "note": ["a", "b"]})
    result = tiny.infer_frame(frame, virtual_evidence={"fever": "fever"}, keep=["fever"], ignore=["note"])
    assert result["fever"].tolist() == [2.0, 0.5]
    assert result["flu"].tolist() == [tiny.infer(virtual_evidence={"fever": r})["flu"] for r in (2.0, 0.5)]
    named = tiny.infer_frame(frame, columns={"note": "cough"}, virtual_evidence={"fever": "fever"}, on_error="null")
    assert named["reason"].str.startswith("cough='").all()


@pytest.mark.parametrize(
    ("virtual", "arguments", "error", "message"),
    [
        ({"fever": "rato"}, {"ignore": "ratio"}, InvalidValueError, "virtual_evidence of fever names a column 'rato' that the frame does not"),
        ({"feber": "ratio"}, {}, UnknownVariableError, "the model has no variable 'feber'. Did you mean 'fever'?"),
        ({"fever": -1}, {"ignore": "ratio"}, InvalidValueError, "virtual evidence fever=-1 must be finite, not negative and not all 0"),
        ({"fever": {"present": "ratio"}}, {}, InvalidValueError, "virtual evidence fever={'present': 1} must give a likelihood"),
        ({"fever": "ratio"}, {"columns": ["ratio"]}, InvalidValueError, "the column 'ratio' stands in columns and in virtual"),
        ({"fever": "rato", "feber": 1}, {"ignore": "ratio"}, InvalidEvidenceError, "2 problems"),
        ("ratio", {}, InvalidValueError, "virtual_evidence='ratio' is no mapping"),
    ],
)  # fmt: skip
def test_what_is_no_column_of_ratios(
    tiny: Model, virtual: Any, arguments: Mapping[str, Any], error: type[Exception], message: str
) -> None:
    """A column that is not there, a name that is none and a number that is no ratio are told before any row is read."""
    frame = pd.DataFrame({"ratio": [1.0], "cough": ["yes"]})
    with pytest.raises(error, match=f"^{re.escape(message)}"):
        tiny.infer_frame(frame, virtual_evidence=virtual, **arguments)


def test_bad_cells(tiny: Model) -> None:
    """A cell that is no ratio is the fault of its row and column, and what contradicts it that of its row."""
    frame = pd.DataFrame(
        {"fever": [None, None, "yes", None], "ratio": ["4:1", "-2", "3", "2"], "cough": ["yes", "hm", None, None]},
        index=["ann", "bob", "cid", "dot"],
    )
    with pytest.raises(InvalidFrameError) as raised:
        tiny.infer_frame(frame, virtual_evidence={"fever": "ratio"})
    wrong = "must be finite, not negative and not all 0 (a likelihood ratio)"
    assert [str(fault) for fault in raised.value.faults] == [
        f"row 'ann', column 'ratio': virtual evidence fever='4:1' {wrong}",
        "row 'bob', column 'cough': cough='hm' is not a state of cough; give yes or no (True or False), or None for unknown",
        f"row 'bob', column 'ratio': virtual evidence fever='-2' {wrong}",
        "row 'cid': fever is observed (present) and has virtual evidence '3': give one",
    ]
    assert (raised.value.n_faults, raised.value.n_rows, raised.value.of_rows) == (4, 3, 4)
    two = pd.DataFrame({"no": [1.0, None, 0.0, 2.0], "yes": [2.0, 3.0, 0.0, -1.0]})
    found = tiny.infer_frame(two, virtual_evidence={"flu": {"absent": "no", "present": "yes"}}, on_error="null")
    assert found["reason"].isna().tolist() == [True, False, False, False]
    assert found["reason"][1] == f"virtual evidence flu={{'absent': nan, 'present': 3.0}} {wrong}"


def test_impossible_rows(certain: Model) -> None:
    """A row whose likelihoods leave nothing possible says so, with what cannot hold together."""
    frame = pd.DataFrame({"ratio": [1.0, 0.0], "mark": ["no", None]})
    frame["likelihood"] = [0.0, 1.0]
    virtual = {"ghost": {"absent": "likelihood", "present": 1}}
    with pytest.raises(InvalidFrameError, match=r"row 0: this evidence has probability 0 in the model.*ghost=present"):
        certain.infer_frame(frame, virtual_evidence=virtual, ignore=["ratio"])


def test_what_is_assumed_of_a_row(twitch: Model) -> None:
    """Twitching is assumed in the rows that say nothing of it by likelihoods either."""
    frame = pd.DataFrame({"weakness": ["yes"] * 3, "seen": [None, 2.0, None], "place": [None, None, 5.0]})
    virtual = {"twitching": "seen", "twitch_face": "place"}
    result = twitch.infer_frame(frame, virtual_evidence=virtual, on_error="null")
    said = [{"twitching": a, "twitch_face": b} for a, b in zip(frame["seen"], frame["place"], strict=True)]
    assert_as_infer(twitch, [{"weakness": True}] * 3, said, result)


def test_intervals(twitch: Model) -> None:
    """Intervals of rows that are mixtures are those of one case, whatever else is in the table."""
    frame = pd.DataFrame({"age": ["50-70", "62", "20-60"], "ratio": [3.0, None, None]})
    result = twitch.infer_frame(frame, virtual_evidence={"weakness": "ratio"}, interval=0.9, draws=60, seed=2)
    for i, row in frame.iterrows():
        p = twitch.infer(age=row["age"], virtual_evidence={"weakness": row["ratio"]})
        rows = p.credible_intervals(0.9, draws=60, seed=2).rows
        for name in ("als", "stress", "none", "serious"):
            found = result.loc[i, [f"{name}_low", f"{name}_high"]].tolist()
            assert found == pytest.approx([rows[name].low, rows[name].high], rel=1e-10)
    assert result["draws_lost"].tolist() == [0, 0, 0]


def test_files(twitch: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`score` takes a column of ratios, and a number for all rows, chunk by chunk."""
    frame = pd.DataFrame({"age": ["50-70", "62", ""], "ratio": ["3", "", "0.5"]})
    source, target = tmp_path / "cases.csv", tmp_path / "scored.csv"
    frame.to_csv(source, index=False)
    arguments = ["score", str(source), "-o", str(target), "--virtual", "weakness=ratio", "--virtual", "cramps=2"]
    assert main([*arguments, "--chunk-rows", "2"]) == 0
    scored = pd.read_csv(target)
    for i, row in enumerate(frame.to_dict("records")):
        p = twitch.infer(age=row["age"], virtual_evidence={"weakness": row["ratio"], "cramps": 2})
        assert scored.loc[i, list(p)].to_dict() == pytest.approx(dict(p), rel=1e-12)
    again = tmp_path / "again.csv"
    score_file(twitch, source, again, virtual_evidence={"weakness": "ratio", "cramps": 2})
    assert again.read_bytes() == target.read_bytes()
    source.write_text("ratio\n4\nmany\n", encoding="utf-8")
    assert main([*arguments[:-2], "--force"]) == 2
    assert "cases.csv, line 3: virtual evidence weakness='many' must be finite" in capsys.readouterr().err


def test_cases_to_learn_from_have_one_state_a_cell(sites: Model) -> None:
    """`tune` and `evaluate` take no range: it is told like any other bad cell, or left out as wanted."""
    cases = sites.simulate(20, seed=1).astype(object)
    cases["age"] = ["18-39", "30 to 50"] * 10
    message = "age='30 to 50' leaves several states open; here a cell has one, or is empty for unknown"
    with pytest.raises(InvalidFrameError, match=f"row 1, column 'age': {re.escape(message)}"):
        sites.evaluate(cases, bootstrap=0)
    assert len(sites.evaluate(cases, bootstrap=0, on_error="exclude").predictions) == 10
    assert len(sites.evaluate(cases, bootstrap=0, on_error="unknown").predictions) == 20
