"""Tables of what was measured, as aligned text, as Markdown and as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Cell = float | int | str | None

LONGEST = 24  # letters of a reason in a column of numbers; a longer one goes below the table

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


@dataclass(frozen=True)
class Table:
    """A table: its title, its columns (name to kind of cell) and its rows; `how` says how it was measured.

    Kinds are "text", "count", "time" (seconds), "ratio", "share" (a fraction), "bytes" and "difference". A cell
    that is a text says why there is no number.
    """

    title: str
    columns: Mapping[str, str]
    rows: Sequence[Sequence[Cell]]
    how: str = ""


@dataclass
class Section:
    """One section of the report: what is measured in it, and the tables so far."""

    name: str
    title: str
    about: str
    tables: list[Table] = field(default_factory=list)


def quotient(a: Cell, b: Cell) -> float | None:
    """Return a ratio for a table; None where one of the two is no number."""
    return a / b if isinstance(a, float) and isinstance(b, float) else None


def time_text(seconds: float) -> str:
    """Return seconds in the unit that fits, to three digits."""
    scale, unit = next((u for u in UNITS if abs(seconds) >= u[0]), UNITS[-1])
    return f"{_digits(seconds / scale)} {unit}"


def ratio_text(ratio: float) -> str:
    return f"{_digits(ratio)}x"


def bytes_text(size: float) -> str:
    return f"{_digits(size / 1e6)} MB"


def _digits(number: float) -> str:
    """Return a number to three digits, thousands separated."""
    if abs(number) >= 1000:
        return f"{float(f'{number:.3g}'):,.0f}"
    return f"{number:.3g}" if number else "0"


TEXTS: Mapping[str, Callable[[Any], str]] = {
    "text": str,
    "count": lambda n: f"{n:,.0f}",
    "time": time_text,
    "ratio": ratio_text,
    "share": lambda p: f"{p:.0%}",
    "bytes": bytes_text,
    "difference": lambda d: f"{d:.1e}",
}


def texts(table: Table) -> tuple[list[list[str]], list[str]]:
    """Return the header and the rows as text, and the long reasons that go below them."""
    notes: list[str] = []
    kinds = list(table.columns.values())
    rows = [[_text(kind, cell, notes) for kind, cell in zip(kinds, row, strict=True)] for row in table.rows]
    return [list(table.columns), *rows], [f"[{i}] {note}" for i, note in enumerate(notes, start=1)]


def _text(kind: str, cell: Cell, notes: list[str]) -> str:
    if cell is None:
        return "-"
    if not isinstance(cell, str):
        return TEXTS[kind](cell)
    if kind == "text" or len(cell) <= LONGEST:
        return cell
    if cell not in notes:
        notes.append(cell)
    return f"none [{notes.index(cell) + 1}]"


def plain(table: Table) -> str:
    """Return a table as aligned text."""
    rows, notes = texts(table)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = [kind == "text" for kind in table.columns.values()]
    aligned = [
        "  ".join(
            c.ljust(w) if is_left else c.rjust(w) for c, w, is_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in rows
    ]
    aligned.insert(1, "  ".join("-" * width for width in widths))
    how = [f"({table.how})"] if table.how else []
    return "\n".join([table.title, *how, *("  " + line for line in (*aligned, *notes)), ""])


def markdown(table: Table) -> str:
    """Return a table as Markdown."""
    (head, *rows), notes = texts(table)
    rule = ["---" if kind == "text" else "---:" for kind in table.columns.values()]
    lines = ["| " + " | ".join(row) + " |" for row in (head, rule, *rows)]
    how = [f"{table.how[0].upper()}{table.how[1:]}.", ""] if table.how else []
    return "\n".join([f"### {table.title}", "", *how, *lines, "", *(line for note in notes for line in (note, ""))])


def values(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Return sections as plain values, seconds and fractions as they were measured."""
    return [
        {"name": s.name, "title": s.title, "about": s.about, "tables": list(map(_table_values, s.tables))}
        for s in sections
    ]


def _table_values(table: Table) -> dict[str, Any]:
    rows: Iterator[dict[str, Cell]] = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    return {"title": table.title, "how": table.how, "kinds": dict(table.columns), "rows": list(rows)}
