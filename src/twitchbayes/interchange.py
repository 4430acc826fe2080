"""Phenopackets and FHIR resources as evidence, by the codes of a model; what is not used comes back by name."""

from __future__ import annotations

from datetime import date
from typing import Any

from twitchbayes.coding import CodedEvidence, ModelLike, Reading, Unmatched, Used, key_of
from twitchbayes.documents import (
    Coding,
    InterchangeError,
    Node,
    Source,
    camel,
    first_code,
    prefix_of,
    shown_as,
    years_of,
)
from twitchbayes.errors import TwitchbayesError, nearest
from twitchbayes.values import is_unknown

__all__ = ["CodedEvidence", "InterchangeError", "Unmatched", "Used", "from_fhir", "from_phenopacket"]

_YES = {"snomed ct": "373066001 52101004", "loinc": "la33-6 la9633-4", "yes or no": "y", "interpretation": "pos"}
_NO = {"snomed ct": "373067005 2667000", "loinc": "la32-8 la9634-2", "yes or no": "n", "interpretation": "neg"}
ANSWERS = {(system, code): "present" for system, codes in _YES.items() for code in codes.split()}
ANSWERS |= {(system, code): "absent" for system, codes in _NO.items() for code in codes.split()}
# What narrows the term of an assertion in a phenopacket, and all that may stand in one.
LISTED, SINGLE = ("modifiers", "diseaseStage", "clinicalTnmFinding"), ("severity", "primarySite", "laterality")
ASSERTION = {"type", "term", "excluded", "resolution", "onset", "description", "evidence", *LISTED, *SINGLE}
CURRENT, PAST = ("active", "recurrence", "relapse"), ("inactive", "remission", "resolved")
SURE, UNSURE = ("confirmed", "refuted"), ("entered-in-error", "unconfirmed", "provisional", "differential")


def from_phenopacket(packet: Source, model: ModelLike = "twitch") -> CodedEvidence:
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
    reading = Reading(model, packet)
    root, known = reading.root, {"id", "subject", "phenotypicFeatures", "diseases", "files", "metaData"}
    names = {camel(name) for name in root.value}
    if names & {"resourceType", "proband", "members"} or not names & {*known, "measurements", "interpretations"}:
        hint = "give a FHIR resource to from_fhir, the proband of a Family, one member of a Cohort"
        raise InterchangeError([f"is no Phenopacket ({hint}); it has {shown_as(sorted(names))}"], file=reading.file)
    subject = root.get("subject")
    reading.sex(subject.get("sex", str))
    _subject_age(reading, subject, root.get("metaData").get("created", str))
    reading.unread(subject, {"id", "alternateIds", "dateOfBirth", "timeAtLastEncounter", "sex", "taxonomy"})
    for term, name in (("type", "phenotypicFeatures"), ("term", "diseases")):
        for node in root.each(name):
            _assertion(reading, node, term)
    reading.unread(root, known)
    return reading.finish()


def from_fhir(resource: Source, model: ModelLike = "twitch", *, on: date | str | None = None) -> CodedEvidence:
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
    reading = Reading(model, resource)
    root, kind = reading.root, reading.root.value.get("resourceType")
    if kind not in ("Bundle", "QuestionnaireResponse"):
        problem = f"resourceType: is {shown_as(kind)}, not Bundle or QuestionnaireResponse"
        raise InterchangeError([problem], file=reading.file)
    nodes = [entry.get("resource", required=True) for entry in root.each("entry")] if kind == "Bundle" else [root]
    nodes = [part for node in nodes if node for part in (node, *node.each("contained"))]
    given = Node(None if on is None else str(on), "on", root.problems)
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
            reading.unmatched.append(Unmatched(*first_code(node.value), node.path, f"a {kind} is not read"))
    if len(people["Patient"]) > 1 or len(people["subject"] - {""}) > 1:
        root.fault("is of several people; give what is of one of them")
    return reading.finish()


def _subject_age(reading: Reading, subject: Node, created: Node) -> None:
    """Take the age at the last encounter, or else that from the date of birth."""
    seen, born = subject.get("timeAtLastEncounter"), subject.get("dateOfBirth", str)
    age, span = seen.get("age"), seen.get("ageRange")
    if age or span:
        ages = [age] if age else [span.get("start", required=True), span.get("end", required=True)]
        years = [number for number in map(years_of, ages) if number is not None]
        if len(years) == len(ages):
            reading.age(age.get("iso8601duration", str) if age else span, years[0], years[-1])
    elif born:
        reading.born(born, seen.get("timestamp", str) or created)
    elif seen:
        reading.unmatched.append(Unmatched(*first_code(seen.value), seen.path, "gives no age in years"))


def _assertion(reading: Reading, node: Node, term: str) -> None:
    """Take a phenotypic feature or a disease of a phenopacket."""
    for name in node.value:
        # A slip or an older word for `excluded` would turn no into yes.
        if camel(name) not in ASSERTION:
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


def _condition(reading: Reading, node: Node) -> None:
    verification = _status(node, "verificationStatus", SURE + UNSURE)
    clinical = _status(node, "clinicalStatus", CURRENT + PAST)
    abated = any(str(name).startswith("abatement") for name in node.value)
    why = f"is {verification}" if verification in UNSURE else ""
    if verification not in (*UNSURE, "refuted") and (clinical in PAST or abated):
        why = f"is {clinical or 'abated'}; the model asks about {reading.window}"
    reading.observe(node.get("code").concept(), "absent" if verification == "refuted" else "present", why)


def _status(node: Node, name: str, allowed: tuple[str, ...]) -> str:
    concept = node.get(name)
    known = [coding.code for coding in concept.concept() if coding.code in allowed]
    if concept and not known:
        concept.fault(f"has none of the codes {', '.join(allowed)}")
    return known[0] if known else ""


def _observation(reading: Reading, node: Node) -> None:
    status = node.text("status")
    for part in (node, *node.each("component")):
        state, why = _value(part)
        if status in ("entered-in-error", "cancelled"):
            why = f"is {status}"
        reading.observe(part.get("code", required=True).concept(), state, why)


def _value(node: Node) -> tuple[str, str]:
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
    said = {ANSWERS[key] for coding in codings if (key := key_of(coding.system, coding.code)) in ANSWERS}
    if len(said) == 1:
        return said.pop(), ""
    shown = ", ".join(coding.label or coding.code for coding in codings)
    return "", f"says {shown}, which is neither yes nor no" if shown else "has no value"


def _questionnaire(reading: Reading, node: Node) -> None:
    if node.text("status") == "entered-in-error":
        reading.skip(Coding("", "", "QuestionnaireResponse", node.path), "is entered-in-error")
        return
    pending = node.each("item")
    while pending:
        item = pending.pop(0)
        _item(reading, item)
        nested = [part for answer in item.each("answer") for part in answer.each("item")]
        pending = item.each("item") + nested + pending


def _item(reading: Reading, item: Node) -> None:
    """Take the answers to one question, known by its linkId (a variable or a code) or by a code in an extension."""
    link, answers = item.text("linkId", required=True), item.each("answer")
    codings = [part.get("valueCoding").coding() for part in item.each("extension") if part.get("valueCoding")]
    codings.append(Coding(prefix_of(link), link, item.text("text"), item.path))
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


def _answers(reading: Reading, name: str, question: Coding, answers: list[Node]) -> None:
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


def _word(reading: Reading, name: str, answer: Node) -> Any:
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
