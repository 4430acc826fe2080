"""What an answer rests on: influences against derivatives worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models import load
from twitchbayes import UnknownVariableError
from twitchbayes.model import Model


def test_influence_by_hand(tiny: Model) -> None:
    """With fever alone, the log odds of a cold move one for one with the log odds of its prior and nothing else."""
    provenance = tiny.infer(winter=False, flu=False, fever=True).provenance("cold")
    # Cold does not touch fever, so its posterior is its prior: d logit / d logit = 1.
    assert provenance.rows["number"].tolist() == ["P(cold=present)"]
    assert provenance.rows["influence"][0] == pytest.approx(1, abs=1e-7)
    assert provenance.by_basis == pytest.approx({"expert": 1.0})


def test_influence_of_a_link_by_hand(tiny: Model) -> None:
    """The odds of flu given fever are prior odds times p(fever|flu)/leak: the leak's derivative is worked out."""
    provenance = tiny.infer(winter=False, fever=True).provenance("flu")
    leak, link = 0.01, 0.9
    present = 1 - (1 - leak) * (1 - link)
    # d ln(present / leak) / d leak, times d leak / d logit(leak) = leak (1 - leak)
    expected = ((1 - link) / present - 1 / leak) * leak * (1 - leak)
    by_number = dict(zip(provenance.rows["number"], provenance.rows["influence"], strict=True))
    assert by_number["P(fever | leak)"] == pytest.approx(expected, rel=1e-6)
    assert by_number["P(flu=present)"] == pytest.approx(1, rel=1e-6)


def test_shares_sum_to_one(shipped: Model) -> None:
    """Over bases and over sources the shares of an answer of a shipped model sum to 1, the largest first."""
    findings = shipped.network.findings[:4]
    provenance = shipped.infer(dict.fromkeys(findings, True)).provenance(shipped.causes[0])
    assert sum(provenance.by_basis.values()) == pytest.approx(1)
    assert sum(provenance.by_source.values()) == pytest.approx(1)
    assert np.all(np.diff(provenance.rows["share"]) <= 0)
    assert set(provenance.by_source) <= set(shipped.knowledge.citations)


def test_only_numbers_that_matter_are_named(tiny: Model) -> None:
    """A cause that is itself observed rests on no number."""
    provenance = tiny.infer(flu=True, fever=True).provenance("flu")
    assert len(provenance.rows) == 0
    assert provenance.by_basis == {}


def test_numbers_that_are_all_certain(folder: Path) -> None:
    """Where every number is 0 or 1 an answer rests on none of them."""
    model = load(
        folder,
        variables="variable,role\nc,cause\nf,finding",
        priors="variable,probability\nc,1",
        links="parent,child,probability\nleak,f,0\nc,f,1",
    )
    assert len(model.infer(f=True).provenance("c").rows) == 0


def test_states_of_a_context_make_room(sites: Model) -> None:
    """Moving one age band moves the others: with age unknown, more old people means more palsy."""
    provenance = sites.infer(twitching=None).provenance("palsy")
    by_number = dict(zip(provenance.rows["number"], provenance.rows["influence"], strict=True))
    # P(palsy) = young * 0.0015 + old * 0.015; d ln odds / d logit(old) = 0.0135 * 0.4 * 0.6 / (p (1 - p))
    p = 0.4 * 0.0015 + 0.6 * 0.015
    assert by_number["P(age=40-120)"] == pytest.approx(0.0135 * 0.24 / (p * (1 - p)), rel=1e-6)
    assert by_number["P(age=18-39)"] == pytest.approx(-0.0135 * 0.24 / (p * (1 - p)), rel=1e-6)


def test_text_names_bases_and_places(tiny: Model) -> None:
    """The text says how much rests on what, and where each number stands."""
    text = repr(tiny.infer(fever=True).provenance("flu"))
    assert "expert 100%" in text
    assert "links.csv, line" in text


def test_unknown_cause(tiny: Model) -> None:
    """A name that is no cause is an error with a hint."""
    with pytest.raises(UnknownVariableError, match=r"no cause 'flue'\. Did you mean 'flu'"):
        tiny.infer(fever=True).provenance("flue")
