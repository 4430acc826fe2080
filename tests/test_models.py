"""Every shipped model: its sources resolve, its words are there, its numbers are sane and its scenarios hold."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path

import pytest

import twitchbayes
from twitchbayes import Model, load_model
from twitchbayes.knowledge import Link, Number, Prior
from twitchbayes.scenarios import run
from twitchbayes.tables import words

FOLDERS = {folder.parent.name: folder.parent for folder in Path(__file__).parents[1].glob("models/*/model.toml")}
every_model = pytest.mark.parametrize("name", sorted(FOLDERS))

SETTINGS = [(name, None) for name in sorted(FOLDERS)] + [
    (name, file.stem) for name, folder in sorted(FOLDERS.items()) for file in sorted(folder.glob("populations/*.csv"))
]
every_setting = pytest.mark.parametrize(("name", "setting"), SETTINGS)


def rows(model: Model) -> list[Prior | Link]:
    return [*model.knowledge.priors, *model.knowledge.links]


def place(row: Prior | Link) -> str:
    """Where a number stands and what it is of, for the message of a failed test."""
    what = (
        row.parent + " -> " + row.child
        if isinstance(row, Link)
        else " ".join([row.variable, row.state, str(row.given)])
    )
    return f"{row.number.file}, line {row.number.line}: {what}"


def linked(model: Model) -> dict[tuple[str, str], float]:
    return {(k.parent, k.child): k.number.probability for k in model.knowledge.links}


def test_shipped_models_are_the_folders() -> None:
    """`list_models` names every folder of models/, and the twitch model is one."""
    assert [info.name for info in twitchbayes.list_models()] == sorted(FOLDERS)
    assert "twitch" in FOLDERS


# ---------------------------------------------------------------- words and sources


@every_model
def test_meta_is_complete(name: str) -> None:
    """A model carries its folder's name and says for whom it is and what it must not be used for."""
    model = load_model(name)
    assert model.name == name
    assert re.fullmatch(r"\d+\.\d+\.\d+", model.version)
    assert "not a medical device" in model.knowledge.meta["not_for"].casefold()


# Sources without an address that can be looked up, and why.
NO_ADDRESS = {("twitch", "seed_article"): "handed over as a text; where it was printed was not looked up again"}


@every_model
def test_sources_resolve_and_are_used(name: str) -> None:
    """Every source that a row names is in sources.csv with a citation, an identifier and what was read; none is idle."""
    knowledge = load_model(name).knowledge
    citing = [table for file, table in knowledge.tables.items() if file != "sources.csv"] + list(
        knowledge.populations.values()
    )
    used = {source for table in citing for row in table.rows for source in words(row["source"])}
    assert used == set(knowledge.citations)
    for citation in knowledge.citations.values():
        assert all([citation.citation, citation.kind, citation.read]), citation.name
        found = re.fullmatch(r"none|doi:10\.\S+|pmid:\d+|isbn:\d+|https?://\S+", citation.identifier)
        assert bool(found) != ((name, citation.name) in NO_ADDRESS), citation.name


@every_model
def test_every_variable_is_named_and_defined(name: str) -> None:
    """Every variable has a label and a definition of its own, and what can be asked has a question."""
    variables = load_model(name).knowledge.variables.values()
    table = {row["variable"]: row for row in load_model(name).knowledge.table("variables.csv").rows}
    for v in variables:
        # The label that the table states: the reader would put the name in its place.
        assert table[v.name]["label"], v.name
        assert len(v.definition) > 20, v.name
        assert v.definition.rstrip().endswith("."), v.name
        assert (v.role == "cause") == (not v.question), v.name
        assert not v.question or v.question.rstrip().endswith("?"), v.name
    for column in ("label", "definition", "question"):
        twice = Counter(table[v.name][column] for v in variables if table[v.name][column])
        assert [text for text, n in twice.items() if n > 1] == []


@every_model
def test_every_variable_matters(name: str) -> None:
    """Each cause has a finding, each finding a cause, and each context reaches a cause."""
    model = load_model(name)
    knowledge = model.knowledge
    parents = {k.parent for k in knowledge.links}
    given = {x for p in knowledge.priors for x, _ in p.given}
    children = {k.child for k in knowledge.links if k.parent != "leak"}
    unions = {v.name for v in knowledge.of_role("finding") if v.any_of}
    assert set(model.causes) <= parents
    assert set(model.findings) - unions <= children
    assert set(model.contexts) <= parents | given


@every_model
def test_tables_name_no_place_of_work(name: str) -> None:
    """What ships speaks of no folder outside of it."""
    for file in FOLDERS[name].rglob("*"):
        if file.is_file():
            assert re.findall(r"/work\b|shared/|/home/|/tmp/", file.read_text(encoding="utf-8")) == [], file.name


SYSTEMS = {
    "HPO": r"HP:\d{7}",
    "MONDO": r"MONDO:\d{7}",
    "OMIM": r"OMIM:\d{6}",
    "ORPHA": r"ORPHA:\d+",
    "SNOMED CT": r"[1-9]\d{3,13}[01]0\d",
    "ICD-10": r"[A-Z]\d[0-9A-Z](\.\d{1,2})?",
    "ICD-10-CM": r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?",
}


def verhoeff(digits: str) -> bool:
    """Whether the last digit is the Verhoeff check digit of those before it, as in every SNOMED CT identifier.

    A digit d stands for a rotation or, from 5 up, a reflection of a pentagon (the dihedral group D5); the digit in
    place i from the right is first permuted i times, and the product of all must be the identity 0.
    """
    permutation = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    product = 0
    for i, digit in enumerate(map(int, reversed(digits))):
        for _ in range(i % 8):
            digit = permutation[digit]  # noqa: PLW2901
        turn, flip = (product % 5 + (digit % 5) * (-1 if product > 4 else 1)) % 5, (product > 4) != (digit > 4)
        product = turn + 5 * flip
    return product == 0


@pytest.mark.parametrize(
    ("digits", "valid"),
    [("2363", True), ("2364", False), ("2633", False), ("22298006", True), ("22298060", False), ("22298007", False)],
)
def test_verhoeff(digits: str, valid: bool) -> None:
    """236 has check digit 3 (the usual example); 22298006 is a SNOMED CT concept; one changed or swapped digit fails."""
    assert verhoeff(digits) == valid


@every_model
def test_codes_are_well_formed(name: str) -> None:
    """Each code has the form of its system, SNOMED CT ones a right check digit, and stands once."""
    codes = load_model(name).knowledge.table("codes.csv").rows
    assert codes
    for row in codes:
        assert re.fullmatch(SYSTEMS[row["system"]], row["code"]), row["code"]
        assert row["system"] != "SNOMED CT" or verhoeff(row["code"]), row["code"]
    repeated = Counter((row["variable"], row["system"], row["code"]) for row in codes)
    assert max(repeated.values()) == 1


# ---------------------------------------------------------------- numbers


@every_setting
def test_every_number_has_an_interval(name: str, setting: str | None) -> None:
    """0 <= low <= probability <= high <= 1, the interval is not a point, and a note says where the number is from."""
    for row in rows(load_model(name, population=setting)):
        number = row.number
        assert 0 <= number.low <= number.probability <= number.high <= 1, place(row)
        assert number.low < number.high, place(row)
        assert number.note, place(row)


# Priors that are judged and yet narrow, and why: nobody doubts them more than that.
NARROW = {
    ("twitch", "age"): "shares of a population, which a census or a clinic counts",
    ("twitch", "sex"): "shares of a population, which a census or a clinic counts",
}


def is_wide(number: Number) -> bool:
    """Whether an interval spans a factor of 2, of the probability or of what is left to 1, or a tenth of the scale."""
    low, high = number.low, number.high
    return high >= 2 * low or 1 - low >= 2 * (1 - high) or high - low >= 0.1


@every_setting
def test_expert_numbers_are_wide(name: str, setting: str | None) -> None:
    """A judged number has an interval that spans a factor of 2 or 0.1; the few that have not are named with a reason."""
    judged = [row for row in rows(load_model(name, population=setting)) if row.number.basis == "expert"]
    narrow = {row.variable if isinstance(row, Prior) else place(row) for row in judged if not is_wide(row.number)}
    named = {variable for model, variable in NARROW if model == name}
    assert narrow == named if setting is None else narrow <= named


@every_setting
def test_only_judged_numbers_rest_on_judgement(name: str, setting: str | None) -> None:
    """A number that was counted, reported, pooled or read off a band cites something that was read, and no memory."""
    model = load_model(name, population=setting)
    kind = {citation.name: citation.kind for citation in model.knowledge.citations.values()}
    for row in rows(model):
        if row.number.basis != "expert":
            assert not {"expert", "unverified"} & {kind[source] for source in row.number.sources}, place(row)


def wilson(k: int, n: int) -> tuple[float, float]:
    """95% interval of a proportion (Wilson, JASA 22, 1927)."""
    z, p = 1.959964, k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


# Frequency terms of the Human Phenotype Ontology, HP:0040281 to HP:0040284.
BANDS = {(0.8, 0.99), (0.3, 0.79), (0.05, 0.29), (0.01, 0.04)}


def found(link: Link) -> tuple[float, float, float]:
    """What was found in people with the cause: the middle and the ends of a count's or a band's interval."""
    count = re.match(r"(\d+)/(\d+)", link.number.note)
    if link.number.basis == "counts" and count:
        k, n = map(int, count.groups())
        return (*wilson(k, n), k / n)
    band = re.search(r"\((\d+)-(\d+)%\)", link.number.note)
    assert band, place(link)
    low, high = (int(end) / 100 for end in band.groups())
    assert (low, high) in BANDS, place(link)
    return low, high, (low + high) / 2


@every_model
def test_counts_come_back_from_the_model(name: str) -> None:
    """People with a cause have a finding as often as was counted (Wilson's interval) or as its frequency band says.

    The note begins with k/n, or holds the band. Other causes and the background are in the count, so they are in
    P(finding | cause) too: what the link alone gives is less.
    """
    model = load_model(name)
    leak = {k.child: k.number.probability for k in model.knowledge.links if k.parent == "leak"}
    for link in model.knowledge.links:
        if link.number.basis not in {"counts", "band"}:
            continue
        given = {v.name: None for v in model.knowledge.variables.values() if v.assumed} | {link.parent: True}
        gives = math.exp(model.infer(given, **{link.child: True}).log_evidence - model.infer(given).log_evidence)
        number, background = link.number, 1 - leak[link.child]
        # 1 - p = (1 - leak) (1 - q) for each of the three numbers, and (1 - q) is what the rest is multiplied by.
        rest = (1 - gives) / ((1 - number.probability) / background)
        ends = [1 - rest * (1 - p) / background for p in (number.low, number.high, number.probability)]
        low, high, middle = found(link)
        # A lower limit is held at what the others give without any link.
        assert ends == pytest.approx([max(low, 1 - rest), high, middle], abs=0.005), place(link)


# ---------------------------------------------------------------- scenarios and files


@every_model
def test_scenarios_come_out_as_their_table_says(name: str) -> None:
    """Every condition that is to hold holds, and every one marked open does not, for which its note has a reason."""
    outcomes = run(load_model(name))
    assert any(outcome.expected for outcome in outcomes)
    assert [f"{o.case}: {o.condition} ({o.left:.4g}, {o.right:.4g})" for o in outcomes if o.holds != o.expected] == []
    assert all(outcome.note for outcome in outcomes if not outcome.expected)


@every_model
def test_tables_round_trip(name: str, tmp_path: Path) -> None:
    """A saved model has the files byte for byte, the same fingerprint and the same answer."""
    model = load_model(name)
    other = load_model(model.save(tmp_path / "copy"))
    files = {file.relative_to(FOLDERS[name]): file.read_bytes() for file in FOLDERS[name].rglob("*") if file.is_file()}
    assert {
        file.relative_to(tmp_path / "copy"): file.read_bytes()
        for file in (tmp_path / "copy").rglob("*")
        if file.is_file()
    } == files
    assert other.fingerprint == model.fingerprint
    assert other.infer().to_dict() == model.infer().to_dict()


@every_model
def test_populations_load(name: str) -> None:
    """Each setting that a model lists is a folder's CSV and changes at least one number."""
    model = load_model(name)
    assert sorted(model.knowledge.populations) == sorted(file.stem for file in FOLDERS[name].glob("populations/*.csv"))
    for setting in model.knowledge.populations:
        other = load_model(name, population=setting)
        assert other.population == setting
        assert dict(other.prior) != dict(model.prior)


# ---------------------------------------------------------------- the model twitch

CAUSES = "exercise stress caffeine_excess medication_effect als anemia nerve_damage benign_fasciculation electrolyte_disturbance hyperthyroidism"
SITES = "twitch_face twitch_tongue twitch_arm_hand twitch_leg_foot twitch_trunk"
FINDINGS = (
    f"twitching {SITES} weakness cramps slurred_speech shortness_of_breath swallowing_trouble headache dizziness fatigue "
    "paralysis muscle_wasting numbness_tingling pain palpitations tremor insomnia"
)
CONTEXTS = (
    "age sex recent_exercise anxiety extreme_pain dehydration high_caffeine estrogen_use diuretic_use corticosteroid_use "
    "autoimmune_disease cancer trauma known_motor_neuron_disease"
)


@pytest.mark.parametrize(
    ("role", "names"), [("cause", CAUSES), ("finding", FINDINGS), ("context", CONTEXTS), ("group", "twitch_location")]
)
def test_twitch_has_the_names_of_the_design(role: str, names: str) -> None:
    """The names that other people's code uses exist, in their roles."""
    variables = load_model("twitch").knowledge.variables
    assert {name: variables[name].role for name in names.split()} == dict.fromkeys(names.split(), role)


def test_twitch_sites() -> None:
    """Twitching is the OR of the five sites and is the one thing assumed present."""
    knowledge = load_model("twitch").knowledge
    assert [v.name for v in knowledge.members("twitch_location")] == SITES.split()
    assert knowledge.variables["twitching"].any_of == "twitch_location"
    assert {v.name: v.assumed for v in knowledge.variables.values() if v.assumed} == {"twitching": "present"}


# What the seed article names: contexts that bring a cause about, and what the cause then shows. "site" is any site.
SEED = """
    recent_exercise > exercise > twitch_arm_hand twitch_leg_foot
    anxiety dehydration extreme_pain > stress > twitch_face twitch_trunk
    high_caffeine > caffeine_excess > site
    estrogen_use diuretic_use corticosteroid_use > medication_effect > site
    > als > weakness cramps slurred_speech shortness_of_breath site
    > anemia > headache dizziness fatigue site
    autoimmune_disease cancer known_motor_neuron_disease trauma > nerve_damage > paralysis weakness muscle_wasting site
"""


def seed_links() -> list[tuple[str, str]]:
    links = []
    for line in SEED.strip().splitlines():
        contexts, cause, findings = line.split(">")
        links += [(context, cause.strip()) for context in contexts.split()]
        links += [(cause.strip(), finding) for finding in findings.split()]
    return links


@pytest.mark.parametrize(("parent", "child"), seed_links())
def test_twitch_has_the_links_of_the_seed_article(parent: str, child: str) -> None:
    """Each link that the seed article names is in the table, once, and is no zero."""
    model = load_model("twitch")
    found = Counter((row["parent"], row["child"]) for row in model.knowledge.table("links.csv").rows)
    children = [site for site in SITES.split() if found[parent, site]] if child == "site" else [child]
    assert children
    assert [found[parent, each] for each in children] == [1] * len(children)
    assert all(linked(model)[parent, each] > 0 for each in children)


def test_twitch_benign_fasciculation_twitches_most_in_the_legs() -> None:
    """Of the sites of benign fasciculation the legs (the calves) come first, as the cohorts say."""
    links = linked(load_model("twitch"))
    benign = {site: links.get(("benign_fasciculation", site), 0) for site in SITES.split()}
    assert max(benign, key=benign.__getitem__) == "twitch_leg_foot"


def test_twitching_alone_leaves_als_near_its_prevalence() -> None:
    """With nothing but twitching known, ALS is within a factor of 5 of its prior, and that is 1 to 20 in 100,000."""
    p = load_model("twitch").infer()
    assert p.assumed == {"twitching": "present"}
    assert 1 / 5 < p["als"] / p.prior["als"] < 5
    assert 1e-5 < p.prior["als"] < 2e-4


def test_als_leads_with_weakness_wasting_slurred_speech_and_a_twitching_tongue_at_62() -> None:
    """At 62, with a twitching tongue, weakness, wasting and slurred speech, ALS leads and serious causes are likely."""
    p = load_model("twitch").infer(twitch_location="tongue", weakness=1, muscle_wasting=1, slurred_speech=1, age=62)
    assert next(iter(p)) == "als"
    assert p.serious > 0.5


@pytest.mark.parametrize("scenario", [f"s{number:02}" for number in (*range(1, 14), *range(15, 19))])
def test_twitch_scenarios_are_there(scenario: str) -> None:
    """The expected orderings and the seed article's links stand in scenarios.csv; 14 (twitching for years) it cannot say."""
    cases = [row["case"] for row in load_model("twitch").knowledge.table("scenarios.csv").rows]
    assert [case for case in cases if case.startswith(f"{scenario}_")]
