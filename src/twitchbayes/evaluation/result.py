"""What an evaluation found, as tables, JSON, text and HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.display import DISCLAIMER
from twitchbayes.errors import InvalidValueError, UnknownVariableError
from twitchbayes.evaluation import display
from twitchbayes.evaluation.calibration import Bins, binned, wilson
from twitchbayes.evaluation.measures import MEASURES, Measured, Question
from twitchbayes.evaluation.options import Options
from twitchbayes.evaluation.predictions import Predictions

if TYPE_CHECKING:
    import narwhals as nw
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["Evaluation", "Overall"]


class Overall(NamedTuple):
    """A measure of all causes together: its value and 95% interval, None with the reason where it has none."""

    value: float | None
    low: float | None
    high: float | None
    note: str


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How good the probabilities of a model are in cases with known diagnoses; `Model.evaluate` makes one.

    Attributes
    ----------
    model : mapping
        Name, version, population, number of changed numbers and fingerprint of the model, and a line
        that describes it.
    method : str
        How the cases were answered.
    source, sha256 : str
        Where the cases are from; see `Cohort`.
    size, used : int
        Cases in the table, and those that were answered and judged.
    excluded : mapping of str to int
        Reason to the number of cases left out.
    labels : mapping of str to str
        Each question (cause, union of causes, and `serious` where it can be judged) to its label.
    measured : mapping of str to Measured
        Each question to its measures.
    totals : mapping of str to Overall
        Measures of all causes together; see `overall`.
    notes : tuple of str
        What else was left out.
    options : Options
    predictions : Predictions
        What was predicted and what was true, for measures of one's own.
    """

    model: Mapping[str, Any]
    method: str
    source: str
    sha256: str
    size: int
    used: int
    excluded: Mapping[str, int]
    labels: Mapping[str, str]
    measured: Mapping[str, Measured]
    totals: Mapping[str, Overall]
    notes: tuple[str, ...]
    options: Options
    predictions: Predictions = field(repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """One row a cause, one a union of causes that has diagnoses, and one for `serious`.

        Columns: `cause`, `label`, `cases` (with a known state), `unknown`, `present`, then each measure, with `_low`
        and `_high` where it has a bootstrap interval, and `undefined`: each measure that has no value, which is NaN
        here, with the reason.
        """
        import pandas as pd

        with_interval = {name for found in self.measured.values() for name in found.intervals}
        rows = []
        for name, found in self.measured.items():
            row: dict[str, Any] = {"cause": name, "label": self.labels[name]}
            row |= {"cases": found.cases, "unknown": found.unknown, "present": found.present}
            for measure in MEASURES:
                row[measure] = found.of(measure)
                if measure in with_interval:
                    row[f"{measure}_low"], row[f"{measure}_high"] = found.intervals.get(measure, (np.nan, np.nan))
            gaps = found.undefined | {f"interval of {k}": reason for k, reason in found.without_interval.items()}
            rows.append({**row, "undefined": "; ".join(f"{k}: {reason}" for k, reason in gaps.items())})
        return pd.DataFrame(rows)

    @property
    def overall(self) -> pd.DataFrame:
        """Measures of all causes together, by name: `value`, `low`, `high` (95% bootstrap interval) and `note`.

        `macro_...` is the mean over the causes in which the measure has a value; the note names the others.
        `pooled_...` takes every pair of a case and a cause as a case. `top_1` and `top_3` are the shares of
        cases in which a present cause is the first, or among the first three, by posterior.
        """
        import pandas as pd

        numbers = {name: [total[i] for total in self.totals.values()] for i, name in enumerate(Overall._fields[:3])}
        index = pd.Index(list(self.totals), name="measure")
        notes = [total.note for total in self.totals.values()]
        return pd.DataFrame(numbers, index=index, dtype=float).assign(note=notes)

    def calibration(self, cause: str | None = None) -> pd.DataFrame:
        """Return the calibration curve of a cause or of `serious`; None is of all pairs of case and cause.

        Returns
        -------
        pandas.DataFrame
            One row a bin that is not empty: `lowest`, `highest` and `mean_predicted` of its predictions, `cases`,
            `present`, `observed` (present / cases), and its 95% interval by Wilson, `low` and `high`.

        Raises
        ------
        UnknownVariableError
            If the name is none of the table's.
        """
        import pandas as pd

        question = self._question(cause)
        if not len(question.truth):
            return pd.DataFrame([], columns=list(CURVE), dtype=float)
        bins = self._bins(question)
        low, high = wilson(bins.present, bins.cases)
        parts = (bins.lowest, bins.highest, bins.mean_predicted, bins.cases, bins.present, bins.observed, low, high)
        return pd.DataFrame(dict(zip(CURVE, parts, strict=True)))

    def coverage(self, intervals: Any) -> pd.DataFrame:
        """Return whether the credible intervals of the answers hold what was observed, bin by bin.

        A credible interval is of a probability, which no single case shows; a bin of cases does. A bin is met
        where the 95% interval of its observed share overlaps the mean of its cases' credible intervals. The share
        of the bins that are met is `coverage(...)["met"].mean()`.

        Parameters
        ----------
        intervals : pandas or polars DataFrame, or pyarrow Table
            What `Model.infer_frame(..., interval=...)` gives for the table of these cases, a row a case, the
            diagnoses being no evidence (`ignore=[*model.causes, *model.unions]`).

        Returns
        -------
        pandas.DataFrame
            The rows of `calibration` of each cause and of `serious`, with `cause` before, and `credible_low`,
            `credible_high` (means over the cases of a bin) and `met` after them.

        Raises
        ------
        InvalidValueError
            If the table has other rows than the cases, lacks columns, or gives a case no interval.
        """
        import narwhals as nw
        import pandas as pd

        table = nw.from_native(intervals, eager_only=True)
        if len(table) != self.size:
            message = f"the intervals are of {len(table):,} cases, and {self.source} has {self.size:,}"
            raise InvalidValueError(message)
        parts = []
        for name, found in self.measured.items():
            rows = self.predictions.rows[self._question(name).rows]
            low, high = (_bounds(table, f"{name}_{bound}", rows) for bound in ("low", "high"))
            if not found.cases:
                continue
            curve = self.calibration(name)
            place = self._bins(self._question(name)).place
            curve["credible_low"] = np.bincount(place, weights=low) / curve["cases"]
            curve["credible_high"] = np.bincount(place, weights=high) / curve["cases"]
            curve["met"] = (curve["low"] <= curve["credible_high"]) & (curve["credible_low"] <= curve["high"])
            curve.insert(0, "cause", name)
            parts.append(curve)
        return pd.concat(parts, ignore_index=True)

    def roc(self, cause: str) -> pd.DataFrame:
        """Return the ROC curve of a cause or of `serious`, from the highest threshold down.

        Returns
        -------
        pandas.DataFrame
            `threshold` (a case is called present where its posterior reaches it; inf calls none), `sensitivity`
            and `specificity`.

        Raises
        ------
        UnknownVariableError
            If the name is none of the table's.
        InvalidValueError
            If there is no curve, because no case, or every case, has it present.
        """
        import pandas as pd
        from sklearn.metrics import roc_curve

        question = self._question(cause)
        reason = self.measured[cause].undefined.get("roc_auc")
        if reason:
            message = f"{cause} has no ROC curve: {reason}"
            raise InvalidValueError(message)
        false, true, thresholds = roc_curve(question.truth, question.levels, drop_intermediate=False)
        return pd.DataFrame({"threshold": thresholds, "sensitivity": true, "specificity": 1 - false})

    def plot_calibration(self, cause: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Draw the calibration curve; see `twitchbayes.plots.calibration`.

        Parameters
        ----------
        cause : str, optional
            A cause or `serious`; None is of all pairs of case and cause.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        UnknownVariableError
            If the name is none of the table's.
        InvalidValueError
            If matplotlib is missing (extra `plot`), or no case has a known state of the cause.
        """
        from twitchbayes import plots

        return plots.calibration(self, cause, ax=ax)

    def plot_roc(self, cause: str, *, ax: Axes | None = None) -> Axes:
        """Draw the ROC curve; see `twitchbayes.plots.roc`.

        Parameters
        ----------
        cause : str
            A cause or `serious`.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        UnknownVariableError
            If the name is none of the table's.
        InvalidValueError
            If matplotlib is missing (extra `plot`), or no case, or every case, has the cause.
        """
        from twitchbayes import plots

        return plots.roc(self, cause, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types; a measure without a value is its reason."""
        return {
            "model": dict(self.model),
            "method": self.method,
            "cases": {
                "source": self.source,
                "sha256": self.sha256,
                "size": self.size,
                "used": self.used,
                "excluded": dict(self.excluded),
                "notes": list(self.notes),
            },
            "options": asdict(self.options),
            "questions": {name: self._plain(name) for name in self.measured},
            "overall": {name: total._asdict() for name, total in self.totals.items()},
            "disclaimer": DISCLAIMER,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def _plain(self, name: str) -> dict[str, Any]:
        found = self.measured[name]
        curve = self.calibration(name)
        return {
            "label": self.labels[name],
            "cases": found.cases,
            "unknown": found.unknown,
            "present": found.present,
            "measures": dict(found.values),
            "intervals": {measure: list(interval) for measure, interval in found.intervals.items()},
            "undefined": dict(found.undefined),
            "without_interval": dict(found.without_interval),
            "calibration": curve.to_dict(orient="records"),
        }

    def _bins(self, question: Question) -> Bins:
        return binned(question.truth, question.predicted, self.options.bins, self.options.binning)

    def _question(self, cause: str | None) -> Question:
        if cause is None:
            return self.predictions.pooled
        if cause not in self.measured:
            raise UnknownVariableError(cause, self.measured, what="evaluated cause")
        return self.predictions.question(cause)

    def __repr__(self) -> str:
        return display.as_text(self)

    def _repr_html_(self) -> str:
        return display.as_html(self)


def _bounds(table: nw.DataFrame[Any], column: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the bounds of some cases."""
    if column not in table.columns:
        message = f"the table of intervals has no column {column!r}; infer_frame(..., interval=0.95) gives it"
        raise InvalidValueError(message)
    bounds = np.asarray(table.get_column(column).to_numpy(), dtype=np.float64)[rows]
    missing = rows[np.isnan(bounds)]
    if missing.size:
        message = f"{column} is missing in {len(missing):,} of the cases, the first in row {missing[0]} (from 0)"
        raise InvalidValueError(message)
    return bounds


CURVE = ("lowest", "highest", "mean_predicted", "cases", "present", "observed", "low", "high")
