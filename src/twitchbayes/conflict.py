"""Which of the evidence cannot hold together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import ImpossibleEvidenceError
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.network import UNKNOWN

__all__ = ["impossible"]

MAX_SUBSETS = 20_000
# Variable to the states that the evidence leaves it, one or several: what was said, or what virtual evidence does not
# rule out.
Items: TypeAlias = Mapping[str, tuple[str, ...]]


def impossible(engine: Engine, evidence: Evidence) -> ImpossibleEvidenceError:
    """Return the error for evidence of probability 0, with the smallest set that causes it.

    Subsets are tried in order of size, each size as one batch. Where a size has more than
    `MAX_SUBSETS` of them, items are taken out one by one as long as the rest stays impossible: the
    set is then one from which nothing can be left out, though a smaller one may exist elsewhere.
    """
    items = {name: evidence.states_left(name) for name in evidence.items} | _left_possible(engine, evidence)
    chosen, smallest = _smallest(engine, items)
    words = {name: " or ".join(states) for name, states in items.items()} | evidence.items
    return ImpossibleEvidenceError({name: words[name] for name in chosen}, smallest=smallest)


def _left_possible(engine: Engine, evidence: Evidence) -> dict[str, tuple[str, ...]]:
    """Return the states that virtual evidence leaves, where it rules out (gives a likelihood of 0 to) some."""
    left = {}
    for name, likelihoods in evidence.virtual.items():
        states = zip(engine.network.states[name], likelihoods, strict=True)
        possible = tuple(state for state, likelihood in states if likelihood > 0)
        if len(possible) < len(likelihoods):
            left[name] = possible
    return left


def _smallest(engine: Engine, items: Items) -> tuple[tuple[str, ...], bool]:
    for size in range(1, len(items)):
        if math.comb(len(items), size) > MAX_SUBSETS:
            return _irreducible(engine, items), False
        subsets = list(itertools.combinations(items, size))
        possible = _possible(engine, items, subsets)
        if not possible.all():
            return subsets[int(np.argmin(possible))], True
    return tuple(items), True


def _irreducible(engine: Engine, items: Items) -> tuple[str, ...]:
    kept = list(items)
    for name in items:
        rest = [other for other in kept if other != name]
        if not _possible(engine, items, [rest])[0]:
            kept = rest
    return tuple(kept)


def _possible(engine: Engine, items: Items, subsets: Sequence[Sequence[str]]) -> NDArray[np.bool_]:
    """Say of each subset of the items whether it can hold: whether some choice of its states can."""
    columns, states = engine.network.columns, engine.network.states
    rows: list[int] = []
    choices: list[Mapping[str, str]] = []
    for row, subset in enumerate(subsets):
        for choice in itertools.product(*(items[name] for name in subset)):
            rows.append(row)
            choices.append(dict(zip(subset, choice, strict=True)))
    codes = np.full((len(choices), len(columns)), UNKNOWN, dtype=np.int8)
    for code, chosen in zip(codes, choices, strict=True):
        for name, state in chosen.items():
            code[columns.index(name)] = states[name].index(state)
    possible = np.zeros(len(subsets), dtype=bool)
    np.logical_or.at(possible, rows, np.isfinite(engine.log_evidence(codes)))
    return possible
