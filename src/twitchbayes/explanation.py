"""Why an answer is what it is: how far each item of the evidence speaks for a cause, or against it.

The weight of evidence of an item for a cause, against its absence, given all the other items, is

    W(item) = ln [P(item | cause, others) / P(item | cause absent, others)]
            = log odds(cause | all items) - log odds(cause | all items but this one),

in nats, or in decibans: 10 log10 of the factor by which the item multiplies the odds. Weights depend on what else is
known, and they need not add up to the whole change of the log odds, from the prior to the posterior. Shapley values do:
the share of an item is what it adds to the log odds on average over all orders in which the items may come.

To leave an item out is to know nothing in its place, and nothing is assumed instead of it. What the model assumes of a
case, as `twitching`, is an item like the others, so that the start of every order, without any item, is the prior:
nothing known and nothing assumed.

References
----------
Good, Probability and the Weighing of Evidence (1950), and Weight of evidence: a brief survey (Bayesian Statistics 2,
1985), for the weight of evidence and the deciban; Shapley, A value for n-person games (1953), and Štrumbelj and
Kononenko, An efficient explanation of individual classifications using game theory (Journal of Machine Learning
Research 11, 2010), for the shares.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes import display, phrases, shapley
from twitchbayes.errors import InvalidValueError, UnknownVariableError
from twitchbayes.evidence import Evidence
from twitchbayes.items import Item, LogOdds, items_of
from twitchbayes.links import Between, between
from twitchbayes.phrases import DECIBANS
from twitchbayes.provenance import Provenance, trace

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from twitchbayes.posterior import Posterior

__all__ = ["Explanation", "Reason", "Weighed", "explain", "weigh"]

Floats = NDArray[np.float64]

NEUTRAL_DECIBANS = 0.1  # below it an item moves the odds by less than 2.4%
EXACT_ITEMS = 13  # up to so many items all subsets are answered
MOST_ROWS = 1 << 13  # rows of evidence that Shapley values may take
FEWEST_PAIRS = 10  # of random orders: fewer leave too little to tell a standard error from


class Reason(NamedTuple):
    """What one item says of a cause.

    Attributes
    ----------
    item : Item
        What was said: `name`, `kind` (observed, assumed or virtual), `states`.
    words : str
        The item in the words of the model.
    weight_nats : float
        Weight of evidence given all the other items: inf where the cause is certain with the item and not
        without it, -inf where it is impossible; 0 where it is certain, or impossible, either way.
    probability_without : float
        P(cause | all the other items).
    shapley_nats, shapley_se_nats : float or None
        Its share of the change in log odds from prior to posterior, and the standard error (0 where all
        orders were counted); None where the change is infinite or too costly.
    """

    item: Item
    words: str
    weight_nats: float
    probability_without: float
    shapley_nats: float | None
    shapley_se_nats: float | None

    @property
    def weight_decibans(self) -> float:
        """10 log10 of the factor of the odds."""
        return self.weight_nats * DECIBANS

    @property
    def factor(self) -> float:
        """The factor of the odds: exp of the weight in nats; inf and 0 where it is decisive."""
        with np.errstate(over="ignore"):
            return float(np.exp(self.weight_nats))

    @property
    def side(self) -> str:
        """Return "supporting", "opposing", or "neutral" where the weight is below 0.1 deciban either way."""
        if abs(self.weight_decibans) < NEUTRAL_DECIBANS:
            return "neutral"
        return "supporting" if self.weight_nats > 0 else "opposing"

    @property
    def decisive(self) -> bool:
        """Whether the item makes the cause certain or impossible."""
        return math.isinf(self.weight_nats)


class Weighed(NamedTuple):
    """The weights of evidence for a cause, without Shapley values; the fields are those of `Explanation`."""

    cause: str
    label: str
    probability: float
    prior: float
    change_nats: float
    reasons: tuple[Reason, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence an item; each factor is given all the other evidence."""
        return tuple(phrases.sentence(reason, self) for reason in self.reasons)


@dataclass(frozen=True, eq=False)
class Explanation:
    """How each item of the evidence speaks for a cause or against it.

    Attributes
    ----------
    cause, label : str
    model : dict of str to str or None
        Name, version, population and fingerprint of the model, and its `description`.
    probability, prior : float
        P(cause | evidence), and P(cause) with nothing known and nothing assumed.
    change_nats : float
        Log odds of the posterior less those of the prior; 0 where the prior was certain already.
    reasons : tuple of Reason
        One an item, the heaviest first, for or against.
    method : str
        Of the Shapley values: "exact", "sampled" or, where there are none, "none".
    pairs : int
        Pairs of random orders that were counted; 0 unless sampled.
    why_no_shapley : str
        The reason where there are none; else empty.
    numbers : tuple of Between
        The rows of the tables between each item and the cause.
    provenance : Provenance
        Which numbers of all tables the answer rests on most.
    """

    cause: str
    label: str
    model: Mapping[str, str | None]
    probability: float
    prior: float
    change_nats: float
    reasons: tuple[Reason, ...]
    method: str
    pairs: int
    why_no_shapley: str
    numbers: tuple[Between, ...]
    provenance: Provenance

    def of(self, side: str) -> tuple[Reason, ...]:
        """Return the reasons of one side: "supporting", "opposing" or "neutral"."""
        return tuple(reason for reason in self.reasons if reason.side == side)

    @property
    def supporting(self) -> tuple[Reason, ...]:
        """Items that multiply the odds, given the others, the heaviest first."""
        return self.of("supporting")

    @property
    def opposing(self) -> tuple[Reason, ...]:
        """Items that divide them."""
        return self.of("opposing")

    @property
    def neutral(self) -> tuple[Reason, ...]:
        """Items with less than 0.1 deciban either way."""
        return self.of("neutral")

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence an item; each factor is given all the other evidence."""
        return tuple(phrases.sentence(reason, self) for reason in self.reasons)

    def plot(self, *, top: int = 12, ax: Axes | None = None) -> Axes:
        """Draw what each item adds to the log odds, from the prior to the posterior; see `twitchbayes.plots.weights`.

        Parameters
        ----------
        top : int, default 12
            Items at most, the heaviest; the others are one bar together.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InvalidValueError
            If matplotlib is missing (extra `plot`).
        """
        from twitchbayes import plots

        return plots.weights(self, top=top, ax=ax)

    def to_frame(self) -> pd.DataFrame:
        """Return a table, one row an item.

        Columns: `item`, `kind`, `said`, `side`, `weight_nats`, `weight_decibans`, `factor` (of the odds),
        `probability_without` (fraction), `shapley_nats`, `shapley_decibans`, `shapley_se_nats` (NaN where there
        is none).
        """
        import pandas as pd

        return pd.DataFrame([_cells(reason) for reason in self.reasons], columns=list(COLUMNS))

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types; None for weights that are infinite, which `decisive` marks."""
        rows = [dict(zip(COLUMNS, _cells(reason), strict=True)) for reason in self.reasons]
        plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
        influential = self.provenance.rows.drop(columns="citation").to_dict(orient="records")
        return {
            "cause": self.cause,
            "model": dict(self.model),
            "probability": self.probability,
            "prior": self.prior,
            "change_nats": _plain(self.change_nats),
            "items": [{**row, "decisive": r.decisive} for row, r in zip(plain, self.reasons, strict=True)],
            "sentences": list(self.sentences),
            "shapley_method": self.method,
            "shapley_pairs": self.pairs,
            "why_no_shapley": self.why_no_shapley,
            "numbers_between": [{**row._asdict(), "sources": list(row.sources)} for row in self.numbers],
            "influential_numbers": influential,
            "disclaimer": display.DISCLAIMER,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        lines = phrases.head(self)
        for listing in phrases.listings(self):
            lines += ["", *(f"  {line}" for line in listing.lines())]
        return "\n".join([*lines, "", *(f"  {note}" for note in phrases.notes(self)), "", f"  {display.DISCLAIMER}"])

    def _repr_html_(self) -> str:
        head = "<br>".join(map(html.escape, phrases.head(self)))
        notes = "".join(
            f"<p><small>{html.escape(note)}</small></p>" for note in (*phrases.notes(self), display.DISCLAIMER)
        )
        lists = "".join(listing.html() for listing in phrases.listings(self))
        return f"<div class='twitchbayes-explanation'><p>{head}</p>{lists}{notes}</div>"


COLUMNS = (
    *("item", "kind", "said", "side", "weight_nats", "weight_decibans", "factor"),
    *("probability_without", "shapley_nats", "shapley_decibans", "shapley_se_nats"),
)


def explain(posterior: Posterior, evidence: Evidence, cause: str, *, pairs: int, seed: int) -> Explanation:
    """Return what each item of the evidence of an answer says of a cause.

    Shapley values are exact where all subsets of the items are no more than 8,192 rows of evidence: up to 13 items
    without virtual evidence, of which each subset is a row for each state. Otherwise they are sampled, from so many
    rows again, in pairs of a random order and its reverse, with a standard error. The budget is in rows, and not in
    seconds, so that the method is the same on any machine.

    Parameters
    ----------
    posterior : Posterior
    evidence : Evidence
        What was answered.
    cause : str
    pairs, seed : int
        Of the random orders, where they are needed; at most so many pairs.

    Raises
    ------
    UnknownVariableError, InvalidValueError
        If there is no such cause, or `pairs` is below 2.
    EngineLimitError
        If the exact answer to a part of the evidence would need more memory than the engine's bound.
    """
    model = posterior.model
    if pairs < 2:
        message = f"pairs={pairs!r} must be 2 or more"
        raise InvalidValueError(message)
    weighed, odds, everything = _weigh(posterior, evidence, cause)
    items = [reason.item for reason in weighed.reasons]
    shares = _shares(odds, len(items), everything, pairs=pairs, seed=seed)
    reasons = [
        reason._replace(shapley_nats=value, shapley_se_nats=error)
        for reason, value, error in zip(weighed.reasons, shares.values, shares.errors, strict=True)
    ]
    described = {"name": model.name, "version": model.version, "population": model.population}
    return Explanation(
        cause=cause,
        label=weighed.label,
        model={**described, "fingerprint": model.fingerprint, "description": model.describe()},
        probability=weighed.probability,
        prior=weighed.prior,
        change_nats=weighed.change_nats,
        reasons=_heaviest_first(reasons),
        method=shares.method,
        pairs=shares.pairs,
        why_no_shapley=shares.why,
        numbers=between(model.knowledge, items, cause),
        provenance=trace(model.knowledge, model.engine, evidence, cause),
    )


def weigh(posterior: Posterior, evidence: Evidence, cause: str) -> Weighed:
    """Return the weight of evidence of each item alone, which takes an answer an item; see `explain`.

    Raises
    ------
    UnknownVariableError
        If there is no such cause.
    EngineLimitError
        If the exact answer to a part of the evidence would need more memory than the engine's bound.
    """
    weighed = _weigh(posterior, evidence, cause)[0]
    return weighed._replace(reasons=_heaviest_first(weighed.reasons))


def _weigh(posterior: Posterior, evidence: Evidence, cause: str) -> tuple[Weighed, LogOdds, float]:
    """Return the weights in the order of the items, what answers subsets of them, and the log odds given all."""
    model = posterior.model
    if cause not in model.network.targets:
        raise UnknownVariableError(cause, model.network.targets, what="cause")
    items = items_of(evidence)
    odds = LogOdds(model.engine, evidence, items, cause)
    # All items, all but each, and none.
    found = odds.of(np.vstack([np.ones(len(items), bool), ~np.eye(len(items), dtype=bool), np.zeros(len(items), bool)]))
    everything, without, prior = float(found[0]), found[1:-1], found[-1]
    reasons = tuple(
        Reason(item, phrases.words(model.knowledge, item), _difference(everything, out), float(p), None, None)
        for item, out, p in zip(items, without, _probability(without), strict=True)
    )
    label, change = model.label(cause), _difference(everything, prior)
    return Weighed(cause, label, posterior[cause], posterior.prior[cause], change, reasons), odds, everything


def _heaviest_first(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: -abs(reason.weight_nats)))


class _Shares(NamedTuple):
    """Shapley values with their standard errors, the method, pairs of orders, and the reason where there are none."""

    values: Sequence[float | None]
    errors: Sequence[float | None]
    method: str
    pairs: int = 0
    why: str = ""


def _shares(odds: LogOdds, n: int, everything: float, *, pairs: int, seed: int) -> _Shares:
    """Return Shapley values, exact where the subsets of the items are no more rows than `MOST_ROWS`, else sampled."""
    nothing = [None] * n
    # What is certain given some items stays so given more: where all of them leave a finite number all subsets do.
    if not np.isfinite(everything):
        certain = "certain" if everything > 0 else "impossible"
        return _Shares(
            nothing, nothing, "none", why=f"the cause is {certain} given this evidence, and infinity has no shares"
        )
    if n <= EXACT_ITEMS and odds.rows_per_subset << n <= MOST_ROWS:
        return _Shares(shapley.exact(odds.of, n).tolist(), [0.0] * n, "exact")
    fits = max(FEWEST_PAIRS, MOST_ROWS // (2 * (n + 1) * odds.rows_per_subset))
    values, errors = shapley.sampled(odds.of, n, min(pairs, fits), seed)
    return _Shares(values.tolist(), errors.tolist(), "sampled", pairs=min(pairs, fits))


def _difference(first: float, second: float) -> float:
    """Return first - second, 0 where both are the same infinity."""
    return 0.0 if first == second else float(first - second)


def _probability(log_odds: Floats) -> Floats:
    """Return the probability of log odds, without overflow."""
    small = np.exp(-np.abs(log_odds))
    probability: Floats = np.where(log_odds < 0, small, 1.0) / (1.0 + small)
    return probability


def _cells(reason: Reason) -> tuple[Any, ...]:
    shares = _share(reason.shapley_nats), _share(reason.shapley_nats) * DECIBANS, _share(reason.shapley_se_nats)
    weights = reason.weight_nats, reason.weight_decibans, reason.factor, reason.probability_without
    return (reason.item.name, reason.item.kind, reason.words, reason.side, *weights, *shares)


def _share(value: float | None) -> float:
    return math.nan if value is None else value


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
