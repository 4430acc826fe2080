"""Patterns of evidence that the process has never seen: one answer, what is asked of it, and tables of them.

Times are of the processor (all threads together), medians of patterns each of which is used once.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks import ROOT, cohort, networks
from benchmarks.cohort import Codes
from benchmarks.peers import ALGORITHMS, FORMS, agrum_name, expanded
from benchmarks.report import Cell, Table
from benchmarks.run import Run
from twitchbayes import Model, TwitchbayesError
from twitchbayes.explorer.details import details
from twitchbayes.passes import LocalData

BESIDE = 5  # negative findings beside the positive ones
KNOWN = ("no context", "age and sex", "all contexts")
GOALS = {  # pyAgrum over ours, by what is known and the number of positive findings
    "no context": {0: 60, 3: 60, 5: 40, 8: 20, 13: 6, 16: 4, 20: 4, 25: 4},
    "age and sex": {0: 60, 3: 60, 5: 60, 8: 60},
    "all contexts": {0: 60, 3: 60, 5: 60, 8: 60, 10: 60},
}
SECONDS = {  # of analyses, by the number of positive findings
    "attribution": {8: 0.005, 13: 0.05},
    "next_questions(5)": {8: 0.03, 13: 0.3},
    "the next question of an interview": {10: 0.05},
    "sensitivity": {8: 0.03, 13: 0.3},
    "credible_intervals(draws=1000)": {8: 0.2, 13: 3.0},
    "explain": {8: 0.2, 13: 3.0},
    "all that the explorer shows behind a click": {8: 0.3, 13: 1.0},
}


def processor_s(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds of the processor that a call takes, and what it returns."""
    start = time.process_time()
    found = call()
    return time.process_time() - start, found


def pattern(model: Model, known: str, positive: int, random: np.random.Generator) -> Codes:
    """Return a row with so many positive findings drawn at random, some negative ones, and these contexts."""
    network = model.network
    n_contexts, first = len(network.contexts), len(network.contexts) + len(network.causes)
    codes = np.full(len(network.columns), -1, dtype=np.int8)
    places = {"no context": [], "age and sex": [0, 1], "all contexts": range(n_contexts)}[known]
    for place in places:
        codes[place] = random.integers(len(network.states[network.contexts[place]]))
    order = first + random.permutation(len(network.findings))
    codes[order[:positive]], codes[order[positive : positive + BESIDE]] = 1, 0
    return codes


def patterns(model: Model, known: str, positive: int, count: int, seed: int) -> Iterator[dict[str, str | None]]:
    """Yield evidence of such patterns, none twice. Nothing is assumed beside it."""
    random, seen = np.random.default_rng([seed, positive]), set()
    assumed = {v.name: None for v in model.knowledge.variables.values() if v.assumed}
    while len(seen) < count:
        codes = pattern(model, known, positive, random)
        if codes.tobytes() not in seen:
            seen.add(codes.tobytes())
            yield {**assumed, **cohort.evidence(model, codes)}
        elif positive == len(model.network.findings):  # there is but one of them
            return


class Kept:
    """An inference engine of pyAgrum that is kept, with its targets set."""

    def __init__(self, net: Any, algorithm: str, causes: tuple[str, ...]) -> None:
        import pyagrum

        import agrum

        self._net, self._causes, self._label = net, causes, agrum.state_label
        self._engine = getattr(pyagrum, algorithm)(net)
        self._engine.setTargets(set(causes))

    def __call__(self, evidence: dict[str, str | None]) -> dict[str, float]:
        self._engine.setEvidence({name: self._label(state) for name, state in evidence.items() if state is not None})
        self._engine.makeInference()
        return {cause: float(self._engine.posterior(cause)[1]) for cause in self._causes}


def kept_engines(model: Model) -> dict[str, Kept]:
    """Return each algorithm of pyAgrum on each form of the network."""
    import agrum

    plain = agrum.build(model.knowledge)
    nets = {"noisy-OR": plain, "tables": expanded(plain, model.network.columns)}
    made = {}
    for form in FORMS:
        for name, algorithm in ALGORITHMS.items():
            made[agrum_name(name, form)] = Kept(nets[form], algorithm, model.causes)
    return made


def section(run: Run) -> None:
    """Race one answer to each pattern."""
    run.begin(
        "patterns",
        "Patterns never seen",
        f"""`Model.infer`, the whole posterior with all that it checks and returns, of random patterns of the shipped
        model: so many positive findings and {BESIDE} negative ones, each pattern used once. pyAgrum: LazyPropagation
        and ShaferShenoyInference, each on noisy-OR nodes and on full tables, its engine kept and its targets set; the
        median of the quickest of the four counts.""",
    )
    peers = kept_engines(run.model)
    run.model.infer()
    lines: list[list[Cell]] = []
    for known in KNOWN:
        lines += [_race(run, peers, known, positive) for positive in run.size.positives_of_patterns]
    columns = {"known": "text", "positive": "count", "twitchbayes": "time", "pyAgrum": "time", "by": "text"}
    columns |= {"pyAgrum / ours": "ratio", "goal": "ratio", "": "text", "largest difference": "difference"}
    run.show(Table("One answer", columns, lines, f"medians of {run.size.patterns} patterns, time of the processor"))


def _race(run: Run, peers: dict[str, Kept], known: str, positive: int) -> list[Cell]:
    run.note(f"patterns: {known}, {positive} positive")
    cases = list(patterns(run.model, known, positive, run.size.patterns, seed=1))
    ours = [processor_s(partial(run.model.infer, evidence)) for evidence in cases]
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    difference = 0.0
    # One after the other, as each is used: in turns, each would find its code and tables put out by the other's.
    for name, peer in peers.items():
        for evidence, (_, found) in zip(cases, ours, strict=True):
            best_so_far = min((statistics.median(laps) for laps in theirs.values() if laps), default=float("inf"))
            # The slow forms are not asked for ever.
            if theirs[name] and statistics.median(theirs[name]) > 4 * best_so_far:
                break
            seconds, answer = processor_s(partial(peer, evidence))
            theirs[name].append(seconds)
            difference = max(difference, run.compare(name, dict(found), answer))
    by = min((name for name in theirs if theirs[name]), key=lambda name: statistics.median(theirs[name]))
    own, best = statistics.median(seconds for seconds, _ in ours), statistics.median(theirs[by])
    goal = GOALS[known].get(positive)
    verdict = "" if goal is None else "met" if best / own >= goal else "missed"
    run.figures[f"pattern {known} {positive}"] = best / own
    return [known, positive, own, best, by, best / own, goal, verdict, difference]


def analyses(run: Run) -> None:
    """Time what is asked of an answer, tables, learning, and other networks."""
    run.begin(
        "analyses",
        "Questions about an answer, tables and learning",
        "Seconds of the processor, of patterns and rows that the process has never seen.",
    )
    run.show(_asked(run))
    run.show(_tables(run))
    run.show(_learning(run))
    run.show(_networks())


def _asked(run: Run) -> Table:
    calls: dict[str, Callable[[Any, str], Any]] = {
        "attribution": lambda p, _: p.attribution("weakness"),
        "next_questions(5)": lambda p, _: p.next_questions(5),
        "sensitivity": lambda p, cause: p.sensitivity(cause),
        "credible_intervals(draws=1000)": lambda p, _: p.credible_intervals(draws=1000),
        "explain": lambda p, cause: p.explain(cause),
        "the next question of an interview": lambda p, _: p.next_questions(1),
        "all that the explorer shows behind a click": lambda p, cause: list(details(p, p.evidence, cause)),
    }
    run.model.infer(weakness=True).credible_intervals(draws=1000)  # draws are kept for the answers that follow
    lines: list[list[Cell]] = []
    for name, goals in SECONDS.items():
        for positive, goal in goals.items():
            laps = []
            for evidence in patterns(run.model, "no context", positive, max(run.size.patterns // 3, 2), seed=2):
                posterior = run.model.infer(evidence)
                laps.append(processor_s(partial(calls[name], posterior, next(iter(posterior))))[0])
            median = statistics.median(laps)
            lines.append([name, positive, median, goal, "met" if median <= goal else "missed"])
    columns = {"": "text", "positive": "count", "processor": "time", "goal": "time", "held": "text"}
    return Table("What is asked of an answer", columns, lines, f"contexts unknown, {BESIDE} negative findings beside")


FRESH = """
import sys, time
sys.path[:0] = [{root!r}, {tests!r}]
from benchmarks import cohort, rows
import pandas
from twitchbayes import load_model
model = load_model()
codes = rows._codes(model, {n_rows}, rows.USUAL)
frame = cohort.frame(model, codes)
frame.to_pickle({file!r})
"""

FIRST = """
import time
start = time.process_time()
import pickle, sys
frame = pickle.load(open({file!r}, "rb"))
before = time.process_time()
import twitchbayes
twitchbayes.load_model("twitch").infer_frame(frame)
print(time.process_time() - before, before - start)
"""


def _tables(run: Run) -> Table:
    import tempfile
    from pathlib import Path

    lines: list[list[Cell]] = []
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder, "frame.pickle"))
        words = {"root": str(ROOT), "tests": str(ROOT / "tests"), "n_rows": run.size.fresh_rows, "file": file}
        for code in (FRESH, FIRST):
            done = subprocess.run(
                [sys.executable, "-c", code.format(**words)], capture_output=True, text=True, check=True, cwd=ROOT
            )
    seconds = float(done.stdout.split()[0])
    lines.append(["first table of a new process", run.size.fresh_rows, seconds, seconds / run.size.fresh_rows])
    run.model.infer_frame(
        cohort.frame(run.model, cohort.simulate(run.model.network, 1, seed=10))
    )  # loads pandas' parts
    full = cohort.simulate(run.model.network, sum(run.size.sizes), seed=11)
    codes = cohort.hide(run.model.network, full, contexts=0.3, findings=0.3, seed=12)
    start = 0
    for n_rows in run.size.sizes:
        given = cohort.frame(run.model, codes[start : start + n_rows])
        start += n_rows
        seconds, _ = processor_s(partial(run.model.infer_frame, given))
        lines.append(["`infer_frame`", n_rows, seconds, seconds / n_rows])
    columns = {"": "text", "rows": "count", "processor": "time", "a row": "time"}
    how = "30% of the cells unknown, nearly all rows distinct; the first: from import to answer, the frame aside"
    return Table("Tables", columns, lines, how)


def _learning(run: Run) -> Table:
    network = run.model.network
    full = cohort.simulate(network, run.size.em_rows, seed=13)
    codes = cohort.hide(network, full, contexts=0.3, findings=0.3, seed=14)
    net = network.to_net(network.numbers)[0]
    data = LocalData(run.model.engine, codes)
    lines: list[list[Cell]] = [["a pass of EM", len(codes), processor_s(partial(data.sums, net))[0]]]
    cases = run.model.simulate(100, seed=15, missing=0.3)
    lines.append(["`tune`", len(cases), processor_s(partial(run.model.tune, cases))[0]])
    cases = run.model.simulate(200, seed=16, missing=0.3)
    folds = partial(run.model.cross_validate, cases, folds=5)
    lines.append(["`cross_validate`, 5 folds", len(cases), processor_s(folds)[0]])
    return Table("Learning", {"": "text", "cases": "count", "processor": "time"}, lines, "three tenths unknown")


def _networks() -> Table:
    lines: list[list[Cell]] = []
    spec = networks.Spec(contexts=10, causes=30, findings=60, parents=4, most_causes=4)
    for name, model, positives in (
        ("30 causes, 60 findings, 10 contexts", networks.layered(spec), (8, 12)),
        ("600 causes, 4,000 findings", networks.qmr_sized((600, 4_000, 30_000)), (5,)),
    ):
        for positive in positives:
            for what, call in _calls(model, positive).items():
                laps: list[float] = []
                refused = ""
                for number in range(3):
                    try:
                        laps.append(processor_s(partial(call, number))[0])
                    except TwitchbayesError as error:
                        refused = str(error)
                cells: list[Cell] = [statistics.median(laps), max(laps)] if laps else [f"refused: {refused}", None]
                lines.append([name, positive, what, *cells])
    columns = {"network": "text", "positive": "count", "": "text", "processor": "time", "slowest": "time"}
    how = "medians of 3 patterns; the first intervals draw the numbers, which are kept for the next"
    return Table("Other networks", columns, lines, how)


def _calls(model: Model, positive: int) -> dict[str, Callable[[int], Any]]:
    """Return what is asked of a network, each call of a pattern of its own."""

    def evidence(seed: int) -> dict[str, str]:
        names = np.random.default_rng(seed).permutation(model.network.findings)[: positive + 10]
        return {str(f): "present" if i < positive else "absent" for i, f in enumerate(names)}

    calls: dict[str, Callable[[int], Any]] = {"infer": lambda n: model.infer(evidence(n))}
    if len(model.causes) > 100:
        calls |= {
            "infer and sensitivity": lambda n: (p := model.infer(evidence(10 + n))).sensitivity(next(iter(p))),
            "infer and explain": lambda n: (p := model.infer(evidence(20 + n))).explain(next(iter(p))),
            "infer and credible_intervals": lambda n: model.infer(evidence(50 + n)).credible_intervals(),
            "infer and next_questions": lambda n: model.infer(evidence(30 + n)).next_questions(5),
            "infer and most probable explanations": lambda n: model.infer(evidence(40 + n)).most_probable_explanations(
                3
            ),
        }
    return calls
