"""The page docs/performance.md, and every figure as plain values; both are made from a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks import report
from benchmarks.run import Run

HEAD = """# Performance

Made by

```sh
python -m benchmarks --markdown docs/performance.md
```

which gives the same networks, built in memory, and the same evidence to `twitchbayes`, to
[pyAgrum](https://pyagrum.org) and to [pgmpy](https://pgmpy.org) in one run, compares the answers and prints ratios.
Times of one machine mean little on another; ratios mean more. In a ratio, more is better for us, unless it says
"growth" or is one of start-up.
"""


def markdown(run: Run, about: Mapping[str, str]) -> str:
    """Return the page: the goals first, then each section."""
    *rest, goals = run.sections
    parts = [HEAD, "| | |\n| --- | --- |", *(f"| {name} | {value} |" for name, value in about.items()), ""]
    for section in (goals, *rest):
        parts += [f"## {section.title}", "", section.about, ""]
        parts += [report.markdown(table) for table in section.tables]
    return "\n".join(parts).rstrip() + "\n"


def values(run: Run, about: Mapping[str, str]) -> dict[str, Any]:
    """Return what a run found, fit for JSON."""
    return {"about": dict(about), "figures": run.figures, "sections": report.values(run.sections)}
