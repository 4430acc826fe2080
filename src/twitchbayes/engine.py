"""Exact posteriors of a batch of evidence rows under a batch of parameter sets, in NumPy.

Rows are grouped by the pattern of their evidence; each group is one walk (see `twitchbayes.walk`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from twitchbayes.enumeration import enumerate_causes
from twitchbayes.errors import EngineLimitError
from twitchbayes.evidence import Evidence
from twitchbayes.network import Network, Parameters
from twitchbayes.plan import Pattern, Plan, make_plan
from twitchbayes.walk import walk
from twitchbayes.weights import Logs, PatternWeights, Tables

__all__ = ["ABSENT", "PRESENT", "UNKNOWN", "Answer", "Codes", "Engine", "Runs", "answer", "log_probability"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]

UNKNOWN, ABSENT, PRESENT = -1, 0, 1

DEFAULT_MAX_BYTES = 2 << 30
CHUNK_CELLS = 1 << 21  # cells kept at once while a batch is walked in chunks: some 16 MB
CACHED_PLANS = 4096


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

    @property
    def possible(self) -> NDArray[np.bool_]:
        """Which rows have evidence of positive probability."""
        return np.isfinite(self.log_evidence)

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
        self._plans: dict[bytes, Plan] = {}
        n_contexts, n_causes = len(network.contexts), len(network.causes)
        self._findings = slice(n_contexts + n_causes, n_contexts + n_causes + len(network.findings))
        # Members of the unions, one after the other, and which union each of them belongs to.
        self._members = np.array([j for members in network.union_members for j in members], dtype=np.int64)
        self._union_of = np.repeat(np.arange(len(network.unions)), [len(m) for m in network.union_members])

    def __getstate__(self) -> dict[str, Any]:
        """Leave the plans behind: they are made again when needed."""
        return {**self.__dict__, "_plans": {}}

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
        answer = self._answer(codes, self._logs if parameters is None else Logs.of(parameters))
        if not answer.possible.all():
            self._confirm_impossible(codes, parameters or self.network.parameters, answer.possible)
        return answer.frozen()

    def _confirm_impossible(self, codes: Codes, parameters: Parameters, possible: NDArray[np.bool_]) -> None:
        """Refuse to call evidence impossible that is only too improbable to compute with."""
        rows = np.flatnonzero(~possible)
        support = Logs.of(parameters.support())
        support = support if support.n_sets == 1 else support.take(rows)
        lost = rows[self._answer(codes if len(codes) == 1 else codes[rows], support).possible]
        if lost.size:
            message = f"evidence row {lost[0]} is possible, but too improbable to compute with in double precision"
            raise EngineLimitError(message)

    def _answer(self, codes: Codes, logs: Logs) -> Answer:
        if logs.n_sets > 1 and len(codes) > 1 and logs.n_sets != len(codes):
            message = (
                f"{len(codes)} evidence rows and {logs.n_sets} parameter sets: give one of either or as many of both"
            )
            raise ValueError(message)
        n_rows = max(len(codes), logs.n_sets) if len(codes) else 0
        answer = Answer.blank(n_rows, len(self.network.causes))
        with np.errstate(divide="ignore"):  # ln 0 = -inf is what an impossible state weighs
            for rows, plan, part, part_logs in self._groups(codes, logs):
                weights = PatternWeights(self._tables, plan, part, part_logs)
                found = enumerate_causes(weights) if plan.enumerates(weights.n) else walk(weights)
                answer.put(rows, self._rounded(part, *found))
        return answer

    def _rounded(self, codes: Codes, causes: Floats, none: Floats, serious: Floats, log_evidence: Floats) -> Answer:
        """Return the answer with the last rounding mended: nothing above 1, and what is observed exactly 1."""
        observed = codes[:, len(self.network.contexts) : self._findings.start] == PRESENT
        certain = observed & (log_evidence > -np.inf)[:, None]
        causes = np.where(certain, 1.0, np.minimum(causes, 1.0))
        serious = np.where((certain & self.network.serious).any(axis=1), 1.0, np.minimum(serious, 1.0))
        return Answer(causes, np.minimum(none, 1.0), serious, log_evidence)

    def _groups(self, codes: Codes, logs: Logs) -> Iterator[tuple[Any, Plan, Codes, Logs]]:
        """Split a batch into chunks of rows that share a pattern; impossible unions drop out."""
        codes, open_members, possible = self.resolve(codes)
        keys = self._keys(codes, open_members)
        if len(codes) == 1:
            if possible[0]:
                plan = self._plan(keys[0])
                for part in _chunks(np.arange(logs.n_sets), plan):
                    yield part, plan, codes, logs if logs.n_sets == 1 else logs.take(part)
            return
        for pattern in _equal_rows(keys, np.flatnonzero(possible)):
            plan = self._plan(keys[pattern[0]])
            for part in _chunks(pattern, plan):
                yield part, plan, codes[part], logs if logs.n_sets == 1 else logs.take(part)

    def resolve(self, codes: Codes) -> tuple[Codes, NDArray[np.bool_], NDArray[np.bool_]]:
        """Turn each union into what it says of its members.

        An absent union means that every member is absent. A present one says nothing more where a
        member is known to be present; else at least one of its unknown ("open") members is present.
        """
        possible = np.ones(len(codes), dtype=bool)
        open_members = np.zeros((len(codes), len(self._members)), dtype=bool)
        if not len(self._members):
            return codes, open_members, possible
        codes = codes.copy()
        findings = codes[:, self._findings]
        for i in range(len(self.network.unions)):
            union = codes[:, self._findings.stop + i]
            columns = np.flatnonzero(self._union_of == i)
            members = findings[:, self._members[columns]]
            has_present, unknown = (members == PRESENT).any(axis=1), members == UNKNOWN
            absent, present = union == ABSENT, (union == PRESENT) & ~has_present
            possible &= ~(absent & has_present) & ~(present & ~unknown.any(axis=1))
            findings[:, self._members[columns]] = np.where(absent[:, None] & unknown, ABSENT, members)
            open_members[:, columns] = present[:, None] & unknown
        return codes, open_members, possible

    def _keys(self, codes: Codes, open_members: NDArray[np.bool_]) -> NDArray[np.bool_]:
        known = codes[:, : len(self.network.contexts)] != UNKNOWN
        return np.concatenate([known, codes[:, self._findings] == PRESENT, open_members], axis=1)

    def _plan(self, key: NDArray[np.bool_]) -> Plan:
        name = key.tobytes()
        if name not in self._plans:
            if len(self._plans) >= CACHED_PLANS:
                self._plans.clear()
            self._plans[name] = make_plan(self.network, self._pattern(key), max_bytes=self.max_bytes)
        return self._plans[name]

    def _pattern(self, key: NDArray[np.bool_]) -> Pattern:
        n_contexts, n_findings = len(self.network.contexts), len(self.network.findings)
        known, positive, open_members = np.split(key, [n_contexts, n_contexts + n_findings])
        unions = (self._members[open_members & (self._union_of == i)] for i in range(len(self.network.unions)))
        return Pattern(
            known=tuple(np.flatnonzero(known).tolist()),
            positive=tuple(np.flatnonzero(positive).tolist()),
            unions=tuple(tuple(members.tolist()) for members in unions if members.size),
        )


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


def _chunks(rows: NDArray[np.int64], plan: Plan) -> Iterator[NDArray[np.int64]]:
    step = max(1, CHUNK_CELLS // plan.row_cells(len(rows)))
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def _equal_rows(keys: NDArray[np.bool_], rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the row numbers of each group of equal keys."""
    if not rows.size:
        return
    bits = np.packbits(keys[rows], axis=1)
    packed = np.ascontiguousarray(bits).view(np.dtype((np.void, bits.shape[1]))).ravel()
    group = np.unique(packed, return_inverse=True)[1].ravel()
    order = np.argsort(group, kind="stable")
    yield from np.split(rows[order], np.flatnonzero(np.diff(group[order])) + 1)
