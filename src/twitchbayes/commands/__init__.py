"""The commands of `twitchbayes`: each module adds some to the parser, and this one has what they share."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from typing import Any

from twitchbayes.errors import InvalidValueError
from twitchbayes.evidence import read_items
from twitchbayes.model import Model, load_model
from twitchbayes.posterior import Posterior
from twitchbayes.values import as_number

__all__ = [
    "add_evidence",
    "add_interval",
    "add_model",
    "add_reading",
    "answered",
    "chosen_model",
    "columns_of_ratios",
    "labels_of",
    "names",
    "print_json",
]


def add_evidence(command: argparse.ArgumentParser) -> None:
    """Add what says one case: `name=value` words, and `--virtual`."""
    command.add_argument(
        "evidence", nargs="*", metavar="name=value", help="as weakness=yes twitch_location=arm_hand age=62"
    )
    command.add_argument(
        "--virtual",
        action="append",
        default=[],
        metavar="name=RATIO",
        help="uncertain evidence: likelihood ratio present : absent",
    )


def answered(options: argparse.Namespace, *, interval: float | None = None) -> Posterior:
    """Return the answer of the model of `add_model` to the case of `add_evidence`."""
    ratios = read_items(options.virtual)
    return chosen_model(options).infer(
        read_items(options.evidence),
        virtual_evidence={name: _ratio(name, text) for name, text in ratios.items()},
        interval=interval,
    )


def _ratio(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"--virtual {name}={text!r} is not a number; give a likelihood ratio present : absent, as 4"
        raise InvalidValueError(message) from None


def columns_of_ratios(items: Sequence[str]) -> dict[str, str | float]:
    """Return where a table has the likelihood ratios of some variables: a column, or a number that stands for all."""
    return {name: text if math.isnan(number := as_number(text)) else number for name, text in read_items(items).items()}


def add_reading(command: argparse.ArgumentParser) -> None:
    """Add the file of cases with diagnoses, and how it is read."""
    command.add_argument("file", help="a case a row: .csv, .tsv (or .gz of them), .parquet, .arrow")
    command.add_argument(
        "--labels",
        type=names,
        metavar="COL[,COL]",
        help="columns of diagnoses, or the one column that names the causes present (default: all columns of causes)",
    )
    command.add_argument("--ignore", type=names, default=(), metavar="COL[,COL]", help="columns to pass over")
    command.add_argument(
        "--on-error",
        choices=("raise", "exclude", "unknown"),
        default="raise",
        help="a bad case: a list of them (raise), left out and counted (exclude), or its bad cells are unknown",
    )


def labels_of(options: argparse.Namespace) -> str | Sequence[str] | None:
    """Return the labels that the options of `add_reading` name: one name may be a column of names or a cause."""
    named: Sequence[str] | None = options.labels
    return named[0] if named is not None and len(named) == 1 else named


def add_model(command: argparse.ArgumentParser, *, with_json: bool = True) -> None:
    """Add the options that choose a model, and `--json`."""
    command.add_argument("--model", default="twitch", help="a shipped model or a folder of tables (default: twitch)")
    command.add_argument("--population", help="a setting of the model, whose priors are laid over its own")
    command.add_argument("--priors", metavar="CSV", help="priors laid over the model's own")
    if with_json:
        command.add_argument("--json", action="store_true", help="print JSON")


def add_interval(command: argparse.ArgumentParser) -> None:
    """Add the option that asks for credible intervals."""
    command.add_argument("--interval", type=float, metavar="LEVEL", help="credible intervals too, as 0.95")


def chosen_model(options: argparse.Namespace) -> Model:
    """Return the model that the options of `add_model` choose."""
    model = load_model(options.model, population=options.population)
    return model.with_priors(options.priors) if options.priors else model


def names(text: str) -> tuple[str, ...]:
    """Return the names of an option that lists some, separated by commas."""
    return tuple(name.strip() for name in text.split(","))


def print_json(value: Any) -> None:
    """Print plain values as JSON."""
    print(json.dumps(value, indent=2, allow_nan=False))
