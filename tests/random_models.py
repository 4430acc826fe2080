"""Random models and evidence for hypothesis, as tables: small enough for brute force in exact fractions."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from hypothesis import strategies as st

from twitchbayes import Model, knowledge
from twitchbayes.tables import write

# Ordinary numbers, tiny ones (a rare disease), near-certain ones, and the two ends.
PROBABILITIES = st.one_of(
    st.integers(1, 99).map(lambda percent: percent / 100),
    st.sampled_from([1e-12, 5e-5, 0.001, 0.999, 1 - 1e-9]),
    st.sampled_from([0.0, 1.0]),
)
ORDINARY = st.integers(1, 99).map(lambda percent: percent / 100)

NUMBER = ("probability", "low", "high", "basis", "source", "note")


def number_cells(p: float) -> dict[str, str]:
    return {
        "probability": repr(p),
        "low": "0",
        "high": "1",
        "basis": "expert",
        "source": "made_up",
        "note": "",
    }


@st.composite
def models(
    draw: st.DrawFn, *, probabilities: st.SearchStrategy[float] = PROBABILITIES, union: bool | None = None
) -> Model:
    """A model of up to 4 contexts, 4 causes and 5 findings, with context parents, strata, links and a group."""
    contexts = [f"x{i}" for i in range(draw(st.integers(0, 4)))]
    causes = [f"c{i}" for i in range(draw(st.integers(1, 4)))]
    findings = [f"f{i}" for i in range(draw(st.integers(1, 5)))]
    states = {x: draw(st.sampled_from([("absent", "present"), ("low", "mid", "high")])) for x in contexts}
    grouped = draw(st.integers(2, 3)) if (draw(st.booleans()) if union is None else union) else 0
    grouped = min(grouped, len(findings))
    variables = [{"variable": x, "role": "context", "states": ";".join(states[x])} for x in contexts]
    variables += [{"variable": c, "role": "cause", "serious": draw(st.sampled_from(["yes", "no"]))} for c in causes]
    variables += [
        {"variable": f, "role": "finding", "group": "g" if i < grouped else ""} for i, f in enumerate(findings)
    ]
    if grouped:
        variables += [
            {"variable": "g", "role": "group"},
            {"variable": "any_g", "role": "finding", "any_of": "g"},
        ]
    priors: list[dict[str, str]] = []
    for i, x in enumerate(contexts):
        parents = draw(st.lists(st.sampled_from(contexts[:i]), unique=True, max_size=2)) if i else []
        priors += draw(_context_rows(x, states[x], parents, states))
    strata: dict[str, list[str]] = {}
    for c in causes:
        strata[c] = draw(st.lists(st.sampled_from(contexts), unique=True, max_size=2)) if contexts else []
        for given in _givens(strata[c], states):
            priors.append({"variable": c, "given": given, "state": "present", **number_cells(draw(probabilities))})
    links = [{"parent": "leak", "child": f, "form": "net", **number_cells(draw(probabilities))} for f in findings]
    binary = [x for x in contexts if states[x] == ("absent", "present")]
    for parent, child in [*itertools.product(binary, causes), *itertools.product(causes, findings)]:
        if draw(st.booleans()):
            leak = float(next((k["probability"] for k in links if k["parent"] == "leak" and k["child"] == child), 1))
            p = draw(probabilities)
            compound = child in findings and p >= leak and draw(st.booleans())
            links.append(
                {
                    "parent": parent,
                    "child": child,
                    "form": "compound" if compound else "net",
                    **number_cells(p),
                }
            )
    return make_model(variables, priors, links)


def make_model(variables: list[dict[str, str]], priors: list[dict[str, str]], links: list[dict[str, str]]) -> Model:
    """Compile rows given as mappings of column to cell."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, rows in (("variables.csv", variables), ("priors.csv", priors), ("links.csv", links)):
            columns = dict.fromkeys((*knowledge.COLUMNS[file], *(column for row in rows for column in row)))
            (folder / file).write_bytes(write(tuple(columns), rows))
        (folder / "sources.csv").write_text("source,citation,identifier,kind,read\nmade_up,Made up,none,expert,none\n")
        (folder / "model.toml").write_text("".join(f'{key} = "test"\n' for key in ("name", *knowledge.META)))
        return Model(knowledge.read(folder))


def _givens(parents: list[str], states: dict[str, tuple[str, ...]]) -> list[str]:
    combos = itertools.product(*(states[p] for p in parents))
    return [";".join(f"{p}={s}" for p, s in zip(parents, combo, strict=True)) for combo in combos]


@st.composite
def _context_rows(
    draw: st.DrawFn,
    name: str,
    states: tuple[str, ...],
    parents: list[str],
    all_states: dict[str, tuple[str, ...]],
) -> list[dict[str, str]]:
    rows = []
    for given in _givens(parents, all_states):
        # Halves, quarters and eighths add up exactly.
        cuts = sorted(draw(st.lists(st.integers(0, 8), min_size=len(states) - 1, max_size=len(states) - 1)))
        shares = [(b - a) / 8 for a, b in itertools.pairwise([0, *cuts, 8])]
        named = list(zip(states, shares, strict=True))
        for state, share in named if len(states) > 2 or draw(st.booleans()) else named[1:]:
            rows.append({"variable": name, "given": given, "state": state, **number_cells(share)})
    return rows


@st.composite
def cases(draw: st.DrawFn, model: Model, *, causes: bool = True) -> dict[str, str]:
    """Evidence on any of the model's variables, contradictory groups left out."""
    network = model.network
    names = network.contexts + network.findings + network.unions + (network.causes if causes else ())
    chosen = draw(st.lists(st.sampled_from(names), unique=True))
    evidence = {name: draw(st.sampled_from(network.states[name])) for name in chosen}
    for union, members in zip(network.unions, network.union_members, strict=True):
        shown = [evidence.get(network.findings[j]) for j in members]
        clash = (evidence.get(union) == "absent" and "present" in shown) or (
            evidence.get(union) == "present" and all(s == "absent" for s in shown)
        )
        if clash:
            del evidence[union]
    return evidence
