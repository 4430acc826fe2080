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
from twitchbayes.inference.names import CAUSE

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
        What is said of each context, cause, finding, union and group, by code; -1 where nothing is.

    Raises
    ------
    ZeroDivisionError
        If P(evidence) is 0.
    """
    case = _Case(structure, numbers, [int(code) for code in codes])
    weights = [(causes, p) for causes, p in case.joint() if p]
    total = sum(p for _, p in weights)

    def share(holds: Any) -> Any:
        return sum(p for causes, p in weights if holds(causes)) / total

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
        return range(self.net.first_group, self.net.first_event)

    def states(self, first: int, cards: Sequence[int]) -> Iterator[tuple[int, ...]]:
        """Yield the joint states of some nodes that the evidence leaves."""
        said = self.codes[first : first + len(cards)]
        return itertools.product(
            *([code] if code >= 0 else range(card) for code, card in zip(said, cards, strict=True))
        )

    def joint(self) -> Iterator[tuple[tuple[int, ...], Any]]:
        """Yield joint states of the causes with P(they, evidence), in parts that add up."""
        net = self.net
        sums: dict[tuple[tuple[int, ...], tuple[int, ...]], Any] = {}
        for contexts in self.states(0, net.cards):
            weight = math.prod(self.p[self.table_entry(c, contexts)] for c in range(net.n_contexts))
            for causes in self.states(net.n_contexts, [2] * net.n_causes) if weight else ():
                p = weight * math.prod(self.cause(k, contexts, causes) for k in range(net.n_causes))
                # Findings hear of the contexts that shift a number of theirs, and of no other.
                key = tuple(x if c in net.shift else -1 for c, x in enumerate(contexts)), causes
                sums[key] = sums.get(key, 0) + p
        for (contexts, causes), p in sums.items():
            yield causes, p * self.findings(contexts, causes) if p else p

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
                absent *= 1 - self.states_of(net.slot[e], 1, net.n_nodes + e, contexts)[1]
        return 1 - absent if causes[k] else absent

    def findings(self, contexts: Sequence[int], causes: Sequence[int]) -> Any:
        """Return P(findings, unions and groups as observed | contexts, causes)."""
        net = self.net
        p = self.groups_hold(causes)
        for v in range(net.first_finding, net.first_union):
            if net.described[v] < 0 and net.tells[v] < 0:
                p *= self.finding(v, contexts, causes)
        for u in range(net.n_unions):
            if p and net.described[net.first_union + u] < 0:
                p *= self.union(u, contexts, causes)
        for d in range(net.n_described):
            p *= self.produced(d, contexts, causes) if p else 0
        return p

    def groups_hold(self, causes: Sequence[int]) -> int:
        """Return 1 if what is said of the groups is true, else 0."""
        net = self.net
        for g in range(net.first_group, net.first_event):
            some = any(causes[net.source[e] - net.n_contexts] for e in self.into(g))
            if self.code(g) not in {-1, int(some)}:
                return 0
        return 1

    def code(self, v: int) -> int:
        """Return what is said of a node."""
        return self.codes[v] if v < len(self.codes) else -1

    def span(self, v: int) -> tuple[int, int]:
        """Return the lowest and the highest state that is said of a finding."""
        net, code = self.net, self.code(v)
        return (0, net.top[v]) if code < 0 else (net.low[net.span_at[v] + code], net.high[net.span_at[v] + code])

    def finding(self, v: int, contexts: Sequence[int], causes: Sequence[int]) -> Any:
        """Return P(a finding in the states that are said | causes), by the noisy-MAX."""
        low, high = self.span(v)
        return self.at_most(v, high, contexts, causes) - (self.at_most(v, low - 1, contexts, causes) if low else 0)

    def at_most(self, v: int, d: int, contexts: Sequence[int], causes: Sequence[int]) -> Any:
        """Return P(finding at most d | causes): that neither its leak nor a present cause raises it above d."""
        net = self.net
        links = [e for e in self.into(v) if net.kind[net.source[e]] == CAUSE and causes[net.source[e] - net.n_contexts]]
        rows = [self.states_of(net.leak[v], net.top[v], v, contexts)]
        rows += [self.states_of(net.slot[e], net.top[v], net.n_nodes + e, contexts) for e in links]
        return math.prod(sum(row[: d + 1]) for row in rows)

    def states_of(self, slot: int, top: int, place: int, contexts: Sequence[int]) -> list[Any]:
        """Return the chances that a leak or link raises a finding to each of its states."""
        net = self.net
        for i in range(net.n_stratified):
            if net.stratified[i] == place:
                steps = range(net.shift_at[i], net.shift_at[i + 1])
                slot += sum(net.shift_stride[j] * contexts[net.shift[j]] for j in steps)
        above = self.p[slot : slot + top]
        return [1 - sum(above), *above]

    def union(self, u: int, contexts: Sequence[int], causes: Sequence[int]) -> Any:
        """Return P(a union as observed | causes, its members as observed)."""
        net, code = self.net, self.code(self.net.first_union + u)
        members = [net.member[i] for i in range(net.member_at[u], net.member_at[u + 1])]
        is_open = 1 not in {self.code(v) for v in members}
        absent = (self.at_most(v, 0, contexts, causes) for v in members if self.code(v) < 0)
        none = math.prod(absent) * is_open
        return {1: 1 - none, 0: none, -1: 1}[code]

    def produced(self, d: int, contexts: Sequence[int], causes: Sequence[int]) -> Any:
        """Return P(a described finding, its parts and what describes it as observed | causes).

        Each present cause, and the background, produces some of the parts, or none; if it produces any it raises what
        describes the finding, too.
        """
        net = self.net
        parts = list(net.part[net.part_at[d] : net.part_at[d + 1]])
        telling = list(net.telling[net.telling_at[d] : net.telling_at[d + 1]])
        reached: dict[tuple[frozenset[int], tuple[int, ...]], Any] = {(frozenset(), (0,) * len(telling)): 1}
        for event in range(net.first_event + net.event_at[d], net.first_event + net.event_at[d + 1]):
            source = net.source[net.in_at[event]]
            if source == net.background or causes[source - net.n_contexts]:
                reached = self.with_producer(reached, source, event, parts, telling, contexts)
        return sum(p for (fired, levels), p in reached.items() if self.is_seen(d, parts, telling, fired, levels))

    def with_producer(
        self,
        reached: dict[tuple[frozenset[int], tuple[int, ...]], Any],
        source: int,
        event: int,
        parts: Sequence[int],
        telling: Sequence[int],
        contexts: Sequence[int],
    ) -> dict[tuple[frozenset[int], tuple[int, ...]], Any]:
        """Return the chances of what has been produced, and how far it was raised, once one more cause has acted."""
        net = self.net
        after: dict[tuple[frozenset[int], tuple[int, ...]], Any] = {}
        chance = {net.target[e]: self.states_of(net.slot[e], 1, net.n_nodes + e, contexts)[1] for e in self.out(source)}
        raises = [{net.target[e]: e for e in self.out(event)}.get(t) for t in telling]
        rows = [
            [1] if e is None else self.states_of(net.slot[e], net.top[t], net.n_nodes + e, contexts)
            for e, t in zip(raises, telling, strict=True)
        ]
        for n in range(len(parts) + 1):
            for own in itertools.combinations(parts, n):
                q = math.prod(chance.get(v, 0) if v in own else 1 - chance.get(v, 0) for v in parts)
                for levels in itertools.product(*(range(len(row)) for row in rows)) if n else [(0,) * len(rows)]:
                    r = q * math.prod(row[level] for row, level in zip(rows, levels, strict=True)) if n else q
                    for (fired, before), p in reached.items() if r else ():
                        key = fired | set(own), tuple(map(max, before, levels))
                        after[key] = after.get(key, 0) + p * r
        return after

    def is_seen(
        self, d: int, parts: Sequence[int], telling: Sequence[int], fired: frozenset[int], levels: Sequence[int]
    ) -> bool:
        """Whether what was produced, and how far it was raised, is what is said."""
        spans = [self.span(t) for t in telling]
        return (
            all(self.code(v) in {-1, int(v in fired)} for v in parts)
            and self.code(self.net.whole[d]) in {-1, int(bool(fired))}
            and all(low <= level <= high for (low, high), level in zip(spans, levels, strict=True))
        )

    def out(self, v: int) -> list[int]:
        """Return the links from a node that have a number of their own."""
        net = self.net
        return [e for e in net.out[net.out_at[v] : net.out_at[v + 1]] if net.slot[e] >= 0]
