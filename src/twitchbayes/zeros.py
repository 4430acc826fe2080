"""Which numbers of the tables, being 0 or 1, make some evidence impossible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import Reason
from twitchbayes.inference import Engine
from twitchbayes.knowledge import Knowledge
from twitchbayes.network import COMPLEMENT, Codes, Parameters
from twitchbayes.provenance import number_names, numbers_of

__all__ = ["reasons"]

SETS_AT_ONCE = 256  # parameter sets in which one number each is opened


def reasons(knowledge: Knowledge, engine: Engine, rows: Codes) -> tuple[tuple[Reason, ...], bool]:
    """Return the numbers that make evidence impossible, and whether it takes all of them together.

    A number that is 0 or 1 is opened by making it neither. Where opening one alone makes the evidence possible, every
    such number is a reason; otherwise the reasons are numbers of which all must be opened.

    Parameters
    ----------
    knowledge : Knowledge
    engine : Engine
        Of its network.
    rows : ndarray of int8, shape (n_rows, n_columns)
        The evidence: it is possible if one of these rows is.

    Returns
    -------
    tuple of Reason
        None where no number decides it, but what is a union of what, or excludes what.
    bool
    """
    opening = _Opening(engine, rows)
    if not opening.possible([opening.candidates])[0]:
        return (), False
    alone = opening.possible([[row] for row in opening.candidates])
    chosen = [row for row, possible in zip(opening.candidates, alone, strict=True) if possible]
    together = not chosen
    chosen = chosen or opening.needed()
    names, numbers = number_names(knowledge), numbers_of(knowledge)
    found = [
        Reason(f"{names[row]} {opening.what(row, numbers[row].probability)}", numbers[row].file, numbers[row].line)
        for row in chosen
    ]
    return tuple(found), together


class _Opening:
    """The numbers that are 0 or 1, and whether the evidence is possible with some of them opened.

    Attributes
    ----------
    candidates : list of int
        Rows of the tables, numbered as in `Network.numbers`.
    """

    def __init__(self, engine: Engine, rows: Codes) -> None:
        self._engine, self._rows = engine, rows
        self._base = engine.network.parameters.support()
        slots = engine.network.slots
        # A slot without a row of its own is the complement of the next one.
        own = np.where(slots.rows == COMPLEMENT, np.roll(slots.rows, -1), slots.rows)
        shut = np.flatnonzero((self._base.yes[0] == 0) | (self._base.no[0] == 0))
        self._slots: dict[int, list[int]] = {}
        for slot in shut.tolist():
            self._slots.setdefault(int(own[slot]), []).append(slot)
        self.candidates = sorted(self._slots)

    def possible(self, opened: Sequence[Sequence[int]]) -> NDArray[np.bool_]:
        """Say of each of some sets of numbers whether the evidence is possible where they are opened."""
        found: list[NDArray[np.bool_]] = [np.zeros(0, dtype=bool)]
        for start in range(0, len(opened), SETS_AT_ONCE):
            some = opened[start : start + SETS_AT_ONCE]
            yes, no = (np.repeat(array, len(some), axis=0) for array in (self._base.yes, self._base.no))
            for number, rows in enumerate(some):
                slots = [slot for row in rows for slot in self._slots[row]]
                for array in (yes, no):
                    array[number, slots] = np.where(array[number, slots] == 0, 0.5, array[number, slots])
            logs = self._engine.log_evidence(self._rows, Parameters(yes, no))
            each: NDArray[np.bool_] = np.isfinite(logs).reshape(len(some), len(self._rows))
            found.append(np.logical_or.reduce(each, axis=1))
        return np.concatenate(found)

    def needed(self) -> list[int]:
        """Return numbers that must all be opened, and that are enough: the last of the shortest list that is, each."""
        needed: list[int] = []
        rest = self.candidates
        while not self.possible([needed])[0]:
            low, high = 1, len(rest)
            while low < high:
                middle = (low + high) // 2
                if self.possible([[*needed, *rest[:middle]]])[0]:
                    high = middle
                else:
                    low = middle + 1
            needed.append(rest[low - 1])
            rest = rest[: low - 1]
        return sorted(needed)

    def what(self, row: int, value: float) -> str:
        """Return what it is about a number that shuts something out."""
        if value in {0.0, 1.0}:
            return f"= {value:g}"
        slot = self._slots[row][0]
        if self._base.yes[0, slot] == 0:
            return f"= {value:g}, no more than the leak, so that the link adds nothing"
        return f"= {value:g}, with which the levels add up to 1, so that none is left for the lowest"
