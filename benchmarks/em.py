"""EM of twitchbayes, pyAgrum and pgmpy on one network with the same cases: `python -m benchmarks.em`.

The peers learn full tables, not the links of a noisy-OR. With one parent a table of two rows is a leak and a link, so
that the maxima are the same, as long as the parent does not make the finding rarer. Nearly nothing is taken from the
intervals (`strength` tiny): what is maximised is the likelihood.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import cohort, learned
from benchmarks.peers import expanded
from benchmarks.ranks import Floats
from benchmarks.report import Cell, Table
from benchmarks.timing import seconds_of
from random_models import make_model, number_cells
from twitchbayes import Model, load_model
from twitchbayes.cohort import read_cohort
from twitchbayes.passes import LocalData

if TYPE_CHECKING:
    import pandas as pd

CAUSES = {"flu": 0.15, "strain": 0.3}
CONTEXT = ("winter", 0.35, 0.4)  # its prior, and its link to the first cause
# Parent, leak and link.
FINDINGS = {
    "fever": ("flu", 0.05, 0.8),
    "cough": ("flu", 0.1, 0.6),
    "ache": ("flu", 0.15, 0.5),
    "cramp": ("strain", 0.06, 0.6),
    "twitch": ("strain", 0.08, 0.5),
    "weak": ("strain", 0.1, 0.4),
}
DATA: Mapping[str, Mapping[str, float]] = {
    "complete": {},
    "a tenth of the cells unknown": {"context": 0.1, "cause": 0.1, "finding": 0.1},
    "a cause never known": {"flu": 1.0},
}
STRENGTH, TOLERANCE = 1e-9, 1e-6
RATE = 1e-7  # pyAgrum: relative change of its log likelihood at which it stops
CHANGE = 1e-6  # pgmpy: change of a probability at which it stops
MOST_PASSES = 300
PASS_ROWS, ROUNDS = 100_000, 3


class Learned(NamedTuple):
    """What one library learned: net numbers (n_numbers,), passes, seconds in all, and what else is to be told."""

    net: Floats
    passes: int
    seconds: float
    told: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0."""
    parser = argparse.ArgumentParser("python -m benchmarks.em", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=300, help="cases that are learned from (default: %(default)s)")
    parser.add_argument("--rows", type=int, default=PASS_ROWS, help="cases of one pass (default: %(default)s)")
    parser.add_argument("--page", action="store_true", help="write what is printed into docs/calibration.md too")
    given = parser.parse_args(arguments)
    learned.publish("em", [agreement(given.cases), passes(given.rows)], page=given.page)
    return 0


def network() -> Model:
    """Return a network in which every noisy-OR has one parent at most."""
    winter, prior, activation = CONTEXT
    variables = [{"variable": winter, "role": "context"}]
    variables += [{"variable": name, "role": "cause"} for name in CAUSES]
    variables += [{"variable": name, "role": "finding"} for name in FINDINGS]
    priors = [{"variable": n, "state": "present", **number_cells(p)} for n, p in {winter: prior, **CAUSES}.items()]
    links = [{"parent": winter, "child": next(iter(CAUSES)), "form": "net", **number_cells(activation)}]
    for name, (cause, leak, link) in FINDINGS.items():
        links.append({"parent": "leak", "child": name, "form": "net", **number_cells(leak)})
        links.append({"parent": cause, "child": name, "form": "net", **number_cells(link)})
    return make_model(variables, priors, links)


# Agreement


def agreement(n_cases: int, data: Mapping[str, Mapping[str, float]] = DATA) -> Table:
    """Return what each library learned from the same cases: how far from ours, how likely, how long it took."""
    model = network()
    lines: list[list[Cell]] = []
    for name, missing in data.items():
        frame = model.simulate(n_cases, seed=5, missing=missing)
        codes = read_cohort(model, frame).codes
        found = {who: learn(model, frame) for who, learn in LEARNERS.items()}
        mine = found["twitchbayes"]
        likelihoods = {who: log_likelihood(model, codes, fit.net) for who, fit in found.items()}
        for who, fit in found.items():
            difference = float(np.abs(_tables(model, fit.net) - _tables(model, mine.net)).max())
            below = max(likelihoods.values()) - likelihoods[who]
            ratio = None if fit is mine else fit.seconds / mine.seconds
            a_pass = fit.seconds / max(fit.passes, 1)
            slower = None if fit is mine else a_pass / (mine.seconds / mine.passes)
            cells: list[Cell] = [name, who, None if fit is mine else difference, below, fit.passes]
            lines.append([*cells, fit.seconds, ratio, slower, fit.told])
    columns = {"cases": "text", "library": "text", "largest difference": "difference", "nats below best": "difference"}
    columns |= {"passes": "count", "took": "time", "of ours": "ratio", "a pass, of ours": "ratio", "": "text"}
    how = (
        f"{n_cases} cases, {len(model.network.numbers[0])} numbers, from one start; difference: of a probability of "
        "the tables to ours; took: reading the frame, learning, and with ours the intervals too"
    )
    return Table("EM from the same cases", columns, lines, how)


def log_likelihood(model: Model, codes: cohort.Codes, net: Floats) -> float:
    """Return ln P(cases) under some net numbers, in nats, by our engine."""
    return float(model.engine.log_evidence(codes, model.network.with_net(net)).sum())


def with_ours(model: Model, frame: pd.DataFrame) -> Learned:
    """Learn with `Model.tune`; the second of two."""
    model.tune(frame, strength=STRENGTH, selected_by=(), max_iterations=2)
    seconds, tuning = seconds_of(
        lambda: model.tune(frame, strength=STRENGTH, tolerance=TOLERANCE, selected_by=(), max_iterations=10_000)
    )
    return Learned(tuning.report["new"].to_numpy(), int(tuning.history["passes"].iloc[-1]), seconds)


def with_agrum(model: Model, frame: pd.DataFrame) -> Learned:
    """Learn with pyAgrum's BNLearner, from the numbers of the model without noise."""
    import pyagrum

    import agrum

    net = expanded(agrum.build(model.knowledge), model.network.columns)
    words = frame.astype(object).replace({"no": "absent", "yes": "present"}).fillna("?")
    gaps = bool(frame.isna().to_numpy().any())

    def learn() -> tuple[Any, Any]:
        learner = pyagrum.BNLearner(words, net, ["?"])
        learner.useNoPrior()
        if gaps:
            learner.useEMWithRateCriterion(RATE, 0.0)
            learner.EMsetMaxIter(MOST_PASSES)
        return learner, learner.learnParameters(net)

    seconds, (learner, found) = seconds_of(learn)

    def present(name: str, given: Mapping[str, int]) -> float:
        return float(found.cpt(name)[{**given, name: 1}])

    told = learner.EMStateMessage() if gaps else "counted, no EM"
    return Learned(_net(model, present), learner.EMnbrIterations() if gaps else 1, seconds, told)


def with_pgmpy(model: Model, frame: pd.DataFrame) -> Learned:
    """Learn with pgmpy's DiscreteEM, from the numbers of the model; a column without any cell is a latent variable."""
    from pgmpy.parameter_estimator import DiscreteEM, DiscreteMLE

    complete = frame.loc[:, frame.notna().any()].dropna()
    states = complete.apply(lambda column: (column == "yes").astype(int))
    latent = set(frame) - set(states)
    passes = 0

    class Counted(DiscreteEM):  # type: ignore[misc] (pgmpy has no types)
        def _fit_parameters(self, *args: Any, **named: Any) -> Any:
            nonlocal passes
            passes += 1
            return super()._fit_parameters(*args, **named)

    net, tables = _pgmpy_net(model, latent)
    estimator = (
        Counted(max_iter=MOST_PASSES, atol=CHANGE, init_cpds=tables, show_progress=False) if latent else DiscreteMLE()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds, found = seconds_of(lambda: estimator.fit(net, states))
    learned_tables = {table.variable: table for table in found.parameters_}

    def present(name: str, given: Mapping[str, int]) -> float:
        return float(learned_tables[name].get_value(**{**given, name: 1}))

    dropped = len(frame) - len(states)
    told = f"drops {dropped} of {len(frame)} cases" if dropped else "" if latent else "counted, no EM"
    # The first call counts what no latent variable touches.
    return Learned(_net(model, present), max(passes - 1, 1), seconds, told)


LEARNERS: Mapping[str, Callable[[Model, Any], Learned]] = {
    "twitchbayes": with_ours,
    "pyAgrum": with_agrum,
    "pgmpy": with_pgmpy,
}


def _pgmpy_net(model: Model, latent: set[str]) -> tuple[Any, dict[str, Any]]:
    """Return the network for pgmpy and its tables, states named by number as it names those of latent variables."""
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.models import DiscreteBayesianNetwork

    named = model.to_pgmpy("full")
    tables = {}
    for cpd in named.cpds:
        parents = cpd.variables[1:]
        tables[cpd.variable] = TabularCPD(
            cpd.variable, 2, cpd.get_values(), parents or None, [2] * len(parents) or None
        )
    return DiscreteBayesianNetwork(named.edges(), latents=latent), tables


def _net(model: Model, present: Callable[[str, Mapping[str, int]], float]) -> Floats:
    """Return the net numbers of tables, given P(variable present | state of its parent)."""
    knowledge = model.knowledge
    parent = {link.child: link.parent for link in knowledge.links if link.parent != "leak"}
    found = [
        present(p.variable, dict.fromkeys([parent[p.variable]], 0) if p.variable in parent else {})
        for p in knowledge.priors
    ]
    for link in knowledge.links:
        without = present(link.child, {parent[link.child]: 0})
        raised = present(link.child, {parent[link.child]: 1})
        found.append(without if link.parent == "leak" else (raised - without) / (1 - without))
    return np.array(found)


def _tables(model: Model, net: Floats) -> Floats:
    """Return the probabilities of full tables: of a link, with the leak included."""
    network, knowledge = model.network, model.knowledge
    compound = net.copy()
    place = {p.variable: i for i, p in enumerate(knowledge.priors)}
    place |= {k.child: i for i, k in enumerate(knowledge.links, len(knowledge.priors)) if k.parent == "leak"}
    for row, link in enumerate(knowledge.links, len(network.numbers[0]) - len(knowledge.links)):
        if link.parent != "leak":
            compound[row] = net[row] + net[place[link.child]] * (1 - net[row])
    return compound


# One pass


def passes(n_rows: int) -> Table:
    """Return the time of one pass of expected counts over a cohort of the shipped model."""
    model = load_model()
    full = cohort.simulate(model.network, n_rows, seed=3)
    codes = cohort.hide(model.network, full, contexts=0.3, findings=0.3, seed=4)
    net = model.network.to_net(model.network.numbers)[0]
    lines: list[list[Cell]] = []
    data = LocalData(model.engine, codes)
    wall, cpu = zip(*(_laps(partial(data.sums, net)) for _ in range(ROUNDS)), strict=True)
    lines.append([data.n_cases, min(wall), data.n_cases / min(wall), min(cpu)])
    columns = {"cases": "count", "a pass": "time", "cases a second": "count", "processor": "time"}
    how = (
        f"people who twitch, {cohort.distinct(codes):,} of {n_rows:,} different, three tenths of the contexts and "
        "findings and every cause unknown; expected counts of every number of the model; the best of "
        f"{ROUNDS}; processor: of all cores together"
    )
    return Table("One pass of expected counts", columns, lines, how)


def _laps(call: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds that a call took, and those of the processor."""
    before = time.process_time()
    seconds, _ = seconds_of(call)
    return seconds, time.process_time() - before


if __name__ == "__main__":
    sys.exit(main())
