"""Many rows at once: each distinct row is answered once, in chunks that bound the memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from twitchbayes.engine import Answer, Codes, Engine
from twitchbayes.errors import EngineLimitError

__all__ = ["Batch", "answer_rows"]


@dataclass(frozen=True, slots=True)
class Batch:
    """The answers to many rows.

    Attributes
    ----------
    answer : Answer
        A row for each row of evidence. Rows that are impossible, or refused, have `log_evidence` -inf.
    refused : mapping of int to str
        Number of each row whose exact answer would pass the engine's bound, to the reason.
    """

    answer: Answer
    refused: Mapping[int, str]


def answer_rows(
    engine: Engine,
    codes: Codes,
    *,
    compiled: bool | None = None,
    advance: Callable[[int], None] | None = None,
) -> Batch:
    """Return the answers to many rows.

    Parameters
    ----------
    codes : ndarray of int8, shape (n_rows, n_columns)
        State of each of `engine.network.columns`, by number; -1 where it is unknown.
    compiled : bool, optional
        Whether to use the compiled kernel (extra `fast`); where it is left out, if it is installed and
        the batch is worth its start-up.
    advance : callable, optional
        Is told how many more rows are done.
    """
    try:
        found = Batch(engine.run(codes), {})
    except EngineLimitError:
        answer, refused = Answer.blank(len(codes), len(engine.network.causes)), {}
        for row in range(len(codes)):
            try:
                answer.put(slice(row, row + 1), engine.run(codes[row : row + 1]))
            except EngineLimitError as error:
                refused[row] = str(error)
        found = Batch(answer.frozen(), refused)
    if advance is not None:
        advance(len(codes))
    return found
