"""The explorer: a model to look at and to play with in a notebook, every question a control and every answer a bar.

It needs the extra `notebook` (anywidget); everything that it shows is worked out in `twitchbayes.explorer.case`, which
does not.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twitchbayes.model import Model

if TYPE_CHECKING:
    from twitchbayes.explorer.widget import Explorer as Explorer
    from twitchbayes.priors import PriorsLike

__all__ = ["explore"]


def explore(
    model: str | os.PathLike[str] | Model = "twitch",
    evidence: Mapping[str, Any] | None = None,
    *,
    population: str | None = None,
    priors: PriorsLike | None = None,
) -> Explorer:
    """Return a widget in which a model can be explored: what is known on one side, what follows on the other.

    Parameters
    ----------
    model : str, path or Model, default "twitch"
        As for `load_model`.
    evidence : mapping of str to value, optional
        What is known at first, as for `infer`.
    population : str, optional
        One of the model's settings.
    priors : path, pandas.DataFrame or mapping, optional
        Laid over the model, as by `Model.with_priors`.

    Returns
    -------
    Explorer
        Show it as the last line of a cell. `.evidence` and `.adjusted` can be read and set, `.posterior` read.

    Raises
    ------
    ModuleNotFoundError
        Without anywidget; the message names the extra.
    TwitchbayesError
        As by `infer`, for a model, evidence or priors that it would not take.

    Examples
    --------
    >>> import twitchbayes
    >>> explorer = twitchbayes.explore(evidence={"weakness": True})
    >>> explorer.posterior["als"] == twitchbayes.infer(weakness=True)["als"]
    True
    """
    if importlib.util.find_spec("anywidget") is None:
        message = 'the explorer needs anywidget, which is not installed: pip install "twitchbayes[notebook]"'
        raise ModuleNotFoundError(message, name="anywidget")
    from twitchbayes.explorer.export import Origin
    from twitchbayes.explorer.widget import Explorer

    return Explorer(Origin.of(model, population, priors), evidence)


def __getattr__(name: str) -> object:
    """Import the widget when it is asked for: it needs anywidget."""
    if name != "Explorer":
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from twitchbayes.explorer.widget import Explorer

    return Explorer
