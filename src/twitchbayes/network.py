"""A model as arrays: which variable depends on which, and the numbers of one or many parameter sets.

The numbers stand in *slots*, one after the other: the entries of the contexts' tables (the own state is the fastest
axis), the leaks of the causes (a slot a stratum), the leaks of the findings, the links. Links are ordered by target
and source, in numbers of nodes: contexts, causes, findings. A leak of a finding, and a link, has a slot for each
stratum and each state of its child above the lowest: of a yes/no child without strata that is one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.spans import CONTRADICTION, meet, span_words, spans

if TYPE_CHECKING:
    from twitchbayes.knowledge import Knowledge, Link, Prior, Variable

__all__ = [
    "ABSENT",
    "COMPLEMENT",
    "PRESENT",
    "SERIOUS",
    "UNKNOWN",
    "Codes",
    "Network",
    "Parameters",
    "Slots",
    "compile_network",
]

Codes = NDArray[np.int8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNKNOWN, ABSENT, PRESENT = -1, 0, 1  # in codes
SERIOUS = "serious"  # the union of the causes that are marked so
COMPLEMENT = -1  # of a slot without a row of its own: one minus the slot of the only other state


@dataclass(frozen=True, slots=True)
class Parameters:
    """The numbers of a network, for one or many parameter sets.

    Attributes
    ----------
    yes : ndarray, shape (n_sets, n_slots)
        The number in each slot; links are net link probabilities.
    no : ndarray, shape (n_sets, n_slots)
        1 - number, to full relative precision also where a link is nearly certain. In the first slot of a leak or
        link in a stratum: the chance that it leaves its child in the lowest state.
    """

    yes: Floats
    no: Floats

    @property
    def n_sets(self) -> int:
        """Number of parameter sets."""
        return len(self.yes)

    def take(self, sets: Any) -> Parameters:
        """Return some of the parameter sets."""
        return Parameters(*(_read_only(np.ascontiguousarray(array[sets])) for array in (self.yes, self.no)))

    def support(self) -> Parameters:
        """Return what is possible and what is certain: every number strictly between 0 and 1 becomes 1/2.

        Evidence has probability 0 under these numbers exactly if it has under the true ones, and here
        nothing can underflow.
        """
        open_ = (self.yes > 0) & (self.no > 0)
        return Parameters(*(_read_only(np.where(open_, 0.5, array)) for array in (self.yes, self.no)))


@dataclass(frozen=True, slots=True)
class Slots:
    """Where each number of the tables stands; the same for every parameter set.

    Attributes
    ----------
    rows : ndarray of int, shape (n_slots,)
        Number of the row of each slot, those of `priors.csv` and then those of `links.csv`; or `COMPLEMENT`.
    of_row : ndarray of int, shape (n_numbers,)
        Slot of each row.
    table_shapes, leak_shapes : tuple of tuple of int
        (*parent states, states) of each context; (*stratum states,) of each cause.
    finding_leak_shapes, link_shapes : tuple of tuple of int
        (*stratum states, states above the lowest) of each finding, and of each link.
    table_starts, leak_starts, finding_leak_starts, link_starts : tuple of int
        The first slot of each context, of each cause, of each finding, and of each link.
    first_leak, first_finding_leak, first_link : int
        Where each kind of slots begins.
    sources, targets : ndarray of int, shape (n_links,)
        Nodes of each link.
    graded : tuple of ndarray of int, shape (n_leaks_or_links, n_states_above)
        Slots of the leaks and links, in each stratum, of children with as many states above the lowest; 2 or more.
    compound : ndarray of int, shape (n_compound,)
        Rows of the links in compound form.
    compound_leaks : ndarray of int, shape (n_compound,)
        For each of these the row of its child's leak, which is a single number.
    """

    rows: Ints
    of_row: Ints
    table_shapes: tuple[tuple[int, ...], ...]
    leak_shapes: tuple[tuple[int, ...], ...]
    finding_leak_shapes: tuple[tuple[int, ...], ...]
    link_shapes: tuple[tuple[int, ...], ...]
    table_starts: tuple[int, ...]
    leak_starts: tuple[int, ...]
    finding_leak_starts: tuple[int, ...]
    link_starts: tuple[int, ...]
    first_leak: int
    first_finding_leak: int
    first_link: int
    sources: Ints
    targets: Ints
    graded: tuple[Ints, ...]
    compound: Ints
    compound_leaks: Ints

    def table(self, array: Floats, context: int) -> Floats:
        """Return the part of some values of slots (..., n_slots) that is the table of a context."""
        return _part(array, self.table_starts[context], self.table_shapes[context])

    def leaks(self, array: Floats, cause: int) -> Floats:
        """Return the part of some values of slots (..., n_slots) that are the leaks of a cause."""
        return _part(array, self.leak_starts[cause], self.leak_shapes[cause])

    def finding_leaks(self, array: Floats, finding: int) -> Floats:
        """Return the part of some values of slots (..., n_slots) that are the leaks of a finding."""
        return _part(array, self.finding_leak_starts[finding], self.finding_leak_shapes[finding])

    def links(self, array: Floats, link: int) -> Floats:
        """Return the part of some values of slots (..., n_slots) that are the numbers of a link."""
        return _part(array, self.link_starts[link], self.link_shapes[link])

    def parameters(self, values: Floats, *, net: bool = False) -> Parameters:
        """Place `values` (n_sets, n_numbers) into the slots, compound links turned into net ones unless they are."""
        yes = np.take(values, np.maximum(self.rows, 0), axis=1)
        own = np.flatnonzero(self.rows == COMPLEMENT)
        yes[:, own] = 1 - yes[:, own + 1]
        no = 1 - yes
        if not net:
            leak, p, at = values[:, self.compound_leaks], values[:, self.compound], self.of_row[self.compound]
            room = np.where(leak < 1, 1 - leak, 1)
            yes[:, at] = q = (p - leak) / room
            # 1 - q = (1 - p) / (1 - leak) keeps its digits where q is nearly 1.
            no[:, at] = np.where(q > 0.5, (1 - p) / room, 1 - q)
        for at in self.graded:
            no[:, at[:, 0]] = np.maximum(1 - yes[:, at].sum(axis=-1), 0.0)
        return Parameters(_read_only(yes), _read_only(no))


def _starts(first: int, shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return where each of some arrays begins that stand one after the other."""
    return tuple(itertools.accumulate(map(math.prod, shapes), initial=first))[:-1]


def _part(array: Floats, start: int, shape: tuple[int, ...]) -> Floats:
    return array[..., start : start + math.prod(shape)].reshape((*array.shape[:-1], *shape))


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """The structure of a model and its parameters.

    Contexts, causes and findings are numbered by their place in the tuples of names. `findings` are
    the noisy-MAX findings (noisy-OR, where they have two states); `unions` are the findings that are the
    deterministic OR of some of them, `groups` the unions of causes. `of` is, for each finding, the number of the
    finding or union (behind the findings) that it describes, or -1; `excludes` are pairs of causes, of which the
    second is absent where the first is present; `leak_strata` and `link_strata` are the contexts that the leak of
    each finding, and the number of each link, depends on.
    The columns of a batch of evidence are `columns`: contexts, causes, findings, unions, groups. What a column may
    hold is in `codes`: the states of contexts, causes, unions and groups, and of findings the spans of states.
    `numbers` (1, n_numbers) are the probabilities of the rows of `priors.csv` and then of `links.csv`; `slots`
    says where each of them stands in `parameters`.
    """

    contexts: tuple[str, ...]
    causes: tuple[str, ...]
    findings: tuple[str, ...]
    unions: tuple[str, ...]
    groups: tuple[str, ...]
    states: Mapping[str, tuple[str, ...]] = field(repr=False)
    context_parents: tuple[tuple[int, ...], ...] = field(repr=False)
    cause_strata: tuple[tuple[int, ...], ...] = field(repr=False)
    union_members: tuple[tuple[int, ...], ...] = field(repr=False)
    group_members: tuple[tuple[int, ...], ...] = field(repr=False)
    excludes: tuple[tuple[int, int], ...] = field(repr=False)
    of: tuple[int, ...] = field(repr=False)
    leak_strata: tuple[tuple[int, ...], ...] = field(repr=False)
    link_strata: tuple[tuple[int, ...], ...] = field(repr=False)
    serious: NDArray[np.bool_] = field(repr=False)
    numbers: Floats = field(repr=False)
    parameters: Parameters = field(repr=False)
    slots: Slots = field(repr=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of a batch of evidence."""
        return (*self.contexts, *self.causes, *self.findings, *self.unions, *self.groups)

    @property
    def targets(self) -> Mapping[str, int]:
        """Columns of what an answer gives the probability of: causes, unions of causes, and "serious".

        That of "serious" is one behind `columns`. Rows of evidence may have it, too: that some serious cause is
        present, or none.
        """
        names = (*self.causes, *self.groups, SERIOUS)
        first, last = len(self.contexts), len(self.columns)
        n_causes = len(self.causes)
        places = (*range(first, first + n_causes), *range(last - len(self.groups), last), last)
        return dict(zip(names, places, strict=True))

    def target_members(self, name: str) -> tuple[int, ...]:
        """Return the numbers of the causes that a target stands for: the cause, or those of the union."""
        if name == SERIOUS:
            return tuple(np.flatnonzero(self.serious).tolist())
        return (self.causes.index(name),) if name in self.causes else self.group_members[self.groups.index(name)]

    @property
    def codes(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """What each code of each column means: its lowest and its highest state, by number."""
        first, last = len(self.contexts) + len(self.causes), len(self.contexts) + len(self.causes) + len(self.findings)
        n_states = [len(self.states[name]) for name in self.columns]
        return tuple(
            spans(n) if first <= column < last else tuple((state, state) for state in range(n))
            for column, n in enumerate(n_states)
        )

    def together(self, said: Codes, more: Codes) -> tuple[Codes, NDArray[np.bool_]]:
        """Return what two sets of rows (..., n_columns) say together, and which of them contradict each other.

        There may be one column more in both, that of "serious".
        """
        both = np.where(more == UNKNOWN, said, more)
        clash = (said != UNKNOWN) & (more != UNKNOWN) & (said != more)
        first = len(self.contexts) + len(self.causes)
        for column in (first + j for j, name in enumerate(self.findings) if len(self.states[name]) > 2):
            table, a, b = meet(len(self.states[self.columns[column]])), said[..., column], more[..., column]
            met = table[np.maximum(a, 0), np.maximum(b, 0)]
            known = (a != UNKNOWN) & (b != UNKNOWN)
            clash[..., column] = known & (met == CONTRADICTION)
            both[..., column] = np.where(known & (met != CONTRADICTION), met, both[..., column])
        return both, clash.any(axis=-1)

    def meaning(self, column: int, code: int) -> str:
        """Return what a code of a column says, in words: a state, "at least mild", "at most mild", "mild to clear"."""
        states = self.states[self.columns[column]]
        return span_words(states, *self.codes[column][code])

    @property
    def link_contexts(self) -> tuple[int, ...]:
        """Numbers of the contexts that the leak of a finding, or a link, depends on."""
        return tuple(sorted({c for strata in (*self.leak_strata, *self.link_strata) for c in strata}))

    def with_values(self, values: Floats) -> Parameters:
        """Return the parameters for other values of the rows of `priors.csv` and `links.csv`.

        Parameters
        ----------
        values : ndarray, shape (n_sets, n_priors + n_links)
            Fractions, in the order of the rows.
        """
        return self.slots.parameters(np.atleast_2d(np.asarray(values, dtype=np.float64)))

    def with_net(self, values: Floats) -> Parameters:
        """Return the parameters for other values, in which every link is a net link probability.

        Parameters
        ----------
        values : ndarray, shape (n_sets, n_priors + n_links)
        """
        return self.slots.parameters(np.atleast_2d(np.asarray(values, dtype=np.float64)), net=True)

    def with_held_links(self, values: Floats) -> Parameters:
        """Return the parameters for other values, in which moving a leak moves no link that includes it.

        A compound link is turned into a net one by the leak of the network's own numbers, whatever the leak
        in `values` is. P(evidence) is then linear in each number by itself.

        Parameters
        ----------
        values : ndarray, shape (n_sets, n_priors + n_links)
            As for `with_values`; a compound link is not below the network's own leak.
        """
        held, leaks, slots = values.copy(), self.slots.compound_leaks, self.slots
        held[:, leaks] = self.numbers[0, leaks]
        moved, parameters = self.with_values(values), self.with_values(held)
        at = slots.of_row[leaks]
        for name in ("yes", "no"):
            array = getattr(parameters, name).copy()
            array[:, at] = getattr(moved, name)[:, at]
            parameters = replace(parameters, **{name: _read_only(array)})
        return parameters

    def to_net(self, values: Floats) -> Floats:
        """Return values with the compound links turned into net ones, by the leaks of the network's own numbers.

        Parameters
        ----------
        values : ndarray, shape (n_sets, n_priors + n_links)
            Values of the rows, or bounds of their intervals.
        """
        rows, leak = self.slots.compound, self.numbers[0, self.slots.compound_leaks]
        net = values.copy()
        net[:, rows] = (values[:, rows] - leak) / np.where(leak < 1, 1 - leak, 1)
        return net

    def link_matrices(self, array: Floats, fill: float) -> tuple[Floats, Floats]:
        """Return values of slots (n_slots,) as matrices of the links from contexts, and of those from causes.

        Of a link with several slots it is the first one.

        Returns
        -------
        ndarray, shape (n_contexts, n_causes)
            `fill` where there is no link.
        ndarray, shape (n_causes, n_findings)
        """
        first, last = len(self.contexts), len(self.contexts) + len(self.causes)
        matrix = np.full((last, last - first + len(self.findings)), fill)
        matrix[self.slots.sources, self.slots.targets - first] = array[list(self.slots.link_starts)]
        return matrix[:first, : last - first], matrix[first:, last - first :]


def compile_network(knowledge: Knowledge) -> Network:
    """Turn checked knowledge into a network.

    P(finding absent | causes) = (1 - leak) * prod over present causes of (1 - q), and likewise for a
    cause given its active contexts; a compound link p becomes the net link q = (p - leak) / (1 - leak).
    A graded finding is at most d with leak(<= d) * prod over present causes of q(<= d).

    References
    ----------
    Pearl, Probabilistic Reasoning in Intelligent Systems (1988), 4.3.2 (the noisy-OR); Henrion,
    Some practical issues in constructing belief networks (UAI 1987) for the leak and compound links;
    Díez, Parameter adjustment in Bayes networks: the generalized noisy OR-gate (UAI 1993) for net ones and graded
    findings (the noisy-MAX).
    """
    contexts, causes = knowledge.of_role("context"), knowledge.of_role("cause")
    findings = [v for v in knowledge.of_role("finding") if not v.any_of]
    unions = [v for v in knowledge.of_role("finding") if v.any_of]
    groups = knowledge.of_role("union")
    number_of = {v.name: i for i, v in enumerate((*findings, *unions))}
    cause_of = {v.name: k for k, v in enumerate(causes)}
    context_of = {v.name: i for i, v in enumerate(contexts)}
    strata = {p.variable: tuple(context_of[name] for name, _ in p.given) for p in knowledge.priors}
    numbers = [p.number for p in knowledge.priors] + [k.number for k in knowledge.links]
    values = np.array([[n.probability for n in numbers]])
    slots, leak_strata, link_strata = _slots(knowledge, contexts, causes, findings)
    return Network(
        contexts=tuple(v.name for v in contexts),
        causes=tuple(v.name for v in causes),
        findings=tuple(v.name for v in findings),
        unions=tuple(v.name for v in unions),
        groups=tuple(v.name for v in groups),
        states={v.name: v.states for v in knowledge.variables.values() if v.role != "group"},
        context_parents=tuple(strata[v.name] for v in contexts),
        cause_strata=tuple(strata[v.name] for v in causes),
        union_members=tuple(tuple(number_of[m.name] for m in knowledge.members(v.any_of)) for v in unions),
        group_members=tuple(tuple(cause_of[name] for name in knowledge.causes_of(v.name)) for v in groups),
        excludes=tuple(
            (cause_of[other], k)
            for k, v in enumerate(causes)
            for other in dict.fromkeys(name for part in v.excludes for name in knowledge.causes_of(part))
        ),
        of=tuple(number_of[v.of] if v.of else -1 for v in findings),
        leak_strata=leak_strata,
        link_strata=link_strata,
        serious=np.array([v.serious for v in causes]),
        numbers=_read_only(values),
        parameters=slots.parameters(values),
        slots=slots,
    )


Strata = tuple[tuple[int, ...], ...]


def _slots(
    knowledge: Knowledge, contexts: Sequence[Variable], causes: Sequence[Variable], findings: Sequence[Variable]
) -> tuple[Slots, Strata, Strata]:
    """Return where each number stands, and the contexts that the leak of each finding and each link depends on."""
    offset = len(knowledge.priors)
    node_of = {v.name: i for i, v in enumerate((*contexts, *causes, *findings))}
    rows_of: dict[str, list[tuple[int, Prior]]] = {}
    for row, prior in enumerate(knowledge.priors):
        rows_of.setdefault(prior.variable, []).append((row, prior))
    tables = [_context_rows(v, rows_of[v.name], knowledge.variables) for v in contexts]
    leaks = [_cause_rows(rows_of[v.name], knowledge.variables) for v in causes]
    numbered = list(enumerate(knowledge.links, start=offset))
    rows_between: dict[tuple[str, str], list[tuple[int, Link]]] = {}
    for row, link in numbered:
        rows_between.setdefault((link.child, link.parent), []).append((row, link))
    ends = sorted(
        (node_of[child], node_of[parent], child, parent) for child, parent in rows_between if parent != "leak"
    )
    of_leaks = [rows_between[v.name, "leak"] for v in findings]
    of_links = [rows_between[child, parent] for _, _, child, parent in ends]
    finding_leaks = [_link_rows(rows, knowledge.variables) for rows in of_leaks]
    links = [_link_rows(rows, knowledge.variables) for rows in of_links]
    # A compound link is allowed only where the leak is a single number.
    single = {v.name: int(rows.flat[0]) for v, rows in zip((*causes, *findings), (*leaks, *finding_leaks), strict=True)}
    compound = [(row, single[link.child]) for row, link in numbered if _is_compound(link)]
    parts = [tables, leaks, finding_leaks, links]
    firsts = list(itertools.accumulate((sum(part.size for part in kind) for kind in parts), initial=0))
    shapes = [tuple(rows.shape for rows in kind) for kind in parts]
    starts = [_starts(first, own) for first, own in zip(firsts, shapes, strict=False)]
    rows = np.concatenate([np.zeros(0, dtype=np.int64), *(part.ravel() for kind in parts for part in kind)])
    of_row = np.zeros(offset + len(knowledge.links), dtype=np.int64)
    own = np.flatnonzero(rows != COMPLEMENT)
    of_row[rows[own]] = own
    compound_rows, compound_leaks = np.array(compound, dtype=np.int64).reshape(-1, 2).T
    slots = Slots(
        rows=rows,
        of_row=of_row,
        table_shapes=shapes[0],
        leak_shapes=shapes[1],
        finding_leak_shapes=shapes[2],
        link_shapes=shapes[3],
        table_starts=starts[0],
        leak_starts=starts[1],
        finding_leak_starts=starts[2],
        link_starts=starts[3],
        first_leak=firsts[1],
        first_finding_leak=firsts[2],
        first_link=firsts[3],
        sources=np.array([source for _, source, _, _ in ends], dtype=np.int64),
        targets=np.array([target for target, _, _, _ in ends], dtype=np.int64),
        graded=_graded(starts[2] + starts[3], shapes[2] + shapes[3]),
        compound=compound_rows,
        compound_leaks=compound_leaks,
    )
    strata = [
        tuple(tuple(node_of[name] for name, _ in own[0][1].given) for own in kind) for kind in (of_leaks, of_links)
    ]
    return slots, strata[0], strata[1]


def _graded(starts: Sequence[int], shapes: Sequence[tuple[int, ...]]) -> tuple[Ints, ...]:
    """Return the slots of the leaks and links into graded findings, by their number of states above the lowest."""
    by_length: dict[int, list[Ints]] = {}
    for start, shape in zip(starts, shapes, strict=True):
        if shape[-1] > 1:
            own = np.arange(start, start + math.prod(shape)).reshape(-1, shape[-1])
            by_length.setdefault(shape[-1], []).append(own)
    return tuple(np.concatenate(own) for own in by_length.values())


def _is_compound(link: Link) -> bool:
    return link.form == "compound" and link.parent != "leak"


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


def _link_rows(rows: Sequence[tuple[int, Link]], variables: Mapping[str, Variable]) -> Ints:
    """Return the rows of a leak or link: by stratum, and by state of its child above the lowest."""
    first, states = rows[0][1], variables[rows[0][1].child].states
    shape = tuple(len(variables[name].states) for name, _ in first.given)
    index = np.zeros((*shape, len(states) - 1), dtype=np.int64)
    for row, link in rows:
        index[(*_position(link.given, variables), states.index(link.state) - 1)] = row
    return index


def _read_only(array: Floats) -> Floats:
    array.flags.writeable = False
    return array
