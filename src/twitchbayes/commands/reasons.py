"""The command that says why an answer is what it is."""

from __future__ import annotations

import argparse

from twitchbayes.commands import add_evidence, add_model, answered

__all__ = ["add"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `explain` to the command."""
    explain = commands.add_parser("explain", help="how far each item of a case speaks for a cause, or against it")
    add_evidence(explain)
    explain.add_argument("--cause", required=True, metavar="NAME", help="the cause that is explained, as als")
    explain.add_argument(
        "--pairs",
        type=int,
        default=200,
        metavar="N",
        help="pairs of random orders at most, where Shapley values would take too long exactly",
    )
    explain.add_argument("--seed", type=int, default=0, metavar="N", help="of the random orders (default: 0)")
    add_model(explain)
    explain.set_defaults(run=_explain)


def _explain(options: argparse.Namespace) -> int:
    found = answered(options).explain(options.cause, pairs=options.pairs, seed=options.seed)
    print(found.to_json() if options.json else found)
    return 0
