"""Tallies of hidden events, compiled: what was gathered of a row becomes successes and trials of each number.

A tally has an entry for each number of `twitchbayes.layout.Numbers`, its arrays one after the other. What a row adds to
the cells of its chain is kept in two numbers a cell, which P(cause absent | cell) and P(cause present | cell) are
multiplied by. Rows with equal contexts share the chain and are added up before contexts and causes get their counts
from the cells. All terms are positive.
"""

from __future__ import annotations

from typing import Any

from twitchbayes.chain import entry_at, find_tables, leak_at, link
from twitchbayes.layout import (
    ABSENT,
    ABSORBED,
    ACTIVE_AT,
    ALONE,
    AXIS,
    CARD,
    CAUSE,
    CELL_AT,
    CELLS,
    CONTEXT_OF,
    FIRST,
    KNOWN,
    LAST,
    NEVER,
    NO,
    OF_ABSENT,
    OF_PRESENT,
    PRESENT,
    ROLE,
    SCALE,
    SCOPE,
    SLOTS,
    STATE,
    SUCCESSES,
    SUM_ABSENT,
    SUM_PRESENT,
    TRIALS,
    YES,
    Chain,
    Gather,
    Numbers,
    Shape,
    Slots,
    Work,
    compiled,
    inlined,
)

__all__ = ["add_cells", "add_findings", "count_chain", "stands_aside"]


@inlined
def stands_aside(steps: Any, causes: Any, t: int) -> bool:
    """Whether the cause of a step is in no state: it explains no slot and depends on no carried context."""
    return steps[ALONE, t] != 0 and causes[SLOTS, steps[CAUSE, t]] == 0


@compiled
def add_cells(steps: Any, causes: Any, cells: Any, row_weight: float) -> None:
    """Add what a row has in the cells of its chain to what the rows before it had."""
    for t in range(steps.shape[1] - 2):
        at = steps[CELL_AT, t]
        count = 1 if stands_aside(steps, causes, t) else steps[CELLS, t]
        of_absent, of_present = cells[OF_ABSENT, at : at + count], cells[OF_PRESENT, at : at + count]
        sum_absent, sum_present = cells[SUM_ABSENT, at : at + count], cells[SUM_PRESENT, at : at + count]
        for c in range(count):
            sum_absent[c] += row_weight * of_absent[c]
            sum_present[c] += row_weight * of_present[c]


@compiled
def add_findings(
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
    """Count the leak and the links of a finding: absent (slot NEVER) none fired; of a shared slot it has its part."""
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
def count_chain(
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
        n_tables = find_tables(state, work.placed, t) if carried else 0
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
            for i in range(n_tables):
                c = work.placed[i]
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
