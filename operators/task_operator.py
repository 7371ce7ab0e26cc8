# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to run a task from an operator: modal in a window, blocking from scripts and in background."""

import logging
import traceback
from collections.abc import Sequence
from functools import partial
from typing import Any

import bpy

from ..calling import begin_operator
from ..engine import ENGINE, Task
from ..inference.errors import Cancelled, ReconstructionError
from ..inference.sentence import Sentence
from ..jobs import JobState
from ..preferences import user_settings
from ..progress import progress_text
from ..reveal import area_identifier, reveal
from ..status_text import clear_status, show_status
from ..translations import error_text, iface_, rpt_, tip_

TICK_SECONDS = 0.05
"""How often the timer looks for messages; an artist sees a bar that moves 20 times a second as smooth."""

_log = logging.getLogger(__name__)


class ModalDisplay:
    """What a window shows while a job runs: the timer that drives it and the status bar's text."""

    def __init__(self, context: bpy.types.Context) -> None:
        self._shown = ""
        self._timer = context.window_manager.event_timer_add(TICK_SECONDS, window=context.window)

    def update(self, context: bpy.types.Context) -> None:
        """Redraw, only when something changed."""
        job = ENGINE.job
        if job is None:
            return
        told = progress_text(job.stage, ENGINE.progress.fraction, ENGINE.progress.seconds_left)
        if told != self._shown:
            self._shown = told
            show_status(context, iface_(Sentence("Image to 3D: {progress}     Esc: Cancel", progress=told)))
            redraw_sidebars()

    def remove(self) -> None:
        """Take all of it away; also called while a file is being loaded."""
        bpy.context.window_manager.event_timer_remove(self._timer)
        clear_status()
        redraw_sidebars()


def redraw_sidebars() -> None:
    """Ask all 3D viewports for a redraw of their sidebar alone; the scene itself has not changed."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


def runs_in_window(context: bpy.types.Context) -> bool:
    """Whether there is an event loop that would call a modal operator."""
    return not bpy.app.background and context.window is not None


class TaskOperator:
    """Base of operators that run one task; subclasses say which and what to report."""

    _task: Task[Any]
    _display: ModalDisplay
    _area = 0

    def __init_subclass__(cls) -> None:
        """Let an operator that goes on with a job in another window begin whatever is selected or shown by now."""
        super().__init_subclass__()
        own_poll, own_invoke = cls.poll.__func__, cls.invoke

        def poll(kind: type[TaskOperator], context: bpy.types.Context) -> bool:
            return getattr(kind, "bl_idname", "") in ORPHANS or own_poll(kind, context)

        def invoke(self: TaskOperator, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
            known = ORPHANS.pop(getattr(type(self), "bl_idname", ""), None)
            if known is None:
                return own_invoke(self, context, event)
            vars(self).update(known)
            return self._watch(context)

        cls.poll, cls.invoke = classmethod(poll), invoke

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Grey while a task is in progress, and says so."""
        if ENGINE.is_busy:
            cls.poll_message_set(tip_("A reconstruction is in progress. Wait for it or cancel it"))
            return False
        return True

    def create_task(self, context: bpy.types.Context) -> Task[Any]:
        """The task by the operator's arguments; raises ``ReconstructionError`` where they make no sense."""
        raise NotImplementedError

    def report_done(self, context: bpy.types.Context, task: Task[Any]) -> None:
        """Tell what was made."""
        raise NotImplementedError

    def new_result(self, _task: Task[Any]) -> str:
        """The name of a new object that the viewport shall show, or nothing."""
        return ""

    def row(self) -> Sequence[str]:
        """The names of objects that the viewport shall show with the new one."""
        return ()

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Block until the task is done."""
        try:
            task = self.create_task(context)
            ENGINE.run(task, context)
        except (ReconstructionError, Cancelled) as ending:
            return self._leave(ending)
        except Exception as bug:  # noqa: BLE001 - kept for the diagnostics
            return self._leave_after_bug(bug)
        self.report_done(context, task)
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start the task and let the window live on."""
        if not runs_in_window(context):
            return self.execute(context)
        try:
            self._task = self.create_task(context)
            ENGINE.begin(self._task, user_settings(context))
        except ReconstructionError as error:
            ENGINE.failure = error
            return self._leave(error)
        except Exception as bug:  # noqa: BLE001 - kept for the diagnostics
            return self._leave_after_bug(bug)
        self._area = area_identifier(context)
        return self._watch(context)

    def _watch(self, context: bpy.types.Context) -> set[str]:
        """Follow the job in progress from this window."""
        self._display = ModalDisplay(context)
        ENGINE.on_end = self._display.remove
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Drive the job on timer events; everything else is the artist's, except Esc."""
        if ENGINE.job is None:
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            ENGINE.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            if ENGINE.poll() is JobState.RUNNING:
                self._display.update(context)
                return {"PASS_THROUGH"}
            ENGINE.end(self._task, context)
        except (ReconstructionError, Cancelled) as ending:
            return self._leave(ending)
        except Exception as bug:  # noqa: BLE001 - kept for the diagnostics
            return self._leave_after_bug(bug)
        self.report_done(context, self._task)
        name = self.new_result(self._task)
        if name:
            reveal(context, name, self._area, self.row())
        return {"FINISHED"}

    def _leave_after_bug(self, bug: Exception) -> set[str]:
        """What was not foreseen is told in a sentence too; the diagnostics have the traceback."""
        ENGINE.shutdown()
        error = ReconstructionError(
            Sentence("Something unexpected happened ({kind}: {reason}).", kind=type(bug).__name__, reason=bug),
            "Copy the diagnostics in the sidebar and report them; the scene is as it was.",
        )
        ENGINE.failure, ENGINE.failure_details = error, "".join(traceback.format_exception(bug))
        _log.error("%s", ENGINE.failure_details)
        return self._leave(error)

    def _leave(self, ending: ReconstructionError | Cancelled) -> set[str]:
        """Tell why there is no result; nothing was changed."""
        if isinstance(ending, ReconstructionError):
            self.report({"ERROR"}, error_text(ending))
        else:
            self.report({"INFO"}, rpt_("Cancelled. Nothing was changed"))
        return {"CANCELLED"}

    def cancel(self, _context: bpy.types.Context) -> None:
        """Blender ends the operator itself: its window was closed, and the job goes on; or it quits or loads a file.

        Then the job has ended before, or ends when Blender does (see ``engine.py``).
        """
        if ENGINE.job is None:
            return
        # The window's timer goes with it; Blender must not be asked for anything while it takes the window apart.
        ENGINE.on_end = None
        arguments = {name: getattr(self, name) for name in self.properties.keys()}  # noqa: SIM118 - not a dict
        ORPHANS[type(self).bl_idname] = dict(vars(self))
        bpy.app.timers.register(partial(_carry_on, type(self).bl_idname, arguments), first_interval=0.0)


ORPHANS: dict[str, dict[str, Any]] = {}
"""What operators knew whose window was closed during their job, by ``bl_idname``, until they have begun anew."""


def _carry_on(identifier: str, arguments: dict[str, Any]) -> None:
    """Once the window is gone: begin the operator anew in another one, where it goes on with its job."""
    windows = bpy.context.window_manager.windows
    if ENGINE.job is not None and windows:
        with bpy.context.temp_override(window=windows[0]):
            begin_operator(identifier.partition(".")[2], **arguments)
    ORPHANS.pop(identifier, None)
