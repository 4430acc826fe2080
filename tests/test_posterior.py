"""One answer: its numbers worked by hand, its forms, and what it says of evidence that cannot be."""

from __future__ import annotations

import itertools
import json
import math
import pickle
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models import CERTAIN, SITES, TINY, load
from twitchbayes import ImpossibleEvidenceError, Model, Posterior, UnknownVariableError, conflict, posterior
from twitchbayes.display import DISCLAIMER, percent

# Two causes and a finding, by hand. P(a) = 0.1 (serious), P(b) = 0.2, leak 0.1, links 0.9 and 0.5, so that
# P(f | neither) = 0.1, P(f | a) = 1 - 0.9 * 0.1 = 0.91, P(f | b) = 1 - 0.9 * 0.5 = 0.55,
# P(f | both) = 1 - 0.9 * 0.1 * 0.5 = 0.955, and with the priors 0.9 * 0.8, 0.1 * 0.8, 0.9 * 0.2, 0.1 * 0.2:
NEITHER, ONLY_A, ONLY_B, BOTH = 0.72 * 0.1, 0.08 * 0.91, 0.18 * 0.55, 0.02 * 0.955
P_F = 0.2629  # 0.072 + 0.0728 + 0.099 + 0.0191

TWO_CAUSES = {
    "variables": "variable,role,serious\na,cause,yes\nb,cause,no\nf,finding,",
    "priors": "variable,probability\na,0.1\nb,0.2",
    "links": "parent,child,probability\nleak,f,0.1\na,f,0.9\nb,f,0.5",
}


@pytest.fixture
def two(folder: Path) -> Model:
    """Two causes and a finding."""
    return load(folder, **TWO_CAUSES)


def test_by_hand(two: Model) -> None:
    """Posteriors, none, serious, evidence and joint are those worked out above."""
    p = two.infer(f=True)
    assert pytest.approx(P_F, rel=1e-12) == NEITHER + ONLY_A + ONLY_B + BOTH
    assert p["a"] == pytest.approx(0.0919 / 0.2629, rel=1e-12)  # 0.0728 + 0.0191
    assert p["b"] == pytest.approx(0.1181 / 0.2629, rel=1e-12)  # 0.099 + 0.0191
    assert p.none == pytest.approx(0.072 / 0.2629, rel=1e-12)
    assert p.serious == pytest.approx(p["a"], rel=1e-12)
    assert p.log_evidence == pytest.approx(math.log(0.2629), rel=1e-12)
    assert p.joint(["a", "b"])["probability"].tolist() == pytest.approx(
        [BOTH / P_F, ONLY_A / P_F, ONLY_B / P_F, NEITHER / P_F], rel=1e-12
    )
    assert p.most_probable_explanations(9) == [
        (("b",), pytest.approx(ONLY_B / P_F)),
        (("a",), pytest.approx(ONLY_A / P_F)),
        ((), pytest.approx(NEITHER / P_F)),
        (("b", "a"), pytest.approx(BOTH / P_F)),
    ]


def test_by_hand_with_the_finding_absent(two: Model) -> None:
    """Absence counts too: 0.72 * 0.9 + 0.08 * 0.09 + 0.18 * 0.45 + 0.02 * 0.045 = 0.7371."""
    p = two.infer(f=False)
    assert p.log_evidence == pytest.approx(math.log(0.7371), rel=1e-12)
    assert p["a"] == pytest.approx((0.0072 + 0.0009) / 0.7371, rel=1e-12)
    assert p["b"] == pytest.approx((0.081 + 0.0009) / 0.7371, rel=1e-12)
    assert p.none == pytest.approx(0.648 / 0.7371, rel=1e-12)


def test_serious_is_at_least_one(folder: Path) -> None:
    """With both causes serious, P(serious) is one minus P(neither); with none serious it is 0."""
    both, none = (TWO_CAUSES["variables"].replace(",yes", f",{w}").replace(",no", f",{w}") for w in ("yes", "no"))
    p = load(folder / "both", **{**TWO_CAUSES, "variables": both}).infer(f=True)
    assert p.serious == pytest.approx((ONLY_A + ONLY_B + BOTH) / P_F, rel=1e-12)
    assert load(folder / "none", **{**TWO_CAUSES, "variables": none}).infer(f=True).serious == 0


def test_prior_by_hand(two: Model) -> None:
    """The prior is that of the tables, whatever the evidence."""
    p = two.infer(f=True)
    assert dict(p.prior) == pytest.approx({"a": 0.1, "b": 0.2}, rel=1e-12)
    assert two.prior_none == pytest.approx(0.72, rel=1e-12)


def tiny_joint(case: dict[str, bool]) -> dict[tuple[bool, bool], float]:
    """P(flu, cold, case) of the model TINY, summed over everything else, straight from its numbers."""
    weights = dict.fromkeys(itertools.product([True, False], repeat=2), 0.0)
    for winter, flu, cold, fever, cough in itertools.product([True, False], repeat=5):
        state = {"winter": winter, "flu": flu, "cold": cold, "fever": fever, "cough": cough}
        if any(state[name] != value for name, value in case.items()):
            continue
        p_flu = 1 - 0.98 * (0.9 if winter else 1)
        p_fever = 1 - 0.99 * (0.1 if flu else 1)
        p_cough = 1 - 0.95 * (0.4 if flu else 1) * (0.5 if cold else 1)
        chances = ((0.25, winter), (p_flu, flu), (0.1, cold), (p_fever, fever), (p_cough, cough))
        weights[flu, cold] += math.prod(p if holds else 1 - p for p, holds in chances)
    return weights


TINY_CASES = [
    dict(zip(names, values, strict=True))
    for n in range(4)
    for names in itertools.combinations(["winter", "fever", "cough"], n)
    for values in itertools.product([True, False], repeat=n)
] + [{"flu": True}, {"flu": False, "cough": True}, {"cold": True, "cough": True, "winter": True}]


@pytest.mark.parametrize("case", TINY_CASES, ids=repr)
def test_against_the_whole_joint(tiny: Model, case: dict[str, bool]) -> None:
    """Every pattern of evidence on TINY agrees with the sum over all 32 states of the world."""
    weights = tiny_joint(case)
    total = sum(weights.values())
    p = tiny.infer(case)
    assert p["flu"] == pytest.approx((weights[True, True] + weights[True, False]) / total, rel=1e-12)
    assert p["cold"] == pytest.approx((weights[True, True] + weights[False, True]) / total, rel=1e-12)
    assert p.none == pytest.approx(weights[False, False] / total, rel=1e-12)
    assert p.log_evidence == pytest.approx(math.log(total), rel=1e-12, abs=1e-12)
    joint = p.joint(["flu", "cold"]).set_index(["flu", "cold"])["probability"]
    expected = {states: weight / total for states, weight in weights.items() if weight > 0}
    assert {states: joint[states] for states in expected} == pytest.approx(expected, rel=1e-12)
    explanations = {(("flu" in names), ("cold" in names)): q for names, q in p.most_probable_explanations(10)}
    assert explanations == pytest.approx(expected, rel=1e-12)
    assert list(explanations.values()) == sorted(explanations.values(), reverse=True)


# A mapping


def test_mapping(twitch: Model) -> None:
    """A posterior is a mapping of all causes, the most probable first."""
    p = twitch.infer(weakness=True, age=62)
    assert len(p) == len(twitch.causes) == len(list(p))
    assert set(p) == set(twitch.causes)
    assert list(p.values()) == sorted(p.values(), reverse=True)
    assert list(p.items()) == [(cause, p[cause]) for cause in p]
    assert "als" in p
    assert "weakness" not in p
    assert 5 not in p
    assert p.get("weakness", -1) == -1
    assert all(type(value) is float for value in (*p.values(), p.none, p.serious, p.log_evidence))
    with pytest.raises(TypeError, match="does not support item assignment"):
        p["als"] = 1  # type: ignore[index]


def test_equal_probabilities_keep_the_order_of_the_table(folder: Path) -> None:
    """Ties stand in the order of variables.csv."""
    names = ["c", "a", "d", "b"]
    model = load(
        folder,
        variables="variable,role\nf,finding\n" + "".join(f"{n},cause\n" for n in names),
        priors="variable,probability\n" + "".join(f"{n},0.25\n" for n in sorted(names)),
        links="parent,child,probability\nleak,f,0.5",
    )
    assert list(model.infer(f=True)) == names


@pytest.mark.parametrize(
    ("name", "hint"),
    [("alz", "Did you mean 'als'?"), ("ALS", "Did you mean 'als'?"), ("weakness", "It has: "), (3, "It has: ")],
)
def test_unknown_cause(twitch: Model, name: Any, hint: str) -> None:
    """A name that is no cause is a KeyError that reads as a sentence and suggests one."""
    p = twitch.infer()
    with pytest.raises(KeyError, match=re.escape(f"the model has no cause {name!r}. {hint}")) as raised:
        p[name]
    assert isinstance(raised.value, UnknownVariableError)
    assert str(raised.value).startswith("the model has no cause")
    with pytest.raises(UnknownVariableError, match=re.escape(f"the model has no cause {name!r}")):
        p.joint(["als", name])


# Joint and explanations


@pytest.fixture
def eight(folder: Path) -> Model:
    """Eight causes of six findings, crossed, behind a context that two of them are stratified by."""
    causes, findings = [f"c{k}" for k in range(8)], [f"f{j}" for j in range(6)]
    priors = [f"c{k},,{0.02 + 0.03 * k}" for k in range(6)]
    priors += [f"c{k},x={state},{p}" for k in (6, 7) for state, p in (("absent", 0.1), ("present", 0.4))]
    links = [f"leak,{f},0.05" for f in findings]
    links += [f"c{k},f{j},{(1 + (3 * k + 5 * j) % 8) / 10}" for k in range(8) for j in range(6) if (k + j) % 3]
    return load(
        folder,
        variables="variable,role,serious\nx,context,\n"
        + "".join(f"{c},cause,{'yes' if c in {'c1', 'c6'} else ''}\n" for c in causes)
        + "".join(f"{f},finding,\n" for f in findings),
        priors="variable,given,probability\nx,,0.3\n" + "\n".join(priors),
        links="parent,child,probability\n" + "\n".join(links),
    )


@pytest.mark.parametrize(
    ("case", "virtual"),
    [
        ({}, {}),
        ({"f0": True, "f1": True}, {"f2": 3}),
        ({"f0": True, "f1": False, "x": True}, {}),
        ({"c6": True, "f3": True}, {"c0": 2}),
        ({"c1": False, "c6": False}, {"x": 0.5}),
        (dict.fromkeys(["f0", "f1", "f2", "f3", "f4", "f5"], True), {}),
    ],
)
def test_joint_sums_to_its_margins(eight: Model, case: dict[str, Any], virtual: dict[str, float]) -> None:
    """The joint of all causes sums to 1; its margins are the posteriors, none and serious."""
    p = eight.infer(case, virtual_evidence=virtual)
    joint = p.joint(list(p))
    assert len(joint) == 2**8
    assert list(joint.columns) == [*p, "probability"]
    assert not joint.duplicated(list(p)).any()
    weights = joint["probability"]
    assert ((weights >= 0) & (weights <= 1)).all()
    assert math.fsum(weights) == pytest.approx(1, rel=1e-12)
    for cause in p:
        assert joint[cause].dtype == bool
        assert math.fsum(weights[joint[cause]]) == pytest.approx(p[cause], rel=1e-12)
    assert math.fsum(weights[joint["c1"] | joint["c6"]]) == pytest.approx(p.serious, rel=1e-12)
    assert weights[~joint[list(p)].any(axis=1)].tolist() == pytest.approx([p.none], rel=1e-12, abs=1e-300)


def test_joint_of_the_shipped_model(shipped: Model) -> None:
    """Some of many causes have a joint too, with the same margins."""
    p = shipped.infer(virtual_evidence={shipped.findings[-1]: 3})
    for causes in (list(p)[:6], list(p)[-6:]):
        joint = p.joint(causes)
        assert math.fsum(joint["probability"]) == pytest.approx(1, rel=1e-12)
        for cause in causes:
            assert math.fsum(joint["probability"][joint[cause]]) == pytest.approx(p[cause], rel=1e-9)


def test_joint_of_one(twitch: Model) -> None:
    """A single cause may be named without a list."""
    p = twitch.infer(weakness=True)
    for named in ("als", ["als"], ("als",), iter(["als"])):
        frame = p.joint(named)  # type: ignore[arg-type]
        assert frame["als"].tolist() == [True, False]
        assert frame["probability"].tolist() == pytest.approx([p["als"], 1 - p["als"]], rel=1e-12)


@pytest.mark.parametrize("causes", [[], ["als", "als"], ["als", "stress", "als"]])
def test_joint_of_what_is_no_set(twitch: Model, causes: list[str]) -> None:
    """A joint is of at least one cause, each named once."""
    with pytest.raises(ValueError, match=re.escape(f"joint needs 1 to 12 different causes, not {causes}")):
        twitch.infer().joint(causes)


def test_joint_of_too_many(folder: Path) -> None:
    """Of thirteen causes the joint is refused, and its twelve are answered."""
    names = [f"c{i}" for i in range(13)]
    model = load(
        folder,
        variables="variable,role\nf,finding\n" + "".join(f"{n},cause\n" for n in names),
        priors="variable,probability\n" + "".join(f"{n},0.1\n" for n in names),
        links="parent,child,probability\nleak,f,0.1\n" + "".join(f"{n},f,0.5\n" for n in names),
    )
    p = model.infer(f=True)
    assert math.fsum(p.joint(names[:12])["probability"]) == pytest.approx(1, rel=1e-12)
    with pytest.raises(ValueError, match="joint needs 1 to 12 different causes, not"):
        p.joint(names)


@pytest.mark.parametrize("batch", [1, 3, 32])
@pytest.mark.parametrize("case", [{}, {"f0": True, "f1": True, "f4": True}, {"f0": False, "c3": True}], ids=repr)
def test_explanations_against_enumeration(
    eight: Model, case: dict[str, Any], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n most probable joint states are the first n of all 2^8, however many are opened at once."""
    monkeypatch.setattr(posterior, "SEARCH_BATCH", batch)
    p = eight.infer(case, virtual_evidence={"f5": 2})
    joint = {
        tuple(cause for cause, present in zip(p, states, strict=True) if present): q
        for *states, q in p.joint(list(p)).itertuples(index=False)
    }
    found = p.most_probable_explanations(40)
    # The names in the order of the answer, the most probable cause first, as in the keys here.
    assert dict(found) == pytest.approx({names: joint[names] for names, _ in found}, rel=1e-12)
    assert [q for _, q in found] == pytest.approx(sorted(joint.values(), reverse=True)[:40], rel=1e-12)
    assert len(dict(found)) == 40
    assert found[:5] == p.most_probable_explanations()
    assert found[0].present == found[0][0]
    everything = p.most_probable_explanations(10_000)
    assert len(everything) == sum(q > 0 for q in joint.values())
    assert math.fsum(q for _, q in everything) == pytest.approx(1, rel=1e-12)


def test_explanations_leave_out_the_impossible(certain: Model) -> None:
    """Of eight joint states only those that can be are given: fate with or without gene."""
    assert certain.infer(ache=None).most_probable_explanations(100) == [
        (("fate",), pytest.approx(0.5)),
        (("fate", "gene"), pytest.approx(0.5)),
    ]
    assert certain.infer(mark=True).most_probable_explanations(100) == [(("fate", "gene"), pytest.approx(1))]


@pytest.mark.parametrize("n", [0, -1])
def test_how_many_explanations(two: Model, n: int) -> None:
    """At least one explanation is asked for."""
    with pytest.raises(ValueError, match=f"^n={n} must be 1 or more$"):
        two.infer(f=True).most_probable_explanations(n)


# Forms


def test_to_frame(twitch: Model) -> None:
    """The table has a row a cause in the order of the answer, fractions as they are."""
    p = twitch.infer(weakness=True, age=62)
    frame = p.to_frame()
    assert frame["cause"].tolist() == list(p)
    assert frame["posterior"].tolist() == list(p.values())
    assert frame["prior"].tolist() == [twitch.prior[cause] for cause in p]
    assert frame["label"].tolist() == [twitch.knowledge.variables[c].label for c in p]
    assert frame["serious"].tolist() == [twitch.knowledge.variables[c].serious for c in p]
    assert frame.notna().all(axis=None)


def strict(constant: str) -> float:
    raise AssertionError(constant)


def test_to_json(twitch: Model) -> None:
    """JSON without NaN or Infinity holds the whole answer and names the model that gave it."""
    p = twitch.infer(weakness=True, virtual_evidence={"pain": 2, "sex": {"male": 1, "female": 0}})
    said = json.loads(p.to_json(), parse_constant=strict)
    assert said == p.to_dict()
    assert said["model"] == {
        "name": "twitch",
        "version": twitch.knowledge.meta["version"],
        "population": None,
        "fingerprint": twitch.fingerprint,
    }
    assert said["posterior"] == dict(p)
    assert list(said["posterior"]) == list(said["prior"]) == list(p)
    assert said["evidence"] == {"weakness": "present"}
    assert said["assumed"] == {"twitching": "present"}
    assert said["virtual_evidence"] == {"pain": [1, 2], "sex": [0, 1]}
    assert (said["none"], said["serious"], said["log_evidence_nats"]) == (p.none, p.serious, p.log_evidence)
    assert said["disclaimer"] == DISCLAIMER
    assert p.to_json(indent=None) == json.dumps(p.to_dict())


def test_to_dict_is_a_copy(twitch: Model) -> None:
    """Nothing that is done to the dictionary changes the answer."""
    p = twitch.infer(weakness=True)
    before = p.to_json()
    said = p.to_dict()
    for part in said.values():
        if isinstance(part, dict):
            part.clear()
    assert p.to_json() == before


def test_repr(folder: Path) -> None:
    """The text shows what was given and assumed, every cause with prior and posterior, and the warning."""
    p = load(folder, base=SITES).infer(weak=True, virtual_evidence={"sex": {"male": 2, "female": 1}})
    # With twitching and weakness: worked out by the engine that the other tests check; here it is the look.
    lines = repr(p).split("\n")
    assert lines[0] == "Posterior of small 1.0 (everyone; window: the past four weeks)"
    assert lines[1] == "  given weak=present, sex seen with likelihoods (1.0, 2.0)"
    assert lines[2] == "  assumed twitching=present"
    assert re.fullmatch(r"  cause +prior +posterior +produced the twitching", lines[4])
    assert p.produced is not None
    for line, cause in zip(lines[5:7], p, strict=True):
        mark = "  serious" if cause == "palsy" else ""
        shown = map(re.escape, (cause, percent(p.prior[cause]), percent(p[cause]), percent(p.produced[cause])))
        assert re.fullmatch(rf"  {' +'.join(shown)}{mark}", line)
    assert lines[7].split() == ["no", "listed", "cause", percent(p.model.prior_none), percent(p.none)]
    assert lines[9] == f"  P(at least one serious cause) = {percent(p.serious)}"
    background = percent(p.produced.background)
    produced = f"  P(the background produced the twitching) = {background}; several can have produced it at once"
    assert lines[10:] == [produced, "", f"  {DISCLAIMER}"]


def test_repr_of_nothing(tiny: Model) -> None:
    """Without evidence the text says so, and has no line of what is assumed."""
    text = repr(tiny.infer())
    assert "  given nothing observed\n\n" in text
    assert "assumed" not in text


class Tags(HTMLParser):
    """Collects what an HTML text opens, closes and shows."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, _: Any) -> None:
        if tag != "br":
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.closed.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_html_escapes_what_the_tables_say(folder: Path) -> None:
    """A label, a state or a population that looks like HTML is shown, not run."""
    evil = "<script>alert(1)</script>"
    model = load(
        folder,
        variables=f"variable,role,label,states,assumed\nwinter,context,,{evil};<b>b</b>,{evil}\n"
        f'flu,cause,"{evil} & ""co""",,\nfever,finding,,,\n',
        priors=f"variable,state,probability\nwinter,{evil},0.5\nwinter,<b>b</b>,0.5\nflu,,0.1",
        links="parent,child,probability\nleak,fever,0.1\nflu,fever,0.5",
        meta=(
            f'title = "t"\nversion = "1"\npopulation = "{evil}"\nwindow = "w"\nlicence = "l"\n'
            'intended_use = "i"\nnot_for = "n"'
        ),
    )
    for p in (model.infer(fever=True), model.infer(winter="<b>b</b>")):
        html = p._repr_html_()
        tags = Tags()
        tags.feed(html)
        assert sorted(tags.opened) == sorted(tags.closed)
        assert {"script", "b"}.isdisjoint(tags.opened)
        assert tags.text.count(evil) >= 2, "it is shown as it is"
        assert DISCLAIMER in tags.text
        assert percent(p["flu"]) in tags.text
        assert percent(p.none) in tags.text


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.5, "50.0%"),
        (0.123456, "12.3%"),
        (0.0123456, "1.23%"),
        (0.00123456, "0.123%"),
        (0.0000123456, "0.00123%"),
        (0.00000123456, "1.2e-04%"),
        (5e-324, "4.9e-322%"),
        (0.999, "99.9%"),
        (0.9995, "99.950%"),
        (0.9999876, "99.9988%"),
        (1 - 1e-12, "99.999999999900%"),
        (1 - 2**-53, "99.999999999999986%"),
    ],
)
def test_percent(probability: float, expected: str) -> None:
    """Three digits that matter, and never 0% or 100% for what is neither."""
    assert percent(probability) == expected


def test_pickle(twitch: Model) -> None:
    """An answer survives pickling with all that it can be asked."""
    p = twitch.infer(weakness=True, virtual_evidence={"pain": 2})
    copy: Posterior = pickle.loads(pickle.dumps(p))
    assert copy == p
    assert repr(copy) == repr(p)
    assert copy.to_json() == p.to_json()
    pd.testing.assert_frame_equal(copy.joint(["als", "stress"]), p.joint(["als", "stress"]))
    assert copy.most_probable_explanations(3) == p.most_probable_explanations(3)


# What cannot be

SEASON = {
    "variables": "variable,role,states\nseason,context,winter;spring;summer\na,cause,\nb,cause,\nf,finding,\ng,finding,",
    "priors": "variable,state,probability\nseason,winter,1\nseason,spring,0\nseason,summer,0\na,,0.5\nb,,0.5",
    "links": "parent,child,probability\nleak,f,0\nleak,g,0.1\na,f,0.5\nb,f,0.5\na,g,0.5",
}
NO = {"present": 0, "absent": 1}


@pytest.mark.parametrize(
    ("base", "case", "virtual", "conflict"),
    [
        # One item: nothing can explain `spot`; `ghost` never occurs and `fate` always does.
        (CERTAIN, {"spot": True, "mark": True, "ache": None}, {}, {"spot": "present"}),
        (CERTAIN, {"mark": False, "ghost": True, "ache": None}, {}, {"ghost": "present"}),
        (CERTAIN, {"gene": True, "mark": True, "fate": False}, {}, {"fate": "absent"}),
        # Two: `gene` always marks, and nothing else does.
        (CERTAIN, {"born": True, "gene": True, "mark": False, "ache": None}, {}, {"gene": "present", "mark": "absent"}),
        (CERTAIN, {"mark": True, "born": False, "gene": False, "ache": None}, {}, {"mark": "present", "gene": "absent"}),
        # One that was assumed: without `gene` nothing aches.
        (CERTAIN, {"born": True, "gene": False}, {}, {"gene": "absent", "ache": "present"}),
        (CERTAIN, {"ache_head": False, "born": False}, {}, {"ache_head": "absent", "ache": "present"}),
        # Three: `f` has no reason but `a` and `b`.
        (SEASON, {"a": False, "g": True, "b": False, "f": True}, {}, {"a": "absent", "b": "absent", "f": "present"}),
        # The smaller of two conflicts.
        (SEASON, {"a": False, "b": False, "f": True, "season": "summer"}, {}, {"season": "summer"}),
        # Uncertain evidence that rules a state out is part of it.
        (SEASON, {"a": False, "f": True}, {"b": 0, "g": 2}, {"a": "absent", "f": "present", "b": "absent"}),
        (SEASON, {"f": True}, {"a": NO, "b": NO}, {"f": "present", "a": "absent", "b": "absent"}),
        (SEASON, {"g": True}, {"season": {"winter": 0, "spring": 1, "summer": 2}}, {"season": "spring or summer"}),
        (SEASON, {}, {"f": {"absent": 0, "present": 1}, "a": 0, "b": 0}, {"f": "present", "a": "absent", "b": "absent"}),
    ],
)  # fmt: skip
def test_impossible_evidence(
    folder: Path, base: dict[str, str], case: dict[str, Any], virtual: dict[str, Any], conflict: dict[str, str]
) -> None:
    """Evidence of probability 0 is an error that names the smallest set that cannot hold together."""
    model = load(folder, base={**TINY, **base})
    items = ", ".join(f"{name}={state}" for name, state in conflict.items())
    with pytest.raises(
        ImpossibleEvidenceError,
        match=f"^this evidence has probability 0 in the model. The smallest set that cannot hold together: {items}. Leave",
    ) as raised:
        model.infer(case, virtual_evidence=virtual)
    assert raised.value.conflict == conflict
    assert raised.value.smallest
    assert isinstance(raised.value, ValueError)
    for left_out in conflict:
        rest = {name: state for name, state in conflict.items() if name != left_out and " or " not in state}
        unassumed = {"ache": rest.get("ache")} if base is CERTAIN else {}
        assert model.infer({**rest, **unassumed}).log_evidence <= 0, f"possible without {left_out}"


def test_large_conflicts_are_irreducible(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too many sets to try, the one named may not be the smallest, but has nothing to spare."""
    names = [f"c{i}" for i in range(6)]
    model = load(
        folder,
        variables="variable,role\nf,finding\ng,finding\n" + "".join(f"{n},cause\n" for n in names),
        priors="variable,probability\n" + "".join(f"{n},0.5\n" for n in names),
        links="parent,child,probability\nleak,f,0\nleak,g,0.1\n" + "".join(f"{n},f,0.5\n" for n in names),
    )
    monkeypatch.setattr(conflict, "MAX_SUBSETS", 10)
    case = {"g": True, "f": True, **dict.fromkeys(names, False)}
    with pytest.raises(ImpossibleEvidenceError, match="These cannot hold together: f=present, c0=absent") as raised:
        model.infer(case)
    assert not raised.value.smallest
    assert raised.value.conflict == {"f": "present", **dict.fromkeys(names, "absent")}


def test_zero_has_no_sign(certain: Model) -> None:
    """What is impossible has the probability 0, not -0."""
    assert "-0" not in f"{certain.infer(ache=None).none} {certain.infer().none}"


def test_impossible_evidence_does_not_spoil_what_follows(certain: Model) -> None:
    """After evidence that cannot be, the same model answers as before."""
    before = certain.infer(mark=True)
    for _ in range(3):
        with pytest.raises(ImpossibleEvidenceError, match="spot=present"):
            certain.infer(spot=True)
    assert certain.infer(mark=True) == before


def test_numbers_0_and_1_leave_no_nan(certain: Model) -> None:
    """With certain numbers every possible answer is a number between 0 and 1, and ln P(evidence) is finite."""
    names = [name for name in certain.knowledge.variables if name != "where"]
    rng = np.random.default_rng(0)
    possible, sizes = 0, set()
    for values in rng.choice(np.array([True, False, None]), size=(400, len(names))):
        case = dict(zip(names, values.tolist(), strict=True))
        sites, ache = (case["ache_head"], case["ache_back"]), case["ache"]
        if (ache is False and True in sites) or (ache and sites == (False, False)):
            case["ache"] = None  # that would be a contradiction in terms
        try:
            p = certain.infer(case)
        except ImpossibleEvidenceError as error:
            sizes.add(len(error.conflict))
            continue
        possible += 1
        assert all(0 <= q <= 1 for q in (*p.values(), p.none, p.serious))
        assert -math.inf < p.log_evidence <= 1e-12
        json.loads(p.to_json(), parse_constant=strict)
    assert 20 < possible < 380
    assert sizes == {1, 2}
