# SPDX-License-Identifier: GPL-3.0-or-later
"""Real size, origin and upright stand of the active object."""

import math

import bpy
from bpy.props import EnumProperty, FloatProperty, FloatVectorProperty
from mathutils import Vector

from ..calling import begin_or_report
from ..inference.errors import ReconstructionError
from ..inference.sentence import Sentence
from ..scene.family import family_of, moving_together
from ..scene.transform import Origin, move_origin, resize, set_ground, stand_upright
from ..scene.units import length_text
from ..translations import error_text, rpt_, tip_
from .handles import PointPicker

SIDES = (
    ("HEIGHT", "Height", "Along Z"),
    ("WIDTH", "Width", "Along X"),
    ("DEPTH", "Depth", "Along Y"),
    ("LONGEST", "Longest Side", "Whichever side is the longest"),
)
ORIGINS = (
    (Origin.BASE.name, "Base", "The centre of the base"),
    (Origin.CENTRE.name, "Centre", "The centre of the bounding box"),
    (Origin.MASS.name, "Mass", "The centre of the volume"),
)


class _MeshOperator:
    """Base of operators that change the active mesh object at once."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh in Object Mode, and says so."""
        if context.object is None or context.object.type != "MESH" or context.mode != "OBJECT":
            cls.poll_message_set(tip_("Select a mesh object in Object Mode"))
            return False
        return True

    def change(self, target: bpy.types.Object) -> Sentence:
        """Do it and say what was done; raises ``ReconstructionError``."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Do it, or tell why not."""
        try:
            self.report({"INFO"}, rpt_(self.change(context.object)))
        except ReconstructionError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class IMAGE_TO_3D_OT_set_size(_MeshOperator, bpy.types.Operator):
    """Give the object its real size; mesh, camera and stored code follow, the object's scale stays 1"""

    bl_idname = "image_to_3d.set_size"
    bl_label = "Set Real Size"

    side: EnumProperty(name="Side", description="Which side's length is known", items=SIDES, default="HEIGHT")
    length: FloatProperty(
        name="Length", description="How long that side is", default=1.0, min=1e-4, soft_max=100.0, subtype="DISTANCE"
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the length, beginning with the present one."""
        if not self.properties.is_property_set("length"):
            self.length = _side(context.object, self.side)
        return context.window_manager.invoke_props_dialog(self)

    def change(self, target: bpy.types.Object) -> Sentence:
        """Scale by the ratio of the lengths."""
        _resize_family(target, self.length / max(_side(target, self.side), 1e-9))
        return Sentence("'{name}' is now {lengths}", name=target.name, lengths=_lengths(target))


class IMAGE_TO_3D_OT_set_distance(_MeshOperator, bpy.types.Operator):
    """Give the object its real size by the distance between two of its points"""

    bl_idname = "image_to_3d.set_distance"
    bl_label = "Set Distance of Two Points"

    first: FloatVectorProperty(name="First Point", description="In world coordinates", subtype="XYZ")
    second: FloatVectorProperty(name="Second Point", description="In world coordinates", subtype="XYZ")
    distance: FloatProperty(
        name="Distance",
        description="How far apart the two points really are",
        default=1.0,
        min=1e-4,
        subtype="DISTANCE",
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the distance, beginning with the present one."""
        if not self.properties.is_property_set("distance"):
            self.distance = max(math.dist(self.first, self.second), 1e-4)
        return context.window_manager.invoke_props_dialog(self)

    def change(self, target: bpy.types.Object) -> Sentence:
        """Scale by the ratio of the distances."""
        present = math.dist(self.first, self.second)
        _resize_family(target, self.distance / present if present else 0.0)
        return Sentence("'{name}' is now {lengths}", name=target.name, lengths=_lengths(target))


class IMAGE_TO_3D_OT_set_ground(_MeshOperator, bpy.types.Operator):
    """Turn the object so that three of its points lie on the ground; the photo's camera stays matched"""

    bl_idname = "image_to_3d.set_ground"
    bl_label = "Set Ground by Three Points"

    first: FloatVectorProperty(name="First Point", description="In world coordinates", subtype="XYZ")
    second: FloatVectorProperty(name="Second Point", description="In world coordinates", subtype="XYZ")
    third: FloatVectorProperty(name="Third Point", description="In world coordinates", subtype="XYZ")

    def change(self, target: bpy.types.Object) -> Sentence:
        """Turn it, and its family."""
        with moving_together(target):
            angle = math.degrees(set_ground(target, (self.first, self.second, self.third)))
        return Sentence(
            "'{name}' stands on the three points; turned by {angle:.1f} degrees", name=target.name, angle=angle
        )


class IMAGE_TO_3D_OT_pick_distance(PointPicker, bpy.types.Operator):
    """Click two points of the object, then type how far apart they really are"""

    bl_idname = "image_to_3d.pick_distance"
    bl_label = "Pick Two Points"
    bl_options = {"INTERNAL"}

    steps = (
        "Click the first point on the object     Esc: Cancel",
        "Click the second point on the object     Esc: Cancel",
    )

    def use(self, points: list[Vector]) -> set[str]:
        """Ask for the distance."""
        first, second = points
        return begin_or_report(self, "set_distance", first=first, second=second)


class IMAGE_TO_3D_OT_pick_ground(PointPicker, bpy.types.Operator):
    """Click three points of the base: the object is turned so that they lie on the ground"""

    bl_idname = "image_to_3d.pick_ground"
    bl_label = "Ground by Three Points"
    bl_options = {"INTERNAL"}

    steps = (
        "Click a first point that touches the ground     Esc: Cancel",
        "Click a second point that touches the ground     Esc: Cancel",
        "Click a third point that touches the ground     Esc: Cancel",
    )

    def use(self, points: list[Vector]) -> set[str]:
        """Turn the object, as a step of its own to undo."""
        first, second, third = points
        return begin_or_report(self, "set_ground", first=first, second=second, third=third)


class IMAGE_TO_3D_OT_set_origin(_MeshOperator, bpy.types.Operator):
    """Put the object's origin elsewhere without moving the object; camera and stored code follow"""

    bl_idname = "image_to_3d.set_origin"
    bl_label = "Set Origin"

    where: EnumProperty(name="Origin", description="Where the origin goes", items=ORIGINS, default=Origin.BASE.name)

    def change(self, target: bpy.types.Object) -> Sentence:
        """Move it."""
        origin = Origin[self.where]
        move_origin(target, origin)
        return Sentence("The origin of '{name}' is at the {place}", name=target.name, place=Sentence(origin.value))


class IMAGE_TO_3D_OT_stand_upright(_MeshOperator, bpy.types.Operator):
    """Turn the object so that it stands on its flattest side, as it would on a table"""

    bl_idname = "image_to_3d.stand_upright"
    bl_label = "Stand Upright"

    def change(self, target: bpy.types.Object) -> Sentence:
        """Turn it."""
        with moving_together(target):
            angle = math.degrees(stand_upright(target))
        return Sentence("'{name}' was turned by {angle:.1f} degrees", name=target.name, angle=angle)


def _resize_family(target: bpy.types.Object, factor: float) -> None:
    """Scale an object, and the sculpture and low-poly meshes that lie over it."""
    resize(target, factor)
    for item in family_of(target):
        if item != target and item.data.vertices:
            resize(item, factor)


def _side(target: bpy.types.Object, side: str) -> float:
    """Present length of a side, in the object's own directions, its scale included."""
    x, y, z = target.dimensions
    return {"HEIGHT": z, "WIDTH": x, "DEPTH": y, "LONGEST": max(x, y, z)}[side]


def _lengths(target: bpy.types.Object) -> str:
    """Its dimensions as the scene's units say them, after the change."""
    bpy.context.view_layer.update()
    return " x ".join(length_text(side) for side in target.dimensions)


register, unregister = bpy.utils.register_classes_factory(
    (
        IMAGE_TO_3D_OT_set_size,
        IMAGE_TO_3D_OT_set_distance,
        IMAGE_TO_3D_OT_pick_distance,
        IMAGE_TO_3D_OT_set_ground,
        IMAGE_TO_3D_OT_pick_ground,
        IMAGE_TO_3D_OT_set_origin,
        IMAGE_TO_3D_OT_stand_upright,
    )
)
