"""How sure an answer is: its credible intervals under those of the tables, and the sources that they are due to.

Every number of the tables is drawn from its distribution (see `twitchbayes.beliefs`), all at once and independently;
the answer is reached anew, exactly, under each set. What spreads is the answer's uncertainty from the numbers alone:
that the structure may be wrong is not in it.

References
----------
Saltelli and others, Global Sensitivity Analysis: The Primer (2008), chapters 1 and 4, for the variance of an output
and the share of each input; Oakley and O'Hagan, Probabilistic sensitivity analysis of complex models: a Bayesian
approach (JRSS B 66, 2004), for what those shares mean where the inputs are uncertain by belief.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from twitchbayes import display
from twitchbayes.beliefs import BLOCK
from twitchbayes.draws import Asked, Drawn, blocks
from twitchbayes.errors import EngineLimitError, ImpossibleEvidenceError, InvalidValueError, UnknownVariableError
from twitchbayes.evidence import Evidence
from twitchbayes.inference.mixture import mixed
from twitchbayes.network import Parameters
from twitchbayes.provenance import number_names, numbers_of
from twitchbayes.shares import explained

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.posterior import Posterior

__all__ = ["CredibleIntervals", "Interval", "intervals_in_steps", "intervals_of"]

Floats = NDArray[np.float64]

SHARED_BLOCKS = 4  # whose draws tell the shares: more would say little more
FEWEST_FOR_SHARES = 500
REMAINDER = "remainder"


class Interval(NamedTuple):
    """A probability and its spread over the draws.

    `posterior` is the answer at the values of the tables, `mean` that over the draws; `low` and `high` bound
    the interval. `first` is the share of the draws in which this cause is the most probable one (causes
    that tie share it equally), None of what is no cause.
    """

    posterior: float
    mean: float
    low: float
    high: float
    first: float | None


@dataclass(frozen=True, eq=False, repr=False)
class CredibleIntervals:
    """How far an answer spreads when the numbers of the tables are drawn from their intervals.

    Attributes
    ----------
    of : Posterior
        The answer.
    level : float
        Probability that each interval holds, over the draws.
    draws, seed : int
    rows : dict of str to Interval
        Of every cause, the most probable first, then of every union of causes, likewise, and of `none` and
        `serious`. `intervals["als"]` is `intervals.rows["als"]`.
    log_evidence : Interval
        ln P(evidence), in nats.
    impossible, refused : int
        Draws in which P(evidence) is 0, or that the engine refuses; the rest stands for all.
    """

    of: Posterior
    level: float
    draws: int
    seed: int
    rows: Mapping[str, Interval]
    log_evidence: Interval
    impossible: int
    refused: int
    _answers: Floats = field(repr=False)

    def __getitem__(self, name: str) -> Interval:
        try:
            return self.rows[name]
        except KeyError:
            raise UnknownVariableError(name, self.rows, what="cause") from None

    def by_number(self, name: str) -> pd.DataFrame:
        """Return what each number of the tables has in the uncertainty of a posterior.

        The share is of the variance of the posterior's log odds over the draws, first order: what this
        number explains by itself. The log odds are regressed on the normal scores of the numbers and
        their squares, those that correlate beyond chance (see `twitchbayes.shares`); no further answer
        is computed. The last row, `remainder`, is what this leaves: effects of numbers jointly, and of
        numbers too weak to be told from chance in these draws. The shares sum to 1 with it.

        Parameters
        ----------
        name : str
            A cause, a union of causes, "none" or "serious".

        Returns
        -------
        pandas.DataFrame
            The largest share first: `number` (as P(child | parent)), `share`, `probability`, `low`,
            `high`, `basis`, `source`, `citation`, `file`, `line`. Without rows where the posterior
            does not vary; the remainder has `number` and `share` alone. `attrs["draws_left_out"]` counts
            draws in which the posterior is 0 or 1.

        Raises
        ------
        UnknownVariableError
            If the name is none of these.
        InvalidValueError
            If there are less than 500 draws with an answer other than 0 and 1.
        """
        import pandas as pd

        knowledge = self.of.model.knowledge
        numbers, names, citations = numbers_of(knowledge), number_names(knowledge), knowledge.citations
        shares, left_out = self._shares(name)
        rows = [
            {
                "number": names[i],
                "share": shares[i],
                "probability": numbers[i].probability,
                "low": numbers[i].low,
                "high": numbers[i].high,
                "basis": numbers[i].basis,
                "source": ";".join(numbers[i].sources),
                "citation": "; ".join(citations[source].citation for source in numbers[i].sources),
                "file": numbers[i].file,
                "line": numbers[i].line,
            }
            for i in sorted(shares, key=lambda i: -shares[i])
        ]
        frame = pd.DataFrame(rows, columns=_NUMBER_COLUMNS)
        if shares:
            rest = pd.DataFrame([{"number": REMAINDER, "share": 1 - sum(shares.values())}])
            frame = pd.concat([frame, rest], ignore_index=True).astype({"line": "Int64"})
        frame.attrs["draws_left_out"] = left_out
        return frame

    def by_source(self, name: str) -> pd.DataFrame:
        """Return the share that the numbers of each source have in the uncertainty of a posterior.

        The sum of `by_number` over the numbers that cite a source: how much narrower the answer would be,
        in variance of its log odds, if the source left no doubt. A number with several sources counts for
        each in equal parts.

        Parameters
        ----------
        name : str
            A cause, a union of causes, "none" or "serious".

        Returns
        -------
        pandas.DataFrame
            The largest share first: `source`, `citation`, `share`, `numbers` (how many of them count);
            `remainder` last, as in `by_number`, which has the errors too.
        """
        import pandas as pd

        knowledge = self.of.model.knowledge
        numbers, citations = numbers_of(knowledge), knowledge.citations
        shares, left_out = self._shares(name)
        total: dict[str, float] = {}
        count: dict[str, int] = {}
        for i, share in shares.items():
            for source in numbers[i].sources:
                total[source] = total.get(source, 0.0) + share / len(numbers[i].sources)
                count[source] = count.get(source, 0) + 1
        rows: list[tuple[str, str, float, int]] = [
            (source, citations[source].citation, total[source], count[source])
            for source in sorted(total, key=lambda source: -total[source])
        ]
        if shares:
            rows.append((REMAINDER, "", 1 - sum(shares.values()), 0))
        frame = pd.DataFrame(rows, columns=["source", "citation", "share", "numbers"])
        frame.attrs["draws_left_out"] = left_out
        return frame

    def _shares(self, name: str) -> tuple[dict[int, float], int]:
        """Return the share of each number that has one, and how many draws have no log odds."""
        if name not in self.rows:
            raise UnknownVariableError(name, self.rows, what="cause")
        present = self._answers[:, list(self.rows).index(name)]
        answered, inner = np.isfinite(present), (present > 0) & (present < 1)
        usable = inner if inner.any() else answered
        if usable.sum() < FEWEST_FOR_SHARES:
            message = (
                f"{usable.sum():,} draws with log odds of {name} are too few to tell the shares, which takes "
                f"{FEWEST_FOR_SHARES}; give more draws"
            )
            raise InvalidValueError(message)
        model, asked = self.of.model, Asked(self.level, len(present), self.seed)
        inputs = np.concatenate([drawn.net for drawn in blocks(model.engine, model.beliefs, asked)])[inner]
        log_odds = np.log(present[inner]) - np.log1p(-present[inner])
        return explained(inputs, log_odds), int((answered & ~inner).sum())

    def to_frame(self) -> pd.DataFrame:
        """Return a table: `name`, `label`, `posterior`, `mean`, `low`, `high` and `first` (missing of no cause)."""
        import pandas as pd

        labels = display.labels(self.of)
        rows = [(name, labels[name], *row) for name, row in self.rows.items()]
        frame = pd.DataFrame(rows, columns=["name", "label", *Interval._fields])
        return frame.astype({"first": "Float64"})

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return {
            "level": self.level,
            "draws": self.draws,
            "seed": self.seed,
            "draws_impossible": self.impossible,
            "draws_refused": self.refused,
            "intervals": {name: row._asdict() for name, row in self.rows.items()},
            "log_evidence_nats": {k: v for k, v in self.log_evidence._asdict().items() if k != "first"},
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        return display.intervals_as_text(self)

    def _repr_html_(self) -> str:
        return display.intervals_as_html(self)


_NUMBER_COLUMNS = ["number", "share", "probability", "low", "high", "basis", "source", "citation", "file", "line"]


def intervals_of(posterior: Posterior, evidence: Evidence, asked: Asked) -> CredibleIntervals:
    """Return the credible intervals of an answer; see `Posterior.credible_intervals`."""
    *_, found = intervals_in_steps(posterior, evidence, asked, BLOCK)
    return cast("CredibleIntervals", found)


def intervals_in_steps(
    posterior: Posterior, evidence: Evidence, asked: Asked, draws: int
) -> Iterator[CredibleIntervals | None]:
    """Work out the intervals by so many draws at a time: None after each step, and the intervals at the end.

    Raises
    ------
    ImpossibleEvidenceError, EngineLimitError
        If the evidence is impossible, or refused, in every draw.
    """
    model, parts, refused = posterior.model, [], 0
    codes, log_weights = evidence.rows()
    reason = ""
    for parameters in _steps(blocks(model.engine, model.beliefs, asked), draws):
        batch = model.engine.answer(codes, parameters, unions=bool(model.unions))
        part = mixed(batch.answer, log_weights) if evidence.uncertain else batch.answer
        without = {row // len(codes): why for row, why in batch.refused.items()}
        columns = np.column_stack([part.causes, part.unions, part.none, part.serious, part.log_evidence])
        columns[~part.possible | np.isin(np.arange(len(columns)), list(without))] = np.nan
        refused, reason = refused + len(without), next(iter(without.values()), reason)
        parts.append(columns)
        yield None
    columns = np.concatenate(parts)
    if np.isnan(columns[:, 0]).all():
        raise EngineLimitError(reason) if refused else ImpossibleEvidenceError(posterior.evidence, smallest=False)
    yield _summary(posterior, asked, columns, refused)


def _steps(drawn: Iterable[Drawn], draws: int) -> Iterator[Parameters]:
    for block in drawn:
        if len(block.net) <= draws:
            yield block.parameters
        else:
            yield from (block.parameters.take(slice(i, i + draws)) for i in range(0, len(block.net), draws))


def _summary(posterior: Posterior, asked: Asked, columns: Floats, refused: int) -> CredibleIntervals:
    """Return the intervals from the answers under each draw: causes, unions, none, serious, ln P(evidence), or NaN."""
    there, model = columns[~np.isnan(columns[:, 0])], posterior.model
    names = [*model.causes, *model.unions, "none", "serious"]
    values = {**posterior, **posterior.unions, "none": posterior.none, "serious": posterior.serious}
    bounds = [*asked.quantiles(there), there.mean(axis=0)]
    first = dict(zip(model.causes, _first(there[:, : len(model.causes)]), strict=True))
    rows = {name: _interval(values[name], bounds, names.index(name), first.get(name)) for name in values}
    return CredibleIntervals(
        of=posterior,
        level=asked.level,
        draws=asked.draws,
        seed=asked.seed,
        rows=rows,
        log_evidence=_interval(posterior.log_evidence, bounds, -1, None),
        impossible=len(columns) - len(there) - refused,
        refused=refused,
        _answers=columns[: SHARED_BLOCKS * BLOCK, [names.index(name) for name in values]],
    )


def _interval(value: float, bounds: list[Floats], column: int, first: float | None) -> Interval:
    low, high, mean = (float(bound[column]) for bound in bounds)
    return Interval(value, mean, low, high, first)


def _first(causes: Floats) -> list[float]:
    """Return the share of the draws in which each cause is the most probable one, ties shared equally."""
    top = causes == causes.max(axis=1, keepdims=True)
    shares: list[float] = (top / top.sum(axis=1, keepdims=True)).mean(axis=0).tolist()
    return shares
