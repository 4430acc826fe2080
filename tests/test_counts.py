"""Expected counts, and what each number makes of P(evidence): against brute force, derivatives, and how rows add up."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hidden_events import brute_counts, random_rows
from random_models import ORDINARY, make_model, models, number_cells
from twitchbayes import Model
from twitchbayes.network import COMPLEMENT, Network


def net_of(network: Network) -> Any:
    return network.to_net(network.numbers)[0]


def assert_counts(model: Model, codes: Any, net: Any = None) -> int:
    """Compare each row with brute force; returns how many rows were possible."""
    network = model.network
    net = net_of(network) if net is None else net
    found = model.engine.count(codes, parameters=network.with_net(net), each=True)
    n_possible = 0
    for r, row in enumerate(codes):
        successes, trials, evidence = brute_counts(network, row, net, number=np.longdouble)
        assert np.isfinite(found.log_evidence[r]) == (evidence > 0)
        np.testing.assert_allclose(found.successes[r], np.array(successes, dtype=float), rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(found.trials[r], np.array(trials, dtype=float), rtol=1e-10, atol=1e-14)
        if evidence:
            assert found.log_evidence[r] == pytest.approx(float(np.log(evidence)), rel=1e-12, abs=1e-12)
            n_possible += 1
    return n_possible


# Against brute force


@settings(max_examples=200, deadline=None)
@given(model=models(), seed=st.integers(0, 2**32 - 1))
def test_counts_equal_brute_force(model: Model, seed: int) -> None:
    """On random networks, 0 and 1 among the numbers, every count is the sum over all that is hidden."""
    assert_counts(model, random_rows(model.network, 4, seed))


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
    for i in range(len(network.contexts)):
        rows = network.slots.table(network.slots.rows, i)
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
    counts = model.engine.count(np.array([[-1, -1, 1]], dtype=np.int8))
    exact = brute_counts(model, [-1, -1, 1])
    assert counts.successes[0, 0] == pytest.approx(6e-15, rel=1e-12)
    np.testing.assert_allclose(counts.successes[0], [float(s) for s in exact[0]], rtol=1e-14)
    np.testing.assert_allclose(counts.trials[0], [float(t) for t in exact[1]], rtol=1e-14)


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
    counts = model.engine.count(np.array([[*[0] * (n - 1), -1, 1, 1]], dtype=np.int8))
    s = 1 - (1 - b) * (1 - q)
    posterior = p * s**2 / (p * s**2 + (1 - p) * b**2)
    assert counts.log_evidence[0] == pytest.approx((n - 1) * np.log1p(-p) + 2 * np.log(s), rel=1e-8)
    np.testing.assert_allclose(counts.successes[0, :n], [*[0] * (n - 1), posterior], rtol=1e-12)
    np.testing.assert_allclose(counts.trials[0, :n], 1, rtol=1e-12)
    np.testing.assert_allclose(counts.successes[0, n : n + 2], posterior * b / s + (1 - posterior), rtol=1e-12)
    of_links = np.tile([*[0] * (n - 1), posterior], 2)
    np.testing.assert_allclose(counts.successes[0, n + 2 :], of_links * q / s, rtol=1e-12)
    np.testing.assert_allclose(counts.trials[0, n + 2 :], of_links, rtol=1e-12)


# Against derivatives


def nudged(network: Network) -> Iterator[tuple[int, Any, Any]]:
    """Yield each number strictly between 0 and 1, with values in which it is half its room lower, and higher.

    P(evidence) is linear in it, so a difference over any width is the derivative. The other states of a context
    that has a row for each make room in proportion.
    """
    net = net_of(network)
    tables = [network.slots.table(network.slots.rows, i) for i in range(len(network.contexts))]
    together = {r: rows[i] for rows in tables for i in np.ndindex(rows.shape[:-1]) for r in rows[i]}
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
    """Compare each row with differences of P(evidence), by counts and by ends; returns how many rows were possible."""
    network = model.network
    net = net_of(network)
    numbers, lower, upper = zip(*nudged(network), strict=True)
    sets = network.with_net(np.concatenate([lower, upper]))
    found = model.engine.count(codes, parameters=network.with_net(net), each=True)
    possible = np.flatnonzero(np.isfinite(found.log_evidence))
    for r in possible:
        log_evidence = model.engine.log_evidence(codes[r : r + 1], sets) - found.log_evidence[r]
        low, high = np.exp(log_evidence).reshape(2, -1)
        # Half the room on either side: theta (1 - theta) d ln P / d theta is the plain difference.
        expected = found.successes[r] - net * found.trials[r]
        np.testing.assert_allclose(expected[list(numbers)], high - low, rtol=1e-9, atol=1e-12)
        ends = model.engine.ends(codes[r])
        slopes = net * (1 - net) * (ends.fires - ends.spares)
        np.testing.assert_allclose(slopes[list(numbers)], high - low, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(ends.rest + net * ends.fires + (1 - net) * ends.spares, 1, rtol=1e-12)
        assert (found.successes[r] >= 0).all()
        assert (found.successes[r] <= found.trials[r] * (1 + 1e-12)).all()
        assert found.trials[r].max() <= 1 + 1e-12
    return len(possible)


@settings(max_examples=40, deadline=None)
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


# Without 1 - 1e-9: net links given by their values have lost the digits of what is left to 1.
WITH_ENDS = st.one_of(ORDINARY, st.sampled_from([0.0, 1e-12, 1.0]))


@settings(max_examples=150, deadline=None)
@given(model=models(probabilities=WITH_ENDS), seed=st.integers(0, 2**32 - 1))
def test_ends_equal_other_numbers(model: Model, seed: int) -> None:
    """P(row) with a link or a leak at 0 and at 1 is that of the network with that number, 0 and 1 among the others."""
    network = model.network
    net, alone = net_of(network), len(model.knowledge.priors)
    for row in random_rows(network, 3, seed):
        ends = model.engine.ends(row)
        for number in range(alone, len(net)):
            for value, part in ((0.0, ends.spares), (1.0, ends.fires)):
                values = net.copy()
                values[number] = value
                log_p = model.engine.log_evidence(row[None, :], network.with_net(values))[0]
                p = np.exp(ends.log_scale) * (ends.rest + part)[number]
                assert p == pytest.approx(np.exp(log_p), rel=1e-9, abs=1e-300)


def test_brute_force_is_a_derivative(sites: Model) -> None:
    """The brute force that the engine is compared with keeps the same law, in exact fractions."""
    net = [Fraction(p) for p in net_of(sites.network)]
    row = random_rows(sites.network, 6, seed=6)[4]
    successes, trials, evidence = brute_counts(sites, row)
    slots, checked = sites.network.slots, 0
    for r in slots.rows[slots.first_finding_leak :]:
        low, high = (
            [*net[:r], net[r] * (1 + s * (1 - net[r])), *net[r + 1 :]] for s in (Fraction(-1, 2), Fraction(1, 2))
        )
        low, high = (brute_counts(sites, row, values)[2] for values in (low, high))
        assert successes[r] - net[r] * trials[r] == (high - low) / evidence
        checked += trials[r] > 0
    assert checked > 3


# Rows together


def test_each_row_adds_up(twitch: Model) -> None:
    """The counts of all rows are the sum of those of each, as often as it counts; copies count as often as they stand."""
    codes = random_rows(twitch.network, 300, seed=7)
    codes = np.concatenate([codes, codes[:40]])
    weights = np.random.default_rng(8).integers(0, 4, len(codes)) / 2
    each, together = twitch.engine.count(codes, each=True), twitch.engine.count(codes, weights)
    for found, of_each in ((together.successes, each.successes), (together.trials, each.trials)):
        assert found.shape == (1, len(twitch.network.numbers[0]))
        assert of_each.shape == (len(codes), len(twitch.network.numbers[0]))
        np.testing.assert_allclose(found[0], weights @ of_each, rtol=1e-11, atol=1e-12)
    np.testing.assert_array_equal(together.log_evidence, each.log_evidence)


def test_log_evidence_is_that_of_the_answer(twitch: Model) -> None:
    """The log of P(evidence) is that of `run`, and the trials of a link to an observed finding are P(cause | evidence)."""
    codes = random_rows(twitch.network, 200, seed=10)
    answer, counts = twitch.engine.run(codes), twitch.engine.count(codes, each=True)
    np.testing.assert_allclose(counts.log_evidence, answer.log_evidence, rtol=1e-12)
    slots, first = twitch.network.slots, len(twitch.contexts)
    links = slots.targets >= first + len(twitch.causes)
    rows, causes = slots.rows[slots.first_link :][links], slots.sources[links] - first
    observed = (codes[:, slots.targets[links]] >= 0) & answer.possible[:, None]
    np.testing.assert_allclose(
        counts.trials[:, rows][observed], answer.causes[:, causes][observed], rtol=1e-12, atol=1e-300
    )


def test_impossible_rows_count_nothing(certain: Model) -> None:
    """A row that cannot be counts nothing, and says so."""
    names = list(certain.network.columns)
    codes = np.full((2, len(names)), -1, dtype=np.int8)
    codes[0, names.index("ghost")] = 1  # ghost never occurs
    together, alone = certain.engine.count(codes), certain.engine.count(codes[1:])
    assert together.log_evidence[0] == -np.inf
    np.testing.assert_array_equal(together.successes, alone.successes)
    np.testing.assert_array_equal(together.trials, alone.trials)
