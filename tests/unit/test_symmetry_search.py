# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the mirror plane of known shapes whose hidden side was reconstructed wrong."""

import math

import numpy as np
import pytest
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.errors import SymmetryError
from image_to_3d.inference.fields import Appearance
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.surface import SurfaceSettings
from image_to_3d.inference.symmetry import MirrorPlane
from image_to_3d.inference.symmetry_search import (
    MirrorChoice,
    PlaneFit,
    PlaneJudge,
    choose_plane,
    distance_grid,
)

openvdb = pytest.importorskip("openvdb", reason="Blender's OpenVDB module is not installed")

CAMERA = Camera.looking_at_origin(math.radians(20), 4.0, 5.0)
PHOTO = np.full((64, 64, 4), 255, np.uint8)
CODE = Code("test", "1", {}, CAMERA, Window(32, 32, 32, 64, 64), PHOTO, {})


class Car:
    """A long box with a cabin, turned about Z and moved; ``swelling`` blows up what is far from the camera."""

    iso_level, iso_range, detail = 0.0, (-0.1, 0.1), 0.1
    lower, upper = np.full(3, -1, np.float32), np.full(3, 1, np.float32)

    def __init__(self, degrees, swelling=0.0, offset=0.0):
        self.angle, self.swelling, self.offset = math.radians(degrees), swelling, offset

    def values(self, points):
        points = points.copy()
        points[:, 1] -= np.float32(self.swelling) * np.maximum(points[:, 1], 0)
        sine, cosine = math.sin(self.angle), math.cos(self.angle)
        across = points[:, 0] * cosine + points[:, 1] * sine - self.offset
        along = points[:, 1] * cosine - points[:, 0] * sine
        body = np.maximum.reduce([np.abs(across) - 0.28, np.abs(along) - 0.7, np.abs(points[:, 2] + 0.15) - 0.15])
        cabin = np.maximum.reduce([np.abs(across) - 0.2, np.abs(along - 0.1) - 0.3, np.abs(points[:, 2] - 0.15) - 0.15])
        return -np.minimum(body, cabin).astype(np.float32)

    def appearance(self, points):
        return Appearance(np.ones_like(points))


class Figure(Car):
    """A figure with a nose and feet, turned about Z; from its front, the guess shows the front again on the back.

    Its right hand is raised a little, as nobody stands quite still.
    """

    def __init__(self, degrees):
        super().__init__(degrees)
        self.is_front_printed = degrees == 0

    def values(self, points):
        points = points.copy()
        if self.is_front_printed:
            points[:, 1] = -np.abs(points[:, 1])
        x, y = self.own(points)
        z = points[:, 2]

        def ball(place, radius):
            return radius - np.sqrt((x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2)

        body = 0.5 - np.sqrt((x / 0.5) ** 2 + (y / 0.34) ** 2 + (z + 0.25) ** 2)
        feet = [ball((side * 0.15, -0.24, -0.75), 0.14) for side in (-1, 1)]
        hands = [ball((0.36, 0, -0.1), 0.1), ball((-0.36, 0, 0.02), 0.1)]
        head, nose = ball((0, 0, 0.45), 0.27), ball((0, -0.28, 0.42), 0.09)
        return np.maximum.reduce([body, head, nose, *feet, *hands]).astype(np.float32)

    def own(self, points):
        """Points (n, 3) in the figure's own directions: to its left, and backwards."""
        sine, cosine = math.sin(self.angle), math.cos(self.angle)
        return points[:, 0] * cosine + points[:, 1] * sine, points[:, 1] * cosine - points[:, 0] * sine


class Stretching(Figure):
    """The figure with one arm stretched out: no plane parts its left from its right."""

    def values(self, points):
        arm = np.maximum(np.abs(points[:, 0] - 0.5) - 0.35, np.hypot(points[:, 1], points[:, 2]) - 0.12)
        return np.maximum(super().values(points), -arm).astype(np.float32)


def choose(field, **choice):
    return choose_plane(CODE, field, SurfaceSettings(), MirrorChoice(**choice), Monitor())


def angle_between(plane, degrees):
    """Degrees between a plane's normal, either way round, and a direction."""
    turned = math.degrees(math.atan2(plane.normal[1], plane.normal[0])) - degrees
    return abs((turned + 90) % 180 - 90)


@pytest.mark.parametrize("degrees", [-65.0, -50.0, 40.0, 60.0])
@pytest.mark.parametrize("swelling", [0.0, 0.25])
def test_the_plane_is_found_though_the_hidden_side_is_blown_up(degrees, swelling):
    plane = choose(Car(degrees, swelling, 0.05))
    assert angle_between(plane, degrees) < (2.0 if swelling == 0 else 5.0)
    normal = np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))])
    sign = np.sign(normal @ plane.normal)
    assert sign * plane.offset == pytest.approx(0.05, abs=0.02 if swelling == 0 else 0.06)
    assert plane.normal[1] < 0, "the side towards the camera is kept"


def test_the_other_side_can_be_kept_and_the_plane_turned_and_moved():
    field = Car(-50.0)
    plane = choose(field)
    other = choose(field, keeps_other=True)
    assert other == plane.turned_over()
    turned = choose(field, angle=10.0, shift=0.07)
    assert math.degrees(math.atan2(turned.normal[1], turned.normal[0])) == pytest.approx(
        math.degrees(math.atan2(plane.normal[1], plane.normal[0])) + 10.0
    )
    moved = choose(field, shift=0.07)
    assert moved.normal == pytest.approx(plane.normal)
    assert moved.offset == pytest.approx(plane.offset + 0.07, abs=1e-6)


def test_a_plane_that_was_named_is_used_however_badly_it_fits():
    named = MirrorPlane((math.cos(1.0), math.sin(1.0)), 0.1)
    plane = choose(Car(-50.0), plane=named, tolerance=0.0, is_required=True)
    assert plane in (named, named.turned_over())
    assert plane.normal[1] < 0


def test_wrong_planes_have_larger_errors():
    judge = PlaneJudge(CODE, Car(-50.0), SurfaceSettings(), Monitor())
    right = judge.fit(MirrorPlane((math.cos(math.radians(-50)), math.sin(math.radians(-50))), 0.0))
    assert right.error < 0.01
    assert right.lost < 0.01
    turned = judge.fit(MirrorPlane((math.cos(math.radians(-20)), math.sin(math.radians(-20))), 0.0))
    assert turned.error > 3 * right.error
    moved = judge.fit(MirrorPlane(right.plane.normal, 0.2))
    assert moved.error > 3 * right.error


def test_what_the_photo_shows_of_the_side_that_is_given_up_counts_as_lost():
    class Balls(Car):
        def values(self, points):
            large = 0.4 - np.linalg.norm(points - np.array([-0.3, 0, 0], np.float32), axis=1)
            small = 0.2 - np.linalg.norm(points - np.array([0.5, 0, 0.6], np.float32), axis=1)
            return np.maximum(large, small).astype(np.float32)

    judge = PlaneJudge(CODE, Balls(0.0), SurfaceSettings(), Monitor())
    assert judge.fit(MirrorPlane((1.0, 0.0), 0.2)).lost == pytest.approx(0.2, abs=0.05)
    assert judge.fit(MirrorPlane((0.0, 1.0), 0.0)).lost < 0.01


def back_of_the_head(figure):
    """Points (n, 3) of the half of a figure's head that has no face."""
    around = np.random.default_rng(0).normal(size=(2000, 3)).astype(np.float32)
    around *= 0.27 / np.linalg.norm(around, axis=1, keepdims=True)
    around[:, 2] += 0.45
    return around[figure.own(around)[1] > 0.05]


@pytest.mark.parametrize("degrees", [0, 50, -60], ids=["front", "left", "right"])
def test_the_back_of_a_head_never_becomes_a_face(degrees):
    figure = Figure(degrees)
    plane = choose(figure, is_required=True)
    # A point of the given-up side gets the shape and the colours of where it is folded to.
    assert figure.own(plane.folded(back_of_the_head(figure)))[1].min() > 0
    assert angle_between(plane, degrees) < 3


@pytest.mark.parametrize("figure", [Stretching(0), Figure(90)], ids=["no plane between left and right", "profile"])
def test_a_plane_of_which_the_photo_confirms_nothing_has_to_be_named(figure):
    """The same for the camera: one would put a second face on the back, the other is right."""
    with pytest.raises(SymmetryError, match="shows one side alone") as caught:
        choose(figure, is_required=True)
    assert "Y Axis" in caught.value.hint
    monitor = Monitor()
    assert choose_plane(CODE, figure, SurfaceSettings(), MirrorChoice(), monitor) is None
    assert "Not made symmetric" in monitor.warnings[0]
    named = choose(figure, plane=MirrorPlane((0.0, 1.0), 0.0))
    assert named.normal == (0.0, -1.0)


def test_the_less_a_plane_is_confirmed_the_better_it_has_to_fit():
    plane = MirrorPlane((1.0, 0.0), 0.0)
    fits = [PlaneFit(plane, 0.016, 0.0, revealed) for revealed in (0.2, 0.4, 0.6, 0.8)]
    assert [fit.doubt(0.024) is None for fit in fits] == [True, True, True, False]
    assert all(fit.doubt(0.05) is None for fit in fits)


def test_the_distance_grid_is_the_distance_to_the_nearest_point():
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.9, 0.9, (20, 3)).astype(np.float32)
    grid = distance_grid(points, reach=0.3)
    cell = 2.4 / len(grid)
    places = rng.integers(0, len(grid), (3000, 3))
    centres = (np.floor((points + 1.2) / cell) + 0.5) * cell - 1.2
    true = np.linalg.norm((places + 0.5)[:, None] * cell - 1.2 - centres, axis=2).min(axis=1)
    near = true < 0.28
    assert near.sum() > 100
    assert grid[tuple(places[near].T)] == pytest.approx(true[near], abs=1e-4)
    assert grid[tuple(places[true > 0.32].T)] == pytest.approx(0.3, abs=1e-4)
