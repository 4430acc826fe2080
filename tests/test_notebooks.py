"""The notebooks: the `.py` is the source, the `.ipynb` beside it is made from it and stores no outputs.

`python tests/test_notebooks.py` makes every `.ipynb` anew.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
SOURCES = sorted(NOTEBOOKS.glob("*.py"))

# What ipykernel calls the kernel of the Python that it is installed in.
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
MAX_CODE_CELLS = 12
MAX_LINES = 10

# A plot of the notebook's own; the functions of `twitchbayes.plots` and the methods that call them label theirs.
DRAWN = re.compile(r"\bax\.(plot|hist|bar|barh|scatter)\(|\.plot(\.\w+)?\((?=.*style=|.*figsize=)")
LIBRARY_PLOT = re.compile(r"\.plot(_\w+)?\(.*ax=ax\)")


def made_from(source: Path) -> str:
    """Return the `.ipynb` text of a notebook in percent form; the same text always."""
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    for number, cell in enumerate(notebook.cells, start=1):
        # Jupytext draws these at random.
        cell.id = f"cell-{number:02}"
    notebook.metadata = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    return str(nbformat.writes(notebook)) + "\n"


@pytest.fixture(params=SOURCES, ids=lambda source: source.stem)
def source(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def cells(source: Path) -> list[Any]:
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    nbformat.validate(notebook)
    return list(notebook.cells)


def code(cells: list[Any]) -> list[str]:
    return [cell.source for cell in cells if cell.cell_type == "code"]


def test_each_has_its_other_half() -> None:
    """No `.py` without its `.ipynb`, none the other way round, and names of the form NN_verb_noun."""
    assert SOURCES
    assert [path.stem for path in SOURCES] == sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    assert all(re.fullmatch(r"\d\d(_[a-z]+)+", path.stem) for path in SOURCES)


def test_both_say_the_same(source: Path) -> None:
    """The `.ipynb` is, byte for byte, what the `.py` gives."""
    assert source.with_suffix(".ipynb").read_text(encoding="utf-8") == made_from(source)


def test_no_outputs_are_stored(cells: list[Any]) -> None:
    """A stored output would go stale."""
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


def test_sizes(cells: list[Any]) -> None:
    """At most 12 code cells of at most 10 lines."""
    assert len(code(cells)) <= MAX_CODE_CELLS
    assert max(len(text.splitlines()) for text in code(cells)) <= MAX_LINES


def test_question_first_answer_last(cells: list[Any]) -> None:
    """The first cell has the title and asks one question, in bold; the last one asserts its answer."""
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert re.search(r"\*\*[^*]+\?\*\*", cells[0].source)
    assert cells[0].source.count("?") == 1
    assert "assert " in code(cells)[-1]
    assert cells[-1].cell_type == "code"


def test_defines_nothing(cells: list[Any]) -> None:
    """A function that a notebook needs belongs into the library."""
    assert not [text for text in code(cells) if re.search(r"^\s*(def|class) ", text, re.MULTILINE)]


def test_own_plots_have_labelled_axes(cells: list[Any]) -> None:
    """A cell that draws by itself says what both axes are."""
    drawing = [text for text in code(cells) if DRAWN.search(text) and not LIBRARY_PLOT.search(text)]
    assert [text for text in drawing if not ("xlabel=" in text and "ylabel=" in text)] == []


def test_runs_anywhere(cells: list[Any]) -> None:
    """No path of a machine, nothing from the network, no shell, and no folder that stays behind."""
    text = "\n".join(code(cells))
    assert re.findall(r"""["'](?:/|~|[A-Za-z]:\\)|https?://|^[!%]|mkdtemp|chdir""", text, re.MULTILINE) == []


def test_imports_what_the_extras_bring(cells: list[Any]) -> None:
    """A notebook imports the standard library, the library and what it needs, and what its extras name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["notebook"]]
    known = {re.split(r"[^\w-]", name)[0].lower() for name in needed} | {"twitchbayes"}
    tree = ast.parse("\n".join(code(cells)))
    named = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    named |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in named} - known - sys.stdlib_module_names == set()
    # The styles of pandas need Jinja2, which none of them brings.
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "style"]


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_listed(page: str) -> None:
    """The README and the index of the documentation link every notebook."""
    text = (ROOT / page).read_text(encoding="utf-8")
    linked = re.findall(r"\]\((?:\.\./)?notebooks/(\w+)\.ipynb\)", text)
    assert linked == [path.stem for path in SOURCES]


if __name__ == "__main__":
    for path in SOURCES:
        path.with_suffix(".ipynb").write_text(made_from(path), encoding="utf-8")
