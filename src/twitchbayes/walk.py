"""One walk over the causes: the exact posteriors of all rows that share a pattern of evidence.

The walk carries, for each joint state of the live contexts, a vector over the subsets of the live
positive findings that have been explained so far. A present cause k moves weight from a subset S to
S + {j} with its link probability q_kj; an absent one leaves it where it is. When the last parent of a
finding is past, only the weight of the subsets that hold it goes on. A backward pass of the same form
gives every posterior. Nothing is ever subtracted, so nothing cancels, however many findings are positive.

Three chains are walked side by side: one with every cause free (its end is P(evidence)), one in which
no serious cause has been present so far, and one with no cause at all. P(a serious cause is present)
is then a sum over the first serious cause present, again of positive terms.

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
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.plan import Stage
from twitchbayes.weights import Closed, PatternWeights

__all__ = ["walk"]

Floats = NDArray[np.float64]

DENSE_SLOTS = 4  # up to here the move of a present cause is one small matrix; above, a butterfly a finding
SCALE_EVERY = 32  # causes between two rescalings, long before anything can underflow
# The chains: every cause free; no serious cause so far; no cause at all.
FREE, NOT_SERIOUS, NO_CAUSE = 0, 1, 2


@dataclass(slots=True)
class _Trace:
    """What the backward pass needs of a stage.

    `moved` (walked causes, 2 chains, rows, cells, subsets) is where the weight went with each cause
    present; `absent` and `present` (walked causes, rows, cells, 1) are the weights of their states.
    """

    causes: NDArray[np.int64]
    absent: Floats
    present: Floats
    closed: Closed
    move: _Move
    entered: Floats
    before_closed: Floats
    after_closed: Floats
    moved: Floats
    scales: dict[int, Floats]


def walk(weights: PatternWeights) -> tuple[Floats, Floats, Floats, Floats]:
    """Return posteriors (rows, causes), P(none), P(serious) and ln P(evidence) (rows,)."""
    n = weights.n
    state = np.ones((3, n, 1, 1))
    log_scale = weights.log_constant + np.zeros(n)
    traces = []
    for stage in weights.plan.stages:
        state, trace, log_stage = _forward(weights, stage, state)
        log_scale = log_scale + log_stage
        traces.append(trace)
    end = state[:, :, 0, 0]
    log_evidence = np.log(end[FREE]) + log_scale
    possible = log_evidence > -np.inf
    per_total = np.where(possible, 1 / np.where(possible, end[FREE], 1.0), 0.0)
    causes, serious = np.zeros((n, weights.tables.n_causes)), np.zeros(n)
    gradient = per_total[:, None, None]
    for stage, trace in zip(reversed(weights.plan.stages), reversed(traces), strict=True):
        gradient = _backward(weights, stage, trace, gradient, causes, serious)
    return causes, end[NO_CAUSE] * per_total, serious, log_evidence


def _forward(weights: PatternWeights, stage: Stage, state: Floats) -> tuple[Floats, _Trace, Floats]:
    """Take the state (3, rows, cells, subsets) through a stage; returns it, the trace and the log scale."""
    serious = weights.tables.serious
    walked, closed_weights, log_scale = weights.causes(stage)
    closed = Closed.of(closed_weights, serious)
    state, entered = _enter(weights, stage, state)
    trace = _Trace(
        causes=walked.causes,
        absent=np.moveaxis(walked.absent, -1, 0)[..., None],
        present=np.moveaxis(walked.present, -1, 0)[..., None],
        closed=closed,
        move=_Move.of(stage, weights),
        entered=entered,
        before_closed=state[NOT_SERIOUS],
        after_closed=state[FREE],
        moved=np.empty((len(walked.causes), 2, *state.shape[1:])),
        scales={},
    )
    if closed.causes.size:
        state = state * closed.factors()[..., None]
        trace.after_closed = state[FREE]
    for i, cause in enumerate(trace.causes):
        moved = np.multiply(trace.present[i], trace.move.forward(state[:NO_CAUSE], i), out=trace.moved[i])
        state = trace.absent[i] * state
        # A serious cause that is present leaves the chain in which none has been so far.
        reached = state[:NOT_SERIOUS] if serious[cause] else state[:NO_CAUSE]
        reached += moved[: len(reached)]
        if i % SCALE_EVERY == SCALE_EVERY - 1:
            state, log_scale = _rescale(state, trace, i, log_scale)
    state, log_scale = _rescale(_leave(stage, state), trace, len(trace.causes), log_scale)
    return state, trace, log_scale


def _backward(
    weights: PatternWeights, stage: Stage, trace: _Trace, gradient: Floats, causes: Floats, serious: Floats
) -> Floats:
    """Take the gradient of P(evidence) (rows, cells, subsets) back through a stage.

    `causes` and `serious` receive what the stage adds to the posteriors.
    """
    gradient = _unleave(stage, gradient / trace.scales[len(trace.causes)])
    gradients = np.empty((len(trace.causes), *gradient.shape))
    for i in range(len(trace.causes) - 1, -1, -1):
        if i in trace.scales:
            gradient = gradient / trace.scales[i]
        gradients[i] = gradient
        gradient = trace.absent[i] * gradient + trace.move.backward(trace.present[i] * gradient, i)
    is_serious = weights.tables.serious[trace.causes]
    causes[:, trace.causes] = (trace.moved[:, FREE] * gradients).sum(axis=(2, 3)).T
    serious += (trace.moved[is_serious, NOT_SERIOUS] * gradients[is_serious]).sum(axis=(0, 2, 3))
    closed = trace.closed
    if closed.causes.size:
        share = (trace.after_closed * gradient).sum(axis=-1)
        causes[:, closed.causes] = (share[:, :, None] * closed.posterior).sum(axis=1)
        gradient = gradient * closed.either.prod(axis=-1)[..., None]
        serious += ((trace.before_closed * gradient).sum(axis=-1) * closed.some_serious()).sum(axis=-1)
    wide = gradient.reshape(len(gradient), *trace.entered.shape[1:3], -1, trace.entered.shape[-1])
    before: Floats = (wide * trace.entered).sum(axis=(2, 4))
    return before


def _enter(weights: PatternWeights, stage: Stage, state: Floats) -> tuple[Floats, Floats]:
    """Widen the state by what enters: P(new contexts) for each cell, and the leaks of the new slots.

    Returns the state and the factors, (rows, old cells, new cells, 1, new subsets).
    """
    subsets = np.ones((1, 1))
    for i in stage.enter_slots:
        log_no_leak = weights.log_no_leak[:, i, None]
        leak = np.concatenate([np.exp(log_no_leak), -np.expm1(log_no_leak) / weights.scale[:, i, None]], axis=1)
        subsets = (subsets[:, :, None] * leak[:, None, :]).reshape(len(leak), -1)
    cells = weights.cells(stage)
    old_cells = state.shape[2]
    entered = cells.reshape(len(cells), old_cells, -1, 1, 1) * subsets[:, None, None, None, :]
    wide = state[:, :, :, None, :, None] * entered
    return wide.reshape(3, state.shape[1], len(stage.grid), 1 << len(stage.slots)), entered


@dataclass(frozen=True, slots=True)
class _Move:
    """How a present cause moves weight among the subsets of explained elements, and the transpose of it.

    With few slots `matrices` (sets, causes, from, to) holds each move as a matrix; with many, each
    linked slot is one butterfly with `link` and `no_link` (sets, causes, slots).
    """

    matrices: Floats | None
    link: Floats
    no_link: Floats

    @classmethod
    def of(cls, stage: Stage, weights: PatternWeights) -> _Move:
        slots = list(stage.slots)
        log_no_link = weights.log_no_link[:, stage.walked][:, :, slots]
        link, no_link = -np.expm1(log_no_link) / weights.scale[:, None, slots], np.exp(log_no_link)
        # A matrix for each row would be far larger than what it moves.
        if len(stage.slots) > DENSE_SLOTS or weights.plan.pattern.pooled:
            return cls(None, link, no_link)
        step = np.empty((*link.shape, 2, 2))
        step[..., 0, 0], step[..., 0, 1], step[..., 1, 0], step[..., 1, 1] = no_link, link, 0.0, 1.0
        matrices = np.ones((*link.shape[:2], 1, 1))
        for slot in range(len(stage.slots)):
            size = 2 << slot
            wide = matrices[:, :, :, None, :, None] * step[:, :, slot, None, :, None, :]
            matrices = wide.reshape(*link.shape[:2], size, size)
        return cls(matrices, link, no_link)

    def forward(self, state: Floats, i: int) -> Floats:
        """Return where weight (chains, rows, cells, subsets) goes if cause i is present."""
        if self.matrices is not None:
            return state @ (self.matrices[0, i] if len(self.matrices) == 1 else self.matrices[:, i])
        out = state.copy()
        for absent, present, link, no_link in self._butterflies(out, i):
            np.add(present, link * absent, out=present)
            np.multiply(absent, no_link, out=absent)
        return out

    def backward(self, gradient: Floats, i: int) -> Floats:
        """Return the transposed move of a gradient (rows, cells, subsets)."""
        if self.matrices is not None:
            matrices = self.matrices[:, i] if len(self.matrices) > 1 else self.matrices[0, i]
            return gradient @ np.swapaxes(matrices, -1, -2)
        out = gradient.copy()
        for absent, present, link, no_link in self._butterflies(out, i):
            np.add(no_link * absent, link * present, out=absent)
        return out

    def _butterflies(self, out: Floats, i: int) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
        """Yield views of the subsets without and with each linked slot, and its probabilities."""
        n_slots = self.link.shape[-1]
        for slot in range(n_slots):
            if not self.link[:, i, slot].any():
                continue
            halves = out.reshape(*out.shape[:-1], 1 << slot, 2, -1)
            cell = (slice(None), i, slot, None, None, None)
            yield halves[..., 0, :], halves[..., 1, :], self.link[cell], self.no_link[cell]


def _leave(stage: Stage, state: Floats) -> Floats:
    """Sum out the contexts that leave; of the slots that leave, keep the subsets that hold them."""
    if stage.leave_axes:
        axes = tuple(2 + stage.axes.index(c) for c in stage.leave_axes)
        state = state.reshape(*state.shape[:2], *stage.cards, -1).sum(axis=axes)
    if stage.leave_slots:
        state = state.reshape(*state.shape[:2], -1, *(2,) * len(stage.slots))[_explained(stage, 3)]
    left_slots = len(stage.slots) - len(stage.leave_slots)
    return state.reshape(*state.shape[:2], -1, 1 << left_slots)


def _unleave(stage: Stage, gradient: Floats) -> Floats:
    """Return the gradient (rows, cells, subsets) before `_leave`."""
    n = len(gradient)
    if stage.leave_slots:
        wide = np.zeros((n, gradient.shape[1], *(2,) * len(stage.slots)))
        kept = [2] * (len(stage.slots) - len(stage.leave_slots))
        wide[_explained(stage, 2)] = gradient.reshape(n, gradient.shape[1], *kept)
        gradient = wide
    if stage.leave_axes:
        kept_cards = [1 if c in stage.leave_axes else card for c, card in zip(stage.axes, stage.cards, strict=True)]
        gradient = np.broadcast_to(gradient.reshape(n, *kept_cards, -1), (n, *stage.cards, 1 << len(stage.slots)))
    return gradient.reshape(n, len(stage.grid), 1 << len(stage.slots))


def _explained(stage: Stage, leading: int) -> tuple[Any, ...]:
    return (*(slice(None),) * leading, *(1 if i in stage.leave_slots else slice(None) for i in stage.slots))


def _rescale(state: Floats, trace: _Trace, step: int, log_scale: Floats) -> tuple[Floats, Floats]:
    peak = state[FREE].max(axis=(1, 2))
    peak = np.where(peak > 0, peak, 1.0)
    trace.scales[step] = peak[:, None, None]
    return state / trace.scales[step], log_scale + np.log(peak)
