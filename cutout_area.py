# SPDX-License-Identifier: GPL-3.0-or-later
"""The Image Editor in which a cut-out is corrected: where it comes from, and how the window gets it back."""

from dataclasses import dataclass

import bpy


@dataclass(frozen=True)
class Borrowed:
    """How an area was before a cut-out was shown in it.

    Attributes:
        was_made: it was split off a 3D viewport for the purpose, and is closed again.
        image: name of the image that it showed; empty for none.
        ui_mode: of its Image Editor.
        shows_sidebar: whether its sidebar was open.
    """

    was_made: bool
    image: str = ""
    ui_mode: str = "VIEW"
    shows_sidebar: bool = False


_borrowed: dict[int, Borrowed] = {}
"""By the area's address, which stays the same as long as the area is there."""


def borrow_area(context: bpy.types.Context) -> bpy.types.Area | None:
    """An Image Editor of the window, or one split off its largest 3D viewport; None where there is no room."""
    areas = context.window.screen.areas
    area = next((item for item in areas if item.type == "IMAGE_EDITOR"), None)
    if area is None:
        area = _split_viewport(context)
        if area is not None:
            _borrowed[area.as_pointer()] = Borrowed(was_made=True)
    elif area.as_pointer() not in _borrowed:
        space = area.spaces.active
        image = space.image.name if space.image is not None else ""
        _borrowed[area.as_pointer()] = Borrowed(False, image, space.ui_mode, space.show_region_ui)
    return area


def return_area(context: bpy.types.Context, area: bpy.types.Area) -> None:
    """Give an area its former content back, or the viewport its former width.

    One that is not known, as after a file was opened again, becomes a plain view of no image.
    """
    before = _borrowed.pop(area.as_pointer(), Borrowed(was_made=False))
    if before.was_made and len(context.window.screen.areas) > 1:
        with context.temp_override(window=context.window, area=area):
            bpy.ops.screen.area_close()
        return
    space = area.spaces.active
    space.image = bpy.data.images.get(before.image)
    space.ui_mode = before.ui_mode
    space.show_region_ui = before.shows_sidebar
    area.tag_redraw()


def _split_viewport(context: bpy.types.Context) -> bpy.types.Area | None:
    screen = context.window.screen
    views = [area for area in screen.areas if area.type == "VIEW_3D"]
    if not views:
        return None
    view = max(views, key=lambda area: area.width * area.height)
    before = set(screen.areas)
    with context.temp_override(window=context.window, area=view):
        bpy.ops.screen.area_split(direction="VERTICAL", factor=0.5)
    made = next(area for area in screen.areas if area not in before)
    made.type = "IMAGE_EDITOR"
    return made
