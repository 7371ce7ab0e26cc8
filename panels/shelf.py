# SPDX-License-Identifier: GPL-3.0-or-later
"""The shelf: a thumbnail for each photo, its state, and what can be done with it."""

import bpy

from ..engine import ENGINE
from ..inference.sentence import Sentence
from ..scene.cutout_image import photos_with_cutouts
from ..scene.shelf import shelved_results
from ..shelf import QUEUE, PhotoState
from ..text import wrap
from ..thumbnails import THUMBNAILS
from ..translations import iface_

STATE_ICONS = {
    PhotoState.NEW: "BLANK1",
    PhotoState.WAITING: "TIME",
    PhotoState.WORKING: "PLAY",
    PhotoState.DONE: "CHECKMARK",
    PhotoState.FAILED: "ERROR",
}
COLUMN_WIDTH = 58
"""Least width of a thumbnail with what is around it, pixels at Blender's usual interface scale: four fit a fresh
sidebar."""

THUMBNAIL_HEIGHT = 2.8
"""In rows of the layout."""

LONE_HEIGHT = 5.0
"""Likewise of the only photo on the shelf."""

OVERLAID = 0.01
"""What is so many rows high takes no room, so that the next thing lies over it."""


def draw_shelf(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """The photos, then the buttons for all of them."""
    shelf = [shelved for shelved in context.scene.image_to_3d.shelf if shelved.image is not None]
    results, edited = shelved_results(context.scene), photos_with_cutouts()
    if shelf:
        columns = min(len(shelf), _columns(context))
        grid = layout.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True, align=True)
        for shelved in shelf:
            cell = grid.column(align=True)
            _draw_thumbnail(cell, context, shelved, is_alone=len(shelf) == 1)
            _draw_state(cell, shelved, QUEUE.state(shelved.identifier, results), is_edited=shelved.image in edited)
    _draw_failure(layout, context)
    _draw_buttons(layout, context, len(shelf))


def _draw_thumbnail(
    column: bpy.types.UILayout, context: bpy.types.Context, shelved: bpy.types.PropertyGroup, *, is_alone: bool
) -> None:
    """A button, and the photo over it: a picture is a label, which leaves the mouse to the button below."""
    height = LONE_HEIGHT if is_alone else THUMBNAIL_HEIGHT
    below = column.column(align=True)
    below.ui_units_y = OVERLAID
    button = below.column(align=True)
    button.scale_y = height
    is_chosen = shelved.image == context.scene.image_to_3d.photo and not is_alone
    button.operator("image_to_3d.choose_photo", text="", depress=is_chosen).photo = shelved.identifier
    column.template_icon(THUMBNAILS.icon(shelved.image) or _sign(), scale=height)


def _draw_state(
    column: bpy.types.UILayout, shelved: bpy.types.PropertyGroup, state: PhotoState, *, is_edited: bool
) -> None:
    """The state, whether the cut-out was edited, and the way out."""
    row = column.row(align=True)
    row.alignment = "CENTER"
    sign = row.row(align=True)
    sign.alert = state is PhotoState.FAILED
    sign.operator("image_to_3d.choose_photo", text="", icon=STATE_ICONS[state], emboss=False).photo = shelved.identifier
    if is_edited:
        row.label(icon="BRUSH_DATA")
    is_queued = state in (PhotoState.WAITING, PhotoState.WORKING)
    way_out = "image_to_3d.cancel_photo" if is_queued else "image_to_3d.remove_from_shelf"
    row.operator(way_out, text="", icon="X" if is_queued else "REMOVE", emboss=False).photo = shelved.identifier


def _draw_failure(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Why the chosen photo failed, where the panel below does not tell it already."""
    photo = context.scene.image_to_3d.photo
    shelved = next((item for item in context.scene.image_to_3d.shelf if photo and item.image == photo), None)
    failure = QUEUE.failures.get(shelved.identifier) if shelved is not None else None
    if failure is None or failure is ENGINE.failure:
        return
    column = layout.column(align=True)
    message = column.column(align=True)
    message.alert = True
    for number, line in enumerate(wrap(failure.message, context)):
        message.label(text=line, icon="ERROR" if number == 0 else "BLANK1", translate=False)
    for line in wrap(failure.hint, context):
        column.label(text=line, icon="BLANK1", translate=False)


def _draw_buttons(layout: bpy.types.UILayout, context: bpy.types.Context, count: int) -> None:
    row = layout.row(align=True)
    if count < 2:
        row.operator("image_to_3d.add_photos", icon="ADD")
    else:
        row.operator("image_to_3d.add_photos", text="", icon="ADD")
        row.operator("image_to_3d.reconstruct_shelf", icon="MESH_MONKEY")
        layout.prop(context.scene.image_to_3d, "draft_first")
    if QUEUE.length > 1:
        text = Sentence("Photo {number} of {count}", number=min(QUEUE.ended + 1, QUEUE.length), count=QUEUE.length)
        layout.progress(factor=QUEUE.ended / QUEUE.length, text=iface_(text))


def _columns(context: bpy.types.Context) -> int:
    """As many thumbnails as fit beside each other."""
    region = context.region
    if region is None or region.type != "UI":
        return 4
    return max(1, int((region.width / context.preferences.system.ui_scale - 40) / COLUMN_WIDTH))


def _sign() -> int:
    """The icon for a photo without a thumbnail."""
    return bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items["IMAGE_DATA"].value
