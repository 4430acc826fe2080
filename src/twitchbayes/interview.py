"""An interview: one question after the other, each the one that is worth most, until none is worth asking."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from twitchbayes.comparison import as_given
from twitchbayes.display import DISCLAIMER, interview_as_html
from twitchbayes.errors import InvalidValueError
from twitchbayes.model import Model, load_model
from twitchbayes.posterior import THRESHOLD_BITS, Posterior
from twitchbayes.questions import LEADERS, Question, Questions
from twitchbayes.red_flags import RedFlag
from twitchbayes.transcripts import FORMAT, STEP, document, raise_faults
from twitchbayes.values import as_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Interview", "Step", "resumed"]


@dataclass(frozen=True, slots=True)
class Step:
    """What became of one question.

    Attributes
    ----------
    variable, question : str
        What was asked.
    said : str or None
        The answer as it was given; None where the question was skipped.
    states : dict of str to str
        What the answer says, variable to state; empty where it was skipped.
    gain_bits : float
        What the answer was expected to settle.
    """

    variable: str
    question: str
    said: str | None
    states: dict[str, str]
    gain_bits: float


class _State(NamedTuple):
    """Where an interview is: what was asked, what follows from it, and what is worth asking now."""

    steps: tuple[Step, ...]
    posterior: Posterior
    questions: Questions


class Interview:
    """Questions about one case, asked in the order of what they are expected to settle.

    Parameters
    ----------
    model : str, path or Model, default "twitch"
        As `load_model` takes it.
    target : str, default "causes"
        What is to be settled; see `Posterior.next_questions`.
    threshold_bits : float, default 0.01
        The interview is finished when no question is expected to settle more, for one unit of cost.
    costs : mapping of str to float, optional
        Variable or group to what asking costs; 1 where nothing is said.
    known : mapping of str to value, optional
        What is known before, in the words of `infer`.

    Attributes
    ----------
    model : Model
    target, threshold_bits, costs
        As given.
    known : dict of str to str, dict or None
        What was known before: variable to state, a group to the states of its members; None where it was given
        as unknown.

    Raises
    ------
    TwitchbayesError
        As `infer` and `Posterior.next_questions` raise them.

    Examples
    --------
    >>> import twitchbayes
    >>> interview = twitchbayes.Interview(known={"age": 62, "weakness": True})
    >>> interview.ask().variable
    'recent_exercise'
    >>> interview.answer("no")
    >>> interview.skip()
    >>> len(interview.history), interview.finished
    (2, False)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Model = "twitch",
        *,
        target: str = "causes",
        threshold_bits: float = THRESHOLD_BITS,
        costs: Mapping[str, float] | None = None,
        known: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = load_model(model)
        self.target = target
        self.threshold_bits = threshold_bits
        self.costs = _mapping("costs", costs)
        self.known = _plain(self.model, _mapping("known", known))
        self._state = self._after(())

    @property
    def history(self) -> tuple[Step, ...]:
        """What was asked so far, in order, and what was answered."""
        return self._state.steps

    @property
    def posterior(self) -> Posterior:
        """The answer of the model to what is known so far."""
        return self._state.posterior

    @property
    def answers(self) -> tuple[Posterior, ...]:
        """The answer of the model before the first step and after each one; the last is `posterior`."""
        earlier = (self._answer(self.history[:count]) for count in range(len(self.history)))
        return (*earlier, self.posterior)

    @property
    def leaders(self) -> dict[str, float]:
        """The three most probable causes so far."""
        return dict(islice(self.posterior.items(), LEADERS))

    @property
    def red_flags(self) -> tuple[RedFlag, ...]:
        """The warning signs that what is known so far meets; they change no probability."""
        return self.posterior.red_flags

    @property
    def uncertainty_bits(self) -> float:
        """The entropy of the target now."""
        return self._state.questions.uncertainty_bits

    @property
    def remaining(self) -> int:
        """How many questions are worth asking now; each answer may change it."""
        return len(self._state.questions)

    @property
    def finished(self) -> bool:
        """Whether no question is left that is worth asking."""
        return not self._state.questions

    def ask(self) -> Question | None:
        """Return the question that is worth most now, the same until it is answered; None where there is none."""
        return None if self.finished else self._state.questions[0]

    def answer(self, value: Any) -> None:
        """Answer the question that `ask` returns.

        Parameters
        ----------
        value : value
            In the words of `infer`. Of a group, members that are not named are absent, because the question asks
            for all; a mapping leaves open what it does not name, and False is "none": no member is present. What
            says nothing (None, "unknown") skips the question.

        Raises
        ------
        InvalidValueError, InvalidEvidenceError, ImpossibleEvidenceError
            As from `infer`, or where the interview is finished; it stays as it was.
        """
        question = self.ask()
        if question is None:
            message = "the interview is finished: no question is left that is worth asking"
            raise InvalidValueError(message)
        states = dict(self.model.words.read(self._given(question.variable, value)).observed)
        said = str(value) if states else None
        step = Step(question.variable, question.text, said, states, question.gain_bits)
        self._state = self._after((*self.history, step))

    def skip(self) -> None:
        """Leave the question open ("don't know"); it is not asked again.

        Raises
        ------
        InvalidValueError
            If the interview is finished.
        """
        self.answer(None)

    def undo(self) -> Step:
        """Take back the last step, answer or skip, and return it.

        Raises
        ------
        InvalidValueError
            If there is none.
        """
        if not self.history:
            message = "there is no answer to take back"
            raise InvalidValueError(message)
        last = self.history[-1]
        self._state = self._after(self.history[:-1])
        return last

    def _given(self, variable: str, value: Any) -> dict[str, Any]:
        """Return an answer as evidence: the question of a group asks for every member that is present."""
        if self.model.knowledge.variables[variable].role == "group":
            return {variable: self.model.words.closed(variable, value)}
        return {variable: value}

    def _answer(self, steps: tuple[Step, ...]) -> Posterior:
        """Return the answer of the model to what is known after these steps."""
        said = [(state, step.variable) for step in steps for state in step.states.items()]
        given = as_given(dict(state for state, _ in said), {name: asked for (name, _), asked in said})
        return self.model.infer({**self.known, **given})

    def _after(self, steps: tuple[Step, ...]) -> _State:
        """Return the state after these steps."""
        posterior = self._answer(steps)
        skipped = [step.variable for step in steps if not step.states]
        questions = posterior.worth_asking(self.threshold_bits, target=self.target, costs=self.costs, skip=skipped)
        return _State(steps, posterior, questions)

    def plot(self, *, top: int = 5, ax: Axes | None = None) -> Axes:
        """Draw how the leading causes went from answer to answer; see `twitchbayes.plots.history`.

        Parameters
        ----------
        top : int, default 5
            Causes at most, up to 5.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InvalidValueError
            If matplotlib is missing (extra `plot`), or `top` is out of range.
        """
        from twitchbayes import plots

        return plots.history(self, top=top, ax=ax)

    # Transcripts

    def to_dict(self) -> dict[str, Any]:
        """Return the transcript in plain types: options, what was known, every step, and where it led."""
        model = self.model
        return {
            "format": FORMAT,
            "model": {
                "name": model.name,
                "version": model.version,
                "population": model.population,
                "fingerprint": model.fingerprint,
            },
            "target": self.target,
            "threshold_bits": as_number(self.threshold_bits),
            "costs": {name: as_number(cost) for name, cost in self.costs.items()},
            "known": dict(self.known),
            "steps": [asdict(step) for step in self.history],
            "finished": self.finished,
            "posterior": dict(self.posterior),
            "unions": dict(self.posterior.unions),
            "none": self.posterior.none,
            "serious": self.posterior.serious,
            "red_flags": [flag.rule for flag in self.red_flags],
            "disclaimer": DISCLAIMER,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return the transcript as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    @classmethod
    def from_json(
        cls, text: str | bytes, *, model: str | os.PathLike[str] | Model = "twitch", strict: bool = True
    ) -> Interview:
        """Return the interview of a transcript, to go on with.

        Parameters
        ----------
        text : str or bytes
            As `to_json` writes it; bytes in UTF-8, UTF-16 or UTF-32.
        model : str, path or Model, default "twitch"
            The model that was asked.
        strict : bool, default True
            Whether a model that differs from that of the transcript, by its fingerprint, is an error. The
            answers are else put to the model as it is.

        Raises
        ------
        InvalidValueError, InvalidEvidenceError
            If the text is no transcript, with everything that is wrong, or is that of another model.
        TwitchbayesError
            As `infer` raises them, where another model cannot take the answers.
        """
        otherwise = "Load that model, or put the answers to this one with strict=False"
        return resumed(text, load_model(model), otherwise=otherwise if strict else None)

    def __repr__(self) -> str:
        answered = sum(bool(step.states) for step in self.history)
        question = self.ask()
        then = "finished" if question is None else f"next {question.variable}"
        skipped = len(self.history) - answered
        return f"<Interview of {self.model.describe()}: {answered} answered, {skipped} skipped, {then}>"

    def _repr_html_(self) -> str:
        return interview_as_html(self)


def resumed(text: str | bytes, model: Model, *, otherwise: str | None) -> Interview:
    """Return the interview of a transcript as `Interview.from_json` does, with its errors.

    Parameters
    ----------
    text : str or bytes
    model : Model
    otherwise : str or None
        What to do where the transcript is of another model, for the message; None where any model will do.
    """
    data = document(text)
    if otherwise is not None and data["model"].get("fingerprint") != model.fingerprint:
        message = f"{_other_model(data['model'], model)}. {otherwise}"
        raise InvalidValueError(message)
    steps = tuple(Step(**{name: step[name] for name in STEP}) for step in data["steps"])
    interview = Interview(model, **{name: data[name] for name in ("target", "threshold_bits", "costs", "known")})
    raise_faults([f"has a step {i + 1} {fault}" for i, step in enumerate(steps) for fault in _strays(model, step)])
    interview._state = interview._after(steps)
    return interview


def _strays(model: Model, step: Step) -> Iterator[str]:
    """Say which states of a step are none of what was asked; a variable that the model lacks is told by `infer`."""
    words = model.words
    asked = {words.columns[i] for i in words.columns_of(step.variable)} if step.variable in words.names else step.states
    strays = [name for name in step.states if name not in asked]
    if strays:
        yield f"about {step.variable!r} with states of {', '.join(map(repr, strays))}"


def _mapping(what: str, given: Any) -> dict[str, Any]:
    if given is not None and not hasattr(given, "items"):
        message = f"{what}={given!r} is no mapping of variable to value"
        raise InvalidValueError(message)
    return {} if given is None else dict(given.items())


def _plain(model: Model, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known as states, and None for what is expressly unknown."""
    evidence = model.words.read(known)
    unknown = dict.fromkeys(name for name in known if name not in evidence.observed)
    return {**unknown, **as_given(evidence.observed, evidence.given_as)}


def _other_model(said: Mapping[str, Any], chosen: Model) -> str:
    name, version, population = (said.get(key) for key in ("name", "version", "population"))
    own = f"{chosen.name} {chosen.version}, population {chosen.population or 'its own'}"
    return (
        f"the transcript is of another model: {name} {version}, population {population or 'its own'}, fingerprint "
        f"{str(said.get('fingerprint'))[:12]}; this is {own}, fingerprint {chosen.fingerprint[:12]}"
    )
