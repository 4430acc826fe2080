"""A model folder as a whole: what it holds once read, its settings, and that no file can break the reader."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import twitchbayes
from models import DIRECTORY, META, MISSING, MODELS, SHIPPED, SITES, TINY, completed, load, write_model
from twitchbayes import (
    ImpossibleEvidenceError,
    InvalidValueError,
    Model,
    ModelNotFoundError,
    ModelTableError,
    knowledge,
)
from twitchbayes.knowledge import COLUMNS, REQUIRED, Knowledge

HEADERS = {file: ", ".join(columns) for file, columns in COLUMNS.items()}


# What a sound folder becomes


def test_rows_become_typed(sites: Model) -> None:
    """Variables, numbers and sources are read with their types, defaults filled in, and know their line."""
    known = sites.knowledge
    age, sex, lifting, twitching = (known.variables[n] for n in ("age", "sex", "lifting", "twitching"))
    assert (age.states, age.bands, age.unit) == (("18-39", "40-120"), ((18, 39), (40, 120)), "years")
    assert (sex.states, sex.aliases, sex.bands) == (("female", "male"), {"f": "female", "m": "male"}, ())
    assert (lifting.states, lifting.assumed, lifting.serious) == (("absent", "present"), "", False)
    assert (twitching.any_of, twitching.assumed, twitching.label) == ("site", "present", "twitching")
    assert known.variables["twitch_arm"].label == "twitch arm"
    assert known.variables["palsy"].serious
    assert [v.name for v in known.members("site")] == ["twitch_arm", "twitch_leg"]
    assert [v.name for v in known.of_role("context")] == ["age", "sex", "lifting"]
    prior = known.priors[-1]
    assert prior.given == (("age", "40-120"), ("sex", "male"))
    assert (prior.state, prior.number.probability, prior.number.line) == ("present", 0.02, 12)
    assert (prior.number.low, prior.number.high, prior.number.basis) == (0, 1, "expert")
    assert prior.number.sources == ("book",)
    assert known.citations["book"].citation == "A book"


def test_a_file_may_be_written_in_any_of_the_usual_ways(folder: Path, tiny: Model) -> None:
    """Byte-order marks, CRLF, blank lines, extra columns and columns in another order leave the model the same."""

    def rewritten(file: str) -> bytes:
        rows = list(csv.DictReader(io.StringIO(completed(TINY[file.removesuffix(".csv")], file))))
        columns = ["remark", *reversed(rows[0])]
        out = io.StringIO()
        writer = csv.DictWriter(out, columns, lineterminator="\r\n\r\n", quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows({**row, "remark": 'extra, "kept"\r\nas it is'} for row in rows)
        return b"\xef\xbb\xbf" + out.getvalue().encode()

    files = {name: rewritten(f"{name}.csv") for name in TINY}
    model = load(folder, meta=b"\xef\xbb\xbf" + META.replace("\n", "\r\n").encode(), **files)
    known, plain = model.knowledge, tiny.knowledge
    assert known.variables == plain.variables
    assert known.citations == plain.citations
    assert known.meta == plain.meta
    assert [p.number.probability for p in known.priors] == [p.number.probability for p in plain.priors]
    # 1 header, 2 blank; each row then takes two lines and a blank one
    assert [p.number.line for p in known.priors] == [3, 6, 9]
    assert known.tables["links.csv"].rows[0]["remark"] == 'extra, "kept"\nas it is'
    assert model.infer(fever=True) == tiny.infer(fever=True)


def test_states_that_look_like_bands(folder: Path) -> None:
    """Without a unit, states such as 1-2 are words, and a number between them is none of them."""
    model = load(
        folder,
        variables="variable,role,states\nscore,context,1-2;3-4\nflu,cause,\nfever,finding,",
        priors="variable,state,probability\nscore,1-2,0.5\nscore,3-4,0.5\nflu,,0.1",
        links="parent,child,probability\nleak,fever,0.1",
    )
    assert model.infer(score="3-4").evidence == {"score": "3-4"}
    with pytest.raises(
        InvalidValueError, match="score=3 is not a state of score; give 1-2 or 3-4, or None for unknown"
    ):
        model.infer(score=3)


def test_optional_tables(tiny: Model) -> None:
    """A table that a folder need not have is empty where it has none."""
    for file in set(COLUMNS) - set(REQUIRED):
        assert tiny.knowledge.table(file).rows == ()
        assert file not in tiny.knowledge.tables


def test_name(folder: Path) -> None:
    """A model is called what model.toml says, else what was asked for, else by its folder."""
    named = write_model(folder / "a", meta=META + 'name = "other"\n')
    plain = write_model(folder / "b")
    assert knowledge.read(named, name="asked").name == "other"
    assert knowledge.read(plain, name="asked").name == "asked"
    assert knowledge.read(plain).name == "b"
    empty = write_model(folder / "c", meta=META + 'name = ""\n')
    assert knowledge.read(empty).name == "c"


# What is not sound


@pytest.mark.parametrize("name", ["variables", "priors", "links", "sources"])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(MISSING, "{file}: is missing; a CSV file with the columns {columns} belongs here", id="missing"),
        pytest.param(DIRECTORY, "{file}: is a directory; a CSV file belongs here", id="directory"),
        pytest.param(b"", "{file}: is empty; it needs a header with the columns {columns}", id="no_bytes"),
        pytest.param(b"\xef\xbb\xbf\r\n", "{file}: is empty; it needs a header with the columns {columns}", id="blank"),
        pytest.param("header", "{file}: has a header and no row under it", id="header_only"),
        pytest.param(b"a,b\n1,\xe4\n", "{file}, line 2: byte 0xe4 is not UTF-8; save the file as UTF-8", id="latin_1"),
        pytest.param(b"a\n1\n", "{file}, line 1: lacks the columns {columns}; the header is a", id="other_columns"),
    ],
)
def test_a_required_file(folder: Path, name: str, content: Any, expected: str) -> None:
    """Without one of the four tables there is one problem, which is that."""
    file = f"{name}.csv"
    if content == "header":
        content = f"{HEADERS[file].replace(', ', ',')}\n".encode()
    message = expected.format(file=file, columns=HEADERS[file])
    with pytest.raises(ModelTableError, match=rf"^1 problem in the model's tables:\n  {re.escape(message)}$"):
        knowledge.read(write_model(folder, **{name: content}))


@pytest.mark.parametrize("file", sorted(set(COLUMNS) - set(REQUIRED)))
def test_an_optional_file_that_is_there_must_be_sound(folder: Path, file: str) -> None:
    """A table that may be missing may not be empty or a directory."""
    name = file.removesuffix(".csv")
    with pytest.raises(ModelTableError, match=f"  {file}: is empty; it needs a header with the columns"):
        knowledge.read(write_model(folder / "empty", **{name: b""}))
    with pytest.raises(ModelTableError, match=f"  {file}: is a directory; a CSV file belongs here"):
        knowledge.read(write_model(folder / "directory", **{name: DIRECTORY}))


def test_a_folder_with_nothing_in_it(folder: Path) -> None:
    """An empty folder lacks five files, and the one error names them all."""
    folder.mkdir()
    with pytest.raises(ModelTableError, match="5 problems") as raised:
        knowledge.read(folder)
    assert [problem.file for problem in raised.value.problems] == [
        "links.csv",
        "model.toml",
        "priors.csv",
        "sources.csv",
        "variables.csv",
    ]


def test_no_folder(tmp_path: Path) -> None:
    """A folder that is not there, or is a file, is named."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelNotFoundError, match=r"model folder '.*gone' does not exist"):
        knowledge.read(tmp_path / "gone")
    with pytest.raises(ModelNotFoundError, match=r"model folder '.*file' is a file, not a model folder"):
        knowledge.read(tmp_path / "file")


@pytest.mark.parametrize(
    ("meta", "expected"),
    [
        (MISSING, "is missing; it needs title, version, population, window, licence, intended_use, not_for"),
        (DIRECTORY, "is a directory; a TOML file belongs here; it needs title, version"),
        (b"", "lacks title, version, population, window, licence, intended_use, not_for"),
        (META.replace("window", "windows"), "lacks window"),
        (META.replace('"tests"', '"  "'), "lacks intended_use"),
        (META.replace('"1.0"', "1.0"), "version = 1.0 must be a text in quotes"),
        (META.replace('"MIT"', '["MIT"]'), r"licence = \['MIT'\] must be a text in quotes"),
        (META.replace('"1.0"', "1.0.0"), r"cannot be read as TOML: .*line 2"),
        (META + "title = 'again'\n", r"cannot be read as TOML: .*line 8"),
        (META + "open = '", 'cannot be read as TOML: Expected "\'"'),
        (b'title = "caf\xe9"\n', "cannot be read as TOML: 'utf-8' codec can't decode byte 0xe9"),
        ("title = 'x'\0\n", "cannot be read as TOML: .*line 1"),
    ],
)
def test_model_toml(folder: Path, meta: Any, expected: str) -> None:
    """What is wrong with model.toml is said, and a sound folder has no other problem for it."""
    with pytest.raises(ModelTableError, match=rf"^1 problem in the model's tables:\n  model\.toml: {expected}"):
        knowledge.read(write_model(folder, meta=meta))


# Settings

CLINIC = "variable,given,state,probability\nflu,,,0.3\n"


def test_a_setting_replaces_the_rows_it_names(folder: Path, tiny: Model) -> None:
    """A row of a setting takes the place of the model's row; the others stay; the folder's model is as before."""
    model = load(folder, populations={"clinic": CLINIC, "ward": CLINIC.replace("0.3", "0.4")})
    clinic = model.knowledge.at_population("clinic")
    assert {p.variable: p.number.probability for p in clinic.priors} == {
        "winter": 0.25,
        "flu": 0.3,
        "cold": 0.1,
    }
    assert [p.number.file for p in clinic.priors] == ["priors.csv", "populations/clinic.csv", "priors.csv"]
    assert clinic.population == "clinic"
    assert model.knowledge.population is None
    assert model.infer(fever=True) == tiny.infer(fever=True)
    assert model.at_population(None) is model
    # 1 - (1 - 0.3) * (0.75 + 0.25 * (1 - 0.1)) = 1 - 0.7 * 0.975 = 0.3175
    assert Model(clinic).prior["flu"] == pytest.approx(0.3175, rel=1e-12)


def test_a_setting_may_stratify_anew(folder: Path) -> None:
    """Rows of a setting that depend on other contexts replace all rows of the variable, if they are complete."""
    rows = "variable,given,probability\nstrain,sex=female,0.3\nstrain,sex=male,0.4\npalsy,,0.5\n"
    links = SITES["links"].replace("compound,0.5", "net,0.5")
    model = load(folder, base=SITES, links=links, populations={"clinic": rows}).at_population("clinic")
    of = {
        (p.variable, p.given): p.number.probability for p in model.knowledge.priors if p.variable in {"strain", "palsy"}
    }
    assert of == {
        ("palsy", ()): 0.5,
        ("strain", (("sex", "female"),)): 0.3,
        ("strain", (("sex", "male"),)): 0.4,
    }
    assert model.prior["palsy"] == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("populations", "asked", "hint"),
    [
        ({}, "clinic", "It has none."),
        ({"neurology_clinic": CLINIC, "ward": CLINIC}, "neurology", "Did you mean 'neurology_clinic'?"),
        ({"neurology_clinic": CLINIC, "ward": CLINIC}, "x", "It has: neurology_clinic, ward."),
    ],
)
def test_no_such_setting(folder: Path, populations: dict[str, str], asked: str, hint: str) -> None:
    """A setting that the model does not have is an error that names those that it has."""
    model = load(folder, populations=populations)
    with pytest.raises(ModelNotFoundError, match=re.escape(f"model 'small' has no population {asked!r}. {hint}")):
        model.at_population(asked)
    with pytest.raises(ModelNotFoundError, match="has no population"):
        twitchbayes.infer(fever=True, model=folder, population=asked)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "populations/clinic.csv: is empty; it needs a header with the columns variable, given"),
        (DIRECTORY, "populations/clinic.csv: is a directory; a CSV file belongs here"),
        ("variable,probability", "populations/clinic.csv: has a header and no row under it"),
        (b"\xff", "populations/clinic.csv, line 1: byte 0xff is not UTF-8"),
    ],
)
def test_a_setting_that_cannot_be_read(folder: Path, content: Any, expected: str) -> None:
    """A setting is read with the model, so that its faults are found there."""
    with pytest.raises(ModelTableError, match=rf"^1 problem in the model's tables:\n  {expected}"):
        knowledge.read(write_model(folder, populations={"clinic": content}))


def test_settings_must_be_a_folder(folder: Path) -> None:
    """A file where the folder of settings belongs is not passed over."""
    write_model(folder)
    (folder / "populations").write_text(CLINIC)
    with pytest.raises(ModelTableError, match="  populations: is a file; a folder of CSV files belongs here"):
        knowledge.read(folder)


# Nothing breaks the reader


@dataclass
class Fake:
    """A model folder or a file of one, with some of its files replaced."""

    path: Path
    replaced: Mapping[str, bytes]
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.path.name

    def __truediv__(self, name: str) -> Fake:
        return Fake(self.path / name, self.replaced)

    def is_file(self) -> bool:
        return self.path.is_file()

    def is_dir(self) -> bool:
        return self.path.is_dir()

    def iterdir(self) -> Iterator[Fake]:
        return (Fake(path, self.replaced) for path in self.path.iterdir())

    def read_bytes(self) -> bytes:
        return self.replaced.get(self.path.name) or self.path.read_bytes()


def reads_or_says_why(model: str, file: str, raw: bytes) -> Knowledge | None:
    """Read a shipped model with one file replaced; what it reads must answer too."""
    try:
        known = knowledge.read(Fake(MODELS / model, {Path(file).name: raw}))
        changed = Model(known)
    except ModelTableError as error:
        # Not `pytest.raises`: the table may be sound as well.
        if not error.problems or not all(problem.file and problem.message for problem in error.problems):
            raise
        return None
    try:
        posterior = changed.infer()
    except ImpossibleEvidenceError:
        return known
    assert all(0 <= p <= 1 for p in (*posterior.values(), posterior.none, posterior.serious))
    return known


FILES = [
    (name, str(file.relative_to(MODELS / name)))
    for name in SHIPPED
    for file in sorted((MODELS / name).rglob("*.csv"))
    if file.name in COLUMNS or file.parent.name == "populations"
]
WORDS = [
    "",
    "0",
    "1",
    "-1",
    "nan",
    "inf",
    "1e-320",
    "0.5",
    "present",
    "absent",
    "leak",
    "als",
    "age",
    "sex=male",
    "compound",
]
WORDS += [
    "age=18-29;sex=male",
    "twitch_location",
    "twitching",
    "context",
    "cause",
    "finding",
    "group",
    "yes",
    "unknown",
]
WORDS += ["18-39;40-120", "a;b", "years", ";", "=", "a=b", '"', "\n", "\ufeff", "\0", "é", "x" * 300]


@settings(max_examples=300)
@given(data=st.data())
def test_one_cell_changed_reads_or_says_why(data: st.DataObject) -> None:
    """Whatever stands in one cell, the model loads and answers, or its problems are listed: no other error."""
    model, file = data.draw(st.sampled_from(FILES))
    rows = list(csv.reader(io.StringIO((MODELS / model / file).read_text(encoding="utf-8"), newline="")))
    line = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.integers(0, len(rows[line]) - 1))
    others = st.sampled_from([row[min(column, len(row) - 1)] for row in rows])
    cell = data.draw(st.sampled_from(WORDS) | others | st.text(st.characters(codec="utf-8"), max_size=8))
    changed = [list(row) for row in rows]
    changed[line][column] = cell
    out = io.StringIO(newline="")
    csv.writer(out).writerows(changed)
    known = reads_or_says_why(model, file, out.getvalue().encode())
    if changed == rows:
        assert known is not None, "the model as it is shipped"


@settings(max_examples=150)
@given(data=st.data())
def test_some_bytes_changed_reads_or_says_why(data: st.DataObject) -> None:
    """Bytes cut out of a file or put into it do no more harm than a cell."""
    model, file = data.draw(st.sampled_from(FILES))
    raw = (MODELS / model / file).read_bytes()
    start = data.draw(st.integers(0, len(raw)))
    end = data.draw(st.integers(start, min(len(raw), start + 200)) | st.just(len(raw)))
    new = data.draw(
        st.sampled_from([b"", b'"', b",", b"\n", b"\r", b"\xff", b"\xef\xbb\xbf", b"\0"]) | st.binary(max_size=4)
    )
    reads_or_says_why(model, file, raw[:start] + new + raw[end:] or b"\n")


@settings(max_examples=100)
@given(raw=st.binary(max_size=30) | st.text(max_size=60).map(str.encode))
@example(raw=b"a = " + b"[" * 5000)
@example(raw=b"title = 1979-05-27")
def test_any_model_toml_reads_or_says_why(raw: bytes) -> None:
    """Whatever stands in model.toml, the problems are listed."""
    with pytest.raises(ModelTableError, match=r"model\.toml: "):
        knowledge.read(Fake(MODELS / "twitch", {"model.toml": raw or b"\n"}))
