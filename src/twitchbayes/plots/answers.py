"""Answers drawn: prior against posterior with credible intervals, and an interview step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twitchbayes.display import given, labels, percent
from twitchbayes.errors import InvalidValueError
from twitchbayes.plots.rows import beside, height_of, label_rows
from twitchbayes.plots.scales import Probabilities
from twitchbayes.plots.theme import BLUE, GREEN, GREY, PURPLE, VERMILLION, axes_of, legend, titled

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
    """Draw the prior and the posterior of every cause, with credible intervals.

    Parameters
    ----------
    p : Posterior
    intervals : CredibleIntervals or bool, optional
        Those to draw; None takes those of `infer(interval=...)` and else `p.credible_intervals()`, False draws none.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The axis is logarithmic where the probabilities differ by a factor of 100 or more; 0% then has a place of its
        own. The artists have the ids `<cause>`, `<cause>.prior` and `<cause>.interval`; `none` and `serious` likewise.

    Raises
    ------
    InvalidValueError
        If matplotlib is missing, or the intervals are of another answer.
    """
    found = _intervals(p, intervals)
    names = labels(p)
    values = {**p, "none": p.none, "serious": p.serious}
    before = {**{cause: p.prior[cause] for cause in p}, "none": p.model.prior_none}
    rows = found.rows if found else {}
    ax = axes_of(ax, height=height_of(len(names), more=2.1))
    scale = Probabilities.of([*values.values(), *before.values(), *(b for r in rows.values() for b in (r.low, r.high))])
    for row, name in enumerate(names):
        _row(ax, scale, row, name, values[name], before.get(name), rows.get(name), serious=_is_serious(p, name))
    ax.axhline(len(p) - 0.5, color="0.5", linewidth=0.8)
    label_rows(ax, list(names.values()))
    beside(ax, "posterior", [percent(value) for value in values.values()])
    scale.put(ax, "x", "probability")
    _posterior_legend(ax, found)
    assumed = [f"assumed {', '.join(f'{n}={s}' for n, s in p.assumed.items())}"] if p.assumed else []
    titled(ax, f"Prior and posterior of each cause: {p.model.describe()}", f"given {given(p)}", *assumed)
    return ax


def _intervals(p: Posterior, asked: CredibleIntervals | bool | None) -> CredibleIntervals | None:
    if asked is False:
        return None
    if asked is None or asked is True:
        return p.intervals or p.credible_intervals()
    of = asked.of
    if of is not p and (of.model.fingerprint != p.model.fingerprint or dict(of) != dict(p)):
        message = "the intervals are of another answer; give those that this one returns from credible_intervals()"
        raise InvalidValueError(message)
    return asked


def _is_serious(p: Posterior, name: str) -> bool:
    return name == "serious" or (name in p and p.model.knowledge.variables[name].serious)


def _row(  # noqa: PLR0913 (what is drawn of a row, each by its name)
    ax: Axes,
    scale: Probabilities,
    row: int,
    name: str,
    value: float,
    before: float | None,
    spread: Interval | None,
    *,
    serious: bool,
) -> None:
    colour, marker = (VERMILLION, "D") if serious else (BLUE, "o")
    if spread is not None:
        ends = [scale.at(spread.low), scale.at(spread.high)]
        ax.plot(ends, [row, row], color=colour, linewidth=3, alpha=0.6, solid_capstyle="butt", gid=f"{name}.interval")
    if before is not None:
        ax.plot(scale.at(before), row, "|", color=GREY, markersize=13, markeredgewidth=2, gid=f"{name}.prior")
    ax.plot(scale.at(value), row, marker, color=colour, markersize=7, clip_on=False, gid=name, zorder=3)


def _posterior_legend(ax: Axes, found: CredibleIntervals | None) -> None:
    from matplotlib.lines import Line2D

    handles: list[Artist] = [
        Line2D([], [], color=GREY, marker="|", linestyle="", markersize=13, markeredgewidth=2, label="prior"),
        Line2D([], [], color=BLUE, marker="o", linestyle="", markersize=7, label="posterior"),
        Line2D([], [], color=VERMILLION, marker="D", linestyle="", markersize=7, label="posterior, serious cause"),
    ]
    if found:
        name = f"{100 * found.level:.6g}% credible interval"
        handles.append(Line2D([], [], color=GREY, linewidth=3, alpha=0.6, label=name))
    legend(ax, handles, ncols=4)


def history(interview: Interview, *, top: int = 5, ax: Axes | None = None) -> Axes:
    """Draw how the probabilities of the leading causes went from answer to answer of an interview.

    Parameters
    ----------
    interview : Interview
    top : int, default 5
        Causes that are drawn, 1 to 5: those with the highest posterior now, first those that led after any step.
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
        *(f"{variables[s.variable].label}: {s.said or 'left open'}" for s in interview.history),
    ]
    ax = axes_of(ax, height=height_of(len(steps), more=2.4))
    scale = Probabilities.of(p[cause] for p in answers for cause in shown)
    for cause, (colour, marker, dashes) in zip(shown, STYLES, strict=False):
        line = {"color": colour, "marker": marker, "linestyle": dashes, "clip_on": False, "gid": cause}
        label = f"{variables[cause].label} ({percent(answers[-1][cause])} now)"
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
