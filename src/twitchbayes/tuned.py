"""What tuning made of a model: the report of every number, the new tables, and what anyone should know of them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twitchbayes import __version__
from twitchbayes import knowledge as knowledge_module
from twitchbayes import priors as priors_module
from twitchbayes.beliefs import quantiles
from twitchbayes.cohort import Totals
from twitchbayes.display import Listing
from twitchbayes.learning import Fit, Pass, Priors, Step
from twitchbayes.provenance import number_names
from twitchbayes.tables import Row, words

if TYPE_CHECKING:
    import pandas as pd

    from twitchbayes.model import Model

__all__ = ["history_of", "kinds_of", "listing_of", "notes_on", "report_of", "tuned"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TAIL = 0.025
HEAD = ("number", "old", "new", "from data")
# A number whose log odds moved by less, and whose size grew by a smaller share, is left as it stands.
UNMOVED = 1e-3
SHOWN = 12  # names that a note lists
CONSTANT_FROM = 10  # cases that say the same of a variable


def kinds_of(model: Model) -> NDArray[np.str_]:
    """Return what each number is: priors, links or leaks (of findings)."""
    links = ["leaks" if link.parent == "leak" else "links" for link in model.knowledge.links]
    return np.array(["priors"] * len(model.knowledge.priors) + links)


def report_of(model: Model, priors: Priors, last: Pass, sizes: Floats) -> pd.DataFrame:
    """Return what became of every number, a row each; see `Tuning.report`."""
    import pandas as pd

    beliefs, knowledge = model.beliefs, model.knowledge
    numbers = [p.number for p in knowledge.priors] + [k.number for k in knowledge.links]
    old = model.network.to_net(
        np.array([[getattr(n, name) for n in numbers] for name in ("probability", "low", "high")])
    )
    before = np.where(priors.free, priors.a + np.where(priors.in_group, _beside(priors), priors.b), beliefs.sizes)
    after = np.where(priors.free, sizes, beliefs.sizes)
    changed = priors.free & _is_news(beliefs.means, last.net, before, after)
    for rows in (*priors.groups, *priors.levels):
        changed[rows] = changed[rows].any()  # one distribution: its parts move together, or do not
    new = np.where(changed, last.net, old[0])
    low, high = quantiles(new, after, (TAIL, 1 - TAIL))
    with np.errstate(invalid="ignore"):
        from_data = np.where(changed & np.isfinite(after), 1 - before / after, 0.0)
    return pd.DataFrame(
        {
            "number": number_names(knowledge),
            "kind": kinds_of(model),
            "file": [n.file for n in numbers],
            "line": [n.line for n in numbers],
            "old": old[0],
            "old_low": np.maximum(old[1], 0.0),
            "old_high": old[2],
            "new": new,
            "new_low": np.where(changed, np.minimum(low, new), np.maximum(old[1], 0.0)),
            "new_high": np.where(changed, np.maximum(high, new), old[2]),
            "size_before": before,
            "size_after": after,
            "from_data": from_data,
            "successes": last.sums.successes,
            "trials": last.sums.trials,
            "changed": changed,
        }
    )


def _beside(priors: Priors) -> Floats:
    """Return what the other states of each number's group have together."""
    beside = np.zeros(len(priors.a))
    for rows in priors.groups:
        beside[rows] = priors.a[rows].sum() - priors.a[rows]
    return beside


def _is_news(old: Floats, new: Floats, before: Floats, after: Floats) -> Bools:
    """Return which numbers the cases say something of, by the means and sizes of their distributions.

    The mean is the table's value but where that is 0 or 1 with an interval: it would seem to move of itself.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.abs(np.log(new) - np.log1p(-new) - np.log(old) + np.log1p(-old))
        gained = after / before - 1
    news: Bools = ~(moved < UNMOVED) | (gained > UNMOVED)
    return news


def listing_of(report: pd.DataFrame) -> Listing:
    """Return the numbers that the cases say most of, as they are shown."""
    most = report[report.changed].sort_values("from_data", ascending=False, kind="stable")
    rows = [
        (
            str(row.number),
            f"{row.old:.3g} ({row.old_low:.3g} to {row.old_high:.3g})",
            f"{row.new:.3g} ({row.new_low:.3g} to {row.new_high:.3g})",
            f"{row.from_data:.0%}",
        )
        for row in most.itertuples()
    ]
    return Listing.of(
        "Numbers that the cases say most of (links as net link probabilities)", HEAD, rows, right=HEAD[1:]
    )


def history_of(fit: Fit) -> pd.DataFrame:
    """Return the steps, a row each."""
    import pandas as pd

    return pd.DataFrame(fit.steps, columns=list(Step._fields))


def tuned(
    model: Model, report: pd.DataFrame, cases: Mapping[str, Any], *, strength: float, learn: Sequence[str]
) -> Model:
    """Return the model with the numbers of a report, each row citing the cases beside its earlier sources."""
    knowledge = model.knowledge
    selected = ", ".join(f"{name}={state}" for name, state in cases["selected_by"].items())
    told = (
        f"{cases['used']} of {cases['size']} cases in {cases['source']}, sha256 {cases['sha256']}; tuned by "
        f"twitchbayes {__version__}, strength {strength:g}, learning {', '.join(learn)}, "
        f"conditioned on {selected or 'nothing'}"
    )
    citation = Row(
        "sources.csv",
        0,
        {
            "source": _new_name(f"cases_{cases['sha256'][:8]}", knowledge.citations),
            "citation": told,
            "identifier": "none",
            "kind": "cases",
            "read": cases["date"] or "not given",
        },
    )
    cells: dict[str, dict[int, dict[str, str]]] = {"priors.csv": {}, "links.csv": {}}
    n_priors, restated = len(knowledge.priors), _restated(model, report)
    for i, number in enumerate(report.itertuples()):
        if number.changed or i in restated:
            file, place = ("priors.csv", i) if i < n_priors else ("links.csv", i - n_priors)
            row = knowledge.tables[file].rows[place]
            cells[file][place] = _tuned_cells(row, number, citation["source"]) if number.changed else _net(row, number)
    revised = knowledge_module.revise(knowledge, cells, citations=[citation])
    changes = priors_module.since(model.changes, priors_module.changes(knowledge, revised))
    return type(model)(revised, changes=changes)


def _new_name(base: str, taken: Collection[str]) -> str:
    """Return a name that no source has yet: every tuning has a row of its own, with its date."""
    names = (base if i == 1 else f"{base}_{i}" for i in itertools.count(1))
    return next(name for name in names if name not in taken)


def _restated(model: Model, report: pd.DataFrame) -> frozenset[int]:
    """Return the compound links whose leak alone is tuned: left compound, they would move with it."""
    links, leaks = model.network.slots.compound, model.network.slots.compound_leaks
    changed = report.changed.to_numpy()
    return frozenset(links[changed[leaks] & ~changed[links]].tolist())


def _tuned_cells(row: Row, number: Any, source: str) -> dict[str, str]:
    """Return the new cells of a row; what stood there is kept in its note."""
    cells = {
        "basis": "tuned",
        "source": ";".join(dict.fromkeys([*words(row["source"]), source])),
        "note": f"{row['note']} Tuned by {source}: was {_stood(row)}, {row['basis']}.".strip(),
    }
    return _values(row, number) | cells


def _net(row: Row, number: Any) -> dict[str, str]:
    """Return the cells of a compound link as a net one."""
    note = f"{row['note']} Written as a net link, for its leak was tuned: was {_stood(row)}.".strip()
    return _values(row, number) | {"note": note}


def _stood(row: Row) -> str:
    return f"{row['probability']} ({row['low']} to {row['high']}{', ' + row['form'] if row['form'] else ''})"


def _values(row: Row, number: Any) -> dict[str, str]:
    """Return the cells of a number: what is learned of a link is its net link probability."""
    values = {"probability": number.new, "low": number.new_low, "high": number.new_high}
    return {name: repr(float(value)) for name, value in values.items()} | ({"form": "net"} if row["form"] else {})


# What should be known


def notes_on(model: Model, totals: Totals, report: pd.DataFrame, fit: Fit, cases: Mapping[str, Any]) -> list[str]:
    """Return what anyone should know who uses the result, in sentences."""
    notes = []
    selected = cases["selected_by"]
    if selected:
        states = ", ".join(f"{name}={state}" for name, state in selected.items())
        notes.append(
            f"All cases have {states}: they are taken to be in the table for it, and to say nothing of others."
        )
    else:
        notes.append("The cases are taken as a sample of everyone, found by nothing that the model knows of.")
        notes += _notes_on_gaps(model, totals)
    again = [name for name, c in model.knowledge.citations.items() if f"sha256 {cases['sha256']};" in c.citation]
    if again:
        notes.append(
            f"These cases are among the sources of the model already ({', '.join(again)}): "
            "what they say is counted again."
        )
    if not fit.converged:
        change = fit.steps[-1].change
        notes.append(
            f"Not converged after {fit.steps[-1].passes} passes: the next would move a log odds by {change:.2g}."
        )
    notes += [f"Left out: {count:,} {reason}." for reason, count in totals.excluded.items()]
    notes += _notes_on_columns(model, totals, selected)
    outside = report[report.changed & ((report.new < report.old_low) | (report.new > report.old_high))]
    if len(outside):
        left = ", ".join(outside.number.head(SHOWN)) + (", ..." if len(outside) > SHOWN else "")
        notes.append(f"{len(outside)} numbers left the interval that the tables gave them: {left}.")
    mostly = int((report.from_data > 0.5).sum())
    notes.append(
        f"{totals.used:,} cases changed {int(report.changed.sum())} of {len(report)} numbers; "
        f"{mostly} of them rest more on the cases than on the tables."
    )
    return notes


def _notes_on_gaps(model: Model, totals: Totals) -> list[str]:
    """Tell where only gaps keep the cases from having been found by what the model assumes."""
    notes = []
    for variable in model.knowledge.variables.values():
        if not variable.assumed:
            continue
        counts = totals.states[model.network.columns.index(variable.name)]
        known, own = int(counts.sum()), int(counts[variable.states.index(variable.assumed)])
        if known and own == known < totals.used:
            notes.append(
                f"{totals.used - known:,} cases leave {variable.name} open and the other {known:,} have it: if it is "
                f"what they were found by, give selected_by={variable.name!r}."
            )
    return notes


def _notes_on_columns(model: Model, totals: Totals, selected: Collection[str]) -> list[str]:
    """Tell of what all cases agree in, or say nothing of."""
    network, notes, silent = model.network, [], []
    for column, name in enumerate(network.columns):
        known, most = int(totals.states[column].sum()), int(totals.states[column].argmax())
        is_cause = name in network.causes
        if not known:
            silent.append(name)
        elif known >= CONSTANT_FROM and totals.states[column, most] == known and name not in selected:
            what = "whose diagnosis of it is known" if is_cause else "that say something of it"
            notes.append(f"{name} is {network.states[name][most]} in all {known:,} cases {what}.")
    latent = [name for name in silent if name in network.causes]
    unsaid = [name for name in silent if name not in network.causes]
    if latent:
        notes.append(f"No case says whether these causes are present: {', '.join(latent)}.")
    if unsaid:
        notes.append(f"No case says anything of {', '.join(unsaid)}.")
    return notes
