# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist has in hand: making an object the active one, and taking it out of Edit Mode.

Jobs take seconds to minutes and the viewport stays live, so that by their end the artist may be editing something,
or look at another scene.
"""

import bpy

from ..inference.errors import OutputError
from ..inference.sentence import Sentence

PASSING_SCENE = ".image_to_3d"
"""Name of a scene that is there for a moment only."""


def active_object() -> bpy.types.Object | None:
    """The active object of Blender's present context.

    None also while a file loads before a window is shown: Blender then reads properties in a context that has no
    attribute for the active object at all.
    """
    return getattr(bpy.context, "object", None)


def make_active(context: bpy.types.Context, target: bpy.types.Object) -> None:
    """Select it alone and make it active, also where the viewport shows a local view.

    Work in hand goes on: in another mode than Object Mode, and where the view layer shown does not have the object,
    selection and active object stay.
    """
    layer = context.view_layer
    layer.update()  # until then its lists lack what was just linked, and hold None for what a script just removed
    if target.name not in layer.objects:
        return
    space = context.space_data
    if space is not None and space.type == "VIEW_3D" and space.local_view:
        target.local_view_set(space, True)
    if context.mode != "OBJECT":
        return
    for other in layer.objects.selected:
        other.select_set(False)
    target.select_set(True)
    layer.objects.active = target


def leave_edit_mode(target: bpy.types.Object) -> None:
    """Back to Object Mode with an object whose mesh is to be exchanged; the edits are kept in the mesh it has.

    In Edit Mode Blender ignores that an object is given another mesh, without a word. A scene made for the purpose has
    the object in reach wherever it is: in a scene that no window shows, in an excluded collection, or edited together
    with others of which another is the active one.

    Raises:
        OutputError: Blender does not leave it.
    """
    if target.mode != "EDIT":
        return
    scene = bpy.data.scenes.new(PASSING_SCENE)
    scene.collection.objects.link(target)
    layer = scene.view_layers[0]
    layer.objects.active = target
    with bpy.context.temp_override(
        scene=scene, view_layer=layer, object=target, active_object=target, edit_object=target
    ):
        bpy.ops.object.mode_set(mode="OBJECT")
    bpy.data.scenes.remove(scene)
    if target.mode == "EDIT":
        raise OutputError(Sentence("'{name}' is in Edit Mode.", name=target.name), "Leave Edit Mode and start again.")
