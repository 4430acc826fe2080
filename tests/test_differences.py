"""Two models side by side: every difference is there, moves are those worked by hand, nothing is dropped."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import twitchbayes
from models import CERTAIN, META, SITES, TINY, load
from twitchbayes import knowledge
from twitchbayes.differences import Difference
from twitchbayes.model import Model

SCENARIOS = """
    case,evidence,holds,source
    cough,winter=no flu=no cough=yes,,book
    nothing,,,book
    """


def pair(folder: Path, base: dict[str, str] = TINY, first: Any = None, **second: Any) -> Difference:
    """Compare two small models: `first` and the rest say what their files are."""
    a = load(folder / "a", base=base, **{"meta": f'name = "one"{META}', **(first or {})})
    b = load(folder / "b", base=base, **{"meta": f'name = "one"{META}', **(first or {}), **second})
    return a.diff(b)


def lines(frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """Return the cells of some columns, row by row."""
    return list(frame[list(columns)].itertuples(index=False, name=None))


def strict(difference: Difference) -> Any:
    """Return what its JSON says, which may hold no NaN or Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(difference.to_json(), parse_constant=refuse)


# The same


def test_the_same_tables_are_the_same(folder: Path) -> None:
    """Two folders with the same content differ in nothing, whatever they are called."""
    difference = pair(folder, first={"scenarios": SCENARIOS})
    assert difference.is_same
    assert [len(frame) for frame in (difference.numbers, difference.variables, difference.metadata)] == [0, 0, 0]
    assert (difference.files, difference.scenarios["move_nats"].abs().max()) == ((), 0)
    assert repr(difference).endswith("\n\nThe tables are the same.")


@pytest.mark.parametrize(
    ("change", "file"),
    [
        ({"priors": TINY["priors"].replace("probability", "probability,note").replace("0.02", "0.02,checked")}, "priors.csv"),
        ({"priors": "variable,probability\nwinter,0.25\ncold,0.1\nflu,0.02"}, "priors.csv"),
        ({"scenarios": SCENARIOS}, "scenarios.csv"),
        ({"populations": {"ward": "variable,probability\nflu,0.1"}}, "populations/ward.csv"),
    ],
    ids=["note", "order", "scenarios", "population"],
)  # fmt: skip
def test_no_difference_is_silent(folder: Path, change: dict[str, Any], file: str) -> None:
    """What is no number, variable or entry of model.toml makes two models differ too: its file is named."""
    difference = pair(folder, **change)
    assert not difference.is_same
    assert (len(difference.numbers), difference.files) == (0, (file,))
    assert f"Files that differ: {file}" in repr(difference)


# Numbers


def test_moves_by_hand(folder: Path) -> None:
    """A prior that is doubled moves the answers by as many nats as itself, where nothing else bears on its cause."""
    difference = pair(folder, first={"scenarios": SCENARIOS}, priors=TINY["priors"].replace("0.1", "0.2"))
    nats = math.log(0.2 / 0.8) - math.log(0.1 / 0.9)
    assert lines(difference.numbers, "number", "what", "first", "second") == [
        ("P(cold=present)", "probability", 0.1, 0.2)
    ]
    assert difference.numbers["move_nats"][0] == pytest.approx(nats, rel=1e-12)
    # P(cough | cold) = 1 - 0.95 * 0.5 and P(cough | no cold) = 0.05: a ratio of 10.5 for the prior odds.
    a, b = (odds * 10.5 / (1 + odds * 10.5) for odds in (0.1 / 0.9, 0.2 / 0.8))
    found = difference.scenarios.set_index(["case", "cause"])
    assert found.loc[("cough", "cold")].tolist() == pytest.approx([a, b, b - a, nats], rel=1e-12)
    assert found.loc[("nothing", "cold")].tolist() == pytest.approx([0.1, 0.2, 0.1, nats], rel=1e-12)
    assert found.loc[("cough", "flu")].tolist() == [0, 0, 0, 0]
    # Equal moves of log odds stand in the order of their moves of probability.
    assert lines(difference.scenarios, "case", "cause")[:2] == [("cough", "cold"), ("nothing", "cold")]


def test_every_column_of_a_number_counts(folder: Path) -> None:
    """An interval, a form, a basis or a source that differs is a difference of that number; a note is not."""
    links = """
        parent,child,form,probability,low,high,basis,source,note
        winter,flu,net,0.1,0,1,expert,book,
        leak,fever,net,0.01,0,0.5,expert,book,
        leak,cough,net,0.05,0,1,expert,book,looked at again
        flu,fever,net,0.95,0,1,reported,paper,
        flu,cough,compound,0.6,0,1,expert,book,
        cold,cough,net,0.5,0,1,expert,book;paper,
        """
    difference = pair(folder, links=links, sources="source\nbook\npaper")
    assert lines(difference.numbers, "number", "what", "kind", "parent", "child") == [
        ("P(fever | flu)", "probability;basis;source", "link", "flu", "fever"),
        # 0.6 with the background in it is a smaller net link than 0.6 without.
        ("P(cough | flu)", "form", "link", "flu", "cough"),
        ("P(fever | leak)", "high", "leak", "leak", "fever"),
        ("P(cough | cold)", "source", "link", "cold", "cough"),
    ]
    cells = lines(difference.numbers, "high_first", "high_second", "form_first", "form_second", "source_second")
    assert cells[1:3] == [(1, 1, "net", "compound", "book"), (1, 0.5, "net", "net", "book")]
    text = repr(difference)
    assert "1 number with another probability\n" in text
    assert "3 numbers with the same probability" in text
    assert "P(cough | cold) source book source book;paper" in " ".join(text.split())
    assert difference.files == ("links.csv", "sources.csv")


def test_a_changed_number_with_its_old_source_is_told(folder: Path) -> None:
    """The text counts the probabilities that were changed under the same source."""
    given = {"priors": "variable,probability\nwinter,0.25\nflu,0.03\ncold,0.2"}
    assert "2 numbers with another probability; the same source is cited for 2 of them" in repr(pair(folder, **given))


def test_numbers_in_one_model_only(folder: Path) -> None:
    """A link less, a link more and other strata are listed with the model that has them."""
    links = (
        "\n".join(line for line in SITES["links"].splitlines() if "palsy,weak" not in line) + "strain,weak,net,0.2\n"
    )
    priors = SITES["priors"].replace("lifting,sex=female,,0.2", "lifting,,,0.3")
    priors = "\n".join(line for line in priors.splitlines() if "lifting,sex=male" not in line)
    difference = pair(folder, SITES, links=links, priors=priors)
    assert lines(difference.numbers, "number", "what", "kind", "given") == [
        ("P(lifting=present | sex=female)", "only in the first", "context", "sex=female"),
        ("P(lifting=present | sex=male)", "only in the first", "context", "sex=male"),
        ("P(weak | palsy)", "only in the first", "link", ""),
        ("P(lifting=present)", "only in the second", "context", ""),
        ("P(weak | strain)", "only in the second", "link", ""),
    ]
    assert strict(difference)["numbers"][0]["second"] is None
    assert "3 numbers only in the first\n" in repr(difference)


def test_moves_to_certainty_are_infinite(folder: Path) -> None:
    """To and from 0 the log odds move without bound: infinite in the frames, null in JSON."""
    scenarios = "case,evidence,holds,source\nnothing,,,book"
    difference = pair(
        folder, first={"scenarios": scenarios}, priors="variable,probability\nwinter,0.25\nflu,0.02\ncold,0"
    )
    assert difference.numbers["move_nats"].tolist() == [-math.inf]
    assert lines(difference.scenarios, "cause", "second", "move_nats")[0] == ("cold", 0, -math.inf)
    assert strict(difference)["scenarios"][0] == {
        **{"case": "nothing", "cause": "cold", "first": pytest.approx(0.1), "second": 0},
        **{"move": pytest.approx(-0.1), "move_nats": None},
    }


def test_the_largest_moves_come_first(twitch: Model) -> None:
    """The numbers of a setting are sorted by how far they move, with what is in one model only at the end."""
    numbers = twitch.diff(twitch.at_population("primary_care")).numbers
    alone = numbers["what"].str.startswith("only")
    assert alone.is_monotonic_increasing
    assert alone.any()
    assert numbers["move_nats"][~alone].abs().round(9).is_monotonic_decreasing
    assert numbers["move_nats"][alone].isna().all()


# Variables and model.toml


def test_variables(folder: Path) -> None:
    """A label, states or a mark that differ, and a variable that only one model has."""
    variables = TINY["variables"].replace("influenza,yes", "the flu,") + "rash,finding,rash,\n"
    links = TINY["links"] + "leak,rash,0.1\n"
    difference = pair(folder, variables=variables, links=links)
    assert lines(difference.variables, "variable", "what", "first", "second")[:2] == [
        ("flu", "label", "influenza", "the flu"),
        ("flu", "serious", "yes", ""),
    ]
    assert strict(difference)["variables"][2:] == [
        {"variable": "rash", "what": "only in the second", "first": None, "second": "finding"}
    ]
    assert "P(rash | leak)" in difference.numbers["number"].tolist()


def test_states(folder: Path) -> None:
    """Bands that are cut otherwise are other states, and other rows of numbers."""
    files = {
        name: SITES[name].replace("18-39", "18-49").replace("40-120", "50-120") for name in ("variables", "priors")
    }
    difference = pair(folder, SITES, **files)
    assert lines(difference.variables, "variable", "what", "first", "second") == [
        ("age", "states", "18-39;40-120", "18-49;50-120")
    ]
    assert set(difference.numbers["what"]) == {"only in the first", "only in the second"}


def test_metadata(folder: Path) -> None:
    """Entries of model.toml, one in one model only included."""
    meta = META.replace('"1.0"', '"1.1"') + 'name = "one"\nauthor = "somebody"\n'
    difference = pair(folder, meta=meta)
    assert strict(difference)["metadata"] == [
        {"key": "version", "first": "1.0", "second": "1.1"},
        {"key": "author", "first": None, "second": "somebody"},
    ]
    assert (difference.first.version, difference.second.version) == ("1.0", "1.1")
    assert difference.files == ("model.toml",)


# Scenarios


def test_answers_are_those_of_infer(twitch: Model) -> None:
    """The posteriors of every scenario are those that `infer` gives, under both models."""
    other = twitch.with_priors({"caffeine_excess": 0.03})
    found = twitch.diff(other).scenarios
    rows = twitch.knowledge.tables["scenarios.csv"].rows
    assert len(found) == len(rows) * len(twitch.causes)
    for row in rows[::13]:
        evidence = dict(word.split("=") for word in row["evidence"].split())
        of_case = found[found["case"] == row["case"]].set_index("cause")
        for side, model in (("first", twitch), ("second", other)):
            assert of_case[side].to_dict() == pytest.approx(dict(model.infer(evidence)), rel=1e-9)


def test_the_other_way_round(twitch: Model) -> None:
    """The second compared with the first has the same moves with the other sign."""
    other = twitch.with_priors({"caffeine_excess": 0.03})
    there, back = (
        a.diff(b).scenarios.set_index(["case", "cause"]).sort_index() for a, b in ((twitch, other), (other, twitch))
    )
    pd.testing.assert_series_equal(there["move_nats"], -back["move_nats"])


UNREADABLE = """
    case,evidence,holds,source
    fine,fever=yes,,book
    gone,rash=yes,,book
    twice,rash=yes fever=maybe,,book
    """


def test_scenarios_that_one_model_cannot_answer(folder: Path) -> None:
    """A case that cannot be read in a model is told with its reason, and the others are compared."""
    rash = {"variables": TINY["variables"] + "rash,finding,rash,\n", "links": TINY["links"] + "leak,rash,0.1\n"}
    difference = pair(folder, first={**rash, "scenarios": UNREADABLE}, variables=TINY["variables"], links=TINY["links"])
    gone = "the model has no variable 'rash'. It has: winter, flu, cold, fever, cough."
    maybe = "fever='maybe' is not a state of fever; give yes or no (True or False), or None for unknown"
    assert lines(difference.unanswered, "case", "model", "reason") == [
        ("gone", "second", gone),
        ("twice", "first", maybe),
        ("twice", "second", f"{gone}; {maybe}"),
    ]
    assert set(difference.scenarios["case"]) == {"fine"}
    assert "2 scenarios not compared\n" in repr(difference)


def test_a_scenario_that_becomes_impossible(folder: Path) -> None:
    """Evidence of probability 0 in one model is such a case too."""
    scenarios = "case,evidence,holds,source\nmarked,mark=yes ache=unknown,,book\nborn,born=yes ache=unknown,,book"
    difference = pair(
        folder, CERTAIN, first={"scenarios": scenarios}, priors=CERTAIN["priors"].replace("gene,0.5", "gene,0")
    )
    assert lines(difference.unanswered, "case", "model") == [("marked", "second")]
    assert "mark=present" in difference.unanswered["reason"][0]
    assert set(difference.scenarios["case"]) == {"born"}


def test_causes_that_both_have_are_compared(folder: Path) -> None:
    """A cause of one model only has no move; it stands among the variables."""
    files = {
        "variables": TINY["variables"] + "measles,cause,measles,\n",
        "priors": TINY["priors"] + "measles,0.01\n",
        "links": TINY["links"] + "measles,fever,0.9\n",
    }
    difference = pair(folder, first={"scenarios": SCENARIOS}, **files)
    assert set(difference.scenarios["cause"]) == {"flu", "cold"}
    assert "measles" in difference.variables["variable"].tolist()


def test_models_with_nothing_in_common(twitch: Model, tiny: Model) -> None:
    """Two models of different things are compared without an error."""
    difference = twitch.diff(tiny)
    assert len(difference.scenarios) == 0
    assert "No posterior of a scenario can be compared." in repr(difference)
    assert len(difference.unanswered) == len(twitch.knowledge.tables["scenarios.csv"].rows)
    assert strict(difference)["is_same"] is False


# How it is shown


def test_long_lists_are_cut_in_text_only(twitch: Model) -> None:
    """The text has eight rows of a list and counts the others; JSON has all of them."""
    difference = twitch.diff(twitch.at_population("primary_care"))
    moved = (~difference.numbers["what"].str.startswith("only")).sum()
    assert f"  and {moved - 8} more\n" in repr(difference)
    assert len(repr(difference).splitlines()) < 70
    assert max(map(len, repr(difference).splitlines())) <= 120
    assert len(strict(difference)["numbers"]) == len(difference.numbers) > moved
    assert len(strict(difference)["scenarios"]) == len(difference.scenarios)


def test_columns_are_aligned(folder: Path) -> None:
    """Numbers end under the end of their heading."""
    text = repr(pair(folder, first={"scenarios": SCENARIOS}, priors=TINY["priors"].replace("0.1", "0.2")))
    head, row = text.partition("probability; ")[2].splitlines()[1:3]
    assert head.split()[:4] == ["number", "first", "second", "nats"]
    assert [head.index(name) + len(name) for name in ("first", "second", "nats")] == [
        row.index(cell) + len(cell) for cell in row.split()[1:]
    ]


def test_html_is_escaped(folder: Path) -> None:
    """What the tables say cannot become markup in a notebook."""
    nasty = TINY["variables"].replace("influenza", "<script>alert('flu')</script>")
    page = pair(folder, variables=nasty)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<table>") == page.count("</table>") == 1


def test_difference_is_frozen(tiny: Model) -> None:
    """A comparison that was made cannot be changed."""
    with pytest.raises(AttributeError, match="cannot assign to field"):
        tiny.diff(tiny).files = ("x",)  # type: ignore[misc]


def test_given_priors_and_changes_agree(twitch: Model) -> None:
    """`Model.changes` lists the numbers that `diff` has with another probability."""
    other = twitchbayes.load_model("twitch").with_priors({"caffeine_excess": 0.03, ("cancer", ""): (0.1, 0, 1)})
    changed = {(c.variable, c.given, c.state, c.old, c.new) for c in other.changes}
    assert set(lines(twitch.diff(other).numbers, "child", "given", "state", "first", "second")) == changed


def test_the_form_alone_moves_nothing(sites: Model) -> None:
    """A compound link and the net link that it stands for differ in form, and by no nats."""
    network, place = sites.network, 7  # palsy -> weak, compound
    rows = sites.knowledge.tables["links.csv"].rows
    assert rows[place]["form"] == "compound"
    net = network.to_net(network.numbers)[0, len(sites.knowledge.priors) + place]
    cells = {"links.csv": {place: {"form": "net", "probability": repr(float(net))}}}
    numbers = sites.diff(Model(knowledge.revise(sites.knowledge, cells))).numbers
    assert numbers["move_nats"].tolist() == [pytest.approx(0, abs=1e-12)]
