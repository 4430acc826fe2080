"""What a step does to the state of a walk, and the transpose of it for the way back; compiled.

A state is a vector, subsets of the open slots times cells of the chain, the cells fastest. All work is in place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from twitchbayes.layout import (
    CELL_AT,
    CELLS,
    EACH,
    INNER,
    LEAVING_AT,
    NO,
    STATES,
    YES,
    compiled,
    inlined,
    summing,
)

__all__ = [
    "copy_state",
    "divide",
    "enter",
    "enter_back",
    "explained",
    "holding",
    "leave",
    "leave_back",
    "mix",
    "move",
    "move_back",
    "peak_of",
    "share",
    "share_of_cells",
    "take_cells",
    "take_cells_back",
    "weigh",
]


@inlined
def move(state: Any, cells: int, width: int, axes: Any, links: Any, explains: int, k: int) -> None:
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
def move_back(gradient: Any, cells: int, width: int, axes: Any, links: Any, explains: int, k: int) -> None:
    """Apply the transpose of `move` to a gradient, in place."""
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
def mix(state: Any, moved: Any, size: int, absents: Any, presents: Any, free: float, spared: float) -> None:
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
def share(before: Any, gradient: Any, size: int, presents: Any) -> float:
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


@summing
def share_of_cells(before: Any, gradient: Any, size: int, factor: float, out: Any) -> None:
    """Fill `out` (cells,) with factor times the sum of before times gradient over the subsets."""
    cells, total = len(out), 0.0
    if cells == 1:
        for a in range(size):
            total += before[a] * gradient[a]
        out[0] = factor * total
        return
    for c in range(cells):
        out[c] = factor * before[c] * gradient[c]
    for base in range(cells, size, cells):
        here, there = before[base : base + cells], gradient[base : base + cells]
        for c in range(cells):
            out[c] += factor * here[c] * there[c]


@inlined
def weigh(out: Any, state: Any, size: int, weights: Any) -> None:
    """Multiply a state (subsets x cells) by a number of each cell."""
    cells = len(weights)
    for base in range(0, size, cells):
        here, there = out[base : base + cells], state[base : base + cells]
        for c in range(cells):
            here[c] = weights[c] * there[c]


@summing
def explained(before: Any, gradient: Any, size: int, run: int, newly: float, again: float) -> float:
    """Return what a link does to an axis whose entries are `run` apart, before and gradient multiplied and summed.

    `newly` is the link where the axis was not yet explained, `again` where it was.
    """
    total, held = 0.0, 0.0
    for base in range(0, size, 2 * run):
        without, having = before[base : base + run], before[base + run : base + 2 * run]
        there = gradient[base + run : base + 2 * run]
        for a in range(run):
            total += without[a] * there[a]
            held += having[a] * there[a]
    return newly * total + again * held


@summing
def holding(before: Any, gradient: Any, size: int, run: int) -> float:
    """Return the sum of before times gradient over the subsets that hold the axis whose entries are `run` apart."""
    total = 0.0
    for base in range(run, size, 2 * run):
        here, there = before[base : base + run], gradient[base : base + run]
        for a in range(run):
            total += here[a] * there[a]
    return total


@inlined
def copy_state(out: Any, state: Any, size: int) -> None:
    """Copy the first `size` numbers of a state."""
    for a in range(size):
        out[a] = state[a]


@inlined
def divide(state: Any, size: int, divisor: float) -> None:
    """Divide the first `size` numbers of a state."""
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
def take_cells(state: Any, size: int, steps: Any, leaving: Any, weights: Any, t: int) -> int:
    """Take a state to the cells of step t: sum out what leaves, spread over what enters; returns the new size."""
    for i in range(steps[LEAVING_AT, t], steps[LEAVING_AT, t + 1]):
        size = _sum_out(state, size, leaving[STATES, i], leaving[INNER, i])
    at = steps[CELL_AT, t]
    return _spread(state, size, steps[EACH, t], weights[at : at + steps[CELLS, t]])


@compiled
def take_cells_back(gradient: Any, size: int, steps: Any, leaving: Any, weights: Any, t: int) -> int:
    """Apply the transpose of `take_cells` to a gradient."""
    at = steps[CELL_AT, t]
    size = _spread_back(gradient, size, steps[EACH, t], weights[at : at + steps[CELLS, t]])
    for i in range(steps[LEAVING_AT, t + 1] - 1, steps[LEAVING_AT, t] - 1, -1):
        size = _sum_out_back(gradient, size, leaving[STATES, i], leaving[INNER, i])
    return size


@inlined
def enter(state: Any, size: int, width: int, axes: Any, leaks: Any, entering: int) -> int:
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
def enter_back(gradient: Any, size: int, width: int, axes: Any, leaks: Any, entering: int) -> int:
    """Apply the transpose of `enter` to a gradient."""
    for axis in range(width - 1, -1, -1):
        i = axes[axis]
        if entering >> i & 1:
            size //= 2
            leak, no_leak, entered = leaks[YES, i], leaks[NO, i], gradient[size : 2 * size]
            for a in range(size):
                gradient[a] = no_leak * gradient[a] + leak * entered[a]
    return size


@inlined
def leave(state: Any, size: int, cells: int, width: int, axes: Any, leaving: int) -> int:
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
def leave_back(gradient: Any, size: int, cells: int, width: int, axes: Any, leaving: int) -> int:
    """Apply the transpose of `leave` to a gradient."""
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


@inlined
def peak_of(state: Any, size: int) -> float:
    """Return the largest of the first `size` numbers of a state."""
    peak = 0.0
    for a in range(size):
        peak = max(peak, state[a])
    return peak
