"""Phenopackets and FHIR resources as evidence: what is matched, what is named as unmatched, what is refused."""

from __future__ import annotations

import copy
import datetime
import json
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import twitchbayes
from models import SITES, load
from twitchbayes import InvalidValueError, Model, TwitchbayesError
from twitchbayes.interchange import InterchangeError, from_fhir, from_phenopacket

PACKETS = sorted((Path(__file__).parent / "phenopackets").glob("*.json"))
SNOMED, HPO, LOINC = "http://snomed.info/sct", "http://human-phenotype-ontology.org", "http://loinc.org"
HL7 = "http://terminology.hl7.org/CodeSystem/"
YES_NO, DATA_ABSENT, INTERPRETATION = f"{HL7}v2-0136", f"{HL7}data-absent-reason", f"{HL7}v3-ObservationInterpretation"
# The systems of codes.csv whose codes come without a prefix, and the URIs that FHIR has for the systems.
PREFIXES = {"SNOMED CT": "SNOMEDCT:", "ICD-10-CM": "ICD10CM:", "ICD-10": "ICD10:"}
URIS = {
    "HPO": HPO, "MONDO": "http://purl.obolibrary.org/obo/mondo.owl", "SNOMED CT": SNOMED, "OMIM": "https://omim.org",
    "ICD-10-CM": "http://hl7.org/fhir/sid/icd-10-cm", "ICD-10": "http://hl7.org/fhir/sid/icd-10",
}  # fmt: skip


# Documents


def feature(code: str, label: str = "", **more: Any) -> dict[str, Any]:
    return {"type": {"id": code, "label": label}, **more}


def packet(*features: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "p", "phenotypicFeatures": list(features), **more}


def concept(system: str, code: str, display: str = "") -> dict[str, Any]:
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]}


def bundle(*resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources], **more}


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "person", **more}


def condition(code: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "code": code, "subject": {"reference": "Patient/person"}, **more}


def observation(code: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", "code": code, **more}


def questionnaire(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "item": list(items), **more}


def status(verification: str = "", clinical: str = "") -> dict[str, Any]:
    """The two states of a Condition."""
    both = {"verificationStatus": concept(f"{HL7}condition-ver-status", verification)} if verification else {}
    return both | ({"clinicalStatus": concept(f"{HL7}condition-clinical", clinical)} if clinical else {})


def item(link: str, *answers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"linkId": link, "answer": list(answers), **more}


PERSON = {"sex": "MALE", "timeAtLastEncounter": {"age": {"iso8601duration": "P62Y3M"}}}
WEAKNESS, ALS = concept(HPO, "HP:0001324", "Muscle weakness"), concept(SNOMED, "86044005", "ALS")
DYSPNEA, SEIZURE = concept(HPO, "HP:0002094", "Dyspnea"), concept(HPO, "HP:0001250", "Seizure")
DIABETES = concept(SNOMED, "73211009", "Diabetes mellitus")

WHOLE_BUNDLE = bundle(
    patient(gender="female", birthDate="1961-05-02"),
    condition(
        concept(SNOMED, "34486009", "Hyperthyroidism"),
        **status("confirmed", "active"),
    ),
    condition(ALS, **status("refuted")),
    condition(DIABETES, **status(clinical="active")),
    observation(WEAKNESS, valueBoolean=True, subject={"reference": "Patient/person"}),
    observation(DYSPNEA, valueCodeableConcept=concept(SNOMED, "373067005", "No")),
    observation(
        concept(HPO, "HP:0003394", "Muscle spasm"),
        dataAbsentReason=concept(DATA_ABSENT, "asked-unknown", "Asked But Unknown"),
    ),
    observation(concept(HPO, "HP:0002015", "Dysphagia"), interpretation=[concept(INTERPRETATION, "NEG")]),
    {
        "resourceType": "MedicationStatement",
        "status": "active",
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "4603", "furosemide"),
        "subject": {"reference": "Patient/person"},
    },
    timestamp="2026-03-02T09:30:00Z",
)
WHOLE_QUESTIONNAIRE = questionnaire(
    item("age", {"valueInteger": 62}),
    item(
        "sex",
        {"valueCoding": {"system": "http://hl7.org/fhir/administrative-gender", "code": "male", "display": "Male"}},
    ),
    item("weakness", {"valueBoolean": True, "item": [item("cramps", {"valueString": "no"})]}),
    item("fatigue", {"valueCoding": {"system": YES_NO, "code": "Y", "display": "Yes"}}),
    item("twitch_location", {"valueString": "arm_hand"}, {"valueCoding": {"code": "x1", "display": "tongue"}}),
    {"linkId": "group-1", "text": "Breathing and sleep", "item": [item("insomnia", {"valueDecimal": 0.0})]},
    item("HP:0002094", {"valueBoolean": False}, text="Short of breath?"),
    item("q-9", {"valueCoding": {"system": HPO, "code": "HP:0001250", "display": "Seizure"}}, text="Anything else?"),
    item("q-10", {"valueString": "since May"}, text="Since when?"),
    authored="2026-03-02",
)


def reasons(result: Any) -> dict[str, str]:
    return {one.path: one.reason for one in result.unmatched}


def said_by(result: Any) -> dict[str, Any]:
    """What each path gave: variable and value."""
    return {one.path: (one.variable, one.value) for one in result.used}


# Phenopackets


@pytest.mark.parametrize("file", PACKETS, ids=lambda file: file.stem)
def test_packets_have_the_published_structure(file: Path) -> None:
    """The schema library of GA4GH reads every phenopacket of these tests."""
    phenopackets = pytest.importorskip("phenopackets", reason="the schema library phenopackets is not installed")
    json_format = pytest.importorskip("google.protobuf.json_format")
    read = json_format.Parse(file.read_text(encoding="utf-8"), phenopackets.Phenopacket())
    assert read.meta_data.phenopacket_schema_version == "2.0"
    assert len(read.phenotypic_features) >= 2


@pytest.mark.parametrize("file", PACKETS, ids=lambda file: file.stem)
def test_written_by_the_schema_library(file: Path) -> None:
    """A packet written anew by the schema library, in either spelling of the fields, says the same."""
    phenopackets = pytest.importorskip("phenopackets", reason="the schema library phenopackets is not installed")
    json_format = pytest.importorskip("google.protobuf.json_format")
    message = json_format.Parse(file.read_text(encoding="utf-8"), phenopackets.Phenopacket())
    for original in (False, True):
        written = json_format.MessageToDict(message, preserving_proto_field_name=original)
        assert from_phenopacket(written).evidence == from_phenopacket(file).evidence


EXPECTED = {
    "tongue_and_hand": (
        {"sex": "male", "age": 62, "twitch_tongue": "present", "weakness": "present", "slurred_speech": "present",
         "numbness_tingling": "absent", "hyperthyroidism": "absent"},
        {"phenotypicFeatures[1].modifiers[0]": "HP:0012834", "phenotypicFeatures[1].severity": "HP:0012828",
         "phenotypicFeatures[4].type": "HP:0001250", "diseases[1].term": "MONDO:0005015"},
    ),
    "eyelid_and_worry": (
        {"sex": "female", "age": "30-39", "twitch_face": "present", "anxiety": "present", "insomnia": "present", "weakness": "absent"},
        {"phenotypicFeatures[0].modifiers[0]": "HP:0012833", "phenotypicFeatures[4].type": "HP:0002315"},
    ),
    "thyroid_by_birth_date": (
        {"age": 47, "tremor": "present", "palpitations": "present", "hyperthyroidism": "present", "anemia": "present"},
        {"subject.sex": "", "subject.vitalStatus": "", "measurements[0]": "LOINC:3016-3", "interpretations[0]": "OMIM:275000"},
    ),
    "field_names_of_the_schema": (
        {"sex": "female", "age": 45, "twitching": "present", "cramps": "present", "cancer": "present"},
        {"diseases[0].primary_site": "UBERON:0000310"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("file", PACKETS, ids=lambda file: file.stem)
def test_packet_as_evidence(file: Path) -> None:
    """Each packet gives the evidence worked out by hand, names all else, and can be asked about."""
    evidence, unmatched = EXPECTED[file.stem]
    for source in (file, str(file), json.loads(file.read_text(encoding="utf-8"))):
        result = from_phenopacket(source)
        assert result.evidence == evidence
        assert {one.path: one.code for one in result.unmatched} == unmatched
    assert set(twitchbayes.infer(result.evidence).evidence) == set(evidence)


def test_used_says_where_from() -> None:
    """What was used names the code, its label, its path and the row of codes.csv."""
    used = from_phenopacket(packet(feature("HP:0001324", "Muscle weakness"))).used[0]
    assert used[:5] == ("weakness", "present", "HP:0001324", "Muscle weakness", "phenotypicFeatures[0].type")
    assert re.fullmatch(r"codes\.csv, line \d+", used.row)


def test_every_shipped_code_is_matched(twitch: Model) -> None:
    """Every row of codes.csv is reached through its CURIE and through its FHIR system."""
    rows = [row for row in twitch.knowledge.table("codes.csv").rows if row["relation"] != "broader"]
    assert rows
    for row in rows:
        curie = PREFIXES.get(row["system"], "") + row["code"]
        coding = concept(URIS.get(row["system"], row["system"]), row["code"])
        for result in (from_phenopacket(packet(feature(curie))), from_fhir(bundle(condition(coding)))):
            assert result.evidence[row["variable"]] == "present", row
            assert not result.unmatched
            assert f"codes.csv, line {row.line}" in {used.row for used in result.used}


@pytest.mark.parametrize(
    ("code", "variable"),
    [
        ("SNOMEDCT:86044005", "als"),
        ("SCTID:86044005", "als"),
        ("SNOMED:86044005", "als"),
        ("snomedct:86044005", "als"),
        ("ICD10CM:G12.21", "als"),
        ("ICD10CM:G1221", "als"),
        ("ICD-10-CM:G12.21", "als"),
        ("hp:0001324", "weakness"),
        ("MONDO:0004976", "als"),
    ],
)
def test_prefixes(code: str, variable: str) -> None:
    """The prefixes in use for a system are one, whatever their case; ICD codes may come without their dot."""
    assert from_phenopacket({"diseases": [{"term": {"id": code, "label": ""}}]}).evidence == {variable: "present"}


def test_icd_codes_fall_back_on_their_category() -> None:
    """A code below a category of codes.csv is of its kind: present says so, absent says nothing of the whole."""
    below = {"term": {"id": "ICD10CM:E05.90", "label": "Thyrotoxicosis, unspecified"}}
    assert from_phenopacket({"diseases": [below]}).evidence == {"hyperthyroidism": "present"}
    result = from_phenopacket({"diseases": [below | {"excluded": True}]})
    assert result.evidence == {}
    assert "is one kind of hyperthyroidism only" in result.unmatched[0].reason
    # G12.21 has a row of its own, so that of G12.2 is not asked.
    assert set(from_phenopacket({"diseases": [{"term": {"id": "ICD10CM:G12.21"}}]}).evidence) == {"als"}
    assert reasons(from_phenopacket(packet(feature("ICD10CM:E11.9")))) == {
        "phenotypicFeatures[0].type": "is no code of ICD10CM in codes.csv"
    }


RELATED = """
    variable,system,code,relation
    weak,HPO,HP:0001324,exact
    weak,HPO,HP:0030237,narrower
    weak,HPO,HP:0003011,broader
    palsy,ICD-10-CM,G12,broader
    palsy,ICD-10,G51.0,
    twitch_arm,HPO,HP:0007289,
    twitching,HPO,HP:0002380,
    sex,SNOMED CT,248153007,
    lifting,HPO,HP:0002094,
    strain,HPO,HP:0002094,
    """


@pytest.fixture(scope="module")
def related(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model SITES with codes that are narrower and broader than their variables."""
    return load(tmp_path_factory.mktemp("related") / "model", base=SITES, codes=RELATED)


@pytest.mark.parametrize(
    ("code", "excluded", "evidence"),
    [
        ("HP:0001324", False, {"weak": "present"}),
        ("HP:0001324", True, {"weak": "absent"}),
        ("HP:0030237", False, {"weak": "present"}),
        ("HP:0030237", True, {}),
        ("HP:0003011", False, {}),
        ("HP:0003011", True, {"weak": "absent"}),
        ("ICD10CM:G12", True, {"palsy": "absent"}),
        ("ICD10:G51.0", False, {"palsy": "present"}),
        ("ICD10CM:G51.0", False, {}),
        ("ICD10CM:G12.21", False, {}),
        ("ICD10CM:G12.21", True, {}),
        ("SCTID:248153007", False, {}),
        ("HP:0002094", False, {"lifting": "present", "strain": "present"}),
        ("HP:0002094", True, {"lifting": "absent", "strain": "absent"}),
    ],
)
def test_relation_of_code_and_variable(related: Model, code: str, excluded: bool, evidence: dict[str, str]) -> None:
    """A narrower code counts when it is present, a broader one when it is absent; all else is named."""
    result = from_phenopacket(packet(feature(code, excluded=excluded)), related)
    assert result.evidence == evidence
    assert bool(result.unmatched) is not bool(evidence)


def test_hand_spared_while_legs_are_weak(related: Model) -> None:
    """One kind excluded and another observed is no contradiction."""
    result = from_phenopacket(packet(feature("HP:0030237", excluded=True), feature("HP:0001324")), related)
    assert result.evidence == {"weak": "present"}


def test_qualified_and_past_features() -> None:
    """What is over, or excluded only in some form, gives no evidence and is named."""
    severe, right = {"id": "HP:0012828", "label": "Severe"}, {"id": "HP:0012834", "label": "Right"}
    result = from_phenopacket(
        packet(
            feature("HP:0001324", "Muscle weakness", excluded=True, severity=severe),
            feature("HP:0002315", "Headache", resolution={"age": {"iso8601duration": "P30Y"}}),
            feature("HP:0001337", "Tremor", modifiers=[right, {"id": "HP:0025226", "label": "Triggered by stress"}]),
        )
    )
    assert result.evidence == {"tremor": "present", "stress": "present"}
    assert reasons(result) == {
        "phenotypicFeatures[0].type": "is excluded only in the form Severe",
        "phenotypicFeatures[0].severity": "only qualifies HP:0001324",
        "phenotypicFeatures[1].type": "is over; the model asks about the past four weeks",
        "phenotypicFeatures[2].modifiers[0]": "only qualifies HP:0001337",
    }


@pytest.mark.parametrize(
    ("subject", "created", "age"),
    [
        ({"timeAtLastEncounter": {"age": {"iso8601duration": "P62Y3M"}}}, None, 62),
        ({"timeAtLastEncounter": {"age": {"iso8601duration": "P750M"}}}, None, 62),
        ({"timeAtLastEncounter": {"age": {"iso8601duration": "P23000D"}}}, None, 62),
        ({"timeAtLastEncounter": {"age": {"iso8601duration": "P62Y11M30DT5H"}}}, None, 62),
        ({"time_at_last_encounter": {"age_range": {"start": {"iso8601duration": "P62Y"}, "end": {"iso8601duration": "P62Y9M"}}}}, None, 62),
        ({"timeAtLastEncounter": {"ageRange": {"start": {"iso8601duration": "P60Y"}, "end": {"iso8601duration": "P69Y"}}}}, None, "60-69"),
        ({"dateOfBirth": "1964-03-02T00:00:00Z"}, "2026-03-02T09:30:00Z", 62),
        ({"dateOfBirth": "1964-03-02T00:00:00Z"}, "2026-03-01T23:59:59.123Z", 61),
        ({"dateOfBirth": "1964-02-29T00:00:00Z"}, "2026-02-28T00:00:00Z", 61),
        ({"dateOfBirth": "1964-02-29T00:00:00Z"}, "2026-03-01T00:00:00Z", 62),
        ({"dateOfBirth": "1964-03-02T00:00:00Z", "timeAtLastEncounter": {"timestamp": "2020-05-05T00:00:00Z"}}, "2026-03-02T00:00:00Z", 56),
    ],
)  # fmt: skip
def test_age_of_a_subject(subject: dict[str, Any], created: str | None, age: Any) -> None:
    """The age is in completed years, from a duration, a range in one band, or a birth date and a date beside it."""
    document = {"subject": subject} | ({"metaData": {"created": created}} if created else {})
    result = from_phenopacket(document)
    assert result.evidence == {"age": age}
    assert not result.unmatched


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ({"dateOfBirth": "1964-03-02T00:00:00Z"}, "no date is given at which to reckon the age"),
        ({"timeAtLastEncounter": {"ontologyClass": {"id": "HP:0003581", "label": "Adult onset"}}}, "gives no age in years"),
        ({"sex": "UNKNOWN_SEX"}, "the model knows the sexes male and female only"),
        ({"gender": {"id": "SCTID:446151000124109", "label": "Identifies as male gender"}}, "gender is not read"),
    ],
)  # fmt: skip
def test_what_a_subject_leaves_open(subject: dict[str, Any], reason: str) -> None:
    """A sex or an age that cannot be known is named with the reason; no clock is asked."""
    result = from_phenopacket({"subject": subject})
    assert result.evidence == {}
    assert [one.reason for one in result.unmatched] == [reason]


def test_model_without_age_and_sex(tiny: Model) -> None:
    """A model that has no such variable, and no codes, leaves all of it unmatched, by name."""
    result = from_phenopacket(packet(feature("HP:0001324"), subject=PERSON), tiny)
    assert result.evidence == {}
    assert reasons(result) == {
        "subject.sex": "the model has no variable sex",
        "subject.timeAtLastEncounter.age.iso8601duration": "the model has no variable age",
        "phenotypicFeatures[0].type": "is no code of HP in codes.csv",
    }


# Contradictions


@pytest.mark.parametrize(
    "document",
    [
        packet(feature("HP:0001324"), feature("HP:0002315"), feature("HP:0001324", excluded=True)),
        packet(feature("HP:0007340"), feature("HP:0002315"), feature("HP:0001324", excluded=True)),
    ],
)
def test_observed_and_excluded(document: dict[str, Any]) -> None:
    """One variable observed and excluded is refused, and both places are named."""
    message = (
        r"phenotypicFeatures\[0\].type says that weakness is present, phenotypicFeatures\[2\].type that it is absent"
    )
    with pytest.raises(InvalidValueError, match=message):
        from_phenopacket(document)


def test_site_against_no_twitching() -> None:
    """A twitching tongue contradicts no twitching anywhere; both places are named."""
    document = packet(feature("HP:0002380", excluded=True), feature("HP:0001308"))
    message = (
        r"phenotypicFeatures\[0\].type and phenotypicFeatures\[1\].type: twitching='absent' contradicts twitch_tongue"
    )
    with pytest.raises(InterchangeError, match=message):
        from_phenopacket(document)


# FHIR


def test_bundle_has_the_published_structure() -> None:
    """The FHIR documents of these tests are valid to fhir.resources (R4B, which R4 documents of these types are too)."""
    pytest.importorskip("fhir.resources", reason="the schema library fhir.resources is not installed")
    from fhir.resources.R4B.bundle import Bundle
    from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

    assert len(Bundle.model_validate(WHOLE_BUNDLE).entry) == 9
    assert len(QuestionnaireResponse.model_validate(WHOLE_QUESTIONNAIRE).item) == 9


def test_bundle_as_evidence(tmp_path: Path) -> None:
    """A Bundle gives the evidence worked out by hand, from a file and from a mapping, and names all else."""
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(WHOLE_BUNDLE), encoding="utf-8")
    for source in (WHOLE_BUNDLE, file):
        result = from_fhir(source)
        assert result.evidence == {
            "sex": "female",
            "age": 64,
            "hyperthyroidism": "present",
            "als": "absent",
            "weakness": "present",
            "shortness_of_breath": "absent",
            "swallowing_trouble": "absent",
        }
        assert reasons(result) == {
            "entry[3].resource.code.coding[0]": f"is no code of {SNOMED} in codes.csv",
            "entry[6].resource.code.coding[0]": "says Asked But Unknown, which is neither yes nor no",
            "entry[8].resource": "a MedicationStatement is not read",
        }
        assert ("4603", "furosemide") in {one[:2] for one in result.unmatched}
    twitchbayes.infer(result.evidence)


OVER = "; the model asks about the past four weeks"


@pytest.mark.parametrize(
    ("more", "evidence", "reason"),
    [
        ({}, {"als": "present"}, None),
        (status(clinical="relapse"), {"als": "present"}, None),
        (status("refuted"), {"als": "absent"}, None),
        (status("refuted", "inactive"), {"als": "absent"}, None),
        (status("entered-in-error"), {}, "is entered-in-error"),
        (status("unconfirmed", "active"), {}, "is unconfirmed"),
        (status("provisional"), {}, "is provisional"),
        (status("differential"), {}, "is differential"),
        (status("confirmed", "inactive"), {}, f"is inactive{OVER}"),
        (status(clinical="remission"), {}, f"is remission{OVER}"),
        (status(clinical="resolved"), {}, f"is resolved{OVER}"),
        ({"abatementDateTime": "2020-01-01"}, {}, f"is abated{OVER}"),
    ],
)
def test_status_of_a_condition(more: dict[str, Any], evidence: dict[str, str], reason: str | None) -> None:
    """Only a condition that holds now, or was refuted, is evidence; a suspicion is none."""
    result = from_fhir(bundle(condition(ALS, **more)))
    assert result.evidence == evidence
    assert [one.reason for one in result.unmatched] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("more", "state"),
    [
        ({"valueBoolean": True}, "present"),
        ({"valueBoolean": False}, "absent"),
        ({"valueCodeableConcept": concept(SNOMED, "373066001")}, "present"),
        ({"valueCodeableConcept": concept(SNOMED, "373067005")}, "absent"),
        ({"valueCodeableConcept": concept(SNOMED, "52101004")}, "present"),
        ({"valueCodeableConcept": concept(SNOMED, "2667000")}, "absent"),
        ({"valueCodeableConcept": concept(LOINC, "LA9633-4")}, "present"),
        ({"valueCodeableConcept": concept(LOINC, "LA9634-2")}, "absent"),
        ({"valueCodeableConcept": concept(YES_NO, "Y")}, "present"),
        ({"valueCodeableConcept": concept(YES_NO, "N")}, "absent"),
        ({"interpretation": [concept(INTERPRETATION, "POS")]}, "present"),
        ({"interpretation": [concept(INTERPRETATION, "NEG")]}, "absent"),
        # N is "normal" in this system, not "no".
        ({"interpretation": [concept(INTERPRETATION, "N", "Normal")]}, None),
        ({"valueCodeableConcept": {"text": "yes"}}, None),
        ({"valueQuantity": {"value": 3}}, None),
        ({"valueBoolean": True, "status": "entered-in-error"}, None),
        ({"valueBoolean": True, "status": "cancelled"}, None),
        ({"dataAbsentReason": concept(DATA_ABSENT, "unknown")}, None),
        ({}, None),
    ],
)
def test_value_of_an_observation(more: dict[str, Any], state: str | None) -> None:
    """Yes and no in the codes in use; anything else is unknown and named."""
    result = from_fhir(bundle(observation(WEAKNESS, **more)))
    assert result.evidence == ({"weakness": state} if state else {})
    assert [one.code for one in result.unmatched] == ([] if state else ["HP:0001324"])


def test_components_of_an_observation() -> None:
    """Each component is an observation of its own."""
    parts = [{"code": DYSPNEA, "valueBoolean": False}, {"code": SEIZURE, "valueBoolean": False}]
    result = from_fhir(bundle(observation(WEAKNESS, component=parts)))
    assert result.evidence == {"shortness_of_breath": "absent"}
    assert set(reasons(result)) == {
        "entry[0].resource.code.coding[0]",
        "entry[0].resource.component[1].code.coding[0]",
    }


def test_translations_of_one_concept() -> None:
    """Codings of one concept are one statement: what one of them matches is used, the others are no loss."""
    both = {"coding": [ALS["coding"][0], {"system": "http://example.org/local", "code": "A1"}], "text": "ALS"}
    result = from_fhir(bundle(condition(both)))
    assert result.evidence == {"als": "present"}
    assert not result.unmatched
    neither = {"coding": [SEIZURE["coding"][0], {"system": "http://example.org/local", "code": "A1"}], "text": "Fit"}
    assert [(one.code, one.label) for one in from_fhir(bundle(condition(neither))).unmatched] == [
        ("HP:0001250", "Seizure"),
        ("A1", "Fit"),
    ]
    assert from_fhir(bundle(condition({"text": "weak legs"}))).unmatched[0][:2] == ("", "weak legs")


@pytest.mark.parametrize(
    ("on", "timestamp", "birth", "age"),
    [
        (None, "2026-05-01T10:00:00+02:00", "1961-05-02", 64),
        (None, "2026-05-02T10:00:00+02:00", "1961-05-02", 65),
        ("2020-05-01", "2026-05-02T10:00:00Z", "1961-05-02", 58),
        (datetime.date(2020, 5, 2), None, "1961-05-02", 59),
        (datetime.datetime(2020, 5, 2, 8, 0), None, "1961-05-02", 59),
        (None, "2026-05-01T10:00:00Z", "1961-05", "60-69"),
        (None, "2026-05-01T10:00:00Z", "1961", "60-69"),
        ("2026-12-31", None, "1961", 65),
    ],
)
def test_age_of_a_patient(on: Any, timestamp: str | None, birth: str, age: Any) -> None:
    """The age is reckoned at `on`, or else at the Bundle's timestamp; a birth year alone may still settle the band."""
    document = bundle(patient(birthDate=birth)) | ({"timestamp": timestamp} if timestamp else {})
    assert from_fhir(document, on=on).evidence == {"age": age}


def test_age_never_comes_from_the_clock() -> None:
    """Without a date of reference the birth date is unmatched, with the reason; a year that fits two bands is a range."""
    result = from_fhir(bundle(patient(birthDate="1961-05-02", gender="other")))
    assert result.evidence == {}
    assert reasons(result) == {
        "entry[0].resource.birthDate": "no date is given at which to reckon the age",
        "entry[0].resource.gender": "the model knows the sexes male and female only",
    }
    open_band = from_fhir(bundle(patient(birthDate="1966")), on="2026-05-01")
    assert (open_band.evidence, open_band.unmatched) == ({"age": "59 to 60"}, ())
    assert twitchbayes.infer(open_band.evidence) == twitchbayes.infer(age=(59, 60))
    answered = questionnaire(authored="2026-05-02", contained=[patient(birthDate="1961-05-02", gender="male")])
    assert from_fhir(answered).evidence == {"sex": "male", "age": 65}
    assert from_fhir(bundle(answered)).evidence == {"sex": "male", "age": 65}


def test_several_people() -> None:
    """Two patients, or resources of two subjects, are refused: nobody's findings become another's."""
    two = bundle(patient(), patient(id="other"))
    apart = bundle(condition(ALS), observation(WEAKNESS, valueBoolean=True, subject={"reference": "Patient/other"}))
    for document in (two, apart):
        with pytest.raises(InterchangeError, match="the document: is of several people"):
            from_fhir(document)
    absolute = {"reference": "https://example.org/fhir/Patient/person"}
    same = bundle(patient(), condition(ALS), observation(WEAKNESS, valueBoolean=True, subject=absolute))
    assert from_fhir(same).evidence == {"als": "present", "weakness": "present"}


# Questionnaires


def test_questionnaire_as_evidence() -> None:
    """Answers by linkId, by code and nested ones give the evidence worked out by hand; all else is named."""
    result = from_fhir(WHOLE_QUESTIONNAIRE)
    assert result.evidence == {
        "age": 62,
        "sex": "male",
        "weakness": "present",
        "cramps": "absent",
        "fatigue": "present",
        "twitch_arm_hand": "present",
        "twitch_tongue": "present",
        "insomnia": "absent",
        "shortness_of_breath": "absent",
    }
    assert said_by(result)["item[2].answer[0].item[0].answer[0]"] == ("cramps", "absent")
    assert reasons(result) == {
        "item[7].answer[0].valueCoding": f"is no code of {HPO} in codes.csv",
        "item[8].answer[0]": "the question is no variable and no code of the model",
    }
    assert [(one.code, one.label) for one in result.unmatched] == [("HP:0001250", "Seizure"), ("q-10", "Since when?")]
    twitchbayes.infer(result.evidence)


@pytest.mark.parametrize(
    ("question", "evidence"),
    [
        (item("weakness", {"valueInteger": 1}), {"weakness": "present"}),
        (item("weakness", {"valueString": "Yes"}), {"weakness": "present"}),
        (item("weakness", {"valueCoding": {"system": SNOMED, "code": "373067005"}}), {"weakness": "absent"}),
        (item("weakness", {"valueCoding": {"code": "no", "display": "Nein"}}), {"weakness": "absent"}),
        (item("weakness", {"valueCoding": {"system": HPO, "code": "HP:0030237"}}), {"weakness": "present"}),
        # The place in a list of answers is no word: 1 may well be "never".
        (item("weakness", {"valueCoding": {"code": "1", "display": "Never"}}), {}),
        (item("weakness", {"valueString": "unknown"}), {}),
        (item("weakness", {"valueQuantity": {"value": 1}}), {}),
        (item("weakness"), {}),
        (item("age", {"valueDecimal": 62.5}), {"age": 62.5}),
        (item("age", {"valueString": "60-69"}), {"age": "60-69"}),
        (
            item("twitch_location", {"valueCoding": {"system": HPO, "code": "HP:0001308"}}),
            {"twitch_tongue": "present"},
        ),
        (
            item("twitch_location", {"valueString": "tongue"}, {"valueCoding": {"code": "nowhere_else"}}),
            {"twitch_tongue": "present", **dict.fromkeys(["twitch_face", "twitch_arm_hand", "twitch_leg_foot", "twitch_trunk"], "absent")},
        ),
        (item("twitch_location", {"valueString": ""}), {}),
        (
            item("q1", {"valueBoolean": True}, extension=[{"url": "http://example.org/code", "valueCoding": WEAKNESS["coding"][0]}]),
            {"weakness": "present"},
        ),
        (item("q1", {"valueCoding": WEAKNESS["coding"][0]}), {"weakness": "present"}),
        (item("HP:0001324", {"valueBoolean": False}), {"weakness": "absent"}),
        (item("HP:0001324", {"valueInteger": 3}), {}),
        (item("q1", {"valueCoding": {"system": YES_NO, "code": "Y"}}), {}),
        (item("q1"), {}),
    ],
)  # fmt: skip
def test_answer_of_a_questionnaire(question: dict[str, Any], evidence: dict[str, Any]) -> None:
    """An answer is read in the words of its variable or by its code; what is neither is named."""
    result = from_fhir(questionnaire(question))
    assert result.evidence == evidence
    assert bool(result.unmatched) is (not evidence and question != item("q1"))


def test_slip_in_a_link() -> None:
    """A linkId that is nearly a variable is not taken for it, and the reason says what it may have meant."""
    result = from_fhir(questionnaire(item("weaknes", {"valueBoolean": True})))
    assert result.evidence == {}
    assert result.unmatched[0].reason.endswith("did you mean weakness?")


def test_questionnaire_entered_in_error() -> None:
    """What was entered in error is not read."""
    result = from_fhir(questionnaire(item("weakness", {"valueBoolean": True}), status="entered-in-error"))
    assert (result.evidence, [one.reason for one in result.unmatched]) == ({}, ["is entered-in-error"])


def test_contradiction_across_resources() -> None:
    """A Bundle whose resources contradict each other is refused; both places are named."""
    document = bundle(
        observation(WEAKNESS, valueBoolean=True), questionnaire(item("weakness", {"valueBoolean": False}))
    )
    message = (
        r"entry\[0\].resource.code.coding\[0\] says that weakness is present, entry\[1\].resource.item\[0\].answer\[0\]"
    )
    with pytest.raises(InvalidValueError, match=message):
        from_fhir(document)
    document["entry"][1]["resource"] = questionnaire(item("age", {"valueInteger": 64}))
    document["entry"].append({"resource": patient(birthDate="1961-05-02")})
    assert from_fhir(document, on="2026-05-02").evidence["age"] == 64


# Malformed documents

READ: dict[str, Callable[..., Any]] = {"phenopacket": from_phenopacket, "fhir": from_fhir}
MALFORMED = [
    ("phenopacket", packet(feature("HP:0001324"), feature("HP:0002094"), {"type": {"label": "?"}}), "phenotypicFeatures[2].type.id: missing"),
    ("phenopacket", packet({"type": {"id": ""}}), "phenotypicFeatures[0].type.id: missing"),
    ("phenopacket", packet({"type": {"id": 1324}}), "phenotypicFeatures[0].type.id: is 1324, not text"),
    ("phenopacket", packet({}), "phenotypicFeatures[0].type: missing"),
    ("phenopacket", packet({"type": "HP:0001324"}), "phenotypicFeatures[0].type: is 'HP:0001324', not an object"),
    ("phenopacket", packet(feature("HP:0001324"), None), "phenotypicFeatures[1]: is None, not an object"),  # type: ignore[arg-type]
    ("phenopacket", packet(feature("HP:0001324", excluded="yes")), "phenotypicFeatures[0].excluded: is 'yes', not true or false"),
    ("phenopacket", packet(feature("HP:0001324", excluded=1)), "phenotypicFeatures[0].excluded: is 1, not true or false"),
    ("phenopacket", packet(feature("HP:0001324", negated=True)), "phenotypicFeatures[0]: Phenopacket version 2 has no field 'negated' here"),
    ("phenopacket", packet(feature("HP:0001324", modifiers=[{}])), "phenotypicFeatures[0].modifiers[0].id: missing"),
    ("phenopacket", {"phenotypicFeatures": {}}, "phenotypicFeatures: is {}, not an array"),
    ("phenopacket", {"phenotypicFeatures": [], "phenotypic_features": []}, "phenotypicFeatures: stands there as phenotypic_features as well"),
    ("phenopacket", {"diseases": [{"excluded": False}]}, "diseases[0].term: missing"),
    ("phenopacket", {"subject": {"sex": "MAN"}}, "subject.sex: is 'MAN', not male, female, other or unknown"),
    ("phenopacket", {"subject": {"sex": 2}}, "subject.sex: is 2, not text"),
    ("phenopacket", {"subject": {"timeAtLastEncounter": {"age": {"iso8601duration": "62"}}}}, "subject.timeAtLastEncounter.age.iso8601duration: is '62', not a duration"),
    ("phenopacket", {"subject": {"timeAtLastEncounter": {"age": {"iso8601duration": "P"}}}}, "iso8601duration: is 'P', not a duration"),
    ("phenopacket", {"subject": {"timeAtLastEncounter": {"age": {}}}}, "subject.timeAtLastEncounter.age.iso8601duration: missing"),
    ("phenopacket", {"subject": {"timeAtLastEncounter": {"ageRange": {"start": {"iso8601duration": "P60Y"}}}}}, "subject.timeAtLastEncounter.ageRange.end: missing"),
    ("phenopacket", {"subject": {"timeAtLastEncounter": {"age": {"iso8601duration": "P12Y"}}}}, "subject.timeAtLastEncounter.age.iso8601duration: age=12 is not a number of years from 18"),
    ("phenopacket", {"subject": {"dateOfBirth": "2nd of May 1961"}, "metaData": {"created": "2026-05-02T00:00:00Z"}}, "subject.dateOfBirth: is '2nd of May 1961', not a date"),
    ("phenopacket", {"subject": {"dateOfBirth": "1961-13-02"}, "metaData": {"created": "2026-05-02"}}, "subject.dateOfBirth: is '1961-13-02', not a date"),
    ("phenopacket", {"subject": {"dateOfBirth": "2030-01-01"}, "metaData": {"created": "2026-05-02"}}, "subject.dateOfBirth: age=-4 is not a number of years"),
    ("phenopacket", {}, "is no Phenopacket"),
    ("phenopacket", {"id": "family", "proband": packet()}, "the proband of a Family"),
    ("phenopacket", WHOLE_BUNDLE, "give a FHIR resource to from_fhir"),
    ("phenopacket", [], "[] is neither a path nor a mapping"),
    ("fhir", packet(), "resourceType: is None, not Bundle or QuestionnaireResponse"),
    ("fhir", patient(), "resourceType: is 'Patient', not Bundle or QuestionnaireResponse"),
    ("fhir", None, "None is neither a path nor a mapping"),
    ("fhir", {"resourceType": "Bundle", "entry": {}}, "entry: is {}, not an array"),
    ("fhir", {"resourceType": "Bundle", "entry": [{}]}, "entry[0].resource: missing"),
    ("fhir", bundle({}), "entry[0].resource.resourceType: missing"),
    ("fhir", bundle(patient(gender="M")), "entry[0].resource.gender: is 'M', not male"),
    ("fhir", bundle(patient(birthDate="02.05.1961"), timestamp="2026-05-02T00:00:00Z"), "entry[0].resource.birthDate: is '02.05.1961', not a date"),
    ("fhir", bundle(patient(birthDate="1961-05-02"), timestamp="now"), "timestamp: is 'now', not a date"),
    ("fhir", bundle(condition(ALS, verificationStatus="refuted")), "entry[0].resource.verificationStatus: is 'refuted', not an object"),
    ("fhir", bundle(condition(ALS, **status("ruled-out"))), "entry[0].resource.verificationStatus: has none of the codes confirmed, refuted"),
    ("fhir", bundle(condition(ALS, clinicalStatus={"text": "gone"})), "entry[0].resource.clinicalStatus: has none of the codes active"),
    ("fhir", bundle(condition({"coding": {}})), "entry[0].resource.code.coding: is {}, not an array"),
    ("fhir", bundle(condition({"coding": [{"system": SNOMED, "code": 86044005}]})), "entry[0].resource.code.coding[0].code: is 86044005, not text"),
    ("fhir", bundle({"resourceType": "Observation", "status": "final", "valueBoolean": True}), "entry[0].resource.code: missing"),
    ("fhir", bundle(observation(WEAKNESS, valueBoolean="true")), "entry[0].resource.valueBoolean: is 'true', not true or false"),
    ("fhir", bundle(observation(WEAKNESS, valueBoolean=True, valueString="yes")), "entry[0].resource: has valueBoolean and valueString, of which one only"),
    ("fhir", questionnaire({"answer": [{"valueBoolean": True}]}), "item[0].linkId: missing"),
    ("fhir", questionnaire(item("weakness", {"valueString": "sometimes"})), "item[0].answer[0]: weakness='sometimes' is not a state"),
    ("fhir", questionnaire(item("age", {"valueDecimal": "62"})), "item[0].answer[0].valueDecimal: is '62', not a number"),
    ("fhir", questionnaire(item("age", {"valueInteger": 12})), "item[0].answer[0]: age=12 is not a number of years from 18"),
    ("fhir", questionnaire(item("twitch_location", {"valueString": "ear"})), "item[0]: twitch_location='ear' is not a site"),
    ("fhir", questionnaire(item("weakness", {"valueBoolean": True}, {"valueBoolean": False})), "item[0].answer[0] says that weakness is present, item[0].answer[1]"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "document", "problem"), MALFORMED)
def test_malformed_document(kind: str, document: Any, problem: str) -> None:
    """What is wrong is said with its path in the document."""
    with pytest.raises(InterchangeError, match=re.escape(problem)):
        READ[kind](document)


def test_wrong_reference_date() -> None:
    """A date of reference that is none is refused."""
    with pytest.raises(InterchangeError, match="on: is 'yesterday', not a date"):
        from_fhir(bundle(patient(birthDate="1961-05-02")), on="yesterday")


def test_all_problems_at_once() -> None:
    """A document with several faults gets them all, once each; the error pickles with them."""
    document = packet({"type": {}}, feature("HP:0001324", excluded="no"), subject={"sex": "?"})
    with pytest.raises(InterchangeError, match=r"3 problems in the document:\n  subject\.sex: ") as caught:
        from_phenopacket(document)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == [
        "subject.sex",
        "phenotypicFeatures[0].type.id",
        "phenotypicFeatures[1].excluded",
    ]
    assert isinstance(caught.value, TwitchbayesError)
    assert isinstance(caught.value, ValueError)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.problems) == (str(caught.value), caught.value.problems)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"id": "x",\n  "subject": }', "packet.json: is not JSON: line 2, column 14: "),
        (b"", "packet.json: is not JSON: line 1, column 1: "),
        (b'{"id": "\xff"}', "cannot be read: 'utf-8' codec can't decode byte 0xff"),
        (b'[{"id": "x"}]', "packet.json: is [{'id': 'x'}], not an object"),
        (b'{"id": "x", "id": "y"}', "cannot be read: 'id' stands twice in one object"),
        (b'{"id": %s}' % (b"[" * 200_000), "cannot be read: "),
        (b'{"id": %s}' % (b"9" * 5_000), "cannot be read: "),
        (b'{"id": "x", "subject": {"sex": "?"}}', "packet.json: subject.sex: is '?', not male"),
    ],
)
def test_file_that_is_no_document(tmp_path: Path, content: bytes, problem: str) -> None:
    """A file that is no JSON object says so with its name, and line and column where there are any."""
    file = tmp_path / "packet.json"
    file.write_bytes(content)
    with pytest.raises(InterchangeError, match=re.escape(problem)):
        from_phenopacket(file)


def test_file_with_byte_order_mark(tmp_path: Path) -> None:
    """A byte-order mark, as some editors write, does no harm."""
    file = tmp_path / "packet.json"
    file.write_bytes(b"\xef\xbb\xbf" + PACKETS[0].read_bytes())
    assert from_phenopacket(file) == from_phenopacket(PACKETS[0])


def test_no_such_file(tmp_path: Path) -> None:
    """A file that is not there, a folder, and JSON text in place of a path are told apart."""
    with pytest.raises(InterchangeError, match=r"there is no file '.*none\.json'$") as caught:
        from_phenopacket("none.json")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(InterchangeError, match=r"cannot be read: .*directory"):
        from_fhir(tmp_path)
    with pytest.raises(InterchangeError, match=r"there is no file .*; JSON text goes through json\.loads"):
        from_phenopacket('{"id": "x"}')
    with pytest.raises(InterchangeError, match="cannot be read: embedded null"):
        from_phenopacket("a\0b")


# Laws

FOREIGN = ["HP:0001250", "MONDO:0005015", "SNOMEDCT:73211009", "ICD10CM:E11.9", "OMIM:105400", "HP:0012834", "no CURIE"]
SHIPPED_CODES = [
    PREFIXES.get(row["system"], "") + row["code"]
    for row in twitchbayes.load_model("twitch").knowledge.table("codes.csv").rows
]


@given(st.lists(st.tuples(st.sampled_from([*SHIPPED_CODES, *FOREIGN]), st.booleans()), max_size=8))
def test_nothing_is_dropped(drawn: list[tuple[str, bool]]) -> None:
    """Every code of a packet is used or named as unmatched, or the packet is refused for contradicting itself."""
    document = packet(*(feature(code, excluded=excluded) for code, excluded in drawn))
    before = copy.deepcopy(document)
    try:
        result = from_phenopacket(document)
    except InterchangeError as error:
        problems = error.problems
    else:
        problems = ()
        places = {f"phenotypicFeatures[{i}].type" for i in range(len(drawn))}
        assert {one.path for one in (*result.used, *result.unmatched)} == places
        assert {one.variable: one.value for one in result.used} == result.evidence
        twitchbayes.infer({"twitching": None, **result.evidence})
    assert all(" says that " in problem or " contradicts " in problem for problem in problems)
    assert document == before


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every node below the root of a JSON value."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield (*path, step)
        yield from places_in(inner, (*path, step))


DOCUMENTS = [("phenopacket", json.loads(file.read_text(encoding="utf-8"))) for file in PACKETS]
DOCUMENTS += [
    ("fhir", WHOLE_BUNDLE),
    ("fhir", WHOLE_QUESTIONNAIRE),
    ("fhir", bundle(WHOLE_QUESTIONNAIRE, patient(gender="male"))),
]
SPOTS = [(kind, document, place) for kind, document in DOCUMENTS for place in places_in(document)]
DELETED = object()
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["HP:0001324", "P9Y", "1961", "male", "present", "weakness", "refuted", 10**30]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["id", "code", "coding", "system", "type", "item", "valueBoolean", "x_y"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.sampled_from(SPOTS), st.just(DELETED) | JSON_VALUES)
def test_any_damage_is_read_or_refused(spot: tuple[str, Any, tuple[Any, ...]], new: Any) -> None:
    """A document with one node taken out or replaced gives evidence that can be asked about, or an InterchangeError."""
    kind, document, place = spot
    damaged = copy.deepcopy(document)
    inner = damaged
    for step in place[:-1]:
        inner = inner[step]
    if new is DELETED:
        del inner[place[-1]]
    else:
        inner[place[-1]] = new
    try:
        result = READ[kind](damaged)
    except InterchangeError as error:
        problems = error.problems
    else:
        problems = ("none",)
        twitchbayes.infer({"twitching": None, **result.evidence})
    assert problems
    assert all(problems)
