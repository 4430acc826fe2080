"""The look of all plots: colours that a colour-blind eye tells apart, on white and on black, axes and titles.

Marks have one of five colours, each with a contrast of 3:1 or more on white and on #111111 (WCAG 2.2, 1.4.11). Words
have the colours that matplotlib is set to, so that all a dark notebook takes is `plt.style.use("dark_background")`.
Wherever a colour says something, a shape, a place or a word says it too.

References
----------
Okabe and Ito, Color Universal Design (2008), for the colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twitchbayes.errors import InvalidValueError
from twitchbayes.plots.text import PLAIN, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend
    from matplotlib.transforms import Bbox

__all__ = [
    "BLUE",
    "GREEN",
    "GREY",
    "MARKS",
    "PURPLE",
    "SMALL",
    "SQUARE",
    "VERMILLION",
    "WIDE",
    "axes_of",
    "blend",
    "legend",
    "on",
    "pyplot",
    "titled",
]

BLUE, VERMILLION, GREEN, PURPLE, GREY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7f7f7f"
MARKS = (BLUE, VERMILLION, GREEN, PURPLE, GREY)
WIDE, SQUARE = 9.0, 6.4  # inches: width of the figures that plots make
INSET = 0.88
LEGEND = 380.0  # points that a line of a legend may have
SMALL = 9.0  # size of words, in points


def axes_of(ax: Axes | None, *, height: float, width: float = WIDE) -> Axes:
    """Return the axes given, or those of a new figure of that size in inches.

    Raises
    ------
    InvalidValueError
        If matplotlib is not installed.
    """
    if ax is not None:
        return ax
    axes: Axes = pyplot().subplots(figsize=(width, height), layout="constrained")[1]
    return axes


def pyplot() -> Any:
    """Return matplotlib.pyplot, which knows where figures are shown."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        message = f'plots need matplotlib ({error}): pip install "twitchbayes[plot]"'
        raise InvalidValueError(message) from None
    return plt


def titled(ax: Axes, what: str, *about: str, pad: float = 10.0) -> None:
    """Write above all that is drawn what it is and, in lines of their own, given what; broken to its width."""
    inner, outer = _extents(ax)
    points = outer.width * 72 / ax.figure.dpi
    lines = [line for text in (what, *about) for line in wrapped(text, points, SMALL + 1)]
    # Somewhat inside: at another resolution the labels are drawn a little narrower.
    x = INSET * (outer.x0 - inner.x0) / inner.width
    ax.set_title("\n".join(lines), loc="left", fontsize=SMALL + 1, x=x, pad=pad, **PLAIN)


def legend(ax: Axes, handles: Sequence[Artist], **options: Any) -> None:
    """Put a legend below the axes and their labels, its words as they stand; in fewer columns where it is too wide."""
    from matplotlib.transforms import ScaledTranslation

    inner, outer = _extents(ax)
    below = ScaledTranslation(0, (outer.y0 - inner.y0) / ax.figure.dpi - 0.06, ax.figure.dpi_scale_trans)
    place = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.0), "bbox_transform": ax.transAxes + below, **options}
    room = max(outer.x1 - inner.x0, LEGEND / 72 * ax.figure.dpi)
    while _drawn(ax, handles, place).get_window_extent().x1 > inner.x0 + room and place.get("ncols", 1) > 1:
        place["ncols"] -= 1


def _drawn(ax: Axes, handles: Sequence[Artist], place: dict[str, Any]) -> Legend:
    drawn = ax.legend(handles=list(handles), fontsize=SMALL, frameon=False, borderaxespad=0.0, borderpad=0.0, **place)
    for text in (*drawn.get_texts(), drawn.get_title()):
        lines = wrapped(text.get_text(), LEGEND, SMALL, most=2)
        text.set(text="\n".join(lines), fontsize=SMALL, **PLAIN)
    return drawn


def _extents(ax: Axes) -> tuple[Bbox, Bbox]:
    """Return where the axes are, in pixels, without and with their labels: once the layout has placed them."""
    figure = ax.figure.canvas.figure  # the whole one, where the axes are in a part of it
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
    return ax.get_window_extent(), ax.get_tightbbox() or ax.get_window_extent()


def blend(ax: Axes, colour: str, share: float) -> tuple[float, float, float]:
    """Return a colour laid over the ground of the axes: that much of it, the rest the ground."""
    from matplotlib import rcParams
    from matplotlib.colors import to_rgb, to_rgba

    ground = to_rgba(ax.get_facecolor())
    under = ground[:3] if ground[3] else to_rgb(rcParams["axes.facecolor"])
    red, green, blue = (share * a + (1 - share) * b for a, b in zip(to_rgb(colour), under, strict=True))
    return red, green, blue


def on(fill: tuple[float, float, float]) -> str:
    """Return black or white, whichever has more contrast on a colour: 4.58:1 at least."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in fill]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"
