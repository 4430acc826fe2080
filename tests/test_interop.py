"""The model in other hands: full tables, exchange formats, graphs and pgmpy as an engine."""

from __future__ import annotations

import json
import math
import shutil
import xml.etree.ElementTree as ET
from importlib import import_module
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from twitchbayes import EngineLimitError, InvalidValueError, load_model
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.interop import export, pgmpy_answer, state_name, to_networkx, to_pgmpy
from twitchbayes.model import Model
from twitchbayes.network import UNKNOWN

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


@pytest.fixture(params=["twitch", "small"])
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


def assert_same(found: dict[str, tuple[tuple[str, ...], np.ndarray]], model: Model, tolerance: float = 0.0) -> None:
    """Hold tables, their parents in any order, to those of `to_pgmpy`."""
    expected = tables_of(to_pgmpy(model.network))
    assert found.keys() == expected.keys()
    for name, (variables, values) in expected.items():
        have, read = found[name]
        assert set(have) == set(variables)
        aligned = read.transpose([have.index(v) for v in variables])
        np.testing.assert_allclose(aligned, values, rtol=0, atol=tolerance, err_msg=name)


# --- full tables


def test_pgmpy_accepts_the_network(model: Model) -> None:
    """The network passes check_model, every column sums to 1 within 1e-9, and nodes carry nothing but names."""
    net = to_pgmpy(model.network)
    assert net.check_model()
    assert tuple(net.nodes) == model.network.columns
    assert not any(net.nodes[name] for name in net.nodes)
    for name, (_, values) in tables_of(net).items():
        np.testing.assert_allclose(values.sum(axis=0), 1, rtol=0, atol=1e-9, err_msg=name)
        assert not np.signbit(values).any(), name


def test_every_name_is_an_identifier(model: Model) -> None:
    """Variables and states have names that every format can carry."""
    for cpd in to_pgmpy(model.network).get_cpds():
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
    variables, values = tables_of(to_pgmpy(small.network))["lung"]
    assert variables == ("lung", "age", "smoker", "dust")
    leak = {(0, 0): 0.01, (0, 1): 0.02, (1, 0): 0.03, (1, 1): 0.04}
    for (age, smoker), b in leak.items():
        for dust in (0, 1):
            absent = (1 - b) * (1 - 0.3 * smoker) * (1 - 0.2 * dust)
            assert values[0, age, smoker, dust] == pytest.approx(absent, rel=1e-15)
            assert values[1, age, smoker, dust] == pytest.approx(1 - absent, rel=1e-14)


def test_table_of_a_finding(small: Model) -> None:
    """P(cough absent) multiplies 1 - leak by 1 - q; a compound 0.6 over the leak 0.05 is the net 0.55/0.95."""
    variables, values = tables_of(to_pgmpy(small.network))["cough"]
    assert variables == ("cough", "lung", "rare")
    absent = np.outer([0.95, 0.4], [1, 1 - 1e-9])
    np.testing.assert_allclose(values[0], absent, rtol=1e-15)
    np.testing.assert_allclose(values[1], 1 - absent, rtol=1e-14)


def test_tiny_probabilities_keep_their_digits(small: Model) -> None:
    """A prior of 1e-12 is 1e-12 in the table, not 1 - (1 - 1e-12) = 1.00009e-12."""
    _, values = tables_of(to_pgmpy(small.network))["rare"]
    assert values[1] == pytest.approx(1e-12, rel=1e-15)


def test_a_link_of_probability_0_stays_an_edge(small: Model) -> None:
    """The structure does not depend on the numbers."""
    assert to_pgmpy(small.network).has_edge("dust", "switch")


def test_table_of_a_union(small: Model) -> None:
    """A union is present just where a member is."""
    variables, values = tables_of(to_pgmpy(small.network))["spotted"]
    assert variables == ("spotted", "spot_a", "spot_b")
    np.testing.assert_array_equal(values, [[[1, 0], [0, 0]], [[0, 1], [1, 1]]])


def test_a_table_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """A finding with 22 parents would need 2**23 cells; the error says so, and nothing was allocated."""
    wide = complete_model(tmp_path, [f"c{i}" for i in range(22)], ["wide"], "0.1")
    with pytest.raises(EngineLimitError, match=r"'wide' with its 22 parents would have 8388608 cells.*4194304"):
        to_pgmpy(wide.network)
    assert 0 < wide.infer(wide=True)["c0"] < 1


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


def test_pgmpy_reads_back_net(small: Model, tmp_path: Path) -> None:
    """NET too, a prior of 1e-12 included, which pgmpy's own writer would round to 0."""
    assert_same(read_by_pgmpy("NETReader", small.export(tmp_path / "out.net")), small)


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
    """By GeNIe's order an XDSL file has the tables to the last digit, and the nodes have fixed places."""
    text = model.export(tmp_path / "a.xdsl").read_text()
    assert_same(read_xdsl(text), model)
    assert text == model.export(tmp_path / "b.xdsl").read_text()


def test_the_order_of_uai() -> None:
    """The parser here puts the last variable of a scope, the child, fastest.

    As in the example of toulbar2's and Schlandals' pages on the format: two binary variables, scope "0 1",
    values in the order (0, 0), (0, 1), (1, 0), (1, 1).
    """
    text = "BAYES\n2\n2 2\n2\n1 0\n2 0 1\n\n2\n0.2 0.8\n4\n0.6 0.4 0.3 0.7\n"
    _, values = read_uai(text, ("a", "b"))["b"]
    np.testing.assert_array_equal(values[:, 0], [0.6, 0.4])


def test_uai_is_right_by_its_format(model: Model, tmp_path: Path) -> None:
    """A UAI file has the tables to the last digit, variables numbered as `network.columns`."""
    text = model.export(tmp_path / "out.uai").read_text()
    assert_same(read_uai(text, model.network.columns), model)


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
    assert set(graph.edges) == set(to_pgmpy(model.network).edges)


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


# --- pgmpy to check by


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
