# SPDX-License-Identifier: GPL-3.0-or-later
"""Baking: a code's colours into textures for any mesh with UVs, with its photos projected where they show the surface.

UV triangles are rasterised; every texel gets the field's colour and, where a camera sees it, its photo's. Some
choices keep this quick and the result whole:

* The field is asked at the mesh's vertices, refined until they are half as far apart as the field's detail, and its
  colours are interpolated inside each triangle, never across island borders. A sample of triangles is checked; if
  interpolation shows, the field is asked at every texel.
* Where no photo shows the surface, colours spread over it from the part that is shown (``hidden_colors``), as far as
  the field is not certain of its own.
* The field's own colours are shifted smoothly towards the photos': what they say on the visible part is extended over
  the hidden part, locally near the seam and on the whole far from it, so that both sides read as one object.
* On an object that was made symmetric, the photos are projected a second time, as the mirror plane shows them.
* Texels beyond the islands are filled from their neighbours, so that filtering and mipmaps never meet the background.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .blending import Look, Sight, blended, sights_of
from .code import Code
from .fields import Appearance, Field
from .grain import Grain
from .hidden_colors import hidden_colors
from .matching import extended, likeness
from .monitor import Monitor
from .padding import pad
from .priors.circles import circles_of
from .projection import FACING_NONE, Projection
from .raster import Fragments, Gradients, batches, gradients, scan
from .sentence import Sentence
from .symmetry import MirroredField, MirrorPlane

Floats = NDArray[np.floating[Any]]

CONSTANTS = {"roughness": 0.5, "metallic": 0.0}
"""The Principled BSDF's own defaults, for systems that predict neither."""

SPACING = 0.5
"""Distance of colour samples, in parts of the field's detail."""

SPACING_LIMITS = (1.0 / 256.0, 1.0 / 24.0)
"""Bounds for that distance, object units: finer is the texels' business, coarser would lose the facing angle."""

CUTS = {
    1: np.array([[0, 3, 2], [3, 1, 2]]),
    2: np.array([[0, 3, 4], [3, 1, 4], [0, 4, 2]]),
    3: np.array([[0, 3, 5], [3, 1, 4], [5, 4, 2], [3, 4, 5]]),
}
"""By how many of its edges are halved, what a triangle becomes: its corners are 0 to 2, the edges' middles 3 to 5."""

PROBES = 2000
"""Triangles at whose centres interpolated colours are compared with the field's."""

VISIBLE_ERROR = 6.0 / 255.0
"""Interpolation is accepted if 95 % of the probes differ by less in each channel."""

LARGEST_SPAN = 4.0
"""Triangles that reach over more squares of UV space than this are damaged and left out."""

OVERLAP_WORTH_A_WORD = 0.01
"""Share of texels claimed twice from which the artist is told."""

MOST_THREADS = 4
"""More threads are limited by memory."""


@dataclass(frozen=True)
class UVMesh:
    """Triangles with UVs.

    Attributes:
        vertices: (n, 3) float32, object frame.
        triangles: (t, 3) int32, counter-clockwise seen from outside.
        uvs: (t, 3, 2) float32 per corner; the texture is the square 0..1 and repeats outside it.
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    uvs: NDArray[np.float32]


@dataclass(frozen=True)
class BakeSettings:
    """How to bake.

    Attributes:
        texture_size: side of the maps, texels.
        margin: how far colours are spread beyond the islands, in texels of a 1024 map; grows with the size.
        photo_strength: 0 bakes the field alone, 1 the photo wherever it is to be believed.
        mirror_all: of a symmetric object, show the kept side's photos on both sides even where a photo shows the
            other side too: colours are symmetric, and so is what is written on the object.
    """

    texture_size: int = 2048
    margin: int = 8
    photo_strength: float = 1.0
    mirror_all: bool = False


@dataclass(frozen=True)
class Maps:
    """What was baked; row 0 is v = 0. What is the same all over stays a number.

    Attributes:
        base_color: (s, s, 3) uint8 sRGB.
        roughness, metallic: (s, s) uint8, linear 0..255, or a number 0..1.
        coverage: share of texels inside the UV islands.
    """

    base_color: NDArray[np.uint8]
    roughness: NDArray[np.uint8] | float
    metallic: NDArray[np.uint8] | float
    coverage: float


@dataclass(frozen=True)
class _Samples:
    """The refined mesh.

    Attributes:
        points: (n, 3) float32.
        normals: (n, 3) float32, unit.
        triangles: (t, 3).
        corners: (t, 3, 2) float64 UVs in texels, texel centres being integers.
    """

    points: NDArray[np.float32]
    normals: NDArray[np.float32]
    triangles: NDArray[np.integer[Any]]
    corners: NDArray[np.float64]


def bake(
    code: Code,
    field: Field,
    mesh: UVMesh,
    settings: BakeSettings,
    monitor: Monitor,
    plane: MirrorPlane | None = None,
) -> Maps:
    """Bake the maps of a mesh.

    Args:
        code: the photo and its camera.
        field: the code's field.
        mesh: in the object frame; any mesh with UVs.
        settings: see there.
        monitor: told of progress and of UVs outside the square or one over the other; asked for cancellation.
        plane: at which the object was made symmetric, or None.

    Raises:
        Cancelled: the artist cancelled.
    """
    samples = _samples(field, mesh, settings.texture_size, monitor)
    monitor.progress(0.1)
    views = _views(code, samples, monitor, plane)
    monitor.progress(0.2)
    field = field if plane is None else MirroredField(field, plane)
    appearance = field.appearance(samples.points)
    layers = _layers(samples, views, plane if settings.mirror_all else None)
    coloring = _coloring(code, samples, views, appearance, settings.photo_strength, plane)
    ink = _ink(samples, layers, coloring, appearance, field, settings.photo_strength)
    texels, covered = _painted(ink, settings, monitor)
    pad(texels, covered, max(1, round(settings.margin * settings.texture_size / 1024)))
    monitor.progress(1.0)
    values: dict[str, NDArray[np.uint8] | float] = {}
    for name, default in CONSTANTS.items():
        value = getattr(appearance, name)
        values[name] = default if value is None else value
    for index, name in enumerate(ink.extra, 3):
        values[name] = np.ascontiguousarray(texels[:, :, index])
    color = np.ascontiguousarray(texels[:, :, :3])
    return Maps(color, values["roughness"], values["metallic"], float(covered.mean()))


def _samples(field: Field, mesh: UVMesh, size: int, monitor: Monitor) -> _Samples:
    """Drop damaged triangles, refine large ones."""
    corners = mesh.uvs.astype(np.float64)
    sound = np.isfinite(corners).all(axis=(1, 2)) & (np.ptp(corners, axis=1) <= LARGEST_SPAN).all(axis=1)
    outside = ((corners < -1e-4) | (corners > 1.0 + 1e-4)).any(axis=(1, 2)) & sound
    if not sound.all():
        monitor.warn(Sentence("{count} triangles have damaged UVs and were not baked.", count=(~sound).sum()))
    if outside.any():
        monitor.warn(
            Sentence(
                "{count} triangles have UVs outside the texture's square; they were wrapped into it.",
                count=outside.sum(),
            )
        )
    corners = corners[sound] * size - 0.5
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    spacing = float(np.clip(SPACING * field.detail, *SPACING_LIMITS))
    points, normals, triangles, corners = refined(mesh.vertices, normals, mesh.triangles[sound], corners, spacing)
    return _Samples(points, normals, triangles, corners)


def _views(code: Code, samples: _Samples, monitor: Monitor, plane: MirrorPlane | None) -> tuple[tuple[Sight, ...], ...]:
    """How the photos see the mesh; of a symmetric object also how they see its mirror image."""
    own = sights_of(code, samples.points, samples.normals, samples.triangles, monitor)
    if plane is None:
        return (own,)
    points, normals = plane.mirrored(samples.points), plane.mirrored_directions(samples.normals)
    return own, sights_of(code, points, normals, samples.triangles, monitor)


def vertex_normals(vertices: NDArray[np.float32], triangles: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """(n, 3) float32 unit normals, the mean of the faces around weighted by area."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    faces = np.cross(b - a, c - a)
    flat = triangles.ravel()
    total = [np.bincount(flat, np.repeat(faces[:, axis], 3), minlength=len(vertices)) for axis in range(3)]
    normals = np.stack(total, axis=1).astype(np.float32)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)


def refined(
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    triangles: NDArray[np.integer[Any]],
    corners: NDArray[np.float64],
    spacing: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.integer[Any]], NDArray[np.float64]]:
    """Points, normals, triangles and UVs after edges over ``spacing`` were halved, repeatedly.

    Only such edges are: a sliver, as artists and Decimate make them, becomes a strip and not a fine mesh.
    """
    done: list[tuple[NDArray[np.integer[Any]], NDArray[np.float64]]] = []
    while True:
        edges = points[np.roll(triangles, -1, axis=1)] - points[triangles]
        long = (edges * edges).sum(axis=2) > spacing * spacing
        large = long.any(axis=1)
        done.append((triangles[~large], corners[~large]))
        if not large.any():
            break
        triangles, corners, long = triangles[large], corners[large], long[large]
        following = np.roll(triangles, -1, axis=1)
        lower, upper = np.minimum(triangles, following)[long], np.maximum(triangles, following)[long]
        keys, inverse = np.unique(lower.astype(np.int64) * len(points) + upper, return_inverse=True)
        middle = np.zeros(long.shape, np.int64)
        middle[long] = inverse.ravel() + len(points)
        ends = keys // len(points), keys % len(points)
        points = np.concatenate([points, 0.5 * (points[ends[0]] + points[ends[1]])]).astype(np.float32)
        halved = normals[ends[0]] + normals[ends[1]]
        halved /= np.maximum(np.linalg.norm(halved, axis=1, keepdims=True), 1e-30)
        normals = np.concatenate([normals, halved])
        triangles, corners = _cut(triangles, corners, middle, long)
    return points, normals, np.concatenate([part[0] for part in done]), np.concatenate([part[1] for part in done])


def _cut(
    triangles: NDArray[np.integer[Any]],
    corners: NDArray[np.float64],
    middle: NDArray[np.int64],
    long: NDArray[np.bool_],
) -> tuple[NDArray[np.integer[Any]], NDArray[np.float64]]:
    """Triangles (t, 3) and their UVs (t, 3, 2) cut at the middles (t, 3) of those edges that are long (t, 3)."""
    counts = long.sum(axis=1)
    # Turned so that the long edges come first; edge i leads from corner i to the next.
    first = np.where(counts == 1, long.argmax(axis=1), np.where(counts == 2, long.argmin(axis=1) + 1, 0))
    order = (first[:, None] + np.arange(3)) % 3
    between = 0.5 * (corners + np.roll(corners, -1, axis=1))
    points = np.concatenate([np.take_along_axis(array, order, 1) for array in (triangles, middle)], axis=1)
    places = np.concatenate([np.take_along_axis(array, order[:, :, None], 1) for array in (corners, between)], axis=1)
    chosen = [counts == count for count in CUTS]
    return (
        np.concatenate([points[c][:, cut].reshape(-1, 3) for c, cut in zip(chosen, CUTS.values(), strict=True)]),
        np.concatenate([places[c][:, cut].reshape(-1, 3, 2) for c, cut in zip(chosen, CUTS.values(), strict=True)]),
    )


def _interpolates(field: Field, samples: _Samples, appearance: Appearance) -> bool:
    """Whether colours interpolated from the vertices are, to the eye, the field's."""
    count = len(samples.triangles)
    if count == 0 or appearance.base_color is None:
        return True
    probes = samples.triangles[np.random.default_rng(0).integers(0, count, min(PROBES, count))]
    asked = _base_color(field.appearance(samples.points[probes].mean(axis=1)))
    error = np.abs(asked - appearance.base_color[probes].mean(axis=1)).max(axis=1)
    return bool(np.quantile(error, 0.95) <= VISIBLE_ERROR)


@dataclass(frozen=True)
class _PhotoInk:
    """A photo's part in colouring texels, as attributes that vary linearly over the triangles.

    Attributes:
        sight: window coordinates times depth, depth, facing. The first two are linear on the surface only as products.
        shown: (t,) bool, triangles that the photo may show.
        projection: the photo.
    """

    sight: Gradients
    shown: NDArray[np.bool_]
    projection: Projection

    @classmethod
    def of(cls, sight: Sight, samples: _Samples) -> Self:
        """Prepare interpolation."""
        in_view = (sight.facing > FACING_NONE)[samples.triangles].any(axis=1)
        in_view &= (sight.depth > 0.0)[samples.triangles].all(axis=1)
        products = sight.window_points * sight.depth[:, None]
        attributes = np.concatenate([products, sight.depth[:, None], sight.facing[:, None]], axis=1)
        return cls(gradients(samples.corners, attributes[samples.triangles]), in_view, sight.projection)

    def look(self, fragments: Fragments) -> Look:
        """What the photo says about texels."""
        chosen = np.flatnonzero(self.shown[fragments.triangle])
        part = Fragments(fragments.triangle[chosen], fragments.x[chosen], fragments.y[chosen])
        x, y, depth, facing = self.sight.at(part)
        scale = 1.0 / np.maximum(depth, np.float32(1e-6))
        seen, colors, weights = self.projection.look(x * scale, y * scale, depth, facing)
        return Look(chosen[seen], colors, weights, facing[seen])

    def only_on(self, triangles: NDArray[np.bool_]) -> Self:
        """The photo on some of the triangles (t,) alone."""
        return replace(self, shown=self.shown & triangles)


_Layer = tuple[_PhotoInk, ...]
"""Photos that are blended with each other."""


@dataclass(frozen=True)
class _Ink:
    """What colours a texel.

    Attributes:
        corners: (t, 3, 2) float64, triangles in texels.
        channels: colour 0..255 and further channels 0..255; where ``field`` is set, what is added to the field's
            colour 0..255 and the point's place. They vary linearly over the triangles.
        layers: of photos, each over the one before.
        field: to be asked at every texel; None where the channels are the field's already.
        field_share: how much of the field's own colour is taken where it is asked.
        grain: fine texture under the photos, or None.
        extra: names of the further channels.
        strength: how much of the photos is taken where they are wholly believed.
    """

    corners: NDArray[np.float64]
    channels: Gradients
    layers: tuple[_Layer, ...]
    field: Field | None
    field_share: float
    grain: Grain | None
    extra: tuple[str, ...]
    strength: float

    def texels(self, batch: slice) -> tuple[Fragments, NDArray[np.uint8]]:
        """A batch's texels and their values (f, 3 + extra) uint8."""
        fragments = scan(self.corners, batch)
        channels = self.channels.at(fragments)
        if self.field is not None:
            points = np.stack(channels[3:], axis=1)
            asked = _channels(self.field.appearance(points), self.extra, len(points))
            channels[3:] = []
            for index in range(asked.shape[1]):
                value = asked[:, index]
                if index < 3:
                    value = value * np.float32(self.field_share) + channels[index]
                channels[index : index + 1] = [np.clip(value, 0.0, 255.0)]
        if self.grain is not None:
            self.grain.add(channels, fragments)
        for layer in self.layers:
            self._project(layer, channels, fragments)
        return fragments, np.stack([(channel + np.float32(0.5)).astype(np.uint8) for channel in channels], axis=1)

    def _project(self, layer: _Layer, channels: list[NDArray[np.float32]], fragments: Fragments) -> None:
        """Blend the photos into the colours where they are seen."""
        look = blended(len(fragments.triangle), [photo.look(fragments) for photo in layer])
        weight = look.weights * np.float32(self.strength)
        for channel, color in zip(channels[:3], look.colors.T, strict=True):
            before = channel[look.points]
            channel[look.points] = before + (color - before) * weight


def _base_color(appearance: Appearance) -> NDArray[np.float32]:
    """The colours of an appearance that has some.

    Raises:
        ValueError: it has none.
    """
    if appearance.base_color is None:
        raise ValueError("the appearance has no colours")
    return appearance.base_color


def _channels(appearance: Appearance, extra: tuple[str, ...], count: int) -> NDArray[np.float32]:
    """(count, 3 + extra) float32, 0..255; black where the appearance has no colours."""
    channels = np.zeros((count, 3 + len(extra)), np.float32)
    if appearance.base_color is not None:
        channels[:, :3] = appearance.base_color
    for index, name in enumerate(extra, 3):
        channels[:, index] = getattr(appearance, name)
    return channels * np.float32(255.0)


@dataclass(frozen=True)
class _Coloring:
    """What lies under the photos.

    Attributes:
        field_share: how much of the field's own colours is taken, 0..1.
        added: (n, 3) float32, 0..255, what is added to that at the samples.
        grain: fine texture, or None.
    """

    field_share: float
    added: NDArray[np.float32]
    grain: Grain | None


def _coloring(
    code: Code,
    samples: _Samples,
    views: tuple[tuple[Sight, ...], ...],
    appearance: Appearance,
    strength: float,
    plane: MirrorPlane | None,
) -> _Coloring:
    """A field that is certain of its colours keeps them, shifted to the photos'.

    The less certain it is, the more is taken from what the photos show beside what they do not show.
    """
    field_share = 0.0 if appearance.base_color is None else 1.0 - strength * (1.0 - appearance.certainty)
    added, grain = np.zeros((len(samples.points), 3), np.float32), None
    if field_share > 0.0:
        added += np.float32(field_share * strength) * _shift(samples, views, appearance, plane)
    if field_share < 1.0:
        colors, weights = _shown(len(samples.points), views)
        circles = circles_of(code, samples.points, samples.normals)
        hidden = hidden_colors(samples.points, samples.normals, samples.triangles, colors, weights, circles)
        added += np.float32(1.0 - field_share) * hidden
        wanted = (weights < 1.0)[samples.triangles].any(axis=1)
        contrast = (1.0 - field_share) * strength
        grain = Grain.of(code.photo, code.camera, samples.points, samples.triangles, samples.corners, wanted, contrast)
    return _Coloring(field_share, added, grain)


def _ink(
    samples: _Samples,
    layers: tuple[_Layer, ...],
    coloring: _Coloring,
    appearance: Appearance,
    field: Field,
    strength: float,
) -> _Ink:
    """Decide between interpolating and asking, and prepare."""
    extra = tuple(name for name in CONSTANTS if isinstance(getattr(appearance, name), np.ndarray))
    if coloring.field_share == 0.0 or _interpolates(field, samples, appearance):
        values = _channels(appearance, extra, len(samples.points))
        values[:, :3] = np.clip(values[:, :3] * np.float32(coloring.field_share) + coloring.added, 0.0, 255.0)
        asked = None
    else:
        values, asked = np.concatenate([coloring.added, samples.points], axis=1), field
    channels = gradients(samples.corners, values[samples.triangles])
    return _Ink(samples.corners, channels, layers, asked, coloring.field_share, coloring.grain, extra, strength)


def _shown(count: int, views: tuple[tuple[Sight, ...], ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What the photos show at each point, over their mirror images: colours (n, 3) 0..255 and weights (n,) 0..1."""
    colors, weights = np.zeros((count, 3), np.float32), np.zeros(count, np.float32)
    for view in reversed(views):
        look = blended(count, [sight.look() for sight in view])
        below = weights[look.points] * (1.0 - look.weights)
        weights[look.points] = below + look.weights
        share = (look.weights / weights[look.points])[:, None]
        colors[look.points] += (look.colors - colors[look.points]) * share
    return colors, weights


def _layers(
    samples: _Samples, views: tuple[tuple[Sight, ...], ...], mirror_all: MirrorPlane | None
) -> tuple[_Layer, ...]:
    """The photos over their mirror images; with ``mirror_all`` these come above on the side that is given up."""
    own, *mirrored = (tuple(_PhotoInk.of(sight, samples) for sight in view) for view in views)
    if mirror_all is None:
        return (*mirrored, own)
    kept = mirror_all.distances(samples.points)[samples.triangles].sum(axis=1) >= 0
    below, above = (tuple(photo.only_on(side) for photo in mirrored[0]) for side in (kept, ~kept))
    return below, own, above


def _shift(
    samples: _Samples, views: tuple[tuple[Sight, ...], ...], appearance: Appearance, plane: MirrorPlane | None
) -> NDArray[np.float32]:
    """(n, 3) float32, 0..255: by how much the field's colours are shifted towards the photos', everywhere."""
    looks = [sight.look() for sight in views[0]]
    own = 255.0 * _base_color(appearance)
    differences = [look.colors - own[look.points] for look in looks]
    weights = [looks[0].weights]
    for look, difference in zip(looks[1:], differences[1:], strict=True):
        weights.append(look.weights * likeness(difference, look.weights))
    return extended(
        np.concatenate(differences),
        np.concatenate(weights),
        samples.points if plane is None else plane.folded(samples.points),
        np.concatenate([look.points for look in looks]),
        np.maximum.reduce([sight.facing for view in views for sight in view]),
    )


def _painted(ink: _Ink, settings: BakeSettings, monitor: Monitor) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Texels (s, s, 3 + extra) uint8, 0 where nothing was painted, and where something was (s, s).

    Threads pay because numpy lets go of the interpreter in long operations; the texels are written here, in order,
    so that the result does not depend on them.
    """
    size = settings.texture_size
    texels = np.zeros((size * size, 3 + len(ink.extra)), np.uint8)
    covered = np.zeros(size * size, bool)
    painted = 0
    parts = batches(ink.corners)
    executor = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1))
    try:
        for done, (fragments, values) in enumerate(executor.map(ink.texels, parts), 1):
            monitor.progress(0.3 + 0.5 * done / len(parts))
            place = (fragments.y % size) * size + fragments.x % size
            texels[place] = values
            covered[place] = True
            painted += len(place)
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
    twice = 1.0 - np.count_nonzero(covered) / max(painted, 1)
    if twice > OVERLAP_WORTH_A_WORD:
        monitor.warn(
            Sentence(
                "{share:.0%} of the UVs lie one over the other; there the last face's colours remain.", share=twice
            )
        )
    return texels.reshape(size, size, -1), covered.reshape(size, size)
