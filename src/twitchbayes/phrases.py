"""An explanation in words: its items, a sentence for each, and the lists that show it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from twitchbayes.display import Listing, percent
from twitchbayes.items import Item
from twitchbayes.knowledge import Knowledge
from twitchbayes.values import ABSENT_WORDS, is_graded, spoken

if TYPE_CHECKING:
    from twitchbayes.explanation import Explanation, Reason, Weighed

__all__ = ["DECIBANS", "head", "listings", "notes", "said", "sentence", "words"]

NOTHING = {*ABSENT_WORDS, "none"}  # words of a lowest state that say that there is no finding
DECIBANS = 10 / math.log(10)  # in a nat
HEAD = ("weight", "Shapley", "given all the other evidence")
NUMBERS = ("number", "value", "95% interval", "basis", "source", "where")


def words(knowledge: Knowledge, item: Item) -> str:
    """Return an item as `said` does, the first letter a capital."""
    text = said(knowledge, item)
    return f"{text[:1].upper()}{text[1:]}"


def said(knowledge: Knowledge, item: Item) -> str:
    """Return an item in the words of the model.

    Of a yes/no finding, a cause, a union of causes or a binary context its label, or that it is absent; of a finding
    with levels, and of other contexts, the state too, or "at least" which, as people write them; of members that were
    given together which of them are present, and that no other is if that was said.
    """
    variable = knowledge.variables[item.name]
    label = variable.label
    if item.kind == "virtual":
        pairs = zip(variable.states, item.likelihoods, strict=True)
        seen = ", ".join(f"{spoken(state)} {likelihood:g}" for state, likelihood in pairs)
        return f"{label}, seen with likelihoods ({seen})"
    assumed = ", which is assumed" if item.kind == "assumed" else ""
    if variable.role == "group" and len(item.states) > 1:
        return f"{label} ({_members(knowledge, item)})"
    if variable.role == "union" and len(item.states) > 1:
        each = (item._replace(name=name, states={name: state}) for name, state in item.states.items())
        return " and ".join(said(knowledge, one) for one in each)
    # A member that was given alone is what was said, by whatever name.
    (name, state), *_ = item.states.items()
    variable = knowledge.variables[name]
    label = variable.label
    if variable.states == ("absent", "present"):
        return f"{label}{assumed}" if state == "present" else f"absence of {label}{assumed}"
    if is_graded(variable):
        is_none = state == variable.states[0] and state.casefold() in NOTHING
        return f"absence of {label}" if is_none else f"{label} ({spoken(state)})"
    unit = f" {variable.unit}" if variable.unit else ""
    return f"{label} {spoken(state)}{unit}{assumed}"


def _members(knowledge: Knowledge, item: Item) -> str:
    present = [knowledge.variables[name].label for name, state in item.states.items() if state == "present"]
    absent = [knowledge.variables[name].label for name, state in item.states.items() if state == "absent"]
    parts = [", ".join(present)] if present else []
    if absent:
        whole = present and len(item.states) == len(knowledge.members(item.name))
        parts.append("nowhere else" if whole else f"absent: {', '.join(absent)}")
    return "; ".join(parts)


def sentence(reason: Reason, found: Explanation | Weighed) -> str:
    """Return a sentence that says no more than the factor, in the past tense: a label may be a plural."""
    label, probability = found.label, found.probability
    if found.cause in reason.item.states:
        return f"That {label} is {reason.item.states[found.cause]} was given."
    subject = reason.words if reason.item.kind == "observed" else f"{reason.words},"
    if reason.decisive:
        what = "certain" if reason.weight_nats > 0 else "impossible"
        before = percent(reason.probability_without)
        return f"{subject} made {label} {what}; without it the probability is {before}."
    if reason.side == "neutral":
        if probability in {0.0, 1.0} and reason.weight_nats == 0:
            what = "certain" if probability else "impossible"
            return f"{reason.words}: {label} is {what} without it, too."
        return f"{subject} hardly moved the odds of {label} (times {reason.factor:.3g})."
    by = math.exp(abs(reason.weight_nats))
    verb = "multiplied" if reason.weight_nats > 0 else "divided"
    return f"{subject} {verb} the odds of {label} by {_number(by)}."


def _number(factor: float) -> str:
    return f"{factor:,.0f}" if 1000 <= factor < 1e6 else f"{factor:.3g}"


def head(found: Explanation) -> list[str]:
    """Return what is explained: the posterior, the model, the prior, and the change from one to the other."""
    given = any(found.cause in reason.item.states for reason in found.reasons)
    change = f"the evidence moves the log odds by {found.change_nats * DECIBANS:+.2f} decibans"
    if given:
        change = "it was given"
    elif not math.isfinite(found.change_nats):
        change = f"the evidence makes it {'certain' if found.change_nats > 0 else 'impossible'}"
    return [
        f"Why P({found.label} | evidence) = {percent(found.probability)}",
        f"  {found.model['description']}",
        f"  prior {percent(found.prior)}, nothing known and nothing assumed; {change}",
    ]


def listings(found: Explanation) -> list[Listing]:
    """Return the items of each side, the numbers between them and the cause, and the most influential numbers."""
    sides = {"supporting": "Speaks for it", "opposing": "Speaks against it", "neutral": "Hardly speaks either way"}
    items = [
        Listing(f"{title} (decibans)", HEAD, [_shown(reason, found) for reason in found.of(side)], right=HEAD[:2])
        for side, title in sides.items()
    ]
    own = [_number_row(row, "; ".join(row.sources)) for row in found.numbers]
    influential = [_number_row(row, str(row.source).replace(";", "; ")) for row in found.provenance.rows.itertuples()]
    numbers = [
        Listing.of(title, NUMBERS, rows, right=NUMBERS[1:2])
        for title, rows in (
            ("Numbers between the items and the cause", own),
            ("Numbers that the answer rests on most", influential),
        )
    ]
    return [listing for listing in (*items, *numbers) if listing.rows]


def _number_row(row: Any, source: str) -> tuple[str, ...]:
    place = f"{row.file}, line {row.line}"
    return row.number, f"{row.probability:.4g}", f"{row.low:.4g} to {row.high:.4g}", row.basis, source, place


def _shown(reason: Reason, found: Explanation) -> tuple[str, str, str]:
    weight = f"{reason.weight_decibans:+.2f}" if not reason.decisive else "infinite"
    share = "" if reason.shapley_nats is None else f"{reason.shapley_nats * DECIBANS:+.2f}"
    if reason.shapley_se_nats:
        share += f" (se {reason.shapley_se_nats * DECIBANS:.2f})"
    return weight, share, sentence(reason, found)


def notes(found: Explanation) -> list[str]:
    """Return what the weights and the Shapley values are, and why there are none."""
    factors = (
        "A factor is what the item does to the odds beside all the other evidence; "
        "the factors of all items need not multiply to the whole change."
    )
    if found.method == "none":
        return [factors, f"No Shapley values: {found.why_no_shapley}."]
    orders = "all orders" if found.method == "exact" else f"{2 * found.pairs} random orders"
    return [
        factors,
        f"Shapley values share out the whole change: what an item adds, on average over {orders} of the items.",
    ]
