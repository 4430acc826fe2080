"""The conflict measure: its formula against brute force, what it says of agreement, of rare cases and of background."""

from __future__ import annotations

import functools
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models import TINY, load
from oracle import BruteForce
from random_models import cases, models
from twitchbayes import ImpossibleEvidenceError, InvalidValueError
from twitchbayes.disagreement import Conflict
from twitchbayes.model import Model


def bits(model: Model, parts: list[dict[str, str]], further: dict[str, str] | None = None) -> float:
    """log2 of prod P(part | further) / P(all parts | further), in exact fractions up to the logarithm."""
    further = further or {}

    def p(case: dict[str, str]) -> Fraction:
        whole, given = (truth(model, frozenset(said.items())) for said in ({**case, **further}, further))
        return whole / given

    product = math.prod((p(part) for part in parts), start=Fraction(1))
    return log2(product / p({name: state for part in parts for name, state in part.items()}))


@functools.lru_cache(maxsize=4096)
def truth(model: Model, case: frozenset[tuple[str, str]]) -> Fraction:
    """P(case) by brute force."""
    return BruteForce(model.knowledge).answer(dict(case)).evidence


def log2(ratio: Fraction) -> float:
    return math.log2(ratio.numerator) - math.log2(ratio.denominator)


def items_of(p: Any, conflict: Conflict) -> dict[str, dict[str, str]]:
    said = {**p.evidence, **p.assumed}
    return {item.name: {variable: said[variable] for variable in item.variables} for item in conflict.items}


@given(st.data())
@settings(max_examples=10)
def test_equals_the_formula(data: st.DataObject) -> None:
    """All items, each against the rest, each pair and each cause: log2 of products of probabilities over a whole."""
    model = data.draw(models())
    try:
        p = model.infer(data.draw(cases(model)))
    except ImpossibleEvidenceError:
        assume(False)
    conflict = p.conflict()
    parts = items_of(p, conflict)
    assert {name: state for part in parts.values() for name, state in part.items()} == {**p.evidence, **p.assumed}
    assert conflict.bits == pytest.approx(bits(model, list(parts.values())), abs=1e-9)
    for item in conflict.items:
        rest = {n: s for name, part in parts.items() if name != item.name for n, s in part.items()}
        assert item.bits == pytest.approx(bits(model, [parts[item.name], rest]), abs=1e-9)
    for pair in conflict.pairs:
        assert pair.bits == pytest.approx(bits(model, [parts[pair.a], parts[pair.b]]), abs=1e-9)
    for row in conflict.causes:
        absent = dict.fromkeys((cause for cause in model.causes), "absent")
        known = absent if row.cause == "none" else {row.cause: "present"}
        posterior = p.none if row.cause == "none" else p[row.cause]
        assert row.posterior == pytest.approx(posterior, rel=1e-9)
        if row.with_it is None:
            assert posterior == 0
            continue
        if row.cause != "none":
            assert row.with_it == pytest.approx(bits(model, [*parts.values(), known]), abs=1e-8)
            assert row.given_it == pytest.approx(bits(model, list(parts.values()), known), abs=1e-8)
        assert row.with_it == pytest.approx(conflict.bits + math.log2(row.prior / row.posterior), abs=1e-8)
    json.loads(conflict.to_json(), parse_constant=pytest.fail)
    assert repr(conflict)


def test_virtual_evidence_is_an_item(tiny: Model) -> None:
    """Uncertain evidence counts as one item, whatever its likelihoods are multiplied by."""
    brute = BruteForce(tiny.knowledge)
    conflict = tiny.infer(fever=True, virtual_evidence={"cough": 4}).conflict()
    fever, cough = {"fever": "present"}, {"cough": (1.0, 4.0)}
    expected = log2(
        brute.answer(fever).evidence * brute.answer({}, cough).evidence / brute.answer(fever, cough).evidence
    )
    assert conflict.bits == pytest.approx(expected, abs=1e-9)
    texts = conflict.to_frame().set_index("name")["text"]
    assert texts["cough"] == "cough seen with likelihoods (1.0, 4.0)"
    tenfold = tiny.infer(fever=True, virtual_evidence={"cough": {"absent": 10, "present": 40}}).conflict()
    assert tenfold.bits == pytest.approx(conflict.bits, abs=1e-9)
    # Of a cause seen uncertainly nothing is asked, nor whether all are absent.
    of_cause = tiny.infer(fever=True, virtual_evidence={"flu": 4}).conflict()
    assert [row.cause for row in of_cause.causes] == ["cold"]


def test_independent_items(sites: Model) -> None:
    """Contexts that do not depend on each other neither agree nor conflict."""
    conflict = sites.infer(age=30, sex="m", twitching=None).conflict()
    assert conflict.bits == pytest.approx(0, abs=1e-12)
    assert conflict.summary.startswith("The items hardly differ from independence (+0.00 bits)")
    assert conflict.resolved_by == ()
    assert not conflict.background


@pytest.mark.parametrize("second", [True, False])
def test_nothing_is_claimed_near_independence(folder: Path, second: bool) -> None:
    """Findings that share a rare cause alone are within 0.1 bit: no word of conflict, agreement, cause or pair."""
    links = "parent,child,probability\nleak,first,0.2\nleak,second,0.2\nrare,first,0.22\nrare,second,0.22\n"
    conflict = load(folder, base={**RARE, "links": links}).infer(first=True, second=second).conflict()
    assert 0 < abs(conflict.bits) < 0.1
    assert (conflict.bits > 0) is not second
    start = f"The items hardly differ from independence ({round(conflict.bits, 2) + 0.0:+.2f} bits)."
    assert conflict.summary.startswith(f"{start} No listed cause")  # that is about background
    assert "-0.00" not in conflict.summary
    assert conflict.resolved_by == ()


def test_sentences_use_labels(twitch: Model) -> None:
    """Items and causes are told by their labels, names stand in the lists."""
    conflict = twitch.infer(muscle_wasting=True, weakness=False, cramps=False, age=24, twitching=None).conflict()
    worst = conflict.pairs[0]
    assert {worst.a, worst.b} == {"muscle_wasting", "age"}
    assert f"muscle wasting and age 18-29 years conflict most ({worst.bits:+.3g} bits)" in conflict.summary
    assert "muscle_wasting" not in conflict.summary


def test_two_explained_findings_agree(tiny: Model) -> None:
    """Fever and cough, both of which flu explains, are more probable together than apart."""
    conflict = tiny.infer(fever=True, cough=True).conflict()
    expected = bits(tiny, [{"fever": "present"}, {"cough": "present"}])
    assert conflict.bits == pytest.approx(expected, abs=1e-9)
    assert expected < -1
    assert f"The items agree: together they are {2**-expected:.3g} times as probable" in conflict.summary


def test_a_cause_without_its_finding_conflicts(tiny: Model) -> None:
    """Flu without fever: log2 of P(no fever) / P(no fever | flu), worked out here."""
    conflict = tiny.infer(flu=True, fever=False).conflict()
    flu = 0.25 * (1 - (1 - 0.02) * (1 - 0.1)) + 0.75 * 0.02
    given_flu = 0.99 * 0.1
    no_fever = flu * given_flu + (1 - flu) * 0.99
    assert conflict.bits == pytest.approx(math.log2(no_fever / given_flu), abs=1e-9)
    assert "The items conflict" in conflict.summary
    assert conflict.resolved_by == ()
    assert "No single cause takes that away" in conflict.summary
    assert [row.cause for row in conflict.causes] == ["cold"]


# A cause that is rare, and rarer still in one place; `first` is seldom due to anything else.
RARE = {
    **TINY,
    "variables": "variable,role\nrare,cause\nplace,context\nfirst,finding\nsecond,finding\n",
    "priors": "variable,given,probability\nplace,,0.5\nrare,place=absent,0.002\nrare,place=present,0.0001\n",
    "links": "parent,child,probability\nleak,first,0.0001\nleak,second,0.2\nrare,first,0.9\nrare,second,0.1\n",
}


def test_a_rare_case_resolves(folder: Path) -> None:
    """A finding where its cause is rarer than elsewhere is a conflict, which that cause explains."""
    conflict = load(folder, base=RARE).infer(first=True, place=True).conflict()
    assert conflict.bits > 1
    assert conflict.resolved_by == ("rare",)
    row = next(row for row in conflict.causes if row.cause == "rare")
    assert row.with_it == pytest.approx(conflict.bits - math.log2(row.posterior / row.prior), abs=1e-9)
    assert (
        "With rare present as one item more this measure is not above 0: the items raise it from 0.105% to"
        in conflict.summary
    )


def test_background(tiny: Model) -> None:
    """A finding with no cause behind it, more probably than not, is told; without a finding nothing is."""
    p = tiny.infer(cough=True, flu=False, winter=False)
    assert p.none > 0.4
    strict = tiny.infer(cough=True, flu=False, cold=False)
    assert strict.none == 1
    assert strict.conflict().background
    assert "No listed cause is present with probability 100%" in strict.conflict().summary
    absent = tiny.infer(cough=False)
    assert absent.none > 0.5
    assert not absent.conflict().background


def test_a_group_is_one_item(sites: Model) -> None:
    """The members of a group count once, their OR with them: what is said twice is no agreement."""
    conflict = sites.infer(site="arm;nowhere_else", twitching=True, weak=True).conflict()
    assert {item.name: item.variables for item in conflict.items} == {
        "site": ("twitch_arm", "twitch_leg", "twitching"),
        "weak": ("weak",),
    }
    assert next(item.text for item in conflict.items if item.name == "site") == "site=twitch_arm;nowhere_else"
    there = sites.infer(site="arm", twitching=True).conflict()
    assert [item.text for item in there.items] == ["site=twitch_arm"]
    alone = sites.infer(weak=True).conflict()
    assert {item.name: item.assumed for item in alone.items} == {"twitching": True, "weak": False}
    nowhere = sites.infer(site={"arm": False, "leg": False}, weak=True).conflict()
    assert "site: twitch_arm, twitch_leg absent" in {item.text for item in nowhere.items}


def test_few_items(tiny: Model) -> None:
    """Nothing, and one item, conflict with nothing."""
    for case in ({}, {"fever": True}):
        conflict = tiny.infer(case).conflict()
        assert conflict.bits == 0
        assert "fewer than two items" in conflict.summary
        assert len(conflict.items) == len(case)


def test_frames_and_html(twitch: Model) -> None:
    """Three frames; HTML escapes what it shows."""
    conflict = twitch.infer(weakness=True, muscle_wasting=False, age=24, twitch_location="tongue").conflict()
    for what in ("items", "pairs", "causes"):
        frame = conflict.to_frame(what)
        assert len(frame) == len(getattr(conflict, what))
        assert list(frame.columns) == list(getattr(conflict, what)[0]._fields)
    with pytest.raises(InvalidValueError, match="what='all' is none of items, pairs, causes"):
        conflict.to_frame("all")  # type: ignore[arg-type]
    assert "<th scope='col'" in conflict._repr_html_()
    assert set(conflict.to_frame("causes")["cause"]) == {*twitch.causes, "none"}
