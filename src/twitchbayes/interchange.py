"""Phenopackets and FHIR resources as evidence, by the codes of a model; what is not used comes back by name."""

from __future__ import annotations

import calendar
import json
import os
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from twitchbayes.errors import InvalidValueError, TwitchbayesError, UnknownVariableError, nearest
from twitchbayes.evidence import Words, is_unknown
from twitchbayes.knowledge import BINARY
from twitchbayes.model import Model, load_model
from twitchbayes.tables import Row

__all__ = ["CodedEvidence", "InterchangeError", "Unmatched", "Used", "from_fhir", "from_phenopacket"]

_Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]
_ModelLike: TypeAlias = str | os.PathLike[str] | Model

# Systems by the prefix of a CURIE or the URI of FHIR, all folded; any other goes by its own name.
_ALIASES = {
    "hpo": "hp http://human-phenotype-ontology.org http://purl.obolibrary.org/obo/hp.owl",
    "mondo": "http://purl.obolibrary.org/obo/mondo.owl",
    "snomed ct": "snomedct sctid snomed http://snomed.info/sct",
    "icd-10-cm": "icd10cm http://hl7.org/fhir/sid/icd-10-cm",
    "icd-10": "icd10 http://hl7.org/fhir/sid/icd-10",
    "loinc": "http://loinc.org",
    "yes or no": "http://terminology.hl7.org/codesystem/v2-0136",
    "interpretation": "http://terminology.hl7.org/codesystem/v3-observationinterpretation",
    "no data": "http://terminology.hl7.org/codesystem/data-absent-reason",
}
SYSTEMS = {alias: system for system, aliases in _ALIASES.items() for alias in aliases.split()}
_YES = (
    ("snomed ct", "373066001 52101004"),
    ("loinc", "la33-6 la9633-4"),
    ("yes or no", "y"),
    ("interpretation", "pos"),
)
_NO = (("snomed ct", "373067005 2667000"), ("loinc", "la32-8 la9634-2"), ("yes or no", "n"), ("interpretation", "neg"))
ANSWERS = {(system, code): "present" for system, codes in _YES for code in codes.split()}
ANSWERS |= {(system, code): "absent" for system, codes in _NO for code in codes.split()}
SEXES = {"male": "male", "female": "female", "other": "", "unknown": "", "other_sex": "", "unknown_sex": ""}
# What narrows the term of an assertion in a phenopacket, and what else may stand beside it.
QUALIFIERS = ("modifiers", "severity", "diseaseStage", "clinicalTnmFinding", "primarySite", "laterality")
ASSERTION = ("type", "term", "excluded", "resolution", "onset", "description", "evidence", *QUALIFIERS)
CLINICAL = ("active", "recurrence", "relapse", "inactive", "remission", "resolved")
VERIFICATION = ("confirmed", "refuted", "entered-in-error", "unconfirmed", "provisional", "differential")
_PART = r"([0-9]{1,6}(?:\.[0-9]{1,6})?)"
DURATION = re.compile(rf"P(?=[0-9T])(?:{_PART}Y)?(?:{_PART}M)?(?:{_PART}W)?(?:{_PART}D)?(?:T[0-9HMS.]+)?")
MOMENT = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?")


class InterchangeError(InvalidValueError):
    """A document that cannot be read or contradicts itself; `problems` holds every fault with its JSON path."""

    def __init__(self, problems: Iterable[str], *, file: str = "") -> None:
        self.problems = tuple(dict.fromkeys(problems))
        head = f"{len(self.problems)} problems in {file or 'the document'}:\n  " if len(self.problems) > 1 else ""
        super().__init__((head or file and f"{file}: ") + "\n  ".join(self.problems))


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
    root, known = reading.root, ("id", "subject", "phenotypicFeatures", "diseases", "files", "metaData")
    names = {_camel(name) for name in root.value}
    if names & {"resourceType", "proband", "members"} or not names & {*known, "measurements", "interpretations"}:
        hint = "give a FHIR resource to from_fhir, the proband of a Family, one member of a Cohort"
        raise InterchangeError([f"is no Phenopacket ({hint}); it has {_shown(sorted(names))}"], file=reading.file)
    subject = root.get("subject")
    reading.sex(subject.get("sex"))
    _subject_age(reading, subject, root.get("metaData").get("created"))
    reading.unread(subject, ("id", "alternateIds", "dateOfBirth", "timeAtLastEncounter", "sex", "taxonomy"))
    for term, name in (("type", "phenotypicFeatures"), ("term", "diseases")):
        for node in root.each(name):
            _assertion(reading, node, term)
    reading.unread(root, known)
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
    root, kind = reading.root, reading.root.value.get("resourceType")
    if kind not in ("Bundle", "QuestionnaireResponse"):
        message = f"resourceType: is {_shown(kind)}, not Bundle or QuestionnaireResponse"
        raise InterchangeError([message], file=reading.file)
    nodes = [entry.get("resource", required=True) for entry in root.each("entry")] if kind == "Bundle" else [root]
    nodes += [part for node in nodes for part in node.each("contained")]
    days = [_Node(on, "on", root.problems), root.get("timestamp"), *(node.get("authored") for node in nodes)]
    readers = {"Condition": _condition, "Observation": _observation, "QuestionnaireResponse": _questionnaire}
    people: dict[str, str] = {}
    for node in nodes:
        kind = node.text("resourceType", required=True)
        if kind == "Patient":
            reading.sex(node.get("gender"))
            reading.age(node.get("birthDate"), since=next((day for day in days if day), days[0]))
        elif kind in readers:
            readers[kind](reading, node)
        elif kind:
            reading.unmatched.append(Unmatched(*_first_code(node.value), node.path, f"a {kind} is not read"))
        person = node.path if kind == "Patient" else ...
    return reading.finish()


class _Coding(NamedTuple):
    system: str
    code: str
    label: str
    path: str

    @property
    def key(self) -> tuple[str, str]:
        """What a code is looked up by: HP:0001324 and 0001324 of HPO are one, G12.21 and G1221 of ICD-10-CM too."""
        return _key(self.system, self.code)


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
        if required and self and not node:
            node.fault("missing")
        return node

    def each(self, name: str, *, one: bool = False) -> list[_Node]:
        """Return the objects of an array field; with `one` a single object is let through as well."""
        node = self.get(name)
        if one and isinstance(node.value, Mapping):
            return [node]
        if node and not isinstance(node.value, list | tuple):
            node.fault(f"is {_shown(node.value)}, not an array")
        values = node.value if isinstance(node.value, list | tuple) else ()
        nodes = [_Node(value, f"{node.path}[{i}]", self.problems) for i, value in enumerate(values)]
        for wrong in (node for node in nodes if not isinstance(node.value, Mapping)):
            wrong.fault(f"is {_shown(wrong.value)}, not an object")
        return [node for node in nodes if isinstance(node.value, Mapping)]

    def read(self, name: str, kinds: tuple[type, ...], *, required: bool = False) -> Any:
        """Return the value of a field of one of these types (a bool is no int), None without one."""
        node = self.get(name, required=required)
        if node and type(node.value) not in kinds:
            node.fault(f"is {_shown(node.value)}, not {' or '.join(kind.__name__ for kind in kinds)}")
        elif required and node.value == "":
            node.fault("missing")
        return node.value if type(node.value) in kinds else None

    def text(self, name: str, *, required: bool = False) -> str:
        return self.read(name, (str,), required=required) or ""

    def coding(self) -> _Coding:
        """Return a Coding of FHIR."""
        return _Coding(self.text("system"), self.text("code"), self.text("display"), self.path)

    def concept(self) -> list[_Coding]:
        """Return the codings of a CodeableConcept; its text alone is one without a code."""
        text = self.text("text")
        codings = [node.coding() for node in self.each("coding")]
        return [c._replace(label=c.label or text) for c in codings] or [_Coding("", "", text, self.path)]

    def term(self) -> _Coding:
        """Return an OntologyClass of a phenopacket."""
        code = self.text("id", required=True)
        return _Coding(code.rpartition(":")[0], code, self.text("label"), self.path)

    def itself(self) -> _Coding:
        """Return a field that has no code by its value."""
        return _Coding("", "", str(self.value), self.path)


class _Reading:
    """One document and what has been taken from it so far; `finish` makes it whole."""

    def __init__(self, model: _ModelLike, source: _Source) -> None:
        chosen = load_model(model)
        self.variables = chosen.knowledge.variables
        self.window = chosen.knowledge.meta["window"]
        self.words = Words(chosen.knowledge, chosen.network)
        self.rows: dict[tuple[str, str], list[Row]] = {}
        for row in chosen.knowledge.table("codes.csv").rows:
            self.rows.setdefault(_key(row["system"], row["code"]), []).append(row)
        self.file, value = _load(source)
        self.root = _Node(value, "", [])
        self.said: dict[str, tuple[str, Used]] = {}
        self.used: list[Used] = []
        self.unmatched: list[Unmatched] = []

    def skip(self, coding: _Coding, reason: str) -> None:
        self.unmatched.append(Unmatched(coding.code, coding.label, coding.path, reason))

    def unread(self, node: _Node, known: Iterable[str]) -> None:
        """Name what stands in an object beside the fields that are read."""
        fields = node.value if isinstance(node.value, Mapping) else {}
        for name, value in fields.items():
            parts = enumerate(value) if isinstance(value, list) else [("", value)]
            for i, part in () if _camel(name) in known else parts:
                path = f"{node.path}.{name}".lstrip(".") + (f"[{i}]" if i != "" else "")
                self.unmatched.append(Unmatched(*_first_code(part), path, f"{name} is not read"))

    def rows_of(self, coding: _Coding) -> list[tuple[Row, bool]]:
        """Return the rows with a code and whether it is that code; of ICD-10 else those of the nearest category."""
        system, code = coding.key
        shortest = 3 if system.startswith("icd-10") else len(code)
        for size in range(len(code), shortest - 1, -1):
            if (system, code[:size]) in self.rows:
                return [(row, size == len(code)) for row in self.rows[system, code[:size]]]
        return []

    def observe(self, codings: list[_Coding], state: str, why: str = "") -> None:
        """Take the codes of one concept as a state of their variables, or name them with the reason why not."""
        found = [(coding, *hit) for coding in codings for hit in self.rows_of(coding)]
        for coding in () if found else codings:
            self.skip(
                coding, f"codes.csv has no such code of {coding.system}" if coding.system else "has no code of a system"
            )
        for coding, row, whole in [hit for hit in found if hit[2]] or found:
            relation = row["relation"] if whole or row["relation"] == "broader" else "narrower"
            name = row["variable"]
            if self.variables[name].states != BINARY:
                self.skip(coding, f"codes.csv gives it for {name}, which is not yes or no")
            elif why:
                self.skip(coding, why)
            elif (relation, state) in (("narrower", "absent"), ("broader", "present")):
                self.skip(coding, f"is {relation} than {name}, so that {state} says nothing of it")
            else:
                self.take(name, state, coding, f"{row.file}, line {row.line}")

    def take(self, variable: str, value: Any, coding: _Coding, row: str = "") -> None:
        """Take a value of a variable, in any word that `infer` knows, unless it contradicts an earlier one."""
        try:
            observed = self.words.read({variable: value}).observed
        except UnknownVariableError:
            return self.skip(coding, f"the model has no variable {variable}")
        except TwitchbayesError as error:
            return self.root.problems.append(f"{coding.path}: {error}")
        if not observed:
            self.skip(coding, f"{variable} is unknown")
        for name, state in observed.items():
            number = isinstance(value, int | float) and self.variables[name].bands
            used = Used(name, value if number else state, coding.code, coding.label, coding.path, row)
            before, first = self.said.setdefault(name, (state, used))
            if before != state:
                both = f"{name} is {before} by {first.path} and {state} by {coding.path}"
                self.root.problems.append(f"{coding.path}: {both}; one of them cannot hold")
            self.used.append(used)

    def sex(self, node: _Node) -> None:
        word = str(node.value).casefold()
        if node and word not in SEXES:
            node.fault(f"is {_shown(node.value)}, not male, female, other or unknown")
        elif node and not SEXES[word]:
            self.skip(node.itself(), "is no sex that the model knows")
        elif node:
            self.take("sex", SEXES[word], node.itself())

    def age(self, node: _Node, low: int, high: int) -> None:
        """Take an age in completed years; of one that is known from low to high only, the band if there is one."""
        ...
