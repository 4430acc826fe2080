"""Two models side by side: what their tables say otherwise, and how far that moves the answers to their scenarios."""

from __future__ import annotations

import dataclasses
import html
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes import scenarios
from twitchbayes.batch import answer_rows
from twitchbayes.conflict import impossible
from twitchbayes.display import percent
from twitchbayes.errors import TwitchbayesError
from twitchbayes.knowledge import Knowledge, Number, Variable
from twitchbayes.priors import paired, stratum
from twitchbayes.tables import Row, Table

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.evidence import Evidence
    from twitchbayes.model import Model

__all__ = ["Difference", "Side", "compare"]

Floats = NDArray[np.float64]

ONLY = ("only in the first", "only in the second")
SHOWN = 8  # rows of a list in text; the frames and `to_dict` have all
WIDEST = 60  # characters of a cell in text
NEGLIGIBLE = 1e-9  # nats: what rounding moves a posterior by is no difference
PARTICULARS = ("kind", "parent", "child", "given", "state")


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
        One row for each case of the first model's `scenarios.csv` and each cause of both models: `case`,
        `cause`, `first` and `second` (the posteriors), `move` (the second less the first) and `move_nats`,
        the largest first.
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
        for part in _parts(self):
            lines += ["", part.title, *_aligned(part)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        heads = (f"{name}: {html.escape(side.description)}" for name, side in _sides(self))
        return (
            f"<div class='twitchbayes-difference'><p>{'<br>'.join(heads)}</p>{''.join(map(_html, _parts(self)))}</div>"
        )


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
        _numbers(a, b),
        _variables(a, b),
        _frame(("key", "first", "second"), ((k, x, y) for k, x, y in paired(a.meta, b.meta) if x != y)),
        moves,
        unanswered,
        _files(a, b),
    )


def _side(model: Model) -> Side:
    return Side(model.name, model.version, model.population, model.fingerprint, model.describe())


def _sides(difference: Difference) -> tuple[tuple[str, Side], ...]:
    return ("first", difference.first), ("second", difference.second)


def _frame(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(columns))


# Tables


_Place: TypeAlias = tuple[str, str, str, str, str]  # PARTICULARS


class _Entry(NamedTuple):
    """A number with the name that it is shown by, its form if it is a link, and its place in the model."""

    name: str
    form: str
    number: Number
    place: _Place


def _entries(knowledge: Knowledge) -> dict[tuple[str, ...], _Entry]:
    entries: dict[tuple[str, ...], _Entry] = {}
    for prior in knowledge.priors:
        variable, given = knowledge.variables[prior.variable], stratum(prior)
        state = "" if variable.role == "cause" else f"={prior.state}"
        name = f"P({prior.variable}{state}{f' | {given}' if given else ''})"
        place: _Place = (variable.role, "", prior.variable, given, prior.state)
        entries["prior", *place[1:]] = _Entry(name, "", prior.number, place)
    for link in knowledge.links:
        place = ("leak" if link.parent == "leak" else "link", link.parent, link.child, "", "present")
        entries["link", *place[1:]] = _Entry(f"P({link.child} | {link.parent})", link.form, link.number, place)
    return entries


_PAIRED = ("low", "high", "form", "basis", "source")
_NUMBER_COLUMNS = (
    *("number", "what", "first", "second", "move_nats"),
    *(f"{column}_{side}" for column in _PAIRED for side in ("first", "second")),
    *PARTICULARS,
)


def _numbers(first: Knowledge, second: Knowledge) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    for _, a, b in paired(_entries(first), _entries(second)):
        entry, what = a or b, _what(a, b)
        if entry is None or not what:
            continue
        p, q = (e.number.probability if e else math.nan for e in (a, b))
        move = float(_moves(np.array(p), np.array(q)))
        sides = zip(_cells(a), _cells(b), strict=True)
        rows.append((entry.name, what, p, q, move, *(cell for pair in sides for cell in pair), *entry.place))
    return _frame(_NUMBER_COLUMNS, sorted(rows, key=lambda row: _rank(row[1], row[4])))


def _rank(what: str, move: float) -> tuple[int, float]:
    """Return what the rows of numbers are sorted by: the largest moves first, what is in one model only last."""
    return (1 + ONLY.index(what), 0.0) if what in ONLY else (0, -abs(move))


def _cells(entry: _Entry | None) -> tuple[object, ...]:
    if entry is None:
        return (None,) * len(_PAIRED)
    number = entry.number
    return number.low, number.high, entry.form, number.basis, ";".join(number.sources)


def _what(first: _Entry | None, second: _Entry | None) -> str:
    """Return the columns in which two rows differ, or in which model alone there is one."""
    if first is None or second is None:
        return ONLY[first is None]
    both = zip(("probability", *_PAIRED), _said(first), _said(second), strict=True)
    return ";".join(column for column, a, b in both if a != b)


def _said(entry: _Entry) -> tuple[object, ...]:
    return entry.number.probability, *_cells(entry)


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
    names = [row["case"] for row in cases]
    shared = [cause for cause in first.causes if cause in second.causes]
    a, not_first = _answers(first, cases, shared)
    b, not_second = _answers(second, cases, shared)
    answered = [i for i in range(len(cases)) if i not in {*not_first, *not_second}]
    a, b = a[answered], b[answered]
    moves = _moves(a, b)
    order = np.lexsort((-abs(b - a).ravel(), -abs(moves).ravel()))
    places = ((*divmod(int(i), len(shared)), int(i)) for i in order)
    values = [x.ravel().tolist() for x in (a, b, b - a, moves)]
    rows = ((names[answered[i]], shared[j], *(column[cell] for column in values)) for i, j, cell in places)
    reasons = [(i, "first", why) for i, why in not_first.items()] + [
        (i, "second", why) for i, why in not_second.items()
    ]
    return (
        _frame(("case", "cause", "first", "second", "move", "move_nats"), rows),
        _frame(("case", "model", "reason"), ((names[i], side, why) for i, side, why in sorted(reasons))),
    )


def _answers(model: Model, cases: Sequence[Row], causes: Sequence[str]) -> tuple[Floats, dict[int, str]]:
    """Return the posteriors (n_cases, n_causes) in one model, and by number of the case why one has none."""
    read: dict[int, Evidence] = {}
    reasons: dict[int, str] = {}
    for i, row in enumerate(cases):
        try:
            read[i] = model.words.read(scenarios.evidence(row))
        except TwitchbayesError as error:
            reasons[i] = "; ".join(map(str, getattr(error, "errors", [error])))
    codes = np.array([evidence.codes for evidence in read.values()], dtype=np.int8)
    batch = answer_rows(model.engine, codes.reshape(-1, len(model.network.columns)))
    for place, (i, evidence) in enumerate(read.items()):
        if not batch.answer.possible[place]:
            reasons[i] = batch.refused.get(place) or str(impossible(model.engine, evidence))
    posteriors = np.zeros((len(cases), len(causes)))
    posteriors[list(read)] = batch.answer.causes[:, [model.causes.index(cause) for cause in causes]]
    return posteriors, reasons


# How it is shown


class _Part(NamedTuple):
    """A list under a title: the first rows of it, and how many there are more."""

    title: str
    head: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    more: int = 0


_RIGHT = ("first", "second", "nats", "points")  # columns of numbers


def _parts(difference: Difference) -> Iterator[_Part]:
    if difference.is_same:
        yield _Part("The tables are the same.")
        return
    yield from _number_parts(difference.numbers)
    for title, frame in (("variables", difference.variables), ("model.toml", difference.metadata)):
        if len(frame):
            head = (*frame.columns[:-2], "in the first", "in the second")
            rows = [tuple(map(_shortened, row)) for row in frame.itertuples(index=False)]
            yield _part(f"{_count(len(rows), 'difference')} in {title}", head, rows)
    yield from _scenario_parts(difference)
    yield _Part(f"Files that differ: {', '.join(difference.files)}")


def _number_parts(numbers: pd.DataFrame) -> Iterator[_Part]:
    rows = numbers.to_dict("records")
    moved = [row for row in rows if row["what"].startswith("probability")]
    if moved:
        head = ("number", "first", "second", "nats", "also other")
        kept = sum("source" not in row["what"] for row in moved)
        cited = f"; the same source is cited for {kept} of them" if kept else ""
        yield _part(f"{_count(len(moved), 'number')} with another probability{cited}", head, list(map(_moved, moved)))
    other = [row for row in rows if not row["what"].startswith(("probability", "only"))]
    if other:
        lines = [(row["number"], _listed(row, "first"), _listed(row, "second")) for row in other]
        title = f"{_count(len(other), 'number')} with the same probability, and otherwise not the same"
        yield _part(title, ("number", "in the first", "in the second"), lines)
    for side, what in zip(("first", "second"), ONLY, strict=True):
        lone = [(row["number"], f"{row[side]:.4g}") for row in rows if row["what"] == what]
        if lone:
            yield _part(f"{_count(len(lone), 'number')} {what}", ("number", side), lone)


def _moved(row: Mapping[Any, Any]) -> tuple[str, ...]:
    others = row["what"].partition(";")[2].replace(";", ", ")
    return row["number"], f"{row['first']:.4g}", f"{row['second']:.4g}", f"{row['move_nats']:+.3g}", others


def _listed(row: Mapping[Any, Any], side: str) -> str:
    return _shortened(", ".join(f"{column} {row[f'{column}_{side}']}" for column in row["what"].split(";")))


def _scenario_parts(difference: Difference) -> Iterator[_Part]:
    frame, unanswered = difference.scenarios, difference.unanswered
    moved = frame[frame["move_nats"].abs() > NEGLIGIBLE]
    cases = frame["case"].nunique()
    if not len(frame):
        yield _Part("No scenario of the first model is answered by both.")
    elif not len(moved):
        yield _Part(f"No posterior moves in any of {_count(cases, 'scenario')}.")
    else:
        share = f"{moved['case'].nunique()} of {_count(cases, 'scenario')}"
        title = f"Posteriors move in {share}; the cause of each that moves most, by log odds"
        yield _part(title, ("case", "cause", "first", "second", "nats"), _farthest(moved, "move_nats", 1))
        by_points = moved.sort_values("move", key=lambda move: -move.abs(), kind="stable")
        head = ("case", "cause", "first", "second", "points")
        yield _part("And by probability, in percentage points", head, _farthest(by_points, "move", 100))
    if len(unanswered):
        rows = [(case, side, _shortened(why, 2 * WIDEST)) for case, side, why in unanswered.itertuples(index=False)]
        yield _part(
            f"{_count(unanswered['case'].nunique(), 'scenario')} not compared", ("case", "not by the", "because"), rows
        )


def _farthest(moved: pd.DataFrame, column: str, factor: float) -> list[tuple[str, ...]]:
    """Return of each case the cause that moves most."""
    return [
        (row["case"], row["cause"], percent(row["first"]), percent(row["second"]), f"{factor * row[column]:+.3g}")
        for row in moved.drop_duplicates("case").to_dict("records")
    ]


def _part(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> _Part:
    return _Part(title, head, rows[:SHOWN], max(len(rows) - SHOWN, 0))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _shortened(cell: object, widest: int = WIDEST) -> str:
    text = " ".join(str(cell).split()) if isinstance(cell, str) else ""
    return text if len(text) <= widest else f"{text[: widest - 4]} ..."


def _aligned(part: _Part) -> list[str]:
    lines = []
    widths = [max(map(len, column)) for column in zip(part.head, *part.rows, strict=True)]
    for row in [part.head, *part.rows] if part.head else []:
        cells = zip(row, widths, part.head, strict=True)
        aligned = (f"{cell:>{width}}" if name in _RIGHT else f"{cell:<{width}}" for cell, width, name in cells)
        lines.append(f"  {'  '.join(aligned)}".rstrip())
    return [*lines, *([f"  and {part.more:,} more"] if part.more else [])]


def _html(part: _Part) -> str:
    def cells(row: Iterable[str], tag: str) -> str:
        return "".join(f"<{tag} style='text-align:left'>{html.escape(cell)}</{tag}>" for cell in row)

    title = html.escape(part.title)
    if not part.head:
        return f"<p>{title}</p>"
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in part.rows)
    more = f"<p>and {part.more:,} more</p>" if part.more else ""
    caption = f"<caption style='caption-side:top;text-align:left'>{title}</caption>"
    return f"<table>{caption}<thead><tr>{cells(part.head, 'th')}</tr></thead><tbody>{body}</tbody></table>{more}"


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _plain(cell) for key, cell in row.items()} for row in frame.to_dict("records")]


def _plain(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell
