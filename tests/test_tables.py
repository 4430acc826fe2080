"""CSV files: what may stand in one, what may not, and the line that each message names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from twitchbayes import tables
from twitchbayes.errors import Problem
from twitchbayes.tables import Row, Table


def parse(text: str | bytes, *required: str) -> tuple[Table, list[str]]:
    """Parse a file t.csv; its table and its problems as they are shown."""
    problems: list[Problem] = []
    raw = text.encode() if isinstance(text, str) else text
    table = tables.parse(raw, file="t.csv", required=required, problems=problems)
    return table, [str(problem) for problem in problems]


def cells(table: Table) -> list[tuple[int, dict[str, str]]]:
    return [(row.line, dict(row.cells)) for row in table.rows]


PLAIN = [(2, {"a": "1", "b": "x"}), (3, {"a": "2", "b": "y"})]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a,b\n1,x\n2,y\n", id="LF"),
        pytest.param("a,b\n1,x\n2,y", id="no_last_line_end"),
        pytest.param("a,b\r\n1,x\r\n2,y\r\n", id="CRLF"),
        pytest.param("a,b\r1,x\r2,y\r", id="CR"),
        pytest.param("\ufeffa,b\n1,x\n2,y\n", id="byte_order_mark"),
        pytest.param('\ufeff"a","b"\r\n"1","x"\r\n"2","y"\r\n', id="byte_order_mark_before_a_quote"),
        pytest.param(" a , b \n 1 ,x\t\n2, y\n", id="spaces_around_cells"),
    ],
)
def test_same_rows_however_written(text: str) -> None:
    """Line ends, a byte-order mark, quotes and spaces around a cell change nothing."""
    table, problems = parse(text, "a", "b")
    assert problems == []
    assert table.columns == ("a", "b")
    assert cells(table) == PLAIN


def test_columns_in_any_order_and_more_than_needed() -> None:
    """A column is found by its name, and columns that nobody asked for are kept."""
    table, problems = parse("extra,b,a\nkept,x,1\n", "a", "b")
    assert problems == []
    assert table.columns == ("extra", "b", "a")
    assert cells(table) == [(2, {"extra": "kept", "b": "x", "a": "1"})]


def test_lines_are_those_of_the_file() -> None:
    """Blank lines and fields over several lines do not shift the line that a row is said to stand in."""
    text = 'a,b\n\n1,"two\nlines, with a comma and a ""quote"""\n   \n,\n2,x\n'
    table, problems = parse(text, "a", "b")
    assert problems == []
    # 1 header, 2 blank, 3 and 4 the long field, 5 spaces only, 6 empty cells only, 7 the last row
    assert cells(table) == [
        (3, {"a": "1", "b": 'two\nlines, with a comma and a "quote"'}),
        (7, {"a": "2", "b": "x"}),
    ]


def test_line_ends_inside_a_field_do_not_matter() -> None:
    """A note over two lines is the same text whether the file was saved with LF or CRLF."""
    text = 'a,b\n1,"two\nlines"\n'
    assert cells(parse(text)[0]) == cells(parse(text.replace("\n", "\r\n"))[0])


def test_blank_lines_before_the_header() -> None:
    """The header is the first line that says something, and messages about it name that line."""
    table, problems = parse("\n\nb\n1\n", "a", "b")
    assert problems == ["t.csv, line 3: lacks the columns a; the header is b"]
    assert table.rows == ()


def test_short_row_is_filled_with_empty_cells() -> None:
    """A row that stops early has empty cells, which whoever needs them will name."""
    table, problems = parse("a,b,c\n1\n", "a")
    assert problems == []
    assert cells(table) == [(2, {"a": "1", "b": "", "c": ""})]


def test_a_column_that_is_not_there_reads_as_empty() -> None:
    """A row gives "" for a column that its table does not have."""
    assert Row("t.csv", 2, {"a": "1"})["b"] == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(b"", "t.csv: is empty; it needs a header with the columns a, b", id="no_bytes"),
        pytest.param(b"\xef\xbb\xbf", "t.csv: is empty; it needs a header with the columns a, b", id="only_a_mark"),
        pytest.param(b"\n \r\n\t\n", "t.csv: is empty; it needs a header with the columns a, b", id="only_blanks"),
        pytest.param(b",,\n,\n", "t.csv: is empty; it needs a header with the columns a, b", id="only_commas"),
        pytest.param(
            b"a,b\n1,caf\xe9\n", "t.csv, line 2: byte 0xe9 is not UTF-8; save the file as UTF-8", id="latin_1"
        ),
        pytest.param(
            "a,b\n1,2\n".encode("utf-16"),
            "t.csv, line 1: byte 0xff is not UTF-8; save the file as UTF-8",
            id="utf_16",
        ),
        pytest.param(b"a\n1\n", "t.csv, line 1: lacks the columns b; the header is a", id="missing_column"),
        pytest.param(
            b"A,B\n1,2\n",
            "t.csv, line 1: lacks the columns a, b; the header is A, B",
            id="columns_in_capitals",
        ),
        pytest.param(
            b"a,b,a\n1,2,3\n",
            "t.csv, line 1: has the column a twice; each column may stand once",
            id="duplicate_column",
        ),
        pytest.param(
            b"a,,,b\n1,2,3,4\n",
            "t.csv, line 1: has a column without a name; name it or take it out",
            id="columns_without_a_name",
        ),
        pytest.param(
            b"a,b,\n1,2,\n1,2,lost\n",
            "t.csv, line 3: has 3 cells where the header has 2; quote a field that contains a comma",
            id="cell_behind_the_last_column",
        ),
        pytest.param(
            b"a,b\n1,2\n1,2,3\n",
            "t.csv, line 3: has 3 cells where the header has 2; quote a field that contains a comma",
            id="too_many_cells",
        ),
        pytest.param(
            b'a,b\n"x\ny",2\n1,2,3\n',
            "t.csv, line 4: has 3 cells where the header has 2; quote a field that contains a comma",
            id="too_many_cells_after_a_long_field",
        ),
        pytest.param(
            b'a,b\n1,2\n3,"4\n5,6\n7,8\n',
            "t.csv, line 3: cannot be read as CSV (unexpected end of data); look for an open quote",
            id="open_quote_is_named_where_it_opens",
        ),
        pytest.param(
            b'a,b\n1,2\n3,"4"x\n5,6\n',
            "t.csv, line 3: cannot be read as CSV (',' expected after '\"'); look for an open quote",
            id="text_after_a_quote",
        ),
        pytest.param(
            b"a,b\n1," + b"x" * 200_000 + b"\n",
            "t.csv, line 2: cannot be read as CSV (field larger than field limit (131072)); look for an open quote",
            id="field_too_long",
        ),
    ],
)
def test_faulty_file(text: bytes, problem: str) -> None:
    """What is wrong with a file is said once, with its line."""
    assert parse(text, "a", "b")[1] == [problem]


def test_trailing_commas_in_every_line_are_no_cells() -> None:
    """Commas that a spreadsheet leaves behind the last column are no column, as long as nothing stands in them."""
    table, problems = parse("a,b,,\n1,x,,\n2,y,,\n", "a", "b")
    assert problems == []
    assert table.columns == ("a", "b")
    assert cells(table) == PLAIN


def test_several_faults_of_one_file_are_all_reported() -> None:
    """Rows with too many cells are all named, not only the first."""
    assert parse("a\n1,2\n3\n4,5,6\n", "a")[1] == [
        "t.csv, line 2: has 2 cells where the header has 1; quote a field that contains a comma",
        "t.csv, line 4: has 3 cells where the header has 1; quote a field that contains a comma",
    ]


@dataclass
class Unreadable:
    """A file that may not be opened."""

    error: OSError
    name: str = "t.csv"

    def is_file(self) -> bool:
        return True

    def is_dir(self) -> bool:
        return False

    def read_bytes(self) -> bytes:
        raise self.error


@pytest.mark.parametrize(
    ("make", "missing_ok", "expected"),
    [
        pytest.param(
            lambda path: path,
            False,
            ["t.csv: is missing; a CSV file with the columns a belongs here"],
            id="missing",
        ),
        pytest.param(lambda path: path, True, [], id="missing_but_optional"),
        pytest.param(
            lambda path: path.mkdir() or path,
            False,
            ["t.csv: is a directory; a CSV file belongs here"],
            id="directory",
        ),
        pytest.param(
            lambda path: path.mkdir() or path,
            True,
            ["t.csv: is a directory; a CSV file belongs here"],
            id="directory_where_a_file_is_optional",
        ),
        pytest.param(
            lambda _: Unreadable(PermissionError(13, "Permission denied")),
            False,
            ["t.csv: cannot be opened: Permission denied"],
            id="unreadable",
        ),
        pytest.param(
            lambda _: Unreadable(OSError("gone astray")), True, ["t.csv: cannot be opened: gone astray"], id="broken"
        ),
    ],
)
def test_no_file_to_read(tmp_path: Path, make: object, missing_ok: bool, expected: list[str]) -> None:
    """A file that is missing, a directory or unreadable is a problem like any other; an optional one may be missing."""
    problems: list[Problem] = []
    source = make(tmp_path / "t.csv")  # type: ignore[operator]
    table = tables.read(source, file="t.csv", required=["a"], problems=problems, missing_ok=missing_ok)
    assert [str(problem) for problem in problems] == expected
    assert table.rows == ()
    assert table.raw is None


def test_a_table_read_from_a_file_is_written_as_it_was() -> None:
    """Byte-order mark, CRLF, quotes and blank lines survive in a table that nobody changed."""
    raw = '\ufeffb,a\r\n\r\n"x, y",1\r\n'.encode()
    assert parse(raw)[0].to_bytes() == raw


@given(
    rows=st.lists(
        st.lists(
            st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8).map(str.strip),
            min_size=2,
            max_size=2,
        ),
        max_size=5,
    )
)
@example(rows=[["1,5", 'say "x"'], ["two\nlines", "a"], ["=", ";"]])
def test_written_rows_are_read_back(rows: list[list[str]]) -> None:
    """Whatever text the cells hold, a table written anew reads back as the same rows."""
    rows = [row for row in rows if any(row)]
    raw = tables.write(["a", "b"], [dict(zip("ab", row, strict=True)) for row in rows])
    table, problems = parse(raw, "a", "b")
    assert problems == []
    assert [[row["a"], row["b"]] for row in table.rows] == rows


@given(raw=st.binary(max_size=60))
@example(raw=b"a,b\n\x00,1\n")
@example(raw=b'a,b\n"')
@example(raw=b"a,b\n1\r,2\n")
def test_any_bytes_give_rows_or_problems(raw: bytes) -> None:
    """Bytes of any kind give a table or a problem, never another error, and no row is lost in silence."""
    table, problems = parse(raw, "a")
    assert problems or table.raw == raw
    assert all(set(row.cells) == set(table.columns) for row in table.rows)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("", ()), (";", ()), (" a ;b;; c", ("a", "b", "c")), ("a b", ("a b",))],
)
def test_words(cell: str, expected: tuple[str, ...]) -> None:
    """Words are separated by semicolons; empty ones do not count."""
    assert tables.words(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", ()),
        ("age = 18-39; sex=male", (("age", "18-39"), ("sex", "male"))),
        ("age", (("age", ""),)),
        ("a=b=c", (("a", "b=c"),)),
    ],
)
def test_pairs(cell: str, expected: tuple[tuple[str, str], ...]) -> None:
    """Pairs are name=value; a word without = has an empty value, which the checks then name."""
    assert tables.pairs(cell) == expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("18-39", "40 - 120"), ((18, 39), (40, 120))),
        (("18-39", "old"), ()),
        (("18", "19-20"), ()),
        (("18-39-50", "51-60"), ()),
        (("-5-3", "4-9"), ()),
        (("1.5-2", "3-4"), ()),
        (("²-3", "4-5"), ()),
    ],
)
def test_bands(states: tuple[str, ...], expected: tuple[tuple[int, int], ...]) -> None:
    """Bands have whole, non-negative bounds; a state of another form makes them no bands at all."""
    assert tables.bands(states) == expected
