"""Contexts summed out: what a row says of its contexts becomes a chain of small steps that a walk over the causes takes.

Compiled with Numba. The unknown contexts that several causes share are carried from the first cause that needs them
to the last; their joint states are the cells of a step. A context that one cause alone depends on is averaged into
that cause. The chain depends on the contexts of a row only: rows that agree in them share it.

The causes' numbers are made with positive terms only: with each further way to be present,
P(present) grows by P(absent so far) times its chance, and P(absent) shrinks by its complement.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["BITS", "Chain", "Numbers", "Shape", "Workspace", "build_chain", "compiled", "order_causes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BITS = 62  # carried contexts, or slots, that fit one integer
KNOWN, BARREN, ABSORBED, CARRIED = 0, 1, 2, 3


def compiled(function: Any) -> Any:
    """Compile a function on its first call, without the interpreter's lock, and keep the result on disk.

    Where there is no folder to keep it in (a read-only installation), it is compiled in each process.
    """
    try:
        return njit(function, nogil=True, cache=True, error_model="numpy")
    except RuntimeError:
        return njit(function, nogil=True, error_model="numpy")


class Shape(NamedTuple):
    """The structure of a network as flat arrays; `x_at[i]` to `x_at[i + 1]` are the entries of i in `x`.

    Attributes
    ----------
    cards, children_first : ndarray, shape (n_contexts,)
        Number of states of each context; the contexts in an order that has children before parents.
    parent_at, parent, parent_stride, table_at : ndarray
        Parents of each context, what a step in their state moves on in `Numbers.tables`, and where the
        context's table begins. Its own state is the last axis.
    used, in_strata, single_user : ndarray, shape (n_contexts,)
        Whether a cause depends on the context, whether through its strata, and the only cause that is
        linked to it (-1 where there is none or are several).
    stratum_at, stratum, stratum_stride, leak_at : ndarray
        Contexts that stratify each cause, likewise in `Numbers.cause_leaks`.
    active_at, active : ndarray
        Contexts linked to each cause; their numbers stand in `Numbers.activation` at the same place.
    effect_at, effect : ndarray
        Causes linked to each finding; their numbers stand in `Numbers.links` at the same place.
    serious : ndarray, shape (n_causes,)
    member_at, member : ndarray
        Members of each union (the deterministic OR of some findings).
    """

    cards: Ints
    children_first: Ints
    parent_at: Ints
    parent: Ints
    parent_stride: Ints
    table_at: Ints
    used: Flags
    in_strata: Flags
    single_user: Ints
    stratum_at: Ints
    stratum: Ints
    stratum_stride: Ints
    leak_at: Ints
    active_at: Ints
    active: Ints
    effect_at: Ints
    effect: Ints
    serious: Flags
    member_at: Ints
    member: Ints


class Numbers(NamedTuple):
    """The numbers of a network, flat; `no_x` is 1 - x to full relative precision.

    `scales` (n_findings,) is the largest leak or link of each finding, the unit its explanation is counted in.
    """

    tables: Floats
    cause_leaks: Floats
    no_cause_leaks: Floats
    activation: Floats
    no_activation: Floats
    leaks: Floats
    no_leaks: Floats
    links: Floats
    no_links: Floats
    scales: Floats


class Chain(NamedTuple):
    """One step a cause: the cells before it, how they come from the cells of the step before, the cause's numbers.

    Attributes
    ----------
    order, place : ndarray, shape (n_causes,)
        The cause of each step, and the step of each cause.
    cells, kept, same : ndarray, shape (n_causes + 1,)
        Number of cells of each step, of those that are left of the step before once what leaves is
        summed out, and whether the step takes the cells over as they are. The last step has one cell.
    kept_of_at, kept_of : ndarray
        For each cell of the step before, the kept cell it is summed into.
    weight_at, weights : ndarray
        For each cell, what entering it multiplies by. New contexts vary fastest: cell // (cells // kept)
        is the kept cell it comes from.
    alone : ndarray, shape (n_causes,)
        Whether the cause depends on no carried context.
    absent, present : ndarray
        P(cause absent | cell) and P(cause present | cell), at `weight_at`.
    """

    order: Ints
    place: Ints
    cells: Ints
    kept: Ints
    same: Flags
    kept_of_at: Ints
    kept_of: Ints
    weight_at: Ints
    weights: Floats
    alone: Flags
    absent: Floats
    present: Floats


class Workspace(NamedTuple):
    """Scratch of one thread for building chains; see `_roles` and `build_chain`."""

    role: Ints
    bit: Ints
    wanted: Flags
    scopes: Ints
    factors: Ints
    states: Ints
    first: Ints
    last: Ints
    axes: Ints
    old_axes: Ints
    context_of: Ints


@compiled
def _roles(shape: Shape, x: Any, work: Workspace) -> int:
    """Say which contexts are known, barren, absorbed or carried; returns the number of carried ones."""
    carried = 0
    work.wanted[:] = False
    for c in shape.children_first:
        work.bit[c] = -1
        if x[c] >= 0:
            work.role[c] = KNOWN
        elif not (shape.used[c] or work.wanted[c]):
            work.role[c] = BARREN
            continue
        elif shape.single_user[c] >= 0 and not shape.in_strata[c] and not work.wanted[c]:
            work.role[c] = ABSORBED
        else:
            work.role[c] = CARRIED
            if carried < BITS:
                work.bit[c] = carried
                work.context_of[carried] = c
            carried += 1
        for e in range(shape.parent_at[c], shape.parent_at[c + 1]):
            work.wanted[shape.parent[e]] = True
    return carried


@compiled
def _parents_mask(shape: Shape, work: Workspace, c: int) -> int:
    mask = 0
    for e in range(shape.parent_at[c], shape.parent_at[c + 1]):
        b = work.bit[shape.parent[e]]
        if b >= 0:
            mask |= 1 << b
    return mask


@compiled
def _fill_scopes(shape: Shape, work: Workspace) -> None:
    """Note for each cause, and for each context's own table, the carried contexts it depends on, as bits."""
    for k in range(len(shape.serious)):
        mask = 0
        for e in range(shape.stratum_at[k], shape.stratum_at[k + 1]):
            b = work.bit[shape.stratum[e]]
            if b >= 0:
                mask |= 1 << b
        for e in range(shape.active_at[k], shape.active_at[k + 1]):
            c = shape.active[e]
            if work.bit[c] >= 0:
                mask |= 1 << work.bit[c]
            elif work.role[c] == ABSORBED:
                mask |= _parents_mask(shape, work, c)
        work.scopes[k] = mask
    for c in range(len(shape.cards)):
        work.factors[c] = 0
        if work.role[c] == KNOWN or work.role[c] == CARRIED:
            own = 1 << work.bit[c] if work.bit[c] >= 0 else 0
            work.factors[c] = own | _parents_mask(shape, work, c)


@compiled
def order_causes(needs: Any, bits: Any, serious: Any, chosen: Any, order: Any) -> int:
    """Order the chosen causes so that what is open stays small; returns how many there are.

    Parameters
    ----------
    needs : ndarray of int64, shape (n_causes, n_words)
        What each cause needs open, as bits.
    bits : ndarray, shape (n_words, 64)
        log2 of what each open bit multiplies the state by.
    """
    n_words = needs.shape[1]
    total = np.zeros((n_words, 64), np.int64)
    chosen = chosen.copy()
    count = 0
    for k in range(len(needs)):
        if chosen[k]:
            count += 1
            for w in range(n_words):
                rest, b = needs[k, w], 0
                while rest:
                    total[w, b] += rest & 1
                    rest >>= 1
                    b += 1
    live = np.zeros(n_words, np.int64)
    for step in range(count):
        best, best_score = -1, np.inf
        for k in range(len(needs)):
            if not chosen[k]:
                continue
            grows = shrinks = 0.0
            for w in range(n_words):
                rest, b = needs[k, w], 0
                while rest:
                    if rest & 1:
                        if not (live[w] >> b) & 1:
                            grows += bits[w, b]
                        if total[w, b] == 1:
                            shrinks += bits[w, b]
                    rest >>= 1
                    b += 1
            score = 1.001 * grows - shrinks + 1e-6 * serious[k]
            if score < best_score:
                best, best_score = k, score
        order[step] = best
        chosen[best] = False
        for w in range(n_words):
            rest, b = needs[best, w], 0
            while rest:
                if rest & 1:
                    total[w, b] -= 1
                    live[w] |= 1 << b
                    if total[w, b] == 0:
                        live[w] &= ~(1 << b)
                rest >>= 1
                b += 1
    return count


@compiled
def _spans(shape: Shape, work: Workspace, order: Any, carried: int) -> None:
    """Find the first and last step at which each carried context is live, its tables included."""
    steps = len(order)
    work.first[:carried] = steps
    work.last[:carried] = -1
    for t in range(steps):
        scope = work.scopes[order[t]]
        for b in range(carried):
            if scope >> b & 1:
                work.first[b] = min(work.first[b], t)
                work.last[b] = max(work.last[b], t)
    changed = True
    while changed:
        changed = False
        for c in range(len(shape.cards)):
            scope = work.factors[c]
            if not scope:
                continue
            place = _place(work, scope, carried, steps)
            for b in range(carried):
                if scope >> b & 1 and not work.first[b] <= place <= work.last[b]:
                    work.first[b] = min(work.first[b], place)
                    work.last[b] = max(work.last[b], place)
                    changed = True


@compiled
def _place(work: Workspace, scope: int, carried: int, steps: int) -> int:
    """Return the first step at which a whole scope is live, as far as it is placed yet."""
    place = -1
    for b in range(carried):
        if scope >> b & 1 and work.last[b] >= 0:
            place = max(place, work.first[b])
    return place if place >= 0 else steps - 1


@compiled
def _entry(shape: Shape, numbers: Numbers, states: Any, c: int, state: int) -> float:
    """Return P(context c = state | the states of its parents)."""
    at = shape.table_at[c] + state
    for e in range(shape.parent_at[c], shape.parent_at[c + 1]):
        at += shape.parent_stride[e] * states[shape.parent[e]]
    return numbers.tables[at]


@compiled
def _cause(shape: Shape, numbers: Numbers, work: Workspace, k: int) -> tuple[float, float]:
    """Return P(cause absent) and P(cause present) given `work.states`, absorbed contexts averaged."""
    at = shape.leak_at[k]
    for e in range(shape.stratum_at[k], shape.stratum_at[k + 1]):
        at += shape.stratum_stride[e] * work.states[shape.stratum[e]]
    absent, present = numbers.no_cause_leaks[at], numbers.cause_leaks[at]
    for e in range(shape.active_at[k], shape.active_at[k + 1]):
        c = shape.active[e]
        w, no_w = numbers.activation[e], numbers.no_activation[e]
        if work.role[c] == ABSORBED:
            no_w += w * _entry(shape, numbers, work.states, c, 0)
            w *= _entry(shape, numbers, work.states, c, 1)
        elif work.states[c] != 1:
            continue
        present += absent * w
        absent *= no_w
    return absent, present


@compiled
def _constant(shape: Shape, numbers: Numbers, work: Workspace) -> float:
    """Return ln of the product of the tables of known contexts whose parents are known too."""
    product = 1.0
    log_total = 0.0
    for c in range(len(shape.cards)):
        if work.role[c] == KNOWN and not work.factors[c]:
            product *= _entry(shape, numbers, work.states, c, work.states[c])
            if product < 1e-200:
                log_total += np.log(product)
                product = 1.0
    return log_total + np.log(product)


@compiled
def _weight(shape: Shape, numbers: Numbers, work: Workspace, placed: Any, t: int) -> float:
    """Return the product of the contexts' own tables that belong to a step, at `work.states`."""
    weight = 1.0
    for c in range(len(shape.cards)):
        if placed[c] == t:
            weight *= _entry(shape, numbers, work.states, c, work.states[c])
    return weight


@compiled
def build_chain(shape: Shape, numbers: Numbers, x: Any, chain: Chain, work: Workspace) -> tuple[int, float]:
    """Prepare a chain for contexts with states `x` (-1 unknown): their roles, their scopes and what is constant.

    Returns the number of carried contexts and ln of the constant, in nats. `lay_chain` does the rest,
    once the causes have an order.
    """
    carried = _roles(shape, x, work)
    if carried > BITS:
        return carried, 0.0
    for c in range(len(x)):
        work.states[c] = max(x[c], 0)
    _fill_scopes(shape, work)
    return carried, _constant(shape, numbers, work)


@compiled
def lay_chain(shape: Shape, numbers: Numbers, carried: int, chain: Chain, work: Workspace) -> bool:
    """Lay the steps of a chain along `chain.order`; False if it has more cells than there is room for."""
    steps = len(chain.order)
    _spans(shape, work, chain.order, carried)
    placed = np.full(len(shape.cards), -1, np.int64)
    for c in range(len(shape.cards)):
        if work.factors[c]:
            placed[c] = _place(work, work.factors[c], carried, steps)
    n_old, old_cells, at, old_at = 0, 1, 0, 0
    for t in range(steps + 1):
        n_axes, kept = 0, 1
        left = False
        for i in range(n_old):
            b = work.old_axes[i]
            if work.last[b] >= t:
                work.axes[n_axes] = b
                n_axes += 1
                kept *= shape.cards[work.context_of[b]]
            else:
                left = True
        n_kept, cells = n_axes, kept
        for b in range(carried):
            if work.first[b] == t:
                work.axes[n_axes] = b
                n_axes += 1
                cells *= shape.cards[work.context_of[b]]
                if cells > len(chain.weights):
                    return False
        if at + cells > len(chain.weights) or old_at + old_cells > len(chain.kept_of):
            return False
        weighted = (placed == t).any()
        chain.cells[t], chain.kept[t] = cells, kept
        chain.same[t] = not left and n_axes == n_kept and not weighted
        chain.kept_of_at[t], chain.weight_at[t] = old_at, at
        if not chain.same[t]:
            _map_kept(shape, chain, work, n_old, old_cells, old_at, t)
            old_at += old_cells
        if t < steps:
            k = chain.order[t]
            chain.place[k] = t
            chain.alone[t] = work.scopes[k] == 0
            _fill_cells(shape, numbers, chain, work, n_axes, placed, t)
        else:
            chain.weights[at] = 1.0
        at += cells
        n_old, old_cells = n_axes, cells
        work.old_axes[:n_axes] = work.axes[:n_axes]
    return True


@compiled
def _map_kept(shape: Shape, chain: Chain, work: Workspace, n_old: int, old_cells: int, at: int, t: int) -> None:
    """Note the kept cell that each cell of the step before is summed into."""
    for cell in range(old_cells):
        rest, kept, scale = cell, 0, 1
        for i in range(n_old - 1, -1, -1):
            b = work.old_axes[i]
            card = shape.cards[work.context_of[b]]
            if work.last[b] >= t:
                kept += scale * (rest % card)
                scale *= card
            rest //= card
        chain.kept_of[at + cell] = kept


@compiled
def _fill_cells(
    shape: Shape, numbers: Numbers, chain: Chain, work: Workspace, n_axes: int, placed: Any, t: int
) -> None:
    """Fill the weights of a step's cells and the numbers of its cause in them."""
    k, at = chain.order[t], chain.weight_at[t]
    for cell in range(chain.cells[t]):
        rest = cell
        for i in range(n_axes - 1, -1, -1):
            c = work.context_of[work.axes[i]]
            work.states[c] = rest % shape.cards[c]
            rest //= shape.cards[c]
        if not chain.same[t]:
            chain.weights[at + cell] = _weight(shape, numbers, work, placed, t)
        if cell and chain.alone[t]:
            chain.absent[at + cell], chain.present[at + cell] = chain.absent[at], chain.present[at]
        else:
            chain.absent[at + cell], chain.present[at + cell] = _cause(shape, numbers, work, k)
