# SPDX-License-Identifier: GPL-3.0-or-later
"""Bake a reconstruction's colours and shape to any mesh, such as the artist's own retopology."""

from dataclasses import replace

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty

from ..calling import begin_or_report
from ..inference.errors import SettingsError
from ..inference.sentence import Sentence
from ..options import TEXTURE_SIZES
from ..properties import PHOTO_STRENGTH_TEXTS, TEXTURE_SIZE_TEXTS
from ..retopology_properties import (
    APPLY_TEXTS,
    BIT_ITEMS,
    BITS_TEXTS,
    CAGE_TEXTS,
    GREEN_ITEMS,
    GREEN_TEXTS,
    MARGIN_TEXTS,
    NORMALS_TEXTS,
    OCCLUSION_TEXTS,
    ORM_TEXTS,
    REPLACE_TEXTS,
    SAMPLES_TEXTS,
    UNWRAP_TEXTS,
)
from ..retopology_tasks import BakeLowPolyTask
from ..scene.retopology import high_of
from ..scene.stored_code import has_code
from ..translations import iface_, rpt_, tip_
from .arguments import low_poly_options
from .task_operator import TaskOperator, runs_in_window

SIDEBAR_NAMES = ("normals", "occlusion", "occlusion_samples", "cage", "margin", "green", "bits", "pack_orm")


class IMAGE_TO_3D_OT_bake(TaskOperator, bpy.types.Operator):
    """Bake a reconstructed object's colours, normals and ambient occlusion to the active mesh; unwraps it if need be"""

    bl_idname = "image_to_3d.bake"
    bl_label = "Bake to Low-Poly"
    bl_options = {"UNDO"}

    _was_asked = False

    texture_size: IntProperty(**TEXTURE_SIZE_TEXTS, default=2048, min=256, max=TEXTURE_SIZES[-1], options={"SKIP_SAVE"})
    photo_strength: FloatProperty(
        **PHOTO_STRENGTH_TEXTS, default=1.0, min=0.0, max=1.0, subtype="FACTOR", options={"SKIP_SAVE"}
    )
    normals: BoolProperty(**NORMALS_TEXTS, default=True, options={"SKIP_SAVE"})
    occlusion: BoolProperty(**OCCLUSION_TEXTS, default=True, options={"SKIP_SAVE"})
    occlusion_samples: IntProperty(**SAMPLES_TEXTS, default=32, min=1, max=4096, options={"SKIP_SAVE"})
    cage: FloatProperty(**CAGE_TEXTS, default=0.0, min=0.0, subtype="DISTANCE", options={"SKIP_SAVE"})
    margin: IntProperty(**MARGIN_TEXTS, default=8, min=0, max=64, options={"SKIP_SAVE"})
    green: EnumProperty(**GREEN_TEXTS, items=GREEN_ITEMS, options={"SKIP_SAVE"})
    bits: EnumProperty(**BITS_TEXTS, items=BIT_ITEMS, options={"SKIP_SAVE"})
    pack_orm: BoolProperty(**ORM_TEXTS, options={"SKIP_SAVE"})
    new_uvs: BoolProperty(**UNWRAP_TEXTS, options={"SKIP_SAVE"})
    replace_material: BoolProperty(**REPLACE_TEXTS, options={"SKIP_SAVE"})
    apply_modifiers: BoolProperty(**APPLY_TEXTS, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh and an object to bake from, and says what is missing."""
        target = context.object
        if context.mode != "OBJECT" or target is None or target.type != "MESH":
            cls.poll_message_set(tip_("The active object is no mesh in Object Mode. Select the low-poly mesh"))
            return False
        if find_source(context) is None:
            cls.poll_message_set(
                tip_("No selected object was reconstructed from a photo. Select it, then the mesh to bake to")
            )
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """From the sidebar: with its settings, and after asking where something of the artist's would go."""
        settings = context.scene.image_to_3d
        for name in SIDEBAR_NAMES:
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(settings.retopology, name))
        if not self.properties.is_property_set("texture_size"):
            self.texture_size = int(settings.retopology.texture_size)
        if not self.properties.is_property_set("photo_strength"):
            self.photo_strength = settings.photo_strength
        if runs_in_window(context) and self._has_question(context):
            self._was_asked = True
            self.replace_material = self.apply_modifiers = True
            return context.window_manager.invoke_props_dialog(self, title="Bake to Low-Poly", confirm_text="Bake")
        return super().invoke(context, event)

    def draw(self, context: bpy.types.Context) -> None:
        """The questions."""
        column = self.layout.column()
        if _materials(context.object):
            told = Sentence("The mesh has a material: {names}", names=", ".join(_materials(context.object)))
            column.label(text=iface_(told), icon="MATERIAL", translate=False)
            column.prop(self, "replace_material")
        if context.object.modifiers:
            column.label(text="Modifiers must be applied if the mesh has to be unwrapped", icon="MODIFIER")
            column.prop(self, "apply_modifiers")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Block; but after the questions, start anew so that the window lives on."""
        if self._was_asked:
            self._was_asked = False
            arguments = {name: getattr(self, name) for name in self.properties.keys()}  # noqa: SIM118 - not a dict
            return begin_or_report(self, "bake", **arguments)
        return super().execute(context)

    def create_task(self, context: bpy.types.Context) -> BakeLowPolyTask:
        """By the operator's own arguments alone."""
        source = find_source(context)
        if source is None:
            raise SettingsError("There is nothing to bake from.", "Select the reconstructed object, then the mesh.")
        options = replace(
            low_poly_options(self, self.texture_size, self.photo_strength),
            replace_material=self.replace_material,
            new_uvs=self.new_uvs,
            apply_modifiers=self.apply_modifiers,
        )
        return BakeLowPolyTask(context.object, source, options, context.evaluated_depsgraph_get())

    def report_done(self, _context: bpy.types.Context, task: BakeLowPolyTask) -> None:
        """One line, and what went otherwise than asked."""
        for note in task.notes:
            self.report({"WARNING"}, rpt_(note))
        self.report({"INFO"}, rpt_(Sentence("Baked to '{name}'", name=task.target)))

    def _has_question(self, context: bpy.types.Context) -> bool:
        asks_material = bool(_materials(context.object)) and not self.properties.is_property_set("replace_material")
        asks_modifiers = bool(context.object.modifiers) and not self.properties.is_property_set("apply_modifiers")
        return asks_material or asks_modifiers


def find_source(context: bpy.types.Context) -> bpy.types.Object | None:
    """The reconstructed object to bake from: another selected one, the mesh's own high-poly, or the object itself."""
    selected = [item for item in context.selected_objects if item != context.object]
    candidates = [*selected, high_of(context.object), context.object]
    return next((item for item in candidates if has_code(item)), None)


def _materials(target: bpy.types.Object) -> list[str]:
    return [slot.material.name for slot in target.material_slots if slot.material is not None]


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_bake,))
