"""Every quantity that the public API gives for a case, in plain types: made once by the engine of 0.2, and compared since."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import twitchbayes
from twitchbayes import Model, Posterior

Plain = dict[str, Any]


@functools.lru_cache(maxsize=64)
def _model(name: str, population: str | None, priors: tuple[tuple[str, Any], ...]) -> Model:
    model = twitchbayes.load_model(name, population=population)
    return model.with_priors(dict(priors)) if priors else model


def model_of(case: Mapping[str, Any]) -> Model:
    """Return the model that a case is put to."""
    return _model(
        case["model"],
        case["population"],
        tuple(sorted((name, tuple(values)) for name, values in case["priors"].items())),
    )


def answer_of(case: Mapping[str, Any]) -> Posterior:
    """Return the answer to a case."""
    return model_of(case).infer(case["evidence"], virtual_evidence=case["virtual"])


def quantities(case: Mapping[str, Any]) -> Plain:
    """Return what is asked of a case; what is costly only where the case says so."""
    p = answer_of(case)
    causes = list(p)
    found: Plain = {
        "posterior": dict(p),
        "none": p.none,
        "serious": p.serious,
        "log_evidence": p.log_evidence,
        "prior": {cause: p.prior[cause] for cause in causes},
        "evidence": p.evidence,
        "assumed": p.assumed,
        "red_flags": [flag.rule for flag in p.red_flags],
        "joint": p.joint(causes[:2])["probability"].tolist(),
        "explanations": [[list(e.present), e.probability] for e in p.most_probable_explanations(3)],
        "conflict": p.conflict().bits,
        "attributions": {name: _attribution(p, name) for name in _reported(p)},
    }
    if "questions" in case["asked"]:
        found["questions"] = {target: _questions(p, target) for target in ("causes", "serious")}
    if "reasons" in case["asked"]:
        found["explain"] = _explanation(p, causes[0])
        found["sensitivity"] = _sensitivity(p, causes[0])
        found["provenance"] = p.provenance(causes[0]).rows.set_index("number")["influence"].to_dict()
    if "intervals" in case["asked"]:
        rows = p.credible_intervals(draws=100, seed=3).rows
        found["intervals"] = {name: [r.low, r.mean, r.high] for name, r in rows.items()}
    return found


def _reported(p: Posterior) -> list[str]:
    findings = set(p.model.findings)
    present = [name for name, state in p.evidence.items() if state == "present" and name in findings]
    groups = [v.any_of for v in p.model.knowledge.variables.values() if v.any_of]
    return [*sorted(present)[:3], *groups]


def _attribution(p: Posterior, finding: str) -> Plain:
    found = p.attribution(finding)
    return {"present": found.present, "background": found.background, "by": dict(found)}


def _questions(p: Posterior, target: str) -> list[Any]:
    asked = p.next_questions(None, target=target)
    return sorted([q.variable, q.gain_bits, [[r.text, r.probability, r.serious] for r in q.replies]] for q in asked)


def _explanation(p: Posterior, cause: str) -> Plain:
    found = p.explain(cause)
    return {
        "change": found.change_nats,
        "exact": found.method == "exact",
        "items": {
            r.item.name: [r.weight_nats, r.probability_without, r.shapley_nats if found.method == "exact" else None]
            for r in found.reasons
        },
    }


def _sensitivity(p: Posterior, cause: str) -> Plain:
    return {
        f.name: [
            f.at_low,
            f.at_high,
            f.derivative,
            f.below and [*f.below],
            f.above and [*f.above],
            *f.log_ends,
            *f.ends,
        ]
        for f in p.sensitivity(cause)
    }


def tables(name: str) -> Plain:
    """Return what the tables of a model give: a simulated cohort, its posteriors, what is learned from it, its checks."""
    model = twitchbayes.load_model(name)
    cases = model.simulate(200, seed=5, missing=0.3)
    known = cases[[column for column in cases if column not in model.causes]]
    tuned = model.tune(cases.iloc[:60], max_iterations=8)
    frame = model.infer_frame(known)
    return {
        "cases": [[str(cell) for cell in row] for row in cases.iloc[:50].to_numpy().tolist()],
        "frame": {column: frame[column].tolist() for column in frame},
        "tuned": {row.number: [row.new, row.new_low, row.new_high] for row in tuned.report.itertuples()},
        "checks": [[fact.check, fact.implied] for fact in model.implied_facts()],
    }
