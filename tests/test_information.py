"""The information in cases with gaps: exact where it is said to be, and near the observed information elsewhere."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hidden_events import random_rows
from random_models import ORDINARY, make_model, models
from twitchbayes.information import Information, information_of, sizes_after
from twitchbayes.model import Model
from twitchbayes.network import UNKNOWN
from twitchbayes.passes import LocalData, Selection, likely_products
from twitchbayes.sampling import draw_codes
from twitchbayes.tuning import Options, _priors


def observed(model: Model, codes: np.ndarray, net: np.ndarray, given_row: np.ndarray | None = None) -> np.ndarray:
    """Minus the derivatives of the scores in the log odds, by central differences: (n_numbers, n_numbers)."""

    def score(numbers: np.ndarray) -> np.ndarray:
        counts = model.engine.count(codes, parameters=model.network.with_net(numbers))
        total = counts.successes[0] - numbers * counts.trials[0]
        if given_row is not None:
            of_given = model.engine.count(given_row, parameters=model.network.with_net(numbers))
            total = total - len(codes) * (of_given.successes[0] - numbers * of_given.trials[0])
        return total

    step, columns = 1e-5, []
    for i in range(len(net)):
        pair = []
        for sign in (1, -1):
            moved = net.copy()
            moved[i] = 1 / (1 + (1 - net[i]) / net[i] * np.exp(-sign * step))
            pair.append(score(moved))
        columns.append((pair[1] - pair[0]) / (2 * step))
    return np.array(columns)


@settings(max_examples=12)
@given(model=models(probabilities=ORDINARY, union=True), seed=st.integers(0, 2**16))
def test_each_number_by_itself_is_exact(model: Model, seed: int) -> None:
    """The diagonal is that of the observed information, by differences of the scores (multi-state contexts aside)."""
    codes = random_rows(model.network, 20, seed)
    codes = codes[model.engine.run(codes).possible]
    net = model.network.to_net(model.network.numbers)[0]
    alone = (net > 0) & (net < 1)
    for rows in model.beliefs.groups:
        alone[rows] = False
    if not len(codes) or not alone.any():
        return
    found = information_of(model.engine, codes, np.ones(len(codes)), net)
    exact = np.diag(observed(model, codes, np.where(alone, net, 0.5) if not alone.all() else net))[alone]
    if not alone.all():
        return  # a parameter set with other states of a variable would not sum to 1
    np.testing.assert_allclose((found.complete - found.hidden)[alone], exact, atol=1e-5)


def test_from_complete_cases_it_is_exact(tiny: Model) -> None:
    """Where nothing is hidden of a number, its size afterwards is a + b + trials; the others gain less."""
    codes = np.random.default_rng(1).integers(0, 2, size=(200, len(tiny.network.columns))).astype(np.int8)
    priors, net = _priors(tiny, Options())
    data = LocalData(tiny.engine, codes)
    sizes = sizes_after(data.information(net, None), likely_products(tiny.engine, data, net, None), priors, net)
    trials = data.sums(net).trials
    before = priors.a + priors.b
    # winter and cold have one way to come about; flu, fever and cough have several.
    for row in (0, 2):
        np.testing.assert_allclose(sizes[row], before[row] + trials[row], rtol=1e-9)
    assert (sizes >= before - 1e-9).all()
    assert (sizes <= before + trials + 1e-6).all()


def test_nothing_said_nothing_gained(tiny: Model) -> None:
    """Cases that say nothing leave every size as it was."""
    codes = np.full((50, len(tiny.network.columns)), UNKNOWN, dtype=np.int8)
    priors, net = _priors(tiny, Options())
    data = LocalData(tiny.engine, codes)
    sizes = sizes_after(data.information(net, None), likely_products(tiny.engine, data, net, None), priors, net)
    np.testing.assert_allclose(sizes, priors.a + priors.b, rtol=1e-9)


def test_sizes_are_near_those_of_the_observed_information(sites: Model) -> None:
    """Half the cells unknown and causes latent: standard deviations within a fifth of the exact ones."""
    truth = sites.simulate(3000, seed=5, missing={"context": 0.3, "finding": 0.3, "cause": 0.5})
    from twitchbayes.cohort import read_cohort

    codes = read_cohort(sites, truth).codes
    priors, net = _priors(sites, Options())
    data = LocalData(sites.engine, codes)
    information, products = data.information(net, None), likely_products(sites.engine, data, net, None)
    free = np.flatnonzero(priors.free & ~priors.in_group)
    spread = (net * (1 - net))[free]
    before = np.diag(((priors.a + priors.b)[free]) * spread)
    exact = np.linalg.inv(observed(sites, codes, net)[np.ix_(free, free)] + before)
    ours = 1 / (sizes_after(information, products, priors, net)[free] * spread)
    ratio = np.sqrt(ours / np.diag(exact))
    assert ratio.min() > 0.8
    assert ratio.max() < 1.2


def number(low: float, value: float, high: float) -> dict[str, str]:
    cells = {"probability": str(value), "low": str(low), "high": str(high)}
    return {**cells, "basis": "expert", "source": "made_up", "note": ""}


def seasons(flu: tuple[float, float, float]) -> Model:
    """A context of three states which makes no difference to flu, another that brings it, and a finding of it."""
    variables = [{"variable": "season", "role": "context", "states": "cold;mild;hot"}]
    variables += [{"variable": "crowd", "role": "context"}, {"variable": "flu", "role": "cause"}]
    variables += [{"variable": "fever", "role": "finding"}]
    priors = [
        {"variable": "season", "state": state, **number(0.2, p, 0.6)}
        for state, p in {"cold": 0.3, "mild": 0.4, "hot": 0.3}.items()
    ]
    priors += [{"variable": "crowd", "state": "present", **number(0.3, 0.5, 0.7)}]
    given = [f"season={state}" for state in ("cold", "mild", "hot")]
    priors += [{"variable": "flu", "given": g, "state": "present", **number(*flu)} for g in given]
    links = [{"parent": "crowd", "child": "flu", "form": "net", **number(0.1, 0.3, 0.55)}]
    links += [{"parent": "leak", "child": "fever", "form": "net", **number(0.1, 0.2, 0.4)}]
    links += [{"parent": "flu", "child": "fever", "form": "net", **number(0.3, 0.6, 0.8)}]
    return make_model(variables, priors, links)


def test_numbers_that_are_confused_a_little() -> None:
    """Of known diagnoses only which event brought them is hidden: variances within 4% of the exact ones."""
    model = seasons((0.1, 0.3, 0.5))
    codes = draw_codes(model.network, model.network.parameters, 4000, np.random.default_rng(2))
    priors, net = _priors(model, Options(strength=0.01))
    data = LocalData(model.engine, codes)
    free = np.flatnonzero(priors.free & ~priors.in_group)
    spread = (net * (1 - net))[free]
    before = np.diag(((priors.a + priors.b)[free]) * spread)
    exact = np.linalg.inv(observed(model, codes, net)[np.ix_(free, free)] + before)
    products = likely_products(model.engine, data, net, None)
    sizes = sizes_after(data.information(net, None), products, priors, net)
    np.testing.assert_allclose(sizes[free] * spread * np.diag(exact), 1, atol=0.04)


def test_states_that_selection_says_nothing_of() -> None:
    """Cases found by a fever that all seasons are sure to have alike say as much of the season as any others."""
    model = seasons((0.3, 0.3, 0.3))
    network = model.network
    codes = draw_codes(network, network.parameters, 2000, np.random.default_rng(3))
    row, other = (np.full((1, codes.shape[1]), UNKNOWN, dtype=np.int8) for _ in range(2))
    row[0, network.columns.index("fever")], other[0, network.columns.index("fever")] = 1, 0
    selection = Selection({"fever": "present"}, row, other)
    codes = codes[selection.holds(codes)]
    priors, net = _priors(model, Options())
    data = LocalData(model.engine, codes)
    products = likely_products(model.engine, data, net, selection)
    sizes = sizes_after(data.information(net, selection), products, priors, net)
    rows = priors.groups[0]
    np.testing.assert_allclose(sizes[rows], priors.a[rows].sum() + len(codes), rtol=0.05)


def test_bounds_that_contradict_each_other_are_dropped() -> None:
    """Bounded entry by entry these products would say less than nothing of some direction: they are taken as they are."""
    random = np.random.default_rng(4)
    scores = random.normal(size=(2, 6))
    scores /= np.linalg.norm(scores, axis=0)
    products, hidden = scores.T @ scores, random.uniform(0.1, 1, 6)
    bound = np.sqrt(hidden)
    bounded = np.clip(products, -np.outer(bound, bound), np.outer(bound, bound))
    np.fill_diagonal(bounded, 1)
    before = 0.04 * np.ones(6)
    assert np.linalg.eigvalsh(bounded + 0.01 * np.eye(6))[0] < -0.1

    information = Information(np.ones(6), np.zeros(6), hidden)
    np.testing.assert_allclose(information.matrix(products, np.eye(6) / 4, before), products + 0.01 * np.eye(6))
