"""The command `explore`: the explorer as a page of this machine, served by marimo."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import json
import runpy
import secrets
import socket
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from twitchbayes.commands import add_model, chosen_model
from twitchbayes.errors import InvalidValueError
from twitchbayes.evidence import read_items
from twitchbayes.model import list_models

__all__ = ["add"]

HOST = "127.0.0.1"
NEEDED = ("anywidget", "marimo")
TITLE = "twitchbayes explorer"

# Its menu lies over the explorer where that is narrow, and saves pages that link a CDN.
STYLE = '[data-testid="notebook-actions-dropdown"] { display: none; }\n'

# marimo shows what the last expression of the cell is, and none of the code.
PAGE = """import marimo

app = marimo.App(width="full", app_title={title!r}, css_file="explorer.css")


@app.cell(hide_code=True)
def _():
    import twitchbayes

    twitchbayes.explore({model!r}, {evidence!r}, population={population!r}, priors={priors!r})
    return


if __name__ == "__main__":
    app.run()
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the parser of this command."""
    explore = commands.add_parser("explore", help="the explorer as a page of this machine, in the browser")
    explore.add_argument(
        "words", nargs="*", metavar="MODEL|name=value", help="a model, and what is known, as weakness=yes age=62"
    )
    explore.add_argument("--port", type=int, default=0, metavar="N", help="the port (default: a free one)")
    explore.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    add_model(explore)
    explore.set_defaults(run=_explore, model=None)


def _explore(options: argparse.Namespace) -> int:
    words = _model_taken(options)
    model = chosen_model(options)
    model.infer(read_items(words))
    place = _Place(_free(options.port), secrets.token_urlsafe(16))
    _need(NEEDED)
    said = {"url": place.url, "port": place.port, "model": model.name, "version": model.version}
    text = json.dumps(said) if options.json else f"{model.name} {model.version} is at {place.url}\nCtrl-C ends it."
    telling = {"text": text, "stream": sys.stdout, "opened": not options.no_browser}
    threading.Thread(target=place.announce, kwargs=telling, daemon=True).start()
    with _page(options, words) as page:
        return _serve(page, place)


class _Place(NamedTuple):
    """Where the page is: a port of this machine, and a token that whoever opens it must know."""

    port: int
    token: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/?access_token={self.token}"

    def announce(self, text: str, stream: TextIO, *, opened: bool) -> None:
        """Print the text, and open the page in the browser if it is to be opened, as soon as it is served."""
        while not self._answers():
            time.sleep(0.02)
        print(text, file=stream, flush=True)
        if opened:
            webbrowser.open(self.url)

    def _answers(self) -> bool:
        with socket.socket() as trial:
            trial.settimeout(1)
            return trial.connect_ex((HOST, self.port)) == 0


def _model_taken(options: argparse.Namespace) -> Sequence[str]:
    """Put the model that the words begin with, if they do, into the options; return the words of evidence."""
    words: Sequence[str] = options.words
    if words and "=" not in words[0]:
        if options.model is not None:
            message = f"two models: {words[0]!r} and --model {options.model!r}; give one"
            raise InvalidValueError(message)
        options.model, words = words[0], words[1:]
    options.model = options.model or "twitch"
    return words


def _need(packages: Sequence[str]) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        message = f'the page needs {" and ".join(missing)}: pip install "twitchbayes[page]"'
        raise InvalidValueError(message)


def _free(port: int) -> int:
    """Return the port, or a free one for 0; one that is taken is told before anything is started."""
    with socket.socket() as trial:
        if sys.platform != "win32":
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that was just left is free
        try:
            trial.bind((HOST, port))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or "a port is between 1 and 65535"
            message = f"cannot serve at port {port} of {HOST}: {why}; choose another --port, or leave it out"
            raise InvalidValueError(message) from None
        return int(trial.getsockname()[1])


@contextlib.contextmanager
def _page(options: argparse.Namespace, words: Sequence[str]) -> Iterator[Path]:
    """Give the page as a file of marimo, in a folder that goes with it."""
    shipped = {info.name for info in list_models()}
    source = PAGE.format(
        title=TITLE,
        model=options.model if options.model in shipped else str(Path(options.model).resolve()),
        evidence=read_items(words),
        population=options.population,
        priors=str(Path(options.priors).resolve()) if options.priors else None,
    )
    with tempfile.TemporaryDirectory(prefix="twitchbayes-") as folder:
        page = Path(folder) / "explorer.py"
        page.write_text(source, encoding="utf-8")
        page.with_suffix(".css").write_text(STYLE, encoding="utf-8")
        yield page


def _serve(page: Path, place: _Place) -> int:
    """Serve a page until a signal ends it, and return the exit status.

    This is `python -m marimo run` in this process: there is no other one that could be left behind, and nobody
    can read the token in the list of processes.
    """
    alone = ["--headless", "--no-sandbox", "--no-check", "--no-skew-protection"]
    where = ["--host", HOST, "--port", str(place.port), "--token", "--token-password", place.token]
    own = sys.argv
    sys.argv = ["marimo", "--yes", "run", *alone, *where, str(page)]
    try:
        # Its --quiet together with --yes would shut down twice, with a traceback.
        with contextlib.redirect_stdout(io.StringIO()):
            runpy.run_module("marimo", run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.argv = own
    return 0
