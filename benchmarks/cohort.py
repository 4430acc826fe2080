"""A cohort simulated from a model: people who twitch, with some cells made unknown at random."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twitchbayes import Model
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN, Network
from twitchbayes.sampling import draw_codes

if TYPE_CHECKING:
    import pandas as pd

Codes = NDArray[np.int8]

CHUNK = 100_000
WORDS = {"absent": "no", "present": "yes"}
KINDS = ("text", "category", "number")


def simulate(network: Network, n_rows: int, seed: int) -> Codes:
    """Return rows drawn from the network, every variable known, in which every union (twitching) is present.

    Other rows are thrown away.
    """
    random = np.random.default_rng(seed)
    unions = [network.columns.index(name) for name in network.unions]
    kept: list[Codes] = []
    while sum(map(len, kept)) < n_rows:
        codes = draw_codes(network, network.parameters, min(CHUNK, 4 * n_rows), random)
        kept.append(codes[(codes[:, unions] == PRESENT).all(axis=1)])
    return np.concatenate(kept)[:n_rows]


def hide(network: Network, codes: Codes, *, contexts: float, findings: float, seed: int) -> Codes:
    """Return rows as a cohort has them: causes unknown, a share of the cells of contexts and of findings too.

    The unions (twitching) stay known.
    """
    random = np.random.default_rng(seed)
    n_contexts, n_causes, n_findings = len(network.contexts), len(network.causes), len(network.findings)
    shares = np.repeat([contexts, 1.0, findings], [n_contexts, n_causes, n_findings])
    hidden = codes.copy()
    cells = hidden[:, : len(shares)]
    cells[random.random(cells.shape) < shares] = UNKNOWN
    return hidden


def keep_contexts(network: Network, codes: Codes, share: float, seed: int) -> Codes:
    """Return rows in which exactly this share of the contexts is known, others in each row."""
    random = np.random.default_rng(seed)
    n_contexts = len(network.contexts)
    rank = random.random((len(codes), n_contexts)).argsort(axis=1).argsort(axis=1)
    kept = codes.copy()
    kept[:, :n_contexts][rank >= round(share * n_contexts)] = UNKNOWN
    return kept


def keep_counts(network: Network, row: Codes, *, contexts: int, findings: int, seed: int) -> Codes:
    """Return a row in which so many contexts and findings are known, the unions too, and no cause is."""
    random = np.random.default_rng(seed)
    first = len(network.contexts) + len(network.causes)
    known = random.permutation(len(network.contexts))[:contexts]
    known = [*known, *(first + random.permutation(len(network.findings))[:findings])]
    kept = np.full_like(row, UNKNOWN)
    kept[known] = row[known]
    kept[first + len(network.findings) :] = row[first + len(network.findings) :]
    return kept


def assigned(network: Network, n_rows: int, *, contexts: float, positive: int, absent: int, seed: int) -> Codes:
    """Return rows with exactly so many findings present and so many absent, others in each row.

    This share of the contexts is known, as simulated; unions (twitching) are present, the rest is unknown.
    """
    random = np.random.default_rng(seed)
    n_findings, n_unions = len(network.findings), len(network.unions)
    drawn = draw_codes(network, network.parameters, n_rows, random)
    rows = keep_contexts(
        network, np.where(np.arange(drawn.shape[1]) < len(network.contexts), drawn, UNKNOWN), contexts, seed
    )
    rank = random.random((n_rows, n_findings)).argsort(axis=1).argsort(axis=1)
    states = np.where(rank < positive, PRESENT, np.where(rank < positive + absent, ABSENT, UNKNOWN))
    rows[:, -n_findings - n_unions : len(network.columns) - n_unions] = states
    rows[:, len(network.columns) - n_unions :] = PRESENT
    return rows


def some_findings(network: Network, row: Codes, *, positive: int, absent: int, seed: int) -> Codes:
    """Return a row in which so many of its present and of its absent findings are known, and nothing else."""
    random = np.random.default_rng(seed)
    first = len(network.contexts) + len(network.causes)
    kept = np.full_like(row, UNKNOWN)
    for state, count in ((PRESENT, positive), (ABSENT, absent)):
        there = first + np.flatnonzero(row[first:] == state)
        kept[random.permutation(there)[:count]] = state
    return kept


def distinct(codes: Codes) -> int:
    """Return how many different rows there are."""
    rows = np.ascontiguousarray(codes).view(np.dtype((np.void, codes.shape[1])))
    return len(np.unique(rows))


def evidence(model: Model, row: Codes) -> dict[str, str]:
    """Return one row as a mapping of variable to state, unknown ones left out."""
    network = model.network
    known = zip(network.columns, row.tolist(), strict=True)
    return {name: network.states[name][state] for name, state in known if state != UNKNOWN}


def frame(model: Model, codes: Codes, kind: str = "text") -> pd.DataFrame:
    """Return the rows as a researcher would have them, a column a variable, unknown cells missing.

    Binary variables are "yes" and "no"; with kind "category" every column is categorical, with "number" a
    binary one is 1.0 and 0.0. A variable in bands (age) is a number: the lower end of its band.
    """
    import pandas as pd

    return pd.DataFrame(dict(_columns(model, codes, kind)), copy=False)


def _columns(model: Model, codes: Codes, kind: str) -> Iterator[tuple[str, pd.api.extensions.ExtensionArray]]:
    import pandas as pd

    for column, name in enumerate(model.network.columns):
        variable = model.knowledge.variables[name]
        states = codes[:, column]
        if variable.role == "cause":
            continue
        if variable.bands:
            low = np.array([*(band[0] for band in variable.bands), np.nan])
            yield name, pd.array(low[states], dtype="Float64" if kind == "category" else "float64")
        elif kind == "number" and variable.states == tuple(WORDS):
            yield name, pd.array(np.array([0.0, 1.0, np.nan])[states], dtype="float64")
        else:
            words = [WORDS.get(state, state) for state in variable.states]
            cells = pd.Categorical.from_codes(states, words)
            yield name, cells if kind == "category" else pd.array([*words, None], dtype="str").take(states)
