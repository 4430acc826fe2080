"""A column of a frame as the few values that differ, and which of them stands in each row."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd

__all__ = ["Distinct", "distinct", "distinct_objects"]

Ids = NDArray[np.integer[Any]]


class Distinct(NamedTuple):
    """A column of n_rows cells.

    `ids` (n_rows,) are places in `values`, -1 where the cell is null or NaN.
    """

    ids: Ids
    values: list[Any]


def distinct(column: nw.Series[Any], *, whole: bool = False) -> Distinct:
    """Return the distinct values of a column; two that a case could tell apart (1 and True) stay two.

    Parameters
    ----------
    column : narwhals.Series
        Of pandas, polars or pyarrow.
    whole : bool
        Whether fractions may be cut off a number (39.9 years are 39), so that fewer values differ.
    """
    import pandas as pd

    native = column.to_native()
    kind = column.dtype
    if isinstance(native, pd.Series) and native.dtype == object:
        return _of_objects(native)
    if isinstance(native, pd.Series) and isinstance(native.dtype, pd.CategoricalDtype):
        return Distinct(native.cat.codes.to_numpy(), list(native.cat.categories))
    if kind.is_integer() or kind.is_float():
        numbers = column.to_numpy()
        whole = whole and numbers.dtype.kind == "f"
        return _factorised(np.floor(numbers) if whole else numbers)
    if _is_word(column):
        return _of_words(column)
    return distinct_objects(column.to_list())


def distinct_objects(values: Iterable[Any]) -> Distinct:
    """Return the distinct among any values, told apart by type too; lists and mappings by what they show."""
    ids: list[int] = []
    places: dict[Hashable, int] = {}
    found: list[Any] = []
    for value in values:
        place = places.setdefault(_key(value), len(found))
        if place == len(found):
            found.append(value)
        ids.append(place)
    return Distinct(np.array(ids, dtype=np.int64), found)


def _key(value: Any) -> Hashable:
    try:
        hash(value)
    except TypeError:
        return type(value), repr(value)
    return type(value), value


def _is_word(column: nw.Series[Any]) -> bool:
    import narwhals as nw

    return column.dtype in {nw.String, nw.Boolean, nw.Categorical, nw.Enum}


def _of_objects(native: pd.Series[Any]) -> Distinct:
    """Factorise where all cells are of one type: to a hash table, True, 1 and 1.0 are one value."""
    import pandas as pd

    if pd.api.types.infer_dtype(native, skipna=True) in {"string", "boolean", "empty"}:
        return _factorised(native)
    return distinct_objects(native.to_list())


def _of_words(column: nw.Series[Any]) -> Distinct:
    native = column.to_native()
    if column.implementation.is_pandas():
        return _factorised(native)
    if column.implementation.is_pyarrow():
        encoded = native.dictionary_encode().combine_chunks()
        return Distinct(encoded.indices.fill_null(-1).to_numpy(), encoded.dictionary.to_pylist())
    import polars as pl

    values = native.unique().drop_nulls()
    places = pl.Series(range(len(values)), dtype=pl.Int32)
    ids = native.replace_strict(values, places, default=-1, return_dtype=pl.Int32)
    return Distinct(ids.to_numpy(), values.to_list())


def _factorised(cells: Any) -> Distinct:
    """Return the distinct values of an array or a pandas Series, as objects of Python where it has them."""
    import pandas as pd

    ids, values = pd.factorize(cells)
    return Distinct(ids, values.tolist())
