# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the mirror plane of an object of which a photo shows one side.

The hidden side is a guess, and often a distorted one: the plane that maps the whole surface best onto itself leans
towards the guess. So the visible side alone is mirrored, and judged by what the camera saw, as in Thrun and Wegbreit,
"Shape from symmetry" (2005): where a mirrored point falls beside the object or in front of it, the plane is
contradicted; where it falls on the visible surface, it is confirmed; where it falls behind, the camera cannot tell, and
how far it is from the guess counts for little. Besides, nothing that the photo shows may get lost when the other side
is given up.
"""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .camera import Camera
from .code import Code
from .errors import SymmetryError
from .fields import Field, sample_grid
from .monitor import Monitor, QuietMonitor
from .projection import DEPTH_SIZE, Projection
from .sentence import Sentence
from .shaping import ShapedField
from .surface import SurfaceSettings, extract_surface
from .symmetry import MirrorPlane

Points = NDArray[np.float32]

RESOLUTION = 96
"""Of the surface that is judged: finer changes no plane of the example photos by a degree."""

SAMPLES = 4000
"""Points spread over the surface, of which the visible ones are mirrored."""

DISTANCE_CELLS, DISTANCE_SIDE = 128, 2.4
"""Cells along the grid of distances to the surface, and its side, object units: mirror images may leave [-1, 1]."""

REACH = 0.15
"""Distances count up to this part of the longest side: one part that has no mirror image, such as a handle, shall not
decide about the whole."""

HIDDEN_WEIGHT = 0.3
"""Weight of the distance where the mirror image is hidden, against 1 where the camera sees that it is wrong."""

FAIR_FACING = 0.5
"""Cosine to the line of sight from which a point counts fully; below, its place is the less sure."""

SLACK = 0.02
"""Object units of depth by which a point may be off the visible surface and be taken for a part of it."""

RAYS, RAY_STEPS, RAY_REACH = 600, 25, 0.45
"""Lines of sight on which something must remain: how many, at how many points, and so far before and behind the visible
surface, object units."""

SOLID_CELLS = 96
"""Cells along the grid in which they are followed."""

LOST_WEIGHT = 0.15
"""Parts of the longest side that losing all lines of sight is worth. Higher moves the plane behind the object."""

STEP_DEGREES, STEP_SHIFT, SHIFTS = 7.5, 0.0125, 8
"""The planes tried first: so far apart in direction, and along the normal, parts of the longest side, this many to each
side of the middle of the surface."""

ROUNDS = 5
"""Times that a plane is refined, each time with half the step."""

SIMILAR = 0.003
"""A plane whose error is larger than the best one's by less than this fits as well."""

TOLERANCE = 0.024
"""Largest error of a plane that is used unasked. Of the example photos, symmetric objects have 0.005 to 0.019, a chair
whose seat was reconstructed bent has 0.033, and open scissors have 0.029. A lying hammer, whose own mirror plane is not
upright, passes with 0.018 all the same: its head is short, and the mean forgives it."""

SNAP_DEGREES = 1.5
"""A plane this close to one of the axes is taken for it: artists and tools mirror along axes."""


@dataclass(frozen=True)
class MirrorChoice:
    """What the artist says about the mirror plane.

    Attributes:
        plane: a plane to be used however well it fits, or None to find the best one.
        angle: degrees by which the plane is turned about the upright axis through the middle of the surface,
            counter-clockwise seen from above.
        shift: object units by which it is moved to the side that is kept.
        keeps_other: keep the side that the photo shows less of.
        tolerance: largest error of a plane that was not named; see ``PlaneFit``.
        is_required: fail where no plane fits, instead of leaving the object as it is with a warning.
    """

    plane: MirrorPlane | None = None
    angle: float = 0.0
    shift: float = 0.0
    keeps_other: bool = False
    tolerance: float = TOLERANCE
    is_required: bool = False


@dataclass(frozen=True)
class PlaneFit:
    """How well a plane agrees with the photo.

    Attributes:
        plane: its normal points to the side that the photo shows more of.
        error: mean distance of mirrored visible points from the surface, in parts of the longest side; distances
            count as the module says.
        lost: share of the lines of sight that meet nothing any more.
        revealed: share of the visible surface whose mirror image the photo does not show: what there is to gain.
    """

    plane: MirrorPlane
    error: float
    lost: float
    revealed: float

    @property
    def cost(self) -> float:
        """What the best plane has least of."""
        return self.error + LOST_WEIGHT * self.lost


def choose_plane(
    code: Code, field: Field, settings: SurfaceSettings, choice: MirrorChoice, monitor: Monitor
) -> MirrorPlane | None:
    """The mirror plane of an object.

    Args:
        code: with the photo's camera.
        field: the code's field.
        settings: of the surface; its resolution does not matter.
        choice: what the artist says.
        monitor: told where no plane fits and none is required; asked for cancellation.

    Returns:
        The plane, or None where none fits and none is required.

    Raises:
        SymmetryError: no plane fits within the tolerance, none was named, and one is required.
        SurfaceError: there is no surface.
        Cancelled: the monitor said so.
    """
    judge = PlaneJudge(code, field, settings, QuietMonitor(monitor))
    if choice.plane is None:
        fit = judge.best()
        if not fit.error <= choice.tolerance:
            error = SymmetryError(
                Sentence(
                    "No mirror plane fits: the best one is off by {error:.1%} of the longest side on average.",
                    error=fit.error,
                ),
                Sentence("If the object is symmetric all the same, choose the plane by hand."),
            )
            if choice.is_required:
                raise error
            monitor.warn(Sentence("Not made symmetric. {reason} {hint}", reason=error.message, hint=error.hint))
            return None
        plane = fit.plane
    else:
        plane = judge.fit(choice.plane).plane
    plane = judge.moved(plane, math.radians(choice.angle), choice.shift)
    return plane.turned_over() if choice.keeps_other else plane


class PlaneJudge:
    """Judges mirror planes of a surface by what the photo's camera saw of it."""

    def __init__(self, code: Code, field: Field, settings: SurfaceSettings, monitor: Monitor) -> None:
        surface = extract_surface(
            field, replace(settings, resolution=RESOLUTION, target_faces=None, smoothing=0), monitor
        )
        self._camera: Camera = code.camera
        triangles = np.concatenate([surface.faces[:, :3], surface.faces[:, [0, 2, 3]]])
        window_points, depth = code.camera.project(surface.vertices)
        window_points, depth = window_points.astype(np.float32), depth.astype(np.float32)
        self._depth = Projection.of(code.photo, code.camera, window_points, depth, triangles).depth
        points, normals = _spread(surface.vertices, triangles)
        sight = code.camera.position.astype(np.float32) - points
        facing = (normals * sight).sum(axis=1) / np.linalg.norm(sight, axis=1)
        behind = self._behind(points)
        visible = (facing > 0) & (behind < SLACK)
        self._points, self._weights = points[visible], np.minimum(facing[visible], FAIR_FACING)
        self._size = float(np.ptp(surface.vertices, axis=0).max())
        self._middle = points.mean(axis=0, dtype=np.float64)[:2]
        chosen = self._points[:: -(-len(self._points) // RAYS)]
        ahead = chosen - code.camera.position.astype(np.float32)
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
        steps = np.linspace(-RAY_REACH, RAY_REACH, RAY_STEPS, dtype=np.float32)
        self._solid = _solid_cells(ShapedField(field, settings.iso_shift))
        rays = chosen[:, None] + steps[:, None] * ahead[:, None]
        # Parts thinner than a cell are met by chance: they can't tell whether they'd be lost.
        self._rays = rays[self._is_met(rays)].reshape(-1, 3)
        self._distances = distance_grid(surface.vertices, self._size * REACH)

    def best(self) -> PlaneFit:
        """The plane that fits best; of several that fit as well, the one that reveals most."""
        angles = [math.radians(STEP_DEGREES * number) for number in range(round(180 / STEP_DEGREES))]
        shifts = [STEP_SHIFT * self._size * number for number in range(-SHIFTS, SHIFTS + 1)]
        coarse = [[(self.fit(self._plane(angle, shift)), angle, shift) for shift in shifts] for angle in angles]
        costs = [min(entry[0].cost for entry in tried) for tried in coarse]
        valleys = [
            tried
            for number, tried in enumerate(coarse)
            if costs[number] <= min(costs[number - 1], costs[(number + 1) % len(costs)])
        ]
        # Which side is kept changes with the shift, so that costs have two valleys along it; errors have one.
        keys = (lambda entry: entry[0].cost, lambda entry: entry[0].error)
        fits = [self._refined(*min(tried, key=key)) for tried in valleys for key in keys]
        least = min(fit.cost for fit in fits)
        return max((fit for fit in fits if fit.cost <= least + SIMILAR), key=lambda fit: fit.revealed)

    def fit(self, plane: MirrorPlane) -> PlaneFit:
        """How well a plane fits, turned so that the side that is seen better is kept."""
        images = plane.mirrored(self._points)
        behind = self._behind(images)
        hidden = behind > SLACK
        cells = (images + np.float32(DISTANCE_SIDE / 2)) * np.float32(DISTANCE_CELLS / DISTANCE_SIDE) - np.float32(0.5)
        distances = sample_grid(self._distances, cells)
        weights = self._weights / self._weights.sum()
        error = float((weights * np.where(hidden, HIDDEN_WEIGHT, 1.0) * distances).sum()) / self._size
        sides = plane.distances(self._points) >= 0
        if float(weights[sides].sum()) < 0.5:
            plane = plane.turned_over()
        return PlaneFit(plane, error, self._lost(plane), float(weights[hidden].sum()))

    def moved(self, plane: MirrorPlane, angle: float, shift: float) -> MirrorPlane:
        """A plane turned about the middle of the surface (radians) and moved along its normal (object units)."""
        if not angle and not shift:
            return plane
        across = float(self._middle @ np.array(plane.normal)) - plane.offset
        turned = math.atan2(plane.normal[1], plane.normal[0]) + angle
        normal = (math.cos(turned), math.sin(turned))
        return MirrorPlane(normal, float(self._middle @ np.array(normal)) - across + shift)

    def _plane(self, angle: float, shift: float) -> MirrorPlane:
        """By the angle of its normal, radians, and its distance from the middle of the surface."""
        normal = (math.cos(angle), math.sin(angle))
        return MirrorPlane(normal, float(self._middle @ np.array(normal)) + shift)

    def _refined(self, fit: PlaneFit, angle: float, shift: float) -> PlaneFit:
        best = fit, angle, shift
        turn, move = math.radians(STEP_DEGREES) / 2, STEP_SHIFT * self._size / 2
        for _ in range(ROUNDS):
            _, angle, shift = best
            near = [(angle + a * turn, shift + b * move) for a, b in itertools.product((-1, 0, 1), repeat=2)]
            best = min(((self.fit(self._plane(a, s)), a, s) for a, s in near), key=lambda entry: entry[0].cost)
            turn, move = turn / 2, move / 2
        fit, angle, shift = best
        axis = round(angle / (math.pi / 2)) * math.pi / 2
        return self.fit(self._plane(axis, shift)) if abs(angle - axis) < math.radians(SNAP_DEGREES) else fit

    def _lost(self, plane: MirrorPlane) -> float:
        rays = plane.folded(self._rays).reshape(-1, RAY_STEPS, 3)
        return 1.0 - float(self._is_met(rays).mean())

    def _is_met(self, rays: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(r, s, 3) points along lines of sight -> (r,) whether any is inside."""
        cells = np.clip((rays + np.float32(1)) * np.float32(SOLID_CELLS / 2), 0, SOLID_CELLS - 1).astype(np.int64)
        return self._solid[cells[..., 0], cells[..., 1], cells[..., 2]].any(axis=1)

    def _behind(self, points: Points) -> NDArray[np.float32]:
        """(n,) how far points are behind the visible surface; negative in front of it, and beside the object."""
        window_points, depth = self._camera.project(points)
        cells = np.clip((window_points + 1.0) * (0.5 * DEPTH_SIZE), 0, DEPTH_SIZE - 1).astype(np.int64)
        return (depth - self._depth[cells[:, 1] * DEPTH_SIZE + cells[:, 0]]).astype(np.float32)


def distance_grid(points: Points, reach: float) -> NDArray[np.float32]:
    """Distances to the nearest of some points, in cells of the cube of side ``DISTANCE_SIDE`` round the origin.

    The squared distance is the lower envelope of parabolas, one axis after the other (Felzenszwalb and Huttenlocher,
    "Distance transforms of sampled functions", 2004).

    Args:
        points: (n, 3) float32; each counts as the middle of its cell.
        reach: where distances are cut off, object units.

    Returns:
        (c, c, c) float32, object units, c = ``DISTANCE_CELLS``, at the cells' middles.
    """
    cell = DISTANCE_SIDE / DISTANCE_CELLS
    cells = np.clip((points + DISTANCE_SIDE / 2) / cell, 0, DISTANCE_CELLS - 1).astype(np.int64)
    squares = np.full((DISTANCE_CELLS,) * 3, (reach / cell) ** 2, np.float32)
    squares[tuple(cells.T)] = 0
    for axis in range(3):
        before, lines = np.moveaxis(squares.copy(), axis, 0), np.moveaxis(squares, axis, 0)
        for step in range(1, math.ceil(reach / cell)):
            np.minimum(lines[step:], before[:-step] + np.float32(step**2), out=lines[step:])
            np.minimum(lines[:-step], before[step:] + np.float32(step**2), out=lines[:-step])
    return np.sqrt(squares) * np.float32(cell)


def _solid_cells(field: Field) -> NDArray[np.bool_]:
    """(c, c, c) whether the middles of [-1, 1]^3's cells are inside."""
    axis = (np.arange(SOLID_CELLS, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / SOLID_CELLS) - 1
    solid = np.empty((SOLID_CELLS,) * 3, bool)
    for number, x in enumerate(axis):
        y, z = np.meshgrid(axis, axis, indexing="ij")
        points = np.stack([np.full_like(y, x), y, z], axis=-1).reshape(-1, 3)
        solid[number] = (field.values(points) > field.iso_level).reshape(y.shape)
    return solid


def _spread(vertices: Points, triangles: NDArray[np.int32]) -> tuple[Points, Points]:
    """Points (n, 3) spread evenly over triangles' areas, and the triangles' unit normals (n, 3) there."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    across = np.cross(b - a, c - a)
    total = np.cumsum(np.linalg.norm(across, axis=1), dtype=np.float64)
    chosen = np.searchsorted(total, (np.arange(SAMPLES) + 0.5) / SAMPLES * total[-1])
    normals = across[chosen]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    return ((a + b + c) / 3)[chosen].astype(np.float32), normals.astype(np.float32)
