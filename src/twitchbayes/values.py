"""What a value means: nothing, a word, a number or a site."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from twitchbayes.knowledge import Variable

__all__ = [
    "ABSENT_WORDS",
    "NOWHERE_ELSE",
    "NOWHERE_WORDS",
    "PRESENT_WORDS",
    "as_number",
    "as_scalar",
    "as_word",
    "expected_words",
    "is_graded",
    "is_unknown",
    "listed",
    "names_no_site",
    "shortest_words",
    "site_word",
    "site_words",
    "spoken",
    "state_names",
    "state_words",
    "states_spoken",
]

PRESENT_WORDS = ("yes", "y", "true", "present", "1")
ABSENT_WORDS = ("no", "n", "false", "absent", "0")
NOWHERE_WORDS = ("none", "no", "nowhere")
NOWHERE_ELSE = "nowhere_else"
UNKNOWN_WORDS = ("", "unknown")
WRITTEN = {"absent": "no", "present": "yes"}


def is_unknown(value: object) -> bool:
    """Whether a value says nothing: None, NaN, a missing value of pandas, "" or "unknown"."""
    if value is None:
        return True
    if isinstance(value, str):
        return value.strip().casefold() in UNKNOWN_WORDS
    # pandas.NA, pandas.NaT, numpy.ma.masked: named, so that none of them is imported for it.
    if type(value).__name__ in {"NAType", "NaTType", "MaskedConstant"}:
        return True
    return isinstance(value, float | np.floating) and math.isnan(value)


def as_scalar(value: Any) -> Any:
    """Return what a numpy array without dimensions holds; anything else as it is."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 and not is_unknown(value) else value


def as_word(value: Any) -> str:
    """Return the word that a value stands for: 1, 1.0 and True are one word, "Yes" and "yes" too."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.strip().casefold()
    number = as_number(value)
    return str(int(number)) if number in {0, 1} else repr(value)


def as_number(value: Any) -> float:
    """Return a number, or a text that is one, as a float; NaN for anything else, an array of one number included."""
    if isinstance(value, bool | np.bool_ | bytes) or getattr(value, "ndim", None) or "_" in str(value):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def is_graded(variable: Variable) -> bool:
    """Whether the states of a variable are levels: those of a finding, unless they are absent and present."""
    return variable.role == "finding" and variable.states != ("absent", "present")


def spoken(name: str) -> str:
    """Return a name of the tables, or a text with such names, as people write it: `several_weeks`, several weeks."""
    return name.replace("_", " ")


def state_words(variable: Variable) -> dict[str, str]:
    """Return every word of a variable, folded, with the state that it means; it may be written as it is spoken."""
    words = {spoken(state.casefold()): state for state in variable.states}
    if variable.states == ("absent", "present"):
        words |= dict.fromkeys(ABSENT_WORDS, "absent") | dict.fromkeys(PRESENT_WORDS, "present")
    # The table has the last word.
    words |= {alias.casefold(): state for alias, state in variable.aliases.items()}
    return words | {state.casefold(): state for state in variable.states}


def state_names(variable: Variable) -> list[str]:
    """Return how people write the states: yes and no, unless the model's table gives such a word another meaning."""
    meanings = state_words(variable)
    return [word if meanings.get(word := WRITTEN.get(state, state)) == state else state for state in variable.states]


def states_spoken(variable: Variable) -> list[str]:
    """Return how people write the states, as `state_names` does, in words with spaces between where that is read."""
    meanings, names = state_words(variable), state_names(variable)
    return [
        word if meanings.get((word := spoken(name)).casefold()) == state else name
        for state, name in zip(variable.states, names, strict=True)
    ]


def expected_words(variable: Variable) -> str:
    """Return what a variable takes, for a message."""
    if variable.states == ("absent", "present"):
        return "yes or no (True or False)"
    states = " or ".join(variable.states)
    if len(variable.states) == 2:
        return states
    several = f"'at least {variable.states[1]}'" if is_graded(variable) else f"'not {variable.states[0]}'"
    return f"{states}, or several of them as {several}"


def site_words(members: list[str]) -> dict[str, str]:
    """Each member of a group by its name and by what is left of it without the prefix they share."""
    shared = os.path.commonprefix(members)  # noqa: RUF071 (of names, letter by letter; these are no paths)
    prefix = shared[: shared.rfind("_") + 1]
    return {word.casefold(): name for name in members for word in (name.removeprefix(prefix), name) if word}


def site_word(site: object) -> str:
    """Return the word that names a site: "Arm hand", "arm-hand" and "arm_hand" are one."""
    return str(site).strip().casefold().replace(" ", "_").replace("-", "_")


def names_no_site(value: object) -> bool:
    """Whether an answer to a group says that none of its members is present.

    "None" does not: it may be Python's word for unknown.
    """
    return isinstance(value, str) and value.strip() != "None" and value.strip().casefold() in NOWHERE_WORDS


def shortest_words(words: Mapping[str, str]) -> list[str]:
    """Return the shortest word of each member of a group."""
    by_member: dict[str, str] = {}
    for word, member in words.items():
        by_member.setdefault(member, word)
    return list(by_member.values())


def listed(words: Mapping[str, str]) -> str:
    """Return the shortest word of each member of a group, for a message."""
    return ", ".join(shortest_words(words))
