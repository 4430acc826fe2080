"""Write `cases.json.gz`: some 300 cases, and what version 0.2 (commit 6647556) made of each of them.

Run from the root of a checkout of that commit, with these files beside it: `python tests/golden/make.py FILE`.
"""

from __future__ import annotations

import gzip
import itertools
import json
import random
import sys
from pathlib import Path
from typing import Any

from quantities import answer_of, quantities, tables

import twitchbayes

SETTINGS = (None, None, "primary_care", "neurology_clinic", "young_adults")
OVERLAYS: tuple[dict[str, list[float]], ...] = (
    {},
    {},
    {"electrolyte_disturbance": [0.1, 0.02, 0.3]},
    {"exercise": [0.6, 0.3, 0.9], "stress": [0.05, 0.01, 0.2]},
)
MOST_COSTLY = 9  # positive findings: beyond, what takes many answers took version 0.2 minutes
MOST_REASONS = 6


def main(file: str) -> None:
    """Draw cases with a fixed seed until there are enough that are possible, and write what they give."""
    choose, made = random.Random(6647556), []
    settings = itertools.cycle(SETTINGS)
    for number in itertools.count():
        if len(made) == 300:
            break
        case = _case(choose, number, next(settings))
        try:
            answer_of(case)
        except twitchbayes.TwitchbayesError:
            continue
        made.append({"case": case, "found": quantities(case)})
        print(len(made), end=" ", flush=True)
    whole = {"cases": made, "tables": {"twitch": tables("twitch")}}
    text = json.dumps(whole, separators=(",", ":"), sort_keys=True)
    Path(file).write_bytes(gzip.compress(text.encode(), mtime=0))


def _case(choose: random.Random, number: int, setting: str | None) -> dict[str, Any]:
    model = twitchbayes.load_model("twitch", population=setting)
    findings = [name for name in model.findings if name != "twitching"]
    plausible = model.simulate(1, seed=number).iloc[0].to_dict()
    positive = choose.randint(0, 9) if number % 6 else choose.randint(10, 16)
    evidence: dict[str, Any] = {}
    if number % 2:
        chosen = choose.sample(findings, positive)
        evidence |= dict.fromkeys(chosen, "present")
        others = [name for name in findings if name not in chosen]
        evidence |= dict.fromkeys(choose.sample(others, choose.randint(0, len(others) // 2)), "absent")
    else:
        known = choose.sample(findings, choose.randint(0, len(findings)))
        evidence |= {name: _state(name, plausible) for name in known}
    how = number % 5
    contexts = [] if how == 0 else ["age", "sex"] if how == 1 else choose.sample(model.contexts, choose.randint(1, 18))
    evidence |= {name: plausible[name] for name in contexts}
    if how == 4:
        evidence[choose.choice(model.causes)] = choose.choice(["present", "absent"])
    if number % 7 == 3:
        evidence = {name: state for name, state in evidence.items() if not name.startswith("twitch_")}
        evidence["twitch_location"] = choose.choice([{"face": "yes", "trunk": "no"}, {"leg_foot": "yes"}])
    if number % 11 == 5:
        evidence["twitching"] = None
    virtual: dict[str, Any] = {}
    if number % 8 == 1:
        free = [name for name in (*findings, *model.causes) if name not in evidence and "twitch" not in name]
        virtual = {name: choose.choice([0.2, 3.0, 40.0]) for name in choose.sample(free, choose.randint(1, 3))}
    if number % 16 == 9 and "age" not in evidence:
        virtual["sex"] = [0.3, 0.9]
        evidence.pop("sex", None)
    costly = sum(state == "present" for state in evidence.values()) <= MOST_COSTLY
    asked = [
        name for name, turn in (("questions", 0), ("reasons", 1), ("intervals", 2)) if number % 4 == turn and costly
    ]
    if positive > MOST_REASONS or number % 8 > 4:
        asked = [name for name in asked if name != "reasons"]
    return {
        "model": "twitch",
        "population": setting,
        "priors": choose.choice(OVERLAYS),
        "evidence": {name: str(state) if isinstance(state, str) else state for name, state in evidence.items()},
        "virtual": virtual,
        "asked": asked,
    }


def _state(name: str, plausible: dict[str, Any]) -> str:
    """Return the state of a finding in a simulated case, where a group stands in one column."""
    if name in plausible:
        return str(plausible[name])
    sites = str(plausible.get("twitch_location", "")).split(";")
    return "present" if name.removeprefix("twitch_") in sites else "absent"


if __name__ == "__main__":
    main(sys.argv[1])
