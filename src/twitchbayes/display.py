"""How an answer, or a list of any rows, is shown: as text in a terminal and as HTML in a notebook."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from twitchbayes.posterior import Posterior
    from twitchbayes.uncertainty import CredibleIntervals, Interval

__all__ = [
    "DISCLAIMER",
    "Listing",
    "as_html",
    "as_text",
    "given",
    "intervals_as_html",
    "intervals_as_text",
    "labels",
    "percent",
    "shortened",
]

DISCLAIMER = "For research and teaching. Not a medical device, not medical advice."
SHOWN = 8  # rows of a list in text and HTML; frames and JSON have all
WIDEST = 60  # characters of a cell


def as_text(posterior: Posterior) -> str:
    """Return an answer as lines of text: what is known, the causes, the red flags."""
    model = posterior.model
    rows = _rows(posterior)
    width = max(len(label) for label, *_ in rows)
    lines = [f"Posterior of {model.describe()}", f"  given {given(posterior)}"]
    if posterior.assumed:
        lines.append(f"  assumed {_items(posterior.assumed)}")
    spans = _spans(posterior)
    head = f"  {_level(posterior.intervals) + ' interval':>20}" if posterior.intervals else ""
    lines += ["", f"  {'cause':<{width}}  {'prior':>9}  {'posterior':>9}{head}"]
    for (label, prior, probability, serious), span in zip(rows, spans, strict=False):
        mark = "  serious" if serious else ""
        lines.append(
            f"  {label:<{width}}  {percent(prior):>9}  {percent(probability):>9}{span and f'  {span:>20}'}{mark}"
        )
    last = f" ({spans[-1]})" if spans[-1] else ""
    lines += ["", f"  P(at least one serious cause) = {percent(posterior.serious)}{last}"]
    for flag in posterior.red_flags:
        lines += ["", f"  Red flag: {flag.label} ({_items(flag.met_by)})", f"    {flag.advice}"]
        lines += [f"    Source: {citation}" for citation in flag.citations]
    return "\n".join([*lines, "", f"  {DISCLAIMER}"])


def as_html(posterior: Posterior) -> str:
    """Return an answer as a table in HTML, every text of the model escaped, nothing from outside."""
    escape = html.escape
    spans = _spans(posterior)
    body = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(label)}"
        f"{' <strong>(serious)</strong>' if serious else ''}</th>"
        f"<td>{percent(prior)}</td><td>{percent(probability)}</td>{span and f'<td>{span}</td>'}"
        f"<td style='text-align:left;min-width:100px'>{_bar(probability)}</td></tr>"
        for (label, prior, probability, serious), span in zip(_rows(posterior), spans, strict=False)
    )
    assumed = f"<br>assumed {escape(_items(posterior.assumed))}" if posterior.assumed else ""
    asked = [f"{_level(posterior.intervals)} interval"] if posterior.intervals else []
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("cause", "prior", "posterior", *asked))
    last = f" ({spans[-1]})" if spans[-1] else ""
    return (
        "<div class='twitchbayes-posterior'><table>"
        f"<caption style='caption-side:top;text-align:left'>{escape(posterior.model.describe())}"
        f"<br>given {escape(given(posterior))}{assumed}</caption>"
        f"<thead><tr>{head}<td></td></tr></thead><tbody>{body}</tbody></table>"
        f"<p>P(at least one serious cause) = {percent(posterior.serious)}{last}</p>{_flags(posterior)}"
        f"<p><small>{DISCLAIMER}</small></p></div>"
    )


def _rows(posterior: Posterior) -> list[tuple[str, float, float, bool]]:
    """Return label, prior, posterior and whether it is serious, of each cause and of none of them."""
    variables = posterior.model.knowledge.variables
    rows = [
        (variables[cause].label, posterior.prior[cause], probability, variables[cause].serious)
        for cause, probability in posterior.items()
    ]
    return [*rows, ("no listed cause", posterior.model.prior_none, posterior.none, False)]


def _spans(posterior: Posterior) -> list[str]:
    """Return the interval of each cause, of none of them and of a serious one; "" where none was asked for."""
    if not posterior.intervals:
        return [""] * (len(posterior) + 2)
    return [f"{percent(row.low)} to {percent(row.high)}" for row in posterior.intervals.rows.values()]


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
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("cause", *_INTERVAL_COLUMNS))
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
    """Return the label of each cause, of none of them and of a serious one."""
    variables = posterior.model.knowledge.variables
    causes = {cause: variables[cause].label for cause in posterior}
    return {**causes, "none": "no listed cause", "serious": "at least one serious cause"}


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
    """Return what an answer was reached from, in one line, without what is assumed."""
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
        """Return it as text, in aligned columns."""
        lines = [self.title]
        widths = [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]
        for row in [self.head, *self.rows] if self.head else []:
            cells = zip(row, widths, self.head, strict=True)
            aligned = (cell.rjust(width) if name in self.right else cell.ljust(width) for cell, width, name in cells)
            lines.append(f"  {'  '.join(aligned)}".rstrip())
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
        caption = f"<caption style='caption-side:top;text-align:left'>{title}</caption>"
        return f"<table>{caption}<thead><tr>{cells(self.head, 'th')}</tr></thead><tbody>{body}</tbody></table>{more}"


def shortened(cell: object, widest: int = WIDEST) -> str:
    """Return a text in one line that is not too wide, "" for what is no text."""
    text = " ".join(cell.split()) if isinstance(cell, str) else ""
    return text if len(text) <= widest else f"{text[: widest - 4]} ..."
