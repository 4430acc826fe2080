"""What an answer rests on: how far each number of the tables moves it, and where that number is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twitchbayes.ends import log_slopes
from twitchbayes.errors import UnknownVariableError
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.inference.mixture import log_probability
from twitchbayes.knowledge import Knowledge, Number
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Provenance", "number_names", "numbers_of", "strengths", "trace"]

Floats = NDArray[np.float64]

NEGLIGIBLE = 1e-9  # nats of answer a nat of number: below this a number does not touch the answer


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which numbers an answer rests on.

    Attributes
    ----------
    cause : str
    rows : pandas.DataFrame
        One row a number that moves the answer, the most influential first: `number` (as P(child | parent)),
        `influence` (change of the cause's log odds, in nats, for one nat of the number's own log odds),
        `share` (of the sum of absolute influences), `probability`, `low`, `high`, `basis`, `source`,
        `citation`, `file`, `line`.
    by_basis : dict of str to float
        Share of the influence of the numbers of each basis; they sum to 1.
    by_source : dict of str to float
        The same by source; a number with several sources counts for each in equal parts.
    """

    cause: str
    rows: pd.DataFrame
    by_basis: dict[str, float]
    by_source: dict[str, float]

    def __repr__(self) -> str:
        bases = ", ".join(f"{basis} {share:.0%}" for basis, share in self.by_basis.items())
        lines = [f"What P({self.cause} | evidence) rests on: {bases}", ""]
        for row in self.rows.head(8).itertuples():
            value = f"{row.number} = {row.probability:.4g} [{row.low:.4g}, {row.high:.4g}]"
            lines.append(f"  {row.share:5.1%}  {value}  {row.basis}: {row.source} ({row.file}, line {row.line})")
        if len(self.rows) > 8:
            lines.append(f"  and {len(self.rows) - 8} numbers with less influence")
        return "\n".join(lines)


def trace(knowledge: Knowledge, engine: Engine, evidence: Evidence, cause: str) -> Provenance:
    """Return what the posterior of a cause rests on.

    The influence of a number is the derivative of the cause's posterior log odds with respect to the
    number's own log odds, all other numbers held, links as net link probabilities: moving a leak moves
    no link. It is the derivative that `Posterior.sensitivity` gives, on the scale of log odds; one sweep
    there and back for each state of the cause has those of all numbers.

    References
    ----------
    Laskey, Sensitivity analysis for probability assessments in Bayesian networks (IEEE Transactions on
    Systems, Man and Cybernetics 25, 1995), for derivatives of a posterior as a measure of influence.
    """
    import pandas as pd

    if cause not in engine.network.targets:
        raise UnknownVariableError(cause, engine.network.targets, what="cause")
    numbers = numbers_of(knowledge)
    influence = _influence(engine, evidence, cause)
    order = [i for i in np.argsort(-np.abs(influence), kind="stable") if abs(influence[i]) > NEGLIGIBLE]
    total = np.abs(influence[order]).sum()
    names = number_names(knowledge)
    rows = [_row(names[i], numbers[i], float(influence[i]), float(abs(influence[i]) / total), knowledge) for i in order]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    by_basis: dict[str, float] = {}
    by_source: dict[str, float] = {}
    for i in order:
        share = float(abs(influence[i]) / total)
        by_basis[numbers[i].basis] = by_basis.get(numbers[i].basis, 0.0) + share
        for source in numbers[i].sources:
            by_source[source] = by_source.get(source, 0.0) + share / len(numbers[i].sources)
    return Provenance(cause, frame, _descending(by_basis), _descending(by_source))


_COLUMNS = (
    "number",
    "influence",
    "share",
    "probability",
    "low",
    "high",
    "basis",
    "source",
    "citation",
    "file",
    "line",
)


def _row(name: str, number: Number, influence: float, share: float, knowledge: Knowledge) -> tuple[object, ...]:
    citations = "; ".join(knowledge.citations[source].citation for source in number.sources)
    where = (number.basis, ";".join(number.sources), citations, number.file, number.line)
    return (name, influence, share, number.probability, number.low, number.high, *where)


def numbers_of(knowledge: Knowledge) -> list[Number]:
    """Return every number of the tables, in the order of the rows of `priors.csv` and then `links.csv`."""
    return [prior.number for prior in knowledge.priors] + [link.number for link in knowledge.links]


def number_names(knowledge: Knowledge) -> list[str]:
    """Return what each of `numbers_of` is, as P(child | parent)."""
    names = []
    for prior in knowledge.priors:
        given = ", ".join(f"{name}={state}" for name, state in prior.given)
        names.append(f"P({prior.variable}={prior.state}{f' | {given}' if given else ''})")
    for link in knowledge.links:
        graded = len(knowledge.variables[link.child].states) > 2
        child = f"{link.child}={link.state}" if graded else link.child
        names.append(f"P({child} | {', '.join([link.parent, *(f'{name}={state}' for name, state in link.given)])})")
    return names


def strengths(knowledge: Knowledge) -> dict[tuple[str, str], float]:
    """Return for each link the probability that it raises its child above the lowest state: the most in any stratum."""
    raised: dict[tuple[str, str], dict[object, float]] = {}
    for link in knowledge.links:
        if link.parent != "leak":
            strata = raised.setdefault((link.parent, link.child), {})
            strata[link.given] = strata.get(link.given, 0.0) + link.number.probability
    return {ends: max(strata.values()) for ends, strata in raised.items()}


def _influence(engine: Engine, evidence: Evidence, cause: str) -> Floats:
    """Return d log odds(cause | evidence) / d log odds(number) of each row of the tables."""
    values, column = engine.network.numbers[0], engine.network.targets[cause]
    states = np.full((2, len(engine.network.columns) + 1), UNKNOWN, dtype=np.int8)
    states[:, column] = PRESENT, ABSENT
    if np.isneginf(log_probability(engine, evidence, states)).any():  # a cause that is certain rests on no number
        return np.zeros(len(values))
    slopes = [log_slopes(engine, evidence, (column, state)) for state in (PRESENT, ABSENT)]
    influence: Floats = values * (1 - values) * (slopes[0] - slopes[1])
    return influence


def _descending(shares: dict[str, float]) -> dict[str, float]:
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
