# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue that reconstructs the photos on the shelf one after another, and the state of each photo.

The engine runs one job at a time; the queue, driven by a timer, hands it the next one when it is free. Nothing of the
queue is in the file: undo, saving and the artist's work leave it alone. What a photo's state is, is read from what
there is: an order in the queue, a failure of this session, an object in the scene.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from .calling import begin_operator
from .engine import ENGINE
from .inference.code import Code
from .inference.errors import OutputError, ReconstructionError, WorkerError
from .inference.pipeline import Reconstruction, Settings
from .inference.protocol import pack, unpack
from .models import redraw
from .scene.places import Place
from .scene.shelf import find_shelved, shelved_results, tag_result
from .tasks import AdjustTask, ReconstructTask

TICK_SECONDS = 0.1
"""How often the queue looks whether the engine is free."""


class PhotoState(Enum):
    """How far a photo on the shelf is."""

    NEW = auto()
    WAITING = auto()
    WORKING = auto()
    DONE = auto()
    FAILED = auto()


@dataclass(frozen=True)
class Order:
    """That a photo be reconstructed, with the settings of the moment in which that was asked for.

    Attributes:
        photo: the photo's identifier on the shelf.
        scene: ``session_uid`` of the scene whose shelf that is.
        settings: the engine's settings; the cut-out is the photo's own when its turn comes.
        size: longest side, Blender units.
        place: where the result stands.
        refined: what the draft's surface and texture are made of again once all drafts are there; None without that.
        is_refinement: a draft is there; its code is used again, and no network runs.
    """

    photo: str
    scene: int
    settings: Settings
    size: float
    place: Place
    refined: Settings | None = None
    is_refinement: bool = False

    def find_scene(self) -> bpy.types.Scene:
        """The shelf's scene; raises ``OutputError`` if it was deleted."""
        scene = next((scene for scene in bpy.data.scenes if scene.session_uid == self.scene), None)
        if scene is None:
            raise OutputError("The scene of this photo was deleted.", "Choose the photo again in another scene.")
        return scene

    def find_photo(self) -> bpy.types.Image:
        """The photo; raises ``OutputError`` if it, or its scene, is gone."""
        shelved = find_shelved(self.find_scene(), self.photo)
        if shelved is None:
            raise OutputError("The photo was taken off the shelf.", "Choose it again.")
        return shelved.image


class Queue:
    """What waits, what is at work, and what failed.

    Attributes:
        waiting: orders in their turn.
        working: the order that the engine works on, or None.
        failures: why photos failed in this session, by their identifiers.
        ended: how many orders have ended since the queue was last empty.
    """

    def __init__(self) -> None:
        self.waiting: list[Order] = []
        self.working: Order | None = None
        self.failures: dict[str, ReconstructionError] = {}
        self.ended = 0
        self._done: list[str] = []
        self._spares_others = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits and nothing is at work."""
        return not self.waiting and self.working is None

    @property
    def length(self) -> int:
        """All jobs since the queue was last empty; a draft that will be refined is two."""
        orders = self.waiting if self.working is None else [self.working, *self.waiting]
        return self.ended + sum(1 if order.refined is None else 2 for order in orders)

    def put(self, orders: Iterable[Order]) -> None:
        """Append orders, in place of those that wait for the same photos."""
        new = list(orders)
        photos = {order.photo for order in new}
        self.waiting = [order for order in self.waiting if order.photo not in photos] + new
        self._forget_failures(photos)

    def take(self) -> Order | None:
        """The next order, now at work; None where nothing waits. Photos that were taken off the shelf are passed over.

        A draft that the artist deleted meanwhile was turned down, so that there is nothing to refine.
        """
        while self.waiting:
            order = self.waiting.pop(0)
            try:
                order.find_photo()
                is_wanted = not order.is_refinement or order.photo in shelved_results(order.find_scene())
            except OutputError:
                continue
            if is_wanted:
                self.begin(order)
                return order
        return None

    def begin(self, order: Order) -> None:
        """An order is at work."""
        self.working, self._spares_others = order, False
        self._forget_failures({order.photo})

    def succeed(self) -> tuple[str, ...]:
        """The order at work is done; a draft waits for its refinement behind all that waits now.

        Returns:
            The photos that were done since the queue was last empty, once it is empty again; until then nothing.
        """
        order, self.working = self.working, None
        if order is not None:
            self._done.append(order.photo)
            if order.refined is not None:
                self.waiting.append(replace(order, settings=order.refined, refined=None, is_refinement=True))
        done = tuple(dict.fromkeys(self._done)) if self.is_empty else ()
        self._count(order)
        return done

    def fail(self, error: ReconstructionError) -> None:
        """The order at work failed; the next one goes on."""
        order, self.working = self.working, None
        if order is not None:
            self.failures[order.photo] = error
        self._count(order)

    def cancelled(self) -> None:
        """The order at work was cancelled, and with it all that waits, unless it was meant alone."""
        order, self.working = self.working, None
        if not self._spares_others:
            self.waiting.clear()
        self._count(order)

    def cancel_photo(self, photo: str) -> None:
        """Take one photo out of the queue; the others go on."""
        self.waiting = [order for order in self.waiting if order.photo != photo]
        if self.working is not None and self.working.photo == photo:
            self._spares_others = True
            ENGINE.cancel()

    def clear(self) -> None:
        """Nothing waits any more; what is at work goes on."""
        self.waiting.clear()
        self._count(None)

    def state(self, photo: str, results: Mapping[str, bpy.types.Object]) -> PhotoState:
        """How far a photo is; ``results`` as ``shelved_results`` gives them."""
        if self.working is not None and self.working.photo == photo:
            return PhotoState.WORKING
        if any(order.photo == photo for order in self.waiting):
            return PhotoState.WAITING
        if photo in self.failures:
            return PhotoState.FAILED
        return PhotoState.DONE if photo in results else PhotoState.NEW

    def start(self) -> None:
        """Let the timer drive the queue, in a window."""
        if not bpy.app.timers.is_registered(_tick):
            bpy.app.timers.register(_tick, first_interval=0.0)

    def tick(self) -> float | None:
        """Called by the timer; None ends it."""
        if ENGINE.is_busy:
            return TICK_SECONDS
        if self.working is not None:
            # Its operator ended without a word: a bug, or the window that it ran in was closed.
            self.fail(WorkerError("The reconstruction was interrupted.", "Click the photo to reconstruct it again."))
        order = self.take()
        if order is None:
            redraw()
            return None
        _invoke()
        return TICK_SECONDS

    def reset(self) -> None:
        """Another file was opened."""
        self.waiting.clear()
        self.failures.clear()
        self._done.clear()
        self.working, self.ended, self._spares_others = None, 0, False

    def _count(self, ended: Order | None) -> None:
        """Count an order that has ended; an empty queue begins anew."""
        self.ended = 0 if self.is_empty else self.ended + (ended is not None)
        if self.is_empty:
            self._done.clear()

    def _forget_failures(self, photos: Iterable[str]) -> None:
        for photo in photos:
            self.failures.pop(photo, None)


QUEUE = Queue()
"""The one of this Blender process."""


class ShelfTask(ReconstructTask):
    """From a photo on the shelf to its result, in the scene of the shelf."""

    def __init__(self, order: Order, photo_path: Path, settings: Settings) -> None:
        super().__init__(photo_path, settings, order.size, order.place)
        self.order = order

    def finish(self, context: bpy.types.Context, result: Reconstruction) -> None:
        """Build the object, whichever scene is shown by now."""
        self.order.find_photo()
        scene = self.order.find_scene()
        if scene == context.scene:
            super().finish(context, result)
        else:
            with bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0]):
                super().finish(bpy.context, result)
        tag_result(bpy.data.objects[self.summary.object], self.order.photo, scene.objects)


class RefineTask(AdjustTask):
    """From a photo's draft to its final surface and texture; the draft's place and camera stay."""

    def __init__(self, order: Order, target: str, code: Code, settings: Settings) -> None:
        super().__init__(target, code, settings)
        self.order = order


def _tick() -> float | None:
    """What Blender calls: it knows timers by identity."""
    return QUEUE.tick()


def _invoke() -> None:
    """Run the operator for the order at work, as one undo step of its own, in the largest 3D viewport."""
    window = next(iter(bpy.context.window_manager.windows), None)
    if window is None:
        return
    areas = [area for area in window.screen.areas if area.type == "VIEW_3D"]
    area = max(areas, key=lambda item: item.width * item.height, default=None)
    place = {"window": window}
    if area is not None:
        place |= {"area": area, "region": next(region for region in area.regions if region.type == "WINDOW")}
    with bpy.context.temp_override(**place):
        # A photo that cannot even be begun has told the queue why, or is noticed at the next tick.
        begin_operator("reconstruct_next")


def failure_text(error: ReconstructionError) -> str:
    """A failure as JSON, so that it can still be translated when the file is opened again."""
    tree, _arrays = pack(_Failure(error.message, error.hint))
    return json.dumps(tree)


def read_failure(text: str) -> ReconstructionError | None:
    """Inverse of ``failure_text``; None of an empty or damaged text."""
    if not text:
        return None
    try:
        failure = unpack(_Failure, json.loads(text), {})
    except (ValueError, WorkerError):
        return None
    return ReconstructionError(failure.message, failure.hint)


@dataclass(frozen=True)
class _Failure:
    message: str
    hint: str


@persistent
def _on_save(*_args: object) -> None:
    """The file shall know why photos failed."""
    for scene in bpy.data.scenes:
        for shelved in scene.image_to_3d.shelf:
            failure = QUEUE.failures.get(shelved.identifier)
            shelved.failure = failure_text(failure) if failure is not None else ""


@persistent
def _on_load_pre(*_args: object) -> None:
    QUEUE.reset()


@persistent
def _on_load(*_args: object) -> None:
    for scene in bpy.data.scenes:
        for shelved in scene.image_to_3d.shelf:
            failure = read_failure(shelved.failure)
            if failure is not None:
                QUEUE.failures[shelved.identifier] = failure


HANDLERS = (
    (bpy.app.handlers.save_pre, _on_save),
    (bpy.app.handlers.load_pre, _on_load_pre),
    (bpy.app.handlers.load_post, _on_load),
)


def register() -> None:
    """Watch for saving and loading."""
    for handlers, handler in HANDLERS:
        handlers.append(handler)


def unregister() -> None:
    """Stop the queue and let go."""
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
    QUEUE.reset()
    for handlers, handler in HANDLERS:
        handlers.remove(handler)
