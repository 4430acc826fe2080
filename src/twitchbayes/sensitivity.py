"""What each number of the tables, moved by itself, would make of a posterior: its sensitivity function.

P(evidence) and P(cause, evidence) are linear in each number, so that the posterior is a ratio of two linear functions
of it. Two answers, one at each end of what the number can be, give the whole function: no step, no rounding of one.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twitchbayes import display
from twitchbayes.display import Listing, percent
from twitchbayes.ends import Overtaken, derivatives, least, log_ends_of, log_evidence_at, posterior_at, span
from twitchbayes.errors import InvalidValueError, UnknownVariableError
from twitchbayes.evidence import Evidence
from twitchbayes.inference import Engine
from twitchbayes.knowledge import Number
from twitchbayes.provenance import number_names

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from twitchbayes.posterior import Posterior

__all__ = ["Change", "Sensitivity", "SensitivityFunction", "analyse"]

Floats = NDArray[np.float64]

ROUNDING = 1e-12  # a swing of less, as a share of the posterior, is not listed: rounding


class Change(NamedTuple):
    """Where a number makes another cause the first: its value there, and that cause."""

    at: float
    to: str


@dataclass(frozen=True, slots=True, eq=False)
class SensitivityFunction:
    """The posterior of a cause as a function of one number of the tables, all other numbers held.

    The number is on the scale of its table: what a user would edit. A compound link moves between the leak that it
    includes and 1. A leak moves by itself: links are held as net link probabilities, so that the compound ones
    beside it would be other values in the table. The states beside a state of a context make room in proportion
    (in equal parts, if they all have probability 0).

    Attributes
    ----------
    name : str
        As P(child | parent).
    number : Number
        The row of the table: `probability`, `low`, `high`, `basis`, `sources`, `file`, `line`.
    smallest : float
        The least that the number can be: 0, or of a compound link the leak. The most is 1.
    at_value : float
        The posterior at the table's value.
    at_low, at_high : float or None
        The posterior at the bounds of the number's interval, or at `smallest` where that is above the bound; None
        where the evidence would be impossible.
    derivative : float
        Of the posterior in the number, at the table's value.
    below, above : Change or None
        The nearest values below and above the table's at which another cause overtakes the first one (the table's
        own, where the two are equal); None where none does before `smallest` or 1.
    log_ends, ends : tuple of float
        ln P(evidence), in nats, and P(cause | evidence) with the number at `smallest` and at 1.
    """

    name: str
    number: Number
    smallest: float
    at_value: float
    at_low: float | None
    at_high: float | None
    derivative: float
    below: Change | None
    above: Change | None
    log_ends: tuple[float, float]
    ends: tuple[float, float]

    def at(self, t: Any) -> Any:
        """Return the posterior with the number at `t`.

        Parameters
        ----------
        t : float or array_like
            Values of the number, from `smallest` to 1.

        Returns
        -------
        float or ndarray
            Fractions, of the shape of `t`.

        Raises
        ------
        InvalidValueError
            If a value is out of range, or the evidence would be impossible with it.
        """
        values = np.asarray(t, dtype=np.float64)
        wrong = ~((values >= self.smallest) & (values <= 1))
        if wrong.any():
            message = f"{self.name} cannot be {values[wrong].flat[0]:g}; give values from {self.smallest:g} to 1"
            raise InvalidValueError(message)
        found = posterior_at(np.array(self.log_ends), np.array(self.ends), self.smallest, values)
        impossible = np.isnan(found)
        if impossible.any():
            message = f"the evidence would be impossible with {self.name} = {values[impossible].flat[0]:g}"
            raise InvalidValueError(message)
        return found if found.ndim else float(found)

    @property
    def swing(self) -> float:
        """How far the posterior moves between the bounds of the interval; it moves one way all along.

        0 where one bound makes the evidence impossible: wherever it is possible, the posterior is then the same.
        """
        return 0.0 if self.at_low is None or self.at_high is None else abs(self.at_high - self.at_low)

    @property
    def coefficients(self) -> tuple[float, float, float, float]:
        """a, b, c, d of the posterior (a t + b) / (c t + d), scaled so that c t + d is 1 at the table's value.

        Printed and compared, they are what the literature has; `at` loses fewer digits.
        """
        t, low, width = self.number.probability, self.smallest, float(span(self.smallest))
        log_present = float(log_evidence_at(np.array(self.log_ends), low, np.array(t)))
        e0, e1 = (math.exp(end - log_present) / width for end in self.log_ends)
        n0, n1 = e0 * self.ends[0], e1 * self.ends[1]
        return n1 - n0, n0 - low * n1, e1 - e0, e0 - low * e1

    @property
    def admissible_deviation(self) -> tuple[float | None, float | None]:
        """How far the number may fall and rise before another cause is the first; None where it may go all the way."""
        t = self.number.probability
        return self.below and t - self.below.at, self.above and self.above.at - t

    @property
    def first_change(self) -> Change | None:
        """The nearer of `below` and `above`, by the number's log odds."""
        return self._nearest(0.0, 1.0)

    @property
    def change_inside(self) -> Change | None:
        """The nearer one of those within the number's interval."""
        return self._nearest(self.number.low, self.number.high)

    def _nearest(self, low: float, high: float) -> Change | None:
        changes = [change for change in (self.below, self.above) if change and low <= change.at <= high]
        here = _log_odds(self.number.probability)
        return min(changes, key=lambda change: abs(_log_odds(change.at) - here), default=None)

    def cells(self) -> dict[str, Any]:
        """Return the row of `Sensitivity.to_frame`, None where there is nothing to say."""
        number, change = self.number, self.first_change
        return {
            "number": self.name,
            "value": number.probability,
            "low": number.low,
            "high": number.high,
            "posterior_at_low": self.at_low,
            "posterior_at_high": self.at_high,
            "swing": self.swing,
            "derivative": self.derivative,
            "first_changes_at": change and change.at,
            "first_changes_to": change and change.to,
            "first_changes_below": self.below and self.below.at,
            "first_changes_above": self.above and self.above.at,
            "first_changes_inside": self.change_inside is not None,
            "smallest": self.smallest,
            "basis": number.basis,
            "source": ";".join(number.sources),
            "file": number.file,
            "line": number.line,
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sensitivity:
    """What every number of the tables, moved by itself, would make of the posterior of a cause.

    Attributes
    ----------
    of : Posterior
        The answer that is looked at.
    cause : str
    first : str
        The most probable cause, which `first_change` of a function speaks of.
    functions : tuple of SensitivityFunction
        One a number, those with the largest swing first.
    """

    of: Posterior
    cause: str
    first: str
    functions: tuple[SensitivityFunction, ...]

    def __getitem__(self, number: str) -> SensitivityFunction:
        for function in self.functions:
            if function.name == number:
                return function
        raise UnknownVariableError(number, [function.name for function in self.functions], what="number")

    def __iter__(self) -> Iterator[SensitivityFunction]:
        return iter(self.functions)

    def __len__(self) -> int:
        return len(self.functions)

    def plot(self, *, top: int = 12, ax: Axes | None = None) -> Axes:
        """Draw the tornado diagram; see `twitchbayes.plots.tornado`.

        Parameters
        ----------
        top : int, default 12
            Numbers at most, those with the largest swing.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure otherwise.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InvalidValueError
            If matplotlib is missing (extra `plot`).
        """
        from twitchbayes import plots

        return plots.tornado(self, top=top, ax=ax)

    def to_frame(self) -> pd.DataFrame:
        """Return the data of a tornado diagram: one row a number, the largest swing first.

        Returns
        -------
        pandas.DataFrame
            `number`, `value`, `low`, `high`; `posterior_at_low`, `posterior_at_high` (missing where the evidence
            would be impossible), `swing`, `derivative`; `first_changes_at` and `first_changes_to`, the nearest value
            by log odds at which another cause is the first, and which (missing where there is none),
            `first_changes_below` and `first_changes_above`, `first_changes_inside` (whether that happens within the
            interval); `smallest`, `basis`, `source`, `file`, `line`.
        """
        import pandas as pd

        frame = pd.DataFrame([function.cells() for function in self.functions])
        numbers = ["posterior_at_low", "posterior_at_high", *(f"first_changes_{w}" for w in ("at", "below", "above"))]
        return frame.astype(dict.fromkeys(numbers, "float64"))

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types; None for what is missing in the frame."""
        of = self.of
        return {
            "model": {"name": of.model.name, "version": of.model.version, "fingerprint": of.model.fingerprint},
            "evidence": of.evidence,
            "assumed": of.assumed,
            "virtual_evidence": {name: list(values) for name, values in of.virtual_evidence.items()},
            "cause": self.cause,
            "posterior": of[self.cause],
            "first": self.first,
            "numbers": [function.cells() for function in self.functions],
            "disclaimer": display.DISCLAIMER,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        lines = [_title(self), f"  {self.of.model.describe()}", f"  given {display.given(self.of)}"]
        for listing in _listings(self):
            lines += ["", *listing.lines()]
        return "\n".join([*lines, "", f"  {display.DISCLAIMER}"])

    def _repr_html_(self) -> str:
        about = "<br>".join(
            map(html.escape, (_title(self), self.of.model.describe(), f"given {display.given(self.of)}"))
        )
        lists = "".join(listing.html() for listing in _listings(self))
        end = f"<p><small>{display.DISCLAIMER}</small></p></div>"
        return f"<div class='twitchbayes-sensitivity'><p>{about}</p>{lists}{end}"


def analyse(of: Posterior, evidence: Evidence, cause: str) -> Sensitivity:
    """Return the sensitivity function of every number of the tables.

    It takes a sweep there and back for the evidence, and one for the evidence with each cause.

    Parameters
    ----------
    of : Posterior
        The answer to `evidence`.
    evidence : Evidence
    cause : str

    Returns
    -------
    Sensitivity

    Raises
    ------
    UnknownVariableError
        If `cause` is no cause of the model.

    References
    ----------
    Laskey, Sensitivity analysis for probability assessments in Bayesian networks (IEEE Transactions on Systems, Man
    and Cybernetics 25, 1995). Castillo, Gutiérrez and Hadi, Sensitivity analysis in discrete Bayesian networks (ibid.,
    Part A, 27, 1997): the ratio of linear functions. Coupé and van der Gaag, Properties of sensitivity analysis of
    Bayesian belief networks (Annals of Mathematics and Artificial Intelligence 36, 2002): states that make room in
    proportion. Van der Gaag and Renooij, Analysing sensitivity data from probabilistic networks (UAI 2001): the
    admissible deviation.
    """
    knowledge, engine = of.model.knowledge, of.model.engine
    causes, values = engine.network.causes, engine.network.numbers[0]
    if cause not in engine.network.targets:
        raise UnknownVariableError(cause, engine.network.targets, what="cause")
    smallest, first = least(engine.network), next(iter(of))
    log_ends = log_ends_of(engine, evidence)
    own, of_first = (_posteriors(engine, evidence, name, log_ends) for name in (cause, first))
    overtaken = Overtaken(log_ends, of_first, smallest, values)
    for number, name in enumerate(causes):
        if name != first:
            overtaken.by(number, own if name == cause else _posteriors(engine, evidence, name, log_ends))
    numbers = [p.number for p in knowledge.priors] + [k.number for k in knowledge.links]
    at_value, at_low, at_high = (
        posterior_at(log_ends, own, smallest, np.maximum([getattr(number, name) for number in numbers], smallest))
        for name in ("probability", "low", "high")
    )
    slopes = derivatives(log_ends, own, smallest, values)
    functions = [
        SensitivityFunction(
            name,
            numbers[i],
            float(smallest[i]),
            float(at_value[i]),
            _known(at_low[i]),
            _known(at_high[i]),
            float(slopes[i]),
            _change(overtaken.below[i], overtaken.to_below[i], causes),
            _change(overtaken.above[i], overtaken.to_above[i], causes),
            (float(log_ends[i, 0]), float(log_ends[i, 1])),
            (float(own[i, 0]), float(own[i, 1])),
        )
        for i, name in enumerate(number_names(knowledge))
    ]
    return Sensitivity(of, cause, first, tuple(sorted(functions, key=lambda function: -function.swing)))


def _posteriors(engine: Engine, evidence: Evidence, cause: str, log_ends: Floats) -> Floats:
    """Return P(cause | evidence) at the two ends of each number, 0 where the evidence is impossible: (n_numbers, 2)."""
    log_joint = log_ends_of(engine, evidence, cause)
    possible = np.isfinite(log_ends)
    share = np.where(possible, log_joint - np.where(possible, log_ends, 0.0), -np.inf)
    posteriors: Floats = np.exp(np.minimum(share, 0.0))
    return posteriors


def _change(at: float, to: int, causes: tuple[str, ...]) -> Change | None:
    return None if to < 0 else Change(float(at), causes[to])


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _log_odds(p: float) -> float:
    """Return ln p / (1 - p), finite numbers only: of the ends, what is beyond every other number."""
    return math.log(p / (1 - p)) if 0 < p < 1 else math.copysign(1e9, p - 0.5)


# How it is shown


def _title(sensitivity: Sensitivity) -> str:
    return (
        f"How P({sensitivity.cause} | evidence) = {percent(sensitivity.of[sensitivity.cause])} rests on single numbers"
    )


def _listings(sensitivity: Sensitivity) -> Iterator[Listing]:
    negligible = ROUNDING * sensitivity.of[sensitivity.cause]
    moving = [function for function in sensitivity.functions if function.swing > negligible]
    if not moving:
        yield Listing("It is the same wherever in its interval any single number of the tables lies.")
    else:
        title = "With one number at a bound of its interval, all others as they are; the largest swing first"
        right = ("value", "low", "high", "at low", "at high")
        yield Listing.of(title, ("number", *right), [_bounds(function) for function in moving], right=right)
    first = sensitivity.first
    changing = [(f, f.change_inside) for f in sensitivity.functions if f.change_inside]
    if not changing:
        yield Listing(f"{first} stays the most probable cause wherever in its interval any single number lies.")
        return
    rows = [(f.name, f"{f.number.probability:.4g}", f"{c.at:.4g}", c.to) for f, c in changing if c]
    title = f"{first} is the most probable cause; within its interval, one of these alone makes it another"
    yield Listing.of(title, ("number", "value", "at", "overtaken by"), rows, right=("value", "at"))


def _bounds(function: SensitivityFunction) -> tuple[str, ...]:
    number = function.number
    values = (f"{value:.4g}" for value in (number.probability, number.low, number.high))
    ends = ("impossible" if p is None else percent(p) for p in (function.at_low, function.at_high))
    return (function.name, *values, *ends)
