"""A case on its way out of the explorer: as Python code, and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twitchbayes.display import DISCLAIMER
from twitchbayes.explorer.numbers import as_priors
from twitchbayes.knowledge import Prior
from twitchbayes.model import Model, load_model
from twitchbayes.priors import stratum

if TYPE_CHECKING:
    from twitchbayes.posterior import Posterior
    from twitchbayes.priors import PriorsLike

__all__ = ["Origin", "as_code", "as_document", "as_json", "laid_over"]


@dataclass(frozen=True)
class Origin:
    """Where a model is from.

    Attributes
    ----------
    model : Model
        With the population and the priors that were asked for.
    word : str
        What `load_model` loads it by; empty for a model that was given as an object, or with other priors.
    plain : Model
        Without the priors.
    """

    model: Model
    word: str
    plain: Model

    @classmethod
    def of(
        cls, model: str | os.PathLike[str] | Model, population: str | None = None, priors: PriorsLike | None = None
    ) -> Origin:
        """Load a model, and remember how."""
        plain = load_model(model, population=population)
        whole = plain if priors is None else plain.with_priors(priors)
        return cls(whole, "" if isinstance(model, Model) else os.fspath(model), plain)


def laid_over(plain: Model, model: Model) -> list[dict[str, Any]]:
    """Return the rows of priors that `with_priors` makes the second model from the first with."""
    before = {_key(prior): prior.number for prior in plain.knowledge.priors}
    return [
        {"variable": p.variable, "given": stratum(p), "state": p.state}
        | {"probability": p.number.probability, "low": p.number.low, "high": p.number.high}
        for p in model.knowledge.priors
        if _numbers(before.get(_key(p))) != _numbers(p.number)
    ]


def _key(prior: Prior) -> tuple[Any, ...]:
    return prior.variable, prior.given, prior.state


def _numbers(number: Any) -> Any:
    return number and (number.probability, number.low, number.high)


def as_code(origin: Origin, given: Mapping[str, Any], answer: Posterior) -> str:
    """Return Python code that gives this answer again.

    Of a model that was given as an object the code needs that object, as `model`.
    """
    laid = laid_over(origin.plain, answer.model)
    priors = as_priors(laid) if laid else None
    frame = priors is not None and not isinstance(priors, Mapping)
    lines = ["import pandas as pd"] * frame + ["import twitchbayes", ""]
    if origin.word:
        at = f", population={origin.plain.population!r}" if origin.plain.population else ""
        lines.append(f"model = twitchbayes.load_model({origin.word!r}{at})")
    else:
        lines.append(f"# `model` is the one that explore() was given: {_comment(origin.plain.describe())}")
    if frame:
        lines += ["priors = pd.DataFrame(", "    [", *(f"        {row!r}," for row in laid), "    ]", ")"]
    elif isinstance(priors, Mapping):
        lines += ["priors = {", *(f"    {key!r}: {value!r}," for key, value in priors.items()), "}"]
    if laid:
        lines.append("model = model.with_priors(priors)")
    items = [f"    {name!r}: {value!r}," for name, value in given.items()]
    lines += ["posterior = model.infer(", "    {", *(f"    {item}" for item in items), "    }", ")"]
    return "\n".join([*lines, "print(posterior)", ""])


def _comment(text: str) -> str:
    return " ".join(text.split())


def as_document(origin: Origin, given: Mapping[str, Any], answer: Posterior) -> dict[str, Any]:
    """Return a case in plain types: `evidence` and `priors` are what `infer` takes again."""
    model = answer.model
    return {
        "model": {"name": model.name, "version": model.version, "population": model.population},
        "evidence": dict(given),
        "priors": laid_over(origin.plain, model),
        "posterior": dict(answer),
        "unions": dict(answer.unions),
        "none": answer.none,
        "serious": answer.serious,
        "disclaimer": DISCLAIMER,
    }


def as_json(document: Mapping[str, Any]) -> str:
    """Return a document as JSON text."""
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
