"""What each of many independent inputs has in the variance of an output, from draws of them alone.

The output is regressed on the first two Hermite polynomials of each input's normal score, which are uncorrelated over
independent inputs: what the terms of an input explain is its first-order share. Only inputs whose terms correlate with
the output beyond chance have terms, as hundreds of them would explain much of a thousand draws by chance alone.

References
----------
Sudret, Global sensitivity analysis using polynomial chaos expansions (Reliability Engineering and System Safety 93,
2008), for shares of variance as squared coefficients; Pratt, Dividing the indivisible (Second International Tampere
Conference in Statistics, 1987), for coefficient times correlation, which sums to R² also where inputs are correlated,
as the states of one variable are; Ezekiel's correction of R² for the number of terms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["explained"]

Floats = NDArray[np.float64]

# Standard errors of a correlation by chance: of 700 terms that explain nothing, one passes in three times.
BEYOND_CHANCE = 3.5
SAME = 1e-12  # of the output's size: rounding, and no variance


def explained(inputs: Floats, output: Floats) -> dict[int, float]:
    """Return the share of each input that has one in the variance of the output; their sum is the adjusted R².

    Parameters
    ----------
    inputs : ndarray, shape (n_draws, n_inputs)
        On any scale: ranks are all that is used.
    output : ndarray, shape (n_draws,)

    Returns
    -------
    dict of int to float
        By number of the input. Empty where the output does not vary.
    """
    count = len(output)
    if not count or np.ptp(output) <= SAME * np.abs(output).max():
        return {}
    target = _standardised(output[:, None])[:, 0]
    free = np.flatnonzero(np.ptp(inputs, axis=0) > 0)
    scores = _scores(inputs[:, free])
    terms = np.stack([scores, _standardised(scores**2)])
    correlation = np.einsum("kdi,d->ki", terms, target) / count
    chosen = np.flatnonzero(np.abs(correlation).max(axis=0) > BEYOND_CHANCE / np.sqrt(count))
    design = np.concatenate(list(terms[:, :, chosen]), axis=1)
    weights = np.linalg.lstsq(design, target, rcond=None)[0].reshape(2, -1)
    shares = (weights * correlation[:, chosen]).sum(axis=0)
    raw, spare = shares.sum(), count - 1 - design.shape[1]
    adjusted = 1 - (1 - raw) * (count - 1) / spare if spare > 0 else 0.0
    scale = adjusted / raw if raw > 0 else 0.0
    return {int(free[i]): float(share * scale) for i, share in zip(chosen, shares, strict=True)}


def _scores(inputs: Floats) -> Floats:
    """Return the normal scores of the ranks in each column, of mean 0 and variance 1."""
    from scipy.special import ndtri

    ranks = inputs.argsort(axis=0).argsort(axis=0)
    return _standardised(ndtri((ranks + 0.5) / len(inputs)))


def _standardised(columns: Floats) -> Floats:
    centred = columns - columns.mean(axis=0)
    standard: Floats = centred / centred.std(axis=0)
    return standard
