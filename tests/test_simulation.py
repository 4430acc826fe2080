"""Simulated cases: as frequent as the engine says, with the gaps asked for, and read back as what they are."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from models import SITES, load
from random_models import ORDINARY
from rich_models import rich_models
from twitchbayes import ImpossibleEvidenceError, InvalidEvidenceError, InvalidValueError, Model, UnknownVariableError
from twitchbayes.cases import Cases
from twitchbayes.cli import main
from twitchbayes.inference.engine import structure_of
from twitchbayes.inference.reference import brute_force
from twitchbayes.network import UNKNOWN
from twitchbayes.sampling import Sampler, draw_codes
from twitchbayes.score import score_file
from twitchbayes.simulation import Simulation, drawn_parameters

N = 40_000


def codes_of(model: Model, frame: pd.DataFrame) -> np.ndarray:
    """The codes that `infer_frame` reads from a table with a column for every variable."""
    import narwhals as nw

    return Cases(model.words, nw.from_native(frame), {name: name for name in frame.columns}).codes


def probability(model: Model, codes: np.ndarray, parameters: Any = None) -> np.ndarray:
    return np.exp(model.engine.log_evidence(codes.astype(np.int8), parameters))


def assert_frequent(counts: np.ndarray, n: int, exact: np.ndarray) -> None:
    """Counts lie within 5 standard deviations of a binomial: of some hundred, one fails in 10^4 seeds."""
    deviation = np.sqrt(n * exact * (1 - exact))
    assert (np.abs(counts - n * exact) <= 5 * deviation + 1e-9).all()


def pairs(model: Model) -> np.ndarray:
    """Every pair of variables in every pair of states, as codes."""
    columns = [(i, s) for i, name in enumerate(model.network.columns) for s in range(len(model.network.states[name]))]
    rows = [(a, b) for a, b in itertools.combinations(columns, 2) if a[0] != b[0]]
    codes = np.full((len(rows), len(model.network.columns)), UNKNOWN, dtype=np.int8)
    for row, ((i, s), (j, t)) in zip(codes, rows, strict=True):
        row[i], row[j] = s, t
    return codes


@pytest.mark.parametrize("name", ["tiny", "sites", "certain", "rich"])
def test_every_pair_is_as_frequent_as_it_is_probable(name: str, request: pytest.FixtureRequest) -> None:
    """The joint states of any two variables occur as often as the engine's P(evidence) says, those of 0 never."""
    model = request.getfixturevalue(name)
    drawn = draw_codes(model.network, model.network.parameters, N, np.random.default_rng(5))
    asked = pairs(model)
    counts = np.array([(drawn[:, row != UNKNOWN] == row[row != UNKNOWN]).all(axis=1).sum() for row in asked])
    assert_frequent(counts, N, probability(model, asked))


def test_whatever_a_model_can_say(rich: Model) -> None:
    """In 200,000 cases of a model with all there is every state, and every pair of states, is as frequent as exact."""
    n, network = 200_000, rich.network
    drawn = draw_codes(network, network.parameters, n, np.random.default_rng(7))
    states = [(i, s) for i, name in enumerate(network.columns) for s in range(len(network.states[name]))]
    alone = np.full((len(states), len(network.columns)), UNKNOWN, dtype=np.int8)
    for row, (i, s) in zip(alone, states, strict=True):
        row[i] = s
    asked = np.concatenate([alone, pairs(rich)])
    exact = np.array(
        [float(brute_force(structure_of(network), network.parameters.yes[0], row).evidence) for row in alone]
    )
    np.testing.assert_allclose(probability(rich, alone), exact, rtol=1e-12)
    counts = np.array([(drawn[:, row != UNKNOWN] == row[row != UNKNOWN]).all(axis=1).sum() for row in asked])
    assert_frequent(counts, n, probability(rich, asked))


@settings(max_examples=30)
@given(model=rich_models(probabilities=ORDINARY, edges=False))
def test_whatever_models_say(model: Model) -> None:
    """So is every pair of states of random models; six standard deviations and five cases leave chance no room."""
    n = 10_000
    drawn = draw_codes(model.network, model.network.parameters, n, np.random.default_rng(8))
    asked = pairs(model)
    counts = np.array([(drawn[:, row != UNKNOWN] == row[row != UNKNOWN]).all(axis=1).sum() for row in asked])
    exact = probability(model, asked)
    assert (np.abs(counts - n * exact) <= 6 * np.sqrt(n * exact * np.maximum(1 - exact, 0)) + 5).all()


def test_what_nothing_produced_is_at_its_lowest(rich: Model) -> None:
    """Without what it describes, a finding that describes is in its lowest state, whatever causes are present."""
    frame = rich.simulate(N, seed=14)
    quiet = frame[frame["twitching"] == "no"]
    assert (quiet["palsy"] == "yes").sum() > 100
    assert set(quiet["duration"]) == {"hours"}
    assert set(quiet["spread"]) == {"no"}


def test_exclusions_hold(rich: Model) -> None:
    """No case has both causes of an exclusion, and a union is there just where a part of it is."""
    frame = rich.simulate(N, seed=15) == "yes"
    assert frame["benign"].any()
    assert not (frame["benign"] & frame["nerve"]).any()
    assert (frame["nerve"] == (frame["palsy"] | frame["neuropathy"])).all()
    assert (frame["anything"] == (frame["nerve"] | frame["stress"])).all()


def test_shipped_model_by_its_prior(twitch: Model) -> None:
    """Each cause, none and serious are as frequent in the shipped model as its prior says."""
    drawn = draw_codes(twitch.network, twitch.network.parameters, N, np.random.default_rng(6))
    first = len(twitch.contexts)
    causes = drawn[:, first : first + len(twitch.causes)] == 1
    exact = np.array([*(twitch.prior[cause] for cause in twitch.causes), twitch.prior_none])
    assert_frequent(np.append(causes.sum(axis=0), (~causes.any(axis=1)).sum()), N, exact)


def test_a_state_of_probability_0_is_never_drawn(folder: Path) -> None:
    """Nor is the last state where the others sum to 1 only but for rounding: 0.7 + 0.2 + 0.1 < 1 in doubles."""
    variables = SITES["variables"].replace("18-39;40-120", "18-29;30-39;40-49;50-120")
    priors = """
        variable,given,state,probability
        age,,18-29,0.7
        age,,30-39,0.2
        age,,40-49,0.1
        age,,50-120,0
        sex,,female,0.5
        sex,,male,0.5
        lifting,,,0.2
        strain,,,0.1
        palsy,,,0.1
        """
    model = load(folder, base=SITES, variables=variables, priors=priors)

    class Last:
        """Draws the largest uniform number below 1."""

        def random(self, shape: Any) -> np.ndarray:
            return np.full(shape, np.nextafter(1, 0))

    assert 0.7 + 0.2 + 0.1 < 1
    drawn = draw_codes(model.network, model.network.parameters, 3, Last())  # type: ignore[arg-type]
    assert drawn[:, 0].tolist() == [2, 2, 2]


# The table


def test_words_are_those_of_people(sites: Model) -> None:
    """Binary variables are yes and no, bands and other states their names; each column has the states in order."""
    frame = sites.simulate(50, seed=1)
    assert tuple(frame.columns) == sites.network.columns
    assert list(frame["age"].cat.categories) == ["18-39", "40-120"]
    assert list(frame["sex"].cat.categories) == ["female", "male"]
    assert list(frame["palsy"].cat.categories) == ["no", "yes"]
    assert frame.index.tolist() == list(range(50))


def test_a_word_with_another_meaning_is_not_used(folder: Path) -> None:
    """Where the table says that "no" means present, absent is written as its own name."""
    model = load(
        folder,
        base=SITES,
        variables=SITES["variables"].replace("lifting,context,,,,,,,", "lifting,context,,,,,no=present,,"),
    )
    frame = model.simulate(20, seed=1)
    assert list(frame["lifting"].cat.categories) == ["absent", "yes"]
    drawn = draw_codes(model.network, model.network.parameters, 20, cases_of(1))
    assert (codes_of(model, frame) == drawn).all()


def cases_of(seed: int) -> np.random.Generator:
    """The stream that `simulate` draws cases from."""
    return np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[0])


@pytest.mark.parametrize("how", ["frame", "csv"])
@pytest.mark.parametrize("name", ["twitch", "rich"])
def test_reads_back_as_drawn(name: str, how: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A table, also one that went through CSV, means the codes that were drawn; with gaps, the rest of them."""
    model = request.getfixturevalue(name)
    drawn = draw_codes(model.network, model.network.parameters, 500, cases_of(2))
    for missing in (0.0, {"context": 0.3, "cause": 0.5, "finding": 0.4}):
        frame = model.simulate(500, seed=2, missing=missing)
        if how == "csv":
            frame.to_csv(tmp_path / "cases.csv", index=False)
            frame = pd.read_csv(tmp_path / "cases.csv")
        read = codes_of(model, frame)
        assert ((read == drawn) | (read == UNKNOWN)).all()
        assert (read == UNKNOWN).any() == bool(missing)


def test_is_scored(tiny: Model, tmp_path: Path) -> None:
    """A file of simulated cases is scored, and its answers are those of the table."""
    cases = tiny.simulate(30, seed=3, missing=0.5, causes=False)
    cases.to_csv(tmp_path / "cases.csv", index=False)
    score_file(tiny, tmp_path / "cases.csv", tmp_path / "scored.csv")
    scored = pd.read_csv(tmp_path / "scored.csv")
    pd.testing.assert_frame_equal(scored, tiny.infer_frame(cases), rtol=1e-12)


@pytest.mark.parametrize("name", ["tiny", "rich"])
def test_without_causes(name: str, request: pytest.FixtureRequest) -> None:
    """`causes=False` leaves out the columns of causes and their unions, which would tell, and changes no other cell."""
    model = request.getfixturevalue(name)
    whole = model.simulate(100, seed=4, missing=0.2)
    hidden = [*model.causes, *model.network.groups]
    assert model.simulate(100, seed=4, missing=0.2, causes=False).equals(whole.drop(columns=hidden))


def test_a_share_for_unions(rich: Model) -> None:
    """Unions of causes are a role of their own."""
    gaps = rich.simulate(50, seed=4, missing={"union": 1.0}).isna().all()
    assert set(gaps[gaps].index) == set(rich.network.groups)


# Seeds


def test_seeds(tiny: Model) -> None:
    """One seed gives one table, another seed another one, and fewer cases are the first of more."""
    asked: dict[str, Any] = {"missing": 0.2, "given": {"cough": True}}
    block = Sampler(tiny.network, tiny.network.parameters).rows
    frame = tiny.simulate(block + 500, seed=5, **asked)
    assert tiny.simulate(block + 500, seed=5, **asked).equals(frame)
    assert tiny.simulate(300, seed=5, **asked).equals(frame.head(300))
    assert not tiny.simulate(300, seed=6, **asked).equals(frame.head(300))


def test_in_parts(tiny: Model) -> None:
    """A table that comes in parts is the table in one piece, its index too."""
    drawn = Simulation.of(tiny, 7, missing=0.1, given={"cough": True})
    parts = list(drawn.frames(250, 100))
    assert [len(part) for part in parts] == [100, 100, 50]
    assert pd.concat(parts).equals(tiny.simulate(250, seed=7, missing=0.1, given={"cough": True}))


def test_drawn_parameters(folder: Path) -> None:
    """Drawn numbers are the first of the beliefs with the seed, and the cases are as frequent as they say."""
    priors = """
        variable,probability,low,high
        winter,0.25,0.1,0.4
        flu,0.02,0.01,0.05
        cold,0.1,0.05,0.2
        """
    model = load(folder, priors=priors)
    parameters = drawn_parameters(model, 8)
    assert (parameters.yes == model.network.with_net(model.beliefs.draw(1, 8)).yes).all()
    drawn = codes_of(model, model.simulate(N, seed=8, parameters="drawn"))
    asked = pairs(model)
    counts = np.array([(drawn[:, row != UNKNOWN] == row[row != UNKNOWN]).all(axis=1).sum() for row in asked])
    assert_frequent(counts, N, probability(model, asked, parameters))
    assert not np.allclose(probability(model, asked, parameters), probability(model, asked), rtol=0.1)


# Gaps


@pytest.mark.parametrize(
    ("missing", "shares"),
    [
        (0.3, {"winter": 0.3, "flu": 0, "cold": 0, "fever": 0.3, "cough": 0.3}),
        ({"cause": 1, "cold": 0.5}, {"winter": 0, "flu": 1, "cold": 0.5, "fever": 0, "cough": 0}),
        ({"fever": 0.1, "finding": 0.8, "context": 1}, {"winter": 1, "flu": 0, "cold": 0, "fever": 0.1, "cough": 0.8}),
        (np.float32(1), {"winter": 1, "flu": 0, "cold": 0, "fever": 1, "cough": 1}),
    ],
)
def test_missing(tiny: Model, missing: Any, shares: Mapping[str, float]) -> None:
    """Each column has the share of gaps that was asked for: by itself, by role, or as a number for all but causes."""
    gaps = tiny.simulate(N, seed=9, missing=missing).isna().sum()
    assert_frequent(gaps.to_numpy(), N, np.array([shares[name] for name in gaps.index]))


def test_gaps_do_not_depend_on_what_is_there(tiny: Model) -> None:
    """Cells are missing by chance alone: whether one is says nothing of its state or of another gap."""
    whole, gaps = tiny.simulate(N, seed=10), tiny.simulate(N, seed=10, missing=0.4).isna()
    coughing = whole["cough"] == "yes"
    assert_frequent(np.array([gaps["cough"][coughing].sum()]), int(coughing.sum()), np.array([0.4]))
    assert_frequent(np.array([(gaps["cough"] & gaps["fever"]).sum()]), N, np.array([0.16]))


# What is given


def test_given(sites: Model) -> None:
    """Every case has what is given, and the rest is as frequent as the posterior says."""
    frame = sites.simulate(N, seed=11, given={"twitching": True, "age": 50}, missing=0.5)
    assert set(frame["twitching"]) == {"yes"}
    assert set(frame["age"]) == {"40-120"}
    posterior = sites.infer(twitching=True, age=50)
    exact = np.array([posterior[cause] for cause in sites.causes])
    assert_frequent((frame[list(sites.causes)] == "yes").sum().to_numpy(), N, exact)


def test_given_groups_and_causes(sites: Model) -> None:
    """A group gives all of its members; a cause can be given; None gives nothing, and nothing is assumed."""
    frame = sites.simulate(200, seed=12, given={"site": "arm;nowhere_else", "strain": True, "weak": None})
    assert set(frame["twitch_arm"]) == set(frame["strain"]) == {"yes"}
    assert set(frame["twitch_leg"]) == {"no"}
    assert set(sites.simulate(200, seed=12)["twitching"]) == {"yes", "no"}


def test_given_levels_and_unions(rich: Model) -> None:
    """A span of levels, or a union of causes, is given like a state; the rest is as frequent as the posterior says."""
    evidence = {"lab": ["clear", "severe"], "nerve": True}
    frame = rich.simulate(N, seed=13, given=evidence)
    assert set(frame["lab"]) == {"clear", "severe"}
    assert set(frame["nerve"]) == {"yes"}
    posterior = rich.infer(evidence)
    exact = np.array([posterior[cause] for cause in rich.causes])
    assert_frequent((frame[list(rich.causes)] == "yes").sum().to_numpy(), N, exact)


def test_given_what_cannot_be(certain: Model) -> None:
    """What has probability 0 is refused with the reason, before anything is drawn."""
    with pytest.raises(ImpossibleEvidenceError, match="ghost=present"):
        certain.simulate(1, given={"ghost": True})


def test_given_what_the_drawn_numbers_rule_out(certain: Model) -> None:
    """Under drawn numbers too, where what is possible in the tables may have become impossible."""
    with pytest.raises(
        InvalidValueError, match=r"spot=present has probability 0 under the parameters drawn with seed=1"
    ):
        certain_with_fixed_numbers(certain).frames(1, 1).__next__()


def certain_with_fixed_numbers(certain: Model) -> Simulation:
    """Cases of CERTAIN with `spot`, from a copy of its own numbers: a set other than the network's."""
    network = certain.network
    return Simulation(
        certain, network.with_values(network.numbers), certain.words.read({"spot": True}), np.zeros(0), 1, causes=True
    )


def test_given_what_is_too_rare(tiny: Model) -> None:
    """What is almost never met is refused with the number of draws that it would take."""
    p = math.exp(tiny.infer(flu=True).log_evidence)
    n = 10**8
    decades = math.log10(n / p)
    with pytest.raises(
        InvalidValueError, match=rf"flu=present .*100,000,000 such cases need some 1e{decades:.1f} draws"
    ):
        tiny.simulate(n, given={"flu": True})


# What is refused


@pytest.mark.parametrize(
    ("arguments", "kind", "match"),
    [
        ({"n": 0}, InvalidValueError, r"n=0 is not a whole number of 1 or more"),
        ({"n": 2.5}, InvalidValueError, r"n=2.5 is not a whole number"),
        ({"n": True}, InvalidValueError, r"n=True is not a whole number"),
        ({"seed": -1}, InvalidValueError, r"seed=-1 is not a whole number of 0 or more"),
        ({"parameters": "means"}, InvalidValueError, r"parameters='means' is neither 'tables' nor 'drawn'"),
        ({"given": {"caugh": True}}, UnknownVariableError, r"no variable 'caugh'. Did you mean 'cough'\?"),
        ({"given": {"cough": "maybe"}}, InvalidValueError, r"cough='maybe' is not a state"),
        ({"missing": 1.5}, InvalidValueError, r"^missing=1.5 is not a share; give a number from 0 to 1"),
        ({"missing": math.nan}, InvalidValueError, r"missing=nan is not a share"),
        ({"missing": "0.1"}, InvalidValueError, r"missing='0.1' is not a share"),
        ({"missing": True}, InvalidValueError, r"missing=True is not a share"),
        ({"missing": {"cough": -0.1}}, InvalidValueError, r"missing cough=-0.1 is not a share"),
        ({"missing": {"finding": None}}, InvalidValueError, r"missing finding=None is not a share"),
        (
            {"missing": {"findings": 0.1}},
            UnknownVariableError,
            r"no variable or role 'findings'. Did you mean 'finding'",
        ),
        (
            {"missing": {"cough": 0.1}, "given": {"cough": True}},
            InvalidValueError,
            r"missing cough=0.1, but cough is given in every case",
        ),
        ({"missing": {"caugh": 0.1, "fever": 7}}, InvalidEvidenceError, r"(?s)'caugh'.*missing fever=7"),
    ],
)
def test_refused(tiny: Model, arguments: dict[str, Any], kind: type[Exception], match: str) -> None:
    """A wrong number, share or name is an error that names it and what would be right; several come at once."""
    with pytest.raises(kind, match=match):
        tiny.simulate(**{"n": 10, **arguments})


# The command


def test_command_writes_what_simulate_gives(twitch: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes the table of `simulate`, in every format, and says what it is drawn with."""
    expected = twitch.simulate(
        40, seed=3, missing={"context": 0.2, "finding": 0.2, "age": 0}, given={"age": 62}, causes=False
    )
    options = ["--seed", "3", "--missing", "0.2", "--missing", "age=0", "--no-causes", "--json", "--given", "age=62"]
    for name in ("cases.csv", "cases.parquet"):
        file = tmp_path / name
        assert main(["simulate", "40", "-o", str(file), *options]) == 0
        read = pd.read_csv(file, dtype=str) if file.suffix == ".csv" else pd.read_parquet(file)
        assert (
            read.astype(object).where(read.notna(), None).equals(expected.astype(object).where(expected.notna(), None))
        )
        told = json.loads(capsys.readouterr().out)
        assert (told["file"], told["rows"], told["made_with"]["seed"]) == (str(file), 40, 3)
        assert told["made_with"]["fingerprint"] == twitch.fingerprint
        assert told["made_with"]["given"] == {"age": "60-69"}
        assert told["made_with"]["missing"]["sex"] == 0.2


def test_command_draws_numbers(twitch: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --drawn the cases are those of drawn numbers, with gaps in causes too."""
    file = tmp_path / "cases.csv"
    assert main(["simulate", "2000", "-o", str(file), "--drawn", "--missing", "cause=0.5"]) == 0
    assert capsys.readouterr().out == f"wrote {file}: 2,000 cases drawn with seed 0\n"
    expected = twitch.simulate(2000, parameters="drawn", missing={"cause": 0.5})
    assert (codes_of(twitch, pd.read_csv(file)) == codes_of(twitch, expected)).all()
    assert (codes_of(twitch, expected) != codes_of(twitch, twitch.simulate(2000, missing={"cause": 0.5}))).any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--missing", "cause"], "--missing 'cause' is no share; give a number from 0 to 1"),
        (["--missing", "0.1", "--missing", "context=0.2"], "--missing gives the share of context twice"),
        (["--given", "age"], "'age' is not of the form name=value"),
        (["--given", "age=12"], "age='12' is not a number of years from 18"),
        (["--seed", "-1"], "seed=-1 is not a whole number of 0 or more"),
        (["-o", "nowhere/cases.csv"], "the folder 'nowhere' does not exist"),
        (["-o", "cases.xlsx"], "the suffix '.xlsx' of 'cases.xlsx' is none of"),
        (["-o", "there.csv"], "'there.csv' exists"),
    ],
)
def test_command_refuses(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is told on standard error, with status 2, and nothing is left behind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.csv").write_text("mine\n")
    assert main(["simulate", "3", "-o", "cases.csv", *options]) == 2
    assert said in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["there.csv"]
    assert (tmp_path / "there.csv").read_text() == "mine\n"
    assert main(["simulate", "3", "-o", "there.csv", "--force"]) == 0
    assert len(pd.read_csv(tmp_path / "there.csv")) == 3
