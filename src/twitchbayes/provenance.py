"""What an answer rests on: how far each number of the tables moves it, and where that number is from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twitchbayes.engine import Runs, answer
from twitchbayes.errors import UnknownVariableError
from twitchbayes.evidence import Evidence
from twitchbayes.knowledge import Knowledge, Number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Provenance", "number_names", "numbers_of", "trace"]

Floats = NDArray[np.float64]

STEP_NATS = 1e-4  # of log odds, each way: the error of a central difference is about its square
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


def trace(knowledge: Knowledge, engine: Runs, evidence: Evidence, cause: str) -> Provenance:
    """Return what the posterior of a cause rests on.

    The influence of a number is the derivative of the cause's posterior log odds with respect to the
    number's own log odds, by central differences: two parameter sets a number, one batch.

    References
    ----------
    Laskey, Sensitivity analysis for probability assessments in Bayesian networks (IEEE Transactions on
    Systems, Man and Cybernetics 25, 1995), for derivatives of a posterior as a measure of influence.
    """
    import pandas as pd

    if cause not in engine.network.causes:
        raise UnknownVariableError(cause, engine.network.causes, what="cause")
    numbers = numbers_of(knowledge)
    influence = _influence(knowledge, engine, evidence, engine.network.causes.index(cause))
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
    return names + [f"P({link.child} | {link.parent})" for link in knowledge.links]


def _influence(knowledge: Knowledge, engine: Runs, evidence: Evidence, cause: int) -> Floats:
    """Return d log odds(cause | evidence) / d log odds(number) of each row of the tables."""
    values = engine.network.numbers[0]
    free = np.flatnonzero((values > 0) & (values < 1))
    sets = np.repeat(values[None, :], 2 * len(free), axis=0)
    for i, number in enumerate(free):
        for row, sign in ((2 * i, 1), (2 * i + 1, -1)):
            sets[row, number] = _moved(values[number], sign * STEP_NATS)
    _renormalise(knowledge, values, sets)
    present = answer(engine, evidence, engine.network.with_values(sets)).causes[:, cause]
    with np.errstate(divide="ignore"):
        log_odds = np.log(present) - np.log1p(-present)
    influence = np.zeros(len(values))
    if np.isfinite(log_odds).all():  # a cause that is certain rests on no number
        influence[free] = (log_odds[0::2] - log_odds[1::2]) / (2 * STEP_NATS)
    return influence


def _moved(p: float, nats: float) -> float:
    return float(1 / (1 + (1 - p) / p * np.exp(-nats)))


def _renormalise(knowledge: Knowledge, values: Floats, sets: Floats) -> None:
    """Where one state of a variable was moved, let the states beside it make room in proportion."""
    beside: dict[tuple[object, ...], list[int]] = {}
    for row, prior in enumerate(knowledge.priors):
        if knowledge.variables[prior.variable].role == "context":
            beside.setdefault((prior.variable, prior.given), []).append(row)
    for rows in beside.values():
        if len(rows) == 1:
            continue
        moved = sets[:, rows] != values[rows]
        if not moved.any():
            continue
        total_moved = np.where(moved, sets[:, rows], 0).sum(axis=1, keepdims=True)
        rest = np.where(moved, 0, values[rows])
        share = rest / np.where(rest.sum(axis=1, keepdims=True) > 0, rest.sum(axis=1, keepdims=True), 1)
        made_room = np.where(moved, sets[:, rows], share * (1 - total_moved))
        sets[:, rows] = np.where(moved.any(axis=1, keepdims=True), made_room, values[rows])


def _descending(shares: dict[str, float]) -> dict[str, float]:
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
