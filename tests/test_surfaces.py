"""A model with all that a model can say, on every surface: levels, descriptions, unions, exclusions, strata of links."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import twitchbayes
from twitchbayes import (
    ImpossibleEvidenceError,
    InvalidFrameError,
    InvalidValueError,
    Model,
    Posterior,
    UnknownVariableError,
)
from twitchbayes.cli import main
from twitchbayes.cohort import read_cohort
from twitchbayes.display import percent
from twitchbayes.explorer.case import Case
from twitchbayes.explorer.export import Origin
from twitchbayes.explorer.shown import shown as page
from twitchbayes.explorer.shown import structure
from twitchbayes.provenance import strengths
from twitchbayes.scenarios import run

FOLDER = Path(__file__).parent / "surfaces"
UNIONS = ("nerve_damage", "neuromuscular")
CASES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a level": {"emg": "denervation", "age": 63},
    "at least": {"emg": "at least fasciculations_only", "weakness": True, "low_calcium": "at most mild"},
    "described": {"twitch_duration": "months", "weakness": True, "getting_worse": True, "age": 45},
    "a union": {"neuromuscular": True, "cramps": True, "emg": "not denervation"},
    "no union": {"nerve_damage": False, "emg": "fasciculations_only", "twitch_location": ["leg", "nowhere_else"]},
    "a mixture": {"age": (30, 70), "sex": "male", "low_calcium": ["no", "clear"], "twitch_duration": "days"},
}


@pytest.fixture(scope="module")
def model() -> Model:
    return twitchbayes.load_model(FOLDER)


@pytest.fixture(scope="module")
def answers(model: Model) -> dict[str, Posterior]:
    return {name: model.infer(case) for name, case in CASES.items()}


@pytest.fixture(params=CASES, scope="module")
def answer(request: pytest.FixtureRequest, answers: dict[str, Posterior]) -> Posterior:
    return answers[request.param]


def flat(case: dict[str, Any]) -> dict[str, Any]:
    """A case as cells of a table: a list of sites or states as text."""
    return {name: ";".join(value) if isinstance(value, list) else value for name, value in case.items()}


def test_the_model_says_all_of_it(model: Model) -> None:
    """The model is one of each kind; a model that had lost one would let the other tests pass for nothing."""
    network = model.network
    assert model.unions == UNIONS
    assert [network.findings[j] for j in range(len(network.of)) if network.of[j] >= 0] == [
        "twitch_duration",
        "getting_worse",
    ]
    assert [name for name in network.findings if len(network.states[name]) > 2] == [
        "twitch_duration",
        "emg",
        "low_calcium",
    ]
    benign = model.causes.index("benign_fasciculation")
    assert {model.causes[a] for a, b in network.excludes if b == benign} == {"radiculopathy", "polyneuropathy", "als"}
    assert any(network.link_strata)


# Tables of a model


def test_facts_of_levels_and_unions_are_those_of_the_answer(model: Model) -> None:
    """What `check` says that the model implies is what `infer` says of the same case, nothing being assumed."""
    implied = model.check().set_index("check")["implied"]
    open_ = {"twitching": None}
    abnormal = {"emg": "at least fasciculations_only"}
    assert implied["nerve"] == pytest.approx(model.infer(open_)["nerve_damage"])
    assert implied["nerve_emg"] == pytest.approx(model.infer(open_ | abnormal, weakness=True)["nerve_damage"])
    assert implied["denervated"] == pytest.approx(model.infer(open_, nerve_damage=True).predict("emg")["denervation"])
    normal = [model.infer(open_, als=state).predict("emg")["normal"] for state in (True, False)]
    assert implied["abnormal"] == pytest.approx((1 - normal[0]) / (1 - normal[1]))
    assert (model.check()["inside"] == model.check()["expected"]).all()


def test_scenarios_of_levels_and_unions_hold(model: Model) -> None:
    outcomes = run(model)
    assert len(outcomes) == 9
    assert all(outcome.holds for outcome in outcomes)
    by_condition = {outcome.condition: outcome for outcome in outcomes}
    abnormal = model.infer(weakness=True, emg="at least fasciculations_only")
    assert by_condition["neuromuscular > 0.5"].left == abnormal["neuromuscular"]


@pytest.mark.parametrize(
    ("evidence", "flags"),
    [
        ({"emg": "denervation", "weakness": True}, {"denervated"}),
        ({"emg": "at least fasciculations_only", "weakness": True}, {"denervated"}),
        ({"emg": "yes", "weakness": True}, {"denervated"}),
        ({"emg": "at most fasciculations_only", "weakness": True}, set()),
        ({"emg": "normal", "weakness": True, "getting_worse": True}, {"worse"}),
        ({"low_calcium": "clear", "age": 61}, {"calcium"}),
        ({"low_calcium": "yes", "age": 59}, set()),
        ({"low_calcium": "not no", "age": (60, 80)}, {"calcium"}),
    ],
)
def test_red_flags_ask_for_levels(model: Model, evidence: dict[str, Any], flags: set[str]) -> None:
    assert {flag.rule for flag in model.infer(evidence).red_flags} == flags


# Tables of cases


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow"])
def test_a_frame_is_the_loop(model: Model, answers: dict[str, Posterior], kind: str) -> None:
    """Each row has the causes, then the unions, then the summary, as `infer` has them one by one."""
    # A null of an assumed variable in a column of its own would say that it is unknown; no case has such a column.
    frame = pd.DataFrame([flat(case) for case in CASES.values()], dtype=object)
    frame["age"] = frame["age"].map(lambda age: f"{age[0]} to {age[1]}" if isinstance(age, tuple) else age, "ignore")
    found = model.infer_frame(as_kind(frame.astype("string"), kind))
    assert list(getattr(found, "column_names", None) or found.columns) == [
        *model.causes,
        *UNIONS,
        *("none", "serious", "log_evidence"),
    ]
    for name in (*model.causes, *UNIONS, "none", "serious"):
        expected = [answer[name] for answer in answers.values()]
        assert np.asarray(found[name]) == pytest.approx(expected, rel=1e-9), name
    assert np.asarray(found["log_evidence"]) == pytest.approx([a.log_evidence for a in answers.values()])


def as_kind(frame: pd.DataFrame, kind: str) -> Any:
    if kind == "polars":
        import polars as pl

        return pl.from_pandas(frame)
    if kind == "pyarrow":
        import pyarrow as pa

        return pa.Table.from_pandas(frame)
    return frame


def test_intervals_hold_the_unions(model: Model, answer: Posterior) -> None:
    """A union of causes lies above its causes, in every draw, and the order is causes, unions, none, serious."""
    found = answer.credible_intervals(draws=200)
    assert list(found.rows) == [*answer, *answer.unions, "none", "serious"]
    for union in UNIONS:
        row = found[union]
        assert row.posterior == answer[union]
        assert row.first is None
        assert row.low <= row.mean <= row.high
        for cause in model.knowledge.causes_of(union):
            assert row.low >= found[cause].low - 1e-12
            assert row.high >= found[cause].high - 1e-12
    assert found.to_frame().set_index("name").loc["nerve_damage", "label"] == "nerve damage (any of 2)"
    assert found.to_dict()["intervals"]["neuromuscular"]["high"] == found["neuromuscular"].high


def test_intervals_of_a_frame_are_those_of_the_loop(model: Model) -> None:
    rows = [{"emg": "denervation", "age": "63"}, {"emg": "at least fasciculations_only", "age": "30 to 70"}]
    found = model.infer_frame(pd.DataFrame(rows), interval=0.9, draws=100)
    for name in (*model.causes, *UNIONS, "none", "serious"):
        for place, row in enumerate(rows):
            expected = model.infer(row).credible_intervals(0.9, draws=100)[name]
            assert found[f"{name}_low"][place] == pytest.approx(expected.low), name
            assert found[f"{name}_high"][place] == pytest.approx(expected.high), name
    assert found.columns[-1] == "draws_lost"


def test_the_uncertainty_of_a_union_is_due_to_numbers(model: Model) -> None:
    found = model.infer(emg="denervation").credible_intervals()
    shares = found.by_number("nerve_damage")
    assert shares["share"].sum() == pytest.approx(1)
    assert "P(radiculopathy=present)" in shares["number"].tolist()
    assert found.by_source("nerve_damage")["source"].iloc[-1] == "remainder"


# Diagnoses


def labelled(answers: dict[str, Posterior], diagnoses: list[Any]) -> pd.DataFrame:
    """Cases with levels and a column of diagnoses."""
    rows = [CASES["a level"], CASES["at least"], CASES["described"], {"emg": "normal"}]
    assert all(name in answers for name in ("a level", "at least", "described"))
    return pd.DataFrame([flat(row) for row in rows]).assign(diagnosis=diagnoses)


def test_a_union_is_a_diagnosis(model: Model, answers: dict[str, Posterior]) -> None:
    """Some cause of it is present and nobody says which; every cause that it does not hold is absent."""
    cases = labelled(answers, ["nerve damage", "als;nerve_damage", "polyneuropathy", "none"])
    cohort = read_cohort(model, cases, labels="diagnosis")
    said = pd.DataFrame(cohort.codes, columns=model.network.columns)
    assert cohort.labels == (*model.causes, "nerve_damage")
    assert said["nerve_damage"].tolist() == [1, 1, -1, -1]
    assert said["radiculopathy"].tolist() == [-1, -1, 0, 0]
    assert said["polyneuropathy"].tolist() == [-1, -1, 1, 0]
    assert said["als"].tolist() == [0, 1, 0, 0]
    assert said["stress"].tolist() == [0, 0, 0, 0]
    found = model.evaluate(cases, labels="diagnosis", bootstrap=0)
    assert found.predictions.question("nerve_damage").truth.tolist() == [True, True, True, False]
    asked = [model.infer(row)["nerve_damage"] for row in (CASES["a level"], CASES["at least"], CASES["described"])]
    assert found.predictions.question("nerve_damage").predicted[:3].tolist() == pytest.approx(asked)
    assert found.table.set_index("cause").loc["nerve_damage", "label"] == "nerve damage"
    assert found.measured["radiculopathy"].unknown == 2
    assert "nerve damage" in repr(found)


def test_columns_of_unions_are_diagnoses(model: Model, answers: dict[str, Posterior]) -> None:
    """They are no evidence of an evaluation, and can be the only ones that are judged."""
    cases = labelled(answers, [None] * 4).drop(columns="diagnosis")
    cases["neuromuscular"] = ["yes", "no", None, "no"]
    found = model.evaluate(cases, bootstrap=0)
    assert list(found.measured) == ["neuromuscular"]
    assert found.used == 3
    question = found.predictions.question("neuromuscular")
    assert question.truth.tolist() == [True, False, False]
    assert question.predicted[0] == pytest.approx(answers["a level"]["neuromuscular"])
    assert read_cohort(model, cases, labels=["neuromuscular"]).labels == ("neuromuscular",)
    with pytest.raises(InvalidValueError, match="als"):
        read_cohort(model, cases, labels=["als"])


@pytest.mark.parametrize(
    ("diagnosis", "said"),
    [
        ("nerve_damage;benign_fasciculation", "contradicts"),
        ("neuromuscular;none", "says that no cause is present, and names one"),
        ("nerve_demage", "Did you mean 'nerve_damage'"),
    ],
)
def test_a_contradictory_diagnosis_is_a_fault(
    model: Model, answers: dict[str, Posterior], diagnosis: str, said: str
) -> None:
    cases = labelled(answers, ["nerve damage", diagnosis, None, None])
    with pytest.raises(InvalidFrameError, match=said) as raised:
        read_cohort(model, cases, labels="diagnosis")
    assert [fault.row for fault in raised.value.faults] == [1]
    assert read_cohort(model, cases, labels="diagnosis", on_error="exclude").rows.tolist() == [0, 2, 3]


def test_columns_that_contradict_each_other_are_a_fault(model: Model, answers: dict[str, Posterior]) -> None:
    cases = labelled(answers, [None] * 4).drop(columns="diagnosis")
    cases["nerve_damage"], cases["polyneuropathy"] = ["no", "yes", None, "yes"], ["yes", "yes", None, "no"]
    with pytest.raises(InvalidFrameError, match="contradicts") as raised:
        read_cohort(model, cases)
    assert [fault.row for fault in raised.value.faults] == [0]


def test_a_classifier_of_a_union(model: Model) -> None:
    """What y says is that some cause of it is present; the probabilities are those of the tuned model."""
    random = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "emg": random.choice(["normal", "fasciculations_only", "denervation", None], 60),
            "age": random.integers(20, 80, 60),
            "weakness": random.choice(["yes", "no"], 60),
        }
    )
    y = np.where((frame["emg"] == "denervation") | (random.random(60) < 0.1), "yes", "no")
    classifier = twitchbayes.TwitchClassifier(model, cause="nerve_damage", selected_by=()).fit(frame, y)
    probabilities = classifier.predict_proba(frame)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    expected = [classifier.model_.infer(row.dropna().to_dict())["nerve_damage"] for _, row in frame.iterrows()]
    assert probabilities[:, list(classifier.classes_).index("yes")] == pytest.approx(expected)
    with pytest.raises(InvalidValueError, match="columns of what is asked for: nerve_damage"):
        classifier.fit(frame.assign(nerve_damage=y), y)


# One answer


def test_an_answer_shows_the_unions(model: Model) -> None:
    """As text, as HTML and in plain types: after the causes, with their priors and intervals."""
    p = model.infer(emg="at least fasciculations only", low_calcium="no", interval=0.9)
    lines = repr(p).splitlines()
    place = next(i for i, line in enumerate(lines) if "no listed cause" in line)
    for line, union in zip(lines[place + 1 :], ("neuromuscular", "nerve_damage"), strict=False):
        label, numbers = line.split(")", 1)
        assert label == f"  {model.label(union)} (any of {len(model.knowledge.causes_of(union))}"
        assert numbers.split() == shown(p, union)
    assert "given emg=at least fasciculations_only, low_calcium=no" in repr(p)
    assert "nerve damage (any of 2)</th>" in p._repr_html_()
    assert p.to_dict()["unions"] == dict(p.unions)
    assert set(p.unions) == set(UNIONS)


def shown(p: Posterior, union: str) -> list[str]:
    assert p.intervals is not None
    row = p.intervals[union]
    return f"{percent(p.prior[union])} {percent(p[union])} {percent(row.low)} to {percent(row.high)}".split()


WORDS = {
    "emg": ("at least fasciculations_only", "EMG (at least fasciculations only)"),
    "twitch_duration": ("several_weeks", "Duration of twitching (several weeks)"),
    "low_calcium": ("no", "Absence of low calcium"),
    "getting_worse": (False, "Absence of weakness that gets worse"),
    "weakness": (True, "Weakness"),
    "nerve_damage": (True, "Nerve damage"),
    "neuromuscular": ("yes", "Neuromuscular disease"),
    "age": ("60-99", "Age 60-99 years"),
}


def test_items_are_told_in_words(model: Model) -> None:
    p = model.infer({name: value for name, (value, _) in WORDS.items()})
    told = {reason.item.name: reason.words for reason in p.explain("als").reasons}
    assert told == {name: words for name, (_, words) in WORDS.items()} | {"twitching": "Twitching, which is assumed"}
    (normal,) = model.infer({"emg": "normal", "twitching": None}).explain("als").sentences
    assert normal.startswith("EMG (normal) divided the odds of ALS by ")
    (several,) = model.infer({"low_calcium": ["no", "clear"], "twitching": None}).explain("low_potassium").sentences
    assert several.startswith("Low calcium (no or clear) ")
    likely = {"emg": {"normal": 1, "fasciculations_only": 2, "denervation": 0}}
    assert "fasciculations only 2" in repr(model.infer(virtual_evidence=likely).explain("als"))


@pytest.mark.parametrize("written", ["fasciculations only", "Fasciculations_Only", " fasciculations only "])
def test_states_are_read_as_they_are_spoken(model: Model, written: str) -> None:
    assert model.infer(emg=written).evidence == {"emg": "fasciculations_only"}
    assert model.infer(emg=f"at least {written}").evidence == {"emg": "at least fasciculations_only"}


@pytest.mark.parametrize("emg", ["normal", "denervation", "at least fasciculations_only", "not fasciculations_only"])
def test_numbers_between_are_those_that_bear_on_it(model: Model, emg: str) -> None:
    """The levels of a link make room for each other: each of them moves the answer."""
    p = model.infer(emg=emg, twitching=None)
    listed = {row.number for row in p.explain("als").numbers}
    assert listed == {"P(emg=fasciculations_only | als)", "P(emg=denervation | als)"}
    assert listed <= set(p.provenance("als").rows["number"])


def test_numbers_between_a_union_are_those_of_its_causes(model: Model) -> None:
    """Each in the stratum of the case."""
    p = model.infer(cramps=True, age=63, twitching=None)
    assert {(row.item, row.number) for row in p.explain("neuromuscular").numbers} == {
        ("age", "P(polyneuropathy=present | age=60-99)"),
        ("cramps", "P(cramps | polyneuropathy, age=60-99)"),
        ("cramps", "P(cramps | als)"),
    }
    assert {row.number for row in p.explain("serious").numbers} == {
        "P(cramps | als)",
        "P(cramps | low_potassium)",
    }


@pytest.mark.parametrize("target", [*UNIONS, "serious"])
def test_reasons_and_numbers_of_a_union(model: Model, answer: Posterior, target: str) -> None:
    """The explanation ends at the posterior, and the sensitivity functions go through it."""
    explanation, sensitivity = answer.explain(target), answer.sensitivity(target)
    assert explanation.probability == answer[target]
    if explanation.method == "exact":
        total = sum(reason.shapley_nats or 0.0 for reason in explanation.reasons)
        assert total == pytest.approx(explanation.change_nats, abs=1e-9)
    for function in list(sensitivity)[:5]:
        assert function.at(function.number.probability) == pytest.approx(answer[target], rel=1e-9)
    shares = answer.provenance(target).by_basis
    assert sum(shares.values()) == pytest.approx(1 if 0 < answer[target] < 1 - 1e-12 else 0)
    assert model.label(target) in repr(explanation)


def test_the_joint_of_a_union_and_its_causes(model: Model) -> None:
    p = model.infer(emg="denervation")
    joint = p.joint(["nerve_damage", "radiculopathy"]).set_index(["nerve_damage", "radiculopathy"])["probability"]
    assert joint[False, True] == 0
    assert joint[True, True] == pytest.approx(p["radiculopathy"])
    assert joint[True].sum() == pytest.approx(p["nerve_damage"])
    with pytest.raises(UnknownVariableError, match="serious"):
        p.joint(["serious"])


# Two answers, two models


def test_two_answers_have_the_unions(model: Model) -> None:
    first, second = model.infer(emg="normal"), model.infer(emg="at least fasciculations_only")
    comparison = first.compare(second)
    moves = {row.cause: row for row in comparison.unions}
    assert set(moves) == set(UNIONS)
    assert moves["nerve_damage"].move == pytest.approx(second["nerve_damage"] - first["nerve_damage"])
    assert comparison.evidence[0] == ("emg", "normal", "at least fasciculations_only")
    assert "nerve damage" in repr(comparison)
    assert {row["cause"] for row in comparison.to_dict()["unions"]} == set(UNIONS)
    assert first.what_if(emg="at least fasciculations_only").other["nerve_damage"] == second["nerve_damage"]


@pytest.fixture(scope="module")
def unsplit(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model in which nerve damage is still one cause, that was split since."""
    folder = tmp_path_factory.mktemp("models") / "unsplit"
    shutil.copytree(FOLDER, folder)
    for file in ("priors.csv", "links.csv", "variables.csv", "checks.csv", "populations/clinic.csv"):
        text = (folder / file).read_text().replace("radiculopathy", "nerve_damage")
        lines = text.splitlines()
        kept = [line for line in lines if "polyneuropathy" not in line and not line.startswith("nerve_damage,union")]
        changed = [line.replace("any_of nerve_damage", "") for line in kept]
        (folder / file).write_text("\n".join(changed) + "\n")
    return twitchbayes.load_model(folder)


def test_a_cause_that_was_split_is_compared_by_its_name(model: Model, unsplit: Model) -> None:
    """What is a union here and a cause there is one row, in both directions."""
    assert "nerve_damage" in unsplit.causes
    first, second = unsplit.infer(emg="denervation"), model.infer(emg="denervation")
    for one, other in ((first, second), (second, first)):
        row = next(row for row in one.compare(other).causes if row.cause == "nerve_damage")
        assert (row.first, row.second) == (one["nerve_damage"], other["nerve_damage"])
        assert "nerve_damage" not in {row.cause for row in one.compare(other).unions}
    scenarios = unsplit.diff(model).scenarios.set_index(["case", "cause"])
    evidence = {"weakness": True, "emg": "at least fasciculations_only"}
    assert scenarios.loc[("abnormal", "nerve_damage"), "first"] == pytest.approx(
        unsplit.infer(evidence)["nerve_damage"]
    )
    assert scenarios.loc[("abnormal", "nerve_damage"), "second"] == pytest.approx(model.infer(evidence)["nerve_damage"])


def test_differences_of_levels_and_unions(model: Model) -> None:
    """A setting moves the unions in the scenarios."""
    difference = model.diff(model.at_population("clinic"))
    moved = difference.scenarios.set_index(["case", "cause"])
    clinic = model.at_population("clinic").infer(weakness=True, emg="at least fasciculations_only")
    assert moved.loc[("abnormal", "neuromuscular"), "second"] == pytest.approx(clinic["neuromuscular"])
    assert difference.numbers["number"].tolist() == ["P(radiculopathy=present)"]


# Conflict


def test_a_level_above_the_lowest_is_a_positive_finding(model: Model) -> None:
    for emg, positive in (("normal", False), ("at most fasciculations_only", False), ("denervation", True)):
        assert model.infer(emg=emg, twitching=None).conflict().positive is positive
    assert model.infer(emg="at least fasciculations_only", twitching=None).conflict().positive


def test_a_union_and_its_cause_are_one_item_of_a_conflict(model: Model) -> None:
    """What is said twice is no agreement: it is the conflict of the cause alone."""
    once = model.infer(radiculopathy=True, emg="normal", weakness=False)
    twice = model.infer(radiculopathy=True, nerve_damage=True, neuromuscular=True, emg="normal", weakness=False)
    assert twice.conflict().bits == pytest.approx(once.conflict().bits)
    item = next(item for item in twice.conflict().items if item.name == "neuromuscular")
    assert set(item.variables) == {"radiculopathy", "nerve_damage", "neuromuscular"}
    assert item.probability == pytest.approx(model.infer({"twitching": None})["radiculopathy"])
    assert "neuromuscular disease" in twice.conflict().summary


def test_a_union_that_is_denied_rules_its_causes_out(model: Model) -> None:
    rows = {row.cause: row for row in model.infer(nerve_damage=False, emg="denervation").conflict().causes}
    assert rows["radiculopathy"].with_it is None
    assert rows["als"].with_it is not None


@pytest.mark.parametrize(
    ("evidence", "conflict"),
    [
        ({"getting_worse": True, "weakness": False, "emg": "normal"}, {"getting_worse", "weakness"}),
        ({"twitch_duration": "at least several_weeks", "twitching": False}, {"twitch_duration", "twitching"}),
    ],
)
def test_what_describes_nothing_is_impossible(model: Model, evidence: dict[str, Any], conflict: set[str]) -> None:
    with pytest.raises(ImpossibleEvidenceError) as raised:
        model.infer(evidence)
    assert set(raised.value.conflict) == conflict


# Questions, interview


@pytest.mark.parametrize("target", ["causes", "serious", *UNIONS, "als"])
def test_replies_are_exhaustive_and_expect_what_is_known(model: Model, answer: Posterior, target: str) -> None:
    """The probabilities of the replies sum to 1, and what they would make of every target is on average the answer."""
    questions = answer.next_questions(None, target=target)
    assert {question.variable for question in questions} <= {ask.variable for ask in model.asks}
    assert not {question.variable for question in questions} & {*model.causes, *UNIONS, "twitching"}
    for question in questions:
        shares = [reply.probability for reply in question.replies]
        assert sum(shares) == pytest.approx(1)
        assert question.gain_bits >= 0
        expected = sum(share * reply.posterior["als"] for share, reply in zip(shares, question.replies, strict=True))
        assert expected == pytest.approx(answer["als"], rel=1e-9)
        if target in UNIONS:
            of_union = [reply.unions[target] for reply in question.replies]
            assert float(np.dot(shares, of_union)) == pytest.approx(answer[target], rel=1e-9)
        else:
            assert all(reply.unions == {} for reply in question.replies)


def test_the_answers_to_a_graded_question_are_its_states(model: Model) -> None:
    questions = {q.variable: q for q in model.infer(age=40).next_questions(None)}
    assert [reply.text for reply in questions["emg"].replies] == ["normal", "fasciculations only", "denervation"]
    for reply in questions["emg"].replies:
        assert model.infer(emg=reply.text).evidence == reply.states
        assert model.infer(age=40, emg=reply.text)["als"] == pytest.approx(reply.posterior["als"])


@pytest.mark.parametrize(
    ("evidence", "virtual", "asked"),
    [
        ({}, {}, {"twitch_duration"}),
        ({"weakness": True}, {}, {"twitch_duration", "getting_worse"}),
        ({"weakness": False}, {}, {"twitch_duration"}),
        ({}, {"weakness": 3}, {"twitch_duration", "getting_worse"}),
        ({"twitching": None}, {}, set()),
        ({"twitching": False}, {}, set()),
        ({"twitching": None, "twitch_face": True}, {}, {"twitch_duration"}),
        ({"twitch_location": "none"}, {}, set()),
        ({"weakness": True, "getting_worse": False, "twitch_duration": "at least several_weeks"}, {}, set()),
    ],
)
def test_what_describes_is_asked_after_it(
    model: Model, evidence: dict[str, Any], virtual: dict[str, Any], asked: set[str]
) -> None:
    questions = model.infer(evidence, virtual_evidence=virtual).next_questions(None)
    assert {q.variable for q in questions} & {"twitch_duration", "getting_worse"} == asked


def test_an_interview_takes_levels(model: Model) -> None:
    """A state as it is spoken, a bound, and back from its transcript."""
    interview = twitchbayes.Interview(model, target="neuromuscular", known={"nerve_damage": "unknown", "age": 63})
    question = interview.ask()
    assert question is not None
    assert question.variable == "emg"
    interview.answer("at least fasciculations only")
    assert interview.posterior.evidence == {"age": "60-99", "emg": "at least fasciculations_only"}
    assert "neuromuscular disease (any of 3)" in interview._repr_html_()
    again = twitchbayes.Interview.from_json(interview.to_json(), model=model)
    assert again.posterior["neuromuscular"] == interview.posterior["neuromuscular"]
    assert again.to_dict()["unions"]["neuromuscular"] == interview.posterior["neuromuscular"]
    while (question := interview.ask()) is not None:
        interview.answer(question.replies[-1].text)
    assert interview.finished


# Pictures, card, explorer


def test_plots_draw_unions_and_levels(model: Model) -> None:
    """Each union has its mark in the plot of an answer; the network has what describes and what excludes."""
    matplotlib = pytest.importorskip("matplotlib", reason="needs the extra plot")
    matplotlib.use("Agg")
    p = model.infer(emg="at least fasciculations_only", low_calcium="no", twitch_duration="several_weeks")
    drawn = ids(p.plot(intervals=False))
    assert {*UNIONS, "nerve_damage.prior"} <= drawn
    axes = model.plot(p)
    assert {"twitching to twitch_duration", "weakness to getting_worse", "als to benign_fasciculation"} <= ids(axes)
    assert "age to cramps" in ids(axes)
    texts = {text.get_text() for text in axes.texts}
    assert any("duration of twitching: several weeks" in text.replace("\n", " ") for text in texts)
    marks = {line.get_gid(): line for line in axes.lines}
    assert marks["low_calcium"].get_markerfacecolor() == "none"
    assert marks["emg"].get_markerfacecolor() != "none"
    assert p.explain("neuromuscular").plot().get_title(loc="left") != ""
    assert "serious" in ids(p.sensitivity("serious").plot())
    assert ids(p.next_questions(target="nerve_damage").plot())
    matplotlib.pyplot.close("all")


def ids(axes: Any) -> set[str]:
    return {artist.get_gid() for artist in axes.findobj() if artist.get_gid()}


def test_a_link_into_levels_is_as_strong_as_all_of_them(model: Model) -> None:
    found = strengths(model.knowledge)
    assert found["als", "emg"] == pytest.approx(0.99)
    assert found["polyneuropathy", "cramps"] == 0.3
    assert found["als", "weakness"] == 0.9


def test_the_card_tells_what_variables_are(model: Model, tmp_path: Path) -> None:
    text = model.card(tmp_path / "card.md").read_text()
    assert "| `emg` | finding | EMG | levels normal, fasciculations_only, denervation |" in text
    assert "levels days, several_weeks, months; describes twitching" in text
    assert "| absent beside neuromuscular |" in text
    assert "| any of radiculopathy, polyneuropathy |" in text
    assert r"`P(emg=denervation \| als)` net" in text
    assert r"`P(cramps \| polyneuropathy, age=60-99)` net" in text
    assert f"{percent(model.prior['benign_fasciculation'])} of `benign_fasciculation`" in text
    picture = (tmp_path / "card.svg").read_text()
    assert picture.count("<path") == 2 + 3
    assert "neuromuscular: any of radiculopathy, polyneuropathy, als" in picture


def test_the_explorer_shows_unions_and_several_states(model: Model) -> None:
    case = Case(Origin.of(model), {"emg": "at least fasciculations only", "low_calcium": "clear", "age": (30, 70)})
    told = structure(case)
    assert told["unions"]["neuromuscular"]["causes"] == ["radiculopathy", "polyneuropathy", "als"]
    entries = {entry["name"]: entry for section in told["sections"] for entry in section["entries"]}
    assert ["fasciculations_only", "fasciculations only"] in entries["emg"]["states"]
    assert set(UNIONS) <= set(entries)
    now = page(case)
    assert now["states"]["emg"] == "at least fasciculations_only"
    assert {row["name"]: row["probability"] for row in now["unions"]} == dict(case.answer.unions)
    assert json.loads(now["document"])["unions"] == dict(case.answer.unions)
    case.act({"kind": "say", "variable": "nerve_damage", "value": "present"})
    case.act({"kind": "select", "cause": "neuromuscular"})
    now = page(case)
    assert now["follows"] == {"neuromuscular": "present"}
    assert list(now["numbers"])[:3] == ["radiculopathy", "polyneuropathy", "als"]
    pieces = {piece["part"]: piece for piece in iter(lambda: case.more(case.serial, len(case._told)), None)}
    assert pieces["explanation"]["head"].startswith("neuromuscular disease: ")
    assert set(UNIONS) <= set(pieces["intervals"]["rows"])
    found: dict[str, Any] = {"model": model}
    exec(case.to_python(), found)
    assert dict(found["posterior"]) == dict(case.answer)
    with pytest.raises(UnknownVariableError, match="nerve_damage"):
        case.act({"kind": "select", "cause": "nerve_demage"})


def test_red_flags_are_told_in_words(model: Model) -> None:
    case = Case(Origin.of(model), {"emg": "at least fasciculations only", "weakness": True})
    (flag,) = page(case)["red_flags"]
    assert flag["met_by"] == ["EMG: at least fasciculations only", "weakness: yes"]


# The command


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        ("infer|emg=at least fasciculations only|weakness=yes", ["nerve damage (any of 2)", "Abnormal EMG"]),
        ("infer|neuromuscular=no|--json", ['"neuromuscular": 0.0']),
        ("explain|emg=denervation|--cause|neuromuscular", ["EMG (denervation) multiplied the odds of neuromuscular"]),
        ("sensitivity|emg=denervation|--cause|nerve_damage", ["P(emg=denervation | leak)"]),
        ("questions|emg=denervation|--target|nerve_damage", ["the entropy of nerve damage", "weakness"]),
        ("template|cases", ["twitch_duration,weakness,getting_worse,cramps,emg,low_calcium"]),
    ],
)
def test_commands_about_levels_and_unions(capsys: pytest.CaptureFixture[str], arguments: str, facts: list[str]) -> None:
    assert main([*arguments.split("|"), "--model", str(FOLDER)]) == 0
    out = capsys.readouterr().out
    for fact in facts:
        assert fact in out


def test_check_finds_all_as_the_tables_say(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(FOLDER)]) == 0
    assert "6 facts compared: 5 inside their interval, 1 outside\nall as the tables say" in capsys.readouterr().out


def test_score_and_evaluate_have_the_unions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answers: dict[str, Posterior]
) -> None:
    cases, scored = tmp_path / "cases.csv", tmp_path / "scored.csv"
    labelled(answers, ["nerve_damage", "none", "polyneuropathy", None]).to_csv(cases, index=False)
    options = ["--model", str(FOLDER), "--ignore", "diagnosis", "--interval", "0.9", "--draws", "100"]
    assert main(["score", str(cases), "-o", str(scored), *options]) == 0
    found = pd.read_csv(scored)
    assert found["nerve_damage"][1] == pytest.approx(answers["at least"]["nerve_damage"])
    assert (found["nerve_damage_low"] <= found["nerve_damage_high"]).all()
    capsys.readouterr()
    judged = ["evaluate", str(cases), "--labels", "diagnosis", "--bootstrap", "0", "--model", str(FOLDER)]
    assert main(judged) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "nerve damage " in line]
    assert line.split()[2:4] == ["3", "2"]


def test_an_interview_in_the_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("why\nat least fasciculations only\nquit\n"))
    assert main(["ask", "--model", str(FOLDER), "--target", "neuromuscular"]) == 0
    out = capsys.readouterr().out
    assert "normal or fasciculations only or denervation" in out
    assert "  denervation (probability " in out
    assert "given emg=at least fasciculations_only" in out
    assert "neuromuscular disease (any of 3)" in out
