"""Everything that can go wrong, as one family of errors that carry the data to act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = [
    "EngineLimitError",
    "ImpossibleEvidenceError",
    "InvalidEvidenceError",
    "InvalidValueError",
    "ModelNotFoundError",
    "ModelTableError",
    "Problem",
    "TwitchbayesError",
    "UnknownVariableError",
    "did_you_mean",
]


class TwitchbayesError(Exception):
    """Any error that twitchbayes raises on purpose."""


class UnknownVariableError(TwitchbayesError, KeyError):
    """A name that is no variable of the model; `name` holds it, `suggestions` the nearest that are."""

    def __init__(self, name: object, known: Iterable[str], *, what: str = "variable") -> None:
        self.name = name
        self.known = tuple(known)
        self.suggestions = tuple(_nearest(name, self.known))
        hint = did_you_mean(name, self.known)
        super().__init__(f"the model has no {what} {name!r}.{hint}")

    def __str__(self) -> str:
        """Return the sentence itself (a KeyError would show it quoted)."""
        return str(self.args[0])


class InvalidValueError(TwitchbayesError, ValueError):
    """A value that a variable cannot take, or two that contradict each other."""


class ModelNotFoundError(TwitchbayesError, LookupError):
    """No model, population or folder of that name."""


class EngineLimitError(TwitchbayesError):
    """An exact answer would need more memory than the engine's stated bound; nothing was allocated."""


class ImpossibleEvidenceError(TwitchbayesError, ValueError):
    """P(evidence) is 0 in this model; `conflict` maps the smallest contradictory set to its states."""

    def __init__(self, conflict: dict[str, str], *, smallest: bool = True) -> None:
        self.conflict = dict(conflict)
        self.smallest = smallest
        items = ", ".join(f"{name}={state}" for name, state in conflict.items())
        which = "The smallest set that cannot hold together" if smallest else "These cannot hold together"
        super().__init__(
            f"this evidence has probability 0 in the model. {which}: {items}. "
            "Leave one of them out, or see which 0 or 1 in the model's tables forbids it."
        )


class Problem(NamedTuple):
    """One fault of a model table: where it is, what it is and what would be right."""

    file: str
    line: int | None
    message: str

    def __str__(self) -> str:
        """Return the fault as `links.csv, line 14: message`."""
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        return f"{place}: {self.message}"


class ModelTableError(TwitchbayesError, ValueError):
    """The tables of a model are faulty; `problems` holds every fault of every file at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line or 0)))
        count = len(self.problems)
        head = f"{count} problem{'s' if count != 1 else ''} in the model's tables:"
        super().__init__("\n  ".join([head, *map(str, self.problems)]))


def did_you_mean(value: object, known: Iterable[str]) -> str:
    """Return " Did you mean …?" for the nearest known words, or the whole list where none is near."""
    known = tuple(known)
    near = _nearest(value, known)
    if near:
        return f" Did you mean {' or '.join(map(repr, near))}?"
    return f" It has: {', '.join(known)}." if known else ""


def _nearest(value: object, known: Sequence[str]) -> list[str]:
    by_folded = {name.casefold(): name for name in known}
    folded = str(value).casefold().strip().replace(" ", "_").replace("-", "_")
    return [by_folded[m] for m in difflib.get_close_matches(folded, by_folded, n=3, cutoff=0.6)]


class InvalidEvidenceError(InvalidValueError, UnknownVariableError):
    """Several faults in one case; `errors` holds each as the error it would be alone."""

    def __init__(self, errors: Sequence[TwitchbayesError]) -> None:
        self.errors = tuple(errors)
        lines = "\n  ".join(str(error) for error in self.errors)
        TwitchbayesError.__init__(self, f"{len(self.errors)} problems in the evidence:\n  {lines}")
