"""Sensitivity functions: against brute force with the number moved, derivatives, and where the first cause changes."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models import SITES, TINY, load
from oracle import BruteForce, Truth, relative_error
from random_models import cases, models
from twitchbayes import ImpossibleEvidenceError, InvalidValueError, UnknownVariableError
from twitchbayes.inference.mixture import answer
from twitchbayes.knowledge import Knowledge
from twitchbayes.model import Model
from twitchbayes.provenance import number_names


class Moved(BruteForce):
    """Brute force over tables some of whose numbers are fractions already."""

    def exact(self, value: Any) -> Fraction:
        return value if isinstance(value, Fraction) else Fraction(float(value))


def moved(knowledge: Knowledge, number: int, t: float) -> Knowledge:
    """The tables with one number at t, links held as net ones, states of a context making room in proportion."""
    count = len(knowledge.priors)
    rows = [*knowledge.priors, *knowledge.links]
    value = [Fraction(row.number.probability) for row in rows]
    leaks = {k.child: Fraction(k.number.probability) for k in knowledge.links if k.parent == "leak"}
    roles = {name: variable.role for name, variable in knowledge.variables.items()}
    leaks |= {p.variable: value[i] for i, p in enumerate(knowledge.priors) if roles[p.variable] == "cause"}
    new, forms = list(value), ["" if i < count else rows[i].form for i in range(len(rows))]
    new[number] = Fraction(t)
    for i in range(count, len(rows)):
        if rows[i].form == "compound" and rows[i].parent != "leak":
            leak = leaks[rows[i].child]
            new[i] = (new[i] - leak) / (1 - leak) if leak != 1 else Fraction(0)
            forms[i] = "net"
    if number < count and roles[rows[number].variable] == "context":
        own = (rows[number].variable, rows[number].given)
        beside = [i for i in range(count) if i != number and (rows[i].variable, rows[i].given) == own]
        rest = sum(value[i] for i in beside)
        for i in beside:
            new[i] = (1 - new[number]) * (value[i] / rest if rest else Fraction(1, len(beside)))
    priors = [replace(p, number=replace(p.number, probability=new[i])) for i, p in enumerate(knowledge.priors)]
    links = [
        replace(k, number=replace(k.number, probability=new[i]), form=forms[i])
        for i, k in enumerate(knowledge.links, start=count)
    ]
    return replace(knowledge, priors=tuple(priors), links=tuple(links))


def truth(model: Model, number: int, t: float, p: Any) -> Truth:
    """Brute force with one number at t."""
    return Moved(moved(model.knowledge, number, t)).answer({**p.evidence, **p.assumed}, p.virtual_evidence)


@given(st.data())
@settings(max_examples=40)
def test_equals_brute_force(data: st.DataObject) -> None:
    """At any value of any number the function is the posterior of the tables with that value, also next to 0 and 1."""
    model = data.draw(models())
    case, virtual = data.draw(cases(model)), {}
    free = [name for name in (*model.findings, *model.causes) if name not in case]
    if free and data.draw(st.booleans()):
        virtual = {data.draw(st.sampled_from(free)): data.draw(st.sampled_from([0.0, 0.2, 3.0]))}
    try:
        p = model.infer(case, virtual_evidence=virtual)
    except ImpossibleEvidenceError:
        assume(False)
    cause = data.draw(st.sampled_from(model.causes))
    sensitivity = p.sensitivity(cause)
    called = number_names(model.knowledge)
    assert sorted(function.name for function in sensitivity) == sorted(called)
    for _ in range(3):
        number = data.draw(st.integers(0, len(called) - 1))
        function = sensitivity[called[number]]
        u = data.draw(st.one_of(st.sampled_from([0.0, 1e-12, 1 - 1e-9, 1.0]), st.floats(0, 1)))
        t = min(max(u, function.smallest), 1.0)
        expected = truth(model, number, t, p)
        if expected.evidence == 0:
            with pytest.raises(InvalidValueError, match="the evidence would be impossible with P"):
                function.at(t)
        else:
            assert relative_error(function.at(t), expected.causes[cause]) < 1e-9
        assert function.at_value == pytest.approx(p[cause], rel=1e-9)


@pytest.mark.parametrize("t", [1e-12, 0.3, 1 - 1e-9])
def test_equals_other_tables(twitch: Model, t: float) -> None:
    """In the shipped model the function is what the engine finds with that number in the table."""
    p = twitch.infer(weakness=True, twitch_location="arm_hand", virtual_evidence={"cramps": 3})
    network, called = twitch.network, number_names(twitch.knowledge)
    leaks = network.slots.compound_leaks
    sensitivity = p.sensitivity("als")
    for number in range(0, len(called), 9):
        function = sensitivity[called[number]]
        beside = any(f"P({name}=" in function.name for name, v in twitch.knowledge.variables.items() if v.bands)
        if number in leaks or beside or t < function.smallest:
            continue
        values = network.numbers.copy()
        values[0, number] = t
        found = answer(twitch.engine, p._evidence, network.with_values(values)).causes[0, twitch.causes.index("als")]
        assert function.at(t) == pytest.approx(found, rel=1e-9), function.name


def test_by_hand(folder: Path) -> None:
    """With fever alone the posterior of flu is a hyperbola in its prior and in the leak, worked out here."""
    model = load(folder, links=TINY["links"].replace("winter,flu,0.1", ""))
    sensitivity = model.infer(fever=True).sensitivity("flu")
    prior, leak, link = 0.02, 0.01, 0.9
    present = 1 - (1 - leak) * (1 - link)
    evidence = prior * present + (1 - prior) * leak
    # P(flu, fever) = prior * present, P(fever) = prior * present + (1 - prior) * leak.
    function = sensitivity["P(flu=present)"]
    a, b, c, d = np.array([present, 0.0, present - leak, leak]) / evidence
    assert function.coefficients == pytest.approx((a, b, c, d), rel=1e-12, abs=1e-15)
    t = np.array([[1e-12, 0.02], [0.5, 1.0]])
    assert function.at(t) == pytest.approx((a * t + b) / (c * t + d), rel=1e-12)
    assert function.derivative == pytest.approx(a * d - b * c, rel=1e-12)
    # 1 - (1 - t)(1 - link) = link + t (1 - link), with the prior, over that plus (1 - prior) t.
    of_leak = sensitivity["P(fever | leak)"]
    shape = np.array([prior * (1 - link), prior * link, prior * (1 - link) + 1 - prior, prior * link]) / evidence
    assert of_leak.coefficients == pytest.approx(tuple(shape), rel=1e-12)
    assert of_leak.at(1.0) == pytest.approx(prior, rel=1e-12)
    # Flu (0.65) is overtaken by cold (0.1, as before) where its odds are 1 : 9.
    assert of_leak.below is None
    assert of_leak.above is not None
    assert of_leak.above.to == "cold"
    at = of_leak.above.at
    assert prior * (link + at * (1 - link)) / (prior * (link + at * (1 - link)) + (1 - prior) * at) == pytest.approx(
        0.1
    )
    assert of_leak.admissible_deviation == (None, pytest.approx(at - leak))


def test_compound_numbers(folder: Path) -> None:
    """A compound link moves between its leak and 1; a leak moves alone, the net link held."""
    links = """
        parent,child,form,probability,low,high
        leak,fever,,0.2,0.1,0.3
        leak,cough,,0.05,0,1
        flu,fever,compound,0.6,0.1,0.9
        """
    sensitivity = load(folder, links=links).infer(fever=True).sensitivity("flu")
    prior, leak, link = 0.02, 0.2, 0.6

    def posterior(with_flu: float, without: float) -> float:
        return prior * with_flu / (prior * with_flu + (1 - prior) * without)

    function = sensitivity["P(fever | flu)"]
    assert function.smallest == leak
    assert function.at(0.8) == pytest.approx(posterior(0.8, leak), rel=1e-12)
    # The interval begins below the leak: the link says nothing there, and the posterior is the prior.
    assert function.at_low == pytest.approx(prior, rel=1e-12)
    assert function.at_high == pytest.approx(posterior(0.9, leak), rel=1e-12)
    assert function.derivative == pytest.approx((posterior(link + 1e-6, leak) - posterior(link - 1e-6, leak)) / 2e-6)
    net = (link - leak) / (1 - leak)
    assert sensitivity["P(fever | leak)"].at(0.3) == pytest.approx(posterior(0.3 + net * 0.7, 0.3), rel=1e-12)
    with pytest.raises(InvalidValueError, match=r"P\(fever \| flu\) cannot be 0\.1; give values from 0\.2 to 1"):
        function.at([0.5, 0.1])


def test_a_compound_link_beside_a_certain_leak(folder: Path) -> None:
    """A compound link of 1 over a leak of 1 can be nothing else, and moves nothing."""
    links = "parent,child,form,probability\nleak,fever,,1\nleak,cough,,0.1\nflu,fever,compound,1\nflu,cough,net,0.5\n"
    function = load(folder, links=links).infer(fever=True, cough=True).sensitivity("flu")["P(fever | flu)"]
    assert (function.smallest, function.derivative, function.swing) == (1.0, 0.0, 0.0)
    assert function.at(1.0) == function.at_value == pytest.approx(0.03 * 1 / 1, abs=0.2)


def test_states_make_room(sites: Model) -> None:
    """Moving one age band moves the other: with age unknown, P(palsy) is linear in each of them."""
    sensitivity = sites.infer(twitching=None).sensitivity("palsy")
    for band, other, own, left in (("18-39", "40-120", 0.0015, 0.015), ("40-120", "18-39", 0.015, 0.0015)):
        function = sensitivity[f"P(age={band})"]
        t = np.array([0.0, 0.3, 1.0])
        assert function.at(t) == pytest.approx(t * own + (1 - t) * left, rel=1e-12), other
        assert function.derivative == pytest.approx(own - left, rel=1e-12)


def test_derivative_is_the_influence(sites: Model, twitch: Model) -> None:
    """The derivatives are the influences of `provenance`, between probabilities instead of log odds."""
    compared = 0
    for p, cause in (
        (sites.infer(weak=True, lifting=True), "palsy"),
        (twitch.infer(weakness=True, cramps=True, age=62), "nerve_damage"),
    ):
        influence = p.provenance(cause).rows.set_index("number")["influence"]
        for function in p.sensitivity(cause):
            t = function.number.probability
            if not 0 < t < 1:
                continue
            expected = influence.get(function.name, 0.0) * p[cause] * (1 - p[cause]) / (t * (1 - t))
            assert function.derivative == pytest.approx(expected, rel=1e-9, abs=1e-9 * p[cause] / (t * (1 - t)))
            compared += function.name in influence.index
    assert compared > 100


def leader(model: Model, p: Any, number: int, t: float) -> str:
    """The first cause with one number at t, by the engine."""
    values = model.network.numbers.copy()
    values[0, number] = t
    causes = answer(model.engine, p._evidence, model.network.with_held_links(values)).causes[0]
    return model.causes[int(np.argmax(causes))]


def test_first_changes_where_it_says(twitch: Model) -> None:
    """Just before the value another cause is not the first yet, just after it that cause is."""
    p = twitch.infer(weakness=True, twitch_location="arm_hand", age=62)
    called = number_names(twitch.knowledge)
    sensitivity = p.sensitivity("als")
    assert sensitivity.first == "exercise"
    crossings = 0
    for number in range(len(called)):
        function = sensitivity[called[number]]
        if "age=" in function.name.partition("|")[0]:
            continue
        here = function.number.probability
        for change in (function.below, function.above):
            if change is None:
                continue
            step = 1e-6 * (change.at - here)
            assert leader(twitch, p, number, change.at - step) == "exercise", function
            assert leader(twitch, p, number, change.at + step) == change.to, function
            crossings += 1
    assert crossings > 20


@given(st.data())
@settings(max_examples=25)
def test_first_changes_nowhere_else(data: st.DataObject) -> None:
    """Between the two nearest changes no other cause is ahead of the first one, to rounding."""
    model = data.draw(models())
    try:
        p = model.infer(data.draw(cases(model)))
    except ImpossibleEvidenceError:
        assume(False)
    of_each = {cause: p.sensitivity(cause) for cause in model.causes}
    for function in of_each[next(iter(p))]:
        low = function.below.at if function.below else function.smallest
        high = function.above.at if function.above else 1.0
        t = np.linspace(low, high, 9)[1:-1]
        posteriors = {cause: of_each[cause][function.name].at(t) for cause in model.causes}
        ahead = posteriors[of_each[model.causes[0]].first]
        for other in posteriors.values():
            assert np.all(other <= ahead * (1 + 1e-9))
        down, up = function.admissible_deviation
        assert (down is None) == (function.below is None)
        assert up is None or up == pytest.approx(function.above.at - function.number.probability)
        near = function.first_change
        assert near in (function.below, function.above)
        assert (near is None) == (function.below is None and function.above is None)


def test_impossible_ends(certain: Model) -> None:
    """Where a bound of an interval makes the evidence impossible the posterior is missing there, not a guess."""
    sensitivity = certain.infer(mark=True, ache=None).sensitivity("gene")
    function = sensitivity["P(mark | gene)"]
    # Nothing else explains `mark`: whatever the link is, if it is not 0, the gene is there.
    assert (function.at_low, function.at_high, function.swing, function.derivative) == (None, 1.0, 0.0, 0.0)
    with pytest.raises(InvalidValueError, match=r"impossible with P\(mark \| gene\) = 0"):
        function.at(0.0)
    frame = sensitivity.to_frame().set_index("number")
    assert np.isnan(frame.loc["P(mark | gene)", "posterior_at_low"])
    # A ghost that can be: one chance in two to mark, against a gene that always does.
    ghost = sensitivity["P(ghost=present)"]
    assert ghost.at(0.4) == pytest.approx(0.5 / (0.5 + 0.5 * 0.4 * 0.5), rel=1e-12)


def test_frame_text_and_json(tiny: Model, twitch: Model) -> None:
    """The frame has the numbers by swing; text and HTML show the first; JSON is strict."""
    p = twitch.infer(weakness=True, twitch_location="arm_hand;nowhere_else", age=62)
    sensitivity = p.sensitivity("als")
    frame = sensitivity.to_frame()
    assert len(frame) == len(sensitivity) == len(twitch.parameters)
    assert frame["swing"].is_monotonic_decreasing
    assert frame["swing"].to_numpy() == pytest.approx(abs(frame.posterior_at_high - frame.posterior_at_low).to_numpy())
    by_place = twitch.parameters.set_index(["file", "line"])["probability"]
    assert [by_place[row.file, row.line] for row in frame.itertuples()] == frame["value"].tolist()
    said = json.loads(sensitivity.to_json(), parse_constant=pytest.fail)
    assert said["posterior"] == p["als"]
    assert [row["number"] for row in said["numbers"]] == frame["number"].tolist()
    text = repr(sensitivity)
    assert text.startswith("How P(als | evidence) = 0.111% rests on single numbers")
    assert "exercise is the most probable cause; within its interval, one of these alone makes it another" in text
    assert "<th scope='col'" in sensitivity._repr_html_()
    narrow = tiny.infer(winter=False, flu=True).sensitivity("flu")
    assert "the same wherever in its interval" in repr(narrow)
    assert "flu stays the most probable cause" in repr(narrow)


def test_html_is_escaped(folder: Path) -> None:
    """No text of a model gets into HTML as it is."""
    meta = 'title = "x"\nversion = "<b>1"\n' + "".join(
        f'{key} = "<i>"\n' for key in ("population", "window", "licence", "intended_use", "not_for")
    )
    shown = load(folder, base=SITES, meta=meta).infer(weak=True).sensitivity("palsy")._repr_html_()
    assert "<b>" not in shown
    assert "<i>" not in shown


def test_unknown_names(tiny: Model) -> None:
    """A name that is no cause, or no number, is an error with a hint."""
    with pytest.raises(UnknownVariableError, match=r"no cause 'flue'\. Did you mean 'flu'"):
        tiny.infer(fever=True).sensitivity("flue")
    with pytest.raises(UnknownVariableError, match=r"no number 'P\(flu\)'\. Did you mean 'P\(flu=present\)'"):
        tiny.infer(fever=True).sensitivity("flu")["P(flu)"]
