"""The benchmarks: networks are of the size that they say, cohorts have the gaps, a tiny run measures and agrees."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

from benchmarks import cohort, growth, interviews, networks, page, patterns, report  # noqa: E402 (found by the line above)
from benchmarks.run import QUICK, Run  # noqa: E402
from benchmarks.timing import Limits, RefusedError, Worker  # noqa: E402

from twitchbayes import Model  # noqa: E402
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN  # noqa: E402


def test_layered_network_has_its_size() -> None:
    """A layered network has the contexts, causes, findings and parents that its spec asks for."""
    network = networks.layered(networks.Spec(contexts=3, causes=7, findings=9, parents=2, widest=6)).network
    assert (len(network.contexts), len(network.causes), len(network.findings)) == (3, 7, 9)
    first = len(network.contexts) + len(network.causes)
    assert np.bincount(network.slots.targets[network.slots.targets >= first] - first).tolist() == [6] + [2] * 8


def test_layered_network_is_made_from_its_seed() -> None:
    """The same spec gives the same model, another seed another one."""
    spec = networks.Spec(contexts=2, causes=4, findings=4, parents=2)
    first = networks.layered(spec).fingerprint
    assert networks.layered(spec).fingerprint == first
    assert networks.layered(replace(spec, seed=1)).fingerprint != first


def test_qmr_sized_network_has_exactly_its_links() -> None:
    """Links are as many as asked, all different, and every cause and every finding has one."""
    network = networks.qmr_sized((20, 100, 400)).network
    causes, findings = network.slots.sources, network.slots.targets
    assert len(set(zip(causes.tolist(), findings.tolist(), strict=True))) == 400
    assert (len(set(causes.tolist())), len(set(findings.tolist()))) == (20, 100)


def test_full_size_is_that_of_qmr_dt() -> None:
    """570 causes, 4,075 findings and 45,470 links, a few of the findings with very many parents."""
    causes, findings, links = networks.QMR_SIZE
    pairs = networks.skewed_pairs(causes, findings, links, np.random.default_rng(0))
    parents = np.bincount(pairs[:, 1], minlength=findings)
    assert len(np.unique(pairs, axis=0)) == links == 45_470
    assert parents.min() >= 1
    assert parents.max() > 10 * np.median(parents)


def test_restricted_model_answers_alike() -> None:
    """Findings that are unknown can be left out of the network."""
    model = networks.layered(networks.Spec(causes=5, findings=8, parents=2))
    few = networks.restricted(model, ["f0", "f3"])
    assert few.findings == ("f0", "f3")
    whole = model.infer(f0=True, f3=False)
    assert dict(few.infer(f0=True, f3=False)) == pytest.approx(dict(whole), abs=1e-12)


def test_cohort_follows_the_model(twitch: Model) -> None:
    """Everyone simulated twitches, and each cause and finding is as frequent as the model says of those who twitch."""
    codes = cohort.simulate(twitch.network, 20_000, seed=0)
    first = len(twitch.contexts)
    assert (codes[:, twitch.network.columns.index("twitching")] == PRESENT).all()
    expected = twitch.infer(twitching=True)
    found = (codes[:, first : first + len(twitch.causes)] == PRESENT).mean(axis=0)
    # Four standard errors and a little: some 15 causes are compared.
    assert found == pytest.approx([expected[cause] for cause in twitch.causes], abs=4.5 * 0.5 / 20_000**0.5)


def test_gaps_are_as_asked(twitch: Model) -> None:
    """Causes are unknown, and so is the share of the other cells; a kept share of contexts is exact."""
    network = twitch.network
    codes = cohort.simulate(network, 2_000, seed=0)
    hidden = cohort.hide(network, codes, contexts=0.0, findings=0.5, seed=1)
    contexts, causes, findings, _ = np.split(
        hidden, np.cumsum([len(network.contexts), len(network.causes), len(network.findings)]), axis=1
    )
    assert (contexts != UNKNOWN).all()
    assert (causes == UNKNOWN).all()
    assert (findings == UNKNOWN).mean() == pytest.approx(0.5, abs=0.02)
    kept = cohort.keep_contexts(network, codes, 0.5, seed=2)[:, : len(network.contexts)]
    assert ((kept != UNKNOWN).sum(axis=1) == len(network.contexts) // 2).all()


def test_assigned_rows_have_their_counts(twitch: Model) -> None:
    """Rows have exactly as many findings present and absent as asked, and the engine finds them possible."""
    codes = cohort.assigned(twitch.network, 20, contexts=0.0, positive=3, absent=4, seed=0)
    findings = codes[:, -len(twitch.network.findings) - 1 : -1]
    assert set((findings == PRESENT).sum(axis=1)) == {3}
    assert set((findings == ABSENT).sum(axis=1)) == {4}
    assert twitch.engine.run(codes[:2]).possible.all()


@pytest.mark.parametrize("kind", cohort.KINDS)
def test_frame_says_what_the_codes_say(twitch: Model, kind: str) -> None:
    """Each row of the frame, read by `infer`, is the evidence of its codes."""
    codes = cohort.hide(twitch.network, cohort.simulate(twitch.network, 20, seed=0), contexts=0.3, findings=0.3, seed=1)
    frame = cohort.frame(twitch, codes, kind)
    for row, states in zip(frame.astype(object).to_dict("records"), codes, strict=True):
        assert twitch.infer(row).evidence == cohort.evidence(twitch, states)


def slow(_: object) -> None:
    """Take longer than any limit of a test."""
    import time

    time.sleep(60)


def test_worker_is_stopped_at_its_limit() -> None:
    """A call that takes too long is refused, and so are the next ones, with the same reason."""
    worker = Worker(Limits(ready_s=60, call_s=0.2))
    worker.hold(dict, {})
    worker.hold(_returns_slow)
    for _ in range(2):
        with pytest.raises(RefusedError, match=r"^> 0\.2 s$"):
            worker.call(None)
    worker.close()


def _returns_slow() -> object:
    return slow


def test_tiny_run_agrees() -> None:
    """Patterns and one series of growth are measured, agree with the peers and make a page."""
    size = replace(QUICK, rounds=1, turn_s=0.0, patterns=1, positives_of_patterns=(2,), shares=(1.0,), growth_rows=20)
    run = Run(size)
    try:
        patterns.section(run)
        run.show(growth.series(run, "Share of contexts", "share", growth.shares(run)))
    finally:
        run.peers.close()
    assert {"pgmpy", "pyAgrum lazy, tables"} <= set(run.differences)
    assert run.agrees, run.differences
    assert run.figures["pattern no context 2"] > 0
    assert json.loads(json.dumps(page.values(run, {})))["sections"][0]["tables"][0]["rows"]
    assert "### One answer" in page.markdown(run, {"date": "today"})


def test_command_runs_a_quick_section(tmp_path: Path) -> None:
    """`python -m benchmarks --quick --only startup` prints tables and writes what it is told to."""
    words = ["--quick", "--only", "startup", "--json", str(tmp_path / "all.json"), "--markdown", str(tmp_path / "p.md")]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "import twitchbayes" in done.stdout
    assert json.loads((tmp_path / "all.json").read_text())["figures"]["import_ratio"] > 0
    assert (tmp_path / "p.md").read_text().startswith("# Performance\n")


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("time", 0.00123456, "1.23 ms"),
        ("time", 12.0, "12 s"),
        ("ratio", 12345.6, "12,300x"),
        ("share", 0.25, "25%"),
        ("count", 1e6, "1,000,000"),
        ("time", "> 20 s", "> 20 s"),
        ("time", None, "-"),
    ],
)
def test_cells_read_well(kind: str, value: float | str | None, text: str) -> None:
    """Numbers have three digits and their unit."""
    rows, _ = report.texts(report.Table("t", {"x": kind}, [[value]]))
    assert rows[1] == [text]


def test_long_reasons_stand_below_the_table() -> None:
    """A reason that would widen a column of numbers is a note."""
    table = report.Table("t", {"x": "time"}, [["refused: " + "because " * 9], ["refused: " + "because " * 9]])
    assert report.texts(table)[0][1:] == [["none [1]"]] * 2
    assert re.search(r"^  \[1\] refused: because", report.plain(table), re.MULTILINE)


def test_settled_is_for_good() -> None:
    """The values of a case have settled at the first question after which they never leave the bound again."""
    values = np.array([[0.0, 3.0, 1.0], [1.0, 9.0, 1.0], [0.0, 3.0, 1.2], [1.05, 3.0, 1.2]])
    assert interviews.settled(values, 0.1).tolist() == [3, 2, 2]
    assert interviews.settled(values, 0.3).tolist() == [3, 2, 0]


def test_interviews_ask_what_is_worth_most(tiny: Model) -> None:
    """All cases of a batch are asked what `next_questions` would ask each of them, until everything is known."""
    truth = cohort.simulate(tiny.network, 12, seed=0)
    found = interviews.course(tiny, truth, "causes")
    assert found.causes.shape == (4, 12, 2)
    for row, case in enumerate(truth):
        known = {}
        for step in range(3):
            posterior = tiny.infer(known)
            best = posterior.next_questions(1)[0]
            assert found.causes[step, row] == pytest.approx([posterior[cause] for cause in tiny.causes], abs=1e-12)
            assert found.best[step, row] == pytest.approx(best.gain_bits, abs=1e-12)
            known[best.variable] = bool(case[tiny.network.columns.index(best.variable)])
    everything = interviews.course(tiny, truth, None)
    assert everything.causes[-1] == pytest.approx(found.causes[-1], abs=1e-12)
    assert np.isnan(everything.best).all()
    tables = interviews.tables({"worth": found, "random": everything})
    assert [len(table.rows) for table in tables] == [2, 2, 1]


def test_group_is_asked_as_one_in_a_batch(sites: Model) -> None:
    """The sites are one question, and what an answer is expected to settle is what one case is told."""
    truth = cohort.simulate(sites.network, 5, seed=0)
    found = interviews.course(sites, truth, "palsy")
    best = sites.infer().next_questions(1, target="palsy")[0]
    assert len(found.best) == len(sites.infer().next_questions(None))
    assert found.best[0] == pytest.approx(best.gain_bits, abs=1e-12)
