"""Expected counts of hidden events: against brute force over every firing, and as derivatives of P(evidence)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hidden_events import brute_counts, random_rows
from random_models import models
from twitchbayes.counts import count_rows
from twitchbayes.model import Model


@settings(max_examples=60)
@given(model=models(), seed=st.integers(0, 2**32 - 1))
def test_counts_equal_brute_force(model: Model, seed: int) -> None:
    """Contexts, strata, absorbed contexts, unions and certain numbers: every count is what enumeration gives."""
    codes = random_rows(model.network, 6, seed)
    counts = count_rows(model.engine, codes, each=True, compiled=False)
    for i, row in enumerate(codes):
        successes, trials, total = brute_counts(model, row, number=Fraction)
        assert np.isfinite(counts.log_evidence[i]) == (total > 0)
        np.testing.assert_allclose(counts.trials[i], [float(t) for t in trials], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(counts.successes[i], [float(s) for s in successes], rtol=1e-9, atol=1e-12)
