"""What the evidence of each row multiplies: the weights of contexts, causes and findings, in logarithms.

Everything is in natural logarithms until the last moment, so that 1 - p keeps its digits for tiny p and
nothing underflows. Rows and parameter sets are one axis: either may have length one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.network import Network, Parameters
from twitchbayes.plan import Plan, Stage, private_contexts

__all__ = ["ActiveContext", "CauseWeights", "Chances", "Closed", "Logs", "PatternWeights", "Tables"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.int8]

FEW_ROWS = 8  # too few to look for equal contexts among them


@dataclass(frozen=True, slots=True)
class Logs:
    """Parameters as the walk reads them: tables laid flat, and logarithms of whatever multiplies.

    Every array has the parameter set on its first axis. `survival` holds ln(1 - b) of the causes;
    `activation`, `leaks` and `links` hold ln(1 - w), ln(1 - leak) and ln(1 - q).
    """

    contexts: Floats
    survival: Floats
    activation: Floats
    leaks: Floats
    links: Floats

    @classmethod
    def of(cls, parameters: Parameters) -> Logs:
        """Take the logarithms, once for each parameter set."""

        def flat(arrays: Sequence[Floats]) -> Floats:
            sets = parameters.n_sets
            return np.concatenate([a.reshape(sets, -1) for a in arrays] or [np.zeros((sets, 0))], axis=1)

        with np.errstate(divide="ignore"):  # ln 0 = -inf is right: a certain link leaves no survivor
            return cls(
                contexts=flat(parameters.context_tables),
                survival=np.log1p(-flat(parameters.cause_leaks)),
                activation=parameters.log_no_activation,
                leaks=np.log1p(-parameters.finding_leaks),
                links=parameters.log_no_links,
            )

    @property
    def n_sets(self) -> int:
        """Number of parameter sets."""
        return int(self.links.shape[0])

    def take(self, sets: Any) -> Logs:
        """Return some of the parameter sets."""
        return Logs(*(getattr(self, name)[sets] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where an entry of each table stands when the tables lie flat: offset + strides @ context states."""

    offsets: Ints
    strides: Ints

    @classmethod
    def of(cls, arrays: Sequence[Floats], axes: Sequence[Sequence[int]], n_contexts: int) -> Lookup:
        """Describe tables with the parameter set on axis 0 and then the contexts named in `axes`."""
        shapes = [array.shape[1:] for array in arrays]
        sizes = [int(np.prod(shape, dtype=np.int64)) for shape in shapes]
        strides = np.zeros((len(shapes), n_contexts), dtype=np.int64)
        for row, (shape, contexts) in enumerate(zip(shapes, axes, strict=True)):
            for axis, context in enumerate(contexts):
                strides[row, context] = int(np.prod(shape[axis + 1 :], dtype=np.int64))
        return cls(np.cumsum([0, *sizes[:-1]], dtype=np.int64), strides)

    def places(self, states: Ints, tables: Ints) -> Ints:
        """Return where the entries of `tables` at `states` (rows, cells, contexts) stand: (rows, cells, tables)."""
        places: Ints = self.offsets[tables] + states @ self.strides[tables].T
        return places

    def entries(self, flat: Floats, states: Ints, tables: Ints, *, shift: int = 0) -> Floats:
        """Return the entries of `tables` at `states` (rows, cells, contexts): (rows, cells, tables).

        `shift` moves that many entries on, along the last axis of each table.
        """
        index = self.places(states, tables) + shift
        if len(flat) == 1:
            entries: Floats = flat[0][index]
        elif len(index) == 1:
            entries = flat[:, index[0]]
        else:
            entries = flat[np.arange(len(flat))[:, None, None], index]
        return entries


@dataclass(frozen=True, slots=True)
class Tables:
    """The structure that every walk of a network shares; `active` are the contexts linked to each cause."""

    n_contexts: int
    n_causes: int
    context_at: Lookup
    cause_at: Lookup
    serious: NDArray[np.bool_]
    private: NDArray[np.bool_]
    active: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, network: Network) -> Tables:
        """Describe the tables of a network."""
        parameters, n_contexts = network.parameters, len(network.contexts)
        own = [(*parents, context) for context, parents in enumerate(network.context_parents)]
        _, users, active = network.index.activation_cells
        return cls(
            n_contexts=n_contexts,
            n_causes=len(network.causes),
            context_at=Lookup.of(parameters.context_tables, own, n_contexts),
            cause_at=Lookup.of(parameters.cause_leaks, network.cause_strata, n_contexts),
            serious=network.serious,
            private=private_contexts(network),
            active=tuple(tuple(active[users == cause].tolist()) for cause in range(len(network.causes))),
        )


@dataclass(frozen=True, slots=True)
class Elements:
    """What has to be explained, row by row: ln(1 - leak) (sets, elements), ln(1 - q) (sets, causes, elements)."""

    log_no_leak: Floats
    log_no_link: Floats

    @classmethod
    def shared(cls, groups: Sequence[tuple[int, ...]], logs: Logs) -> Elements:
        """Take the elements that all rows of a pattern share: each is explained by any of its findings."""
        log_no_leak = np.zeros((logs.n_sets, len(groups)))
        log_no_link = np.zeros((logs.n_sets, logs.links.shape[1], len(groups)))
        for i, members in enumerate(groups):
            log_no_leak[:, i] = logs.leaks[:, members].sum(axis=-1)
            log_no_link[:, :, i] = logs.links[:, :, members].sum(axis=-1)
        return cls(log_no_leak, log_no_link)

    @classmethod
    def pooled(cls, explained_by: NDArray[np.bool_], logs: Logs) -> Elements:
        """Take the elements of each row: `explained_by` (rows, elements, findings), for one parameter set."""
        leaks = _total(explained_by, logs.leaks[:, None, :])[:, :, 0]
        return cls(leaks, np.swapaxes(_total(explained_by, logs.links), 1, 2))


@dataclass(frozen=True, slots=True)
class CauseWeights:
    """Weights of both states of some causes in each cell: (rows, cells, causes).

    The two weights of a cause sum to at most 1 in every cell, and to 1 in one of them.
    """

    causes: Ints
    absent: Floats
    present: Floats


@dataclass(frozen=True, slots=True)
class ActiveContext:
    """What a linked context does to a cause, in each cell: (rows, cells) or what broadcasts to it.

    `link` is its link probability; `present` is P(context present), 0 or 1 unless it is averaged;
    `silent` is 1 - link * present; `others_fire` is P(the leak or another context produces the cause).
    `entries` is where P(absent) stands in the flat tables, None where the context is never averaged,
    and `averaged` (rows, 1) says in which rows it is.
    """

    number: int
    link: Floats
    present: Floats
    silent: Floats
    others_fire: Floats
    entries: Ints | None
    averaged: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Chances:
    """The ways in which a cause can come about, in each cell: (rows, cells) or what broadcasts to it.

    `leak` stands in `leak_entries` of the flat leaks; `any_fires` is P(present | contexts).
    """

    cause: int
    leak: Floats
    leak_entries: Ints
    any_fires: Floats
    contexts: list[ActiveContext]


@dataclass(frozen=True, slots=True)
class Closed:
    """Causes that can explain no positive finding: given the cell they are independent, a closed form.

    `absent` and `either` are what each cause multiplies the weight of a cell by when it is absent and
    when it may be either, (rows, cells, causes); `posterior` is P(cause present | cell, evidence), of
    the same shape; `serious` says which causes are.
    """

    causes: Ints
    absent: Floats
    either: Floats
    posterior: Floats
    serious: NDArray[np.bool_]

    @classmethod
    def of(cls, weights: CauseWeights, serious: NDArray[np.bool_]) -> Closed:
        """Normalise the weights of closed causes."""
        either = weights.absent + weights.present
        posterior = weights.present / np.where(either > 0, either, 1.0)
        return cls(weights.causes, weights.absent, either, posterior, serious[weights.causes])

    def some_serious(self) -> Floats:
        """Return P(at least one serious closed cause is present | cell, evidence), (rows, cells)."""
        log_none: Floats = np.log1p(-self.posterior[:, :, self.serious]).sum(axis=-1)
        return -np.expm1(log_none)

    def factors(self) -> Floats:
        """Return what they multiply each chain of the walk by: all free, none serious, none: (3, rows, cells)."""
        not_serious = np.where(self.serious, self.absent, self.either)
        return np.stack([self.either.prod(axis=-1), not_serious.prod(axis=-1), self.absent.prod(axis=-1)])


class PatternWeights:
    """The weights of all rows that share a pattern of evidence.

    Attributes
    ----------
    n : int
        Number of rows or of parameter sets, whichever is more.
    log_no_leak : ndarray, shape (n_sets, n_elements)
        ln(1 - leak) of each element; of a union, of all its members together. Where elements are pooled
        each row has its own, and counts as a parameter set here.
    log_no_link : ndarray, shape (n_sets, n_causes, n_elements)
        ln(1 - q) likewise.
    scale : ndarray, shape (n_sets, n_elements)
        The largest leak or link that can explain an element. The weight of an explained element is
        kept in this unit, so that twenty findings which all are rare do not underflow.
    log_constant : ndarray, shape (n or 1,)
        What multiplies P(evidence) whatever the causes are, in nats.
    """

    def __init__(self, tables: Tables, plan: Plan, codes: Codes, logs: Logs, elements: Elements | None = None) -> None:
        n_contexts, n_causes, n_findings = tables.n_contexts, tables.n_causes, logs.leaks.shape[1]
        self.tables, self.plan, self._logs = tables, plan, logs
        self.n = max(len(codes), logs.n_sets)
        contexts, self._cases = _distinct(codes[:, :n_contexts]) if logs.n_sets == 1 else (codes[:, :n_contexts], None)
        self._states = np.maximum(contexts[:, None, :], 0).astype(np.int64)
        self._left_open = (contexts[:, None, :] < 0) & tables.private
        known = codes[:, None, n_contexts : n_contexts + n_causes]
        negative = codes[:, None, n_contexts + n_causes : n_contexts + n_causes + n_findings] == 0
        self._forced = known == 1
        # ln of what the absent findings leave of a present cause; nothing of one that is known to be absent.
        self._log_spared = np.where(known == 0, -np.inf, 0.0) + _total(negative, logs.links)
        elements = elements or Elements.shared(plan.pattern.elements, logs)
        self.log_no_leak, self.log_no_link = elements.log_no_leak, elements.log_no_link
        # A cause that cannot be present explains nothing, and must not do so in the unit of the others.
        gone = np.isneginf(self._log_spared[:, 0, :])
        self.log_no_link[:, gone.all(axis=0)] = 0.0
        if len(self.log_no_link) == len(gone):
            self.log_no_link[gone] = 0.0
        self.scale = self._scale()
        self.log_constant = _total(negative, logs.leaks[:, None, :])[:, 0, 0] + self._log_constants()

    def _scale(self) -> Floats:
        links = -np.expm1(self.log_no_link.min(axis=1))
        largest = np.maximum(links, -np.expm1(self.log_no_leak))
        return np.where(largest > 0, largest, 1.0)

    def _log_constants(self) -> Floats:
        plan = self.plan
        own = self._own(self._states, plan.constants)
        alone = np.log(-np.expm1(self.log_no_leak[:, plan.unexplained]))
        units = np.log(np.delete(self.scale, plan.unexplained, axis=1))
        total: Floats = self._each(np.log(own[:, 0, :]).sum(axis=-1)) + alone.sum(axis=-1) + units.sum(axis=-1)
        return total

    def cells(self, stage: Stage) -> Floats:
        """Return the product of the contexts' own probabilities that belong to a stage: (rows, cells)."""
        if not stage.factors.size:
            return np.ones((1, len(stage.grid)))
        return self._each(self._own(self._states + stage.grid, stage.factors).prod(axis=-1))

    def _each(self, of_cases: Floats) -> Floats:
        """Return for each row what was computed once for each distinct case of contexts."""
        return of_cases if self._cases is None else of_cases[self._cases]

    def _own(self, states: Ints, contexts: Ints) -> Floats:
        """Return the contexts' own probabilities at `states`, 1 for those that a cause averages: (rows, cells, n)."""
        entries = self.tables.context_at.entries(self._logs.contexts, states, contexts)
        return np.where(self._left_open[:, :, contexts], 1.0, entries)

    def constant_entries(self) -> Iterator[tuple[Ints, Floats]]:
        """Yield, for each context whose parents are all known, its entry in the flat tables and whether it is known.

        Both (rows, 1); one that its cause averages is not known.
        """
        return self._entries(self._states, self.plan.constants)

    def factor_entries(self, stage: Stage) -> Iterator[tuple[Ints, Floats]]:
        """Yield likewise what `cells` multiplies: entries (rows, cells), and whether they are multiplied (rows, 1)."""
        return self._entries(self._states + stage.grid, stage.factors)

    def _entries(self, states: Ints, contexts: Ints) -> Iterator[tuple[Ints, Floats]]:
        for context in contexts.tolist():
            places = self.tables.context_at.places(states, np.array([context]))[:, :, 0]
            known = np.where(self._left_open[:, :, context], 0.0, 1.0)
            yield self._of_rows(places), self._each(np.broadcast_to(known, (len(states), 1)))

    def _of_rows(self, of_cases: Ints) -> Ints:
        return of_cases if self._cases is None else of_cases[self._cases]

    def chances(self, stage: Stage) -> Iterator[Chances]:
        """Yield how each cause of a stage can come about, under the first parameter set."""
        states = self._states + stage.grid
        absorbed = {int(c) for c in stage.absorbed[1]} if stage.absorbed.size else set()
        for cause in stage.causes.tolist():
            leak_entries = self.tables.cause_at.places(states, np.array([cause]))[:, :, 0]
            log_no_leak = self._logs.survival[0][leak_entries]
            contexts = [self._active(states, cause, c, average=c in absorbed) for c in self.tables.active[cause]]
            log_silent = [log_no_leak, *(np.log(context.silent) for context in contexts)]
            for i, context in enumerate(contexts, start=1):
                others = sum(log_silent[:i] + log_silent[i + 1 :])
                contexts[i - 1] = replace(context, others_fire=self._each(-np.expm1(others)))
            yield Chances(
                cause=cause,
                leak=self._each(-np.expm1(log_no_leak)),
                leak_entries=self._of_rows(leak_entries),
                any_fires=self._each(-np.expm1(sum(log_silent))),
                contexts=[self._spread(context) for context in contexts],
            )

    def _active(self, states: Ints, cause: int, context: int, *, average: bool) -> ActiveContext:
        """Return what a context does to a cause, for each distinct case of contexts, without the others."""
        link = -np.expm1(self._logs.activation[0, cause, context])
        present = np.where(states[:, :, context] == 1, 1.0, 0.0)
        private = bool(self.tables.private[context])
        averaged = self._left_open[:, :, context] if private else np.full((len(states), 1), average)
        entries = None
        if average:
            parents = states.copy()
            parents[:, :, context] = 0
            entries = self.tables.context_at.places(parents, np.array([context]))[:, :, 0]
            present = np.where(averaged, self._logs.contexts[0][entries + 1], present)
        silent = 1 - link * present
        return ActiveContext(context, np.array(link), present, silent, present, entries, averaged)

    def _spread(self, context: ActiveContext) -> ActiveContext:
        """Return for each row what was computed once for each distinct case of contexts."""
        return replace(
            context,
            present=self._each(context.present),
            silent=self._each(context.silent),
            entries=None if context.entries is None else self._of_rows(context.entries),
            averaged=context.averaged if self._cases is None else context.averaged[self._cases],
        )

    def causes(self, stage: Stage) -> tuple[CauseWeights, CauseWeights, Floats]:
        """Return the weights of a stage's walked and closed causes, and the log of what was scaled out."""
        causes = stage.causes
        log_absent = self._log_prior_absent(stage)
        absent, present = self._each(np.exp(log_absent)), self._each(-np.expm1(log_absent))
        forced, log_spared = self._forced[:, :, causes], self._log_spared[:, :, causes]
        # Where only "present" is left, what is spared is common to all cells, however small.
        only_present = forced | (absent.max(axis=1, keepdims=True) == 0)
        common = np.where(only_present & (log_spared > -np.inf), log_spared, 0.0)
        present = present * np.exp(log_spared - common)
        absent = np.where(forced, 0.0, absent)
        peak = (absent + present).max(axis=1, keepdims=True)
        peak = np.where(peak > 0, peak, 1.0)
        absent, present = absent / peak, present / peak
        split = len(stage.walked)
        walked = CauseWeights(causes[:split], absent[:, :, :split], present[:, :, :split])
        closed = CauseWeights(causes[split:], absent[:, :, split:], present[:, :, split:])
        return walked, closed, (np.log(peak) + common)[:, 0, :].sum(axis=-1)

    def _log_prior_absent(self, stage: Stage) -> Floats:
        """Return ln P(cause absent | contexts of row and cell), absorbed ones averaged: (rows, cells, causes)."""
        states = self._states + stage.grid
        log_absent = self.tables.cause_at.entries(self._logs.survival, states, stage.causes)
        log_absent = log_absent + _total(states == 1, self._logs.activation[:, stage.causes])
        if stage.absorbed.size:
            place, contexts = stage.absorbed
            averaged = self._log_averaged(np.where(self.tables.private, 0, states), contexts, stage.causes[place])
            for i, cause in enumerate(place):
                log_absent[:, :, cause] += averaged[:, :, i]
        return log_absent

    def _log_averaged(self, states: Ints, contexts: Ints, causes: Ints) -> Floats:
        """Return ln(1 - w P(context present)) of unobserved contexts and the causes they are linked to, 0 of others.

        `states` are those of all contexts, 0 for `contexts` themselves: their parents', (rows, cells, contexts).
        """
        entries = self.tables.context_at.entries
        absent = entries(self._logs.contexts, states, contexts)
        # The states of a binary context lie next to each other.
        present = entries(self._logs.contexts, states, contexts, shift=1)
        log_no_link = self._logs.activation[:, None, causes, contexts]
        chance = -np.expm1(log_no_link) * present
        # Near 1 the second form, without a difference, keeps the digits that the first has near 0.
        averaged = np.where(chance < 0.5, np.log1p(-chance), np.log(np.exp(log_no_link) * present + absent))
        return np.where(self._left_open[:, :, contexts] | ~self.tables.private[contexts], averaged, 0.0)


def _distinct(contexts: Codes) -> tuple[Codes, Ints | None]:
    """Return the distinct cases of contexts, and the case of each row (None where there is one or nothing to gain)."""
    if not contexts.shape[1]:
        return contexts[:1], None
    if len(contexts) < FEW_ROWS:
        return contexts, None
    packed = np.ascontiguousarray(contexts).view(np.dtype((np.void, contexts.shape[1]))).ravel()
    _, first, case = np.unique(packed, return_index=True, return_inverse=True)
    if 2 * len(first) > len(contexts):
        return contexts, None
    return contexts[first], case.ravel() if len(first) > 1 else None


def _total(chosen: NDArray[np.bool_], logs: Floats) -> Floats:
    """Sum logs (sets, outputs, items) over the items chosen in (rows, cells, items): (rows, cells, outputs)."""
    if chosen.shape[:2] == (1, 1):
        alone: Floats = logs[:, None, :, chosen[0, 0]].sum(axis=-1)
        return alone
    impossible = np.isneginf(logs)
    certain = impossible.any()
    total = _product(chosen, np.where(impossible, 0.0, logs) if certain else logs)
    return np.where(_product(chosen, impossible) > 0, -np.inf, total) if certain else total


def _product(chosen: NDArray[np.bool_], items: NDArray[Any]) -> Floats:
    weights, factors = chosen.astype(np.float64), items.astype(np.float64)
    if len(factors) > 1:
        product: Floats = weights @ factors.transpose(0, 2, 1)
        return product
    # One plain matrix product is far faster than one small product a row.
    flat: Floats = weights.reshape(chosen.shape[0] * chosen.shape[1], chosen.shape[2]) @ factors[0].T
    return flat.reshape(*chosen.shape[:2], len(factors[0]))
