"""What one row of evidence makes of each number of the tables, from the slots that a sweep has filled."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchbayes.network import Network

__all__ = ["Ends", "ends_of", "together", "trials_of_tables"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ends:
    """What one row makes of each number p, all others held: P(row) = exp(log_scale) (rest + p fires + (1 - p) spares).

    Attributes
    ----------
    rest, fires, spares : ndarray, shape (n_numbers,)
        In the order of the rows of `priors.csv` and `links.csv`; links are net, and all else is held. Of a state of a
        context that has a row for each, and of a state to which a graded finding is raised, the others make room in
        proportion (in equal parts, if all of them are 0).
    log_scale : float
        In nats.
    log_evidence : float
        ln P(row), in nats; -inf where it is impossible. Then the numbers are not 0 all the same.
    """

    rest: Floats
    fires: Floats
    spares: Floats
    log_scale: float
    log_evidence: float


def together(parts: list[Ends], n_numbers: int) -> Ends:
    """Return what the sum of some rows makes of each number."""
    if len(parts) == 1:
        return parts[0]
    scales = np.array([part.log_scale for part in parts])
    scale = float(scales.max(initial=-np.inf))
    if scale == -np.inf:
        zero = np.zeros(n_numbers)
        return Ends(zero, zero, zero, 0.0, -np.inf)
    shares = np.exp(scales - scale)
    rest, fires, spares = (
        shares @ np.stack([getattr(part, name) for part in parts]) for name in ("rest", "fires", "spares")
    )
    return Ends(rest, fires, spares, scale, float(np.logaddexp.reduce([part.log_evidence for part in parts])))


def trials_of_tables(network: Network, successes: Floats, trials: Floats) -> Floats:
    """Return trials (n_rows, n_slots) with those of the contexts' tables: the successes of all states of a stratum."""
    whole = trials.copy()
    for i in range(len(network.contexts)):
        table, into = network.slots.table(successes, i), network.slots.table(whole, i)
        into[...] = table.sum(axis=-1, keepdims=True)
    return whole


def ends_of(
    network: Network, fires: Floats, spares: Floats, trials: Floats, untried: Floats, log: tuple[float, float]
) -> Ends:
    """Return what is made of each number.

    Parameters
    ----------
    fires, spares, trials, untried : ndarray, shape (n_slots,)
        As of `twitchbayes.inference.counts.Slots`.
    log : tuple of float
        ln of the scale, and ln P(row), in nats.
    """
    slots, yes = network.slots, network.parameters.yes[0]
    whole = 1.0 if math.isfinite(log[1]) else 0.0
    fires, spares = fires.copy(), spares.copy()
    rest = np.full(len(fires), whole)
    inactive = np.full(len(network.contexts), whole)
    for i, name in enumerate(network.contexts):
        p, own, others, no = (slots.table(array, i) for array in (yes, fires, spares, rest))
        first = _fill_table(p, own, others, no, whole)
        inactive[i] = first if len(network.states[name]) == 2 else whole
    rest[slots.first_leak : slots.first_finding_leak] = 0.0
    for k in (k for k, shape in enumerate(slots.leak_shapes) if math.prod(shape) > 1):
        strata, no = slots.leaks(trials, k), slots.leaks(rest, k)
        no[...] = _all_but_each(strata.ravel()).reshape(strata.shape)
    tried = untried[slots.first_finding_leak :] >= 0
    rest[slots.first_finding_leak :][tried] = untried[slots.first_finding_leak :][tried]
    sizes = [math.prod(shape) for shape in slots.link_shapes]
    sources = np.repeat(slots.sources, sizes)
    causal = np.flatnonzero((sources < len(inactive)) & tried[slots.first_link - slots.first_finding_leak :])
    rest[slots.first_link + causal] = inactive[sources[causal]]
    for group in slots.graded:
        _fill_states(group, yes, network.parameters.no[0], fires, spares)
    at = slots.of_row
    return Ends(rest[at], fires[at], spares[at], *log)


def _fill_table(p: Floats, fires: Floats, spares: Floats, rest: Floats, whole: float) -> float:
    """Fill `spares` and `rest` of a context's table, in place; returns P(its first state, row)."""
    mass = (p * fires).sum(axis=-1)
    rest[...] = _all_but_each(mass.ravel()).reshape(mass.shape)[..., None]
    if not fires.any():  # nothing that the row says depends on it
        rest[...] = whole
        return whole
    for s in range(p.shape[-1]):
        beside = [t for t in range(p.shape[-1]) if t != s]
        others = (p[..., beside] * fires[..., beside]).sum(axis=-1)
        room = p[..., beside].sum(axis=-1)
        equal = fires[..., beside].mean(axis=-1)
        spares[..., s] = np.where(room > 0, others / np.where(room > 0, room, 1.0), equal)
    return float((p * fires)[..., 0].sum())


def _fill_states(group: NDArray[np.int64], yes: Floats, no: Floats, fires: Floats, spares: Floats) -> None:
    """Fill `spares` of the chances of the states above the lowest: the other states make room."""
    first = group[:, :1]
    p = np.concatenate([no[first], yes[group]], axis=1)
    slope = np.concatenate([spares[first], fires[group]], axis=1)
    for d in range(1, p.shape[1]):
        beside = [t for t in range(p.shape[1]) if t != d]
        others = (p[:, beside] * slope[:, beside]).sum(axis=1)
        room = p[:, beside].sum(axis=1)
        equal = slope[:, beside].mean(axis=1)
        spares[group[:, d - 1]] = np.where(room > 0, others / np.where(room > 0, room, 1.0), equal)


def _all_but_each(values: Floats) -> Floats:
    """Return the sum of all values but each one, without a difference."""
    before = np.concatenate([[0.0], np.cumsum(values)[:-1]])
    behind = np.concatenate([np.cumsum(values[::-1])[::-1][1:], [0.0]])
    total: Floats = before + behind
    return total
