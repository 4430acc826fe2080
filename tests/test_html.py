"""Results in a notebook: every class that shows itself as HTML, with labels that try to be more than words."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import twitchbayes
from models import META, load
from twitchbayes.display import DISCLAIMER
from twitchbayes.model import Model

EVIL = "<script>alert(1)</script>&<img src=x onerror=alert(1)>'\""
CELL = '"' + EVIL.replace('"', '""') + '"'
# Elements that HTML has no end tag for.
VOID = {"br", "hr", "img"}
PLAIN = {
    "div",
    "p",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "ul",
    "li",
    "strong",
    "small",
    "span",
    "br",
}
ALLOWED = PLAIN | {"details", "summary"}


@functools.cache
def model() -> Model:
    """A hand-made model of which every text is a script: labels, questions, definitions, sources, advice, meta data."""
    meta = re.sub(r'= ".*"', f"= '''{EVIL} '''", META)
    return load(
        Path(tempfile.mkdtemp()) / "evil",
        meta=meta,
        variables=f"""
            variable,role,label,question,serious,definition
            winter,context,{CELL},{CELL},,{CELL}
            flu,cause,{CELL},,yes,{CELL}
            cold,cause,{CELL},,,{CELL}
            fever,finding,{CELL},{CELL},,{CELL}
            cough,finding,{CELL},{CELL},,{CELL}
            """,
        sources=f"""
            source,citation,identifier,kind,read
            book,{CELL},{CELL},{CELL},{CELL}
            """,
        red_flags=f"""
            rule,label,evidence,advice,source
            hot,{CELL},fever=present,{CELL},book
            """,
    )


@functools.cache
def results() -> dict[str, Any]:
    """Return a result of each class, by its name."""
    p = model().infer(fever=True, winter=True)
    cases = model().simulate(60, seed=1)
    interview = twitchbayes.Interview(model(), known={"fever": True}, threshold_bits=0.0)
    interview.answer("yes")
    found = [
        model(),
        p,
        model().infer(fever=True, interval=0.9),
        p.explain("flu"),
        p.attribution("fever"),
        p.compare(model().infer(cough=True)),
        p.conflict(),
        p.sensitivity("flu"),
        p.credible_intervals(draws=50),
        p.next_questions(),
        model().tune(cases),
        model().evaluate(cases, bootstrap=5),
        model().diff(model().with_priors({"flu": 0.5})),
        interview,
    ]
    return {type(result).__name__: result for result in found}


NAMES = (
    *("Model", "Posterior", "Explanation", "Attribution", "Comparison", "Conflict", "Sensitivity"),
    *("CredibleIntervals", "Questions", "Tuning", "Evaluation", "Difference", "Interview"),
)


class Reader(HTMLParser):
    """What a browser would make of it: elements with attributes, words, and whether all that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_no_class_is_left_out() -> None:
    """Every class of the library that shows itself as HTML is tested here."""
    shown = set()
    for info in pkgutil.walk_packages(twitchbayes.__path__, "twitchbayes."):
        if info.name != "twitchbayes.__main__":
            module = importlib.import_module(info.name)
            classes = [value for value in vars(module).values() if inspect.isclass(value)]
            shown |= {
                c.__name__ for c in classes if "_repr_html_" in vars(c) and c.__module__.startswith("twitchbayes")
            }
    assert shown == set(NAMES) == set(results())


@pytest.mark.parametrize("name", NAMES)
def test_text_stays_text(name: str) -> None:
    """No text of a model becomes an element; what is opened is closed."""
    found = Reader(results()[name]._repr_html_())
    assert {tag for tag, _ in found.elements} <= ALLOWED
    assert found.open == []


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"Difference", "Sensitivity", "Conflict", "Tuning"}))
def test_text_is_shown(name: str) -> None:
    """A label, or a text of model.toml, that looks like a script is read as it stands: the test above can fail."""
    assert EVIL in "".join(Reader(results()[name]._repr_html_()).words)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_comes_from_outside(name: str) -> None:
    """Nothing is loaded, nothing runs: no address, no handler, no style sheet."""
    for tag, attributes in Reader(results()[name]._repr_html_()).elements:
        assert set(attributes) <= {"class", "style", "scope", "aria-hidden"}, tag
        assert "url(" not in (attributes.get("style") or "")


@pytest.mark.parametrize("name", NAMES)
def test_tables_can_be_read_aloud(name: str) -> None:
    """Every table says what it is and every header which way it goes; words have the notebook's own colours."""
    elements = Reader(results()[name]._repr_html_()).elements
    tags = [tag for tag, _ in elements]
    assert "table" in tags
    assert tags.count("caption") == tags.count("table")
    headers = [attributes for tag, attributes in elements if tag == "th"]
    assert headers
    assert {attributes.get("scope") for attributes in headers} <= {"row", "col"}
    for _, attributes in elements:
        # A bar is a mark of one colour that is seen on white and on black; words never have one.
        style = attributes.get("style") or ""
        assert "background" not in style or "aria-hidden" in attributes
        assert not re.search(r"(^|;)color:", style)


@pytest.mark.parametrize("name", NAMES)
def test_disclaimer_stands_below(name: str) -> None:
    """Every result ends with what it is not."""
    words = "".join(Reader(results()[name]._repr_html_()).words)
    assert words.rstrip().endswith(DISCLAIMER)


def test_model_tells_its_size() -> None:
    """A model shows how many variables, numbers and sources it has, and what its numbers rest on."""
    words = " ".join(Reader(model()._repr_html_()).words)
    for row in ("contexts 1", "causes 2", "findings 2", "serious causes 1", "numbers 9 (9 expert)", "sources 1"):
        assert row in words
    assert model().fingerprint[:12] in words


def test_interview_tells_where_it_is() -> None:
    """An interview shows what was asked and answered, the leading causes, and what to ask next or that it is over."""
    interview = twitchbayes.Interview(known={"age": 62})
    question = interview.ask()
    assert question is not None
    assert f"Next: {question.text}" in interview._repr_html_()
    assert "0 asked" in interview._repr_html_()
    interview.answer("no")
    interview.skip()
    shown = interview._repr_html_()
    assert "2 asked" in shown
    assert f">{question.text}</td>" in shown
    assert ">left open</td>" in shown
    over = twitchbayes.Interview(threshold_bits=50.0)
    assert "Finished: no question is worth asking." in over._repr_html_()
