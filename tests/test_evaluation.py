"""Evaluation: each measure on cases worked by hand and against scikit-learn, what is left out, and cross-validation."""

from __future__ import annotations

import html.parser
import inspect
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score, roc_curve

from models import TINY, load
from twitchbayes import InvalidEvidenceError, InvalidFrameError, InvalidValueError, Model, UnknownVariableError
from twitchbayes.cli import main
from twitchbayes.cohort import Cohort, read_cohort
from twitchbayes.evaluation import Options, Predictions, cross_validate, judged, tuner
from twitchbayes.evaluation.bootstrap import Ranked, percentiles, resampled
from twitchbayes.evaluation.calibration import binned, decomposed, levelled, recalibrated, wilson
from twitchbayes.evaluation.folds import fold_of
from twitchbayes.evaluation.measures import MEASURES, Question, measured
from twitchbayes.files import CasesError

# Four cases by hand: two present, two absent.
TRUTH = np.array([True, False, True, False])
PREDICTED = np.array([0.8, 0.6, 0.3, 0.1])
PLAIN = Options(bootstrap=0)


def question(truth: Any, predicted: Any, name: str = "flu") -> Question:
    return Question.of(name, np.asarray(truth).astype(np.int8), np.asarray(predicted, dtype=float))


def random_question(seed: int, n: int = 200, levels: int = 30) -> Question:
    """Cases that are as probable as they are predicted to be, with many ties."""
    rng = np.random.default_rng(seed)
    predicted = rng.integers(1, levels, n) / levels
    return question(rng.random(n) < predicted, predicted)


# Measures by hand


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("prevalence", 0.5),
        ("mean_predicted", 1.8 / 4),
        ("log_score", (math.log(0.8) + math.log(1 - 0.6) + math.log(0.3) + math.log(1 - 0.1)) / 4),
        ("brier", (0.2**2 + 0.6**2 + 0.7**2 + 0.1**2) / 4),
        # Bins {0.1, 0.3} and {0.6, 0.8}: means 0.2 and 0.7, half of each present.
        ("reliability", ((0.2 - 0.5) ** 2 + (0.7 - 0.5) ** 2) / 2),
        ("resolution", 0.0),
        ("uncertainty", 0.25),
        # All predictions lie 0.1 from the mean of their bin, on the side of what happened, which lies 0.5 off.
        ("within_bins", 0.1**2 - 2 * 0.1 * 0.5),
        # Of the four pairs of a present and an absent case only (0.3, 0.6) is the wrong way round.
        ("roc_auc", 3 / 4),
        # The present cases are first and third: precision 1/1 and 2/3.
        ("average_precision", (1 + 2 / 3) / 2),
        # No absent case may be called present at 0.9: only the case at 0.8 is found.
        ("sensitivity", 0.5),
    ],
)
def test_four_cases(measure: str, expected: float) -> None:
    """Each measure has the value worked out by hand."""
    found = measured(question(TRUTH, PREDICTED), Options(bins=2))
    assert found.values[measure] == pytest.approx(expected, abs=1e-12)
    assert (found.cases, found.present, found.unknown) == (4, 2, 0)


@pytest.mark.parametrize(("specificity", "expected"), [(1.0, 0.5), (0.51, 0.5), (0.5, 1.0), (0.0, 1.0)])
def test_sensitivity_at_a_specificity(specificity: float, expected: float) -> None:
    """With one of the two absent cases called present, both present ones are found."""
    found = measured(question(TRUTH, PREDICTED), Options(specificity=specificity))
    assert found.values["sensitivity"] == expected


def test_a_specificity_counts_whole_cases() -> None:
    """At 0.9 one of ten absent cases may be called present, though 1 - 0.9 is less than 0.1 in doubles."""
    assert (1 - 0.9) * 10 < 1
    predicted = [0.9, 0.95, *np.linspace(0.1, 0.5, 9)]
    q = question([1, *[0] * 10], predicted)
    assert measured(q, Options(specificity=0.9)).values["sensitivity"] == 1
    assert Ranked.of(q).measures(np.ones((11, 1)), 0.9)[2] == [1]


@pytest.mark.parametrize("seed", range(5))
def test_as_scikit_learn(seed: int) -> None:
    """With ties, and with more cases, the values are those of scikit-learn."""
    q = random_question(seed)
    found = measured(q, PLAIN).values
    assert found["log_score"] == pytest.approx(-log_loss(q.truth, q.predicted), rel=1e-12)
    assert found["brier"] == pytest.approx(brier_score_loss(q.truth, q.predicted), rel=1e-12)
    assert found["roc_auc"] == pytest.approx(roc_auc_score(q.truth, q.predicted), rel=1e-12)
    assert found["average_precision"] == pytest.approx(average_precision_score(q.truth, q.predicted), rel=1e-12)
    false, true, _ = roc_curve(q.truth, q.predicted, drop_intermediate=False)
    assert found["sensitivity"] == true[false <= 0.1 + 1e-9].max()


@pytest.mark.parametrize("binning", ["quantile", "width"])
@pytest.mark.parametrize("bins", [1, 3, 10, 1000])
def test_parts_of_the_brier_score_add_up(bins: int, binning: Any) -> None:
    """Reliability - resolution + uncertainty + within_bins is the Brier score, whatever the bins."""
    q = random_question(bins, levels=997)
    parts = decomposed(q.truth, q.predicted, binned(q.truth, q.predicted, bins, binning))
    whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins
    assert whole == pytest.approx(((q.predicted - q.truth) ** 2).mean(), rel=1e-12)


def test_murphy_alone_where_bins_hold_one_prediction() -> None:
    """Where all predictions of a bin are equal, Murphy's three parts are the whole score."""
    q = random_question(0, levels=4)
    parts = decomposed(q.truth, q.predicted, binned(q.truth, q.predicted, 8, "width"))
    assert parts.within_bins == pytest.approx(0, abs=1e-15)
    assert parts.resolution > 0


def test_perfect_predictions() -> None:
    """Certain and right: nothing lost, all found; of slope and intercept there are none."""
    found = measured(question(TRUTH, TRUTH), PLAIN)
    expected = {"log_score": 0, "brier": 0, "roc_auc": 1, "average_precision": 1, "sensitivity": 1, "reliability": 0}
    assert {name: found.values[name] for name in expected} == expected
    assert found.values["resolution"] == found.values["uncertainty"] == 0.25
    assert found.undefined == dict.fromkeys(
        ("calibration_intercept", "calibration_slope"),
        "a prediction is exactly 0 or 1, of which there are no log odds",
    )


def test_constant_predictions() -> None:
    """The prevalence for everybody: no resolution, an area of 1/2, precision the prevalence, the Brier score p(1 - p)."""
    found = measured(question([1, 0, 0, 0], [0.25] * 4), PLAIN)
    assert found.values["roc_auc"] == 0.5
    assert found.values["average_precision"] == 0.25
    assert found.values["sensitivity"] == 0
    assert found.values["brier"] == found.values["uncertainty"] == 0.25 * 0.75
    assert found.values["reliability"] == found.values["resolution"] == found.values["within_bins"] == 0
    assert found.undefined["calibration_slope"] == "all predictions are equal"


@pytest.mark.parametrize(
    ("truth", "predicted", "gone", "reason"),
    [
        ([0, 0], [0.1, 0.2], {"roc_auc", "average_precision", "sensitivity"}, "no case has it present"),
        ([1, 1], [0.1, 0.2], {"roc_auc", "average_precision", "sensitivity"}, "every case has it present"),
        ([1, 0, 0], [0.0, 0.3, 1.0], {"log_score"}, "minus infinity: probability 0 was given to what was true in 2"),
        ([-1, -1], [0.1, 0.2], set(MEASURES), "no case has a known state"),
        ([1, 0], [0.8, 0.2], {"calibration_slope"}, "tell present from absent without a fault"),
        ([1, 0, 0], [0.2, 0.2, 0.8], {"calibration_slope"}, "tell present from absent without a fault"),
    ],
)
def test_undefined_with_its_reason(truth: list[int], predicted: list[float], gone: set[str], reason: str) -> None:
    """A measure that has no value is absent, with the reason; none is NaN, and each is in one of the two places."""
    found = measured(question(truth, predicted), PLAIN)
    assert gone <= set(found.undefined)
    assert all(reason in found.undefined[name] for name in gone)
    assert set(found.values) | set(found.undefined) == set(MEASURES)
    assert not set(found.values) & set(found.undefined)
    assert np.isfinite(list(found.values.values())).all()


# Calibration


def test_bins_by_quantile_and_by_width() -> None:
    """Quantiles part the cases evenly, widths the predictions; an empty bin is left out."""
    predicted = np.array([0.05, 0.15, 0.16, 0.17, 0.9])
    truth = np.array([False, True, False, False, True])
    by_width = binned(truth, predicted, 10, "width")
    assert by_width.cases.tolist() == [1, 3, 1]
    assert by_width.present.tolist() == [0, 1, 1]
    assert by_width.lowest.tolist() == [0.05, 0.15, 0.9]
    assert by_width.highest.tolist() == [0.05, 0.17, 0.9]
    assert by_width.mean_predicted == pytest.approx([0.05, 0.16, 0.9])
    # The case in the middle belongs to the upper half.
    assert binned(truth, predicted, 2, "quantile").cases.tolist() == [2, 3]


def test_equal_predictions_are_in_one_bin() -> None:
    """Quantiles that fall into a tie do not part it."""
    bins = binned(np.array([True] * 9 + [False]), np.array([0.2] * 9 + [0.7]), 5, "quantile")
    assert bins.cases.tolist() == [9, 1]


def test_wilson() -> None:
    """The bounds solve |observed - p| = z sqrt(p (1 - p) / n), from which Wilson's interval comes."""
    present, cases = np.array([0, 3, 81, 10]), np.array([10, 10, 263, 10])
    low, high = wilson(present, cases)
    for bound in (low[1:3], high[1:3]):
        distance = np.abs(present[1:3] / cases[1:3] - bound)
        assert distance == pytest.approx(1.959963984540054 * np.sqrt(bound * (1 - bound) / cases[1:3]), rel=1e-12)
    assert (low[0], high[3]) == (0, 1)
    assert 0 < high[0] < 1
    assert 0 < low[3] < 1


def test_recalibration_of_two_predictions() -> None:
    """With two predictions the fitted line goes through both observed log odds; at slope 1 the counts agree."""
    predicted = np.repeat([0.2, 0.6], [40, 50])
    truth = np.concatenate([np.arange(40) < 10, np.arange(50) < 20])

    def logit(p: float) -> float:
        return math.log(p / (1 - p))

    found = recalibrated(truth, predicted)
    assert not isinstance(found, str)
    assert found[1] == pytest.approx((logit(0.4) - logit(0.25)) / (logit(0.6) - logit(0.2)), rel=1e-9)
    expected = [1 / (1 + math.exp(-found[0] - logit(p))) for p in (0.2, 0.6)]
    assert 40 * expected[0] + 50 * expected[1] == pytest.approx(30, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-3, 0.1, 1.0, 4.0])
def test_recalibration_finds_a_distortion(scale: float) -> None:
    """Log odds stretched by a factor have the slope divided by it, as long as they are in doubles."""
    q = random_question(3, n=2000)
    logits = np.log(q.predicted / (1 - q.predicted))
    plain = recalibrated(q.truth, q.predicted)
    stretched = recalibrated(q.truth, 1 / (1 + np.exp(-scale * logits)))
    assert stretched[1] == pytest.approx(plain[1] / scale, rel=1e-6)  # type: ignore[operator]


def test_recalibration_of_predictions_that_differ_by_rounding() -> None:
    """Where a last bit alone keeps present and absent from being parted, they are parted: there is no slope."""
    predicted = np.array([0.3, np.nextafter(0.3, 1), 0.8, 0.1])
    found = recalibrated(np.array([True, False, True, False]), predicted)
    assert found == "the predictions tell present from absent without a fault, so that the slope has no bound"


def test_recalibration_that_does_not_converge() -> None:
    """Predictions so near 0 that the likelihood is flat in doubles have a reason in the place of a slope."""
    found = recalibrated(np.array([True, False, True]), np.array([1e-250, 1e-200, 1e-150]))
    assert found == "its fit does not converge: the cases set it no bound that can be told from rounding"


def test_pairs_that_rounding_alone_keeps_from_being_parted(tiny: Model) -> None:
    """Two cases in which each cause is parted, and all pairs but for a last bit, are judged."""
    cases = pd.DataFrame({name: ["yes", "no"] for name in ("fever", "flu", "cold")})
    found = tiny.evaluate(cases, bootstrap=0)
    assert found.totals["pooled_brier"].value is not None
    assert "calibration_slope" in found.measured["cold"].undefined


def test_levels() -> None:
    """Twelve significant digits count, whatever the size; 0 and 1 stay, and the smallest doubles are no error."""
    digits = np.array([0.1, 0.1 + 2e-17, 0.1 + 2e-12, 1e-30, 1e-30 * (1 + 1e-15), 1e-30 * (1 + 1e-10), 0, 1, 5e-324])
    levels = levelled(digits)
    assert levels[:2].tolist() == [0.1, 0.1]
    assert levels[2] > 0.1
    assert levels[3] == levels[4] < levels[5]
    assert levels[6:].tolist() == [0, 1, 0]


def test_rounding_is_not_ranked(tiny: Model) -> None:
    """With nothing known that tells of colds, answers differ in the last bit at most: no rank, no bin, no slope."""
    cases = tiny.simulate(500, seed=1)[["winter", "fever", "cold"]]
    found = tiny.evaluate(cases, bootstrap=50)
    cold = found.measured["cold"]
    assert (cold.values["roc_auc"], cold.intervals["roc_auc"]) == (0.5, (0.5, 0.5))
    assert cold.undefined["calibration_slope"] == "all predictions are equal"
    assert len(found.calibration("cold")) == 1
    assert len(found.roc("cold")) == 2
    p = found.predictions
    noisy = replace(p, predicted=p.predicted + np.where(p.states == 1, 1e-16, -1e-16))
    assert judged(tiny, read_cohort(tiny, cases), noisy, PLAIN).measured["cold"].values["roc_auc"] == 0.5


def test_first_does_not_rank_rounding() -> None:
    """A present cause that is ahead by a last bit is tied, which is no hit."""
    states, predicted = np.array([[1, 0]], dtype=np.int8), np.array([[np.nextafter(0.3, 1), 0.3]])
    unions = states[:, :0], predicted[:, :0]
    serious = np.zeros(1, dtype=np.int8), np.zeros(1), ""
    p = Predictions(("a", "b"), (), np.arange(1), states, predicted, *unions, *serious)
    assert (p.first(1).tolist(), p.first(2).tolist()) == ([0], [1])


# Bootstrap


@pytest.mark.parametrize("seed", range(4))
def test_ranked_measures_are_those_of_the_cases_drawn(seed: int) -> None:
    """Each resample has the measures that scikit-learn finds in its cases written out."""
    q = random_question(seed, n=60, levels=12)
    weights = np.random.default_rng(seed).integers(0, 4, (60, 5)).astype(float)
    found = Ranked.of(q).measures(weights, 0.8)
    for resample in range(5):
        times = weights[:, resample].astype(int)
        truth, predicted = np.repeat(q.truth, times), np.repeat(q.predicted, times)
        false, true, _ = roc_curve(truth, predicted, drop_intermediate=False)
        expected = [
            roc_auc_score(truth, predicted),
            average_precision_score(truth, predicted),
            true[false <= 0.2 + 1e-9].max(),
        ]
        assert [part[resample] for part in found] == pytest.approx(expected, rel=1e-12)


def test_ranked_measures_without_a_kind_of_case() -> None:
    """A resample without a present, or without an absent, case has none of them; nor has a question without cases."""
    q = question([1, 0, 1], [0.5, 0.2, 0.1])
    weights = np.array([[0.0, 1, 1], [2, 0, 1], [0, 1, 1]])
    for part in Ranked.of(q).measures(weights, 0.9):
        assert np.isfinite(part).tolist() == [False, False, True]
    for part in Ranked.of(question([-1], [0.5])).measures(np.ones((1, 2)), 0.9):
        assert np.isnan(part).tolist() == [True, True]


def test_resamples_draw_cases_with_replacement() -> None:
    """The spread of a mean over resamples is that of the cases over the root of their number; unknown ones count not."""
    rng = np.random.default_rng(0)
    states = rng.choice([-1, 0, 1], 900).astype(np.int8)
    predicted = rng.random(900)
    draws, means = resampled(
        [Question.of("flu", states, predicted)],
        np.where(states[:, None] < 0, np.nan, 2.0),
        900,
        Options(bootstrap=4000),
    )
    known = states >= 0
    errors = ((predicted - states) ** 2)[known]
    assert draws["brier"].shape == (4000, 1)
    assert draws["brier"].mean() == pytest.approx(errors.mean(), abs=5 * errors.std() / math.sqrt(known.sum() * 4000))
    # The standard deviation of 4,000 draws is known to one part in sqrt(8,000), here within 5 of these.
    assert draws["brier"].std() == pytest.approx(errors.std() / math.sqrt(known.sum()), rel=5 / math.sqrt(8000))
    assert (means == 2).all()


def test_percentiles() -> None:
    """The middle 95%; resamples without a value are passed over while they are few."""
    draws = np.arange(1001.0)
    assert percentiles(draws) == (25, 975)
    assert percentiles(np.append(draws, [np.nan] * 10)) == (25, 975)
    assert (
        percentiles(np.append(draws, [np.nan] * 100))
        == "it has no value in 9% of the resamples: too few cases decide it"
    )


# First causes


def test_first() -> None:
    """The highest present cause against the absent ones: several present, ties, unknown ones and none present."""
    states = np.array([[1, 0, 0], [0, 1, 1], [1, 0, 0], [1, 0, -1], [0, 0, 0]], dtype=np.int8)
    predicted = np.array([[0.5, 0.6, 0.1], [0.3, 0.1, 0.4], [0.4, 0.4, 0.4], [0.9, 0.1, 0.2], [0.1, 0.2, 0.3]])
    nothing = np.zeros(5, dtype=np.int8)
    unions = states[:, :0], predicted[:, :0]
    p = Predictions(("a", "b", "c"), (), np.arange(5), states, predicted, *unions, nothing, np.zeros(5), "")
    np.testing.assert_array_equal(p.first(1), [0, 1, 0, np.nan, np.nan])
    np.testing.assert_array_equal(p.first(2), [1, 1, 0, np.nan, np.nan])
    np.testing.assert_array_equal(p.first(3), [1, 1, 1, np.nan, np.nan])


# A model and its cases

CASES = pd.DataFrame(
    {
        "winter": ["yes", "no", None, "yes", "no", None],
        "fever": ["yes", "no", "yes", None, "no", "yes"],
        "cough": ["yes", "no", None, "yes", "yes", None],
        "flu": ["yes", "no", "no", None, "no", None],
        "cold": ["no", "no", "yes", "yes", "yes", None],
    }
)


def test_predictions_are_those_of_infer(tiny: Model) -> None:
    """Diagnoses are no evidence: predictions are the posteriors of what else is known."""
    found = tiny.evaluate(CASES, bootstrap=0)
    used = CASES.drop(index=5)
    for cause in ("flu", "cold"):
        answers = [tiny.infer(dict(row))[cause] for row in used[["winter", "fever", "cough"]].to_dict("records")]
        known = used[cause].notna().to_numpy()
        assert found.predictions.question(cause).predicted == pytest.approx(np.array(answers)[known], rel=1e-9)
    table = found.table.set_index("cause")
    assert table.loc["flu", ["cases", "unknown", "present"]].tolist() == [4, 1, 1]
    assert table.loc["cold", ["cases", "unknown", "present"]].tolist() == [5, 0, 3]


def test_what_is_left_out_is_told(tiny: Model) -> None:
    """A case without any diagnosis is counted, and so are unknown states."""
    found = tiny.evaluate(CASES, bootstrap=0)
    assert (found.size, found.used, dict(found.excluded)) == (6, 5, {"without a known diagnosis": 1})
    assert "5 of 6 cases of pandas DataFrame" in repr(found)
    assert "left out: 1 without a known diagnosis" in repr(found)
    assert "known more often where one is" in repr(found)
    assert "cases with an unknown state, left out of its measures: flu 1, serious 1" in repr(found)


def test_serious(sites: Model, twitch: Model) -> None:
    """Known where a serious cause is present, or all of them are known; judged only where all have diagnoses."""
    one = pd.DataFrame({"weak": ["yes"] * 4, "palsy": ["yes", "no", None, "yes"], "strain": ["no", None, "yes", "no"]})
    assert sites.evaluate(one, bootstrap=0).predictions.serious_states.tolist() == [1, 0, -1, 1]
    two = pd.DataFrame({cause: ["no", "no", None] for cause in twitch.causes}).assign(als=["yes", None, "yes"])
    assert twitch.evaluate(two, bootstrap=0).predictions.serious_states.tolist() == [1, -1, 1]
    part = twitch.evaluate(two[["als", "anemia"]], bootstrap=0)
    assert list(part.measured) == ["als", "anemia"]
    assert any("serious is not judged: no case says anything of other_motor_neuron_disease" in n for n in part.notes)


def test_a_model_without_serious_causes(folder: Path) -> None:
    """`serious` is not judged then, and that is told."""
    model = load(folder, variables=TINY["variables"].replace("influenza,yes", "influenza,"))
    assert "serious is not judged: the model has no serious cause" in model.evaluate(CASES, bootstrap=0).notes


def test_label_column(tiny: Model) -> None:
    """A column that names the causes says the same as a column for each cause."""
    known = CASES.dropna(subset=["flu", "cold"])
    names = ["flu", "none", "cold", "cold"]
    by_name = tiny.evaluate(known[["winter", "fever", "cough"]].assign(dx=names), labels="dx", bootstrap=50)
    by_column = tiny.evaluate(known, bootstrap=50)
    pd.testing.assert_frame_equal(by_name.table, by_column.table)
    pd.testing.assert_frame_equal(by_name.overall, by_column.overall)


def test_chosen_labels(tiny: Model) -> None:
    """Only the causes that are named as labels are judged, and the others are no evidence."""
    found = tiny.evaluate(CASES, labels=["cold"], bootstrap=0)
    assert list(found.measured) == ["cold"]
    without = tiny.evaluate(CASES.drop(columns="flu"), bootstrap=0)
    pd.testing.assert_frame_equal(found.table, without.table)


def test_model_is_calibrated_in_its_own_cases(sites: Model) -> None:
    """In cases drawn from the model each bin has as many present as predicted, within 5 standard deviations."""
    found = sites.evaluate(sites.simulate(20_000, seed=4, missing=0.2), bootstrap=0)
    for name in ("strain", "palsy", "serious", None):
        curve = found.calibration(name)
        spread = np.sqrt(curve["mean_predicted"] * (1 - curve["mean_predicted"]) / curve["cases"])
        assert ((curve["observed"] - curve["mean_predicted"]).abs() < 5 * spread).all()
        assert curve["cases"].sum() == (40_000 if name is None else 20_000)


# Overall


def test_overall_of_two_causes(tiny: Model) -> None:
    """Macro is the mean over causes, pooled the whole of their pairs; the first of two causes by hand."""
    found = tiny.evaluate(CASES, bootstrap=200)
    overall, table = found.overall, found.table.set_index("cause").loc[["flu", "cold"]]
    for name in ("log_score", "brier", "roc_auc"):
        assert overall.loc[f"macro_{name}", "value"] == pytest.approx(table[name].mean(), rel=1e-12)
    pairs = table["cases"].to_numpy()
    assert overall.loc["pooled_brier", "value"] == pytest.approx((table["brier"] @ pairs) / pairs.sum(), rel=1e-12)
    parts = overall["value"].filter(like="pooled_")
    signs = {"reliability": 1, "resolution": -1, "uncertainty": 1, "within_bins": 1}
    assert sum(s * parts[f"pooled_{n}"] for n, s in signs.items()) == pytest.approx(parts["pooled_brier"], rel=1e-9)
    assert overall.loc["top_1", "value"] == np.nanmean(found.predictions.first(1))
    assert overall.loc["top_1", "note"].startswith("of 3 cases")
    assert math.isnan(overall.loc["top_3", "value"])
    assert overall.loc["top_3", "note"] == "only 2 causes have diagnoses"


def test_a_cause_without_a_value_is_no_part_of_the_mean(tiny: Model) -> None:
    """The mean is over the causes that have a value, and the note names the others."""
    found = tiny.evaluate(CASES.assign(flu="no"), bootstrap=0)
    assert found.overall.loc["macro_roc_auc", "note"] == "without flu"
    assert found.overall.loc["macro_roc_auc", "value"] == found.measured["cold"].values["roc_auc"]
    none = tiny.evaluate(CASES.assign(flu="no", cold="no"), bootstrap=0)
    assert none.totals["macro_roc_auc"].value is None
    assert none.totals["macro_roc_auc"].note == "it has a value in no cause (without flu, cold)"
    assert none.totals["top_1"].note == "there is no case with every cause known and one present"


def test_minus_infinity_is_not_left_out_of_the_mean(certain: Model) -> None:
    """A cause to which probability 0 was given though present makes the mean of the log scores as bad."""
    cases = pd.DataFrame({"mark": ["yes", "no"], "ache": None, "gene": ["yes", "no"], "ghost": ["yes", "no"]})
    found = certain.evaluate(cases, bootstrap=20)
    assert found.measured["ghost"].undefined["log_score"].startswith("minus infinity: probability 0 was given to what")
    assert found.totals["macro_log_score"] == (None, None, None, "minus infinity in ghost")
    assert found.totals["pooled_log_score"].value is None
    assert "log_score" not in found.measured["ghost"].intervals
    assert found.measured["gene"].intervals["brier"] == (0, 0)


# Intervals


def test_seeds(tiny: Model) -> None:
    """One seed gives the same intervals, another seed others; values do not depend on it, nor on the number of resamples."""
    cases = tiny.simulate(400, seed=1)
    first, again, other = (tiny.evaluate(cases, bootstrap=100, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first.table, again.table)
    pd.testing.assert_frame_equal(first.overall, again.overall)
    assert (first.table["brier_low"] != other.table["brier_low"]).all()
    plain = tiny.evaluate(cases, bootstrap=0)
    assert not [column for column in plain.table if column.endswith(("_low", "_high"))]
    pd.testing.assert_frame_equal(first.table[list(plain.table)[:-1]], plain.table.iloc[:, :-1])


def test_intervals_hold_their_values(tiny: Model) -> None:
    """With many cases every value lies in its interval, and intervals shrink with the root of the cases."""
    few, many = (tiny.evaluate(tiny.simulate(n, seed=2), bootstrap=300) for n in (500, 8000))
    for found in many.measured.values():
        for name, (low, high) in found.intervals.items():
            assert low <= found.values[name] <= high
    widths = [np.diff(e.measured["cold"].intervals["brier"])[0] for e in (few, many)]
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.5)


def test_too_few_cases_for_an_interval(tiny: Model) -> None:
    """Where one case in five decides, a third of the resamples are without it: no interval, and the reason."""
    found = tiny.evaluate(CASES, bootstrap=500)
    assert "roc_auc" in found.measured["flu"].values
    assert "roc_auc" not in found.measured["flu"].intervals
    undefined = found.table.set_index("cause").loc["flu", "undefined"]
    assert "interval of roc_auc: it has no value in" in undefined


# Shown


def test_curves(tiny: Model) -> None:
    """The ROC curve goes from none called to all, and a cause without one says why; names are checked."""
    cases = tiny.simulate(300, seed=3)
    found = tiny.evaluate(cases, bootstrap=0, bins=4)
    curve = found.roc("cold")
    assert curve.iloc[0].tolist() == [np.inf, 0, 1]
    assert curve.iloc[-1][["sensitivity", "specificity"]].tolist() == [1, 0]
    area = np.trapezoid(curve["sensitivity"], 1 - curve["specificity"])
    assert area == pytest.approx(found.measured["cold"].values["roc_auc"], rel=1e-12)
    assert found.calibration("cold").columns.tolist()[:3] == ["lowest", "highest", "mean_predicted"]
    with pytest.raises(UnknownVariableError, match=r"no evaluated cause 'cald'. Did you mean 'cold'"):
        found.calibration("cald")
    none = tiny.evaluate(cases.assign(flu="no"), bootstrap=0)
    with pytest.raises(InvalidValueError, match="flu has no ROC curve: no case has it present"):
        none.roc("flu")


def test_a_cause_of_which_nothing_is_known(tiny: Model) -> None:
    """Its column may be empty as long as another is not: no measure, an empty curve."""
    found = tiny.evaluate(CASES.assign(flu=None), bootstrap=20)
    assert found.measured["flu"].cases == 0
    assert found.measured["flu"].values == {}
    assert found.calibration("flu").empty
    assert json.loads(found.to_json())["questions"]["flu"]["calibration"] == []


def test_json(tiny: Model) -> None:
    """JSON holds what the tables hold, strictly: no NaN."""
    found = tiny.evaluate(CASES, bootstrap=50, bins=3)
    told = json.loads(found.to_json(), parse_constant=pytest.fail)
    assert told["model"]["fingerprint"] == tiny.fingerprint
    assert told["cases"]["sha256"] == read_cohort(tiny, CASES).sha256
    assert told["options"] == {"bootstrap": 50, "seed": 0, "bins": 3, "binning": "quantile", "specificity": 0.9}
    cold = told["questions"]["cold"]
    assert cold["measures"] == found.measured["cold"].values
    assert [b["cases"] for b in cold["calibration"]] == found.calibration("cold")["cases"].tolist()
    assert told["overall"]["top_3"] == {
        "value": None,
        "low": None,
        "high": None,
        "note": "only 2 causes have diagnoses",
    }


def bounds_of(frame: pd.DataFrame, below: float, above: float) -> pd.DataFrame:
    """Credible intervals that reach so far below and above the answers of a table."""
    names = [name for name in frame if name not in {"none", "log_evidence"}]
    low, high = frame[names] - below, frame[names] + above
    return pd.concat([low.add_suffix("_low"), high.add_suffix("_high")], axis=1)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
def test_coverage(tiny: Model, kind: Any) -> None:
    """The mean interval of a bin holds its observed share, or lies beside it; cases left out are passed over."""
    cases = tiny.simulate(1000, seed=1, missing=0.2)
    cases.loc[[0, 500], ["flu", "cold"]] = None
    found = tiny.evaluate(cases, bootstrap=0, bins=2)
    assert found.used == 998
    answers = tiny.infer_frame(cases, ignore=list(tiny.causes))
    around = found.coverage(kind(bounds_of(answers, 0.01, 0.02)))
    assert around["met"].all()
    assert around["cause"].tolist() == ["flu"] * 2 + ["cold"] * 2 + ["serious"] * 2
    # The answers of a bin, each moved by a number, have a mean moved by that number.
    assert (around["credible_high"] - around["mean_predicted"]).to_numpy() == pytest.approx(0.02, rel=1e-9)
    assert (around["mean_predicted"] - around["credible_low"]).to_numpy() == pytest.approx(0.01, rel=1e-9)
    assert not found.coverage(kind(bounds_of(answers, -0.5, 0.6)))["met"].any()
    assert not found.coverage(kind(bounds_of(answers, 0.9, -0.8)))["met"].any()


def test_coverage_refuses_another_table(tiny: Model) -> None:
    """The table must have a row for each case, a column for each question, and an interval in each case that counts."""
    found = tiny.evaluate(CASES.assign(flu=None), bootstrap=0)
    intervals = bounds_of(tiny.infer_frame(CASES, ignore=["flu", "cold"]), 0.1, 0.1)
    assert set(found.coverage(intervals)["cause"]) == {"cold"}
    with pytest.raises(InvalidValueError, match="the intervals are of 5 cases, and pandas DataFrame has 6"):
        found.coverage(intervals.head(5))
    with pytest.raises(InvalidValueError, match="has no column 'cold_high'"):
        found.coverage(intervals.drop(columns="cold_high"))
    intervals.loc[[3, 5], "cold_low"] = np.nan
    with pytest.raises(
        InvalidValueError, match=r"cold_low is missing in 1 of the cases, the first in row 3 \(from 0\)"
    ):
        found.coverage(intervals)


class Headers(html.parser.HTMLParser):
    """Collects the header cells and the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes: list[str | None] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "th":
            self.scopes.append(dict(attrs).get("scope"))


def test_html(folder: Path) -> None:
    """Every text is escaped, every header cell has its scope."""
    model = load(folder, variables=TINY["variables"].replace("common cold", "common <i>cold</i>"))
    page = model.evaluate(CASES, bootstrap=0)._repr_html_()
    read = Headers()
    read.feed(page)
    assert "common &lt;i&gt;cold&lt;/i&gt;" in page
    assert "i" not in read.tags
    assert set(read.scopes) == {"col", "row"}


def test_text_says_what_has_no_value(tiny: Model) -> None:
    """A measure without a value is a dash, with its interval too, and the sensitivity for serious is told."""
    text = repr(tiny.evaluate(CASES, bootstrap=0))
    assert "macro_brier" in text
    assert "sensitivity for serious at a specificity of 0.9: " in text
    none = repr(tiny.evaluate(CASES.assign(flu="no"), bootstrap=0))
    line = next(line for line in none.splitlines() if line.strip().startswith("influenza"))
    assert line.split()[-3:] == ["-", "-", "-"]


# What is refused


@pytest.mark.parametrize(
    ("options", "kind", "match"),
    [
        ({"bootstrap": -1}, InvalidValueError, "bootstrap=-1 is not a whole number of 0 or more"),
        ({"bootstrap": 10.0}, InvalidValueError, "bootstrap=10.0 is not a whole number"),
        ({"bins": 0}, InvalidValueError, "bins=0 is not a whole number of 1 or more"),
        ({"binning": "equal"}, InvalidValueError, "binning='equal' is neither 'quantile' nor 'width'"),
        ({"specificity": 1.1}, InvalidValueError, "specificity=1.1 is not a share; give a number from 0 to 1"),
        ({"specificity": True}, InvalidValueError, "specificity=True is not a share"),
        ({"seed": -1, "bins": True}, InvalidEvidenceError, "(?s)seed=-1.*bins=True"),
        ({"labels": "grippe"}, InvalidValueError, "labels='grippe' is no column of the table and no cause"),
    ],
)
def test_options_are_checked(tiny: Model, options: dict[str, Any], kind: type[Exception], match: str) -> None:
    """A wrong option is an error that names it; several come at once."""
    with pytest.raises(kind, match=match):
        tiny.evaluate(CASES, **options)


def test_no_diagnoses(tiny: Model) -> None:
    """A table without a column of causes, or with empty ones only, cannot be judged."""
    with pytest.raises(InvalidValueError, match=r"has no diagnoses: none of its columns is a cause.*\(flu, cold\)"):
        tiny.evaluate(CASES[["winter", "fever"]])
    with pytest.raises(InvalidValueError, match="has no known diagnosis: every case leaves open flu, cold"):
        tiny.evaluate(CASES.assign(flu=None, cold="unknown"))


@pytest.mark.parametrize(
    ("text", "kind", "match"),
    [
        ("", CasesError, "cases.csv: is empty; it needs a header"),
        ("winter,flu\n", InvalidValueError, "cases.csv has no case: a header and no row under it"),
        ("winter,flu\nyes,perhaps\n", CasesError, "cases.csv, line 2: flu='perhaps' is not a state of flu"),
    ],
)
def test_files_that_cannot_be_used(tiny: Model, tmp_path: Path, text: str, kind: type[Exception], match: str) -> None:
    """An empty file, a header alone and a bad cell are errors that name the file."""
    (tmp_path / "cases.csv").write_text(text)
    with pytest.raises(kind, match=match):
        tiny.evaluate(tmp_path / "cases.csv")


def test_cases_without_an_answer(certain: Model) -> None:
    """Impossible cases are an error by row, or left out and counted; where none is left, an error again."""
    cases = pd.DataFrame({"mark": ["yes", "no", "yes"], "spot": [None, "yes", "yes"], "gene": ["yes", "no", "yes"]})
    with pytest.raises(InvalidFrameError, match=r"(?s)2 rows of 3 cannot be judged.*row 1: is with evidence of prob"):
        certain.evaluate(cases)
    found = certain.evaluate(cases, on_error="exclude", bootstrap=0)
    assert dict(found.excluded) == {"with evidence of probability 0 in the model": 2}
    assert found.predictions.question("gene").predicted.tolist() == [1]
    with pytest.raises(InvalidValueError, match="has no case that can be judged: 2 with evidence of probability 0"):
        certain.evaluate(cases.iloc[1:], on_error="exclude")


# Cross-validation


def test_folds_are_even_and_by_seed() -> None:
    """Sizes differ by one at most, every case has a fold, another seed shuffles otherwise."""
    place = fold_of(11, 3, seed=1)
    assert sorted(np.bincount(place).tolist()) == [3, 4, 4]
    assert (place == fold_of(11, 3, seed=1)).all()
    assert (place != fold_of(11, 3, seed=2)).any()
    assert (fold_of(50, 2, seed=0) != np.arange(50) % 2).any()


def stub(models: list[Model], seen: list[Cohort]) -> Callable[[Cohort], Model]:
    """What notes the cases that it is fitted to, and returns one model after another."""

    def fit(cohort: Cohort) -> Model:
        seen.append(cohort)
        return models[len(seen) - 1]

    return fit


def test_each_case_is_answered_by_the_model_of_the_others(tiny: Model) -> None:
    """Each fold is answered by the model that was fitted without it, and the answers are in the order of the cases."""
    cohort = read_cohort(tiny, tiny.simulate(50, seed=5))
    models = [tiny.with_priors({"cold": p}) for p in (0.1, 0.3, 0.6)]
    seen: list[Cohort] = []
    found = cross_validate(tiny, cohort, stub(models, seen), folds=3, options=Options(bootstrap=0, seed=7))
    place = fold_of(50, 3, seed=7)
    asked = cohort.codes.copy()
    asked[:, 1:3] = -1
    for fold, (model, fitted) in enumerate(zip(models, seen, strict=True)):
        assert fitted.rows.tolist() == np.flatnonzero(place != fold).tolist()
        held = place == fold
        expected = model.engine.run(asked[held]).causes
        assert found.predictions.predicted[held] == pytest.approx(expected, rel=1e-9)
    assert (found.predictions.states == cohort.codes[:, 1:3]).all()
    assert found.method.startswith("3-fold cross-validation (seed 7)")
    same = cross_validate(tiny, cohort, lambda _: tiny, folds=2, options=Options(bootstrap=10))
    pd.testing.assert_frame_equal(same.table, judged(tiny, cohort, same.predictions, Options(bootstrap=10)).table)


def test_cross_validation_leaves_out_what_evaluation_does(certain: Model) -> None:
    """Cases without a diagnosis are judged in no fold and fitted to in all; those that a fitted model rules out are counted."""
    cases = pd.DataFrame({"mark": ["yes", "no", None, "no", "yes"], "gene": ["yes", "no", "no", None, "yes"]})
    cohort = read_cohort(certain, cases.assign(ache=None))
    never = certain.with_priors({"gene": 0})
    seen: list[Cohort] = []
    found = cross_validate(
        certain, cohort, stub([never] * 2, seen), folds=2, options=Options(bootstrap=0, seed=1), on_error="exclude"
    )
    # Four cases in two folds, each seen by the model of the other one; the case without a diagnosis by both.
    assert sorted(row for part in seen for row in part.rows) == [0, 1, 2, 3, 3, 4]
    assert dict(found.excluded) == {
        "without a known diagnosis": 1,
        "without an answer by the model fitted to the other folds": 2,
    }
    assert (found.size, found.used) == (5, 2)
    with pytest.raises(InvalidFrameError, match="cannot be judged"):
        cross_validate(certain, cohort, lambda _: never, folds=2, options=Options(bootstrap=0))


@pytest.mark.parametrize(
    ("folds", "match"),
    [(1, "folds=1 is not a whole number of 2"), (2.0, "folds=2.0 is not"), (6, "folds=6 is more than the 5 cases")],
)
def test_folds_are_checked(tiny: Model, folds: Any, match: str) -> None:
    """Too few folds, and more than there are cases that can be used, are refused before anything is fitted."""
    with pytest.raises(InvalidValueError, match=match):
        cross_validate(tiny, read_cohort(tiny, CASES), pytest.fail, folds=folds)


def test_by_tuning(tiny: Model) -> None:
    """`Model.cross_validate` fits by `tune`: the answers are those of the models tuned to the other folds."""
    cases = tiny.simulate(60, seed=6, missing=0.2)
    found = tiny.cross_validate(cases, folds=2, seed=3, bootstrap=0, strength=2.0, max_iterations=20)
    place = fold_of(60, 2, seed=3)
    for fold in (0, 1):
        tuned = tiny.tune(cases[place != fold], strength=2.0, max_iterations=20).model
        expected = tuned.evaluate(cases[place == fold], bootstrap=0).predictions.predicted
        assert found.predictions.predicted[place == fold] == pytest.approx(expected, rel=1e-9)
    with pytest.raises(InvalidValueError, match="strength=-1 must be a number above 0"):
        tiny.cross_validate(cases, strength=-1)


def test_options_that_there_are_not(tiny: Model) -> None:
    """An unknown option is an error that names it and the nearest one, or all that there are."""
    with pytest.raises(
        InvalidValueError, match=r"'strenght' is no option of cross_validate. Did you mean 'strength'\?"
    ):
        tuner(tiny, strenght=1)
    with pytest.raises(InvalidValueError, match="'folds' is an option of cross_validate, not of tuning"):
        tuner(tiny, folds=3)
    with pytest.raises(
        InvalidValueError, match=r"'xyz' is no option of cross_validate. It has: folds, seed, labels"
    ) as told:
        tiny.cross_validate(CASES, xyz=1)
    own = set(inspect.signature(Model.cross_validate).parameters) - {"self", "cases", "tuning"}
    assert own | {"strength", "selected_by"} <= set(re.findall(r"\w+", str(told.value)))


def test_one_selection_for_all_folds(sites: Model) -> None:
    """One gap in what is assumed leaves the selection open in every fold, also in that which does not have it."""
    cases = sites.simulate(40, seed=2, given={"twitching": True}).drop(columns=["twitch_arm", "twitch_leg"])
    whole = sites.cross_validate(cases, folds=2, bootstrap=0)
    told = "in every fold the cases are taken to be in the table for their state of twitching"
    assert told in whole.notes
    cases.loc[0, "twitching"] = None
    gap = sites.cross_validate(cases, folds=2, bootstrap=0)
    assert told not in gap.notes
    place = fold_of(40, 2, seed=0)
    for fold in (0, 1):
        tuned = sites.tune(cases[place != fold], selected_by=()).model
        expected = tuned.evaluate(cases[place == fold], bootstrap=0).predictions.predicted
        assert gap.predictions.predicted[place == fold] == pytest.approx(expected, rel=1e-9)
    # It matters: the fold without the gap would be tuned to something else by itself.
    without_gap = cases[place != place[0]]
    assert sites.tune(without_gap).cases["selected_by"] == {"twitching": "present"}


def test_folds_that_did_not_converge_are_told(tiny: Model) -> None:
    """One pass is not enough in either fold, and that is a note; enough passes leave none."""
    cases = tiny.simulate(60, seed=6, missing=0.2)
    short = tiny.cross_validate(cases, folds=2, bootstrap=0, max_iterations=1)
    assert "tuning did not converge within max_iterations=1 in 2 of 2 folds (1, 2)" in short.notes
    assert not any("converge" in note for note in tiny.cross_validate(cases, folds=2, bootstrap=0).notes)


# The command


def test_command(twitch: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints the evaluation as text and as JSON."""
    file = tmp_path / "cases.csv"
    twitch.simulate(60, seed=1, given={"twitching": True}, missing=0.2).assign(id=range(60)).to_csv(file, index=False)
    options = ["--ignore", "id", "--bootstrap", "20", "--seed", "4", "--bins", "3", "--binning", "width"]
    chosen = {"labels": ["stress", "anemia"], "ignore": ["id"], "bootstrap": 20, "seed": 4, "bins": 3}
    expected = twitch.evaluate(file, binning="width", specificity=0.8, **chosen)
    command = ["evaluate", str(file), *options, "--specificity", "0.8", "--labels", "stress,anemia"]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{expected}\n"
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(expected.to_json())


def test_command_with_a_column_of_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One name of --labels may be a column that names causes; bad cases are excluded, and problems told by line."""
    file = tmp_path / "cases.csv"
    file.write_text("age,weakness,dx\n62,yes,als\n20,no,none\n30,perhaps,stress\n")
    assert main(["evaluate", str(file), "--labels", "dx", "--bootstrap", "0"]) == 2
    assert "cases.csv, line 4: weakness='perhaps'" in capsys.readouterr().err
    assert main(["evaluate", str(file), "--labels", "dx", "--bootstrap", "0", "--on-error", "exclude"]) == 0
    assert "2 of 3 cases of cases.csv" in capsys.readouterr().out
