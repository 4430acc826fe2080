"""The one engine: exact posteriors, ln P(evidence), expected counts and derivatives of batches of evidence.

Rows of evidence and parameter sets are both axes of a batch. Distinct rows are answered once; rows of one pattern stand
beside each other, share a plan and run in blocks, in threads. See `twitchbayes.inference.sweep` for the algorithm.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import EngineLimitError, InvalidValueError
from twitchbayes.inference import built
from twitchbayes.inference.arrays import Numbers, Structure
from twitchbayes.inference.calls import answer_rows, count_rows, differentiate, weigh_rows
from twitchbayes.inference.counts import Slots
from twitchbayes.inference.ends import Ends, ends_of, together, trials_of_tables
from twitchbayes.inference.given import checked_parameters, checked_rows, checked_weights
from twitchbayes.inference.limits import NUMBER_BYTES, reason_of
from twitchbayes.inference.patterns import Sorted, sort_rows
from twitchbayes.inference.rows import Desk, plan_cost
from twitchbayes.inference.strata import spell_out
from twitchbayes.network import UNKNOWN, Codes, Network, Parameters

__all__ = ["Answer", "Batch", "Counts", "Ends", "Engine", "structure_of"]

Advance = Callable[[int], None]
Loop = Callable[[Desk, int, int], int]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

MAX_BYTES = 2 << 30
LOWEST = -1e307  # ln P below this stands for what is impossible
TASK_ROWS = 512  # that a thread goes through at a time, however many threads there are
FEWEST_ROWS = 64  # for which a thread is worth its start
TOO_IMPROBABLE = "the evidence is possible, but too improbable to compute with in double precision"


@dataclass(frozen=True, slots=True)
class Answer:
    """Posteriors, a row for each row of evidence or parameter set.

    Attributes
    ----------
    causes : ndarray, shape (n_rows, n_causes)
        P(cause present | evidence), fractions; 0 in rows whose evidence is impossible.
    none, serious : ndarray, shape (n_rows,)
        P(no cause present | evidence) and P(at least one serious cause present | evidence).
    unions : ndarray, shape (n_rows, n_unions), or (n_rows, 0) where they were not asked for
        P(at least one of its causes present | evidence) of each union of causes.
    log_evidence : ndarray, shape (n_rows,)
        ln P(evidence), in nats; -inf where the evidence is impossible.
    """

    causes: Floats
    none: Floats
    serious: Floats
    unions: Floats
    log_evidence: Floats

    @classmethod
    def of(cls, columns: Floats, n_causes: int) -> Answer:
        """Return the answer that stands in columns (n_results, n_rows): causes, none, unions, serious, log_evidence."""
        n = n_causes
        parts = columns[:n].T, columns[n], columns[-2], columns[n + 1 : -2].T, columns[-1]
        for part in parts:
            part.flags.writeable = False
        return cls(*parts)

    def take(self, rows: Any) -> Answer:
        """Return some rows."""
        return Answer(*(getattr(self, name)[rows] for name in self.__slots__))

    @property
    def possible(self) -> Bools:
        """Which rows have evidence of positive probability."""
        return np.isfinite(self.log_evidence)


@dataclass(frozen=True, slots=True)
class Batch:
    """The answers to many rows.

    Attributes
    ----------
    answer : Answer
        A row for each row of evidence, or for each under the first set, then under the second (set * n_rows + row).
        Rows that are impossible, or refused, have `log_evidence` -inf.
    refused : mapping of int to str
        Number of each row of the answer that was refused, to the reason.
    """

    answer: Answer
    refused: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Counts:
    """Expected counts of the numbers of a network, in the order of the rows of `priors.csv` and `links.csv`.

    Attributes
    ----------
    successes, trials : ndarray, shape (1, n_numbers), or (n_rows, n_numbers) where they are kept apart
        How often the event of a number happened, of how many times that it could have. Of a context's
        state: how often it had it, in that stratum. Links are net. A finding that is not observed, and
        a context that nothing observed depends on, count nothing.
    log_evidence : ndarray, shape (n_rows,)
        ln P(evidence) of each row in nats, -inf where it is impossible or refused.
    refused : mapping of int to str
        Number of each row that the engine refuses, to the reason.
    """

    successes: Floats
    trials: Floats
    log_evidence: Floats
    refused: Mapping[int, str]


class Engine:
    """The engine of one network.

    Parameters
    ----------
    network : Network
    max_bytes : int, optional
        Bound on the memory that one row may need, in bytes, known before the row is computed.
    threads : int, optional
        For many rows; otherwise as many as there are cores to use (`TWITCHBAYES_THREADS` where it is set).
    """

    def __init__(self, network: Network, *, max_bytes: int = MAX_BYTES, threads: int | None = None) -> None:
        self.network = network
        self.max_bytes = max_bytes
        self.threads = threads or _threads()
        self._structure = structure_of(network)
        self._link_contexts = network.link_contexts
        self._numbers = Numbers(network.parameters.yes, network.parameters.no)
        self._desks: list[Desk] = []

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what is made again from the network."""
        return {"network": self.network, "max_bytes": self.max_bytes, "threads": self.threads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make the arrays anew."""
        self.__init__(state["network"], max_bytes=state["max_bytes"], threads=state["threads"])  # type: ignore[misc]

    def run(self, codes: Codes, parameters: Parameters | None = None, *, unions: bool = False) -> Answer:
        """Return the posteriors of a batch, or an error if a row is refused; see `answer`.

        Raises
        ------
        InvalidValueError
            As by `answer`.
        EngineLimitError
            If a row would need more than `max_bytes`, or if P(evidence) of a row is positive and yet
            below the smallest number a double can hold on the way to it.
        """
        batch = self.answer(codes, parameters, unions=unions)
        for row, reason in batch.refused.items():
            raise EngineLimitError(reason if len(batch.answer.none) == 1 else f"row {row}: {reason}")
        return batch.answer

    def answer(
        self,
        codes: Codes,
        parameters: Parameters | None = None,
        *,
        unions: bool = False,
        advance: Advance | None = None,
        into: Floats | None = None,
    ) -> Batch:
        """Return the posteriors of each row under each parameter set.

        Parameters
        ----------
        codes : ndarray of int8, shape (n_rows, n_columns)
            What is said of each of `network.columns`, as in `network.codes`; -1 where nothing is. There may be one
            column more, that of "serious".
        parameters : Parameters, optional
            Those of the network otherwise.
        unions : bool, default False
            Whether the posteriors of the unions of causes are wanted, which cost a forward sweep each.
        advance : callable, optional
            Is told how many more rows are done.
        into : ndarray, shape (n_causes + n_unions + 3, n_sets * n_rows), optional
            Where to keep the answer: a row of it each for the causes, `none`, the unions that are asked for, `serious`
            and `log_evidence`.

        Raises
        ------
        InvalidValueError
            If `codes` or `parameters` have another shape, a code means nothing, or a number is no probability; with
            row and variable, or set and number. The answer to no rows is one of no rows.
        """
        numbers, codes = self._numbers_of(parameters), checked_rows(self.network, self._structure, codes)
        n_causes = len(self.network.causes)
        shape = n_causes + 3 + unions * len(self.network.groups), numbers.n_sets * len(codes)
        out = np.empty(shape) if into is None else into
        if out.shape != shape:
            message = f"into must have the shape {shape}, not {out.shape}"
            raise InvalidValueError(message)
        spelled = spell_out(self.network, self._link_contexts, codes)
        if spelled is None:
            refused = self._answer(codes, numbers, parameters, advance, out)
            return Batch(Answer.of(out, n_causes), refused)
        parts = np.empty((shape[0], numbers.n_sets * len(spelled.codes)))
        refused = self._answer(spelled.codes, numbers, parameters, spelled.progress(advance), parts)
        joined = spelled.joined(parts.reshape(shape[0], numbers.n_sets, -1))
        out[...] = joined.reshape(shape)
        return Batch(Answer.of(out, n_causes), spelled.refused(refused, joined[-1], TOO_IMPROBABLE))

    def _answer(
        self, codes: Codes, numbers: Numbers, parameters: Parameters | None, advance: Advance | None, out: Floats
    ) -> dict[int, str]:
        """Fill the answer to rows in which every context is known that a link depends on; returns what is refused."""
        rows, n_rows = sort_rows(self.network, codes), len(codes)
        first_group = self._structure.n_groups - (len(out) - len(self.network.causes) - 2)
        structure = self._structure

        def loop(desk: Desk, first: int, last: int) -> int:
            at: int = answer_rows(
                structure, numbers, codes, rows.order, rows.same, first, last, n_rows, first_group, desk, out
            )
            return at

        refused = self._each_row(loop, rows, numbers.n_sets, advance)
        rows.copy(out, n_rows)
        return self._blank(out, codes, parameters, self._spread(refused, rows, n_rows, numbers.n_sets))

    def log_evidence(self, codes: Codes, parameters: Parameters | None = None) -> Floats:
        """Return ln P(row) of each row under each parameter set.

        Returns
        -------
        ndarray, shape (n_rows,) or (n_sets * n_rows,)
            In nats, in the order of `Batch`; -inf where it is impossible.

        Raises
        ------
        InvalidValueError, EngineLimitError
            As by `run`.
        """
        codes = checked_rows(self.network, self._structure, codes)
        spelled = spell_out(self.network, self._link_contexts, codes)
        rows = codes if spelled is None else spelled.codes
        logs, refused = self._weigh(rows, parameters)
        refused = self._blank(logs[None, :], rows, parameters, refused)
        if spelled is not None:
            joined = spelled.log_sum(logs.reshape(-1, len(rows)))
            logs, refused = joined.ravel(), spelled.refused(refused, joined, TOO_IMPROBABLE)
        for row, reason in refused.items():
            raise EngineLimitError(reason if len(logs) == 1 else f"row {row}: {reason}")
        return logs

    def count(
        self,
        codes: Codes,
        weights: Floats | None = None,
        parameters: Parameters | None = None,
        *,
        each: bool = False,
        advance: Advance | None = None,
    ) -> Counts:
        """Return the expected counts over some rows of evidence.

        Parameters
        ----------
        codes : ndarray of int8, shape (n_rows, n_columns)
            Best without a row that stands there twice.
        weights : ndarray, shape (n_rows,), optional
            How often each row counts; once otherwise.
        parameters : Parameters, optional
            One parameter set; the network's own otherwise.
        each : bool, default False
            Whether the counts of every row are kept apart, each counting once.
        advance : callable, optional
            Is told how many more rows are done.

        Raises
        ------
        InvalidValueError
            As by `answer`; and if a weight is negative, infinite or no number, or there are several parameter sets.
        """
        numbers = self._numbers_of(parameters)
        if numbers.n_sets != 1:
            message = f"rows are counted under 1 parameter set, not {numbers.n_sets}"
            raise InvalidValueError(message)
        codes = checked_rows(self.network, self._structure, codes)
        counted = checked_weights(np.ones(len(codes)) if weights is None or each else weights, len(codes))
        spelled = spell_out(self.network, self._link_contexts, codes)
        if spelled is None:
            return self._count(codes, counted, numbers, parameters, each=each, advance=advance)
        logs, _ = self._weigh(spelled.codes, parameters)
        shares = spelled.shares(np.where(logs > LOWEST, logs, -np.inf))
        found = self._count(
            spelled.codes,
            shares * counted[spelled.owner],
            numbers,
            parameters,
            each=each,
            advance=spelled.progress(advance),
        )
        log_evidence = spelled.log_sum(found.log_evidence)
        refused = spelled.refused(dict(found.refused), log_evidence[None], TOO_IMPROBABLE)
        if not each:
            return Counts(found.successes, found.trials, log_evidence, refused)
        successes, trials = (
            np.add.reduceat(part * shares[:, None], spelled.starts, axis=0) for part in (found.successes, found.trials)
        )
        return Counts(successes, trials, log_evidence, refused)

    def _count(
        self,
        codes: Codes,
        counted: Floats,
        numbers: Numbers,
        parameters: Parameters | None,
        *,
        each: bool,
        advance: Advance | None,
    ) -> Counts:
        """Count rows in which every context is known that a link depends on."""
        structure, rows = self._structure, sort_rows(self.network, codes)
        if not each:
            counted = counted.copy()
            np.add.at(counted, rows.originals, counted[rows.copies])
        else:
            counted = np.ones(len(codes))
        logs = np.empty(len(codes))
        # A part for each task, which are added up in their order: threads do not change a digit.
        parts = {0: Slots(structure, len(codes) if each else 1)}

        def loop(desk: Desk, first: int, last: int) -> int:
            into = parts[0] if each else parts.setdefault((last - 1) // TASK_ROWS, Slots(structure, 1))
            at: int = count_rows(
                structure, numbers, codes, rows.order, rows.same, counted, each, first, last, desk, logs, into
            )
            return at

        refused = self._each_row(loop, rows, 1, advance)
        tasks = [parts[task] for task in sorted(parts)]
        fires = np.sum([np.asarray(task.fires) for task in tasks], axis=0)
        trials = np.sum([np.asarray(task.trials) for task in tasks], axis=0)
        for array in (fires, trials) if each else ():
            array[rows.copies] = array[rows.originals]
        logs[rows.copies] = logs[rows.originals]
        refused = self._blank(logs[None, :], codes, parameters, self._spread(refused, rows, len(codes), 1))
        successes, at = fires * np.asarray(numbers.yes)[0], self.network.slots.of_row
        trials = trials_of_tables(self.network, successes, trials)
        return Counts(successes[:, at], trials[:, at], logs, refused)

    def ends(self, codes: Codes) -> Ends:
        """Return what one row makes of each number of the network; see `Ends`.

        Parameters
        ----------
        codes : ndarray of int8, shape (n_columns,)

        Raises
        ------
        InvalidValueError
            If a code is no state of its variable.
        EngineLimitError
            If the row would need more than `max_bytes`.
        """
        row = checked_rows(self.network, self._structure, np.asarray(codes)[None])
        spelled = spell_out(self.network, self._link_contexts, row)
        parts = row if spelled is None else spelled.codes
        return together([self._ends(part[None]) for part in parts], self.network.numbers.shape[1])

    def _ends(self, row: Codes) -> Ends:
        """Return what a row makes of each number, in which every context is known that a link depends on."""
        slots, log = self._differentiate(row, self._numbers)
        fires, spares, trials = (np.asarray(getattr(slots, name))[0] for name in ("fires", "spares", "trials"))
        for group in self._overshooting(row[0]):
            # P(row) is linear in the numbers of a link together, so that any others tell the slopes of these.
            yes, no = (np.array(array) for array in (self._numbers.yes, self._numbers.no))
            yes[0, group], no[0, group] = (1 / (len(group) + 1),) * 2
            others, scale = self._differentiate(row, Numbers(yes, no))
            for own, other in ((fires, others.fires), (spares, others.spares)):
                own[group] = np.asarray(other)[0, group] * np.exp(scale[0] - log[0])
        return ends_of(self.network, fires, spares, trials, np.asarray(slots.untried), log)

    def _differentiate(self, row: Codes, numbers: Numbers) -> tuple[Slots, tuple[float, float]]:
        """Return the slots of a row, ln of their scale, and ln P(row)."""
        slots, desk = Slots(self._structure, 1), self._take_desk()
        while (log_evidence := differentiate(self._structure, numbers, row, 0, desk, slots)) > 0.5:
            if desk.is_refused:
                raise EngineLimitError(reason_of(self.network, self._structure, desk, self.max_bytes))
            desk.make_room(self._structure)
        log = desk.logs[0], log_evidence if log_evidence > LOWEST else -np.inf
        self._desks.append(desk)
        return slots, log

    def _overshooting(self, row: NDArray[np.int8]) -> Iterator[NDArray[np.int64]]:
        """Yield the slots of each leak or link that always raises its finding above a span that is said of it."""
        network, slots = self.network, self.network.slots
        first, meanings = len(network.contexts) + len(network.causes), network.codes
        between = {}
        for j, name in enumerate(network.findings):
            low, high = meanings[first + j][row[first + j]] if row[first + j] != UNKNOWN else (0, 0)
            if low > 0 and high < len(network.states[name]) - 1:
                between[first + j] = high
        places = [(slots.finding_leak_starts[v - first], slots.finding_leak_shapes[v - first], v) for v in between]
        targets = enumerate(slots.targets.tolist())
        places += [(slots.link_starts[i], slots.link_shapes[i], v) for i, v in targets if v in between]
        yes, no = network.parameters.yes[0], network.parameters.no[0]
        for start, shape, v in places:
            for group in np.arange(start, start + math.prod(shape)).reshape(-1, shape[-1]):
                if no[group[0]] + yes[group[: between[v]]].sum() == 0:
                    yield group

    def cost(self, codes: Codes) -> float:
        """Return what the posteriors of one row cost, by the plan that is made for them: numbers read and written.

        Some 2 * 10^9 take a second on one core. Nothing is computed.

        Parameters
        ----------
        codes : ndarray of int8, shape (n_columns,)
        """
        row, desk = checked_rows(self.network, self._structure, np.asarray(codes)[None]), self._take_desk()
        spelled = spell_out(self.network, self._link_contexts, row)
        parts = row if spelled is None else spelled.codes
        cost = sum(float(plan_cost(self._structure, self._numbers, part[None], desk)) for part in parts)
        self._desks.append(desk)
        return cost

    # How a batch is gone through

    def _numbers_of(self, parameters: Parameters | None) -> Numbers:
        if parameters is None:
            return self._numbers
        parameters = checked_parameters(self.network, parameters)
        return Numbers(parameters.yes, parameters.no)

    def _take_desk(self) -> Desk:
        """Return something to work with, which nobody else has until it is put back."""
        try:
            desk = self._desks.pop()
        except IndexError:
            built.say_once()
            desk = Desk(self._structure, 0)
        desk.limit = self.max_bytes // NUMBER_BYTES
        return desk

    def _weigh(self, codes: Codes, parameters: Parameters | None) -> tuple[Floats, dict[int, str]]:
        """Return ln P(row) of each row under each set as the loops have it, and what is refused."""
        numbers, rows = self._numbers_of(parameters), sort_rows(self.network, codes)
        n_rows, structure = len(codes), self._structure
        logs = np.empty(numbers.n_sets * n_rows)

        def loop(desk: Desk, first: int, last: int) -> int:
            at: int = weigh_rows(structure, numbers, codes, rows.order, rows.same, first, last, n_rows, desk, logs)
            return at

        refused = self._each_row(loop, rows, numbers.n_sets, None)
        rows.copy(logs, n_rows)
        return logs, self._spread(refused, rows, n_rows, numbers.n_sets)

    def _each_row(self, loop: Loop, rows: Sorted, n_sets: int, advance: Advance | None) -> dict[int, str]:
        """Go through the distinct rows, in threads where they are many; returns those that are refused."""
        refused: dict[int, str] = {}

        def work(start: int) -> int:
            at, stop = start, min(start + TASK_ROWS, len(rows.order))
            desk = self._take_desk()
            while (at := loop(desk, at, stop)) < stop:
                if desk.is_refused:
                    refused[int(rows.order[at])] = reason_of(self.network, self._structure, desk, self.max_bytes)
                    at += 1
                else:
                    desk.make_room(self._structure)
            self._desks.append(desk)
            return start

        n = len(rows.order)
        alone = self.threads == 1 or n * n_sets < FEWEST_ROWS or n == 1
        starts = range(0, n, TASK_ROWS)
        for start in map(work, starts) if alone else _pool(self.threads).map(work, starts):
            if advance is not None:
                advance(int(rows.times[start : start + TASK_ROWS].sum()))
        return refused

    @staticmethod
    def _spread(refused: dict[int, str], rows: Sorted, n_rows: int, n_sets: int) -> dict[int, str]:
        """Return what is refused with its copies, under every parameter set."""
        if not refused:
            return {}
        pairs = zip(rows.copies.tolist(), rows.originals.tolist(), strict=True)
        every = refused | {copy: refused[original] for copy, original in pairs if original in refused}
        return {s * n_rows + row: reason for s in range(n_sets) for row, reason in every.items()}

    def _blank(
        self, out: Floats, codes: Codes, parameters: Parameters | None, refused: Mapping[int, str]
    ) -> dict[int, str]:
        """Write 0, and -inf in the last row, ln P, where there is no answer.

        Returns what is refused, or possible and yet too improbable.
        """
        logs = out[-1]
        if not refused and logs.min(initial=0.0) >= LOWEST:
            return {}
        logs[list(refused)] = -np.inf
        lost = np.flatnonzero(logs < LOWEST)
        out[:, lost], logs[lost] = 0.0, -np.inf
        lost, found = np.setdiff1d(lost, list(refused)), dict(refused)
        for s in np.unique(lost // max(len(codes), 1)).tolist():
            places = lost[lost // len(codes) == s]
            support = (parameters or self.network.parameters).take([s]).support()
            possible = self._weigh(codes[places % len(codes)], support)[0] > LOWEST
            found |= dict.fromkeys(places[possible].tolist(), TOO_IMPROBABLE)
        return dict(sorted(found.items()))


def structure_of(network: Network) -> Structure:
    """Return the arrays of a network that the loops read; the serious causes are the last of its groups."""
    links = zip(network.slots.sources.tolist(), network.slots.targets.tolist(), strict=True)
    return Structure(
        [len(network.states[name]) for name in network.contexts],
        network.context_parents,
        network.cause_strata,
        list(links),
        len(network.findings),
        network.union_members,
        [*network.group_members, np.flatnonzero(network.serious).tolist()],
        network.excludes,
        levels=[len(network.states[name]) for name in network.findings],
        of=list(network.of),
        leak_strata=network.leak_strata,
        link_strata=network.link_strata,
    )


@lru_cache(maxsize=1)
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
