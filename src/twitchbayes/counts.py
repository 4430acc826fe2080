"""Expected counts over many cases: how often each number was put to the test, and how often its event happened.

The counts of contexts and causes come from the passes that answer a case (`twitchbayes.tally`). Those of a finding's
leak and links come from one more answer for each positive finding: that the link from cause k to finding j has fired is
independent of everything else once k is present, and then j is present whatever the other links do, so that

    P(link k -> j has fired, evidence) = q_kj P(k present, evidence without j),

and of the leak likewise with P(evidence without j). All terms are positive. The same holds of a union, of which some
member must be present, in the place of j, for each of its members that are not known.

References
----------
Díez and Galán, Efficient computation for the noisy MAX (International Journal of Intelligent Systems 18, 2003); Vomlel,
Noisy-OR classifier (International Journal of Intelligent Systems 21, 2006), for EM over the events of a noisy-OR.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twitchbayes.batch import Advance, answer_rows, kernel_for
from twitchbayes.engine import Engine
from twitchbayes.groups import PRESENT, UNKNOWN, Codes
from twitchbayes.network import Parameters
from twitchbayes.tally import Tally

__all__ = ["Counts", "count_rows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CHUNK_ROWS = 1 << 13  # rows whose counts are kept apart at a time: some 50 MB


@dataclass(frozen=True, slots=True)
class Counts:
    """Expected counts of the numbers of a network, in the order of the rows of `priors.csv` and `links.csv`.

    Attributes
    ----------
    successes, trials : ndarray, shape (1, n_numbers), or (n_rows, n_numbers) where they are kept apart
        How often the event of a number happened, of how many times that it could have. Of a context's
        state: how often it had it, in that stratum. Links are net. A finding that is not observed, and
        a context that nothing observed depends on, count nothing.
    log_evidence : ndarray, shape (n_rows,)
        ln P(evidence) of each row in nats, -inf where it is impossible or refused.
    refused : mapping of int to str
        Number of each row that the engine refuses, to the reason.
    """

    successes: Floats
    trials: Floats
    log_evidence: Floats
    refused: Mapping[int, str]


def count_rows(
    engine: Engine,
    codes: Codes,
    weights: Floats | None = None,
    parameters: Parameters | None = None,
    *,
    each: bool = False,
    compiled: bool | None = None,
    advance: Advance | None = None,
) -> Counts:
    """Return the expected counts over some rows of evidence.

    Parameters
    ----------
    codes : ndarray of int8, shape (n_rows, n_columns)
        Rows with equal contexts next to each other are quicker.
    weights : ndarray, shape (n_rows,), optional
        How often each row counts; once otherwise.
    parameters : Parameters, optional
        One parameter set; the network's own otherwise.
    each : bool, default False
        Whether the counts of every row are kept apart, each counting once.
    compiled : bool, optional
        As for `answer_rows`.
    advance : callable, optional
        Is told how many more rows are done.
    """
    weights = np.ones(len(codes)) if weights is None else weights
    parameters = parameters or engine.network.parameters
    resolved, open_members, possible = engine.groups.resolve(codes)
    kernel = kernel_for(engine, len(codes), compiled, counting=True)
    done = np.zeros(len(codes), dtype=bool)
    log_evidence = np.full(len(codes), -np.inf)
    n_out, n_numbers = len(codes) if each else 1, engine.network.numbers.shape[1]
    successes, trials = np.zeros((2, n_out, n_numbers))
    if kernel is not None:
        rows = np.flatnonzero(possible)
        some, of_some, log_evidence, done = kernel.count(
            resolved, open_members, rows, weights, parameters=parameters, each=each, advance=advance
        )
        into = rows if each else slice(None)
        successes[into], trials[into] = some, of_some
    left = np.flatnonzero(~done)
    refused: dict[int, str] = {}
    for start in range(0, len(left), CHUNK_ROWS):
        rows = left[start : start + CHUNK_ROWS]
        part = _count_in_numpy(engine, codes[rows], weights[rows], parameters, each=each, compiled=compiled)
        into = rows if each else slice(None)
        successes[into] += part.successes
        trials[into] += part.trials
        log_evidence[rows] = part.log_evidence
        refused |= {int(rows[row]): reason for row, reason in part.refused.items()}
        if advance is not None and kernel is None:
            advance(len(rows))
    return Counts(successes, trials, log_evidence, refused)


def _count_in_numpy(
    engine: Engine, codes: Codes, weights: Floats, parameters: Parameters, *, each: bool, compiled: bool | None
) -> Counts:
    tally = Tally(engine.network, weights, each=each)
    answer, refused = engine.run_rows(codes, parameters, tally)
    successes, trials = tally.counts()
    resolved, open_members, _ = engine.groups.resolve(codes)
    findings = resolved[:, engine.groups.findings]
    counted = answer.possible * (1.0 if each else weights)
    # A finding is put to the test where it is observed, or where a union leaves it open.
    tested = ((findings != UNKNOWN) | engine.groups.open_findings(open_members)) * counted[:, None]
    into = np.arange(len(codes)) if each else np.zeros(len(codes), dtype=np.int64)
    index = engine.network.index
    links, causes, found = index.link_cells
    np.add.at(trials, (into[:, None], index.leak_rows), tested)
    np.add.at(trials, (into[:, None], links), tested[:, found] * answer.causes[:, causes])
    for rows, explained, without in _explained(engine, codes, resolved, open_members, answer.possible):
        rest = answer_rows(engine, without, parameters=parameters, compiled=compiled).answer
        odds = np.exp(rest.log_evidence - answer.log_evidence[rows]) * counted[rows]
        leaks = parameters.finding_leaks[0] * explained * odds[:, None]
        fired = parameters.links[0][causes, found] * explained[:, found] * rest.causes[:, causes] * odds[:, None]
        np.add.at(successes, (into[rows][:, None], index.leak_rows), leaks)
        np.add.at(successes, (into[rows][:, None], links), fired)
    return Counts(successes, trials, answer.log_evidence, refused)


def _explained(
    engine: Engine, codes: Codes, resolved: Codes, open_members: Bools, possible: Bools
) -> Iterator[tuple[Ints, Bools, Codes]]:
    """Yield rows that have something to explain, which findings would explain it, and the rows without it.

    Each positive finding of a row once, and each union that leaves some member open.
    """
    groups, findings = engine.groups, engine.groups.findings
    row, finding = np.nonzero((resolved[:, findings] == PRESENT) & possible[:, None])
    without = codes[row]
    without[np.arange(len(row)), findings.start + finding] = UNKNOWN
    for union, members in enumerate(engine.network.union_members):
        # Where the link has fired, a union that holds the finding is present too, whatever its other members are.
        held = np.isin(finding, members) & (without[:, findings.stop + union] == PRESENT)
        without[held, findings.stop + union] = UNKNOWN
    yield row, finding[:, None] == np.arange(findings.stop - findings.start), without
    for union in range(groups.n_unions):
        is_open = groups.open_findings(open_members, union) & possible[:, None]
        row = np.flatnonzero(is_open.any(axis=1))
        without = codes[row]
        without[:, findings.stop + union] = UNKNOWN
        yield row, is_open[row], without
