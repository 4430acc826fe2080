"""Rows of a batch that one walk can answer together: those of one pattern, and small patterns pooled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchbayes.network import Network
from twitchbayes.plan import Pattern, private_contexts

__all__ = ["ABSENT", "PRESENT", "UNKNOWN", "Codes", "Group", "Groups"]

Codes = NDArray[np.int8]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

UNKNOWN, ABSENT, PRESENT = -1, 0, 1

# A pattern of fewer rows is pooled with others of as many elements, up to some; a pool of very few is no gain.
POOLED_BELOW = 24
POOLED_ELEMENTS = 8
SMALLEST_POOL = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Numbers of some rows that share a pattern, and its key.

    `key` (n_contexts + n_findings + n_members,) says which contexts are known, which findings positive and
    which members of unions open; of a pool, the known contexts only. `explained_by` (n_rows, n_elements,
    n_findings) says of a pool which findings each element of a row stands for; None elsewhere.
    """

    rows: Ints
    key: Flags
    explained_by: Flags | None = None

    @property
    def name(self) -> bytes:
        """What tells the pattern from every other one."""
        pooled = 0 if self.explained_by is None else self.explained_by.shape[1]
        return self.key.tobytes() + bytes([pooled])


class Groups:
    """How rows of evidence on a network fall into groups.

    Parameters
    ----------
    network : Network
    """

    def __init__(self, network: Network) -> None:
        self.n_contexts, self.n_unions = len(network.contexts), len(network.unions)
        first = self.n_contexts + len(network.causes)
        self.findings = slice(first, first + len(network.findings))
        # Members of the unions, one after the other, and which union each of them belongs to.
        self._members = np.array([j for members in network.union_members for j in members], dtype=np.int64)
        self._union_of = np.repeat(np.arange(self.n_unions), [len(m) for m in network.union_members])
        self._private = private_contexts(network)

    def resolve(self, codes: Codes) -> tuple[Codes, Flags, Flags]:
        """Turn each union into what it says of its members.

        An absent union means that every member is absent. A present one says nothing more where a
        member is known to be present; else at least one of its unknown ("open") members is present.

        Returns
        -------
        ndarray of int8
            The codes with absent members filled in.
        ndarray of bool, shape (n_rows, n_members)
            Which members are open, of all unions one after the other.
        ndarray of bool, shape (n_rows,)
            Whether the unions of a row and its members can hold together.
        """
        possible = np.ones(len(codes), dtype=bool)
        open_members = np.zeros((len(codes), len(self._members)), dtype=bool)
        if not len(self._members):
            return codes, open_members, possible
        codes = codes.copy()
        findings = codes[:, self.findings]
        for i in range(self.n_unions):
            union = codes[:, self.findings.stop + i]
            columns = np.flatnonzero(self._union_of == i)
            members = findings[:, self._members[columns]]
            has_present, unknown = (members == PRESENT).any(axis=1), members == UNKNOWN
            absent, present = union == ABSENT, (union == PRESENT) & ~has_present
            possible &= ~(absent & has_present) & ~(present & ~unknown.any(axis=1))
            findings[:, self._members[columns]] = np.where(absent[:, None] & unknown, ABSENT, members)
            open_members[:, columns] = present[:, None] & unknown
        return codes, open_members, possible

    def open_findings(self, open_members: Flags, union: int | None = None) -> Flags:
        """Return which findings are open members of a union, or of any: (n_rows, n_findings)."""
        found = np.zeros((len(open_members), self.findings.stop - self.findings.start), dtype=bool)
        for i in range(self.n_unions) if union is None else (union,):
            own = self._union_of == i
            found[:, self._members[own]] |= open_members[:, own]
        return found

    def split(self, codes: Codes, open_members: Flags, possible: Flags, *, pool: bool) -> Iterator[Group]:
        """Yield the groups of the rows that are possible; what `resolve` gives goes in.

        `pool` says whether small patterns may be pooled, which needs one parameter set for all rows.
        """
        known = (codes[:, : self.n_contexts] != UNKNOWN) & ~self._private
        positive = codes[:, self.findings] == PRESENT
        keys = np.concatenate([known, positive, open_members], axis=1)
        small = []
        for rows in _equal_rows(keys, np.flatnonzero(possible)):
            if pool and len(rows) < POOLED_BELOW and len(codes) >= SMALLEST_POOL:
                small.append(rows)
            else:
                yield Group(rows, keys[rows[0]])
        if small:
            yield from self._pools(keys, small)

    def pattern(self, group: Group) -> Pattern:
        """Return the pattern of a group."""
        if group.explained_by is not None:
            return Pattern(tuple(np.flatnonzero(group.key).tolist()), (), (), pooled=group.explained_by.shape[1])
        known, positive, open_members = self._split_key(group.key)
        unions = (self._members[open_members & (self._union_of == i)] for i in range(self.n_unions))
        return Pattern(
            known=tuple(np.flatnonzero(known).tolist()),
            positive=tuple(np.flatnonzero(positive).tolist()),
            unions=tuple(tuple(members.tolist()) for members in unions if members.size),
        )

    def _split_key(self, keys: Flags) -> list[Flags]:
        n_findings = self.findings.stop - self.findings.start
        return np.split(keys, [self.n_contexts, self.n_contexts + n_findings], axis=-1)

    def _pools(self, keys: Flags, small: list[Ints]) -> Iterator[Group]:
        """Pool small patterns by their known contexts and their number of elements."""
        rows = np.concatenate(small)
        known, positive, open_members = self._split_key(keys[rows])
        unions = [open_members[:, self._union_of == i].any(axis=1) for i in range(self.n_unions)]
        count = positive.sum(axis=1) + np.sum(unions, axis=0, dtype=np.int64)
        for pool in _equal_rows(np.column_stack([known, _digits(count)]), np.arange(len(rows))):
            n = int(count[pool[0]])
            if not 1 <= n <= POOLED_ELEMENTS or len(pool) < SMALLEST_POOL:
                for own in _equal_rows(keys, rows[pool]):
                    yield Group(own, keys[own[0]])
                continue
            yield Group(rows[pool], known[pool[0]], self._explained_by(positive[pool], open_members[pool], n))

    def _explained_by(self, positive: Flags, open_members: Flags, n: int) -> Flags:
        """Return which findings each element of a row stands for: (rows, n, findings)."""
        explained_by = np.zeros((len(positive), n, positive.shape[1]), dtype=bool)
        row, finding = np.nonzero(positive)
        explained_by[row, positive.cumsum(axis=1)[row, finding] - 1, finding] = True
        count = positive.sum(axis=1)
        for i in range(self.n_unions):
            own = self._union_of == i
            row = np.flatnonzero(open_members[:, own].any(axis=1))
            explained_by[row[:, None], count[row, None], self._members[own]] = open_members[row][:, own]
            count[row] += 1
        return explained_by


def _digits(count: Ints) -> Flags:
    """Return numbers as bits, up to 2^16."""
    bits: Flags = (count[:, None] >> np.arange(16)) & 1 == 1
    return bits


def _equal_rows(keys: Flags, rows: Ints) -> Iterator[Ints]:
    """Yield the row numbers of each group of equal keys."""
    if len(rows) < 2:
        if rows.size:
            yield rows
        return
    bits = np.packbits(keys[rows], axis=1)
    packed = np.ascontiguousarray(bits).view(np.dtype((np.void, bits.shape[1]))).ravel()
    group = np.unique(packed, return_inverse=True)[1].ravel()
    order = np.argsort(group, kind="stable")
    yield from np.split(rows[order], np.flatnonzero(np.diff(group[order])) + 1)
