"""What produced a finding: the posterior of the links of a noisy-OR, and of its leak.

A cause that is present need not have produced a finding that is present: its link fires, or it does not. Given that
cause k is present its link to finding j fires with q_kj whatever else holds, and then j is present whatever the other
links do, so that

    P(link k -> j fired, evidence) = q_kj P(k present, evidence without j).

Of a group of sites S the event is "the link of k fired at some site". Sites that are known to be absent are out, and
those of which nothing is said count as one, with Q = 1 - prod (1 - q_kj): it fires by itself with Q, and then a union
that must hold does. Sites 1, 2, ... that are present are taken one after the other; with "the first of them at which
the link of k fired" the event falls into cases that exclude each other,

    P(some link of k fired, evidence) = Q P(k present, evidence without the union)
        + sum over t of (1 - Q) prod_{s < t} (1 - q_ks) q_kt P_t(k present, evidence without site t),

where in P_t the links of k to the sites before t are 0: they did not fire, and the others had to explain those sites.
All terms are positive. The leak of the group likewise, with P_t(evidence without site t).

References
----------
Pearl, Probabilistic Reasoning in Intelligent Systems (1988), 4.3.2, for the noisy-OR as an OR of hidden events; Díez
and Galán, Efficient computation for the noisy MAX (International Journal of Intelligent Systems 18, 2003) for those
events as variables of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes import display
from twitchbayes.errors import UnknownVariableError
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.inference.mixture import log_probability
from twitchbayes.knowledge import Knowledge
from twitchbayes.network import ABSENT, PRESENT, UNKNOWN, Codes, Network, Parameters

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.posterior import Posterior

__all__ = ["Attribution", "assumed_finding", "attribute", "produced"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SETS_AT_ONCE = 512  # parameter sets made at a time: some 5 MB each thousand


@dataclass(frozen=True, eq=False)
class Attribution(Mapping[str, float]):
    """P(the link of a cause produced this finding | evidence) of every cause, the most probable first.

    Several links can have fired at once, so these need not sum to 1. Where the finding is present at least one of them,
    or the background, did: none of the probabilities stands for "nothing did".

    Attributes
    ----------
    finding, label : str
        The finding, or the group: then it is about some member of it.
    present : float
        P(the finding is present | evidence), of a group that some member is: 1 where it was observed.
    background : float
        P(the leak produced it | evidence): something that is not among the causes.
    posterior : dict of str to float
        P(cause present | evidence); no cause can have produced more than that.
    labels : dict of str to str
    """

    finding: str
    label: str
    present: float
    background: float
    probabilities: Mapping[str, float]
    posterior: Mapping[str, float]
    labels: Mapping[str, str]

    def __getitem__(self, cause: str) -> float:
        try:
            return self.probabilities[cause]
        except KeyError:
            raise UnknownVariableError(cause, self.probabilities, what="cause") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.probabilities)

    def __len__(self) -> int:
        return len(self.probabilities)

    def __contains__(self, cause: object) -> bool:
        return cause in self.probabilities

    def to_frame(self) -> pd.DataFrame:
        """Return a table: cause, label, posterior, produced (fractions); the last row is the background."""
        import pandas as pd

        rows = [(cause, self.labels[cause], self.posterior[cause], p) for cause, p in self.items()]
        rows.append(("leak", "background", float("nan"), self.background))
        return pd.DataFrame(rows, columns=["cause", "label", "posterior", "produced"])

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return {
            "finding": self.finding,
            "present": self.present,
            "produced": dict(self),
            "background": self.background,
            "posterior": dict(self.posterior),
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps({**self.to_dict(), "disclaimer": display.DISCLAIMER}, indent=indent, allow_nan=False)

    def _listing(self) -> display.Listing:
        rows = [(self.labels[c], display.percent(self.posterior[c]), display.percent(p)) for c, p in self.items()]
        rows.append(("background (nothing listed)", "", display.percent(self.background)))
        head = ("cause", "posterior", "produced it")
        title = f"What produced: {self.label}, P(present | evidence) = {display.percent(self.present)}"
        return display.Listing(title, head, rows, right=head[1:])

    def _note(self) -> str:
        if self.present == 0:
            return "It is absent: nothing produced it."
        least = "; at least one of them did" if self.present == 1 else ""
        return f"Several can have produced it at once, so that these need not sum to 1{least}."

    def __repr__(self) -> str:
        return "\n".join([*self._listing().lines(), "", f"  {self._note()}", f"  {display.DISCLAIMER}"])

    def _repr_html_(self) -> str:
        note = f"<p>{self._note()}</p><p><small>{display.DISCLAIMER}</small></p>"
        return f"<div class='twitchbayes-attribution'>{self._listing().html()}{note}</div>"


def attribute(posterior: Posterior, evidence: Evidence, finding: str) -> Attribution:
    """Return what produced a finding, or some member of a group, given the evidence of an answer.

    Raises
    ------
    UnknownVariableError
        If there is no such finding or group.
    """
    knowledge, engine = posterior.model.knowledge, posterior.model.engine
    sites = _sites(knowledge, engine.network, finding)
    by_link, background = produced(engine, evidence, sites, posterior.log_evidence)
    causes = engine.network.causes
    order = sorted(range(len(causes)), key=lambda k: (-by_link[k], -posterior[causes[k]]))
    return Attribution(
        finding=finding,
        label=knowledge.variables[finding].label,
        present=_present(engine, evidence, finding, sites, posterior.log_evidence),
        background=background,
        probabilities={causes[k]: float(by_link[k]) for k in order},
        posterior={causes[k]: posterior[causes[k]] for k in order},
        labels={cause: knowledge.variables[cause].label for cause in causes},
    )


def assumed_finding(knowledge: Knowledge, evidence: Evidence) -> str | None:
    """Return the first OR of a group that the model assumes to be present, where it is so in this evidence.

    It is what every such case has in common, so that to ask what produced it has a meaning for all of them.
    """
    for variable in knowledge.of_role("finding"):
        if variable.any_of and variable.assumed == "present":
            names = (variable.name, *(member.name for member in knowledge.members(variable.any_of)))
            return variable.name if any(evidence.items.get(name) == "present" for name in names) else None
    return None


def _sites(knowledge: Knowledge, network: Network, finding: str) -> Ints:
    variable = knowledge.variables.get(finding)
    if variable is None or variable.role not in {"finding", "group"}:
        known = [v.name for v in (*knowledge.of_role("finding"), *knowledge.of_role("group"))]
        raise UnknownVariableError(finding, known, what="finding")
    group = variable.any_of or (finding if variable.role == "group" else "")
    names = [member.name for member in knowledge.members(group)] if group else [finding]
    return np.array([network.findings.index(name) for name in names], dtype=np.int64)


def _present(engine: Engine, evidence: Evidence, finding: str, sites: Ints, log_evidence: float) -> float:
    """Return P(the finding, or some member of the group, is present | evidence)."""
    columns, first = engine.network.columns, len(engine.network.contexts) + len(engine.network.causes)
    observed = evidence.items
    if observed.get(finding) == "present" or (
        finding not in engine.network.findings
        and any(observed.get(engine.network.findings[j]) == "present" for j in sites)
    ):
        return 1.0
    further = np.full((1, len(columns)), UNKNOWN, dtype=np.int8)
    if finding in columns:
        further[0, columns.index(finding)] = PRESENT
        return float(np.exp(np.minimum(log_probability(engine, evidence, further)[0] - log_evidence, 0.0)))
    further[0, first + sites] = 0
    log_none = np.minimum(log_probability(engine, evidence, further)[0] - log_evidence, 0.0)
    return float(-np.expm1(log_none)) + 0.0  # never -0


def produced(engine: Engine, evidence: Evidence, sites: Ints, log_evidence: float) -> tuple[Floats, float]:
    """Return P(a link of each cause fired at some site | evidence), and that of the leaks.

    Parameters
    ----------
    engine : Engine
    evidence : Evidence
        Virtual evidence is mixed: a row for each state that it leaves, by their weights.
    sites : ndarray of int
        Numbers of findings: one, or the members of a group.
    log_evidence : float
        ln P(evidence), in nats.

    Returns
    -------
    ndarray, shape (n_causes,)
    float

    Raises
    ------
    EngineLimitError
        If one of the sums would need more memory than the engine's bound.
    """
    codes, log_weights = evidence.rows()
    possible = np.isfinite(engine.log_evidence(codes)) if evidence.virtual else np.ones(1, dtype=bool)
    codes = _resolved(engine.network, codes[possible])
    asked = _Asked(engine, codes, log_weights[possible] - log_evidence, sites)
    fired, leaked = np.zeros(len(engine.network.causes)), 0.0
    for by_link, by_leak in (asked.unknown(), *(asked.present(site) for site in range(len(sites)))):
        fired += by_link
        leaked += by_leak
    return np.minimum(fired, 1.0), min(leaked, 1.0)


def _resolved(network: Network, codes: Codes) -> Codes:
    """Return codes in which the members of an absent union are absent."""
    codes, first = codes.copy(), len(network.contexts) + len(network.causes)
    for members, union in _unions(network):
        places = np.ix_(codes[:, union] == ABSENT, [first + j for j in members])
        codes[places] = np.where(codes[places] == UNKNOWN, np.int8(ABSENT), codes[places])
    return codes


def _unions(network: Network) -> Iterator[tuple[Sequence[int], int]]:
    """Yield the members of each union, as numbers of findings, and its column."""
    start = len(network.columns) - len(network.unions)
    for i, members in enumerate(network.union_members):
        yield members, start + i


@dataclass(frozen=True)
class _Asked:
    """Rows of hard evidence with ln of their weight over P(evidence), and the sites asked for.

    Each part is returned as P(that part, evidence) / P(evidence), of the causes and of the leaks.
    """

    engine: Engine
    codes: Codes
    log_weights: Floats
    sites: Ints

    @property
    def _columns(self) -> Ints:
        network = self.engine.network
        return self.sites + len(network.contexts) + len(network.causes)

    @cached_property
    def _numbers(self) -> tuple[Floats, Floats]:
        """The links from each cause to each site, below them the leaks, (n_causes + 1, n_sites), and ln(1 - them)."""
        network, parameters = self.engine.network, self.engine.network.parameters
        with np.errstate(divide="ignore"):
            parts = [
                np.vstack([network.link_matrices(array, fill)[1], network.slots.finding_leaks(array)])[:, self.sites]
                for array, fill in ((parameters.yes[0], 0.0), (np.log(parameters.no[0]), 0.0))
            ]
        return parts[0], parts[1]

    def unknown(self) -> tuple[Floats, float]:
        """Return the part in which a link fired at some site of which nothing is known."""
        open_sites = self.codes[:, self._columns] == UNKNOWN
        rows = np.flatnonzero(open_sites.any(axis=1))
        without = self.codes[rows]
        for members, union in _unions(self.engine.network):
            held = (without[:, union] == PRESENT) & (open_sites[rows] & np.isin(self.sites, members)).any(axis=1)
            without[held, union] = UNKNOWN
        return self._share(rows, without, -np.expm1(self._log_spares(open_sites[rows])))

    def present(self, site: int) -> tuple[Floats, float]:
        """Return the part in which this site, where it is present, is the first one at which a link fired."""
        states = self.codes[:, self._columns]
        rows = np.flatnonzero(states[:, site] == PRESENT)
        before = states[rows] == PRESENT
        before[:, site:] = False
        not_before = before | (states[rows] == UNKNOWN)
        without = self.codes[rows]
        without[:, self._columns[site]] = UNKNOWN
        for members, union in _unions(self.engine.network):
            held = (without[:, union] == PRESENT) & np.isin(self.sites[site], members)
            without[held, union] = UNKNOWN
        chance = self._numbers[0][:, site] * np.exp(self._log_spares(not_before))
        if not before.any():
            return self._share(rows, without, chance)
        parts = [self._share_silent(int(row), without[i], chance[i], before[i]) for i, row in enumerate(rows)]
        return np.sum([by_link for by_link, _ in parts], axis=0), sum(by_leak for _, by_leak in parts)

    def _log_spares(self, sites: NDArray[np.bool_]) -> Floats:
        """Return ln P(no link of a cause, or no leak, fires at these sites): (rows, n_causes + 1)."""
        logs: Floats = np.where(sites[:, None, :], self._numbers[1], 0.0).sum(axis=-1)
        return logs

    def _share(self, rows: Ints, without: Codes, chance: Floats) -> tuple[Floats, float]:
        """Return a part from the chances to fire, (rows, n_causes + 1)."""
        if not len(rows):
            return np.zeros(len(self.engine.network.causes)), 0.0
        answer = self.engine.run(without)
        weights = np.exp(answer.log_evidence + self.log_weights[rows])
        return weights @ (chance[:, :-1] * answer.causes), float(weights @ chance[:, -1])

    def _share_silent(
        self, row: int, without: NDArray[np.int8], chance: Floats, before: NDArray[np.bool_]
    ) -> tuple[Floats, float]:
        """Do as `_share` for one row, of each cause and the leaks, with numbers by which nothing of it fired before."""
        of, n_causes = np.flatnonzero(chance), len(chance) - 1
        fired, at = np.zeros(n_causes + 1), np.arange(SETS_AT_ONCE)
        for start in range(0, len(of), SETS_AT_ONCE):
            some = of[start : start + SETS_AT_ONCE]
            answer = self.engine.run(without[None, :], _silent(self.engine.network, some, self.sites[before]))
            present = np.column_stack([answer.causes, np.ones(len(some))])[at[: len(some)], some]
            fired[some] = np.exp(answer.log_evidence + self.log_weights[row]) * chance[some] * present
        return fired[:-1], float(fired[-1])


def _silent(network: Network, of: Ints, sites: Ints) -> Parameters:
    """Return a parameter set for each of some causes, or for the leaks, in which its links to some sites are 0.

    `of` (n_sets,) is the cause, or the number of causes for the leaks.
    """
    slots, n_contexts, n_causes = network.slots, len(network.contexts), len(network.causes)
    is_site = np.isin(slots.targets - n_contexts - n_causes, sites)
    silent = is_site & (slots.sources == (of + n_contexts)[:, None]) & (of < n_causes)[:, None]
    yes, no = (np.repeat(array, len(of), axis=0) for array in (network.parameters.yes, network.parameters.no))
    row, link = np.nonzero(silent)
    yes[row, slots.first_link + link], no[row, slots.first_link + link] = 0.0, 1.0
    leaks = np.ix_(of == n_causes, slots.first_finding_leak + sites)
    yes[leaks], no[leaks] = 0.0, 1.0
    return Parameters(yes, no)
