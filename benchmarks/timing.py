"""Seconds of a call, and workers: processes that answer calls and may be stopped."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

MOST_CALLS = 200


class RefusedError(Exception):
    """An entrant cannot answer, or not within its limits; the message says why."""


@dataclass(frozen=True)
class Turn:
    """One turn of an entrant: the median seconds of a call, and its answer."""

    seconds: float
    answer: Any


@dataclass(frozen=True)
class Outcome:
    """What an entrant did over all rounds: the median of its turns, or the reason why it did not answer."""

    seconds: float | None
    refused: str = ""
    answer: Any = None

    @property
    def cell(self) -> float | str:
        """The seconds, or the reason, for a table."""
        return self.refused if self.seconds is None else self.seconds


@dataclass(frozen=True)
class Limits:
    """What a worker may take: seconds to get ready, seconds for a call, bytes of address space."""

    ready_s: float = 60.0
    call_s: float = 20.0
    memory: int = 8 << 30


def seconds_of(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of one call, and what it returned."""
    start = time.perf_counter()
    answer = call()
    return time.perf_counter() - start, answer


def take_turn(call: Callable[[], Any], least_s: float) -> Turn:
    """Repeat a call for so many seconds, once at least, and return the median."""
    seconds, answer = seconds_of(call)
    laps = [seconds]
    while sum(laps) < least_s and len(laps) < MOST_CALLS:
        laps.append(seconds_of(call)[0])
    return Turn(statistics.median(laps), answer)


def race(entrants: Mapping[str, Callable[[], Turn]], rounds: int, budget_s: float) -> dict[str, Outcome]:
    """Let the entrants take turns, so that noise falls on all of them alike.

    An entrant that refuses is out; one that has used its budget takes no further turn.
    """
    laps: dict[str, list[float]] = {name: [] for name in entrants}
    spent = dict.fromkeys(entrants, 0.0)
    answers: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for _ in range(rounds):
        for name, take in entrants.items():
            if name in refused or spent[name] > budget_s:
                continue
            start = time.perf_counter()
            try:
                turn = take()
            except RefusedError as error:
                refused[name] = str(error)
                continue
            spent[name] += time.perf_counter() - start
            laps[name].append(turn.seconds)
            answers[name] = turn.answer
    return {
        name: Outcome(None, refused[name])
        if name in refused
        else Outcome(statistics.median(laps[name]), answer=answers[name])
        for name in entrants
    }


class Worker:
    """A process that holds one object and calls it; it is started when needed, and killed past its limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._process: Any = None
        self._pipe: Any = None
        self._refused = "holds nothing"

    def hold(self, make: Callable[..., Any], *args: Any) -> None:
        """Make an object in the process; where that fails, each later call is refused for the same reason."""
        self._refused = ""
        if self._process is None:
            self._start()
        with suppress(RefusedError):
            self._ask(("hold", make, args), self.limits.ready_s)

    def refuse(self, reason: str) -> None:
        """Refuse whatever is asked until something else is held."""
        self._refused = reason

    def call(self, *args: Any, least_s: float = 0.0) -> Turn:
        """Call the object in the process, which times it.

        Raises
        ------
        RefusedError
            If it failed, or took too long or too much memory, now or at an earlier call.
        """
        if self._refused:
            raise RefusedError(self._refused)
        turn: Turn = self._ask(("call", args, least_s), self.limits.call_s + least_s)
        return turn

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self.limits.memory), daemon=True)
        self._process.start()
        theirs.close()

    def _ask(self, request: tuple[Any, ...], limit_s: float) -> Any:
        try:
            self._pipe.send(request)
            if not self._pipe.poll(limit_s):
                self._refused = f"> {limit_s:.3g} s" + (" to get ready" if request[0] == "hold" else "")
            else:
                self._refused, answer = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            self._refused = f"refused: its process ended ({self._process.exitcode})"
        if self._refused:
            self.close()
            raise RefusedError(self._refused)
        return answer


def _serve(pipe: Any, memory: int) -> None:
    """Make and call what comes through the pipe; answer with a pair (reason to refuse, answer)."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    warnings.simplefilter("ignore")
    held: Any = None
    while True:
        try:
            kind, what, more = pipe.recv()
        except EOFError:
            return
        try:
            if kind == "hold":
                held = None
                held, answer = what(*more), None
            else:
                answer = take_turn(lambda: held(*what), more)  # noqa: B023 (called before the next turn of the loop)
        except MemoryError:
            pipe.send((f"refused: more than {memory >> 30} GiB", None))
        except Exception as error:  # whatever a peer raises is its answer
            words = " ".join(str(error).split())
            out_of_memory = "bad_alloc" in words or "allocat" in words
            reason = f"more than {memory >> 30} GiB" if out_of_memory else f"{type(error).__name__}: {words[:200]}"
            pipe.send((f"refused: {reason}", None))
        else:
            pipe.send(("", answer))
