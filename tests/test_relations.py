"""Faults of findings with levels, of what describes, of unions, exclusions and strata: each by its file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from twitchbayes import Model, ModelTableError, knowledge

VARIABLES = """variable,role,label,question,states,group,assumed,serious,definition,any_of,of,excludes
age,context,,,young;old,,,,,,,
winter,context,,,,,,,,,,
flu,cause,,,,,,,,,,
cold,cause,,,,,,,,,,
quiet,cause,,,,,,,,,,ill
ill,union,,,,,,,,flu;cold,,
any_ill,union,,,,,,,,ill;quiet,,
spots,group,,,,,,,,,,
face,finding,,,,spots,,,,,,
hand,finding,,,,spots,,,,,,
spotted,finding,,,,,,,,spots,,
fever,finding,,,none;mild;high,,,,,,,
days,finding,,,few;many,,,,,,spotted,
"""
PRIORS = """variable,given,state,probability,low,high,basis,source,note
age,,young,0.5,0,1,expert,made_up,
age,,old,0.5,0,1,expert,made_up,
winter,,present,0.25,0,1,expert,made_up,
flu,,present,0.02,0,1,expert,made_up,
cold,,present,0.1,0,1,expert,made_up,
quiet,,present,0.3,0,1,expert,made_up,
"""
LINKS = """parent,child,form,probability,low,high,basis,source,note,state,given
leak,face,net,0.01,0,1,expert,made_up,,,
leak,hand,net,0.01,0,1,expert,made_up,,,
flu,face,net,0.5,0,1,expert,made_up,,,
leak,fever,net,0.02,0,1,expert,made_up,,mild,
leak,fever,net,0.01,0,1,expert,made_up,,high,
flu,fever,net,0.3,0,1,expert,made_up,,mild,
flu,fever,net,0.5,0,1,expert,made_up,,high,
leak,days,net,0.1,0,1,expert,made_up,,many,
flu,days,net,0.7,0,1,expert,made_up,,many,
cold,hand,net,0.2,0,1,expert,made_up,,,age=young
cold,hand,net,0.4,0,1,expert,made_up,,,age=old
"""


def write(folder: Path, *changes: tuple[str, str, str]) -> Path:
    """Write the model with some lines of its files replaced."""
    folder.mkdir()
    files = {"variables.csv": VARIABLES, "priors.csv": PRIORS, "links.csv": LINKS}
    for file, old, new in changes:
        assert files[file].count(old) == 1
        files[file] = files[file].replace(old, new)
    for file, text in files.items():
        (folder / file).write_text(text)
    (folder / "sources.csv").write_text("source,citation,identifier,kind,read\nmade_up,Made up,none,expert,none\n")
    (folder / "model.toml").write_text("".join(f'{key} = "test"\n' for key in ("name", *knowledge.META)))
    return folder


def test_the_model_is_sound(tmp_path: Path) -> None:
    """All of it together is read, compiled, and says what it is."""
    found = knowledge.read(write(tmp_path / "sound"))
    network = Model(found).network
    assert network.groups == ("ill", "any_ill")
    assert found.causes_of("any_ill") == ("flu", "cold", "quiet")
    assert network.excludes == ((0, 2), (1, 2))
    assert network.columns[-3:] == ("spotted", "ill", "any_ill")


FAULTS = [
    # what describes
    ("variables.csv", "days,finding,,,few;many,,,,,,spotted,", "days,finding,,,few;many,,,,,,spoted,", 14, "of 'spoted' is not in"),
    ("variables.csv", "days,finding,,,few;many,,,,,,spotted,", "days,finding,,,few;many,,,,,,flu,", 14, "of 'flu' is a cause"),
    ("variables.csv", "days,finding,,,few;many,,,,,,spotted,", "days,finding,,,few;many,,,,,,spots,", 14, "of 'spots' is a group"),
    ("variables.csv", "days,finding,,,few;many,,,,,,spotted,", "days,finding,,,few;many,,,,,,fever,", 14, "of 'fever' is graded"),
    ("variables.csv", "days,finding,,,few;many,,,,,,spotted,", "days,finding,,,few;many,,,,,,days,", 14, "describes a finding itself"),
    ("variables.csv", "days,finding,,,few;many,,,,,,spotted,", "days,finding,,,,spots,,,,,spotted,", 14, "neither a member of a group"),
    ("variables.csv", "winter,context,,,,,,,,,,", "winter,context,,,,,,,,,spotted,", 3, "only a finding may describe"),
    # exclusions
    ("variables.csv", "quiet,cause,,,,,,,,,,ill", "quiet,cause,,,,,,,,,,il", 6, "excludes 'il' is not in"),
    ("variables.csv", "quiet,cause,,,,,,,,,,ill", "quiet,cause,,,,,,,,,,fever", 6, "excludes 'fever' is a finding"),
    ("variables.csv", "quiet,cause,,,,,,,,,,ill", "quiet,cause,,,,,,,,,,quiet", 6, "cannot exclude itself"),
    ("variables.csv", "quiet,cause,,,,,,,,,,ill", "quiet,cause,,,,,,,,,,any_ill", 6, "contradicts that union"),
    ("variables.csv", "flu,cause,,,,,,,,,,", "flu,cause,,,,,,,,,,quiet", 4, "exclude each other in a circle: flu excludes quiet excludes flu"),
    ("variables.csv", "fever,finding,,,none;mild;high,,,,,,,", "fever,finding,,,none;mild;high,,,,,,,flu", 13, "only a cause may exclude"),
    # unions
    ("variables.csv", "ill,union,,,,,,,,flu;cold,,\nany", "ill,union,,,,,,,,,,\nany", 7, "a union needs causes"),
    ("variables.csv", "ill,union,,,,,,,,flu;cold,,\nany", "ill,union,,,,,,,,flu;flu,,\nany", 7, "names 'flu' twice"),
    ("variables.csv", "ill,union,,,,,,,,flu;cold,,\nany", "ill,union,,,,,,,,flu;fever,,\nany", 7, "'fever' is a finding"),
    ("variables.csv", "ill,union,,,,,,,,flu;cold,,\nany", "ill,union,,,,,,,,flu;any_ill,,\nany", 7, "in a circle: ill contains any_ill contains ill"),
    ("variables.csv", "ill,union,,,,,,,,flu;cold,,\nany", "ill,union,,,a;b,,,,,flu;cold,,\nany", 7, "states 'a;b': a union has none"),
    ("priors.csv", "quiet,,present,0.3,0,1,expert,made_up,", "quiet,,present,0.3,0,1,expert,made_up,\nill,,present,0.3,0,1,expert,made_up,", 8, "union 'ill' can have no prior"),
    ("links.csv", "flu,face,net", "ill,face,net", 4, "'ill' is a union and takes no link"),
    # levels
    ("links.csv", "flu,fever,net,0.5,0,1,expert,made_up,,high,", "flu,fever,net,0.5,0,1,expert,made_up,,hot,", 8, "state 'hot' is none of mild, high"),
    ("links.csv", "flu,fever,net,0.5,0,1,expert,made_up,,high,", "flu,fever,net,0.5,0,1,expert,made_up,,none,", 8, "state 'none' is the lowest"),
    ("links.csv", "flu,fever,net,0.5,0,1,expert,made_up,,high,\n", "", 7, "'flu' to 'fever' has no row for high"),
    ("links.csv", "flu,fever,net,0.5,0,1,expert", "flu,fever,net,0.75,0,1,expert", 7, "sum to 1.05"),
    ("links.csv", "flu,fever,net,0.5,0,1,expert", "flu,fever,compound,0.5,0,1,expert", 8, "'fever' is graded; give the net link"),
    ("variables.csv", "face,finding,,,,spots", "face,finding,,,a;b,spots", 10, "a member of a group, or the OR of one"),
    # producers
    ("links.csv", "flu,days,net", "quiet,days,net", 10, "'quiet' has no link to 'spotted'"),
    # strata
    ("links.csv", "cold,hand,net,0.4,0,1,expert,made_up,,,age=old", "cold,hand,net,0.4,0,1,expert,made_up,,,age=mid", 12, "given age=mid: age is one of young, old"),
    ("links.csv", "cold,hand,net,0.4,0,1,expert,made_up,,,age=old", "cold,hand,net,0.4,0,1,expert,made_up,,,flu=old", 12, "given 'flu' is no context"),
    ("links.csv", "cold,hand,net,0.4,0,1,expert,made_up,,,age=old", "cold,hand,net,0.4,0,1,expert,made_up,,,", 12, "all rows of a link name the same"),
    ("links.csv", "cold,hand,net,0.4,0,1,expert,made_up,,,age=old\n", "", 11, "has no row given age=old"),
    ("links.csv", "cold,hand,net,0.4,0,1", "cold,hand,compound,0.4,0,1", 12, "depends on a stratum; give the net link"),
    ("links.csv", "cold,hand,net,0.4,0,1,expert,made_up,,,age=old", "cold,hand,net,0.4,0,1,expert,made_up,,,age=young", 12, "repeats line 11"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "line", "said"), FAULTS)
def test_a_fault_is_named_by_file_and_line(tmp_path: Path, file: str, old: str, new: str, line: int, said: str) -> None:
    with pytest.raises(ModelTableError) as raised:
        knowledge.read(write(tmp_path / "faulty", (file, old, new)))
    places = [(p.file, p.line) for p in raised.value.problems if said in str(p)]
    assert places == [(file, line)], [str(p) for p in raised.value.problems]


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    """Four of different kinds in two files: each is there, and the model is not read."""
    changes = [FAULTS[i][:3] for i in (0, 20, 9, 27)]
    with pytest.raises(ModelTableError) as raised:
        knowledge.read(write(tmp_path / "faulty", *changes))
    told = "\n".join(map(str, raised.value.problems))
    for i in (0, 20, 9, 27):
        assert FAULTS[i][4] in told


def test_a_context_at_fault_hides_no_other_row_and_blames_none(tmp_path: Path) -> None:
    """The links that are given a context whose own row is at fault are not blamed for it."""
    with pytest.raises(ModelTableError) as raised:
        knowledge.read(write(tmp_path / "faulty", ("variables.csv", "age,context", "age,contxt")))
    assert [(p.file, p.line) for p in raised.value.problems] == [("variables.csv", 2)]
