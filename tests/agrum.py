"""The same network built in memory for pyAgrum, from the rows of the tables: noisy-OR nodes stay noisy-OR."""

from __future__ import annotations

import itertools
from typing import Any

from twitchbayes.knowledge import Knowledge


def state_label(state: str) -> str:
    return state.replace("-", "_")


def build(knowledge: Knowledge) -> Any:
    """Return a pyagrum.BayesNet with the variables' own names."""
    import pyagrum as gum

    net = gum.BayesNet("twitchbayes")
    for variable in knowledge.variables.values():
        if variable.role == "group":
            continue
        node = gum.LabelizedVariable(variable.name, variable.label, [state_label(s) for s in variable.states])
        if variable.role == "finding" and not variable.any_of:
            leak = next(k for k in knowledge.links if k.parent == "leak" and k.child == variable.name)
            net.addNoisyORNet(node, leak.number.probability)
        elif variable.any_of:
            net.addOR(node)
        else:
            net.add(node)
    leaks = {k.child: k.number.probability for k in knowledge.links if k.parent == "leak"}
    contexts = {v.name for v in knowledge.of_role("context")}
    for link in knowledge.links:
        if link.parent != "leak" and link.parent not in contexts:
            p, leak = link.number.probability, leaks[link.child]
            weight = (p - leak) / (1 - leak) if link.form == "compound" else p
            if weight > 0:  # pyAgrum takes no arc of weight 0, which says nothing anyway
                net.addWeightedArc(link.parent, link.child, weight)
    for union in knowledge.of_role("finding"):
        for member in knowledge.members(union.any_of) if union.any_of else ():
            net.addArc(member.name, union.name)
    for variable in (*knowledge.of_role("context"), *knowledge.of_role("cause")):
        _fill(net, knowledge, variable.name)
    return net


def _fill(net: Any, knowledge: Knowledge, name: str) -> None:
    rows = {(p.given, p.state): p.number.probability for p in knowledge.priors if p.variable == name}
    given = [parent for parent, _ in next(iter(rows))[0]]
    active = [k for k in knowledge.links if k.child == name]
    parents = list(dict.fromkeys([*given, *(k.parent for k in active)]))
    for parent in parents:
        net.addArc(parent, name)
    states = knowledge.variables[name].states
    for combination in itertools.product(*(knowledge.variables[p].states for p in parents)):
        at = dict(zip(parents, combination, strict=True))
        key = tuple((g, at[g]) for g in given)
        if (key, states[0]) in rows:
            column = [rows[(key, state)] for state in states]
        else:
            absent = 1 - rows[(key, "present")]
            for link in active:
                p, leak = link.number.probability, rows[(key, "present")]
                net_link = (p - leak) / (1 - leak) if link.form == "compound" else p
                absent *= 1 - net_link * (at[link.parent] == "present")
            column = [absent, 1 - absent]
        net.cpt(name)[{p: state_label(s) for p, s in at.items()}] = column


def posteriors(net: Any, evidence: dict[str, str], causes: tuple[str, ...], inference: Any = None) -> dict[str, float]:
    """Return P(cause present | evidence) of each cause by lazy propagation, or another algorithm."""
    import pyagrum as gum

    engine = (inference or gum.LazyPropagation)(net)
    engine.setEvidence({name: state_label(state) for name, state in evidence.items()})
    engine.setTargets(set(causes))
    engine.makeInference()
    return {cause: float(engine.posterior(cause)[1]) for cause in causes}
