"""The commands of `twitchbayes`: each module adds some to the parser, and this one has what they share."""

from __future__ import annotations

import argparse
import json
from typing import Any

from twitchbayes.errors import InvalidValueError
from twitchbayes.evidence import read_items
from twitchbayes.model import Model, load_model
from twitchbayes.posterior import Posterior

__all__ = ["add_evidence", "add_model", "answered", "chosen_model", "names", "print_json"]


def add_evidence(command: argparse.ArgumentParser) -> None:
    """Add the evidence of one case: `name=value` words and `--virtual`."""
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


def add_model(command: argparse.ArgumentParser) -> None:
    """Add the options that choose a model, and `--json`."""
    command.add_argument("--model", default="twitch", help="a shipped model or a folder of tables (default: twitch)")
    command.add_argument("--population", help="a setting of the model, whose priors are laid over its own")
    command.add_argument("--priors", metavar="CSV", help="priors laid over the model's own")
    command.add_argument("--json", action="store_true", help="print JSON")


def chosen_model(options: argparse.Namespace) -> Model:
    """Return the model that the options of `add_model` choose."""
    model = load_model(options.model, population=options.population)
    return model.with_priors(options.priors) if options.priors else model


def answered(options: argparse.Namespace, *, engine: str = "numpy") -> Posterior:
    """Return the answer to the evidence that the options of `add_evidence` and `add_model` give."""
    virtual = {name: _ratio(name, ratio) for name, ratio in read_items(options.virtual).items()}
    return chosen_model(options).infer(read_items(options.evidence), virtual_evidence=virtual, engine=engine)


def _ratio(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"--virtual {name}={text!r} is not a number; give a likelihood ratio present : absent, as 4"
        raise InvalidValueError(message) from None


def names(text: str) -> tuple[str, ...]:
    """Return the names of an option that lists some, separated by commas."""
    return tuple(name.strip() for name in text.split(","))


def print_json(value: Any) -> None:
    """Print plain values as JSON."""
    print(json.dumps(value, indent=2, allow_nan=False))
