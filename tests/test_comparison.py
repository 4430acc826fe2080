"""Two answers side by side, and a case with some items said otherwise."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import twitchbayes
from twitchbayes import InvalidEvidenceError, InvalidValueError, Model, UnknownVariableError


def test_moves(tiny: Model) -> None:
    """A row a cause: both posteriors, their difference and that of their log odds, the largest first."""
    first, second = tiny.infer(fever=True), tiny.infer(fever=True, cough=False)
    comparison = first.compare(second)
    frame = comparison.to_frame().set_index("cause")
    for cause in tiny.causes:
        p, q = first[cause], second[cause]
        assert frame.loc[cause, ["first", "second"]].tolist() == [p, q]
        assert frame.loc[cause, "move"] == pytest.approx(q - p, abs=1e-15)
        assert frame.loc[cause, "move_nats"] == pytest.approx(math.log(q / (1 - q)) - math.log(p / (1 - p)), rel=1e-12)
    assert np.all(np.diff(frame["move_nats"].abs()) <= 0)
    assert [tuple(change) for change in comparison.evidence] == [("cough", "", "absent")]
    assert comparison.same_model
    assert f"both    {tiny.describe()}" in repr(comparison)
    same = first.compare(tiny.infer(fever=True))
    assert same.evidence == ()
    assert {row.move_nats for row in same.causes} == {0.0}
    assert "The evidence is the same." in repr(same)


def test_infinite_moves(tiny: Model) -> None:
    """To a probability of 1 the log odds move without end, which JSON has as null."""
    comparison = tiny.infer(fever=True).what_if(flu=True)
    row = comparison.causes[0]
    assert (row.cause, row.second, row.move_nats) == ("flu", 1.0, math.inf)
    said = json.loads(comparison.to_json(), parse_constant=pytest.fail)
    assert said["causes"][0]["move_nats"] is None
    assert said["second"]["evidence"] == {"fever": "present", "flu": "present"}


def test_two_models(tiny: Model, sites: Model, twitch: Model) -> None:
    """Causes are matched by name; one that a model does not have is missing there, and comes last."""
    comparison = twitch.infer(weakness=True).compare(twitch.at_population("young_adults").infer(weakness=True))
    assert not comparison.same_model
    assert comparison.evidence == ()
    assert "second  twitch 0.2.0 (young_adults" in repr(comparison)
    apart = tiny.infer(fever=True).compare(sites.infer(weak=True))
    assert {row.cause: (row.first is None, row.second is None) for row in apart.causes} == {
        "flu": (False, True),
        "cold": (False, True),
        "strain": (True, False),
        "palsy": (True, False),
    }
    assert apart.to_frame()["move"].isna().all()
    assert "no such cause" in repr(apart)
    assert "<th scope='col'" in apart._repr_html_()


def test_not_an_answer(tiny: Model) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidValueError, match=r"\{'flu': 0\.5\} is no answer; give what infer returns"):
        tiny.infer().compare({"flu": 0.5})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("case", "virtual", "changed", "changed_virtual", "expected", "expected_virtual"),
    [
        ({"weak": True}, {}, {"weak": False}, {}, {"weak": False}, {}),
        ({"weak": True, "age": 30}, {}, {"weak": None}, {}, {"age": 30}, {}),
        ({"weak": True}, {}, {}, {}, {"weak": True}, {}),
        # A group replaces its members, one member itself alone.
        ({"site": "arm"}, {}, {"site": "leg"}, {}, {"site": "leg"}, {}),
        ({"site": "arm;nowhere_else"}, {}, {"twitch_leg": True}, {}, {"site": "arm;leg"}, {}),
        # Without the sites twitching is assumed again; what was said to be unknown stays so.
        ({"site": "arm"}, {}, {"site": None}, {}, {}, {}),
        ({"twitching": None, "weak": True}, {}, {"age": 30}, {}, {"twitching": None, "weak": True, "age": 30}, {}),
        ({"weak": True}, {}, {"twitching": None}, {}, {"weak": True, "twitching": None}, {}),
        ({"twitching": None}, {}, {"twitching": True}, {}, {"twitching": True}, {}),
        # Uncertain evidence stays, is replaced, or is taken out.
        ({"age": 30}, {"weak": 3}, {"age": 62}, {}, {"age": 62}, {"weak": 3}),
        ({}, {"weak": 3}, {"weak": True}, {}, {"weak": True}, {}),
        ({}, {"weak": 3}, {"weak": None}, {}, {}, {}),
        ({"weak": True}, {}, {}, {"weak": 2}, {}, {"weak": 2}),
        ({"weak": True}, {}, {}, {"weak": None}, {"weak": True}, {}),
        ({}, {"weak": 3}, {}, {"weak": None}, {}, {}),
        ({}, {"age": {"18-39": 1, "40-120": 3}}, {"weak": True}, {}, {"weak": True}, {"age": {"18-39": 1, "40-120": 3}}),
    ],
)  # fmt: skip
def test_what_if(
    sites: Model,
    case: dict[str, Any],
    virtual: dict[str, Any],
    changed: dict[str, Any],
    changed_virtual: dict[str, Any],
    expected: dict[str, Any],
    expected_virtual: dict[str, Any],
) -> None:
    """The other answer is that to the case as it would have been given."""
    p = sites.infer(case, virtual_evidence=virtual)
    comparison = p.what_if(changed, virtual_evidence=changed_virtual)
    asked = sites.infer(expected, virtual_evidence=expected_virtual)
    assert comparison.of is p
    other = comparison.other
    assert (other.evidence, other.assumed) == (asked.evidence, asked.assumed)
    assert other.virtual_evidence == asked.virtual_evidence
    assert dict(other) == dict(asked)


def test_what_if_keeps_the_items(sites: Model) -> None:
    """Sites that were given by one word stay one item; one of them said otherwise is an item of its own."""
    p = sites.infer(site="arm;nowhere_else", weak=True)
    assert p.what_if(weak=False).other._evidence.given_as == {
        "twitch_arm": "site",
        "twitch_leg": "site",
        "weak": "weak",
    }
    assert p.what_if(twitch_leg=True).other._evidence.given_as["twitch_leg"] == "twitch_leg"
    told = p.what_if(weak=False).other.explain("palsy")
    assert told.reasons == sites.infer(site="arm;nowhere_else", weak=False).explain("palsy").reasons


def test_what_if_refuses(sites: Model) -> None:
    """Unknown names, things given twice and contradictions are those of `infer`."""
    p = sites.infer(site="arm", weak=True)
    with pytest.raises(UnknownVariableError, match=r"no variable 'weke'\. Did you mean 'weak'"):
        p.what_if(weke=True)
    with pytest.raises(InvalidValueError, match="given twice: weak=True and weak=False"):
        p.what_if({"weak": True}, weak=False)
    with pytest.raises(InvalidValueError, match="is no mapping of variable to value"):
        p.what_if("weak")  # type: ignore[arg-type]
    with pytest.raises(InvalidValueError, match=r"twitching=False contradicts site=\{'twitch_arm': 'present'\}"):
        p.what_if(twitching=False)
    with pytest.raises(InvalidEvidenceError, match="2 problems in the evidence"):
        p.what_if(weak="perhaps", age="old")


def test_shipped() -> None:
    """In the shipped model weakness taken back lowers what it spoke for."""
    comparison = twitchbayes.infer(weakness=True, age=62).what_if(weakness=False)
    moves = {row.cause: row.move_nats for row in comparison.causes}
    assert moves["als"] < -1
    assert "P(at least one serious cause): " in repr(comparison)
