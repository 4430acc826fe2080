"""The network in three layers: contexts, causes, findings, with the evidence and the posterior coloured in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from twitchbayes.display import given, percent
from twitchbayes.errors import InvalidValueError
from twitchbayes.plots.layers import ordered
from twitchbayes.plots.text import LINE, PLAIN, wrapped
from twitchbayes.plots.theme import (
    BLUE,
    GREEN,
    GREY,
    PURPLE,
    SMALL,
    VERMILLION,
    WIDE,
    blend,
    legend,
    on,
    pyplot,
    titled,
)
from twitchbayes.provenance import strengths
from twitchbayes.values import is_graded, spoken

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from twitchbayes.knowledge import Knowledge, Variable
    from twitchbayes.model import Model
    from twitchbayes.posterior import Posterior

__all__ = ["network"]


class _Head(NamedTuple):
    """What stands above a layer, and where."""

    text: str
    x: float
    side: Literal["left", "center", "right"]


# Where things are, in parts of the width of the axes: links run between the marks and the boxes.
CONTEXT, BOX, FINDING = 0.27, (0.385, 0.615), 0.73
HEADS = (_Head("contexts", CONTEXT, "right"), _Head("causes", 0.5, "center"), _Head("findings", FINDING, "left"))
GAP = 0.012
WORDS = CONTEXT - GAP  # the width of a label beside its mark
# Inches: the width, and the heights of a row, the legend, the heads and a line of the title.
WIDEST, ROW, BELOW, HEAD, TITLE = 1.25 * WIDE, 0.31, 1.0, 0.45, 0.19
THINNEST, THICKEST = 0.4, 4.0  # points, for link probabilities 0 and 1
ACTIVE, PLAINLY, PASSIVE = 0.8, 0.5, 0.3  # how opaque lines are
# How each kind of line is drawn, and what the legend says of it; a link says its probability.
DASHES: Mapping[str, Any] = {
    "link": "-",
    "prior": (0, (4, 3)),
    "stratum": (0, (4, 3)),
    "or": (0, (1, 2)),
    "of": (0, (6, 2, 1, 2)),
    "excludes": (0, (2, 2, 6, 2)),
}
COLOURS = {"excludes": PURPLE}
MEANINGS = {
    "prior": "its prior depends on it",
    "stratum": "its links depend on it",
    "or": "present where a site is",
    "of": "describes it",
    "excludes": "absent by definition where it is",
}
# A cause is filled the more the higher its posterior: up to each of these, that much blue.
LEVELS = ((0.001, 0.04), (0.01, 0.2), (0.1, 0.45), (0.5, 0.75), (1.0, 1.0))


@dataclass(frozen=True, slots=True)
class _Line:
    """A line between two variables: a link with its probability, or without one a dependence of another kind."""

    parent: str
    child: str
    kind: str  # a key of DASHES
    probability: float = 0.0

    @property
    def name(self) -> str:
        return f"P({self.child} | {self.parent})" if self.kind == "link" else f"{self.parent} to {self.child}"


@dataclass(frozen=True, slots=True)
class _Drawing:
    """Where everything is, and what is known of it."""

    ax: Axes
    knowledge: Knowledge
    posterior: Posterior | None
    layers: Sequence[Sequence[str]]
    place: Mapping[str, tuple[float, float]]
    states: Mapping[str, str]

    def is_present(self, name: str) -> bool:
        """Whether a variable is known to be above its lowest state; one of a context is present or it is not."""
        left = () if self.posterior is None else self.posterior.states_left.get(name, ())
        variable = self.knowledge.variables[name]
        return bool(left) and (variable.states[0] not in left if is_graded(variable) else left == ("present",))

    def is_absent(self, name: str) -> bool:
        """Whether a variable is known to be absent, or in its lowest state where it has levels."""
        variable = self.knowledge.variables[name]
        return self.states.get(name) == (variable.states[0] if is_graded(variable) else "absent")

    @property
    def pitch(self) -> float:
        """Points between the rows of the longest layer."""
        return self._height / max(map(len, self.layers))

    @property
    def width(self) -> float:
        """Points from the left to the right."""
        return self.ax.get_window_extent().width * 72 / self.ax.figure.dpi

    @property
    def _height(self) -> float:
        return self.ax.get_window_extent().height * 72 / self.ax.figure.dpi

    @property
    def size(self) -> float:
        """Size of the font in points: that of small words, or what a row has room for."""
        return min(SMALL - 1, self.pitch / LINE / 1.1)

    def lines_of_cause(self) -> int:
        """Return how many lines a box has room for."""
        return max(1, min(3, int(self._height / max(len(self.layers[1]), 1) / (LINE * self.size) - 0.9)))


def network(model: Model, posterior: Posterior | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw a model in three layers, with an answer coloured in.

    Parameters
    ----------
    model : Model
    posterior : Posterior, optional
        An answer of this model: its evidence and the probabilities of the causes are coloured in.
    ax : matplotlib.axes.Axes, optional
        Words become as small as its size needs; without it a figure is made that is large enough.

    Returns
    -------
    matplotlib.axes.Axes
        The marks and boxes have the names of the variables as their ids, the lines those of the numbers, P(child |
        parent), and `<parent> to <child>` where there is no link probability.

    Raises
    ------
    InvalidValueError
        If matplotlib is missing, or the posterior is of a model with other variables.
    """
    knowledge = model.knowledge
    if posterior is not None and set(posterior.model.knowledge.variables) != set(knowledge.variables):
        message = f"the posterior is of {posterior.model.describe()}, which has other variables than {model.describe()}"
        raise InvalidValueError(message)
    lines = list(_lines(knowledge))
    layers = _layers(knowledge, lines)
    title = [f"The network of {model.describe()}", *(_about(posterior) if posterior is not None else ())]
    title += _unions(model, posterior)
    ax = _own_axes(max(map(len, layers)), title) if ax is None else ax
    drawing = _drawing(ax, knowledge, posterior, layers)
    for line in sorted(lines, key=lambda line: _active(drawing, line)):
        _draw_line(drawing, line)
    for layer, head in zip(layers, HEADS, strict=True):
        _draw_head(drawing, head)
        for name in layer:
            (_draw_cause if head.text == "causes" else _draw_mark)(drawing, knowledge.variables[name])
    legend(ax, [*_line_handles(lines), *_cause_handles(drawing), *_mark_handles(drawing)], ncols=4)
    titled(ax, *title, pad=18)
    return ax


def _about(posterior: Posterior) -> Iterator[str]:
    yield f"given {given(posterior)}"
    if posterior.assumed:
        yield f"assumed {', '.join(f'{name}={state}' for name, state in posterior.assumed.items())}"


def _unions(model: Model, posterior: Posterior | None) -> list[str]:
    """Return a line that names each union of causes, with its probability in an answer."""
    parts = []
    for union in model.unions:
        number = "" if posterior is None else f" {percent(posterior[union])}"
        causes = ", ".join(map(model.label, model.knowledge.causes_of(union)))
        parts.append(f"{model.label(union)}{number} ({causes})")
    return [f"any of several causes: {'; '.join(parts)}"] if parts else []


def _lines(knowledge: Knowledge) -> Iterator[_Line]:
    """Yield what depends on what.

    Links, with the most that one does in any stratum; priors, and links, on the contexts they are given; the OR of a
    group on its members; what describes a finding on that finding; a cause on those beside which it is absent.
    """
    linked = strengths(knowledge)
    for (parent, child), probability in linked.items():
        yield _Line(parent, child, "link", probability)
    given_by = {(name, prior.variable): "prior" for prior in knowledge.priors for name, _ in prior.given}
    given_by |= {(name, link.child): "stratum" for link in knowledge.links for name, _ in link.given}
    for (parent, child), kind in given_by.items():
        if (parent, child) not in linked:
            yield _Line(parent, child, kind)
    for variable in knowledge.variables.values():
        for member in knowledge.members(variable.any_of) if variable.any_of else ():
            yield _Line(member.name, variable.name, "or")
        if variable.of:
            yield _Line(variable.of, variable.name, "of")
        for other in dict.fromkeys(cause for part in variable.excludes for cause in knowledge.causes_of(part)):
            yield _Line(other, variable.name, "excludes")


def _layers(knowledge: Knowledge, lines: Sequence[_Line]) -> list[list[str]]:
    roles = knowledge.of_role("context"), knowledge.of_role("cause"), knowledge.of_role("finding")
    layers = [[variable.name for variable in variables] for variables in roles]
    role = {name: index for index, layer in enumerate(layers) for name in layer}
    return ordered(layers, [(line.parent, line.child) for line in lines if role[line.child] == role[line.parent] + 1])


def _drawing(ax: Axes, knowledge: Knowledge, posterior: Posterior | None, layers: Sequence[Sequence[str]]) -> _Drawing:
    ax.set(xlim=(0, 1), ylim=(0, 1), xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    place = {
        name: (head.x, 1 - (row + 0.5) / len(layer))
        for layer, head in zip(layers, HEADS, strict=True)
        for row, name in enumerate(layer)
    }
    states = {} if posterior is None else {**posterior.assumed, **posterior.evidence}
    return _Drawing(ax, knowledge, posterior, layers, place, states)


def _own_axes(rows: int, title: Sequence[str]) -> Axes:
    """Return the axes of a new figure, with room for so many rows below a title."""
    plt = pyplot()
    count = sum(len(wrapped(text, 72 * WIDEST, SMALL + 1)) for text in title)
    height = max(rows, 6) * ROW + BELOW + HEAD + TITLE * count
    figure = plt.figure(figsize=(WIDEST, height))
    axes: Axes = figure.add_axes((0.01, BELOW / height, 0.98, max(rows, 6) * ROW / height))
    return axes


# Lines


def _active(drawing: _Drawing, line: _Line) -> bool:
    """Whether a line leads from what is present, or to it; without an answer every line does."""
    if drawing.posterior is None:
        return True
    if line.kind in {"prior", "stratum"}:
        return line.parent in drawing.states
    return drawing.is_present(line.parent) or drawing.is_present(line.child)


def _draw_line(drawing: _Drawing, line: _Line) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    active = _active(drawing, line)
    colour = BLUE if active and drawing.posterior is not None else COLOURS.get(line.kind, GREY)
    width = THINNEST + (THICKEST - THINNEST) * line.probability if line.kind == "link" else 1.0
    path = Path(_curve(drawing, line), [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    alpha = (ACTIVE if drawing.posterior is not None else PLAINLY) if active or line.kind in COLOURS else PASSIVE
    look: dict[str, Any] = {"edgecolor": colour, "linewidth": width, "linestyle": DASHES[line.kind], "alpha": alpha}
    drawing.ax.add_patch(PathPatch(path, fill=False, gid=line.name, **look))


def _curve(drawing: _Drawing, line: _Line) -> list[tuple[float, float]]:
    """Return a curve from the right of the parent to the left of the child; in one layer, an arc beside it."""
    (x, y), (to_x, to_y) = drawing.place[line.parent], drawing.place[line.child]
    if x == to_x:
        edge, inwards = (BOX[0], -1) if x == 0.5 else (x, 1 if x < 0.5 else -1)
        bow = edge + inwards * (0.02 + 0.06 * abs(y - to_y))
        start = edge + inwards * (0 if x == 0.5 else GAP / 2)
        return [(start, y), (bow, y), (bow, to_y), (start, to_y)]
    start = BOX[1] if x == 0.5 else x + GAP / 2
    end = BOX[0] if to_x == 0.5 else to_x - GAP / 2
    middle = (start + end) / 2
    return [(start, y), (middle, y), (middle, to_y), (end, to_y)]


# Variables


def _draw_head(drawing: _Drawing, head: _Head) -> None:
    drawing.ax.text(head.x, 1.0, head.text, ha=head.side, va="bottom", fontsize=SMALL + 1, style="italic")


def _draw_mark(drawing: _Drawing, variable: Variable) -> None:
    """Draw a context or a finding: a mark that says what is known, and its label outside."""
    x, y = drawing.place[variable.name]
    outwards = -1 if variable.role == "context" else 1
    drawing.ax.plot(x, y, gid=variable.name, clip_on=False, zorder=3, **_mark(drawing, variable.name))
    state = drawing.states.get(variable.name)
    label = variable.label if state is None else f"{variable.label}: {spoken(state)}"
    virtual = drawing.posterior is not None and variable.name in drawing.posterior.virtual_evidence
    words, room = f"{label}{': seen uncertainly' * virtual}", int(drawing.pitch / (LINE * drawing.size))
    text = "\n".join(wrapped(words, WORDS * drawing.width, drawing.size, most=max(room, 1)))
    side = "right" if outwards < 0 else "left"
    drawing.ax.text(x + outwards * GAP, y, text, ha=side, va="center", fontsize=drawing.size, **PLAIN)


def _mark(drawing: _Drawing, name: str) -> dict[str, Any]:
    """Return the look of a mark: open where absent, filled in any other state, a dot where nothing is known."""
    virtual = drawing.posterior.virtual_evidence if drawing.posterior is not None else {}
    state, size = drawing.states.get(name), drawing.size
    if name in virtual:
        return {"marker": "D", "color": GREEN, "markersize": 0.8 * size}
    if state is None:
        return {"marker": "o", "color": GREY, "markersize": 0.5 * size}
    assumed = drawing.posterior is not None and name in drawing.posterior.assumed
    look = {"marker": "^" if assumed else "s", "color": BLUE, "markersize": 0.9 * size}
    return look if not drawing.is_absent(name) else {**look, "markerfacecolor": "none", "markeredgewidth": 1.5}


def _draw_cause(drawing: _Drawing, variable: Variable) -> None:
    from matplotlib.patches import Rectangle

    y = drawing.place[variable.name][1]
    p = None if drawing.posterior is None else drawing.posterior[variable.name]
    number = "" if p is None else f" {percent(p)}"
    most = drawing.lines_of_cause()
    width = (BOX[1] - BOX[0]) * drawing.width - drawing.size
    text = wrapped(f"{variable.label}{number}", width, drawing.size)
    if len(text) > most:
        # The number stays whatever the label loses.
        text = wrapped(variable.label, width, drawing.size, most=max(most - bool(number), 1))
        text = [*text[: max(most - bool(number), 0)], *([number.strip()] if number else [])]
    height = min((most + 0.5) * LINE * drawing.size / drawing._height, 0.92 / len(drawing.layers[1]))
    fill = blend(drawing.ax, BLUE, 0.04 if p is None else _share(p))
    edge, line = (VERMILLION, 2.0) if variable.serious else (GREY, 1.0)
    box = Rectangle((BOX[0], y - height / 2), BOX[1] - BOX[0], height, gid=variable.name, zorder=2)
    box.set(facecolor=fill, edgecolor=edge, linewidth=line)
    drawing.ax.add_patch(box)
    look = {"ha": "center", "va": "center", "color": on(fill), "fontsize": drawing.size, "zorder": 3, **PLAIN}
    drawing.ax.text(0.5, y, "\n".join(text), None, linespacing=1.1, **look)


def _share(p: float) -> float:
    return next(share for top, share in LEVELS if p <= top)


# Legend


def _line_handles(lines: Sequence[_Line]) -> list[Artist]:
    from matplotlib.lines import Line2D

    kinds = {line.kind for line in lines}
    handles: list[Artist] = [
        Line2D([], [], color=GREY, linewidth=THINNEST + (THICKEST - THINNEST) * p, label=f"link probability {p:.0%}")
        for p in (0.1, 0.5, 0.9)
        if "link" in kinds
    ]
    handles += [
        Line2D([], [], color=COLOURS.get(kind, GREY), linestyle=DASHES[kind], label=meaning)
        for kind, meaning in MEANINGS.items()
        if kind in kinds
    ]
    return handles


def _cause_handles(drawing: _Drawing) -> list[Artist]:
    from matplotlib.patches import Patch

    serious = any(variable.serious for variable in drawing.knowledge.of_role("cause"))
    handles: list[Artist] = [Patch(fill=False, edgecolor=VERMILLION, linewidth=2, label="serious cause")] * serious
    if drawing.posterior is None:
        return handles
    bottoms = ("0%", *(f"{100 * top:g}%" for top, _ in LEVELS))
    for bottom, (top, share) in zip(bottoms, LEVELS, strict=False):
        label = f"posterior {bottom} to {100 * top:g}%"
        handles.append(Patch(facecolor=blend(drawing.ax, BLUE, share), edgecolor=GREY, label=label))
    return handles


def _mark_handles(drawing: _Drawing) -> list[Artist]:
    from matplotlib.lines import Line2D

    posterior = drawing.posterior
    if posterior is None:
        return []
    observed, absent = bool(posterior.evidence), any(map(drawing.is_absent, posterior.evidence))
    looks: list[tuple[str, dict[str, Any], bool]] = [
        ("observed", {"marker": "s", "color": BLUE}, observed),
        ("observed to be absent", {"marker": "s", "color": BLUE, "markerfacecolor": "none"}, absent),
        ("assumed", {"marker": "^", "color": BLUE}, bool(posterior.assumed)),
        ("seen uncertainly", {"marker": "D", "color": GREEN}, bool(posterior.virtual_evidence)),
        ("unknown", {"marker": "o", "color": GREY, "markersize": 4}, True),
    ]
    handles: list[Artist] = [Line2D([], [], linestyle="", label=label, **look) for label, look, there in looks if there]
    if observed or posterior.assumed:
        handles.append(Line2D([], [], color=BLUE, linewidth=2, alpha=ACTIVE, label="to or from what is present"))
    return handles
