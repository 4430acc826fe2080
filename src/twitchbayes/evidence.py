"""What the user said, checked at the door and turned into the codes that the engine reads."""

from __future__ import annotations

import itertools
import math
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
from twitchbayes.unions import Union
from twitchbayes.values import (
    NOWHERE_ELSE,
    NOWHERE_WORDS,
    as_number,
    as_scalar,
    as_word,
    band_of,
    expected_words,
    is_unknown,
    listed,
    names_no_site,
    shortest_words,
    site_word,
    site_words,
    state_words,
)

if TYPE_CHECKING:
    from twitchbayes.knowledge import Knowledge
    from twitchbayes.network import Network

__all__ = ["Evidence", "Words", "read_items"]

PLAIN = frozenset({bool, int, str})  # types of which equal values are the same words
REMEMBERED = 4096
MAX_VIRTUAL_ROWS = 1 << 12


@dataclass(frozen=True, slots=True)
class Evidence:
    """One case.

    `observed` maps variable to state as the caller gave it, a group spelt out as its members;
    `assumed` the states that hold because the caller did not say otherwise; `virtual` maps a variable
    to the likelihood of what was seen under each of its states. `codes` (n_columns,) are the numbers
    of all those states, -1 where unknown, in the order of `Network.columns`. `given_as` maps each observed
    variable to the name that it was given under: its own, or that of its group.
    """

    observed: Mapping[str, str]
    assumed: Mapping[str, str]
    virtual: Mapping[str, tuple[float, ...]]
    codes: NDArray[np.int8] = field(repr=False, compare=False)
    columns: tuple[str, ...] = field(repr=False, compare=False)
    given_as: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)

    def rows(self) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Return the rows of hard evidence that this case is a mixture of, and their log weights.

        Virtual evidence on a variable with likelihoods l_s is the mixture over its states s of hard
        evidence with weights l_s (Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, 2.2.2).
        Without virtual evidence there is one row of weight 1.
        """
        if not self.virtual:
            return self.codes[None, :], np.zeros(1)
        count = math.prod(len(likelihoods) for likelihoods in self.virtual.values())
        if count > MAX_VIRTUAL_ROWS:
            message = (
                f"virtual evidence on {len(self.virtual)} variables is a mixture of {count} cases, above the bound "
                f"of {MAX_VIRTUAL_ROWS}; give the most certain of them as observed"
            )
            raise EngineLimitError(message)
        codes = np.repeat(self.codes[None, :], count, axis=0)
        log_weights = np.zeros(count)
        places = [self.columns.index(name) for name in self.virtual]
        with np.errstate(divide="ignore"):
            logs = [np.log(likelihoods) for likelihoods in self.virtual.values()]
        for row, states in enumerate(itertools.product(*(range(len(log)) for log in logs))):
            codes[row, places] = states
            log_weights[row] = sum(log[state] for log, state in zip(logs, states, strict=True))
        return codes[np.isfinite(log_weights)], log_weights[np.isfinite(log_weights)]

    @property
    def items(self) -> dict[str, str]:
        """Observed and assumed states together."""
        return {**self.observed, **self.assumed}


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
        self._said: dict[tuple[object, type, Any], tuple[tuple[str, str, str], ...]] = {}
        self._members = {g.name: knowledge.members(g.name) for g in knowledge.of_role("group")}
        self._sites = {group: site_words([m.name for m in members]) for group, members in self._members.items()}
        self._states = {name: state_words(v) for name, v in knowledge.variables.items() if v.role != "group"}
        unions = {v.name: Union(v.name, tuple(self._members_of(v.any_of))) for v in knowledge.variables.values()}
        self._unions = [unions[v.name] for v in knowledge.variables.values() if v.any_of]
        self._assumed = [(v, unions[v.name]) for v in knowledge.variables.values() if v.assumed]

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
        """Which of `columns` can contradict another: the members of groups, and what is the OR of a group."""
        members = {name for group in self._members for name in self._members_of(group)}
        return frozenset(self._column_of[name] for name in members.union(union.name for union in self._unions))

    def counts(self, name: str) -> bool:
        """Whether a variable is given as a number, of which the whole units count."""
        return bool(self._variables[name].bands)

    def columns_of(self, name: str) -> tuple[int, ...]:
        """Return which of `Network.columns` a variable, or a group, says something of."""
        return tuple(self._column_of[member] for member in self._members_of(name) or [name])

    def numbers(self, name: str, value: Any) -> list[int]:
        """Return the number of the state that a value means for each of `columns_of(name)`, -1 for unknown.

        Raises
        ------
        InvalidValueError, InvalidEvidenceError
        """
        if name not in self._members:
            return [self._number_of(name, self.state(name, value))]
        observed = self.read({name: value}).observed
        return [self._number_of(member, observed.get(member)) for member in self._members_of(name)]

    def complete(self, codes: NDArray[np.int8], given: Collection[str]) -> NDArray[np.bool_]:
        """Write what is assumed into a table of codes, in place, and return which rows contradict themselves.

        Parameters
        ----------
        codes : ndarray of int8, shape (n_rows, n_columns)
        given : collection of str
            The names that the table has a column for, whatever its cells say.

        Returns
        -------
        ndarray of bool, shape (n_rows,)
        """

        def says(state: str) -> Callable[[str], NDArray[np.bool_]]:
            return cache(lambda name: np.equal(codes[:, self._column_of[name]], self._number_of(name, state)))

        present, absent = says("present"), says("absent")
        contradicts = np.zeros(len(codes), dtype=bool)
        for union in self._unions:
            contradicts |= union.denied(present, absent) | union.unfounded(present, absent)
        for variable, union in self._assumed:
            if variable.name not in given:
                decided = union.decided(present, absent)
                column = codes[:, self._column_of[variable.name]]
                column[~np.broadcast_to(decided, len(codes))] = variable.states.index(variable.assumed)
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
        observed: dict[str, str] = {}
        origin: dict[str, str] = {}
        given_as: dict[str, str] = {}
        for name, value in given.items():
            for variable, state, said in self._read_again(name, value, faults):
                if given_as.get(variable) not in self._members:
                    given_as[variable] = name
                if observed.get(variable, state) != state:
                    faults.append(InvalidValueError(f"{origin[variable]} contradicts {said}: give one of them"))
                observed[variable], origin[variable] = state, said
        likelihoods = self._read_virtual(virtual or {}, observed, faults)
        assumed = self._assume(given, observed, likelihoods)
        self._check_unions(observed, origin, faults)
        if len(faults) > 1:
            raise InvalidEvidenceError(faults)
        if faults:
            raise faults[0]
        codes = np.full(len(self._columns), -1, dtype=np.int8)
        for variable, state in (observed | assumed).items():
            codes[self._column_of[variable]] = self._variables[variable].states.index(state)
        codes.flags.writeable = False
        return Evidence(observed, assumed, likelihoods, codes, self._columns, given_as)

    def _read_again(self, name: object, value: Any, faults: list[TwitchbayesError]) -> tuple[tuple[str, str, str], ...]:
        """Return what `_read_one` yields, remembered for plain values: people are asked the same questions."""
        if type(value) not in PLAIN:
            return tuple(self._read_one(name, value, faults))
        key = name, type(value), value
        said = self._said.get(key)
        if said is None:
            before = len(faults)
            said = tuple(self._read_one(name, value, faults))
            if len(faults) == before and len(self._said) < REMEMBERED:
                self._said[key] = said
        return said

    def _read_one(self, name: object, value: Any, faults: list[TwitchbayesError]) -> Iterator[tuple[str, str, str]]:
        """Yield (variable, state, the words it was given in) for one item of a case."""
        try:
            if name in self._members:
                yield from self._read_group(str(name), value)
            else:
                state = self.state(name, value)
                if state is not None:
                    yield str(name), state, f"{name}={value!r}"
        except TwitchbayesError as error:
            faults.append(error)

    def state(self, name: object, value: Any) -> str | None:
        """Return the state of a variable that a value means, None for unknown.

        Raises
        ------
        UnknownVariableError, InvalidValueError
        """
        words = self._states.get(name)  # type: ignore[call-overload]
        if words is None:
            raise UnknownVariableError(name, self._variables)
        value = as_scalar(value)
        if is_unknown(value):
            return None
        variable = self._variables[str(name)]
        if variable.bands:
            return band_of(variable, words, value)
        state = words.get(as_word(value))
        if state is None:
            message = f"{name}={value!r} is not a state of {name}; give {expected_words(variable)}, or None for unknown"
            raise InvalidValueError(message)
        return str(state)

    def _read_group(self, group: str, value: Any) -> Iterator[tuple[str, str, str]]:
        value = as_scalar(value)
        if isinstance(value, Mapping):
            for site, present in value.items():
                member = self._site(group, site)
                state = self.state(member, present)
                if state is not None:
                    yield member, state, f"{group}={{{site!r}: {present!r}}}"
            return
        if is_unknown(value):
            return
        if names_no_site(value) and value.strip().casefold() not in self._sites[group]:
            yield from ((own.name, "absent", f"{group}={value!r}") for own in self._members[group])
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
        for own in self._members[group]:
            if closed or own.name in sites:
                yield own.name, "present" if own.name in sites else "absent", f"{group}={value!r}"

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
                if name in observed:
                    message = f"{name} is observed ({observed[name]}) and has virtual evidence {value!r}: give one"
                    raise InvalidValueError(message)
                if not is_unknown(value):
                    likelihoods[name] = self._likelihoods(name, value)
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

    def _assume(
        self, given: Mapping[str, Any], observed: Mapping[str, str], virtual: Mapping[str, Any]
    ) -> dict[str, str]:
        present, absent = _says(observed, "present"), _says(observed, "absent")
        return {
            variable.name: variable.assumed
            for variable, union in self._assumed
            if variable.name not in given and variable.name not in virtual and not union.decided(present, absent)
        }

    def _check_unions(
        self, observed: Mapping[str, str], origin: Mapping[str, str], faults: list[TwitchbayesError]
    ) -> None:
        present, absent = _says(observed, "present"), _says(observed, "absent")
        for union in self._unions:
            if union.name not in observed:
                continue
            if union.denied(present, absent):
                said = next(origin[m] for m in union.members if present(m))
                faults.append(InvalidValueError(f"{origin[union.name]} contradicts {said}: give one of them"))
            if union.unfounded(present, absent):
                said = ", ".join(dict.fromkeys(origin[m] for m in union.members))
                faults.append(InvalidValueError(f"{origin[union.name]} contradicts {said}: no place is left for it"))

    def _members_of(self, group: str) -> list[str]:
        return [member.name for member in self._members.get(group, ())]

    def _number_of(self, name: str, state: str | None) -> int:
        return -1 if state is None else self._variables[name].states.index(state)


def _says(observed: Mapping[str, str], state: str) -> Callable[[str], bool]:
    return lambda name: observed.get(name) == state
