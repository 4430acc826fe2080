"""The items of a case, as a person would count them, and the log odds of a cause given any of them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.inference.mixture import widened
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN

__all__ = ["Item", "LogOdds", "items_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROWS_AT_ONCE = 1 << 16  # rows of evidence made at a time: some 5 MB


class Item(NamedTuple):
    """One thing that was said of a case.

    Attributes
    ----------
    name : str
        The variable, or the group whose members were given together.
    kind : {"observed", "assumed", "virtual"}
    states : mapping of str to str
        Variable to state, or to several in words ("50 to 70"); empty for virtual evidence.
    likelihoods : tuple of float
        Of virtual evidence, and of several states: the likelihood of each state; else empty.
    """

    name: str
    kind: Literal["observed", "assumed", "virtual"]
    states: Mapping[str, str]
    likelihoods: tuple[float, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that it says something of."""
        return tuple(self.states) or (self.name,)


def items_of(evidence: Evidence) -> tuple[Item, ...]:
    """Return the items of a case: what was observed, each in the order given, what is assumed, virtual evidence.

    Sites that were given by one word, as by `twitch_location="face"`, are one item: nobody said them one by one.
    """
    together: dict[str, dict[str, str]] = {}
    for variable, state in evidence.observed.items():
        # What is not certain of a member is an item of its own: it has likelihoods, and they have none.
        name = variable if variable in evidence.several else evidence.given_as.get(variable, variable)
        together.setdefault(name, {})[variable] = state
    observed = [Item(name, "observed", states, evidence.several.get(name, ())) for name, states in together.items()]
    assumed = [Item(name, "assumed", {name: state}) for name, state in evidence.assumed.items()]
    virtual = [Item(name, "virtual", {}, likelihoods) for name, likelihoods in evidence.virtual.items()]
    return (*observed, *assumed, *virtual)


class LogOdds:
    """Posterior log odds of a cause given some items of a case, nothing being assumed in the place of the others.

    Parameters
    ----------
    engine : Engine
    evidence : Evidence
    items : sequence of Item
        All items of the evidence.
    cause : str
    """

    def __init__(self, engine: Engine, evidence: Evidence, items: Sequence[Item], cause: str) -> None:
        columns = engine.network.columns
        self._engine = engine
        self._column = engine.network.targets[cause]
        width = len(columns) + 1
        self._says = np.zeros((len(items), width), dtype=bool)
        for i, item in enumerate(items):
            self._says[i, [columns.index(name) for name in item.variables]] = True
        # Virtual evidence is a mixture of rows. Where an item of it is left out some of the rows are alike, each as
        # often as every other, which no odds depend on.
        self._codes = widened(evidence.rows()[0], width)
        self._log_likelihoods = np.zeros((len(items), len(self._codes)))
        for i, item in enumerate(items):
            if item.likelihoods:
                states = self._codes[:, columns.index(item.name)]
                self._log_likelihoods[i] = np.log(np.array(item.likelihoods)[states])

    @property
    def rows_per_subset(self) -> int:
        """How many rows of hard evidence a subset of the items is."""
        return len(self._codes)

    def of(self, kept: Bools) -> Floats:
        """Return the log odds given each subset of the items.

        Parameters
        ----------
        kept : ndarray of bool, shape (n_subsets, n_items)

        Returns
        -------
        ndarray, shape (n_subsets,)
            In nats; inf where the cause is certain, -inf where it is impossible.

        Raises
        ------
        EngineLimitError
            If the exact answer to a subset would need more memory than the engine's bound.
        """
        step = max(1, ROWS_AT_ONCE // self.rows_per_subset)
        parts = [self._of(kept[i : i + step]) for i in range(0, len(kept), step)]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _of(self, kept: Bools) -> Floats:
        """Return ln P(items, cause present) - ln P(items, cause absent) of each subset."""
        said = (kept @ self._says)[:, None, :]
        rows = np.where(said, self._codes[None, :, :], np.int8(UNKNOWN))
        both = np.stack([rows, rows])
        both[0, :, :, self._column], both[1, :, :, self._column] = PRESENT, ABSENT
        clash = (rows[:, :, self._column] != UNKNOWN) & (rows[:, :, self._column] != both[..., self._column])
        logs = self._engine.log_evidence(both.reshape(-1, both.shape[-1])).reshape(clash.shape)
        logs = np.where(clash, -np.inf, logs + kept @ self._log_likelihoods)
        log_present, log_absent = np.logaddexp.reduce(logs, axis=2)
        log_odds: Floats = log_present - log_absent
        return log_odds
