"""Warning signs of guidelines: shown beside an answer, never mixed into its probabilities."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from twitchbayes.errors import InvalidValueError, ModelTableError, Problem, TwitchbayesError
from twitchbayes.evidence import Evidence, Words, split_items
from twitchbayes.knowledge import Knowledge, Variable
from twitchbayes.tables import words as split_words
from twitchbayes.values import is_graded

__all__ = ["RedFlag", "Rule", "met", "read_rules"]

CONDITION = re.compile(r"(?P<name>\w+)(?P<sign><=|>=|<|>|=)\s*(?P<value>\S.*)")
# A banded variable meets a bound if the whole of its band does; a level is a band of its own number.
BOUNDS: Mapping[str, Callable[[tuple[int, int], float], bool]] = {
    "<": lambda band, bound: band[1] + 1 <= bound,
    "<=": lambda band, bound: operator.le(band[1], bound),
    ">": lambda band, bound: operator.gt(band[0], bound),
    ">=": lambda band, bound: operator.ge(band[0], bound),
}


class RedFlag(NamedTuple):
    """A rule that the evidence of a case meets: what it is, what met it, and what its sources say."""

    rule: str
    label: str
    met_by: dict[str, str]
    advice: str
    citations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of `red_flags.csv`; `states` maps each variable that it needs to the states that meet it."""

    rule: str
    label: str
    states: Mapping[str, frozenset[str]]
    advice: str
    citations: tuple[str, ...]


def read_rules(knowledge: Knowledge, words: Words) -> tuple[Rule, ...]:
    """Read `red_flags.csv`.

    `evidence` holds conditions that must all be met, separated by spaces: `name=value`,
    `name=value|value`, or a bound on a variable given as a number, as `age>=50`, or on one with levels, as
    `low_calcium>=mild`, which may be written as evidence is, too: `low_calcium=at least mild`.

    Raises
    ------
    ModelTableError
        With every rule that cannot be read, by line.
    """
    problems: list[Problem] = []
    rules: list[Rule] = []
    for row in knowledge.table("red_flags.csv").rows:
        try:
            conditions = [_condition(text, knowledge, words) for text in split_items(row["evidence"])]
            if not conditions or len(dict(conditions)) != len(conditions):
                message = f"evidence {row['evidence']!r} must name one or more variables, each once"
                problems.append(Problem(row.file, row.line, message))
            citations = tuple(knowledge.citations[name].citation for name in split_words(row["source"]))
            rules.append(Rule(row["rule"], row["label"] or row["rule"], dict(conditions), row["advice"], citations))
        except TwitchbayesError as error:
            problems.append(Problem(row.file, row.line, str(error)))
    if problems:
        raise ModelTableError(problems)
    return tuple(rules)


def met(rules: tuple[Rule, ...], evidence: Evidence) -> tuple[RedFlag, ...]:
    """Return the rules that a case meets by what was observed; what is unknown meets nothing."""
    items, left = evidence.items, evidence.left
    found = []
    for rule in rules:
        for name, states in rule.states.items():
            if not (states.issuperset(left[name]) if name in left else items.get(name) in states):
                break
        else:
            observed = {name: items[name] for name in rule.states}
            found.append(RedFlag(rule.rule, rule.label, observed, rule.advice, rule.citations))
    return tuple(found)


def _condition(text: str, knowledge: Knowledge, words: Words) -> tuple[str, frozenset[str]]:
    parts = CONDITION.fullmatch(text)
    if parts is None:
        message = f"{text!r} is no condition; write name=value, name=value|value, age>=50 or emg>=denervation"
        raise InvalidValueError(message)
    name, sign, value = parts["name"], parts["sign"], parts["value"]
    if sign == "=":
        said = [words.said(name, word) for word in value.split("|")]
        states = frozenset(state for one in said if one is not None for state in one.states)
        if any(0 < share < 1 for one in said if one is not None for share in one.likelihoods):
            message = f"{text!r} cuts a band of {name}; name whole bands"
            raise InvalidValueError(message)
        if not states:
            message = f"{text!r} asks for an unknown value, which nothing meets"
            raise InvalidValueError(message)
        return name, states
    words.said(name, None)
    variable = knowledge.variables[name]
    bound, meets = _bound(variable, text, value), BOUNDS[sign]
    bands = variable.bands or tuple((level, level) for level in range(len(variable.states)))
    return name, frozenset(state for state, band in zip(variable.states, bands, strict=True) if meets(band, bound))


def _bound(variable: Variable, text: str, value: str) -> float:
    """Return a bound as a number of units, or as the number of a level."""
    if variable.bands and re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    if is_graded(variable) and value in variable.states:
        return variable.states.index(value)
    message = f"{text!r}: only a variable given as a number can have a bound, and the bound is a number"
    if is_graded(variable):
        message = f"{text!r}: {value!r} is no level of {variable.name}, which are {', '.join(variable.states)}"
    raise InvalidValueError(message)
