"""Brute force: sums over every joint state of contexts and causes, straight from the rows of the tables.

Only contexts that one cause alone depends on are summed for that cause by itself, given the others. It
shares no code with the engine. With `number=Fraction` every sum is exact; with `numpy.longdouble`
it is fast enough for the shipped model.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from twitchbayes.knowledge import Knowledge


@dataclass(frozen=True)
class Truth:
    """What brute force finds: P(cause | evidence), P(none), P(serious) and P(evidence)."""

    causes: dict[str, Any]
    none: Any
    serious: Any
    evidence: Any


class BruteForce:
    """The joint distribution of a model, enumerated."""

    def __init__(self, knowledge: Knowledge, number: Any = Fraction) -> None:
        self.knowledge = knowledge
        self.number = number
        self.contexts = [v.name for v in knowledge.of_role("context")]
        self.causes = [v.name for v in knowledge.of_role("cause")]
        self.prior = {(p.variable, p.given, p.state): self.exact(p.number.probability) for p in knowledge.priors}
        self.given = {p.variable: [name for name, _ in p.given] for p in knowledge.priors}
        self.links = {(k.parent, k.child): k for k in knowledge.links}
        self.states = np.array(list(itertools.product([0, 1], repeat=len(self.causes))))

    def exact(self, value: float) -> Any:
        return self.number(float(value))

    def answer(self, evidence: Mapping[str, str], virtual: Mapping[str, tuple[float, ...]] | None = None) -> Truth:
        """Sum the joint over everything that the evidence leaves open."""
        virtual = virtual or {}
        given_causes = self.likelihood_of_findings(evidence, virtual) * self.likelihood_of_causes(evidence, virtual)
        joint = self.constant(self.number(0))
        alone = self.contexts_of_one_cause({*evidence, *virtual})
        shared = [name for name in self.contexts if name not in itertools.chain(*alone.values())]
        for states in self.context_states(shared, evidence):
            context = dict(zip(shared, states, strict=True))
            weight = math.prod((self.p_context(name, context) for name in shared), start=self.number(1))
            for name, likelihoods in virtual.items():
                if name in context:
                    weight *= self.exact(likelihoods[self.knowledge.variables[name].states.index(context[name])])
            if weight:
                joint = joint + weight * self.p_causes(context, alone)
        joint = joint * given_causes
        total = joint.sum()
        if total == 0:
            return Truth({}, None, None, total)
        serious = [self.knowledge.variables[cause].serious for cause in self.causes]
        return Truth(
            causes={cause: joint[self.states[:, k] == 1].sum() / total for k, cause in enumerate(self.causes)},
            none=joint[0] / total,
            serious=joint[(self.states[:, serious] == 1).any(axis=1)].sum() / total,
            evidence=total,
        )

    def constant(self, value: Any) -> Any:
        return np.array([value] * len(self.states), dtype=object if self.number is Fraction else self.number)

    def contexts_of_one_cause(self, known: set[str]) -> dict[str, list[str]]:
        """Unknown contexts that one cause alone depends on, and no context: given the others they can be summed first."""
        users: dict[str, set[str]] = {name: set() for name in self.contexts}
        for variable, parents in self.given.items():
            for parent in parents:
                users[parent].add(variable)
        for parent, child in self.links:
            if parent in users:
                users[parent].add(child)
        alone: dict[str, list[str]] = {}
        for name, children in users.items():
            if name not in known and len(children) == 1 and (child := next(iter(children))) in self.causes:
                alone.setdefault(child, []).append(name)
        return alone

    def context_states(self, names: list[str], evidence: Mapping[str, str]) -> Any:
        every = self.knowledge.variables
        return itertools.product(*((evidence[n],) if n in evidence else every[n].states for n in names))

    def p_context(self, name: str, context: Mapping[str, str]) -> Any:
        given = tuple((parent, context[parent]) for parent in self.given[name])
        stated = self.prior.get((name, given, context[name]))
        return 1 - self.prior[(name, given, "present")] if stated is None else stated

    def p_causes(self, context: Mapping[str, str], alone: Mapping[str, list[str]]) -> Any:
        """P(joint state of the causes | shared contexts), each cause summed over the contexts that are its own."""
        joint = self.constant(self.number(1))[:1]
        for cause in self.causes:
            own = alone.get(cause, [])
            pair = self.constant(self.number(0))[:2]
            for states in self.context_states(own, {}):
                every = {**context, **dict(zip(own, states, strict=True))}
                weight = math.prod((self.p_context(name, every) for name in own), start=self.number(1))
                absent = self.p_cause_absent(cause, every)
                pair += np.array([weight * absent, weight * (1 - absent)], dtype=pair.dtype)
            # The states are in the order of itertools.product: the last cause changes fastest.
            joint = np.multiply.outer(joint, pair).ravel()
        return joint

    def p_cause_absent(self, cause: str, context: Mapping[str, str]) -> Any:
        """P(cause absent | contexts): the noisy-OR of the active ones."""
        leak = self.prior[(cause, tuple((parent, context[parent]) for parent in self.given[cause]), "present")]
        absent = 1 - leak
        for name in self.contexts:
            link = self.links.get((name, cause))
            if link is not None and context[name] == "present":
                absent *= 1 - self.net(link, leak)
        return absent

    def net(self, link: Any, leak: Any) -> Any:
        p = self.exact(link.number.probability)
        if link.form == "net":
            return p
        return (p - leak) / (1 - leak) if leak != 1 else self.number(0)

    def p_absent(self, finding: str) -> Any:
        """P(finding absent | joint state of the causes)."""
        leak = self.exact(self.links[("leak", finding)].number.probability)
        absent = self.constant(1 - leak)
        for k, cause in enumerate(self.causes):
            link = self.links.get((cause, finding))
            if link is not None:
                absent = absent * np.where(self.states[:, k] == 1, 1 - self.net(link, leak), self.number(1))
        return absent

    def likelihood_of_causes(self, evidence: Mapping[str, str], virtual: Mapping[str, tuple[float, ...]]) -> Any:
        weight = self.constant(self.number(1))
        for k, cause in enumerate(self.causes):
            if cause in evidence:
                weight = weight * np.where(
                    self.states[:, k] == (evidence[cause] == "present"), self.number(1), self.number(0)
                )
            if cause in virtual:
                absent, present = map(self.exact, virtual[cause])
                weight = weight * np.where(self.states[:, k] == 1, present, absent)
        return weight

    def likelihood_of_findings(self, evidence: Mapping[str, str], virtual: Mapping[str, tuple[float, ...]]) -> Any:
        """P(findings observed | causes): each group that has an OR is summed over its joint states."""
        weight = self.constant(self.number(1))
        unions = {v.any_of: v.name for v in self.knowledge.of_role("finding") if v.any_of}
        alone = [v.name for v in self.knowledge.of_role("finding") if not v.any_of and v.group not in unions]
        for finding in alone:
            if finding in evidence or finding in virtual:
                weight = weight * self.p_members([finding], None, evidence, virtual)
        for group, union in unions.items():
            members = [v.name for v in self.knowledge.members(group)]
            if {union, *members} & {*evidence, *virtual}:
                weight = weight * self.p_members(members, union, evidence, virtual)
        return weight

    def p_members(
        self,
        members: list[str],
        union: str | None,
        evidence: Mapping[str, str],
        virtual: Mapping[str, tuple[float, ...]],
    ) -> Any:
        total = self.constant(self.number(0))
        absent = [self.p_absent(member) for member in members]
        for states in itertools.product([0, 1], repeat=len(members)):
            shown = dict(zip(members, states, strict=True)) | ({union: max(states)} if union else {})
            if any(
                evidence.get(name, ("absent", "present")[s]) != ("absent", "present")[s] for name, s in shown.items()
            ):
                continue
            term = self.constant(self.number(1))
            for p_absent, state in zip(absent, states, strict=True):
                term = term * (1 - p_absent if state else p_absent)
            for name, state in shown.items():
                if name in virtual:
                    term = term * self.exact(virtual[name][state])
            total = total + term
        return total


def relative_error(found: float, truth: Any) -> float:
    """|found - truth| / truth, in units of the truth; 0 where both are 0."""
    if truth == 0:
        return abs(found)
    return (
        float(abs(Fraction(found) - truth) / truth)
        if isinstance(truth, Fraction)
        else float(abs(found - truth) / truth)
    )
