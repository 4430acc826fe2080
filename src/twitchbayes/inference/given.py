"""What a batch is given, checked before the compiled loops read it: those look at no bound and no range.

Everything that is wrong with a batch is said at once, by row and variable, or by parameter set and number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import InvalidValueError
from twitchbayes.inference.rows import first_fault
from twitchbayes.network import SERIOUS, UNKNOWN, Codes, Network, Parameters

if TYPE_CHECKING:
    from twitchbayes.inference.arrays import Structure

__all__ = ["checked_parameters", "checked_rows", "checked_weights"]

Floats = NDArray[np.float64]

MOST_NAMED = 10
YES_NO = ("absent", "present")


def checked_rows(network: Network, structure: Structure, codes: Any) -> Codes:
    """Return rows of evidence (n_rows, n_columns) as the loops read them; there may be none.

    Raises
    ------
    InvalidValueError
        If they have another shape, or a number stands there that is neither a state nor -1; with row and variable.
    """
    given = np.asarray(codes)
    width = len(network.columns)
    if given.ndim != 2 or given.shape[1] not in {width, width + 1}:
        message = f"rows of evidence have the shape (n_rows, {width}), a column for each variable, not {given.shape}"
        raise InvalidValueError(message)
    rows = np.ascontiguousarray(given, dtype=np.int8)
    if first_fault(structure, rows) >= 0 or (given.dtype != np.int8 and not np.array_equal(given, rows)):
        raise InvalidValueError(_listed(list(_wrong_codes(network, given))))
    return rows


def checked_parameters(network: Network, parameters: Parameters) -> Parameters:
    """Return parameter sets, one or more, each number of which is a probability.

    Raises
    ------
    InvalidValueError
        If they have another shape, or a number is not from 0 to 1; with set and number.
    """
    n_slots = len(network.slots.rows)
    yes, no = parameters.yes, parameters.no
    if yes.ndim != 2 or yes.shape != no.shape or yes.shape[1] != n_slots or not len(yes):
        message = (
            f"parameter sets have the shape (n_sets, {n_slots}) with 1 set or more, not {yes.shape} and {no.shape}"
        )
        raise InvalidValueError(message)
    # No array is made where all is right, as it nearly always is. The least and the greatest of NaN are NaN.
    if not all(array.min() >= 0 and array.max() <= 1 for array in (yes, no)):
        raise InvalidValueError(_listed(list(_wrong_numbers(network, yes, no))))
    return parameters


def checked_weights(weights: Any, n_rows: int) -> Floats:
    """Return a copy of how often each row counts.

    Raises
    ------
    InvalidValueError
        If there is not one for each row, or one is negative, infinite or no number; with the row.
    """
    found: Floats = np.array(weights, dtype=np.float64)
    if found.shape != (n_rows,):
        message = f"weights have the shape ({n_rows},), one for each row, not {found.shape}"
        raise InvalidValueError(message)
    wrong = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if wrong.size:
        told = [f"row {row}: weight {found[row]} must be a finite number of 0 or more" for row in wrong.tolist()]
        raise InvalidValueError(_listed(told))
    return found


def _wrong_codes(network: Network, given: NDArray[Any]) -> Iterator[str]:
    most = np.array([*(len(codes) for codes in network.codes), 2][: given.shape[1]])
    right = (given >= UNKNOWN) & (given < most) & (given == np.floor(given))
    for row, column in np.argwhere(~right).tolist():
        name = [*network.columns, SERIOUS][column]
        meanings = (
            [network.meaning(column, i) for i in range(most[column])] if column < len(network.columns) else YES_NO
        )
        states = ", ".join(f"{i} ({meaning})" for i, meaning in enumerate(meanings))
        yield f"row {row}: {name} has no state {given[row, column]}; give {states}, or -1 for unknown"


def _wrong_numbers(network: Network, yes: Floats, no: Floats) -> Iterator[str]:
    for s, slot in np.argwhere(~(_is_probability(yes) & _is_probability(no))).tolist():
        wrong = f"1 - {no[s, slot]}" if _is_probability(yes[s, slot]) else f"{yes[s, slot]}"
        yield f"set {s}: {_name_of_slot(network, slot)} = {wrong} must be from 0 to 1"


def _is_probability(values: Floats) -> NDArray[np.bool_]:
    within: NDArray[np.bool_] = (values >= 0) & (values <= 1)  # NaN is not
    return within


def _name_of_slot(network: Network, slot: int) -> str:
    """Return what a number of a parameter set is the probability of."""
    slots, nodes = network.slots, network.columns
    if slot >= slots.first_link:
        link = bisect_right(slots.link_starts, slot) - 1
        return f"P({nodes[slots.targets[link]]} | {nodes[slots.sources[link]]})"
    if slot >= slots.first_finding_leak:
        return f"P({network.findings[bisect_right(slots.finding_leak_starts, slot) - 1]} | leak)"
    starts = [*slots.table_starts, *slots.leak_starts]
    return f"a number of {nodes[int(np.searchsorted(starts, slot, side='right')) - 1]}"


def _listed(told: list[str]) -> str:
    more = len(told) - MOST_NAMED
    return "\n  ".join([*told[:MOST_NAMED], *([f"and {more:,} more"] if more > 0 else [])])
