"""Pictures of the explorer, as JupyterLab and its page show it: `python tests/browser/pictures.py FOLDER`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import hosts
from explorer_page import Shown, run_cell
from hosts import Host

SIZES = (1200, 400)


def pictures(target: Path) -> None:
    """Take a picture of each host at each width, with a case and its details shown."""
    from playwright.sync_api import sync_playwright

    target.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as first,
        tempfile.TemporaryDirectory() as second,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=hosts.chromium(), args=hosts.FLAGS)
        with hosts.jupyter(Path(first)) as lab, hosts.page(Path(second)) as (page, _):
            for host, width in [(host, width) for host in (lab, page) for width in SIZES]:
                picture(browser.new_page(), host, width, target / f"{host.name}-{width}.png")
        browser.close()


def picture(page, host: Host, width: int, file: Path) -> None:
    # JupyterLab's bars at the sides leave no room on a narrow screen; it shows a document alone, too.
    page.goto(host.url.replace("/lab/tree/", "/doc/tree/"))
    if host.name == "JupyterLab":
        run_cell(page)
    page.set_viewport_size({"width": width, "height": 900})
    shown = Shown(page).ready()
    shown.set("weakness", "yes")
    shown.after(shown.question("twitch_arm_hand").click)
    shown.after(shown.cause("als").get_by_role("button").click)
    page.screenshot(path=file, full_page=True)


if __name__ == "__main__":
    pictures(Path(sys.argv[1]))
