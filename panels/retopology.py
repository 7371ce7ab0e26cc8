# SPDX-License-Identifier: GPL-3.0-or-later
"""From the sculpture to the asset: retopology by hand or automatic, and baking."""

import bpy

from ..inference.sentence import Sentence
from ..scene.mesh_check import MeshCheck
from ..scene.retopology import check_of
from ..text import wrap
from .sidebar import SidebarPanel


class IMAGE_TO_3D_PT_retopology(SidebarPanel, bpy.types.Panel):
    """A low-poly mesh."""

    bl_idname = "IMAGE_TO_3D_PT_retopology"
    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_label = "Retopology"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """By hand, automatic, and what was measured of the active mesh."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        settings = context.scene.image_to_3d.retopology
        column = layout.column()
        column.prop(settings, "use_symmetry")
        row = column.row()
        row.active = settings.use_symmetry
        row.prop(settings, "tolerance")
        layout.operator("image_to_3d.prepare_retopology", icon="GREASEPENCIL")
        column = layout.column()
        for name in ("method", "faces", "levels"):
            column.prop(settings, name)
        if settings.levels:
            column.prop(settings, "level_ratio")
        if settings.method == "QUADS":
            column.prop(settings, "keep_sharp")
        layout.operator("image_to_3d.auto_retopology", icon="MOD_REMESH")
        check = check_of(context.object)
        if check is not None:
            _draw_check(layout.column(align=True), check, context)
        layout.operator("image_to_3d.add_levels", icon="MESH_ICOSPHERE")


class IMAGE_TO_3D_PT_bake(SidebarPanel, bpy.types.Panel):
    """Maps for a low-poly mesh."""

    bl_idname = "IMAGE_TO_3D_PT_bake"
    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_label = "Bake"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Which maps, how they are stored, and the button."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        scene = context.scene.image_to_3d
        settings = scene.retopology
        column = layout.column()
        column.prop(scene, "texture_size")
        column.prop(settings, "margin")
        column.prop(scene, "photo_strength")
        column = layout.column()
        column.prop(settings, "normals")
        rows = column.column()
        rows.active = settings.normals
        rows.prop(settings, "green")
        rows.prop(settings, "bits")
        column = layout.column()
        column.prop(settings, "occlusion")
        if settings.occlusion:
            column.prop(settings, "occlusion_samples")
        column.prop(settings, "pack_orm")
        column.prop(settings, "cage")
        layout.operator("image_to_3d.bake", icon="RENDER_STILL")


def _draw_check(column: bpy.types.UILayout, check: MeshCheck, context: bpy.types.Context) -> None:
    """What was measured when the mesh was made."""
    lines = [
        Sentence(
            "{faces:,} faces, {quads:.0%} quads, {poles:,} poles",
            faces=check.faces,
            quads=check.quads,
            poles=check.poles,
        ),
        Sentence(
            "From the high-poly: {mean:.2%} mean, {largest:.1%} at most",
            mean=check.mean_distance,
            largest=check.largest_distance,
        ),
    ]
    if not check.is_sound:
        lines.append(Sentence("{folds} folds, {open_edges} open edges", folds=check.folds, open_edges=check.open_edges))
    for number, line in enumerate(part for text in lines for part in wrap(text, context)):
        column.label(text=line, icon="INFO" if number == 0 else "BLANK1", translate=False)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_retopology, IMAGE_TO_3D_PT_bake))
