"""What a value says of a variable: one of its states, several of them, a range of them, or which it is not.

Every variable has an axis of whole numbers: of one in bands its units (years), of any other its states by number. A
value is read as pieces of that axis. What it says of a state is the share of the state's own stretch that they cover:
0 or 1, and between only where a range cuts a band, in which the units are taken to be equally probable.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from twitchbayes.errors import InvalidValueError
from twitchbayes.spans import span_words
from twitchbayes.values import (
    ABSENT_WORDS,
    PRESENT_WORDS,
    as_number,
    as_scalar,
    as_word,
    expected_words,
    is_graded,
    is_unknown,
    state_words,
)

if TYPE_CHECKING:
    from twitchbayes.knowledge import Variable

__all__ = ["Said", "States"]

Span: TypeAlias = tuple[int, int]  # lowest and highest of some numbers

NOT = re.compile(r"not\s+(.+)", re.IGNORECASE | re.DOTALL)
OR = re.compile(r";|\s+or\s+", re.IGNORECASE)
BOUND = re.compile(r"(at least|at most|>=|<=)\s*(.+)", re.IGNORECASE | re.DOTALL)
BETWEEN = re.compile(r"(.+?)\s+to\s+(.+)", re.IGNORECASE | re.DOTALL)
NUMBERS = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:-|\N{EN DASH}|to)\s*([0-9]+(?:\.[0-9]+)?)", re.IGNORECASE)
LOWER_BOUNDS = ("at least", ">=")


class Said(NamedTuple):
    """What a value says of a variable.

    Attributes
    ----------
    words : str
        A state, or words that `States.said` reads again: "50 to 70", "not 18-29", "at least mild".
    code : int
        In the codes of the variable's column, -1 where no code says it.
    states : tuple of str
        Those that it leaves possible.
    likelihoods : tuple of float
        Where no code says it: the likelihood of each state, in order; else empty.
    """

    words: str
    code: int
    states: tuple[str, ...]
    likelihoods: tuple[float, ...] = ()

    def agrees(self, other: Said) -> bool:
        """Whether another says the same, in whatever words."""
        return (self.code, self.likelihoods) == (other.code, other.likelihoods)


class _NoState(Exception):  # noqa: N818 (it never leaves this module)
    """A part of a value that is none of the variable's words; `why` where there is more to say."""

    def __init__(self, part: Any, why: str = "") -> None:
        super().__init__(part)
        self.part, self.why = part, why


class States:
    """The words in which a variable may be given.

    Parameters
    ----------
    variable : Variable
    codes : sequence of (int, int)
        Lowest and highest state of each code of its column, as in `Network.codes`.
    """

    def __init__(self, variable: Variable, codes: Sequence[Span]) -> None:
        self._variable = variable
        self._codes = codes
        self._code_of = {span: code for code, span in enumerate(codes)}
        self._bands = variable.bands or tuple((state, state) for state in range(len(variable.states)))
        self._is_ordered = bool(variable.bands) or is_graded(variable)
        self._spans = _spans_of_words(variable)
        self._plain = {word: self._of_code(self._code_of[span]) for word, span in self._spans.items()}

    def said(self, value: Any) -> Said | None:
        """Return what a value says, None where it says nothing: unknown, or all states.

        Raises
        ------
        InvalidValueError
        """
        value = as_scalar(value)
        if is_unknown(value):
            return None
        plain = self._plain.get(self._word(value)) or self._in_band(value)
        if plain is not None:
            return plain
        try:
            negated = NOT.fullmatch(value.strip()) if isinstance(value, str) else None
            words, pieces = self._pieces(negated[1] if negated else value)
            return self._shares(f"not {words}" if negated else words, pieces, negated=negated is not None)
        except _NoState as error:
            raise self._fault(value, error) from None

    def present(self) -> tuple[frozenset[int], frozenset[int]]:
        """Return the codes by which a finding or a cause is present, above its lowest state, and absent."""
        above = frozenset(code for code, (low, _) in enumerate(self._codes) if low > 0)
        return above, frozenset([0])

    def _of_code(self, code: int) -> Said:
        low, high = self._codes[code]
        states = self._variable.states
        return Said(span_words(states, low, high), code, states[low : high + 1])

    def _word(self, value: Any) -> str:
        """Return the folded word of a value; of a variable in bands only a text is one, a number is a unit."""
        if not self._variable.bands:
            return as_word(value)
        return value.strip().casefold() if isinstance(value, str) else ""

    def _in_band(self, value: Any) -> Said | None:
        """Return the band that a number of units falls in, None where it is no such number."""
        place = self._unit(value)
        found = [i for i, (low, high) in enumerate(self._bands) if place is not None and low <= place <= high]
        return self._of_code(found[0]) if found else None

    def _unit(self, value: Any) -> int | None:
        """Return a number as whole units that the bands cover: 39.9 years are 39; None where it is none."""
        number = as_number(value) if self._variable.bands else math.nan
        if not math.isfinite(number):
            return None
        unit = math.floor(number)
        return unit if any(low <= unit <= high for low, high in self._bands) else None

    # Pieces of the axis

    def _pieces(self, value: Any) -> tuple[str, list[Span]]:
        """Return a value in words, and the pieces of the axis that it says."""
        if isinstance(value, tuple) and self._is_ordered:
            if len(value) != 2:
                why = "a tuple is a range of two, the lower first; give a list for several"
                raise _NoState(value, why)
            return self._between(*value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
            return self._point(value)
        return self._any_of(value, [self._pieces(part) for part in value])

    def _any_of(self, value: Any, parts: Sequence[tuple[str, list[Span]]]) -> tuple[str, list[Span]]:
        if not parts:
            raise _NoState(value)
        words = dict.fromkeys(words for words, _ in parts)
        return " or ".join(words), [piece for _, pieces in parts for piece in pieces]

    def _text(self, text: str) -> tuple[str, list[Span]]:
        """Return what a text says: a state first, whatever it looks like; else several, a bound or a range."""
        if self._has(text):
            return self._point(text)
        parts = [part for part in OR.split(text) if part.strip()]
        if len(parts) > 1 or OR.search(text):
            return self._any_of(text, [self._text(part.strip()) for part in parts])
        bound = BOUND.fullmatch(text.strip()) if self._is_ordered else None
        if bound:
            return self._bounded(bound[1].casefold(), bound[2])
        pattern = (NUMBERS.fullmatch(text.strip()) if self._variable.bands else None) or BETWEEN.fullmatch(text.strip())
        if pattern and self._is_ordered:
            return self._between(pattern[1], pattern[2])
        return self._point(text)

    def _has(self, value: Any) -> bool:
        return self._word(value) in self._spans or self._unit(value) is not None

    def _point(self, value: Any) -> tuple[str, list[Span]]:
        """Return a state as its stretch of the axis, and a number as the one unit that it is."""
        value = as_scalar(value)
        span = self._spans.get(self._word(value))
        if span is not None and not is_unknown(value):
            return span_words(self._variable.states, *span), [(self._bands[span[0]][0], self._bands[span[1]][1])]
        unit = self._unit(value)
        if unit is None:
            raise _NoState(value)
        return str(unit), [(unit, unit)]

    def _ends(self, value: Any) -> Span:
        return self._point(value)[1][0]

    def _between(self, first: Any, last: Any) -> tuple[str, list[Span]]:
        low, high = self._ends(first)[0], self._ends(last)[1]
        if low > high:
            raise _NoState((first, last), f"the range goes down, from {first} to {last}; give the lower end first")
        return self._range(low, high), [(low, high)]

    def _bounded(self, sign: str, end: str) -> tuple[str, list[Span]]:
        low, high = self._ends(end)
        is_lower = sign in LOWER_BOUNDS
        words = f"at {'least' if is_lower else 'most'} {self._called(low if is_lower else high)}"
        return words, [(low, self._bands[-1][1]) if is_lower else (self._bands[0][0], high)]

    def _range(self, low: int, high: int) -> str:
        return self._called(low) if low == high else f"{self._called(low)} to {self._called(high)}"

    def _called(self, place: int) -> str:
        return str(place) if self._variable.bands else self._variable.states[place]

    def _shares(self, words: str, pieces: Sequence[Span], *, negated: bool) -> Said | None:
        """Return what pieces of the axis, or all but them, say of each state."""
        merged = _merged(pieces)
        sizes = [high - low + 1 for low, high in self._bands]
        covered = [sum(_overlap(band, piece) for piece in merged) for band in self._bands]
        if negated:
            covered = [size - inside for size, inside in zip(sizes, covered, strict=True)]
        left = [state for state, inside in enumerate(covered) if inside]
        if not left:
            raise _NoState(words, "it leaves no state")
        whole = all(covered[state] == sizes[state] for state in left)
        if whole and len(left) == len(sizes):
            return None
        code = self._code_of.get((left[0], left[-1])) if whole and left[-1] - left[0] == len(left) - 1 else None
        if code is not None:
            return self._of_code(code)
        likelihoods = tuple(inside / size for inside, size in zip(covered, sizes, strict=True))
        return Said(words, -1, tuple(self._variable.states[state] for state in left), likelihoods)

    def _fault(self, value: Any, error: _NoState) -> InvalidValueError:
        variable = self._variable
        about = f"{variable.name}={value!r}"
        if error.why:
            return InvalidValueError(f"{about}: {error.why}")
        own = error.part is value or (isinstance(value, str) and error.part == value)
        subject = about if own else f"{about}: {error.part!r}"
        if not variable.bands:
            expected = expected_words(variable)
            return InvalidValueError(
                f"{subject} is not a state of {variable.name}; give {expected}, or None for unknown"
            )
        lowest, highest = variable.bands[0][0], variable.bands[-1][1]
        range_ = f"{lowest} to {variable.bands[min(1, len(variable.bands) - 1)][1]}"
        return InvalidValueError(
            f"{subject} is not a number of {variable.unit} from {lowest} to {highest}, which this model covers; give "
            f"one, a band such as {variable.states[0]!r}, a range such as {range_!r}, or None for unknown"
        )


def _spans_of_words(variable: Variable) -> dict[str, Span]:
    """Return every word of a variable, folded, with the lowest and the highest state that it means."""
    spans: dict[str, Span] = {}
    if is_graded(variable):
        spans |= dict.fromkeys(ABSENT_WORDS, (0, 0)) | dict.fromkeys(PRESENT_WORDS, (1, len(variable.states) - 1))
    own = {word: variable.states.index(state) for word, state in state_words(variable).items()}
    return spans | {word: (state, state) for word, state in own.items()}


def _merged(pieces: Iterable[Span]) -> list[Span]:
    """Return the same pieces, none of which meets another."""
    merged: list[Span] = []
    for low, high in sorted(pieces):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _overlap(first: Span, second: Span) -> int:
    return max(0, min(first[1], second[1]) - max(first[0], second[0]) + 1)
