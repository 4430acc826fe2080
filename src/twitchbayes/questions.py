"""What to ask next: for each open question, how much its answer is expected to settle.

References
----------
Lindley, On a measure of the information provided by an experiment (Annals of Mathematical Statistics 27, 1956): the
expected drop of the entropy. Heckerman, Horvitz and Nathwani, Toward normative expert systems: part I (Methods of
Information in Medicine 31, 1992): one question at a time, as if it were the last.
"""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from twitchbayes.asking import Ask, Effects, asks_of, column_of, effects, open_asks, uncertainty, with_answers
from twitchbayes.display import DISCLAIMER, Listing, given, percent
from twitchbayes.engine import UNKNOWN
from twitchbayes.errors import InvalidEvidenceError, InvalidValueError, TwitchbayesError, UnknownVariableError
from twitchbayes.values import as_number, shortest_words, site_words, state_names

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.evidence import Evidence
    from twitchbayes.knowledge import Knowledge
    from twitchbayes.posterior import Posterior

__all__ = [
    "LEADERS",
    "THRESHOLD_BITS",
    "Question",
    "Questions",
    "Ranking",
    "Reply",
    "Wanted",
    "bits",
    "check_threshold",
]

Floats = NDArray[np.float64]

LEADERS = 3  # causes that are named as the most probable
THRESHOLD_BITS = 0.01  # below it a question is not worth asking
ROUNDING = 12  # decimals of bits: gains that agree in them are equal
NONE = "none"  # the answer that no member of a group is present


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to a question.

    Attributes
    ----------
    text : str
        As people write it: `yes`, `60-69`, `face;tongue`, and `none` where no member of a group is present.
    states : dict of str to str
        What it says, variable to state: evidence that `infer` takes.
    probability : float
        P(answer | evidence).
    serious : float
        P(at least one serious cause | evidence, answer).
    posterior : dict of str to float
        P(cause | evidence, answer) of every cause, the most probable first.
    """

    text: str
    states: dict[str, str]
    probability: float
    serious: float
    posterior: dict[str, float] = field(repr=False)

    @property
    def leaders(self) -> dict[str, float]:
        """The three most probable causes."""
        return dict(itertools.islice(self.posterior.items(), LEADERS))

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return {
            "answer": self.text,
            "states": dict(self.states),
            "probability": self.probability,
            "serious": self.serious,
            "posterior": dict(self.posterior),
        }


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what its answers would do.

    Attributes
    ----------
    variable : str
        The variable, or group, that it asks about.
    label, text : str
        What the variable is called, and the question in words.
    gain_bits : float
        Expected drop of the entropy of the target.
    cost : float
        What asking costs, in the caller's unit; 1 unless said otherwise.
    serious_rise : float
        By how much P(at least one serious cause) would rise at most, by any one answer.
    replies : tuple of Reply
        The answers that are possible, in the order of the states.
    """

    variable: str
    label: str
    text: str
    gain_bits: float
    cost: float
    serious_rise: float
    replies: tuple[Reply, ...] = field(repr=False)

    @property
    def gain_per_cost(self) -> float:
        """Bits for one unit of cost."""
        return self.gain_bits / self.cost

    def to_frame(self) -> pd.DataFrame:
        """Return a table of the answers: answer, probability, serious, and a column a cause (fractions)."""
        import pandas as pd

        rows = [{"answer": r.text, "probability": r.probability, "serious": r.serious} for r in self.replies]
        causes = sorted(self.replies[0].posterior) if self.replies else []
        posteriors = [{cause: r.posterior[cause] for cause in causes} for r in self.replies]
        return pd.DataFrame([{**row, **p} for row, p in zip(rows, posteriors, strict=True)])

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return {
            "variable": self.variable,
            "label": self.label,
            "question": self.text,
            "gain_bits": self.gain_bits,
            "cost": self.cost,
            "gain_per_cost": self.gain_per_cost,
            "serious_rise": self.serious_rise,
            "answers": [reply.to_dict() for reply in self.replies],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Questions(Sequence[Question]):
    """The questions that are worth most, the best first; empty, and so false, where there is none.

    Attributes
    ----------
    items : tuple of Question
    target : str
        What they are to settle.
    uncertainty_bits : float
        The entropy of the target now; of "causes" the sum of the entropies of all causes.
    serious : float
        P(at least one serious cause | evidence) now.
    about, given : str
        The model, and the evidence, in words.
    """

    items: tuple[Question, ...]
    target: str
    uncertainty_bits: float
    serious: float
    about: str
    given: str

    @overload
    def __getitem__(self, place: int) -> Question: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Question]: ...
    def __getitem__(self, place: int | slice) -> Question | Sequence[Question]:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def to_frame(self) -> pd.DataFrame:
        """Return a table, a row a question: variable, question, gain_bits, cost, gain_per_cost, serious_rise."""
        import pandas as pd

        names = ("variable", "question", "gain_bits", "cost", "gain_per_cost", "serious_rise")
        rows = [question.to_dict() for question in self]
        return pd.DataFrame([{name: row[name] for name in names} for row in rows], columns=list(names))

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return {
            "model": self.about,
            "given": self.given,
            "target": self.target,
            "uncertainty_bits": self.uncertainty_bits,
            "serious": self.serious,
            "questions": [question.to_dict() for question in self],
            "disclaimer": DISCLAIMER,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        head = [f"What to ask next: {self.about}", f"  given {self.given}", ""]
        return "\n".join([*head, *self._listing().lines(), "", f"  {DISCLAIMER}"])

    def _repr_html_(self) -> str:
        about = f"<p>{html.escape(self.about)}<br>given {html.escape(self.given)}</p>"
        table = self._listing().html()
        return f"<div class='twitchbayes-questions'>{about}{table}<p><small>{DISCLAIMER}</small></p></div>"

    def _listing(self) -> Listing:
        what = {"causes": "the entropies of all causes, added up", "serious": "the entropy of P(serious)"}
        now = f"{bits(self.uncertainty_bits)} open ({what.get(self.target, f'the entropy of {self.target}')})"
        if not self.items:
            return Listing(f"{now}. No question is worth asking.")
        costs = any(question.cost != 1 for question in self)
        head = ["variable", "bits", *(["cost", "bits per cost"] if costs else []), "serious", "question"]
        title = f"{now}. Bits that an answer is expected to settle, and how far it may raise P(serious):"
        return Listing.of(title, head, [self._row(q, costs=costs) for q in self], right=head[1:-1])

    def _row(self, question: Question, *, costs: bool) -> list[str]:
        per_cost = [f"{question.cost:.3g}", f"{question.gain_per_cost:.3g}"] if costs else []
        serious = percent(min(self.serious + question.serious_rise, 1.0))
        return [question.variable, f"{question.gain_bits:.3g}", *per_cost, serious, question.text]


def bits(value: float) -> str:
    """Return a number of bits as text."""
    return f"{value:.3g} bit{'s' * (value != 1)}"


# Which of them


@dataclass(frozen=True, slots=True)
class Wanted:
    """What questions are to settle, and at what cost.

    Attributes
    ----------
    target : str, default "causes"
        What is to be settled: "causes", "serious", or the name of a cause.
    costs : mapping of str to float
        Variable or group to what asking costs; 1 where nothing is said.
    skip : collection of str
        Variables and groups that are not to be asked.
    """

    target: str = "causes"
    costs: Mapping[str, float] = field(default_factory=dict)
    skip: Collection[str] = ()

    def check(self, causes: Sequence[str], variables: Iterable[str]) -> None:
        """Raise the error for a target, cost or name that a model with these causes and questions has not.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
        """
        faults = list(self._faults(causes, tuple(dict.fromkeys(variables))))
        if len(faults) > 1:
            raise InvalidEvidenceError(faults)
        if faults:
            raise faults[0]

    def _faults(self, causes: Sequence[str], variables: Sequence[str]) -> Iterator[TwitchbayesError]:
        try:
            column_of(self.target, causes)
        except UnknownVariableError as error:
            yield error
        for name in (*self.costs, *self.skip):
            if name not in variables:
                yield UnknownVariableError(name, variables, what="question")
        for name, cost in self.costs.items():
            if not 0 < as_number(cost) < float("inf"):
                yield InvalidValueError(f"cost {name}={cost!r} is no number above 0")


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """All open questions of a case.

    The entropy of "causes" is the sum of the entropies of all causes, each by itself. Its expected drop is the
    sum of what an answer is expected to say of each cause (their mutual informations); what it says of two
    causes together, beyond that, does not count. That of the joint distribution of all causes would need
    each of its states.

    Attributes
    ----------
    posterior : Posterior
        The answer so far.
    wanted : Wanted
    asks : tuple of Ask
    found : Effects
        Of every answer to each of `asks`.
    uncertainty_bits : float
        Entropy of the target now.
    gains, costs : ndarray, shape (n_asks,)
    """

    posterior: Posterior
    wanted: Wanted
    asks: tuple[Ask, ...]
    found: Effects
    uncertainty_bits: float
    gains: Floats
    costs: Floats

    @classmethod
    def of(
        cls, posterior: Posterior, evidence: Evidence, wanted: Wanted | None = None, *, compiled: bool | None = None
    ) -> Ranking:
        """Weigh all open questions, in one batch.

        Parameters
        ----------
        posterior : Posterior
        evidence : Evidence
            What it was reached from. What is observed, assumed or seen uncertainly is not asked.
        wanted : Wanted, optional
        compiled : bool, optional
            Whether to use the compiled kernel; where it is left out, if it is loaded already.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
            If a name is none of the model's questions, or a cost is no positive number.
        EngineLimitError
            If an answer cannot be computed within the engine's bound.
        """
        wanted = wanted or Wanted()
        model = posterior.model
        engine, network = model.engine, model.network
        every = engine.kept("questions", lambda: asks_of(model.knowledge, network))
        wanted.check(network.causes, [ask.variable for ask in every])
        asks = tuple(ask for ask in _open(every, evidence) if ask.variable not in wanted.skip)
        codes, log_weights = evidence.rows()
        rows, starts = with_answers(codes, asks)
        compiled = engine.has("kernel") if compiled is None else compiled
        found = effects(engine, rows, starts, log_weights, compiled=compiled)
        target = column_of(wanted.target, network.causes)
        causes = np.array([[posterior[cause] for cause in network.causes]])
        now = uncertainty(causes, np.array([posterior.serious]), target)
        # An answer never adds uncertainty on average: less than 0 is rounding.
        gains = np.maximum(now - found.expected(uncertainty(found.causes, found.serious, target)), 0.0)
        costs = np.array([as_number(wanted.costs.get(ask.variable, 1.0)) for ask in asks])
        return cls(posterior, wanted, asks, found, float(now[0]), gains, costs)

    def first(self, n: int | None = None, *, above: float | None = None) -> Questions:
        """Return the best questions.

        Parameters
        ----------
        n : int, optional
            How many at most; all where it is left out.
        above : float, optional
            Only those that are expected to settle more, in bits for one unit of cost.

        Raises
        ------
        InvalidValueError
            If n is no whole number of 1 or more, or the threshold no number of 0 or more.
        """
        _check_count(n)
        per_cost = np.round(self.gains / self.costs, ROUNDING)
        order = np.argsort(-per_cost, kind="stable")
        if above is not None:
            check_threshold(above)
            order = order[per_cost[order] > above]
        return Questions(
            items=tuple(self._question(place) for place in order.tolist()[:n]),
            target=self.wanted.target,
            uncertainty_bits=self.uncertainty_bits,
            serious=self.posterior.serious,
            about=self.posterior.model.describe(),
            given=given(self.posterior),
        )

    def _question(self, place: int) -> Question:
        ask = self.asks[place]
        variable = self.posterior.model.knowledge.variables[ask.variable]
        replies = tuple(self._replies(ask, int(self.found.starts[place])))
        return Question(
            variable=ask.variable,
            label=variable.label or ask.variable,
            text=variable.question or f"{variable.label or ask.variable}?",
            gain_bits=float(self.gains[place]),
            cost=float(self.costs[place]),
            serious_rise=max(reply.serious for reply in replies) - self.posterior.serious,
            replies=replies,
        )

    def _replies(self, ask: Ask, start: int) -> Iterator[Reply]:
        model, found = self.posterior.model, self.found
        network = model.network
        names = [network.columns[column] for column in ask.columns]
        texts = _texts(model.knowledge, ask, names)
        for i, (said, text) in enumerate(zip(ask.states.tolist(), texts, strict=True), start):
            if not found.possible[i]:
                continue
            after = found.causes[i].tolist()
            order = sorted(range(len(after)), key=lambda k: (-after[k], k))
            yield Reply(
                text=text,
                states={name: network.states[name][state] for name, state in zip(names, said, strict=True)},
                probability=float(found.probability[i]),
                serious=float(found.serious[i]),
                posterior={network.causes[k]: after[k] for k in order},
            )


def check_threshold(threshold_bits: float) -> None:
    """Raise the error for a threshold that is no number of 0 or more.

    Raises
    ------
    InvalidValueError
    """
    if not as_number(threshold_bits) >= 0:
        message = f"threshold_bits={threshold_bits!r} is no number of bits of 0 or more"
        raise InvalidValueError(message)


def _check_count(n: object) -> None:
    if n is not None and (isinstance(n, bool) or not isinstance(n, Integral) or n < 1):
        message = f"n={n!r} is no whole number of 1 or more"
        raise InvalidValueError(message)


def _open(every: Sequence[Ask], evidence: Evidence) -> list[Ask]:
    """Return the questions about which nothing was said."""
    unknown = evidence.codes == UNKNOWN
    unknown[[evidence.columns.index(name) for name in evidence.virtual]] = False
    return [ask for ask, is_open in zip(every, open_asks(every, unknown[None, :])[0], strict=True) if is_open]


def _texts(knowledge: Knowledge, ask: Ask, names: Sequence[str]) -> list[str]:
    """Return each answer to a question as people write it."""
    variable = knowledge.variables[ask.variable]
    if variable.role != "group":
        return state_names(variable)
    sites = shortest_words(site_words(list(names)))
    return [";".join(itertools.compress(sites, said)) or NONE for said in ask.states.tolist()]
