"""Cases drawn from the numbers of a network: contexts, then causes, then findings, as codes.

References
----------
Henrion, Propagating uncertainty in Bayesian networks by probabilistic logic sampling (UAI 1986, in print 1988): each
variable is drawn given its parents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes.network import PRESENT, Codes, Network, Parameters

__all__ = ["BLOCK_CELLS", "Sampler", "draw_codes"]

Floats = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

BLOCK_CELLS = 1 << 19  # cells drawn at once: their uniform numbers are 4 MB
NEVER = -1e6  # in place of ln 0, which times 0 has no value
ALWAYS = -1  # in place of a parent: the leak, which needs none


def draw_codes(network: Network, parameters: Parameters, n: int, random: np.random.Generator) -> Codes:
    """Return cases drawn by ancestral sampling, every variable known.

    Parameters
    ----------
    network : Network
    parameters : Parameters
        One parameter set.
    n : int
        Number of cases. From generators in one state, fewer cases are the first of more.
    random : numpy.random.Generator

    Returns
    -------
    ndarray of int8, shape (n, n_columns)
        State of each of `network.columns`, by number.
    """
    sampler = Sampler(network, parameters)
    codes = np.empty((n, len(network.columns)), dtype=np.int8)
    for start in range(0, n, sampler.rows):
        codes[start : start + sampler.rows] = sampler.block(random)[: n - start]
    return codes


@dataclass(frozen=True, slots=True)
class _Arrow:
    """What raises a child: a parent, by number, or `ALWAYS`.

    `at_most` (*stratum states, states above the lowest) are the chances that it raises the child no further than to
    each state but the highest; `strata` the contexts that they depend on.
    """

    parent: int
    child: int
    strata: tuple[int, ...]
    at_most: Floats

    def here(self, contexts: Codes) -> Floats:
        """Return the chances of each case (n_rows, n_states_above), or of all of them (n_states_above,)."""
        return self.at_most[tuple(contexts[:, c] for c in self.strata)] if self.strata else self.at_most


class _Layer:
    """Children that are the noisy-MAX of what raises them: a noisy-OR, where they have two states."""

    def __init__(self, n_parents: int, n_above: Sequence[int], arrows: Iterable[_Arrow]) -> None:
        self.firsts = np.cumsum([0, *n_above])
        self.child = np.repeat(np.arange(len(n_above)), n_above)
        self.always = np.zeros(self.firsts[-1])
        self.logs = np.zeros((n_parents, self.firsts[-1]))
        self.stratified: list[_Arrow] = []
        for arrow in arrows:
            if arrow.strata:
                self.stratified.append(arrow)
            elif arrow.parent == ALWAYS:
                self.always[self.place(arrow)] += _log(arrow.at_most)
            else:
                self.logs[arrow.parent, self.place(arrow)] += _log(arrow.at_most)

    def place(self, arrow: _Arrow) -> slice:
        return slice(self.firsts[arrow.child], self.firsts[arrow.child + 1])

    def draw(self, contexts: Codes, parents: Bools, random: np.random.Generator) -> Codes:
        """Return the state of each child of each case, given its contexts and which parents are present."""
        logs: Floats = parents.astype(np.float64) @ self.logs + self.always
        for arrow in self.stratified:
            here = _log(arrow.here(contexts))
            logs[:, self.place(arrow)] += here if arrow.parent == ALWAYS else here * parents[:, [arrow.parent]]
        uniform = random.random((len(parents), len(self.firsts) - 1))
        above = uniform[:, self.child] >= np.exp(logs)
        return np.add.reduceat(above, self.firsts[:-1], axis=1, dtype=np.int8) if above.size else above.astype(np.int8)


def _log(chances: Floats) -> Floats:
    """Return ln of chances, finite, so that it says nothing of what is absent."""
    with np.errstate(divide="ignore"):
        logs: Floats = np.maximum(np.log(chances), NEVER)
    return logs


class _Production:
    """Who produced the findings that others describe: here it matters which links fired.

    Its *events* are pairs of a finding, or OR of findings, that is described and a cause, or the background.
    """

    def __init__(self, network: Network, arrows: Sequence[_Arrow]) -> None:
        n = len(network.findings)
        whole_of = {place: place for place in network.of if 0 <= place < n}
        for u, members in enumerate(network.union_members):
            whole_of |= dict.fromkeys(members, n + u) if n + u in network.of else {}
        self.findings = sorted(whole_of)
        produced = [arrow for arrow in arrows if arrow.child in whole_of]
        self.arrows = sorted(produced, key=lambda arrow: (whole_of[arrow.child], arrow.parent))
        pairs = [(whole_of[arrow.child], arrow.parent) for arrow in self.arrows]
        self.events = {pair: i for i, pair in enumerate(dict.fromkeys(pairs))}
        self.first_of_event = [pairs.index(pair) for pair in self.events]
        children = np.array([arrow.child for arrow in self.arrows], dtype=np.intp)
        self.by_child = np.argsort(children, kind="stable")
        self.first_of_child = np.searchsorted(children[self.by_child], self.findings)

    def draw(self, contexts: Codes, causes: Bools, random: np.random.Generator) -> tuple[Bools, Bools]:
        """Return which of the described findings, or members, are present in each case, and which events happened."""
        if not self.arrows:
            return np.zeros((len(causes), 0), dtype=np.bool_), np.zeros((len(causes), 0), dtype=np.bool_)
        fired = random.random((len(causes), len(self.arrows)))
        fires = np.empty(fired.shape, dtype=np.bool_)
        for i, arrow in enumerate(self.arrows):
            fires[:, i] = fired[:, i] >= arrow.here(contexts)[..., 0]
            if arrow.parent != ALWAYS:
                fires[:, i] &= causes[:, arrow.parent]
        present = np.logical_or.reduceat(fires[:, self.by_child], self.first_of_child, axis=1)
        return present, np.logical_or.reduceat(fires, self.first_of_event, axis=1)


class Sampler:
    """What draws cases from one parameter set of a network, block by block.

    Attributes
    ----------
    rows : int
        Number of cases in a block.
    """

    def __init__(self, network: Network, parameters: Parameters) -> None:
        self.network, self.parameters = network, parameters
        into_causes, into_findings = _arrows(network, parameters)
        above = [len(network.states[name]) - 1 for name in network.findings]
        self._causes = _Layer(len(network.contexts), [1] * len(network.causes), into_causes)
        self._production = _Production(network, into_findings)
        produced = {*self._production.findings}
        self._telling = [j for j, place in enumerate(network.of) if place >= 0]
        self._plain = [j for j in range(len(network.findings)) if j not in produced and network.of[j] < 0]
        self._findings = _Layer(
            len(network.causes), [above[j] for j in self._plain], _of_some(into_findings, self._plain)
        )
        events = self._production.events
        raising = [
            _Arrow(events[network.of[arrow.child], arrow.parent], arrow.child, arrow.strata, arrow.at_most)
            for arrow in into_findings
            if network.of[arrow.child] >= 0
        ]
        self._described = _Layer(len(events), [above[j] for j in self._telling], _of_some(raising, self._telling))
        excluded = {k: [a for a, b in network.excludes if b == k] for k in range(len(network.causes))}
        self._excluded = [(k, excluded[k]) for k in TopologicalSorter(excluded).static_order() if excluded[k]]
        cells = len(network.columns) + sum(n - 1 for n in above) + len(self._production.arrows)
        self.rows = max(BLOCK_CELLS // cells, 1)

    def block(self, random: np.random.Generator) -> Codes:
        """Return a block of cases: the state of each of `network.columns`, by number."""
        network = self.network
        contexts = self._draw_contexts(random)
        causes = self._causes.draw(contexts, contexts == PRESENT, random).astype(np.bool_)
        for k, excluding in self._excluded:
            causes[:, k] &= ~causes[:, excluding].any(axis=1)
        findings = np.empty((self.rows, len(network.findings)), dtype=np.int8)
        findings[:, self._plain] = self._findings.draw(contexts, causes, random)
        findings[:, self._production.findings], events = self._production.draw(contexts, causes, random)
        findings[:, self._telling] = self._described.draw(contexts, events, random)
        unions = [findings[:, list(members)].any(axis=1) for members in network.union_members]
        groups = [causes[:, list(members)].any(axis=1) for members in network.group_members]
        return np.column_stack([contexts, causes, findings, *unions, *groups]).astype(np.int8)

    def _draw_contexts(self, random: np.random.Generator) -> Codes:
        network, rows = self.network, self.rows
        contexts = np.zeros((rows, len(network.contexts)), dtype=np.int8)
        for i in TopologicalSorter(dict(enumerate(network.context_parents))).static_order():
            table = np.cumsum(network.slots.table(self.parameters.yes[0], i), axis=-1)
            # The last bound is exactly 1, so that a last state of probability 0 is never drawn.
            below = (table / table[..., -1:])[tuple(contexts[:, p] for p in network.context_parents[i])]
            contexts[:, i] = (random.random((rows, 1)) >= np.broadcast_to(below, (rows, below.shape[-1]))[:, :-1]).sum(
                1
            )
        return contexts


def _arrows(network: Network, parameters: Parameters) -> tuple[list[_Arrow], list[_Arrow]]:
    """Return what raises the causes, and what raises the findings, whose parents are causes."""
    slots, yes, no = network.slots, parameters.yes[0], parameters.no[0]
    first, last = len(network.contexts), len(network.contexts) + len(network.causes)
    causes = [_Arrow(ALWAYS, k, strata, slots.leaks(no, k)[..., None]) for k, strata in enumerate(network.cause_strata)]
    findings = [
        _Arrow(ALWAYS, j, strata, _at_most(slots.finding_leaks(yes, j), slots.finding_leaks(no, j)))
        for j, strata in enumerate(network.leak_strata)
    ]
    for i, (source, target) in enumerate(zip(slots.sources.tolist(), slots.targets.tolist(), strict=True)):
        at_most = _at_most(slots.links(yes, i), slots.links(no, i))
        if target < last:
            causes.append(_Arrow(source, target - first, network.link_strata[i], at_most))
        else:
            findings.append(_Arrow(source - first, target - last, network.link_strata[i], at_most))
    return causes, findings


def _at_most(yes: Floats, no: Floats) -> Floats:
    """Return the chances of at most each state but the highest, given those of each state above the lowest."""
    return np.cumsum(np.concatenate([no[..., :1], yes[..., :-1]], axis=-1), axis=-1)


def _of_some(arrows: Iterable[_Arrow], children: Sequence[int]) -> list[_Arrow]:
    """Return the arrows into some children, which are numbered anew."""
    number = {child: i for i, child in enumerate(children)}
    return [
        _Arrow(arrow.parent, number[arrow.child], arrow.strata, arrow.at_most)
        for arrow in arrows
        if arrow.child in number
    ]
