"""The goals of the design, each with what was measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.report import Cell, Table, bytes_text, ratio_text, time_text
from benchmarks.run import TOLERANCE, Run


class Goal(NamedTuple):
    """A goal: the figure that is held to it, and how the figure reads."""

    what: str
    figure: str
    met: Callable[[float], bool]
    text: Callable[[float], str]
    rows: str = ""  # the figure that says over how many rows


GOALS = (
    Goal("a row of a table, nearly all distinct: 300 times pyAgrum", "rows", lambda x: x >= 300, ratio_text, "rows_n"),
    Goal("a million rows in about 2 s on two cores", "million_s", lambda x: x <= 2.5, time_text),
    Goal("a million rows: peak over the input below 500 MB", "peak_bytes", lambda x: x < 500e6, bytes_text),
    Goal("no context known: 20 times all of them known at most", "no_context_ratio", lambda x: x <= 20, ratio_text),
    Goal("`import twitchbayes`: 1.5 times `import numpy` at most", "import_ratio", lambda x: x <= 1.5, ratio_text),
    Goal("the command: under twice `python -c 'import pandas'`", "command_ratio", lambda x: x < 2, ratio_text),
    Goal("a finding with 40 parents: under 10 ms", "parents_40", lambda x: x < 0.01, time_text),
)


def section(run: Run) -> None:
    """Hold what was measured to the goals, and the answers to those of the peers."""
    run.begin("goals", "Goals", "Those of the design that can be measured against something.")
    if run.figures.get("rows_n") == 1_000_000:
        run.figures["million_s"] = run.figures["rows_s"]
    rows: list[list[Cell]] = []
    for goal in GOALS:
        value = run.figures.get(goal.figure)
        if value is not None:
            over = f" over {run.figures[goal.rows]:,.0f} rows" if goal.rows else ""
            rows.append([goal.what, goal.text(value) + over, "met" if goal.met(value) else "missed"])
        else:
            rows.append([goal.what, None, "not measured in this run"])
    run.show(Table("Goals", {"goal": "text", "measured": "text", "": "text"}, rows))
    if not run.differences:
        return
    agreement: list[list[Cell]] = [
        [peer, count, largest, "agrees" if largest <= TOLERANCE else "DIFFERS"]
        for peer, (largest, count) in run.differences.items()
    ]
    columns = {"peer": "text", "probabilities compared": "count", "largest difference": "difference", "": "text"}
    how = f"absolute difference of the probability of a cause; they agree up to {TOLERANCE:g}"
    run.show(Table("Agreement", columns, agreement, how))
