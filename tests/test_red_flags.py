"""Red flags: which evidence meets a rule, and every way to write a rule wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models import SITES, load
from twitchbayes import ModelTableError
from twitchbayes.model import Model

HEAD = "rule,label,evidence,advice,source\n"


def rules(*rows: str) -> bytes:
    return (HEAD + "".join(f"{row},The book says so.,book\n" for row in rows)).encode()


@pytest.fixture
def model(folder: Path) -> Model:
    return load(
        folder,
        base=SITES,
        red_flags=rules(
            "r1,Weak leg,twitch_leg=yes weak=yes",
            "r2,Older man,age>=40 sex=male",
            "r3,Any sex known,sex=male|female",
            "r4,Young,age<40",
        ),
    )


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, []),
        ({"weak": True}, []),
        ({"weak": True, "site": "leg"}, ["r1"]),
        ({"weak": False, "site": "leg"}, []),
        ({"age": 40}, []),
        ({"age": 40, "sex": "male"}, ["r2", "r3"]),
        ({"age": 39, "sex": "female"}, ["r3", "r4"]),
    ],
)
def test_rules_are_met_by_what_is_known(model: Model, case: dict[str, Any], expected: list[str]) -> None:
    """A rule needs all of its conditions; what is unknown meets none."""
    assert [flag.rule for flag in model.infer(case).red_flags] == expected


def test_flags_change_no_probability(model: Model, sites: Model) -> None:
    """The same tables without rules give the same answer, bit for bit."""
    case = {"weak": True, "site": "leg", "age": 50, "sex": "m"}
    assert dict(model.infer(case)) == dict(sites.infer(case))


def test_flags_are_shown_everywhere(model: Model) -> None:
    """Text, HTML and JSON name the flag, what met it, what is said and by whom."""
    posterior = model.infer(weak=True, site="leg")
    flag = posterior.red_flags[0]
    assert flag.met_by == {"twitch_leg": "present", "weak": "present"}
    assert flag.citations == ("A book",)
    assert posterior.to_dict()["red_flags"][0]["citations"] == ["A book"]
    for shown in (repr(posterior), posterior._repr_html_()):
        assert all(text in shown for text in ("Weak leg", "weak=present", "The book says so.", "A book"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("r,x,weakk=yes", "no variable 'weakk'. Did you mean 'weak'"),
        ("r,x,weak=maybe", "weak='maybe' is not a state"),
        ("r,x,weak", "'weak' is no condition"),
        ("r,x,weak>=3", "only a variable given as a number can have a bound"),
        ("r,x,age>=forty", "only a variable given as a number can have a bound, and the bound is a number"),
        ("r,x,weak=unknown", "asks for an unknown value"),
        ("r,x,", "must name one or more variables"),
        ("r,x,weak=yes weak=no", "each once"),
        ("r,x,height>=3", "no variable 'height'"),
    ],
)
def test_faults_name_the_line(row: str, message: str, folder: Path) -> None:
    """A rule that cannot be read stops the model from loading, with file and line."""
    with pytest.raises(ModelTableError, match=f"red_flags.csv, line 2: .*{message}"):
        load(folder, base=SITES, red_flags=rules(row))
