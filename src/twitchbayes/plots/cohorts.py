"""What cases say, drawn: calibration and ROC curves of an evaluation, and a number before and after tuning."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.beliefs import quantiles
from twitchbayes.display import percent
from twitchbayes.errors import InvalidValueError, UnknownVariableError
from twitchbayes.plots.scales import WIDE, Probabilities, log_odds, log_odds_ticks, probability
from twitchbayes.plots.text import PLAIN
from twitchbayes.plots.theme import BLUE, GREY, SMALL, SQUARE, VERMILLION, axes_of, legend, titled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from twitchbayes.evaluation import Evaluation
    from twitchbayes.tuning import Tuning

__all__ = ["calibration", "densities", "roc"]

Floats = NDArray[np.float64]

HEIGHT = 6.6  # inches
DRAWN = 0.998  # of a distribution
FAR = 12.0  # nats of log odds from the mean of a distribution to which it is drawn at most
POINTS = 401
NOTICED = 0.01  # a share of a distribution that is not drawn and must be told
LINES = 7.0  # points from the axis to the line of an interval, and from that to the next


def calibration(evaluation: Evaluation, cause: str | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the share of cases that have a cause against the probability that was predicted, bin by bin.

    Parameters
    ----------
    evaluation : Evaluation
    cause : str, optional
        A cause or `serious`; None is of all pairs of case and cause.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        A mark a bin, with the id `bin 1` onwards, and its 95% interval by Wilson; on the diagonal the share is what was
        predicted. Both axes are logarithmic where the predictions differ by a factor of 100 or more.

    Raises
    ------
    UnknownVariableError
        If the evaluation has no such cause.
    InvalidValueError
        If matplotlib is missing, or no case has a known state of the cause.
    """
    curve = evaluation.calibration(cause)
    if not len(curve):
        message = f"{cause} has no calibration curve: its state is known in no case"
        raise InvalidValueError(message)
    ax = axes_of(ax, height=HEIGHT, width=SQUARE)
    scale = Probabilities.of(curve[["mean_predicted", "observed", "low", "high"]].to_numpy().ravel())
    if curve["mean_predicted"].min() * WIDE > curve["mean_predicted"].max():
        scale = scale.linear()
    ends = [scale.smallest, scale.largest]
    ax.plot(ends, ends, color=GREY, linestyle="--", linewidth=1, label="as predicted", gid="diagonal")
    for number, row in enumerate(curve.itertuples(index=False), start=1):
        _bin(ax, scale, number, row)
    scale.put(ax, "x", "mean of the predicted probabilities")
    scale.put(ax, "y", "observed share of the cases")
    _below(ax)
    about = f"{len(curve)} bins of {_span(curve['cases'])} {'pairs of case and cause' if cause is None else 'cases'}"
    label = "all causes together" if cause is None else evaluation.labels[cause]
    titled(ax, f"Calibration, {label}: {evaluation.model['description']}", _cases(evaluation), about)
    return ax


def _bin(ax: Axes, scale: Probabilities, number: int, row: Any) -> None:
    first = number == 1
    x, ends = scale.at(row.mean_predicted), [scale.at(row.low), scale.at(row.high)]
    label = "95% interval (Wilson)" if first else None
    ax.plot([x, x], ends, color=BLUE, linewidth=2.5, alpha=0.6, label=label, gid=f"bin {number}.interval")
    label = "observed in a bin" if first else None
    ax.plot(
        [x], [scale.at(row.observed)], "o", color=BLUE, markersize=7, clip_on=False, label=label, gid=f"bin {number}"
    )


def _span(counts: Any) -> str:
    least, most = int(counts.min()), int(counts.max())
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _cases(evaluation: Evaluation) -> str:
    return f"{evaluation.used:,} of {evaluation.size:,} cases of {evaluation.source}, {evaluation.method}"


def _below(ax: Axes) -> None:
    """Put the legend of the labelled artists below the axis."""
    handles, _ = ax.get_legend_handles_labels()
    legend(ax, handles, ncols=1)


def roc(evaluation: Evaluation, cause: str, *, ax: Axes | None = None) -> Axes:
    """Draw the sensitivity at every specificity that a threshold of the probability of a cause gives.

    Parameters
    ----------
    evaluation : Evaluation
    cause : str
        A cause or `serious`.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The curve has the name of the cause as its id; on the diagonal, `chance`, a threshold says nothing.

    Raises
    ------
    UnknownVariableError
        If the evaluation has no such cause.
    InvalidValueError
        If matplotlib is missing, or there is no curve because no case, or every case, has the cause.
    """
    curve = evaluation.roc(cause)
    measured = evaluation.measured[cause]
    ax = axes_of(ax, height=HEIGHT, width=SQUARE)
    area = f"area {measured.values['roc_auc']:.3f}"
    if "roc_auc" in measured.intervals:
        area += " (95% interval {:.3f} to {:.3f})".format(*measured.intervals["roc_auc"])
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="chance, area 0.5", gid="chance")
    line: dict[str, Any] = {"color": BLUE, "linewidth": 2, "clip_on": False, "gid": cause}
    ax.plot(1 - curve["specificity"], curve["sensitivity"], label=area, **line)
    whole = Probabilities.of([1.0])
    whole.put(ax, "x", "1 - specificity: cases without it that are called present")
    whole.put(ax, "y", "sensitivity: cases with it that are called present")
    _below(ax)
    counts = f"{measured.present:,} with it, {measured.cases - measured.present:,} without"
    about = f"{_cases(evaluation)}: {counts}"
    titled(ax, f"ROC curve, {evaluation.labels[cause]}: {evaluation.model['description']}", about)
    return ax


class _Beta(NamedTuple):
    """What is believed of a number: its mean and size, the interval that is reported, and how it is drawn."""

    name: str
    mean: float
    size: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        return math.isinf(self.size) or self.mean in {0.0, 1.0}

    def density(self, nats: Floats) -> Floats:
        """Return the density of the log odds, p^a (1 - p)^b / B(a, b), for each nat of them."""
        a, b = self.mean * self.size, (1 - self.mean) * self.size
        log_beta = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
        found: Floats = np.exp(-a * np.logaddexp(0, -nats) - b * np.logaddexp(0, nats) - log_beta)
        return found

    def words(self, ends: tuple[float, float]) -> str:
        """Return what the legend says of it; of what lies beyond the ends of the axis, how much that is."""
        interval = f"line below: {percent(self.low)} to {percent(self.high)}"
        if self.certain:
            return f"{self.name}: {percent(self.mean)}, certain; {interval}"
        shares = self._beyond(ends)
        sides = [
            f"{percent(p)} of it {side}"
            for p, side in zip(shares, ("further left", "further right"), strict=True)
            if p > NOTICED
        ]
        beyond = f" ({', '.join(sides)})" if sides else ""
        return f"{self.name}: {percent(self.mean)}, as {self.size:,.3g} cases would say; {interval}{beyond}"

    def _beyond(self, ends: tuple[float, float]) -> tuple[float, float]:
        from scipy.special import betainc, betaincc

        a, b = self.mean * self.size, (1 - self.mean) * self.size
        return float(betainc(a, b, probability(ends[0]))), float(betaincc(a, b, probability(ends[1])))

    def ends(self) -> list[float]:
        """Return between which log odds it is drawn."""
        middle = log_odds(self.mean)
        if self.certain:
            return [middle] if math.isfinite(middle) else []
        tail = (1 - DRAWN) / 2
        found = quantiles(np.array([self.mean]), np.array([self.size]), (tail, 1 - tail))[:, 0]
        return [max(log_odds(float(found[0])), middle - FAR), min(log_odds(float(found[1])), middle + FAR)]


def densities(tuning: Tuning, number: str, *, ax: Axes | None = None) -> Axes:
    """Draw what is believed of a number before and after tuning: the density of its log odds.

    The area under a curve between two probabilities is the belief that the number lies between them. It is the density
    of the log odds and not of the probability, because that one is finite everywhere.

    Parameters
    ----------
    tuning : Tuning
    number : str
        As the report names it, P(child | parent).
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        The curves have the ids `<number>.before` and `<number>.after`, the intervals of the report `.before.interval`
        and `.after.interval`. A link is a net link probability.

    Raises
    ------
    UnknownVariableError
        If there is no such number.
    InvalidValueError
        If matplotlib is missing.
    """
    names = tuning.report["number"].tolist()
    if number not in names:
        raise UnknownVariableError(number, names, what="number")
    place = names.index(number)
    row = tuning.report.iloc[place]
    before = _Beta("before", float(tuning.before.beliefs.means[place]), row.size_before, row.old_low, row.old_high)
    after = _Beta("after", row.new, row.size_after, row.new_low, row.new_high)
    ax = axes_of(ax, height=HEIGHT, width=SQUARE)
    ends = [end for beta in (before, after) for end in beta.ends()] or [-1.0, 1.0]
    low, high = (min(ends), max(ends)) if min(ends) < max(ends) else (min(ends) - 1, max(ends) + 1)
    looks = ({"color": VERMILLION, "linestyle": "--"}, {"color": BLUE, "linestyle": "-"})
    for depth, (beta, look) in enumerate(zip((before, after), looks, strict=True), start=1):
        _belief(ax, number, beta, np.linspace(low, high, POINTS), look=look, depth=depth)
    _number_axes(ax, row, low, high)
    _below(ax)
    said = f"{row.from_data:.0%} of it from the cases" if row.changed else "the cases say nothing of it"
    about = f"{tuning.cases['used']:,} cases of {tuning.cases['source']}; {said}"
    titled(ax, f"{number} before and after tuning: {tuning.before.describe()}", about)
    return ax


def _belief(ax: Axes, number: str, beta: _Beta, nats: Floats, *, look: Mapping[str, Any], depth: int) -> None:
    """Draw the density of one belief, or where it is certain a line, and its interval below the axis."""
    from matplotlib.transforms import ScaledTranslation

    gid, ends = f"{number}.{beta.name}", (float(nats[0]), float(nats[-1]))
    if beta.certain:
        ax.axvline(float(np.clip(log_odds(beta.mean), *ends)), label=beta.words(ends), linewidth=2, gid=gid, **look)
    else:
        ax.plot(nats, beta.density(nats), label=beta.words(ends), linewidth=2, gid=gid, **look)
    below = ScaledTranslation(0, -LINES * depth / 72, ax.figure.dpi_scale_trans)
    span = np.clip([log_odds(max(beta.low, 0.0)), log_odds(min(beta.high, 1.0))], *ends)
    place: dict[str, Any] = {"transform": ax.get_xaxis_transform() + below, "clip_on": False}
    ax.plot(span, [0, 0], linewidth=3, solid_capstyle="butt", gid=f"{gid}.interval", **place, **look)


def _number_axes(ax: Axes, row: Any, low: float, high: float) -> None:
    ticks = log_odds_ticks(low, high)
    ax.set_xticks([nats for nats, _ in ticks], [text for _, text in ticks], fontsize=SMALL)
    ax.set_xlim(low, high)
    ax.set_ylim(bottom=0)
    ax.tick_params(axis="x", pad=3 * LINES)  # below the lines of the intervals
    what = "probability" if row.kind == "priors" else "net link probability"
    ax.set_xlabel(f"{what}, percent (evenly spaced by log odds)", **PLAIN)
    ax.set_ylabel("density, for each nat of log odds")
