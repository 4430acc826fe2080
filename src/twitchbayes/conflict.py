"""Which of the evidence cannot hold together, and what in the tables forbids it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes import zeros
from twitchbayes.errors import ImpossibleEvidenceError, Reason
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.knowledge import Knowledge
from twitchbayes.network import UNKNOWN, Codes

if TYPE_CHECKING:
    from twitchbayes.model import Model

__all__ = ["impossible"]

MAX_SUBSETS = 20_000
# Variable to the states that the evidence leaves it, one or several: what was said, or what virtual evidence does not
# rule out.
Items: TypeAlias = Mapping[str, tuple[str, ...]]


def impossible(model: Model, evidence: Evidence) -> ImpossibleEvidenceError:
    """Return the error for evidence of probability 0, with the smallest set that causes it, and what forbids that.

    Subsets are tried in order of size, each size as one batch. Where a size has more than
    `MAX_SUBSETS` of them, items are taken out one by one as long as the rest stays impossible: the
    set is then one from which nothing can be left out, though a smaller one may exist elsewhere.
    """
    engine = model.engine
    items = {name: evidence.states_left(name) for name in evidence.items} | _left_possible(engine, evidence)
    chosen, smallest = _smallest(engine, items)
    words = {name: " or ".join(states) for name, states in items.items()} | evidence.items
    rows, _ = _rows(engine, items, [chosen])
    found, together = zeros.reasons(model.knowledge, engine, rows)
    found, together = (found, together) if found else (_definitions(model.knowledge, chosen), True)
    conflict = {name: words[name] for name in chosen}
    return ImpossibleEvidenceError(conflict, smallest=smallest, reasons=found, together=together)


def _definitions(knowledge: Knowledge, names: Sequence[str]) -> tuple[Reason, ...]:
    """Return the definitions of some variables by others, where no number decides."""
    lines = {row["variable"]: row.line for row in knowledge.table("variables.csv").rows}
    found = []
    for name in names:
        variable = knowledge.variables[name]
        if variable.excludes:
            found.append(Reason(f"{name} excludes {', '.join(variable.excludes)}", "variables.csv", lines[name]))
        if variable.of:
            told = f"{name} describes {variable.of}: it is above its lowest state only where that is present"
            found.append(Reason(told, "variables.csv", lines[name]))
        if variable.any_of or variable.parts:
            parts = ", ".join(variable.parts) or f"the members of {variable.any_of}"
            found.append(Reason(f"{name} is any of {parts}", "variables.csv", lines[name]))
    return tuple(found)


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
    codes, of_subset = _rows(engine, items, subsets)
    possible = np.zeros(len(subsets), dtype=bool)
    np.logical_or.at(possible, of_subset, np.isfinite(engine.log_evidence(codes)))
    return possible


def _rows(engine: Engine, items: Items, subsets: Sequence[Sequence[str]]) -> tuple[Codes, list[int]]:
    """Return a row of evidence for each choice of the states of each subset of the items, and the subset of each."""
    columns, states = engine.network.columns, engine.network.states
    of_subset: list[int] = []
    choices: list[Mapping[str, str]] = []
    for number, subset in enumerate(subsets):
        for choice in itertools.product(*(items[name] for name in subset)):
            of_subset.append(number)
            choices.append(dict(zip(subset, choice, strict=True)))
    codes = np.full((len(choices), len(columns)), UNKNOWN, dtype=np.int8)
    for code, chosen in zip(codes, choices, strict=True):
        for name, state in chosen.items():
            code[columns.index(name)] = states[name].index(state)
    return codes, of_subset
