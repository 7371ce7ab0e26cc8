# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators did to the masks of edited cut-outs, so that undo and redo can follow.

Blender takes brush strokes back by itself. Of an operator that sets pixels it takes back the data-block only: the
pixels stay, on the screen and in memory. So each such step has a number, kept on the image and therefore taken back by
undo, and the masks before and after it are kept here.
"""

import zlib
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

STEP_KEY = "image_to_3d_step"
"""Custom property of the image: the number of its latest step; missing before the first."""

MOST_STEPS = 256
"""As many undo steps as Blender's preferences allow."""


@dataclass(frozen=True)
class _Step:
    """Compressed masks before and after; there may be strokes between two steps."""

    number: int
    before: bytes
    after: bytes


@dataclass(frozen=True)
class Passage:
    """Steps that undo or redo went past, at once.

    Attributes:
        left: compressed masks, of which the image still has one.
        reached: the compressed mask that it should have.
    """

    left: tuple[bytes, ...]
    reached: bytes

    def mask(self, shown: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """What to show instead of this mask, (h, w); None if it is right, because Blender restored a stroke last."""
        present = shown.tobytes()
        if not any(zlib.decompress(mask) == present for mask in self.left):
            return None
        return np.frombuffer(zlib.decompress(self.reached), np.uint8).reshape(shown.shape)


class CutoutHistory:
    """The steps of each image, by ``session_uid``, and the number of the step at which its pixels are."""

    def __init__(self) -> None:
        self._steps: dict[int, list[_Step]] = {}
        self._present: dict[int, int] = {}

    def record(self, image: bpy.types.Image, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> int:
        """Add a step, instead of those that were undone; masks are (h, w) uint8. Returns its number."""
        uid, latest = image.session_uid, image.get(STEP_KEY, 0)
        steps = [step for step in self._steps.get(uid, ()) if step.number <= latest]
        steps.append(_Step(latest + 1, zlib.compress(before.tobytes(), 1), zlib.compress(after.tobytes(), 1)))
        self._steps[uid] = steps[-MOST_STEPS:]
        image[STEP_KEY] = self._present[uid] = latest + 1
        return latest + 1

    def follow(self, image: bpy.types.Image) -> Passage | None:
        """After undo or redo: the steps that were passed, if any."""
        uid, number = image.session_uid, image.get(STEP_KEY, 0)
        present = self._present.get(uid, number)
        self._present[uid] = number
        first, last = sorted((number, present))
        passed = [step for step in self._steps.get(uid, ()) if first < step.number <= last]
        if not passed:
            return None
        if number < present:
            return Passage(tuple(step.after for step in passed), passed[0].before)
        return Passage(tuple(step.before for step in passed), passed[-1].after)

    def forget_missing(self, uids: set[int]) -> None:
        """Only these images are there: when redo brings back another, its pixels come from its packed file."""
        self._present = {uid: number for uid, number in self._present.items() if uid in uids}

    def clear(self) -> None:
        """Forget all; another file was opened."""
        self._steps.clear()
        self._present.clear()
