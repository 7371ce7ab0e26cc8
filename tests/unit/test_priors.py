# SPDX-License-Identifier: GPL-3.0-or-later
"""Known shapes: fits on made-up evidence recover the numbers, other things are refused, the code keeps it all."""

import functools
import math
from dataclasses import replace

import numpy as np
import pytest
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.fields import Appearance
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.priors.ball import Ball, fit_ball
from image_to_3d.inference.priors.box import Box, fit_box
from image_to_3d.inference.priors.choose import UPRIGHT, ShapeChoice, _stood_upright, choose_shape
from image_to_3d.inference.priors.evidence import convex_hull, evidence_of, polygon_area
from image_to_3d.inference.priors.least_squares import least_squares
from image_to_3d.inference.priors.prior_field import PriorField, field_of
from image_to_3d.inference.priors.view_frame import Look, ViewFrame, pixel_grid
from image_to_3d.inference.systems import pebble
from image_to_3d.inference.systems.pebble import MAPS, PebbleField
from image_to_3d.inference.systems.silhouette import silhouette_distance

FOCAL = 3.0
PHOTO = 192
CAMERA = np.array([0, 0, FOCAL])


def traced(distances, size, from_behind=False):
    """(size, size) depths of the first or last surface by sphere tracing, half windows, infinity where nothing is."""
    x, y = (grid.ravel() for grid in pixel_grid(size))
    rays = np.stack([x / FOCAL, y / FOCAL, -np.ones_like(x)], 1)
    depth = np.full(len(x), FOCAL + (1.6 if from_behind else -1.6))
    for _ in range(50):
        away = np.maximum(-distances(CAMERA + rays * depth[:, None]), 0)
        depth += (-0.9 if from_behind else 0.9) * away
    hit = distances(CAMERA + rays * depth[:, None]) > -2e-3
    return np.where(hit, depth, np.inf).reshape(size, size)


@functools.cache
def code_of(distances, elevation=0.4):
    """A code as Pebble would make it of an object that it predicts perfectly."""
    first, last = traced(distances, MAPS), traced(distances, MAPS, from_behind=True)
    alpha = np.isfinite(traced(distances, PHOTO))
    inside = np.isfinite(first) & np.isfinite(last)
    depths = np.stack([np.where(inside, depth - FOCAL, 0) for depth in (first, last)])
    photo = np.full((PHOTO, PHOTO, 4), 128, np.uint8)
    photo[..., 3] = alpha * 255
    arrays = {
        "depths": depths.astype(np.float16),
        "solid": np.full((64, MAPS, MAPS), 4, np.float16),
        "albedo": np.full((6, MAPS, MAPS), 128, np.uint8),
        "silhouette": silhouette_distance(photo[..., 3]).astype(np.float16),
    }
    camera = Camera.looking_at_origin(elevation, FOCAL, FOCAL)
    return Code("pebble", "2", arrays, camera, Window(96, 96, 96, PHOTO, PHOTO), photo, {})


def unused_field():
    raise AssertionError("a code with depths needs no field")


def evidence(code):
    found = evidence_of(code, unused_field, Monitor())
    assert found is not None
    return found


BALL = Ball(np.array([0.1, -0.15, 0.2]), 0.6)


def box(elevation=0.5, yaw=0.5, roll=0.0, sizes=(0.35, 0.5, 0.6), radius=0.02, upright_radius=0.02):
    up = np.array([-math.sin(roll) * math.cos(elevation), math.cos(roll) * math.cos(elevation), math.sin(elevation)])
    across = np.array([math.cos(roll), math.sin(roll), 0])
    back = np.cross(across, up)
    axes = np.stack([np.cos(yaw) * across + np.sin(yaw) * back, -np.sin(yaw) * across + np.cos(yaw) * back, up])
    return Box(np.array([0.05, 0.02, 0.0]), axes, np.array(sizes), radius, upright_radius)


SHARP = box()


def test_a_ball_is_found_where_it_is():
    fit = fit_ball(evidence(code_of(BALL.distances)), False)
    assert fit.is_sure
    assert fit.overlap > 0.98
    assert fit.angle < 6
    assert fit.primitive.centre == pytest.approx(BALL.centre, abs=0.02)
    assert fit.primitive.radius == pytest.approx(BALL.radius, abs=0.01)


@pytest.mark.parametrize("radii", [(0.01, 0.01), (0.1, 0.1), (0.02, 0.15)])
def test_a_box_is_found_with_its_sizes_and_edges(radii):
    made = box(radius=radii[0], upright_radius=radii[1])
    # The predicted elevation is a few degrees off, as it is for photos.
    fit = fit_box(evidence(code_of(made.distances, elevation=0.5 + math.radians(5))), False)
    assert fit.is_sure
    assert fit.overlap > 0.97
    assert np.sort(fit.primitive.half_sizes) == pytest.approx(np.sort(made.half_sizes), rel=0.06)
    assert fit.primitive.up == pytest.approx(made.up, abs=math.radians(2.5))
    assert fit.primitive.upright_radius == pytest.approx(radii[1], abs=0.06)


def test_a_camera_that_was_held_askew_leaves_a_box_upright():
    made = box(roll=math.radians(6))
    code = code_of(made.distances, elevation=0.5)
    chosen = choose_shape(code, ShapeChoice.BOX, unused_field, Monitor()).code
    up_in_view = ViewFrame(chosen.camera).from_object(np.array([[0, 0, 0.5], [0, 0, 0]]))
    direction = (up_in_view[0] - up_in_view[1]) / np.linalg.norm(up_in_view[0] - up_in_view[1])
    assert direction == pytest.approx(made.up, abs=math.radians(2.5))


def cylinder(points):
    """Upright at the elevation 0.4, half as wide as high."""
    up = np.array([0, math.cos(0.4), math.sin(0.4)])
    along = points @ up
    across = np.sqrt(np.maximum((points * points).sum(1) - along**2, 0))
    return np.minimum(0.35 - across, 0.7 - np.abs(along))


def cross(points):
    """Two bars."""
    bars = [np.array([0.75, 0.15, 0.15]), np.array([0.15, 0.75, 0.15])]
    return np.max([(half - np.abs(points)).min(axis=1) for half in bars], axis=0)


def egg(points):
    return (1 - np.linalg.norm(points / [0.45, 0.7, 0.45], axis=1)) * 0.45


@pytest.mark.parametrize("shape", [cylinder, cross, egg])
def test_what_is_neither_ball_nor_box_is_refused(shape):
    found = evidence(code_of(shape))
    for fit in (fit_ball(found, False), fit_box(found, False)):
        assert fit is None or not fit.is_sure


def test_a_ball_is_no_box_and_a_box_no_ball():
    ball, cube = evidence(code_of(BALL.distances)), evidence(code_of(SHARP.distances))
    assert not fit_box(ball, True).is_sure
    assert not fit_ball(cube, True).is_fair


def test_a_circle_on_paper_is_no_ball():
    """The outline alone is not enough: a plate that faces the camera is predicted flat."""

    def disc(points):
        across = np.hypot(points[:, 0], points[:, 1])
        return np.minimum(0.6 - across, 0.05 - np.abs(points[:, 2]))

    assert not fit_ball(evidence(code_of(disc)), False).is_sure


@pytest.mark.parametrize("made", [BALL, SHARP, box(radius=0.05, upright_radius=0.15)])
def test_what_the_camera_sees_of_a_shape_is_what_its_distances_say(made):
    look = made.look(FOCAL, 64)
    first = traced(made.distances, 64)
    both = look.covered & np.isfinite(first)
    assert both.sum() > 0.98 * (look.covered | np.isfinite(first)).sum()
    assert np.quantile(np.abs(look.depth[both] - first[both]), 0.99) < 0.005
    x, y = pixel_grid(64)
    points = np.stack([x * look.depth / FOCAL, y * look.depth / FOCAL, FOCAL - look.depth], -1)[both]
    step = 1e-4 * look.normals[both]
    assert (made.distances(points - step) - made.distances(points + step)).min() > 1.8e-4, "normals run outwards"


@pytest.mark.parametrize("made", [BALL, SHARP, box(radius=0.05, upright_radius=0.15)])
def test_corners_hold_the_shape(made):
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(300, 3))
    surface = made.look(FOCAL, 64)
    x, y = pixel_grid(64)
    points = np.stack([x * surface.depth / FOCAL, y * surface.depth / FOCAL, FOCAL - surface.depth], -1)
    points = points[surface.covered]
    assert ((made.corners() @ directions.T).max(0) >= (points @ directions.T).max(0) - 1e-6).all()


def test_the_field_is_a_function_of_the_stored_code():
    code = choose_shape(code_of(SHARP.distances), ShapeChoice.AUTOMATIC, unused_field, Monitor()).code
    assert code.prior.kind == "box"
    again = Code.from_bytes(code.to_bytes())
    assert set(again.arrays) == set(code.arrays), "the prior's numbers are no arrays of the system's"
    points = np.random.default_rng(0).uniform(-1, 1, (500, 3)).astype(np.float32)
    assert np.array_equal(field(again).values(points), field(code).values(points))
    assert again.to_bytes() == code.to_bytes()


def field(code):
    return field_of(pebble.SYSTEM, code, None)


def test_a_code_without_a_shape_has_the_bytes_it_always_had():
    code = code_of(cross)
    assert choose_shape(code, ShapeChoice.AUTOMATIC, unused_field, Monitor()).code is code
    assert b"prior" not in code.to_bytes()


def test_a_code_forgets_its_shape_and_has_its_first_camera_again():
    code = code_of(BALL.distances)
    chosen = choose_shape(code, ShapeChoice.BALL, unused_field, Monitor()).code
    assert chosen.camera.to_json() != code.camera.to_json()
    back = Code.from_bytes(chosen.to_bytes()).as_predicted()
    assert back.prior is None
    assert back.camera.to_json() == code.camera.to_json()


@pytest.mark.parametrize(
    ("shape", "choice", "kind"),
    [
        (BALL.distances, ShapeChoice.AUTOMATIC, "ball"),
        (BALL.distances, ShapeChoice.BALL, "ball"),
        (BALL.distances, ShapeChoice.AS_PREDICTED, None),
        (SHARP.distances, ShapeChoice.AUTOMATIC, "box"),
        (SHARP.distances, ShapeChoice.BOX, "box"),
        (cross, ShapeChoice.AUTOMATIC, None),
        (cross, ShapeChoice.BALL, None),
        (cross, ShapeChoice.BOX, None),
    ],
)
def test_each_choice_is_followed(shape, choice, kind):
    monitor = Monitor()
    chosen = choose_shape(code_of(shape), choice, unused_field, monitor)
    assert (chosen.code.prior.kind if chosen.code.prior else None) == kind
    assert bool(chosen.report) == (kind is not None)
    # Where the artist's word does not fit, the artist is told.
    assert len(monitor.warnings) == (kind is None and choice in {ShapeChoice.BALL, ShapeChoice.BOX})


def test_a_shape_that_was_asked_for_may_fit_less_well_and_the_report_says_how_well():
    def dented(points):
        dent = np.linalg.norm(points - [0.6, 0.35, 0.2], axis=1) - 0.56
        return np.minimum(BALL.distances(points), dent)

    code = code_of(dented)
    assert choose_shape(code, ShapeChoice.AUTOMATIC, unused_field, Monitor()).code.prior is None
    asked = choose_shape(code, ShapeChoice.BALL, unused_field, Monitor())
    assert asked.code.prior.kind == "ball"
    assert asked.report == f"Drawn as a ball; the outline fits by {asked.fit.overlap:.0%}."
    assert 0.8 < asked.fit.overlap < 0.98


def test_a_shape_fills_the_object_frame_and_its_box_holds_it():
    for made in (BALL, box(yaw=0.2)):
        code = choose_shape(code_of(made.distances), ShapeChoice.AUTOMATIC, unused_field, Monitor()).code
        shape = field(code)
        points = np.random.default_rng(0).uniform(-1, 1, (60000, 3)).astype(np.float32)
        inside = points[shape.values(points) > shape.iso_level]
        assert (inside >= shape.lower).all()
        assert (inside <= shape.upper).all()
        assert 0.85 < np.abs(inside).max() <= 1


def test_any_system_is_looked_at_through_its_camera():
    class Body:
        iso_level, iso_range, detail = 0.0, (-0.1, 0.1), 0.1
        lower, upper = np.full(3, -1, np.float32), np.full(3, 1, np.float32)

        def values(self, points):
            return (0.6 - np.linalg.norm(points, axis=1)).astype(np.float32)

        def appearance(self, points):
            return Appearance(np.zeros((len(points), 3), np.float32))

    pytest.importorskip("openvdb", reason="Blender's OpenVDB module is not installed")
    ball = Ball(np.zeros(3), 0.6)
    code = code_of(ball.distances)
    planes = replace(code, system="triposr", arrays={})
    predicted, looked = evidence(code), evidence_of(planes, Body, Monitor())
    both = predicted.first.covered & looked.first.covered
    assert both.sum() > 0.95 * predicted.first.covered.sum()
    first = np.abs(predicted.first.depth[both] - looked.first.depth[both])
    assert first.max() < 0.1
    assert np.median(first) < 0.01
    assert np.median(np.abs(predicted.last[both] - looked.last[both])) < 0.01
    chosen = choose_shape(planes, ShapeChoice.AUTOMATIC, Body, Monitor()).code
    assert chosen.prior.kind == "ball"
    assert chosen.prior.numbers["radius"] == pytest.approx(0.6, abs=0.02)


def test_parts_that_a_shape_does_not_explain_stay_as_predicted():
    """A ball with a bar through it: within the part left to the prediction the bar is there, elsewhere it is not."""
    bar = np.array([0.95, 0.06, 0.06])

    def skewered(points):
        return np.maximum(0.5 - np.linalg.norm(points, axis=1), (bar - np.abs(points)).min(axis=1))

    code = code_of(skewered)
    x, _y = pixel_grid(384)
    ball = replace(Ball(np.zeros(3), 0.5), rest=(x - 0.45).astype(np.float32))
    view = ViewFrame(code.camera)
    joined = PriorField(PebbleField(code), view, view, ball)
    probes = view.to_object(np.array([[0.75, 0, 0], [-0.75, 0, 0], [0, 0, 0], [0.75, 0.3, 0]], np.float32))
    assert (joined.values(probes) > joined.iso_level).tolist() == [True, False, True, False]
    line = view.to_object(np.stack([np.linspace(-1, 1, 4001), np.zeros(4001), np.zeros(4001)], 1).astype(np.float32))
    assert np.abs(np.diff(joined.values(line))).max() < 0.01, "continuous"


def test_the_view_frame_is_left_as_it_is_entered():
    view = ViewFrame(Camera.looking_at_origin(0.3, 2.5, 4.0))
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    assert view.to_object(view.from_object(points)) == pytest.approx(points)
    window, _depth = view.camera.project(points)
    seen = view.from_object(points)
    assert seen[:, :2] * (2.5 / (2.5 - seen[:, 2]))[:, None] == pytest.approx(window)
    assert view.from_object(np.zeros((1, 3))) == pytest.approx(np.zeros((1, 3)))


def test_normals_of_depths_are_those_of_the_surface():
    look = BALL.look(FOCAL, 96)
    assert Look.from_depth(look.depth, FOCAL).covered.sum() > 0.95 * look.covered.sum()
    cosine = (Look.from_depth(look.depth, FOCAL).normals * look.normals).sum(-1)[look.covered]
    assert np.median(cosine) > 0.995


def test_a_hull_is_convex_and_holds_all_points():
    points = np.random.default_rng(0).normal(size=(300, 2))
    hull = convex_hull(points)
    edges = np.roll(hull, -1, 0) - hull
    turns = edges[:, 0] * np.roll(edges, -1, 0)[:, 1] - edges[:, 1] * np.roll(edges, -1, 0)[:, 0]
    assert (turns > 0).all()
    for corner, edge in zip(hull, edges, strict=True):
        assert (edge[0] * (points - corner)[:, 1] - edge[1] * (points - corner)[:, 0] >= -1e-9).all()
    assert polygon_area(np.array([[0, 0], [2, 0], [2, 1], [0, 1]], float)) == 2


def test_least_squares_finds_a_curve_through_outliers():
    x = np.linspace(-1, 1, 60)
    truth = np.array([1.5, -0.7, 0.4])
    y = truth[0] * np.exp(truth[1] * x) + truth[2]
    y[::10] += 5

    def residuals(parameters):
        a, b, c = (parameters[:, number, None] for number in range(3))
        return (a * np.exp(b * x) + c - y) / 0.01

    found, cost = least_squares(residuals, np.array([[1.0, 0.0, 0.0], [0.5, 1.0, 0.0]]), 60)
    assert found == pytest.approx(truth, abs=0.02)
    assert cost < 2 * 6 * 5 / 0.01


def bottle(lean):
    """Upright where the camera looks down by 0.4 - ``lean``, three times as high as wide."""

    def distances(points):
        up = np.array([0, math.cos(0.4 - lean), math.sin(0.4 - lean)])
        along = points @ up
        across = np.sqrt(np.maximum((points * points).sum(1) - along**2, 0))
        # An oval of square section: neither ball nor box nor turned on a lathe.
        side = np.abs(points[:, 0])
        return np.minimum(np.minimum(0.2 - across, 0.16 - side), 0.75 - np.abs(along))

    return distances


def test_a_tall_body_that_leans_is_drawn_upright():
    lean = math.radians(27)
    code = code_of(bottle(lean), elevation=0.4)
    chosen = _stood_upright(code, evidence(code))
    assert chosen.code.prior.kind == UPRIGHT
    assert "27" in chosen.report or "26" in chosen.report or "28" in chosen.report
    assert math.asin(chosen.code.camera.rotation[2, 2]) == pytest.approx(0.4 - lean, abs=0.05)
    shape = field(Code.from_bytes(chosen.code.to_bytes()))
    points = np.random.default_rng(0).uniform(-1, 1, (60000, 3)).astype(np.float32)
    inside = points[shape.values(points) > shape.iso_level]
    assert (inside >= shape.lower).all()
    assert (inside <= shape.upper).all()
    axis = np.linalg.eigh(np.cov(inside.T))[1][:, 2]
    assert abs(axis[2]) > math.cos(math.radians(6)), "its longest axis is upright now"


@pytest.mark.parametrize("lean", [0, 10, 60])
def test_what_leans_little_or_lies_stays_as_it_is(lean):
    code = code_of(bottle(math.radians(lean)), elevation=0.4)
    assert _stood_upright(code, evidence(code)).code is code


def test_what_stands_on_a_broad_foot_may_lean():
    def lamp(points):
        up = np.array([0, math.cos(0.4), math.sin(0.4)])
        back = np.array([0, -math.sin(0.4), math.cos(0.4)])
        height, depth = points @ up, points @ back
        foot = np.minimum(0.08 - np.abs(height + 0.62), 0.5 - np.hypot(points[:, 0] * 3, depth))
        return np.maximum(bottle(math.radians(27))(points), foot)

    code = code_of(lamp, elevation=0.4)
    assert _stood_upright(code, evidence(code)).code is code
