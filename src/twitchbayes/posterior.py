"""The answer to one case: the probability of each cause, and what it was reached from."""

from __future__ import annotations

import heapq
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from twitchbayes import attribution, display, explanation
from twitchbayes.attribution import Attribution
from twitchbayes.comparison import Comparison, compare, revised, said_once
from twitchbayes.disagreement import Conflict, measure
from twitchbayes.draws import DRAWS, Asked
from twitchbayes.errors import UnknownVariableError
from twitchbayes.evidence import Evidence
from twitchbayes.explanation import Explanation
from twitchbayes.inference import Answer
from twitchbayes.inference.mixture import answer, log_probability
from twitchbayes.network import UNKNOWN
from twitchbayes.provenance import Provenance, trace
from twitchbayes.red_flags import RedFlag
from twitchbayes.sensitivity import Sensitivity, analyse
from twitchbayes.uncertainty import CredibleIntervals, intervals_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from twitchbayes.model import Model
    from twitchbayes.questions import Questions

__all__ = ["THRESHOLD_BITS", "ExplanatorySet", "Posterior"]

# In the search for the most probable explanations:
SEARCH_BATCH, SEARCH_STEP = 8, 16  # partial assignments that are opened together, and causes that one is opened by
THRESHOLD_BITS = 0.01  # a question that is expected to settle no more is not worth asking


def _opened(states: tuple[int, ...], likely: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the parts of a partial assignment: the likely states of the next causes, and each departure from them."""
    ahead = range(len(states), min(len(states) + SEARCH_STEP, len(likely)))
    departures = [(*states, *likely[len(states) : i], 1 - likely[i]) for i in ahead]
    return [(*states, *likely[len(states) : ahead.stop]), *departures]


class ExplanatorySet(NamedTuple):
    """A joint state of all causes: those that are `present`, the others absent, and its probability."""

    present: tuple[str, ...]
    probability: float


class Posterior(Mapping[str, float]):
    """P(cause | evidence) of every cause, a mapping with the most probable cause first.

    Attributes
    ----------
    model : Model
        The model that answered; `model.knowledge` has the tables.
    evidence, assumed : dict of str to str
        What was observed, a state or several in words ("50 to 70"), and what was taken to hold because nothing was
        said of it.
    virtual_evidence : dict of str to tuple of float
        Likelihoods of the states of variables that were seen uncertainly.
    unions : mapping of str to float
        P(at least one of its causes is present | evidence) of each union of causes.
    explains : mapping of str to float
        Of each cause and union, the share of the reported findings that it is expected to have produced.
    none : float
        P(no listed cause is present | evidence).
    serious : float
        P(at least one cause marked serious is present | evidence).
    log_evidence : float
        ln P(evidence), in nats.
    red_flags : tuple of RedFlag
        The warning signs of guidelines that this evidence meets, with their citations. They stand
        beside the probabilities and do not change them.
    intervals : CredibleIntervals or None
        Where `infer` was given `interval`: low and high are then shown too.
    """

    intervals: CredibleIntervals | None = None

    def __init__(
        self, model: Model, evidence: Evidence, answer: Answer, *, red_flags: tuple[RedFlag, ...] = ()
    ) -> None:
        values = answer.causes[0].tolist()
        order = sorted(range(len(values)), key=values.__getitem__, reverse=True)  # of equals the first stays first
        names = model.causes
        self._probabilities: dict[str, float] = {names[k]: values[k] for k in order}
        self._evidence = evidence
        self.model = model
        self.red_flags = red_flags
        self.none = float(answer.none[0])
        self.serious = float(answer.serious[0])
        self.log_evidence = float(answer.log_evidence[0])

    def __getitem__(self, cause: str) -> float:
        """Return P(cause | evidence): of a cause, of a union of causes by its name, or of "serious" or "none"."""
        found = self._probabilities.get(cause)
        if found is not None:
            return found
        if cause in {"serious", "none"}:
            return float(getattr(self, cause))
        if cause not in self.model.unions:
            raise UnknownVariableError(cause, (*self._probabilities, *self.model.unions), what="cause")
        return self.unions[cause]

    def __iter__(self) -> Iterator[str]:
        return iter(self._probabilities)

    def __len__(self) -> int:
        return len(self._probabilities)

    def __contains__(self, cause: object) -> bool:
        """Whether it is a cause; unions answer by name, too, but are not among the causes."""
        return cause in self._probabilities

    @cached_property
    def unions(self) -> Mapping[str, float]:
        """P(at least one of its causes is present | evidence) of each union of causes, the most probable first."""
        names = self.model.unions
        if not names:
            return {}
        found = answer(self.model.engine, self._evidence, unions=True).unions[0].tolist()
        return dict(sorted(zip(names, found, strict=True), key=lambda pair: -pair[1]))

    @cached_property
    def explains(self) -> Mapping[str, float]:
        """Of each cause and union of causes, how much of what was reported it explains, the most first.

        It is the expected share of the reported positive findings that it produced: the mean, over those findings, of
        P(a link of it fired | evidence). A graded finding is positive above its lowest state. One that only describes
        another, as how long it has lasted, is not counted by itself; twitching of which no site is said is. All are 0
        where no finding is positive. See `attribution` for one finding. Stress is present in many people, and
        explains little.

        Examples
        --------
        >>> import twitchbayes
        >>> p = twitchbayes.infer(weakness=True, wasting_on_exam=True, age=62)
        >>> next(iter(p.explains)), p["stress"] > 0.1, p.explains["stress"] < 0.1
        ('nerve_damage', True, True)
        """
        return attribution.explained(self.model.engine, self._evidence, self.log_evidence)

    def predict(self, name: str) -> dict[str, float]:
        """Return the distribution of a variable given the evidence.

        Parameters
        ----------
        name : str
            A finding, context, cause, or union of causes; also "serious" or "none".

        Returns
        -------
        dict of str to float
            State to P(state | evidence), in the order of the variable's states; they sum to 1. Of what was observed,
            or assumed, the states that were not said have 0.

        Raises
        ------
        UnknownVariableError
            If the model has no such variable. A group, such as `twitch_location`, is asked by its members.
        EngineLimitError
            If a state cannot be computed within the engine's bound.

        Examples
        --------
        >>> import twitchbayes
        >>> p = twitchbayes.infer(weakness=True, age=62)
        >>> list(p.predict("cramps")), sum(p.predict("age").values())
        (['absent', 'present'], 1.0)
        """
        network = self.model.network
        if name in {"serious", "none"}:
            return {"absent": 1 - self[name], "present": self[name]}
        if name not in network.columns:
            raise UnknownVariableError(name, network.columns)
        states, column = network.states[name], network.columns.index(name)
        further = np.full((len(states), len(network.columns)), UNKNOWN, dtype=np.int8)
        further[:, column] = range(len(states))
        logs = log_probability(self.model.engine, self._evidence, further)
        shares = np.exp(logs - logs.max())
        return dict(zip(states, (shares / shares.sum()).tolist(), strict=True))

    @property
    def evidence(self) -> dict[str, str]:
        """What was observed: variable to state."""
        return dict(self._evidence.observed)

    @property
    def states_left(self) -> dict[str, tuple[str, ...]]:
        """The states that are left to each variable that was observed or assumed: several, where a range was given."""
        return {name: self._evidence.states_left(name) for name in self._evidence.items}

    @property
    def assumed(self) -> dict[str, str]:
        """What holds in this answer because the caller did not say otherwise."""
        return dict(self._evidence.assumed)

    @property
    def virtual_evidence(self) -> dict[str, tuple[float, ...]]:
        """Likelihood of what was seen, for each state of a variable seen uncertainly."""
        return dict(self._evidence.virtual)

    @property
    def prior(self) -> Mapping[str, float]:
        """P(cause) of every cause before any evidence, in the model's population; of a union by its name."""
        return self.model.prior

    def joint(self, causes: Sequence[str]) -> pd.DataFrame:
        """Return the joint posterior of some causes, or unions of causes.

        Parameters
        ----------
        causes : sequence of str
            At most 12 causes and unions.

        Returns
        -------
        pandas.DataFrame
            One row for each combination: a boolean column a cause (present or not) and `probability`.

        Raises
        ------
        UnknownVariableError
            If one of the names is neither.
        ValueError
            If a cause is named twice, none is named, or more than 12.
        """
        import pandas as pd

        causes = [causes] if isinstance(causes, str) else list(causes)
        known = (*self, *self.model.unions)
        for cause in causes:
            if cause not in known:
                raise UnknownVariableError(cause, known, what="cause")
        if not 1 <= len(causes) <= 12 or len(set(causes)) != len(causes):
            message = f"joint needs 1 to 12 different causes, not {causes}"
            raise ValueError(message)
        states = np.array(np.meshgrid(*[[1, 0]] * len(causes), indexing="ij"), dtype=np.int8).reshape(len(causes), -1).T
        frame = pd.DataFrame(states.astype(bool), columns=causes)
        frame["probability"] = self._probability_of(causes, states)
        return frame

    def most_probable_explanations(self, n: int = 5) -> list[ExplanatorySet]:
        """Return the n most probable joint states of all causes, the most probable first.

        A best-first search over partial assignments: the probability of a partial assignment bounds
        that of each of its completions, so that the first n complete ones found are the answer. One is split by
        where it first departs from the likely states of the next causes
        (Nilsson, An efficient algorithm for finding the M most probable configurations in probabilistic
        expert systems, Statistics and Computing 8, 1998, on the same task).
        """
        if n < 1:
            message = f"n={n!r} must be 1 or more"
            raise ValueError(message)
        causes = sorted(self, key=lambda cause: abs(self[cause] - 0.5))
        place = {cause: i for i, cause in enumerate(self)}
        likely = [int(self[cause] > 0.5) for cause in causes]
        heap: list[tuple[float, tuple[int, ...]]] = [(-1.0, ())]
        found: list[ExplanatorySet] = []
        while heap and len(found) < n:
            opened: list[tuple[int, ...]] = []
            while heap and len(opened) < SEARCH_BATCH and len(heap[0][1]) < len(causes):
                opened.append(heapq.heappop(heap)[1])
            if not opened:
                probability, states = heapq.heappop(heap)
                names = [cause for cause, state in zip(causes, states, strict=True) if state]
                found.append(ExplanatorySet(tuple(sorted(names, key=place.__getitem__)), -probability))
                continue
            longest = len(causes)
            children = [child for states in opened for child in _opened(states, likely)]
            rows = np.array([c + (UNKNOWN,) * (longest - len(c)) for c in children], dtype=np.int8)
            for child, p in zip(children, self._probability_of(causes, rows).tolist(), strict=True):
                if p > 0:
                    heapq.heappush(heap, (-p, child))
        return found

    def _probability_of(self, causes: Sequence[str], states: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return P(states of these causes | evidence), one row of states each; -1 leaves a cause open."""
        columns = self._evidence.columns
        place = {name: i for i, name in enumerate(columns)}
        further = np.full((len(states), len(columns)), UNKNOWN, dtype=np.int8)
        further[:, [place[cause] for cause in causes]] = states
        log_joint = log_probability(self.model.engine, self._evidence, further)
        return np.minimum(np.exp(log_joint - self.log_evidence), 1.0)

    def provenance(self, cause: str) -> Provenance:
        """Return which numbers of the tables the posterior of a cause rests on, and where they are from.

        See `twitchbayes.provenance.trace`.
        """
        return trace(self.model.knowledge, self.model.engine, self._evidence, cause)

    def next_questions(
        self,
        n: int | None = 5,
        *,
        target: str = "causes",
        costs: Mapping[str, float] | None = None,
        skip: Collection[str] = (),
    ) -> Questions:
        """Return what to ask next: the questions whose answers are expected to settle most, the best first.

        What is observed, assumed or has virtual evidence is not asked. A group whose members are all unknown
        (`twitch_location`) is one question, whose answers are the joint states of its members; the OR of a
        group (`twitching`) is not asked, nor is a union of causes. What describes a finding, as how long it has
        lasted, is asked once that finding is known to be present, or seen uncertainly. Each question is weighed as
        if it were the last.

        Parameters
        ----------
        n : int, optional
            How many at most, 5 by default; None gives all.
        target : str, default "causes"
            What is to be settled: "causes", the sum of the entropies of all causes, each by itself;
            "serious", whether at least one serious cause is present; or the name of a cause or union of causes.
        costs : mapping of str to float, optional
            Variable or group to what asking costs, above 0; 1 where nothing is said. Questions are ordered by
            bits for one unit of cost.
        skip : collection of str
            Variables and groups that are not to be asked.

        Returns
        -------
        Questions

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
            If an argument is wrong.
        EngineLimitError
            If an answer cannot be computed within the engine's bound.

        References
        ----------
        Lindley, On a measure of the information provided by an experiment (Annals of Mathematical Statistics 27,
        1956).

        Examples
        --------
        >>> import twitchbayes
        >>> best = twitchbayes.infer(age=62, weakness=True).next_questions(1, target="als")[0]
        >>> best.variable, [reply.text for reply in best.replies]
        ('wasting_on_exam', ['no', 'yes'])
        """
        from twitchbayes.ranking import Ranking, Wanted

        return Ranking.of(self, self._evidence, Wanted(target, costs or {}, skip)).first(n)

    def worth_asking(
        self,
        threshold_bits: float = THRESHOLD_BITS,
        *,
        target: str = "causes",
        costs: Mapping[str, float] | None = None,
        skip: Collection[str] = (),
    ) -> Questions:
        """Return every question that is still worth asking, the best first: none, which is false, says stop.

        Parameters
        ----------
        threshold_bits : float, default 0.01
            A question is worth it if it is expected to settle more, for one unit of cost.
        target, costs, skip
            As for `next_questions`, with the same errors.

        Examples
        --------
        >>> import twitchbayes
        >>> p = twitchbayes.infer(age=62)
        >>> bool(p.worth_asking()), bool(p.worth_asking(2.0))
        (True, False)
        """
        from twitchbayes.ranking import Ranking, Wanted

        ranking = Ranking.of(self, self._evidence, Wanted(target, costs or {}, skip))
        return ranking.first(above=threshold_bits)

    def credible_intervals(self, level: float = 0.95, *, draws: int = DRAWS, seed: int = 0) -> CredibleIntervals:
        """Return how far this answer spreads when the tables' numbers are drawn from their intervals.

        Each draw is a set of all numbers, each from its Beta distribution (see `twitchbayes.beliefs`);
        the answer to the same evidence is reached anew under it, exactly. The bounds leave equal parts of
        the draws beyond them.

        Parameters
        ----------
        level : float, default 0.95
            What each interval holds, between 0 and 1.
        draws : int, default 1,000
            At most 100,000. Those used last are kept for the next answer of this model.
        seed : int, default 0
            The same seed gives the same intervals; more draws begin with those of fewer.

        Returns
        -------
        CredibleIntervals
            Draws in which the evidence is impossible, or refused, are left out and counted there.

        Raises
        ------
        InvalidValueError
            If an argument is out of range.
        ImpossibleEvidenceError, EngineLimitError
            If the evidence is impossible, or refused, in every draw.
        """
        return intervals_of(self, self._evidence, Asked.of(level, draws, seed))

    def explain(self, cause: str, *, pairs: int = 200, seed: int = 0) -> Explanation:
        """Return how far each item of the evidence speaks for a cause, or against it.

        See `twitchbayes.explanation.explain`.

        Parameters
        ----------
        cause : str
        pairs : int, default 200
            Pairs of random orders for Shapley values, where there are too many items for exact ones.
        seed : int, default 0
            Of those orders.

        Raises
        ------
        UnknownVariableError
            If there is no such cause.
        EngineLimitError
            If the exact answer to a part of the evidence would need more memory than the engine's bound.
        """
        return explanation.explain(self, self._evidence, cause, pairs=pairs, seed=seed)

    def attribution(self, finding: str) -> Attribution:
        """Return P(the link of a cause produced this finding | evidence) of every cause, and of the background.

        A cause can be present without having produced the finding. For `twitching`, or for a group such as
        `twitch_location`: that it produced the twitching at some site. Of a finding that was not observed:
        that it is present and this cause produced it. See `twitchbayes.attribution`.

        Raises
        ------
        UnknownVariableError
            If there is no such finding or group.
        """
        return attribution.attribute(self, self._evidence, finding)

    @cached_property
    def produced(self) -> Attribution | None:
        """`attribution` of what the model assumes of every case, as `twitching`; None where it is not present here.

        Computed when first asked for, as by `print`.
        """
        finding = attribution.assumed_finding(self.model.knowledge, self._evidence)
        return None if finding is None else self.attribution(finding)

    def compare(self, other: Posterior) -> Comparison:
        """Return this answer and another one, of the same model or of another, side by side.

        Raises
        ------
        InvalidValueError
            If `other` is no answer.
        """
        return compare(self, other)

    def what_if(
        self,
        evidence: Mapping[str, Any] | None = None,
        /,
        *,
        virtual_evidence: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> Comparison:
        """Return this answer beside that to the same case with some items said otherwise.

        Parameters
        ----------
        evidence, virtual_evidence, **named
            As for `Model.infer`. What is named replaces what was said of it, observed or virtual; None takes it
            out. A group replaces all its members. The rest of the case stays, and what is assumed is what `infer`
            assumes of the new case; what was said to be unknown stays so.

        Returns
        -------
        Comparison
            `other` is the new answer, by the same model.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError, ImpossibleEvidenceError, EngineLimitError
            As by `Model.infer`.

        Examples
        --------
        >>> import twitchbayes
        >>> p = twitchbayes.infer(weakness=True, age=62)
        >>> p.what_if(weakness=False, age=None).other.evidence
        {'weakness': 'absent'}
        """
        said = said_once(evidence, named)
        given, virtual = revised(self.model, self._evidence, said, virtual_evidence or {})
        return compare(self, self.model.infer(given, virtual_evidence=virtual))

    def conflict(self) -> Conflict:
        """Return how well the items of the evidence fit each other, and what would explain it if they do not.

        See `twitchbayes.disagreement.measure`.

        Examples
        --------
        >>> import twitchbayes
        >>> twitchbayes.infer(weakness=True, muscle_wasting=True).conflict().bits < 0
        True
        """
        return measure(self, self._evidence)

    def sensitivity(self, cause: str) -> Sensitivity:
        """Return what each number of the tables, moved by itself, would make of the posterior of a cause.

        See `twitchbayes.sensitivity.analyse`.

        Raises
        ------
        UnknownVariableError
            If there is no such cause.

        Examples
        --------
        >>> import twitchbayes
        >>> p = twitchbayes.infer(weakness=True, age=62)
        >>> sensitivity = p.sensitivity("als")
        >>> abs(sensitivity["P(weakness | als)"].at_value - p["als"]) < 1e-12
        True
        """
        return analyse(self, self._evidence, cause)

    def plot(self, *, intervals: CredibleIntervals | bool | None = None, ax: Axes | None = None) -> Axes:
        """Draw the prior and the posterior of every cause, with credible intervals; see `twitchbayes.plots.posterior`.

        Parameters
        ----------
        intervals : CredibleIntervals or bool, optional
            Those to draw; None takes those of `infer(interval=...)`, else `credible_intervals()`, of fewer draws or
            none where those would take long; True takes all draws, False draws none.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InvalidValueError
            If matplotlib is missing (extra `plot`), or the intervals are of another answer.
        """
        from twitchbayes import plots

        return plots.posterior(self, intervals=intervals, ax=ax)

    def to_frame(self) -> pd.DataFrame:
        """Return a table: cause, label, prior, posterior (fractions) and whether the cause is serious.

        With `intervals`, `low` and `high` stand behind the posterior.
        Where there is one, also `produced`: P(the cause produced the finding that every case is assumed to have).
        """
        import pandas as pd

        variables = self.model.knowledge.variables
        bounds = self.intervals.rows if self.intervals else {}
        frame = pd.DataFrame(
            {
                "cause": list(self),
                "label": [variables[cause].label for cause in self],
                "prior": [self.prior[cause] for cause in self],
                "posterior": list(self.values()),
                **{name: [getattr(bounds[cause], name) for cause in self] for name in ("low", "high") if bounds},
                "serious": [variables[cause].serious for cause in self],
            }
        )
        return frame if self.produced is None else frame.assign(produced=[self.produced[cause] for cause in self])

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types, with what identifies the model."""
        model = self.model
        return {
            "model": {
                "name": model.name,
                "version": model.version,
                "population": model.population,
                "fingerprint": model.fingerprint,
            },
            "evidence": self.evidence,
            "assumed": self.assumed,
            "virtual_evidence": {name: list(values) for name, values in self.virtual_evidence.items()},
            "posterior": dict(self),
            "prior": {cause: self.prior[cause] for cause in self},
            "unions": dict(self.unions),
            "none": self.none,
            "serious": self.serious,
            "log_evidence_nats": self.log_evidence,
            **({"credible_intervals": self.intervals.to_dict()} if self.intervals else {}),
            "produced": None if self.produced is None else self.produced.to_dict(),
            "red_flags": [{**flag._asdict(), "citations": list(flag.citations)} for flag in self.red_flags],
            "disclaimer": display.DISCLAIMER,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        return display.as_text(self)

    def _repr_html_(self) -> str:
        return display.as_html(self)
