"""Facts that the model implies: `checks.csv` against brute arithmetic, and every way to write it wrong."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from models import load
from twitchbayes import ModelTableError
from twitchbayes.model import Model

HEAD = "check,measure,variable,given,against,value,low,high,basis,status,source,note\n"


def checks(*rows: str) -> bytes:
    return (
        HEAD + "".join(f"{row},expert,{status},book,a note\n" for row, status in (r.rsplit("|", 1) for r in rows))
    ).encode()


@pytest.fixture
def model(folder: Path) -> Model:
    """TINY with four facts, of which P(fever | flu) lies outside."""
    return load(
        folder,
        checks=checks(
            "fever rate,probability,fever,,,0.03,0.02,0.05|inside",
            "fever in flu,probability,fever,flu=yes,,0.5,0.4,0.6|outside",
            "winter flu,risk_ratio,flu,winter=yes,winter=no,6,5,7|inside",
            "winter flu odds,odds_ratio,flu,winter=yes,winter=no,6,4,8|inside",
        ),
    )


def test_implied_values_by_hand(model: Model) -> None:
    """Each implied value is what TINY's five numbers give by hand."""
    flu_in_winter = 1 - (1 - 0.02) * (1 - 0.1)
    flu = 0.75 * 0.02 + 0.25 * flu_in_winter
    fever_if_flu = 1 - (1 - 0.01) * (1 - 0.9)
    odds = flu_in_winter / (1 - flu_in_winter) / (0.02 / 0.98)
    expected = [flu * fever_if_flu + (1 - flu) * 0.01, fever_if_flu, flu_in_winter / 0.02, odds]
    table = model.check()
    assert table["implied"].tolist() == pytest.approx(expected, rel=1e-12)
    assert table["inside"].tolist() == [0.02 < expected[0] < 0.05, False, 5 < expected[2] < 7, 4 < expected[3] < 8]
    assert table["distance_nats"][1] == pytest.approx(math.log(fever_if_flu / 0.6), rel=1e-12)
    assert table["expected"].tolist() == [True, False, True, True]
    assert table["quantity"][1] == "P(fever | flu=yes)"


def test_a_model_without_facts_has_an_empty_table(tiny: Model) -> None:
    """No `checks.csv`: the table has its columns and no row."""
    table = tiny.check()
    assert len(table) == 0
    assert "implied" in table.columns


def test_nothing_is_assumed(folder: Path) -> None:
    """The rate of twitching in a population is not 1, although `infer` assumes that twitching is present."""
    from models import SITES

    model = load(folder, base=SITES, checks=checks("rate,probability,twitching,,,0.1,0,0.5|inside"))
    assert 0 < model.check()["implied"][0] < 0.5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,chance,fever,,,0.1,0,1|inside", "line 2: measure 'chance' is none of probability, risk_ratio, odds_ratio"),
        ("a,probability,fewer,,,0.1,0,1|inside", "line 2: .*no binary variable 'fewer'. Did you mean 'fever'"),
        ("a,probability,fever,,flu=yes,0.1,0,1|inside", "measure 'probability' takes no `against`"),
        ("a,risk_ratio,fever,flu=yes,,2,1,3|inside", "measure 'risk_ratio' needs `against`"),
        ("a,probability,fever,flu=perhaps,,0.1,0,1|inside", "flu='perhaps' is not a state"),
        ("a,probability,fever,fever=yes,,0.1,0,1|inside", "given 'fever=yes' says already what 'fever' is"),
        ("a,probability,fever,,,1.2,0,1.5|inside", "value 1.2 is outside \\[0, 1\\]"),
        ("a,risk_ratio,fever,flu=yes,flu=no,inf,0,1|inside", "value inf is no ratio"),
        ("a,probability,fever,,,0.5,0.1,0.2|inside", "value 0.5 is outside its interval \\[0.1, 0.2\\]"),
        ("a,probability,fever,,,0.1,0,1|perhaps", "status 'perhaps' is none of inside, outside"),
    ],
)
def test_faults_name_the_line(row: str, message: str, folder: Path) -> None:
    """A row that cannot be read is told by file and line, when the tables are read or compared."""
    with pytest.raises(ModelTableError, match=message) as error:
        load(folder, checks=checks(row)).check()
    assert {(p.file, p.line) for p in error.value.problems} == {("checks.csv", 2)}


def test_given_that_cannot_be(folder: Path) -> None:
    """A condition of probability 0 is told, not divided by."""
    from models import CERTAIN

    with pytest.raises(ModelTableError, match="given 'ghost=yes' has probability 0"):
        load(folder, base=CERTAIN, checks=checks("a,probability,mark,ghost=yes,,0.1,0,1|inside")).check()
