"""Codes of other systems as values of a model's variables; what gives none is kept by name, with the reason."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from twitchbayes.documents import (
    Coding,
    InterchangeError,
    Node,
    Source,
    camel,
    completed_years,
    days_of,
    first_code,
    load_json,
    shown_as,
)
from twitchbayes.errors import TwitchbayesError, UnknownVariableError
from twitchbayes.evidence import Words
from twitchbayes.knowledge import BINARY
from twitchbayes.model import Model, load_model
from twitchbayes.tables import Row

__all__ = ["CodedEvidence", "ModelLike", "Reading", "Unmatched", "Used", "key_of"]

ModelLike: TypeAlias = str | os.PathLike[str] | Model

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
SEXES = {"male": "male", "female": "female", "other": "", "unknown": "", "other_sex": "", "unknown_sex": ""}


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


class Reading:
    """One document and what has been taken from it so far; `finish` makes it whole."""

    def __init__(self, model: ModelLike, source: Source) -> None:
        chosen = load_model(model)
        self.variables = chosen.knowledge.variables
        self.window = chosen.knowledge.meta["window"]
        self.words = Words(chosen.knowledge, chosen.network)
        self.rows: dict[tuple[str, str], list[Row]] = {}
        for row in chosen.knowledge.table("codes.csv").rows:
            self.rows.setdefault(key_of(row["system"], row["code"]), []).append(row)
        self.file, value = load_json(source)
        self.root = Node(value, "", [])
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

    def skip(self, coding: Coding, reason: str) -> None:
        """Name what gives no evidence."""
        self.unmatched.append(Unmatched(coding.code, coding.label, coding.path, reason))

    def unread(self, node: Node, known: set[str]) -> None:
        """Name what stands in an object beside the fields that are read."""
        for name, value in (node.value or {}).items():
            for i, part in enumerate(value if isinstance(value, list) else [value]):
                path = f"{node.path}.{name}{f'[{i}]' if isinstance(value, list) else ''}".lstrip(".")
                if camel(name) not in known and part is not None:
                    self.unmatched.append(Unmatched(*first_code(part), path, f"{name} is not read"))

    def rows_of(self, coding: Coding) -> list[tuple[Row, bool]]:
        """Return the rows of a code and whether it is theirs; of ICD-10 otherwise those of the nearest category."""
        system, code = key_of(coding.system, coding.code)
        shortest = 3 if system.startswith("icd-10") else len(code)
        for size in range(len(code), shortest - 1, -1):
            if (system, code[:size]) in self.rows:
                return [(row, size == len(code)) for row in self.rows[system, code[:size]]]
        return []

    def observe(self, codings: list[Coding], state: str, why: str = "") -> None:
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

    def take(self, variable: str, value: Any, coding: Coding, row: str = "") -> None:
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

    def sex(self, node: Node) -> None:
        """Take a sex; one that the model does not know is named."""
        word = str(node.value).casefold()
        if node and word not in SEXES:
            node.fault(f"is {shown_as(node.value)}, not male, female, other or unknown")
        elif node and SEXES[word]:
            self.take("sex", SEXES[word], node.itself())
        elif node:
            self.skip(node.itself(), "the model knows the sexes male and female only")

    def age(self, node: Node, low: int, high: int) -> None:
        """Take an age in completed years, or the range of them that it is known to be in."""
        bands = {self._band(years) for years in (low, high)}
        one = len(bands) == 1 and None not in bands
        self.take("age", low if low == high else bands.pop() if one else f"{low} to {high}", node.itself())

    def _band(self, years: int) -> str | None:
        """Return the band of an age; None where the model has none for it, or no age."""
        try:
            said = self.words.said("age", years)
        except TwitchbayesError:
            return None
        return None if said is None else said.words

    def born(self, node: Node, on: Node) -> None:
        """Take the age on a day from a birth date; without a day the birth date is named."""
        birth, day = days_of(node), days_of(on)
        if node and not on:
            self.skip(node.itself(), "no date is given at which to reckon the age")
        elif birth and day:
            self.age(node, completed_years(birth[1], day[0]), completed_years(birth[0], day[1]))


def key_of(system: str, code: str) -> tuple[str, str]:
    """Return what a code is looked up by: HP:0001324 and 0001324 are one in HPO, G12.21 and G1221 in ICD-10-CM."""
    system = system.strip().casefold().replace("https://", "http://").rstrip("/")
    system = SYSTEMS.get(system, system)
    prefix, _, rest = code.strip().casefold().partition(":")
    local = rest if rest and SYSTEMS.get(prefix, prefix) == system else code.strip().casefold()
    return system, local.replace(".", "") if system.startswith("icd-10") else local
