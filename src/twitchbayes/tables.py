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
    return parse(source.read_bytes(), file=file, required=required, problems=problems)


def parse(raw: bytes, *, file: str, required: Sequence[str], problems: list[Problem]) -> Table:
    """Parse the bytes of a CSV file; see `read`."""
    empty = Table(file, tuple(required), ())
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problems.append(Problem(file, line, f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"))
        return empty
    if not text.strip():
        problems.append(Problem(file, None, f"is empty; it needs a header with the columns {', '.join(required)}"))
        return empty
    columns, rows = _rows(text, file, problems)
    faults = list(_header_problems(file, columns, required))
    problems.extend(faults)
    # Without its header every row would be a fault as well; one message says it.
    return empty if faults else Table(file, columns, rows, raw)


def _rows(text: str, file: str, problems: list[Problem]) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: tuple[str, ...] = ()
    rows: list[Row] = []
    end = 0
    try:
        for cells in reader:
            # `line_num` is the last line of a row; a quoted field may span several.
            line, end = end + 1, reader.line_num
            stripped = [cell.strip() for cell in cells]
            if not any(stripped):
                continue
            if not columns:
                columns = tuple(stripped)
            elif len(stripped) > len(columns):
                excess = f"has {len(stripped)} cells where the header has {len(columns)}"
                problems.append(Problem(file, line, f"{excess}; quote a field that contains a comma"))
            else:
                stripped += [""] * (len(columns) - len(stripped))
                rows.append(Row(file, line, dict(zip(columns, stripped, strict=True))))
    except csv.Error as error:
        problems.append(Problem(file, reader.line_num, f"cannot be read as CSV ({error}); look for an open quote"))
    return columns, tuple(rows)


def _header_problems(file: str, columns: Sequence[str], required: Sequence[str]) -> Iterable[Problem]:
    missing = [column for column in required if column not in columns]
    if missing:
        yield Problem(file, 1, f"lacks the columns {', '.join(missing)}; the header is {', '.join(columns)}")
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        yield Problem(file, 1, f"has the column {', '.join(repeated)} twice; each column may stand once")

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
