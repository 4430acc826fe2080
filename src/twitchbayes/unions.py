"""What a finding that is the OR of a group, and the group's members, say of each other: in one case or in a table."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

__all__ = ["Says", "Union"]

# One case has a truth; a table has one a row.
Truth = TypeVar("Truth", bool, NDArray[np.bool_])
Says: TypeAlias = Callable[[str], Truth]


@dataclass(frozen=True, slots=True)
class Union:
    """A finding and the names of the members of its group; without members where it is the OR of none.

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


# Of no members: one truth, which serves a whole table too.
def _any(truths: Iterable[Truth]) -> Truth:
    return cast("Truth", reduce(operator.or_, truths, cast("Any", False)))


def _all(truths: Iterable[Truth]) -> Truth:
    return cast("Truth", reduce(operator.and_, truths, cast("Any", True)))
