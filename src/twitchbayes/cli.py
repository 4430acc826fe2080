"""The command `twitchbayes`: the main jobs of the library from a terminal."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from twitchbayes import __version__
from twitchbayes.commands import (
    add_evidence,
    add_interval,
    add_model,
    answered,
    chosen_model,
    cohorts,
    columns_of_ratios,
    explore,
    interviews,
    names,
    print_json,
    reasons,
    sensitivity,
    tables,
    tune,
)
from twitchbayes.consistency import Implied
from twitchbayes.display import DISCLAIMER
from twitchbayes.draws import MANY_DRAWS
from twitchbayes.errors import InvalidEvidenceError, InvalidValueError, ModelTableError, TwitchbayesError
from twitchbayes.model import Model, list_models, load_model
from twitchbayes.scenarios import Outcome, run

if TYPE_CHECKING:
    from twitchbayes.score import Scored

__all__ = ["main"]

BAD_INPUT = 2
FAILED_CHECK = 1
STREAM = "-"  # standard input or output, in place of a file


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 is success; 1 that `check` found a scenario that came out otherwise than its table says, or that
    `diff` found a difference; 2 bad input, told in one line on standard error (in one line for each problem
    where tables are faulty).
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except BrokenPipeError:
        raise
    except (TwitchbayesError, OSError) as error:
        for message in _messages(error):
            print(f"twitchbayes: {message}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        return 130


def _messages(error: Exception) -> Sequence[object]:
    """Return what is wrong, one fault each."""
    if isinstance(error, ModelTableError):
        return error.problems
    if isinstance(error, InvalidEvidenceError):
        return error.errors
    lines: Sequence[object] = getattr(error, "lines", [error])  # of a `CasesError`, which `score` alone loads
    return lines


def entry() -> None:
    """Run `main` and exit, quietly where the reader of a pipe has gone away; what is half done goes on SIGTERM too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label that the terminal cannot show
    try:
        try:
            status = main()
        finally:
            sys.stdout.flush()  # also where argparse has printed its help and leaves
    except BrokenPipeError:
        # Python would report the broken pipe once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 128 + 13
    raise SystemExit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="twitchbayes",
        description="Probabilistic reasoning about why an adult's muscles twitch.",
        epilog=DISCLAIMER,
    )
    parser.add_argument("--version", action="version", version=f"twitchbayes {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    infer = commands.add_parser("infer", help="the posterior of every cause given what is known")
    add_evidence(infer)
    add_interval(infer)
    add_model(infer)
    infer.set_defaults(run=_infer)

    reasons.add(commands)

    _add_score(commands.add_parser("score", help="the posteriors of every case of a file, into another one"))

    sensitivity.add(commands)
    interviews.add(commands)
    cohorts.add(commands)
    tune.add(commands)

    models = commands.add_parser("models", help="the models that ship with the library")
    models.add_argument("--json", action="store_true", help="print JSON")
    models.set_defaults(run=_models)

    check = commands.add_parser("check", help="read the tables of a model, report every problem, run its scenarios")
    check.add_argument("folder", nargs="?", default="twitch", help="a folder of tables, or the name of a shipped model")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=_check)

    card = commands.add_parser("card", help="write the model card, made from the tables, and its picture")
    card.add_argument("folder", nargs="?", default="twitch", help="a folder of tables, or the name of a shipped model")
    card.add_argument(
        "-o", "--output", metavar="FILE", help="Markdown file; the picture is put beside it (default: NAME.md)"
    )
    card.add_argument("--json", action="store_true", help="print JSON")
    card.set_defaults(run=_card)

    export = commands.add_parser("export", help="write the network as .bif, .xmlbif, .xdsl, .net or .uai")
    export.add_argument("file", help="where to write; the suffix chooses the format")
    export.add_argument(
        "--tables",
        choices=("chains", "full"),
        default="chains",
        help="many parents as a chain of small tables, or as one full table (default: chains)",
    )
    add_model(export)
    export.set_defaults(run=_export)

    tables.add(commands)
    explore.add(commands)
    return parser


def _add_score(score: argparse.ArgumentParser) -> None:
    score.add_argument("file", help="a case a row: .csv, .tsv (or .gz of them), .parquet, .arrow; - is CSV from a pipe")
    score.add_argument("-o", "--output", default=STREAM, metavar="FILE", help="likewise; CSV to the terminal otherwise")
    score.add_argument("--keep", type=names, default=(), metavar="COL[,COL]", help="columns to put before the answers")
    score.add_argument("--keep-all", action="store_true", help="put all columns before the answers")
    score.add_argument("--ignore", type=names, default=(), metavar="COL[,COL]", help="columns to pass over")
    score.add_argument(
        "--on-error",
        choices=("raise", "null"),
        default="raise",
        help="what a bad row does: no output and a list of them (raise), or no answer and a column `reason` (null)",
    )
    score.add_argument(
        "--virtual",
        action="append",
        default=[],
        metavar="name=COLUMN",
        help="uncertain evidence: the column of likelihood ratios present : absent, or one number for all rows",
    )
    score.add_argument("--chunk-rows", type=int, metavar="N", help="rows in memory at a time")
    score.add_argument("--resume", action="store_true", help="keep what is done if interrupted, and go on from there")
    score.add_argument("--force", action="store_true", help="replace the output if it is there already")
    score.add_argument("--progress", action=argparse.BooleanOptionalAction, help="a bar (default: on a terminal)")
    add_interval(score)
    score.add_argument("--draws", type=int, default=MANY_DRAWS, metavar="N", help="of the intervals (default: 200)")
    add_model(score)
    score.set_defaults(run=_score)


def _infer(options: argparse.Namespace) -> int:
    posterior = answered(options, interval=options.interval)
    print(posterior.to_json() if options.json else posterior)
    return 0


def _score(options: argparse.Namespace) -> int:
    from twitchbayes import score

    if options.resume and STREAM in {options.file, options.output}:
        message = "--resume needs a file to read and a file to write (-o FILE)"
        raise InvalidValueError(message)
    model = chosen_model(options)
    with _piped(options) as (source, target):
        try:
            done = score.score_file(
                model,
                source,
                target,
                keep=options.keep_all or options.keep,
                ignore=options.ignore,
                on_error=options.on_error,
                virtual_evidence=columns_of_ratios(options.virtual),
                chunk_rows=score.CHUNK_ROWS if options.chunk_rows is None else options.chunk_rows,
                resume=options.resume,
                force=options.force,
                progress=options.progress,
                interval=options.interval,
                draws=options.draws,
            )
        except KeyboardInterrupt:
            if options.resume:
                print(f"twitchbayes: interrupted; {score.parts_of(target)} holds what is done", file=sys.stderr)
            raise
    text = json.dumps({**done.to_dict(), "file": options.output}, indent=2) if options.json else _told(done, options)
    print(text, file=sys.stderr if options.output == STREAM else sys.stdout)
    return 0


@contextmanager
def _piped(options: argparse.Namespace) -> Iterator[tuple[Path, Path]]:
    """Give the files to read and to write: scratch ones for standard input, read before, and output, written after."""
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(options.file), Path(options.output)
        if options.file == STREAM:
            source = Path(scratch) / "stdin.csv"
            with source.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
        if options.output == STREAM:
            target = Path(scratch) / "stdout.csv"
        yield source, target
        if options.output != STREAM:
            return
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as in a file, whatever the terminal is set to
        with target.open(encoding="utf-8", newline="") as text:
            shutil.copyfileobj(text, sys.stdout)


def _told(done: Scored, options: argparse.Namespace) -> str:
    """Return in one line what `score` did."""
    rows = f"{done.rows:,} row{'s' * (done.rows != 1)}"
    before = f" ({done.resumed_rows:,} of them by the interrupted run)" if done.resumed_rows else ""
    bad = f"; {done.bad_rows:,} without an answer, see the column reason" if done.bad_rows else ""
    where = "" if options.output == STREAM else f"wrote {options.output}: "
    return f"{where}{rows}{before} in {done.seconds:.1f} s{bad}"


def _models(options: argparse.Namespace) -> int:
    infos = list_models()
    if options.json:
        print_json([info._asdict() for info in infos])
        return 0
    for info in infos:
        settings = f"  (populations: {', '.join(info.populations)})" if info.populations else ""
        print(f"{info.name} {info.version}  {info.title}{settings}")
    return 0


def _check(options: argparse.Namespace) -> int:
    try:
        model = load_model(options.folder)
        outcomes, facts = run(model), model.implied_facts()
    except ModelTableError as error:
        if not options.json:
            raise
        print_json({"problems": [p._asdict() for p in error.problems], "scenarios": [], "facts": []})
        return BAD_INPUT
    wrong = [outcome for outcome in outcomes if outcome.holds != outcome.expected]
    off = [fact for fact in facts if fact.inside != fact.expected]
    status = FAILED_CHECK if wrong or off else 0
    if options.json:
        rows = {"scenarios": [o._asdict() for o in outcomes], "facts": [fact._asdict() for fact in facts]}
        print_json({"problems": [], "fingerprint": model.fingerprint, **rows})
        return status
    _print_check(model, outcomes, facts)
    for o in wrong:
        how = "does not hold" if o.expected else "holds, though its scenario is marked open"
        print(f"  {o.case}: {o.condition} {how} ({o.left:.4g} against {o.right:.4g})")
    for f in off:
        where = "inside, though its row says outside" if f.inside else "outside, though its row says inside"
        print(f"  {f.check}: {f.quantity} is {f.implied:.4g}, the fact [{f.low:.4g}, {f.high:.4g}]: {where}")
    print("all as the tables say" if not status else f"{len(wrong) + len(off)} otherwise than the tables say")
    return status


def _print_check(model: Model, outcomes: Sequence[Outcome], facts: Sequence[Implied]) -> None:
    print(repr(model).strip("<>"))
    print(f"fingerprint {model.fingerprint}")
    still_open = sum(not outcome.expected for outcome in outcomes)
    print(f"{len(outcomes) - still_open} conditions of scenarios should hold, {still_open} are known not to")
    if facts:
        outside = sum(not fact.inside for fact in facts)
        print(f"{len(facts)} facts compared: {len(facts) - outside} inside their interval, {outside} outside")


def _card(options: argparse.Namespace) -> int:
    model = load_model(options.folder)
    path = model.card(options.output or f"{model.name}.md")
    if options.json:
        print_json({"file": str(path), "picture": str(path.with_suffix(".svg"))})
    else:
        print(f"wrote {path} and {path.with_suffix('.svg')}")
    return 0


def _export(options: argparse.Namespace) -> int:
    path = chosen_model(options).export(Path(options.file), tables=options.tables)
    if options.json:
        print_json({"file": str(path), "bytes": path.stat().st_size})
    else:
        print(f"wrote {path} ({path.stat().st_size} bytes)")
    return 0
