"""EM: its maximum against closed forms and a direct numerical one, and what it is monotone in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from hidden_events import random_rows
from random_models import ORDINARY, models
from twitchbayes.learning import NotMonotoneError, Pass, Priors, Sums, maximise
from twitchbayes.model import Model
from twitchbayes.network import UNKNOWN, Codes
from twitchbayes.passes import LocalData, Selection
from twitchbayes.tuning import Options, _counting, _priors


def possible(model: Model, codes: Codes) -> Codes:
    return codes[model.engine.run(codes).possible]


def objectives(
    model: Model, codes: Codes, priors: Priors, nets: np.ndarray, given_row: Codes | None = None
) -> np.ndarray:
    """The log posterior of the log odds of each parameter set, by the engine alone, a case at a time."""
    parameters = model.network.with_net(nets)
    total = sum(model.engine.run(codes[i : i + 1], parameters).log_evidence for i in range(len(codes)))
    if given_row is not None:
        total = total - len(codes) * model.engine.run(given_row, parameters).log_evidence
    alone = priors.free & ~priors.in_group
    before = np.log(nets[:, priors.free]) @ priors.a[priors.free]
    return np.asarray(total + before + np.log1p(-nets[:, alone]) @ priors.b[alone])


def slopes(
    model: Model, codes: Codes, priors: Priors, net: np.ndarray, at: np.ndarray, given_row: Codes | None = None
) -> np.ndarray:
    """The gradient of the log posterior in the log odds, by central differences."""
    step = 1e-4
    moves = np.concatenate([step * np.eye(len(at)), -step * np.eye(len(at))])
    nets = np.array([priors.from_scale(net, at + move) for move in moves])
    up, down = np.split(objectives(model, codes, priors, nets, given_row), 2)
    return (up - down) / (2 * step)


def fitted(model: Model, codes: Codes, selection: Selection | None = None, *, tolerance: float = 1e-9):
    priors, start = _priors(model, Options())
    counted = _counting(model, LocalData(model.engine, codes), priors, selection)
    return priors, maximise(counted, priors, start, max_iterations=3000, tolerance=tolerance)


@settings(max_examples=6)
@given(model=models(probabilities=ORDINARY, union=False), seed=st.integers(0, 2**16))
def test_em_is_the_numerical_maximum(model: Model, seed: int) -> None:
    """With gaps and latent causes EM ends where scipy's optimiser finds nothing better, and where the gradient is 0."""
    codes = possible(model, random_rows(model.network, 12, seed))
    if not len(codes):
        return
    priors, fit = fitted(model, codes)
    assert fit.converged
    net = fit.last.net
    at = priors.to_scale(net)

    def loss(log_odds: np.ndarray) -> float:
        return -float(objectives(model, codes, priors, priors.from_scale(net, log_odds)[None, :])[0])

    assert loss(at) == pytest.approx(-fit.last.log_posterior, rel=1e-9)
    np.testing.assert_allclose(slopes(model, codes, priors, net, at), 0, atol=1e-5)
    near = at + np.random.default_rng(seed).normal(0, 0.05, len(at))
    again = minimize(loss, near, jac=lambda x: -slopes(model, codes, priors, net, x), method="BFGS", tol=1e-8)
    assert again.fun >= loss(at) - 1e-8
    np.testing.assert_allclose(priors.from_scale(net, again.x), net, atol=1e-6)


def test_complete_cases_have_a_closed_form(tiny: Model) -> None:
    """Where nothing is hidden but which link fired, a number that no other event is mixed with is (a + s)/(a + b + n)."""
    random = np.random.default_rng(4)
    codes = random.integers(0, 2, size=(300, len(tiny.network.columns))).astype(np.int8)
    priors, fit = fitted(tiny, codes)
    column = tiny.network.columns.index
    winter, flu, cold = (codes[:, column(name)] for name in ("winter", "flu", "cold"))
    fever = codes[:, column("fever")]
    a, b, net = priors.a, priors.b, fit.last.net
    # Rows of priors.csv: winter, flu, cold; then links.csv: winter -> flu, leak -> fever, ...
    assert net[0] == pytest.approx((a[0] + winter.sum()) / (a[0] + b[0] + 300), abs=1e-6)
    assert net[2] == pytest.approx((a[2] + cold.sum()) / (a[2] + b[2] + 300), abs=1e-6)
    # With fever, only flu and the leak can have brought it about; where there is no flu, the leak has. The maximum over
    # the leak and the link of flu, by a direct search of the two.
    counts = [[int(((flu == f) & (fever == v)).sum()) for v in (0, 1)] for f in (0, 1)]
    rows = [4, 6]

    def loss(log_odds: np.ndarray) -> float:
        leak, link = 1 / (1 + np.exp(-log_odds))
        both = leak + link - leak * link
        likelihood = counts[0][0] * np.log1p(-leak) + counts[0][1] * np.log(leak)
        likelihood += counts[1][0] * np.log1p(-both) + counts[1][1] * np.log(both)
        prior = (a[rows] * np.log([leak, link]) + b[rows] * np.log1p([-leak, -link])).sum()
        return -float(likelihood + prior)

    best = minimize(loss, [0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-13, "maxiter": 4000})
    np.testing.assert_allclose(net[rows], 1 / (1 + np.exp(-best.x)), atol=1e-6)


@settings(max_examples=8)
@given(model=models(probabilities=ORDINARY), seed=st.integers(0, 2**16))
def test_the_posterior_never_falls(model: Model, seed: int) -> None:
    """Every step, extrapolated ones too, is at least as good as the one before."""
    codes = possible(model, random_rows(model.network, 15, seed))
    if len(codes):
        _, fit = fitted(model, codes, tolerance=1e-6)
        posteriors = np.array([step.log_posterior for step in fit.steps])
        assert (np.diff(posteriors) >= -1e-9 * np.abs(posteriors[1:])).all()


def test_cases_found_by_their_twitching(sites: Model) -> None:
    """Conditioned on what every case has, the gradient of P(cases | that) vanishes; without that it does not."""
    union = sites.network.unions[0]
    column = sites.network.columns.index(union)
    codes = random_rows(sites.network, 40, 2)
    codes[:, column] = 1
    codes = possible(sites, codes)
    row, other = (np.full((1, codes.shape[1]), UNKNOWN, dtype=np.int8) for _ in range(2))
    row[0, column], other[0, column] = 1, 0
    priors, fit = fitted(sites, codes, Selection({union: "present"}, row, other))
    at = priors.to_scale(fit.last.net)

    assert np.abs(slopes(sites, codes, priors, fit.last.net, at, row)).max() < 1e-5
    assert np.abs(slopes(sites, codes, priors, fit.last.net, at)).max() > 0.1


def test_no_cases_move_nothing(tiny: Model) -> None:
    """A case that says nothing leaves every number where the table has it."""
    codes = np.full((3, len(tiny.network.columns)), UNKNOWN, dtype=np.int8)
    _, fit = fitted(tiny, codes)
    np.testing.assert_allclose(fit.last.net, tiny.network.to_net(tiny.network.numbers)[0], rtol=1e-12)


def test_a_fall_is_an_error() -> None:
    """Counts that do not belong to the objective are found out."""
    priors = Priors(np.ones(1), np.ones(1), np.ones(1, dtype=bool), ())

    def wrong(net: np.ndarray) -> Pass:
        # The counts say up, the objective says down.
        return Pass(net, Sums(net * 10 + 9, np.full(1, 20.0), 0.0), 0.0, -float(net[0]))

    with pytest.raises(NotMonotoneError, match=r"fell from -0\.5 to -0\.\d+ nats in a step of EM"):
        maximise(wrong, priors, np.array([0.5]), max_iterations=10, tolerance=1e-9)


def test_few_passes_do_not_converge(tiny: Model) -> None:
    """Stopped early, a fit says so."""
    codes = possible(tiny, random_rows(tiny.network, 50, 1))
    priors, start = _priors(tiny, Options())
    counted = _counting(tiny, LocalData(tiny.engine, codes), priors, None)
    fit = maximise(counted, priors, start, max_iterations=2, tolerance=1e-9)
    assert not fit.converged
    assert [step.passes for step in fit.steps] == [1, 2]
