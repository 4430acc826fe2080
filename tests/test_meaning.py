"""All that a model can say, together: exact against brute force, and worked by hand."""

from __future__ import annotations

import itertools
import textwrap
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models import RICH, load
from oracle import relative_error
from rich_models import random_codes, rich_codes, rich_models
from twitchbayes import ImpossibleEvidenceError, Model
from twitchbayes.inference.engine import structure_of
from twitchbayes.inference.reference import Reference, brute_force
from twitchbayes.network import COMPLEMENT, UNKNOWN, Codes, Network

EXACT = 1e-9


def exact_numbers(network: Network) -> list[Fraction]:
    """The number in each slot as an exact fraction; links as net ones."""
    slots, values = network.slots, [Fraction(p) for p in network.numbers[0].tolist()]
    net = list(values)
    for row, leak in zip(slots.compound.tolist(), slots.compound_leaks.tolist(), strict=True):
        net[row] = (values[row] - values[leak]) / (1 - values[leak]) if values[leak] < 1 else Fraction(0)
    found = [net[row] if row != COMPLEMENT else Fraction(0) for row in slots.rows.tolist()]
    for at in np.flatnonzero(slots.rows == COMPLEMENT).tolist():
        found[at] = 1 - found[at + 1]
    return found


def truth_of(model: Model, codes: Codes, numbers: list[Fraction] | None = None) -> Reference | None:
    """The exact answer to a row of codes; None where it is impossible."""
    try:
        return brute_force(structure_of(model.network), numbers or exact_numbers(model.network), codes.tolist())
    except ZeroDivisionError:
        return None


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_everything_together_equals_brute_force(data: st.DataObject) -> None:
    """Causes, no cause, serious causes, unions and P(evidence), of random models and rows, in exact fractions."""
    model = data.draw(rich_models())
    rows = data.draw(st.lists(rich_codes(model), min_size=2, max_size=4))
    batch = model.engine.answer(np.array(rows), unions=True)
    assert not batch.refused
    for i, codes in enumerate(rows):
        truth, answer = truth_of(model, codes), batch.answer.take(slice(i, i + 1))
        if truth is None:
            assert answer.log_evidence[0] == -np.inf
            continue
        found = [
            *answer.causes[0],
            answer.none[0],
            *answer.unions[0],
            answer.serious[0],
            np.exp(answer.log_evidence[0]),
        ]
        expected = [*truth.causes, truth.none, *truth.groups, truth.evidence]
        for own, exact in zip(found, expected, strict=True):
            assert relative_error(own, exact) < EXACT


@settings(max_examples=60, deadline=None)
@given(model=rich_models(), seed=st.integers(0, 2**32 - 1))
def test_rows_together_equal_rows_alone(model: Model, seed: int) -> None:
    """A batch of many rows, in blocks of one pattern, with copies and under two parameter sets, is what each row gives."""
    codes = random_codes(model.network, 40, seed=seed, known=0.4)
    codes = np.concatenate([codes, codes[:7]])
    drawn = model.network.with_net(model.beliefs.draw(2, 0))
    together, counts = model.engine.answer(codes, drawn, unions=True).answer, model.engine.count(codes, each=True)
    for i, row in enumerate(codes):
        alone = model.engine.answer(row[None], drawn, unions=True).answer
        for name in ("causes", "none", "serious", "unions", "log_evidence"):
            found = getattr(together, name)[[i, len(codes) + i]]
            np.testing.assert_allclose(found, getattr(alone, name), rtol=1e-12, atol=1e-300, err_msg=name)
        one = model.engine.count(row[None])
        np.testing.assert_allclose(counts.successes[i], one.successes[0], rtol=1e-11, atol=1e-300)
        np.testing.assert_allclose(counts.trials[i], one.trials[0], rtol=1e-11, atol=1e-300)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_each_number_makes_of_a_row(data: st.DataObject) -> None:
    """P(row) with any number at 0 and at 1 instead, the others making room: ends; and counts are p P(at 1) / P(row)."""
    model = data.draw(rich_models())
    codes = data.draw(rich_codes(model))
    numbers = exact_numbers(model.network)
    truth = truth_of(model, codes, numbers)
    assume(truth is not None)
    ends = model.engine.ends(codes)
    scale = np.exp(ends.log_scale)
    row = data.draw(st.integers(0, len(model.network.numbers[0]) - 1))
    for value, found in ((0, ends.rest[row] + ends.spares[row]), (1, ends.rest[row] + ends.fires[row])):
        moved = moved_to(model.network, numbers, row, Fraction(value))
        if moved is not None:
            other = truth_of(model, codes, moved)
            exact = other.evidence if other else Fraction(0)
            assert relative_error(found * scale, exact) < EXACT or abs(found * scale - exact) < 1e-300
    counts = model.engine.count(codes[None])
    at = model.network.slots.of_row[row]
    p = float(model.network.parameters.yes[0, at])
    expected = p * ends.fires[row] * scale / float(truth.evidence)
    assert counts.successes[0, row] == pytest.approx(expected, rel=1e-9, abs=1e-300)


def moved_to(network: Network, numbers: list[Fraction], row: int, value: Fraction) -> list[Fraction] | None:
    """The numbers with one of them at another value, those beside it making room in proportion; None if there is none."""
    slots, moved = network.slots, list(numbers)
    at = int(slots.of_row[row])
    beside = places_beside(network, at)
    left = 1 - sum(numbers[b] for b in beside) if beside and at >= slots.first_finding_leak else Fraction(0)
    if beside and not left + sum(numbers[b] for b in beside if b != at):
        return None  # equal parts: `test_counts` has those of contexts
    for b in beside:
        moved[b] = numbers[b] * (1 - value) / (1 - numbers[at]) if b != at and numbers[at] < 1 else moved[b]
    moved[at] = value
    return moved


def places_beside(network: Network, at: int) -> list[int]:
    """The slots of the states of one variable in one stratum, of a context or of a leak or link into a graded finding."""
    slots = network.slots
    for i, shape in enumerate(slots.table_shapes):
        start = slots.table_starts[i]
        if start <= at < start + int(np.prod(shape)):
            first = at - (at - start) % shape[-1]
            return list(range(first, first + shape[-1]))
    for group in itertools.chain(*(own.tolist() for own in slots.graded)):
        if at in group:
            return list(group)
    return []


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_predictions_are_shares_of_the_evidence(data: st.DataObject) -> None:
    """`predict` gives P(state | evidence) of every variable, which sum to 1; also where a span of states is known."""
    model = data.draw(rich_models())
    codes = data.draw(rich_codes(model))
    truth = truth_of(model, codes)
    assume(truth is not None)
    name = data.draw(st.sampled_from(model.network.columns))
    posterior = answered(model, codes)
    column = model.network.columns.index(name)
    found = posterior.predict(name)
    for state, share in enumerate(found.values()):
        both, clash = model.network.together(codes, one_more(codes, column, state))
        part = None if clash else truth_of(model, both)
        assert share == pytest.approx(float(part.evidence / truth.evidence) if part else 0.0, rel=1e-9, abs=1e-300)
    assert sum(found.values()) == pytest.approx(1, abs=1e-12)


def one_more(codes: Codes, column: int, state: int) -> Codes:
    more = np.full(len(codes), UNKNOWN, dtype=np.int8)
    more[column] = state
    return more


def answered(model: Model, codes: Codes) -> Any:
    """The answer to a row of codes, as if it had been given in words."""
    from twitchbayes.evidence import Evidence
    from twitchbayes.posterior import Posterior

    evidence = Evidence({}, {}, {}, codes, model.network.columns)
    return Posterior(model, evidence, model.engine.run(codes[None]))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_causes_explain(data: st.DataObject) -> None:
    """`explains` is the mean over the positive findings of P(some link of the causes fired), by unions too."""
    model = data.draw(rich_models())
    codes = data.draw(rich_codes(model))
    network = model.network
    for c in network.link_contexts:  # so that each link has one number
        codes[c] = max(codes[c], 0)
    numbers = exact_numbers(network)
    truth = truth_of(model, codes, numbers)
    assume(truth is not None)
    reported = positive(network, codes)
    found = answered(model, codes).explains
    assert set(found) == {*network.causes, *network.groups}
    for name in found:
        members = network.target_members(name)
        shares = [1 - silent(model, codes, numbers, members, sites) / truth.evidence for sites in reported]
        expected = float(sum(shares) / len(shares)) if shares else 0.0
        assert found[name] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def positive(network: Network, codes: Codes) -> list[list[int]]:
    """Findings above their lowest state that describe nothing; open members of unions without a known one."""
    first = len(network.contexts) + len(network.causes)
    low = [
        network.codes[first + j][codes[first + j]][0] if codes[first + j] >= 0 else 0 for j in range(len(network.of))
    ]
    single = [[j] for j, at in enumerate(low) if at and network.of[j] < 0]
    for u, members in enumerate(network.union_members):
        if codes[first + len(network.of) + u] == 1 and not any(low[j] for j in members):
            single.append([j for j in members if codes[first + j] == UNKNOWN])
    return single


def silent(
    model: Model, codes: Codes, numbers: list[Fraction], causes: tuple[int, ...], sites: list[int]
) -> Fraction | int:
    """P(row, no link of some causes raised a site as far as is said): a sum over the states of these causes."""
    network, slots = model.network, model.network.slots
    first = len(network.contexts)
    total: Fraction | int = 0
    for states in itertools.product([0, 1], repeat=len(causes)):
        row, moved, chance = codes.copy(), list(numbers), Fraction(1)
        for cause, state in zip(causes, states, strict=True):
            if row[first + cause] not in {UNKNOWN, state}:
                chance = Fraction(0)
            row[first + cause] = state
            for i, (source, target) in enumerate(zip(slots.sources.tolist(), slots.targets.tolist(), strict=True)):
                site = target - first - len(network.causes)
                if source == first + cause and site in sites and state and codes[target] != 0:
                    low = max(network.codes[target][codes[target]][0], 1) if codes[target] != UNKNOWN else 1
                    shape = slots.link_shapes[i]
                    stratum = [int(codes[c]) for c in network.link_strata[i]]
                    place = int(np.ravel_multi_index(stratum, shape[:-1])) if stratum else 0
                    start = slots.link_starts[i] + place * shape[-1]
                    at = range(start, start + shape[-1])
                    chance *= 1 - sum(numbers[a] for a in at[low - 1 :])
                    for a in at:
                        moved[a] = Fraction(0)
        if chance:
            part = truth_of(model, row, moved)
            total += chance * part.evidence if part else 0
    return total


CAUSES = ("benign", "stress", "palsy", "neuropathy")


def test_learning_recovers_the_numbers(rich: Model, tmp_path: Path) -> None:
    """From other numbers, EM comes back to those that gappy cases were drawn with: levels, descriptions, strata, all."""
    start = load(tmp_path / "start", base={**RICH, "priors": moved(RICH["priors"]), "links": moved(RICH["links"])})
    cases = rich.simulate(8000, seed=1, missing={"finding": 0.25, "context": 0.1, "cause": 0.3})
    report = start.tune(cases).report
    truth = rich.network.to_net(rich.network.numbers)[0]
    learned = report.file.ne("priors.csv").to_numpy() | report.number.str.contains("|".join(CAUSES)).to_numpy()
    away = np.abs(report.old.to_numpy() - truth)[learned]
    error = np.sqrt(report.new * (1 - report.new) / report.size_after).to_numpy()
    assert (np.abs(report.new.to_numpy() - truth) < 5 * error).all()
    assert away.mean() > 3 * np.abs(report.new.to_numpy() - truth)[learned].mean()


def moved(table: str) -> str:
    """Rows of a table with the numbers of causes and links elsewhere; the last column is the probability."""
    head, *rows = textwrap.dedent(table).strip().split("\n")
    cells = [row.split(",") for row in rows]
    for row in cells:
        if head.startswith("parent") or row[0] in CAUSES:
            row[-1] = repr(0.6 * float(row[-1]) + 0.04)
    return "\n".join([head, *map(",".join, cells)]) + "\n"


@pytest.mark.parametrize(
    ("said", "described"), [({"course": "fast"}, "weak"), ({"duration": "at least days"}, "twitching")]
)
def test_what_describes_names_itself_where_nothing_is_there(rich: Model, said: dict[str, str], described: str) -> None:
    """A level of what is absent is impossible, and the row that says so is the reason."""
    with pytest.raises(ImpossibleEvidenceError) as raised:
        rich.infer({described: False, **said})
    (name,) = said
    lines = {row["variable"]: row.line for row in rich.knowledge.table("variables.csv").rows}
    assert ("variables.csv", lines[name]) in {(reason.file, reason.line) for reason in raised.value.reasons}
    assert rich.infer({described: False}).predict(name)[rich.network.states[name][0]] == 1
