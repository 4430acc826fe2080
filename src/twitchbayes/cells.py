"""A column of a frame as the few values that differ, and which of them stands in each row."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd
    import polars as pl

__all__ = ["Distinct", "Ids", "distinct", "distinct_objects"]

SAMPLE = 10_000
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
    import pandas as pd

    native = column.to_native()
    if column.implementation.is_polars():
        return _of_polars(native)
    if column.implementation.is_pyarrow():
        return _of_arrow(native)
    if isinstance(native.dtype, pd.ArrowDtype) or getattr(native.dtype, "storage", "") == "pyarrow":
        return _of_arrow(native.array.__arrow_array__())
    return _factorised(native)


def _of_arrow(native: Any) -> Distinct:
    # Nulls as one more value: replacing them afterwards takes as long as the encoding itself.
    encoded = native.dictionary_encode(null_encoding="encode").combine_chunks()
    if encoded.indices.null_count:  # it came as a dictionary, whose nulls are left as they are
        return Distinct(encoded.indices.fill_null(-1).to_numpy(), encoded.dictionary.to_pylist())
    return Distinct(encoded.indices.to_numpy(), encoded.dictionary.to_pylist())


def _of_polars(native: pl.Series) -> Distinct:
    """Look the cells up among the values of the first of them, and only if there are others among all values."""
    import polars as pl

    for seen in (native.head(SAMPLE), native):
        values = seen.unique()
        places = pl.Series(range(len(values)), dtype=pl.Int32)
        ids = native.replace_strict(values, places, default=-1, return_dtype=pl.Int32).to_numpy()
        if len(seen) == len(native) or ids.min() >= 0:
            break
    return Distinct(ids, values.to_list())


def _factorised(cells: Any) -> Distinct:
    """Return the distinct values of an array or a pandas Series, as objects of Python where it has them."""
    import pandas as pd

    ids, values = pd.factorize(cells)
    return Distinct(ids, values.tolist())
