"""The model in other hands: pgmpy and networkx graphs, exchange formats, and pgmpy to check the engine by.

Networks are handed over as chains of small tables, which `twitchbayes.chains` explains, or as full tables on request.
"""

from __future__ import annotations

import itertools
import math
import re
import tempfile
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.chains import Form, local_tables, separator
from twitchbayes.errors import EngineLimitError, InvalidValueError
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Answer
from twitchbayes.inference.mixture import mixed
from twitchbayes.knowledge import Knowledge, Link, Prior, Variable
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN, Codes, Network

if TYPE_CHECKING:
    import networkx as nx
    from pgmpy.models import DiscreteBayesianNetwork

__all__ = ["export", "pgmpy_answer", "state_name", "to_networkx", "to_pgmpy"]

Floats = NDArray[np.float64]

CACHED_CHANCES = 4096
SMALLEST_LOG = -600.0  # ln of some 1e-260; a product of floats is 0 below 1e-323


def state_name(state: str) -> str:
    """Return a state as an identifier, which every exchange format can carry.

    Whatever is no ASCII letter, digit or underscore becomes an underscore, and a name that would not
    begin with a letter or an underscore gets an "s" in front.

    Examples
    --------
    >>> state_name("present"), state_name("18-39")
    ('present', 's18_39')
    """
    name = re.sub(r"[^A-Za-z0-9_]", "_", state)
    return name if re.match(r"[A-Za-z_]", name) else f"s{name}"


def to_pgmpy(network: Network, tables: Form = "chains") -> DiscreteBayesianNetwork:
    """Return the network as a pgmpy network; states are named by `state_name`.

    Parameters
    ----------
    network : Network
    tables : {"chains", "full"}, default "chains"
        "chains" writes a variable of many parents as a chain of small tables; the nodes between have two underscores
        in their names (see `twitchbayes.chains`) and stand behind those of `network.columns`. "full" writes one table
        a variable.

    Raises
    ------
    EngineLimitError
        If the full table of a variable would have more than 2**22 cells. It was not allocated.
    InvalidValueError
        If two states of a variable get the same name, or there is no such form of tables.
    """
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    local = local_tables(network, tables)
    states = _state_names(local.states)
    model = DiscreteBayesianNetwork()
    model.add_nodes_from(states)
    for variable, parents, values in local.tables:
        model.add_edges_from([(parent, variable) for parent in parents])
        table = TabularCPD(
            variable,
            len(states[variable]),
            values.reshape(len(values), -1),
            evidence=list(parents),
            evidence_card=[len(states[parent]) for parent in parents],
            state_names={name: states[name] for name in (variable, *parents)},
        )
        model.add_cpds(table)
    for name in model.nodes:
        model.nodes[name].clear()  # pgmpy adds weight=None, which its writers would print
    return model


def _state_names(states_of: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    names = {}
    for variable, states in states_of.items():
        names[variable] = [state_name(state) for state in states]
        if len(set(names[variable])) < len(states):
            twice = [s for s in states if names[variable].count(state_name(s)) > 1]
            message = f"states {' and '.join(twice)} of {variable!r} share the name {state_name(twice[0])!r}"
            raise InvalidValueError(message)
    return names


def to_networkx(knowledge: Knowledge, network: Network) -> nx.DiGraph:
    """Return the model as a directed graph whose attributes are plain values, fit for JSON.

    Parameters
    ----------
    knowledge : Knowledge
    network : Network
        Compiled from it.

    Returns
    -------
    networkx.DiGraph
        Nodes have `role`, `label`, `states`, `question`, `definition`, `group` and `assumed`; causes also
        `serious` and `excludes`; findings `of`, the finding that they describe; unions of causes `parts`. Contexts and
        causes have `priors`, a list with one dict for each row of `priors.csv`; findings that are no OR of others
        `leaks`, one for each row of their leak in `links.csv`. Each dict holds `state`, `given`, `probability`, `low`,
        `high`, `basis` and `source`.

        Edges have a `kind`: "link", with `rows`, such dicts with `form` and `net`, the net link probability, too;
        "given" (what the child's prior, leak or a link of it depends on); "or" (from a member to the OR of them);
        "of" (from what is described to what describes it); "excludes" (where the first cause is present the second
        is absent). A link that is a single number has what is in its row as attributes of its own, and so has such a
        leak, as `leak` of its node. A link whose parent is also one that something depends on has `given` True.
    """
    import networkx as nx

    meta = knowledge.meta
    population = knowledge.population or meta["population"]
    graph = nx.DiGraph(name=knowledge.name, version=meta["version"], population=population)
    for variable in knowledge.variables.values():
        if variable.role != "group":
            graph.add_node(variable.name, **_node(variable))
    for prior in knowledge.priors:
        graph.nodes[prior.variable]["priors"].append(_row(prior))
        graph.add_edges_from(((name, prior.variable) for name, _ in prior.given), kind="given")
    _add_links(graph, knowledge, network)
    for union, members in zip(network.unions, network.union_members, strict=True):
        graph.add_edges_from(((network.findings[j], union) for j in members), kind="or")
    for union, members in zip(network.groups, network.group_members, strict=True):
        graph.add_edges_from(((network.causes[k], union) for k in members), kind="or")
    graph.add_edges_from(((v.of, v.name) for v in knowledge.of_role("finding") if v.of), kind="of")
    graph.add_edges_from(((network.causes[a], network.causes[b]) for a, b in network.excludes), kind="excludes")
    return graph


def _add_links(graph: nx.DiGraph, knowledge: Knowledge, network: Network) -> None:
    for link in knowledge.links:
        graph.add_edges_from(((name, link.child) for name, _ in link.given), kind="given")
    net = network.parameters.yes[0][network.slots.of_row[len(knowledge.priors) :]].tolist()
    links: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for link, q in zip(knowledge.links, net, strict=True):
        if link.parent == "leak":
            graph.nodes[link.child]["leaks"].append(_row(link))
        else:
            links.setdefault((link.parent, link.child), []).append({"form": link.form, "net": q, **_row(link)})
    for ends, rows in links.items():
        given = graph.has_edge(*ends)
        graph.add_edge(*ends, **{**_single(rows), "kind": "link", "given": given, "rows": rows})
    for node in graph.nodes.values():
        if len(node.get("leaks", ())) == 1:
            node["leak"] = _single(node["leaks"])


def _node(variable: Variable) -> dict[str, Any]:
    names = ("role", "label", "states", "question", "definition", "group", "assumed")
    node: dict[str, Any] = {name: getattr(variable, name) for name in names}
    if variable.role == "cause":
        node |= {"serious": variable.serious, "excludes": variable.excludes}
    if variable.role in {"context", "cause"}:
        node["priors"] = []
    if variable.role == "finding":
        node |= {"of": variable.of} if variable.any_of else {"of": variable.of, "leaks": []}
    if variable.role == "union":
        node["parts"] = variable.parts
    return node


def _row(row: Prior | Link) -> dict[str, Any]:
    number = row.number
    values = {"probability": number.probability, "low": number.low, "high": number.high}
    return {
        "given": dict(row.given),
        "state": row.state,
        **values,
        "basis": number.basis,
        "source": ";".join(number.sources),
    }


def _single(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what is in the row of a leak or link that is a single number; nothing of others."""
    return {k: v for k, v in rows[0].items() if k not in {"given", "state"}} if len(rows) == 1 else {}


def export(network: Network, path: Path, tables: Form = "chains") -> Path:
    """Write the network to a file, in the format of its suffix, and return its path.

    The file appears whole or not at all; states are named by `state_name`, and the nodes between the tables of a chain
    as in `twitchbayes.chains`. Every format gets every digit: a reader that keeps 64-bit floats has the tables of
    `to_pgmpy` exactly. Checked with pgmpy 1.1.2 and pyAgrum 3.3.1:

    - `.bif`: pgmpy reads it exactly, pyAgrum as 32-bit floats (up to 3e-8 off).
    - `.xmlbif` or `.xml`: both read it exactly (pyAgrum once the file is named `.bifxml`).
    - `.net` (Hugin): pgmpy reads it exactly, pyAgrum as 32-bit floats. pgmpy's own writer would round to 8
      decimals, and a rare cause would become impossible; here the numbers are put in whole.
    - `.xdsl` (GeNIe): pgmpy reads it exactly. Its order is GeNIe's (the first parent changes slowest, the
      variable's own states fastest); its 16 decimals and its random places for the nodes are replaced.
      pyAgrum takes the parents in the opposite order, without a warning: give it XMLBIF.
    - `.uai`: names are lost, variables have the numbers of `network.columns`, and those between in chains come
      behind. The format wants the child last in its scope and the last of the scope fastest. This is written without
      pgmpy, whose files and reader have the child slowest; pyAgrum takes the parents in the opposite order here too.
      Give both XMLBIF.

    Parameters
    ----------
    network : Network
    path : Path
    tables : {"chains", "full"}, default "chains"
        As in `to_pgmpy`.

    Raises
    ------
    InvalidValueError
        If the suffix is none of these, two states of a variable get the same name, or there is no such form of tables.
    FileNotFoundError
        If the folder does not exist.
    EngineLimitError
        If a full table would have more than 2**22 cells.
    """
    text_of = FORMATS.get(path.suffix.lower())
    if text_of is None:
        message = f"the suffix {path.suffix!r} of {path.name!r} is none of {', '.join(FORMATS)}"
        raise InvalidValueError(message)
    if not path.parent.is_dir():
        message = f"the folder {str(path.parent)!r} of {path.name!r} does not exist; make it first"
        raise FileNotFoundError(message)
    text = text_of(network, tables)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".exporting-") as scratch:
        draft = Path(scratch) / path.name
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    return path


def _bif(network: Network, tables: Form) -> str:
    from pgmpy.readwrite import BIFWriter

    return str(BIFWriter(to_pgmpy(network, tables)))


def _xmlbif(network: Network, tables: Form) -> str:
    from pgmpy.readwrite import XMLBIFWriter

    return str(XMLBIFWriter(to_pgmpy(network, tables)))


def _net(network: Network, tables: Form) -> str:
    from pgmpy.readwrite import NETWriter

    def nested(variable: str) -> str:
        values = np.moveaxis(writer.tables[variable], 0, -1).tolist()
        return str(values).translate(str.maketrans("[]", "()", ","))

    writer: Any = NETWriter(to_pgmpy(network, tables))
    writer.net_cpd = nested
    return str(writer)


def _xdsl(network: Network, tables: Form) -> str:
    from pgmpy.readwrite import XDSLWriter

    writer: Any = XDSLWriter(to_pgmpy(network, tables))
    parents = {node.get("id"): (node.findtext("parents") or "").split() for node in writer.root.iter("cpt")}
    order = {name: i for i, name in enumerate(TopologicalSorter(parents).static_order())}
    nodes = writer.root.find("nodes")
    nodes[:] = sorted(nodes, key=lambda node: order[node.get("id")])  # GeNIe reads parents before children
    for node in nodes:
        node.find("probabilities").text = _flat(writer.model.get_cpds(node.get("id")).values)
    place = _places(network, list(parents))
    for node in writer.root.iter("node"):
        x, y = place[node.get("id")]
        node.find("position").text = f"{x} {y} {x + 120} {y + 60}"
    ET.indent(writer.root)
    return str(ET.tostring(writer.root, encoding="utf-8", xml_declaration=True), "utf-8")


def _places(network: Network, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Return where each node is drawn: the roles in layers, nodes between in chains under the variable they lead to."""
    between: dict[str, list[str]] = {name: [] for name in network.columns}
    line = separator(network.columns)
    for name in names[len(network.columns) :]:
        between[name.partition(line)[0]].append(name)
    layers = (network.contexts, network.causes, (*network.groups, *network.findings), network.unions)
    place, top = {}, 0
    for layer in layers:
        for x, name in enumerate(layer):
            for y, node in enumerate((name, *between[name])):
                place[node] = (150 * x, top + 80 * y)
        top += 200 + 80 * max((len(between[name]) for name in layer), default=0)
    return place


def _uai(network: Network, tables: Form) -> str:
    local = local_tables(network, tables)
    number = {name: str(i) for i, name in enumerate(local.states)}
    scopes = [(*table.parents, table.variable) for table in local.tables]
    count, states = str(len(scopes)), " ".join(str(len(table.values)) for table in local.tables)
    lines = ["BAYES", count, states, count]
    lines += [" ".join((str(len(scope)), *(number[name] for name in scope))) for scope in scopes]
    for table in local.tables:
        lines += ["", str(table.values.size), _flat(table.values)]
    return "\n".join([*lines, ""])


def _flat(values: Floats) -> str:
    """Write out a table, the first parent slowest and the variable's own states fastest."""
    return " ".join(map(repr, np.moveaxis(values, 0, -1).ravel().tolist()))


FORMATS: Mapping[str, Callable[[Network, Form], str]] = {
    ".bif": _bif,
    ".xmlbif": _xmlbif,
    ".xml": _xmlbif,
    ".xdsl": _xdsl,
    ".net": _net,
    ".uai": _uai,
}


def pgmpy_answer(network: Network, evidence: Evidence) -> Answer:
    """Return the answer to one case by pgmpy's variable elimination: slow, to check the engine by.

    A span of states, such as "at least mild", is the sum over its states, and so are all their combinations: give few.

    Raises
    ------
    EngineLimitError
        If P(evidence) is below 1e-260: pgmpy does not rescale, and would take it for impossible.
    """
    codes, log_weights = _single_states(network, *evidence.rows())
    columns = _Elimination(network).columns(codes)
    return mixed(Answer.of(columns, len(network.causes)), log_weights)


def _single_states(network: Network, codes: Codes, log_weights: Floats) -> tuple[Codes, Floats]:
    """Return rows that say one state of each finding they know, in place of rows that say spans of states."""
    rows, weights = [], []
    meanings = network.codes
    for row, weight in zip(codes, log_weights.tolist(), strict=True):
        known = np.flatnonzero(row != UNKNOWN)
        spans = [meanings[column][row[column]] for column in known]
        for states in itertools.product(*(range(low, high + 1) for low, high in spans)):
            rows.append(row.copy())
            rows[-1][known] = states
            weights.append(weight)
    return np.array(rows), np.array(weights)


class _Elimination:
    """pgmpy's variable elimination on the chains of a network."""

    def __init__(self, network: Network) -> None:
        with warnings.catch_warnings():
            # pgmpy's package imports a module of its own that it has deprecated.
            warnings.filterwarnings("ignore", "`pgmpy.estimators.StructureScore`", FutureWarning)
            from pgmpy.inference import VariableElimination

        self.network = network
        local = local_tables(network)
        self._tables = {table.variable: table for table in local.tables}
        self._states = _state_names(local.states)
        self._elimination: Any = VariableElimination(to_pgmpy(network))
        self._chances: dict[tuple[str, frozenset[tuple[str, int]]], Floats] = {}

    def columns(self, codes: Codes) -> Floats:
        """Return causes, none, unions, serious and log_evidence of each row: (n_causes + n_unions + 3, n_rows)."""
        network = self.network
        places = {name: place for place, name in enumerate((*network.causes, "none", *network.groups))}
        columns = np.zeros((len(places) + 2, len(codes)))
        for row, states in enumerate(codes.tolist()):
            observed = {name: s for name, s in zip(network.columns, states, strict=True) if s != UNKNOWN}
            columns[-1, row] = self._log_evidence(observed)
            if np.isfinite(columns[-1, row]):
                for name in (*network.causes, *network.groups):
                    columns[places[name], row] = self._chance(name, PRESENT, observed)
                columns[[places["none"], -2], row] = self._none_and_serious(observed)
        return columns

    def _log_evidence(self, observed: Mapping[str, int]) -> float:
        """Return ln P(observed): each item given those before it."""
        total = 0.0
        before: dict[str, int] = {}
        for name, state in observed.items():
            chance = self._chance(name, state, before)
            if chance == 0:
                return -math.inf
            total += math.log(chance)
            before[name] = state
            if total < SMALLEST_LOG:
                raise _too_small(name, before)
        return total

    def _none_and_serious(self, observed: Mapping[str, int]) -> tuple[float, float]:
        """Return P(no cause) and P(a serious cause): each cause absent given that those before it are."""
        serious = dict(zip(self.network.causes, self.network.serious.tolist(), strict=True))
        absent, no_serious = 1.0, 1.0
        so_far = dict(observed)
        for name in sorted(serious, key=lambda cause: not serious[cause]):
            if absent > 0:
                absent *= self._chance(name, ABSENT, so_far)
            so_far[name] = ABSENT
            if serious[name]:
                no_serious = absent
        return absent, max(0.0, 1 - no_serious)

    def _chance(self, name: str, state: int, observed: Mapping[str, int]) -> float:
        """Return P(name = state | observed); the observed must be possible."""
        if name in observed:
            return float(observed[name] == state)
        key = (name, frozenset(observed.items()))
        if key not in self._chances:
            if len(self._chances) >= CACHED_CHANCES:
                self._chances.clear()
            self._chances[key] = self._query(name, observed)
        return min(1.0, float(self._chances[key][state]))

    def _query(self, name: str, observed: Mapping[str, int]) -> Floats:
        known = self._certain(observed)
        if name in known:
            certain: Floats = np.eye(len(self._states[name]))[known[name]]
            return certain
        evidence = {other: self._states[other][state] for other, state in known.items()}
        with np.errstate(divide="ignore", invalid="ignore"):
            values = self._elimination.query([name], evidence=evidence, show_progress=False).values
        if not np.isfinite(values).all():
            raise _too_small(name, observed)
        return np.asarray(values, dtype=np.float64)

    def _certain(self, observed: Mapping[str, int]) -> dict[str, int]:
        """Return the observed with what follows from it for certain, upwards.

        Of a finding in its lowest state the whole chain is in it, and of an absent OR every member: of what is left
        pgmpy finds a good order by itself.
        """
        known = dict(observed)
        waiting = list(observed)
        while waiting:
            name = waiting.pop()
            _, parents, values = self._tables[name]
            open_ = [parent for parent in parents if parent not in known]
            possible = values[(known[name], *(known.get(parent, slice(None)) for parent in parents))] > 0
            for axis, parent in enumerate(open_):
                others = tuple(i for i in range(len(open_)) if i != axis)
                states = np.flatnonzero(possible.any(axis=others))
                if len(states) == 1:
                    known[parent] = int(states[0])
                    waiting.append(parent)
        return known


def _too_small(name: str, observed: Mapping[str, int]) -> EngineLimitError:
    items = ", ".join(observed)
    return EngineLimitError(f"at {name!r} the probability of {items} is too small for pgmpy; `infer` rescales")
