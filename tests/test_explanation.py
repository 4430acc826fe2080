"""Explanations: weights of evidence and Shapley values by their defining formulas, and what the sentences say."""

from __future__ import annotations

import html
import itertools
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models import load
from oracle import BruteForce
from random_models import ORDINARY, cases, models
from twitchbayes import EngineLimitError, InvalidValueError, Model, UnknownVariableError, display, explanation
from twitchbayes.display import DISCLAIMER
from twitchbayes.explanation import Explanation
from twitchbayes.inference import Engine
from twitchbayes.items import LogOdds, items_of

DECIBANS = 10 / math.log(10)
NUMBERS = st.one_of(ORDINARY, ORDINARY, st.sampled_from([0.0, 1.0]))


def reason(found: Explanation, name: str) -> explanation.Reason:
    return next(r for r in found.reasons if r.item.name == name)


class Odds:
    """Log odds of a cause given some of the items, from two sums over the whole joint distribution."""

    def __init__(self, model: Model, case: dict[str, str], virtual: dict[str, tuple[float, ...]], cause: str) -> None:
        self.brute = BruteForce(model.knowledge, np.longdouble)
        self.case, self.virtual, self.cause = case, virtual, cause
        self.found: dict[frozenset[str], float] = {}

    def __call__(self, names: Iterable[str]) -> float:
        kept = frozenset(names)
        if kept not in self.found:
            present, absent = (self.joint(kept, state) for state in ("present", "absent"))
            with np.errstate(divide="ignore"):
                self.found[kept] = float(np.log(present) - np.log(absent))
        return self.found[kept]

    def joint(self, kept: frozenset[str], state: str) -> Any:
        """P(items, cause in this state)."""
        case = {n: s for n, s in self.case.items() if n in kept}
        if case.get(self.cause, state) != state:
            return np.longdouble(0)
        virtual = {n: likelihoods for n, likelihoods in self.virtual.items() if n in kept}
        return self.brute.answer({**case, self.cause: state}, virtual).evidence


@st.composite
def explained(draw: st.DrawFn) -> tuple[Model, dict[str, str], dict[str, tuple[float, ...]], str]:
    """A model, up to five items of possible evidence, one of them perhaps virtual, and a cause."""
    model = draw(models(probabilities=NUMBERS))
    case = dict(list(draw(cases(model)).items())[:4])
    binary = [n for n, states in model.network.states.items() if len(states) == 2 and n not in case]
    seen = draw(st.lists(st.sampled_from(binary), max_size=1)) if binary else []
    virtual = {name: (1.0, draw(st.sampled_from([0.0, 0.25, 4.0]))) for name in seen}
    assume(BruteForce(model.knowledge, np.longdouble).answer(case, virtual).evidence > 0)
    return model, case, virtual, draw(st.sampled_from(model.causes))


@settings(max_examples=50)
@given(explained())
def test_by_their_formulas(drawn: tuple[Model, dict[str, str], dict[str, tuple[float, ...]], str]) -> None:
    """Weights are differences of log odds with one item left out; Shapley values are means over all orders."""
    model, case, virtual, cause = drawn
    found = model.infer(case, virtual_evidence={n: ratio for n, (_, ratio) in virtual.items()}).explain(cause)
    odds, names = Odds(model, case, virtual, cause), [*case, *virtual]
    everything = odds(names)
    assert {r.item.name for r in found.reasons} == set(names)
    for name in names:
        without = odds(set(names) - {name})
        weight = 0.0 if without == everything else everything - without
        assert reason(found, name).weight_nats == pytest.approx(weight, rel=1e-9, abs=1e-9)
        assert reason(found, name).probability_without == pytest.approx(1 / (1 + np.exp(-without)), rel=1e-9)
    if math.isinf(everything):
        assert found.method == "none"
        assert all(r.shapley_nats is None for r in found.reasons)
        return
    assert found.method == "exact"
    orders = list(itertools.permutations(names))
    for name in names:
        gains = [odds(order[: order.index(name) + 1]) - odds(order[: order.index(name)]) for order in orders]
        assert reason(found, name).shapley_nats == pytest.approx(math.fsum(gains) / len(orders), rel=1e-9, abs=1e-9)
    assert math.fsum(r.shapley_nats or 0 for r in found.reasons) == pytest.approx(everything - odds([]), abs=1e-9)
    assert found.change_nats == pytest.approx(everything - odds([]), abs=1e-9)


def test_weight_is_a_log_likelihood_ratio(tiny: Model) -> None:
    """W(item) = ln [P(item | cause, rest) / P(item | cause absent, rest)], each from answers of the model."""

    def p(fever: bool | None, flu: bool) -> float:
        return math.exp(tiny.infer(cough=True, winter=True, flu=flu, fever=fever).log_evidence)

    weight = math.log(p(True, True) / p(None, True)) - math.log(p(True, False) / p(None, False))
    found = tiny.infer(cough=True, winter=True, fever=True).explain("flu")
    assert reason(found, "fever").weight_nats == pytest.approx(weight, rel=1e-12)
    assert reason(found, "fever").weight_decibans == pytest.approx(10 * math.log10(math.exp(weight)), rel=1e-12)


def test_nearly_certain_causes_keep_their_digits(folder: Path) -> None:
    """Where P(cause absent) is 1e-30, the log odds are those worked by hand and not infinite."""
    names = [f"f{i}" for i in range(10)]
    model = load(
        folder,
        variables="variable,role\nc,cause\n" + "".join(f"{n},finding\n" for n in names),
        priors="variable,probability\nc,0.5",
        links="parent,child,probability\n" + "".join(f"leak,{n},0.001\nc,{n},1\n" for n in names),
    )
    # Each finding is certain with the cause and has odds of 1 to 1000 without: 30 decibans.
    found = model.infer(dict.fromkeys(names, True)).explain("c")
    assert [r.weight_decibans for r in found.reasons] == pytest.approx([30.0] * 10, rel=1e-12)
    assert [(r.shapley_nats or 0) * DECIBANS for r in found.reasons] == pytest.approx([30.0] * 10, rel=1e-12)
    assert found.change_nats == pytest.approx(10 * math.log(1000), rel=1e-12)


# What sentences say


def test_sentences_by_hand(tiny: Model) -> None:
    """The factors of the odds of flu: fever P(fever | flu) / P(fever | none), no winter the odds of its prior."""
    found = tiny.infer(winter=False, fever=True).explain("flu")
    # (1 - 0.99 * 0.1) / 0.01 = 90.1. In winter flu has 1 - 0.98 * 0.9 = 0.118, over the year
    # 0.75 * 0.02 + 0.25 * 0.118 = 0.0445, and without winter 0.02: (0.0445 / 0.9555) / (0.02 / 0.98) = 2.282.
    assert found.sentences == (
        "Fever multiplied the odds of influenza by 90.1.",
        "Absence of winter divided the odds of influenza by 2.28.",
    )
    assert [r.item.name for r in found.supporting] == ["fever"]
    assert [r.item.name for r in found.opposing] == ["winter"]
    assert found.prior == pytest.approx(0.0445, rel=1e-12)
    # Fever depends on flu alone, so that each item adds the same in both orders.
    assert [r.shapley_nats for r in found.reasons] == pytest.approx([r.weight_nats for r in found.reasons], rel=1e-12)


def test_neutral_item(tiny: Model) -> None:
    """Fever says nothing of a cold, and the sentence claims nothing."""
    found = tiny.infer(fever=True, winter=True).explain("cold")
    assert "Fever hardly moved the odds of common cold (times 1)." in found.sentences
    assert len(found.neutral) == 2


@pytest.mark.parametrize(("decibans", "side"), [(0.099, "neutral"), (-0.099, "neutral"), (0.101, "supporting")])
def test_threshold_of_neutral(tiny: Model, decibans: float, side: str) -> None:
    """Below 0.1 deciban, a factor of 1.023, an item is neutral."""
    ratio = 10 ** (decibans / 10)
    assert reason(tiny.infer(virtual_evidence={"flu": ratio}).explain("flu"), "flu").side == side


def test_words_of_items(sites: Model) -> None:
    """Bands have their unit, states their name; sites given by one word are one item; assumed is said to be so."""
    p = sites.infer(age=62, sex="m", lifting=False, site="arm;nowhere_else", virtual_evidence={"weak": 4})
    assert {r.item.name: r.words for r in p.explain("palsy").reasons} == {
        "age": "Age 40-120 years",
        "sex": "Sex male",
        "lifting": "Absence of lifting",
        "site": "Site (twitch arm; nowhere else)",
        "weak": "Weak, seen with likelihoods (absent 1, present 4)",
    }
    found = sites.infer(weak=True, site={"arm": False}).explain("palsy")
    assert {r.item.name: (r.item.kind, r.words) for r in found.reasons} == {
        "weak": ("observed", "Weak"),
        "site": ("observed", "Absence of twitch arm"),
        "twitching": ("assumed", "Twitching, which is assumed"),
    }
    whole = [sites.infer(site=said).explain("palsy").reasons[0].words for said in ("arm", "arm;leg", "none")]
    assert whole == ["Twitch arm", "Site (twitch arm, twitch leg)", "Site (absent: twitch arm, twitch leg)"]
    assert any(s.startswith("Twitching, which is assumed, multiplied the odds of palsy by ") for s in found.sentences)


def test_items_are_what_was_said(sites: Model) -> None:
    """A site given by itself is an item of its own, one given by both names belongs to the group."""

    def names(**case: Any) -> list[str]:
        return [item.name for item in items_of(sites.words.read(case))]

    assert names(twitch_arm=True, twitch_leg=False) == ["twitch_arm", "twitch_leg"]
    assert names(twitch_arm=True, site="arm") == names(site="arm", twitch_arm=True) == ["site"]
    assert names(weak=None) == ["twitching"]


def test_nothing_is_assumed_in_the_place_of_an_item(sites: Model) -> None:
    """Without the site nothing is known of twitching, and without what is assumed the prior is left."""
    found = sites.infer(site="arm").explain("palsy")
    assert found.reasons[0].probability_without == pytest.approx(sites.infer(twitching=None)["palsy"], rel=1e-12)
    found = sites.infer().explain("palsy")
    assert [r.item.kind for r in found.reasons] == ["assumed"]
    assert found.reasons[0].probability_without == pytest.approx(sites.prior["palsy"], rel=1e-12)


# Certain and impossible causes


def test_decisive_item(certain: Model) -> None:
    """Only gene marks: a mark makes it certain, an infinite weight that is named and never NaN."""
    found = certain.infer(mark=True, ache=None).explain("gene")
    (only,) = found.reasons
    assert (only.weight_nats, only.decisive, only.side, only.factor) == (math.inf, True, "supporting", math.inf)
    assert found.sentences == ("Mark made gene certain; without it the probability is 50.0%.",)
    assert (found.method, only.shapley_nats) == ("none", None)
    assert "No Shapley values: the cause is certain given this evidence" in repr(found)
    absent = certain.infer(mark=False, ache=None).explain("gene").reasons[0]
    assert (absent.weight_nats, absent.factor, absent.side) == (-math.inf, 0.0, "opposing")


def test_certain_either_way(certain: Model) -> None:
    """Two items that each make the cause certain leave each other a weight of 0, and the sentences say why."""
    found = certain.infer(mark=True, ache_head=True).explain("gene")
    assert [r.weight_nats for r in found.reasons] == [0.0, 0.0]
    assert "Mark: gene is certain without it, too." in found.sentences
    always = certain.infer(ache=None, mark=True).explain("fate")
    assert (always.change_nats, always.sentences) == (0.0, ("Mark: fate is certain without it, too.",))


def test_cause_that_is_observed(tiny: Model) -> None:
    """A cause given as evidence is decided by that alone."""
    found = tiny.infer(flu=True, fever=True).explain("flu")
    assert [(r.item.name, r.weight_nats) for r in found.reasons] == [("flu", math.inf), ("fever", 0.0)]
    assert found.sentences[0] == "That influenza is present was given."
    assert found.sentences[1] == "Fever: influenza is certain without it, too."
    absent = tiny.infer(flu=False).explain("flu")
    assert absent.sentences == ("That influenza is absent was given.",)
    assert "it was given" in repr(absent)
    assert "made influenza" not in repr(absent) + repr(found)


# Numbers behind it


def test_numbers_between(sites: Model) -> None:
    """Each item has the links and strata that tie it to the cause, with their places in the tables."""
    found = sites.infer(age=62, sex="f", lifting=True, weak=True).explain("palsy")
    rows = {(n.item, n.number): (n.probability, n.file, n.line) for n in found.numbers}
    assert rows[("weak", "P(weak | palsy)")] == (0.9, "links.csv", 9)
    assert {number for item, number in rows if item == "twitching"} == {
        "P(twitch_arm | palsy)",
        "P(twitch_leg | palsy)",
    }
    # Age and sex are known: one stratum of the four, once for both.
    assert {(item, number) for item, number in rows if "age" in item or "sex" in item} == {
        ("age, sex", "P(palsy=present | age=40-120, sex=female)"),
    }
    assert not any(item == "lifting" for item, _ in rows)
    strain = sites.infer(lifting=True).explain("strain").numbers
    assert ("lifting", "P(strain | lifting)") in {(n.item, n.number) for n in strain}
    idle = sites.infer(lifting=False).explain("strain").numbers
    assert not any(n.item == "lifting" for n in idle)  # the link from what is absent does nothing
    assert (
        found.provenance.rows["number"].tolist()
        == sites.infer(found_case()).provenance("palsy").rows["number"].tolist()
    )


def found_case() -> dict[str, Any]:
    return {"age": 62, "sex": "f", "lifting": True, "weak": True}


def test_each_number_once_and_of_this_case(twitch: Model) -> None:
    """No number stands twice, and none is of another age or sex; with the sex unknown the strata of both are there."""
    numbers = twitch.infer(age=62, sex="female", weakness=True).explain("als").numbers
    names = [n.number for n in numbers]
    assert len(set(names)) == len(names)
    assert [name for name in names if name.startswith("P(als=")] == ["P(als=present | age=60-69, sex=female)"]
    both = twitch.infer(age=62, weakness=True).explain("als").numbers
    assert sum(n.number.startswith("P(als=") and n.item == "age" for n in both) == 2


# Sampling


@pytest.fixture(scope="module")
def seven(twitch: Model) -> Any:
    """An answer to seven items, what is assumed among them."""
    items = ["weakness", "cramps", "muscle_wasting", "slurred_speech", "fatigue"]
    return twitch.infer(dict.fromkeys(items, True), age=62)


def test_sampled_within_their_standard_error(seven: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random orders give the exact shares but for a few standard errors, and the exact sum."""
    exact = {r.item.name: r.shapley_nats for r in seven.explain("als").reasons}
    monkeypatch.setattr(explanation, "EXACT_ITEMS", 3)
    found = seven.explain("als", pairs=20, seed=4)
    assert (found.method, found.pairs, found.to_dict()["shapley_pairs"]) == ("sampled", 20, 20)
    assert "on average over 40 random orders" in repr(found)
    assert all(0 < r.shapley_se_nats < 0.2 for r in found.reasons)
    for r in found.reasons:
        assert r.shapley_nats == pytest.approx(exact[r.item.name], abs=4 * r.shapley_se_nats)
    assert math.fsum(r.shapley_nats for r in found.reasons) == pytest.approx(found.change_nats, rel=1e-9)
    assert "(se " in repr(found)
    again, other = (seven.explain("als", pairs=20, seed=seed).reasons for seed in (4, 5))
    assert again == found.reasons
    assert other != found.reasons


def test_the_rows_choose_the_method(seven: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact where all 2^7 = 128 subsets are within the budget of rows, else as many pairs of orders as it holds."""
    monkeypatch.setattr(explanation, "MOST_ROWS", 127)
    monkeypatch.setattr(explanation, "FEWEST_PAIRS", 5)
    # A pair has 2 * 8 subsets: 127 rows are 7 pairs.
    assert [(f.method, f.pairs) for f in (seven.explain("als"), seven.explain("als", pairs=4))] == [
        ("sampled", 7),
        ("sampled", 4),
    ]
    monkeypatch.setattr(explanation, "MOST_ROWS", 128)
    assert seven.explain("als").method == "exact"


def test_virtual_evidence_is_rows(twitch: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """An item of virtual evidence doubles the rows of every subset."""
    p = twitch.infer(virtual_evidence={"weakness": 2, "cramps": 2})
    monkeypatch.setattr(explanation, "MOST_ROWS", 4 * 8 - 1)
    assert p.explain("als").method == "sampled"
    monkeypatch.setattr(explanation, "MOST_ROWS", 4 * 8)
    assert p.explain("als").method == "exact"


def test_parts_are_answered_alike(seven: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The subsets are the same in one part or in many."""
    items = items_of(seven._evidence)
    odds = LogOdds(seven.model.engine, seven._evidence, items, "als")
    kept = np.random.default_rng(0).random((20, len(items))) < 0.5
    whole = odds.of(kept)
    monkeypatch.setattr("twitchbayes.items.ROWS_AT_ONCE", 3)
    np.testing.assert_allclose(odds.of(kept), whole, rtol=1e-12)


# Errors and forms


def test_bad_arguments(tiny: Model) -> None:
    """A name that is no cause, and too few orders to have a standard error."""
    with pytest.raises(UnknownVariableError, match=r"no cause 'flue'\. Did you mean 'flu'"):
        tiny.infer(fever=True).explain("flue")
    with pytest.raises(InvalidValueError, match="pairs=1 must be 2 or more"):
        tiny.infer(fever=True).explain("flu", pairs=1)


def test_beyond_the_bound(tiny: Model) -> None:
    """A subset whose exact answer would pass the engine's bound is an error."""
    case = tiny.words.read({"fever": True, "cough": True})
    odds = LogOdds(Engine(tiny.network, max_bytes=1), case, items_of(case), "flu")
    with pytest.raises(EngineLimitError, match="bytes"):
        odds.of(np.ones((1, 2), dtype=bool))


def test_without_evidence(tiny: Model) -> None:
    """Where nothing is known there is nothing to explain."""
    found = tiny.infer().explain("flu")
    assert (found.reasons, found.sentences, found.change_nats) == ((), (), 0.0)
    assert len(found.to_frame()) == 0
    assert "prior 4.45%" in repr(found)


def strict(constant: str) -> float:
    raise AssertionError(constant)


def test_forms(sites: Model, certain: Model) -> None:
    """Frame and JSON have a row an item with units in the names; infinite weights are None, and marked."""
    found = sites.infer(weak=True, age=62).explain("palsy")
    frame = found.to_frame()
    assert frame["item"].tolist() == [r.item.name for r in found.reasons]
    np.testing.assert_allclose(frame["weight_decibans"], frame["weight_nats"] * DECIBANS)
    np.testing.assert_allclose(frame["factor"], np.exp(frame["weight_nats"]))
    assert frame["shapley_nats"].sum() == pytest.approx(found.change_nats)
    said = json.loads(found.to_json(), parse_constant=strict)
    assert said == json.loads(json.dumps(found.to_dict()))
    assert said["model"]["fingerprint"] == sites.fingerprint
    assert said["disclaimer"] == DISCLAIMER
    assert said["numbers_between"][0]["sources"] == ["book"]
    row = json.loads(certain.infer(mark=True, ache=None).explain("gene").to_json(), parse_constant=strict)["items"][0]
    assert (row["weight_nats"], row["decisive"], row["shapley_nats"]) == (None, True, None)


def test_text_and_html_escape(folder: Path) -> None:
    """The text has every section and the disclaimer; what looks like HTML in the tables is shown, not run."""
    evil = '<script>alert(1)</script> & "co"'
    model = load(
        folder,
        variables=f'variable,role,label\nflu,cause,"{evil.replace(chr(34), chr(34) * 2)}"\nfever,finding,<b>hot</b>\n',
        priors="variable,probability\nflu,0.1",
        links="parent,child,probability\nleak,fever,0.1\nflu,fever,0.5",
    )
    found = model.infer(fever=True).explain("flu")
    for part in ("Speaks for it", "Numbers between", "Numbers that the answer rests on most", evil, DISCLAIMER):
        assert part in repr(found)
    page = found._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert html.escape(evil) in page
    assert "&lt;b&gt;hot" in page
    assert "<th scope='col'" in page
    assert DISCLAIMER in page


def test_tables_fit_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a narrow terminal what has no room goes below, indented; elsewhere a row is one line, as wide as it is."""
    listing = display.Listing.of("Title", ("name", "number", "words"), [("x" * 9, "1", "y" * 30)], right=("number",))
    row = f"  {'x' * 9}       1  {'y' * 30}"
    assert listing.lines() == ["Title", "  name       number  words", row]
    monkeypatch.setattr(display, "_terminal_columns", lambda: len(row))
    assert listing.lines()[-1] == row
    monkeypatch.setattr(display, "_terminal_columns", lambda: 40)
    assert listing.lines()[-2:] == [f"  {'x' * 9}       1", f"      {'y' * 30}"]
