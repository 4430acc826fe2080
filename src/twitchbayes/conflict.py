"""Which of the evidence cannot hold together."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from twitchbayes.engine import UNKNOWN, Codes, Runs
from twitchbayes.errors import ImpossibleEvidenceError
from twitchbayes.evidence import Evidence

__all__ = ["impossible"]

MAX_SUBSETS = 20_000


def impossible(engine: Runs, evidence: Evidence) -> ImpossibleEvidenceError:
    """Return the error for evidence of probability 0, with the smallest set that causes it.

    Subsets are tried in order of size, each size as one batch. Where a size has more than
    `MAX_SUBSETS` of them, items are taken out one by one as long as the rest stays impossible: the
    set is then one from which nothing can be left out, though a smaller one may exist elsewhere.
    """
    columns = engine.network.columns
    items = evidence.items
    # Virtual evidence that rules a state out (a likelihood of 0) can be part of a conflict too.
    certain = {v: columns_state for v, columns_state in _ruled_out(evidence, engine).items() if v not in items}
    items = {**items, **certain}
    places = [(columns.index(name), engine.network.states[name].index(state)) for name, state in items.items()]
    chosen, smallest = _smallest(engine, places)
    names = list(items.items())
    return ImpossibleEvidenceError(dict(names[i] for i in chosen), smallest=smallest)


def _ruled_out(evidence: Evidence, engine: Runs) -> dict[str, str]:
    left = {}
    for name, likelihoods in evidence.virtual.items():
        possible = [state for state, l in zip(engine.network.states[name], likelihoods, strict=True) if l > 0]
        if len(possible) == 1:
            left[name] = possible[0]
    return left


def _smallest(engine: Runs, places: Sequence[tuple[int, int]]) -> tuple[tuple[int, ...], bool]:
    for size in range(1, len(places) + 1):
        if math.comb(len(places), size) > MAX_SUBSETS:
            return _irreducible(engine, places), False
        subsets = list(itertools.combinations(range(len(places)), size))
        answer = engine.run(_codes(engine, places, subsets))
        if not answer.possible.all():
            return subsets[int(np.argmin(answer.possible))], True
    return tuple(range(len(places))), True


def _irreducible(engine: Runs, places: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    kept = list(range(len(places)))
    for item in range(len(places)):
        rest = [i for i in kept if i != item]
        if not engine.run(_codes(engine, places, [rest])).possible[0]:
            kept = rest
    return tuple(kept)


def _codes(engine: Runs, places: Sequence[tuple[int, int]], subsets: Sequence[Sequence[int]]) -> Codes:
    codes = np.full((len(subsets), len(engine.network.columns)), UNKNOWN, dtype=np.int8)
    for row, subset in enumerate(subsets):
        for item in subset:
            column, state = places[item]
            codes[row, column] = state
    return codes
