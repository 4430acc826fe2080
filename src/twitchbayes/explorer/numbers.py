"""The numbers of `priors.csv` as sliders: how far each goes, which bear on a cause, and what laying them over gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twitchbayes.errors import InvalidEvidenceError, InvalidValueError, TwitchbayesError, UnknownVariableError
from twitchbayes.knowledge import BINARY, Knowledge, Number, Prior
from twitchbayes.provenance import number_names
from twitchbayes.values import as_number, spoken

if TYPE_CHECKING:
    from twitchbayes.priors import PriorsLike

__all__ = ["adjustable", "as_priors", "bearing", "checked", "label", "rows", "span"]

WIDENED = 0.5  # of the interval's width in log odds, beyond each of its ends
LEAST_NATS = 0.7  # a factor of two of the odds
OPEN_FACTOR = 100.0  # how far down or up where the interval ends at 0 or 1


def adjustable(knowledge: Knowledge) -> dict[str, Prior]:
    """Return the rows of `priors.csv` by name, as `P(als=present | age=60-69, sex=male)`."""
    return dict(zip(number_names(knowledge), knowledge.priors, strict=False))


def label(knowledge: Knowledge, prior: Prior) -> str:
    """Return what a number is, in words: whom it holds for, and the state where there are several."""
    variables = knowledge.variables
    parts = [f"{variables[name].label} {_state(state)}{_unit(variables[name].unit)}" for name, state in prior.given]
    whom = ", ".join(parts) or "everyone"
    return whom if variables[prior.variable].states == BINARY else f"{spoken(prior.state)}: {whom}"


def _state(state: str) -> str:
    return {"present": "yes", "absent": "no"}.get(state, spoken(state))


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def span(number: Number) -> tuple[float, float] | None:
    """Return the ends of a slider in log odds: the interval of the table, widened; None of what is certain."""
    p = number.probability
    if not 0 < p < 1:
        return None
    low = number.low if number.low > 0 else p / OPEN_FACTOR
    high = number.high if number.high < 1 else 1 - (1 - p) / OPEN_FACTOR
    first, last = _log_odds(min(low, p)), _log_odds(max(high, p))
    more = max(WIDENED * (last - first), LEAST_NATS)
    return first - more, last + more


def _log_odds(p: float) -> float:
    return math.log(p) - math.log1p(-p)


def bearing(knowledge: Knowledge, cause: str, known: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    """Return the names of the numbers that bear on a cause in a case, by variable: the cause first, then contexts.

    Those of a union are those of its causes. Numbers of strata that are others than the case's are left out, and so are
    those of contexts that are known. `known` maps a variable to the states that the case leaves it.
    """
    names = adjustable(knowledge)
    causes = knowledge.causes_of(cause) if cause else ()
    into = {link.parent for link in knowledge.links if link.child in causes}
    strata = {name for prior in knowledge.priors if prior.variable in causes for name, _ in prior.given}
    contexts = [v.name for v in knowledge.of_role("context") if v.name in into | strata]
    wanted = [*causes, *(name for name in contexts if len(known.get(name, ())) != 1)]
    found: dict[str, list[str]] = {name: [] for name in wanted}
    for name, prior in names.items():
        holds = all(state in known.get(context, (state,)) for context, state in prior.given)
        if prior.variable in found and holds:
            found[prior.variable].append(name)
    return {variable: own for variable, own in found.items() if own}


def checked(knowledge: Knowledge, adjusted: Mapping[Any, Any]) -> dict[str, float]:
    """Return adjusted numbers as plain ones, without those that are as in the table.

    Raises
    ------
    UnknownVariableError, InvalidValueError, InvalidEvidenceError
        If a name is no number of `priors.csv`, or a value no probability.
    """
    names, faults, kept = adjustable(knowledge), [], {}
    for name, value in adjusted.items():
        number = as_number(value)
        if name not in names:
            faults.append(_unknown(name, names))
        elif not 0 <= number <= 1:
            faults.append(InvalidValueError(f"{name}={value!r} is no probability; give a number from 0 to 1"))
        elif number != names[name].number.probability:
            kept[str(name)] = number
    if len(faults) > 1:
        raise InvalidEvidenceError(faults)
    if faults:
        raise faults[0]
    return kept


def _unknown(name: object, names: Mapping[str, Prior]) -> TwitchbayesError:
    return UnknownVariableError(name, names, what="number", otherwise="Its names are as P(als=present | sex=male).")


def rows(knowledge: Knowledge, adjusted: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the rows to lay over a model for adjusted numbers, with intervals that hold them.

    Where a variable has more states than present and absent, the states that are not adjusted share what is left in
    the proportions of the table.

    Raises
    ------
    InvalidValueError
        If adjusted states of one variable come to more than 1.
    """
    names = adjustable(knowledge)
    strata = dict.fromkeys((names[name].variable, names[name].given) for name in adjusted)
    found = []
    for stratum in strata:
        beside = {name: prior for name, prior in names.items() if (prior.variable, prior.given) == stratum}
        values = _shared(beside, adjusted) if len(beside) > 1 else adjusted
        found += [_row(prior, values[name]) for name, prior in beside.items()]
    return found


def _shared(beside: Mapping[str, Prior], adjusted: Mapping[str, float]) -> dict[str, float]:
    fixed = {name: adjusted[name] for name in beside if name in adjusted}
    table = {name: prior.number.probability for name, prior in beside.items() if name not in adjusted}
    left, total = 1 - sum(fixed.values()), sum(table.values())
    if left < 0 or (left > 0 and not total):
        listed = ", ".join(f"{name} = {value:g}" for name, value in fixed.items())
        message = f"the states of one variable come to 1, and these do not leave room for the others: {listed}"
        raise InvalidValueError(message)
    return fixed | {name: p * left / total if total else 0.0 for name, p in table.items()}


def _row(prior: Prior, value: float) -> dict[str, Any]:
    given = ";".join(f"{name}={state}" for name, state in prior.given)
    low, high = min(prior.number.low, value), max(prior.number.high, value)
    own = {"variable": prior.variable, "given": given, "state": prior.state}
    return {**own, "probability": value, "low": low, "high": high}


def as_priors(laid: Sequence[Mapping[str, Any]]) -> PriorsLike:
    """Return rows as `with_priors` takes them: a mapping where every state is "present", a frame otherwise."""
    if all(row["state"] == "present" for row in laid):
        return {_key(row): (row["probability"], row["low"], row["high"]) for row in laid}
    import pandas as pd

    return pd.DataFrame(list(laid))


def _key(row: Mapping[str, Any]) -> Any:
    return (row["variable"], row["given"]) if row["given"] else row["variable"]
