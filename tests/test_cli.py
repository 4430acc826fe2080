"""The command line: what it prints, as text and as JSON, and how it says what is wrong."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import twitchbayes
from twitchbayes.cli import main

TEXTBOOK = Path(__file__).parent / "textbook"
SMALL = TEXTBOOK / "explaining_away"
CASE = ["weakness=yes", "twitch_location=arm_hand", "age=62"]
EVIDENCE = {"weakness": True, "twitch_location": "arm_hand", "age": 62}


class Said(NamedTuple):
    """What a command returned and printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as strict JSON: no NaN, no Infinity, no name twice."""

        def refuse(constant: str) -> None:
            raise AssertionError(constant)

        def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            assert len(dict(pairs)) == len(pairs)
            return dict(pairs)

        return json.loads(self.out, parse_constant=refuse, object_pairs_hook=once)


Run = Callable[..., Said]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process."""

    def call(*arguments: object) -> Said:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as leave:
            status = leave.code  # type: ignore[assignment]
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return call


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of a small model, to be spoilt."""
    return Path(shutil.copytree(SMALL, tmp_path / "small"))


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")


def put(file: Path, *lines: str) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


# ---------------------------------------------------------------- infer


def test_infer_prints_the_posterior(run: Run) -> None:
    """`infer` prints what the library's answer shows, on standard output alone."""
    assert run("infer", *CASE) == (0, f"{twitchbayes.infer(EVIDENCE)!r}\n", "")


def test_infer_json_has_the_library_s_numbers(run: Run) -> None:
    """`--json` is strict JSON with every number of the answer, to the last bit."""
    assert run("infer", *CASE, "--json").json == twitchbayes.infer(EVIDENCE).to_dict()


@pytest.mark.parametrize(
    ("words", "same"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param(["weakness=", "age=unknown"], {}, id="unknown"),
        pytest.param(["twitching=unknown"], {"twitching": None}, id="unassumed"),
        pytest.param(["twitch_location=face,tongue"], {"twitch_location": ["face", "tongue"]}, id="sites"),
        pytest.param(["sex=F", "age=39.5"], {"sex": "female", "age": 39}, id="alias_and_fraction"),
        pytest.param(["weakness=1", "cramps=No"], {"weakness": True, "cramps": False}, id="words"),
        pytest.param(["als=yes"], {"als": True}, id="cause"),
    ],
)
def test_infer_reads_words_as_the_library_does(run: Run, words: list[str], same: dict[str, Any]) -> None:
    """Every word of the library works on the command line."""
    assert run("infer", *words, "--json").json == twitchbayes.infer(same).to_dict()


def test_infer_with_virtual_evidence(run: Run) -> None:
    """`--virtual` takes likelihood ratios and may be repeated."""
    said = run("infer", "--virtual", "weakness=4", "--virtual", "cramps=0.5", "--json")
    assert said.json == twitchbayes.infer(virtual_evidence={"weakness": 4, "cramps": 0.5}).to_dict()


def test_infer_with_intervals(run: Run) -> None:
    """`--interval` shows the credible intervals of the library, and refuses what is no level."""
    assert run("infer", *CASE, "--interval", "0.9").out == f"{twitchbayes.infer(EVIDENCE, interval=0.9)!r}\n"
    said = run("infer", *CASE, "--interval", "0.9", "--json").json
    assert said["credible_intervals"] == twitchbayes.infer(EVIDENCE, interval=0.9).intervals.to_dict()
    assert run("infer", *CASE, "--interval", "95") == (
        2,
        "",
        "twitchbayes: 95.0 is no level of an interval; give a number between 0 and 1, as 0.95\n",
    )


def test_score_with_intervals(run: Run, tmp_path: Path) -> None:
    """`score --interval` writes the bounds of each posterior, and the draws without an answer."""
    file = put(tmp_path / "cases.csv", "weakness,age", "yes,62")
    said = run("score", file, "--interval", "0.9", "--draws", "1000")
    (row,) = csv.DictReader(said.out.splitlines())
    expected = twitchbayes.infer(weakness=True, age=62, interval=0.9).intervals["als"]
    assert (float(row["als_low"]), float(row["als_high"])) == pytest.approx((expected.low, expected.high), rel=1e-12)
    assert float(row["draws_lost"]) == 0
    assert run("score", file, "--interval", "0.9").out != said.out  # of 200 draws
    assert run("score", file, "--interval", "0").status == 2


def test_explain(run: Run) -> None:
    """`explain` prints what the library's explanation shows, as text and as strict JSON."""
    found = twitchbayes.infer(EVIDENCE, virtual_evidence={"cramps": 4}).explain("als")
    words = ("explain", *CASE, "--virtual", "cramps=4", "--cause", "als")
    assert run(*words) == (0, f"{found!r}\n", "")
    assert run(*words, "--json").json == found.to_dict()


def test_explain_what_is_no_cause(run: Run) -> None:
    """A cause must be named, and be one of the model."""
    assert "the following arguments are required: --cause" in run("explain", *CASE).err
    said = run("explain", *CASE, "--cause", "alss")
    assert (said.status, said.out) == (2, "")
    assert said.err == "twitchbayes: the model has no cause 'alss'. Did you mean 'als'?\n"


def test_infer_with_another_model(run: Run) -> None:
    """`--model` takes a folder."""
    answer = run("infer", "finding=yes", "--model", SMALL, "--json").json
    assert answer["model"]["name"] == "explaining_away"
    assert answer["posterior"] == {"disease_b": pytest.approx(54 / 86), "disease_a": pytest.approx(41 / 86)}


def test_infer_with_priors(run: Run, tmp_path: Path) -> None:
    """`--priors` lays a CSV over the model's own, and the text says how many numbers changed."""
    priors = put(tmp_path / "mine.csv", "variable,probability,low,high", "disease_a,0.5,0.4,0.6")
    said = run("infer", "--model", SMALL, "--priors", priors, "--json")
    assert said.json["prior"] == {"disease_a": pytest.approx(0.5), "disease_b": pytest.approx(0.2)}
    assert "1 number" in run("infer", "--model", SMALL, "--priors", priors).out


def test_infer_with_a_population(run: Run, folder: Path) -> None:
    """`--population` lays one of the model's settings over it, and the answer names it."""
    (folder / "populations").mkdir()
    table = (folder / "priors.csv").read_text(encoding="utf-8").splitlines()
    put(folder / "populations" / "ward.csv", table[0], table[1].replace("0.1,0.1,0.1", "0.6,0.5,0.7"))
    answer = run("infer", "--model", folder, "--population", "ward", "--json").json
    assert answer["model"]["population"] == "ward"
    assert answer["prior"]["disease_a"] == pytest.approx(0.6)


# ---------------------------------------------------------------- models, check, export


def test_models(run: Run) -> None:
    """`models` lists what ships, as text and as JSON."""
    infos = twitchbayes.list_models()
    said = run("models")
    assert (said.status, said.err) == (0, "")
    assert [line.split()[:2] for line in said.out.splitlines()] == [[info.name, info.version] for info in infos]
    listed = run("models", "--json").json
    assert listed == [{**info._asdict(), "populations": list(info.populations)} for info in infos]


def test_check_of_a_shipped_model(run: Run) -> None:
    """The shipped model passes `check`, which shows its fingerprint."""
    said = run("check")
    assert (said.status, said.err) == (0, "")
    assert twitchbayes.load_model("twitch").fingerprint in said.out
    found = run("check", "twitch", "--json").json
    assert found["problems"] == []
    assert found["fingerprint"] == twitchbayes.load_model("twitch").fingerprint
    assert all(outcome["holds"] == outcome["expected"] for outcome in found["scenarios"])


def test_check_of_a_faulty_folder_names_every_fault(run: Run, folder: Path) -> None:
    """Each fault of the tables is one line on standard error, or one entry of the JSON, and the status is 2."""
    change(folder / "priors.csv", "0.1,0.1,0.1", "1.3,0.1,0.1")
    change(folder / "links.csv", "disease_b,finding,net,0.5,0.5,0.5", "disease_c,finding,net,0.5,0.5,0.5")
    said = run("check", folder)
    assert (said.status, said.out) == (2, "")
    first, second = said.err.splitlines()
    assert first.startswith("twitchbayes: links.csv, line 4: parent 'disease_c' is not in variables.csv.")
    assert second.startswith("twitchbayes: priors.csv, line 2: probability 1.3 is outside [0, 1]")
    found = run("check", folder, "--json")
    assert (found.status, found.err) == (2, "")
    assert [(p["file"], p["line"]) for p in found.json["problems"]] == [("links.csv", 4), ("priors.csv", 2)]


SCENARIOS = ("case,evidence,holds,status,source,note", "found,finding=yes,{},{},made_for_this_test,because")


@pytest.mark.parametrize(
    ("condition", "status", "exit_status", "last"),
    [
        ("disease_a > 0.4", "holds", 0, "all as the tables say"),
        ("disease_a > 0.5", "open", 0, "all as the tables say"),
        ("disease_a > 0.5", "holds", 1, "found: disease_a > 0.5 does not hold (0.4767 against 0.5)"),
        ("disease_a > 0.4", "open", 1, "found: disease_a > 0.4 holds, though its scenario is marked open"),
    ],
)
def test_check_of_scenarios(run: Run, folder: Path, condition: str, status: str, exit_status: int, last: str) -> None:
    """A scenario that comes out otherwise than its table says, the open one that holds included, gives status 1."""
    put(folder / "scenarios.csv", SCENARIOS[0], SCENARIOS[1].format(condition, status))
    said = run("check", folder)
    assert (said.status, said.err) == (exit_status, "")
    assert last in said.out
    found = run("check", folder, "--json")
    assert found.status == exit_status
    assert [o["condition"] for o in found.json["scenarios"]] == [condition]
    assert [o["holds"] == o["expected"] for o in found.json["scenarios"]] == [exit_status == 0]


def test_check_of_a_scenario_that_cannot_be_read(run: Run, folder: Path) -> None:
    """A faulty scenario is a fault of the tables like any other."""
    put(folder / "scenarios.csv", SCENARIOS[0], SCENARIOS[1].format("1.2.3*disease_a > 0", "holds"))
    said = run("check", folder)
    assert (said.status, said.out) == (2, "")
    assert said.err == "twitchbayes: scenarios.csv, line 2: '1.2.3*disease_a' is no number, cause, none or serious\n"
    assert [p["line"] for p in run("check", folder, "--json").json["problems"]] == [2]


@pytest.mark.parametrize("suffix", ["bif", "xmlbif", "xdsl", "net", "uai"])
def test_export(run: Run, tmp_path: Path, suffix: str) -> None:
    """`export` writes the file that the library writes, and says how large it is."""
    file, same = tmp_path / f"small.{suffix}", tmp_path / f"same.{suffix}"
    said = run("export", file, "--model", SMALL)
    twitchbayes.load_model(SMALL).export(same)
    assert said == (0, f"wrote {file} ({file.stat().st_size} bytes)\n", "")
    assert file.read_bytes() == same.read_bytes()
    assert run("export", file, "--model", SMALL, "--json").json == {"file": str(file), "bytes": file.stat().st_size}


def test_export_full_tables(run: Run, tmp_path: Path) -> None:
    """`--tables full` writes what the library writes with full tables: more than chains."""
    file, same = tmp_path / "twitch.net", tmp_path / "same.net"
    assert run("export", file, "--tables", "full").status == 0
    twitchbayes.load_model("twitch").export(same, tables="full")
    assert file.read_bytes() == same.read_bytes()
    chains = file.stat().st_size
    assert run("export", file).status == 0
    assert file.stat().st_size < chains / 20


# ---------------------------------------------------------------- template and diff


def test_template_priors(run: Run, tmp_path: Path) -> None:
    """`template priors` prints the table, and -o writes it; laid back it is the same model."""
    said = run("template", "priors", "--population", "primary_care")
    assert (said.status, said.err) == (0, "")
    file = put(tmp_path / "printed.csv", said.out.rstrip("\n"))
    same = run("diff", "twitch", "--population-a", "primary_care", "--population-b", "primary_care", "--priors-b", file)
    assert (same.status, same.err) == (0, "")
    assert same.out.endswith("The tables are the same.\n")
    written = tmp_path / "written.csv"
    done = run("template", "priors", "--population", "primary_care", "-o", written)
    assert done == (0, f"wrote {written}: {said.out.count(chr(10)) - 1} rows\n", "")
    assert written.read_text(encoding="utf-8") == said.out


def test_template_of_some_variables(run: Run, tmp_path: Path) -> None:
    """`--only` takes the rows of some variables; `--json` has the cells, or says what was written."""
    found = run("template", "priors", "--only", "disease_b", "--model", SMALL, "--json").json
    assert [row["variable"] for row in found["rows"]] == ["disease_b"]
    assert found["columns"] == list(found["rows"][0])
    file = tmp_path / "b.csv"
    assert run("template", "priors", "--only", "disease_b", "--model", SMALL, "-o", file, "--json").json == {
        **{"file": str(file), "rows": 1},
        "bytes": file.stat().st_size,
    }


def test_template_cases(run: Run, tmp_path: Path) -> None:
    """`template cases` is a header that `score` takes."""
    said = run("template", "cases", "--model", SMALL)
    assert said == (0, "disease_a,disease_b,finding\n", "")
    file = put(tmp_path / "cases.csv", said.out.rstrip("\n"), ",,yes")
    scored = run("score", file, "--model", SMALL)
    assert scored.status == 0
    assert scored.out.splitlines()[1].startswith("0.476744186")  # 41 / 86


def test_template_replaces_a_file_only_if_forced(run: Run, tmp_path: Path) -> None:
    """A file that is there stays as it is without --force."""
    file = put(tmp_path / "mine.csv", "my own work")
    said = run("template", "priors", "-o", file)
    message = f"twitchbayes: {str(file)!r} exists; choose another name, or replace it with --force\n"
    assert said == (2, "", message)
    assert file.read_text(encoding="utf-8") == "my own work\n"
    assert run("template", "priors", "-o", file, "--force").status == 0
    assert file.read_text(encoding="utf-8").startswith("variable,given,state,probability")


def test_diff_has_the_statuses_of_diff(run: Run, folder: Path) -> None:
    """0 where the tables are the same, 1 where they differ, 2 where they cannot be compared."""
    assert run("diff", SMALL, folder).status == 0
    change(folder / "priors.csv", "0.1,0.1,0.1", "0.3,0.1,0.4")
    said = run("diff", SMALL, folder)
    assert (said.status, said.err) == (1, "")
    assert said.out == f"{twitchbayes.load_model(SMALL).diff(twitchbayes.load_model(folder))!r}\n"
    change(folder / "priors.csv", "0.3,0.1,0.4", "1.3,0.1,0.4")
    faulty = run("diff", SMALL, folder)
    assert (faulty.status, faulty.out) == (2, "")
    assert faulty.err.startswith("twitchbayes: priors.csv, line 2: probability 1.3 is outside")


def test_diff_json_has_everything(run: Run, tmp_path: Path) -> None:
    """`--json` is strict JSON with what the library says, and the same status."""
    priors = put(tmp_path / "mine.csv", "variable,probability", "caffeine_excess,0.03")
    said = run("diff", "twitch", "--priors-b", priors, "--json")
    twitch = twitchbayes.load_model("twitch")
    assert said.status == 1
    assert said.json == twitch.diff(twitch.with_priors(priors)).to_dict()


def test_diff_takes_options_for_either_side(run: Run, tmp_path: Path) -> None:
    """A setting or priors may be laid over the first model as over the second."""
    priors = put(tmp_path / "mine.csv", "variable,probability", "caffeine_excess,0.03")
    found = run("diff", "twitch", "twitch", "--priors-a", priors, "--population-b", "young_adults", "--json").json
    assert (found["first"]["population"], found["second"]["population"]) == (None, "young_adults")
    there, back = (run("diff", "twitch", f"--priors-{side}", priors, "--json").json["numbers"][0] for side in "ab")
    assert (there["first"], there["second"]) == (back["second"], back["first"]) == (0.03, 0.02)


# ---------------------------------------------------------------- questions


def test_questions_are_those_of_the_library(run: Run) -> None:
    """Text and JSON are what `next_questions` gives, with target, costs and what is not to be asked."""
    posterior = twitchbayes.infer(EVIDENCE)
    assert run("questions", *CASE) == (0, f"{posterior.next_questions()!r}\n", "")
    options = ("-n", 2, "--target", "serious", "--cost", "pain=3", "--skip", "numbness_tingling", "--json")
    expected = posterior.next_questions(2, target="serious", costs={"pain": 3}, skip=["numbness_tingling"])
    assert run("questions", *CASE, *options).json == expected.to_dict()


# ---------------------------------------------------------------- what is wrong


def faults(tmp_path: Path) -> dict[str, tuple[list[object], str]]:
    """Bad input by name: the arguments and how the one line on standard error begins."""
    broken = put(tmp_path / "broken.csv", "variable,probability", 'als,"0.1')
    wrong = put(tmp_path / "wrong.csv", "variable,probability", "cancer,1.5")
    other = put(tmp_path / "other.csv", "variable,probability", "al,0.5")
    empty = put(tmp_path / "empty.csv")
    (tmp_path / "sub").mkdir()
    (tmp_path / "taken.bif").mkdir()
    return {
        "unknown_variable": (["infer", "weaknes=yes"], "the model has no variable 'weaknes'. Did you mean 'weakness'"),
        "bad_value": (["infer", "weakness=maybe"], "weakness='maybe' is not a state of weakness; give yes or no"),
        "bad_number": (["infer", "age=400"], "age='400' is not a number of years from 18 to 120"),
        "bad_site": (["infer", "twitch_location=nose"], "twitch_location='nose' is not a site of twitch_location."),
        "none_as_python_has_it": (["infer", "twitch_location=None"], "twitch_location='None' is not a site of"),
        "no_equals_sign": (["infer", "weakness"], "'weakness' is not of the form name=value, as weakness=yes"),
        "no_name": (["infer", "=yes"], "'=yes' is not of the form name=value"),
        "name_twice": (["infer", "pain=yes", "pain=no"], "given twice: pain=yes and pain=no; give each variable once"),
        "contradiction": (["infer", "twitching=no", "twitch_face=yes"], "twitching='no' contradicts twitch_face='yes'"),
        "impossible": (
            ["infer", "finding=1", "disease_a=0", "disease_b=0", "--model", SMALL],
            "this evidence has probability 0 in the model. The smallest set that cannot hold together: ",
        ),
        "virtual_no_number": (["infer", "--virtual", "pain=much"], "--virtual pain='much' is not a number"),
        "virtual_negative": (["infer", "--virtual", "pain=-1"], "virtual evidence pain=-1.0 must be finite"),
        "virtual_infinite": (["infer", "--virtual", "pain=inf"], "virtual evidence pain=inf must be finite"),
        "virtual_unknown": (["infer", "--virtual", "paim=2"], "the model has no variable 'paim'. Did you mean 'pain'"),
        "virtual_and_observed": (
            ["infer", "pain=1", "--virtual", "pain=2"],
            "pain is observed (present) and has virtual",
        ),
        "wrong_population": (["infer", "--population", "moon"], "model 'twitch' has no population 'moon'."),
        "unknown_model": (
            ["infer", "--model", "twich"],
            "there is no model and no folder 'twich'. Did you mean 'twitch'?",
        ),
        "model_is_a_file": (["infer", "--model", __file__], f"there is no model and no folder {__file__!r}."),
        "no_priors_file": (
            ["infer", "--priors", tmp_path / "none.csv"],
            f"there is no file {str(tmp_path / 'none.csv')!r}",
        ),
        "priors_is_a_directory": (
            ["infer", "--priors", tmp_path / "sub"],
            "sub: is a directory; a CSV file belongs here",
        ),
        "priors_broken": (["infer", "--priors", broken], "broken.csv, line 2: cannot be read as CSV"),
        "priors_empty": (["infer", "--priors", empty], "empty.csv: is empty; it needs a header with the columns "),
        "priors_wrong": (["infer", "--priors", wrong], "wrong.csv, line 2: probability 1.5 is outside [0, 1]"),
        "priors_unknown": (["infer", "--priors", other], "other.csv, line 2: "),
        "check_unknown": (["check", "nowhere"], "there is no model and no folder 'nowhere'."),
        "priors_are_links": (
            ["infer", "--model", SMALL, "--priors", SMALL / "links.csv"],
            "links.csv: has links (the columns parent, child); only priors can be laid over a model.",
        ),
        "template_unknown": (
            ["template", "priors", "--only", "alz,fever", "--model", SMALL],
            "the model has no prior of 'alz'. It has: disease_a, disease_b. the model has no prior of 'fever'.",
        ),
        "template_no_folder": (["template", "priors", "-o", tmp_path / "no" / "x.csv"], "[Errno 2] No such file"),
        "diff_unknown": (["diff", "twitch", "twich"], "there is no model and no folder 'twich'. Did you mean 'twitch'"),
        "diff_with_itself": (["diff", "twitch"], "'twitch' would be compared with itself; name B, or give"),
        "diff_population": (["diff", "twitch", "--population-b", "moon"], "model 'twitch' has no population 'moon'."),
        "questions_target": (["questions", "--target", "al"], "the model has no target 'al'. Did you mean 'als'?"),
        "questions_none": (["questions", "-n", 0], "n=0 is no whole number of 1 or more"),
        "questions_skip": (["questions", "--skip", "paim"], "the model has no question 'paim'. Did you mean 'pain'"),
        "questions_cost": (["questions", "--cost", "pain=dear"], "--cost pain='dear' is not a number; give one above"),
        "export_suffix": (["export", tmp_path / "x.txt"], "the suffix '.txt' of 'x.txt' is none of .bif"),
        "export_no_folder": (["export", tmp_path / "no" / "x.bif"], "the folder "),
        "export_under_a_file": (["export", Path(__file__) / "x.bif"], "the folder "),
        "export_to_a_directory": (["export", tmp_path / "taken.bif"], ""),
    }


FAULTS = [
    *(
        "unknown_variable",
        "bad_value",
        "bad_number",
        "bad_site",
        "none_as_python_has_it",
        "no_equals_sign",
        "no_name",
        "name_twice",
        "contradiction",
    ),
    *(
        "impossible",
        "virtual_no_number",
        "virtual_negative",
        "virtual_infinite",
        "virtual_unknown",
        "virtual_and_observed",
    ),
    *("wrong_population", "unknown_model", "model_is_a_file", "no_priors_file"),
    *("priors_is_a_directory", "priors_broken", "priors_empty", "priors_wrong", "priors_unknown", "check_unknown"),
    *("priors_are_links", "template_unknown", "template_no_folder"),
    *("diff_unknown", "diff_with_itself", "diff_population"),
    *("questions_target", "questions_none", "questions_skip", "questions_cost"),
    *("export_suffix", "export_no_folder", "export_under_a_file", "export_to_a_directory"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_is_one_line_and_status_2(run: Run, tmp_path: Path, fault: str) -> None:
    """A single fault is one line on standard error that says what is wrong; nothing is printed and nothing is raised."""
    arguments, beginning = faults(tmp_path)[fault]
    said = run(*arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert said.err.startswith(f"twitchbayes: {beginning}")


def test_every_fault_is_tested(tmp_path: Path) -> None:
    """The list of names above is that of the table of faults."""
    assert sorted(faults(tmp_path)) == sorted(FAULTS)


def test_several_faults_are_a_line_each(run: Run) -> None:
    """Two faults of one case are two lines."""
    said = run("infer", "weaknes=yes", "age=-3")
    assert (said.status, said.out) == (2, "")
    assert [line.split("=")[0].split(".")[0] for line in said.err.splitlines()] == [
        "twitchbayes: the model has no variable 'weaknes'",
        "twitchbayes: age",
    ]


def test_folder_that_is_no_model_is_told_what_it_lacks(run: Run, tmp_path: Path) -> None:
    """An empty folder gives one line for each file that belongs there."""
    said = run("check", tmp_path)
    assert (said.status, said.out) == (2, "")
    files = ["links.csv", "model.toml", "priors.csv", "sources.csv", "variables.csv"]
    assert [line.split("; ")[0] for line in said.err.splitlines()] == [f"twitchbayes: {f}: is missing" for f in files]


def test_failed_export_leaves_nothing_behind(run: Run, tmp_path: Path) -> None:
    """A file that cannot be written is not half there, nor is anything beside it."""
    (tmp_path / "taken.bif").mkdir()
    assert run("export", tmp_path / "taken.bif", "--model", SMALL).status == 2
    assert [path.name for path in tmp_path.rglob("*")] == ["taken.bif"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "COMMAND"),
        (["guess"], "guess"),
        (["infer", "--engine", "abacus"], "--engine"),
        (["infer", "--moodel", "twitch"], "--moodel"),
        (["infer", "--priors"], "--priors"),
        (["export"], "file"),
        (["template"], "what"),
        (["template", "links"], "links"),
        (["diff"], "A"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[str], word: str) -> None:
    """Wrong usage gives status 2, the usage and a line that names the fault."""
    said = run(*arguments)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith("usage: twitchbayes")
    assert word in said.err.splitlines()[-1]


def test_version(run: Run) -> None:
    """`--version` prints the version of the library."""
    assert run("--version") == (0, f"twitchbayes {twitchbayes.__version__}\n", "")


@pytest.mark.parametrize("command", [[], ["infer"], ["models"], ["check"], ["export"], ["template"], ["diff"]])
def test_help(run: Run, command: list[str]) -> None:
    """`--help` of the command and of each part of it goes to standard output."""
    said = run(*command, "--help")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(" ".join(["usage: twitchbayes", *command]))


# ---------------------------------------------------------------- as a process


def spawn(*arguments: object, **how: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "twitchbayes", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **how)


def test_process_answers() -> None:
    """`python -m twitchbayes` is the command."""
    done = spawn("infer", *CASE, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == twitchbayes.infer(EVIDENCE).to_dict()


def test_process_says_what_is_wrong() -> None:
    """The status of the process is that of the command, without a traceback."""
    done = spawn("infer", "weakness=maybe")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_installed_command() -> None:
    """The command `twitchbayes` is installed and is the same."""
    command = shutil.which("twitchbayes", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    assert command
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"twitchbayes {twitchbayes.__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "buffered"),
    [
        pytest.param(["infer"], True, id="at_the_end"),
        pytest.param(["infer"], False, id="at_once"),
        pytest.param(["check", "--json"], True, id="when_the_buffer_is_full"),
        pytest.param(["--help"], True, id="help"),
    ],
)
def test_closed_pipe_leaves_no_traceback(arguments: list[str], buffered: bool) -> None:
    """A reader that has gone away before the first byte ends the command with status 141 and without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "twitchbayes", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1"}
    try:
        done = subprocess.run(
            command, stdout=writer, stderr=subprocess.PIPE, env=environment, text=True, check=False, timeout=120
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_pipe_into_head() -> None:
    """`twitchbayes infer | head -1` shows the first line and nothing else."""
    pipe = f"'{sys.executable}' -m twitchbayes infer | head -1"
    done = subprocess.run(["/bin/sh", "-c", pipe], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout.startswith("Posterior of twitch ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_template_is_utf_8_on_any_terminal(folder: Path) -> None:
    """What is piped into a file is the table, whatever the encoding of the terminal."""
    change(
        folder / "priors.csv",
        "disease_a,,present,0.1,0.1,0.1,expert,made_for_this_test,",
        "disease_a,,present,0.1,0.1,0.1,expert,made_for_this_test,Ménière",
    )
    command = [sys.executable, "-m", "twitchbayes", "template", "priors", "--model", str(folder)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, check=False, timeout=120, env=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "made_for_this_test,Ménière" in done.stdout.decode()


def test_label_that_the_terminal_cannot_show(folder: Path) -> None:
    """What the terminal's encoding lacks is shown as an escape, not as a traceback."""
    rows = list(csv.reader((folder / "variables.csv").read_text(encoding="utf-8").splitlines()))
    rows[1][2] = "Ménière"
    with (folder / "variables.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    done = spawn("infer", "--model", folder, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "M\\xe9ni\\xe8re" in done.stdout


def test_sensitivity(run: Run) -> None:
    """The sensitivity of an answer, as text and as JSON; a cause that is none is told."""
    expected = twitchbayes.infer(EVIDENCE).sensitivity("als")
    assert run("sensitivity", *CASE, "--cause", "als").out == f"{expected}\n"
    said = run("sensitivity", *CASE, "--cause", "als", "--json").json
    assert said == json.loads(expected.to_json())
    virtual = run("sensitivity", "--virtual", "weakness=4", "--cause", "als", "--json").json
    assert virtual["virtual_evidence"] == {"weakness": [1.0, 4.0]}
    wrong = run("sensitivity", *CASE, "--cause", "asl")
    assert (wrong.status, wrong.err) == (2, "twitchbayes: the model has no cause 'asl'. Did you mean 'als'?\n")
