"""A model with all that a model can say, on every surface: levels, descriptions, unions, exclusions, strata of links."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import twitchbayes
from twitchbayes import InvalidFrameError, InvalidValueError, Model, Posterior
from twitchbayes.cohort import read_cohort
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
