"""The order of the engine's walk: which causes, contexts and findings are live at each stage.

The walk over the causes carries a state: the joint value of the live contexts and the subset of the
live positive findings that some cause has explained so far. A context is live from the first to the
last cause that needs it, a positive finding from its first to its last parent. A plan depends on the
pattern of the evidence (which contexts are known, which findings are positive), not on its values,
so that all rows of a pattern share it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import EngineLimitError

if TYPE_CHECKING:
    from twitchbayes.network import Network

__all__ = ["Pattern", "Plan", "Stage", "make_plan", "private_contexts"]

# Up to this many cells a state costs no more to carry whole than to grow and shrink on the way.
FLAT_CELLS = 1 << 9
# Up to this many cells of the context grid the joint states of the causes may be enumerated instead.
FLAT_GRID = 1 << 12
# Up to this many slots a move is one product, in any case.
FEW_SLOTS = 4


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a plan depends on.

    `known` are the observed contexts, private ones (see `private_contexts`) left out; `positive` the
    positive findings; `unions` the groups of unobserved findings of which at least one must be present
    (the OR of noisy-ORs is a noisy-OR). `pooled` is a number of elements that are others in each row, so
    that any cause may explain any of them; there are no `positive` and no `unions` then.
    """

    known: tuple[int, ...]
    positive: tuple[int, ...]
    unions: tuple[tuple[int, ...], ...]
    pooled: int = 0

    @property
    def elements(self) -> tuple[tuple[int, ...], ...]:
        """What has to be explained: each a tuple of findings, any of which explains it."""
        return (*((j,) for j in self.positive), *self.unions)

    @property
    def n_elements(self) -> int:
        """Number of elements."""
        return self.pooled or len(self.positive) + len(self.unions)


@dataclass(frozen=True, slots=True)
class Stage:
    """A run of causes that share one state.

    `axes` are the live contexts and `slots` the live elements, in the order of the state's axes;
    `grid` (n_cells, n_contexts) holds the states of the live contexts in each cell, 0 elsewhere.
    Contexts in `enter_axes` are new, those in `leave_axes` are summed out at the end, and so for slots.
    `walked` causes can explain a live element; `closed` ones cannot, which has a closed form; `causes`
    are both, in that order. `factors` are the contexts whose own probability is multiplied in here.
    `absorbed` (2, n) are places in `causes` and contexts: a context that one cause alone depends on is
    averaged into that cause's probability where it is unobserved.
    """

    axes: tuple[int, ...]
    cards: tuple[int, ...]
    grid: NDArray[np.int64]
    enter_axes: tuple[int, ...]
    leave_axes: tuple[int, ...]
    slots: tuple[int, ...]
    enter_slots: tuple[int, ...]
    leave_slots: tuple[int, ...]
    causes: NDArray[np.int64]
    walked: NDArray[np.int64]
    factors: NDArray[np.int64]
    absorbed: NDArray[np.int64]

    @property
    def cells(self) -> int:
        """Size of the state: cells of the context grid times subsets of the live elements."""
        return math.prod(self.cards) << len(self.slots)


@dataclass(frozen=True, slots=True)
class Plan:
    """The stages of a walk and what happens outside of them.

    `flat` is one stage that holds everything, for enumerating the joint states of its causes; None
    where there are too many. `stages` is empty where only the enumeration stays within the bound.
    `constants` are the contexts, private ones included, whose parents are all observed. `unexplained`
    are elements without any parent: only their leak can explain them.
    """

    pattern: Pattern
    stages: tuple[Stage, ...]
    flat: Stage | None
    constants: NDArray[np.int64]
    unexplained: NDArray[np.int64]

    def enumerates(self, rows: int, sets: int = 1) -> bool:
        """Whether enumerating the causes takes less time than the walk, for so many rows and parameter sets."""
        enumeration, walk = self.nanoseconds(rows, sets)
        return enumeration < walk

    def nanoseconds(self, rows: int, sets: int = 1) -> tuple[float, float]:
        """Return about how long enumerating the causes takes, and how long the walk; inf for what cannot be done.

        The constants are measured on one machine; for the choice between the two only their ratios matter.
        """
        enumeration = walk = math.inf
        if self.flat is not None:
            states, cells = 2.0 ** len(self.flat.walked), math.prod(self.flat.cards)
            enumeration = 2e5 + states * (7.5 * rows * cells + 2.5 * sets * self.pattern.n_elements)
        if self.stages:
            calls = [(len(s.walked), len(s.slots) * (len(s.slots) > FEW_SLOTS)) for s in self.stages]
            sums = sum(s.cells * len(s.walked) * max(2, len(s.slots)) for s in self.stages)
            walk = sum(1.5e5 + causes * (2e4 + 8e3 * slots) for causes, slots in calls) + 2.5 * rows * sums
        return enumeration, walk

    def row_cells(self, rows: int, sets: int = 1) -> int:
        """Numbers kept for one row while a batch of so many rows is answered."""
        if self.enumerates(rows, sets) and self.flat is not None:
            return _enumerated(math.prod(self.flat.cards), len(self.flat.walked), self.pattern.n_elements)
        return sum(_stored(stage.cells, len(stage.walked)) for stage in self.stages)


def private_contexts(network: Network) -> NDArray[np.bool_]:
    """Return the contexts that one cause alone depends on, by a link, and no context: (n_contexts,).

    Known or not, they need no place in the state: a plan is the same for both.
    """
    users = np.zeros(len(network.contexts), dtype=np.int64)
    for contexts in _active_contexts(network):
        users[list(contexts)] += 1
    for shared in (*network.cause_strata, *network.context_parents):
        users[list(shared)] = 0
    private: NDArray[np.bool_] = users == 1
    return private


@dataclass(frozen=True, slots=True)
class _Scopes:
    """Which carried contexts and elements each cause, and each context's own table, needs."""

    carried: tuple[int, ...]
    absorbed: tuple[tuple[int, int], ...]
    constants: tuple[int, ...]
    factors: tuple[tuple[int, frozenset[int]], ...]
    of_cause: tuple[frozenset[int], ...]
    elements_of_cause: tuple[frozenset[int], ...]


def make_plan(network: Network, pattern: Pattern, *, max_bytes: int, rows: int = 1) -> Plan:
    """Return the plan of a walk that answers every row of a pattern.

    With one row what counts is the number of calls, and a state may be carried whole where it is small;
    with many `rows` it is the number of cells.

    Raises
    ------
    EngineLimitError
        If one row would need more than `max_bytes` of memory. Nothing of that size was allocated.
    """
    scopes = _scopes(network, pattern)
    n_elements = pattern.n_elements
    linked = set().union(*scopes.elements_of_cause)
    everything = list(range(len(network.causes)))
    size = math.prod(_card(network, c) for c in scopes.carried) << len(linked)
    flat_cells = FLAT_CELLS // rows
    runs = _runs(network, scopes, everything if size <= flat_cells else _order(network, scopes), flat_cells)
    needed = 8 * sum(_stored(_cells(network, run), len(run.causes)) for run in runs)
    flat = _flat(network, scopes, pattern, max_bytes)
    if needed > max_bytes and flat is None:
        raise _too_large(needed, max_bytes, network, runs)
    return Plan(
        pattern=pattern,
        stages=tuple(_stages(network, scopes, runs)) if needed <= max_bytes else (),
        flat=flat,
        constants=np.array(scopes.constants, dtype=np.int64),
        unexplained=np.array([i for i in range(n_elements) if i not in linked], dtype=np.int64),
    )


def _flat(network: Network, scopes: _Scopes, pattern: Pattern, max_bytes: int) -> Stage | None:
    """Return the stage that holds every cause at once, if its joint states are few enough to enumerate."""
    causes = sum(1 for elements in scopes.elements_of_cause if elements)
    cells = math.prod(_card(network, c) for c in scopes.carried)
    if 8 * _enumerated(cells, causes, pattern.n_elements) > max_bytes or cells > FLAT_GRID or pattern.pooled:
        return None
    linked = frozenset().union(*scopes.elements_of_cause)
    run = _Run(list(range(len(network.causes))), frozenset(scopes.carried), linked, [c for c, _ in scopes.factors])
    return next(iter(_stages(network, scopes, [run])))


def _enumerated(cells: int, causes: int, elements: int) -> int:
    return (cells + elements + 1) << causes


def _stored(cells: int, causes: int) -> int:
    # For each cause two chains and a gradient are kept, and a few more while a stage begins and ends.
    return cells * (3 * causes + 8)


def _too_large(needed: int, max_bytes: int, network: Network, runs: Sequence[_Run]) -> EngineLimitError:
    peak = max(runs, key=lambda run: _cells(network, run))
    message = (
        f"an exact answer needs {needed / 2**30:.3g} GiB, above the bound of {max_bytes / 2**30:.3g} GiB: "
        f"{len(peak.slots)} positive findings and {len(peak.axes)} unknown contexts are open at once. "
        "Give more of the contexts or fewer of the positive findings, or raise `model.engine.max_bytes`."
    )
    return EngineLimitError(message)


def _card(network: Network, context: int) -> int:
    return len(network.states[network.contexts[context]])


def _scopes(network: Network, pattern: Pattern) -> _Scopes:
    known = set(pattern.known)
    private = set(np.flatnonzero(private_contexts(network)).tolist())
    active = _active_contexts(network)
    needed = _needed(network, known, active)
    has_needed_child = {p for c in needed | known for p in network.context_parents[c]}
    in_strata = set(itertools.chain.from_iterable(network.cause_strata))
    absorbed = []
    for context in sorted(private | (needed - has_needed_child - in_strata)):
        users = [k for k, contexts in enumerate(active) if context in contexts]
        if len(users) == 1:
            absorbed.append((users[0], context))
    carried = needed - {context for _, context in absorbed}
    of_cause = []
    for k, strata in enumerate(network.cause_strata):
        inside = [p for cause, c in absorbed if cause == k for p in network.context_parents[c]]
        of_cause.append(frozenset(carried & {*strata, *active[k], *inside}))
    factors, constants = [], []
    for context in sorted(carried | known | private):
        scope = frozenset(carried & {context, *network.context_parents[context]})
        if scope:
            factors.append((context, scope))
        else:
            constants.append(context)
    _, causes, findings = network.index.link_cells
    explainers = [set(causes[np.isin(findings, members)].tolist()) for members in pattern.elements]
    every = frozenset(range(pattern.pooled))
    return _Scopes(
        carried=tuple(sorted(carried)),
        absorbed=tuple(absorbed),
        constants=tuple(constants),
        factors=tuple(factors),
        of_cause=tuple(of_cause),
        elements_of_cause=tuple(
            every or frozenset(i for i, explainer in enumerate(explainers) if k in explainer)
            for k in range(len(network.causes))
        ),
    )


def _active_contexts(network: Network) -> list[set[int]]:
    contexts: list[set[int]] = [set() for _ in network.causes]
    _, causes, active = network.index.activation_cells
    for cause, context in zip(causes.tolist(), active.tolist(), strict=True):
        contexts[cause].add(context)
    return contexts


def _needed(network: Network, known: set[int], active: Sequence[set[int]]) -> set[int]:
    """Unobserved contexts that a cause or an observed context depends on; the others sum to one."""
    frontier = set(itertools.chain(*network.cause_strata, *active))
    frontier |= {p for c in known for p in network.context_parents[c]}
    needed: set[int] = set()
    while frontier:
        context = frontier.pop()
        if context not in needed and context not in known:
            needed.add(context)
            frontier |= set(network.context_parents[context])
    return needed


def _order(network: Network, scopes: _Scopes) -> list[int]:
    """Order the causes greedily so that the state stays small: next is the cause that grows it least."""
    n_causes = len(network.causes)
    axis = {context: i for i, context in enumerate(scopes.carried)}
    n_elements = 1 + max((i for e in scopes.elements_of_cause for i in e), default=-1)
    needs = np.zeros((n_causes, len(axis) + n_elements), dtype=bool)
    for k in range(n_causes):
        needs[k, [axis[c] for c in scopes.of_cause[k]]] = True
        needs[k, [len(axis) + i for i in scopes.elements_of_cause[k]]] = True
    bits = np.array([math.log2(_card(network, c)) for c in scopes.carried] + [1.0] * n_elements)
    remaining = needs.sum(axis=0)
    live = np.zeros(needs.shape[1], dtype=bool)
    todo = np.ones(n_causes, dtype=bool)
    order: list[int] = []
    for _ in range(n_causes):
        grows = (needs & ~live) @ bits
        shrinks = (needs & (remaining == 1)) @ bits
        score = np.where(todo, (grows - shrinks) + 1e-3 * grows, np.inf)
        k = int(score.argmin())
        order.append(k)
        todo[k] = False
        live |= needs[k]
        remaining = remaining - needs[k]
        live &= remaining > 0
    return order


@dataclass(frozen=True, slots=True)
class _Run:
    causes: list[int]
    axes: frozenset[int]
    slots: frozenset[int]
    factors: list[int]


def _runs(network: Network, scopes: _Scopes, order: Sequence[int], flat_cells: int) -> list[_Run]:
    """Cut the order into runs that share a state, and say where each context's own table goes."""
    spans = _spans(((step, scopes.of_cause[k]) for step, k in enumerate(order)), scopes, len(order))
    places = {c: max((spans[s][0] for s in scope), default=0) for c, scope in scopes.factors}
    slot_spans: dict[int, tuple[int, int]] = {}
    for step, k in enumerate(order):
        for i in scopes.elements_of_cause[k]:
            slot_spans[i] = (slot_spans.get(i, (step, step))[0], step)
    runs: list[_Run] = []
    for step, k in enumerate(order):
        axes = frozenset(c for c, (first, last) in spans.items() if first <= step <= last)
        slots = frozenset(i for i, (first, last) in slot_spans.items() if first <= step <= last)
        factors = [c for c, place in places.items() if place == step]
        if runs:
            wider = _Run(
                [*runs[-1].causes, k],
                runs[-1].axes | axes,
                runs[-1].slots | slots,
                runs[-1].factors + factors,
            )
            same = wider.axes == runs[-1].axes == axes and wider.slots == runs[-1].slots == slots
            if same or _cells(network, wider) <= flat_cells:
                runs[-1] = wider
                continue
        runs.append(_Run([k], axes, slots, factors))
    return runs


def _cells(network: Network, run: _Run) -> int:
    return math.prod(_card(network, c) for c in run.axes) << len(run.slots)


def _spans(needs: Iterable[tuple[int, frozenset[int]]], scopes: _Scopes, steps: int) -> dict[int, tuple[int, int]]:
    """First and last step at which each carried context is live, so that each factor finds its scope live."""
    spans: dict[int, tuple[int, int]] = {}
    for step, contexts in needs:
        for c in contexts:
            spans[c] = (spans.get(c, (step, step))[0], step)
    changed = True
    while changed:
        before = dict(spans)
        for _, scope in scopes.factors:
            placed = [spans[c] for c in scope if c in spans]
            place = max((first for first, _ in placed), default=steps - 1)
            for c in scope:
                first, last = spans.get(c, (place, place))
                spans[c] = (min(first, place), max(last, place))
        changed = spans != before
    return spans


def _stages(network: Network, scopes: _Scopes, runs: Sequence[_Run]) -> Iterator[Stage]:
    axes: tuple[int, ...] = ()
    slots: tuple[int, ...] = ()
    for run, after in itertools.zip_longest(runs, runs[1:]):
        # What goes on keeps its place in the state; what is new comes behind it.
        old_axes, old_slots = axes, slots
        axes = (*(c for c in axes if c in run.axes), *sorted(run.axes.difference(axes)))
        slots = (*(i for i in slots if i in run.slots), *sorted(run.slots.difference(slots)))
        cards = tuple(_card(network, c) for c in axes)
        grid = np.zeros((math.prod(cards), len(network.contexts)), dtype=np.int64)
        # Serious causes last: until the first of them the calm chain is the free one.
        walked = sorted((k for k in run.causes if scopes.elements_of_cause[k]), key=network.serious.__getitem__)
        causes = walked + [k for k in run.causes if not scopes.elements_of_cause[k]]
        grid[:, list(axes)] = np.indices(cards).reshape(len(cards), math.prod(cards)).T
        yield Stage(
            axes=axes,
            cards=cards,
            grid=grid,
            enter_axes=tuple(c for c in axes if c not in old_axes),
            leave_axes=tuple(c for c in axes if after is None or c not in after.axes),
            slots=slots,
            enter_slots=tuple(i for i in slots if i not in old_slots),
            leave_slots=tuple(i for i in slots if after is None or i not in after.slots),
            causes=np.array(causes, dtype=np.int64),
            walked=np.array(walked, dtype=np.int64),
            factors=np.array(run.factors, dtype=np.int64),
            absorbed=np.array([(causes.index(k), c) for k, c in scopes.absorbed if k in causes], dtype=np.int64).T,
        )
