"""What the widget is told: the model once, and after every act the answer; plain types that are JSON."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from twitchbayes.display import DISCLAIMER, percent
from twitchbayes.errors import ImpossibleEvidenceError, InvalidValueError, TwitchbayesError
from twitchbayes.explorer.case import Case
from twitchbayes.explorer.export import as_json
from twitchbayes.explorer.numbers import adjustable, bearing, label, span
from twitchbayes.knowledge import BINARY, Knowledge, Prior, Variable
from twitchbayes.values import shortest_words, site_words, spoken, states_spoken

__all__ = ["failure", "shown", "structure"]


def structure(case: Case) -> dict[str, Any]:
    """Return what stays: the questions in sections, the causes, the sliders and their sources."""
    knowledge = case.model.knowledge
    causes = [*_entries(knowledge, "cause"), *_entries(knowledge, "union")]
    sections = [
        {"title": "Contexts", "open": True, "entries": _entries(knowledge, "context")},
        {"title": "Findings", "open": True, "entries": [*_groups(knowledge), *_entries(knowledge, "finding")]},
        {"title": "Causes known to be present or absent", "open": False, "entries": causes},
    ]
    return {
        "disclaimer": DISCLAIMER,
        "sections": [section for section in sections if section["entries"]],
        "causes": {
            v.name: {"label": v.label, "serious": v.serious, "definition": v.definition}
            for v in knowledge.of_role("cause")
        },
        "unions": {
            v.name: {"label": v.label, "causes": list(knowledge.causes_of(v.name)), "definition": v.definition}
            for v in knowledge.of_role("union")
        },
        "labels": {v.name: v.label for v in knowledge.variables.values()},
        "numbers": {name: _number(knowledge, prior) for name, prior in adjustable(knowledge).items()},
        "sources": {name: citation.citation for name, citation in knowledge.citations.items()},
    }


def _entries(knowledge: Knowledge, role: str) -> list[dict[str, Any]]:
    grouped = {v.name for v in knowledge.of_role("group")}
    return [
        _entry(v)
        for v in knowledge.variables.values()
        if v.role == role and v.group not in grouped and v.any_of not in grouped
    ]


def _entry(variable: Variable) -> dict[str, Any]:
    states = list(zip(variable.states, states_spoken(variable), strict=True))
    if variable.states == BINARY:
        states.reverse()  # yes stands first
    return {
        "name": variable.name,
        "label": variable.label,
        "question": variable.question,
        "definition": variable.definition,
        "unit": variable.unit,
        "range": [variable.bands[0][0], variable.bands[-1][1]] if variable.bands else None,
        "states": [list(pair) for pair in states],
    }


def _groups(knowledge: Knowledge) -> list[dict[str, Any]]:
    found = []
    for group in knowledge.of_role("group"):
        members = knowledge.members(group.name)
        sites = {name: word.replace("_", " ") for name, word in _sites([m.name for m in members]).items()}
        if members:
            chips = [{**_entry(member), "short": sites.get(member.name, member.label)} for member in members]
            wholes = [_entry(v) for v in knowledge.variables.values() if v.any_of == group.name]
            found.append({**_entry(group), "states": [], "members": chips, "wholes": wholes})
    return found


def _sites(members: list[str]) -> dict[str, str]:
    words = site_words(members)
    return {words[word]: word for word in shortest_words(words)}


def _number(knowledge: Knowledge, prior: Prior) -> dict[str, Any]:
    number, ends = prior.number, span(prior.number)
    return {
        "variable": prior.variable,
        "label": label(knowledge, prior),
        "value": number.probability,
        "low": number.low,
        "high": number.high,
        "text": percent(number.probability),
        "interval": f"{percent(number.low)} to {percent(number.high)}",
        "ends": None if ends is None else list(ends),
        "basis": number.basis,
        "sources": list(number.sources),
    }


def shown(case: Case, message: Mapping[str, Any] | None = None, act: Any = None) -> dict[str, Any]:
    """Return what changes: the answer, and what stands in every control."""
    answer, state = case.answer, case.state
    known = {**answer.evidence, **answer.assumed}
    return {
        "serial": case.serial,
        "act": act,
        "message": message,
        "about": answer.model.describe(),
        "states": answer.evidence,
        "assumed": answer.assumed,
        "follows": _follows(case.model.knowledge, known),
        "unknown": [name for name, value in state.said.items() if value is None],
        "given": {name: v for name, v in state.said.items() if isinstance(v, int | float)},
        "selected": case.selected,
        "causes": [_cause(case, name, probability) for name, probability in answer.items()],
        "unions": [_cause(case, name, probability) for name, probability in answer.unions.items()],
        "none": _outcome(answer.none, answer.model.prior_none),
        "serious": _outcome(answer.serious, None),
        "red_flags": [
            {**flag._asdict(), "citations": list(flag.citations), "met_by": _labels(case, flag.met_by)}
            for flag in answer.red_flags
        ],
        "numbers": bearing(case.model.knowledge, case.selected, answer.states_left),
        "adjusted": {name: {"value": p, "text": percent(p)} for name, p in state.adjusted.items()},
        "undo": case.can_undo,
        "redo": case.can_redo,
        "code": case.to_python(),
        "document": as_json(case.to_document()),
    }


def _cause(case: Case, name: str, probability: float) -> dict[str, Any]:
    return {"name": name, **_outcome(probability, case.answer.prior[name])}


def _outcome(probability: float, prior: float | None) -> dict[str, Any]:
    before = {} if prior is None else {"prior": prior, "prior_text": percent(prior)}
    return {"probability": probability, "text": percent(probability), **before}


def _labels(case: Case, met_by: Mapping[str, str]) -> list[str]:
    variables = case.model.knowledge.variables
    words = {name: dict(zip(variables[name].states, states_spoken(variables[name]), strict=True)) for name in met_by}
    return [f"{variables[name].label}: {words[name].get(state, spoken(state))}" for name, state in met_by.items()]


def _follows(knowledge: Knowledge, known: Mapping[str, str]) -> dict[str, str]:
    """Return each OR, of a group or of causes, where its members decide it and nobody spoke of it."""
    found = {}
    variables = knowledge.variables.values()
    for variable in variables:
        parts = [member.name for member in knowledge.members(variable.any_of)] if variable.any_of else []
        parts += knowledge.causes_of(variable.name) if variable.role == "union" else ()
        if not parts or variable.name in known:
            continue
        members = [known.get(part) for part in parts]
        inside = [other.name for other in variables if other.role == "union" and _is_within(knowledge, other, parts)]
        if "present" in [*members, *map(known.get, inside)]:
            found[variable.name] = "present"
        elif all(state == "absent" for state in members):
            found[variable.name] = "absent"
    return found


def _is_within(knowledge: Knowledge, union: Variable, parts: Collection[str]) -> bool:
    return set(knowledge.causes_of(union.name)).issubset(parts)


def failure(case: Case, error: TwitchbayesError, about: Iterable[Any] = ()) -> dict[str, Any]:
    """Return an error as a message: what is wrong, and which questions are in it of those that were answered.

    `about` names what the act that failed was about.
    """
    if isinstance(error, ImpossibleEvidenceError):
        return {"text": str(error), "items": list(error.conflict)}
    if not isinstance(error, InvalidValueError):  # an unknown name: what it lists beside is in no conflict
        return {"text": str(error), "items": []}
    answered = {*case.state.said, *(name for name in about if isinstance(name, str))}
    items = [word for word in dict.fromkeys(re.findall(r"\w+", str(error))) if word in answered]
    return {"text": str(error), "items": [word for word in items if word in case.model.knowledge.variables]}
