"""The commands that write tables to be edited, and that compare two models."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from twitchbayes import priors
from twitchbayes.cases import header
from twitchbayes.commands import add_model, chosen_model, names, print_json
from twitchbayes.errors import InvalidValueError
from twitchbayes.model import TEMPLATES, Model, load_model
from twitchbayes.tables import write

__all__ = ["add"]

DIFFERENT = 1


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `template` and `diff` to the command."""
    template = commands.add_parser("template", help="a table to edit: the priors as they stand, or columns of cases")
    template.add_argument("what", choices=TEMPLATES, help="priors: rows for --priors; cases: a header for score")
    template.add_argument("-o", "--output", metavar="FILE", help="where to write (default: standard output)")
    template.add_argument("--only", type=names, default=(), metavar="VAR[,VAR]", help="these variables alone")
    template.add_argument("--force", action="store_true", help="replace the file if it is there already")
    add_model(template)
    template.set_defaults(run=_template)

    diff = commands.add_parser("diff", help="what differs between two models, and which answers that moves")
    diff.add_argument("first", metavar="A", help="a shipped model or a folder of tables")
    diff.add_argument("second", metavar="B", nargs="?", help="likewise (default: A, with the options of B)")
    for place in ("a", "b"):
        diff.add_argument(f"--population-{place}", metavar="NAME", help=f"a setting of {place.upper()}")
        diff.add_argument(f"--priors-{place}", metavar="CSV", help=f"priors laid over those of {place.upper()}")
    diff.add_argument("--json", action="store_true", help="print JSON, with everything that the text leaves out")
    diff.set_defaults(run=_diff)


def _template(options: argparse.Namespace) -> int:
    columns, rows = _table(chosen_model(options), options)
    content = write(columns, rows)
    if options.output is not None:
        _write(Path(options.output), content, force=options.force)
    if options.json:
        about = {"columns": list(columns), "rows": [dict(row) for row in rows]}
        written = {"file": options.output, "rows": len(rows), "bytes": len(content)}
        print_json(about if options.output is None else written)
    elif options.output is None:
        _print(content)
    else:
        print(f"wrote {options.output}: {len(rows):,} row{'s' * (len(rows) != 1)}")
    return 0


def _table(model: Model, options: argparse.Namespace) -> tuple[Sequence[str], Sequence[Mapping[str, str]]]:
    """Return the columns and the rows, in the words of the model's own table."""
    if options.what == "cases":
        return header(model.knowledge, options.only), ()
    table = priors.template(model.knowledge, options.only)
    return table.columns, [row.cells for row in table.rows]


def _write(file: Path, content: bytes, *, force: bool) -> None:
    try:
        with file.open("wb" if force else "xb") as new:
            new.write(content)
    except FileExistsError:
        message = f"{str(file)!r} exists; choose another name, or replace it with --force"
        raise FileExistsError(message) from None


def _print(content: bytes) -> None:
    """Print a file as it is, whatever the terminal's encoding is."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(content.decode())


def _diff(options: argparse.Namespace) -> int:
    of_a = (options.first, options.population_a, options.priors_a)
    of_b = (options.second or options.first, options.population_b, options.priors_b)
    if options.second is None and of_a == of_b:
        message = f"{options.first!r} would be compared with itself; name B, or give --population-b or --priors-b"
        raise InvalidValueError(message)
    difference = _model(*of_a).diff(_model(*of_b))
    print(difference.to_json() if options.json else difference)
    return 0 if difference.is_same else DIFFERENT


def _model(name: str, population: str | None, csv: str | None) -> Model:
    model = load_model(name, population=population)
    return model.with_priors(csv) if csv else model
