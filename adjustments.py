# SPDX-License-Identifier: GPL-3.0-or-later
"""What the artist is changing about reconstructed objects, and the live preview of it.

The sliders are on the window manager, not in the file: dragging them makes no undo step. While one is dragged, the
object shows a coarse surface; when it has come to rest, the exact one is made, with its texture, as one undo step.
"""

import math
import time
from dataclasses import asdict, replace
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .calling import begin_operator
from .engine import ENGINE
from .inference.bake import BakeSettings
from .inference.errors import Cancelled, ModelError, ReconstructionError
from .inference.pipeline import Settings
from .inference.surface import SurfaceSettings
from .jobs import Job, JobState
from .options import QUALITIES
from .preferences import user_settings
from .scene.preview import end_previews
from .scene.selection import active_object
from .scene.stored_code import has_code, load_code, load_mirror, load_settings, load_shape
from .tasks import PreviewSurfaceTask

SURFACE_NAMES = ("resolution", "target_faces", "iso_shift", "base_cut", "smoothing", "floater_share")
BAKE_NAMES = ("texture_size", "photo_strength", "mirror_all")
"""Fields of ``SurfaceSettings`` and of ``BakeSettings`` that can be adjusted."""

TICK_SECONDS = 0.05
"""How often the live preview looks for messages and for rest."""

REST_SECONDS = 0.6
"""A slider untouched for so long has come to rest."""


class Adjustments:
    """Values that were changed and not yet applied, by the object's ``session_uid``."""

    def __init__(self) -> None:
        self._changed: dict[int, dict[str, Any]] = {}

    def values(self, target: bpy.types.Object | None) -> dict[str, Any]:
        """All adjustable values of an object, as changed; the defaults where there is no such object."""
        if not has_code(target):
            return asdict(SurfaceSettings()) | asdict(BakeSettings())
        surface, bake = load_settings(target)
        return asdict(surface) | asdict(bake) | self._changed.get(target.session_uid, {})

    def change(self, target: bpy.types.Object, name: str, value: object) -> None:
        """Change one value; the one that the object was made with is no change, as after Esc while a slider is dragged.

        Raises:
            ModelError: the object's stored settings are damaged.
        """
        surface, bake = load_settings(target)
        made_with = (asdict(surface) | asdict(bake))[name]
        changed = self._changed.setdefault(target.session_uid, {})
        changed[name] = value
        # Sliders have single precision.
        if value == made_with or (isinstance(value, float) and math.isclose(value, made_with, rel_tol=1e-6)):
            del changed[name]

    def has_changes(self, target: bpy.types.Object) -> bool:
        """Whether there is anything to apply."""
        return bool(self._changed.get(target.session_uid))

    def changes_surface(self, target: bpy.types.Object) -> bool:
        """Whether a changed value has to do with the surface, not only with the texture."""
        return any(name in SURFACE_NAMES for name in self._changed.get(target.session_uid, {}))

    def forget(self, target: bpy.types.Object) -> None:
        """The object's stored values count again."""
        self._changed.pop(target.session_uid, None)

    def forget_all(self) -> None:
        """After loading a file, undo and redo."""
        self._changed.clear()


def adjusted_settings(target: bpy.types.Object, system: str, values: dict[str, Any]) -> Settings:
    """The engine's settings for an object: its stored ones, with some values replaced.

    Raises:
        ModelError: the stored ones are damaged.
        SettingsError: a value is out of its range.
    """
    surface, bake = load_settings(target)
    surface = replace(surface, **{name: values[name] for name in SURFACE_NAMES if name in values})
    bake = replace(bake, **{name: values[name] for name in BAKE_NAMES if name in values})
    return Settings(system=system, surface=surface, bake=bake, mirror=load_mirror(target), shape=load_shape(target))


class LivePreview:
    """Keeps what the object shows up with the sliders, and applies them at rest."""

    def __init__(self) -> None:
        self._target = ""
        self._touched = 0.0
        self._is_stale = False
        self._task: PreviewSurfaceTask | None = None
        self._job: Job[Any] | None = None

    def touch(self, target: bpy.types.Object) -> None:
        """A slider of this object was moved; moved back, nothing is made anew."""
        if target.name != self._target:
            end_previews()
        if not ADJUSTMENTS.has_changes(target):
            self.stop()
            return
        self._target, self._touched = target.name, time.monotonic()
        self._is_stale = ADJUSTMENTS.changes_surface(target)
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=TICK_SECONDS)

    def tick(self) -> float | None:
        """Called by a timer; None ends it."""
        if self._job is not None and self._job is ENGINE.job:
            if self._job.poll() is JobState.RUNNING:
                return TICK_SECONDS
            if not self._finish():
                return None
        self._job = None
        target = bpy.data.objects.get(self._target)
        if target is None or target.mode != "OBJECT":
            self.stop()
            return None
        if ENGINE.is_busy:
            return TICK_SECONDS
        if self._is_stale:
            return TICK_SECONDS if self._begin(target) else None
        if time.monotonic() - self._touched < REST_SECONDS:
            return TICK_SECONDS
        self._apply()
        return None

    def stop(self) -> None:
        """Show the object's own mesh again and forget what was changed."""
        end_previews()
        target = bpy.data.objects.get(self._target)
        if target is not None:
            ADJUSTMENTS.forget(target)
        self._target, self._is_stale, self._job = "", False, None

    def _begin(self, target: bpy.types.Object) -> bool:
        """Start extracting the coarse surface; on failure, tell and stop."""
        self._is_stale = False
        try:
            code, _placement = load_code(target)
            settings = adjusted_settings(target, code.system, ADJUSTMENTS.values(target))
            coarse = min(settings.surface.resolution, QUALITIES["DRAFT"].resolution)
            surface = replace(settings.surface, resolution=coarse, target_faces=None)
            self._task = PreviewSurfaceTask(target.name, code, replace(settings, surface=surface))
            self._job = ENGINE.begin(self._task, user_settings(bpy.context), is_quiet=True)
        except ReconstructionError as error:
            ENGINE.failure = error
            self.stop()
            return False
        return True

    def _finish(self) -> bool:
        """Show the coarse surface; on failure, stop: the sidebar tells why."""
        try:
            ENGINE.end(self._task, bpy.context)
        except (ReconstructionError, Cancelled):
            self.stop()
            return False
        return True

    def _apply(self) -> None:
        """Make the exact surface as the operator's one undo step."""
        windows = bpy.context.window_manager.windows
        if windows:
            with bpy.context.temp_override(window=windows[0]):
                if begin_operator("adjust", target=self._target, use_sliders=True):
                    end_previews()  # the operator has told why, where it was not refused at once


ADJUSTMENTS = Adjustments()
LIVE = LivePreview()


def _tick() -> float | None:
    """What Blender calls: it knows timers by identity, and each look at ``LIVE.tick`` makes another bound method."""
    return LIVE.tick()


def active_value(name: str) -> object:
    """What the slider of that name shows for the active object."""
    try:
        return ADJUSTMENTS.values(active_object())[name]
    except ModelError:
        return (asdict(SurfaceSettings()) | asdict(BakeSettings()))[name]


def change_active(name: str, value: object, *, live: bool) -> None:
    """The slider of that name was moved for the active object."""
    target = active_object()
    if has_code(target):
        try:
            ADJUSTMENTS.change(target, name, value)
        except ModelError as error:
            ENGINE.failure = error
            return
        if live and not bpy.app.background:
            LIVE.touch(target)


@persistent
def _on_change_of_file(*_args: object) -> None:
    """Before and after undo, redo and loading, and before saving: a stand-in is for the moment only.

    Undo steps that the artist's other work makes meanwhile, and files that Blender saves by itself, do hold stand-ins.
    """
    LIVE.stop()
    ADJUSTMENTS.forget_all()


HANDLERS = (
    bpy.app.handlers.undo_pre,
    bpy.app.handlers.undo_post,
    bpy.app.handlers.redo_pre,
    bpy.app.handlers.redo_post,
    bpy.app.handlers.save_pre,
    bpy.app.handlers.load_pre,
    bpy.app.handlers.load_post,
)


def register() -> None:
    """Watch for undo, saving and loading."""
    for handlers in HANDLERS:
        handlers.append(_on_change_of_file)


def unregister() -> None:
    """Show all objects as they are and let go."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    LIVE.stop()
    for handlers in HANDLERS:
        handlers.remove(_on_change_of_file)
