"""Cases drawn from a model as tables, with gaps as a cohort has them, and with what is given.

References
----------
Henrion, Propagating uncertainty in Bayesian networks by probabilistic logic sampling (UAI 1986, in print 1988): cases
that contradict what is given are thrown away.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from twitchbayes import __version__
from twitchbayes.conflict import impossible
from twitchbayes.errors import InvalidEvidenceError, InvalidValueError, TwitchbayesError, UnknownVariableError
from twitchbayes.inference.mixture import answer
from twitchbayes.network import UNKNOWN, Codes, Network, Parameters
from twitchbayes.sampling import Sampler
from twitchbayes.values import state_names

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.evidence import Evidence
    from twitchbayes.model import Model

__all__ = ["Missing", "Numbers", "Simulation", "drawn_parameters", "simulate"]

Floats = NDArray[np.float64]
Missing: TypeAlias = float | Mapping[str, float]
Numbers: TypeAlias = Literal["tables", "drawn"]

MAX_DRAWS = 200_000_000  # cases drawn for those that are kept: some minutes


def simulate(
    model: Model,
    n: int,
    seed: int = 0,
    *,
    missing: Missing = 0.0,
    given: Mapping[str, Any] | None = None,
    parameters: Numbers = "tables",
    causes: bool = True,
) -> pd.DataFrame:
    """Return cases drawn from a model; see `Model.simulate`."""
    drawn = Simulation.of(model, seed, missing=missing, given=given, parameters=parameters, causes=causes)
    return next(drawn.frames(n, n))


def drawn_parameters(model: Model, seed: int) -> Parameters:
    """Return the parameter set that `simulate(parameters="drawn")` draws with a seed.

    It is the first of `model.beliefs.draw(1, seed)`, which are the numbers themselves, links as net ones.
    """
    return model.network.with_net(model.beliefs.draw(1, seed))


# What is asked for


@dataclass(frozen=True, slots=True)
class Simulation:
    """Cases of one seed, as a table that may come in parts.

    Attributes
    ----------
    model : Model
    parameters : Parameters
        The one parameter set that the cases are drawn from.
    given : Evidence
        What every case has; nothing is assumed beside it.
    shares : ndarray, shape (n_columns,)
        P(a cell is missing) of each of `Network.columns`.
    seed : int
    causes : bool
        Whether the tables have the columns of causes and of their unions.
    """

    model: Model
    parameters: Parameters
    given: Evidence
    shares: Floats
    seed: int
    causes: bool

    @classmethod
    def of(
        cls,
        model: Model,
        seed: int = 0,
        *,
        missing: Missing = 0.0,
        given: Mapping[str, Any] | None = None,
        parameters: Numbers = "tables",
        causes: bool = True,
    ) -> Simulation:
        """Check what is asked for; the arguments and errors are those of `Model.simulate`."""
        _check_whole("seed", seed, at_least=0)
        if parameters not in {"tables", "drawn"}:
            message = f"parameters={parameters!r} is neither 'tables' nor 'drawn'"
            raise InvalidValueError(message)
        # Whoever simulates people asks for the population: nothing is assumed of them.
        evidence = model.words.read({**model.words.nothing_assumed, **(given or {})})
        shares = _shares(model.network, missing, evidence)
        numbers = model.network.parameters if parameters == "tables" else drawn_parameters(model, seed)
        return cls(model, numbers, evidence, shares, seed, causes)

    @property
    def about(self) -> dict[str, Any]:
        """What the cases are drawn with, in plain types."""
        model = self.model
        drawn = self.parameters is not model.network.parameters
        return {
            "model": model.name,
            "version": model.version,
            "population": model.population,
            "fingerprint": model.fingerprint,
            "changed_numbers": len(model.changes),
            "twitchbayes": __version__,
            "seed": self.seed,
            "parameters": "drawn" if drawn else "tables",
            "given": dict(self.given.observed),
            "missing": {n: s for n, s in zip(model.network.columns, self.shares.tolist(), strict=True) if s},
        }

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of the tables."""
        network = self.model.network
        hidden = () if self.causes else {*network.causes, *network.groups}
        return tuple(name for name in network.columns if name not in hidden)

    def frames(self, n: int, rows: int) -> Iterator[pd.DataFrame]:
        """Yield n cases as tables of so many rows, the last one of the rest.

        Raises
        ------
        ImpossibleEvidenceError, InvalidValueError
            If what is given never holds, or so rarely that too many cases would have to be drawn.
        """
        _check_whole("n", n, at_least=1)
        self._check_effort(n)
        # Not the stream of the parameter set, which has the seed itself.
        cases, gaps = map(np.random.default_rng, np.random.SeedSequence(self.seed).spawn(2))
        first = 0
        sampler = Sampler(self.model.network, self.parameters)
        for codes in _regrouped(self._kept(sampler, cases), n, rows):
            for start in range(0, len(codes), sampler.rows):
                part = codes[start : start + sampler.rows]
                part[gaps.random(part.shape) < self.shares] = UNKNOWN
            yield self._frame(codes, first)
            first += len(codes)

    def _check_effort(self, n: int) -> None:
        log_evidence = float(answer(self.model.engine, self.given, self.parameters).log_evidence[0])
        items = ", ".join(f"{name}={state}" for name, state in self.given.observed.items())
        if not math.isfinite(log_evidence):
            if self.parameters is self.model.network.parameters:
                raise impossible(self.model, self.given)
            message = f"given {items} has probability 0 under the parameters drawn with seed={self.seed}; give less"
            raise InvalidValueError(message)
        decades = (math.log(n) - log_evidence) / math.log(10)
        if decades > math.log10(MAX_DRAWS):
            rarity = f"1e{log_evidence / math.log(10):.1f}"
            message = (
                f"given {items} has probability {rarity} in the model: {n:,} such cases need some 1e{decades:.1f} "
                f"draws, above the bound of {MAX_DRAWS:,}; ask for fewer cases, or give less"
            )
            raise InvalidValueError(message)

    def _kept(self, sampler: Sampler, random: np.random.Generator) -> Iterator[Codes]:
        """Yield blocks of cases that have what is given, without end."""
        network = self.model.network
        columns = {name: column for column, name in enumerate(network.columns)}
        known = [(i, *network.codes[i][code]) for i, code in enumerate(self.given.codes.tolist()) if code != UNKNOWN]
        several = [(columns[name], np.array(shares)) for name, shares in self.given.several.items()]
        while True:
            codes = sampler.block(random)
            kept = np.ones(len(codes), dtype=bool)
            for column, low, high in known:
                kept &= (codes[:, column] >= low) & (codes[:, column] <= high)
            for column, shares in several:
                kept &= random.random(len(codes)) < shares[codes[:, column]]
            yield codes[kept]

    def _frame(self, codes: Codes, first: int) -> pd.DataFrame:
        import pandas as pd

        variables = self.model.knowledge.variables
        cells = {
            name: pd.Categorical.from_codes(column, pd.Index(state_names(variables[name])))
            for name, column in zip(self.model.network.columns, codes.T, strict=True)
            if name in self.columns
        }
        return pd.DataFrame(cells, index=pd.RangeIndex(first, first + len(codes)), copy=False)


def _regrouped(blocks: Iterator[Codes], n: int, rows: int) -> Iterator[Codes]:
    """Yield n rows of the blocks, so many at a time."""
    rest = next(blocks)
    for start in range(0, n, rows):
        codes = np.empty((min(rows, n - start), rest.shape[1]), dtype=np.int8)
        filled = 0
        while filled < len(codes):
            part, rest = np.split(rest, [len(codes) - filled])
            codes[filled : filled + len(part)] = part
            filled += len(part)
            rest = rest if len(rest) else next(blocks)
        yield codes


def _check_whole(name: str, value: object, *, at_least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        message = f"{name}={value!r} is not a whole number of {at_least} or more"
        raise InvalidValueError(message)


def _shares(network: Network, missing: Missing, given: Evidence) -> Floats:
    """Return P(missing) of each column; what is given in every case is never missing."""
    findings = network.findings + network.unions
    members = {"context": network.contexts, "cause": network.causes, "finding": findings, "union": network.groups}
    faults = list(_faults(missing, members, given))
    if len(faults) > 1:
        raise InvalidEvidenceError(faults)
    if faults:
        raise faults[0]
    asked = missing if isinstance(missing, Mapping) else {"context": missing, "finding": missing}
    by_role = {name: asked[role] for role in members if role in asked for name in members[role]}
    known = (given.codes != UNKNOWN) | np.isin(network.columns, list(given.several))
    return np.where(known, 0.0, [asked.get(name, by_role.get(name, 0.0)) for name in network.columns])


def _faults(missing: Missing, members: Mapping[str, tuple[str, ...]], given: Evidence) -> Iterator[TwitchbayesError]:
    names = [name for role in members.values() for name in role]
    asked: Mapping[str, object] = missing if isinstance(missing, Mapping) else {"": missing}
    for name, share in asked.items():
        said = f"missing={share!r}" if missing is share else f"missing {name}={share!r}"
        if isinstance(missing, Mapping) and name not in members and name not in names:
            yield UnknownVariableError(name, [*members, *names], what="variable or role")
        elif isinstance(share, bool) or not isinstance(share, Real) or not 0 <= float(share) <= 1:
            yield InvalidValueError(f"{said} is not a share; give a number from 0 to 1")
        elif name in given.observed and float(share) > 0:
            yield InvalidValueError(f"{said}, but {name} is given in every case; leave one of them out")
