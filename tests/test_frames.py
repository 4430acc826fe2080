"""Tables: a row is what `infer` makes of its cells, whatever kind of frame and of column they stand in."""

from __future__ import annotations

import copy
import datetime
import decimal
import io
import random
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import random_models
from models import SITES, load
from test_house import loaded_by
from twitchbayes import (
    ImpossibleEvidenceError,
    InvalidEvidenceError,
    InvalidFrameError,
    InvalidValueError,
    Model,
    TwitchbayesError,
    UnknownVariableError,
    cells,
    frames,
)
from twitchbayes.inference import Batch, Engine, engine, patterns

SUMMARY = ["none", "serious", "log_evidence"]
Row = Mapping[str, Any]


def polars() -> Any:
    return pytest.importorskip("polars", reason="polars is not installed")


def arrow() -> Any:
    return pytest.importorskip("pyarrow", reason="pyarrow is not installed")


KINDS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas_object": lambda columns: pd.DataFrame(columns, dtype=object),
    "polars": lambda columns: polars().DataFrame(columns),
    "pyarrow": lambda columns: arrow().table(dict(columns)),
    "record_batch": lambda columns: arrow().RecordBatch.from_pydict(dict(columns)),
}


@pytest.fixture(params=KINDS)
def frame_of(request: pytest.FixtureRequest) -> Callable[[Mapping[str, Any]], Any]:
    """Each kind of frame in turn, made from columns of Python values."""
    return KINDS[request.param]


def rows_of(frame: Any) -> list[dict[str, Any]]:
    """The rows of any frame as mappings, NaN as None."""
    table = frame if isinstance(frame, pd.DataFrame) else frame.to_pandas()
    columns = {c: [None if v is pd.NA or v != v else v for v in table[c].to_list()] for c in table.columns}  # noqa: PLR0124
    return [{c: values[i] for c, values in columns.items()} for i in range(len(table))]


def outcome(model: Model, row: Row) -> dict[str, Any] | list[str]:
    """The columns of results that `infer` stands for, or why it refuses the row."""
    try:
        p = model.infer(row)
    except ImpossibleEvidenceError:
        return ["this evidence has probability 0 in the model"]
    except InvalidEvidenceError as error:
        return [str(e) for e in error.errors]
    except TwitchbayesError as error:
        return [str(error)]
    return {**{cause: p[cause] for cause in model.causes}, **{name: getattr(p, name) for name in SUMMARY}}


def assert_as_infer(model: Model, rows: Sequence[Row], result: Any) -> None:
    """Each row of the result is what `infer` says of the row alone, its errors included."""
    found = rows_of(result)
    assert len(found) == len(rows)
    for row, answer in zip(rows, found, strict=True):
        expected, reason = outcome(model, row), answer.pop("reason", None)
        assert list(answer) == [*model.causes, *SUMMARY]
        if isinstance(expected, dict):
            assert reason is None
            assert answer == pytest.approx(expected, rel=1e-12, abs=0)
        else:
            assert set(answer.values()) == {None}
            # Of several faults, the order is not promised.
            assert all(message in reason for message in expected)
            assert len(reason) == len("; ".join(expected))


# A row is a case

WORDS = ["yes", "no", "Present ", "absent", True, False, 1, 0, 1.0, "unknown", "", None, None, None, None, float("nan")]


def random_row(model: Model, draw: random.Random, share: float) -> dict[str, Any]:
    """Cells for every variable in the words that it takes, bad ones among them now and then."""
    row: dict[str, Any] = {}
    for name, variable in model.knowledge.variables.items():
        words = WORDS if variable.states == ("absent", "present") else [*variable.states, *variable.aliases, None]
        words = [62, 40.5, "39.9", "18-29", None] if variable.bands else words
        words = ["face", "arm_hand;leg-foot", ["tongue"], {"trunk": "no"}, None] if variable.role == "group" else words
        row[name] = draw.choice(words) if draw.random() < share else None
        if draw.random() < 0.002:
            row[name] = draw.choice(["maybe", 17, 3.5, [], "elbow"])
    return row


@pytest.mark.parametrize("share", [0.15, 0.4])
def test_random_rows(twitch: Model, share: float) -> None:
    """In rows of any words, good, bad, contradictory and impossible, the frame says what `infer` says."""
    draw = random.Random(f"frames {share}")
    rows = [random_row(twitch, draw, share) for _ in range(400)]
    result = twitch.infer_frame(pd.DataFrame(rows, dtype=object), on_error="null")
    assert_as_infer(twitch, rows, result)
    assert 0 < result["reason"].isna().sum() < len(rows)


@given(data=st.data())
@settings(max_examples=40)
def test_random_models(data: st.DataObject) -> None:
    """So it does in random models, with impossible rows and with causes as evidence, in every kind of frame."""
    model = data.draw(random_models.models())
    rows = data.draw(st.lists(random_models.cases(model), min_size=1, max_size=6))
    names = sorted({name for row in rows for name in row})
    columns = {name: [row.get(name) for row in rows] for name in names}
    # A column that is there is given, if only as unknown.
    full = [{name: row.get(name) for name in names} for row in rows]
    for kind in KINDS.values() if names else ():
        assert_as_infer(model, full, model.infer_frame(kind(columns), on_error="null"))


def test_every_kind_of_frame(twitch: Model, frame_of: Callable[[Mapping[str, Any]], Any]) -> None:
    """What comes out is of the kind that goes in, with the numbers of `infer`."""
    columns = {
        "age": [62, 35, None, 120],
        "sex": ["m", "Female", None, "woman"],
        "weakness": [True, None, False, None],
        "pain": ["yes", "", "unknown", "no"],
        "twitch_location": ["arm_hand; face", None, "trunk", ""],
    }
    frame = frame_of(columns)
    result = twitch.infer_frame(frame)
    assert type(result) is type(frame)
    rows = [{name: values[i] for name, values in columns.items()} for i in range(4)]
    assert_as_infer(twitch, rows, result)
    floats = nw.from_native(arrow().table(result.to_pydict()) if "Batch" in type(result).__name__ else result).schema
    assert set(floats.values()) == {nw.Float64}


def test_chunks_and_samples(twitch: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the table is cut, and which words its first rows have, makes no difference."""
    monkeypatch.setattr(patterns, "CHUNK_ROWS", 3)
    monkeypatch.setattr(cells, "SAMPLE", 2)
    pain = ["yes", None, "no", "Y", "absent", None, "true"]
    frame = polars().DataFrame({"pain": pain, "age": [18, 30, 40.5, 50, 60, 70, None]}, strict=False)
    assert_as_infer(twitch, frame.to_dicts(), twitch.infer_frame(frame))


# Columns of any type


def series(values: Any, dtype: Any) -> Callable[[], Any]:
    return lambda: pd.DataFrame({"weakness": pd.Series(values, dtype=dtype)})


def arrow_column(values: Any, kind: str, *parameters: str) -> Callable[[], Any]:
    def make() -> Any:
        pa = arrow()
        dtype = getattr(pa, kind)(*(getattr(pa, parameter)() for parameter in parameters))
        return pa.table({"weakness": pa.chunked_array([pa.array(values[:1], dtype), pa.array(values[1:], dtype)])})

    return make


def polars_column(values: Any, kind: str) -> Callable[[], Any]:
    return lambda: polars().DataFrame({"weakness": polars().Series(values, dtype=getattr(polars(), kind))})


YES_NO_NULL = [
    series(["yes", "no", None], object),
    series(["yes", "no", None], "str"),
    series(["yes", "no", None], "string"),
    series(["yes", "no", None], "string[python]"),
    series(["yes", "no", None], "category"),
    series([True, False, None], "category"),
    series([True, False, None], object),
    series([True, False, pd.NA], object),
    series([True, "no", float("nan")], object),
    series([True, 0, pd.NaT], object),
    series([decimal.Decimal(1), np.False_, np.nan], object),
    series([1, 0, None], "Int64"),
    series([1, 0, None], "float64"),
    series([1, 0, None], "float32"),
    series([1.0, 0.0, None], "Float64"),
    series([True, False, None], "boolean"),
    series(["yes", "no", None], "string[pyarrow]"),
    series([True, False, None], "bool[pyarrow]"),
    series([1, 0, None], "int8[pyarrow]"),
    series([1, 0, None], pd.SparseDtype(float)),
    polars_column(["yes", "no", None], "String"),
    polars_column(["yes", "no", None], "Categorical"),
    polars_column([True, False, None], "Boolean"),
    polars_column([1, 0, None], "UInt8"),
    polars_column([1.0, 0.0, float("nan")], "Float32"),
    polars_column([True, "no", None], "Object"),
    arrow_column(["yes", "no", None], "string"),
    arrow_column(["yes", "no", None], "large_string"),
    arrow_column(["yes", "no", None], "string_view"),
    arrow_column(["yes", "no", None], "dictionary", "int32", "string"),
    arrow_column([True, False, None], "bool_"),
    arrow_column([1, 0, None], "int64"),
    arrow_column([1, 0, None], "float32"),
]


@pytest.mark.parametrize("make", YES_NO_NULL, ids=range(len(YES_NO_NULL)))
def test_types_of_columns(twitch: Model, make: Callable[[], Any]) -> None:
    """Yes, no and nothing are read from whatever type of column holds them."""
    rows = [{"weakness": True}, {"weakness": False}, {"weakness": None}]
    assert_as_infer(twitch, rows, twitch.infer_frame(make()))


@pytest.mark.parametrize("values", [[True, False], np.array([1, 0]), np.array([1, 0], "uint8"), np.array([1.0, -0.0])])
def test_types_without_nulls(twitch: Model, values: Any) -> None:
    """So they are where nothing is missing."""
    rows = [{"weakness": True}, {"weakness": False}]
    assert_as_infer(twitch, rows, twitch.infer_frame(pd.DataFrame({"weakness": values})))


@pytest.mark.parametrize("dtype", ["int64", "datetime64[ns]", "timedelta64[ns]"])
def test_types_that_say_nothing(twitch: Model, dtype: str) -> None:
    """A value of a type that no variable takes is a bad cell, not another value."""
    frame = pd.DataFrame({"weakness": pd.Series([5, 6]).astype(dtype)})
    with pytest.raises(InvalidFrameError, match=r"row 0, column 'weakness': weakness=.* is not a state of weakness"):
        twitch.infer_frame(frame)


def test_equal_values_of_different_types(folder: Any) -> None:
    """1 and True hash alike, and yet may mean different things: here the table says that 1 is absent."""
    model = load(
        folder, base=SITES, variables=SITES["variables"].replace("weak,finding,,,,,,", "weak,finding,,,,,1=absent,")
    )
    values = [1, True, 1.0, "1", False, "yes"]
    frame = pd.DataFrame({"weak": pd.Series(values, dtype=object), "twitching": None})
    rows = [{"weak": value, "twitching": None} for value in values]
    assert_as_infer(model, rows, model.infer_frame(frame))


def test_ages(twitch: Model) -> None:
    """Ages count in completed years, at every bound of a band, and in as many fractions as there are."""
    ages = [bound + step for bound in (18, 30, 40, 50, 60, 70, 80, 120) for step in (0, 0.5, 0.999)]
    ages += [np.nextafter(30, 0), np.nextafter(121, 0), float("nan")]
    rows = [{"age": age} for age in ages]
    for dtype in (float, "Float64", object, "float64[pyarrow]"):
        assert_as_infer(twitch, rows, twitch.infer_frame(pd.DataFrame({"age": pd.Series(ages, dtype=dtype)})))


@pytest.mark.parametrize("age", [17.999, -0.5, 121.0, float("inf"), -float("inf")])
def test_bad_ages(twitch: Model, age: float) -> None:
    """A number outside the bands is shown as it stands in the cell."""
    with pytest.raises(InvalidFrameError, match=re.escape(f"row 1, column 'age': age={age!r} is not a number of")):
        twitch.infer_frame(pd.DataFrame({"age": [40.0, age]}))


# Groups, and what is assumed


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
@pytest.mark.parametrize(
    "columns",
    [
        {"twitch_location": ["face", "face;trunk", None, "Arm Hand, leg-foot"]},
        {"twitch_location": [["face"], ["face", "trunk"], None, ["arm_hand"]]},
        {"twitch_location": [{"face": True, "trunk": None}, {"face": False, "trunk": True}, None, {"face": None}]},
        {"twitch_face": [True, False, None, True], "twitch_trunk": ["no", "no", None, "yes"]},
        {"twitch_location": ["face", None, None, ""], "twitch_face": [True, False, None, None]},
        {"twitch_face": [True, False, None, None], "twitch_location": ["face", "trunk", None, "arm_hand"]},
        {"twitch_face": [True, False, None, None], "twitching": [True, None, False, None]},
        {f"twitch_{site}": [False] * 4 for site in ("face", "tongue", "arm_hand", "leg_foot", "trunk")},
        {"twitching": [None, True, False, None]},
        {"weakness": [None, True, False, None]},
    ],
)  # fmt: skip
def test_groups(twitch: Model, kind: str, columns: Mapping[str, list[Any]]) -> None:
    """A group is one column or a column a site; a null cell of `twitching` is unknown, no such column is assumed."""
    rows = [{name: values[i] for name, values in columns.items()} for i in range(4)]
    assert_as_infer(twitch, rows, twitch.infer_frame(KINDS[kind](columns)))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"twitching": False, "twitch_location": "face"}, "twitching=False contradicts twitch_location='face': give one"),
        ({"twitch_face": 1, "twitch_location": "trunk;nowhere_else"}, "twitch_face=1 contradicts twitch_location='trunk;nowhere_else': give"),
        ({"twitch_location": "trunk;nowhere_else", "twitch_face": 1}, "twitch_location='trunk;nowhere_else' contradicts twitch_face=1: give"),
        ({"weakness": True, "twitching": "no", "twitch_face": 1}, "twitching='no' contradicts twitch_face=1: give one"),
    ],
)  # fmt: skip
def test_contradictions(twitch: Model, row: Row, message: str) -> None:
    """Cells that contradict each other are the fault of their row, in the words of `infer`."""
    frame = pd.DataFrame([dict.fromkeys(row), row, row], dtype=object)
    with pytest.raises(InvalidFrameError, match=re.escape(f"row 1: {message}")) as raised:
        twitch.infer_frame(frame)
    assert (raised.value.n_rows, raised.value.n_faults, raised.value.of_rows) == (2, 2, 3)
    assert_as_infer(twitch, [dict.fromkeys(row), row, row], twitch.infer_frame(frame, on_error="null"))


# Index, order, columns


@pytest.mark.parametrize(
    "index",
    [
        [3, 1, 2],
        [5, 5, 5],
        ["b", None, "a"],
        pd.MultiIndex.from_tuples([("x", 1), ("x", 1), ("y", 2)], names=["site", "id"]),
        pd.date_range("2026-01-01", periods=3, name="day"),
    ],
    ids=["unsorted", "equal", "words", "levels", "days"],
)
@pytest.mark.parametrize("keep", [True, False])
def test_index_and_order_are_kept(twitch: Model, index: Any, keep: bool) -> None:
    """The result has the index of the frame and its rows in order, and the frame is as it was."""
    frame = pd.DataFrame({"weakness": [True, None, False]}, index=index)
    before = copy.deepcopy(frame)
    result = twitch.infer_frame(frame, keep=keep)
    pd.testing.assert_index_equal(result.index, frame.index)
    assert_as_infer(twitch, [{"weakness": w} for w in (True, None, False)], result[[*twitch.causes, *SUMMARY]])
    result["als"] = 0.0
    result.loc[:, "none"] = 0.5
    pd.testing.assert_frame_equal(frame, before)


ID, PAIN, WEAK, NOTE = "id", "pain", "schwach", "note"
AS_WEAKNESS = {WEAK: "weakness"}


@pytest.mark.parametrize(
    ("arguments", "kept", "evidence"),
    [
        ({"ignore": [ID, NOTE, WEAK]}, [], {PAIN: "pain"}),
        ({"keep": True}, [ID, PAIN, WEAK, NOTE], {PAIN: "pain"}),
        ({"keep": [NOTE, ID, WEAK]}, [NOTE, ID, WEAK], {PAIN: "pain"}),
        ({"keep": ID, "ignore": (NOTE, WEAK)}, [ID], {PAIN: "pain"}),
        ({"keep": [ID, PAIN], "ignore": [NOTE, WEAK, PAIN]}, [ID, PAIN], {}),
        ({"columns": [PAIN]}, [], {PAIN: "pain"}),
        ({"columns": [PAIN], "keep": [ID]}, [ID], {PAIN: "pain"}),
        ({"columns": PAIN, "keep": True}, [ID, PAIN, WEAK, NOTE], {PAIN: "pain"}),
        ({"columns": AS_WEAKNESS, "keep": True}, [ID, PAIN, WEAK, NOTE], {PAIN: "pain", **AS_WEAKNESS}),
        ({"columns": {**AS_WEAKNESS, PAIN: "fatigue"}, "ignore": [ID, NOTE]}, [], {PAIN: "fatigue", **AS_WEAKNESS}),
        ({"columns": []}, [], {}),
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "null"])
def test_which_columns(
    twitch: Model,
    frame_of: Callable[[Mapping[str, Any]], Any],
    arguments: Mapping[str, Any],
    kept: list[str],
    evidence: Mapping[str, str],
    on_error: Any,
) -> None:
    """Columns are renamed, chosen, kept and ignored as asked, and what comes out can be told beforehand."""
    columns = {ID: ["a", "b"], PAIN: [True, None], WEAK: ["no", "yes"], NOTE: ["x", None]}
    told = frames.output_columns(twitch, list(columns), on_error=on_error, **arguments)
    text = [("reason", "text")] if on_error == "null" else []
    floats = [(name, "float") for name in [*twitch.causes, *SUMMARY]]
    assert told == [*((name, "kept") for name in kept), *floats, *text]
    result = rows_of(twitch.infer_frame(frame_of(columns), on_error=on_error, **arguments))
    for i, row in enumerate(result):
        assert list(row) == [name for name, _ in told]
        assert {name: row[name] for name in kept} == {name: columns[name][i] for name in kept}
        p = twitch.infer({name: columns[column][i] for column, name in evidence.items()})
        assert row["als"] == pytest.approx(p["als"], rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("names", "arguments", "message"),
    [
        (["weaknes"], {}, "the model has no variable 'weaknes'. Did you mean 'weakness' or 'weakness_on_exam'?"),
        (["id"], {}, "the model has no variable 'id'. A column that is no evidence belongs in keep or ignore."),
        ([7], {}, "the model has no variable 7. A column that"),
        (["id", "weaknes"], {"keep": ["id"]}, "the model has no variable 'weaknes'."),
        (["id"], {"keep": True, "columns": {"id": "weaknes"}}, "the model has no variable 'weaknes'."),
        (["id"], {"keep": True, "columns": ["id"]}, "the model has no variable 'id'."),
        (["id", "xy"], {}, "2 problems in the evidence:\n  the model has no variable 'id'. A column that is no evidence belongs in keep or ignore.\n  the model has no variable 'xy'."),
        (["pain", "pain"], {}, "2 columns of the frame are named 'pain'; give each its own name"),
        (["pain", "ache"], {"columns": {"ache": "pain"}}, "the columns 'pain' and 'ache' are both pain; put one of them in ignore"),
        (["pain"], {"columns": {"ache": "pain"}}, "columns names a column 'ache' that the frame does not have. It has: pain."),
        (["pain"], {"columns": ["pian"]}, "columns names a column 'pian' that the frame does not have. Did you mean 'pain'?"),
        (["pain"], {"keep": ["pian"]}, "keep names a column 'pian' that the frame does not have. Did you mean 'pain'?"),
        (["pain"], {"ignore": ["pian"]}, "ignore names a column 'pian' that the frame does not have. Did you mean 'pain'?"),
        (["pain"], {"ignore": ["pain"], "columns": ["pain"]}, "the column 'pain' stands in columns and in ignore; take it out of one"),
        (["none"], {"keep": True}, "the kept column 'none' has the name of a column of the result; leave it out of keep, or rename it in the frame (as 'known_none')"),
        (["als"], {"keep": ["als"]}, "the kept column 'als' has the name of a column of the result; leave it out of keep, or rename it in the frame (as 'known_als') and give columns={'known_als': 'als'}"),
        (["reason"], {"keep": True, "on_error": "null"}, "the kept column 'reason' has the name of a column of the result; "),
        (["pain"], {"on_error": "coerce"}, "on_error='coerce' is neither 'raise' nor 'null'"),
    ],
)  # fmt: skip
def test_columns_that_cannot_be(twitch: Model, names: list[Any], arguments: Mapping[str, Any], message: str) -> None:
    """Names that are not known, not there or there twice are errors, before any row is looked at and after none."""
    frame = pd.DataFrame([["nonsense"] * len(names)], columns=names)
    kind = UnknownVariableError if "no variable" in message else InvalidValueError
    for ask in (
        lambda: twitch.infer_frame(frame, **arguments),
        lambda: frames.output_columns(twitch, names, **arguments),
    ):
        with pytest.raises(kind, match=f"^{re.escape(message)}"):
            ask()


def test_a_cause_as_evidence(twitch: Model) -> None:
    """A column of a cause is evidence; in the result the column of that name is its posterior."""
    result = twitch.infer_frame(pd.DataFrame({"als": [True, False, None]}))
    assert_as_infer(twitch, [{"als": True}, {"als": False}, {"als": None}], result)
    assert result["als"].to_list()[:2] == [1, 0]


def test_names_that_are_no_text(twitch: Model) -> None:
    """A pandas column of any name can be evidence."""
    frame = pd.DataFrame({0: [True, None], ("x", 1): ["id1", "id2"]})
    result = twitch.infer_frame(frame, columns={0: "pain"}, keep=[("x", 1)])
    assert result.columns[0] == ("x", 1)
    assert_as_infer(twitch, [{"pain": True}, {"pain": None}], result.iloc[:, 1:])


# Rows that cannot be answered


def test_bad_cells(twitch: Model) -> None:
    """One error lists the first bad cells by row label, column and value, counts the rest, and carries the data."""
    frame = pd.DataFrame({"alter": [17, 62, 400] * 5, "sex": ["m", "x", None] * 5}, index=[f"p{i}" for i in range(15)])
    with pytest.raises(InvalidFrameError, match=r"^15 rows of 15 cannot be answered \(15 faults\):\n  row 'p0', column 'alter': age=17 is not a number of years") as raised:  # fmt: skip
        twitch.infer_frame(frame, columns={"alter": "age"})
    error = raised.value
    assert [f.row for f in error.faults] == [f"p{i}" for i in range(10)]
    assert error.faults[1][:3] == ("p1", "sex", "x")
    assert "\n  row 'p1', column 'sex': sex='x' is not a state of sex; give female or male" in str(error)
    assert str(error).endswith(
        '\n  ... and 5 more faults\non_error="null" gives such rows nulls, and the reason in a column.'
    )
    assert (error.n_faults, error.n_rows, error.of_rows) == (15, 15, 15)


def test_several_faults_of_a_row(twitch: Model, frame_of: Callable[[Mapping[str, Any]], Any]) -> None:
    """Each bad cell of a row is a fault, and so is what the others contradict."""
    frame = frame_of(
        {"pain": ["maybe", "yes"], "sex": ["x", "f"], "twitching": ["no", None], "twitch_face": ["yes", None]}
    )
    with pytest.raises(InvalidFrameError, match=r"^1 row of 2 cannot be answered \(3 faults\):") as raised:
        twitch.infer_frame(frame)
    assert [(f.row, f.column, f.value) for f in raised.value.faults] == [
        (0, "pain", "maybe"),
        (0, "sex", "x"),
        (0, None, None),
    ]
    row = rows_of(twitch.infer_frame(frame, on_error="null"))[0]
    assert row["reason"].count("; give") == 2
    assert row["reason"].endswith("; twitching='no' contradicts twitch_face='yes': give one of them")


def test_nulls(twitch: Model, frame_of: Callable[[Mapping[str, Any]], Any]) -> None:
    """Rows without an answer are null, with the reason; polars and pyarrow have real nulls, and no NaN anywhere."""
    frame = frame_of({"pain": ["yes", "maybe", None], "id": ["1", "2", "3"]})
    result = twitch.infer_frame(frame, on_error="null", keep=["id"])
    assert [row["reason"] is None for row in rows_of(result)] == [True, False, True]
    assert [row["id"] for row in rows_of(result)] == ["1", "2", "3"]
    if not isinstance(result, pd.DataFrame):
        columns = result.to_pydict() if hasattr(result, "to_pydict") else result.to_dict(as_series=False)
        assert all(columns[name][1] is None for name in [*twitch.causes, *SUMMARY])


def test_impossible_rows(certain: Model) -> None:
    """Rows of probability 0 are one error that names their labels and, of the first, what cannot hold together."""
    frame = pd.DataFrame({"spot": [True, False, None, True], "ghost": [None, None, True, None]}, index=list("abcd"))
    with pytest.raises(InvalidFrameError, match=r"^3 rows of 4 cannot be answered \(3 faults\):") as raised:
        certain.infer_frame(frame)
    assert [f.row for f in raised.value.faults] == ["a", "c", "d"]
    for fault, row in zip(raised.value.faults, [{"spot": True}, {"ghost": True}, {"spot": True}], strict=True):
        with pytest.raises(ImpossibleEvidenceError, match=re.escape(fault.message)):
            certain.infer(row)
    assert_as_infer(certain, frame.astype(object).to_dict("records"), certain.infer_frame(frame, on_error="null"))


def test_refused_rows(twitch: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that the engine refuses are errors likewise, each with the engine's reason."""
    own = Engine.answer

    def refuse(*arguments: Any, into: Any, **options: Any) -> Batch:
        found = own(*arguments, into=into, **options)
        into[:, 1], into[-1, 1] = 0.0, -np.inf
        return Batch(found.answer, {1: "too large"})

    monkeypatch.setattr(Engine, "answer", refuse)
    frame = pd.DataFrame({"pain": [True, False, None]}, index=list("abc"))
    with pytest.raises(InvalidFrameError, match=r"^1 row of 3 cannot be answered \(1 fault\):\n  row 'b': too large\n"):
        twitch.infer_frame(frame)
    result = twitch.infer_frame(frame, on_error="null")
    assert result["reason"].to_list() == [pd.NA, "too large", pd.NA]
    assert result.drop(columns="reason").isna().all(axis=1).to_list() == [False, True, False]


# Edges


@pytest.mark.parametrize("on_error", ["raise", "null"])
def test_no_rows(twitch: Model, frame_of: Callable[[Mapping[str, Any]], Any], on_error: Any) -> None:
    """A frame without rows gives one without rows, with the columns and types of any other."""
    columns = {"pain": ["yes"], "age": [62], "id": ["x"]}
    full = twitch.infer_frame(frame_of(columns), keep=["id"], on_error=on_error)
    empty = twitch.infer_frame(frame_of(columns)[:0], keep=["id"], on_error=on_error)
    assert rows_of(empty) == []
    if isinstance(full, pd.DataFrame):
        pd.testing.assert_series_equal(full.dtypes, empty.dtypes)
    else:
        assert full.schema == empty.schema


def test_all_unknown(twitch: Model, frame_of: Callable[[Mapping[str, Any]], Any]) -> None:
    """Rows that say nothing, in columns without a type even, are the answer to no evidence."""
    result = twitch.infer_frame(frame_of({"pain": [None, None], "age": [None, None]}))
    assert_as_infer(twitch, [{}, {}], result)


def test_no_column_is_evidence(twitch: Model, frame_of: Callable[[Mapping[str, Any]], Any]) -> None:
    """A frame of which nothing is evidence gives every row the same answer."""
    result = twitch.infer_frame(frame_of({"id": ["x", "y"]}), ignore=["id"])
    assert_as_infer(twitch, [{}, {}], result)
    assert_as_infer(twitch, [{}] * 3, twitch.infer_frame(pd.DataFrame(index=[1, 2, 3])))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: {"pain": [True]}, "a builtins.dict is no frame that can be read; give a pandas or polars DataFrame or a pyarrow Table (Model.infer answers one case)"),
        (lambda: [{"pain": True}], "a builtins.list is no frame that can be read; give a pandas or polars DataFrame"),
        (lambda: pd.Series([True], name="pain"), "a pandas.Series is no frame"),
        (lambda: np.zeros((1, 1)), "a numpy.ndarray is no frame"),
        (lambda: "cases.csv", "a builtins.str is no frame"),
        (lambda: None, "a builtins.NoneType is no frame"),
        (lambda: polars().LazyFrame({"pain": [True]}), "a polars.LazyFrame is no frame that can be read; give a pandas or polars DataFrame or a pyarrow Table; collect() it first"),
    ],
)  # fmt: skip
def test_what_is_no_frame(twitch: Model, make: Callable[[], Any], message: str) -> None:
    """Anything else is an error that names its type and says what is right."""
    with pytest.raises(InvalidValueError, match=f"^{re.escape(message)}"):
        twitch.infer_frame(make())


def test_odd_cells(twitch: Model) -> None:
    """A cell of any object is read or refused as `infer` does."""
    values = [
        (True,),
        {"a": 1},
        datetime.date(2026, 1, 1),
        object,
        b"yes",
        10**400,
        np.array(True),
        np.array([1]),
        "yes",
    ]
    frame = pd.DataFrame({"pain": pd.Series(values, dtype=object)})
    assert_as_infer(twitch, [{"pain": value} for value in values], twitch.infer_frame(frame, on_error="null"))


# Progress


def test_progress_to_a_function(twitch: Model, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """A function is told how many rows are done, of how many, until all are."""
    monkeypatch.setattr(engine, "TASK_ROWS", 2)
    calls: list[tuple[int, int]] = []
    twitch.infer_frame(pd.DataFrame({"age": [20, 30, 40, 50, 60]}), progress=lambda *call: calls.append(call))
    assert calls[-1] == (5, 5)
    assert calls == sorted(calls)
    assert len(calls) >= 3
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("progress", "terminal", "seconds", "shown"),
    [
        (None, False, 0, False),
        (None, True, 0, True),
        (None, True, 60, False),
        (True, False, 60, True),
        (False, True, 0, False),
    ],
)
def test_progress_bar(
    twitch: Model, monkeypatch: pytest.MonkeyPatch, progress: Any, terminal: bool, seconds: float, shown: bool
) -> None:
    """A bar shows where it is asked for, or on long work in a terminal; never in a script."""
    pytest.importorskip("tqdm", reason="tqdm is not installed")
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(frames, "SECONDS_BEFORE_A_BAR", seconds)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    twitch.infer_frame(pd.DataFrame({"pain": [True] * 5}), progress=progress)
    assert ("5.00/5.00" in stream.getvalue()) is shown
    assert bool(stream.getvalue()) is shown


def test_progress_without_tqdm(twitch: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without tqdm a bar that is asked for is an error that says what to install."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(InvalidValueError, match="progress=True needs tqdm, which is not installed; pip install tqdm"):
        twitch.infer_frame(pd.DataFrame({"pain": [True]}), progress=True)


# What is loaded


def test_frames_load_what_they_need() -> None:
    """The module itself loads no frames; a pandas frame loads pandas and narwhals, and no other kind of frame."""
    heavy = {"pandas", "narwhals", "polars", "pgmpy", "networkx", "matplotlib", "dask", "pyspark", "tqdm", "scipy"}
    assert loaded_by("import twitchbayes.frames, twitchbayes.model").isdisjoint({*heavy, "pyarrow"})
    code = "import pandas as pd, twitchbayes as tb\ntb.load_model().infer_frame(pd.DataFrame({'pain': [True]}))"
    assert loaded_by(code) & heavy == {"pandas", "narwhals"}
