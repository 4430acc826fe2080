"""Many rows: time a row against the peers, where it goes, and the memory it takes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import ROOT, cohort, ours
from benchmarks.cohort import Codes
from benchmarks.peers import AGRUMS
from benchmarks.report import Cell, Table, quotient
from benchmarks.run import Run
from benchmarks.timing import RefusedError, seconds_of
from twitchbayes import Model
from twitchbayes.inference import Engine

FORM = "tables"  # of pyAgrum: the quicker one on the shipped model
ASKED = (*(name for name in AGRUMS if name.endswith(FORM)), "pgmpy")


@dataclass(frozen=True)
class Gaps:
    """A cohort by the share of its cells that are unknown."""

    name: str
    contexts: float
    findings: float


USUAL = Gaps("30% unknown", 0.3, 0.3)
COHORTS = (USUAL, Gaps("no gaps", 0.0, 0.0), Gaps("90% unknown", 0.9, 0.9))


def section(run: Run) -> None:
    """Measure many rows."""
    run.begin(
        "rows",
        "Many rows",
        f"""People simulated from the shipped model who twitch, with cells made unknown at random, as text in a pandas
        frame, through `Model.infer_frame`. The peers are asked a random sample of the same rows, one by one; pyAgrum
        with {FORM}, which it answers quicker from than from noisy-OR nodes. Their posteriors are compared with those
        of the
        frame.""",
    )
    run.peers.begin(*ASKED)
    run.peers.hold(run.model)
    lines = [line for gaps in COHORTS for line in _cohort(run, gaps)]
    columns = {"cohort": "text", "rows": "count", "distinct": "count", "all": "time", "a row": "time"}
    columns |= {"rows a second": "count"} | dict.fromkeys(ASKED, "time")
    columns |= {"best pyAgrum / ours": "ratio", "pgmpy / ours": "ratio"}
    how = (
        f"ours: the median of up to {run.size.rounds} runs over all rows; peers: the median of {run.size.sampled} "
        f"sampled rows ({run.size.sampled_pgmpy} for pgmpy), a share of them between our runs"
    )
    run.show(Table("A row, by `infer_frame`", columns, lines, how))
    parts(run)
    cores(run)


def _codes(model: Model, n_rows: int, gaps: Gaps) -> Codes:
    full = cohort.simulate(model.network, n_rows, seed=3)
    return cohort.hide(model.network, full, contexts=gaps.contexts, findings=gaps.findings, seed=4)


def _cohort(run: Run, gaps: Gaps) -> list[list[Cell]]:
    lines: list[list[Cell]] = []
    for n_rows in run.size.rows if gaps is USUAL else (run.size.other_rows,):
        codes = _codes(run.model, n_rows, gaps)
        given = cohort.frame(run.model, codes)
        run.note(f"{gaps.name}, {n_rows} rows")
        lap, theirs = _race(run, codes, given)
        agrum = min((s for peer, s in theirs.items() if s and peer != "pgmpy"), default=None)
        ratios = [quotient(agrum, lap / n_rows), quotient(theirs["pgmpy"], lap / n_rows)]
        counts = [n_rows, cohort.distinct(codes), lap, lap / n_rows, n_rows / lap]
        lines.append([gaps.name, *counts, *theirs.values(), *ratios])
        if gaps is USUAL and ratios[0]:
            run.figures |= {"rows": ratios[0], "rows_n": n_rows, "rows_s": lap}
    return lines


def _race(run: Run, codes: Codes, given: object) -> tuple[float, dict[str, float | None]]:
    """Return seconds for all rows by ours, and seconds a row of each peer, run in turn."""
    random = np.random.default_rng(5)
    sample = random.choice(len(codes), size=min(run.size.sampled, len(codes)), replace=False)
    laps: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in ASKED}
    for i, some in enumerate(np.array_split(sample, run.size.rounds)):
        if i == 0 or sum(laps) < run.size.long_s / 10:
            lap, answer = seconds_of(lambda: ours.infer_frame(run.model, given))
            laps.append(lap)
        for peer in ASKED:
            most = -(-run.size.sampled_pgmpy // run.size.rounds) if peer == "pgmpy" else len(some)
            theirs[peer] += _ask(run, peer, codes, some[:most], answer)
    medians = {name: statistics.median(values) if values else None for name, values in theirs.items()}
    return statistics.median(laps), medians


def _ask(run: Run, peer: str, codes: Codes, sample: Sequence[int], found: np.ndarray) -> list[float]:
    laps: list[float] = []
    for row in sample:
        try:
            turn = run.peers.call(peer, cohort.evidence(run.model, codes[row]))
        except RefusedError as error:
            run.note(f"{peer}, row {row}: {error}")
            return laps
        laps.append(turn.seconds)
        run.compare(peer, dict(zip(run.model.causes, found[row].tolist(), strict=True)), turn.answer)
    return laps


def parts(run: Run) -> None:
    """Split the time of `infer_frame` into before, in and after the engine, by the kind of the cells."""
    codes = _codes(run.model, run.size.other_rows, USUAL)
    lines: list[list[Cell]] = []
    for kind in cohort.KINDS:
        given = cohort.frame(run.model, codes, kind)
        laps = [_parts(run.model, given) for _ in range(run.size.rounds)]
        before, engine, after = (statistics.median(lap) for lap in zip(*laps, strict=True))
        total = before + engine + after
        lines.append([kind, before, engine, after, total, engine / total, len(codes) / engine])
        if kind == "text":
            run.figures["engine_share"] = engine / total
    columns = {"cells": "text", "read cells": "time", "engine": "time", "make the answer": "time", "all": "time"}
    columns |= {"engine's share": "share", "rows a second in the engine": "count"}
    how = f"{len(codes):,} rows, {USUAL.name}; each part the median of {run.size.rounds} runs"
    run.show(Table("Where the time of `infer_frame` goes", columns, lines, how))


def _parts(model: Model, frame: object) -> tuple[float, float, float]:
    with ours.timed() as spans:
        start = time.perf_counter()
        model.infer_frame(frame)
        end = time.perf_counter()
    engine = sum(stop - begin for begin, stop in spans.pairs)
    first, last = spans.pairs[0][0], spans.pairs[-1][1]
    return last - start - engine if len(spans.pairs) > 1 else first - start, engine, end - last


def cores(run: Run) -> None:
    """Time the engine on one thread and on all."""
    codes = _codes(run.model, run.size.other_rows, USUAL)
    engines = {n: Engine(run.model.network, threads=n) for n in sorted({1, len(os.sched_getaffinity(0))})}
    laps: dict[int, list[float]] = {n: [] for n in engines}
    for _ in range(run.size.rounds):
        for n, engine in engines.items():
            laps[n].append(seconds_of(lambda e=engine: e.answer(codes))[0])
    one = statistics.median(laps[1])
    lines = [[n, s := statistics.median(v), len(codes) / s, one / s] for n, v in laps.items()]
    columns = {"threads": "count", "time": "time", "rows a second": "count", "gain": "ratio"}
    how = f"`Engine.answer`, {len(codes):,} rows, {USUAL.name}, median of {run.size.rounds} runs"
    run.show(Table("Threads", columns, lines, how))


def memory(run: Run) -> None:
    """Measure the peak of memory of a long frame."""
    run.begin(
        "memory",
        "Memory",
        f"""A new process makes a frame of {run.size.peak_rows:,} rows, resets its peak of resident memory (Linux:
        `/proc/self/clear_refs`; elsewhere the peak since its start is taken), calls `infer_frame` and reads the peak
        again. The answer, a column of numbers a cause, is part of the peak.""",
    )
    expected_s = _expected_s(run)
    if expected_s > 4 * run.size.long_s:
        run.show(Table("Peak over the input", {"": "text"}, [[f"not run: some {expected_s:.0f} s"]]))
        return
    kinds = cohort.KINDS[:2]
    found = [_peak(run.size.peak_rows, kind) for kind in kinds]
    if run.size.peak_rows == 1_000_000:
        run.figures["peak_bytes"] = max(one["over"] for one in found)
    lines = [[k, f["input"], f["output"], f["before"], f["peak"], f["over"]] for k, f in zip(kinds, found, strict=True)]
    names = ("input frame", "answer", "resident before", "peak", "peak over the input")
    columns = {"cells": "text", **dict.fromkeys(names, "bytes")}
    run.show(Table("Peak over the input", columns, lines, f"{run.size.peak_rows:,} rows, one process each"))


def _expected_s(run: Run) -> float:
    """Return the seconds that a frame of the size will take, from one that is smaller."""
    frame = cohort.frame(run.model, _codes(run.model, min(run.size.peak_rows, 20_000), USUAL))
    laps = [seconds_of(lambda: run.model.infer_frame(frame))[0] for _ in range(2)]
    return laps[1] / len(frame) * run.size.peak_rows


def _peak(n_rows: int, kind: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.peak", str(n_rows), kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found
