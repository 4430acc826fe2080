"""The model in other hands: chains and full tables, exchange formats, graphs, and pgmpy and pyAgrum as engines."""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rich_models import random_codes, rich_codes, rich_models
from twitchbayes import EngineLimitError, InvalidValueError, load_model
from twitchbayes.chains import Form
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.interop import export, pgmpy_answer, state_name, to_networkx, to_pgmpy
from twitchbayes.model import Model
from twitchbayes.network import UNKNOWN, Codes
from twitchbayes.sampling import draw_codes

TABLES = {
    "variables.csv": """\
variable,role,label,question,states,unit,group,any_of,aliases,assumed,serious,definition
age,context,age,How old?,18-39;40-120,years,,,,,,Age in years.
region,context,region,,north;mid;south,,,,,,,
smoker,context,smoker,,,,,,,,,
dust,context,dust at work,,,,,,,,,
lung,cause,lung disease,,,,,,,,yes,A disease.
rare,cause,rare disease,,,,,,,,yes,
switch,cause,switch,,,,,,,,,
cough,finding,cough,Do you cough?,,,,,,,,Any cough.
glow,finding,glow,,,,,,,,,
spots,group,,,,,,,,,,
spot_a,finding,spot a,,,,spots,,,,,
spot_b,finding,spot b,,,,spots,,,,,
spotted,finding,spotted,,,,,spots,,present,,
""",
    "priors.csv": """\
variable,given,state,probability,low,high,basis,source,note
age,,18-39,0.4,0.3,0.5,expert,made_up,
age,,40-120,0.6,0.5,0.7,expert,made_up,
region,,north,0.5,0,1,expert,made_up,
region,,mid,0.3,0,1,expert,made_up,
region,,south,0.2,0,1,expert,made_up,
smoker,age=18-39;region=north,present,0.1,0,1,expert,made_up,
smoker,age=18-39;region=mid,present,0.2,0,1,expert,made_up,
smoker,age=18-39;region=south,present,0.3,0,1,expert,made_up,
smoker,age=40-120;region=north,present,0.4,0,1,expert,made_up,
smoker,age=40-120;region=mid,present,0.5,0,1,expert,made_up,
smoker,age=40-120;region=south,present,0.6,0,1,expert,made_up,
dust,,present,0.25,0,1,expert,made_up,
lung,age=18-39;smoker=absent,present,0.01,0.005,0.02,reported,made_up;other,
lung,age=18-39;smoker=present,present,0.02,0,1,expert,made_up,
lung,age=40-120;smoker=absent,present,0.03,0,1,expert,made_up,
lung,age=40-120;smoker=present,present,0.04,0,1,expert,made_up,
rare,,present,1e-12,0,1,expert,made_up,
switch,,present,0.3,0,1,expert,made_up,
""",
    "links.csv": """\
parent,child,form,probability,low,high,basis,source,note
smoker,lung,net,0.3,0,1,expert,made_up,
dust,lung,net,0.2,0,1,expert,made_up,
dust,switch,net,0,0,1,expert,made_up,
leak,cough,,0.05,0.01,0.1,counts,made_up;other,
lung,cough,compound,0.6,0.5,0.7,reported,other,
rare,cough,net,1e-9,0,1,expert,made_up,
leak,glow,,0,0,1,expert,made_up,
switch,glow,net,1,0,1,expert,made_up,
leak,spot_a,,0.1,0,1,expert,made_up,
lung,spot_a,net,0.5,0,1,expert,made_up,
switch,spot_a,net,0.25,0,1,expert,made_up,
leak,spot_b,,0,0,1,expert,made_up,
rare,spot_b,net,0.7,0,1,expert,made_up,
lung,spot_b,net,0.125,0,1,expert,made_up,
""",
    "sources.csv": """\
source,citation,identifier,kind,read
made_up,Made up for the tests,none,judgement,2026
other,Made up as well,none,judgement,2026
""",
    "model.toml": """\
title = "Small"
version = "1.2"
population = "nobody"
window = "today"
licence = "MIT"
intended_use = "tests"
not_for = "anything else"
""",
}

# Evidence on the shipped model, each with what it is an example of.
CASES = [
    pytest.param({"twitching": None}, {}, id="nothing"),
    pytest.param({}, {}, id="twitching_assumed"),
    pytest.param({"twitching": False, "weakness": True}, {}, id="no_twitching"),
    pytest.param(
        {"twitching": False, "muscle_wasting": True}
        | dict.fromkeys(["weakness", "cramps", "fatigue", "pain", "tremor"], False),
        {},
        id="much_is_absent",
    ),
    pytest.param(
        {"twitch_location": "arm_hand", "weakness": True, "slurred_speech": True, "age": 62, "sex": "male"},
        {},
        id="a_man_of_62",
    ),
    pytest.param({"als": True, "cramps": True, "fatigue": False}, {}, id="a_cause_present"),
    pytest.param({"stress": False, "high_caffeine": True, "tremor": True, "twitching": None}, {}, id="a_cause_absent"),
    pytest.param(
        {"twitch_location": ["face", "leg_foot"], "pain": True},
        {"weakness": 4.0, "anxiety": {"absent": 1.0, "present": 0.2}},
        id="virtual_evidence",
    ),
]


@pytest.fixture(scope="module")
def twitch() -> Model:
    return load_model("twitch")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return write_model(tmp_path_factory.mktemp("small"))


@pytest.fixture(params=["twitch", "small", "rich"])
def model(request: pytest.FixtureRequest) -> Model:
    return request.getfixturevalue(request.param)


def write_model(folder: Path, **changed: str) -> Model:
    """Write TABLES into a folder, some of them changed (`links="..."`), and load the model."""
    for file, text in TABLES.items():
        (folder / file).write_text(changed.get(file.partition(".")[0], text))
    return load_model(folder)


def complete_model(folder: Path, causes: list[str], findings: list[str], probability: str) -> Model:
    """Write and load a model of one number: every prior, every leak and the net link of every cause to every finding."""
    head = {file: text.splitlines()[0] for file, text in TABLES.items()}
    number = f"{probability},0,1,expert,made_up,"
    return write_model(
        folder,
        variables="\n".join(
            [head["variables.csv"], *(f"{c},cause" for c in causes), *(f"{f},finding" for f in findings)]
        ),
        priors="\n".join([head["priors.csv"], *(f"{c},,present,{number}" for c in causes)]),
        links="\n".join([head["links.csv"], *(f"{c},{f},net,{number}" for f in findings for c in ("leak", *causes))]),
        sources="\n".join(TABLES["sources.csv"].splitlines()[:2]),
    )


def wide_model(folder: Path, n_causes: int) -> Model:
    """A model of one finding with so many parents."""
    return complete_model(folder, [f"c{i}" for i in range(n_causes)], ["wide"], "0.1")


def tables_of(net: Any) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Return (variables, values) of each table of a pgmpy network, the variable itself on axis 0."""
    return {cpd.variable: (tuple(cpd.variables), cpd.values) for cpd in net.get_cpds()}


def read_by_pgmpy(reader: str, file: Path) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    net = getattr(import_module("pgmpy.readwrite"), reader)(str(file)).get_model()
    assert net.check_model()
    return tables_of(net)


def read_by_pyagrum(file: Path) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    gum = pytest.importorskip("pyagrum")
    net = gum.loadBN(str(file))  # bound to a name: pyAgrum crashes on a table of a net that is gone
    tables = {}
    for name in net.names():
        table = net.cpt(name)
        tables[name] = (tuple(table.names), table.toarray().T.copy())
    return tables


def read_xdsl(text: str) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Read the tables of an XDSL file by GeNIe's order: the first parent slowest, the own states fastest."""
    nodes = {node.get("id", ""): node for node in ET.fromstring(text).iter("cpt")}
    tables = {}
    for name, node in nodes.items():
        scope = [*(node.findtext("parents") or "").split(), name]
        shape = [len(nodes[v].findall("state")) for v in scope]
        values = np.array([float(x) for x in (node.findtext("probabilities") or "").split()]).reshape(shape)
        tables[name] = ((name, *scope[:-1]), np.moveaxis(values, -1, 0))
    return tables


def read_uai(text: str, names: tuple[str, ...]) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Read the tables of a UAI file by its order: the child last in the scope, the last variable fastest."""
    words = iter(text.split())
    assert next(words) == "BAYES"
    cards = [int(next(words)) for _ in range(int(next(words)))]
    scopes = [[int(next(words)) for _ in range(int(next(words)))] for _ in range(int(next(words)))]
    tables = {}
    for scope in scopes:
        values = np.array([float(next(words)) for _ in range(int(next(words)))])
        variables = (names[scope[-1]], *(names[i] for i in scope[:-1]))
        tables[variables[0]] = (variables, np.moveaxis(values.reshape([cards[i] for i in scope]), -1, 0))
    assert next(words, None) is None
    return tables


def assert_same(
    found: dict[str, tuple[tuple[str, ...], np.ndarray]], model: Model, tolerance: float = 0.0, form: Form = "chains"
) -> None:
    """Hold tables, their parents in any order, to those of `to_pgmpy`."""
    expected = tables_of(to_pgmpy(model.network, form))
    assert found.keys() == expected.keys()
    for name, (variables, values) in expected.items():
        have, read = found[name]
        assert set(have) == set(variables)
        aligned = read.transpose([have.index(v) for v in variables])
        np.testing.assert_allclose(aligned, values, rtol=0, atol=tolerance, err_msg=name)


# --- full tables


def full_tables(model: Model) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    return tables_of(to_pgmpy(model.network, "full"))


@pytest.mark.parametrize("form", ["chains", "full"])
def test_pgmpy_accepts_the_network(model: Model, form: Form) -> None:
    """The network passes check_model, every column sums to 1 within 1e-9, and nodes carry nothing but names.

    The columns of the network come first; what stands between them is told by its name.
    """
    net, columns = to_pgmpy(model.network, form), model.network.columns
    assert net.check_model()
    assert tuple(net.nodes)[: len(columns)] == columns
    assert [name for name in net.nodes if "__" in name] == list(net.nodes)[len(columns) :]
    assert not any(net.nodes[name] for name in net.nodes)
    for name, (_, values) in tables_of(net).items():
        np.testing.assert_allclose(values.sum(axis=0), 1, rtol=0, atol=1e-9, err_msg=name)
        assert not np.signbit(values).any(), name


def test_full_tables_of_noisy_ors_need_no_other_node(twitch: Model) -> None:
    """One table a variable, where nothing describes."""
    assert tuple(to_pgmpy(twitch.network, "full").nodes) == twitch.network.columns


@pytest.mark.parametrize("form", ["chains", "full"])
def test_every_name_is_an_identifier(model: Model, form: Form) -> None:
    """Variables and states have names that every format can carry."""
    for cpd in to_pgmpy(model.network, form).get_cpds():
        for name in (*cpd.variables, *(state for states in cpd.state_names.values() for state in states)):
            assert name.isidentifier()
            assert name.isascii()


def test_table_of_a_context(small: Model) -> None:
    """P(smoker | age, region) is the number of each row of priors.csv, and its complement."""
    variables, values = tables_of(to_pgmpy(small.network))["smoker"]
    assert variables == ("smoker", "age", "region")
    np.testing.assert_array_equal(values[1], [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    np.testing.assert_array_equal(values[0], 1 - values[1])


def test_table_of_a_cause(small: Model) -> None:
    """P(lung absent | age, smoker, dust) = (1 - leak of the stratum) times 1 - w of each active context.

    `smoker` is both: it picks the stratum of the leak, and it is active.
    """
    variables, values = full_tables(small)["lung"]
    assert variables == ("lung", "age", "smoker", "dust")
    leak = {(0, 0): 0.01, (0, 1): 0.02, (1, 0): 0.03, (1, 1): 0.04}
    for (age, smoker), b in leak.items():
        for dust in (0, 1):
            absent = (1 - b) * (1 - 0.3 * smoker) * (1 - 0.2 * dust)
            assert values[0, age, smoker, dust] == pytest.approx(absent, rel=1e-15)
            assert values[1, age, smoker, dust] == pytest.approx(1 - absent, rel=1e-14)


def test_table_of_a_finding(small: Model) -> None:
    """P(cough absent) multiplies 1 - leak by 1 - q; a compound 0.6 over the leak 0.05 is the net 0.55/0.95."""
    variables, values = full_tables(small)["cough"]
    assert variables == ("cough", "lung", "rare")
    absent = np.outer([0.95, 0.4], [1, 1 - 1e-9])
    np.testing.assert_allclose(values[0], absent, rtol=1e-15)
    np.testing.assert_allclose(values[1], 1 - absent, rtol=1e-14)


def test_table_of_a_graded_finding(rich: Model) -> None:
    """P(lab at most d) multiplies those of its leak, by sex, and of each present cause: here of stress and neuropathy."""
    variables, values = full_tables(rich)["lab"]
    assert variables == ("lab", "sex", "stress", "palsy", "neuropathy")
    leak, stress, neuropathy = [0.86, 0.96, 0.99, 1], [0.7, 0.9, 0.9, 1], [0.4, 0.7, 0.9, 1]
    expected = np.prod([leak, stress, neuropathy], axis=0)
    np.testing.assert_allclose(np.cumsum(values[:, 0, 1, 0, 1]), expected, rtol=1e-14)
    np.testing.assert_allclose(values[:, 1, 0, 0, 0], [0.75, 0.2, 0.05, 0], rtol=1e-14)


def test_table_of_what_describes(rich: Model) -> None:
    """Who produced what it describes raises it, by the age of the case; where nobody did, it is in its lowest state."""
    variables, values = full_tables(rich)["duration"]
    by = ["leak", "benign", "stress", "palsy"]
    assert variables == ("duration", *(f"twitching__by__{source}" for source in by), "age")
    np.testing.assert_array_equal(values[:, 0, 0, 0, 0, :].T, [[1, 0, 0]] * 3)
    np.testing.assert_allclose(values[:, 0, 0, 0, 1, :].T, [[0.5, 0.3, 0.2], [0.4, 0.2, 0.4], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(np.cumsum(values[:, 1, 0, 0, 1, 2]), [0.7 * 0.1, 0.9 * 0.2, 1])


def test_tables_of_who_produced(rich: Model) -> None:
    """A cause produced a site with its link, and twitching if it produced a site; a site is there if somebody did."""
    tables = full_tables(rich)
    np.testing.assert_allclose(tables["twitch_leg__by__benign"][1], [[1, 0.4], [0, 0.6]])
    np.testing.assert_allclose(tables["twitch_leg__by__leak"][1], [0.9, 0.1])
    assert tables["twitching__by__benign"][0][1:] == ("twitch_arm__by__benign", "twitch_leg__by__benign")
    np.testing.assert_array_equal(tables["twitching__by__benign"][1][1], [[0, 1], [1, 1]])
    assert tables["twitch_arm"][0][1:] == tuple(f"twitch_arm__by__{source}" for source in ("leak", "benign", "palsy"))
    np.testing.assert_array_equal(tables["twitch_arm"][1][0].ravel(), [1, 0, 0, 0, 0, 0, 0, 0])


def test_table_of_an_excluded_cause(rich: Model) -> None:
    """`benign` is absent with palsy or neuropathy, and a noisy-OR of its habit, by sex, without them."""
    variables, values = full_tables(rich)["benign"]
    assert variables == ("benign", "habit", "sex", "palsy", "neuropathy")
    assert not values[1, :, :, 1, :].any()
    assert not values[1, :, :, :, 1].any()
    np.testing.assert_allclose(values[0, :, :, 0, 0], [[0.7, 0.7], [0.7 * 0.9, 0.7 * 0.75]])


def test_tiny_probabilities_keep_their_digits(small: Model) -> None:
    """A prior of 1e-12 is 1e-12 in the table, not 1 - (1 - 1e-12) = 1.00009e-12."""
    _, values = tables_of(to_pgmpy(small.network))["rare"]
    assert values[1] == pytest.approx(1e-12, rel=1e-15)


@pytest.mark.parametrize("form", ["chains", "full"])
def test_a_link_of_probability_0_stays_an_edge(small: Model, form: Form) -> None:
    """The structure does not depend on the numbers."""
    assert to_pgmpy(small.network, form).has_edge("dust", "switch")


@pytest.mark.parametrize("form", ["chains", "full"])
def test_table_of_a_union(small: Model, form: Form) -> None:
    """A union is present just where a member is."""
    variables, values = tables_of(to_pgmpy(small.network, form))["spotted"]
    assert variables == ("spotted", "spot_a", "spot_b")
    np.testing.assert_array_equal(values, [[[1, 0], [0, 0]], [[0, 1], [1, 1]]])


def test_a_table_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """A full table of 22 parents would have 2**23 cells; the error says so, and nothing was allocated."""
    wide = wide_model(tmp_path, 22)
    with pytest.raises(
        EngineLimitError, match=r"'wide' with its 22 parents would have 8388608 cells.*4194304.*'chains'"
    ):
        to_pgmpy(wide.network, "full")
    with pytest.raises(EngineLimitError, match="'wide'"):
        wide.export(tmp_path / "wide.bif", tables="full")
    assert not (tmp_path / "wide.bif").exists()


def test_an_unknown_form_is_refused(small: Model) -> None:
    """The error lists the forms there are."""
    with pytest.raises(InvalidValueError, match="tables='chain' must be one of chains, full"):
        small.to_pgmpy("chain")  # type: ignore[arg-type]


# --- chains


def merged(tables: Mapping[str, tuple[tuple[str, ...], np.ndarray]], name: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Return P(a variable | its parents), what stands between in its chain summed out."""
    steps = {other for other in tables if re.fullmatch(rf"{name}__\d+", other)}
    scope = list(dict.fromkeys(variable for step in (name, *steps) for variable in tables[step][0]))
    operands: list[Any] = []
    for step in (name, *steps):
        operands += [tables[step][1], [scope.index(variable) for variable in tables[step][0]]]
    left = tuple(variable for variable in scope if variable not in steps)
    return left, np.einsum(*operands, [scope.index(variable) for variable in left], optimize=True)


def assert_chains_say_the_same(model: Model) -> None:
    """Hold each chain to its full table, to the last digits of each cell, however small."""
    chains, full = tables_of(to_pgmpy(model.network)), full_tables(model)
    assert set(full) <= set(chains)
    assert all(name.rpartition("__")[2].isdecimal() for name in set(chains) - set(full))
    for name, (variables, values) in full.items():
        found, cells = merged(chains, name)
        assert set(found) == set(variables)
        aligned = cells.transpose([found.index(variable) for variable in variables])
        np.testing.assert_allclose(aligned, values, rtol=1e-12, atol=0, err_msg=name)


def test_chains_say_what_full_tables_say(model: Model) -> None:
    """Of each variable."""
    assert_chains_say_the_same(model)


@settings(max_examples=60)
@given(model=rich_models())
def test_chains_of_whatever_a_model_can_say(model: Model) -> None:
    """Of random models with all there is, too: rare, certain and impossible numbers among them."""
    assert_chains_say_the_same(model)


def test_size_grows_with_the_links(tmp_path: Path) -> None:
    """No table has more than two parents, and a finding with 60 of them takes less than 8 cells a link; it is read back."""
    wide = wide_model(tmp_path, 60)
    tables = tables_of(to_pgmpy(wide.network))
    assert max(len(variables) for variables, _ in tables.values()) == 3
    of_wide = [values.size for name, (_, values) in tables.items() if name.startswith("wide")]
    assert (len(of_wide), sum(of_wide)) == (59, 59 * 8)
    assert_same(read_by_pgmpy("BIFReader", wide.export(tmp_path / "wide.bif")), wide)
    seen = wide.words.read({"wide": True, "c7": False})
    assert pgmpy_answer(wide.network, seen).causes[0] == pytest.approx(
        wide.engine.run(seen.codes[None]).causes[0], abs=1e-9
    )


def test_a_chain(rich: Model) -> None:
    """The first parents together, then one at a time; what a leak depends on stands in its table, and in no other."""
    tables = tables_of(to_pgmpy(rich.network))
    assert [tables[name][0] for name in ("lab__1", "lab__2", "lab")] == [
        ("lab__1", "sex", "stress"),
        ("lab__2", "lab__1", "palsy"),
        ("lab", "lab__2", "neuropathy"),
    ]
    assert tables["duration"][0] == ("duration", "duration__2", "twitching__by__palsy", "age")
    states = to_pgmpy(rich.network).get_cpds("lab__2").state_names["lab__2"]
    assert states == ["normal", "mild", "clear", "severe"]


def test_no_node_between_has_the_name_of_a_variable(tmp_path: Path) -> None:
    """Where a variable is called as such a node would be, the nodes have an underscore more."""
    model = complete_model(tmp_path, ["a", "b", "c"], ["f", "f__1"], "0.25")
    net = to_pgmpy(model.network)
    assert list(net.nodes) == ["a", "b", "c", "f", "f__1", "f___1", "f__1___1"]
    assert tables_of(net)["f__1"][0] == ("f__1", "f__1___1", "c")
    assert pgmpy_answer(model.network, model.words.read({"f": True, "f__1": False})).causes[0] == pytest.approx(
        list(model.infer({"f": True, "f__1": False}).values()), abs=1e-12
    )


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("present", "present"),
        ("18-39", "s18_39"),
        ("80+", "s80_"),
        ("no pain", "no_pain"),
        ("früh", "fr_h"),
        ("<2", "_2"),
    ],
)
def test_state_name(state: str, name: str) -> None:
    """A state becomes an identifier, and an identifier stays as it is."""
    assert state_name(state) == name
    assert state_name(name) == name


def test_state_names_are_injective_within_a_variable(model: Model) -> None:
    """Two states of a variable never share a name."""
    for states in model.network.states.values():
        assert len({state_name(state) for state in states}) == len(states)


def test_states_that_would_share_a_name_are_refused(tmp_path: Path) -> None:
    """`up+` and `up-` would both be `up_`: an error, not a silent merger."""
    clash = write_model(
        tmp_path,
        variables=TABLES["variables.csv"].replace("north;mid;south", "up+;mid;up-"),
        priors=TABLES["priors.csv"].replace("north", "up+").replace("south", "up-"),
    )
    with pytest.raises(InvalidValueError, match=r"states up\+ and up- of 'region' share the name 'up_'"):
        to_pgmpy(clash.network)


# --- exchange formats


@pytest.mark.parametrize(
    ("suffix", "reader"),
    [(".bif", "BIFReader"), (".xmlbif", "XMLBIFReader"), (".xml", "XMLBIFReader"), (".xdsl", "XDSLReader")],
)
def test_pgmpy_reads_back_what_was_exported(model: Model, suffix: str, reader: str, tmp_path: Path) -> None:
    """By pgmpy every table is read back, to the last digit."""
    file = model.export(tmp_path / f"out{suffix}")
    assert_same(read_by_pgmpy(reader, file), model)


@pytest.mark.parametrize("name", ["small", "rich"])
def test_pgmpy_reads_back_net(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """NET too, a prior of 1e-12 included, which pgmpy's own writer would round to 0."""
    model = request.getfixturevalue(name)
    assert_same(read_by_pgmpy("NETReader", model.export(tmp_path / "out.net")), model)


def test_full_tables_are_read_back(small: Model, tmp_path: Path) -> None:
    """On request a file has one table a variable."""
    found = read_by_pgmpy("BIFReader", small.export(tmp_path / "out.bif", tables="full"))
    assert set(found) == set(small.network.columns)
    assert_same(found, small, form="full")


@pytest.mark.parametrize(
    ("suffix", "as_suffix", "tolerance"),
    # pyAgrum reads BIF and NET as 32-bit floats: half a unit in their last place is 3e-8 below 1.
    [(".bif", ".bif", 3e-8), (".net", ".net", 3e-8), (".xmlbif", ".bifxml", 0.0)],
)
def test_pyagrum_reads_back_what_was_exported(
    model: Model, suffix: str, as_suffix: str, tolerance: float, tmp_path: Path
) -> None:
    """By pyAgrum every table is read back, as exactly as it reads numbers."""
    file = model.export(tmp_path / f"out{suffix}")
    if as_suffix != suffix:
        shutil.copy(file, file.with_suffix(as_suffix))
    assert_same(read_by_pyagrum(file.with_suffix(as_suffix)), model, tolerance)


def test_the_order_of_xdsl_is_that_of_genie() -> None:
    """The parser here reads a node of GeNIe's own Asia network as its paper has it.

    Lauritzen and Spiegelhalter (JRSS B 50, 1988), table 1: P(dyspnoea | either, bronchitis) is 0.9 with both,
    0.7 with `either` alone, 0.8 with bronchitis alone, 0.1 with none. The probabilities are as GeNIe saves them.
    """
    node = '<cpt id="{}"><state id="no"/><state id="yes"/>{}<probabilities>{}</probabilities></cpt>'
    text = "".join(
        [
            node.format("either", "", "0.5 0.5"),
            node.format("bronc", "", "0.5 0.5"),
            node.format("dysp", "<parents>either bronc</parents>", "0.9 0.1 0.2 0.8 0.3 0.7 0.1 0.9"),
        ]
    )
    variables, values = read_xdsl(f"<smile><nodes>{text}</nodes></smile>")["dysp"]
    assert variables == ("dysp", "either", "bronc")
    np.testing.assert_array_equal(values[1], [[0.1, 0.8], [0.7, 0.9]])


def test_xdsl_is_right_for_genie(model: Model, tmp_path: Path) -> None:
    """By GeNIe's order an XDSL file has the tables to the last digit, and each node a fixed place of its own.

    Parents stand before their children, as GeNIe reads them.
    """
    text = model.export(tmp_path / "a.xdsl").read_text()
    assert_same(read_xdsl(text), model)
    assert text == model.export(tmp_path / "b.xdsl").read_text()
    seen: set[str] = set()
    for node in ET.fromstring(text).iter("cpt"):
        assert set((node.findtext("parents") or "").split()) <= seen
        seen.add(node.get("id", ""))
    places = [node.findtext("position") for node in ET.fromstring(text).iter("node")]
    assert len(set(places)) == len(places) == len(seen)


def test_the_order_of_uai() -> None:
    """The parser here puts the last variable of a scope, the child, fastest.

    As in the example of toulbar2's and Schlandals' pages on the format: two binary variables, scope "0 1",
    values in the order (0, 0), (0, 1), (1, 0), (1, 1).
    """
    text = "BAYES\n2\n2 2\n2\n1 0\n2 0 1\n\n2\n0.2 0.8\n4\n0.6 0.4 0.3 0.7\n"
    _, values = read_uai(text, ("a", "b"))["b"]
    np.testing.assert_array_equal(values[:, 0], [0.6, 0.4])


def test_uai_is_right_by_its_format(model: Model, tmp_path: Path) -> None:
    """A UAI file has the tables to the last digit, variables numbered as `network.columns`, those between behind."""
    text = model.export(tmp_path / "out.uai").read_text()
    names = tuple(to_pgmpy(model.network).nodes)
    assert names[: len(model.network.columns)] == model.network.columns
    assert_same(read_uai(text, names), model)


def test_export_returns_the_path_and_leaves_nothing_else(small: Model, tmp_path: Path) -> None:
    """The suffix may be in capitals, a file that is there is replaced, and no scratch file stays."""
    file = tmp_path / "OUT.BIF"
    file.write_text("old")
    assert small.export(str(file)) == file
    assert file.read_text().startswith("network")
    assert [f.name for f in tmp_path.iterdir()] == ["OUT.BIF"]


def test_an_unknown_suffix_is_refused(small: Model, tmp_path: Path) -> None:
    """The error lists the suffixes there are."""
    with pytest.raises(InvalidValueError, match=r"'.dne' of 'm.dne' is none of .bif, .xmlbif, .xml, .xdsl, .net, .uai"):
        export(small.network, tmp_path / "m.dne")


def test_a_missing_folder_is_named(small: Model, tmp_path: Path) -> None:
    """Nothing is made on the way."""
    with pytest.raises(FileNotFoundError, match=r"folder '.*nowhere' of 'm.bif' does not exist"):
        export(small.network, tmp_path / "nowhere" / "m.bif")


def test_a_failed_export_leaves_the_old_file(small: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where writing fails half way, the file that was there stays, and no part of the new one."""

    def half(self: Path, *_: object, **__: object) -> int:
        self.write_bytes(b"network")
        raise OSError("disk full")

    file = tmp_path / "m.bif"
    file.write_bytes(b"old")
    monkeypatch.setattr(Path, "write_text", half)
    with pytest.raises(OSError, match="disk full"):
        export(small.network, file)
    assert file.read_bytes() == b"old"
    assert [f.name for f in tmp_path.iterdir()] == ["m.bif"]


# --- networkx


def test_networkx_has_the_same_edges_as_pgmpy(model: Model) -> None:
    """Both graphs come from the same structure."""
    graph = model.to_networkx()
    assert set(graph.nodes) == set(model.network.columns)
    shown = {ends for ends in graph.edges if not involved(model, *ends)}
    assert shown == {ends for ends in to_pgmpy(model.network, "full").edges if not involved(model, *ends)}
    assert len(shown) > len(model.network.causes)


def involved(model: Model, source: str, target: str) -> bool:
    """Whether an edge leads to a finding that describes or is described, which pgmpy has other nodes for."""
    network = model.network
    wholes = {(*network.findings, *network.unions)[place] for place in network.of if place >= 0}
    parts = {
        network.findings[j]
        for u, places in zip(network.unions, network.union_members, strict=True)
        if u in wholes
        for j in places
    }
    telling = {f for f, place in zip(network.findings, network.of, strict=True) if place >= 0}
    return "__by__" in f"{source} {target}" or target in (wholes - set(network.unions)) | parts | telling


def test_networkx_survives_json(model: Model) -> None:
    """All attributes are plain, so that the node-link form goes through JSON and back."""
    graph = model.to_networkx()
    text = json.dumps(nx.node_link_data(graph, edges="edges"), allow_nan=False)
    again = nx.node_link_graph(json.loads(text), edges="edges")
    assert set(again.edges) == set(graph.edges)
    assert again.graph["name"] == model.name
    assert again.graph["version"] == model.version


def test_networkx_nodes(small: Model) -> None:
    """A node says what its row of variables.csv says, and has its numbers."""
    nodes = to_networkx(small.knowledge, small.network).nodes
    cough = nodes["cough"]
    assert (cough["role"], cough["question"], cough["definition"]) == (
        "finding",
        "Do you cough?",
        "Any cough.",
    )
    number = {"probability": 0.05, "low": 0.01, "high": 0.1, "basis": "counts", "source": "made_up;other"}
    assert cough["leak"] == number
    assert "serious" not in cough
    assert nodes["age"]["states"] == ("18-39", "40-120")
    assert nodes["spot_a"]["group"] == "spots"
    assert nodes["spotted"]["assumed"] == "present"
    assert "leak" not in nodes["spotted"]
    assert (nodes["lung"]["serious"], nodes["switch"]["serious"]) == (True, False)
    first = nodes["lung"]["priors"][0]
    assert first["given"] == {"age": "18-39", "smoker": "absent"}
    assert (first["state"], first["probability"], first["source"]) == ("present", 0.01, "made_up;other")


def test_networkx_edges(small: Model) -> None:
    """A link has its numbers and its net link probability; strata and unions have a kind of their own."""
    edges = to_networkx(small.knowledge, small.network).edges
    cough = edges["lung", "cough"]
    assert cough["net"] == pytest.approx(0.55 / 0.95, rel=1e-15)
    assert {k: cough[k] for k in ("kind", "form", "probability", "low", "high", "basis", "source")} == {
        "kind": "link",
        "form": "compound",
        "probability": 0.6,
        "low": 0.5,
        "high": 0.7,
        "basis": "reported",
        "source": "other",
    }
    assert edges["age", "lung"] == {"kind": "given"}
    assert (edges["smoker", "lung"]["kind"], edges["smoker", "lung"]["given"]) == ("link", True)
    assert (edges["dust", "lung"]["net"], edges["dust", "lung"]["given"]) == (0.2, False)
    assert edges["spot_b", "spotted"] == {"kind": "or"}


def test_networkx_of_whatever_a_model_can_say(rich: Model) -> None:
    """What describes, what excludes, unions, levels and strata are there by name."""
    graph = to_networkx(rich.knowledge, rich.network)
    kinds = {(a, b): kind for a, b, kind in graph.edges(data="kind")}
    assert kinds["twitching", "duration"] == kinds["weak", "course"] == "of"
    assert kinds["palsy", "benign"] == kinds["neuropathy", "benign"] == "excludes"
    assert {a for a, b in graph.edges if b == "anything"} == {"palsy", "neuropathy", "stress"}
    assert kinds["stress", "anything"] == "or"
    assert kinds["age", "weak"] == kinds["sex", "lab"] == kinds["age", "duration"] == "given"
    nodes = graph.nodes
    assert nodes["lab"]["states"] == ("normal", "mild", "clear", "severe")
    assert (nodes["duration"]["of"], nodes["twitching"]["of"]) == ("twitching", "")
    assert (nodes["benign"]["excludes"], nodes["anything"]["parts"]) == (("nerve",), ("nerve", "stress"))
    assert "leak" not in nodes["lab"]
    assert [(row["given"], row["state"], row["probability"]) for row in nodes["lab"]["leaks"]][3:5] == [
        ({"sex": "male"}, "mild", 0.2),
        ({"sex": "male"}, "clear", 0.05),
    ]
    edge = graph.edges["palsy", "duration"]
    assert "probability" not in edge
    assert len(edge["rows"]) == 6
    last = {key: edge["rows"][-1][key] for key in ("given", "state", "form", "net", "probability")}
    assert last == {"given": {"age": "60-120"}, "state": "weeks", "form": "net", "net": 0.8, "probability": 0.8}


# --- pgmpy and pyAgrum to check by


@pytest.mark.parametrize(("evidence", "virtual"), CASES)
def test_pgmpy_agrees_on_the_shipped_model(twitch: Model, evidence: dict[str, Any], virtual: dict[str, Any]) -> None:
    """The elimination of pgmpy gives the same answer within 1e-9 absolute."""
    ours = twitch.infer(evidence, virtual_evidence=virtual)
    theirs = pgmpy_answer(twitch.network, twitch.words.read(evidence, virtual))
    for cause, p in zip(twitch.causes, theirs.causes[0], strict=True):
        assert p == pytest.approx(ours[cause], abs=1e-9), cause
    assert theirs.none[0] == pytest.approx(ours.none, abs=1e-9)
    assert theirs.serious[0] == pytest.approx(ours.serious, abs=1e-9)
    assert theirs.log_evidence[0] == pytest.approx(ours.log_evidence, abs=1e-9)


def test_pgmpy_agrees_on_every_kind_of_row(small: Model) -> None:
    """On 150 random cases, observed causes, contradicted unions and impossible ones among them."""
    network, rng = small.network, np.random.default_rng(0)
    cards = [len(network.states[name]) for name in network.columns]
    codes = np.stack([rng.integers(card, size=150) for card in cards], axis=1).astype(np.int8)
    codes[rng.random(codes.shape) < 0.6] = UNKNOWN
    ours = Engine(network).run(codes)
    theirs = [pgmpy_answer(network, Evidence({}, {}, {}, row, network.columns)) for row in codes]
    assert 10 < ours.possible.sum() < 140
    for name in ("causes", "none", "serious"):
        found = np.concatenate([getattr(answer, name) for answer in theirs])
        np.testing.assert_allclose(found, getattr(ours, name), rtol=0, atol=1e-9, err_msg=name)
    found = np.concatenate([answer.log_evidence for answer in theirs])
    np.testing.assert_allclose(found, ours.log_evidence, rtol=0, atol=1e-9)


@settings(max_examples=60)
@given(data=st.data())
def test_pgmpy_agrees_on_whatever_a_model_can_say(data: st.DataObject) -> None:
    """On random models and rows: levels and spans of them, what describes, exclusions, unions of causes, strata."""
    model = data.draw(rich_models())
    codes = data.draw(rich_codes(model))
    ours = model.engine.answer(codes[None], unions=True).answer
    theirs = pgmpy_answer(model.network, Evidence({}, {}, {}, codes, model.network.columns))
    for name in ("causes", "none", "serious", "unions"):
        np.testing.assert_allclose(getattr(theirs, name), getattr(ours, name), rtol=0, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(np.exp(theirs.log_evidence), np.exp(ours.log_evidence), rtol=1e-9, atol=0)


def possible_rows(model: Model, count: int, seed: int) -> Codes:
    """Rows that hold in cases drawn from the model, each column known in some: of findings a state or a span of them."""
    rng = np.random.default_rng(seed)
    network = model.network
    drawn = draw_codes(network, network.parameters, count, rng)
    spans = random_codes(network, count, seed=seed, known=1.0)
    for column, meanings in enumerate(network.codes):
        low, high = np.array(meanings)[spans[:, column]].T
        holds = (low <= drawn[:, column]) & (drawn[:, column] <= high)
        drawn[holds, column] = spans[holds, column]
    drawn[rng.random(drawn.shape) < 0.6] = UNKNOWN
    return drawn


@settings(max_examples=40)
@given(model=rich_models(), seed=st.integers(0, 2**32 - 1))
def test_pyagrum_agrees_on_the_exported_network(model: Model, seed: int) -> None:
    """From the XMLBIF file of a random model, pyAgrum's own inference gives our posteriors."""
    gum = pytest.importorskip("pyagrum")
    with tempfile.TemporaryDirectory() as folder:
        file = model.export(Path(folder) / "out.xmlbif")
        net = gum.loadBN(str(file.rename(file.with_suffix(".bifxml"))))
    assert_pyagrum_agrees(gum, net, model, possible_rows(model, 4, seed))


def test_pyagrum_agrees_on_a_model_with_all_there_is(rich: Model, tmp_path: Path) -> None:
    """So it does on 40 rows of the model RICH."""
    gum = pytest.importorskip("pyagrum")
    file = rich.export(tmp_path / "out.xmlbif")
    net = gum.loadBN(str(file.rename(file.with_suffix(".bifxml"))))
    assert_pyagrum_agrees(gum, net, rich, possible_rows(rich, 40, 1))


def assert_pyagrum_agrees(gum: Any, net: Any, model: Model, rows: Codes) -> None:
    """Hold pyAgrum's posteriors of causes, findings and unions, and its P(evidence), to the engine's."""
    network = model.network
    ours = model.engine.answer(rows, unions=True).answer
    names = (*network.causes, *network.groups)
    for row, causes, unions, log in zip(rows, ours.causes, ours.unions, ours.log_evidence, strict=True):
        engine = gum.LazyPropagation(net)
        for name, meanings, code in zip(network.columns, network.codes, row.tolist(), strict=True):
            if code != UNKNOWN:
                low, high = meanings[code]
                engine.addEvidence(name, [float(low <= s <= high) for s in range(len(network.states[name]))])
        engine.makeInference()
        found = [engine.posterior(name)[1] for name in names]
        np.testing.assert_allclose(found, [*causes, *unions], rtol=0, atol=1e-9)
        assert engine.evidenceProbability() == pytest.approx(np.exp(log), rel=1e-9)


@pytest.mark.parametrize(
    ("suffix", "reader"),
    [(".bif", "BIFReader"), (".xmlbif", "XMLBIFReader"), (".xdsl", "XDSLReader"), (".net", "NETReader")],
)
def test_pgmpy_answers_from_each_file(rich: Model, suffix: str, reader: str, tmp_path: Path) -> None:
    """What pgmpy reads back gives the posteriors of causes and unions, and of findings that were not asked for."""
    from pgmpy.inference import VariableElimination

    file = rich.export(tmp_path / f"out{suffix}")
    elimination = VariableElimination(getattr(import_module("pgmpy.readwrite"), reader)(str(file)).get_model())
    seen = {
        "spread": "present",
        "weak": "present",
        "course": "slowly",
        "lab": "mild",
        "stress": "absent",
        "age": "40-59",
    }
    codes = rich.words.read(seen).codes
    ours = rich.engine.answer(codes[None], unions=True).answer
    for names, expected in ((rich.causes, ours.causes[0]), (rich.network.groups, ours.unions[0])):
        for name, p in zip(names, expected, strict=True):
            evidence = {variable: state_name(state) for variable, state in seen.items()}
            if name not in evidence:
                table = elimination.query([name], evidence=evidence, show_progress=False)
                assert table.get_value(**{name: "present"}) == pytest.approx(p, abs=1e-9), name


def test_a_known_cause_has_probability_0_or_1(small: Model) -> None:
    """A cause that is evidence is certain, and settles none and serious."""
    found = pgmpy_answer(small.network, small.words.read({"lung": True, "switch": False, "spotted": None}))
    of = dict(zip(small.causes, found.causes[0], strict=True))
    assert (of["lung"], of["switch"]) == (1, 0)
    assert (found.none[0], found.serious[0]) == (0, 1)


def test_evidence_too_improbable_for_pgmpy_is_refused(tmp_path: Path) -> None:
    """Findings of 1e-80 each underflow inside pgmpy, which would call them impossible: an error instead."""
    findings = [f"f{i}" for i in range(5)]
    faint = complete_model(tmp_path, ["c"], findings, "1e-80")
    with pytest.raises(EngineLimitError, match=r"at 'f3' the probability of f0, f1, f2, f3 is too small for pgmpy"):
        pgmpy_answer(faint.network, faint.words.read(dict.fromkeys(findings, True)))
    assert faint.infer(dict.fromkeys(findings, True)).log_evidence == pytest.approx(5 * math.log(1e-80), rel=0.01)
