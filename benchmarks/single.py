"""The first question of a new process; `patterns` has those that follow."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from benchmarks import ROOT
from benchmarks.peers import OURS
from benchmarks.report import Table
from benchmarks.run import Run

COLD = {OURS: "twitchbayes", "pyAgrum": "pyagrum", "pgmpy": "pgmpy"}


def cold(run: Run) -> None:
    """Time the first answer of new processes."""
    parts: dict[str, list[dict[str, float]]] = {name: [] for name in COLD}
    for _ in range(run.size.processes):
        for name, which in COLD.items():
            parts[name].append(_first_answer(which))
    rows = []
    for name, runs in parts.items():
        medians = {part: statistics.median(one[part] for one in runs) for part in runs[0]}
        total = statistics.median(sum(one.values()) for one in runs)
        rows.append([name, *medians.values(), total])
    own = rows[0][-1]
    rows = [[*row, row[-1] / own] for row in rows]
    columns = {"": "text", "import": "time", "network": "time", "first answer": "time", "all": "time"}
    columns["ratio to ours"] = "ratio"
    how = (
        f"median of {run.size.processes} new processes each, in turn, the start of the interpreter left out; "
        f"ours reads and checks its tables, a peer gets them read for nothing; pyAgrum: lazy, tables"
    )
    run.show(Table("Cold", columns, rows, how))


def _first_answer(which: str) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.cold", which]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    parts: dict[str, float] = json.loads(done.stdout)
    return parts


def section(run: Run) -> None:
    """Measure one question."""
    run.begin(
        "single",
        "A first question",
        "One answer of a new process: the README's case, the shipped model.",
    )
    cold(run)
