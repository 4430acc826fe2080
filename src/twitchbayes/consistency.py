"""What the model implies against what is known: sourced facts that are results, not parameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from twitchbayes.errors import InvalidValueError, ModelTableError, Problem, TwitchbayesError, UnknownVariableError
from twitchbayes.evidence import Evidence, Words, read_items
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
    `against`: `name=value` words. Nothing is assumed; a cause may be given too. Every quantity is a
    ratio of probabilities of evidence, and all of them are one batch.

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
    if name not in network.columns or network.states[name] != BINARY:
        binary = [column for column in network.columns if network.states[column] == BINARY]
        raise UnknownVariableError(name, binary, what="binary variable")
    if (measure == "probability") == bool(row["against"]):
        message = f"measure {measure!r} {'takes no' if row['against'] else 'needs'} `against`"
        raise InvalidValueError(message)
    column = network.columns.index(name)
    both = []
    for side in ("given", "against"):
        given = words.read(words.nothing_assumed | read_items(row[side].split()))
        if given.codes[column] != UNKNOWN:
            message = f"{side} {row[side]!r} says already what {name!r} is"
            raise InvalidValueError(message)
        codes = given.codes.copy()
        codes[column] = PRESENT
        both += [replace(given, codes=codes), given]
    return both


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
