"""A model as a classifier of scikit-learn: `fit` tunes it to cases, `predict_proba` gives its exact probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d, validate_data

from twitchbayes import tuning
from twitchbayes.cohort import Cohort, read_cohort
from twitchbayes.errors import Fault, InvalidFrameError, InvalidValueError, TwitchbayesError, did_you_mean
from twitchbayes.model import Model, load_model
from twitchbayes.network import ABSENT, PRESENT
from twitchbayes.values import ABSENT_WORDS, PRESENT_WORDS, is_unknown

if TYPE_CHECKING:
    import os

__all__ = ["TwitchClassifier"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NO_CAUSE = "none"
SHOWN_FAULTS = 10
CHUNK_ROWS = 1 << 14  # cases that are asked for every class at once


class TwitchClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A model as a classifier: `fit` is `Model.tune`, and what is predicted is exact.

    What y says, and what `predict_proba` gives, depends on `cause`:

    - With a cause, y says of each case whether that cause is present; the others are not spoken of. The
      probabilities are 1 - P and P, where P is P(cause present | evidence), as `Model.infer` has it.
    - Without one, y names the diagnosis of each case: the only listed cause that is present, or "none".
      The causes of a model do not exclude each other, so this is a condition: the probability of a
      class is P(only that cause | evidence, and the causes present are those of one of the classes).
      Where diagnoses come together, use a classifier for each cause.

    A y of None or NaN is a case that was not diagnosed; `fit` learns from its evidence.

    Parameters
    ----------
    model : str, path or Model, default "twitch"
        What `load_model` takes.
    cause : str, optional
        The cause, or union of causes, that y speaks of.
    classes : sequence of str, optional
        Without a cause: the diagnoses to tell apart, causes or "none". Where it is left out, those that
        y has; what y lacks then has no probability.
    strength, learn, selected_by, max_iterations, tolerance
        As for `Model.tune`.
    columns : sequence or mapping, optional
        Of a frame, as for `Model.infer_frame`. Of an array, which has no names: the variable or group of
        each column, in order, or a mapping of the number of a column to it.
    ignore : sequence
        Columns that are no evidence.

    Attributes
    ----------
    classes_ : ndarray
        Of the values that y had, in sorted order. With a cause, both ways of saying it even where y had
        one of them only.
    model_ : Model
        The tuned model.
    tuning_ : Tuning
        Its report and notes.
    n_iter_ : int
        Passes over the cases.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Where the columns had names.

    Examples
    --------
    >>> import twitchbayes
    >>> cases = twitchbayes.load_model("twitch").simulate(300, seed=1, given={"twitching": True}, missing=0.1)
    >>> X, y = cases.drop(columns=list(twitchbayes.load_model("twitch").causes)), cases["als"]
    >>> classifier = twitchbayes.TwitchClassifier(cause="als").fit(X, y)
    >>> classifier.classes_.tolist(), classifier.predict_proba(X).shape
    (['no', 'yes'], (300, 2))
    """

    def __init__(  # noqa: PLR0913 (scikit-learn sets each by its name)
        self,
        model: str | os.PathLike[str] | Model = "twitch",
        *,
        cause: str | None = None,
        classes: Sequence[str] | None = None,
        strength: float = 1.0,
        learn: str | Collection[str] = tuning.LEARNED,
        selected_by: str | Collection[str] | None = None,
        columns: Mapping[Any, str] | Sequence[Any] | None = None,
        ignore: Sequence[Any] = (),
        max_iterations: int = 500,
        tolerance: float = 1e-4,
    ) -> None:
        self.model = model
        self.cause = cause
        self.classes = classes
        self.strength = strength
        self.learn = learn
        self.selected_by = selected_by
        self.columns = columns
        self.ignore = ignore
        self.max_iterations = max_iterations
        self.tolerance = tolerance

    def fit(self, X: Any, y: Any) -> TwitchClassifier:  # noqa: N803 (the name that scikit-learn gives it)
        """Tune the model to cases and their diagnoses.

        Parameters
        ----------
        X : pandas or polars DataFrame, pyarrow Table, or array with `columns`, shape (n_cases, n_columns)
            A case a row, in the words of `Model.infer_frame`; gaps anywhere.
        y : array-like, shape (n_cases,)
            See the class. None, NaN and missing values of pandas: not diagnosed.

        Returns
        -------
        TwitchClassifier
            This one.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
            If columns, y or options are wrong. What is wrong with an array as such, or with names of columns
            that are not those of `fit`, scikit-learn tells by its own errors.
        InvalidFrameError
            With the first bad cells of X or of y, or the cases that are impossible in the model.

        Warns
        -----
        ConvergenceWarning
            If `max_iterations` passes were not enough.
        """
        options = tuning.Options.of(
            strength=self.strength,
            learn=self.learn,
            selected_by=self.selected_by,
            max_iterations=self.max_iterations,
            tolerance=self.tolerance,
            date=None,
        )
        validate_data(self, X, y, skip_check_array=True)
        check_consistent_length(X, y)
        before = load_model(self.model)
        diagnoses = _as_list(y)
        evidence = self._read(before, X)
        classes, meant = self._read_classes(before, diagnoses)
        cohort = _with_diagnoses(evidence, before, self.cause, meant)
        fitted = tuning.tune(before, cohort, options)
        if not fitted.converged:
            warnings.warn("\n".join(fitted.notes), ConvergenceWarning, stacklevel=2)
        self.classes_ = classes
        self.tuning_, self.model_ = fitted, fitted.model
        self.n_iter_ = int(fitted.history["passes"].iloc[-1])
        return self

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Return the probability of each class in each case: (n_cases, n_classes), rows summing to one.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError, InvalidFrameError
            As `Model.infer_frame` does.
        """
        check_is_fitted(self)
        validate_data(self, X, reset=False, skip_check_array=True)
        cohort = self._read(self.model_, X)
        if self.cause is None:
            return self._of_one_cause_each(X, cohort)
        is_union = self.cause in self.model_.unions
        batch = self.model_.engine.answer(cohort.codes, unions=is_union)
        _refuse(X, cohort, batch.answer.possible, "this case has no answer in the model")
        names, answers = (
            (self.model_.unions, batch.answer.unions) if is_union else (self.model_.causes, batch.answer.causes)
        )
        present = answers[:, names.index(self.cause)]
        is_present = [self._state(self.model_, value) == PRESENT for value in self.classes_.tolist()]
        return np.where(is_present, present[:, None], 1 - present[:, None])

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class of each case: (n_cases,); see `predict_proba`."""
        probabilities = self.predict_proba(X)
        predicted: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return predicted

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.classifier_tags.multi_class = self.cause is None
        return tags

    # Diagnoses

    def _read_classes(self, model: Model, diagnoses: list[Any]) -> tuple[NDArray[Any], list[Any]]:
        """Return the classes, and for each case what its diagnosis means: a state, a cause, or None for unknown."""
        wanted = self._wanted(model)
        faults: list[Fault] = []
        meant: list[Any] = []
        for row, value in enumerate(diagnoses):
            try:
                is_gap = is_unknown(value) and not isinstance(value, str)
                meant.append(None if is_gap else self._meaning(model, value, wanted))
            except TwitchbayesError as error:
                faults.append(Fault(row, "y", value, str(error)))
        if faults:
            raise InvalidFrameError(
                faults[:SHOWN_FAULTS],
                n_faults=len(faults),
                n_rows=len(faults),
                of_rows=len(diagnoses),
                wanted="used",
                advice="A case that was not diagnosed has None or NaN.",
            )
        known = {value: m for value, m in zip(diagnoses, meant, strict=True) if m is not None}
        if not known:
            message = "y has no diagnosis: every value of it is None or NaN"
            raise InvalidValueError(message)
        return (np.unique(wanted or list(known)) if self.cause is None else _both_ways(known)), meant

    def _wanted(self, model: Model) -> list[str]:
        """Return the classes that were asked for, once all names are found to be causes."""
        given = [] if self.cause is None else [self.cause]
        named = list(self.classes or ())
        wrong = [name for name in given if name not in (*model.causes, *model.unions)]
        wrong += [name for name in named if name not in (*model.causes, NO_CAUSE)]
        if wrong:
            hint = did_you_mean(wrong[0], [*model.causes, *(model.unions if given else [NO_CAUSE])])
            message = f"{', '.join(map(repr, wrong))}: the model has no such cause.{hint}"
            raise InvalidValueError(message)
        if given and named:
            message = f"cause={self.cause!r} has the classes absent and present; leave classes out, or cause"
            raise InvalidValueError(message)
        return named

    def _meaning(self, model: Model, value: Any, wanted: Sequence[str]) -> Any:
        if self.cause is not None:
            return self._state(model, value)
        if not isinstance(value, str) or value not in (*model.causes, NO_CAUSE):
            message = f"y={value!r} is neither a cause nor 'none'.{did_you_mean(value, (*model.causes, NO_CAUSE))}"
            raise InvalidValueError(message)
        if wanted and value not in wanted:
            message = f"y={value!r} is not among the classes {', '.join(wanted)}"
            raise InvalidValueError(message)
        return value

    def _state(self, model: Model, value: Any) -> int:
        """Return the state of the cause that a value of y means."""
        said = model.words.said(self.cause, value)
        if said is None:
            message = f"{self.cause}={value!r} says nothing; give yes or no, or None where it is not known"
            raise InvalidValueError(message)
        return said.code

    # Cases

    def _read(self, model: Model, table: Any) -> Cohort:
        """Return the evidence of cases, in which what is asked for must not stand."""
        columns = self.columns
        if not hasattr(table, "columns") and not hasattr(table, "column_names"):
            table, columns = _named(table, columns)
        cohort = read_cohort(model, table, columns=columns, ignore=self.ignore)
        asked = (*model.causes, *model.unions) if self.cause is None else (self.cause,)
        told = [name for name in cohort.labels if name in asked]
        if told:
            message = f"X has columns of what is asked for: {', '.join(told)}; take them out, or put them in ignore"
            raise InvalidValueError(message)
        return cohort

    def _of_one_cause_each(self, table: Any, cohort: Cohort) -> Floats:
        """Return P(only the cause of a class | evidence, one of the classes)."""
        engine, causes = self.model_.engine, self.model_.causes
        only = np.array([[name == cause for cause in causes] for name in self.classes_.tolist()])
        columns = _places(self.model_)
        log_joint = np.empty((len(cohort), len(only)))
        for start in range(0, len(cohort), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            codes = np.repeat(cohort.codes[rows], len(only), axis=0)
            codes[:, columns] = np.where(np.tile(only, (len(codes) // len(only), 1)), PRESENT, ABSENT)
            log_joint[rows] = engine.log_evidence(codes).reshape(-1, len(only))
        best = log_joint.max(axis=1, keepdims=True)
        _refuse(table, cohort, np.isfinite(best[:, 0]), "no single one of the classes can explain this case")
        odds = np.exp(log_joint - best)
        shares: Floats = odds / odds.sum(axis=1, keepdims=True)
        return shares


def _as_list(y: Any) -> list[Any]:
    """Return the diagnoses as objects of Python."""
    for method in ("to_list", "to_pylist"):
        if hasattr(y, method):
            return list(getattr(y, method)())
    return list(column_or_1d(np.asarray(y, dtype=object), warn=True).tolist())


def _named(table: Any, columns: Any) -> tuple[Any, Any]:
    """Return an array as a frame, and what its columns are named by."""
    import pandas as pd

    array = table if hasattr(table, "dtype") else np.asarray(table, dtype=object)
    cells = check_array(array, dtype=None, ensure_all_finite=False)
    if columns is None:
        message = "the columns of an array have no names: give columns=[...], or X as a DataFrame"
        raise InvalidValueError(message)
    if isinstance(columns, Mapping):
        return pd.DataFrame(cells), columns
    if len(columns) != cells.shape[1]:
        message = f"columns names {len(columns)} columns of an array that has {cells.shape[1]}"
        raise InvalidValueError(message)
    return pd.DataFrame(cells, columns=list(columns)), None


def _both_ways(states: Mapping[Any, int]) -> NDArray[Any]:
    """Return how y says absent and present, sorted: each in one way, and the other where it has one of them."""
    if len(states) != len(set(states.values())) or len({isinstance(value, str) for value in states}) > 1:
        message = f"y says present or absent in several ways: {', '.join(map(repr, states))}; use one for each"
        raise InvalidValueError(message)
    (value, state), *more = states.items()
    return np.unique([value, more[0][0] if more else _opposite(value, state)])


def _opposite(value: Any, state: int) -> Any:
    """Return what says the opposite, in the way of a value that means a state."""
    if not isinstance(value, str):
        return type(value)(not value)
    for pair in zip(ABSENT_WORDS, PRESENT_WORDS, strict=True):
        if value.casefold() == pair[state]:
            return pair[1 - state]
    return "absent" if state == PRESENT else "present"


def _places(model: Model) -> list[int]:
    """Return the columns of the causes in the codes."""
    return [model.network.columns.index(cause) for cause in model.causes]


def _with_diagnoses(cohort: Cohort, model: Model, cause: str | None, meant: list[Any]) -> Cohort:
    """Return the cases with their diagnoses in the columns of the causes, or in that of the one that is asked for."""
    columns = _places(model) if cause is None else [model.network.columns.index(cause)]
    states = cohort.codes[:, columns]
    for row, what in enumerate(meant):
        if isinstance(what, str):
            states[row] = [PRESENT if name == what else ABSENT for name in model.causes]
        elif what is not None:
            states[row] = what
    return cohort.with_states(columns, states)


def _refuse(table: Any, cohort: Cohort, possible: Bools, reason: str) -> None:
    """Raise an error that names the cases that have no probabilities, if there are such."""
    rows = np.flatnonzero(~possible)
    if not len(rows):
        return
    index = getattr(table, "index", None)
    first = cohort.rows[rows[:SHOWN_FAULTS]]
    labels = first.tolist() if index is None else list(index[first])
    raise InvalidFrameError(
        [Fault(label, None, None, reason) for label in labels],
        n_faults=len(rows),
        n_rows=len(rows),
        of_rows=len(cohort),
        advice="Leave such cases out.",
    )
