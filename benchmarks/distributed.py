"""What Dask and Spark cost on this machine, next to one table in memory: `python -m benchmarks.distributed`."""

from __future__ import annotations

import argparse
import contextlib
import os
import pickle
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import ROOT, cohort, machine
from benchmarks.report import Cell, Table, plain, time_text
from benchmarks.run import QUICK, Run
from benchmarks.timing import seconds_of
from twitchbayes import load_model

PACKAGES = ("dask", "distributed", "pyspark")
WORKERS = 2
ROUNDS = 3
TINY_PARTS = 200
PAGE = ROOT / "docs" / "distributed.md"
FIGURES = re.compile(r"^It printed:\n\n```text\n.*?^```\n", re.MULTILINE | re.DOTALL)
THREADS = "TWITCHBAYES_THREADS"

# Read a folder of Parquet files, answer every row, write Parquet.
Job = Callable[[Path, Path], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0."""
    parser = argparse.ArgumentParser("python -m benchmarks.distributed", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the cohort (default: %(default)s)")
    parser.add_argument("--parts", type=int, default=8, help="files that it is cut into (default: %(default)s)")
    parser.add_argument("--price", type=float, default=0.05, help="assumed price of a core-hour (default: %(default)s)")
    parser.add_argument("--page", action="store_true", help="write what is printed into docs/distributed.md too")
    given = parser.parse_args(arguments)
    about = {name: value for name, value in machine.about(Run(QUICK)).items() if name != "sizes"}
    about["more packages"] = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    head = "\n".join(f"{name}: {value}" for name, value in about.items())
    with tempfile.TemporaryDirectory() as folder:
        tables = measure(Path(folder), given.rows, given.parts, given.price)
    text = "\n".join([f"{head}\n", *map(plain, tables)])
    print(text)
    if given.page:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(FIGURES.sub(lambda _: f"It printed:\n\n```text\n{text}```\n", page), encoding="utf-8")
    return 0


def measure(folder: Path, n_rows: int, n_parts: int, price: float) -> tuple[Table, Table, Table]:
    """Return the table of jobs, that of overheads and the projection."""
    large, tiny = folder / "large", folder / "tiny"
    n_distinct = write_cohort(large, n_rows, n_parts)
    write_cohort(tiny, TINY_PARTS, TINY_PARTS)
    found = {
        "in memory, 1 thread": (1, in_memory(large, folder, threads=1)),
        f"in memory, {WORKERS} threads": (WORKERS, in_memory(large, folder, threads=WORKERS)),
        f"Dask, {WORKERS} processes": (WORKERS, dask(large, tiny, folder)),
        f"Spark, local[{WORKERS}]": (WORKERS, spark(large, tiny, folder)),
    }
    rates = {name: n_rows / times["job"] / cores for name, (cores, times) in found.items()}
    how = f"{n_rows:,} rows, {n_distinct:,} of them different, in {n_parts} files; the best of {ROUNDS} jobs"
    columns = {"how": "text", "cores": "count", "a job": "time", "rows a second": "count", "a second and core": "count"}
    lines = [[name, n, times["job"], n_rows / times["job"], rates[name]] for name, (n, times) in found.items()]
    jobs = Table("Read Parquet, answer every row, write Parquet", columns, lines, how)
    return jobs, _overheads({name: times for name, (_, times) in found.items()}), _projection(rates, price)


def _overheads(found: Mapping[str, Mapping[str, float]]) -> Table:
    model = load_model()
    pickling, parcel = seconds_of(lambda: pickle.dumps(model))
    opening, _ = seconds_of(lambda: pickle.loads(parcel))
    lines: list[list[Cell]] = [["the model: its pickle", f"{len(parcel) / 1e6:.2f} MB"]]
    lines += [["the model: pickling it, once", pickling], ["the model: opening it, once a worker", opening]]
    for name, times in found.items():
        if "start" in times:
            lines.append([f"{name}: start of the cluster", times["start"]])
            lines.append([f"{name}: first job, {TINY_PARTS} partitions of a row", times["first"]])
            lines.append([f"{name}: a partition of one row, the job done before", times["tiny"] / TINY_PARTS])
    return Table("What does not grow with the rows", {"what": "text", "takes": "time"}, lines)


def _projection(a_core: Mapping[str, float], price: float) -> Table:
    lines: list[list[Cell]] = []
    for name, rate in a_core.items():
        hours = 1e9 / rate / 3600
        lines.append([name, f"{hours:.1f}", time_text(hours / 64 * 3600), f"{hours * price:.2f}"])
    how = (
        "no row needs another, so that nothing is shuffled: hours = 1e9 / (rows a second and core) / 3600. Assumed: "
        f"cores like these, storage that keeps up, at least 100,000 rows a partition, {price:g} for a core-hour"
    )
    columns = {"how": "text", "core-hours": "text", "on 64 cores": "text", "cost": "text"}
    return Table("A billion rows, projected", columns, lines, how)


def write_cohort(folder: Path, n_rows: int, n_parts: int) -> int:
    """Write a cohort with gaps as Parquet files, each row with a name, and return how many rows differ."""
    model = load_model()
    full = cohort.simulate(model.network, n_rows, seed=3)
    codes = cohort.hide(model.network, full, contexts=0.3, findings=0.3, seed=4)
    frame = cohort.frame(model, codes)
    frame.insert(0, "patient", range(n_rows))
    folder.mkdir()
    for part in range(n_parts):
        rows = slice(part * n_rows // n_parts, (part + 1) * n_rows // n_parts)
        frame.iloc[rows].to_parquet(folder / f"part-{part:04}.parquet", index=False)
    return cohort.distinct(codes)


def best(job: Job, source: Path, folder: Path, rounds: int = ROUNDS) -> float:
    """Return the seconds of the quickest of some jobs."""
    seconds = []
    for _ in range(rounds):
        target = folder / "out"
        seconds.append(seconds_of(lambda t=target: job(source, t))[0])
        shutil.rmtree(target)
    return min(seconds)


def in_memory(source: Path, folder: Path, threads: int) -> dict[str, float]:
    """Return the seconds of a job in one process of its own."""
    with environment({THREADS: str(threads)}), ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return {"job": pool.submit(best, _in_memory_job, source, folder).result()}


def _in_memory_job(source: Path, target: Path) -> None:
    import pandas as pd

    target.mkdir()
    load_model().infer_frame(pd.read_parquet(source), keep=["patient"]).to_parquet(target / "out.parquet")


def dask(source: Path, tiny: Path, folder: Path) -> dict[str, float]:
    """Return the seconds of the start and of jobs on a local cluster of one-thread workers."""
    import dask.dataframe as dd
    from distributed import Client, LocalCluster

    def job(source: Path, target: Path) -> None:
        load_model().infer_frame(dd.read_parquet(source), keep=["patient"]).to_parquet(target)

    start = time.perf_counter()
    with LocalCluster(WORKERS, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster):
        return {"start": time.perf_counter() - start, **_jobs(job, source, tiny, folder)}


def spark(source: Path, tiny: Path, folder: Path) -> dict[str, float]:
    """Return the seconds of the start and of jobs in a local session."""
    start = time.perf_counter()
    with spark_session() as session:

        def job(source: Path, target: Path) -> None:
            # A partition a file, as Dask has it: Spark would put small ones together.
            session.conf.set("spark.sql.files.maxPartitionBytes", max(file.stat().st_size for file in source.iterdir()))
            frame = session.read.parquet(str(source))
            load_model().infer_frame(frame, keep=["patient"]).write.parquet(str(target))

        return {"start": time.perf_counter() - start, **_jobs(job, source, tiny, folder)}


def _jobs(job: Job, source: Path, tiny: Path, folder: Path) -> dict[str, float]:
    first = best(job, tiny, folder, rounds=1)
    return {"first": first, "tiny": best(job, tiny, folder), "job": best(job, source, folder)}


@contextlib.contextmanager
def spark_session() -> Iterator[Any]:
    """Yield a session on this machine alone, with as many tasks at a time as there are workers."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.log.level": "OFF",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    with environment({"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}):
        session = SparkSession.builder.master(f"local[{WORKERS}]").config(map=settings).getOrCreate()
        try:
            yield session
        finally:
            session.stop()


@contextlib.contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for a while, for the processes that begin in it."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


if __name__ == "__main__":
    sys.exit(main())
