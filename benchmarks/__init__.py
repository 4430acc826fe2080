"""Measured ratios of twitchbayes to its peers: `python -m benchmarks` from the root of the repository."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# pyAgrum's builder and the writer of small models are those of the tests.
sys.path.append(str(ROOT / "tests"))
