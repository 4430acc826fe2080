"""What a row would need that is refused, and which of its findings make it so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from twitchbayes.inference.names import CLOSE, KIND, NODE, OPEN

if TYPE_CHECKING:
    from twitchbayes.inference.arrays import Structure
    from twitchbayes.inference.order import Plan
    from twitchbayes.inference.reading import Block
    from twitchbayes.inference.rows import Desk
    from twitchbayes.network import Network

__all__ = ["reason_of"]

MOST_NAMED = 12
NUMBER_BYTES = 8


def reason_of(network: Network, structure: Structure, desk: Desk, max_bytes: int) -> str:
    """Return why the last row on a desk is refused: the memory, and what is open at once where it is most."""
    on_side = desk.side_plan.size > desk.plan.size
    block, plan = (desk.side, desk.side_plan) if on_side else (desk.block, desk.plan)
    needed = NUMBER_BYTES * (plan.size + plan.room + plan.spare + 64 * block.strata)
    nodes = _open_at_most(plan)
    held = _with_findings(structure, block, nodes)
    findings = sorted(v for v in held if structure.first_finding <= v < structure.first_event)
    contexts = [v for v in nodes if v < structure.n_contexts]
    unknown = [c for c in range(structure.n_contexts) if desk.said[0, c] < 0]
    told, advice = [], []
    if findings:
        told.append(f"{_count(findings, 'positive finding')} must be held at once ({_listed(network, findings)})")
        advice.append("fewer of these findings")
    if contexts:
        told.append(f"{_count(contexts, 'unknown context')} must be held at once ({_listed(network, contexts)})")
    if block.strata > 1:
        told.append(f"{block.strata:,} joint states of unknown contexts are carried along")
    if unknown:
        advice.append("more of the contexts")
    return (
        f"an exact answer needs {_amount(needed)}, above the bound of {_amount(max_bytes)}: {'; '.join(told)}. "
        f"Give {' or '.join(advice)}, or raise `model.engine.max_bytes`."
    )


def _open_at_most(plan: Plan) -> list[int]:
    """Return the nodes that are open at once where there are most of them."""
    now: list[int] = []
    most: list[int] = []
    for step in np.asarray(plan.steps)[: plan.n_steps]:
        if step[KIND] == OPEN:
            now.append(int(step[NODE]))
            most = list(now) if len(now) > len(most) else most
        elif step[KIND] == CLOSE:
            now.remove(int(step[NODE]))
    return most


def _with_findings(structure: Structure, block: Block, nodes: list[int]) -> set[int]:
    """Return nodes with the positive findings that those of them that are causes are held for."""
    links = [block.links[i] for i in range(block.n_links)]
    return {*nodes, *(structure.target[e] for e in links if structure.source[e] in nodes)}


def _count(nodes: list[int], what: str) -> str:
    return f"{len(nodes)} {what}{'s' * (len(nodes) != 1)}"


def _listed(network: Network, nodes: list[int]) -> str:
    names = [network.columns[v] if v < len(network.columns) else "any serious cause" for v in nodes]
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _amount(count: int) -> str:
    """Return a number of bytes as people read it."""
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB"]
    while value >= 1024 and len(units) > 1:
        value /= 1024
        units.pop(0)
    return f"{value:,.0f} GiB" if units[0] == "GiB" and value >= 1000 else f"{value:.3g} {units[0]}"
