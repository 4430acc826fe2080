"""Plots of rows: a label at the left of each, numbers at the right, from the top down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from twitchbayes.plots.text import LINE, PLAIN, wrapped
from twitchbayes.plots.theme import SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["beside", "height_of", "label_rows"]

PITCH = 0.36  # inches from row to row, room for a label of two lines
LABEL = 185.0  # points that a label is wide at most


def height_of(rows: int, *, more: float = 1.7) -> float:
    """Return the height, in inches, of a figure with that many rows; `more` for what is above and below them."""
    return (max(rows, 2) + 1) * PITCH + more


def label_rows(ax: Axes, labels: Sequence[str]) -> None:
    """Put a label to the left of each row, counted from 0 at the top, as large as there is room for.

    Above the first row there is room for the head of what stands beside the rows.
    """
    broken = [wrapped(label, LABEL, SMALL, most=2) for label in labels]
    ax.set_ylim(len(labels) - 0.4, -1.3)
    ax.set_yticks(range(len(labels)), ["\n".join(lines) for lines in broken], fontsize=_size(ax, broken), **PLAIN)
    ax.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.grid(axis="x", color="0.5", alpha=0.25, linewidth=0.8)
    ax.set_axisbelow(True)


def beside(ax: Axes, head: str, texts: Sequence[str]) -> None:
    """Write a text at the right of each row, under a head."""
    size = _size(ax, [[text] for text in texts])
    for row, text in enumerate([head, *texts], start=-1):
        style = "italic" if row < 0 else "normal"
        place = ax.get_yaxis_transform()
        ax.text(1.02, row, text, transform=place, va="center", fontsize=size, style=style, **PLAIN)


def _size(ax: Axes, broken: Sequence[Sequence[str]]) -> float:
    """Return the size of the font in points at which the tallest label has room in its row."""
    points = ax.get_window_extent().height * 72 / ax.figure.dpi / (len(broken) + 1)
    return min(SMALL, points / (LINE * max(map(len, broken), default=1)))
