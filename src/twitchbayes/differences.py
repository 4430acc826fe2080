"""Two models side by side: what their tables say otherwise, and how far that moves the answers to their scenarios."""

from __future__ import annotations

import dataclasses
import html
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes import scenarios
from twitchbayes.conflict import impossible
from twitchbayes.display import DISCLAIMER, Listing, percent, shortened
from twitchbayes.errors import TwitchbayesError
from twitchbayes.inference.mixture import answer_cases
from twitchbayes.knowledge import Knowledge, Number, Variable
from twitchbayes.priors import paired, stratum
from twitchbayes.provenance import number_names
from twitchbayes.tables import Row, Table

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.evidence import Evidence
    from twitchbayes.model import Model

__all__ = ["Difference", "Side", "compare"]

Floats = NDArray[np.float64]

SIDES = ("first", "second")
ONLY = ("only in the first", "only in the second")
NEGLIGIBLE = 1e-9  # nats: what rounding moves a posterior by is no difference
PLACE = ("kind", "parent", "child", "given", "state")


class Side(NamedTuple):
    """One of two models that are compared."""

    name: str
    version: str
    population: str | None
    fingerprint: str
    description: str


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """What differs between two models.

    In the frames a cell is missing (None or NaN) where that model has no such row. `move_nats` is the
    second log odds less the first, in nats: infinite where one of the two probabilities is 0 or 1.

    Attributes
    ----------
    first, second : Side
    numbers : pandas.DataFrame
        One row a prior, link or leak that differs: `number` (as P(child | parent)), `what` (the columns that
        differ, or in which model alone it stands), `first` and `second` (the probabilities), `move_nats`;
        `low`, `high`, `form`, `basis` and `source` of both, as `low_first`, `low_second`; `kind` (context,
        cause, leak or link), `parent`, `child`, `given` and `state`. The largest moves come first, then what
        differs otherwise, then what stands in one model only.
    variables : pandas.DataFrame
        `variable`, `what` (the column of `variables.csv` that differs, or in which model alone it stands),
        `first`, `second`.
    metadata : pandas.DataFrame
        Keys of `model.toml`, the setting among them: `key`, `first`, `second`.
    scenarios : pandas.DataFrame
        One row for each case of the first model's `scenarios.csv` and each cause, or union of causes, of both
        models, by name: `case`, `cause`, `first` and `second` (the posteriors), `move` (the second less the first)
        and `move_nats`, the largest first.
    unanswered : pandas.DataFrame
        Cases that one of the models cannot answer: `case`, `model` (first or second), `reason`.
    files : tuple of str
        Files of the two folders with different content, notes and the order of rows included.
    """

    first: Side
    second: Side
    numbers: pd.DataFrame
    variables: pd.DataFrame
    metadata: pd.DataFrame
    scenarios: pd.DataFrame
    unanswered: pd.DataFrame
    files: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether all tables say the same: the fingerprints agree."""
        return self.first.fingerprint == self.second.fingerprint

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types; None for what is missing, and for moves that are infinite."""
        frames = ("numbers", "variables", "metadata", "scenarios", "unanswered")
        return {
            "first": self.first._asdict(),
            "second": self.second._asdict(),
            "is_same": self.is_same,
            **{name: _records(getattr(self, name)) for name in frames},
            "files": list(self.files),
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        lines = [f"first   {self.first.description}", f"second  {self.second.description}"]
        for listing in _listings(self):
            lines += ["", *listing.lines()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        sides = "<br>".join(
            html.escape(f"{name}: {side.description}")
            for name, side in zip(SIDES, (self.first, self.second), strict=True)
        )
        lists = "".join(listing.html() for listing in _listings(self))
        return f"<div class='twitchbayes-difference'><p>{sides}</p>{lists}<p><small>{DISCLAIMER}</small></p></div>"


def compare(first: Model, second: Model) -> Difference:
    """Return what differs between two models, and where it moves the answers to the first one's scenarios.

    Parameters
    ----------
    first, second : Model

    Returns
    -------
    Difference
    """
    a, b = first.knowledge, second.knowledge
    moves, unanswered = _scenarios(first, second)
    return Difference(
        _side(first),
        _side(second),
        _numbers(first, second),
        _variables(a, b),
        _frame(("key", "first", "second"), ((k, x, y) for k, x, y in paired(a.meta, b.meta) if x != y)),
        moves,
        unanswered,
        _files(a, b),
    )


def _side(model: Model) -> Side:
    return Side(model.name, model.version, model.population, model.fingerprint, model.describe())


def _frame(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))


# Tables


_Place: TypeAlias = tuple[str, str, str, str, str]  # PLACE


class _Entry(NamedTuple):
    name: str
    form: str
    number: Number
    net: float


def _entries(model: Model) -> dict[_Place, _Entry]:
    knowledge, net = model.knowledge, model.network.to_net(model.network.numbers)[0].tolist()
    role = {name: variable.role for name, variable in knowledge.variables.items()}
    priors = [((role[p.variable], "", p.variable, stratum(p), p.state), "", p.number) for p in knowledge.priors]
    links = [
        (("leak" if k.parent == "leak" else "link", k.parent, k.child, stratum(k), k.state), k.form, k.number)
        for k in knowledge.links
    ]
    named = zip(number_names(knowledge), [*priors, *links], net, strict=True)
    return {place: _Entry(name, form, number, q) for name, (place, form, number), q in named}


_PAIRED = ("low", "high", "form", "basis", "source")
_NUMBER_COLUMNS = (
    *("number", "what", "first", "second", "move_nats"),
    *(f"{column}_{side}" for column in _PAIRED for side in SIDES),
    *PLACE,
)


def _numbers(first: Model, second: Model) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for place, a, b in paired(_entries(first), _entries(second)):
        entry, what = a or b, _what(a, b)
        if entry and what:
            p, q = (e.number.probability if e else math.nan for e in (a, b))
            # A compound link and a net one are compared as net ones: the form alone moves nothing.
            scale = (a.net, b.net) if a and b and a.form != b.form else (p, q)
            move = float(_moves(*map(np.array, scale)))
            sides = zip(_cells(a), _cells(b), strict=True)
            rows.append((entry.name, what, p, q, move, *(cell for pair in sides for cell in pair), *place))
    rows.sort(key=lambda row: _rank(row[1], row[4]))
    return _frame(_NUMBER_COLUMNS, rows)


def _rank(what: str, move: float) -> tuple[int, float]:
    """Return what the rows of numbers are sorted by: the largest moves first, what is in one model only last."""
    return (1 + ONLY.index(what), 0.0) if what in ONLY else (0, -round(abs(move), 9))


def _cells(entry: _Entry | None) -> tuple[object, ...]:
    if entry is None:
        return (None,) * len(_PAIRED)
    number = entry.number
    return number.low, number.high, entry.form, number.basis, ";".join(number.sources)


def _what(first: _Entry | None, second: _Entry | None) -> str:
    """Return the columns in which two rows differ, or in which model alone there is one."""
    if first is None or second is None:
        return ONLY[first is None]
    a, b = ((entry.number.probability, *_cells(entry)) for entry in (first, second))
    both = zip(("probability", *_PAIRED), a, b, strict=True)
    return ";".join(column for column, x, y in both if x != y)


def _moves(first: Floats, second: Floats) -> Floats:
    """Return the second log odds less the first, in nats; 0 where the probabilities are equal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = (np.log(p) - np.log1p(-p) for p in (first, second))
        return np.where(first == second, 0.0, b - a)


def _variables(first: Knowledge, second: Knowledge) -> pd.DataFrame:
    rows: list[tuple[str, str, str | None, str | None]] = []
    for name, a, b in paired(first.variables, second.variables):
        if a is None or b is None:
            rows.append((name, ONLY[a is None], a.role if a else None, b.role if b else None))
            continue
        both = zip(_texts(a).items(), _texts(b).values(), strict=True)
        rows += [(name, column, x, y) for (column, x), y in both if x != y]
    return _frame(("variable", "what", "first", "second"), rows)


def _texts(variable: Variable) -> dict[str, str]:
    """Return the columns of a variable as its table has them; its bands are its states."""
    said = {field.name: getattr(variable, field.name) for field in dataclasses.fields(variable)}
    texts = {
        "states": ";".join(variable.states),
        "aliases": ";".join(f"{alias}={state}" for alias, state in variable.aliases.items()),
        "serious": "yes" if variable.serious else "",
        "parts": ";".join(variable.parts),
        "excludes": ";".join(variable.excludes),
    }
    return {name: value for name, value in {**said, **texts}.items() if name not in {"name", "bands"}}


def _files(first: Knowledge, second: Knowledge) -> tuple[str, ...]:
    meta = ("model.toml",) if first.meta != second.meta else ()
    return meta + tuple(file for file, a, b in paired(_contents(first), _contents(second)) if a != b)


def _contents(knowledge: Knowledge) -> dict[str, object]:
    settings = {f"populations/{name}.csv": table for name, table in knowledge.populations.items()}
    return {file: _content(table) for file, table in {**knowledge.tables, **settings}.items()}


def _content(table: Table) -> object:
    return table.columns, [[row[column] for column in table.columns] for row in table.rows]


# Scenarios


def _scenarios(first: Model, second: Model) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return how far the posteriors of the first model's scenarios move, and what cannot be answered."""
    cases = first.knowledge.table("scenarios.csv").rows
    # A cause that was split is a union of the same name.
    shared = [name for name in (*first.causes, *first.unions) if name in (*second.causes, *second.unions)]
    (a, not_first), (b, not_second) = (_answers(model, cases, shared) for model in (first, second))
    answered = [i for i in range(len(cases)) if i not in {*not_first, *not_second}]
    a, b = a[answered], b[answered]
    moves = _moves(a, b)
    # Rounded, so that two equal moves keep their order whatever their last digits are.
    order = np.lexsort((-abs(b - a).ravel().round(9), -abs(moves).ravel().round(9)))
    places = ((*divmod(int(i), len(shared)), int(i)) for i in order)
    values = [x.ravel().tolist() for x in (a, b, b - a, moves)]
    rows = ((cases[answered[i]]["case"], shared[j], *(column[k] for column in values)) for i, j, k in places)
    reasons = [(i, side, why[i]) for side, why in zip(SIDES, (not_first, not_second), strict=True) for i in why]
    return (
        _frame(("case", "cause", "first", "second", "move", "move_nats"), rows),
        _frame(("case", "model", "reason"), ((cases[i]["case"], side, why) for i, side, why in sorted(reasons))),
    )


def _answers(model: Model, cases: Sequence[Row], names: Sequence[str]) -> tuple[Floats, dict[int, str]]:
    """Return the posteriors (n_cases, n_names) in one model, and by number of the case why one has none."""
    read: dict[int, Evidence] = {}
    reasons: dict[int, str] = {}
    for i, row in enumerate(cases):
        try:
            read[i] = model.words.read(scenarios.evidence(row))
        except TwitchbayesError as error:
            reasons[i] = "; ".join(map(str, getattr(error, "errors", [error])))
    batch = answer_cases(model.engine, list(read.values()), unions=True)
    for place, (i, evidence) in enumerate(read.items()):
        if not batch.answer.possible[place]:
            reasons[i] = batch.refused.get(place) or str(impossible(model, evidence))
    every, found = (*model.causes, *model.unions), np.hstack([batch.answer.causes, batch.answer.unions])
    posteriors = np.zeros((len(cases), len(names)))
    posteriors[list(read)] = found[:, [every.index(name) for name in names]]
    return posteriors, reasons


# How it is shown

_listing = partial(Listing.of, right=("first", "second", "nats", "points"))


def _listings(difference: Difference) -> Iterator[Listing]:
    if difference.is_same:
        yield Listing("The tables are the same.")
        return
    yield from _number_listings(difference.numbers)
    for title, frame in (("variables", difference.variables), ("model.toml", difference.metadata)):
        if len(frame):
            head = (*frame.columns[:-2], "in the first", "in the second")
            rows = [tuple(map(shortened, row)) for row in frame.itertuples(index=False)]
            yield _listing(f"{_count(len(rows), 'difference')} in {title}", head, rows)
    yield from _scenario_listings(difference)
    yield Listing(f"Files that differ: {', '.join(difference.files)}")


def _number_listings(numbers: pd.DataFrame) -> Iterator[Listing]:
    rows = numbers.to_dict("records")
    moved = [row for row in rows if row["what"].startswith("probability")]
    if moved:
        head = ("number", "first", "second", "nats", "also other")
        kept = sum("source" not in row["what"] for row in moved)
        title = f"{_count(len(moved), 'number')} with another probability"
        cited = f"; the same source is cited for {kept} of them" if kept else ""
        yield _listing(title + cited, head, list(map(_moved, moved)))
    other = [row for row in rows if not row["what"].startswith(("probability", "only"))]
    if other:
        lines = [(row["number"], _listed(row, "first"), _listed(row, "second")) for row in other]
        title = f"{_count(len(other), 'number')} with the same probability, and otherwise not the same"
        yield _listing(title, ("number", "in the first", "in the second"), lines)
    for side, what in zip(SIDES, ONLY, strict=True):
        lone = [(row["number"], f"{row[side]:.4g}") for row in rows if row["what"] == what]
        if lone:
            yield _listing(f"{_count(len(lone), 'number')} {what}", ("number", side), lone)


def _moved(row: Mapping[Any, Any]) -> tuple[str, ...]:
    others = row["what"].partition(";")[2].replace(";", ", ")
    return row["number"], f"{row['first']:.4g}", f"{row['second']:.4g}", f"{row['move_nats']:+.3g}", others


def _listed(row: Mapping[Any, Any], side: str) -> str:
    return shortened(", ".join(f"{column} {row[f'{column}_{side}']}" for column in row["what"].split(";")))


def _scenario_listings(difference: Difference) -> Iterator[Listing]:
    frame, unanswered = difference.scenarios, difference.unanswered
    moved = frame[frame["move_nats"].abs() > NEGLIGIBLE]
    cases = frame["case"].nunique()
    if not len(frame):
        yield Listing("No posterior of a scenario can be compared.")
    elif not len(moved):
        yield Listing(f"No posterior moves in any of {_count(cases, 'scenario')}.")
    else:
        share = f"{moved['case'].nunique()} of {_count(cases, 'scenario')}"
        title = f"Posteriors move in {share}; the cause of each that moves most, by log odds"
        yield _listing(title, ("case", "cause", "first", "second", "nats"), _farthest(moved, "move_nats", 1))
        by_points = moved.sort_values("move", key=lambda move: -move.abs(), kind="stable")
        head = ("case", "cause", "first", "second", "points")
        yield _listing("And by probability, in percentage points", head, _farthest(by_points, "move", 100))
    if len(unanswered):
        rows = [(case, side, shortened(why, 120)) for case, side, why in unanswered.itertuples(index=False)]
        title = f"{_count(unanswered['case'].nunique(), 'scenario')} not compared"
        yield _listing(title, ("case", "not by the", "because"), rows)


def _farthest(moved: pd.DataFrame, column: str, factor: float) -> list[tuple[str, ...]]:
    """Return of each case the cause that moves most."""
    return [
        (row["case"], row["cause"], percent(row["first"]), percent(row["second"]), f"{factor * row[column]:+.3g}")
        for row in moved.drop_duplicates("case").to_dict("records")
    ]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _plain(cell) for key, cell in row.items()} for row in frame.to_dict("records")]


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
