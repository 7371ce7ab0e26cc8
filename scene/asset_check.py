# SPDX-License-Identifier: GPL-3.0-or-later
"""What a technical artist looks at before an asset goes out, as a list of findings."""

import re
from dataclasses import dataclass

import bmesh
import bpy
import numpy as np

from ..inference.sentence import Sentence
from .transform import vertices_of
from .units import metres_per_unit

MOST_TRIANGLES = 100_000
"""What viewers on phones draw fluently; more is worth a word."""

SMALLEST, LARGEST = 0.01, 100.0
"""Metres; an object beyond these has probably not been given its real size."""

PLAIN_NAME = re.compile(r"^[A-Za-z0-9_\- ]+$")
"""Names that every engine and file system takes."""

UNEVEN_DENSITY = 2.0
"""Ratio of texel densities (95th to 5th percentile of the area) from which one sees it."""


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        subject: what was looked at.
        value: what was found.
        advice: what to do about it; empty where all is well.
    """

    subject: str
    value: str
    advice: str = ""


def check_asset(target: bpy.types.Object) -> list[Finding]:
    """All findings about a mesh object as it is, modifiers not applied."""
    return [
        _triangles(target.data),
        _closed(target.data),
        _scale(target),
        _size(target),
        *_texture_coordinates(target),
        *_textures(target),
        _materials(target),
        _name(target),
    ]


def _triangles(mesh: bpy.types.Mesh) -> Finding:
    mesh.calc_loop_triangles()
    count = len(mesh.loop_triangles)
    advice = "Reduce it with Auto Retopology" if count > MOST_TRIANGLES else ""
    return Finding("Triangles", f"{count:,}", advice)


def _closed(mesh: bpy.types.Mesh) -> Finding:
    work = bmesh.new()
    try:
        work.from_mesh(mesh)
        open_edges = sum(edge.is_boundary for edge in work.edges)
        knotted = sum(not edge.is_manifold and not edge.is_boundary for edge in work.edges)
    finally:
        work.free()
    if not open_edges and not knotted:
        return Finding("Manifold", "yes, closed")
    if not knotted:
        return Finding(
            "Manifold",
            Sentence("open at {count:,} edges", count=open_edges),
            "Fill the holes if it must cast shadows or be printed",
        )
    return Finding(
        "Manifold",
        Sentence("no, {count:,} edges", count=knotted),
        "Merge by distance, then look at Select Non Manifold",
    )


def _scale(target: bpy.types.Object) -> Finding:
    scale = tuple(round(value, 4) for value in target.matrix_world.to_scale())
    if all(abs(value - 1) < 1e-3 for value in scale):
        return Finding("Scale", "applied")
    return Finding("Scale", " x ".join(f"{value:g}" for value in scale), "Apply it (Ctrl+A, Scale)")


def _size(target: bpy.types.Object) -> Finding:
    """In metres, whatever the scene's unit is."""
    metres = metres_per_unit(bpy.context.scene)
    sides = [side * metres for side in target.dimensions]
    value = " x ".join(f"{side:.3g}" for side in sides)
    return Finding("Size", value, "" if SMALLEST <= max(sides) <= LARGEST else "Set Real Size")


def _texture_coordinates(target: bpy.types.Object) -> list[Finding]:
    mesh = target.data
    layer = mesh.uv_layers.active
    if layer is None:
        return [Finding("UV map", "none", "Unwrap it")]
    uvs = np.empty(len(mesh.loops) * 2, np.float32)
    layer.uv.foreach_get("vector", uvs)
    uvs = uvs.reshape(-1, 2)
    inside = uvs.min() >= -1e-4 and uvs.max() <= 1 + 1e-4
    found = [Finding("UV map", "within 0..1" if inside else "beyond 0..1", "" if inside else "Pack the islands")]
    return [*found, *_density(target, uvs)]


def _density(target: bpy.types.Object, uvs: np.ndarray) -> list[Finding]:
    """Texels per metre, by the largest texture."""
    side = max((max(image.size) for image in images_of(target)), default=0)
    if not side:
        return []
    mesh = target.data
    mesh.calc_loop_triangles()
    corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("loops", corners)
    vertices = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", vertices)
    metres = metres_per_unit(bpy.context.scene)
    world = metres * (vertices_of(mesh) @ np.array(target.matrix_world.to_3x3(), np.float32).T)
    a, b, c = world[vertices.reshape(-1, 3)].transpose(1, 0, 2)
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    a, b, c = uvs[corners.reshape(-1, 3)].transpose(1, 0, 2)
    flat = np.abs((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    good = areas > 0
    if not good.any():
        return []
    density = np.sqrt(flat[good] / areas[good]) * side
    order = np.argsort(density)
    share = np.cumsum(areas[good][order]) / areas[good].sum()
    low, middle, high = (float(density[order][np.searchsorted(share, part)]) for part in (0.05, 0.5, 0.95))
    advice = "Average Islands Scale, then pack" if high > UNEVEN_DENSITY * max(low, 1e-9) else ""
    return [
        Finding(
            "Texel density",
            Sentence("{middle:,.0f} per metre ({low:,.0f} to {high:,.0f})", middle=middle, low=low, high=high),
            advice,
        )
    ]


def _textures(target: bpy.types.Object) -> list[Finding]:
    found = []
    for image in images_of(target):
        width, height = image.size
        is_power = width & (width - 1) == 0 and height & (height - 1) == 0
        advice = "" if is_power else "Use sides of 512, 1024, 2048 or 4096 pixels"
        found.append(Finding("Texture", f"{image.name}: {width} x {height}", advice))
    return found


def _materials(target: bpy.types.Object) -> Finding:
    count = sum(slot.material is not None for slot in target.material_slots)
    advice = {0: "Give it a material", 1: ""}.get(count, "Join them: each material is one more draw call")
    return Finding("Materials", str(count), advice)


def _name(target: bpy.types.Object) -> Finding:
    is_plain = PLAIN_NAME.match(target.name) is not None
    return Finding("Name", target.name, "" if is_plain else "Use plain letters, digits, - and _")


def images_of(target: bpy.types.Object) -> list[bpy.types.Image]:
    """The images of the object's materials, each once."""
    nodes = [
        node
        for slot in target.material_slots
        if slot.material is not None and slot.material.node_tree is not None
        for node in slot.material.node_tree.nodes
    ]
    images = {node.image for node in nodes if node.bl_idname == "ShaderNodeTexImage" and node.image is not None}
    return sorted(images, key=lambda image: image.name)
