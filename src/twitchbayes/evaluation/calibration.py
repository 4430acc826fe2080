"""Whether what was predicted happened as often: bins, what they say of the Brier score, and logistic recalibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.evaluation.options import Binning

__all__ = ["Bins", "Brier", "binned", "decomposed", "levelled", "recalibrated", "wilson"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DIGITS = 12  # significant ones, that no rounding reaches
SMALLEST = 1e-280  # what is below has fewer digits, because the power of ten would be no double
Z = 1.959963984540054  # standard normal quantile of 0.975
STEPS, HALVINGS, SMALL_STEP = 100, 40, 1e-10
ILL_CONDITIONED = 1e12  # ratio of the curvatures of a likelihood beyond which its top is not found in doubles


@dataclass(frozen=True, slots=True)
class Bins:
    """Cases in bins of what was predicted for them; no bin is empty.

    Attributes
    ----------
    place : ndarray, shape (n_cases,)
        Number of the bin of each case.
    lowest, highest, mean_predicted : ndarray, shape (n_bins,)
        Of the predictions in each bin.
    cases, present : ndarray, shape (n_bins,)
    """

    place: Ints
    lowest: Floats
    highest: Floats
    mean_predicted: Floats
    cases: Ints
    present: Ints

    @property
    def observed(self) -> Floats:
        """Fraction of the cases of each bin that have it present."""
        fraction: Floats = self.present / self.cases
        return fraction


class Brier(NamedTuple):
    """Parts of the Brier score: `reliability` - `resolution` + `uncertainty` + `within_bins`."""

    reliability: float
    resolution: float
    uncertainty: float
    within_bins: float


def levelled(predicted: Floats) -> Floats:
    """Return predictions to 12 significant digits: those that differ by rounding alone are equal.

    Ranks, bins and ties are taken of these; scores of the predictions as they are, for near 1 a score would
    feel the 12th digit.
    """
    powers = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.maximum(predicted, SMALLEST))))
    levels: Floats = np.round(predicted * powers) / powers
    return levels


def binned(truth: Bools, predicted: Floats, bins: int, binning: Binning) -> Bins:
    """Return the cases in bins; predictions that are equal (`levelled`) are in one bin.

    Parameters
    ----------
    truth, predicted : ndarray, shape (n_cases,)
        At least one case.
    bins : int
        At most so many.
    binning : {"quantile", "width"}
        Bins with about as many cases each, or bins of one width from 0 to 1.
    """
    levels = levelled(predicted)
    _, run, lengths = np.unique(levels, return_inverse=True, return_counts=True)
    # Of equal predictions the middle one decides for all.
    shares = ((np.cumsum(lengths) - lengths / 2) / len(predicted))[run] if binning == "quantile" else levels
    _, place = np.unique(np.minimum((shares * bins).astype(np.int64), bins - 1), return_inverse=True)
    cases = np.bincount(place)
    lowest, highest = np.full(len(cases), np.inf), np.full(len(cases), -np.inf)
    np.minimum.at(lowest, place, predicted)
    np.maximum.at(highest, place, predicted)
    mean = np.bincount(place, weights=predicted) / cases
    return Bins(place, lowest, highest, mean, cases, np.bincount(place[truth], minlength=len(cases)))


def decomposed(truth: Bools, predicted: Floats, bins: Bins) -> Brier:
    """Return the parts of the Brier score.

    Murphy's three parts add up only where all predictions of a bin are equal. `within_bins` is the rest: the
    variance of the predictions within bins, less twice their covariance with what happened.

    References
    ----------
    Murphy, A new vector partition of the probability score (Journal of Applied Meteorology 12, 1973);
    Stephenson, Coelho and Jolliffe, Two extra components in the Brier score decomposition (Weather and
    Forecasting 23, 2008), for the two that `within_bins` joins.
    """
    share = bins.cases / len(truth)
    prevalence = float(np.mean(truth))
    spread = predicted - bins.mean_predicted[bins.place]
    happened = truth - bins.observed[bins.place]
    return Brier(
        reliability=float(share @ (bins.mean_predicted - bins.observed) ** 2),
        resolution=float(share @ (bins.observed - prevalence) ** 2),
        uncertainty=prevalence * (1 - prevalence),
        within_bins=float(np.mean(spread**2 - 2 * spread * happened)),
    )


def wilson(present: Ints, cases: Ints) -> tuple[Floats, Floats]:
    """Return the 95% interval of each fraction.

    References
    ----------
    Wilson, Probable inference, the law of succession, and statistical inference (JASA 22, 1927).
    """
    fraction = present / cases
    middle = (fraction + Z**2 / (2 * cases)) / (1 + Z**2 / cases)
    half = Z / (1 + Z**2 / cases) * np.sqrt(fraction * (1 - fraction) / cases + Z**2 / (4 * cases**2))
    # At 0 and at 1 the bound is that number, but for rounding.
    low, high = np.where(present == 0, 0.0, middle - half), np.where(present == cases, 1.0, middle + half)
    return low, high


def recalibrated(truth: Bools, predicted: Floats) -> tuple[float, float] | str:
    """Return intercept and slope of the logistic recalibration, or why there is none.

    The slope b is that of logit P(present) = a + b logit(predicted), 1 where predictions are as spread as they
    should be, less where they are too extreme. The intercept is a where b is held at 1: 0 where they are right
    on the whole, in nats of log odds.

    References
    ----------
    Cox, Two further applications of a model for binary regression (Biometrika 45, 1958); Van Calster and others,
    Calibration: the Achilles heel of predictive analytics (BMC Medicine 17, 2019).
    """
    if ((predicted <= 0) | (predicted >= 1)).any():
        return "a prediction is exactly 0 or 1, of which there are no log odds"
    levels = levelled(predicted)
    if levels.min() == levels.max():
        return "all predictions are equal"
    present, absent = levels[truth], levels[~truth]
    if present.min() >= absent.max() or present.max() <= absent.min():
        return "the predictions tell present from absent without a fault, so that the slope has no bound"
    logits = np.log(predicted) - np.log1p(-predicted)
    ones = np.ones((len(logits), 1))
    # Of one spread, whatever that of the predictions: else the curvature may be singular but for rounding.
    spread = float(logits.std())
    intercept = _logistic(ones, logits, truth)
    both = _logistic(np.column_stack([ones, (logits - logits.mean()) / spread]), np.zeros(len(logits)), truth)
    if intercept is None or both is None:
        return "its fit does not converge: the cases set it no bound that can be told from rounding"
    return float(intercept[0]), float(both[1] / spread)


def _logistic(columns: Floats, offset: Floats, truth: Bools) -> Floats | None:
    """Return the coefficients of a logistic regression, by Newton's steps, halved where they go too far.

    None where the curvature of the likelihood is singular, or no step leads to its top.
    """
    found = np.zeros(columns.shape[1])
    best = _log_likelihood(offset, truth)
    for _ in range(STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(offset + columns @ found, -500, 500)))
        curvature = (columns.T * (fitted * (1 - fitted))) @ columns
        if not curvature.any() or np.linalg.cond(curvature) > ILL_CONDITIONED:
            return None
        step = np.linalg.solve(curvature, columns.T @ (truth - fitted))
        for _ in range(HALVINGS):
            reached = _log_likelihood(offset + columns @ (found + step), truth)
            if reached >= best:
                break
            step = step / 2
        else:
            return None
        found, best = found + step, reached
        if np.abs(step).max() < SMALL_STEP:
            return found
    return None


def _log_likelihood(logits: Floats, truth: Bools) -> float:
    return -float(np.logaddexp(0, np.where(truth, -logits, logits)).sum())
