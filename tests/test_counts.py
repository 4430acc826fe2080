"""Expected counts of hidden events: against brute force over every firing, and as derivatives of P(evidence)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hidden_events import brute_counts, random_rows
from random_models import models
from twitchbayes.counts import count_rows
from twitchbayes.engine import Engine
from twitchbayes.model import Model


@settings(max_examples=60)
@given(model=models(), seed=st.integers(0, 2**32 - 1))
def test_counts_equal_brute_force(model: Model, seed: int) -> None:
    """Contexts, strata, absorbed contexts, unions and certain numbers: every count is what enumeration gives."""
    codes = random_rows(model.network, 6, seed)
    # Net links as they are: a compound one of nearly 1 has more digits than its net form.
    parameters = model.network.with_net(model.network.to_net(model.network.numbers))
    counts = count_rows(model.engine, codes, parameters=parameters, each=True, compiled=False)
    for i, row in enumerate(codes):
        successes, trials, total = brute_counts(model, row, number=Fraction)
        assert np.isfinite(counts.log_evidence[i]) == (total > 0)
        np.testing.assert_allclose(counts.trials[i], [float(t) for t in trials], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(counts.successes[i], [float(s) for s in successes], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("compiled", [False, True])
def test_counts_are_derivatives(twitch: Model, compiled: bool) -> None:
    """Of the shipped model: successes less p times trials are p (1 - p) times the derivative of ln P(evidence)."""
    network = twitch.network
    codes = random_rows(network, 12, 4)
    codes = codes[twitch.engine.run(codes).possible]
    net = network.to_net(network.numbers)[0]
    counts = count_rows(twitch.engine, codes, each=True, compiled=compiled)
    alone = np.setdiff1d(np.flatnonzero((net > 0) & (net < 1)), np.concatenate(twitch.beliefs.groups))
    step = 1e-5
    moved = np.repeat(net[None, :], 2 * len(alone), axis=0)
    for i, number in enumerate(alone):
        for row, sign in ((2 * i, 1), (2 * i + 1, -1)):
            moved[row, number] = 1 / (1 + (1 - net[number]) / net[number] * np.exp(-sign * step))
    parameters = network.with_net(moved)
    for i in range(len(codes)):
        log_evidence = twitch.engine.run(codes[i : i + 1], parameters).log_evidence
        slopes = (log_evidence[0::2] - log_evidence[1::2]) / (2 * step)
        scores = counts.successes[i] - net * counts.trials[i]
        np.testing.assert_allclose(scores[alone], slopes, atol=2e-8)


@pytest.mark.parametrize("compiled", [False, True])
def test_sums_are_of_the_rows(twitch: Model, compiled: bool) -> None:
    """Counts summed are those of the rows times how often each counts; an impossible row counts nothing."""
    codes = random_rows(twitch.network, 40, 7)
    weights = np.arange(1.0, 41.0)
    apart = count_rows(twitch.engine, codes, weights, each=True, compiled=compiled)
    summed = count_rows(twitch.engine, codes, weights, compiled=compiled)
    np.testing.assert_allclose(summed.successes[0], weights @ apart.successes, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(summed.trials[0], weights @ apart.trials, rtol=1e-10, atol=1e-12)
    impossible = ~np.isfinite(apart.log_evidence)
    assert not apart.trials[impossible].any()
    np.testing.assert_allclose(apart.log_evidence, twitch.engine.run(codes).log_evidence, rtol=1e-12)


def test_kernel_and_numpy_count_alike(twitch: Model) -> None:
    """The two ways to the same counts, one by one more answer for each positive finding and one by its backward pass."""
    codes = random_rows(twitch.network, 300, 11)
    numpy, kernel = (count_rows(twitch.engine, codes, each=True, compiled=compiled) for compiled in (False, True))
    np.testing.assert_allclose(kernel.successes, numpy.successes, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(kernel.trials, numpy.trials, rtol=1e-9, atol=1e-12)


def test_refused_rows_are_told(twitch: Model) -> None:
    """A row beyond the engine's bound counts nothing, and its reason is there."""
    engine = Engine(twitch.network, max_bytes=1000)
    codes = random_rows(twitch.network, 5, 1)
    _, refused = engine.run_rows(codes)
    assert refused
    counts = count_rows(engine, codes, each=True, compiled=False)
    assert counts.refused == refused
    assert not counts.trials[list(refused)].any()
    assert np.isneginf(counts.log_evidence[list(refused)]).all()
