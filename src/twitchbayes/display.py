"""How an answer is shown: as text in a terminal and as HTML in a notebook."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twitchbayes.posterior import Posterior
    from twitchbayes.tuning import Tuning

__all__ = ["DISCLAIMER", "as_html", "as_text", "percent", "tuning_as_html", "tuning_as_text"]

DISCLAIMER = "For research and teaching. Not a medical device, not medical advice."


def as_text(posterior: Posterior) -> str:
    """Return an answer as lines of text: what is known, the causes, the red flags."""
    model = posterior.model
    rows = _rows(posterior)
    width = max(len(label) for label, *_ in rows)
    lines = [f"Posterior of {model.describe()}", f"  given {_given(posterior)}"]
    if posterior.assumed:
        lines.append(f"  assumed {_items(posterior.assumed)}")
    lines += ["", f"  {'cause':<{width}}  {'prior':>9}  {'posterior':>9}"]
    for label, prior, probability, serious in rows:
        mark = "  serious" if serious else ""
        lines.append(f"  {label:<{width}}  {percent(prior):>9}  {percent(probability):>9}{mark}")
    lines += ["", f"  P(at least one serious cause) = {percent(posterior.serious)}"]
    for flag in posterior.red_flags:
        lines += ["", f"  Red flag: {flag.label} ({_items(flag.met_by)})", f"    {flag.advice}"]
        lines += [f"    Source: {citation}" for citation in flag.citations]
    return "\n".join([*lines, "", f"  {DISCLAIMER}"])


def as_html(posterior: Posterior) -> str:
    """Return an answer as a table in HTML, every text of the model escaped, nothing from outside."""
    escape = html.escape
    body = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(label)}"
        f"{' <strong>(serious)</strong>' if serious else ''}</th>"
        f"<td>{percent(prior)}</td><td>{percent(probability)}</td>"
        f"<td style='text-align:left;min-width:100px'>{_bar(probability)}</td></tr>"
        for label, prior, probability, serious in _rows(posterior)
    )
    assumed = f"<br>assumed {escape(_items(posterior.assumed))}" if posterior.assumed else ""
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("cause", "prior", "posterior"))
    return (
        "<div class='twitchbayes-posterior'><table>"
        f"<caption style='caption-side:top;text-align:left'>{escape(posterior.model.describe())}"
        f"<br>given {escape(_given(posterior))}{assumed}</caption>"
        f"<thead><tr>{head}<td></td></tr></thead><tbody>{body}</tbody></table>"
        f"<p>P(at least one serious cause) = {percent(posterior.serious)}</p>{_flags(posterior)}"
        f"<p><small>{DISCLAIMER}</small></p></div>"
    )


def _rows(posterior: Posterior) -> list[tuple[str, float, float, bool]]:
    """Return label, prior, posterior and whether it is serious, of each cause and of none of them."""
    variables = posterior.model.knowledge.variables
    rows = [
        (variables[cause].label, posterior.prior[cause], probability, variables[cause].serious)
        for cause, probability in posterior.items()
    ]
    return [*rows, ("no listed cause", posterior.model.prior_none, posterior.none, False)]


def _flags(posterior: Posterior) -> str:
    if not posterior.red_flags:
        return ""
    escape = html.escape
    items = "".join(
        f"<li><strong>{escape(flag.label)}</strong> ({escape(_items(flag.met_by))}): {escape(flag.advice)} "
        f"<small>{escape('; '.join(flag.citations))}</small></li>"
        for flag in posterior.red_flags
    )
    return f"<p>Red flags, which do not change the probabilities:</p><ul>{items}</ul>"


def _given(posterior: Posterior) -> str:
    virtual = [f"{name} seen with likelihoods {values}" for name, values in posterior.virtual_evidence.items()]
    return ", ".join([_items(posterior.evidence)] * bool(posterior.evidence) + virtual) or "nothing observed"


def _items(states: dict[str, str]) -> str:
    return ", ".join(f"{name}={state}" for name, state in states.items())


def percent(probability: float) -> str:
    """Return a probability in percent with three significant digits; never 0% or 100% where it is neither."""
    value = 100 * probability
    if probability in {0.0, 1.0}:
        return f"{value:.0f}%"
    if value > 99.9:
        return f"{value:.{1 - math.floor(math.log10(100 * (1 - probability)))}f}%"
    if value < 0.001:
        return f"{value:.1e}%"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}%"


def _bar(probability: float) -> str:
    width = f"{100 * probability:.1f}px"
    return f"<span aria-hidden='true' style='display:inline-block;height:.7em;width:{width};background:#0072b2'></span>"


SHOWN_NUMBERS = 12  # that a tuning lists: those that the cases say most of


def tuning_as_text(tuning: Tuning) -> str:
    """Return a tuning as lines of text: what it was made of, what should be known, the numbers that moved most."""
    rows = _moved_numbers(tuning)
    width = max([len(number) for number, *_ in rows], default=0)
    lines = [_tuning_title(tuning), *(f"  {note}" for note in tuning.notes)]
    if rows:
        lines += ["", f"  {'number':<{width}}  {'old':>28}  {'new':>28}  {'from data':>9}"]
    lines += [f"  {number:<{width}}  {old:>28}  {new:>28}  {share:>9}" for number, old, new, share in rows]
    return "\n".join([*lines, *_more_numbers(tuning, "  "), "", f"  {DISCLAIMER}"])


def tuning_as_html(tuning: Tuning) -> str:
    """Return a tuning as a table in HTML, every text escaped, nothing from outside."""
    escape = html.escape
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("number", "old", "new", "from data"))
    body = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(number)}</th><td>{old}</td><td>{new}</td>"
        f"<td>{share}</td></tr>"
        for number, old, new, share in _moved_numbers(tuning)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in tuning.notes)
    more = "".join(f"<p>{escape(line)}</p>" for line in _more_numbers(tuning, ""))
    return (
        f"<div class='twitchbayes-tuning'><table><caption style='caption-side:top;text-align:left'>"
        f"{escape(_tuning_title(tuning))}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"{more}<ul>{notes}</ul><p><small>{DISCLAIMER}</small></p></div>"
    )


def _tuning_title(tuning: Tuning) -> str:
    cases, last = tuning.cases, tuning.history.iloc[-1]
    return (
        f"{tuning.before.name} tuned to {cases['used']:,} cases of {cases['source']} "
        f"in {int(last['passes'])} passes (log posterior {last['log_posterior']:.2f} nats)"
    )


def _moved_numbers(tuning: Tuning) -> list[tuple[str, str, str, str]]:
    """Return name, old and new value with interval, and the share from the cases, of the numbers they say most of."""
    most = tuning.report[tuning.report.changed].sort_values("from_data", ascending=False, kind="stable")
    return [
        (
            str(row.number),
            f"{row.old:.3g} ({row.old_low:.3g} to {row.old_high:.3g})",
            f"{row.new:.3g} ({row.new_low:.3g} to {row.new_high:.3g})",
            f"{row.from_data:.0%}",
        )
        for row in most.head(SHOWN_NUMBERS).itertuples()
    ]


def _more_numbers(tuning: Tuning, margin: str) -> list[str]:
    more = int(tuning.report.changed.sum()) - SHOWN_NUMBERS
    return [f"{margin}and {more} more; links as net link probabilities; all of them in .report"] if more > 0 else []
