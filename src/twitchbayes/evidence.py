"""What the user said, checked at the door and turned into the codes that the engine reads."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes.errors import (
    EngineLimitError,
    InvalidEvidenceError,
    InvalidValueError,
    TwitchbayesError,
    UnknownVariableError,
    did_you_mean,
)
from twitchbayes.states import Said, States
from twitchbayes.unions import Exclusion, Union
from twitchbayes.values import (
    NOWHERE_ELSE,
    NOWHERE_WORDS,
    as_number,
    as_scalar,
    is_unknown,
    listed,
    names_no_site,
    shortest_words,
    site_word,
    site_words,
)

if TYPE_CHECKING:
    from twitchbayes.knowledge import Knowledge, Variable
    from twitchbayes.network import Network

__all__ = ["MAX_MIXED_ROWS", "Evidence", "Words", "read_items", "split_items", "too_many_rows"]

PLAIN = frozenset({bool, int, str})  # types of which equal values are the same words
REMEMBERED = 4096
MAX_MIXED_ROWS = 1 << 12
BETWEEN_ITEMS = re.compile(r"\s+(?=\w+[<>=])")  # a space before a name: those within a value stay


@dataclass(frozen=True, slots=True)
class Evidence:
    """One case.

    `observed` maps variable to what the caller said of it, in words: a state, or several ("50 to 70"); a group is
    spelt out as its members. `assumed` are the states that hold because the caller did not say otherwise; `virtual`
    maps a variable to the likelihood of what was seen under each of its states. `codes` (n_columns,) are the
    codes of `Network.codes` that say all that, -1 where none does, in the order of `Network.columns`. `several` maps
    an observed variable of which no code says what was said to the likelihood of each state, and `left` an observed
    variable that is left several states to those. `given_as` maps each observed variable to the name that it was
    given under: its own, or that of its group.
    """

    observed: Mapping[str, str]
    assumed: Mapping[str, str]
    virtual: Mapping[str, tuple[float, ...]]
    codes: NDArray[np.int8] = field(repr=False, compare=False)
    columns: tuple[str, ...] = field(repr=False, compare=False)
    given_as: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    several: Mapping[str, tuple[float, ...]] = field(default_factory=dict, repr=False, compare=False)
    left: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False, compare=False)

    def rows(self) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Return the rows of hard evidence that this case is a mixture of, and their log weights.

        Evidence on a variable with likelihoods l_s is the mixture over its states s, those of likelihood 0 left out,
        of hard evidence with weights l_s (Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, 2.2.2).
        Without such evidence there is one row of weight 1.
        """
        uncertain = self.uncertain
        if not uncertain:
            return self.codes[None, :], np.zeros(1)
        states = [[s for s, likelihood in enumerate(ls) if likelihood] for ls in uncertain.values()]
        count = math.prod(map(len, states))
        if count > MAX_MIXED_ROWS:
            raise EngineLimitError(too_many_rows(len(uncertain), count))
        logs = [[math.log(likelihood) for likelihood in ls if likelihood] for ls in uncertain.values()]
        codes = np.repeat(self.codes[None, :], count, axis=0)
        codes[:, [self.columns.index(name) for name in uncertain]] = list(itertools.product(*states))
        return codes, np.array([sum(parts) for parts in itertools.product(*logs)])

    @property
    def uncertain(self) -> dict[str, tuple[float, ...]]:
        """The likelihoods of whatever was said of a variable beside its codes."""
        return {**self.virtual, **self.several}

    def states_left(self, name: str) -> tuple[str, ...]:
        """Return the states that are left to an observed or assumed variable; none where nothing is known of it."""
        known = self.items.get(name)
        return () if known is None else self.left.get(name, (known,))

    @property
    def items(self) -> dict[str, str]:
        """Observed and assumed states together."""
        return {**self.observed, **self.assumed}


def too_many_rows(variables: int, count: int) -> str:
    """Return why a case cannot be answered that is a mixture of so many."""
    return (
        f"evidence by likelihoods on {variables} variables is a mixture of {count} cases, above the bound of "
        f"{MAX_MIXED_ROWS}; give the most certain of them as observed"
    )


def read_items(items: Iterable[str]) -> dict[str, str]:
    """Return evidence written as `name=value` words, as on the command line.

    Raises
    ------
    InvalidValueError
        If a word has no "=" or a name stands twice.
    """
    evidence: dict[str, str] = {}
    for item in items:
        name, sign, value = item.partition("=")
        if not sign or not name:
            message = f"{item!r} is not of the form name=value, as weakness=yes"
            raise InvalidValueError(message)
        if name in evidence:
            message = f"given twice: {name}={evidence[name]} and {item}; give each variable once"
            raise InvalidValueError(message)
        evidence[name] = value
    return evidence


def split_items(text: str) -> list[str]:
    """Return the `name=value` words of a cell; a value may have spaces, as in `emg=at least denervation`."""
    return BETWEEN_ITEMS.split(text.strip()) if text.strip() else []


class Words:
    """The words in which a model's variables may be given, and what each of them means.

    Parameters
    ----------
    knowledge : Knowledge
    network : Network
        Compiled from it.
    """

    def __init__(self, knowledge: Knowledge, network: Network) -> None:
        self._variables = knowledge.variables
        self._columns = network.columns
        self._column_of = {name: i for i, name in enumerate(network.columns)}
        self._remembered: dict[tuple[object, type, Any], tuple[tuple[str, Said, str], ...]] = {}
        self._members = {g.name: knowledge.members(g.name) for g in knowledge.of_role("group")}
        self._sites = {group: site_words([m.name for m in members]) for group, members in self._members.items()}
        codes = zip(network.columns, network.codes, strict=True)
        self._states = {name: States(knowledge.variables[name], spans) for name, spans in codes}
        self._present = {name: states.present() for name, states in self._states.items()}
        unions = {v.name: Union(v.name, self._parts_of(knowledge, v)) for v in knowledge.variables.values()}
        self._unions = [unions[v.name] for v in knowledge.variables.values() if v.any_of or v.role == "union"]
        self._assumed = [(v, unions[v.name]) for v in knowledge.variables.values() if v.assumed]
        self._exclusions = [self._exclusion(knowledge, v) for v in knowledge.of_role("cause") if v.excludes]

    def _parts_of(self, knowledge: Knowledge, variable: Variable) -> tuple[str, ...]:
        """Return what a variable is the OR of, if it is one."""
        causes = knowledge.causes_of(variable.name) if variable.role == "union" else ()
        return causes or tuple(self._members_of(variable.any_of))

    @staticmethod
    def _exclusion(knowledge: Knowledge, cause: Variable) -> Exclusion:
        absent = {name for part in cause.excludes for name in knowledge.causes_of(part)}
        unions = [v.name for v in knowledge.of_role("union") if absent.issuperset(knowledge.causes_of(v.name))]
        return Exclusion(cause.name, (*(v.name for v in knowledge.of_role("cause") if v.name in absent), *unions))

    @property
    def nothing_assumed(self) -> dict[str, None]:
        """A case that leaves open whatever would be assumed otherwise."""
        return dict.fromkeys(variable.name for variable, _ in self._assumed)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that evidence may have: variables and groups."""
        return tuple(self._variables)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of a batch of evidence, as in `Network.columns`."""
        return self._columns

    @property
    def tied(self) -> frozenset[int]:
        """Which of `columns` can contradict another: unions and their parts, members of groups, what excludes."""
        tied = {name for group in self._members for name in self._members_of(group)}
        tied.update(name for union in self._unions for name in (union.name, *union.members))
        tied.update(name for exclusion in self._exclusions for name in (exclusion.name, *exclusion.others))
        return frozenset(self._column_of[name] for name in tied)

    def counts(self, name: str) -> bool:
        """Whether a variable is given as a number, of which the whole units count."""
        return bool(self._variables[name].bands)

    def columns_of(self, name: str) -> tuple[int, ...]:
        """Return which of `Network.columns` a variable, or a group, says something of."""
        return tuple(self._column_of[member] for member in self._members_of(name) or [name])

    def said(self, name: object, value: Any) -> Said | None:
        """Return what a value says of a variable, None where it says nothing.

        Raises
        ------
        UnknownVariableError, InvalidValueError
        """
        states = self._states.get(name)  # type: ignore[call-overload]
        if states is None:
            raise UnknownVariableError(name, self._variables)
        found: Said | None = states.said(value)
        return found

    def each(self, name: str, value: Any) -> list[Said | None]:
        """Return what a value of a variable, or of a group, says of each of `columns_of(name)`.

        Raises
        ------
        InvalidValueError, InvalidEvidenceError
        """
        if name not in self._members:
            return [self.said(name, value)]
        faults: list[TwitchbayesError] = []
        told: dict[str, Said] = {}
        for member, said, _ in self._read_one(name, value, faults):
            if not told.setdefault(member, said).agrees(said):
                self.read({name: value})  # a mapping that names a member twice, of which it says what is wrong
        if faults:
            raise faults[0]
        return [told.get(member) for member in self._members_of(name)]

    def complete(
        self, codes: NDArray[np.int8], given: Collection[str], uncertain: Mapping[str, NDArray[np.bool_]]
    ) -> NDArray[np.bool_]:
        """Write what is assumed into a table of codes, in place, and return which rows contradict themselves.

        Parameters
        ----------
        codes : ndarray of int8, shape (n_rows, n_columns)
        given : collection of str
            The names that the table has a column for, whatever its cells say.
        uncertain : mapping of str to ndarray of bool, shape (n_rows,)
            Variables with virtual evidence, and the rows that have it.

        Returns
        -------
        ndarray of bool, shape (n_rows,)
        """

        def says(which: int) -> Callable[[str], NDArray[np.bool_]]:
            return cache(lambda name: np.isin(codes[:, self._column_of[name]], list(self._present[name][which])))

        present, absent = says(0), says(1)
        contradicts = np.zeros(len(codes), dtype=bool)
        for union in self._unions:
            contradicts |= union.denied(present, absent) | union.unfounded(present, absent)
        for exclusion in self._exclusions:
            contradicts |= exclusion.broken(present)
        for variable, union in self._assumed:
            if variable.name not in given:
                settled = union.decided(present, absent) | uncertain.get(variable.name, np.bool_(False))
                column = codes[:, self._column_of[variable.name]]
                column[~np.broadcast_to(settled, len(codes))] = variable.states.index(variable.assumed)
        return contradicts

    def read(self, given: Mapping[str, Any], virtual: Mapping[str, Any] | None = None) -> Evidence:
        """Check a case and turn it into evidence.

        Parameters
        ----------
        given : mapping of str to value
            Variable, or group, to what was observed.
        virtual : mapping of str to float or mapping, optional
            Variable to the likelihood ratio present : absent of what was seen, or to a mapping of
            each of its states to a likelihood.

        Raises
        ------
        UnknownVariableError, InvalidValueError, InvalidEvidenceError
            One error for one fault; `InvalidEvidenceError` where there are several.
        """
        faults: list[TwitchbayesError] = []
        said: dict[str, Said] = {}
        origin: dict[str, str] = {}
        given_as: dict[str, str] = {}
        for name, value in given.items():
            for variable, meant, told in self._read_again(name, value, faults):
                if given_as.get(variable) not in self._members:
                    given_as[variable] = name
                if not said.get(variable, meant).agrees(meant):
                    faults.append(InvalidValueError(f"{origin[variable]} contradicts {told}: give one of them"))
                said[variable], origin[variable] = meant, told
        observed = {variable: meant.words for variable, meant in said.items()}
        likelihoods = self._read_virtual(virtual or {}, observed, faults)
        assumed = self._assume(given, said, likelihoods)
        self._check_unions(said, origin, faults)
        if len(faults) > 1:
            raise InvalidEvidenceError(faults)
        if faults:
            raise faults[0]
        codes = np.full(len(self._columns), -1, dtype=np.int8)
        for variable, meant in said.items():
            codes[self._column_of[variable]] = meant.code
        for variable, state in assumed.items():
            codes[self._column_of[variable]] = self._variables[variable].states.index(state)
        codes.flags.writeable = False
        wide = [(variable, meant) for variable, meant in said.items() if len(meant.states) > 1 or meant.likelihoods]
        several = {variable: meant.likelihoods for variable, meant in wide if meant.likelihoods}
        left = {variable: meant.states for variable, meant in wide}
        return Evidence(observed, assumed, likelihoods, codes, self._columns, given_as, several, left)

    def _read_again(
        self, name: object, value: Any, faults: list[TwitchbayesError]
    ) -> tuple[tuple[str, Said, str], ...]:
        """Return what `_read_one` yields, remembered for plain values: people are asked the same questions."""
        if type(value) not in PLAIN:
            return tuple(self._read_one(name, value, faults))
        key = name, type(value), value
        said = self._remembered.get(key)
        if said is None:
            before = len(faults)
            said = tuple(self._read_one(name, value, faults))
            if len(faults) == before and len(self._remembered) < REMEMBERED:
                self._remembered[key] = said
        return said

    def _read_one(self, name: object, value: Any, faults: list[TwitchbayesError]) -> Iterator[tuple[str, Said, str]]:
        """Yield (variable, what was said, the words it was given in) for one item of a case."""
        try:
            if name in self._members:
                yield from self._read_group(str(name), value)
            else:
                said = self.said(name, value)
                if said is not None:
                    yield str(name), said, f"{name}={value!r}"
        except TwitchbayesError as error:
            faults.append(error)

    def _read_group(self, group: str, value: Any) -> Iterator[tuple[str, Said, str]]:
        value = as_scalar(value)
        if isinstance(value, Mapping):
            for site, present in value.items():
                member = self._site(group, site)
                said = self.said(member, present)
                if said is not None:
                    yield member, said, f"{group}={{{site!r}: {present!r}}}"
            return
        if is_unknown(value):
            return
        if names_no_site(value) and value.strip().casefold() not in self._sites[group]:
            yield from self._named(group, value, (), closed=True)
            return
        named = value.replace(",", ";").split(";") if isinstance(value, str) else value
        if isinstance(named, bytes) or not isinstance(named, Iterable):
            message = f"{group}={value!r} is not a site; give {listed(self._sites[group])}, a list of them or a mapping"
            raise InvalidValueError(message)
        words = [site for site in named if not (isinstance(site, str) and not site.strip())]
        sites = {self._site(group, word) for word in words if not self._closes(group, word)}
        closed = any(self._closes(group, word) for word in words)
        if not sites and not closed:
            message = f"{group}={value!r} names no site; give None for unknown, or a site: {listed(self._sites[group])}"
            raise InvalidValueError(message)
        yield from self._named(group, value, sites, closed=closed)

    def _named(
        self, group: str, value: Any, sites: Collection[str], *, closed: bool
    ) -> Iterator[tuple[str, Said, str]]:
        """Yield what the names of some members of a group say, in the order of all its members."""
        for own in self._members_of(group):
            said = self.said(own, own in sites) if closed or own in sites else None
            if said is not None:
                yield own, said, f"{group}={value!r}"

    def _closes(self, group: str, word: object) -> bool:
        """Whether a word says that no site is meant but those named; a site that is called so is a site."""
        return site_word(word) == NOWHERE_ELSE and NOWHERE_ELSE not in self._sites[group]

    def _site(self, group: str, site: object) -> str:
        words = self._sites[group]
        member = words.get(site_word(site))
        if member is None:
            hint = " Give 'none', alone, for no site." if str(site).strip().casefold() == "none" else ""
            hint = hint or did_you_mean(site, shortest_words(words))
            message = f"{group}={site!r} is not a site of {group}.{hint}"
            raise InvalidValueError(message)
        return member

    def closed(self, group: str, value: Any) -> Any:
        """Return an answer to a question that names every member of a group: what it leaves out is absent.

        A mapping, and what says nothing, stay as they are; False is the answer that no member is present.

        Raises
        ------
        InvalidValueError
            If the answer cannot be read.
        """
        if value is False:
            return dict.fromkeys(self._members_of(group), "absent")
        if isinstance(as_scalar(value), Mapping):
            return value
        if isinstance(value, Iterator):  # it can be read but once
            value = list(value)
        named = self.read({group: value}).observed
        return {name: named.get(name, "absent") for name in self._members_of(group)} if named else None

    def spelled(self, group: str, states: Mapping[str, str]) -> Any:
        """Return states of members of a group as people give them: by names where nothing is left open."""
        present = [name for name, state in states.items() if state == "present"]
        if len(states) < len(self._members[group]) or self._sites[group].keys() & {NOWHERE_ELSE, *NOWHERE_WORDS}:
            return dict(states)
        if len(present) == len(states):
            return present
        return [*present, NOWHERE_ELSE] if present else NOWHERE_WORDS[0]

    def _read_virtual(
        self, virtual: Mapping[str, Any], observed: Mapping[str, str], faults: list[TwitchbayesError]
    ) -> dict[str, tuple[float, ...]]:
        likelihoods: dict[str, tuple[float, ...]] = {}
        for name, value in virtual.items():
            try:
                if name not in self._states:
                    raise UnknownVariableError(name, self._states)
                if is_unknown(value):
                    continue
                numbers = self._likelihoods(name, value)
                if name in observed:
                    message = f"{name} is observed ({observed[name]}) and has virtual evidence {value!r}: give one"
                    raise InvalidValueError(message)
                likelihoods[name] = numbers
            except TwitchbayesError as error:
                faults.append(error)
        return likelihoods

    def _likelihoods(self, name: str, value: Any) -> tuple[float, ...]:
        states = self._variables[name].states
        if isinstance(value, Mapping):
            unknown = [state for state in value if state not in states]
            if unknown or len(value) != len(states):
                message = f"virtual evidence {name}={value!r} must give a likelihood for each of {', '.join(states)}"
                raise InvalidValueError(message)
            numbers = tuple(as_number(value[state]) for state in states)
        elif states == ("absent", "present"):
            numbers = (1.0, as_number(value))
        else:
            message = (
                f"virtual evidence {name}={value!r}: give a mapping with a likelihood for each of {', '.join(states)}"
            )
            raise InvalidValueError(message)
        if not all(0 <= number < math.inf for number in numbers) or not any(numbers):
            message = (
                f"virtual evidence {name}={value!r} must be finite, not negative and not all 0 (a likelihood ratio)"
            )
            raise InvalidValueError(message)
        return numbers

    def _assume(self, given: Mapping[str, Any], said: Mapping[str, Said], virtual: Mapping[str, Any]) -> dict[str, str]:
        present, absent = self._says(said, 0), self._says(said, 1)
        return {
            variable.name: variable.assumed
            for variable, union in self._assumed
            if variable.name not in given and variable.name not in virtual and not union.decided(present, absent)
        }

    def _check_unions(
        self, said: Mapping[str, Said], origin: Mapping[str, str], faults: list[TwitchbayesError]
    ) -> None:
        present, absent = self._says(said, 0), self._says(said, 1)
        for union in self._unions:
            if union.name not in said:
                continue
            if union.denied(present, absent):
                member = next(origin[m] for m in union.members if present(m))
                faults.append(InvalidValueError(f"{origin[union.name]} contradicts {member}: give one of them"))
            if union.unfounded(present, absent):
                members = ", ".join(dict.fromkeys(origin[m] for m in union.members))
                kind = "cause" if self._variables[union.name].role == "union" else "place"
                faults.append(
                    InvalidValueError(f"{origin[union.name]} contradicts {members}: no {kind} is left for it")
                )
        for exclusion in self._exclusions:
            if exclusion.name in said and exclusion.broken(present):
                other = next(origin[o] for o in exclusion.others if present(o))
                message = (
                    f"{origin[exclusion.name]} contradicts {other}: {exclusion.name} is defined by the absence of it, "
                    "as its row of variables.csv says; give one of them"
                )
                faults.append(InvalidValueError(message))

    def _says(self, said: Mapping[str, Said], which: int) -> Callable[[str], bool]:
        return lambda name: name in said and said[name].code in self._present[name][which]

    def _members_of(self, group: str) -> list[str]:
        return [member.name for member in self._members.get(group, ())]
