"""What `twitchbayes explore` refuses before it serves anything; tests/browser has the page itself."""

from __future__ import annotations

import ast
import importlib.util
import socket
from argparse import Namespace
from pathlib import Path

import pytest

from twitchbayes.cli import main
from twitchbayes.commands.explore import _page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["twich"], "there is no model and no folder 'twich'. Did you mean 'twitch'?"),
        (["weaknes=yes"], "the model has no variable 'weaknes'. Did you mean 'weakness'"),
        (["twitch", "weakness=maybe"], "weakness='maybe' is not a state of weakness"),
        (["twitch", "--model", "other"], "two models: 'twitch' and --model 'other'; give one"),
        (["weakness=yes", "weakness=no"], "given twice: weakness=yes and weakness=no"),
        (["--population", "mars"], "'mars'"),
        (["--port", "70000"], "cannot serve at port 70000 of 127.0.0.1: a port is between 1 and 65535"),
    ],
)
def test_what_is_refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong model, case or port is told in one line, and nothing is started."""
    assert main(["explore", *words, "--no-browser"]) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.err.startswith("twitchbayes: ")
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """A port where another program listens is named, with the way out."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["explore", "--no-browser", "--port", str(port)]) == 2
    error = capsys.readouterr().err
    assert f"cannot serve at port {port} of 127.0.0.1: " in error
    assert "choose another --port, or leave it out" in error


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a package is missing, the message names it and the extra that has it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "marimo" else name)
    assert main(["explore", "--no-browser"]) == 2
    assert 'the page needs marimo: pip install "twitchbayes[page]"' in capsys.readouterr().err


def test_the_page_is_the_case(tmp_path: Path) -> None:
    """The file that is served calls `explore` with the words of the command, whatever stands in them, and goes again."""
    options = Namespace(model=str(tmp_path), population="o'hare", priors=None)
    with _page(options, ['note="; import os', "age=62"]) as page:
        calls = [node for node in ast.walk(ast.parse(page.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    [call] = [node for node in calls if ast.unparse(node.func) == "twitchbayes.explore"]
    assert [ast.literal_eval(value) for value in call.args] == [str(tmp_path), {"note": '"; import os', "age": "62"}]
    named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    assert named == {"population": "o'hare", "priors": None}
    assert not page.exists()
