# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Retopology panel sets; operators called by scripts take arguments of the same names instead."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from .options import ASSET_PRESETS, DEFAULT_PRESET, TEXTURE_SIZES
from .scene.export_asset import KINDS
from .translations import OWN_CONTEXT

TEXTURE_ITEMS = tuple((str(size), f"{size} px", f"Maps of {size} by {size} pixels") for size in TEXTURE_SIZES)

METHOD_ITEMS = (
    ("QUADS", "Quads", "QuadriFlow: even quads that follow the shape; the mesh is healed by voxels first"),
    ("DECIMATE", "Decimate", "Triangles, as few as the shape allows; keeps sharp edges and thin parts best"),
    ("VOXEL", "Voxels", "A grid of quads, for sculpting on"),
)
GREEN_ITEMS = (
    ("OPENGL", "OpenGL", "Green points up: Blender, glTF, Unity, Godot"),
    ("DIRECTX", "DirectX", "Green points down: Unreal; the material turns it back for Blender"),
)
BIT_ITEMS = (
    ("8", "8 bits", "Enough for most; smallest"),
    ("16", "16 bits", "No steps on smooth, shiny surfaces; twice as large"),
)

METHOD_TEXTS = {"name": "Method", "description": "How the low-poly mesh is made"}
FACES_TEXTS = {"name": "Faces", "description": "About how many faces the low-poly mesh gets"}
SYMMETRY_TEXTS = {
    "name": "Symmetry",
    "description": "Make both halves alike where the object is symmetric, about any upright plane",
}
TOLERANCE_TEXTS = {
    "name": "Difference",
    "description": "By how much both halves may differ and still count as symmetric, as a share of the longest side",
}
SHARP_TEXTS = {
    "name": "Keep Sharp Edges",
    "description": "Let edge loops follow sharp edges; the mesh becomes less regular",
}
LEVELS_TEXTS = {
    "name": "Levels of Detail",
    "description": "Further meshes with ever fewer faces and the same UVs, so that one bake serves all",
}
RATIO_TEXTS = {"name": "Ratio", "description": "Faces of each level of detail against the one before"}
BAKED_SIZE_TEXTS = {"name": "Texture Size", "description": "Pixels along each side of the maps of the low-poly mesh"}
NORMALS_TEXTS = {"name": "Normals", "description": "Bake the high-poly's shape into a normal map"}
OCCLUSION_TEXTS = {
    "name": "Ambient Occlusion",
    "translation_context": OWN_CONTEXT,
    "description": "Bake how open each place is; the longest step, in the high-poly's own Cycles rays",
}
SAMPLES_TEXTS = {"name": "Samples", "description": "Rays per texel of ambient occlusion; more give less grain"}
CAGE_TEXTS = {
    "name": "Search Distance",
    "description": "How far outside the mesh the bake begins to look for the sculpture (the cage); 0 measures it",
}
MARGIN_TEXTS = {
    "name": "Margin",
    "description": "How far colours run over the edges of UV islands, so that no seams show; pixels of a 1024 texture",
}
GREEN_TEXTS = {"name": "Green Channel", "description": "The normal map's convention"}
BITS_TEXTS = {"name": "Depth", "description": "Bits per channel of the normal map"}
ORM_TEXTS = {
    "name": "Pack ORM",
    "description": "Occlusion, roughness and metallic as red, green and blue of one image",
}
REPLACE_TEXTS = {
    "name": "Replace Material",
    "description": "Materials that the mesh has leave it; they stay in the file",
}
UNWRAP_TEXTS = {"name": "New UV Map", "description": "Unwrap even if the mesh has UVs that can be baked to"}
APPLY_TEXTS = {
    "name": "Apply Modifiers",
    "description": "Apply them where the mesh has to be unwrapped and they change its faces",
}
PRESET_TEXTS = {"name": "Preset", "description": "For which use: how many faces, how large textures, how many levels"}
PRESET_ITEMS = tuple((key, preset.label, preset.description) for key, preset in ASSET_PRESETS.items())
CUSTOM_PRESET = ("CUSTOM", "Custom", "As set under Retopology and Bake")
EXPORT_TEXTS = {"name": "Export", "description": "Which file is written when the asset is made"}
EXPORT_ITEMS = (
    ("NONE", "No File", "Only make the asset in the scene"),
    *((key, kind.label, kind.description) for key, kind in KINDS.items()),
)


def _get_preset(self: "ImageTo3DRetopology") -> int:
    """The preset that faces, texture size and levels amount to; the item after the last preset is Custom."""
    present = (self.faces, int(self.texture_size), self.asset_levels)
    presets = [(preset.faces, preset.texture_size, preset.levels) for preset in ASSET_PRESETS.values()]
    return presets.index(present) if present in presets else len(presets)


def _set_preset(self: "ImageTo3DRetopology", index: int) -> None:
    """Choosing a preset sets them; choosing Custom leaves them as they are."""
    if index < len(ASSET_PRESETS):
        preset = list(ASSET_PRESETS.values())[index]
        self.faces, self.texture_size, self.asset_levels = preset.faces, str(preset.texture_size), preset.levels


class ImageTo3DRetopology(bpy.types.PropertyGroup):
    """Low-poly mesh, and baking to it."""

    preset: EnumProperty(**PRESET_TEXTS, items=(*PRESET_ITEMS, CUSTOM_PRESET), get=_get_preset, set=_set_preset)
    asset_levels: IntProperty(**LEVELS_TEXTS, default=ASSET_PRESETS[DEFAULT_PRESET].levels, min=0, max=6)
    export: EnumProperty(**EXPORT_TEXTS, items=EXPORT_ITEMS, default="NONE")

    method: EnumProperty(**METHOD_TEXTS, items=METHOD_ITEMS)
    faces: IntProperty(**FACES_TEXTS, default=5000, min=50, soft_max=50_000, max=500_000)
    use_symmetry: BoolProperty(**SYMMETRY_TEXTS, default=True)
    tolerance: FloatProperty(**TOLERANCE_TEXTS, default=0.02, min=0.0, max=0.2, subtype="FACTOR")
    keep_sharp: BoolProperty(**SHARP_TEXTS)
    levels: IntProperty(**LEVELS_TEXTS, default=0, min=0, max=6)
    level_ratio: FloatProperty(**RATIO_TEXTS, default=0.5, min=0.05, max=0.95, subtype="FACTOR")
    texture_size: EnumProperty(**BAKED_SIZE_TEXTS, items=TEXTURE_ITEMS, default="2048")
    normals: BoolProperty(**NORMALS_TEXTS, default=True)
    occlusion: BoolProperty(**OCCLUSION_TEXTS, default=True)
    occlusion_samples: IntProperty(**SAMPLES_TEXTS, default=32, min=1, soft_max=256, max=4096)
    cage: FloatProperty(**CAGE_TEXTS, default=0.0, min=0.0, subtype="DISTANCE")
    margin: IntProperty(**MARGIN_TEXTS, default=8, min=0, max=64)
    green: EnumProperty(**GREEN_TEXTS, items=GREEN_ITEMS)
    bits: EnumProperty(**BITS_TEXTS, items=BIT_ITEMS)
    pack_orm: BoolProperty(**ORM_TEXTS)


register, unregister = bpy.utils.register_classes_factory((ImageTo3DRetopology,))
