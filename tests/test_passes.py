"""Cases in parts: whatever is asked of them is what they say together, however they lie in parts."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import pytest

from hidden_events import random_rows
from twitchbayes import passes
from twitchbayes.inference.patterns import hash_rows
from twitchbayes.model import Model
from twitchbayes.network import Codes
from twitchbayes.passes import LocalData, PartedData, cases_at


def in_parts(model: Model, codes: Codes, n_parts: int, seed: int) -> PartedData:
    """The cases, dealt out at random; one part is empty where there are several."""
    random = np.random.default_rng(seed)
    place = random.integers(max(n_parts - 1, 1), size=len(codes))
    parts = [LocalData(model.engine, codes[place == part]).part for part in range(n_parts)]
    return PartedData(len(codes), lambda question: reduce(add, (question(model.engine, p) for p in parts)))


@pytest.fixture(scope="module")
def codes(sites: Model) -> Codes:
    """200 possible cases, many of them equal, one of them in 60 copies."""
    rows = random_rows(sites.network, 80, 1)
    rows = rows[sites.engine.run(rows).possible]
    return np.concatenate([rows, rows[::2], np.repeat(rows[:1], 60, axis=0)])


@pytest.mark.parametrize("n_parts", [1, 2, 6])
def test_parts_add_up(sites: Model, codes: Codes, n_parts: int) -> None:
    """Counts, likelihood and information are those of all cases in one place."""
    whole, parts = LocalData(sites.engine, codes), in_parts(sites, codes, n_parts, 3)
    net = sites.network.to_net(sites.network.numbers)[0]
    for one, other in (
        (whole.sums(net), parts.sums(net)),
        (whole.information(net, None), parts.information(net, None)),
    ):
        for name in one.__slots__:
            np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_parts", [1, 2, 6])
@pytest.mark.parametrize("fetched", [1, 20, 1000])
def test_cases_by_their_place(
    sites: Model, codes: Codes, n_parts: int, fetched: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case at each place is that of all cases sorted by their hash; few rows are fetched, and at last exact ones."""
    monkeypatch.setattr(passes, "MOST_FETCHED", fetched)
    monkeypatch.setattr(passes, "BIN_BITS", 2)
    ordered = codes[np.argsort(hash_rows(codes), kind="stable")]
    asked: list[int] = []
    parts = in_parts(sites, codes, n_parts, 4)

    def ask(question: Any) -> Any:
        answer = parts._ask(question)
        if isinstance(answer, passes.Rows):
            asked.append(len(answer.keys))
        return answer

    few = np.array([3, 77, 77, len(codes) - 1])
    for ranks in (np.arange(len(codes)), few):
        np.testing.assert_array_equal(cases_at(ranks, ask), ordered[ranks])
    # Each of the three places that differ needs one distinct case, of which each part may have a copy.
    assert asked[1] <= max(fetched, 3 * n_parts)


def test_samples_do_not_depend_on_the_parts(sites: Model, codes: Codes) -> None:
    """The same seed draws the same cases from any parts, each case as often as it is there."""
    whole = LocalData(sites.engine, codes)
    drawn = whole.sample(4000, 5)
    for n_parts in (1, 3):
        np.testing.assert_array_equal(in_parts(sites, codes, n_parts, n_parts).sample(4000, 5), drawn)
    share = (codes == codes[0]).all(axis=1).mean()
    # Five standard deviations of a share of 4000 draws.
    assert (drawn == codes[0]).all(axis=1).mean() == pytest.approx(share, abs=5 * np.sqrt(share * (1 - share) / 4000))
    assert (whole.sample(4000, 6) != drawn).any()
