"""Print the seconds of the parts of a first answer: `python -m benchmarks.cold twitchbayes|pyagrum|pgmpy`."""

from __future__ import annotations

import importlib
import json
import sys
import time

EVIDENCE = {"twitching": "present", "weakness": "present", "cramps": "present", "age": "60-69", "sex": "male"}
IMPORTS = {"twitchbayes": ("twitchbayes",), "pyagrum": ("pyagrum",), "pgmpy": ("pgmpy.models", "pgmpy.inference")}


def main(which: str) -> dict[str, float]:
    """Return the seconds of the import, of the network and of the first answer, in a process that is new."""
    laps = [time.perf_counter()]
    for module in IMPORTS[which]:
        importlib.import_module(module)
    laps.append(time.perf_counter())
    import twitchbayes

    if which == "twitchbayes":
        model = twitchbayes.load_model()
        laps += [time.perf_counter(), time.perf_counter()]
        model.infer(EVIDENCE)
    else:
        from benchmarks import peers

        # What follows is the peer's own work; reading the tables is not.
        model = twitchbayes.load_model()
        before = time.perf_counter()
        peer = peers.Pgmpy(model) if which == "pgmpy" else peers.Agrum("LazyPropagation", "tables", model)
        after = time.perf_counter()
        laps += [laps[-1] + after - before, time.perf_counter()]
        peer(EVIDENCE)
    laps.append(time.perf_counter())
    return {"import": laps[1] - laps[0], "network": laps[2] - laps[1], "first answer": laps[4] - laps[3]}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
