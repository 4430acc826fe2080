"""Small noisy-OR networks, from textbooks or made up, with their answers worked in view."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from twitchbayes import ImpossibleEvidenceError, Model, load_model

HERE = Path(__file__).parent
Load = Callable[[str], Model]


@pytest.fixture(scope="module")
def book() -> Load:
    """The model in a folder beside this file."""
    return lambda name: load_model(HERE / name)


def equal(value: Any) -> Any:
    return pytest.approx(float(value), rel=1e-12, abs=0)


def probability(model: Model, event: dict[str, str], given: dict[str, str]) -> float:
    """P(event | given) as a ratio of two P(evidence)."""
    joint = model.infer({**given, **event}).log_evidence
    return math.exp(joint - model.infer(given).log_evidence)


# Russell and Norvig, Artificial Intelligence: A Modern Approach, 3rd ed. (2010), section 14.3, print this table of
# P(fever | cold, flu, malaria). The inhibitions are 0.6, 0.2 and 0.1, and a row is 1 minus the product of those that act.
AIMA_TABLE = [
    # cold, flu, malaria, P(fever), P(no fever)
    ("no", "no", "no", 0.0, 1.0),
    ("no", "no", "yes", 0.9, 0.1),
    ("no", "yes", "no", 0.8, 0.2),
    ("no", "yes", "yes", 0.98, 0.02),  # 0.2 x 0.1
    ("yes", "no", "no", 0.4, 0.6),
    ("yes", "no", "yes", 0.94, 0.06),  # 0.6 x 0.1
    ("yes", "yes", "no", 0.88, 0.12),  # 0.6 x 0.2
    ("yes", "yes", "yes", 0.988, 0.012),  # 0.6 x 0.2 x 0.1
]


@pytest.mark.parametrize(("cold", "flu", "malaria", "fever", "no_fever"), AIMA_TABLE)
def test_aima_fever(book: Load, cold: str, flu: str, malaria: str, fever: float, no_fever: float) -> None:
    """Each row of the printed table comes back as P(fever | the three causes)."""
    model = book("aima_fever")
    causes = {"cold": cold, "flu": flu, "malaria": malaria}
    assert probability(model, {"fever": "no"}, causes) == equal(no_fever)
    if fever:
        assert probability(model, {"fever": "yes"}, causes) == equal(fever)
    else:
        with pytest.raises(ImpossibleEvidenceError, match="cold=absent, flu=absent, malaria=absent, fever=present"):
            model.infer(causes, fever="yes")


def test_aima_fever_backwards(book: Load) -> None:
    """With fever and no malaria, cold and flu have the posteriors that the rows of the table give by Bayes' rule."""
    p = book("aima_fever").infer(fever=True, malaria=False)
    # P(cold) = 1/2 and P(flu) = 1/4 are ours. Weights of (cold, flu) with fever, times 8:
    only_cold = 1 * 3 * Fraction("0.4")  # 1/2 x 3/4 x 0.4 x 8
    only_flu = 1 * 1 * Fraction("0.8")  # 1/2 x 1/4 x 0.8 x 8
    both = 1 * 1 * Fraction("0.88")  # 1/2 x 1/4 x 0.88 x 8
    total = only_cold + only_flu + both  # 1.2 + 0.8 + 0.88 = 2.88
    assert p["cold"] == equal((only_cold + both) / total)  # 2.08 / 2.88 = 13/18
    assert p["flu"] == equal((only_flu + both) / total)  # 1.68 / 2.88 = 7/12
    assert p["malaria"] == p.none == p.serious == 0


@pytest.mark.parametrize(
    ("evidence", "disease_a", "disease_b"),
    [
        # A has P = 0.1 and produces the finding with 0.8; B has P = 0.2 and 0.5; nothing else does.
        # P(finding) = 1 - (1 - 0.1 x 0.8) (1 - 0.2 x 0.5) = 1 - 0.92 x 0.9 = 0.172
        # P(finding | A) = 1 - 0.2 x (1 - 0.2 x 0.5) = 1 - 0.2 x 0.9 = 0.82, so P(A | finding) = 0.082 / 0.172
        # P(finding | B) = 1 - 0.5 x (1 - 0.1 x 0.8) = 1 - 0.5 x 0.92 = 0.54, so P(B | finding) = 0.108 / 0.172
        pytest.param({}, Fraction(82, 172), Fraction(108, 172), id="finding"),
        # With B too: P(finding | A, B) = 1 - 0.2 x 0.5 = 0.9 against P(finding | B alone) = 0.5:
        # P(A | finding, B) = 0.1 x 0.9 / (0.1 x 0.9 + 0.9 x 0.5) = 0.09 / 0.54 = 1/6. B explains A away.
        pytest.param({"disease_b": True}, Fraction(1, 6), 1, id="finding_and_B"),
        # P(B | finding, A) = 0.2 x 0.9 / (0.2 x 0.9 + 0.8 x 0.8) = 0.18 / 0.82
        pytest.param({"disease_a": True}, 1, Fraction(18, 82), id="finding_and_A"),
        # Without B only A is left to produce it, and the other way round.
        pytest.param({"disease_b": False}, 1, 0, id="finding_without_B"),
        pytest.param({"disease_a": False}, 0, 1, id="finding_without_A"),
    ],
)
def test_explaining_away(book: Load, evidence: dict[str, bool], disease_a: Any, disease_b: Any) -> None:
    """One disease known present lowers the other, known absent it leaves the other as the only explanation."""
    p = book("explaining_away").infer(evidence, finding=True)
    assert p["disease_a"] == equal(disease_a)
    assert p["disease_b"] == equal(disease_b)
    assert p.none == 0
    assert p.serious == equal(disease_a)


def test_explaining_away_joint(book: Load) -> None:
    """The joint of the two diseases given the finding is the four products over P(finding)."""
    p = book("explaining_away").infer(finding=True)
    a, b, q_a, q_b = Fraction("0.1"), Fraction("0.2"), Fraction("0.8"), Fraction("0.5")
    products = {
        (True, True): a * b * (1 - (1 - q_a) * (1 - q_b)),  # 0.02 x 0.9 = 0.018
        (True, False): a * (1 - b) * q_a,  # 0.08 x 0.8 = 0.064
        (False, True): (1 - a) * b * q_b,  # 0.18 x 0.5 = 0.09
        (False, False): 0,
    }
    joint = {row[:2]: row[2] for row in p.joint(["disease_a", "disease_b"]).itertuples(index=False)}
    assert joint == {states: equal(product / Fraction("0.172")) for states, product in products.items()}
    explanations = [(set(e.present), e.probability) for e in p.most_probable_explanations(4)]
    assert explanations == [
        ({"disease_b"}, equal(Fraction(90, 172))),
        ({"disease_a"}, equal(Fraction(64, 172))),
        ({"disease_a", "disease_b"}, equal(Fraction(18, 172))),
    ]
    assert math.exp(p.log_evidence) == equal(0.172)


@pytest.mark.parametrize(
    ("finding", "neither", "only_a", "only_b", "both"),
    [
        # Leak 0.2. Henrion: 0.8 and 0.6 are what is seen with A alone and B alone, the leak included. So the net links
        # are (0.8 - 0.2) / (1 - 0.2) = 0.75 and (0.6 - 0.2) / (1 - 0.2) = 0.5; both: 1 - 0.8 x 0.25 x 0.5 = 0.9.
        pytest.param("compound", 0.2, 0.8, 0.6, 0.9, id="henrion"),
        # Díez: 0.8 and 0.6 are the links themselves, and the leak comes on top: 1 - 0.8 x 0.2 = 0.84,
        # 1 - 0.8 x 0.4 = 0.68, and both 1 - 0.8 x 0.2 x 0.4 = 0.936.
        pytest.param("net", 0.2, 0.84, 0.68, 0.936, id="diez"),
    ],
)
def test_compound_and_net_links(
    book: Load, finding: str, neither: float, only_a: float, only_b: float, both: float
) -> None:
    """The same numbers mean one table as compound links and another as net links; the posterior follows it."""
    model = book("henrion_and_diez")
    table = {(0, 0): neither, (1, 0): only_a, (0, 1): only_b, (1, 1): both}
    for (a, b), expected in table.items():
        assert probability(model, {finding: "yes"}, {"a": a, "b": b}) == equal(expected)
    # P(A) = P(B) = 1/2: the posterior of A is the share of the rows that have A.
    assert model.infer({finding: True})["a"] == equal((only_a + both) / sum(table.values()))
    assert model.infer({finding: False})["a"] == equal((2 - only_a - both) / (4 - sum(table.values())))


# Of model quickscore: P(disease), leaks and net links, as the tables have them.
DISEASES = {"d1": Fraction(1, 8), "d2": Fraction(1, 4), "d3": Fraction(1, 2)}
LEAKS = {"f1": Fraction(1, 8), "f2": Fraction(1, 16), "f3": Fraction(1, 4), "f4": Fraction(1, 32)}
LINKS = {
    "d1": {"f1": Fraction(3, 4), "f2": Fraction(1, 2)},
    "d2": {"f1": Fraction(1, 4), "f2": Fraction(7, 8), "f3": Fraction(1, 2)},
    "d3": {"f2": Fraction(1, 8), "f3": Fraction(3, 4), "f4": Fraction(5, 8)},
}


def absent(findings: tuple[str, ...], disease: str) -> Fraction:
    """P(no finding of these is produced by the disease | it is present)."""
    return math.prod((1 - LINKS[disease].get(f, Fraction(0)) for f in findings), start=Fraction(1))


def quickscore(positive: tuple[str, ...], negative: tuple[str, ...], certain: str | None = None) -> Fraction:
    """P(positive present, negative absent and, where named, one disease present).

    Heckerman (UAI 1989): the sum over the subsets s of the positive findings of (-1)^|s| P(s and negative absent).
    """
    total = Fraction(0)
    for subset in itertools.chain.from_iterable(itertools.combinations(positive, n) for n in range(len(positive) + 1)):
        gone = subset + negative
        term = math.prod((1 - LEAKS[f] for f in gone), start=Fraction(1))
        for disease, p in DISEASES.items():
            term *= p * absent(gone, disease) + (0 if disease == certain else 1 - p)
        total += (-1) ** len(subset) * term
    return total


def test_quickscore_by_hand() -> None:
    """The inclusion-exclusion of this file gives what paper gives for one finding absent and for one present."""
    # f4 depends on d3 alone: P(f4 absent) = 31/32 (1/2 x 3/8 + 1/2) = 31/32 x 11/16 = 341/512
    assert quickscore((), ("f4",)) == Fraction(341, 512)
    assert quickscore(("f4",), ()) == Fraction(171, 512)
    # P(f4 and d3 present) = 1/2 (1 - 31/32 x 3/8) = 1/2 x 163/256 = 163/512
    assert quickscore(("f4",), (), "d3") == Fraction(163, 512)


@pytest.mark.parametrize(
    ("positive", "negative"),
    [
        ((), ()),
        (("f4",), ()),
        ((), ("f1", "f2", "f3", "f4")),
        (("f1", "f2"), ("f3", "f4")),
        (("f1", "f2", "f3"), ("f4",)),
        (("f2", "f3", "f4"), ()),
        (("f1", "f2", "f3", "f4"), ()),
    ],
)
def test_quickscore(book: Load, positive: tuple[str, ...], negative: tuple[str, ...]) -> None:
    """Posteriors, P(evidence), P(none) and P(serious) of three diseases are those of inclusion-exclusion in fractions."""
    p = book("quickscore").infer(dict.fromkeys(positive, True) | dict.fromkeys(negative, False))
    evidence = quickscore(positive, negative)
    for disease in DISEASES:
        assert p[disease] == equal(quickscore(positive, negative, disease) / evidence)
    assert math.exp(p.log_evidence) == equal(evidence)
    assert p.serious == equal(p["d1"])
    # With no disease only the leaks are left.
    leaks = math.prod([LEAKS[f] for f in positive] + [1 - LEAKS[f] for f in negative], start=Fraction(1))
    assert p.none == equal(leaks * math.prod(1 - prior for prior in DISEASES.values()) / evidence)


@pytest.mark.parametrize(
    ("evidence", "disease"),
    [
        # P(disease | sex, not smoking) is the stratum, 0.02 and 0.04; smoking adds a net link of 0.5:
        # women 1 - 0.98 x 0.5 = 0.51, men 1 - 0.96 x 0.5 = 0.52.
        ({"sex": "f", "smoking": False}, 0.02),
        ({"sex": "m", "smoking": False}, 0.04),
        ({"sex": "f", "smoking": True}, 0.51),
        ({"sex": "m", "smoking": True}, 0.52),
        # Smoking unknown: a quarter of the women smoke, 0.75 x 0.02 + 0.25 x 0.51 = 0.1425; half of the men,
        # 0.5 x 0.04 + 0.5 x 0.52 = 0.28.
        ({"sex": "f"}, 0.1425),
        ({"sex": "m"}, 0.28),
        # Sex unknown: P(female | smoking) = 0.6 x 0.25 / (0.6 x 0.25 + 0.4 x 0.5) = 0.15 / 0.35 = 3/7.
        ({"smoking": True}, Fraction(3, 7) * Fraction("0.51") + Fraction(4, 7) * Fraction("0.52")),
        # P(female | not smoking) = 0.6 x 0.75 / (0.6 x 0.75 + 0.4 x 0.5) = 0.45 / 0.65 = 9/13.
        ({"smoking": False}, Fraction(9, 13) * Fraction("0.02") + Fraction(4, 13) * Fraction("0.04")),
        # Both unknown: 0.6 x 0.1425 + 0.4 x 0.28 = 0.0855 + 0.112 = 0.1975.
        ({}, 0.1975),
    ],
)
def test_strata(book: Load, evidence: dict[str, Any], disease: Any) -> None:
    """Contexts choose the stratum where known and are averaged where unknown; then a cough moves the odds by 8.2."""
    model = book("strata")
    p = float(disease)
    assert model.infer(evidence)["disease"] == equal(p)
    # The compound link 0.82 is P(cough | disease), against the leak 0.1: a likelihood ratio of 8.2.
    assert model.infer(evidence, cough=True)["disease"] == equal(p * 0.82 / (p * 0.82 + (1 - p) * 0.1))
    assert model.infer(evidence, cough=False)["disease"] == equal(p * 0.18 / (p * 0.18 + (1 - p) * 0.9))


# The noisy-MAX is that of Díez (Parameter adjustment in Bayes networks: the generalized noisy OR-gate, UAI 1993); GeNIe's
# manual calls such numbers "Diez" parameters (support.bayesfusion.com/docs/GeNIe, "Noisy-MAX model"). No table of the paper
# or the manual was at hand. These numbers are those of OpenMarkov, the program of Díez's group: its MaxPotentialTest has
# a parent A of three states, a parent B of two, and a leak. `excludes` makes one parent of three states of the causes
# a1 and a2. OpenMarkov's test asserts the entries with a star; the others follow from the same definition.
#
# Chances to leave C at most in state:  c0      c1
#   the leak                            0.989   0.999
#   A = A1                              0       0.3
#   A = A2                              0       0.1
#   B = B1                              0       0.2
# P(C at most d) is the product of the leak's and of those of the parents that are not in their lowest state.
NOISY_MAX_TABLE = [
    # The state of A, that of B, and what they make of c0, c1 and c2.
    (0, 0, 0.989, 0.01, 0.001),  # * *: the leak alone, 0.999 - 0.989 = 0.01
    (1, 0, 0.0, 0.2997, 0.7003),  # * c1: 0.999 x 0.3 = 0.2997
    (2, 0, 0.0, 0.0999, 0.9001),  # * c1: 0.999 x 0.1 = 0.0999
    (0, 1, 0.0, 0.1998, 0.8002),  # 0.999 x 0.2 = 0.1998
    (1, 1, 0.0, 0.05994, 0.94006),  # 0.999 x 0.3 x 0.2 = 0.05994
    (2, 1, 0.0, 0.01998, 0.98002),  # * c0 and c2: 0.999 x 0.1 x 0.2 = 0.01998, 1 - 0.01998 = 0.98002
]


@pytest.mark.parametrize(("a", "b", "c0", "c1", "c2"), NOISY_MAX_TABLE)
def test_noisy_max(book: Load, a: int, b: int, c0: float, c1: float, c2: float) -> None:
    """Each row of the table comes back: as a prediction, and as P(evidence) of states, "at least" and "at most"."""
    model = book("noisy_max")
    parents = {"a1": "yes" if a == 1 else "no", "a2": "yes" if a == 2 else "no", "b": "yes" if b else "no"}
    expected = {"c0": c0, "c1": c1, "c2": c2}
    assert model.infer(parents).predict("c") == {state: equal(p) for state, p in expected.items()}
    said = {**expected, "at least c1": c1 + c2, "at most c1": c0 + c1, "yes": c1 + c2, "no": c0}
    for words, p in said.items():
        if p:
            assert probability(model, {"c": words}, parents) == equal(p)
        else:
            with pytest.raises(ImpossibleEvidenceError, match="c=c0"):
                model.infer(parents, c=words)


@pytest.mark.parametrize(
    ("said", "weights"),
    [
        # P(A1) = 0.3, P(A2) = 0.7 x 0.2 = 0.14, P(A0) = 0.56; P(B1) = 1/2 is left out of every weight.
        # In the order (A0, B0), (A1, B0), (A2, B0), (A0, B1), (A1, B1), (A2, B1): 0.56 x 0.01 = 0.0056,
        # 0.3 x 0.2997 = 0.08991, 0.14 x 0.0999 = 0.013986, 0.56 x 0.1998 = 0.111888, 0.3 x 0.05994 = 0.017982,
        # 0.14 x 0.01998 = 0.0027972. They sum to 0.2421632.
        ("c1", ["0.0056", "0.08991", "0.013986", "0.111888", "0.017982", "0.0027972"]),
        # Only (A0, B0) can leave C in c0: 0.56 x 0.011 = 0.00616, and the other weights are those of the parents.
        ("at least c1", ["0.00616", "0.3", "0.14", "0.56", "0.3", "0.14"]),
        # As for c1, but 0.56 x 0.999 = 0.55944. They sum to 0.7960032.
        ("at most c1", ["0.55944", "0.08991", "0.013986", "0.111888", "0.017982", "0.0027972"]),
    ],
)
def test_noisy_max_backwards(book: Load, said: str, weights: list[str]) -> None:
    """What is said of C gives the parents their posteriors by Bayes' rule."""
    a0_b0, a1_b0, a2_b0, a0_b1, a1_b1, a2_b1 = (Fraction(weight) for weight in weights)
    total = a0_b0 + a1_b0 + a2_b0 + a0_b1 + a1_b1 + a2_b1
    p = book("noisy_max").infer(c=said)
    assert p["a1"] == equal((a1_b0 + a1_b1) / total)
    assert p["a2"] == equal((a2_b0 + a2_b1) / total)
    assert p["b"] == equal((a0_b1 + a1_b1 + a2_b1) / total)
    assert p.none == equal(a0_b0 / total)
    assert math.exp(p.log_evidence) == equal(total / 2)


@pytest.mark.parametrize("folder", sorted(f.parent.name for f in HERE.glob("*/model.toml")))
def test_folders_are_models(book: Load, folder: str) -> None:
    """Each folder here loads under its own name, has a definition for every variable and a test above."""
    model = book(folder)
    assert model.name == folder
    assert all(v.definition for v in model.knowledge.variables.values())
    assert f'book("{folder}")' in Path(__file__).read_text(encoding="utf-8")
