"""Scenarios: what may stand in `scenarios.csv`, how it comes out, and what is said where it cannot be read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from twitchbayes import InvalidValueError, Model, ModelTableError, load_model
from twitchbayes.evidence import read_items
from twitchbayes.scenarios import Outcome, run
from twitchbayes.tables import write

# Two diseases of one finding. By hand (tests/textbook): given the finding P(A) = 41/86 = 0.477 and P(B) = 54/86 = 0.628.
MODEL = Path(__file__).parent / "textbook" / "explaining_away"
COLUMNS = ("case", "evidence", "holds", "status", "source", "note")
Row = tuple[str, ...]
Told = Callable[..., Model]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """The model with scenarios: tuples of case, evidence, holds and, where wanted, status, source and note."""

    def build(*rows: Row, columns: Sequence[str] = COLUMNS) -> Model:
        folder = shutil.copytree(MODEL, tmp_path / "told")
        full = [(*row, *("", "made_for_this_test", "")[len(row) - 3 :]) for row in rows]
        cells = [dict(zip(COLUMNS, row, strict=True)) for row in full]
        table = write(columns, [{column: row[column] for column in columns} for row in cells])
        (folder / "scenarios.csv").write_bytes(table)
        return load_model(folder)

    return build


def only(outcomes: list[Outcome]) -> Outcome:
    assert len(outcomes) == 1
    return outcomes[0]


FOUND = ("found", "finding=yes", "disease_a > 0")
WITH_B = ("with_b", "finding=yes disease_b=yes", "disease_a > 0")


@pytest.mark.parametrize(
    ("condition", "left", "right", "holds"),
    [
        pytest.param("disease_a < disease_b", 41 / 86, 54 / 86, True, id="less"),
        pytest.param("disease_b < disease_a", 54 / 86, 41 / 86, False, id="not_less"),
        pytest.param("disease_b > disease_a", 54 / 86, 41 / 86, True, id="greater"),
        pytest.param("disease_a > disease_b", 41 / 86, 54 / 86, False, id="not_greater"),
        pytest.param("disease_a <= disease_a", 41 / 86, 41 / 86, True, id="at_most_itself"),
        pytest.param("disease_a < disease_a", 41 / 86, 41 / 86, False, id="not_less_than_itself"),
        pytest.param("disease_a >= disease_a", 41 / 86, 41 / 86, True, id="at_least_itself"),
        pytest.param("disease_a > disease_a", 41 / 86, 41 / 86, False, id="not_greater_than_itself"),
        pytest.param("disease_b <= disease_a", 54 / 86, 41 / 86, False, id="not_at_most"),
        pytest.param("disease_a >= disease_b", 41 / 86, 54 / 86, False, id="not_at_least"),
        pytest.param("disease_a<0.5", 41 / 86, 0.5, True, id="number_without_spaces"),
        pytest.param("0.47 < disease_a", 0.47, 41 / 86, True, id="number_first"),
        pytest.param("disease_a > 4.7e-1", 41 / 86, 0.47, True, id="exponent"),
        pytest.param("disease_a > .47", 41 / 86, 0.47, True, id="no_leading_zero"),
        pytest.param("disease_a > -1", 41 / 86, -1, True, id="negative"),
        pytest.param("2*disease_a > disease_b", 82 / 86, 54 / 86, True, id="factor_left"),
        pytest.param("disease_b < 1.5 * disease_a", 54 / 86, 61.5 / 86, True, id="factor_right"),
        pytest.param("disease_b < 1e0*disease_a", 54 / 86, 41 / 86, False, id="factor_with_exponent"),
        pytest.param("disease_a > 2*disease_a@with_b", 41 / 86, 1 / 3, True, id="factor_and_case"),
        pytest.param("disease_a@with_b < disease_a", 1 / 6, 41 / 86, True, id="case"),
        pytest.param("disease_a@with_b < disease_a@found", 1 / 6, 41 / 86, True, id="two_cases"),
        pytest.param("none < 0.1", 0, 0.1, True, id="none"),
        pytest.param("serious <= disease_a", 41 / 86, 41 / 86, True, id="serious"),
        pytest.param("serious@with_b < serious", 1 / 6, 41 / 86, True, id="serious_of_a_case"),
        pytest.param("0 < 1", 0, 1, True, id="two_numbers"),
    ],
)
def test_condition(told: Told, condition: str, left: float, right: float, holds: bool) -> None:
    """Each sign, number, factor, cause, none, serious and @case means what it says, and both sides are reported."""
    model = told(("this", "finding=yes", condition), FOUND, WITH_B)
    outcome = next(o for o in run(model) if o.case == "this")
    assert (outcome.left, outcome.right) == (pytest.approx(left), pytest.approx(right))
    assert outcome.holds == holds
    assert outcome.condition == condition


def test_conditions_of_a_row_each_have_an_outcome(told: Told) -> None:
    """Conditions are separated by semicolons and come out one by one, in the order of the table."""
    outcomes = run(told(("one", "finding=yes", "disease_a > 0.9; disease_b > 0.5;"), ("two", "", "none > 0.5")))
    assert [(o.case, o.condition, o.holds) for o in outcomes] == [
        ("one", "disease_a > 0.9", False),
        ("one", "disease_b > 0.5", True),
        ("two", "none > 0.5", True),
    ]


def test_row_without_a_condition_is_there_to_compare_with(told: Told) -> None:
    """A case that is only compared with has no outcome of its own."""
    model = told(("base", "", ""), ("more", "finding=yes", "disease_a > 4*disease_a@base"))
    assert [(o.case, o.right) for o in run(model)] == [("more", pytest.approx(0.4))]


def test_scenario_assumes_what_the_model_assumes() -> None:
    """The evidence of a scenario is read as `infer` reads it, what is assumed included, unless it says unknown."""
    outcomes = {(o.case, o.condition): o.left for o in run(load_model("twitch"))}
    p = load_model("twitch").infer()
    assert outcomes["s00_twitching_only", "als < 3e-4"] == p["als"]
    assert outcomes["s00_prior", "als < 2e-4"] == p.prior["als"]


@pytest.mark.parametrize(
    ("status", "condition", "holds", "expected"),
    [
        ("", "disease_a > 0", True, True),
        ("holds", "disease_a > 0", True, True),
        ("holds", "disease_a > 1", False, True),
        ("open", "disease_a > 1", False, False),
        ("open", "disease_a > 0", True, False),
    ],
)
def test_status(told: Told, status: str, condition: str, holds: bool, expected: bool) -> None:
    """A condition is expected to hold unless its scenario is marked open; the note comes along."""
    outcome = only(run(told(("this", "finding=yes", condition, status, "made_for_this_test", "because"))))
    assert (outcome.holds, outcome.expected, outcome.note) == (holds, expected, "because")


def test_status_and_note_may_be_missing(told: Told) -> None:
    """A table without the columns status and note has scenarios that are to hold."""
    outcome = only(run(told(FOUND, columns=("case", "evidence", "holds", "source"))))
    assert (outcome.expected, outcome.note) == (True, "")


def test_model_without_scenarios_has_no_outcome() -> None:
    """A folder without scenarios.csv is fine."""
    assert run(load_model(MODEL)) == []


CONDITION_HINT = "write one such as als > 0.5 or als > 2*anemia@other_case"
FAULTS = [
    # row, message
    (("x", "finding", "none < 1"), "'finding' is not of the form name=value, as weakness=yes"),
    (("x", "=yes", "none < 1"), "'=yes' is not of the form name=value, as weakness=yes"),
    (
        ("x", "finding=yes finding=no", "none < 1"),
        "given twice: finding=yes and finding=no; give each variable once",
    ),
    (("x", "findin=yes", "none < 1"), "the model has no variable 'findin'. Did you mean 'finding'?"),
    (
        ("x", "finding=maybe", "none < 1"),
        "finding='maybe' is not a state of finding; give yes or no (True or False), or None for unknown",
    ),
    (("x", "", "none < 1", "shut"), "status 'shut' is none of holds, open"),
    (("x", "", "disease_a"), f"'disease_a' is no condition; {CONDITION_HINT}"),
    (("x", "", "disease_a = 1"), f"'disease_a = 1' is no condition; {CONDITION_HINT}"),
    (("x", "", "disease_a == 1"), f"'disease_a == 1' is no condition; {CONDITION_HINT}"),
    (("x", "", "0 < disease_a < 1"), f"'0 < disease_a < 1' is no condition; {CONDITION_HINT}"),
    (("x", "", "< disease_a"), f"'< disease_a' is no condition; {CONDITION_HINT}"),
    (("x", "", "disease_a <"), f"'disease_a <' is no condition; {CONDITION_HINT}"),
    (
        ("x", "", "disease_c > 0"),
        "'disease_c': 'disease_c' is no cause, none or serious. Did you mean 'disease_",
    ),
    (("x", "", "finding > 0"), "'finding': 'finding' is no cause, none or serious. It has: disease_"),
    (("x", "", "1.2.3*disease_a > 0"), "'1.2.3*disease_a' is no number, cause, none or serious"),
    (("x", "", "e*disease_a > 0"), "'e*disease_a' is no number, cause, none or serious"),
    (("x", "", "disease_a*2 > 0"), "'disease_a*2' is no number, cause, none or serious"),
    (("x", "", "disease_a + disease_b > 0"), "'disease_a + disease_b' is no number, cause, none or serious"),
    (("x", "", "disease_a > 50%"), "'50%' is no number, cause, none or serious"),
    (("x", "", "disease_a < nan"), "'nan': 'nan' is no cause, none or serious."),
    (("x", "", "disease_a < inf"), "'inf': 'inf' is no cause, none or serious."),
    (("x", "", "disease_a < 1e999"), "'disease_a < 1e999' has a number that is too large"),
    (
        ("x", "", "disease_a > disease_a@y"),
        "'disease_a@y' names the case 'y', which does not stand in the table.",
    ),
    (("x", "finding=yes disease_a=no disease_b=no", "none < 1"), "this evidence has probability 0 in the model."),
]


@pytest.mark.parametrize(("row", "message"), FAULTS, ids=[f"{row[1]}_{row[2]}_{row[-1]}" for row, _ in FAULTS])
def test_fault(told: Told, row: Row, message: str) -> None:
    """A scenario that cannot be read is one problem with its line, and nothing but a `ModelTableError`."""
    with pytest.raises(ModelTableError, match="1 problem in the model's tables") as caught:
        run(told(FOUND, row))
    problem = only(list(caught.value.problems))  # type: ignore[arg-type]
    assert str(problem).startswith(f"scenarios.csv, line 3: {message}")


def test_all_faults_are_reported_at_once(told: Told) -> None:
    """Every fault of every row stands in one error by line, and a faulty case brings no fault upon those that name it."""
    model = told(
        ("one", "nothing=yes", "disease_a > 0; disease_a >> 0"),
        ("two", "finding=yes", "disease_x > 0; disease_a > disease_a@one; none > 0; 1 < 2 < 3"),
        ("two", "finding=no", "none > 0", "perhaps"),
    )
    with pytest.raises(ModelTableError, match="6 problems") as caught:
        run(model)
    assert [(p.file, p.line, p.message.split("; ")[0].split(". ")[0]) for p in caught.value.problems] == [
        ("scenarios.csv", 2, "the model has no variable 'nothing'"),
        ("scenarios.csv", 2, "'disease_a >> 0' is no condition"),
        ("scenarios.csv", 3, "'disease_x': 'disease_x' is no cause, none or serious"),
        ("scenarios.csv", 3, "'1 < 2 < 3' is no condition"),
        ("scenarios.csv", 4, "case 'two' stands twice"),
        ("scenarios.csv", 4, "status 'perhaps' is none of holds, open"),
    ]


@pytest.mark.parametrize(
    ("items", "evidence"),
    [
        ([], {}),
        (["a=1", "b="], {"a": "1", "b": ""}),
        (["a=b=c"], {"a": "b=c"}),
    ],
)
def test_read_items(items: list[str], evidence: dict[str, str]) -> None:
    """A word is split at its first "=", and the value may be empty, which says nothing."""
    assert read_items(items) == evidence


def test_read_items_refuses_a_name_given_twice() -> None:
    """Both words of a name given twice are shown, the same value or not."""
    with pytest.raises(InvalidValueError, match="given twice: a=1 and a=1; give each variable once"):
        read_items(["a=1", "a=1"])
