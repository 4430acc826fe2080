"""What the tests in a browser share: the hosts, the browser, and who watches that nothing leaves this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import hosts
import pytest
from explorer_page import Shown, run_cell
from hosts import Host

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

# What hosts say of themselves, before the notebook has run.
HARMLESS = (
    # Notebook 7.6 listens to settings of an extension before it has read them; without the explorer too.
    "page error: Cannot read properties of undefined (reading 'schema')",
    # Notebook 7.6 asks for its file browser before that is there.
    "page error: Command 'filebrowser:open-path' not registered.",
)
OWN_SCHEMES = {"data", "blob", "about"}
TOOK = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show how long things took; no test asserts it."""
    for line in config.stash.get(TOOK, []):
        terminalreporter.write_line(line)


class Watched:
    """What the pages of a context asked for and complained of."""

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("weberror", lambda error: self._heard(f"page error: {error.error}"))
        context.on("console", self._said)
        context.on("page", lambda page: page.on("websocket", lambda socket: self.requests.append(socket.url)))

    def _said(self, message: Any) -> None:
        if message.type == "error":
            self._heard(f"console: {message.text} ({message.location.get('url')})")

    def _heard(self, complaint: str) -> None:
        if not complaint.startswith(HARMLESS):
            self.complaints.append(complaint)

    def outside(self) -> list[str]:
        """The requests that did not stay on this machine."""
        parts = [(url, urlsplit(url)) for url in self.requests]
        return [url for url, part in parts if part.scheme not in OWN_SCHEMES and not hosts.local(part.hostname or "?")]


@pytest.fixture(scope="session")
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Puts a line into the summary at the end."""
    return request.config.stash.setdefault(TOOK, []).append


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    from playwright.sync_api import sync_playwright

    try:
        found = hosts.chromium()
    except FileNotFoundError as error:
        pytest.fail(str(error), pytrace=False)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=hosts.FLAGS)
        yield chromium
        chromium.close()


class Pages:
    """Opens pages in the browser, and tells what has gone wrong in any of them since it was last asked."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._watched: list[Watched] = []

    def new(self, **settings: Any) -> Page:
        """Return a page of a context of its own."""
        context = self._browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **settings})
        context.set_default_timeout(20_000)
        self._watched.append(Watched(context))
        return context.new_page()

    def faults(self) -> list[str]:
        """Return requests to outside, and errors, that were not told before."""
        found = [
            fault
            for one in self._watched
            for fault in (*map("asked outside: {}".format, one.outside()), *one.complaints)
        ]
        for one in self._watched:
            one.requests.clear()
            one.complaints.clear()
        return found


@pytest.fixture(scope="session")
def all_pages(browser: Browser) -> Pages:
    return Pages(browser)


@pytest.fixture
def pages(all_pages: Pages) -> Iterator[Pages]:
    """The pages, of which none may have asked outside or complained during a test."""
    yield all_pages
    faults = all_pages.faults()
    assert not faults, "\n".join(faults)


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Host]]:
    """Every host by its name, started at the same time; none of their processes may have asked outside."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("jupyter", "voila", "marimo", "page")}
    with ExitStack() as running, ThreadPoolExecutor() as pool:
        starts = [hosts.jupyter, hosts.voila, hosts.marimo, hosts.page]
        begun = [start(folder) for start, folder in zip(starts, folders.values(), strict=True)]
        jupyter, voila, marimo, (page, _) = pool.map(running.enter_context, begun)
        yield {
            "JupyterLab": jupyter,
            "Notebook 7": jupyter._replace(name="Notebook 7", url=jupyter.page(f"notebooks/{hosts.NOTEBOOKS[1]}")),
            "Voilà": voila,
            "marimo": marimo,
            "twitchbayes explore": page,
        }
        assert {host.name: host.outside() for host in (jupyter, voila, marimo, page) if host.outside()} == {}


@pytest.fixture(scope="session")
def _opened(served: dict[str, Host], all_pages: Pages) -> Callable[[str], Shown]:
    """Opens the explorer in a host, once."""
    failed: set[str] = set()

    @cache
    def opened(name: str) -> Shown:
        # What does not open once is not waited for in every test.
        assert name not in failed, f"{name} did not open before"
        failed.add(name)
        page = all_pages.new()
        page.goto(served[name].url)
        if name in {"JupyterLab", "Notebook 7"}:
            run_cell(page)
        shown = Shown(page).ready()
        failed.discard(name)
        return shown

    return opened


@pytest.fixture
def explorer(request: pytest.FixtureRequest, _opened: Callable[[str], Shown], pages: Pages) -> Shown:  # noqa: ARG001
    """The explorer as it is at the beginning, in JupyterLab or in the host that the test names."""
    shown = _opened(getattr(request, "param", "JupyterLab"))
    shown.anew()
    return shown
