"""Compare many rows with pyAgrum, one by one: `python -m benchmarks.agreement [ROWS]`."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks import cohort
from benchmarks.peers import Agrum
from twitchbayes import load_model


def main(n_rows: int = 5000) -> None:
    """Print the largest difference between the probabilities of the causes."""
    model = load_model()
    full = cohort.simulate(model.network, n_rows, seed=7)
    codes = cohort.hide(model.network, full, contexts=0.3, findings=0.3, seed=8)
    ours = model.engine.answer(codes).answer.causes
    peer = Agrum("LazyPropagation", "tables", model)
    columns, states = model.network.columns, model.network.states
    theirs = np.empty((len(codes), len(model.causes)))
    for found, row in zip(theirs, codes.tolist(), strict=True):
        answers = peer({name: states[name][state] for name, state in zip(columns, row, strict=True) if state >= 0})
        found[:] = [answers[cause] for cause in model.causes]
    print(f"{len(codes):,} rows, largest difference to pyAgrum {np.abs(ours - theirs).max():.2g}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
