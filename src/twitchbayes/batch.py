"""Many rows at once: each distinct row is answered once, in chunks, by the engine that is worth its start."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twitchbayes.engine import Answer, Engine
from twitchbayes.errors import EngineLimitError
from twitchbayes.groups import Codes
from twitchbayes.network import Parameters

if TYPE_CHECKING:
    from twitchbayes.compiled import Kernel

__all__ = ["Batch", "SetRuns", "answer_rows", "answer_sets", "distinct_rows", "hash_rows", "kernel_for"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Advance = Callable[[int], None]

CHUNK_ROWS = 1 << 17  # distinct rows answered at once: bounds what is kept beside the answer
NUMPY_ROWS = 1 << 14  # of them in NumPy, which is slow enough for a chunk to show no progress
# Fewer distinct rows are sooner answered in NumPy than the kernel is loaded.
LOADED_FROM = 3_000
# Compiling it costs about what so many rows take in NumPy. So it is compiled once that much has been spent: then all
# together never takes more than twice what it had to.
COMPILED_FROM = 100_000
ROW_NANOSECONDS = 250_000  # about what NumPy takes for a row of a table
LOADED_ROWS = 20  # in the time of so many, NumPy has begun to be slower than a kernel that is there already
FEW_ROWS = 8  # by which the time for many is told
PRIME = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads bits in multiplicative hashing

log = logging.getLogger("twitchbayes")


@dataclass(frozen=True, slots=True)
class Batch:
    """The answers to many rows.

    Attributes
    ----------
    answer : Answer
        A row for each row of evidence. Rows that are impossible, or refused, have `log_evidence` -inf.
    refused : mapping of int to str
        Number of each row whose exact answer would pass the engine's bound, to the reason.
    """

    answer: Answer
    refused: Mapping[int, str]


def answer_rows(
    engine: Engine,
    codes: Codes,
    *,
    parameters: Parameters | None = None,
    compiled: bool | None = None,
    advance: Advance | None = None,
    into: Floats | None = None,
) -> Batch:
    """Return the answers to many rows.

    Parameters
    ----------
    codes : ndarray of int8, shape (n_rows, n_columns)
        State of each of `engine.network.columns`, by number; -1 where it is unknown.
    parameters : Parameters, optional
        One parameter set for all rows; the network's own otherwise.
    compiled : bool, optional
        Whether to use the compiled kernel (extra `fast`); where it is left out, if it is installed and
        the batch is worth its start-up.
    advance : callable, optional
        Is told how many more rows are done.
    into : ndarray, shape (n_causes + 3, n_rows), optional
        Where to keep the answer, a row of it each for the causes, `none`, `serious` and `log_evidence`.

    Raises
    ------
    ImportError
        If `compiled` is True and numba is not installed.
    """
    order, first = distinct_rows(codes, len(engine.network.contexts))
    starts = np.flatnonzero(first)
    kernel = kernel_for(engine, len(starts), compiled)
    answer = Answer.blank(len(codes), len(engine.network.causes)) if into is None else Answer.into(into)
    refused: dict[int, str] = {}
    ends = np.append(starts[1:], len(codes))
    for i in range(0, len(starts), CHUNK_ROWS):
        chunk = slice(i, i + CHUNK_ROWS)
        rows, copies = order[starts[chunk]], ends[chunk] - starts[chunk]
        part, reasons = _answer_distinct(engine, kernel, codes[rows], parameters, _in_rows(advance, copies))
        everyone = order[starts[chunk][0] : ends[chunk][-1]]
        if len(everyone) == len(rows):
            answer.put(everyone, part)
        else:
            answer.put(everyone, part.take(np.repeat(np.arange(len(rows)), copies)))
        for row, reason in reasons.items():
            start = starts[i + row]
            refused.update(dict.fromkeys(order[start : start + copies[row]].tolist(), reason))
    return Batch(answer.frozen(), dict(sorted(refused.items())))


def answer_sets(engine: Engine, codes: Codes, parameters: Parameters, *, compiled: bool | None = None) -> Batch:
    """Return the answer to each row under each parameter set.

    Parameters
    ----------
    codes : ndarray of int8, shape (n_rows, n_columns)
        As for `answer_rows`, best with rows of equal contexts next to each other.
    parameters : Parameters
        Of `n_sets` parameter sets.
    compiled : bool, optional
        As for `answer_rows`.

    Returns
    -------
    Batch
        The answers of all rows under the first set, then under the second: `set * n_rows + row`.
    """
    n_rows, n_sets = len(codes), parameters.n_sets
    worth = _rows_worth(engine, codes, n_sets) if compiled is None else 0
    if compiled is None and engine.has("kernel") and worth >= LOADED_ROWS:
        compiled = True
    kernel = kernel_for(engine, worth, compiled)
    answer = Answer.blank(n_rows * n_sets, len(engine.network.causes))
    refused: dict[int, str] = {}
    todo = np.ones((n_sets, n_rows), dtype=bool)
    if kernel is not None:
        resolved, open_members, possible = engine.groups.resolve(codes)
        answer, answered = kernel.run(resolved, open_members, np.flatnonzero(possible), parameters=parameters)
        todo = ~answered.reshape(n_sets, n_rows)
    for row in np.flatnonzero(todo.any(axis=0)).tolist():
        sets_left = np.flatnonzero(todo[:, row])
        left = parameters if len(sets_left) == n_sets else parameters.take(sets_left)
        part, reasons = engine.run_rows(codes[row : row + 1], left)
        places = sets_left * n_rows + row
        answer.put(places, part)
        refused |= {int(places[i]): reason for i, reason in reasons.items()}
    return Batch(answer.frozen(), dict(sorted(refused.items())))


def _rows_worth(engine: Engine, codes: Codes, n_sets: int) -> int:
    """Return how many rows of a table NumPy answers in the time that these take under so many parameter sets."""
    some = codes[:FEW_ROWS]
    share = len(codes) / max(len(some), 1)
    return int(engine.nanoseconds(some, n_sets) * share / ROW_NANOSECONDS)


class SetRuns:
    """`answer_sets` in the place of an engine, for one row under many parameter sets.

    Parameters
    ----------
    engine : Engine
    strict : bool, default False
        Whether a set under which a row is refused is an error, as it is to the engine.

    Attributes
    ----------
    refused : dict of int to str
        Sets under which a row was refused, with the reason; its `log_evidence` there is -inf.
    """

    def __init__(self, engine: Engine, *, strict: bool = False) -> None:
        self.network = engine.network
        self.refused: dict[int, str] = {}
        self._engine, self._strict = engine, strict

    def run(self, codes: Codes, parameters: Parameters | None = None) -> Answer:
        """Return the answer to a row under each set.

        Raises
        ------
        EngineLimitError
            If a row is refused, and runs are strict.
        """
        batch = answer_sets(self._engine, codes, parameters or self.network.parameters)
        for reason in batch.refused.values() if self._strict else ():
            raise EngineLimitError(reason)
        self.refused |= {place // len(codes): reason for place, reason in batch.refused.items()}
        return batch.answer


def _in_rows(advance: Advance | None, copies: Ints) -> Advance | None:
    """Return a callable that counts distinct rows and tells how many rows of the batch they are."""
    if advance is None:
        return None
    done, until = 0, np.append(0, np.cumsum(copies))

    def told(count: int) -> None:
        nonlocal done
        advance(int(until[done + count] - until[done]))
        done += count

    return told


def _answer_distinct(
    engine: Engine, kernel: Kernel | None, codes: Codes, parameters: Parameters | None, advance: Advance | None
) -> tuple[Answer, dict[int, str]]:
    """Answer a chunk of distinct rows; returns the rows that are refused too, with the reason."""
    if kernel is None:
        return _answer_in_numpy(engine, codes, parameters, advance)
    resolved, open_members, possible = engine.groups.resolve(codes)
    answer, answered = kernel.run(
        resolved, open_members, np.flatnonzero(possible), parameters=parameters, advance=advance
    )
    left = np.flatnonzero(~answered)
    if advance is not None and not possible.all():
        advance(int((~possible).sum()))
    if not left.size:
        return answer, {}
    rest, refused = engine.run_rows(codes[left], parameters)
    answer.put(left, rest)
    return answer, {int(left[row]): reason for row, reason in refused.items()}


def _answer_in_numpy(
    engine: Engine, codes: Codes, parameters: Parameters | None, advance: Advance | None
) -> tuple[Answer, dict[int, str]]:
    answer = Answer.blank(len(codes), len(engine.network.causes))
    refused: dict[int, str] = {}
    for start in range(0, len(codes), NUMPY_ROWS):
        rows = slice(start, start + NUMPY_ROWS)
        part, reasons = engine.run_rows(codes[rows], parameters)
        answer.put(rows, part)
        refused |= {start + row: reason for row, reason in reasons.items()}
        if advance is not None:
            advance(len(part.none))
    return answer, refused


def kernel_for(engine: Engine, n_rows: int, compiled: bool | None, *, counting: bool = False) -> Kernel | None:
    """Return the compiled kernel of an engine if it is to be used for so many distinct rows.

    `counting` says that their hidden events are to be counted, which is a part of it by itself.
    """
    if compiled is False or (compiled is None and n_rows < LOADED_FROM):
        return None
    if compiled is None and importlib.util.find_spec("numba") is None:
        _tell_of_numba()
        return None
    from twitchbayes.compiled import Kernel, is_ready

    if compiled is None and not is_ready(counting=counting):
        what = "counted" if counting else "answered"
        waited = engine.kept(f"rows that a kernel would have {what}", lambda: [0])
        waited[0] += n_rows
        if waited[0] < COMPILED_FROM:
            return None
        log.warning("compiling the kernel for tables, which takes some seconds; it is kept for later where it can be")
    kernel: Kernel = engine.kept("kernel", lambda: Kernel(engine.network))
    return kernel


@lru_cache(maxsize=1)
def _tell_of_numba() -> None:
    log.warning('tables are answered in NumPy; pip install "twitchbayes[fast]" makes them many times faster')


def distinct_rows(codes: Codes, n_contexts: int) -> tuple[Ints, NDArray[np.bool_]]:
    """Return an order of the rows in which equal ones stand together, and in it which is the first of its kind.

    Rows are sorted by a hash, that of their contexts in its upper half, and compared with the row before:
    two hashes that collide cost time, never an answer. Rows with equal contexts stand together.
    """
    keys = np.empty(len(codes), dtype=np.uint64)
    for start in range(0, len(codes), CHUNK_ROWS):
        part = codes[start : start + CHUNK_ROWS]
        contexts, rest = hash_rows(part[:, :n_contexts]), hash_rows(part[:, n_contexts:])
        keys[start : start + CHUNK_ROWS] = contexts << np.uint64(32) | rest & np.uint64(0xFFFFFFFF)
    order = np.argsort(keys, kind="stable").astype(np.int64)
    keys = keys[order]
    first = np.ones(len(codes), dtype=bool)
    alike = np.flatnonzero(keys[1:] == keys[:-1])
    for start in range(0, len(alike), CHUNK_ROWS):
        at = alike[start : start + CHUNK_ROWS]
        first[at + 1] = (codes[order[at]] != codes[order[at + 1]]).any(axis=1)
    return order, first


def hash_rows(codes: Codes) -> NDArray[np.uint64]:
    """Return a hash of each row, eight columns at a time."""
    words = -(-codes.shape[1] // 8)
    padded = np.zeros((len(codes), words * 8), dtype=np.int8)
    padded[:, : codes.shape[1]] = codes
    hashed = np.zeros(len(codes), dtype=np.uint64)
    for word in padded.view(np.uint64).T:
        hashed = (hashed ^ word) * PRIME
        hashed ^= hashed >> np.uint64(29)
    return hashed
