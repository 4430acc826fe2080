"""The house: public names, what importing and asking loads, docstrings, errors that travel between processes."""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import pickle
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import twitchbayes
from twitchbayes import errors
from twitchbayes.errors import Problem

SRC = Path(twitchbayes.__file__).parent
HEAVY = ("pgmpy", "pandas", "networkx", "matplotlib", "scipy", "sklearn", "torch")
MODULES = sorted(info.name for info in pkgutil.iter_modules(twitchbayes.__path__) if info.name != "__main__")
KINDS = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, twitchbayes.TwitchbayesError)
]


def loaded_by(code: str) -> set[str]:
    """Run code in a fresh interpreter and return the top-level packages that it loaded."""
    program = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


# What is loaded


@pytest.mark.parametrize(
    ("code", "none_of"),
    [
        pytest.param("import twitchbayes", (*HEAVY, "numpy"), id="import"),
        pytest.param("from twitchbayes import *", HEAVY, id="every_public_name"),
        pytest.param(
            "import twitchbayes as tb\n"
            "p = tb.infer({'age': 62, 'sex': 'm'}, weakness=True, twitch_location='arm_hand', virtual_evidence={'pain': 3})\n"
            "repr(p), p._repr_html_(), p.to_json(), p.none, p.prior, p.red_flags, p.most_probable_explanations(3)",
            HEAVY,
            id="one_answer",
        ),
        pytest.param(
            "import twitchbayes as tb\n"
            "m = tb.load_model('twitch')\n"
            "p = next(p for p in m.knowledge.priors if p.variable in m.causes)\n"
            "m = m.with_priors({(p.variable, ';'.join(map('='.join, p.given))): p.number.probability})\n"
            "tb.list_models(), m.fingerprint, repr(m), m.changes",
            HEAVY,
            id="other_priors",
        ),
        pytest.param(
            "import twitchbayes as tb\n"
            "tb.plots.posterior, tb.plots.network, tb.Interview()._repr_html_(), tb.load_model('twitch')._repr_html_()",
            HEAVY,
            id="plots_that_are_not_drawn",
        ),
        pytest.param(
            "import twitchbayes as tb\n"
            "try: tb.infer(weaknes=True)\n"
            "except tb.UnknownVariableError: pass\n"
            "else: raise SystemExit(1)",
            HEAVY,
            id="an_error",
        ),
    ],
)
def test_what_is_not_loaded(code: str, none_of: tuple[str, ...]) -> None:
    """Importing the package and asking it one question load nothing heavy, and warn of nothing."""
    loaded = loaded_by(code)
    assert "twitchbayes" in loaded
    assert loaded.isdisjoint(none_of)


def test_the_check_sees_what_is_loaded() -> None:
    """A frame does load pandas: the check above can fail."""
    assert "pandas" in loaded_by("import twitchbayes as tb\ntb.infer().to_frame()")


# Public names


def test_public_names() -> None:
    """Every public name is there, is listed by dir() and stands in the list of its own module."""
    assert sorted(twitchbayes.__all__) == twitchbayes.__all__
    # What needs a heavy package is left out of `import *`.
    assert set(dir(twitchbayes)) - set(twitchbayes.__all__) == {"TwitchClassifier"}
    for name in dir(twitchbayes):
        value = getattr(twitchbayes, name)
        if isinstance(value, ModuleType):
            assert value is sys.modules[f"twitchbayes.{name}"]
        elif name != "__version__":
            assert name in sys.modules[value.__module__].__all__
    with pytest.raises(AttributeError, match="module 'twitchbayes' has no attribute 'infr'"):
        twitchbayes.infr  # noqa: B018


def test_every_error_is_public() -> None:
    """Whoever must catch an error can name it."""
    assert {kind.__name__ for kind in KINDS} <= set(twitchbayes.__all__)


def test_version_is_that_of_the_package() -> None:
    """The version stands in one place only, or in two that agree."""
    from importlib.metadata import version

    assert twitchbayes.__version__ == version("twitchbayes")


@pytest.mark.parametrize("name", MODULES)
def test_modules_say_what_is_theirs(name: str) -> None:
    """Each module opens with one sentence and lists its public names, which exist and have docstrings."""
    module = importlib.import_module(f"twitchbayes.{name}")
    first = (module.__doc__ or "").strip().split("\n")[0]
    assert first.endswith(".")
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        assert_documented(module, public)


def assert_documented(module: ModuleType, public: str) -> None:
    value = getattr(module, public)
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return
    assert inspect.getdoc(value), f"{module.__name__}.{public}"
    if not inspect.isclass(value):
        return
    for name, member in vars(value).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property | classmethod)):
            continue
        assert inspect.getdoc(getattr(member, "__func__", member)), f"{module.__name__}.{public}.{name}"


# The text of the source

SOURCES = sorted(SRC.rglob("*.py"))


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.name)
def test_source_stands_on_its_own(file: Path) -> None:
    """No file leans on notes outside the repository, asserts on a user's input or catches everything."""
    text = file.read_text(encoding="utf-8")
    assert "shared/" not in text
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            caught = ast.unparse(node.type) if node.type else ""
            assert caught not in {"", "Exception", "BaseException"}, f"{file.name}, line {node.lineno}"
        prints = isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
        assert not prints or file.name == "cli.py" or file.parent.name == "commands", f"{file.name}, line {node.lineno}"


# Errors

EXAMPLES = [
    errors.TwitchbayesError("something"),
    errors.UnknownVariableError("weaknes", ["weakness", "pain"]),
    errors.UnknownVariableError(("a", 1), [], what="cause"),
    errors.InvalidValueError("pain='maybe'"),
    errors.ModelNotFoundError("there is none"),
    errors.EngineLimitError("too large"),
    errors.ImpossibleEvidenceError({"a": "present", "b": "absent"}),
    errors.ImpossibleEvidenceError({"a": "present"}, smallest=False),
    errors.ModelTableError([Problem("links.csv", 3, "wrong"), Problem("links.csv", None, "worse")]),
    errors.InvalidFrameError([errors.Fault(7, "pain", "maybe", "wrong")], n_faults=2, n_rows=2, of_rows=9),
    errors.InvalidEvidenceError([errors.InvalidValueError("x"), errors.UnknownVariableError("weaknes", ["weakness"])]),
]


def held(error: Exception) -> Any:
    """All that an error carries, its class and its message, nested errors likewise."""
    state = {k: [held(e) for e in v] if k == "errors" else v for k, v in vars(error).items()}
    return type(error), str(error), error.args, state


def test_every_kind_has_an_example() -> None:
    """The examples below leave out no kind of error."""
    assert {type(error) for error in EXAMPLES} == set(KINDS)


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_errors_travel(error: Exception) -> None:
    """An error comes back from another process, or a copy, with its class, message and data."""
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert other is not error
        assert held(other) == held(error)
        with pytest.raises(twitchbayes.TwitchbayesError, match=r".") as raised:
            raise other
        assert raised.value is other


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.UnknownVariableError, KeyError),
        (errors.InvalidValueError, ValueError),
        (errors.ImpossibleEvidenceError, ValueError),
        (errors.ModelTableError, ValueError),
        (errors.InvalidFrameError, ValueError),
        (errors.ModelNotFoundError, LookupError),
    ],
)
def test_errors_are_of_a_usual_kind_too(kind: type[Exception], builtin: type[Exception]) -> None:
    """Code that knows nothing of this library can catch its errors by the usual names."""
    assert issubclass(kind, builtin)
    assert issubclass(kind, twitchbayes.TwitchbayesError)


def test_problems_are_shown_in_order() -> None:
    """Problems are sorted by file and line, those of a whole file first, and counted."""
    problems = [
        Problem("b.csv", 10, "x"),
        Problem("b.csv", 9, "y"),
        Problem("a.csv", None, "z"),
        Problem("b.csv", None, "w"),
    ]
    error = errors.ModelTableError(problems)
    assert str(error) == (
        "4 problems in the model's tables:\n  a.csv: z\n  b.csv: w\n  b.csv, line 9: y\n  b.csv, line 10: x"
    )
    assert str(errors.ModelTableError(problems[:1])) == "1 problem in the model's tables:\n  b.csv, line 10: x"


@pytest.mark.parametrize(
    ("value", "known", "expected"),
    [
        ("weaknes", ["weakness", "pain"], " Did you mean 'weakness'?"),
        ("ARM HAND", ["arm_hand", "leg_foot"], " Did you mean 'arm_hand'?"),
        ("Als", ["ALS"], " Did you mean 'ALS'?"),
        ("xyz", ["weakness", "pain"], " It has: weakness, pain."),
        ("xyz", [], ""),
        (None, ["weakness"], " It has: weakness."),
        ("abcd", ["abce", "abcf", "abcg", "abch"], " Did you mean 'abch' or 'abcg' or 'abcf'?"),
    ],
)
def test_did_you_mean(value: object, known: list[str], expected: str) -> None:
    """The nearest names are suggested, up to three; without a near one all are listed."""
    assert errors.did_you_mean(value, known) == expected
