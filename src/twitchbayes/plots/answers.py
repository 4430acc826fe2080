"""Answers drawn: prior against posterior with credible intervals, and an interview step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from twitchbayes.display import given, labels, percent
from twitchbayes.draws import DRAWS, affordable
from twitchbayes.errors import InvalidValueError
from twitchbayes.plots.rows import beside, height_of, label_rows
from twitchbayes.plots.scales import Probabilities
from twitchbayes.plots.theme import BLUE, GREEN, GREY, PURPLE, VERMILLION, axes_of, legend, titled
from twitchbayes.values import spoken

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from twitchbayes.interview import Interview
    from twitchbayes.posterior import Posterior
    from twitchbayes.uncertainty import CredibleIntervals, Interval

__all__ = ["history", "posterior"]

STYLES = (
    (BLUE, "o", "-"),
    (VERMILLION, "s", "--"),
    (GREEN, "^", "-."),
    (PURPLE, "D", ":"),
    (GREY, "v", (0, (5, 1, 1, 1, 1, 1))),
)


def posterior(p: Posterior, *, intervals: CredibleIntervals | bool | None = None, ax: Axes | None = None) -> Axes:
    """Draw the prior and the posterior of every cause, and of every union of causes, with credible intervals.

    Parameters
    ----------
    p : Posterior
    intervals : CredibleIntervals or bool, optional
        Those to draw. None takes those of `infer(interval=...)`, else `p.credible_intervals()`; with much evidence it
        takes fewer draws, or no intervals, and the legend says so. True always takes all draws, False draws none.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The axis is logarithmic where the probabilities differ by a factor of 100 or more; 0% then has a place of its
        own. The artists have the ids `<cause>`, `<cause>.prior` and `<cause>.interval`; unions, `none` and `serious`
        likewise.

    Raises
    ------
    InvalidValueError
        If matplotlib is missing, or the intervals are of another answer.
    """
    found = _intervals(p, intervals)
    left_out = found is None and intervals is not False
    names, rows = labels(p), list(_rows(p, found))
    ax = axes_of(ax, height=height_of(len(rows), more=2.1))
    spreads = [bound for row in rows if row.spread for bound in (row.spread.low, row.spread.high)]
    scale = Probabilities.of([*(row.value for row in rows), *(row.before or 0.0 for row in rows[:-1]), *spreads])
    for place, row in enumerate(rows):
        _draw_row(ax, scale, place, row)
    ax.axhline(len(p) - 0.5, color="0.5", linewidth=0.8)
    label_rows(ax, list(names.values()))
    beside(ax, "posterior", [percent(row.value) for row in rows])
    scale.put(ax, "x", "probability")
    _posterior_legend(ax, found, left_out=left_out)
    assumed = [f"assumed {', '.join(f'{n}={s}' for n, s in p.assumed.items())}"] if p.assumed else []
    titled(ax, f"Prior and posterior of each cause: {p.model.describe()}", f"given {given(p)}", *assumed)
    return ax


def _intervals(p: Posterior, asked: CredibleIntervals | bool | None) -> CredibleIntervals | None:
    if asked is False:
        return None
    if asked is None or asked is True:
        if p.intervals or asked:
            return p.intervals or p.credible_intervals()
        draws = affordable(p.model.engine, p._evidence.codes)
        return p.credible_intervals(draws=draws) if draws else None
    of = getattr(asked, "of", None)
    if of is None:
        message = f"intervals={asked!r} are none; give those of credible_intervals(), True, False or None"
        raise InvalidValueError(message)
    if of is not p and (of.model.fingerprint != p.model.fingerprint or dict(of) != dict(p)):
        message = "the intervals are of another answer; give those that this one returns from credible_intervals()"
        raise InvalidValueError(message)
    return asked


class _Row(NamedTuple):
    """What is drawn of a cause, of a union, of none of them or of a serious one."""

    name: str
    value: float
    before: float | None
    spread: Interval | None
    serious: bool


def _rows(p: Posterior, found: CredibleIntervals | None) -> Iterator[_Row]:
    spreads = found.rows if found else {}
    for cause, value in p.items():
        serious = p.model.knowledge.variables[cause].serious
        yield _Row(cause, value, p.prior[cause], spreads.get(cause), serious)
    for union, value in p.unions.items():
        yield _Row(union, value, p.prior[union], spreads.get(union), serious=False)
    yield _Row("none", p.none, p.model.prior_none, spreads.get("none"), serious=False)
    yield _Row("serious", p.serious, None, spreads.get("serious"), serious=True)


def _draw_row(ax: Axes, scale: Probabilities, place: int, row: _Row) -> None:
    colour, marker = (VERMILLION, "D") if row.serious else (BLUE, "o")
    y = [place, place]
    if row.spread is not None:
        ends = [scale.at(row.spread.low), scale.at(row.spread.high)]
        ax.plot(ends, y, color=colour, linewidth=3, alpha=0.6, solid_capstyle="butt", gid=f"{row.name}.interval")
    if row.before is not None:
        look: dict[str, Any] = {"color": GREY, "markersize": 13, "markeredgewidth": 2, "clip_on": False}
        ax.plot(scale.at(row.before), place, marker="|", gid=f"{row.name}.prior", **look)
    ax.plot(scale.at(row.value), place, marker, color=colour, markersize=7, clip_on=False, gid=row.name, zorder=3)


def _posterior_legend(ax: Axes, found: CredibleIntervals | None, *, left_out: bool) -> None:
    from matplotlib.lines import Line2D

    handles: list[Artist] = [
        Line2D([], [], color=GREY, marker="|", linestyle="", markersize=13, markeredgewidth=2, label="prior"),
        Line2D([], [], color=BLUE, marker="o", linestyle="", markersize=7, label="posterior"),
        Line2D([], [], color=VERMILLION, marker="D", linestyle="", markersize=7, label="posterior, serious cause"),
    ]
    if found:
        name = f"{100 * found.level:.6g}% credible interval"
        name += f", only {found.draws} draws" if found.draws < DRAWS else ""
        handles.append(Line2D([], [], color=GREY, linewidth=3, alpha=0.6, label=name))
    why = "credible intervals would take long and are left out; intervals=True draws them"
    legend(ax, handles, ncols=4, **({"title": why, "alignment": "left"} if left_out else {}))


def history(interview: Interview, *, top: int = 5, ax: Axes | None = None) -> Axes:
    """Draw how the probabilities of the leading causes went from answer to answer of an interview.

    Parameters
    ----------
    interview : Interview
    top : int, default 5
        Causes that are drawn, 1 to 5: those that led after any step, and then those with the highest posterior now.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        A row a step, from the top down; each line has the name of its cause as its id.

    Raises
    ------
    InvalidValueError
        If matplotlib is missing, or `top` is out of range.
    """
    if not 1 <= top <= len(STYLES):
        message = f"top={top!r} must be 1 to {len(STYLES)}"
        raise InvalidValueError(message)
    answers = interview.answers
    shown = _leading(answers, top)
    variables = interview.model.knowledge.variables
    steps = [
        "what was known before",
        *(f"{variables[s.variable].label}: {spoken(s.said) if s.said else 'left open'}" for s in interview.history),
    ]
    ax = axes_of(ax, height=height_of(len(steps), more=1.4 + 0.3 * len(shown)))
    scale = Probabilities.of(p[cause] for p in answers for cause in shown)
    for cause, (colour, marker, dashes) in zip(shown, STYLES, strict=False):
        line: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": dashes, "clip_on": False, "gid": cause}
        label = f"{percent(answers[-1][cause])} now: {variables[cause].label}"
        ax.plot([scale.at(p[cause]) for p in answers], range(len(steps)), label=label, **line)
    label_rows(ax, steps)
    scale.put(ax, "x", "probability of the cause after each answer")
    hidden = len(answers[-1]) - len(shown)
    handles, _ = ax.get_legend_handles_labels()
    legend(ax, handles, ncols=1, **_note(hidden))
    titled(ax, f"The interview so far: {interview.model.describe()}", f"known before: {_known(interview.known)}")
    return ax


def _leading(answers: Sequence[Mapping[str, float]], top: int) -> list[str]:
    """Return causes to draw: those that led after any step, then the most probable now."""
    led = dict.fromkeys(next(iter(p)) for p in reversed(answers))
    chosen = [*dict.fromkeys([*led, *answers[-1]])][:top]
    return sorted(chosen, key=list(answers[-1]).index)


def _known(known: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={'unknown' if value is None else value}" for name, value in known.items()) or "nothing"


def _note(hidden: int) -> dict[str, Any]:
    return {"title": f"{hidden} less probable causes are not shown", "alignment": "left"} if hidden else {}
