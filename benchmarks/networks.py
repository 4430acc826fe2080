"""Synthetic networks of a given size, from a seed: made as rows of the tables, read like any model folder."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from random_models import make_model, number_cells
from twitchbayes import Model

Rows = list[dict[str, str]]
Pairs = NDArray[np.int64]

BANDS = ("18-39", "40-59", "60-120")
# Frequencies 1 to 5 of a finding in a disease, as QMR has them and as QMR-DT reads them (Shwe et al., Probabilistic
# diagnosis using a reformulation of the INTERNIST-1/QMR knowledge base, Methods Inf Med 1991;30:241-255).
QMR_LINKS = (0.025, 0.2, 0.5, 0.8, 0.985)
QMR_SIZE = (570, 4075, 45_470)


@dataclass(frozen=True)
class Spec:
    """What a layered network is to look like.

    Finding 0 has `widest` parents where that is given; each of the others has `parents`.
    """

    contexts: int = 6
    causes: int = 15
    findings: int = 40
    parents: int = 4
    widest: int = 0
    most_causes: int = 2  # that a context other than the age feeds: from 2 to so many
    seed: int = 0


def layered(spec: Spec) -> Model:
    """Return a network of contexts, causes and findings.

    Context 0 is an age in three bands and stratifies every third cause; each other context raises two
    causes or more. Priors of causes are between 0.02 and 0.2, links between 0.1 and 0.9, leaks between 0.01 and 0.1.
    """
    random = np.random.default_rng([spec.seed, spec.contexts, spec.causes, spec.findings, spec.parents, spec.widest])
    variables = _variables(spec.contexts, spec.causes, spec.findings)
    variables[0] |= {"states": ";".join(BANDS), "unit": "years"}
    third = 1 / len(BANDS)
    priors = [_prior("x0", third, state=band) for band in BANDS[1:]]
    priors += [_prior("x0", 1 - 2 * third, state=BANDS[0])]
    priors += [_prior(f"x{i}", random.uniform(0.1, 0.5)) for i in range(1, spec.contexts)]
    for k in range(spec.causes):
        given = [f"x0={band}" for band in BANDS] if k % 3 == 0 else [""]
        priors += [_prior(f"c{k}", random.uniform(0.02, 0.2), given=stratum) for stratum in given]
    links = [_link("leak", f"f{j}", random.uniform(0.01, 0.1)) for j in range(spec.findings)]
    for i in range(1, spec.contexts):
        size = int(random.integers(2, spec.most_causes + 1)) if spec.most_causes > 2 else 2
        chosen = random.choice(spec.causes, size=size, replace=False)
        links += [_link(f"x{i}", f"c{k}", random.uniform(0.05, 0.5)) for k in chosen]
    for j in range(spec.findings):
        size = spec.widest if spec.widest and j == 0 else spec.parents
        chosen = random.choice(spec.causes, size=size, replace=False)
        links += [_link(f"c{k}", f"f{j}", random.uniform(0.1, 0.9)) for k in sorted(chosen)]
    return make_model(variables, priors, links)


def qmr_sized(size: tuple[int, int, int] = QMR_SIZE, seed: int = 0) -> Model:
    """Return a network of the size of QMR-DT, two layers: causes, findings and links.

    Priors are between 1e-5 and 1e-2 and leaks between 1e-4 and 1e-2, uniform in the logarithm.
    """
    causes, findings, links = size
    random = np.random.default_rng([seed, *size])
    pairs = skewed_pairs(causes, findings, links, random)
    numbers = random.choice(QMR_LINKS, size=links, p=(0.25, 0.35, 0.25, 0.1, 0.05))
    priors = [_prior(f"c{k}", p) for k, p in enumerate(_log_uniform(random, 1e-5, 1e-2, causes))]
    rows = [_link("leak", f"f{j}", p) for j, p in enumerate(_log_uniform(random, 1e-4, 1e-2, findings))]
    rows += [_link(f"c{k}", f"f{j}", q) for (k, j), q in zip(pairs.tolist(), numbers, strict=True)]
    return make_model(_variables(0, causes, findings), priors, rows)


def restricted(model: Model, findings: Collection[str]) -> Model:
    """Return a model with some of its findings only: what others, unknown, say of the causes is nothing."""
    tables = model.knowledge.tables
    gone = {v.name for v in model.knowledge.of_role("finding")} - set(findings)
    variables = [dict(row.cells) for row in tables["variables.csv"].rows if row["variable"] not in gone]
    links = [dict(row.cells) for row in tables["links.csv"].rows if row["child"] not in gone]
    return make_model(variables, [dict(row.cells) for row in tables["priors.csv"].rows], links)


def skewed_pairs(causes: int, findings: int, links: int, random: np.random.Generator) -> Pairs:
    """Return so many different pairs (cause, finding), shape (links, 2), every one of both in at least one.

    A pair is drawn with odds that are the product of those of its cause and its finding, which are
    log-normal: a few findings (fever) belong to a good part of the causes, most to a handful. Adding
    Gumbel noise to the logarithms and taking the largest draws without replacement.
    """
    odds = random.normal(0, 0.5, (causes, 1)) + random.normal(0, 1.2, (1, findings))
    score = odds + random.gumbel(size=odds.shape)
    score[random.integers(causes, size=findings), np.arange(findings)] = np.inf
    bare = np.flatnonzero(~np.isinf(score).any(axis=1))
    score[bare, random.integers(findings, size=len(bare))] = np.inf
    chosen = np.argpartition(-score.ravel(), links - 1)[:links]
    return np.stack(np.unravel_index(np.sort(chosen), score.shape), axis=1)


def _log_uniform(random: np.random.Generator, low: float, high: float, size: int) -> NDArray[np.float64]:
    return np.exp(random.uniform(np.log(low), np.log(high), size))


def _variables(contexts: int, causes: int, findings: int) -> Rows:
    layers = (("x", "context", contexts), ("c", "cause", causes), ("f", "finding", findings))
    return [{"variable": f"{letter}{i}", "role": role} for letter, role, size in layers for i in range(size)]


def _prior(variable: str, p: float, *, given: str = "", state: str = "present") -> dict[str, str]:
    return {"variable": variable, "given": given, "state": state, **number_cells(float(p))}


def _link(parent: str, child: str, p: float) -> dict[str, str]:
    return {"parent": parent, "child": child, "form": "net", **number_cells(float(p))}
