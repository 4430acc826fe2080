"""A compiled model, and what may be asked of it: one case, or a table of cases."""

from __future__ import annotations

import hashlib
import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from twitchbayes import red_flags
from twitchbayes.asking import Ask, asks_of
from twitchbayes.beliefs import Beliefs
from twitchbayes.conflict import impossible
from twitchbayes.display import OF_ALL
from twitchbayes.draws import Asked, usual_draws
from twitchbayes.errors import InvalidValueError
from twitchbayes.evidence import Words
from twitchbayes.inference import Engine
from twitchbayes.inference.mixture import answer
from twitchbayes.knowledge import Knowledge
from twitchbayes.network import Network, compile_network
from twitchbayes.posterior import Posterior

if TYPE_CHECKING:
    from twitchbayes.frames import Columns, OnError, Progress
    from twitchbayes.model import Model
    from twitchbayes.priors import Change

__all__ = ["Answering", "door"]


class Answering:
    """A compiled model: what it is made of, and what may be asked of it.

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
    def _whole(self) -> Model:
        # Every model is a `Model`; its methods stand in several files, of which this is one.
        return cast("Model", self)

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

    @cached_property
    def asks(self) -> tuple[Ask, ...]:
        """Every question that may be asked of a case; see `Posterior.next_questions`."""
        return asks_of(self.knowledge, self.network)

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
    def unions(self) -> tuple[str, ...]:
        """Names of the unions of causes."""
        return self.network.groups

    def label(self, name: str) -> str:
        """Return how people read the name of a variable, or of "serious" and "none"."""
        return OF_ALL[name] if name in OF_ALL else self.knowledge.variables[name].label

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
        """P(cause) of every cause in the population, before anything is known or assumed; of a union by its name."""
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
        interval: float | None = None,
        **named: Any,
    ) -> Posterior:
        """Return the posterior of every cause given what is known.

        Parameters
        ----------
        evidence : mapping of str to value, optional
            Variable, or group such as `twitch_location`, to what was observed: True/False, "yes"/"no",
            "present"/"absent", 1/0, a state, a number for a banded variable (age in years). A group takes a name
            of a member, or several: nothing is said of the others unless "nowhere_else" is among them ("none":
            no member is present), and a mapping says of each member what it is. Several states are a list or set of
            them, `"a;b"` or `"not a"`; a range of a banded variable is `(50, 70)` or "50-70", both included, in which a
            band counts by the share of its whole units. None, NaN, "" and "unknown" say
            nothing, like a variable that is left out.
        virtual_evidence : mapping of str to float or mapping, optional
            Variable to a likelihood ratio present : absent, or to a likelihood for each of its states.
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
        found = answer(self._engine, case)
        if found.log_evidence[0] == -math.inf:
            raise impossible(self._whole, case)
        posterior = Posterior(self._whole, case, found, red_flags=red_flags.met(self._rules, case))
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
        virtual_evidence: Mapping[str, Any] | None = None,
        progress: Progress = None,
        interval: float | None = None,
        draws: int | None = None,
        seed: int = 0,
    ) -> Any:
        """Return the posterior of every cause, and of every union of causes, for each row of a table.

        A row is what `infer` makes of its cells: column to cell. A variable with a column of its own is
        given in every row, so that nothing is assumed of it where its cell is null.

        Parameters
        ----------
        frame : pandas, polars or dask DataFrame, pyarrow Table or RecordBatch, or Spark DataFrame
            One column a variable or group. A cell is anything that `infer` takes; null, NaN, "" and
            "unknown" say nothing. A group is a column of names of its members (joined with ";", or
            lists; "nowhere_else" among them says that the others are absent), or a column for each of
            its members. A polars LazyFrame must be collected.
        columns : mapping of str to str, or sequence of str, optional
            A mapping gives the variable or group that a column is, where the column is named otherwise.
            A sequence names the only columns to use as evidence.
        keep : bool or sequence of str, default False
            Columns of `frame` that come first in the result: all, none, or those named.
        ignore : sequence of str
            Columns that are no evidence, whatever they are named.
        on_error : {"raise", "null"}, default "raise"
            "null" gives rows that cannot be answered nulls (NaN in pandas), and adds the column `reason`.
        virtual_evidence : mapping of str to str, float or mapping, optional
            Variable to the column of its likelihood ratios present : absent, or to a mapping of each of its states
            to the column of its likelihoods. A number stands for all rows. Where a cell is blank, or all of them
            are, nothing is said. Such a column is no evidence of its own, whatever its name is.
        progress : bool or callable, optional
            True shows a bar (tqdm), False none; a callable is told (rows done, rows). Where it is left
            out, long work shows a bar in a terminal or a notebook that has tqdm.
        interval : float, optional
            Level of credible intervals, as 0.95. They take about as long as `draws` such tables. If that is more
            than 10 s of the processor, the logger `twitchbayes` says so before they are begun.
        draws : int, optional
            As of `Posterior.credible_intervals`. Where it is left out: 1,000 for a table in memory of at most 1,000
            rows, and 200 for any other.
        seed : int, default 0
            As of `Posterior.credible_intervals`.

        Returns
        -------
        frame
            Of the kind, and with the rows and the index, of `frame`: the kept columns; one column of
            float64 a cause, fractions, in the order of `causes`; one a union of causes, likewise, in the order of
            `unions`; `none`, `serious` (fractions) and `log_evidence` (nats), as in `Posterior`; with `interval`,
            `<name>_low` and `<name>_high` of each cause and union, `none` and `serious`, and `draws_lost`, the number
            of draws in which the row is impossible, which are left out; with `on_error="null"`, `reason` (text, null
            in answered rows).
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
        from twitchbayes.frames import infer_frame

        infer = door(frame, infer_frame, "infer_frame")
        if draws is None:
            draws = usual_draws(len(frame) if infer is infer_frame and hasattr(frame, "__len__") else None)
        asked = None if interval is None else Asked.of(interval, draws, seed)
        options: dict[str, Any] = {"columns": columns, "keep": keep, "ignore": ignore, "on_error": on_error}
        options["virtual_evidence"] = None if virtual_evidence is None else _items(virtual_evidence, "virtual_evidence")
        return infer(self._whole, frame, **options, interval=asked, progress=progress)


def door(table: Any, local: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the function that takes a kind of table: `local`, or that of a name in the adapter of its library."""
    package = type(table).__module__.partition(".")[0]
    library = {"dask": "dask", "dask_expr": "dask", "pyspark": "spark"}.get(package)
    if library is None:
        return local
    adapter = importlib.import_module(f"twitchbayes.adapters.{library}")
    found: Callable[..., Any] = getattr(adapter, name)
    return found


def _items(given: Mapping[str, Any] | None, what: str) -> dict[str, Any]:
    """Return the items of a mapping, or of anything like one (a row of a DataFrame)."""
    if given is None:
        return {}
    if not hasattr(given, "items"):
        message = f"{what}={given!r} is no mapping of variable to value"
        raise InvalidValueError(message)
    return dict(given.items())
