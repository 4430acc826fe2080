"""Print the peak of memory of `infer_frame`: `python -m benchmarks.peak ROWS KIND`."""

from __future__ import annotations

import gc
import json
import resource
import sys
from pathlib import Path

from benchmarks import cohort
from twitchbayes import load_model

STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def main(n_rows: int, kind: str) -> dict[str, float]:
    """Return bytes: of the input, of the answer, resident before, at the peak, and the peak over the first."""
    model = load_model()
    full = cohort.simulate(model.network, n_rows, seed=3)
    frame = cohort.frame(model, cohort.hide(model.network, full, contexts=0.3, findings=0.3, seed=4), kind)
    del full
    # What the library imports and compiles is not what a million rows take.
    model.infer_frame(frame.head(20_000))
    gc.collect()
    before = _resident("VmRSS")
    if CLEAR.exists():
        CLEAR.write_text("5")
    answer = model.infer_frame(frame)
    peak = _resident("VmHWM")
    sizes = {"input": frame.memory_usage(deep=True).sum(), "output": answer.memory_usage(deep=True).sum()}
    return {
        **{name: float(size) for name, size in sizes.items()},
        "before": before,
        "peak": peak,
        "over": peak - before,
    }


def _resident(field: str) -> float:
    """Return a line of /proc/self/status in bytes; the peak since the start where there is no such file."""
    if not STATUS.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return 1024.0 * int(line.split()[1])


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2])))
