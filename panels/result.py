# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel that says what the active object is and what to do next with it, or why nothing was made."""

import bpy

from ..engine import ENGINE
from ..inference.sentence import Sentence
from ..scene.facts import Facts, facts_of
from ..scene.family import Member, NextStep, find_member, next_step, sculpture_of
from ..scene.provenance import provenance_of
from ..scene.retopology import check_of
from ..scene.units import length_text
from ..text import wrap
from ..translations import OWN_CONTEXT, iface_
from .sidebar import SidebarPanel, draw_fold

BUTTONS = {
    NextStep.RETOPOLOGY: ("image_to_3d.auto_retopology", "MOD_REMESH"),
    NextStep.BAKE: ("image_to_3d.bake", "RENDER_STILL"),
    NextStep.EXPORT: ("image_to_3d.check_asset", "CHECKMARK"),
}
"""The operator of each next step that has one, and its icon."""


class IMAGE_TO_3D_PT_result(SidebarPanel, bpy.types.Panel):
    """Facts first, then the next step; timings are folded away."""

    bl_idname = "IMAGE_TO_3D_PT_result"
    bl_parent_id = "IMAGE_TO_3D_PT_main"
    bl_label = "Result"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Only when there is something to tell; also while a job runs, because panels below would move otherwise."""
        return ENGINE.failure is not None or sculpture_of(context.object) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """The last failure and what to do about it; the active object."""
        if ENGINE.failure is not None:
            _draw_failure(self.layout.column(align=True), context)
        if sculpture_of(context.object) is not None:
            _draw_object(self.layout, context)


def _draw_failure(column: bpy.types.UILayout, context: bpy.types.Context) -> None:
    failure = ENGINE.failure
    message = column.column(align=True)
    message.alert = True
    for number, line in enumerate(wrap(failure.message, context)):
        message.label(text=line, icon="ERROR" if number == 0 else "BLANK1")
    for line in wrap(failure.hint, context):
        column.label(text=line, icon="BLANK1")
    column.operator("image_to_3d.copy_diagnostics", icon="COPYDOWN")


def _draw_object(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    target = context.object
    facts = facts_of(target)
    _draw_switch(layout, target)
    column = layout.column(align=True)
    column.label(text=target.name, icon="OUTLINER_OB_MESH", translate=False)
    for line in _facts(target, facts):
        column.label(text=iface_(line), translate=False)
    for sentence in (*([facts.shape] if facts.shape else []), *facts.warnings):
        for number, line in enumerate(wrap(sentence, context)):
            column.label(text=line, icon="INFO" if number == 0 else "BLANK1", translate=False)
    _draw_next(layout, target)
    row = layout.row(align=True)
    row.operator("image_to_3d.view_camera", icon="VIEW_CAMERA")
    _draw_shading(layout, context)
    if facts.seconds:
        body = draw_fold(layout, "timings", "Timings")
        if body is not None:
            _draw_timings(body.column(align=True), facts)


def _draw_switch(layout: bpy.types.UILayout, target: bpy.types.Object) -> None:
    """Which of the object's two meshes is shown, where it has two."""
    if find_member(target, Member.LOW) is None:
        return
    row = layout.row(align=True)
    for member in Member:
        is_shown = find_member(target, member) == target
        row.operator("image_to_3d.show_mesh", text=member.value, depress=is_shown).member = member.name


def _facts(target: bpy.types.Object, facts: Facts) -> list[Sentence]:
    """Faces, size and cost, a line each."""
    sides = " x ".join(length_text(side) for side in target.dimensions)
    lines = [Sentence("{faces:,} faces, {size}", faces=len(target.data.polygons), size=sides)]
    check = check_of(target)
    if check is not None:
        lines.append(Sentence("{mean:.2%} off the sculpture on average", mean=check.mean_distance))
    network = provenance_of(target).get("system")
    if facts.seconds and network and check is None:
        lines.append(Sentence("By {network} in {seconds:.1f} s", network=network, seconds=facts.total))
    elif facts.seconds:
        lines.append(Sentence("Made in {seconds:.1f} s", seconds=facts.total))
    return lines


def _draw_next(layout: bpy.types.UILayout, target: bpy.types.Object) -> None:
    """The usual next step in words, and its button."""
    step = next_step(target)
    column = layout.column(align=True)
    column.label(text=step.value, icon="FORWARD")
    if step in BUTTONS:
        operator, icon = BUTTONS[step]
        column.operator(operator, icon=icon)


def _draw_timings(column: bpy.types.UILayout, facts: Facts) -> None:
    for stage, seconds in [*facts.seconds.items(), ("Total", facts.total)]:
        row = column.row()
        row.label(text=stage, text_ctxt=OWN_CONTEXT)
        value = row.row()
        value.alignment = "RIGHT"
        value.label(text=f"{seconds:.2f} s", translate=False)


def _draw_shading(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Blender's own shading buttons: in Solid mode the texture that was just made is not seen."""
    space = context.space_data
    if space is not None and space.type == "VIEW_3D":
        layout.row(align=True).prop(space.shading, "type", text="", expand=True)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_result,))
