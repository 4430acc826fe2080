"""What an evaluation is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias

from twitchbayes.errors import InvalidEvidenceError, InvalidValueError, TwitchbayesError

__all__ = ["Binning", "Options", "is_whole"]

Binning: TypeAlias = Literal["quantile", "width"]


@dataclass(frozen=True, slots=True)
class Options:
    """How measures are taken; see `Model.evaluate`.

    Raises
    ------
    InvalidValueError, InvalidEvidenceError
        If one of them is out of range; all that are, at once.
    """

    bootstrap: int = 1000
    seed: int = 0
    bins: int = 10
    binning: Binning = "quantile"
    specificity: float = 0.9

    def __post_init__(self) -> None:
        faults: list[TwitchbayesError] = [
            InvalidValueError(f"{name}={getattr(self, name)!r} is not a whole number of {least} or more")
            for name, least in (("bootstrap", 0), ("seed", 0), ("bins", 1))
            if not is_whole(getattr(self, name), least)
        ]
        if self.binning not in {"quantile", "width"}:
            faults.append(InvalidValueError(f"binning={self.binning!r} is neither 'quantile' nor 'width'"))
        if not _is_share(self.specificity):
            faults.append(
                InvalidValueError(f"specificity={self.specificity!r} is not a share; give a number from 0 to 1")
            )
        if len(faults) > 1:
            raise InvalidEvidenceError(faults)
        if faults:
            raise faults[0]


def is_whole(value: Any, least: int) -> bool:
    """Whether a value is a whole number of `least` or more."""
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= least


def _is_share(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and 0 <= float(value) <= 1
