"""The one exact engine: evidence and parameter sets in; posteriors, counts and derivatives out. Arrays only."""

from twitchbayes.inference import built as built  # isort: skip (finds the compiled modules for all that follow)
from twitchbayes.inference.ends import Ends
from twitchbayes.inference.engine import Answer, Batch, Counts, Engine

__all__ = ["Answer", "Batch", "Counts", "Ends", "Engine"]
