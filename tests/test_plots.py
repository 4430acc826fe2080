"""Plots: what is drawn is what the results say, words do not overlap, and pictures look as they did.

`python tests/test_plots.py` makes the pictures anew: those of docs/plots.md, by the blocks of that page, and those in
tests/baseline. Look at each before committing it.
"""

from __future__ import annotations

import contextlib
import functools
import io
import math
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.legend import Legend
from matplotlib.text import Text
from PIL import Image

import twitchbayes
from models import CERTAIN, SITES, load
from twitchbayes import draws, plots
from twitchbayes.errors import InvalidValueError, UnknownVariableError
from twitchbayes.model import Model
from twitchbayes.plots import layers, scales, text, theme

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "plots.md"
BASELINE = ROOT / "tests" / "baseline"
DPI = 72
# Root mean square of the difference of the colours, 0 to 255. Between matplotlib 3.9 and 3.11 it is 0.45 at most.
TOLERANCE = 0.6
FAR = 10.0  # likewise, of pictures of 24 by 24: 7.6 at most

STYLE = {"font.family": "DejaVu Sans", "figure.dpi": DPI, "savefig.dpi": DPI, "svg.hashsalt": "twitchbayes"}
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```\n(?:\n!\[[^\]]*\]\((\S+)\))?', re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _one_style() -> Iterator[None]:
    """Every figure is drawn in one style."""
    with plt.style.context(["default", STYLE]):
        yield


# What is drawn


@functools.cache
def twitch_model() -> Model:
    return twitchbayes.load_model("twitch")


@functools.cache
def answer() -> Any:
    return twitch_model().infer(weakness=True, twitch_location="arm_hand;nowhere_else", age=62, cramps=False)


@functools.cache
def small(name: str) -> Model:
    """A small model: numbers 0 and 1, groups, or labels that would be anything but words to matplotlib."""
    folder = Path(tempfile.mkdtemp()) / name
    return load(folder, **{"certain": {"base": CERTAIN}, "sites": {"base": SITES}, "odd": ODD, "one": ONE}[name])


ODD: dict[str, Any] = {
    "variables": f"""
        variable,role,label,serious
        winter,context,$\\alpha_1$ Frühling · 100 % «_x_»,
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
    return small("certain").infer(mark=True, ache=None)


@functools.cache
def odd() -> Any:
    return small("odd").infer(fever=True, cough=True, winter=False)


def seen() -> Any:
    return small("sites").infer(age=50, virtual_evidence={"weak": 3.0})


DRAWN: dict[str, Callable[..., Axes]] = {
    "network": lambda ax=None: plots.network(twitch_model(), answer(), ax=ax),
    "network_alone": lambda ax=None: plots.network(twitch_model(), ax=ax),
    "network_certain": lambda ax=None: plots.network(small("certain"), sure(), ax=ax),
    "network_sites": lambda ax=None: plots.network(
        small("sites"), small("sites").infer(age=50, virtual_evidence={"weak": 3.0}), ax=ax
    ),
    "network_odd": lambda ax=None: plots.network(small("odd"), odd(), ax=ax),
    "network_one": lambda ax=None: plots.network(small("one"), ax=ax),
    "posterior": lambda ax=None: plots.posterior(answer(), ax=ax),
    "posterior_nothing": lambda ax=None: plots.posterior(twitch_model().infer(twitching=None), intervals=False, ax=ax),
    "posterior_certain": lambda ax=None: plots.posterior(sure(), ax=ax),
    "posterior_odd": lambda ax=None: plots.posterior(odd(), ax=ax),
    "posterior_one": lambda ax=None: plots.posterior(small("one").infer(), ax=ax),
    "weights": lambda ax=None: plots.weights(answer().explain("als"), ax=ax),
    "weights_top": lambda ax=None: plots.weights(answer().explain("als"), top=2, ax=ax),
    "weights_nothing": lambda ax=None: plots.weights(small("one").infer().explain("cold"), ax=ax),
    "weights_decisive": lambda ax=None: plots.weights(sure().explain("gene"), ax=ax),
    "weights_odd": lambda ax=None: plots.weights(odd().explain("flu"), ax=ax),
    "tornado": lambda ax=None: plots.tornado(answer().sensitivity("als"), ax=ax),
    "tornado_certain": lambda ax=None: plots.tornado(sure().sensitivity("gene"), ax=ax),
    "tornado_odd": lambda ax=None: plots.tornado(odd().sensitivity("flu"), top=3, ax=ax),
    "questions": lambda ax=None: plots.questions(answer().next_questions(8), ax=ax),
    "questions_costs": lambda ax=None: plots.questions(answer().next_questions(3, costs={"recent_exercise": 2}), ax=ax),
    "questions_none": lambda ax=None: plots.questions(answer().worth_asking(90.0), ax=ax),
    "questions_odd": lambda ax=None: plots.questions(small("odd").infer().next_questions(), ax=ax),
    "calibration": lambda ax=None: plots.calibration(evaluation(), "palsy", ax=ax),
    "calibration_all": lambda ax=None: plots.calibration(evaluation(), ax=ax),
    "roc": lambda ax=None: plots.roc(evaluation(), "strain", ax=ax),
    "densities": lambda ax=None: plots.densities(tuning(), "P(weak | palsy)", ax=ax),
    "densities_rare": lambda ax=None: plots.densities(tuning(), "P(palsy=present | age=18-39, sex=female)", ax=ax),
    "history": lambda ax=None: plots.history(interview(), ax=ax),
    "history_start": lambda ax=None: plots.history(twitchbayes.Interview(small("odd")), ax=ax),
}


def words_of(ax: Axes) -> list[Text]:
    """Return every text of the axes that is drawn; ticks beyond the ends of an axis have labels that are not."""
    ax.figure.canvas.draw()
    axes = [axis for part in (ax, *ax.child_axes) for axis in (part.xaxis, part.yaxis)]
    made = {label for axis in axes for tick in axis.get_major_ticks() for label in (tick.label1, tick.label2)}
    made |= {label for axis in axes for tick in axis.get_minor_ticks() for label in (tick.label1, tick.label2)}
    drawn = {label for axis in axes for tick in axis._update_ticks() for label in (tick.label1, tick.label2)}
    return [
        found
        for found in ax.figure.findobj(Text)
        if found.get_visible() and found.get_text().strip() and (found not in made or found in drawn)
    ]


@pytest.mark.parametrize("name", DRAWN)
def test_no_words_overlap(name: str) -> None:
    """No text lies over another one, and none is cut off by the edge of its figure."""
    ax = DRAWN[name]()
    boxes = [(found.get_text(), found.get_window_extent()) for found in words_of(ax)]
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


# What is drawn is what the results say


def of(ax: Axes, gid: str) -> Any:
    """Return the one artist with an id."""
    found = [artist for artist in ax.findobj() if artist.get_gid() == gid]
    assert len(found) == 1, f"{gid}: {len(found)} artists"
    return found[0]


def ids(ax: Axes) -> set[str]:
    return {artist.get_gid() for artist in ax.findobj() if artist.get_gid()}


def x_of(ax: Axes, gid: str) -> list[float]:
    return np.asarray(of(ax, gid).get_xdata(), float).tolist()


def test_posterior_is_drawn() -> None:
    """Each mark stands at its probability, each interval between its bounds."""
    p, intervals = answer(), answer().credible_intervals()
    ax = plots.posterior(p)
    assert ids(ax) == {
        *(f"{name}{what}" for name in (*p, "none") for what in ("", ".prior", ".interval")),
        "serious",
        "serious.interval",
    }
    for cause in p:
        assert x_of(ax, cause) == [p[cause]]
        assert x_of(ax, f"{cause}.prior") == [p.prior[cause]]
        assert x_of(ax, f"{cause}.interval") == [intervals[cause].low, intervals[cause].high]
    assert x_of(ax, "none") == [p.none]
    assert x_of(ax, "serious") == [p.serious]
    assert "percent (logarithmic)" in ax.get_xlabel()


def test_posterior_takes_the_intervals_it_is_given() -> None:
    """Those of `infer(interval=...)` go before new ones, and those of a caller before these."""
    p = twitch_model().infer(weakness=True, interval=0.5)
    assert x_of(plots.posterior(p), "als.interval") == [p.intervals["als"].low, p.intervals["als"].high]
    wide = p.credible_intervals(0.99, draws=200)
    assert x_of(plots.posterior(p, intervals=wide), "als.interval") == [wide["als"].low, wide["als"].high]
    assert "als.interval" not in ids(plots.posterior(p, intervals=False))
    with pytest.raises(InvalidValueError, match="the intervals are of another answer"):
        plots.posterior(answer(), intervals=wide)
    with pytest.raises(InvalidValueError, match="intervals=3 are none; give those of credible_intervals"):
        plots.posterior(p, intervals=3)


def test_intervals_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they would take long, fewer draws are taken, or none, and the legend says so; True takes all."""
    p = answer()
    a_draw = p.model.engine.cost(p._evidence.codes)
    monkeypatch.setattr(draws, "DRAWS_COST", 200.5 * a_draw)
    few = p.credible_intervals(draws=200)
    ax = plots.posterior(p)
    assert x_of(ax, "als.interval") == [few["als"].low, few["als"].high]
    assert "95% credible interval, only 200 draws" in {words.get_text() for words in ax.get_legend().get_texts()}
    monkeypatch.setattr(draws, "DRAWS_COST", 99.5 * a_draw)
    ax = plots.posterior(p)
    assert "als.interval" not in ids(ax)
    assert "take long and are left out" in " ".join(ax.get_legend().get_title().get_text().split())
    ax = plots.posterior(p, intervals=True)
    assert x_of(ax, "als.interval") == [p.credible_intervals()["als"].low, p.credible_intervals()["als"].high]
    assert not plots.posterior(p, intervals=False).get_legend().get_title().get_text()


def test_zero_has_its_own_place() -> None:
    """On a logarithmic axis 0 stands at the edge, by itself and named; nothing is drawn at what is not its value."""
    ax = plots.posterior(sure(), intervals=False)
    assert sure()["ghost"] == 0
    scale = scales.Probabilities.of([0.0, 1e-4, 1.0])
    assert scale == scales.Probabilities(log=True, smallest=1e-4, largest=1.0, edge="0%")
    assert scale.at(0.0) < 1e-4
    assert scale.at(1e-4) == 1e-4
    assert scales.Probabilities.of([0.0, 0.5]) == scales.Probabilities(log=False, smallest=0.0, largest=0.525)
    tiny = scales.Probabilities.of([1e-30, 1.0])
    assert (tiny.edge, tiny.at(1e-30), tiny.at(1e-8)) == ("<0.000001%", 2e-9, 1e-8)
    assert x_of(ax, "ghost") == [0.0]
    assert ax.get_xscale() == "linear"


def test_weights_are_drawn() -> None:
    """The bars are the Shapley values end to end, from the log odds of the prior to those of the posterior."""
    found = answer().explain("als")
    ax = plots.weights(found)
    start = 10 * math.log10(found.prior / (1 - found.prior))
    end = 10 * math.log10(found.probability / (1 - found.probability))
    place = start
    for reason in sorted(found.reasons, key=lambda reason: -abs(reason.shapley_nats)):
        bar = of(ax, reason.item.name)
        share = reason.shapley_nats * 10 / math.log(10)
        assert bar.get_x() == pytest.approx(place)
        assert bar.get_width() == pytest.approx(share)
        assert x_of(ax, f"{reason.item.name}.weight") == pytest.approx([place + reason.weight_decibans])
        place += share
    assert x_of(ax, "prior") == pytest.approx([start])
    assert x_of(ax, "posterior") == pytest.approx([end])
    assert place == pytest.approx(end)
    assert "decibans" in ax.get_xlabel()


def test_weights_leave_nothing_out() -> None:
    """Items beyond `top` are one bar, which says how many they are; the waterfall still ends at the posterior."""
    found = answer().explain("als")
    ax = plots.weights(found, top=2)
    assert "2 other items together" in {label.get_text() for label in ax.get_yticklabels()}
    shares = sorted((reason.shapley_nats for reason in found.reasons), key=abs)[:2]
    assert of(ax, "others").get_width() == pytest.approx(sum(shares) * 10 / math.log(10))


def test_infinite_weights_are_named() -> None:
    """A decisive weight fills its side, is hatched, and is named; no number stands for it."""
    found = sure().explain("gene")
    assert [reason.weight_nats for reason in found.reasons] == [math.inf]
    ax = plots.weights(found)
    assert of(ax, "mark").get_hatch()
    assert of(ax, "mark").get_width() == ax.get_xlim()[1]
    texts = {found.get_text() for found in ax.texts}
    assert "decisive" in texts
    assert "infinity has no shares" in ax.get_xlabel()


def test_light_weights_that_are_not_shown_are_counted() -> None:
    """Where bars are no waterfall, items beyond `top` are left out, and counted below."""
    found = small("certain").infer(mark=True, born=True, ache=None).explain("gene")
    assert "1 lighter items are not shown" in plots.weights(found, top=1).get_xlabel()


def test_tornado_is_drawn() -> None:
    """Each bar reaches from the posterior to that with the number at a bound; what is not shown is counted."""
    found = answer().sensitivity("als")
    ax = plots.tornado(found, top=5)
    now = answer()["als"]
    for function in found.functions[:5]:
        for end, value in (("low", function.at_low), ("high", function.at_high)):
            bar = of(ax, f"{function.name}.{end}")
            assert bar.get_x() == now
            assert bar.get_x() + bar.get_width() == pytest.approx(value)
        change = function.change_inside
        assert (f"{function.name}.change" in ids(ax)) == (change is not None)
    hidden = re.search(r"not shown: (\d+) numbers that move it less, (\d+) that do not", ax.get_xlabel())
    assert hidden is not None
    assert int(hidden[1]) + int(hidden[2]) == len(found) - 5
    assert int(hidden[1]) == sum(function.swing > 1e-12 * now for function in found) - 5


def test_tornado_tells_what_is_impossible() -> None:
    """A bound at which the evidence would be impossible has no bar, and is named."""
    found = sure().sensitivity("gene")
    name = "P(mark | gene)"
    assert found[name].at_low is None
    ax = plots.tornado(found)
    assert f"{name}.low" not in ids(ax)
    assert any("impossible at 0" in found.get_text() for found in ax.texts)


def test_questions_are_drawn() -> None:
    """A bar is the bits that a question is expected to settle, a diamond those for one unit of cost."""
    found = answer().next_questions(3, costs={"recent_exercise": 2})
    ax = plots.questions(found)
    for question in found:
        assert of(ax, question.variable).get_width() == question.gain_bits
        assert x_of(ax, f"{question.variable}.per_cost") == [question.gain_per_cost]
    assert ids(plots.questions(answer().next_questions(3))) == {q.variable for q in answer().next_questions(3)}
    assert "bits" in ax.get_xlabel()


def test_calibration_is_drawn() -> None:
    """A mark a bin, at its mean prediction and its share, with Wilson's interval."""
    curve = evaluation().calibration("strain")
    ax = plots.calibration(evaluation(), "strain")
    scale = scales.Probabilities.of(curve[["mean_predicted", "observed", "low", "high"]].to_numpy().ravel())
    at = scale.at if ax.get_xscale() == "log" else float
    for number, row in enumerate(curve.itertuples(), start=1):
        assert x_of(ax, f"bin {number}") == [at(row.mean_predicted)]
        assert of(ax, f"bin {number}").get_ydata().tolist() == [at(row.observed)]
        assert list(of(ax, f"bin {number}.interval").get_ydata()) == [at(row.low), at(row.high)]


def test_roc_is_drawn() -> None:
    """The curve is that of `Evaluation.roc`, and the legend has its area."""
    curve = evaluation().roc("strain")
    ax = plots.roc(evaluation(), "strain")
    assert x_of(ax, "strain") == (1 - curve["specificity"]).tolist()
    assert of(ax, "strain").get_ydata().tolist() == curve["sensitivity"].tolist()
    area = evaluation().measured["strain"].values["roc_auc"]
    assert any(f"area {area:.3f}" in found.get_text() for found in ax.get_legend().get_texts())


def test_densities_are_drawn() -> None:
    """A density adds up to what of the belief is on the axis, and its interval is that of the report."""
    name = "P(weak | leak)"
    row = tuning().report.set_index("number").loc[name]
    ax = plots.densities(tuning(), name)
    for when, mean in (("before", row.old), ("after", row.new)):
        curve = of(ax, f"{name}.{when}")
        nats, density = np.asarray(curve.get_xdata()), np.asarray(curve.get_ydata())
        expected = np.trapezoid(density / (1 + np.exp(-nats)), nats)
        if when == "after":  # nearly all of it is drawn
            assert np.trapezoid(density, nats) == pytest.approx(1, abs=0.01)
            assert expected == pytest.approx(mean, rel=0.02)
    low, high = x_of(ax, f"{name}.after.interval")
    assert 1 / (1 + math.exp(-low)) == pytest.approx(row.new_low)
    assert 1 / (1 + math.exp(-high)) == pytest.approx(row.new_high)


def test_history_is_drawn() -> None:
    """A line goes through the probabilities of a cause after each answer, those of the interview itself."""
    asked = interview()
    assert len(asked.answers) == len(asked.history) + 1
    assert asked.answers[-1] is asked.posterior
    assert dict(asked.answers[0]) == dict(twitch_model().infer(age=62))
    ax = plots.history(asked, top=2)
    shown = ids(ax)
    assert len(shown) == 2
    for cause in shown:
        assert x_of(ax, cause) == [p[cause] for p in asked.answers]
        assert of(ax, cause).get_ydata().tolist() == list(range(len(asked.answers)))
    assert ax.get_legend().get_title().get_text() == "13 less probable causes are not shown"


def test_network_is_drawn() -> None:
    """Every variable has a mark, every number between two of them a line, the wider the higher it is."""
    knowledge = twitch_model().knowledge
    ax = plots.network(twitch_model(), answer())
    links = [link for link in knowledge.links if link.parent != "leak"]
    numbers = {f"P({link.child} | {link.parent})": link.number.probability for link in links}
    variables = {name for name, variable in knowledge.variables.items() if variable.role != "group"}
    drawn = ids(ax)
    assert variables | set(numbers) <= drawn
    rest = drawn - variables - set(numbers)
    assert {"age to als", "twitch_face to twitching"} <= rest
    assert all(" to " in gid for gid in rest)
    order = sorted(numbers, key=numbers.__getitem__)
    widths = [of(ax, gid).get_linewidth() for gid in order]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    filled = of(ax, "weakness").get_markerfacecolor(), of(ax, "cramps").get_markerfacecolor()
    assert filled == (theme.BLUE, "none")
    assert of(ax, "headache").get_color() == theme.GREY
    shades = [to_rgb(of(ax, cause).get_facecolor())[0] for cause in answer()]
    assert shades == sorted(shades)  # the less probable a cause, the less blue and the more ground


def test_few_links_cross() -> None:
    """The order of the layers has fewer crossings than that of the tables, and leaves no name out."""
    knowledge = twitch_model().knowledge
    given = [[v.name for v in knowledge.of_role(role)] for role in ("context", "cause", "finding")]
    roles = {name: index for index, layer in enumerate(given) for name in layer}
    links = [(k.parent, k.child) for k in knowledge.links if k.parent != "leak"]
    links = [(a, b) for a, b in links if roles[b] == roles[a] + 1]
    found = layers.ordered(given, links)
    assert [sorted(layer) for layer in found] == [sorted(layer) for layer in given]
    assert layers.crossings(found, links) < layers.crossings(given, links)


def test_crossings() -> None:
    """Two links cross where their ends are in another order; the sweeps undo a crossing."""
    links = [("a", "y"), ("b", "x")]
    assert layers.crossings([["a", "b"], ["x", "y"]], links) == 1
    assert layers.crossings([["a", "b"], ["y", "x"]], links) == 0
    assert layers.crossings(layers.ordered([["a", "b"], ["x", "y"]], links), links) == 0


# The contract of all of them

CALLS: dict[str, Callable[[Axes | None], Axes]] = {
    "network": lambda ax: twitch_model().plot(answer(), ax=ax),
    "posterior": lambda ax: answer().plot(intervals=False, ax=ax),
    "weights": lambda ax: answer().explain("als").plot(ax=ax),
    "tornado": lambda ax: answer().sensitivity("als").plot(ax=ax),
    "questions": lambda ax: answer().next_questions(3).plot(ax=ax),
    "calibration": lambda ax: evaluation().plot_calibration("palsy", ax=ax),
    "roc": lambda ax: evaluation().plot_roc("strain", ax=ax),
    "densities": lambda ax: tuning().plot("P(weak | leak)", ax=ax),
    "history": lambda ax: interview().plot(ax=ax),
}


def test_every_plot_is_tested() -> None:
    """The calls here leave out no public function, and each has pictures that are looked at for overlaps."""
    assert sorted(CALLS) == sorted(plots.__all__) == sorted({name.partition("_")[0] for name in DRAWN})


@pytest.mark.parametrize("name", CALLS)
def test_axes_given_are_returned(name: str) -> None:
    """A plot is drawn on the axes given and on no others, and says what is drawn, of which model, in which units."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(22, 8))
    assert CALLS[name](right) is right
    assert figure.axes == [left, right]
    assert not ids(left)
    assert ids(right)
    model = small("sites") if name in {"calibration", "roc", "densities"} else twitch_model()
    assert model.describe() in " ".join(right.get_title(loc="left").split())
    if name != "network":
        assert re.search("percent|decibans|bits", right.get_xlabel())


@pytest.mark.parametrize("name", CALLS)
def test_without_matplotlib(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without matplotlib the error is of the library's own family, and names the extra."""
    for module in [module for module in sys.modules if module.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidValueError, match=r'plots need matplotlib .*: pip install "twitchbayes\[plot\]"'):
        CALLS[name](None)


def test_svg_has_the_ids() -> None:
    """In a file as on the axes: each variable can be found by its name."""
    out = io.StringIO()
    plots.network(small("one")).figure.savefig(out, format="svg")
    assert 'id="cough"' in out.getvalue()
    assert 'id="P(cough | cold)"' in out.getvalue()


def test_small_axes_have_small_words() -> None:
    """On axes that are too low for their rows the words shrink, and still none overlap."""
    figure = plt.figure(figsize=(12, 5))
    ax = plots.posterior(answer(), intervals=False, ax=figure.add_axes((0.3, 0.3, 0.5, 0.4)))
    figure.canvas.draw()
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert len(boxes) == 17
    for upper, lower in pairwise(boxes):
        assert upper.y0 >= lower.y1 - 1


def test_legend_leaves_room_for_the_plot() -> None:
    """A legend has as many columns as there is room for: it is not cut off, and does not squeeze the axes."""
    figure, ax = plt.subplots(figsize=(7, 5), layout="constrained")
    plots.weights(answer().explain("als"), ax=ax)
    figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x1 <= figure.bbox.x1
    assert ax.bbox.width > 0.3 * figure.bbox.width


def test_legend_has_what_is_drawn() -> None:
    """The star is in the legend of a tornado if one is drawn, not if only a number that is not shown has one."""
    found = answer().sensitivity("als")
    first = [function.change_inside is not None for function in found.functions].index(True)
    assert first > 0
    for top, star in ((first, False), (first + 1, True)):
        words = " ".join(text.get_text() for text in plots.tornado(found, top=top).get_legend().get_texts())
        assert ("another cause" in words) == star


def test_what_cannot_be_drawn() -> None:
    """An error of the library says what is wrong and what would be right."""
    with pytest.raises(InvalidValueError, match="top=0 must be 1 or more"):
        plots.weights(answer().explain("als"), top=0)
    with pytest.raises(InvalidValueError, match="top=0 must be 1 or more"):
        plots.tornado(answer().sensitivity("als"), top=0)
    with pytest.raises(InvalidValueError, match="top=6 must be 1 to 5"):
        plots.history(interview(), top=6)
    with pytest.raises(InvalidValueError, match="which has other variables than"):
        plots.network(small("one"), answer())
    with pytest.raises(UnknownVariableError, match=r"has no number 'P\(weak \| leek\)'.*Did you mean"):
        plots.densities(tuning(), "P(weak | leek)")
    with pytest.raises(UnknownVariableError, match=r"no evaluated cause 'palsi'.*Did you mean 'palsy'"):
        plots.calibration(evaluation(), "palsi")
    cases = small("sites").simulate(20, missing={"palsy": 1.0})
    unknown = small("sites").evaluate(cases, bootstrap=0)
    with pytest.raises(InvalidValueError, match="palsy has no calibration curve: its state is known in no case"):
        plots.calibration(unknown, "palsy")


# Colours and words


def luminance(colour: Any) -> float:
    """Relative luminance by WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Any, other: Any) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
@pytest.mark.parametrize("colour", theme.MARKS)
def test_marks_are_seen(colour: str, ground: str) -> None:
    """Marks have a contrast of 3:1 or more, on a light ground and on a dark one (WCAG 2.2, 1.4.11)."""
    assert contrast(colour, ground) >= 3


@pytest.mark.parametrize("style", ["default", "dark_background"])
def test_words_are_read(style: str) -> None:
    """Words have a contrast of 4.5:1 or more with what is under them, in boxes too, in both styles (1.4.3)."""
    with plt.style.context(style):
        ax = plots.network(twitch_model(), answer())
        ground, boxes = ax.get_facecolor(), {cause: of(ax, cause) for cause in answer()}
        for found in words_of(ax):
            y = found.get_position()[1]
            inside = [box for box in boxes.values() if found in ax.texts and found.get_position()[0] == 0.5]
            under = [box.get_facecolor() for box in inside if box.get_y() < y < box.get_y() + box.get_height()]
            assert contrast(found.get_color(), under[0] if under else ground) >= 4.5, found.get_text()


def test_words_are_broken() -> None:
    """Lines are as wide as there is room, no letter is lost, and what is cut off is marked."""
    whole = "a few words and a Donaudampfschifffahrtsgesellschaft"
    lines = text.wrapped(whole, 60.0, 9.0)
    assert all(text.width_of(line, 9.0) <= 60 for line in lines)
    assert "".join(lines).replace(" ", "") == whole.replace(" ", "")
    assert text.wrapped(whole, 1e4, 9.0) == [whole]
    cut = text.wrapped(whole, 60.0, 9.0, most=2)
    assert len(cut) == 2
    assert cut[0] == lines[0]
    assert cut[1].endswith("…")
    assert text.wrapped("", 60.0, 9.0) == [""]


def test_ticks_of_log_odds() -> None:
    """Ticks are round probabilities within the ends, at their log odds, and there are at least two, never many."""
    for low, high in [(-42.0, -32.0), (-1.0, 1.0), (-9.7, -7.6), (0.1, 0.9), (-300.0, 20.0), (5.0, 14.0)]:
        ticks = scales.log_odds_ticks(low, high)
        assert 2 <= len(ticks) <= 7
        for nats, shown in ticks:
            assert low <= nats <= high
            p = float(shown.rstrip("%")) / 100
            assert math.log(p) - math.log1p(-p) == pytest.approx(nats, abs=1e-3)


# Pictures


def drawn_by_the_page() -> Iterator[tuple[Path, Any]]:
    """Yield the pictures of docs/plots.md with the figures that its blocks draw."""
    namespace: dict[str, Any] = {}
    for language, title, code, picture in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if title:
            Path(title).parent.mkdir(exist_ok=True)
            Path(title).write_text(code, encoding="utf-8")
        elif language == "python":
            exec(compile(code, PAGE.name, "exec"), namespace)
            if picture:
                yield PAGE.parent / picture, namespace["ax"].figure
                plt.close("all")


BARE = {
    **{name: (name, "default") for name in plots.__all__},
    "network_dark": ("network", "dark_background"),
    "posterior_dark": ("posterior", "dark_background"),
    "network_certain": ("network_certain", "default"),
    "posterior_certain": ("posterior_certain", "default"),
    "weights_decisive": ("weights_decisive", "default"),
}


def bare(name: str) -> Any:
    """Draw a plot on axes that stay where they are, and take its words away.

    Letters, and with them the place of the axes, differ between versions of matplotlib; marks then do not.
    """
    drawn, style = BARE[name]
    with plt.style.context([style, STYLE]):
        figure = plt.figure(figsize=(8, 6))
        DRAWN[drawn](figure.add_axes((0.05, 0.05, 0.9, 0.9)))
    for found in (*figure.findobj(Text), *figure.findobj(Legend)):
        found.set_visible(False)
    return figure


def difference(baseline: Path, figure: Any) -> float:
    """Return the root mean square of the difference of the colours, 0 to 255."""
    with Image.open(baseline) as kept:
        before, after = (np.asarray(picture.convert("RGB"), float) for picture in (kept, pixels(figure)))
    assert before.shape == after.shape
    return float(np.sqrt(((before - after) ** 2).mean()))


def pixels(figure: Any) -> Image.Image:
    out = io.BytesIO()
    figure.savefig(out)
    return Image.open(out).convert("RGB")


def write(figure: Any, file: Path) -> None:
    """Write a picture in 256 colours, which makes it small."""
    pixels(figure).quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)


@pytest.mark.parametrize("name", BARE)
def test_marks_look_as_they_did(name: str) -> None:
    """The marks of a plot are those of its baseline; without any one of them that has a name they are not."""
    figure = bare(name)
    assert difference(BASELINE / f"{name}.png", figure) < TOLERANCE
    named = [artist for artist in figure.axes[0].get_children() if artist.get_gid()]
    largest = max(named, key=lambda artist: abs(artist.get_window_extent().width * artist.get_window_extent().height))
    largest.set_visible(False)
    assert difference(BASELINE / f"{name}.png", figure) > TOLERANCE


def test_pictures_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures of docs/plots.md are what its blocks draw, one of each function: alike as seen from afar."""
    monkeypatch.chdir(tmp_path)
    kept = {}
    for picture, figure in drawn_by_the_page():
        with Image.open(picture) as shown:
            kept[picture.stem.removeprefix("plot-")] = from_afar(shown), from_afar(pixels(figure))
    assert sorted(kept) == sorted(plots.__all__)
    for name, (before, _) in kept.items():
        near = {other: float(np.sqrt(((before - after) ** 2).mean())) for other, (_, after) in kept.items()}
        assert near[name] < FAR
        assert min(near, key=near.__getitem__) == name


def from_afar(picture: Image.Image) -> Any:
    return np.asarray(picture.convert("RGB").resize((24, 24), Image.Resampling.BOX), float)


def rewrite() -> None:
    """Make all pictures anew."""
    with tempfile.TemporaryDirectory() as folder, plt.style.context(["default", STYLE]), contextlib.chdir(folder):
        for picture, figure in drawn_by_the_page():
            write(figure, picture)
    for name in BARE:
        write(bare(name), BASELINE / f"{name}.png")
        plt.close("all")


if __name__ == "__main__":
    rewrite()
