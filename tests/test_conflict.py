"""Which of the evidence cannot hold together, and which numbers forbid it: on random networks, by brute force."""

from __future__ import annotations

import itertools
import pickle
import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import load
from oracle import BruteForce
from random_models import cases, models
from test_states import GRADED
from twitchbayes import ImpossibleEvidenceError, InvalidFrameError, Model
from twitchbayes.errors import Reason
from twitchbayes.knowledge import Knowledge

CERTAIN = st.sampled_from([0.0, 0.0, 1.0, 0.5])


@given(st.data())
@settings(max_examples=80)
def test_the_smallest_set_is_the_smallest(data: st.DataObject) -> None:
    """What an impossible case is said to rest on is impossible by itself, and nothing with fewer items is."""
    model = data.draw(models(probabilities=CERTAIN))
    case = data.draw(cases(model))
    truth = BruteForce(model.knowledge)
    if truth.answer(case).evidence > 0:
        assert model.infer(case).evidence == case
        return
    with pytest.raises(ImpossibleEvidenceError, match="probability 0") as raised:
        model.infer(case)
    found = raised.value.conflict
    assert raised.value.smallest
    assert found.items() <= case.items()
    assert truth.answer(found).evidence == 0
    for size in range(len(found)):
        for names in itertools.combinations(case, size):
            assert truth.answer({name: case[name] for name in names}).evidence > 0, names


# What forbids it


def opened(knowledge: Knowledge, reasons: Collection[Reason]) -> Knowledge:
    """Return tables in which some numbers are neither 0 nor 1, a leak and all that is compound with it, too."""
    places = {(reason.file, reason.line) for reason in reasons}

    def own(row: Any) -> Any:
        return replace(row, number=replace(row.number, probability=0.5)) if _place(row) in places else row

    return replace(
        knowledge,
        priors=tuple(map(own, knowledge.priors)),
        links=tuple(replace(own(k), form="net") for k in knowledge.links),
    )


def _place(row: Any) -> tuple[str, int]:
    return row.number.file, row.number.line


def as_net(model: Model) -> Knowledge:
    """Return the tables of a model with every link as a net one."""
    net = model.network.to_net(model.network.numbers)[0, len(model.knowledge.priors) :]
    links = (
        replace(k, form="net", number=replace(k.number, probability=float(p)))
        for k, p in zip(model.knowledge.links, net, strict=True)
    )
    return replace(model.knowledge, links=tuple(links))


@given(st.data())
@settings(max_examples=80)
def test_what_forbids_it_does(data: st.DataObject) -> None:
    """With a number that is named, or with all that are named together, the evidence is possible; with fewer it is not."""
    model = data.draw(models(probabilities=CERTAIN))
    case = data.draw(cases(model))
    knowledge = as_net(model)
    if BruteForce(knowledge).answer(case).evidence > 0:
        return
    with pytest.raises(ImpossibleEvidenceError) as raised:
        model.infer(case)
    reasons, conflict = raised.value.reasons, raised.value.conflict

    def possible(some: Collection[Reason]) -> bool:
        return bool(BruteForce(opened(knowledge, some)).answer(conflict).evidence > 0)

    assert reasons
    assert not possible([])
    if raised.value.together:
        assert len(reasons) > 1
        assert possible(reasons)
        assert not any(possible([other for other in reasons if other != reason]) for reason in reasons)
    else:
        assert all(possible([reason]) for reason in reasons)
        numbers = [row.number for row in (*knowledge.priors, *knowledge.links)]
        others = [Reason("", n.file, n.line) for n in numbers if n.probability in {0, 1}]
        named = {(reason.file, reason.line) for reason in reasons}
        assert not any(possible([other]) for other in others if (other.file, other.line) not in named)


@pytest.mark.parametrize(
    ("case", "told"),
    [
        ({"ghost": True}, "or see what forbids it: priors.csv, line 3: P(ghost=present) = 0."),
        ({"fate": False}, "or see what forbids it: priors.csv, line 4: P(fate=present) = 1."),
        ({"spot": True, "fate": True}, "or see what forbids it: links.csv, line 3: P(spot | leak) = 0."),
        ({"gene": True, "mark": False}, "or see what forbids it: links.csv, line 6: P(mark | gene) = 1."),
        (
            {"mark": True, "gene": False},
            "or see what forbids it (to change one is enough): priors.csv, line 3: P(ghost=present) = 0; "
            "links.csv, line 2: P(mark | leak) = 0.",
        ),
    ],
)
def test_the_zero_is_named(certain: Model, case: Mapping[str, Any], told: str) -> None:
    """By file and line, in one case and in a table; the error travels between processes with it."""
    with pytest.raises(ImpossibleEvidenceError, match=f"{re.escape(told)}$") as raised:
        certain.infer(case)
    with pytest.raises(InvalidFrameError, match=re.escape(told)):
        certain.infer_frame(pd.DataFrame([case]))
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.reasons, again.together) == (str(raised.value), raised.value.reasons, False)


def test_zeros_together(folder: Path) -> None:
    """Where one number alone is not enough, those are named that must be changed together."""
    links = (
        GRADED["links"]
        .replace("leak,weak,,net,0.1", "leak,weak,,net,0")
        .replace("leak,emg,mild,net,0.05", "leak,emg,mild,net,0")
    )
    for level in ("clear,net,0.02", "severe,net,0.01"):
        links = links.replace(f"leak,emg,{level}", f"leak,emg,{level.rpartition(',')[0]},0")
    model = load(folder, base=GRADED, links=links)
    with pytest.raises(
        ImpossibleEvidenceError, match=r"or see what forbids it \(to change one is enough\): "
    ) as raised:
        model.infer(emg="at least mild", nerve=False)
    assert [reason.file for reason in raised.value.reasons] == ["links.csv"] * 3
    assert raised.value.conflict == {"emg": "at least mild", "nerve": "absent"}
    with pytest.raises(ImpossibleEvidenceError) as raised:
        model.infer(emg="yes", weak=True, nerve=False, benign=False)
    assert not raised.value.together


def test_zeros_that_need_each_other(folder: Path) -> None:
    """Two numbers that shut out the same thing must both be changed; which of several such sets is told is one of them."""
    model = load(
        folder,
        variables="variable,role\nflu,cause\nfever,finding\n",
        priors="variable,probability\nflu,1\n",
        links="parent,child,probability\nleak,fever,1\nflu,fever,1\n",
    )
    with pytest.raises(ImpossibleEvidenceError) as raised:
        model.infer(fever=False)
    assert raised.value.together
    assert str(raised.value).endswith(
        "or see what forbids it together: priors.csv, line 2: P(flu=present) = 1; links.csv, line 2: P(fever | leak) = 1."
    )


def test_definitions_that_forbid_it(folder: Path) -> None:
    """Where no number decides, the rows are named that define one variable by others."""
    model = load(folder, base=GRADED)
    with pytest.raises(ImpossibleEvidenceError) as raised:
        model.infer(nerve=True, virtual_evidence={"benign": {"absent": 0, "present": 1}})
    assert raised.value.reasons == (
        Reason("nerve is any of root, axon", "variables.csv", 7),
        Reason("benign excludes nerve", "variables.csv", 4),
    )
    with pytest.raises(ImpossibleEvidenceError, match=r"variables.csv, line 7: nerve is any of root, axon\.$"):
        model.infer(virtual_evidence={"root": {"absent": 0, "present": 1}, "nerve": 0})


@pytest.mark.parametrize("emg", ["normal", "at most mild"])
def test_levels_that_add_up_to_one(folder: Path, emg: str) -> None:
    """A link whose levels add up to 1 leaves none for the lowest: that is told of the first of its rows."""
    links = GRADED["links"].replace("axon,emg,mild,net,0.1", "axon,emg,mild,net,0.2")
    model = load(folder, base=GRADED, links=links)
    if emg == "at most mild":
        assert model.infer(axon=True, emg=emg).log_evidence < 0
        return
    with pytest.raises(
        ImpossibleEvidenceError, match=r"= 0\.2, with which the levels add up to 1, so that none is left"
    ):
        model.infer(axon=True, emg=emg)
