# SPDX-License-Identifier: GPL-3.0-or-later
"""Symmetry: a field whose hidden side is the mirror image of the side that the photo sees better.

Nothing is copied. A point of the given-up side is *folded*, reflected onto the kept side, before the field is asked,
so that whatever reads a field (extraction, baking) reads a symmetric one.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SettingsError
from .fields import Appearance, Field, Points
from .sentence import Sentence

Floats = NDArray[np.floating[Any]]

UNIT_TOLERANCE = 1e-4
"""How far a normal's length may be from 1: what is lost on the way through JSON and Blender's single precision."""

SNAP_DEGREES = 1.5
"""A plane this close to one of the axes is taken for it: artists and tools mirror along axes."""


@dataclass(frozen=True)
class MirrorPlane:
    """An upright plane in the object frame: the points x with ``normal . x = offset``.

    Attributes:
        normal: unit vector, horizontal (x and y, z being 0); it points to the side that is kept.
        offset: distance of the plane from the frame's origin along the normal, object units.

    Raises:
        SettingsError: on construction, if the normal is no unit vector or the offset no number.
    """

    normal: tuple[float, float]
    offset: float

    def __post_init__(self) -> None:
        length = float(np.hypot(*self.normal))
        if not abs(length - 1.0) <= UNIT_TOLERANCE or not np.isfinite(self.offset):
            raise SettingsError(
                Sentence(
                    "The mirror plane's normal {normal} or its offset {offset} is damaged.",
                    normal=self.normal,
                    offset=self.offset,
                ),
                "Choose the plane again.",
            )

    @property
    def axes(self) -> NDArray[np.float32]:
        """(3, 3) float32, rows: the normal, the plane's horizontal direction, up; a right-handed frame."""
        x, y = self.normal
        return np.array([[x, y, 0], [-y, x, 0], [0, 0, 1]], np.float32)

    def distances(self, points: Floats) -> Floats:
        """(n, 3) -> (n,) signed distances, object units, greater than 0 on the kept side."""
        x, y = (points.dtype.type(value) for value in self.normal)
        return points[:, 0] * x + points[:, 1] * y - points.dtype.type(self.offset)

    def mirrored(self, points: Floats) -> Floats:
        """(n, 3) -> (n, 3) of the same dtype: the points' mirror images."""
        return self._moved(points, self.distances(points))

    def mirrored_directions(self, directions: Floats) -> Floats:
        """(n, 3) -> (n, 3) of the same dtype: vectors, such as normals, as the mirror shows them."""
        return self._moved(directions, self.distances(directions) + directions.dtype.type(self.offset))

    def folded(self, points: Floats) -> Floats:
        """(n, 3) -> (n, 3) of the same dtype: points of the given-up side mirrored, the others as they are."""
        return self._moved(points, np.minimum(self.distances(points), 0))

    def turned_over(self) -> "MirrorPlane":
        """The same plane with the other side kept."""
        return MirrorPlane((-self.normal[0], -self.normal[1]), -self.offset)

    def _moved(self, points: Floats, distances: Floats) -> Floats:
        result = points.copy()
        for axis, value in enumerate(self.normal):
            result[:, axis] -= distances * points.dtype.type(2.0 * value)
        return result


def refine_plane(
    cost: Callable[[float, float], float], start: tuple[float, float], steps: tuple[float, float], rounds: int
) -> tuple[float, float]:
    """The best upright plane near another one: its direction and its place are varied, each round by half the step.

    Args:
        cost: of a plane, by the angle of its normal (radians) and its shift along the normal.
        start: angle and shift of the plane to begin with.
        steps: by how much angle and shift are varied in the first round.
        rounds: how often.

    Returns:
        Angle and shift; an angle within ``SNAP_DEGREES`` of one of the axes is that axis's own.
    """
    best, (turn, move) = (cost(*start), *start), steps
    for _ in range(rounds):
        _, angle, shift = best
        near = [(angle + a * turn, shift + b * move) for a, b in itertools.product((-1, 0, 1), repeat=2)]
        best = min((cost(*place), *place) for place in near)
        turn, move = turn / 2, move / 2
    _, angle, shift = best
    axis = round(angle / (math.pi / 2)) * math.pi / 2
    return (axis if abs(angle - axis) < math.radians(SNAP_DEGREES) else angle), shift


class MirroredField:
    """A field folded at a plane, itself a ``Field``.

    It is continuous where the field is. A part that reaches across the plane by less than half of ``detail`` leaves a
    sliver of less than ``detail``: what extraction promises holds for the folded field, so such slivers may be missed.

    Args:
        field: what the network said.
        plane: where it is folded.
    """

    def __init__(self, field: Field, plane: MirrorPlane) -> None:
        self._field = field
        self._plane = plane
        self.iso_level = field.iso_level
        self.iso_range = field.iso_range
        self.detail = field.detail
        self.lower, self.upper = _symmetric_box(field, plane)

    def values(self, points: Points) -> NDArray[np.float32]:
        """(n, 3) -> (n,); see ``Field``."""
        return self._field.values(self._plane.folded(points))

    def appearance(self, points: Points) -> Appearance:
        """The kept side's, on both sides; see ``Field``."""
        return self._field.appearance(self._plane.folded(points))


def keep_half(
    voxels: NDArray[np.float32], faces: NDArray[np.int32], middle: float
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.bool_]]:
    """The half of a mesh beyond the plane x = ``middle``, where no face crosses the plane.

    Args:
        voxels: (n, 3) float32.
        faces: (m, 4) int32, of a closed mesh.
        middle: half-way between two layers of samples whose levels are mirror images. The dual mesher's faces then
            meet in the plane, where the two layers' cells are.

    Returns:
        Vertices (k, 3), those on the plane moved onto it exactly; faces (l, 4); and (k,) which vertices are the seam,
        the half's open border.
    """
    kept = faces[voxels[faces, 0].mean(axis=1) > middle]
    used = np.zeros(len(voxels), bool)
    used[kept] = True
    kept = (np.cumsum(used, dtype=np.int32) - 1)[kept]
    half = voxels[used]
    start, end = kept.astype(np.int64).ravel(), np.roll(kept, -1, axis=1).astype(np.int64).ravel()
    edges = np.minimum(start, end) * len(half) + np.maximum(start, end)
    alone, counts = np.unique(edges, return_counts=True)
    border = alone[counts == 1]
    seam = np.zeros(len(half), bool)
    seam[np.concatenate([border // len(half), border % len(half)])] = True
    half[seam, 0] = middle
    return half, kept, seam


def with_mirror_image(
    voxels: NDArray[np.float32], faces: NDArray[np.int32], seam: NDArray[np.bool_], middle: float
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Both halves of a mesh from one, joined at the seam; see ``keep_half``. The first half's vertices come first."""
    image = voxels[~seam].copy()
    image[:, 0] = 2 * np.float32(middle) - image[:, 0]
    places = np.arange(len(voxels), dtype=np.int32)
    places[~seam] = np.arange(len(voxels), len(voxels) + len(image), dtype=np.int32)
    return np.concatenate([voxels, image]), np.concatenate([faces, places[faces[:, ::-1]]])


def _symmetric_box(field: Field, plane: MirrorPlane) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A box around the field's own and its mirror image."""
    corners = box_corners(field)
    both = np.concatenate([corners, plane.mirrored(corners)])
    return both.min(axis=0), both.max(axis=0)


def box_corners(field: Field) -> NDArray[np.float32]:
    """(8, 3) float32, the corners of a field's box."""
    ends = np.stack([np.asarray(field.lower, np.float32), np.asarray(field.upper, np.float32)])
    x, y, z = np.meshgrid(*ends.T, indexing="ij")
    return np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1)
