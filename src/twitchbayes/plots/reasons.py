"""Why, and what to ask: weights of evidence, tornado and the worth of questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from twitchbayes.display import given, percent
from twitchbayes.errors import InvalidValueError
from twitchbayes.plots.rows import beside, height_of, label_rows
from twitchbayes.plots.scales import DECIBANS, Probabilities, log_odds, log_odds_ticks
from twitchbayes.plots.text import PLAIN
from twitchbayes.plots.theme import BLUE, GREEN, GREY, SMALL, VERMILLION, axes_of, legend, titled

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from twitchbayes.explanation import Explanation, Reason
    from twitchbayes.questions import Questions
    from twitchbayes.sensitivity import Sensitivity, SensitivityFunction

__all__ = ["questions", "tornado", "weights"]

THICK = 0.62  # of a bar, where a row is 1
NEGLIGIBLE = 1e-12  # of the posterior: a swing of less is rounding


def weights(explanation: Explanation, *, top: int = 12, ax: Axes | None = None) -> Axes:
    """Draw what each item of the evidence adds to the log odds of a cause, from the prior to the posterior.

    Weights of evidence need not add up; the waterfall has the Shapley values, which do, and a mark at the weight of
    each item given all the others, from the same start. Where there are no Shapley values the bars are the weights,
    each from 0; a weight that is infinite is drawn to the edge and named decisive.

    Parameters
    ----------
    explanation : Explanation
    top : int, default 12
        Items at most, the heaviest; in a waterfall the others are one bar together.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        In decibans. The bars have the names of the items as their ids, the marks `<name>.weight`; start and end are
        `prior` and `posterior`.

    Raises
    ------
    InvalidValueError
        If matplotlib is missing, or `top` is below 1.
    """
    _check_top(top)
    drawn = _bars if explanation.method == "none" else _waterfall
    ax = drawn(explanation, top, ax)
    titled(
        ax,
        f"What each item says of {explanation.label}: {percent(explanation.prior)} before, "
        f"{percent(explanation.probability)} given all",
        str(explanation.model["description"]),
    )
    return ax


class _Bar(NamedTuple):
    name: str
    label: str
    start: float
    width: float
    error: float | None
    weight: float | None


def _waterfall(found: Explanation, top: int, ax: Axes | None) -> Axes:
    start, end = DECIBANS * log_odds(found.prior), DECIBANS * (log_odds(found.prior) + found.change_nats)
    bars = _steps(found, top, start)
    ax = axes_of(ax, height=height_of(len(bars) + 2, more=2.6))
    for row, bar in enumerate(bars, start=1):
        colour = BLUE if bar.width > 0 else VERMILLION
        ax.barh(row, bar.width, THICK, left=bar.start, color=colour, gid=bar.name)
        stop = bar.start + bar.width
        ax.plot([stop, stop], [row, row + 1], color=GREY, linewidth=1)
        if bar.error:
            ax.plot([stop - bar.error, stop + bar.error], [row, row], color="0.5", linewidth=2)
        if bar.weight is not None:
            words = ax.xaxis.label.get_color()  # seen on the bar and beside it
            mark: dict[str, Any] = {
                "markerfacecolor": "none",
                "markeredgecolor": words,
                "markersize": 7,
                "markeredgewidth": 1.5,
            }
            ax.plot(bar.start + bar.weight, row, marker="D", gid=f"{bar.name}.weight", **mark)
    ax.plot([start, start], [0, 1], color=GREY, linewidth=1)
    for row, (name, place) in enumerate([("prior", start), ("posterior", end)]):
        ax.plot(place, row * (len(bars) + 1), "o", color=GREEN, markersize=9, gid=name, zorder=3)
    label_rows(ax, ["prior, nothing known or assumed", *(bar.label for bar in bars), "posterior, given all"])
    beside(ax, "decibans", [percent(found.prior), *(f"{bar.width:+.2f}" for bar in bars), percent(found.probability)])
    ax.set_xlabel("log odds of the cause, decibans (10 log10 of the odds)")
    ax.use_sticky_edges = False
    ax.margins(x=0.06)
    _probabilities_above(ax)
    _waterfall_legend(ax, found)
    return ax


def _steps(found: Explanation, top: int, start: float) -> list[_Bar]:
    """Return the bars in the order in which they are laid end to end: the largest share first, the rest together."""
    reasons = sorted(found.reasons, key=lambda reason: -abs(reason.shapley_nats or 0.0))
    hidden = reasons[top:] if len(reasons) > top + 1 else []
    bars: list[_Bar] = []
    for reason in reasons[: len(reasons) - len(hidden)]:
        share = DECIBANS * (reason.shapley_nats or 0.0)
        error = DECIBANS * (reason.shapley_se_nats or 0.0)
        bars.append(_Bar(reason.item.name, reason.words, start, share, error, reason.weight_decibans))
        start += share
    if hidden:
        rest = DECIBANS * math.fsum(reason.shapley_nats or 0.0 for reason in hidden)
        bars.append(_Bar("others", f"{len(hidden)} other items together", start, rest, None, None))
    return bars


def _probabilities_above(ax: Axes) -> None:
    """Put an axis above that says which probability each place is."""
    low, high = ax.get_xlim()
    ticks = log_odds_ticks(low / DECIBANS, high / DECIBANS)
    above = ax.secondary_xaxis("top")
    above.set_xticks([DECIBANS * nats for nats, _ in ticks], [text for _, text in ticks], fontsize=SMALL)
    above.set_xlabel("probability of the cause, percent")


def _waterfall_legend(ax: Axes, found: Explanation) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    orders = "all orders" if found.method == "exact" else f"{2 * found.pairs} random orders"
    handles: list[Artist] = [
        Patch(color=BLUE, label=f"speaks for it: mean over {orders} (Shapley value)"),
        Patch(color=VERMILLION, label="speaks against it"),
        Line2D(
            [],
            [],
            marker="D",
            linestyle="",
            markerfacecolor="none",
            color=ax.xaxis.label.get_color(),
            label="weight given all others",
        ),
    ]
    if any(reason.shapley_se_nats for reason in found.reasons):
        handles.append(Line2D([], [], color="0.5", linewidth=2, label="standard error of the mean, each way"))
    legend(ax, handles, ncols=2)


def _bars(found: Explanation, top: int, ax: Axes | None) -> Axes:
    from matplotlib.patches import Patch

    reasons, hidden = found.reasons[:top], len(found.reasons[top:])
    ax = axes_of(ax, height=height_of(len(reasons), more=2.6))
    reach = 1.15 * max([abs(r.weight_decibans) for r in reasons if not r.decisive], default=0.0) or 10.0
    for row, reason in enumerate(reasons):
        _weight(ax, row, reason, reach)
    ax.axvline(0, color=GREY, linewidth=1)
    ax.set_xlim(-reach, reach)
    label_rows(ax, [reason.words for reason in reasons])
    beside(ax, "decibans", ["decisive" if r.decisive else f"{r.weight_decibans:+.2f}" for r in reasons])
    legend_of = [Patch(color=BLUE, label="speaks for it"), Patch(color=VERMILLION, label="speaks against it")]
    if any(reason.decisive for reason in reasons):
        label = "decisive: makes it certain or impossible"
        legend_of.append(Patch(facecolor=GREY, hatch="//", edgecolor="white", label=label))
    more = f"\n{hidden} lighter items are not shown" if hidden else ""
    ax.set_xlabel(
        "weight of evidence given all other items, decibans (10 log10 of the factor of the odds);\n"
        f"no Shapley values: {found.why_no_shapley}{more}",
        **PLAIN,
    )
    legend(ax, legend_of, ncols=3)
    return ax


def _weight(ax: Axes, row: int, reason: Reason, reach: float) -> None:
    """Draw one weight from 0: to the edge, hatched and with an arrow head, where it is infinite."""
    side = math.copysign(1.0, reason.weight_nats)
    colour = BLUE if side > 0 else VERMILLION
    width = side * reach if reason.decisive else reason.weight_decibans
    hatch = "//" if reason.decisive else None
    ax.barh(row, width, THICK, color=colour, hatch=hatch, edgecolor="white" if hatch else colour, gid=reason.item.name)
    if reason.decisive:
        ax.plot(width, row, ">" if side > 0 else "<", color=colour, markersize=14, clip_on=False)


def tornado(sensitivity: Sensitivity, *, top: int = 12, ax: Axes | None = None) -> Axes:
    """Draw how far the posterior of a cause moves when one number of the tables moves within its interval.

    Parameters
    ----------
    sensitivity : Sensitivity
    top : int, default 12
        Numbers at most, those with the largest swing.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The two bars of a number have the ids `<number>.low` and `<number>.high`, as P(child | parent).low; a mark where
        another cause overtakes the first one within the interval, `<number>.change`.

    Raises
    ------
    InvalidValueError
        If matplotlib is missing, or `top` is below 1.
    """
    _check_top(top)
    now = sensitivity.of[sensitivity.cause]
    moving = [f for f in sensitivity.functions if f.swing > NEGLIGIBLE * now or None in (f.at_low, f.at_high)]
    shown = moving[:top]
    ax = axes_of(ax, height=height_of(len(shown), more=2.8))
    scale = Probabilities.of([now, *(p for f in shown for p in (f.at_low, f.at_high) if p is not None)])
    for row, function in enumerate(shown):
        _swing(ax, scale, row, function, now)
    ax.axvline(scale.at(now), color=GREY, linewidth=1.5, gid=sensitivity.cause)
    label_rows(ax, [function.name for function in shown])
    beside(ax, "number (its interval)", [_range(function) for function in shown])
    label = sensitivity.of.model.label(sensitivity.cause)
    scale.put(ax, "x", f"P({sensitivity.cause} | evidence)")
    ax.set_xlabel(f"{ax.get_xlabel()}\n{_not_shown(sensitivity, moving, shown)}", **PLAIN)
    _tornado_legend(ax, sensitivity, shown)
    about = f"given {given(sensitivity.of)}"
    titled(ax, f"How {label}, {percent(now)}, rests on single numbers: {sensitivity.of.model.describe()}", about)
    return ax


def _swing(ax: Axes, scale: Probabilities, row: int, function: SensitivityFunction, now: float) -> None:
    for end, value, colour, hatch in (
        ("low", function.at_low, VERMILLION, "//"),
        ("high", function.at_high, BLUE, None),
    ):
        if value is not None:
            start, stop = scale.at(now), scale.at(value)
            look: dict[str, Any] = {
                "color": colour,
                "hatch": hatch,
                "edgecolor": "white" if hatch else colour,
                "linewidth": 0,
            }
            ax.barh(row, stop - start, THICK, left=start, gid=f"{function.name}.{end}", **look)
    change = function.change_inside
    if change is not None:
        at = scale.at(function.at(change.at))
        ax.plot(at, row, "*", color=GREEN, markersize=12, markeredgecolor="white", gid=f"{function.name}.change")


def _range(function: SensitivityFunction) -> str:
    number = function.number
    impossible = [f"{bound:.3g}" for bound, p in _bounds(function) if p is None]
    beyond = f"; impossible at {' and '.join(impossible)}" if impossible else ""
    return f"{number.probability:.3g} ({number.low:.3g} to {number.high:.3g}{beyond})"


def _bounds(function: SensitivityFunction) -> list[tuple[float, float | None]]:
    return [(function.number.low, function.at_low), (function.number.high, function.at_high)]


def _not_shown(
    sensitivity: Sensitivity, moving: Sequence[SensitivityFunction], shown: Sequence[SensitivityFunction]
) -> str:
    still = len(sensitivity) - len(moving)
    return f"not shown: {len(moving) - len(shown)} numbers that move it less, {still} that do not move it"


def _tornado_legend(ax: Axes, sensitivity: Sensitivity, shown: Sequence[SensitivityFunction]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [
        Patch(facecolor=VERMILLION, hatch="//", edgecolor="white", label="with the number at its low"),
        Patch(color=BLUE, label="at its high"),
        Line2D([], [], color=GREY, linewidth=1.5, label="as the tables have it"),
    ]
    if any(function.change_inside for function in shown):
        label = f"from here another cause than {sensitivity.first} is the first"
        handles.append(Line2D([], [], color=GREEN, marker="*", linestyle="", markersize=12, label=label))
    legend(ax, handles, ncols=2)


def questions(found: Questions, *, ax: Axes | None = None) -> Axes:
    """Draw what questions are worth: the expected drop of the entropy of the target by their answers.

    Parameters
    ----------
    found : Questions
        What `next_questions` or `worth_asking` returns.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        In bits, the best question first; the bars have the names of the variables as their ids, and, where questions
        have costs, the marks `<variable>.per_cost`.

    Raises
    ------
    InvalidValueError
        If matplotlib is missing.
    """
    costs = any(question.cost != 1 for question in found)
    ax = axes_of(ax, height=height_of(len(found), more=2.1))
    for row, question in enumerate(found):
        ax.barh(row, question.gain_bits, THICK, color=BLUE, gid=question.variable)
        if costs:
            ax.plot(question.gain_per_cost, row, "D", color=VERMILLION, gid=f"{question.variable}.per_cost")
    label_rows(ax, [question.label for question in found])
    beside(ax, "bits", [f"{question.gain_bits:.3g}" for question in found])
    what = {"causes": "all causes, added up", "serious": "whether any serious cause is present"}
    target = what.get(found.target, found.label)
    per_cost = "\ndiamonds: bits for one unit of cost" if costs else ""
    ax.set_xlabel(
        f"expected drop of the entropy of {target}, bits (now {found.uncertainty_bits:.3g}){per_cost}", **PLAIN
    )
    ax.set_xlim(left=0)
    if not found:
        ax.text(0.5, 0.5, "No question is worth asking.", transform=ax.transAxes, ha="center", va="center")
    titled(ax, f"What to ask next: {found.about}", f"given {found.given}")
    return ax


def _check_top(top: int) -> None:
    if top < 1:
        message = f"top={top!r} must be 1 or more"
        raise InvalidValueError(message)
