"""The findings of a row: the slots that have to be explained, the order of the causes, and what is open at each step.

Compiled with Numba. A slot is a positive finding, or a union of which some member must be present.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twitchbayes.layout import (
    ALONE,
    BITS,
    CAUSE,
    CELLS,
    CHOSEN,
    CLOSED,
    CONTEXT_LEFT,
    CONTEXTS,
    CONTRADICTED,
    DEFAULT,
    ENTER,
    LEAVE,
    MAX_OPEN,
    NEVER,
    NO,
    OPEN,
    OPENED,
    SCALE,
    SLOT_LEFT,
    SLOTS,
    SMALL,
    SPARED,
    START,
    STATED,
    WIDTH,
    YES,
    Chain,
    Numbers,
    Shape,
    Slots,
    Work,
    compiled,
)

__all__ = ["is_left_out", "lay_slots", "order_by_contexts", "order_for_row", "read_findings"]

TOO_SMALL = 1e-250  # nearer to the smallest double than this, digits may be lost


@compiled
def read_findings(shape: Shape, numbers: Numbers, found: Any, open_members: Any, work: Work, slots: Slots) -> Any:
    """Read the findings of a row; returns the number of slots (NEVER if too many) and ln of what is constant."""
    causes, findings, links = work.causes, numbers.findings, numbers.links
    for k in range(causes.shape[1]):
        slots.causes[SPARED, k] = 1.0
        causes[SLOTS, k] = 0
    constant, log_constant, n_slots = 1.0, 0.0, 0
    for j in range(len(found)):
        if found[j] == 0:
            constant *= findings[NO, j]
            for e in range(shape.effect_at[j], shape.effect_at[j + 1]):
                if links[NO, e] == 0.0:
                    causes[STATED, shape.effect[e]] = _rule_out(causes[STATED, shape.effect[e]])
                else:
                    slots.causes[SPARED, shape.effect[e]] *= links[NO, e]
        elif found[j] == 1:
            if n_slots == BITS:
                return NEVER, 0.0
            scale = findings[SCALE, j]
            slots.leaks[YES, n_slots], slots.leaks[NO, n_slots] = findings[YES, j] / scale, findings[NO, j]
            slots.leaks[SCALE, n_slots] = scale
            for e in range(shape.effect_at[j], shape.effect_at[j + 1]):
                k = shape.effect[e]
                causes[SLOTS, k] |= 1 << n_slots
                slots.links[YES, n_slots, k], slots.links[NO, n_slots, k] = links[YES, e] / scale, links[NO, e]
            constant *= scale
            n_slots += 1
        if constant < SMALL:
            log_constant += np.log(constant)
            constant = 1.0
    for u in range(len(shape.member_at) - 1):
        if _any_open(open_members, shape.member_at[u], shape.member_at[u + 1]):
            if n_slots == BITS:
                return NEVER, 0.0
            constant *= _union(shape, numbers, open_members, u, n_slots, causes, slots)
            n_slots += 1
    return n_slots, log_constant + np.log(constant)


@compiled
def _rule_out(stated: int) -> int:
    """Return what is known of a cause that an absent certain finding rules out: absent, or a contradiction."""
    return 0 if stated < 1 else CONTRADICTED


@compiled
def _any_open(open_members: Any, first: int, last: int) -> bool:
    for m in range(first, last):
        if open_members[m]:
            return True
    return False


@compiled
def _union(shape: Shape, numbers: Numbers, open_members: Any, u: int, slot: int, causes: Any, slots: Slots) -> float:
    """Fill the slot of a union from its open members, an OR of noisy-ORs; returns its scale."""
    leak, no_leak, links = 0.0, 1.0, slots.links
    n_causes = causes.shape[1]
    for k in range(n_causes):
        links[YES, slot, k], links[NO, slot, k] = 0.0, 1.0
    for m in range(shape.member_at[u], shape.member_at[u + 1]):
        if not open_members[m]:
            continue
        j = shape.member[m]
        leak += no_leak * numbers.findings[YES, j]
        no_leak *= numbers.findings[NO, j]
        for e in range(shape.effect_at[j], shape.effect_at[j + 1]):
            k = shape.effect[e]
            causes[SLOTS, k] |= 1 << slot
            links[YES, slot, k] += links[NO, slot, k] * numbers.links[YES, e]
            links[NO, slot, k] *= numbers.links[NO, e]
    scale = leak
    for k in range(n_causes):
        scale = max(scale, links[YES, slot, k])
    scale = scale if scale > 0.0 else 1.0
    slots.leaks[YES, slot], slots.leaks[NO, slot], slots.leaks[SCALE, slot] = leak / scale, no_leak, scale
    for k in range(n_causes):
        links[YES, slot, k] /= scale
    return scale


@compiled
def order_for_row(chain: Chain, work: Work, serious: Any) -> None:
    """Put the causes in an order in which few slots and contexts are open at once, those that need neither last."""
    causes, order = work.causes, chain.steps[CAUSE]
    n_causes = causes.shape[1]
    for k in range(n_causes):
        if causes[STATED, k] == 0:
            causes[SLOTS, k] = 0
        causes[CHOSEN, k] = causes[CONTEXTS, k] != 0 or causes[SLOTS, k] != 0
    count = _order_causes(work, serious, order)
    for k in range(n_causes):
        if causes[CONTEXTS, k] == 0 and causes[SLOTS, k] == 0:
            order[count] = k
            count += 1


@compiled
def order_by_contexts(work: Work, serious: Any, carried: int) -> None:
    """Put the causes in an order in which few contexts are open at once, whatever the findings; serious ones late."""
    causes = work.causes
    n_causes = causes.shape[1]
    if carried:
        for k in range(n_causes):
            causes[SLOTS, k], causes[CHOSEN, k] = 0, 1
        _order_causes(work, serious, causes[DEFAULT])
        return
    count = 0
    for chosen in range(2):
        for k in range(n_causes):
            if serious[k] == chosen:
                causes[DEFAULT, count] = k
                count += 1


@compiled
def lay_slots(chain: Chain, causes: Any, slots: Slots, n_slots: int) -> float:
    """Lay out the state of each step; returns the product of the leaks of slots that no cause explains.

    NEVER if a row would need more room than there is.
    """
    unexplained = _open_slots(chain.steps, causes, slots.spans, slots.leaks, n_slots)
    steps, axes, opened = chain.steps, slots.axes, slots.spans[OPEN]
    at, width = 0, 0
    for t in range(steps.shape[1] - 2):
        if steps[ALONE, t] and causes[SLOTS, steps[CAUSE, t]] == 0:
            continue
        enter, i = steps[ENTER, t], 0
        while enter:
            if enter & 1:
                if width == MAX_OPEN:
                    return NEVER
                opened[width] = i
                width += 1
            enter >>= 1
            i += 1
        steps[START, t], steps[WIDTH, t] = at, width
        at += steps[CELLS, t] << width
        if at > slots.before.shape[1]:
            return NEVER
        stay = 0
        for axis in range(width):
            axes[t, axis] = opened[axis]
            if not steps[LEAVE, t] >> opened[axis] & 1:
                opened[stay] = opened[axis]
                stay += 1
        width = stay
    return unexplained


@compiled
def _open_slots(steps: Any, causes: Any, spans: Any, leaks: Any, n_slots: int) -> float:
    """Find the steps at which each slot opens and closes; returns the product of the leaks of those without a cause."""
    for i in range(n_slots):
        spans[OPENED, i] = NEVER
    for t in range(steps.shape[1] - 2):
        k = steps[CAUSE, t]
        steps[ENTER, t] = steps[LEAVE, t] = 0
        if causes[STATED, k] == 0:
            causes[SLOTS, k] = 0
        rest, i = causes[SLOTS, k], 0
        while rest:
            if rest & 1:
                if spans[OPENED, i] == NEVER:
                    spans[OPENED, i] = t
                spans[CLOSED, i] = t
            rest >>= 1
            i += 1
    unexplained = 1.0
    for i in range(n_slots):
        if spans[OPENED, i] == NEVER:
            unexplained *= leaks[YES, i]
        else:
            steps[ENTER, spans[OPENED, i]] |= 1 << i
            steps[LEAVE, spans[CLOSED, i]] |= 1 << i
    return unexplained


@compiled
def _order_causes(work: Work, serious: Any, order: Any) -> int:
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
                score += _growth(causes[SLOTS, k], bits[SLOT_LEFT], sizes[1], slots) + 1.0 * serious[k]
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
def is_left_out(causes: Any, numbers: Any) -> bool:
    """Whether the findings contradict a known cause, or a product over them has come near the smallest double."""
    for k in range(causes.shape[1]):
        if causes[STATED, k] == CONTRADICTED or (numbers[SPARED, k] < TOO_SMALL and causes[STATED, k] != 0):
            return True
    return False
