# SPDX-License-Identifier: GPL-3.0-or-later
"""From the sculpture to the asset: retopology by hand or automatic, and baking."""

from typing import ClassVar

import bpy

from ..inference.sentence import Sentence
from ..scene.mesh_check import MeshCheck
from ..scene.modelling_tools import former_tools
from ..scene.retopology import check_of
from ..text import wrap
from .sidebar import ResultPanel, SidebarPanel, draw_big_button, draw_fold


class IMAGE_TO_3D_PT_game_asset(ResultPanel, bpy.types.Panel):
    """All steps from the sculpture to the asset with one button; each step has its own panel below."""

    bl_idname = "IMAGE_TO_3D_PT_game_asset"
    bl_label = "Game Asset"
    bl_options: ClassVar[set[str]] = set()

    def draw(self, context: bpy.types.Context) -> None:
        """Preset, file and the button."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.image_to_3d.retopology
        column = layout.column()
        column.prop(settings, "preset")
        column.prop(settings, "asset_levels")
        column.prop(settings, "export")
        draw_big_button(layout, "image_to_3d.make_game_asset", "PACKAGE").use_sidebar = True


class IMAGE_TO_3D_PT_retopology(SidebarPanel, bpy.types.Panel):
    """A low-poly mesh."""

    bl_idname = "IMAGE_TO_3D_PT_retopology"
    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_label = "Retopology"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Automatic, by hand, and what was measured of the active mesh; what is seldom needed is folded."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.image_to_3d.retopology
        column = layout.column()
        column.prop(settings, "method")
        column.prop(settings, "faces")
        layout.operator("image_to_3d.auto_retopology", icon="MOD_REMESH")
        if former_tools(context.object):
            layout.operator("image_to_3d.finish_retopology", icon="CHECKMARK")
        else:
            layout.operator("image_to_3d.prepare_retopology", icon="GREASEPENCIL")
        layout.operator("image_to_3d.add_levels", icon="MESH_ICOSPHERE")
        check = check_of(context.object)
        if check is not None:
            _draw_check(layout.column(align=True), check, context)
        body = draw_fold(layout, "retopology_detail", "Detail")
        if body is not None:
            _draw_detail(body, settings)


class IMAGE_TO_3D_PT_bake(SidebarPanel, bpy.types.Panel):
    """Maps for a low-poly mesh."""

    bl_idname = "IMAGE_TO_3D_PT_bake"
    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_label = "Bake"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Which maps, and the button; how they are made and stored is folded."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        scene = context.scene.image_to_3d
        settings = scene.retopology
        column = layout.column()
        column.prop(settings, "texture_size")
        column.prop(settings, "normals")
        column.prop(settings, "occlusion")
        layout.operator("image_to_3d.bake", icon="RENDER_STILL")
        body = draw_fold(layout, "bake_detail", "Detail")
        if body is not None:
            _draw_bake_detail(body, scene, settings)


def _draw_detail(body: bpy.types.UILayout, settings: bpy.types.PropertyGroup) -> None:
    """Edges, levels of detail and symmetry."""
    if settings.method == "QUADS":
        body.prop(settings, "keep_sharp")
    body.prop(settings, "levels")
    if settings.levels:
        body.prop(settings, "level_ratio")
    column = body.column()
    column.prop(settings, "use_symmetry")
    row = column.row()
    row.active = settings.use_symmetry
    row.prop(settings, "tolerance")


def _draw_bake_detail(
    body: bpy.types.UILayout, scene: bpy.types.PropertyGroup, settings: bpy.types.PropertyGroup
) -> None:
    """How maps are made and stored."""
    body.prop(scene, "photo_strength")
    column = body.column()
    column.active = settings.normals
    column.prop(settings, "green")
    column.prop(settings, "bits")
    row = body.row()
    row.active = settings.occlusion
    row.prop(settings, "occlusion_samples")
    for name in ("pack_orm", "cage", "margin"):
        body.prop(settings, name)


def _draw_check(column: bpy.types.UILayout, check: MeshCheck, context: bpy.types.Context) -> None:
    """What was measured when the mesh was made."""
    lines = [
        Sentence(
            "{faces:,} faces, {quads:.0%} quads; at {poles:,} corners other than four edges meet",
            faces=check.faces,
            quads=check.quads,
            poles=check.poles,
        ),
        Sentence(
            "Off the sculpture by {mean:.2%} on average, {largest:.1%} at most",
            mean=check.mean_distance,
            largest=check.largest_distance,
        ),
    ]
    if not check.is_sound:
        lines.append(
            Sentence(
                "To repair: {folds} folded faces, {open_edges} open edges",
                folds=check.folds,
                open_edges=check.open_edges,
            )
        )
    for number, line in enumerate(part for text in lines for part in wrap(text, context)):
        column.label(text=line, icon="INFO" if number == 0 else "BLANK1", translate=False)


register, unregister = bpy.utils.register_classes_factory(
    (IMAGE_TO_3D_PT_game_asset, IMAGE_TO_3D_PT_retopology, IMAGE_TO_3D_PT_bake)
)
