"""What the model says of cases whose diagnoses are known, asked without them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.cohort import implied
from twitchbayes.errors import Fault, InvalidFrameError, InvalidValueError
from twitchbayes.evaluation.calibration import levelled
from twitchbayes.evaluation.measures import Question
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN

if TYPE_CHECKING:
    from twitchbayes.cohort import Cohort, OnBadCases
    from twitchbayes.inference import Answer
    from twitchbayes.model import Model
    from twitchbayes.network import Codes

__all__ = ["SERIOUS", "Predictions", "predict", "undiagnosed"]

Floats = NDArray[np.float64]

SERIOUS = "serious"
SHOWN_ROWS = 10
UNIONS = ("union_states", "union_predicted")
ARRAYS = ("rows", "states", "predicted", *UNIONS, "serious_states", "serious_predicted")
NO_DIAGNOSIS = "without a known diagnosis"
IMPOSSIBLE = "with evidence of probability 0 in the model"
REFUSED = "with an exact answer that would pass the engine's bound"


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Posteriors and what was true, a row a case.

    Attributes
    ----------
    causes, unions : tuple of str
        Those with diagnoses, in the order of the model.
    rows : ndarray of int64, shape (n_cases,)
        Number of each case in the table, from 0.
    states : ndarray of int8, shape (n_cases, n_causes)
        1 present, 0 absent, -1 unknown.
    predicted : ndarray, shape (n_cases, n_causes)
        P(cause | evidence without any diagnosis).
    union_states, union_predicted : ndarray, shape (n_cases, n_unions)
        Likewise of the unions of causes, where they are said or follow from their causes.
    serious_states : ndarray of int8, shape (n_cases,)
        Whether any serious cause is present: known where one is, or where all of them are known.
    serious_predicted : ndarray, shape (n_cases,)
    serious_undefined : str
        Why `serious` cannot be judged in this cohort; "" where it can.
    """

    causes: tuple[str, ...]
    unions: tuple[str, ...]
    rows: NDArray[np.int64]
    states: Codes
    predicted: Floats
    union_states: Codes
    union_predicted: Floats
    serious_states: Codes
    serious_predicted: Floats
    serious_undefined: str

    def __len__(self) -> int:
        return len(self.states)

    @property
    def names(self) -> tuple[str, ...]:
        """The questions: each cause, each union of causes, and `serious` where it can be judged."""
        return (*self.causes, *self.unions, *([] if self.serious_undefined else [SERIOUS]))

    def question(self, name: str) -> Question:
        """Return what was predicted and what was true of one of `names`."""
        if name == SERIOUS:
            return Question.of(name, self.serious_states, self.serious_predicted)
        if name in self.unions:
            place = self.unions.index(name)
            return Question.of(name, self.union_states[:, place], self.union_predicted[:, place])
        place = self.causes.index(name)
        return Question.of(name, self.states[:, place], self.predicted[:, place])

    @property
    def pooled(self) -> Question:
        """Every pair of a case and a cause as if it were a case."""
        return Question.of("pooled", self.states.ravel(), self.predicted.ravel())

    def first(self, k: int) -> Floats:
        """Return for each case whether a present cause is among the k with the highest posteriors.

        A case counts where the state of every cause is known and one or more are present, otherwise it is NaN.
        It is a hit where fewer than k absent causes have a posterior as high as the highest of a present one:
        with several present causes one of them is enough, and a tie is no hit.
        """
        counts = (self.states != UNKNOWN).all(axis=1) & (self.states == PRESENT).any(axis=1)
        levels = levelled(self.predicted)
        best = np.where(self.states == PRESENT, levels, -1.0).max(axis=1, initial=-1.0)
        before = ((self.states == ABSENT) & (levels >= best[:, None])).sum(axis=1)
        return np.where(counts, before < k, np.nan)

    def take(self, rows: NDArray[np.int64]) -> Predictions:
        """Return some of the cases."""
        return self._with([getattr(self, name)[rows] for name in ARRAYS])

    @staticmethod
    def joined(parts: Sequence[Predictions]) -> Predictions:
        """Return the cases of several predictions of the same causes together."""
        return parts[0]._with([np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS])

    def _with(self, arrays: Sequence[Any]) -> Predictions:
        return replace(self, **dict(zip(ARRAYS, arrays, strict=True)))


def undiagnosed(model: Model, cohort: Cohort) -> NDArray[np.bool_]:
    """Return which cases have no known diagnosis: (n_cases,)."""
    without: NDArray[np.bool_] = (cohort.codes[:, diagnoses(model)] == UNKNOWN).all(axis=1)
    return without


def diagnoses(model: Model) -> list[int]:
    """Return the columns of a cohort that hold diagnoses: those of causes and of unions of causes."""
    return [model.network.columns.index(name) for name in (*model.causes, *model.unions)]


def predict(model: Model, cohort: Cohort, *, on_error: OnBadCases = "raise") -> tuple[Predictions, Cohort]:
    """Answer the cases of a cohort with their diagnoses taken out of the evidence.

    Returns
    -------
    Predictions
    Cohort
        The cases that were answered; the others are counted in its `excluded`.

    Raises
    ------
    InvalidValueError
        If no case has a known diagnosis.
    InvalidFrameError
        With `on_error="raise"`, if cases have no answer; rows are counted from 0.
    """
    known = _known(model, cohort)
    cohort = cohort.without(np.flatnonzero(~known), NO_DIAGNOSIS)
    asked = cohort.codes.copy()
    asked[:, diagnoses(model)] = UNKNOWN
    batch = model.engine.answer(asked, unions=any(union in cohort.labels for union in model.unions))
    lost = np.flatnonzero(~batch.answer.possible)
    if lost.size and on_error == "raise":
        raise _unanswered(cohort, lost, batch.refused)
    refused = np.isin(lost, list(batch.refused))
    answered = np.flatnonzero(batch.answer.possible)
    for rows, reason in ((cohort.rows[lost[~refused]], IMPOSSIBLE), (cohort.rows[lost[refused]], REFUSED)):
        cohort = cohort.without(np.flatnonzero(np.isin(cohort.rows, rows)), reason)
    return _judged(model, cohort, batch.answer.take(answered)), cohort


def _known(model: Model, cohort: Cohort) -> NDArray[np.bool_]:
    """Return which cases have a known diagnosis."""
    if not cohort.labels:
        message = (
            f"{cohort.source} has no diagnoses: none of its columns is a cause of the model; "
            f"name a column after a cause ({', '.join((*model.causes, *model.unions))}), or give the column that names "
            "them as labels"
        )
        raise InvalidValueError(message)
    known: NDArray[np.bool_] = ~undiagnosed(model, cohort)
    if not known.any():
        message = f"{cohort.source} has no known diagnosis: every case leaves open {', '.join(cohort.labels)}"
        raise InvalidValueError(message)
    return known


def _unanswered(cohort: Cohort, lost: NDArray[np.int64], refused: Mapping[int, str]) -> InvalidFrameError:
    rows = lost[:SHOWN_ROWS].tolist()
    faults = [Fault(int(cohort.rows[row]), None, None, refused.get(row, f"is {IMPOSSIBLE}")) for row in rows]
    return InvalidFrameError(
        faults,
        n_faults=len(lost),
        n_rows=len(lost),
        of_rows=len(cohort),
        wanted="judged",
        advice='on_error="exclude" leaves such cases out and counts them.',
    )


def _judged(model: Model, cohort: Cohort, answer: Answer) -> Predictions:
    """Put the answers beside what was true."""
    network, n_causes = model.network, len(model.causes)
    states = cohort.codes[:, diagnoses(model)]
    states, said = states[:, :n_causes], states[:, n_causes:]
    labelled, groups = ([name in cohort.labels for name in names] for names in (model.causes, model.unions))
    whole = [implied(one, states[:, members]) for one, members in zip(said.T, network.group_members, strict=True)]
    union_states = np.array(whole, dtype=np.int8).reshape(len(whole), len(states)).T
    open_ = [cause for cause, s in zip(model.causes, network.serious, strict=True) if s and cause not in cohort.labels]
    why = "the model has no serious cause" if not network.serious.any() else ""
    if open_:
        why = f"no case says anything of {', '.join(open_)}, so that none is known to have no serious cause"
    return Predictions(
        causes=tuple(itertools.compress(model.causes, labelled)),
        unions=tuple(itertools.compress(model.unions, groups)),
        rows=cohort.rows,
        states=states[:, labelled],
        predicted=answer.causes[:, labelled],
        union_states=union_states[:, groups],
        union_predicted=answer.unions[:, groups] if any(groups) else np.zeros((len(states), 0)),
        serious_states=_serious(model, states, union_states),
        serious_predicted=answer.serious,
        serious_undefined=why,
    )


def _serious(model: Model, states: Codes, unions: Codes) -> Codes:
    """Return whether a serious cause is present: a union of nothing but serious ones tells it, too."""
    serious = model.network.serious
    wholly = [bool(serious[list(members)].all()) for members in model.network.group_members]
    found: Codes = implied(np.full(len(states), UNKNOWN, dtype=np.int8), states[:, serious])
    return np.where((unions[:, wholly] == PRESENT).any(axis=1), PRESENT, found).astype(np.int8)
