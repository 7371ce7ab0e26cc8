# SPDX-License-Identifier: GPL-3.0-or-later
"""A Principled BSDF material from baked maps."""

import bpy
import numpy as np
from numpy.typing import NDArray

from ..compat import ensure_node_tree
from ..inference.bake import Maps
from .images import create_map

NODE_SPACING = 320
"""Distance between columns and rows of nodes in the editor; an image node is 240 wide."""


def create_material(name: str, maps: Maps) -> bpy.types.Material:
    """A material whose maps are packed images; a map that is one number stays the socket's value.

    Args:
        name: of the material; its images are called after it.
        maps: as baked.
    """
    material = bpy.data.materials.new(name)
    tree = ensure_node_tree(material)
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    output.location = (NODE_SPACING, 0)
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    _connect(tree, shader, "Base Color", maps.base_color, name, row=0)
    _connect(tree, shader, "Metallic", maps.metallic, name, row=1)
    _connect(tree, shader, "Roughness", maps.roughness, name, row=2)
    # Solid shading shows the active node's image.
    tree.nodes.active = next(node for node in tree.nodes if node.label == "Base Color")
    return material


def _connect(
    tree: bpy.types.NodeTree,
    shader: bpy.types.Node,
    socket: str,
    values: NDArray[np.uint8] | float,
    name: str,
    row: int,
) -> None:
    """Feed a socket, called by its name, with a map or with a number."""
    if not isinstance(values, np.ndarray):
        shader.inputs[socket].default_value = float(values)
        return
    node = tree.nodes.new("ShaderNodeTexImage")
    node.label = socket
    node.image = create_map(f"{name} {socket.lower()}", values, is_color=socket == "Base Color")
    node.location = (-NODE_SPACING, -row * NODE_SPACING)
    tree.links.new(node.outputs["Color"], shader.inputs[socket])
