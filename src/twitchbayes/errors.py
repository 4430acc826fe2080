"""Everything that can go wrong, as one family of errors that carry the data to act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

__all__ = [
    "EngineLimitError",
    "Fault",
    "ImpossibleEvidenceError",
    "InvalidEvidenceError",
    "InvalidFrameError",
    "InvalidValueError",
    "ModelNotFoundError",
    "ModelTableError",
    "Problem",
    "Reason",
    "TwitchbayesError",
    "UnknownVariableError",
    "did_you_mean",
    "nearest",
]


SHOWN_REASONS = 5


class TwitchbayesError(Exception):
    """Any error that twitchbayes raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by what the error holds, not by how it was made: a worker process can hand it back."""
        return _restored, (type(self), self.args, dict(self.__dict__))


def _restored(kind: type[TwitchbayesError], args: tuple[Any, ...], state: dict[str, Any]) -> TwitchbayesError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UnknownVariableError(TwitchbayesError, KeyError):
    """A name that is no variable of the model; `name` holds it, `suggestions` the nearest that are.

    Where none is near, the message has `otherwise` if it is given, and else the whole list.
    """

    def __init__(self, name: object, known: Iterable[str], *, what: str = "variable", otherwise: str = "") -> None:
        self.name = name
        self.known = tuple(known)
        self.suggestions = tuple(nearest(name, self.known))
        hint = f" {otherwise}" if otherwise and not self.suggestions else did_you_mean(name, self.known)
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


class Reason(NamedTuple):
    """What in the tables makes evidence impossible: a number that is 0 or 1, or a definition; and its row."""

    what: str
    file: str
    line: int

    def __str__(self) -> str:
        """Return it as `priors.csv, line 12: P(ghost=present) = 0`."""
        return f"{self.file}, line {self.line}: {self.what}"


class ImpossibleEvidenceError(TwitchbayesError, ValueError):
    """P(evidence) is 0 in this model; `conflict` maps the smallest contradictory set to its states.

    `reasons` are what in the tables makes it so: each by itself, or, where `together` is true, all of them at once.
    """

    def __init__(
        self,
        conflict: dict[str, str],
        *,
        smallest: bool = True,
        reasons: Sequence[Reason] = (),
        together: bool = False,
    ) -> None:
        self.conflict = dict(conflict)
        self.smallest = smallest
        self.reasons = tuple(reasons)
        self.together = together
        items = ", ".join(f"{name}={state}" for name, state in conflict.items())
        which = "The smallest set that cannot hold together" if smallest else "These cannot hold together"
        super().__init__(
            f"this evidence has probability 0 in the model. {which}: {items}. Leave one of them out, or {self._told()}."
        )

    def _told(self) -> str:
        """Return what to look at in the tables."""
        shown = "; ".join(map(str, self.reasons[:SHOWN_REASONS]))
        more = len(self.reasons) - SHOWN_REASONS
        shown += f"; and {more} more" if more > 0 else ""
        if not shown:
            return "see which 0 or 1 in the model's tables forbids it"
        if len(self.reasons) == 1:
            return f"see what forbids it: {shown}"
        return f"see what forbids it {'together' if self.together else '(to change one is enough)'}: {shown}"


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
    near = nearest(value, known)
    if near:
        return f" Did you mean {' or '.join(map(repr, near))}?"
    return f" It has: {', '.join(known)}." if known else ""


def nearest(value: object, known: Iterable[str]) -> list[str]:
    """Return the known words that a value is probably a slip of, the nearest first."""
    by_folded = {name.casefold(): name for name in known}
    folded = str(value).casefold().strip().replace(" ", "_").replace("-", "_")
    return [by_folded[m] for m in difflib.get_close_matches(folded, by_folded, n=3, cutoff=0.6)]


class InvalidEvidenceError(InvalidValueError, UnknownVariableError):
    """Several faults in one case; `errors` holds each as the error it would be alone.

    `name`, `known` and `suggestions` are those of the first unknown name; None and empty without one.
    """

    def __init__(self, errors: Sequence[TwitchbayesError]) -> None:
        self.errors = tuple(errors)
        first = next((error for error in self.errors if isinstance(error, UnknownVariableError)), None)
        self.name = first.name if first else None
        self.known = first.known if first else ()
        self.suggestions = first.suggestions if first else ()
        lines = "\n  ".join(str(error) for error in self.errors)
        TwitchbayesError.__init__(self, f"{len(self.errors)} problems in the evidence:\n  {lines}")


class Fault(NamedTuple):
    """One cell of a frame that cannot be read, or (`column` None) a row that cannot be answered as a whole.

    `row` is the label of the row: the index of a pandas frame, else the number of the row from 0.
    """

    row: Any
    column: Any
    value: Any
    message: str

    def __str__(self) -> str:
        """Return the fault as `row 17, column 'pain': message`."""
        place = f"row {self.row!r}" if self.column is None else f"row {self.row!r}, column {self.column!r}"
        return f"{place}: {self.message}"


class InvalidFrameError(TwitchbayesError, ValueError):
    """Rows of a frame that have no answer; `faults` holds the first faults, `n_faults` and `n_rows` count all."""

    def __init__(
        self,
        faults: Sequence[Fault],
        *,
        n_faults: int,
        n_rows: int,
        of_rows: int,
        wanted: str = "answered",
        advice: str = 'on_error="null" gives such rows nulls, and the reason in a column.',
    ) -> None:
        self.faults = tuple(faults)
        self.n_faults = n_faults
        self.n_rows = n_rows
        self.of_rows = of_rows
        head = f"{_count(n_rows, 'row')} of {of_rows:,} cannot be {wanted} ({_count(n_faults, 'fault')}):"
        more = n_faults - len(self.faults)
        lines = [head, *map(str, self.faults), *([f"... and {_count(more, 'more fault')}"] if more else [])]
        super().__init__("\n  ".join(lines) + f"\n{advice}")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"
