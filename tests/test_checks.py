"""Every fault of the tables that the reader must find: what is said of it, and that nothing else is said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from models import CERTAIN, MISSING, SITES, TINY, load, with_line, write_model
from twitchbayes import ModelTableError, knowledge


def problems_of(folder: Path, *, base: dict[str, str] = TINY, **files: Any) -> list[str]:
    """Write a faulty folder and return what its one error says, fault by fault."""
    with pytest.raises(ModelTableError, match=r"^\d+ problems? in the model's tables:\n  \w") as raised:
        knowledge.read(write_model(folder, base=base, **files))
    said = [str(problem) for problem in raised.value.problems]
    assert str(raised.value).split("\n  ")[1:] == said, "the message shows every problem"
    return said


def test_small_models_are_sound(folder: Path) -> None:
    """The models that the faults below are put into have none."""
    for i, base in enumerate((TINY, SITES, CERTAIN)):
        load(folder / str(i), base=base)


# Numbers: the same words in each table that holds some.
NUMBER = "is not a number; give a fraction between 0 and 1"
OUTSIDE = "is outside [0, 1]; give a fraction (0.3, not 30)"
NUMBERS = [
    pytest.param("abc,0,1", [f"probability 'abc' {NUMBER}"], id="word"),
    pytest.param("1_0,0,1", [f"probability '1_0' {NUMBER}"], id="underscore"),
    pytest.param(",0,1", [f"probability '' {NUMBER}"], id="nothing"),
    pytest.param("nan,0,1", [f"probability 'nan' {NUMBER}"], id="nan"),
    pytest.param('"0,5",0,1', [f"probability '0,5' {NUMBER}"], id="decimal_comma"),
    pytest.param("50%,0,1", [f"probability '50%' {NUMBER}"], id="percent"),
    pytest.param("inf,0,1", [f"probability inf {OUTSIDE}"], id="inf"),
    pytest.param("1e999,0,1", [f"probability 1e999 {OUTSIDE}"], id="too_large_for_a_float"),
    pytest.param("1.0000001,0,1", [f"probability 1.0000001 {OUTSIDE}"], id="above_1"),
    pytest.param("-0.1,0,1", [f"probability -0.1 {OUTSIDE}"], id="below_0"),
    pytest.param("0.5,x,1", [f"low 'x' {NUMBER}"], id="low_a_word"),
    pytest.param("0.5,0,", [f"high '' {NUMBER}"], id="high_nothing"),
    pytest.param("0.5,-1,2", [f"low -1 {OUTSIDE}", f"high 2 {OUTSIDE}"], id="both_ends_outside"),
    pytest.param("0.5,0.9,0.1", ["low 0.9 is above high 0.1; swap them"], id="low_above_high"),
    pytest.param("0.5,0.6,0.9", ["probability 0.5 is outside its interval [0.6, 0.9]"], id="below_its_interval"),
    pytest.param("0.5,0.1,0.4", ["probability 0.5 is outside its interval [0.1, 0.4]"], id="above_its_interval"),
    pytest.param(
        "x,y,z", [f"{c} {v!r} {NUMBER}" for c, v in zip(("probability", "low", "high"), "xyz", strict=True)], id="all"
    ),
]
PLACES = [
    pytest.param("priors", "priors.csv", "variable,given,probability,low,high\nwinter,,0.5,0,1\nflu,,{}\ncold,,0.1,0,1", id="prior"),
    pytest.param("links", "links.csv", "parent,child,probability,low,high\nleak,fever,0,0,1\nleak,cough,{}", id="leak"),
    pytest.param("links", "links.csv", "parent,child,probability,low,high\n\nflu,fever,{}\nleak,fever,0,0,1\nleak,cough,0,0,1", id="link"),
    pytest.param("populations", "populations/clinic.csv", "variable,given,probability,low,high\nflu,,0.5,0,1\ncold,,{}", id="population"),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "expected"), NUMBERS)
@pytest.mark.parametrize(("name", "file", "text"), PLACES)
def test_numbers(folder: Path, name: str, file: str, text: str, cells: str, expected: list[str]) -> None:
    """A number must be a fraction inside its interval, wherever it stands."""
    text = text.format(cells)
    said = problems_of(folder, **{name: {"clinic": text} if name == "populations" else text})
    assert said == [f"{file}, line 3: {message}" for message in expected]


@pytest.mark.parametrize("number", ["0", "1", "0.0", "1e-300", " 0.5 ", "5E-1", "-0.0", "+0.5"])
def test_numbers_that_are_fine(folder: Path, number: str) -> None:
    """The ends 0 and 1 and any way to write a fraction are allowed."""
    model = load(folder, priors=TINY["priors"].replace("0.02", number))
    assert model.knowledge.priors[1].number.probability == float(number)


VARIABLES_TINY = TINY["variables"].replace("label,", "").replace(",winter", "").replace(",influenza", "")
HEAD = "variable,role,states,unit,group,any_of,aliases,assumed,serious"
ROWS = "winter,context\nflu,cause\ncold,cause\nfever,finding\ncough,finding"


def variables(row: str, line: int = 7) -> str:
    """The variables of TINY with one row more, or one row changed; all columns in the order of HEAD."""
    return with_line(f"{HEAD}\n{ROWS}", line, row)


FOR_CONTEXT = {"priors": TINY["priors"].rstrip() + "\n        extra,0.5"}
FOR_CAUSE = FOR_CONTEXT
FOR_FINDING = {"links": TINY["links"].rstrip() + "\n        leak,extra,0.1"}
MANY = ";".join(f"s{i}" for i in range(128))


@pytest.mark.parametrize(
    ("row", "other_files", "expected"),
    [
        # Names
        ("flu,cause", {}, ["line 7: variable 'flu' stands already in line 3"]),
        ("flu,finding", {}, ["line 7: variable 'flu' stands already in line 3"]),
        (",cause", {}, ["line 7: has no variable"]),
        (
            "my flu,finding",
            {},
            ["line 7: variable 'my flu' is not an identifier; use letters, digits and _ (the label may be anything)"],
        ),
        (
            "2nd,context",
            {},
            ["line 7: variable '2nd' is not an identifier; use letters, digits and _ (the label may be anything)"],
        ),
        ("leak,cause", {}, ["line 7: variable 'leak' has a meaning of its own; choose another name"]),
        ("serious,finding", {}, ["line 7: variable 'serious' has a meaning of its own; choose another name"]),
        ("priors,finding", {}, ["line 7: variable 'priors' has a meaning of its own; choose another name"]),
        ("probability,cause", {}, ["line 7: variable 'probability' has a meaning of its own; choose another name"]),
        # Roles
        ("extra,findng", {}, ["line 7: role 'findng' is none of context, cause, finding, group, union"]),
        ("extra,", {}, ["line 7: role '' is none of context, cause, finding, group, union"]),
        ("extra,Cause", {}, ["line 7: role 'Cause' is none of context, cause, finding, group, union"]),
        # Serious
        ("extra,cause,,,,,,,maybe", FOR_CAUSE, ["line 7: serious 'maybe' must be yes or no, and only a cause can be serious"]),
        ("extra,finding,,,,,,,yes", FOR_FINDING, ["line 7: serious 'yes' must be yes or no, and only a cause can be serious"]),
        ("extra,context,,,,,,,True", FOR_CONTEXT, ["line 7: serious 'True' must be yes or no, and only a cause can be serious"]),
        # States
        (f"extra,finding,{MANY}", {}, ["line 7: has 128 states; 15 at most"]),
        ("extra,cause,present;absent", FOR_CAUSE, ["line 7: states 'present;absent': only a context or a finding may have states other than absent;present"]),
        ("extra,context,one", {}, ["line 7: states 'one' must be two or more different words, none of them unknown"]),
        ("extra,context,a;b;a", {}, ["line 7: states 'a;b;a' must be two or more different words, none of them unknown"]),
        ("extra,context,a;A", {}, ["line 7: states 'a;A' must be two or more different words, none of them unknown"]),
        ("extra,context,a;Unknown", {}, ["line 7: states 'a;Unknown' must be two or more different words, none of them unknown"]),
        (f"extra,context,{MANY}", {}, ["line 7: has 128 states; 127 at most"]),
        # Bands
        ("extra,context,18-39;41-120,years", {}, ["line 7: states '18-39;41-120': a variable with a unit needs bands that join up, as 18-39;40-120"]),
        ("extra,context,18-40;40-120,years", {}, ["line 7: states '18-40;40-120': a variable with a unit needs bands that join up, as 18-39;40-120"]),
        ("extra,context,40-120;18-39,years", {}, ["line 7: states '40-120;18-39': a variable with a unit needs bands that join up, as 18-39;40-120"]),
        ("extra,context,39-18;40-120,years", {}, ["line 7: states '39-18;40-120': a variable with a unit needs bands that join up, as 18-39;40-120"]),
        ("extra,context,young;old,years", {}, ["line 7: states 'young;old': a variable with a unit needs bands that join up, as 18-39;40-120"]),
        ("extra,finding,,years", FOR_FINDING, ["line 7: unit 'years': only a context is given as a number"]),
        # Assumed
        ("extra,finding,,,,,,yes", FOR_FINDING, ["line 7: assumed 'yes' is none of the states absent, present"]),
        # Aliases
        ("extra,context,a;b,,,,x=c", {}, ["line 7: alias x=c must give another word for one of a, b"]),
        ("extra,context,a;b,,,,x", {}, ["line 7: alias x= must give another word for one of a, b"]),
        ("extra,context,a;b,,,,A=b", {}, ["line 7: alias A=b must give another word for one of a, b"]),
        ("extra,context,a;b,,,,unknown=b", {}, ["line 7: alias unknown=b must give another word for one of a, b"]),
        ("extra,context,a;b,,,,x=a;X=b", {}, ["line 7: alias X=b must give another word for one of a, b"]),
        # Groups
        ("extra,group", {}, ["line 7: group 'extra' has no member; name it in the column group of its findings"]),
        ("extra,finding,,,sites", FOR_FINDING, ["line 7: group 'sites' is no row with role group."]),
        ("extra,finding,,,,sites", {}, ["line 7: any_of 'sites' is no row with role group."]),
        ("extra,finding,,,fever", FOR_FINDING, ["line 7: group 'fever' is no row with role group."]),
    ],
)  # fmt: skip
def test_one_row_of_variables(folder: Path, row: str, other_files: dict[str, str], expected: list[str]) -> None:
    """A fault in the row of a variable is said once, and nothing follows from it elsewhere."""
    assert problems_of(folder, variables=variables(row), **other_files) == [f"variables.csv, {e}" for e in expected]


SITES_LINES = {name: i for i, name in enumerate(re.findall(r"^ +(\w+),", SITES["variables"], re.M), start=1)}


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("twitch_leg", "twitch_leg,finding,,,siet", "group 'siet' is no row with role group. Did you mean 'site'?"),
        ("twitching", "twitching,finding,,,,Site,,present", "any_of 'Site' is no row with role group. Did you mean 'site'?"),
        ("twitching", "twitching,finding,,,site,site", "a finding is a member of a group or the OR of one, not both"),
        ("strain", "strain,cause,,,site", "group 'site': only a finding may name a group"),
        ("strain", "strain,cause,,,,site", "any_of 'site': only a finding may name a group"),
        ("site", "site,gruop", "role 'gruop' is none of context, cause, finding, group, union"),
        ("site", "site,group,a;b", "states 'a;b': a group has no states; its members have"),
        ("site", "site,group,,years", "unit 'years': a group has no states; its members have"),
        ("site", "site,group,,,,,x=present", "aliases 'x=present': a group has no states; its members have"),
        ("site", "site,group,,,,,,present", "assumed 'present': a group has no states; its members have"),
        ("site", "site,group,,,,,,,yes", "serious 'yes' must be yes or no, and only a cause can be serious"),
        ("age", "age,context,18-39;41-120,years", "states '18-39;41-120': a variable with a unit needs bands that join up, as 18-39;40-120"),
        ("sex", "sex,contxt,female;male", "role 'contxt' is none of context, cause, finding, group, union"),
        (
            "weak",
            "weak,finding,,,,site",
            "any_of 'site': line 8 is the OR of that group already; a group has one at most",
        ),
    ],
)  # fmt: skip
def test_one_row_that_others_lean_on(folder: Path, name: str, row: str, expected: str) -> None:
    """A fault in a group, a site or a context that priors depend on is said once, not wherever it is used."""
    text = with_line(SITES["variables"], SITES_LINES[name], row)
    assert problems_of(folder, base=SITES, variables=text) == [f"variables.csv, line {SITES_LINES[name]}: {expected}"]


def priors(line: int, row: str | None, text: str = TINY["priors"]) -> str:
    """The priors of TINY with their columns variable, given, state, probability, and one row changed."""
    lines = [line.strip() for line in text.strip().split("\n")][1:]
    full = ["variable,given,state,probability", *(line.replace(",", ",,,") for line in lines)]
    return with_line("\n".join(full), line, row)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Names: a slip of `flu` is not a missing flu as well.
        (priors(3, "flue,,,0.1"), ["line 3: variable 'flue' is not in variables.csv. Did you mean 'flu'?"]),
        (priors(5, "xyz,,,0.1"), ["line 5: variable 'xyz' is not in variables.csv. It has: winter, flu, cold, fever, cough."]),
        (priors(5, "fever,,,0.1"), ["line 5: finding 'fever' can have no prior; only contexts and causes have one"]),
        (priors(5, "winter,,,0.5"), ["line 5: repeats line 2; a number stands once"]),
        (priors(5, "flu,,present,0.5"), ["line 5: repeats line 3; a number stands once"]),
        # States
        (priors(3, "flu,,absent,0.98"), ["line 3: state 'absent': the prior of a cause is that of its state present"]),
        (priors(2, "winter,,mild,0.5"), ["line 2: state 'mild' is none of absent, present"]),
        (priors(2, "winter,,absent,0.5"), ["line 2: 'winter' has no row for present"]),
        (priors(5, "winter,,absent,0.5"), ["line 2: the states of 'winter' sum to 0.75; they must sum to 1"]),
        # Strata
        (priors(3, "flu,winter=present,,0.1"), [": has no row of 'flu' given winter=absent"]),
        (priors(3, "flu,winter=cold,,0.1"), ["line 3: given winter=cold: winter is one of absent, present"]),
        (priors(3, "flu,winter,,0.1"), ["line 3: given winter=?: winter is one of absent, present"]),
        (priors(3, "flu,wintre=present,,0.1"), ["line 3: given 'wintre' is no context that it can depend on. Did you mean 'winter'?"]),
        (priors(3, "flu,cold=present,,0.1"), ["line 3: given 'cold' is no context that it can depend on. It has: winter."]),
        (priors(2, "winter,winter=present,,0.1"), ["line 2: given 'winter' is no context that it can depend on."]),
        (
            priors(5, "flu,winter=present,,0.1"),
            ["line 5: given of 'flu' names ('winter',), line 3 names nothing; all rows of a variable name the same, each once"],
        ),
        (
            priors(3, "flu,winter=present;winter=absent,,0.1"),
            ["line 3: given of 'flu' names ('winter', 'winter'), line 3 names ('winter', 'winter'); all rows of a variable name the same, each once"],
        ),
        # Nothing at all
        (priors(3, None), [": has no row for the cause 'flu'"]),
        (priors(2, None), [": has no row for the context 'winter'"]),
        # The rest of a row
        (priors(3, "flu,,,0.1").replace("probability", "probability,basis").replace("flu,,,0.1", "flu,,,0.1,guess").replace("winter,,,0.25", "winter,,,0.25,expert").replace("cold,,,0.1", "cold,,,0.1,counts"), ["line 3: basis 'guess' is none of counts, reported, pooled, band, expert, tuned"]),
    ],
)  # fmt: skip
def test_priors(folder: Path, text: str, expected: list[str]) -> None:
    """Each prior names a variable that has one, in a state and a stratum that exist, once."""
    marks = [e if e.startswith(":") else f", {e}" for e in expected]
    assert problems_of(folder, priors=text) == [f"priors.csv{mark}" for mark in marks]


def test_a_fault_hides_no_other_of_a_like_name(folder: Path) -> None:
    """What is wrong with one variable does not excuse another whose name is nearly the same."""
    said = problems_of(
        folder,
        variables="variable,role\nflu_a,cause\nflu_b,cause\nfever,finding",
        priors="variable,state,probability\nflu_a,absent,0.1",
        links="parent,child,probability\nleak,fever,0.1",
    )
    assert said == [
        "priors.csv: has no row for the cause 'flu_b'",
        "priors.csv, line 2: state 'absent': the prior of a cause is that of its state present",
    ]


@pytest.mark.parametrize(
    ("error", "sums"),
    [
        # 0.4 + (0.6 + e) is within 1e-9 of 1 for e = 1e-10 and is not for e = 1e-8.
        (1e-10, True),
        (-1e-10, True),
        (1e-8, False),
        (-1e-8, False),
        (0.3, False),
    ],
)
def test_states_sum_to_1(folder: Path, error: float, sums: bool) -> None:
    """The states of a context sum to 1 to 1e-9."""
    text = SITES["priors"].replace("40-120,0.6", f"40-120,{0.6 + error!r}")
    if sums:
        load(folder, base=SITES, priors=text)
    else:
        total = f"{0.4 + (0.6 + error):.12g}"
        assert problems_of(folder, base=SITES, priors=text) == [
            f"priors.csv, line 2: the states of 'age' sum to {total}; they must sum to 1"
        ]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("sex,,male,0.5\n", "", ", line 4: 'sex' has no row for male"),
        ("sex,,male,0.5", "sex,,mael,0.5", ", line 5: state 'mael' is none of female, male"),
        ("lifting,sex=male,,0.4\n", "", ": has no row of 'lifting' given sex=male"),
        (
            "palsy,age=40-120;sex=male,,0.02\n",
            "",
            ": has no row of 'palsy' given age=40-120 and sex=male",
        ),
        (
            "palsy,age=18-39;sex=female,,0.001\n        palsy,age=18-39;sex=male,,0.002\n",
            "",
            ": has no row of 'palsy' given age=18-39 and sex=female or given age=18-39 and sex=male",
        ),
        # The order of the names does not make another stratum.
        (
            "palsy,age=40-120;sex=male,,0.02",
            "palsy,sex=female;age=40-120,,0.02",
            ", line 12: repeats line 11; a number stands once",
        ),
    ],
)
def test_strata_are_complete(folder: Path, old: str, new: str, expected: str) -> None:
    """A variable that depends on contexts has one number for each combination of their states."""
    said = problems_of(folder, base=SITES, priors=re.sub(f"\n *{re.escape(old)}", f"\n        {new}", SITES["priors"]))
    repeated = [": has no row of 'palsy' given age=40-120 and sex=male"] if "repeats" in expected else []
    assert said == [f"priors.csv{e}" for e in (*repeated, expected)]


def test_many_missing_strata_are_one_problem(folder: Path) -> None:
    """Of 2^6 strata with one row, three of the 63 missing ones are named and the others counted."""
    contexts = [f"c{i}" for i in range(6)]
    given = ";".join(f"{c}=absent" for c in contexts)
    said = problems_of(
        folder,
        variables="variable,role\n" + "".join(f"{c},context\n" for c in contexts) + "flu,cause\nfever,finding",
        priors="variable,given,probability\n" + "".join(f"{c},,0.5\n" for c in contexts) + f"flu,{given},0.1",
        links="parent,child,probability\nleak,fever,0.1\nflu,fever,0.5",
    )
    assert len(said) == 1
    assert said[0].startswith("priors.csv: has no row of 'flu' given c0=absent and c1=absent")
    assert said[0].endswith("and c5=present and 60 strata more")


@pytest.mark.parametrize(
    ("dependencies", "loop"),
    [
        ({"a": "b", "b": "a"}, "a given b given a"),
        ({"a": "b", "b": "c", "c": "a"}, "a given b given c given a"),
        # d leans on the circle without being part of it.
        ({"d": "a", "a": "b", "b": "c", "c": "b"}, "b given c given b"),
    ],
)
def test_circle_of_contexts(folder: Path, dependencies: dict[str, str], loop: str) -> None:
    """Contexts that depend on each other in a circle are named in its order, once, at the row of the first."""
    names = sorted({*dependencies, "winter"})
    rows = [f"{n},{dependencies[n]}={state},0.5" for n in dependencies for state in ("absent", "present")]
    first = 2 + next(i for i, row in enumerate(rows) if row.startswith(f"{loop[0]},"))
    said = problems_of(
        folder,
        variables="variable,role\n"
        + "".join(f"{n},context\n" for n in names)
        + "flu,cause\ncold,cause\nfever,finding\ncough,finding",
        priors="variable,given,probability\n" + "\n".join(rows) + "\nwinter,,0.5\nflu,,0.1\ncold,,0.1",
    )
    assert said == [f"priors.csv, line {first}: the contexts depend on each other in a circle: {loop}"]


def links(line: int, row: str | None) -> str:
    """The links of TINY with their columns parent, child, form, probability, and one row changed."""
    lines = [line.strip() for line in TINY["links"].strip().split("\n")][1:]
    full = ["parent,child,form,probability", *(re.sub(",(?=[0-9])", ",net,", line) for line in lines)]
    return with_line("\n".join(full), line, row)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Names
        (links(8, "flue,cough,net,0.1"), ", line 8: parent 'flue' is not in variables.csv. Did you mean 'flu'?"),
        (links(8, "flu,caugh,net,0.1"), ", line 8: child 'caugh' is not in variables.csv. Did you mean 'cough'?"),
        (links(8, "flu,leak,net,0.1"), ", line 8: child 'leak' is not in variables.csv. It has: winter, flu, cold, fever, cough."),
        (links(8, ",cough,net,0.1"), ", line 8: parent '' is not in variables.csv. It has: winter, flu, cold, fever, cough, leak."),
        (links(4, "leek,cough,,0.1"), ", line 4: form '' is neither compound nor net|, line 4: parent 'leek' is not in variables.csv. Did you mean 'leak'?"),
        (links(4, "leek,cough,net,0.1"), ", line 4: parent 'leek' is not in variables.csv. Did you mean 'leak'?"),
        (links(4, "leak,coughs,,0.1"), ", line 4: child 'coughs' is not in variables.csv. Did you mean 'cough'?"),
        (links(8, "flu,cough,net,0.1"), ", line 8: repeats line 6; a number stands once"),
        (links(8, "leak,cough,net,0.1"), ", line 8: repeats line 4; a number stands once"),
        # Directions
        (links(8, "fever,flu,net,0.1"), ", line 8: links go from a context to a cause or from a cause to a finding, not finding to cause"),
        (links(8, "flu,cold,net,0.1"), ", line 8: links go from a context to a cause or from a cause to a finding, not cause to cause"),
        (links(8, "winter,fever,net,0.1"), ", line 8: links go from a context to a cause or from a cause to a finding, not context to finding"),
        (links(8, "flu,winter,net,0.1"), ", line 8: links go from a context to a cause or from a cause to a finding, not cause to context"),
        (links(8, "flu,winter,compound,0.1"), ", line 8: links go from a context to a cause or from a cause to a finding, not cause to context"),
        (links(8, "fever,cough,net,0.1"), ", line 8: links go from a context to a cause or from a cause to a finding, not finding to finding"),
        (links(8, "flu,flu,net,0.1"), ", line 8: links go from a context to a cause or from a cause to a finding, not cause to cause"),
        # Leaks
        (links(4, None), ": has no leak for the finding 'cough'; add a row leak,cough"),
        (links(8, "leak,cold,,0.1"), ", line 8: the leak of cause 'cold' belongs in priors.csv; here only findings have one"),
        (links(8, "leak,winter,,0.1"), ", line 8: the leak of context 'winter' belongs in priors.csv; here only findings have one"),
        # Forms
        (links(5, "flu,fever,,0.9"), ", line 5: form '' is neither compound nor net"),
        (links(5, "flu,fever,Net,0.9"), ", line 5: form 'Net' is neither compound nor net"),
        (links(3, "leak,fever,nett,0.01"), ", line 3: form 'nett' is neither compound nor net"),
        # A compound link includes the leak: 0.04 < 0.05 for cough, 0.01 < 0.02 for flu.
        (links(6, "flu,cough,compound,0.04"), ", line 6: compound 0.04 of 'flu' is below the leak 0.05 of 'cough'; a compound value includes the leak"),
        (links(2, "winter,flu,compound,0.01"), ", line 2: compound 0.01 of 'winter' is below the leak 0.02 of 'flu'; a compound value includes the leak"),
    ],
)  # fmt: skip
def test_links(folder: Path, text: str, expected: str) -> None:
    """Each link goes one layer down between variables that exist, once, with a form and above its leak."""
    assert problems_of(folder, links=text) == [f"links.csv{e}" for e in expected.split("|")]


def test_compound_may_equal_its_leak(folder: Path) -> None:
    """A parent that adds nothing to the background is allowed: its net link is 0."""
    model = load(folder, links=links(6, "flu,cough,compound,0.05"))
    assert model.network.link_matrices(model.network.parameters.yes[0], 0.0)[1][0, 1] == 0


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "lifting,palsy,compound,0.5",
            "a compound link needs one leak, and that of 'palsy' is stratified; give the net link",
        ),
        (
            "strain,twitching,net,0.5",
            "'twitching' is the OR of 'site' and takes no link; link its members instead",
        ),
        (
            "leak,twitching,,0.5",
            "'twitching' is the OR of 'site' and takes no link; link its members instead",
        ),
        (
            "strain,site,net,0.5",
            "links go from a context to a cause or from a cause to a finding, not cause to group",
        ),
        ("sex,strain,net,0.5", "'sex' is not binary; let the prior of 'strain' depend on it through `given`"),
    ],
)
def test_links_of_a_larger_model(folder: Path, row: str, expected: str) -> None:
    """Strata, groups, their OR and contexts of several states take no link of the usual kind."""
    text = SITES["links"].rstrip() + f"\n        {row}"
    assert problems_of(folder, base=SITES, links=text) == [f"links.csv, line 10: {expected}"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"sources": "source\nbook\npaper"},
            ["sources.csv, line 3: source 'paper' is used by no row; cite it or take it out"],
        ),
        ({"sources": "source\nbook\nbook"}, ["sources.csv, line 3: source 'book' stands already in line 2"]),
        ({"sources": "source,citation\nbook,"}, ["sources.csv, line 2: source 'book' has no citation"]),
        ({"sources": "source,citation\nbook,A book\n,A paper"}, ["sources.csv, line 3: has no source"]),
        (
            {"priors": "variable,probability,source\nwinter,0.2,book\nflu,0.1,\ncold,0.1,book"},
            ["priors.csv, line 3: has no source; name one of sources.csv (a judgement has one too)"],
        ),
        (
            {"priors": "variable,probability,source\nwinter,0.2,book\nflu,0.1,;\ncold,0.1,book"},
            ["priors.csv, line 3: has no source; name one of sources.csv (a judgement has one too)"],
        ),
        (
            {"priors": "variable,probability,source\nwinter,0.2,book\nflu,0.1,book;journal\ncold,0.1,book"},
            ["priors.csv, line 3: source 'journal' is not in sources.csv. It has: book."],
        ),
        # A misspelt name is not an unused source as well.
        (
            {
                "sources": "source\nbook\nsmith2020",
                "priors": "variable,probability,source\nwinter,0.2,book\nflu,0.1,smith2002\ncold,0.1,book",
            },
            ["priors.csv, line 3: source 'smith2002' is not in sources.csv. Did you mean 'smith2020'?"],
        ),
        (
            {"codes": "variable,system,code,source\nflu,ICD-10,J10,atlas"},
            ["codes.csv, line 2: source 'atlas' is not in sources.csv. It has: book."],
        ),
        (
            {"populations": {"clinic": "variable,probability,source\nflu,0.2,atlas"}},
            ["populations/clinic.csv, line 2: source 'atlas' is not in sources.csv. It has: book."],
        ),
        (
            {"scenarios": "case,evidence,holds,source\none,fever=yes,flu > cold,atlas"},
            ["scenarios.csv, line 2: source 'atlas' is not in sources.csv. It has: book."],
        ),
        (
            {"red_flags": "rule,evidence,advice,source\none,fever=yes,go,"},
            ["red_flags.csv, line 2: has no source; name one of sources.csv (a judgement has one too)"],
        ),
    ],
)
def test_sources(folder: Path, files: dict[str, Any], expected: list[str]) -> None:
    """Every row with a source column cites sources that exist, and every source is cited."""
    assert problems_of(folder, **files) == expected


@pytest.mark.parametrize(
    "files",
    [
        {"codes": "variable,system,code,source\nflu,ICD-10,J10,atlas"},
        {"scenarios": "case,evidence,holds,source\none,fever=yes,flu > cold,atlas"},
        {"red_flags": "rule,evidence,advice,source\none,fever=yes,go,atlas"},
        {"populations": {"clinic": "variable,probability,source\nflu,0.2,atlas"}},
    ],
)
def test_a_source_used_in_any_table_is_used(folder: Path, files: dict[str, Any]) -> None:
    """Codes, scenarios, red flags and settings cite sources as well as the numbers do."""
    assert set(load(folder, sources="source\nbook\natlas", **files).knowledge.citations) == {"book", "atlas"}


def test_codes(folder: Path) -> None:
    """A code belongs to a variable of the model."""
    said = problems_of(folder, codes="variable,system,code\nflu,ICD-10,J10\nfevr,HPO,HP:0001945")
    assert said == ["codes.csv, line 3: variable 'fevr' is not in variables.csv. Did you mean 'fever'?"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {"variables": "variable,role\nwinter,context\nfever,finding", "links": "parent,child,probability\nleak,fever,0.1", "priors": "variable,probability\nwinter,0.2"},
            ["variables.csv: has no cause; a model needs at least one"],
        ),
        (
            {"variables": "variable,role\nwinter,context\nflu,cause", "links": "parent,child,probability\nwinter,flu,0.1", "priors": "variable,probability\nwinter,0.2\nflu,0.1"},
            ["variables.csv: has no finding; a model needs at least one"],
        ),
    ],
)  # fmt: skip
def test_a_model_needs_causes_and_findings(folder: Path, files: dict[str, str], expected: list[str]) -> None:
    """A model without causes has nothing to infer, one without findings nothing to infer it from."""
    assert problems_of(folder, **files) == expected


def test_a_model_needs_no_context(folder: Path) -> None:
    """Contexts are optional."""
    model = load(
        folder,
        variables="variable,role\nflu,cause\nfever,finding",
        priors="variable,probability\nflu,0.1",
        links="parent,child,probability\nleak,fever,0.2\nflu,fever,0.5",
    )
    # P(fever | flu) = 1 - 0.8 * 0.5 = 0.6, so P(flu | fever) = 0.06 / (0.06 + 0.9 * 0.2) = 0.25
    assert model.infer(fever=True)["flu"] == pytest.approx(0.25, rel=1e-12)


POPULATION = "variable,given,state,probability"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("strian,,,0.5", ["line 2: variable 'strian' is not in variables.csv. Did you mean 'strain'?"]),
        ("weak,,,0.5", ["line 2: finding 'weak' can have no prior; only contexts and causes have one"]),
        ("strain,,,0.2\nstrain,,,0.2", ["line 3: repeats line 2; a number stands once"]),
        ("sex,,male,0.7", ["line 2: the states of 'sex' sum to 1.2; they must sum to 1"]),
        ("palsy,age=18-39,,0.1", [": has no row of 'palsy' given age=40-120"]),
        ("palsy,age=18-93;sex=male,,0.1", ["line 2: given age=18-93: age is one of 18-39, 40-120"]),
        # strain has one leak and a compound link of 0.5 from lifting.
        ("strain,,,0.6", ["links.csv, line 2: compound 0.5 of 'lifting' is below the leak 0.6 of 'strain' (populations/clinic.csv, line 2); a compound value includes the leak"]),
        ("strain,sex=male,,0.1\nstrain,sex=female,,0.1", ["links.csv, line 2: a compound link needs one leak, and that of 'strain' is stratified (populations/clinic.csv, line 2); give the net link"]),
    ],
)  # fmt: skip
def test_populations(folder: Path, rows: str, expected: list[str]) -> None:
    """A setting must fit the model it is laid over, and is checked when the model is read."""
    said = problems_of(folder, base=SITES, populations={"clinic": f"{POPULATION}\n{rows}"})
    marks = {"l": ", ", ":": ""}
    assert said == [e if e.startswith("links.csv") else f"populations/clinic.csv{marks[e[0]]}{e}" for e in expected]


def test_every_problem_of_every_file_at_once(folder: Path) -> None:
    """Fourteen faults over seven files come in one error, sorted by place, and nothing that follows from them."""
    said = problems_of(
        folder,
        base=SITES,
        meta="title = 'x'\nversion = '1'\npopulation = 'p'\nwindow = 'w'\nlicence = 'l'\nintended_use = 'i'",
        variables=SITES["variables"]
        .replace("female;male", "female")  # 1
        .replace("weak,finding", "we ak,finding"),  # 2
        priors=SITES["priors"]
        .replace("age,,18-39,0.4", "age,,18-39,0.5")  # 3
        .replace("strain,,,0.1", "strain,,,1.1")  # 4
        .replace("lifting,sex=male,,", "liffting,sex=male,,"),  # 5
        links=SITES["links"]
        .replace("lifting,strain,compound,0.5", "lifting,strain,compound,lots")  # 6
        .replace("leak,twitch_leg,,0.03", "leak,twitch_leg,,-3")  # 7
        .replace("strain,twitch_arm", "strain,twitching")  # 8
        .rstrip()
        + "\n        palsy,twitch_arm,net,0.1",  # 9
        sources="source,citation\nbook,\npaper,A paper",  # 10, 11
        codes="variable,system,code\nstrain,HPO,1\npalsi,HPO,2",  # 12
        populations={"clinic": "variable,probability,low,high\nstrain,0.5,0.6,0.7\n"},  # 13
    )
    assert said == [
        "codes.csv, line 3: variable 'palsi' is not in variables.csv. Did you mean 'palsy'?",
        "links.csv, line 2: probability 'lots' is not a number; give a fraction between 0 and 1",
        "links.csv, line 4: probability -3 is outside [0, 1]; give a fraction (0.3, not 30)",
        "links.csv, line 6: 'twitching' is the OR of 'site' and takes no link; link its members instead",
        "links.csv, line 10: repeats line 7; a number stands once",
        "model.toml: lacks not_for",
        "populations/clinic.csv, line 2: probability 0.5 is outside its interval [0.6, 0.7]",
        "priors.csv, line 2: the states of 'age' sum to 1.1; they must sum to 1",
        "priors.csv, line 7: variable 'liffting' is not in variables.csv. Did you mean 'lifting'?",
        "priors.csv, line 8: probability 1.1 is outside [0, 1]; give a fraction (0.3, not 30)",
        "sources.csv, line 2: source 'book' has no citation",
        "sources.csv, line 3: source 'paper' is used by no row; cite it or take it out",
        "variables.csv, line 3: states 'female' must be two or more different words, none of them unknown",
        "variables.csv, line 11: variable 'we ak' is not an identifier; use letters, digits and _ (the label may be anything)",
    ]


BAD_PRIOR = TINY["priors"].replace("0.02", "1.3")
PRIOR_PROBLEM = "priors.csv, line 3: probability 1.3 is outside [0, 1]; give a fraction (0.3, not 30)"
BAD_LINK = TINY["links"].replace("0.9", "2").replace("flu,cough", "flu,cuogh")
LINK_PROBLEMS = [
    "links.csv, line 5: probability 2 is outside [0, 1]; give a fraction (0.3, not 30)",
    "links.csv, line 6: child 'cuogh' is not in variables.csv. Did you mean 'cough'?",
]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"priors": BAD_PRIOR, "links": MISSING},
            [
                "links.csv: is missing; a CSV file with the columns parent, child, form, probability, low, high, basis, source, note belongs here",
                PRIOR_PROBLEM,
            ],
            id="no_links",
        ),
        pytest.param(
            {"priors": b"", "links": BAD_LINK},
            [
                *LINK_PROBLEMS,
                "priors.csv: is empty; it needs a header with the columns variable, given, state, probability, low, high, basis, source, note",
            ],
            id="no_bytes_of_priors",
        ),
        pytest.param(
            {"variables": b"variable\n", "links": BAD_LINK, "priors": BAD_PRIOR},
            [
                LINK_PROBLEMS[0],
                PRIOR_PROBLEM,
                "variables.csv, line 1: lacks the columns role, label, question, states, group, assumed, serious, definition; the header is variable",
            ],
            id="variables_without_columns",
        ),
        pytest.param(
            {"sources": b"source,citation,identifier,kind,read\n", "links": BAD_LINK},
            [*LINK_PROBLEMS, "sources.csv: has a header and no row under it"],
            id="no_row_of_sources",
        ),
        pytest.param(
            {"variables": TINY["variables"].replace("cold,cause,common cold,", "cold,cause,common cold,,,,,,,,,,,,x")},
            ["variables.csv, line 4: has 15 cells where the header has 9; quote a field that contains a comma"],
            id="a_row_of_variables_with_too_many_cells",
        ),
        pytest.param(
            {"priors": BAD_PRIOR, "populations": {"clinic": b"variable\nflu\n"}},
            [
                "populations/clinic.csv, line 1: lacks the columns given, state, probability, low, high, basis, source, note; the header is variable",
                PRIOR_PROBLEM,
            ],
            id="a_setting_without_columns",
        ),
        pytest.param(
            {"codes": b"\xff", "sources": "source\nbook\natlas", "links": BAD_LINK},
            ["codes.csv, line 1: byte 0xff is not UTF-8; save the file as UTF-8", *LINK_PROBLEMS],
            id="codes_unread_so_no_source_is_called_unused",
        ),
    ],
)
def test_a_file_that_cannot_be_read_hides_nothing_else(
    folder: Path, files: dict[str, Any], expected: list[str]
) -> None:
    """With one file unreadable, the rows of the others are checked, and nothing is said that leans on it."""
    assert problems_of(folder, **files) == expected
