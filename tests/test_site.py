"""The documentation site: every page is in it, nothing in it comes from outside, every link leads somewhere.

What is built is looked at where the extra `docs` is installed, and in a browser where there is one; `.ci/run` has both.
"""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

import twitchbayes

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
# What the library gives to itself: named in types of public names, and no part of what can be relied on.
INSIDE = {"Answer", "Engine", "Evidence", "Words"}


# What is written


def navigation() -> list[str]:
    """Return the pages that mkdocs.yml names, in order."""

    def leaves(entry: object) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
            return
        for part in entry.values() if isinstance(entry, dict) else entry:
            yield from leaves(part)

    return list(leaves(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]))


def test_navigation_has_every_page() -> None:
    """A page of docs/ is in the navigation once, and so are the notebooks, the changelog and how to contribute."""
    pages = navigation()
    assert len(set(pages)) == len(pages)
    written = {path.relative_to(DOCS).as_posix() for path in DOCS.glob("**/*.md")}
    assert set(pages) == written | {"notebooks", "changelog.md", "contributing.md"}


def test_no_built_site_is_kept() -> None:
    """What is built stays out of the repository."""
    assert "site/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def classes() -> dict[str, list[type]]:
    """Return the public classes of every module, by name."""
    found: dict[str, list[type]] = {}
    for info in pkgutil.walk_packages(twitchbayes.__path__, "twitchbayes."):
        module = importlib.import_module(info.name) if not info.name.endswith("__main__") else twitchbayes
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isclass(value) and value.__module__ == info.name:
                found.setdefault(name, []).append(value)
    return found


def types_named(value: object) -> Iterator[str]:
    """Yield the types that a public function, or the public members of a class, give."""
    members = (
        {name: inspect.getattr_static(value, name) for name in dir(value)} if inspect.isclass(value) else {"": value}
    )
    for name, member in members.items():
        function = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if not name.startswith("_") and inspect.isfunction(function):
            yield str(function.__annotations__.get("return"))
    for base in getattr(value, "__mro__", ()):
        yield from (str(kind) for name, kind in vars(base).get("__annotations__", {}).items() if name[0] != "_")


def test_api_page_names_all_that_is_public() -> None:
    """Every public name, and every class that one of them gives, has its place on the page."""
    named = set(re.findall(r"^::: [\w.]*?(\w+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE))
    known = classes()
    reached, waiting = set(), [name for name in dir(twitchbayes) if name != "__version__"]
    while waiting:
        name = waiting.pop()
        if name in reached or name in INSIDE:
            continue
        reached.add(name)
        values = known.get(name) or [getattr(twitchbayes, name)]
        types = " ".join(text for value in values for text in types_named(value))
        waiting += [word for word in re.findall(r"\b[A-Z]\w+", types) if word in known]
    assert {"Explanation", "Tuning", "Question", "Reply"} <= reached
    assert reached <= named


# What is built


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly: a page, link or heading that is not there fails."""
    pytest.importorskip("mkdocs", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    # MkDocs 2 is announced on every build, as a warning.
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Parsed(HTMLParser):
    """What a page of the site loads, where it leads, what its buttons copy, and the places in it that can be led to."""

    LOADS = (
        ("script", "src"),
        ("img", "src"),
        ("iframe", "src"),
        ("source", "src"),
        ("object", "data"),
        ("use", "href"),
    )

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.copies: list[str] = []
        self.places: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what one tag says."""
        has = {name: value or "" for name, value in attrs}
        self.places |= {has[name] for name in ("id", "name") if name in has}
        self.loads += [has[name] for of, name in self.LOADS if tag == of and name in has]
        self.copies += [has["data-copy"]] if "data-copy" in has else []
        self.loads += [part.split()[0] for part in has.get("srcset", "").split(",") if part.strip()]
        self.loads += re.findall(r"url\(['\"]?([^'\")]+)", has.get("style", ""))
        if tag == "link" and "href" in has:
            (self.links if has.get("rel") in {"next", "prev"} else self.loads).append(has["href"])
        if tag == "a" and "href" in has:
            self.links.append(has["href"])


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[Path, Parsed]:
    """Every page of the site, parsed."""
    return {page: Parsed(page) for page in site.glob("**/*.html")}


def is_outside(target: str) -> bool:
    """Whether a target is on another host, or stands at the root of one."""
    return re.match(r"[a-z+.-]+:|/", target, re.IGNORECASE) is not None and not target.startswith("data:")


def test_nothing_is_loaded_from_outside(pages: dict[Path, Parsed], site: Path) -> None:
    """Scripts, styles, fonts and pictures are files of the site, and they are there."""
    for page, parsed in pages.items():
        assert parsed.loads, page.name
        for target in parsed.loads:
            assert not is_outside(target), f"{page.name} loads {target}"
            file = page.parent / unquote(re.split("[?#]", target)[0])
            assert target.startswith(("data:", "#")) or file.is_file(), f"{page.name} loads {target}"
    for sheet in site.glob("**/*.css"):
        loaded = re.findall(r"(?:url\(|@import\s+)['\"]?([^'\")]+)", sheet.read_text(encoding="utf-8"))
        assert not [target for target in loaded if is_outside(target)], sheet.name


def test_links_resolve(pages: dict[Path, Parsed]) -> None:
    """A link inside the site names a file of it, and a place of that page where it names one."""
    for page, parsed in pages.items():
        for link in parsed.links:
            if re.match(r"https?://|mailto:", link):
                continue
            assert not link.startswith("/"), f"{page.name} links to {link}"
            path, _, place = link.partition("#")
            target = (page.parent / unquote(path)).resolve() if path else page
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{page.name} links to {link}"
            if place and target in pages:
                assert unquote(place) in pages[target].places, f"{page.name} links to {link}"


def test_links_out_of_docs_lead_to_what_they_name(pages: dict[Path, Parsed], site: Path) -> None:
    """A link to a notebook or the changelog leads to its page, and one to another file takes the file along."""
    assert "notebooks/01_first_answers.html" in pages[site / "index.html"].links
    assert "changelog.html" in pages[site / "index.html"].links
    table = pages[site / "how-to/add-a-finding.html"].links
    assert "../repository/models/twitch/variables.csv" in table
    copied = (site / "repository/models/twitch/variables.csv").read_bytes()
    assert copied == (ROOT / "models/twitch/variables.csv").read_bytes()


def test_code_in_tables_is_shown_as_it_is(site: Path) -> None:
    """The number of a link is P(child | parent), without the escape that Markdown wants in a table."""
    card = (site / "models/twitch.html").read_text(encoding="utf-8")
    assert "<code>P(exercise | recent_exercise)</code>" in card
    assert not [page.name for page in site.glob("**/*.html") if "\\|" in page.read_text(encoding="utf-8")]


def test_a_session_is_copied_as_it_was_typed(pages: dict[Path, Parsed], site: Path) -> None:
    """The button of a session copies Python, or commands, without prompts and without what was printed."""
    first, *_ = copies = pages[site / "tutorial.html"].copies
    assert first.startswith("import twitchbayes\np = twitchbayes.infer(")
    assert '{cause}")\n\nprint(f"' in first
    assert "twitchbayes infer weakness=yes twitch_location=arm_hand age=62" in copies
    assert "twitchbayes.infer(weaknes=True)" in copies
    for text in [
        *pages[site / "api.html"].copies,
        *(text for text in copies if not text.startswith("twitchbayes infer")),
    ]:
        assert compile(text, "copied", "exec").co_code


def test_every_public_name_has_its_heading(pages: dict[Path, Parsed], site: Path) -> None:
    """The page of the API has a place for every public name, and for the methods of a class."""
    places = pages[site / "api.html"].places
    names = {f"twitchbayes.{name}" for name in dir(twitchbayes) if name != "__version__"}
    assert names <= places
    assert {"twitchbayes.Model.infer_frame", "twitchbayes.Posterior.explain", "twitchbayes.Model.tune"} <= places


def test_search_finds_in_a_page_opened_from_the_disk(site: Path) -> None:
    """Opened without a server, the site asks nobody for anything, complains of nothing and finds a word."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or pytest.skip("there is no chromium")
    outside: list[str] = []
    complaints: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
        )
        page = browser.new_page()
        page.on(
            "request",
            lambda request: request.url.startswith(("file:", "data:", "blob:")) or outside.append(request.url),
        )
        page.on("console", lambda message: message.type in {"error", "warning"} and complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((site / "index.html").as_uri())
        page.locator("input.md-search__input").click()
        page.keyboard.type("leak")
        found = page.locator(".md-search-result__item a").first
        found.wait_for(timeout=20_000)
        assert "leak" in page.locator(".md-search-result__list").inner_text().lower()
        browser.close()
    assert outside == []
    assert complaints == []
