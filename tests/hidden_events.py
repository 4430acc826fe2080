"""Expected counts of hidden events by brute force: sums over contexts, causes and every firing of leaks and links.

The complete data of a case are the states of its contexts and causes, which leaks and links fired, and the
findings. Given contexts and causes the firings of one cause, and of one finding, are independent of all others, so
each is enumerated by itself; the open members of a union are enumerated together. It reads the structure of a
network and shares no code with the engine. With `number=Fraction` every sum is exact.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from twitchbayes.network import COMPLEMENT, Network

# A part of the evidence: its probability, and for each row that of "the part holds and the row's event happens".
Part = tuple[Any, dict[int, Any]]


def brute_counts(
    network: Any, row: Sequence[int], net: Any = None, *, number: Any = Fraction
) -> tuple[list[Any], list[Any], Any]:
    """Return expected successes and trials of each number of a network for one row of evidence, and P(evidence).

    `network` may be a model. `row` has a code for each of `network.columns`, -1 where unknown; `net` a value for
    each row of the tables, links as net link probabilities, the network's own where left out. Where the evidence
    is impossible all counts are 0.
    """
    network = getattr(network, "network", network)
    net = network.to_net(network.numbers)[0] if net is None else net
    counts = _Counts(
        network, [p if isinstance(p, Fraction) else number(float(p)) for p in net], list(map(int, row)), number
    )
    total = counts.add_up()
    if total:
        for sums in (counts.successes, counts.trials):
            sums[:] = [value / total for value in sums]
    return counts.successes, counts.trials, total


@dataclass
class _Counts:
    network: Network
    p: list[Any]
    row: list[int]
    number: Any
    successes: list[Any] = field(init=False)
    trials: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        self.successes = [self.number(0)] * len(self.p)
        self.trials = [self.number(0)] * len(self.p)
        n_contexts, n_causes = len(self.network.contexts), len(self.network.causes)
        self.contexts, self.causes = self.row[:n_contexts], self.row[n_contexts : n_contexts + n_causes]
        self.findings = self.row[n_contexts + n_causes : n_contexts + n_causes + len(self.network.findings)]
        self.unions = self.row[n_contexts + n_causes + len(self.network.findings) :]

    def add_up(self) -> Any:
        """Sum over the contexts, and for each of their joint states over the causes; returns P(evidence)."""
        groups = self.groups()
        if groups is None:
            return self.number(0)
        every = list(itertools.product(*([state] if state >= 0 else [0, 1] for state in self.causes)))
        shown = {causes: [self.group(causes, *group) for group in groups] for causes in every}
        likelihood = {causes: self.product(part[0] for part in parts) for causes, parts in shown.items()}
        joint = dict.fromkeys(every, self.number(0))
        for context in self.context_states():
            p_context = self.product(self.entry(c, context, context[c])[0] for c in self.relevant())
            if p_context:
                own = [self.cause(k, context) for k in range(len(self.causes))]
                pairs = [
                    (
                        causes,
                        p_context
                        * likelihood[causes]
                        * self.product(part[s][0] for part, s in zip(own, causes, strict=True)),
                    )
                    for causes in every
                    if likelihood[causes]
                ]
                for causes, weight in pairs:
                    joint[causes] += weight
                self.add_contexts(context, sum((weight for _, weight in pairs), start=self.number(0)))
                self.add_causes(context, own, pairs)
        for causes, weight in joint.items():
            if weight:
                self.add_findings(causes, shown[causes], groups, weight)
        return sum(joint.values(), start=self.number(0))

    def product(self, factors: Any) -> Any:
        return math.prod(factors, start=self.number(1))

    def relevant(self) -> list[int]:
        """Contexts that are observed, or on which a cause or another such context depends."""
        n_contexts = len(self.network.contexts)
        linked = self.network.slots.sources[self.network.slots.sources < n_contexts]
        wanted = {c for strata in self.network.cause_strata for c in strata} | set(linked.tolist())
        wanted |= {c for c, state in enumerate(self.contexts) if state >= 0}
        while True:
            more = wanted | {p for c in wanted for p in self.network.context_parents[c]}
            if more == wanted:
                return sorted(wanted)
            wanted = more

    def context_states(self) -> Iterator[tuple[int, ...]]:
        """Yield joint states of the contexts; -1 for those that are no part of the complete data."""
        relevant = set(self.relevant())
        cards = [len(self.network.states[name]) for name in self.network.contexts]
        unknown = [list(range(card)) if c in relevant else [-1] for c, card in enumerate(cards)]
        yield from itertools.product(*([s] if s >= 0 else unknown[c] for c, s in enumerate(self.contexts)))

    def entry(self, c: int, context: Sequence[int], state: int) -> tuple[Any, int]:
        """Return P(context c = state | its parents' states), and the row that says so (-1 where none does)."""
        slots = self.network.slots
        rows = slots.table(slots.rows, c)[tuple(context[p] for p in self.network.context_parents[c])]
        if rows[state] != COMPLEMENT:
            return self.p[rows[state]], int(rows[state])
        return 1 - self.p[rows[1]], COMPLEMENT

    def cause_ways(self, k: int, context: Sequence[int]) -> list[int]:
        """Return the rows of what can bring about cause k: its leak, and the links of the contexts present."""
        slots = self.network.slots
        leak = int(slots.leaks(slots.rows, k)[tuple(context[c] for c in self.network.cause_strata[k])])
        return [leak, *(row for row, c in self.links_into(len(self.contexts) + k) if context[c] == 1)]

    def links_into(self, node: int) -> list[tuple[int, int]]:
        """Return the row and the source of each link into a node."""
        slots = self.network.slots
        into = slots.targets == node
        return list(zip(slots.rows[slots.first_link :][into].tolist(), slots.sources[into].tolist(), strict=True))

    def cause(self, k: int, context: Sequence[int]) -> tuple[Part, Part]:
        return self.firings(self.cause_ways(k, context))

    def finding_ways(self, j: int, causes: Sequence[int]) -> list[int]:
        """Return the rows of what can bring about finding j: its leak, and the links of the causes present."""
        first = len(self.contexts)
        leak = int(self.network.slots.finding_leaks(self.network.slots.rows, j)[0])
        into = self.links_into(first + len(self.causes) + j)
        return [leak, *(row for row, node in into if causes[node - first] == 1)]

    def firings(self, ways: Sequence[int]) -> tuple[Part, Part]:
        """Enumerate which ways fire: the parts "none does" and "some does"."""
        parts: tuple[list[Any], list[Any]] = ([self.number(0), {}], [self.number(0), {}])
        for fired in itertools.product([0, 1], repeat=len(ways)):
            p = self.product(self.p[r] if f else 1 - self.p[r] for r, f in zip(ways, fired, strict=True))
            part = parts[max(fired)]
            part[0] += p
            for r in itertools.compress(ways, fired):
                part[1][r] = part[1].get(r, self.number(0)) + p
        return (parts[0][0], parts[0][1]), (parts[1][0], parts[1][1])

    def groups(self) -> list[tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]] | None:
        """Return findings to enumerate together, and the joint states that the evidence leaves them.

        None where a union and its members contradict each other.
        """
        together: list[tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]] = []
        findings = list(self.findings)
        for union, members in zip(self.unions, self.network.union_members, strict=True):
            states = [findings[j] for j in members]
            unknown = tuple(j for j in members if findings[j] < 0)
            if (union == 0 and 1 in states) or (union == 1 and 1 not in states and not unknown):
                return None
            if union == 0:
                for j in unknown:
                    findings[j] = 0
            elif union == 1 and 1 not in states:
                some = tuple(s for s in itertools.product([0, 1], repeat=len(unknown)) if any(s))
                together.append((unknown, some))
        return [*together, *(((j,), ((state,),)) for j, state in enumerate(findings) if state >= 0)]

    def group(self, causes: Sequence[int], members: Sequence[int], states: Sequence[Sequence[int]]) -> Part:
        """Return P(the members are in one of these joint states | causes), with the firings of each row."""
        parts = [self.firings(self.finding_ways(j, causes)) for j in members]
        total, fired = self.number(0), dict[int, Any]()
        for joint in states:
            chosen = [pair[s] for pair, s in zip(parts, joint, strict=True)]
            total += self.product(p for p, _ in chosen)
            for i, (_, own) in enumerate(chosen):
                others = self.product(p for p, _ in chosen[:i] + chosen[i + 1 :])
                for r, p in own.items():
                    fired[r] = fired.get(r, self.number(0)) + p * others
        return total, fired

    def add_contexts(self, context: Sequence[int], weight: Any) -> None:
        for c in self.relevant():
            for state in range(len(self.network.states[self.network.contexts[c]])):
                _, r = self.entry(c, context, state)
                if r != COMPLEMENT:
                    self.trials[r] += weight
                    self.successes[r] += weight if context[c] == state else 0

    def add_causes(self, context: Sequence[int], own: Sequence[tuple[Part, Part]], pairs: Any) -> None:
        for k, parts in enumerate(own):
            for state, (p, fired) in enumerate(parts):
                weight = sum((weight for causes, weight in pairs if causes[k] == state), start=self.number(0))
                for r in self.cause_ways(k, context):
                    self.trials[r] += weight
                    self.successes[r] += weight * fired.get(r, 0) / p if weight else 0

    def add_findings(self, causes: Sequence[int], parts: Sequence[Part], groups: Any, weight: Any) -> None:
        for (p, fired), (members, _) in zip(parts, groups, strict=True):
            for r in itertools.chain(*(self.finding_ways(j, causes) for j in members)):
                self.trials[r] += weight
                self.successes[r] += weight * fired.get(r, 0) / p


def random_rows(network: Network, n_rows: int, seed: int) -> Any:
    """Return rows of evidence that may be impossible: contexts half known, causes at times, findings mostly."""
    random = np.random.default_rng(seed)
    cards = np.array([len(network.states[name]) for name in network.columns])
    sizes = [len(network.contexts), len(network.causes), len(network.findings), len(network.unions)]
    known = np.repeat([0.5, 0.1, 0.6, 0.7], sizes)
    codes = (random.random((n_rows, len(cards))) * cards).astype(np.int8)
    return np.where(random.random(codes.shape) < known, codes, -1).astype(np.int8)
