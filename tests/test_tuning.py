"""Tuning: what becomes of the numbers and their intervals, of the tables, and what is told."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models import load
from twitchbayes import load_model
from twitchbayes.beliefs import quantiles
from twitchbayes.errors import InvalidFrameError, InvalidValueError, TwitchbayesError
from twitchbayes.files import CasesError
from twitchbayes.model import Model
from twitchbayes.tuning import Tuning

COUNTED = pd.DataFrame(
    {
        "winter": ["yes"] * 30 + ["no"] * 70,
        "cold": ["yes"] * 20 + ["no"] * 80,
        "cough": ["yes", "no"] * 50,
    }
)


def row(tuning: Tuning, number: str) -> pd.Series:
    return tuning.report.set_index("number").loc[number]


def test_a_number_by_itself_is_updated_as_counts_are(tiny: Model) -> None:
    """From a uniform-like Beta(a, b) and 30 of 100, P(winter) becomes (a + 30) / (a + b + 100), with its quantiles."""
    tuning = tiny.tune(COUNTED[["winter"]])
    before = row(tuning, "P(winter=present)")
    size = tiny.beliefs.sizes[0]
    mean = (0.25 * size + 30) / (size + 100)
    assert before.new == pytest.approx(mean, rel=1e-9)
    assert before.size_before == pytest.approx(size)
    assert before.size_after == pytest.approx(size + 100, rel=1e-9)
    assert before.from_data == pytest.approx(100 / (size + 100), rel=1e-9)
    low, high = quantiles(np.array([mean]), np.array([size + 100]), (0.025, 0.975))[:, 0]
    assert (before.new_low, before.new_high) == (pytest.approx(low, rel=1e-9), pytest.approx(high, rel=1e-9))


def test_strength_weighs_the_tables(tiny: Model) -> None:
    """At strength 10 the table counts ten times, at 0.001 hardly."""
    size = tiny.beliefs.sizes[0]
    for strength in (10.0, 0.001):
        tuning = tiny.tune(COUNTED[["winter"]], strength=strength)
        expected = (0.25 * size * strength + 30) / (size * strength + 100)
        assert row(tuning, "P(winter=present)").new == pytest.approx(expected, rel=1e-9)


def test_what_is_not_learned_stays(tiny: Model) -> None:
    """With learn="leaks" priors and links keep their value, interval and row."""
    tuning = tiny.tune(COUNTED, learn="leaks")
    report = tuning.report
    assert set(report[report.changed].kind) == {"leaks"}
    kept = report[report.kind != "leaks"]
    assert (kept.new == kept.old).all()
    assert (kept.new_low == kept.old_low).all()
    assert tuning.model.knowledge.tables["priors.csv"].rows == tiny.knowledge.tables["priors.csv"].rows


def test_numbers_that_the_cases_say_nothing_of_stay_to_the_last_digit(tiny: Model) -> None:
    """Nothing was asked about fever: its leak and links are the rows that they were."""
    tuning = tiny.tune(COUNTED)
    report = tuning.report.set_index("number")
    assert not report.loc[["P(fever | leak)", "P(fever | flu)"], "changed"].any()
    rows = tuning.model.knowledge.tables["links.csv"].rows
    before = tiny.knowledge.tables["links.csv"].rows
    assert [new == old for new, old in zip(rows, before, strict=True)] == (~report.changed.to_numpy()[3:]).tolist()


def test_a_link_of_zero_stays_zero_where_the_cases_say_nothing_of_it(tmp_path: Path) -> None:
    """Its distribution has 0 as its mode and a mean above it: that is no news from the cases."""
    links = """
        parent,child,probability,low,high
        winter,flu,0.1,0,1
        leak,fever,0.01,0,1
        leak,cough,0.05,0,1
        flu,fever,0,0,0.1
        flu,cough,0.6,0,1
        cold,cough,0.5,0,1
        """
    tuning = load(tmp_path / "zero", links=links).tune(COUNTED)
    kept = row(tuning, "P(fever | flu)")
    assert not kept.changed
    assert (kept.new, kept.new_low, kept.new_high) == (0, 0, 0.1)


def test_the_result_is_a_whole_model(tiny: Model, tmp_path: Path) -> None:
    """Saved and read again it is the same model, with the same distributions; tuned rows cite cases and old sources."""
    tuning = tiny.tune(COUNTED, date=datetime.date(2026, 11, 22))
    again = load_model(tuning.model.save(tmp_path / "tuned"))
    assert again.fingerprint == tuning.model.fingerprint
    changed = tuning.report.changed.to_numpy()
    np.testing.assert_allclose(again.beliefs.means[changed], tuning.report.new[changed], rtol=1e-12)
    np.testing.assert_allclose(again.beliefs.sizes[changed], tuning.report.size_after[changed], rtol=1e-6)
    cited = again.parameters[changed]
    assert set(cited.basis) == {"tuned"}
    source = f"cases_{tuning.cases['sha256'][:8]}"
    assert all(row.endswith(f";{source}") for row in cited.source)
    citation = again.knowledge.citations[source]
    assert tuning.cases["sha256"] in citation.citation
    assert "100 of 100 cases" in citation.citation
    assert citation.read == "2026-11-22"
    assert "was 0.25 (0 to 1), expert" in cited.iloc[0].note


def test_two_halves_are_the_whole(tiny: Model) -> None:
    """Tuned to one half and then to the other, a number with one way to come about is as tuned to all at once."""
    half = COUNTED.sample(frac=0.5, random_state=1)
    rest = COUNTED.drop(half.index)
    step = tiny.tune(half).model.tune(rest)
    whole = tiny.tune(COUNTED)
    for number in ("P(winter=present)", "P(cold=present)"):
        assert row(step, number).new == pytest.approx(row(whole, number).new, rel=1e-9)
        assert row(step, number).size_after == pytest.approx(row(whole, number).size_after, rel=1e-6)
    cited = step.model.parameters.iloc[0].source.split(";")
    assert len(cited) == len(set(cited)) == 3


def test_a_model_read_from_disk_is_tuned_further(tiny: Model, tmp_path: Path) -> None:
    """Going on from the saved model is going on from the one in memory."""
    first = tiny.tune(COUNTED)
    again = load_model(first.model.save(tmp_path / "first"))
    here, there = first.model.tune(COUNTED[:40]), again.tune(COUNTED[:40])
    np.testing.assert_allclose(here.report.new, there.report.new, rtol=1e-6)


def test_few_cases_never_make_an_interval_narrower_than_they_can(tiny: Model) -> None:
    """Three cases add three at most to the size of any number, and take nothing from it."""
    report = tiny.tune(COUNTED[::40]).report
    assert (report.size_after >= report.size_before * (1 - 1e-9)).all()
    assert (report.size_after <= report.size_before + 3 + 1e-6).all()


def test_links_are_learned_as_net_links(sites: Model) -> None:
    """A compound row comes back as a net one, and the answer to nothing known is what its numbers say."""
    cases = sites.simulate(200, seed=2)
    tuning = sites.tune(cases, selected_by=())
    forms = {row["form"] for row in tuning.model.knowledge.tables["links.csv"].rows if row["basis"] == "tuned"}
    assert forms <= {"", "net"}  # an empty cell means net
    net = tuning.model.network.to_net(tuning.model.network.numbers)[0]
    np.testing.assert_allclose(net, tuning.report.new, rtol=1e-12)


def test_a_tuned_leak_leaves_compound_links_where_they_were(sites: Model) -> None:
    """A compound link holds the leak in it: it is written as the net link that it was before the leak moved."""
    tuning = sites.tune(pd.DataFrame({"weak": ["yes"] * 95 + ["no"] * 5}), learn="leaks")
    before, after = (model.knowledge.links for model in (sites, tuning.model))
    place = next(i for i, link in enumerate(before) if link.form == "compound" and link.child == "weak")
    leak = row(tuning, "P(weak | leak)")
    assert leak.new > before[place].number.probability  # as a compound link it would be below its leak
    net = (before[place].number.probability - leak.old) / (1 - leak.old)
    assert after[place].number.probability == pytest.approx(net, rel=1e-12)
    assert (after[place].form, after[place].number.basis) == ("net", before[place].number.basis)
    assert (
        "its leak was tuned: was 0.9 (0 to 1, compound)"
        in tuning.model.knowledge.tables["links.csv"].rows[place]["note"]
    )


def test_cases_that_all_twitch_are_taken_to_be_selected(sites: Model) -> None:
    """Where all cases have what is assumed they are conditioned on it, unless the caller says otherwise."""
    cases = sites.simulate(300, seed=3, given={"twitching": True})
    tuning = sites.tune(cases)
    assert tuning.cases["selected_by"] == {"twitching": "present"}
    assert "All cases have twitching=present" in tuning.notes[0]
    everyone = sites.tune(cases, selected_by=())
    assert everyone.cases["selected_by"] == {}
    # Taken for a sample of everyone, cases that all twitch make twitching look common.
    leak = "P(twitch_leg | leak)"
    assert row(everyone, leak).new > row(tuning, leak).new
    assert sites.tune(sites.simulate(300, seed=3)).cases["selected_by"] == {}


def test_what_the_cases_cannot_say_is_told(tiny: Model) -> None:
    """Columns that never vary, causes never seen and what no case says anything of are named."""
    notes = "\n".join(tiny.tune(COUNTED.assign(winter="no", flu="no")).notes)
    assert "winter is absent in all 100 cases that say something of it." in notes
    assert "flu is absent in all 100 cases whose diagnosis of it is known." in notes
    assert "No case says anything of fever." in notes
    notes = "\n".join(tiny.tune(COUNTED[["winter", "cough"]]).notes)
    assert "No case says whether these causes are present: flu, cold." in notes


def test_numbers_that_leave_their_interval_are_told(tmp_path: Path) -> None:
    """A table that the cases contradict is not overruled in silence."""
    model = load(
        tmp_path / "sure",
        priors="variable,probability,low,high\nwinter,0.25,0.2,0.3\nflu,0.02,0.01,0.03\ncold,0.1,0.05,0.2\n",
    )
    tuning = model.tune(pd.DataFrame({"winter": ["yes"] * 900 + ["no"] * 100}))
    assert any("1 numbers left the interval" in note and "P(winter=present)" in note for note in tuning.notes)


def test_stopping_early_is_told(tiny: Model) -> None:
    """A result that has not converged says so."""
    tuning = tiny.tune(COUNTED, max_iterations=1)
    assert not tuning.converged
    assert any(note.startswith("Not converged after 1 passes") for note in tuning.notes)


def test_history_never_falls(tiny: Model) -> None:
    """The log posterior of each step is at least that of the one before, and progress hears of all of them."""
    heard: list[float] = []
    tuning = tiny.tune(COUNTED, progress=lambda step: heard.append(step.log_posterior))
    assert heard == tuning.history.log_posterior.tolist()
    assert (np.diff(heard) >= -1e-9).all()


def test_impossible_cases(certain: Model) -> None:
    """Cases that the model makes impossible are an error that says why, or left out and counted."""
    frame = pd.DataFrame({"gene": ["yes", "yes", "no"], "mark": ["no", "yes", "no"], "ache": [None] * 3})
    with pytest.raises(InvalidFrameError, match=r"(?s)1 row of 3 cannot be used.*row 0: .*probability 0"):
        certain.tune(frame)
    tuning = certain.tune(frame, on_error="exclude")
    assert tuning.cases["used"] == 2
    assert tuning.cases["excluded"] == {"cases that are impossible in the model, or beyond the engine's bound": 1}
    with pytest.raises(InvalidValueError, match="has no case that can be used: 1 cases that are impossible"):
        certain.tune(frame[:1], on_error="exclude")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": 0}, "strength=0 must be a number above 0"),
        ({"learn": "weights"}, "learn='weights' is none of priors, links, leaks"),
        ({"learn": ()}, "learn is empty"),
        ({"max_iterations": 0}, "max_iterations=0 must be 1 or more"),
        ({"tolerance": -1.0}, r"tolerance=-1\.0 must be above 0"),
        ({"strength": -1, "tolerance": 0}, "strength=-1 .*; tolerance=0"),
        ({"selected_by": "wintr"}, "selected_by='wintr' is no variable of the model.* Did you mean 'winter'"),
        ({"selected_by": "winter"}, "not all of them have the same state"),
    ],
)
def test_wrong_options(tiny: Model, options: dict[str, object], message: str) -> None:
    """Each wrong option is named with its value; several at once."""
    with pytest.raises(InvalidValueError, match=message):
        tiny.tune(COUNTED, **options)


def test_files_that_are_no_cases(tiny: Model, tmp_path: Path) -> None:
    """Unknown columns, labels that are neither yes nor no, empty files: each a clear error."""
    path = tmp_path / "cases.csv"
    for text, message in [
        ("winter,fevr\nyes,no\n", "fevr"),
        ("winter,flu\nyes,probably\n", "line 2: flu='probably' is not a state"),
        ("", "is empty; it needs a header"),
        ("winter,fever\n", "has no case"),
    ]:
        path.write_text(text)
        with pytest.raises(TwitchbayesError, match=message):
            tiny.tune(path)
    path.write_text("winter,flu\nyes,probably\nno,no\n")
    with pytest.raises(CasesError, match="line 2"):
        tiny.tune(path)
    assert tiny.tune(path, on_error="exclude").cases["excluded"] == {"cases with a cell that cannot be read": 1}


def test_shown_as_text_html_and_json(tiny: Model) -> None:
    """Text, HTML and JSON have the notes and the numbers; texts of the model stay text."""
    tuning = tiny.tune(COUNTED)
    text, page = repr(tuning), tuning._repr_html_()
    assert text.startswith("tiny tuned to 100 cases of pandas DataFrame in")
    assert "P(winter=present)" in text
    assert "Not a medical device" in text
    assert "<th scope='col'" in page
    read = json.loads(tuning.to_json())
    assert [number["number"] for number in read["report"]] == tuning.report.number.tolist()
    assert read["cases"]["used"] == 100


def test_fixed_numbers_are_never_learned(certain: Model) -> None:
    """Numbers 0 and 1 without an interval stay, whatever the cases say."""
    sure = certain.beliefs.fixed
    tuning = certain.tune(pd.DataFrame({"born": ["yes"] * 9 + ["no"]}), selected_by=())
    assert not tuning.report.changed[sure].any()


def test_how_the_cases_were_found_is_always_told(sites: Model) -> None:
    """One gap in what all cases have is told, and `selected_by` takes it to be there; sites imply their OR."""
    cases = sites.simulate(200, seed=3, given={"twitching": True}).astype(object)
    gap = cases.copy()
    gap.loc[gap.index[5], ["twitching", "twitch_arm", "twitch_leg"]] = None
    tuning = sites.tune(gap)
    assert tuning.cases["selected_by"] == {}
    assert tuning.notes[0].startswith("The cases are taken as a sample of everyone")
    assert "1 cases leave twitching open and the other 199 have it" in tuning.notes[1]
    told = sites.tune(gap, selected_by="twitching")
    assert told.cases["selected_by"] == {"twitching": "present"}
    implied = cases.assign(twitching=None)
    assert sites.tune(implied).cases["selected_by"] == {"twitching": "present"}


def test_the_same_cases_twice_are_told(tiny: Model) -> None:
    """Each tuning has a source row of its own, with its date; cases that are cited already are told."""
    first = tiny.tune(COUNTED, date="2026-01-01")
    again = first.model.tune(COUNTED, date="2026-02-02")
    assert not any("among the sources" in note for note in first.notes)
    assert any("among the sources of the model already" in note for note in again.notes)
    read = {c.read for c in again.model.knowledge.citations.values() if c.kind == "cases"}
    assert read == {"2026-01-01", "2026-02-02"}


@pytest.mark.parametrize("cases", [{"winter": ["yes"]}, [{"winter": "yes"}], None, COUNTED["winter"]])
def test_what_is_no_table(tiny: Model, cases: object) -> None:
    """A mapping, a list, a column or nothing is told for what it is."""
    with pytest.raises(InvalidValueError, match="is no frame that can be read"):
        tiny.tune(cases)


@pytest.mark.parametrize(
    "options", [{"strength": "1"}, {"tolerance": "x"}, {"max_iterations": 1.5}, {"learn": None}, {"selected_by": 3}]
)
def test_options_of_another_type(tiny: Model, options: dict[str, object]) -> None:
    """What is of another type is told, not cut or left to fail somewhere else."""
    with pytest.raises(InvalidValueError, match=f"{next(iter(options))}="):
        tiny.tune(COUNTED, **options)


def test_no_model_to_compare_with(tiny: Model) -> None:
    """A name is no model."""
    with pytest.raises(InvalidValueError, match="'twitch' is no model to compare with"):
        tiny.diff("twitch")


def test_impossible_cases_of_a_file_by_line(certain: Model, tmp_path: Path) -> None:
    """In a file an impossible case is told by its line, as an unreadable cell is."""
    path = tmp_path / "cases.csv"
    path.write_text("gene,mark,ache\nyes,yes,\n\nyes,no,\n")
    with pytest.raises(CasesError, match=r"cases\.csv, line 4: .*probability 0"):
        certain.tune(path)
