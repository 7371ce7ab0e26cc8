# SPDX-License-Identifier: GPL-3.0-or-later
"""Baking: a code's colours into textures for any mesh with UVs, with the photo projected where it shows the surface.

UV triangles are rasterised; every texel gets the field's colour and, where the camera sees it, the photo's. Three
choices keep this quick and the result whole:

* The field is asked at the mesh's vertices, refined until they are half as far apart as the field's detail, and its
  colours are interpolated inside each triangle, never across island borders. A sample of triangles is checked; if
  interpolation shows, the field is asked at every texel.
* The field's colours are shifted smoothly towards the photo's: what the photo says on the visible part is extended
  over the hidden part, locally near the seam and on the whole far from it, so that both sides read as one object.
* Texels beyond the islands are filled from their neighbours, so that filtering and mipmaps never meet the background.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .code import Code
from .fields import Appearance, Field
from .monitor import Monitor
from .padding import pad
from .projection import Projection, smoothstep
from .raster import Fragments, Gradients, gradients, rasterize

Floats = NDArray[np.floating[Any]]

DEFAULT_ROUGHNESS, DEFAULT_METALLIC = 0.5, 0.0
"""The Principled BSDF's own defaults, for systems that predict neither."""

SPACING = 0.5
"""Distance of colour samples, in parts of the field's detail."""

SPACING_LIMITS = (1.0 / 256.0, 1.0 / 24.0)
"""Bounds for that distance, object units: finer is the texels' business, coarser would lose the facing angle."""

PROBES = 2000
"""Triangles at whose centres interpolated colours are compared with the field's."""

VISIBLE_ERROR = 6.0 / 255.0
"""Interpolation is accepted if 95 % of the probes differ by less in each channel."""

LARGEST_SPAN = 4.0
"""Triangles that reach over more squares of UV space than this are damaged and left out."""

OVERLAP_WORTH_A_WORD = 0.01
"""Share of texels claimed twice from which the artist is told."""


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
    """

    texture_size: int = 2048
    margin: int = 8
    photo_strength: float = 1.0


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
    """The refined mesh and what is known at its vertices.

    Attributes:
        points: (n, 3) float32.
        triangles: (t, 3).
        corners: (t, 3, 2) float64 UVs in texels, texel centres being integers.
        appearance: of the field at the points; None where the field is to be asked at every texel.
        window_points, depth, facing: of the points, see ``Projection.look``.
    """

    points: NDArray[np.float32]
    triangles: NDArray[np.integer[Any]]
    corners: NDArray[np.float64]
    window_points: NDArray[np.float32]
    depth: NDArray[np.float32]
    facing: NDArray[np.float32]


def bake(code: Code, field: Field, mesh: UVMesh, settings: BakeSettings, monitor: Monitor) -> Maps:
    """Bake the maps of a mesh.

    Args:
        code: the photo and its camera.
        field: the code's field.
        mesh: in the object frame; any mesh with UVs.
        settings: see there.
        monitor: told of progress and of UVs outside the square or one over the other; asked for cancellation.

    Raises:
        Cancelled: the artist cancelled.
    """
    size = settings.texture_size
    samples = _samples(code, field, mesh, size, monitor)
    monitor.progress(0.1)
    projection = Projection.of(code.photo, code.camera, samples.window_points, samples.depth, samples.triangles)
    monitor.progress(0.2)
    appearance = field.appearance(samples.points)
    interpolates = _interpolates(field, samples, appearance)
    monitor.progress(0.3)
    shift = settings.photo_strength * _photo_shift(projection, samples, appearance)
    canvas = _Canvas(size, appearance)
    canvas.paint(samples, appearance, shift, projection, None if interpolates else field, settings, monitor)
    return canvas.maps(max(1, round(settings.margin * size / 1024)), monitor)


def _samples(code: Code, field: Field, mesh: UVMesh, size: int, monitor: Monitor) -> _Samples:
    """Drop damaged triangles, refine large ones, see where the camera sees the vertices."""
    corners = mesh.uvs.astype(np.float64)
    sound = np.isfinite(corners).all(axis=(1, 2)) & (np.ptp(corners, axis=1) <= LARGEST_SPAN).all(axis=1)
    outside = ((corners < -1e-4) | (corners > 1.0 + 1e-4)).any(axis=(1, 2)) & sound
    if not sound.all():
        monitor.warn(f"{(~sound).sum()} triangles have damaged UVs and were not baked.")
    if outside.any():
        monitor.warn(f"{outside.sum()} triangles have UVs outside the texture's square; they were wrapped into it.")
    corners = corners[sound] * size - 0.5
    normals = _vertex_normals(mesh.vertices, mesh.triangles)
    spacing = float(np.clip(SPACING * field.detail, *SPACING_LIMITS))
    points, normals, triangles, corners = _refined(mesh.vertices, normals, mesh.triangles[sound], corners, spacing)
    window_points, depth = code.camera.project(points)
    sight = code.camera.position.astype(np.float32) - points
    facing = (normals * sight).sum(axis=1) / np.maximum(np.linalg.norm(sight, axis=1), 1e-12)
    return _Samples(
        points,
        triangles,
        corners,
        window_points.astype(np.float32),
        depth.astype(np.float32),
        facing.astype(np.float32),
    )


def _vertex_normals(vertices: NDArray[np.float32], triangles: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """(n, 3) float32 unit normals, the mean of the faces around weighted by area."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    faces = np.cross(b - a, c - a)
    flat = triangles.ravel()
    total = [np.bincount(flat, np.repeat(faces[:, axis], 3), minlength=len(vertices)) for axis in range(3)]
    normals = np.stack(total, axis=1).astype(np.float32)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)


def _refined(
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    triangles: NDArray[np.integer[Any]],
    corners: NDArray[np.float64],
    spacing: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.integer[Any]], NDArray[np.float64]]:
    """Points, normals, triangles and UVs after triangles with an edge over ``spacing`` were cut in four, repeatedly."""
    done: list[tuple[NDArray[np.integer[Any]], NDArray[np.float64]]] = []
    while True:
        edges = points[np.roll(triangles, -1, axis=1)] - points[triangles]
        large = ((edges * edges).sum(axis=2) > spacing * spacing).any(axis=1)
        done.append((triangles[~large], corners[~large]))
        if not large.any():
            break
        triangles, corners = triangles[large], corners[large]
        following = np.roll(triangles, -1, axis=1)
        pairs = np.stack([np.minimum(triangles, following), np.maximum(triangles, following)], axis=2).reshape(-1, 2)
        keys, middle = np.unique(pairs[:, 0].astype(np.int64) * len(points) + pairs[:, 1], return_inverse=True)
        ends = keys // len(points), keys % len(points)
        middle = middle.reshape(-1, 3) + len(points)
        points = np.concatenate([points, 0.5 * (points[ends[0]] + points[ends[1]])]).astype(np.float32)
        halved = normals[ends[0]] + normals[ends[1]]
        halved /= np.maximum(np.linalg.norm(halved, axis=1, keepdims=True), 1e-30)
        normals = np.concatenate([normals, halved])
        between = 0.5 * (corners + np.roll(corners, -1, axis=1))
        parts = [(triangles[:, i], middle[:, i], middle[:, i - 1]) for i in range(3)] + [tuple(middle.T)]
        places = [(corners[:, i], between[:, i], between[:, i - 1]) for i in range(3)]
        places.append((between[:, 0], between[:, 1], between[:, 2]))
        triangles = np.concatenate([np.stack(part, axis=1) for part in parts])
        corners = np.concatenate([np.stack(place, axis=1) for place in places])
    return points, normals, np.concatenate([part[0] for part in done]), np.concatenate([part[1] for part in done])


def _interpolates(field: Field, samples: _Samples, appearance: Appearance) -> bool:
    """Whether colours interpolated from the vertices are, to the eye, the field's."""
    count = len(samples.triangles)
    if count == 0:
        return True
    probes = samples.triangles[np.random.default_rng(0).integers(0, count, min(PROBES, count))]
    asked = field.appearance(samples.points[probes].mean(axis=1))
    error = np.abs(asked.base_color - appearance.base_color[probes].mean(axis=1)).max(axis=1)
    return bool(np.quantile(error, 0.95) <= VISIBLE_ERROR)


def _photo_shift(projection: Projection, samples: _Samples, appearance: Appearance) -> NDArray[np.float32]:
    """(n, 3) float32: what to add to the field's colours so that they meet the photo's.

    Differences on the visible part are averaged in a pyramid of grids over [-1, 1]^3. Each finer grid keeps to the
    coarser one where it knows little and follows its own average where it knows much: near the seam the shift is
    local, far from it the object's mean.
    """
    colors, weights = projection.look(samples.window_points, samples.depth, samples.facing)
    difference = (colors - appearance.base_color) * weights[:, None]
    finest = 1 << SHIFT_LEVELS
    cells = np.clip(((samples.points + 1.0) * (0.5 * finest)).astype(np.int64), 0, finest - 1)
    cell = (cells[:, 0] * finest + cells[:, 1]) * finest + cells[:, 2]
    sums = [np.bincount(cell, difference[:, channel], minlength=finest**3) for channel in range(3)]
    sums.append(np.bincount(cell, weights, minlength=finest**3))
    levels = [np.stack(sums, axis=-1).reshape(finest, finest, finest, 4)]
    for _ in range(SHIFT_LEVELS):
        grid = levels[-1]
        halved = grid[0::2] + grid[1::2]
        halved = halved[:, 0::2] + halved[:, 1::2]
        levels.append(halved[:, :, 0::2] + halved[:, :, 1::2])
    shift = np.zeros((1, 1, 1, 3))
    for grid in reversed(levels):
        if len(grid) > 1:
            shift = _doubled(shift)
        shift = (grid[..., :3] + SHIFT_PRIOR * shift) / (grid[..., 3:] + SHIFT_PRIOR)
    return _trilinear(shift, samples.points)


SHIFT_LEVELS = 5
"""The finest grid of colour differences has 2**5 = 32 cells along the object's cube."""

SHIFT_PRIOR = 4.0
"""How many fully seen vertices weigh as much as the coarser grid."""


def _doubled(grid: Floats) -> Floats:
    """A grid (g, g, g, 3) at twice the resolution, linear between its cells' centres."""
    for axis in range(3):
        before = np.concatenate([grid.take([0], axis), grid.take(range(grid.shape[axis] - 1), axis)], axis)
        after = np.concatenate([grid.take(range(1, grid.shape[axis]), axis), grid.take([-1], axis)], axis)
        pair = np.stack([0.75 * grid + 0.25 * before, 0.75 * grid + 0.25 * after], axis + 1)
        grid = pair.reshape(*grid.shape[:axis], -1, *grid.shape[axis + 1 :])
    return grid


def _trilinear(grid: Floats, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """A grid (g, g, g, 3) over [-1, 1]^3, values at cell centres, at points (n, 3)."""
    size = len(grid)
    place = np.clip((points + 1.0) * (0.5 * size) - 0.5, 0.0, size - 1.0)
    low = np.minimum(place.astype(np.int64), size - 2)
    part = place - low
    flat = grid.astype(np.float32).reshape(-1, 3)
    total = np.zeros((len(points), 3), np.float32)
    for corner in np.ndindex(2, 2, 2):
        index = low + np.array(corner)
        weight = np.where(np.array(corner) == 1, part, 1.0 - part).prod(axis=1).astype(np.float32)
        total += weight[:, None] * flat[(index[:, 0] * size + index[:, 1]) * size + index[:, 2]]
    return total


class _Canvas:
    """The maps being painted: texels in rows, all channels of a texel together."""

    def __init__(self, size: int, appearance: Appearance) -> None:
        self.size = size
        self.constants = {"roughness": DEFAULT_ROUGHNESS, "metallic": DEFAULT_METALLIC}
        self.varying: list[str] = []
        for name in ("roughness", "metallic"):
            value = getattr(appearance, name)
            if isinstance(value, np.ndarray):
                self.varying.append(name)
            elif value is not None:
                self.constants[name] = float(value)
        self.texels = np.zeros((size * size, 3 + len(self.varying)), np.uint8)
        self.covered = np.zeros(size * size, bool)
        self.painted = 0

    def channels(self, appearance: Appearance) -> NDArray[np.float32]:
        """(n, 3 + varying) float32."""
        extra = [np.asarray(getattr(appearance, name))[:, None] for name in self.varying]
        return np.concatenate([appearance.base_color, *extra], axis=1).astype(np.float32)

    def paint(
        self,
        samples: _Samples,
        appearance: Appearance,
        shift: NDArray[np.float32],
        projection: Projection,
        field: Field | None,
        settings: BakeSettings,
        monitor: Monitor,
    ) -> None:
        """Paint all triangles; with a field, ask it at every texel instead of interpolating."""
        channels = self.channels(appearance)
        if field is None:
            channels[:, :3] += shift
            values = channels
        else:
            values = np.concatenate([shift, samples.points], axis=1)
        inks = gradients(samples.corners, values[samples.triangles])
        seen = np.concatenate(
            [samples.window_points * samples.depth[:, None], samples.depth[:, None], samples.facing[:, None]], axis=1
        )
        views = gradients(samples.corners, seen[samples.triangles])
        visible = smoothstep(0.0, 1.0, samples.facing)[samples.triangles].max(axis=1) > 0.0
        for fragments in rasterize(samples.corners):
            ink = np.stack(inks.at(fragments), axis=1)
            if field is not None:
                asked = self.channels(field.appearance(np.ascontiguousarray(ink[:, 3:])))
                asked[:, :3] += ink[:, :3]
                ink = asked
            self._project(ink, fragments, views, visible, projection, settings.photo_strength)
            place = (fragments.y % self.size) * self.size + fragments.x % self.size
            self.texels[place] = (np.clip(ink, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
            self.covered[place] = True
            self.painted += len(place)
            monitor.progress(0.3 + 0.5 * float(fragments.triangle[-1]) / len(samples.triangles) if len(place) else 0.3)

    def _project(
        self,
        ink: NDArray[np.float32],
        fragments: Fragments,
        views: Gradients,
        visible: NDArray[np.bool_],
        projection: Projection,
        strength: float,
    ) -> None:
        """Blend the photo into colours (f, >= 3) where it is seen."""
        chosen = np.flatnonzero(visible[fragments.triangle])
        part = Fragments(fragments.triangle[chosen], fragments.x[chosen], fragments.y[chosen])
        x, y, depth, facing = views.at(part)
        window_points = np.stack([x, y], axis=1) / np.where(depth > 1e-6, depth, 1.0)[:, None]
        colors, weight = projection.look(window_points, depth, facing)
        before = ink[chosen, :3]
        ink[chosen, :3] = before + (colors - before) * (strength * weight)[:, None]

    def maps(self, margin: int, monitor: Monitor) -> Maps:
        """Fill the margins and hand over the maps."""
        count = int(self.covered.sum())
        twice = (self.painted - count) / max(count, 1)
        if twice > OVERLAP_WORTH_A_WORD:
            monitor.warn(f"{twice:.0%} of the texture lies under overlapping UVs; there the last face's colours stay.")
        covered = self.covered.reshape(self.size, self.size)
        texels = pad(self.texels.reshape(self.size, self.size, -1), covered, margin)
        monitor.progress(1.0)
        values: dict[str, NDArray[np.uint8] | float] = dict(self.constants)
        for index, name in enumerate(self.varying):
            values[name] = np.ascontiguousarray(texels[:, :, 3 + index])
        return Maps(
            np.ascontiguousarray(texels[:, :, :3]),
            values["roughness"],
            values["metallic"],
            count / covered.size,
        )
