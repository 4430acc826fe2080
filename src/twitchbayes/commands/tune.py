"""The command `tune`: a model learned from a file of cases."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from twitchbayes.commands import add_model, add_reading, chosen_model, labels_of, names, print_json

__all__ = ["add"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of this command."""
    tune = commands.add_parser("tune", help="learn the numbers of a model from cases, into a new folder")
    add_reading(tune)
    tune.add_argument("-o", "--output", required=True, metavar="FOLDER", help="a new folder for the tuned model")
    tune.add_argument("--report", metavar="CSV", help="write what became of every number into a new CSV file")
    tune.add_argument("--strength", type=float, default=1.0, help="what the tables' intervals count for (default: 1)")
    tune.add_argument(
        "--learn",
        type=names,
        default=("priors", "links", "leaks"),
        metavar="KIND[,KIND]",
        help="any of priors, links and leaks (default: all)",
    )
    tune.add_argument(
        "--selected-by",
        type=names,
        metavar="NAME[,NAME]",
        help="what every case had to have (default: what is assumed, as twitching, if all have it; none: nothing)",
    )
    tune.add_argument("--max-iterations", type=int, default=500, metavar="N", help="passes at most (default: 500)")
    tune.add_argument(
        "--tolerance", type=float, default=1e-4, metavar="NATS", help="change of log odds to stop at (default: 1e-4)"
    )
    tune.add_argument("--date", default="", help="when the cases were collected, for sources.csv")
    tune.add_argument("--progress", action=argparse.BooleanOptionalAction, help="a bar (default: on a terminal)")
    add_model(tune)
    tune.set_defaults(run=_tune)


def _tune(options: argparse.Namespace) -> int:
    target, report = Path(options.output), Path(options.report) if options.report else None
    _check_free(target, report)
    model = chosen_model(options)
    tuning = model.tune(
        options.file,
        labels=labels_of(options),
        strength=options.strength,
        learn=options.learn,
        selected_by=() if options.selected_by == ("none",) else options.selected_by,
        ignore=options.ignore,
        on_error=options.on_error,
        max_iterations=options.max_iterations,
        tolerance=options.tolerance,
        date=options.date,
        progress=sys.stderr.isatty() if options.progress is None else options.progress,
    )
    tuning.model.save(target)
    if report is not None:
        tuning.report.to_csv(report, index=False)
    if options.json:
        print_json({**tuning.to_dict(), "folder": str(target)})
    else:
        print(tuning)
        print(f"wrote {target}{f' and {report}' if report else ''}")
    return 0


def _check_free(target: Path, report: Path | None) -> None:
    """Say before the work, not after it, that something is in the way."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        message = f"{str(target)!r} exists and is not an empty folder; choose another, nothing is overwritten"
        raise FileExistsError(message)
    if report is not None and report.exists():
        message = f"{str(report)!r} exists; choose another name, nothing is overwritten"
        raise FileExistsError(message)
    if report is not None and not report.parent.is_dir():
        message = f"the folder {str(report.parent)!r} does not exist"
        raise FileNotFoundError(message)
