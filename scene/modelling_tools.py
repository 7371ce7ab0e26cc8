# SPDX-License-Identifier: GPL-3.0-or-later
"""How the scene's tools and a viewport are set for modelling a low-poly mesh by hand, and how they were before.

Neither is part of Blender's undo, so what was before is kept with the low-poly object and, for undo, in memory.
"""

import json
from contextlib import suppress
from typing import Any

import bpy

FORMER_KEY = "image_to_3d_former_tools"
"""Custom property of a low-poly object that is being modelled: what was before, as JSON."""

SNAPPING = {
    "use_snap": True,
    "snap_elements_individual": ["FACE_PROJECT"],
    "use_snap_translate": True,
    "use_snap_rotate": True,
    "use_snap_scale": True,
    "use_snap_self": True,
    "use_snap_nonedit": True,
    "use_snap_selectable": False,
    "use_snap_backface_culling": True,
    "mesh_select_mode": [True, False, False],
}
"""Properties of ``ToolSettings``: each vertex by itself goes onto what the view shows below it, also where the source
cannot be selected."""


def set_up_tools(context: bpy.types.Context, low: bpy.types.Object, high: bpy.types.Object) -> None:
    """Set snapping, lock the high-poly, and show the overlay where there is a viewport; keep what was before.

    Without a viewport the mesh is drawn in front instead.

    Args:
        context: with the scene, and the viewport if there is one.
        low: the mesh to model.
        high: the mesh below it.
    """
    former = _read(context.scene.tool_settings)
    former["elements"] = sorted(context.scene.tool_settings.snap_elements)
    space = context.space_data
    has_viewport = space is not None and space.type == "VIEW_3D"
    former["scene"] = context.scene.name
    former["overlay"] = space.overlay.show_retopology if has_viewport else None
    former["area"] = context.area.as_pointer() if has_viewport else 0
    former["tool"] = _edit_tool(context) if has_viewport else ""
    former["is_locked"] = high.hide_select
    low[FORMER_KEY] = json.dumps(former)
    high.hide_select = True
    low.show_in_front = not has_viewport
    apply_tools(low)


def apply_tools(low: bpy.types.Object) -> None:
    """Set what modelling this low-poly object needs, by what was kept with it."""
    former = former_tools(low)
    scene = bpy.data.scenes.get(former.get("scene", ""))
    if scene is not None:
        _write(scene.tool_settings, SNAPPING)
    if former.get("overlay") is not None:
        for space in _viewports(former):
            space.overlay.show_retopology = True


def give_back(former: dict[str, Any]) -> None:
    """Set snapping and overlay as they were; what was changed meanwhile by hand stays as it is."""
    scene = bpy.data.scenes.get(former.get("scene", ""))
    if scene is not None:
        present = _read(scene.tool_settings)
        unchanged = {name: former[name] for name in SNAPPING if present[name] == SNAPPING[name]}
        # Blender takes no empty set for a part of the elements, though that is its own default.
        if unchanged.pop("snap_elements_individual", None) is not None and former.get("elements"):
            scene.tool_settings.snap_elements = set(former["elements"])
        _write(scene.tool_settings, unchanged)
    if former.get("overlay") is False:
        for space in _viewports(former):
            space.overlay.show_retopology = False


def former_tools(low: bpy.types.Object | None) -> dict[str, Any]:
    """What was before a low-poly object was prepared; empty where it is none, or its modelling is finished."""
    values: Any = None
    if low is not None and FORMER_KEY in low:
        with suppress(TypeError, ValueError):  # edited to nonsense
            values = json.loads(low[FORMER_KEY])
    return values if isinstance(values, dict) and SNAPPING.keys() <= values.keys() else {}


def _read(tools: bpy.types.ToolSettings) -> dict[str, Any]:
    values = {name: getattr(tools, name) for name in SNAPPING}
    values["snap_elements_individual"] = sorted(values["snap_elements_individual"])
    values["mesh_select_mode"] = list(values["mesh_select_mode"])
    return values


def _write(tools: bpy.types.ToolSettings, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(tools, name, set(value) if name == "snap_elements_individual" else value)


def _edit_tool(context: bpy.types.Context) -> str:
    tool = context.workspace.tools.from_space_view3d_mode("EDIT_MESH") if context.workspace is not None else None
    return tool.idname if tool is not None else ""


def _viewports(former: dict[str, Any]) -> list[bpy.types.SpaceView3D]:
    """The 3D viewport that was set up; all that are shown where it is gone, as after loading the file."""
    areas = [area for window in bpy.context.window_manager.windows for area in window.screen.areas]
    viewports = [area for area in areas if area.type == "VIEW_3D"]
    same = [area for area in viewports if area.as_pointer() == former.get("area")]
    return [area.spaces.active for area in same or viewports]
