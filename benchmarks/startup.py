"""Start-up: imports, and the command in a new process."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import ROOT
from benchmarks.report import Table
from benchmarks.run import Run
from benchmarks.timing import seconds_of

IMPORTS = ("twitchbayes", "numpy", "pandas", "pyagrum", "pgmpy.inference")
TIMED_IMPORT = "import time; s = time.perf_counter(); import {}; print(time.perf_counter() - s)"
QUESTION = ("infer", "weakness=yes", "twitch_location=arm_hand", "age=62")


def section(run: Run) -> None:
    """Measure imports and the command."""
    run.begin(
        "startup",
        "Start-up",
        """New processes, with bytecode present and the files in the cache of the system. An import is timed inside the
        process; a command from its start to its end, the interpreter's own start included.""",
    )
    imports(run)
    commands(run)


def imports(run: Run) -> None:
    """Time imports in new processes."""
    calls = {name: _import(name) for name in IMPORTS}
    medians = _medians(calls, run.size.processes)
    base = medians["numpy"]
    run.figures["import_ratio"] = medians["twitchbayes"] / base
    rows = [[f"import {name}", seconds, seconds / base] for name, seconds in medians.items()]
    how = f"median of {run.size.processes} new processes each, in turn"
    run.show(Table("Imports", {"": "text", "time": "time", "ratio to numpy": "ratio"}, rows, how))


def commands(run: Run) -> None:
    """Time the command against starting Python and importing pandas."""
    script = Path(sys.executable).with_name("twitchbayes")
    own = [str(script)] if script.exists() else [shutil.which("twitchbayes") or sys.executable, "-m", "twitchbayes"][:1]
    words = {
        f"twitchbayes {' '.join(QUESTION)}": [*own, *QUESTION],
        "python -m twitchbayes, the same question": [sys.executable, "-m", "twitchbayes", *QUESTION],
        "python -c 'import pandas'": [sys.executable, "-c", "import pandas"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    medians = _medians({name: _command(command) for name, command in words.items()}, run.size.processes)
    first, _, pandas, _ = medians.values()
    run.figures["command_ratio"] = first / pandas
    rows = [[name, seconds, seconds / pandas] for name, seconds in medians.items()]
    how = f"median of {run.size.processes} runs each, in turn"
    run.show(Table("The command", {"": "text", "time": "time", "ratio to pandas": "ratio"}, rows, how))


def _medians(calls: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    laps: dict[str, list[float]] = {name: [] for name in calls}
    for i in range(rounds + 1):
        for name, call in calls.items():
            seconds = call()
            if i:  # the first round writes bytecode and fills the cache
                laps[name].append(seconds)
    return {name: statistics.median(values) for name, values in laps.items()}


def _import(name: str) -> Callable[[], float]:
    command = [sys.executable, "-W", "ignore", "-c", TIMED_IMPORT.format(name)]
    return lambda: float(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def _command(command: list[str]) -> Callable[[], float]:
    return lambda: seconds_of(lambda: subprocess.run(command, cwd=ROOT, capture_output=True, check=True))[0]
