"""The model card: all that a model says, where it is from and how far it agrees with what is known, in Markdown."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from twitchbayes import consistency
from twitchbayes.display import DISCLAIMER, percent
from twitchbayes.knowledge import Knowledge, Number, Variable
from twitchbayes.provenance import number_names, strengths
from twitchbayes.tables import words
from twitchbayes.values import is_graded

if TYPE_CHECKING:
    from twitchbayes.model import Model

__all__ = ["markdown", "picture"]

# The picture: three columns of boxes, in units of one pixel.
BOX_WIDTH, BOX_HEIGHT, ROW_HEIGHT, COLUMN_WIDTH, MARGIN = 210, 22, 30, 370, 20
COLOURS = {"context": "#56b4e9", "cause": "#e69f00", "finding": "#009e73"}  # Okabe and Ito, safe for colour blindness
EXCLUDES = "#cc79a7"


def markdown(model: Model, facts: Sequence[consistency.Implied], *, picture_file: str) -> str:
    """Return the card of a model.

    Parameters
    ----------
    facts : sequence of Implied
        What `consistency.compare` returns.
    picture_file : str
        Name of the file with `picture(model)`, for the link to it.
    """
    knowledge = model.knowledge
    sections = [
        _head(model),
        f"## The network\n\n![Contexts, causes and findings of the model and their links]({picture_file})",
        _coverage(knowledge),
        _consistency(facts),
        _holes(knowledge),
        _red_flags(knowledge),
        _settings(knowledge),
        _variables(knowledge),
        _numbers(model),
        _sources(knowledge),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def picture(knowledge: Knowledge) -> str:
    """Return the network in three layers as SVG: contexts, causes, findings; a thicker line is a stronger link.

    An arc joins what describes a finding to it, and a cause, in another colour, to those beside which it is absent.
    Unions of causes are listed below.
    """
    layers = [knowledge.of_role("context"), knowledge.of_role("cause"), knowledge.of_role("finding")]
    tallest = max(map(len, layers))
    place: dict[str, tuple[float, float]] = {}
    for column, layer in enumerate(layers):
        offset = (tallest - len(layer)) * ROW_HEIGHT / 2
        for row, variable in enumerate(layer):
            place[variable.name] = (MARGIN + column * COLUMN_WIDTH, MARGIN + offset + row * ROW_HEIGHT)
    lines = [*_edges(knowledge, place), *(_box(v, *place[v.name]) for layer in layers for v in layer)]
    bottom = 2 * MARGIN + tallest * ROW_HEIGHT
    listed = [_listed(knowledge, union, bottom + i * BOX_HEIGHT) for i, union in enumerate(knowledge.of_role("union"))]
    lines += listed
    width, height = 2 * MARGIN + 2 * COLUMN_WIDTH + BOX_WIDTH, bottom + len(listed) * BOX_HEIGHT
    title = f"<title>Network of the model {html.escape(knowledge.name)}</title>"
    size = f"viewBox='0 0 {width} {height}' width='{width}' height='{height}'"
    font = "font-family='sans-serif' font-size='12'"
    background = f"<rect width='{width}' height='{height}' fill='#ffffff'/>"
    body = "\n".join([title, background, *lines])
    return f"<svg xmlns='http://www.w3.org/2000/svg' role='img' {font} {size}>\n{body}\n</svg>\n"


def _edges(knowledge: Knowledge, place: Mapping[str, tuple[float, float]]) -> Iterable[str]:
    seen = strengths(knowledge)
    for prior in knowledge.priors:
        if knowledge.variables[prior.variable].role == "cause":
            seen |= {(name, prior.variable): 0.0 for name, _ in prior.given if (name, prior.variable) not in seen}
    for (parent, child), p in seen.items():
        (x, y), (to_x, to_y) = place[parent], place[child]
        start, end = x + BOX_WIDTH, y + BOX_HEIGHT / 2
        line = f"x1='{start:g}' y1='{end:g}' x2='{to_x:g}' y2='{to_y + BOX_HEIGHT / 2:g}'"
        yield f"<line {line} stroke='#777777' stroke-opacity='0.55' stroke-width='{0.4 + 3 * p:.2f}'/>"
    for variable in knowledge.variables.values():
        if variable.of:
            yield _arc(place[variable.of], place[variable.name], COLOURS["finding"])
        for other in dict.fromkeys(cause for part in variable.excludes for cause in knowledge.causes_of(part)):
            yield _arc(place[other], place[variable.name], EXCLUDES)


def _arc(start: tuple[float, float], end: tuple[float, float], colour: str) -> str:
    """Return a dashed arc on the left of two boxes of one column."""
    x, y, to_y = start[0], start[1] + BOX_HEIGHT / 2, end[1] + BOX_HEIGHT / 2
    bow = x - 20 - abs(to_y - y) / 4
    path = f"M {x:g} {y:g} C {bow:g} {y:g}, {bow:g} {to_y:g}, {x:g} {to_y:g}"
    return f"<path d='{path}' fill='none' stroke='{colour}' stroke-width='1.5' stroke-dasharray='5 3'/>"


def _listed(knowledge: Knowledge, union: Variable, y: float) -> str:
    text = f"{union.name}: any of {', '.join(knowledge.causes_of(union.name))}"
    return f"<text x='{MARGIN}' y='{y:g}'>{html.escape(text)}</text>"


def _box(variable: Variable, x: float, y: float) -> str:
    box = f"<rect x='{x:g}' y='{y:g}' width='{BOX_WIDTH}' height='{BOX_HEIGHT}' rx='4'"
    stroke = " stroke='#000000' stroke-width='2'" if variable.serious else ""
    text = f"<text x='{x + 8:g}' y='{y + 15:g}'>{html.escape(variable.name)}</text>"
    return f"{box} fill='{COLOURS[variable.role]}'{stroke}/>{text}"


def _head(model: Model) -> str:
    meta = model.knowledge.meta
    rows = [
        ("Version", meta["version"]),
        ("Population", meta.get("population_detail", meta["population"])),
        ("Window", meta["window"]),
        ("Intended use", meta["intended_use"]),
        ("Not for", meta["not_for"]),
        ("Licence", meta["licence"]),
        ("Fingerprint", f"`{model.fingerprint}`"),
    ]
    note = "Made from the tables by `twitchbayes card`; change those, not this page."
    return f"# {meta['title']} (model `{model.name}`)\n\n{note} {DISCLAIMER}\n\n" + _table(("", ""), rows)


def _coverage(knowledge: Knowledge) -> str:
    tables = {
        "priors.csv": [p.number for p in knowledge.priors],
        "links.csv": [k.number for k in knowledge.links],
        "checks.csv": list(knowledge.facts),
    }
    bases = sorted({n.basis for numbers in tables.values() for n in numbers})
    rows = [(name, len(n), *(_share(n, basis) for basis in bases)) for name, n in tables.items() if n]
    by_table = _table(("table", "numbers", *bases), rows)
    by_cause = []
    for cause in knowledge.of_role("cause"):
        own = [p.number for p in knowledge.priors if p.variable == cause.name]
        out = [k.number for k in knowledge.links if k.parent == cause.name]
        into = [k.number for k in knowledge.links if k.child == cause.name]
        by_cause.append((cause.name, _share(own), _share(into), _share(out)))
    head = ("cause", "expert among its priors", "its links from contexts", "its links to findings")
    text = "A number is `expert` where no source gives it: a judgement, wide, whose note says what was reasoned."
    return f"## Sourced numbers and judgements\n\n{text}\n\n{by_table}\n\n{_table(head, by_cause)}"


def _share(numbers: Sequence[Number], basis: str = "expert") -> str:
    count = Counter(n.basis for n in numbers)[basis]
    return f"{count} of {len(numbers)}" if numbers else "none"


def _consistency(facts: Sequence[consistency.Implied]) -> str:
    if not facts:
        return ""
    inside = sum(fact.inside for fact in facts)
    text = (
        f"Facts that no number of the model was taken from directly, beside what the model implies: {inside} of "
        f"{len(facts)} implied values lie inside the fact's interval."
    )
    rows = [
        (
            f"`{f.quantity}`",
            f"{f.fact:.4g} [{f.low:.4g}, {f.high:.4g}]",
            f"{f.implied:.4g}",
            "inside" if f.inside else f"outside ({f.distance_nats:+.2f} nats)",
            ", ".join(f.sources),
            f.note,
        )
        for f in facts
    ]
    head = ("quantity", "fact and interval", "implied", "", "source", "note")
    return f"## Does the model agree with what is known?\n\n{text}\n\n{_table(head, rows)}"


def _holes(knowledge: Knowledge) -> str:
    holes = words(knowledge.meta.get("known_holes", ""))
    return "## Known holes\n\n" + "\n".join(f"- {hole}" for hole in holes) if holes else ""


def _red_flags(knowledge: Knowledge) -> str:
    rows = [
        (row["label"], f"`{row['evidence']}`", row["advice"], row["source"])
        for row in knowledge.table("red_flags.csv").rows
    ]
    text = "Shown beside an answer when its evidence meets them; they change no probability."
    return f"## Red flags\n\n{text}\n\n" + _table(("flag", "evidence", "what is said", "source"), rows) if rows else ""


def _settings(knowledge: Knowledge) -> str:
    rows = [
        (
            name,
            row["variable"],
            row["given"],
            row["probability"],
            f"[{row['low']}, {row['high']}]",
            row["basis"],
            row["note"],
        )
        for name, table in knowledge.populations.items()
        for row in table.rows
    ]
    head = ("setting", "variable", "given", "probability", "interval", "basis", "note")
    return "## Settings\n\n" + _table(head, rows) if rows else ""


def _variables(knowledge: Knowledge) -> str:
    codes: dict[str, list[str]] = {}
    for row in knowledge.table("codes.csv").rows:
        codes.setdefault(row["variable"], []).append(f"{row['system']} {row['code']}")
    rows = [
        (f"`{v.name}`", v.role, v.label, _meaning(v), v.definition, ", ".join(codes.get(v.name, ())))
        for v in knowledge.variables.values()
    ]
    return "## Variables\n\n" + _table(("variable", "role", "label", "", "definition", "codes"), rows)


def _meaning(variable: Variable) -> str:
    """Return what a variable is beside its role: its levels, and what it is to others."""
    parts = ["serious"] if variable.serious else []
    if is_graded(variable):
        parts.append(f"levels {', '.join(variable.states)}")
    whole = variable.parts or (variable.any_of,)
    related = {"describes": (variable.of,), "any of": whole, "absent beside": variable.excludes}
    parts += [f"{what} {', '.join(names)}" for what, names in related.items() if any(names)]
    return "; ".join(parts)


def _numbers(model: Model) -> str:
    knowledge = model.knowledge
    head = ("number", "probability", "interval", "basis", "source", "note")
    names = number_names(knowledge)
    priors = [(f"`{name}`", *_cells(p.number)) for name, p in zip(names, knowledge.priors, strict=False)]
    of_links = zip(names[len(priors) :], knowledge.links, strict=True)
    links = [(f"`{name}` {k.form}", *_cells(k.number)) for name, k in of_links]
    text = "The prior of a cause that contexts act on is its probability with none of them active."
    if any(cause.excludes for cause in knowledge.of_role("cause")):
        text += f" {_exclusions(model)}"
    return f"## Every number\n\n### Priors\n\n{text}\n\n{_table(head, priors)}\n\n### Links\n\n{_table(head, links)}"


def _exclusions(model: Model) -> str:
    """Return what the priors of causes that are defined by the absence of others come to."""
    found = [
        f"{percent(model.prior[cause.name])} of `{cause.name}`"
        for cause in model.knowledge.of_role("cause")
        if cause.excludes
    ]
    return (
        "That of a cause that is absent beside others by its definition is its probability among those who have none "
        f"of them; in the whole population that comes to {', '.join(found)}."
    )


def _cells(number: Number) -> tuple[str, str, str, str, str]:
    interval = f"[{number.low:.4g}, {number.high:.4g}]"
    return f"{number.probability:.4g}", interval, number.basis, ", ".join(number.sources), number.note


def _sources(knowledge: Knowledge) -> str:
    rows = [(c.name, c.citation, c.identifier, c.kind, c.read) for c in knowledge.citations.values()]
    return "## Sources\n\n" + _table(("source", "citation", "identifier", "kind", "what was read"), rows)


def _table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    return "\n".join(map(_line, [head, ["---"] * len(head), *rows]))


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(value: object) -> str:
    text = str(value).replace("|", "\\|").replace("\n", " ")
    # Inside backticks nothing is markup, and an entity would be shown as it stands.
    return text if text.startswith("`") else text.replace("<", "&lt;")
