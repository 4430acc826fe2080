"""Interviews: the order of questions, answers, undo, transcripts; over a pipe and in a terminal, to the end."""

from __future__ import annotations

import io
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import twitchbayes
from models import SITES, load, write_model
from twitchbayes import ImpossibleEvidenceError, Interview, InvalidEvidenceError, InvalidValueError, Model
from twitchbayes.cli import main
from twitchbayes.commands import dialogue


def asked(interview: Interview) -> str:
    question = interview.ask()
    assert question is not None
    return question.variable


# Asking


def test_asks_what_is_worth_most(tiny: Model) -> None:
    """Each question is the first of `next_questions` of what is known so far."""
    interview = Interview(tiny, threshold_bits=0, known={"winter": True})
    known: dict[str, Any] = {"winter": True}
    while not interview.finished:
        best = tiny.infer(known).next_questions(1)[0]
        assert interview.ask() is not None
        assert asked(interview) == best.variable
        interview.answer("yes")
        known[best.variable] = True
    assert set(known) == {"winter", "fever", "cough"}
    assert dict(interview.posterior) == dict(tiny.infer(known))
    assert interview.ask() is None
    assert [step.said for step in interview.history] == ["yes", "yes"]
    assert list(interview.leaders) == list(interview.posterior)[:3]


def test_threshold_and_target_stop(tiny: Model) -> None:
    """It is finished as soon as nothing is worth more than the threshold for the target."""
    first = tiny.infer().next_questions(1)[0]
    assert not Interview(tiny, threshold_bits=first.gain_bits * 0.99).finished
    assert Interview(tiny, threshold_bits=first.gain_bits * 1.01).finished
    assert (
        asked(Interview(tiny, target="flu", threshold_bits=0))
        == tiny.infer().next_questions(1, target="flu")[0].variable
    )
    dear = Interview(tiny, threshold_bits=0, costs={first.variable: 1e6})
    assert asked(dear) != first.variable


def test_wrong_words_leave_it_as_it_was(tiny: Model) -> None:
    """A word that is none raises the usual error, and the same question stands."""
    interview = Interview(tiny, threshold_bits=0)
    before = interview.to_json()
    with pytest.raises(InvalidValueError, match="'perhaps' is not a state of"):
        interview.answer("perhaps")
    assert interview.to_json() == before


def test_impossible_answer_leaves_it_as_it_was(folder: Path) -> None:
    """An answer of probability 0 raises, and nothing is taken over."""
    model = load(
        folder,
        variables="variable,role,states\nblood,context,a;b;o\nflu,cause,\nfever,finding,\n",
        priors="variable,given,state,probability\nblood,,a,0.5\nblood,,b,0.5\nblood,,o,0\n"
        "flu,blood=a,,0.1\nflu,blood=b,,0.5\nflu,blood=o,,0.2\n",
        links="parent,child,probability\nleak,fever,0.1\nflu,fever,0.2\n",
    )
    interview = Interview(model, threshold_bits=0)
    before = interview.to_json()
    assert asked(interview) == "blood"
    with pytest.raises(ImpossibleEvidenceError, match="probability 0"):
        interview.answer("o")
    assert interview.to_json() == before


def test_skipped_questions_are_not_asked_again(tiny: Model) -> None:
    """Neither skip nor an answer that says nothing is evidence, and neither question comes back."""
    interview = Interview(tiny, threshold_bits=0)
    first = asked(interview)
    interview.skip()
    second = asked(interview)
    interview.answer("unknown")
    third = asked(interview)
    interview.answer(None)
    assert {first, second, third} == {"winter", "fever", "cough"}
    assert interview.finished
    assert interview.posterior.evidence == {}
    with pytest.raises(InvalidValueError, match="the interview is finished"):
        interview.skip()


def test_undo(tiny: Model) -> None:
    """The last step, answer or skip, is taken back, as if it had not been."""
    interview = Interview(tiny, threshold_bits=0)
    texts = [interview.to_json()]
    interview.answer(True)
    texts.append(interview.to_json())
    interview.skip()
    assert interview.undo().said is None
    assert interview.to_json() == texts[1]
    assert interview.undo().said == "True"
    assert interview.to_json() == texts[0]
    with pytest.raises(InvalidValueError, match="no answer to take back"):
        interview.undo()


@pytest.mark.parametrize(
    ("said", "states"),
    [
        ("leg", {"twitch_arm": "absent", "twitch_leg": "present"}),
        (["arm", "leg"], {"twitch_arm": "present", "twitch_leg": "present"}),
        ("none", {"twitch_arm": "absent", "twitch_leg": "absent"}),
        ("nowhere", {"twitch_arm": "absent", "twitch_leg": "absent"}),
        ("no", {"twitch_arm": "absent", "twitch_leg": "absent"}),
        (False, {"twitch_arm": "absent", "twitch_leg": "absent"}),
        ("leg;nowhere_else", {"twitch_arm": "absent", "twitch_leg": "present"}),
        (("arm",), {"twitch_arm": "present", "twitch_leg": "absent"}),
        ({"arm": True}, {"twitch_arm": "present"}),
    ],
)
def test_group_is_answered_as_one(sites: Model, said: Any, states: dict[str, str]) -> None:
    """Sites that an answer leaves out are absent, as the question says; what a mapping leaves open is asked later."""
    interview = Interview(sites, threshold_bits=0)
    while asked(interview) != "site":
        interview.skip()
    question = interview.ask()
    assert question is not None
    assert question.text == "site? Name all that apply: what you leave out counts as absent."
    interview.answer(said)
    assert interview.history[-1].states == states
    assert sites.infer(states).evidence == interview.posterior.evidence
    left = interview.posterior.next_questions(None)
    assert ("twitch_leg" in {q.variable for q in left}) == ("twitch_leg" not in states)


def test_python_none_as_a_word_is_refused(sites: Model) -> None:
    """Typed as Python has it, None denies nothing: it could mean unknown."""
    interview = Interview(sites, threshold_bits=0)
    while asked(interview) != "site":
        interview.skip()
    with pytest.raises(InvalidValueError, match="Give 'none', alone, for no site"):
        interview.answer("None")
    assert asked(interview) == "site"


def test_sites_stay_one_item(sites: Model) -> None:
    """A place that is known before, or answered, is one item of what explains the posterior, as from `infer`."""
    reasons = sites.infer(site="arm;nowhere_else").explain("palsy").reasons
    before = Interview(sites, threshold_bits=0, known={"site": ["arm", "nowhere_else"]})
    assert before.known == {"site": {"twitch_arm": "present", "twitch_leg": "absent"}}
    asked_for = Interview(sites, threshold_bits=0)
    while asked(asked_for) != "site":
        asked_for.skip()
    asked_for.answer("arm")
    for interview in (before, asked_for):
        again = Interview.from_json(interview.to_json(), model=sites)
        assert again.known == interview.known
        assert interview.posterior.explain("palsy").reasons == reasons
        assert again.posterior.explain("palsy").reasons == reasons


def test_a_member_known_twice(sites: Model) -> None:
    """Said alone and with its group, a member is known once; a group of which nothing is known is None."""
    both = Interview(sites, known={"site": {"arm": True}, "twitch_arm": True})
    assert both.known == {"site": {"twitch_arm": "present"}}
    assert Interview(sites, known={"site": None}).known == {"site": None}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"known": "age=62"}, "known='age=62' is no mapping of variable to value"),
        ({"known": [1]}, r"known=\[1\] is no mapping of variable to value"),
        ({"costs": ["age"]}, r"costs=\['age'\] is no mapping of variable to value"),
    ],
)
def test_what_is_no_mapping(sites: Model, options: dict[str, Any], message: str) -> None:
    """What is known, and costs, are mappings."""
    with pytest.raises(InvalidValueError, match=message):
        Interview(sites, **options)


def test_red_flags_show(folder: Path) -> None:
    """A rule is met as soon as its evidence is known."""
    flags = 'rule,label,evidence,advice,source\nhot,Very hot,fever=yes,"See, someone",book\n'
    model = load(folder, red_flags=flags)
    interview = Interview(model, threshold_bits=0, known={"winter": False, "cough": False})
    assert interview.red_flags == ()
    interview.answer("yes")
    assert [flag.rule for flag in interview.red_flags] == ["hot"]
    assert json.loads(interview.to_json())["red_flags"] == ["hot"]


def test_text(tiny: Model) -> None:
    """It says what was done and what comes next."""
    interview = Interview(tiny, threshold_bits=0)
    interview.answer("no")
    interview.skip()
    assert re.search(r"1 answered, 1 skipped, next \w+>$", repr(interview))


# Transcripts


def test_transcript_there_and_back(sites: Model) -> None:
    """A transcript goes on where it was: the same question, the same answer, the same text; known may be unknown."""
    interview = Interview(
        sites, target="palsy", threshold_bits=0, costs={"weak": 2}, known={"age": 62, "twitching": None}
    )
    question = interview.ask()
    assert question is not None
    interview.answer(question.replies[-1].text)
    interview.skip()
    again = Interview.from_json(interview.to_json(), model=sites)
    assert again.to_json() == interview.to_json()
    assert asked(again) == asked(interview)
    assert again.known == {"age": "40-120", "twitching": None}
    assert again.undo() == interview.undo()
    assert again.to_json() == interview.to_json()


def test_transcript_has_plain_numbers(tiny: Model) -> None:
    """Numbers of NumPy, or as text, are numbers in a transcript."""
    interview = Interview(tiny, threshold_bits=np.float32(0), costs={"fever": np.int64(2), "cough": "3"})
    found = json.loads(interview.to_json())
    assert (found["threshold_bits"], found["costs"]) == (0.0, {"fever": 2.0, "cough": 3.0})


def test_transcript_of_another_model(tiny: Model, folder: Path) -> None:
    """Another model is refused by its fingerprint, unless that is expressly allowed."""
    text = Interview(tiny, threshold_bits=0, known={"fever": True}).to_json()
    other = load(folder, priors="variable,probability\nwinter,0.25\nflu,0.2\ncold,0.1\n")
    with pytest.raises(InvalidValueError, match=r"the transcript is of another model: .*strict=False"):
        Interview.from_json(text, model=other)
    again = Interview.from_json(text, model=other, strict=False)
    assert dict(again.posterior) == dict(other.infer(fever=True))


def step(variable: str, **changed: Any) -> dict[str, Any]:
    """A step of a transcript, in plain types."""
    said = {"variable": variable, "question": "?", "said": "yes", "states": {variable: "present"}, "gain_bits": 0.1}
    return {**said, **changed}


def test_infinite_number_in_a_transcript(tiny: Model) -> None:
    """A number that is read as infinite is refused, which JSON could not be written with again."""
    text = json.dumps({**Interview(tiny).to_dict(), "steps": [step("fever")]}).replace("0.1}", "1e999}")
    assert "1e999" in text
    with pytest.raises(InvalidValueError, match="has a step 1 without gain_bits, or of the wrong type"):
        Interview.from_json(text, model=tiny)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_transcript_in_bytes(tiny: Model, encoding: str) -> None:
    """The encoding of bytes is told by themselves."""
    text = Interview(tiny, known={"fever": True}).to_json()
    assert Interview.from_json(text.encode(encoding), model=tiny).known == {"fever": "present"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", "no JSON"),
        ("[]", "does not say that it is one"),
        ({"format": "other"}, "does not say that it is one"),
        ({"known": None}, "lacks 'known', or it is of the wrong type: None"),
        ({"threshold_bits": True}, "lacks 'threshold_bits'"),
        ({"steps": [{"variable": "fever"}]}, "has a step 1 without question, said, states, gain_bits"),
        ({"steps": [3]}, "has a step 1 without variable"),
        ({"steps": [step("fever", gain_bits=math.nan)]}, "no JSON: NaN is no number"),
        ({"steps": [step("fever", states={"fever": None})]}, "has a step 1 without states, or of the wrong type"),
        ({"steps": [step("fever", states={"cough": "present"})]}, "has a step 1 about 'fever' with states of 'cough'"),
        ({"costs": {"fever": -1}}, "cost fever=-1 is no number above 0"),
    ],
)
def test_what_is_no_transcript(tiny: Model, change: str | dict[str, Any], message: str) -> None:
    """What is wrong with a text is said."""
    text = change if isinstance(change, str) else json.dumps({**Interview(tiny).to_dict(), **change})
    with pytest.raises(InvalidValueError, match=message):
        Interview.from_json(text, model=tiny)


def test_all_faults_of_a_transcript_at_once(tiny: Model) -> None:
    """Two faults are told together."""
    changed = {**Interview(tiny).to_dict(), "known": 1, "steps": {}}
    with pytest.raises(InvalidEvidenceError, match="2 problems"):
        Interview.from_json(json.dumps(changed), model=tiny)


# Over a pipe


class Said(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def small(folder: Path) -> Path:
    """The folder of the model TINY with a red flag."""
    flags = 'rule,label,evidence,advice,source\nhot,Very hot,fever=yes,"See someone",book\n'
    return write_model(folder, red_flags=flags)


@pytest.fixture
def pipe(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `ask` with lines on standard input, in this process and an own folder."""
    monkeypatch.chdir(tmp_path)

    def call(text: str, *arguments: object) -> Said:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        status = main(["ask", "--model", str(small), *map(str, arguments)])
        captured = capsys.readouterr()
        return Said(status, captured.out, captured.err)

    return call


def transcript(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_pipe_to_the_end(pipe: Any, tmp_path: Path, small: Path) -> None:
    """An answer a line: leaders after each, red flags at once, the posterior at the end, the transcript in its file."""
    said = pipe("yes\ndon't know\nno\n", "--threshold", 0, "--json", "kept.json")
    assert (said.status, said.err) == (0, "")
    assert said.out.count("so far: ") == 3
    assert said.out.count("Question ") == 3
    assert "Nothing more is worth asking." in said.out
    assert "Not a medical device" in said.out
    kept = transcript(tmp_path / "kept.json")
    assert kept["finished"]
    assert [step["said"] for step in kept["steps"]] == ["yes", None, "no"]
    assert ("Very hot" in said.out) == ("fever" in {s["variable"] for s in kept["steps"] if s["said"] == "yes"})
    assert Interview.from_json(json.dumps(kept), model=str(small)).posterior.serious == kept["serious"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["kept.json", small.name]


def test_pipe_prints_the_transcript(pipe: Any) -> None:
    """With `--json -` standard output is the transcript and nothing else; the talk goes to standard error."""
    said = pipe("why\nyes\nundo\nquit\n", "--threshold", 0, "--json", "-", "winter=yes")
    found = json.loads(said.out)
    assert (found["steps"], found["known"]) == ([], {"winter": "present"})
    assert re.search(r"yes \(probability [\d.]+%\): .*; P\(at least one serious cause\)", said.err)
    assert "took back the answer about" in said.err
    assert "Stopped." in said.err


def test_pipe_that_ends_early_stops(pipe: Any, tmp_path: Path, small: Path) -> None:
    """A pipe without a further line is an end, and nothing is left behind that was not asked for."""
    said = pipe("yes\n", "--threshold", 0)
    assert said.status == 0
    assert "Stopped." in said.out
    assert [p.name for p in tmp_path.iterdir()] == [small.name]


def test_pipe_with_a_wrong_word_fails(pipe: Any, tmp_path: Path) -> None:
    """What follows a wrong word would answer other questions: status 2, and the steps before it are kept."""
    said = pipe("yes\nperhaps\nno\n", "--threshold", 0, "--json", "kept.json")
    assert said.status == 2
    assert re.search(r"'perhaps' is no answer about \w+; give no or yes, or don't know$", said.err, re.MULTILINE)
    assert len(transcript(tmp_path / "kept.json")["steps"]) == 1


def test_pipe_prints_what_was_accepted(pipe: Any) -> None:
    """After a wrong word `--json -` still prints the transcript of the answers before it."""
    said = pipe("yes\nperhaps\n", "--threshold", 0, "--json", "-")
    assert said.status == 2
    assert [step["said"] for step in json.loads(said.out)["steps"]] == ["yes"]


def test_words_of_a_terminal(pipe: Any, tmp_path: Path) -> None:
    """None as Python has it is no place, and the message speaks of the words that can be typed."""
    model = write_model(tmp_path / "sites", base=SITES)
    said = pipe("don't know\n" * 9, "--model", model, "--threshold", 0, "--json", "-")
    before = [step["variable"] for step in json.loads(said.out)["steps"]].index("site")
    said = pipe("don't know\n" * before + "None\n", "--model", model, "--threshold", 0)
    assert said.status == 2
    message = "'None' is no answer about site; give any of arm, leg, with ; between them, or none, or don't know"
    assert said.err == f"twitchbayes: {message}\n"


def test_undo_of_a_skip(pipe: Any) -> None:
    """There was no answer to take back: the question is open again."""
    said = pipe("don't know\nundo\nyes\nundo\n", "--threshold", 0)
    assert re.search(r"the question about \w+ is open again(.|\n)*took back the answer about \w+", said.out)


class Typed(io.StringIO):
    """Lines that someone types."""

    def isatty(self) -> bool:
        return True


def test_typed_answers_to_a_pipe(pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the output is no terminal, a wrong word is asked again; what was answered is kept at the end."""
    monkeypatch.setattr(io, "StringIO", Typed)
    said = pipe("perhaps\nyes\nquit\n", "--threshold", 0)
    assert said.status == 0
    assert "'perhaps' is no answer about" in said.out
    file = re.search(r"stopped; (interview-\w+\.json) has the transcript", said.err)
    assert file is not None
    assert [step["said"] for step in transcript(tmp_path / file[1])["steps"]] == ["yes"]


def test_no_folder_for_the_transcript(pipe: Any) -> None:
    """That a transcript cannot be kept is told before a question, by the name that was given."""
    said = pipe("yes\n", "--json", "nowhere/kept.json")
    assert (said.status, said.out) == (2, "")
    assert re.search(r"cannot write '.*kept\.json': No such file", said.err)


def test_folder_that_goes_away(pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where saving fails later the interview goes on, and the answers are in a new file."""
    (tmp_path / "there").mkdir()
    read = dialogue._Dialogue._line

    def removed(self: Any, words: Any) -> str:
        if (tmp_path / "there").exists():
            (tmp_path / "there").rmdir()
        return read(self, words)

    monkeypatch.setattr(dialogue._Dialogue, "_line", removed)
    said = pipe("yes\nno\n", "--threshold", 0, "--json", "there/kept.json")
    assert said.status == 2
    assert re.search(r"cannot write '.*kept\.json': .*; the answers so far are not in it", said.err)
    file = re.search(r"not saved there; (interview-\w+\.json) has the transcript", said.err)
    assert file is not None
    assert [step["said"] for step in transcript(tmp_path / file[1])["steps"]] == ["yes", "no"]


def test_resume(pipe: Any, tmp_path: Path) -> None:
    """A transcript is gone on with, and kept where it was; a new file may be named for it."""
    pipe("yes\n", "--threshold", 0, "--json", "kept.json")
    assert pipe("no\n", "--resume", "kept.json", "--json", "more.json").status == 0
    assert len(transcript(tmp_path / "kept.json")["steps"]) == 1
    assert len(transcript(tmp_path / "more.json")["steps"]) == 2
    assert pipe("no\nno\n", "--resume", "kept.json").status == 0
    assert transcript(tmp_path / "kept.json")["finished"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json", "kept.json"], "'kept.json' exists; choose another name, or go on with it by --resume"),
        (["--resume", "kept.json", "fever=yes"], "--resume takes what is known, target, costs and threshold from"),
        (["--resume", "kept.json", "--threshold", "0"], "--resume takes what is known"),
        (["--resume", "kept.json", "--model", "twitch"], "the transcript is of another model"),
        (["--resume", "kept.json", "--model", "twitch"], "or put the answers to this model with --any-model"),
        (["--resume", "kept.json", "--model", "twitch"], "Give --model, --population and --priors as before"),
        (["--resume", "none.json"], "No such file"),
        (["--resume", "latin.json"], "the transcript is no JSON"),
        (["--target", "flue"], "the model has no target 'flue'. Did you mean 'flu'"),
        (["--cost", "fever=dear"], "--cost fever='dear' is not a number"),
        (["--cost", "fever=0"], "cost fever=0.0 is no number above 0"),
        (["--threshold=-1"], "threshold_bits=-1.0 is no number of bits"),
        (["fever=perhaps"], "fever='perhaps' is not a state of fever"),
    ],
)
def test_wrong_arguments(pipe: Any, tmp_path: Path, arguments: list[str], message: str) -> None:
    """Each is told before a question is asked, with status 2."""
    pipe("yes\n", "--threshold", 0, "--json", "kept.json")
    (tmp_path / "latin.json").write_bytes('{"ä": 1}'.encode("latin-1"))
    before = (tmp_path / "kept.json").read_bytes()
    said = pipe("yes\n", *arguments)
    assert (said.status, said.out) == (2, "")
    assert message in said.err
    assert (tmp_path / "kept.json").read_bytes() == before


def test_resume_of_utf_16(pipe: Any, tmp_path: Path) -> None:
    """A transcript that PowerShell has redirected to a file is in UTF-16; it is gone on with, and kept in UTF-8."""
    said = pipe("yes\n", "--threshold", 0, "--json", "-")
    (tmp_path / "kept.json").write_text(said.out, encoding="utf-16")
    assert pipe("no\n", "--resume", "kept.json").status == 0
    assert len(transcript(tmp_path / "kept.json")["steps"]) == 2


def test_any_model(pipe: Any) -> None:
    """The answers of another model are taken over where that is asked for."""
    pipe("quit\n", "--threshold", 0, "--json", "kept.json")
    said = pipe("quit\n", "--resume", "kept.json", "--model", "twitch", "--any-model")
    assert said.status == 0
    assert "Interview by twitch" in said.out


@pytest.mark.parametrize(("named", "shown"), [(False, r"interview-\w+\.json"), (True, "kept.json")])
def test_interrupt_leaves_the_transcript(
    pipe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool, shown: str
) -> None:
    """Ctrl-C has the status 130, and says in which file the answers are: the one named, or a new one."""
    read = dialogue._Dialogue._line

    def interrupted(self: Any, words: Any) -> str:
        try:
            return read(self, words)
        except EOFError:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(dialogue._Dialogue, "_line", interrupted)
    said = pipe("yes\n", "--threshold", 0, *(["--json", "kept.json"] if named else []))
    assert said.status == 130
    file = re.search(rf"interrupted; ({shown}) has the transcript; twitchbayes ask --resume \1 goes on", said.err)
    assert file is not None
    assert len(transcript(tmp_path / file[1])["steps"]) == 1


def test_interrupt_before_an_answer_leaves_nothing(
    pipe: Any, tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing to keep yet."""

    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(dialogue._Dialogue, "_line", interrupted)
    assert pipe("", "--threshold", 0).status == 130
    assert [p.name for p in tmp_path.iterdir()] == [small.name]


# In a terminal

PATIENCE_S = 60
ARROW_DOWN = "\x1b[B"
WITHOUT_MENU = "import sys; sys.modules['prompt_toolkit'] = None; from twitchbayes.cli import entry; entry()"


class Terminal:
    """A process in a pseudo-terminal, and what it wrote."""

    def __init__(self, code: str, *arguments: str, cwd: Path) -> None:
        pty = pytest.importorskip("pty")
        fdpexpect = pytest.importorskip("pexpect.fdpexpect")
        master, slave = pty.openpty()
        _widen(slave)
        environment = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "ask", *arguments],
            **{"stdin": slave, "stdout": slave, "stderr": slave},
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self._end = fdpexpect.fdspawn(master, encoding="utf-8", timeout=PATIENCE_S)

    def wait_for(self, *patterns: str) -> str:
        for pattern in patterns:
            self._end.expect(pattern)
        return str(self._end.after)

    def question(self, number: int, *more: str) -> None:
        """Wait until a question stands there and the answer is waited for."""
        self.wait_for(rf"Question {number};", "expected to settle", ">", *more)

    def type(self, text: str) -> None:
        self._end.send(text)

    def status(self) -> int:
        self._end.expect(self._end_of_file())
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._end.close()

    def _end_of_file(self) -> Any:
        import pexpect

        return pexpect.EOF


def _widen(terminal: int) -> None:
    import fcntl
    import struct
    import termios

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))


@pytest.fixture
def opened() -> Iterator[list[Terminal]]:
    """Terminals to be closed at the end."""
    terminals: list[Terminal] = []
    yield terminals
    for terminal in terminals:
        terminal.close()


def test_terminal_with_a_menu(small: Path, tmp_path: Path, opened: list[Terminal]) -> None:
    """Arrow keys and typed words, a wrong word, undo, don't know, to the end."""
    pytest.importorskip("prompt_toolkit")
    arguments = ("--model", str(small), "--threshold", "0", "--json", "kept.json")
    t = Terminal("from twitchbayes.cli import entry; entry()", *arguments, cwd=tmp_path)
    opened.append(t)
    t.question(1, "undo")  # the menu is there
    t.type(f"{ARROW_DOWN}{ARROW_DOWN}\r")
    t.question(2)
    t.type("perhaps\r")
    t.wait_for("'perhaps' is no answer about")
    t.question(2)
    t.type("undo\r")
    t.wait_for("took back the answer about")
    t.question(1)
    t.type("yes\r")
    t.question(2)
    t.type("don't know\r")
    t.question(3)
    t.type("no\r")
    t.wait_for("Nothing more is worth asking", "Not a medical device")
    assert t.status() == 0
    assert [step["said"] for step in transcript(tmp_path / "kept.json")["steps"]] == ["yes", None, "no"]


def test_terminal_menu_answers_what_the_arrows_choose(small: Path, tmp_path: Path, opened: list[Terminal]) -> None:
    """The second entry of the menu is yes; Ctrl-C says where the transcript is, and it can be gone on with."""
    pytest.importorskip("prompt_toolkit")
    code, model = "from twitchbayes.cli import entry; entry()", ("--model", str(small))
    t = Terminal(code, *model, "--threshold", "0", cwd=tmp_path)
    opened.append(t)
    t.question(1, "undo")
    t.type(f"{ARROW_DOWN}{ARROW_DOWN}\r")
    t.question(2)
    t.type("\x03")
    name = re.search(r"interview-\w+\.json", t.wait_for(r"interrupted; interview-\w+\.json has the transcript"))
    assert t.status() == 130
    assert name is not None
    assert [step["said"] for step in transcript(tmp_path / name[0])["steps"]] == ["yes"]
    again = Terminal(code, *model, "--resume", name[0], cwd=tmp_path)
    opened.append(again)
    again.question(2)
    again.type("quit\r")
    again.wait_for("Stopped")
    assert again.status() == 0


def test_terminal_without_a_menu(small: Path, tmp_path: Path, opened: list[Terminal]) -> None:
    """Typed words need no package; an interrupt is an interrupt here too."""
    t = Terminal(WITHOUT_MENU, "--model", str(small), "--threshold", "0", cwd=tmp_path)
    opened.append(t)
    t.question(1)
    t.type("perhaps\n")
    t.wait_for("'perhaps' is no answer about")
    t.question(1)
    t.type("yes\n")
    t.question(2)
    t.process.send_signal(signal.SIGINT)
    t.wait_for(r"interrupted; interview-\w+\.json has the transcript")
    assert t.status() == 130


def test_menu_offers_sites_and_bands(folder: Path) -> None:
    """A menu has the states of a variable, or the sites of a group and none; the hint says what else there is."""
    model = load(folder, base=SITES)
    questions = {q.variable: q for q in model.infer().next_questions(None)}
    assert dialogue._words(questions["site"], model) == ["arm", "leg", "none"]
    assert dialogue._expected(questions["site"], model) == "any of arm, leg, with ; between them, or none"
    assert dialogue._words(questions["age"], model) == ["18-39", "40-120"]
    assert dialogue._expected(questions["age"], model) == "a number of years from 18 to 120, or a band such as 18-39"
    assert dialogue._expected(questions["weak"], model) == "no or yes"


def test_shipped_model_is_interviewed(twitch: Model) -> None:
    """Answered this way and that, an interview ends, and never asks the same twice."""
    interview = twitchbayes.Interview(twitch, known={"age": 62})
    seen = []
    while (question := interview.ask()) is not None:
        seen.append(question.variable)
        interview.answer(question.replies[len(seen) % len(question.replies)].text)
    assert len(seen) == len(set(seen)) > 5
