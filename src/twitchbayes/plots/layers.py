"""In which order each layer of a network is drawn, so that few links cross.

References
----------
Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system structures (IEEE Transactions on
Systems, Man and Cybernetics 11, 1981): each node to the mean place of its neighbours, sweep by sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

__all__ = ["crossings", "ordered"]

SWEEPS = 12


def ordered(layers: Sequence[Sequence[str]], links: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return each layer in the order, of those that the sweeps come through, in which the fewest links cross.

    Parameters
    ----------
    layers : sequence of sequence of str
        Names from the left layer to the right one.
    links : iterable of (str, str)
        Each between two layers that stand beside each other.
    """
    links = list(links)
    beside: dict[str, list[str]] = {name: [] for layer in layers for name in layer}
    for parent, child in links:
        beside[parent].append(child)
        beside[child].append(parent)
    now = [list(layer) for layer in layers]
    best, fewest = now, crossings(now, links)
    for sweep in range(SWEEPS):
        fixed = range(len(now) - 1) if sweep % 2 == 0 else range(len(now) - 1, 0, -1)
        for index in fixed:
            moved = index + 1 if sweep % 2 == 0 else index - 1
            now = [*now[:moved], _beside(now[moved], _places([now[index]]), beside), *now[moved + 1 :]]
        count = crossings(now, links)
        if count < fewest:
            best, fewest = now, count
    return best


def _places(layers: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return where each name stands in its layer, from 0 to 1."""
    return {name: (row + 0.5) / len(layer) for layer in layers for row, name in enumerate(layer)}


def _beside(layer: Sequence[str], places: Mapping[str, float], beside: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a layer ordered by the mean place of its neighbours in another one; without any, a name stays about."""
    own = _places([layer])
    means: dict[str, float] = {}
    for name in layer:
        found = [places[other] for other in beside[name] if other in places]
        means[name] = sum(found) / len(found) if found else own[name]
    return sorted(layer, key=lambda name: (means[name], own[name]))


def crossings(layers: Sequence[Sequence[str]], links: Iterable[tuple[str, str]]) -> int:
    """Return how many pairs of links cross."""
    of = {name: index for index, layer in enumerate(layers) for name in layer}
    place = _places(layers)
    count = 0
    for left in range(len(layers) - 1):
        ends = np.array([[place[a], place[b]] for a, b in links if of[a] == left]).reshape(-1, 2)
        signs = np.sign(np.subtract.outer(ends[:, 0], ends[:, 0])) * np.sign(np.subtract.outer(ends[:, 1], ends[:, 1]))
        count += int((signs < 0).sum()) // 2
    return count
