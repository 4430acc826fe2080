"""What to ask next: values, answers and posteriors by the formula that defines them, groups as one, costs, the display."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import load
from oracle import BruteForce
from random_models import ORDINARY, models
from twitchbayes import (
    EngineLimitError,
    InvalidEvidenceError,
    InvalidValueError,
    Model,
    Posterior,
    UnknownVariableError,
)
from twitchbayes.asking import entropy
from twitchbayes.questions import Question, Questions

TARGETS = st.sampled_from(["causes", "serious", "c0"])


def h(p: float) -> float:
    """Entropy of an event, in bits, by its definition."""
    return -sum(q * math.log2(q) for q in (p, 1 - p) if q > 0)


def open_bits(causes: Mapping[str, Any], serious: Any, target: str) -> float:
    """What is uncertain of a target, in bits."""
    if target == "causes":
        return sum(h(float(p)) for p in causes.values())
    return h(float(serious if target == "serious" else causes[target]))


def drawn_evidence(data: st.DataObject, model: Model, n: int = 2) -> dict[str, str]:
    """Up to n observed contexts and findings, none of them a union."""
    names = [*model.network.contexts, *model.network.findings]
    chosen = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=min(n, len(names))))
    return {name: data.draw(st.sampled_from(model.network.states[name])) for name in chosen}


def every(posterior: Posterior, target: str = "causes", **options: Any) -> dict[str, Question]:
    return {q.variable: q for q in posterior.next_questions(None, target=target, **options)}


# The formula


@given(data=st.data(), target=TARGETS)
@settings(max_examples=30)
def test_values_are_those_of_the_formula(data: st.DataObject, target: str) -> None:
    """Gain, P(answer) and posteriors of every question are those of the enumerated joint distribution.

    gain = H(target | e) - sum over answers a of P(a | e) H(target | e, a), with P(a | e) = P(e, a) / P(e).
    """
    model = data.draw(models(probabilities=ORDINARY))
    evidence = drawn_evidence(data, model)
    brute = BruteForce(model.knowledge, np.longdouble)
    now = brute.answer(evidence)
    if now.evidence == 0:
        return
    found = every(model.infer(evidence), target)
    assert set(itertools.chain(*(q.replies[0].states for q in found.values()))) | set(evidence) == {
        *model.network.contexts,
        *model.network.findings,
    }
    for question in found.values():
        expected, total = 0.0, 0.0
        for reply in question.replies:
            after = brute.answer({**evidence, **reply.states})
            share = float(after.evidence / now.evidence)
            assert reply.probability == pytest.approx(share, abs=1e-9)
            assert reply.serious == pytest.approx(float(after.serious), abs=1e-9)
            assert reply.posterior == pytest.approx({c: float(p) for c, p in after.causes.items()}, abs=1e-9)
            expected += share * open_bits(after.causes, after.serious, target)
            total += share
        assert total == pytest.approx(1, abs=1e-9)
        assert question.gain_bits == pytest.approx(open_bits(now.causes, now.serious, target) - expected, abs=1e-9)
        assert question.serious_rise == pytest.approx(
            max(r.serious for r in question.replies) - float(now.serious), abs=1e-9
        )


@given(data=st.data())
@settings(max_examples=30)
def test_expected_posterior_is_the_posterior(data: st.DataObject) -> None:
    """Averaged over the answers, what would be known is what is known, also with numbers 0 and 1."""
    model = data.draw(models())
    evidence = drawn_evidence(data, model, 1)
    if not model.engine.run(model.words.read(evidence).codes[None, :]).possible[0]:
        return
    posterior = model.infer(evidence)
    for question in posterior.next_questions(None):
        assert sum(r.probability for r in question.replies) == pytest.approx(1, abs=1e-9)
        assert all(math.isfinite(v) for r in question.replies for v in (*r.posterior.values(), r.serious))
        assert question.gain_bits >= 0
        for cause in model.causes:
            mean = sum(r.probability * r.posterior[cause] for r in question.replies)
            assert mean == pytest.approx(posterior[cause], abs=1e-9)


def test_virtual_evidence_is_mixed(tiny: Model) -> None:
    """A finding seen uncertainly weighs the answers to others, and is not asked itself.

    P(cough, "fever" | e) is the mixture over fever of the hard cases, with weights 1 and 4.
    """
    found = every(tiny.infer(virtual_evidence={"fever": 4.0}))
    assert set(found) == {"winter", "cough"}
    cases = {(f, c): math.exp(tiny.infer(fever=f, cough=c).log_evidence) for f in (0, 1) for c in (0, 1)}
    coughs = cases[0, 1] + 4 * cases[1, 1]
    yes = next(r for r in found["cough"].replies if r.text == "yes")
    assert yes.probability == pytest.approx(coughs / (coughs + cases[0, 0] + 4 * cases[1, 0]), abs=1e-12)
    flu = (
        cases[0, 1] * tiny.infer(fever=0, cough=1)["flu"] + 4 * cases[1, 1] * tiny.infer(fever=1, cough=1)["flu"]
    ) / coughs
    assert yes.posterior["flu"] == pytest.approx(flu, abs=1e-12)


def test_separated_question_is_worth_nothing(tiny: Model) -> None:
    """Winter bears on influenza only: of the common cold it says nothing, unless a finding ties the two."""
    assert every(tiny.infer(), "cold")["winter"].gain_bits == pytest.approx(0, abs=1e-12)
    assert every(tiny.infer(cough=True), "cold")["winter"].gain_bits > 1e-6
    assert every(tiny.infer(flu=True), "cold")["winter"].gain_bits == pytest.approx(0, abs=1e-12)


def test_certain_model_has_no_nan(certain: Model) -> None:
    """Answers that cannot be are left out, and what they leave is certain: the rest of the numbers stays finite."""
    found = every(certain.infer(ache=None))
    assert [r.text for r in found["spot"].replies] == ["no"]
    assert found["spot"].gain_bits == pytest.approx(0, abs=1e-12)
    # mark is gene: one bit of the causes, which leaves nothing open.
    assert found["mark"].gain_bits == pytest.approx(1, abs=1e-12)


def test_entropy() -> None:
    """A fair coin has one bit, certainty none, and the rare limit is -p log2 p + p / ln 2."""
    assert entropy(np.array([0.0, 0.5, 1.0, 0.25])).tolist() == pytest.approx([0, 1, 0, 2 - 0.75 * math.log2(3)])
    assert entropy(np.array([1e-300]))[0] == pytest.approx(1e-300 * (300 * math.log2(10) + 1 / math.log(2)), rel=1e-12)


# Groups


def test_group_is_one_question(sites: Model) -> None:
    """Where no site is known, the group is asked, with all joint answers, and neither a site nor the OR."""
    found = every(sites.infer())
    assert {"site", "age", "sex", "lifting", "weak"} == set(found)
    # Twitching is assumed: no site at all cannot be.
    assert [r.text for r in found["site"].replies] == ["leg", "arm", "arm;leg"]
    assert found["site"].replies[0].states == {"twitch_arm": "absent", "twitch_leg": "present"}
    open_ = every(sites.infer(twitching=None))["site"]
    assert [r.text for r in open_.replies] == ["none", "leg", "arm", "arm;leg"]
    none = math.exp(sites.infer(twitching=False).log_evidence)
    assert open_.replies[0].probability == pytest.approx(none, abs=1e-12)


def test_sites_are_asked_alone_where_one_is_known(sites: Model) -> None:
    """A group that is known in part is asked by its other members."""
    found = every(sites.infer(site={"arm": True}))
    assert "twitch_leg" in found
    assert {"site", "twitching", "twitch_arm"}.isdisjoint(found)
    assert every(sites.infer(site="arm;nowhere_else")).keys() == {"age", "sex", "lifting", "weak"}


def test_denied_group_is_settled(sites: Model) -> None:
    """Nobody is asked where it does not twitch: the answer is certain, and worth nothing."""
    question = every(sites.infer(twitching=False))["site"]
    assert [(r.text, r.probability) for r in question.replies] == [("none", 1.0)]
    assert question.gain_bits == pytest.approx(0, abs=1e-12)


def test_large_group_is_asked_by_its_members(folder: Any) -> None:
    """Nine sites have 512 joint states: each is asked by itself."""
    variables = "variable,role,group,any_of\nflu,cause,,\nspots,group,,\nany_spot,finding,,spots\n"
    names = [f"spot_{i}" for i in range(9)]
    model = load(
        folder,
        variables=variables + "".join(f"{name},finding,spots,\n" for name in names),
        priors="variable,probability\nflu,0.1\n",
        links="parent,child,probability\n" + "".join(f"leak,{name},0.1\nflu,{name},0.5\n" for name in names),
    )
    assert every(model.infer()).keys() == set(names)


# Which, and in which order


def test_best_first(tiny: Model) -> None:
    """Questions are ordered by their gain; n takes the first of them."""
    all_ = tiny.infer().next_questions(None)
    gains = [q.gain_bits for q in all_]
    assert len(all_) == 3
    assert gains == sorted(gains, reverse=True)
    assert [q.variable for q in tiny.infer().next_questions(2)] == [q.variable for q in all_[:2]]


def test_costs_order(tiny: Model) -> None:
    """A question that costs ten times as much counts a tenth; its gain in bits stays."""
    free = tiny.infer().next_questions(None)
    best = free[0]
    dear = tiny.infer().next_questions(None, costs={best.variable: 1e6})
    assert dear[-1].variable == best.variable
    assert (dear[-1].cost, dear[-1].gain_bits) == (1e6, best.gain_bits)
    assert dear[-1].gain_per_cost == best.gain_bits / 1e6


def test_equal_gains_keep_the_order_of_the_table(folder: Any) -> None:
    """Two findings with the same numbers are worth the same, and stand as in `variables.csv`."""
    model = load(
        folder,
        variables="variable,role\nflu,cause\nb,finding\na,finding\n",
        priors="variable,probability\nflu,0.1\n",
        links="parent,child,probability\nleak,a,0.1\nleak,b,0.1\nflu,a,0.5\nflu,b,0.5\n",
    )
    assert [q.variable for q in model.infer().next_questions()] == ["b", "a"]


def test_same_twice(twitch: Model) -> None:
    """The same question put twice has the same answer to the last bit."""
    posterior = twitch.infer(age=62, weakness=True)
    first, second = (posterior.next_questions(None).to_dict() for _ in range(2))
    assert first == second
    json.dumps(first, allow_nan=False)


def test_skipped_and_known_are_not_asked(tiny: Model) -> None:
    """What is known, or not to be asked, is not among the questions; nothing left is an empty list."""
    assert every(tiny.infer(fever=True), skip=["winter"]).keys() == {"cough"}
    none = tiny.infer(fever=True, cough=True, winter=False).next_questions()
    assert len(none) == 0
    assert not none
    assert list(none.to_frame().columns)[:2] == ["variable", "question"]


def test_worth_asking_is_a_stop_rule(tiny: Model) -> None:
    """Questions above the threshold are worth it, per unit of cost; none is false."""
    posterior = tiny.infer()
    second = posterior.next_questions(2)[1]
    found = posterior.worth_asking(second.gain_bits)
    assert [q.variable for q in found] == [posterior.next_questions(1)[0].variable]
    assert not posterior.worth_asking(second.gain_bits, costs={found[0].variable: 1e3})
    assert not tiny.infer(flu=True, cold=False).worth_asking(0)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"target": "al"}, UnknownVariableError, "the model has no target 'al'"),
        ({"costs": {"flu": 1.0}}, UnknownVariableError, "no question 'flu'"),
        ({"skip": ["cuogh"]}, UnknownVariableError, "Did you mean 'cough'"),
        ({"costs": {"cough": 0}}, InvalidValueError, r"cost cough=0 is no number above 0"),
        ({"costs": {"cough": "dear"}}, InvalidValueError, r"cost cough='dear'"),
        ({"costs": {"cough": math.nan}}, InvalidValueError, r"cost cough=nan"),
        ({"n": 0}, InvalidValueError, "n=0 is no whole number of 1 or more"),
        ({"n": True}, InvalidValueError, "n=True"),
        ({"target": "x", "costs": {"cough": -1}}, InvalidEvidenceError, "2 problems"),
    ],
)
def test_wrong_arguments(tiny: Model, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    """A target, name, cost or number that is none is named."""
    with pytest.raises(kind, match=message):
        tiny.infer().next_questions(**options)


@pytest.mark.parametrize("threshold", [-0.1, math.nan, "much"])
def test_wrong_threshold(tiny: Model, threshold: Any) -> None:
    """A threshold is a number of bits."""
    with pytest.raises(InvalidValueError, match=r"threshold_bits=.* is no number of bits"):
        tiny.infer().worth_asking(threshold)


def test_refused_answers_are_told(tiny: Model, folder: Any) -> None:
    """Where a case with one answer more passes the bound of the engine, the error says so."""
    posterior = tiny.infer()
    small = load(folder)
    small.engine.max_bytes = 1
    posterior.model = small
    with pytest.raises(EngineLimitError, match="the case with one answer more cannot be answered"):
        posterior.next_questions()


# How it is shown


@pytest.fixture
def some(twitch: Model) -> Questions:
    return twitch.infer(age=62).next_questions(3, costs={"recent_exercise": 2})


def test_frames(some: Questions) -> None:
    """A row a question, and of one question a row an answer with its posterior."""
    frame = some.to_frame()
    assert frame["variable"].tolist() == [q.variable for q in some]
    assert frame["gain_per_cost"].tolist() == [q.gain_per_cost for q in some]
    answers = some[0].to_frame()
    assert answers["probability"].sum() == pytest.approx(1)
    assert answers["als"].tolist() == [r.posterior["als"] for r in some[0].replies]


def test_text_and_html(some: Questions) -> None:
    """Both name the evidence, the questions and their costs, and have the disclaimer; leaders are the first causes."""
    text, page = repr(some), some._repr_html_()
    for shown in (text, page):
        assert "age=60-69" in shown
        assert "bits per cost" in shown
        assert "Not a medical device" in shown
    assert json.loads(some.to_json()) == some.to_dict()
    reply = some[0].replies[0]
    assert list(reply.leaders) == list(reply.posterior)[:3]


def test_html_is_escaped(folder: Any) -> None:
    """No text of a model becomes markup."""
    model = load(
        folder,
        variables="variable,role,question\nflu,cause,\nfever,finding,<b>hot?</b>\n",
        priors="variable,probability\nflu,0.1\n",
        links="parent,child,probability\nleak,fever,0.1\nflu,fever,0.5\n",
    )
    page = model.infer().next_questions()._repr_html_()
    assert "&lt;b&gt;hot?" in page
    assert "<b>" not in page


def test_nothing_left_is_said(tiny: Model) -> None:
    """An empty list says that no question is worth asking."""
    assert "No question is worth asking" in repr(tiny.infer(flu=True, cold=True).worth_asking())
