"""Shares of a variance: against sums of which the share of each term is known."""

from __future__ import annotations

import numpy as np
import pytest

from twitchbayes.shares import explained

N = 4_000


def inputs(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((N, count))


def normal(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((N, count))


def test_linear_sum() -> None:
    """Of 3 a + 2 b + c over independent normal inputs the shares are 9 : 4 : 1; a fourth input has none."""
    x = normal(4)
    shares = explained(x, x[:, :3] @ [3.0, 2.0, 1.0])
    assert sorted(shares) == [0, 1, 2]
    assert [shares[i] for i in range(3)] == pytest.approx([9 / 14, 4 / 14, 1 / 14], abs=0.02)
    # Ranks are not the values themselves: some thousandths of the tails go.
    assert sum(shares.values()) == pytest.approx(1, abs=2e-3)


def test_scale_of_an_input_does_not_matter() -> None:
    """Only ranks are used: an input given as its logarithm has the same share."""
    x = inputs(2)
    assert explained(np.log(x), x @ [1.0, 2.0]) == explained(x, x @ [1.0, 2.0])


def test_curved_effect() -> None:
    """A square of a centred input has no linear part, and its whole share by the second term."""
    x = normal(2)
    shares = explained(x, x[:, 0] ** 2)
    assert shares[0] == pytest.approx(1, abs=0.01)
    assert shares.get(1, 0.0) == pytest.approx(0, abs=0.01)


def test_joint_effect_is_left() -> None:
    """Of a + b + c d, with variance 3, the product is nobody's share: two thirds are explained."""
    x = normal(4, seed=2)
    shares = explained(x, x[:, 0] + x[:, 1] + x[:, 2] * x[:, 3])
    assert shares[0] == pytest.approx(1 / 3, abs=0.04)
    assert shares[1] == pytest.approx(1 / 3, abs=0.04)
    assert sum(shares.values()) == pytest.approx(2 / 3, abs=0.05)


def test_chance_explains_nothing() -> None:
    """Of 100 inputs that have nothing to do with the output, next to nothing is explained, where a plain R² is 10%."""
    output = np.random.default_rng(1).standard_normal(1_000)
    x = inputs(100)[:1_000]
    shares = explained(x, output)
    assert abs(sum(shares.values())) < 0.02
    centred = x - x.mean(axis=0)
    plain = centred @ np.linalg.lstsq(centred, output - output.mean(), rcond=None)[0]
    assert plain.var() / output.var() > 0.05


def test_inputs_that_are_correlated() -> None:
    """Two inputs that are nearly one have their share once, together."""
    x = normal(3)
    x[:, 1] = x[:, 0] + 0.01 * x[:, 1]
    shares = explained(x, x[:, 0] + x[:, 2])
    assert shares.get(0, 0.0) + shares.get(1, 0.0) == pytest.approx(0.5, abs=0.03)


def test_nothing_to_explain() -> None:
    """An output that does not vary has no shares, and an input that does not vary has none."""
    x = inputs(2)
    assert explained(x, np.full(N, 0.3)) == {}
    assert explained(np.zeros((0, 2)), np.zeros(0)) == {}
    x[:, 0] = 0.5
    assert list(explained(x, x[:, 1])) == [1]
