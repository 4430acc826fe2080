"""What evidence may say of a finding whose states have an order: one of them, at least, at most, or between two."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONTRADICTION", "MAX_STATES", "meet", "span_words", "spans"]

CONTRADICTION = -2  # of two spans that have no state in common
MAX_STATES = 15  # of a finding: a span of them is one signed byte


@cache
def spans(n_states: int) -> tuple[tuple[int, int], ...]:
    """Return what evidence may say of a finding with so many states: pairs of lowest and highest state, by code.

    The first codes are the states themselves; then come "at least", "at most" and what lies between. The span of all
    states says nothing and has no code.
    """
    single = [(state, state) for state in range(n_states)]
    wider = [(low, high) for low in range(n_states) for high in range(low + 1, n_states)]
    return (*single, *(span for span in wider if span != (0, n_states - 1)))


def span_words(states: Sequence[str], low: int, high: int) -> str:
    """Return what a span of states says: a state, "at least mild", "at most mild" or "mild to clear"."""
    if low == high:
        return states[low]
    if high == len(states) - 1:
        return f"at least {states[low]}"
    return f"at most {states[high]}" if low == 0 else f"{states[low]} to {states[high]}"


@cache
def meet(n_states: int) -> NDArray[np.int8]:
    """Return the code of what two codes say together, (n_codes, n_codes); `CONTRADICTION` where they cannot both hold."""
    codes = spans(n_states)
    number = {span: code for code, span in enumerate(codes)}
    both = [[(max(a, c), min(b, d)) for c, d in codes] for a, b in codes]
    return np.array([[number.get(span, CONTRADICTION) for span in row] for row in both], dtype=np.int8)
