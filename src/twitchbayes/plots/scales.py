"""Axes of probabilities, in percent, and of log odds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = ["DECIBANS", "WIDE", "Probabilities", "log_odds", "log_odds_ticks", "probability"]

DECIBANS = 10 / math.log(10)  # in a nat
WIDE = 100.0  # a ratio of the largest to the smallest probability from which the axis is logarithmic
MOST_TICKS = 7


@dataclass(frozen=True, slots=True)
class Probabilities:
    """An axis of probabilities, linear or logarithmic.

    Attributes
    ----------
    log : bool
    zero : float
        Where a probability of 0 is drawn: on a logarithmic axis a place of its own, at the edge, marked "0%".
    smallest, largest : float
        Ends of the axis, without the place of 0.
    has_zero : bool
    """

    log: bool
    zero: float
    smallest: float
    largest: float
    has_zero: bool

    @classmethod
    def of(cls, values: Iterable[float]) -> Probabilities:
        """Return the axis that has room for these: logarithmic where they differ by a factor of 100 or more."""
        found = [float(value) for value in values]
        inner = [value for value in found if value > 0]
        least, most = min(inner, default=1.0), max(inner, default=1.0)
        has_zero = len(inner) < len(found)
        if least * WIDE > most:
            return cls(False, 0.0, 0.0, min(1.05 * most, 1.0), has_zero)
        low, high = 10.0 ** math.floor(math.log10(least)), 10.0 ** math.ceil(math.log10(most))
        return cls(True, low / 5, low, high, has_zero)

    def linear(self) -> Probabilities:
        """Return the linear axis with the same room."""
        return Probabilities(False, 0.0, 0.0, self.largest, self.has_zero)

    def at(self, value: float) -> float:
        """Return where a probability is drawn."""
        return value if value > 0 else self.zero

    def put(self, ax: Axes, which: Literal["x", "y"], label: str) -> None:
        """Make an axis this one, and label it."""
        axis: Axis = getattr(ax, f"{which}axis")
        getattr(ax, f"set_{which}label")(f"{label}, percent{' (logarithmic)' if self.log else ''}")
        if not self.log:
            self._linear(ax, which, axis)
            return
        getattr(ax, f"set_{which}scale")("log")
        getattr(ax, f"set_{which}lim")(self.zero / 1.3 if self.has_zero else self.smallest, self.largest)
        self._ticks(axis)
        if self.has_zero:
            line = ax.axvline if which == "x" else ax.axhline
            line(self.smallest / 1.6, color="0.5", linewidth=0.8, linestyle=":", zorder=0)

    def _linear(self, ax: Axes, which: str, axis: Axis) -> None:
        from matplotlib.ticker import MaxNLocator

        getattr(ax, f"set_{which}lim")(0, self.largest)
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(lambda p, _: f"{100 * p:.6g}%")

    def _ticks(self, axis: Axis) -> None:
        from matplotlib.ticker import FixedLocator, NullFormatter

        first, last = round(math.log10(self.smallest)), round(math.log10(self.largest))
        step = -(-(last - first) // MOST_TICKS)
        at = [10.0**power for power in range(last, first - 1, -step)][::-1]
        shown = ["0%"] * self.has_zero + [f"{_percent(p)}" for p in at]
        axis.set_major_locator(FixedLocator([self.zero] * self.has_zero + at))
        axis.set_major_formatter(lambda _, place: shown[int(place or 0)])
        within = [m * 10.0**power for power in range(first, last) for m in range(2, 10)] if step == 1 else []
        axis.set_minor_locator(FixedLocator(within))
        axis.set_minor_formatter(NullFormatter())


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


def log_odds_ticks(low: float, high: float) -> Sequence[tuple[float, str]]:
    """Return the round probabilities between two log odds in nats, about evenly: their log odds, and in percent."""
    least, most = probability(low), probability(high)
    powers = range(1, 301)
    small = [10.0**-k for k in powers if 10.0**-k >= least]
    sides = [*reversed(small), 0.5, *(1 - q for q in small if q > 1e-12), *(1 - 10.0**-k for k in range(1, 13))]
    inside = sorted({p for p in sides if least <= p <= most})
    if len(inside) < 3:
        finer = [m * 10.0**-k for k in powers for m in (1, 2, 5)]
        inside = sorted({p for q in finer if q >= min(least, 1 - most) for p in (q, 1 - q) if least <= p <= most})
    step = -(-len(inside) // MOST_TICKS) or 1
    return [(log_odds(p), f"{100 * p:.12g}%") for p in inside[::step]]
