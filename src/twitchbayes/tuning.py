"""A model tuned to cases: its numbers and intervals learned by EM, each change reported, the result a model again."""

from __future__ import annotations

import datetime
import html
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes import display
from twitchbayes.cohort import ADVICE, Cohort, Totals, check_usable, read_cohort
from twitchbayes.conflict import impossible
from twitchbayes.errors import Fault, InvalidFrameError, InvalidValueError, TwitchbayesError, did_you_mean
from twitchbayes.files import CaseProblem, CasesError
from twitchbayes.information import sizes_after, sizes_before
from twitchbayes.learning import Pass, Priors, Step, maximise
from twitchbayes.network import UNKNOWN
from twitchbayes.passes import Data, LocalData, Selection, likely_products
from twitchbayes.tuned import history_of, kinds_of, listing_of, notes_on, report_of, tuned

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from twitchbayes.model import Model

__all__ = [
    "IMPOSSIBLE_CASES",
    "LEARNED",
    "Options",
    "Progress",
    "Tuning",
    "faults_of",
    "tune",
    "tune_data",
    "tune_table",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Progress: TypeAlias = bool | Callable[[Step], object] | None

LEARNED = ("priors", "links", "leaks")
EXPLAINED_ROWS = 3  # impossible cases for which the smallest conflict is looked for
SHOWN_FAULTS = 10
IMPOSSIBLE_CASES = "cases that are impossible in the model, or beyond the engine's bound"


@dataclass(frozen=True, slots=True)
class Options:
    """What is learned, and how.

    Attributes
    ----------
    strength : float
        What the sizes of the tables' distributions are multiplied by: at 0.5 an interval counts as half
        as many cases.
    learn : tuple of str
        Any of "priors" (`priors.csv`), "links" and "leaks" (of findings).
    selected_by : tuple of str, optional
        Variables that a case had to have for being in the table. None: those that the model assumes
        (twitching), where all cases have them.
    max_iterations : int
        Passes over the cases at most.
    tolerance : float
        In nats: learning stops when a step would move no number's log odds by more.
    date : str
        When the cases were collected, or the tuning was done: for the row in `sources.csv`.
    """

    strength: float = 1.0
    learn: tuple[str, ...] = LEARNED
    selected_by: tuple[str, ...] | None = None
    max_iterations: int = 500
    tolerance: float = 1e-4
    date: str = ""

    @classmethod
    def of(
        cls,
        *,
        strength: float,
        learn: str | Collection[str],
        selected_by: str | Collection[str] | None,
        max_iterations: int,
        tolerance: float,
        date: str | datetime.date | None,
    ) -> Options:
        """Check the options of a caller.

        Raises
        ------
        InvalidValueError
            With all that is wrong with them.
        """
        wrong = [
            *([] if _is_real(strength) else [f"strength={strength!r} must be a number above 0"]),
            *([] if _is_real(tolerance) else [f"tolerance={tolerance!r} must be above 0"]),
            *(
                []
                if isinstance(max_iterations, int | np.integer)
                else [f"max_iterations={max_iterations!r} must be 1 or more"]
            ),
            *([] if isinstance(learn, Collection) else [f"learn={learn!r} is none of {', '.join(LEARNED)}"]),
            *([] if isinstance(selected_by, Collection | None) else [f"selected_by={selected_by!r} is no variable"]),
        ]
        if wrong:
            raise InvalidValueError("; ".join(wrong))
        learned = (learn,) if isinstance(learn, str) else tuple(learn)
        selected = (selected_by,) if isinstance(selected_by, str) else selected_by
        wrong = [
            *([] if 0 < strength < np.inf else [f"strength={strength!r} must be a number above 0"]),
            *(f"learn={name!r} is none of {', '.join(LEARNED)}" for name in learned if name not in LEARNED),
            *([] if learned else [f"learn is empty; give some of {', '.join(LEARNED)}"]),
            *([] if max_iterations >= 1 else [f"max_iterations={max_iterations!r} must be 1 or more"]),
            *([] if tolerance > 0 else [f"tolerance={tolerance!r} must be above 0"]),
        ]
        if wrong:
            raise InvalidValueError("; ".join(wrong))
        told = date.isoformat() if isinstance(date, datetime.date) else date or ""
        selection = None if selected is None else tuple(selected)
        return cls(float(strength), learned, selection, int(max_iterations), float(tolerance), told)


def _is_real(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What cases made of a model.

    Attributes
    ----------
    model, before : Model
        The tuned model, and the one that it was made from. A number that the cases say something of has
        the basis `tuned` and cites the cases as well as its earlier sources.
    report : pandas.DataFrame
        One row a number: `number`, `kind` (priors, links or leaks), `file`, `line`; `old`, `old_low`,
        `old_high` and `new`, `new_low`, `new_high` (fractions; links as net link probabilities);
        `size_before` and `size_after` (effective counts: the cases that would say as much) and
        `from_data`, the share of the latter that the cases added; `successes` and `trials` (expected
        counts); `changed`.
    history : pandas.DataFrame
        One row a step: `passes`, `log_posterior` and `log_likelihood` (nats), `change`, `extrapolated`.
    notes : tuple of str
        What anyone should know who uses the result.
    cases : mapping of str to object
        `source`, `sha256`, `size`, `used`, `excluded`, `selected_by`, `date`.
    converged : bool
    """

    model: Model
    before: Model
    report: pd.DataFrame
    history: pd.DataFrame
    notes: tuple[str, ...]
    cases: Mapping[str, Any]
    converged: bool

    def plot(self, number: str, *, ax: Axes | None = None) -> Axes:
        """Draw what is believed of a number before and after tuning; see `twitchbayes.plots.densities`.

        Parameters
        ----------
        number : str
            As the report names it, P(child | parent).
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        UnknownVariableError
            If there is no such number.
        InvalidValueError
            If matplotlib is missing (extra `plot`).
        """
        from twitchbayes import plots

        return plots.densities(self, number, ax=ax)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the models in plain types, with what identifies them."""
        return {
            "model": {"name": self.model.name, "fingerprint": self.model.fingerprint},
            "before": {"name": self.before.name, "fingerprint": self.before.fingerprint},
            "cases": dict(self.cases),
            "converged": self.converged,
            "notes": list(self.notes),
            "report": json.loads(self.report.to_json(orient="records", double_precision=15)),
            "history": json.loads(self.history.to_json(orient="records", double_precision=15)),
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        listing = listing_of(self.report)
        return "\n".join([*self._head(), "", *listing.lines(), "", f"  {display.DISCLAIMER}"])

    def _repr_html_(self) -> str:
        title, *notes = self._head()
        items = "".join(f"<li>{html.escape(note.strip())}</li>" for note in notes)
        return (
            f"<div class='twitchbayes-tuning'><p>{html.escape(title)}</p><ul>{items}</ul>"
            f"{listing_of(self.report).html()}<p><small>{display.DISCLAIMER}</small></p></div>"
        )

    def _head(self) -> list[str]:
        """Return what it was made of, and the notes, a line each."""
        last = self.history.iloc[-1]
        passes = f"{int(last['passes'])} passes (log posterior {last['log_posterior']:.2f} nats)"
        title = f"{self.before.name} tuned to {self.cases['used']:,} cases of {self.cases['source']} in {passes}"
        return [title, *(f"  {note}" for note in self.notes)]


def tune(
    model: Model,
    cohort: Cohort,
    options: Options,
    *,
    on_error: str = "raise",
    progress: Progress = None,
    intervals: bool = True,
) -> Tuning:
    """Return a model tuned to cases in memory; see `Model.tune`.

    Parameters
    ----------
    on_error : str
        With anything but "raise", cases that are impossible in the model are left out and counted.
    intervals : bool, default True
        Without, those of the numbers stay as wide as they were: most of the work, and nothing that an answer needs.
    """
    cohort = _found_by(model, cohort, options)
    data = LocalData(model.engine, cohort.codes)
    reasons = data.impossible()
    if reasons and on_error == "raise":
        raise _impossible_cases(model, cohort, reasons)
    if reasons:
        cohort = cohort.without(np.array(list(reasons), dtype=np.int64), IMPOSSIBLE_CASES)
        check_usable(cohort.source, size=cohort.size, used=len(cohort), excluded=cohort.excluded)
        data = LocalData(model.engine, cohort.codes)
    return tune_data(model, data, cohort.totals(model.network), options, progress=progress, intervals=intervals)


def _found_by(model: Model, cohort: Cohort, options: Options) -> Cohort:
    """Return the cases with what they were found by, as the caller says, written where a cell leaves it open."""
    columns = [name for name in options.selected_by or () if name in model.network.columns]
    codes = cohort.codes.copy() if columns else cohort.codes
    for column in map(model.network.columns.index, columns):
        known = np.unique(codes[:, column][codes[:, column] != UNKNOWN])
        if len(known) == 1:
            codes[:, column] = known[0]
    return replace(cohort, codes=codes)


def tune_table(
    model: Model,
    cases: Any,
    options: Options,
    *,
    reading: Mapping[str, Any],
    progress: Progress = None,
) -> Tuning:
    """Return a model tuned to the cases of a file or a frame in memory; `reading` has the options of `read_cohort`."""
    cohort = read_cohort(model, cases, **reading)
    return tune(model, cohort, options, on_error=reading["on_error"], progress=progress)


def tune_data(
    model: Model,
    data: Data,
    totals: Totals,
    options: Options,
    *,
    progress: Progress = None,
    intervals: bool = True,
) -> Tuning:
    """Return a model tuned to cases wherever they are, all of them possible in the model; see `tune`."""
    selection = _selection(model, totals, options)
    priors, start = _priors(model, options)
    fit = maximise(
        _counting(model, data, priors, selection),
        priors,
        start,
        max_iterations=options.max_iterations,
        tolerance=options.tolerance,
        told=_teller(progress),
    )
    net = fit.last.net
    sizes = sizes_before(priors, net)
    if intervals:
        products = likely_products(model.engine, data, net, selection)
        sizes = sizes_after(data.information(net, selection), products, priors, net)
    report = report_of(model, priors, fit.last, sizes)
    cases = _about(totals, selection, options)
    return Tuning(
        model=tuned(model, report, cases, strength=options.strength, learn=options.learn),
        before=model,
        report=report,
        history=history_of(fit),
        notes=tuple(notes_on(model, totals, report, fit, cases)),
        cases=cases,
        converged=fit.converged,
    )


# Cases


def _impossible_cases(model: Model, cohort: Cohort, reasons: Mapping[int, str]) -> TwitchbayesError:
    """Return the error for cases that cannot be counted: by line where they are lines of a file, else by row."""
    faults, count = faults_of(model, cohort, reasons), len(reasons)
    if cohort.lines is None:
        return InvalidFrameError(
            faults, n_faults=count, n_rows=count, of_rows=cohort.size, wanted="used", advice=ADVICE
        )
    told = zip(reasons, faults, strict=False)
    lines = [CaseProblem(cohort.source, "line", int(cohort.lines[row]), fault.message) for row, fault in told]
    return CasesError(lines, count)


def faults_of(model: Model, cohort: Cohort, reasons: Mapping[int, str]) -> list[Fault]:
    """Return why the first of some cases, by their number among the usable ones, cannot be counted."""
    faults = []
    for i, (row, told) in enumerate(list(reasons.items())[:SHOWN_FAULTS]):
        reason = told
        if i < EXPLAINED_ROWS:
            network = model.network
            codes = enumerate(cohort.codes[row].tolist())
            said = {network.columns[i]: network.meaning(i, code) for i, code in codes if code != UNKNOWN}
            evidence = model.words.read({**model.words.nothing_assumed, **said})
            reason = str(impossible(model, evidence)) if "probability 0" in told else told
        faults.append(Fault(int(cohort.rows[row]), None, None, reason))
    return faults


def _selection(model: Model, totals: Totals, options: Options) -> Selection | None:
    """Return what the cases were found by."""
    states = selected_states(model, totals, options)
    return _conditions(model, states) if states else None


def selected_states(model: Model, totals: Totals, options: Options) -> dict[str, str]:
    """Return the states that every case had to have for being in the table: variable to state."""
    if options.selected_by is not None:
        return {name: _same_state(model, totals, name) for name in options.selected_by}
    assumed = [v for v in model.knowledge.variables.values() if v.assumed]
    return {v.name: v.assumed for v in assumed if _shared_state(model, totals, v.name) == v.assumed}


def _same_state(model: Model, totals: Totals, name: str) -> str:
    columns = model.network.columns
    if name not in columns:
        message = f"selected_by={name!r} is no variable of the model.{did_you_mean(name, columns)}"
        raise InvalidValueError(message)
    state = _shared_state(model, totals, name)
    if state is None:
        message = f"selected_by={name!r}: the cases were not selected by it, for not all of them have the same state"
        raise InvalidValueError(message)
    return state


def _shared_state(model: Model, totals: Totals, name: str) -> str | None:
    """Return the state that every case has, None where there is no such."""
    counts = totals.states[model.network.columns.index(name)]
    state = int(counts.argmax())
    return model.network.states[name][state] if counts[state] == totals.used else None


def _conditions(model: Model, states: dict[str, str]) -> Selection:
    """Return the evidence of the selected, and of the others in parts: the first condition that fails."""
    columns = model.network.columns
    row = np.full((1, len(columns)), UNKNOWN, dtype=np.int8)
    others = []
    for name, state in states.items():
        own = model.network.states[name].index(state)
        for other in range(len(model.network.states[name])):
            if other != own:
                others.append(row.copy())
                others[-1][0, columns.index(name)] = other
        row[0, columns.index(name)] = own
    return Selection(states, row, np.concatenate(others))


# Numbers


def _priors(model: Model, options: Options) -> tuple[Priors, Floats]:
    """Return the distributions of the numbers before the cases, and where learning starts."""
    beliefs = model.beliefs
    free = np.isin(kinds_of(model), options.learn) & ~beliefs.fixed & (beliefs.means > 0) & (beliefs.means < 1)
    groups, levels = (_free_together(free, beliefs.means, parts) for parts in (beliefs.groups, beliefs.levels))
    sizes = np.where(free, beliefs.sizes, 0.0) * options.strength
    a = np.where(free, beliefs.means, 0.0) * sizes
    b = np.where(free, 1 - beliefs.means, 0.0) * sizes
    net = model.network.to_net(model.network.numbers)[0]
    # A number that the table puts at 0 or 1 has no log odds to start from.
    start = np.where(free & ((net <= 0) | (net >= 1)), beliefs.means, net)
    return Priors(a, b, free, groups, levels), start


def _free_together(
    free: NDArray[np.bool_], means: Floats, parts: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], ...]:
    """Return the rows that are learned of each distribution of several; all of it is learned, or nothing is."""
    found = []
    for rows in parts:
        own = rows[means[rows] > 0]
        free[own] = free[own].all()
        if len(own) and free[own].all():
            found.append(own)
    return tuple(found)


def _counting(model: Model, data: Data, priors: Priors, selection: Selection | None) -> Callable[[Floats], Pass]:
    def counted(net: Floats) -> Pass:
        sums = data.sums(net)
        if selection is not None:
            sums = sums + selection.unseen(model.engine, net, data.n_cases)
        return Pass(net, sums, sums.log_likelihood, sums.log_likelihood + priors.log_density(net))

    return counted


def _teller(progress: Progress) -> Callable[[Step], object] | None:
    if progress is not True:
        return progress or None
    from twitchbayes.frames import progress_bar

    bar = progress_bar(unit="pass")

    def tell(step: Step) -> None:
        bar.set_postfix_str(f"log posterior {step.log_posterior:.4f}, largest change {step.change:.2g}")
        bar.update(step.passes - bar.n)

    return tell


def _about(totals: Totals, selection: Selection | None, options: Options) -> dict[str, Any]:
    return {
        "source": totals.source,
        "sha256": totals.sha256,
        "size": totals.size,
        "used": totals.used,
        "excluded": dict(totals.excluded),
        "selected_by": {} if selection is None else dict(selection.states),
        "date": options.date,
    }
