"""Contexts summed out: what a row says of its contexts becomes a chain of small steps for the walk over the causes.

Compiled with Numba. The unknown contexts that several causes share are carried from the first cause that needs them
to the last; their joint states are the cells of a step. A context that one cause alone depends on is averaged into
that cause. The chain depends on the contexts of a row only: rows that agree in them share it.

The causes' numbers are made with positive terms only: with each further way to be present, P(present) grows by
P(absent so far) times its chance, and P(absent) shrinks by its complement.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twitchbayes.layout import (
    ABSENT,
    ABSORBED,
    ACTIVE_AT,
    ALONE,
    AXIS,
    BARREN,
    BIT,
    BITS,
    CARD,
    CARRIED,
    CAUSE,
    CELL_AT,
    CELLS,
    CHILD_FIRST,
    CONTEXT,
    CONTEXT_OF,
    CONTEXTS,
    EACH,
    FIRST,
    INNER,
    KNOWN,
    LAST,
    LEAK_AT,
    LEAVING_AT,
    NEVER,
    NO,
    OLD_AXIS,
    PARENT_AT,
    PLACE,
    PRESENT,
    ROLE,
    SAME,
    SCOPE,
    STATE,
    STATES,
    STRATIFIES,
    STRATUM_AT,
    STRIDE,
    TABLE_AT,
    USED,
    USER,
    WANTED,
    WEIGHT,
    YES,
    Chain,
    Numbers,
    Shape,
    Work,
    compiled,
    inlined,
)

__all__ = ["entry", "entry_at", "find_tables", "lay_chain", "leak_at", "link", "read_contexts", "same_contexts"]


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
            product *= entry(contexts, parents, numbers.tables, state, c, state[STATE, c])
            if product < 1e-200:
                log_constant += np.log(product)
                product = 1.0
    return carried, log_constant + np.log(product)


@compiled
def same_contexts(codes: Any, row: int, other: int, n_contexts: int) -> bool:
    """Whether two rows agree in their contexts; none does with the row NEVER."""
    if other == NEVER:
        return False
    for c in range(n_contexts):
        if codes[row, c] != codes[other, c]:
            return False
    return True


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
def lay_chain(shape: Shape, numbers: Numbers, carried: int, chain: Chain, work: Work) -> bool:
    """Lay the steps of a chain along the causes in its steps; False if it has more cells than there is room for."""
    steps, bits = chain.steps, work.bits
    n_steps, room = steps.shape[1] - 2, chain.cells.shape[1]
    _spans(steps, work.contexts, work.causes, bits, carried)
    n_old, at, n_leaving = 0, 0, 0
    for t in range(n_steps + 1):
        steps[LEAVING_AT, t], steps[CELL_AT, t] = n_leaving, at
        n_axes, kept, n_leaving = _keep_axes(shape.contexts, bits, chain.leaving, n_old, n_leaving, t)
        changed = n_axes != n_old
        cells = kept
        for b in range(carried):
            if bits[FIRST, b] == t:
                bits[AXIS, n_axes] = b
                n_axes += 1
                cells *= shape.contexts[CARD, bits[CONTEXT_OF, b]]
                changed = True
                if cells > room >> 4:  # looked at each time: the whole product need not fit an integer
                    return False
        if at + cells > room:
            return False
        n_tables = find_tables(work.contexts, work.placed, t) if carried else 0
        steps[CELLS, t], steps[EACH, t], steps[SAME, t] = cells, cells // kept, not changed and not n_tables
        if t < n_steps:
            steps[ALONE, t] = work.causes[CONTEXTS, steps[CAUSE, t]] == 0
            _fill_cells(shape, numbers, chain, work, n_axes, t, n_tables)
        else:
            chain.cells[WEIGHT, at] = 1.0
        at += cells
        n_old = n_axes
        for i in range(n_axes):
            bits[OLD_AXIS, i] = bits[AXIS, i]
    steps[LEAVING_AT, n_steps + 1] = n_leaving
    return True


@compiled
def _spans(steps: Any, contexts: Any, causes: Any, bits: Any, carried: int) -> None:
    """Find the first and last step at which each carried context is open, and the step of each context's table."""
    n_steps, n_contexts = steps.shape[1] - 2, contexts.shape[1]
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
def _keep_axes(contexts: Any, bits: Any, leaving: Any, n_old: int, n_leaving: int, t: int) -> tuple[int, int, int]:
    """Keep the axes of the step before that are still open, and note the others.

    Returns how many are kept, their cells, and how many have been noted so far.
    """
    n_kept, kept = 0, 1
    for i in range(n_old - 1, -1, -1):
        b = bits[OLD_AXIS, i]
        card = contexts[CARD, bits[CONTEXT_OF, b]]
        if bits[LAST, b] >= t:
            kept *= card
        else:
            leaving[STATES, n_leaving], leaving[INNER, n_leaving] = card, kept
            n_leaving += 1
    for i in range(n_old):
        b = bits[OLD_AXIS, i]
        if bits[LAST, b] >= t:
            bits[AXIS, n_kept] = b
            n_kept += 1
    return n_kept, kept, n_leaving


@inlined
def find_tables(contexts: Any, placed: Any, t: int) -> int:
    """Note the contexts whose tables are multiplied in at a step; returns how many they are."""
    count = 0
    for c in range(contexts.shape[1]):
        if contexts[PLACE, c] == t:
            placed[count] = c
            count += 1
    return count


@compiled
def _fill_cells(shape: Shape, numbers: Numbers, chain: Chain, work: Work, n_axes: int, t: int, n_tables: int) -> None:
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
            cells[WEIGHT, at] *= entry(contexts, shape.parents, numbers.tables, state, c, state[STATE, c])
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
            w, no_w = link(shape, numbers, state, e)
            present += absent * w
            absent *= no_w
    return absent, present, count


@inlined
def entry(contexts: Any, parents: Any, tables: Any, state: Any, c: int, own: int) -> float:
    """Return P(context c = own | the states of its parents)."""
    return tables[entry_at(contexts, parents, state, c, own)]


@inlined
def entry_at(contexts: Any, parents: Any, state: Any, c: int, own: int) -> int:
    """Return where P(context c = own | the states of its parents) stands in the tables."""
    at = contexts[TABLE_AT, c] + own
    for e in range(contexts[PARENT_AT, c], contexts[PARENT_AT, c + 1]):
        at += parents[STRIDE, e] * state[STATE, parents[CONTEXT, e]]
    return at


@inlined
def link(shape: Shape, numbers: Numbers, state: Any, e: int) -> tuple[float, float]:
    """Return the chance that a context produces a cause, averaged where it is absorbed, and 1 - chance."""
    c = shape.active[e]
    w, no_w = numbers.activation[YES, e], numbers.activation[NO, e]
    if state[ROLE, c] == ABSORBED:
        present = entry(shape.contexts, shape.parents, numbers.tables, state, c, 1)
        absent = entry(shape.contexts, shape.parents, numbers.tables, state, c, 0)
        return w * present, no_w * present + absent
    if state[STATE, c] == 1:
        return w, no_w
    return 0.0, 1.0


@inlined
def leak_at(shape: Shape, state: Any, k: int) -> int:
    """Return where the leak of cause k, in the stratum of the contexts' states, stands among the leaks."""
    at = shape.causes[LEAK_AT, k]
    for e in range(shape.causes[STRATUM_AT, k], shape.causes[STRATUM_AT, k + 1]):
        at += shape.strata[STRIDE, e] * state[STATE, shape.strata[CONTEXT, e]]
    return at


@inlined
def _cause(shape: Shape, numbers: Numbers, state: Any, k: int, links: Any, n_links: int) -> tuple[float, float]:
    """Return P(cause absent) and P(cause present) by its leak and some of its links, given the contexts' states."""
    at = leak_at(shape, state, k)
    absent, present = numbers.leaks[NO, at], numbers.leaks[YES, at]
    for i in range(n_links):
        w, no_w = link(shape, numbers, state, links[i])
        present += absent * w
        absent *= no_w
    return absent, present
