"""Expected counts of hidden events, compiled: which leaks and links fired, in which state the unknown contexts were.

The complete data of a case are the states of its contexts and causes, which leaks and links fired, and its findings:
each number of the tables is then the chance of one kind of event, and its estimate is the share of the trials that
succeeded. Given the evidence, successes and trials have expectations, which are sums over the walk of
`twitchbayes.kernel`: what came before a step times the gradient of what comes behind it, divided by P(evidence), is
the probability of being there. All terms are positive.

What a row has gathered on its way becomes counts in `twitchbayes.tallies`.

References
----------
Díez and Galán, Efficient computation for the noisy MAX, International Journal of Intelligent Systems 18 (2003), and
Vomlel, Noisy-or classifier, International Journal of Intelligent Systems 21 (2006), for EM with hidden causal events;
Darwiche, A differential approach to inference in Bayesian networks, Journal of the ACM 50 (2003).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twitchbayes import chain, layout, moves, slots, tallies
from twitchbayes.chain import lay_chain, read_contexts, same_contexts
from twitchbayes.layout import (
    ABSENT,
    ALONE,
    BITS,
    CAUSE,
    CELL_AT,
    CELLS,
    DEFAULT,
    DIGITS,
    DONE,
    ENTER,
    FREE,
    LEAVE,
    LOST,
    NEVER,
    OF_ABSENT,
    OF_PRESENT,
    OPENED,
    PLACE,
    PRESENT,
    SAME,
    SCALE,
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
    Gather,
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
    explained,
    holding,
    leave,
    leave_back,
    mix,
    move,
    move_back,
    peak_of,
    share_of_cells,
    take_cells,
    take_cells_back,
    weigh,
)
from twitchbayes.slots import is_left_out, lay_slots, order_by_contexts, order_for_row, read_findings
from twitchbayes.tallies import add_cells, add_findings, count_chain, stands_aside

__all__ = ["count_rows"]


@compiled
def _keep_placed(steps: Any, contexts: Any) -> None:
    """Let no cause stand aside at whose step a context's table is multiplied in: the table gets its counts there."""
    for c in range(contexts.shape[1]):
        if contexts[PLACE, c] >= 0:
            steps[ALONE, contexts[PLACE, c]] = 0


@compiled
def _aside(chain: Chain, work: Work, spared: Any, gather: Gather) -> float:
    """Take the causes that stand aside; returns ln of what they multiply P(evidence) by."""
    steps, cells, causes = chain.steps, chain.cells, work.causes
    product, log_product = 1.0, 0.0
    for t in range(steps.shape[1] - 2):
        if not stands_aside(steps, causes, t):
            continue
        k, at = steps[CAUSE, t], steps[CELL_AT, t]
        absent = 0.0 if causes[STATED, k] > 0 else 1.0
        present = 0.0 if causes[STATED, k] == 0 else spared[k]
        either = absent * cells[ABSENT, at] + present * cells[PRESENT, at]
        if not either > 0.0:
            return -np.inf
        gather.cells[OF_ABSENT, at], gather.cells[OF_PRESENT, at] = absent / either, present / either
        gather.present[k] = present * cells[PRESENT, at] / either
        product *= either
        if product < SMALL:
            log_product += np.log(product)
            product = 1.0
    return log_product + np.log(product)


@compiled
def _forward(chain: Chain, work: Work, slots: Slots) -> tuple[float, float]:
    """Walk the causes forward, each free; returns the end and ln of its scale.

    The end is 0 where underflow may have cost it digits. The state before each cause is kept.
    """
    steps, causes, links, leaks = chain.steps, work.causes, slots.links, slots.leaks
    state, moved = slots.states[0], slots.states[3]
    state[0] = 1.0
    size, cells, log_scale, since, last, lost = 1, 1, 0.0, 0, causes.shape[1], LOST
    for t in range(last + 1):
        if not steps[SAME, t]:
            cells = steps[CELLS, t]
            size = take_cells(state, size, steps, chain.leaving, chain.cells[WEIGHT], t)
        if t == last or stands_aside(steps, causes, t):
            continue
        k, start, at, width, axes = steps[CAUSE, t], steps[START, t], steps[CELL_AT, t], steps[WIDTH, t], slots.axes[t]
        absents, presents = chain.cells[ABSENT, at : at + cells], chain.cells[PRESENT, at : at + cells]
        spared = 0.0 if causes[STATED, k] == 0 else slots.causes[SPARED, k]
        free = 0.0 if causes[STATED, k] > 0 else 1.0
        size = enter(state, size, width, axes, leaks, steps[ENTER, t])
        copy_state(slots.before[FREE, start:], state, size)
        if causes[SLOTS, k]:
            copy_state(moved, state, size)
            move(moved, cells, width, axes, links, causes[SLOTS, k], k)
            mix(state, moved, size, absents, presents, free, spared)
        else:
            mix(state, state, size, absents, presents, free, spared)
        slots.causes[SCALED, t] = 1.0
        since += 1
        if since % SCALE_EVERY == 0:
            peak = peak_of(state, size)
            if 0.0 < peak < SMALL:
                divide(state, size, peak)
                slots.causes[SCALED, t] = peak
                log_scale += np.log(peak)
                lost /= peak
        size = leave(state, size, cells, width, axes, steps[LEAVE, t])
    return state[0] if state[0] * DIGITS > lost else 0.0, log_scale


@compiled
def _backward(chain: Chain, work: Work, slots: Slots, start_gradient: float, gather: Gather) -> float:
    """Walk back from the end and gather what is known of each step; returns a number that is finite if all were."""
    steps, causes, gradient = chain.steps, work.causes, slots.states[0]
    gradient[0] = start_gradient
    size, cells, sums = 1, 1, 0.0
    for t in range(causes.shape[1] - 1, -1, -1):
        if not steps[SAME, t + 1]:
            size = take_cells_back(gradient, size, steps, chain.leaving, chain.cells[WEIGHT], t + 1)
            cells = steps[CELLS, t]
        if stands_aside(steps, causes, t):
            continue
        width, axes = steps[WIDTH, t], slots.axes[t]
        size = leave_back(gradient, size, cells, width, axes, steps[LEAVE, t])
        if slots.causes[SCALED, t] != 1.0:
            divide(gradient, size, slots.causes[SCALED, t])
        before = slots.before[FREE, steps[START, t] :]
        sums += _gather_cause(chain, causes, slots, t, size, cells, before, gradient, gather)
        _gather_leaks(before, gradient, size, cells, width, axes, steps[ENTER, t], gather.fired)
        size = enter_back(gradient, size, width, axes, slots.leaks, steps[ENTER, t])
    return sums + gradient[0]


@inlined
def _gather_cause(
    chain: Chain, causes: Any, slots: Slots, t: int, size: int, cells: int, before: Any, gradient: Any, gather: Gather
) -> float:
    """Gather what is known of the cause of step t, and take the gradient back past it; returns the sum of it all."""
    k, at, width, axes = chain.steps[CAUSE, t], chain.steps[CELL_AT, t], chain.steps[WIDTH, t], slots.axes[t]
    absents, presents = chain.cells[ABSENT, at : at + cells], chain.cells[PRESENT, at : at + cells]
    of_absent, of_present = gather.cells[OF_ABSENT, at : at + cells], gather.cells[OF_PRESENT, at : at + cells]
    spared = 0.0 if causes[STATED, k] == 0 else slots.causes[SPARED, k]
    free = 0.0 if causes[STATED, k] > 0 else 1.0
    share_of_cells(before, gradient, size, free, of_absent)
    if causes[SLOTS, k]:
        moved = slots.states[3]
        copy_state(moved, gradient, size)
        move_back(moved, cells, width, axes, slots.links, causes[SLOTS, k], k)
        share_of_cells(before, moved, size, spared, of_present)
        weigh(slots.states[1], before, size, presents)
        _gather_links(slots, cells, width, axes, causes[SLOTS, k], k, size, spared, gather.fired)
        mix(gradient, moved, size, absents, presents, free, spared)
    else:
        share_of_cells(before, gradient, size, spared, of_present)
        mix(gradient, gradient, size, absents, presents, free, spared)
    present, sums = 0.0, 0.0
    for c in range(cells):
        present += of_present[c] * presents[c]
        sums += of_absent[c] + of_present[c]
    gather.present[k] = present
    return sums


@compiled
def _gather_links(
    slots: Slots, cells: int, width: int, axes: Any, explains: int, k: int, size: int, spared: float, fired: Any
) -> None:
    """Gather P(the link of cause k to a slot fires | evidence) for the slots it explains.

    The moves of a cause act on one axis each and leave alone the subsets that hold it already. So all of them
    transposed, at S + {i}, is all but that of slot i: what is behind the step once i is explained.
    """
    before, moved = slots.states[1], slots.states[3]
    for axis in range(width):
        i = axes[axis]
        if explains >> i & 1:
            q = slots.links[YES, i, k]
            fired[i, k] = spared * explained(before, moved, size, cells << axis, q, q * slots.leaks[SCALE, i])


@inlined
def _gather_leaks(
    before: Any, gradient: Any, size: int, cells: int, width: int, axes: Any, entering: int, fired: Any
) -> None:
    """Gather P(the leak fires | evidence) for slots that open: before the first cause a slot is explained if it did."""
    if entering:
        for axis in range(width):
            if entering >> axes[axis] & 1:
                fired[axes[axis], -1] = holding(before, gradient, size, cells << axis)


@compiled
def _gather_row(
    chain: Chain, work: Work, slots: Slots, n_slots: int, log_constant: float, gather: Gather, log_evidence: Any
) -> bool:
    """Gather what is known of a row whose chain is laid, and fill its ln P(evidence); False if it is left to NumPy."""
    unexplained = lay_slots(chain, work.causes, slots, n_slots)
    if not unexplained > 0.0:
        return False
    log_aside = _aside(chain, work, slots.causes[SPARED], gather)
    end, log_scale = _forward(chain, work, slots)
    if not end > 0.0 or not log_aside > -np.inf:
        return False
    sums = _backward(chain, work, slots, 1.0 / end, gather)
    for i in range(n_slots):
        if slots.spans[OPENED, i] == NEVER:
            gather.fired[i, -1] = 1.0
    log_evidence[0] = np.log(end) + log_scale + log_aside + log_constant + np.log(unexplained)
    return np.isfinite(sums + log_evidence[0])


@compiled
def _count_rows(
    shape: Shape,
    numbers: Numbers,
    scratch: tuple[Chain, Work, Slots, Gather],
    codes: Any,
    open_members: Any,
    rows: Any,
    weights: Any,
    tally: Any,
    log_evidence: Any,
    status: Any,
    own_order: int,
) -> None:
    chain, work, slots, gather = scratch
    serious, each = shape.causes[SERIOUS], len(tally) > 1
    n_contexts, n_causes = work.contexts.shape[1], work.causes.shape[1]
    before, carried, log_contexts, laid, held = NEVER, 0, 0.0, False, 0.0
    for i in range(len(rows)):
        r = rows[i]
        if not same_contexts(codes, r, before, n_contexts):
            held = count_chain(shape, numbers, chain, work, carried, gather.cells, held, tally[0])
            carried, log_contexts = read_contexts(shape, numbers, codes[r, :n_contexts], work)
            laid = False
            if carried <= BITS:
                order_by_contexts(work, serious, carried)
        before = r
        for k in range(n_causes):
            work.causes[STATED, k] = codes[r, n_contexts + k]
        found = codes[r, n_contexts + n_causes : n_contexts + n_causes + numbers.findings.shape[1]]
        n_slots, log_constant = read_findings(shape, numbers, found, open_members[r], work, slots)
        if carried > BITS or n_slots == NEVER or is_left_out(work.causes, slots.causes):
            continue
        if n_slots >= own_order or not laid:
            held = count_chain(shape, numbers, chain, work, carried, gather.cells, held, tally[0])
            laid = _lay(shape, numbers, carried, chain, work, n_slots >= own_order)
            if not laid:
                continue
            laid = n_slots < own_order
        log_constant += log_contexts
        if _gather_row(chain, work, slots, n_slots, log_constant, gather, log_evidence[r : r + 1]):
            status[r] = DONE
            add_cells(chain.steps, work.causes, gather.cells, weights[i])
            held += weights[i]
            out = tally[i if each else 0]
            add_findings(shape, numbers, found, open_members[r], work, slots, gather, weights[i], out)
            if each:
                held = count_chain(shape, numbers, chain, work, carried, gather.cells, held, out)
    count_chain(shape, numbers, chain, work, carried, gather.cells, held, tally[0])


@compiled
def _lay(shape: Shape, numbers: Numbers, carried: int, chain: Chain, work: Work, own_order: bool) -> bool:
    """Lay the chain of a row, in an order of its own or by its contexts; False if there is no room."""
    if own_order:
        order_for_row(chain, work, shape.causes[SERIOUS])
    else:
        copy_state(chain.steps[CAUSE], work.causes[DEFAULT], work.causes.shape[1])
    if not lay_chain(shape, numbers, carried, chain, work):
        return False
    _keep_placed(chain.steps, work.contexts)
    return True


def _entry_point(source: str) -> Any:
    """Return the one function that Python calls; the source it is made from is in its closure."""

    def count_rows(
        shape: Shape,
        numbers: Numbers,
        scratch: tuple[Chain, Work, Slots, Gather],
        codes: Any,
        open_members: Any,
        rows: Any,
        weights: Any,
        tally: Any,
        log_evidence: Any,
        status: Any,
        own_order: int,
    ) -> None:
        """Count the hidden events of some rows of a batch.

        Parameters
        ----------
        scratch : tuple
            Of one thread; see `new_scratch` and `new_gather`.
        codes, open_members, rows, status, own_order
            As for `twitchbayes.kernel.answer_rows`.
        weights : ndarray, shape (len(rows),)
            How often each row counts.
        tally : ndarray, shape (1 or len(rows), 2, n)
            Added to: successes and trials in the order of `Numbers`, its arrays one after the other; of all rows
            together, or of each. Trials of a context's table are not there: they are its successes, added up.
        log_evidence : ndarray, shape (n_rows,)
            Filled: ln P(evidence) in nats.
        """
        if len(source) > 0:
            _count_rows(
                shape, numbers, scratch, codes, open_members, rows, weights, tally, log_evidence, status, own_order
            )

    return entry_point(count_rows)


count_rows = _entry_point(sources_of(layout, chain, slots, moves, tallies))
