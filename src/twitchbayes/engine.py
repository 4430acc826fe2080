"""Exact posteriors of a batch of evidence rows under a batch of parameter sets, in NumPy.

Rows are grouped by the pattern of their evidence; each group is one walk (see `twitchbayes.walk`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from twitchbayes.enumeration import enumerate_causes
from twitchbayes.errors import EngineLimitError
from twitchbayes.evidence import Evidence
from twitchbayes.groups import ABSENT, PRESENT, UNKNOWN, Codes, Group, Groups
from twitchbayes.network import Network, Parameters
from twitchbayes.plan import Plan, make_plan
from twitchbayes.tally import Share, Tally
from twitchbayes.walk import walk
from twitchbayes.weights import Elements, Logs, PatternWeights, Tables

__all__ = ["ABSENT", "PRESENT", "UNKNOWN", "Answer", "Codes", "Engine", "Runs", "answer", "log_probability"]

Floats = NDArray[np.float64]

DEFAULT_MAX_BYTES = 2 << 30
CHUNK_CELLS = 1 << 21  # cells kept at once while a batch is walked in chunks: some 16 MB
CACHED_PLANS = 4096
MANY_ROWS = 16  # from here on a plan is made for many
TOO_IMPROBABLE = "the evidence is possible, but too improbable to compute with in double precision"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine found, a row for each row of evidence or parameter set.

    Attributes
    ----------
    causes : ndarray, shape (n_rows, n_causes)
        P(cause present | evidence), fractions; 0 in rows whose evidence is impossible.
    none, serious : ndarray, shape (n_rows,)
        P(no cause present | evidence) and P(at least one serious cause present | evidence).
    log_evidence : ndarray, shape (n_rows,)
        ln P(evidence), in nats; -inf where the evidence is impossible.
    """

    causes: Floats
    none: Floats
    serious: Floats
    log_evidence: Floats

    @classmethod
    def blank(cls, n_rows: int, n_causes: int) -> Answer:
        """Return the answer of rows that are all impossible."""
        return cls(np.zeros((n_rows, n_causes)), np.zeros(n_rows), np.zeros(n_rows), np.full(n_rows, -np.inf))

    @classmethod
    def into(cls, columns: Floats) -> Answer:
        """Return a blank answer kept in `columns` (n_causes + 3, n_rows): causes, none, serious and log_evidence."""
        columns[:-1], columns[-1] = 0.0, -np.inf
        return cls(columns[:-3].T, columns[-3], columns[-2], columns[-1])

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Which rows have evidence of positive probability."""
        return np.isfinite(self.log_evidence)

    def take(self, rows: Any) -> Answer:
        """Return some rows."""
        return Answer(*(getattr(self, name)[rows] for name in self.__slots__))

    def put(self, rows: Any, part: Answer) -> None:
        """Write the rows of a part into this answer."""
        for name in self.__slots__:
            getattr(self, name)[rows] = getattr(part, name)

    def frozen(self) -> Answer:
        """Return this answer with its arrays read-only."""
        for name in self.__slots__:
            getattr(self, name).flags.writeable = False
        return self


class Runs(Protocol):
    """Anything that answers a batch as `Engine` does."""

    network: Network

    def run(self, codes: Codes, parameters: Parameters | None = None) -> Answer:
        """Return the posteriors of a batch."""


class Engine:
    """The NumPy engine of one network.

    Parameters
    ----------
    network : Network
    max_bytes : int, optional
        Bound on the memory that one row may need, in bytes. Above it `run` raises `EngineLimitError`
        before it allocates anything.
    """

    def __init__(self, network: Network, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.network = network
        self.max_bytes = max_bytes
        self._tables = Tables.of(network)
        self._logs = Logs.of(network.parameters)
        self._plans: dict[tuple[bytes, int], Plan] = {}
        self._kept: dict[str, Any] = {}
        self.groups = Groups(network)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what is made again when needed."""
        return {**self.__dict__, "_plans": {}, "_kept": {}}

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """Return something made once for this engine, made now if it is not there yet."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]

    def has(self, name: str) -> bool:
        """Whether something of that name is kept already."""
        return name in self._kept

    def run(self, codes: Codes, parameters: Parameters | None = None) -> Answer:
        """Return the posteriors of a batch.

        Parameters
        ----------
        codes : ndarray of int8, shape (n_rows, n_columns)
            State of each of `network.columns`, by number; -1 where it is unknown.
        parameters : Parameters, optional
            Those of the network otherwise. Either there is one evidence row, or one parameter set,
            or as many of the one as of the other, which are then paired.

        Returns
        -------
        Answer
            With read-only arrays; a row that is impossible has `log_evidence` -inf.

        Raises
        ------
        EngineLimitError
            If a row would need more than `max_bytes`, or if P(evidence) of a row is positive and yet
            below the smallest number a double can hold on the way to it.
        """
        answer, refused = self.run_rows(codes, parameters)
        for row, reason in refused.items():
            raise EngineLimitError(reason if max(len(codes), answer.none.size) == 1 else f"row {row}: {reason}")
        return answer

    def run_rows(
        self, codes: Codes, parameters: Parameters | None = None, tally: Tally | None = None
    ) -> tuple[Answer, dict[int, str]]:
        """Return the posteriors of a batch, and the rows that `run` would refuse, each with the reason.

        What they say of contexts and causes is added to `tally`, for one parameter set.
        """
        parameters = parameters or self.network.parameters
        logs = self._logs if parameters is self.network.parameters else Logs.of(parameters)
        answer, refused = self._answer(codes, logs, tally)
        blank = np.flatnonzero(~answer.possible)
        blank = blank[~np.isin(blank, list(refused))] if refused else blank
        if blank.size:
            refused.update(dict.fromkeys(self._too_improbable(codes, parameters, blank), TOO_IMPROBABLE))
        return answer.frozen(), refused

    def nanoseconds(self, codes: Codes, n_sets: int) -> float:
        """Return about how long each of some rows takes under so many parameter sets, one row after the other."""
        total = 0.0
        for row in range(len(codes)):
            resolved = self.groups.resolve(codes[row : row + 1])
            plans = (plan for _, plan in self._planned(*resolved, n_sets) if isinstance(plan, Plan))
            total += sum(min(plan.nanoseconds(n_sets, n_sets)) for plan in plans)
        return total

    def _too_improbable(self, codes: Codes, parameters: Parameters, rows: NDArray[np.int64]) -> list[int]:
        """Return which rows are not impossible but only too improbable to compute with."""
        support = Logs.of(parameters.support())
        support = support if support.n_sets == 1 else support.take(rows)
        found, _ = self._answer(codes if len(codes) == 1 else codes[rows], support)
        lost: list[int] = rows[found.possible].tolist()
        return lost

    def _answer(self, codes: Codes, logs: Logs, tally: Tally | None = None) -> tuple[Answer, dict[int, str]]:
        if logs.n_sets > 1 and len(codes) > 1 and logs.n_sets != len(codes):
            message = (
                f"{len(codes)} evidence rows and {logs.n_sets} parameter sets: give one of either or as many of both"
            )
            raise ValueError(message)
        n_rows = max(len(codes), logs.n_sets) if len(codes) else 0
        answer, refused = Answer.blank(n_rows, len(self.network.causes)), {}
        codes, open_members, possible = self.groups.resolve(codes)
        with np.errstate(divide="ignore"):  # ln 0 = -inf is what an impossible state weighs
            for group, plan in self._planned(codes, open_members, possible, logs.n_sets):
                rows = np.arange(n_rows) if len(codes) == 1 else group.rows
                if isinstance(plan, EngineLimitError):
                    refused.update(dict.fromkeys(rows.tolist(), str(plan)))
                    continue
                for part in _chunks(len(rows), plan, logs.n_sets):
                    said = codes if len(codes) == 1 else codes[rows[part]]
                    sets = logs if logs.n_sets == 1 else logs.take(rows[part])
                    explained_by = None if group.explained_by is None else group.explained_by[part]
                    elements = None if explained_by is None else Elements.pooled(explained_by, sets)
                    weights = PatternWeights(self._tables, plan, said, sets, elements)
                    shares: list[Share] | None = None if tally is None else []
                    answered = self._rounded(said, *_pass(weights, shares))
                    answer.put(rows[part], answered)
                    if tally is not None and shares is not None:
                        tally.add(weights, rows[part], shares, answered.possible)
        return answer, refused

    def _rounded(self, codes: Codes, causes: Floats, none: Floats, serious: Floats, log_evidence: Floats) -> Answer:
        """Return the answer with the last rounding mended: nothing above 1, and what is observed exactly 1."""
        observed = codes[:, self.groups.n_contexts : self.groups.findings.start] == PRESENT
        # Where underflow has left no number, there is no answer.
        lost = ~np.isfinite(causes.sum(axis=1) + none + serious)
        causes[lost], none[lost], serious[lost], log_evidence[lost] = 0.0, 0.0, 0.0, -np.inf
        certain = observed & (log_evidence > -np.inf)[:, None]
        causes = np.where(certain, 1.0, np.minimum(causes, 1.0))
        serious = np.where((certain & self.network.serious).any(axis=1), 1.0, np.minimum(serious, 1.0))
        return Answer(causes, np.minimum(none, 1.0) + 0.0, serious, log_evidence)  # -0.0 would be shown with its sign

    def _planned(
        self,
        codes: Codes,
        open_members: NDArray[np.bool_],
        possible: NDArray[np.bool_],
        n_sets: int,
        *,
        pool: bool = True,
    ) -> Iterator[tuple[Group, Plan | EngineLimitError]]:
        """Yield the groups of a batch, each with its plan, or with the error where that would pass the bound."""
        for group in self.groups.split(codes, open_members, possible, pool=pool and n_sets == 1):
            try:
                yield group, self._plan(group, max(len(group.rows), n_sets))
            except EngineLimitError as error:
                if group.explained_by is None:
                    yield group, error
                    continue
                # A pool needs more than its rows need by themselves.
                own = np.zeros(len(codes), dtype=bool)
                own[group.rows] = True
                yield from self._planned(codes, open_members, own, n_sets, pool=False)

    def _plan(self, group: Group, rows: int) -> Plan:
        rows = MANY_ROWS if rows >= MANY_ROWS else 1
        key = group.name, rows
        plan = self._plans.get(key)
        if plan is None:
            plan = make_plan(self.network, self.groups.pattern(group), max_bytes=self.max_bytes, rows=rows)
            if len(self._plans) >= CACHED_PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan


def _pass(weights: PatternWeights, shares: list[Share] | None) -> tuple[Floats, Floats, Floats, Floats]:
    """Return what the quicker of the two methods finds."""
    enumerates = weights.plan.enumerates(weights.n, len(weights.log_no_link))
    return enumerate_causes(weights, shares) if enumerates else walk(weights, shares)


def answer(engine: Runs, evidence: Evidence, parameters: Parameters | None = None) -> Answer:
    """Return the answer of one case under each parameter set, its virtual evidence mixed in.

    Returns
    -------
    Answer
        One row a parameter set (one row where `parameters` is None).
    """
    codes, log_weights = evidence.rows()
    parts = [engine.run(codes[i : i + 1], parameters) for i in range(len(codes))]
    if not evidence.virtual:
        return parts[0]
    log_parts = np.stack([part.log_evidence for part in parts]) + log_weights[:, None]
    log_evidence = _log_sum(log_parts)
    shares = np.exp(log_parts - np.where(np.isfinite(log_evidence), log_evidence, 0.0))
    mixed = {
        name: sum(s * getattr(p, name) for s, p in zip(shares, parts, strict=True)) for name in ("none", "serious")
    }
    causes = sum(s[:, None] * p.causes for s, p in zip(shares, parts, strict=True))
    return Answer(
        np.minimum(causes, 1), np.minimum(mixed["none"], 1), np.minimum(mixed["serious"], 1), log_evidence
    ).frozen()


def log_probability(engine: Runs, evidence: Evidence, further: Codes) -> Floats:
    """Return ln P(evidence and further) for each row of further states.

    Parameters
    ----------
    further : ndarray of int8, shape (n_rows, n_columns)
        States that are to hold as well, -1 where nothing more is said.

    Returns
    -------
    ndarray, shape (n_rows,)
        In nats; -inf where they cannot hold together.
    """
    codes, log_weights = evidence.rows()
    said, more = codes[None, :, :], further[:, None, :]
    both = np.where(more == UNKNOWN, said, more)
    clash = ((said != UNKNOWN) & (more != UNKNOWN) & (said != more)).any(axis=-1)
    log_evidence = engine.run(both.reshape(-1, both.shape[-1])).log_evidence.reshape(clash.shape)
    return _log_sum(np.where(clash, -np.inf, log_evidence + log_weights).T)


def _log_sum(logs: Floats) -> Floats:
    """Return ln of the sum of exp(logs) over the first axis; -inf where every term is."""
    peak = logs.max(axis=0)
    finite = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        total: Floats = np.log(np.exp(logs - finite).sum(axis=0)) + finite
    return total


def _chunks(count: int, plan: Plan, sets: int) -> Iterator[slice]:
    step = max(1, CHUNK_CELLS // plan.row_cells(count, sets))
    for start in range(0, count, step):
        yield slice(start, start + step)
