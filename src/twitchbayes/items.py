"""The items of a case, as a person would count them, and the log odds of a cause given any of them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.batch import answer_rows
from twitchbayes.engine import Engine
from twitchbayes.errors import EngineLimitError
from twitchbayes.evidence import Evidence
from twitchbayes.groups import ABSENT, PRESENT, UNKNOWN, Codes

__all__ = ["Item", "LogOdds", "items_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ROWS_AT_ONCE = 1 << 16  # rows of evidence made at a time: some 5 MB
ROW_NANOSECONDS = 3_000  # about what a row takes that is made, and found to be like another
NEARLY_CERTAIN = 1 - 1e-6  # above it 1 - p has lost digits, and P(cause absent) is asked for by itself


class Item(NamedTuple):
    """One thing that was said of a case.

    Attributes
    ----------
    name : str
        The variable, or the group whose members were given together.
    kind : {"observed", "assumed", "virtual"}
    states : mapping of str to str
        Variable to state; empty for virtual evidence.
    likelihoods : tuple of float
        Of virtual evidence: the likelihood of each state; else empty.
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
        together.setdefault(evidence.given_as.get(variable, variable), {})[variable] = state
    observed = [Item(name, "observed", states) for name, states in together.items()]
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
        self._cause = engine.network.causes.index(cause)
        self._column = columns.index(cause)
        self._says = np.array([[c in item.variables for c in columns] for item in items]).reshape(-1, len(columns))
        # Virtual evidence is a mixture of rows. Where an item of it is left out some of the rows are alike, each as
        # often as every other, which no odds depend on.
        self._codes, _ = evidence.rows()
        self._log_likelihoods = np.zeros((len(items), len(self._codes)))
        for i, item in enumerate(items):
            if item.likelihoods:
                states = self._codes[:, columns.index(item.name)]
                self._log_likelihoods[i] = np.log(np.array(item.likelihoods)[states])

        self._states = np.array([max(1, np.count_nonzero(item.likelihoods)) for item in items], dtype=np.int64)

    @property
    def rows_per_subset(self) -> int:
        """How many rows of hard evidence a subset of the items is."""
        return len(self._codes)

    def nanoseconds(self, kept: Bools) -> Floats:
        """Return about how long each subset takes by itself: an estimate from its evidence, and no clock.

        Parameters
        ----------
        kept : ndarray of bool, shape (n_subsets, n_items)

        Returns
        -------
        ndarray, shape (n_subsets,)
            In nanoseconds in NumPy; the compiled kernel may be several times as fast.
        """
        # Of the states of virtual evidence the first and the last are the cheapest and the dearest.
        ends = np.where((kept @ self._says)[:, None, :], self._codes[[0, -1]], np.int8(UNKNOWN))
        each = np.array([self._engine.nanoseconds(rows, 1) / len(rows) for rows in ends])
        distinct = np.where(kept, self._states, 1).prod(axis=1)
        estimate: Floats = each * distinct + ROW_NANOSECONDS * self.rows_per_subset
        return estimate

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
        log_all, log_present = self._log_probabilities(self._rows(kept), kept)
        log_p = np.minimum(log_present - log_all, 0.0)
        with np.errstate(divide="ignore"):
            log_absent = log_all + np.log1p(-np.exp(log_p))
        near, lost = log_p > np.log(NEARLY_CERTAIN), np.isneginf(log_p)
        log_absent[near] = self._log_probability_with(kept[near], ABSENT)
        log_present[lost] = self._log_probability_with(kept[lost], PRESENT)
        log_odds: Floats = log_present - log_absent
        return log_odds

    def _rows(self, kept: Bools) -> Codes:
        """Return the rows of each subset: (n_subsets, rows_per_subset, n_columns)."""
        said = (kept @ self._says)[:, None, :]
        return np.where(said, self._codes[None, :, :], np.int8(UNKNOWN))

    def _log_probability_with(self, kept: Bools, state: int) -> Floats:
        """Return ln P(items, cause in a state), up to a constant."""
        if not len(kept):
            return np.zeros(0)
        rows = self._rows(kept)
        clash = (rows[:, :, self._column] != UNKNOWN) & (rows[:, :, self._column] != state)
        rows[:, :, self._column] = state
        return self._log_probabilities(rows, kept, clash)[0]

    def _log_probabilities(self, rows: Codes, kept: Bools, clash: Bools | None = None) -> tuple[Floats, Floats]:
        """Return ln P(items) and ln P(items, cause present) of each subset, up to a constant they share."""
        # A kernel that is there already is the faster for few rows, too.
        compiled = True if self._engine.has("kernel") else None
        batch = answer_rows(self._engine, rows.reshape(-1, rows.shape[-1]), compiled=compiled)
        for reason in batch.refused.values():
            raise EngineLimitError(reason)
        logs = batch.answer.log_evidence.reshape(rows.shape[:2]) + kept @ self._log_likelihoods
        if clash is not None:
            logs = np.where(clash, -np.inf, logs)
        with np.errstate(divide="ignore"):
            log_cause = np.log(batch.answer.causes[:, self._cause]).reshape(rows.shape[:2])
        return np.logaddexp.reduce(logs, axis=1), np.logaddexp.reduce(logs + log_cause, axis=1)
