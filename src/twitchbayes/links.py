"""The numbers of the tables that stand between an item of the evidence and a cause."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from twitchbayes.items import Item
from twitchbayes.knowledge import Knowledge, Number
from twitchbayes.network import SERIOUS
from twitchbayes.provenance import number_names, numbers_of

__all__ = ["Between", "between"]


class Between(NamedTuple):
    """A number of the tables that ties an item to a cause: a fraction with its 95% interval, and where it is from.

    `item` names the item, or all that it ties, as "age, sex" for a stratum of both.
    """

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

    Those of a union of causes, or of all serious ones, are those of its causes. Each number is there once, by the
    items that it ties. Numbers that hold for others, a stratum of another age or a link from a context that is absent,
    have no influence and are left out. An item without any acts through others alone: it explains them away, or speaks
    of a context behind a context.
    """
    called, causes = number_names(knowledge), _causes(knowledge, cause)
    known = {variable: states for item in items for variable, states in _left(knowledge, item).items()}
    ends = {item.name: {name for v in item.variables for name in _ends(knowledge, v)} for item in items}
    ties: dict[int, list[str]] = {}
    for name, reached in ends.items():
        for i in _tying(knowledge, reached, known, causes):
            ties.setdefault(i, []).append(name)
    numbers = numbers_of(knowledge)
    return tuple(_row(", ".join(names), called[i], numbers[i]) for i, names in ties.items())


def _left(knowledge: Knowledge, item: Item) -> dict[str, tuple[str, ...]]:
    """Return the states that an item leaves to each of its variables."""
    if not item.likelihoods:
        return {variable: (state,) for variable, state in item.states.items()}
    states = zip(knowledge.variables[item.name].states, item.likelihoods, strict=True)
    return {item.name: tuple(state for state, likelihood in states if likelihood)}


def _causes(knowledge: Knowledge, cause: str) -> tuple[str, ...]:
    if cause == SERIOUS:
        return tuple(variable.name for variable in knowledge.of_role("cause") if variable.serious)
    return knowledge.causes_of(cause)


def _tying(
    knowledge: Knowledge, ends: set[str], known: Mapping[str, tuple[str, ...]], causes: Collection[str]
) -> Iterator[int]:
    """Yield the places of the numbers that tie some variables to some causes and may hold in this case."""
    for i, prior in enumerate(knowledge.priors):
        if (
            prior.variable in causes
            and _holds(prior.given, known)
            and any(context in ends for context, _ in prior.given)
        ):
            yield i
    for i, link in enumerate(knowledge.links, start=len(knowledge.priors)):
        into = link.child in causes and link.parent in ends and known.get(link.parent) != ("absent",)
        out = link.parent in causes and link.child in ends
        if (into or out) and _holds(link.given, known):
            yield i


def _holds(given: Iterable[tuple[str, str]], known: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a stratum may be that of the case."""
    return all(state in known.get(context, (state,)) for context, state in given)


def _ends(knowledge: Knowledge, variable: str) -> tuple[str, ...]:
    """Return the variables that a link can lead to: for the OR of a group its members."""
    group = knowledge.variables[variable].any_of
    return tuple(member.name for member in knowledge.members(group)) if group else (variable,)


def _row(item: str, name: str, number: Number) -> Between:
    values = number.probability, number.low, number.high
    return Between(item, name, *values, number.basis, number.sources, number.file, number.line)
