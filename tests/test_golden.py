"""What version 0.2 answered is answered still: 300 cases, every quantity; kept until the house has its rooms."""

from __future__ import annotations

import gzip
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))

from names import NAMES, names  # noqa: E402 (beside the cases)
from quantities import quantities, tables  # noqa: E402 (beside the cases)

WHOLE = json.loads(gzip.decompress((GOLDEN / "cases.json.gz").read_bytes()))
RELATIVE, ABSOLUTE = 1e-9, 1e-11


def differences(then: Any, now: Any, where: str = "") -> list[str]:
    """Return every place at which two plain values differ."""
    if isinstance(then, dict):
        if set(then) != set(now):
            return [f"{where}: {sorted(set(then) ^ set(now))}"]
        return [d for name in then for d in differences(then[name], now[name], f"{where}.{name}")]
    if isinstance(then, list):
        if len(then) != len(now):
            return [f"{where}: {len(then)} and {len(now)} items"]
        pairs = zip(then, now, strict=True)
        return [d for i, (a, b) in enumerate(pairs) for d in differences(a, b, f"{where}[{i}]")]
    if isinstance(then, float) and isinstance(now, float):
        close = math.isclose(then, now, rel_tol=RELATIVE, abs_tol=ABSOLUTE) or then == now
        return [] if close else [f"{where}: {then!r} and {now!r}"]
    return [] if then == now else [f"{where}: {then!r} and {now!r}"]


def is_moved_leak(name: str) -> bool:
    """Whether a difference is in the influence of a leak: before 1.0 the compound links beside it moved with it."""
    return "provenance" in name and "| leak)" in name


@pytest.mark.parametrize("part", range(10))
def test_cases_are_answered_as_before(part: int) -> None:
    """Every quantity of a case is what it was, but for the influence of leaks; Shapley values may be exact now."""
    for number in range(part, len(WHOLE["cases"]), 10):
        then, now = WHOLE["cases"][number]["found"], quantities(WHOLE["cases"][number]["case"])
        if "explain" in then and not (then["explain"]["exact"] and now["explain"]["exact"]):
            for found in (then["explain"], now["explain"]):
                found["exact"] = None
                found["items"] = {name: item[:2] for name, item in found["items"].items()}
        found = [d for d in differences(then, now) if not is_moved_leak(d)]
        assert not found, (number, WHOLE["cases"][number]["case"], found[:5])


def test_tables_are_answered_as_before() -> None:
    """Simulated cases, the answers to a frame, a tuned model and the implied facts are what they were."""
    found = differences(WHOLE["tables"]["twitch"], tables("twitch"))
    assert not found, found[:5]


def test_the_public_names_are_those_of_before() -> None:
    """No name of the package, nor of what its calls hand out, is lost."""
    now = names()
    gone = [
        f"{thing}.{name}"
        for thing, kept in json.loads(NAMES.read_text()).items()
        for name in kept
        if name not in now[thing]
    ]
    assert not gone, gone
