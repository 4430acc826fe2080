"""What a model folder says: its variables, numbers and sources, read and checked as a whole."""

from __future__ import annotations

import codecs
import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from twitchbayes import checks, tables
from twitchbayes.errors import ModelNotFoundError, ModelTableError, Problem, did_you_mean
from twitchbayes.tables import Row, Table, bands, pairs, words

__all__ = ["Citation", "Knowledge", "Link", "Number", "Prior", "Variable", "overlay", "read", "revise"]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    file: tuple(names.split())
    for file, names in {
        "variables.csv": "variable role label question states group assumed serious definition",
        "priors.csv": "variable given state probability low high basis source note",
        "links.csv": "parent child form probability low high basis source note",
        "sources.csv": "source citation identifier kind read",
        "codes.csv": "variable system code",
        "scenarios.csv": "case evidence holds source",
        "checks.csv": "check measure variable given against value low high basis status source note",
        "red_flags.csv": "rule evidence advice source",
    }.items()
}
REQUIRED = ("variables.csv", "priors.csv", "links.csv", "sources.csv")
META = ("title", "version", "population", "window", "licence", "intended_use", "not_for")

Role = Literal["context", "cause", "finding", "group", "union"]
BINARY = ("absent", "present")


@dataclass(frozen=True, slots=True)
class Variable:
    """One row of `variables.csv`.

    `states` are in order, ("absent", "present") for a binary variable. `bands` holds the inclusive
    bounds of each state, in whole `unit`s, of a variable that is given as a number (age). A finding
    with `any_of` is the deterministic OR of the members of that group. `assumed` is the state that
    holds unless the caller says otherwise. A finding with other states than these two is graded: its states are
    in order, the lowest first. `of` is the finding that a finding describes. `parts` are the causes and unions of
    which a union is the OR, `excludes` those in whose presence a cause is absent by its definition.
    """

    name: str
    role: Role
    label: str
    question: str
    states: tuple[str, ...]
    unit: str
    bands: tuple[tuple[int, int], ...]
    group: str
    any_of: str
    aliases: Mapping[str, str]
    assumed: str
    serious: bool
    definition: str
    of: str = ""
    parts: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A probability with its 95% interval, its basis, the sources behind it, and the row it stands in."""

    probability: float
    low: float
    high: float
    basis: str
    sources: tuple[str, ...]
    note: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Prior:
    """P(variable = state | given), one row of `priors.csv`; of a cause it is the leak in that stratum."""

    variable: str
    given: tuple[tuple[str, str], ...]
    state: str
    number: Number


@dataclass(frozen=True, slots=True)
class Link:
    """P(child = state | parent, given), one row of `links.csv`; parent "leak" is the background.

    A graded child has a row for each state above the lowest: that the parent alone raises it just so far.
    """

    parent: str
    child: str
    form: Literal["compound", "net"]
    number: Number
    state: str = "present"
    given: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Citation:
    """One row of `sources.csv`: what was read for a number."""

    name: str
    citation: str
    identifier: str
    kind: str
    read: str


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The checked content of a model folder.

    `tables` keeps every file as text (extra columns included), so that a model can be saved without
    loss; `meta` is `model.toml`; `variables`, `priors`, `links` and `citations` are its typed rows;
    `facts` are the numbers of `checks.csv`, which no parameter depends on.
    """

    name: str
    meta: Mapping[str, str]
    meta_raw: bytes = field(repr=False)
    tables: Mapping[str, Table] = field(repr=False)
    variables: Mapping[str, Variable] = field(repr=False)
    priors: tuple[Prior, ...] = field(repr=False)
    links: tuple[Link, ...] = field(repr=False)
    citations: Mapping[str, Citation] = field(repr=False)
    facts: tuple[Number, ...] = field(repr=False)
    populations: Mapping[str, Table] = field(repr=False)
    population: str | None = None

    def of_role(self, role: Role) -> tuple[Variable, ...]:
        """Return the variables of one role, in the order of `variables.csv`."""
        return tuple(v for v in self.variables.values() if v.role == role)

    def members(self, group: str) -> tuple[Variable, ...]:
        """Return the findings that belong to a group, in the order of `variables.csv`."""
        return tuple(v for v in self.variables.values() if v.group == group)

    def causes_of(self, name: str) -> tuple[str, ...]:
        """Return the causes of which a union is the OR, or the cause itself, in the order of `variables.csv`."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            part = waiting.pop()
            if part not in found:
                found.add(part)
                waiting.extend(self.variables[part].parts)
        return tuple(v.name for v in self.of_role("cause") if v.name in found)

    def table(self, file: str) -> Table:
        """Return one table; an empty one where the folder has no such optional file."""
        return self.tables.get(file, Table(file, COLUMNS[file], ()))

    def at_population(self, name: str | None) -> Knowledge:
        """Return the same knowledge with the priors of a setting laid over it.

        Raises
        ------
        ModelNotFoundError
            If the model has no such setting; the message lists those that exist.
        """
        if name is None:
            return self
        if name not in self.populations:
            have = did_you_mean(name, self.populations) or " It has none."
            message = f"model {self.name!r} has no population {name!r}.{have}"
            raise ModelNotFoundError(message)
        laid = overlay(self, self.populations[name])
        # Written into model.toml, so that a saved model says what its priors are.
        setting = f"setting = {json.dumps(name)}\n".encode()
        raw = setting + self.meta_raw.removeprefix(codecs.BOM_UTF8)
        return replace(laid, population=name, meta={**self.meta, "setting": name}, meta_raw=raw)


def read(folder: Any, *, name: str | None = None) -> Knowledge:
    """Read and check a model folder.

    Parameters
    ----------
    folder : pathlib.Path or importlib.resources traversable
        The folder that holds `model.toml`, `variables.csv`, `priors.csv`, `links.csv` and `sources.csv`.
    name : str, optional
        Name of the model; the folder's name otherwise.

    Returns
    -------
    Knowledge

    Raises
    ------
    ModelTableError
        With every problem of every file.
    ModelNotFoundError
        If there is no such folder.
    """
    name = name or folder.name
    if not folder.is_dir():
        what = "is a file, not a model folder" if folder.is_file() else "does not exist"
        message = f"model folder {str(folder)!r} {what}"
        raise ModelNotFoundError(message)
    problems: list[Problem] = []
    meta, meta_raw = _meta(folder, problems)
    read_tables = {
        file: tables.read(
            folder / file, file=file, required=columns, problems=problems, missing_ok=file not in REQUIRED
        )
        for file, columns in COLUMNS.items()
    }
    populations = _populations(folder, problems)
    unread = {problem.file for problem in problems} - {"model.toml"}
    for table in (*(read_tables[file] for file in REQUIRED), *populations.values()):
        if not table.rows and table.file not in unread:
            problems.append(Problem(table.file, None, "has a header and no row under it"))
            unread.add(table.file)
    if meta.get("setting") and meta["setting"] not in populations:
        hint = did_you_mean(meta["setting"], populations)
        problems.append(Problem("model.toml", None, f"setting {meta['setting']!r} is no file of populations/.{hint}"))
    kept = {file: table for file, table in read_tables.items() if table.raw is not None or file in REQUIRED}
    knowledge = _typed(name, meta, meta_raw, kept, populations, problems)
    problems.extend(checks.whole(knowledge, unread=unread))
    doubtful = checks.doubtful_variables(kept["variables.csv"])
    for table in populations.values():
        changed = _priors(table, problems)
        if unread.isdisjoint({table.file, *REQUIRED}):
            merged = replace(knowledge, priors=_merge(knowledge.priors, changed))
            problems.extend(checks.priors(merged.priors, knowledge.variables, doubtful=doubtful))
            problems.extend(checks.compounds(merged))
    if problems:
        raise ModelTableError(list(dict.fromkeys(problems)))
    return knowledge


def overlay(
    knowledge: Knowledge, table: Table, *, citations: Sequence[Row] = (), problems: Sequence[Problem] = ()
) -> Knowledge:
    """Return the knowledge with rows of a priors table laid over its own, checked again as a whole.

    A row replaces the one with the same variable, given and state. Where the rows of a variable
    use other `given` variables than the model does, they replace all of its rows and must be complete.
    A source that no row cites any more is left out.

    Parameters
    ----------
    table : Table
        With the columns of `priors.csv`.
    citations : sequence of Row
        Rows for `sources.csv` that the new numbers may cite.
    problems : sequence of Problem
        What is known to be wrong with the rows already.

    Raises
    ------
    ModelTableError
        With every problem of the new rows.
    """
    found = list(problems)
    own = knowledge.tables["priors.csv"]
    changed = _priors(table, found)
    found.extend(checks.known(changed, knowledge.priors, knowledge.variables))
    own_names = {prior.variable for prior in knowledge.priors}
    changed, changed_rows = _only(own_names, changed, table.rows)
    priors, rows = _merge_rows(own.rows, knowledge.priors, changed_rows, changed)
    columns = (*own.columns, *(column for column in table.columns if column not in own.columns))
    new_tables = {**knowledge.tables, "priors.csv": Table("priors.csv", columns, rows)}
    new_tables["sources.csv"] = _cited(knowledge, new_tables, citations)
    cited = _citations(new_tables["sources.csv"], found)
    merged = replace(knowledge, tables=new_tables, priors=priors, citations=cited)
    found.extend(checks.whole(merged))
    if found:
        raise ModelTableError(list(dict.fromkeys(found)))
    return merged


def revise(
    knowledge: Knowledge, cells: Mapping[str, Mapping[int, Mapping[str, str]]], *, citations: Sequence[Row] = ()
) -> Knowledge:
    """Return the knowledge with other cells in some rows of `priors.csv` and `links.csv`, checked again as a whole.

    Parameters
    ----------
    cells : mapping of file to mapping of int to mapping of column to str
        For each file the number of each row that changes, from 0, with its new cells.
    citations : sequence of Row
        Rows for `sources.csv` that the new cells may cite.

    Raises
    ------
    ModelTableError
        With every problem of the new rows.
    """
    new_tables = dict(knowledge.tables)
    for file, changed in cells.items():
        table = new_tables[file]
        rows = tuple(
            Row(row.file, row.line, {**row.cells, **changed[i]}) if i in changed else row
            for i, row in enumerate(table.rows)
        )
        new_tables[file] = Table(file, table.columns, rows)
    new_tables["sources.csv"] = _cited(knowledge, new_tables, citations)
    found: list[Problem] = []
    revised = replace(
        knowledge,
        tables=new_tables,
        priors=_priors(new_tables["priors.csv"], found),
        links=_links(new_tables["links.csv"], found),
        citations=_citations(new_tables["sources.csv"], found),
    )
    found.extend(checks.whole(revised))
    if found:
        raise ModelTableError(list(dict.fromkeys(found)))
    return revised


def _only(
    names: Collection[str], priors: Sequence[Prior], rows: Sequence[Row]
) -> tuple[tuple[Prior, ...], tuple[Row, ...]]:
    kept = [(prior, row) for prior, row in zip(priors, rows, strict=True) if prior.variable in names]
    return tuple(prior for prior, _ in kept), tuple(row for _, row in kept)


def _cited(knowledge: Knowledge, new_tables: Mapping[str, Table], citations: Sequence[Row]) -> Table:
    """Return the sources of the new tables: of the model's own and the new ones those that a row cites."""
    sources = knowledge.tables["sources.csv"]
    citing = [t for file, t in new_tables.items() if file != "sources.csv"] + list(knowledge.populations.values())
    used = {name for table in citing for row in table.rows for name in words(row["source"])}
    listed = {row["source"] for row in sources.rows}
    new = [row for row in citations if row["source"] not in listed]
    rows = tuple(row for row in (*sources.rows, *new) if row["source"] in used)
    return sources if rows == sources.rows else replace(sources, rows=rows, raw=None)


def _meta(folder: Any, problems: list[Problem]) -> tuple[dict[str, str], bytes]:
    source = folder / "model.toml"
    if not source.is_file():
        what = "is a directory; a TOML file belongs here" if source.is_dir() else "is missing"
        problems.append(Problem("model.toml", None, f"{what}; it needs {', '.join(META)}"))
        return {}, b""
    raw = source.read_bytes()
    try:
        meta = tomllib.loads(raw.decode("utf-8-sig").replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        problems.append(Problem("model.toml", None, f"cannot be read as TOML: {error}"))
        return {}, raw
    missing = [key for key in META if key not in meta or not str(meta[key]).strip()]
    if missing:
        problems.append(Problem("model.toml", None, f"lacks {', '.join(missing)}"))
    problems.extend(
        Problem("model.toml", None, f"{key} = {meta[key]!r} must be a text in quotes")
        for key in ("name", "setting", *META)
        if not isinstance(meta.get(key, ""), str)
    )
    return {key: str(value).strip() for key, value in meta.items()}, raw


def _populations(folder: Any, problems: list[Problem]) -> dict[str, Table]:
    settings = folder / "populations"
    if settings.is_file():
        problems.append(Problem("populations", None, "is a file; a folder of CSV files belongs here"))
    if not settings.is_dir():
        return {}
    files = sorted((f for f in settings.iterdir() if f.name.endswith(".csv")), key=lambda f: f.name)
    return {
        f.name.removesuffix(".csv"): tables.read(
            f, file=f"populations/{f.name}", required=COLUMNS["priors.csv"], problems=problems
        )
        for f in files
    }


def _typed(
    name: str,
    meta: Mapping[str, str],
    meta_raw: bytes,
    present: Mapping[str, Table],
    populations: Mapping[str, Table],
    problems: list[Problem],
) -> Knowledge:
    problems.extend(checks.unique(present["variables.csv"], "variable"))
    problems.extend(checks.unique(present["sources.csv"], "source"))
    problems.extend(checks.variable_rows(present["variables.csv"]))
    return Knowledge(
        name=meta.get("name") or name,
        meta=meta,
        meta_raw=meta_raw,
        tables=present,
        variables={row["variable"]: _variable(row) for row in present["variables.csv"].rows},
        priors=_priors(present["priors.csv"], problems),
        links=_links(present["links.csv"], problems),
        citations=_citations(present["sources.csv"], problems),
        facts=_facts(present.get("checks.csv"), problems),
        populations=populations,
        population=meta.get("setting") or None,
    )


def _variable(row: Row) -> Variable:
    states = words(row["states"]) or BINARY
    return Variable(
        name=row["variable"],
        role=row["role"] if row["role"] in checks.ROLES else "context",  # type: ignore[arg-type]
        label=row["label"] or row["variable"].replace("_", " "),
        question=row["question"],
        states=states,
        unit=row["unit"],
        bands=bands(states) if row["unit"] else (),
        group=row["group"],
        any_of="" if row["role"] == "union" else row["any_of"],
        aliases=dict(pairs(row["aliases"])),
        assumed=row["assumed"],
        serious=row["serious"] == "yes",
        definition=row["definition"],
        of=row["of"],
        parts=words(row["any_of"]) if row["role"] == "union" else (),
        excludes=words(row["excludes"]),
    )


def _number(row: Row, problems: list[Problem], *, column: str = "probability", above_one: bool = False) -> Number:
    faults, (probability, low, high) = checks.interval(row, column=column, above_one=above_one)
    problems.extend(faults)
    return Number(probability, low, high, row["basis"], words(row["source"]), row["note"], row.file, row.line)


def _priors(table: Table, problems: list[Problem]) -> tuple[Prior, ...]:
    return tuple(
        Prior(
            row["variable"],
            tuple(sorted(pairs(row["given"]))),
            row["state"] or "present",
            _number(row, problems),
        )
        for row in table.rows
    )


def _links(table: Table, problems: list[Problem]) -> tuple[Link, ...]:
    return tuple(
        Link(
            row["parent"],
            row["child"],
            "compound" if row["form"] == "compound" else "net",
            _number(row, problems),
            row["state"] or "present",
            tuple(sorted(pairs(row["given"]))),
        )
        for row in table.rows
    )


def _facts(table: Table | None, problems: list[Problem]) -> tuple[Number, ...]:
    rows = table.rows if table else ()
    return tuple(_number(row, problems, column="value", above_one="ratio" in row["measure"]) for row in rows)


def _citations(table: Table, problems: list[Problem]) -> dict[str, Citation]:
    problems.extend(
        Problem(row.file, row.line, f"source {row['source']!r} has no citation")
        for row in table.rows
        if not row["citation"]
    )
    return {
        row["source"]: Citation(row["source"], row["citation"], row["identifier"], row["kind"], row["read"])
        for row in table.rows
    }


def _merge(own: Sequence[Prior], new: Sequence[Prior]) -> tuple[Prior, ...]:
    placeholder = tuple(Row("", 0, {}) for _ in own)
    return _merge_rows(placeholder, own, tuple(Row("", 0, {}) for _ in new), new)[0]


def _merge_rows(
    own_rows: Sequence[Row], own: Sequence[Prior], new_rows: Sequence[Row], new: Sequence[Prior]
) -> tuple[tuple[Prior, ...], tuple[Row, ...]]:
    strata_of_own = {p.variable: _strata(p) for p in own}
    restratified = {p.variable for p in new if strata_of_own.get(p.variable) != _strata(p)}
    # The first of two rows for one number; the other is found by the checks.
    replaced = {(p.variable, p.given, p.state): i for i, p in reversed(list(enumerate(new)))}
    out: list[tuple[Prior, Row]] = []
    used: set[int] = set()
    for prior, row in zip(own, own_rows, strict=True):
        match = replaced.get((prior.variable, prior.given, prior.state))
        if match is not None:
            used.add(match)
            out.append((new[match], new_rows[match]))
        elif prior.variable not in restratified:
            out.append((prior, row))
    out += [(new[i], new_rows[i]) for i in range(len(new)) if i not in used]
    return tuple(p for p, _ in out), tuple(r for _, r in out)


def _strata(prior: Prior) -> tuple[str, ...]:
    return tuple(name for name, _ in prior.given)
