"""Which rows of evidence are alike, and which share a pattern: the order in which a batch is gone through."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchbayes.network import ABSENT, PRESENT, UNKNOWN, Codes, Network

__all__ = ["Sorted", "distinct_rows", "hash_rows", "sort_rows"]

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]

CHUNK_ROWS = 1 << 17  # rows whose keys are made at a time
PRIME = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads bits in multiplicative hashing


@dataclass(frozen=True, slots=True)
class Sorted:
    """An order of rows in which those of one pattern stand together.

    Attributes
    ----------
    order : ndarray of int, shape (n_distinct,)
        Numbers of the rows, each distinct one once.
    same : ndarray of int8, shape (n_distinct,)
        Whether a row has the pattern of the one before.
    times : ndarray of int, shape (n_distinct,)
        How often each of them stands in the batch.
    copies, originals : ndarray of int, shape (n_copies,)
        The rows that are left out, and for each the row of the order that it is like.
    """

    order: Ints
    same: Codes
    times: Ints
    copies: Ints
    originals: Ints

    def copy(self, out: NDArray[np.float64], n_rows: int) -> None:
        """Write what was found of the rows of the order (..., n_sets * n_rows) at the places of their copies, too."""
        for first in range(0, out.shape[-1], n_rows) if self.copies.size else ():
            out[..., first + self.copies] = out[..., first + self.originals]


def sort_rows(network: Network, codes: Codes) -> Sorted:
    """Return the distinct rows of some evidence in an order by pattern, and in a pattern by a hash of the row."""
    if len(codes) == 1:
        return ONE
    patterns = _patterns(network, codes)
    keys = hash_rows(patterns) << np.uint64(32) | hash_rows(codes) & np.uint64(0xFFFFFFFF)
    order, first = _order(keys, codes)
    starts = np.flatnonzero(first)
    times = np.diff(np.append(starts, len(codes)))
    distinct = order[starts]
    same = np.zeros(len(distinct), dtype=np.int8)
    same[1:] = _equal(patterns, distinct[1:], distinct[:-1])
    return Sorted(distinct, same, times, order[~first], np.repeat(distinct, times)[~first])


NONE = np.zeros(0, dtype=np.intp)
ONE = Sorted(np.zeros(1, dtype=np.intp), np.zeros(1, dtype=np.int8), np.ones(1, dtype=np.intp), NONE, NONE)


def distinct_rows(codes: Codes, n_contexts: int) -> tuple[Ints, Bools]:
    """Return an order of the rows in which equal ones stand together, and in it which is the first of its kind.

    Rows with equal contexts stand together, too.
    """
    contexts, rest = hash_rows(codes[:, :n_contexts]), hash_rows(codes[:, n_contexts:])
    return _order(contexts << np.uint64(32) | rest & np.uint64(0xFFFFFFFF), codes)


def hash_rows(codes: NDArray[np.int8] | NDArray[np.uint8]) -> Keys:
    """Return a hash of each row, eight columns at a time; of a few long ones, row by row."""
    words = -(-codes.shape[1] // 8)
    if 4 * len(codes) < words:
        digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in codes]
        return np.array([int.from_bytes(digest, "little") for digest in digests], dtype=np.uint64)
    hashed = np.zeros(len(codes), dtype=np.uint64)
    for start in range(0, len(codes), CHUNK_ROWS):
        part = codes[start : start + CHUNK_ROWS]
        padded = np.zeros((len(part), words * 8), dtype=codes.dtype)
        padded[:, : codes.shape[1]] = part
        into = hashed[start : start + CHUNK_ROWS]
        for word in padded.view(np.uint64).T:
            into ^= word
            into *= PRIME
            into ^= into >> np.uint64(29)
    return hashed


def _patterns(network: Network, codes: Codes) -> NDArray[np.uint8]:
    """Return what tells the pattern of each row, in bits: what is unknown, present or absent where that matters."""
    n_contexts, n_causes, n_findings = len(network.contexts), len(network.causes), len(network.findings)
    first = n_contexts + n_causes
    graded = [first + j for j, name in enumerate(network.findings) if len(network.states[name]) > 2]
    telling = [first + j for j, of in enumerate(network.of) if of >= 0]
    groups = range(len(network.columns) - len(network.groups), codes.shape[1])
    whole = [*network.link_contexts, *dict.fromkeys([*graded, *telling]), *groups]
    parts = []
    for start in range(0, len(codes), CHUNK_ROWS):
        part = codes[start : start + CHUNK_ROWS]
        findings = part[:, first : first + n_findings]
        bits = [part[:, :n_contexts] == UNKNOWN, part[:, n_contexts:first] == ABSENT, findings == PRESENT]
        bits += _spelled(part, whole)
        bits += _told(network, part, first)
        for u, members in enumerate(network.union_members):
            said = findings[:, list(members)]
            is_open = (part[:, first + n_findings + u] == PRESENT) & ~(said == PRESENT).any(axis=1)
            bits += [is_open[:, None], is_open[:, None] & (said == UNKNOWN)]
        parts.append(np.packbits(np.concatenate(bits, axis=1), axis=1))
    return np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.uint8)


def _spelled(codes: Codes, columns: Sequence[int]) -> list[Bools]:
    """Return some columns in bits, whatever stands there."""
    if not columns:
        return []
    bytes_ = np.ascontiguousarray(codes[:, columns]).view(np.uint8)
    return [np.unpackbits(bytes_, axis=1).astype(bool)]


def _told(network: Network, codes: Codes, first: int) -> Iterator[Bools]:
    """Yield what is said of described findings, where something is said of what describes them."""
    for place in sorted({of for of in network.of if of >= 0}):
        telling = [first + j for j, of in enumerate(network.of) if of == place]
        members = network.union_members[place - len(network.findings)] if place >= len(network.findings) else ()
        said = codes[:, [first + place, *(first + j for j in members)]]
        is_told = (codes[:, telling] != UNKNOWN).any(axis=1)[:, None]
        yield is_told & (said == UNKNOWN)
        yield is_told & (said == PRESENT)


def _order(keys: Keys, codes: Codes) -> tuple[Ints, Bools]:
    """Return the order of some keys, and which row is the first of its kind: two keys may be equal by chance."""
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.ones(len(codes), dtype=bool)
    alike = np.flatnonzero(keys[1:] == keys[:-1])
    first[alike + 1] = ~_equal(codes, order[alike], order[alike + 1])
    return order, first


def _equal(rows: NDArray[np.int8] | NDArray[np.uint8], these: Ints, those: Ints) -> Bools:
    """Return whether rows are equal, some at a time."""
    steps = range(0, len(these), CHUNK_ROWS)
    parts = [(rows[these[i : i + CHUNK_ROWS]] == rows[those[i : i + CHUNK_ROWS]]).all(axis=1) for i in steps]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=bool)
