# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to run a task from an operator: modal in a window, blocking from scripts and in background."""

import logging
from typing import Any

import bpy

from ..engine import ENGINE, Task
from ..inference.errors import Cancelled, ReconstructionError
from ..inference.sentence import Sentence
from ..jobs import JobState
from ..preferences import user_settings
from ..reveal import area_identifier, reveal
from ..translations import error_text, iface_, rpt_, tip_

TICK_SECONDS = 0.05
"""How often the timer looks for messages; an artist sees a bar that moves 20 times a second as smooth."""

_log = logging.getLogger(__name__)


class ModalDisplay:
    """What a window shows while a job runs: the timer that drives it and the status bar's text."""

    def __init__(self, context: bpy.types.Context) -> None:
        self._shown: tuple[str, int] | None = None
        self._timer = context.window_manager.event_timer_add(TICK_SECONDS, window=context.window)

    def update(self, context: bpy.types.Context) -> None:
        """Redraw, only when something changed."""
        job = ENGINE.job
        if job is None:
            return
        shown = (job.stage, round(ENGINE.fraction * 100))
        if shown != self._shown:
            self._shown = shown
            context.workspace.status_text_set(
                iface_(
                    Sentence(
                        "Image to 3D: {stage}, {percent} %     Esc: Cancel", stage=Sentence(shown[0]), percent=shown[1]
                    )
                )
            )
            redraw_sidebars()

    def remove(self) -> None:
        """Take all of it away; also called while a file is being loaded."""
        bpy.context.window_manager.event_timer_remove(self._timer)
        for workspace in bpy.data.workspaces:
            workspace.status_text_set(None)
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

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Block until the task is done."""
        try:
            task = self.create_task(context)
            ENGINE.run(task, context)
        except (ReconstructionError, Cancelled) as ending:
            return self._leave(ending)
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
        self._area = area_identifier(context)
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
            if ENGINE.job.poll() is JobState.RUNNING:
                self._display.update(context)
                return {"PASS_THROUGH"}
            ENGINE.end(self._task, context)
        except (ReconstructionError, Cancelled) as ending:
            return self._leave(ending)
        except Exception:
            # A bug, not a foreseen failure: clean up so that Blender stays usable, then let Blender show the traceback.
            ENGINE.shutdown()
            raise
        self.report_done(context, self._task)
        name = self.new_result(self._task)
        if name:
            reveal(context, name, self._area)
        return {"FINISHED"}

    def _leave(self, ending: ReconstructionError | Cancelled) -> set[str]:
        """Tell why there is no result; nothing was changed."""
        if isinstance(ending, ReconstructionError):
            self.report({"ERROR"}, error_text(ending))
        else:
            self.report({"INFO"}, rpt_("Cancelled. Nothing was changed"))
        return {"CANCELLED"}

    def cancel(self, _context: bpy.types.Context) -> None:
        """Blender ends the operator itself: it quits or loads a file."""
        ENGINE.shutdown()
