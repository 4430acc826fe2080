"""What can be asked about a case, and what each answer would do: arrays, for one case or for many.

Every answer is a row of evidence with one thing more, and all rows are one batch. A group whose members are all
unknown is one question, whose answers are the joint states of its members; the OR of a group is not asked, because its
members say it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
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
    "column_of",
    "effects",
    "entropy",
    "open_asks",
    "uncertainty",
    "with_answers",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# None stands for all causes.
Target: TypeAlias = int | None

MOST_MEMBERS = 8  # of a group that is asked as one: 2^8 answers
SERIOUS = -1  # among the targets: at least one serious cause


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
    """

    variable: str
    columns: tuple[int, ...]
    states: Codes
    group: tuple[int, ...] = ()


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
            own = (column[name],)
            asks.append(Ask(name, own, _joint(network, own), whole.get(variable.group, ())))
    return tuple(asks)


def _joint(network: Network, columns: Sequence[int]) -> Codes:
    counts = (range(len(network.states[network.columns[column]])) for column in columns)
    return np.array(list(itertools.product(*counts)), dtype=np.int8)


def open_asks(asks: Sequence[Ask], unknown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Say which questions are open in cases of which these columns are unknown: (n_cases, n_asks).

    Parameters
    ----------
    asks : sequence of Ask
    unknown : ndarray of bool, shape (n_cases, n_columns)
    """
    found = np.empty((len(unknown), len(asks)), dtype=bool)
    for i, ask in enumerate(asks):
        found[:, i] = unknown[:, list(ask.columns)].all(axis=1)
        if ask.group:
            found[:, i] &= ~unknown[:, list(ask.group)].all(axis=1)
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
    causes, serious : ndarray, shapes (n_answers, n_causes) and (n_answers,)
        P(cause | evidence, answer) and P(at least one serious cause | evidence, answer); 0 where the
        answer is impossible.
    """

    starts: Ints
    possible: NDArray[np.bool_]
    probability: Floats
    causes: Floats
    serious: Floats

    def expected(self, values: Floats) -> Floats:
        """Return the expected value of something that is known of each answer, over those of each question."""
        total: Floats = np.add.reduceat(self.probability * values, self.starts) if self.starts.size else np.zeros(0)
        return total


def effects(engine: Engine, rows: Codes, starts: Ints, log_weights: Floats) -> Effects:
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

    Raises
    ------
    EngineLimitError
        If an answer needs more memory than the engine's bound, or is too improbable to compute with.
    """
    if not len(rows):
        return Effects(starts, np.zeros(0, bool), np.zeros(0), np.zeros((0, len(engine.network.causes))), np.zeros(0))
    batch = engine.answer(rows.reshape(-1, rows.shape[-1]))
    for reason in batch.refused.values():
        message = f"the case with one answer more cannot be answered: {reason}"
        raise EngineLimitError(message)
    found, shape = batch.answer, rows.shape[:2]
    logs = found.log_evidence.reshape(shape) + log_weights
    question = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(rows))))
    parts = np.exp(logs - np.maximum.reduceat(logs.max(axis=1), starts)[question, None])
    totals = parts.sum(axis=1)
    shares = parts / np.where(totals > 0, totals, 1)[:, None]
    return Effects(
        starts=starts,
        possible=np.isfinite(logs.max(axis=1)),
        probability=totals / np.add.reduceat(totals, starts)[question],
        causes=np.minimum(np.einsum("av,avc->ac", shares, found.causes.reshape(*shape, -1)), 1),
        serious=np.minimum((shares * found.serious.reshape(shape)).sum(axis=1), 1),
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


def uncertainty(causes: Floats, serious: Floats, target: Target) -> Floats:
    """Return what is uncertain of a target in each row, in bits: (n_rows,).

    Parameters
    ----------
    causes : ndarray, shape (n_rows, n_causes)
    serious : ndarray, shape (n_rows,)
    target : int or None
        Number of a cause; `SERIOUS`; None for the sum over all causes.
    """
    if target is None:
        total: Floats = entropy(causes).sum(axis=1)
        return total
    return entropy(serious if target == SERIOUS else causes[:, target])


def column_of(target: str, causes: Sequence[str]) -> Target:
    """Return which target a name means: "causes" all of them, "serious", or the name of one.

    Raises
    ------
    UnknownVariableError
    """
    named: Mapping[str, Target] = {"causes": None, "serious": SERIOUS, **{name: i for i, name in enumerate(causes)}}
    if target not in named:
        raise UnknownVariableError(target, named, what="target")
    return named[target]
