"""A network of the size of QMR-DT: how many positive findings can be answered exactly, and how soon."""

from __future__ import annotations

import statistics
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks import cohort
from benchmarks.cohort import Codes
from benchmarks.networks import QMR_SIZE, qmr_sized, restricted
from benchmarks.peers import AGRUMS, OURS, Evidence
from benchmarks.report import Cell, Table
from benchmarks.run import Run
from benchmarks.timing import RefusedError, seconds_of
from twitchbayes import EngineLimitError, Model
from twitchbayes.network import UNKNOWN, compile_network

ABSENT = (0, 300)  # findings known to be absent
ASKED = (*(name for name in AGRUMS if name.endswith("noisy-OR")), "pgmpy")


ALL = "all"
MOST_PARENTS = 12
FEW = f"with at most {MOST_PARENTS} parents"


class Cases(NamedTuple):
    """Cases of one size: seconds of those answered, and what refused the others."""

    seconds: list[float]
    refused: list[str]


def section(run: Run) -> None:
    """Measure a network of the size of QMR-DT."""
    causes, findings, links = run.size.qmr
    run.begin(
        "qmr",
        "A network of the size of QMR-DT" if run.size.qmr == QMR_SIZE else "A network like QMR-DT, smaller",
        f"""Two layers, {causes:,} causes, {findings:,} findings and {links:,} links between them, made up: the numbers
        of QMR-DT are not free. Degrees are skewed as there, priors and leaks small. A case is a simulated patient, some
        of whose positive findings are known, and {" or ".join(map(str, ABSENT))} of the absent ones. A case that would
        take more memory than the bound of the engine is refused before it is begun.""",
    )
    model = _made(run)
    patients = _patients(run, model)
    _answered(run, model, patients)
    _peers(run, model, patients)


def _made(run: Run) -> Model:
    made, model = seconds_of(lambda: qmr_sized(run.size.qmr))
    compiled = seconds_of(lambda: compile_network(model.knowledge))[0]
    whole = seconds_of(lambda: Model(model.knowledge))[0]
    parents = _parents(model)
    rows: list[list[Cell]] = [
        ["tables written, read, checked and compiled", made],
        ["of that, `compile_network`", compiled],
        ["of that, `Model`, the network included", whole],
    ]
    how = f"one run; a finding has {np.median(parents):.0f} parents (median), {parents.max()} at most"
    run.show(Table("Making the model", {"": "text", "time": "time"}, rows, how))
    return model


def _parents(model: Model) -> NDArray[np.int64]:
    """Return the number of causes of each finding, of a network of two layers."""
    return np.bincount(model.network.slots.targets - len(model.causes), minlength=len(model.findings))


def _patients(run: Run, model: Model) -> Codes:
    """Return simulated patients who have enough positive findings for every size."""
    drawn = cohort.simulate(model.network, 40 * run.size.qmr_cases, seed=10)
    first = len(model.causes)
    enough = (drawn[:, first:] == 1).sum(axis=1) >= max(run.size.qmr_positives)
    return drawn[enough][: run.size.qmr_cases]


def _answered(run: Run, model: Model, patients: Codes) -> None:
    rows: list[list[Cell]] = []
    reasons: dict[str, int] = {}
    for absent in ABSENT:
        slowest = 0.0
        for positive in run.size.qmr_positives:
            run.note(f"QMR-DT size: {positive} positive, {absent} absent")
            if slowest > run.size.long_s / 5:
                rows.append([positive, absent, f"not run: {slowest:.0f} s before", None, None])
                continue
            found = _cases(model, patients, positive, absent)
            slowest = max([*found.seconds, slowest])
            middle = statistics.median(found.seconds) if found.seconds else None
            longest = max(found.seconds, default=None)
            rows.append([positive, absent, middle, longest, f"{len(found.seconds)} of {len(patients)}"])
            reasons |= {reason: positive for reason in found.refused if not reasons}
            if found.seconds:
                run.figures["qmr_positives"] = max(positive, run.figures.get("qmr_positives", 0))
    columns = {"positive": "count", "absent": "count", "an answer": "time", "slowest": "time", "answered": "text"}
    how = f"`Model.infer`, median of {len(patients)} patients, each asked once"
    run.show(Table("An answer", columns, rows, how))
    if reasons:
        lines = [[positive, reason] for reason, positive in reasons.items()]
        run.show(Table("What a refusal says", {"positive": "count", "EngineLimitError": "text"}, lines))


def _cases(model: Model, patients: Codes, positive: int, absent: int) -> Cases:
    found = Cases([], [])
    for i, patient in enumerate(patients):
        codes = cohort.some_findings(model.network, patient, positive=positive, absent=absent, seed=1000 * i + absent)
        evidence = cohort.evidence(model, codes)
        try:
            found.seconds.append(seconds_of(lambda e=evidence: model.infer(e))[0])
        except EngineLimitError as error:
            found.refused.append(str(error))
    return found


def _peers(run: Run, model: Model, patients: Codes) -> None:
    """Ask the peers for the same cases, first with all findings, then with those only that are known."""
    limits = run.size.limits
    rows: list[list[Cell]] = []
    few = _without_common(model, patients[0])
    for findings, patient in ((ALL, patients[0]), ("those known", patients[0]), (f"those known, {FEW}", few)):
        run.peers.begin(*ASKED)
        for positive in run.size.qmr_positives:
            codes = cohort.some_findings(model.network, patient, positive=positive, absent=0, seed=0)
            evidence = cohort.evidence(model, codes)
            network = model if findings == ALL else restricted(model, evidence)
            run.peers.hold(network, f"{positive} positive")
            asked = [_ask(run, name, model, evidence) for name in ASKED]
            fresh = Model(network.knowledge)
            own = seconds_of(lambda m=fresh, e=evidence: m.infer(e))[0]
            rows.append([findings, positive, own, *asked])
            if not any(isinstance(cell, float) for cell in asked):
                break
    most = f"{limits.ready_s:g} s of building, {limits.call_s:g} s of a query or {limits.memory >> 30} GiB"
    how = f"one patient, one call; a peer is stopped after {most}"
    columns = {"findings in the network": "text", "positive": "count", OURS: "time", **dict.fromkeys(ASKED, "time")}
    run.show(Table("The peers", columns, rows, how))


def _without_common(model: Model, patient: Codes) -> Codes:
    """Return the patient with the findings of many parents unknown."""
    parents = _parents(model)
    rare = patient.copy()
    rare[len(model.causes) :][parents > MOST_PARENTS] = UNKNOWN
    return rare


def _ask(run: Run, name: str, model: Model, evidence: Evidence) -> Cell:
    try:
        turn = run.peers.call(name, evidence)
    except RefusedError as error:
        return str(error)
    run.compare(name, dict(model.infer(evidence)), turn.answer)
    return turn.seconds
