"""Probabilistic reasoning about why an adult's muscles twitch: exact, fast, every number with its source.

For research and teaching. Not a medical device, not medical advice.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twitchbayes import plots
    from twitchbayes.errors import (
        EngineLimitError,
        ImpossibleEvidenceError,
        InvalidEvidenceError,
        InvalidFrameError,
        InvalidValueError,
        ModelNotFoundError,
        ModelTableError,
        TwitchbayesError,
        UnknownVariableError,
    )
    from twitchbayes.explorer import explore
    from twitchbayes.interchange import CodedEvidence, InterchangeError, from_fhir, from_phenopacket
    from twitchbayes.interview import Interview
    from twitchbayes.learner import TwitchClassifier as TwitchClassifier
    from twitchbayes.model import Model, ModelInfo, infer, list_models, load_model
    from twitchbayes.posterior import Posterior

__version__ = "0.1.0"

_MODULES = ("plots",)

_HOME = {
    "EngineLimitError": "errors",
    "ImpossibleEvidenceError": "errors",
    "InvalidEvidenceError": "errors",
    "InvalidFrameError": "errors",
    "InvalidValueError": "errors",
    "ModelNotFoundError": "errors",
    "ModelTableError": "errors",
    "TwitchbayesError": "errors",
    "UnknownVariableError": "errors",
    "explore": "explorer",
    "CodedEvidence": "interchange",
    "InterchangeError": "interchange",
    "from_fhir": "interchange",
    "from_phenopacket": "interchange",
    "Interview": "interview",
    "TwitchClassifier": "learner",
    "Model": "model",
    "ModelInfo": "model",
    "infer": "model",
    "list_models": "model",
    "load_model": "model",
    "Posterior": "posterior",
}

# Without TwitchClassifier, which needs scikit-learn: `from twitchbayes import *` stays light.
__all__ = [
    "CodedEvidence",
    "EngineLimitError",
    "ImpossibleEvidenceError",
    "InterchangeError",
    "Interview",
    "InvalidEvidenceError",
    "InvalidFrameError",
    "InvalidValueError",
    "Model",
    "ModelInfo",
    "ModelNotFoundError",
    "ModelTableError",
    "Posterior",
    "TwitchbayesError",
    "UnknownVariableError",
    "__version__",
    "explore",
    "from_fhir",
    "from_phenopacket",
    "infer",
    "list_models",
    "load_model",
    "plots",
]


def __getattr__(name: str) -> object:
    """Import a public name, or module, when it is first used (PEP 562), so that importing the package costs little."""
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOME:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_HOME})
