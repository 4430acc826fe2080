"""Contexts summed out: what a row says of its contexts becomes a chain of small steps that a walk over the causes takes.

Compiled with Numba. The unknown contexts that several causes share are carried from the first cause that needs them
to the last; their joint states are the cells of a step. A context that one cause alone depends on is averaged into
that cause. The chain depends on the contexts of a row only: rows that agree in them share it.

The causes' numbers are made with positive terms only: with each further way to be present, P(present) grows by
P(absent so far) times its chance, and P(absent) shrinks by its complement.

A call in compiled code passes each array as seven numbers and more, so what belongs together lies in the rows of few
arrays; the constants below name the rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["BITS", "Chain", "Numbers", "Shape", "Work", "compiled", "lay_chain", "order_causes", "read_contexts", "summing"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BITS = 62  # carried contexts, or slots, that fit one integer

# Rows of Shape.contexts: states of the context; contexts with children before parents; where its parents and its table
# begin; whether a cause depends on it, whether by strata; the only cause linked to it, or -1.
CARD, CHILD_FIRST, PARENT_AT, TABLE_AT, USED, STRATIFIES, USER = range(7)
# Rows of Shape.causes: where strata, leaks and active contexts of the cause begin; whether it is serious.
STRATUM_AT, LEAK_AT, ACTIVE_AT, SERIOUS = range(4)
# Rows of Shape.parents and Shape.strata: the context; entries that a step in its state moves on.
CONTEXT, STRIDE = 0, 1
# Rows of numbers: p and 1 - p, to full relative precision.
YES, NO = 0, 1
# Rows of Chain.steps: the cause; cells; cells kept of the step before; whether the cells are taken over as they are;
# where Chain.kept_of and Chain.cells begin; whether the cause depends on no carried context. The last are the row's:
# slots that open before the step, and close behind it; where its state begins; how many slots are open.
CAUSE, CELLS, KEPT, SAME, KEPT_AT, CELL_AT, ALONE, ENTER, LEAVE, START, WIDTH = range(11)
# Rows of Chain.cells.
WEIGHT, ABSENT, PRESENT = range(3)
# Rows of Work.contexts: the role; the bit of a carried context; whether a child needs it; the carried contexts that its
# table depends on, as bits; its state; the step at which its table is multiplied in.
ROLE, BIT, WANTED, SCOPE, STATE, PLACE = range(6)
# Roles.
KNOWN, BARREN, ABSORBED, CARRIED = range(4)
# Rows of Work.causes: carried contexts and slots that the cause needs open, as bits; whether it is still to be ordered;
# the order by contexts alone; whether it is known absent (0), known present (1) or unknown (-1).
CONTEXTS, SLOTS, CHOSEN, DEFAULT, STATED = range(5)
# Rows of Work.bits: first and last step at which a carried context is open; the axes of a step and of the one before;
# the context of a bit; how many causes yet need the context, and the slot, of a bit.
FIRST, LAST, AXIS, OLD_AXIS, CONTEXT_OF, CONTEXT_LEFT, SLOT_LEFT = range(7)


def compiled(function: Any) -> Any:
    """Compile a function on its first call, to run without the interpreter's lock.

    Nothing is allocated in compiled code here, so that arrays need no counting of references.
    """
    return njit(function, nogil=True, error_model="numpy", _nrt=False)


def inlined(function: Any) -> Any:
    """Compile a function into its callers: for small ones with many arrays, which a call would cost more."""
    return njit(function, nogil=True, error_model="numpy", _nrt=False, inline="always")


def summing(function: Any) -> Any:
    """Compile a function likewise, free to add up in another order: for sums of positive terms."""
    return njit(function, nogil=True, error_model="numpy", _nrt=False, fastmath={"reassoc", "contract"})


class Shape(NamedTuple):
    """The structure of a network, flat: `at[i]` to `at[i + 1]` are the entries of i.

    `contexts` (7, n_contexts + 1) and `causes` (4, n_causes + 1) have their rows named above; `parents`
    (2, n) and `strata` (2, n) are contexts and strides; `active` (n,) are the contexts linked to each cause;
    `effect_at` and `effect` the causes linked to each finding; `member_at` and `member` the findings that
    each union is the OR of.
    """

    contexts: Ints
    causes: Ints
    parents: Ints
    strata: Ints
    active: Ints
    effect_at: Ints
    effect: Ints
    member_at: Ints
    member: Ints


class Numbers(NamedTuple):
    """The numbers of a network, in the order of its shape.

    `tables` (n,) are those of the contexts; `leaks` (2, n) of the causes, `activation` (2, n) and `links`
    (2, n) have p and 1 - p; `findings` (3, n_findings) has leak, 1 - leak, and the largest leak or link,
    the unit in which the explanation of a finding is counted.
    """

    tables: Floats
    leaks: Floats
    activation: Floats
    links: Floats
    findings: Floats


class Chain(NamedTuple):
    """One step a cause and one at the end: the cells, how they come from those of the step before, the numbers.

    `steps` (11, n_causes + 1) and `cells` (3, room) have their rows named above; `kept_of` (room,) is, for
    each cell of the step before, the kept cell that it is summed into. Entering contexts vary fastest, so
    that cell // (cells // kept) is the kept cell that a cell comes from.
    """

    steps: Ints
    kept_of: Ints
    cells: Floats


class Work(NamedTuple):
    """Scratch of one thread: `contexts` (6, n), `causes` (5, n) and `bits` (7, BITS) have their rows named above.

    `sizes` (2, BITS) is log2 of what each open context, and each open slot, multiplies the state by; `placed`
    and `links` are the contexts whose tables belong to a step, and the links of its cause that differ by cell.
    """

    contexts: Ints
    causes: Ints
    bits: Ints
    sizes: Floats
    placed: Ints
    links: Ints


@compiled
def read_contexts(shape: Shape, numbers: Numbers, x: Any, work: Work) -> tuple[int, float]:
    """Prepare a chain for contexts with states `x` (-1 unknown): their roles and scopes.

    Returns the number of carried contexts, and ln of the tables that depend on none of them, in nats.
    """
    contexts, parents = shape.contexts, shape.parents
    carried = _roles(contexts, parents, x, work.contexts, work.bits)
    if carried > BITS:
        return carried, 0.0
    for b in range(carried):
        work.sizes[0, b] = np.log2(contexts[CARD, work.bits[CONTEXT_OF, b]])
    _cause_scopes(shape, work)
    product, log_constant = 1.0, 0.0
    for c in range(len(x)):
        state = work.contexts
        state[SCOPE, c] = 0
        if state[ROLE, c] == KNOWN or state[ROLE, c] == CARRIED:
            own = 1 << state[BIT, c] if state[BIT, c] >= 0 else 0
            state[SCOPE, c] = own | _parents_mask(contexts, parents, state, c)
        if state[ROLE, c] == KNOWN and not state[SCOPE, c]:
            product *= _entry(contexts, parents, numbers.tables, state, c, state[STATE, c])
            if product < 1e-200:
                log_constant += np.log(product)
                product = 1.0
    return carried, log_constant + np.log(product)


@compiled
def _roles(contexts: Any, parents: Any, x: Any, state: Any, bits: Any) -> int:
    """Say which contexts are known, barren, absorbed or carried; returns the number of carried ones."""
    carried = 0
    n_contexts = len(x)
    for c in range(n_contexts):
        state[WANTED, c] = 0
        state[STATE, c] = max(x[c], 0)
    for i in range(n_contexts):
        c = contexts[CHILD_FIRST, i]
        state[BIT, c] = -1
        if x[c] >= 0:
            state[ROLE, c] = KNOWN
        elif not contexts[USED, c] and not state[WANTED, c]:
            state[ROLE, c] = BARREN
            continue
        elif contexts[USER, c] >= 0 and not contexts[STRATIFIES, c] and not state[WANTED, c]:
            state[ROLE, c] = ABSORBED
        else:
            state[ROLE, c] = CARRIED
            if carried < BITS:
                state[BIT, c] = carried
                bits[CONTEXT_OF, carried] = c
            carried += 1
        for e in range(contexts[PARENT_AT, c], contexts[PARENT_AT, c + 1]):
            state[WANTED, parents[CONTEXT, e]] = 1
    return carried


@inlined
def _parents_mask(contexts: Any, parents: Any, state: Any, c: int) -> int:
    """Return the carried parents of a context, as bits."""
    mask = 0
    for e in range(contexts[PARENT_AT, c], contexts[PARENT_AT, c + 1]):
        b = state[BIT, parents[CONTEXT, e]]
        if b >= 0:
            mask |= 1 << b
    return mask


@compiled
def _cause_scopes(shape: Shape, work: Work) -> None:
    """Note the carried contexts that each cause depends on, those behind absorbed ones included, as bits."""
    state = work.contexts
    for k in range(work.causes.shape[1]):
        mask = 0
        for e in range(shape.causes[STRATUM_AT, k], shape.causes[STRATUM_AT, k + 1]):
            b = state[BIT, shape.strata[CONTEXT, e]]
            if b >= 0:
                mask |= 1 << b
        for e in range(shape.causes[ACTIVE_AT, k], shape.causes[ACTIVE_AT, k + 1]):
            c = shape.active[e]
            if state[BIT, c] >= 0:
                mask |= 1 << state[BIT, c]
            elif state[ROLE, c] == ABSORBED:
                mask |= _parents_mask(shape.contexts, shape.parents, state, c)
        work.causes[CONTEXTS, k] = mask


@compiled
def order_causes(work: Work, serious: Any, order: Any) -> int:
    """Order the chosen causes so that what is open stays small: next is the one that makes it grow least.

    Returns how many there are.
    """
    causes, bits, sizes = work.causes, work.bits, work.sizes
    count = _count_needs(causes, bits)
    contexts = slots = 0
    for step in range(count):
        best, best_score = -1, np.inf
        for k in range(causes.shape[1]):
            if causes[CHOSEN, k]:
                score = _growth(causes[CONTEXTS, k], bits[CONTEXT_LEFT], sizes[0], contexts)
                score += _growth(causes[SLOTS, k], bits[SLOT_LEFT], sizes[1], slots) + 1e-6 * serious[k]
                if score < best_score:
                    best, best_score = k, score
        order[step] = best
        causes[CHOSEN, best] = 0
        contexts = _open_needs(causes[CONTEXTS, best], bits[CONTEXT_LEFT], contexts)
        slots = _open_needs(causes[SLOTS, best], bits[SLOT_LEFT], slots)
    return count


@compiled
def _count_needs(causes: Any, bits: Any) -> int:
    """Count the chosen causes, and for each bit those that need it."""
    for b in range(BITS):
        bits[CONTEXT_LEFT, b] = bits[SLOT_LEFT, b] = 0
    count = 0
    for k in range(causes.shape[1]):
        if causes[CHOSEN, k]:
            count += 1
            for word in range(2):
                rest, b = causes[CONTEXTS + word, k], 0
                while rest:
                    bits[CONTEXT_LEFT + word, b] += rest & 1
                    rest >>= 1
                    b += 1
    return count


@compiled
def _growth(needs: int, left: Any, sizes: Any, live: int) -> float:
    """Return log2 of how much the state grows with a cause, less what it shrinks by afterwards."""
    growth, b = 0.0, 0
    while needs:
        if needs & 1:
            if not live >> b & 1:
                growth += 1.001 * sizes[b]
            if left[b] == 1:
                growth -= sizes[b]
        needs >>= 1
        b += 1
    return growth


@compiled
def _open_needs(needs: int, left: Any, live: int) -> int:
    """Return what is open behind a cause."""
    b = 0
    while needs:
        if needs & 1:
            left[b] -= 1
            live = live | 1 << b if left[b] else live & ~(1 << b)
        needs >>= 1
        b += 1
    return live


@compiled
def lay_chain(shape: Shape, numbers: Numbers, carried: int, chain: Chain, work: Work) -> bool:
    """Lay the steps of a chain along the causes in its steps; False if it has more cells than there is room for."""
    steps, bits = chain.steps, work.bits
    n_steps, room = steps.shape[1] - 1, chain.cells.shape[1]
    _spans(steps, work.contexts, work.causes, bits, carried)
    n_old, old_cells, at, kept_at = 0, 1, 0, 0
    for t in range(n_steps + 1):
        n_kept, kept = _keep_axes(shape.contexts, bits, n_old, t)
        n_axes, cells = n_kept, kept
        for b in range(carried):
            if bits[FIRST, b] == t:
                bits[AXIS, n_axes] = b
                n_axes += 1
                cells *= shape.contexts[CARD, bits[CONTEXT_OF, b]]
        # The last step is of all contexts past, and one cell.
        if at + cells > room or kept_at + old_cells > room or cells > room >> 4:
            return False
        steps[CELLS, t], steps[KEPT, t], steps[KEPT_AT, t], steps[CELL_AT, t] = cells, kept, kept_at, at
        n_tables = _find_tables(work.contexts, work.placed, t) if carried else 0
        steps[SAME, t] = n_kept == n_old and n_axes == n_kept and not n_tables
        if not steps[SAME, t]:
            _map_kept(shape.contexts, bits, chain.kept_of, n_old, old_cells, kept_at, t)
            kept_at += old_cells
        if t < n_steps:
            steps[ALONE, t] = work.causes[CONTEXTS, steps[CAUSE, t]] == 0
            _fill_cells(shape, numbers, chain, work, n_axes, t, n_tables)
        else:
            chain.cells[WEIGHT, at] = 1.0
        at += cells
        n_old, old_cells = n_axes, cells
        for i in range(n_axes):
            bits[OLD_AXIS, i] = bits[AXIS, i]
    return True


@compiled
def _spans(steps: Any, contexts: Any, causes: Any, bits: Any, carried: int) -> None:
    """Find the first and last step at which each carried context is open, and the step of each context's table."""
    n_steps, n_contexts = steps.shape[1] - 1, contexts.shape[1]
    for b in range(carried):
        bits[FIRST, b], bits[LAST, b] = n_steps, -1
    if carried:
        for t in range(n_steps):
            scope = causes[CONTEXTS, steps[CAUSE, t]]
            for b in range(carried):
                if scope >> b & 1:
                    bits[FIRST, b], bits[LAST, b] = min(bits[FIRST, b], t), max(bits[LAST, b], t)
    changed = carried > 0
    while changed:
        changed = False
        for c in range(n_contexts):
            scope = contexts[SCOPE, c]
            place = _place(bits, scope, carried, n_steps)
            for b in range(carried):
                if scope >> b & 1 and not bits[FIRST, b] <= place <= bits[LAST, b]:
                    bits[FIRST, b], bits[LAST, b] = min(bits[FIRST, b], place), max(bits[LAST, b], place)
                    changed = True
    for c in range(n_contexts):
        scope = contexts[SCOPE, c]
        contexts[PLACE, c] = _place(bits, scope, carried, n_steps) if scope else -1


@inlined
def _place(bits: Any, scope: int, carried: int, n_steps: int) -> int:
    """Return the first step at which a whole scope is open, as far as it is placed yet."""
    place = -1
    for b in range(carried):
        if scope >> b & 1 and bits[LAST, b] >= 0:
            place = max(place, bits[FIRST, b])
    return place if place >= 0 else n_steps - 1


@inlined
def _keep_axes(contexts: Any, bits: Any, n_old: int, t: int) -> tuple[int, int]:
    """Keep the axes of the step before that are still open; returns how many they are and their cells."""
    n_kept, kept = 0, 1
    for i in range(n_old):
        b = bits[OLD_AXIS, i]
        if bits[LAST, b] >= t:
            bits[AXIS, n_kept] = b
            n_kept += 1
            kept *= contexts[CARD, bits[CONTEXT_OF, b]]
    return n_kept, kept


@inlined
def _find_tables(contexts: Any, placed: Any, t: int) -> int:
    """Note the contexts whose tables are multiplied in at a step; returns how many they are."""
    count = 0
    for c in range(contexts.shape[1]):
        if contexts[PLACE, c] == t:
            placed[count] = c
            count += 1
    return count


@compiled
def _map_kept(contexts: Any, bits: Any, kept_of: Any, n_old: int, old_cells: int, at: int, t: int) -> None:
    """Note the kept cell that each cell of the step before is summed into."""
    for cell in range(old_cells):
        rest, kept, scale = cell, 0, 1
        for i in range(n_old - 1, -1, -1):
            b = bits[OLD_AXIS, i]
            card = contexts[CARD, bits[CONTEXT_OF, b]]
            if bits[LAST, b] >= t:
                kept += scale * (rest % card)
                scale *= card
            rest //= card
        kept_of[at + cell] = kept


@compiled
def _fill_cells(
    shape: Shape, numbers: Numbers, chain: Chain, work: Work, n_axes: int, t: int, n_tables: int
) -> None:
    """Fill the weights of a step's cells and the numbers of its cause in them."""
    contexts, state, cells = shape.contexts, work.contexts, chain.cells
    k, start, alone = chain.steps[CAUSE, t], chain.steps[CELL_AT, t], chain.steps[ALONE, t]
    fixed_absent, fixed_present, n_links = _fixed_links(shape, numbers, work, k)
    for at in range(start, start + chain.steps[CELLS, t]):
        rest = at - start
        for i in range(n_axes - 1, -1, -1):
            c = work.bits[CONTEXT_OF, work.bits[AXIS, i]]
            state[STATE, c] = rest % contexts[CARD, c]
            rest //= contexts[CARD, c]
        cells[WEIGHT, at] = 1.0
        for i in range(n_tables):
            c = work.placed[i]
            cells[WEIGHT, at] *= _entry(contexts, shape.parents, numbers.tables, state, c, state[STATE, c])
        if alone and at > start:
            cells[ABSENT, at], cells[PRESENT, at] = cells[ABSENT, start], cells[PRESENT, start]
            continue
        absent, present = _cause(shape, numbers, state, k, work.links, n_links)
        cells[ABSENT, at], cells[PRESENT, at] = absent * fixed_absent, present + absent * fixed_present


@inlined
def _fixed_links(shape: Shape, numbers: Numbers, work: Work, k: int) -> tuple[float, float, int]:
    """Take the links of a cause that are the same in all cells; returns P(none produces it), P(some), and the others.

    The others are noted in `work.links`; their number is the last that is returned.
    """
    state, absent, present, count = work.contexts, 1.0, 0.0, 0
    for e in range(shape.causes[ACTIVE_AT, k], shape.causes[ACTIVE_AT, k + 1]):
        c = shape.active[e]
        if state[ROLE, c] == CARRIED or (
            state[ROLE, c] == ABSORBED and _parents_mask(shape.contexts, shape.parents, state, c)
        ):
            work.links[count] = e
            count += 1
        else:
            w, no_w = _link(shape, numbers, state, e)
            present += absent * w
            absent *= no_w
    return absent, present, count


@inlined
def _entry(contexts: Any, parents: Any, tables: Any, state: Any, c: int, own: int) -> float:
    """Return P(context c = own | the states of its parents)."""
    at = contexts[TABLE_AT, c] + own
    for e in range(contexts[PARENT_AT, c], contexts[PARENT_AT, c + 1]):
        at += parents[STRIDE, e] * state[STATE, parents[CONTEXT, e]]
    return tables[at]


@inlined
def _link(shape: Shape, numbers: Numbers, state: Any, e: int) -> tuple[float, float]:
    """Return the chance that a context produces a cause, averaged where it is absorbed, and 1 - chance."""
    c = shape.active[e]
    w, no_w = numbers.activation[YES, e], numbers.activation[NO, e]
    if state[ROLE, c] == ABSORBED:
        present = _entry(shape.contexts, shape.parents, numbers.tables, state, c, 1)
        absent = _entry(shape.contexts, shape.parents, numbers.tables, state, c, 0)
        return w * present, no_w * present + absent
    if state[STATE, c] == 1:
        return w, no_w
    return 0.0, 1.0


@inlined
def _cause(shape: Shape, numbers: Numbers, state: Any, k: int, links: Any, n_links: int) -> tuple[float, float]:
    """Return P(cause absent) and P(cause present) by its leak and some of its links, given the contexts' states."""
    at = shape.causes[LEAK_AT, k]
    for e in range(shape.causes[STRATUM_AT, k], shape.causes[STRATUM_AT, k + 1]):
        at += shape.strata[STRIDE, e] * state[STATE, shape.strata[CONTEXT, e]]
    absent, present = numbers.leaks[NO, at], numbers.leaks[YES, at]
    for i in range(n_links):
        w, no_w = _link(shape, numbers, state, links[i])
        present += absent * w
        absent *= no_w
    return absent, present
