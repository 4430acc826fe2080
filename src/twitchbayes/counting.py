"""Expected counts of hidden events, compiled: which leaks and links fired, in which state the unknown contexts were.

The complete data of a case are the states of its contexts and causes, which leaks and links fired, and its findings:
each number of the tables is then the chance of one kind of event, and its estimate is the share of the trials that
succeeded. Given the evidence, successes and trials have expectations, which are sums over the walk of
`twitchbayes.kernel`: what came before a step times the gradient of what comes behind it, divided by P(evidence), is
the probability of being there. Nothing is subtracted.

What a row adds to the cells of its chain is kept apart in two numbers a cell, which P(cause absent | cell) and
P(cause present | cell) are multiplied by. Rows with equal contexts share the chain and are added up before the numbers
of contexts and causes get their counts from the cells.

References
----------
Díez and Galán, Efficient computation for the noisy MAX, International Journal of Intelligent Systems 18 (2003), and
Vomlel, Noisy-or classifier, International Journal of Intelligent Systems 21 (2006), for EM with hidden causal events;
Darwiche, A differential approach to inference in Bayesian networks, Journal of the ACM 50 (2003).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twitchbayes import chain, layout, moves, slots
from twitchbayes.chain import entry, entry_at, lay_chain, leak_at, link, read_contexts, same_contexts
from twitchbayes.layout import (
    ABSENT,
    ABSORBED,
    ACTIVE_AT,
    ALONE,
    AXIS,
    BITS,
    CARD,
    CAUSE,
    CELL_AT,
    CELLS,
    CONTEXT_OF,
    DEFAULT,
    DIGITS,
    DONE,
    ENTER,
    FIRST,
    FREE,
    KNOWN,
    LAST,
    LEAVE,
    LOST,
    NEVER,
    NO,
    OF_ABSENT,
    OF_PRESENT,
    OPENED,
    PLACE,
    PRESENT,
    ROLE,
    SAME,
    SCALE,
    SCALE_EVERY,
    SCALED,
    SCOPE,
    SERIOUS,
    SLOTS,
    SMALL,
    SPARED,
    START,
    STATE,
    STATED,
    SUCCESSES,
    SUM_ABSENT,
    SUM_PRESENT,
    TRIALS,
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

__all__ = ["count_rows"]


@inlined
def _stands_aside(steps: Any, causes: Any, t: int) -> bool:
    return steps[ALONE, t] != 0 and causes[SLOTS, steps[CAUSE, t]] == 0


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
        if not _stands_aside(steps, causes, t):
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
    """Walk the causes forward, each free; returns the end, 0 where underflow may have cost it digits, and ln of its scale.

    The state before each cause is kept.
    """
    steps, causes, links, leaks = chain.steps, work.causes, slots.links, slots.leaks
    state, moved = slots.states[0], slots.states[3]
    state[0] = 1.0
    size, cells, log_scale, since, last, lost = 1, 1, 0.0, 0, causes.shape[1], LOST
    for t in range(last + 1):
        if not steps[SAME, t]:
            cells = steps[CELLS, t]
            size = take_cells(state, size, steps, chain.leaving, chain.cells[WEIGHT], t)
        if t == last or _stands_aside(steps, causes, t):
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
    steps, causes, links, leaks = chain.steps, work.causes, slots.links, slots.leaks
    gradient, moved = slots.states[0], slots.states[3]
    gradient[0] = start_gradient
    size, cells, sums = 1, 1, 0.0
    for t in range(causes.shape[1] - 1, -1, -1):
        if not steps[SAME, t + 1]:
            size = take_cells_back(gradient, size, steps, chain.leaving, chain.cells[WEIGHT], t + 1)
            cells = steps[CELLS, t]
        if _stands_aside(steps, causes, t):
            continue
        k, at, width, axes, before = (
            steps[CAUSE, t],
            steps[CELL_AT, t],
            steps[WIDTH, t],
            slots.axes[t],
            slots.before[FREE, steps[START, t] :],
        )
        absents, presents = chain.cells[ABSENT, at : at + cells], chain.cells[PRESENT, at : at + cells]
        size = leave_back(gradient, size, cells, width, axes, steps[LEAVE, t])
        if slots.causes[SCALED, t] != 1.0:
            divide(gradient, size, slots.causes[SCALED, t])
        spared = 0.0 if causes[STATED, k] == 0 else slots.causes[SPARED, k]
        free = 0.0 if causes[STATED, k] > 0 else 1.0
        of_absent, of_present = gather.cells[OF_ABSENT, at : at + cells], gather.cells[OF_PRESENT, at : at + cells]
        share_of_cells(before, gradient, size, free, of_absent)
        if causes[SLOTS, k]:
            copy_state(moved, gradient, size)
            move_back(moved, cells, width, axes, links, causes[SLOTS, k], k)
            share_of_cells(before, moved, size, spared, of_present)
            weigh(slots.states[1], before, size, presents)
            _gather_links(slots, cells, width, axes, causes[SLOTS, k], k, size, spared, gather.fired)
            mix(gradient, moved, size, absents, presents, free, spared)
        else:
            share_of_cells(before, gradient, size, spared, of_present)
            mix(gradient, gradient, size, absents, presents, free, spared)
        gather.present[k] = 0.0
        for c in range(cells):
            gather.present[k] += of_present[c] * presents[c]
            sums += of_absent[c] + of_present[c]
        _gather_leaks(before, gradient, size, cells, width, axes, steps[ENTER, t], gather.fired)
        size = enter_back(gradient, size, width, axes, leaks, steps[ENTER, t])
    return sums + gradient[0]


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
def _add_cells(steps: Any, causes: Any, cells: Any, row_weight: float) -> None:
    """Add what a row has in the cells of its chain to what the rows before it had."""
    for t in range(steps.shape[1] - 2):
        at = steps[CELL_AT, t]
        count = 1 if _stands_aside(steps, causes, t) else steps[CELLS, t]
        of_absent, of_present = cells[OF_ABSENT, at : at + count], cells[OF_PRESENT, at : at + count]
        sum_absent, sum_present = cells[SUM_ABSENT, at : at + count], cells[SUM_PRESENT, at : at + count]
        for c in range(count):
            sum_absent[c] += row_weight * of_absent[c]
            sum_present[c] += row_weight * of_present[c]


@compiled
def _add_findings(
    shape: Shape,
    numbers: Numbers,
    found: Any,
    open_members: Any,
    work: Work,
    slots: Slots,
    gather: Gather,
    row_weight: float,
    tally: Any,
) -> None:
    """Count the leaks and links of the findings that are observed, or open members of a union."""
    slot = 0
    for j in range(len(found)):
        if found[j] >= 0:
            _add_finding(
                shape, numbers, j, slot if found[j] == 1 else NEVER, False, work, slots, gather, row_weight, tally
            )
        slot += found[j] == 1
    for u in range(len(shape.member_at) - 1):
        held = False
        for m in range(shape.member_at[u], shape.member_at[u + 1]):
            if open_members[m]:
                held = True
                _add_finding(shape, numbers, shape.member[m], slot, True, work, slots, gather, row_weight, tally)
        slot += held


@compiled
def _add_finding(
    shape: Shape,
    numbers: Numbers,
    j: int,
    slot: int,
    shared: bool,
    work: Work,
    slots: Slots,
    gather: Gather,
    row_weight: float,
    tally: Any,
) -> None:
    """Count the leak and the links of a finding; absent (slot NEVER) none fired, and where a slot is shared, its part did."""
    leak_row = numbers.tables.size + numbers.leaks.shape[1] + numbers.activation.shape[1] + j
    link_row = leak_row - j + numbers.findings.shape[1]
    scale = slots.leaks[SCALE, slot] if slot >= 0 else 1.0
    tally[TRIALS, leak_row] += row_weight
    if slot >= 0:
        fired = row_weight * gather.fired[slot, -1]
        if shared and fired > 0.0:
            fired *= numbers.findings[YES, j] / (slots.leaks[YES, slot] * scale)
        tally[SUCCESSES, leak_row] += fired
    for e in range(shape.effect_at[j], shape.effect_at[j + 1]):
        k = shape.effect[e]
        tally[TRIALS, link_row + e] += row_weight * gather.present[k]
        if slot >= 0 and work.causes[SLOTS, k] >> slot & 1:
            fired = row_weight * gather.fired[slot, k]
            if shared and fired > 0.0:
                fired *= numbers.links[YES, e] / (slots.links[YES, slot, k] * scale)
            tally[SUCCESSES, link_row + e] += fired


@compiled
def _count_chain(
    shape: Shape, numbers: Numbers, chain: Chain, work: Work, carried: int, sums: Any, held: float, tally: Any
) -> float:
    """Count the contexts and causes from the cells of a chain; `held` is how much its rows count.

    The sums become 0, and so does what is held: it is returned.
    """
    if held == 0.0:
        return held
    contexts, state, bits, n_axes = shape.contexts, work.contexts, work.bits, 0
    for c in range(state.shape[1]):
        if state[ROLE, c] == KNOWN and not state[SCOPE, c]:
            tally[SUCCESSES, entry_at(contexts, shape.parents, state, c, state[STATE, c])] += held
    for t in range(work.causes.shape[1]):
        n_axes = _open_axes(bits, carried, n_axes, t)
        at, k = chain.steps[CELL_AT, t], chain.steps[CAUSE, t]
        for cell in range(at, at + chain.steps[CELLS, t]):
            of_absent, of_present = sums[SUM_ABSENT, cell], sums[SUM_PRESENT, cell]
            if of_absent == 0.0 and of_present == 0.0:
                continue
            sums[SUM_ABSENT, cell] = sums[SUM_PRESENT, cell] = 0.0
            rest = cell - at
            for i in range(n_axes - 1, -1, -1):
                c = bits[CONTEXT_OF, bits[AXIS, i]]
                state[STATE, c] = rest % contexts[CARD, c]
                rest //= contexts[CARD, c]
            here = of_absent * chain.cells[ABSENT, cell] + of_present * chain.cells[PRESENT, cell]
            for c in range(state.shape[1]):
                if state[PLACE, c] == t:
                    tally[SUCCESSES, entry_at(contexts, shape.parents, state, c, state[STATE, c])] += here
            _count_cause(shape, numbers, state, k, of_absent, of_present, here, tally)
    return 0.0


@inlined
def _open_axes(bits: Any, carried: int, n_axes: int, t: int) -> int:
    """Find the axes of a step as `lay_chain` had them, from those of the step before; returns how many they are."""
    kept = 0
    for i in range(n_axes):
        if bits[LAST, bits[AXIS, i]] >= t:
            bits[AXIS, kept] = bits[AXIS, i]
            kept += 1
    for b in range(carried):
        if bits[FIRST, b] == t:
            bits[AXIS, kept] = b
            kept += 1
    return kept


@compiled
def _count_cause(
    shape: Shape,
    numbers: Numbers,
    state: Any,
    k: int,
    of_absent: float,
    of_present: float,
    here: float,
    tally: Any,
) -> None:
    """Count what may bring about a cause in one cell, which the rows are in `here` times.

    P(a link fires and the cause is present) is the link itself: no other way matters. Of a context that is
    averaged inside the cause they do, where its link has not fired.
    """
    at, tables = leak_at(shape, state, k), numbers.tables
    leak_row = tables.size + at
    link_row = tables.size + numbers.leaks.shape[1]
    tally[SUCCESSES, leak_row] += of_present * numbers.leaks[YES, at]
    tally[TRIALS, leak_row] += here
    for e in range(shape.causes[ACTIVE_AT, k], shape.causes[ACTIVE_AT, k + 1]):
        c, w = shape.active[e], numbers.activation[YES, e]
        if state[ROLE, c] == ABSORBED:
            present = entry_at(shape.contexts, shape.parents, state, c, 1)
            absent = entry_at(shape.contexts, shape.parents, state, c, 0)
            others_absent, others_present = _others(shape, numbers, state, k, at, e)
            others = of_absent * others_absent + of_present * others_present
            fired = tables[present] * w * of_present
            both = fired + tables[present] * numbers.activation[NO, e] * others
            tally[SUCCESSES, link_row + e] += fired
            tally[TRIALS, link_row + e] += both
            tally[SUCCESSES, present] += both
            tally[SUCCESSES, absent] += tables[absent] * others
        elif state[STATE, c] == 1:
            tally[SUCCESSES, link_row + e] += of_present * w
            tally[TRIALS, link_row + e] += here


@inlined
def _others(shape: Shape, numbers: Numbers, state: Any, k: int, at: int, skipped: int) -> tuple[float, float]:
    """Return P(cause absent) and P(cause present) by its leak and all of its links but one."""
    absent, present = numbers.leaks[NO, at], numbers.leaks[YES, at]
    for e in range(shape.causes[ACTIVE_AT, k], shape.causes[ACTIVE_AT, k + 1]):
        if e != skipped:
            w, no_w = link(shape, numbers, state, e)
            present += absent * w
            absent *= no_w
    return absent, present


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
            held = _count_chain(shape, numbers, chain, work, carried, gather.cells, held, tally[0])
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
            held = _count_chain(shape, numbers, chain, work, carried, gather.cells, held, tally[0])
            laid = _lay(shape, numbers, carried, chain, work, n_slots >= own_order)
            if not laid:
                continue
            laid = n_slots < own_order
        log_constant += log_contexts
        if _gather_row(chain, work, slots, n_slots, log_constant, gather, log_evidence[r : r + 1]):
            status[r] = DONE
            _add_cells(chain.steps, work.causes, gather.cells, weights[i])
            held += weights[i]
            out = tally[i if each else 0]
            _add_findings(shape, numbers, found, open_members[r], work, slots, gather, weights[i], out)
            if each:
                held = _count_chain(shape, numbers, chain, work, carried, gather.cells, held, out)
    _count_chain(shape, numbers, chain, work, carried, gather.cells, held, tally[0])


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


count_rows = _entry_point(sources_of(layout, chain, slots, moves))
