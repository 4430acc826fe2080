"""What to ask next: for each open question, how much its answer is expected to settle.

References
----------
Lindley, On a measure of the information provided by an experiment (Annals of Mathematical Statistics 27, 1956): the
expected drop of the entropy. Heckerman, Horvitz and Nathwani, Toward normative expert systems: part I (Methods of
Information in Medicine 31, 1992): one question at a time, as if it were the last.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twitchbayes.asking import Ask, Effects, effects, open_asks, target_of, uncertainty, with_answers
from twitchbayes.display import given
from twitchbayes.errors import InvalidEvidenceError, InvalidValueError, TwitchbayesError, UnknownVariableError
from twitchbayes.network import PRESENT, UNKNOWN
from twitchbayes.questions import COMPLETE, NONE, Question, Questions, Reply
from twitchbayes.values import as_number, shortest_words, site_words, states_spoken

if TYPE_CHECKING:
    from twitchbayes.evidence import Evidence
    from twitchbayes.knowledge import Knowledge, Variable
    from twitchbayes.posterior import Posterior

__all__ = ["Ranking", "Wanted"]

Floats = NDArray[np.float64]

ROUNDING = 12  # decimals of bits: gains that agree in them are equal


@dataclass(frozen=True, slots=True)
class Wanted:
    """What questions are to settle, and at what cost.

    Attributes
    ----------
    target : str, default "causes"
        What is to be settled: "causes", "serious", or the name of a cause or union of causes.
    costs : mapping of str to float
        Variable or group to what asking costs; 1 where nothing is said.
    skip : collection of str
        Variables and groups that are not to be asked.
    """

    target: str = "causes"
    costs: Mapping[str, float] = field(default_factory=dict)
    skip: Collection[str] = ()

    def check(self, targets: Iterable[str], variables: Iterable[str]) -> None:
        """Raise the error for a target, cost or name that a model with these targets and questions has not.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
        """
        faults = list(self._faults(targets, tuple(dict.fromkeys(variables))))
        if len(faults) > 1:
            raise InvalidEvidenceError(faults)
        if faults:
            raise faults[0]

    def _faults(self, targets: Iterable[str], variables: Sequence[str]) -> Iterator[TwitchbayesError]:
        try:
            target_of(self.target, targets)
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
    def of(cls, posterior: Posterior, evidence: Evidence, wanted: Wanted | None = None) -> Ranking:
        """Weigh all open questions, in one batch.

        Parameters
        ----------
        posterior : Posterior
        evidence : Evidence
            What it was reached from. What is observed, assumed or seen uncertainly is not asked.
        wanted : Wanted, optional

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
        every = model.asks
        wanted.check(network.targets, [ask.variable for ask in every])
        asks = tuple(ask for ask in _open(every, evidence) if ask.variable not in wanted.skip)
        codes, log_weights = evidence.rows()
        rows, starts = with_answers(codes, asks)
        has_unions = wanted.target in network.groups
        found = effects(engine, rows, starts, log_weights, unions=has_unions)
        target, n_causes = target_of(wanted.target, network.targets), len(network.causes)
        known = [posterior[name] if has_unions or name not in network.groups else 0.0 for name in network.targets]
        now = uncertainty(np.array([known]), target, n_causes)
        # An answer never adds uncertainty on average: less than 0 is rounding.
        gains = np.maximum(now - found.expected(uncertainty(found.targets, target, n_causes)), 0.0)
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
            _check_threshold(above)
            order = order[per_cost[order] > above]
        return Questions(
            items=tuple(self._question(place) for place in order.tolist()[:n]),
            target=self.wanted.target,
            uncertainty_bits=self.uncertainty_bits,
            serious=self.posterior.serious,
            about=self.posterior.model.describe(),
            given=given(self.posterior),
            label="all causes" if self.wanted.target == "causes" else self.posterior.model.label(self.wanted.target),
        )

    def _question(self, place: int) -> Question:
        ask = self.asks[place]
        variable = self.posterior.model.knowledge.variables[ask.variable]
        replies = tuple(self._replies(ask, int(self.found.starts[place])))
        return Question(
            variable=ask.variable,
            label=variable.label or ask.variable,
            text=_asked(variable),
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
            of_unions = found.targets[i, len(after) : -1].tolist() if self.wanted.target in network.groups else ()
            yield Reply(
                text=text,
                states={name: network.states[name][state] for name, state in zip(names, said, strict=True)},
                probability=float(found.probability[i]),
                serious=float(found.serious[i]),
                posterior={network.causes[k]: after[k] for k in order},
                unions=dict(zip(network.groups, of_unions, strict=False)),
            )


def _check_threshold(threshold_bits: float) -> None:
    if not as_number(threshold_bits) >= 0:
        message = f"threshold_bits={threshold_bits!r} is no number of bits of 0 or more"
        raise InvalidValueError(message)


def _check_count(n: object) -> None:
    if n is not None and (isinstance(n, bool) or not isinstance(n, Integral) or n < 1):
        message = f"n={n!r} is no whole number of 1 or more"
        raise InvalidValueError(message)


def _open(every: Sequence[Ask], evidence: Evidence) -> list[Ask]:
    """Return the questions about which nothing was said, and whose turn it is."""
    unknown, present = evidence.codes == UNKNOWN, evidence.codes == PRESENT
    uncertain = [evidence.columns.index(name) for name in evidence.uncertain]
    unknown[uncertain], present[uncertain] = False, True
    is_open = open_asks(every, unknown[None, :], present[None, :])[0]
    return list(itertools.compress(every, is_open))


def _asked(variable: Variable) -> str:
    """Return the question in words; of a group, whose answers speak of every member, with what they do."""
    question = variable.question or f"{variable.label or variable.name}?"
    return f"{question} {COMPLETE}" if variable.role == "group" else question


def _texts(knowledge: Knowledge, ask: Ask, names: Sequence[str]) -> list[str]:
    """Return each answer to a question as people write it."""
    variable = knowledge.variables[ask.variable]
    if variable.role != "group":
        return states_spoken(variable)
    sites = shortest_words(site_words(list(names)))
    return [";".join(itertools.compress(sites, said)) or NONE for said in ask.states.tolist()]
