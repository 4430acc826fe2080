"""Cases and what must hold of their answers: the clinical acceptance checks of a model."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from twitchbayes.errors import InvalidValueError, ModelTableError, Problem, TwitchbayesError, did_you_mean
from twitchbayes.evidence import read_items, split_items
from twitchbayes.tables import Row, words

if TYPE_CHECKING:
    from twitchbayes.model import Model
    from twitchbayes.posterior import Posterior

__all__ = ["Outcome", "evidence", "run"]

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
STATUSES = ("holds", "open")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
TERM = re.compile(rf"(?:(?P<factor>{NUMBER.pattern})\s*\*\s*)?(?P<name>[A-Za-z_]\w*)(?:@(?P<case>[\w.-]+))?")
CONDITION = re.compile(r"(?P<left>[^<>=]+?)\s*(?P<sign><=|>=|<|>)\s*(?P<right>[^<>=]+)")


class Outcome(NamedTuple):
    """One condition of a scenario on the model as it is.

    `expected` is False for a scenario with status `open`: known not to hold, with its reason in `note`.
    """

    case: str
    condition: str
    left: float
    right: float
    holds: bool
    expected: bool
    note: str


def run(model: Model) -> list[Outcome]:
    """Return how each condition of the model's `scenarios.csv` comes out.

    `evidence` holds `name=value` words, `holds` conditions such as `als > 5*als@other_case; serious < 0.1`
    separated by ";": each side is a number, or a cause, a union of causes, `none` or `serious`, with a factor and
    another case where wanted. `status` is `holds` (also where the column is missing) or `open`.

    Raises
    ------
    ModelTableError
        With every scenario that cannot be read, by line.
    """
    rows = model.knowledge.table("scenarios.csv").rows
    problems: list[Problem] = []
    answers: dict[str, Posterior | None] = {}
    for row in rows:
        try:
            if row["case"] in answers:
                message = f"case {row['case']!r} stands twice"
                raise InvalidValueError(message)
            answers[row["case"]] = model.infer(evidence(row))
        except TwitchbayesError as error:
            answers.setdefault(row["case"], None)
            problems.append(Problem(row.file, row.line, str(error)))
    outcomes: list[Outcome] = []
    for row in rows:
        if (row["status"] or "holds") not in STATUSES:
            problems.append(Problem(row.file, row.line, f"status {row['status']!r} is none of {', '.join(STATUSES)}"))
        for text in words(row["holds"]):
            try:
                found = _compare(text, row["case"], answers)
            except InvalidValueError as error:
                problems.append(Problem(row.file, row.line, str(error)))
            else:
                outcomes.append(Outcome(row["case"], text, *found, row["status"] != "open", row["note"]))
    if problems:
        raise ModelTableError(problems)
    return outcomes


def evidence(row: Row) -> dict[str, str]:
    """Return the evidence of a row of `scenarios.csv`: name to value.

    Raises
    ------
    InvalidValueError
        If a word of it is not of the form name=value.
    """
    return read_items(split_items(row["evidence"]))


def _compare(condition: str, case: str, answers: Mapping[str, Posterior | None]) -> tuple[float, float, bool]:
    parts = CONDITION.fullmatch(condition.strip())
    if parts is None:
        message = f"{condition!r} is no condition; write one such as als > 0.5 or als > 2*anemia@other_case"
        raise InvalidValueError(message)
    left, right = (_value(parts[side].strip(), case, answers) for side in ("left", "right"))
    if math.isinf(left) or math.isinf(right):
        message = f"{condition!r} has a number that is too large"
        raise InvalidValueError(message)
    return left, right, COMPARISONS[parts["sign"]](left, right)


def _value(term: str, case: str, answers: Mapping[str, Posterior | None]) -> float:
    if NUMBER.fullmatch(term):
        return float(term)
    parts = TERM.fullmatch(term)
    if parts is None:
        message = f"{term!r} is no number, cause, none or serious"
        raise InvalidValueError(message)
    case = parts["case"] or case
    if case not in answers:
        message = f"{term!r} names the case {case!r}, which does not stand in the table.{did_you_mean(case, answers)}"
        raise InvalidValueError(message)
    posterior = answers[case]
    if posterior is None:
        return math.nan  # The row of that case says what is wrong with it, and nothing is returned.
    known = (*posterior, *posterior.model.unions, "none", "serious")
    if parts["name"] not in known:
        message = f"{term!r}: {parts['name']!r} is no cause, none or serious.{did_you_mean(parts['name'], known)}"
        raise InvalidValueError(message)
    return float(parts["factor"] or 1) * posterior[parts["name"]]
