"""Shapley values: a change that several items bring about together, shared out among them.

The share of an item is what it adds, on average over all orders in which the items may come.

References
----------
Shapley, A value for n-person games (Contributions to the Theory of Games II, 1953); Štrumbelj and Kononenko, An
efficient explanation of individual classifications using game theory (Journal of Machine Learning Research 11, 2010);
Castro, Gómez and Tejada, Polynomial calculation of the Shapley value based on sampling (Computers & Operations
Research 36, 2009) for sampled orders, here in antithetic pairs (Mitchell, Cooper, Frank and Holmes, Sampling
permutations for Shapley value estimation, Journal of Machine Learning Research 23, 2022).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["exact", "sampled", "subsets"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Value = Callable[[Bools], Floats]


def subsets(n: int) -> Bools:
    """Return all subsets of n items, item i by bit i of the row's number: (2^n, n)."""
    every: Bools = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1 == 1
    return every


def exact(value: Value, n: int) -> Floats:
    """Return the Shapley values of n items from the values of all 2^n subsets.

    Parameters
    ----------
    value : callable
        Takes subsets, (n_subsets, n), and returns the value of each; finite.

    Returns
    -------
    ndarray, shape (n,)
    """
    kept = subsets(n)
    values, size = value(kept), kept.sum(axis=1)
    # An item comes after just these others in |S|! (n - |S| - 1)! of the n! orders.
    shares = np.array([1 / (n * math.comb(n - 1, s)) for s in range(n)])
    found = np.zeros(n)
    for i in range(n):
        without = np.flatnonzero(~kept[:, i])
        found[i] = shares[size[without]] @ (values[without | 1 << i] - values[without])
    return found


def sampled(value: Value, n: int, pairs: int, seed: int) -> tuple[Floats, Floats]:
    """Return Shapley values from random orders, each followed by its reverse, and their standard errors.

    Parameters
    ----------
    value : callable
        As for `exact`.
    pairs : int
        Pairs of orders, 2 or more.
    seed : int

    Returns
    -------
    ndarray, shape (n,)
        Their sum is that of the exact ones: each order shares out the whole change.
    ndarray, shape (n,)
        Standard error of each, from the spread over the pairs.
    """
    rng = np.random.default_rng(seed)
    orders = np.stack([rng.permutation(n) for _ in range(pairs)])
    orders = np.stack([orders, orders[:, ::-1]], axis=1)
    place = np.argsort(orders, axis=-1)
    # Step t of an order has the first t of its items.
    came = place[:, :, None, :] < np.arange(n + 1)[:, None]
    values = value(came.reshape(-1, n)).reshape(pairs, 2, n + 1)
    gains = np.take_along_axis(np.diff(values, axis=-1), place, axis=-1).mean(axis=1)
    return gains.mean(axis=0), gains.std(axis=0, ddof=1) / math.sqrt(pairs)
