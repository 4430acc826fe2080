"""The engine: against brute force in exact fractions, batches against rows alone, compiled against plain Python."""

from __future__ import annotations

import itertools
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agrum
from oracle import BruteForce, relative_error
from random_models import cases, make_model, models, number_cells
from twitchbayes import EngineLimitError, InvalidValueError, Model, load_model
from twitchbayes.inference import Answer, Batch, Engine, built, engine, patterns
from twitchbayes.inference.arrays import Numbers, Structure
from twitchbayes.inference.calls import answer_rows, weigh_rows
from twitchbayes.inference.reference import brute_force
from twitchbayes.inference.rows import Desk
from twitchbayes.network import UNKNOWN, Codes, Parameters

EXACT = 1e-9


def codes_of(model: Model, evidence: dict[str, str]) -> Codes:
    codes: Codes = model.words.read({**model.words.nothing_assumed, **evidence}).codes
    return codes


def random_rows(model: Model, count: int, *, known: float, seed: int = 0) -> Codes:
    """Rows with contexts and findings drawn evenly, each known with probability `known`."""
    network, rng = model.network, np.random.default_rng(seed)
    codes = np.full((count, len(network.columns)), -1, dtype=np.int8)
    for column, name in enumerate(network.columns):
        if name not in network.causes:
            states = rng.integers(0, len(network.states[name]), count)
            present_less = np.where(rng.random(count) < 0.6, 0, states) if name in network.findings else states
            codes[:, column] = np.where(rng.random(count) < known, present_less, -1)
    union = list(network.columns).index("twitching")
    members = [list(network.columns).index(network.findings[j]) for j in network.union_members[0]]
    codes[:, union] = np.where((codes[:, members] == 0).all(axis=1), -1, 1)
    return codes


def assert_equal(found: Answer, expected: Answer, tolerance: float = 1e-12) -> None:
    for name in ("causes", "none", "serious", "log_evidence"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=tolerance, atol=1e-300, err_msg=name
        )


def one_by_one(model: Model, codes: Codes) -> Answer:
    parts = [model.engine.run(codes[i : i + 1]) for i in range(len(codes))]
    return Answer(*(np.concatenate([getattr(p, name) for p in parts]) for name in Answer.__slots__))


# Against brute force


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_batch_equals_brute_force(data: st.DataObject) -> None:
    """Every row of a batch on a random network is exact, or impossible; 0 and 1 among the numbers."""
    model = data.draw(models())
    evidence = data.draw(st.lists(cases(model), min_size=4, max_size=8))
    codes = np.array([codes_of(model, e) for e in evidence])
    found, logs = model.engine.answer(codes), model.engine.log_evidence(codes)
    truth = BruteForce(model.knowledge)
    for row, case in enumerate(evidence):
        assert_exact(model, found, row, truth.answer(case))
    np.testing.assert_allclose(logs, found.answer.log_evidence, rtol=1e-12, atol=1e-12)


def assert_exact(model: Model, found: Batch, row: int, truth: Any) -> None:
    answer = found.answer
    assert row not in found.refused
    if truth.evidence == 0:
        assert answer.log_evidence[row] == -np.inf
        assert not answer.causes[row].any()
        assert (answer.none[row], answer.serious[row]) == (0, 0)
        return
    for k, cause in enumerate(model.causes):
        assert relative_error(answer.causes[row, k], truth.causes[cause]) < EXACT, cause
    assert relative_error(answer.none[row], truth.none) < EXACT
    assert relative_error(answer.serious[row], truth.serious) < EXACT
    assert relative_error(np.exp(answer.log_evidence[row]), truth.evidence) < EXACT


@st.composite
def structures(draw: st.DrawFn) -> tuple[Structure, list[float], list[int]]:
    """All that a network may have: exclusions, unions, groups, shared contexts, levels, strata, what describes."""
    n_contexts, n_causes, n_findings = draw(st.integers(0, 3)), draw(st.integers(1, 4)), draw(st.integers(1, 6))
    cards = [draw(st.sampled_from([2, 2, 3])) for _ in range(n_contexts)]
    parents = [[p for p in range(c) if draw(st.integers(0, 3)) == 0] for c in range(n_contexts)]
    strata = [[c for c in range(n_contexts) if draw(st.integers(0, 4)) == 0] for _ in range(n_causes)]
    binary = [c for c in range(n_contexts) if cards[c] == 2]
    unions = [list(range(n_findings))[:2]] if n_findings > 2 and draw(st.booleans()) else []
    plain = len(unions[0]) if unions else 0
    levels = [2] * plain + [draw(st.sampled_from([2, 2, 3, 4])) for _ in range(plain, n_findings)]
    of = [-1] * n_findings
    whole = draw(st.sampled_from([n_findings] if unions else [j for j, n in enumerate(levels) if n == 2] or [-1]))
    described = set(unions[0]) if unions else {whole}
    for j in range(max(plain, 1), n_findings):
        of[j] = whole if whole >= 0 and j not in described and draw(st.booleans()) else -1
    links = [(c, n_contexts + k) for c in binary for k in range(n_causes) if draw(st.booleans())]
    first = n_contexts + n_causes
    into = {j: [k for k in range(n_causes) if draw(st.booleans())] for j in range(n_findings)}
    producers = {k for j in described if j >= 0 for k in into.get(j, [])}
    links += [(n_contexts + k, first + j) for j in range(n_findings) for k in into[j] if of[j] < 0 or k in producers]
    links.sort(key=lambda ends: (ends[1], ends[0]))
    excludes = [(a, b) for b in range(n_causes) for a in range(b) if draw(st.integers(0, 3)) == 0]
    groups = [[k for k in range(n_causes) if draw(st.booleans())] for _ in range(draw(st.integers(1, 3)))]
    some = [[c for c in range(n_contexts) if draw(st.integers(0, 7)) == 0] for _ in range(n_findings + len(links))]
    net = Structure(
        cards,
        parents,
        strata,
        links,
        n_findings,
        unions,
        groups,
        excludes,
        levels=levels,
        of=of,
        leak_strata=some[:n_findings],
        link_strata=[[c for c in own if c != s] for own, (s, _) in zip(some[n_findings:], links, strict=True)],
    )
    p = [draw(st.sampled_from([0.0, 1e-12, 0.01, 0.125, 0.3, 0.5, 0.9, 1.0])) for _ in range(net.n_slots)]
    for c in range(n_contexts):
        for at in range(net.table_at[c], net.table_at[c + 1], cards[c]):
            # Halves, quarters and eighths add up exactly.
            p[at : at + cards[c]] = [0.25, 0.75] if cards[c] == 2 else [0.125, 0.375, 0.5]
    for at, n in above(net):
        shares = draw(st.sampled_from([[0.5, 0.25, 0.125], [0.25, 0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 0.25, 1e-12]]))
        p[at : at + n] = reversed(shares[:n]) if n > 1 else p[at : at + n]
    known = [(2, 0.5), (2, 0.2), (2, 0.7), (2, 0.7), (2, 0.2)]
    codes = []
    for kind, count in enumerate((n_contexts, n_causes, n_findings, len(unions), len(groups))):
        for _ in range(count):
            v = len(codes)
            said = draw(st.floats(0, 1)) < known[kind][1] or (kind == 0 and v in net.shift)
            codes.append(draw(st.integers(0, net.span_at[v + 1] - net.span_at[v] - 1)) if said else -1)
    return net, p, codes


def above(net: Structure) -> Iterator[tuple[int, int]]:
    """Where the numbers of each leak and link of a finding begin in each stratum, and how many they are."""
    firsts = {net.leak[v]: net.top[v] for v in range(net.first_finding, net.first_union)}
    firsts |= {s: net.top[net.target[e]] for e, s in enumerate(net.slot) if s >= net.first_link}
    starts = [*sorted(firsts), net.n_slots]
    for start, stop in itertools.pairwise(starts):
        yield from ((at, firsts[start]) for at in range(start, stop, firsts[start]))


def complements(net: Structure, p: list[float]) -> list[float]:
    """1 - each number; of the first of several states above the lowest, 1 - their sum."""
    no = [1 - x for x in p]
    for at, n in above(net):
        no[at] = float(1 - sum(Fraction(x) for x in p[at : at + n]))
    return no


@settings(max_examples=400, deadline=None)
@given(case=structures())
def test_whatever_a_network_may_have(case: tuple[Structure, list[float], list[int]]) -> None:
    """Whatever a network has, the answer is exact: causes, none, every group, P(evidence)."""
    net, p, codes = case
    numbers = Numbers(np.array([p]), np.array([complements(net, p)]))
    out = np.empty((net.n_causes + 1 + net.n_groups + 1, 1))
    logs = np.empty(1)
    row, zero = np.array([codes], dtype=np.int8), np.zeros(1, dtype=np.intp)
    desk, same = Desk(net, 1 << 24), np.zeros(1, dtype=np.int8)
    while answer_rows(net, numbers, row, zero, same, 0, 1, 1, 0, desk, out) == 0:
        desk.make_room(net)
    while weigh_rows(net, numbers, row, zero, same, 0, 1, 1, desk, logs) == 0:
        desk.make_room(net)
    try:
        truth = brute_force(net, [Fraction(x) for x in p], codes)
    except ZeroDivisionError:
        assert out[-1, 0] == logs[0] == -1e308
        return
    expected = [*truth.causes, truth.none, *truth.groups]
    for found, exact in zip(out[:-1, 0], expected, strict=True):
        assert relative_error(found, exact) < EXACT
    assert relative_error(np.exp(out[-1, 0]), truth.evidence) < EXACT
    assert relative_error(np.exp(logs[0]), truth.evidence) < EXACT


def test_shipped_model_equals_pyagrum() -> None:
    """So does pyAgrum, by lazy propagation on the same network."""
    pytest.importorskip("pyagrum", reason="pyAgrum is the second oracle; the extra `dev` installs it")
    model = load_model("twitch")
    net, network = agrum.build(model.knowledge), model.network
    codes = random_rows(model, 40, known=0.4, seed=2)
    answer = model.engine.run(codes)
    for row, found in zip(codes, answer.causes, strict=True):
        evidence = {n: network.states[n][s] for n, s in zip(network.columns, row, strict=True) if s >= 0}
        truth = agrum.posteriors(net, evidence, model.causes)
        np.testing.assert_allclose(found, list(truth.values()), rtol=0, atol=EXACT)


@pytest.mark.parametrize("positive", range(0, 26, 5))
def test_no_pattern_of_the_shipped_model_is_refused(positive: int) -> None:
    """Whatever findings are positive, and with no context known, the answer fits the bound by far."""
    network = load_model("twitch").network
    small = Engine(network, max_bytes=200 << 20)
    first = len(network.contexts) + len(network.causes)
    codes = np.full((3, len(network.columns)), -1, dtype=np.int8)
    for seed, row in enumerate(codes):
        row[first + np.random.default_rng(seed).permutation(len(network.findings))[:positive]] = 1
    assert small.run(codes).possible.all()


# Batches


@pytest.mark.parametrize("known", [0.0, 0.4, 1.0])
def test_rows_together_equal_rows_alone(known: float) -> None:
    """On the shipped model a batch gives what each row alone gives, in blocks of one pattern or not."""
    model = load_model("twitch")
    codes = random_rows(model, 400, known=known, seed=1)
    codes[::3, : len(model.contexts)] = -1
    codes[1::2, len(model.contexts) + len(model.causes) :] = codes[0, len(model.contexts) + len(model.causes) :]
    assert_equal(model.engine.run(codes), one_by_one(model, codes))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers and counts are the same to the last bit however many threads there are."""
    monkeypatch.setenv("TWITCHBAYES_THREADS", str(threads))
    network = load_model("twitch").network
    codes = random_rows(load_model("twitch"), 1500, known=0.5)
    own, one = Engine(network), Engine(network, threads=1)
    assert own.threads == threads
    np.testing.assert_array_equal(own.run(codes).causes, one.run(codes).causes)
    np.testing.assert_array_equal(own.count(codes).successes, one.count(codes).successes)


def test_an_engine_is_pickled_with_its_bound(tiny: Model) -> None:
    """What is made from the network is made again; the bound goes along."""
    sent: Engine = pickle.loads(pickle.dumps(Engine(tiny.network, max_bytes=12_345)))
    assert sent.max_bytes == 12_345
    codes = codes_of(tiny, {"fever": "present"})[None, :]
    assert_equal(sent.run(codes), tiny.engine.run(codes))


def test_equal_rows_are_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of a row get its answer in their own places; the loops see it once."""
    model = load_model("twitch")
    distinct = np.unique(random_rows(model, 30, known=0.5), axis=0)
    copies = np.random.default_rng(0).integers(0, len(distinct), 200)
    seen: list[int] = []
    own = engine.answer_rows
    monkeypatch.setattr(engine, "answer_rows", lambda *words: seen.append(len(words[3])) or own(*words))
    answer = model.engine.run(distinct[copies])
    assert set(seen) == {len(np.unique(copies))}
    assert_equal(answer, one_by_one(model, distinct).take(copies))


@pytest.mark.parametrize("chunk", [1, 7, 1 << 17])
def test_colliding_hashes_change_nothing(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every hash is the same, and chunks are small, the answers are still right."""
    model = load_model("twitch")
    codes = random_rows(model, 60, known=0.5)[np.random.default_rng(1).integers(0, 60, 100)]
    expected = one_by_one(model, codes)
    monkeypatch.setattr(patterns, "PRIME", np.uint64(0))
    monkeypatch.setattr(patterns, "CHUNK_ROWS", chunk)
    assert_equal(model.engine.run(codes), expected)


def test_progress_counts_every_row() -> None:
    """What `advance` is told adds up to the rows of the batch, copies included."""
    model = load_model("twitch")
    codes = random_rows(model, 50, known=0.5)[np.random.default_rng(1).integers(0, 50, 80)]
    told: list[int] = []
    model.engine.answer(codes, advance=told.append)
    assert sum(told) == 80


def test_no_rows(twitch: Model) -> None:
    """A batch without rows has an answer without rows, with and without parameter sets."""
    codes = np.empty((0, len(twitch.network.columns)), dtype=np.int8)
    sets = twitch.network.with_net(twitch.beliefs.draw(3, 0))
    assert twitch.engine.run(codes).causes.shape == (0, len(twitch.causes))
    assert twitch.engine.run(codes, sets).causes.shape == (0, len(twitch.causes))
    assert twitch.engine.log_evidence(codes).shape == (0,)
    assert twitch.engine.count(codes).successes.sum() == 0


def test_every_row_under_every_set(twitch: Model) -> None:
    """Rows and parameter sets are both axes: set after set, in each the rows."""
    codes = random_rows(twitch, 20, known=0.5, seed=3)
    sets = twitch.network.with_net(twitch.beliefs.draw(5, 1))
    together = twitch.engine.run(codes, sets)
    for s in range(5):
        assert_equal(together.take(slice(20 * s, 20 * s + 20)), twitch.engine.run(codes, sets.take([s])))


# What is impossible, and what is refused


def many_causes(n_causes: int, prior: float, link: float = 0.3, n_findings: int = 2) -> Model:
    causes, findings = [f"c{i}" for i in range(n_causes)], [f"f{j}" for j in range(n_findings)]
    variables = [
        {"variable": c, "role": "cause", "serious": "yes" if i % 3 == 0 else "no"} for i, c in enumerate(causes)
    ]
    variables += [{"variable": f, "role": "finding"} for f in findings]
    priors = [{"variable": c, "given": "", "state": "present", **number_cells(prior)} for c in causes]
    links = [{"parent": "leak", "child": f, "form": "net", **number_cells(0.01)} for f in findings]
    links += [{"parent": c, "child": f, "form": "net", **number_cells(link)} for c in causes for f in findings]
    return make_model(variables, priors, links)


def test_the_state_is_rescaled() -> None:
    """Forty causes that are known to be absent and were nearly certain leave P(evidence) at 1e-360; it stays exact."""
    model = many_causes(40, 1 - 1e-9)
    codes = np.full((8, len(model.network.columns)), -1, dtype=np.int8)
    codes[:, :39] = 0
    codes[:, 40:] = 1
    answer = model.engine.run(codes)
    p = Fraction(1 - 1e-9)
    both = {True: (1 - Fraction(99, 100) * Fraction(7, 10)) ** 2, False: Fraction(1, 10_000)}
    posterior = p * both[True] / (p * both[True] + (1 - p) * both[False])
    np.testing.assert_allclose(answer.causes[:, 39], float(posterior), rtol=1e-12)
    np.testing.assert_allclose(answer.none, float(1 - posterior), rtol=EXACT)
    np.testing.assert_allclose(answer.log_evidence, 39 * np.log(1e-9) + np.log(float(both[True])), rtol=1e-6)


def test_refused_rows_are_named_and_the_others_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row above the bound is refused with the findings and the memory, and so are its copies; no other row suffers."""
    model = many_causes(12, 0.1, n_findings=24)
    codes = np.full((6, len(model.network.columns)), -1, dtype=np.int8)
    codes[[1, 4], len(model.causes) :] = 1
    codes[2, len(model.causes) :] = 0
    monkeypatch.setattr(model.engine, "max_bytes", 1 << 17)
    found = model.engine.answer(codes)
    assert list(found.refused) == [1, 4]
    assert all(words in found.refused[1] for words in ("above the bound of 128 KiB", "f0, f1, f2", "KiB"))
    assert (found.answer.log_evidence[[1, 4]] == -np.inf).all()
    assert found.answer.possible[[0, 2, 3, 5]].all()
    with pytest.raises(EngineLimitError, match="row 1: an exact answer needs"):
        model.engine.run(codes)
    with pytest.raises(EngineLimitError, match="above the bound"):
        model.engine.ends(codes[1])
    counts = model.engine.count(codes)
    assert list(counts.refused) == [1, 4]


def test_impossible_rows_are_blank() -> None:
    """A row whose unions contradict themselves is impossible; it is not refused."""
    model = load_model("twitch")
    codes = random_rows(model, 12, known=0.5)
    first = len(model.contexts) + len(model.causes)
    codes[3, first:] = 0
    codes[3, -1] = 1
    found = model.engine.answer(codes)
    assert np.flatnonzero(~found.answer.possible).tolist() == [3]
    assert found.refused == {}
    assert (found.answer.causes[3] == 0).all()


def test_a_present_cause_without_its_certain_findings_is_impossible() -> None:
    """However many of the findings that it always has are absent."""
    model = many_causes(2, 0.3, link=1.0, n_findings=3)
    codes = np.array([[1, -1, *[0] * n, *[-1] * (3 - n)] for n in range(4)], dtype=np.int8)
    answer = model.engine.run(codes)
    assert answer.possible.tolist() == [True, False, False, False]
    assert not answer.causes[1:].any()


def test_a_sure_finding_that_is_absent_is_impossible() -> None:
    """A row that is impossible whatever the causes are is blank, not only improbable."""
    variables = [{"variable": "c", "role": "cause", "serious": "yes"}, {"variable": "f", "role": "finding"}]
    priors = [{"variable": "c", "given": "", "state": "present", **number_cells(0.3)}]
    model = make_model(variables, priors, [{"parent": "leak", "child": "f", "form": "net", **number_cells(1.0)}])
    answer = model.engine.run(np.array([[-1, 0], [-1, 1]], dtype=np.int8))
    assert answer.possible.tolist() == [False, True]
    assert (answer.causes[0, 0], answer.none[0], answer.serious[0]) == (0, 0, 0)


def test_what_underflows_is_refused() -> None:
    """Evidence so improbable that digits are lost on the way is refused; no number that is wrong or NaN comes out."""
    variables = [{"variable": c, "role": "cause", "serious": "no"} for c in ("common", "never")]
    variables += [{"variable": f, "role": "finding"} for f in ("f0", "f1")]
    priors = [{"variable": "common", "given": "", "state": "present", **number_cells(0.5)}]
    priors.append({"variable": "never", "given": "", "state": "present", **number_cells(0.0)})
    links = [{"parent": "leak", "child": f, "form": "net", **number_cells(0.0)} for f in ("f0", "f1")]
    # What is never present explains nothing, and yet sets the unit in which the others are counted.
    links += [{"parent": "never", "child": f, "form": "net", **number_cells(1.0)} for f in ("f0", "f1")]
    links += [{"parent": "common", "child": f, "form": "net", **number_cells(1e-200)} for f in ("f0", "f1")]
    model = make_model(variables, priors, links)
    found = model.engine.answer(np.array([[-1, -1, 1, 1]], dtype=np.int8))
    assert list(found.refused) == [0]
    assert "too improbable" in found.refused[0]
    assert found.answer.log_evidence[0] == -np.inf


# Compiled, and in plain Python

ANSWERS = """
import json, sys
import numpy as np
import twitchbayes
from twitchbayes.inference import built
model = twitchbayes.load_model("twitch")
codes = np.array(json.load(sys.stdin), dtype=np.int8)
answer, counts, ends = model.engine.run(codes), model.engine.count(codes), model.engine.ends(codes[0])
arrays = [answer.causes, answer.none, answer.serious, answer.log_evidence, counts.successes, counts.trials]
arrays += [ends.rest, ends.fires, ends.spares]
print(json.dumps([built.is_compiled(), *(np.asarray(a).ravel().tolist() for a in arrays)]))
"""


def run_python(codes: Codes, **environment: str) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS],
        input=json.dumps(codes.tolist()),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    found: list[Any] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(not built.is_compiled(), reason="the engine was not compiled when twitchbayes was installed")
def test_compiled_and_interpreted_give_the_same_digits(twitch: Model) -> None:
    """Posteriors, counts and derivatives agree to the last bit between the two forms of the same files."""
    codes = random_rows(twitch, 12, known=0.5, seed=7)
    codes[0, : len(twitch.contexts)] = -1
    compiled, plain = run_python(codes), run_python(codes, TWITCHBAYES_INTERPRETED="1")
    assert (compiled[0], plain[0]) == (True, False)
    assert compiled[1:] == plain[1:]


def test_changed_sources_are_not_taken_for_compiled(tmp_path: Any) -> None:
    """The digest is of every compiled file, and of nothing about line ends."""
    folder = tmp_path / "inference"
    folder.mkdir()
    for name in (*built.MODULES, *built.PLAIN):
        for suffix in (".py", ".pxd"):
            (folder / f"{name}{suffix}").write_text(f"# {name}\n", newline="\n")
    before = built.digest(folder)
    (folder / "moves.py").write_bytes(b"# moves\r\n")
    assert built.digest(folder) == before
    (folder / "moves.pxd").write_text("# changed\n")
    assert built.digest(folder) != before


def test_every_module_with_declarations_is_compiled() -> None:
    """A .pxd beside a file says that it is compiled: the list of them is complete."""
    from pathlib import Path

    folder = Path(built.__file__).parent
    assert {file.stem for file in folder.glob("*.pxd")} == {*built.MODULES, *built.PLAIN}


# What a batch is given


def test_codes_that_are_no_states_are_refused_by_row_and_variable(twitch: Model) -> None:
    """No loop reads them: all of them are named at once, whichever question is asked."""
    network, engine = twitch.network, twitch.engine
    codes = np.full((3, len(network.columns)), UNKNOWN, dtype=np.int8)
    age, finding = network.columns.index("age"), network.columns.index("weakness")
    codes[1, age], codes[2, finding] = len(network.states["age"]), 2
    for ask in (engine.answer, engine.log_evidence, engine.count):
        with pytest.raises(InvalidValueError) as caught:
            ask(codes)
        first, second = str(caught.value).split("\n")
        assert first.startswith("row 1: age ")
        assert second.strip().startswith("row 2: weakness ")
    for ask_one in (engine.ends, engine.cost):
        with pytest.raises(InvalidValueError, match="weakness"):
            ask_one(codes[2])
    for whole in (codes.astype(float) / 2, np.full(codes.shape, 256), codes[0], codes[:, :5]):
        with pytest.raises(InvalidValueError):
            engine.answer(whole)


def test_every_number_of_the_last_state_is_read(twitch: Model) -> None:
    """The states that there are can be given, as whole numbers of any type."""
    codes = np.array([[len(twitch.network.states[name]) - 1 for name in twitch.network.columns]], dtype=np.int64)
    assert len(twitch.engine.answer(codes).answer.none) == 1


@pytest.mark.parametrize("wrong", [1.5, -0.1, np.nan])
def test_numbers_that_are_no_probabilities_are_refused_by_set_and_name(twitch: Model, wrong: float) -> None:
    """A number of each kind of slot is named, and the set that it stands in."""
    network, engine = twitch.network, twitch.engine
    codes = np.full((1, len(network.columns)), UNKNOWN, dtype=np.int8)
    slots = network.slots
    link = f"P({network.columns[slots.targets[-1]]} | {network.columns[slots.sources[-1]]})"
    names = {
        slots.table_starts[1]: f"a number of {network.contexts[1]}",
        slots.first_leak - 1: f"a number of {network.contexts[-1]}",
        slots.first_leak: f"a number of {network.causes[0]}",
        slots.first_finding_leak: f"P({network.findings[0]} | leak)",
        len(slots.rows) - 1: link,
    }
    for slot, name in names.items():
        yes = np.repeat(network.parameters.yes, 2, axis=0)
        yes[1, slot] = wrong
        for ask in (engine.answer, engine.log_evidence):
            with pytest.raises(InvalidValueError) as caught:
                ask(codes, Parameters(yes, 1 - yes))
            assert str(caught.value).startswith(f"set 1: {name} = ")


def test_shapes_that_do_not_fit_are_refused(twitch: Model) -> None:
    """Parameter sets, weights and a place for the answer are of the shape that the loops read and write."""
    network, engine = twitch.network, twitch.engine
    codes, own = np.full((2, len(network.columns)), UNKNOWN, dtype=np.int8), network.parameters
    for sets in (Parameters(own.yes[:, :-1], own.no[:, :-1]), own.take(slice(0)), Parameters(own.yes, own.no[:, :-1])):
        with pytest.raises(InvalidValueError):
            engine.answer(codes, sets)
    with pytest.raises(InvalidValueError):
        engine.count(codes, parameters=own.take([0, 0]))
    with pytest.raises(InvalidValueError):
        engine.answer(codes, into=np.empty((3, 2)))
    for weights in ([1.0], [1.0, -1.0], [np.nan, 1.0], [np.inf, 1.0]):
        with pytest.raises(InvalidValueError):
            engine.count(codes, np.array(weights))


def test_a_batch_of_no_rows_has_an_answer_of_no_rows(twitch: Model) -> None:
    """An empty table is a table: its answer has the columns of any."""
    none = np.empty((0, len(twitch.network.columns)), dtype=np.int8)
    assert twitch.engine.answer(none).answer.causes.shape == (0, len(twitch.causes))
    assert twitch.engine.log_evidence(none).shape == (0,)
    assert not twitch.engine.count(none).trials.any()
