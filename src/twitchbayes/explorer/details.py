"""What is told of an answer after its probabilities: questions, reasons and intervals, in pieces of bounded work.

Someone who clicks again is not to wait for what was asked of the answer before. So every piece is planned to take no
longer than `PIECE`, by the engine's own estimate and not by a clock; where all pieces of a part together would take too
long it is left out, and the note says so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twitchbayes.asking import asks_of
from twitchbayes.display import percent
from twitchbayes.draws import DRAWS, Asked, affordable
from twitchbayes.errors import TwitchbayesError
from twitchbayes.evidence import Evidence
from twitchbayes.explanation import Reason, weigh
from twitchbayes.knowledge import Knowledge
from twitchbayes.posterior import Posterior
from twitchbayes.questions import Question
from twitchbayes.uncertainty import CredibleIntervals, intervals_in_steps

__all__ = ["details"]

Piece = dict[str, Any]

# In numbers read and written, as the engine's plans count them: some twentieth of a second.
PIECE = 1e8
ASKED = 5  # questions that are shown
LEVEL = 0.95
WORK: Piece = {"part": "work"}  # a piece that has nothing to tell yet


def details(answer: Posterior, given: Mapping[str, Any], cause: str) -> Iterator[Piece]:
    """Yield each piece when it is asked for.

    `part` says what it is: "questions", "explanation", "intervals", or "work" on one of them; `last` is true of the
    last one.

    Parameters
    ----------
    answer : Posterior
    given : mapping of str to value
        What was answered.
    cause : str
        The one that is explained.
    """
    evidence = answer.model.words.read(given)
    parts: dict[str, Callable[[], Iterator[Piece]]] = {
        "questions": lambda: _questions(answer, evidence),
        "explanation": lambda: _explanation(answer, evidence, cause),
        "intervals": lambda: _intervals(answer, evidence),
    }
    for name, pieces in parts.items():
        try:
            for piece in pieces():
                yield {**piece, "last": piece["part"] == "intervals"}
        except TwitchbayesError as error:
            yield {"part": name, "note": str(error), "last": name == "intervals"}


def _questions(answer: Posterior, evidence: Evidence) -> Iterator[Piece]:
    """Weigh the questions some at a time: what each tells does not depend on the others."""
    model = answer.model
    asks = asks_of(model.knowledge, model.network)
    answers = sum(len(ask.states) for ask in asks)
    parts = min(max(math.ceil(model.engine.cost(evidence.codes) * answers / PIECE), 1), max(len(asks), 1))
    found: list[Question] = []
    for part in range(parts):
        skipped = [ask.variable for i, ask in enumerate(asks) if i % parts != part]
        found += answer.next_questions(ASKED, skip=skipped)
        if part + 1 < parts:
            yield WORK
    best = sorted(found, key=lambda question: -question.gain_bits)[:ASKED]
    items = [_asked(model.knowledge, question) for question in best if question.gain_bits > 0]
    note = "" if items else "Nothing that is left to ask would tell anything of the causes."
    yield {"part": "questions", "items": items, "note": note}


def _asked(knowledge: Knowledge, question: Question) -> Piece:
    # As the table has it: here what is left out of a group stays unknown, until "no others" is pressed.
    text = knowledge.variables[question.variable].question or question.text
    bits = f"{question.gain_bits:.2g} bits"
    return {"variable": question.variable, "label": question.label, "text": text, "gain": bits}


def _explanation(answer: Posterior, evidence: Evidence, cause: str) -> Iterator[Piece]:
    if not cause:
        yield {"part": "explanation", "note": "The model has no cause."}
        return
    found = weigh(answer, evidence, cause)
    items = [_said(reason, sentence) for reason, sentence in zip(found.reasons, found.sentences, strict=True)]
    head = f"{found.label}: {percent(found.probability)}; {percent(found.prior)} with nothing known and nothing assumed"
    yield {"part": "explanation", "cause": cause, "head": head, "items": items, "note": ""}


def _said(reason: Reason, sentence: str) -> Piece:
    decibans = None if reason.decisive else reason.weight_decibans
    return {
        "words": reason.words,
        "sentence": sentence,
        "side": reason.side,
        "decibans": decibans,
        "weight": "decisive" if decibans is None else f"{decibans:+.1f}",
        "variables": list(reason.item.variables),
    }


def _intervals(answer: Posterior, evidence: Evidence) -> Iterator[Piece]:
    engine = answer.model.engine
    draws = affordable(engine, evidence.codes)
    if not draws:
        note = (
            "Intervals are left out: with this evidence they take too long to follow a click. "
            "In Python, explorer.answer.credible_intervals() has them."
        )
        yield {"part": "intervals", "rows": {}, "note": note}
        return
    if "beliefs" not in vars(answer.model):
        _ = answer.model.beliefs  # fitted here, so that this is a piece by itself
        yield WORK
    step = max(1, int(PIECE / engine.cost(evidence.codes)))
    found: CredibleIntervals | None = None
    for found in intervals_in_steps(answer, evidence, Asked.of(LEVEL, draws), step):
        if found is None:
            yield WORK
    if found is not None:
        yield _spread(found)


def _spread(found: CredibleIntervals) -> Piece:
    rows = {
        name: {"low": row.low, "high": row.high, "text": f"{percent(row.low)} to {percent(row.high)}"}
        for name, row in found.rows.items()
    }
    fewer = "" if found.draws == DRAWS else ", fewer than usual, to follow a click"
    lost = found.impossible + found.refused
    without = f"; {lost} of them had no answer" if lost else ""
    note = f"95% credible intervals over {found.draws:,} draws of the tables' numbers{fewer}{without}."
    return {"part": "intervals", "rows": rows, "note": note}
