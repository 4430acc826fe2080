"""Phenopackets and FHIR resources as evidence, by the codes of a model; what is not used comes back by name."""

from __future__ import annotations

import calendar
import contextlib
import json
import os
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
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
    "omim": "mim http://www.omim.org http://omim.org",
    "orpha": "orphanet http://www.orpha.net",
    "loinc": "http://loinc.org",
    "yes or no": "http://terminology.hl7.org/codesystem/v2-0136",
    "interpretation": "http://terminology.hl7.org/codesystem/v3-observationinterpretation",
}
SYSTEMS = {alias: system for system, aliases in _ALIASES.items() for alias in aliases.split()}
_YES = {"snomed ct": "373066001 52101004", "loinc": "la33-6 la9633-4", "yes or no": "y", "interpretation": "pos"}
_NO = {"snomed ct": "373067005 2667000", "loinc": "la32-8 la9634-2", "yes or no": "n", "interpretation": "neg"}
ANSWERS = {(system, code): "present" for system, codes in _YES.items() for code in codes.split()}
ANSWERS |= {(system, code): "absent" for system, codes in _NO.items() for code in codes.split()}
SEXES = {"male": "male", "female": "female", "other": "", "unknown": "", "other_sex": "", "unknown_sex": ""}
# What narrows the term of an assertion in a phenopacket, and all that may stand in one.
LISTED, SINGLE = ("modifiers", "diseaseStage", "clinicalTnmFinding"), ("severity", "primarySite", "laterality")
ASSERTION = {"type", "term", "excluded", "resolution", "onset", "description", "evidence", *LISTED, *SINGLE}
CURRENT, PAST = ("active", "recurrence", "relapse"), ("inactive", "remission", "resolved")
SURE, UNSURE = ("confirmed", "refuted"), ("entered-in-error", "unconfirmed", "provisional", "differential")
DURATION = re.compile(r"P(?=[0-9T])" + "".join(f"(?:([0-9]{{1,6}}){unit})?" for unit in "YMWD") + "(?:T[0-9HMS.]+)?")
MOMENT = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?")
KINDS = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    (int, float): "a number",
}


class InterchangeError(InvalidValueError):
    """A document that cannot be read or contradicts itself; `problems` holds every fault with its JSON path."""

    def __init__(self, problems: Iterable[str], *, file: str = "") -> None:
        self.problems = tuple(dict.fromkeys(problems))
        several = f"{len(self.problems)} problems in {file or 'the document'}:\n  "
        head = several if len(self.problems) > 1 else f"{file}: " if file else ""
        super().__init__(head + "\n  ".join(self.problems))


class Unmatched(NamedTuple):
    """A code, or a field without one, that gave no evidence: where it stands, and why."""

    code: str
    label: str
    path: str
    reason: str


class Used(NamedTuple):
    """What gave a variable its value: the code, where it stands, and the row of `codes.csv` ("" without one)."""

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
    root, known = reading.root, {"id", "subject", "phenotypicFeatures", "diseases", "files", "metaData"}
    names = {_camel(name) for name in root.value}
    if names & {"resourceType", "proband", "members"} or not names & {*known, "measurements", "interpretations"}:
        hint = "give a FHIR resource to from_fhir, the proband of a Family, one member of a Cohort"
        raise InterchangeError([f"is no Phenopacket ({hint}); it has {_shown(sorted(names))}"], file=reading.file)
    subject = root.get("subject")
    reading.sex(subject.get("sex", str))
    _subject_age(reading, subject, root.get("metaData").get("created", str))
    reading.unread(subject, {"id", "alternateIds", "dateOfBirth", "timeAtLastEncounter", "sex", "taxonomy"})
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
        problem = f"resourceType: is {_shown(kind)}, not Bundle or QuestionnaireResponse"
        raise InterchangeError([problem], file=reading.file)
    nodes = [entry.get("resource", required=True) for entry in root.each("entry")] if kind == "Bundle" else [root]
    nodes = [part for node in nodes if node for part in (node, *node.each("contained"))]
    given = _Node(None if on is None else str(on), "on", root.problems)
    days = [given, root.get("timestamp", str), *(node.get("authored", str) for node in nodes)]
    people: dict[str, set[str]] = {"Patient": set(), "subject": set()}
    for node in nodes:
        kind = node.text("resourceType", required=True)
        if kind == "Patient":
            people["Patient"].add(node.text("id") or node.path)
            reading.sex(node.get("gender", str))
            reading.born(node.get("birthDate", str), next((day for day in days if day), given))
        elif kind in READERS:
            people["subject"].add(node.get("subject").text("reference").rpartition("/")[2].lstrip("#"))
            READERS[kind](reading, node)
        else:
            reading.unmatched.append(Unmatched(*_first_code(node.value), node.path, f"a {kind} is not read"))
    if len(people["Patient"]) > 1 or len(people["subject"] - {""}) > 1:
        root.fault("is of several people; give what is of one of them")
    return reading.finish()


class _Coding(NamedTuple):
    """A code of a system, or a field without one, as it stands in the document."""

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
        """Say what is wrong with it."""
        self.problems.append(f"{self.path or 'the document'}: {message}")

    def checked(self, kind: Any) -> _Node:
        """Return it if it is of a kind; otherwise a fault, and nothing."""
        if isinstance(self.value, kind) and (kind is bool or not isinstance(self.value, bool)):
            return self
        self.fault(f"is {_shown(self.value)}, not {KINDS[kind]}")
        return _Node(None, self.path, self.problems)

    def get(self, name: str, kind: Any = dict, *, required: bool = False) -> _Node:
        """Return a field of some kind, named in camelCase or in snake_case; null is no value."""
        fields = self.value or {}
        found = [key for key in fields if _camel(key) == name and fields[key] is not None] or [name]
        node = _Node(fields.get(found[0]), f"{self.path}.{found[0]}".lstrip("."), self.problems)
        if len(found) > 1:
            node.fault(f"stands there as {found[1]} as well")
        if required and self and node.value in (None, ""):
            node.fault("missing")
        return node.checked(kind) if node else node

    def each(self, name: str) -> list[_Node]:
        """Return the objects of an array."""
        array = self.get(name, list)
        nodes = [_Node(value, f"{array.path}[{i}]", self.problems) for i, value in enumerate(array.value or ())]
        return [node for node in nodes if node.checked(dict)]

    def text(self, name: str, *, required: bool = False) -> str:
        """Return a text, "" without one."""
        return str(self.get(name, str, required=required).value or "")

    def term(self) -> _Coding:
        """Return an OntologyClass of a phenopacket."""
        code = self.text("id", required=True)
        return _Coding(_prefix(code), code, self.text("label"), self.path)

    def coding(self) -> _Coding:
        """Return a Coding of FHIR."""
        return _Coding(self.text("system"), self.text("code"), self.text("display"), self.path)

    def itself(self) -> _Coding:
        """Return a field that has no code, labelled with its value."""
        return _Coding("", "", self.value if isinstance(self.value, str) else _shown(self.value), self.path)

    def concept(self) -> list[_Coding]:
        """Return the codings of a CodeableConcept of FHIR; a text alone is one without a code."""
        plain = _Coding("", "", self.text("text"), self.path)
        return [c._replace(label=c.label or plain.label) for c in (n.coding() for n in self.each("coding"))] or [plain]


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

    def finish(self) -> CodedEvidence:
        """Return the whole, or raise with all that is wrong."""
        evidence = {name: used.value for name, (_, used) in self.said.items()}
        try:
            self.words.read(evidence)
        except TwitchbayesError as error:
            paths = [used.path for used in self.used if re.search(rf"\b{used.variable}\b", str(error))]
            self.root.problems.append(f"{' and '.join(dict.fromkeys(paths))}: {error}")
        if self.root.problems:
            raise InterchangeError(self.root.problems, file=self.file)
        return CodedEvidence(evidence, tuple(self.used), tuple(self.unmatched))

    def skip(self, coding: _Coding, reason: str) -> None:
        """Name what gives no evidence."""
        self.unmatched.append(Unmatched(coding.code, coding.label, coding.path, reason))

    def unread(self, node: _Node, known: set[str]) -> None:
        """Name what stands in an object beside the fields that are read."""
        for name, value in (node.value or {}).items():
            for i, part in enumerate(value if isinstance(value, list) else [value]):
                path = f"{node.path}.{name}{f'[{i}]' if isinstance(value, list) else ''}".lstrip(".")
                if _camel(name) not in known and part is not None:
                    self.unmatched.append(Unmatched(*_first_code(part), path, f"{name} is not read"))

    def rows_of(self, coding: _Coding) -> list[tuple[Row, bool]]:
        """Return the rows of a code and whether it is theirs; of ICD-10 otherwise those of the nearest category."""
        system, code = _key(coding.system, coding.code)
        shortest = 3 if system.startswith("icd-10") else len(code)
        for size in range(len(code), shortest - 1, -1):
            if (system, code[:size]) in self.rows:
                return [(row, size == len(code)) for row in self.rows[system, code[:size]]]
        return []

    def observe(self, codings: list[_Coding], state: str, why: str = "") -> None:
        """Take the codings of one concept as a state of their variables, or name them with the reason why not."""
        found = [(coding, *hit) for coding in codings for hit in self.rows_of(coding)]
        for coding in () if found else codings:
            lack = f"is no code of {coding.system} in codes.csv" if coding.system else "has no code of a named system"
            self.skip(coding, lack)
        for coding, row, whole in [hit for hit in found if hit[2]] or found:
            name, relation = row["variable"], row["relation"]
            if self.variables[name].states != BINARY:
                self.skip(coding, f"stands for {name} in codes.csv, which is not yes or no")
            elif why:
                self.skip(coding, why)
            elif state == "present" and relation == "broader":
                self.skip(coding, f"is wider than {name}: present, it does not say that {name} is")
            elif state == "absent" and (relation == "narrower" or not whole):
                self.skip(coding, f"is one kind of {name} only: absent, it does not say that {name} is")
            else:
                self.take(name, state, coding, f"{row.file}, line {row.line}")

    def take(self, variable: str, value: Any, coding: _Coding, row: str = "") -> None:
        """Take a value of a variable, in any word that `infer` knows, unless it contradicts an earlier one."""
        observed: Mapping[str, str] = {}
        try:
            observed = self.words.read({variable: value}).observed
        except UnknownVariableError:
            self.skip(coding, f"the model has no variable {variable}")
        except TwitchbayesError as error:
            self.root.problems.append(f"{coding.path}: {error}")
        for name, state in observed.items():
            number = isinstance(value, int | float) and self.variables[name].bands
            used = Used(name, value if number else state, coding.code, coding.label, coding.path, row)
            before, first = self.said.setdefault(name, (state, used))
            if before != state:
                both = f"{first.path} says that {name} is {before}, {coding.path} that it is {state}"
                self.root.problems.append(f"{both}; one of them cannot hold")
            self.used.append(used)

    def sex(self, node: _Node) -> None:
        """Take a sex; one that the model does not know is named."""
        word = str(node.value).casefold()
        if node and word not in SEXES:
            node.fault(f"is {_shown(node.value)}, not male, female, other or unknown")
        elif node and SEXES[word]:
            self.take("sex", SEXES[word], node.itself())
        elif node:
            self.skip(node.itself(), "the model knows the sexes male and female only")

    def age(self, node: _Node, low: int, high: int) -> None:
        """Take an age in completed years; of one that is known between two bounds only, the band of both."""
        bands: set[Any] = {low}
        if low != high:
            with contextlib.suppress(TwitchbayesError):
                bands = {self.words.state("age", years) for years in (low, high)}
        if len(bands) == 1:
            self.take("age", bands.pop(), node.itself())
        else:
            self.skip(node.itself(), f"is any age from {low} to {high} years, which is more than one band of the model")

    def born(self, node: _Node, on: _Node) -> None:
        """Take the age on a day from a birth date; without a day the birth date is named."""
        birth, day = _days(node), _days(on)
        if node and not on:
            self.skip(node.itself(), "no date is given at which to reckon the age")
        elif birth and day:
            self.age(node, _completed(birth[1], day[0]), _completed(birth[0], day[1]))


def _subject_age(reading: _Reading, subject: _Node, created: _Node) -> None:
    """Take the age at the last encounter, or else that from the date of birth."""
    seen, born = subject.get("timeAtLastEncounter"), subject.get("dateOfBirth", str)
    age, span = seen.get("age"), seen.get("ageRange")
    if age or span:
        ages = [age] if age else [span.get("start", required=True), span.get("end", required=True)]
        years = [number for number in map(_years, ages) if number is not None]
        if len(years) == len(ages):
            reading.age(age.get("iso8601duration", str) if age else span, years[0], years[-1])
    elif born:
        reading.born(born, seen.get("timestamp", str) or created)
    elif seen:
        reading.unmatched.append(Unmatched(*_first_code(seen.value), seen.path, "gives no age in years"))


def _assertion(reading: _Reading, node: _Node, term: str) -> None:
    """Take a phenotypic feature or a disease of a phenopacket."""
    for name in node.value:
        # A slip or an older word for `excluded` would turn no into yes.
        if _camel(name) not in ASSERTION:
            node.fault(f"Phenopacket version 2 has no field {name!r} here")
    coding = node.get(term, required=True).term()
    parts = [part for name in LISTED for part in node.each(name)] + [node.get(name) for name in SINGLE]
    forms = [part.term() for part in parts if part]
    excluded, why = node.get("excluded", bool).value, ""
    if node.get("resolution"):
        why = f"is over; the model asks about {reading.window}"
    elif excluded and forms:
        why = f"is excluded only in the form {forms[0].label or forms[0].code}"
    reading.observe([coding], "absent" if excluded else "present", why)
    for form in forms:
        if reading.rows_of(form) and not why:
            reading.observe([form], "present")
        else:
            reading.skip(form, f"only qualifies {coding.code}")


def _condition(reading: _Reading, node: _Node) -> None:
    verification = _status(node, "verificationStatus", SURE + UNSURE)
    clinical = _status(node, "clinicalStatus", CURRENT + PAST)
    abated = any(str(name).startswith("abatement") for name in node.value)
    why = f"is {verification}" if verification in UNSURE else ""
    if verification not in (*UNSURE, "refuted") and (clinical in PAST or abated):
        why = f"is {clinical or 'abated'}; the model asks about {reading.window}"
    reading.observe(node.get("code").concept(), "absent" if verification == "refuted" else "present", why)


def _status(node: _Node, name: str, allowed: tuple[str, ...]) -> str:
    concept = node.get(name)
    known = [coding.code for coding in concept.concept() if coding.code in allowed]
    if concept and not known:
        concept.fault(f"has none of the codes {', '.join(allowed)}")
    return known[0] if known else ""


def _observation(reading: _Reading, node: _Node) -> None:
    status = node.text("status")
    for part in (node, *node.each("component")):
        state, why = _value(part)
        if status in ("entered-in-error", "cancelled"):
            why = f"is {status}"
        reading.observe(part.get("code", required=True).concept(), state, why)


def _value(node: _Node) -> tuple[str, str]:
    """Return the state that an Observation or an answer says, or "" and the reason why it says none."""
    names = [name for name in node.value if str(name).startswith("value") and node.value[name] is not None]
    if names == ["valueBoolean"]:
        return "present" if node.get("valueBoolean", bool).value else "absent", ""
    if len(names) > 1:
        node.fault(f"has {' and '.join(names)}, of which one only may stand there")
    if names and names[0] not in ("valueCodeableConcept", "valueCoding"):
        return "", f"{names[0]} is not read"
    concepts = [node.get("valueCodeableConcept"), *node.each("interpretation"), node.get("dataAbsentReason")]
    codings = [coding for concept in (concepts[:1] if names else concepts) if concept for coding in concept.concept()]
    codings += [node.get("valueCoding").coding()] if names == ["valueCoding"] else []
    said = {ANSWERS[key] for coding in codings if (key := _key(coding.system, coding.code)) in ANSWERS}
    if len(said) == 1:
        return said.pop(), ""
    shown = ", ".join(coding.label or coding.code for coding in codings)
    return "", f"says {shown}, which is neither yes nor no" if shown else "has no value"


def _questionnaire(reading: _Reading, node: _Node) -> None:
    if node.text("status") == "entered-in-error":
        reading.skip(_Coding("", "", "QuestionnaireResponse", node.path), "is entered-in-error")
        return
    pending = node.each("item")
    while pending:
        item = pending.pop(0)
        _item(reading, item)
        nested = [part for answer in item.each("answer") for part in answer.each("item")]
        pending = item.each("item") + nested + pending


def _item(reading: _Reading, item: _Node) -> None:
    """Take the answers to one question, known by its linkId (a variable or a code) or by a code in an extension."""
    link, answers = item.text("linkId", required=True), item.each("answer")
    codings = [part.get("valueCoding").coding() for part in item.each("extension") if part.get("valueCoding")]
    codings.append(_Coding(_prefix(link), link, item.text("text"), item.path))
    known = [coding for coding in codings if reading.rows_of(coding)]
    if link in reading.variables:
        _answers(reading, link, codings[-1], answers)
        return
    for answer in answers:
        state, why = _value(answer)
        chosen = answer.get("valueCoding")
        if known:
            reading.observe(known, state, why)
        elif chosen and why:
            reading.observe([chosen.coding()], "present")
        else:
            hint = "".join(f"; did you mean {name}?" for name in nearest(link, reading.variables)[:1])
            question = codings[0]._replace(path=answer.path)
            reading.skip(question, f"the question is no variable and no code of the model{hint}")


def _answers(reading: _Reading, name: str, question: _Coding, answers: list[_Node]) -> None:
    """Take the answers to a question that goes by the name of a variable or a group."""
    words = [(_word(reading, name, answer), question._replace(path=answer.path)) for answer in answers]
    for word, coding in words or [(None, question)]:
        if is_unknown(word):
            reading.skip(coding, "has no answer that the model knows")
        elif reading.variables[name].role != "group":
            reading.take(name, word, coding)
    sites = [str(word) for word, _ in words if not is_unknown(word)]
    if sites and reading.variables[name].role == "group":
        reading.take(name, ";".join(sites), question)


def _word(reading: _Reading, name: str, answer: _Node) -> Any:
    """Return an answer as a word for the variable, None where there is none."""
    state, why = _value(answer)
    if not why:
        return state
    for field, kind in (("valueString", str), ("valueInteger", int), ("valueDecimal", (int, float))):
        if answer.get(field, kind):
            return answer.get(field, kind).value
    chosen = answer.get("valueCoding").coding()
    coded = [reading.variables[row["variable"]] for row, _ in reading.rows_of(chosen)]
    own = ["present" for variable in coded if variable.name == name]
    own += [variable.name for variable in coded if variable.group == name]
    # A bare number is the place of an answer in somebody's list, not a word.
    words = [word for word in (chosen.label, chosen.code) if word and not word.isdigit()]
    for word in (*own, *words):
        try:
            if reading.words.read({name: word}).observed:
                return word
        except TwitchbayesError:
            continue
    return None


READERS = {"Condition": _condition, "Observation": _observation, "QuestionnaireResponse": _questionnaire}


def _load(source: _Source) -> tuple[str, Mapping[str, Any]]:
    """Return the name of a file ("" for a mapping) and the JSON object in it."""
    if isinstance(source, Mapping):
        return "", source
    if not isinstance(source, str | os.PathLike):
        raise InterchangeError([f"{_shown(source)} is neither a path nor a mapping"])
    try:
        value = json.loads(Path(source).read_bytes(), object_pairs_hook=_object)
    except FileNotFoundError as error:
        hint = "; JSON text goes through json.loads" if str(source).lstrip().startswith("{") else ""
        raise InterchangeError([f"there is no file {_shown(os.fspath(source))}{hint}"]) from error
    except json.JSONDecodeError as error:
        problem = f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        raise InterchangeError([problem], file=Path(source).name) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InterchangeError([f"cannot be read: {error}"], file=_shown(os.fspath(source))) from error
    if not isinstance(value, dict):
        raise InterchangeError([f"is {_shown(value)}, not an object"], file=Path(source).name)
    return Path(source).name, value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; a name that stands twice in it is a fault, as one of the two would be lost."""
    seen = dict(pairs)
    if len(seen) < len(pairs):
        names = [name for name, _ in pairs]
        message = f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object"
        raise ValueError(message)
    return seen


def _days(node: _Node) -> tuple[date, date] | None:
    """Return the first and the last day that a date, perhaps of a month or year only, may mean."""
    match = MOMENT.fullmatch(node.value or "")
    if match:
        year, month, day = (int(part or 0) for part in match.groups())
        with contextlib.suppress(ValueError):
            first = date(year, month or 1, day or 1)
            return first, date(year, month or 12, day or calendar.monthrange(year, month or 12)[1])
    if node:
        node.fault(f"is {_shown(node.value)}, not a date such as 1964-05-02")
    return None


def _years(node: _Node) -> int | None:
    """Return the completed years of an Age of a phenopacket."""
    text = node.text("iso8601duration", required=True)
    match = DURATION.fullmatch(text)
    if not match:
        if text:
            node.get("iso8601duration", str).fault(f"is {_shown(text)}, not a duration such as P62Y3M")
        return None
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    return years + months // 12 + int((7 * weeks + days) / 365.25)


def _completed(birth: date, day: date) -> int:
    """Return the completed years from a birth to a day."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def _key(system: str, code: str) -> tuple[str, str]:
    """Return what a code is looked up by: HP:0001324 and 0001324 are one in HPO, G12.21 and G1221 in ICD-10-CM."""
    system = system.strip().casefold().replace("https://", "http://").rstrip("/")
    system = SYSTEMS.get(system, system)
    prefix, _, rest = code.strip().casefold().partition(":")
    local = rest if rest and SYSTEMS.get(prefix, prefix) == system else code.strip().casefold()
    return system, local.replace(".", "") if system.startswith("icd-10") else local


def _prefix(curie: str) -> str:
    """Return what stands before the colon, "" where there is none."""
    return curie.partition(":")[0] if ":" in curie else ""


def _first_code(value: Any) -> tuple[str, str]:
    """Return the outermost code in some JSON, and its label."""
    pending = [value]
    while pending:
        part = pending.pop(0)
        if isinstance(part, Mapping):
            code = part.get("id") if "label" in part else part.get("code")
            if isinstance(code, str):
                return code, str(part.get("label") or part.get("display") or "")
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return "", ""


def _camel(name: object) -> str:
    """Return the name of a field in camelCase."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), str(name))


def _shown(value: object) -> str:
    """Return a value for a message, shortened."""
    return reprlib.repr(value)
