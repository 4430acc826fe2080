"""Words in a plot: as they stand, measured, and broken into lines that have room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["LINE", "PLAIN", "width_of", "wrapped"]

# A label of a model is no mathematics: $ and _ are drawn as they stand.
PLAIN: Mapping[str, Any] = {"parse_math": False, "usetex": False}
LINE = 1.3  # height of a line, in sizes of the font
ELLIPSIS = "…"
HINTED = 1.1  # letters are rounded to whole pixels when they are drawn, and may become so much wider


def width_of(text: str, size: float) -> float:
    """Return the width of a line in points, in the font that matplotlib is set to; it may be drawn narrower."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return HINTED * float(text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)[0])


def wrapped(text: str, points: float, size: float, *, most: int | None = None) -> list[str]:
    """Break a text into lines of a width.

    Parameters
    ----------
    text : str
    points : float
        Width that a line may have.
    size : float
        Of the font, in points.
    most : int, optional
        Lines at most; the last then ends in an ellipsis, where there is more.
    """
    lines = list(_lines(text, points, size))
    if most is None or len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and width_of(last + ELLIPSIS, size) > points:
        last = last[:-1]
    return [*lines[: most - 1], last.rstrip() + ELLIPSIS]


def _lines(text: str, points: float, size: float) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if width_of(longer, size) <= points:
            line = longer
            continue
        if line:
            yield line
        *full, line = _parts(word, points, size)
        yield from full
    yield line


def _parts(word: str, points: float, size: float) -> list[str]:
    """Return a word in parts that have room: most words in one."""
    parts = [""]
    for letter in word:
        if parts[-1] and width_of(parts[-1] + letter, size) > points:
            parts.append("")
        parts[-1] += letter
    return parts
