"""The compiled kernel as an engine: the arrays it reads, and its threads."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.counting import count_rows
from twitchbayes.engine import Answer, Codes
from twitchbayes.kernel import answer_rows
from twitchbayes.layout import (
    ACTIVE_AT,
    CARD,
    CHILD_FIRST,
    CONTEXT,
    DONE,
    LEAK_AT,
    PARENT_AT,
    SERIOUS,
    STRATIFIES,
    STRATUM_AT,
    SUCCESSES,
    TABLE_AT,
    TRIALS,
    USED,
    USER,
    Numbers,
    Shape,
    new_gather,
    new_scratch,
)
from twitchbayes.network import COMPLEMENT, Network, Parameters

__all__ = ["Kernel", "is_ready", "numbers_of", "shape_of"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ROWS_A_TASK, FEWEST_A_TASK = 4096, 128
OWN_ORDER_SLOTS = 8  # with fewer an order of the row's own costs more than it saves


class Kernel:
    """The compiled kernel for one network.

    Parameters
    ----------
    network : Network
    threads : int, optional
        Otherwise as many as there are cores to use (`TWITCHBAYES_THREADS` where it is set).
    """

    def __init__(self, network: Network, *, threads: int | None = None) -> None:
        self.network = network
        self.threads = threads or _threads()
        self._shape = shape_of(network)
        self._numbers = numbers_of(network, network.parameters)
        self._entries = _Entries.of(network)
        self._local = threading.local()

    def run(
        self,
        codes: Codes,
        open_members: NDArray[np.bool_],
        rows: Ints,
        *,
        parameters: Parameters | Numbers | None = None,
        advance: Callable[[int], None] | None = None,
    ) -> tuple[Answer, NDArray[np.bool_]]:
        """Answer some rows of a batch, under each of some parameter sets.

        Parameters
        ----------
        codes, open_members : ndarray
            As `Groups.resolve` returns them.
        rows : ndarray of int64
            Numbers of the rows to answer, those with equal contexts next to each other.
        parameters : Parameters or Numbers, optional
            The parameter sets, or what `numbers_of` makes of them; the network's own otherwise.
        advance : callable, optional
            Is told how many more rows are done.

        Returns
        -------
        Answer
            A row for each row of `codes`, blank where none was computed; those of the first set, then those
            of the second, and so on.
        ndarray of bool, shape (n_sets * n_rows,)
            Which rows were answered. The others of `rows` are left to the NumPy engine: impossible ones,
            and those that need more room or more range than the kernel has.
        """
        # Another kind of array is another type, for which the kernel would be compiled anew.
        codes = np.require(codes, np.int8, ["C", "W"])
        numbers = self._numbers if parameters is None else parameters
        if isinstance(numbers, Parameters):
            numbers = numbers_of(self.network, numbers)
        n_sets, n_causes = len(numbers.tables), len(self.network.causes)
        n_answers = n_sets * len(codes)
        causes, rest = np.zeros((n_answers, n_causes)), np.zeros((n_answers, 3))
        status = np.zeros(n_answers, dtype=np.int64)
        rows = (np.arange(n_sets)[:, None] * len(codes) + rows).ravel()
        step = min(max(-(-len(rows) // self.threads), FEWEST_A_TASK), ROWS_A_TASK)
        tasks = [rows[i : i + step] for i in range(0, len(rows), step)]

        def work(task: Ints) -> int:
            scratch = self._scratch()
            answer_rows(self._shape, numbers, scratch, codes, open_members, task, causes, rest, status, OWN_ORDER_SLOTS)
            return len(task)

        self._do(answer_rows, work, tasks, advance)
        # A row whose findings or contexts are impossible whatever the causes is the NumPy engine's to confirm.
        answered = (status == DONE) & np.isfinite(rest[:, 2])
        causes[~answered], rest[~answered] = 0.0, 0.0
        log_evidence = np.where(answered, rest[:, 2], -np.inf)
        return Answer(causes, rest[:, 0].copy(), rest[:, 1].copy(), log_evidence), answered

    def count(
        self,
        codes: Codes,
        open_members: NDArray[np.bool_],
        rows: Ints,
        weights: Floats,
        *,
        parameters: Parameters | None = None,
        each: bool = False,
        advance: Callable[[int], None] | None = None,
    ) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
        """Return the expected counts of hidden events, given the evidence of some rows.

        Parameters
        ----------
        codes, open_members, rows, parameters, advance
            As for `run`.
        weights : ndarray, shape (n_rows,)
            How often each row of `codes` counts; at least 0.
        each : bool, optional
            Whether the counts of each of `rows` are wanted, unweighted, and not those of all together.

        Returns
        -------
        successes, trials : ndarray, shape (1 or len(rows), n_numbers)
            For each row of `priors.csv`, then `links.csv`; links as net link probabilities. A number that no
            part of the evidence has to do with has no trials.
        log_evidence : ndarray, shape (n_rows,)
            ln P(evidence), in nats; -inf where it was not computed.
        answered : ndarray of bool, shape (n_rows,)
            As for `run`. Rows that were not answered count nothing.
        """
        log_evidence, status = np.zeros(len(codes)), np.zeros(len(codes), dtype=np.int64)
        # Another kind of array is another type, for which the kernel would be compiled anew.
        codes = np.require(codes, np.int8, ["C", "W"])
        sets = self._numbers if parameters is None else numbers_of(self.network, parameters)
        numbers = Numbers(*(array[0] for array in sets))
        shares = np.ones(len(rows)) if each else np.asarray(weights, dtype=np.float64)[rows]
        starts, entries = range(0, len(rows), ROWS_A_TASK), self._entries
        counts = np.zeros((2, len(rows) if each else 1, entries.n_numbers))
        tallies = np.zeros((0 if each else len(starts), 1, 2, len(entries.rows)))

        def work(start: int) -> int:
            task = slice(start, start + ROWS_A_TASK)
            own, scratch = rows[task], (*self._scratch(), self._local.gather)
            tally = np.zeros((len(own), *tallies.shape[2:])) if each else tallies[start // ROWS_A_TASK]
            said = codes, open_members, own, shares[task]
            count_rows(self._shape, numbers, scratch, *said, tally, log_evidence, status, OWN_ORDER_SLOTS)
            if each:
                counts[:, task] = entries.counts(tally)
            return len(own)

        self._do(count_rows, work, starts, advance)
        if not each:
            counts = entries.counts(tallies.sum(axis=0))
        answered = (status == DONE) & np.isfinite(log_evidence)
        return counts[0], counts[1], np.where(answered, log_evidence, -np.inf), answered

    def _do(
        self, compiled: Any, work: Callable[[Any], int], tasks: Sequence[Any], advance: Callable[[int], None] | None
    ) -> None:
        """Do each task in one of the threads; the first call of a function compiles, in this thread alone."""
        alone = 0 if getattr(compiled, "signatures", True) else 1
        for count in itertools.chain(map(work, tasks[:alone]), _pool(self.threads).map(work, tasks[alone:])):
            if advance is not None:
                advance(count)

    def _scratch(self) -> Any:
        """Return the scratch of this thread."""
        if not hasattr(self._local, "scratch"):
            self._local.scratch = new_scratch(len(self.network.contexts), len(self.network.causes))
            self._local.gather = new_gather(len(self.network.causes))
        return self._local.scratch


@dataclass(frozen=True, slots=True)
class _Entries:
    """Where the entries of a tally go: the row of the tables that each of them belongs to, COMPLEMENT if none.

    The first `len(table)` entries are those of the contexts' tables; `table` says which distribution each belongs
    to, and `starts` where these begin.
    """

    rows: Ints
    table: Ints
    starts: Ints
    n_numbers: int

    @classmethod
    def of(cls, network: Network) -> _Entries:
        """Return the entries in the order of `numbers_of`."""
        index = network.index
        sizes = [rows.shape[-1] for rows in index.context_rows for _ in range(rows.size // rows.shape[-1])]
        parts = [
            *(rows.ravel() for rows in (*index.context_rows, *index.cause_rows)),
            index.activation_cells[0][np.argsort(index.activation_cells[1], kind="stable")],
            index.leak_rows,
            index.link_cells[0][np.argsort(index.link_cells[2], kind="stable")],
        ]
        return cls(
            rows=np.concatenate(parts),
            table=np.repeat(np.arange(len(sizes)), sizes),
            starts=_starts(sizes)[:-1],
            n_numbers=network.numbers.shape[1],
        )

    def counts(self, tally: Floats) -> Floats:
        """Return successes and trials of the rows of the tables: (2, m, n_numbers) of a tally (m, 2, n)."""
        successes, trials = tally[:, SUCCESSES], tally[:, TRIALS]
        if len(self.table):
            tables = successes[:, : len(self.table)]
            trials[:, : len(self.table)] = np.add.reduceat(tables, self.starts, axis=1)[:, self.table]
        own = self.rows != COMPLEMENT
        counts = np.zeros((2, len(tally), self.n_numbers))
        counts[0][:, self.rows[own]], counts[1][:, self.rows[own]] = successes[:, own], trials[:, own]
        return counts


def is_ready(*, counting: bool = False) -> bool:
    """Whether the kernel need not be compiled first: it has been in this process, or is kept on disk.

    `counting` asks for the part of it that counts hidden events.
    """
    entry_point, module = (count_rows, "counting") if counting else (answer_rows, "kernel")
    if not hasattr(entry_point, "signatures") or entry_point.signatures:
        return True  # NUMBA_DISABLE_JIT leaves it a plain function
    kept = Path(entry_point.stats.cache_path) if entry_point.stats.cache_path else None
    return kept is not None and any(kept.glob(f"{module}.*.nbc"))


@lru_cache(maxsize=8)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return the threads of this process: callers in several threads of their own share them."""
    return ThreadPoolExecutor(threads, thread_name_prefix="twitchbayes")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def _threads() -> int:
    said = os.environ.get("TWITCHBAYES_THREADS", "")
    if said.isdecimal() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shape_of(network: Network) -> Shape:
    """Return the structure of a network as the kernel reads it."""
    n_contexts, n_causes = len(network.contexts), len(network.causes)
    parameters, index = network.parameters, network.index
    cards = np.array([len(network.states[name]) for name in network.contexts], dtype=np.int64)
    own = [_strides(a.shape[1:], axes) for a, axes in zip(parameters.context_tables, _own(network), strict=True)]
    # The own state is the last axis and moves one entry on; the others are the parents.
    parent_at, parents = _ragged([table[:-1] for table in own])
    stratum_at, strata = _ragged(
        [_strides(a.shape[1:], axes) for a, axes in zip(parameters.cause_leaks, network.cause_strata, strict=True)]
    )
    _, users, active = index.activation_cells
    in_strata = np.isin(np.arange(n_contexts), strata[CONTEXT])
    counts = np.bincount(active, minlength=n_contexts)
    single = np.full(n_contexts, -1, dtype=np.int64)
    single[active] = users
    _, effects, found = index.link_cells
    by_cause, by_finding = np.argsort(users, kind="stable"), np.argsort(found, kind="stable")
    member_at, members = _ragged([[(j, 0) for j in group] for group in network.union_members])
    contexts = np.zeros((7, n_contexts + 1), dtype=np.int64)
    contexts[CARD, :-1], contexts[CHILD_FIRST, :-1] = cards, _children_first(network.context_parents)
    contexts[PARENT_AT], contexts[TABLE_AT] = parent_at, _starts([a[0].size for a in parameters.context_tables])
    contexts[USED, :-1], contexts[STRATIFIES, :-1] = in_strata | (counts > 0), in_strata
    contexts[USER, :-1] = np.where(counts == 1, single, -1)
    causes = np.zeros((4, n_causes + 1), dtype=np.int64)
    causes[STRATUM_AT], causes[LEAK_AT] = stratum_at, _starts([a[0].size for a in parameters.cause_leaks])
    causes[ACTIVE_AT] = np.searchsorted(users[by_cause], np.arange(n_causes + 1))
    causes[SERIOUS, :-1] = network.serious
    return Shape(
        contexts=contexts,
        causes=causes,
        parents=parents,
        strata=strata,
        active=active[by_cause].astype(np.int64),
        effect_at=np.searchsorted(found[by_finding], np.arange(len(network.findings) + 1)).astype(np.int64),
        effect=effects[by_finding].astype(np.int64),
        member_at=member_at,
        member=np.ascontiguousarray(members[0]),
    )


def numbers_of(network: Network, parameters: Parameters) -> Numbers:
    """Return the numbers of parameter sets, (n_sets, ...) each, in the order of `shape_of`."""
    index = network.index
    _, users, active = index.activation_cells
    _, effects, found = index.link_cells
    by_cause, by_finding = np.argsort(users, kind="stable"), np.argsort(found, kind="stable")
    users, active, effects, found = users[by_cause], active[by_cause], effects[by_finding], found[by_finding]
    cause_leaks = _flat(parameters.cause_leaks, parameters.n_sets)
    leaks, links = parameters.finding_leaks, parameters.links
    scales = np.maximum(leaks, links.max(axis=1, initial=0.0))
    no_activation, no_links = parameters.log_no_activation[:, users, active], parameters.log_no_links[:, effects, found]
    return Numbers(
        tables=np.ascontiguousarray(_flat(parameters.context_tables, parameters.n_sets)),
        leaks=_pairs(cause_leaks, 1 - cause_leaks),
        activation=_pairs(parameters.activation[:, users, active], np.exp(no_activation)),
        links=_pairs(links[:, effects, found], np.exp(no_links)),
        findings=_pairs(leaks, 1 - leaks, np.where(scales > 0, scales, 1.0)),
    )


def _pairs(*rows: Floats) -> Floats:
    # Indexing leaves an order in memory that would be another type to the kernel.
    return np.ascontiguousarray(np.stack(rows, axis=1))


def _own(network: Network) -> list[tuple[int, ...]]:
    return [(*parents, context) for context, parents in enumerate(network.context_parents)]


def _strides(shape: Sequence[int], axes: Sequence[int]) -> list[tuple[int, int]]:
    """Return (context, entries that one step in its state moves on) for each axis of a table."""
    return [(context, int(np.prod(shape[i + 1 :], dtype=np.int64))) for i, context in enumerate(axes)]


def _ragged(lists: Sequence[Sequence[tuple[int, int]]]) -> tuple[Ints, Ints]:
    """Lay lists of pairs one after the other: where each begins and where the last ends, and the pairs (2, n)."""
    pairs = np.array([pair for pairs in lists for pair in pairs], dtype=np.int64).reshape(-1, 2)
    return _starts([len(pairs) for pairs in lists]), np.ascontiguousarray(pairs.T)


def _starts(sizes: Sequence[int]) -> Ints:
    return np.cumsum([0, *sizes], dtype=np.int64)


def _flat(arrays: Sequence[Floats], n_sets: int) -> Floats:
    return np.concatenate([a.reshape(n_sets, -1) for a in arrays] or [np.zeros((n_sets, 0))], axis=1)


def _children_first(parents: Sequence[Sequence[int]]) -> Ints:
    """Return the contexts in an order that has each of them behind all its children."""
    order: list[int] = []
    waiting = list(range(len(parents)))
    while waiting:
        leaves = [c for c in waiting if not any(c in parents[other] for other in waiting if other != c)]
        order += leaves
        waiting = [c for c in waiting if c not in leaves]
    return np.array(order, dtype=np.int64)
