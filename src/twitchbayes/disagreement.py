"""Which items of a case fit the rest of it badly: the conflict measure, and what would explain it."""

from __future__ import annotations

import html
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes import display, phrases
from twitchbayes.display import Listing, percent
from twitchbayes.errors import InvalidValueError
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.inference.mixture import log_evidences
from twitchbayes.items import Item as Told
from twitchbayes.knowledge import Knowledge, Variable
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN
from twitchbayes.values import NOWHERE_ELSE

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.posterior import Posterior

__all__ = ["CauseConflict", "Conflict", "Item", "PairConflict", "measure"]

Floats = NDArray[np.float64]

NEGLIGIBLE = 0.1  # bits: a factor of 1.07, of which nothing is said
NONE = "none"  # the row of no listed cause among those of the causes


class Item(NamedTuple):
    """What counts as one item of evidence: a variable, a group's members with their OR, or causes with their union.

    `text` says it in words, `variables` are those that it speaks of, `assumed` whether it is what nobody said,
    `probability` that of the item by itself (None of virtual evidence, which has none), `bits` its conflict with
    all the rest.
    """

    name: str
    text: str
    variables: tuple[str, ...]
    assumed: bool
    probability: float | None
    bits: float


class PairConflict(NamedTuple):
    """Two items by themselves: log2 of P(a) P(b) / P(a, b)."""

    a: str
    b: str
    bits: float


class CauseConflict(NamedTuple):
    """What a cause would make of a conflict; `cause` is "none" for all causes absent.

    `prior` and `posterior` are its probabilities without and with the evidence; `with_it` is the conflict of the
    items and the cause as one item more, `given_it` that of the items among people who have it, in bits; both None
    where it cannot hold with the evidence.
    """

    cause: str
    prior: float
    posterior: float
    with_it: float | None
    given_it: float | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Conflict:
    """How well the items of a case fit each other: log2 of the product of P(item) over P(all items), in bits.

    Above 0 the items are less probable together than if they had nothing to do with each other, as they seldom are
    where the model describes the case. It is a reason to look at them again, and says by itself neither that one is
    wrong nor which.

    Attributes
    ----------
    of : Posterior
    bits : float
        The conflict of all items, in bits; 0 with fewer than two.
    items : tuple of Item
        The one in most conflict with the rest first.
    pairs : tuple of PairConflict
        The largest first.
    causes : tuple of CauseConflict
        Every cause of which nothing is said, the most probable first, and "none" unless a cause is known to be
        present or seen uncertainly.
    positive : bool
        Whether a finding is present among the items.
    """

    of: Posterior
    bits: float
    items: tuple[Item, ...]
    pairs: tuple[PairConflict, ...]
    causes: tuple[CauseConflict, ...]
    positive: bool

    @property
    def resolved_by(self) -> tuple[str, ...]:
        """The causes each of which, counted as an item, takes the conflict away; () below 0.1 bit.

        The evidence has then made the cause at least as many times more probable as the items are less probable
        together: a rare case, perhaps, and no conflict.
        """
        if self.bits < NEGLIGIBLE:
            return ()
        return tuple(c.cause for c in self.causes if c.cause != NONE and c.with_it is not None and c.with_it <= 0)

    @property
    def background(self) -> bool:
        """Whether a finding is present and yet no listed cause is more probable than any: P(none | evidence) > 1/2."""
        return self.positive and self.of.none > 0.5

    @property
    def summary(self) -> str:
        """What was found, in words."""
        return " ".join(_sentences(self))

    def to_frame(self, what: Literal["items", "pairs", "causes"] = "items") -> pd.DataFrame:
        """Return the items, the pairs of items or the causes, as the attribute of that name, a row each.

        Raises
        ------
        InvalidValueError
            If `what` is none of them.
        """
        import pandas as pd

        kinds = {"items": Item, "pairs": PairConflict, "causes": CauseConflict}
        if what not in kinds:
            message = f"what={what!r} is none of {', '.join(kinds)}"
            raise InvalidValueError(message)
        return pd.DataFrame(getattr(self, what), columns=list(kinds[what].__annotations__))

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        model = self.of.model
        return {
            "model": {"name": model.name, "version": model.version, "fingerprint": model.fingerprint},
            "bits": self.bits,
            "summary": self.summary,
            "items": [{**item._asdict(), "variables": list(item.variables)} for item in self.items],
            "pairs": [pair._asdict() for pair in self.pairs],
            "causes": [cause._asdict() for cause in self.causes],
            "resolved_by": list(self.resolved_by),
            "background": self.background,
            "disclaimer": display.DISCLAIMER,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        lines = [f"Conflict of the evidence: {self.bits:+.3g} bits", f"  {self.of.model.describe()}"]
        lines += ["", *_sentences(self)]
        for listing in _listings(self):
            lines += ["", *listing.lines()]
        return "\n".join([*lines, "", f"  {display.DISCLAIMER}"])

    def _repr_html_(self) -> str:
        told = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in _sentences(self))
        lists = "".join(listing.html() for listing in _listings(self))
        about = f"<p>Conflict of the evidence: {self.bits:+.3g} bits<br>{html.escape(self.of.model.describe())}</p>"
        return f"<div class='twitchbayes-conflict'>{about}{told}{lists}<p><small>{display.DISCLAIMER}</small></p></div>"


def measure(of: Posterior, evidence: Evidence) -> Conflict:
    """Return how well the items of a case fit each other.

    Items are what was observed, assumed or seen uncertainly. The members of a group that are known hard are one item,
    with the OR of the group if that is known too: they are given together, and what is said twice is no agreement.
    So are causes with a union of them.
    Everything is one batch of the engine: each item, each pair, all but each, and each of the items and all of
    them with each cause.

    References
    ----------
    Jensen, Chamberlain, Nordahl and Jensen, Analysis in HUGIN of data conflict (UAI 1990): the measure, its parts, and
    the conflict that a rare case explains.
    """
    engine, knowledge = of.model.engine, of.model.knowledge
    said = _items_of(knowledge, evidence)
    hypotheses = _hypotheses(engine, evidence, {name for item in said.values() for name in item})
    logs = _logs(engine, evidence, said, hypotheses)
    bits = float(logs.single.sum() - logs.whole) if len(said) > 1 else 0.0
    items = [
        _item(knowledge, evidence, name, variables, (p, rest, logs.whole))
        for (name, variables), p, rest in zip(said.items(), logs.single, logs.rest, strict=True)
    ]
    single = dict(zip(said, logs.single.tolist(), strict=True))
    pairs = [PairConflict(a, b, single[a] + single[b] - both) for (a, b), both in logs.pairs.items()]
    causes = [_of_cause(cause, row, bits, logs.whole) for cause, row in logs.causes.items()]
    return Conflict(
        of,
        bits,
        tuple(sorted(items, key=lambda item: -item.bits)),
        tuple(sorted(pairs, key=lambda pair: -pair.bits)),
        tuple(sorted(causes, key=lambda cause: -cause.posterior)),
        any(_is_positive(knowledge.variables[name], evidence.states_left(name)) for name in evidence.items),
    )


def _is_positive(variable: Variable, left: Sequence[str]) -> bool:
    """Whether a finding is known to be present: above its lowest state."""
    return variable.role == "finding" and variable.states[0] not in left


class _Logs(NamedTuple):
    """log2 P of all items, of each, of all but each, of each pair; and of each cause alone, with all, with each."""

    whole: float
    single: Floats
    rest: Floats
    pairs: Mapping[tuple[str, str], float]
    causes: Mapping[str, Floats]


_Items = Mapping[str, tuple[str, ...]]  # the variables of each item
_Hypotheses = Mapping[str, Mapping[int, int]]  # the states of columns that make each cause present


def _logs(engine: Engine, evidence: Evidence, said: _Items, hypotheses: _Hypotheses) -> _Logs:
    names = list(said)
    pairs = list(itertools.combinations(names, 2))
    each = [[name] for name in names]
    rest = [[other for other in names if other != name] for name in names]
    parts = [_part(evidence, said, subset) for subset in (names, *each, *rest, *pairs)]
    for states in hypotheses.values():
        parts += [_part(evidence, said, subset, states) for subset in ((), names, *each)]
    logs = log_evidences(engine, parts) / math.log(2)
    whole, single, others, both, causes = np.split(logs, np.cumsum([1, len(names), len(names), len(pairs)]))
    of_pairs = dict(zip(pairs, both.tolist(), strict=True))
    by_cause = dict(zip(hypotheses, causes.reshape(len(hypotheses), 2 + len(names)), strict=True))
    return _Logs(float(whole[0]), single, others, of_pairs, by_cause)


def _item(
    knowledge: Knowledge, evidence: Evidence, name: str, variables: tuple[str, ...], logs: tuple[float, float, float]
) -> Item:
    """Return an item from log2 P(item), P(all others) and P(all)."""
    alone, rest, whole = logs
    assumed = all(variable in evidence.assumed for variable in variables)
    probability = None if name in evidence.virtual else min(float(2**alone), 1.0)
    text = _text(knowledge, evidence, name, variables)
    return Item(name, text, variables, assumed, probability, float(alone + rest - whole))


def _of_cause(cause: str, log_p: Floats, bits: float, whole: float) -> CauseConflict:
    """Return a row of causes from log2 P(cause), P(cause, all items) and P(cause, item) of each item."""
    alone, with_all, with_each = log_p[0], log_p[1], log_p[2:]
    prior, posterior = min(float(2**alone), 1.0), min(float(2 ** (with_all - whole)), 1.0)
    if not np.isfinite(with_all):
        return CauseConflict(cause, prior, posterior, None, None)
    with_it = bits + alone - (with_all - whole)
    given_it = (with_each - alone).sum() - (with_all - alone)
    return CauseConflict(cause, prior, posterior, float(with_it), float(given_it))


def _items_of(knowledge: Knowledge, evidence: Evidence) -> dict[str, tuple[str, ...]]:
    """Return the variables of each item, by its name: that of the group where there are several."""
    variables = knowledge.variables
    together: dict[str, list[str]] = {}
    for name in evidence.items:
        group = variables[name].group or variables[name].any_of
        together.setdefault(group or _widest(knowledge, evidence, name), []).append(name)
    items = {group if len(members) > 1 else members[0]: tuple(members) for group, members in together.items()}
    return {**items, **{name: (name,) for name in evidence.virtual}}


def _widest(knowledge: Knowledge, evidence: Evidence, name: str) -> str:
    """Return the widest union of causes that is known too and holds a cause, or a union; else the name itself."""
    if knowledge.variables[name].role not in {"cause", "union"}:
        return name
    inside = set(knowledge.causes_of(name))
    sizes = {
        union.name: len(knowledge.causes_of(union.name))
        for union in knowledge.of_role("union")
        if union.name in evidence.items and inside.issubset(knowledge.causes_of(union.name))
    }
    return max(sizes, key=sizes.__getitem__, default=name)


def _text(knowledge: Knowledge, evidence: Evidence, name: str, variables: Sequence[str]) -> str:
    if name in evidence.virtual:
        return f"{name} seen with likelihoods {evidence.virtual[name]}"
    states = evidence.items
    if knowledge.variables[name].role != "group":
        return ", ".join(f"{variable}={states[variable]}" for variable in variables)
    members = [v for v in variables if not knowledge.variables[v].any_of]
    present = [v for v in members if states[v] == "present"]
    absent = ", ".join(v for v in members if states[v] != "present")
    if not present:
        return f"{name}: {', '.join(variables)} absent"
    if absent and len(members) == len(knowledge.members(name)):
        return f"{name}={';'.join([*present, NOWHERE_ELSE])}"
    return f"{name}={';'.join(present)}{f', {absent} absent' if absent else ''}"


def _hypotheses(engine: Engine, evidence: Evidence, known: set[str]) -> _Hypotheses:
    """Return the states of columns that make each cause present that is not known, and all of them absent."""
    columns = {cause: evidence.columns.index(cause) for cause in engine.network.causes}
    found: dict[str, Mapping[int, int]] = {c: {i: PRESENT} for c, i in columns.items() if c not in known}
    if not any(evidence.items.get(cause) == "present" or cause in evidence.virtual for cause in columns):
        found[NONE] = dict.fromkeys(columns.values(), ABSENT)
    return found


def _part(evidence: Evidence, said: _Items, names: Sequence[str], states: Mapping[int, int] | None = None) -> Evidence:
    """Return what some items of a case say, and further states of columns."""
    codes = np.full(len(evidence.columns), UNKNOWN, dtype=np.int8)
    for column, state in (states or {}).items():
        codes[column] = state
    variables = [variable for name in names for variable in said[name]]
    hard = [evidence.columns.index(variable) for variable in variables]
    codes[hard] = np.where(evidence.codes[hard] != UNKNOWN, evidence.codes[hard], codes[hard])
    uncertain = {name: likelihoods for name, likelihoods in evidence.uncertain.items() if name in variables}
    return Evidence({}, {}, uncertain, codes, evidence.columns)


# How it is shown


def _sentences(conflict: Conflict) -> Iterator[str]:
    if len(conflict.items) < 2:
        yield "There are fewer than two items: nothing can conflict."
    elif abs(conflict.bits) < NEGLIGIBLE:
        yield f"The items hardly differ from independence ({round(conflict.bits, 2) + 0.0:+.2f} bits)."
    elif conflict.bits > 0:
        yield from _of_conflict(conflict)
    else:
        yield from _of_agreement(conflict)
    if conflict.background:
        none = percent(conflict.of.none)
        yield f"No listed cause is present with probability {none}: what was found may be nothing but background."


def _of_conflict(conflict: Conflict) -> Iterator[str]:
    yield f"The items conflict: together they are {_times(conflict.bits)} less probable than if they were independent."
    worst = conflict.pairs[0]
    if worst.bits >= NEGLIGIBLE:
        words = {item.name: _words(conflict, item) for item in conflict.items}
        yield f"Two by two, {words[worst.a]} and {words[worst.b]} conflict most ({worst.bits:+.3g} bits)."
    yield _resolution(conflict)


def _of_agreement(conflict: Conflict) -> Iterator[str]:
    yield f"The items agree: together they are {_times(-conflict.bits)} as probable as if they were independent."
    worst = conflict.items[0]
    if worst.bits >= NEGLIGIBLE:
        yield f"Against the rest stands {_words(conflict, worst)} ({worst.bits:+.3g} bits)."


def _words(conflict: Conflict, item: Item) -> str:
    """Return an item in the labels of the model, as an explanation does."""
    knowledge, evidence = conflict.of.model.knowledge, conflict.of._evidence
    if item.name in evidence.virtual:
        return phrases.said(knowledge, Told(item.name, "virtual", {}, evidence.virtual[item.name]))
    # The OR of members that are named says no more than they do.
    named = [v for v in item.variables if v == item.name or not knowledge.variables[v].any_of]
    states = {variable: evidence.items[variable] for variable in named}
    return phrases.said(knowledge, Told(item.name, "assumed" if item.assumed else "observed", states))


def _resolution(conflict: Conflict) -> str:
    rows = {row.cause: row for row in conflict.causes}
    if conflict.resolved_by:
        row = rows[conflict.resolved_by[0]]
        label = conflict.of.model.knowledge.variables[row.cause].label
        raised = f"from {percent(row.prior)} to {percent(row.posterior)}"
        return f"With {label} present as one item more this measure is not above 0: the items raise it {raised}."
    return (
        "No single cause takes that away. An item may be wrong, several causes may be present, or it may be due to "
        "none that the model lists; the measure cannot tell which."
    )


def _times(bits: float) -> str:
    return f"{2**bits:.3g} times" if bits < 50 else f"2^{bits:.0f} times"


def _listings(conflict: Conflict) -> Iterator[Listing]:
    text = {item.name: item.text for item in conflict.items}
    if len(conflict.items) < 2:
        return
    rows = [(i.text, "" if i.probability is None else percent(i.probability), _signed(i.bits)) for i in conflict.items]
    title = "Each item against all the rest, in bits (above 0: it fits them badly)"
    yield Listing.of(title, ("item", "alone", "bits"), rows, right=("alone", "bits"))
    if len(conflict.items) > 2:
        shown = [(text[pair.a], text[pair.b], _signed(pair.bits)) for pair in conflict.pairs if pair.bits >= NEGLIGIBLE]
        if shown:
            yield Listing.of("Pairs of items that conflict, in bits", ("item", "item ", "bits"), shown, right=("bits",))
    head = ("cause", "prior", "posterior", "with it", "given it")
    cells = [(row.cause, percent(row.prior), percent(row.posterior), *_bits(row)) for row in conflict.causes]
    title = "The conflict with a cause as one item more, and among people who have it, in bits"
    yield Listing.of(title, head, cells, right=head[1:])


def _bits(row: CauseConflict) -> tuple[str, str]:
    if row.with_it is None or row.given_it is None:
        return "impossible", "impossible"
    return _signed(row.with_it), _signed(row.given_it)


def _signed(bits: float) -> str:
    return f"{round(bits, 9) + 0.0:+.3g}"  # without what rounding leaves
