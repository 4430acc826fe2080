"""A model as arrays: which variable depends on which, and the numbers of one or many parameter sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from twitchbayes.knowledge import Knowledge, Link, Prior, Variable

__all__ = ["COMPLEMENT", "Network", "Parameters", "compile_network"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COMPLEMENT = -1  # in an index of parameters: one minus the only other state


@dataclass(frozen=True, slots=True)
class Parameters:
    """The numbers of a network, for `n_sets` parameter sets at once.

    Every array has the parameter set on its first axis.

    Attributes
    ----------
    context_tables : tuple of ndarray, shape (n_sets, *parent states, states)
        P(context | its parent contexts), one array a context.
    cause_leaks : tuple of ndarray, shape (n_sets, *stratum states)
        b_k: P(cause k | no linked context active) in each stratum.
    activation : ndarray, shape (n_sets, n_causes, n_contexts)
        w_ik: net link probability from an active binary context, 0 where there is no link.
    finding_leaks : ndarray, shape (n_sets, n_findings)
    links : ndarray, shape (n_sets, n_causes, n_findings)
        q_kj: net link probability, 0 where there is no link.
    log_no_activation, log_no_links : ndarray, shapes of `activation` and `links`
        ln(1 - w) and ln(1 - q) in nats, to full relative precision also where w or q is nearly 1.
    """

    context_tables: tuple[Floats, ...]
    cause_leaks: tuple[Floats, ...]
    activation: Floats
    finding_leaks: Floats
    links: Floats
    log_no_activation: Floats
    log_no_links: Floats

    @property
    def n_sets(self) -> int:
        """Number of parameter sets."""
        return int(self.links.shape[0])

    def take(self, sets: Any) -> Parameters:
        """Return some of the parameter sets."""
        tables, leaks = (tuple(a[sets] for a in arrays) for arrays in (self.context_tables, self.cause_leaks))
        rest = (self.activation, self.finding_leaks, self.links, self.log_no_activation, self.log_no_links)
        return Parameters(tables, leaks, *(array[sets] for array in rest))

    def support(self) -> Parameters:
        """Return what is possible and what is certain: every number strictly between 0 and 1 becomes 1/2.

        Evidence has probability 0 under these numbers exactly if it has under the true ones, and here
        nothing can underflow.
        """

        def half(p: Floats) -> Floats:
            return np.where((p > 0) & (p < 1), 0.5, p)

        def log_half(log_no: Floats) -> Floats:
            return np.where((log_no < 0) & (log_no > -np.inf), -np.log(2), log_no)

        return Parameters(
            context_tables=tuple(map(half, self.context_tables)),
            cause_leaks=tuple(map(half, self.cause_leaks)),
            activation=half(self.activation),
            finding_leaks=half(self.finding_leaks),
            links=half(self.links),
            log_no_activation=log_half(self.log_no_activation),
            log_no_links=log_half(self.log_no_links),
        )


@dataclass(frozen=True, slots=True)
class Network:
    """The structure of a model and its parameters.

    Contexts, causes and findings are numbered by their place in the tuples of names. `findings` are
    the noisy-OR findings; `unions` are the findings that are the deterministic OR of some of them.
    The columns of a batch of evidence are `columns`: contexts, causes, findings, unions. `numbers`
    (1, n_numbers) are the probabilities of the rows of `priors.csv` and then of `links.csv`.
    """

    contexts: tuple[str, ...]
    causes: tuple[str, ...]
    findings: tuple[str, ...]
    unions: tuple[str, ...]
    states: Mapping[str, tuple[str, ...]] = field(repr=False)
    context_parents: tuple[tuple[int, ...], ...] = field(repr=False)
    cause_strata: tuple[tuple[int, ...], ...] = field(repr=False)
    union_members: tuple[tuple[int, ...], ...] = field(repr=False)
    serious: NDArray[np.bool_] = field(repr=False)
    numbers: Floats = field(repr=False)
    parameters: Parameters = field(repr=False)
    index: ParameterIndex = field(repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of a batch of evidence."""
        return (*self.contexts, *self.causes, *self.findings, *self.unions)

    def with_values(self, values: Floats) -> Parameters:
        """Return the parameters for other values of the rows of `priors.csv` and `links.csv`.

        Parameters
        ----------
        values : ndarray, shape (n_sets, n_priors + n_links)
            Fractions, in the order of the rows.
        """
        return self.index.parameters(np.atleast_2d(np.asarray(values, dtype=np.float64)))

    def with_net(self, values: Floats) -> Parameters:
        """Return the parameters for other values, in which every link is a net link probability.

        Parameters
        ----------
        values : ndarray, shape (n_sets, n_priors + n_links)
        """
        return self.index.parameters(np.atleast_2d(np.asarray(values, dtype=np.float64)), net=True)

    def to_net(self, values: Floats) -> Floats:
        """Return values with the compound links turned into net ones, by the leaks of the network's own numbers.

        Parameters
        ----------
        values : ndarray, shape (n_sets, n_priors + n_links)
            Values of the rows, or bounds of their intervals.
        """
        rows, leaks = self.index.compound_leaks
        net, leak = values.copy(), self.numbers[0, leaks]
        net[:, rows] = (values[:, rows] - leak) / np.where(leak < 1, 1 - leak, 1)
        return net

    def from_net(self, net: Floats) -> Floats:
        """Return the values of the rows for these net ones, by the leaks among them: (n_sets, n_numbers)."""
        rows, leaks = self.index.compound_leaks
        values, leak = net.copy(), net[:, leaks]
        values[:, rows] = leak + net[:, rows] * (1 - leak)
        return values


@dataclass(frozen=True, slots=True)
class ParameterIndex:
    """Where each number of the tables goes in the arrays; the same for every parameter set."""

    context_rows: tuple[Ints, ...]
    cause_rows: tuple[Ints, ...]
    leak_rows: Ints
    activation_cells: tuple[Ints, Ints, Ints]
    link_cells: tuple[Ints, Ints, Ints]
    compound: NDArray[np.bool_]
    shape: tuple[int, int, int]

    @property
    def compound_leaks(self) -> tuple[Ints, Ints]:
        """The rows of compound links, and for each the row of its child's leak."""
        rows, causes, _ = self.activation_cells
        found, _, findings = self.link_cells
        # A compound link is allowed only where the leak is a single number.
        single = np.array([leaks.flat[0] for leaks in self.cause_rows], dtype=np.int64)
        everyone = np.concatenate([rows, found])
        leaks = np.concatenate([single[causes], self.leak_rows[findings]])
        compound = self.compound[everyone]
        return everyone[compound], leaks[compound]

    def parameters(self, values: Floats, *, net: bool = False) -> Parameters:
        """Place `values` (n_sets, n_numbers) into the arrays, compound links turned into net ones unless they are."""
        n_contexts, n_causes, n_findings = self.shape
        cause_leaks = tuple(values[:, rows] for rows in self.cause_rows)
        # A compound link is allowed only where the leak is a single number.
        single = np.stack([leak.reshape(len(values), -1)[:, 0] for leak in cause_leaks], axis=1)
        finding_leaks = values[:, self.leak_rows]
        _, causes, _ = self.activation_cells
        compound = self.compound & (not net)
        activation = _net(values, compound, self.activation_cells, single[:, causes], (n_causes, n_contexts))
        _, _, findings = self.link_cells
        links = _net(values, compound, self.link_cells, finding_leaks[:, findings], (n_causes, n_findings))
        return Parameters(
            context_tables=tuple(_table(values, rows) for rows in self.context_rows),
            cause_leaks=tuple(map(_read_only, cause_leaks)),
            activation=activation[0],
            finding_leaks=_read_only(finding_leaks),
            links=links[0],
            log_no_activation=activation[1],
            log_no_links=links[1],
        )


def compile_network(knowledge: Knowledge) -> Network:
    """Turn checked knowledge into a network.

    P(finding absent | causes) = (1 - leak) * prod over present causes of (1 - q), and likewise for a
    cause given its active contexts; a compound link p becomes the net link q = (p - leak) / (1 - leak).

    References
    ----------
    Pearl, Probabilistic Reasoning in Intelligent Systems (1988), 4.3.2 (the noisy-OR); Henrion,
    Some practical issues in constructing belief networks (UAI 1987) for the leak and compound links;
    Díez, Parameter adjustment in Bayes networks: the generalized noisy OR-gate (UAI 1993) for net ones.
    """
    contexts, causes = knowledge.of_role("context"), knowledge.of_role("cause")
    findings = [v for v in knowledge.of_role("finding") if not v.any_of]
    unions = [v for v in knowledge.of_role("finding") if v.any_of]
    number_of = {v.name: i for i, v in enumerate(findings)}
    context_of = {v.name: i for i, v in enumerate(contexts)}
    strata = {p.variable: tuple(context_of[name] for name, _ in p.given) for p in knowledge.priors}
    numbers = [p.number for p in knowledge.priors] + [k.number for k in knowledge.links]
    values = np.array([[n.probability for n in numbers]])
    index = _index(knowledge, contexts, causes, findings)
    return Network(
        contexts=tuple(v.name for v in contexts),
        causes=tuple(v.name for v in causes),
        findings=tuple(number_of),
        unions=tuple(v.name for v in unions),
        states={v.name: v.states for v in knowledge.variables.values() if v.role != "group"},
        context_parents=tuple(strata[v.name] for v in contexts),
        cause_strata=tuple(strata[v.name] for v in causes),
        union_members=tuple(tuple(number_of[m.name] for m in knowledge.members(v.any_of)) for v in unions),
        serious=np.array([v.serious for v in causes]),
        numbers=_read_only(values),
        parameters=index.parameters(values),
        index=index,
    )


def _index(
    knowledge: Knowledge,
    contexts: Sequence[Variable],
    causes: Sequence[Variable],
    findings: Sequence[Variable],
) -> ParameterIndex:
    offset = len(knowledge.priors)
    context_of = {v.name: i for i, v in enumerate(contexts)}
    cause_of = {v.name: i for i, v in enumerate(causes)}
    finding_of = {v.name: i for i, v in enumerate(findings)}
    leak_rows = np.zeros(len(findings), dtype=np.int64)
    activation: list[tuple[int, int, int]] = []
    links: list[tuple[int, int, int]] = []
    for row, link in enumerate(knowledge.links, start=offset):
        if link.parent == "leak":
            leak_rows[finding_of[link.child]] = row
        elif link.parent in cause_of:
            links.append((row, cause_of[link.parent], finding_of[link.child]))
        else:
            activation.append((row, cause_of[link.child], context_of[link.parent]))
    rows_of: dict[str, list[tuple[int, Prior]]] = {}
    for row, prior in enumerate(knowledge.priors):
        rows_of.setdefault(prior.variable, []).append((row, prior))
    return ParameterIndex(
        context_rows=tuple(_context_rows(v, rows_of[v.name], knowledge.variables) for v in contexts),
        cause_rows=tuple(_cause_rows(rows_of[v.name], knowledge.variables) for v in causes),
        leak_rows=leak_rows,
        activation_cells=_cells(activation),
        link_cells=_cells(links),
        compound=np.array([False] * offset + [_is_compound(link) for link in knowledge.links]),
        shape=(len(contexts), len(causes), len(findings)),
    )


def _net(
    values: Floats, compound: NDArray[np.bool_], cells: tuple[Ints, Ints, Ints], leak: Floats, shape: tuple[int, int]
) -> tuple[Floats, Floats]:
    """Return net links and ln(1 - link), each (n_sets, *shape); `leak` (n_sets, n_cells) is the child's."""
    rows, first, second = cells
    net, log_no = np.zeros((2, len(values), *shape))
    p, compound = values[:, rows], compound[rows]
    room = np.where(leak < 1, 1 - leak, 1)
    q = np.where(compound, (p - leak) / room, p)
    with np.errstate(divide="ignore"):  # ln 0 = -inf is right: a certain link leaves no survivor
        # 1 - q = (1 - p) / (1 - leak) keeps its digits where q is nearly 1.
        log_no[:, first, second] = np.where(compound & (q > 0.5), np.log1p(-p) - np.log(room), np.log1p(-q))
    net[:, first, second] = q
    return _read_only(net), _read_only(log_no)


def _is_compound(link: Link) -> bool:
    return link.form == "compound" and link.parent != "leak"


def _cells(cells: Sequence[tuple[int, int, int]]) -> tuple[Ints, Ints, Ints]:
    rows, first, second = np.array(cells, dtype=np.int64).reshape(-1, 3).T
    return rows, first, second


def _position(given: Sequence[tuple[str, str]], variables: Mapping[str, Variable]) -> tuple[int, ...]:
    return tuple(variables[name].states.index(state) for name, state in given)


def _shape(rows: Sequence[tuple[int, Prior]], variables: Mapping[str, Variable]) -> tuple[int, ...]:
    return tuple(len(variables[name].states) for name, _ in rows[0][1].given)


def _context_rows(variable: Variable, rows: Sequence[tuple[int, Prior]], variables: Mapping[str, Variable]) -> Ints:
    index = np.full((*_shape(rows, variables), len(variable.states)), COMPLEMENT, dtype=np.int64)
    for row, prior in rows:
        index[(*_position(prior.given, variables), variable.states.index(prior.state))] = row
    return index


def _cause_rows(rows: Sequence[tuple[int, Prior]], variables: Mapping[str, Variable]) -> Ints:
    index = np.zeros(_shape(rows, variables), dtype=np.int64)
    for row, prior in rows:
        index[_position(prior.given, variables)] = row
    return index


def _table(values: Floats, rows: Ints) -> Floats:
    table = values[:, rows]
    if (rows == COMPLEMENT).any():
        table[..., 0] = 1 - table[..., 1]
    return _read_only(table)


def _read_only(array: Floats) -> Floats:
    array.flags.writeable = False
    return array
