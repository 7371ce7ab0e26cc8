# SPDX-License-Identifier: GPL-3.0-or-later
"""How well a mirror plane fits an object, quickly enough to be told while the artist moves the plane."""

import math
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree

from ..inference.errors import SettingsError
from ..inference.sentence import Sentence
from ..inference.symmetry import MirrorPlane
from .polygons import read_evaluated
from .symmetry import QUANTILE, Symmetry, find_symmetry, surface_samples

SAMPLES = 600
"""Points of the surface that are mirrored: a few milliseconds for each place of the plane."""

REACH = 0.65
"""How far the drawn plane goes from the object's middle, as a share of its longest side."""


@dataclass(frozen=True)
class UprightPlane:
    """A mirror plane as an artist moves it, in an object's own coordinates.

    Attributes:
        angle: of its normal from the X axis, radians, counter-clockwise seen from above.
        offset: distance from the object's origin along the normal, the mesh's units.
    """

    angle: float
    offset: float

    @property
    def normal(self) -> tuple[float, float, float]:
        """Unit vector, horizontal."""
        return (math.cos(self.angle), math.sin(self.angle), 0.0)

    @classmethod
    def of(cls, plane: MirrorPlane) -> "UprightPlane":
        """A mirror plane in the object's own coordinates."""
        return cls(math.atan2(plane.normal[1], plane.normal[0]), plane.offset)

    def turned(self, angle: float, about: Vector) -> "UprightPlane":
        """The plane turned about an upright line through a point."""
        kept = about.dot(Vector(self.normal)) - self.offset
        turned = UprightPlane(self.angle + angle, 0.0)
        return UprightPlane(turned.angle, about.dot(Vector(turned.normal)) - kept)


class PlaneFit:
    """An object against which mirror planes are held.

    Attributes:
        size: its longest side, the mesh's units.
        middle: of its bounding box.
    """

    def __init__(self, target: bpy.types.Object, depsgraph: bpy.types.Depsgraph) -> None:
        """Read it.

        Raises:
            SettingsError: it has no faces.
        """
        self._polygons = read_evaluated(target, depsgraph)
        if not len(self._polygons.starts):
            raise SettingsError(
                Sentence("'{name}' has no faces.", name=target.name), "Choose an object with a surface."
            )
        vertices, triangles = self._polygons.vertices, self._polygons.triangles
        lower, upper = vertices.min(axis=0), vertices.max(axis=0)
        self.size = float((upper - lower).max())
        self.middle = Vector(((lower + upper) / 2).tolist())
        self._tree = BVHTree.FromPolygons(vertices.tolist(), triangles.tolist())
        self._samples = surface_samples(vertices, triangles, SAMPLES)

    def best(self) -> UprightPlane:
        """The plane that fits the shape best."""
        found = find_symmetry(self._polygons)
        return UprightPlane(math.atan2(found.normal[1], found.normal[0]), found.offset)

    def difference(self, plane: UprightPlane) -> float:
        """By how much nine tenths of both halves differ at most, in parts of the longest side."""
        mirrored = Symmetry(plane.normal, plane.offset, 0.0).mirrored(self._samples)
        distances = np.sort([self._tree.find_nearest(point)[3] for point in mirrored.tolist()])
        return float(distances[int(QUANTILE * (len(distances) - 1))]) / self.size

    def corners(self, plane: UprightPlane, matrix: Matrix) -> list[Vector]:
        """Four corners of the plane where it cuts the object, in the world.

        Args:
            plane: in the object's coordinates.
            matrix: of the object.
        """
        normal, up = Vector(plane.normal), Vector((0, 0, 1))
        along = up.cross(normal)
        centre = self.middle - (self.middle.dot(normal) - plane.offset) * normal
        reach = REACH * self.size
        return [matrix @ (centre + reach * (a * along + b * up)) for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]


def told_difference(difference: float) -> Sentence:
    """In words that an artist can use."""
    return Sentence("Both halves match within {difference:.1%}", difference=difference)
