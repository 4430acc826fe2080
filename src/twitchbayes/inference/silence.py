"""P(evidence, and no link of some causes fired at some findings): what says which causes produced a finding.

That the links of a cause to a finding did not fire is one finding more that is absent: it has links with the same
numbers, and the links themselves become 0. So each question is a parameter set of a network with that one finding, and
all of them are a batch. If what describes a finding is asked about, the one more describes the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from twitchbayes.inference.engine import Engine
from twitchbayes.inference.strata import spell_out
from twitchbayes.network import ABSENT, COMPLEMENT, UNKNOWN, Codes, Network, Parameters

__all__ = ["BACKGROUND", "log_silent"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BACKGROUND = -1  # among the sources: the leaks
SETS_AT_ONCE = 256
SILENT = "no link fired"  # no name of a variable has a space


def log_silent(engine: Engine, row: NDArray[np.int8], sites: Sequence[int], sources: Sequence[Iterable[int]]) -> Floats:
    """Return ln P(row, no link from some causes to some findings fired) for each collection of causes.

    Parameters
    ----------
    row : ndarray of int8, shape (n_columns,)
        One row of evidence.
    sites : sequence of int
        Numbers of the findings; either none of them describes another, or all describe the same.
    sources : sequence of collection of int
        Numbers of causes, or `BACKGROUND`.

    Returns
    -------
    ndarray, shape (len(sources),)
        In nats.

    Raises
    ------
    EngineLimitError
        If a row would need more memory than the engine's bound.
    """
    of = engine.network.of[sites[0]] if len(sites) else -1
    silencer = _silencer(engine.network, of, engine.max_bytes, engine.threads)
    spelled = spell_out(engine.network, engine.network.link_contexts, row[None])
    parts = row[None] if spelled is None else spelled.codes
    logs = [
        silencer.engine.log_evidence(
            silencer.row(part)[None], silencer.sets(part, sites, sources[i : i + SETS_AT_ONCE])
        )
        for part in parts
        for i in range(0, len(sources), SETS_AT_ONCE)
    ]
    found: Floats = np.logaddexp.reduce(np.concatenate(logs).reshape(len(parts), len(sources)), axis=0)
    return found


@dataclass(frozen=True, eq=False)
class _Silencer:
    """A network with one finding more, which every cause may produce, or everything that produces what it describes."""

    plain: Network
    engine: Engine
    causes: tuple[int, ...]

    def row(self, row: NDArray[np.int8]) -> NDArray[np.int8]:
        """Return a row of evidence of the network, in which the finding is absent."""
        at = len(self.plain.contexts) + len(self.plain.causes) + len(self.plain.findings)
        return np.insert(row, at, np.int8(ABSENT))

    def sets(self, row: Codes, sites: Sequence[int], sources: Sequence[Iterable[int]]) -> Parameters:
        """Return a parameter set for each question, in the strata of a row."""
        yes, no = (np.repeat(array, len(sources), axis=0) for array in self._base)
        for s, causes in enumerate(sources):
            for k in causes:
                for site in sites:
                    self._silence(row, site, k, yes[s], no[s])
        return Parameters(yes, no)

    @property
    def _base(self) -> tuple[Floats, Floats]:
        parameters = self.engine.network.parameters
        return parameters.yes, parameters.no

    def _silence(self, row: Codes, site: int, k: int, yes: Floats, no: Floats) -> None:
        """Make the links of a cause to a site 0, and let the one finding more be absent as if they had not fired."""
        network = self.engine.network
        slots = network.slots
        low = self._low(row, site)
        if low is None or (k != BACKGROUND and k not in self.causes):
            return
        if k == BACKGROUND:
            start, shape = slots.finding_leak_starts[site], slots.finding_leak_shapes[site]
            contexts, more = network.leak_strata[site], slots.finding_leak_starts[len(self.plain.findings)]
        else:
            link = _links(network).get((len(network.contexts) + k, self._first + site))
            if link is None:
                return
            start, shape, contexts = slots.link_starts[link], slots.link_shapes[link], network.link_strata[link]
            more = slots.link_starts[len(slots.link_starts) - len(self.causes) + self.causes.index(k)]
        stratum = int(np.ravel_multi_index([row[c] for c in contexts], shape[:-1])) if contexts else 0
        own = slice(start + stratum * shape[-1], start + (stratum + 1) * shape[-1])
        fires = yes[own][low - 1 :].sum()
        spares = no[own][0] + yes[own][: low - 1].sum()
        yes[more] += no[more] * fires
        no[more] *= spares
        whole = slice(start, start + math.prod(shape))
        yes[whole], no[whole] = 0.0, 1.0

    @property
    def _first(self) -> int:
        return len(self.plain.contexts) + len(self.plain.causes)

    def _low(self, row: Codes, site: int) -> int | None:
        """Return the state that a link must raise a site to, to have fired; None where it is known to have not."""
        column = self._first + site
        if row[column] == UNKNOWN:
            return 1
        low, high = self.plain.codes[column][row[column]]
        return None if high == 0 else max(low, 1)


@lru_cache(maxsize=4)
def _silencer(network: Network, of: int, max_bytes: int, threads: int) -> _Silencer:
    n_findings, slots = len(network.findings), network.slots
    first, n_contexts = len(network.contexts) + len(network.causes), len(network.contexts)
    causes = tuple(range(len(network.causes)))
    if of >= 0:
        places = network.union_members[of - n_findings] if of >= n_findings else (of,)
        links = _links(network)
        causes = tuple(k for k in causes if any((n_contexts + k, first + j) in links for j in places))
    shift = of + 1 if of >= n_findings else of
    parameters = Parameters(
        *(
            np.concatenate(
                [
                    array[:, : slots.first_link],
                    np.full((1, 1), fill),
                    array[:, slots.first_link :],
                    np.full((1, len(causes)), fill),
                ],
                axis=1,
            )
            for array, fill in ((network.parameters.yes, 0.0), (network.parameters.no, 1.0))
        )
    )
    starts = tuple(start + 1 for start in slots.link_starts)
    end = slots.rows.size + 1
    more = replace(
        slots,
        rows=np.concatenate([slots.rows, np.full(1 + len(causes), COMPLEMENT)]),
        finding_leak_shapes=(*slots.finding_leak_shapes, (1,)),
        link_shapes=slots.link_shapes + ((1,),) * len(causes),
        finding_leak_starts=(*slots.finding_leak_starts, slots.first_link),
        link_starts=(*starts, *range(end, end + len(causes))),
        first_link=slots.first_link + 1,
        graded=(),  # nobody asks it for parameters
        sources=np.concatenate([slots.sources, n_contexts + np.array(causes, dtype=np.int64)]),
        targets=np.concatenate([slots.targets, np.full(len(causes), first + n_findings)]),
    )
    grown = replace(
        network,
        findings=(*network.findings, SILENT),
        states={**network.states, SILENT: ("absent", "present")},
        of=(*(place + (place >= n_findings) for place in network.of), shift),
        leak_strata=(*network.leak_strata, ()),
        link_strata=network.link_strata + ((),) * len(causes),
        parameters=parameters,
        slots=more,
    )
    return _Silencer(network, Engine(grown, max_bytes=max_bytes, threads=threads), causes)


@lru_cache(maxsize=4)
def _links(network: Network) -> dict[tuple[int, int], int]:
    """Return the number of the link between each pair of nodes that has one."""
    slots = network.slots
    return {ends: i for i, ends in enumerate(zip(slots.sources.tolist(), slots.targets.tolist(), strict=True))}
