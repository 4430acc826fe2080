"""Two answers side by side: of two cases, of two models, or of one case and of what it might have been."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from twitchbayes import display
from twitchbayes.display import Listing, percent
from twitchbayes.errors import InvalidValueError
from twitchbayes.evidence import Evidence, Words
from twitchbayes.values import is_unknown

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.model import Model
    from twitchbayes.posterior import Posterior

__all__ = ["CauseMove", "Comparison", "EvidenceChange", "as_given", "compare", "revised", "said_once"]


class CauseMove(NamedTuple):
    """A cause, or a union of causes, in two answers.

    `first` and `second` are the posteriors, None where a model has neither of that name; `move` is the second less the
    first, `move_nats` that of the log odds: infinite from or to 0 or 1.
    """

    cause: str
    label: str
    first: float | None
    second: float | None
    move: float | None
    move_nats: float | None


class EvidenceChange(NamedTuple):
    """What two answers were given of one variable, in words; "" where nothing was said of it."""

    variable: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Comparison:
    """Two answers side by side.

    Attributes
    ----------
    of, other : Posterior
        The first answer and the second.
    causes : tuple of CauseMove
        Those of both models, the largest move of log odds first. What is a cause of one model may be a union of
        causes in the other.
    unions : tuple of CauseMove
        Likewise, of the names that are a union of causes wherever they are.
    evidence : tuple of EvidenceChange
        What was observed, assumed or seen uncertainly in one and not so in the other.
    """

    of: Posterior
    other: Posterior
    causes: tuple[CauseMove, ...]
    unions: tuple[CauseMove, ...]
    evidence: tuple[EvidenceChange, ...]

    @property
    def same_model(self) -> bool:
        """Whether the tables behind both answers are the same; `Model.diff` says what differs."""
        return self.of.model is self.other.model or self.of.model.fingerprint == self.other.model.fingerprint

    def to_frame(self) -> pd.DataFrame:
        """Return a row a cause: `cause`, `label`, `first`, `second`, `move`, `move_nats`; missing as NaN."""
        import pandas as pd

        frame = pd.DataFrame(self.causes, columns=list(CauseMove._fields))
        return frame.astype(dict.fromkeys(CauseMove._fields[2:], "float64"))

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types; None for what is missing, and for moves that are infinite."""
        return {
            "first": _side(self.of),
            "second": _side(self.other),
            "same_model": self.same_model,
            "evidence": [change._asdict() for change in self.evidence],
            **{
                kind: [{key: _finite(value) for key, value in row._asdict().items()} for row in getattr(self, kind)]
                for kind in ("causes", "unions")
            },
            "disclaimer": display.DISCLAIMER,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        lines = list(_about(self))
        for listing in _listings(self):
            lines += ["", *listing.lines()]
        return "\n".join([*lines, "", f"  {display.DISCLAIMER}"])

    def _repr_html_(self) -> str:
        about = "<br>".join(map(html.escape, _about(self)))
        lists = "".join(listing.html() for listing in _listings(self))
        end = f"<p><small>{display.DISCLAIMER}</small></p></div>"
        return f"<div class='twitchbayes-comparison'><p>{about}</p>{lists}{end}"


def compare(first: Posterior, second: Posterior) -> Comparison:
    """Return two answers side by side.

    Parameters
    ----------
    first, second : Posterior
        Of one model or of two; causes are matched by name.

    Raises
    ------
    InvalidValueError
        If one of them is no answer.
    """
    for answer in (first, second):
        if not hasattr(answer, "virtual_evidence"):
            message = f"{answer!r} is no answer; give what infer returns"
            raise InvalidValueError(message)
    causes = dict.fromkeys([*first, *second])
    unions = [name for name in dict.fromkeys([*first.unions, *second.unions]) if name not in causes]
    said = [_said(answer) for answer in (first, second)]
    names = dict.fromkeys([*said[0], *said[1]])
    pairs = [EvidenceChange(name, *(words.get(name, "") for words in said)) for name in names]
    moved = [pair for pair in pairs if pair.first != pair.second]
    return Comparison(first, second, _moves(first, second, causes), _moves(first, second, unions), tuple(moved))


def revised(
    model: Model, evidence: Evidence, given: Mapping[str, Any], virtual: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a case with some items said otherwise, as `infer` takes it: what is given and what is virtual.

    Parameters
    ----------
    model : Model
        The one that has read `evidence`.
    evidence : Evidence
    given, virtual : mapping of str to value
        What is said instead. What is unknown (None) is taken out; a group replaces all its members. Nothing is
        assumed of what was said to be unknown before.
    """
    instead = [*given, *(name for name, value in virtual.items() if not is_unknown(value))]
    replaced = {variable for name in instead for variable in _variables_of(model.words, name)}
    uncertain = {
        name: dict(zip(model.knowledge.variables[name].states, likelihoods, strict=True))
        for name, likelihoods in evidence.virtual.items()
    }
    assumed_again = model.words.read(evidence.observed, uncertain).assumed
    unknown = {name: None for name in assumed_again if name not in evidence.assumed}
    kept = {name: state for name, state in evidence.observed.items() if name not in replaced}
    again = as_given(kept, evidence.given_as)
    still = {name: values for name, values in uncertain.items() if name not in replaced}
    # Of what stays observed there is nothing uncertain to take out.
    said = {name: value for name, value in virtual.items() if name in instead or name not in kept}
    return {**unknown, **again, **given}, {**still, **said}


def as_given(observed: Mapping[str, str], given_as: Mapping[str, str]) -> dict[str, Any]:
    """Return states as `infer` takes them, under the names that they were given under: what was one item stays one.

    Parameters
    ----------
    observed, given_as : mapping of str to str
        As in `Evidence`.

    Returns
    -------
    dict of str to str or dict
        Variable to state, and group to a mapping of its members to states.
    """
    items: dict[str, Any] = {}
    for name, state in observed.items():
        group = given_as.get(name, name)
        if group == name:
            items[name] = state
        else:
            items.setdefault(group, {})[name] = state
    return items


def said_once(evidence: Mapping[str, Any] | None, named: Mapping[str, Any]) -> dict[str, Any]:
    """Return evidence given as a mapping and by keyword as one.

    Raises
    ------
    InvalidValueError
        If it is no mapping, or something is given twice.
    """
    if evidence is not None and not hasattr(evidence, "items"):
        message = f"evidence={evidence!r} is no mapping of variable to value"
        raise InvalidValueError(message)
    given = dict(evidence.items()) if evidence is not None else {}
    twice = [f"{name}={given[name]!r} and {name}={value!r}" for name, value in named.items() if name in given]
    if twice:
        message = f"given twice: {', '.join(twice)}; give each variable once"
        raise InvalidValueError(message)
    return {**given, **named}


def _variables_of(words: Words, name: str) -> list[str]:
    """Return a variable, or the members of a group; a name that the model does not have is told by its reader."""
    return [words.columns[i] for i in words.columns_of(name)] if name in words.names else [name]


def _moves(first: Posterior, second: Posterior, names: Iterable[str]) -> tuple[CauseMove, ...]:
    """Return some causes, or unions, in two answers, the largest move of log odds first."""
    moves = [_move(first, second, name) for name in names]
    return tuple(sorted(moves, key=lambda row: 1.0 if row.move_nats is None else -round(abs(row.move_nats), 9)))


def _move(first: Posterior, second: Posterior, name: str) -> CauseMove:
    having = [answer for answer in (first, second) if name in answer or name in answer.unions]
    label = having[0].model.label(name)
    p, q = (answer[name] if answer in having else None for answer in (first, second))
    if p is None or q is None:
        return CauseMove(name, label, p, q, None, None)
    return CauseMove(name, label, p, q, q - p, _moved_nats(p, q))


def _moved_nats(p: float, q: float) -> float:
    return 0.0 if p == q else _log_odds(q) - _log_odds(p)


def _log_odds(p: float) -> float:
    return math.copysign(math.inf, p - 0.5) if p in {0.0, 1.0} else math.log(p) - math.log1p(-p)


def _said(answer: Posterior) -> dict[str, str]:
    """Return what an answer was given, in words."""
    assumed = {name: f"{state} (assumed)" for name, state in answer.assumed.items()}
    virtual = {name: f"likelihoods {values}" for name, values in answer.virtual_evidence.items()}
    return {**answer.evidence, **assumed, **virtual}


def _side(answer: Posterior) -> dict[str, Any]:
    model = answer.model
    return {
        "model": {"name": model.name, "version": model.version, "fingerprint": model.fingerprint},
        "population": model.population,
        "evidence": answer.evidence,
        "assumed": answer.assumed,
        "virtual_evidence": {name: list(values) for name, values in answer.virtual_evidence.items()},
        "none": answer.none,
        "serious": answer.serious,
        "log_evidence_nats": answer.log_evidence,
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


# How it is shown


def _about(comparison: Comparison) -> Iterator[str]:
    of, other = comparison.of, comparison.other
    yield "Two answers side by side"
    if comparison.same_model:
        yield f"both    {of.model.describe()}"
    else:
        yield f"first   {of.model.describe()}"
        yield f"second  {other.model.describe()}"


def _listings(comparison: Comparison) -> Iterator[Listing]:
    if comparison.evidence:
        rows = [(row.variable, row.first or "unknown", row.second or "unknown") for row in comparison.evidence]
        yield Listing.of("Evidence that differs", ("variable", "first", "second"), rows)
    else:
        yield Listing("The evidence is the same.")
    head = ("cause", "first", "second", "points", "nats")
    title = "Posteriors, the largest move of log odds first"
    yield Listing.of(title, head, [_cells(row) for row in comparison.causes], right=head[1:])
    if comparison.unions:
        union = ("union of causes", *head[1:])
        yield Listing.of("Any cause of a union", union, [_cells(row) for row in comparison.unions], right=head[1:])
    of, other = comparison.of, comparison.other
    none, serious = (of.none, other.none), (of.serious, other.serious)
    for what, (p, q) in (("no listed cause", none), ("at least one serious cause", serious)):
        yield Listing(f"P({what}): {percent(p)}, then {percent(q)}")


def _cells(row: CauseMove) -> tuple[str, ...]:
    p, q = ("no such cause" if value is None else percent(value) for value in (row.first, row.second))
    if row.move is None or row.move_nats is None:
        return row.label, p, q, "", ""
    return row.label, p, q, f"{100 * row.move:+.3g}", f"{row.move_nats:+.3g}"
