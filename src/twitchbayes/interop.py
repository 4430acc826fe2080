"""The model in other hands: pgmpy and networkx graphs, exchange formats, and pgmpy to check the engine by."""

from __future__ import annotations

import math
import re
import tempfile
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import EngineLimitError, InvalidValueError
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Answer
from twitchbayes.inference.mixture import mixed
from twitchbayes.knowledge import Knowledge, Number, Variable
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN, Codes, Network

if TYPE_CHECKING:
    import networkx as nx
    from pgmpy.models import DiscreteBayesianNetwork

__all__ = ["export", "pgmpy_answer", "state_name", "to_networkx", "to_pgmpy"]

Floats = NDArray[np.float64]

MAX_CELLS = 1 << 22  # of one full table: 32 MB, and pgmpy holds it more than once
CACHED_CHANCES = 4096
SMALLEST_LOG = -600.0  # ln of some 1e-260; a product of floats is 0 below 1e-323


class _Table(NamedTuple):
    """P(variable | parents) in full: `values` has the variable on axis 0, then its parents in order."""

    variable: str
    parents: tuple[str, ...]
    values: Floats


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


def to_pgmpy(network: Network) -> DiscreteBayesianNetwork:
    """Return the network as a pgmpy network with full tables; states are named by `state_name`.

    A present row is -expm1(sum of ln(1 - q)) and an absent one the exponential of that sum, so that a tiny
    probability keeps its relative precision.

    Raises
    ------
    EngineLimitError
        If the full table of a variable would have more than 2**22 cells. It was not allocated.
    InvalidValueError
        If two states of a variable get the same name.
    """
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    states = _state_names(network)
    model = DiscreteBayesianNetwork()
    model.add_nodes_from(network.columns)
    for variable, parents, values in _tables(network):
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


def _state_names(network: Network) -> dict[str, list[str]]:
    names = {}
    for variable in network.columns:
        states = network.states[variable]
        names[variable] = [state_name(state) for state in states]
        if len(set(names[variable])) < len(states):
            twice = [s for s in states if names[variable].count(state_name(s)) > 1]
            message = f"states {' and '.join(twice)} of {variable!r} share the name {state_name(twice[0])!r}"
            raise InvalidValueError(message)
    return names


def _tables(network: Network) -> Iterator[_Table]:
    """Yield the full table of each variable, in the order of `network.columns`."""
    slots, parameters = network.slots, network.parameters
    yes, no = parameters.yes[0], parameters.no[0]
    nodes = (*network.contexts, *network.causes)
    for i, name in enumerate(network.contexts):
        parents = tuple(network.contexts[p] for p in network.context_parents[i])
        yield _Table(name, parents, np.moveaxis(slots.table(yes, i), -1, 0))
    into: dict[int, dict[str, float]] = {}
    with np.errstate(divide="ignore"):  # ln 0 = -inf is right: a certain link leaves no survivor
        logs = np.log(no[list(slots.link_starts)]).tolist()
    for source, target, log in zip(slots.sources.tolist(), slots.targets.tolist(), logs, strict=True):
        into.setdefault(target, {})[nodes[source]] = log
    for k, name in enumerate(network.causes):
        log_net = into.get(len(network.contexts) + k, {})
        strata = (network.contexts[i] for i in network.cause_strata[k])
        yield _noisy_or(
            network, name, tuple(dict.fromkeys((*strata, *log_net))), leak=slots.leaks(yes, k), log_net=log_net
        )
    for j, name in enumerate(network.findings):
        log_net = into.get(len(nodes) + j, {})
        yield _noisy_or(network, name, tuple(log_net), leak=slots.finding_leaks(yes, j)[..., 0], log_net=log_net)
    for name, places in zip(network.unions, network.union_members, strict=True):
        members = tuple(network.findings[j] for j in places)
        yield _noisy_or(network, name, members, leak=np.zeros(()), log_net=dict.fromkeys(members, -np.inf))


def _noisy_or(
    network: Network, name: str, parents: tuple[str, ...], *, leak: Floats, log_net: Mapping[str, float]
) -> _Table:
    """Return the table of a leaky noisy-OR.

    `leak` has an axis for each of the first parents; `log_net` holds ln(1 - q) of those that have a link.
    """
    shape = [len(network.states[parent]) for parent in parents]
    cells = 2 * math.prod(shape)
    if cells > MAX_CELLS:
        message = (
            f"the full table of {name!r} with its {len(parents)} parents would have {cells} cells, above the "
            f"bound of {MAX_CELLS}; `infer` answers without full tables"
        )
        raise EngineLimitError(message)
    log_absent = np.zeros(shape)
    with np.errstate(divide="ignore"):  # ln 0 = -inf is right: a certain leak leaves no survivor
        log_absent.T[...] += np.log1p(-leak).T  # transposed, so that the first axes are the ones that match
    for parent, log in log_net.items():
        log_absent.swapaxes(0, parents.index(parent))[PRESENT] += log
    # Adding 0 turns the -0.0 of a certain absence into 0.0.
    return _Table(name, parents, np.stack([np.exp(log_absent), -np.expm1(log_absent) + 0.0]))


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
        `serious`; contexts and causes `priors`, a list with one dict for each row of `priors.csv`; noisy-OR
        findings `leak`, such a dict. Each dict holds `probability`, `low`, `high`, `basis` and `source`.
        Edges have a `kind`: "given" (the child's prior depends on this context), "link" (with `form`, the
        numbers as above and `net`, the net link probability) or "or" (from a member to the finding that is
        the OR of them). A link whose parent also stratifies its child has `given` True.
    """
    import networkx as nx

    meta = knowledge.meta
    population = knowledge.population or meta["population"]
    graph = nx.DiGraph(name=knowledge.name, version=meta["version"], population=population)
    for variable in knowledge.variables.values():
        if variable.role != "group":
            graph.add_node(variable.name, **_node(variable))
    for prior in knowledge.priors:
        row = {"given": dict(prior.given), "state": prior.state, **_number(prior.number)}
        graph.nodes[prior.variable]["priors"].append(row)
        graph.add_edges_from(((name, prior.variable) for name, _ in prior.given), kind="given")
    net = network.parameters.yes[0][network.slots.of_row[len(knowledge.priors) :]].tolist()
    for link, q in zip(knowledge.links, net, strict=True):
        if link.parent == "leak":
            graph.nodes[link.child]["leak"] = _number(link.number)
            continue
        ends = (link.parent, link.child)
        numbers = {"form": link.form, "net": q, **_number(link.number)}
        graph.add_edge(*ends, kind="link", given=graph.has_edge(*ends), **numbers)
    for union, members in zip(network.unions, network.union_members, strict=True):
        graph.add_edges_from(((network.findings[j], union) for j in members), kind="or")
    return graph


def _node(variable: Variable) -> dict[str, Any]:
    names = ("role", "label", "states", "question", "definition", "group", "assumed")
    node: dict[str, Any] = {name: getattr(variable, name) for name in names}
    if variable.role == "cause":
        node["serious"] = variable.serious
    if variable.role != "finding":
        node["priors"] = []
    return node


def _number(number: Number) -> dict[str, Any]:
    interval = {"probability": number.probability, "low": number.low, "high": number.high}
    return {**interval, "basis": number.basis, "source": ";".join(number.sources)}


def export(network: Network, path: Path) -> Path:
    """Write the network with full tables to a file, in the format of its suffix, and return its path.

    The file appears whole or not at all; states are named by `state_name`. Every format gets every digit: a
    reader that keeps 64-bit floats has the tables of `to_pgmpy` exactly. Checked with pgmpy 1.1.2 and pyAgrum
    3.3.1:

    - `.bif`: pgmpy reads it exactly, pyAgrum as 32-bit floats (up to 3e-8 off).
    - `.xmlbif` or `.xml`: both read it exactly (pyAgrum once the file is named `.bifxml`).
    - `.net` (Hugin): pgmpy reads it exactly, pyAgrum as 32-bit floats. pgmpy's own writer would round to 8
      decimals, and a rare cause would become impossible; here the numbers are put in whole.
    - `.xdsl` (GeNIe): pgmpy reads it exactly. Its order is GeNIe's (the first parent changes slowest, the
      variable's own states fastest); its 16 decimals and its random places for the nodes are replaced.
      pyAgrum takes the parents in the opposite order, without a warning: give it XMLBIF.
    - `.uai`: names are lost, variables have the numbers of `network.columns`. The format wants the child last
      in its scope and the last of the scope fastest. This is written without pgmpy, whose files and reader
      have the child slowest; pyAgrum takes the parents in the opposite order here too. Give both XMLBIF.

    Raises
    ------
    InvalidValueError
        If the suffix is none of these, or two states of a variable get the same name.
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
    text = text_of(network)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".exporting-") as scratch:
        draft = Path(scratch) / path.name
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    return path


def _bif(network: Network) -> str:
    from pgmpy.readwrite import BIFWriter

    return str(BIFWriter(to_pgmpy(network)))


def _xmlbif(network: Network) -> str:
    from pgmpy.readwrite import XMLBIFWriter

    return str(XMLBIFWriter(to_pgmpy(network)))


def _net(network: Network) -> str:
    from pgmpy.readwrite import NETWriter

    def nested(variable: str) -> str:
        values = np.moveaxis(writer.tables[variable], 0, -1).tolist()
        return str(values).translate(str.maketrans("[]", "()", ","))

    writer: Any = NETWriter(to_pgmpy(network))
    writer.net_cpd = nested
    return str(writer)


def _xdsl(network: Network) -> str:
    from pgmpy.readwrite import XDSLWriter

    writer: Any = XDSLWriter(to_pgmpy(network))
    for node in writer.root.iter("cpt"):
        node.find("probabilities").text = _flat(writer.model.get_cpds(node.get("id")).values)
    layers = (network.contexts, network.causes, network.findings, network.unions)
    place = {name: (150 * x, 200 * y) for y, layer in enumerate(layers) for x, name in enumerate(layer)}
    for node in writer.root.iter("node"):
        x, y = place[node.get("id")]
        node.find("position").text = f"{x} {y} {x + 120} {y + 60}"
    ET.indent(writer.root)
    return str(ET.tostring(writer.root, encoding="utf-8", xml_declaration=True), "utf-8")


def _uai(network: Network) -> str:
    number = {name: str(i) for i, name in enumerate(network.columns)}
    tables = list(_tables(network))
    scopes = [(*table.parents, table.variable) for table in tables]
    count, states = str(len(tables)), " ".join(str(len(table.values)) for table in tables)
    lines = ["BAYES", count, states, count]
    lines += [" ".join((str(len(scope)), *(number[name] for name in scope))) for scope in scopes]
    for table in tables:
        lines += ["", str(table.values.size), _flat(table.values)]
    return "\n".join([*lines, ""])


def _flat(values: Floats) -> str:
    """Write out a table, the first parent slowest and the variable's own states fastest."""
    return " ".join(map(repr, np.moveaxis(values, 0, -1).ravel().tolist()))


FORMATS: Mapping[str, Callable[[Network], str]] = {
    ".bif": _bif,
    ".xmlbif": _xmlbif,
    ".xml": _xmlbif,
    ".xdsl": _xdsl,
    ".net": _net,
    ".uai": _uai,
}


def pgmpy_answer(network: Network, evidence: Evidence) -> Answer:
    """Return the answer to one case by pgmpy's variable elimination: slow, to check the engine by.

    Parameters
    ----------
    network : Network
        Its full tables must be within the bounds of `to_pgmpy`.
    evidence : Evidence

    Raises
    ------
    EngineLimitError
        If P(evidence) is below 1e-260: pgmpy does not rescale, and would take it for impossible.
    """
    codes, log_weights = evidence.rows()
    columns = _Elimination(network).columns(codes)
    return mixed(Answer.of(columns), log_weights)


class _Elimination:
    """pgmpy's variable elimination on the full tables of a network."""

    def __init__(self, network: Network) -> None:
        with warnings.catch_warnings():
            # pgmpy's package imports a module of its own that it has deprecated.
            warnings.filterwarnings("ignore", "`pgmpy.estimators.StructureScore`", FutureWarning)
            from pgmpy.inference import VariableElimination

        self.network = network
        self._states = _state_names(network)
        self._elimination: Any = VariableElimination(to_pgmpy(network))
        self._chances: dict[tuple[str, frozenset[tuple[str, int]]], Floats] = {}

    def columns(self, codes: Codes) -> Floats:
        """Return causes, none, serious and log_evidence of each row: (n_causes + 3, n_rows)."""
        network = self.network
        columns = np.zeros((len(network.causes) + 3, len(codes)))
        for row, states in enumerate(codes.tolist()):
            observed = {name: s for name, s in zip(network.columns, states, strict=True) if s != UNKNOWN}
            columns[-1, row] = self._log_evidence(observed)
            if np.isfinite(columns[-1, row]):
                columns[:-3, row] = [self._chance(name, PRESENT, observed) for name in network.causes]
                columns[-3:-1, row] = self._none_and_serious(observed)
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
        evidence = {other: self._states[other][state] for other, state in observed.items()}
        with np.errstate(divide="ignore", invalid="ignore"):
            values = self._elimination.query([name], evidence=evidence, show_progress=False).values
        if not np.isfinite(values).all():
            raise _too_small(name, observed)
        return np.asarray(values, dtype=np.float64)


def _too_small(name: str, observed: Mapping[str, int]) -> EngineLimitError:
    items = ", ".join(observed)
    return EngineLimitError(f"at {name!r} the probability of {items} is too small for pgmpy; `infer` rescales")
