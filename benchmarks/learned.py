"""The page docs/calibration.md: what the commands about learning print, with the machine and the date."""

from __future__ import annotations

import re
from collections.abc import Sequence

from benchmarks import ROOT, machine
from benchmarks.report import Table, plain
from benchmarks.run import QUICK, Run

PAGE = ROOT / "docs" / "calibration.md"


def publish(command: str, tables: Sequence[Table], *, page: bool) -> None:
    """Print tables under what they were measured with; with `page`, write the same behind the command there."""
    about = {name: value for name, value in machine.about(Run(QUICK)).items() if name != "sizes"}
    head = "\n".join(f"{name}: {value}" for name, value in about.items())
    text = "\n".join([f"{head}\n", *map(plain, tables)])
    print(text)
    if page:
        PAGE.write_text(placed(PAGE.read_text(encoding="utf-8"), command, text), encoding="utf-8")


def placed(page: str, command: str, text: str) -> str:
    """Return the page with what a command printed in place of what it printed before."""
    shown = re.compile(
        rf"(^python -m benchmarks\.{command} --page\n```\n.*?^It printed:\n\n```text\n).*?^```\n",
        re.MULTILINE | re.DOTALL,
    )
    found, count = shown.subn(lambda match: f"{match[1]}{text}```\n", page)
    if count != 1:
        message = f"the page shows what `python -m benchmarks.{command} --page` printed {count} times, not once"
        raise ValueError(message)
    return found
