"""The words in which evidence may be given, what contradicts, and what is taken to hold."""

from __future__ import annotations

import copy
import decimal
import fractions
import math
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import SITES, load
from twitchbayes import (
    EngineLimitError,
    InvalidEvidenceError,
    InvalidValueError,
    Model,
    Posterior,
    TwitchbayesError,
    UnknownVariableError,
)

SITE_NAMES = ["twitch_face", "twitch_tongue", "twitch_arm_hand", "twitch_leg_foot", "twitch_trunk"]


def only(*present: str) -> dict[str, str]:
    """These sites present, the other sites absent."""
    return {name: "present" if name.removeprefix("twitch_") in present else "absent" for name in SITE_NAMES}


def here(*present: str) -> dict[str, str]:
    """These sites present, nothing known of the others."""
    return {name: state for name, state in only(*present).items() if state == "present"}


def same_answer(first: Posterior, second: Posterior, *, same_evidence: bool = True) -> None:
    assert dict(first) == pytest.approx(dict(second), rel=1e-12)
    assert (first.none, first.serious) == pytest.approx((second.none, second.serious), rel=1e-12)
    if same_evidence:
        assert first.log_evidence == pytest.approx(second.log_evidence, rel=1e-12)


# Words

PRESENT = [
    True, 1, 1.0, "yes", "Yes ", "Y", "TRUE", "present", " Present\n", "1",
    np.True_, np.int8(1), np.uint64(1), np.float16(1), np.array(1), np.array(True), np.array("yes"), np.str_("yes"),
    pd.array([True], dtype="boolean")[0], pd.array([1], dtype="Int64")[0], pd.Series(["yes"], dtype="string")[0],
    fractions.Fraction(1), decimal.Decimal("1.0"),
]  # fmt: skip
ABSENT = [
    False, 0, 0.0, -0.0, "no", "No ", "n", "FALSE", "absent", "0",
    np.False_, np.int64(0), np.float32(0), np.array(0), np.array("no"), decimal.Decimal(0),
    pd.array([False], dtype="boolean")[0],
]  # fmt: skip
UNKNOWN = [
    None, math.nan, np.nan, np.float32("nan"), np.array(np.nan), np.array(None), pd.NA, pd.NaT, np.ma.masked, "", "  ",
    "unknown", "Unknown ",
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "state"),
    [(v, "present") for v in PRESENT] + [(v, "absent") for v in ABSENT] + [(v, None) for v in UNKNOWN],
    ids=lambda v: repr(v)[:30],
)
def test_words_of_a_binary_variable(twitch: Model, value: Any, state: str | None) -> None:
    """Yes and no in the usual words, numbers and scalars mean one state; what is missing says nothing."""
    p = twitch.infer(weakness=value, twitching=None)
    assert p.evidence == ({"weakness": state} if state else {})
    assert p == twitch.infer({} if state is None else {"weakness": state}, twitching=None)


@pytest.mark.parametrize(
    "value",
    [
        "maybe", "2", 2, -1, 0.5, 1e-9, "yes no", "nein", "None", "nan", "1.0.0", math.inf, 10**400, 1j, "not", "not maybe",
        [], {}, (), np.array([]), b"yes", b"1", object, np.datetime64("NaT"), {"yes": 1}, ";", " or ",
    ],
    ids=lambda v: repr(v)[:30],
)  # fmt: skip
def test_what_is_no_state(twitch: Model, value: Any) -> None:
    """Anything else is an error that shows the value and says what would be right."""
    with pytest.raises(InvalidValueError, match=r"(?s)^weakness=.* is not a state of weakness; give yes or no \(True or False\), or None for unknown$") as raised:  # fmt: skip
        twitch.infer(weakness=value)
    assert repr(value) in str(raised.value)


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (62, "60-69"), ("62", "60-69"), (" 62 ", "60-69"), (62.5, "60-69"), ("62.5", "60-69"), (np.int8(62), "60-69"),
        (np.uint16(62), "60-69"), (np.float32(62), "60-69"), (np.array(62), "60-69"), (decimal.Decimal(62), "60-69"),
        (pd.array([62], dtype="Int64")[0], "60-69"),
        ("60-69", "60-69"), (" 60-69 ", "60-69"), (np.str_("60-69"), "60-69"),
        (39.9, "30-39"), (math.nextafter(40, 0), "30-39"), (40, "40-49"),
        (18, "18-29"), (18.0, "18-29"), (120, "80-120"), (120.9, "80-120"), (math.nextafter(121, 0), "80-120"),
        (None, None), (math.nan, None), (pd.NA, None), ("", None), ("unknown", None),
    ],
    ids=repr,
)  # fmt: skip
def test_age(twitch: Model, age: Any, band: str | None) -> None:
    """An age in years, as a number or a text, falls in the band of its completed years."""
    assert twitch.infer(age=age).evidence == ({"age": band} if band else {})


@pytest.mark.parametrize(
    "age",
    [
        -3, 400, 17, 17.999, 121, math.inf, -math.inf, "abc", "6_2", "sixty", True, False, np.True_,
        "62 years", 1j, 10**400, b"62", {"age": 62}, [], "62,5",
    ],
    ids=lambda v: repr(v)[:30],
)  # fmt: skip
def test_what_is_no_age(twitch: Model, age: Any) -> None:
    """What is no number of years from 18 to 120 is an error that says so."""
    with pytest.raises(InvalidValueError, match=r"^age=.* is not a number of years from 18 to 120, which this model covers; give one, a band such as '18-29', a range such as '18 to 39', or None for unknown$"):  # fmt: skip
        twitch.infer(age=age)


@pytest.mark.parametrize(
    ("sex", "state"),
    [
        ("female", "female"), ("Female", "female"), ("F", "female"), ("f", "female"), (" woman ", "female"),
        ("male", "male"), ("MALE", "male"), ("M", "male"), ("m", "male"), ("man", "male"), (np.str_("m"), "male"),
        (None, None), (math.nan, None), ("unknown", None),
    ],
)  # fmt: skip
def test_sex(twitch: Model, sex: Any, state: str | None) -> None:
    """States and their aliases are words in any case."""
    assert twitch.infer(sex=sex).evidence == ({"sex": state} if state else {})


@pytest.mark.parametrize("sex", ["x", "yes", True, 1, 0, "f m"])
def test_what_is_no_sex(twitch: Model, sex: Any) -> None:
    """Yes and no are no states of a variable with states of its own."""
    with pytest.raises(
        InvalidValueError, match=re.escape(f"sex={sex!r} is not a state of sex; give female or male, or None")
    ):
        twitch.infer(sex=sex)


def test_aliases_of_the_table_have_the_last_word(folder: Any) -> None:
    """An alias in variables.csv wins over the words that every model has, and works for bands."""
    variables = (
        SITES["variables"]
        .replace("weak,finding,,,,,,", "weak,finding,,,,,1=absent;weakish=present,")
        .replace("years,,,,", "years,,,young=18-39,,")
    )
    model = load(folder, base=SITES, variables=variables)
    p = model.infer(weak=1, age="Young", twitching=None)
    assert p.evidence == {"weak": "absent", "age": "18-39"}
    assert model.infer(weak=" WEAKISH").evidence == {"weak": "present"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("weaknes", "Did you mean 'weakness'"),
        ("Weakness", "Did you mean 'weakness'"),
        ("twitch location", "Did you mean 'twitch_location' or "),
        ("benign-fasciculations", "Did you mean 'benign_fasciculation'"),
        ("xyzzy", "It has: age, sex, recent_exercise"),
        ("", "It has: age, sex"),
        (5, "It has: age, sex"),
        (None, "It has: age, sex"),
        (("weakness",), "Did you mean 'weakness'"),
    ],
)
def test_unknown_variable(twitch: Model, name: Any, hint: str) -> None:
    """A name that the model does not have is an error with the nearest that it has, and a KeyError."""
    with pytest.raises(UnknownVariableError, match=re.escape(f"the model has no variable {name!r}. {hint}")) as raised:
        twitch.infer({name: True})
    assert isinstance(raised.value, KeyError)
    assert raised.value.name == name
    assert list(raised.value.suggestions[:1]) == re.findall("'(.*?)'", hint)


def test_evidence_on_a_cause(twitch: Model) -> None:
    """A cause can be known too; then its posterior is that, and it explains others away."""
    known = twitch.infer(stress=True, als="no", twitch_location="face")
    assert (known["stress"], known["als"], known.none) == (1, 0, 0)
    assert known["caffeine_excess"] < twitch.infer(als="no", twitch_location="face")["caffeine_excess"]


# Sites


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("arm_hand", here("arm_hand")),
        (" Arm Hand ", here("arm_hand")),
        ("arm-hand", here("arm_hand")),
        ("twitch_arm_hand", here("arm_hand")),
        ("arm_hand;face", here("arm_hand", "face")),
        ("arm_hand, face", here("arm_hand", "face")),
        ("face;", here("face")),
        (["face"], here("face")),
        (("face", "TONGUE"), here("face", "tongue")),
        ({"face", "tongue"}, here("face", "tongue")),
        (frozenset({"face"}), here("face")),
        (["face", "face", "twitch_face"], here("face")),
        (iter(["face", "trunk"]), here("face", "trunk")),
        (np.array(["face", "trunk"]), here("face", "trunk")),
        (np.array(["face", "trunk"], dtype=object), here("face", "trunk")),
        (np.array("face"), here("face")),
        (pd.Series(["face", "trunk"]), here("face", "trunk")),
        ([s.removeprefix("twitch_") for s in SITE_NAMES], dict.fromkeys(SITE_NAMES, "present")),
        (["arm_hand", "nowhere_else"], only("arm_hand")),
        ("arm_hand;nowhere_else", only("arm_hand")),
        ("Nowhere else, face; trunk", only("face", "trunk")),
        (np.array(["face", "nowhere-else"]), only("face")),
        ("nowhere_else", only()),
        (["nowhere_else"], only()),
        ({"face": True}, {"twitch_face": "present"}),
        ({"Arm hand": "no", "twitch_face": 1}, {"twitch_arm_hand": "absent", "twitch_face": "present"}),
        ({"face": None, "tongue": math.nan, "trunk": pd.NA, "leg_foot": "unknown"}, {}),
        ({}, {}),
        (None, {}), (math.nan, {}), (pd.NA, {}), ("", {}), ("unknown", {}), (np.array(None), {}), (np.ma.masked, {}),
    ],
    # What a set or an iterator shows differs from one process to the next.
    ids=lambda v: type(v).__name__ if isinstance(v, set | Iterator) else repr(v)[:40],
)  # fmt: skip
def test_sites(twitch: Model, value: Any, expected: dict[str, str]) -> None:
    """Named sites are present, and nothing is said of others unless "nowhere else" stands beside them."""
    p = twitch.infer(twitch_location=value)
    assert p.evidence == expected
    settled = "present" in expected.values() or len(expected) == len(SITE_NAMES)
    assert p.assumed == ({} if settled else {"twitching": "present"})


def test_a_site_that_is_called_nowhere_else(folder: Path) -> None:
    """Where the model has such a site, the word names it, and closes nothing."""
    files = {name: SITES[name].replace("twitch_leg", "twitch_nowhere_else") for name in ("variables", "links")}
    model = load(folder, base=SITES, **files)
    assert model.infer(site="nowhere_else").evidence == {"twitch_nowhere_else": "present"}
    assert model.infer(site="arm;nowhere_else").evidence == {"twitch_arm": "present", "twitch_nowhere_else": "present"}
    states = {"twitch_arm": "present", "twitch_nowhere_else": "absent"}
    assert model.words.spelled("site", states) == states


@pytest.mark.parametrize(
    ("states", "given"),
    [
        (only("face", "trunk"), ["twitch_face", "twitch_trunk", "nowhere_else"]),
        (only(), "none"),
        (dict.fromkeys(SITE_NAMES, "present"), SITE_NAMES),
        (here("face"), here("face")),
        ({"twitch_face": "absent"}, {"twitch_face": "absent"}),
    ],
    ids=repr,
)
def test_sites_as_people_give_them(twitch: Model, states: dict[str, str], given: Any) -> None:
    """States of sites are written by names where they leave nothing open, and read back as they were."""
    assert twitch.words.spelled("twitch_location", states) == given
    assert twitch.infer(twitch_location=given).evidence == states


def test_a_site_says_less_than_that_site_alone(twitch: Model) -> None:
    """P(evidence) of a site is what it is with others, which are summed out, and so larger than that of it alone."""
    there = twitch.infer(twitch_location="tongue")
    alone = twitch.infer(twitch_location="tongue;nowhere_else")
    same_answer(there, twitch.infer(twitch_tongue=True))
    same_answer(alone, twitch.infer(twitch_location=only("tongue")))
    assert there.log_evidence > alone.log_evidence


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("elbow", "twitch_location='elbow' is not a site of twitch_location. It has: face, tongue, arm_hand, leg_foot, trunk."),
        ("arm", "twitch_location='arm' is not a site of twitch_location. It has: face, tongue, arm_hand, leg_foot, trunk."),
        ("armhand", "twitch_location='armhand' is not a site of twitch_location. Did you mean 'arm_hand'?"),
        (["face", "tounge"], "twitch_location='tounge' is not a site of twitch_location. Did you mean 'tongue'?"),
        ({"tounge": False}, "twitch_location='tounge' is not a site of twitch_location. Did you mean 'tongue'?"),
        (["face", None], "twitch_location=None is not a site of twitch_location."),
        ("None", "twitch_location='None' is not a site of twitch_location. Give 'none', alone, for no site."),
        ("tongue; none", "twitch_location=' none' is not a site of twitch_location. Give 'none', alone, for no site."),
        (["weakness"], "twitch_location='weakness' is not a site of twitch_location. It has"),
        ({"face": "maybe"}, "twitch_face='maybe' is not a state of twitch_face; give yes or no"),
        (True, "twitch_location=True is not a site; give face, tongue, arm_hand, leg_foot, trunk, a list of them or a mapping"),
        (3, "twitch_location=3 is not a site; give face, tongue"),
        (np.array(3), "twitch_location=3 is not a site; give face, tongue"),
        (b"face", "twitch_location=b'face' is not a site; give face, tongue"),
        ([], "twitch_location=[] names no site; give None for unknown, or a site: face, tongue, arm_hand, leg_foot, trunk"),
        ((), "twitch_location=() names no site"),
        (set(), "twitch_location=set() names no site"),
        (np.array([]), "twitch_location=array([], dtype=float64) names no site"),
        (";", "twitch_location=';' names no site"),
        ([""], "twitch_location=[''] names no site"),
    ],
    ids=lambda v: repr(v)[:40],
)  # fmt: skip
def test_what_is_no_site(twitch: Model, value: Any, message: str) -> None:
    """A site that does not exist, or a list of none, is an error that says which sites there are."""
    with pytest.raises(InvalidValueError, match=f"^{re.escape(message)}"):
        twitch.infer(twitch_location=value)


@pytest.mark.parametrize("word", ["none", "NONE", "no", "nowhere "])
def test_no_site(twitch: Model, word: str) -> None:
    """One word denies all sites, as one item that takes back the assumption; it contradicts twitching."""
    p = twitch.infer(twitch_location=word)
    assert (p.evidence, p.assumed) == (dict.fromkeys(SITE_NAMES, "absent"), {})
    assert dict(p) == dict(twitch.infer(dict.fromkeys(SITE_NAMES, False)))
    assert dict(p) == pytest.approx(dict(twitch.infer(twitching=False)), abs=1e-12)
    assert set(twitch.words.read({"twitch_location": word}).given_as.values()) == {"twitch_location"}
    assert [said and said.code for said in twitch.words.each("twitch_location", word)] == [0] * len(SITE_NAMES)
    with pytest.raises(InvalidValueError, match=r"twitching='yes' contradicts twitch_location=.*no place is left"):
        twitch.infer(twitching="yes", twitch_location=word)


# Contradictions


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (
            {"twitching": False, "twitch_location": "arm_hand"},
            "twitching=False contradicts twitch_location='arm_hand': give one of them",
        ),
        (
            {"twitch_location": {"face": "yes"}, "twitching": "no"},
            "twitching='no' contradicts twitch_location={'face': 'yes'}: give one of them",
        ),
        ({"twitching": 0, "twitch_face": 1}, "twitching=0 contradicts twitch_face=1: give one of them"),
        (
            {"twitching": True, "twitch_location": dict.fromkeys(SITE_NAMES, False)},
            "twitching=True contradicts twitch_location={'twitch_face': False}, ",
        ),
        (
            {"twitching": "yes", **dict.fromkeys(SITE_NAMES, "no")},
            "twitching='yes' contradicts twitch_face='no', twitch_tongue='no', twitch_arm_hand='no', "
            "twitch_leg_foot='no', twitch_trunk='no': no place is left for it",
        ),
        (
            {"twitch_location": "face;nowhere_else", "twitch_tongue": True},
            "twitch_location='face;nowhere_else' contradicts twitch_tongue=True: give one of them",
        ),
        (
            {"twitch_face": False, "twitch_location": ["face"]},
            "twitch_face=False contradicts twitch_location=['face']: give one of them",
        ),
        (
            {"twitch_location": {"face": True, "twitch_face": False}},
            "twitch_location={'face': True} contradicts twitch_location={'twitch_face': False}: give one of them",
        ),
    ],
)
def test_contradictions(twitch: Model, case: dict[str, Any], message: str) -> None:
    """Two values that cannot both hold by what they mean are an error that names both as they were given."""
    with pytest.raises(InvalidValueError, match=f"^{re.escape(message)}"):
        twitch.infer(case)


@pytest.mark.parametrize(
    "case",
    [
        {"twitching": True, "twitch_location": "face"},
        {"twitch_location": ["face"], "twitch_face": "yes", "twitch_tongue": 0},
        {"twitch_location": "face", "twitch_tongue": True},
        {"twitch_location": "face;nowhere_else", "twitch_tongue": None},
        {"twitching": False, "twitch_location": {"face": False}},
        {"twitching": False, **dict.fromkeys(SITE_NAMES, False)},
        {"twitching": True, **dict.fromkeys(SITE_NAMES[1:], False)},
    ],
)
def test_saying_it_twice_alike_is_fine(twitch: Model, case: dict[str, Any]) -> None:
    """What agrees does not contradict."""
    assert twitch.infer(case).assumed == {}


@pytest.mark.parametrize("second", [True, False, None])
def test_a_name_given_twice(twitch: Model, second: bool | None) -> None:
    """A name in the mapping and as a keyword is an error that shows both, even where they agree."""
    with pytest.raises(
        InvalidValueError,
        match=rf"^given twice: weakness=True and weakness={second}; give each variable once$",
    ):
        twitch.infer({"weakness": True, "pain": True}, weakness=second)


def test_several_faults_come_together(twitch: Model) -> None:
    """Every fault of a case is reported at once, in an error that is both kinds and holds each of them."""
    case = {
        "weaknes": True,
        "pain": "maybe",
        "age": -3,
        "twitch_location": "elbow",
        "twitching": False,
        "twitch_face": 1,
    }
    with pytest.raises(
        InvalidEvidenceError, match=r"^6 problems in the evidence:\n  the model has no variable 'weaknes'"
    ) as raised:
        twitch.infer(case, virtual_evidence={"cramps": -1})
    error = raised.value
    assert isinstance(error, InvalidValueError | UnknownVariableError)
    assert isinstance(error, ValueError)
    assert isinstance(error, KeyError)
    assert [type(e) for e in error.errors] == [UnknownVariableError] + [InvalidValueError] * 5
    assert str(error).split("\n  ")[1:] == [str(e) for e in error.errors]
    for part in (
        "weaknes",
        "pain='maybe'",
        "age=-3",
        "twitch_location='elbow'",
        "cramps=-1",
        "twitching=False contradicts twitch_face=1",
    ):
        assert sum(part in str(e) for e in error.errors) == 1
    assert (error.name, error.suggestions[0]) == ("weaknes", "weakness")
    assert error.known == tuple(twitch.knowledge.variables)


@pytest.mark.parametrize(
    "kind",
    [InvalidValueError, UnknownVariableError, InvalidEvidenceError, ValueError, KeyError, TwitchbayesError],
)
def test_several_faults_are_caught_as_any_of_their_kinds(twitch: Model, kind: type[Exception]) -> None:
    """Whoever catches one kind of fault catches several at once too, and can read its attributes."""
    with pytest.raises(kind, match=r"^2 problems in the evidence:\n  pain='maybe'.*\n  age=5 ") as raised:
        twitch.infer(pain="maybe", age=5)
    assert (raised.value.name, raised.value.known, raised.value.suggestions) == (None, (), ())  # type: ignore[attr-defined]


# What is assumed


@pytest.mark.parametrize(
    ("case", "assumed"),
    [
        ({}, True),
        ({"weakness": True}, True),
        ({"twitching": True}, False),
        ({"twitching": False}, False),
        ({"twitching": None}, False),
        ({"twitching": math.nan}, False),
        ({"twitching": "unknown"}, False),
        ({"twitch_location": None}, True),
        ({"twitch_location": "face"}, False),
        ({"twitch_face": True}, False),
        ({"twitch_face": False}, True),
        ({"twitch_location": {"face": False, "tongue": False}}, True),
        ({"twitch_location": dict.fromkeys(SITE_NAMES, False)}, False),
        (dict.fromkeys(SITE_NAMES, "absent"), False),
        (dict.fromkeys(SITE_NAMES[:4], "absent"), True),
    ],
    ids=repr,
)
def test_twitching_is_assumed(twitch: Model, case: dict[str, Any], assumed: bool) -> None:
    """Twitching holds unless the caller says otherwise, be it that it is unknown, or all sites settle it."""
    p = twitch.infer(case)
    assert p.assumed == ({"twitching": "present"} if assumed else {})
    assert "twitching" not in p.evidence or "twitching" in case
    stated = {"twitching": True} if assumed else {}
    assert p == twitch.infer({**case, **stated})


def test_an_assumption_left_open_is_the_population(twitch: Model) -> None:
    """With twitching unknown and nothing else said, the posterior is the prior."""
    p = twitch.infer(twitching=None)
    assert dict(p) == dict(p.prior)
    assert p.log_evidence == pytest.approx(0, abs=1e-12)


# Virtual evidence


def test_likelihood_ratio(twitch: Model) -> None:
    """A ratio r weighs the present state r to 1: odds of any cause are mixed accordingly."""
    case = {"twitch_location": "face", "age": 50}
    present, absent = (twitch.infer(case, weakness=w) for w in (True, False))
    r = 4.0
    p = twitch.infer(case, virtual_evidence={"weakness": r})
    # P(k | e, virtual) = (r P(e, w) P(k | e, w) + P(e, not w) P(k | e, not w)) / (r P(e, w) + P(e, not w))
    weights = r * math.exp(present.log_evidence), math.exp(absent.log_evidence)
    for cause in p:
        mixed = (weights[0] * present[cause] + weights[1] * absent[cause]) / sum(weights)
        assert p[cause] == pytest.approx(mixed, rel=1e-12)
    assert p.log_evidence == pytest.approx(math.log(sum(weights)), rel=1e-12)
    assert p.virtual_evidence == {"weakness": (1.0, 4.0)}
    assert p.evidence == {k: v for k, v in present.evidence.items() if k != "weakness"}


@pytest.mark.parametrize("name", ["weakness", "twitching", "als", "high_caffeine", "twitch_face"])
@pytest.mark.parametrize(
    ("value", "hard"),
    [
        (0, False),
        (0.0, False),
        ({"present": 0, "absent": 7}, False),
        ({"present": 0.2, "absent": 0}, True),
        (1, None),
        ({"absent": 3, "present": 3.0}, None),
    ],
)
def test_likelihoods_at_their_ends(twitch: Model, name: str, value: Any, hard: bool | None) -> None:
    """A ratio of 0 is absence, likelihood 0 of absence is presence, and equal likelihoods change nothing."""
    case = {"pain": True} if name == "twitching" else {"pain": True, "twitching": None}
    p = twitch.infer(case, virtual_evidence={name: value})
    same_answer(p, twitch.infer({**case, name: hard}), same_evidence=not isinstance(value, dict))


@pytest.mark.parametrize("nothing", [None, math.nan, pd.NA, "", "unknown"])
def test_virtual_evidence_that_says_nothing(twitch: Model, nothing: Any) -> None:
    """A likelihood that is missing is no evidence: what is assumed stays assumed."""
    p = twitch.infer(pain=True, virtual_evidence={"weakness": nothing, "twitching": nothing})
    assert p == twitch.infer(pain=True)
    assert (p.virtual_evidence, p.assumed) == ({}, {"twitching": "present"})


def test_likelihoods_of_states(twitch: Model) -> None:
    """A variable of several states takes a likelihood for each, and one of them alone is that state."""
    bands = twitch.knowledge.variables["age"].states
    likelihoods = {band: 0.5 if band == "60-69" else 0 for band in bands}
    p = twitch.infer(weakness=True, virtual_evidence={"age": likelihoods, "sex": {"male": 2, "female": 2}})
    same_answer(p, twitch.infer(weakness=True, age="60-69"), same_evidence=False)
    # ln(0.5) for the age and ln(2) for the sex
    assert p.log_evidence == pytest.approx(twitch.infer(weakness=True, age=65).log_evidence, rel=1e-12)


def test_huge_likelihood_ratios(twitch: Model) -> None:
    """A ratio near the largest float is as good as certain, and nothing overflows."""
    ratios = dict.fromkeys(["weakness", "cramps", "pain"], 1e308)
    p = twitch.infer(virtual_evidence=ratios)
    same_answer(p, twitch.infer(weakness=True, cramps=True, pain=True), same_evidence=False)
    assert math.isfinite(p.log_evidence)


@pytest.mark.parametrize(
    ("virtual", "message"),
    [
        ({"weakness": -1}, "virtual evidence weakness=-1 must be finite, not negative and not all 0"),
        ({"weakness": math.inf}, "virtual evidence weakness=inf must be finite"),
        ({"weakness": 10**400}, "virtual evidence weakness=1000"),
        ({"weakness": "4:1"}, "virtual evidence weakness='4:1' must be finite"),
        ({"weakness": True}, "virtual evidence weakness=True must be finite"),
        ({"weakness": [4.0]}, "virtual evidence weakness=[4.0] must be finite"),
        ({"weakness": np.array([4.0])}, "virtual evidence weakness=array([4.]) must be finite"),
        ({"weakness": {"present": 0, "absent": 0}}, "virtual evidence weakness={'present': 0, 'absent': 0} must be finite, not negative and not all 0"),
        ({"weakness": {"present": math.nan, "absent": 1}}, "virtual evidence weakness={'present': nan, 'absent': 1} must be finite"),
        ({"weakness": {"present": -1, "absent": 1}}, "virtual evidence weakness={'present': -1, 'absent': 1} must be finite"),
        ({"weakness": {"present": 1}}, "virtual evidence weakness={'present': 1} must give a likelihood for each of absent, present"),
        ({"weakness": {"yes": 1, "no": 2}}, "virtual evidence weakness={'yes': 1, 'no': 2} must give a likelihood for each of absent, present"),
        ({"weakness": {"present": 1, "absent": 1, "maybe": 1}}, "virtual evidence weakness={'present': 1, 'absent': 1, 'maybe': 1} must give a likelihood for each"),
        ({"sex": 3}, "virtual evidence sex=3: give a mapping with a likelihood for each of female, male"),
        ({"age": 62}, "virtual evidence age=62: give a mapping with a likelihood for each of 18-29, 30-39"),
        ({"pain": 2}, "pain is observed (present) and has virtual evidence 2: give one"),
        ({"twitch_face": 2}, "twitch_face is observed (present) and has virtual evidence 2: give one"),
    ],
    ids=lambda v: repr(v)[:50],
)  # fmt: skip
def test_what_is_no_likelihood(twitch: Model, virtual: dict[str, Any], message: str) -> None:
    """A likelihood is finite and not negative, one for each state, of a variable that is not observed."""
    with pytest.raises(InvalidValueError, match=f"^{re.escape(message)}"):
        twitch.infer(pain=True, twitch_location="face", virtual_evidence=virtual)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("weaknes", "Did you mean 'weakness'?"), ("twitch_location", "Did you mean"), (3, "It has: age")],
)
def test_virtual_evidence_on_an_unknown_variable(twitch: Model, name: Any, hint: str) -> None:
    """Virtual evidence names a variable, not a group."""
    with pytest.raises(UnknownVariableError, match=f"the model has no variable {name!r}. {hint}"):
        twitch.infer(virtual_evidence={name: 2})


@pytest.mark.parametrize("argument", [4.0, "weakness", ["weakness"], {"weakness"}])
def test_what_is_no_mapping(twitch: Model, argument: Any) -> None:
    """Evidence of either kind is a mapping."""
    with pytest.raises(InvalidValueError, match=re.escape(f"evidence={argument!r} is no mapping of variable to value")):
        twitch.infer(argument)
    with pytest.raises(InvalidValueError, match=re.escape(f"virtual_evidence={argument!r} is no mapping")):
        twitch.infer(virtual_evidence=argument)


def test_a_row_of_a_frame_is_a_mapping(twitch: Model) -> None:
    """A pandas Series of one case, missing values included, is evidence like a dict."""
    row = pd.DataFrame({"weakness": [True], "pain": [None], "age": [62.0], "sex": ["m"]}).iloc[0]
    assert twitch.infer(row) == twitch.infer(weakness=True, age=62, sex="m")


def test_virtual_evidence_on_too_many_variables(twitch: Model) -> None:
    """2^13 mixed cases are above the bound of 4096, which an error says before anything is computed."""
    names = [name for name in twitch.findings if not name.startswith("twitch")][:13]
    with pytest.raises(
        EngineLimitError,
        match="evidence by likelihoods on 13 variables is a mixture of 8192 cases, above the bound of 4096",
    ):
        twitch.infer(virtual_evidence=dict.fromkeys(names, 2))


# Properties


def test_input_is_untouched(twitch: Model) -> None:
    """Neither mapping that a caller passes is changed, nor what is inside them."""
    case = {"twitch_location": ["face", "tongue"], "age": "62", "weakness": None, "pain": 1}
    virtual = {"cramps": {"present": 2, "absent": 1}, "fatigue": 3}
    before = copy.deepcopy((case, virtual))
    twitch.infer(case, virtual_evidence=virtual, sex="m")
    assert (case, virtual) == before


@given(data=st.data())
def test_order_is_irrelevant(data: st.DataObject, twitch: Model) -> None:
    """A case in any order, by mapping or by keyword, gets the same answer to the last bit."""
    names = data.draw(
        st.lists(
            st.sampled_from(sorted({*twitch.findings, *twitch.causes} - {"twitching"})),
            unique=True,
            max_size=6,
        )
    )
    case = {name: data.draw(st.sampled_from([True, False, None])) for name in names}
    shuffled = dict(data.draw(st.permutations(list(case.items()))))
    split = data.draw(st.integers(0, len(names)))
    first, second = dict(list(shuffled.items())[:split]), dict(list(shuffled.items())[split:])
    one, two = twitch.infer(case, twitching=None), twitch.infer(first, twitching=None, **second)
    assert one == two
    assert (one.log_evidence, one.evidence) == (two.log_evidence, two.evidence)


def test_the_answer_hands_out_copies(twitch: Model) -> None:
    """What a caller does to the evidence of an answer does not change the answer."""
    p = twitch.infer(weakness=True, virtual_evidence={"pain": 2})
    before = p.to_dict()
    for part in (p.evidence, p.assumed, p.virtual_evidence):
        part.clear()
    assert p.to_dict() == before


def test_codes(tiny: Model) -> None:
    """The engine reads a number for each column, -1 where nothing is known, and nobody can write to them."""
    evidence = tiny._words.read({"cough": False, "winter": True, "fever": None})
    assert evidence.columns == ("winter", "flu", "cold", "fever", "cough")
    assert evidence.codes.tolist() == [1, -1, -1, -1, 0]
    with pytest.raises(ValueError, match="read-only"):
        evidence.codes[0] = 0
    assert pickle.loads(pickle.dumps(evidence)) == evidence
