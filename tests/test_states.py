"""Several states at once: ranges, sets and what a variable is not; levels of a graded finding; unions of causes."""

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
from hypothesis import given
from hypothesis import strategies as st

from models import SITES, load
from twitchbayes import InvalidFrameError, InvalidValueError, Model, Posterior

# `emg` has levels, `nerve` is a union of causes, and `benign` is absent where `nerve` is present.
GRADED: dict[str, str] = {
    "variables": """
        variable,role,states,unit,any_of,excludes,aliases
        age,context,18-29;30-49;50-120,years,,,
        blood,context,a;b;ab;o,,,,
        benign,cause,,,,nerve,
        root,cause,,,,,
        axon,cause,,,,,
        nerve,union,,,root;axon,,
        emg,finding,normal;mild;clear;severe,,,,slight=mild
        weak,finding,,,,,
        """,
    "priors": """
        variable,given,state,probability
        age,,18-29,0.2
        age,,30-49,0.3
        age,,50-120,0.5
        blood,,a,0.4
        blood,,b,0.1
        blood,,ab,0.1
        blood,,o,0.4
        benign,,,0.1
        root,age=18-29,,0.05
        root,age=30-49,,0.1
        root,age=50-120,,0.2
        axon,,,0.02
        """,
    "links": """
        parent,child,state,form,probability
        leak,emg,mild,net,0.05
        leak,emg,clear,net,0.02
        leak,emg,severe,net,0.01
        root,emg,mild,net,0.3
        root,emg,clear,net,0.2
        root,emg,severe,net,0.1
        axon,emg,mild,net,0.1
        axon,emg,clear,net,0.3
        axon,emg,severe,net,0.5
        leak,weak,,net,0.1
        root,weak,,net,0.4
        axon,weak,,net,0.8
        benign,weak,,net,0.01
        """,
    "sources": SITES["sources"],
}


@pytest.fixture
def graded(folder: Path) -> Model:
    """The model GRADED."""
    return load(folder, base=GRADED)


def mixture(
    model: Model, parts: Mapping[Any, float], name: str, case: Mapping[str, Any]
) -> tuple[dict[str, float], float]:
    """Return the posteriors and P(evidence) of states of one variable, each with its likelihood."""
    answers = [(model.infer({**case, name: state}), share) for state, share in parts.items()]
    weights = [share * math.exp(p.log_evidence) for p, share in answers]
    total = sum(weights)
    causes = {c: sum(w * p[c] for (p, _), w in zip(answers, weights, strict=True)) / total for c in model.causes}
    return causes, total


def agrees(p: Posterior, expected: tuple[dict[str, float], float]) -> None:
    causes, probability = expected
    assert dict(p) == pytest.approx(causes, rel=1e-12)
    assert math.exp(p.log_evidence) == pytest.approx(probability, rel=1e-12)


# Bands


@pytest.mark.parametrize(
    ("age", "words", "shares"),
    [
        ((50, 70), "50 to 70", {"50-59": 1, "60-69": 1, "70-79": 0.1}),
        ("50-70", "50 to 70", {"50-59": 1, "60-69": 1, "70-79": 0.1}),
        (" 50 to 70 ", "50 to 70", {"50-59": 1, "60-69": 1, "70-79": 0.1}),
        ((50.5, "70.9"), "50 to 70", {"50-59": 1, "60-69": 1, "70-79": 0.1}),
        (("50-59", 70), "50 to 70", {"50-59": 1, "60-69": 1, "70-79": 0.1}),
        (("50-59", "60-69"), "50 to 69", {"50-59": 1, "60-69": 1}),
        (["50-59", "60-69"], "50-59 or 60-69", {"50-59": 1, "60-69": 1}),
        ({"50-59"}, "50-59", {"50-59": 1}),
        ("50-59;60-69", "50-59 or 60-69", {"50-59": 1, "60-69": 1}),
        ("50-59 or 60-69;", "50-59 or 60-69", {"50-59": 1, "60-69": 1}),
        (pd.Series(["50-59", "60-69"]), "50-59 or 60-69", {"50-59": 1, "60-69": 1}),
        ((50, 59), "50-59", {"50-59": 1}),
        ((52, 54), "52 to 54", {"50-59": 0.3}),
        ([52, 54], "52 or 54", {"50-59": 0.2}),
        (range(58, 62), "58 or 59 or 60 or 61", {"50-59": 0.2, "60-69": 0.2}),
        ([(50, 61), (60, 64)], "50 to 61 or 60 to 64", {"50-59": 1, "60-69": 0.5}),
        ("not 18-29;30-39", "not 18-29 or 30-39", {"40-49": 1, "50-59": 1, "60-69": 1, "70-79": 1, "80-120": 1}),
        ("not 20 to 120", "not 20 to 120", {"18-29": 2 / 12}),
        ("at least 65", "at least 65", {"60-69": 0.5, "70-79": 1, "80-120": 1}),
        (">=80", "80-120", {"80-120": 1}),
        ("at most 30", "at most 30", {"18-29": 1, "30-39": 0.1}),
        ("<= 29", "18-29", {"18-29": 1}),
    ],
    ids=str,
)  # fmt: skip
def test_ranges_of_bands(twitch: Model, age: Any, words: str, shares: dict[str, float]) -> None:
    """A range is the mixture of the bands that it covers, each by the share of its whole years that are in the range."""
    case = {"weakness": True, "cramps": False}
    p = twitch.infer(case, age=age)
    assert p.evidence == {**twitch.infer(case).evidence, "age": words}
    assert p.states_left["age"] == tuple(shares)
    agrees(p, mixture(twitch, shares, "age", case))
    assert p == twitch.infer(p.evidence)
    assert (p.virtual_evidence, p.model) == ({}, twitch)


@pytest.mark.parametrize("age", [(18, 120), "18-120", "at least 18", list(range(18, 121))])
def test_all_states_say_nothing(twitch: Model, age: Any) -> None:
    """A range of everything is unknown."""
    assert twitch.infer(weakness=True, age=age) == twitch.infer(weakness=True)
    assert twitch.infer(weakness=True, age=age).evidence == {"weakness": "present"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("age", (70, 50), "age=(70, 50): the range goes down, from 70 to 50; give the lower end first"),
        ("age", "70-50", "age='70-50': the range goes down, from 70 to 50; give the lower end first"),
        ("age", (10, 30), "age=(10, 30): 10 is not a number of years from 18 to 120"),
        ("age", (50, None), "age=(50, None): None is not a number of years"),
        ("age", (50, 60, 70), "age=(50, 60, 70): a tuple is a range of two, the lower first; give a list for several"),
        ("age", ["50-59", "60-70 years"], "age=['50-59', '60-70 years']: '60-70 years' is not a number of years"),
        ("age", "50-59;unknown", "age='50-59;unknown': 'unknown' is not a number of years"),
        ("age", ["50-59", None], "age=['50-59', None]: None is not a number of years"),
        ("age", "not 18-120", "age='not 18-120': it leaves no state"),
        ("age", "not not 18-29", "age='not not 18-29': 'not 18-29' is not a number of years"),
        ("sex", ["female", "x"], "sex=['female', 'x']: 'x' is not a state of sex; give female or male, or None for"),
        ("sex", [], "sex=[] is not a state of sex"),
        ("weakness", "at least yes", "weakness='at least yes' is not a state of weakness"),
    ],
)  # fmt: skip
def test_what_is_no_range(twitch: Model, name: str, value: Any, message: str) -> None:
    """A range that goes down, out of the model, or names no state is an error that names the part at fault."""
    with pytest.raises(InvalidValueError, match=f"^{re.escape(message)}"):
        twitch.infer({name: value})


@pytest.mark.parametrize(
    ("value", "state"),
    [([True], "present"), ((0,), "absent"), ("not no", "present"), ("not present", "absent"), (frozenset({"yes"}), "present"), (["no", "yes"], None),
     ("yes;no", None), ("yes or yes", "present"), (np.array([1, 1]), "present")],
    ids=str,
)  # fmt: skip
def test_sets_of_a_binary_variable(twitch: Model, value: Any, state: str | None) -> None:
    """A set of one state is that state, hard as ever, and one of both says nothing."""
    p = twitch.infer(weakness=value, twitching=None)
    assert p.evidence == ({"weakness": state} if state else {})
    assert p == twitch.infer({"weakness": state}, twitching=None)


def test_a_range_beside_virtual_evidence(twitch: Model) -> None:
    """Both are mixtures, of all pairs; a variable cannot have both."""
    case = {"pain": True}
    p = twitch.infer(case, age=(55, 64), virtual_evidence={"weakness": 3})
    parts = [(age, w, 0.5 * r) for age, (w, r) in itertools.product(["50-59", "60-69"], [(True, 3), (False, 1)])]
    answers = [(twitch.infer(case, age=age, weakness=w), share) for age, w, share in parts]
    weights = [share * math.exp(one.log_evidence) for one, share in answers]
    for cause in p:
        expected = sum(w * one[cause] for w, (one, _) in zip(weights, answers, strict=True)) / sum(weights)
        assert p[cause] == pytest.approx(expected, rel=1e-12)
    likelihoods = dict.fromkeys(twitch.knowledge.variables["age"].states, 1)
    with pytest.raises(InvalidValueError, match=r"^age is observed \(55 to 64\) and has virtual evidence"):
        twitch.infer(age=(55, 64), virtual_evidence={"age": likelihoods})


def test_what_is_told_of_a_range(twitch: Model) -> None:
    """It is one item in explanations, in the words it was given in, and everything else takes it."""
    p = twitch.infer(weakness=True, age=(50, 70), sex="not male")
    assert p.evidence["sex"] == "female"
    reason = next(r for r in p.explain("als").reasons if r.item.name == "age")
    assert (reason.item.kind, reason.words) == ("observed", "Age 50 to 70 years")
    without = twitch.infer(weakness=True, sex="female")
    assert reason.probability_without == pytest.approx(without["als"], rel=1e-12)
    named = {row.number for row in p.explain("als").numbers if "age=" in row.number}
    assert named == {f"P(als=present | age={band}, sex=female)" for band in ("50-59", "60-69", "70-79")}
    assert "age" not in {q.variable for q in p.next_questions(None)}
    assert "age=50 to 70" in repr(p)
    assert sum(p.joint(["als", "stress"])["probability"]) == pytest.approx(1, rel=1e-12)
    assert p.credible_intervals(draws=100, seed=1)["als"].low < p["als"] < p.credible_intervals(draws=100)["als"].high
    assert p.what_if(weakness=False).other.evidence["age"] == "50 to 70"
    moved = p.sensitivity("als")["P(als=present | age=70-79, sex=female)"]
    assert moved.derivative > 0


@pytest.mark.parametrize(
    ("age", "expected"), [((40, 62), ["r2"]), ((39, 62), []), ("at least 45", ["r2"]), ((18, 30), []), (None, [])]
)
def test_red_flags_of_ranges(folder: Path, age: Any, expected: list[str]) -> None:
    """A rule is met if every state that is left meets it."""
    rules = "rule,label,evidence,advice,source\nr2,Older,age>=40,An advice.,book\n"
    model = load(folder, base=SITES, red_flags=rules)
    assert [flag.rule for flag in model.infer(age=age).red_flags] == expected


def test_simulation_of_a_range(twitch: Model) -> None:
    """Cases that are given a range are drawn from its bands by their shares, as often as the posterior says."""
    bands = twitch.simulate(4000, seed=1, given={"age": (50, 70)}, causes=False)["age"].value_counts(normalize=True)
    seen = bands[bands > 0].to_dict()
    weights = {
        band: share * math.exp(twitch.infer(age=band, twitching=None).log_evidence)
        for band, share in {"50-59": 1, "60-69": 1, "70-79": 0.1}.items()
    }
    assert seen == pytest.approx({band: w / sum(weights.values()) for band, w in weights.items()}, abs=0.03)


# Contexts with states of their own


@pytest.mark.parametrize(
    ("blood", "words", "left"),
    [
        (["a", "b"], "a or b", ["a", "b"]),
        (("a", "ab", "o"), "a or ab or o", ["a", "ab", "o"]),
        ("not b", "not b", ["a", "ab", "o"]),
        ("A;B", "a or b", ["a", "b"]),
        ("not a or ab or b", "o", ["o"]),
    ],
)
def test_sets_of_a_context(graded: Model, blood: Any, words: str, left: list[str]) -> None:
    """States without an order: a tuple is a set like any other."""
    p = graded.infer(weak=True, blood=blood)
    assert p.evidence["blood"] == words
    assert p.states_left["blood"] == tuple(left)
    agrees(p, mixture(graded, dict.fromkeys(left, 1), "blood", {"weak": True}))


# Levels


@pytest.mark.parametrize(
    ("emg", "words", "left"),
    [
        ("mild", "mild", ["mild"]),
        ("Slight", "mild", ["mild"]),
        ("at least mild", "at least mild", ["mild", "clear", "severe"]),
        (">=clear", "at least clear", ["clear", "severe"]),
        ("at most clear", "at most clear", ["normal", "mild", "clear"]),
        ("<= mild", "at most mild", ["normal", "mild"]),
        ("at least severe", "severe", ["severe"]),
        (("mild", "clear"), "mild to clear", ["mild", "clear"]),
        ("mild to clear", "mild to clear", ["mild", "clear"]),
        (["clear", "mild"], "mild to clear", ["mild", "clear"]),
        (["severe", "normal"], "severe or normal", ["normal", "severe"]),
        ("not normal", "at least mild", ["mild", "clear", "severe"]),
        ("not mild", "not mild", ["normal", "clear", "severe"]),
        (True, "at least mild", ["mild", "clear", "severe"]),
        ("yes", "at least mild", ["mild", "clear", "severe"]),
        (1, "at least mild", ["mild", "clear", "severe"]),
        ("no", "normal", ["normal"]),
        (0, "normal", ["normal"]),
        (False, "normal", ["normal"]),
        ("not yes", "normal", ["normal"]),
    ],
)
def test_levels(graded: Model, emg: Any, words: str, left: list[str]) -> None:
    """A level, a bound or a range is one hard code; a set with a gap is a mixture; yes is above the lowest level."""
    p = graded.infer(weak=True, emg=emg)
    assert p.evidence["emg"] == words
    assert p.states_left["emg"] == tuple(left)
    said = graded.words.said("emg", emg)
    assert said is not None
    assert (said.code == -1) == (words in {"severe or normal", "not mild"})
    agrees(p, mixture(graded, dict.fromkeys(left, 1), "emg", {"weak": True}))
    assert p == graded.infer(p.evidence)


def test_levels_that_say_nothing_or_are_none(graded: Model) -> None:
    """All levels are unknown; a level that the finding does not have is an error that names those that it has."""
    assert graded.infer(emg=["normal", "mild", "clear", "severe"]) == graded.infer()
    assert graded.infer(emg="at least normal").evidence == {}
    message = (
        "emg='at least bad': 'bad' is not a state of emg; give normal or mild or clear or severe, or several of them as "
        "'at least mild', or None for unknown"
    )
    with pytest.raises(InvalidValueError, match=f"^{re.escape(message)}$"):
        graded.infer(emg="at least bad")
    with pytest.raises(InvalidValueError, match=r"the range goes down, from clear to mild"):
        graded.infer(emg=("clear", "mild"))


# Unions of causes, and exclusions


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ({"nerve": False, "root": True}, "nerve=False contradicts root=True: give one of them"),
        ({"nerve": 1, "root": 0, "axon": "no"}, "nerve=1 contradicts root=0, axon='no': no cause is left for it"),
        (
            {"benign": True, "axon": True},
            "benign=True contradicts axon=True: benign is defined by the absence of it, as its row of variables.csv says",
        ),
        ({"nerve": True, "benign": "yes"}, "benign='yes' contradicts nerve=True: benign is defined by the absence of it"),
    ],
)  # fmt: skip
def test_causes_that_contradict_each_other(graded: Model, case: dict[str, Any], message: str) -> None:
    """A union and its causes, and a cause and what it excludes: an error that names both, in a table too."""
    with pytest.raises(InvalidValueError, match=f"^{re.escape(message)}"):
        graded.infer(case)
    frame = pd.DataFrame([dict.fromkeys(case), case], dtype=object)
    with pytest.raises(InvalidFrameError, match=re.escape(f"row 1: {message}")) as raised:
        graded.infer_frame(frame)
    assert (raised.value.n_rows, raised.value.n_faults) == (1, 1)


@pytest.mark.parametrize("case", [{"nerve": True, "root": False}, {"nerve": False, "benign": True}, {"nerve": True}])
def test_a_union_of_causes_is_evidence(graded: Model, case: dict[str, Any]) -> None:
    """A union that is observed is what its causes make of it, by their joint distribution."""
    p = graded.infer(case, weak=True)
    open_ = graded.infer({name: value for name, value in case.items() if name != "nerve"}, weak=True)
    joint = open_.joint(["root", "axon", "benign"])
    holds = joint[(joint["root"] | joint["axon"]) == case["nerve"]]
    for cause in ("root", "axon", "benign"):
        expected = holds.loc[holds[cause], "probability"].sum() / holds["probability"].sum()
        assert p[cause] == pytest.approx(expected, rel=1e-12, abs=1e-15)


# Tables


CELLS = {
    "age": [None, "25", "20-60", "at least 40", "18-29;50-120", "not 30-49"],
    "emg": [None, "yes", "mild", "at most clear", "normal;severe", "not mild"],
    "blood": [None, "a", "a;b", "not o"],
    "nerve": [None, "yes", "no"],
}


@given(data=st.data())
def test_tables_answer_as_one_case_does(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Rows with ranges, sets and likelihoods beside others without: each is what `infer` makes of it."""
    model = load(tmp_path_factory.mktemp("graded") / "model", base=GRADED)
    n = data.draw(st.integers(1, 6))
    names = data.draw(st.lists(st.sampled_from(sorted(CELLS)), unique=True))
    rows = [{name: data.draw(st.sampled_from(CELLS[name])) for name in names} for _ in range(n)]
    ratios = [{"ratio": data.draw(st.sampled_from([None, 0.0, 0.25, 7.5, "3", "unknown"]))} for _ in range(n)]
    frame = pd.DataFrame([{**row, **ratio} for row, ratio in zip(rows, ratios, strict=True)], dtype=object)
    found = model.infer_frame(frame, virtual_evidence={"weak": "ratio"})
    for i, (row, ratio) in enumerate(zip(rows, ratios, strict=True)):
        p = model.infer(row, virtual_evidence={"weak": ratio["ratio"]})
        assert found.loc[i, list(p)].to_dict() == pytest.approx(dict(p), rel=1e-12, abs=1e-15)
        summary = found.loc[i, ["none", "serious", "log_evidence"]].tolist()
        assert summary == pytest.approx([p.none, p.serious, p.log_evidence], rel=1e-12, abs=1e-14)
