"""The case that an explorer shows: what was said, the numbers that were moved, the answer, and the way back.

No widget in it: it takes acts as plain mappings, changes one step at a time, and either takes a step whole or raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from twitchbayes.errors import InvalidValueError, UnknownVariableError
from twitchbayes.explorer.details import details
from twitchbayes.explorer.export import Origin, as_code, as_document
from twitchbayes.explorer.numbers import as_priors, checked, rows
from twitchbayes.model import Model
from twitchbayes.values import as_number, as_scalar

__all__ = ["Case", "State"]

REMEMBERED = 200  # steps that can be undone
NAMES = ("kind", "variable", "group", "cause", "number")  # of what an act is about


@dataclass(frozen=True)
class State:
    """One step of a case.

    Attributes
    ----------
    said : dict of str to value
        Variable to state, to the number that was given of a variable in bands, or to None where what is assumed
        otherwise was said to be unknown.
    adjusted : dict of str to float
        Name of a number of `priors.csv` to its value, where that is not the table's.
    """

    said: Mapping[str, Any] = field(default_factory=dict)
    adjusted: Mapping[str, float] = field(default_factory=dict)


class Case:
    """A case and its answer, and the steps that led to it.

    Parameters
    ----------
    origin : Origin
        The model, and where it is from.
    evidence : mapping of str to value, optional
        As for `Model.infer`.

    Attributes
    ----------
    serial : int
        Number of the answer: it grows with every act, so that details can be told from those of an older one.
    answer : Posterior
        By the model with the adjusted numbers.
    selected : str
        The cause, or union of causes, that is explained.
    """

    def __init__(self, origin: Origin, evidence: Mapping[str, Any] | None = None) -> None:
        self.origin = origin
        self.serial = 0
        self._history, self._place = [State()], 0
        self._drag: Any = None
        self._model, self._laid = origin.model, dict[str, float]()
        first = State(self._read(_mapping("evidence", {} if evidence is None else evidence)))
        self._put(first)
        self._history = [first]
        self.selected = next(iter(self.answer), "")
        self._pieces: Iterator[dict[str, Any]] = iter(())
        self._told: list[dict[str, Any]] = []

    @property
    def model(self) -> Model:
        """The model as it was given, without adjusted numbers."""
        return self.origin.model

    @property
    def state(self) -> State:
        """What was said, and which numbers were moved."""
        return self._history[self._place]

    @property
    def evidence(self) -> dict[str, str | None]:
        """What was said, variable to state; None where an assumed state was said to be unknown."""
        states = self.answer.evidence
        return {name: states.get(name) for name in self.state.said}

    @property
    def can_undo(self) -> bool:
        """Whether there is a step before."""
        return self._place > 0

    @property
    def can_redo(self) -> bool:
        """Whether a step was undone."""
        return self._place + 1 < len(self._history)

    # Steps

    def act(self, message: Mapping[str, Any]) -> None:
        """Take one act: a mapping of `kind` and what it needs.

        Raises
        ------
        TwitchbayesError
            If it cannot be taken; nothing has changed then.
        """
        acts: Mapping[Any, Callable[[], None]] = {
            "say": lambda: self.say(message.get("variable"), message.get("value")),
            "others": lambda: self.no_others(message.get("group")),
            "select": lambda: self.select(message.get("cause")),
            "adjust": lambda: self.adjust(message.get("number"), message.get("value"), drag=message.get("drag")),
            "reset": lambda: self.reset(message.get("number")),
            "undo": self.undo,
            "redo": self.redo,
            "clear": self.clear,
        }
        kind = message.get("kind")
        wrong = [name for name in NAMES if not isinstance(message.get(name), str | None)]
        if kind not in acts or wrong:
            said = ", ".join(f"{name}={message.get(name)!r}" for name in ("kind", *wrong))
            what = f"{said} is no act of the explorer; it has {', '.join(acts)}, and names are texts"
            raise InvalidValueError(what)
        acts[kind]()

    def replace(self, evidence: Mapping[str, Any]) -> None:
        """Say something else of the whole case; a band leaves the number in it that was given before."""
        said = self._read(_mapping("evidence", evidence))
        for name, value in said.items():
            number = self.state.said.get(name)
            if value == self.answer.evidence.get(name) and not isinstance(number, str | None):
                said[name] = number
        self._step(State(said, self.state.adjusted))

    def say(self, variable: Any, value: Any) -> None:
        """Say what a variable, or a group, is: a state, a number, or None for unknown."""
        self._known(variable)
        members = [member.name for member in self.model.knowledge.members(variable)]
        said = {name: state for name, state in self.state.said.items() if name not in {variable, *members}}
        self._step(State(self._read({**said, variable: value}), self.state.adjusted))

    def no_others(self, group: Any) -> None:
        """Say that the members of a group of which nothing was said are absent."""
        self._known(group)
        members = [member.name for member in self.model.knowledge.members(group)]
        said = dict.fromkeys(members, "absent") | dict(self.state.said)
        self._step(State(self._read(said), self.state.adjusted))

    def select(self, cause: Any) -> None:
        """Choose the cause, or the union of causes, that is explained."""
        known = (*self.model.causes, *self.model.unions)
        if cause not in known:
            raise UnknownVariableError(cause, known, what="cause")
        self.selected = cause
        self._bump()

    def adjust(self, number: Any, value: Any, *, drag: Any = None) -> None:
        """Move a number of `priors.csv`; the moves of one drag are one step to undo."""
        self._adjust({**self.state.adjusted, number: value}, drag=drag)

    def reset(self, number: Any = None) -> None:
        """Give a number its value in the table again; all of them where none is named."""
        self._adjust({} if number is None else {k: v for k, v in self.state.adjusted.items() if k != number})

    def replace_adjusted(self, adjusted: Mapping[Any, Any]) -> None:
        """Move numbers to these values, and all others to those of the table."""
        self._adjust(_mapping("adjusted", adjusted))

    def undo(self) -> None:
        """Take the last step back, where there is one."""
        self._back_to(self._place - 1)

    def redo(self) -> None:
        """Take the step again that was undone."""
        self._back_to(self._place + 1)

    def clear(self) -> None:
        """Forget everything that was said; numbers stay as they are."""
        self._step(State({}, self.state.adjusted))

    def _adjust(self, adjusted: Mapping[Any, Any], *, drag: Any = None) -> None:
        again = drag is not None and drag == self._drag
        self._step(State(self.state.said, checked(self.model.knowledge, adjusted)), again=again)
        self._drag = drag

    def _known(self, name: Any) -> None:
        if name not in self.model.knowledge.variables:
            raise UnknownVariableError(name, self.model.words.names)

    def _read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was said in plain words, by variable."""
        words = self.model.words
        observed = words.read(given).observed
        said: dict[str, Any] = {}
        for name, state in observed.items():
            number = as_number(as_scalar(given[name])) if words.counts(name) and name in given else math.nan
            said[name] = state if math.isnan(number) else int(number) if number.is_integer() else number
        return said | {name: None for name in words.nothing_assumed if name in given and name not in observed}

    def _step(self, state: State, *, again: bool = False) -> None:
        if state == self.state:
            self._bump()
            return
        place = self._place
        self._put(state)
        kept = self._history[: place + (not again or place == 0)]
        self._history = [*kept, state][-REMEMBERED:]
        self._place = len(self._history) - 1

    def _back_to(self, place: int) -> None:
        if 0 <= place < len(self._history):
            self._put(self._history[place])
            self._place = place
        else:
            self._bump()

    def _put(self, state: State) -> None:
        """Answer a state; where it has no answer, an error is raised and the one before stays."""
        model, laid = self._model, self._laid
        if dict(state.adjusted) != laid:
            laid = dict(state.adjusted)
            model = self.model.with_priors(as_priors(rows(self.model.knowledge, laid))) if laid else self.model
        self.answer = model.infer(spelled(model, state.said))
        self._model, self._laid, self._drag = model, laid, None
        self._bump()

    def _bump(self) -> None:
        self.serial += 1
        self._pieces, self._told = iter(()), []

    def refresh(self) -> None:
        """Count what is shown as a new answer, though nothing has changed: the page may show what was not taken."""
        self._bump()

    # Details

    def more(self, serial: Any, place: Any = 0) -> dict[str, Any] | None:
        """Return a piece of what else is to be told of the answer: `place` counts from 0.

        Each piece is bounded work. It names the serial and its place, and the last one has `last` true. None of an
        older answer, and none where there are no more.
        """
        if serial != self.serial or type(place) is not int or not 0 <= place <= len(self._told):
            return None
        if place == len(self._told):
            if not place:
                self._pieces = details(self.answer, spelled(self._model, self.state.said), self.selected)
            piece = next(self._pieces, None)
            if piece is None:
                return None
            self._told.append({"kind": "piece", "serial": serial, "place": place, **piece})
        return self._told[place]

    # On the way out

    def to_python(self) -> str:
        """Return Python code that gives the answer again."""
        return as_code(self.origin, named(self._model, self.state.said), self.answer)

    def to_document(self) -> dict[str, Any]:
        """Return the case in plain types: `evidence` and `priors` are what `infer` takes again."""
        return as_document(self.origin, named(self._model, self.state.said), self.answer)


def _mapping(what: str, value: Any) -> Mapping[Any, Any]:
    """Return what a page has set, which may be anything."""
    if isinstance(value, Mapping):
        return value
    message = f"{what}={value!r} is no mapping of a name to a value"
    raise InvalidValueError(message)


def spelled(model: Model, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said with each group of which all is said as one item, as people give it."""
    given = dict(said)
    for group in model.knowledge.of_role("group"):
        members = [member.name for member in model.knowledge.members(group.name)]
        if members and all(given.get(name) is not None for name in members):
            given[group.name] = {name: given.pop(name) for name in members}
    return given


def named(model: Model, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was said with each such group as the names of its members that are present, and of no others."""
    given = spelled(model, said)
    for group in model.knowledge.of_role("group"):
        if group.name in given:
            given[group.name] = model.words.spelled(group.name, given[group.name])
    return given
