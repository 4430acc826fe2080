"""All joint states of the causes at once: the simple method, best for few rows and few causes.

The walk's cost doubles with each open positive finding, this one's with each cause that can explain a
positive finding; and it takes far fewer NumPy calls, which is what one row costs. Terms are positive
here too: P(finding present | causes) is computed as -expm1 of a sum of logarithms.

References
----------
Pearl, Probabilistic Reasoning in Intelligent Systems (1988), 4.3.2.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from twitchbayes.tally import Share
from twitchbayes.weights import CauseWeights, Closed, PatternWeights

__all__ = ["enumerate_causes"]

Floats = NDArray[np.float64]

LEAST = 1e-260  # of a smaller sum underflow may have taken digits


def enumerate_causes(
    weights: PatternWeights, shares: list[Share] | None = None
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return posteriors (rows, causes), P(none), P(serious) and ln P(evidence) (rows,), of a flat plan.

    The joint posteriors of causes and cells are put into `shares`, where one is given.
    """
    stage = weights.plan.flat
    assert stage is not None  # the engine enumerates only where the plan says so
    serious = weights.tables.serious
    walked, closed_weights, log_scale = weights.causes(stage)
    closed = Closed.of(closed_weights, serious)
    joint = _joint(walked, weights.cells(stage) * closed.either.prod(axis=-1), weights.n)
    joint *= _likelihood(weights, walked)[:, None, :]
    total = joint.sum(axis=(1, 2))
    total = np.where(total > LEAST, total, 0.0)
    log_evidence = np.log(total) + log_scale + weights.log_constant
    possible = log_evidence > -np.inf
    joint *= np.where(possible, 1 / np.where(possible, total, 1.0), 0.0)[:, None, None]
    present = _present(len(walked.causes))
    causes = np.zeros((weights.n, weights.tables.n_causes))
    causes[:, walked.causes] = joint.sum(axis=1) @ present
    cells = joint.sum(axis=2)
    causes[:, closed.causes] = (cells[:, :, None] * closed.posterior).sum(axis=1)
    if shares is not None:
        shares.append(
            Share(stage, cells, np.concatenate([joint @ present, cells[:, :, None] * closed.posterior], axis=2))
        )
    none_closed = (closed.absent / np.where(closed.either > 0, closed.either, 1.0)).prod(axis=-1)
    none = (joint[:, :, 0] * none_closed).sum(axis=-1)
    is_serious = present[:, serious[walked.causes]].any(axis=1)
    some = joint[:, :, is_serious].sum(axis=(1, 2))
    some = some + (joint[:, :, ~is_serious].sum(axis=2) * closed.some_serious()).sum(axis=-1)
    return causes, none, some, log_evidence


def _joint(walked: CauseWeights, cells: Floats, n: int) -> Floats:
    """Return the weight of each joint state of the walked causes in each cell: (rows, cells, states)."""
    count = len(walked.causes)
    joint = np.empty((n, cells.shape[1], 1 << count))
    joint[:, :, 0] = cells
    for i in range(count):
        half = 1 << i
        np.multiply(joint[:, :, :half], walked.present[:, :, i, None], out=joint[:, :, half : 2 * half])
        joint[:, :, :half] *= walked.absent[:, :, i, None]
    return joint


def _likelihood(weights: PatternWeights, walked: CauseWeights) -> Floats:
    """Return P(every element is explained | joint state of the walked causes): (sets, states)."""
    log_no_link = weights.log_no_link[:, walked.causes]
    elements = np.delete(np.arange(log_no_link.shape[2]), weights.plan.unexplained)
    log_absent = np.empty((len(log_no_link), len(elements), 1 << len(walked.causes)))
    log_absent[:, :, 0] = weights.log_no_leak[:, elements]
    for i in range(len(walked.causes)):
        half = 1 << i
        np.add(log_absent[:, :, :half], log_no_link[:, i, elements, None], out=log_absent[:, :, half : 2 * half])
    np.expm1(log_absent, out=log_absent)
    log_absent /= -weights.scale[:, elements, None]
    likelihood: Floats = log_absent.prod(axis=1)
    return likelihood


@lru_cache(maxsize=16)
def _present(count: int) -> NDArray[np.bool_]:
    """Return which causes are present in each joint state: (states, causes), the first cause in the lowest bit."""
    present: NDArray[np.bool_] = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1 == 1
    present.flags.writeable = False
    return present
