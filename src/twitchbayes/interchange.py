"""Phenopackets and FHIR resources as evidence, by the codes of a model; what is not used comes back by name."""

from __future__ import annotations

import calendar
import contextlib
import json
import os
import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from twitchbayes.errors import InvalidValueError, TwitchbayesError, UnknownVariableError, did_you_mean, nearest
from twitchbayes.evidence import Words, is_unknown
from twitchbayes.knowledge import BINARY
from twitchbayes.model import Model, load_model
from twitchbayes.tables import Row

__all__ = ["CodedEvidence", "InterchangeError", "Unmatched", "Used", "from_fhir", "from_phenopacket"]

_Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
_ModelLike: TypeAlias = str | os.PathLike[str] | Model
# "present", "absent" or None with the reason why it is neither.
_Said: TypeAlias = tuple[str | None, str]

# Systems of codes.csv, folded, by the prefix of a CURIE and the URI of FHIR; others go by their own name.
_HL7 = "http://terminology.hl7.org/codesystem/"
SYSTEMS = {
    **dict.fromkeys(("hp", "http://human-phenotype-ontology.org", "http://purl.obolibrary.org/obo/hp.owl"), "hpo"),
    **dict.fromkeys(("snomedct", "sctid", "snomed", "http://snomed.info/sct"), "snomed ct"),
    **dict.fromkeys(("icd10cm", "http://hl7.org/fhir/sid/icd-10-cm"), "icd-10-cm"),
    **dict.fromkeys(("icd10", "http://hl7.org/fhir/sid/icd-10"), "icd-10"),
    **{"http://purl.obolibrary.org/obo/mondo.owl": "mondo", "http://loinc.org": "loinc"},
    **{"http://www.omim.org": "omim", "http://www.orpha.net": "orpha"},
}
ANSWERS = {
    **dict.fromkeys([("snomed ct", "373066001"), ("snomed ct", "52101004")], "present"),
    **dict.fromkeys([("loinc", "la33-6"), ("loinc", "la9633-4")], "present"),
    **dict.fromkeys([(f"{_HL7}v2-0136", "y"), (f"{_HL7}v3-observationinterpretation", "pos")], "present"),
    **dict.fromkeys([("snomed ct", "373067005"), ("snomed ct", "2667000")], "absent"),
    **dict.fromkeys([("loinc", "la32-8"), ("loinc", "la9634-2")], "absent"),
    **dict.fromkeys([(f"{_HL7}v2-0136", "n"), (f"{_HL7}v3-observationinterpretation", "neg")], "absent"),
    ("snomed ct", "261665006"): "unknown",
}
SEXES = {"male": "male", "2": "male", "female": "female", "1": "female"}
NO_SEXES = ("other", "unknown", "other_sex", "unknown_sex", "0", "3")
# What narrows the term of a phenopacket's assertion, and what else may stand beside it.
QUALIFIERS = {
    "type": ("modifiers", "severity"),
    "term": ("diseaseStage", "clinicalTnmFinding", "primarySite", "laterality"),
}
ASSERTION = ("description", "excluded", "onset", "resolution", "evidence")
CLINICAL = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")
VERIFICATION = ("confirmed", "refuted", "entered-in-error", "unconfirmed", "provisional", "differential")
PLAIN = {"valueBoolean": (bool,), "valueInteger": (int,), "valueDecimal": (int, float), "valueString": (str,)}
_PART = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)"
DURATION = re.compile(rf"P(?=[0-9T])(?:{_PART}Y)?(?:{_PART}M)?(?:{_PART}W)?(?:{_PART}D)?(?:T[0-9HMS.]+)?")
MOMENT = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?")


class InterchangeError(InvalidValueError):
    """A document that cannot be read or contradicts itself; `problems` holds every fault with its JSON path."""

    def __init__(self, problems: Iterable[str], *, file: str = "") -> None:
        self.problems = tuple(dict.fromkeys(problems))
        head = f"{len(self.problems)} problems in {file or 'the document'}:"
        one = f"{file}: {self.problems[0]}" if file else self.problems[0]
        super().__init__(one if len(self.problems) == 1 else "\n  ".join([head, *self.problems]))


class Unmatched(NamedTuple):
    """A code (or a field without one) that gave no evidence, where it stands, and why."""

    code: str
    label: str
    path: str
    reason: str


class Used(NamedTuple):
    """What gave a variable its value: the code, where it stands, and the row of `codes.csv`, "" without one."""

    variable: str
    value: str | float
    code: str
    label: str
    path: str
    row: str


@dataclass(frozen=True, slots=True)
class CodedEvidence:
    """What a document says in the words of a model.

    `evidence` maps variable to state, or to a number (age in years), and is what `infer` takes; `used`
    says what each comes from; `unmatched` holds everything else by name, with the reason.
    """

    evidence: dict[str, str | float]
    used: tuple[Used, ...]
    unmatched: tuple[Unmatched, ...]


def from_phenopacket(packet: _Source, model: _ModelLike = "twitch") -> CodedEvidence:
    """Return what a GA4GH Phenopacket (version 2) says in the words of a model.

    Parameters
    ----------
    packet : path or mapping
        A JSON file, or its content. Fields may be named phenotypicFeatures or phenotypic_features.
    model : str, path or Model, default "twitch"
        As for `load_model`.

    Raises
    ------
    InterchangeError
        With every fault of the document by its JSON path; a contradiction is one, with both paths.

    Examples
    --------
    >>> feature = {"type": {"id": "HP:0001324", "label": "Muscle weakness"}}
    >>> from_phenopacket({"subject": {"sex": "MALE"}, "phenotypicFeatures": [feature]}).evidence
    {'sex': 'male', 'weakness': 'present'}
    """
    reading = _Reading(model, packet)
    known = ("id", "subject", "phenotypicFeatures", "diseases", "files", "metaData")
    names = {_camel(name) for name in reading.root.value}
    if names & {"resourceType", "proband", "members"} or not names & {*known, "measurements", "interpretations"}:
        hint = "give a FHIR resource to from_fhir, the proband of a Family, a member of a Cohort"
        raise InterchangeError([f"is no Phenopacket ({hint}); its fields: {_shown(sorted(names))}"], file=reading.file)
    _subject(reading, reading.root)
    for term, name in (("type", "phenotypicFeatures"), ("term", "diseases")):
        for node in reading.root.each(name):
            _assertion(reading, node, term)
    reading.unread(reading.root, known)
    return reading.finish()


def from_fhir(resource: _Source, model: _ModelLike = "twitch", *, on: date | str | None = None) -> CodedEvidence:
    """Return what a FHIR R4 Bundle or QuestionnaireResponse says in the words of a model.

    Parameters
    ----------
    resource : path or mapping
        A JSON file, or its content.
    model : str, path or Model, default "twitch"
        As for `load_model`.
    on : datetime.date or str, optional
        The day at which the age is reckoned from the birth date; otherwise that of `Bundle.timestamp` or
        `QuestionnaireResponse.authored`. With none of them the age is unmatched: today is never taken.

    Raises
    ------
    InterchangeError
        With every fault of the document by its JSON path; a contradiction is one, with both paths.
    """
    reading = _Reading(model, resource)
    root = reading.root
    kind = root.value.get("resourceType")
    if kind not in ("Bundle", "QuestionnaireResponse"):
        message = f"resourceType: is {_shown(kind)}, not Bundle or QuestionnaireResponse"
        raise InterchangeError([message], file=reading.file)
    nodes = [entry.get("resource", required=True) for entry in root.each("entry")] if kind == "Bundle" else [root]
    nodes += [part for node in nodes if _kind(node) == "QuestionnaireResponse" for part in node.each("contained")]
    _one_person(reading, nodes)
    days = [_Node(on, "on", reading.problems), root.get("timestamp"), *(node.get("authored") for node in nodes)]
    for node in nodes:
        _resource(reading, node, next((day for day in days if day), None))
    return reading.finish()


class _Coding(NamedTuple):
    system: str
    code: str
    label: str
    path: str


@dataclass(frozen=True, slots=True)
class _Node:
    """A value of the document (None: no such field), its JSON path, and the list that faults go to."""

    value: Any
    path: str
    problems: list[str]

    def __bool__(self) -> bool:
        return self.value is not None

    def fault(self, message: str) -> None:
        self.problems.append(f"{self.path or 'the document'}: {message}")

    def get(self, name: str, *, required: bool = False) -> _Node:
        """Return a field, named in camelCase or in snake_case; null is no value."""
        if self and not isinstance(self.value, Mapping):
            self.fault(f"is {_shown(self.value)}, not an object")
        fields = self.value if isinstance(self.value, Mapping) else {}
        found = [key for key in fields if _camel(key) == name and fields[key] is not None] or [name]
        node = _Node(fields.get(found[0]), f"{self.path}.{found[0]}".lstrip("."), self.problems)
        if len(found) > 1:
            node.fault(f"stands there as {found[1]} as well")
        if required and not node:
            node.fault("missing")
        return node

    def each(self, name: str) -> list[_Node]:
        """Return the objects of an array field."""
        node = self.get(name)
        if node and not isinstance(node.value, list | tuple):
            node.fault(f"is {_shown(node.value)}, not an array")
        values = node.value if isinstance(node.value, list | tuple) else ()
        nodes = [_Node(value, f"{node.path}[{i}]", self.problems) for i, value in enumerate(values)]
        for wrong in (node for node in nodes if not isinstance(node.value, Mapping)):
            wrong.fault(f"is {_shown(wrong.value)}, not an object")
        return [node for node in nodes if isinstance(node.value, Mapping)]

    def read(self, name: str, kinds: tuple[type, ...] = (str,), *, required: bool = False) -> Any:
        """Return the value of a field of one of these types, None without one."""
        node = self.get(name, required=required)
        # A bool is an int to isinstance.
        if node and type(node.value) not in kinds:
            node.fault(f"is {_shown(node.value)}, not {' or '.join(kind.__name__ for kind in kinds)}")
            return None
        if required and node.value == "":
            node.fault("missing")
        return node.value

    def coding(self, *, code: str = "code", label: str = "display", text: str | None = None) -> _Coding:
        return ...
