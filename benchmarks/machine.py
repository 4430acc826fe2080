"""The machine, the versions, the date and the revision that a run was made with."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import subprocess
import time
from pathlib import Path

from benchmarks import ROOT
from benchmarks.run import QUICK, Run
from twitchbayes.inference import built

PACKAGES = ("numpy", "pandas", "pyarrow", "polars", "pyagrum", "pgmpy")


def about(run: Run) -> dict[str, str]:
    """Return what to know of a run, as name to text."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = os.getloadavg()[0]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "revision": _revision(),
        "processor": f"{_processor()}, {cores} cores, {_memory_gib():.0f} GiB of memory, load {load:.2g} at the start",
        "system": f"{platform.platform()}, {platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "model": f"{run.model.name} {run.model.version}",
        "sizes": "quick: far too small for figures to rely on" if run.size is QUICK else "full",
        "engine": "compiled" if built.is_compiled() else "plain Python",
    }


def _revision() -> str:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = " and changes to the sources" if git("status", "--porcelain", "--", "src", "models") else ""
        return git("rev-parse", "--short=12", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
