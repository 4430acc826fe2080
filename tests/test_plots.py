"""Plots: what is drawn is what the results say, words do not overlap, and pictures look as they did.

`python tests/test_plots.py` makes the pictures anew: those of docs/plots.md, by the blocks of that page, and those in
tests/baseline. Look at each before committing it.
"""

from __future__ import annotations

import functools
import io
import math
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.testing.compare import compare_images
from matplotlib.text import Text

import twitchbayes
from models import CERTAIN, SITES, load
from twitchbayes import plots
from twitchbayes.errors import InvalidValueError, UnknownVariableError
from twitchbayes.model import Model
from twitchbayes.plots import layers, scales, text, theme

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "plots.md"
BASELINE = ROOT / "tests" / "baseline"
DPI = 64
# Root mean square of the difference of the colours, 0 to 255: letters that another version of matplotlib places a
# little otherwise stay below it; a mark that has moved does not.
TOLERANCE = 6.0

STYLE = {"font.family": "DejaVu Sans", "figure.dpi": DPI, "savefig.dpi": DPI, "svg.hashsalt": "twitchbayes"}
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```\n(?:\n!\[[^\]]*\]\((\S+)\))?', re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Every figure is closed, and drawn in one style."""
    with plt.style.context(["default", STYLE]):
        yield
    plt.close("all")


# What is drawn


@functools.cache
def twitch_model() -> Model:
    return twitchbayes.load_model("twitch")


@functools.cache
def answer() -> Any:
    return twitch_model().infer(weakness=True, twitch_location="arm_hand", age=62, cramps=False)


@functools.cache
def small(name: str) -> Model:
    """A small model: numbers 0 and 1, groups, or labels that would be anything but words to matplotlib."""
    folder = Path(tempfile.mkdtemp()) / name
    return load(folder, **{"certain": {"base": CERTAIN}, "sites": {"base": SITES}, "odd": ODD, "one": ONE}[name])


ODD: dict[str, Any] = {
    "variables": f"""
        variable,role,label,serious
        winter,context,$\\alpha_1$ Frühling – 100 % «_x_»,
        flu,cause,{"a very long label that goes on and on " * 4},yes
        cold,cause,{"Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 2},
        fever,finding,price in $ and $ again_and_again,
        cough,finding,\\frac{{1}}{{2}} Ωμέγα кашель,
        """
}
ONE: dict[str, Any] = {
    "variables": """
        variable,role
        cold,cause
        cough,finding
        """,
    "priors": """
        variable,probability
        cold,0.1
        """,
    "links": """
        parent,child,probability
        leak,cough,0.05
        cold,cough,0.5
        """,
}


@functools.cache
def evaluation() -> Any:
    model = small("sites")
    cases = model.simulate(400, seed=1)
    return model.evaluate(cases, bootstrap=20)


@functools.cache
def tuning() -> Any:
    model = small("sites")
    return model.tune(model.simulate(200, seed=1))


@functools.cache
def interview() -> Any:
    asked = twitchbayes.Interview(known={"age": 62})
    for said in ["no", "yes", "unknown", "yes"]:
        asked.answer(said)
    return asked


@functools.cache
def sure() -> Any:
    """An answer of which evidence is decisive: a mark that only the gene can have made."""
    return small("certain").infer(mark=True, spot=None)


@functools.cache
def odd() -> Any:
    return small("odd").infer(fever=True, cough=True, winter=False)


DRAWN: dict[str, Callable[[], Axes]] = {
    "network": lambda: plots.network(twitch_model(), answer()),
    "network_alone": lambda: plots.network(twitch_model()),
    "network_certain": lambda: plots.network(small("certain"), sure()),
    "network_sites": lambda: plots.network(small("sites"), small("sites").infer(age=50, virtual_evidence={"weak": 3.0})),
    "network_odd": lambda: plots.network(small("odd"), odd()),
    "network_one": lambda: plots.network(small("one")),
    "posterior": lambda: plots.posterior(answer()),
    "posterior_nothing": lambda: plots.posterior(twitch_model().infer(twitching=None), intervals=False),
    "posterior_certain": lambda: plots.posterior(sure()),
    "posterior_odd": lambda: plots.posterior(odd()),
    "posterior_one": lambda: plots.posterior(small("one").infer()),
    "weights": lambda: plots.weights(answer().explain("als")),
    "weights_top": lambda: plots.weights(answer().explain("als"), top=2),
    "weights_nothing": lambda: plots.weights(small("one").infer().explain("cold")),
    "weights_decisive": lambda: plots.weights(sure().explain("gene")),
    "weights_odd": lambda: plots.weights(odd().explain("flu")),
    "tornado": lambda: plots.tornado(answer().sensitivity("als")),
    "tornado_certain": lambda: plots.tornado(sure().sensitivity("gene")),
    "tornado_odd": lambda: plots.tornado(odd().sensitivity("flu"), top=3),
    "questions": lambda: plots.questions(answer().next_questions(8)),
    "questions_costs": lambda: plots.questions(answer().next_questions(3, costs={"weakness_on_exam": 5})),
    "questions_none": lambda: plots.questions(answer().worth_asking(90.0)),
    "questions_odd": lambda: plots.questions(small("odd").infer().next_questions()),
    "calibration": lambda: plots.calibration(evaluation(), "palsy"),
    "calibration_all": lambda: plots.calibration(evaluation()),
    "roc": lambda: plots.roc(evaluation(), "strain"),
    "densities": lambda: plots.densities(tuning(), "P(weak | palsy)"),
    "densities_rare": lambda: plots.densities(tuning(), "P(palsy=present | age=18-39, sex=female)"),
    "history": lambda: plots.history(interview()),
    "history_start": lambda: plots.history(twitchbayes.Interview(small("odd"))),
}


def words_of(ax: Axes) -> Iterator[Text]:
    """Yield every text of the axes that is drawn and has letters."""
    ax.figure.canvas.draw()
    for found in ax.figure.findobj(Text):
        if found.get_visible() and found.get_text().strip():
            yield found


def in_sight(ax: Axes, found: Text) -> bool:
    """Whether a text is drawn: ticks beyond the ends of an axis have labels that are not."""
    for axes in (ax, *ax.child_axes):
        for axis in (axes.xaxis, axes.yaxis):
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            if any(found is label for tick in ticks for label in (tick.label1, tick.label2)):
                return any(found is tick.label1 or found is tick.label2 for tick in axis._update_ticks())
    return True


@pytest.mark.parametrize("name", DRAWN)
def test_no_words_overlap(name: str) -> None:
    """No text lies over another one, and none is cut off by the edge of its figure."""
    ax = DRAWN[name]()
    shown = [found for found in words_of(ax) if in_sight(ax, found)]
    boxes = [(found.get_text(), found.get_window_extent()) for found in shown]
    assert len(boxes) > 3
    for (one, first), (other, second) in combinations(boxes, 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        # Boxes have the room of the tallest letters; a pixel of it may be shared.
        assert width <= 1 or height <= 1, f"{one!r} and {other!r} overlap by {width:.1f} x {height:.1f} pixels"
    figure = ax.figure.bbox
    for one, box in boxes:
        assert box.x0 >= -1, one
        assert box.x1 <= figure.x1 + 1, one
        assert box.y0 >= -1, one
        assert box.y1 <= figure.y1 + 1, one
