"""What must hold of a model's tables; each check yields every problem it finds, with its line."""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from twitchbayes.errors import Problem, did_you_mean, nearest
from twitchbayes.relations import (
    by_stratum,
    given_messages,
    in_doubt,
    links_together,
    missing_strata,
    uneven_strata,
    variables_together,
    where,
)
from twitchbayes.spans import MAX_STATES as MOST_LEVELS
from twitchbayes.tables import Row, Table, bands, pairs, words

if TYPE_CHECKING:
    from twitchbayes.knowledge import Knowledge, Link, Number, Prior, Variable

__all__ = [
    "BASES",
    "ROLES",
    "compounds",
    "doubtful_variables",
    "fraction",
    "interval",
    "known",
    "priors",
    "unique",
    "variable_rows",
    "whole",
]

ROLES = ("context", "cause", "finding", "group", "union")
BASES = ("counts", "reported", "pooled", "band", "expert", "tuned")
# What a code means next to its variable: the same, one kind of it, or more than it.
RELATIONS = ("exact", "narrower", "broader")
# Names with a meaning of their own in the tables, in answers or in the arguments of `infer`.
RESERVED = (
    "leak",
    "none",
    "serious",
    "unknown",
    "model",
    "population",
    "priors",
    "virtual_evidence",
    "engine",
    "interval",
    "log_evidence",
    "probability",
)
SUM_TOLERANCE = 1e-9
BINARY = ("absent", "present")
# The engine holds the number of a state in one signed byte.
MAX_STATES = 127


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


def interval(
    row: Row, *, column: str = "probability", above_one: bool = False
) -> tuple[list[Problem], tuple[float, float, float]]:
    """Read a number of a row with its low and high: fractions, or ratios where `above_one`, low <= it <= high."""
    faults: list[Problem] = []
    values: list[float] = []
    for name in (column, "low", "high"):
        value, fault = fraction(row[name], math.inf if above_one else 1)
        values.append(value)
        if fault:
            faults.append(Problem(row.file, row.line, f"{name} {fault}"))
    probability, low, high = values
    if low > high:
        faults.append(Problem(row.file, row.line, f"low {low} is above high {high}; swap them"))
    elif not (math.isnan(probability) or math.isnan(low) or math.isnan(high) or low <= probability <= high):
        faults.append(Problem(row.file, row.line, f"{column} {probability} is outside its interval [{low}, {high}]"))
    if row["basis"] not in BASES:
        faults.append(Problem(row.file, row.line, f"basis {row['basis']!r} is none of {', '.join(BASES)}"))
    return faults, (probability, low, high)


def fraction(text: str, most: float = 1) -> tuple[float, str]:
    """Return the number that a cell holds, from 0 to `most` (1 or inf), or NaN and what is wrong with it."""
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if math.isnan(value):
        return value, f"{text!r} is not a number; give a fraction between 0 and 1"
    if most == 1 and not 0 <= value <= 1:
        return math.nan, f"{text} is outside [0, 1]; give a fraction (0.3, not 30)"
    if not 0 <= value < math.inf:
        return math.nan, f"{text} is no ratio; give a finite number that is not negative"
    return value, ""


def variable_rows(table: Table) -> Iterator[Problem]:
    """Each row of `variables.csv` by itself, and the groups that the rows name."""
    # Where a role is misspelt, the row may be meant as a group.
    groups = {row["variable"] for row in table.rows if row["role"] == "group" or row["role"] not in ROLES}
    members = {row["group"] for row in table.rows}
    members.update(*(nearest(group, groups) for group in members - groups if group))
    unions: dict[str, int] = {}
    for row in table.rows:
        messages = [*_name_and_role(row), *(list(_states(row)) or _aliases(row))]
        if row["role"] == "finding":
            unions.setdefault(row["any_of"], row.line)
        if row["role"] in ROLES:
            messages += _group(row, groups, members, unions)
        yield from (Problem(row.file, row.line, message) for message in messages)
    yield from variables_together(table)


def _name_and_role(row: Row) -> Iterator[str]:
    name, role = row["variable"], row["role"]
    if name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        yield f"variable {name!r} is not an identifier; use letters, digits and _ (the label may be anything)"
    if name in RESERVED:
        yield f"variable {name!r} has a meaning of its own; choose another name"
    if role not in ROLES:
        yield f"role {role!r} is none of {', '.join(ROLES)}"
    if row["serious"] not in {"", "yes", "no"} or (row["serious"] == "yes" and role in ROLES and role != "cause"):
        yield f"serious {row['serious']!r} must be yes or no, and only a cause can be serious"


def _states(row: Row) -> Iterator[str]:
    states = words(row["states"]) or BINARY
    folded = {state.casefold() for state in states}
    if row["role"] == "union":
        return
    if row["role"] == "group":
        for column in ("states", "unit", "aliases", "assumed"):
            if row[column]:
                yield f"{column} {row[column]!r}: a group has no states; its members have"
        return
    if states != BINARY and row["role"] == "cause":
        yield f"states {row['states']!r}: only a context or a finding may have states other than absent;present"
    if states != BINARY and row["role"] == "finding" and (row["group"] or row["any_of"]):
        yield f"states {row['states']!r}: a member of a group, or the OR of one, is absent or present"
    most = MOST_LEVELS if row["role"] == "finding" else MAX_STATES
    if len(folded) != len(states) or len(states) < 2 or "unknown" in folded:
        yield f"states {row['states']!r} must be two or more different words, none of them unknown"
    elif len(states) > most:
        yield f"has {len(states)} states; {most} at most"
    elif row["unit"] and row["role"] == "finding":
        yield f"unit {row['unit']!r}: only a context is given as a number"
    elif row["unit"]:
        limits = bands(states)
        ends = [bound for limit in limits for bound in limit]
        touching = all(high + 1 == low for (_, high), (low, _) in itertools.pairwise(limits))
        if not limits or ends != sorted(ends) or not touching:
            yield f"states {row['states']!r}: a variable with a unit needs bands that join up, as 18-39;40-120"
    if row["assumed"] and row["assumed"] not in states:
        yield f"assumed {row['assumed']!r} is none of the states {', '.join(states)}"


def _aliases(row: Row) -> Iterator[str]:
    states = words(row["states"]) or BINARY
    taken = {"unknown", *(state.casefold() for state in states)}
    for alias, state in pairs(row["aliases"]):
        if row["role"] != "group" and (state not in states or alias.casefold() in taken):
            yield f"alias {alias}={state} must give another word for one of {', '.join(states)}"
        taken.add(alias.casefold())


def _group(row: Row, groups: set[str], members: Collection[str], unions: Mapping[str, int]) -> Iterator[str]:
    name, role = row["variable"], row["role"]
    for column in ("group", "any_of") if role != "union" else ():
        if row[column] and role != "finding":
            yield f"{column} {row[column]!r}: only a finding may name a group"
        if row[column] and row[column] not in groups:
            yield f"{column} {row[column]!r} is no row with role group.{did_you_mean(row[column], groups)}"
    if row["group"] and row["any_of"]:
        yield "a finding is a member of a group or the OR of one, not both"
    elif role == "finding" and row["any_of"] and unions[row["any_of"]] != row.line:
        first = unions[row["any_of"]]
        yield f"any_of {row['any_of']!r}: line {first} is the OR of that group already; a group has one at most"
    if role == "group" and name not in members:
        yield f"group {name!r} has no member; name it in the column group of its findings"


def known(new: Sequence[Prior], own: Sequence[Prior], variables: Mapping[str, Variable]) -> Iterator[Problem]:
    """Each row laid over the priors names a variable that has priors."""
    names = list(dict.fromkeys(prior.variable for prior in own))
    for prior in new:
        if prior.variable not in names:
            what = "has no prior" if prior.variable in variables else "is not in the model"
            yield _at(prior, f"variable {prior.variable!r} {what}.{did_you_mean(prior.variable, names)}")


def priors(
    rows: Sequence[Prior], variables: Mapping[str, Variable], *, doubtful: Collection[str] = ()
) -> Iterator[Problem]:
    """Check the priors as a whole: names, complete strata, sums, no cycle among contexts.

    Nothing is said of `doubtful` variables, whose own row is at fault, nor of the strata of a variable
    of which a row is at fault: what is missing there may be what that row was meant to be.
    """
    yield from _repeated((p.number.file, p.number.line, (p.variable, p.given, p.state)) for p in rows)
    usable: dict[str, dict[object, Prior]] = defaultdict(dict)
    at_fault = set(doubtful)
    for prior in rows:
        name = prior.variable
        faults = list(_prior_names(prior, variables, doubtful))
        yield from (_at(prior, message) for message in faults)
        if faults or any(in_doubt(n, variables, doubtful) for n in (name, *dict(prior.given))):
            at_fault.update([name] if name in variables else nearest(name, variables))
        else:
            usable[name].setdefault((prior.given, prior.state), prior)
    sound = {name: list(own.values()) for name, own in usable.items() if name not in at_fault}
    for name, own in sound.items():
        yield from _strata(variables[name], own, variables)
    yield from _cycles(sound)
    for variable in variables.values():
        if variable.role in {"context", "cause"} and variable.name not in {*usable, *at_fault}:
            yield Problem("priors.csv", None, f"has no row for the {variable.role} {variable.name!r}")


def _prior_names(prior: Prior, variables: Mapping[str, Variable], doubtful: Collection[str]) -> Iterator[str]:
    if in_doubt(prior.variable, variables, doubtful):
        return
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
    yield from given_messages(prior.given, prior.variable, variables, doubtful)


def _strata(variable: Variable, rows: Sequence[Prior], variables: Mapping[str, Variable]) -> Iterator[Problem]:
    uneven = list(uneven_strata(rows, repr(variable.name), "variable"))
    yield from uneven
    for given, own in by_stratum(rows).items() if not uneven else ():
        yield from _sum_of_states(variable, own, where(given))
    missing = "" if uneven else missing_strata(rows, variables)
    if missing:
        yield Problem(_last_laid(rows).number.file, None, f"has no row of {variable.name!r}{missing}")


def _last_laid(rows: Sequence[Prior]) -> Prior:
    """Return the row to blame: one that was laid over the model's own, which were complete without it."""
    return next((row for row in rows if row.number.file != "priors.csv"), rows[0])


def _sum_of_states(variable: Variable, rows: Sequence[Prior], stratum: str) -> Iterator[Problem]:
    stated = [row.state for row in rows]
    if variable.states == BINARY and stated == ["present"]:
        return
    missing = [state for state in variable.states if state not in stated]
    if missing:
        yield _at(_last_laid(rows), f"{variable.name!r}{stratum} has no row for {', '.join(missing)}")
        return
    total = math.fsum(row.number.probability for row in rows)
    if abs(total - 1) > SUM_TOLERANCE:
        yield _at(
            _last_laid(rows),
            f"the states of {variable.name!r}{stratum} sum to {total:.12g}; they must sum to 1",
        )


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


def whole(knowledge: Knowledge, *, unread: Collection[str] = ()) -> Iterator[Problem]:
    """Everything that takes more than one table to see.

    What would need a file in `unread`, which could not be read to its end, is left unsaid.
    """
    if "variables.csv" not in unread:
        doubtful = doubtful_variables(knowledge.tables["variables.csv"])
        if "priors.csv" not in unread:
            yield from priors(knowledge.priors, knowledge.variables, doubtful=doubtful)
        if "links.csv" not in unread:
            yield from _links(knowledge, doubtful)
            yield from compounds(knowledge, with_priors="priors.csv" not in unread)
        yield from _codes(knowledge, doubtful)
        for role in ("cause", "finding"):
            if not doubtful and not any(v.role == role for v in knowledge.variables.values()):
                yield Problem("variables.csv", None, f"has no {role}; a model needs at least one")
    yield from _sources(knowledge, unread)


def _codes(knowledge: Knowledge, doubtful: set[str]) -> Iterator[Problem]:
    for row in knowledge.table("codes.csv").rows:
        name = row["variable"]
        if name not in knowledge.variables and not in_doubt(name, knowledge.variables, doubtful):
            hint = did_you_mean(name, knowledge.variables)
            yield Problem(row.file, row.line, f"variable {name!r} is not in variables.csv.{hint}")
        if row["relation"] not in {"", *RELATIONS}:
            message = f"relation {row['relation']!r} is none of {', '.join(RELATIONS)} (empty means exact)"
            yield Problem(row.file, row.line, message)


def doubtful_variables(table: Table) -> set[str]:
    """Return the variables whose own row in `variables.csv` is at fault."""
    lines = {problem.line for problem in itertools.chain(unique(table, "variable"), variable_rows(table))}
    return {row["variable"] for row in table.rows if row.line in lines}


def _links(knowledge: Knowledge, doubtful: Collection[str]) -> Iterator[Problem]:
    yield from _repeated((k.number.file, k.number.line, (k.parent, k.child, k.state, k.given)) for k in knowledge.links)
    yield from links_together(knowledge.links, knowledge.variables, doubtful)
    for row in knowledge.tables["links.csv"].rows:
        if row["form"] not in {"compound", "net"} and not (row["parent"] == "leak" and not row["form"]):
            yield Problem(row.file, row.line, f"form {row['form']!r} is neither compound nor net")
    parents, children = ("leak", *knowledge.variables), tuple(knowledge.variables)
    leaks: set[str] = set(doubtful)
    for link in knowledge.links:
        if not any(in_doubt(name, knowledge.variables, doubtful) for name in (link.parent, link.child)):
            yield from (_at(link, message) for message in _link_ends(link, knowledge.variables))
        # A misspelt leak is no missing one as well.
        if "leak" in _meant(link.parent, parents):
            leaks.update(_meant(link.child, children))
    for variable in knowledge.of_role("finding"):
        if not variable.any_of and variable.name not in leaks:
            name = variable.name
            yield Problem("links.csv", None, f"has no leak for the finding {name!r}; add a row leak,{name}")


def _meant(name: str, known: Sequence[str]) -> list[str]:
    return [name] if name in known else nearest(name, known)


def _link_ends(link: Link, variables: Mapping[str, Variable]) -> Iterator[str]:
    if link.parent not in variables and link.parent != "leak":
        yield f"parent {link.parent!r} is not in variables.csv.{did_you_mean(link.parent, [*variables, 'leak'])}"
    if link.child not in variables:
        yield f"child {link.child!r} is not in variables.csv.{did_you_mean(link.child, variables)}"
    parent, child = variables.get(link.parent), variables.get(link.child)
    if child is None or (parent is None and link.parent != "leak"):
        return
    if "union" in {child.role, parent.role if parent else ""}:
        name = child.name if child.role == "union" else link.parent
        yield f"{name!r} is a union and takes no link; link its causes instead"
    elif child.any_of:
        yield f"{child.name!r} is the OR of {child.any_of!r} and takes no link; link its members instead"
    elif parent is None:
        if child.role != "finding":
            yield f"the leak of {child.role} {child.name!r} belongs in priors.csv; here only findings have one"
    elif (parent.role, child.role) not in {("context", "cause"), ("cause", "finding")}:
        yield f"links go from a context to a cause or from a cause to a finding, not {parent.role} to {child.role}"
    elif parent.states != BINARY:
        yield f"{parent.name!r} is not binary; let the prior of {child.name!r} depend on it through `given`"


def compounds(knowledge: Knowledge, *, with_priors: bool = True) -> Iterator[Problem]:
    """Check that each compound link includes the leak of its child: one number, and not above it."""
    leaks: dict[str, dict[object, Number]] = defaultdict(dict)
    for link in knowledge.links:
        if link.parent == "leak":
            leaks[link.child].setdefault(link.given, link.number)
    for prior in knowledge.priors if with_priors else ():
        variable = knowledge.variables.get(prior.variable)
        if variable and variable.role == "cause" and prior.state == "present":
            leaks[prior.variable].setdefault(prior.given, prior.number)
    for link in knowledge.links:
        background = list(leaks.get(link.child, {}).values())
        if link.form != "compound" or link.parent == "leak" or not background:
            continue
        leak = background[0]
        if len(background) > 1:
            message = f"a compound link needs one leak, and that of {link.child!r} is stratified"
            yield _at(link, f"{message}{_elsewhere(leak)}; give the net link")
        elif link.number.probability < leak.probability:
            value = f"{link.number.probability} of {link.parent!r} is below the leak {leak.probability}"
            message = f"compound {value} of {link.child!r}{_elsewhere(leak)}"
            yield _at(link, f"{message}; a compound value includes the leak")


def _elsewhere(leak: Number) -> str:
    return "" if leak.file in {"priors.csv", "links.csv"} else f" ({leak.file}, line {leak.line})"


def _sources(knowledge: Knowledge, unread: Collection[str]) -> Iterator[Problem]:
    used: set[str] = set()
    for table in (*knowledge.tables.values(), *knowledge.populations.values()):
        if table.file == "sources.csv" or "source" not in table.columns:
            continue
        for row in table.rows:
            names = words(row["source"])
            if not names:
                yield Problem(row.file, row.line, "has no source; name one of sources.csv (a judgement has one too)")
            for name in names if "sources.csv" not in unread else ():
                used.update(_meant(name, tuple(knowledge.citations)))
                if name not in knowledge.citations:
                    hint = did_you_mean(name, knowledge.citations)
                    yield Problem(row.file, row.line, f"source {name!r} is not in sources.csv.{hint}")
    for row in knowledge.tables["sources.csv"].rows if not unread else ():
        if row["source"] and row["source"] not in used:
            yield Problem(row.file, row.line, f"source {row['source']!r} is used by no row; cite it or take it out")


def _repeated(places: Iterable[tuple[str, int, object]]) -> Iterator[Problem]:
    first: dict[object, int] = {}
    for file, line, key in places:
        if key in first:
            yield Problem(file, line, f"repeats line {first[key]}; a number stands once")
        first.setdefault(key, line)


def _at(row: Prior | Link, message: str) -> Problem:
    return Problem(row.number.file, row.number.line, message)
