"""The same answers by brute force: every joint state of contexts and causes, in the order of the formulas.

For tests, and for people who want to read what the engine computes. It takes a time that doubles with each unknown
context and cause, and shares nothing with the engine but the arrays. Numbers may be fractions: then the sums are exact.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from twitchbayes.inference.arrays import Structure

__all__ = ["Reference", "brute_force"]


class Reference(NamedTuple):
    """P(cause | evidence) of each, P(no cause | evidence), P(some member | evidence) of each group, and P(evidence)."""

    causes: list[Any]
    none: Any
    groups: list[Any]
    evidence: Any


def brute_force(structure: Structure, numbers: Sequence[Any], codes: Sequence[int]) -> Reference:
    """Return the answer to one row of evidence.

    Parameters
    ----------
    structure : Structure
    numbers : sequence, length n_slots
        The number in each slot; floats or fractions.
    codes : sequence of int
        State of each context, cause, finding and union, by number; -1 where it is unknown.

    Raises
    ------
    ZeroDivisionError
        If P(evidence) is 0.
    """
    case = _Case(structure, numbers, [int(code) for code in codes])
    weights = {causes: p for causes, p in case.joint() if p}
    total = sum(weights.values())

    def share(holds: Any) -> Any:
        return sum(p for causes, p in weights.items() if holds(causes)) / total

    members = [[structure.source[e] - structure.n_contexts for e in case.into(g)] for g in case.groups()]
    return Reference(
        causes=[share(lambda causes, k=k: causes[k]) for k in range(structure.n_causes)],
        none=share(lambda causes: not any(causes)),
        groups=[share(lambda causes, group=group: any(causes[k] for k in group)) for group in members],
        evidence=total,
    )


class _Case:
    """One row of evidence on a network with one parameter set."""

    def __init__(self, structure: Structure, numbers: Sequence[Any], codes: list[int]) -> None:
        self.net, self.p, self.codes = structure, numbers, codes

    def into(self, v: int) -> range:
        return range(self.net.in_at[v], self.net.in_at[v + 1])

    def groups(self) -> range:
        return range(self.net.first_group, self.net.n_nodes)

    def states(self, first: int, cards: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """Yield the joint states of some nodes that the evidence leaves."""
        said = self.codes[first : first + len(cards)]
        return itertools.product(
            *([code] if code >= 0 else range(card) for code, card in zip(said, cards, strict=True))
        )

    def joint(self) -> Iterator[tuple[tuple[int, ...], Any]]:
        """Yield joint states of the causes with P(they, evidence), in parts that add up."""
        net = self.net
        sums: dict[tuple[int, ...], Any] = {}
        for contexts in self.states(0, net.cards):
            weight = math.prod(self.p[self.table_entry(c, contexts)] for c in range(net.n_contexts))
            for causes in self.states(net.n_contexts, [2] * net.n_causes) if weight else ():
                p = weight * math.prod(self.cause(k, contexts, causes) for k in range(net.n_causes))
                sums[causes] = sums.get(causes, 0) + p
        for causes, p in sums.items():
            yield causes, p * self.findings(causes) if p else p

    def table_entry(self, c: int, contexts: Sequence[int]) -> int:
        """Return the slot of P(a context's state | those of its parents)."""
        net = self.net
        steps = range(net.parent_at[c], net.parent_at[c + 1])
        return int(net.table_at[c] + contexts[c] + sum(net.parent_stride[i] * contexts[net.parent[i]] for i in steps))

    def cause(self, k: int, contexts: Sequence[int], causes: Sequence[int]) -> Any:
        """Return P(the state of a cause | contexts, causes that exclude it): a leaky noisy-OR."""
        net, v = self.net, self.net.n_contexts + k
        steps = range(net.stratum_at[k], net.stratum_at[k + 1])
        leak = net.first_leak + net.leak_at[k] + sum(net.stratum_stride[i] * contexts[net.stratum[i]] for i in steps)
        absent = 1 - self.p[leak]
        for e in self.into(v):
            source = net.source[e]
            if net.inhibits[e]:
                absent = 1 if causes[source - net.n_contexts] else absent
            elif contexts[source] == 1:
                absent *= 1 - self.p[net.first_link + e]
        return 1 - absent if causes[k] else absent

    def findings(self, causes: Sequence[int]) -> Any:
        """Return P(findings and unions as observed | causes); an open union is present by some member."""
        net, p = self.net, 1
        absent = {v: self.absent(v, causes) for v in range(net.first_finding, net.first_union)}
        for v, code in enumerate(self.codes[net.first_finding : net.first_union], start=net.first_finding):
            p *= {1: 1 - absent[v], 0: absent[v], -1: 1}[code]
        for u, code in enumerate(self.codes[net.first_union :]):
            members = [net.member[i] for i in range(net.member_at[u], net.member_at[u + 1])]
            none = math.prod(absent[v] for v in members if self.codes[v] < 0) * (
                1 not in {self.codes[v] for v in members}
            )
            p *= {1: 1 - none, 0: none, -1: 1}[code]
        return p

    def absent(self, v: int, causes: Sequence[int]) -> Any:
        """Return P(finding absent | causes) = (1 - leak) * product over present causes of (1 - link)."""
        net = self.net
        links = [1 - self.p[net.first_link + e] for e in self.into(v) if causes[net.source[e] - net.n_contexts]]
        return (1 - self.p[net.first_finding_leak + v - net.first_finding]) * math.prod(links)
