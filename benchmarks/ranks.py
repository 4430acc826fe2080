"""Ranks of drawn numbers among what tuning makes of cases simulated under them, and whether they are uniform.

References
----------
Cook, Gelman and Rubin, Validation of software for Bayesian models using posterior quantiles (Journal of Computational
and Graphical Statistics 15, 2006); Talts, Betancourt, Simpson, Vehtari and Gelman, Validating Bayesian inference
algorithms with simulation-based calibration (arXiv:1804.06788, 2018); Hotelling, The generalization of Student's ratio
(Annals of Mathematical Statistics 2, 1931); Holm, A simple sequentially rejective multiple test procedure
(Scandinavian Journal of Statistics 6, 1979).
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes import Model

Floats = NDArray[np.float64]

BINS = 20
LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True)
class Regime:
    """How the cases of a repetition come about.

    `missing` is the share of unknown cells by role or variable; `given` is what every case has, and what it is taken
    to be selected by.
    """

    name: str
    missing: Mapping[str, float] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)


def ranks_of(model: Model, regime: Regime, n_cases: int, seed: int) -> Floats:
    """Return the rank of each number of one draw in its distribution after the cases, (n_numbers,), in [0, 1]."""
    truth = model.beliefs.draw(1, seed)[0]
    cases = model.simulate(n_cases, seed, missing=regime.missing, given=regime.given, parameters="drawn")
    report = model.tune(cases, selected_by=tuple(regime.given)).report
    return beta_ranks(truth, report["new"].to_numpy(), report["size_after"].to_numpy())


def beta_ranks(truth: Floats, means: Floats, sizes: Floats) -> Floats:
    """Return the probability that the Beta distributions with these means and sizes have below the truth."""
    from scipy.special import betainc

    found: Floats = betainc(means * sizes, (1 - means) * sizes, truth)
    return found


def repeat(model: Model, regime: Regime, seeds: range, *, n_cases: int = 300, processes: int = 1) -> Floats:
    """Return the ranks of many draws, (n_seeds, n_numbers)."""
    one = partial(ranks_of, model, regime, n_cases)
    if processes == 1:
        return np.array(list(map(one, seeds)))
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        return np.array(list(pool.map(one, seeds, chunksize=5)))


# Whether they are uniform


def histograms(ranks: Floats, bins: int = BINS) -> Floats:
    """Return how many ranks of each column lie in each bin: (n_numbers, bins)."""
    places = np.minimum((ranks * bins).astype(np.int64), bins - 1)
    counts: Floats = (places[:, :, None] == np.arange(bins)).sum(axis=0).astype(np.float64)
    return counts


def chi_square(ranks: Floats, bins: int = BINS) -> Floats:
    """Return the p-value of the chi-square test of uniformity for each number, whose repetitions are independent."""
    from scipy.stats import chisquare

    found: Floats = chisquare(histograms(ranks, bins), axis=1).pvalue
    return found


def holm(p_values: Floats) -> Floats:
    """Return p-values adjusted by Holm's method, whatever their dependence."""
    order = np.argsort(p_values)
    stepped = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def pooled(ranks: Floats, bins: int = BINS) -> float:
    """Return the p-value of all numbers together, by Hotelling's T-squared.

    Numbers of one repetition depend on each other, so that the ranks of all of them are no independent draws
    and the chi-square test does not hold for their histogram. Repetitions are independent: the histograms that
    they have, a vector each, are held to the mean 1/bins by their own covariance matrix. The test looks at what
    the numbers have in common; what is wrong of one of 25 is for `chi_square`.
    """
    from scipy.stats import f

    places = np.minimum((ranks * bins).astype(np.int64), bins - 1)
    shares = (places[:, :, None] == np.arange(bins)).mean(axis=1)[:, : bins - 1]
    n, dimensions = shares.shape
    off = shares.mean(axis=0) - 1 / bins
    squared = n * off @ np.linalg.solve(np.cov(shares.T), off)
    return float(f.sf(squared * (n - dimensions) / (dimensions * (n - 1)), dimensions, n - dimensions))


def coverage(ranks: Floats, level: float) -> Floats:
    """Return the share of draws within the central interval of each number, (n_numbers,)."""
    within: Floats = (np.abs(ranks - 0.5) <= level / 2).mean(axis=0)
    return within


def coverage_error(ranks: Floats, level: float) -> float:
    """Return the standard error of the coverage of all numbers together, from the variance between repetitions."""
    within = (np.abs(ranks - 0.5) <= level / 2).mean(axis=1)
    return float(within.std(ddof=1) / np.sqrt(len(within)))
