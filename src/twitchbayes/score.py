"""The cases of a file scored into another one, a chunk at a time: whole or not at all, and able to go on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from twitchbayes import __version__, files
from twitchbayes.draws import MANY_DRAWS
from twitchbayes.errors import InvalidFrameError, InvalidValueError

if TYPE_CHECKING:
    from twitchbayes.model import Model

__all__ = ["CHUNK_ROWS", "Scored", "parts_of", "score_file", "whole_file"]

CHUNK_ROWS = 50_000
EDGE_BYTES = 1 << 20  # of the input's beginning and end that tell it from another
MANIFEST = "manifest.json"
DRAFT = ".draft"


@dataclass(frozen=True, slots=True)
class Scored:
    """What `score_file` did.

    Attributes
    ----------
    file : str
        What was written.
    rows : int
        Rows of it.
    bad_rows : int
        Those without an answer; their column `reason` says why.
    resumed_rows : int
        Those that an interrupted run had scored before.
    seconds : float
    made_with : mapping
        Name, version, population, number of changed numbers and fingerprint of the model, and the
        version of the library. A Parquet or Arrow file holds it as JSON in the metadata of its schema,
        under the key `twitchbayes`.
    """

    file: str
    rows: int
    bad_rows: int
    resumed_rows: int
    seconds: float
    made_with: Mapping[str, Any]

    @property
    def rows_per_second(self) -> float:
        """Rows that this run scored, in a second."""
        return (self.rows - self.resumed_rows) / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return {**asdict(self), "rows_per_second": self.rows_per_second}


def score_file(  # noqa: PLR0913 (each is an option of the command)
    model: Model,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    keep: bool | Sequence[str] = False,
    ignore: Sequence[str] = (),
    on_error: str = "raise",
    chunk_rows: int = CHUNK_ROWS,
    resume: bool = False,
    force: bool = False,
    progress: bool | None = None,
    virtual_evidence: Mapping[str, Any] | None = None,
    interval: float | None = None,
    draws: int = MANY_DRAWS,
) -> Scored:
    """Score the cases of a file into another one; the suffixes name the formats.

    The columns of the target are those of `Model.infer_frame`. It appears whole or not at all.

    Parameters
    ----------
    source, target : path
        `.csv`, `.tsv` (each also with `.gz`), `.parquet`, `.arrow` or `.feather`.
    keep, ignore, on_error, virtual_evidence, interval
        As of `Model.infer_frame`.
    draws : int, default 200
        Of the intervals. The same for files of any length, which is not known before the end.
    chunk_rows : int, default 50,000
        Rows that are in memory at a time.
    resume : bool, default False
        Whether to keep each finished chunk in `parts_of(target)` until the target is whole, and to go
        on from the chunks that an interrupted run left there.
    force : bool, default False
        Whether the target may be there already and is replaced.
    progress : bool, optional
        Whether to show a bar on standard error; where it is left out, if that is a terminal.

    Raises
    ------
    CasesError
        With the first bad rows of the whole file, by line or row, and their number.
    FileExistsError
        If the target exists, without `force`.
    InvalidValueError
        If an option is wrong, or an interrupted run was another one.
    """
    from twitchbayes.frames import output_columns

    started = time.perf_counter()
    source, target = Path(source), Path(target)
    if target.is_symlink():
        target = target.resolve()  # a link stays one
    _check(source, target, chunk_rows=chunk_rows, force=force)
    asked: dict[str, Any] = {"keep": keep, "ignore": ignore, "on_error": on_error, "interval": interval}
    asked["virtual_evidence"] = None if virtual_evidence is None else dict(virtual_evidence)
    faults = files.Faults(source)
    with files.open_reader(source, faults) as reader:
        layout = files.Layout(output_columns(model, reader.columns, columns=None, **asked), reader.types, _about(model))
        about = {**layout.about, **asked, "draws": draws, "chunk_rows": chunk_rows}
        manifest = _manifest(source, about) if resume else None
        whole = (
            _whole(target, layout, force=force) if manifest is None else _parts(target, layout, manifest, force=force)
        )
        score = partial(model.infer_frame, progress=False, draws=draws, **asked)
        with whole as output, _bar(progress) as advance:
            rows, bad_rows, resumed_rows = _score_chunks(reader, faults, output, score, chunk_rows, advance)
    return Scored(str(target), rows, bad_rows, resumed_rows, time.perf_counter() - started, layout.about)


def _check(source: Path, target: Path, *, chunk_rows: int, force: bool) -> None:
    if chunk_rows < 1:
        message = f"chunk_rows={chunk_rows} is not a number of rows; give 1 or more"
        raise InvalidValueError(message)
    if not source.is_file():
        message = f"there is no file {str(source)!r}"
        raise FileNotFoundError(message)
    if target.exists() and target.samefile(source):
        message = f"{str(target)!r} is the input as well; give the output another name"
        raise InvalidValueError(message)
    files.format_of(target)
    _check_place(target, force=force)


def _check_place(target: Path, *, force: bool) -> None:
    if not target.parent.is_dir():
        message = f"the folder {str(target.parent)!r} does not exist"
        raise FileNotFoundError(message)
    if target.exists() and not target.is_file():
        message = f"{str(target)!r} exists and is not a file"
        raise FileExistsError(message)
    if target.exists() and not force:
        message = f"{str(target)!r} exists; choose another name, or replace it with --force (force=True)"
        raise FileExistsError(message)


def _about(model: Model) -> dict[str, Any]:
    """Return what the numbers are made with."""
    return {
        "model": model.name,
        "version": model.version,
        "population": model.population,
        "fingerprint": model.fingerprint,
        "changed_numbers": len(model.changes),
        "twitchbayes": __version__,
    }


class _Output(Protocol):
    """Where scored chunks go."""

    def finished(self, number: int) -> int | None:
        """Return the number of bad rows of a chunk that an earlier run has finished, None if none has."""

    def put(self, number: int, table: Any, bad_rows: int) -> None:
        """Take the next chunk."""


def _score_chunks(
    reader: files.Reader,
    faults: files.Faults,
    output: _Output,
    score: Callable[[Any], Any],
    chunk_rows: int,
    advance: Callable[[int, float], None],
) -> tuple[int, int, int]:
    """Score every chunk; once something is wrong, only look for what else is.

    Returns
    -------
    tuple of int
        Rows, bad rows and the rows that were finished before.
    """
    rows = bad_rows = resumed_rows = 0
    for number, chunk in enumerate(reader.chunks(chunk_rows)):
        bad = output.finished(number)
        if bad is not None:
            resumed_rows += len(chunk)
        else:
            table = _scored(chunk, score, reader, faults)
            bad = 0 if table is None else _bad_rows(table)
            if not faults.count:
                output.put(number, table, bad)
        rows, bad_rows = rows + len(chunk), bad_rows + bad
        advance(rows, reader.share)
    if faults.count:
        raise faults.error()
    return rows, bad_rows, resumed_rows


def _scored(chunk: Any, score: Callable[[Any], Any], reader: files.Reader, faults: files.Faults) -> Any:
    """Return a scored chunk, or None where some of its rows are faults."""
    try:
        return score(chunk)
    except InvalidFrameError as error:
        for fault in error.faults:
            faults.add(reader.number(fault.row), fault.message)
        faults.count += error.n_faults - len(error.faults)
        return None


def _bad_rows(table: Any) -> int:
    """Return the number of rows without an answer; `log_evidence` is a number of the others."""
    column = table["log_evidence"]
    return int(column.null_count if hasattr(column, "null_count") else column.isna().sum())


# Whole or not at all


class _Whole:
    def __init__(self, writer: files.Writer) -> None:
        self._writer = writer

    def finished(self, number: int) -> int | None:  # noqa: ARG002 (nothing is kept between runs)
        return None

    def put(self, number: int, table: Any, bad_rows: int) -> None:  # noqa: ARG002 (all goes into one file)
        self._writer.write(table)


@contextmanager
def whole_file(target: Path, layout: files.Layout, *, force: bool = False) -> Iterator[files.Writer]:
    """Give what writes a table beside the target, which is replaced at the end if nothing went wrong.

    Raises
    ------
    FileExistsError
        If the target exists, without `force`.
    FileNotFoundError
        If its folder does not.
    InvalidValueError
        If its suffix names no format.
    """
    written = files.format_of(target)
    _check_place(target, force=force)
    draft = _draft(target.parent, f".{target.name}.")
    try:
        with files.open_writer(draft, written, layout) as writer:
            yield writer
        _check_place(target, force=force)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _whole(target: Path, layout: files.Layout, *, force: bool) -> Iterator[_Output]:
    with whole_file(target, layout, force=force) as writer:
        yield _Whole(writer)


# Able to go on


def parts_of(target: Path) -> Path:
    """Return the folder that keeps the finished chunks of a run with `resume` until its target is whole."""
    return target.with_name(f"{target.name}.parts")


class _Parts:
    """A file for each finished chunk, named by its number and its bad rows: `000012-3.part`."""

    def __init__(self, folder: Path, written: files.Format, layout: files.Layout) -> None:
        self.folder, self._format, self._layout = folder, written, layout
        self._bad_rows = {int(part.stem.partition("-")[0]): int(part.stem.partition("-")[2]) for part in self.files()}

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*-*.part"), key=lambda part: int(part.stem.partition("-")[0]))

    def finished(self, number: int) -> int | None:
        return self._bad_rows.get(number)

    def put(self, number: int, table: Any, bad_rows: int) -> None:
        draft = _draft(self.folder)
        with files.open_writer(draft, self._format, self._layout, header=number == 0) as writer:
            writer.write(table)
        draft.replace(self.folder / f"{number:06}-{bad_rows}.part")


@contextmanager
def _parts(target: Path, layout: files.Layout, manifest: Mapping[str, Any], *, force: bool) -> Iterator[_Output]:
    """Keep each chunk in a file, and join them into the target at the end.

    What stops the run leaves the files there for the next one, unless it is the input that is at fault:
    it will not be the same one then.
    """
    folder, written = parts_of(target), files.format_of(target)
    _begin(folder, manifest)
    parts = _Parts(folder, written, layout)
    try:
        yield parts
    except files.CasesError:
        shutil.rmtree(folder)
        raise
    draft = _draft(folder)
    with files.open_writer(draft, written, layout, header=False) as writer:
        for part in parts.files():
            writer.append(part)
    _check_place(target, force=force)
    draft.replace(target)
    shutil.rmtree(folder)


def _begin(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Make the folder, or check that the run that left it was the same."""
    folder.mkdir(exist_ok=True)
    file = folder / MANIFEST
    if file.is_file():
        there = json.loads(file.read_text(encoding="utf-8"))
        other = [f"{key} {there.get(key)!r}, now {now!r}" for key, now in manifest.items() if there.get(key) != now]
        if other:
            message = (
                f"the interrupted run that left {str(folder)!r} was another one ({'; '.join(other)}): "
                "repeat that one, or remove the folder, or leave out --resume"
            )
            raise InvalidValueError(message)
        return
    if any(path.suffix != DRAFT for path in folder.iterdir()):
        message = f"{str(folder)!r} was not left by an interrupted run; move it away, or leave out --resume"
        raise FileExistsError(message)
    draft = _draft(folder)
    draft.write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    draft.replace(file)


def _draft(folder: Path, name: str = "") -> Path:
    """Return what a file is called until it is whole; that of another process is another one."""
    return folder / f"{name}{os.getpid()}{DRAFT}"


def _manifest(source: Path, made_with: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two runs must have in common for one to go on with the chunks of the other."""
    digest, status = hashlib.sha256(), source.stat()
    with source.open("rb") as data:
        digest.update(data.read(EDGE_BYTES))
        data.seek(max(status.st_size - EDGE_BYTES, 0))
        digest.update(data.read(EDGE_BYTES))
    read = {"bytes": status.st_size, "modified_ns": status.st_mtime_ns, "digest_of_ends": digest.hexdigest()}
    manifest: dict[str, Any] = json.loads(json.dumps({**made_with, **read}))
    return manifest


# Progress


@contextmanager
def _bar(progress: bool | None) -> Iterator[Callable[[int, float], None]]:
    """Give what to tell the rows done and the share of the file; a bar shows it where the work is long."""
    tqdm = _tqdm() if progress or (progress is None and sys.stderr.isatty()) else None
    if tqdm is None:
        yield lambda rows, share: None  # noqa: ARG005
        return
    look = "{percentage:3.0f}% |{bar}| {elapsed}, {remaining} left{postfix}"
    with tqdm(total=1.0, delay=0 if progress else 1, bar_format=look) as bar:

        def advance(rows: int, share: float) -> None:
            bar.set_postfix_str(f"{rows:,} rows", refresh=False)
            bar.update(share - bar.n)

        yield advance


def _tqdm() -> Any:
    """Return the class of bars, None where tqdm is missing."""
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        return None
    return tqdm
