"""How an answer, or a list of any rows, is shown: as text in a terminal and as HTML in a notebook."""

from __future__ import annotations

import html
import math
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from twitchbayes.errors import EngineLimitError

if TYPE_CHECKING:
    from twitchbayes.attribution import Attribution
    from twitchbayes.interview import Interview
    from twitchbayes.model import Model
    from twitchbayes.posterior import Posterior
    from twitchbayes.uncertainty import CredibleIntervals, Interval

__all__ = [
    "DISCLAIMER",
    "OF_ALL",
    "Listing",
    "as_html",
    "as_text",
    "given",
    "intervals_as_html",
    "intervals_as_text",
    "interview_as_html",
    "labels",
    "model_as_html",
    "percent",
    "shortened",
]

DISCLAIMER = "For research and teaching. Not a medical device, not medical advice."
SHOWN = 8  # rows of a list in text and HTML; frames and JSON have all
WIDEST = 60  # characters of a cell

OF_ALL = {"none": "no listed cause", "serious": "at least one serious cause"}

Cells = tuple[str, ...]


def as_text(posterior: Posterior) -> str:
    """Return an answer as lines of text: what is known, the causes, the red flags."""
    model = posterior.model
    produced, note = _produced(posterior)
    head, rows = _rows(posterior, produced)
    widths = [max(map(len, column)) for column in zip(head, *(cells for cells, _ in rows), strict=True)]
    # The columns of numbers are 9 wide at least, so that answers stand under each other alike.
    widths[1:] = [max(width, 9) for width in widths[1:]]
    lines = [f"Posterior of {model.describe()}", f"  given {given(posterior)}"]
    if posterior.assumed:
        lines.append(f"  assumed {_items(posterior.assumed)}")
    lines.append("")
    for cells, serious in [(head, False), *rows]:
        numbers = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        mark = "  serious" if serious else ""
        lines.append(f"{'  '.join(['', cells[0].ljust(widths[0]), *numbers])}{mark}".rstrip())
    lines += [
        "",
        f"  P(at least one serious cause) = {percent(posterior.serious)}{_span_of_serious(posterior)}",
        *(f"  {line}" for line in note),
    ]
    for flag in posterior.red_flags:
        lines += ["", f"  Red flag: {flag.label} ({_items(flag.met_by)})", f"    {flag.advice}"]
        lines += [f"    Source: {citation}" for citation in flag.citations]
    return "\n".join([*lines, "", f"  {DISCLAIMER}"])


def as_html(posterior: Posterior) -> str:
    """Return an answer as a table in HTML, every text of the model escaped, nothing from outside."""
    escape = html.escape

    def tds(cells: Cells) -> str:
        return "".join(f"<td>{cell}</td>" for cell in cells)

    produced, note = _produced(posterior)
    head, rows = _rows(posterior, produced)
    body = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(cells[0])}"
        f"{' <strong>(serious)</strong>' if serious else ''}</th>"
        f"{tds(cells[1:3])}<td style='text-align:left;min-width:100px'>{_bar(probability)}</td>{tds(cells[3:])}</tr>"
        for (cells, serious), probability in zip(rows, _probabilities(posterior), strict=True)
    )
    assumed = f"<br>assumed {escape(_items(posterior.assumed))}" if posterior.assumed else ""
    heads = [_column_head(name, left=name == head[0]) for name in head]
    heads.insert(3, "<td></td>")
    return (
        "<div class='twitchbayes-posterior'><table>"
        f"<caption style='caption-side:top;text-align:left'>{escape(posterior.model.describe())}"
        f"<br>given {escape(given(posterior))}{assumed}</caption>"
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>P(at least one serious cause) = {percent(posterior.serious)}{_span_of_serious(posterior)}"
        f"{''.join(f'<br>{escape(line)}' for line in note)}</p>{_flags(posterior)}"
        f"<p><small>{DISCLAIMER}</small></p></div>"
    )


def _column_head(name: str, *, left: bool) -> str:
    style = " style='text-align:left'" if left else ""
    return f"<th scope='col'{style}>{html.escape(name)}</th>"


def _produced(posterior: Posterior) -> tuple[Attribution | None, tuple[str, ...]]:
    """Return what produced the finding that every case is assumed to have, and a line about it."""
    try:
        produced = posterior.produced
    except EngineLimitError as error:
        return None, (f"What produced the finding that is assumed of every case cannot be told: {error}",)
    if produced is None:
        return None, ()
    what = f"the background produced the {produced.finding}"
    return produced, (f"P({what}) = {percent(produced.background)}; several can have produced it at once",)


def _probabilities(posterior: Posterior) -> tuple[float, ...]:
    """Return what stands in the rows: of each cause, of none of them, of each union."""
    return *posterior.values(), posterior.none, *posterior.unions.values()


def _rows(posterior: Posterior, produced: Attribution | None) -> tuple[Cells, list[tuple[Cells, bool]]]:
    """Return the head, and the cells of each cause, of none of them and of each union, with whether it is serious."""
    model = posterior.model
    names = (*posterior, "none", *posterior.unions)
    called = labels(posterior)
    head: Cells = ("cause", "prior", "posterior")
    now = zip(names, _probabilities(posterior), strict=True)
    rows: list[Cells] = [(called[name], percent(posterior.prior[name]), percent(p)) for name, p in now]
    if posterior.intervals:
        head = (*head, f"{_level(posterior.intervals)} interval")
        rows = [(*cells, _span(posterior, name)) for cells, name in zip(rows, names, strict=True)]
    if produced is not None:
        head = (*head, f"produced the {produced.finding}")
        shares = (percent(produced[name]) if name in produced else "" for name in names)
        rows = [(*cells, share) for cells, share in zip(rows, shares, strict=True)]
    serious = (name in posterior and model.knowledge.variables[name].serious for name in names)
    return head, list(zip(rows, serious, strict=True))


def _span(posterior: Posterior, name: str) -> str:
    """Return the interval of a cause, a union, none of them or a serious one; nothing where none was asked for."""
    if not posterior.intervals:
        return ""
    row = posterior.intervals.rows[name]
    return f"{percent(row.low)} to {percent(row.high)}"


def _span_of_serious(posterior: Posterior) -> str:
    span = _span(posterior, "serious")
    return f" ({span})" if span else ""


def intervals_as_text(intervals: CredibleIntervals) -> str:
    """Return credible intervals as lines of text."""
    posterior, names = intervals.of, labels(intervals.of)
    width = max(map(len, names.values()))
    head = "".join(f"  {name:>9}" for name in _INTERVAL_COLUMNS)
    rows = [
        f"  {names[name]:<{width}}{''.join(f'  {cell:>9}' for cell in _cells(row))}".rstrip()
        for name, row in intervals.rows.items()
    ]
    lines = [f"{_title(intervals)} of {posterior.model.describe()}", f"  given {given(posterior)}"]
    if posterior.assumed:
        lines.append(f"  assumed {_items(posterior.assumed)}")
    lines += ["", f"  {'cause':<{width}}{head}", *rows, "", f"  {_evidence_line(intervals)}"]
    return "\n".join([*lines, f"  {_draws_line(intervals)}", "", f"  {DISCLAIMER}"])


def intervals_as_html(intervals: CredibleIntervals) -> str:
    """Return credible intervals as a table in HTML, every text of the model escaped."""
    escape, posterior, names = html.escape, intervals.of, labels(intervals.of)
    head = "".join(_column_head(name, left=name == "cause") for name in ("cause", *_INTERVAL_COLUMNS))
    body = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(names[name])}</th>"
        f"{''.join(f'<td>{cell}</td>' for cell in _cells(row))}</tr>"
        for name, row in intervals.rows.items()
    )
    assumed = f"<br>assumed {escape(_items(posterior.assumed))}" if posterior.assumed else ""
    return (
        "<div class='twitchbayes-intervals'><table>"
        f"<caption style='caption-side:top;text-align:left'>{_title(intervals)} of "
        f"{escape(posterior.model.describe())}<br>given {escape(given(posterior))}{assumed}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{_evidence_line(intervals)}<br>{_draws_line(intervals)}</p><p><small>{DISCLAIMER}</small></p></div>"
    )


_INTERVAL_COLUMNS = ("posterior", "mean", "low", "high", "first")


def labels(posterior: Posterior) -> dict[str, str]:
    """Return the label of each cause, of each union of causes, of none of them and of a serious one."""
    model = posterior.model
    unions = {union: _union(model, union) for union in posterior.unions}
    return {**{cause: model.label(cause) for cause in posterior}, **unions, **OF_ALL}


def _union(model: Model, union: str) -> str:
    return f"{model.label(union)} (any of {len(model.knowledge.causes_of(union))})"


def _title(intervals: CredibleIntervals) -> str:
    return f"{_level(intervals)} credible intervals"


def _level(intervals: CredibleIntervals) -> str:
    return f"{100 * intervals.level:.6g}%"


def _cells(row: Interval) -> list[str]:
    return ["" if value is None else percent(value) for value in row]


def _evidence_line(intervals: CredibleIntervals) -> str:
    row = intervals.log_evidence
    return f"ln P(evidence) = {row.posterior:.4g} ({row.low:.4g} to {row.high:.4g}) nats"


def _draws_line(intervals: CredibleIntervals) -> str:
    lost = [f"{intervals.impossible:,} impossible"] * bool(intervals.impossible)
    lost += [f"{intervals.refused:,} refused"] * bool(intervals.refused)
    without = f"; left out: {', '.join(lost)}" if lost else ""
    return f"{intervals.draws:,} draws of the tables' numbers (seed {intervals.seed}){without}"


def model_as_html(model: Model) -> str:
    """Return what a model is as a table in HTML, every text of it escaped, nothing from outside."""
    knowledge = model.knowledge
    layers = [(f"{role}s", knowledge.of_role(role)) for role in ("context", "cause", "finding")]
    layers += [("unions of causes", unions)] if (unions := knowledge.of_role("union")) else []
    numbers = [*(prior.number for prior in knowledge.priors), *(link.number for link in knowledge.links)]
    by_basis = ", ".join(f"{count:,} {basis}" for basis, count in Counter(n.basis for n in numbers).most_common())
    rows = [
        *((name, f"{len(variables):,}") for name, variables in layers),
        ("serious causes", f"{sum(variable.serious for variable in knowledge.of_role('cause')):,}"),
        ("numbers", f"{len(numbers):,} ({by_basis})"),
        ("sources", f"{len(knowledge.citations):,}"),
        *((name.replace("_", " "), knowledge.meta[name]) for name in ("intended_use", "not_for", "licence")),
        ("fingerprint", model.fingerprint[:12]),
    ]
    body = "".join(
        f"<tr><th scope='row' style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in rows
    )
    lists = "".join(
        f"<details><summary>{name}</summary>{html.escape(', '.join(v.label for v in variables))}</details>"
        for name, variables in layers
    )
    caption = f"{html.escape(knowledge.meta['title'])}<br>{html.escape(model.describe())}"
    return (
        "<div class='twitchbayes-model'><table>"
        f"<caption style='caption-side:top;text-align:left'>{caption}</caption><tbody>{body}</tbody></table>"
        f"{lists}<p><small>{DISCLAIMER}</small></p></div>"
    )


def interview_as_html(interview: Interview) -> str:
    """Return an interview as tables in HTML: what was asked, where it led, and what to ask now."""
    variables, question = interview.model.knowledge.variables, interview.ask()
    known = ", ".join(f"{name}={value}" for name, value in interview.known.items()) or "nothing"
    asked = [(step.question, step.said or "left open", f"{step.gain_bits:.3g}") for step in interview.history]
    listings = [
        Listing(f"{len(asked)} asked", ("question", "answer", "expected bits"), asked) if asked else Listing("0 asked"),
        Listing(
            "Most probable now",
            ("cause", "posterior"),
            [(variables[cause].label, percent(p)) for cause, p in interview.leaders.items()],
        ),
    ]
    if unions := interview.posterior.unions:
        rows = [(_union(interview.model, union), percent(p)) for union, p in unions.items()]
        listings.append(Listing("Any cause of a union now", ("union of causes", "posterior"), rows))
    then = "Finished: no question is worth asking." if question is None else f"Next: {question.text}"
    return (
        f"<div class='twitchbayes-interview'><p>Interview of {html.escape(interview.model.describe())}"
        f"<br>known before: {html.escape(known)}</p>{''.join(listing.html() for listing in listings)}"
        f"<p>{html.escape(then)}</p>{_flags(interview.posterior)}<p><small>{DISCLAIMER}</small></p></div>"
    )


def _flags(posterior: Posterior) -> str:
    if not posterior.red_flags:
        return ""
    escape = html.escape
    items = "".join(
        f"<li><strong>{escape(flag.label)}</strong> ({escape(_items(flag.met_by))}): {escape(flag.advice)} "
        f"<small>{escape('; '.join(flag.citations))}</small></li>"
        for flag in posterior.red_flags
    )
    return f"<p>Red flags, which do not change the probabilities:</p><ul>{items}</ul>"


def given(posterior: Posterior) -> str:
    """Return what an answer was given, in one line."""
    virtual = [f"{name} seen with likelihoods {values}" for name, values in posterior.virtual_evidence.items()]
    return ", ".join([_items(posterior.evidence)] * bool(posterior.evidence) + virtual) or "nothing observed"


def _items(states: dict[str, str]) -> str:
    return ", ".join(f"{name}={state}" for name, state in states.items())


def percent(probability: float) -> str:
    """Return a probability in percent with three significant digits; never 0% or 100% where it is neither."""
    value = 100 * probability
    if probability in {0.0, 1.0}:
        return f"{value:.0f}%"
    if value > 99.9:
        return f"{value:.{1 - math.floor(math.log10(100 * (1 - probability)))}f}%"
    if value < 0.001:
        return f"{value:.1e}%"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}%"


def _bar(probability: float) -> str:
    width = f"{100 * probability:.1f}px"
    return f"<span aria-hidden='true' style='display:inline-block;height:.7em;width:{width};background:#0072b2'></span>"


class Listing(NamedTuple):
    """The first rows of a list under a title.

    Attributes
    ----------
    title : str
    head : sequence of str
        Names of the columns; without any, the title stands alone.
    rows : sequence of sequence of str
    more : int
        Rows that are left out.
    right : sequence of str
        Columns that are aligned to the right.
    """

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    more: int = 0
    right: Sequence[str] = ()

    @classmethod
    def of(
        cls, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()
    ) -> Listing:
        """Return the listing of all rows."""
        return cls(title, head, rows[:SHOWN], max(len(rows) - SHOWN, 0), right)

    def lines(self) -> list[str]:
        """Return it as text, in aligned columns; in a terminal too narrow for them, the last below the others."""
        lines = [self.title]
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        room = _terminal_columns()
        for row in [self.head, *self.rows] if self.head else []:
            cells = zip(row, widths, self.head, strict=True)
            aligned = (cell.rjust(width) if name in self.right else cell.ljust(width) for cell, width, name in cells)
            lines += _folded(list(aligned), room)
        return [*lines, *([f"  and {self.more:,} more"] if self.more else [])]

    def html(self) -> str:
        """Return it as HTML, every text escaped."""

        def cells(row: Iterable[str], tag: str) -> str:
            opened = "th scope='col'" if tag == "th" else tag
            return "".join(f"<{opened} style='text-align:left'>{html.escape(cell)}</{tag}>" for cell in row)

        title = html.escape(self.title)
        if not self.head:
            return f"<p>{title}</p>"
        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self.rows)
        more = f"<p>and {self.more:,} more</p>" if self.more else ""
        caption = f"<caption style='caption-side:top;text-align:left;padding-top:.8em'>{title}</caption>"
        return f"<table>{caption}<thead><tr>{cells(self.head, 'th')}</tr></thead><tbody>{body}</tbody></table>{more}"


def _terminal_columns() -> float:
    """Return how wide a row may be in the terminal, with a margin for who indents it; without one, as wide as it is."""
    seen = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns - 2 if seen else math.inf


def _folded(cells: Sequence[str], room: float) -> list[str]:
    """Return the cells of a row as a line, or as several: cells that have no room go below, indented."""
    lines: list[str] = []
    held: list[str] = []
    for cell in cells:
        if held and len("  ".join(["", *held, cell.rstrip()])) > room:
            lines.append("  ".join(["", *held]).rstrip())
            held = [" " * 2]
        held.append(cell)
    return [*lines, "  ".join(["", *held]).rstrip()]


def shortened(cell: object, widest: int = WIDEST) -> str:
    """Return a text in one line that is not too wide, "" for what is no text."""
    text = " ".join(cell.split()) if isinstance(cell, str) else ""
    return text if len(text) <= widest else f"{text[: widest - 4]} ..."
