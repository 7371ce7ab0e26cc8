# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the mirror plane of an object of which a photo shows one side.

The hidden side is a guess, and often a distorted one: the plane that maps the whole surface best onto itself leans
towards the guess. So the visible side alone is mirrored, and judged by what the camera saw, as in Thrun and Wegbreit,
"Shape from symmetry" (2005): where a mirrored point falls beside the object or in front of it, the plane is
contradicted; where it falls on the visible surface, it is confirmed; where it falls behind, the camera cannot tell, and
how far it is from the guess counts for little. Besides, nothing that the photo shows may get lost when the other side
is given up.

A plane that faces the camera, with the whole photo before it, maps everything to where the camera cannot tell. It would
put a second face on the back of every head. So a plane between the viewer's left and right is preferred where it fits
too; the less of a plane the photo can confirm, the better it has to fit; and where it confirms next to nothing, the
artist has to name the plane.
"""

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
from .symmetry import MirrorPlane, refine_plane

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

SIDEWAYS, FACING = math.cos(math.radians(20)), math.cos(math.radians(45))
"""Cosines between a plane's normal and the viewer's right: from the first on, the plane parts left from right; up to
the second, it faces the viewer more than it does that."""

SIDEWAYS_ERROR, SIDEWAYS_SIMILAR = 0.5 * TOLERANCE, 0.005
"""A sideways plane is preferred to one that faces the viewer if its error is at most the first, or its cost is larger
by at most the second. Of 70 photos (the examples, statues, animals), those of figures and faces from the front have
errors of up to 0.011, or costs larger by less than 0.002. Things from the side, where the plane that faces the viewer
is right, have errors of 0.013 (a spray bottle, whose cost is larger by 0.006) to 0.05."""

CONFIRMED, LEAST_TOLERANCE = 0.4, 0.45
"""From this share of the surface on that a plane reveals, the tolerance falls; where all is revealed, this part of it
would be left. Of the same 70 photos, cars and mugs seen at an angle stay within it, a panda and hens do not."""

UNCONFIRMED = 0.85
"""A plane that reveals a larger share is not used unasked, however well it fits: it maps nearly the whole photo to
where the camera sees nothing. That is right for a boot from its side (0.89), and gives a cat (1.0) and a koala (0.96)
that look at the camera a second face; cars and mugs seen at an angle have up to 0.82."""


@dataclass(frozen=True)
class MirrorChoice:
    """What the artist says about the mirror plane.

    Attributes:
        plane: a plane to be used however well it fits, or None to find the best one.
        angle: degrees by which the plane is turned about the upright axis through the middle of the surface,
            counter-clockwise seen from above.
        shift: object units by which it is moved to the side that is kept.
        keeps_other: keep the side that the photo shows less of.
        tolerance: largest error of a plane that was not named; see ``PlaneFit.doubt``.
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
        """Error and loss as one number, parts of the longest side; the best plane has the least."""
        return self.error + LOST_WEIGHT * self.lost

    def doubt(self, tolerance: float) -> SymmetryError | None:
        """Why the plane shall not be used unasked, or None; see ``CONFIRMED`` and ``UNCONFIRMED``."""
        if self.revealed > UNCONFIRMED:
            return SymmetryError(
                "The photo shows one side alone: nothing tells whether the other side is its mirror image.",
                "If the photo shows the object exactly from its side, choose the plane Y Axis by hand.",
            )
        unconfirmed = max(0.0, self.revealed - CONFIRMED) / (1.0 - CONFIRMED)
        if self.error <= tolerance * (1.0 - (1.0 - LEAST_TOLERANCE) * unconfirmed):
            return None
        return SymmetryError(
            Sentence(
                "No mirror plane fits: the best one is off by {error:.1%} of the longest side on average.",
                error=self.error,
            ),
            Sentence("If the object is symmetric all the same, choose the plane by hand."),
        )


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
        SymmetryError: no plane was named, the best one is in doubt, and one is required.
        SurfaceError: there is no surface.
        Cancelled: the monitor said so.
    """
    judge = PlaneJudge(code, field, settings, QuietMonitor(monitor))
    if choice.plane is None:
        fit = judge.best()
        if (doubt := fit.doubt(choice.tolerance)) is not None:
            if choice.is_required:
                raise doubt
            monitor.warn(Sentence("Not made symmetric. {reason} {hint}", reason=doubt.message, hint=doubt.hint))
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
        self._solid = _solid_cells(ShapedField(field, settings.iso_shift))
        self._rays = self._lines_of_sight()
        self._distances = distance_grid(surface.vertices, self._size * REACH)

    def best(self) -> PlaneFit:
        """The plane that fits best.

        Of several that fit as well, it is the one that reveals most without being ``UNCONFIRMED``; but a plane that
        faces the viewer gives way to a sideways one that fits too, see ``SIDEWAYS_ERROR``.
        """
        fits = self._valleys()
        least = min(fit.cost for fit in fits)
        similar = [fit for fit in fits if fit.cost <= least + SIMILAR]
        confirmed = [fit for fit in similar if fit.revealed <= UNCONFIRMED]
        best = max(confirmed or similar, key=lambda fit: fit.revealed)
        sideways = [fit for fit in fits if self._sidewaysness(fit.plane) >= SIDEWAYS]
        if not sideways or self._sidewaysness(best.plane) > FACING:
            return best
        other = min(sideways, key=lambda fit: fit.cost)
        return other if other.error <= SIDEWAYS_ERROR or other.cost <= least + SIDEWAYS_SIMILAR else best

    def _valleys(self) -> list[PlaneFit]:
        """Planes that fit better than all that are a little turned or moved."""
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
        return [self._refined(*min(tried, key=key)[1:]) for tried in valleys for key in keys]

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

    def _refined(self, angle: float, shift: float) -> PlaneFit:
        steps = math.radians(STEP_DEGREES) / 2, STEP_SHIFT * self._size / 2
        found = refine_plane(lambda a, s: self.fit(self._plane(a, s)).cost, (angle, shift), steps, ROUNDS)
        return self.fit(self._plane(*found))

    def _sidewaysness(self, plane: MirrorPlane) -> float:
        """Cosine between a plane's normal, either way round, and the viewer's right."""
        right = self._camera.rotation[:2, 0]
        return abs(float(right @ np.array(plane.normal))) / max(float(np.linalg.norm(right)), 1e-6)

    def _lines_of_sight(self) -> Points:
        """(r * RAY_STEPS, 3) points along lines of sight through the visible surface that meet the object."""
        chosen = self._points[:: -(-len(self._points) // RAYS)]
        ahead = chosen - self._camera.position.astype(np.float32)
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
        steps = np.linspace(-RAY_REACH, RAY_REACH, RAY_STEPS, dtype=np.float32)
        rays = chosen[:, None] + steps[:, None] * ahead[:, None]
        # Parts thinner than a cell are met by chance: they can't tell whether they'd be lost.
        return rays[self._is_met(rays)].reshape(-1, 3)

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
