"""Priors that a caller gives: the rows to edit, read back from CSV, a frame or a mapping, and what they change."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from twitchbayes import checks, tables
from twitchbayes.errors import InvalidValueError, ModelNotFoundError, ModelTableError, Problem, did_you_mean
from twitchbayes.knowledge import COLUMNS, Knowledge, Link, Prior
from twitchbayes.tables import Row, Table

if TYPE_CHECKING:
    import pandas as pd

    PriorsLike: TypeAlias = str | os.PathLike[str] | pd.DataFrame | Mapping[Any, Any]

_Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...], str]
_Own: TypeAlias = Mapping[_Key, tuple[Prior, Row]]
K = TypeVar("K")
V = TypeVar("V")

__all__ = ["Change", "changes", "paired", "read", "since", "stratum", "template"]

NUMBERS = ("probability", "low", "high")
NEEDED = ("variable", "probability")
LINKED = ("parent", "child")  # what tells a table of links


class Change(NamedTuple):
    """A number that differs between two models; None where one of them has no such row."""

    variable: str
    given: str
    state: str
    old: float | None
    new: float | None


def template(knowledge: Knowledge, only: Collection[str] = ()) -> Table:
    """Return the priors as they stand, to be edited and given back: laid over the model unedited they change nothing.

    Parameters
    ----------
    knowledge : Knowledge
    only : collection of str
        The variables whose rows are wanted; all of them where it is empty.

    Raises
    ------
    InvalidValueError
        With every name of `only` that has no prior.
    """
    own = knowledge.tables["priors.csv"]
    names = dict.fromkeys(row["variable"] for row in own.rows)
    wrong = [f"the model has no prior of {name!r}.{did_you_mean(name, names)}" for name in only if name not in names]
    if wrong:
        raise InvalidValueError(" ".join(wrong))
    return Table(own.file, own.columns, tuple(row for row in own.rows if not only or row["variable"] in only))


def read(knowledge: Knowledge, priors: PriorsLike) -> tuple[Table, Row, list[Problem]]:
    """Return the rows to lay over a model's priors, complete, the source row that they cite, and what is wrong.

    A row without an interval keeps that of the model, if its probability lies inside. A row without a
    basis is `expert`; one without a source cites the file, frame or mapping that it came from. What is
    the same as in the model keeps the model's way to write it (5e-05, not 0.00005), so that a row that
    nobody has edited is the same row.

    Raises
    ------
    ModelTableError
        Where there are no rows to be read; what is wrong with single rows is returned, so that the
        model's own checks can add to it.
    """
    problems: list[Problem] = []
    table, citation = _table(priors, problems)
    if not table.rows:
        nothing = Problem(table.file, None, "has no row; give at least one prior, or none at all")
        raise ModelTableError(problems or [nothing])
    citation = _named_anew(citation, knowledge)
    own_rows = zip(knowledge.priors, knowledge.tables["priors.csv"].rows, strict=True)
    own = {(p.variable, p.given, p.state): (p, row) for p, row in own_rows}
    rows = tuple(_completed(row, own, citation["source"], problems) for row in table.rows)
    columns = (*COLUMNS["priors.csv"], *(c for c in table.columns if c not in COLUMNS["priors.csv"]))
    return Table(table.file, columns, rows), citation, problems


def changes(old: Knowledge, new: Knowledge) -> tuple[Change, ...]:
    """Return every prior that differs between two models, in the order of the tables."""

    def values(knowledge: Knowledge) -> dict[tuple[str, str, str], float]:
        return {(p.variable, stratum(p), p.state): p.number.probability for p in knowledge.priors}

    pairs = paired(values(old), values(new))
    return tuple(Change(*key, before, after) for key, before, after in pairs if before != after)


def paired(old: Mapping[K, V], new: Mapping[K, V]) -> Iterator[tuple[K, V | None, V | None]]:
    """Yield each key of two mappings with its two values, None where one of them has no such key."""
    for key in dict.fromkeys([*old, *new]):
        yield key, old.get(key), new.get(key)


def since(earlier: Iterable[Change], later: Iterable[Change]) -> tuple[Change, ...]:
    """Return two rounds of changes as one: each number once, and none that is back at its first value."""
    merged: dict[tuple[str, str, str], Change] = {}
    for change in (*earlier, *later):
        key = change[:3]
        merged[key] = change._replace(old=merged[key].old) if key in merged else change
    return tuple(change for change in merged.values() if change.old != change.new)


def stratum(prior: Prior | Link) -> str:
    """Return the contexts that a prior or link is given, as its table has them: `age=18-29;sex=male`."""
    return ";".join(f"{name}={state}" for name, state in prior.given)


def _table(priors: PriorsLike, problems: list[Problem]) -> tuple[Table, Row]:
    if isinstance(priors, Mapping):
        table = Table("mapping of priors", COLUMNS["priors.csv"], tuple(_mapping_rows(priors, problems)))
        return table, _citation("given_priors", "Given as a mapping to with_priors")
    if isinstance(priors, str | os.PathLike):
        path = Path(priors)
        if not path.exists():
            message = f"there is no file {os.fspath(priors)!r} with priors"
            raise ModelNotFoundError(message)
        table = tables.read(path, file=path.name, required=NEEDED, problems=problems)
        as_links = tables.read(path, file=path.name, required=LINKED, problems=[])
        problems[:] = _links_instead(as_links) or problems
        digest = hashlib.sha256(table.raw or b"").hexdigest()
        return table, _citation("given_priors", f"File {path.name} given to with_priors, sha256 {digest}")
    if not hasattr(priors, "to_csv"):
        message = f"priors={priors!r} is no path, DataFrame or mapping"
        raise InvalidValueError(message)
    raw = priors.to_csv(index=False).encode()
    table = tables.parse(raw, file="frame of priors", required=NEEDED, problems=problems)
    problems[:] = _links_instead(tables.parse(raw, file=table.file, required=LINKED, problems=[])) or problems
    digest = hashlib.sha256(raw).hexdigest()
    return table, _citation("given_priors", f"Frame given to with_priors, sha256 of its CSV {digest}")


def _links_instead(table: Table) -> list[Problem]:
    """Return the one thing that is wrong where rows of links are given for priors."""
    if table.raw is None or "variable" in table.columns:
        return []
    message = (
        "has links (the columns parent, child); only priors can be laid over a model. "
        "Save the model into a folder (Model.save), edit links.csv there, and load that folder"
    )
    return [Problem(table.file, None, message)]


def _citation(name: str, citation: str) -> Row:
    cells = {
        "source": name,
        "citation": citation,
        "identifier": "none",
        "kind": "caller",
        "read": "not applicable",
    }
    return Row("sources.csv", 0, cells)


def _named_anew(citation: Row, knowledge: Knowledge) -> Row:
    """Return the source row under a name that no other source of the model has."""
    base = name = citation["source"]
    for number in itertools.count(2):
        other = knowledge.citations.get(name)
        if other is None or other.citation == citation["citation"]:
            break
        name = f"{base}_{number}"
    return Row(citation.file, citation.line, {**citation.cells, "source": name})


def _mapping_rows(priors: Mapping[Any, Any], problems: list[Problem]) -> Iterable[Row]:
    for position, (key, value) in enumerate(priors.items(), start=1):
        variable, *given = key if isinstance(key, tuple) else (key,)
        numbers = value if isinstance(value, tuple | list) else (value,)
        if len(given) > 1 or len(numbers) not in {1, 3}:
            message = (
                f"{key!r}: {value!r} must be variable or (variable, given): probability or (probability, low, high)"
            )
            problems.append(Problem("mapping of priors", position, message))
            continue
        cells = {"variable": str(variable), "given": str(*given), "state": "present"}
        cells |= dict(zip(("probability", "low", "high"), map(str, numbers), strict=False))
        yield Row("mapping of priors", position, cells)


def _key(row: Row) -> _Key:
    return row["variable"], tuple(sorted(tables.pairs(row["given"]))), row["state"] or "present"


def _completed(row: Row, own: _Own, source: str, problems: list[Problem]) -> Row:
    cells = dict(row.cells)
    cells["state"] = row["state"] or "present"
    if not row["low"] and not row["high"]:
        _borrow_interval(row, cells, own, problems)
    cells["basis"] = row["basis"] or "expert"
    cells["source"] = row["source"] or source
    if _key(row) in own:
        _write_as(own[_key(row)][1], cells)
    return Row(row.file, row.line, cells)


def _write_as(own: Row, cells: dict[str, str]) -> None:
    """Write what is the same as in a row of the model as that row does."""
    cells["given"], cells["state"] = own["given"], own["state"]
    for column in NUMBERS:
        if checks.fraction(cells.get(column, ""))[0] == float(own[column]):
            cells[column] = own[column]


def _borrow_interval(row: Row, cells: dict[str, str], own: _Own, problems: list[Problem]) -> None:
    match, _ = own.get(_key(row), (None, None))
    strata = {tuple(name for name, _ in given) for variable, given, _ in own if variable == row["variable"]}
    # The widest interval is right wherever something else is wrong, which is then said once.
    cells["low"], cells["high"] = "0", "1"
    if match is not None:
        try:
            value = float(row["probability"])
        except ValueError:
            return
        if match.number.low <= value <= match.number.high:
            cells["low"], cells["high"] = str(match.number.low), str(match.number.high)
        elif 0 <= value <= 1:
            interval = f"[{match.number.low}, {match.number.high}] of {match.variable!r}"
            message = f"probability {value} is outside the model's interval {interval}; give low and high as well"
            problems.append(Problem(row.file, row.line, message))
    elif strata and tuple(name for name, _ in _key(row)[1]) not in strata:
        given = " or ".join(";".join(names) or "nothing" for names in sorted(strata))
        message = f"given {row['given'] or 'nothing'}: the model's rows of {row['variable']!r} are given {given}"
        problems.append(Problem(row.file, row.line, f"{message}; keep to them, or give low and high as well"))
