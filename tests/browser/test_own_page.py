"""The page of `twitchbayes explore`: its width, its names for screen readers, how it begins and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import hosts
import pytest
from explorer_page import Shown
from hosts import Host

import twitchbayes

if TYPE_CHECKING:
    from conftest import Pages

pytestmark = pytest.mark.browser

NARROW = {"width": 400, "height": 800}
CONTROLS = "button|radio|checkbox|textbox|searchbox|spinbutton|slider|combobox"
# Elements that stick out of the page on the right and are not inside something that scrolls by itself.
TOO_WIDE = """root => [...root.querySelectorAll("button, input, select, summary, li")]
  .filter(one => one.getClientRects().length && one.getBoundingClientRect().right > window.innerWidth + 1)
  .map(one => one.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def narrow(served: dict[str, Host], all_pages: Pages) -> Shown:
    """The page on a screen of 400 pixels."""
    page = all_pages.new(viewport=NARROW, has_touch=True)
    page.goto(served["twitchbayes explore"].url)
    return Shown(page).ready()


def test_narrow_page_does_not_scroll_sideways(narrow: Shown, pages: Pages) -> None:  # noqa: ARG001
    """At 400 pixels everything has its place, with a case and its details shown."""
    narrow.anew()
    narrow.set("weakness", "yes")
    narrow.after(narrow.cause("als").get_by_role("button").click)
    assert narrow.page.evaluate("document.scrollingElement.scrollWidth") <= NARROW["width"]
    assert narrow.root.evaluate("root => root.scrollWidth - root.clientWidth") <= 0
    assert narrow.root.evaluate(TOO_WIDE) == []
    for name in ("posterior", "next", "explanation", "numbers"):
        narrow.panel(name).scroll_into_view_if_needed()
        assert narrow.panel(name).is_visible()


def test_every_control_has_a_name(explorer: Shown) -> None:
    """A screen reader has a name for every control, those of closed sections too."""
    explorer.set("weakness", "yes")
    explorer.root.evaluate("root => root.querySelectorAll('details').forEach(one => { one.open = true; })")
    found = re.findall(rf"^\s*- ({CONTROLS})\b(.*)$", explorer.root.aria_snapshot(), re.MULTILINE)
    assert len(found) > 50
    assert [role for role, rest in found if not re.match(r' "[^"]+', rest)] == []


def test_nothing_of_the_code_is_shown(narrow: Shown, served: dict[str, Host]) -> None:
    """The page has a title, shows the explorer and no code, and nobody comes in without the token."""
    url = served["twitchbayes explore"].url
    assert "twitchbayes" in narrow.page.title()
    assert "twitchbayes.explore(" not in narrow.page.content()
    assert not narrow.page.get_by_test_id("notebook-actions-dropdown").is_visible()
    assert "not medical advice" in narrow.root.inner_text()
    bare = narrow.page.context.browser.new_context()
    try:
        assert bare.new_page().goto(url.partition("?")[0]).url != url.partition("?")[0]
    finally:
        bare.close()


def no_answer_is_told(shown: Shown, process: subprocess.Popen[str]) -> None:
    """Where Python does not answer, no question stands beside the answer to another case."""
    process.send_signal(signal.SIGSTOP)
    try:
        shown.answer("weakness", "no").click()
        shown.root.get_by_text("Python does not answer").wait_for()
        assert shown.answer("weakness", "yes").is_checked()
    finally:
        shown.after(lambda: process.send_signal(signal.SIGCONT))
    assert shown.answer("weakness", "no").is_checked()
    assert shown.root.get_by_role("alert").is_hidden()


def test_begins_with_what_is_known_and_ends_without_a_trace(tmp_path: Path, pages: Pages) -> None:
    """The words of the command are the case; Ctrl-C ends the page in silence and frees its port."""
    with hosts.page(tmp_path, "twitch", "weakness=yes", "age=62") as (host, process):
        page = pages.new()
        page.goto(host.url)
        expected = dict(twitchbayes.infer(weakness=True, age=62))
        shown = Shown(page).ready()
        assert shown.probabilities() == pytest.approx(expected, abs=1e-12)
        no_answer_is_told(shown, process)
        port = host.url.partition("/?")[0].rpartition(":")[2]
        again = subprocess.run(
            [sys.executable, "-m", "twitchbayes", "explore", "--no-browser", "--port", port],
            capture_output=True,
            text=True,
            timeout=hosts.PATIENCE,
            check=False,
        )
        assert again.returncode == 2
        assert re.fullmatch(
            f"twitchbayes: cannot serve at port {port} of 127.0.0.1: .*; choose another --port.*\n", again.stderr
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(hosts.PATIENCE) == 0
        assert process.stdout.read() == ""
    assert (tmp_path / "host.log").read_text(encoding="utf-8") == ""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(("127.0.0.1", int(port)))


def test_who_watches_the_hosts(tmp_path: Path) -> None:
    """A process that asks outside is seen: the check on the hosts can fail."""
    code = "import socket\ntry: socket.getaddrinfo('example.invalid', 80)\nexcept OSError: pass"
    with hosts.started(["-c", code], tmp_path) as process:
        process.wait(hosts.PATIENCE)
    assert Host("one", "", tmp_path).outside() == ["example.invalid"]


def test_who_watches_the_pages(all_pages: Pages) -> None:
    """A page that asks outside, or complains, is seen: the check on the pages can fail."""
    page = all_pages.new()
    page.set_content("<img src='http://example.invalid/x.png'><script>console.error('oh')</script>")
    page.wait_for_load_state("load")
    faults = "\n".join(all_pages.faults())
    assert "asked outside: http://example.invalid/x.png" in faults
    assert "console: oh" in faults
