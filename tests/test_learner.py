"""The classifier of scikit-learn: what y and the probabilities mean, by brute force, and the machinery around it."""

from __future__ import annotations

import itertools
import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

import twitchbayes
from twitchbayes import TwitchClassifier
from twitchbayes.errors import InvalidFrameError, InvalidValueError, TwitchbayesError
from twitchbayes.model import Model

EVIDENCE = ["winter", "fever", "cough"]


@pytest.fixture(scope="module")
def cases(tiny: Model) -> pd.DataFrame:
    """60 cases with gaps in the evidence."""
    return tiny.simulate(60, seed=3, missing={"context": 0.2, "finding": 0.2})


def classifier(model: Model, **options: Any) -> TwitchClassifier:
    return TwitchClassifier(model, **options)


def one_diagnosis(cases: pd.DataFrame) -> np.ndarray:
    return np.where(cases["flu"] == "yes", "flu", np.where(cases["cold"] == "yes", "cold", "none"))


def joint(model: Model, evidence: dict[str, Any], causes: dict[str, bool]) -> float:
    """P(evidence, state of every cause), summed over all complete cases."""
    network, total = model.network, 0.0
    said = {name: value == "yes" for name, value in evidence.items() if isinstance(value, str)} | causes
    for states in itertools.product([0, 1], repeat=len(network.columns)):
        complete = dict(zip(network.columns, states, strict=True))
        if all(complete[name] == value for name, value in said.items()):
            codes = np.array([states], dtype=np.int8)
            total += float(np.exp(model.engine.run(codes).log_evidence[0]))
    return total


# What is predicted


def test_the_probability_of_a_cause_is_the_posterior(tiny: Model, cases: pd.DataFrame) -> None:
    """With a cause: 1 - P and P, P being the sum over all complete cases with it; no other cause is spoken of."""
    fitted = classifier(tiny, cause="flu").fit(cases[EVIDENCE], cases["flu"])
    found = fitted.predict_proba(cases[EVIDENCE])
    for row, evidence in enumerate(cases[EVIDENCE].head(8).to_dict("records")):
        present, absent = (joint(fitted.model_, evidence, {"flu": state}) for state in (True, False))
        assert found[row, 1] == pytest.approx(present / (present + absent), rel=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-15)
    assert fitted.predict(cases[EVIDENCE]).tolist() == ["yes" if p > 0.5 else "no" for p in found[:, 1]]


def test_a_class_is_the_only_cause(tiny: Model, cases: pd.DataFrame) -> None:
    """Without a cause: P(only that cause, evidence), over the sum of that of all classes."""
    fitted = classifier(tiny).fit(cases[EVIDENCE], one_diagnosis(cases))
    assert fitted.classes_.tolist() == ["cold", "flu", "none"]
    found = fitted.predict_proba(cases[EVIDENCE])
    for row, evidence in enumerate(cases[EVIDENCE].head(8).to_dict("records")):
        only = [
            joint(fitted.model_, evidence, {"flu": flu, "cold": cold})
            for flu, cold in ((False, True), (True, False), (False, False))
        ]
        np.testing.assert_allclose(found[row], np.array(only) / sum(only), rtol=1e-12)
    assert fitted.predict(cases[EVIDENCE]).tolist() == fitted.classes_[found.argmax(axis=1)].tolist()


def test_classes_may_be_named(tiny: Model, cases: pd.DataFrame) -> None:
    """Classes that no case has are there when they are asked for, and then only cases among classes may come."""
    healthy = np.where(one_diagnosis(cases) == "flu", None, "none")
    fitted = classifier(tiny, classes=["none", "flu"]).fit(cases[EVIDENCE], healthy)
    assert fitted.classes_.tolist() == ["flu", "none"]
    assert (fitted.predict_proba(cases[EVIDENCE]) > 0).all()
    with pytest.raises(InvalidFrameError, match="row 0, column 'y': y='cold' is not among the classes none, flu"):
        classifier(tiny, classes=["none", "flu"]).fit(cases[EVIDENCE].head(1), ["cold"])


# What is learned


def test_fit_of_a_cause_is_tune(tiny: Model, cases: pd.DataFrame) -> None:
    """Y is what the column of the cause is to `Model.tune`; the other causes are unknown."""
    fitted = classifier(tiny, cause="flu", strength=0.5).fit(cases[EVIDENCE], cases["flu"])
    tuning = tiny.tune(cases[[*EVIDENCE, "flu"]], strength=0.5)
    np.testing.assert_array_equal(fitted.model_.network.numbers, tuning.model.network.numbers)
    assert (fitted.n_iter_, fitted.tuning_.converged) == (tuning.history["passes"].iloc[-1], True)


@pytest.mark.parametrize("gap", [None, float("nan"), pd.NA])
def test_fit_of_a_diagnosis_is_tune(tiny: Model, cases: pd.DataFrame, gap: object) -> None:
    """Y is what a column of labels is: the cause named is there alone; a case not diagnosed is learned from too."""
    diagnosis = pd.Series(one_diagnosis(cases), dtype=object)
    diagnosis[:20] = gap
    fitted = classifier(tiny).fit(cases[EVIDENCE], diagnosis)
    table = cases[EVIDENCE].assign(diagnosis=diagnosis.to_numpy())
    tuning = tiny.tune(table, labels="diagnosis")
    np.testing.assert_array_equal(fitted.model_.network.numbers, tuning.model.network.numbers)


def test_passes_that_are_not_enough(tiny: Model, cases: pd.DataFrame) -> None:
    """Learning that was stopped warns as scikit-learn does."""
    with pytest.warns(ConvergenceWarning, match="Not converged after 1 passes"):
        classifier(tiny, cause="flu", max_iterations=1).fit(cases[EVIDENCE], cases["flu"])


# y


@pytest.mark.parametrize(
    ("yes", "no", "classes"),
    [
        (True, False, [False, True]),
        (1, 0, [0, 1]),
        (1.0, 0.0, [0.0, 1.0]),
        ("yes", "no", ["no", "yes"]),
        ("Yes", "no", ["Yes", "no"]),
        ("present", "absent", ["absent", "present"]),
    ],
)
def test_ways_to_say_it(tiny: Model, cases: pd.DataFrame, yes: Any, no: Any, classes: list[Any]) -> None:
    """However y says present and absent, the classes are its own values, and the columns follow them."""
    y = [yes if cell == "yes" else no for cell in cases["cold"]]
    fitted = classifier(tiny, cause="cold", max_iterations=50, tolerance=0.1).fit(cases[EVIDENCE], y)
    assert fitted.classes_.tolist() == classes
    assert fitted.classes_.dtype == np.asarray(y).dtype
    present = fitted.predict_proba(cases[EVIDENCE])[:, classes.index(yes)]
    expected = [fitted.model_.infer(row)["cold"] for row in cases[EVIDENCE].to_dict("records")]
    np.testing.assert_allclose(present, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("only", "classes"),
    [(False, [False, True]), (1, [0, 1]), ("no", ["no", "yes"]), ("present", ["absent", "present"])],
)
def test_one_way_only(tiny: Model, cases: pd.DataFrame, only: Any, classes: list[Any]) -> None:
    """Where no case (or every one) has the cause, there are two classes all the same."""
    y = [only] * len(cases)
    fitted = classifier(tiny, cause="cold", tolerance=0.1).fit(cases[EVIDENCE], y)
    assert fitted.classes_.tolist() == classes


@pytest.mark.parametrize(
    ("options", "y", "said"),
    [
        ({"cause": "flu"}, ["perhaps", "no", "no"], r"row 0, column 'y': flu='perhaps'"),
        ({"cause": "flu"}, ["unknown", "no", "no"], r"row 0, column 'y': flu='unknown' says nothing"),
        ({"cause": "flu"}, ["yes", "no", "absent"], r"y says present or absent in several ways: 'yes', 'no', 'absent'"),
        ({"cause": "flu"}, [True, "no", True], r"y says present or absent in several ways: True, 'no'"),
        ({"cause": "flu"}, [None, float("nan"), None], r"y has no diagnosis"),
        ({}, ["flue", "none", "fever"], r"2 rows of 3 cannot be used(.|\n)*'flue' is neither(.|\n)*'flu'(.|\n)*row 2"),
        ({}, ["flu;cold", "none", "none"], r"y='flu;cold' is neither a cause nor 'none'"),
        ({"cause": "flue"}, [True, False, True], r"'flue': the model has no such cause. Did you mean 'flu'"),
        (
            {"classes": ["flu", "non"]},
            ["flu", "flu", "flu"],
            r"'non': the model has no such cause. Did you mean 'none'",
        ),
        ({"cause": "flu", "classes": ["flu"]}, [True, False, True], r"leave classes out, or cause"),
        ({"strength": 0}, ["flu", "none", "none"], r"strength=0 must be a number above 0"),
    ],
)
def test_wrong_diagnoses(tiny: Model, cases: pd.DataFrame, options: dict[str, Any], y: list[Any], said: str) -> None:
    """Each error names the value and what would be right; y of several ways is told as a whole."""
    with pytest.raises(TwitchbayesError, match=said):
        classifier(tiny, **options).fit(cases[EVIDENCE].head(3), y)


# X


def test_all_kinds_of_tables_say_the_same(tiny: Model, cases: pd.DataFrame) -> None:
    """pandas, polars, and arrays whose columns are named in a list or by number."""
    y, X = cases["flu"], cases[EVIDENCE]
    expected = classifier(tiny, cause="flu").fit(X, y).predict_proba(X)
    objects = X.astype(object).to_numpy()
    numbered = dict(enumerate(EVIDENCE))
    for table, options in (
        (pl.from_pandas(X.astype(object)), {}),
        (objects, {"columns": EVIDENCE}),
        (objects.tolist(), {"columns": EVIDENCE}),
        (np.where(X.isna(), np.nan, X == "yes").astype(float), {"columns": numbered}),
    ):
        fitted = classifier(tiny, cause="flu", **options).fit(table, y)
        np.testing.assert_array_equal(fitted.predict_proba(table), expected)
        assert fitted.n_features_in_ == 3


def test_names_of_the_columns_are_kept(tiny: Model, cases: pd.DataFrame) -> None:
    """Columns that are not those of fit are refused in scikit-learn's words; other causes may be evidence."""
    X = cases[[*EVIDENCE, "cold"]].assign(patient="p")
    fitted = classifier(tiny, cause="flu", ignore=["patient"]).fit(X, cases["flu"])
    assert fitted.feature_names_in_.tolist() == [*EVIDENCE, "cold", "patient"]
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.predict(X.rename(columns={"winter": "summer"}))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        classifier(tiny).predict(X)


@pytest.mark.parametrize(
    ("cause", "columns", "said"),
    [
        ("flu", [*EVIDENCE, "flu"], "X has columns of what is asked for: flu;"),
        (None, [*EVIDENCE, "cold"], "X has columns of what is asked for: cold;"),
    ],
)
def test_what_is_asked_for_is_no_evidence(
    tiny: Model, cases: pd.DataFrame, cause: str | None, columns: list[str], said: str
) -> None:
    """The diagnosis must not stand in the evidence."""
    with pytest.raises(InvalidValueError, match=said):
        classifier(tiny, cause=cause).fit(cases[columns], cases["flu"] if cause else one_diagnosis(cases))


def test_wrong_tables(tiny: Model, cases: pd.DataFrame) -> None:
    """Cells and arrays that cannot be read are named; so are cases without a probability."""
    X, y = cases[EVIDENCE].astype(object), cases["flu"]
    with pytest.raises(InvalidFrameError, match="row 2, column 'fever': fever='perhaps'"):
        classifier(tiny, cause="flu").fit(X.assign(fever=["yes", "no", "perhaps"] * 20), y)
    with pytest.raises(InvalidValueError, match="the columns of an array have no names"):
        classifier(tiny, cause="flu").fit(X.to_numpy(), y)
    with pytest.raises(InvalidValueError, match="columns names 2 columns of an array that has 3"):
        classifier(tiny, cause="flu", columns=["winter", "fever"]).fit(X.to_numpy(), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        classifier(tiny, cause="flu").fit(X, y[:-1])


def test_cases_without_a_probability(certain: Model) -> None:
    """A case that no single class explains, or that is impossible, is an error with its label, not a guess."""
    X = pd.DataFrame({"ache": ["no", "no"], "mark": ["no", "no"]}, index=["ann", "bob"])
    fitted = classifier(certain, classes=["fate", "none"], learn="priors").fit(X, ["fate", "fate"])
    marked = X.assign(mark=["no", "yes"])
    with pytest.raises(
        InvalidFrameError, match=r"1 row of 2 .*\n  row 'bob': no single one of the classes can explain"
    ):
        fitted.predict(marked)


# Machinery


def test_pipeline_search_and_cross_validation(tiny: Model, cases: pd.DataFrame) -> None:
    """It works where a classifier works, and strength is searched as any parameter is."""
    X, y = cases[EVIDENCE].assign(visits=1), cases["cold"] == "yes"
    made = make_pipeline(FunctionTransformer(lambda X: X.drop(columns="visits")), classifier(tiny, cause="cold"))
    scores = cross_val_score(made, X, y, cv=2, scoring="roc_auc")
    assert ((scores >= 0) & (scores <= 1)).all()
    held_out = cross_val_predict(made, X, y, cv=2, method="predict_proba")
    np.testing.assert_allclose(held_out.sum(axis=1), 1)
    search = GridSearchCV(made, {"twitchclassifier__strength": [0.1, 10]}, cv=2, scoring="neg_log_loss").fit(X, y)
    assert search.best_params_["twitchclassifier__strength"] in {0.1, 10}
    losses = search.cv_results_["mean_test_score"]
    assert losses[0] != losses[1]


def test_copies(tiny: Model, cases: pd.DataFrame) -> None:
    """A clone is unfitted with the same parameters; a pickle predicts the same."""
    X = cases[EVIDENCE]
    fitted = classifier(tiny, cause="flu", strength=2).fit(X, cases["flu"])
    other = clone(fitted)
    assert not hasattr(other, "classes_")
    assert (other.strength, other.model.fingerprint) == (2, tiny.fingerprint)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(X), fitted.predict_proba(X))


def test_tags(tiny: Model) -> None:
    """The tags say what a table may hold, and that one cause has two classes."""
    tags = classifier(tiny).__sklearn_tags__()
    inputs = tags.input_tags
    assert (inputs.allow_nan, inputs.categorical, inputs.string, inputs.sparse) == (True, True, True, False)
    assert (tags.estimator_type, tags.classifier_tags.multi_class) == ("classifier", True)
    assert not classifier(tiny, cause="flu").__sklearn_tags__().classifier_tags.multi_class


def test_it_is_public() -> None:
    """The package's own name for it is the class, although `import *` leaves it out."""
    assert twitchbayes.TwitchClassifier is TwitchClassifier


def test_cases_do_not_depend_on_each_other(tiny: Model, cases: pd.DataFrame) -> None:
    """A case has the same probabilities alone, and in any order; fit again gives the same, and changes no table."""
    X, y = cases[EVIDENCE], one_diagnosis(cases)
    kept = X.copy()
    fitted = classifier(tiny).fit(X, y)
    found = fitted.predict_proba(X)
    np.testing.assert_allclose(fitted.predict_proba(X[::-1])[::-1], found, rtol=1e-13)
    np.testing.assert_allclose(fitted.predict_proba(X.iloc[[7]])[0], found[7], rtol=1e-13)
    np.testing.assert_array_equal(fitted.fit(X, y).predict_proba(X), found)
    pd.testing.assert_frame_equal(X, kept)


# What scikit-learn checks with arrays of random numbers and with classes of its own. A case is made of the model's
# variables, so that an array must be told what its columns are.
NOT_APPLICABLE = dict.fromkeys(
    [
        "check_classifier_data_not_an_array",
        "check_classifiers_classes",
        "check_classifiers_one_label",
        "check_classifiers_regression_target",
        "check_classifiers_train",
        "check_dict_unchanged",
        "check_dont_overwrite_parameters",
        "check_dtype_object",
        "check_estimators_dtypes",
        "check_estimators_fit_returns_self",
        "check_estimators_overwrite_params",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_fit2d_1feature",
        "check_fit2d_1sample",
        "check_fit2d_predict1d",
        "check_fit_check_is_fitted",
        "check_fit_idempotent",
        "check_fit_score_takes_y",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_n_features_in",
        "check_n_features_in_after_fitting",
        "check_pipeline_consistency",
        "check_positive_only_tag_during_fit",
        "check_readonly_memmap_input",
        "check_supervised_y_2d",
    ],
    "X is an array whose columns have no names, which are to be the model's",
)


@pytest.fixture(scope="module")
def checked() -> list[dict[str, Any]]:
    return check_estimator(TwitchClassifier(), expected_failed_checks=NOT_APPLICABLE, on_fail=None, on_skip=None)


def test_checks_of_scikit_learn(checked: list[dict[str, Any]]) -> None:
    """Every check passes but those that are listed; what is skipped needs a setting of SciPy."""
    by_status = {
        status: {r["check_name"] for r in checked if r["status"] == status}
        for status in ("passed", "failed", "skipped", "xfail")
    }
    assert by_status["failed"] == set()
    assert by_status["skipped"] <= {"check_array_api_input"}
    assert by_status["xfail"] == set(NOT_APPLICABLE)
    assert len(by_status["passed"]) > 20


def test_checks_fail_for_the_reason_given(checked: list[dict[str, Any]]) -> None:
    """Each check that is listed was refused because its columns have no names, and for nothing else."""
    for result in checked:
        if result["status"] == "xfail":
            error = result["exception"]
            while not isinstance(error, TwitchbayesError):
                error = error.__cause__ or error.__context__
            assert str(error).startswith("the columns of an array have no names"), result["check_name"]
