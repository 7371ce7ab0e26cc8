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
import numpy as np
from mathutils import Euler, Vector

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
        self.watches_clipboard = False
        self.copied, self.copies = "", 0
        self.open_panels: set[str] = set()
        self.images: dict[str, Any] = {}
        watch_panels(self.open_panels)

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
            self.read_clipboard()
            self.read_request()
            self.write(status, is_running)
        return TICK_SECONDS

    def read_clipboard(self) -> None:
        """Count what is copied: emptied in between, so that the same text twice is two copies."""
        manager = bpy.context.window_manager
        if self.watches_clipboard and manager.clipboard:
            self.copied, self.copies = manager.clipboard, self.copies + 1
            manager.clipboard = ""

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
        active = windows()[0].view_layer.objects.active
        settings = getattr(windows()[0].scene, "image_to_3d", None)
        photo = settings.photo if settings else None
        state = {
            "answered": self.answered,
            "sidebar": sidebar_geometry("VIEW_3D"),
            "image_sidebar": sidebar_geometry("IMAGE_EDITOR"),
            "image_corners": image_corners(),
            "viewport": viewport_geometry(),
            "view": describe_view(),
            "scene": describe_scene(),
            "windows": len(windows()),
            "workspace": windows()[0].workspace.name,
            "copied": self.copied,
            "copies": self.copies,
            "open_panels": sorted(self.open_panels),
            "areas": sorted(area.type for window in windows() for area in window.screen.areas),
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
            "selected": [item.name for item in windows()[0].view_layer.objects.selected],
            "visible": sorted(item.name for item in windows()[0].view_layer.objects if item.visible_get()),
            "photo": photo.name if photo else "",
            "active": active.name if active else "",
            "mode": active.mode if active else "OBJECT",
            "meshes": {item.name: describe(item) for item in bpy.data.objects if item.type == "MESH"},
            "boxes": {item.name: world_box(item) for item in bpy.data.objects if item.type == "MESH"},
            "images": self.images,
            "adjusted": adjusted_values(),
            "shelf": describe_shelf(windows()[0].scene) if settings else [],
        }
        part = FOLDER / "state.json.part"
        part.write_text(json.dumps(state), encoding="utf-8")
        part.rename(FOLDER / "state.json")


def windows() -> list[bpy.types.Window]:
    """All of Blender's."""
    return list(bpy.context.window_manager.windows)


def largest(kind: str) -> bpy.types.Area | None:
    """The largest area of a kind in the first window."""
    areas = [area for area in windows()[0].screen.areas if area.type == kind]
    return max(areas, key=lambda area: area.width * area.height, default=None)


def region_of(area: bpy.types.Area, kind: str) -> bpy.types.Region:
    """An area's region of a kind."""
    return next(region for region in area.regions if region.type == kind)


def sidebar_geometry(kind: str) -> dict[str, int]:
    """Place and size in the window, y counting up from its bottom, and how far it is scrolled; empty without one."""
    area = largest(kind)
    if area is None:
        return {}
    region = region_of(area, "UI")
    geometry = {name: getattr(region, name) for name in ("x", "y", "width", "height")}
    if region.width <= 1 or region.height <= 1:  # folded, or not laid out yet
        return geometry | {"scroll": 0}
    return geometry | {"scroll": round(region.view2d.region_to_view(0, region.height)[1])}


def image_corners() -> list[int]:
    """Left, bottom, right and top of the picture in the Image Editor, in the window, y up; empty without one."""
    area = largest("IMAGE_EDITOR")
    if area is None:
        return []
    region = region_of(area, "WINDOW")
    corners = [region.view2d.view_to_region(*corner, clip=False) for corner in ((0, 0), (1, 1))]
    return [value for x, y in corners for value in (region.x + x, region.y + y)]


def viewport_geometry() -> dict[str, int]:
    """Place and size of the 3D viewport's main region in the window, y counting up from its bottom; empty without."""
    area = largest("VIEW_3D")
    region = region_of(area, "WINDOW") if area is not None else None
    return {name: getattr(region, name) for name in ("x", "y", "width", "height")} if region is not None else {}


def describe_view() -> dict[str, Any]:
    """From where the 3D viewport looks, and how it shades; empty without one."""
    area = largest("VIEW_3D")
    if area is None:
        return {}
    space = area.spaces.active
    view = space.region_3d
    return {
        "location": list(view.view_location),
        "rotation": list(view.view_rotation),
        "distance": view.view_distance,
        "perspective": view.view_perspective,
        "shading": [space.shading.type, space.shading.color_type],
    }


def describe_scene() -> dict[str, Any]:
    """What the extension sets for a while and has to give back."""
    scene = windows()[0].scene
    tools, viewport = scene.tool_settings, largest("VIEW_3D")
    return {
        "camera": scene.camera.name if scene.camera else "",
        "resolution": [scene.render.resolution_x, scene.render.resolution_y],
        "snapping": [tools.use_snap, *sorted(tools.snap_elements_individual), tools.use_snap_selectable],
        "overlay": viewport.spaces.active.overlay.show_retopology if viewport is not None else False,
        "locked": sorted(item.name for item in bpy.data.objects if item.hide_select and item.type == "MESH"),
    }


def world_box(item: bpy.types.Object) -> list[list[float]]:
    """The lower and the upper corner of an object's box, in metres."""
    corners = np.array([item.matrix_world @ Vector(corner) for corner in item.bound_box])
    return [corners.min(axis=0).tolist(), corners.max(axis=0).tolist()]


def describe(item: bpy.types.Object) -> dict[str, Any]:
    """What the tests want to know of a mesh object."""
    mesh = item.data
    return {
        "faces": len(mesh.polygons),
        "mesh": mesh.name,
        "uv_layers": [layer.name for layer in mesh.uv_layers],
        "modifiers": [modifier.type for modifier in item.modifiers],
        "images": sorted(
            node.image.name
            for material in mesh.materials
            if material is not None
            for node in material.node_tree.nodes
            if node.bl_idname == "ShaderNodeTexImage" and node.image is not None
        ),
    }


def describe_image(image: bpy.types.Image) -> dict[str, Any]:
    """Size, what Blender keeps of it, and mean and spread of each channel."""
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(-1, image.channels) if pixels.size else np.zeros((1, 4), np.float32)
    return {
        "size": list(image.size),
        "is_packed": image.packed_file is not None,
        "mean": pixels.mean(axis=0).tolist(),
        "spread": pixels.std(axis=0).tolist(),
    }


def adjusted_values() -> dict[str, float]:
    """The sliders of the panel Adjust."""
    values = getattr(bpy.context.window_manager, "image_to_3d_adjust", None)
    return {name: getattr(values, name) for name in ("iso_shift", "base_cut")} if values else {}


def watch_panels(names: set[str]) -> None:
    """Collect the names of those of our panels that are drawn, as only open ones are."""
    for name in dir(bpy.types):
        if name.startswith("IMAGE_TO_3D_PT_"):
            getattr(bpy.types, name).append(lambda *_, name=name: names.add(name))


def obey(request: dict[str, Any], driver: Driver) -> None:
    """Set up what the tests cannot reach with the mouse."""
    if "watch_clipboard" in request:
        driver.watches_clipboard = request["watch_clipboard"]
        if driver.watches_clipboard:
            bpy.context.window_manager.clipboard = ""
    if "clipboard" in request:
        bpy.context.window_manager.clipboard = request["clipboard"]
    if request.get("forget_blocks"):
        driver.heartbeat.longest_block = driver.heartbeat.final_block = 0.0
        driver.stages.clear()
    if "redraw" in request:
        driver.open_panels.clear()
        area = largest({"sidebar": "VIEW_3D", "image_sidebar": "IMAGE_EDITOR"}[request["redraw"]])
        region_of(area, "UI").tag_redraw()
    if "drop" in request:
        drop(request["drop"])
    if "workspace" in request:
        windows()[0].workspace = bpy.data.workspaces[request["workspace"]]
    if request.get("run_in_new_window"):
        run_in_new_window()
    if request.get("close_new_window"):
        with bpy.context.temp_override(window=windows()[-1]):
            bpy.ops.wm.window_close()
    if "shortcut" in request:
        use_shortcut(**request["shortcut"])
    if request.get("measure_images"):
        driver.images = {image.name: describe_image(image) for image in bpy.data.images}
    set_up_scene(request)
    set_up_view(request)


def drop(names: str | list[str]) -> None:
    """What Blender calls when files fall on the 3D viewport where the mouse is: the handler's import operator."""
    area = largest("VIEW_3D")
    files = [names] if isinstance(names, str) else names
    with bpy.context.temp_override(window=windows()[0], area=area, region=region_of(area, "WINDOW")):
        bpy.ops.image_to_3d.reconstruct(
            "INVOKE_DEFAULT", True, directory=str(FOLDER), files=[{"name": name} for name in files]
        )


def describe_shelf(scene: bpy.types.Scene) -> list[dict[str, Any]]:
    """The photos on a scene's shelf: identifier, name, state, and whether the thumbnail is there."""
    own = {name: sys.modules[f"{MODULE}.{name}"] for name in ("shelf", "thumbnails", "scene.shelf")}
    results = own["scene.shelf"].shelved_results(scene)
    return [
        {
            "identifier": item.identifier,
            "name": item.image.name,
            "state": own["shelf"].QUEUE.state(item.identifier, results).name,
            "result": results[item.identifier].name if item.identifier in results else "",
            "has_thumbnail": own["thumbnails"].THUMBNAILS.icon(item.image) > 0,
        }
        for item in scene.image_to_3d.shelf
        if item.image is not None
    ]


def use_shortcut(operator: str, keys: dict[str, Any]) -> None:
    """Change a key map entry, as Preferences > Keymap does."""
    for keymap in bpy.context.window_manager.keyconfigs.user.keymaps:
        for item in keymap.keymap_items:
            if item.idname == operator:
                for name, value in keys.items():
                    setattr(item, name, value)


def run_in_new_window() -> None:
    """A second window, as big as the first, in which the sidebar's photo is reconstructed."""
    before = set(windows())
    with bpy.context.temp_override(window=windows()[0]):
        bpy.ops.wm.window_new_main()
    (window,) = set(windows()) - before
    with bpy.context.temp_override(window=window, screen=window.screen):
        bpy.ops.image_to_3d.reconstruct_photo("INVOKE_DEFAULT", True)


def set_up_scene(request: dict[str, Any]) -> None:
    """Its photo, settings and objects."""
    for name in request.get("remove", []):
        bpy.data.objects.remove(bpy.data.objects[name])
    if "choose" in request:
        bpy.context.scene.image_to_3d.photo = bpy.data.images[request["choose"]]
    if "photo" in request:
        image = bpy.data.images.load(str(FOLDER / request["photo"]))
        bpy.context.scene.image_to_3d.photo = image
    for name, value in request.get("settings", {}).items():
        owner, _, last = name.rpartition(".")
        settings = bpy.context.scene.image_to_3d
        setattr(settings.path_resolve(owner) if owner else settings, last, value)
    if {"photo", "settings", "choose"} & request.keys():
        with bpy.context.temp_override(window=windows()[0]):
            bpy.ops.ed.undo_push(message="Set up by the test")


def set_up_view(request: dict[str, Any]) -> None:
    """How Blender looks."""
    view = bpy.context.preferences.view
    for name, value in request.get("preferences", {}).items():
        setattr(bpy.context.preferences.addons[MODULE].preferences, name, value)
    for name in ("ui_scale", "language"):
        if name in request:
            setattr(view, name, request[name])
    if "theme" in request:
        use_theme(request["theme"])
    if request.get("show_texture"):
        show_texture()
    if request.get("close_image_editor"):
        with bpy.context.temp_override(window=windows()[0], area=largest("IMAGE_EDITOR")):
            bpy.ops.screen.area_close()
    if request.get("show_wireframe"):
        largest("VIEW_3D").spaces.active.overlay.show_wireframes = True


def show_texture() -> None:
    """Solid shading with textures, seen a little from above and from the left: what the artist sees, without a GPU."""
    area = largest("VIEW_3D")
    space = area.spaces.active
    space.shading.type = "SOLID"
    space.shading.color_type = "TEXTURE"
    space.overlay.show_wireframes = False
    space.region_3d.view_rotation = Euler((math.radians(62), 0, math.radians(-22))).to_quaternion()
    with bpy.context.temp_override(window=windows()[0], area=area, region=region_of(area, "WINDOW")):
        bpy.ops.view3d.view_selected()


def use_theme(name: str) -> None:
    """One of Blender's own, by the name of its file."""
    folder = next(Path(path) for path in bpy.utils.preset_paths("interface_theme"))
    bpy.ops.script.execute_preset(
        filepath=str(folder / f"{name}.xml"), menu_idname="USERPREF_MT_interface_theme_presets"
    )


def open_sidebar() -> float | None:
    """Our tab in front. Called until the region has been laid out: its tabs exist only after the first draw."""
    area = largest("VIEW_3D")
    area.spaces.active.show_region_ui = True
    region = region_of(area, "UI")
    try:
        region.active_panel_category = "Image to 3D"
    except (TypeError, AttributeError):
        return 0.2
    return None


def quieten_keys() -> None:
    """A search of the sidebar presses A everywhere: it selects nothing where it misses a panel, and twice is twice."""
    bpy.context.preferences.inputs.mouse_double_click_time = 1
    for keymap in bpy.context.window_manager.keyconfigs.user.keymaps:
        for item in keymap.keymap_items:
            if item.type == "A" and item.idname.endswith("select_all"):
                item.active = False


if "--" in sys.argv:
    install(sys.argv[-1])
else:
    quieten_keys()
    bpy.app.timers.register(open_sidebar, first_interval=0.5)
    bpy.app.timers.register(Driver(), first_interval=1.0)
