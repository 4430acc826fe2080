"""The public names of the package and of what its calls return, as they were in 0.2: `python tests/golden/names.py`."""

from __future__ import annotations

import json
from pathlib import Path

import twitchbayes

NAMES = Path(__file__).parent / "names.json"


def public(thing: object) -> list[str]:
    """Return the names of a thing that do not begin with an underscore."""
    return sorted(name for name in dir(thing) if not name.startswith("_"))


def names() -> dict[str, list[str]]:
    """Return the names of the package, and of each class that its calls hand out."""
    model = twitchbayes.load_model("twitch")
    posterior = model.infer(weakness=True, age=62)
    things: dict[str, object] = {"twitchbayes": None, "Model": model, "Posterior": posterior}
    things["Explanation"] = posterior.explain("als")
    things["Sensitivity"] = posterior.sensitivity("als")
    things["Attribution"] = posterior.attribution("weakness")
    things["Provenance"] = posterior.provenance("als")
    things["Interview"] = twitchbayes.Interview
    found = {name: public(thing) for name, thing in things.items()}
    found["twitchbayes"] = sorted(twitchbayes.__all__)
    return found


if __name__ == "__main__":
    NAMES.write_text(json.dumps(names(), indent=1) + "\n", encoding="utf-8", newline="\n")
