"""Predictions judged: every question by itself and all causes together, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.cohort import read_cohort
from twitchbayes.errors import InvalidValueError
from twitchbayes.evaluation.bootstrap import RESAMPLED, percentiles, resampled
from twitchbayes.evaluation.measures import INFINITE, Measured, measured, scored
from twitchbayes.evaluation.options import Options
from twitchbayes.evaluation.predictions import SERIOUS, Predictions, predict
from twitchbayes.evaluation.result import Evaluation, Overall

if TYPE_CHECKING:
    from twitchbayes.cohort import Cohort
    from twitchbayes.model import Model

__all__ = ["evaluate", "judged"]

Floats = NDArray[np.float64]

AS_IT_IS = "answered by the model as it is"
POOLED = ("log_score", "brier", "reliability", "resolution", "uncertainty", "within_bins")
FIRST = {"top_1": 1, "top_3": 3}


def evaluate(model: Model, cases: Any, options: Options, **reading: Any) -> Evaluation:
    """Return how good the probabilities of a model are; `reading` are the arguments of `read_cohort`."""
    cohort = read_cohort(model, cases, **reading)
    predictions, used = predict(model, cohort, on_error=reading.get("on_error", "raise"))
    return judged(model, used, predictions, options)


def judged(
    model: Model, cohort: Cohort, predictions: Predictions, options: Options, *, method: str = AS_IT_IS
) -> Evaluation:
    """Return the evaluation of predictions.

    Parameters
    ----------
    model : Model
        What is told of it: the numbers may be those of others, as `method` says.
    cohort : Cohort
        The cases that were answered, in the order of the predictions.
    predictions : Predictions
    options : Options
    method : str
        How the cases were answered.

    Raises
    ------
    InvalidValueError
        If no case was answered.
    """
    if not len(predictions):
        left_out = "; ".join(f"{count:,} {reason}" for reason, count in cohort.excluded.items())
        message = f"{cohort.source} has no case that can be judged: {left_out}"
        raise InvalidValueError(message)
    found = {name: measured(predictions.question(name), options) for name in predictions.names}
    firsts = np.stack([predictions.first(k) for k in FIRST.values()], axis=1)
    draws, firsts_drawn = _draws(predictions, firsts, options)
    if options.bootstrap:
        places = enumerate(found.items())
        found = {name: _with_intervals(one, {m: draws[m][:, i] for m in RESAMPLED}) for i, (name, one) in places}
    totals = _macro(predictions, found, draws) | _pooled(predictions, options)
    totals |= _firsts(predictions, firsts, firsts_drawn)
    return Evaluation(
        model=_about(model),
        method=method,
        source=cohort.source,
        sha256=cohort.sha256,
        size=cohort.size,
        used=len(predictions),
        excluded=dict(cohort.excluded),
        labels={name: model.label(name) for name in found},
        measured=found,
        totals=totals,
        notes=_notes(model, predictions, found),
        options=options,
        predictions=predictions,
    )


def _draws(predictions: Predictions, firsts: Floats, options: Options) -> tuple[dict[str, Floats], Floats]:
    questions = [predictions.question(name) for name in predictions.names]
    if options.bootstrap:
        return resampled(questions, firsts, len(predictions), options)
    return {name: np.zeros((0, len(questions))) for name in RESAMPLED}, np.zeros((0, firsts.shape[1]))


def _with_intervals(one: Measured, draws: Mapping[str, Floats]) -> Measured:
    intervals: dict[str, tuple[float, float]] = {}
    without: dict[str, str] = {}
    for name in RESAMPLED:
        if name not in one.values:
            continue
        interval = percentiles(draws[name])
        if isinstance(interval, str):
            without[name] = interval
        else:
            intervals[name] = interval
    return replace(one, intervals=intervals, without_interval=without)


def _macro(predictions: Predictions, found: Mapping[str, Measured], draws: Mapping[str, Floats]) -> dict[str, Overall]:
    totals = {}
    for name in RESAMPLED:
        places = [i for i, cause in enumerate(predictions.causes) if name in found[cause].values]
        left_out = [cause for cause in predictions.causes if name not in found[cause].values]
        note = f"without {', '.join(left_out)}" if left_out else ""
        infinite = [cause for cause in left_out if found[cause].undefined[name].startswith(INFINITE)]
        if infinite or not places:
            why = f"{INFINITE} in {', '.join(infinite)}" if infinite else f"it has a value in no cause ({note})"
            totals[f"macro_{name}"] = Overall(None, None, None, why)
            continue
        value = float(np.mean([found[predictions.causes[i]].values[name] for i in places]))
        totals[f"macro_{name}"] = _total(value, _mean_of_defined(draws[name][:, places]), note)
    return totals


def _mean_of_defined(draws: Floats) -> Floats:
    """Return the mean over the causes that have a value in a resample: (n_resamples,)."""
    defined = np.isfinite(draws)
    total, count = np.where(defined, draws, 0.0).sum(axis=1), defined.sum(axis=1)
    mean: Floats = np.divide(total, count, out=np.full(len(draws), np.nan), where=count > 0)
    return mean


def _total(value: float, draws: Floats, note: str) -> Overall:
    if not len(draws):
        return Overall(value, None, None, note)
    interval = percentiles(draws)
    if isinstance(interval, str):
        return Overall(value, None, None, "; ".join(filter(None, [note, f"no interval: {interval}"])))
    return Overall(value, *interval, note)


def _pooled(predictions: Predictions, options: Options) -> dict[str, Overall]:
    values, undefined = scored(predictions.pooled, options)
    return {f"pooled_{name}": Overall(values.get(name), None, None, undefined.get(name, "")) for name in POOLED}


def _firsts(predictions: Predictions, firsts: Floats, draws: Floats) -> dict[str, Overall]:
    totals = {}
    counted = int(np.isfinite(firsts[:, 0]).sum())
    for i, (name, k) in enumerate(FIRST.items()):
        note = f"of {counted:,} cases in which every one of these causes is known and at least one is present"
        if len(predictions.causes) <= k:
            totals[name] = Overall(None, None, None, f"only {len(predictions.causes)} causes have diagnoses")
        elif not counted:
            totals[name] = Overall(None, None, None, "there is no case with every cause known and one present")
        else:
            totals[name] = _total(float(np.nanmean(firsts[:, i])), draws[:, i], note)
    return totals


def _notes(model: Model, predictions: Predictions, found: Mapping[str, Measured]) -> tuple[str, ...]:
    notes = []
    without = [cause for cause in model.causes if cause not in predictions.causes]
    if without:
        notes.append(f"no diagnoses of {', '.join(without)}: not judged")
    if predictions.serious_undefined:
        notes.append(f"serious is not judged: {predictions.serious_undefined}")
    if SERIOUS in found and found[SERIOUS].unknown:
        notes.append(
            "whether any serious cause is present is known more often where one is: its measures are of such cases"
        )
    open_ = [f"{name} {one.unknown:,}" for name, one in found.items() if one.unknown]
    if open_:
        notes.append(f"cases with an unknown state, left out of its measures: {', '.join(open_)}")
    return tuple(notes)


def _about(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "population": model.population,
        "changed_numbers": len(model.changes),
        "fingerprint": model.fingerprint,
        "description": model.describe(),
    }
