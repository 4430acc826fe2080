"""Tables in files, read and written a chunk at a time: CSV, Parquet and Arrow."""

from __future__ import annotations

import csv
import gzip
import importlib
import io
import json
import shutil
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeAlias

from twitchbayes.errors import InvalidValueError, TwitchbayesError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CaseProblem",
    "CasesError",
    "Faults",
    "Format",
    "Layout",
    "Reader",
    "Writer",
    "format_of",
    "open_reader",
    "open_writer",
]

LISTED = 20  # problems that an error lists; the others are counted


class CaseProblem(NamedTuple):
    """One thing wrong with a file of cases; `number` counts its lines from 1, or its rows from 0, as `unit` says."""

    file: str
    unit: str
    number: int | None
    message: str

    def __str__(self) -> str:
        """Return it as `cases.csv, line 14: message`."""
        place = self.file if self.number is None else f"{self.file}, {self.unit} {self.number}"
        return f"{place}: {self.message}"


class CasesError(TwitchbayesError, ValueError):
    """The cases of a file cannot be used; `problems` holds the first of what is wrong, `count` says how much it is."""

    def __init__(self, problems: Sequence[CaseProblem], count: int) -> None:
        self.problems = tuple(problems)
        self.count = count
        super().__init__("\n  ".join(self.lines))

    @property
    def lines(self) -> list[str]:
        """What is wrong, a line each; a last line counts what is not listed."""
        more = self.count - len(self.problems)
        return [*map(str, self.problems), *([f"and {more:,} more problems, {self.count:,} in all"] if more else [])]


class Faults:
    """What is found wrong in a file while it is read: the first problems, and how many there are."""

    def __init__(self, path: Path) -> None:
        self._file = path.name
        self._unit = "row" if format_of(path).arrow else "line"
        self._problems: list[CaseProblem] = []
        self.count = 0

    def add(self, number: int | None, message: str) -> None:
        """Note one more problem, of the line or row with a number."""
        self.count += 1
        if len(self._problems) < LISTED:
            self._problems.append(CaseProblem(self._file, self._unit, number, message))

    def error(self) -> CasesError:
        """Return them as an error, in the order of the file."""
        return CasesError(sorted(self._problems, key=lambda problem: problem.number or 0), self.count)


class Format(NamedTuple):
    """How a file holds its table: as text with a `delimiter`, or as `arrow` ("parquet" or "ipc")."""

    suffix: str
    delimiter: str = ""
    packed: bool = False
    arrow: str = ""


FORMATS = (
    Format(".csv", ","),
    Format(".csv.gz", ",", packed=True),
    Format(".tsv", "\t"),
    Format(".tsv.gz", "\t", packed=True),
    Format(".parquet", arrow="parquet"),
    Format(".arrow", arrow="ipc"),
    Format(".feather", arrow="ipc"),
)


class Layout(NamedTuple):
    """What a written file holds: columns with their kinds, as `frames.output_columns` names them, and `about` them.

    `types` are the Arrow types of the input's columns, {} where it is text.
    """

    columns: Sequence[tuple[str, str]]
    types: Mapping[str, Any]
    about: Mapping[str, Any]


def format_of(path: Path) -> Format:
    """Return the format that the suffix of a path names; an `InvalidValueError` where it names none."""
    for found in FORMATS:
        if path.name.casefold().endswith(found.suffix):
            return found
    message = f"the suffix {path.suffix!r} of {path.name!r} is none of {', '.join(f.suffix for f in FORMATS)}"
    raise InvalidValueError(message)


def open_reader(path: Path, faults: Faults) -> AbstractContextManager[Reader]:
    """Open a table; what cannot be read is noted as faults, and is a `CasesError` where nothing can be."""
    found = format_of(path)
    return _arrow_reader(path, found, faults) if found.arrow else _text_reader(path, found, faults)


def open_writer(path: Path, written: Format, layout: Layout, *, header: bool = True) -> AbstractContextManager[Writer]:
    """Open a new file for a table; `header` says whether text begins with the names of the columns."""
    return _arrow_writer(path, written, layout) if written.arrow else _text_writer(path, written, header=header)


# Text


@contextmanager
def _text_reader(path: Path, found: Format, faults: Faults) -> Iterator[Reader]:
    with path.open("rb") as raw, io.TextIOWrapper(_unpacked(raw, found), "utf-8-sig", newline="") as text:
        yield _TextReader(path, raw, text, found, faults)


@contextmanager
def _text_writer(path: Path, written: Format, *, header: bool) -> Iterator[Writer]:
    with path.open("wb") as raw:
        # No name and no time in it: the same rows give the same bytes.
        packed = gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) if written.packed else raw
        with io.TextIOWrapper(packed, "utf-8", newline="") as text:
            yield _TextWriter(text, written, header=header)


def _unpacked(raw: IO[bytes], found: Format) -> Any:
    return gzip.GzipFile(fileobj=raw) if found.packed else raw


class _TextReader:
    """The rows of a CSV file as pandas tables of text, each labelled by the line that it begins in."""

    def __init__(self, path: Path, raw: IO[bytes], text: io.TextIOWrapper, found: Format, faults: Faults) -> None:
        self._path, self._raw, self._format, self._faults = path, raw, found, faults
        self._size = path.stat().st_size
        self._rows = self._read(csv.reader(text, delimiter=found.delimiter, strict=True))
        self.types: Mapping[str, Any] = {}
        self.columns: tuple[str, ...] = ()
        self.columns = self._header()

    @property
    def share(self) -> float:
        """Fraction of the file that is read."""
        return self._raw.tell() / max(self._size, 1)

    def _header(self) -> tuple[str, ...]:
        line, cells = next(self._rows, (None, []))
        # An index that was written along has no name; pandas calls it so, and so it can be ignored.
        names = tuple(cell.strip() or f"Unnamed: {i}" for i, cell in enumerate(cells))
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            self._faults.add(line, f"has the column {', '.join(twice)} twice; each column may stand once")
        if not names and not self._faults.count:
            self._faults.add(None, "is empty; it needs a header with the names of its columns")
        if self._faults.count:
            raise self._faults.error()
        return names

    def _read(self, reader: Any) -> Iterator[tuple[int, list[str]]]:
        """Yield each row that is not blank, and as wide as the header, with the line that it begins in."""
        end = 0
        try:
            for cells in reader:
                # `line_num` is the last line of a row; a quoted field may span several.
                line, end = end + 1, reader.line_num
                if self.columns and cells and len(cells) != len(self.columns):
                    count = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
                    self._faults.add(line, f"has {count} where the header has {len(self.columns)}; is a quote missing?")
                elif cells:
                    yield line, cells
        except csv.Error as error:
            self._faults.add(end + 1, f"cannot be read as CSV ({error}); look for an open quote")
        except UnicodeDecodeError as error:
            self._faults.add(
                self._undecodable(), f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8"
            )
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            self._faults.add(end + 1, f"cannot be unpacked from here on ({error}); the file is damaged or cut off")

    def _undecodable(self) -> int | None:
        """Return the first line that is not UTF-8: what is decoded in blocks does not know its lines."""
        with self._path.open("rb") as raw, _unpacked(raw, self._format) as data:
            lines = enumerate(data, start=1)
            return next((number for number, line in lines if line.decode(errors="ignore").encode() != line), None)

    def chunks(self, rows: int) -> Iterator[pd.DataFrame]:
        """Yield tables of so many rows, one without rows where the file has none; a faulty row is left out."""
        import numpy as np
        import pandas as pd

        some = False
        while True:
            lines: list[int] = []
            cells: list[str] = []  # one flat list: one for each row would keep the garbage collector busy
            for line, row in islice(self._rows, rows):
                lines.append(line)
                cells.extend(row)
            if some and not lines:
                return
            block = np.array(cells, dtype=object).reshape(len(lines), len(self.columns))
            yield pd.DataFrame(block, index=lines, columns=list(self.columns), dtype=object)
            some = True

    def number(self, label: Any) -> int:
        """Return the line, or the row, of the file that a label of the last chunk stands for."""
        return int(label)


class _TextWriter:
    """A CSV file that tables of pandas or pyarrow are written to."""

    def __init__(self, text: io.TextIOWrapper, written: Format, *, header: bool) -> None:
        self._text, self._format, self._header = text, written, header
        self._writer = csv.writer(text, delimiter=written.delimiter, lineterminator="\n")

    def write(self, table: Any) -> None:
        """Write the next rows."""
        if not hasattr(table, "to_csv"):
            import pandas as pd

            # pandas' own types have no missing integers: those of Arrow keep 3 from becoming 3.0.
            table = table.to_pandas(types_mapper=lambda t: None if str(t) == "double" else pd.ArrowDtype(t))
        if self._header:
            self._writer.writerow(table.columns)
            self._header = False
        # Twice as quick as `to_csv`, and the same text: a float as its shortest repr, a missing value as nothing.
        columns = [table[name] for name in table.columns]
        self._writer.writerows(zip(*(c.astype(object).where(c.notna(), None).tolist() for c in columns), strict=True))

    def append(self, part: Path) -> None:
        """Write what a file holds that `write` made, of the same format and layout."""
        with part.open("rb") as raw, io.TextIOWrapper(_unpacked(raw, self._format), "utf-8", newline="") as text:
            shutil.copyfileobj(text, self._text, 1 << 20)


# Arrow


def _pyarrow(needed: Format) -> Any:
    """Return pyarrow with its modules of files."""
    try:
        for module in ("pyarrow.ipc", "pyarrow.parquet"):
            importlib.import_module(module)
        return importlib.import_module("pyarrow")
    except ImportError as error:
        message = f'a {needed.suffix} file needs pyarrow ({error}): pip install "twitchbayes[arrow]"; CSV does without'
        raise InvalidValueError(message) from None


@contextmanager
def _arrow_reader(path: Path, found: Format, faults: Faults) -> Iterator[Reader]:
    with _pyarrow(found).memory_map(str(path)) as data:
        yield _ArrowReader(data, found, faults)


class _ArrowReader:
    """The rows of a Parquet or Arrow file as pyarrow tables."""

    def __init__(self, data: Any, found: Format, faults: Faults) -> None:
        self._format, self._faults, self._parquet = found, faults, found.arrow == "parquet"
        self._pa = pa = _pyarrow(found)
        with self._readable():
            # What is fetched ahead would be kept for the whole file.
            if self._parquet:
                self._file = pa.parquet.ParquetFile(data, pre_buffer=False)
            else:
                self._file = pa.ipc.open_file(data)
        self._schema = self._file.schema_arrow if self._parquet else self._file.schema
        self._share, self._first = 0.0, 0
        self.columns = tuple(self._schema.names)
        self.types: Mapping[str, Any] = {field.name: field.type for field in self._schema}

    @property
    def share(self) -> float:
        return self._share

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except self._pa.ArrowInvalid as error:
            self._faults.add(None, f"cannot be read as {self._format.suffix} ({error})")
            raise self._faults.error() from None

    def _batches(self, rows: int) -> Iterator[Any]:
        if self._parquet:
            total, batches = self._file.metadata.num_rows, self._file.iter_batches(batch_size=rows)
        else:
            total = self._file.num_record_batches
            batches = (self._file.get_batch(number) for number in range(total))
        done = 0
        while True:
            with self._readable():
                batch = next(batches, None)
            if batch is None:
                return
            done += batch.num_rows if self._parquet else 1
            self._share = done / total
            yield batch

    def chunks(self, rows: int) -> Iterator[Any]:
        end = 0
        for batches in _regrouped(self._batches(rows), rows):
            table = self._pa.Table.from_batches(batches, self._schema)
            self._first, end = end, end + table.num_rows
            yield table

    def number(self, label: Any) -> int:
        return self._first + int(label)


def _regrouped(batches: Iterable[Any], rows: int) -> Iterator[list[Any]]:
    """Yield batches, cut where need be, in groups of so many rows; a group of none where there are none."""
    held: list[Any] = []
    count, some = 0, False
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            held.append(batch.slice(start, rows - count))
            start += held[-1].num_rows
            count += held[-1].num_rows
            if count == rows:
                yield held
                held, count, some = [], 0, True
    if held or not some:
        yield held


@contextmanager
def _arrow_writer(path: Path, written: Format, layout: Layout) -> Iterator[Writer]:
    pa = _pyarrow(written)
    schema = _schema(pa, layout)
    new = pa.parquet.ParquetWriter if written.arrow == "parquet" else pa.ipc.new_file
    with path.open("wb") as raw, new(raw, schema) as stream:
        yield _ArrowWriter(pa, stream, schema, written)


def _schema(pa: Any, layout: Layout) -> Any:
    fields = []
    for name, kind in layout.columns:
        wide = pa.float64() if kind == "float" else pa.string()
        kept = layout.types.get(name, wide) if kind == "kept" else wide
        # The dictionaries of two chunks differ, and an Arrow file holds one of a column.
        fields.append((name, kept.value_type if pa.types.is_dictionary(kept) else kept))
    return pa.schema(fields, metadata={"twitchbayes": json.dumps(layout.about)})


class _ArrowWriter:
    """A Parquet or Arrow file that tables of pandas or pyarrow are written to."""

    def __init__(self, pa: Any, stream: Any, schema: Any, written: Format) -> None:
        self._pa, self._stream, self._schema, self._format = pa, stream, schema, written

    def write(self, table: Any) -> None:
        if not isinstance(table, self._pa.Table):
            table = self._pa.Table.from_pandas(table, schema=self._schema, preserve_index=False)
        self._stream.write_table(table.replace_schema_metadata().cast(self._schema))

    def append(self, part: Path) -> None:
        if self._format.arrow == "parquet":
            self.write(self._pa.parquet.ParquetFile(part).read())
        else:
            with self._pa.memory_map(str(part)) as data:
                self.write(self._pa.ipc.open_file(data).read_all())


Reader: TypeAlias = _TextReader | _ArrowReader
Writer: TypeAlias = _TextWriter | _ArrowWriter
