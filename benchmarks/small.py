"""A small network for learning: contexts, causes, findings and their OR, each number with an interval of its own."""

from __future__ import annotations

from random_models import make_model
from twitchbayes import Model

# A row: what it is of, and low, value and high of its 95% interval. Neither empty nor all of [0, 1].
Interval = tuple[float, float, float]
AGES = (("18-39", (0.22, 0.3, 0.39)), ("40-59", (0.31, 0.4, 0.49)), ("60-120", (0.22, 0.3, 0.39)))
CONTEXTS = {"winter": (0.24, 0.35, 0.47), "lifting": (0.13, 0.22, 0.33)}
STRATA = {"18-39": (0.05, 0.12, 0.22), "40-59": (0.1, 0.2, 0.32), "60-120": (0.16, 0.28, 0.42)}
CAUSES = {"strain": (0.1, 0.2, 0.32), "flu": (0.06, 0.15, 0.27)}
ACTIVATIONS = {("lifting", "strain"): (0.15, 0.35, 0.58), ("winter", "flu"): (0.08, 0.2, 0.36)}
LEAKS = {
    "twitch_arm": (0.03, 0.08, 0.15),
    "twitch_leg": (0.05, 0.12, 0.21),
    "weak": (0.05, 0.1, 0.17),
    "cramp": (0.02, 0.06, 0.12),
    "fever": (0.02, 0.05, 0.1),
}
LINKS = {
    ("palsy", "twitch_arm"): (0.4, 0.6, 0.78),
    ("palsy", "twitch_leg"): (0.3, 0.5, 0.7),
    ("palsy", "weak"): (0.55, 0.75, 0.9),
    ("strain", "twitch_arm"): (0.2, 0.4, 0.62),
    ("strain", "cramp"): (0.35, 0.55, 0.74),
    ("flu", "cramp"): (0.1, 0.25, 0.44),
    ("flu", "weak"): (0.15, 0.35, 0.58),
    ("flu", "fever"): (0.6, 0.8, 0.93),
}
SITES = ("twitch_arm", "twitch_leg")


def model() -> Model:
    """Return the network: age in three bands, two binary contexts, three causes, five findings, `twitching` of two."""
    bands = ";".join(band for band, _ in AGES)
    variables = [{"variable": "age", "role": "context", "states": bands, "unit": "years"}]
    variables += [{"variable": name, "role": "context"} for name in CONTEXTS]
    variables += [{"variable": name, "role": "cause"} for name in ("palsy", *CAUSES)]
    variables += [{"variable": name, "role": "finding", "group": "site" if name in SITES else ""} for name in LEAKS]
    variables += [{"variable": "site", "role": "group"}]
    variables += [{"variable": "twitching", "role": "finding", "any_of": "site"}]
    priors = [{"variable": "age", "state": band, **_cells(number)} for band, number in AGES]
    priors += [{"variable": name, "state": "present", **_cells(n)} for name, n in CONTEXTS.items()]
    priors += [
        {"variable": "palsy", "given": f"age={band}", "state": "present", **_cells(n)} for band, n in STRATA.items()
    ]
    priors += [{"variable": name, "state": "present", **_cells(n)} for name, n in CAUSES.items()]
    links = [{"parent": "leak", "child": name, "form": "net", **_cells(n)} for name, n in LEAKS.items()]
    links += [
        {"parent": parent, "child": child, "form": "net", **_cells(n)}
        for (parent, child), n in (ACTIVATIONS | LINKS).items()
    ]
    return make_model(variables, priors, links)


def _cells(interval: Interval) -> dict[str, str]:
    low, value, high = map(repr, interval)
    cells = {"probability": value, "low": low, "high": high}
    return {**cells, "basis": "expert", "source": "made_up", "note": ""}
