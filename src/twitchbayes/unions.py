"""What a union and its members, and causes that exclude each other, say of each other: in one case or in a table."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["Exclusion", "Says", "Union"]

# One case has a truth; a table has one a row.
Truth = TypeVar("Truth", bool, NDArray[np.bool_])
Says: TypeAlias = Callable[[str], Truth]


@dataclass(frozen=True, slots=True)
class Union:
    """An OR and the names of its members: of a finding those of its group, of a union of causes its causes.

    `present` and `absent` say of a variable whether it was observed so.
    """

    name: str
    members: tuple[str, ...]

    def decided(self, present: Says[Truth], absent: Says[Truth]) -> Truth:
        """Whether the members leave nothing to assume: one is present, or all are known."""
        known = _all(present(m) | absent(m) for m in self.members)
        return _any(present(m) for m in self.members) | (known & bool(self.members))

    def denied(self, present: Says[Truth], absent: Says[Truth]) -> Truth:
        """Whether it was said to be absent, and a member to be present."""
        return absent(self.name) & _any(present(m) for m in self.members)

    def unfounded(self, present: Says[Truth], absent: Says[Truth]) -> Truth:
        """Whether it was said to be present, and every member to be absent."""
        return present(self.name) & _all(absent(m) for m in self.members)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A cause, and what is absent where it is present: causes, and unions of nothing but them."""

    name: str
    others: tuple[str, ...]

    def broken(self, present: Says[Truth]) -> Truth:
        """Whether it was said to be present beside one of them."""
        return present(self.name) & _any(present(other) for other in self.others)


# Of no members: one truth, which serves a whole table too.
def _any(truths: Iterable[Truth]) -> Truth:
    return cast("Truth", reduce(operator.or_, truths, cast("Any", False)))


def _all(truths: Iterable[Truth]) -> Truth:
    return cast("Truth", reduce(operator.and_, truths, cast("Any", True)))
