"""Many rows at once: NumPy, small patterns pooled, and the compiled kernel, against brute force and one by one."""

from __future__ import annotations

import itertools
import logging
import pickle
from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agrum
from oracle import BruteForce, relative_error
from random_models import ORDINARY, cases, make_model, models, number_cells
from twitchbayes import EngineLimitError, Model, Posterior, batch, frames, groups, load_model
from twitchbayes.batch import answer_rows, answer_sets
from twitchbayes.engine import Answer
from twitchbayes.groups import Codes

numba = pytest.importorskip("numba", reason="the compiled kernel needs numba; the extra `fast` installs it")

from twitchbayes import compiled, kernel, layout  # noqa: E402 (all need numba)

NUMPY, KERNEL = pytest.param(False, id="numpy"), pytest.param(True, id="kernel")


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


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_batch_equals_brute_force(data: st.DataObject, use_kernel: bool) -> None:
    """Every row of a batch on a random network is exact, or impossible, or refused; 0 and 1 among the numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "OWN_ORDER_SLOTS", data.draw(st.sampled_from([1, 3, 7])))
        patch.setattr(groups, "POOLED_BELOW", data.draw(st.sampled_from([0, 24])))
        model = data.draw(models())
        evidence = data.draw(st.lists(cases(model), min_size=4, max_size=8))
        found = answer_rows(model.engine, np.array([codes_of(model, e) for e in evidence]), compiled=use_kernel)
        truth = BruteForce(model.knowledge)
        for row, case in enumerate(evidence):
            assert_exact(model, found, row, truth.answer(case))


def assert_exact(model: Model, found: batch.Batch, row: int, truth) -> None:
    answer = found.answer
    if truth.evidence == 0:
        assert answer.log_evidence[row] == -np.inf
        assert row not in found.refused
        assert not answer.causes[row].any()
        assert (answer.none[row], answer.serious[row]) == (0, 0)
        return
    assert row not in found.refused
    for k, cause in enumerate(model.causes):
        assert relative_error(answer.causes[row, k], truth.causes[cause]) < 1e-9, cause
    assert relative_error(answer.none[row], truth.none) < 1e-9
    assert relative_error(answer.serious[row], truth.serious) < 1e-9
    assert relative_error(np.exp(answer.log_evidence[row]), truth.evidence) < 1e-9


@pytest.mark.parametrize("known", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
@pytest.mark.parametrize("own_order", [1, 7])
def test_shipped_model_equals_one_by_one(
    known: float, use_kernel: bool, own_order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the shipped model a batch gives what each row alone gives, the causes in an order of the row's own or not."""
    monkeypatch.setattr(compiled, "OWN_ORDER_SLOTS", own_order)
    model = load_model("twitch")
    codes = random_rows(model, 400, known=known, seed=1)
    codes[::3, : len(model.contexts)] = -1
    assert_equal(answer_rows(model.engine, codes, compiled=use_kernel).answer, one_by_one(model, codes))


def test_shipped_model_equals_pyagrum() -> None:
    """So does pyAgrum, by lazy propagation on the same network."""
    pytest.importorskip("pyagrum", reason="pyAgrum is the second oracle; the extra `dev` installs it")
    model = load_model("twitch")
    net, network = agrum.build(model.knowledge), model.network
    codes = random_rows(model, 40, known=0.4, seed=2)
    answer = answer_rows(model.engine, codes, compiled=True).answer
    for row, found in zip(codes, answer.causes, strict=True):
        evidence = {n: network.states[n][s] for n, s in zip(network.columns, row, strict=True) if s >= 0}
        truth = agrum.posteriors(net, evidence, model.causes)
        np.testing.assert_allclose(found, list(truth.values()), rtol=0, atol=1e-9)


# The kernel's corners


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
    answer, answered = run_kernel(model, codes)
    assert answered.all()
    p = Fraction(1 - 1e-9)
    both = {True: (1 - Fraction(99, 100) * Fraction(7, 10)) ** 2, False: Fraction(1, 10_000)}
    posterior = p * both[True] / (p * both[True] + (1 - p) * both[False])
    np.testing.assert_allclose(answer.causes[:, 39], float(posterior), rtol=1e-12)
    np.testing.assert_allclose(answer.log_evidence, 39 * np.log(1e-9) + np.log(float(both[True])), rtol=1e-6)
    assert_equal(answer, one_by_one(model, codes))


def run_kernel(model: Model, codes: Codes):
    resolved, open_members, possible = model.engine.groups.resolve(codes)
    return compiled.Kernel(model.network).run(resolved, open_members, np.flatnonzero(possible))


@pytest.mark.parametrize(
    ("model", "positive"),
    [
        pytest.param(many_causes(2, 0.1, n_findings=70), 70, id="more_slots_than_bits"),
        pytest.param(many_causes(3, 0.1, n_findings=24), 24, id="more_slots_than_open_at_once"),
        pytest.param(many_causes(1, 1e-300, link=1e-12, n_findings=1), 1, id="too_small_for_its_digits"),
    ],
)
def test_what_the_kernel_leaves_is_answered_in_numpy(model: Model, positive: int) -> None:
    """A row that is too much for the kernel is left to the NumPy engine, and its answer is no other."""
    codes = np.full((2, len(model.network.columns)), -1, dtype=np.int8)
    codes[:, len(model.causes) : len(model.causes) + positive] = 1
    codes[1, len(model.causes) :] = 0
    if positive == 1:
        codes[0, 0] = 1
    _, answered = run_kernel(model, codes)
    assert answered.tolist() == [False, True]
    assert_equal(answer_rows(model.engine, codes, compiled=True).answer, one_by_one(model, codes))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the same to the last bit however many threads there are."""
    monkeypatch.setenv("TWITCHBAYES_THREADS", str(threads))
    monkeypatch.setattr(compiled, "ROWS_A_TASK", 64)
    model = load_model("twitch")
    codes = random_rows(model, 500, known=0.5)
    resolved, open_members, _ = model.engine.groups.resolve(codes)
    own = compiled.Kernel(model.network)
    assert own.threads == threads
    answer, _ = own.run(resolved, open_members, np.arange(500))
    one, _ = compiled.Kernel(model.network, threads=1).run(resolved, open_members, np.arange(500))
    np.testing.assert_array_equal(answer.causes, one.causes)


def test_a_read_only_installation_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no folder to keep the compiled code in, it is compiled in each process."""
    seen = []

    def njit(function, **options):
        if options.get("cache"):
            message = "cannot cache function: no locator available"
            raise RuntimeError(message)
        seen.append(options)
        return function

    monkeypatch.setattr(layout, "njit", njit)
    assert kernel._entry_point("source").__name__ == "answer_rows"
    assert len(seen) == 1


def test_kernel_is_compiled_again_where_another_file_has_changed() -> None:
    """The source of the other compiled files is part of what the compiled code is kept under."""
    source = kernel.answer_rows.py_func.__closure__[0].cell_contents
    for function in ("def lay_chain(", "def read_findings(", "def new_scratch(", "def move_back("):
        assert function in source


# Distinct rows


def test_equal_rows_are_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of a row get its answer in their own places; the engine sees it once."""
    model = load_model("twitch")
    distinct = random_rows(model, 30, known=0.5)
    distinct = np.unique(distinct, axis=0)
    rng = np.random.default_rng(0)
    copies = rng.integers(0, len(distinct), 200)
    seen = []
    run_rows = type(model.engine).run_rows
    monkeypatch.setattr(
        type(model.engine),
        "run_rows",
        lambda self, codes, *rest: seen.append(len(codes)) or run_rows(self, codes, *rest),
    )
    answer = answer_rows(model.engine, distinct[copies]).answer
    assert seen == [len(np.unique(copies))]
    assert_equal(answer, one_by_one(model, distinct).take(copies))


@pytest.mark.parametrize("chunk", [1, 7, 1 << 17])
def test_colliding_hashes_change_nothing(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every hash is the same, and chunks are small, the answers are still right."""
    model = load_model("twitch")
    codes = random_rows(model, 60, known=0.5)[np.random.default_rng(1).integers(0, 60, 100)]
    expected = one_by_one(model, codes)
    monkeypatch.setattr(batch, "PRIME", np.uint64(0))
    monkeypatch.setattr(batch, "CHUNK_ROWS", chunk)
    assert_equal(answer_rows(model.engine, codes).answer, expected)


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_progress_counts_every_row(use_kernel: bool) -> None:
    """What `advance` is told adds up to the rows of the batch, copies included."""
    model = load_model("twitch")
    codes = random_rows(model, 50, known=0.5)[np.random.default_rng(1).integers(0, 50, 80)]
    told: list[int] = []
    answer_rows(model.engine, codes, compiled=use_kernel, advance=told.append)
    assert sum(told) == 80


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_no_rows(use_kernel: bool) -> None:
    """A batch without rows has an answer without rows."""
    model = load_model("twitch")
    answer = answer_rows(
        model.engine, np.empty((0, len(model.network.columns)), dtype=np.int8), compiled=use_kernel
    ).answer
    assert answer.causes.shape == (0, len(model.causes))


# What is impossible, and what is refused


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_refused_rows_are_named_and_the_others_answered(use_kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row above the bound is refused with the reason, and so are its copies; no other row suffers."""
    model = many_causes(12, 0.1, n_findings=24)
    codes = np.full((6, len(model.network.columns)), -1, dtype=np.int8)
    codes[[1, 4], len(model.causes) :] = 1
    codes[2, len(model.causes) :] = 0
    monkeypatch.setattr(model.engine, "max_bytes", 1 << 18)
    found = answer_rows(model.engine, codes, compiled=use_kernel)
    assert list(found.refused) == [1, 4]
    assert "above the bound of" in found.refused[1]
    assert (found.answer.log_evidence[[1, 4]] == -np.inf).all()
    assert found.answer.possible[[0, 2, 3, 5]].all()
    with pytest.raises(EngineLimitError, match="row 1: an exact answer needs"):
        model.engine.run(codes)


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_impossible_rows_are_blank(use_kernel: bool) -> None:
    """A row whose unions contradict themselves is impossible; it is not refused."""
    model = load_model("twitch")
    codes = random_rows(model, 12, known=0.5)
    first = len(model.contexts) + len(model.causes)
    codes[3, first:] = 0
    codes[3, -1] = 1
    found = answer_rows(model.engine, codes, compiled=use_kernel)
    assert np.flatnonzero(~found.answer.possible).tolist() == [3]
    assert found.refused == {}
    assert (found.answer.causes[3] == 0).all()


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_a_present_cause_without_its_certain_findings_is_impossible(use_kernel: bool) -> None:
    """However many of the findings that it always has are absent."""
    model = many_causes(2, 0.3, link=1.0, n_findings=3)
    codes = np.array([[1, -1, *[0] * n, *[-1] * (3 - n)] for n in range(4)], dtype=np.int8)
    found = answer_rows(model.engine, codes, compiled=use_kernel)
    assert found.answer.possible.tolist() == [True, False, False, False]
    assert not found.answer.causes[1:].any()


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_a_sure_finding_that_is_absent_is_impossible(use_kernel: bool) -> None:
    """A row that is impossible whatever the causes are is blank, not only improbable."""
    variables = [{"variable": "c", "role": "cause", "serious": "yes"}, {"variable": "f", "role": "finding"}]
    priors = [{"variable": "c", "given": "", "state": "present", **number_cells(0.3)}]
    model = make_model(variables, priors, [{"parent": "leak", "child": "f", "form": "net", **number_cells(1.0)}])
    answer = answer_rows(model.engine, np.array([[-1, 0], [-1, 1]], dtype=np.int8), compiled=use_kernel).answer
    assert answer.possible.tolist() == [False, True]
    assert (answer.causes[0, 0], answer.none[0], answer.serious[0]) == (0, 0, 0)


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_what_underflows_is_refused(use_kernel: bool) -> None:
    """Evidence so improbable that digits are lost on the way is refused; no number that is wrong or NaN comes out."""
    causes = [f"c{i}" for i in range(40)]
    variables = [{"variable": c, "role": "cause", "serious": "no"} for c in (*causes, "never")]
    variables += [{"variable": f, "role": "finding"} for f in ("f0", "f1")]
    priors = [{"variable": c, "given": "", "state": "present", **number_cells(0.5)} for c in causes]
    priors.append({"variable": "never", "given": "", "state": "present", **number_cells(0.0)})
    links = [{"parent": "leak", "child": f, "form": "net", **number_cells(0.0)} for f in ("f0", "f1")]
    for f, q in (("f0", 1e-155), ("f1", 1e-160)):
        # What is never present explains nothing, and yet sets the unit in which the others are counted.
        links.append({"parent": "never", "child": f, "form": "net", **number_cells(1.0)})
        links += [{"parent": c, "child": f, "form": "net", **number_cells(q)} for c in causes]
    model = make_model(variables, priors, links)
    codes = np.full((1, 43), -1, dtype=np.int8)
    codes[:, 41:] = 1
    found = answer_rows(model.engine, codes, compiled=use_kernel)
    assert list(found.refused) == [0]
    assert "too improbable" in found.refused[0]


def test_more_cells_than_an_integer_holds_are_refused() -> None:
    """Contexts with 2^64 joint states are refused by the kernel too, before anything is laid out."""
    contexts = [f"x{i}" for i in range(58)]
    strata = {"y0": ("a", "b", "c", "d", "e", "f", "g", "h"), "y1": ("a", "b", "c", "d", "e", "f", "g", "h")}
    variables = [{"variable": x, "role": "context", "states": "absent;present"} for x in contexts]
    variables += [{"variable": y, "role": "context", "states": ";".join(states)} for y, states in strata.items()]
    variables += [{"variable": c, "role": "cause", "serious": "no"} for c in ("c0", "c1")]
    variables.append({"variable": "f", "role": "finding"})
    priors = [{"variable": x, "given": "", "state": "present", **number_cells(0.5)} for x in contexts]
    for y, states in strata.items():
        priors += [{"variable": y, "given": "", "state": state, **number_cells(0.125)} for state in states]
    for pair in itertools.product(*strata.values()):
        given = ";".join(f"{y}={state}" for y, state in zip(strata, pair, strict=True))
        priors += [{"variable": c, "given": given, "state": "present", **number_cells(0.01)} for c in ("c0", "c1")]
    links = [{"parent": "leak", "child": "f", "form": "net", **number_cells(0.1)}]
    links += [{"parent": c, "child": "f", "form": "net", **number_cells(0.5)} for c in ("c0", "c1")]
    links += [{"parent": x, "child": c, "form": "net", **number_cells(0.01)} for x in contexts for c in ("c0", "c1")]
    model = make_model(variables, priors, links)
    codes = np.full((1, 63), -1, dtype=np.int8)
    codes[0, -1] = 1
    assert "above the bound" in answer_rows(model.engine, codes, compiled=True).refused[0]


def test_a_pool_above_the_bound_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are pooled are refused only where they would be by themselves."""
    contexts, causes, findings = [f"x{i}" for i in range(8)], [f"c{k}" for k in range(4)], [f"f{j}" for j in range(12)]
    variables = [{"variable": x, "role": "context", "states": "absent;present"} for x in contexts]
    variables += [{"variable": c, "role": "cause", "serious": "no"} for c in causes]
    variables += [{"variable": f, "role": "finding"} for f in findings]
    priors = [{"variable": v, "given": "", "state": "present", **number_cells(0.3)} for v in (*contexts, *causes)]
    links = [{"parent": "leak", "child": f, "form": "net", **number_cells(0.05)} for f in findings]
    links += [{"parent": x, "child": c, "form": "net", **number_cells(0.2)} for x in contexts for c in causes]
    links += [{"parent": causes[j % 4], "child": f, "form": "net", **number_cells(0.5)} for j, f in enumerate(findings)]
    model = make_model(variables, priors, links)
    codes = np.full((6, len(model.network.columns)), -1, dtype=np.int8)
    rng = np.random.default_rng(0)
    for row in codes:
        row[12 + rng.choice(12, 6, replace=False)] = 1
    expected = one_by_one(model, codes)
    monkeypatch.setattr(model.engine, "max_bytes", 2_000_000)
    model.engine._plans.clear()
    pooled = next(iter(model.engine.groups.split(*model.engine.groups.resolve(codes), pool=True)))
    with pytest.raises(EngineLimitError, match="above the bound"):
        model.engine._plan(pooled, 6)
    assert_equal(answer_rows(model.engine, codes, compiled=False).answer, expected)


# Which engine answers


@pytest.mark.parametrize(
    ("rows", "ready", "expected"),
    [
        (10, True, False),
        (batch.LOADED_FROM, True, True),
        (batch.LOADED_FROM, False, False),
        (batch.COMPILED_FROM, False, True),
    ],
)
def test_kernel_is_used_where_it_is_worth_its_start(
    rows: int, ready: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few rows never load it, more do if it need not be compiled first, many do in any case."""
    monkeypatch.setattr(compiled, "is_ready", lambda **_: ready)
    engine = pickle.loads(pickle.dumps(load_model("twitch").engine))
    assert (batch.kernel_for(engine, rows, None) is not None) == expected


def test_rows_count_towards_the_kernel_from_one_batch_to_the_next(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A table that comes in chunks is worth compiling for as one that comes whole; a message says what takes so long."""
    monkeypatch.setattr(compiled, "is_ready", lambda **_: False)
    engine = pickle.loads(pickle.dumps(load_model("twitch").engine))
    chunk = batch.COMPILED_FROM // 2
    assert batch.kernel_for(engine, chunk, None) is None
    assert batch.kernel_for(engine, batch.LOADED_FROM - 1, None) is None
    assert caplog.messages == []
    assert batch.kernel_for(engine, chunk, None) is not None
    assert [message.split(",")[0] for message in caplog.messages] == ["compiling the kernel for tables"]


def test_without_numba_a_message_says_once_what_is_faster(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without numba a large batch is answered in NumPy, and the log names the extra, once."""
    monkeypatch.setattr(batch.importlib.util, "find_spec", lambda _: None)
    batch._tell_of_numba.cache_clear()
    engine = load_model("twitch").engine
    with caplog.at_level(logging.WARNING, logger="twitchbayes"):
        assert [batch.kernel_for(engine, n, None) for n in (10, 10**6, 10**6)] == [None, None, None]
    assert [record.message for record in caplog.records] == [
        'tables are answered in NumPy; pip install "twitchbayes[fast]" makes them many times faster'
    ]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_pools_equal_single_patterns(data: st.DataObject) -> None:
    """Rows of different patterns that are pooled give what each gives by itself."""
    model = data.draw(models(probabilities=ORDINARY))
    codes = np.array([codes_of(model, e) for e in data.draw(st.lists(cases(model), min_size=4, max_size=30))])
    assert_equal(model.engine.run(codes), one_by_one(model, codes), 1e-10)


# Frames


@pytest.fixture(scope="module")
def five_thousand() -> tuple[list[dict[str, str]], list[Posterior]]:
    """Rows of the shipped model, as evidence, and what `infer` answers to each."""
    model = load_model("twitch")
    network = model.network
    codes = random_rows(model, 5000, known=0.5, seed=3)
    rows = [{n: network.states[n][s] for n, s in zip(network.columns, row, strict=True) if s >= 0} for row in codes]
    unassumed = [{"twitching": None, **row} for row in rows]
    return rows, [model.infer(row) for row in unassumed]


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_frame_equals_infer_row_by_row(
    use_kernel: bool, five_thousand: tuple[list[dict[str, str]], list[Posterior]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`infer_frame` gives 5,000 random rows what `infer` gives each, to 1e-12 of it."""
    rows, posteriors = five_thousand
    model = load_model("twitch")
    monkeypatch.setattr(frames, "answer_rows", partial(answer_rows, compiled=use_kernel))
    result = model.infer_frame(pd.DataFrame(rows, columns=[n for n in model.network.columns if n not in model.causes]))
    expected = pd.DataFrame(
        [{**p, "none": p.none, "serious": p.serious, "log_evidence": p.log_evidence} for p in posteriors]
    )
    assert list(result.columns) == [*model.causes, "none", "serious", "log_evidence"]
    np.testing.assert_allclose(result, expected[result.columns], rtol=1e-12, atol=0)


# Under many parameter sets


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_rows_under_sets_equal_one_by_one(twitch: Model, use_kernel: bool) -> None:
    """Every row under every set is what the engine gives for that row and that set, in the order of the sets."""
    codes = random_rows(twitch, 5, known=0.5, seed=3)
    sets = twitch.network.with_net(twitch.beliefs.draw(4, 0))
    found = answer_sets(twitch.engine, codes, sets, compiled=use_kernel)
    assert not found.refused
    parts = [answer_rows(twitch.engine, codes, parameters=sets.take([i]), compiled=False).answer for i in range(4)]
    expected = Answer(*(np.concatenate([getattr(p, name) for p in parts]) for name in Answer.__slots__))
    assert_equal(found.answer, expected)
    # Each set differs from the next, or the order would not be looked at.
    by_set = found.answer.log_evidence.reshape(4, 5)
    assert (by_set[1:] != by_set[:-1]).all()


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_sets_on_random_networks(data: st.DataObject, use_kernel: bool) -> None:
    """On random networks, 0 and 1 among the numbers, rows under drawn sets are those of the engine, set by set."""
    model = data.draw(models())
    codes = np.array([codes_of(model, e) for e in data.draw(st.lists(cases(model), min_size=1, max_size=3))])
    sets = model.network.with_net(model.beliefs.draw(6, data.draw(st.integers(0, 99))))
    found = answer_sets(model.engine, codes, sets, compiled=use_kernel)
    for number in range(6):
        answer, refused = model.engine.run_rows(codes, sets.take([number]))
        rows = slice(number * len(codes), (number + 1) * len(codes))
        part = found.answer.take(rows)
        np.testing.assert_allclose(part.causes, answer.causes, rtol=1e-9)
        np.testing.assert_allclose(np.c_[part.none, part.serious], np.c_[answer.none, answer.serious], rtol=1e-9)
        # The logarithm of what is nearly 1 has few digits.
        np.testing.assert_allclose(np.exp(part.log_evidence), np.exp(answer.log_evidence), rtol=1e-9)
        assert {r - rows.start: t for r, t in found.refused.items() if rows.start <= r < rows.stop} == refused


@pytest.mark.parametrize("use_kernel", [NUMPY, KERNEL])
def test_sets_in_place_of_an_engine(twitch: Model, use_kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SetRuns` answers as the engine does, and tells which sets a row was refused under."""
    monkeypatch.setattr(batch, "answer_sets", partial(answer_sets, compiled=use_kernel))
    sets = twitch.network.with_net(twitch.beliefs.draw(3, 0))
    runs, codes = batch.SetRuns(twitch.engine), random_rows(twitch, 1, known=0.7)
    assert_equal(runs.run(codes, sets), twitch.engine.run(codes, sets))
    assert runs.refused == {}
    assert_equal(runs.run(codes), twitch.engine.run(codes))


def test_sets_that_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row beyond the bound is refused under every set, with the reason, and blank."""
    model = Model(load_model("twitch").knowledge)
    model.engine.max_bytes = 10
    runs = batch.SetRuns(model.engine)
    monkeypatch.setattr(batch, "answer_sets", partial(answer_sets, compiled=False))
    answer = runs.run(random_rows(model, 1, known=0.0), model.network.with_net(model.beliefs.draw(3, 0)))
    assert not answer.possible.any()
    assert list(runs.refused) == [0, 1, 2]
    assert "above the bound" in runs.refused[2]


def test_many_sets_are_worth_the_kernel(twitch: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is quick in NumPy never loads the kernel; many positive findings do, or the kernel being there already."""
    engine = pickle.loads(pickle.dumps(twitch.engine))
    asked: list[tuple[int, bool | None]] = []
    monkeypatch.setattr(batch, "kernel_for", lambda _engine, n_rows, compiled: asked.append((n_rows, compiled)))
    sets = twitch.network.with_net(twitch.beliefs.draw(1000, 0))
    quick = twitch.words.read({"weakness": True, "age": 62, "sex": "male"}).rows()[0]
    names = ["weakness", "cramps", "slurred_speech", "headache", "dizziness", "fatigue", "pain", "tremor"]
    slow = twitch.words.read(dict.fromkeys(names, True)).rows()[0]
    for codes in (quick, slow):
        answer_sets(engine, codes, sets.take(slice(1)))
        # Asked as for so many rows of a table, which take NumPy as long.
        asked.append((batch._rows_worth(engine, codes, 1000), None))
    assert max(asked[0][0], asked[1][0], asked[2][0]) < batch.LOADED_FROM <= asked[3][0]
    engine.kept("kernel", object)
    asked.clear()
    answer_sets(engine, slow, sets.take(slice(100)))
    assert asked[0][1] is True


@pytest.mark.skipif(not hasattr(kernel.answer_rows, "signatures"), reason="nothing is compiled")
def test_kernel_is_compiled_once(twitch: Model, tiny: Model, sites: Model) -> None:
    """One set or many, one row or many, arrays that are read-only or in another order: all are one type to Numba."""
    for model in (twitch, tiny, sites):
        for sets, count in itertools.product((1, 2, 50), (1, 3)):
            parameters = model.network.with_net(model.beliefs.draw(sets, 0))
            codes = np.full((count, len(model.network.columns)), -1, dtype=np.int8, order="F")
            codes.flags.writeable = False
            answer_sets(model.engine, codes, parameters, compiled=True)
            answer_rows(model.engine, codes, compiled=True)
    assert len(kernel.answer_rows.signatures) == 1
