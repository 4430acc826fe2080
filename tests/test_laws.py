"""Laws that every model keeps: each shipped model and random ones, the evidence drawn by hypothesis."""

from __future__ import annotations

import copy
import itertools
import math
import random
import tempfile
import tracemalloc
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st

from oracle import BruteForce
from random_models import ORDINARY, cases, make_model, models, number_cells
from twitchbayes import (
    EngineLimitError,
    ImpossibleEvidenceError,
    Model,
    Posterior,
    list_models,
    load_model,
)
from twitchbayes.evidence import Words
from twitchbayes.inference import Answer, Engine
from twitchbayes.inference.mixture import answer
from twitchbayes.network import Network
from twitchbayes.tables import Table, pairs, words, write

RANDOM = "random"
every_model = pytest.mark.parametrize("name", [*(info.name for info in list_models()), RANDOM])
some = settings(max_examples=25, deadline=None)
few = settings(max_examples=4, deadline=None)
seeds = st.integers(0, 2**32 - 1)

SAME = 1e-12  # relative: what another order of the same additions and multiplications may change
EXACT = 1e-9  # relative: what the design promises against exact arithmetic


def any_model(data: st.DataObject, name: str, **how: Any) -> Model:
    return data.draw(models(**how), label="model") if name == RANDOM else load_model(name)


def ask(model: Model, evidence: Mapping[str, Any], **how: Any) -> Posterior:
    """Answer with nothing assumed; a case that is impossible in the model is no example of a law."""
    unassumed = {v.name: None for v in model.knowledge.variables.values() if v.assumed}
    try:
        return model.infer({**unassumed, **evidence}, **how)
    except ImpossibleEvidenceError:
        reject()


def contexts_of(data: st.DataObject, model: Model) -> dict[str, str]:
    """A state for every context."""
    states = model.network.states
    return {name: data.draw(st.sampled_from(states[name]), label=name) for name in model.contexts}


def free(data: st.DataObject, model: Model, case: Mapping[str, str]) -> str:
    """A variable of which any state may be added to a case: no part of a group that the case speaks of."""
    network = model.network
    groups = [
        {u, *(network.findings[j] for j in members)}
        for u, members in zip(network.unions, network.union_members, strict=True)
    ]
    spoken = set(case).union(*(group for group in groups if group & set(case)))
    names = [name for name in network.columns if name not in spoken]
    return data.draw(st.sampled_from(names), label="variable") if names else reject()


def close(value: Any, relative: float = SAME) -> Any:
    # No absolute part: a rare cause must come out right too.
    return pytest.approx(value, rel=relative, abs=0)


def everything(p: Posterior) -> dict[str, float]:
    return {**p, "none": p.none, "serious": p.serious}


def codes_of(network: Network, *evidence: Mapping[str, str]) -> np.ndarray:
    codes = np.full((len(evidence), len(network.columns)), -1, dtype=np.int8)
    for row, case in zip(codes, evidence, strict=True):
        for name, state in case.items():
            row[network.columns.index(name)] = network.states[name].index(state)
    return codes


def random_codes(network: Network, n_rows: int, seed: int) -> np.ndarray:
    """Rows with anything known, contradictions included."""
    rng = np.random.default_rng(seed)
    cards = np.array([len(network.states[name]) for name in network.columns])
    shape = n_rows, len(cards)
    codes = rng.integers(0, cards, size=shape)
    codes[rng.random(shape) < rng.random((n_rows, 1))] = -1
    return codes.astype(np.int8)


def fields(found: Answer) -> list[np.ndarray]:
    return [found.causes, found.none, found.serious, found.log_evidence]


def assert_same_rows(found: Answer, rows: Sequence[Answer], relative: float) -> None:
    """The probabilities within the relative tolerance, that of the evidence among them: a log near 0 has few digits."""
    for i, row in enumerate(rows):
        for one, other in zip(fields(found)[:3], fields(row)[:3], strict=True):
            np.testing.assert_allclose(one[i : i + 1], other, rtol=relative, atol=0)
        np.testing.assert_allclose(found.log_evidence[i : i + 1], row.log_evidence, rtol=relative, atol=relative)


def rewritten(model: Model, change: Callable[[Table], list[dict[str, str]]], *files: str) -> Model:
    """The model with other rows in some of its tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = model.save(Path(name) / "model")
        for file in files:
            rows = change(model.knowledge.table(file))
            (folder / file).write_bytes(write(list(rows[0]), rows))
        return load_model(folder)


# ---------------------------------------------------------------- probabilities


@every_model
@some
@given(data=st.data())
def test_probabilities_are_fractions_that_sum_to_one(name: str, data: st.DataObject) -> None:
    """The joint over some causes sums to 1 and has their posteriors as its margins."""
    model = any_model(data, name)
    p = ask(model, data.draw(cases(model)))
    causes = data.draw(st.lists(st.sampled_from(model.causes), unique=True, min_size=1, max_size=5))
    joint = p.joint(causes)
    share = joint.pop("probability").to_numpy()
    assert all(0 <= value <= 1 for value in [*everything(p).values(), *share])
    assert share.sum() == close(1, EXACT)
    assert [p[cause] for cause in causes] == close([share[joint[cause]].sum() for cause in causes], EXACT)


@every_model
@some
@given(data=st.data())
def test_none_and_serious_are_sums_of_the_joint(name: str, data: st.DataObject) -> None:
    """P(none) is P(all causes absent); P(serious) is the sum over which serious cause is the first that is present."""
    model = any_model(data, name)
    case = data.draw(cases(model))
    serious = [v.name for v in model.knowledge.of_role("cause") if v.serious]
    p = ask(model, case)
    absent = [dict.fromkeys(serious[:i], "absent") for i in range(len(serious))]
    firsts = [{**before, cause: "present"} for before, cause in zip(absent, serious, strict=True)]
    rows = [dict.fromkeys(model.causes, "absent"), *firsts]
    rows = [row for row in rows if all(case.get(cause, state) == state for cause, state in row.items())]
    none_is_open = not any(case.get(cause) == "present" for cause in model.causes)
    found = Engine(model.network).run(codes_of(model.network, *({**case, **row} for row in rows)))
    shares = np.exp(found.log_evidence - p.log_evidence)
    assert p.none == close(shares[0] if none_is_open else 0, EXACT)
    assert p.serious == close(shares[none_is_open:].sum(), EXACT)


def prior_by_hand(model: Model) -> dict[str, Fraction]:
    """P(cause) from the rows of the tables, one cause at a time, over the states of its ancestors."""
    by_hand = BruteForce(model.knowledge)
    parents = parents_of(model)
    states = model.network.states
    prior = {}
    for cause in model.causes:
        contexts = sorted(ancestors(parents, [cause]) - {cause})
        prior[cause] = Fraction(0)
        for at in itertools.product(*(states[name] for name in contexts)):
            context = dict(zip(contexts, at, strict=True))
            leak = by_hand.prior[(cause, tuple((g, context[g]) for g in by_hand.given[cause]), "present")]
            links = (by_hand.links[(name, cause)] for name in contexts if (name, cause) in by_hand.links)
            active = (link for link in links if context[link.parent] == "present")
            absent = math.prod((1 - by_hand.net(link, leak) for link in active), start=1 - leak)
            prior[cause] += math.prod(by_hand.p_context(name, context) for name in contexts) * (1 - absent)
    return prior


@every_model
@some
@given(data=st.data())
def test_no_evidence_gives_the_prior(name: str, data: st.DataObject) -> None:
    """With nothing known, or everything given as unknown, each cause has the prior of the tables."""
    model = any_model(data, name)
    expected = {cause: close(float(p)) for cause, p in prior_by_hand(model).items()}
    unknown = ask(
        model,
        dict.fromkeys(model.network.columns, data.draw(st.sampled_from([None, "", "unknown", math.nan]))),
    )
    assert dict(ask(model, {})) == dict(unknown) == dict(model.prior) == expected
    assert unknown.log_evidence == pytest.approx(0, abs=SAME)


@every_model
@some
@given(data=st.data())
def test_observed_cause_is_certain(name: str, data: st.DataObject) -> None:
    """A cause observed present has posterior exactly 1 and leaves P(none) 0; one observed absent has exactly 0."""
    model = any_model(data, name)
    case = data.draw(cases(model, causes=False))
    states = {c: data.draw(st.sampled_from(["absent", "present", None])) for c in model.causes}
    p = ask(model, case | states)
    certain = {cause: float(state == "present") for cause, state in states.items() if state}
    assert {cause: p[cause] for cause in certain} == certain
    if "present" in states.values():
        assert p.none == 0
    if None not in states.values():
        assert p.none == float("present" not in states.values())
    if any(state == "present" and model.knowledge.variables[c].serious for c, state in states.items()):
        assert p.serious == close(1)


# ---------------------------------------------------------------- what may not matter


@every_model
@some
@given(data=st.data(), seed=seeds)
def test_order_of_evidence_is_irrelevant(name: str, data: st.DataObject, seed: int) -> None:
    """The order in which evidence is named changes no bit of the answer."""
    model = any_model(data, name)
    case = data.draw(cases(model))
    items = list(case.items())
    random.Random(seed).shuffle(items)
    one, other = ask(model, case), ask(model, dict(items))
    assert (dict(one), one.none, one.serious, one.log_evidence) == (
        dict(other),
        other.none,
        other.serious,
        other.log_evidence,
    )


def shuffled(table: Table, rng: random.Random) -> list[dict[str, str]]:
    """The rows of a table in another order, as are its columns, its pairs in `given` and states without an order."""
    columns = rng.sample(table.columns, len(table.columns))
    rows = [{column: row[column] for column in columns} for row in rng.sample(table.rows, len(table.rows))]
    for row in rows:
        if row.get("given"):
            given_pairs = pairs(row["given"])
            row["given"] = "; ".join(f"{a} = {b}" for a, b in rng.sample(given_pairs, len(given_pairs)))
        states = words(row.get("states", ""))
        if states and set(states) != {"absent", "present"} and not row.get("unit"):
            row["states"] = ";".join(rng.sample(states, len(states)))
    return rows


@every_model
@some
@given(data=st.data(), seed=seeds)
def test_order_of_rows_columns_and_states_is_irrelevant(name: str, data: st.DataObject, seed: int) -> None:
    """Tables with their rows, columns and states in another order are the same model."""
    model = any_model(data, name)
    rng = random.Random(seed)
    other = rewritten(
        model, lambda table: shuffled(table, rng), "variables.csv", "priors.csv", "links.csv", "sources.csv"
    )
    case = data.draw(cases(model))
    one, two = ask(model, case), ask(other, case)
    assert everything(two) == close(everything(one))
    assert two.log_evidence == pytest.approx(one.log_evidence, rel=SAME, abs=SAME)


def parents_of(model: Model) -> dict[str, set[str]]:
    parents: dict[str, set[str]] = {name: set() for name in model.network.columns}
    for prior in model.knowledge.priors:
        parents[prior.variable].update(name for name, _ in prior.given)
    for link in model.knowledge.links:
        parents[link.child].update({link.parent} - {"leak"})
    for finding in model.knowledge.of_role("finding"):
        parents[finding.name].update(m.name for m in model.knowledge.members(finding.any_of) if finding.any_of)
    return parents


def ancestors(parents: Mapping[str, set[str]], names: Iterable[str]) -> set[str]:
    """These variables and all that lie above them."""
    found: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += parents[name]
    return found


def connected(parents: Mapping[str, set[str]], start: str, known: Iterable[str], end: str) -> bool:
    """Whether two variables are d-connected given others: joined in the moral graph of all their ancestors.

    Lauritzen, Dawid, Larsen, Leimer: Independence properties of directed Markov fields (Networks 20, 1990).
    """
    neighbours: dict[str, set[str]] = {name: set() for name in ancestors(parents, [start, end, *known])}
    for child in neighbours:
        for one, other in itertools.permutations({child, *parents[child]}, 2):
            neighbours[one].add(other)
    reached, todo = set(known), [start]
    while todo:
        name = todo.pop()
        reached.add(name)
        todo += neighbours[name] - reached
    return end in reached


@every_model
@some
@given(data=st.data())
def test_d_separated_variable_changes_nothing(name: str, data: st.DataObject) -> None:
    """Whatever is d-separated from a cause, given what is known, leaves its posterior as it is."""
    model = any_model(data, name)
    case = data.draw(cases(model, causes=data.draw(st.booleans())))
    case = dict(list(case.items())[: data.draw(st.integers(0, 4))])
    parents = parents_of(model)
    further = free(data, model, case)
    apart = [c for c in model.causes if c not in {*case, further} and not connected(parents, further, case, c)]
    assume(apart)
    before, after = (
        ask(model, case),
        ask(model, case | {further: data.draw(st.sampled_from(model.network.states[further]))}),
    )
    assert [after[cause] for cause in apart] == close([before[cause] for cause in apart])


def renamed(model: Model, file: str, prefix: str) -> list[dict[str, str]]:
    """The rows of a table with a prefix before every name of a variable."""

    def new(column: str, cell: str) -> str:
        if column == "given":
            return ";".join(f"{prefix}{name}={state}" for name, state in pairs(cell))
        named = column in {"variable", "parent", "child", "group", "any_of"} and cell not in {"", "leak"}
        return prefix + cell if named else cell

    return [
        {column: new(column, cell) for column, cell in row.cells.items()} for row in model.knowledge.table(file).rows
    ]


@some
@given(data=st.data())
def test_unconnected_networks_do_not_touch(data: st.DataObject) -> None:
    """Two networks glued into one model answer as each does alone; their evidence and P(none) multiply."""
    left, right = data.draw(models()), data.draw(models())
    glued = make_model(
        *(renamed(left, f, "l_") + renamed(right, f, "r_") for f in ("variables.csv", "priors.csv", "links.csv"))
    )
    case_left, case_right = data.draw(cases(left)), data.draw(cases(right))
    one, two = ask(left, case_left), ask(right, case_right)
    both = ask(glued, {f"l_{n}": s for n, s in case_left.items()} | {f"r_{n}": s for n, s in case_right.items()})
    assert {c: both[f"l_{c}"] for c in one} == close(dict(one))
    assert {c: both[f"r_{c}"] for c in two} == close(dict(two))
    assert both.none == close(one.none * two.none)
    assert both.serious == close(one.serious + two.serious * (1 - one.serious))
    assert both.log_evidence == pytest.approx(one.log_evidence + two.log_evidence, rel=SAME, abs=SAME)


# ---------------------------------------------------------------- directions


def findings_and_parents(model: Model) -> list[tuple[str, list[str]]]:
    """Each finding and the causes that it, or a member of it, is linked to."""
    parents = parents_of(model)
    above = {name: ancestors(parents, [name]) for name in model.findings}
    return [(name, [cause for cause in model.causes if cause in above[name]]) for name in model.findings]


@every_model
@some
@given(data=st.data())
def test_finding_moves_its_parents_its_own_way(name: str, data: st.DataObject) -> None:
    """With no other finding known, a positive one never lowers a parent and a negative one never raises it.

    The contexts are known: unknown ones can tie causes together so that what raises one lowers the other.
    """
    model = any_model(data, name)
    network, contexts = model.network, contexts_of(data, model)
    linked = findings_and_parents(model)
    rows = [contexts | {finding: state} for finding, _ in linked for state in ("absent", "present")]
    found = Engine(network).run(codes_of(network, contexts, *rows))
    before, possible = found.causes[0], found.possible
    assume(possible[0])
    for i, (finding, parents) in enumerate(linked):
        for row, sign in ((2 * i + 1, -1), (2 * i + 2, 1)):
            moved = [
                sign * (found.causes[row][k] / before[k] - 1)
                for k, c in enumerate(network.causes)
                if c in parents and before[k]
            ]
            assert not possible[row] or min(moved, default=0) >= -SAME, finding


@pytest.mark.parametrize("name", [info.name for info in list_models()])
def test_finding_moves_its_parents_its_own_way_in_the_population(name: str) -> None:
    """In the shipped models the same holds with the contexts unknown."""
    network = load_model(name).network
    linked = findings_and_parents(load_model(name))
    found = Engine(network).run(codes_of(network, {}, *({finding: "present"} for finding, _ in linked)))
    for after, (finding, parents) in zip(found.causes[1:], linked, strict=True):
        assert all(after[k] >= found.causes[0][k] for k, c in enumerate(network.causes) if c in parents), finding


def test_unknown_context_can_turn_a_finding_against_a_parent() -> None:
    """Why the law above needs known contexts: a finding that speaks for B's stratum speaks against A's."""
    priors = [("x", "", "low", 0.5), ("x", "", "high", 0.5)]
    priors += [("a", "x=low", "present", 0.5), ("a", "x=high", "present", 0.1)]
    priors += [("b", "x=low", "present", 0.1), ("b", "x=high", "present", 0.5)]
    links = {("leak", "f"): 0.0, ("a", "f"): 0.1, ("b", "f"): 0.9}
    model = make_model(
        [{"variable": "x", "role": "context", "states": "low;high"}]
        + [{"variable": v, "role": role} for v, role in (("a", "cause"), ("b", "cause"), ("f", "finding"))],
        [{"variable": v, "given": g, "state": s, **number_cells(p)} for v, g, s, p in priors],
        [{"parent": a, "child": b, "form": "net", **number_cells(p)} for (a, b), p in links.items()],
    )
    # P(f | low) = 1 - (1 - 0.05) (1 - 0.09) = 0.1355 and P(f | high) = 1 - (1 - 0.01) (1 - 0.45) = 0.4555;
    # P(f | A, low) = 1 - 0.9 x 0.91 = 0.181 and P(f | A, high) = 1 - 0.9 x 0.55 = 0.505.
    assert ask(model, {})["a"] == close(0.3)
    assert ask(model, {"f": True})["a"] == close((0.5 * 0.181 + 0.1 * 0.505) / (0.1355 + 0.4555))  # 0.239
    assert ask(model, {"f": True, "x": "low"})["a"] == close(0.5 * 0.181 / 0.1355)  # 0.668 > 0.5


@every_model
@some
@given(data=st.data())
def test_explaining_away(name: str, data: st.DataObject) -> None:
    """With a finding present, one cause of it known present lowers the other and known absent raises it."""
    model = any_model(data, name, probabilities=ORDINARY)
    links = model.network.link_matrices(model.network.parameters.yes[0], 0.0)[1] > 0
    findings = [j for j in range(links.shape[1]) if links[:, j].sum() > 1]
    assume(findings)
    j = data.draw(st.sampled_from(findings))
    one, other = data.draw(st.permutations(np.array(model.causes)[links[:, j]].tolist()))[:2]
    case = contexts_of(data, model) | {model.network.findings[j]: "present"}
    less, p, more = (ask(model, case | {other: state})[one] for state in ("present", None, "absent"))
    assert less < p < more


# ---------------------------------------------------------------- sums over what is unknown


@every_model
@some
@given(data=st.data())
def test_average_over_the_states_of_a_variable(name: str, data: st.DataObject) -> None:
    """Posteriors, averaged over a variable's states with their probabilities as weights, are those without it."""
    model = any_model(data, name)
    network = model.network
    case = data.draw(cases(model))
    open_names = [other for other in network.columns if other not in case]
    further = data.draw(st.sampled_from(open_names)) if open_names else reject()
    rows = [case | {further: state} for state in network.states[further]]
    found = Engine(network).run(codes_of(network, case, *rows))
    assume(found.possible[0])
    weights = np.exp(found.log_evidence - found.log_evidence[0])
    assert weights[1:].sum() == close(1, EXACT)
    for values in fields(found)[:3]:
        np.testing.assert_allclose(np.tensordot(weights[1:], values[1:], axes=1), values[0], rtol=EXACT, atol=0)


@every_model
@some
@given(data=st.data())
def test_unknown_context_is_the_mixture_of_known_ones(name: str, data: st.DataObject) -> None:
    """With no finding known, an unknown root context counts each of its states with its prior from the table."""
    model = any_model(data, name)
    prior = {(p.variable, p.state): p.number.probability for p in model.knowledge.priors if not p.given}
    roots = [x for x in model.contexts if not parents_of(model)[x]]
    assume(roots)
    context = data.draw(st.sampled_from(roots))
    states = model.network.states[context]
    share = {s: prior.get((context, s), 1 - prior.get((context, "present"), 0)) for s in states}
    mixed = dict.fromkeys([*model.causes, "none", "serious"], 0.0)
    for state in (s for s in states if share[s]):
        for cause, p in everything(ask(model, {context: state})).items():
            mixed[cause] += share[state] * p
    assert everything(ask(model, {})) == close(mixed)


@every_model
@some
@given(data=st.data())
def test_chain_rule(name: str, data: st.DataObject) -> None:
    """P(evidence and a state of all causes) is P(evidence) times P(state of a cause | what came before), in any order."""
    model = any_model(data, name)
    case = data.draw(cases(model, causes=False))
    first = ask(model, case)
    chance = 1.0
    for cause in data.draw(st.permutations(model.causes)):
        p = ask(model, case)[cause]
        case[cause] = data.draw(
            st.sampled_from(["absent", "present"] if 0 < p < 1 else [["absent", "present"][int(p)]])
        )
        chance *= p if case[cause] == "present" else 1 - p
        assert math.exp(ask(model, case).log_evidence - first.log_evidence) == pytest.approx(
            chance, rel=EXACT, abs=SAME
        )


# ---------------------------------------------------------------- virtual evidence


@every_model
@some
@given(data=st.data())
def test_virtual_evidence_runs_from_nothing_to_certainty(name: str, data: st.DataObject) -> None:
    """A likelihood ratio of 1 says nothing; one that grows, or falls to 0, tends to the state observed."""
    model = any_model(data, name)
    case = data.draw(cases(model))
    variable = free(data, model, case)
    assume(model.network.states[variable] == ("absent", "present"))
    before = ask(model, case)
    unmoved = ask(model, case, virtual_evidence={variable: 1})
    assert everything(unmoved) == close(everything(before))
    assert unmoved.log_evidence == pytest.approx(before.log_evidence, rel=SAME, abs=SAME)
    seen, missed = (ask(model, case | {variable: state}) for state in ("present", "absent"))
    odds = math.exp(seen.log_evidence - missed.log_evidence)
    for ratio in (0.0, 1e-9, 0.25, 4.0, 1e9, 1e250):
        share = ratio * odds / (1 + ratio * odds)
        mixed = {c: share * seen[c] + (1 - share) * missed[c] for c in before}
        assert dict(ask(model, case, virtual_evidence={variable: ratio})) == pytest.approx(mixed, rel=EXACT, abs=SAME)


@every_model
@some
@given(data=st.data())
def test_virtual_evidence_of_one_state_is_that_state(name: str, data: st.DataObject) -> None:
    """Likelihoods that leave one state are that state observed, and only their ratios matter."""
    model = any_model(data, name)
    case = data.draw(cases(model))
    variable = free(data, model, case)
    states = model.network.states[variable]
    state = data.draw(st.sampled_from(states))
    only = {s: 5.0 * (s == state) for s in states}
    observed, soft = ask(model, case | {variable: state}), ask(model, case, virtual_evidence={variable: only})
    assert everything(soft) == close(everything(observed))
    assert soft.log_evidence == pytest.approx(observed.log_evidence + math.log(5), rel=SAME, abs=SAME)


# ---------------------------------------------------------------- batches


@every_model
@few
@given(data=st.data(), seed=seeds)
def test_batch_equals_loop(name: str, data: st.DataObject, seed: int) -> None:
    """A batch of rows, impossible ones among them, gives what each row gives alone."""
    engine = Engine(any_model(data, name).network)
    codes = random_codes(engine.network, 200, seed)
    found = engine.run(codes)
    assert np.isfinite(np.concatenate([values.ravel() for values in fields(found)[:3]])).all()
    assert_same_rows(found, [engine.run(codes[i : i + 1]) for i in range(len(codes))], 1e-13)


def other_values(model: Model, n_sets: int, seed: int) -> np.ndarray:
    """Other numbers that the tables may hold: (n_sets, n_priors + n_links)."""
    rng = np.random.default_rng(seed)
    knowledge = model.knowledge
    values = np.repeat(model.network.numbers, n_sets, axis=0)
    rows = [*knowledge.priors, *knowledge.links]
    strata: dict[Any, list[int]] = {}
    for i, row in enumerate(rows):
        role = knowledge.variables[knowledge.priors[i].variable].role if i < len(knowledge.priors) else "link"
        if role == "context":
            strata.setdefault((knowledge.priors[i].variable, knowledge.priors[i].given), []).append(i)
        elif role == "link" and row.parent != "leak" and row.form == "compound":  # type: ignore[union-attr]
            values[:, i] += rng.random(n_sets) * (1 - values[:, i])
        else:
            values[:, i] *= rng.random(n_sets)
    for places in strata.values():
        # The states of a context go on summing to 1.
        values[:, places] = rng.permuted(values[:, places], axis=1) if len(places) > 1 else values[:, places] / 2
    return values


def with_numbers(model: Model, values: Sequence[float]) -> Model:
    """The model whose tables hold these numbers."""
    numbers = iter(values)

    def change(table: Table) -> list[dict[str, str]]:
        own = {"low": "0", "high": "1"}
        return [{**row.cells, **own, "probability": repr(float(next(numbers)))} for row in table.rows]

    return rewritten(model, change, "priors.csv", "links.csv")


@every_model
@few
@given(data=st.data(), seed=seeds)
def test_parameter_sets_equal_models_with_those_numbers(name: str, data: st.DataObject, seed: int) -> None:
    """Every row under every parameter set is the row of a model with those numbers."""
    model = any_model(data, name)
    values = other_values(model, 4, seed)
    codes = random_codes(model.network, 4, seed)
    engine, sets = Engine(model.network), model.network.with_values(values)
    others = [Engine(with_numbers(model, row).network) for row in values]
    assert_same_rows(engine.run(codes, sets), [o.run(codes[i : i + 1]) for o in others for i in range(4)], 1e-13)


# ---------------------------------------------------------------- inputs and outputs


@every_model
@some
@given(data=st.data(), seed=seeds)
def test_input_is_untouched(name: str, data: st.DataObject, seed: int) -> None:
    """Neither the caller's mappings nor arrays change."""
    model = any_model(data, name)
    case = data.draw(cases(model))
    group = next(iter(model.knowledge.of_role("group")), None)
    members = [m.name for m in model.knowledge.members(group.name)] if group else []
    if group and not {*members, *model.network.unions} & {*case}:
        case[group.name] = dict.fromkeys(members[:1], True)  # type: ignore[assignment]
    virtual = {c: 2.0 for c in model.causes[:2] if c not in case}
    codes, values = random_codes(model.network, 5, seed), other_values(model, 5, seed)
    kept = copy.deepcopy((case, virtual, codes, values))
    ask(model, case, virtual_evidence=virtual)
    Engine(model.network).run(codes, model.network.with_values(values))
    assert (case, virtual) == kept[:2]
    assert np.array_equal(codes, kept[2])
    assert np.array_equal(values, kept[3])


@every_model
@some
@given(data=st.data(), seed=seeds)
def test_arrays_are_read_only(name: str, data: st.DataObject, seed: int) -> None:
    """Nobody can write into an answer, evidence, network or parameter set."""
    model = any_model(data, name)
    network, engine = model.network, Engine(model.network)
    evidence = Words(model.knowledge, network).read({}, {model.causes[0]: 2})
    sets = network.with_values(other_values(model, 2, seed))
    frozen = [network.numbers, evidence.codes]
    for numbers in (network.parameters, sets):
        frozen += [numbers.yes, numbers.no]
    frozen += fields(engine.run(random_codes(network, 3, seed))) + fields(engine.run(codes_of(network, {}), sets))
    frozen += fields(answer(engine, evidence))
    for array in frozen:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@every_model
@some
@given(data=st.data())
def test_impossible_evidence_raises(name: str, data: st.DataObject) -> None:
    """Evidence of probability 0 is refused and what makes it so is named, however much else is known."""
    model = any_model(data, name)
    leaks = {"never": 0.0, "always": 1.0}
    more = {
        "variables.csv": [{"variable": finding, "role": "finding"} for finding in leaks],
        "links.csv": [{"parent": "leak", "child": f, "form": "net", **number_cells(p)} for f, p in leaks.items()],
    }
    own_source = model.knowledge.tables["sources.csv"].rows[0]["source"]
    for row in more["links.csv"]:
        row["source"] = own_source

    def longer(table: Table) -> list[dict[str, str]]:
        blank = dict.fromkeys(table.columns, "")
        return [*(dict(row.cells) for row in table.rows), *(blank | row for row in more[table.file])]

    wider = rewritten(model, longer, *more)
    case = data.draw(cases(model))
    ask(model, case)
    for extra, state in (("never", "present"), ("always", "absent")):
        with pytest.raises(ImpossibleEvidenceError, match=f"cannot hold together: {extra}={state}") as caught:
            wider.infer({**case, extra: state})
        assert caught.value.conflict == {extra: state}
        assert caught.value.smallest
    assert everything(ask(wider, case | {"never": "absent", "always": "present"})) == close(
        everything(ask(model, case))
    )


# ---------------------------------------------------------------- extremes and sizes

EXTREME = st.sampled_from([1e-300, 1e-100, 1e-12, 0.3, 0.99, 1 - 1e-12, 1 - 2**-53])


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_extreme_probabilities_keep_their_digits(data: st.DataObject) -> None:
    """Numbers such as 1e-300 and 1 - 1e-12 give answers within 1e-9 relative of exact fractions."""
    model = data.draw(models(probabilities=EXTREME))
    case = data.draw(cases(model))
    truth = BruteForce(model.knowledge).answer(case)
    assume(truth.evidence > Fraction(1e-290))
    exact = {**truth.causes, "none": truth.none, "serious": truth.serious}
    p = ask(model, case)
    # What is below 1e-200 may have left the range of a double on the way.
    expected = {name: float(value) for name, value in exact.items()}
    assert everything(p) == pytest.approx(expected, rel=EXACT, abs=1e-200)
    assert p.log_evidence == pytest.approx(math.log(truth.evidence), rel=EXACT, abs=EXACT)


def bipartite(
    causes: Mapping[str, float],
    leaks: Mapping[str, float],
    links: Mapping[tuple[str, str], float],
    *,
    form: str = "net",
) -> Model:
    """A model of causes and findings alone."""
    variables = [{"variable": c, "role": "cause", "serious": ["yes", "no"][i % 2]} for i, c in enumerate(causes)]
    variables += [{"variable": f, "role": "finding"} for f in leaks]
    priors = [{"variable": c, "given": "", "state": "present", **number_cells(p)} for c, p in causes.items()]
    rows = [{"parent": "leak", "child": f, "form": "net", **number_cells(p)} for f, p in leaks.items()]
    rows += [{"parent": c, "child": f, "form": form, **number_cells(p)} for (c, f), p in links.items()]
    return make_model(variables, priors, rows)


def generated(n_causes: int, n_findings: int, parents: Callable[[int], Iterable[int]], seed: int) -> Model:
    """A model with seeded numbers; `parents` gives the numbers of the causes of a finding."""
    rng = np.random.default_rng(seed)
    causes = {f"c{k}": float(rng.uniform(0.001, 0.2)) for k in range(n_causes)}
    leaks = {f"f{j}": float(rng.uniform(0.001, 0.1)) for j in range(n_findings)}
    links = {(f"c{k}", f"f{j}"): float(rng.uniform(0.05, 0.95)) for j in range(n_findings) for k in parents(j)}
    return bipartite(causes, leaks, links)


def quickscore(model: Model, positive: Sequence[str], negative: Sequence[str]) -> tuple[dict[str, Fraction], Fraction]:
    """P(cause | findings) and P(findings) by Heckerman's inclusion-exclusion, in exact fractions."""
    network = model.network
    slots, yes = network.slots, network.parameters.yes[0]
    prior = [Fraction(float(slots.leaks(yes, k))) for k in range(len(network.causes))]
    place = {name: j for j, name in enumerate(network.findings)}
    no_leak = [1 - Fraction(float(yes[at])) for at in slots.finding_leak_starts]
    no_link = [[1 - Fraction(float(q)) for q in row] for row in network.link_matrices(yes, 0.0)[1]]
    total, joint = Fraction(0), [Fraction(0)] * len(prior)
    for subset in itertools.chain.from_iterable(itertools.combinations(positive, n) for n in range(len(positive) + 1)):
        absent = [place[f] for f in (*subset, *negative)]
        present = [p * math.prod(row[j] for j in absent) for p, row in zip(prior, no_link, strict=True)]
        sign = (-1) ** len(subset) * math.prod(no_leak[j] for j in absent)
        term = sign * math.prod(a + 1 - p for a, p in zip(present, prior, strict=True))
        total += term
        joint = [j + term * a / (a + 1 - p) for j, a, p in zip(joint, present, prior, strict=True)]
    return {cause: j / total for cause, j in zip(network.causes, joint, strict=True)}, total


def assert_exact(p: Posterior, causes: Mapping[str, Fraction], evidence: Fraction) -> None:
    assert dict(p) == close({cause: float(value) for cause, value in causes.items()}, EXACT)
    log_truth = math.log(evidence.numerator) - math.log(evidence.denominator)
    assert p.log_evidence == pytest.approx(log_truth, rel=EXACT, abs=EXACT)


def banded(j: int) -> Iterable[int]:
    """Three neighbouring causes of 30 for each of 60 findings."""
    return (k for k in (j // 2 - 1, j // 2, j // 2 + 1) if 0 <= k < 30)


@pytest.mark.parametrize("state", ["present", "absent"])
def test_finding_with_40_parents(state: str) -> None:
    """One finding with 40 parents is exact, present and absent."""
    model = generated(40, 1, lambda _: range(40), seed=1)
    positive, negative = (["f0"], []) if state == "present" else ([], ["f0"])
    assert_exact(model.infer(f0=state), *quickscore(model, positive, negative))


def test_30_causes_and_60_findings_are_exact() -> None:
    """A large network with 8 findings present and 30 absent agrees with inclusion-exclusion in exact fractions."""
    model = generated(30, 60, banded, seed=2)
    names = np.random.default_rng(3).permutation(model.findings).tolist()
    positive, negative = names[:8], names[8:38]
    evidence = dict.fromkeys(positive, "present") | dict.fromkeys(negative, "absent")
    assert_exact(model.infer(evidence), *quickscore(model, positive, negative))


@pytest.mark.parametrize(("n_positive", "n_negative"), [(60, 0), (40, 20), (25, 0)])
def test_large_networks_agree_with_another_order(n_positive: int, n_negative: int) -> None:
    """Many positive findings in a large network come out the same whichever way the causes are walked."""
    model = generated(30, 60, banded, seed=4)
    names = np.random.default_rng(5).permutation(model.findings).tolist()
    negative = names[n_positive : n_positive + n_negative]
    evidence = dict.fromkeys(names[:n_positive], "present") | dict.fromkeys(negative, "absent")
    p = model.infer(evidence)
    rng = random.Random(6)
    other = rewritten(model, lambda table: shuffled(table, rng), "variables.csv", "priors.csv", "links.csv")
    assert everything(other.infer(evidence)) == close(everything(p), EXACT)
    assert other.infer(evidence).log_evidence == close(p.log_evidence, EXACT)


def star(n_findings: int, n_linked: int, *, leak: float, compound: float) -> Model:
    """One cause (0.01) and findings with a leak, the first of them linked to the cause."""
    links = {("c", f"f{j}"): compound for j in range(n_linked)}
    return bipartite({"c": 0.01}, {f"f{j}": leak for j in range(n_findings)}, links, form="compound")


def likelihoods(state: str, n_findings: int, n_linked: int, leak: float, compound: float) -> tuple[Fraction, Fraction]:
    """P(all findings in a state | c absent), P(... | c present) of a `star`."""
    alone, linked = Fraction(leak), Fraction(compound)
    if state == "absent":
        alone, linked = 1 - alone, 1 - linked
    return alone**n_findings, alone ** (n_findings - n_linked) * linked**n_linked


@pytest.mark.parametrize(
    ("state", "n_findings", "n_linked", "leak", "compound"),
    [
        pytest.param("present", 400, 3, 0.01, 0.05, id="400_present_3_linked"),
        pytest.param("present", 400, 400, 0.01, 0.0101, id="400_present_all_linked"),
        pytest.param("present", 12, 12, 1e-30, 2e-30, id="12_present_at_1e-30"),
        pytest.param("absent", 2000, 2000, 0.01, 0.012, id="2000_absent_all_linked"),
        pytest.param("absent", 2000, 2, 0.9, 0.95, id="2000_absent_at_0.9"),
    ],
)
def test_no_underflow(state: str, n_findings: int, n_linked: int, leak: float, compound: float) -> None:
    """Hundreds of findings, whose joint probability no float can hold, give the exact posterior of their cause."""
    model = star(n_findings, n_linked, leak=leak, compound=compound)
    absent, present = likelihoods(state, n_findings, n_linked, leak, compound)
    prior = Fraction(0.01)
    total = absent * (1 - prior) + present * prior
    assert_exact(model.infer(dict.fromkeys(model.findings, state)), {"c": present * prior / total}, total)


def test_no_underflow_over_many_causes() -> None:
    """400 positive findings at 0.01 of 200 causes, two findings each, multiply to 1e-800 and stay exact."""
    findings = {f"f{j}": 0.01 for j in range(400)}
    model = bipartite(
        {f"c{k}": 0.01 for k in range(200)},
        findings,
        {(f"c{j // 2}", f): 0.02 for j, f in enumerate(findings)},
    )
    absent, prior = Fraction(0.01) ** 2, Fraction(0.01)
    present = (1 - (1 - Fraction(0.01)) * (1 - Fraction(0.02))) ** 2
    total = absent * (1 - prior) + present * prior
    p = model.infer(dict.fromkeys(findings, "present"))
    assert dict(p) == close(dict.fromkeys(p, float(present * prior / total)), EXACT)
    assert p.none == close(float(absent * (1 - prior) / total) ** 200, EXACT)
    assert p.log_evidence == close(200 * math.log(total), EXACT)


@pytest.mark.parametrize("n_weak", [3, 14])
def test_cause_that_is_ruled_out_weighs_nothing(n_weak: int) -> None:
    """A strong cause known absent leaves weak explanations of 1e-100 exact, however much stronger it would be."""
    leaks = {f"f{j}": 1e-100 for j in range(4)}
    causes = {"strong": 0.1} | {f"weak{k}": 0.1 for k in range(n_weak)}
    links = {(cause, f): 0.9 if cause == "strong" else 1e-100 for cause in causes for f in leaks}
    model = bipartite(causes, leaks, links)
    p = model.infer(dict.fromkeys(leaks, True), strong=False)
    # With n weak causes present each finding has 1 - (1 - 1e-100)^(n + 1), which is (n + 1) x 1e-100.
    number = {n: math.comb(n_weak, n) * 0.1**n * 0.9 ** (n_weak - n) * (n + 1) ** 4 for n in range(n_weak + 1)}
    expected = sum(n * weight for n, weight in number.items()) / n_weak / sum(number.values())
    assert [p[f"weak{k}"] for k in range(n_weak)] == close([expected] * n_weak, EXACT)
    assert p["strong"] == 0
    assert p.none == close(number[0] / sum(number.values()), EXACT)


def test_frontier_beyond_the_bound_is_refused_before_allocating() -> None:
    """60 causes, each linked to 60 positive findings, are refused with the bound named and nothing allocated."""
    model = generated(60, 60, lambda _: range(60), seed=7)
    engine = Engine(model.network, max_bytes=1 << 30)
    codes = codes_of(model.network, dict.fromkeys(model.findings, "present"))
    tracemalloc.start()
    try:
        with pytest.raises(EngineLimitError, match=r"needs \S+ GiB, above the bound of 1 GiB: 60 positive findings"):
            engine.run(codes)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 << 20
    with pytest.raises(EngineLimitError, match="above the bound of 2 GiB"):
        model.infer(dict.fromkeys(model.findings, "present"))
