"""Answers with each number of the tables at the least and the most that it can be, and what lies between them.

P(evidence) and P(cause, evidence) are linear in each number by itself: at any value they are a mixture of the two ends,
in shares that the value decides. Every term of it is positive, so that no digit is lost, and shares and ends are
multiplied as logarithms, so that none vanishes next to 0 or 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.beliefs import beside
from twitchbayes.engine import Answer, Runs, answer
from twitchbayes.evidence import Evidence
from twitchbayes.knowledge import Knowledge
from twitchbayes.network import Network

__all__ = ["at_ends", "derivatives", "least", "log_evidence_at", "overtaken", "posterior_at", "span"]

Floats = NDArray[np.float64]
Overtaken = list[tuple[float, int] | None]

ROUNDING = 8 * np.finfo(float).eps  # two causes as near as this, relative, are equally probable


def least(network: Network) -> Floats:
    """Return the least that each number can be: 0, or the leak that a compound link includes."""
    smallest = np.zeros(network.numbers.shape[1])
    rows, leaks = network.index.compound_leaks
    smallest[rows] = network.numbers[0, leaks]
    return smallest


def at_ends(knowledge: Knowledge, engine: Runs, evidence: Evidence, smallest: Floats) -> Answer:
    """Return the answers with each number at its smallest and at 1, one after the other: 2 * n_numbers rows.

    Links are held as net ones, and the states beside a state of a context make room in proportion.
    """
    values = engine.network.numbers[0]
    count = len(values)
    sets = np.repeat(values[None, :], 2 * count, axis=0)
    sets[range(0, 2 * count, 2), range(count)] = smallest
    sets[range(1, 2 * count, 2), range(count)] = 1.0
    for rows in beside(knowledge):
        for row in rows:
            others = rows[rows != row]
            rest = values[others].sum()
            sets[2 * row, others] = values[others] / rest if rest > 0 else 1 / len(others)
            sets[2 * row + 1, others] = 0.0
    return answer(engine, evidence, engine.network.with_held_links(sets))


def span(smallest: Any) -> Any:
    """Return how far a number can move, 1 where it cannot."""
    return np.where(smallest < 1, 1 - smallest, 1.0)


def _log_shares(smallest: Any, t: Floats) -> tuple[Floats, Floats]:
    """Return ln of the shares of the two ends in the answer at `t`."""
    with np.errstate(divide="ignore"):
        share = np.log(np.where(smallest < 1, 1 - t, 1.0)) - np.log(span(smallest))
        return share, np.log(t - smallest) - np.log(span(smallest))


def log_evidence_at(log_ends: Floats, smallest: Any, t: Floats) -> Floats:
    """Return ln P(evidence) with a number at `t`, in nats."""
    low, high = _log_shares(smallest, t)
    mixed: Floats = np.logaddexp(low + log_ends[..., 0], high + log_ends[..., 1])
    return mixed


def posterior_at(log_ends: Floats, ends: Floats, smallest: Any, t: Floats) -> Floats:
    """Return the posterior of a cause with a number at `t`; NaN where the evidence is impossible then.

    Parameters
    ----------
    log_ends : ndarray, shape (..., 2)
        ln P(evidence) at the two ends, in nats.
    ends : ndarray, shape (..., 2)
        P(cause | evidence) there.
    smallest : float or ndarray, shape (...)
        The number at its first end; at the other it is 1.
    t : ndarray, shape (...)
        From `smallest` to 1.
    """
    low, high = _log_shares(smallest, t)
    log_total = log_evidence_at(log_ends, smallest, t)
    finite = np.where(np.isfinite(log_total), log_total, 0.0)
    weights = np.exp(low + log_ends[..., 0] - finite), np.exp(high + log_ends[..., 1] - finite)
    total = weights[0] + weights[1]
    mixed = (weights[0] * ends[..., 0] + weights[1] * ends[..., 1]) / np.where(total > 0, total, 1.0)
    found: Floats = np.where(total > 0, np.minimum(mixed, 1.0), np.nan)
    return found


def derivatives(log_ends: Floats, ends: Floats, smallest: Floats, values: Floats) -> Floats:
    """Return d posterior / d number at some values: (n_numbers,), of arrays as those of `posterior_at`."""
    log_present = log_evidence_at(log_ends, smallest, values)
    slope: Floats = np.exp(log_ends.sum(axis=-1) - 2 * log_present) * (ends[:, 1] - ends[:, 0]) / span(smallest)
    return np.where(smallest < 1, slope, 0.0)


def overtaken(
    log_ends: Floats, causes: Floats, first: int, smallest: Floats, values: Floats
) -> tuple[Overtaken, Overtaken]:
    """Return the nearest values below and above at which a cause overtakes the first, and the number of that cause.

    By how much the first cause leads another one is linear in the number: P(evidence) times the difference of the
    two posteriors. It is not negative at the table's value, so that it is negative at one end at most.

    Parameters
    ----------
    log_ends : ndarray, shape (n_numbers, 2)
    causes : ndarray, shape (n_numbers, 2, n_causes)
        The posteriors at the two ends.
    first : int
        Number of the most probable cause.
    smallest, values : ndarray, shape (n_numbers,)
    """
    lead = causes[:, :, first, None] - causes
    lead = np.where(np.abs(lead) > ROUNDING * np.maximum(causes[:, :, first, None], causes), lead, 0.0)
    possible = np.isfinite(log_ends)[:, :, None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        log_lead = np.where(possible & (lead != 0), np.log(np.abs(lead)) + log_ends[:, :, None], -np.inf)
        share = 1 / (1 + np.exp(log_lead[:, 1] - log_lead[:, 0]))  # of the way from the smallest value to 1
    lowest, here = smallest[:, None], values[:, None]
    at = lowest + span(lowest) * share
    # Where they are equal at the table's value itself, that is an end.
    below = (lead[:, 0] < 0) & ((lead[:, 1] > 0) | (here >= 1)) & (lowest < 1)
    above = (lead[:, 1] < 0) & ((lead[:, 0] > 0) | (here <= lowest)) & (lowest < 1)
    nearest_below = np.where(below, np.minimum(at, here), -np.inf)
    nearest_above = np.where(above, np.maximum(at, here), np.inf)
    return _nearest(nearest_below, nearest_below.argmax(axis=1)), _nearest(nearest_above, nearest_above.argmin(axis=1))


def _nearest(at: Floats, causes: NDArray[np.int64]) -> Overtaken:
    return [
        (float(row[cause]), int(cause)) if np.isfinite(row[cause]) else None
        for row, cause in zip(at, causes, strict=True)
    ]
