# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of what no photo shows, from what the photos show beside it.

Seen from behind, an object goes on as it was at its outline: the layers of a cake run round at the same height, hair
goes over the back of a head, and what is printed on the front is not on the back. So the colours along the outline
spread over the hidden part, along the surface (``surface_graph``), more easily at the same height than up and down, and
hardly over creases.

Spread colours mix: red and white become pink, yellow and blue become grey. Therefore it is not colours that spread but
the shares of a small palette, as in Grady's random walker ("Random walks for image segmentation", 2006): each place
takes almost wholly the colour whose share is largest there, and along the outline what the palette lacks.

A photo is darker where a surface turns from the light, often along the outline. That is no colour, and is taken out
before (``_Light``): the back of a ball is as bright as its front.

On a turned thing colours run round (``layers``): where they do, only what the outline differs by from them spreads, and
not far, so that borders stay sharp and highlights stay in front.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .layers import layers
from .surface_graph import SurfaceGraph

Floats = NDArray[np.floating[Any]]

MOTTLED_UPRIGHT, LAYERED_UPRIGHT = 0.03, 0.0003
"""Conductance up and down along a surface, in parts of that at the same height: where colours do not depend on the
height, and where they depend on nothing else. Low values carry layers round, and each blemish of the outline."""

MOTTLED, LAYERED = 0.2, 0.7
"""Shares of the colours' variance that lie between heights, between which the one becomes the other."""

CREASE = 4.0
"""Exponent by which conductance falls over creases: at a right angle to one sixteenth."""

LEAST_CONDUCTANCE = 1e-4
"""What is left of it up and down over the sharpest crease: everything that hangs together gets some colour."""

BELIEF = 8.0
"""Weight of a patch that a photo shows fully, in units of the conductance between neighbours."""

GUESS = 0.02
"""Weight, in the same units, of what is shown at the same height: far from the outline it decides, so that a blemish of
the outline, such as a reflection, does not colour all of the back."""

SUDDEN = 0.2
"""Change of the logarithm of brightness between neighbours that is one of colour, not of light."""

LIGHT_PRIOR = 0.01
"""Weight, for each patch shown, of the assumption that light comes evenly from everywhere."""

LIGHT_LIMIT = 0.6
"""Most that light changes the logarithm of brightness: a factor of 1.8."""

LUMA, DARKEST = np.array([0.299, 0.587, 0.114]), 8.0
"""Weights of red, green and blue in brightness (Rec. 601), and what counts as dark as dark can be (0..255)."""

LAYER, RIM = 1.5, 5.0
"""How far the mean at the same height reaches: standard deviation up and down in cells, and patches from the outline
over which their weight falls to 1/e: the middle of the front may be a face."""

LEAST_RIM = 0.02
"""Least weight of a patch far inside the outline in that mean."""

EVERYWHERE = 1e-3
"""Weight of the mean of all heights in the mean of each: it decides where nothing of a height is shown."""

HIDDEN = 0.05
"""A patch that is shown less than this is hidden."""

COLORS = 6
"""Most colours in the palette."""

ALIKE = 25.0
"""Distance in sRGB (0..255) below which two colours count as one."""

FAR = 120.0
"""Distance in sRGB (0..255) beyond which a colour is not a better one to add to the palette for being farther."""

MEANS_ROUNDS = 8
"""Rounds of k-means. Its begin is good, and nothing depends on its end."""

SHARPNESS, SHARP_FROM = 3.0, 6.0
"""Exponent of the shares: of two colours with shares 2 to 1 the first gets 8 to 1. And from how many patches beyond the
outline on: it grows to that from 1, where colours go on as they are and no seam shows."""

OFFSET_LIMIT = 25.0
"""Most that the outline may differ from a layer (0..255) and be continued beside it: a highlight differs by more."""

LEAST_SHARE = 1e-3
"""What shares are raised to before: solving leaves them slightly below 0."""

GREY = 128.0
"""sRGB (0..255) of an object of which no photo shows anything."""


def hidden_colors(
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    triangles: NDArray[np.integer[Any]],
    colors: Floats,
    weights: Floats,
    circles: NDArray[np.intp] | None = None,
) -> NDArray[np.float32]:
    """Continue the photos' colours over the whole surface.

    Args:
        points: (n, 3) the surface's vertices, object frame.
        normals: (n, 3) unit.
        triangles: (t, 3).
        colors: (n, 3) sRGB 0..255, what the photos show there.
        weights: (n,) 0..1, how far that is to be believed; 0 where they do not show the surface.
        circles: (n,) of a turned thing, on which circle about its axis each vertex lies, or -1; see ``layers``.

    Returns:
        (n, 3) float32, sRGB 0..255: smooth colours, and the photos' own where those are wholly believed.
    """
    if not weights.any():
        return np.full((len(points), 3), GREY, np.float32)
    graph = SurfaceGraph.of(points, normals, triangles)
    lit, seen = graph.mean(colors, weights)
    light = _Light.of(graph, lit, seen)
    bright = light.on(graph.normals)[:, None]
    shown = lit / bright
    conductance = _conductance(graph, _upright(graph, shown, seen * graph.sizes))
    away = np.minimum(graph.steps(seen > HIDDEN, round(SHARP_FROM)) / SHARP_FROM, 1.0)
    result = _spread(graph, shown, seen, away, conductance)
    # Beside the outline the light is as in the photo, so that no seam shows.
    result *= bright ** (1.0 - away)[:, None]
    result += (lit - result) * seen[:, None]
    painted = colors.astype(np.float32)
    partial = np.flatnonzero(weights < 1.0)
    if circles is None:
        painted[partial] = np.clip(graph.at(result, points[partial], normals[partial]), 0.0, 255.0)
        return painted
    layer, belief = layers(circles, colors / light.on(normals)[:, None], weights, graph.areas)
    offset, known = graph.mean(np.clip(colors - layer, -OFFSET_LIMIT, OFFSET_LIMIT), weights * belief)
    trust = BELIEF * known + GUESS
    offset = graph.spread(offset * (BELIEF * known / trust)[:, None], trust, conductance) * ((1.0 - away) ** 2)[:, None]
    carried = graph.at(np.concatenate([result, offset], axis=1), points[partial], normals[partial])
    around = (layer[partial] + carried[:, 3:] - carried[:, :3]) * belief[partial, None]
    painted[partial] = np.clip(carried[:, :3] + around, 0.0, 255.0)
    return painted


def _spread(graph: SurfaceGraph, shown: Floats, seen: Floats, away: Floats, conductance: Floats) -> Floats:
    """(p, 3) colours of all patches, without light.

    Args:
        graph: of p patches.
        shown: (p, 3) what the photos show of them, without light.
        seen: (p,) 0..1, how far they do.
        away: (p,) 0..1, how far each is beyond the outline, in parts of ``SHARP_FROM``.
        conductance: (e,) between neighbours.
    """
    palette = _palette(shown, seen * graph.sizes)
    shares = _shares(shown, palette)
    # As large as colours, so that one tolerance fits both.
    sources = np.concatenate([255.0 * shares, shown - shares @ palette], axis=1)
    inside = graph.steps(seen <= HIDDEN, round(3.0 * RIM))
    usual = _usual(graph, sources, seen * graph.sizes * np.maximum(np.exp(-inside / RIM), LEAST_RIM))
    belief = BELIEF * seen + GUESS
    sources += (usual - sources) * (GUESS / belief)[:, None]
    spread = graph.spread(sources, belief, conductance)
    exponent = (1.0 + (SHARPNESS - 1.0) * away)[:, None]
    sharp = np.maximum(spread[:, :-3] / 255.0, LEAST_SHARE) ** exponent
    return (sharp / sharp.sum(axis=1, keepdims=True)) @ palette + spread[:, -3:]


@dataclass(frozen=True)
class _Light:
    """How brightness depends on the direction that a surface faces.

    Attributes:
        slope: (3,) change of the logarithm of brightness with the normal.
        usual: (3,) mean normal of what is shown.
    """

    slope: Floats
    usual: Floats

    @classmethod
    def of(cls, graph: SurfaceGraph, colors: Floats, seen: Floats) -> Self:
        """The light in which patches have colours (p, 3), shown by (p,).

        As in Land and McCann's Retinex (1971), gradual changes of brightness are taken for light and sudden ones for
        colour: the logarithm of brightness is fitted by a linear function of the normal to what changes gradually.
        """
        start, end = graph.starts, graph.ends
        brightness = np.log(np.maximum(colors @ LUMA, DARKEST))
        change = brightness[end] - brightness[start]
        weights = seen[start] * seen[end] * (np.abs(change) < SUDDEN)
        turn = graph.normals[end] - graph.normals[start]
        matrix = (turn * weights[:, None]).T @ turn + np.eye(3) * (LIGHT_PRIOR * max(float(seen.sum()), 1.0))
        slope = np.linalg.solve(matrix, turn.T @ (weights * change))
        share = seen * graph.sizes
        return cls(slope, (graph.normals * share[:, None]).sum(axis=0) / share.sum())

    def on(self, normals: Floats) -> Floats:
        """(n,) how much brighter surfaces with normals (n, 3) are than the shown ones on average."""
        return np.exp(np.clip((normals - self.usual) @ self.slope, -LIGHT_LIMIT, LIGHT_LIMIT))


def _usual(graph: SurfaceGraph, values: Floats, weights: Floats) -> Floats:
    """(p, k) for each patch the mean of values (p, k) by weights (p,) at about its height."""
    height = graph.cells[:, 2] - graph.cells[:, 2].min()
    layers = np.arange(height.max() + 1)
    kernel = np.exp(-0.5 * ((layers[:, None] - layers) / LAYER) ** 2) + EVERYWHERE
    total = kernel @ np.bincount(height, weights)
    sums = np.stack([kernel @ np.bincount(height, weights * channel) for channel in values.T], axis=1)
    return (sums / np.maximum(total, 1e-12)[:, None])[height]


def _palette(colors: Floats, weights: Floats) -> Floats:
    """(k, 3) colours that colours (p, 3) by weights (p,) mostly are: k-means, begun with ones far from each other."""
    chosen = [colors[weights.argmax()]]
    while len(chosen) < COLORS:
        distance = _squared_distances(colors, np.array(chosen)).min(axis=1)
        farthest = (np.minimum(distance, FAR**2) * weights).argmax()
        if distance[farthest] < ALIKE**2:
            break
        chosen.append(colors[farthest])
    palette = np.array(chosen)
    for _ in range(MEANS_ROUNDS):
        nearest = _squared_distances(colors, palette).argmin(axis=1)
        total = np.bincount(nearest, weights, len(palette))[:, None]
        sums = np.stack([np.bincount(nearest, weights * channel, len(palette)) for channel in colors.T], axis=1)
        palette = np.where(total > 0.0, sums / np.maximum(total, 1e-9), palette)
    return palette


def _shares(colors: Floats, palette: Floats) -> Floats:
    """(p, k) shares of the palette in colours (p, 3): almost all is the nearest one's."""
    distance = _squared_distances(colors, palette)
    shares = np.exp((distance.min(axis=1, keepdims=True) - distance) / (2.0 * ALIKE**2))
    return shares / shares.sum(axis=1, keepdims=True)


def _squared_distances(colors: Floats, palette: Floats) -> Floats:
    """(p, k)."""
    return ((colors[:, None] - palette) ** 2).sum(axis=2)


def _upright(graph: SurfaceGraph, colors: Floats, weights: Floats) -> float:
    """Conductance up and down, by how far colours (p, 3), weighted by (p,), depend on the height alone."""
    height = graph.cells[:, 2] - graph.cells[:, 2].min()
    total = np.maximum(np.bincount(height, weights), 1e-12)
    means = np.stack([np.bincount(height, weights * channel) / total for channel in colors.T], axis=1)
    middle = (total[:, None] * means).sum(axis=0) / total.sum()
    between = (total[:, None] * (means - middle) ** 2).sum()
    whole = (weights[:, None] * (colors - middle) ** 2).sum()
    layered = np.clip((between / max(float(whole), 1e-12) - MOTTLED) / (LAYERED - MOTTLED), 0.0, 1.0)
    return float(MOTTLED_UPRIGHT ** (1.0 - layered) * LAYERED_UPRIGHT**layered)


def _conductance(graph: SurfaceGraph, upright: float) -> Floats:
    """(e,) how easily colours pass between neighbouring patches, 0..1."""
    start, end = graph.starts, graph.ends
    steepness = 1.0 - (0.5 * (graph.normals[start, 2] + graph.normals[end, 2])) ** 2
    # By layers of cells, not by places: diagonal neighbours would lead from one layer to the next.
    eased = np.where(graph.cells[start, 2] == graph.cells[end, 2], 1.0, upright**steepness)
    bend = 0.5 + 0.5 * (graph.normals[start] * graph.normals[end]).sum(axis=1)
    return np.maximum(eased * np.clip(bend, 0.0, 1.0) ** CREASE, LEAST_CONDUCTANCE)
