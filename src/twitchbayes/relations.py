"""What variables may say of each other in the tables: describe, exclude, be a union; and links by state and stratum."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from twitchbayes.errors import Problem, did_you_mean, nearest
from twitchbayes.tables import Row, Table, words

if TYPE_CHECKING:
    from twitchbayes.knowledge import Link, Prior, Variable

__all__ = [
    "by_stratum",
    "given_messages",
    "in_doubt",
    "links_together",
    "missing_strata",
    "uneven_strata",
    "variables_together",
    "where",
]

Stratum: TypeAlias = tuple[tuple[str, str], ...]
Given = TypeVar("Given", "Prior", "Link")

BINARY = ("absent", "present")
SUM_TOLERANCE = 1e-9
NAMED_STRATA = 3  # of those that are missing


# Variables


def variables_together(table: Table) -> Iterator[Problem]:
    """Check what each row of `variables.csv` says of others: `of`, `excludes`, and the causes of a union."""
    rows: dict[str, Row] = {}
    for row in table.rows:
        rows.setdefault(row["variable"], row)
    described = {row["of"] for row in table.rows if row["of"]}
    for row in table.rows:
        messages = [*_describes(row, rows, described), *_excludes(row, rows), *_union(row, rows)]
        yield from (Problem(row.file, row.line, message) for message in messages)
    circles = list(_loops(rows, _parts, "the unions contain each other in a circle", "contains"))
    yield from circles
    if not circles:
        told = "the causes exclude each other in a circle"
        yield from _loops(rows, lambda row: _excluded(row, rows), told, "excludes")


def _describes(row: Row, rows: Mapping[str, Row], described: Collection[str]) -> Iterator[str]:
    name, of = row["variable"], row["of"]
    if not of:
        return
    if row["role"] != "finding":
        yield f"of {of!r}: only a finding may describe another"
        return
    if row["group"] or row["any_of"]:
        yield f"of {of!r}: a finding that describes another is neither a member of a group nor the OR of one"
    other = rows.get(of)
    if other is None:
        yield f"of {of!r} is not in variables.csv.{did_you_mean(of, [n for n, r in rows.items() if _is_finding(r)])}"
    elif not _is_finding(other):
        yield f"of {of!r} is a {other['role']}; only a finding can be described"
    elif of == name or other["of"]:
        yield f"of {of!r} describes a finding itself; name the one that has a presence of its own"
    elif (words(other["states"]) or BINARY) != BINARY:
        yield f"of {of!r} is graded; only a finding that is absent or present can be described"
    elif other["group"] and any(rows[d]["any_of"] == other["group"] for d in described if d in rows):
        yield f"of {of!r} is a member of the group {other['group']!r}, of which the whole is described, too; keep one"


def _is_finding(row: Row) -> bool:
    return row["role"] == "finding"


def _excludes(row: Row, rows: Mapping[str, Row]) -> Iterator[str]:
    name, names = row["variable"], words(row["excludes"])
    if names and row["role"] != "cause":
        yield f"excludes {row['excludes']!r}: only a cause may exclude others"
        return
    yield from _causes_named("excludes", names, rows)
    for other in names:
        if other == name:
            yield f"excludes {other!r}: a cause cannot exclude itself"
        elif name in _flat(other, rows):
            yield f"excludes {other!r} contradicts that union, of which {name!r} is a part; name its other causes"


def _union(row: Row, rows: Mapping[str, Row]) -> Iterator[str]:
    if row["role"] != "union":
        return
    parts = words(row["any_of"])
    if not parts:
        yield "a union needs causes; name them in any_of, with ; between them"
    yield from _causes_named("any_of", parts, rows)
    for column in ("states", "unit", "aliases", "assumed", "group", "of", "excludes"):
        if row[column]:
            yield f"{column} {row[column]!r}: a union has none; its causes may"


def _causes_named(column: str, names: Sequence[str], rows: Mapping[str, Row]) -> Iterator[str]:
    known = [name for name, row in rows.items() if row["role"] in {"cause", "union"}]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"{column} names {name!r} twice"
        if name not in rows:
            yield f"{column} {name!r} is not in variables.csv.{did_you_mean(name, known)}"
        elif name not in known:
            yield f"{column} {name!r} is a {rows[name]['role']}; only causes and unions of causes can stand there"


def _parts(row: Row) -> tuple[str, ...]:
    return words(row["any_of"]) if row["role"] == "union" else ()


def _flat(name: str, rows: Mapping[str, Row]) -> set[str]:
    """Return the causes and unions that a union contains, through others too; a cause contains none."""
    found: set[str] = set()
    waiting = list(_parts(rows[name])) if name in rows else []
    while waiting:
        part = waiting.pop()
        if part not in found and part in rows:
            found.add(part)
            waiting.extend(_parts(rows[part]))
    return found


def _excluded(row: Row, rows: Mapping[str, Row]) -> tuple[str, ...]:
    """Return the causes that a cause excludes; not itself, which is a fault of its own."""
    named = words(row["excludes"]) if row["role"] == "cause" else ()
    every = {part for name in named for part in (name, *_flat(name, rows)) if part in rows}
    return tuple(sorted(name for name in every if rows[name]["role"] == "cause" and name != row["variable"]))


def _loops(
    rows: Mapping[str, Row], leads: Callable[[Row], Iterable[str]], what: str, between: str
) -> Iterator[Problem]:
    """Yield each circle once, at the row where it is entered first."""
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> Iterator[Problem]:
        if name in path:
            circle = (*path[path.index(name) :], name)
            yield Problem(rows[name].file, rows[name].line, f"{what}: {f' {between} '.join(circle)}")
        elif name in rows and name not in done:
            for other in leads(rows[name]):
                yield from walk(other, (*path, name))
            done.add(name)

    for name in rows:
        yield from walk(name, ())


# Links


def links_together(
    links: Sequence[Link], variables: Mapping[str, Variable], doubtful: Collection[str]
) -> Iterator[Problem]:
    """Check what the rows of a leak or link say together: the same strata, all of them, and all states of the child.

    Nothing is said of links between variables that are not there, or whose own row is at fault.
    """
    rows_of: dict[tuple[str, str], list[Link]] = defaultdict(list)
    for link in links:
        if link.child in variables and (link.parent == "leak" or link.parent in variables):
            rows_of[link.parent, link.child].append(link)
    for (parent, child), rows in rows_of.items():
        if {parent, child} & set(doubtful) or variables[child].role not in {"cause", "finding"}:
            continue
        if any(in_doubt(name, variables, doubtful) for row in rows for name, _ in row.given):
            continue
        faults = [problem for row in rows for problem in _one_link(row, variables, doubtful)]
        yield from faults or _strata(parent, variables[child], rows, variables)
    yield from _producers(rows_of, variables, doubtful)


def _one_link(link: Link, variables: Mapping[str, Variable], doubtful: Collection[str]) -> Iterator[Problem]:
    """Check the state and the strata of a row, and that it is net where it must be."""
    child = variables[link.child]
    if link.state == child.states[0]:
        yield _at(link, f"state {link.state!r} is the lowest of {child.name!r}: it is what the other states leave")
    elif link.state not in child.states:
        yield _at(link, f"state {link.state!r} is none of {', '.join(child.states[1:])}")
    yield from (_at(link, message) for message in given_messages(link.given, link.parent, variables, doubtful))
    reasons = {"depends on a stratum": link.given, "is graded": child.states[2:], f"describes {child.of!r}": child.of}
    for reason, holds in reasons.items():
        if holds and link.form == "compound" and link.parent != "leak":
            yield _at(link, f"form 'compound': {child.name!r} {reason}; give the net link")
            break


def _strata(parent: str, child: Variable, rows: Sequence[Link], variables: Mapping[str, Variable]) -> Iterator[Problem]:
    what = f"the leak of {child.name!r}" if parent == "leak" else f"{parent!r} to {child.name!r}"
    uneven = list(uneven_strata(rows, what, "link"))
    yield from uneven
    for given, own in by_stratum(rows).items() if not uneven else ():
        stated = {row.state for row in own}
        missing = [state for state in child.states[1:] if state not in stated]
        if missing:
            yield _at(own[0], f"{what}{where(given)} has no row for {', '.join(missing)}")
        total = math.fsum(row.number.probability for row in own)
        if total > 1 + SUM_TOLERANCE:
            yield _at(own[0], f"the states of {what}{where(given)} sum to {total:.12g}; they must sum to 1 at most")
    lacking = "" if uneven else missing_strata(rows, variables)
    if lacking:
        yield _at(rows[0], f"{what} has no row{lacking}")


def _producers(
    rows_of: Mapping[tuple[str, str], Sequence[Link]], variables: Mapping[str, Variable], doubtful: Collection[str]
) -> Iterator[Problem]:
    """Only a cause that can produce a finding can have a link to what describes it."""
    for (parent, child), rows in rows_of.items():
        of = variables[child].of
        if not of or of not in variables or parent == "leak" or {parent, child, of} & set(doubtful):
            continue
        group = variables[of].any_of
        parts = [v.name for v in variables.values() if group and v.group == group] or [of]
        if variables[parent].role == "cause" and not any((parent, part) in rows_of for part in parts):
            message = f"{parent!r} has no link to {of!r}, which {child!r} describes: it cannot have produced it"
            yield _at(rows[0], f"{message}; add that link, or leave this one out")


# Strata, of priors and of links


def in_doubt(name: str, variables: Collection[str], doubtful: Collection[str]) -> bool:
    """Whether a name is that of a variable whose own row is at fault, or was meant to be."""
    return name in doubtful or (name not in variables and bool(nearest(name, doubtful)))


def given_messages(
    given: Stratum, own: str, variables: Mapping[str, Variable], doubtful: Collection[str]
) -> Iterator[str]:
    """Say what is wrong with the contexts that a number is given, which cannot be its own variable."""
    contexts = {name: v for name, v in variables.items() if v.role == "context"}
    for name, state in given:
        if in_doubt(name, variables, doubtful):
            continue
        if name not in contexts or name == own:
            others = [c for c in contexts if c != own]
            yield f"given {name!r} is no context that it can depend on.{did_you_mean(name, others)}"
        elif state not in contexts[name].states:
            yield f"given {name}={state or '?'}: {name} is one of {', '.join(contexts[name].states)}"


def uneven_strata(rows: Sequence[Given], what: str, kind: str) -> Iterator[Problem]:
    """Yield the first row that is given other contexts than the others, or one of them twice."""
    names = tuple(name for name, _ in rows[0].given)
    for row in rows:
        other = tuple(name for name, _ in row.given)
        if other != names or len(set(other)) != len(other):
            message = f"given of {what} names {other or 'nothing'}, line {rows[0].number.line} names"
            message = f"{message} {names or 'nothing'}; all rows of a {kind} name the same, each once"
            yield Problem(row.number.file, row.number.line, message)
            return


def by_stratum(rows: Sequence[Given]) -> dict[Stratum, list[Given]]:
    """Return the rows of each stratum."""
    found: dict[Stratum, list[Given]] = defaultdict(list)
    for row in rows:
        found[row.given].append(row)
    return found


def missing_strata(rows: Sequence[Given], variables: Mapping[str, Variable]) -> str:
    """Name the strata that have no row, the first few of them; nothing where there are none."""
    names, there = tuple(name for name, _ in rows[0].given), {row.given for row in rows}
    wanted = math.prod(len(variables[name].states) for name in names)
    if len(there) >= wanted:
        return ""
    every = (tuple(zip(names, s, strict=True)) for s in itertools.product(*(variables[n].states for n in names)))
    missing = itertools.islice((given for given in every if given not in there), NAMED_STRATA)
    more = wanted - len(there) - NAMED_STRATA
    return " or".join(map(where, missing)) + (f" and {more} strata more" if more > 0 else "")


def where(given: Stratum) -> str:
    """Return a stratum in words."""
    return f" given {' and '.join(f'{name}={state}' for name, state in given)}" if given else ""


def _at(link: Link, message: str) -> Problem:
    return Problem(link.number.file, link.number.line, message)
