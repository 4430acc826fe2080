"""The walk over the causes, compiled: one row at a time, the same sums as `twitchbayes.walk` has for a batch.

A row's state is a vector over the subsets of its open positive findings (slots) that have been explained so far, times
the cells of the chain of its contexts (`twitchbayes.chain`). A present cause moves weight from a subset S to S + {j}.
All terms are positive. Where a row would need too much room, or comes near to what a double can hold, the kernel
leaves it to the NumPy engine and says so.

The backward pass needs no more than one move a cause: with g the gradient behind cause k and v the weight before it,
the weight of "k is present" is the sum of v times P(k present) times the transposed move of g.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twitchbayes import chain, layout, moves, slots
from twitchbayes.chain import lay_chain, read_contexts, same_contexts
from twitchbayes.layout import (
    ABSENT,
    ALONE,
    BITS,
    CALM,
    CAUSE,
    CELL_AT,
    CELLS,
    DEFAULT,
    DIGITS,
    DONE,
    ENTER,
    FREE,
    LEAVE,
    LEFT,
    LOST,
    NEVER,
    OPENED,
    PRESENT,
    SAME,
    SCALE_EVERY,
    SCALED,
    SERIOUS,
    SLOTS,
    SMALL,
    SPARED,
    START,
    STATED,
    WEIGHT,
    WIDTH,
    YES,
    Chain,
    Numbers,
    Shape,
    Slots,
    Work,
    compiled,
    entry_point,
    inlined,
    sources_of,
)
from twitchbayes.moves import (
    copy_state,
    divide,
    enter,
    enter_back,
    leave,
    leave_back,
    mix,
    move,
    move_back,
    peak_of,
    share,
    take_cells,
    take_cells_back,
)
from twitchbayes.slots import is_left_out, lay_slots, order_by_contexts, order_for_row, read_findings

__all__ = ["answer_rows"]


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
        enter(calm, size, width, axes, leaks, steps[ENTER, t])
    size = enter(state, size, width, axes, leaks, steps[ENTER, t])
    copy_state(slots.before[FREE, start:], state, size)
    explains = causes[SLOTS, k]
    if parted:
        if serious[k]:
            copy_state(slots.before[CALM, start:], calm, size)
            mix(calm, calm, size, absents, presents, free, 0.0)
        elif explains:
            copy_state(moved, calm, size)
            move(moved, cells, width, axes, links, explains, k)
            mix(calm, moved, size, absents, presents, free, spared)
        else:
            mix(calm, calm, size, absents, presents, free, spared)
    if explains:
        copy_state(moved, state, size)
        move(moved, cells, width, axes, links, explains, k)
        mix(state, moved, size, absents, presents, free, spared)
    else:
        mix(state, state, size, absents, presents, free, spared)
    mix(blank, blank, cells, absents, presents, free, 0.0)
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
                take_cells(calm, size, steps, chain.leaving, chain.cells[WEIGHT], t)
            size = take_cells(state, size, steps, chain.leaving, chain.cells[WEIGHT], t)
            take_cells(blank, n_blank, steps, chain.leaving, chain.cells[WEIGHT], t)
            n_blank = cells
        if t == last or (steps[ALONE, t] and causes[SLOTS, steps[CAUSE, t]] == 0):
            continue
        if serious[steps[CAUSE, t]] and not parted:
            parted = True
            copy_state(calm, state, size)
        grown = _pass_cause(chain, causes, slots, t, size, cells, state, calm, blank, moved, serious, parted)
        slots.causes[SCALED, t] = 1.0
        since += 1
        if since % SCALE_EVERY == 0:
            peak = peak_of(state, grown)
            if 0.0 < peak < SMALL:
                divide(state, grown, peak)
                divide(calm, grown, peak)
                divide(blank, cells, peak)
                slots.causes[SCALED, t] = peak
                log_scale += np.log(peak)
                lost /= peak
        if parted:
            leave(calm, grown, cells, steps[WIDTH, t], slots.axes[t], steps[LEAVE, t])
        size = leave(state, grown, cells, steps[WIDTH, t], slots.axes[t], steps[LEAVE, t])
    return state[0] if state[0] * DIGITS > lost else 0.0, blank[0], log_scale


@compiled
def _backward(chain: Chain, work: Work, slots: Slots, serious: Any, start_gradient: float, posteriors: Any) -> float:
    """Walk back from the end; fills the posteriors of the causes walked and returns P(a serious one | evidence)."""
    steps, causes, links, leaks = chain.steps, work.causes, slots.links, slots.leaks
    gradient, moved = slots.states[0], slots.states[3]
    gradient[0] = start_gradient
    size, cells, some = 1, 1, 0.0
    for t in range(causes.shape[1] - 1, -1, -1):
        if not steps[SAME, t + 1]:
            size = take_cells_back(gradient, size, steps, chain.leaving, chain.cells[WEIGHT], t + 1)
            cells = steps[CELLS, t]
        k, at = steps[CAUSE, t], steps[CELL_AT, t]
        if steps[ALONE, t] and causes[SLOTS, k] == 0:
            continue
        start, width, axes = steps[START, t], steps[WIDTH, t], slots.axes[t]
        absents, presents = chain.cells[ABSENT, at : at + cells], chain.cells[PRESENT, at : at + cells]
        size = leave_back(gradient, size, cells, width, axes, steps[LEAVE, t])
        if slots.causes[SCALED, t] != 1.0:
            divide(gradient, size, slots.causes[SCALED, t])
        spared = 0.0 if causes[STATED, k] == 0 else slots.causes[SPARED, k]
        free = 0.0 if causes[STATED, k] > 0 else 1.0
        copy_state(moved, gradient, size)
        if causes[SLOTS, k]:
            move_back(moved, cells, width, axes, links, causes[SLOTS, k], k)
        posteriors[k] = spared * share(slots.before[FREE, start:], moved, size, presents)
        if serious[k]:
            some += spared * share(slots.before[CALM, start:], moved, size, presents)
        mix(gradient, moved, size, absents, presents, free, spared)
        size = enter_back(gradient, size, width, axes, leaks, steps[ENTER, t])
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
    sets: Numbers,
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
    before, of_set, carried, log_contexts, laid = NEVER, NEVER, 0, 0.0, False
    numbers = _numbers_of_set(sets, 0)
    for i in range(len(rows)):
        answer = rows[i]
        r = answer % len(codes)
        if answer // len(codes) != of_set:
            of_set, before = answer // len(codes), NEVER
            numbers = _numbers_of_set(sets, of_set)
        if not same_contexts(codes, r, before, n_contexts):
            carried, log_contexts = read_contexts(shape, numbers, codes[r, :n_contexts], work)
            laid = False
            if carried <= BITS:
                order_by_contexts(work, serious, carried)
        before = r
        status[answer] = LEFT
        for k in range(n_causes):
            work.causes[STATED, k] = codes[r, n_contexts + k]
        found = codes[r, n_contexts + n_causes : n_contexts + n_causes + numbers.findings.shape[1]]
        n_slots, log_constant = read_findings(shape, numbers, found, open_members[r], work, slots)
        if carried > BITS or n_slots == NEVER or is_left_out(work.causes, slots.causes):
            continue
        if n_slots >= own_order:
            order_for_row(chain, work, serious)
        elif not laid:
            copy_state(chain.steps[CAUSE], work.causes[DEFAULT], n_causes)
        if n_slots >= own_order or not laid:
            laid = lay_chain(shape, numbers, carried, chain, work)
            if not laid:
                continue
            laid = n_slots < own_order
        unexplained = lay_slots(chain, work.causes, slots, n_slots)
        if unexplained > 0.0:
            log_constant += log_contexts + np.log(unexplained)
            status[answer] = _answer_row(
                chain, work, slots, serious, n_slots, log_constant, posteriors[answer], rest[answer]
            )


@inlined
def _numbers_of_set(sets: Numbers, number: int) -> Numbers:
    return Numbers(
        sets.tables[number], sets.leaks[number], sets.activation[number], sets.links[number], sets.findings[number]
    )


def _entry_point(source: str) -> Any:
    """Return the one function that Python calls; the source it is made from is in its closure."""

    def answer_rows(
        shape: Shape,
        sets: Numbers,
        scratch: tuple[Chain, Work, Slots],
        codes: Any,
        open_members: Any,
        rows: Any,
        posteriors: Any,
        rest: Any,
        status: Any,
        own_order: int,
    ) -> None:
        """Answer some rows of a batch, each under some parameter sets.

        Parameters
        ----------
        sets : Numbers
            Of `n_sets` parameter sets, on the first axis of each array.
        scratch : tuple
            Of one thread; see `new_scratch`.
        codes : ndarray of int8, shape (n_rows, at least n_contexts + n_causes + n_findings)
            With the unions resolved; see `Groups.resolve`.
        open_members : ndarray of bool, shape (n_rows, n_members)
        rows : ndarray of int64
            Numbers of the answers to find: `set * n_rows + row`. Those of one set, and in it rows with
            equal contexts, should stand together.
        posteriors, rest, status : ndarray, shapes (n_sets * n_rows, n_causes), (n_sets * n_rows, 3), (n_sets * n_rows,)
            Filled: P(cause | evidence); P(none), P(serious) and ln P(evidence) in nats; DONE or LEFT.
        own_order : int
            From so many slots on, the causes are put in an order of the row's own.
        """
        if len(source) > 0:
            _answer_rows(shape, sets, scratch, codes, open_members, rows, posteriors, rest, status, own_order)

    return entry_point(answer_rows)


answer_rows = _entry_point(sources_of(layout, chain, slots, moves))
