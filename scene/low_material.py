# SPDX-License-Identifier: GPL-3.0-or-later
"""The material of a low-poly mesh: colours from the field, normals and occlusion from the high-poly."""

from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference.bake import Maps
from .detail_bake import DetailMaps
from .images import create_map
from .material import NODE_SPACING, create_material

GLTF_GROUP = "glTF Material Output"
"""Name of the node group by which Blender's glTF exporter finds what Principled BSDF has no socket for."""


@dataclass(frozen=True)
class MapOptions:
    """How maps are stored.

    Attributes:
        bits: 8 or 16 per channel of the normal map; 16 shows no steps on smooth metal.
        is_directx: the normal map's green points down, as Unreal and DirectX want it; else OpenGL, as Blender and glTF.
        packs_orm: occlusion, roughness and metallic as the channels of one image, as glTF and engines read them.
    """

    bits: int = 8
    is_directx: bool = False
    packs_orm: bool = False


def create_low_material(name: str, maps: Maps, detail: DetailMaps | None, options: MapOptions) -> bpy.types.Material:
    """A Principled BSDF material with all maps as packed images.

    Args:
        name: of the material; its images are called after it.
        maps: of the field.
        detail: of the high-poly, or None.
        options: how maps are stored.
    """
    occlusion = detail.occlusion if detail is not None else None
    if options.packs_orm and _is_worth_packing(maps, occlusion):
        plain = Maps(maps.base_color, 0.5, 0.0, maps.coverage)
        material = create_material(name, plain)
        _connect_orm(material.node_tree, name, maps, occlusion)
    else:
        material = create_material(name, maps)
        if occlusion is not None:
            node = _image_node(material.node_tree, name, "occlusion", _integers(occlusion, 8), row=3)
            _connect_occlusion(material.node_tree, node.outputs["Color"])
    if detail is not None and detail.normals is not None:
        _connect_normals(material.node_tree, name, detail.normals, options)
    return material


def _is_worth_packing(maps: Maps, occlusion: NDArray[np.float32] | None) -> bool:
    """A constant stays a number, so that with constants alone there is nothing to pack."""
    return occlusion is not None or isinstance(maps.roughness, np.ndarray) or isinstance(maps.metallic, np.ndarray)


def _connect_orm(tree: bpy.types.NodeTree, name: str, maps: Maps, occlusion: NDArray[np.float32] | None) -> None:
    shape = maps.base_color.shape[:2]
    red = np.full(shape, 255, np.uint8) if occlusion is None else _integers(occlusion, 8)
    pixels = np.stack([red, _channel(maps.roughness, shape), _channel(maps.metallic, shape)], axis=2)
    node = _image_node(tree, name, "occlusion roughness metallic", pixels, row=1)
    split = tree.nodes.new("ShaderNodeSeparateColor")
    split.location = (-NODE_SPACING * 0.4, -NODE_SPACING)
    tree.links.new(node.outputs["Color"], split.inputs["Color"])
    shader = _shader(tree)
    tree.links.new(split.outputs["Green"], shader.inputs["Roughness"])
    tree.links.new(split.outputs["Blue"], shader.inputs["Metallic"])
    if occlusion is not None:
        _connect_occlusion(tree, split.outputs["Red"])


def _connect_normals(tree: bpy.types.NodeTree, name: str, normals: NDArray[np.float32], options: MapOptions) -> None:
    """The map through a Normal Map node; a DirectX map is turned back on its way, for Blender reads OpenGL."""
    if options.is_directx:
        normals = normals * np.float32([1, -1, 1]) + np.float32([0, 1, 0])
    kind = "normal DirectX" if options.is_directx else "normal"
    node = _image_node(tree, name, kind, _integers(normals, options.bits), row=2)
    color = node.outputs["Color"]
    if options.is_directx:
        color = _green_turned(tree, color)
    normal_map = tree.nodes.new("ShaderNodeNormalMap")
    normal_map.location = (-NODE_SPACING * 0.4, -2 * NODE_SPACING)
    tree.links.new(color, normal_map.inputs["Color"])
    tree.links.new(normal_map.outputs["Normal"], _shader(tree).inputs["Normal"])


def _green_turned(tree: bpy.types.NodeTree, color: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
    split, join = tree.nodes.new("ShaderNodeSeparateColor"), tree.nodes.new("ShaderNodeCombineColor")
    turn = tree.nodes.new("ShaderNodeMath")
    turn.operation = "SUBTRACT"
    turn.inputs[0].default_value = 1.0
    for column, node in enumerate((split, turn, join)):
        node.location = (-NODE_SPACING * (0.9 - 0.2 * column), -2.6 * NODE_SPACING)
    tree.links.new(color, split.inputs["Color"])
    tree.links.new(split.outputs["Green"], turn.inputs[1])
    tree.links.new(split.outputs["Red"], join.inputs["Red"])
    tree.links.new(turn.outputs["Value"], join.inputs["Green"])
    tree.links.new(split.outputs["Blue"], join.inputs["Blue"])
    return join.outputs["Color"]


def _connect_occlusion(tree: bpy.types.NodeTree, source: bpy.types.NodeSocket) -> None:
    """To the group that the glTF exporter looks for; renders in Blender have real occlusion and need none."""
    group = bpy.data.node_groups.get(GLTF_GROUP)
    if group is None:
        group = bpy.data.node_groups.new(GLTF_GROUP, "ShaderNodeTree")
        group.interface.new_socket("Occlusion", in_out="INPUT", socket_type="NodeSocketFloat").default_value = 1.0
    node = tree.nodes.new("ShaderNodeGroup")
    node.node_tree = group
    node.location = (NODE_SPACING, -NODE_SPACING)
    tree.links.new(source, node.inputs["Occlusion"])


def _image_node(
    tree: bpy.types.NodeTree, name: str, kind: str, pixels: NDArray[np.uint8] | NDArray[np.uint16], row: int
) -> bpy.types.Node:
    node = tree.nodes.new("ShaderNodeTexImage")
    node.label = kind.capitalize()
    node.image = create_map(f"{name} {kind}", pixels, is_color=False)
    node.location = (-NODE_SPACING * 1.3, -row * NODE_SPACING)
    return node


def _shader(tree: bpy.types.NodeTree) -> bpy.types.Node:
    return next(node for node in tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")


def _channel(values: NDArray[np.uint8] | float, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(s, s) uint8 from a map or a number 0..1."""
    return values if isinstance(values, np.ndarray) else np.full(shape, round(255 * values), np.uint8)


def _integers(values: NDArray[np.float32], bits: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """0..1 as whole numbers of so many bits."""
    kind = np.uint16 if bits == 16 else np.uint8
    return (np.clip(values, 0.0, 1.0) * np.iinfo(kind).max + 0.5).astype(kind)
