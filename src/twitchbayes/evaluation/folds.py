"""Cross-validation: every case is answered by a model that was fitted to others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import InvalidValueError, did_you_mean
from twitchbayes.evaluation.judge import judged
from twitchbayes.evaluation.options import Options, is_whole
from twitchbayes.evaluation.predictions import Predictions, predict, undiagnosed

if TYPE_CHECKING:
    from twitchbayes.cohort import Cohort, OnBadCases
    from twitchbayes.evaluation.result import Evaluation
    from twitchbayes.model import Model
    from twitchbayes.tuning import Options as TuningOptions

__all__ = ["Tuner", "cross_validate", "fold_of", "tuner"]

Fit: TypeAlias = "Callable[[Cohort], Model]"

# What `Model.cross_validate` takes, besides the options of tuning.
OWN = (
    *("folds", "seed", "labels", "columns", "ignore", "on_error"),
    *("bootstrap", "bins", "binning", "specificity"),
)
NOT_ANSWERED = "without an answer by the model fitted to the other folds"


def cross_validate(
    model: Model,
    cohort: Cohort,
    fit: Fit,
    *,
    folds: int = 5,
    options: Options | None = None,
    on_error: OnBadCases = "raise",
) -> Evaluation:
    """Return the evaluation of all cases, each answered by a model that was fitted to the other folds.

    Cases without a known diagnosis are in no fold, for nothing can be judged of them; every model is fitted to
    all of them beside those of the other folds, as a model in use would be.

    Parameters
    ----------
    model : Model
        What is fitted, from its own numbers anew in each fold.
    cohort : Cohort
    fit : callable
        Takes the cases of the other folds, and those without a diagnosis, and returns a model with the same variables.
    folds : int, default 5
        2 or more, and no more than there are cases with a known diagnosis.
    options : Options, optional
        Its seed shuffles the cases into folds, too.
    on_error : {"raise", "exclude", "unknown"}
        What becomes of cases that have no answer.

    Raises
    ------
    InvalidValueError
        If there are more folds than cases, or cases have no answer.

    References
    ----------
    Stone, Cross-validatory choice and assessment of statistical predictions (JRSS B 36, 1974).
    """
    options = options or Options()
    # Cases that have no answer are looked for before any work is done.
    whole, open_ = cohort, undiagnosed(model, cohort)
    _, cohort = predict(model, cohort, on_error=on_error)
    place = fold_of(len(cohort), folds, options.seed)
    if isinstance(fit, Tuner):
        fit = fit.settled(whole.take(np.flatnonzero(open_ | np.isin(whole.rows, cohort.rows))))
    parts: list[Predictions] = []
    used: list[NDArray[np.int64]] = []
    for fold in range(folds):
        part, answered = predict(
            fit(whole.take(np.flatnonzero(open_ | np.isin(whole.rows, cohort.rows[place != fold])))),
            cohort.take(np.flatnonzero(place == fold)),
            on_error=on_error,
        )
        parts.append(part)
        used.append(answered.rows)
    rows = np.concatenate(used)
    lost = np.flatnonzero(~np.isin(cohort.rows, rows))
    method = f"{folds}-fold cross-validation (seed {options.seed}): each case by a model fitted to the other folds"
    predictions = Predictions.joined(parts).take(np.argsort(rows))
    found = judged(model, cohort.without(lost, NOT_ANSWERED), predictions, options, method=method)
    return replace(found, notes=(*found.notes, *fit.notes)) if isinstance(fit, Tuner) else found


@dataclass(frozen=True, slots=True, eq=False)
class Tuner:
    """What fits by tuning a model.

    Attributes
    ----------
    model : Model
    options : tuning.Options
    on_error : {"raise", "exclude", "unknown"}
    converged : list of bool
        Of each cohort that it was fitted to so far.
    """

    model: Model
    options: TuningOptions
    on_error: OnBadCases = "raise"
    converged: list[bool] = field(default_factory=list)

    def __call__(self, cohort: Cohort) -> Model:
        """Return the model tuned to cases, without the intervals of its numbers, which no answer needs."""
        from twitchbayes.tuning import tune

        tuning = tune(self.model, cohort, self.options, on_error=self.on_error, intervals=False)
        self.converged.append(tuning.converged)
        return tuning.model

    def settled(self, cohort: Cohort) -> Tuner:
        """Return what takes parts of a cohort to be found as the whole of it was.

        A variable that one case leaves open is known in all cases of some folds: by itself, each would find
        another answer to what its cases were selected by.
        """
        from twitchbayes.tuning import selected_states

        options = self.options
        if options.selected_by is None:
            states = selected_states(self.model, cohort.totals(self.model.network), options)
            options = replace(options, selected_by=tuple(states))
        return replace(self, options=options, converged=[])

    @property
    def notes(self) -> tuple[str, ...]:
        """What anyone should know of the models that were fitted."""
        notes = []
        if self.options.selected_by:
            names = ", ".join(self.options.selected_by)
            notes.append(f"in every fold the cases are taken to be in the table for their state of {names}")
        unfinished = [str(i) for i, converged in enumerate(self.converged, 1) if not converged]
        if unfinished:
            notes.append(
                f"tuning did not converge within max_iterations={self.options.max_iterations} in "
                f"{len(unfinished)} of {len(self.converged)} folds ({', '.join(unfinished)})"
            )
        return tuple(notes)


def tuner(model: Model, *, on_error: OnBadCases = "raise", **options: Any) -> Tuner:
    """Return what fits by tuning the model; `options` are those of `tuning.Options.of` that are not as usual.

    Raises
    ------
    InvalidValueError
        With all that is wrong with the options, or those that there are not.
    """
    from twitchbayes.tuning import Options as Tuned

    tuning = tuple(one.name for one in fields(Tuned))
    wrong = [_no_option(name, tuning) for name in options if name not in tuning]
    if wrong:
        raise InvalidValueError("; ".join(wrong))
    return Tuner(model, Tuned.of(**(asdict(Tuned()) | options)), on_error)


def _no_option(name: str, tuning: Sequence[str]) -> str:
    if name in OWN:
        return f"{name!r} is an option of cross_validate, not of tuning"
    return f"{name!r} is no option of cross_validate.{did_you_mean(name, (*OWN, *tuning))}"


def fold_of(n_cases: int, folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each case: shuffled, and of sizes that differ by 1 at most."""
    if not is_whole(folds, 2):
        message = f"folds={folds!r} is not a whole number of 2 or more"
        raise InvalidValueError(message)
    if folds > n_cases:
        message = f"folds={folds} is more than the {n_cases} cases that can be used; give {n_cases} or fewer"
        raise InvalidValueError(message)
    return np.random.default_rng(seed).permutation(np.arange(n_cases) % folds)
