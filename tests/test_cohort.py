"""Cases with diagnoses: what of a table is used, what is left out, and what is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from twitchbayes.cohort import Cohort, read_cohort
from twitchbayes.errors import InvalidFrameError, InvalidValueError, TwitchbayesError, UnknownVariableError
from twitchbayes.files import CasesError
from twitchbayes.model import Model

CASES = pd.DataFrame(
    {
        "winter": ["yes", "no", None, "yes"],
        "fever": ["yes", "no", "yes", None],
        "flu": ["yes", None, "no", None],
        "cold": ["no", "no", None, None],
    }
)


def states(model: Model, cohort: Cohort, name: str) -> list[int]:
    return [int(state) for state in cohort.codes[:, model.network.columns.index(name)]]


def test_columns_of_causes_are_the_labels(tiny: Model) -> None:
    """Diagnoses known, partly known and absent stand in the columns of the causes."""
    cohort = read_cohort(tiny, CASES)
    assert set(cohort.labels) == {"flu", "cold"}
    assert states(tiny, cohort, "flu") == [1, -1, 0, -1]
    assert states(tiny, cohort, "cold") == [0, 0, -1, -1]
    assert (cohort.size, dict(cohort.excluded), cohort.rows.tolist()) == (4, {}, [0, 1, 2, 3])


def test_only_the_labels_that_are_named(tiny: Model) -> None:
    """The column of a cause that is not among the labels is passed over."""
    cohort = read_cohort(tiny, CASES, labels=["flu"])
    assert cohort.labels == ("flu",)
    assert states(tiny, cohort, "cold") == [-1] * 4


@pytest.mark.parametrize("missing", [None, float("nan"), "", "unknown", ";", " , "])
def test_label_column_names_the_causes(tiny: Model, missing: object) -> None:
    """Causes named are present, others absent; "none" is none of them; an empty cell says nothing."""
    frame = CASES[["winter"]].assign(diagnosis=["flu; cold", "none", "FLU".lower(), missing])
    cohort = read_cohort(tiny, frame, labels="diagnosis")
    assert states(tiny, cohort, "flu") == [1, 0, 1, -1]
    assert states(tiny, cohort, "cold") == [1, 0, 0, -1]


def test_all_kinds_of_tables_say_the_same(tiny: Model, tmp_path: Path) -> None:
    """pandas, polars, pyarrow, CSV and Parquet give the same codes."""
    CASES.to_csv(tmp_path / "cases.csv", index=False)
    CASES.to_parquet(tmp_path / "cases.parquet", index=False)
    arrow = pa.Table.from_pandas(CASES, preserve_index=False)
    tables = [CASES, pl.from_pandas(CASES), arrow, tmp_path / "cases.csv", tmp_path / "cases.parquet"]
    codes = [read_cohort(tiny, table).codes for table in tables]
    for other in codes[1:]:
        np.testing.assert_array_equal(codes[0], other)


def test_bad_cells_of_a_file_by_line(tiny: Model, tmp_path: Path) -> None:
    """Bad cells and labels are told with their line, all at once."""
    path = tmp_path / "cases.csv"
    path.write_text("winter,fever,diagnosis\nyes,maybe,flu\nno,yes,grippe\nyes,no,none\n")
    with pytest.raises(CasesError, match=r"(?s)line 2: fever='maybe'.*line 3: .*'grippe' is no cause"):
        read_cohort(tiny, path, labels="diagnosis")


def test_bad_cases_of_a_frame_by_row(tiny: Model) -> None:
    """A frame's bad cells are told with row and column."""
    with pytest.raises(InvalidFrameError, match=r"(?s)1 row of 4 cannot be used.*row 2, column 'winter'"):
        read_cohort(tiny, CASES.assign(winter=["yes", "no", "7", None]))


def test_excluded_cases_are_counted(tiny: Model) -> None:
    """With "exclude" a bad case is left out and counted; with "unknown" its bad cell says nothing."""
    frame = CASES.assign(winter=["yes", "no", "7", None])
    out = read_cohort(tiny, frame, on_error="exclude")
    assert out.rows.tolist() == [0, 1, 3]
    assert dict(out.excluded) == {"cases with a cell that cannot be read": 1}
    kept = read_cohort(tiny, frame, on_error="unknown")
    assert states(tiny, kept, "winter") == [1, 0, -1, -1]
    assert states(tiny, kept, "fever") == [1, 0, 1, -1]
    assert dict(kept.excluded) == {"cells that cannot be read, taken as unknown": 1}


def test_a_tenth_of_the_cells_is_corrupted(tiny: Model) -> None:
    """Every corrupted cell is counted, and no other cell is touched."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame(random.choice(["yes", "no"], size=(500, 4)), columns=list(CASES))
    bad = random.random(frame.shape) < 0.1
    cohort = read_cohort(tiny, frame.mask(bad, "#REF!"), on_error="unknown")
    assert dict(cohort.excluded) == {"cells that cannot be read, taken as unknown": int(bad.sum())}
    whole = read_cohort(tiny, frame).codes
    columns = [tiny.network.columns.index(name) for name in CASES]
    np.testing.assert_array_equal(cohort.codes[:, columns], np.where(bad, -1, whole[:, columns]))


def test_cases_that_contradict_themselves(sites: Model) -> None:
    """A case whose sites deny its twitching is left out whatever is done with unreadable cells."""
    union, member = sites.network.unions[0], sites.network.findings[sites.network.union_members[0][0]]
    frame = pd.DataFrame({union: ["no", "yes"], member: ["yes", "yes"]})
    with pytest.raises(InvalidFrameError, match="contradicts"):
        read_cohort(sites, frame)
    for on_error in ("exclude", "unknown"):
        cohort = read_cohort(sites, frame, on_error=on_error)
        assert cohort.rows.tolist() == [1]
        assert dict(cohort.excluded) == {"cases that contradict themselves": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "is empty; it needs a header"), ("winter,fever\n", "has no case: a header and no row under it")],
)
def test_files_without_cases(tiny: Model, tmp_path: Path, text: str, message: str) -> None:
    """An empty file, and one with a header only, are told apart and refused."""
    path = tmp_path / "cases.csv"
    path.write_text(text)
    with pytest.raises(TwitchbayesError, match=message):
        read_cohort(tiny, path)


def test_no_case_is_left(tiny: Model) -> None:
    """Where every case is excluded the error says why."""
    frame = pd.DataFrame({"winter": ["#", "?"]})
    with pytest.raises(InvalidValueError, match="no case that can be used: 2 cases with a cell that cannot be read"):
        read_cohort(tiny, frame, on_error="exclude")


def test_wrong_arguments(tiny: Model, tmp_path: Path) -> None:
    """Unknown columns, labels that are nowhere, labels said twice and a missing file are errors."""
    with pytest.raises(UnknownVariableError, match="feverr"):
        read_cohort(tiny, CASES.rename(columns={"fever": "feverr"}))
    with pytest.raises(InvalidValueError, match="labels='diagnosis' is no column of the table"):
        read_cohort(tiny, CASES, labels="diagnosis")
    with pytest.raises(InvalidValueError, match="says which causes are present, and so do the columns flu, cold"):
        read_cohort(tiny, CASES.assign(diagnosis="flu"), labels="diagnosis")
    with pytest.raises(
        InvalidValueError, match="labels names 'fever', which is no column of the table that is a cause"
    ):
        read_cohort(tiny, CASES, labels=["flu", "fever"])
    with pytest.raises(InvalidValueError, match="on_error='skip' is none of"):
        read_cohort(tiny, CASES, on_error="skip")
    with pytest.raises(FileNotFoundError, match=r"there is no file '.*nowhere\.csv'"):
        read_cohort(tiny, tmp_path / "nowhere.csv")


def test_lines_that_are_no_rows(tiny: Model, tmp_path: Path) -> None:
    """A line with too many cells is an error, or left out and counted."""
    path = tmp_path / "cases.csv"
    path.write_text("winter,fever\nyes,no,no\nno,yes\n")
    with pytest.raises(CasesError, match="line 2: has 3 cells where the header has 2"):
        read_cohort(tiny, path)
    cohort = read_cohort(tiny, path, on_error="exclude")
    assert (len(cohort), cohort.size) == (1, 2)
    assert dict(cohort.excluded) == {"lines that are no row of the table": 1}


def test_cohorts_are_told_apart(tiny: Model) -> None:
    """Two tables that differ in one cell have different hashes, the same table the same."""
    first, again = read_cohort(tiny, CASES), read_cohort(tiny, CASES.copy())
    other = read_cohort(tiny, CASES.assign(fever=["yes", "no", "yes", "no"]))
    assert first.sha256 == again.sha256 != other.sha256


def test_some_of_the_cases(tiny: Model) -> None:
    """Some cases, or all but some, keep the numbers that they have in the table."""
    cohort = read_cohort(tiny, CASES)
    assert cohort.take(np.array([1, 3])).rows.tolist() == [1, 3]
    rest = cohort.without(np.array([0]), "impossible cases")
    assert rest.rows.tolist() == [1, 2, 3]
    assert dict(rest.excluded) == {"impossible cases": 1}


def test_none_beside_a_cause_contradicts_itself(tiny: Model) -> None:
    """That no cause is present cannot be said beside one."""
    with pytest.raises(InvalidFrameError, match="says that no cause is present, and names one"):
        read_cohort(tiny, pd.DataFrame({"fever": ["yes"], "dx": ["none; flu"]}), labels="dx")


def test_labels_of_renamed_columns(tiny: Model) -> None:
    """A column that `columns` makes a cause is one to the labels too."""
    frame = pd.DataFrame({"fever": ["yes", "no"], "Grippe": ["yes", "no"], "dx": ["cold", "cold"]})
    with pytest.raises(InvalidValueError, match="and so do the columns Grippe"):
        read_cohort(tiny, frame, labels="dx", columns={"Grippe": "flu"})
    cohort = read_cohort(tiny, frame.drop(columns="dx"), labels=["flu"], columns={"Grippe": "flu"})
    assert states(tiny, cohort, "flu") == [1, 0]
    with pytest.raises(InvalidValueError, match="labels=3 is no name of a column"):
        read_cohort(tiny, frame, labels=3)


def test_damaged_archive_is_named(tiny: Model, tmp_path: Path) -> None:
    """What is no gzip is told with the name of the file."""
    path = tmp_path / "cases.csv.gz"
    path.write_bytes(b"\x00\x01 no archive")
    with pytest.raises(CasesError, match=r"cases\.csv\.gz.*cannot be unpacked"):
        read_cohort(tiny, path)
