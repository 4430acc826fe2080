"""Priors that a caller lays over a model: from a file, a frame or a mapping, and what is refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import twitchbayes
from models import SITES, TINY, load
from twitchbayes import InvalidValueError, Model, ModelNotFoundError, ModelTableError
from twitchbayes.priors import Change, template
from twitchbayes.tables import write


def numbers(model: Model) -> dict[str, tuple[float, float, float]]:
    """Each prior with its interval, by variable and stratum."""
    return {
        ";".join([p.variable, *(f"{name}={state}" for name, state in p.given)]): (
            p.number.probability,
            p.number.low,
            p.number.high,
        )
        for p in model.knowledge.priors
    }


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "my_priors.csv"
    file.write_bytes(text.encode())
    return file


INTERVALS = """
    variable,probability,low,high
    winter,0.25,0.1,0.4
    flu,0.02,0.01,0.05
    cold,0.1,0.05,0.2
    """


@pytest.fixture
def bounded(folder: Path) -> Model:
    """TINY with intervals that a new number can fall out of."""
    return load(folder, priors=INTERVALS)


@pytest.mark.parametrize("kind", ["path", "string", "frame", "mapping"])
def test_every_way_to_give_priors(tmp_path: Path, bounded: Model, kind: str) -> None:
    """A file, a frame and a mapping that say the same make the same numbers; the model itself stays as it was."""
    before, fingerprint = numbers(bounded), bounded.fingerprint
    given: Any = {"flu": (0.3, 0.2, 0.4), "cold": 0.15}
    if kind == "frame":
        given = pd.DataFrame(
            {"variable": ["flu", "cold"], "probability": [0.3, 0.15], "low": [0.2, None], "high": [0.4, None]}
        )
    if kind in {"path", "string"}:
        given = written(tmp_path, "\ufeffhigh,low,probability,variable\r\n0.4,0.2,0.3,flu\r\n\r\n,,0.15,cold\r\n")
        given = str(given) if kind == "string" else given
    model = bounded.with_priors(given)
    assert numbers(model) == {"winter": (0.25, 0.1, 0.4), "flu": (0.3, 0.2, 0.4), "cold": (0.15, 0.05, 0.2)}
    assert numbers(bounded) == before
    assert bounded.fingerprint == fingerprint != model.fingerprint
    assert (bounded.changes, bounded.network.numbers[0, 1]) == ((), 0.02)
    assert model.changes == (Change("flu", "", "present", 0.02, 0.3), Change("cold", "", "present", 0.1, 0.15))
    # P(flu) = 1 - 0.7 * (1 - 0.25 * 0.1) = 0.3175 and P(cold) = 0.15
    assert dict(model.prior) == pytest.approx({"flu": 0.3175, "cold": 0.15}, rel=1e-12)
    assert model.infer(fever=True) == twitchbayes.infer(fever=True, model=bounded, priors=given)


@pytest.mark.parametrize(
    "given",
    [
        {"flu": 0.03},
        {"flu": "0.03"},
        {"flu": np.float64(0.03)},
        {"flu": (0.03,)},
        {("flu",): 0.03},
        {("flu", ""): [0.03, 0.01, 0.05]},
        {"flu": ("0.03", "0.01", "0.05")},
    ],
    ids=repr,
)
def test_ways_to_write_a_number(bounded: Model, given: Mapping[Any, Any]) -> None:
    """A number, a text that is one, or three of them with the interval."""
    assert numbers(bounded.with_priors(given))["flu"] == (0.03, 0.01, 0.05)


def test_where_new_numbers_come_from(tmp_path: Path, bounded: Model) -> None:
    """A row without a basis is a judgement, and one without a source cites the file by name and content."""
    file = written(tmp_path, "variable,probability,basis,source,note\nflu,0.03,,,mine\ncold,0.12,counts,book,\n")
    model = bounded.with_priors(file)
    flu, cold = (next(p.number for p in model.knowledge.priors if p.variable == name) for name in ("flu", "cold"))
    assert (flu.basis, flu.sources, flu.note) == ("expert", ("given_priors",), "mine")
    assert (cold.basis, cold.sources) == ("counts", ("book",))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert (
        model.knowledge.citations["given_priors"].citation
        == f"File my_priors.csv given to with_priors, sha256 {digest}"
    )
    assert "given_priors" not in bounded.knowledge.citations
    assert (flu.file, flu.line) == ("my_priors.csv", 2)


def test_two_rounds_cite_two_sources(bounded: Model) -> None:
    """Priors laid over priors keep the source of each round apart, and list each number once."""
    frames = [
        pd.DataFrame({"variable": [v], "probability": [p]}) for v, p in (("flu", 0.03), ("cold", 0.15), ("flu", 0.04))
    ]
    model = bounded
    for frame in frames:
        model = model.with_priors(frame)
    assert model.changes == (Change("flu", "", "present", 0.02, 0.04), Change("cold", "", "present", 0.1, 0.15))
    sources = {p.variable: p.number.sources for p in model.knowledge.priors}
    assert sources == {"winter": ("book",), "flu": ("given_priors_3",), "cold": ("given_priors_2",)}
    # Of the first round nothing is left, so its source is not either.
    assert list(model.knowledge.citations) == ["book", "given_priors_2", "given_priors_3"]
    for name, frame in zip(("given_priors_2", "given_priors_3"), frames[1:], strict=True):
        digest = hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()
        assert model.knowledge.citations[name].citation.endswith(digest)


def test_a_change_taken_back_is_none(bounded: Model) -> None:
    """Changes are against the tables of the folder, whatever lay between."""
    model = bounded.with_priors({"flu": 0.03}).with_priors({"flu": 0.02})
    assert model.changes == ()
    assert model.infer(fever=True) == bounded.infer(fever=True)


def test_a_source_that_nothing_cites_any_more_is_left_out(folder: Path) -> None:
    """A number replaced takes its source with it; every other source stays."""
    priors = "variable,probability,source\nwinter,0.25,book\nflu,0.02,paper\ncold,0.1,book;essay"
    model = load(folder, priors=priors, sources="source\nbook\npaper\nessay")
    assert set(model.with_priors({"flu": 0.5}).knowledge.citations) == {"book", "essay", "given_priors"}
    assert set(model.with_priors({"cold": 0.5}).knowledge.citations) == {"book", "paper", "given_priors"}
    kept = pd.DataFrame({"variable": ["flu"], "probability": [0.5], "low": [0], "high": [1], "source": ["essay"]})
    assert set(model.with_priors(kept).knowledge.citations) == {"book", "essay"}
    cited = model.with_priors(kept.assign(source="paper"))
    assert cited.knowledge.tables["sources.csv"].raw == (folder / "sources.csv").read_bytes()


def test_extra_columns_are_kept(bounded: Model) -> None:
    """A column that the model does not know stays with the rows that have it."""
    frame = pd.DataFrame({"variable": ["flu"], "probability": [0.03], "region": ["north"]})
    table = bounded.with_priors(frame).knowledge.tables["priors.csv"]
    assert table.columns[-1] == "region"
    assert [row["region"] for row in table.rows] == ["", "north", ""]


STRATA = {
    ("palsy", "age=18-39;sex=female"): 0.001,
    ("palsy", "age=18-39;sex=male"): 0.002,
    ("palsy", "age=40-120;sex=female"): 0.01,
    ("palsy", "age=40-120;sex=male"): 0.02,
}


def test_one_stratum(sites: Model) -> None:
    """A row of one stratum, its contexts named in any order, replaces that one."""
    model = sites.with_priors({("palsy", "sex=male; age = 40-120"): 0.5})
    assert numbers(model)["palsy;age=40-120;sex=male"] == (0.5, 0, 1)
    assert model.changes == (Change("palsy", "age=40-120;sex=male", "present", 0.02, 0.5),)
    assert len(model.knowledge.priors) == len(sites.knowledge.priors)


def test_states_of_a_context(sites: Model) -> None:
    """The states of a context are replaced row by row, and must sum to 1 in the end."""
    frame = pd.DataFrame({"variable": "sex", "state": ["male", "female"], "probability": [0.3, 0.7]})
    assert sites.with_priors(frame).changes == (
        Change("sex", "", "female", 0.5, 0.7),
        Change("sex", "", "male", 0.5, 0.3),
    )
    with pytest.raises(
        ModelTableError, match=r"frame of priors, line 2: the states of 'sex' sum to 0.8; they must sum to 1"
    ):
        sites.with_priors(frame.head(1))


def test_other_strata_replace_all_rows(sites: Model) -> None:
    """Rows that depend on other contexts than the model's take the place of them all."""
    model = sites.with_priors({("palsy", "sex=male"): (0.2, 0.1, 0.3), ("palsy", "sex=female"): (0.1, 0, 1)})
    assert {k: v for k, v in numbers(model).items() if k.startswith("palsy")} == {
        "palsy;sex=male": (0.2, 0.1, 0.3),
        "palsy;sex=female": (0.1, 0, 1),
    }
    # Half of the people are male: (0.2 + 0.1) / 2
    assert model.prior["palsy"] == pytest.approx(0.15, rel=1e-12)
    gone, new = (lambda c: c.new is None), (lambda c: c.old is None)
    assert (sum(map(gone, model.changes)), sum(map(new, model.changes))) == (4, 2)
    flat = sites.with_priors({"palsy": (0.2, 0, 1)})
    assert flat.prior["palsy"] == pytest.approx(0.2, rel=1e-12)


MAPPING = "mapping of priors"


@pytest.mark.parametrize(
    ("base", "given", "expected"),
    [
        (TINY, {"alz": 0.1, "flue": (0.1, 0, 1)}, [
            "line 1: variable 'alz' is not in the model. It has: winter, flu, cold.",
            "line 2: variable 'flue' is not in the model. Did you mean 'flu'?",
        ]),
        (TINY, {"fever": (0.1, 0, 1)}, ["line 1: variable 'fever' has no prior. It has: winter, flu, cold."]),
        (TINY, {5: 0.1}, ["line 1: variable '5' is not in the model. It has: winter, flu, cold."]),
        (TINY, {"flu": 0.06}, ["line 1: probability 0.06 is outside the model's interval [0.01, 0.05] of 'flu'; give low and high as well"]),
        (TINY, {"flu": 1.3}, ["line 1: probability 1.3 is outside [0, 1]; give a fraction (0.3, not 30)"]),
        (TINY, {"flu": -0.0001}, ["line 1: probability -0.0001 is outside [0, 1]; give a fraction (0.3, not 30)"]),
        (TINY, {"flu": float("nan")}, ["line 1: probability 'nan' is not a number; give a fraction between 0 and 1"]),
        (TINY, {"flu": None}, ["line 1: probability 'None' is not a number; give a fraction between 0 and 1"]),
        (TINY, {"flu": True}, ["line 1: probability 'True' is not a number; give a fraction between 0 and 1"]),
        (TINY, {"flu": "1_0"}, ["line 1: probability '1_0' is not a number; give a fraction between 0 and 1"]),
        (TINY, {"flu": {"present": 0.1}}, ["line 1: probability \"{'present': 0.1}\" is not a number; give a fraction between 0 and 1"]),
        (TINY, {"flu": (0.3, 0.4, 0.5)}, ["line 1: probability 0.3 is outside its interval [0.4, 0.5]"]),
        (TINY, {"flu": (0.3, 0.5, 0.1)}, ["line 1: low 0.5 is above high 0.1; swap them"]),
        (TINY, {"flu": (0.3, 0.1)}, ["line 1: 'flu': (0.3, 0.1) must be variable or (variable, given): probability or (probability, low, high)"]),
        (TINY, {"flu": (0.3, 0.1, 0.5, "counts")}, ["line 1: 'flu': (0.3, 0.1, 0.5, 'counts') must be variable or (variable, given): probability or (probability, low, high)"]),
        (TINY, {("flu", "a", "b"): 0.3}, ["line 1: ('flu', 'a', 'b'): 0.3 must be variable or (variable, given): probability or (probability, low, high)"]),
        (TINY, {"flu": 0.03, ("flu", ""): 0.04}, ["line 2: repeats line 1; a number stands once"]),
        (TINY, {"flu": 0.03, ("flu", "winter=present"): (0.04, 0, 1)}, ["line 2: given of 'flu' names ('winter',), line 1 names nothing; all rows of a variable name the same, each once"]),
        (TINY, {("flu", "winter=present"): 0.04, ("flu", "winter=absent"): 0.03}, [f"line {i}: given winter={state}: the model's rows of 'flu' are given nothing; keep to them, or give low and high as well" for i, state in ((1, "present"), (2, "absent"))]),
        (TINY, {}, [": has no row; give at least one prior, or none at all"]),
        (SITES, {"palsy": 0.1}, ["line 1: given nothing: the model's rows of 'palsy' are given age;sex; keep to them, or give low and high as well"]),
        (SITES, {("palsy", "age=50;sex=male"): 0.1}, ["line 1: given age=50: age is one of 18-39, 40-120"]),
        (SITES, {("palsy", "sex=male"): (0.1, 0, 1)}, [": has no row of 'palsy' given sex=female"]),
        (SITES, {("palsy", "sex=male"): (0.1, 0, 1), ("palsy", "age=18-39;sex=male"): 0.1}, ["line 1: given of 'palsy' names ('sex',), line 2 names ('age', 'sex'); all rows of a variable name the same, each once"]),
        (SITES, {"sex": 0.5}, ["line 1: state 'present' is none of female, male"]),
        (SITES, {"strain": 0.6}, ["!links.csv, line 2: compound 0.5 of 'lifting' is below the leak 0.6 of 'strain' (mapping of priors, line 1); a compound value includes the leak"]),
        (SITES, {("lifting", "lifting=present"): (0.5, 0, 1)}, ["line 1: given 'lifting' is no context that it can depend on. It has: age, sex."]),
    ],
    ids=lambda v: repr(v)[:60] if isinstance(v, dict) and v is not TINY and v is not SITES else "",
)  # fmt: skip
def test_what_is_refused(folder: Path, base: dict[str, str], given: Any, expected: list[str]) -> None:
    """Rows that do not fit the model are listed, each once, by their place; nothing is clipped or left out."""
    model = load(folder, base=base, **({"priors": INTERVALS} if base is TINY else {}))
    before = numbers(model)
    with pytest.raises(ModelTableError, match="in the model's tables") as raised:
        model.with_priors(given)
    marks = [e[1:] if e[0] == "!" else f"{MAPPING}{'' if e[0] == ':' else ', '}{e}" for e in expected]
    assert [str(problem) for problem in raised.value.problems] == marks
    assert numbers(model) == before


def test_all_faults_of_a_file_at_once(tmp_path: Path, sites: Model) -> None:
    """A file of priors has all its faults listed in one error, by line."""
    file = written(
        tmp_path,
        "variable,given,state,probability,low,high,basis,source\n"
        "strian,,,0.1,0,1,,\n"
        "strain,,,lots,,,,\n"
        "sex,,male,0.7,0,1,,\n"
        "palsy,age=18-39;sex=female,,0.1,0.2,0.3,,\n"
        "palsy,age=18-39;sex=male,,0.1,,,guess,\n"
        "lifting,sex=male,,0.1,,,,atlas\n",
    )
    with pytest.raises(ModelTableError, match="6 problems") as raised:
        sites.with_priors(file)
    assert [str(problem) for problem in raised.value.problems] == [
        "my_priors.csv, line 2: variable 'strian' is not in the model. Did you mean 'strain'?",
        "my_priors.csv, line 3: probability 'lots' is not a number; give a fraction between 0 and 1",
        "my_priors.csv, line 4: the states of 'sex' sum to 1.2; they must sum to 1",
        "my_priors.csv, line 5: probability 0.1 is outside its interval [0.2, 0.3]",
        "my_priors.csv, line 6: basis 'guess' is none of counts, reported, pooled, band, expert, tuned",
        "my_priors.csv, line 7: source 'atlas' is not in sources.csv. It has: book, given_priors.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "my_priors.csv: is empty; it needs a header with the columns variable, probability"),
        ("variable,probability\n", "my_priors.csv: has no row; give at least one prior, or none at all"),
        ("cause,prior\nflu,0.1\n", "my_priors.csv, line 1: lacks the columns variable, probability; the header is cause, prior"),
        ("variable,probability\nflu,0.03,0.1\n", "my_priors.csv, line 2: has 3 cells where the header has 2; quote a field"),
        ('variable,probability\n"flu,0.03\n', r"my_priors.csv, line 2: cannot be read as CSV \(unexpected end of data\)"),
    ],
)  # fmt: skip
def test_files_that_are_no_table(tmp_path: Path, bounded: Model, text: str, expected: str) -> None:
    """A file that cannot be read is said to be so, under its own name."""
    with pytest.raises(ModelTableError, match=rf"^1 problem in the model's tables:\n  {expected}"):
        bounded.with_priors(written(tmp_path, text))


def test_paths_that_are_no_file(tmp_path: Path, bounded: Model) -> None:
    """A path that does not exist is not found; a directory is no table."""
    gone = str(tmp_path / "gone.csv")
    with pytest.raises(ModelNotFoundError, match=f"^there is no file {re.escape(repr(gone))} with priors$"):
        bounded.with_priors(gone)
    with pytest.raises(ModelTableError, match="is a directory; a CSV file belongs here"):
        bounded.with_priors(tmp_path)


@pytest.mark.parametrize("given", [42, 0.3, ["flu", 0.3], {"flu"}, None])
def test_what_is_no_priors(bounded: Model, given: Any) -> None:
    """Anything but a path, a frame or a mapping is an error that shows it."""
    with pytest.raises(InvalidValueError, match=f"^priors={re.escape(repr(given))} is no path, DataFrame or mapping$"):
        bounded.with_priors(given)


def test_frames_that_are_no_table(bounded: Model) -> None:
    """A frame without rows or columns is refused like a file without them."""
    with pytest.raises(ModelTableError, match="frame of priors: has no row; give at least one prior"):
        bounded.with_priors(pd.DataFrame({"variable": [], "probability": []}))
    with pytest.raises(ModelTableError, match=r"frame of priors.*lacks the columns variable, probability|is empty"):
        bounded.with_priors(pd.DataFrame())
    with pytest.raises(ModelTableError, match="frame of priors, line 3: probability '' is not a number"):
        bounded.with_priors(pd.DataFrame({"variable": ["flu", "cold"], "probability": [0.03, np.nan]}))


def test_shipped_model_takes_every_own_prior(shipped: Model, tmp_path: Path) -> None:
    """Laying a model's own priors over it changes no number."""
    file = tmp_path / "own.csv"
    file.write_bytes(shipped.knowledge.tables["priors.csv"].to_bytes())
    model = shipped.with_priors(file)
    assert model.changes == ()
    assert np.array_equal(model.network.numbers, shipped.network.numbers)
    assert model.infer() == shipped.infer()


# Templates


def laid_back(model: Model, tmp_path: Path, kind: str, only: tuple[str, ...] = ()) -> Model:
    """Give a model its own template, as a file or as a frame."""
    if kind == "frame":
        return model.with_priors(model.template(only=only))
    file = tmp_path / "template.csv"
    file.write_bytes(template(model.knowledge, only).to_bytes())
    return model.with_priors(file)


@pytest.mark.parametrize("kind", ["file", "frame"])
@pytest.mark.parametrize("population", [None, "primary_care", "neurology_clinic", "young_adults"])
def test_template_unedited_changes_nothing(twitch: Model, tmp_path: Path, kind: str, population: str | None) -> None:
    """A model's own priors laid over it give the identical model, in whatever setting."""
    model = twitch.at_population(population)
    same = laid_back(model, tmp_path, kind)
    assert same.fingerprint == model.fingerprint
    assert (same.changes, same.population) == ((), population)


@pytest.mark.parametrize("kind", ["file", "frame"])
def test_template_of_tables_with_gaps(sites: Model, bounded: Model, tmp_path: Path, kind: str) -> None:
    """A state that a table leaves out, and contexts in an order of their own, stay as they are written."""
    for model in (sites, bounded):
        assert laid_back(model, tmp_path, kind).fingerprint == model.fingerprint


def test_template_has_the_rows_of_the_table(sites: Model) -> None:
    """The frame has the columns of priors.csv, numbers as numbers; `only` takes some of the variables."""
    frame = sites.template()
    assert tuple(frame.columns) == sites.knowledge.tables["priors.csv"].columns
    assert len(frame) == len(sites.knowledge.priors)
    assert frame["probability"].tolist() == [p.number.probability for p in sites.knowledge.priors]
    assert sites.template(only=["sex", "strain"])["variable"].tolist() == ["sex", "sex", "strain"]


def test_template_keeps_further_columns(bounded: Model) -> None:
    """A column that the format does not know comes along, and goes back."""
    frame = pd.DataFrame({"variable": ["flu"], "probability": [0.03], "region": ["north"]})
    model = bounded.with_priors(frame)
    assert model.template()["region"].tolist() == ["", "north", ""]
    assert model.with_priors(model.template()).fingerprint == model.fingerprint


def test_template_of_part(twitch: Model, tmp_path: Path) -> None:
    """Some rows laid back change nothing either."""
    assert laid_back(twitch, tmp_path, "file", ("als", "sex")).fingerprint == twitch.fingerprint


def test_numbers_written_otherwise_are_the_same(twitch: Model, tmp_path: Path) -> None:
    """A spreadsheet writes 0.205 as 2.05E-01: the same number, and the same model."""
    table = template(twitch.knowledge)
    rows = [{**row.cells, **{c: f"{float(row[c]):.16E}" for c in ("probability", "low", "high")}} for row in table.rows]
    file = tmp_path / "spreadsheet.csv"
    file.write_bytes(b"\xef\xbb\xbf" + write(table.columns, rows).replace(b"\n", b"\r\n"))
    assert twitch.with_priors(file).fingerprint == twitch.fingerprint


def test_edited_row_keeps_its_interval(bounded: Model) -> None:
    """A number edited within its interval keeps it, and what else its row says."""
    frame = bounded.template()
    frame.loc[frame["variable"] == "flu", "probability"] = 0.04
    model = bounded.with_priors(frame)
    assert numbers(model) == {**numbers(bounded), "flu": (0.04, 0.01, 0.05)}
    assert model.changes == (Change("flu", "", "present", 0.02, 0.04),)


def test_edited_row_gets_the_interval_of_the_model(bounded: Model) -> None:
    """Without its bounds a row has those of the model, and without a source it cites the frame."""
    frame = bounded.template(only=["flu"]).astype({"low": object, "high": object})
    frame[["probability", "low", "high", "basis", "source"]] = [0.04, "", "", "", ""]
    flu = next(p.number for p in bounded.with_priors(frame).knowledge.priors if p.variable == "flu")
    assert (flu.probability, flu.low, flu.high) == (0.04, 0.01, 0.05)
    assert (flu.basis, flu.sources) == ("expert", ("given_priors",))


def test_edited_row_outside_of_its_interval(bounded: Model, tmp_path: Path) -> None:
    """A number edited beyond its interval is an error with its line, like all others of the file."""
    text = template(bounded.knowledge).to_bytes().decode().replace("0.02,", "0.5,").replace("0.1,0.05", "0.1,0.15")
    file = written(tmp_path, text)
    with pytest.raises(ModelTableError, match="2 problems") as raised:
        bounded.with_priors(file)
    assert [str(problem) for problem in raised.value.problems] == [
        "my_priors.csv, line 3: probability 0.5 is outside its interval [0.01, 0.05]",
        "my_priors.csv, line 4: probability 0.1 is outside its interval [0.15, 0.2]",
    ]


def test_template_of_unknown_variables(bounded: Model) -> None:
    """Names without a prior are told together; so is a template that does not exist."""
    message = (
        r"^the model has no prior of 'flue'. Did you mean 'flu'\? the model has no prior of 'fever'. It has: winter"
    )
    with pytest.raises(InvalidValueError, match=message):
        bounded.template(only=["flue", "cold", "fever"])
    with pytest.raises(InvalidValueError, match=r"^template 'links' is none of priors, cases$"):
        bounded.template("links")


# What is no table of priors, or not of this model's


LINKS = "my_priors.csv: has links (the columns parent, child); only priors can be laid over a model. "


@pytest.mark.parametrize("kind", ["file", "frame"])
def test_links_given_for_priors(sites: Model, tmp_path: Path, kind: str) -> None:
    """A table of links is told to be one, once, and what to do instead."""
    file = written(tmp_path, sites.knowledge.tables["links.csv"].to_bytes().decode())
    given = pd.read_csv(file) if kind == "frame" else file
    expected = LINKS.replace("my_priors.csv", "frame of priors") if kind == "frame" else LINKS
    with pytest.raises(ModelTableError, match=r"^1 problem in") as raised:
        sites.with_priors(given)
    assert str(raised.value.problems[0]).startswith(expected)
    assert "edit links.csv there" in str(raised.value)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("flue,,,0.03,,", "line 3: variable 'flue' is not in the model. Did you mean 'flu'?"),
        ("fever,,,0.03,0,1", "line 3: variable 'fever' has no prior. It has: winter, flu, cold."),
        (",,,0.03,0,1", "line 3: variable '' is not in the model. It has: winter, flu, cold."),
        ("flu,wnter=present,,0.03,0,1", "line 3: given 'wnter' is no context that it can depend on. Did you mean 'winter'?"),
        ("flu,winter=some,,0.03,0,1", "line 3: given winter=some: winter is one of absent, present"),
        ("flu,,absent,0.03,0,1", "line 3: state 'absent': the prior of a cause is that of its state present"),
        ("winter,,cold,0.03,0,1", "line 3: state 'cold' is none of absent, present"),
        ("cold,,,0.1,,", "line 3: repeats line 2; a number stands once"),
        ("cold,,present,0.12,0,1", "line 3: repeats line 2; a number stands once"),
        ("flu,,,0.03,0.01,", "line 3: high '' is not a number; give a fraction between 0 and 1"),
        ("flu,,,0.03,,0.05", "line 3: low '' is not a number; give a fraction between 0 and 1"),
        ('flu,,,"0,03",,', "line 3: probability '0,03' is not a number; give a fraction between 0 and 1"),
        ("flu,,,0.0_2,,", "line 3: probability '0.0_2' is not a number; give a fraction between 0 and 1"),
        ("flu,,,0.06,,", "line 3: probability 0.06 is outside the model's interval [0.01, 0.05] of 'flu'; give low and high as well"),
        ("flu,,,0.06,0.01,0.05", "line 3: probability 0.06 is outside its interval [0.01, 0.05]"),
    ],
)  # fmt: skip
def test_rows_that_do_not_match(bounded: Model, tmp_path: Path, row: str, expected: str) -> None:
    """Each row that does not fit the model is one line, with its place; the good row before it changes nothing."""
    file = written(tmp_path, f"variable,given,state,probability,low,high\ncold,,,0.11,,\n{row}\n")
    with pytest.raises(ModelTableError, match="in the model's tables") as raised:
        bounded.with_priors(file)
    assert [str(problem) for problem in raised.value.problems] == [f"my_priors.csv, {expected}"]
    assert bounded.changes == ()
