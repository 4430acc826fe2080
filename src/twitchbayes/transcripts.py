"""The transcript of an interview, as JSON: what it must have, and everything that is wrong with one."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from twitchbayes.errors import InvalidEvidenceError, InvalidValueError

__all__ = ["FORMAT", "STEP", "document", "raise_faults"]

FORMAT = "twitchbayes interview 1"
# What a transcript must have, and of which type.
PARTS: Mapping[str, type | tuple[type, ...]] = {
    "model": dict,
    "target": str,
    "threshold_bits": (int, float),
    "costs": dict,
    "known": dict,
    "steps": list,
}
STEP: Mapping[str, type | tuple[type, ...]] = {
    "variable": str,
    "question": str,
    "said": (str, type(None)),
    "states": dict,
    "gain_bits": (int, float),
}


def document(text: str | bytes) -> dict[str, Any]:
    """Return a transcript of which all parts are there.

    Raises
    ------
    InvalidValueError, InvalidEvidenceError
        With everything that is wrong with it.
    """
    try:
        data = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        message = f"the transcript is no JSON: {error}"
        raise InvalidValueError(message) from None
    raise_faults(list(_faults(data)))
    checked: dict[str, Any] = data
    return checked


def _no_number(constant: str) -> None:
    message = f"{constant} is no number"
    raise ValueError(message)


def raise_faults(faults: Sequence[str]) -> None:
    """Raise what is wrong with a transcript, if anything is."""
    errors = [InvalidValueError(f"the transcript {fault}") for fault in faults]
    if len(errors) > 1:
        raise InvalidEvidenceError(errors)
    if errors:
        raise errors[0]


def _faults(data: Any) -> Iterator[str]:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        yield f"does not say that it is one (format {FORMAT!r})"
        return
    for name, kind in PARTS.items():
        if not _has(data, name, kind):
            yield f"lacks {name!r}, or it is of the wrong type: {data.get(name)!r}"
    for place, step in enumerate(data["steps"] if isinstance(data.get("steps"), list) else ()):
        lacks = [name for name, kind in STEP.items() if not isinstance(step, dict) or not _has(step, name, kind)]
        if lacks:
            yield f"has a step {place + 1} without {', '.join(lacks)}, or of the wrong type"


def _has(part: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> bool:
    value = part.get(name)
    if name == "states" and isinstance(value, dict) and not all(isinstance(state, str) for state in value.values()):
        return False
    # JSON has no infinity, but 1e999 is read as one.
    infinite = isinstance(value, float) and not math.isfinite(value)
    return name in part and isinstance(value, kind) and not isinstance(value, bool) and not infinite
