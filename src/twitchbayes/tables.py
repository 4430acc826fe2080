"""A CSV table as it stands in a model folder: its cells as text, each row with the line it came from."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from twitchbayes.errors import Problem

__all__ = ["Row", "Source", "Table", "bands", "pairs", "parse", "read", "words", "write"]


class Source(Protocol):
    """What a table is read from: a `pathlib.Path` or any `importlib.resources` traversable."""

    @property
    def name(self) -> str:
        """Last part of the path."""

    def is_file(self) -> bool:
        """Whether it is a file."""

    def is_dir(self) -> bool:
        """Whether it is a folder."""

    def read_bytes(self) -> bytes:
        """Return the whole content."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `cells` maps column to text (stripped), `line` is the first line of it in `file`."""

    file: str
    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """Return the text of a cell, "" where the table has no such column."""
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True)
class Table:
    """A table read from a file: its columns in their order and its rows."""

    file: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    raw: bytes | None = field(default=None, repr=False, compare=False)

    def to_bytes(self) -> bytes:
        """Return the file as it was read, or the rows written anew where the table was changed."""
        if self.raw is not None:
            return self.raw
        return write(self.columns, [row.cells for row in self.rows])


def write(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """Return rows as UTF-8 CSV with LF line ends."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode()


def read(
    source: Source, *, file: str, required: Sequence[str], problems: list[Problem], missing_ok: bool = False
) -> Table:
    """Read a table; what is wrong with the file is added to `problems` and the table is empty then.

    The text may be UTF-8 with or without a byte-order mark, with LF or CRLF line ends, quoted
    fields, blank lines, extra columns (kept) and the columns in any order.
    """
    empty = Table(file, tuple(required), ())
    if source.is_dir():
        problems.append(Problem(file, None, "is a directory; a CSV file belongs here"))
        return empty
    if not source.is_file():
        if not missing_ok:
            columns = ", ".join(required)
            problems.append(Problem(file, None, f"is missing; a CSV file with the columns {columns} belongs here"))
        return empty
    try:
        raw = source.read_bytes()
    except OSError as error:
        problems.append(Problem(file, None, f"cannot be opened: {error.strerror or error}"))
        return empty
    return parse(raw, file=file, required=required, problems=problems)


def parse(raw: bytes, *, file: str, required: Sequence[str], problems: list[Problem]) -> Table:
    """Parse the bytes of a CSV file; see `read`."""
    empty = Table(file, tuple(required), ())
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problems.append(Problem(file, line, f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"))
        return empty
    header_line, columns, rows = _rows(text, file, problems)
    if not columns:
        problems.append(Problem(file, None, f"is empty; it needs a header with the columns {', '.join(required)}"))
        return empty
    faults = [Problem(file, header_line, message) for message in _header_faults(columns, required)]
    problems.extend(faults)
    # Without its header every row would be a fault as well; one message says it.
    return empty if faults else Table(file, columns, rows, raw)


def _rows(text: str, file: str, problems: list[Problem]) -> tuple[int, tuple[str, ...], tuple[Row, ...]]:
    """Return the line of the header, its columns and the rows."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header_line = 0
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    end = 0
    try:
        for raw_cells in reader:
            # `line_num` is the last line of a row; a quoted field may span several.
            line, end = end + 1, reader.line_num
            cells = _cells(raw_cells, len(columns))
            if not any(cells):
                continue
            if not columns:
                header_line, columns = line, tuple(cells)
            elif len(cells) > len(columns):
                excess = f"has {len(cells)} cells where the header has {len(columns)}"
                problems.append(Problem(file, line, f"{excess}; quote a field that contains a comma"))
            else:
                rows.append(Row(file, line, dict(zip(columns, cells, strict=True))))
    except csv.Error as error:
        # The row at fault begins where the last good one ended; an open quote runs on to the end of the file.
        problems.append(Problem(file, end + 1, f"cannot be read as CSV ({error}); look for an open quote"))
    return header_line, columns, tuple(rows)


def _cells(cells: Sequence[str], width: int) -> list[str]:
    """Return stripped cells, `width` of them at least; empty ones that a spreadsheet left behind them are none."""
    stripped = [cell.strip().replace("\r\n", "\n") for cell in cells]
    while len(stripped) > width and not stripped[-1]:
        stripped.pop()
    return stripped + [""] * (width - len(stripped))


def _header_faults(columns: Sequence[str], required: Sequence[str]) -> Iterable[str]:
    missing = [column for column in required if column not in columns]
    if missing:
        yield f"lacks the columns {', '.join(missing)}; the header is {', '.join(columns)}"
    if "" in columns:
        yield "has a column without a name; name it or take it out"
    repeated = sorted({column for column in columns if column and columns.count(column) > 1})
    if repeated:
        yield f"has the column {', '.join(repeated)} twice; each column may stand once"


def words(cell: str) -> tuple[str, ...]:
    """Return the `;`-separated words of a cell."""
    return tuple(word.strip() for word in cell.split(";") if word.strip())


def pairs(cell: str) -> tuple[tuple[str, str], ...]:
    """Return the `name=value` pairs of a cell; a word without "=" comes back with an empty value."""
    split = (word.partition("=") for word in words(cell))
    return tuple((name.strip(), value.strip()) for name, _, value in split)


def bands(states: Iterable[str]) -> tuple[tuple[int, int], ...]:
    """Return the inclusive bounds of states such as "18-39", () where one is not of that form."""
    split = [state.partition("-") for state in states]
    if not all(low.strip().isdecimal() and high.strip().isdecimal() for low, _, high in split):
        return ()
    return tuple((int(low), int(high)) for low, _, high in split)
