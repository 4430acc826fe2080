"""Run the benchmarks: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import goals, growth, machine, page, patterns, qmr, report, rows, single, startup
from benchmarks.run import QUICK, Run, Size

SECTIONS: Mapping[str, Callable[[Run], None]] = {
    "patterns": patterns.section,
    "analyses": patterns.analyses,
    "single": single.section,
    "startup": startup.section,
    "rows": rows.section,
    "memory": rows.memory,
    "growth": growth.section,
    "qmr": qmr.section,
}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    found = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    found.add_argument("--quick", action="store_true", help="tiny sizes, about a minute: to see that it works")
    found.add_argument("--only", nargs="+", choices=SECTIONS, metavar="NAME", help=f"of {', '.join(SECTIONS)}")
    found.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    found.add_argument("--markdown", type=Path, metavar="FILE", help="write the page docs/performance.md")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen sections; the exit status is 1 where an answer differs from a peer's."""
    given = parser().parse_args(arguments)
    run = Run(QUICK if given.quick else Size())
    about = machine.about(run)
    print("\n".join(f"{name}: {value}" for name, value in about.items()), flush=True)
    start = time.perf_counter()
    try:
        for name in given.only or SECTIONS:
            run.note(f"{name}, {time.perf_counter() - start:.0f} s so far")
            SECTIONS[name](run)
    finally:
        run.peers.close()
    goals.section(run)
    about["took"] = report.time_text(time.perf_counter() - start)
    print(f"took {about['took']}")
    if given.json:
        given.json.write_text(json.dumps(page.values(run, about), indent=1) + "\n", encoding="utf-8")
    if given.markdown:
        given.markdown.write_text(page.markdown(run, about), encoding="utf-8", newline="\n")
    return 0 if run.agrees else 1


if __name__ == "__main__":
    sys.exit(main())
