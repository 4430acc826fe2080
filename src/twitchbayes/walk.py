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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.network import Network, Parameters
from twitchbayes.plan import Plan, Stage

__all__ = ["Logs", "Tables", "walk"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]

DENSE_SLOTS = 4  # up to here the move of a present cause is one small matrix; above, a butterfly a finding
SCALE_EVERY = 32  # causes between two rescalings, long before anything can underflow
# The chains: every cause free; no serious cause so far; no cause at all.
FREE, NOT_SERIOUS, NO_CAUSE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Logs:
    """Parameters as the walk reads them: tables laid flat, and logarithms of whatever multiplies.

    Every array has the parameter set on its first axis. `survival` holds ln(1 - b) of the causes;
    `activation`, `leaks` and `links` hold ln(1 - w), ln(1 - leak) and ln(1 - q).
    """

    contexts: Floats
    survival: Floats
    activation: Floats
    leaks: Floats
    links: Floats

    @classmethod
    def of(cls, parameters: Parameters) -> Logs:
        """Take the logarithms, once for each parameter set."""

        def flat(arrays: Sequence[Floats]) -> Floats:
            sets = parameters.n_sets
            return np.concatenate([a.reshape(sets, -1) for a in arrays] or [np.zeros((sets, 0))], axis=1)

        with np.errstate(divide="ignore"):  # ln 0 = -inf is right: a certain link leaves no survivor
            return cls(
                contexts=flat(parameters.context_tables),
                survival=np.log1p(-flat(parameters.cause_leaks)),
                activation=parameters.log_no_activation,
                leaks=np.log1p(-parameters.finding_leaks),
                links=parameters.log_no_links,
            )

    @property
    def n_sets(self) -> int:
        """Number of parameter sets."""
        return int(self.links.shape[0])

    def take(self, sets: Any) -> Logs:
        """Return some of the parameter sets."""
        return Logs(*(getattr(self, name)[sets] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where an entry of each table stands when the tables lie flat: offset + strides @ context states."""

    offsets: Ints
    strides: Ints

    @classmethod
    def of(cls, arrays: Sequence[Floats], axes: Sequence[Sequence[int]], n_contexts: int) -> Lookup:
        """Describe tables with the parameter set on axis 0 and then the contexts named in `axes`."""
        shapes = [array.shape[1:] for array in arrays]
        sizes = [int(np.prod(shape, dtype=np.int64)) for shape in shapes]
        strides = np.zeros((len(shapes), n_contexts), dtype=np.int64)
        for row, (shape, contexts) in enumerate(zip(shapes, axes, strict=True)):
            for axis, context in enumerate(contexts):
                strides[row, context] = int(np.prod(shape[axis + 1 :], dtype=np.int64))
        return cls(np.cumsum([0, *sizes[:-1]], dtype=np.int64), strides)

    def entries(self, flat: Floats, states: Ints, tables: Ints) -> Floats:
        """Return the entries of `tables` at `states` (rows, cells, contexts): (rows, cells, tables)."""
        index = self.offsets[tables] + states @ self.strides[tables].T
        if len(flat) == 1:
            return flat[0][index]
        if len(index) == 1:
            return flat[:, index[0]]
        return flat[np.arange(len(flat))[:, None, None], index]


@dataclass(frozen=True, slots=True)
class Tables:
    """The structure that every walk of a network shares."""

    n_contexts: int
    n_causes: int
    context_at: Lookup
    cause_at: Lookup
    serious: NDArray[np.bool_]

    @classmethod
    def of(cls, network: Network) -> Tables:
        """Describe the tables of a network."""
        parameters, n_contexts = network.parameters, len(network.contexts)
        own = [(*parents, context) for context, parents in enumerate(network.context_parents)]
        return cls(
            n_contexts=n_contexts,
            n_causes=len(network.causes),
            context_at=Lookup.of(parameters.context_tables, own, n_contexts),
            cause_at=Lookup.of(parameters.cause_leaks, network.cause_strata, n_contexts),
            serious=network.serious,
        )


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the evidence of each row multiplies, whatever the stage.

    `states` (rows, contexts) are context states, 0 where unknown; `log_negative` (rows, causes) is
    ln P(absent findings | cause present alone) without their leaks; `log_absent`, `log_present`
    (rows, causes) rule out what a known cause is not; `log_constant` (rows,) is common to all.
    """

    states: Ints
    log_negative: Floats
    log_absent: Floats
    log_present: Floats
    log_constant: Floats


@dataclass(frozen=True, slots=True)
class _Elements:
    """How each element gets explained: ln(1 - leak) (sets, elements) and ln(1 - q) (sets, causes, elements)."""

    log_no_leak: Floats
    log_no_link: Floats


@dataclass(frozen=True, slots=True)
class _Weights:
    """Weights of a cause's two states in each cell: (rows, cells, causes), scaled to sum to 1 at most."""

    absent: Floats
    present: Floats


@dataclass(slots=True)
class _Trace:
    """What the backward pass needs of a stage."""

    weights: _Weights
    entered: Floats
    before_closed: Floats
    after_closed: Floats
    moved: list[Floats]
    scales: dict[int, Floats]


def walk(tables: Tables, plan: Plan, codes: Codes, logs: Logs) -> tuple[Floats, Floats, Floats, Floats]:
    """Return posteriors (rows, causes), P(none), P(serious) and ln P(evidence) (rows,)."""
    with np.errstate(divide="ignore"):
        rows = _rows(tables, plan, codes, logs)
        elements = _elements(plan, logs)
        n = max(len(codes), logs.n_sets)
        state = np.ones((3, n, 1, 1))
        log_scale = rows.log_constant + np.zeros(n)
        traces = []
        for stage in plan.stages:
            state, trace, log_stage = _forward(tables, plan, stage, rows, elements, logs, state)
            log_scale = log_scale + log_stage
            traces.append(trace)
        end = state[:, :, 0, 0]
        log_evidence = np.log(end[FREE]) + log_scale
    possible = np.isfinite(log_evidence)
    per_total = np.where(possible, 1 / np.where(possible, end[FREE], 1.0), 0.0)
    causes, serious = np.zeros((n, tables.n_causes)), np.zeros(n)
    gradient = per_total[:, None, None]
    for stage, trace in zip(reversed(plan.stages), reversed(traces), strict=True):
        gradient = _backward(tables, stage, elements, trace, gradient, causes, serious)
    # A probability of 1 may come out one rounding above it.
    none = end[NO_CAUSE] * per_total
    return np.minimum(causes, 1.0), np.minimum(none, 1.0), np.minimum(serious, 1.0), log_evidence


def _rows(tables: Tables, plan: Plan, codes: Codes, logs: Logs) -> _Rows:
    n_contexts, n_causes, n_findings = tables.n_contexts, tables.n_causes, logs.leaks.shape[1]
    states = np.maximum(codes[:, :n_contexts], 0).astype(np.int64)
    known = codes[:, n_contexts : n_contexts + n_causes]
    negative = codes[:, n_contexts + n_causes : n_contexts + n_causes + n_findings] == 0
    log_constant = _total(negative[:, None, :], logs.leaks[:, None, :])[:, 0, 0]
    if plan.constants.size:
        own = tables.context_at.entries(logs.contexts, states[:, None, :], plan.constants)
        log_constant = log_constant + np.log(own[:, 0, :]).sum(axis=-1)
    for i in plan.unexplained:
        leak = -np.expm1(logs.leaks[:, list(plan.pattern.elements[i])].sum(axis=-1))
        log_constant = log_constant + np.log(leak)
    return _Rows(
        states=states,
        log_negative=_total(negative[:, None, :], logs.links)[:, 0, :],
        log_absent=np.where(known == 1, -np.inf, 0.0),
        log_present=np.where(known == 0, -np.inf, 0.0),
        log_constant=log_constant,
    )


def _total(chosen: NDArray[np.bool_], logs: Floats) -> Floats:
    """Sum logs (sets, outputs, items) over the items chosen in (rows, cells, items): (rows, cells, outputs)."""
    if chosen.shape[:2] == (1, 1):
        return logs[:, None, :, chosen[0, 0]].sum(axis=-1)
    impossible = np.isneginf(logs)
    certain = impossible.any()
    total = _product(chosen, np.where(impossible, 0.0, logs) if certain else logs)
    return np.where(_product(chosen, impossible) > 0, -np.inf, total) if certain else total


def _product(chosen: NDArray[np.bool_], items: NDArray[Any]) -> Floats:
    weights = chosen.astype(np.float64)
    if len(items) > 1:
        return weights @ items.astype(np.float64).transpose(0, 2, 1)
    # One plain matrix product is far faster than one small product a row.
    flat = weights.reshape(chosen.shape[0] * chosen.shape[1], chosen.shape[2]) @ items[0].astype(np.float64).T
    return flat.reshape(*chosen.shape[:2], len(items[0]))


def _elements(plan: Plan, logs: Logs) -> _Elements:
    groups = plan.pattern.elements
    sets, n_causes, _ = logs.links.shape
    log_no_leak = np.zeros((sets, len(groups)))
    log_no_link = np.zeros((sets, n_causes, len(groups)))
    for i, members in enumerate(groups):
        log_no_leak[:, i] = logs.leaks[:, list(members)].sum(axis=-1)
        log_no_link[:, :, i] = logs.links[:, :, list(members)].sum(axis=-1)
    return _Elements(log_no_leak, log_no_link)


def _weights(
    tables: Tables, plan: Plan, stage: Stage, rows: _Rows, logs: Logs, states: Ints
) -> tuple[_Weights, Floats]:
    """Return the weights of the stage's causes, walked and then closed, and the log of what was scaled out."""
    causes = np.concatenate([stage.walked, stage.closed])
    log_absent = tables.cause_at.entries(logs.survival, states, causes)
    log_absent = log_absent + _total(states == 1, logs.activation[:, causes])
    place = {int(k): i for i, k in enumerate(causes)}
    for cause, context in plan.absorbed:
        if cause in place:
            shifted = states.copy()
            shifted[..., context] = 1
            chance = tables.context_at.entries(logs.contexts, shifted, np.array([context]))[..., 0]
            link = -np.expm1(logs.activation[:, cause, context])[:, None]
            log_absent[..., place[cause]] = log_absent[..., place[cause]] + np.log1p(-link * chance)
    log_present = np.log(-np.expm1(log_absent)) + (rows.log_negative + rows.log_present)[:, None, causes]
    log_absent = log_absent + rows.log_absent[:, None, causes]
    peak = np.logaddexp(log_absent, log_present).max(axis=1, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    weights = _Weights(np.exp(log_absent - peak), np.exp(log_present - peak))
    return weights, peak[:, 0, :].sum(axis=-1)


def _forward(
    tables: Tables,
    plan: Plan,
    stage: Stage,
    rows: _Rows,
    elements: _Elements,
    logs: Logs,
    state: Floats,
) -> tuple[Floats, _Trace, Floats]:
    """Take the state (3, rows, cells, subsets) through a stage; returns it, the trace and the log scale."""
    states = rows.states[:, None, :] + stage.grid
    weights, log_scale = _weights(tables, plan, stage, rows, logs, states)
    entered = _entering(tables, stage, elements, logs, states)
    old_cells, old_subsets = state.shape[2:]
    shape = (3, state.shape[1], len(stage.grid), 1 << len(stage.slots))
    new = entered.reshape(len(entered), old_cells, len(stage.grid) // old_cells, 1, -1)
    state = (state[:, :, :, None, :, None] * new).reshape(shape)
    trace = _Trace(weights, entered, state[NOT_SERIOUS], state[FREE], [], {})
    if stage.closed.size:
        state = state * _closed_factor(tables, stage, weights)
        trace.after_closed = state[FREE]
    move = _Move.of(stage, elements)
    for i, cause in enumerate(stage.walked):
        absent, present = weights.absent[:, :, i, None], weights.present[:, :, i, None]
        moved = present * move.forward(state[:NO_CAUSE], i)
        state = absent * state
        state[FREE] += moved[FREE]
        if not tables.serious[cause]:
            state[NOT_SERIOUS] += moved[NOT_SERIOUS]
        trace.moved.append(moved)
        if i % SCALE_EVERY == SCALE_EVERY - 1:
            state, log_scale = _rescale(state, trace, i, log_scale)
    state = _leave(stage, state)
    state, log_scale = _rescale(state, trace, len(stage.walked), log_scale)
    return state, trace, log_scale


def _backward(
    tables: Tables,
    stage: Stage,
    elements: _Elements,
    trace: _Trace,
    gradient: Floats,
    causes: Floats,
    serious: Floats,
) -> Floats:
    """Take the gradient of P(evidence) (rows, cells, subsets) back through a stage.

    `causes` and `serious` receive what the stage adds to the posteriors.
    """
    weights = trace.weights
    move = _Move.of(stage, elements)
    gradient = _unleave(stage, gradient / trace.scales[len(stage.walked)])
    for i in range(len(stage.walked) - 1, -1, -1):
        cause = stage.walked[i]
        if i in trace.scales:
            gradient = gradient / trace.scales[i]
        moved = trace.moved[i]
        causes[:, cause] = (gradient * moved[FREE]).sum(axis=(1, 2))
        if tables.serious[cause]:
            serious += (gradient * moved[NOT_SERIOUS]).sum(axis=(1, 2))
        present = weights.present[:, :, i, None] * gradient
        gradient = weights.absent[:, :, i, None] * gradient + move.backward(present, i)
    if stage.closed.size:
        posterior, first_serious = _closed_shares(tables, stage, weights)
        share = (trace.after_closed * gradient).sum(axis=-1)
        causes[:, stage.closed] = (share[:, :, None] * posterior).sum(axis=1)
        serious += ((trace.before_closed * gradient).sum(axis=-1) * first_serious).sum(axis=-1)
        gradient = gradient * _closed_factor(tables, stage, weights)[FREE]
    old_cells = len(stage.grid) // int(np.prod(stage.cards[len(stage.axes) - len(stage.enter_axes) :], dtype=int))
    new = trace.entered.reshape(len(trace.entered), old_cells, len(stage.grid) // old_cells, 1, -1)
    wide = gradient.reshape(*gradient.shape[:1], *new.shape[1:3], -1, new.shape[-1])
    return (wide * new).sum(axis=(2, 4))


def _entering(tables: Tables, stage: Stage, elements: _Elements, logs: Logs, states: Ints) -> Floats:
    """Return the weight of each new cell and subset: P(new contexts) times the leaks of the new slots."""
    entered = np.ones((1, len(stage.grid)))
    if stage.factors.size:
        entered = tables.context_at.entries(logs.contexts, states, stage.factors).prod(axis=-1)
    subsets = np.ones((1, 1))
    for i in stage.enter_slots:
        log_no_leak = elements.log_no_leak[:, i, None]
        leak = np.concatenate([np.exp(log_no_leak), -np.expm1(log_no_leak)], axis=1)
        subsets = (subsets[:, :, None] * leak[:, None, :]).reshape(len(leak), -1)
    return entered[:, :, None] * subsets[:, None, :]


def _closed_factor(tables: Tables, stage: Stage, weights: _Weights) -> Floats:
    """Return what the closed causes together multiply each chain by: (3, rows, cells, 1)."""
    first = len(stage.walked)
    absent, present = weights.absent[:, :, first:], weights.present[:, :, first:]
    either = absent + present
    not_serious = np.where(tables.serious[stage.closed], absent, either)
    return np.stack([either.prod(axis=-1), not_serious.prod(axis=-1), absent.prod(axis=-1)])[..., None]


def _closed_shares(tables: Tables, stage: Stage, weights: _Weights) -> tuple[Floats, Floats]:
    """Return each closed cause's posterior in each cell, and the weight of some serious one being present."""
    first = len(stage.walked)
    absent, present = weights.absent[:, :, first:], weights.present[:, :, first:]
    either = absent + present
    posterior = present / np.where(either > 0, either, 1.0)
    with np.errstate(divide="ignore"):
        log_no_serious = np.log1p(-posterior[:, :, tables.serious[stage.closed]]).sum(axis=-1)
    return posterior, either.prod(axis=-1) * -np.expm1(log_no_serious)


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
    def of(cls, stage: Stage, elements: _Elements) -> _Move:
        log_no_link = elements.log_no_link[:, stage.walked][:, :, list(stage.slots)]
        link, no_link = -np.expm1(log_no_link), np.exp(log_no_link)
        if len(stage.slots) > DENSE_SLOTS:
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
            present += link * absent
            absent *= no_link
        return out

    def backward(self, gradient: Floats, i: int) -> Floats:
        """Return the transposed move of a gradient (rows, cells, subsets)."""
        if self.matrices is not None:
            matrices = self.matrices[:, i] if len(self.matrices) > 1 else self.matrices[0, i]
            return gradient @ np.swapaxes(matrices, -1, -2)
        out = gradient.copy()
        for absent, present, link, no_link in self._butterflies(out, i):
            absent *= no_link
            absent += link * present
        return out

    def _butterflies(self, out: Floats, i: int) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
        """Yield views of the subsets without and with each linked slot, and its probabilities."""
        n_slots = self.link.shape[-1]
        for slot in range(n_slots):
            if not self.link[:, i, slot].any():
                continue
            halves = out.reshape(*out.shape[:-1], 1 << slot, 2, -1)
            link, no_link = self.link[:, i, slot, None, None, None], self.no_link[:, i, slot, None, None, None]
            yield halves[..., 0, :], halves[..., 1, :], link, no_link


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
