"""One question: warm, and cold in a new process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks import ROOT, cohort, ours
from benchmarks.peers import AGRUMS, OURS, PEERS, Evidence, best
from benchmarks.report import Cell, Table, quotient
from benchmarks.run import Run

# The case of the README.
SPOKEN = {"weakness": "yes", "muscle_wasting": "yes", "slurred_speech": "yes", "twitch_location": "tongue", "age": 62}
COLD = {OURS: "twitchbayes", "pyAgrum": "pyagrum", "pgmpy": "pgmpy"}


def cases(run: Run) -> Iterator[tuple[str, Evidence]]:
    """Yield cases of the shipped model with few to many known findings and contexts."""
    yield "README", run.model.infer(SPOKEN).evidence
    network = run.model.network
    full = cohort.simulate(network, len(run.size.cases), seed=1)
    for row, (findings, contexts) in zip(full, run.size.cases, strict=True):
        codes = cohort.keep_counts(network, row, contexts=contexts, findings=findings, seed=2)
        yield "simulated", cohort.evidence(run.model, codes)


def warm(run: Run) -> None:
    """Race one whole posterior of each case."""
    run.peers.begin()
    run.peers.hold(run.model)
    rows: list[list[Cell]] = []
    ratios: dict[str, list[float]] = {"pyagrum": [], "pgmpy": []}
    for name, evidence in cases(run):
        entrant = ours.single(run.model, evidence, run.size.turn_s)
        outcomes = run.peers.race(entrant, evidence, rounds=run.size.rounds, turn_s=run.size.turn_s)
        own = outcomes[OURS]
        answered = [peer for peer in PEERS if outcomes[peer].answer]
        difference = max((run.compare(peer, own.answer, outcomes[peer].answer) for peer in answered), default=None)
        found = {"pyagrum": best(outcomes, AGRUMS), "pgmpy": outcomes["pgmpy"]}
        here = {peer: quotient(outcome.seconds, own.seconds) for peer, outcome in found.items()}
        for peer, ratio in here.items():
            ratios[peer] += [] if ratio is None else [ratio]
        cells = [outcomes[entrant].cell for entrant in (OURS, *PEERS)]
        rows.append([name, *_counts(run, evidence), *cells, *here.values(), difference])
    for peer, values in ratios.items():
        if values:
            run.figures[f"warm_{peer}_least"] = min(values)
            run.figures[f"warm_{peer}_median"] = statistics.median(values)
    columns = {"case": "text", "contexts": "count", "findings": "count", "positive": "count", OURS: "time"}
    columns |= dict.fromkeys(PEERS, "time")
    columns |= {"best pyAgrum / ours": "ratio", "pgmpy / ours": "ratio", "largest difference": "difference"}
    turns = f"median of up to {run.size.rounds} turns each, in turn"
    how = f"{turns}; a turn is the median call of {run.size.turn_s:g} s of them"
    run.show(Table("Warm", columns, rows, how))


def _counts(run: Run, evidence: Evidence) -> list[int]:
    network = run.model.network
    findings = [name for name in evidence if name in network.findings]
    contexts = sum(name in network.contexts for name in evidence)
    return [contexts, len(findings), sum(evidence[name] == "present" for name in findings)]


def cold(run: Run) -> None:
    """Time the first answer of new processes."""
    parts: dict[str, list[dict[str, float]]] = {name: [] for name in COLD}
    for _ in range(run.size.processes):
        for name, which in COLD.items():
            parts[name].append(_first_answer(which))
    rows = []
    for name, runs in parts.items():
        medians = {part: statistics.median(one[part] for one in runs) for part in runs[0]}
        total = statistics.median(sum(one.values()) for one in runs)
        rows.append([name, *medians.values(), total])
    own = rows[0][-1]
    rows = [[*row, row[-1] / own] for row in rows]
    columns = {"": "text", "import": "time", "network": "time", "first answer": "time", "all": "time"}
    columns["ratio to ours"] = "ratio"
    how = (
        f"median of {run.size.processes} new processes each, in turn, the start of the interpreter left out; "
        f"ours reads and checks its tables, a peer gets them read for nothing; pyAgrum: lazy, tables"
    )
    run.show(Table("Cold", columns, rows, how))


def _first_answer(which: str) -> dict[str, float]:
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.cold", which]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    parts: dict[str, float] = json.loads(done.stdout)
    return parts


def section(run: Run) -> None:
    """Measure one question."""
    run.begin(
        "single",
        "One question",
        f"""The whole posterior of one case of the shipped model ({len(run.model.contexts)} contexts,
        {len(run.model.causes)} causes, {len(run.model.findings)} findings): `Model.infer` with all that it checks and
        returns, against pyAgrum by two algorithms, once with noisy-OR nodes and once with full tables, and pgmpy's
        variable elimination asked for one cause after the other.""",
    )
    warm(run)
    cold(run)
