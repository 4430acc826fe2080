"""How many questions it takes until an answer has settled, in the order of their worth and in random order.

`python -m benchmarks.interviews` prints it; `--page` writes what it prints into docs/interview.md.

Cases are simulated from the shipped model, given that they twitch, and each is asked every question that the model has.
A step asks one question of every case, all in one batch. A number has settled at the first question after which it
never again leaves some bounds around what it is when everything is known:

- uncertainty: the sum of the entropies of the causes, within 10% of what it is then;
- leader: the probability of the cause that is the most probable then, within 0.05;
- serious: P(at least one serious cause), within 0.05.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks import ROOT, cohort
from benchmarks.report import Cell, Table, plain
from twitchbayes import Model, load_model
from twitchbayes.asking import Ask, Target, asks_of, effects, open_asks, target_of, uncertainty
from twitchbayes.inference import Answer, Engine
from twitchbayes.network import PRESENT, UNKNOWN, Network
from twitchbayes.posterior import THRESHOLD_BITS

Codes = NDArray[np.int8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PAGE = ROOT / "docs/interview.md"
FIGURES = re.compile(r"(?<=^It printed:\n\n```text\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)

ORDERS = {
    "worth, of the causes": "causes",
    "worth, of P(serious)": "serious",
    "random": None,
}
SHARE = 0.1  # of the uncertainty when everything is known
WITHIN = 0.05  # of a probability
STEPS = (0, 3, 5, 10, 15, 20, 30)


@dataclass(frozen=True)
class Course:
    """What is known of each case after each number of questions.

    `causes` (n_steps + 1, n_cases, n_causes), `serious` (n_steps + 1, n_cases); `best` (n_steps, n_cases) is what the
    question that was asked was expected to settle, in bits, NaN in random order.
    """

    causes: Floats
    serious: Floats
    best: Floats

    @property
    def bits(self) -> Floats:
        """Uncertainty about the causes, (n_steps + 1, n_cases)."""
        return np.stack([uncertainty(causes, None, causes.shape[1]) for causes in self.causes])

    @property
    def leader(self) -> Floats:
        """P(the cause that is the most probable in the end), (n_steps + 1, n_cases)."""
        last = self.causes[-1].argmax(axis=1)
        return np.take_along_axis(self.causes, last[None, :, None], axis=2)[:, :, 0]


def settled(values: Floats, bound: Floats | float) -> Ints:
    """Return after how many questions the values of each case stay within a bound of the last: (n_cases,)."""
    outside = np.abs(values - values[-1]) > bound
    steps = np.arange(1, len(values) + 1)[:, None]
    found: Ints = (outside * steps).max(axis=0)
    return found


def course(model: Model, truth: Codes, target: str | None, *, seed: int = 0) -> Course:
    """Ask every case every question.

    Parameters
    ----------
    truth : ndarray of int8, shape (n_cases, n_columns)
        Cases, every variable known.
    target : str or None
        What the order is to settle soonest; None for a random order, another one for each case.
    """
    engine, network = model.engine, model.network
    asks = [ask for ask in asks_of(model.knowledge, network) if not ask.group]
    codes = np.full_like(truth, UNKNOWN)
    codes[:, [network.columns.index(name) for name in network.unions]] = 1  # everyone twitches
    order = np.random.default_rng(seed).random((len(truth), len(asks))).argsort(axis=1)
    now = engine.answer(codes).answer
    causes, serious, best = [now.causes], [now.serious], []
    for step in range(len(asks)):
        if target is None:
            asked, gains = order[:, step], np.full(len(truth), np.nan)
        else:
            place = target_of(target, network.targets)
            open_bits = uncertainty(known(now, network), place, len(network.causes))
            asked, gains = most_worth(engine, codes, asks, open_bits, place)
        for i, ask in enumerate(asks):
            cells = np.ix_(asked == i, ask.columns)
            codes[cells] = truth[cells]
        now = engine.answer(codes).answer
        causes.append(now.causes)
        serious.append(now.serious)
        best.append(gains)
    return Course(np.stack(causes), np.stack(serious), np.stack(best))


def known(now: Answer, network: Network) -> Floats:
    """Return what answers say of every target; unions of causes, which no order settles, are left at 0."""
    no_unions = np.zeros((len(now.none), len(network.groups)))
    return np.column_stack([now.causes, no_unions, now.serious])


def most_worth(engine: Engine, codes: Codes, asks: Sequence[Ask], now: Floats, target: Target) -> tuple[Ints, Floats]:
    """Return the open question of each case that is worth most, and how many bits, all cases in one batch."""
    is_open = open_asks(asks, codes == UNKNOWN, codes == PRESENT)
    rows, counts, places = [], [], []
    for i, ask in enumerate(asks):
        cases = np.flatnonzero(is_open[:, i])
        answered = np.repeat(codes[cases], len(ask.states), axis=0)
        answered[:, ask.columns] = np.tile(ask.states, (len(cases), 1))
        rows.append(answered)
        counts.append(np.full(len(cases), len(ask.states)))
        places.append(np.stack([cases, np.full(len(cases), i)]))
    of_questions = np.concatenate(counts)
    starts = np.cumsum(of_questions) - of_questions
    found = effects(engine, np.concatenate(rows)[:, None, :], starts, np.zeros(1))
    case, ask_ = np.concatenate(places, axis=1)
    gains = np.full(is_open.shape, -np.inf)
    gains[case, ask_] = now[case] - found.expected(uncertainty(found.targets, target, found.n_causes))
    asked = np.round(gains, 12).argmax(axis=1)
    return asked, gains[np.arange(len(codes)), asked]


# Tables


def tables(courses: dict[str, Course]) -> list[Table]:
    """Return the tables of what was found."""
    how = f"{len(next(iter(courses.values())).serious[0]):,} cases; quartiles over cases: 25%, 50%, 75%"
    columns = {"order of the questions": "text", "uncertainty": "text", "leader": "text", "serious": "text"}
    needed = Table("Questions until it has settled", columns, [_needed(n, c) for n, c in courses.items()], how)
    steps = [step for step in STEPS if step < len(next(iter(courses.values())).bits)]
    steps.append(len(next(iter(courses.values())).bits) - 1)
    mean = Table(
        "Uncertainty about the causes after so many questions, in bits",
        {"order of the questions": "text", **{str(step): "text" for step in steps}},
        [[name, *(f"{c.bits.mean(axis=1)[step]:.2f}" for step in steps)] for name, c in courses.items()],
        "mean over cases",
    )
    return [needed, mean, _stopping(courses)]


def _needed(name: str, c: Course) -> list[Cell]:
    values = (settled(c.bits, SHARE * c.bits[-1]), settled(c.leader, WITHIN), settled(c.serious, WITHIN))
    return [name, *map(_quartiles, values)]


def _stopping(courses: dict[str, Course]) -> Table:
    """Return where an interview with the usual threshold stops: before the first question that is worth no more."""
    rows = []
    for name, c in courses.items():
        if np.isnan(c.best).any():
            continue
        worth = np.vstack([c.best > THRESHOLD_BITS, np.zeros(c.best.shape[1], dtype=bool)])
        asked = worth.argmin(axis=0)
        case = np.arange(len(asked))
        leader = np.abs(c.leader[asked, case] - c.leader[-1])
        serious = np.abs(c.serious[asked, case] - c.serious[-1])
        rows.append([name, _quartiles(asked), f"{(leader <= WITHIN).mean():.0%}", f"{(serious <= WITHIN).mean():.0%}"])
    columns = ("order of the questions", "questions", "leader within 0.05", "serious within 0.05")
    how = f"questions until none is worth more than {THRESHOLD_BITS} bits, and the cases that are then as in the end"
    return Table("Where an interview stops", dict.fromkeys(columns, "text"), rows, how)


def _quartiles(values: Ints) -> str:
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.0f} ({low:.0f} to {high:.0f})"


def measured(n_cases: int, *, seed: int = 0) -> list[Table]:
    """Return the tables for so many simulated cases."""
    model = load_model()
    truth = cohort.simulate(model.network, n_cases, seed)
    return tables({n: course(model, truth, target, seed=seed) for n, target in ORDERS.items()})


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interviews", description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=1000, help="simulated cases (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", action="store_true", help="write what is printed into docs/interview.md")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    found = measured(options.cases, seed=options.seed)
    model = load_model()
    head = f"{time.strftime('%Y-%m-%d')}, {model.name} {model.version}, seed {options.seed}, "
    head += f"{time.perf_counter() - start:.0f} s\n\n"
    text = head + "\n".join(map(plain, found))
    print(text)
    if options.page:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(FIGURES.sub(lambda _: text, page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
