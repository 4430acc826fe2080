"""The engine against brute force in exact fractions, and against pgmpy and pyAgrum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import agrum
from oracle import BruteForce, Truth, relative_error
from random_models import ORDINARY, cases, models
from twitchbayes import ImpossibleEvidenceError, Posterior, load_model, plan, walk

RELATIVE = 1e-9


def agree(posterior: Posterior, truth: Truth, tolerance: float = RELATIVE) -> None:
    for cause, p in truth.causes.items():
        assert relative_error(posterior[cause], p) < tolerance, cause
    assert relative_error(posterior.none, truth.none) < tolerance
    assert relative_error(posterior.serious, truth.serious) < tolerance
    assert relative_error(np.exp(posterior.log_evidence), truth.evidence) < tolerance


@pytest.mark.parametrize(
    ("flat_cells", "dense_slots", "scale_every", "enumerates"),
    [
        pytest.param(plan.FLAT_CELLS, walk.DENSE_SLOTS, walk.SCALE_EVERY, None, id="as_shipped"),
        pytest.param(plan.FLAT_CELLS, walk.DENSE_SLOTS, walk.SCALE_EVERY, True, id="enumerated"),
        pytest.param(plan.FLAT_CELLS, walk.DENSE_SLOTS, walk.SCALE_EVERY, False, id="flat_walk"),
        pytest.param(1, 0, 1, False, id="every_stage_its_own_and_butterflies"),
        pytest.param(8, 0, 2, False, id="merged_stages_and_butterflies"),
        pytest.param(8, 4, 1, False, id="merged_stages_and_matrices"),
    ],
)
@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_engine_equals_brute_force(
    data: st.DataObject, flat_cells: int, dense_slots: int, scale_every: int, enumerates: bool | None
) -> None:
    """On random networks and evidence, 0 and 1 among the numbers, every posterior is exact or refused."""
    with pytest.MonkeyPatch.context() as patch:
        # Small networks would all be walked in one flat stage; these make them take every other way too.
        patch.setattr(plan, "FLAT_CELLS", flat_cells)
        patch.setattr(walk, "DENSE_SLOTS", dense_slots)
        patch.setattr(walk, "SCALE_EVERY", scale_every)
        if enumerates is not None:
            patch.setattr(plan.Plan, "enumerates", lambda self, _: enumerates and self.flat is not None)
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


def _twitch_cases() -> list[dict[str, str]]:
    """Cases of the shipped model with 0 to all findings positive, contexts known and unknown."""
    every = dict.fromkeys(
        "weakness cramps slurred_speech shortness_of_breath swallowing_trouble headache dizziness fatigue paralysis "
        "muscle_wasting numbness_tingling pain palpitations tremor insomnia".split(),
        "present",
    )
    sites = dict.fromkeys("twitch_face twitch_tongue twitch_arm_hand twitch_leg_foot twitch_trunk".split(), "present")
    few = {
        "age": "60-69",
        "sex": "male",
        "recent_exercise": "absent",
        "cancer": "absent",
        "dehydration": "absent",
    }
    rest = "anxiety extreme_pain high_caffeine estrogen_use diuretic_use corticosteroid_use autoimmune_disease trauma".split()
    known = few | dict.fromkeys(rest, "absent") | {"known_motor_neuron_disease": "absent", "anxiety": "present"}
    mixed = {name: "absent" if i % 2 else "present" for i, name in enumerate(every)}
    return [
        {},
        {"twitching": "present"},
        every | sites,
        every | sites | few,
        every | sites | known,
        dict.fromkeys(every | sites, "absent"),
        mixed | {"twitching": "present", "twitch_face": "absent"} | few,
        {"twitching": "present", "weakness": "present", "als": "absent", "diuretic_use": "present"},
    ]


@pytest.fixture(scope="module")
def twitch_truth() -> BruteForce:
    return BruteForce(load_model("twitch").knowledge, np.longdouble)


@pytest.mark.parametrize("case", _twitch_cases(), ids=lambda case: f"{len(case)}_items")
def test_shipped_model_equals_brute_force(case: dict[str, str], twitch_truth: BruteForce) -> None:
    """The shipped model, 0 to all 20 findings positive, contexts known and summed out, is exact."""
    unassumed = {"twitching": None} if "twitching" not in case else {}
    agree(load_model("twitch").infer(case | unassumed), twitch_truth.answer(case))


@pytest.mark.parametrize("case", _twitch_cases(), ids=lambda case: f"{len(case)}_items")
def test_shipped_model_equals_pyagrum(case: dict[str, str]) -> None:
    """pyAgrum on the same network, built in memory with its own noisy-OR nodes, gives the same posteriors."""
    pytest.importorskip("pyagrum", reason="pyAgrum is the second oracle; the extra `dev` installs it")
    model = load_model("twitch")
    unassumed = {"twitching": None} if "twitching" not in case else {}
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
