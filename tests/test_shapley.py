"""Shapley values of games that are worked by hand, and how far those from random orders are off."""

from __future__ import annotations

import numpy as np
import pytest

from twitchbayes.shapley import exact, sampled, subsets


def test_gloves() -> None:
    """One left glove and two right ones, a pair is worth 1: the left one comes second or third in 4 of 6 orders."""
    found = exact(lambda kept: (kept[:, 0] & (kept[:, 1] | kept[:, 2])).astype(float), 3)
    np.testing.assert_allclose(found, [2 / 3, 1 / 6, 1 / 6], rtol=1e-12)


def test_additive_game() -> None:
    """Where each item adds its own whatever came before, that is its share, in every order."""
    own = np.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(exact(lambda kept: kept @ own, 4), own, rtol=1e-12)
    found, errors = sampled(lambda kept: kept @ own, 4, 3, 0)
    np.testing.assert_allclose(found, own, rtol=1e-12)
    np.testing.assert_allclose(errors, 0, atol=1e-12)


def test_no_items() -> None:
    """Nothing is shared out among none."""
    assert exact(lambda kept: np.zeros(len(kept)), 0).shape == (0,)


def test_subsets() -> None:
    """All subsets, item i by bit i of the row's number."""
    assert subsets(2).tolist() == [[False, False], [True, False], [False, True], [True, True]]


def test_standard_errors_are_those_of_repetition() -> None:
    """Over 200 seeds the estimates scatter about the exact values as wide as the standard errors say."""
    values = np.random.default_rng(3).normal(size=64)

    def value(kept: np.ndarray) -> np.ndarray:
        return values[kept @ (1 << np.arange(6))]

    truth = exact(value, 6)
    runs = [sampled(value, 6, 40, seed) for seed in range(200)]
    found, errors = (np.array(part) for part in zip(*runs, strict=True))
    scatter = np.sqrt(((found - truth) ** 2).mean(axis=0))
    np.testing.assert_allclose(scatter, np.sqrt((errors**2).mean(axis=0)), rtol=0.2)
    assert np.abs(found.mean(axis=0) - truth).max() < 5 * scatter.max() / np.sqrt(200)
    np.testing.assert_allclose(found.sum(axis=1), values[63] - values[0], rtol=1e-9)


def test_seed_decides() -> None:
    """The same seed draws the same orders."""
    values = np.random.default_rng(1).normal(size=16)
    runs = [sampled(lambda kept: values[kept @ (1 << np.arange(4))], 4, 5, seed)[0] for seed in (1, 1, 2)]
    assert runs[0].tolist() == runs[1].tolist()
    assert runs[0].tolist() != pytest.approx(runs[2].tolist())
