"""Scoring a file into another: every format, a chunk at a time, whole or not at all, and going on after a stop."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import twitchbayes
from models import write_model
from twitchbayes.cli import main
from twitchbayes.errors import InvalidValueError, TwitchbayesError
from twitchbayes.files import CasesError
from twitchbayes.model import Model
from twitchbayes.score import Scored, parts_of, score_file

TEXT = [".csv", ".tsv", ".csv.gz", ".tsv.gz"]
ARROW = [".parquet", ".arrow", ".feather"]
N_ROWS = 50
ANSWERS = ["flu", "cold", "none", "serious", "log_evidence"]


@pytest.fixture(name="arrow")
def _arrow() -> None:
    """Skip a test of Parquet or Arrow files where pyarrow is missing."""
    need(".parquet")


def need(*suffixes: str) -> None:
    if set(suffixes) & set(ARROW):
        pytest.importorskip("pyarrow", reason="Parquet and Arrow files need the extra `arrow`")


def cases(n_rows: int = N_ROWS) -> pd.DataFrame:
    """Rows of evidence of the model TINY, with gaps, and a name for each."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame({"id": [f"no {row}, ward" for row in range(n_rows)]}, dtype=object)
    for name in ("winter", "fever", "cough"):
        frame[name] = rng.choice(["yes", "no", "", "unknown"], n_rows).astype(object)
    return frame


def write(frame: pd.DataFrame, file: Path) -> Path:
    if file.suffix in {".arrow", ".feather"}:
        frame.to_feather(file)
    elif file.suffix == ".parquet":
        frame.to_parquet(file)
    else:
        frame.to_csv(file, index=False, sep="\t" if ".tsv" in file.name else ",")
    return file


def read(file: Path) -> pd.DataFrame:
    if file.suffix in {".arrow", ".feather"}:
        return pd.read_feather(file)
    if file.suffix == ".parquet":
        return pd.read_parquet(file)
    # As text: the parser of numbers of pandas 2 may be a unit in the last place off.
    return pd.read_csv(file, sep="\t" if ".tsv" in file.name else ",", dtype=str)


def text_file(file: Path, *lines: str) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Hold the answers of a file to those of a frame; in other chunks, rows are rounded in other company."""
    numbers = (frame[ANSWERS].astype(float).to_numpy() for frame in (found, expected))
    np.testing.assert_allclose(*numbers, rtol=1e-12, atol=1e-15)


# What comes out


@pytest.mark.parametrize("target", TEXT + ARROW)
@pytest.mark.parametrize("source", TEXT + ARROW)
def test_every_format_into_every_other(tiny: Model, tmp_path: Path, source: str, target: str) -> None:
    """A file of any format, in chunks, gives in any format what `infer_frame` gives for the whole."""
    need(source, target)
    frame = cases()
    out = tmp_path / f"out{target}"
    done = score_file(tiny, write(frame, tmp_path / f"in{source}"), out, keep=["id"], chunk_rows=7)
    found, expected = read(out), tiny.infer_frame(frame, keep=["id"])
    assert list(found) == list(expected) == ["id", *ANSWERS]
    assert list(found["id"]) == list(frame["id"])
    same(found, expected)
    assert (done.rows, done.bad_rows, done.resumed_rows, done.file) == (N_ROWS, 0, 0, str(out))
    assert done.rows_per_second == pytest.approx(N_ROWS / done.seconds)
    assert names(tmp_path) == [f"in{source}", f"out{target}"]


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow"])
@pytest.mark.parametrize("n_rows", [0, 1, 7, 8, 14])
def test_any_number_of_rows(tiny: Model, tmp_path: Path, suffix: str, n_rows: int) -> None:
    """No row, one, a whole number of chunks and one more: the columns are there and no row is lost."""
    need(suffix)
    source = write(cases(n_rows), tmp_path / f"in{suffix}")
    out = tmp_path / f"out{suffix}"
    assert score_file(tiny, source, out, keep=True, chunk_rows=7).rows == n_rows
    found = read(out)
    assert list(found) == ["id", "winter", "fever", "cough", *ANSWERS]
    assert len(found) == n_rows


@pytest.mark.usefixtures("arrow")
def test_no_more_rows_than_a_chunk_are_in_memory(tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks have the rows that were asked for, however the file is cut; only the last has fewer."""
    lengths: list[int] = []
    infer_frame = Model.infer_frame
    monkeypatch.setattr(
        Model, "infer_frame", lambda self, frame, **how: lengths.append(len(frame)) or infer_frame(self, frame, **how)
    )
    cases().to_parquet(tmp_path / "in.parquet", row_group_size=3)
    cases().to_feather(tmp_path / "in.arrow", chunksize=11)
    write(cases(), tmp_path / "in.csv")
    for file in ("in.parquet", "in.arrow", "in.csv"):
        score_file(tiny, tmp_path / file, tmp_path / f"{file}.out.csv", keep=["id"], chunk_rows=15)
        assert lengths == [15, 15, 15, 5], file
        lengths.clear()


@pytest.mark.usefixtures("arrow")
def test_kept_columns_stay_what_they_are(tiny: Model, tmp_path: Path) -> None:
    """Kept columns of Parquet have their types and gaps; in CSV they read as they should."""
    import pyarrow.parquet as pq

    frame = pd.DataFrame(
        {
            "count": pd.array([1, None, 3], dtype="Int64"),
            "on": pd.to_datetime(["2026-01-01", "2026-01-02", None]).astype("datetime64[s]"),
            "ward": pd.Categorical(["a", "b", "a"]),
            "fever": pd.array([True, None, False], dtype="boolean"),
        }
    )
    frame.to_parquet(tmp_path / "in.parquet")
    kept = ["count", "on", "ward", "fever"]
    for suffix in (".parquet", ".arrow"):
        score_file(tiny, tmp_path / "in.parquet", tmp_path / f"out{suffix}", keep=kept, chunk_rows=2)
    assert pd.read_feather(tmp_path / "out.arrow").equals(pd.read_parquet(tmp_path / "out.parquet"))
    table = pq.read_table(tmp_path / "out.parquet")
    assert [str(table.schema.field(name).type) for name in kept] == ["int64", "timestamp[ms]", "string", "bool"]
    assert table["count"].to_pylist() == [1, None, 3]
    assert table["ward"].to_pylist() == ["a", "b", "a"]
    score_file(tiny, tmp_path / "in.parquet", tmp_path / "out.csv", keep=kept, chunk_rows=2)
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[0] for line in lines] == ["count", "1", "", "3"]
    assert [line.split(",")[3] for line in lines] == ["fever", "True", "", "False"]


def test_bad_rows_get_a_reason(tiny: Model, tmp_path: Path) -> None:
    """With `on_error="null"` a bad row has no answer and a reason, the others are answered, and the bad are counted."""
    frame = cases()
    frame.loc[[3, 30], "fever"] = "maybe"
    source = write(frame, tmp_path / "in.csv")
    done = score_file(tiny, source, tmp_path / "out.csv", ignore=["id"], on_error="null", chunk_rows=7)
    found = read(tmp_path / "out.csv")
    assert done.bad_rows == 2
    assert list(np.flatnonzero(found["reason"].notna())) == [3, 30]
    assert "fever='maybe' is not a state of fever" in found.loc[3, "reason"]
    assert found.loc[[3, 30], ANSWERS].isna().all(axis=None)
    good = found.drop(index=[3, 30])
    same(good, tiny.infer_frame(frame.drop(index=[3, 30]), ignore=["id"]))


@pytest.mark.usefixtures("arrow")
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_reasons_in_arrow(tiny: Model, tmp_path: Path, suffix: str) -> None:
    """The column of reasons is text even where the first chunk has none."""
    frame = cases()
    frame.loc[30, "fever"] = "maybe"
    out = tmp_path / f"out{suffix}"
    for source in ("in.csv", "in.parquet"):
        write(frame, tmp_path / source)
        done = score_file(
            tiny, tmp_path / source, out, ignore=["id"], on_error="null", chunk_rows=7, force=True, resume=True
        )
        assert done.bad_rows == 1
        assert read(out)["reason"].notna().sum() == 1


@pytest.mark.usefixtures("arrow")
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_file_says_what_it_was_made_with(tmp_path: Path, suffix: str) -> None:
    """The schema of a Parquet or Arrow file names model, version, population, fingerprint and library."""
    import pyarrow.ipc
    import pyarrow.parquet

    model = twitchbayes.load_model("twitch", population="primary_care").with_priors({"cancer": 0.07})
    source = text_file(tmp_path / "in.csv", "age", "62")
    done = score_file(model, source, tmp_path / f"out{suffix}")
    if suffix == ".parquet":
        schema = pyarrow.parquet.read_schema(tmp_path / "out.parquet")
    else:
        schema = pyarrow.ipc.open_file(tmp_path / "out.arrow").schema
    about = json.loads(schema.metadata[b"twitchbayes"])
    assert about == done.made_with
    assert about == {
        "model": "twitch",
        "version": model.version,
        "population": "primary_care",
        "fingerprint": model.fingerprint,
        "changed_numbers": 1,
        "twitchbayes": twitchbayes.__version__,
    }


# CSV as people write it


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"fever,cough\nyes,no\n", id="plain"),
        pytest.param(b"\xef\xbb\xbffever,cough\r\nyes,no\r\n", id="spreadsheet"),
        pytest.param(b"fever,cough\nyes,no", id="no_last_line_end"),
        pytest.param(b"\nfever,cough\n\nyes,no\n\n", id="blank_lines"),
        pytest.param(b' fever ,"cough"\n yes ,"no"\n', id="spaces_and_quotes"),
    ],
)
def test_csv_dialects(tiny: Model, tmp_path: Path, raw: bytes) -> None:
    """A byte-order mark, either line end, blank lines, spaces and quotes change nothing."""
    (tmp_path / "in.csv").write_bytes(raw)
    assert score_file(tiny, tmp_path / "in.csv", tmp_path / "out.csv").rows == 1
    same(read(tmp_path / "out.csv"), tiny.infer_frame(pd.DataFrame({"fever": ["yes"], "cough": ["no"]})))


def test_index_that_was_written_along_can_be_ignored(tiny: Model, tmp_path: Path) -> None:
    """A column without a name is called as `pandas.read_csv` calls it."""
    cases().to_csv(tmp_path / "in.csv")
    with pytest.raises(TwitchbayesError, match="'Unnamed: 0'"):
        score_file(tiny, tmp_path / "in.csv", tmp_path / "out.csv", ignore=["id"])
    score_file(tiny, tmp_path / "in.csv", tmp_path / "out.csv", ignore=["id", "Unnamed: 0"])


@pytest.mark.usefixtures("arrow")
def test_same_rows_give_the_same_bytes(tiny: Model, tmp_path: Path) -> None:
    """A packed file holds no time, and no other file does."""
    source = write(cases(), tmp_path / "in.csv")
    for suffix in (".csv.gz", ".parquet", ".arrow"):
        for name in ("a", "b"):
            score_file(tiny, source, tmp_path / f"{name}{suffix}", ignore=["id"], chunk_rows=7)
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


# What is wrong


def test_bad_cells_of_the_whole_file_are_told_at_once(tiny: Model, tmp_path: Path) -> None:
    """Each bad cell is told by file, line, column and value, whichever chunk it is in, and no output is written."""
    lines = ["fever,cough", *["yes,no"] * 20]
    lines[2], lines[5], lines[12] = "maybe,no", "yes,no,yes", '"yes","per\nhaps"'
    source = text_file(tmp_path / "in.csv", *lines, "perhaps,perhaps")
    with pytest.raises(CasesError, match="fever='maybe'") as raised:
        score_file(tiny, source, tmp_path / "out.csv", chunk_rows=4)
    error = raised.value
    assert [(p.file, p.unit, p.number) for p in error.problems] == [
        *(("in.csv", "line", number) for number in (3, 6, 13, 23, 23)),
    ]
    assert error.count == 5
    assert error.lines[0].startswith("in.csv, line 3: ")
    assert "fever='maybe' is not a state of fever" in error.lines[0]
    assert error.lines[1].startswith("in.csv, line 6: has 3 cells where the header has 2")
    assert "cough='per\\nhaps'" in error.lines[2]
    assert names(tmp_path) == ["in.csv"]


def test_error_travels(tiny: Model, tmp_path: Path) -> None:
    """The error comes back from another process with all that it holds."""
    with pytest.raises(CasesError, match="maybe") as raised:
        score_file(tiny, text_file(tmp_path / "in.csv", "fever", "maybe"), tmp_path / "out.csv")
    other = pickle.loads(pickle.dumps(raised.value))
    assert (str(other), other.problems, other.count) == (str(raised.value), raised.value.problems, 1)


def test_many_faults_are_counted(tiny: Model, tmp_path: Path) -> None:
    """The first twenty are listed, the rest are counted."""
    source = text_file(tmp_path / "in.csv", "fever", *["maybe"] * 1500)
    with pytest.raises(CasesError, match="and 1,480 more problems, 1,500 in all") as raised:
        score_file(tiny, source, tmp_path / "out.csv", chunk_rows=7)
    assert [p.number for p in raised.value.problems] == list(range(2, 22))
    assert raised.value.count == 1500


@pytest.mark.usefixtures("arrow")
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_bad_cells_of_parquet_and_arrow(tiny: Model, tmp_path: Path, suffix: str) -> None:
    """There the row is told, from 0 as in a frame."""
    frame = cases()
    frame.loc[[3, 30], "fever"] = "maybe"
    source = write(frame, tmp_path / f"in{suffix}")
    with pytest.raises(CasesError, match=rf"^in{suffix}, row 3: .*fever='maybe'") as raised:
        score_file(tiny, source, tmp_path / "out.csv", ignore=["id"], chunk_rows=7)
    assert [p.number for p in raised.value.problems] == [3, 30]


def test_impossible_rows(certain: Model, tmp_path: Path) -> None:
    """A row that the model holds for impossible is told by its line too."""
    finding = certain.findings[0]
    impossible = next(
        row
        for row in (
            {finding: "yes", **dict.fromkeys(certain.causes, "no")},
            {finding: "no", **dict.fromkeys(certain.causes, "yes")},
        )
        if raises(certain, row)
    )
    source = text_file(
        tmp_path / "in.csv", ",".join(impossible), "," * (len(impossible) - 1), ",".join(impossible.values())
    )
    with pytest.raises(CasesError, match=r"^in.csv, line 3: .*probability 0"):
        score_file(certain, source, tmp_path / "out.csv")


def raises(model: Model, row: dict[str, str]) -> bool:
    try:
        model.infer(row)
    except twitchbayes.ImpossibleEvidenceError:
        return True
    return False


PACKED = gzip.compress(b"fever\n" + b"yes\nno\n" * 1000, mtime=0)


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("in.csv", b"", r"in.csv: is empty; it needs a header"),
        ("in.csv", b"\n\n", r"in.csv: is empty; it needs a header"),
        ("in.csv", b"fever,cough,fever\n", r"in.csv, line 1: has the column fever twice"),
        ("in.csv", b'fever\nyes\n"yes\nno\n', r"in.csv, line 3: cannot be read as CSV"),
        ("in.csv", b'fever\n"yes"no\n', r"in.csv, line 2: cannot be read as CSV"),
        ("in.csv", b"fever\nyes\n\xff\n", r"in.csv, line 3: byte 0xff is not UTF-8"),
        ("in.csv", b"fev\xe9r\nyes\n", r"in.csv, line 1: byte 0xe9 is not UTF-8"),
        ("in.csv", b"fever,cough\nyes\n", r"in.csv, line 2: has 1 cell where the header has 2"),
        ("in.csv.gz", PACKED[:-20], r"in.csv.gz, line \d+: cannot be unpacked from here on"),
        ("in.csv.gz", b"fever\nyes\n", r"Not a gzipped file"),
        ("in.parquet", b"fever\nyes\n", r"in.parquet: cannot be read as .parquet"),
        ("in.parquet", b"", r"in.parquet: cannot be read as .parquet"),
        ("in.arrow", b"fever\nyes\n", r"in.arrow: cannot be read as .arrow"),
    ],
)
def test_file_that_cannot_be_read(tiny: Model, tmp_path: Path, name: str, raw: bytes, message: str) -> None:
    """What is wrong with a file is told with the line, and no output is written."""
    need(Path(name).suffix)
    (tmp_path / name).write_bytes(raw)
    with pytest.raises((CasesError, OSError), match=message):
        score_file(tiny, tmp_path / name, tmp_path / "out.csv")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"source": "none.csv"}, FileNotFoundError, "there is no file '.*none.csv'"),
        ({"source": "folder.csv"}, FileNotFoundError, "there is no file '.*folder.csv'"),
        ({"source": "in.xlsx"}, InvalidValueError, "the suffix '.xlsx' of 'in.xlsx' is none of .csv"),
        ({"target": "out.xlsx"}, InvalidValueError, "the suffix '.xlsx' of 'out.xlsx' is none of .csv"),
        ({"target": "no/out.csv"}, FileNotFoundError, "the folder '.*no' does not exist"),
        ({"target": "in.csv"}, InvalidValueError, "is the input as well"),
        ({"target": "in.csv", "force": True}, InvalidValueError, "is the input as well"),
        ({"target": "link.csv", "force": True}, InvalidValueError, "is the input as well"),
        ({"target": "folder.csv", "force": True}, FileExistsError, "exists and is not a file"),
        (
            {"target": "there.csv"},
            FileExistsError,
            "there.csv' exists; choose another name, or replace it with --force",
        ),
        ({"chunk_rows": 0}, InvalidValueError, "chunk_rows=0 is not a number of rows"),
        ({"ignore": []}, TwitchbayesError, "'id'"),
        ({"ignore": ["id"], "keep": ["idd"]}, TwitchbayesError, "'idd'"),
        ({"on_error": "skip"}, TwitchbayesError, "skip"),
    ],
)
def test_what_cannot_be_done(
    tiny: Model, tmp_path: Path, change: dict[str, Any], kind: type[Exception], message: str
) -> None:
    """Wrong paths and options are told before any work, and nothing is touched."""
    write(cases(), tmp_path / "in.csv")
    text_file(tmp_path / "in.xlsx", "fever")
    text_file(tmp_path / "there.csv", "mine")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "in.csv")
    before = names(tmp_path)
    how = {"source": "in.csv", "target": "out.csv", "ignore": ["id"], **change}
    source, target = tmp_path / how.pop("source"), tmp_path / how.pop("target")
    for resume in (False, True):
        with pytest.raises(kind, match=message):
            score_file(tiny, source, target, resume=resume, **how)
    assert names(tmp_path) == before
    assert (tmp_path / "there.csv").read_text(encoding="utf-8") == "mine\n"


def test_force_replaces_only_when_all_is_well(tiny: Model, tmp_path: Path) -> None:
    """With `force` the file that is there stays until the new one is whole."""
    out = text_file(tmp_path / "out.csv", "mine")
    bad = text_file(tmp_path / "bad.csv", "fever", "maybe")
    with pytest.raises(CasesError, match="maybe"):
        score_file(tiny, bad, out, force=True)
    assert out.read_text(encoding="utf-8") == "mine\n"
    score_file(tiny, write(cases(), tmp_path / "in.csv"), out, ignore=["id"], force=True)
    assert len(read(out)) == N_ROWS


def test_output_that_appears_meanwhile_is_not_replaced(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that another has written in the time is not overwritten either."""
    out, infer_frame = tmp_path / "out.csv", Model.infer_frame
    monkeypatch.setattr(
        Model, "infer_frame", lambda self, frame, **how: text_file(out, "mine") and infer_frame(self, frame, **how)
    )
    with pytest.raises(FileExistsError, match="exists"):
        score_file(tiny, write(cases(), tmp_path / "in.csv"), out, ignore=["id"])
    assert out.read_text(encoding="utf-8") == "mine\n"
    assert names(tmp_path) == ["in.csv", "out.csv"]


def test_output_through_a_link(tiny: Model, tmp_path: Path) -> None:
    """A link stays a link; the file that it leads to is replaced."""
    there = text_file(tmp_path / "there.csv", "old")
    (tmp_path / "link.csv").symlink_to(there)
    score_file(tiny, write(cases(), tmp_path / "in.csv"), tmp_path / "link.csv", ignore=["id"], force=True)
    assert (tmp_path / "link.csv").is_symlink()
    assert len(read(there)) == N_ROWS


@pytest.mark.parametrize("direction", ["in", "out"])
@pytest.mark.parametrize("suffix", ARROW)
def test_missing_pyarrow(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, direction: str, suffix: str
) -> None:
    """Without pyarrow the error names the extra; nothing is left behind."""
    paths = {"in": write(cases(), tmp_path / "in.csv"), "out": tmp_path / "out.csv"}
    paths[direction] = text_file(tmp_path / f"x{suffix}", "") if direction == "in" else tmp_path / f"x{suffix}"
    before = names(tmp_path)
    for module in ("pyarrow", "pyarrow.ipc", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        InvalidValueError, match=rf"a {suffix} file needs pyarrow .*: pip install \"twitchbayes\[arrow\]\""
    ):
        score_file(tiny, paths["in"], paths["out"], ignore=["id"])
    assert names(tmp_path) == before


def test_csv_needs_no_pyarrow(tiny: Model, tmp_path: Path) -> None:
    """CSV into CSV works where pyarrow is missing."""
    folder = write_model(tmp_path / "model")
    source = write(cases(), tmp_path / "in.csv")
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from twitchbayes.cli import main\n"
        f"raise SystemExit(main(['score', {str(source)!r}, '-o', {str(tmp_path / 'out.csv')!r}, '--ignore', 'id', "
        f"'--on-error', 'null', '--model', {str(folder)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    same(read(tmp_path / "out.csv"), tiny.infer_frame(cases(), ignore=["id"]))


# Interrupted, and going on

Interrupt = Callable[..., None]


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Interrupt:
    """Make `infer_frame` raise at its n-th call, once; and count the calls."""
    infer_frame = Model.infer_frame

    def arrange(at: int, error: BaseException | None = None) -> None:
        calls = 0

        def interrupted(self: Model, frame: Any, **how: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == at:
                raise error or KeyboardInterrupt
            return infer_frame(self, frame, **how)

        monkeypatch.setattr(Model, "infer_frame", interrupted)

    return arrange


def test_interrupted_run_leaves_nothing(tiny: Model, tmp_path: Path, interrupt: Interrupt) -> None:
    """Without `resume` an interrupted run leaves no file, whole or half."""
    interrupt(4)
    with pytest.raises(KeyboardInterrupt):
        score_file(tiny, write(cases(), tmp_path / "in.csv"), tmp_path / "out.csv", ignore=["id"], chunk_rows=7)
    assert names(tmp_path) == ["in.csv"]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".arrow"])
@pytest.mark.parametrize("at", [1, 4, 8])
def test_resumed_run_equals_an_uninterrupted_one(
    tiny: Model, tmp_path: Path, interrupt: Interrupt, suffix: str, at: int
) -> None:
    """A repeated run does only what is left, and its output is byte for byte that of a run without a stop."""
    need(suffix)
    frame = cases()
    frame.loc[[3, 30], "fever"] = "maybe"
    source, out, straight = write(frame, tmp_path / "in.csv"), tmp_path / f"out{suffix}", tmp_path / f"straight{suffix}"
    how: dict[str, Any] = {"keep": ["id"], "on_error": "null", "chunk_rows": 7}
    score_file(tiny, source, straight, **how)
    interrupt(at)
    with pytest.raises(KeyboardInterrupt):
        score_file(tiny, source, out, **how, resume=True)
    assert not out.exists()
    assert len(list(parts_of(out).glob("*.part"))) == at - 1
    done = score_file(tiny, source, out, **how, resume=True)
    assert (done.rows, done.bad_rows, done.resumed_rows) == (N_ROWS, 2, 7 * (at - 1))
    assert out.read_bytes() == straight.read_bytes()
    assert not parts_of(out).exists()


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        ({"keep": ["id"]}, "keep"),
        ({"ignore": ["id", "winter"]}, "ignore"),
        ({"on_error": "null"}, "on_error"),
        ({"chunk_rows": 9}, "chunk_rows"),
        ({"priors": {"cold": 0.2}}, "fingerprint"),
        ({"cell": "yes"}, "modified_ns"),
    ],
)
def test_another_run_does_not_go_on(
    tiny: Model, tmp_path: Path, interrupt: Interrupt, change: dict[str, Any], differs: str
) -> None:
    """With other options, another model or another input, an error says what differs; the parts stay."""
    source, out = write(cases(), tmp_path / "in.csv"), tmp_path / "out.csv"
    how: dict[str, Any] = {"ignore": ["id"], "chunk_rows": 7, "resume": True}
    interrupt(4)
    with pytest.raises(KeyboardInterrupt):
        score_file(tiny, source, out, **how)
    change = dict(change)
    other = tiny.with_priors(change.pop("priors")) if "priors" in change else tiny
    if "cell" in change:
        frame = cases()
        frame.loc[2, "fever"] = change.pop("cell")
        write(frame, source)
    with pytest.raises(InvalidValueError, match=rf"was another one \(.*{differs}.*remove the folder"):
        score_file(other, source, out, **{**how, **change})
    assert len(list(parts_of(out).glob("*.part"))) == 3
    assert not out.exists()


@pytest.mark.usefixtures("arrow")
def test_folder_that_looks_like_a_partition(tiny: Model, tmp_path: Path) -> None:
    """A folder `year=2026` adds no column, neither to what is read nor to what is joined."""
    folder = tmp_path / "year=2026"
    folder.mkdir()
    source = write(cases(), folder / "in.parquet")
    score_file(tiny, source, folder / "out.parquet", keep=["id"], chunk_rows=7, resume=True)
    with (folder / "out.parquet").open("rb") as file:
        found = pd.read_parquet(file)
    assert list(found) == ["id", *ANSWERS]
    assert len(found) == N_ROWS


@pytest.mark.usefixtures("arrow")
def test_lists_of_sites(tiny: Model, tmp_path: Path) -> None:
    """A kept column of lists goes into Parquet as it is, and into CSV as text."""
    frame = pd.DataFrame({"seen": [["a", "b"], None, []], "fever": ["yes", "no", None]})
    source = write(frame, tmp_path / "in.parquet")
    score_file(tiny, source, tmp_path / "out.parquet", keep=["seen"], chunk_rows=2)
    found = read(tmp_path / "out.parquet")["seen"]
    assert [None if cell is None else list(cell) for cell in found] == [["a", "b"], None, []]
    assert score_file(tiny, source, tmp_path / "out.csv", keep=["seen"], chunk_rows=2).rows == 3


def test_bad_input_leaves_no_parts(tiny: Model, tmp_path: Path) -> None:
    """Input that must be mended will be another one: its parts are of no use."""
    frame = cases()
    frame.loc[30, "fever"] = "maybe"
    source = write(frame, tmp_path / "in.csv")
    with pytest.raises(CasesError, match="maybe"):
        score_file(tiny, source, tmp_path / "out.csv", ignore=["id"], chunk_rows=7, resume=True)
    assert names(tmp_path) == ["in.csv"]


def test_disk_that_is_full_leaves_the_parts(tiny: Model, tmp_path: Path, interrupt: Interrupt) -> None:
    """What is not the input's fault is no reason to begin anew."""
    source, out = write(cases(), tmp_path / "in.csv"), tmp_path / "out.csv"
    interrupt(4, OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="No space left"):
        score_file(tiny, source, out, ignore=["id"], chunk_rows=7, resume=True)
    assert score_file(tiny, source, out, ignore=["id"], chunk_rows=7, resume=True).resumed_rows == 21


def test_folder_of_someone_else_is_left_alone(tiny: Model, tmp_path: Path) -> None:
    """A folder that happens to have the name of the parts is neither used nor removed."""
    source, out = write(cases(), tmp_path / "in.csv"), tmp_path / "out.csv"
    parts_of(out).mkdir()
    text_file(parts_of(out) / "mine.txt", "mine")
    with pytest.raises(FileExistsError, match="was not left by an interrupted run"):
        score_file(tiny, source, out, ignore=["id"], resume=True)
    assert names(parts_of(out)) == ["mine.txt"]


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "twitchbayes", "score", *map(str, arguments)]


def stopped(arguments: list[object], seen: Callable[[], bool], how: int) -> tuple[int, str]:
    """Start the command, send it a signal as soon as `seen`, and return its status and what it said."""
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        give_up = time.monotonic() + 60
        while not seen() and process.poll() is None and time.monotonic() < give_up:
            time.sleep(0.005)
        assert process.poll() is None, "the command ended before it could be stopped"
        process.send_signal(how)
        _, said = process.communicate(timeout=60)
        return process.returncode, said


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_killed_process_loses_nothing(tmp_path: Path, suffix: str) -> None:
    """A process that is interrupted, and then one that is killed, leave what they finished to the next, which ends it."""
    need(suffix)
    folder, source = write_model(tmp_path / "model"), write(cases(600), tmp_path / "in.csv")
    out, straight = tmp_path / f"out{suffix}", tmp_path / f"straight{suffix}"
    options = ["--keep", "id", "--chunk-rows", 5, "--model", folder]

    def parts() -> int:
        return len(list(parts_of(out).glob("*.part")))

    status, said = stopped([source, "-o", out, *options, "--resume"], lambda: parts() >= 3, signal.SIGINT)
    assert status == 130
    assert said == f"twitchbayes: interrupted; {parts_of(out)} holds what is done\n"
    first = parts()
    assert 3 <= first < 120
    status, _ = stopped([source, "-o", out, *options, "--resume"], lambda: parts() >= first + 3, signal.SIGKILL)
    assert status == -signal.SIGKILL
    second = parts()
    assert first + 3 <= second < 120
    assert not out.exists()
    done = subprocess.run(
        command(source, "-o", out, *options, "--resume", "--json"),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout)["resumed_rows"] == 5 * second
    score_file(twitchbayes.load_model(folder), source, straight, keep=["id"], chunk_rows=5)
    assert out.read_bytes() == straight.read_bytes()
    assert names(tmp_path) == sorted(["in.csv", "model", out.name, straight.name])


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_process_leaves_no_half_file(tmp_path: Path, how: int, status: int) -> None:
    """Without `--resume` a process that is told to stop removes what it has begun."""
    folder, source = write_model(tmp_path / "model"), write(cases(40_000), tmp_path / "in.csv")
    arguments = [source, "-o", tmp_path / "out.csv", "--ignore", "id", "--chunk-rows", 5, "--model", folder]

    def begun() -> bool:
        return any(path.stat().st_size for path in tmp_path.glob(".out.csv.*"))

    assert stopped(arguments, begun, how) == (status, "")
    assert names(tmp_path) == ["in.csv", "model"]


# The command


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run `twitchbayes score` in this process, in a folder with the cases and the model TINY."""
    monkeypatch.chdir(tmp_path)
    write_model(tmp_path / "model")
    write(cases(), tmp_path / "cases.csv")

    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(["score", *arguments, "--model", "model"])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_command_writes_a_file(run: Callable[..., Any], tiny: Model) -> None:
    """`-o` names the file; one line says what was done."""
    status, out, err = run("cases.csv", "-o", "out.csv", "--keep", "id,winter", "--chunk-rows", "7")
    assert (status, err) == (0, "")
    assert out.startswith("wrote out.csv: 50 rows in ")
    assert out.count("\n") == 1
    expected = tiny.infer_frame(cases(), keep=["id", "winter"])
    assert list(read(Path("out.csv"))) == list(expected)
    same(read(Path("out.csv")), expected)


def test_command_keeps_all(run: Callable[..., Any]) -> None:
    """`--keep-all` puts every column of the input first."""
    assert run("cases.csv", "-o", "out.csv", "--keep-all")[0] == 0
    assert list(read(Path("out.csv"))) == ["id", "winter", "fever", "cough", *ANSWERS]


def test_command_says_json(run: Callable[..., Any]) -> None:
    """`--json` gives the summary as JSON."""
    status, out, _ = run("cases.csv", "-o", "out.csv", "--ignore", "id", "--json")
    summary = json.loads(out)
    assert status == 0
    assert {name: summary[name] for name in ("file", "rows", "bad_rows", "resumed_rows")} == {
        "file": "out.csv",
        "rows": N_ROWS,
        "bad_rows": 0,
        "resumed_rows": 0,
    }
    assert summary["rows_per_second"] == pytest.approx(N_ROWS / summary["seconds"])
    assert summary["made_with"]["model"] == "model"
    assert len(summary["made_with"]["fingerprint"]) == 64


def test_command_in_a_pipe(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tiny: Model) -> None:
    """From standard input to standard output goes CSV; the summary goes to standard error."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("cases.csv").read_bytes())))
    status, out, err = run("-", "--ignore", "id")
    assert status == 0
    assert err.startswith("50 rows in ")
    found = pd.read_csv(io.StringIO(out), dtype=str)
    same(found, tiny.infer_frame(cases(), ignore=["id"]))


def test_command_prints_nothing_where_a_row_is_bad(run: Callable[..., Any]) -> None:
    """Bad rows are a line each on standard error with status 2; not one row is printed."""
    lines = ["fever,cough", *["yes,no"] * 20, "maybe,no", "perhaps,no"]
    text_file(Path("bad.csv"), *lines)
    status, out, err = run("bad.csv", "--chunk-rows", "7")
    assert (status, out) == (2, "")
    assert [line.partition(" fever=")[0] for line in err.splitlines()] == [
        "twitchbayes: bad.csv, line 22:",
        "twitchbayes: bad.csv, line 23:",
    ]
    status, out, err = run("bad.csv", "--on-error", "null")
    assert (status, out.count("\n")) == (0, 23)
    assert "; 2 without an answer, see the column reason\n" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv"], "there is no file 'none.csv'"),
        (["cases.csv"], "the model has no variable 'id'"),
        (["cases.csv", "--ignore", "id", "-o", "cases.csv"], "'cases.csv' is the input as well"),
        (["cases.csv", "--ignore", "id", "--resume"], "--resume needs a file to read and a file to write"),
        (["-", "-o", "out.csv", "--resume"], "--resume needs a file to read and a file to write"),
    ],
)
def test_command_says_what_is_wrong(run: Callable[..., Any], arguments: list[str], message: str) -> None:
    """A single fault is one line and status 2."""
    status, out, err = run(*arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_command_shows_a_bar_where_it_is_asked_to(run: Callable[..., Any]) -> None:
    """`--progress` shows a bar on standard error; in a script there is none."""
    assert "50 rows" in run("cases.csv", "-o", "out.csv", "--ignore", "id", "--progress")[2]
    assert run("cases.csv", "-o", "out.csv", "--ignore", "id", "--force")[2] == ""


def test_scored_in_plain_types(tiny: Model, tmp_path: Path) -> None:
    """`Scored.to_dict` is JSON."""
    done = score_file(tiny, write(cases(), tmp_path / "in.csv"), tmp_path / "out.csv", ignore=["id"])
    assert isinstance(done, Scored)
    assert json.loads(json.dumps(done.to_dict()))["rows"] == N_ROWS


def test_other_commands_do_not_load_it() -> None:
    """`twitchbayes infer` loads neither this module nor pandas nor pyarrow."""
    program = (
        "import sys\nfrom twitchbayes.cli import main\nmain(['infer'])\n"
        "assert not {'twitchbayes.score', 'twitchbayes.files', 'pandas', 'pyarrow', 'tqdm'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
