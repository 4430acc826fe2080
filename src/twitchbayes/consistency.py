"""What the model implies against what is known: sourced facts that are results, not parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twitchbayes.errors import InvalidValueError, ModelTableError, Problem, TwitchbayesError, UnknownVariableError
from twitchbayes.evidence import Evidence, Words, read_items, split_items
from twitchbayes.inference import Engine
from twitchbayes.inference.mixture import log_evidences
from twitchbayes.knowledge import BINARY, Knowledge, Number
from twitchbayes.network import PRESENT, UNKNOWN
from twitchbayes.tables import Row

if TYPE_CHECKING:
    from twitchbayes.network import Network

__all__ = ["MEASURES", "Implied", "compare"]

MEASURES = ("probability", "risk_ratio", "odds_ratio")
STATUSES = ("inside", "outside")


class Implied(NamedTuple):
    """One row of `checks.csv` and what the model makes of it.

    `fact`, `low` and `high` are the sourced value and its interval; `implied` is the model's.
    `distance_nats` is ln(implied / nearer bound): 0 inside the interval, positive above it.
    `expected` is False where the table says that the fact lies outside, for the reason in `note`.
    """

    check: str
    quantity: str
    fact: float
    low: float
    high: float
    implied: float
    inside: bool
    distance_nats: float
    expected: bool
    basis: str
    sources: tuple[str, ...]
    note: str


def compare(knowledge: Knowledge, words: Words, engine: Engine) -> list[Implied]:
    """Return each fact of `checks.csv` beside what the model implies.

    A row says `measure` (probability, risk_ratio or odds_ratio), `variable`, `given` and, for a ratio,
    `against`: `name=value` words. `variable` is a name, of which the state present is meant, or a name and what it is,
    as `emg=at least denervation`. Nothing is assumed; a cause, or a union of causes, may stand everywhere. Every
    quantity is a ratio of probabilities of evidence, and all of them are one batch.

    Raises
    ------
    ModelTableError
        With every row that cannot be read, by line.
    """
    rows = knowledge.table("checks.csv").rows
    problems: list[Problem] = []
    cases: list[Evidence] = []
    for row in rows:
        try:
            cases += _cases(row, words, engine.network)
        except TwitchbayesError as error:
            problems.append(Problem(row.file, row.line, str(error)))
    if problems:
        raise ModelTableError(problems)
    logs = log_evidences(engine, cases).reshape(-1, 4)
    return [_implied(row, number, log.tolist()) for row, number, log in zip(rows, knowledge.facts, logs, strict=True)]


def _cases(row: Row, words: Words, network: Network) -> list[Evidence]:
    """Return the evidence of the numerator and denominator, given and against."""
    measure, name = row["measure"], row["variable"]
    if measure not in MEASURES:
        message = f"measure {measure!r} is none of {', '.join(MEASURES)}"
        raise InvalidValueError(message)
    if row["status"] not in STATUSES:
        message = f"status {row['status']!r} is none of {', '.join(STATUSES)}"
        raise InvalidValueError(message)
    column, code = _asked(name, words, network)
    if (measure == "probability") == bool(row["against"]):
        message = f"measure {measure!r} {'takes no' if row['against'] else 'needs'} `against`"
        raise InvalidValueError(message)
    asked = np.full(len(network.columns), UNKNOWN, dtype=np.int8)
    asked[column] = code
    both = []
    for side in ("given", "against"):
        given = words.read(words.nothing_assumed | read_items(split_items(row[side])))
        codes, clash = network.together(given.codes, asked)
        # That an abnormal result is the worst one may be asked: what is given leaves both open.
        if clash or codes[column] == given.codes[column] or network.columns[column] in given.uncertain:
            message = f"{side} {row[side]!r} says already what {network.columns[column]!r} is"
            raise InvalidValueError(message)
        both += [replace(given, codes=codes), given]
    return both


def _asked(text: str, words: Words, network: Network) -> tuple[int, int]:
    """Return the column and the code that the cell `variable` asks for: a name, or a name and what it is."""
    if "=" in text:
        (name, value), *more = read_items(split_items(text)).items()
        said = words.said(name, value)
        if more or said is None or said.code < 0:
            message = f"variable {text!r} is not one state of one variable, or levels beside each other"
            raise InvalidValueError(message)
        return network.columns.index(name), said.code
    binary = [column for column in network.columns if network.states[column] == BINARY]
    if text in network.columns and text not in binary:
        message = f"variable {text!r} has other states than yes and no: name one, as {text}={network.states[text][-1]}"
        raise InvalidValueError(message)
    if text not in binary:
        raise UnknownVariableError(text, binary, what="binary variable")
    return network.columns.index(text), PRESENT


def _implied(row: Row, number: Number, logs: Sequence[float]) -> Implied:
    joint, given, joint_against, against = logs
    for side, log in (("given", given), ("against", against)):
        if log == -math.inf:
            message = f"{side} {row[side]!r} has probability 0 in the model"
            raise ModelTableError([Problem(row.file, row.line, message)])
    p, q = math.exp(joint - given), math.exp(joint_against - against)
    implied = {"probability": lambda: p, "risk_ratio": lambda: p / q, "odds_ratio": lambda: p / (1 - p) / (q / (1 - q))}
    value = implied[row["measure"]]()
    distance = 0.0
    if value < number.low:
        distance = math.log(value / number.low)
    elif value > number.high:
        distance = math.log(value / number.high)
    quantity = f"P({row['variable']}" + (f" | {row['given']})" if row["given"] else ")")
    if row["measure"] != "probability":
        quantity = f"{row['measure'].replace('_', ' ')} of {row['variable']}, {row['given']} : {row['against']}"
    return Implied(
        check=row["check"],
        quantity=quantity,
        fact=number.probability,
        low=number.low,
        high=number.high,
        implied=value,
        inside=distance == 0,
        distance_nats=distance,
        expected=row["status"] == "inside",
        basis=number.basis,
        sources=number.sources,
        note=number.note,
    )
