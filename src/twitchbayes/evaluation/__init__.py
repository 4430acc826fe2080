"""How good the probabilities of a model are in cases with known diagnoses."""

from __future__ import annotations

from twitchbayes.evaluation.folds import cross_validate, tuner
from twitchbayes.evaluation.judge import evaluate, judged
from twitchbayes.evaluation.options import Options
from twitchbayes.evaluation.predictions import Predictions, predict
from twitchbayes.evaluation.result import Evaluation, Overall

__all__ = [
    "Evaluation",
    "Options",
    "Overall",
    "Predictions",
    "cross_validate",
    "evaluate",
    "judged",
    "predict",
    "tuner",
]
