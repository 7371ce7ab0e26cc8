# SPDX-License-Identifier: GPL-3.0-or-later
"""A small picture of an object with its texture, as asset browsers show it.

Blender's own preview needs a graphics card and is made later, in a job that scripts cannot wait for. This one is drawn
by the engine's rasteriser: the same everywhere, at once, and without touching the scene.
"""

import math
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..inference.raster import gradients, rasterize
from .polygons import Polygons, read_evaluated

PICTURE_SIZE = 256
"""Pixels along a side, as of Blender's own previews."""

OVERSAMPLING = 2
"""Points per pixel along each side; their mean makes smooth outlines."""

MARGIN = 0.06
"""Share of the picture that stays free at each side."""

AZIMUTH, ELEVATION = math.radians(-28), math.radians(18)
"""From where the object is seen: a little from its left and above, so that it looks solid."""

LIGHT = np.array([-0.45, 0.75, 0.6], np.float32) / np.linalg.norm([-0.45, 0.75, 0.6])
"""Direction to the light in the view: right, up, towards the viewer."""

AMBIENT = 0.45
"""Share of the light that comes from everywhere."""

GREY = 0.8
"""Of what has no texture, linear."""

Floats = NDArray[np.floating[Any]]


def draw_picture(target: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> NDArray[np.float32]:
    """Draw a mesh object as it looks, seen from its front, a little from the side.

    Args:
        target: a mesh object; it stands as it does in the world.
        depsgraph: evaluated.

    Returns:
        (PICTURE_SIZE, PICTURE_SIZE, 4) float32 0..1, sRGB with straight alpha, row 0 at the bottom; transparent
        around the object, and all over where it has no faces.
    """
    polygons = read_evaluated(target, depsgraph, with_shading=True)
    if not len(polygons.starts):
        return np.zeros((PICTURE_SIZE, PICTURE_SIZE, 4), np.float32)
    view = _view() @ target.matrix_world.to_3x3().normalized()
    corners, attributes = _seen(polygons, np.array(view, np.float32), np.array(target.matrix_world.to_scale()))
    nearest = _nearest(corners, attributes)
    return _shrunk(_shaded(nearest, _texture(target)))


def _view() -> Matrix:
    """From world directions to the view's: right, up, towards the viewer."""
    turn = Matrix.Rotation(-AZIMUTH, 3, "Z")
    tilt = Matrix.Rotation(ELEVATION - math.pi / 2, 3, "X")
    return tilt @ turn


def _seen(polygons: Polygons, view: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Triangles (t, 3, 2) in grid units, and depth, UVs and normals (t, 3, 6) at their corners."""
    places = (polygons.vertices * scale.astype(np.float32)) @ view.T
    lower, upper = places.min(axis=0), places.max(axis=0)
    side = max(float((upper - lower)[:2].max()), 1e-9)
    size = PICTURE_SIZE * OVERSAMPLING
    factor = size * (1 - 2 * MARGIN) / side
    flat = (places[:, :2] - (lower + upper)[:2] / 2) * factor + size / 2 - 0.5
    triangles, corners = polygons.triangles, polygons.triangle_corners
    uvs = polygons.uvs if polygons.uvs is not None else np.zeros((len(polygons.corners), 2), np.float32)
    normals = polygons.normals @ view.T
    attributes = np.concatenate([places[triangles][..., 2:], uvs[corners], normals[corners]], axis=2)
    return flat[triangles], attributes


def _nearest(corners: Floats, attributes: Floats) -> NDArray[np.float32]:
    """(size, size, 6) the attributes of what is nearest at each point; its depth is -inf where nothing is."""
    size = PICTURE_SIZE * OVERSAMPLING
    depth = np.full(size * size, -np.inf, np.float32)
    found = np.zeros((size * size, 6), np.float32)
    prepared = gradients(corners, attributes)
    for part in rasterize(corners):
        point = part.y * size + part.x
        values = np.stack(prepared.at(part), axis=1)
        # The last of equal points counts when assigned: far ones first.
        order = np.argsort(values[:, 0], kind="stable")
        point, values = point[order], values[order]
        nearer = values[:, 0] > depth[point]
        depth[point[nearer]] = values[nearer, 0]
        found[point[nearer]] = values[nearer]
    found[:, 0] = depth
    return found.reshape(size, size, 6)


def _shaded(nearest: NDArray[np.float32], texture: NDArray[np.float32]) -> NDArray[np.float32]:
    """(size, size, 4) linear colours with straight alpha."""
    height, width = texture.shape[:2]
    column = np.clip(nearest[..., 1] * width, 0, width - 1).astype(int)
    row = np.clip(nearest[..., 2] * height, 0, height - 1).astype(int)
    normals = nearest[..., 3:] / np.maximum(np.linalg.norm(nearest[..., 3:], axis=2, keepdims=True), 1e-6)
    light = AMBIENT + (1 - AMBIENT) * np.clip(normals @ LIGHT, 0, 1)
    colours = texture[row, column] * light[..., None]
    alpha = np.isfinite(nearest[..., :1]).astype(np.float32)
    return np.concatenate([colours * alpha, alpha], axis=2).astype(np.float32)


def _shrunk(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each pixel's points, with sRGB colours and straight alpha."""
    blocks = picture.reshape(PICTURE_SIZE, OVERSAMPLING, PICTURE_SIZE, OVERSAMPLING, 4).mean(axis=(1, 3))
    colours = blocks[..., :3] / np.maximum(blocks[..., 3:], 1e-6)
    return np.concatenate([_to_srgb(colours), blocks[..., 3:]], axis=2).astype(np.float32)


def _texture(target: bpy.types.Object) -> NDArray[np.float32]:
    """(h, w, 3) linear base colours, row 0 at the bottom, filtered to about the picture's resolution."""
    for slot in target.material_slots:
        if slot.material is not None and slot.material.node_tree is not None:
            for shader in slot.material.node_tree.nodes:
                if shader.bl_idname == "ShaderNodeBsdfPrincipled":
                    return _base_colours(shader.inputs["Base Color"])
    return np.full((1, 1, 3), GREY, np.float32)


def _base_colours(socket: bpy.types.NodeSocket) -> NDArray[np.float32]:
    """Of the image that feeds the socket, or the socket's own value."""
    node = socket.links[0].from_node if socket.is_linked else None
    image = node.image if node is not None and node.bl_idname == "ShaderNodeTexImage" else None
    if image is None or not min(image.size):
        return np.array(socket.default_value[:3], np.float32).reshape(1, 1, 3)
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(height, width, image.channels)[..., :3]
    step = max(1, max(width, height) // (PICTURE_SIZE * OVERSAMPLING))
    rows, columns = height // step * step, width // step * step
    # The mean of sRGB values is a little too dark at hard edges, which nobody sees at this size, and far quicker.
    blocks = pixels[:rows, :columns].reshape(rows // step, step, columns // step, step, 3)
    return _to_linear(blocks.mean(axis=(1, 3)))


def _to_linear(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """IEC 61966-2-1."""
    return np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _to_srgb(colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inverse of ``_to_linear``, cut off at white."""
    colours = np.clip(colours, 0.0, 1.0)
    return np.where(colours <= 0.0031308, colours * 12.92, 1.055 * colours ** (1 / 2.4) - 0.055)
