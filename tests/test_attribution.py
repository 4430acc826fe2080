"""What produced a finding: against brute force over every firing of leaks and links, and worked by hand."""

from __future__ import annotations

import html
import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models import load
from oracle import BruteForce
from random_models import ORDINARY, cases, models
from twitchbayes import EngineLimitError, Model, UnknownVariableError, attribution
from twitchbayes.display import DISCLAIMER
from twitchbayes.posterior import Posterior

NUMBERS = st.one_of(ORDINARY, ORDINARY, st.sampled_from([0.0, 1.0]))
Virtual = Mapping[str, tuple[float, ...]]


def brute(model: Model, case: Mapping[str, str], virtual: Virtual, sites: list[str]) -> tuple[dict[str, Any], Any]:
    """P(the link of a cause, or a leak, fired at some site | evidence), and P(some site is present | evidence).

    For each joint state of the causes every firing of the leaks and links to the sites, and to the other members of
    their group, is enumerated; the rest of the evidence is a sum over the whole joint distribution.
    """
    truth = BruteForce(model.knowledge, np.longdouble)
    variables = model.knowledge.variables
    group = variables[sites[0]].group
    members = [v.name for v in model.knowledge.members(group)] if group else sites
    unions = [v.name for v in variables.values() if v.any_of and v.any_of == group]
    own = {*members, *unions}
    total = {"leak": np.longdouble(0), **dict.fromkeys(model.causes, np.longdouble(0))}
    some, evidence = np.longdouble(0), np.longdouble(0)
    for states in itertools.product(["absent", "present"], repeat=len(model.causes)):
        causes = dict(zip(model.causes, states, strict=True))
        if any(case.get(cause, state) != state for cause, state in causes.items()):
            continue
        others = {name: state for name, state in case.items() if name not in own}
        weight = truth.answer({**others, **causes}, {n: v for n, v in virtual.items() if n not in own}).evidence
        ways = [cause for cause, state in causes.items() if state == "present"]
        for fired in itertools.product(*(firings(truth, member, ways) for member in members)):
            shown = {name: bool(what) for name, (what, _) in zip(members, fired, strict=True)}
            shown |= dict.fromkeys(unions, any(shown.values()))
            p = weight * math.prod(p for _, p in fired) * likelihood(shown, case, virtual)
            evidence += p
            some += p * any(shown[site] for site in sites)
            for who in {w for name, (what, _) in zip(members, fired, strict=True) if name in sites for w in what}:
                total[who] += p
    return {who: p / evidence for who, p in total.items()}, some / evidence


def firings(truth: BruteForce, finding: str, ways: list[str]) -> list[tuple[tuple[str, ...], Any]]:
    """Every set of the leak and the links of these causes that may fire, with its probability."""
    leak = truth.exact(truth.links["leak", finding].number.probability)
    linked = [cause for cause in ways if (cause, finding) in truth.links]
    chances = {"leak": leak, **{cause: truth.net(truth.links[cause, finding], leak) for cause in linked}}
    return [
        (
            tuple(itertools.compress(chances, fired)),
            math.prod(q if f else 1 - q for q, f in zip(chances.values(), fired, strict=True)),
        )
        for fired in itertools.product([False, True], repeat=len(chances))
    ]


def likelihood(shown: Mapping[str, bool], case: Mapping[str, str], virtual: Virtual) -> Any:
    if any(case.get(name) == ("absent" if present else "present") for name, present in shown.items()):
        return 0
    return math.prod(virtual[name][present] for name, present in shown.items() if name in virtual)


@st.composite
def attributed(draw: st.DrawFn) -> tuple[Model, dict[str, str], dict[str, tuple[float, ...]], str]:
    """A model, possible evidence, some of it perhaps virtual, and a finding, union or group."""
    model = draw(models(probabilities=NUMBERS))
    case = draw(cases(model))
    binary = [n for n, states in model.network.states.items() if len(states) == 2 and n not in case]
    seen = draw(st.lists(st.sampled_from(binary), max_size=2, unique=True)) if binary else []
    virtual = {name: (1.0, draw(st.sampled_from([0.25, 4.0]))) for name in seen}
    assume(BruteForce(model.knowledge, np.longdouble).answer(case, virtual).evidence > 0)
    groups = [v.name for v in model.knowledge.of_role("group")]
    # The union and the group twice as often as a finding of theirs.
    asked = [*model.network.findings, *2 * model.network.unions, *2 * groups]
    return model, case, virtual, draw(st.sampled_from(asked))


@st.composite
def several_sites(draw: st.DrawFn) -> tuple[Model, dict[str, str], dict[str, tuple[float, ...]], str]:
    """A model with a group, two or three of whose members are mostly present, and the group."""
    model = draw(models(probabilities=ORDINARY, union=True))
    assume(len(model.network.findings) > 1)
    states = st.sampled_from(["present", "present", "present", "absent", None])
    drawn = {name: draw(states) for name in model.network.findings}
    virtual = {"any_g": (1.0, 3.0)} if draw(st.booleans()) else {}
    return (
        model,
        {name: state for name, state in drawn.items() if state},
        virtual,
        draw(st.sampled_from(["g", "any_g"])),
    )


@settings(max_examples=100)
@given(st.one_of(attributed(), several_sites()))
def test_against_brute_force(drawn: tuple[Model, dict[str, str], dict[str, tuple[float, ...]], str]) -> None:
    """Every cause and the background: what the enumeration of all firings gives; together they cover the finding."""
    model, case, virtual, finding = drawn
    p = model.infer(case, virtual_evidence={name: ratio for name, (_, ratio) in virtual.items()})
    found = p.attribution(finding)
    variable = model.knowledge.variables[finding]
    group = variable.any_of or (finding if variable.role == "group" else "")
    sites = [v.name for v in model.knowledge.members(group)] if group else [finding]
    expected, present = brute(model, case, virtual, sites)
    assert {**found, "leak": found.background} == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert found.present == pytest.approx(float(present), rel=1e-9, abs=1e-12)
    assert math.fsum(found.values()) + found.background >= found.present - 1e-9
    assert all(0 <= q <= p[cause] + 1e-12 for cause, q in found.items())


@pytest.mark.parametrize("seed", range(3))
def test_many_present_sites(seed: int, twitch: Model) -> None:
    """Of the shipped model: with several sites present, no order of the sites is better than another."""
    rng = np.random.default_rng(seed)
    sites = [v.name for v in twitch.knowledge.members("twitch_location")]
    case = {"weakness": True, **{site: bool(rng.random() < 0.6) for site in sites[1:]}}
    p = twitch.infer(case)
    numbers = np.array([twitch.network.findings.index(site) for site in sites])
    evidence = twitch.words.read(case)
    sources = [(k,) for k in range(len(twitch.causes))]
    first = attribution.produced(twitch.engine, evidence, numbers, p.log_evidence, sources)
    second = attribution.produced(twitch.engine, evidence, numbers[rng.permutation(5)], p.log_evidence, sources)
    np.testing.assert_allclose(first, second, rtol=1e-9)


def test_one_finding_is_its_expected_count(twitch: Model) -> None:
    """For a finding that was observed: the expected successes of its links and leak, which learning uses."""
    p = twitch.infer(weakness=True, cramps=True, twitch_location="arm_hand;leg_foot", age=62)
    counts = twitch.engine.count(p._evidence.codes[None, :], each=True).successes[0]
    slots, first = twitch.network.slots, len(twitch.contexts)
    rows, causes = slots.rows[slots.first_link :], slots.sources - first
    findings = slots.targets - first - len(twitch.causes)
    for finding in ("weakness", "twitch_leg_foot"):
        j = twitch.network.findings.index(finding)
        found = p.attribution(finding)
        expected = {twitch.causes[k]: counts[r] for r, k, f in zip(rows, causes, findings, strict=True) if f == j}
        assert {c: found[c] for c in expected} == pytest.approx(expected, rel=1e-9, abs=1e-15)
        assert found.background == pytest.approx(counts[slots.finding_leaks(slots.rows, j)[0]], rel=1e-9)


def test_by_hand(tiny: Model) -> None:
    """Fever with no winter: flu produced it with 0.9 P(flu) / P(fever), the background with 0.01 / P(fever)."""
    # The net link is 0.9, the leak 0.01: P(fever) = 1 - 0.99 (1 - 0.02 * 0.9) = 0.02782.
    found = tiny.infer(winter=False, fever=True).attribution("fever")
    assert found["flu"] == pytest.approx(0.018 / 0.02782, rel=1e-12)
    assert found["cold"] == 0
    assert found.background == pytest.approx(0.01 / 0.02782, rel=1e-12)
    assert found.present == 1
    # P(flu) is greater: someone can have both flu and a fever that flu did not produce.
    assert found.posterior["flu"] == pytest.approx(0.02 * 0.901 / 0.02782, rel=1e-12)


def test_unknown_and_absent(tiny: Model) -> None:
    """A finding of which nothing is said: q P(cause); one that is absent was produced by nothing."""
    unknown = tiny.infer(winter=False).attribution("cough")
    assert unknown["flu"] == pytest.approx(0.6 * 0.02, rel=1e-12)
    assert unknown.background == pytest.approx(0.05, rel=1e-12)
    assert unknown.present == pytest.approx(1 - 0.95 * (1 - 0.6 * 0.02) * (1 - 0.5 * 0.1), rel=1e-12)
    absent = tiny.infer(cough=False).attribution("cough")
    assert (set(absent.values()), absent.background, absent.present) == ({0.0}, 0.0, 0.0)
    assert "It is absent: nothing produced it." in repr(absent)


def test_an_absent_group_is_never_minus_zero(sites: Model) -> None:
    """Of a group of which no member is present P is 0, and not -0."""
    found = sites.infer(twitching=False).attribution("site")
    assert math.copysign(1, found.present) == 1
    assert "P(present | evidence) = 0%" in repr(found)


def test_produced_is_that_of_the_assumed_finding(sites: Model, tiny: Model) -> None:
    """Where twitching is assumed, named or shown by a site, `produced` is its attribution; else there is none."""
    for case in ({}, {"twitching": True}, {"twitch_arm": True}, {"site": "leg"}):
        p = sites.infer(case)
        assert p.produced is not None
        assert dict(p.produced) == dict(p.attribution("twitching"))
    for case in ({"twitching": None}, {"twitching": False}):
        assert sites.infer(case).produced is None
    assert tiny.infer(fever=True).produced is None


def test_infer_does_not_compute_it(sites: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """What produced the twitching is asked for by whoever looks at it, once."""
    asked = []
    attribute = attribution.attribute
    monkeypatch.setattr(attribution, "attribute", lambda *a: asked.append(a) or attribute(*a))
    p = sites.infer(weak=True)
    assert not asked
    p.to_frame(), repr(p), p._repr_html_(), p.to_dict()
    assert len(asked) == 1


def test_shown_beside_the_posterior(sites: Model) -> None:
    """Text, HTML, frame and JSON of an answer have what produced the twitching."""
    p = sites.infer(weak=True)
    assert p.produced is not None
    for shown in (repr(p), p._repr_html_()):
        assert "produced the twitching" in shown
        assert "P(the background produced the twitching) = " in shown
    assert p.to_frame()["produced"].tolist() == [p.produced[cause] for cause in p]
    assert json.loads(p.to_json())["produced"]["produced"] == dict(p.produced)
    q = sites.infer(twitching=None)
    assert "produced" not in repr(q) + q._repr_html_()
    assert "produced" not in q.to_frame()
    assert q.to_dict()["produced"] is None


def test_answers_beyond_the_bound_are_shown(sites: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of pgmpy may be one that the NumPy engine refuses: then the text says what is missing."""

    def refuse(*_: Any) -> None:
        message = "too much for 1 byte"
        raise EngineLimitError(message)

    monkeypatch.setattr(attribution, "attribute", refuse)
    text = repr(sites.infer(weak=True))
    assert "cannot be told: too much for 1 byte" in text
    assert head_of(text) == ["cause", "prior", "posterior"]


def head_of(text: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith("  cause")).split()


def test_unknown_names(sites: Model) -> None:
    """Only a finding or a group has been produced by something, and only causes produce."""
    p: Posterior = sites.infer()
    with pytest.raises(UnknownVariableError, match=r"no finding 'twitchin'\. Did you mean 'twitching'"):
        p.attribution("twitchin")
    with pytest.raises(UnknownVariableError, match="no finding 'palsy'"):
        p.attribution("palsy")
    with pytest.raises(UnknownVariableError, match=r"no cause 'plasy'\. Did you mean 'palsy'"):
        p.attribution("weak")["plasy"]


def test_forms(sites: Model, folder: Path) -> None:
    """Frame, JSON, text and HTML hold the same, labels escaped."""
    found = sites.infer(weak=True).attribution("weak")
    frame = found.to_frame()
    assert frame["cause"].tolist() == [*found, "leak"]
    assert frame["produced"].tolist() == [*found.values(), found.background]
    said = json.loads(found.to_json())
    assert (said["produced"], said["background"], said["disclaimer"]) == (dict(found), found.background, DISCLAIMER)
    assert "at least one of them did" in repr(found)
    evil = "<script>x</script>"
    model = load(
        folder,
        variables=f"variable,role,label\nflu,cause,{evil}\nfever,finding,{evil}\n",
        priors="variable,probability\nflu,0.1",
        links="parent,child,probability\nleak,fever,0.1\nflu,fever,0.5",
    )
    page = model.infer(fever=True).attribution("fever")._repr_html_()
    assert "<script>" not in page
    assert page.count(html.escape(evil)) == 2
    assert DISCLAIMER in page
