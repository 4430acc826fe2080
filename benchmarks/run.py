"""A run of the benchmarks: its sizes, what it found so far, and the largest difference to each peer."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks import report
from benchmarks.peers import Field
from benchmarks.timing import Limits
from twitchbayes import Model, load_model

TOLERANCE = 1e-9


@dataclass(frozen=True)
class Size:
    """How much is measured; the default is a whole run."""

    rounds: int = 5  # turns of each entrant, of which the median counts
    turn_s: float = 0.02  # a turn repeats a short call for so long
    patterns: int = 25  # never seen, for each number of positive findings
    positives_of_patterns: tuple[int, ...] = (0, 3, 5, 8, 10, 13, 16, 20, 25)
    sizes: tuple[int, ...] = (300, 3_000, 30_000, 300_000)  # of tables whose cost a row is compared
    fresh_rows: int = 20_000  # of the first table of a process
    em_rows: int = 100_000
    processes: int = 7  # new processes for each start-up time
    rows: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    other_rows: int = 100_000  # of the cohorts with other gaps, and of the parts of infer_frame
    growth_rows: int = 10_000
    growth_cases: int = 3  # rows that are asked one by one, and of the peers
    peak_rows: int = 1_000_000
    sampled: int = 60  # rows of a cohort that pyAgrum is asked
    sampled_pgmpy: int = 10
    long_s: float = 30.0  # nothing is begun that would take ours longer
    shares: tuple[float, ...] = (1.0, 0.75, 0.5, 0.25, 0.0)
    causes: tuple[int, ...] = (10, 20, 30, 40)
    findings: tuple[int, ...] = (20, 50, 100, 200, 400)
    positives: tuple[int, ...] = (0, 2, 4, 8, 12, 16, 20, 26)
    parents: tuple[int, ...] = (5, 10, 14, 18, 22, 25, 30, 40, 50, 60)
    qmr: tuple[int, int, int] = (570, 4075, 45_470)
    qmr_positives: tuple[int, ...] = (2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 32)
    qmr_cases: int = 5
    limits: Limits = field(default_factory=Limits)


QUICK = Size(
    rounds=2,
    turn_s=0.005,
    patterns=3,
    positives_of_patterns=(0, 8),
    sizes=(30, 300),
    fresh_rows=200,
    em_rows=500,
    processes=1,
    rows=(200, 1_000),
    other_rows=500,
    growth_rows=300,
    growth_cases=1,
    peak_rows=1_000,
    sampled=6,
    sampled_pgmpy=2,
    long_s=5.0,
    shares=(1.0, 0.0),
    causes=(10, 20),
    findings=(20, 50),
    positives=(0, 8, 26),
    parents=(10, 40),
    qmr=(200, 1_000, 8_000),
    qmr_positives=(2, 6, 20),
    qmr_cases=2,
    limits=Limits(call_s=2.0),
)


@dataclass
class Run:
    """What sections write to; each table is printed when it is there.

    `figures` are the numbers that the goals are held to. `differences` are the largest difference between a
    probability of ours and of a peer, and the number of probabilities compared, by peer.
    """

    size: Size
    sections: list[report.Section] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    differences: dict[str, tuple[float, int]] = field(default_factory=dict)
    model: Model = field(default_factory=load_model)
    peers: Field = field(init=False)

    def __post_init__(self) -> None:
        self.peers = Field(self.size.limits)

    def begin(self, name: str, title: str, about: str) -> None:
        """Begin a section; `about` is a paragraph that says what is measured."""
        about = " ".join(about.split())
        self.sections.append(report.Section(name, title, about))
        print(f"\n== {title}\n{about}\n", flush=True)

    def show(self, table: report.Table) -> None:
        """Add a table to the section, and print it."""
        self.sections[-1].tables.append(table)
        print(report.plain(table), flush=True)

    def note(self, text: str) -> None:
        """Say what is going on, on standard error."""
        print(f".. {text}", file=sys.stderr, flush=True)

    def compare(self, peer: str, ours: Mapping[str, float], theirs: Mapping[str, float]) -> float:
        """Return the largest difference of two answers, and remember the largest of the run."""
        difference = max(abs(ours[cause] - theirs[cause]) for cause in theirs)
        largest, count = self.differences.get(peer, (0.0, 0))
        # A NaN must not pass for a small number.
        self.differences[peer] = (difference if not difference <= largest else largest, count + len(theirs))
        return difference

    @property
    def agrees(self) -> bool:
        """Whether every probability compared is within the tolerance."""
        return all(largest <= TOLERANCE for largest, _ in self.differences.values())
