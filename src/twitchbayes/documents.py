"""A JSON document read with the path of everything in it: what is wrong is gathered, not raised at once."""

from __future__ import annotations

import calendar
import contextlib
import json
import os
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from twitchbayes.errors import InvalidValueError

__all__ = [
    "Coding",
    "InterchangeError",
    "Node",
    "Source",
    "camel",
    "completed_years",
    "days_of",
    "first_code",
    "load_json",
    "prefix_of",
    "shown_as",
    "years_of",
]

Source: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]

DURATION = re.compile(r"P(?=[0-9T])" + "".join(f"(?:([0-9]{{1,6}}){unit})?" for unit in "YMWD") + "(?:T[0-9HMS.]+)?")
MOMENT = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?")
KINDS = {
    dict: "an object",
    list: "an array",
    str: "text",
    bool: "true or false",
    int: "a whole number",
    (int, float): "a number",
}


class InterchangeError(InvalidValueError):
    """A document that cannot be read or contradicts itself; `problems` holds every fault with its JSON path."""

    def __init__(self, problems: Iterable[str], *, file: str = "") -> None:
        self.problems = tuple(dict.fromkeys(problems))
        several = f"{len(self.problems)} problems in {file or 'the document'}:\n  "
        head = several if len(self.problems) > 1 else f"{file}: " if file else ""
        super().__init__(head + "\n  ".join(self.problems))


class Coding(NamedTuple):
    """A code of a system, or a field without one, as it stands in the document."""

    system: str
    code: str
    label: str
    path: str


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the document (None: no such field), its JSON path, and the list that faults go to."""

    value: Any
    path: str
    problems: list[str]

    def __bool__(self) -> bool:
        return self.value is not None

    def fault(self, message: str) -> None:
        """Say what is wrong with it."""
        self.problems.append(f"{self.path or 'the document'}: {message}")

    def checked(self, kind: Any) -> Node:
        """Return it if it is of a kind; otherwise a fault, and nothing."""
        if isinstance(self.value, kind) and (kind is bool or not isinstance(self.value, bool)):
            return self
        self.fault(f"is {shown_as(self.value)}, not {KINDS[kind]}")
        return Node(None, self.path, self.problems)

    def get(self, name: str, kind: Any = dict, *, required: bool = False) -> Node:
        """Return a field of some kind, named in camelCase or in snake_case; null is no value."""
        fields = self.value or {}
        found = [key for key in fields if camel(key) == name and fields[key] is not None] or [name]
        node = Node(fields.get(found[0]), f"{self.path}.{found[0]}".lstrip("."), self.problems)
        if len(found) > 1:
            node.fault(f"stands there as {found[1]} as well")
        if required and self and node.value in (None, ""):
            node.fault("missing")
        return node.checked(kind) if node else node

    def each(self, name: str) -> list[Node]:
        """Return the objects of an array."""
        array = self.get(name, list)
        nodes = [Node(value, f"{array.path}[{i}]", self.problems) for i, value in enumerate(array.value or ())]
        return [node for node in nodes if node.checked(dict)]

    def text(self, name: str, *, required: bool = False) -> str:
        """Return a text, "" without one."""
        return str(self.get(name, str, required=required).value or "")

    def term(self) -> Coding:
        """Return an OntologyClass of a phenopacket."""
        code = self.text("id", required=True)
        return Coding(prefix_of(code), code, self.text("label"), self.path)

    def coding(self) -> Coding:
        """Return a Coding of FHIR."""
        return Coding(self.text("system"), self.text("code"), self.text("display"), self.path)

    def itself(self) -> Coding:
        """Return a field that has no code, labelled with its value."""
        return Coding("", "", self.value if isinstance(self.value, str) else shown_as(self.value), self.path)

    def concept(self) -> list[Coding]:
        """Return the codings of a CodeableConcept of FHIR; a text alone is one without a code."""
        plain = Coding("", "", self.text("text"), self.path)
        return [c._replace(label=c.label or plain.label) for c in (n.coding() for n in self.each("coding"))] or [plain]


def load_json(source: Source) -> tuple[str, Mapping[str, Any]]:
    """Return the name of a file ("" for a mapping) and the JSON object in it."""
    if isinstance(source, Mapping):
        return "", source
    if not isinstance(source, str | os.PathLike):
        raise InterchangeError([f"{shown_as(source)} is neither a path nor a mapping"])
    try:
        value = json.loads(Path(source).read_bytes(), object_pairs_hook=_object)
    except FileNotFoundError as error:
        hint = "; JSON text goes through json.loads" if str(source).lstrip().startswith("{") else ""
        raise InterchangeError([f"there is no file {shown_as(os.fspath(source))}{hint}"]) from error
    except json.JSONDecodeError as error:
        problem = f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        raise InterchangeError([problem], file=Path(source).name) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InterchangeError([f"cannot be read: {error}"], file=shown_as(os.fspath(source))) from error
    if not isinstance(value, dict):
        raise InterchangeError([f"is {shown_as(value)}, not an object"], file=Path(source).name)
    return Path(source).name, value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; a name that stands twice in it is a fault, as one of the two would be lost."""
    seen = dict(pairs)
    if len(seen) < len(pairs):
        names = [name for name, _ in pairs]
        message = f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object"
        raise ValueError(message)
    return seen


def days_of(node: Node) -> tuple[date, date] | None:
    """Return the first and the last day that a date, perhaps of a month or year only, may mean."""
    match = MOMENT.fullmatch(node.value or "")
    if match:
        year, month, day = (int(part or 0) for part in match.groups())
        with contextlib.suppress(ValueError):
            first = date(year, month or 1, day or 1)
            return first, date(year, month or 12, day or calendar.monthrange(year, month or 12)[1])
    if node:
        node.fault(f"is {shown_as(node.value)}, not a date such as 1964-05-02")
    return None


def years_of(node: Node) -> int | None:
    """Return the completed years of an Age of a phenopacket."""
    text = node.text("iso8601duration", required=True)
    match = DURATION.fullmatch(text)
    if not match:
        if text:
            node.get("iso8601duration", str).fault(f"is {shown_as(text)}, not a duration such as P62Y3M")
        return None
    years, months, weeks, days = (int(part or 0) for part in match.groups())
    return years + months // 12 + int((7 * weeks + days) / 365.25)


def completed_years(birth: date, day: date) -> int:
    """Return the completed years from a birth to a day."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def prefix_of(curie: str) -> str:
    """Return what stands before the colon, "" where there is none."""
    return curie.partition(":")[0] if ":" in curie else ""


def first_code(value: Any) -> tuple[str, str]:
    """Return the outermost code in some JSON, and its label."""
    pending = [value]
    while pending:
        part = pending.pop(0)
        if isinstance(part, Mapping):
            code = part.get("id") if "label" in part else part.get("code")
            if isinstance(code, str):
                return code, str(part.get("label") or part.get("display") or "")
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return "", ""


def camel(name: object) -> str:
    """Return the name of a field in camelCase."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), str(name))


def shown_as(value: object) -> str:
    """Return a value for a message, shortened."""
    return reprlib.repr(value)
