"""Tuning is calibrated: drawn numbers lie where their distributions after the cases say, neither wider nor narrower."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks import calibration, em, learned, ranks, recovery

from random_models import make_model
from twitchbayes import Model

REPETITIONS, CASES, BINS = 60, 60, 5


def number(low: float, value: float, high: float) -> dict[str, str]:
    cells = {"probability": str(value), "low": str(low), "high": str(high)}
    return {**cells, "basis": "expert", "source": "made_up", "note": ""}


@pytest.fixture(scope="module")
def mini() -> Model:
    """A context in three states, two causes and two findings, one of which both causes produce."""
    variables = [{"variable": "season", "role": "context", "states": "cold;mild;hot"}]
    variables += [{"variable": name, "role": "cause"} for name in ("flu", "strain")]
    variables += [{"variable": name, "role": "finding"} for name in ("fever", "weak")]
    seasons = {"cold": (0.2, 0.3, 0.41), "mild": (0.39, 0.5, 0.61), "hot": (0.11, 0.2, 0.3)}
    priors = [{"variable": "season", "state": state, **number(*bounds)} for state, bounds in seasons.items()]
    priors += [{"variable": name, "state": "present", **number(0.15, 0.3, 0.48)} for name in ("flu", "strain")]
    links = [{"parent": "leak", "child": name, "form": "net", **number(0.05, 0.12, 0.22)} for name in ("fever", "weak")]
    pairs = (("flu", "fever"), ("flu", "weak"), ("strain", "weak"))
    links += [{"parent": a, "child": b, "form": "net", **number(0.3, 0.55, 0.78)} for a, b in pairs]
    return make_model(variables, priors, links)


def test_ranks_after_tuning_are_uniform(mini: Model) -> None:
    """With gaps and half of the diagnoses, ranks are uniform and intervals hold what they say, to binomial bounds."""
    regime = ranks.Regime("half", {"context": 0.2, "finding": 0.1, "cause": 0.5})
    found = ranks.repeat(mini, regime, range(1, REPETITIONS + 1), n_cases=CASES)
    assert found.shape == (REPETITIONS, 10)
    assert ranks.holm(ranks.chi_square(found, BINS)).min() > 0.001
    assert ranks.pooled(found, BINS) > 0.001
    for level in ranks.LEVELS:
        low, high = binom.ppf([0.0005, 0.9995], REPETITIONS, level) / REPETITIONS
        each = ranks.coverage(found, level)
        assert low <= each.min()
        assert each.max() <= high
        # Of all numbers the bounds are those of the variance between repetitions.
        assert abs(each.mean() - level) < 3.5 * ranks.coverage_error(found, level)


def test_uniform_ranks_pass_and_others_do_not() -> None:
    """Ranks of a distribution twice as sure as it may be are found out by every measure; uniform ones pass all."""
    uniform = np.random.default_rng(1).random((400, 6))
    assert ranks.holm(ranks.chi_square(uniform)).min() > 0.01
    assert ranks.pooled(uniform) > 0.01
    # Beta(5, 5) where it should be Beta(2.5, 2.5): the truth is drawn from the latter.
    truth = np.random.default_rng(2).beta(2.5, 2.5, size=(400, 6))
    sure = ranks.beta_ranks(truth, np.full(6, 0.5), np.full(6, 10.0))
    assert ranks.chi_square(sure).max() < 1e-3
    assert ranks.pooled(sure) < 1e-6
    assert ranks.coverage(sure, 0.95).max() < 0.92


def test_holm_by_hand() -> None:
    """0.01, 0.04 and 0.03 of three: 3 times 0.01, then 2 times 0.03, and no less for what comes after."""
    np.testing.assert_allclose(ranks.holm(np.array([0.01, 0.04, 0.03])), [0.03, 0.06, 0.06])


def test_pooled_ranks_of_numbers_that_agree() -> None:
    """Copies of one number are one number: the test of all together does not take them for more evidence."""
    one = np.random.default_rng(3).random((400, 1))
    assert ranks.pooled(np.repeat(one, 5, axis=1)) == pytest.approx(ranks.pooled(one))


def test_coverage_command_in_small() -> None:
    """A few repetitions of each way to find cases make a line each, and a table of the worst numbers."""
    table, worst = calibration.calibration(2, 20, processes=1)
    assert [row[0] for row in table.rows] == [regime.name for regime in calibration.REGIMES]
    assert len(worst.rows) == calibration.WORST * len(calibration.REGIMES)
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_error_falls_with_more_cases(mini: Model) -> None:
    """From 100 to 10,000 cases the error of what is observed well falls by about ten."""
    table = recovery.table((100, 10_000), model=mini)
    before, few, many = (float(str(row[1])) for row in table.rows)
    assert many < few < before
    assert -0.75 < float(str(table.rows[-1][4])) < -0.25


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_em_of_the_peers_is_ours() -> None:
    """From complete cases all libraries learn the same tables; with gaps pyAgrum does, and pgmpy says what it drops."""
    table = em.agreement(100, {"complete": {}, "gaps": {"context": 0.1, "cause": 0.1, "finding": 0.1}})
    rows = {(str(row[0]), str(row[1])): row for row in table.rows}
    for cases, library in (("complete", "pyAgrum"), ("complete", "pgmpy"), ("gaps", "pyAgrum")):
        difference = rows[cases, library][2]
        assert isinstance(difference, float)
        assert difference < 1e-3
    assert "drops" in str(rows["gaps", "pgmpy"][-1])


def test_what_a_command_prints_has_one_place() -> None:
    """Figures of one command replace its own and leave those of the other; a page without a place is refused."""
    page = learned.PAGE.read_text(encoding="utf-8")
    changed = learned.placed(page, "em", "figures of em\n")
    assert "```text\nfigures of em\n```\n" in changed
    assert learned.placed(changed, "calibration", "others\n").count("figures of em") == 1
    with pytest.raises(ValueError, match="printed 0 times, not once"):
        learned.placed("# Nothing\n", "em", "figures")
