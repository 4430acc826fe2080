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
from twitchbayes.weights import Closed, PatternWeights

__all__ = ["walk"]

Floats = NDArray[np.float64]

# The move of a present cause is one small matrix with few slots, or with some and few columns; else a butterfly a finding.
DENSE_SLOTS = 4
DENSE_SLOTS_OF_FEW, FEW_COLUMNS = 7, 32
SCALE_EVERY = 32  # causes between two rescalings, long before anything can underflow


@dataclass(slots=True)
class _Chains:
    """The states (subsets, rows, cells) of the chains; `calm` is None as long as it is the free one."""

    free: Floats
    calm: Floats | None
    blank: Floats

    def each(self, take: Any) -> _Chains:
        """Return what a function makes of every chain."""
        return _Chains(take(self.free), None if self.calm is None else take(self.calm), take(self.blank))


@dataclass(slots=True)
class _Trace:
    """What the backward pass needs of a stage.

    `absent` and `present` (walked causes, rows, cells) are the weights of their states; `before` and
    `before_calm` the states of the free and the calm chain before each walked cause, the latter of
    serious ones only.
    """

    causes: NDArray[np.int64]
    absent: Floats
    present: Floats
    closed: Closed
    move: _Move
    entered: Floats
    before_closed: _Chains
    before: list[Floats] = field(default_factory=list)
    before_calm: list[Floats | None] = field(default_factory=list)
    scales: dict[int, Floats] = field(default_factory=dict)


def walk(weights: PatternWeights) -> tuple[Floats, Floats, Floats, Floats]:
    """Return posteriors (rows, causes), P(none), P(serious) and ln P(evidence) (rows,)."""
    n = weights.n
    chains = _Chains(np.ones((1, n, 1)), None, np.ones((1, n, 1)))
    log_scale = weights.log_constant + np.zeros(n)
    traces = []
    for stage in weights.plan.stages:
        chains, trace, log_stage = _forward(weights, stage, chains)
        log_scale = log_scale + log_stage
        traces.append(trace)
    end = chains.free[0, :, 0]
    log_evidence = np.log(end) + log_scale
    possible = log_evidence > -np.inf
    per_total = np.where(possible, 1 / np.where(possible, end, 1.0), 0.0)
    causes, serious = np.zeros((n, weights.tables.n_causes)), np.zeros(n)
    gradient = per_total[None, :, None]
    for stage, trace in zip(reversed(weights.plan.stages), reversed(traces), strict=True):
        gradient = _backward(stage, trace, gradient, causes, serious)
    return causes, chains.blank[0, :, 0] * per_total, serious, log_evidence


def _forward(weights: PatternWeights, stage: Stage, chains: _Chains) -> tuple[_Chains, _Trace, Floats]:
    """Take the chains through a stage; returns them, the trace and the log scale."""
    serious = weights.tables.serious
    walked, closed_weights, log_scale = weights.causes(stage)
    closed = Closed.of(closed_weights, serious)
    entered = _entered(weights, stage, cells=chains.free.shape[-1])
    chains = chains.each(lambda state: _enter(state, entered))
    trace = _Trace(
        causes=walked.causes,
        absent=np.moveaxis(walked.absent, -1, 0),
        present=np.moveaxis(walked.present, -1, 0),
        closed=closed,
        move=_Move.of(stage, weights),
        entered=entered,
        before_closed=chains,
    )
    if closed.causes.size:
        free, calm, blank = closed.factors()
        if chains.calm is None and closed.serious.any():
            chains.calm = chains.free
        chains = _Chains(chains.free * free, None if chains.calm is None else chains.calm * calm, chains.blank * blank)
    for i, cause in enumerate(trace.causes):
        _pass_cause(trace, chains, i, is_serious=bool(serious[cause]))
        if i % SCALE_EVERY == SCALE_EVERY - 1:
            chains, log_scale = _rescale(chains, trace, i, log_scale)
    chains, log_scale = _rescale(chains.each(lambda state: _leave(stage, state)), trace, len(trace.causes), log_scale)
    return chains, trace, log_scale


def _pass_cause(trace: _Trace, chains: _Chains, i: int, *, is_serious: bool) -> None:
    """Take the chains past the i-th walked cause."""
    absent, present = trace.absent[i], trace.present[i]
    if is_serious and chains.calm is None:
        chains.calm = chains.free
    trace.before.append(chains.free)
    trace.before_calm.append(chains.calm if is_serious else None)
    moved = trace.move.forward(chains.free, i)
    moved *= present
    if chains.calm is not None:
        calm = chains.calm * absent
        if not is_serious:
            calm += trace.move.forward(chains.calm, i) * present
        chains.calm = calm
    chains.free = chains.free * absent
    chains.free += moved
    chains.blank = chains.blank * absent


def _backward(stage: Stage, trace: _Trace, gradient: Floats, causes: Floats, serious: Floats) -> Floats:
    """Take the gradient of P(evidence) (subsets, rows, cells) back through a stage.

    `causes` and `serious` receive what the stage adds to the posteriors.
    """
    gradient = _unleave(stage, gradient / trace.scales[len(trace.causes)])
    for i in range(len(trace.causes) - 1, -1, -1):
        if i in trace.scales:
            gradient = gradient / trace.scales[i]
        moved = trace.move.backward(gradient, i)
        moved *= trace.present[i]
        causes[:, trace.causes[i]] = np.einsum("src,src->r", trace.before[i], moved)
        calm = trace.before_calm[i]
        if calm is not None:
            serious += np.einsum("src,src->r", calm, moved)
        gradient = gradient * trace.absent[i]
        gradient += moved
    closed = trace.closed
    if closed.causes.size:
        before = trace.before_closed
        calm = before.free if before.calm is None else before.calm
        gradient = gradient * closed.either.prod(axis=-1)
        causes[:, closed.causes] = ((before.free * gradient).sum(axis=0)[:, :, None] * closed.posterior).sum(axis=1)
        serious += ((calm * gradient).sum(axis=0) * closed.some_serious()).sum(axis=-1)
    new_subsets, _, old_cells, new_cells = trace.entered.shape
    wide = gradient.reshape(-1, new_subsets, gradient.shape[1], old_cells, new_cells)
    before_entry: Floats = (wide * trace.entered).sum(axis=(1, 4))
    return before_entry


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


def _rescale(chains: _Chains, trace: _Trace, step: int, log_scale: Floats) -> tuple[_Chains, Floats]:
    peak = chains.free.max(axis=(0, 2))
    peak = np.where(peak > 0, peak, 1.0)
    scale = trace.scales[step] = peak[:, None]
    return chains.each(lambda state: state / scale), log_scale + np.log(peak)
