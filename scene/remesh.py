# SPDX-License-Identifier: GPL-3.0-or-later
"""A low-poly mesh from a high-poly one: healing, QuadriFlow, Decimate or voxels, then fitted back to the surface.

Runs in a background Blender (see ``background.py``): QuadriFlow blocks Blender while it works, knows no cancelling, and
on difficult meshes may crash or never end.

Two things make QuadriFlow dependable. It refuses meshes with edges shorter than 0.0001 units (``mesh_is_manifold_``
``consistent`` in Blender's ``object_remesh.cc``) whatever the mesh's size, and raw iso-surfaces are full of them: it is
given a copy of 1000 units. And it "explodes" on self-intersections and inner shells: it is given a voxel remesh, as
fine as the mesh's own detail, which has neither.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import bmesh
import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ..inference.errors import ReconstructionError
from ..inference.monitor import Monitor, RetopologyStage
from ..inference.sentence import Sentence
from .fitting import fitted
from .mesh_check import MeshCheck, check_mesh, triangle_tree
from .polygons import Polygons, fill_mesh, read_polygons
from .symmetry import Symmetry

Floats = NDArray[np.floating[Any]]

WORKING_SIZE = 1000.0
"""Longest side of the copy that is worked on: 0.0001 units are a ten-millionth of it."""

FINEST_VOXEL, COARSEST_VOXEL = 1.0 / 320.0, 1.0 / 48.0
"""Bounds of the voxels' size, in parts of the longest side."""

VOXELS_PER_FACE = 0.6
"""A voxel is at most this part of the edge of a face to be made, or fine parts would be lost before QuadriFlow."""

WELD_SHARE = 1e-6
"""Vertices closer than this part of the longest side are one."""

COUNT_RANGE = (0.4, 2.5)
"""QuadriFlow keeps the number of faces only roughly; outside this part of what was asked for, it has failed."""

MOST_FOLDED = 0.01
LARGEST_DISTANCE = 0.08
"""A result with a greater share of folded faces, or farther from the high-poly in parts of its longest side, is
broken and not merely imperfect."""


class RemeshMethod(StrEnum):
    """How the low-poly mesh is made."""

    QUADS = "quads"
    DECIMATE = "decimate"
    VOXEL = "voxel"


@dataclass(frozen=True)
class RemeshSettings:
    """What to make.

    Attributes:
        method: see there.
        faces: about how many; quads by QuadriFlow and voxels, triangles by Decimate.
        symmetry: the plane to mirror along, in the mesh's coordinates, or None.
        keep_sharp: QuadriFlow follows edges sharper than its own limit.
        voxel_scale: of the healing voxels against the mesh's own detail.
        seed: of QuadriFlow.
    """

    method: RemeshMethod = RemeshMethod.QUADS
    faces: int = 5000
    symmetry: Symmetry | None = None
    keep_sharp: bool = False
    voxel_scale: float = 0.7
    seed: int = 0


@dataclass(frozen=True)
class Remeshed:
    """A low-poly mesh in the high-poly's coordinates.

    Attributes:
        polygons: the mesh; UVs where it was unwrapped.
        check: how good it is.
        method: with which it was made.
    """

    polygons: Polygons
    check: MeshCheck
    method: RemeshMethod


class RemeshError(ReconstructionError):
    """A way of remeshing failed on this mesh; another may do."""


def remesh(high: Polygons, settings: RemeshSettings, monitor: Monitor) -> Remeshed:
    """Make a low-poly mesh and fit it to the high-poly.

    Works in the present file with temporary data-blocks; needs an Object Mode context with a scene.

    Args:
        high: any mesh, however damaged, with at least one face.
        settings: what to make.
        monitor: told of progress; asked for cancellation between the steps.

    Raises:
        RemeshError: the method failed, or made a broken mesh.
        Cancelled: the monitor said so.
    """
    frame = _Frame.of(high, settings.symmetry)
    working = high.moved(frame.to_working(high.vertices))
    with monitor.stage(RetopologyStage.HEAL):
        healed = working
        if settings.method is not RemeshMethod.DECIMATE:
            healed = voxel_remeshed(_closed(working), _voxel_size(working, settings))
        if settings.symmetry is not None:
            healed = _half(healed)
    with monitor.stage(RetopologyStage.REMESH):
        low = METHODS[settings.method](healed, settings)
        low = _tidied(low, is_half=settings.symmetry is not None)
    with monitor.stage(RetopologyStage.FIT):
        tree = triangle_tree(working)
        if settings.symmetry is not None:
            low = _on_plane(low)
        low = fitted(low, tree, monitor, is_half=settings.symmetry is not None)
        if settings.symmetry is not None:
            low = _mirrored(low)
    with monitor.stage(RetopologyStage.CHECK):
        check = check_mesh(low, working, tree)
        _refuse_broken(check, settings)
    return Remeshed(low.moved(frame.to_original(low.vertices)), check, settings.method)


@dataclass(frozen=True)
class _Frame:
    """Between the mesh's coordinates and those in which it is worked on: 1000 units long, mirror plane x = 0.

    Attributes:
        rotation: (3, 3) float64.
        origin: (3,) float64, of the working frame in the mesh's coordinates.
        scale: working units per unit.
    """

    rotation: Floats
    origin: Floats
    scale: float

    @classmethod
    def of(cls, polygons: Polygons, symmetry: Symmetry | None) -> "_Frame":
        low, high = polygons.vertices.min(axis=0).astype(float), polygons.vertices.max(axis=0).astype(float)
        scale = WORKING_SIZE / max(float((high - low).max()), 1e-12)
        middle = (low + high) / 2
        if symmetry is None:
            return cls(np.eye(3), middle, scale)
        normal = np.array(symmetry.normal)
        rotation = np.stack([normal, np.cross([0.0, 0.0, 1.0], normal), [0.0, 0.0, 1.0]])
        return cls(rotation, middle - (middle @ normal - symmetry.offset) * normal, scale)

    def to_working(self, points: Floats) -> Floats:
        return ((points - self.origin) @ self.rotation.T * self.scale).astype(np.float32)

    def to_original(self, points: Floats) -> Floats:
        return (points / self.scale @ self.rotation + self.origin).astype(np.float32)


def _voxel_size(working: Polygons, settings: RemeshSettings) -> float:
    """As fine as the mesh's own detail and the faces to be made need; for voxels as the result, by their number."""
    a, b, c = (working.vertices[working.triangles[:, corner]].astype(np.float64) for corner in range(3))
    area = 0.5 * float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum())
    face = np.sqrt(area / settings.faces)
    if settings.method is RemeshMethod.VOXEL:
        return float(face)
    detail = float(np.median(np.linalg.norm(b - a, axis=1)))
    size = min(detail, VOXELS_PER_FACE * face) * settings.voxel_scale
    return float(np.clip(size, FINEST_VOXEL * WORKING_SIZE, COARSEST_VOXEL * WORKING_SIZE))


def _closed(polygons: Polygons) -> Polygons:
    """Vertices in one place welded, holes filled, normals to the outside: what a voxel remesh takes for granted."""

    def heal(mesh: bmesh.types.BMesh) -> None:
        bmesh.ops.remove_doubles(mesh, verts=mesh.verts, dist=WELD_SHARE * WORKING_SIZE)
        loose = [vertex for vertex in mesh.verts if not vertex.link_faces]
        bmesh.ops.delete(mesh, geom=loose, context="VERTS")
        borders = [edge for edge in mesh.edges if edge.is_boundary]
        if borders:
            bmesh.ops.holes_fill(mesh, edges=borders, sides=0)
        if borders or any(not edge.is_contiguous for edge in mesh.edges):
            bmesh.ops.recalc_face_normals(mesh, faces=mesh.faces)

    return edited(polygons, heal)


def _tidied(polygons: Polygons, *, is_half: bool) -> Polygons:
    """Without what QuadriFlow leaves now and then: holes of a few edges, and pairs of quads that share two edges."""

    def tidy(mesh: bmesh.types.BMesh) -> None:
        doublets = [vertex for vertex in mesh.verts if len(vertex.link_edges) == 2 and not vertex.is_boundary]
        bmesh.ops.dissolve_verts(mesh, verts=doublets)
        if is_half:
            return
        borders = [edge for edge in mesh.edges if edge.is_boundary]
        if not borders:
            return
        made = bmesh.ops.holes_fill(mesh, edges=borders, sides=0)["faces"]
        pieces = bmesh.ops.triangulate(mesh, faces=[face for face in made if len(face.verts) > 4])["faces"]
        bmesh.ops.join_triangles(mesh, faces=pieces, angle_face_threshold=3.2, angle_shape_threshold=3.2)

    return edited(polygons, tidy)


def voxel_remeshed(polygons: Polygons, voxel: float) -> Polygons:
    """The outer hull's volume as quads of about ``voxel`` units: closed, without self-intersections."""

    def run(mesh: bpy.types.Mesh) -> None:
        mesh.remesh_voxel_size = voxel
        mesh.remesh_voxel_adaptivity = 0.0
        # Both cost more than the remeshing, and QuadriFlow makes its own poles and the fitting its own volume.
        mesh.use_remesh_fix_poles = mesh.use_remesh_preserve_volume = False
        _succeed(bpy.ops.object.voxel_remesh(), "The voxel remesh")

    return operated(polygons, run)


def _quadriflow(polygons: Polygons, settings: RemeshSettings) -> Polygons:
    """Quads that follow the shape."""
    is_half = settings.symmetry is not None

    def run(_mesh: bpy.types.Mesh) -> None:
        done = bpy.ops.object.quadriflow_remesh(
            mode="FACES",
            target_faces=max(1, settings.faces // 2 if is_half else settings.faces),
            # Blender's own mirroring leaves the seam open: it does not keep the cut edge in its place.
            use_mesh_symmetry=False,
            use_preserve_sharp=settings.keep_sharp,
            use_preserve_boundary=is_half,
            seed=settings.seed,
        )
        _succeed(done, "QuadriFlow")

    return operated(polygons, run)


def _decimated(polygons: Polygons, settings: RemeshSettings) -> Polygons:
    """Triangles by collapsing edges; the original's own vertices, so that nothing is lost that is large enough."""
    wanted = settings.faces // 2 if settings.symmetry is not None else settings.faces
    return collapsed(polygons, wanted / max(len(polygons.triangles), 1))


def _as_it_is(polygons: Polygons, _settings: RemeshSettings) -> Polygons:
    """The healing's voxels are the result."""
    return polygons


METHODS: dict[RemeshMethod, Callable[[Polygons, RemeshSettings], Polygons]] = {
    RemeshMethod.QUADS: _quadriflow,
    RemeshMethod.DECIMATE: _decimated,
    RemeshMethod.VOXEL: _as_it_is,
}


def collapsed(polygons: Polygons, ratio: float) -> Polygons:
    """Blender's Decimate modifier: about ``ratio`` of the triangles remain; UVs stay on their places."""
    mesh = bpy.data.meshes.new("decimate")
    fill_mesh(mesh, polygons)
    target = bpy.data.objects.new("decimate", mesh)
    try:
        bpy.context.scene.collection.objects.link(target)
        modifier = target.modifiers.new("decimate", "DECIMATE")
        modifier.ratio = min(1.0, ratio)
        modifier.use_collapse_triangulate = True
        evaluated = target.evaluated_get(bpy.context.evaluated_depsgraph_get())
        return read_polygons(evaluated.data, with_shading=polygons.uvs is not None)
    finally:
        bpy.data.objects.remove(target)
        bpy.data.meshes.remove(mesh)


def operated(polygons: Polygons, run: Callable[[bpy.types.Mesh], None]) -> Polygons:
    """What one of Blender's operators on the active object makes of a mesh."""
    mesh = bpy.data.meshes.new("remesh")
    fill_mesh(mesh, polygons)
    target = bpy.data.objects.new("remesh", mesh)
    try:
        bpy.context.scene.collection.objects.link(target)
        with bpy.context.temp_override(
            active_object=target, object=target, selected_objects=[target], selected_editable_objects=[target]
        ):
            run(mesh)
        return read_polygons(target.data)
    finally:
        mesh = target.data
        bpy.data.objects.remove(target)
        bpy.data.meshes.remove(mesh)


def edited(polygons: Polygons, edit: Callable[[bmesh.types.BMesh], None]) -> Polygons:
    """What a function makes of the mesh as a BMesh."""
    mesh = bpy.data.meshes.new("edit")
    editable = bmesh.new()
    try:
        fill_mesh(mesh, polygons)
        editable.from_mesh(mesh)
        edit(editable)
        editable.to_mesh(mesh)
        return read_polygons(mesh)
    finally:
        editable.free()
        bpy.data.meshes.remove(mesh)


def _half(polygons: Polygons) -> Polygons:
    """The part with x >= 0, cut open along the plane."""

    def cut(mesh: bmesh.types.BMesh) -> None:
        everything = [*mesh.verts, *mesh.edges, *mesh.faces]
        bmesh.ops.bisect_plane(
            mesh, geom=everything, plane_co=Vector(), plane_no=Vector((1, 0, 0)), clear_inner=True, dist=1e-3
        )

    half = edited(polygons, cut)
    if not len(half.starts):
        raise RemeshError("One side of the mirror plane is empty.", "Switch symmetry off.")
    return half


def _on_plane(polygons: Polygons) -> Polygons:
    """The open border along the cut moved onto the plane exactly."""
    vertices = polygons.vertices.copy()
    edge = float(np.median(np.linalg.norm(np.diff(vertices[polygons.triangles[:, :2]], axis=1), axis=2)))
    border = _border_vertices(polygons)
    vertices[border & (np.abs(vertices[:, 0]) < edge), 0] = 0.0
    return polygons.moved(vertices)


def _mirrored(polygons: Polygons) -> Polygons:
    """Both halves, joined along the vertices on the plane."""
    count = len(polygons.vertices)
    seam = _border_vertices(polygons) & (polygons.vertices[:, 0] == 0.0)
    if not seam.any():
        raise RemeshError("The halves could not be joined along the mirror plane.", "Switch symmetry off.")
    other = np.where(seam, np.arange(count), np.cumsum(~seam) - 1 + count)
    vertices = np.concatenate([polygons.vertices, polygons.vertices[~seam] * np.float32([-1, 1, 1])])
    backwards = np.concatenate([part[::-1] for part in np.split(polygons.corners, polygons.starts[1:])])
    corners = np.concatenate([polygons.corners, other[backwards]]).astype(np.int32)
    starts = np.concatenate([polygons.starts, polygons.starts + len(polygons.corners)]).astype(np.int32)
    return Polygons(vertices.astype(np.float32), corners, starts)


def _border_vertices(polygons: Polygons) -> NDArray[np.bool_]:
    """(n,) whether each vertex is on an edge with one face."""
    following = np.arange(1, len(polygons.corners) + 1)
    following[polygons.starts + polygons.sizes - 1] = polygons.starts
    pairs = np.sort(np.stack([polygons.corners, polygons.corners[following]], axis=1), axis=1)
    edges, uses = np.unique(pairs, axis=0, return_counts=True)
    border = np.zeros(len(polygons.vertices), bool)
    border[edges[uses == 1].ravel()] = True
    return border


def _succeed(outcome: set[str], who: str) -> None:
    if outcome != {"FINISHED"}:
        raise RemeshError(Sentence("{who} could not work with this mesh.", who=who), "Choose another method.")


def _refuse_broken(check: MeshCheck, settings: RemeshSettings) -> None:
    """Tell a broken mesh from an imperfect one."""
    least, most = (share * settings.faces for share in COUNT_RANGE)
    count = Sentence("{count} faces instead of {expected}", count=check.faces, expected=settings.faces)
    distance = Sentence("{distance:.0%} away from the surface", distance=check.largest_distance)
    reasons = {
        count: not least <= check.faces <= most,
        Sentence("{count} edges with more than two faces", count=check.knotted_edges): check.knotted_edges > 0,
        Sentence("{count} folded faces", count=check.folds): check.folds > MOST_FOLDED * check.faces,
        distance: check.largest_distance > LARGEST_DISTANCE,
    }
    found = [reason for reason, holds in reasons.items() if holds]
    if found and settings.method is RemeshMethod.QUADS:
        listed = found[0]
        for reason in found[1:]:
            listed = Sentence("{listed}, {reason}", listed=listed, reason=reason)
        raise RemeshError(Sentence("The remeshed object is broken: {found}.", found=listed), "Choose another method.")
