"""Random models with all that a model can say at once, as tables: small enough for brute force in exact fractions.

Graded findings, what describes a finding or the OR of some, unions of causes within unions, exclusions, and leaks and
links that depend on contexts, beside what `random_models` has.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from hypothesis import strategies as st

from random_models import PROBABILITIES, make_model, number_cells
from twitchbayes import Model
from twitchbayes.network import UNKNOWN, Codes, Network

BINARY = ("absent", "present")
STATES = {2: BINARY, 3: ("none", "mild", "clear"), 4: ("none", "mild", "clear", "severe")}
# Chances of up to three states above the lowest: they leave something for the lowest, or nothing.
SHARES = [(0.125, 0.25, 0.5), (0.5, 0.125, 0.125), (0.3, 0.2, 0.1), (0.05, 0.02, 0.01)]
EDGES = [(0.0, 0.5, 0.25), (0.5, 0.0, 0.5), (1e-12, 0.25, 0.0), (0.0, 0.0, 0.0), (0.5, 0.5, 0.0)]


@dataclass
class Plan:
    """What a model is to have: names, states, and who is linked to whom."""

    contexts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    causes: list[str] = field(default_factory=list)
    findings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sites: list[str] = field(default_factory=list)
    of: dict[str, str] = field(default_factory=dict)
    excludes: dict[str, list[str]] = field(default_factory=dict)
    unions: dict[str, list[str]] = field(default_factory=dict)
    arrows: list[tuple[str, str]] = field(default_factory=list)

    def parents(self, finding: str) -> list[str]:
        return [parent for parent, child in self.arrows if child == finding]

    def producers(self, finding: str) -> list[str]:
        """The causes that can produce what a finding describes."""
        parts = self.sites if self.of[finding] == "any_g" else [self.of[finding]]
        return [c for c in self.causes if any(c in self.parents(part) for part in parts)]


@st.composite
def rich_models(
    draw: st.DrawFn, *, probabilities: st.SearchStrategy[float] = PROBABILITIES, edges: bool = True
) -> Model:
    """A model of up to 3 contexts, 4 causes, 6 findings and 3 unions; with `edges`, some shares are 0 or leave nothing."""
    plan = draw(plans())
    shares = st.sampled_from(SHARES + EDGES if edges else SHARES)
    variables = _variables(plan, draw(st.lists(st.booleans(), min_size=4, max_size=4)))
    priors = [row for x in plan.contexts for row in draw(_context_rows(plan, x))]
    for cause in plan.causes:
        priors += [
            {"variable": cause, "given": given, "state": "present", **number_cells(draw(probabilities))}
            for given in _givens(plan.contexts, draw(_some(list(plan.contexts))))
        ]
    links: list[dict[str, str]] = []
    for parent, child in [*(("leak", f) for f in plan.findings), *plan.arrows]:
        links += draw(_link_rows(plan, parent, child, links, probabilities, shares))
    return make_model(variables, priors, links)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    plan = Plan()
    plan.contexts = {
        f"x{i}": draw(st.sampled_from([BINARY, ("low", "mid", "high")]))
        for i in range(draw(st.sampled_from([0, 1, 2, 2, 3, 3])))
    }
    plan.causes = [f"c{k}" for k in range(draw(st.sampled_from([1, 2, 3, 3, 4, 4])))]
    names = [f"f{j}" for j in range(draw(st.sampled_from([1, 3, 4, 5, 6, 6])))]
    plan.sites = names[:2] if len(names) > 2 and draw(st.booleans()) else []
    plan.findings = {f: BINARY if f in plan.sites else STATES[draw(st.sampled_from([2, 2, 3, 4]))] for f in names}
    binary = [x for x, states in plan.contexts.items() if states == BINARY]
    plan.arrows = [ends for ends in itertools.product(binary, plan.causes) if draw(st.booleans())]
    described = draw(
        st.sampled_from(["any_g"] * len(plan.sites) + [f for f in names if _may_be_described(plan, f)] or [""])
    )
    wholes = [f for f in names if f not in {*plan.sites, described}]
    plan.of = {f: described for f in wholes if described and draw(st.booleans())}
    for finding in (*(f for f in names if f not in plan.of), *plan.of):
        sources = plan.producers(finding) if finding in plan.of else plan.causes
        plan.arrows += [(cause, finding) for cause in sources if draw(st.integers(0, 2))]
    draw(_names_of_causes(plan))
    return plan


def _may_be_described(plan: Plan, finding: str) -> bool:
    return finding not in plan.sites and plan.findings[finding] == BINARY


@st.composite
def _names_of_causes(draw: st.DrawFn, plan: Plan) -> None:
    """Lay unions and exclusions over the causes; the order of the causes in the tables is not that of the exclusions."""
    order = draw(st.permutations(plan.causes))
    for u in range(draw(st.integers(0, 3))):
        parts = st.sampled_from([*plan.causes, *plan.unions])
        plan.unions[f"u{u}"] = draw(st.lists(parts, min_size=1, max_size=3, unique=True))
    for k, cause in enumerate(order):
        before = [*order[:k], *(u for u in plan.unions if _causes(plan, u) <= set(order[:k]))]
        plan.excludes[cause] = [name for name in before if draw(st.integers(0, 3)) == 0]


def _causes(plan: Plan, name: str) -> set[str]:
    return set().union(*(_causes(plan, part) for part in plan.unions[name])) if name in plan.unions else {name}


def _variables(plan: Plan, serious: Sequence[bool]) -> list[dict[str, str]]:
    rows = [{"variable": x, "role": "context", "states": ";".join(states)} for x, states in plan.contexts.items()]
    rows += [
        {"variable": c, "role": "cause", "serious": "yes" if s else "no", "excludes": ";".join(plan.excludes[c])}
        for c, s in zip(plan.causes, serious, strict=False)
    ]
    for finding, states in plan.findings.items():
        row = {"variable": finding, "role": "finding", "group": "g" if finding in plan.sites else ""}
        rows.append({**row, "states": "" if states == BINARY else ";".join(states), "of": plan.of.get(finding, "")})
    if plan.sites:
        rows += [{"variable": "g", "role": "group"}, {"variable": "any_g", "role": "finding", "any_of": "g"}]
    return rows + [{"variable": u, "role": "union", "any_of": ";".join(parts)} for u, parts in plan.unions.items()]


def _some(names: Sequence[str]) -> st.SearchStrategy[list[str]]:
    """Mostly none of some names, at most two."""
    few = st.lists(st.sampled_from(names), unique=True, max_size=2) if names else st.just([])
    return st.one_of(st.just([]), few)


def _givens(states: Mapping[str, tuple[str, ...]], names: Sequence[str]) -> list[str]:
    combos = itertools.product(*(states[name] for name in names))
    return [";".join(f"{name}={state}" for name, state in zip(names, combo, strict=True)) for combo in combos]


@st.composite
def _context_rows(draw: st.DrawFn, plan: Plan, name: str) -> list[dict[str, str]]:
    states, names = plan.contexts[name], list(plan.contexts)
    rows = []
    for given in _givens(plan.contexts, draw(_some(names[: names.index(name)]))):
        # Halves, quarters and eighths add up exactly.
        shares = draw(
            st.sampled_from([(0.25, 0.625, 0.125), (0.5, 0.25, 0.25), (0.125, 0.0, 0.875), (0.0, 0.25, 0.75)])
        )
        own = shares if len(states) == 3 else (shares[0], shares[1] + shares[2])
        rows += [
            {"variable": name, "given": given, "state": state, **number_cells(share)}
            for state, share in zip(states, own, strict=True)
        ]
    return rows


@st.composite
def _link_rows(
    draw: st.DrawFn,
    plan: Plan,
    parent: str,
    child: str,
    before: Sequence[Mapping[str, str]],
    probabilities: st.SearchStrategy[float],
    shares: st.SearchStrategy[tuple[float, ...]],
) -> list[dict[str, str]]:
    """Return the rows of a leak or link: one for each stratum, and for each state of its child above the lowest."""
    states = plan.findings.get(child, BINARY)
    names = draw(_some([x for x in plan.contexts if x != parent]))
    leaks = [float(row["probability"]) for row in before if (row["parent"], row["child"]) == ("leak", child)]
    rows = []
    for given in _givens(plan.contexts, names):
        own = draw(shares)[: len(states) - 1] if len(states) > 2 else (draw(probabilities),)
        plain = len(leaks) == 1 and len(own) == 1 and not names and child not in plan.of
        form = "compound" if plain and own[0] >= leaks[0] and draw(st.booleans()) else "net"
        rows += [
            {"parent": parent, "child": child, "form": form, "given": given, "state": state, **number_cells(p)}
            for state, p in zip(states[1:], own, strict=True)
        ]
    return rows


def rich_codes(model: Model) -> st.SearchStrategy[Codes]:
    """Evidence on any of the model's columns, by code, also what cannot be; findings may be known by a span of states."""
    return st.tuples(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.5, 0.8])).map(
        lambda drawn: random_codes(model.network, 1, seed=drawn[0], known=drawn[1])[0]
    )


def random_codes(network: Network, count: int, *, seed: int, known: float) -> Codes:
    """Rows of evidence, each column known with a probability, to be any of its codes."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(len(own), size=count) for own in network.codes], axis=1).astype(np.int8)
    codes[rng.random(codes.shape) >= known] = UNKNOWN
    return codes
