"""Questions and their answers, as they are handed out and shown."""

from __future__ import annotations

import html
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

from twitchbayes.display import DISCLAIMER, Listing, percent

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["COMPLETE", "LEADERS", "NONE", "Question", "Questions", "Reply", "bits"]

LEADERS = 3  # causes that are named as the most probable
NONE = "none"  # the answer that no member of a group is present
COMPLETE = "Name all that apply: what you leave out counts as absent."


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to a question.

    Attributes
    ----------
    text : str
        As people write it: `yes`, `60-69`, `face;tongue` where the other members of the group are absent, as the
        question says, and `none` where no member is present.
    states : dict of str to str
        What it says, variable to state: evidence that `infer` takes.
    probability : float
        P(answer | evidence).
    serious : float
        P(at least one serious cause | evidence, answer).
    posterior : dict of str to float
        P(cause | evidence, answer) of every cause, the most probable first.
    unions : dict of str to float
        Likewise of the unions of causes, where one of them is what is to be settled; else empty.
    """

    text: str
    states: dict[str, str]
    probability: float
    serious: float
    posterior: dict[str, float] = field(repr=False)
    unions: dict[str, float] = field(default_factory=dict, repr=False)

    @property
    def leaders(self) -> dict[str, float]:
        """The three most probable causes."""
        return dict(itertools.islice(self.posterior.items(), LEADERS))

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return {
            "answer": self.text,
            "states": dict(self.states),
            "probability": self.probability,
            "serious": self.serious,
            "posterior": dict(self.posterior),
            "unions": dict(self.unions),
        }


@dataclass(frozen=True, slots=True)
class Question:
    """A question, and what its answers would do.

    Attributes
    ----------
    variable : str
        The variable, or group, that it asks about.
    label, text : str
        What the variable is called, and the question in words.
    gain_bits : float
        Expected drop of the entropy of the target.
    cost : float
        What asking costs, in the caller's unit; 1 unless said otherwise.
    serious_rise : float
        By how much P(at least one serious cause) would rise at most, by any one answer.
    replies : tuple of Reply
        The answers that are possible, in the order of the states.
    """

    variable: str
    label: str
    text: str
    gain_bits: float
    cost: float
    serious_rise: float
    replies: tuple[Reply, ...] = field(repr=False)

    @property
    def gain_per_cost(self) -> float:
        """Bits for one unit of cost."""
        return self.gain_bits / self.cost

    def to_frame(self) -> pd.DataFrame:
        """Return a table of the answers: answer, probability, serious, and a column a cause (fractions)."""
        import pandas as pd

        rows = [{"answer": r.text, "probability": r.probability, "serious": r.serious} for r in self.replies]
        causes = sorted(self.replies[0].posterior) if self.replies else []
        posteriors = [{cause: r.posterior[cause] for cause in causes} for r in self.replies]
        return pd.DataFrame([{**row, **p} for row, p in zip(rows, posteriors, strict=True)])

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return {
            "variable": self.variable,
            "label": self.label,
            "question": self.text,
            "gain_bits": self.gain_bits,
            "cost": self.cost,
            "gain_per_cost": self.gain_per_cost,
            "serious_rise": self.serious_rise,
            "answers": [reply.to_dict() for reply in self.replies],
        }


@dataclass(frozen=True, slots=True, eq=False)
class Questions(Sequence[Question]):
    """The questions that are worth most, the best first; empty, and so false, where there is none.

    Attributes
    ----------
    items : tuple of Question
    target, label : str
        What they are to settle, and how people read it.
    uncertainty_bits : float
        The entropy of the target now; of "causes" the sum of the entropies of all causes.
    serious : float
        P(at least one serious cause | evidence) now.
    about, given : str
        The model, and the evidence, in words.
    """

    items: tuple[Question, ...]
    target: str
    uncertainty_bits: float
    serious: float
    about: str
    given: str
    label: str

    @overload
    def __getitem__(self, place: int) -> Question: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Question]: ...
    def __getitem__(self, place: int | slice) -> Question | Sequence[Question]:
        return self.items[place]

    def __len__(self) -> int:
        return len(self.items)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw what each question is worth, in bits; see `twitchbayes.plots.questions`.

        Parameters
        ----------
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

        return plots.questions(self, ax=ax)

    def to_frame(self) -> pd.DataFrame:
        """Return a table, a row a question: variable, question, gain_bits, cost, gain_per_cost, serious_rise."""
        import pandas as pd

        names = ("variable", "question", "gain_bits", "cost", "gain_per_cost", "serious_rise")
        rows = [question.to_dict() for question in self]
        return pd.DataFrame([{name: row[name] for name in names} for row in rows], columns=list(names))

    def to_dict(self) -> dict[str, Any]:
        """Return everything in plain types."""
        return {
            "model": self.about,
            "given": self.given,
            "target": self.target,
            "uncertainty_bits": self.uncertainty_bits,
            "serious": self.serious,
            "questions": [question.to_dict() for question in self],
            "disclaimer": DISCLAIMER,
        }

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    def __repr__(self) -> str:
        head = [f"What to ask next: {self.about}", f"  given {self.given}", ""]
        return "\n".join([*head, *self._listing().lines(), "", f"  {DISCLAIMER}"])

    def _repr_html_(self) -> str:
        about = f"<p>{html.escape(self.about)}<br>given {html.escape(self.given)}</p>"
        table = self._listing().html()
        return f"<div class='twitchbayes-questions'>{about}{table}<p><small>{DISCLAIMER}</small></p></div>"

    def _listing(self) -> Listing:
        what = {"causes": "the entropies of all causes, added up", "serious": "the entropy of P(serious)"}
        now = f"{bits(self.uncertainty_bits)} open ({what.get(self.target, f'the entropy of {self.label}')})"
        if not self.items:
            return Listing(f"{now}. No question is worth asking.")
        costs = any(question.cost != 1 for question in self)
        head = ["variable", "bits", *(["cost", "bits per cost"] if costs else []), "serious", "question"]
        title = f"{now}. Bits that an answer is expected to settle, and how far it may raise P(serious):"
        return Listing.of(title, head, [self._row(q, costs=costs) for q in self], right=head[1:-1])

    def _row(self, question: Question, *, costs: bool) -> list[str]:
        per_cost = [f"{question.cost:.3g}", f"{question.gain_per_cost:.3g}"] if costs else []
        serious = percent(min(self.serious + question.serious_rise, 1.0))
        return [question.variable, f"{question.gain_bits:.3g}", *per_cost, serious, question.text]


def bits(value: float) -> str:
    """Return a number of bits as text."""
    return f"{value:.3g} bit{'s' * (value != 1)}"
