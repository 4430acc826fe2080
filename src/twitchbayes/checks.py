"""What must hold of a model's tables; each check yields every problem it finds, with its line."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from twitchbayes.errors import Problem, did_you_mean
from twitchbayes.tables import Row, Table, bands, pairs, words

if TYPE_CHECKING:
    from twitchbayes.knowledge import Knowledge, Link, Prior, Variable

__all__ = ["BASES", "ROLES", "interval", "known", "priors", "unique", "variable_rows", "whole"]

ROLES = ("context", "cause", "finding", "group")
BASES = ("counts", "reported", "pooled", "band", "expert", "tuned")
# Names with a meaning of their own in the tables, in answers or in the arguments of `infer`.
RESERVED = ("leak", "none", "serious", "unknown", "model", "population", "priors", "virtual_evidence", "engine", "log_evidence")
SUM_TOLERANCE = 1e-9


def unique(table: Table, column: str) -> Iterator[Problem]:
    """Each name of a table stands once."""
    first: dict[str, int] = {}
    for row in table.rows:
        name = row[column]
        if not name:
            yield Problem(row.file, row.line, f"has no {column}")
        elif name in first:
            yield Problem(row.file, row.line, f"{column} {name!r} stands already in line {first[name]}")
        first.setdefault(name, row.line)


def interval(row: Row) -> tuple[list[Problem], tuple[float, float, float]]:
    """Read probability, low and high of a row: fractions with low <= probability <= high."""
    faults: list[Problem] = []
    values: list[float] = []
    for column in ("probability", "low", "high"):
        value, fault = _fraction(row[column])
        values.append(value)
        if fault:
            faults.append(Problem(row.file, row.line, f"{column} {fault}"))
    probability, low, high = values
    if low > high:
        faults.append(Problem(row.file, row.line, f"low {low} is above high {high}; swap them"))
    elif not (math.isnan(probability) or math.isnan(low) or math.isnan(high) or low <= probability <= high):
        faults.append(
            Problem(row.file, row.line, f"probability {probability} is outside its interval [{low}, {high}]")
        )
    if row["basis"] not in BASES:
        faults.append(Problem(row.file, row.line, f"basis {row['basis']!r} is none of {', '.join(BASES)}"))
    return faults, (probability, low, high)


def _fraction(text: str) -> tuple[float, str]:
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        return value, f"{text!r} is not a number; give a fraction between 0 and 1"
    if not 0 <= value <= 1:
        return math.nan, f"{text} is outside [0, 1]; give a fraction (0.3, not 30)"
    return value, ""


def variable_rows(table: Table) -> Iterator[Problem]:
    """Each row of `variables.csv` by itself, and the groups that the rows name."""
    groups = {row["variable"] for row in table.rows if row["role"] == "group"}
    members = Counter(row["group"] for row in table.rows)
    for row in table.rows:
        for message in itertools.chain(_name_and_role(row), _states(row), _group(row, groups, members)):
            yield Problem(row.file, row.line, message)


def _name_and_role(row: Row) -> Iterator[str]:
    name, role = row["variable"], row["role"]
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        yield f"variable {name!r} is not an identifier; use letters, digits and _ (the label may be anything)"
    if name in RESERVED:
        yield f"variable {name!r} has a meaning of its own; choose another name"
    if role not in ROLES:
        yield f"role {role!r} is none of {', '.join(ROLES)}"
    if row["serious"] not in {"", "yes", "no"} or (row["serious"] == "yes" and role != "cause"):
        yield f"serious {row['serious']!r} must be yes or no, and only a cause can be serious"


def _states(row: Row) -> Iterator[str]:
    states = words(row["states"]) or ("absent", "present")
    if states != ("absent", "present") and row["role"] != "context":
        yield f"states {row['states']!r}: only a context may have states other than absent;present"
    if len(set(states)) != len(states) or len(states) < 2:
        yield f"states {row['states']!r} must be two or more different words"
    if row["unit"]:
        limits = bands(states)
        ends = [bound for limit in limits for bound in limit]
        touching = all(high + 1 == low for (_, high), (low, _) in itertools.pairwise(limits))
        if not limits or ends != sorted(ends) or not touching:
            yield f"states {row['states']!r}: a variable with a unit needs bands that join up, as 18-39;40-120"
    if row["assumed"] and row["assumed"] not in states:
        yield f"assumed {row['assumed']!r} is none of the states {', '.join(states)}"
    for alias, state in pairs(row["aliases"]):
        if state not in states or alias in states:
            yield f"alias {alias}={state} must give another word for one of {', '.join(states)}"


def _group(row: Row, groups: set[str], members: Counter[str]) -> Iterator[str]:
    name, role = row["variable"], row["role"]
    for column in ("group", "any_of"):
        if row[column] and role != "finding":
            yield f"{column} {row[column]!r}: only a finding may name a group"
        if row[column] and row[column] not in groups:
            yield f"{column} {row[column]!r} is no row with role group.{did_you_mean(row[column], groups)}"
    if row["group"] and row["any_of"]:
        yield "a finding is a member of a group or the OR of one, not both"
    if role == "group" and not members[name]:
        yield f"group {name!r} has no member; name it in the column group of its findings"


def known(new: Sequence[Prior], own: Sequence[Prior], variables: Mapping[str, Variable]) -> Iterator[Problem]:
    """Each row laid over the priors names a variable that has priors, and stands once."""
    names = list(dict.fromkeys(prior.variable for prior in own))
    for prior in new:
        if prior.variable not in names:
            what = "has no prior" if prior.variable in variables else "is not in the model"
            yield _at(prior, f"variable {prior.variable!r} {what}.{did_you_mean(prior.variable, names)}")
    yield from _repeated((p.number.file, p.number.line, (p.variable, p.given, p.state)) for p in new)


def priors(rows: Sequence[Prior], variables: Mapping[str, Variable]) -> Iterator[Problem]:
    """The priors as a whole: names, complete strata, sums, no cycle among contexts."""
    yield from _repeated((p.number.file, p.number.line, (p.variable, p.given, p.state)) for p in rows)
    usable: dict[str, list[Prior]] = defaultdict(list)
    for prior in rows:
        faults = list(_prior_names(prior, variables))
        yield from (_at(prior, message) for message in faults)
        if not faults:
            usable[prior.variable].append(prior)
    for variable, own in usable.items():
        yield from _strata(variables[variable], own, variables)
    yield from _cycles(usable)
    named = {prior.variable for prior in rows}
    for variable in variables.values():
        if variable.role in {"context", "cause"} and variable.name not in named:
            yield Problem("priors.csv", None, f"has no row for the {variable.role} {variable.name!r}")


def _prior_names(prior: Prior, variables: Mapping[str, Variable]) -> Iterator[str]:
    variable = variables.get(prior.variable)
    if variable is None:
        yield f"variable {prior.variable!r} is not in variables.csv.{did_you_mean(prior.variable, variables)}"
        return
    if variable.role not in {"context", "cause"}:
        yield f"{variable.role} {prior.variable!r} can have no prior; only contexts and causes have one"
    if prior.state not in variable.states:
        yield f"state {prior.state!r} is none of {', '.join(variable.states)}"
    elif variable.role == "cause" and prior.state != "present":
        yield f"state {prior.state!r}: the prior of a cause is that of its state present"
    contexts = {name: v for name, v in variables.items() if v.role == "context"}
    for name, state in prior.given:
        if name not in contexts or name == prior.variable:
            others = [c for c in contexts if c != prior.variable]
            yield f"given {name!r} is no context that it can depend on.{did_you_mean(name, others)}"
        elif state not in contexts[name].states:
            yield f"given {name}={state or '?'}: {name} is one of {', '.join(contexts[name].states)}"


def _strata(variable: Variable, rows: Sequence[Prior], variables: Mapping[str, Variable]) -> Iterator[Problem]:
    names = tuple(name for name, _ in rows[0].given)
    for row in rows:
        other = tuple(name for name, _ in row.given)
        if other != names or len(set(other)) != len(other):
            message = f"given of {variable.name!r} names {other or 'nothing'}, line {rows[0].number.line} names"
            yield _at(row, f"{message} {names or 'nothing'}; all rows of a variable name the same, each once")
            return
    by_stratum: dict[tuple[tuple[str, str], ...], list[Prior]] = defaultdict(list)
    for row in rows:
        by_stratum[row.given].append(row)
    for states in itertools.product(*(variables[name].states for name in names)):
        given = tuple(zip(names, states, strict=True))
        stratum = " and ".join(f"{n}={s}" for n, s in given)
        where = f" given {stratum}" if given else ""
        if given not in by_stratum:
            yield Problem(rows[0].number.file, None, f"has no row of {variable.name!r}{where}")
        else:
            yield from _sum_of_states(variable, by_stratum[given], where)


def _sum_of_states(variable: Variable, rows: Sequence[Prior], where: str) -> Iterator[Problem]:
    stated = [row.state for row in rows]
    if variable.states == ("absent", "present") and stated == ["present"]:
        return
    missing = [state for state in variable.states if state not in stated]
    if missing:
        yield _at(rows[0], f"{variable.name!r}{where} has no row for {', '.join(missing)}")
        return
    total = math.fsum(row.number.probability for row in rows)
    if abs(total - 1) > SUM_TOLERANCE:
        yield _at(rows[0], f"the states of {variable.name!r}{where} sum to {total:.12g}; they must sum to 1")


def _cycles(rows: Mapping[str, Sequence[Prior]]) -> Iterator[Problem]:
    parents = {name: {parent for parent, _ in own[0].given} for name, own in rows.items()}
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> Iterator[Problem]:
        if name in path:
            loop = " given ".join((*path[path.index(name) :], name))
            yield _at(rows[name][0], f"the contexts depend on each other in a circle: {loop}")
        elif name not in done:
            for parent in sorted(parents.get(name, ())):
                yield from walk(parent, (*path, name))
            done.add(name)

    for name in parents:
        yield from walk(name, ())


def whole(knowledge: Knowledge, *, unused_ok: bool = False) -> Iterator[Problem]:
    """Everything that takes more than one table to see."""
    yield from priors(knowledge.priors, knowledge.variables)
    yield from _links(knowledge)
    yield from _sources(knowledge, unused_ok=unused_ok)
    for row in knowledge.table("codes.csv").rows:
        if row["variable"] not in knowledge.variables:
            name = row["variable"]
            hint = did_you_mean(name, knowledge.variables)
            yield Problem(row.file, row.line, f"variable {name!r} is not in variables.csv.{hint}")
    for role in ("cause", "finding"):
        if not any(v.role == role for v in knowledge.variables.values()):
            yield Problem("variables.csv", None, f"has no {role}; a model needs at least one")


def _links(knowledge: Knowledge) -> Iterator[Problem]:
    yield from _repeated((k.number.file, k.number.line, (k.parent, k.child)) for k in knowledge.links)
    for row in knowledge.table("links.csv").rows:
        if row["form"] not in {"compound", "net"} and not (row["parent"] == "leak" and not row["form"]):
            yield Problem(row.file, row.line, f"form {row['form']!r} is neither compound nor net")
    leaks = _leaks(knowledge)
    for link in knowledge.links:
        yield from (_at(link, message) for message in _link_ends(link, knowledge.variables))
        if link.form == "compound" and link.parent != "leak":
            yield from (_at(link, message) for message in _compound(link, leaks))
    for variable in knowledge.of_role("finding"):
        if not variable.any_of and not any(k.child == variable.name and k.parent == "leak" for k in knowledge.links):
            yield Problem("links.csv", None, f"has no leak for the finding {variable.name!r}; add a row leak,{variable.name}")


def _leaks(knowledge: Knowledge) -> dict[str, list[float]]:
    leaks: dict[str, list[float]] = defaultdict(list)
    for link in knowledge.links:
        if link.parent == "leak":
            leaks[link.child].append(link.number.probability)
    causes = {cause.name for cause in knowledge.of_role("cause")}
    for prior in knowledge.priors:
        if prior.variable in causes:
            leaks[prior.variable].append(prior.number.probability)
    return leaks


def _link_ends(link: Link, variables: Mapping[str, Variable]) -> Iterator[str]:
    for name in (link.parent, link.child):
        if name not in variables and not (name == "leak" and name == link.parent):
            yield f"{name!r} is not in variables.csv.{did_you_mean(name, variables)}"
    parent, child = variables.get(link.parent), variables.get(link.child)
    if child is None or (parent is None and link.parent != "leak"):
        return
    if child.any_of:
        yield f"{child.name!r} is the OR of {child.any_of!r} and takes no link; link its members instead"
    elif parent is None:
        if child.role != "finding":
            yield f"the leak of {child.role} {child.name!r} belongs in priors.csv; here only findings have one"
    elif (parent.role, child.role) not in {("context", "cause"), ("cause", "finding")}:
        yield f"links go from a context to a cause or from a cause to a finding, not {parent.role} to {child.role}"
    elif parent.states != ("absent", "present"):
        yield f"{parent.name!r} is not binary; let the prior of {child.name!r} depend on it through `given`"


def _compound(link: Link, leaks: Mapping[str, Sequence[float]]) -> Iterator[str]:
    background = leaks.get(link.child, ())
    if len(background) > 1:
        yield f"a compound link needs one leak, and that of {link.child!r} is stratified; give the net link"
    elif background and link.number.probability < background[0]:
        value = f"{link.number.probability} of {link.parent!r} is below the leak {background[0]} of {link.child!r}"
        yield f"compound {value}; a compound value includes the leak"


def _sources(knowledge: Knowledge, *, unused_ok: bool) -> Iterator[Problem]:
    used: set[str] = set()
    settings = knowledge.populations.values()
    for table in (*knowledge.tables.values(), *settings):
        if table.file == "sources.csv" or "source" not in table.columns:
            continue
        for row in table.rows:
            names = words(row["source"])
            used.update(names)
            if not names:
                yield Problem(row.file, row.line, "has no source; name one of sources.csv (a judgement has one too)")
            for name in names:
                if name not in knowledge.citations:
                    hint = did_you_mean(name, knowledge.citations)
                    yield Problem(row.file, row.line, f"source {name!r} is not in sources.csv.{hint}")
    for row in knowledge.tables["sources.csv"].rows:
        if not unused_ok and row["source"] not in used:
            yield Problem(row.file, row.line, f"source {row['source']!r} is used by no row; cite it or take it out")


def _repeated(places: Iterable[tuple[str, int, object]]) -> Iterator[Problem]:
    first: dict[object, int] = {}
    for file, line, key in places:
        if key in first:
            yield Problem(file, line, f"repeats line {first[key]}; a number stands once")
        first.setdefault(key, line)


def _at(row: Prior | Link, message: str) -> Problem:
    return Problem(row.number.file, row.number.line, message)
