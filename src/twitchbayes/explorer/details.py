"""What is told of an answer after its probabilities: intervals, questions and reasons, in pieces of bounded work.

Someone who clicks again is not to wait for what was asked of the answer before. So each piece is planned to take no
longer than `BUDGET`, by the engine's own estimate, and says so where that leaves something out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from twitchbayes.display import percent
from twitchbayes.errors import TwitchbayesError
from twitchbayes.explanation import Reason, weigh
from twitchbayes.posterior import Posterior

__all__ = ["details"]

BUDGET = 150e6  # nanoseconds of a piece
SLOWER = 4.0  # measured: intervals take about so many times what the engine estimates
MOST_DRAWS, FEWEST_DRAWS = 1000, 50
ASKED = 5  # questions that are shown


def details(answer: Posterior, given: Mapping[str, Any], cause: str) -> Iterator[dict[str, Any]]:
    """Yield each piece when it is asked for: `part` says what it is, and the last one has `last` true."""
    for part, last in ((_questions, False), (_explanation, False), (_intervals, True)):
        try:
            piece = part(answer, given, cause)
        except TwitchbayesError as error:
            piece = {"part": part.__name__.strip("_"), "note": str(error)}
        yield {**piece, "last": last}


def _questions(answer: Posterior, _: Mapping[str, Any], __: str) -> dict[str, Any]:
    found = answer.next_questions(ASKED)
    items = [
        {
            "variable": question.variable,
            "label": question.label,
            "text": question.text,
            "gain": f"{question.gain_bits:.2g} bit{'s' * (question.gain_bits != 1)}",
            "bits": question.gain_bits,
        }
        for question in found
        if question.gain_bits > 0
    ]
    note = "" if items else "Nothing that is left to ask would tell anything."
    return {"part": "questions", "items": items, "note": note}


def _explanation(answer: Posterior, given: Mapping[str, Any], cause: str) -> dict[str, Any]:
    found = weigh(answer, answer.model.words.read(given), cause)
    items = [_said(reason, sentence) for reason, sentence in zip(found.reasons, found.sentences, strict=True)]
    head = f"{found.label}: {percent(found.probability)}, from a prior of {percent(found.prior)} with nothing known"
    return {"part": "explanation", "cause": cause, "head": head, "items": items, "note": ""}


def _said(reason: Reason, sentence: str) -> dict[str, Any]:
    decibans = None if reason.decisive else reason.weight_decibans
    return {
        "words": reason.words,
        "sentence": sentence,
        "side": reason.side,
        "decibans": decibans,
        "weight": "decisive" if decibans is None else f"{decibans:+.1f} dB",
        "variables": list(reason.item.variables),
    }


def _intervals(answer: Posterior, given: Mapping[str, Any], _: str) -> dict[str, Any]:
    draws = _draws(answer, given)
    if draws < FEWEST_DRAWS:
        note = (
            "Intervals are left out: with this evidence they take too long to follow a click. "
            "In Python, explorer.answer.credible_intervals() has them."
        )
        return {"part": "intervals", "rows": {}, "note": note}
    found = answer.credible_intervals(draws=draws)
    rows = {
        name: {"low": row.low, "high": row.high, "text": f"{percent(row.low)} to {percent(row.high)}"}
        for name, row in found.rows.items()
    }
    fewer = "" if draws == MOST_DRAWS else ", fewer than usual, to follow a click"
    lost = found.impossible + found.refused
    without = f"; {lost} of them had no answer" if lost else ""
    note = f"95% credible intervals over {draws} draws of the tables' numbers{fewer}{without}."
    return {"part": "intervals", "rows": rows, "note": note}


def _draws(answer: Posterior, given: Mapping[str, Any]) -> int:
    """Return how many draws the budget has room for, by the estimate of the engine."""
    codes = answer.model.words.read(given).codes[None, :]
    whole = answer.model.engine.nanoseconds(codes, MOST_DRAWS) * SLOWER
    return min(MOST_DRAWS, int(MOST_DRAWS * BUDGET / whole))
