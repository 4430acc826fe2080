"""How sure the tables are of their numbers: what each fitted distribution holds, and what is drawn from all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models import SITES, load
from twitchbayes.beliefs import BLOCK, fit, quantiles
from twitchbayes.model import Model


def fitted(value: float, low: float, high: float) -> tuple[float, float]:
    """Return mean and size of the distribution of one number."""
    (mean,), (size,) = fit(np.array([value]), np.array([low]), np.array([high]))
    return float(mean), float(size)


def beta(mean: float, size: float):
    return stats.beta(mean * size, (1 - mean) * size)


# The fit


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [(0.3, 0.2, 0.45), (0.5, 0.499, 0.501), (0.047, 0.0215, 0.1038), (0.9, 0.4, 0.99), (0.5, 0.01, 0.99)],
)
def test_mean_is_the_value_and_95_percent_lie_within(value: float, low: float, high: float) -> None:
    """With both bounds inside (0, 1) the mean is the value, and scipy's own Beta holds 95% within the interval."""
    mean, size = fitted(value, low, high)
    assert mean == value
    assert beta(mean, size).cdf(high) - beta(mean, size).cdf(low) == pytest.approx(0.95, abs=1e-9)


@pytest.mark.parametrize(("value", "low", "high"), [(0.02, 0.0, 0.1), (0.98, 0.9, 1.0)])
def test_bound_of_the_scale_leaves_all_beyond_the_other(value: float, low: float, high: float) -> None:
    """Nothing lies below 0 or above 1, so all 5% lie beyond the other bound; of two such sizes the larger is meant."""
    mean, size = fitted(value, low, high)
    beyond = beta(mean, size).sf(high) if low == 0 else beta(mean, size).cdf(low)
    assert beyond == pytest.approx(0.05, abs=1e-9)
    for larger in np.geomspace(1.01 * size, 100 * size, 20):
        assert (beta(mean, larger).sf(high) if low == 0 else beta(mean, larger).cdf(low)) < 0.05


@pytest.mark.parametrize(("value", "low", "high"), [(0.3, 0.3, 0.5), (0.3, 0.2, 0.3)])
def test_value_that_is_a_bound(value: float, low: float, high: float) -> None:
    """The mean stays the value, and 2.5% lie beyond the other bound, as if the interval went on behind the value."""
    mean, size = fitted(value, low, high)
    assert mean == value
    assert (beta(mean, size).sf(high) if low == value else beta(mean, size).cdf(low)) == pytest.approx(0.025, abs=1e-9)


def test_values_0_and_1_are_modes() -> None:
    """0 with an interval is Beta(1, b) with 2.5% above high: (1 - high)^b = 0.025; 1 is its mirror image."""
    b = np.log(0.025) / np.log(1 - 0.2)
    assert fitted(0.0, 0.0, 0.2) == pytest.approx((1 / (1 + b), 1 + b), rel=1e-12)
    assert fitted(1.0, 0.8, 1.0) == pytest.approx((b / (1 + b), 1 + b), rel=1e-12)
    # The interval of all there is: uniform, Beta(1, 1).
    assert fitted(0.0, 0.0, 1.0) == fitted(1.0, 0.0, 1.0) == (0.5, 2.0)


def test_no_width_fixes() -> None:
    """A number without an interval is certain."""
    for value in (0.0, 0.3, 1.0):
        assert fitted(value, value, value) == (value, np.inf)


def test_intervals_wider_than_any_distribution() -> None:
    """All of [0, 1], and by Markov's inequality 0.001 in [0, 0.5], say no more than one case, and never "certain"."""
    assert fitted(0.5, 0.0, 1.0) == (0.5, 1.0)
    assert fitted(0.001, 0.0, 0.5) == (0.001, 1.0)


def test_tiny_probabilities_keep_their_skew() -> None:
    """One in a million, within a factor of 10: the mean is exact, the median below it, and most of the 5% below too."""
    mean, size = fitted(1e-6, 1e-7, 1e-5)
    (low,), (median,), (high,) = quantiles(np.array([mean]), np.array([size]), [0.025, 0.5, 0.975])
    assert mean == 1e-6
    assert low < 1e-7 < median < mean < high < 1e-5
    assert beta(mean, size).cdf(1e-7) > 10 * beta(mean, size).sf(1e-5)


def test_quantiles_of_certain_numbers() -> None:
    """A fixed number, and one whose mean is 0 or 1, is its own quantile; others are those of scipy's Beta."""
    means, sizes = np.array([0.2, 0.0, 1.0, 0.2]), np.array([np.inf, 5.0, 5.0, 10.0])
    found = quantiles(means, sizes, [0.1, 0.9])
    assert found[:, :3].tolist() == [[0.2, 0.0, 1.0]] * 2
    np.testing.assert_allclose(found[:, 3], stats.beta(2, 8).ppf([0.1, 0.9]), rtol=1e-12)


PROBABILITIES = st.one_of(st.floats(0, 1), st.floats(0, 1e-4), st.sampled_from([0.0, 1e-9, 0.5, 1.0]))


@given(st.lists(PROBABILITIES, min_size=3, max_size=3).map(sorted))
def test_any_interval_has_a_distribution(bounds: list[float]) -> None:
    """Whatever the interval: a mean strictly inside where it is wide, a size from 1 to inf, never more than 5% outside."""
    low, value, high = bounds
    mean, size = fitted(value, low, high)
    if low == high:
        assert (mean, size) == (value, np.inf)
        return
    assert 0 < mean < 1
    assert mean == value or value in {0, 1}
    assert 1 <= size < np.inf
    below = beta(mean, size).cdf(low) if low < value else 0.0
    above = beta(mean, size).sf(high) if high > value else 0.0
    largest = size > 9e13  # as sure as a size can be: two bounds that are one to six digits
    assert largest or below + above <= 0.05 + 1e-6


# All numbers of a model


@pytest.fixture
def groups(folder: Path) -> Model:
    """SITES with intervals of several kinds: age in bands, of which one is less sure; a certain sex; compound links."""
    priors = """
        variable,given,state,probability,low,high
        age,,18-39,0.4,0.35,0.45
        age,,40-120,0.6,0.3,0.9
        sex,,female,0.5,0.5,0.5
        sex,,male,0.5,0.5,0.5
        lifting,sex=female,,0.2,0.1,0.3
        lifting,sex=male,,0.4,0.3,0.5
        strain,,,0.1,0.02,0.3
        palsy,age=18-39;sex=female,,0.001,0.0001,0.01
        palsy,age=18-39;sex=male,,0.002,0.001,0.004
        palsy,age=40-120;sex=female,,0.01,0,0.02
        palsy,age=40-120;sex=male,,0.02,0.01,0.03
        """
    links = """
        parent,child,form,probability,low,high
        lifting,strain,compound,0.5,0.05,0.9
        leak,twitch_arm,,0.02,0.01,0.04
        leak,twitch_leg,,0.03,0.03,0.03
        leak,weak,,0.05,0.01,0.2
        strain,twitch_arm,net,0.3,0,1
        palsy,twitch_arm,net,0.6,0.4,0.8
        palsy,twitch_leg,net,0.5,0.4,0.6
        palsy,weak,compound,0.06,0.02,0.2
        """
    return load(folder, base=SITES, priors=priors, links=links)


def test_states_of_a_variable_are_one_distribution(groups: Model) -> None:
    """Age has the size of its least sure state, and its states sum to 1 in every draw; sex is fixed."""
    beliefs = groups.beliefs
    assert [rows.tolist() for rows in beliefs.groups] == [[0, 1], [2, 3]]
    assert beliefs.sizes[0] == beliefs.sizes[1] == fitted(0.6, 0.3, 0.9)[1]
    drawn = beliefs.draw(50, 1)
    np.testing.assert_allclose(drawn[:, [0, 1]].sum(axis=1), 1, rtol=1e-14)
    assert np.ptp(drawn[:, 0]) > 0.1
    assert (drawn[:, [2, 3]] == 0.5).all()
    assert beliefs.fixed.tolist() == [i in {2, 3, 13} for i in range(len(beliefs.means))]


def test_state_of_probability_0_stays_there(folder: Path) -> None:
    """Among the states of a variable one that never occurs takes nothing from the others, and gives no NaN."""
    priors = SITES["priors"].replace("18-39,0.4", "18-39,0").replace("40-120,0.6", "40-120,1")
    drawn = load(folder, base=SITES, priors=priors).beliefs.draw(20, 0)
    assert (drawn[:, 0] == 0).all()
    assert (drawn[:, 1] == 1).all()
    assert np.isfinite(drawn).all()


def from_net(network: Any, net: Any) -> Any:
    """Return the values of the rows for these net ones, by the leaks among them."""
    rows, leaks = network.slots.compound, network.slots.compound_leaks
    values, leak = net.copy(), net[:, leaks]
    values[:, rows] = leak + net[:, rows] * (1 - leak)
    return values


def test_links_never_contradict_leaks(groups: Model) -> None:
    """A compound link's interval reaches below its child's leak; as a net link it is drawn, and never lies below."""
    network = groups.network
    values = from_net(network, groups.beliefs.draw(2_000, 0))
    rows, leaks = network.slots.compound, network.slots.compound_leaks
    assert len(rows) == 2
    assert (values[:, rows] >= values[:, leaks]).all()
    assert ((values >= 0) & (values <= 1)).all()
    assert values[:, leaks].std(axis=0).min() > 0.01


def test_means_are_the_tables(shipped: Model) -> None:
    """The means of a shipped model are the values of its tables, but for the links that add nothing to their leak.

    Those have net 0 with an interval, which is the mode of its distribution and cannot be the mean.
    """
    network, beliefs = shipped.network, shipped.beliefs
    net = network.to_net(network.numbers)[0]
    np.testing.assert_allclose(beliefs.means[net > 0], net[net > 0], rtol=1e-12)
    assert (beliefs.means[net == 0] > 0).all()
    assert (net == 0).sum() <= 1
    found = from_net(network, beliefs.means[None, :])[0]
    np.testing.assert_allclose(found[net > 0], network.numbers[0, net > 0], rtol=1e-12)


def test_draws_have_the_means_and_the_intervals(shipped: Model) -> None:
    """Of 5,000 draws of every number the mean is within 5 standard errors, and the share in each interval near 95%."""
    beliefs, draws = shipped.beliefs, 5_000
    drawn = beliefs.draw(draws, 3)
    alone = np.setdiff1d(np.arange(len(beliefs.means)), np.concatenate(beliefs.groups))
    error = np.sqrt(beliefs.means * (1 - beliefs.means) / (1 + beliefs.sizes) / draws)
    assert (np.abs(drawn.mean(axis=0) - beliefs.means) < 5 * error + 1e-15).all()
    found = quantiles(beliefs.means, beliefs.sizes, [0.025, 0.975])[:, alone]
    within = ((drawn[:, alone] >= found[0]) & (drawn[:, alone] <= found[1])).mean(axis=0)
    # Five standard errors of a share of 95%.
    np.testing.assert_allclose(within, 0.95, atol=5 * np.sqrt(0.95 * 0.05 / draws))


def test_draws_reproduce(tiny: Model) -> None:
    """A seed gives its sets again, more draws begin with those of fewer, and another seed gives others."""
    beliefs = tiny.beliefs
    long = beliefs.draw(BLOCK + 7, 5)
    assert long.shape == (BLOCK + 7, len(beliefs.means))
    assert (beliefs.draw(BLOCK + 7, 5) == long).all()
    assert (beliefs.draw(3, 5) == long[:3]).all()
    assert (beliefs.block(1, 5)[:7] == long[BLOCK:]).all()
    assert (beliefs.draw(3, 6) != long[:3]).any()
    # A block is no other block of another seed.
    assert (beliefs.block(1, 5) != beliefs.block(0, 6)).any()


def test_predictive_probability_is_that_at_the_means(groups: Model) -> None:
    """P(evidence) is linear in each number by itself, so its mean over independent draws is P(evidence) at the means."""
    draws = 40_000
    network, beliefs = groups.network, groups.beliefs
    sets = network.with_net(beliefs.draw(draws, 11))
    middle = network.with_net(beliefs.means[None, :])
    for evidence in (
        {"twitch_arm": True, "weak": True},
        {"twitching": True},
        {"age": 50, "palsy": True, "weak": False},
    ):
        codes, _ = groups.words.read({**groups.words.nothing_assumed, **evidence}, {}).rows()
        over_draws = np.exp(groups.engine.run(codes, sets).log_evidence)
        at_means = np.exp(groups.engine.run(codes, middle).log_evidence[0])
        assert abs(over_draws.mean() - at_means) < 4 * over_draws.std() / np.sqrt(draws)
        # It can fail: the draws differ far more than their mean does.
        assert over_draws.std() > 0.1 * at_means
