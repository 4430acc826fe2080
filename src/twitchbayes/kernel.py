"""The walk over the causes, compiled: one row at a time, the same sums as `twitchbayes.walk` has for a batch.

A row's state is a vector over the subsets of its open positive findings (slots) that have been explained so far, times
the cells of the chain of its contexts (`twitchbayes.chain`). A present cause moves weight from a subset S to S + {j}.
All terms are positive. Where a row would need too much room, or comes near to what a double can hold, the kernel
leaves it to the NumPy engine and says so.

The backward pass needs no more than one move a cause: with g the gradient behind cause k and v the weight before it,
the weight of "k is present" is the sum of v times P(k present) times the transposed move of g.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.chain import (
    BITS,
    Chain,
    Numbers,
    Shape,
    Workspace,
    build_chain,
    compiled,
    lay_chain,
    order_causes,
)

__all__ = ["DONE", "LEFT", "answer_rows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DONE, LEFT = 1, 0  # a row is answered, or left to the NumPy engine

ROOM = 1 << 21  # numbers a row may keep of the states on its way: 16 MB, twice
CHAIN_ROOM = 1 << 16  # cells of all steps of a chain
OWN_ORDER_SLOTS = 5  # from here on the causes are put in an order of the row's own
SCALE_EVERY = 16  # causes between two looks at the size of the state
MAX_OPEN = 20
SMALL = 1e-100
TOO_SMALL = 1e-250  # nearer to the smallest double than this, digits may be lost
NEVER = -1


class Row(NamedTuple):
    """What one row adds to the chain, scratch of one thread.

    Attributes
    ----------
    spared : ndarray, shape (n_causes,)
        Product of (1 - q) over the absent findings of a cause's links.
    ruled_out, forced : ndarray, shape (n_causes,)
        Whether the cause cannot be present (known absent, or a certain finding is absent), and
        whether it is known to be present.
    slots : ndarray, shape (n_causes,)
        The slots that a cause can explain, as bits.
    links, no_links : ndarray, shape (BITS, n_causes)
        Link to each slot, in units of the slot's scale, and 1 - link.
    leaks, no_leaks : ndarray, shape (BITS,)
        Leak of each slot, likewise.
    opened, closed : ndarray, shape (BITS,)
        First and last step with a cause of the slot; NEVER where it has none.
    enter, leave : ndarray, shape (n_causes,)
        The slots that open before a step and close behind it, as bits.
    axes : ndarray, shape (n_causes, MAX_OPEN)
        The slots that are open at each step: subset s has explained `axes[t, i]` if its bit i is set.
    before, before_calm : ndarray, shape (ROOM,)
        The state before each cause, with every cause free and with no serious one so far.
    starts, widths : ndarray, shape (n_causes + 1,)
        Where in `before` the state of each step begins, and its number of open slots.
    scales : ndarray, shape (n_causes,)
        What the state was divided by after each cause.
    """

    spared: Floats
    ruled_out: Flags
    forced: Flags
    slots: Ints
    links: Floats
    no_links: Floats
    leaks: Floats
    no_leaks: Floats
    opened: Ints
    closed: Ints
    enter: Ints
    leave: Ints
    axes: Ints
    before: Floats
    before_calm: Floats
    starts: Ints
    widths: Ints
    scales: Floats


@compiled
def _findings(shape: Shape, numbers: Numbers, found: Any, open_members: Any, row: Row) -> tuple[int, float]:
    """Read the findings of a row; returns the number of slots (NEVER if too many) and ln of what is constant."""
    row.spared[:] = 1.0
    row.slots[:] = 0
    constant, log_constant = 1.0, 0.0
    n_slots = 0
    for j in range(len(found)):
        if found[j] == 0:
            constant *= numbers.no_leaks[j]
            for e in range(shape.effect_at[j], shape.effect_at[j + 1]):
                if numbers.no_links[e] == 0.0:
                    row.ruled_out[shape.effect[e]] = True
                else:
                    row.spared[shape.effect[e]] *= numbers.no_links[e]
        elif found[j] == 1:
            if n_slots == BITS:
                return NEVER, 0.0
            row.leaks[n_slots] = numbers.leaks[j] / numbers.scales[j]
            row.no_leaks[n_slots] = numbers.no_leaks[j]
            for e in range(shape.effect_at[j], shape.effect_at[j + 1]):
                k = shape.effect[e]
                row.slots[k] |= 1 << n_slots
                row.links[n_slots, k] = numbers.links[e] / numbers.scales[j]
                row.no_links[n_slots, k] = numbers.no_links[e]
            constant *= numbers.scales[j]
            n_slots += 1
        if constant < SMALL:
            log_constant += np.log(constant)
            constant = 1.0
    for u in range(len(shape.member_at) - 1):
        first, last = shape.member_at[u], shape.member_at[u + 1]
        if open_members[first:last].any():
            if n_slots == BITS:
                return NEVER, 0.0
            constant *= _union(shape, numbers, open_members, u, n_slots, row)
            n_slots += 1
    return n_slots, log_constant + np.log(constant)


@compiled
def _union(shape: Shape, numbers: Numbers, open_members: Any, u: int, slot: int, row: Row) -> float:
    """Fill the slot of a union from its open members, an OR of noisy-ORs; returns its scale."""
    leak, no_leak = 0.0, 1.0
    row.links[slot] = 0.0
    row.no_links[slot] = 1.0
    for m in range(shape.member_at[u], shape.member_at[u + 1]):
        if not open_members[m]:
            continue
        j = shape.member[m]
        leak += no_leak * numbers.leaks[j]
        no_leak *= numbers.no_leaks[j]
        for e in range(shape.effect_at[j], shape.effect_at[j + 1]):
            k = shape.effect[e]
            row.slots[k] |= 1 << slot
            row.links[slot, k] += row.no_links[slot, k] * numbers.links[e]
            row.no_links[slot, k] *= numbers.no_links[e]
    scale = max(leak, row.links[slot].max())
    scale = scale if scale > 0.0 else 1.0
    row.leaks[slot] = leak / scale
    row.no_leaks[slot] = no_leak
    row.links[slot] /= scale
    return scale


@compiled
def _known_causes(known: Any, row: Row) -> None:
    for k in range(len(known)):
        row.ruled_out[k] = known[k] == 0
        row.forced[k] = known[k] == 1


@compiled
def _spans(row: Row, chain: Chain, n_slots: int) -> float:
    """Find the steps at which each slot is open; returns the product of the leaks of those that no cause explains."""
    row.opened[:n_slots] = NEVER
    row.enter[:] = 0
    row.leave[:] = 0
    for t in range(len(chain.order)):
        k = chain.order[t]
        if row.ruled_out[k]:
            row.slots[k] = 0
        slots, i = row.slots[k], 0
        while slots:
            if slots & 1:
                if row.opened[i] == NEVER:
                    row.opened[i] = t
                row.closed[i] = t
            slots >>= 1
            i += 1
    unexplained = 1.0
    for i in range(n_slots):
        if row.opened[i] == NEVER:
            unexplained *= row.leaks[i]
        else:
            row.enter[row.opened[i]] |= 1 << i
            row.leave[row.closed[i]] |= 1 << i
    return unexplained


@compiled
def _order_for(row: Row, chain: Chain, work: Workspace, shape: Shape, carried: int) -> None:
    """Put the causes in an order in which few slots and contexts are open at once."""
    n_causes = len(chain.order)
    needs = np.zeros((n_causes, 2), np.int64)
    bits = np.ones((2, 64))
    chosen = np.zeros(n_causes, np.bool_)
    for k in range(n_causes):
        needs[k, 0] = work.scopes[k]
        needs[k, 1] = 0 if row.ruled_out[k] else row.slots[k]
        chosen[k] = needs[k, 0] != 0 or needs[k, 1] != 0
    for b in range(carried):
        bits[0, b] = np.log2(shape.cards[work.context_of[b]])
    count = order_causes(needs, bits, shape.serious, chosen, chain.order)
    for k in range(n_causes):
        if not chosen[k]:
            chain.order[count] = k
            count += 1


@compiled
def _is_aside(row: Row, chain: Chain, t: int) -> bool:
    """Whether the cause of step t stands aside: it explains no slot and depends on no carried context."""
    return chain.alone[t] and row.slots[chain.order[t]] == 0


@compiled
def _lay_slots(row: Row, chain: Chain) -> bool:
    """Lay out the state of each step; False if a row would need more room than there is."""
    at, width = 0, 0
    axes = np.empty(MAX_OPEN, np.int64)
    for t in range(len(chain.order)):
        if _is_aside(row, chain, t):
            continue
        enter, i = row.enter[t], 0
        while enter:
            if enter & 1:
                if width == MAX_OPEN:
                    return False
                axes[width] = i
                width += 1
            enter >>= 1
            i += 1
        row.axes[t, :width] = axes[:width]
        row.starts[t], row.widths[t] = at, width
        at += chain.cells[t] << width
        if at > ROOM:
            return False
        stay = 0
        for i in range(width):
            if not row.leave[t] >> axes[i] & 1:
                axes[stay] = axes[i]
                stay += 1
        width = stay
    return True


@compiled
def _move(state: Any, cells: int, t: int, k: int, row: Row) -> None:
    """Move the weight of a state (subsets x cells), in place, to where the present cause k puts it."""
    size = cells << row.widths[t]
    for axis in range(row.widths[t]):
        i = row.axes[t, axis]
        if row.slots[k] >> i & 1:
            q, no_q, run = row.links[i, k], row.no_links[i, k], cells << axis
            for base in range(0, size, 2 * run):
                for a in range(base, base + run):
                    state[a + run] += q * state[a]
                    state[a] *= no_q


@compiled
def _move_back(gradient: Any, cells: int, t: int, k: int, row: Row) -> None:
    """Apply the transpose of `_move` to a gradient, in place."""
    size = cells << row.widths[t]
    for axis in range(row.widths[t]):
        i = row.axes[t, axis]
        if row.slots[k] >> i & 1:
            q, no_q, run = row.links[i, k], row.no_links[i, k], cells << axis
            for base in range(0, size, 2 * run):
                for a in range(base, base + run):
                    gradient[a] = no_q * gradient[a] + q * gradient[a + run]


@compiled
def _mix(state: Any, moved: Any, chain: Chain, t: int, size: int, free: float, spared: float) -> None:
    """Add up a state with the cause absent and with it present: in place, subsets x cells."""
    at, cells = chain.weight_at[t], chain.cells[t]
    for base in range(0, size, cells):
        for c in range(cells):
            absent, present = free * chain.absent[at + c], spared * chain.present[at + c]
            state[base + c] = absent * state[base + c] + present * moved[base + c]


@compiled
def _share(before: Any, start: int, gradient: Any, chain: Chain, t: int, size: int) -> float:
    """Return the sum of before times P(present | cell) times gradient, over subsets and cells."""
    at, cells = chain.weight_at[t], chain.cells[t]
    total = 0.0
    for base in range(0, size, cells):
        for c in range(cells):
            total += before[start + base + c] * chain.present[at + c] * gradient[base + c]
    return total


@compiled
def _take_cells(state: Any, out: Any, subsets: int, chain: Chain, t: int, old_cells: int) -> None:
    """Take a state to the cells of step t: sum out what leaves, spread over what enters, weigh."""
    cells, kept, at = chain.cells[t], chain.kept[t], chain.weight_at[t]
    each = cells // kept
    summed = np.empty(kept)
    for s in range(subsets):
        summed[:] = 0.0
        for a in range(old_cells):
            summed[chain.kept_of[chain.kept_of_at[t] + a]] += state[s * old_cells + a]
        for b in range(kept):
            for c in range(b * each, (b + 1) * each):
                out[s * cells + c] = chain.weights[at + c] * summed[b]


@compiled
def _take_cells_back(gradient: Any, out: Any, subsets: int, chain: Chain, t: int, old_cells: int) -> None:
    """Apply the transpose of `_take_cells` to a gradient."""
    cells, kept, at = chain.cells[t], chain.kept[t], chain.weight_at[t]
    each = cells // kept
    summed = np.empty(kept)
    for s in range(subsets):
        summed[:] = 0.0
        for b in range(kept):
            for c in range(b * each, (b + 1) * each):
                summed[b] += chain.weights[at + c] * gradient[s * cells + c]
        for a in range(old_cells):
            out[s * old_cells + a] = summed[chain.kept_of[chain.kept_of_at[t] + a]]


@compiled
def _enter(state: Any, size: int, row: Row, t: int) -> int:
    """Open the slots of step t, each doubles the subsets by its leak; returns the new size."""
    for axis in range(row.widths[t]):
        i = row.axes[t, axis]
        if row.enter[t] >> i & 1:
            for a in range(size):
                state[size + a] = row.leaks[i] * state[a]
                state[a] *= row.no_leaks[i]
            size *= 2
    return size


@compiled
def _enter_back(gradient: Any, size: int, row: Row, t: int) -> int:
    """Apply the transpose of `_enter` to a gradient."""
    for axis in range(row.widths[t] - 1, -1, -1):
        i = row.axes[t, axis]
        if row.enter[t] >> i & 1:
            size //= 2
            for a in range(size):
                gradient[a] = row.no_leaks[i] * gradient[a] + row.leaks[i] * gradient[size + a]
    return size


@compiled
def _leave(state: Any, size: int, cells: int, row: Row, t: int) -> int:
    """Close the slots of step t: only the subsets that hold them go on; returns the new size."""
    for axis in range(row.widths[t] - 1, -1, -1):
        if row.leave[t] >> row.axes[t, axis] & 1:
            size //= 2
            run = cells << axis
            for base in range(0, size, run):
                for a in range(base, base + run):
                    state[a] = state[a + base + run]
    return size


@compiled
def _leave_back(gradient: Any, size: int, cells: int, row: Row, t: int) -> int:
    """Apply the transpose of `_leave` to a gradient."""
    for axis in range(row.widths[t]):
        if row.leave[t] >> row.axes[t, axis] & 1:
            run = cells << axis
            for base in range(size - run, -1, -run):
                for a in range(base, base + run):
                    gradient[a + base + run] = gradient[a]
                for a in range(base, base + run):
                    gradient[a + base] = 0.0
            size *= 2
    return size


@compiled
def _aside(row: Row, chain: Chain, serious: Any, causes: Any) -> tuple[float, float, float]:
    """Answer the causes that stand aside, in closed form.

    Returns ln of what they multiply P(evidence) by, P(none of them | evidence) and P(a serious one | evidence).
    """
    product, log_product, none, some = 1.0, 0.0, 1.0, 0.0
    for t in range(len(chain.order)):
        if not _is_aside(row, chain, t):
            continue
        k, at = chain.order[t], chain.weight_at[t]
        absent = 0.0 if row.forced[k] else chain.absent[at]
        present = 0.0 if row.ruled_out[k] else chain.present[at] * row.spared[k]
        either = absent + present
        if not either > 0.0:
            return -np.inf, 0.0, 0.0
        causes[k] = present / either
        none *= absent / either
        if serious[k]:
            some += (1.0 - some) * causes[k]
        product *= either
        if product < SMALL:
            log_product += np.log(product)
            product = 1.0
    return log_product + np.log(product), none, some


@compiled
def _forward(row: Row, chain: Chain, serious: Any, states: Any) -> tuple[float, float, float]:
    """Walk the causes forward; returns the ends of the chains "free" and "no cause", and ln of their scale.

    `states` (4, ROOM) is scratch: the free chain, the calm one (no serious cause so far), the one without
    any cause, and what is on the move.
    """
    state, calm, blank, moved = states[0], states[1], states[2], states[3]
    state[0] = blank[0] = 1.0
    size, cells, log_scale, since = 1, 1, 0.0, 0
    parted = False  # until a serious cause is met the calm chain is the free one
    for t in range(len(chain.order) + 1):
        if not chain.same[t]:
            subsets, cells_before, cells = size // cells, cells, chain.cells[t]
            _take_cells(state, moved, subsets, chain, t, cells_before)
            state, moved = moved, state
            if parted:
                _take_cells(calm, moved, subsets, chain, t, cells_before)
                calm, moved = moved, calm
            _take_cells(blank, moved, 1, chain, t, cells_before)
            blank, moved = moved, blank
            size = subsets * cells
        if t == len(chain.order) or _is_aside(row, chain, t):
            continue
        k, start = chain.order[t], row.starts[t]
        spared = 0.0 if row.ruled_out[k] else row.spared[k]
        free = 0.0 if row.forced[k] else 1.0
        if serious[k] and not parted:
            parted = True
            calm[:size] = state[:size]
        if parted:
            _enter(calm, size, row, t)
        size = _enter(state, size, row, t)
        row.before[start : start + size] = state[:size]
        if parted:
            row.before_calm[start : start + size] = calm[:size]
            moved[:size] = calm[:size]
            if not serious[k]:
                _move(moved, cells, t, k, row)
            _mix(calm, moved, chain, t, size, free, 0.0 if serious[k] else spared)
        moved[:size] = state[:size]
        _move(moved, cells, t, k, row)
        _mix(state, moved, chain, t, size, free, spared)
        _mix(blank, blank, chain, t, cells, free, 0.0)
        row.scales[t] = 1.0
        since += 1
        if since == SCALE_EVERY:
            since = 0
            peak = state[:size].max()
            if 0.0 < peak < SMALL:
                state[:size] /= peak
                calm[:size] /= peak
                blank[:cells] /= peak
                row.scales[t] = peak
                log_scale += np.log(peak)
        if parted:
            _leave(calm, size, cells, row, t)
        size = _leave(state, size, cells, row, t)
    return state[0], blank[0], log_scale


@compiled
def _backward(row: Row, chain: Chain, serious: Any, states: Any, start_gradient: float, causes: Any) -> float:
    """Walk back from the end; fills the posteriors of the causes walked and returns P(a serious one | evidence)."""
    gradient, moved = states[0], states[3]
    gradient[0] = start_gradient
    size, cells, some = 1, 1, 0.0
    for t in range(len(chain.order) - 1, -1, -1):
        if not chain.same[t + 1]:
            subsets = size // cells
            _take_cells_back(gradient, moved, subsets, chain, t + 1, chain.cells[t])
            gradient, moved = moved, gradient
            cells = chain.cells[t]
            size = subsets * cells
        if _is_aside(row, chain, t):
            continue
        k, start = chain.order[t], row.starts[t]
        size = _leave_back(gradient, size, cells, row, t)
        if row.scales[t] != 1.0:
            gradient[:size] /= row.scales[t]
        spared = 0.0 if row.ruled_out[k] else row.spared[k]
        free = 0.0 if row.forced[k] else 1.0
        moved[:size] = gradient[:size]
        _move_back(moved, cells, t, k, row)
        causes[k] = spared * _share(row.before, start, moved, chain, t, size)
        if serious[k]:
            some += spared * _share(row.before_calm, start, moved, chain, t, size)
        _mix(gradient, moved, chain, t, size, free, spared)
        size = _enter_back(gradient, size, row, t)
    return some


@compiled
def _answer_row(
    shape: Shape, chain: Chain, row: Row, states: Any, n_slots: int, log_constant: float, causes: Any, rest: Any
) -> int:
    """Answer a row whose chain and slots are laid; fills `causes` and `rest` (none, serious, ln P(evidence))."""
    log_aside, none_aside, some_aside = _aside(row, chain, shape.serious, causes)
    end, blank, log_scale = _forward(row, chain, shape.serious, states)
    if not end > TOO_SMALL or not log_aside > -np.inf:
        return LEFT
    some = _backward(row, chain, shape.serious, states, 1.0 / end, causes)
    for i in range(n_slots):
        if row.opened[i] != NEVER:
            blank *= row.leaks[i]
    rest[0] = min(blank / end * none_aside, 1.0)
    rest[1] = min(some + (1.0 - some) * some_aside, 1.0)
    rest[2] = np.log(end) + log_scale + log_aside + log_constant
    for k in range(len(causes)):
        causes[k] = min(causes[k], 1.0)
        if row.forced[k]:
            causes[k] = 1.0
            if shape.serious[k]:
                rest[1] = 1.0
    return DONE


@compiled
def answer_rows(
    shape: Shape, numbers: Numbers, codes: Any, open_members: Any, rows: Any, causes: Any, rest: Any, status: Any
) -> None:
    """Answer some rows of a batch.

    Parameters
    ----------
    codes : ndarray of int8, shape (n_rows, n_contexts + n_causes + n_findings)
        With the unions resolved; see `Engine.resolve`.
    open_members : ndarray of bool, shape (n_rows, n_members)
    rows : ndarray of int64
        Numbers of the rows to answer; rows with equal contexts should stand together.
    causes, rest, status : ndarray, shapes (n_rows, n_causes), (n_rows, 3), (n_rows,)
        Filled: posteriors; P(none), P(serious) and ln P(evidence) in nats; DONE or LEFT.
    """
    n_contexts, n_causes, n_findings = len(shape.cards), len(shape.serious), len(numbers.leaks)
    chain, work, row = _new_chain(n_causes), _new_workspace(n_contexts, n_causes), _new_row(n_causes)
    states = np.empty((4, ROOM))
    default = np.empty(n_causes, np.int64)
    before = NEVER
    carried, log_contexts, laid, own_order = 0, 0.0, False, False
    for r in rows:
        x = codes[r, :n_contexts]
        if before == NEVER or (x != codes[before, :n_contexts]).any():
            before = r
            carried, log_contexts = build_chain(shape, numbers, x, chain, work)
            laid, own_order = carried <= BITS, True
            if laid:
                _order_default(shape, work, carried, default)
        status[r] = LEFT
        if not laid:
            continue
        _known_causes(codes[r, n_contexts : n_contexts + n_causes], row)
        found = codes[r, n_contexts + n_causes : n_contexts + n_causes + n_findings]
        n_slots, log_constant = _findings(shape, numbers, found, open_members[r], row)
        if n_slots == NEVER or _too_small(row):
            continue
        if n_slots >= OWN_ORDER_SLOTS:
            _order_for(row, chain, work, shape, carried)
            fits = lay_chain(shape, numbers, carried, chain, work)
            own_order = True
        elif own_order:
            chain.order[:] = default
            fits = lay_chain(shape, numbers, carried, chain, work)
            own_order = False
        if not fits:
            own_order = True
            continue
        unexplained = _spans(row, chain, n_slots)
        if unexplained > 0.0 and _lay_slots(row, chain):
            log_constant += log_contexts + np.log(unexplained)
            status[r] = _answer_row(shape, chain, row, states, n_slots, log_constant, causes[r], rest[r])


@compiled
def _too_small(row: Row) -> bool:
    """Whether a product over absent findings has come near the smallest double."""
    for k in range(len(row.spared)):
        if row.spared[k] < TOO_SMALL and not row.ruled_out[k]:
            return True
    return False


@compiled
def _order_default(shape: Shape, work: Workspace, carried: int, order: Any) -> None:
    """Put the causes in an order in which few contexts are open at once, whatever the findings; serious ones late."""
    n_causes = len(order)
    if carried == 0:
        count = 0
        for serious in (False, True):
            for k in range(n_causes):
                if shape.serious[k] == serious:
                    order[count] = k
                    count += 1
        return
    needs = np.zeros((n_causes, 1), np.int64)
    bits = np.ones((1, 64))
    for k in range(n_causes):
        needs[k, 0] = work.scopes[k]
    for b in range(carried):
        bits[0, b] = np.log2(shape.cards[work.context_of[b]])
    order_causes(needs, bits, shape.serious, np.ones(n_causes, np.bool_), order)


@compiled
def _new_chain(n_causes: int) -> Chain:
    return Chain(
        np.empty(n_causes, np.int64),
        np.empty(n_causes, np.int64),
        np.empty(n_causes + 1, np.int64),
        np.empty(n_causes + 1, np.int64),
        np.empty(n_causes + 1, np.bool_),
        np.empty(n_causes + 1, np.int64),
        np.empty(CHAIN_ROOM, np.int64),
        np.empty(n_causes + 1, np.int64),
        np.empty(CHAIN_ROOM),
        np.empty(n_causes, np.bool_),
        np.empty(CHAIN_ROOM),
        np.empty(CHAIN_ROOM),
    )


@compiled
def _new_workspace(n_contexts: int, n_causes: int) -> Workspace:
    return Workspace(
        np.empty(n_contexts, np.int64),
        np.empty(n_contexts, np.int64),
        np.empty(n_contexts, np.bool_),
        np.empty(n_causes, np.int64),
        np.empty(n_contexts, np.int64),
        np.empty(n_contexts, np.int64),
        np.empty(BITS, np.int64),
        np.empty(BITS, np.int64),
        np.empty(BITS, np.int64),
        np.empty(BITS, np.int64),
        np.empty(BITS, np.int64),
    )


@compiled
def _new_row(n_causes: int) -> Row:
    return Row(
        np.empty(n_causes),
        np.empty(n_causes, np.bool_),
        np.empty(n_causes, np.bool_),
        np.empty(n_causes, np.int64),
        np.empty((BITS, n_causes)),
        np.empty((BITS, n_causes)),
        np.empty(BITS),
        np.empty(BITS),
        np.empty(BITS, np.int64),
        np.empty(BITS, np.int64),
        np.empty(n_causes, np.int64),
        np.empty(n_causes, np.int64),
        np.empty((n_causes, MAX_OPEN), np.int64),
        np.empty(ROOM),
        np.empty(ROOM),
        np.empty(n_causes, np.int64),
        np.empty(n_causes, np.int64),
        np.empty(n_causes),
    )
