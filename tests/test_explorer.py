"""The explorer, without a browser: traits, steps, numbers, what the page is told, and the case on its way out."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import traitlets

import twitchbayes
from models import META, load
from twitchbayes import draws
from twitchbayes.errors import (
    ImpossibleEvidenceError,
    InvalidEvidenceError,
    InvalidValueError,
    TwitchbayesError,
    UnknownVariableError,
)
from twitchbayes.explorer import explore
from twitchbayes.explorer.case import Case
from twitchbayes.explorer.details import _explanation, _intervals
from twitchbayes.explorer.export import Origin
from twitchbayes.explorer.numbers import adjustable, bearing, span
from twitchbayes.knowledge import Number
from twitchbayes.model import Model

TEXTBOOK = sorted((Path(__file__).parent / "textbook").glob("*/model.toml"))
DEHYDRATION = "P(dehydration=present)"
HOSTILE = "<script>alert(1)</script>"


def heard(explorer: Any, **message: Any) -> dict[str, Any]:
    """Send a message as the page does, and return what it is shown."""
    explorer._handle_custom_msg({"act": "view:1", **message}, [])
    return dict(explorer.shown)


def told(explorer: Any) -> list[dict[str, Any]]:
    """Ask for all details as the page does, and return the pieces."""
    pieces: list[dict[str, Any]] = []
    explorer.send = pieces.append
    while not (pieces and pieces[-1]["last"]):
        heard(explorer, kind="more", serial=explorer.shown["serial"], place=len(pieces))
    return [piece for piece in pieces if piece["part"] != "work"]


def strict(value: Any) -> Any:
    """Return what JSON makes of a value; raises where it is no strict JSON."""
    return json.loads(json.dumps(value, allow_nan=False))


# Traits


def test_evidence_is_read_in_any_words_and_holds_what_they_mean(sites: Model) -> None:
    """Words, numbers and groups become states; what says nothing is left out."""
    explorer = explore(sites)
    explorer.evidence = {"age": 62, "sex": "m", "site": "arm;nowhere_else", "weak": True, "lifting": None}
    expected = {"age": "40-120", "sex": "male", "twitch_arm": "present", "twitch_leg": "absent", "weak": "present"}
    assert explorer.evidence == expected
    assert explorer.shown["given"] == {"age": 62}


def test_posterior_is_that_of_infer_to_the_last_bit(twitch: Model) -> None:
    """The trait has the same floats in the same order, and follows evidence at once."""
    explorer = explore()
    for evidence in ({}, {"weakness": "yes"}, {"weakness": "yes", "age": 62, "twitch_location": "tongue"}):
        explorer.evidence = evidence
        assert list(explorer.posterior.items()) == list(twitch.infer(evidence).items())


def test_an_observer_of_evidence_sees_the_posterior_that_belongs_to_it(tiny: Model) -> None:
    """Whoever observes either trait reads both as of one case."""
    explorer = explore(tiny)
    seen = []
    explorer.observe(
        lambda _: seen.append(explorer.posterior == dict(tiny.infer(explorer.evidence))), ["posterior", "evidence"]
    )
    explorer.evidence = {"fever": True}
    heard(explorer, kind="say", variable="cough", value="present")
    assert seen == [True] * 4


def test_the_posterior_cannot_be_set(tiny: Model) -> None:
    """It follows from the rest."""
    with pytest.raises(traitlets.TraitError, match="read-only"):
        explore(tiny).posterior = {}


@pytest.mark.parametrize(
    ("evidence", "error", "match"),
    [
        ({"weekness": True}, UnknownVariableError, "Did you mean 'weakness'"),
        ({"weakness": "blue"}, InvalidValueError, "weakness='blue' is not a state"),
        ({"age": 7}, InvalidValueError, "age=7 is not a number of years from 18 to 120"),
        ({"twitching": False, "twitch_location": "face"}, InvalidValueError, "contradicts"),
        ({"age": 7, "weakness": "blue"}, InvalidEvidenceError, "2 problems"),
    ],
)
def test_bad_evidence_from_python_raises_and_changes_nothing(
    evidence: dict[str, Any], error: type[TwitchbayesError], match: str
) -> None:
    """The error is that of infer, and every trait stays as it was."""
    explorer = explore(evidence={"cramps": True})
    before = dict(explorer.evidence), dict(explorer.posterior), explorer.shown
    with pytest.raises(error, match=match):
        explorer.evidence = evidence
    assert (dict(explorer.evidence), dict(explorer.posterior), explorer.shown) == before


def test_impossible_evidence_from_python_raises(certain: Model) -> None:
    """`spot` never shows in this model."""
    explorer = explore(certain)
    with pytest.raises(ImpossibleEvidenceError, match="spot=present"):
        explorer.evidence = {"spot": True}
    assert explorer.evidence == {}


@pytest.mark.parametrize(("name", "value"), [("selected", "nobody"), ("adjusted", {"P(nobody)": 0.1})])
def test_other_traits_that_cannot_be_taken_raise(tiny: Model, name: str, value: Any) -> None:
    """No such cause, and no such number."""
    explorer = explore(tiny)
    before = getattr(explorer, name)
    with pytest.raises(UnknownVariableError, match="nobody"):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before


def test_what_is_assumed_can_be_said_to_be_unknown_and_assumed_again(sites: Model) -> None:
    """None of what is assumed is kept in the evidence, since it changes the answer."""
    explorer = explore(sites)
    assert explorer.shown["assumed"] == {"twitching": "present"}
    shown = heard(explorer, kind="say", variable="twitching", value=None)
    assert explorer.evidence == {"twitching": None}
    assert (shown["assumed"], shown["unknown"]) == ({}, ["twitching"])
    assert dict(explorer.posterior) == dict(sites.infer(twitching=None)) == dict(sites.prior)
    explorer.evidence = {}
    assert (explorer.evidence, explorer.shown["assumed"]) == ({}, {"twitching": "present"})


# Acts of the page


def test_the_page_says_states_numbers_and_sites(sites: Model) -> None:
    """Each act is one step, echoed with its number, and the answer is that of infer."""
    explorer = explore(sites)
    heard(explorer, kind="say", variable="age", value=70.5)
    heard(explorer, kind="say", variable="twitch_arm", value="present")
    shown = heard(explorer, kind="others", group="site")
    assert shown["act"] == "view:1"
    assert shown["states"] == {"age": "40-120", "twitch_arm": "present", "twitch_leg": "absent"}
    assert shown["follows"] == {"twitching": "present"}
    assert dict(explorer.posterior) == dict(sites.infer(age=70.5, site="arm;nowhere_else"))
    assert heard(explorer, kind="say", variable="site", value=None)["states"] == {"age": "40-120"}


@pytest.mark.parametrize(
    ("act", "items"),
    [
        ({"kind": "say", "variable": "twitching", "value": "absent"}, ["twitching", "twitch_arm"]),
        ({"kind": "say", "variable": "age", "value": 7}, ["age"]),
        ({"kind": "say", "variable": "age", "value": "no number"}, ["age"]),
        ({"kind": "say", "variable": "nobody", "value": "present"}, []),
        ({"kind": "say", "variable": ["age"], "value": "present"}, []),
        ({"kind": "adjust", "number": "P(palsy=present)", "value": 0.1}, []),
        ({"kind": "adjust", "number": "P(strain=present)", "value": None}, []),
        ({"kind": "select", "cause": "nobody"}, []),
        ({"kind": "others", "group": "nothing"}, []),
        ({"kind": "dance"}, []),
    ],
)
def test_what_the_page_cannot_say_becomes_a_message_and_leaves_it_usable(
    sites: Model, act: dict[str, Any], items: list[str]
) -> None:
    """The message names the questions in conflict; the case stays, and the next act is taken."""
    explorer = explore(sites, {"twitch_arm": True})
    before = dict(explorer.evidence)
    shown = strict(heard(explorer, **act))
    assert shown["message"]["text"]
    assert shown["message"]["items"] == items
    assert dict(explorer.evidence) == before
    assert heard(explorer, kind="say", variable="weak", value="present")["message"] is None


def test_impossible_evidence_of_the_page_names_the_items_that_cannot_hold_together(certain: Model) -> None:
    """The smallest set that has probability 0."""
    explorer = explore(certain, {"born": True})
    shown = heard(explorer, kind="say", variable="spot", value="present")
    assert shown["message"]["items"] == ["spot"]
    assert explorer.evidence == {"born": "present"}


def test_a_trait_that_a_page_sets_is_taken_or_told(sites: Model) -> None:
    """As when two widgets are linked in the browser; nothing is raised where no one could see it."""
    explorer = explore(sites)
    explorer.set_state({"evidence": {"weak": "yes"}, "selected": "palsy"})
    assert (explorer.evidence, explorer.selected) == ({"weak": "present"}, "palsy")
    explorer.set_state({"evidence": {"weak": "blue"}})
    assert explorer.evidence == {"weak": "present"}
    assert "weak='blue'" in explorer.shown["message"]["text"]
    explorer.set_state({"adjusted": [1]})
    assert "adjusted=[1] is no mapping" in explorer.shown["message"]["text"]


def test_undo_redo_and_clear_go_through_every_step(tiny: Model) -> None:
    """Steps of the page and of Python are one history, and the posterior goes with them."""
    explorer = explore(tiny, {"cough": True})
    assert (explorer.shown["undo"], explorer.shown["redo"]) == (False, False)
    explorer.evidence = {"cough": True, "fever": True}
    explorer.adjusted = {"P(flu=present)": 0.2}
    heard(explorer, kind="clear")
    steps = []
    for kind in ("undo", "undo", "undo", "undo", "redo"):
        heard(explorer, kind=kind)
        steps.append((dict(explorer.evidence), dict(explorer.adjusted)))
    both = {"cough": "present", "fever": "present"}
    once = {"cough": "present"}
    assert steps == [(both, {"P(flu=present)": 0.2}), (both, {}), (once, {}), (once, {}), (both, {})]
    assert dict(explorer.posterior) == dict(tiny.infer(both))
    explorer.undo()
    explorer.redo()
    explorer.clear()
    assert (explorer.evidence, explorer.shown["redo"]) == ({}, False)


def test_a_step_after_undo_forgets_what_was_undone_and_one_without_change_is_none(tiny: Model) -> None:
    """Redo is of the last branch only."""
    explorer = explore(tiny)
    explorer.evidence = {"fever": True}
    explorer.undo()
    heard(explorer, kind="say", variable="cough", value="present")
    shown = heard(explorer, kind="say", variable="cough", value="present")
    assert shown["redo"] is False
    assert heard(explorer, kind="undo")["states"] == {}
    assert explorer.shown["undo"] is False


def test_a_band_leaves_the_number_in_it(sites: Model) -> None:
    """Whoever writes the evidence back, with one thing more, does not lose the age."""
    explorer = explore(sites, {"age": 62})
    explorer.evidence = {**explorer.evidence, "weak": True}
    assert explorer.shown["given"] == {"age": 62}
    explorer.evidence = {"age": "18-39"}
    assert explorer.shown["given"] == {}


# Numbers


def test_adjusted_numbers_are_those_of_with_priors(twitch: Model) -> None:
    """Inside the interval it stays; beyond it, it reaches to the value."""
    number = twitch.knowledge.priors[list(adjustable(twitch.knowledge)).index(DEHYDRATION)].number
    explorer = explore(evidence={"weakness": True})
    for value in (number.low, 0.9):
        explorer.adjusted = {DEHYDRATION: value}
        changed = twitch.with_priors({"dehydration": (value, number.low, max(number.high, value))})
        assert dict(explorer.posterior) == dict(changed.infer(weakness=True))
        assert explorer.answer.model.knowledge.tables == changed.knowledge.tables
    assert explorer.model is twitch


def test_a_number_at_the_value_of_the_table_is_not_adjusted(tiny: Model) -> None:
    """Reset gives the table's posterior again, to the last bit."""
    explorer = explore(tiny, {"fever": True})
    explorer.adjusted = {"P(flu=present)": 0.02, "P(cold=present)": 0.5}
    assert explorer.adjusted == {"P(cold=present)": 0.5}
    heard(explorer, kind="adjust", number="P(flu=present)", value=0.3)
    heard(explorer, kind="reset", number="P(cold=present)")
    assert explorer.adjusted == {"P(flu=present)": 0.3}
    heard(explorer, kind="reset")
    assert dict(explorer.posterior) == dict(tiny.infer(fever=True))


def test_the_moves_of_one_drag_are_one_step(tiny: Model) -> None:
    """Undo goes back to before the drag; another drag is another step."""
    explorer = explore(tiny)
    for value, drag in ((0.1, "a"), (0.2, "a"), (0.3, "b"), (0.4, "b")):
        heard(explorer, kind="adjust", number="P(flu=present)", value=value, drag=drag)
    values = []
    for _ in range(2):
        explorer.undo()
        values.append(dict(explorer.adjusted))
    assert values == [{"P(flu=present)": 0.2}, {}]


def test_states_beside_an_adjusted_one_share_what_is_left(tmp_path: Path) -> None:
    """In the proportions of the table: of 0.5, 0.3 and 0.2, with 0.5 moved to 0.6, 0.24 and 0.16."""
    model = load(tmp_path / "blood", **_THREE_STATES)
    explorer = explore(model)
    explorer.adjusted = {"P(blood=a)": 0.6}
    found = {p.state: p.number.probability for p in explorer.answer.model.knowledge.priors if p.variable == "blood"}
    assert found == pytest.approx({"a": 0.6, "b": 0.24, "o": 0.16}, rel=1e-12)
    with pytest.raises(InvalidValueError, match="do not leave room"):
        explorer.adjusted = {"P(blood=a)": 0.6, "P(blood=b)": 0.5}


_THREE_STATES = {
    "variables": """
        variable,role,states,label
        blood,context,a;b;o,
        flu,cause,,
        fever,finding,,
        """,
    "priors": """
        variable,given,state,probability
        blood,,a,0.5
        blood,,b,0.3
        blood,,o,0.2
        flu,blood=a,,0.1
        flu,blood=b,,0.2
        flu,blood=o,,0.4
        """,
    "links": """
        parent,child,probability
        leak,fever,0.01
        flu,fever,0.9
        """,
}


def test_the_numbers_that_bear_on_a_cause_are_those_of_the_case(sites: Model) -> None:
    """Strata of other people, and contexts that are known, are left out."""
    everyone = bearing(sites.knowledge, "palsy", {})
    assert [len(names) for names in everyone.values()] == [4, 2, 2]
    assert list(everyone) == ["palsy", "age", "sex"]
    man = bearing(sites.knowledge, "palsy", {"sex": "male"})
    assert man["palsy"] == ["P(palsy=present | age=18-39, sex=male)", "P(palsy=present | age=40-120, sex=male)"]
    assert bearing(sites.knowledge, "strain", {"sex": "male"}) == {
        "strain": ["P(strain=present)"],
        "lifting": ["P(lifting=present | sex=male)"],
    }


def test_a_slider_reaches_beyond_the_interval_and_a_certain_number_has_none() -> None:
    """In log odds: 0.2 in [0.1, 0.4] goes half a width further at each end; 0 and 1 have no log odds."""

    def number(p: float, low: float, high: float) -> Number:
        return Number(p, low, high, "expert", (), "", "priors.csv", 2)

    low, high = math.log(0.1 / 0.9), math.log(0.4 / 0.6)
    width = high - low
    assert span(number(0.2, 0.1, 0.4)) == pytest.approx((low - width / 2, high + width / 2))
    assert span(number(0.2, 0.2, 0.2)) == pytest.approx((math.log(0.25) - 0.7, math.log(0.25) + 0.7))
    ends = span(number(0.2, 0, 1))
    assert ends is not None
    assert all(math.isfinite(end) for end in ends)
    assert span(number(0, 0, 0.1)) is span(number(1, 0.5, 1)) is None


# What the page is told


def test_details_are_those_of_the_answer(twitch: Model) -> None:
    """Questions, weights of evidence and intervals are what the methods of the answer give."""
    evidence = {"weakness": True, "age": 62, "twitch_location": "tongue"}
    explorer = explore(evidence=evidence)
    explorer.selected = "als"
    questions, explanation, intervals = (strict(piece) for piece in told(explorer))
    p = twitch.infer(evidence)
    assert [item["variable"] for item in questions["items"]] == [q.variable for q in p.next_questions(5)]
    found = p.explain("als")
    assert [item["sentence"] for item in explanation["items"]] == list(found.sentences)
    assert [i["decibans"] for i in explanation["items"]] == pytest.approx([r.weight_decibans for r in found.reasons])
    expected = p.credible_intervals(draws=1000)
    assert {name: row["low"] for name, row in intervals["rows"].items()} == pytest.approx(
        {name: row.low for name, row in expected.rows.items()}
    )
    assert "1,000 draws" in intervals["note"]


def test_heavy_evidence_has_fewer_draws_or_none_and_says_so(twitch: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, and not measured: the same on every machine. The reasons are there whatever the evidence."""
    findings = [name for name in twitch.findings if name != "twitching"]
    case = Case(Origin.of(twitch), dict.fromkeys(findings[:22], "yes"))
    case.select("als")
    evidence = twitch.words.read(case.evidence)
    assert list(_explanation(case.answer, evidence, "als"))[-1]["items"]
    cost = twitch.engine.cost(evidence.codes)
    monkeypatch.setattr(draws, "DRAWS_COST", 150.5 * cost)
    assert (
        "over 150 draws of the tables' numbers, fewer than usual" in list(_intervals(case.answer, evidence))[-1]["note"]
    )
    monkeypatch.setattr(draws, "DRAWS_COST", 99.5 * cost)
    (spread,) = _intervals(case.answer, evidence)
    assert "answer.credible_intervals()" in spread["note"]


def test_details_of_an_older_answer_are_not_told(tiny: Model) -> None:
    """A message that comes late gets nothing; asked again, a piece is the same."""
    case = Case(Origin.of(tiny))
    old = case.serial
    first = case.more(old, 0)
    assert first is not None
    assert case.more(old, 0) is first
    assert case.more(old, 2) is None
    assert case.more(old, "0") is None
    case.say("fever", "present")
    assert case.more(old, 0) is None
    assert case.more(case.serial, 1) is None
    again = case.more(case.serial, 0)
    assert again is not None
    assert again["serial"] == case.serial != old


@pytest.mark.parametrize("path", TEXTBOOK, ids=lambda path: path.parent.name)
def test_any_model_can_be_explored(path: Path) -> None:
    """Every payload is strict JSON, and the code and the JSON give the same answer again."""
    explorer = explore(path.parent)
    strict(explorer.structure)
    for section in explorer.structure["sections"]:
        entry = section["entries"][0]
        state = entry["states"][0][0]
        strict(heard(explorer, kind="say", variable=entry["name"], value=state))
    strict(told(explorer))
    _assert_round_trips(explorer)


def test_a_model_without_questions_to_ask_or_with_states_of_its_own_can_be_explored(tmp_path: Path) -> None:
    """A context of three states, labels that are markup, and numbers that are certain."""
    hostile = _THREE_STATES["variables"].replace("a;b;o,", f"a;b;o,{HOSTILE}")
    explorer = explore(load(tmp_path / "blood", **{**_THREE_STATES, "variables": hostile}))
    assert explorer.structure["labels"]["blood"] == HOSTILE
    shown = heard(explorer, kind="say", variable="blood", value="b")
    assert shown["states"] == {"blood": "b"}
    strict(told(explorer))
    heard(explorer, kind="say", variable="fever", value="present")
    (_, explanation, _) = told(explorer)
    assert any(HOSTILE in item["sentence"] for item in explanation["items"])


def test_the_page_writes_texts_as_text() -> None:
    """No text of a model goes in as markup, and nothing is asked from outside."""
    from twitchbayes.explorer.widget import HERE

    source = (HERE / "explorer.js").read_text(encoding="utf-8")
    style = (HERE / "explorer.css").read_text(encoding="utf-8")
    for word in ("innerHTML", "insertAdjacentHTML", "outerHTML", "eval(", "fetch(", "XMLHttpRequest", "import "):
        assert word not in source
    for text in (source, style):
        assert "http" not in text
    assert "@import" not in style
    assert "url(" not in style


# On its way out


def _assert_round_trips(explorer: Any, model: Model | None = None) -> None:
    """Run the code, and give the JSON back to infer: both must give the posterior of the explorer."""
    scope: dict[str, Any] = {"model": model}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(explorer.to_python(), scope)
    assert dict(scope["posterior"]) == dict(explorer.posterior)
    assert printed.getvalue().startswith("Posterior of ")
    document = json.loads(explorer.to_json())
    priors = pd.DataFrame(document["priors"]) if document["priors"] else None
    origin = explorer._case.origin.plain
    again = twitchbayes.infer(document["evidence"], model=origin, priors=priors)
    assert dict(again) == document["posterior"] == dict(explorer.posterior)


def test_code_and_json_give_the_same_posterior_again() -> None:
    """With a number for the age, sites, something unknown, a population and numbers of a mapping."""
    explorer = explore(
        "twitch",
        {"age": 62, "weakness": "no", "twitch_location": "tongue;face;nowhere_else"},
        population="primary_care",
    )
    _assert_round_trips(explorer)
    assert "load_model('twitch', population='primary_care')" in explorer.to_python()
    assert json.loads(explorer.to_json())["evidence"]["twitch_location"] == [
        "twitch_face",
        "twitch_tongue",
        "nowhere_else",
    ]
    explorer.evidence = {"twitch_location": "tongue;face"}  # nothing of the other sites
    assert json.loads(explorer.to_json())["evidence"] == {"twitch_tongue": "present", "twitch_face": "present"}
    _assert_round_trips(explorer)
    explorer.evidence = {"twitching": None, "sex": "f"}
    explorer.adjusted = {DEHYDRATION: 0.3}
    _assert_round_trips(explorer)
    explorer.evidence = {"twitch_location": "none"}
    _assert_round_trips(explorer)


def test_code_of_a_model_that_was_given_needs_that_model(tiny: Model) -> None:
    """It says so, and priors that were given or moved are laid over it; JSON likewise."""
    explorer = explore(tiny, {"fever": True}, priors={"flu": (0.2, 0.1, 0.3)})
    _assert_round_trips(explorer, tiny)
    explorer.adjusted = {"P(cold=present)": 0.4}
    _assert_round_trips(explorer, tiny)
    assert [row["variable"] for row in json.loads(explorer.to_json())["priors"]] == ["flu", "cold"]
    assert explorer.to_python().splitlines()[2].startswith("# `model` is the one that explore() was given: tiny")


def test_code_of_states_of_one_variable_lays_a_frame_over_the_model(tmp_path: Path) -> None:
    """A mapping of priors has no states but present."""
    model = load(tmp_path / "blood", **_THREE_STATES)
    explorer = explore(model, {"fever": True})
    explorer.adjusted = {"P(blood=a)": 0.6}
    _assert_round_trips(explorer, model)
    assert "pd.DataFrame(" in explorer.to_python()


def test_a_name_of_a_model_cannot_leave_the_code(tmp_path: Path) -> None:
    """What stands in a comment has no line of its own."""
    meta = META.replace("everyone", "everyone\\nraise SystemExit")
    explorer = explore(load(tmp_path / "small", meta=meta), {"fever": True})
    assert "raise SystemExit" in explorer.to_python()
    _assert_round_trips(explorer, explorer.model)


# The door


def test_without_anywidget_an_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the model is loaded."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModuleNotFoundError, match=r"twitchbayes\[notebook\]"):
        explore("no such model")


def test_neither_the_package_nor_the_case_loads_anywidget() -> None:
    """Only the widget does."""
    code = "import sys, twitchbayes, twitchbayes.explorer.case, twitchbayes.explorer.shown as _; twitchbayes.explore; "
    code += "print(sorted({'anywidget', 'traitlets', 'ipywidgets', 'pandas'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_package_has_explore_and_explorer() -> None:
    """Lazily, as other public names."""
    from twitchbayes.explorer.widget import Explorer

    assert twitchbayes.explore is explore
    assert twitchbayes.explorer.Explorer is Explorer
    with pytest.raises(AttributeError, match="no attribute 'Explora'"):
        _ = twitchbayes.explorer.Explora  # type: ignore[attr-defined]


def test_bad_evidence_at_the_door_raises() -> None:
    """As infer does."""
    with pytest.raises(UnknownVariableError, match="weekness"):
        explore(evidence={"weekness": True})


def test_evidence_is_a_mapping() -> None:
    """What is no mapping is refused at the door, by its value."""
    with pytest.raises(InvalidValueError, match="evidence=3 is no mapping of a name to a value"):
        twitchbayes.explore(evidence=3)
