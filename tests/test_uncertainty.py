"""Credible intervals: against models whose tables hold the drawn numbers, and shares against freezing each source."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import twitchbayes
from models import SITES, TINY, completed, load
from twitchbayes import EngineLimitError, ImpossibleEvidenceError, InvalidValueError, UnknownVariableError, draws
from twitchbayes.inference import Batch, Engine
from twitchbayes.inference.mixture import answer
from twitchbayes.model import Model
from twitchbayes.provenance import number_names
from twitchbayes.uncertainty import CredibleIntervals

SEED = 4
LINKS = textwrap.dedent(TINY["links"]).strip().split("\n")[1:]
SURE = {
    "priors": "variable,probability,low,high\nwinter,0.25,0.25,0.25\nflu,0.02,0.02,0.02\ncold,0.1,0.1,0.1\n",
    "links": "parent,child,probability,low,high\n"
    + "".join(f"{row},{row.rpartition(',')[2]},{row.rpartition(',')[2]}\n" for row in LINKS),
}
# Two books and a paper; the intervals are moderate, so that no number's effect is far from straight.
SOURCED = {
    "sources": "source,citation\nbook,A <b>book</b>\nother,Another book\npaper,A paper\n",
    "priors": """
        variable,probability,low,high,source
        winter,0.25,0.2,0.3,book
        flu,0.02,0.01,0.04,paper
        cold,0.1,0.08,0.12,book
        """,
    "links": """
        parent,child,probability,low,high,source
        winter,flu,0.1,0.05,0.15,other
        leak,fever,0.01,0.005,0.02,other
        leak,cough,0.05,0.03,0.08,book;other
        flu,fever,0.9,0.8,0.95,paper
        flu,cough,0.6,0.5,0.7,paper
        cold,cough,0.5,0.4,0.6,book
        """,
}


@pytest.fixture
def sourced(folder: Path) -> Model:
    return load(folder, **SOURCED)


def with_numbers(folder: Path, model: Model, base: dict[str, str], values: np.ndarray) -> Model:
    """Return the model again, from tables that hold these values, every link a net one."""
    files, start = {}, 0
    for name, count in (("priors", len(model.knowledge.priors)), ("links", len(model.knowledge.links))):
        header, *rows = completed(base[name], f"{name}.csv").strip().split("\n")
        columns = header.split(",")
        cells = [dict(zip(columns, row.split(","), strict=True)) for row in rows]
        for cell, value in zip(cells, values[start : start + count], strict=True):
            cell |= {"probability": repr(float(value)), "low": "0", "high": "1"}
            if "form" in cell:
                cell["form"] = "net"
        files[name] = "\n".join([header, *(",".join(cell.values()) for cell in cells)]) + "\n"
        start += count
    return load(folder, base=base, **files)


@pytest.mark.parametrize(
    ("base", "evidence", "virtual"),
    [
        pytest.param(TINY, {"fever": True}, {"cough": 3.0}, id="virtual"),
        pytest.param(TINY, {}, {}, id="nothing"),
        pytest.param(SITES, {"age": 50, "twitch_arm": True, "weak": True}, {}, id="strata"),
    ],
)
def test_intervals_are_those_of_models_with_the_drawn_numbers(
    tmp_path: Path, base: dict[str, str], evidence: dict, virtual: dict
) -> None:
    """Each bound and each mean is that over the answers of 40 models, each with one draw in its own tables."""
    model = load(tmp_path / "model", base=base)
    found = model.infer(evidence, virtual_evidence=virtual).credible_intervals(0.8, draws=40, seed=SEED)
    answers = [
        with_numbers(tmp_path / str(i), model, base, values).infer(evidence, virtual_evidence=virtual)
        for i, values in enumerate(model.beliefs.draw(40, SEED))
    ]
    columns = {name: [a[name] for a in answers] for name in model.causes}
    columns |= {"none": [a.none for a in answers], "serious": [a.serious for a in answers]}
    assert list(found.rows) == [*model.infer(evidence, virtual_evidence=virtual), "none", "serious"]
    for name, values in columns.items():
        low, high = np.quantile(values, [0.1, 0.9])
        assert found[name][1:4] == pytest.approx((np.mean(values), low, high), rel=1e-12, abs=1e-12)
    logs = [a.log_evidence for a in answers]
    assert found.log_evidence[1:4] == pytest.approx((np.mean(logs), *np.quantile(logs, [0.1, 0.9])), rel=1e-12)
    first = [next(iter(a)) for a in answers]
    assert {name: found[name].first for name in model.causes} == {c: first.count(c) / 40 for c in model.causes}


def test_posterior_is_that_of_the_tables(twitch: Model) -> None:
    """The first column is the answer itself, at the values of the tables, whatever is drawn."""
    p = twitch.infer(weakness=True, age=62)
    found = p.credible_intervals(draws=30)
    assert {name: row.posterior for name, row in found.rows.items()} == {**p, "none": p.none, "serious": p.serious}
    assert found.log_evidence.posterior == p.log_evidence


def test_seeds_and_levels(tiny: Model) -> None:
    """A seed gives its intervals again, another seed others; a higher level gives no narrower interval."""
    p = tiny.infer(fever=True)
    one, again, other = (p.credible_intervals(draws=100, seed=seed).to_dict() for seed in (1, 1, 2))
    assert one == again
    assert one["intervals"] != other["intervals"]
    levels = [p.credible_intervals(level, draws=100) for level in (0.5, 0.9, 0.99)]
    for name in (*tiny.causes, "none", "serious"):
        lows, highs = [found[name].low for found in levels], [found[name].high for found in levels]
        assert lows == sorted(lows, reverse=True)
        assert highs == sorted(highs)
        assert lows[0] > lows[-1]
        assert levels[0][name].mean == levels[1][name].mean


def test_more_draws_than_a_block(tiny: Model) -> None:
    """Draws beyond a block are those of `Beliefs.draw`, though an engine keeps few blocks."""
    p = tiny.infer(fever=True)
    found = p.credible_intervals(draws=3_300, seed=1)
    sets = tiny.network.with_net(tiny.beliefs.draw(3_300, 1))
    expected = answer(tiny.engine, p._evidence, sets).causes[:, tiny.causes.index("flu")]
    assert found["flu"].mean == pytest.approx(expected.mean(), rel=1e-12)
    assert found["flu"].low == pytest.approx(np.quantile(expected, 0.025), rel=1e-12)


def test_no_width_no_interval(folder: Path) -> None:
    """Where every number is fixed, so is the answer, no source is at fault, and the first cause is first in all."""
    found = load(folder, **SURE).infer(fever=True).credible_intervals(draws=600)
    for row in found.rows.values():
        assert row.low == row.high == pytest.approx(row.posterior, rel=1e-12)
    assert found["flu"].first == 1
    assert found.by_source("flu").empty
    assert found.by_number("flu").empty


def test_ranks_are_shared(folder: Path) -> None:
    """The probabilities of being first sum to 1; two causes that always tie share it."""
    priors = SURE["priors"].replace("flu,0.02,0.02,0.02", "flu,0.1,0.1,0.1")
    found = load(folder, priors=priors).infer(winter=False, flu=None).credible_intervals(draws=50)
    assert (found["flu"].first, found["cold"].first) == (0.5, 0.5)
    assert found["none"].first is found["serious"].first is None


def test_ranks_of_the_shipped_model(twitch: Model) -> None:
    """The probabilities of being first sum to 1 over the causes, whichever is known."""
    for evidence in ({"weakness": True}, {"als": True, "anemia": True}):
        found = twitch.infer(evidence).credible_intervals(draws=200)
        assert sum(found[cause].first for cause in twitch.causes) == pytest.approx(1, abs=1e-12)
    assert found["als"].first == found["anemia"].first == 0.5


# Draws without an answer


UNFOUNDED = (
    "parent,child,probability,low,high\nleak,fever,0.0001,0,0.5\nleak,cough,0.05,0.05,0.05\nflu,cough,0.5,0.5,0.5\n"
)


def test_impossible_draws_are_counted(folder: Path) -> None:
    """A leak of one in 10,000 in [0, 0.5] is 0 in nearly all draws, and nothing else explains the fever then."""
    model = load(folder, links=UNFOUNDED)
    found = model.infer(fever=True).credible_intervals(draws=1_000)
    leak = model.network.slots.finding_leaks(model.network.slots.rows, list(model.findings).index("fever"))[0]
    impossible = int((model.beliefs.draw(1_000, 0)[:, leak] == 0).sum())
    assert 0 < impossible < 1_000
    assert (found.impossible, found.refused) == (impossible, 0)
    assert np.isfinite([row[:4] for row in found.rows.values()]).all()
    assert f"left out: {impossible} impossible" in repr(found)
    assert found.to_dict()["draws_impossible"] == impossible


def test_impossible_in_every_draw(folder: Path) -> None:
    """Without any answer there is no interval, and no NaN, but an error that names the evidence."""
    model = load(folder, links=UNFOUNDED)
    with pytest.raises(ImpossibleEvidenceError, match="fever=present"):
        model.infer(fever=True).credible_intervals(draws=1)


def test_refused_in_every_draw(tiny: Model) -> None:
    """An answer that would pass the engine's bound is refused under the draws too."""
    model = Model(tiny.knowledge)
    p = model.infer(fever=True)
    model.engine.max_bytes = 1
    with pytest.raises(EngineLimitError, match="above the bound"):
        p.credible_intervals(draws=5)


def test_refused_draws_are_counted(tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws that the engine refuses are left out of every number, and told apart from impossible ones."""
    own = Engine.answer

    def some(engine, codes, parameters=None, **options):
        return Batch(own(engine, codes, parameters, **options).answer, {1: "too improbable", 2: "too improbable"})

    p = tiny.infer(fever=True)
    plain = answer(tiny.engine, p._evidence, tiny.network.with_net(tiny.beliefs.draw(10, 0))).none
    monkeypatch.setattr(Engine, "answer", some)
    found = p.credible_intervals(draws=10)
    assert (found.impossible, found.refused) == (0, 2)
    assert found["none"].mean == pytest.approx(np.delete(plain, [1, 2]).mean(), rel=1e-12)
    assert "left out: 2 refused" in repr(found)


# Where the width is from


def frozen_out(model: Model, evidence: dict, cause: str, sources: set[str]) -> float:
    """Return the share of the variance of the log odds that goes when numbers that cite only these are held."""
    numbers = [p.number for p in model.knowledge.priors] + [k.number for k in model.knowledge.links]
    drawn = model.beliefs.draw(20_000, 9)
    held = [i for i, number in enumerate(numbers) if set(number.sources) <= sources]
    frozen = drawn.copy()
    frozen[:, held] = model.beliefs.means[held]
    codes = model.words.read(evidence, {}).rows()[0]
    at = model.causes.index(cause)
    p, q = (model.engine.run(codes, model.network.with_net(v)).causes[:, at] for v in (drawn, frozen))
    return 1 - np.var(np.log(q) - np.log1p(-q)) / np.var(np.log(p) - np.log1p(-p))


def test_shares_are_what_freezing_a_source_takes_away(sourced: Model) -> None:
    """Holding the numbers of a paper or of a book at their means takes away the share of the variance they have.

    The one number that cites two books counts for half in each, and goes only when both are held.
    """
    evidence = {"fever": True, "cough": True}
    found = sourced.infer(evidence).credible_intervals(draws=4_000)
    shares = found.by_source("flu").set_index("source")["share"]
    by_number = found.by_number("flu").set_index("number")["share"]
    assert shares["paper"] == pytest.approx(frozen_out(sourced, evidence, "flu", {"paper"}), abs=0.03)
    both = by_number.get("P(cough | leak)", 0.0)
    assert shares["book"] - both / 2 == pytest.approx(frozen_out(sourced, evidence, "flu", {"book"}), abs=0.03)
    assert shares["other"] - both / 2 == pytest.approx(frozen_out(sourced, evidence, "flu", {"other"}), abs=0.03)
    assert shares["book"] + shares["other"] == pytest.approx(
        frozen_out(sourced, evidence, "flu", {"book", "other"}), abs=0.03
    )
    assert min(shares["paper"], shares["other"]) > 0.1
    assert both > 0.01


def test_shares_are_first_order_indices(twitch: Model) -> None:
    """The leading shares of a skewed answer are Saltelli's first-order indices, from two draws that share a number.

    The correlation of the log odds of two draws that have number i in common, and nothing else, is
    Var(E(log odds | i)) / Var(log odds) (Saltelli and others 2008, 4.6).
    """
    p, cause, count = twitch.infer(weakness=True), "organophosphate_poisoning", 3_000
    rows = p.credible_intervals(draws=4_000).by_number(cause)
    names = number_names(twitch.knowledge)
    at = twitch.causes.index(cause)

    def log_odds(drawn: np.ndarray) -> np.ndarray:
        present = answer(twitch.engine, p._evidence, twitch.network.with_net(drawn)).causes[:, at]
        return np.log(present) - np.log1p(-present)

    one = twitch.beliefs.draw(count, 77)
    for number, share in zip(rows["number"][:2], rows["share"][:2], strict=True):
        other = twitch.beliefs.draw(count, 78)
        other[:, names.index(number)] = one[:, names.index(number)]
        index = np.corrcoef(log_odds(one), log_odds(other))[0, 1]
        # Four standard errors of a correlation, in each of the two.
        assert share == pytest.approx(index, abs=4 * (1 - index**2) / np.sqrt(count) + 0.02)
    assert rows["share"][0] > 2 * rows["share"][1] > 0.4


def test_share_by_hand(folder: Path) -> None:
    """With one uncertain number all of the variance is its own; others are not named."""
    priors = SURE["priors"].replace("flu,0.02,0.02,0.02", "flu,0.02,0.01,0.04")
    found = load(folder, **{**SURE, "priors": priors}).infer(fever=True).credible_intervals(draws=600)
    rows = found.by_number("flu")
    assert rows["number"].tolist() == ["P(flu=present)", "remainder"]
    assert rows["share"][0] == pytest.approx(1, abs=0.01)
    assert rows["share"].sum() == pytest.approx(1, abs=1e-12)
    assert (rows["low"][0], rows["high"][0], rows["source"][0], rows["line"][0]) == (0.01, 0.04, "book", 3)
    assert found.by_source("flu")["source"].tolist() == ["book", "remainder"]


def test_shares_of_the_shipped_model(twitch: Model) -> None:
    """Of a cause, `none` and `serious` the shares sum to 1 with the remainder, the largest first, sources cited."""
    found = twitch.infer(weakness=True, slurred_speech=True, age=62).credible_intervals()
    for name in ("als", "none", "serious"):
        rows, numbers = found.by_source(name), found.by_number(name)
        assert rows["share"].sum() == pytest.approx(1, abs=1e-9)
        assert numbers["share"].sum() == pytest.approx(1, abs=1e-9)
        assert rows["share"][:-1].is_monotonic_decreasing
        assert rows["source"].iloc[-1] == "remainder"
        assert set(rows["source"][:-1]) <= set(twitch.knowledge.citations)
        assert rows.attrs["draws_left_out"] == 0


def test_shares_need_draws(tiny: Model) -> None:
    """From few draws no share is told, and no cause but those of the model has any."""
    with pytest.raises(
        InvalidValueError, match=r"\d+ draws with log odds of flu are too few to tell the shares, which takes 500"
    ):
        tiny.infer(fever=True).credible_intervals(draws=100).by_source("flu")
    found = tiny.infer(fever=True).credible_intervals(draws=10)
    with pytest.raises(UnknownVariableError, match=r"no cause 'flue'. Did you mean 'flu'"):
        found.by_number("flue")
    with pytest.raises(UnknownVariableError, match="no cause 'cough'"):
        found["cough"]


def test_draws_in_which_a_cause_is_certain(tiny: Model) -> None:
    """A cause that is known has no log odds in any draw, and no shares; the draws are counted."""
    rows = tiny.infer(flu=True).credible_intervals(draws=500).by_source("flu")
    assert rows.empty
    assert rows.attrs["draws_left_out"] == 500


# How it is asked for, and shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"level": 0}, "0 is no level of an interval"),
        ({"level": 1.0}, "1.0 is no level"),
        ({"level": 95}, "95 is no level of an interval; give a number between 0 and 1, as 0.95"),
        ({"level": True}, "True is no level"),
        ({"level": float("nan")}, "nan is no level"),
        ({"level": "0.95"}, "'0.95' is no level"),
        ({"draws": 0}, "draws=0 is no whole number from 1 to 100,000"),
        ({"draws": 1e3}, "draws=1000.0 is no whole number"),
        ({"draws": 200_000}, "draws=200000 is no whole number"),
        ({"seed": -1}, "seed=-1 is no whole number from 0 on"),
        ({"level": 2, "draws": 0, "seed": "x"}, "2 is no level .*; draws=0 .*; seed='x'"),
    ],
)
def test_what_cannot_be_asked_for(tiny: Model, arguments: dict, message: str) -> None:
    """A level, a number of draws or a seed out of range is an error, which tells all that is wrong."""
    with pytest.raises(InvalidValueError, match=message):
        tiny.infer(fever=True).credible_intervals(**arguments)


def test_infer_with_an_interval(tiny: Model) -> None:
    """`interval` gives the answer its intervals, in text, HTML, table and JSON; without it nothing is there."""
    p, plain = tiny.infer(fever=True, interval=0.9), tiny.infer(fever=True)
    assert isinstance(p.intervals, CredibleIntervals)
    assert p.intervals.to_dict() == plain.credible_intervals(0.9).to_dict()
    assert p == plain
    assert plain.intervals is None
    assert list(plain.to_frame()) == ["cause", "label", "prior", "posterior", "serious"]
    assert list(p.to_frame()) == ["cause", "label", "prior", "posterior", "low", "high", "serious"]
    assert p.to_frame()["low"].tolist() == [p.intervals[cause].low for cause in p]
    assert "credible_intervals" not in plain.to_dict()
    assert json.loads(p.to_json())["credible_intervals"]["intervals"]["flu"]["high"] == p.intervals["flu"].high
    for shown in (repr(p), p._repr_html_()):
        assert "90% interval" in shown
        assert f"{twitchbayes.display.percent(p.intervals['flu'].low)} to " in shown
    assert "interval" not in repr(plain) + plain._repr_html_()


def test_module_door_takes_an_interval(tiny: Model) -> None:
    """`twitchbayes.infer` passes it on, and a level that is none is an error before anything is computed."""
    assert twitchbayes.infer(fever=True, model=tiny, interval=0.5).intervals.level == 0.5
    with pytest.raises(InvalidValueError, match=r"1.5 is no level"):
        twitchbayes.infer(fever=True, model=tiny, interval=1.5)


def test_text_html_and_table(folder: Path) -> None:
    """Text and HTML show every cause with its bounds, HTML with every text escaped; the table has them as numbers."""
    model = load(folder, variables=TINY["variables"].replace("influenza", "<script>flu"))
    found = model.infer(fever=True).credible_intervals(0.8, draws=50, seed=3)
    text, html = repr(found), found._repr_html_()
    assert text.startswith("80% credible intervals of small")
    assert "50 draws of the tables' numbers (seed 3)" in text
    assert "<script>flu" in text
    assert "<script>" not in html
    assert "&lt;script&gt;flu" in html
    for shown in (text, html):
        assert twitchbayes.display.percent(found["flu"].high) in shown
        assert "at least one serious cause" in shown
        assert "Not a medical device" in shown
    table = found.to_frame()
    assert list(table) == ["name", "label", "posterior", "mean", "low", "high", "first"]
    assert table["name"].tolist() == [*found.rows]
    assert table["first"].isna().tolist() == [False, False, True, True]
    assert json.loads(found.to_json()) == json.loads(json.dumps(found.to_dict()))


def test_a_long_table_has_fewer_draws_unless_they_are_given(tiny: Model) -> None:
    """Up to 1,000 rows rest on as many draws as one person; more rows on 200, and what is given counts."""
    short, long = (pd.DataFrame({"fever": ["yes"] * n}) for n in (1_000, 1_001))
    usual, fewer = tiny.infer_frame(short, interval=0.9), tiny.infer_frame(long, interval=0.9)
    assert usual.iloc[0].equals(tiny.infer_frame(short, interval=0.9, draws=1_000).iloc[0])
    assert fewer.iloc[0].equals(tiny.infer_frame(long, interval=0.9, draws=200).iloc[0])
    assert fewer["flu_low"].iloc[0] != usual["flu_low"].iloc[0]


def test_a_long_wait_is_told_before_it_starts(
    tiny: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The message is there before the first row is answered, and only where the wait is long."""
    frame = pd.DataFrame({"fever": ["yes", "no"]})
    tiny.infer_frame(frame, interval=0.9, draws=10)
    assert not caplog.records
    monkeypatch.setattr(draws, "LONG_S", 1e-9)
    told: list[int] = []
    tiny.infer_frame(frame, interval=0.9, draws=10, progress=lambda *_: told.append(len(caplog.records)))
    assert told[0] == 1
