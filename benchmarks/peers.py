"""The peers, each in a process of its own: the same network built in memory, the same evidence, every cause asked."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks.timing import Limits, Outcome, RefusedError, Turn, Worker, race
from twitchbayes import Model

Evidence = Mapping[str, str]
Answers = dict[str, float]

OURS = "twitchbayes"
FORMS = ("noisy-OR", "tables")
ALGORITHMS = {"lazy": "LazyPropagation", "Shafer-Shenoy": "ShaferShenoyInference"}


class Agrum:
    """pyAgrum, by one of its algorithms, with noisy-OR nodes or with those expanded into full tables.

    A query makes the engine, sets evidence and targets and reads every posterior; an engine that is kept
    from one query to the next takes as long.
    """

    def __init__(self, algorithm: str, form: str, model: Model) -> None:
        import pyagrum

        import agrum

        net = agrum.build(model.knowledge)
        self._net = expanded(net, model.network.columns) if form == "tables" else net
        self._algorithm = getattr(pyagrum, algorithm)
        self._causes = model.causes
        self._posteriors = agrum.posteriors

    def __call__(self, evidence: Evidence) -> Answers:
        found: Answers = self._posteriors(self._net, dict(evidence), self._causes, self._algorithm)
        return found


def expanded(net: Any, order: tuple[str, ...]) -> Any:
    """Return the net with a full table at each node, nodes and parents in a given order."""
    import pyagrum

    full = pyagrum.BayesNet("tables")
    for name in order:
        full.add(net.variable(name))
    for name in order:
        for parent in sorted(net.cpt(name).names[1:], key=order.index):
            full.addArc(parent, name)
        full.cpt(name).fillWith(net.cpt(name))
    return full


class Pgmpy:
    """pgmpy's variable elimination, one query a cause: asked for many at once it builds their joint."""

    def __init__(self, model: Model) -> None:
        from pgmpy.inference import VariableElimination

        from twitchbayes.interop import state_name

        self._elimination: Any = VariableElimination(model.to_pgmpy("full"))
        self._causes = model.causes
        self._state_name = state_name

    def __call__(self, evidence: Evidence) -> Answers:
        observed = {name: self._state_name(state) for name, state in evidence.items()}
        return {
            cause: float(self._elimination.query([cause], evidence=observed, show_progress=False).values[1])
            for cause in self._causes
        }


def makers() -> dict[str, tuple[Callable[..., Any], tuple[str, ...]]]:
    """Return what makes each peer: a class and its first arguments; the model comes last."""
    agrums = {
        agrum_name(name, form): (Agrum, (algorithm, form)) for form in FORMS for name, algorithm in ALGORITHMS.items()
    }
    return {**agrums, "pgmpy": (Pgmpy, ())}


def agrum_name(algorithm: str, form: str) -> str:
    return f"pyAgrum {algorithm}, {form}"


AGRUMS = tuple(agrum_name(algorithm, form) for form in FORMS for algorithm in ALGORITHMS)
PEERS = (*AGRUMS, "pgmpy")


class Field:
    """The peers, holding one model after the other."""

    def __init__(self, limits: Limits) -> None:
        self._workers = {name: Worker(limits) for name in PEERS}
        self._names: tuple[str, ...] = ()
        self._size = ""
        self._out: dict[str, str] = {}

    def begin(self, *names: str) -> None:
        """Begin a series of growing networks, or a single one, with some of the peers (all where none is named)."""
        self._names, self._size, self._out = names or PEERS, "", {}

    def hold(self, model: Model, size: str = "") -> None:
        """Give the peers a network; one that did not answer a smaller one of the series is not asked."""
        makes = makers()
        self._size = size
        for name in self._names:
            if name in self._out:
                self._workers[name].refuse(self._out[name])
            else:
                make, first = makes[name]
                self._workers[name].hold(make, *first, model)

    def call(self, name: str, evidence: Evidence, turn_s: float = 0.0) -> Turn:
        """Ask one peer; see `Worker.call`."""
        try:
            return self._workers[name].call(dict(evidence), least_s=turn_s)
        except RefusedError as error:
            if self._size:
                self._out.setdefault(name, f"not tried: {str(error).removeprefix('refused: ')} at {self._size}")
            raise

    def race(self, ours: Callable[[], Turn], evidence: Evidence, *, rounds: int, turn_s: float) -> dict[str, Outcome]:
        """Race ours against every peer on one case."""
        entrants = {OURS: ours}
        for name in self._names:
            entrants[name] = functools.partial(self.call, name, evidence, turn_s)
        return race(entrants, rounds, budget_s=0.3)

    def close(self) -> None:
        """End every process."""
        for worker in self._workers.values():
            worker.close()


def best(outcomes: Mapping[str, Outcome], names: tuple[str, ...]) -> Outcome:
    """Return the quickest of some entrants, or the reason why the last of them did not answer."""
    answered = [outcomes[name] for name in names if name in outcomes and outcomes[name].seconds is not None]
    if answered:
        return min(answered, key=lambda outcome: outcome.seconds or 0.0)
    return next((outcomes[name] for name in reversed(names) if name in outcomes), Outcome(None, "not asked"))
