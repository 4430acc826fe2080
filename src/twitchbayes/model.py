"""A model to ask: its tables, the network compiled from them, and the doors `infer` and `load_model`."""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from twitchbayes import card, consistency, red_flags
from twitchbayes import knowledge as knowledge_module
from twitchbayes import priors as priors_module
from twitchbayes.beliefs import Beliefs
from twitchbayes.cases import header
from twitchbayes.conflict import impossible
from twitchbayes.draws import DRAWS, Asked
from twitchbayes.engine import Engine, Runs, answer
from twitchbayes.errors import InvalidValueError, ModelNotFoundError, did_you_mean
from twitchbayes.evidence import Words
from twitchbayes.knowledge import Knowledge
from twitchbayes.network import Network, compile_network
from twitchbayes.posterior import Posterior

if TYPE_CHECKING:
    import datetime

    import networkx as nx
    import pandas as pd
    from pgmpy.models import DiscreteBayesianNetwork

    from twitchbayes.cohort import Labels, OnBadCases
    from twitchbayes.differences import Difference
    from twitchbayes.evaluation import Evaluation
    from twitchbayes.evaluation.options import Binning
    from twitchbayes.frames import Columns, OnError, Progress
    from twitchbayes.priors import Change, PriorsLike
    from twitchbayes.simulation import Missing, Numbers
    from twitchbayes.tuning import Tuning

__all__ = ["Model", "ModelInfo", "infer", "list_models", "load_model"]

ENGINES = ("numpy", "pgmpy")
TEMPLATES = ("priors", "cases")


class ModelInfo(NamedTuple):
    """A model that ships with the library."""

    name: str
    title: str
    version: str
    populations: tuple[str, ...]


class Model:
    """A compiled model; `load_model` makes one.

    Parameters
    ----------
    knowledge : Knowledge
        Checked tables.
    changes : tuple of Change, optional
        What `with_priors` changed against the tables of the folder.
    """

    def __init__(self, knowledge: Knowledge, *, changes: tuple[Change, ...] = ()) -> None:
        self.knowledge = knowledge
        self.changes = changes
        self.network: Network = compile_network(knowledge)
        self._engine = Engine(self.network)
        self._words = Words(knowledge, self.network)
        self._rules = red_flags.read_rules(knowledge, self._words)

    @property
    def engine(self) -> Engine:
        """The engine that answers, for batches of codes and parameter sets of one's own."""
        return self._engine

    @property
    def words(self) -> Words:
        """The words in which evidence may be given, and what each of them means."""
        return self._words

    @cached_property
    def beliefs(self) -> Beliefs:
        """How sure the tables are of each number: the distributions that their intervals stand for."""
        return Beliefs.of(self.knowledge, self.network)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.knowledge.name

    @property
    def version(self) -> str:
        """Version in `model.toml`."""
        return self.knowledge.meta["version"]

    @property
    def population(self) -> str | None:
        """Setting whose priors are laid over the model; None for the model's own population."""
        return self.knowledge.population

    @property
    def causes(self) -> tuple[str, ...]:
        """Names of the causes."""
        return self.network.causes

    @property
    def contexts(self) -> tuple[str, ...]:
        """Names of the contexts."""
        return self.network.contexts

    @property
    def findings(self) -> tuple[str, ...]:
        """Names of the findings, in the order of `variables.csv`."""
        return tuple(v.name for v in self.knowledge.of_role("finding"))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the content of all tables, whatever their line ends: two models that agree in it are one."""
        digest = hashlib.sha256()
        knowledge = self.knowledge
        tables = {**knowledge.tables, **{f"populations/{n}.csv": t for n, t in knowledge.populations.items()}}
        parts = [repr(sorted(knowledge.meta.items())), repr(knowledge.population)]
        for file in sorted(tables):
            table = tables[file]
            parts.append(repr((file, table.columns, [[row[c] for c in table.columns] for row in table.rows])))
        digest.update("\n".join(parts).encode())
        return digest.hexdigest()

    @cached_property
    def _prior(self) -> Posterior:
        # Nothing known, and nothing assumed: the population as it is.
        return self.infer(self._words.nothing_assumed)

    @property
    def prior(self) -> Mapping[str, float]:
        """P(cause) of every cause in the population, before anything is known or assumed."""
        return self._prior

    @property
    def prior_none(self) -> float:
        """P(no listed cause is present) in the population."""
        return self._prior.none

    def infer(
        self,
        evidence: Mapping[str, Any] | None = None,
        /,
        *,
        virtual_evidence: Mapping[str, Any] | None = None,
        engine: str = "numpy",
        interval: float | None = None,
        **named: Any,
    ) -> Posterior:
        """Return the posterior of every cause given what is known.

        Parameters
        ----------
        evidence : mapping of str to value, optional
            Variable, or group such as `twitch_location`, to what was observed: True/False, "yes"/"no",
            "present"/"absent", 1/0, a state, a number for a banded variable (age in years). None, NaN,
            "" and "unknown" say nothing, like a variable that is left out.
        virtual_evidence : mapping of str to float or mapping, optional
            Variable to a likelihood ratio present : absent, or to a likelihood for each of its states.
        engine : {"numpy", "pgmpy"}, default "numpy"
            "pgmpy" answers by variable elimination on `to_pgmpy()`: slow, to check the other by.
        interval : float, optional
            Level of credible intervals, as 0.95: the answer then has `intervals`, those of
            `Posterior.credible_intervals(interval)`, and shows them.
        **named
            Evidence by keyword, as `weakness=True`.

        Returns
        -------
        Posterior

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
            If a name or a value is not one of the model, two contradict each other, or `interval` is not
            between 0 and 1.
        ImpossibleEvidenceError
            If P(evidence) is 0 in this model.
        EngineLimitError
            If the exact answer needs more memory than the engine's bound.
        """
        given = _items(evidence, "evidence")
        twice = [name for name in named if name in given]
        if twice:
            pairs = ", ".join(f"{n}={given[n]!r} and {n}={named[n]!r}" for n in twice)
            message = f"given twice: {pairs}; give each variable once"
            raise InvalidValueError(message)
        asked = None if interval is None else Asked.of(interval)
        case = self._words.read({**given, **named}, _items(virtual_evidence, "virtual_evidence"))
        runs = self._runs(engine)
        found = answer(runs, case)
        if not found.possible[0]:
            raise impossible(runs, case)
        posterior = Posterior(self, case, found, runs, red_flags=red_flags.met(self._rules, case))
        if asked:
            posterior.intervals = posterior.credible_intervals(asked.level)
        return posterior

    def infer_frame(  # noqa: PLR0913 (one door for every kind of frame)
        self,
        frame: Any,
        *,
        columns: Columns = None,
        keep: bool | Sequence[Any] = False,
        ignore: Sequence[Any] = (),
        on_error: OnError = "raise",
        progress: Progress = None,
        interval: float | None = None,
        draws: int = DRAWS,
        seed: int = 0,
    ) -> Any:
        """Return the posterior of every cause for each row of a table.

        A row is what `infer` makes of its cells: column to cell. A variable with a column of its own is
        given in every row, so that nothing is assumed of it where its cell is null.

        Parameters
        ----------
        frame : pandas, polars or dask DataFrame, pyarrow Table or RecordBatch, or Spark DataFrame
            One column a variable or group. A cell is anything that `infer` takes; null, NaN, "" and
            "unknown" say nothing. A group is a column of names of its members (joined with ";", or
            lists), or a column for each of its members. A polars LazyFrame must be collected.
        columns : mapping of str to str, or sequence of str, optional
            A mapping gives the variable or group that a column is, where the column is named otherwise.
            A sequence names the only columns to use as evidence.
        keep : bool or sequence of str, default False
            Columns of `frame` that come first in the result: all, none, or those named.
        ignore : sequence of str
            Columns that are no evidence, whatever they are named.
        on_error : {"raise", "null"}, default "raise"
            "null" gives rows that cannot be answered nulls (NaN in pandas), and adds the column `reason`.
        progress : bool or callable, optional
            True shows a bar (tqdm), False none; a callable is told (rows done, rows). Where it is left
            out, long work shows a bar in a terminal or a notebook that has tqdm.
        interval : float, optional
            Level of credible intervals, as 0.95. They take about as long as `draws` such tables.
        draws, seed : int, default 1,000 and 0
            As of `Posterior.credible_intervals`.

        Returns
        -------
        frame
            Of the kind, and with the rows and the index, of `frame`: the kept columns; one column of
            float64 a cause, fractions, in the order of `causes`; `none`, `serious` (fractions) and
            `log_evidence` (nats), as in `Posterior`; with `interval`, `<name>_low` and `<name>_high` of each
            cause, `none` and `serious`, and `draws_lost`, the number of draws in which the row is
            impossible, which are left out; with `on_error="null"`, `reason` (text, null in answered rows).
            Those of Dask and Spark are lazy.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
            If the columns are not those of evidence, two of them are one variable, a kept column has
            the name of a column of the result, or an argument is wrong.
        InvalidFrameError
            If cells cannot be read or contradict each other, or else if rows are impossible, if only in
            every draw, or too large for the engine's bound, if only in some draw. `faults` holds the
            first of them, with row, column and value.

        Examples
        --------
        >>> import pandas as pd
        >>> import twitchbayes
        >>> cohort = pd.DataFrame({"age": [62, 35], "twitch_location": ["arm_hand", None]}, index=["ann", "bob"])
        >>> result = twitchbayes.load_model("twitch").infer_frame(cohort, keep=["age"])
        >>> result.index.tolist(), result.columns[:2].tolist(), result.columns[-3:].tolist()
        (['ann', 'bob'], ['age', 'exercise'], ['none', 'serious', 'log_evidence'])
        """
        infer = _frame_door(frame)
        asked = None if interval is None else Asked.of(interval, draws, seed)
        options: dict[str, Any] = {"columns": columns, "keep": keep, "ignore": ignore, "on_error": on_error}
        return infer(self, frame, **options, interval=asked, progress=progress)

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
            "finding") to a number; that of a variable goes before that of its role.
        given : mapping of str to value, optional
            Evidence, in the words of `infer`, that every case has and that is never missing: other
            cases are thrown away. Nothing is assumed beside it; where the cases are of people who
            twitch, give `{"twitching": True}`.
        parameters : {"tables", "drawn"}, default "tables"
            "drawn" draws one parameter set from `beliefs`, with the same seed, for the whole table;
            `simulation.drawn_parameters(model, seed)` is that set.
        causes : bool, default True
            Whether the table has the columns of the causes.

        Returns
        -------
        pandas.DataFrame
            A row a case, a categorical column a variable: contexts, causes, findings. Binary variables
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

        return simulate(self, n, seed, missing=missing, given=given, parameters=parameters, causes=causes)

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
            Where the diagnoses stand: None, in all columns that are causes; names of causes, in those
            columns; the name of another column, in it, as names of the causes that are present, joined
            by ";", the others absent ("none": all of them). An empty cell is unknown: its case is left out of
            the measures of that cause, and counted.
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
        return evaluate(self, cases, options, labels=labels, columns=columns, ignore=ignore, on_error=on_error)

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
            `strength`, `learn`, `selected_by`, `max_iterations`, `tolerance` and `compiled` of `tune`.

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
        fit = evaluation.tuner(self, on_error=on_error, **tuning)
        cohort = read_cohort(self, cases, labels=labels, columns=columns, ignore=ignore, on_error=on_error)
        return evaluation.cross_validate(self, cohort, fit, folds=folds, options=options, on_error=on_error)

    def _runs(self, engine: str) -> Runs:
        if engine == "numpy":
            return self._engine
        if engine == "pgmpy":
            from twitchbayes.interop import PgmpyEngine

            return PgmpyEngine(self.network)
        message = f"engine={engine!r} is none of {', '.join(ENGINES)}"
        raise InvalidValueError(message)

    def with_priors(self, priors: PriorsLike) -> Model:
        """Return the model with some of its priors replaced; this one stays as it is.

        Parameters
        ----------
        priors : path, pandas.DataFrame or mapping
            Rows of `priors.csv` (`variable` and `probability` at least), or a mapping of a variable, or
            of a pair (variable, given), to a probability or to (probability, low, high). A row replaces
            the one with the same variable, given and state. Where the rows of a variable use other
            `given` variables, they replace all its rows and must be complete.

        Returns
        -------
        Model
            Its `changes` list every number that is not as before.

        Raises
        ------
        ModelTableError
            With every problem of the new rows, by file and line.
        """
        table, citation, problems = priors_module.read(self.knowledge, priors)
        merged = knowledge_module.overlay(self.knowledge, table, citations=[citation], problems=problems)
        changes = priors_module.changes(self.knowledge, merged)
        return Model(merged, changes=priors_module.since(self.changes, changes))

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
        compiled: bool | None = None,
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
        compiled : bool, optional
            Whether to use the compiled kernel; where it is left out, if that is worth its start.
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
        from twitchbayes.tuning import Options

        options = Options.of(
            strength=strength,
            learn=learn,
            selected_by=selected_by,
            max_iterations=max_iterations,
            tolerance=tolerance,
            date=date,
        )
        reading = {"labels": labels, "columns": columns, "ignore": ignore, "on_error": on_error}
        return _tune_door(cases)(self, cases, options, reading=reading, compiled=compiled, progress=progress)

    def at_population(self, name: str | None) -> Model:
        """Return the model with the priors of one of its settings (`populations/<name>.csv`).

        Raises
        ------
        ModelNotFoundError
            If the model has no such setting.
        InvalidValueError
            If other priors are laid over the model already: a setting would undo some of them unseen.
        """
        if name is None or name == self.population:
            return self
        if self.population is not None or self.changes:
            laid = f"population {self.population!r}" if self.population else f"{len(self.changes)} changed numbers"
            message = f"population {name!r} cannot be laid over {laid}; start from the model as it was loaded"
            raise InvalidValueError(message)
        return Model(self.knowledge.at_population(name))

    def template(self, what: str = "priors", *, only: Collection[str] = ()) -> pd.DataFrame:
        """Return a table to be filled in or edited.

        Parameters
        ----------
        what : {"priors", "cases"}, default "priors"
            "priors" are the rows of `priors.csv` as they stand: `with_priors` takes them back, and unedited
            they give the same model, fingerprint included. "cases" has the columns of a table of cases and
            no row (`twitchbayes.cases.header`).
        only : collection of str
            The variables that are wanted; all of them where it is empty.

        Returns
        -------
        pandas.DataFrame
            Of "priors", `probability`, `low` and `high` are fractions, all other cells text.

        Raises
        ------
        InvalidValueError
            If there is no such table, or no such variable in it.
        """
        import pandas as pd

        if what not in TEMPLATES:
            message = f"template {what!r} is none of {', '.join(TEMPLATES)}"
            raise InvalidValueError(message)
        if what == "cases":
            return pd.DataFrame(columns=list(header(self.knowledge, only)), dtype=object)
        table = priors_module.template(self.knowledge, only)
        cells = {c: [row[c] for row in table.rows] for c in table.columns}
        numbers = {c: [float(cell) for cell in cells[c]] for c in priors_module.NUMBERS}
        return pd.DataFrame({**cells, **numbers})

    def diff(self, other: Model) -> Difference:
        """Compare this model, the first, with another one, the second; see `twitchbayes.differences.compare`."""
        from twitchbayes.differences import compare

        return compare(self, other)

    @property
    def parameters(self) -> pd.DataFrame:
        """Every number of the model, one row each, with its interval, basis, sources and place.

        Columns: `kind` (context, cause, leak or link), `parent`, `child`, `given`, `state`, `form`,
        `probability`, `low`, `high` (fractions), `basis`, `source`, `note`, `file`, `line`.
        """
        import pandas as pd

        role = {name: v.role for name, v in self.knowledge.variables.items()}
        rows: list[dict[str, Any]] = []
        for prior in self.knowledge.priors:
            given = ";".join(f"{name}={state}" for name, state in prior.given)
            head = {"kind": role[prior.variable], "parent": "", "child": prior.variable, "given": given}
            rows.append({**head, "state": prior.state, "form": "", **_number_columns(prior.number)})
        for link in self.knowledge.links:
            kind = "leak" if link.parent == "leak" else "link"
            head = {"kind": kind, "parent": link.parent, "child": link.child, "given": ""}
            rows.append({**head, "state": "present", "form": link.form, **_number_columns(link.number)})
        return pd.DataFrame(rows)

    def implied_facts(self) -> list[consistency.Implied]:
        """Return the rows of `check` without making a frame of them."""
        return consistency.compare(self.knowledge, self._words, self._engine)

    def check(self) -> pd.DataFrame:
        """Compare the facts of `checks.csv`, which no parameter depends on, with what the model implies.

        Returns
        -------
        pandas.DataFrame
            One row a fact: `check`, `quantity`, `fact`, `low`, `high`, `implied`, `inside` (is the
            implied value in the fact's interval?), `distance_nats` (ln of implied over the nearer
            bound, 0 inside), `expected` (False where the table says that it lies outside, for the
            reason in `note`), `basis`, `source`, `note`.

        Raises
        ------
        ModelTableError
            With every row that cannot be read, by line.
        """
        import pandas as pd

        frame = pd.DataFrame(self.implied_facts(), columns=list(consistency.Implied._fields))
        frame["sources"] = [";".join(sources) for sources in frame["sources"]]
        return frame.rename(columns={"sources": "source"})

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the model's tables into a new folder, unchanged files byte for byte.

        The folder appears whole or not at all.

        Raises
        ------
        FileExistsError
            If the folder exists and is not empty: nothing is overwritten.
        """
        target = Path(folder)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            message = f"{str(target)!r} exists and is not an empty folder; choose another, nothing is overwritten"
            raise FileExistsError(message)
        target.parent.mkdir(parents=True, exist_ok=True)
        knowledge = self.knowledge
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".saving-") as scratch:
            draft = Path(scratch) / "model"
            draft.mkdir()
            (draft / "model.toml").write_bytes(knowledge.meta_raw)
            for file, table in knowledge.tables.items():
                (draft / file).write_bytes(table.to_bytes())
            if knowledge.populations:
                (draft / "populations").mkdir()
            for name, table in knowledge.populations.items():
                (draft / "populations" / f"{name}.csv").write_bytes(table.to_bytes())
            if target.exists():
                target.rmdir()
            shutil.move(draft, target)
        return target

    def to_pgmpy(self) -> DiscreteBayesianNetwork:
        """Return the model as a pgmpy network with full tables; see `twitchbayes.interop.to_pgmpy`."""
        from twitchbayes.interop import to_pgmpy

        return to_pgmpy(self.network)

    def to_networkx(self) -> nx.DiGraph:
        """Return the model as a directed graph; see `twitchbayes.interop.to_networkx`."""
        from twitchbayes.interop import to_networkx

        return to_networkx(self.knowledge, self.network)

    def export(self, file: str | os.PathLike[str]) -> Path:
        """Write the network as BIF, XMLBIF, XDSL, NET or UAI, by the file's suffix."""
        from twitchbayes.interop import export

        return export(self.network, Path(file))

    def card(self, file: str | os.PathLike[str]) -> Path:
        """Write the model card, generated from the tables, as Markdown, and its picture beside it as SVG."""
        path = Path(file)
        drawing = path.with_suffix(".svg")
        text = card.markdown(self, self.implied_facts(), picture_file=drawing.name)
        drawing.write_text(card.picture(self.knowledge), encoding="utf-8", newline="\n")
        path.write_text(text, encoding="utf-8", newline="\n")
        return path

    def describe(self) -> str:
        """Return one line: name, version, population and window."""
        meta = self.knowledge.meta
        setting = self.population or meta["population"]
        count = len(self.changes)
        changed = f", {count} number{'s' * (count > 1)} changed" if count else ""
        return f"{self.name} {self.version} ({setting}; window: {meta['window']}{changed})"

    def __repr__(self) -> str:
        sizes = f"{len(self.contexts)} contexts, {len(self.causes)} causes, {len(self.findings)} findings"
        numbers = f"{len(self.knowledge.priors) + len(self.knowledge.links)} numbers"
        return f"<Model {self.describe()}: {sizes}, {numbers} from {len(self.knowledge.citations)} sources>"


def _frame_door(frame: Any) -> Callable[..., Any]:
    """Return the `infer_frame` for a kind of frame."""
    package = type(frame).__module__.partition(".")[0]
    if package in {"dask", "dask_expr"}:
        from twitchbayes.adapters.dask import infer_frame as of_dask

        return of_dask
    if package == "pyspark":
        from twitchbayes.adapters.spark import infer_frame as of_spark

        return of_spark
    from twitchbayes.frames import infer_frame

    return infer_frame


def _tune_door(cases: Any) -> Callable[..., Tuning]:
    """Return the `tune` for a kind of table."""
    package = type(cases).__module__.partition(".")[0]
    if package in {"dask", "dask_expr"}:
        from twitchbayes.adapters.dask import tune as of_dask

        return of_dask
    if package == "pyspark":
        from twitchbayes.adapters.spark import tune as of_spark

        return of_spark
    from twitchbayes.tuning import tune_table

    return tune_table


def _items(given: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Return the items of a mapping, or of anything like one (a row of a DataFrame)."""
    if given is None:
        return {}
    if not hasattr(given, "items"):
        message = f"{what}={given!r} is no mapping of variable to value"
        raise InvalidValueError(message)
    return dict(given.items())


def _number_columns(number: knowledge_module.Number) -> dict[str, Any]:
    return {
        "probability": number.probability,
        "low": number.low,
        "high": number.high,
        "basis": number.basis,
        "source": ";".join(number.sources),
        "note": number.note,
        "file": number.file,
        "line": number.line,
    }


def list_models() -> list[ModelInfo]:
    """Return the models that ship with the library."""
    infos = []
    for name in sorted(_shipped()):
        model = load_model(name)
        meta = model.knowledge.meta
        infos.append(ModelInfo(name, meta["title"], meta["version"], tuple(model.knowledge.populations)))
    return infos


def load_model(model: str | os.PathLike[str] | Model = "twitch", *, population: str | None = None) -> Model:
    """Return a model.

    Parameters
    ----------
    model : str, path or Model, default "twitch"
        Name of a shipped model, or a folder of tables. A model is returned as it is.
    population : str, optional
        One of the model's settings, whose priors are laid over its own.

    Raises
    ------
    ModelNotFoundError
        If there is no such model, folder or setting; the message lists what there is.
    ModelTableError
        With every problem of the folder's tables.
    """
    if isinstance(model, Model):
        return model.at_population(population)
    if isinstance(model, str) and model in _shipped():
        return _load_shipped(model, population)
    folder = Path(model)
    if not folder.is_dir():
        hint = did_you_mean(str(model), _shipped())
        message = f"there is no model and no folder {os.fspath(model)!r}.{hint}"
        raise ModelNotFoundError(message)
    return Model(knowledge_module.read(folder.resolve()).at_population(population))


def infer(
    evidence: Mapping[str, Any] | None = None,
    /,
    *,
    model: str | os.PathLike[str] | Model = "twitch",
    population: str | None = None,
    priors: PriorsLike | None = None,
    virtual_evidence: Mapping[str, Any] | None = None,
    engine: str = "numpy",
    interval: float | None = None,
    **named: Any,
) -> Posterior:
    """Return the posterior of every cause given what is known.

    `infer(evidence, model=m, population=p, priors=q, **named)` stands for
    `load_model(m, population=p).with_priors(q).infer(evidence, **named)`; see `Model.infer`.

    Examples
    --------
    >>> import twitchbayes
    >>> p = twitchbayes.infer(weakness=True, twitch_location="arm_hand", age=62)
    >>> p.assumed
    {}
    >>> round(sum(p.joint(["als", "anemia"])["probability"]), 12)
    1.0
    """
    chosen = load_model(model, population=population)
    if priors is not None:
        chosen = chosen.with_priors(priors)
    return chosen.infer(evidence, virtual_evidence=virtual_evidence, engine=engine, interval=interval, **named)


@lru_cache(maxsize=32)
def _load_shipped(name: str, population: str | None) -> Model:
    if population is not None:
        return _load_shipped(name, None).at_population(population)
    return Model(knowledge_module.read(_shipped()[name], name=name))


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Any]:
    """Model folders inside the installed package, or at the root of the repository it is run from."""
    package = importlib.resources.files("twitchbayes") / "models"
    # An editable install has no files put into the package at build time.
    repository = Path(__file__).resolve().parents[2] / "models"
    root = package if package.is_dir() else repository
    if not root.is_dir():
        return {}
    return {folder.name: folder for folder in root.iterdir() if (folder / "model.toml").is_file()}
