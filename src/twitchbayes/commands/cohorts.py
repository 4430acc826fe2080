"""Commands about cohorts: `simulate` and `evaluate`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from twitchbayes.commands import add_model, add_reading, chosen_model, labels_of, print_json
from twitchbayes.errors import InvalidValueError
from twitchbayes.evidence import read_items

__all__ = ["add"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parsers of these commands."""
    _add_simulate(commands.add_parser("simulate", help="cases drawn from a model, into a file"))
    _add_evaluate(commands.add_parser("evaluate", help="how good the probabilities are in cases with known diagnoses"))


def _add_simulate(simulate: argparse.ArgumentParser) -> None:
    simulate.add_argument("n", type=int, metavar="N", help="how many cases")
    simulate.add_argument(
        "-o", "--output", required=True, metavar="FILE", help=".csv, .tsv (or .gz of them), .parquet, .arrow"
    )
    simulate.add_argument("--seed", type=int, default=0, help="another seed, other cases (default: 0)")
    simulate.add_argument(
        "--missing",
        action="append",
        default=[],
        metavar="[NAME=]SHARE",
        help="share of missing cells: of contexts and findings, or of a variable or role; may be repeated",
    )
    simulate.add_argument("--given", nargs="+", default=[], metavar="name=value", help="evidence that every case has")
    simulate.add_argument(
        "--drawn", action="store_true", help="draw the numbers from their intervals first, with the seed"
    )
    simulate.add_argument("--no-causes", action="store_true", help="leave out the columns of the causes")
    simulate.add_argument("--force", action="store_true", help="replace the output if it is there already")
    add_model(simulate)
    simulate.set_defaults(run=_simulate)


def _add_evaluate(evaluate: argparse.ArgumentParser) -> None:
    add_reading(evaluate)
    evaluate.add_argument("--bootstrap", type=int, default=1000, metavar="N", help="resamples (default: 1000; 0: none)")
    evaluate.add_argument("--seed", type=int, default=0, help="of the resamples (default: 0)")
    evaluate.add_argument("--bins", type=int, default=10, metavar="N", help="of the calibration curves (default: 10)")
    evaluate.add_argument(
        "--binning", choices=("quantile", "width"), default="quantile", help="bins as full, or as wide"
    )
    evaluate.add_argument(
        "--specificity", type=float, default=0.9, help="at which to give the sensitivity (default: 0.9)"
    )
    add_model(evaluate)
    evaluate.set_defaults(run=_evaluate)


def _simulate(options: argparse.Namespace) -> int:
    from twitchbayes import files, score
    from twitchbayes.simulation import Simulation

    model = chosen_model(options)
    simulation = Simulation.of(
        model,
        options.seed,
        missing=_missing(options.missing),
        given=read_items(options.given),
        parameters="drawn" if options.drawn else "tables",
        causes=not options.no_causes,
    )
    target = Path(options.output)
    layout = files.Layout([(name, "text") for name in simulation.columns], {}, simulation.about)
    with score.whole_file(target, layout, force=options.force) as writer:
        for frame in simulation.frames(options.n, score.CHUNK_ROWS):
            writer.write(frame)
    if options.json:
        print_json({"file": options.output, "rows": options.n, "made_with": simulation.about})
    else:
        print(f"wrote {options.output}: {options.n:,} case{'s' * (options.n != 1)} drawn with seed {options.seed}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    evaluation = chosen_model(options).evaluate(
        Path(options.file),
        labels=labels_of(options),
        ignore=options.ignore,
        on_error=options.on_error,
        bootstrap=options.bootstrap,
        seed=options.seed,
        bins=options.bins,
        binning=options.binning,
        specificity=options.specificity,
    )
    print(evaluation.to_json() if options.json else evaluation)
    return 0


def _missing(items: Sequence[str]) -> dict[str, float]:
    """Return the shares of `--missing` by variable or role; a number that stands alone is that of two roles."""
    shares: dict[str, float] = {}
    for item in items:
        name, sign, text = item.rpartition("=")
        for one in [name] if sign else ["context", "finding"]:
            if one in shares:
                message = f"--missing gives the share of {one} twice: {', '.join(items)}; give each once"
                raise InvalidValueError(message)
            shares[one] = _share(item, text)
    return shares


def _share(item: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"--missing {item!r} is no share; give a number from 0 to 1, or NAME=NUMBER, as cause=1"
        raise InvalidValueError(message) from None
