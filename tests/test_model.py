"""Models: finding, loading and saving them, what identifies them, and asking them from many threads."""

from __future__ import annotations

import json
import math
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import twitchbayes
from models import MODELS, SHIPPED, SITES, TINY, load, write_model
from twitchbayes import (
    InvalidValueError,
    Model,
    ModelNotFoundError,
    ModelTableError,
    Posterior,
    infer,
    list_models,
    load_model,
    tables,
)
from twitchbayes.inference import Engine
from twitchbayes.knowledge import COLUMNS

CLINIC = "variable,probability\nflu,0.3\n"


# Loading


def test_shipped_models_are_listed() -> None:
    """Every folder under models/ is listed with what its model.toml and populations/ say."""
    infos = list_models()
    assert [info.name for info in infos] == SHIPPED
    for info in infos:
        meta = load_model(info.name).knowledge.meta
        assert (info.title, info.version) == (meta["title"], meta["version"])
        assert info.populations == tuple(sorted(f.stem for f in (MODELS / info.name).glob("populations/*.csv")))


def test_ways_to_name_a_model(folder: Path, twitch: Model) -> None:
    """A shipped name, a folder as text or path, and a model itself all lead to one."""
    small = write_model(folder)
    assert load_model("twitch") is load_model() is twitch
    assert load_model(twitch) is twitch
    assert load_model(MODELS / "twitch").fingerprint == twitch.fingerprint
    assert load_model(str(small)).name == load_model(small).name == "small"
    for named in (small, str(small), load_model(small)):
        assert infer(fever=True, model=named)["flu"] == load_model(small).infer(fever=True)["flu"]


def test_a_folder_here_is_named_by_its_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder is found, and "." is called by the name of the folder."""
    write_model(folder)
    monkeypatch.chdir(folder)
    assert load_model(".").name == "small"
    monkeypatch.chdir(folder.parent)
    assert load_model("small").name == "small"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("twich", "Did you mean 'twitch'?"), ("Twitch", "Did you mean 'twitch'?"), ("gout", "It has: "), ("a\0b", "")],
)
def test_no_such_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, hint: str) -> None:
    """A name that is neither a model nor a folder is an error that says which models there are."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ModelNotFoundError, match=re.escape(f"there is no model and no folder {name!r}. {hint}".rstrip())
    ):
        load_model(name)
    with pytest.raises(LookupError, match="there is no model"):
        infer(weakness=True, model=name)


def test_a_file_is_no_model(tmp_path: Path) -> None:
    """A path to a file is not taken for a folder."""
    (tmp_path / "model.toml").write_text("x")
    with pytest.raises(ModelNotFoundError, match=r"there is no model and no folder '.*model\.toml'"):
        load_model(tmp_path / "model.toml")


def test_a_faulty_folder_has_no_model(folder: Path) -> None:
    """A folder with faults raises when it is loaded, from every door."""
    write_model(folder, priors=TINY["priors"].replace("0.25", "2.5"))
    for door in (load_model, lambda m: infer(fever=True, model=m)):
        with pytest.raises(ModelTableError, match=r"priors.csv, line 2: probability 2.5 is outside \[0, 1\]"):
            door(folder)


def test_names_in_their_order(sites: Model) -> None:
    """Contexts, causes and findings stand in the order of variables.csv, the OR of a group among the findings."""
    assert sites.contexts == ("age", "sex", "lifting")
    assert sites.causes == ("strain", "palsy")
    assert sites.findings == ("twitching", "twitch_arm", "twitch_leg", "weak")
    assert (sites.name, sites.version, sites.population, sites.changes) == ("sites", "1.0", None, ())


def test_repr(folder: Path) -> None:
    """The text says which model it is and how large."""
    model = load(folder, base=SITES)
    expected = (
        "<Model small 1.0 (everyone; window: the past four weeks): 3 contexts, 2 causes, 4 findings, "
        "19 numbers from 1 sources>"
    )
    assert repr(model) == expected
    assert (
        model.with_priors({"strain": 0.2}).describe()
        == "small 1.0 (everyone; window: the past four weeks, 1 number changed)"
    )


# Inferring


def test_infer_is_what_it_stands_for(folder: Path) -> None:
    """The one function is load_model, with_priors and Model.infer, and nothing else."""
    write_model(folder, populations={"clinic": CLINIC})
    by_steps = load_model(folder, population="clinic").with_priors({"cold": 0.4}).infer({"fever": True}, cough=False)
    at_once = infer({"fever": True}, model=folder, population="clinic", priors={"cold": 0.4}, cough=False)
    assert at_once.to_json() == by_steps.to_json()
    assert at_once.model.population == "clinic"
    assert by_steps != infer({"fever": True}, model=folder, priors={"cold": 0.4}, cough=False)


def test_the_answer_knows_its_model(twitch: Model) -> None:
    """An answer leads back to the model, and from there to the tables."""
    p = twitch.infer(weakness=True)
    assert p.model is twitch
    assert p.model.knowledge.tables["links.csv"].rows
    assert p.prior is twitch.prior


def test_a_model_without_links(folder: Path) -> None:
    """Leaks alone are a model: no finding says anything about a cause."""
    model = load(folder, links="parent,child,probability\nleak,fever,0.1\nleak,cough,0.2")
    p = model.infer(fever=True, cough=False)
    assert dict(p) == pytest.approx({"flu": 0.02, "cold": 0.1}, rel=1e-12)
    assert p.log_evidence == pytest.approx(math.log(0.1 * 0.8), rel=1e-12)


# Settings


def test_setting(folder: Path) -> None:
    """A setting has other priors, says so everywhere, and leaves the model as it was."""
    model = load(folder, populations={"clinic": CLINIC, "ward": CLINIC.replace("0.3", "0.4")})
    clinic = load_model(folder, population="clinic")
    assert clinic.infer(fever=True) == model.at_population("clinic").infer(fever=True)
    assert clinic.infer(fever=True)["flu"] > model.infer(fever=True)["flu"]
    assert clinic.infer(fever=True).to_dict()["model"]["population"] == "clinic"
    assert clinic.describe() == "small 1.0 (clinic; window: the past four weeks)"
    assert len({m.fingerprint for m in (model, clinic, model.at_population("ward"))}) == 3
    assert clinic.at_population("clinic") is clinic
    assert infer(fever=True, model=clinic, population="clinic") == clinic.infer(fever=True)


def test_a_setting_is_laid_over_the_model_itself(folder: Path) -> None:
    """A setting is not laid over another one, or over a caller's numbers, which it would undo unseen."""
    model = load(folder, populations={"clinic": CLINIC, "ward": CLINIC})
    with pytest.raises(
        InvalidValueError, match="population 'ward' cannot be laid over population 'clinic'; start from"
    ):
        model.at_population("clinic").at_population("ward")
    with pytest.raises(InvalidValueError, match="population 'ward' cannot be laid over 1 changed numbers; start from"):
        infer(fever=True, model=model.with_priors({"flu": 0.9}), population="ward")


def test_own_priors_over_a_setting(folder: Path) -> None:
    """A caller's priors go over those of a setting, and the changes are against it."""
    model = load(folder, populations={"clinic": CLINIC}).at_population("clinic").with_priors({"flu": 0.6})
    assert [(c.variable, c.old, c.new) for c in model.changes] == [("flu", 0.3, 0.6)]
    assert model.population == "clinic"


# Saving


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


ODD = {
    "meta": b'\xef\xbb\xbftitle = "t" # a remark\r\nversion = "1"\r\npopulation = "p"\r\nwindow = "w"\r\n'
    b'licence = "l"\r\nintended_use = "i"\r\nnot_for = "n"\r\nextra = 1\r\n[more]\r\nkey = "kept"\r\n',
    "sources": b'\xef\xbb\xbf"read",extra,kind,identifier,citation,source\r\n\r\n,"two\r\nlines",,,"A, b",book\r\n',
    "codes": "variable,system,code,remark\nflu,ICD-10,J10,kept\n",
    "populations": {"clinic": CLINIC, "ward": CLINIC.replace("0.3", "0.4")},
}


def test_save_and_load(folder: Path, tmp_path: Path) -> None:
    """A saved model has the same files to the byte, so the same fingerprint and answers."""
    model = load(folder, **ODD)
    saved = model.save(tmp_path / "deep" / "er" / "copy")
    assert saved == tmp_path / "deep" / "er" / "copy"
    assert files_of(saved) == files_of(folder)
    again = load_model(saved)
    assert again.fingerprint == model.fingerprint
    assert again.infer(fever=True) == model.infer(fever=True)


def test_save_the_shipped_model(shipped: Model, tmp_path: Path) -> None:
    """Every file of a shipped model that its format knows is saved to the byte."""
    saved = shipped.save(tmp_path / shipped.name)
    kept = {
        file: raw
        for file, raw in files_of(MODELS / shipped.name).items()
        if file in {*COLUMNS, "model.toml"} or file.startswith("populations")
    }
    assert files_of(saved) == kept
    assert load_model(saved).fingerprint == shipped.fingerprint


def test_save_a_model_with_other_priors(folder: Path, tmp_path: Path) -> None:
    """Changed priors are saved as they are now, with their source; files that did not change, to the byte."""
    priors = "variable,probability,source,remark\nwinter,0.25,book,\nflu,0.02,paper,x\ncold,0.1,book,y"
    model = load(folder, priors=priors, sources="source\nbook\npaper", codes="variable,system,code\nflu,ICD-10,J10\n")
    changed = model.with_priors({"flu": (0.3, 0.1, 0.7)})
    saved = changed.save(tmp_path / "copy")
    again = load_model(saved)
    assert again.fingerprint == changed.fingerprint != model.fingerprint
    assert again.infer(fever=True) == changed.infer(fever=True)
    before, after = files_of(folder), files_of(saved)
    assert {file for file in before if before[file] != after[file]} == {"priors.csv", "sources.csv"}
    # The paper stood behind the number that is gone.
    assert [row["source"] for row in again.knowledge.tables["sources.csv"].rows] == ["book", "given_priors"]
    assert [row["remark"] for row in again.knowledge.tables["priors.csv"].rows] == ["", "", "y"]
    assert again.with_priors({"cold": 0.5}).save(tmp_path / "third")


def test_save_a_setting(folder: Path, tmp_path: Path) -> None:
    """A model at one of its settings is saved as that, and comes back as that."""
    model = load(folder, **ODD).at_population("clinic")
    again = load_model(model.save(tmp_path / "copy"))
    assert again.population == "clinic"
    assert again.fingerprint == model.fingerprint
    assert again.describe() == model.describe().replace("small", again.name)
    assert again.infer(fever=True) == model.infer(fever=True)
    assert again.at_population("clinic") is again


def test_a_setting_that_is_not_there(folder: Path) -> None:
    """A model.toml that names a setting which the folder does not have is at fault."""
    meta = ODD["meta"].removeprefix(b"\xef\xbb\xbf")
    with pytest.raises(
        ModelTableError, match=r"model\.toml: setting 'clinc' is no file of populations/\. Did you mean 'clinic'"
    ):
        load(folder, **{**ODD, "meta": b'setting = "clinc"\n' + meta})


def test_save_overwrites_nothing(tmp_path: Path, tiny: Model) -> None:
    """A folder with anything in it, or a file, stays as it is."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(FileExistsError, match=rf"'.*{name}' exists and is not an empty folder; choose another"):
            tiny.save(tmp_path / name)
    assert files_of(tmp_path) == {"full/notes.txt": b"mine", "file": b"mine"}
    (tmp_path / "empty").mkdir()
    assert load_model(tiny.save(tmp_path / "empty")).fingerprint == tiny.fingerprint


def test_save_leaves_nothing_half_done(tmp_path: Path, tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that fails on the way leaves no folder behind."""

    def full(_: tables.Table) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tables.Table, "to_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        tiny.save(tmp_path / "new" / "copy")
    assert files_of(tmp_path) == {}
    assert list((tmp_path / "new").iterdir()) == []


# Identity


@pytest.mark.parametrize(
    "files",
    [
        {"meta": "#\n"},
        {"variables": TINY["variables"].replace("influenza", "Influenza")},
        {"priors": TINY["priors"].replace("0.25", "0.26")},
        {"priors": TINY["priors"].replace("0.25", "0.250")},
        {"links": "parent,child,probability,note" + TINY["links"].split("probability")[1].replace("0.9", "0.9,x", 1)},
        {"sources": "source,citation\nbook,Another book"},
        {"codes": "variable,system,code\nflu,ICD-10,J10"},
        {"populations": {"clinic": CLINIC}},
    ],
    ids=lambda files: next(iter(files)),
)
def test_any_change_of_content_changes_the_fingerprint(folder: Path, tiny: Model, files: dict[str, Any]) -> None:
    """Two models with the same fingerprint have the same tables, cell by cell."""
    if "meta" in files:
        files = {
            "meta": 'title = "Another"\n'
            + files["meta"]
            + "\n".join(f'{k} = "{v}"' for k, v in tiny.knowledge.meta.items() if k != "title")
        }
    assert re.fullmatch("[0-9a-f]{64}", tiny.fingerprint)
    assert load(folder, **files).fingerprint != tiny.fingerprint


def test_line_ends_do_not_change_the_fingerprint(folder: Path, tmp_path: Path) -> None:
    """A folder checked out with CRLF and byte-order marks is the same model, notes over two lines included."""
    model = load(folder, sources='source,citation\nbook,"Two\nlines"', populations={"clinic": CLINIC})
    for file, raw in files_of(folder).items():
        other = tmp_path / "crlf" / file
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(b"\xef\xbb\xbf" + raw.replace(b"\n", b"\r\n"))
    assert load_model(tmp_path / "crlf").fingerprint == model.fingerprint


def test_parameters(sites: Model) -> None:
    """Every number of the tables is one row, with its interval, basis, source and place."""
    frame = sites.parameters
    assert len(frame) == 11 + 8 == sites.network.numbers.shape[1]
    assert frame["probability"].tolist() == sites.network.numbers[0].tolist()
    assert frame["kind"].value_counts().to_dict() == {"context": 6, "cause": 5, "link": 5, "leak": 3}
    assert frame.iloc[-1].to_dict() == {
        "kind": "link", "parent": "palsy", "child": "weak", "given": "", "state": "present", "form": "compound",
        "probability": 0.9, "low": 0.0, "high": 1.0, "basis": "expert", "source": "book", "note": "",
        "file": "links.csv", "line": 9,
    }  # fmt: skip
    assert frame.iloc[10][["kind", "child", "given", "state"]].tolist() == [
        "cause",
        "palsy",
        "age=40-120;sex=male",
        "present",
    ]


def test_parameters_of_shipped_models(shipped: Model) -> None:
    """Each number lies in its interval and leads back to the row that it stands in."""
    frame = shipped.parameters
    assert frame.notna().all(axis=None)
    assert ((frame["low"] >= 0) & (frame["low"] <= frame["probability"])).all()
    assert ((frame["probability"] <= frame["high"]) & (frame["high"] <= 1)).all()
    assert (frame["source"] != "").all()
    rows = {(t.file, row.line): row for t in shipped.knowledge.tables.values() for row in t.rows}
    for record in frame.to_dict("records"):
        row = rows[record["file"], record["line"]]
        assert float(row["probability"]) == record["probability"]
        assert record["child"] in {row["variable"], row["child"]}


# Pickles and threads

CASES: list[dict[str, Any]] = [
    {},
    {"weakness": True},
    {"weakness": True, "age": 62, "sex": "m", "twitch_location": "arm_hand"},
    {"twitching": None},
    {"twitching": False, "cramps": True},
    {"als": True, "pain": False},
    {"twitch_location": ["face", "trunk"], "fatigue": 1, "high_caffeine": "yes"},
    {"slurred_speech": 1, "swallowing_trouble": 1, "weakness": 1, "muscle_wasting": 1, "cramps": 1, "fatigue": 1},
]


def answers(model: Model) -> list[str]:
    return [model.infer(case, virtual_evidence={"insomnia": 2}).to_json() for case in CASES]


def test_pickled_models_answer_the_same(shipped: Model) -> None:
    """A model and its engine survive pickling, before and after they have answered."""
    fresh = Model(shipped.knowledge)
    never_asked = pickle.dumps(fresh)
    expected = answers(fresh)
    for raw in (never_asked, pickle.dumps(fresh)):
        copy: Model = pickle.loads(raw)
        assert copy.fingerprint == fresh.fingerprint
        assert answers(copy) == expected
    engine: Engine = pickle.loads(pickle.dumps(fresh.engine))
    codes = np.stack([fresh._words.read(case).codes for case in CASES])
    for name in ("causes", "none", "serious", "log_evidence"):
        assert np.array_equal(getattr(engine.run(codes), name), getattr(fresh.engine.run(codes), name))


def test_pickled_answers_are_whole(folder: Path) -> None:
    """An answer of a model with a setting and changed priors comes back with all of it."""
    model = load(folder, populations={"clinic": CLINIC}).at_population("clinic").with_priors({"cold": 0.3})
    p = model.infer(fever=True)
    copy: Posterior = pickle.loads(pickle.dumps(p))
    assert json.loads(copy.to_json()) == json.loads(p.to_json())
    assert copy.model.changes == p.model.changes
    assert repr(copy) == repr(p)
    assert copy.model.infer(cough=True) == model.infer(cough=True)


def test_threads(twitch: Model) -> None:
    """Eight threads that ask one model different questions get the answers that one thread gets."""
    rng = np.random.default_rng(7)
    names = [name for name in twitch.findings if not name.startswith("twitch")]
    cases = [
        {
            "twitching": None,
            "age": 18 + i % 90,
            **dict(zip(names, rng.choice(np.array([True, False, None]), len(names)).tolist(), strict=True)),
        }
        for i in range(60)
    ]

    def ask(model: Model, case: dict[str, Any]) -> tuple[Any, ...]:
        p = model.infer(case)
        return (*p.items(), p.none, p.serious, p.log_evidence, *p.prior.items(), p.model.fingerprint)

    serial = [ask(Model(twitch.knowledge), case) for case in cases]
    shared = Model(twitch.knowledge)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3):
            assert list(pool.map(lambda case: ask(shared, case), cases)) == serial


def test_a_model_hands_out_nothing_that_changes_it(tiny: Model) -> None:
    """The arrays of a model are read-only, and its frames are copies."""
    before = tiny.infer(fever=True).to_json()
    for array in (tiny.network.numbers, tiny.network.parameters.yes, tiny.network.parameters.no):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    frame = tiny.parameters
    frame["probability"] = 0
    assert tiny.infer(fever=True).to_json() == before
    assert isinstance(tiny.parameters, pd.DataFrame)
    assert twitchbayes.load_model(tiny) is tiny
