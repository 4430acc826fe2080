"""The explorer in every program that shows notebooks, and on its own page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from explorer_page import Shown

import twitchbayes

pytestmark = pytest.mark.browser

HOSTS = ("JupyterLab", "Notebook 7", "Voilà", "marimo", "twitchbayes explore")
everywhere = pytest.mark.parametrize("explorer", HOSTS, indirect=True)


@everywhere
def test_an_answer_moves_the_bars(explorer: Shown) -> None:
    """A click moves every bar to what `infer` says."""
    explorer.set("weakness", "yes")
    expected = twitchbayes.infer(weakness=True)
    assert explorer.probabilities() == pytest.approx(expected.to_dict()["posterior"], abs=1e-12)


@everywhere
def test_how_long_a_click_takes(explorer: Shown, tell: Callable[[str], None], request: pytest.FixtureRequest) -> None:
    """Clicks are answered; how fast is told in the summary and asserted nowhere."""
    tell(f"{request.node.callspec.params['explorer']}: {explorer.timed(5)}")


@everywhere
def test_light_as_its_host(explorer: Shown) -> None:
    """The explorer is light where the page behind it is."""
    assert explorer.root.get_attribute("data-theme") == "light"
