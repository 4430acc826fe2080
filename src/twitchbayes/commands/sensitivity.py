"""The command `sensitivity`: what each number of the tables, moved by itself, would make of an answer."""

from __future__ import annotations

import argparse

from twitchbayes.commands import add_evidence, add_model, answered, print_json

__all__ = ["add"]


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of this command."""
    command = commands.add_parser("sensitivity", help="how far each number of the tables moves a posterior")
    add_evidence(command)
    command.add_argument("--cause", required=True, help="the cause whose posterior is looked at")
    add_model(command)
    command.set_defaults(run=_sensitivity)


def _sensitivity(options: argparse.Namespace) -> int:
    sensitivity = answered(options).sensitivity(options.cause)
    if options.json:
        print_json(sensitivity.to_dict())
    else:
        print(sensitivity)
    return 0
