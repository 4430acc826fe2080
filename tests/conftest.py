"""What every test file shares: the shipped models, small ones written on the spot, and hypothesis' settings."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import twitchbayes
from models import CERTAIN, RICH, SHIPPED, SITES, load
from twitchbayes.model import Model

# Plots are drawn into memory, whatever screen there is.
os.environ["MPLBACKEND"] = "Agg"

# No test asserts a time, so no example may fail for being slow.
settings.register_profile(
    "twitchbayes",
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("twitchbayes")


@pytest.fixture(autouse=True)
def _no_figure_stays() -> Iterator[None]:
    """Close what a test has drawn, so that figures do not pile up."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def twitch() -> Model:
    """The shipped model `twitch`."""
    return twitchbayes.load_model("twitch")


@pytest.fixture(scope="session", params=SHIPPED)
def shipped(request: pytest.FixtureRequest) -> Model:
    """Each shipped model in turn."""
    return twitchbayes.load_model(request.param)


@pytest.fixture(scope="session")
def _small(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Model]:
    folder = tmp_path_factory.mktemp("small")
    return lambda name, **files: load(folder / name, **files)


@pytest.fixture(scope="session")
def tiny(_small: Callable[..., Model]) -> Model:
    """The model TINY: flu (serious) and cold, winter, fever and cough."""
    return _small("tiny")


@pytest.fixture(scope="session")
def sites(_small: Callable[..., Model]) -> Model:
    """The model SITES: two sites and their OR, age bands, a stratified prior."""
    return _small("sites", base=SITES)


@pytest.fixture(scope="session")
def certain(_small: Callable[..., Model]) -> Model:
    """The model CERTAIN: numbers 0 and 1."""
    return _small("certain", base=CERTAIN)


@pytest.fixture(scope="session")
def rich(_small: Callable[..., Model]) -> Model:
    """The model RICH: levels, descriptions, unions, an exclusion, links and leaks by stratum."""
    return _small("rich", base=RICH)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that does not exist yet, for `write_model` to make."""
    return tmp_path / "small"
