"""What a model and a cohort say of each other: simulated cases, numbers learned from cases, how good they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twitchbayes.answering import Answering, door

if TYPE_CHECKING:
    import datetime

    import pandas as pd

    from twitchbayes.cohort import Labels, OnBadCases
    from twitchbayes.evaluation import Evaluation
    from twitchbayes.evaluation.options import Binning
    from twitchbayes.frames import Columns
    from twitchbayes.simulation import Missing, Numbers
    from twitchbayes.tuning import Tuning

__all__ = ["Studies"]


class Studies(Answering):
    """A model, and the cases that it is held against."""

    def simulate(
        self,
        n: int,
        seed: int = 0,
        *,
        missing: Missing = 0.0,
        given: Mapping[str, Any] | None = None,
        parameters: Numbers = "tables",
        causes: bool = True,
    ) -> pd.DataFrame:
        """Return cases drawn from the model: the population as its tables describe it.

        Parameters
        ----------
        n : int
            Number of cases, 1 or more.
        seed : int, default 0
            The same seed gives the same cases, and a longer table begins with a shorter one.
        missing : float or mapping of str to float, default 0
            Share of the cells that are made missing, each by chance and by itself: a number for all
            contexts and findings, or a mapping of a variable or of a role ("context", "cause",
            "finding", "union") to a number; that of a variable goes before that of its role.
        given : mapping of str to value, optional
            Evidence, in the words of `infer`, that every case has and that is never missing: other
            cases are thrown away. Nothing is assumed beside it; where the cases are of people who
            twitch, give `{"twitching": True}`.
        parameters : {"tables", "drawn"}, default "tables"
            "drawn" draws one parameter set from `beliefs`, with the same seed, for the whole table;
            `simulation.drawn_parameters(model, seed)` is that set.
        causes : bool, default True
            Whether the table has the columns of the causes, and of their unions.

        Returns
        -------
        pandas.DataFrame
            A row a case, a categorical column a variable: contexts, causes, findings, unions. Binary variables
            are "yes" or "no", others have their states; a variable in bands has the band, since
            the model says nothing of the numbers within. Missing cells are NaN. `infer_frame`,
            `score` and whatever else reads cases reads it back as the same states.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
            If an argument is wrong, or what is given is so rare that more than 200 million cases would
            have to be drawn.
        ImpossibleEvidenceError
            If what is given has probability 0.

        References
        ----------
        Henrion, Propagating uncertainty in Bayesian networks by probabilistic logic sampling (UAI 1986).

        Examples
        --------
        >>> import twitchbayes
        >>> cases = twitchbayes.load_model("twitch").simulate(3, seed=1, given={"twitching": True}, missing=0.2)
        >>> len(cases), set(cases["twitching"])
        (3, {'yes'})
        """
        from twitchbayes.simulation import simulate

        return simulate(self._whole, n, seed, missing=missing, given=given, parameters=parameters, causes=causes)

    def evaluate(  # noqa: PLR0913 (each is an option of the command)
        self,
        cases: Any,
        *,
        labels: Labels = None,
        columns: Columns = None,
        ignore: Sequence[Any] = (),
        on_error: OnBadCases = "raise",
        bootstrap: int = 1000,
        seed: int = 0,
        bins: int = 10,
        binning: Binning = "quantile",
        specificity: float = 0.9,
    ) -> Evaluation:
        """Return how good the probabilities are in cases with known diagnoses.

        The diagnoses are taken out of the evidence before the cases are answered.

        Parameters
        ----------
        cases : path, pandas or polars DataFrame, or pyarrow Table
            A case a row, in the words of `infer`.
        labels : str or sequence of str, optional
            Where the diagnoses stand: None, in all columns that are causes or unions of causes; names of such, in
            those columns; the name of another column, in it, as names of the causes that are present, joined
            by ";", the others absent ("none": all of them; a union: some cause of it). An empty cell is unknown: its
            case is left out of the measures of that cause, and counted.
        columns, ignore
            As for `infer_frame`.
        on_error : {"raise", "exclude", "unknown"}, default "raise"
            What a case does that cannot be read, contradicts itself or has no answer: an error, or it is
            left out and counted; "unknown" takes a cell that cannot be read as unknown.
        bootstrap : int, default 1000
            Resamples of the cases for 95% percentile intervals; 0 gives none.
        seed : int, default 0
            Of the resamples.
        bins : int, default 10
            Bins of the calibration curves, and of the parts of the Brier score, at most.
        binning : {"quantile", "width"}, default "quantile"
            Bins with about as many cases each, or of one width.
        specificity : float, default 0.9
            At which, or above, the sensitivity is given.

        Returns
        -------
        Evaluation

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
            If columns or options are wrong, or no diagnosis is known.
        CasesError, InvalidFrameError
            With the first bad cells, by line or row.

        Examples
        --------
        >>> import twitchbayes
        >>> model = twitchbayes.load_model("twitch")
        >>> cases = model.simulate(500, given={"twitching": True}, missing=0.2)
        >>> evaluation = model.evaluate(cases, bootstrap=0)
        >>> evaluation.used, evaluation.table.shape[0]
        (500, 16)
        """
        from twitchbayes.evaluation import Options, evaluate

        options = Options(bootstrap=bootstrap, seed=seed, bins=bins, binning=binning, specificity=specificity)
        return evaluate(self._whole, cases, options, labels=labels, columns=columns, ignore=ignore, on_error=on_error)

    def cross_validate(  # noqa: PLR0913 (each is a choice of its own)
        self,
        cases: Any,
        *,
        folds: int = 5,
        seed: int = 0,
        labels: Labels = None,
        columns: Columns = None,
        ignore: Sequence[Any] = (),
        on_error: OnBadCases = "raise",
        bootstrap: int = 1000,
        bins: int = 10,
        binning: Binning = "quantile",
        specificity: float = 0.9,
        **tuning: Any,
    ) -> Evaluation:
        """Return how good the probabilities of this model are once it is tuned to cases, in other cases.

        The cases are shuffled into folds. Each fold is answered by this model tuned (`tune`) to the
        cases of the other folds; the answers of all folds are judged together, as by `evaluate`.

        Parameters
        ----------
        cases, labels, columns, ignore, on_error, bootstrap, bins, binning, specificity
            As for `evaluate`; with `on_error="exclude"` cases that are impossible are left out of tuning too.
        folds : int, default 5
            2 or more, and no more than there are cases.
        seed : int, default 0
            Of the folds, and of the resamples.
        **tuning
            `strength`, `learn`, `selected_by`, `max_iterations` and `tolerance` of `tune`.

        Returns
        -------
        Evaluation
            The intervals tell of the cases drawn, not of the folds or of what tuning might have learned
            from other cases.

        Raises
        ------
        InvalidValueError
            If there are more folds than cases, and as for `evaluate` and `tune`.
        """
        from twitchbayes import evaluation
        from twitchbayes.cohort import read_cohort

        options = evaluation.Options(
            bootstrap=bootstrap, seed=seed, bins=bins, binning=binning, specificity=specificity
        )
        fit = evaluation.tuner(self._whole, on_error=on_error, **tuning)
        cohort = read_cohort(self._whole, cases, labels=labels, columns=columns, ignore=ignore, on_error=on_error)
        return evaluation.cross_validate(self._whole, cohort, fit, folds=folds, options=options, on_error=on_error)

    def tune(  # noqa: PLR0913 (each is a choice of its own)
        self,
        cases: Any,
        *,
        labels: Labels = None,
        strength: float = 1.0,
        learn: str | Collection[str] = ("priors", "links", "leaks"),
        selected_by: str | Collection[str] | None = None,
        columns: Columns = None,
        ignore: Sequence[Any] = (),
        on_error: OnBadCases = "raise",
        max_iterations: int = 500,
        tolerance: float = 1e-4,
        date: str | datetime.date | None = None,
        progress: bool | Callable[[Any], object] | None = None,
    ) -> Tuning:
        """Return the model tuned to cases, gaps anywhere, with a report of every number.

        The numbers are those that the cases and the tables' own intervals make most probable together
        (MAP-EM over the hidden events of the noisy-ORs, see `twitchbayes.learning`); new intervals come
        from the information in the cases. This model stays as it is.

        Parameters
        ----------
        cases : path, pandas, polars or dask DataFrame, pyarrow Table, or Spark DataFrame
            A case a row, a column a variable or group; see `infer_frame`. Columns of causes are known
            diagnoses; each may be known, partly known or not there.
        labels : str or sequence of str, optional
            A column that names the causes present, or the columns of causes that are to be used; see
            `twitchbayes.cohort.read_cohort`.
        strength : float, default 1
            What the tables' intervals count for: at 0.5 as half as many cases.
        learn : str or collection of str
            Any of "priors" (contexts and causes), "links" and "leaks" (of findings).
        selected_by : str or collection of str, optional
            Variables that every case had to have for being in the table. Where it is left out: those
            that the model assumes (`twitching`), if all cases have them. () says that it is a sample of
            the whole population.
        columns, ignore
            As for `infer_frame`.
        on_error : {"raise", "exclude", "unknown"}
            What a case does that cannot be read, contradicts itself or is impossible in the model: an
            error, or left out and counted; "unknown" takes single cells that cannot be read as unknown.
        max_iterations : int, default 500
            Passes over the cases at most.
        tolerance : float, default 1e-4
            In nats: learning stops when a step would move no number's log odds by more.
        date : str or datetime.date, optional
            For the row in `sources.csv`.
        progress : bool or callable, optional
            True shows a bar; a callable is told each `twitchbayes.learning.Step`.

        Returns
        -------
        Tuning
            `model`, `report`, `history`, `notes`.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
            If columns, labels or options are wrong, or there is no case.
        CasesError, InvalidFrameError
            With the first bad cases, by line or row.

        Examples
        --------
        >>> import twitchbayes
        >>> model = twitchbayes.load_model("twitch")
        >>> cases = model.simulate(200, seed=1, given={"twitching": True}, missing=0.1)
        >>> tuning = model.tune(cases)
        >>> tuning.converged, tuning.model.name
        (True, 'twitch')
        """
        from twitchbayes.tuning import Options, tune_table

        options = Options.of(
            strength=strength,
            learn=learn,
            selected_by=selected_by,
            max_iterations=max_iterations,
            tolerance=tolerance,
            date=date,
        )
        reading = {"labels": labels, "columns": columns, "ignore": ignore, "on_error": on_error}
        tune = door(cases, tune_table, "tune")
        tuning: Tuning = tune(self, cases, options, reading=reading, progress=progress)
        return tuning
