# SPDX-License-Identifier: GPL-3.0-or-later
"""A look through a photo's camera lasts as long as the viewport shows it; then the scene is as it was.

Blender's viewport looks through the scene's camera with the render's aspect. So both are the photo's for the time of
the look, in which renders match the photo too. Neither files nor undo steps keep that.
"""

from dataclasses import dataclass

import bpy
from bpy.app.handlers import persistent

from .scene.camera import match_render

TICK_SECONDS = 0.2
"""How often a look is checked for its end."""


@dataclass(frozen=True)
class RenderView:
    """What of a scene a look through a camera changes."""

    camera: str
    resolution: tuple[int, int]
    pixel_aspect: tuple[float, float]

    @classmethod
    def of_scene(cls, scene: bpy.types.Scene) -> "RenderView":
        """As it is now."""
        render = scene.render
        return cls(
            scene.camera.name if scene.camera is not None else "",
            (render.resolution_x, render.resolution_y),
            (render.pixel_aspect_x, render.pixel_aspect_y),
        )

    def apply(self, scene: bpy.types.Scene) -> None:
        """Make the scene so; a camera that was deleted meanwhile leaves it without one."""
        render = scene.render
        scene.camera = bpy.data.objects.get(self.camera)
        render.resolution_x, render.resolution_y = self.resolution
        render.pixel_aspect_x, render.pixel_aspect_y = self.pixel_aspect


class PhotoView:
    """The look in progress, or the last one."""

    def __init__(self) -> None:
        self._area = 0
        self._scene = ""
        self._before: RenderView | None = None
        self._during: RenderView | None = None
        self._is_on = False

    def begin(self, context: bpy.types.Context, camera: bpy.types.Object, width: int, height: int) -> None:
        """Look through a camera in the context's viewport.

        Args:
            context: in a 3D viewport.
            camera: the photo's.
            width, height: of the photo, pixels.
        """
        if not self._is_on:
            self._before = RenderView.of_scene(context.scene)
        match_render(context.scene, camera, width, height)
        self._area, self._scene = context.area.as_pointer(), context.scene.name
        self._during, self._is_on = RenderView.of_scene(context.scene), True
        context.space_data.region_3d.view_perspective = "CAMERA"
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=TICK_SECONDS)

    def check(self) -> float | None:
        """End the look if the viewport does not show it any more; the seconds to the next check, or None."""
        if not self._is_on:
            return None
        if self._is_looked_through():
            return TICK_SECONDS
        self.end()
        return None

    def end(self) -> None:
        """Give the scene back; what was changed meanwhile by hand stays."""
        self._restore()
        self._is_on = False

    def forget(self) -> None:
        """Another file is loaded."""
        self._is_on, self._before, self._during = False, None, None

    def pause(self) -> None:
        """Before saving: the file holds the scene as it was."""
        if self._is_on:
            self._restore()

    def resume(self) -> None:
        """After saving, undo and redo: the look goes on, or has left nothing in the step that Blender went to."""
        scene = bpy.data.scenes.get(self._scene)
        if scene is None or self._during is None:
            return
        if self._is_on and self._during.camera in bpy.data.objects:
            self._during.apply(scene)
        else:
            self.end()

    def _restore(self) -> None:
        scene = bpy.data.scenes.get(self._scene)
        if scene is not None and self._before is not None and RenderView.of_scene(scene) == self._during:
            self._before.apply(scene)

    def _is_looked_through(self) -> bool:
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                if area.as_pointer() == self._area and area.type == "VIEW_3D":
                    is_same = window.scene.name == self._scene and RenderView.of_scene(window.scene) == self._during
                    return is_same and area.spaces.active.region_3d.view_perspective == "CAMERA"
        return False


PHOTO_VIEW = PhotoView()


def _tick() -> float | None:
    """What Blender's timer calls; it knows timers by identity."""
    return PHOTO_VIEW.check()


@persistent
def _pause(*_args: object) -> None:
    PHOTO_VIEW.pause()


@persistent
def _resume(*_args: object) -> None:
    PHOTO_VIEW.resume()


@persistent
def _forget(*_args: object) -> None:
    PHOTO_VIEW.forget()


def _handlers() -> list[tuple[list[object], object]]:
    handlers = bpy.app.handlers
    after = [(kind, _resume) for kind in (handlers.save_post, handlers.undo_post, handlers.redo_post)]
    return [(handlers.save_pre, _pause), (handlers.load_pre, _forget), *after]


def register() -> None:
    """Watch for saving, undo and loading."""
    for handlers, function in _handlers():
        handlers.append(function)


def unregister() -> None:
    """End a look and let go."""
    PHOTO_VIEW.end()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    for handlers, function in _handlers():
        handlers.remove(function)
