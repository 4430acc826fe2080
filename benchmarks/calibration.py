"""Whether the intervals of tuning hold what they say, and how its numbers near the truth with more cases.

`python -m benchmarks.calibration`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks import learned, ranks, recovery, small
from benchmarks.ranks import Floats, Regime
from benchmarks.report import Cell, Table
from twitchbayes.provenance import number_names

REGIMES = (
    Regime("every cause known", {"context": 0.1, "finding": 0.1}),
    Regime("each cause known of half the cases", {"context": 0.2, "finding": 0.2, "cause": 0.5}),
    Regime("no cause known", {"context": 0.1, "finding": 0.1, "cause": 1.0}),
    Regime(
        "found by twitching, causes of half", {"context": 0.1, "finding": 0.1, "cause": 0.5}, {"twitching": "present"}
    ),
)
REPETITIONS, PROCESSES, FIRST_SEED = 400, 2, 1
WORST = 3  # numbers that are told by name


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0."""
    parser = argparse.ArgumentParser("python -m benchmarks.calibration", description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="of each way (default: %(default)s)")
    parser.add_argument("--cases", type=int, default=300, help="of a repetition (default: %(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", default=recovery.SIZES, help="cases of the shipped model")
    parser.add_argument("--processes", type=int, default=PROCESSES, help="at a time (default: %(default)s)")
    parser.add_argument("--page", action="store_true", help="write what is printed into docs/calibration.md too")
    given = parser.parse_args(arguments)
    tables = [*calibration(given.repetitions, given.cases, given.processes), recovery.table(given.sizes)]
    learned.publish("calibration", tables, page=given.page)
    return 0


def calibration(repetitions: int, n_cases: int, processes: int) -> tuple[Table, Table]:
    """Return the table of the regimes, and that of the numbers that fare worst in each."""
    model = small.model()
    numbers = number_names(model.knowledge)
    lines: list[list[Cell]] = []
    worst: list[list[Cell]] = []
    for regime in REGIMES:
        seeds = range(FIRST_SEED, FIRST_SEED + repetitions)
        found = ranks.repeat(model, regime, seeds, n_cases=n_cases, processes=processes)
        lines.append([regime.name, *_line(found)])
        worst += [[regime.name, *line] for line in _worst(numbers, found)]
    how = (
        f"{repetitions} repetitions of {n_cases} cases, {len(numbers)} numbers; the chi-square test of uniform ranks "
        f"has {ranks.BINS} bins; p of each number by itself is adjusted by Holm's method, and that of all together is "
        "Hotelling's test on the histograms of the repetitions, for the numbers of one depend on each other; ± is the "
        "standard error, from the variance between repetitions; of numbers least and greatest coverage of 95%"
    )
    columns = ["cases", *(f"{level:.0%} intervals" for level in ranks.LEVELS), "least", "greatest"]
    columns += ["p, worst number", "p, all"]
    kinds = dict.fromkeys(columns, "text")
    table = Table("Coverage of the intervals after tuning", kinds, lines, how)
    heads = {"cases": "text", "number": "text", "mean rank": "text", "coverage of 95%": "text", "p": "text"}
    return table, Table(
        "The numbers whose ranks are least uniform", heads, worst, "p is not adjusted; a mean rank is 0.5"
    )


def _line(found: Floats) -> list[Cell]:
    """Return the cells of a regime: coverages, their range, and the tests."""
    shares: list[Cell] = [
        f"{ranks.coverage(found, level).mean():.1%} ± {ranks.coverage_error(found, level):.1%}"
        for level in ranks.LEVELS
    ]
    each = ranks.coverage(found, ranks.LEVELS[-1])
    adjusted = ranks.holm(ranks.chi_square(found)).min()
    # Hotelling's test has no matrix to invert with fewer repetitions than bins.
    together = f"{ranks.pooled(found):.2g}" if len(found) > 2 * ranks.BINS else "too few"
    return [*shares, f"{each.min():.1%}", f"{each.max():.1%}", f"{adjusted:.2g}", together]


def _worst(numbers: Sequence[str], found: Floats) -> list[list[Cell]]:
    p_values = ranks.chi_square(found)
    each = ranks.coverage(found, ranks.LEVELS[-1])
    return [
        [numbers[i], f"{found[:, i].mean():.3f}", f"{each[i]:.1%}", f"{p_values[i]:.2g}"]
        for i in np.argsort(p_values)[:WORST]
    ]


if __name__ == "__main__":
    sys.exit(main())
