"""Which of the evidence cannot hold together: on random networks, against brute force over all its subsets."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oracle import BruteForce
from random_models import cases, models
from twitchbayes import ImpossibleEvidenceError

CERTAIN = st.sampled_from([0.0, 0.0, 1.0, 0.5])


@given(st.data())
@settings(max_examples=80)
def test_the_smallest_set_is_the_smallest(data: st.DataObject) -> None:
    """What an impossible case is said to rest on is impossible by itself, and nothing with fewer items is."""
    model = data.draw(models(probabilities=CERTAIN))
    case = data.draw(cases(model))
    truth = BruteForce(model.knowledge)
    if truth.answer(case).evidence > 0:
        assert model.infer(case).evidence == case
        return
    with pytest.raises(ImpossibleEvidenceError, match="probability 0") as raised:
        model.infer(case)
    found = raised.value.conflict
    assert raised.value.smallest
    assert found.items() <= case.items()
    assert truth.answer(found).evidence == 0
    for size in range(len(found)):
        for names in itertools.combinations(case, size):
            assert truth.answer({name: case[name] for name in names}).evidence > 0, names
