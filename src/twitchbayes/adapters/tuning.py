"""Cases on many machines as data to tune a model to: read once where they are, and then asked for sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes.adapters import needed
from twitchbayes.cohort import ADVICE, Cohort, Totals, check_usable, content_of, count_states, read_part, sha256_of
from twitchbayes.errors import Fault, InvalidFrameError, InvalidValueError
from twitchbayes.passes import LocalData, Part, PartedData, Question
from twitchbayes.tuning import IMPOSSIBLE_CASES, SHOWN_FAULTS, Options, Progress, Tuning, faults_of, tune_data

if TYPE_CHECKING:
    from twitchbayes.inference import Engine
    from twitchbayes.model import Model

__all__ = ["Portion", "Report", "columns_to_read", "read_portion", "tune_parts"]


@dataclass(frozen=True, slots=True)
class Report:
    """What reading some of the cases gave; reports add up.

    Attributes
    ----------
    states : ndarray of int64, shape (n_columns, n_states)
        As of `Totals`.
    content : int
        As `content_of` gives it.
    used, size : int
        Cases that can be used, and all.
    excluded : Counter
        Reason to number.
    faults : tuple of Fault
        The first of them, where they are errors.
    n_faults, n_rows : int
        Faults, and rows that have some.
    """

    states: NDArray[np.int64]
    content: int
    used: int
    size: int
    excluded: Counter[str]
    faults: tuple[Fault, ...]
    n_faults: int
    n_rows: int

    def __add__(self, other: Report) -> Report:
        added = {name: getattr(self, name) + getattr(other, name) for name in self.__slots__}
        return Report(**{**added, "faults": added["faults"][:SHOWN_FAULTS]})


class Portion(NamedTuple):
    """Some of the cases as a worker keeps them, and the report on them."""

    report: Report
    part: Part

    def answer(self, engine: Engine, question: Question | None) -> Any:
        """Return the answer of these cases to a question of `PartedData`, or the report where there is none."""
        return self.report if question is None else question(engine, self.part)


def columns_to_read(names: Sequence[Any], reading: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the columns that the workers must be given, and the options of `read_part` for those alone."""
    labels = reading["labels"]
    kept = [labels] if isinstance(labels, str) else list(labels or ())
    return needed(names, kept, reading)


def read_portion(model: Model, frame: Any, reading: Mapping[str, Any]) -> Portion:
    """Read a part of a table, on a worker; what cannot be used is reported, not raised."""
    try:
        cohort = read_part(model, frame, **reading)
    except InvalidFrameError as error:
        nothing = np.empty((0, len(model.network.columns)), dtype=np.int8)
        states = count_states(model.network, nothing)
        report = Report(states, 0, 0, len(frame), Counter(), error.faults, error.n_faults, error.n_rows)
        return Portion(report, LocalData(model.engine, nothing).part)
    return _possible(model, cohort, frame, is_error=reading["on_error"] == "raise")


def _possible(model: Model, cohort: Cohort, frame: Any, *, is_error: bool) -> Portion:
    """Return the cases that are possible in the model, and a report with those that are not."""
    data, content = LocalData(model.engine, cohort.codes), content_of(cohort.codes)
    reasons = data.impossible()
    faults: list[Fault] = []
    if reasons and is_error:
        faults = _labelled(faults_of(model, cohort, reasons), frame)
    if reasons:
        cohort = cohort.without(np.array(list(reasons), dtype=np.int64), IMPOSSIBLE_CASES)
        data = LocalData(model.engine, cohort.codes)
    n_faults = len(reasons) if is_error else 0
    states, excluded = count_states(model.network, cohort.codes), Counter(cohort.excluded)
    report = Report(states, content, len(cohort), cohort.size, excluded, tuple(faults), n_faults, n_faults)
    return Portion(report, data.part)


def _labelled(faults: list[Fault], frame: Any) -> list[Fault]:
    """Name rows by the index of a frame that has one, instead of by their number."""
    index = getattr(frame, "index", None)
    return faults if index is None else [fault._replace(row=index[fault.row]) for fault in faults]


def tune_parts(
    model: Model,
    source: str,
    report: Report | None,
    ask: Callable[[Question], Any],
    options: Options,
    *,
    progress: Progress = None,
) -> Tuning:
    """Return a model tuned to cases in parts.

    Parameters
    ----------
    source : str
        What kind of table it is.
    report : Report, optional
        The sum of the reports; None where there is not one.
    ask : callable
        As for `PartedData`.

    Raises
    ------
    InvalidValueError
        If there is no case that can be used.
    InvalidFrameError
        With the first faults of all parts.
    """
    if report is None:
        message = f"{source} has no case: it has no rows"
        raise InvalidValueError(message)
    if report.n_faults:
        raise InvalidFrameError(
            report.faults,
            n_faults=report.n_faults,
            n_rows=report.n_rows,
            of_rows=report.size,
            wanted="used",
            advice=ADVICE,
        )
    check_usable(source, size=report.size, used=report.used, excluded=report.excluded)
    sha256 = sha256_of(model.network, report.content)
    excluded = dict(sorted(report.excluded.items()))
    totals = Totals(report.states, report.used, report.size, excluded, source, sha256)
    data = PartedData(report.used, ask)
    return tune_data(model, data, totals, options, progress=progress)
