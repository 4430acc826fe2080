"""The documentation site: pages made from files outside docs/, the links to them, formulas as MathML.

mkdocs.yml names this file under `hooks`. A link from one file of the repository to another is written as it works in
the repository; here it becomes the link that works on the site, so that the same Markdown is right in both places.
"""

from __future__ import annotations

import html
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jupytext
import latex2mathml.converter
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

# Files of the repository that are pages of the site, and files that stand beside them there.
PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "README.md": "index.md"}
BESIDE = "repository"

FENCED = re.compile(r"^(```.*?^```$)", re.MULTILINE | re.DOTALL)
TABLE_CODE = re.compile(r"(?<=\| )`[^`\n]*`")
SESSION = re.compile(r'<div class="highlight"(?=>(<pre>(?:<span></span>)?<code><span class="gp">.*?)</pre>)', re.DOTALL)
LINK = re.compile(r"(\[[^\]]*\]\()([^)\s]+)(\))")


def root(config: MkDocsConfig) -> Path:
    """Return the folder of the repository."""
    return Path(config.config_file_path).parent


def notebooks(config: MkDocsConfig) -> list[str]:
    """Return the sources of the notebooks, in order."""
    return sorted(path.relative_to(root(config)).as_posix() for path in root(config).glob("notebooks/*.py"))


def sources(config: MkDocsConfig) -> dict[str, str]:
    """Return the page that each file outside docs/ is on."""
    pages = dict(PAGES)
    for source in notebooks(config):
        page = str(Path(source).with_suffix(".md"))
        pages |= {source: page, str(Path(source).with_suffix(".ipynb")): page}
    return pages


def notebook_page(source: Path) -> str:
    """Return a notebook as a page: its text, and its code without outputs."""
    book = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    cells = [cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```" for cell in book.cells]
    name = f"`notebooks/{source.stem}.ipynb`"
    return "\n\n".join([*cells, f"This page is {name} without what its cells show; run it in Jupyter to see that."])


def formula(source: str, _language: str, _class: str, _options: Any, _md: Any, **_more: Any) -> str:
    """Return a block of TeX, a formula a line, as MathML, which browsers show without a script."""
    lines = [latex2mathml.converter.convert(line, display="block") for line in source.splitlines() if line.strip()]
    return f'<div class="formula" tabindex="0">{"".join(lines)}</div>'


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Set what YAML cannot say, and put the notebooks in the navigation."""
    config.mdx_configs.setdefault("toc", {})["slugify"] = slugify(case="lower")
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {})
    fences["custom_fences"] = [{"name": "math", "class": "math", "format": formula}]
    # It would name its files from the root of a server.
    config.theme.static_templates.discard("404.html")
    pages = sources(config)
    for entry in config.nav or []:
        if isinstance(entry, Mapping) and entry.get("Notebooks") == "notebooks":
            entry["Notebooks"] = [pages[source] for source in notebooks(config)]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made from files outside docs/."""
    for source in ("CHANGELOG.md", "CONTRIBUTING.md"):
        text = (root(config) / source).read_text(encoding="utf-8")
        files.append(File.generated(config, PAGES[source], content=text))
    for source in notebooks(config):
        files.append(File.generated(config, sources(config)[source], content=notebook_page(root(config) / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead every link to where its target is on the site."""
    made_from = {target: source for source, target in sources(config).items() if target != "index.md"}
    here = page.file.src_uri
    source = made_from.get(here, f"docs/{here}")

    def led(match: re.Match[str]) -> str:
        return match[1] + led_to(match[2], source, here, config, files) + match[3]

    parts = FENCED.split(markdown)
    return "".join(shown(part) if FENCED.fullmatch(part) else LINK.sub(led, bars(part)) for part in parts)


def bars(text: str) -> str:
    """Return text with bare bars in the code of its tables: Python-Markdown would show the mark that escapes them."""
    return TABLE_CODE.sub(lambda code: code[0].replace("\\|", "|"), text)


def shown(block: str) -> str:
    """Return a block of code, an interactive session named as one so that its outputs are not coloured as code."""
    return re.sub(r"\A```python\n(?=>>> )", "```pycon\n", block)


def on_page_content(content: str, **_more: Any) -> str:
    """Let the button of a session copy what was typed, not what was printed."""
    return SESSION.sub(lambda session: f'{session[0]} data-copy="{html.escape(typed(session[1]))}"', content)


def typed(session: str) -> str:
    """Return what was typed in a session, given as HTML; an empty line ends a block, as Python wants it."""
    text = html.unescape(re.sub("<[^>]+>", "", session))
    lines = re.findall(r"^(>>>|\.\.\.(?= )|\$)(?: (.*))?$", text, re.MULTILINE)
    before = [None, *(prompt for prompt, _ in lines)]
    return "\n".join(
        f"\n{line}" if prompt == ">>>" and last == "..." else line
        for (prompt, line), last in zip(lines, before, strict=False)
    )


def led_to(link: str, source: str, here: str, config: MkDocsConfig, files: Files) -> str:
    """Return a link of a file of the repository as one of its page; what leads nowhere stays, for MkDocs to refuse."""
    path, mark, heading = link.partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return link
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    if target.startswith("docs/"):
        place = target.removeprefix("docs/")
    elif (place := sources(config).get(target, "")) == "" and (root(config) / target).is_file():
        place = f"{BESIDE}/{target}"
        if files.get_file_from_path(place) is None:
            files.append(File.generated(config, place, abs_src_path=str(root(config) / target)))
    return posixpath.relpath(place, posixpath.dirname(here) or ".") + mark + heading if place else link
