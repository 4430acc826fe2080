"""Bootstrap intervals: cases drawn again with replacement, the same ones for every question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchbayes.evaluation.measures import Question, case_scores, tolerated
from twitchbayes.evaluation.options import Options

__all__ = ["RESAMPLED", "Ranked", "percentiles", "resampled"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RESAMPLED = ("log_score", "brier", "roc_auc", "average_precision", "sensitivity")
CHUNK_CELLS = 1 << 18  # weights of cases that are worked on at once: they stay in the processor's cache
# A measure may have no value in so many of the resamples, as where none of the few present cases was drawn.
LOST = 0.01


def resampled(
    questions: Sequence[Question], further: Floats, n_cases: int, options: Options
) -> tuple[dict[str, Floats], Floats]:
    """Return each measure of `RESAMPLED` in each resample.

    Parameters
    ----------
    questions : sequence of Question
    further : ndarray, shape (n_cases, n_further)
        Columns of which the mean is taken too, over the cases where they are not NaN.
    n_cases : int
    options : Options

    Returns
    -------
    measures : dict of str to ndarray, shape (n_resamples, n_questions)
        NaN where a measure has no value in a resample.
    means : ndarray, shape (n_resamples, n_further)

    References
    ----------
    Efron, Bootstrap methods: another look at the jackknife (Annals of Statistics 7, 1979).
    """
    scores = [_Scores.of([case_scores(q.truth, q.predicted)[i] for q in questions], questions, n_cases) for i in (0, 1)]
    more = _Scores(np.nan_to_num(further), np.isfinite(further).astype(np.float64))
    ranked = [Ranked.of(question) for question in questions]
    parts: dict[str, list[Floats]] = {name: [] for name in RESAMPLED}
    means: list[Floats] = []
    for weights in _weights(n_cases, options):
        parts["log_score"].append(scores[0].means(weights))
        parts["brier"].append(scores[1].means(weights))
        by_rank = [order.measures(weights, options.specificity) for order in ranked]
        for name, columns in zip(RESAMPLED[2:], zip(*by_rank, strict=True), strict=True):
            parts[name].append(np.stack(columns, axis=1))
        means.append(more.means(weights))
    return {name: np.concatenate(part) for name, part in parts.items()}, np.concatenate(means)


def percentiles(draws: Floats) -> tuple[float, float] | str:
    """Return the interval that holds the middle 95% of the resamples, or why there is none."""
    defined = draws[np.isfinite(draws)]
    lost = 1 - len(defined) / len(draws)
    if lost > LOST:
        return f"it has no value in {lost:.0%} of the resamples: too few cases decide it"
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)


def _weights(n_cases: int, options: Options) -> Iterator[Floats]:
    """Yield how often each case is in each resample: chunks of shape (n_cases, n_resamples)."""
    random = np.random.default_rng(options.seed)
    at_once = max(CHUNK_CELLS // n_cases, 1)
    for start in range(0, options.bootstrap, at_once):
        count = min(at_once, options.bootstrap - start)
        cells = random.integers(0, n_cases, size=(n_cases, count)) * count + np.arange(count)
        yield np.bincount(cells.ravel(), minlength=count * n_cases).reshape(n_cases, count).astype(np.float64)


@dataclass(frozen=True, slots=True)
class _Scores:
    """Scores of cases (n_cases, n), 0 where unknown, and which of them are known."""

    scores: Floats
    known: Floats

    @classmethod
    def of(cls, scores: Sequence[Floats], questions: Sequence[Question], n_cases: int) -> _Scores:
        values, known = np.zeros((2, n_cases, len(questions)))
        for i, (column, question) in enumerate(zip(scores, questions, strict=True)):
            # Minus infinity has no mean; such a measure has no value anyway.
            values[question.rows, i] = np.maximum(column, -1e300)
            known[question.rows, i] = 1.0
        return cls(values, known)

    def means(self, weights: Floats) -> Floats:
        return _ratio(weights.T @ self.scores, weights.T @ self.known)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The cases of a question from the highest prediction down.

    Attributes
    ----------
    rows : ndarray, shape (n_known,)
        Number of each case among all.
    starts, ends : ndarray, shape (n_runs,)
        Where each run of equal predictions that has a present case begins, and where the next one does: the
        others change none of the measures.
    present : ndarray, shape (n_present,)
        Places of the present cases, down likewise.
    last : ndarray, shape (n_runs,)
        How many of them there are up to the end of each run.
    """

    rows: Ints
    starts: Ints
    ends: Ints
    present: Ints
    last: Ints

    @classmethod
    def of(cls, question: Question) -> Ranked:
        """Put the cases in order."""
        order = np.argsort(-question.levels, kind="stable")
        levels, truth = question.levels[order], question.truth[order]
        bounds = np.append(np.flatnonzero(np.diff(levels, prepend=np.inf)), len(order))
        starts, ends = bounds[:-1], bounds[1:]
        counts = np.append(0, np.cumsum(truth))
        some = counts[ends] > counts[starts]
        return cls(question.rows[order], starts[some], ends[some], np.flatnonzero(truth), counts[ends[some]])

    def measures(self, weights: Floats, specificity: float) -> tuple[Floats, Floats, Floats]:
        """Return area under the ROC curve, average precision, and sensitivity at a specificity, in each resample.

        Parameters
        ----------
        weights : ndarray, shape (n_cases, n_resamples)
            How often each case was drawn.
        specificity : float

        Returns
        -------
        tuple of ndarray, shape (n_resamples,)
            NaN where no present, or no absent, case was drawn.
        """
        drawn = weights[self.rows]
        called = _from_none(np.cumsum(drawn, axis=0))
        true = _from_none(np.cumsum(drawn[self.present], axis=0))
        present, absent = true[-1], called[-1] - true[-1]
        true = _from_none(true[self.last])
        more_true, true = np.diff(true, axis=0), true[1:]
        false, false_before = called[self.ends] - true, called[self.starts] - (true - more_true)
        area = (more_true * (absent - (false + false_before) / 2)).sum(axis=0)
        precision = (more_true * _ratio(true, called[self.ends], 0.0)).sum(axis=0)
        found = np.where(false <= tolerated(specificity, absent), true, 0.0).max(axis=0, initial=0.0)
        both = np.where(absent > 0, present, 0.0)
        return _ratio(area, both * absent), _ratio(precision, both), _ratio(found, both)


def _from_none(sums: Floats) -> Floats:
    """Return running sums with the 0 that they begin at."""
    return np.concatenate([np.zeros((1, sums.shape[1])), sums])


def _ratio(above: Floats, below: Floats, otherwise: float = np.nan) -> Floats:
    ratio: Floats = np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)
    return ratio
