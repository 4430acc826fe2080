"""Expected counts of hidden events: against brute force, against derivatives of P(evidence), and how rows add up."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hidden_events import brute_counts, random_rows
from random_models import ORDINARY, make_model, models, number_cells
from twitchbayes import Model
from twitchbayes.network import COMPLEMENT, Network

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="the kernel is the extra `fast`")
if importlib.util.find_spec("numba"):
    from twitchbayes import compiled, counting

Counts = tuple[Any, Any, Any, Any]


def count(model: Model, codes: Any, *, threads: int = 1, weights: Any = None, rows: Any = None, **how: Any) -> Counts:
    """Count the rows that are possible, or those given; links as the network has them."""
    resolved, open_members, possible = model.engine.groups.resolve(codes)
    rows = np.flatnonzero(possible) if rows is None else rows
    weights = np.ones(len(codes)) if weights is None else weights
    return compiled.Kernel(model.network, threads=threads).count(resolved, open_members, rows, weights, **how)


def net_of(network: Network) -> Any:
    return network.to_net(network.numbers)[0]


def assert_counts(model: Model, codes: Any, net: Any = None, **how: Any) -> int:
    """Compare each row with brute force; returns how many rows were possible."""
    network = model.network
    net = net_of(network) if net is None else net
    possible = np.flatnonzero(model.engine.groups.resolve(codes)[2])
    found = count(model, codes, each=True, parameters=network.with_net(net), **how)
    n_possible = 0
    for i, r in enumerate(possible):
        successes, trials, evidence = brute_counts(network, codes[r], net, number=np.longdouble)
        assert found[3][r] == (evidence > 0)
        np.testing.assert_allclose(found[0][i], np.array(successes, dtype=float), rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(found[1][i], np.array(trials, dtype=float), rtol=1e-10, atol=1e-14)
        if evidence:
            assert found[2][r] == pytest.approx(float(np.log(evidence)), rel=1e-12, abs=1e-12)
            n_possible += 1
    return n_possible


# Against brute force


@settings(max_examples=150, deadline=None)
@given(model=models(), seed=st.integers(0, 2**32 - 1), own_order=st.sampled_from([0, 2, 8]))
def test_counts_equal_brute_force(model: Model, seed: int, own_order: int) -> None:
    """On random networks, 0 and 1 among the numbers, every count is the sum over all that is hidden."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "OWN_ORDER_SLOTS", own_order)
        codes = random_rows(model.network, 4, seed)
        # Rows that share their contexts share a chain.
        codes[1, : len(model.contexts)] = codes[0, : len(model.contexts)]
        assert_counts(model, codes)


@pytest.mark.parametrize(("name", "possible"), [("tiny", 40), ("sites", 30), ("certain", 5)])
def test_small_models_equal_brute_force(name: str, possible: int, request: pytest.FixtureRequest) -> None:
    """Unions, strata, contexts of several states, averaged contexts with parents, and numbers 0 and 1."""
    model = request.getfixturevalue(name)
    assert assert_counts(model, random_rows(model.network, 40, seed=3)) >= possible


def test_other_parameters(sites: Model) -> None:
    """The counts are those under the parameter set that is asked for."""
    network = sites.network
    net = np.where(net_of(network) == 0.5, 0.5, 0.3 * net_of(network))
    # The bands of age, which each have a row, add up to 1.
    for rows in network.index.context_rows:
        if not (rows == COMPLEMENT).any():
            net[rows] = 1 / rows.shape[-1]
    assert assert_counts(sites, random_rows(network, 20, seed=4), net) > 10


def test_tiny_probabilities_keep_their_digits() -> None:
    """A leak of 1e-15 beside a link of 0.5: who has the disease has the context, but for 2e-15 of the cases.

    P(context absent | cause) = 0.75 * 1e-15 / (0.25 * 0.5 + ...) = 6e-15 times 1 - O(1e-15).
    """
    variables = [{"variable": "x", "role": "context", "states": "absent;present"}]
    variables += [{"variable": "c", "role": "cause", "serious": "no"}, {"variable": "f", "role": "finding"}]
    priors = [
        {"variable": "x", "given": "", "state": "absent", **number_cells(0.75)},
        {"variable": "x", "given": "", "state": "present", **number_cells(0.25)},
        {"variable": "c", "given": "", "state": "present", **number_cells(1e-15)},
    ]
    links = [{"parent": "x", "child": "c", "form": "net", **number_cells(0.5)}]
    links += [{"parent": "leak", "child": "f", "form": "net", **number_cells(0.0)}]
    links += [{"parent": "c", "child": "f", "form": "net", **number_cells(0.5)}]
    model = make_model(variables, priors, links)
    successes, trials, _, _ = count(model, np.array([[-1, -1, 1]], dtype=np.int8))
    exact = brute_counts(model, [-1, -1, 1])
    assert successes[0, 0] == pytest.approx(6e-15, rel=1e-12)
    np.testing.assert_allclose(successes[0], [float(s) for s in exact[0]], rtol=1e-14)
    np.testing.assert_allclose(trials[0], [float(t) for t in exact[1]], rtol=1e-14)


# Against derivatives


def nudged(network: Network) -> Iterator[tuple[int, Any, Any]]:
    """Yield each number strictly between 0 and 1, with values in which it is half its room lower, and higher.

    P(evidence) is linear in it, so a difference over any width is the derivative. The other states of a context
    that has a row for each make room in proportion.
    """
    net = net_of(network)
    together = {r: rows[i] for rows in network.index.context_rows for i in np.ndindex(rows.shape[:-1]) for r in rows[i]}
    for r in np.flatnonzero((net > 0) & (net < 1)):
        pair = []
        for step in (-0.5, 0.5):
            values = net.copy()
            rows = together.get(r, np.array([r]))
            if COMPLEMENT not in rows:
                values[rows] *= 1 - step * net[r]
            values[r] = net[r] + step * net[r] * (1 - net[r])
            pair.append(values)
        yield int(r), *pair


def assert_derivatives(model: Model, codes: Any) -> int:
    """Compare each row with differences of P(evidence); returns how many rows were possible."""
    network = model.network
    net = net_of(network)
    numbers, lower, upper = zip(*nudged(network), strict=True)
    sets = network.with_net(np.concatenate([lower, upper]))
    possible = np.flatnonzero(model.engine.groups.resolve(codes)[2])
    found = count(model, codes, each=True, parameters=network.with_net(net))
    for i, r in enumerate(possible):
        if found[3][r]:
            log_evidence = model.engine.run(codes[r : r + 1], sets).log_evidence - found[2][r]
            low, high = np.exp(log_evidence).reshape(2, -1)
            # Half the room on either side: theta (1 - theta) d ln P / d theta is the plain difference.
            expected = found[0][i] - net * found[1][i]
            np.testing.assert_allclose(expected[list(numbers)], high - low, rtol=1e-9, atol=1e-12)
            assert (found[0][i] >= 0).all()
            assert (found[0][i] <= found[1][i] * (1 + 1e-12)).all()
            assert found[1][i].max() <= 1 + 1e-12
    return int(found[3].sum())


@settings(max_examples=30, deadline=None)
@given(model=models(probabilities=ORDINARY), seed=st.integers(0, 2**32 - 1))
def test_counts_are_derivatives(model: Model, seed: int) -> None:
    """Successes less their share of the trials are theta (1 - theta) d ln P(evidence) / d theta, on random networks."""
    assert_derivatives(model, random_rows(model.network, 3, seed))


def test_counts_of_shipped_models_are_derivatives(shipped: Model) -> None:
    """So they are on the shipped models, with gaps, causes that are stated at times, and open unions."""
    codes = random_rows(shipped.network, 12, seed=5)
    codes[::3, len(shipped.contexts) :][codes[::3, len(shipped.contexts) :] == 1] = -1
    codes[::3, -1] = 1
    assert assert_derivatives(shipped, codes) > 5


def test_brute_force_is_a_derivative(sites: Model) -> None:
    """The brute force that the kernel is compared with keeps the same law, in exact fractions."""
    net = [Fraction(p) for p in net_of(sites.network)]
    row = random_rows(sites.network, 6, seed=6)[4]
    successes, trials, evidence = brute_counts(sites, row)
    checked = 0
    for r in np.concatenate([sites.network.index.leak_rows, sites.network.index.link_cells[0]]):
        low, high = (
            [*net[:r], net[r] * (1 + s * (1 - net[r])), *net[r + 1 :]] for s in (Fraction(-1, 2), Fraction(1, 2))
        )
        low, high = (_evidence(sites, row, values) for values in (low, high))
        assert successes[r] - net[r] * trials[r] == (high - low) / evidence
        checked += trials[r] > 0
    assert checked > 3


def _evidence(model: Model, row: Any, net: Any) -> Any:
    return brute_counts(model, row, net)[2]


# Rows together


def shared_contexts(model: Model, count: int, seed: int) -> Any:
    """Rows of which some share their contexts, next to each other, and some do not."""
    codes = random_rows(model.network, count, seed)
    contexts = codes[:, : len(model.contexts)]
    contexts[:] = contexts[np.sort(np.arange(count) * 3 // 7)]
    return codes


@pytest.mark.parametrize("own_order", [0, 4, 8])
def test_each_row_adds_up(twitch: Model, own_order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts of all rows are the sum of those of each, as often as it counts; the order of the causes is no matter."""
    codes = shared_contexts(twitch, 300, seed=7)
    weights = np.random.default_rng(8).integers(0, 4, len(codes)) / 2
    monkeypatch.setattr(compiled, "OWN_ORDER_SLOTS", 8)
    each = count(twitch, codes, each=True)
    monkeypatch.setattr(compiled, "OWN_ORDER_SLOTS", own_order)
    together = count(twitch, codes, weights=weights)
    rows = np.flatnonzero(twitch.engine.groups.resolve(codes)[2])
    for found, of_each in zip(together[:2], each[:2], strict=True):
        assert found.shape == (1, len(twitch.network.numbers[0]))
        assert of_each.shape == (len(rows), len(twitch.network.numbers[0]))
        np.testing.assert_allclose(found[0], weights[rows] @ of_each, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(together[2], each[2], rtol=1e-12)
    np.testing.assert_array_equal(together[3], each[3])


@pytest.mark.parametrize("each", [False, True])
def test_threads_change_nothing(twitch: Model, each: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts are the same to the last bit with one thread and with two, and every row is told of."""
    monkeypatch.setattr(compiled, "ROWS_A_TASK", 32)
    codes, told = shared_contexts(twitch, 300, seed=9), []
    one, two = (count(twitch, codes, threads=n, each=each, advance=told.append) for n in (1, 2))
    for left, right in zip(one, two, strict=True):
        np.testing.assert_array_equal(left, right)
    assert sum(told) == 2 * model_rows(twitch, codes)


def model_rows(model: Model, codes: Any) -> int:
    return int(model.engine.groups.resolve(codes)[2].sum())


def test_log_evidence_is_that_of_the_answer(twitch: Model) -> None:
    """The rows answered and their ln P(evidence) are those of `run`, and the posteriors are among the counts."""
    codes = shared_contexts(twitch, 200, seed=10)
    resolved, open_members, possible = twitch.engine.groups.resolve(codes)
    answer, answered = compiled.Kernel(twitch.network).run(resolved, open_members, np.flatnonzero(possible))
    _, trials, log_evidence, counted = count(twitch, codes, each=True)
    np.testing.assert_array_equal(counted, answered)
    np.testing.assert_allclose(log_evidence, answer.log_evidence, rtol=1e-12)
    # The trials of a link to an observed finding are P(cause | evidence).
    rows, causes, findings = twitch.network.index.link_cells
    first = len(twitch.contexts) + len(twitch.causes)
    observed = (resolved[:, first + findings] >= 0) & answered[:, None]
    posteriors = np.where(observed, answer.causes[:, causes], 0.0)[possible]
    shown = observed[possible]
    np.testing.assert_allclose(trials[:, rows][shown], posteriors[shown], rtol=1e-12, atol=1e-300)


# Corners


def test_impossible_rows_are_not_answered(certain: Model) -> None:
    """A row that cannot be counts nothing, and says that it was not answered."""
    names = list(certain.network.columns)
    codes = np.full((2, len(names)), -1, dtype=np.int8)
    codes[0, names.index("ghost")] = 1  # ghost never occurs
    together = count(certain, codes)
    alone = count(certain, codes[1:])
    assert together[3].tolist() == [False, True]
    assert together[2][0] == -np.inf
    np.testing.assert_array_equal(together[0], alone[0])
    np.testing.assert_array_equal(together[1], alone[1])


def test_no_rows(twitch: Model) -> None:
    """No rows give no counts."""
    codes = np.zeros((0, len(twitch.network.columns)), dtype=np.int8)
    successes, trials, log_evidence, answered = count(twitch, codes)
    assert successes.shape == trials.shape == (1, len(twitch.network.numbers[0]))
    assert not successes.any()
    assert not trials.any()
    assert len(log_evidence) == len(answered) == 0
    assert count(twitch, codes, each=True)[0].shape == (0, len(twitch.network.numbers[0]))


def test_the_state_is_rescaled() -> None:
    """Thirty-nine causes known to be absent that were nearly certain leave P(evidence) at 1e-351; counts stay exact.

    With prior p, leak b and link q of two findings that are present, P(cause | evidence) = p s^2 / (p s^2 + (1 - p) b^2)
    where s = 1 - (1 - b)(1 - q) = P(finding present | cause).
    """
    p, b, q, n = 1 - 1e-9, 0.01, 0.3, 40
    causes, findings = [f"c{i}" for i in range(n)], ["f0", "f1"]
    variables = [{"variable": c, "role": "cause", "serious": "no"} for c in causes]
    variables += [{"variable": f, "role": "finding"} for f in findings]
    priors = [{"variable": c, "given": "", "state": "present", **number_cells(p)} for c in causes]
    links = [{"parent": "leak", "child": f, "form": "net", **number_cells(b)} for f in findings]
    links += [{"parent": c, "child": f, "form": "net", **number_cells(q)} for f in findings for c in causes]
    model = make_model(variables, priors, links)
    codes = np.array([[*[0] * (n - 1), -1, 1, 1]], dtype=np.int8)
    successes, trials, log_evidence, answered = count(model, codes)
    assert answered.all()
    s = 1 - (1 - b) * (1 - q)
    posterior = p * s**2 / (p * s**2 + (1 - p) * b**2)
    assert log_evidence[0] == pytest.approx((n - 1) * np.log1p(-p) + 2 * np.log(s), rel=1e-8)
    np.testing.assert_allclose(successes[0, :n], [*[0] * (n - 1), posterior], rtol=1e-12)
    np.testing.assert_allclose(trials[0, :n], 1, rtol=1e-12)
    np.testing.assert_allclose(successes[0, n : n + 2], posterior * b / s + (1 - posterior), rtol=1e-12)
    of_links = np.tile([*[0] * (n - 1), posterior], 2)
    np.testing.assert_allclose(successes[0, n + 2 :], of_links * q / s, rtol=1e-12)
    np.testing.assert_allclose(trials[0, n + 2 :], of_links, rtol=1e-12)


def test_what_needs_too_much_room_is_left() -> None:
    """A row with more findings open at once than the kernel has room for is left, and the next one counted."""
    causes, findings = ["c0", "c1"], [f"f{j}" for j in range(24)]
    variables = [{"variable": c, "role": "cause", "serious": "no"} for c in causes]
    variables += [{"variable": f, "role": "finding"} for f in findings]
    priors = [{"variable": c, "given": "", "state": "present", **number_cells(0.1)} for c in causes]
    links = [{"parent": "leak", "child": f, "form": "net", **number_cells(0.01)} for f in findings]
    links += [{"parent": c, "child": f, "form": "net", **number_cells(0.3)} for f in findings for c in causes]
    model = make_model(variables, priors, links)
    codes = np.array([[-1, -1, *[1] * 24], [-1, -1, *[0] * 24]], dtype=np.int8)
    successes, trials, _, answered = count(model, codes)
    assert answered.tolist() == [False, True]
    alone = count(model, codes[1:])
    np.testing.assert_array_equal(successes, alone[0])
    np.testing.assert_array_equal(trials, alone[1])


def test_it_is_known_whether_it_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The part that counts is compiled and kept by itself."""
    not_yet = SimpleNamespace(signatures=[], stats=SimpleNamespace(cache_path=str(tmp_path)))
    monkeypatch.setattr(compiled, "count_rows", not_yet)
    (tmp_path / "kernel.answer_rows.nbc").touch()
    assert not compiled.is_ready(counting=True)
    (tmp_path / "counting.count_rows.nbc").touch()
    assert compiled.is_ready(counting=True)


def test_it_is_compiled_again_where_another_file_has_changed() -> None:
    """The source of the other compiled files is part of what the compiled code is kept under."""
    source = counting.count_rows.py_func.__closure__[0].cell_contents
    for function in ("def lay_chain(", "def read_findings(", "def new_gather(", "def share_of_cells("):
        assert function in source
