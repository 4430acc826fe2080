"""Priors that a caller gives: read from CSV, a frame or a mapping, and compared with the model's own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from twitchbayes import tables
from twitchbayes.errors import InvalidValueError, ModelNotFoundError, ModelTableError, Problem
from twitchbayes.knowledge import COLUMNS, Knowledge, Prior
from twitchbayes.tables import Row, Table

if TYPE_CHECKING:
    import pandas as pd

    PriorsLike: TypeAlias = str | os.PathLike[str] | pd.DataFrame | Mapping[Any, Any]

__all__ = ["Change", "PriorsLike", "changes", "read"]


class Change(NamedTuple):
    """A number that differs between two models; None where one of them has no such row."""

    variable: str
    given: str
    state: str
    old: float | None
    new: float | None


def read(knowledge: Knowledge, priors: PriorsLike) -> tuple[Table, Row]:
    """Return the rows to lay over a model's priors, complete, and the source row that they cite.

    A row without an interval keeps that of the model, if its probability lies inside. A row without a
    basis is `expert`; one without a source cites the file, frame or mapping that it came from.

    Raises
    ------
    ModelTableError
        With every problem, by file and line (by position in a frame or mapping).
    """
    problems: list[Problem] = []
    table, citation = _table(priors, problems)
    own = {(p.variable, p.given, p.state): p for p in knowledge.priors}
    rows = tuple(_completed(row, own, citation["source"], problems) for row in table.rows)
    if not rows and not problems:
        problems.append(Problem(table.file, None, "has no row; give at least one prior, or none at all"))
    if problems:
        raise ModelTableError(problems)
    columns = (*COLUMNS["priors.csv"], *(c for c in table.columns if c not in COLUMNS["priors.csv"]))
    return Table(table.file, columns, rows), citation


def changes(old: Knowledge, new: Knowledge) -> tuple[Change, ...]:
    """Return every prior that differs between two models, in the order of the tables."""

    def values(knowledge: Knowledge) -> dict[tuple[str, str, str], float]:
        return {(p.variable, _stratum(p), p.state): p.number.probability for p in knowledge.priors}

    before, after = values(old), values(new)
    keys = dict.fromkeys([*before, *after])
    return tuple(Change(*key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key))


def _stratum(prior: Prior) -> str:
    return ";".join(f"{name}={state}" for name, state in prior.given)


def _table(priors: PriorsLike, problems: list[Problem]) -> tuple[Table, Row]:
    required = ("variable", "probability")
    if isinstance(priors, Mapping):
        table = Table("mapping of priors", COLUMNS["priors.csv"], tuple(_mapping_rows(priors)))
        return table, _citation("given_priors", "Given as a mapping to with_priors")
    if isinstance(priors, str | os.PathLike):
        path = Path(priors)
        if not path.exists():
            message = f"there is no file {os.fspath(priors)!r} with priors"
            raise ModelNotFoundError(message)
        table = tables.read(path, file=path.name, required=required, problems=problems)
        digest = hashlib.sha256(table.raw or b"").hexdigest()
        return table, _citation("given_priors", f"File {path.name} given to with_priors, sha256 {digest}")
    if not hasattr(priors, "to_csv"):
        message = f"priors={priors!r} is no path, DataFrame or mapping"
        raise InvalidValueError(message)
    raw = priors.to_csv(index=False).encode()
    table = tables.parse(raw, file="frame of priors", required=required, problems=problems)
    digest = hashlib.sha256(raw).hexdigest()
    return table, _citation("given_priors", f"Frame given to with_priors, sha256 of its CSV {digest}")


def _citation(name: str, citation: str) -> Row:
    cells = {"source": name, "citation": citation, "identifier": "none", "kind": "caller", "read": "not applicable"}
    return Row("sources.csv", 0, cells)


def _mapping_rows(priors: Mapping[Any, Any]) -> Iterable[Row]:
    for position, (key, value) in enumerate(priors.items(), start=1):
        variable, given = key if isinstance(key, tuple) else (key, "")
        numbers = value if isinstance(value, tuple | list) else (value,)
        cells = {"variable": str(variable), "given": str(given), "state": "present"}
        cells |= dict(zip(("probability", "low", "high"), map(str, numbers), strict=False))
        yield Row("mapping of priors", position, cells)


def _completed(
    row: Row, own: Mapping[tuple[str, tuple[tuple[str, str], ...], str], Prior], source: str, problems: list[Problem]
) -> Row:
    cells = dict(row.cells)
    cells["state"] = row["state"] or "present"
    match = own.get((row["variable"], tuple(sorted(tables.pairs(row["given"]))), cells["state"]))
    if not row["low"] and not row["high"]:
        _borrow_interval(row, cells, match, problems)
    cells["basis"] = row["basis"] or "expert"
    cells["source"] = row["source"] or source
    return Row(row.file, row.line, cells)


def _borrow_interval(row: Row, cells: dict[str, str], match: Prior | None, problems: list[Problem]) -> None:
    try:
        value = float(row["probability"])
    except ValueError:
        # The reader of the tables says what is wrong with it.
        cells["low"], cells["high"] = "0", "1"
        return
    if match is None:
        message = f"prior of {row['variable']!r} has no row to take its interval from; give low and high"
        problems.append(Problem(row.file, row.line, message))
    elif 0 <= value <= 1 and not match.number.low <= value <= match.number.high:
        interval = f"[{match.number.low}, {match.number.high}] of {match.variable!r}"
        message = f"probability {value} is outside the model's interval {interval}; give low and high as well"
        problems.append(Problem(row.file, row.line, message))
    cells["low"] = str(match.number.low) if match else "0"
    cells["high"] = str(match.number.high) if match else "1"
