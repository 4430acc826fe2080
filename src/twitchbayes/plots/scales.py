"""Axes of probabilities, in percent, and of log odds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = ["DECIBANS", "WIDE", "Probabilities", "log_odds", "log_odds_ticks", "probability"]

DECIBANS = 10 / math.log(10)  # in a nat
WIDE = 100.0  # a ratio of the largest to the smallest probability from which the axis is logarithmic
SMALLEST = 1e-8  # what is below it has one place, at the edge of the axis
FEWEST_TICKS, MOST_TICKS = 3, 7


@dataclass(frozen=True, slots=True)
class Probabilities:
    """An axis of probabilities, linear or logarithmic.

    Attributes
    ----------
    log : bool
    smallest, largest : float
        Ends of the axis; of a logarithmic one, without the place at its edge.
    edge : str
        What the place at the edge of a logarithmic axis is called: "0%" where there are zeros, "<0.000001%" where other
        probabilities are too small for it; empty where there are neither.
    """

    log: bool
    smallest: float
    largest: float
    edge: str = ""

    @classmethod
    def of(cls, values: Iterable[float]) -> Probabilities:
        """Return the axis that has room for these: logarithmic where they differ by a factor of 100 or more."""
        found = [float(value) for value in values]
        inner = [value for value in found if value > 0]
        most = max(inner, default=1.0)
        least = min((value for value in inner if value >= SMALLEST), default=most)
        beyond = min(inner, default=1.0) < SMALLEST < most
        if least * WIDE > most and not beyond:
            return cls(False, 0.0, min(1.05 * most, 1.0))
        low = 10.0 ** math.floor(math.log10(SMALLEST if beyond else least))
        edge = f"<{_percent(low)}" if beyond else "0%" * (len(inner) < len(found))
        return cls(True, low, 10.0 ** math.ceil(math.log10(most)), edge)

    def linear(self) -> Probabilities:
        """Return the linear axis with the same room."""
        return Probabilities(False, 0.0, self.largest)

    @property
    def zero(self) -> float:
        """Where a probability is drawn that is 0, or too small for the axis."""
        return self.smallest / 5

    def at(self, value: float) -> float:
        """Return where a probability is drawn."""
        return value if value >= self.smallest else self.zero

    def put(self, ax: Axes, which: Literal["x", "y"], label: str) -> None:
        """Make an axis this one, and label it."""
        axis: Axis = getattr(ax, f"{which}axis")
        getattr(ax, f"set_{which}label")(f"{label}, percent{' (logarithmic)' if self.log else ''}")
        if not self.log:
            self._linear(ax, which, axis)
            return
        getattr(ax, f"set_{which}scale")("log")
        getattr(ax, f"set_{which}lim")(self.zero / 1.3 if self.edge else self.smallest, self.largest)
        self._ticks(axis)
        if self.edge:
            line = ax.axvline if which == "x" else ax.axhline
            line(self.smallest / 1.6, color="0.5", linewidth=0.8, linestyle=":", zorder=0)

    def _linear(self, ax: Axes, which: str, axis: Axis) -> None:
        from matplotlib.ticker import MaxNLocator

        getattr(ax, f"set_{which}lim")(0, self.largest)
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(lambda p, _: f"{100 * p:.6g}%")

    def _ticks(self, axis: Axis) -> None:
        from matplotlib.ticker import FixedLocator, NullLocator

        first, last = round(math.log10(self.smallest)), round(math.log10(self.largest))
        step = -(-(last - first) // MOST_TICKS)
        at = [10.0**power for power in range(last, first - 1, -step)][::-1]
        near = 30 * self.smallest if self.edge.startswith("<") else 0.0  # no room beside a long name of the edge
        shown = [self.edge] * bool(self.edge) + [_percent(p) if p > near else "" for p in at]
        axis.set_major_locator(FixedLocator([self.zero] * bool(self.edge) + at))
        axis.set_major_formatter(lambda _, place: shown[int(place or 0)])
        axis.set_minor_locator(NullLocator())


def _percent(p: float) -> str:
    """Return a round probability in percent, with all its zeros as long as they can be counted."""
    return f"{100 * p:.6f}".rstrip("0").rstrip(".") + "%" if p >= 1e-8 else f"{100 * p:.3g}%"


def log_odds(p: float) -> float:
    """Return ln p / (1 - p), in nats; infinite for 0 and 1."""
    if p in {0.0, 1.0}:
        return math.inf if p else -math.inf
    return math.log(p) - math.log1p(-p)


def probability(nats: float) -> float:
    """Return the probability of log odds, without overflow."""
    small = math.exp(-abs(nats))
    return (small if nats < 0 else 1.0) / (1 + small)


def log_odds_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return a few round probabilities between two log odds in nats: their log odds, and what they are in percent."""
    least, most = probability(low), probability(high)
    inside: list[float] = []
    for steps in ((1,), (1, 2, 5)):
        if len(inside) < FEWEST_TICKS:
            small = [m * 10.0**-k for k in range(1, 300) for m in steps if m * 10.0**-k <= 0.5]
            inside = [p for p in sorted({*small, 0.5, *(1 - p for p in small)}) if least <= p <= most and p < 1]
    if len(inside) < FEWEST_TICKS:
        inside = _evenly(least, most)
    step = -(-len(inside) // MOST_TICKS)
    return [(log_odds(p), f"{100 * p:.12g}%") for p in inside[::step]]


def _evenly(least: float, most: float) -> list[float]:
    """Return round probabilities that are evenly spaced themselves: between close ends there are no others."""
    from matplotlib.ticker import MaxNLocator

    round_ones = map(float, MaxNLocator(MOST_TICKS - 1).tick_values(least, most))
    return [p for p in round_ones if least <= p <= most and 0 < p < 1]
