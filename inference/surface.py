# SPDX-License-Identifier: GPL-3.0-or-later
"""From a field to a closed quad mesh: coarse-to-fine sampling, OpenVDB's dual mesher, cleaning."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .errors import ModelError, SurfaceError
from .fields import Field
from .lattice import (
    CHUNK,
    LARGEST_LEVEL,
    PAGE,
    SAMPLING_SHARE,
    Lattice,
    Sampler,
    VoxelGrid,
    chunks,
    sample,
    sample_densely,
)
from .monitor import Monitor, QuietMonitor
from .sentence import Sentence
from .shaping import ShapedField, smooth
from .symmetry import MirroredField, MirrorPlane, keep_half, with_mirror_image

Vertices = NDArray[np.float32]
"""(n, 3) float32."""

Faces = NDArray[np.int32]
"""(m, 4) int32 quads, counter-clockwise seen from outside."""

MIN_RESOLUTION, MAX_RESOLUTION = 32, 512

LOWEST_RESOLUTION = 16
"""How coarse ``target_faces`` may make the grid: fewer samples show no shape."""

PROBE_RESOLUTION = 64
"""Resolution at which the number of quads is first counted to meet ``target_faces``."""

TARGET_TOLERANCE = 0.1
"""Share by which the number of quads may exceed ``target_faces``."""

LONGEST_STEP = 0.5
"""Voxels a vertex may move by the Newton step. Its cell's samples say nothing about what lies farther away."""


@dataclass(frozen=True)
class SurfaceSettings:
    """How finely to extract a surface.

    Attributes:
        resolution: samples along the longest side of the field's box, 32 to 512.
        target_faces: lower the resolution until there are about this many quads or fewer; None keeps it.
        floater_share: separate parts with less than this share of the whole area are dropped.
        iso_shift: -1..1, from the field's fullest to its thinnest sensible iso level; 0 is the system's own.
        base_cut: share of the height, 0..0.9, that is cut off flat at the base.
        smoothing: rounds of Taubin smoothing, 0 or more.
    """

    resolution: int = 160
    target_faces: int | None = None
    floater_share: float = 0.01
    iso_shift: float = 0.0
    base_cut: float = 0.0
    smoothing: int = 0


@dataclass(frozen=True)
class SurfaceReport:
    """What extraction cost and found.

    Attributes:
        resolution: samples along the longest side of the box, after ``target_faces``.
        spacing: distance between samples, object units.
        evaluations: points at which the field was evaluated, those for the Newton step and for meeting
            ``target_faces`` included.
        dense_evaluations: samples of the whole grid at this resolution.
        found_diameter: parts and gaps into which a ball of this diameter (object units) fits cannot have been missed.
        components: separate parts kept.
        dropped_floaters: separate parts dropped because they are small.
        dropped_shells: closed surfaces dropped because they lie inside the object, where nobody sees them.
        watertight: every edge belongs to exactly two faces that run along it in opposite directions.
        non_manifold_edges: edges of three or more faces, or of two that disagree about the outside.
    """

    resolution: int
    spacing: float
    evaluations: int
    dense_evaluations: int
    found_diameter: float
    components: int
    dropped_floaters: int
    dropped_shells: int
    watertight: bool
    non_manifold_edges: int


@dataclass(frozen=True)
class Surface:
    """A quad mesh.

    Attributes:
        vertices: (n, 3) float32, object frame.
        faces: (m, 4) int32 quads, counter-clockwise seen from outside.
        report: what it cost and what was found.
    """

    vertices: Vertices
    faces: Faces
    report: SurfaceReport


def extract_surface(
    field: Field, settings: SurfaceSettings, monitor: Monitor, plane: MirrorPlane | None = None
) -> Surface:
    """Extract the field's level set as a closed quad mesh.

    Parts into which a ball of diameter ``field.detail`` fits at one place are never missed (where that is less than
    2.24 voxels, this size counts), and a part that was found is followed to its thinnest connected twig: its surface
    is the one that evaluating every sample of the grid would give. See ``lattice``.

    With a mirror plane, the surface is that of the field folded there: its two halves are mirror images, vertex by
    vertex and face by face, and share an edge loop in the plane. The cells are as large as without.

    Raises:
        SurfaceError: the field is empty, has values that are not numbers, or the settings are out of range.
        ModelError: Blender's OpenVDB module is not there.
        Cancelled: between batches of evaluations.
    """
    if not MIN_RESOLUTION <= settings.resolution <= MAX_RESOLUTION:
        raise SurfaceError(
            Sentence("The resolution {resolution} is out of range.", resolution=settings.resolution),
            Sentence("Choose a value from {lowest} to {highest}.", lowest=MIN_RESOLUTION, highest=MAX_RESOLUTION),
        )
    field, evaluations = _shaped(field, settings, monitor, plane)
    if settings.target_faces is None:
        surface = _extract(field, settings.resolution, settings.floater_share, evaluations, monitor, plane)
    else:
        surface = _extract_about(field, settings, settings.target_faces, evaluations, monitor, plane)
    if not settings.smoothing:
        return surface
    return replace(surface, vertices=smooth(surface.vertices, surface.faces, settings.smoothing))


def extract_densely(field: Field, settings: SurfaceSettings, monitor: Monitor) -> Surface:
    """Like ``extract_surface`` without ``target_faces``, but evaluates every sample, as a measure for it."""
    return _extract(field, settings.resolution, settings.floater_share, 0, monitor, densely=True)


def _shaped(field: Field, settings: SurfaceSettings, monitor: Monitor, plane: MirrorPlane | None) -> tuple[Field, int]:
    """The field as the artist wants it, and the evaluations that finding its base took."""
    if not settings.iso_shift and not settings.base_cut:
        return field, 0
    shifted = ShapedField(field, settings.iso_shift)
    if not settings.base_cut:
        return shifted, 0
    # The field's box may be much taller than what is in it: a coarse surface tells where the object stands.
    coarse = _extract(shifted, PROBE_RESOLUTION, settings.floater_share, 0, QuietMonitor(monitor), plane)
    lowest, highest = float(coarse.vertices[:, 2].min()), float(coarse.vertices[:, 2].max())
    floor = lowest + settings.base_cut * (highest - lowest)
    return ShapedField(field, settings.iso_shift, floor), coarse.report.evaluations


def _extract_about(
    field: Field,
    settings: SurfaceSettings,
    target: int,
    evaluations: int,
    monitor: Monitor,
    plane: MirrorPlane | None,
) -> Surface:
    """Find the highest resolution that keeps to the target: the number of quads grows with its square.

    The lowest resolution may still give more, of an object with many thin parts: the monitor is told.
    """
    resolution = min(settings.resolution, PROBE_RESOLUTION)
    surface = _extract(field, resolution, settings.floater_share, evaluations, QuietMonitor(monitor), plane)
    for _ in range(3):
        ideal = round(resolution * (target / len(surface.faces)) ** 0.5)
        wanted = max(LOWEST_RESOLUTION, min(settings.resolution, ideal))
        close = (1 - TARGET_TOLERANCE) * target <= len(surface.faces) <= (1 + TARGET_TOLERANCE) * target
        if wanted == resolution or close:
            break
        resolution = wanted
        surface = _extract(field, resolution, settings.floater_share, surface.report.evaluations, monitor, plane)
    if len(surface.faces) > (1 + TARGET_TOLERANCE) * target:
        monitor.warn(
            Sentence(
                "The surface has {count} faces instead of {target}; Auto Retopology (--retopology) makes so few.",
                count=len(surface.faces),
                target=target,
            )
        )
    return surface


def _extract(
    field: Field,
    resolution: int,
    floater_share: float,
    evaluations: int,
    monitor: Monitor,
    plane: MirrorPlane | None = None,
    densely: bool = False,
) -> Surface:
    grid = VoxelGrid.of(field, resolution) if plane is None else VoxelGrid.across(field, plane, resolution)
    sampler = Sampler(field if plane is None else MirroredField(field, plane), grid, monitor)
    sampled = sample_densely(grid, sampler) if densely else sample(field, grid, sampler)
    voxels, faces = _mesh(sampled.lattice)
    if plane is None:
        vertices = grid.points(_newton_step(voxels, faces, sampled.lattice, sampler))
        vertices = np.clip(vertices, grid.lower, grid.upper)
    else:
        voxels, faces = _symmetric(voxels, faces, sampled.lattice, sampler, (grid.shape[0] - 1) / 2)
        vertices = grid.points(voxels)
    vertices, faces, parts = _drop_unwanted(vertices, faces, floater_share)
    watertight, non_manifold_edges = _check_edges(faces, len(vertices))
    report = SurfaceReport(
        resolution=resolution,
        spacing=grid.spacing,
        evaluations=evaluations + sampler.evaluations,
        dense_evaluations=grid.shape[0] * grid.shape[1] * grid.shape[2],
        found_diameter=sampled.found_diameter,
        components=parts.kept,
        dropped_floaters=parts.floaters,
        dropped_shells=parts.shells,
        watertight=watertight,
        non_manifold_edges=non_manifold_edges,
    )
    return Surface(vertices, faces, report)


def _mesh(lattice: Lattice) -> tuple[Vertices, Faces]:
    """Mesh the level set with OpenVDB: vertices in voxel coordinates, and quads around the inside.

    The mesher (Nielson, "Dual marching cubes", 2004) gives one quad per voxel edge that crosses the surface, and a
    vertex per sheet of surface in a voxel's cell, so sheets that pass through one cell stay apart.

    Raises:
        ModelError: the module is missing.
    """
    try:
        import openvdb
    except ImportError as error:
        raise ModelError(
            Sentence("Blender's OpenVDB module cannot be loaded ({reason}).", reason=error),
            "Install Blender from blender.org, version 4.5 or later.",
        ) from error
    # OpenVDB has the inside below the iso level.
    pages = -lattice.page_levels()
    flat = pages.reshape(len(pages), -1)
    # A page of equal values would become a tile, whose sign the flood fill sets; a tiny difference keeps it a leaf.
    flat[flat.min(axis=1) == flat.max(axis=1), 0] *= np.float32(1.001)
    # No level equals the background, so that all of a leaf's voxels are active and keep their signs, and the flood
    # fill gives the space between the leaves the sign of its neighbours.
    grid = openvdb.FloatGrid(10 * float(LARGEST_LEVEL))
    for page, levels in zip((lattice.pages * PAGE).tolist(), pages, strict=True):
        grid.copyFromArray(levels, ijk=tuple(page))
    grid.signedFloodFill()
    voxels, faces = grid.convertToQuads(0.0)
    return np.asarray(voxels, np.float32), np.asarray(faces).astype(np.int32)


def _symmetric(
    voxels: Vertices, faces: Faces, lattice: Lattice, sampler: Sampler, middle: float
) -> tuple[Vertices, Faces]:
    """The half of a mesh beyond the plane x = ``middle`` on the level set, and its mirror image.

    Raises:
        SurfaceError: there is nothing on that side.
    """
    half, faces, seam = keep_half(voxels, faces, middle)
    if not len(faces):
        raise SurfaceError(
            "There is nothing on the side of the mirror plane that is kept.", "Keep the other side, or move the plane."
        )
    half = _newton_step(half, faces, lattice, sampler)
    half[seam, 0] = middle
    return with_mirror_image(half, faces, seam, middle)


def _newton_step(voxels: Vertices, faces: Faces, lattice: Lattice, sampler: Sampler) -> Vertices:
    """Move the vertices onto the level set by one Newton step along the samples' trilinear gradient.

    Vertices whose faces would turn over stay where they were.
    """
    levels = sampler.levels(voxels, (SAMPLING_SHARE, 1.0))
    slopes = _trilinear_gradients(voxels, lattice)
    steepness = np.sqrt(np.einsum("ij,ij->i", slopes, slopes))
    flat = steepness == 0
    lengths = np.clip(-levels / np.where(flat, 1, steepness), -LONGEST_STEP, LONGEST_STEP)
    steps: Vertices = slopes * (lengths / np.where(flat, 1, steepness))[:, None]
    before = _normals(voxels, faces)
    while True:
        moved: Vertices = voxels + steps
        turned = np.einsum("ij,ij->i", before, _normals(moved, faces)) <= 0
        restless = turned.nonzero()[0]
        restless = restless[steps[faces[restless]].any(axis=(1, 2))]
        if not len(restless):
            return moved
        steps[faces[restless]] = 0


def _trilinear_gradients(voxels: Vertices, lattice: Lattice) -> NDArray[np.float32]:
    """(n, 3) gradients, per voxel, of the samples' trilinear interpolation; zero where a sample was not evaluated."""
    gradients = np.empty_like(voxels)
    for chunk in chunks(len(voxels), CHUNK // 8):
        gradients[chunk] = _trilinear_chunk(voxels[chunk], lattice)
    return gradients


def _trilinear_chunk(voxels: Vertices, lattice: Lattice) -> NDArray[np.float32]:
    lowest = np.clip(np.floor(voxels), 0, np.array(lattice.size, np.float32) - 2).astype(np.int32)
    pairs = (lowest[:, :, None] + np.arange(2, dtype=np.int32)).transpose(1, 2, 0)
    nodes = lattice.addresses(pairs[0][:, None, None], pairs[1][:, None], pairs[2])
    levels, known = lattice.levels_and_known(nodes)
    x, y, z = np.ascontiguousarray((voxels - lowest).T)
    # Interpolate along one axis after the other, keeping the differences along those that are done.
    slope_z = levels[:, :, 1] - levels[:, :, 0]
    plane = levels[:, :, 0] + slope_z * z
    slope_z = slope_z[:, 0] + (slope_z[:, 1] - slope_z[:, 0]) * y
    slope_y = plane[:, 1] - plane[:, 0]
    line = plane[:, 0] + slope_y * y
    slopes = [line[1] - line[0], *(slope[0] + (slope[1] - slope[0]) * x for slope in (slope_y, slope_z))]
    gradients: NDArray[np.float32] = np.stack(slopes, axis=1)
    gradients[~known.all(axis=(0, 1, 2))] = 0
    return gradients


def _normals(vertices: Vertices, faces: Faces) -> NDArray[np.float32]:
    """(m, 3) half the cross product of each quad's diagonals: its normal, as long as its area."""
    corners: NDArray[np.float32] = vertices[faces.T]
    first, second = corners[2] - corners[0], corners[3] - corners[1]
    normals: NDArray[np.float32] = np.empty_like(first)
    # numpy's own cross product takes three times as long.
    for axis, (one, other) in enumerate(((1, 2), (2, 0), (0, 1))):
        normals[:, axis] = first[:, one] * second[:, other] - first[:, other] * second[:, one]
    normals *= 0.5
    return normals


@dataclass(frozen=True)
class _Parts:
    """How many separate parts there were."""

    kept: int
    floaters: int
    shells: int


def _drop_unwanted(vertices: Vertices, faces: Faces, floater_share: float) -> tuple[Vertices, Faces, _Parts]:
    """Keep the parts that can be seen and are large enough."""
    labels, count = _components(faces, len(vertices))
    normals = _normals(vertices, faces)
    areas = np.bincount(labels, np.sqrt(np.einsum("ij,ij->i", normals, normals)), count)
    heights = np.einsum("ij,ij->i", vertices[faces[:, 0]], normals)
    volumes = np.bincount(labels, heights, count)
    if volumes.sum() < 0:
        # Cavities are smaller than what surrounds them: the sum tells which way round the mesher works.
        faces, volumes = faces[:, ::-1], -volumes
    cavities = volumes <= 0
    small = ~cavities & (areas < floater_share * areas[~cavities].sum())
    small[np.argmax(np.where(cavities, 0, areas))] = False
    kept = ~cavities & ~small
    buried = _buried(vertices, faces, labels, kept)
    kept[buried] = False
    parts = _Parts(int(kept.sum()), int(small.sum()), int(cavities.sum()) + len(buried))
    if kept.all():
        return vertices, faces, parts
    faces = faces[kept[labels]]
    used = np.zeros(len(vertices), bool)
    used[faces] = True
    renumbered = np.cumsum(used, dtype=np.int32) - 1
    return vertices[used], renumbered[faces], parts


def _components(faces: Faces, vertex_count: int) -> tuple[NDArray[np.intp], int]:
    """Label connected faces: (m,) labels from 0, and how many there are.

    Union by hooking larger roots onto smaller ones and pointer jumping (Shiloach and Vishkin, "An O(log n) parallel
    connectivity algorithm", 1982), whole arrays at a time.
    """
    root = np.arange(vertex_count, dtype=np.int32)
    # Three edges connect a quad's corners.
    one, other = faces[:, :3].ravel(), faces[:, 1:].ravel()
    while len(one):
        one, other = root[one], root[other]
        apart = one != other
        one, other = one[apart], other[apart]
        # Of several smaller roots any one will do: the others remain to be joined in the next round.
        root[np.maximum(one, other)] = np.minimum(one, other)
        while True:
            above = root[root]
            if np.array_equal(above, root):
                break
            root = above
    is_root = root == np.arange(vertex_count)
    numbers = np.cumsum(is_root) - 1
    return numbers[root[faces[:, 0]]], int(is_root.sum())


def _buried(vertices: Vertices, faces: Faces, labels: NDArray[np.intp], kept: NDArray[np.bool_]) -> list[int]:
    """Those kept parts that lie inside another kept one."""
    if kept.sum() < 2:
        return []
    counts = np.bincount(labels)
    ends = np.cumsum(counts)
    faces = faces[np.argsort(labels, kind="stable")]
    corners = np.ascontiguousarray(vertices[faces[:, 0]].T)
    lower, upper = (bound.reduceat(corners, ends - counts, axis=1).T for bound in (np.minimum, np.maximum))
    found = []
    for part in np.flatnonzero(kept):
        around = kept & (lower < lower[part]).all(axis=1) & (upper > upper[part]).all(axis=1)
        point = vertices[faces[ends[part] - 1]].mean(axis=0)
        others = (faces[ends[other] - counts[other] : ends[other]] for other in np.flatnonzero(around))
        if any(_encloses(vertices, other, point) for other in others):
            found.append(int(part))
    return found


def _encloses(vertices: Vertices, faces: Faces, point: NDArray[np.float32]) -> bool:
    """Whether a ray from the point along +X leaves the closed part more often than it enters it."""
    for axis in (1, 2):
        beyond = (vertices[:, axis] > point[axis])[faces]
        faces = faces[beyond.any(axis=1) & ~beyond.all(axis=1)]
    triangles = vertices[np.concatenate([faces[:, :3], faces[:, [0, 2, 3]]])].astype(np.float64) - point
    x, y, z = np.moveaxis(triangles, -1, 0)
    # Twice the areas, seen along X, of the triangles that the ray makes with each edge: of one sign if it hits.
    areas = y * np.roll(z, -1, axis=1) - z * np.roll(y, -1, axis=1)
    hit = (areas > 0).all(axis=1) | (areas < 0).all(axis=1)
    # The area of an edge weighs the corner it does not touch.
    ahead = (np.roll(areas[hit], -1, axis=1) * x[hit]).sum(axis=1) / areas[hit].sum(axis=1) > 0
    return bool(np.sign(areas[hit][ahead].sum(axis=1)).sum() > 0)


def _check_edges(faces: Faces, vertex_count: int) -> tuple[bool, int]:
    """Whether each edge has exactly two faces running along it in opposite directions, and how many have others.

    Edges of a single face make the mesh leaky, not non-manifold.
    """
    start, end = faces.astype(np.int64).ravel(), np.roll(faces, -1, axis=1).astype(np.int64).ravel()
    edges = np.minimum(start, end) * vertex_count + np.maximum(start, end)
    # The lowest bit is the direction: a sound edge is two neighbours in the sorted list that differ by it.
    keys = np.sort(edges * 2 + (start > end))
    if len(keys) % 2 == 0 and (keys[1::2] - keys[::2] == 1).all() and (keys[::2] % 2 == 0).all():
        doubled = keys[1:-1:2] >> 1 == keys[2::2] >> 1
        if not doubled.any():
            return True, 0
    _, first, counts = np.unique(keys >> 1, return_index=True, return_counts=True)
    agreeing = (counts == 2) & (keys[first] == keys[np.minimum(first + 1, len(keys) - 1)])
    return False, int(((counts > 2) | agreeing).sum())
