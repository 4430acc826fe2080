"""How good the probabilities of one question are: each measure, or the reason why it has no value."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from twitchbayes.evaluation.calibration import binned, decomposed, levelled, recalibrated
from twitchbayes.evaluation.options import Options

__all__ = ["INFINITE", "MEASURES", "RANKED", "Measured", "Question", "case_scores", "measured", "scored", "tolerated"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
States = NDArray[np.int8]

MEASURES = (
    "prevalence",
    "mean_predicted",
    "log_score",
    "brier",
    "reliability",
    "resolution",
    "uncertainty",
    "within_bins",
    "roc_auc",
    "average_precision",
    "sensitivity",
    "calibration_intercept",
    "calibration_slope",
)
RANKED = ("roc_auc", "average_precision", "sensitivity")
RECALIBRATION = ("calibration_intercept", "calibration_slope")
NO_CASE = "no case has a known state"
INFINITE = "minus infinity"


@dataclass(frozen=True, slots=True)
class Question:
    """What was predicted of one cause, or of `serious`, and what was true.

    Attributes
    ----------
    name : str
    truth : ndarray of bool, shape (n_known,)
        Present or not, in the cases whose state is known.
    predicted : ndarray, shape (n_known,)
        P(present | evidence), fractions.
    levels : ndarray, shape (n_known,)
        The same, equal where they differ by rounding alone: for ranks.
    rows : ndarray, shape (n_known,)
        Number of each such case among all cases.
    unknown : int
        Cases whose state is not known.
    """

    name: str
    truth: Bools
    predicted: Floats
    levels: Floats
    rows: NDArray[np.int64]
    unknown: int

    @classmethod
    def of(cls, name: str, states: States, predicted: Floats) -> Question:
        """Take the cases with a known state: `states` (n_cases,) are 1, 0 and -1 for unknown."""
        rows = np.flatnonzero(states >= 0)
        return cls(name, states[rows] == 1, predicted[rows], levelled(predicted[rows]), rows, len(states) - len(rows))


@dataclass(frozen=True, slots=True)
class Measured:
    """The measures of a question.

    Attributes
    ----------
    cases, present, unknown : int
        Cases with a known state, those of them that have it present, and cases without.
    values : mapping of str to float
        Of `MEASURES`, those that have a value.
    undefined : mapping of str to str
        The others, with the reason.
    intervals : mapping of str to (float, float)
        95% bootstrap intervals.
    without_interval : mapping of str to str
        Measures that have a value and no interval though intervals were asked for, with the reason.
    """

    cases: int
    present: int
    unknown: int
    values: dict[str, float]
    undefined: dict[str, str]
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    without_interval: dict[str, str] = field(default_factory=dict)

    def of(self, measure: str) -> float:
        """Return the value of a measure; NaN where it has none, for the reason in `undefined`."""
        return self.values.get(measure, math.nan)


def measured(question: Question, options: Options) -> Measured:
    """Return every measure of a question; the bootstrap adds intervals to some.

    References
    ----------
    Good, Rational decisions (JRSS B 14, 1952), for the log score; Brier, Verification of forecasts expressed
    in terms of probability (Monthly Weather Review 78, 1950).
    """
    values, undefined = scored(question, options)
    cases, present = len(question.truth), int(question.truth.sum())
    if cases:
        _add_ranked(question, options, values, undefined)
        _add_recalibration(question, values, undefined)
    return Measured(cases, present, question.unknown, values, undefined)


def scored(question: Question, options: Options) -> tuple[dict[str, float], dict[str, str]]:
    """Return the measures of a question that need neither ranks nor recalibration, and why others have no value."""
    values: dict[str, float] = {}
    undefined = {} if len(question.truth) else dict.fromkeys(MEASURES, NO_CASE)
    if len(question.truth):
        _add_scores(question, options, values, undefined)
    return values, undefined


def case_scores(truth: Bools, predicted: Floats) -> tuple[Floats, Floats]:
    """Return of each case ln P(what was true), in nats, -inf where that was 0, and the squared error."""
    with np.errstate(divide="ignore"):
        logs = np.where(truth, np.log(predicted), np.log1p(-predicted))
    return logs, (predicted - truth) ** 2


def tolerated(specificity: float, absent: Floats | float) -> Floats | float:
    """Return how many of so many absent cases may be called present at a specificity; 0.1 of 10 is one of them."""
    return (1 - specificity) * absent * (1 + 1e-9)


def _add_scores(q: Question, options: Options, values: dict[str, float], undefined: dict[str, str]) -> None:
    from sklearn.metrics import brier_score_loss

    logs, _ = case_scores(q.truth, q.predicted)
    values["prevalence"], values["mean_predicted"] = float(q.truth.mean()), float(q.predicted.mean())
    impossible = int(np.isneginf(logs).sum())
    if impossible:
        undefined["log_score"] = f"{INFINITE}: probability 0 was given to what was true in {impossible:,} cases"
    else:
        values["log_score"] = float(logs.mean())
    values["brier"] = float(brier_score_loss(q.truth, q.predicted, pos_label=True))
    bins = binned(q.truth, q.predicted, options.bins, options.binning)
    values |= decomposed(q.truth, q.predicted, bins)._asdict()


def _add_ranked(q: Question, options: Options, values: dict[str, float], undefined: dict[str, str]) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    present = int(q.truth.sum())
    if present in {0, len(q.truth)}:
        undefined |= dict.fromkeys(RANKED, f"{'no' if not present else 'every'} case has it present")
        return
    values["roc_auc"] = float(roc_auc_score(q.truth, q.levels))
    values["average_precision"] = float(average_precision_score(q.truth, q.levels))
    false, true, _ = roc_curve(q.truth, q.levels, drop_intermediate=False)
    values["sensitivity"] = float(true[false <= tolerated(options.specificity, 1.0)].max())


def _add_recalibration(q: Question, values: dict[str, float], undefined: dict[str, str]) -> None:
    reason = undefined.get("roc_auc")
    found = reason if reason else recalibrated(q.truth, q.predicted)
    if isinstance(found, str):
        undefined |= dict.fromkeys(RECALIBRATION, found)
    else:
        values |= dict(zip(RECALIBRATION, found, strict=True))
