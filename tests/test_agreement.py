"""The engine against brute force in exact fractions, and against pgmpy and pyAgrum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agrum
from oracle import BruteForce, Truth, relative_error
from random_models import ORDINARY, cases, models
from twitchbayes import ImpossibleEvidenceError, Posterior, load_model

RELATIVE = 1e-9


def agree(posterior: Posterior, truth: Truth, tolerance: float = RELATIVE) -> None:
    for cause, p in truth.causes.items():
        assert relative_error(posterior[cause], p) < tolerance, cause
    assert relative_error(posterior.none, truth.none) < tolerance
    assert relative_error(posterior.serious, truth.serious) < tolerance
    assert relative_error(np.exp(posterior.log_evidence), truth.evidence) < tolerance


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_engine_equals_brute_force(data: st.DataObject) -> None:
    """On random networks and evidence, 0 and 1 among the numbers, every posterior is exact or refused."""
    model = data.draw(models())
    evidence = data.draw(cases(model))
    truth = BruteForce(model.knowledge).answer(evidence)
    if truth.evidence == 0:
        with pytest.raises(ImpossibleEvidenceError, match="probability 0"):
            model.infer(evidence)
    else:
        agree(model.infer(evidence), truth)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_virtual_evidence_equals_brute_force(data: st.DataObject) -> None:
    """Virtual evidence multiplies the joint by its likelihoods, members of a group and their OR included."""
    model = data.draw(models())
    evidence = data.draw(cases(model))
    names = [name for name in model.network.columns if name not in evidence]
    soft = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
    likelihood = st.sampled_from([0.0, 0.25, 1.0, 3.0])
    virtual = {}
    for name in soft:
        states = model.network.states[name]
        drawn = data.draw(st.lists(likelihood, min_size=len(states), max_size=len(states)).filter(any))
        virtual[name] = dict(zip(states, drawn, strict=True))
    truth = BruteForce(model.knowledge).answer(evidence, {name: tuple(v.values()) for name, v in virtual.items()})
    if truth.evidence == 0:
        with pytest.raises(ImpossibleEvidenceError, match="probability 0"):
            model.infer(evidence, virtual_evidence=virtual)
    else:
        agree(model.infer(evidence, virtual_evidence=virtual), truth)


def _twitch_cases() -> dict[str, dict[str, str]]:
    """Cases of the shipped model with 0 to all findings positive; what they say of contexts comes on top."""
    network = load_model("twitch").network
    every = dict.fromkeys(network.findings, "present")
    return {
        "nothing": {},
        "twitching": {"twitching": "present"},
        "all_positive": every,
        "all_negative": dict.fromkeys(every, "absent"),
        "half": {name: "absent" if i % 2 else "present" for i, name in enumerate(every)},
        "no_site_yet": {"twitching": "present", "twitch_face": "absent", "weakness": "present", "als": "absent"},
    }


def _contexts(known: str) -> dict[str, str]:
    """Some contexts of the shipped model: none known, or all but those that several causes share, or all."""
    network = load_model("twitch").network
    if known == "none":
        return {}
    users = [
        {k for k, strata in enumerate(network.cause_strata) if i in strata}
        | set((network.slots.targets[network.slots.sources == i] - len(network.contexts)).tolist())
        for i in range(len(network.contexts))
    ]
    kept = [i for i, causes in enumerate(users) if known == "all" or len(causes) < 2]
    return {network.contexts[i]: network.states[network.contexts[i]][i % 2] for i in kept}


@pytest.fixture(scope="module")
def twitch_truth() -> BruteForce:
    return BruteForce(load_model("twitch").knowledge, np.longdouble)


@pytest.mark.parametrize("known", ["none", "shared_unknown", "all"])
@pytest.mark.parametrize("case", _twitch_cases().values(), ids=_twitch_cases())
def test_shipped_model_equals_brute_force(case: dict[str, str], known: str, twitch_truth: BruteForce) -> None:
    """The shipped model, 0 to all findings positive, contexts known and summed out, is exact."""
    unassumed = {"twitching": None} if "twitching" not in case else {}
    case = case | _contexts(known)
    agree(load_model("twitch").infer(case | unassumed), twitch_truth.answer(case))


@pytest.mark.parametrize("known", ["none", "shared_unknown", "all"])
@pytest.mark.parametrize("case", _twitch_cases().values(), ids=_twitch_cases())
def test_shipped_model_equals_pyagrum(case: dict[str, str], known: str) -> None:
    """On the same network pyAgrum, built in memory with its own noisy-OR nodes, gives the same posteriors."""
    pytest.importorskip("pyagrum", reason="pyAgrum is the second oracle; the extra `dev` installs it")
    model = load_model("twitch")
    unassumed = {"twitching": None} if "twitching" not in case else {}
    case = case | _contexts(known)
    posterior = model.infer(case | unassumed)
    truth = agrum.posteriors(agrum.build(model.knowledge), case, model.causes)
    for cause, p in truth.items():
        assert posterior[cause] == pytest.approx(p, abs=1e-9), cause


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_models_equal_pyagrum(data: st.DataObject) -> None:
    """So it does on random networks."""
    pytest.importorskip("pyagrum", reason="pyAgrum is the second oracle; the extra `dev` installs it")
    model = data.draw(models(probabilities=ORDINARY))
    evidence = data.draw(cases(model))
    truth = BruteForce(model.knowledge).answer(evidence)
    if truth.evidence == 0:
        return  # contexts may still have states of probability 0
    found = agrum.posteriors(agrum.build(model.knowledge), evidence, model.causes)
    posterior = model.infer(evidence)
    for cause, p in found.items():
        assert posterior[cause] == pytest.approx(p, abs=1e-9), cause
