"""Model folders for the tests, written from short CSV texts: a test states only what differs from a tiny valid one.

Four small models in full: TINY (two causes, a context, two findings), SITES (a group of sites, their OR,
age bands and a stratified prior), CERTAIN (numbers 0 and 1, in which much evidence is impossible) and RICH (all that a
model can say: levels, descriptions, unions, an exclusion, links and leaks by stratum).
"""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import twitchbayes
from twitchbayes.knowledge import COLUMNS
from twitchbayes.model import Model, load_model

MODELS = Path(__file__).resolve().parents[1] / "models"
# The names of the folders, not `list_models()`: a model that cannot be loaded must not vanish from the tests.
SHIPPED = sorted(folder.parent.name for folder in MODELS.glob("*/model.toml"))

# Instead of a text: no such file, or a folder of that name.
MISSING, DIRECTORY = object(), object()

META = """
title = "A small model"
version = "1.0"
population = "everyone"
window = "the past four weeks"
licence = "MIT"
intended_use = "tests"
not_for = "anything else"
"""

TINY: dict[str, str] = {
    "variables": """
        variable,role,label,serious
        winter,context,winter,
        flu,cause,influenza,yes
        cold,cause,common cold,
        fever,finding,fever,
        cough,finding,cough,
        """,
    "priors": """
        variable,probability
        winter,0.25
        flu,0.02
        cold,0.1
        """,
    "links": """
        parent,child,probability
        winter,flu,0.1
        leak,fever,0.01
        leak,cough,0.05
        flu,fever,0.9
        flu,cough,0.6
        cold,cough,0.5
        """,
    "sources": """
        source
        book
        """,
}

# Two sites and their OR, which is assumed; age in bands; sex with aliases; strain depends on both.
SITES: dict[str, str] = {
    "variables": """
        variable,role,states,unit,group,any_of,aliases,assumed,serious
        age,context,18-39;40-120,years,,,,,
        sex,context,female;male,,,,f=female;m=male,,
        lifting,context,,,,,,,
        strain,cause,,,,,,,
        palsy,cause,,,,,,,yes
        site,group,,,,,,,
        twitching,finding,,,,site,,present,
        twitch_arm,finding,,,site,,,,
        twitch_leg,finding,,,site,,,,
        weak,finding,,,,,,,
        """,
    "priors": """
        variable,given,state,probability
        age,,18-39,0.4
        age,,40-120,0.6
        sex,,female,0.5
        sex,,male,0.5
        lifting,sex=female,,0.2
        lifting,sex=male,,0.4
        strain,,,0.1
        palsy,age=18-39;sex=female,,0.001
        palsy,age=18-39;sex=male,,0.002
        palsy,age=40-120;sex=female,,0.01
        palsy,age=40-120;sex=male,,0.02
        """,
    "links": """
        parent,child,form,probability
        lifting,strain,compound,0.5
        leak,twitch_arm,,0.02
        leak,twitch_leg,,0.03
        leak,weak,,0.05
        strain,twitch_arm,net,0.3
        palsy,twitch_arm,net,0.6
        palsy,twitch_leg,net,0.5
        palsy,weak,compound,0.9
        """,
    "sources": TINY["sources"],
}

# `ghost` never occurs, `fate` always does; `mark` has no other reason than `ghost` or `gene`, and `gene`
# always marks; `spot` never shows without `gene`, nor with it: nothing explains it.
CERTAIN: dict[str, str] = {
    "variables": """
        variable,role,group,any_of,assumed
        born,context,,,
        ghost,cause,,,
        fate,cause,,,
        gene,cause,,,
        mark,finding,,,
        spot,finding,,,
        where,group,,,
        ache,finding,,where,present
        ache_head,finding,where,,
        ache_back,finding,where,,
        """,
    "priors": """
        variable,probability
        born,0.5
        ghost,0
        fate,1
        gene,0.5
        """,
    "links": """
        parent,child,probability
        leak,mark,0
        leak,spot,0
        leak,ache_head,0
        leak,ache_back,0
        gene,mark,1
        ghost,mark,0.5
        gene,ache_head,0.5
        ghost,ache_back,0.5
        """,
    "sources": TINY["sources"],
}

# `benign` is defined by the absence of `nerve`, a union. `duration` and `spread` describe the OR of two sites, `course`
# describes `weak`; `lab` has levels. Leaks of `lab` and `weak`, and three links, depend on contexts.
RICH: dict[str, str] = {
    "variables": """
        variable,role,states,unit,group,any_of,of,excludes,serious
        age,context,18-39;40-59;60-120,years,,,,,
        sex,context,female;male,,,,,,
        habit,context,,,,,,,
        benign,cause,,,,,,nerve,
        stress,cause,,,,,,,
        palsy,cause,,,,,,,yes
        neuropathy,cause,,,,,,,yes
        nerve,union,,,,palsy;neuropathy,,,
        anything,union,,,,nerve;stress,,,
        site,group,,,,,,,
        twitching,finding,,,,site,,,
        twitch_arm,finding,,,site,,,,
        twitch_leg,finding,,,site,,,,
        duration,finding,hours;days;weeks,,,,twitching,,
        spread,finding,,,,,twitching,,
        weak,finding,,,,,,,
        course,finding,same;slowly;fast,,,,weak,,
        lab,finding,normal;mild;clear;severe,,,,,,
        """,
    "priors": """
        variable,given,state,probability
        age,,18-39,0.4
        age,,40-59,0.35
        age,,60-120,0.25
        sex,,female,0.5
        sex,,male,0.5
        habit,sex=female,,0.2
        habit,sex=male,,0.4
        benign,,,0.3
        stress,sex=female,,0.25
        stress,sex=male,,0.15
        palsy,age=18-39,,0.05
        palsy,age=40-59,,0.1
        palsy,age=60-120,,0.2
        neuropathy,,,0.1
        """,
    "links": """
        parent,child,given,state,form,probability
        habit,stress,,,net,0.3
        habit,benign,sex=female,,net,0.1
        habit,benign,sex=male,,net,0.25
        leak,twitch_arm,,,,0.05
        leak,twitch_leg,,,,0.1
        benign,twitch_arm,,,net,0.3
        benign,twitch_leg,,,net,0.6
        stress,twitch_leg,,,compound,0.4
        palsy,twitch_arm,,,net,0.7
        palsy,twitch_leg,,,net,0.5
        leak,duration,,days,,0.2
        leak,duration,,weeks,,0.1
        benign,duration,,days,net,0.3
        benign,duration,,weeks,net,0.6
        stress,duration,,days,net,0.2
        stress,duration,,weeks,net,0.05
        palsy,duration,age=18-39,days,net,0.3
        palsy,duration,age=18-39,weeks,net,0.2
        palsy,duration,age=40-59,days,net,0.2
        palsy,duration,age=40-59,weeks,net,0.4
        palsy,duration,age=60-120,days,net,0.1
        palsy,duration,age=60-120,weeks,net,0.8
        leak,spread,,,,0.05
        palsy,spread,,,net,0.5
        leak,weak,sex=female,,,0.1
        leak,weak,sex=male,,,0.05
        palsy,weak,age=18-39,,net,0.6
        palsy,weak,age=40-59,,net,0.7
        palsy,weak,age=60-120,,net,0.9
        neuropathy,weak,,,net,0.5
        leak,course,,slowly,,0.1
        leak,course,,fast,,0.05
        palsy,course,,slowly,net,0.3
        palsy,course,,fast,net,0.6
        neuropathy,course,,slowly,net,0.4
        neuropathy,course,,fast,net,0.1
        leak,lab,sex=female,mild,,0.1
        leak,lab,sex=female,clear,,0.03
        leak,lab,sex=female,severe,,0.01
        leak,lab,sex=male,mild,,0.2
        leak,lab,sex=male,clear,,0.05
        leak,lab,sex=male,severe,,0
        stress,lab,,mild,net,0.2
        stress,lab,,clear,net,0
        stress,lab,,severe,net,0.1
        palsy,lab,,mild,net,0.25
        palsy,lab,,clear,net,0.25
        palsy,lab,,severe,net,0.5
        neuropathy,lab,,mild,net,0.3
        neuropathy,lab,,clear,net,0.2
        neuropathy,lab,,severe,net,0.1
        """,
    "sources": TINY["sources"],
}

_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "variables.csv": {},
    "priors.csv": {"low": "0", "high": "1", "basis": "expert", "source": "book"},
    "links.csv": {"form": "net", "low": "0", "high": "1", "basis": "expert", "source": "book"},
    "sources.csv": {"citation": "A book", "identifier": "none", "kind": "book", "read": "all of it"},
}


def write_model(folder: Path, *, base: Mapping[str, str] = TINY, **files: Any) -> Path:
    """Write a model folder and return it.

    Parameters
    ----------
    folder : Path
        Made anew.
    base : mapping of str to str
        TINY, SITES, CERTAIN or RICH: what the files say that are not named.
    **files
        `variables`, `priors`, `links`, `sources`, `codes`, `scenarios`, `red_flags`: a CSV text, whose
        missing columns are filled in (the interval [0, 1], basis expert, source book) line by line;
        or bytes, written as they are; or MISSING or DIRECTORY. `meta` likewise is the text of model.toml,
        `populations` a mapping of a name to any of these.
    """
    folder.mkdir(parents=True)
    populations = files.pop("populations", {})
    meta = files.pop("meta", META)
    put(folder / "model.toml", textwrap.dedent(meta).lstrip() if isinstance(meta, str) else meta)
    for name, content in {**base, **files}.items():
        put(folder / f"{name}.csv", completed(content, f"{name}.csv"))
    if populations:
        (folder / "populations").mkdir()
    for name, content in populations.items():
        put(folder / "populations" / f"{name}.csv", completed(content, "priors.csv"))
    return folder


def load(folder: Path, *, base: Mapping[str, str] = TINY, **files: Any) -> Model:
    """Write a model folder and load it; arguments as those of `write_model`."""
    return load_model(write_model(folder, base=base, **files))


def put(file: Path, content: Any) -> None:
    """Write text, bytes, a folder or nothing."""
    if content is DIRECTORY:
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not MISSING:
        file.write_bytes(content.encode())


def completed(text: Any, file: str) -> Any:
    """Return a short CSV text with the columns that the file needs, each row still in its line."""
    if not isinstance(text, str):
        return text
    header, *rows = list(csv.reader(io.StringIO(textwrap.dedent(text).strip() + "\n")))
    more = [column for column in COLUMNS[file] if column not in header]
    values = [_DEFAULTS.get(file, {}).get(column, "") for column in more]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*header, *more])
    # A blank line stays blank, so that the lines that a test states are those of the file.
    writer.writerows([*row, *[""] * (len(header) - len(row)), *values] if row else [] for row in rows)
    return out.getvalue()


def with_line(text: str, line: int, new: str | None) -> str:
    """Return a CSV text with one line (1 is the header) replaced, taken out (None) or, past the end, added."""
    lines = textwrap.dedent(text).strip().split("\n")
    lines[line - 1 : line] = [] if new is None else [new]
    return "\n".join(lines)


def states_of(model: Model) -> dict[str, tuple[str, ...]]:
    """Return every variable that evidence can name, with its states."""
    return {name: v.states for name, v in model.knowledge.variables.items() if v.role != "group"}


def shipped_models() -> Iterator[Model]:
    """Yield every model that ships with the library, as `load_model` gives it."""
    for name in SHIPPED:
        yield twitchbayes.load_model(name)
