"""A network as local tables, P(variable | parents): chains of small ones, or one full table a variable.

A noisy-OR or noisy-MAX of many parents is a chain: what the leak and the first parents made of the variable, then the
next parent, and so on; the last of the chain is the variable itself. Each table has the chain so far, one parent, and
what the link of that parent depends on, so that the size of a network grows with its links, not with 2 to their number.
The chain says exactly what the full table says.

Names of the nodes between are made with two underscores (with more, if a variable has as many in its name), so that
they never are the name of a variable: `weakness__1`, `weakness__2`, ... lead to `weakness` and have its states. Where
another finding describes a finding, it matters who produced that: `twitching__by__als` says whether `als` did,
`twitching__by__leak` whether the background did. Of an OR of findings each finding has such nodes, and so has the OR.

References
----------
Heckerman and Breese, Causal independence for probability assessment and inference using Bayesian networks (IEEE
Transactions on Systems, Man, and Cybernetics 26, 1996): a noisy-OR as a chain of nodes ("temporal" form); Díez and
Galán, Efficient computation for the noisy MAX (International Journal of Intelligent Systems 18, 2003).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import EngineLimitError, InvalidValueError
from twitchbayes.network import Network

__all__ = ["Form", "LocalTables", "Table", "local_tables", "separator"]

Floats = NDArray[np.float64]
Form: TypeAlias = Literal["chains", "full"]

FORMS = ("chains", "full")
MAX_CELLS = 1 << 22  # of one full table: 32 MB, and pgmpy holds it more than once
CHAINED_PARENTS = 2  # a table takes in the next parent as long as it has no more than these
BINARY = ("absent", "present")
LEAK = "leak"  # no variable has this name


class Table(NamedTuple):
    """P(variable | parents): `values` has the variable on axis 0, then its parents in order."""

    variable: str
    parents: tuple[str, ...]
    values: Floats


class LocalTables(NamedTuple):
    """The tables of a network, those of its columns first, and the states of every node."""

    tables: tuple[Table, ...]
    states: Mapping[str, tuple[str, ...]]


class _Part(NamedTuple):
    """P(state | parents): `values` has the parents in order, then the state."""

    parents: tuple[str, ...]
    values: Floats


class _Step(NamedTuple):
    """P(state after | state before, parents): `values` has the state before, the parents in order, the state after."""

    parents: tuple[str, ...]
    values: Floats


class _Mechanism(NamedTuple):
    """How a variable comes about: where it begins, and what each of its parents makes of that."""

    variable: str
    states: tuple[str, ...]
    start: _Part
    steps: tuple[_Step, ...] = ()


def local_tables(network: Network, form: Form = "chains") -> LocalTables:
    """Return a network as tables.

    Parameters
    ----------
    network : Network
    form : {"chains", "full"}, default "chains"
        "full" writes one table a variable; the nodes that say who produced what is described stay.

    Raises
    ------
    EngineLimitError
        If a full table would have more than 2**22 cells. It was not allocated.
    InvalidValueError
        If there is no such form.
    """
    if form not in FORMS:
        message = f"tables={form!r} must be one of {', '.join(FORMS)}"
        raise InvalidValueError(message)
    writer = _Writer(network)
    states = {name: network.states[name] for name in network.columns}
    tables: dict[str, Table] = {}
    for mechanism in writer.mechanisms():
        own = _chained(mechanism, writer.separator) if form == "chains" else [_full(mechanism, writer.cards)]
        tables.update((table.variable, table) for table in own)
        states.update((table.variable, mechanism.states) for table in own)
    return LocalTables(tuple(tables[name] for name in states), states)


def separator(names: Sequence[str]) -> str:
    """Return the underscores that the nodes between have in their names, and no variable has."""
    return next(line for n in itertools.count(2) if not any((line := "_" * n) in name for name in names))


def _chained(mechanism: _Mechanism, between: str) -> list[Table]:
    tables: list[Table] = []
    part = mechanism.start
    for step in mechanism.steps:
        if len({*part.parents, *step.parents}) > CHAINED_PARENTS:
            so_far = f"{mechanism.variable}{between}{len(tables) + 1}"
            tables.append(_table(so_far, part))
            part = _Part((so_far,), np.eye(len(mechanism.states)))
        part = _then(part, step)
    return [*tables, _table(mechanism.variable, part)]


def _full(mechanism: _Mechanism, cards: Mapping[str, int]) -> Table:
    part = mechanism.start
    parents = {*part.parents, *(parent for step in mechanism.steps for parent in step.parents)}
    cells = len(mechanism.states) * math.prod(cards.get(parent, len(BINARY)) for parent in parents)
    if cells > MAX_CELLS:
        message = (
            f"the full table of {mechanism.variable!r} with its {len(parents)} parents would have {cells} cells, "
            f"above the bound of {MAX_CELLS}; tables='chains' writes small ones"
        )
        raise EngineLimitError(message)
    for step in mechanism.steps:
        part = _then(part, step)
    return _table(mechanism.variable, part)


def _table(variable: str, part: _Part) -> Table:
    return Table(variable, part.parents, np.moveaxis(part.values, -1, 0))


def _then(part: _Part, step: _Step) -> _Part:
    """Return what a step makes of a part; only products and sums, so that a tiny probability keeps its digits."""
    parents = tuple(dict.fromkeys((*part.parents, *step.parents)))
    axis = {name: i for i, name in enumerate(parents)}
    before, after = len(parents), len(parents) + 1
    own, raised = [axis[name] for name in part.parents], [axis[name] for name in step.parents]
    operands: list[Any] = [part.values, [*own, before], step.values, [before, *raised, after]]
    values: Floats = np.einsum(*operands, [*axis.values(), after])
    return _Part(parents, values)


def _raises(parent: str, strata: tuple[str, ...], own: Floats) -> _Step:
    """Return the step of a parent that, where it is present, raises the variable to a state of its own.

    Parameters
    ----------
    parent : str
    strata : tuple of str
        What the chances depend on.
    own : ndarray, shape (*strata states, n_states)
        P(it raises the variable just so far).
    """
    n_states = own.shape[-1]
    present = np.zeros((n_states, *own.shape))
    for before, at_most in enumerate(np.moveaxis(np.cumsum(own, axis=-1), -1, 0)):
        present[before, ..., before] = at_most
        present[before, ..., before + 1 :] = own[..., before + 1 :]
    absent = np.empty_like(present)
    absent[...] = np.eye(n_states).reshape(n_states, *[1] * len(strata), n_states)
    return _Step((parent, *strata), np.stack([absent, present], axis=1))


def _excludes(parent: str) -> _Step:
    """Return the step of a cause where which is present another one is absent."""
    return _Step((parent,), np.stack([np.eye(2), np.array([[1.0, 0.0], [1.0, 0.0]])], axis=1))


def _lowest(n_states: int) -> _Part:
    return _Part((), np.eye(n_states)[0])


def _any(variable: str, members: Sequence[str]) -> _Mechanism:
    """Return the OR of some binary variables; of none it is absent."""
    start = _Part((members[0],), np.eye(2)) if members else _lowest(2)
    steps = tuple(_raises(member, (), np.array([0.0, 1.0])) for member in members[1:])
    return _Mechanism(variable, BINARY, start, steps)


class _Writer:
    """How each variable of a network comes about."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.separator = separator(network.columns)
        self.cards = {name: len(network.states[name]) for name in network.columns}
        nodes = (*network.contexts, *network.causes, *network.findings)
        self.sources: dict[str, dict[str, int]] = {name: {} for name in nodes}
        ends = zip(network.slots.sources.tolist(), network.slots.targets.tolist(), strict=True)
        for link, (source, target) in enumerate(ends):
            self.sources[nodes[target]][nodes[source]] = link
        wholes = (*network.findings, *network.unions)
        self.described = {
            finding: wholes[place] for finding, place in zip(network.findings, network.of, strict=True) if place >= 0
        }
        self.members = {
            name: tuple(network.findings[j] for j in places)
            for name, places in zip(network.unions, network.union_members, strict=True)
        }

    def mechanisms(self) -> Iterator[_Mechanism]:
        """Yield those of all columns and of who produced what is described."""
        network, slots, (yes,) = self.network, self.network.slots, self.network.parameters.yes
        for i, name in enumerate(network.contexts):
            parents = tuple(network.contexts[p] for p in network.context_parents[i])
            yield _Mechanism(name, network.states[name], _Part(parents, slots.table(yes, i)))
        yield from map(self.cause, range(len(network.causes)))
        producing = {part for whole in self.described.values() for part in self.members.get(whole, (whole,))}
        for j, name in enumerate(network.findings):
            if name in producing:
                yield _any(name, [self.by(name, source) for source in (LEAK, *self.sources[name])])
                yield from self.producers(j)
            elif name in self.described:
                yield self.describing(j)
            else:
                yield self.finding(j)
        for name, members in self.members.items():
            yield _any(name, members)
            if name in self.described.values():
                yield from self.producers_of_any(name, members)
        for name, places in zip(network.groups, network.group_members, strict=True):
            yield _any(name, [network.causes[k] for k in places])

    def cause(self, k: int) -> _Mechanism:
        """Return how a cause comes about: a noisy-OR, undone where one that excludes it is present."""
        network, name = self.network, self.network.causes[k]
        leaks = [network.slots.leaks(array, k) for array in (network.parameters.no[0], network.parameters.yes[0])]
        start = _Part(self.contexts(network.cause_strata[k]), np.stack(leaks, axis=-1))
        excluding = (_excludes(network.causes[a]) for a, b in network.excludes if b == k)
        return _Mechanism(name, BINARY, start, (*self.links(name), *excluding))

    def finding(self, j: int) -> _Mechanism:
        """Return how a finding comes about that neither describes nor is described: a noisy-MAX."""
        name = self.network.findings[j]
        return _Mechanism(name, self.network.states[name], self.leak(j), tuple(self.links(name)))

    def describing(self, j: int) -> _Mechanism:
        """Return how a finding that describes comes about: a noisy-MAX of what produced the described one."""
        name = self.network.findings[j]
        whole, (strata, leak) = self.described[name], self.leak(j)
        steps = [_raises(self.by(whole, LEAK), strata, leak)]
        steps += [self.link(link, self.by(whole, source)) for source, link in self.sources[name].items()]
        return _Mechanism(name, self.network.states[name], _lowest(leak.shape[-1]), tuple(steps))

    def producers(self, j: int) -> Iterator[_Mechanism]:
        """Yield whether the background, and each cause, produced a finding."""
        name = self.network.findings[j]
        yield _Mechanism(self.by(name, LEAK), BINARY, self.leak(j))
        for source, link in self.sources[name].items():
            yield _Mechanism(self.by(name, source), BINARY, _lowest(2), (self.link(link, source),))

    def producers_of_any(self, whole: str, members: Sequence[str]) -> Iterator[_Mechanism]:
        """Yield whether the background, and each cause, produced some member of an OR of findings."""
        for source in dict.fromkeys((LEAK, *(source for member in members for source in self.sources[member]))):
            produced = [member for member in members if source == LEAK or source in self.sources[member]]
            yield _any(self.by(whole, source), [self.by(member, source) for member in produced])

    def by(self, finding: str, source: str) -> str:
        return f"{finding}{self.separator}by{self.separator}{source}"

    def contexts(self, places: Sequence[int]) -> tuple[str, ...]:
        return tuple(self.network.contexts[i] for i in places)

    def leak(self, j: int) -> _Part:
        slots, parameters = self.network.slots, self.network.parameters
        yes, no = (slots.finding_leaks(array, j) for array in (parameters.yes[0], parameters.no[0]))
        return _Part(self.contexts(self.network.leak_strata[j]), _levels(yes, no))

    def links(self, name: str) -> Iterator[_Step]:
        return (self.link(link, source) for source, link in self.sources[name].items())

    def link(self, link: int, parent: str) -> _Step:
        """Return what a link does where its parent, or what stands for it, is present."""
        slots, parameters = self.network.slots, self.network.parameters
        yes, no = (slots.links(array, link) for array in (parameters.yes[0], parameters.no[0]))
        return _raises(parent, self.contexts(self.network.link_strata[link]), _levels(yes, no))


def _levels(yes: Floats, no: Floats) -> Floats:
    """Return the chances of all states of a leak or link, the lowest first."""
    return np.concatenate([no[..., :1], yes], axis=-1)
