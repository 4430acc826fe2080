"""The programs that show the explorer, started for the tests: each in folders of its own, on loopback only."""

from __future__ import annotations

import ast
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
NOTEBOOKS = ("lab.ipynb", "notebook.ipynb")  # one each: a notebook has one kernel
CODE = "import twitchbayes\n\nw = twitchbayes.explore()\nw"
PATIENCE = 60  # seconds for a host to answer, before the test gives up

# JupyterLab asks whether it may fetch news; these are its own settings.
QUIET = {"fetchNews": "false", "checkForUpdates": False}
MARIMO = """import marimo

app = marimo.App(width="full")


@app.cell
def _():
    import twitchbayes

    w = twitchbayes.explore()
    w
    return

"""


FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What the recorder might not see finds no address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


class Host(NamedTuple):
    """A host that answers: where it shows the explorer, and the folder that is its own."""

    name: str
    url: str
    folder: Path

    def outside(self) -> list[str]:
        """What its processes looked up or connected to that is not this machine."""
        log = self.folder / "watch.log"
        seen = log.read_text(encoding="utf-8").split() if log.exists() else []
        return sorted({name for name in seen if not local(name)})

    def said_by_the_kernel(self, code: str) -> Any:
        """What Python code, run in the kernel of the first notebook, makes of `said`; plain types."""
        from jupyter_client import BlockingKernelClient

        files = sorted(
            (self.folder / "jupyter_runtime_dir").glob("kernel-*.json"), key=lambda file: file.stat().st_mtime
        )
        client = BlockingKernelClient(connection_file=str(files[0]))
        client.load_connection_file()
        client.start_channels()
        try:
            wanted = {"said": "__import__('json').dumps(said)"}
            reply = client.execute(f"said = None\n{code}", user_expressions=wanted, reply=True, timeout=PATIENCE)
        finally:
            client.stop_channels()
        content = reply["content"]
        if content["status"] != "ok":
            raise RuntimeError(content["evalue"])
        return json.loads(ast.literal_eval(content["user_expressions"]["said"]["data"]["text/plain"]))

    def page(self, path: str) -> str:
        """The address of another page of it."""
        start, _, token = self.url.partition("?")
        return f"{start.partition('/lab')[0]}/{path}?{token}"


def chromium() -> str:
    """Where Debian's Chromium is."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        raise FileNotFoundError("there is no chromium on PATH: apt-get install chromium")
    return found


def local(name: str) -> bool:
    """Whether an address is this machine's."""
    own = {"localhost", "::1", "0.0.0.0", "::", "*", socket.gethostname()}
    return name in own or name.startswith("127.")


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def environment(folder: Path) -> dict[str, str]:
    """An environment whose folders are its own, and in which every Python process writes down whom it asks."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT", "TEMP") if name in os.environ}
    paths = [str(HERE / "watch"), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    own = {
        name: str(folder / name.lower())
        for name in (
            "HOME",
            "IPYTHONDIR",
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR",
            "JUPYTERLAB_SETTINGS_DIR",
            "JUPYTERLAB_WORKSPACES_DIR",
        )
    }
    watch = {"TWITCHBAYES_BROWSER_WATCH": str(folder / "watch.log"), "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return {**kept, **own, **watch, "PYTHONUNBUFFERED": "1"}


@contextmanager
def started(command: list[str], folder: Path, *, stdout: Any = None) -> Iterator[subprocess.Popen[str]]:
    """Run a host until the tests are done with it, and leave nothing of it behind."""
    with (folder / "host.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=stdout or log,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            ended(process)


def ended(process: subprocess.Popen[str]) -> None:
    """End a process and whatever it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


def answers(port: int, process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until a host listens at its port."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit and process.poll() is None:
        with socket.socket() as trial:
            trial.settimeout(1)
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} does not answer:\n{(folder / 'host.log').read_text(encoding='utf-8')[-3000:]}")


def notebook(*code: str) -> str:
    """A notebook of these cells."""
    empty = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
    cells = [{**empty, "id": f"cell-{number}", "source": source} for number, source in enumerate(code)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return json.dumps({"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def flags(options: dict[str, Any]) -> list[str]:
    """Options of Jupyter as words of a command."""
    return [f"--{name}={value}" for name, value in options.items()]


@contextmanager
def jupyter(folder: Path) -> Iterator[Host]:
    """A Jupyter server, which shows notebooks in JupyterLab and in Notebook 7."""
    settings = folder / "jupyterlab_settings_dir/@jupyterlab/apputils-extension"
    settings.mkdir(parents=True)
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(QUIET), encoding="utf-8")
    (folder / "root").mkdir()
    for name in NOTEBOOKS:
        (folder / "root" / name).write_text(notebook(CODE, "w"), encoding="utf-8")
    port, token = free_port(), secrets.token_urlsafe(16)
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder / "root",
        "ServerApp.allow_root": True,
        "ServerApp.open_browser": False,
        "IdentityProvider.token": token,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.news_url": None,
        "LabApp.extension_manager": "readonly",
    }
    with started(["-m", "jupyterlab", *flags(options)], folder) as process:
        answers(port, process, folder)
        yield Host("JupyterLab", f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOKS[0]}?token={token}", folder)


@contextmanager
def voila(folder: Path) -> Iterator[Host]:
    """A notebook by Voilà."""
    template = folder / "jupyter_data_dir/voila/templates/offline"
    template.mkdir(parents=True)
    (template / "index.html.j2").write_text((HERE / "voila.html.j2").read_text(encoding="utf-8"), encoding="utf-8")
    (template / "conf.json").write_text(json.dumps({"base_template": "lab"}), encoding="utf-8")
    (folder / "explorer.ipynb").write_text(notebook(CODE), encoding="utf-8")
    port = free_port()
    options = {
        "Voila.ip": "127.0.0.1",
        "Voila.port": port,
        "Voila.open_browser": False,
        "VoilaConfiguration.template": "offline",
        # They need more of JupyterLab than Voilà has.
        "VoilaConfiguration.extension_denylist": ["jupyterlab-jupytext", "@jupyter-notebook/lab-extension"],
    }
    with started(["-m", "voila", "explorer.ipynb", *flags(options)], folder) as process:
        answers(port, process, folder)
        yield Host("Voilà", f"http://127.0.0.1:{port}/", folder)


@contextmanager
def marimo(folder: Path) -> Iterator[Host]:
    """A notebook of marimo as an app."""
    port = free_port()
    (folder / "explorer.py").write_text(MARIMO, encoding="utf-8")
    command = ["-m", "marimo", "--yes", "run", "explorer.py", "--headless", "--host", "127.0.0.1", "--port", str(port)]
    with started([*command, "--no-token"], folder) as process:
        answers(port, process, folder)
        yield Host("marimo", f"http://127.0.0.1:{port}/", folder)


@contextmanager
def page(folder: Path, *words: str) -> Iterator[tuple[Host, subprocess.Popen[str]]]:
    """The page of `twitchbayes explore`, and its process."""
    command = ["-m", "twitchbayes", "explore", *words, "--no-browser", "--json"]
    with started(command, folder, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError((folder / "host.log").read_text(encoding="utf-8"))
        yield Host("twitchbayes explore", json.loads(line)["url"], folder), process
