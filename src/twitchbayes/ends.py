"""Answers with each number of the tables at the least and the most that it can be, and what lies between them.

P(evidence) and P(cause, evidence) are linear in each number by itself: at any value they are a mixture of the two ends,
in shares that the value decides. Every term of it is positive, so that no digit is lost, and shares and ends are
multiplied as logarithms, so that none vanishes next to 0 or 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.inference.mixture import ends
from twitchbayes.network import PRESENT, Network

__all__ = ["Overtaken", "derivatives", "least", "log_ends_of", "log_evidence_at", "log_slopes", "posterior_at", "span"]

Floats = NDArray[np.float64]

ROUNDING = 8 * np.finfo(float).eps  # two causes as near as this, relative, are equally probable


def least(network: Network) -> Floats:
    """Return the least that each number can be: 0, or the leak that a compound link includes."""
    smallest = np.zeros(network.numbers.shape[1])
    smallest[network.slots.compound] = network.numbers[0, network.slots.compound_leaks]
    return smallest


def log_ends_of(engine: Engine, evidence: Evidence, cause: str | None = None) -> Floats:
    """Return ln P(evidence), or ln P(evidence and a target), with each number at its smallest and at 1: (n_numbers, 2).

    In nats. Links are held as net ones, and the states beside a state of a context make room in proportion.

    Raises
    ------
    EngineLimitError
        If the evidence is refused.
    """
    further = None if cause is None else (engine.network.targets[cause], PRESENT)
    found = ends(engine, evidence, further)
    with np.errstate(divide="ignore"):
        logs: Floats = np.log(np.column_stack([found.rest + found.spares, found.rest + found.fires])) + found.log_scale
    return logs


def log_slopes(engine: Engine, evidence: Evidence, further: tuple[int, int]) -> Floats:
    """Return d ln P(evidence, one further state) / d number, (n_numbers,), in nats; numbers are those of the tables.

    Parameters
    ----------
    further : tuple of int
        A column, and the state that it is to have as well. Both together must be possible.
    """
    found, slots, values = ends(engine, evidence, further), engine.network.slots, engine.network.numbers[0]
    slopes: Floats = (found.fires - found.spares) * np.exp(found.log_scale - found.log_evidence)
    leaks = values[slots.compound_leaks]
    slopes[slots.compound] /= np.where(leaks < 1, 1 - leaks, 1)
    return slopes


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


class Overtaken:
    """The nearest values below and above the table's at which another cause overtakes the first, of each number.

    By how much the first cause leads another one is linear in the number: P(evidence) times the difference of the
    two posteriors. It is not negative at the table's value, so that it is negative at one end at most.

    Parameters
    ----------
    log_ends : ndarray, shape (n_numbers, 2)
        ln P(evidence) at the two ends, in nats.
    first : ndarray, shape (n_numbers, 2)
        P(the most probable cause | evidence) there.
    smallest, values : ndarray, shape (n_numbers,)

    Attributes
    ----------
    below, above : ndarray, shape (n_numbers,)
        The values; -inf and inf where there are none.
    to_below, to_above : ndarray of int, shape (n_numbers,)
        The numbers of the causes that overtake.
    """

    def __init__(self, log_ends: Floats, first: Floats, smallest: Floats, values: Floats) -> None:
        self._log_ends, self._first, self._smallest, self._values = log_ends, first, smallest, values
        self.below, self.above = np.full(len(values), -np.inf), np.full(len(values), np.inf)
        self.to_below, self.to_above = np.full((2, len(values)), -1)

    def by(self, number: int, ends: Floats) -> None:
        """Take in another cause, by its number, from its posterior at the two ends, (n_numbers, 2)."""
        first, lowest, here = self._first, self._smallest, self._values
        lead = np.where(np.abs(first - ends) > ROUNDING * np.maximum(first, ends), first - ends, 0.0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            possible = np.isfinite(self._log_ends) & (lead != 0)
            log_lead = np.where(possible, np.log(np.abs(lead)) + self._log_ends, -np.inf)
            share = 1 / (1 + np.exp(log_lead[:, 1] - log_lead[:, 0]))  # of the way from the smallest value to 1
        at = lowest + span(lowest) * share
        # Where they are equal at the table's value itself, that is an end.
        below = (lead[:, 0] < 0) & ((lead[:, 1] > 0) | (here >= 1)) & (lowest < 1) & (np.minimum(at, here) > self.below)
        above = (lead[:, 1] < 0) & ((lead[:, 0] > 0) | (here <= lowest)) & (lowest < 1)
        above &= np.maximum(at, here) < self.above
        self.below[below], self.to_below[below] = np.minimum(at, here)[below], number
        self.above[above], self.to_above[above] = np.maximum(at, here)[above], number
