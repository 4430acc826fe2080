"""Dask and Spark: a real local cluster of each, whose answers are those of the table in memory."""

from __future__ import annotations

import datetime
import decimal
import os
import pickle
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from twitchbayes import adapters, frames
from twitchbayes.adapters import Shipment
from twitchbayes.adapters import spark as spark_adapter
from twitchbayes.cohort import content_of, read_part
from twitchbayes.errors import InvalidFrameError, InvalidValueError, TwitchbayesError, UnknownVariableError
from twitchbayes.model import Model, load_model
from twitchbayes.tuning import Tuning

if TYPE_CHECKING:
    import dask.dataframe as dd
    from distributed import Client
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [
    # Said at each call that could touch pandas; mapInArrow and toArrow do not.
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]

SURFACES = Path(__file__).parent / "surfaces"
N_ROWS = 90
BAD = r"row .*p017.*column 'weakness'.*'perhaps'"


@pytest.fixture(scope="session")
def cohort() -> pd.DataFrame:
    """Rows with gaps, of every kind of cell, and two columns that the model does not know."""
    random = np.random.default_rng(0)
    n = N_ROWS
    return pd.DataFrame(
        {
            "patient": [f"p{i:03}" for i in range(n)],
            "age": np.where(random.random(n) < 0.2, np.nan, random.integers(18, 95, n)),
            "sex": random.choice(["male", "female", None], n),
            "weakness": random.choice(["yes", "no", "unknown", ""], n),
            "cramps": pd.array(random.choice([True, False, None], n), dtype="boolean"),
            "twitch_location": random.choice(["arm_hand", "tongue;face", None], n),
            "visits": random.integers(0, 9, n),
        },
        index=pd.Index(range(100, 100 + n), name="row"),
    )


@pytest.fixture(scope="session")
def spoilt(cohort: pd.DataFrame) -> pd.DataFrame:
    """The cohort with one cell that cannot be read, in the row of patient p017."""
    rows = cohort.set_index("patient", drop=False)
    rows.loc["p017", "weakness"] = "perhaps"
    return rows


def other_priors(model: Model) -> Model:
    """Return a model that differs from another in one number."""
    prior = next(p for p in model.knowledge.priors if p.variable in model.causes and not p.given)
    return model.with_priors({prior.variable: prior.number.probability / 2})


# The model on its way


def test_a_process_opens_a_model_once(twitch: Model) -> None:
    """Whoever gets the same model twice has one object; another model, with one number changed, is another."""
    shipment, again, other = Shipment(twitch), Shipment(twitch), Shipment(other_priors(twitch))
    first, second, third = (pickle.loads(pickle.dumps(s)).model for s in (shipment, again, other))
    assert first is second
    assert third is not first
    assert (first.fingerprint, third.fingerprint) == (twitch.fingerprint, other.model.fingerprint)
    assert first.infer(weakness=True) == twitch.infer(weakness=True)


def test_a_process_keeps_few_models(twitch: Model, tiny: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model used longest ago goes first."""
    monkeypatch.setattr(adapters, "KEPT_MODELS", 2)
    monkeypatch.setattr(adapters, "_models", type(adapters._models)())
    models = twitch, tiny, twitch, other_priors(twitch)
    for model in models:
        pickle.loads(pickle.dumps(Shipment(model)))
    assert list(adapters._models) == [adapters.Shipment(model)._name for model in models[2:]]


# Columns


@pytest.mark.parametrize(
    ("kept", "options", "names", "ignore"),
    [
        pytest.param([], {}, ["a", "b", "c", "d"], [], id="all"),
        pytest.param([], {"ignore": ["d", "a"]}, ["b", "c"], [], id="ignored"),
        pytest.param(["d"], {"ignore": ["d", "a"]}, ["b", "c", "d"], ["d"], id="kept_and_ignored"),
        pytest.param(["a"], {"columns": ["c"]}, ["a", "c"], [], id="only"),
        pytest.param([], {"columns": "c"}, ["c"], [], id="one_name"),
        pytest.param([], {"ignore": "c"}, ["a", "b", "d"], [], id="one_ignored"),
        pytest.param([], {"columns": {"a": "age"}}, ["a", "b", "c", "d"], [], id="renamed"),
        pytest.param([], {"columns": ["c"], "virtual_evidence": {"pain": "a", "sex": 2}}, ["a", "c"], [], id="ratios"),
    ],
)
def test_only_needed_columns_travel(
    kept: list[str], options: dict[str, Any], names: list[str], ignore: list[str]
) -> None:
    """What is neither kept nor evidence stays where it is; what is kept and ignored remains so."""
    whole = {"columns": None, "ignore": (), "on_error": "raise", **options}
    left, narrowed = adapters.needed(list("abcd"), kept, whole)
    assert (left, narrowed["ignore"]) == (names, ignore)
    assert {**narrowed, "ignore": whole["ignore"]} == whole


# Dask


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """Return the client of two worker processes."""
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def dask_frame(frame: pd.DataFrame, parts: int = 4, **options: Any) -> dd.DataFrame:
    dataframe = pytest.importorskip("dask.dataframe", reason="needs the extra dask")
    return dataframe.from_pandas(frame, npartitions=parts, **options)


def dask_infer(model: Model, frame: dd.DataFrame, **options: Any) -> dd.DataFrame:
    return model.infer_frame(frame, **options)


OPTIONS = [
    pytest.param({"ignore": ["patient", "visits"]}, id="posteriors_only"),
    pytest.param({"keep": ["visits", "patient"]}, id="some_kept"),
    pytest.param({"keep": True, "columns": ["age", "weakness"]}, id="all_kept"),
    pytest.param({"keep": ["patient"], "ignore": ["visits"], "on_error": "null"}, id="reasons"),
    pytest.param({"keep": "patient", "ignore": "visits", "columns": {"cramps": "pain"}}, id="renamed"),
    pytest.param({"keep": "patient", "columns": ["age"], "interval": 0.9, "draws": 9, "seed": 3}, id="intervals"),
    pytest.param({"keep": "patient", "columns": ["age"], "virtual_evidence": {"pain": "visits"}}, id="ratios"),
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.usefixtures("client")
def test_dask_is_the_table_in_memory(twitch: Model, cohort: pd.DataFrame, options: dict[str, Any]) -> None:
    """Values, order, index, divisions and types are those in memory, and the types were known before."""
    frame = dask_frame(cohort)
    answered = dask_infer(twitch, frame, **options)
    computed = answered.compute()
    expected = twitch.infer_frame(frame.compute(), **options)
    pd.testing.assert_frame_equal(computed, expected, rtol=1e-12, atol=0)
    assert answered.divisions == frame.divisions
    pd.testing.assert_frame_equal(answered._meta, computed.iloc[:0], check_column_type=True)


@pytest.fixture(scope="session")
def levels() -> pd.DataFrame:
    """Rows for a model with levels and unions, one of them known by several states."""
    rows = {"patient": list("abcd"), "emg": ["normal", "at least fasciculations_only", None, "denervation"]}
    return pd.DataFrame({**rows, "nerve_damage": ["no", None, "yes", None]})


@pytest.mark.parametrize("interval", [None, 0.9])
@pytest.mark.usefixtures("client")
def test_dask_has_the_unions(levels: pd.DataFrame, interval: float | None) -> None:
    model = load_model(SURFACES)
    options: dict[str, Any] = {"keep": ["patient"], "interval": interval, "draws": 9}
    answered = dask_infer(model, dask_frame(levels, parts=2), **options)
    computed = answered.compute()
    assert {"nerve_damage", "neuromuscular"} < set(computed.columns)
    assert ("nerve_damage_low" in computed.columns) == (interval is not None)
    expected = model.infer_frame(levels, **options)
    pd.testing.assert_frame_equal(computed, expected, rtol=1e-12, atol=0, check_dtype=False)
    pd.testing.assert_frame_equal(answered._meta, computed.iloc[:0], check_column_type=True)


@pytest.mark.usefixtures("client")
def test_dask_keeps_an_order_that_is_not_sorted(twitch: Model, cohort: pd.DataFrame) -> None:
    """Rows whose index is in no order stay where they are; there are no divisions then."""
    shuffled = cohort.sample(frac=1, random_state=0)
    answered = dask_infer(twitch, dask_frame(shuffled, sort=False), keep=["patient"], ignore=["visits"])
    assert not answered.known_divisions
    assert answered.compute().index.tolist() == shuffled.index.tolist()


@pytest.mark.usefixtures("client")
def test_dask_types_are_known_for_every_kind_of_column(twitch: Model) -> None:
    """Categories, nullable types, whole numbers and a column without any value have the types foretold."""
    frame = pd.DataFrame(
        {
            "weakness": pd.Categorical(["yes", None, "no", "yes"]),
            "age": pd.array([62, None, 30, 44], dtype="Int64"),
            "cramps": [1, 0, 1, 0],
            "pain": [None, None, None, None],
            "seen": pd.to_datetime(["2026-01-01"] * 4),
        },
        index=pd.to_datetime(["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"]),
    )
    answered = dask_infer(
        twitch, dask_frame(frame, 2), keep=["seen", "weakness"], columns=["weakness", "age", "cramps", "pain"]
    )
    pd.testing.assert_frame_equal(answered._meta, answered.compute().iloc[:0])


def touched(part: pd.DataFrame, file: str) -> pd.DataFrame:
    with Path(file).open("a", encoding="utf-8") as out:
        out.write("read\n")
    return part


def test_dask_is_lazy(twitch: Model, cohort: pd.DataFrame, tmp_path: Path) -> None:
    """No partition is read at the call; each is when the answer is computed."""
    file = tmp_path / "read"
    frame = dask_frame(cohort)
    source = frame.map_partitions(touched, str(file), meta=frame._meta)
    answered = dask_infer(twitch, source, keep=["patient", "visits"])
    assert not file.exists()
    answered.compute(scheduler="synchronous")
    assert file.read_text(encoding="utf-8") == "read\n" * frame.npartitions


@pytest.mark.usefixtures("client")
def test_dask_with_empty_partitions(twitch: Model, cohort: pd.DataFrame) -> None:
    """Partitions without rows, and a table without any, are answered with the same columns and types."""
    frame = dask_frame(cohort)
    answered = dask_infer(twitch, frame[frame["visits"] > 99], keep=["patient", "visits"])
    pd.testing.assert_frame_equal(answered.compute(), answered._meta)
    late = dask_infer(twitch, frame.loc[185:], keep=["patient", "visits"]).compute()
    assert late.index.tolist() == list(range(185, 190))


@pytest.mark.usefixtures("client")
def test_dask_names_the_row_of_a_bad_cell(twitch: Model, spoilt: pd.DataFrame) -> None:
    """The error of a worker comes back as what it is, with the row's label, the column and the value."""
    answered = dask_infer(twitch, dask_frame(spoilt), ignore=["patient", "visits"])
    with pytest.raises(InvalidFrameError, match=BAD) as raised:
        answered.compute()
    assert [fault[:3] for fault in raised.value.faults] == [("p017", "weakness", "perhaps")]


@pytest.mark.usefixtures("client")
def test_dask_gives_reasons(twitch: Model, spoilt: pd.DataFrame) -> None:
    """With on_error="null" the bad row is null and says why, and every other row is answered."""
    frame = dask_frame(spoilt)
    answered = dask_infer(twitch, frame, ignore=["patient", "visits"], on_error="null").compute()
    null = answered["none"].isna()
    assert answered.index[null].tolist() == ["p017"]
    assert "perhaps" in answered.loc["p017", "reason"]
    assert answered["reason"].notna().equals(null)


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({}, UnknownVariableError, "patient"),
        ({"keep": ["patient", "visit"]}, TwitchbayesError, "visit"),
        ({"ignore": ["patient", "visits"], "on_error": "ignore"}, InvalidValueError, "on_error"),
        ({"ignore": ["patient", "visits"], "progress": True}, InvalidValueError, "progress=True: nothing is computed"),
    ],
)
def test_dask_refuses_at_the_call(
    twitch: Model, cohort: pd.DataFrame, options: dict[str, Any], kind: type[Exception], said: str
) -> None:
    """Columns that are not there, or that the model does not know, are refused before anything is computed."""
    frame = dask_frame(cohort)
    with pytest.raises(kind, match=said):
        dask_infer(twitch, frame, **options)


def test_dask_ships_the_model_once(client: Client, twitch: Model, cohort: pd.DataFrame) -> None:
    """One task holds the model, every other one names it; a worker has one object for all partitions and tables."""
    frame = dask_frame(cohort, parts=16)
    answered = dask_infer(twitch, frame, keep=["patient", "visits"])
    sizes = [len(pickle.dumps(task)) for task in dict(answered.optimize().__dask_graph__()).values()]
    model_size = len(pickle.dumps(Shipment(twitch)))
    assert sum(size > model_size / 2 for size in sizes) == 1
    answered.compute()
    held = client.run(lambda: {name: id(model) for name, model in adapters._models.items()})
    dask_infer(twitch, frame.partitions[::-1], keep=["patient", "visits"]).compute()
    assert client.run(lambda: {name: id(model) for name, model in adapters._models.items()}) == held
    assert all(adapters.Shipment(twitch)._name in models for models in held.values())


@pytest.mark.usefixtures("client")
def test_dask_tells_models_apart(twitch: Model, cohort: pd.DataFrame) -> None:
    """A worker that has a model answers by the one it is asked for."""
    frame, options = dask_frame(cohort), {"keep": ["patient", "visits"]}
    other = other_priors(twitch)
    for model in (twitch, other):
        expected = frames.infer_frame(model, frame.compute(), **options)
        pd.testing.assert_frame_equal(dask_infer(model, frame, **options).compute(), expected, rtol=1e-12, atol=0)


def test_dask_in_threads(twitch: Model, cohort: pd.DataFrame) -> None:
    """Threads of one process share the model and do not disturb each other."""
    frame = dask_frame(cohort, parts=16)
    answered = dask_infer(twitch, frame, keep=["patient", "visits"])
    expected = frames.infer_frame(twitch, frame.compute(), keep=["patient", "visits"])
    computed = answered.compute(scheduler="threads", num_workers=4)
    pd.testing.assert_frame_equal(computed, expected, rtol=1e-12, atol=0)


# Tuning


@pytest.fixture(scope="session")
def learned(sites: Model) -> pd.DataFrame:
    """Cases with gaps and known causes, many of them equal, one column that the model does not know."""
    cases = sites.simulate(300, seed=2, missing=0.3).astype(object)
    cases = cases.where(cases.notna(), None)
    return cases.assign(patient=[f"p{i:03}" for i in range(300)], palsy=None).set_index("patient", drop=False)


def same_tuning(one: Tuning, other: Tuning, digits: float = 1e-9) -> None:
    """Every number of the reports, the steps, the notes and the hash of the cases are the same."""
    pd.testing.assert_frame_equal(one.report, other.report, rtol=digits, atol=digits)
    pd.testing.assert_frame_equal(one.history, other.history, rtol=digits, atol=digits)
    assert one.notes == other.notes
    sources = {"source": "any"}
    assert {**one.cases, **sources} == {**other.cases, **sources}


TUNED = {"ignore": ["patient"], "max_iterations": 6, "selected_by": ()}


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("parts", [1, 20])
def test_dask_tunes_as_in_memory(sites: Model, learned: pd.DataFrame, parts: int) -> None:
    """Numbers, sizes, notes and hash are those in memory, however the rows lie, with empty partitions too."""
    frame = dask_frame(learned.sample(frac=1, random_state=parts), parts, sort=False)
    if parts > 1:
        frame = frame.repartition(npartitions=parts)
        dataframe = pytest.importorskip("dask.dataframe", reason="needs the extra dask")
        frame = dataframe.concat([frame, frame[frame["patient"] == "nobody"]])
    same_tuning(sites.tune(frame, **TUNED), sites.tune(learned, **TUNED))


def test_dask_tunes_with_labels_and_exclusions(certain: Model) -> None:
    """A column of labels, bad cells and impossible cases are what they are in memory: left out and counted."""
    frame = pd.DataFrame(
        {
            "mark": ["yes", "no", "maybe", "no", "yes", "no"],
            "ache": [None] * 6,
            "said": ["gene;fate", "gene; fate", "fate", "fate", None, "fat"],
            "more": 1,
        }
    )
    options = {"labels": "said", "ignore": ["more"], "on_error": "exclude", "max_iterations": 3}
    local = certain.tune(frame, **options)
    assert sum(local.cases["excluded"].values()) == 3
    same_tuning(certain.tune(dask_frame(frame, 3), **options), local)


def test_dask_names_all_bad_cases_at_once(certain: Model) -> None:
    """Bad cells of one partition and impossible cases of another are one error, by the labels of the index."""
    frame = pd.DataFrame(
        {"mark": ["maybe", "no", "no", "no"], "gene": ["yes", "no", "no", "yes"], "ache": [None] * 4},
        index=["ann", "bob", "cem", "dan"],
    )
    expected = r"(?s)2 rows of 4 cannot be used.*row 'ann', column 'mark'.*row 'dan': .*probability 0"
    with pytest.raises(InvalidFrameError, match=expected):
        certain.tune(dask_frame(frame, 4))


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({}, UnknownVariableError, "patient"),
        ({"ignore": ["patient"], "labels": "diagnosis"}, InvalidValueError, "labels='diagnosis' is no column"),
        ({"ignore": ["patient"], "on_error": "skip"}, InvalidValueError, "on_error='skip' is none of"),
        ({"ignore": ["patient"], "strength": -1}, InvalidValueError, "strength=-1 must be"),
    ],
)
def test_dask_tuning_refuses_at_the_call(
    sites: Model, learned: pd.DataFrame, tmp_path: Path, options: dict[str, Any], kind: type[Exception], said: str
) -> None:
    """Columns and options that are wrong are told before any partition is read."""
    file, frame = tmp_path / "read", dask_frame(learned)
    source = frame.map_partitions(touched, str(file), meta=frame._meta)
    with pytest.raises(kind, match=said):
        sites.tune(source, **options)
    assert not file.exists()


def test_dask_tuning_needs_cases(sites: Model, learned: pd.DataFrame) -> None:
    """A table without a row is an error."""
    frame = dask_frame(learned)
    with pytest.raises(InvalidValueError, match=r"dask.* DataFrame has no case"):
        sites.tune(frame[frame["patient"] == "nobody"], ignore=["patient"])


def test_dask_reads_a_table_once(sites: Model, learned: pd.DataFrame, tmp_path: Path) -> None:
    """Each partition is read once, whatever the number of passes."""
    file, frame = tmp_path / "read", dask_frame(learned, 3)
    source = frame.map_partitions(touched, str(file), meta=frame._meta)
    tuning = sites.tune(source, **TUNED)
    assert len(tuning.history) > 3
    assert file.read_text(encoding="utf-8") == "read\n" * 3


# Spark


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Return a session with two tasks at a time, each with a Python worker of its own."""
    sql = pytest.importorskip("pyspark.sql", reason="needs the extra spark")
    pytest.importorskip("pyarrow", reason="needs the extra spark")
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Spark needs Java")
    with pytest.MonkeyPatch.context() as patch:
        # Otherwise the workers run the first python3 of the path.
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        settings = {
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.sql.codegen.wholeStage": "false",  # compiling Java takes longer than so few rows
            "spark.sql.shuffle.partitions": "2",
            "spark.log.level": "OFF",
            "spark.sql.execution.arrow.maxRecordsPerBatch": "20",
            "spark.sql.execution.arrow.pyspark.enabled": "true",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
        }
        session = sql.SparkSession.builder.master("local[2]").appName("twitchbayes").config(map=settings).getOrCreate()
        try:
            yield session
        finally:
            session.stop()


def spark_frame(spark: SparkSession, frame: pd.DataFrame, parts: int = 3) -> DataFrame:
    import pyarrow as pa

    return spark.createDataFrame(pa.Table.from_pandas(frame, preserve_index=False)).repartition(parts)


def spark_infer(model: Model, frame: DataFrame, **options: Any) -> DataFrame:
    return model.infer_frame(frame, **options)


def collected(frame: DataFrame, by: str = "patient") -> pd.DataFrame:
    return frame.toArrow().to_pandas().sort_values(by, ignore_index=True)


@pytest.mark.parametrize("options", OPTIONS[1:])
def test_spark_is_the_table_in_memory(
    spark: SparkSession, twitch: Model, cohort: pd.DataFrame, options: dict[str, Any]
) -> None:
    """Every row has the values that it has in memory, in the columns and types that were known before."""
    import pyarrow as pa

    answered = spark_infer(twitch, spark_frame(spark, cohort), **options)
    table = pa.Table.from_pandas(cohort, preserve_index=False)
    expected = twitch.infer_frame(table, **options)
    assert answered.columns == expected.column_names
    computed = collected(answered)
    pd.testing.assert_frame_equal(computed, expected.replace_schema_metadata().to_pandas(), rtol=1e-12, atol=0)


def test_spark_has_the_unions(spark: SparkSession, levels: pd.DataFrame) -> None:
    model = load_model(SURFACES)
    options: dict[str, Any] = {"keep": ["patient"], "interval": 0.9, "draws": 9}
    computed = collected(spark_infer(model, spark_frame(spark, levels, parts=2), **options))
    assert {"nerve_damage", "neuromuscular_high"} < set(computed.columns)
    pd.testing.assert_frame_equal(computed, model.infer_frame(levels, **options), rtol=1e-12, atol=0, check_dtype=False)


def test_spark_keeps_the_types_of_columns(spark: SparkSession, twitch: Model) -> None:
    """Dates, times, decimals, bytes, lists, mappings and structures come out as they went in, field for field."""
    schema = """
        id bigint not null, day date, at timestamp, local timestamp_ntz, price decimal(12,2), raw binary,
        `a.b`` c` string, words array<string>, counts map<string,int>, place struct<town:string,number:smallint>, weakness boolean,
        age decimal(4,1)
    """
    day = datetime.date(2026, 11, 22)
    at = datetime.datetime(2026, 11, 22, 12, 30)
    row = (
        1,
        day,
        at,
        at,
        decimal.Decimal("1.20"),
        b"\0",
        "d",
        ["a", None],
        {"b": 2},
        ("here", 3),
        True,
        decimal.Decimal(62),
    )
    frame = spark.createDataFrame([row, (2, *[None] * 11)], schema)
    kept = frame.drop("weakness", "age")
    answered = spark_infer(twitch, frame, keep=kept.columns)
    number = len(kept.columns)
    assert answered.schema[:number] == kept.schema[:]
    assert all((f.dataType.typeName(), f.nullable) == ("double", True) for f in answered.schema[number:])
    assert sorted(row[:number] for row in answered.collect()) == sorted(row[:] for row in kept.collect())
    first = answered.where("id = 1").collect()[0]
    assert first["als"] == pytest.approx(twitch.infer(weakness=True, age=62)["als"], rel=1e-12)


def test_spark_is_lazy(spark: SparkSession, twitch: Model, cohort: pd.DataFrame) -> None:
    """No job runs at the call; one does when rows are asked for."""
    frame = spark_frame(spark, cohort)
    context = spark.sparkContext
    context.setJobGroup("lazy", "what runs")
    answered = spark_infer(twitch, frame, keep=["patient", "visits"])
    assert context.statusTracker().getJobIdsForGroup("lazy") == []
    answered.collect()
    assert len(context.statusTracker().getJobIdsForGroup("lazy")) > 0


def test_spark_with_empty_partitions(spark: SparkSession, twitch: Model, cohort: pd.DataFrame) -> None:
    """Partitions without rows, and a table without any, are answered with the same columns."""
    answered = spark_infer(twitch, spark_frame(spark, cohort.head(2), parts=8), keep=["patient", "visits"])
    assert answered.count() == 2
    none = spark_infer(twitch, spark_frame(spark, cohort).where("visits > 99"), keep=["patient", "visits"])
    assert none.collect() == []
    assert none.schema == answered.schema


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"keep": ["patient", "visits"]}, "row {'patient': 'p017', 'visits': ", id="kept"),
        pytest.param({"ignore": ["patient", "visits"]}, "row {'partition': 0, 'row': 17}", id="place"),
    ],
)
def test_spark_names_the_row_of_a_bad_cell(
    spark: SparkSession, twitch: Model, spoilt: pd.DataFrame, options: dict[str, Any], said: str
) -> None:
    """The error of a worker names the row by the kept columns, or else by its place, the column and the value."""
    from pyspark.errors import PythonException

    # Row 17 of the table is row 17 of the only partition, in the batch of rows 10 to 19.
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "10")
    answered = spark_infer(twitch, spark_frame(spark, spoilt).orderBy("patient").coalesce(1), **options)
    with pytest.raises(PythonException, match=r"InvalidFrameError: 1 row of") as raised:
        answered.collect()
    line = next(line for line in str(raised.value).split("\n") if "perhaps" in line)
    assert said in line
    assert "column 'weakness'" in line


def test_spark_gives_reasons(spark: SparkSession, twitch: Model, spoilt: pd.DataFrame) -> None:
    """With on_error="null" the bad row is null and says why, and every other row is answered."""
    answered = spark_infer(twitch, spark_frame(spark, spoilt), keep=["patient", "visits"], on_error="null")
    (bad,) = answered.where("none is null").collect()
    assert bad["patient"] == "p017"
    assert "perhaps" in bad["reason"]
    assert answered.where("reason is null").count() == len(spoilt) - 1


@pytest.mark.parametrize(
    ("options", "kind", "said"),
    [
        ({}, UnknownVariableError, "patient"),
        ({"keep": ["patient", "visit"]}, TwitchbayesError, "visit"),
        ({"ignore": ["patient", "visits"], "on_error": "ignore"}, InvalidValueError, "on_error"),
        ({"ignore": ["patient", "visits"], "progress": True}, InvalidValueError, "progress=True: nothing is computed"),
    ],
)
def test_spark_refuses_at_the_call(
    spark: SparkSession,
    twitch: Model,
    cohort: pd.DataFrame,
    options: dict[str, Any],
    kind: type[Exception],
    said: str,
) -> None:
    """Columns that are not there, or that the model does not know, are refused before anything is computed."""
    frame = spark_frame(spark, cohort)
    with pytest.raises(kind, match=said):
        spark_infer(twitch, frame, **options)


def test_spark_batches_are_gathered(twitch: Model, cohort: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small batches are answered together and come back in batches, every row once and in its place."""
    pa = pytest.importorskip("pyarrow", reason="needs the extra spark")
    monkeypatch.setattr(spark_adapter, "ROWS_AT_ONCE", 30)
    monkeypatch.setattr(spark_adapter, "ROWS_BACK", 25)
    table = pa.Table.from_pandas(cohort, preserve_index=False)
    options: dict[str, Any] = {"keep": ["patient"], "ignore": ["visits"]}
    batches = [*table.to_batches(max_chunksize=14), *table.slice(0, 0).to_batches()]
    sent = spark_adapter.Carried(Shipment(twitch))
    names = table.column_names
    back = list(spark_adapter.infer_batches(batches, sent=sent, names=names, options=options, named_by=[]))
    assert [len(gathered) for gathered in spark_adapter._gathered(batches)] == [42, 42, 6]
    assert max(map(len, back)) <= 25
    expected = twitch.infer_frame(table, **options).to_pandas()
    pd.testing.assert_frame_equal(pa.Table.from_batches(back).to_pandas(), expected, rtol=1e-12, atol=0)


def test_spark_needs_pyarrow(twitch: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow the error names the extra that has it."""
    monkeypatch.setattr(spark_adapter, "find_spec", lambda _: None)
    with pytest.raises(InvalidValueError, match=r'pip install "twitchbayes\[spark\]"'):
        spark_adapter.infer_frame(twitch, None)


def test_spark_tunes_as_in_memory(spark: SparkSession, sites: Model, learned: pd.DataFrame) -> None:
    """Numbers, sizes, notes and hash are those in memory, however the rows lie; nothing stays cached."""
    rows, options = learned.drop(columns="palsy"), {**TUNED, "max_iterations": 2}
    same_tuning(sites.tune(spark_frame(spark, rows, 3), **options), sites.tune(rows, **options))
    assert spark.sparkContext._jsc.getPersistentRDDs().size() == 0


def test_spark_portions_of_a_partition(sites: Model, learned: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was gathered is a portion each, whose reports and answers add up; a row keeps its place in the partition."""
    pa = pytest.importorskip("pyarrow", reason="needs the extra spark")
    monkeypatch.setattr(spark_adapter, "ROWS_AT_ONCE", 100)
    table = pa.Table.from_pandas(learned.drop(columns=["palsy", "patient"]), preserve_index=False)
    reading = {"labels": None, "columns": None, "ignore": (), "on_error": "raise"}
    sent: Any = spark_adapter.Carried(Shipment(sites))

    def reported(whole: Any) -> list[Any]:
        batches = whole.to_batches(max_chunksize=60)
        read = spark_adapter.read_batches(batches, sent=sent, names=whole.column_names, reading=reading)
        (answered,) = spark_adapter.answer_portions(list(read), sent=sent, question=None)
        return [pickle.loads(cell) for cell in answered.column(0).to_pylist()]

    (report,) = reported(table)
    assert (report.size, report.used, report.n_faults) == (300, 300, 0)
    assert report.content == content_of(read_part(sites, table).codes)
    cells = table.column("weak").to_pylist()
    cells[277] = "perhaps"
    spoilt = table.set_column(table.column_names.index("weak"), "weak", pa.array(cells))
    (report,) = reported(spoilt)
    assert (report.n_faults, report.faults[0][:3]) == (1, ({"partition": None, "row": 277}, "weak", "perhaps"))


def test_spark_tuning_names_bad_cases(spark: SparkSession, certain: Model) -> None:
    """Bad cells and impossible cases are one error of our own, by their places; without a row there is an error."""
    frame = pd.DataFrame(
        {"mark": ["maybe", "no", "no"], "gene": ["yes", "no", "yes"], "ache": pd.Series([None] * 3, dtype="string")}
    )
    whole = spark_frame(spark, frame, parts=1)
    # What is unreadable is told first of what was gathered together.
    with pytest.raises(InvalidFrameError, match=r"row \{'partition': 0, 'row': 0\}, column 'mark'"):
        certain.tune(whole)
    with pytest.raises(InvalidFrameError, match=r"row \{'partition': 0, 'row': \d\}: .*probability 0"):
        certain.tune(whole.where("mark = 'no'"))
    with pytest.raises(InvalidValueError, match="pyspark DataFrame has no case"):
        certain.tune(whole.where("mark = 'yes'"))
    with pytest.raises(UnknownVariableError, match="mark2"):
        certain.tune(whole.withColumnRenamed("mark", "mark2"))


def held_by_workers(frame: DataFrame) -> set[tuple[int, str, int]]:
    """Return process, fingerprint and identity of the models that the Python workers have."""

    # Inside this function, so that it goes to the workers, which cannot import this file.
    def held(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for _ in batches:
            rows = [{"process": os.getpid(), "model": name, "object": id(m)} for name, m in adapters._models.items()]
            yield pa.RecordBatch.from_pylist(rows)

    rows = frame.mapInArrow(held, "process bigint, model string, object bigint").collect()
    return {tuple(row) for row in rows}


def test_spark_ships_the_model_once(spark: SparkSession, twitch: Model, cohort: pd.DataFrame) -> None:
    """A Python worker has one object for all its partitions, and for the next table too."""
    frame = spark_frame(spark, cohort, parts=8)
    answered = spark_infer(twitch, frame, keep=["patient", "visits"])
    answered.collect()
    held = {row for row in held_by_workers(frame) if row[1] == twitch.fingerprint}
    assert len({process for process, *_ in held}) == len(held) <= 2
    spark_infer(twitch, frame.where("visits > 3"), keep=["patient", "visits"]).collect()
    assert held <= held_by_workers(frame)
