"""Cases with virtual evidence, or with several states: mixtures of rows of hard evidence, answered in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from twitchbayes.evidence import Evidence
from twitchbayes.inference.ends import Ends, together
from twitchbayes.inference.engine import Answer, Batch, Engine
from twitchbayes.network import UNKNOWN, Codes, Parameters

__all__ = [
    "answer",
    "answer_cases",
    "answer_sets",
    "ends",
    "gathered",
    "log_evidences",
    "log_probability",
    "log_sum",
    "mixed",
    "widened",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


def answer(engine: Engine, evidence: Evidence, parameters: Parameters | None = None, *, unions: bool = False) -> Answer:
    """Return the answer of one case under each parameter set, a row each; with its unions of causes if asked for.

    Raises
    ------
    EngineLimitError
        If the case is refused, under any set.
    """
    codes, log_weights = evidence.rows()
    found = engine.run(codes, parameters, unions=unions)
    return mixed(found, log_weights) if evidence.uncertain else found


def answer_sets(engine: Engine, evidence: Evidence, parameters: Parameters) -> Batch:
    """Return the answer of one case under each parameter set; `refused` names the sets under which it is refused."""
    codes, log_weights = evidence.rows()
    batch = engine.answer(codes, parameters)
    refused = {row // len(codes): reason for row, reason in batch.refused.items()}
    return Batch(mixed(batch.answer, log_weights) if evidence.uncertain else batch.answer, refused)


def answer_cases(engine: Engine, cases: Sequence[Evidence], *, unions: bool = False) -> Batch:
    """Return the answers of some cases, a row each, all of them from one batch; with their unions if asked for."""
    codes, log_weights, of_case = _rows(engine, cases)
    return gathered(engine.answer(codes, unions=unions), log_weights, of_case)


def log_evidences(engine: Engine, cases: Sequence[Evidence]) -> Floats:
    """Return ln P of each of some cases, in nats, all of them from one batch."""
    codes, log_weights, of_case = _rows(engine, cases)
    logs = engine.log_evidence(codes) + log_weights
    found: Floats = np.logaddexp.reduceat(logs, _starts(of_case)) if len(cases) else logs
    return found


def _rows(engine: Engine, cases: Sequence[Evidence]) -> tuple[Codes, Floats, Ints]:
    """Return the rows that some cases are mixtures of, their log weights, and the case of each."""
    parts = [case.rows() for case in cases]
    none = np.empty((0, len(engine.network.columns)), dtype=np.int8)
    codes = np.concatenate([none, *(rows for rows, _ in parts)])
    log_weights = np.concatenate([np.empty(0), *(weights for _, weights in parts)])
    return codes, log_weights, np.repeat(np.arange(len(parts)), [len(rows) for rows, _ in parts])


def _starts(of_case: Ints) -> Ints:
    return np.flatnonzero(np.diff(of_case, prepend=-1))


def gathered(batch: Batch, log_weights: Floats, of_case: Ints) -> Batch:
    """Return the mixtures of the rows of each case, a row each; a case is refused with any of its rows.

    Parameters
    ----------
    batch : Batch
        Of all rows of all cases, those of a case together.
    log_weights : ndarray, shape (n_rows,)
    of_case : ndarray of int, shape (n_rows,)
        The case of each row: 0 to the number of cases less one, each of them there.
    """
    found = batch.answer
    if not len(of_case):
        return batch
    starts = _starts(of_case)
    logs = found.log_evidence + log_weights
    peaks = np.maximum.reduceat(logs, starts)
    refused = {int(of_case[row]): reason for row, reason in batch.refused.items()}
    peaks[list(refused)] = -np.inf
    known = np.isfinite(peaks)
    parts = np.where(known[of_case], np.exp(logs - np.where(known, peaks, 0.0)[of_case]), 0.0)
    totals = np.where(known, np.add.reduceat(parts, starts), 1.0)
    shares = parts / totals[of_case]

    def mix(values: Floats) -> Floats:
        weights = shares.reshape(-1, *[1] * (values.ndim - 1))
        mixed: Floats = np.minimum(np.add.reduceat(weights * values, starts), 1.0)
        return mixed

    log_evidence = np.where(known, np.log(totals) + peaks, -np.inf)
    answer = Answer(mix(found.causes), mix(found.none), mix(found.serious), mix(found.unions), log_evidence)
    return Batch(answer, refused)


def mixed(found: Answer, log_weights: Floats) -> Answer:
    """Return the mixtures of each len(log_weights) rows of an answer, as if they were seen with these weights."""
    log_parts = found.log_evidence.reshape(-1, len(log_weights)).T + log_weights[:, None]
    log_evidence = log_sum(log_parts)
    shares = np.exp(log_parts - np.where(np.isfinite(log_evidence), log_evidence, 0.0))

    def mix(values: Floats) -> Floats:
        parts = values.reshape(len(log_evidence), len(log_weights), *values.shape[1:])
        mixed: Floats = np.minimum(np.einsum("ms,sm...->s...", shares, parts), 1.0)
        mixed.flags.writeable = False
        return mixed

    log_evidence.flags.writeable = False
    return Answer(mix(found.causes), mix(found.none), mix(found.serious), mix(found.unions), log_evidence)


def log_probability(engine: Engine, evidence: Evidence, further: Codes) -> Floats:
    """Return ln P(evidence and further) for each row of further states.

    Parameters
    ----------
    further : ndarray of int8, shape (n_rows, n_columns), or with one column more
        States that are to hold as well, -1 where nothing more is said; the one more is that of "serious".

    Returns
    -------
    ndarray, shape (n_rows,)
        In nats; -inf where they cannot hold together.
    """
    codes, log_weights = evidence.rows()
    said, more = widened(codes, further.shape[1])[None, :, :], further[:, None, :]
    both, clash = engine.network.together(*np.broadcast_arrays(said, more))
    log_evidence = engine.log_evidence(both.reshape(-1, both.shape[-1])).reshape(clash.shape)
    return log_sum(np.where(clash, -np.inf, log_evidence + log_weights).T)


def widened(codes: Codes, width: int) -> Codes:
    """Return rows with as many columns, of which the further ones are unknown."""
    more = np.full((len(codes), width - codes.shape[1]), UNKNOWN, dtype=np.int8)
    return np.hstack([codes, more]) if more.size else codes


def ends(engine: Engine, evidence: Evidence, further: tuple[int, int] | None = None) -> Ends:
    """Return what each number of the tables makes of P(evidence), or of P(evidence and one further state).

    Parameters
    ----------
    further : tuple of int, optional
        A column and the state that it is to have as well.
    """
    codes, log_weights = evidence.rows()
    parts = []
    codes = widened(codes, codes.shape[1] + 1)
    for row, log_weight in zip(codes.copy(), log_weights.tolist(), strict=True):
        if further is not None:
            column, state = further
            if row[column] not in {UNKNOWN, state}:
                continue
            row[column] = state
        part = engine.ends(row)
        parts.append(replace(part, log_scale=part.log_scale + log_weight, log_evidence=part.log_evidence + log_weight))
    return together(parts, engine.network.numbers.shape[1])


def log_sum(logs: Floats) -> Floats:
    """Return ln of the sum of exp(logs) over the first axis; -inf where every term is."""
    peak = logs.max(axis=0)
    finite = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        total: Floats = np.log(np.exp(logs - finite).sum(axis=0)) + finite
    return total
