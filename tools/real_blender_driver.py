# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside the real Blender that real_blender.py starts.

With ``-- install PACKAGE`` it installs the package and saves preferences without splash screen and save prompt. In a
window it opens our tab in the sidebar, writes what is going on to state.json, and sets up what is asked for in
request.json. It never presses a button: that is what mouse and keyboard are for.
"""

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import bpy
from mathutils import Euler

FOLDER = Path(__file__).resolve().parent
MODULE = "bl_ext.user_default.image_to_3d"
TICK_SECONDS = 0.01
WRITE_SECONDS = 0.05
NOTABLE_BLOCK_SECONDS = 0.1


def install(package: str) -> None:
    """Into the user's own repository, enabled, remembered."""
    bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True)
    assert MODULE in bpy.context.preferences.addons, "the extension is not enabled after its installation"
    view = bpy.context.preferences.view
    view.show_splash = False
    view.use_save_prompt = False
    # Smoothing redraws the viewport eight times, each of which takes a second without a GPU.
    bpy.context.preferences.system.viewport_aa = "FXAA"
    bpy.ops.wm.save_userpref()


class Heartbeat:
    """A timer of Blender's event loop: how late it is called is how long the main thread was blocked."""

    def __init__(self) -> None:
        self.last = time.perf_counter()
        self.was_running = False
        self.longest_block = 0.0
        self.final_block = 0.0
        self.last_block = self.last

    def beat(self, is_running: bool) -> None:
        """Called on each tick; the tick on which the job has ended holds the final build."""
        now = time.perf_counter()
        block = now - self.last - TICK_SECONDS
        self.last = now
        if block > NOTABLE_BLOCK_SECONDS:
            self.last_block = now
        if self.was_running and is_running:
            self.longest_block = max(self.longest_block, block)
        elif self.was_running:
            self.final_block = max(self.final_block, block)
        self.was_running = is_running


class Driver:
    """Writes the state and obeys requests, from a timer."""

    def __init__(self) -> None:
        self.heartbeat = Heartbeat()
        self.written = 0.0
        self.answered = 0
        self.stages: list[str] = []

    def __call__(self) -> float:
        """One tick; returns the seconds to the next."""
        status = getattr(bpy.context.window_manager, "image_to_3d", None)
        is_running = bool(status and status.is_running)
        self.heartbeat.beat(is_running)
        if is_running and status.stage and status.stage not in self.stages:
            self.stages.append(status.stage)
        now = time.perf_counter()
        if now - self.written >= WRITE_SECONDS:
            self.written = now
            self.read_request()
            self.write(status, is_running)
        return TICK_SECONDS

    def read_request(self) -> None:
        """Do what the other side asks for, once."""
        path = FOLDER / "request.json"
        if path.is_file():
            request = json.loads(path.read_text(encoding="utf-8"))
            path.unlink()
            obey(request, self)
            self.answered = request["number"]

    def write(self, status: bpy.types.PropertyGroup | None, is_running: bool) -> None:
        """Everything that the other side may want to know."""
        state = {
            "answered": self.answered,
            "sidebar": sidebar_geometry(),
            "clipboard": bpy.context.window_manager.clipboard,
            "running": is_running,
            "stage": status.stage if status else "",
            "fraction": status.fraction if status else 0.0,
            "stages": self.stages,
            "quiet_seconds": time.perf_counter() - self.heartbeat.last_block,
            "longest_block": self.heartbeat.longest_block,
            "final_block": self.heartbeat.final_block,
            "objects": sorted(item.name for item in bpy.data.objects),
            "counts": {
                kind: len(getattr(bpy.data, kind))
                for kind in ("objects", "meshes", "materials", "images", "collections", "cameras")
            },
            "selected": [item.name for item in bpy.context.selected_objects],
        }
        part = FOLDER / "state.json.part"
        part.write_text(json.dumps(state), encoding="utf-8")
        part.rename(FOLDER / "state.json")


def viewport() -> tuple[bpy.types.Area, bpy.types.Region, bpy.types.SpaceView3D]:
    """The largest 3D viewport: its area, sidebar region and space."""
    areas = [area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D"]
    area = max(areas, key=lambda area: area.width * area.height)
    return area, next(region for region in area.regions if region.type == "UI"), area.spaces.active


def sidebar_geometry() -> dict[str, int]:
    """Place and size in the window, y counting up from its bottom."""
    _, region, _ = viewport()
    return {name: getattr(region, name) for name in ("x", "y", "width", "height")}


def obey(request: dict[str, Any], driver: Driver) -> None:
    """Set up what the tests cannot reach with the mouse."""
    if request.get("clear_clipboard"):
        bpy.context.window_manager.clipboard = ""
    for name in request.get("remove", []):
        bpy.data.objects.remove(bpy.data.objects[name])
    if "photo" in request:
        image = bpy.data.images.load(str(FOLDER / request["photo"]))
        bpy.context.scene.image_to_3d.photo = image
    for name, value in request.get("settings", {}).items():
        setattr(bpy.context.scene.image_to_3d, name, value)
    if request.get("forget_blocks"):
        driver.heartbeat.longest_block = driver.heartbeat.final_block = 0.0
        driver.stages.clear()
    if request.get("show_texture"):
        show_texture()
    if "photo" in request or "settings" in request:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
            bpy.ops.ed.undo_push(message="Set up by the test")


def show_texture() -> None:
    """Solid shading with textures, seen a little from above and from the left: what the artist sees, without a GPU."""
    area, _, space = viewport()
    space.shading.type = "SOLID"
    space.shading.color_type = "TEXTURE"
    space.region_3d.view_rotation = Euler((math.radians(62), 0, math.radians(-22))).to_quaternion()
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=area.regions[-1]):
        bpy.ops.view3d.view_selected()


def open_sidebar() -> float | None:
    """Our tab in front. Called until the region has been laid out: its tabs exist only after the first draw."""
    _, region, space = viewport()
    space.show_region_ui = True
    try:
        region.active_panel_category = "Image to 3D"
    except (TypeError, AttributeError):
        return 0.2
    return None


if "--" in sys.argv:
    install(sys.argv[-1])
else:
    bpy.app.timers.register(open_sidebar, first_interval=0.5)
    bpy.app.timers.register(Driver(), first_interval=1.0)
