"""What evidence may say of a finding whose states have an order: one of them, at least, at most, or between two."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

__all__ = ["MAX_STATES", "span_words", "spans"]

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
