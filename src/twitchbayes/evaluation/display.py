"""How an evaluation is shown: as text in a terminal and as HTML in a notebook."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from twitchbayes.display import DISCLAIMER, percent

if TYPE_CHECKING:
    from twitchbayes.evaluation.measures import Measured
    from twitchbayes.evaluation.result import Evaluation

__all__ = ["as_html", "as_text"]

HEADS = ("cause", "cases", "present", "observed", "predicted", "log score", "Brier", "ROC AUC", "95% interval", "slope")


def as_text(evaluation: Evaluation) -> str:
    """Return an evaluation as lines of text: what it rests on, a line a cause, all causes together."""
    rows = [HEADS, *_rows(evaluation)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    lines = [f"Evaluation of {evaluation.model['description']}", *(f"  {line}" for line in _about(evaluation)), ""]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    lines += ["", *(f"  {name}: {text}" for name, text in _totals(evaluation)), "", f"  {DISCLAIMER}"]
    return "\n".join(lines)


def as_html(evaluation: Evaluation) -> str:
    """Return an evaluation as tables in HTML, every text escaped, nothing from outside."""
    escape = html.escape
    left = " style='text-align:left'"
    head = "".join(f"<th scope='col'{left * (name == HEADS[0])}>{escape(name)}</th>" for name in HEADS)
    body = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(row[0])}</th>"
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in _rows(evaluation)
    )
    totals = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in _totals(evaluation)
    )
    return (
        "<div class='twitchbayes-evaluation'><table>"
        f"<caption style='caption-side:top;text-align:left'>Evaluation of {escape(evaluation.model['description'])}"
        f"{''.join(f'<br>{escape(line)}' for line in _about(evaluation))}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        "<table><caption style='caption-side:top;text-align:left;padding-top:.8em'>All causes together</caption>"
        f"<thead><tr><th scope='col'{left}>measure</th><th scope='col'{left}>value</th></tr></thead>"
        f"<tbody>{totals}</tbody></table><p><small>{DISCLAIMER}</small></p></div>"
    )


def _about(evaluation: Evaluation) -> list[str]:
    left_out = "; ".join(f"{count:,} {reason}" for reason, count in evaluation.excluded.items())
    e = evaluation
    return [
        f"{e.used:,} of {e.size:,} cases of {e.source} (sha256 {e.sha256[:12]}), {e.method}",
        f"left out: {left_out or 'no case'}",
        *e.notes,
    ]


def _rows(evaluation: Evaluation) -> list[tuple[str, ...]]:
    return [(evaluation.labels[name], *_cells(found)) for name, found in evaluation.measured.items()]


def _cells(found: Measured) -> tuple[str, ...]:
    values = found.values
    interval = found.intervals.get("roc_auc")
    return (
        f"{found.cases:,}",
        f"{found.present:,}",
        *(percent(values[name]) if name in values else "-" for name in ("prevalence", "mean_predicted")),
        *(f"{values[name]:.4g}" if name in values else "-" for name in ("log_score", "brier")),
        f"{values['roc_auc']:.3f}" if "roc_auc" in values else "-",
        f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-",
        f"{values['calibration_slope']:.2f}" if "calibration_slope" in values else "-",
    )


def _totals(evaluation: Evaluation) -> list[tuple[str, str]]:
    rows = []
    for name, total in evaluation.totals.items():
        value = "-" if total.value is None else f"{total.value:.4g}"
        interval = "" if total.low is None or total.high is None else f" [{total.low:.4g}, {total.high:.4g}]"
        rows.append((name, f"{value}{interval}{f' ({total.note})' if total.note else ''}"))
    serious = evaluation.measured.get("serious")
    if serious is not None and "sensitivity" in serious.values:
        bounds = serious.intervals.get("sensitivity")
        shown = f" [{percent(bounds[0])}, {percent(bounds[1])}]" if bounds else ""
        rows.append(
            (
                f"sensitivity for serious at a specificity of {evaluation.options.specificity:g}",
                f"{percent(serious.values['sensitivity'])}{shown}",
            )
        )
    return rows
