# SPDX-License-Identifier: GPL-3.0-or-later
"""Baking a high-poly mesh's shape to a low-poly one with Cycles, selected to active: normals and ambient occlusion.

Runs in a background Blender (see ``background.py``), on its CPU. Colours are not baked this way: they come from the
field itself, see ``inference/bake.py``.
"""

from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ..compat import ensure_node_tree
from ..inference.errors import SettingsError
from ..inference.monitor import Monitor, RetopologyStage
from .mesh_check import triangle_tree
from .polygons import Polygons, fill_mesh
from .symmetry import spread_samples

Floats = NDArray[np.floating[Any]]

CAGE_SLACK = 1.25
"""The cage is this much farther out than the farthest place measured: between the samples it may be farther still."""

RAYS = 20_000
"""By which distances are measured."""

CAGE_QUANTILE = 0.999
"""Of the distances measured; the last few are rays that pass a rim and meet what is behind."""

CAGE_DEPTH = 2.0
"""How far rays go, in distances of the cage: as deep into the low-poly as they began outside it."""

LEAST_CAGE, MOST_CAGE = 0.002, 0.06
"""Bounds of the cage's distance in parts of the longest side; farther out, rays meet other parts of the object."""

NORMAL_SAMPLES = 4
"""Per texel; more smooth nothing further at the usual sizes."""

OCCLUSION_REACH = 0.5
"""Surfaces farther away than this part of the longest side occlude nothing."""

OCCLUSION_SHARE = 2
"""Occlusion is baked at this fraction of the texture size and enlarged: it is soft, and costs most of the time."""

LEAST_OCCLUSION_SIZE = 256
"""But never at fewer texels than this."""


@dataclass(frozen=True)
class DetailSettings:
    """What to bake.

    Attributes:
        texture_size: side of the maps, texels.
        margin: how far the maps are spread beyond the islands, in texels of a 1024 map; grows with the size.
        normals: whether to bake a tangent space normal map, OpenGL convention (green points up).
        occlusion_samples: rays per texel of the ambient occlusion; 0 bakes none.
        cage: distance of the cage in the meshes' units; 0 measures it.
    """

    texture_size: int = 2048
    margin: int = 8
    normals: bool = True
    occlusion_samples: int = 32
    cage: float = 0.0


@dataclass(frozen=True)
class DetailMaps:
    """What was baked; row 0 is v = 0.

    Attributes:
        normals: (s, s, 3) float32 0..1 or None.
        occlusion: (s, s) float32 0..1, 1 in the open, or None.
        cage: distance of the cage that was used, in the meshes' units.
        missed: share of the rays that met nothing; their texels are filled from those around.
    """

    normals: NDArray[np.float32] | None
    occlusion: NDArray[np.float32] | None
    cage: float
    missed: float


def bake_detail(high: Polygons, low: Polygons, settings: DetailSettings, monitor: Monitor) -> DetailMaps:
    """Bake with Cycles in the present file, which must be empty.

    Args:
        high: with shading normals, or shaded smooth.
        low: with UVs within the unit square and shading normals; the same coordinates.
        settings: see there.
        monitor: told of progress; asked for cancellation between the maps.

    Raises:
        SettingsError: the low-poly mesh has no UVs.
        Cancelled: the monitor said so.
    """
    if low.uvs is None:
        raise SettingsError("The low-poly mesh has no UV map to bake to.", "Unwrap it first.")
    # Cycles offsets rays by fixed small distances: bake at the size of a metre whatever the object's size.
    scale = 1.0 / max(float(np.ptp(high.vertices, axis=0).max()), 1e-12)
    high, low = _scaled(high, scale), _scaled(low, scale)
    rays = _Rays(high, low)
    cage = settings.cage * scale if settings.cage > 0.0 else rays.measured_cage()
    baker = _Baker(high, low, settings, cage)
    normals = occlusion = None
    if settings.normals:
        with monitor.stage(RetopologyStage.NORMALS):
            normals = baker.normals()
    if settings.occlusion_samples > 0:
        with monitor.stage(RetopologyStage.OCCLUSION):
            occlusion = baker.occlusion()
    return DetailMaps(normals, occlusion, cage / scale, rays.missed(cage))


class _Rays:
    """Rays as the baking will cast them, spread over the low-poly, by which distances are measured."""

    def __init__(self, high: Polygons, low: Polygons) -> None:
        self._size = float(np.ptp(high.vertices, axis=0).max())
        self._tree = triangle_tree(high)
        self._points, self._normals = _ray_starts(low)

    def measured_cage(self) -> float:
        """How far out of the low-poly rays must start to meet all of the high-poly.

        The distance is measured along the low-poly's shading normals, as Cycles casts its rays. A surface that is met
        from behind is another part of the object and says nothing.
        """
        reach = MOST_CAGE * self._size
        found = []
        for point, normal in zip(self._points.tolist(), self._normals.tolist(), strict=True):
            place, facing, _, distance = self._tree.ray_cast(point, normal, reach)
            if place is not None and facing.dot(Vector(normal)) > 0.0:
                found.append(distance)
        farthest = float(np.quantile(found, CAGE_QUANTILE)) if found else 0.0
        return float(np.clip(CAGE_SLACK * farthest, LEAST_CAGE * self._size, reach))

    def missed(self, cage: float) -> float:
        """Share of the rays from the cage that meet nothing."""
        starts = self._points + cage * self._normals
        hits = [
            self._tree.ray_cast(start, direction, CAGE_DEPTH * cage)[0] is not None
            for start, direction in zip(starts.tolist(), (-self._normals).tolist(), strict=True)
        ]
        return 1.0 - sum(hits) / max(len(hits), 1)


def _ray_starts(low: Polygons) -> tuple[Floats, Floats]:
    """Points (n, 3) spread evenly over the surface, and the interpolated shading normals there (n, 3)."""
    corners = low.triangle_corners
    places = low.vertices[low.corners[corners]].astype(np.float64)
    if low.normals is None:
        across = np.cross(places[:, 1] - places[:, 0], places[:, 2] - places[:, 0])
        normals = np.repeat(across[:, None], 3, axis=1)
    else:
        normals = low.normals[corners].astype(np.float64)
    triangle, weights = spread_samples(places, RAYS)
    points = np.einsum("nk,nkx->nx", weights, places[triangle])
    normals = np.einsum("nk,nkx->nx", weights, normals[triangle])
    return points, normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)


def _scaled(polygons: Polygons, scale: float) -> Polygons:
    return replace(polygons, vertices=(polygons.vertices * np.float32(scale)).astype(np.float32))


class _Baker:
    """The scene in which is baked."""

    def __init__(self, high: Polygons, low: Polygons, settings: DetailSettings, cage: float) -> None:
        self._settings = settings
        self._cage = cage
        scene = bpy.context.scene
        scene.render.engine = "CYCLES"
        scene.cycles.device = "CPU"
        scene.cycles.use_adaptive_sampling = False
        scene.world = bpy.data.worlds.new("bake")
        scene.world.light_settings.distance = OCCLUSION_REACH
        self._high_object = _add_object("high", high)
        self._low_object = _add_object("low", low)
        self._low_object.data.materials.append(bpy.data.materials.new("target"))

    def normals(self) -> NDArray[np.float32]:
        """(s, s, 3)."""
        return self._bake("NORMAL", self._settings.texture_size, NORMAL_SAMPLES, (0.5, 0.5, 1.0))[:, :, :3].copy()

    def occlusion(self) -> NDArray[np.float32]:
        """(s, s)."""
        size = self._settings.texture_size
        share = OCCLUSION_SHARE if size >= OCCLUSION_SHARE * LEAST_OCCLUSION_SIZE else 1
        small = self._bake("AO", size // share, self._settings.occlusion_samples, (1.0, 1.0, 1.0))
        return enlarged(small[:, :, 0], share)

    def _bake(self, kind: str, size: int, samples: int, empty: tuple[float, float, float]) -> NDArray[np.float32]:
        """RGBA (s, s, 4) float32 0..1; ``empty`` where no island is near.

        Texels whose ray met nothing count as not baked: Blender fills them, like the margin, from those around.
        """
        bpy.context.scene.cycles.samples = samples
        image = bpy.data.images.new(kind, size, size, alpha=False, float_buffer=True, is_data=True)
        image.generated_color = (*empty, 1.0)
        tree = ensure_node_tree(self._low_object.data.materials[0])
        node = tree.nodes.new("ShaderNodeTexImage")
        node.image = image
        tree.nodes.active = node
        for item in (self._high_object, self._low_object):
            item.select_set(True)
        bpy.context.view_layer.objects.active = self._low_object
        margin = max(1, round(self._settings.margin * size / 1024))
        bpy.ops.object.bake(
            type=kind,
            use_selected_to_active=True,
            cage_extrusion=self._cage,
            max_ray_distance=CAGE_DEPTH * self._cage,
            normal_space="TANGENT",
            normal_r="POS_X",
            normal_g="POS_Y",
            normal_b="POS_Z",
            use_clear=False,
            margin=margin,
            margin_type="ADJACENT_FACES",
        )
        pixels = np.empty(size * size * 4, np.float32)
        image.pixels.foreach_get(pixels)
        tree.nodes.remove(node)
        bpy.data.images.remove(image)
        return np.clip(pixels.reshape(size, size, 4), 0.0, 1.0)


def enlarged(values: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """(h, w) to (factor h, factor w), linearly between the texels' centres."""
    for axis in (0, 1):
        count = values.shape[axis]
        place = np.clip((np.arange(count * factor) + 0.5) / factor - 0.5, 0.0, count - 1.0)
        first = np.minimum(place.astype(int), count - 2)
        share = np.expand_dims((place - first).astype(np.float32), 1 - axis)
        values = np.take(values, first, axis) * (1 - share) + np.take(values, first + 1, axis) * share
    return values


def _add_object(name: str, polygons: Polygons) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    fill_mesh(mesh, polygons)
    made = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(made)
    return made
