"""How the time of an answer grows with the size of the network and of the evidence."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks import cohort, ours
from benchmarks.cohort import Codes
from benchmarks.networks import Spec, layered
from benchmarks.peers import AGRUMS, FORMS, OURS, best
from benchmarks.report import Cell, Table, quotient
from benchmarks.run import Run
from benchmarks.timing import Outcome, RefusedError, Turn, take_turn
from twitchbayes import Model
from twitchbayes.errors import EngineLimitError
from twitchbayes.network import PRESENT

FEW_ROWS = 100  # of a batch, to see how many can be afforded


class Point(NamedTuple):
    """One point of a series: its size, what to call it, and the model and rows of it."""

    size: float
    name: str
    model: Model
    codes: Codes


def section(run: Run) -> None:
    """Measure growth."""
    limits = run.size.limits
    run.begin(
        "growth",
        "Growth",
        f"""One `Model.infer`; a row of a batch (`Engine.answer`) of {run.size.growth_rows:,}, or of as many as take
        {_batch_s(run):.2g} s; and the peers, asked {run.size.growth_cases} of these rows. A peer that takes more than
        {limits.call_s:g} s or {limits.memory >> 30} GiB for a case is stopped, and not asked about what is larger.
        "Growth" is our time a row over that of the first line. The synthetic networks have three layers, an age that
        stratifies a third of the causes, and four parents a finding where nothing else is said. A short `infer` is
        called again and again in its turn: the engine keeps nothing of a pattern, but the caches of the processor are
        warm, so the ratios to trust are those of the patterns never seen.""",
    )
    for title, kind, points in (
        ("Share of contexts that are known (shipped model)", "share", shares(run)),
        ("Positive findings, the other findings unknown (shipped model)", "count", _positives(run)),
        ("Causes (synthetic; 40 findings, 6 positive, 14 absent)", "count", _causes(run)),
        ("Findings (synthetic; 15 causes; 6 positive, half of them absent)", "count", _findings(run)),
        ("Parents of one positive finding (synthetic; 60 causes, 20 findings, 3 positive)", "count", _parents(run)),
    ):
        run.show(series(run, title, kind, points))


def series(run: Run, title: str, kind: str, points: Iterable[Point]) -> Table:
    run.peers.begin()
    lines: list[list[Cell]] = []
    least: float | None = None
    for point in points:
        run.note(f"{title}: {point.name}")
        outcomes = _cases(run, point)
        row = _a_row(run, point).cell
        own = outcomes[OURS].seconds
        least = least or (row if isinstance(row, float) else None)
        agrum = best(outcomes, AGRUMS).seconds
        forms = [best(outcomes, tuple(n for n in AGRUMS if n.endswith(form))).cell for form in FORMS]
        ratios = [quotient(agrum, own), quotient(agrum, row)]
        lines.append(
            [
                point.size,
                outcomes[OURS].cell,
                row,
                quotient(row, least),
                *forms,
                outcomes["pgmpy"].cell,
                *ratios,
            ]
        )
        _figures(run, title, point, outcomes[OURS], row, least)
    columns = {"": kind, "`infer`": "time"} | {"a row": "time"} | {"growth": "ratio"}
    columns |= {f"pyAgrum, {form}": "time" for form in FORMS} | {"pgmpy": "time"}
    columns |= {"pyAgrum / `infer`": "ratio", "pyAgrum / a row": "ratio"}
    how = (
        f"median over {run.size.growth_cases} cases, or of one batch, of the median of up to {run.size.rounds} turns "
        "each, in turn; pyAgrum: by its quicker algorithm"
    )
    return Table(title, columns, lines, how)


def _figures(run: Run, title: str, point: Point, single: Outcome, row: Cell, least: float | None) -> None:
    if title.startswith("Share") and point.size == 0 and isinstance(row, float) and least:
        run.figures["no_context_ratio"] = row / least
    if title.startswith("Parents") and point.size == 40 and single.seconds:
        run.figures["parents_40"] = single.seconds


def _cases(run: Run, point: Point) -> dict[str, Outcome]:
    """Return the median over the cases of each entrant; one that refuses a case is refused."""
    run.peers.hold(point.model, point.name)
    found: dict[str, list[Outcome]] = {}
    for row in point.codes[: run.size.growth_cases]:
        evidence = cohort.evidence(point.model, row)
        entrant = refusing(ours.single(point.model, evidence, run.size.turn_s))
        outcomes = run.peers.race(entrant, evidence, rounds=run.size.rounds, turn_s=0.0)
        for name, outcome in outcomes.items():
            found.setdefault(name, []).append(outcome)
            if name != OURS and outcome.answer and outcomes[OURS].answer:
                run.compare(name, outcomes[OURS].answer, outcome.answer)
    return {name: _median(outcomes) for name, outcomes in found.items()}


def refusing(take: ours.Take) -> ours.Take:
    """Return an entrant whose `EngineLimitError` counts as a refusal."""

    def guarded() -> Turn:
        try:
            return take()
        except EngineLimitError as error:
            raise RefusedError(str(error)) from error

    return guarded


def _median(outcomes: Sequence[Outcome]) -> Outcome:
    seconds = [outcome.seconds for outcome in outcomes if outcome.seconds is not None]
    refused = next((outcome.refused for outcome in outcomes if outcome.refused), "")
    return Outcome(None, refused) if refused else Outcome(statistics.median(seconds))


def _a_row(run: Run, point: Point) -> Outcome:
    def answer(rows: Codes) -> Turn:
        return take_turn(lambda: ours.answer_rows(point.model, rows), 0.0)

    try:
        answer(point.codes[:1])
        few = point.codes[:FEW_ROWS]
        n_rows = max(FEW_ROWS, int(_batch_s(run) / answer(few).seconds * len(few)))
        rows = point.codes[:n_rows]
        seconds = [answer(rows).seconds]
        while len(seconds) < run.size.rounds and sum(seconds) < 2 * _batch_s(run):
            seconds.append(answer(rows).seconds)
    except EngineLimitError as error:
        return Outcome(None, str(error))
    return Outcome(statistics.median(seconds) / len(rows))


def _batch_s(run: Run) -> float:
    return run.size.long_s / 20


def shares(run: Run) -> Iterable[Point]:
    network = run.model.network
    full = cohort.simulate(network, run.size.growth_rows, seed=6)
    hidden = cohort.hide(network, full, contexts=0.0, findings=0.3, seed=7)
    for share in run.size.shares:
        yield Point(share, f"{share:.0%}", run.model, cohort.keep_contexts(network, hidden, share, seed=8))


def _positives(run: Run) -> Iterable[Point]:
    for count in run.size.positives:
        yield Point(count, str(count), run.model, _assigned(run, run.model, positive=count, absent=0))


def _causes(run: Run) -> Iterable[Point]:
    for count in run.size.causes:
        model = layered(Spec(causes=count))
        yield Point(count, str(count), model, _assigned(run, model, positive=6, absent=14))


def _findings(run: Run) -> Iterable[Point]:
    for count in run.size.findings:
        model = layered(Spec(findings=count))
        yield Point(count, str(count), model, _assigned(run, model, positive=6, absent=count // 2))


def _parents(run: Run) -> Iterable[Point]:
    for count in run.size.parents:
        model = layered(Spec(causes=60, findings=20, widest=count))
        codes = _assigned(run, model, positive=2, absent=8)
        codes[:, model.network.columns.index("f0")] = PRESENT
        yield Point(count, str(count), model, codes)


def _assigned(run: Run, model: Model, *, positive: int, absent: int) -> Codes:
    return cohort.assigned(model.network, run.size.growth_rows, contexts=0.5, positive=positive, absent=absent, seed=9)
