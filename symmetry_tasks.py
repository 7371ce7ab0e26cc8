# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a reconstructed object symmetric, and taking that back: from the artist's words to a task for the engine."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import bpy

from .adjustments import adjusted_settings
from .inference.pipeline import Reconstruction
from .inference.symmetry import MirrorPlane
from .inference.symmetry_search import TOLERANCE, MirrorChoice
from .scene.placement import Placement
from .scene.plane_fit import PlaneFit, UprightPlane
from .scene.preview import end_previews
from .scene.stored_code import load_code
from .tasks import AdjustTask, existing


class Across(StrEnum):
    """Which plane the object is mirrored at; the value is what the artist reads."""

    AUTOMATIC = "the plane that fits best"
    X = "the object's X axis, through its origin"
    Y = "the object's Y axis, through its origin"


@dataclass(frozen=True)
class SymmetryOptions:
    """How to make an object symmetric.

    Attributes:
        across: the plane; X and Y are used however well they fit.
        angle: radians by which the plane is turned about Z, counter-clockwise seen from above: the automatic plane
            about the object's middle, the others about its origin.
        offset: Blender units by which it is moved along its normal: the automatic plane towards the kept side.
        keeps_other: keep the side that the photo shows less of.
        mirror_all: show the kept side's photo on both sides, even where the photo shows the other side too.
        tolerance: largest error of an automatic plane, in parts of the longest side.
    """

    across: Across = Across.AUTOMATIC
    angle: float = 0.0
    offset: float = 0.0
    keeps_other: bool = False
    mirror_all: bool = False
    tolerance: float = TOLERANCE


class SymmetryTask(AdjustTask):
    """An object made symmetric; everything else stays as it was made.

    Attributes:
        difference: after ``finish``, by how much both halves differed before, in parts of the longest side.
    """

    def __init__(self, target: bpy.types.Object, options: SymmetryOptions) -> None:
        """Raises ``ModelError`` if the object was not reconstructed, or what is stored with it is damaged."""
        code, placement = load_code(target)
        settings = adjusted_settings(target, code.system, {"mirror_all": options.mirror_all})
        super().__init__(target.name, code, replace(settings, symmetrise=_choice(options, placement)))
        self.difference = 0.0

    def finish(self, context: bpy.types.Context, result: Reconstruction) -> None:
        """Measure how well the plane fits what the network read, then exchange the object's mesh and material."""
        end_previews()
        target = existing(self.target)
        if result.mirror is not None:
            _code, placement = load_code(target)
            plane = UprightPlane.of(placement.plane_to_local(result.mirror))
            self.difference = PlaneFit(target, context.evaluated_depsgraph_get()).difference(plane)
        super().finish(context, result)


class AsymmetryTask(AdjustTask):
    """An object as the network read it, on both sides; everything else stays as it was made."""

    def __init__(self, target: bpy.types.Object) -> None:
        """Raises ``ModelError`` if the object was not reconstructed, or what is stored with it is damaged."""
        code, _placement = load_code(target)
        settings = adjusted_settings(target, code.system, {})
        super().__init__(target.name, code, replace(settings, mirror=None))


def _choice(options: SymmetryOptions, placement: Placement) -> MirrorChoice:
    """In the object frame."""
    if options.across is Across.AUTOMATIC:
        return MirrorChoice(
            angle=math.degrees(options.angle),
            shift=options.offset / placement.scale,
            keeps_other=options.keeps_other,
            tolerance=options.tolerance,
            is_required=True,
        )
    angle = options.angle + (math.pi / 2 if options.across is Across.Y else 0.0)
    local = MirrorPlane((math.cos(angle), math.sin(angle)), options.offset)
    return MirrorChoice(placement.plane_to_object_frame(local), keeps_other=options.keeps_other, is_required=True)
