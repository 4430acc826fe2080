"""What can be asked about a case, and what each answer would do: arrays, for one case or for many.

Every answer is a row of evidence with one thing more, and all rows are one batch. A group whose members are all
unknown is one question, whose answers are the joint states of its members; the OR of a group is not asked, because its
members say it. What describes a finding is asked once that finding is known to be present, or seen uncertainly: before,
the question has no meaning for who has to answer it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import EngineLimitError, UnknownVariableError
from twitchbayes.inference import Engine
from twitchbayes.knowledge import Knowledge
from twitchbayes.network import Codes, Network

__all__ = [
    "Ask",
    "Effects",
    "Target",
    "asks_of",
    "effects",
    "entropy",
    "open_asks",
    "target_of",
    "uncertainty",
    "with_answers",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# None stands for all causes.
Target: TypeAlias = int | None

MOST_MEMBERS = 8  # of a group that is asked as one: 2^8 answers


@dataclass(frozen=True, slots=True)
class Ask:
    """A question about a variable, or about all members of a group at once.

    Attributes
    ----------
    variable : str
        Name of the variable or group.
    columns : tuple of int
        Which of `Network.columns` an answer says something of.
    states : ndarray of int8, shape (n_answers, n_columns_asked)
        What each answer says of them.
    group : tuple of int
        Of a member of a group that can be asked as one: the columns of all members. It is asked by
        itself only where one of them is known.
    after : tuple of int
        Of what describes a finding: the column of that finding, or of an OR and its members, of which one has to be
        present before it is asked.
    """

    variable: str
    columns: tuple[int, ...]
    states: Codes
    group: tuple[int, ...] = ()
    after: tuple[int, ...] = ()


def asks_of(knowledge: Knowledge, network: Network) -> tuple[Ask, ...]:
    """Return every question of a model, in the order of `variables.csv`: contexts, findings and groups."""
    column = {name: i for i, name in enumerate(network.columns)}
    whole: dict[str, tuple[int, ...]] = {}
    for group in knowledge.of_role("group"):
        members = tuple(column[member.name] for member in knowledge.members(group.name))
        if 0 < len(members) <= MOST_MEMBERS:
            whole[group.name] = members
    asks = []
    for name, variable in knowledge.variables.items():
        if name in whole:
            asks.append(Ask(name, whole[name], _joint(network, whole[name])))
        elif variable.role in {"context", "finding"} and not variable.any_of:
            own, described = (column[name],), knowledge.variables.get(variable.of)
            parts = knowledge.members(described.any_of) if described and described.any_of else ()
            after = tuple(column[v.name] for v in (described, *parts) if v is not None)
            asks.append(Ask(name, own, _joint(network, own), whole.get(variable.group, ()), after))
    return tuple(asks)


def _joint(network: Network, columns: Sequence[int]) -> Codes:
    counts = (range(len(network.states[network.columns[column]])) for column in columns)
    return np.array(list(itertools.product(*counts)), dtype=np.int8)


def open_asks(asks: Sequence[Ask], unknown: NDArray[np.bool_], present: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which questions are open in cases: (n_cases, n_asks).

    Parameters
    ----------
    asks : sequence of Ask
    unknown : ndarray of bool, shape (n_cases, n_columns)
        Columns of which nothing is known.
    present : ndarray of bool, shape (n_cases, n_columns)
        Columns that are known to be present, or seen uncertainly.
    """
    found = np.empty((len(unknown), len(asks)), dtype=bool)
    for i, ask in enumerate(asks):
        found[:, i] = unknown[:, list(ask.columns)].all(axis=1)
        if ask.group:
            found[:, i] &= ~unknown[:, list(ask.group)].all(axis=1)
        if ask.after:
            found[:, i] &= present[:, list(ask.after)].any(axis=1)
    return found


def with_answers(codes: Codes, asks: Sequence[Ask]) -> tuple[Codes, Ints]:
    """Return a case, which may be a mixture of rows, with each answer to each question.

    Parameters
    ----------
    codes : ndarray of int8, shape (n_mixed, n_columns)
    asks : sequence of Ask
        About columns that are unknown in all rows.

    Returns
    -------
    ndarray of int8, shape (n_answers, n_mixed, n_columns)
        The answers to one question stand together.
    ndarray of int64, shape (n_asks,)
        The first answer of each question.
    """
    counts = [len(ask.states) for ask in asks]
    starts = np.cumsum([0, *counts], dtype=np.int64)
    rows = np.repeat(codes[None, :, :], starts[-1], axis=0)
    for ask, start, count in zip(asks, starts.tolist(), counts, strict=False):
        rows[start : start + count, :, list(ask.columns)] = ask.states[:, None, :]
    return rows, starts[:-1]


@dataclass(frozen=True, slots=True)
class Effects:
    """What is known after each answer to some questions.

    Attributes
    ----------
    starts : ndarray, shape (n_asks,)
        The first answer of each question.
    possible : ndarray of bool, shape (n_answers,)
        Whether an answer has a positive probability.
    probability : ndarray, shape (n_answers,)
        P(answer | evidence); those of a question sum to 1.
    targets : ndarray, shape (n_answers, n_targets)
        P(target | evidence, answer) of all of `Network.targets`, in their order: causes, unions of causes (0 where
        they were not asked for), and at least one serious cause. 0 where the answer is impossible.
    n_causes : int
    """

    starts: Ints
    possible: NDArray[np.bool_]
    probability: Floats
    targets: Floats
    n_causes: int

    @property
    def causes(self) -> Floats:
        """P(cause | evidence, answer)."""
        return self.targets[:, : self.n_causes]

    @property
    def serious(self) -> Floats:
        """P(at least one serious cause | evidence, answer)."""
        return self.targets[:, -1]

    def expected(self, values: Floats) -> Floats:
        """Return the expected value of something that is known of each answer, over those of each question."""
        total: Floats = np.add.reduceat(self.probability * values, self.starts) if self.starts.size else np.zeros(0)
        return total


def effects(engine: Engine, rows: Codes, starts: Ints, log_weights: Floats, *, unions: bool = False) -> Effects:
    """Return what each answer would do, all of them one batch.

    P(answer | evidence) is P(evidence, answer) over its sum over the answers of the question.

    Parameters
    ----------
    engine : Engine
    rows : ndarray of int8, shape (n_answers, n_mixed, n_columns)
    starts : ndarray, shape (n_asks,)
        The first answer of each question, as `with_answers` gives them.
    log_weights : ndarray, shape (n_mixed,)
        Of the rows that a case is a mixture of, in nats; see `Evidence.rows`.
    unions : bool, default False
        Whether the unions of causes are asked for, too.

    Raises
    ------
    EngineLimitError
        If an answer needs more memory than the engine's bound, or is too improbable to compute with.
    """
    network = engine.network
    if not len(rows):
        return Effects(starts, np.zeros(0, bool), np.zeros(0), np.zeros((0, len(network.targets))), len(network.causes))
    batch = engine.answer(rows.reshape(-1, rows.shape[-1]), unions=unions)
    for reason in batch.refused.values():
        message = f"the case with one answer more cannot be answered: {reason}"
        raise EngineLimitError(message)
    found, shape = batch.answer, rows.shape[:2]
    logs = found.log_evidence.reshape(shape) + log_weights
    question = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(rows))))
    parts = np.exp(logs - np.maximum.reduceat(logs.max(axis=1), starts)[question, None])
    totals = parts.sum(axis=1)
    shares = parts / np.where(totals > 0, totals, 1)[:, None]
    no_unions = np.zeros((len(found.none), len(network.groups)))
    targets = np.column_stack([found.causes, found.unions if unions else no_unions, found.serious])
    return Effects(
        starts=starts,
        possible=np.isfinite(logs.max(axis=1)),
        probability=totals / np.add.reduceat(totals, starts)[question],
        targets=np.minimum(np.einsum("av,avc->ac", shares, targets.reshape(*shape, -1)), 1),
        n_causes=len(network.causes),
    )


# Uncertainty


def entropy(probability: Floats) -> Floats:
    """Return the entropy of events with these probabilities, in bits; 0 of what is certain.

    References
    ----------
    Shannon, A mathematical theory of communication (Bell System Technical Journal 27, 1948).
    """
    open_ = (probability > 0) & (probability < 1)
    p = np.where(open_, probability, 0.5)
    return np.where(open_, -(p * np.log(p) + (1 - p) * np.log1p(-p)) / np.log(2), 0.0)


def uncertainty(targets: Floats, target: Target, n_causes: int) -> Floats:
    """Return what is uncertain of a target in each row, in bits: (n_rows,).

    Parameters
    ----------
    targets : ndarray, shape (n_rows, n_targets)
        In the order of `Network.targets`.
    target : int or None
        Number of a target; None for the sum over all causes.
    n_causes : int
    """
    if target is None:
        total: Floats = entropy(targets[:, :n_causes]).sum(axis=1)
        return total
    return entropy(targets[:, target])


def target_of(target: str, targets: Iterable[str]) -> Target:
    """Return which target a name means: "causes" all causes, "serious", or the name of a cause or union of causes.

    Raises
    ------
    UnknownVariableError
    """
    named: Mapping[str, Target] = {"causes": None, **{name: i for i, name in enumerate(targets)}}
    if target not in named:
        raise UnknownVariableError(target, named, what="target")
    return named[target]
