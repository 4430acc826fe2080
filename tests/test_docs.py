"""What README and docs/ show: Python blocks run, commands print what is shown, links lead somewhere.

`python tests/test_docs.py` writes what commands and examples print now into the pages.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import twitchbayes
from twitchbayes.checks import BASES, RESERVED, ROLES
from twitchbayes.cli import main
from twitchbayes.consistency import MEASURES
from twitchbayes.knowledge import COLUMNS, META

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))

# A block with a title is a file that the later blocks of its page read.
FENCE = re.compile(r'^```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
LANGUAGES = {"python", "console", "sh", "text", "csv", "toml", "math"}

COMMANDS = (
    "python -m pip install . && twitchbayes infer weakness=yes twitch_location=arm_hand age=62",
    'python -m pip install -e ".[dev]" && python -m pytest -n auto',
)


class Block(NamedTuple):
    """A fenced block and the line of the page that it begins in."""

    language: str
    title: str | None
    text: str
    line: int


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    text = text_of(page)
    return [
        Block(match["language"], match["title"], match["text"], text.count("\n", 0, match.start()) + 2)
        for match in FENCE.finditer(text)
    ]


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with the output shown under it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def printed(command: str, last_status: int) -> tuple[str, int]:
    """Run a command of the command line in this process; what it prints, and its exit status."""
    words = shlex.split(command)
    if words == ["echo", "$?"]:
        return f"{last_status}\n", 0
    assert words[0] == "twitchbayes", f"only twitchbayes can be run here, not {command!r}"
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            status = main(words[1:])
        except SystemExit as stop:
            status = int(stop.code or 0)
    return out.getvalue(), status


def trimmed(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.rstrip().splitlines())


def shows(shown: str, output: str) -> bool:
    """Whether an output is the one shown, in which "..." stands for anything."""
    return doctest.OutputChecker().check_output(trimmed(shown), trimmed(output), doctest.ELLIPSIS)


def run_console(block: Block, page: str) -> None:
    status = 0
    for command, shown in commands(block):
        output, status = printed(command, status)
        if shown.strip():
            assert shows(shown, output), f"{page}, line {block.line}: $ {command} prints\n{output}"
        else:
            assert status == 0, f"{page}, line {block.line}: $ {command} exits with {status}\n{output}"


def run_python(block: Block, page: str, namespace: dict[str, object]) -> None:
    if ">>> " not in block.text:
        exec(compile("\n" * (block.line - 1) + block.text, page, "exec"), namespace)
        return
    example = doctest.DocTestParser().get_doctest(block.text, {}, page, page, block.line - 1)
    example.globs = namespace
    report: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=report.append, clear_globs=False)
    assert not result.failed, "".join(report)


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python block of a page runs, in order, and every command prints what is shown."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": page}
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page}, line {block.line}: {block.language!r} is no language of a block"
        if block.title:
            file = tmp_path / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            run_python(block, page, namespace)
        elif block.language == "console":
            run_console(block, page)


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_is_a_block(page: str) -> None:
    """No block is written in a way that `blocks` would pass over."""
    fences = [line for line in text_of(page).splitlines() if line.lstrip().startswith(("```", "~~~"))]
    assert len(fences) == 2 * len(blocks(page))


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """A relative link names a file of the repository, and a heading of it where it names one."""
    for match in LINK.finditer(FENCE.sub("", text_of(page))):
        path, _, heading = match["target"].partition("#")
        if "://" in path or path.startswith("mailto:"):
            continue
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page} links to {match['target']}"
        assert not heading or heading in headings(target), f"{page} links to {match['target']}"


def headings(page: Path) -> set[str]:
    """Return the anchors of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_readme_has_the_two_commands() -> None:
    """Two commands do everything in an empty environment; `.ci/run` takes them from here."""
    shown = [block.text for block in blocks("README.md") if block.language == "sh"]
    for command in COMMANDS:
        assert f"{command}\n" in shown
    printed_text, status = printed(COMMANDS[0].partition(" && ")[2], 0)
    assert status == 0
    assert "posterior" in printed_text


def test_example_model_is_complete(tmp_path: Path) -> None:
    """The model written out in models-format.md is a whole one, every optional file included."""
    for block in blocks("docs/models-format.md"):
        if block.title and block.title.startswith("small/"):
            file = tmp_path / block.title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    model = twitchbayes.load_model(tmp_path / "small")
    files = {*model.knowledge.tables, *(f"populations/{name}.csv" for name in model.knowledge.populations)}
    assert files == {*COLUMNS, "populations/clinic.csv"}


WORDS = {*META, *ROLES, *BASES, *RESERVED, *MEASURES, *COLUMNS, *(c for columns in COLUMNS.values() for c in columns)}


@pytest.mark.parametrize("word", sorted(WORDS))
def test_format_page_describes(word: str) -> None:
    """Every file, column, key, role, basis, measure and reserved name stands in models-format.md."""
    assert f"`{word}`" in text_of("docs/models-format.md")


def test_command_page_names_every_command() -> None:
    """Every command that `--help` lists has its heading in cli.md."""
    usage, _ = printed("twitchbayes --help", 0)
    listed = re.findall(r"^    (\w+) ", usage, re.MULTILINE)
    assert listed
    assert {f"twitchbayes-{name}" for name in listed} <= headings(ROOT / "docs/cli.md")


def test_module_list_is_whole() -> None:
    """How it works lists every module of the library, and every package with an asterisk."""
    table = text_of("docs/how-it-works.md").partition("## The modules")[2]
    listed = re.findall(r"^\| `(\w+)` (?=(\*?) ?\| )", table, re.MULTILINE)
    modules = {(path.stem, "") for path in (ROOT / "src/twitchbayes").glob("*.py")}
    packages = {(path.parent.name, "*") for path in (ROOT / "src/twitchbayes").glob("*/__init__.py")}
    assert sorted(listed) == sorted((modules | packages) - {("__init__", ""), ("__main__", "")})


def test_index_names_every_page() -> None:
    """Every page of docs/ is linked from its index."""
    linked = {match["target"].partition("#")[0] for match in LINK.finditer(text_of("docs/index.md"))}
    assert {page.removeprefix("docs/") for page in PAGES if page.startswith("docs/")} - {"index.md"} <= linked


def test_comparison_quotes_what_was_measured() -> None:
    """A ratio of the comparison stands, in these digits, on a page that a benchmark prints."""
    quoted = set(re.findall(r"\b[\d.,]+x\b", text_of("docs/comparison.md")))
    measured = set(re.findall(r"\b[\d.,]+x\b", text_of("docs/performance.md") + text_of("docs/calibration.md")))
    assert quoted
    assert quoted <= measured


def test_glossary_decides_each_word_once() -> None:
    """No word of the glossary has two meanings."""
    words = re.findall(r"^\| ([^|]+) \|", text_of("docs/glossary.md"), re.MULTILINE)
    assert len(words) > 50
    assert len(words) == len(set(words))


def rewritten(block: Block) -> str:
    """Return a console block with what its commands print now; a shortened output stays, if it still matches."""
    parts, status = [], 0
    for command, shown in commands(block):
        output, status = printed(command, status)
        stays = not shown.strip() or ("..." in shown and shows(shown, output))
        parts.append(f"$ {command}\n" + (shown if stays else trimmed(output)))
    return "".join(parts)


def rewritten_examples(block: Block, page: str, namespace: dict[str, object]) -> str:
    """Return a Python block with what its examples print now; a shortened output, an error included, stays."""
    parts = []
    for part in doctest.DocTestParser().parse(block.text):
        if isinstance(part, str):
            parts.append(part)
            continue
        example = doctest.DocTest([part], namespace, page, page, block.line - 1, None)
        example.globs = namespace
        output: list[str] = []
        runner = Listener(output, optionflags=doctest.ELLIPSIS)
        runner.run(example, out=lambda _: None, clear_globs=False)
        prompts = "".join(f"{mark} {line}".rstrip() + "\n" for mark, line in prompted(part.source))
        parts.append(prompts + (output[0] if output and "..." not in part.want else part.want))
    return "".join(parts)


class Listener(doctest.DocTestRunner):
    """Run examples and keep what those print that print something other than what is shown."""

    def __init__(self, output: list[str], **options: int) -> None:
        super().__init__(**options)
        self.output = output

    def report_failure(self, *told: object) -> None:
        """Keep what was printed, which is told last."""
        self.output.append(str(told[-1]))


def prompted(source: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of an example, each with its prompt."""
    for number, line in enumerate(source.splitlines()):
        yield (">>>" if number == 0 else "..."), line


def rewrite() -> None:
    """Write what commands and examples print now into every page."""
    for page in PAGES:
        text = text_of(page)
        namespace: dict[str, object] = {"__name__": page}
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            for block in blocks(page):
                if block.title:
                    Path(block.title).parent.mkdir(parents=True, exist_ok=True)
                    Path(block.title).write_text(block.text, encoding="utf-8")
                elif block.language == "console":
                    text = text.replace(block.text, rewritten(block))
                elif block.language == "python" and ">>> " in block.text:
                    text = text.replace(block.text, rewritten_examples(block, page, namespace))
                elif block.language == "python":
                    with contextlib.redirect_stdout(io.StringIO()):
                        run_python(block, page, namespace)
        (ROOT / page).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "80")
    rewrite()
