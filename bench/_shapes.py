# SPDX-License-Identifier: GPL-3.0-or-later
"""Coloured household objects as signed distances, for benchmarks that need known shapes with thin parts.

The object frame: Blender's axes, facing -Y, the longest side 1.35 long (a photo framed with 0.85 at TripoSR's nominal
camera fills that much of its cube). No object is symmetric from left to right, so that a mirrored frame shows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Distance = Callable[[Array], Array]


@dataclass(frozen=True)
class Part:
    """One part of an object.

    Attributes:
        distance: (n, 3) -> (n,) distance to its surface, negative inside; a lower bound where it is not exact.
        color: sRGB 0..1.
    """

    distance: Distance
    color: tuple[float, float, float]


def box(centre: Sequence[float], half: Sequence[float], rounding: float = 0.01) -> Distance:
    """A box with rounded edges; ``half`` are half its sides."""
    middle, reach = np.asarray(centre, np.float32), np.asarray(half, np.float32) - np.float32(rounding)

    def distance(points: Array) -> Array:
        beyond = np.abs(points - middle) - reach
        outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
        return (outside + np.minimum(beyond.max(axis=1), 0) - rounding).astype(np.float32)

    return distance


def rod(start: Sequence[float], end: Sequence[float], radius: float) -> Distance:
    """A cylinder with round ends."""
    first, along = np.asarray(start, np.float32), np.asarray(end, np.float32) - np.asarray(start, np.float32)

    def distance(points: Array) -> Array:
        share = np.clip((points - first) @ along / (along @ along), 0, 1)
        return (np.linalg.norm(points - first - share[:, None] * along, axis=1) - radius).astype(np.float32)

    return distance


def pot(centre: Sequence[float], radius: float, height: float, wall: float) -> Distance:
    """An open cylinder with a floor, standing on ``centre``."""
    middle = np.asarray(centre, np.float32)

    def distance(points: Array) -> Array:
        x, y, z = (points - middle).T
        across = np.hypot(x, y)
        outer = np.maximum(across - radius, np.abs(z - height / 2) - height / 2)
        inner = np.maximum(across - (radius - wall), wall - z)
        return np.maximum(outer, -inner).astype(np.float32)

    return distance


def ring(centre: Sequence[float], radius: float, thickness: float) -> Distance:
    """A torus that stands in the X-Z plane."""
    middle = np.asarray(centre, np.float32)

    def distance(points: Array) -> Array:
        x, y, z = (points - middle).T
        return (np.hypot(np.hypot(x, z) - radius, y) - thickness).astype(np.float32)

    return distance


def without(part: Distance, hole: Distance) -> Distance:
    """A part minus another."""
    return lambda points: np.maximum(part(points), -hole(points))


def mug() -> list[Part]:
    """Thin walls, and a handle on the right."""
    body = pot((-0.12, 0, -0.55), 0.42, 1.1, 0.05)
    handle = without(ring((0.3, 0, 0), 0.26, 0.05), rod((-0.12, 0, -1), (-0.12, 0, 1), 0.39))
    return [Part(body, (0.85, 0.25, 0.15)), Part(handle, (0.2, 0.35, 0.8))]


def chair() -> list[Part]:
    """Thin legs, slats with gaps between them, one arm."""
    wood, cushion, dark = (0.55, 0.36, 0.2), (0.15, 0.5, 0.35), (0.25, 0.16, 0.1)
    legs = [rod((x, y, -0.66), (x * 0.9, y * 0.9, -0.1), 0.03) for x in (-0.32, 0.32) for y in (-0.3, 0.3)]
    slats = [box((0, 0.3, z), (0.34, 0.02, 0.035)) for z in (0.15, 0.3, 0.45, 0.6)]
    posts = [rod((x, 0.3, -0.1), (x, 0.3, 0.64), 0.03) for x in (-0.33, 0.33)]
    arm = [rod((0.33, -0.28, -0.08), (0.33, -0.28, 0.2), 0.025), rod((0.33, -0.3, 0.2), (0.33, 0.3, 0.2), 0.025)]
    seat = box((0, 0, -0.06), (0.36, 0.34, 0.045), 0.03)
    wooden, darker = [Part(one, wood) for one in legs + posts], [Part(one, dark) for one in slats + arm]
    return [*wooden, *darker, Part(seat, cushion)]


def car() -> list[Part]:
    """A toy car seen from its left: wheels, a cabin nearer to the back, an aerial."""
    wheels = [
        without(rod((x, y - 0.04, -0.2), (x, y + 0.04, -0.2), 0.11), box((x, y, -0.2), (0.03, 0.3, 0.03)))
        for x in (-0.4, 0.42)
        for y in (-0.24, 0.24)
    ]
    body, bonnet = box((0, 0, -0.07), (0.67, 0.26, 0.11), 0.06), box((-0.5, 0, 0.0), (0.14, 0.2, 0.06), 0.04)
    cabin, aerial = box((0.14, 0, 0.13), (0.32, 0.22, 0.14), 0.07), rod((0.45, 0.15, 0.1), (0.5, 0.15, 0.42), 0.02)
    paint, glass, black = (0.9, 0.75, 0.1), (0.45, 0.65, 0.8), (0.08, 0.08, 0.09)
    return [Part(body, paint), Part(bonnet, (0.8, 0.15, 0.1)), Part(cabin, glass), Part(aerial, black)] + [
        Part(wheel, black) for wheel in wheels
    ]


OBJECTS: dict[str, Callable[[], list[Part]]] = {"mug": mug, "chair": chair, "car": car}


def signed_distance(parts: Sequence[Part], points: Array) -> Array:
    """(n, 3) -> (n,), positive inside, as in ``Field``; exact near convex parts, of the right sign everywhere."""
    return -np.min([part.distance(points) for part in parts], axis=0)


def colors(parts: Sequence[Part], points: Array) -> Array:
    """(n, 3) -> (n, 3) sRGB 0..1 of the nearest part."""
    nearest = np.argmin([part.distance(points) for part in parts], axis=0)
    return np.array([part.color for part in parts], np.float32)[nearest]
