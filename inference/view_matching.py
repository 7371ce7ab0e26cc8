# SPDX-License-Identifier: GPL-3.0-or-later
"""View matching: from where another photo of an object was taken.

The camera is looked for whose view of the surface has the photo's silhouette. Silhouettes alone leave much open: those
of front and back are alike, and a can has the same one from all around. Three things more are asked: the camera stays
near the side that the artist said; where earlier photos have coloured the surface, its colours should be the photo's;
and a photographer holds the camera level. All are residuals of one least-squares problem, which is solved by
Levenberg-Marquardt with numerical derivatives of small pictures, from many starts on the smallest and from the best
on larger ones.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .bake import UVMesh, refined, vertex_normals
from .blending import blended, sights_of
from .camera import Camera, Window
from .code import Code
from .monitor import Monitor
from .raster import scan

Floats = NDArray[np.floating[Any]]

SIZES = (40, 72, 144)
"""Sides of the pictures, pixels: for choosing among the starts, for the best of them, for the last one."""

CLUSTERS = (24, 36, 56)
"""Cells along the cube's side in which vertices are joined, for each size: a joined surface of unit radius lies 0.001
inside the true one at 24 cells, a fiftieth of a pixel."""

KEPT = (5, 2)
"""How many candidates go on to the second and to the third size."""

ROUNDS = (5, 7)
"""Steps of Levenberg-Marquardt at the second and at the third size."""

FINAL_SIZE = 256
"""Side of the picture in which the agreement is measured."""

YAWS, PITCHES = (-45, -30, -15, 0, 15, 30, 45), (-20, 0, 20)
"""Degrees from the side that the artist said, about the object's upright axis and the camera's horizontal one."""

TURNS = tuple(range(0, 360, 30))
"""Degrees about the line of sight that are tried for photos from above and below, which have no upright."""

PRIOR = 0.002
"""Cost of a camera that is off by the deviations below, in parts of the object's area."""

PITCH_DEVIATION, YAW_DEVIATION, ROLL_DEVIATION = 0.35, 0.45, 0.1
"""Radians that a photo is usually off from the side that the artist said."""

FOCAL_DEVIATION = 0.2
"""Likewise, natural logarithm of the focal length where the photo's file does not tell it."""

COLOR_WEIGHT = 0.6
"""What a pixel's colour counts for against its being inside or outside the silhouette."""

PLAIN = 0.15
"""Largest standard deviation of the object's colours, 0..1, that is counted with."""

SPACING = 0.04
"""Largest distance between points at which the object's present colours are asked for, object units."""

STEPS = 1.25
"""Pixels that pictures move by for numerical derivatives."""


class Side(StrEnum):
    """From where a photo was taken, as Blender's axis-aligned views; the value is what the artist reads."""

    FRONT = "front"
    BACK = "back"
    LEFT = "left"
    RIGHT = "right"
    TOP = "top"
    BOTTOM = "bottom"


_AZIMUTHS = {Side.FRONT: 0.0, Side.RIGHT: 90.0, Side.BACK: 180.0, Side.LEFT: 270.0}
"""Degrees counter-clockwise seen from above, from the front (-Y)."""


@dataclass(frozen=True)
class Start:
    """Where to begin to look for a camera.

    Attributes:
        rotation: (3, 3) of a camera that looks at the object from there, as ``Camera.rotation``.
        is_upright: the photo's upright is about the camera's; otherwise all turns about the line of sight are tried.
    """

    rotation: Floats
    is_upright: bool = True

    @classmethod
    def at(cls, side: Side, elevation: float) -> Self:
        """A side; elevation in radians, used for photos from around the object."""
        if side in _AZIMUTHS:
            camera = Camera.looking_at_origin(elevation, 1.0, 1.0)
            return cls(_about_z(math.radians(_AZIMUTHS[side])) @ camera.rotation)
        camera = Camera.looking_at_origin(math.pi / 2 if side is Side.TOP else -math.pi / 2, 1.0, 1.0)
        return cls(camera.rotation, is_upright=False)


@dataclass(frozen=True)
class Subject:
    """A surface, and what is known of its colours.

    Attributes:
        vertices: (n, 3) float32, object frame.
        triangles: (t, 3).
        colors: (n, 3) float32, sRGB 0..1.
        trust: (n,) float32 0..1, how far the colours are known.
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.integer[Any]]
    colors: NDArray[np.float32]
    trust: NDArray[np.float32]


def subject_of(code: Code, mesh: UVMesh, monitor: Monitor) -> Subject:
    """A code's object as its photos show it so far.

    Args:
        code: with its photos.
        mesh: in the object frame; UVs are not looked at.
        monitor: asked for cancellation.

    Raises:
        Cancelled: the artist cancelled.
    """
    normals = vertex_normals(mesh.vertices, mesh.triangles)
    points, normals, triangles, _ = refined(
        mesh.vertices, normals, mesh.triangles, mesh.uvs.astype(np.float64), SPACING
    )
    look = blended(len(points), [sight.look() for sight in sights_of(code, points, normals, triangles, monitor)])
    colors, trust = np.zeros((len(points), 3), np.float32), np.zeros(len(points), np.float32)
    colors[look.points], trust[look.points] = look.colors / 255.0, look.weights
    return Subject(points, triangles, colors, trust)


@dataclass(frozen=True)
class ViewMatch:
    """What was found.

    Attributes:
        camera: in the object frame.
        agreement: of the silhouettes, intersection over union, 0..1.
    """

    camera: Camera
    agreement: float


@dataclass(frozen=True)
class _View:
    """A candidate.

    Attributes:
        rotation: (3, 3), as ``Camera.rotation``.
        place: (3,) the camera's place along its own axes, from the object frame's origin.
        focal: in half windows.
        reference: (3, 3) the rotation that the artist said.
        cost: of its residuals.
    """

    rotation: Floats
    place: Floats
    focal: float
    reference: Floats
    cost: float = np.inf

    @property
    def camera(self) -> Camera:
        """As the engine's camera."""
        return Camera(self.rotation @ self.place, self.rotation, self.focal)

    def moved(self, step: Floats) -> Self:
        """Turned about its own axes, shifted in window units, farther away and longer; by a step (7,)."""
        depth = self.place[2] * math.exp(step[5] + step[6])
        shift = step[3:5] * self.place[2] / self.focal
        place = np.array([*(self.place[:2] + shift), depth])
        return replace(
            self,
            rotation=self.rotation @ rotation_by(step[:3]),
            place=place,
            focal=self.focal * math.exp(step[6]),
        )


def match_view(
    subject: Subject,
    cutout: NDArray[np.uint8],
    window: Window,
    start: Start,
    focal: float,
    *,
    is_focal_known: bool,
    monitor: Monitor,
) -> ViewMatch:
    """Find the camera of a photo.

    Args:
        subject: the object.
        cutout: (s, s, 4) uint8, the photo inside the window, sRGB with straight alpha.
        window: of the photo.
        start: about where it was taken from.
        focal: focal length in half windows.
        is_focal_known: it is the camera's own; otherwise it is looked for nearby.
        monitor: told of progress, asked for cancellation.

    Raises:
        Cancelled: the artist cancelled.
    """
    deviations = np.array([PITCH_DEVIATION, YAW_DEVIATION, ROLL_DEVIATION, 1e-4 if is_focal_known else FOCAL_DEVIATION])
    problems = [
        _Problem.of(clustered(subject, cells), cutout, window, size, focal, deviations)
        for cells, size in zip(CLUSTERS, SIZES, strict=True)
    ]
    candidates = []
    rotations = _rotations(start)
    for number, (rotation, reference) in enumerate(rotations):
        monitor.progress(number / len(rotations) / len(SIZES))
        view = problems[0].fitted(rotation, reference)
        candidates.append(replace(view, cost=problems[0].cost(view)))
    for problem, kept, rounds in zip(problems[1:], KEPT, ROUNDS, strict=True):
        best = sorted(candidates, key=lambda view: view.cost)[:kept]
        candidates = [problem.solved(view, rounds, monitor) for view in best]
    camera = min(candidates, key=lambda view: view.cost).camera
    return ViewMatch(camera, agreement(subject.vertices, subject.triangles, camera, cutout, window))


def agreement(
    vertices: Floats, triangles: NDArray[np.integer[Any]], camera: Camera, cutout: NDArray[np.uint8], window: Window
) -> float:
    """Intersection over union of a surface's silhouette and a cut-out, inside the photo: 0..1.

    Args:
        vertices: (n, 3) object frame.
        triangles: (t, 3).
        camera: from where.
        cutout: (s, s, 4) uint8, the camera's window.
        window: of the photo.
    """
    corners, _order = _on_screen(camera, vertices, triangles, FINAL_SIZE)
    seen = _painted(corners, FINAL_SIZE)[::-1] >= 0
    inside = _inside_photo(window, FINAL_SIZE)
    wanted = _shrunk(cutout, FINAL_SIZE)[..., 3] >= 0.5
    union = np.count_nonzero((seen | wanted) & inside)
    return float(np.count_nonzero(seen & wanted & inside) / union) if union else 0.0


def clustered(subject: Subject, cells: int) -> Subject:
    """A coarse copy: vertices in the same cell of a grid of ``cells`` along [-1, 1] become one (Rossignac 1993)."""
    place = np.clip(((subject.vertices + 1.0) * (0.5 * cells)).astype(np.int64), 0, cells - 1)
    _, cell = np.unique((place[:, 0] * cells + place[:, 1]) * cells + place[:, 2], return_inverse=True)
    cell = cell.ravel()
    count = int(cell.max()) + 1
    number = np.bincount(cell, minlength=count).astype(np.float64)

    def mean(values: Floats, weights: Floats, total: Floats) -> NDArray[np.float32]:
        sums = [np.bincount(cell, column * weights, count) for column in values.T]
        return (np.stack(sums, axis=1) / np.maximum(total, 1e-6)[:, None]).astype(np.float32)

    ones = np.ones(len(cell))
    trust = np.bincount(cell, subject.trust, count).astype(np.float64)
    triangles = cell[subject.triangles]
    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (c != a)]
    if not len(triangles):
        return subject  # smaller than a cell
    return Subject(
        mean(subject.vertices, ones, number),
        np.unique(np.sort(triangles, axis=1), axis=0),
        mean(subject.colors, subject.trust, trust),
        (trust / number).astype(np.float32),
    )


def rotation_by(turn: Floats) -> NDArray[np.float64]:
    """(3, 3) rotation about a vector (3,) by its length in radians (Rodrigues)."""
    angle = float(np.linalg.norm(turn))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = turn / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross))


def turn_of(rotation: Floats) -> NDArray[np.float64]:
    """(3,) inverse of ``rotation_by``, for angles below half a turn."""
    angle = math.acos(float(np.clip((np.trace(rotation) - 1) / 2, -1, 1)))
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0], rotation[1, 0] - rotation[0, 1]])
    return axis * (0.5 if angle < 1e-6 else angle / (2 * max(math.sin(angle), 1e-9)))


def _about_z(angle: float) -> NDArray[np.float64]:
    return rotation_by(np.array([0.0, 0.0, angle]))


def _rotations(start: Start) -> list[tuple[Floats, Floats]]:
    """Rotations to begin with, each with the one that the artist said."""
    found = []
    for turn in (0,) if start.is_upright else TURNS:
        reference = start.rotation @ _about_z(math.radians(turn))
        for yaw in YAWS if start.is_upright else (0,):
            for pitch in PITCHES:
                pitched = reference @ rotation_by(np.array([math.radians(pitch), 0.0, 0.0]))
                found.append((_about_z(math.radians(yaw)) @ pitched, reference))
    return found


@dataclass(frozen=True)
class _Problem:
    """What candidates are compared with, at one size of pictures.

    Attributes:
        subject: the coarse surface.
        size: side of the pictures, pixels; row 0 at the bottom.
        mask: (s, s) float32 0..1, the cut-out.
        colors: (s, s, 3) float32 0..1, the photo.
        sure: (s, s) float32, where the photo's colours are the object's.
        inside: (s, s) bool, pixels of the photo; beyond its edges nothing is known.
        face_colors, face_trust: (t, 3) and (t,) of the surface's triangles.
        spread: standard deviation of the known colours: what a pixel of unknown colour costs.
        focal: half windows.
        deviations: (4,) of pitch, yaw and roll, and of the focal length's logarithm.
        area: pixels of the cut-out.
        done: share of the search that is done before this size's.
    """

    subject: Subject
    size: int
    mask: NDArray[np.float32]
    colors: NDArray[np.float32]
    sure: NDArray[np.float32]
    inside: NDArray[np.bool_]
    face_colors: NDArray[np.float32]
    face_trust: NDArray[np.float32]
    spread: float
    focal: float
    deviations: Floats
    area: float
    done: float

    @classmethod
    def of(
        cls,
        subject: Subject,
        cutout: NDArray[np.uint8],
        window: Window,
        size: int,
        focal: float,
        deviations: Floats,
    ) -> Self:
        """Shrink the photo and prepare."""
        small = _shrunk(cutout, size)[::-1]
        mask = small[..., 3]
        trust = subject.trust[subject.triangles].mean(axis=1)
        weights = subject.trust[subject.triangles]
        known = (subject.colors[subject.triangles] * weights[..., None]).sum(axis=1)
        known /= np.maximum(weights.sum(axis=1), 1e-6)[:, None]
        total = max(float(trust.sum()), 1e-6)
        middle = (known * trust[:, None]).sum(axis=0) / total
        variance = float((((known - middle) ** 2).sum(axis=1) * trust).sum() / total)
        return cls(
            subject,
            size,
            mask,
            small[..., :3],
            (mask > 0.95).astype(np.float32),
            _inside_photo(window, size)[::-1],
            known,
            trust,
            min(math.sqrt(variance), PLAIN),
            focal,
            deviations,
            max(float(mask.sum()), 1.0),
            SIZES.index(size) / len(SIZES),
        )

    def fitted(self, rotation: Floats, reference: Floats) -> _View:
        """The camera of a rotation whose view of the object has the cut-out's bounding box, about."""
        turned = self.subject.vertices @ rotation
        solid = self.mask >= 0.5 * self.mask.max()  # a thin thing fills no pixel of a small picture
        rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
        lower = np.array([columns[0], rows[0]]) * (2.0 / self.size) - 1.0
        upper = np.array([columns[-1] + 1, rows[-1] + 1]) * (2.0 / self.size) - 1.0
        place = np.array([0.0, 0.0, 1.5 * self.focal])
        for _ in range(5):
            depth = np.maximum(place[2] - turned[:, 2], 0.05)[:, None]
            points = (turned[:, :2] - place[:2]) * (self.focal / depth)
            low, high = points.min(axis=0), points.max(axis=0)
            ratio = float(np.sqrt(np.prod(high - low) / np.prod(upper - lower)))
            place[2] *= float(np.clip(ratio, 0.5, 2.0))
            place[:2] += (low + high - lower - upper) / 2 * place[2] / self.focal
        return _View(rotation, place, self.focal, reference)

    def cost(self, view: _View) -> float:
        """Sum of the squared residuals."""
        residuals = self.residuals(view)
        return float(residuals @ residuals)

    def residuals(self, view: _View) -> NDArray[np.float64]:
        """Silhouette, colours, and what the artist and photographers usually do."""
        corners, order = _on_screen(view.camera, self.subject.vertices, self.subject.triangles, self.size)
        owner = _painted(corners, self.size)
        seen = owner >= 0
        outline = _blurred(np.where(self.inside, seen - self.mask, 0.0))
        face = order[np.maximum(owner, 0)] if len(order) else np.zeros_like(owner)
        weight = np.where(seen, self.sure * self.face_trust[face], 0.0)
        difference = self._difference(self.face_colors[face], weight)
        # What is not known costs as much as a colour taken at random: hiding what is known must not pay.
        unlike = np.sqrt(weight * difference + (self.mask - weight).clip(0.0) * self.spread**2)
        turn = turn_of(view.reference.T @ view.rotation)
        usual = np.array([*turn, math.log(view.focal / self.focal)]) / self.deviations
        pictures = np.concatenate([outline.ravel(), math.sqrt(COLOR_WEIGHT) * unlike.ravel()])
        return np.concatenate([pictures / math.sqrt(self.area), math.sqrt(PRIOR) * usual])

    def _difference(self, colors: Floats, weight: Floats) -> Floats:
        """(s, s) squared difference from the photo's colours, after exposure and white balance were adapted."""
        total = np.zeros_like(weight)
        for channel in range(3):
            given, wanted = self.colors[..., channel], colors[..., channel]
            weighted = given * weight
            factor = ((weighted * wanted).sum() + 1e-3) / ((weighted * given).sum() + 1e-3)
            total += (wanted - given * np.clip(factor, 0.5, 2.0)) ** 2
        return total

    def solved(self, view: _View, rounds: int, monitor: Monitor) -> _View:
        """Levenberg-Marquardt from a candidate."""
        pixel = STEPS * 2.0 / self.size
        steps = np.array([pixel, pixel, pixel, pixel, pixel, pixel, 4 * pixel])
        residuals = self.residuals(view)
        best, damping = replace(view, cost=float(residuals @ residuals)), 0.01
        for _ in range(rounds):
            monitor.progress(self.done)
            slopes = [self._slope(best, number, step) for number, step in enumerate(steps)]
            jacobian = np.stack(slopes, axis=1)
            normal, gradient = jacobian.T @ jacobian, jacobian.T @ residuals
            for _attempt in range(4):
                scaled = normal + np.diag(damping * np.diag(normal) + 1e-9)
                trial = best.moved(np.clip(-np.linalg.solve(scaled, gradient), -0.3, 0.3))
                tried = self.residuals(trial)
                if float(tried @ tried) < best.cost:
                    best, residuals = replace(trial, cost=float(tried @ tried)), tried
                    damping *= 0.3
                    break
                damping *= 5.0
            else:
                break
        return best

    def _slope(self, view: _View, number: int, step: float) -> NDArray[np.float64]:
        """Central difference of the residuals along one parameter."""
        move = np.zeros(7)
        move[number] = step
        ahead, behind = self.residuals(view.moved(move)), self.residuals(view.moved(-move))
        return (ahead - behind) / (2.0 * step)


def _on_screen(
    camera: Camera, vertices: Floats, triangles: NDArray[np.integer[Any]], size: int
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Triangles in pixels (k, 3, 2), row 0 at the bottom, the farthest first, and which (k,) they are."""
    points, depth = camera.project(vertices.astype(np.float64))
    x, y = np.abs(points).T
    usable = (depth > 1e-3) & (x < 4.0) & (y < 4.0)
    a, b, c = triangles.T
    order = np.flatnonzero(usable[a] & usable[b] & usable[c])
    order = order[np.argsort(-(depth[a] + depth[b] + depth[c])[order])]
    return ((points * 0.5 + 0.5) * size - 0.5)[triangles[order]], order


def _painted(corners: Floats, size: int) -> NDArray[np.intp]:
    """(s, s) the last triangle that covers each pixel, -1 where there is none; row 0 at the bottom."""
    owner = np.full(size * size, -1)
    part = scan(corners, slice(0, len(corners)))  # few pixels: one batch
    inside = (part.x >= 0) & (part.x < size) & (part.y >= 0) & (part.y < size)
    owner[part.y[inside] * size + part.x[inside]] = part.triangle[inside]
    return owner.reshape(size, size)


def _shrunk(cutout: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    """(size, size, 4) float32 0..1, row 0 at the top: means over pixels."""
    image = Image.fromarray(cutout, "RGBA").resize((size, size), Image.Resampling.BOX)
    return np.asarray(image, np.float32) / 255


def _inside_photo(window: Window, size: int) -> NDArray[np.bool_]:
    """(size, size) which pixels of the window the photo covers, row 0 at the top."""
    steps = (np.arange(size) + 0.5) / size * 2 - 1
    grid = np.stack(np.meshgrid(steps, -steps), axis=-1).reshape(-1, 2)
    points = window.to_photo(grid)
    inside = (points > 0).all(axis=1) & (points < [window.photo_width, window.photo_height]).all(axis=1)
    return np.asarray(inside.reshape(size, size))


def _blurred(picture: Floats) -> Floats:
    """Means over 3 x 3 pixels; a silhouette's edge counts the more the farther it is off."""
    padded = np.pad(picture, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9.0)
