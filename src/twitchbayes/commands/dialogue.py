"""An interview in a terminal, with a menu where prompt_toolkit is installed, or over a pipe, an answer a line."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from twitchbayes.display import percent
from twitchbayes.errors import InvalidValueError, TwitchbayesError
from twitchbayes.interview import Interview
from twitchbayes.model import Model
from twitchbayes.questions import NONE, Question, bits
from twitchbayes.values import shortest_words, site_words, states_spoken

if TYPE_CHECKING:
    from twitchbayes.red_flags import RedFlag

__all__ = ["converse"]

Reader = Callable[[Sequence[str]], str]

PROMPT = "> "
UNSURE = "don't know"
UNSURE_WORDS = frozenset({UNSURE, "dont know", "skip", "?"})
OTHERS = (UNSURE, "why", "undo", "quit")
EXPLAINED = 4  # answers that "why" tells of, the most probable ones
PART = re.compile(r"[^;,\s][^;,]*")  # what a menu completes: one site of several


def converse(interview: Interview, *, dialogue: TextIO, keep: Callable[[], object]) -> None:
    """Ask until nothing is worth asking, the other side quits, or a pipe ends.

    Parameters
    ----------
    interview : Interview
    dialogue : text stream
        Where questions are written; answers come from standard input.
    keep : callable
        Called after every step.

    Raises
    ------
    TwitchbayesError
        Where an answer that nobody types cannot be taken: those after it would be to other questions.
    KeyboardInterrupt
    """
    _Dialogue(interview, dialogue, keep).run()


class _Dialogue:
    def __init__(self, interview: Interview, out: TextIO, keep: Callable[[], object]) -> None:
        self._interview, self._out, self._keep = interview, out, keep
        self._typed = sys.stdin.isatty()  # by someone who can answer again
        self._shown = self._typed and out.isatty()
        self._read: Reader = _menu(out) if self._shown and _has_menu() else self._line
        self._flags: tuple[RedFlag, ...] = ()

    def run(self) -> None:
        self._say(f"Interview by {self._interview.model.describe()}")
        self._say(f"Answer in words, or: {', '.join(OTHERS)}. An empty line is {UNSURE!r}.")
        self._tell_flags()
        while (question := self._interview.ask()) is not None:
            self._put(question)
            try:
                word = self._read([*_words(question, self._interview.model), *OTHERS]).strip()
            except EOFError:
                break
            if word.casefold() == "quit":
                break
            self._take(question, word)
        self._say("\nNothing more is worth asking.\n" if self._interview.finished else "\nStopped.\n")
        self._say(repr(self._interview.posterior))

    def _put(self, question: Question) -> None:
        interview = self._interview
        self._say(f"\nQuestion {len(interview.history) + 1}; {interview.remaining} worth asking now")
        self._say(question.text)
        self._say(f"  {_expected(question, interview.model)}")
        self._say(f"  expected to settle {question.gain_bits:.3g} of {bits(interview.uncertainty_bits)}")

    def _take(self, question: Question, word: str) -> None:
        folded = word.casefold().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        if folded == "why":
            self._explain(question)
            return
        try:
            if folded == "undo":
                self._undo()
            else:
                self._answer(question, None if folded in UNSURE_WORDS else word)
        except TwitchbayesError as error:
            if not self._typed:
                raise
            self._say("\n".join(f"  {fault}" for fault in getattr(error, "errors", [error])))
            return
        self._keep()
        self._say(f"  so far: {self._leaders(self._interview.leaders, self._interview.posterior.serious)}")
        self._tell_flags()

    def _undo(self) -> None:
        step = self._interview.undo()
        if step.states:
            self._say(f"  took back the answer about {step.variable}")
        else:
            self._say(f"  the question about {step.variable} is open again")

    def _answer(self, question: Question, word: str | None) -> None:
        """Answer, or say in the words of a terminal what may be answered."""
        model = self._interview.model
        try:
            model.words.read({question.variable: word})
        except TwitchbayesError:
            message = f"{word!r} is no answer about {question.variable}; give {_expected(question, model)}, or {UNSURE}"
            raise InvalidValueError(message) from None
        self._interview.answer(word)

    def _explain(self, question: Question) -> None:
        """Say what the most probable answers would lead to."""
        replies = sorted(question.replies, key=lambda reply: -reply.probability)
        for reply in replies[:EXPLAINED]:
            told = self._leaders(reply.leaders, reply.serious)
            self._say(f"  {reply.text} (probability {percent(reply.probability)}): {told}")
        if len(replies) > EXPLAINED:
            self._say(f"  and {len(replies) - EXPLAINED} other answers")

    def _leaders(self, leaders: dict[str, float], serious: float) -> str:
        variables = self._interview.model.knowledge.variables
        named = ", ".join(f"{variables[cause].label or cause} {percent(p)}" for cause, p in leaders.items())
        return f"{named}; P(at least one serious cause) = {percent(serious)}"

    def _tell_flags(self) -> None:
        """Say which red flags are new."""
        for flag in self._interview.red_flags:
            if flag not in self._flags:
                sources = "".join(f"\n    Source: {citation}" for citation in flag.citations)
                self._say(f"  Red flag: {flag.label}\n    {flag.advice}{sources}")
        self._flags = self._interview.red_flags

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)

    def _line(self, _: Sequence[str]) -> str:
        """Read a line, and write it where no terminal does."""
        print(PROMPT, end="", file=self._out, flush=True)
        line = sys.stdin.readline()
        if not self._shown:
            self._say(line.rstrip("\n"))
        if not line:
            raise EOFError
        return line


def _words(question: Question, model: Model) -> list[str]:
    """Return the words that a menu offers: states, or the sites of a group."""
    variable = model.knowledge.variables[question.variable]
    if variable.role != "group":
        return states_spoken(variable)
    members = [member.name for member in model.knowledge.members(variable.name)]
    return [*shortest_words(site_words(members)), NONE]


def _expected(question: Question, model: Model) -> str:
    """Return in one line what may be answered."""
    variable, words = model.knowledge.variables[question.variable], _words(question, model)
    if variable.role == "group":
        return f"any of {', '.join(words[:-1])}, with ; between them, or {words[-1]}"
    if variable.bands:
        low, high = variable.bands[0][0], variable.bands[-1][1]
        return f"a number of {variable.unit} from {low} to {high}, or a band such as {words[0]}"
    return " or ".join(words)


def _has_menu() -> bool:
    return importlib.util.find_spec("prompt_toolkit") is not None


def _menu(out: TextIO) -> Reader:
    """Return a reader with a menu: arrow keys choose, typing works as ever."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.application import get_app
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.output import create_output

    session: PromptSession[str] = PromptSession(output=create_output(stdout=out))

    def read(words: Sequence[str]) -> str:
        return session.prompt(
            PROMPT,
            completer=WordCompleter(list(words), ignore_case=True, pattern=PART),
            complete_while_typing=True,
            pre_run=lambda: get_app().current_buffer.start_completion(select_first=False),
        )

    return read
