"""What produced a finding: the posterior of the links of a noisy-OR or noisy-MAX, and of its leak.

A cause that is present need not have produced a finding that is present: its link fires, or it does not. That it fired
is what is left of the evidence once the part is taken away in which it did not,

    P(link k -> j fired | evidence) = 1 - P(evidence, link k -> j did not fire) / P(evidence),

and so for the links of several causes, or to several sites of a group: "some link of them fired".

References
----------
Pearl, Probabilistic Reasoning in Intelligent Systems (1988), 4.3.2, for the noisy-OR as an OR of hidden events; Díez
and Galán, Efficient computation for the noisy MAX (International Journal of Intelligent Systems 18, 2003) for those
events as variables of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes import display
from twitchbayes.errors import EngineLimitError, UnknownVariableError
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.inference.mixture import log_probability, log_sum
from twitchbayes.inference.silence import BACKGROUND, log_silent
from twitchbayes.knowledge import Knowledge
from twitchbayes.network import PRESENT, SERIOUS, UNKNOWN, Network

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.posterior import Posterior

__all__ = ["Attribution", "assumed_finding", "attribute", "explained", "produced"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


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
    causes = engine.network.causes
    sources = [*((k,) for k in range(len(causes))), (BACKGROUND,)]
    *by_link, background = produced(engine, evidence, sites, posterior.log_evidence, sources).tolist()
    order = sorted(range(len(causes)), key=lambda k: (-by_link[k], -posterior[causes[k]]))
    return Attribution(
        finding=finding,
        label=knowledge.variables[finding].label,
        present=_present(engine, evidence, finding, sites, posterior.log_evidence),
        background=background,
        probabilities={causes[k]: by_link[k] for k in order},
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
    """Return P(the finding, or some member of the group, is above its lowest state | evidence)."""
    network = engine.network
    columns, first = network.columns, len(network.contexts) + len(network.causes)
    if evidence.items.get(finding) == "present" or any(_lowest(network, evidence.codes, j) for j in sites.tolist()):
        return 1.0
    further = np.full((1, len(columns)), UNKNOWN, dtype=np.int8)
    if finding in columns:
        above = (1, len(network.states[finding]) - 1)
        further[0, columns.index(finding)] = network.codes[columns.index(finding)].index(above)
        return float(np.exp(np.minimum(log_probability(engine, evidence, further)[0] - log_evidence, 0.0)))
    further[0, first + sites] = 0
    log_none = np.minimum(log_probability(engine, evidence, further)[0] - log_evidence, 0.0)
    return float(-np.expm1(log_none)) + 0.0  # never -0


def produced(
    engine: Engine, evidence: Evidence, sites: Ints, log_evidence: float, sources: Sequence[Iterable[int]]
) -> Floats:
    """Return P(a link of some causes fired at some site | evidence) for each collection of causes.

    Parameters
    ----------
    engine : Engine
    evidence : Evidence
        Virtual evidence is mixed: a row for each state that it leaves, by their weights.
    sites : ndarray of int
        Numbers of findings: one, or the members of a group.
    log_evidence : float
        ln P(evidence), in nats.
    sources : sequence of collection of int
        Numbers of causes, or `BACKGROUND`.

    Returns
    -------
    ndarray, shape (len(sources),)

    Raises
    ------
    EngineLimitError
        If one of the sums would need more memory than the engine's bound.
    """
    codes, log_weights = evidence.rows()
    silent = np.array([log_silent(engine, row, sites.tolist(), sources) for row in codes]) + log_weights[:, None]
    shares: Floats = -np.expm1(np.minimum(log_sum(silent) - log_evidence, 0.0)) + 0.0  # never -0
    return shares


def explained(engine: Engine, evidence: Evidence, log_evidence: float) -> dict[str, float]:
    """Return the expected share of the reported positive findings that each cause and union produced, the most first.

    Of the links of single causes all is in one count; what several causes, or a union whose sites are not known, have
    produced together is asked one by one.

    Raises
    ------
    EngineLimitError
        If a part would need more memory than the engine's bound.
    """
    network = engine.network
    reported = _reported(network, evidence.codes)
    names = [name for name in network.targets if name != SERIOUS]
    total = dict.fromkeys(names, 0.0)
    fired = _fired(engine, evidence, log_evidence) if any(len(sites) == 1 for sites in reported) else np.zeros(0)
    for sites in reported:
        low = _lowest(network, evidence.codes, sites[0]) if len(sites) == 1 else 0
        causes = range(len(network.causes)) if low else ()
        alone = [_by_link(network, fired, sites[0], k, low) for k in causes]
        asked = [network.target_members(name) for name in names[len(alone) :]]
        together = produced(engine, evidence, np.array(sites), log_evidence, asked).tolist() if asked else []
        for name, share in zip(names, [*alone, *together], strict=True):
            total[name] += min(share, 1.0) / len(reported)
    return dict(sorted(total.items(), key=lambda pair: -pair[1]))


def _reported(network: Network, codes: NDArray[np.int8]) -> list[list[int]]:
    """Return the findings that are positive, each a list of one; and the open members of a union of no known site."""
    first = len(network.contexts) + len(network.causes)
    low = [_lowest(network, codes, j) for j in range(len(network.of))]
    single = [[j] for j, at in enumerate(low) if at > 0 and network.of[j] < 0]
    unions = [
        [j for j in members if codes[first + j] == UNKNOWN]
        for members, said in zip(network.union_members, codes[first + len(network.of) :], strict=False)
        if said == PRESENT and not any(low[j] for j in members)
    ]
    return single + unions


def _lowest(network: Network, codes: NDArray[np.int8], finding: int) -> int:
    """Return the lowest state that is said of a finding, 0 where nothing is."""
    column = len(network.contexts) + len(network.causes) + finding
    return 0 if codes[column] == UNKNOWN else network.codes[column][codes[column]][0]


def _fired(engine: Engine, evidence: Evidence, log_evidence: float) -> Floats:
    """Return P(the event of a number happened | evidence) of each slot of the network: (n_slots,)."""
    codes, log_weights = evidence.rows()
    counts = engine.count(codes, each=True)
    for reason in counts.refused.values():
        raise EngineLimitError(reason)
    shares = np.exp(counts.log_evidence + log_weights - log_evidence)
    fired: Floats = (shares @ counts.successes)[np.maximum(engine.network.slots.rows, 0)]
    return fired


def _by_link(network: Network, fired: Floats, finding: int, cause: int, low: int) -> float:
    """Return P(the link of a cause raised a finding to a state, or further | evidence)."""
    slots, first = network.slots, len(network.contexts)
    node = first + len(network.causes) + finding
    at = np.flatnonzero((slots.sources == first + cause) & (slots.targets == node))
    return float(slots.links(fired, int(at[0]))[..., low - 1 :].sum()) if at.size else 0.0
