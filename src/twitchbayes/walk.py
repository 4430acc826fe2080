"""One walk over the causes: the exact posteriors of all rows that share a pattern of evidence.

The walk carries, for each joint state of the live contexts, a vector over the subsets of the live
positive findings that have been explained so far. A present cause k moves weight from a subset S to
S + {j} with its link probability q_kj; an absent one leaves it where it is. When the last parent of a
finding is past, only the weight of the subsets that hold it goes on. A backward pass of the same form
gives every posterior. Nothing is ever subtracted, so nothing cancels, however many findings are positive.

Three chains are walked side by side: a free one with every cause (its end is P(evidence)), a calm one in
which no serious cause has been present so far, and a blank one with no cause at all. P(a serious cause is
present) is then a sum over the first serious cause present, again of positive terms. Until the first serious
cause the calm chain is the free one.

The backward pass needs one move a cause: with g the gradient behind cause k and v the weight before it, the
weight of "k is present" is the sum of v times P(k present) times the transposed move of g.

A state has the axes (subsets, rows, cells): a move is then a sum of whole blocks of numbers.

References
----------
Heckerman, A tractable inference algorithm for diagnosing multiple diseases (UAI 1989), is the
inclusion-exclusion form that this replaces. Zhang and Poole, Exploiting causal independence in Bayesian
network inference (JAIR 5, 1996) and Dechter, Bucket elimination (Artificial Intelligence 113, 1999) for
elimination over the decomposed noisy-OR; Darwiche, A differential approach to inference in Bayesian
networks (JACM 50, 2003) for posteriors as derivatives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.plan import Stage
from twitchbayes.tally import Share
from twitchbayes.weights import Closed, PatternWeights

__all__ = ["walk"]

Floats = NDArray[np.float64]

# The move of a present cause is one small matrix with few slots, or with some and few columns; else a butterfly each.
DENSE_SLOTS = 4
DENSE_SLOTS_OF_FEW, FEW_COLUMNS = 7, 32
LOST, DIGITS = 1e-290, 1e-30  # what underflow may take of a number, and of an answer
SCALE_EVERY = 32  # causes between two rescalings, long before anything can underflow


@dataclass(slots=True)
class _Chains:
    """The states (subsets, rows, cells) of the chains; `calm` is None as long as it is the free one.

    `lost` (rows,) bounds what underflow has taken from any number of the free one.
    """

    free: Floats
    calm: Floats | None
    blank: Floats
    lost: Floats

    def each(self, take: Any) -> _Chains:
        """Return what a function makes of every chain."""
        return _Chains(take(self.free), None if self.calm is None else take(self.calm), take(self.blank), self.lost)


@dataclass(slots=True)
class _Trace:
    """What the backward pass needs of a stage.

    `absent` and `present` (walked causes, rows, cells) are the weights of their states. `states` (walked
    causes + 1, subsets, rows, cells) is the free chain before each walked cause and behind the last, `calm`
    the calm chain before each serious one; these are the last. `scales` are what the states were divided by
    behind a cause.
    """

    causes: NDArray[np.int64]
    absent: Floats
    present: Floats
    closed: Closed
    move: _Move
    entered: Floats
    before_closed: _Chains
    states: Floats
    calm: Floats
    scales: dict[int, Floats] = field(default_factory=dict)

    @property
    def n_harmless(self) -> int:
        """Number of walked causes before the serious ones."""
        return len(self.causes) - len(self.calm)


def walk(weights: PatternWeights, shares: list[Share] | None = None) -> tuple[Floats, Floats, Floats, Floats]:
    """Return posteriors (rows, causes), P(none), P(serious) and ln P(evidence) (rows,).

    The joint posteriors of causes and cells are put into `shares`, where one is given.
    """
    n = weights.n
    chains = _Chains(np.ones((1, n, 1)), None, np.ones((1, n, 1)), np.full(n, LOST))
    log_scale = weights.log_constant + np.zeros(n)
    traces = []
    for stage in weights.plan.stages:
        chains, trace, log_stage = _forward(weights, stage, chains)
        log_scale = log_scale + log_stage
        traces.append(trace)
    end = chains.free[0, :, 0]
    end = np.where(end * DIGITS > chains.lost, end, 0.0)
    log_evidence = np.log(end) + log_scale
    possible = log_evidence > -np.inf
    per_total = np.where(possible, 1 / np.where(possible, end, 1.0), 0.0)
    causes, serious = np.zeros((n, weights.tables.n_causes)), np.zeros(n)
    gradient = per_total[None, :, None]
    for stage, trace in zip(reversed(weights.plan.stages), reversed(traces), strict=True):
        gradient = _backward(stage, trace, gradient, causes, serious, shares)
    return causes, chains.blank[0, :, 0] * per_total, serious, log_evidence


def _forward(weights: PatternWeights, stage: Stage, chains: _Chains) -> tuple[_Chains, _Trace, Floats]:
    """Take the chains through a stage; returns them, the trace and the log scale."""
    serious = weights.tables.serious
    walked, closed_weights, log_scale = weights.causes(stage)
    closed = Closed.of(closed_weights, serious)
    entered = _entered(weights, stage, cells=chains.free.shape[-1])
    chains = chains.each(lambda state: _enter(state, entered))
    n_serious = int(serious[walked.causes].sum())
    trace = _Trace(
        causes=walked.causes,
        absent=np.moveaxis(walked.absent, -1, 0),
        present=np.moveaxis(walked.present, -1, 0),
        closed=closed,
        move=_Move.of(stage, weights),
        entered=entered,
        before_closed=chains,
        states=np.empty((len(walked.causes) + 1, *chains.free.shape)),
        calm=np.empty((n_serious, *chains.free.shape)),
    )
    if closed.causes.size:
        free, calm, blank = closed.factors()
        if chains.calm is None and closed.serious.any():
            chains.calm = chains.free
        chains = _Chains(
            chains.free * free,
            None if chains.calm is None else chains.calm * calm,
            chains.blank * blank,
            chains.lost,
        )
    chains, log_scale = _pass_causes(trace, chains, log_scale)
    chains, log_scale = _rescale(chains.each(lambda state: _leave(stage, state)), trace, log_scale)
    return chains, trace, log_scale


def _pass_causes(trace: _Trace, chains: _Chains, log_scale: Floats) -> tuple[_Chains, Floats]:
    """Take the chains past the walked causes; returns them and the log scale."""
    states, calm = trace.states, chains.calm
    states[0] = chains.free
    for i in range(len(trace.causes)):
        moved = trace.move.forward(states[i], i)
        moved *= trace.present[i]
        np.multiply(states[i], trace.absent[i], out=states[i + 1])
        states[i + 1] += moved
        if calm is not None and i < trace.n_harmless:
            calm = calm * trace.absent[i] + trace.move.forward(calm, i) * trace.present[i]
        if i % SCALE_EVERY == SCALE_EVERY - 1:
            trace.scales[i] = _peak(states[i + 1])[:, None]
            chains.lost = chains.lost / trace.scales[i][:, 0]
            states[i + 1] /= trace.scales[i]
            log_scale = log_scale + np.log(trace.scales[i][:, 0])
            calm = calm / trace.scales[i] if calm is not None and i < trace.n_harmless else calm
    blank = chains.blank * _all_absent(trace, 0)[-1]
    if len(trace.calm):
        calm = states[trace.n_harmless] if calm is None else calm
        none_yet = _all_absent(trace, trace.n_harmless)
        np.multiply(calm, none_yet[:-1, None], out=trace.calm)
        calm = calm * none_yet[-1]
    return _Chains(states[-1], calm, blank, chains.lost), log_scale


def _all_absent(trace: _Trace, first: int) -> Floats:
    """Return what the causes from `first` on multiply a state by up to each of them, all absent: from 1 on."""
    factors = trace.absent[first:]
    if trace.scales:
        rows = max(len(next(iter(trace.scales.values()))), factors.shape[1])
        factors = np.broadcast_to(factors, (len(factors), rows, factors.shape[2])).copy()
        for i, scale in trace.scales.items():
            if i >= first:
                factors[i - first] /= scale
    products = np.ones((len(factors) + 1, *factors.shape[1:]))
    np.cumprod(factors, axis=0, out=products[1:])
    return products


def _backward(
    stage: Stage, trace: _Trace, gradient: Floats, causes: Floats, serious: Floats, shares: list[Share] | None
) -> Floats:
    """Take the gradient of P(evidence) (subsets, rows, cells) back through a stage.

    `causes` and `serious` receive what the stage adds to the posteriors, `shares` its joint ones.
    """
    gradient = _unleave(stage, gradient / trace.scales[len(trace.causes)])
    moved = np.empty(trace.states[1:].shape)
    for i in range(len(trace.causes) - 1, -1, -1):
        if i in trace.scales:
            gradient = gradient / trace.scales[i]
        np.multiply(trace.move.backward(gradient, i), trace.present[i], out=moved[i])
        gradient = gradient * trace.absent[i]
        gradient += moved[i]
    causes[:, trace.causes] = _shares(trace.states[:-1], moved).T
    serious += _shares(trace.calm, moved[trace.n_harmless :]).sum(axis=0)
    closed, before = trace.closed, trace.before_closed
    if closed.causes.size:
        calm = before.free if before.calm is None else before.calm
        gradient = gradient * closed.either.prod(axis=-1)
        causes[:, closed.causes] = ((before.free * gradient).sum(axis=0)[:, :, None] * closed.posterior).sum(axis=1)
        serious += ((calm * gradient).sum(axis=0) * closed.some_serious()).sum(axis=-1)
    if shares is not None:
        cells = (before.free * gradient).sum(axis=0)
        walked = np.einsum("ksrc,ksrc->rck", trace.states[:-1], moved)
        shares.append(Share(stage, cells, np.concatenate([walked, cells[:, :, None] * closed.posterior], axis=2)))
    new_subsets, _, old_cells, new_cells = trace.entered.shape
    wide = gradient.reshape(-1, new_subsets, gradient.shape[1], old_cells, new_cells)
    before_entry: Floats = (wide * trace.entered).sum(axis=(1, 4))
    return before_entry


def _shares(states: Floats, gradients: Floats) -> Floats:
    """Return the sums of states times gradients over subsets and cells: (causes, rows)."""
    if states.shape[2] == 1:
        flat = len(states), states.shape[1] * states.shape[3]
        alone: Floats = np.einsum("ki,ki->k", states.reshape(flat), gradients.reshape(flat))
        return alone[:, None]
    shares: Floats = np.einsum("ksrc,ksrc->kr", states, gradients)
    return shares


def _entered(weights: PatternWeights, stage: Stage, *, cells: int) -> Floats:
    """Return what entering a stage multiplies by: (new subsets, rows, old cells, new cells).

    P(new contexts) for each cell, and the leaks of the new slots for each of their subsets.
    """
    subsets = np.ones((1, 1))
    for i in stage.enter_slots:
        log_no_leak = weights.log_no_leak[:, i]
        leak = np.stack([np.exp(log_no_leak), -np.expm1(log_no_leak) / weights.scale[:, i]])
        subsets = (subsets[:, None, :] * leak[None, :, :]).reshape(-1, len(log_no_leak))
    own = weights.cells(stage)
    return subsets[:, :, None, None] * own.reshape(len(own), cells, -1)


def _enter(state: Floats, entered: Floats) -> Floats:
    wide = state[:, None, :, :, None] * entered
    return wide.reshape(-1, wide.shape[2], wide.shape[3] * wide.shape[4])


@dataclass(frozen=True, slots=True)
class _Move:
    """How a present cause moves weight among the subsets of explained elements, and the transpose of it.

    With few slots and the same numbers in all rows `matrices` (causes, from, to) holds each move as a
    matrix; else each linked slot is one butterfly with `link` and `no_link` (causes, slots, sets, 1).
    """

    matrices: Floats | None
    link: Floats
    no_link: Floats

    @classmethod
    def of(cls, stage: Stage, weights: PatternWeights) -> _Move:
        slots = list(stage.slots)
        log_no_link = weights.log_no_link[:, stage.walked][:, :, slots]
        link, no_link = -np.expm1(log_no_link) / weights.scale[:, None, slots], np.exp(log_no_link)
        few = weights.n * stage.cells >> len(slots) <= FEW_COLUMNS
        if len(slots) > (DENSE_SLOTS_OF_FEW if few else DENSE_SLOTS) or len(link) > 1:
            return cls(None, np.moveaxis(link, 0, -1)[..., None], np.moveaxis(no_link, 0, -1)[..., None])
        step = np.empty((*link.shape[1:], 2, 2))
        step[..., 0, 0], step[..., 0, 1], step[..., 1, 0], step[..., 1, 1] = no_link[0], link[0], 0.0, 1.0
        matrices = np.ones((link.shape[1], 1, 1))
        for slot in range(len(stage.slots)):
            size = 2 << slot
            wide = matrices[:, :, None, :, None] * step[:, slot, None, :, None, :]
            matrices = wide.reshape(link.shape[1], size, size)
        return cls(matrices, link, no_link)

    def forward(self, state: Floats, i: int) -> Floats:
        """Return where the weight of a state goes if cause i is present."""
        if self.matrices is not None:
            moved: Floats = (self.matrices[i].T @ state.reshape(len(state), -1)).reshape(state.shape)
            return moved
        out = state.copy()
        for absent, present, link, no_link in self._butterflies(out, i):
            np.add(present, link * absent, out=present)
            np.multiply(absent, no_link, out=absent)
        return out

    def backward(self, gradient: Floats, i: int) -> Floats:
        """Return the transposed move of a gradient."""
        if self.matrices is not None:
            moved: Floats = (self.matrices[i] @ gradient.reshape(len(gradient), -1)).reshape(gradient.shape)
            return moved
        out = gradient.copy()
        for absent, present, link, no_link in self._butterflies(out, i):
            np.add(no_link * absent, link * present, out=absent)
        return out

    def _butterflies(self, out: Floats, i: int) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
        """Yield views of the subsets without and with each linked slot, and its probabilities."""
        for slot in range(self.link.shape[1]):
            if self.link[i, slot].any():
                halves = out.reshape(1 << slot, 2, -1, *out.shape[1:])
                yield halves[:, 0], halves[:, 1], self.link[i, slot], self.no_link[i, slot]


def _leave(stage: Stage, state: Floats) -> Floats:
    """Sum out the contexts that leave; of the slots that leave, keep the subsets that hold them."""
    subsets, rows, _ = state.shape
    if stage.leave_slots:
        state = state.reshape(*(2,) * len(stage.slots), rows, -1)[_explained(stage)]
        subsets >>= len(stage.leave_slots)
    if stage.leave_axes:
        axes = tuple(2 + stage.axes.index(c) for c in stage.leave_axes)
        state = state.reshape(subsets, rows, *stage.cards).sum(axis=axes)
    return state.reshape(subsets, rows, -1)


def _unleave(stage: Stage, gradient: Floats) -> Floats:
    """Return the gradient (subsets, rows, cells) before `_leave`."""
    subsets, rows, _ = gradient.shape
    if stage.leave_axes:
        kept_cards = [1 if c in stage.leave_axes else card for c, card in zip(stage.axes, stage.cards, strict=True)]
        gradient = np.broadcast_to(gradient.reshape(subsets, rows, *kept_cards), (subsets, rows, *stage.cards))
    gradient = gradient.reshape(subsets, rows, -1)
    if stage.leave_slots:
        wide = np.zeros((*(2,) * len(stage.slots), *gradient.shape[1:]))
        kept = [2] * (len(stage.slots) - len(stage.leave_slots))
        wide[_explained(stage)] = gradient.reshape(*kept, *gradient.shape[1:])
        gradient = wide.reshape(1 << len(stage.slots), *gradient.shape[1:])
    return gradient


def _explained(stage: Stage) -> tuple[Any, ...]:
    return tuple(1 if i in stage.leave_slots else slice(None) for i in stage.slots)


def _rescale(chains: _Chains, trace: _Trace, log_scale: Floats) -> tuple[_Chains, Floats]:
    """Divide the chains by the largest weight in each row, at the end of a stage."""
    scale = trace.scales[len(trace.causes)] = _peak(chains.free)[:, None]
    chains = chains.each(lambda state: state / scale)
    chains.lost = chains.lost / scale[:, 0]
    return chains, log_scale + np.log(scale[:, 0])


def _peak(state: Floats) -> Floats:
    """Return the largest weight in each row, 1 where all are 0: (rows,)."""
    peak = state.max(axis=(0, 2))
    return np.where(peak > 0, peak, 1.0)
