"""What a description, an exclusion, a union of causes and a link by stratum say: small models, worked by hand."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from models import TINY, load
from twitchbayes import ImpossibleEvidenceError, InvalidValueError, Model


def equal(value: Any) -> Any:
    return pytest.approx(float(value), rel=1e-12, abs=0)


# What describes: the tie to what produced the finding

# Exercise makes muscles twitch, for days. The neuropathy has been there for years in many, and rarely makes them twitch.
TIED = {
    "variables": """
        variable,role,states,of
        exercise,cause,,
        neuropathy,cause,,
        twitching,finding,,
        duration,finding,days;years,twitching
        """,
    "priors": """
        variable,probability
        exercise,0.1
        neuropathy,0.2
        """,
    "links": """
        parent,child,state,probability
        leak,twitching,,0.01
        exercise,twitching,,0.5
        neuropathy,twitching,,0.05
        leak,duration,years,0.5
        exercise,duration,years,0.1
        neuropathy,duration,years,0.9
        """,
    "sources": TINY["sources"],
}


@pytest.fixture
def tied(tmp_path: Path) -> Model:
    return load(tmp_path / "tied", base=TIED)


@pytest.fixture
def untied(tmp_path: Path) -> Model:
    """The same numbers, but the duration is a graded finding of its own."""
    described, ordinary = "days;years,twitching", "days;years,"
    assert TIED["variables"].count(described) == 1
    return load(tmp_path / "untied", base=TIED, variables=TIED["variables"].replace(described, ordinary))


def test_the_duration_speaks_for_what_twitches(tied: Model, untied: Model) -> None:
    """Someone with a neuropathy twitches for days: that speaks for exercise, and without the tie against it."""
    known = {"neuropathy": True, "twitching": True}
    # P(twitching | neuropathy) = 1 - 0.99 x 0.95 = 0.0595; with exercise, too, 1 - 0.99 x 0.95 x 0.5 = 0.52975.
    without, both = Fraction("0.9") * Fraction("0.0595"), Fraction("0.1") * Fraction("0.52975")
    before = both / (without + both)  # 0.052975 / 0.106525 = 0.497
    assert tied.infer(known)["exercise"] == untied.infer(known)["exercise"] == equal(before)

    # With the tie. Whatever can produce the twitching does not (1 - q), or does and lasts for days (q x P(days)):
    #   the leak 0.99 + 0.01 x 0.5 = 0.995, the neuropathy 0.95 + 0.05 x 0.1 = 0.955, exercise 0.5 + 0.5 x 0.9 = 0.95.
    # Their product is P(no twitching, or for days); the part of "no twitching" comes off:
    #   neuropathy 0.995 x 0.955 - 0.99 x 0.95 = 0.950225 - 0.9405 = 0.009725
    #   both 0.995 x 0.955 x 0.95 - 0.99 x 0.95 x 0.5 = 0.90271375 - 0.47025 = 0.43246375
    without, both = Fraction("0.9") * Fraction("0.009725"), Fraction("0.1") * Fraction("0.43246375")
    after = both / (without + both)  # 0.043246375 / 0.051998875 = 0.832
    assert tied.infer(known, duration="days")["exercise"] == equal(after)
    assert after > before + Fraction(3, 10)

    # Without the tie the neuropathy, being there, lengthens the duration whether it twitches or not:
    #   P(days | neuropathy) = 0.5 x 0.1 = 0.05, and with exercise, too, 0.5 x 0.1 x 0.9 = 0.045, which is less.
    without, both = (
        Fraction("0.9") * Fraction("0.0595") * Fraction("0.05"),
        Fraction("0.1") * Fraction("0.52975") * Fraction("0.045"),
    )
    wrong = both / (without + both)  # 0.002383875 / 0.005061375 = 0.471
    assert untied.infer(known, duration="days")["exercise"] == equal(wrong)
    assert wrong < before


def test_the_duration_where_no_cause_is_known(tied: Model, untied: Model) -> None:
    """Twitching for days leaves the neuropathy possible as a bystander; without the tie it is nearly ruled out."""
    weights = {  # of (exercise, neuropathy), with the chances of days above
        (0, 0): Fraction("0.72") * Fraction("0.005"),  # 0.995 - 0.99
        (1, 0): Fraction("0.08") * Fraction("0.45025"),  # 0.995 x 0.95 - 0.99 x 0.5
        (0, 1): Fraction("0.18") * Fraction("0.009725"),
        (1, 1): Fraction("0.02") * Fraction("0.43246375"),
    }
    total = sum(weights.values())  # 0.0036 + 0.03602 + 0.0017505 + 0.008649275 = 0.050019775
    p = tied.infer(twitching=True, duration="days")
    assert math.exp(p.log_evidence) == equal(total)
    assert p["exercise"] == equal((weights[1, 0] + weights[1, 1]) / total)  # 0.893
    assert p["neuropathy"] == equal((weights[0, 1] + weights[1, 1]) / total)  # 0.208: its prior is 0.2
    # Without the tie P(twitching) and P(days) are multiplied: 0.01 x 0.5, 0.505 x 0.45, 0.0595 x 0.05, 0.52975 x 0.045.
    products = ("0.005", "0.22725", "0.002975", "0.02383875")
    priors = ("0.72", "0.08", "0.18", "0.02")
    untied_weights = [Fraction(a) * Fraction(b) for a, b in zip(priors, products, strict=True)]
    q = untied.infer(twitching=True, duration="days")
    assert q["neuropathy"] == equal((untied_weights[2] + untied_weights[3]) / sum(untied_weights))  # 0.044
    assert q["neuropathy"] < p["neuropathy"] / 4


def test_years_speak_for_the_neuropathy(tied: Model) -> None:
    """The other way round: P(years) is what "days" leaves of P(twitching)."""
    # Of (0, 0), (1, 0), (0, 1), (1, 1): 0.01 - 0.005, 0.505 - 0.45025, 0.0595 - 0.009725, 0.52975 - 0.43246375.
    chances = ("0.005", "0.05475", "0.049775", "0.09728625")
    priors = ("0.72", "0.08", "0.18", "0.02")
    weights = [Fraction(a) * Fraction(b) for a, b in zip(priors, chances, strict=True)]
    p = tied.infer(twitching=True, duration="years")
    assert p["neuropathy"] == equal((weights[2] + weights[3]) / sum(weights))
    assert p["exercise"] == equal((weights[1] + weights[3]) / sum(weights))


def test_a_description_explains_nothing_by_itself(tied: Model, untied: Model) -> None:
    """It moves the share of each cause in the twitching, and has no share of its own."""
    known = {"neuropathy": True, "twitching": True}
    for more in ({}, {"duration": "days"}, {"duration": "years"}):
        p = tied.infer(known, **more)
        assert p.explains == {cause: equal(p.attribution("twitching")[cause]) for cause in p}
    # Exercise is present, has produced the twitching (0.5), and that for days (0.9); the others as they like:
    fired = Fraction("0.1") * Fraction("0.5") * Fraction("0.9") * Fraction("0.955") * Fraction("0.995")
    days = Fraction("0.051998875")  # as above
    assert tied.infer(known, duration="days").explains["exercise"] == equal(fired / days)
    # As a finding of its own it is a second one that is reported: each counts for half.
    q = untied.infer(known, duration="years")
    for cause in q:
        halves = (q.attribution("twitching")[cause] + q.attribution("duration")[cause]) / 2
        assert q.explains[cause] == equal(halves)


def test_what_is_absent_has_no_duration(tied: Model) -> None:
    """Without twitching the duration is in its lowest state; above it, there is twitching."""
    assert tied.infer(twitching=False).predict("duration") == {"days": 1.0, "years": 0.0}
    assert tied.infer(duration="years").predict("twitching") == {"absent": 0.0, "present": 1.0}
    assert tied.infer(duration="years")["exercise"] == equal(tied.infer(duration="years", twitching=True)["exercise"])
    with pytest.raises(ImpossibleEvidenceError, match=r"twitching=absent.*duration=years"):
        tied.infer(twitching=False, duration="years")
    # "Days" may also be said where nothing twitches: P = P(no twitching) + P(twitching for days).
    days = math.exp(tied.infer(duration="days").log_evidence)
    parts = [math.exp(tied.infer(twitching=t, duration="days").log_evidence) for t in (False, True)]
    assert days == equal(sum(parts))


def test_a_description_of_sites(tmp_path: Path) -> None:
    """What describes the OR of sites is tied to whatever produced one of them, wherever."""
    model = load(
        tmp_path / "sites",
        base=TIED,
        variables="""
            variable,role,states,of,group,any_of
            exercise,cause,,,,
            neuropathy,cause,,,,
            site,group,,,,
            arm,finding,,,site,
            leg,finding,,,site,
            twitching,finding,,,,site
            duration,finding,days;years,twitching,,
            """,
        links="""
            parent,child,state,probability
            leak,arm,,0
            leak,leg,,0
            exercise,leg,,0.5
            neuropathy,leg,,0.2
            neuropathy,arm,,0.25
            leak,duration,years,0.5
            exercise,duration,years,0.1
            neuropathy,duration,years,0.9
            """,
    )
    causes = {"exercise": True, "neuropathy": True}
    known = math.exp(model.infer(causes).log_evidence)

    def chance(**said: Any) -> float:
        return math.exp(model.infer(causes, **said).log_evidence) / known

    # The neuropathy produces something with 1 - 0.75 x 0.8 = 0.4. No twitching: 0.5 x 0.6 = 0.3. None, or for days:
    # (0.5 + 0.5 x 0.9) (0.6 + 0.4 x 0.1) = 0.95 x 0.64 = 0.608.
    assert chance(twitching=True) == equal(Fraction("0.7"))
    assert chance(twitching=True, duration="days") == equal(Fraction("0.308"))
    # In the arm only the neuropathy does: 0.25 x 0.1; and exercise may have produced the leg, for days or not at all.
    assert chance(arm=True, duration="days") == equal(Fraction("0.025") * Fraction("0.95"))
    # In the leg alone: no link to the arm fired (0.75), and of those to the leg some, each for days:
    # 0.75 (0.95 (0.8 + 0.2 x 0.1) - 0.5 x 0.8) = 0.75 x (0.779 - 0.4) = 0.28425
    assert chance(arm=False, leg=True, duration="days") == equal(Fraction("0.28425"))


# Exclusions, and unions of causes

# Benign twitching is a diagnosis of exclusion, and a habit is only looked for where it is not that either.
CAUSES = {
    "variables": """
        variable,role,any_of,excludes,serious
        habit,cause,,benign,
        benign,cause,,nerve_disease,
        als,cause,,,yes
        neuropathy,cause,,,
        nerve_disease,union,als;neuropathy,,
        any_twitch,union,nerve_disease;benign,,
        twitching,finding,,,
        """,
    "priors": """
        variable,probability
        habit,0.5
        benign,0.3
        als,0.02
        neuropathy,0.1
        """,
    "links": """
        parent,child,probability
        leak,twitching,0.1
        benign,twitching,0.5
        als,twitching,0.8
        neuropathy,twitching,0.4
        """,
    "sources": TINY["sources"],
}
# P(benign) = 0.3 x 0.98 x 0.9 = 0.2646, P(none of the three) = 0.7 x 0.98 x 0.9 = 0.6174
# P(twitching | ...): nothing 0.1, benign 1 - 0.9 x 0.5 = 0.55, ALS 1 - 0.9 x 0.2 = 0.82,
# neuropathy 1 - 0.9 x 0.6 = 0.46, ALS and neuropathy 1 - 0.9 x 0.2 x 0.6 = 0.892
TWITCHING = {
    "nothing": Fraction("0.6174") * Fraction("0.1"),  # 0.06174
    "benign": Fraction("0.2646") * Fraction("0.55"),  # 0.14553
    "als": Fraction("0.018") * Fraction("0.82"),  # 0.02 x 0.9 = 0.018; 0.01476
    "neuropathy": Fraction("0.098") * Fraction("0.46"),  # 0.98 x 0.1 = 0.098; 0.04508
    "als_and_neuropathy": Fraction("0.002") * Fraction("0.892"),  # 0.001784
}
P_TWITCHING = sum(TWITCHING.values())  # 0.268894


@pytest.fixture
def causes(tmp_path: Path) -> Model:
    return load(tmp_path / "causes", base=CAUSES)


def test_the_prior_of_an_excluding_cause(causes: Model) -> None:
    """It is that among people with none of what it excludes; the marginal follows, and the excluded keep theirs."""
    assert causes.infer(als=False, neuropathy=False)["benign"] == equal(0.3)
    assert causes.infer(als=True)["benign"] == causes.infer(neuropathy=True)["benign"] == 0
    assert causes.prior["benign"] == equal(0.2646)
    assert (causes.prior["als"], causes.prior["neuropathy"]) == (equal(0.02), equal(0.1))
    # A chain: the habit's marginal is 0.5 x P(no benign twitching) = 0.5 x 0.7354, and its prior that without it.
    assert causes.prior["habit"] == equal(0.3677)
    assert causes.infer(benign=False)["habit"] == equal(0.5)
    # Nothing excludes the nerve diseases from the habit: with one, no benign twitching stands in its way.
    assert causes.infer(nerve_disease=True)["habit"] == equal(0.5)


def test_the_posterior_of_an_excluding_cause(causes: Model) -> None:
    p = causes.infer(twitching=True)
    assert math.exp(p.log_evidence) == equal(P_TWITCHING)
    assert p["benign"] == equal(TWITCHING["benign"] / P_TWITCHING)  # 0.541
    assert p["als"] == equal((TWITCHING["als"] + TWITCHING["als_and_neuropathy"]) / P_TWITCHING)
    joint = p.joint(["benign", "als"]).set_index(["benign", "als"])["probability"]
    assert joint[True, True] == 0
    # What speaks for the one speaks against the other: known to be benign, or not.
    assert causes.infer(twitching=True, benign=True)["als"] == 0
    others = P_TWITCHING - TWITCHING["benign"]
    with_als = TWITCHING["als"] + TWITCHING["als_and_neuropathy"]
    assert causes.infer(twitching=True, benign=False)["als"] == equal(with_als / others)


def test_the_marginal_where_both_depend_on_a_context(tmp_path: Path) -> None:
    """Prior and what is excluded are taken in the same stratum: sum over age of P(age) prior(age) P(none | age)."""
    model = load(
        tmp_path / "by_age",
        base=CAUSES,
        variables=CAUSES["variables"].replace("habit,cause,,benign,", "old,context,,,"),
        priors="""
            variable,given,probability
            old,,0.25
            benign,old=absent,0.4
            benign,old=present,0.2
            als,old=absent,0.01
            als,old=present,0.05
            neuropathy,,0.1
            """,
    )
    young, old = (
        Fraction("0.75") * Fraction("0.4") * Fraction("0.99"),
        Fraction("0.25") * Fraction("0.2") * Fraction("0.95"),
    )
    assert model.prior["benign"] == equal((young + old) * Fraction("0.9"))  # 0.31005
    assert model.infer(old=True)["benign"] == equal(0.2 * 0.95 * 0.9)


@pytest.mark.parametrize("excluded", ["als", "neuropathy", "nerve_disease"])
def test_a_cause_and_what_it_excludes_cannot_both_be_said(causes: Model, excluded: str) -> None:
    """As words of one case, an error names both; as likelihoods, the evidence is impossible."""
    message = f"benign=True contradicts {excluded}='yes': benign is defined by the absence of it"
    with pytest.raises(InvalidValueError, match=message):
        causes.infer({"benign": True, excluded: "yes"})
    with pytest.raises(ImpossibleEvidenceError, match=rf"together: {excluded}=present, benign=present\."):
        causes.infer({excluded: "yes"}, virtual_evidence={"benign": {"absent": 0, "present": 1}})


def test_a_union_of_causes(causes: Model) -> None:
    """It is present where one of its causes is: before the evidence, after it, as evidence, and as a prediction."""
    before = causes.infer()
    assert before["nerve_disease"] == equal(1 - Fraction("0.98") * Fraction("0.9"))  # 0.118
    assert before["any_twitch"] == equal(1 - Fraction("0.6174"))
    p = causes.infer(twitching=True)
    nerve = TWITCHING["als"] + TWITCHING["neuropathy"] + TWITCHING["als_and_neuropathy"]  # 0.061624
    assert p["nerve_disease"] == p.unions["nerve_disease"] == equal(nerve / P_TWITCHING)
    assert p["any_twitch"] == equal(1 - TWITCHING["nothing"] / P_TWITCHING)
    assert p.predict("nerve_disease") == {
        "absent": equal(1 - nerve / P_TWITCHING),
        "present": equal(nerve / P_TWITCHING),
    }
    assert "nerve_disease" not in p
    assert set(p) == {"habit", "benign", "als", "neuropathy"}
    # As evidence: P(ALS | some nerve disease) = 0.02 / 0.118, and with twitching what has ALS of `nerve`.
    assert causes.infer(nerve_disease=True)["als"] == equal(Fraction("0.02") / Fraction("0.118"))
    with_als = TWITCHING["als"] + TWITCHING["als_and_neuropathy"]
    assert causes.infer(nerve_disease=True, twitching=True)["als"] == equal(with_als / nerve)
    without = causes.infer(nerve_disease=False, twitching=True)
    assert (without["als"], without["neuropathy"]) == (0, 0)
    assert without["benign"] == equal(TWITCHING["benign"] / (TWITCHING["benign"] + TWITCHING["nothing"]))


def test_serious_and_none_are_unions_too(causes: Model) -> None:
    p = causes.infer(twitching=True)
    assert p["serious"] == p.serious == equal(p["als"])
    # The habit produces nothing: it is absent in half of those without benign twitching.
    assert p["none"] == p.none == equal(TWITCHING["nothing"] / 2 / P_TWITCHING)


def test_what_a_union_explains(causes: Model) -> None:
    """That some link of its causes fired: less than the sum of their shares, as both can have."""
    p = causes.infer(twitching=True)
    # Twitching, and neither ALS nor the neuropathy produced it:
    silent = (
        TWITCHING["nothing"]
        + TWITCHING["benign"]
        + Fraction("0.018") * Fraction("0.2") * Fraction("0.1")  # ALS did not, the leak did
        + Fraction("0.098") * Fraction("0.6") * Fraction("0.1")
        + Fraction("0.002") * Fraction("0.2") * Fraction("0.6") * Fraction("0.1")
    )  # 0.213534
    assert p.explains["nerve_disease"] == equal(1 - silent / P_TWITCHING)  # 0.206
    # A link that is tried fires with its probability, whatever else does: P(present) q / P(twitching).
    alone = {"als": Fraction("0.02") * Fraction("0.8"), "neuropathy": Fraction("0.1") * Fraction("0.4")}
    for cause, share in alone.items():
        assert p.explains[cause] == equal(share / P_TWITCHING)
    both = Fraction("0.002") * Fraction("0.8") * Fraction("0.4")
    assert p.explains["nerve_disease"] == equal((sum(alone.values()) - both) / P_TWITCHING)
    assert p.explains["habit"] == 0


# Links by stratum


def test_links_by_stratum(tmp_path: Path) -> None:
    """A link and a leak may have another number in each stratum; an unknown stratum is summed out."""
    model = load(
        tmp_path / "strata",
        variables="""
            variable,role,states
            age,context,young;old
            neuropathy,cause,
            numbness,finding,
            """,
        priors="""
            variable,state,probability
            age,young,0.75
            age,old,0.25
            neuropathy,,0.1
            """,
        links="""
            parent,child,given,probability
            leak,numbness,age=young,0.1
            leak,numbness,age=old,0.2
            neuropathy,numbness,age=young,0.5
            neuropathy,numbness,age=old,0.7
            """,
    )
    # Young: P(numb | neuropathy) = 1 - 0.9 x 0.5 = 0.55, P(numb) = 0.1 x 0.55 + 0.9 x 0.1 = 0.145.
    # Old: P(numb | neuropathy) = 1 - 0.8 x 0.3 = 0.76, P(numb) = 0.1 x 0.76 + 0.9 x 0.2 = 0.256.
    young, old = model.infer(age="young", numbness=True), model.infer(age="old", numbness=True)
    assert young["neuropathy"] == equal(Fraction(55, 145))
    assert old["neuropathy"] == equal(Fraction(76, 256))
    # Unknown: 0.75 x 0.145 + 0.25 x 0.256 = 0.10875 + 0.064 = 0.17275, of which 0.04125 + 0.019 with the neuropathy.
    p = model.infer(numbness=True)
    assert p["neuropathy"] == equal(Fraction("0.06025") / Fraction("0.17275"))
    assert p.predict("age")["old"] == equal(Fraction("0.064") / Fraction("0.17275"))
    # That the link fired: 0.1 x 0.5 of 0.145, 0.1 x 0.7 of 0.256, and the two weighed by age.
    assert young.explains["neuropathy"] == equal(Fraction("0.05") / Fraction("0.145"))
    assert old.explains["neuropathy"] == equal(Fraction("0.07") / Fraction("0.256"))
    assert p.explains["neuropathy"] == equal((Fraction("0.0375") + Fraction("0.0175")) / Fraction("0.17275"))
