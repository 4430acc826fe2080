"""How near tuning comes to the numbers that cases of the shipped model were drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from benchmarks.ranks import Floats, beta_ranks
from benchmarks.report import Cell, Table
from benchmarks.timing import seconds_of
from twitchbayes import Model, load_model
from twitchbayes.tuning import Tuning

SIZES = (1_000, 10_000, 100_000)
MISSING = {"context": 0.1, "finding": 0.1}
TRUTH_SEED = 1
WELL_OBSERVED = 0.9  # share of a number's size that the cases must have brought, at the largest size


def table(sizes: Sequence[int] = SIZES, *, model: Model | None = None) -> Table:
    """Return the error of the numbers for each number of cases, which are drawn from one draw of the intervals."""
    model = model or load_model()
    truth = model.beliefs.draw(1, TRUTH_SEED)[0]
    found = {n: seconds_of(partial(tuned, model, n)) for n in sorted(sizes)}
    largest = found[max(found)][1].report
    well = (largest["from_data"] > WELL_OBSERVED).to_numpy()
    before = _error(truth, model.network.to_net(model.network.numbers)[0])
    lines: list[list[Cell]] = [["0", f"{_root_mean(before[well]):.3f}", None, None, None, None, None]]
    earlier: tuple[int, float] | None = None
    for n, (seconds, tuning) in found.items():
        line = _measured(truth, tuning, well)
        slope = "" if earlier is None else f"{np.log(line[1] / earlier[1]) / np.log(n / earlier[0]):.2f}"
        earlier = (n, line[1])
        lines.append([f"{n:,}", *(f"{value:.3f}" for value in line), slope, f"{len(tuning.history)}", seconds])
    kinds = dict.fromkeys(("cases", "error, well observed", "error, weighted", "within 95%", "slope", "passes"), "text")
    how = (
        f"{model.name}, every cause known, a tenth of the other cells not; error: root mean square of the log odds "
        f"against the truth, of the {int(well.sum())} numbers of which {WELL_OBSERVED:.0%} of the size is from the "
        "most cases, of all weighted by the information in complete cases, trials p (1 - p); slope: of the logarithm "
        "of the latter, -0.5 where it falls as 1/sqrt(cases)"
    )
    return Table("Numbers learned from cases drawn under them", {**kinds, "took": "time"}, lines, how)


def tuned(model: Model, n_cases: int) -> Tuning:
    """Return the model tuned to cases that are drawn from the numbers of a draw from its intervals."""
    cases = model.simulate(n_cases, TRUTH_SEED, missing=MISSING, parameters="drawn")
    return model.tune(cases, selected_by=())


def _measured(truth: Floats, tuning: Tuning, well: np.ndarray) -> list[float]:
    report = tuning.report
    learned = report["changed"].to_numpy()
    error = _error(truth, report["new"].to_numpy())
    weights = np.where(learned, report["trials"].to_numpy() * truth * (1 - truth), 0.0)
    ranks = beta_ranks(truth, report["new"].to_numpy(), report["size_after"].to_numpy())[learned]
    weighted = float(np.sqrt(weights @ np.where(learned, error, 0.0) ** 2 / weights.sum()))
    return [_root_mean(error[well]), weighted, float((np.abs(ranks - 0.5) <= 0.475).mean())]


def _error(truth: Floats, found: Floats) -> Floats:
    """Return the differences of log odds; 0 where a number is certain."""
    inside = (truth > 0) & (truth < 1) & (found > 0) & (found < 1)
    a, b = np.where(inside, truth, 0.5), np.where(inside, found, 0.5)
    error: Floats = np.log(a / b) - np.log1p(-a) + np.log1p(-b)
    return error


def _root_mean(values: Floats) -> float:
    return float(np.sqrt((values**2).mean())) if len(values) else float("nan")
