"""How much cases say of each number: the information in them, with what was hidden taken off.

The score of a case, on the scale of a number's log odds, is successes - p trials. Complete cases have the information
trials p (1 - p) in it; cases with gaps have less, by the variance of the score over what is hidden (Louis). That
variance is known exactly for each number by itself, since a case puts it to the test once at most. How the numbers
trade off against each other is taken from the correlations of the scores between cases (Meilijson): cases drawn from
the model with the gaps of the real ones, of which there can be as many as it takes. They are bounded where little is
hidden of both.

References
----------
Louis, Finding the observed information matrix when using the EM algorithm (JRSS B 44, 1982); Meilijson, A fast
improvement to the EM algorithm on its own terms (JRSS B 51, 1989), for the information from the scores of cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchbayes.inference import Engine
from twitchbayes.inference.patterns import distinct_rows
from twitchbayes.learning import Priors
from twitchbayes.network import Codes

__all__ = ["Information", "information_of", "score_products", "sizes_after", "sizes_before"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROUNDING = 1e-9  # of the eigenvalues of a matrix with ones on its diagonal
CHUNK_ROWS = 1 << 12  # rows whose scores are in memory at a time: some 30 MB


@dataclass(frozen=True, slots=True)
class Information:
    """Sums over cases, on the scale of log odds; parts of the data add up.

    Attributes
    ----------
    complete : ndarray, shape (n_numbers,)
        Information there would be were nothing hidden: the expected sum of trials p (1 - p).
    hidden : ndarray, shape (n_numbers,)
        Sum of the variances of the scores over what is hidden.
    shared : ndarray, shape (n_numbers,)
        What bounds the information that a number can have in common with others.
    """

    complete: Floats
    hidden: Floats
    shared: Floats

    def __add__(self, other: Information) -> Information:
        return Information(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def __sub__(self, other: Information) -> Information:
        """Take off the information in what was given, which all numbers have in common."""
        complete, hidden = self.complete - other.complete, self.hidden - other.hidden
        return Information(complete, hidden, self.shared + other.hidden)

    def of(self, rows: Ints) -> Information:
        """Return the information about some numbers, as if the others were known."""
        return Information(*(getattr(self, name)[rows] for name in self.__slots__))

    def matrix(self, products: Floats, spread: Floats, before: Floats) -> Floats:
        """Return the information about all numbers together, (n_numbers, n_numbers).

        Two numbers cannot have more in common than is hidden of both (Cauchy and Schwarz), beyond what states of
        one variable have. Such bounds of single entries may contradict each other; then there are none.

        Parameters
        ----------
        products : ndarray, shape (n_numbers, n_numbers)
            As `score_products` returns them, of whatever cases.
        spread : ndarray, shape (n_numbers, n_numbers)
            Covariance of the events of one trial: p (1 - p), and -p p' of two states of one variable.
        before : ndarray, shape (n_numbers,)
            Sizes of the distributions without the cases, above 0; what they say is added.
        """
        known = np.maximum(self.complete - self.hidden, 0.0)
        root = np.sqrt(known / np.where(np.diag(products) > 0, np.diag(products), 1.0))
        common = products * np.outer(root, root)
        trials = self.complete / np.diag(spread)
        unhidden, added = (spread * np.add.outer(sizes, sizes) / 2 for sizes in (trials, before))
        bound = np.sqrt(np.minimum(self.shared, known))
        limit = np.outer(bound, bound)
        bounded = unhidden + np.clip(common - unhidden, -limit, limit)
        np.fill_diagonal(bounded, known)
        np.fill_diagonal(common, known)
        together: Floats = added + (bounded if _is_positive(bounded + added) else common)
        return together


def _is_positive(matrix: Floats) -> bool:
    """Return whether a symmetric matrix with a positive diagonal is positive semidefinite, up to rounding."""
    scale = np.sqrt(np.diag(matrix))
    return bool(np.linalg.eigvalsh(matrix / np.outer(scale, scale))[0] > -ROUNDING)


def information_of(
    engine: Engine,
    codes: Codes,
    weights: Floats,
    net: Floats,
    *,
    given: Codes | None = None,
) -> Information:
    """Return the information in some cases about the numbers, at these net values.

    Parameters
    ----------
    codes : ndarray of int8, shape (n_rows, n_columns)
    weights : ndarray, shape (n_rows,)
        How often each row counts.
    net : ndarray, shape (n_numbers,)
    given : ndarray of int8, shape (1, n_columns), optional
        Evidence that every case has: the information in that is taken off.
    """
    zero = np.zeros(len(net))
    total = Information(zero, zero, zero)
    for start in range(0, len(codes), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        total = total + _information(*_counts(engine, codes[rows], net), weights[rows], net)
    if given is None:
        return total
    return total - _information(*_counts(engine, given, net), weights.sum(keepdims=True), net)


def score_products(
    engine: Engine,
    codes: Codes,
    net: Floats,
    *,
    given: Codes | None = None,
) -> Floats:
    """Return the sums over cases of the products of two numbers' scores, (n_numbers, n_numbers).

    Parameters are those of `information_of`; of what is given the score is taken off.
    """
    expected: Floats | float = 0.0
    if given is not None:
        successes, trials = _counts(engine, given, net)
        expected = successes - net * trials
    order, first = distinct_rows(codes, len(engine.network.contexts))
    starts = np.flatnonzero(first)
    weights = np.diff(np.append(starts, len(codes)))
    codes = codes[order[starts]]
    products = np.zeros((len(net), len(net)))
    for start in range(0, len(codes), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        successes, trials = _counts(engine, codes[rows], net)
        scores = successes - net * trials - expected
        products += (scores * weights[rows, None]).T @ scores
    return products


def _counts(engine: Engine, codes: Codes, net: Floats) -> tuple[Floats, Floats]:
    counts = engine.count(codes, parameters=engine.network.with_net(net), each=True)
    return counts.successes, counts.trials


def _information(successes: Floats, trials: Floats, weights: Floats, net: Floats) -> Information:
    score = successes - net * trials
    # A case puts a number to the test once at most: its complete score is 1 - p, -p or 0.
    square = successes * (1 - net) ** 2 + (trials - successes) * net**2
    hidden = weights @ np.maximum(square - score**2, 0.0)
    return Information(complete=weights @ (trials * (net * (1 - net))), hidden=hidden, shared=hidden)


def sizes_before(priors: Priors, net: Floats) -> Floats:
    """Return the size of each number's Beta distribution before the cases, (n_numbers,): inf where none is learned."""
    sizes: Floats = priors.a + np.where(priors.in_group, _rest(priors), priors.b)
    return np.where(priors.free & (net > 0) & (net < 1), sizes, np.inf)


def sizes_after(information: Information, products: Floats, priors: Priors, net: Floats) -> Floats:
    """Return the size of each number's Beta distribution after the cases: (n_numbers,).

    The normal approximation of the posterior at its mode, on the scale of log odds, has some variance;
    the size is that of the Beta distribution with the same, Beta(size p, size (1 - p)). From complete
    cases it is the exact one, a + b + trials. States of one variable share the smallest.
    """
    sizes = sizes_before(priors, net)
    free = np.flatnonzero(np.isfinite(sizes))
    before = sizes[free]
    p, groups = net[free], [np.flatnonzero(np.isin(free, rows)) for rows in priors.groups]
    spread = np.diag(p * (1 - p))
    levels = [np.flatnonzero(np.isin(free, rows)) for rows in priors.levels]
    for rows in (*groups, *levels):
        spread[np.ix_(rows, rows)] -= np.outer(p[rows], p[rows]) * (1 - np.eye(len(rows)))
    matrix = information.of(free).matrix(products[np.ix_(free, free)], spread, before)
    sizes[free] = np.maximum(1 / (_variances(matrix, p, groups, levels) * np.diag(spread)), before)
    for rows in (*priors.groups, *priors.levels):
        if priors.free[rows].all():
            sizes[rows] = sizes[rows].min()
    return sizes


def _variances(matrix: Floats, p: Floats, groups: Sequence[Ints], levels: Sequence[Ints]) -> Floats:
    """Return the variance of the log odds of each number.

    The scores of the states of one variable add up to 0: what they inform of is the ratios of the states, and
    nothing else is looked at. Log odds of one state depend on all of them. Levels leave something for the lowest state,
    to which their ratios are: nothing is to be taken out.
    """
    basis, slopes = np.eye(len(p)), np.eye(len(p))
    for rows in groups:
        own = np.ix_(rows, rows)
        basis[own] = np.linalg.qr(np.column_stack([np.ones(len(rows)), np.eye(len(rows))[:, 1:]]))[0]
    for rows in (*groups, *levels):
        others = 1 - np.eye(len(rows))
        slopes[np.ix_(rows, rows)] -= others * p[rows] / (1 - p[rows])[:, None]
    kept = np.setdiff1d(np.arange(len(p)), [rows[0] for rows in groups if len(rows)])
    within = basis[:, kept]
    slopes = slopes @ within
    variances: Floats = (slopes * np.linalg.solve(within.T @ matrix @ within, slopes.T).T).sum(axis=1)
    return variances


def _rest(priors: Priors) -> Floats:
    """Return what the other states of each number's group have together."""
    rest = np.zeros(len(priors.a))
    for rows in priors.groups:
        rest[rows] = priors.a[rows].sum() - priors.a[rows]
    return rest
