"""The numbers of the tables that stand between an item of the evidence and a cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from twitchbayes.items import Item
from twitchbayes.knowledge import Knowledge, Number
from twitchbayes.provenance import number_names

__all__ = ["Between", "between"]


class Between(NamedTuple):
    """A number of the tables that ties an item to a cause: a fraction with its 95% interval, and where it is from."""

    item: str
    number: str
    probability: float
    low: float
    high: float
    basis: str
    sources: tuple[str, ...]
    file: str
    line: int


def between(knowledge: Knowledge, items: Sequence[Item], cause: str) -> tuple[Between, ...]:
    """Return the links from the cause to each finding of an item, from each context to the cause, and its strata.

    An item without any acts through others alone: it explains them away, or speaks of a context behind a context.
    """
    called = number_names(knowledge)
    rows: list[Between] = []
    for item in items:
        ends = {name for variable in item.variables for name in _ends(knowledge, variable)}
        for i, prior in enumerate(knowledge.priors):
            if prior.variable == cause and any(item.states.get(c, s) == s for c, s in prior.given if c in ends):
                rows.append(_row(item, called[i], prior.number))
        for i, link in enumerate(knowledge.links, start=len(knowledge.priors)):
            if (link.parent == cause and link.child in ends) or (link.child == cause and link.parent in ends):
                rows.append(_row(item, called[i], link.number))
    return tuple(rows)


def _ends(knowledge: Knowledge, variable: str) -> tuple[str, ...]:
    """Return the variables that a link can lead to: for the OR of a group its members."""
    group = knowledge.variables[variable].any_of
    return tuple(member.name for member in knowledge.members(group)) if group else (variable,)


def _row(item: Item, name: str, number: Number) -> Between:
    values = number.probability, number.low, number.high
    return Between(item.name, name, *values, number.basis, number.sources, number.file, number.line)
