"""The walk over the causes, compiled: one row at a time, the same sums as `twitchbayes.walk` has for a batch.

A row's state is a vector over the subsets of its open positive findings (slots) that have been explained so far, times
the cells of the chain of its contexts (`twitchbayes.chain`). A present cause moves weight from a subset S to S + {j}.
All terms are positive. Where a row would need too much room, or comes near to what a double can hold, the kernel
leaves it to the NumPy engine and says so.

The backward pass needs no more than one move a cause: with g the gradient behind cause k and v the weight before it,
the weight of "k is present" is the sum of v times P(k present) times the transposed move of g.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from twitchbayes import chain, layout, slots
from twitchbayes.chain import lay_chain, read_contexts
from twitchbayes.layout import (
    ABSENT,
    ALONE,
    BITS,
    CALM,
    CAUSE,
    CELL_AT,
    CELLS,
    DEFAULT,
    EACH,
    ENTER,
    FREE,
    INNER,
    LEAVE,
    LEAVING_AT,
    NEVER,
    NO,
    OPENED,
    OPTIONS,
    PRESENT,
    SAME,
    SCALED,
    SERIOUS,
    SLOTS,
    SPARED,
    START,
    STATED,
    STATES,
    WEIGHT,
    WIDTH,
    YES,
    Chain,
    Numbers,
    Shape,
    Slots,
    Work,
    compiled,
    inlined,
    summing,
)
from twitchbayes.slots import is_left_out, lay_slots, order_by_contexts, order_for_row, read_findings

__all__ = ["DONE", "LEFT", "answer_rows"]

DONE, LEFT = 1, 0  # a row is answered, or left to the NumPy engine

SCALE_EVERY = 16  # causes between two looks at the size of the state
SMALL = 1e-100
LOST, DIGITS = 1e-290, 1e-30  # what underflow may take of a number, and of an answer


@inlined
def _move(state: Any, cells: int, width: int, axes: Any, links: Any, explains: int, k: int) -> None:
    """Move the weight of a state (subsets x cells), in place, to where the present cause k puts it."""
    # Unsigned indices: they cannot count from the end, and so the loops become vector instructions.
    size = np.uint64(cells << width)
    for axis in range(width):
        i = axes[axis]
        if explains >> i & 1:
            q, no_q, run = links[YES, i, k], links[NO, i, k], np.uint64(cells << axis)
            base = np.uint64(0)
            while base < size:
                for b in range(run):
                    a = base + np.uint64(b)
                    weight = state[a]
                    state[a + run] += q * weight
                    state[a] = no_q * weight
                base += np.uint64(2) * run


@inlined
def _move_back(gradient: Any, cells: int, width: int, axes: Any, links: Any, explains: int, k: int) -> None:
    """Apply the transpose of `_move` to a gradient, in place."""
    # Unsigned indices: they cannot count from the end, and so the loops become vector instructions.
    size = np.uint64(cells << width)
    for axis in range(width):
        i = axes[axis]
        if explains >> i & 1:
            q, no_q, run = links[YES, i, k], links[NO, i, k], np.uint64(cells << axis)
            base = np.uint64(0)
            while base < size:
                for b in range(run):
                    a = base + np.uint64(b)
                    gradient[a] = no_q * gradient[a] + q * gradient[a + run]
                base += np.uint64(2) * run


@inlined
def _mix(state: Any, moved: Any, size: int, absents: Any, presents: Any, free: float, spared: float) -> None:
    """Add up a state (subsets x cells) with the cause absent and with it present, in place."""
    cells = len(absents)
    if cells == 1:
        absent, present = free * absents[0], spared * presents[0]
        for a in range(size):
            state[a] = absent * state[a] + present * moved[a]
        return
    for base in range(0, size, cells):
        here, there = state[base : base + cells], moved[base : base + cells]
        for c in range(cells):
            here[c] = free * absents[c] * here[c] + spared * presents[c] * there[c]


@summing
def _share(before: Any, gradient: Any, size: int, presents: Any) -> float:
    """Return the sum of before times P(present | cell) times gradient, over subsets and cells."""
    cells, total = len(presents), 0.0
    if cells == 1:
        for a in range(size):
            total += before[a] * gradient[a]
        return total * presents[0]
    for base in range(0, size, cells):
        here, there = before[base : base + cells], gradient[base : base + cells]
        for c in range(cells):
            total += here[c] * presents[c] * there[c]
    return total


@inlined
def _copy(out: Any, state: Any, size: int) -> None:
    for a in range(size):
        out[a] = state[a]


@inlined
def _divide(state: Any, size: int, divisor: float) -> None:
    for a in range(size):
        state[a] /= divisor


@compiled
def _sum_out(state: Any, size: int, states: int, inner: int) -> int:
    """Sum out an axis of a state (outer, states, inner), in place; returns the new size."""
    size //= states
    for base in range(0, size, inner):
        here = state[base : base + inner]
        for s in range(states):
            there = state[base * states + s * inner : base * states + (s + 1) * inner]
            if s == 0:
                for c in range(inner):
                    here[c] = there[c]
            else:
                for c in range(inner):
                    here[c] += there[c]
    return size


@compiled
def _sum_out_back(gradient: Any, size: int, states: int, inner: int) -> int:
    """Apply the transpose of `_sum_out` to a gradient."""
    for base in range(size - inner, -1, -inner):
        here = gradient[base : base + inner]
        for s in range(states - 1, -1, -1):
            there = gradient[base * states + s * inner : base * states + (s + 1) * inner]
            for c in range(inner):
                there[c] = here[c]
    return size * states


@compiled
def _spread(state: Any, size: int, each: int, weights: Any) -> int:
    """Let every cell of a state become `each` cells, in place, and weigh them; returns the new size."""
    cells = len(weights)
    if each == 1:
        for base in range(0, size, cells):
            here = state[base : base + cells]
            for c in range(cells):
                here[c] *= weights[c]
        return size
    kept = cells // each
    for a in range(size - 1, -1, -1):
        value, at = state[a], a % kept * each
        for c in range(each):
            state[a * each + c] = weights[at + c] * value
    return size * each


@compiled
def _spread_back(gradient: Any, size: int, each: int, weights: Any) -> int:
    """Apply the transpose of `_spread` to a gradient."""
    cells = len(weights)
    if each == 1:
        return _spread(gradient, size, each, weights)
    kept = cells // each
    size //= each
    for a in range(size):
        total, at = 0.0, a % kept * each
        for c in range(each):
            total += weights[at + c] * gradient[a * each + c]
        gradient[a] = total
    return size


@compiled
def _take_cells(state: Any, size: int, steps: Any, leaving: Any, weights: Any, t: int) -> int:
    """Take a state to the cells of step t: sum out what leaves, spread over what enters; returns the new size."""
    for i in range(steps[LEAVING_AT, t], steps[LEAVING_AT, t + 1]):
        size = _sum_out(state, size, leaving[STATES, i], leaving[INNER, i])
    at = steps[CELL_AT, t]
    return _spread(state, size, steps[EACH, t], weights[at : at + steps[CELLS, t]])


@compiled
def _take_cells_back(gradient: Any, size: int, steps: Any, leaving: Any, weights: Any, t: int) -> int:
    """Apply the transpose of `_take_cells` to a gradient."""
    at = steps[CELL_AT, t]
    size = _spread_back(gradient, size, steps[EACH, t], weights[at : at + steps[CELLS, t]])
    for i in range(steps[LEAVING_AT, t + 1] - 1, steps[LEAVING_AT, t] - 1, -1):
        size = _sum_out_back(gradient, size, leaving[STATES, i], leaving[INNER, i])
    return size


@inlined
def _enter(state: Any, size: int, width: int, axes: Any, leaks: Any, entering: int) -> int:
    """Open slots: each doubles the subsets, by its leak; returns the new size."""
    for axis in range(width):
        i = axes[axis]
        if entering >> i & 1:
            leak, no_leak, entered = leaks[YES, i], leaks[NO, i], state[size : 2 * size]
            for a in range(size):
                entered[a] = leak * state[a]
                state[a] *= no_leak
            size *= 2
    return size


@inlined
def _enter_back(gradient: Any, size: int, width: int, axes: Any, leaks: Any, entering: int) -> int:
    """Apply the transpose of `_enter` to a gradient."""
    for axis in range(width - 1, -1, -1):
        i = axes[axis]
        if entering >> i & 1:
            size //= 2
            leak, no_leak, entered = leaks[YES, i], leaks[NO, i], gradient[size : 2 * size]
            for a in range(size):
                gradient[a] = no_leak * gradient[a] + leak * entered[a]
    return size


@inlined
def _leave(state: Any, size: int, cells: int, width: int, axes: Any, leaving: int) -> int:
    """Close slots: only the subsets that hold them go on; returns the new size."""
    for axis in range(width - 1, -1, -1):
        if leaving >> axes[axis] & 1:
            size //= 2
            run = cells << axis
            for base in range(0, size, run):
                here, there = state[base : base + run], state[2 * base + run : 2 * base + 2 * run]
                for a in range(run):
                    here[a] = there[a]
    return size


@inlined
def _leave_back(gradient: Any, size: int, cells: int, width: int, axes: Any, leaving: int) -> int:
    """Apply the transpose of `_leave` to a gradient."""
    for axis in range(width):
        if leaving >> axes[axis] & 1:
            run = cells << axis
            for base in range(size - run, -1, -run):
                here, there = gradient[base : base + run], gradient[2 * base + run : 2 * base + 2 * run]
                for a in range(run):
                    there[a] = here[a]
                without = gradient[2 * base : 2 * base + run]
                for a in range(run):
                    without[a] = 0.0
            size *= 2
    return size


@compiled
def _aside(chain: Chain, work: Work, spared: Any, serious: Any, posteriors: Any) -> tuple[float, float, float]:
    """Answer the causes that stand aside, in closed form: they explain no slot and depend on no carried context.

    Returns ln of what they multiply P(evidence) by, P(none of them | evidence) and P(a serious one | evidence).
    """
    steps, cells, causes = chain.steps, chain.cells, work.causes
    product, log_product, none, some = 1.0, 0.0, 1.0, 0.0
    for t in range(steps.shape[1] - 2):
        k, at = steps[CAUSE, t], steps[CELL_AT, t]
        if not steps[ALONE, t] or causes[SLOTS, k]:
            continue
        absent = 0.0 if causes[STATED, k] > 0 else cells[ABSENT, at]
        present = 0.0 if causes[STATED, k] == 0 else cells[PRESENT, at] * spared[k]
        either = absent + present
        if not either > 0.0:
            return -np.inf, 0.0, 0.0
        posteriors[k] = present / either
        none *= absent / either
        if serious[k]:
            some += (1.0 - some) * posteriors[k]
        product *= either
        if product < SMALL:
            log_product += np.log(product)
            product = 1.0
    return log_product + np.log(product), none, some


@inlined
def _pass_cause(
    chain: Chain,
    causes: Any,
    slots: Slots,
    t: int,
    size: int,
    cells: int,
    state: Any,
    calm: Any,
    blank: Any,
    moved: Any,
    serious: Any,
    parted: bool,
) -> int:
    """Take the three chains past the cause of step t, in place; returns the size of the states behind it."""
    steps, links, leaks = chain.steps, slots.links, slots.leaks
    k, start, at, width, axes = steps[CAUSE, t], steps[START, t], steps[CELL_AT, t], steps[WIDTH, t], slots.axes[t]
    absents, presents = chain.cells[ABSENT, at : at + cells], chain.cells[PRESENT, at : at + cells]
    spared = 0.0 if causes[STATED, k] == 0 else slots.causes[SPARED, k]
    free = 0.0 if causes[STATED, k] > 0 else 1.0
    if parted:
        _enter(calm, size, width, axes, leaks, steps[ENTER, t])
    size = _enter(state, size, width, axes, leaks, steps[ENTER, t])
    _copy(slots.before[FREE, start:], state, size)
    explains = causes[SLOTS, k]
    if parted:
        if serious[k]:
            _copy(slots.before[CALM, start:], calm, size)
            _mix(calm, calm, size, absents, presents, free, 0.0)
        elif explains:
            _copy(moved, calm, size)
            _move(moved, cells, width, axes, links, explains, k)
            _mix(calm, moved, size, absents, presents, free, spared)
        else:
            _mix(calm, calm, size, absents, presents, free, spared)
    if explains:
        _copy(moved, state, size)
        _move(moved, cells, width, axes, links, explains, k)
        _mix(state, moved, size, absents, presents, free, spared)
    else:
        _mix(state, state, size, absents, presents, free, spared)
    _mix(blank, blank, cells, absents, presents, free, 0.0)
    return size


@compiled
def _forward(chain: Chain, work: Work, slots: Slots, serious: Any) -> tuple[float, float, float]:
    """Walk the causes forward; returns the ends of the chains "free" and "no cause", and ln of their scale.

    The end is 0 where underflow may have cost it digits.

    There are three chains: free, calm (no serious cause so far) and blank (no cause at all).
    """
    steps, causes = chain.steps, work.causes
    state, calm, blank, moved = slots.states[0], slots.states[1], slots.states[2], slots.states[3]
    state[0] = blank[0] = 1.0
    size, cells, n_blank, log_scale, since, last = 1, 1, 1, 0.0, 0, causes.shape[1]
    lost = LOST  # bound of what underflow has taken from any number of the state
    parted = False  # until a serious cause is met the calm chain is the free one
    for t in range(last + 1):
        if not steps[SAME, t]:
            cells = steps[CELLS, t]
            if parted:
                _take_cells(calm, size, steps, chain.leaving, chain.cells[WEIGHT], t)
            size = _take_cells(state, size, steps, chain.leaving, chain.cells[WEIGHT], t)
            _take_cells(blank, n_blank, steps, chain.leaving, chain.cells[WEIGHT], t)
            n_blank = cells
        if t == last or (steps[ALONE, t] and causes[SLOTS, steps[CAUSE, t]] == 0):
            continue
        if serious[steps[CAUSE, t]] and not parted:
            parted = True
            _copy(calm, state, size)
        grown = _pass_cause(chain, causes, slots, t, size, cells, state, calm, blank, moved, serious, parted)
        slots.causes[SCALED, t] = 1.0
        since += 1
        if since % SCALE_EVERY == 0:
            peak = _peak(state, grown)
            if 0.0 < peak < SMALL:
                _divide(state, grown, peak)
                _divide(calm, grown, peak)
                _divide(blank, cells, peak)
                slots.causes[SCALED, t] = peak
                log_scale += np.log(peak)
                lost /= peak
        if parted:
            _leave(calm, grown, cells, steps[WIDTH, t], slots.axes[t], steps[LEAVE, t])
        size = _leave(state, grown, cells, steps[WIDTH, t], slots.axes[t], steps[LEAVE, t])
    return state[0] if state[0] * DIGITS > lost else 0.0, blank[0], log_scale


@inlined
def _peak(state: Any, size: int) -> float:
    peak = 0.0
    for a in range(size):
        peak = max(peak, state[a])
    return peak


@compiled
def _backward(chain: Chain, work: Work, slots: Slots, serious: Any, start_gradient: float, posteriors: Any) -> float:
    """Walk back from the end; fills the posteriors of the causes walked and returns P(a serious one | evidence)."""
    steps, causes, links, leaks = chain.steps, work.causes, slots.links, slots.leaks
    gradient, moved = slots.states[0], slots.states[3]
    gradient[0] = start_gradient
    size, cells, some = 1, 1, 0.0
    for t in range(causes.shape[1] - 1, -1, -1):
        if not steps[SAME, t + 1]:
            size = _take_cells_back(gradient, size, steps, chain.leaving, chain.cells[WEIGHT], t + 1)
            cells = steps[CELLS, t]
        k, at = steps[CAUSE, t], steps[CELL_AT, t]
        if steps[ALONE, t] and causes[SLOTS, k] == 0:
            continue
        start, width, axes = steps[START, t], steps[WIDTH, t], slots.axes[t]
        absents, presents = chain.cells[ABSENT, at : at + cells], chain.cells[PRESENT, at : at + cells]
        size = _leave_back(gradient, size, cells, width, axes, steps[LEAVE, t])
        if slots.causes[SCALED, t] != 1.0:
            _divide(gradient, size, slots.causes[SCALED, t])
        spared = 0.0 if causes[STATED, k] == 0 else slots.causes[SPARED, k]
        free = 0.0 if causes[STATED, k] > 0 else 1.0
        _copy(moved, gradient, size)
        if causes[SLOTS, k]:
            _move_back(moved, cells, width, axes, links, causes[SLOTS, k], k)
        posteriors[k] = spared * _share(slots.before[FREE, start:], moved, size, presents)
        if serious[k]:
            some += spared * _share(slots.before[CALM, start:], moved, size, presents)
        _mix(gradient, moved, size, absents, presents, free, spared)
        size = _enter_back(gradient, size, width, axes, leaks, steps[ENTER, t])
    return some


@compiled
def _answer_row(
    chain: Chain, work: Work, slots: Slots, serious: Any, n_slots: int, log_constant: float, posteriors: Any, rest: Any
) -> int:
    """Answer a row whose chain and slots are laid; fills its posteriors and `rest` (none, serious, ln P(evidence))."""
    log_aside, none_aside, some_aside = _aside(chain, work, slots.causes[SPARED], serious, posteriors)
    end, blank, log_scale = _forward(chain, work, slots, serious)
    if not end > 0.0 or not log_aside > -np.inf:
        return LEFT
    some = _backward(chain, work, slots, serious, 1.0 / end, posteriors)
    for i in range(n_slots):
        if slots.spans[OPENED, i] != NEVER:
            blank *= slots.leaks[YES, i]
    rest[0] = min(blank / end * none_aside, 1.0)
    rest[1] = min(some + (1.0 - some) * some_aside, 1.0)
    rest[2] = np.log(end) + log_scale + log_aside + log_constant
    if not np.isfinite(rest[0] + rest[1] + rest[2] + np.sum(posteriors)):
        return LEFT
    for k in range(len(posteriors)):
        posteriors[k] = min(posteriors[k], 1.0)
        if work.causes[STATED, k] == 1:
            posteriors[k] = 1.0
            if serious[k]:
                rest[1] = 1.0
    return DONE


@compiled
def _answer_rows(
    shape: Shape,
    numbers: Numbers,
    scratch: tuple[Chain, Work, Slots],
    codes: Any,
    open_members: Any,
    rows: Any,
    posteriors: Any,
    rest: Any,
    status: Any,
    own_order: int,
) -> None:
    chain, work, slots = scratch
    serious = shape.causes[SERIOUS]
    n_contexts, n_causes = work.contexts.shape[1], work.causes.shape[1]
    before, carried, log_contexts, laid = NEVER, 0, 0.0, False
    for i in range(len(rows)):
        r = rows[i]
        if not _same_contexts(codes, r, before, n_contexts):
            carried, log_contexts = read_contexts(shape, numbers, codes[r, :n_contexts], work)
            laid = False
            if carried <= BITS:
                order_by_contexts(work, serious, carried)
        before = r
        status[r] = LEFT
        for k in range(n_causes):
            work.causes[STATED, k] = codes[r, n_contexts + k]
        found = codes[r, n_contexts + n_causes : n_contexts + n_causes + numbers.findings.shape[1]]
        n_slots, log_constant = read_findings(shape, numbers, found, open_members[r], work, slots)
        if carried > BITS or n_slots == NEVER or is_left_out(work.causes, slots.causes):
            continue
        if n_slots >= own_order:
            order_for_row(chain, work, serious)
        elif not laid:
            _copy(chain.steps[CAUSE], work.causes[DEFAULT], n_causes)
        if n_slots >= own_order or not laid:
            laid = lay_chain(shape, numbers, carried, chain, work)
            if not laid:
                continue
            laid = n_slots < own_order
        unexplained = lay_slots(chain, work.causes, slots, n_slots)
        if unexplained > 0.0:
            log_constant += log_contexts + np.log(unexplained)
            status[r] = _answer_row(chain, work, slots, serious, n_slots, log_constant, posteriors[r], rest[r])


@compiled
def _same_contexts(codes: Any, row: int, other: int, n_contexts: int) -> bool:
    if other == NEVER:
        return False
    for c in range(n_contexts):
        if codes[row, c] != codes[other, c]:
            return False
    return True


def _entry_point(source: str) -> Any:
    """Compile the one function that Python calls, and keep it on disk together with the source it is made from.

    Numba looks for a newer version of the function's own file only; with the source in a closure it also
    compiles again where another file has changed. Where there is no folder to keep it in (a read-only
    installation), it is compiled in each process.
    """

    def answer_rows(
        shape: Shape,
        numbers: Numbers,
        scratch: tuple[Chain, Work, Slots],
        codes: Any,
        open_members: Any,
        rows: Any,
        posteriors: Any,
        rest: Any,
        status: Any,
        own_order: int,
    ) -> None:
        """Answer some rows of a batch.

        Parameters
        ----------
        scratch : tuple
            Of one thread; see `new_scratch`.
        codes : ndarray of int8, shape (n_rows, at least n_contexts + n_causes + n_findings)
            With the unions resolved; see `Groups.resolve`.
        open_members : ndarray of bool, shape (n_rows, n_members)
        rows : ndarray of int64
            Numbers of the rows to answer; rows with equal contexts should stand together.
        posteriors, rest, status : ndarray, shapes (n_rows, n_causes), (n_rows, 3), (n_rows,)
            Filled: P(cause | evidence); P(none), P(serious) and ln P(evidence) in nats; DONE or LEFT.
        own_order : int
            From so many slots on, the causes are put in an order of the row's own.
        """
        if len(source) > 0:
            _answer_rows(shape, numbers, scratch, codes, open_members, rows, posteriors, rest, status, own_order)

    try:
        return njit(answer_rows, cache=True, **OPTIONS)
    except RuntimeError:
        return njit(answer_rows, **OPTIONS)


answer_rows = _entry_point("".join(Path(str(m.__file__)).read_text(encoding="utf-8") for m in (layout, chain, slots)))
