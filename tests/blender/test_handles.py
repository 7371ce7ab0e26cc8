# SPDX-License-Identifier: GPL-3.0-or-later
"""What is placed in the viewport: ground by three points, the mirror plane, the dimension line."""

import math

import bpy
import numpy as np
import pytest
from image_to_3d.inference.pipeline import Settings
from image_to_3d.operators.drag_size import dimension_line, typed_length
from image_to_3d.panels.adjust import IMAGE_TO_3D_PT_adjust
from image_to_3d.panels.transform import IMAGE_TO_3D_PT_transform
from image_to_3d.scene.build import build
from image_to_3d.scene.plane_fit import PlaneFit, UprightPlane, told_difference
from image_to_3d.viewport_sketch import SKETCH
from mathutils import Euler, Matrix, Vector

from .test_panels import draw
from .test_retopology import car, in_scene
from .test_transform import seen, world


@pytest.fixture
def made(extension, reconstruction, photo_path):
    """The box of 1 x 0.5 x 0.8, active, tilted, above the ground."""
    target = bpy.data.objects[build(bpy.context, reconstruction, photo_path, Settings(), size=1.0).object]
    target.rotation_euler = (0.4, -0.3, 0.9)
    target.location = (1, 2, 3)
    bpy.context.view_layer.update()
    return target


def base_corners(target):
    """Three corners of the box's base, in the world."""
    low = target.data.vertices[0].co.z
    corners = [vertex.co for vertex in target.data.vertices if vertex.co.z == pytest.approx(low)]
    return [tuple(target.matrix_world @ corner) for corner in corners[:3]]


class TestGround:
    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
    def test_three_points_lie_on_the_ground_and_the_camera_stays_matched(self, made, order):
        before, height = seen(made), world(made)[:, 2].min()
        points = base_corners(made)
        first, second, third = (points[index] for index in order)
        assert bpy.ops.image_to_3d.set_ground(first=first, second=second, third=third) == {"FINISHED"}
        heights = np.sort(world(made)[:, 2])
        np.testing.assert_allclose(heights[:4], height, atol=1e-5)
        np.testing.assert_allclose(heights[4:], height + 0.8, atol=1e-5, err_msg="it stands on them, not hangs")
        np.testing.assert_allclose(seen(made), before, atol=1e-4)
        assert tuple(made.scale) == pytest.approx((1, 1, 1))

    def test_points_in_a_line_are_refused(self, made):
        before = made.matrix_world.copy()
        with pytest.raises(RuntimeError, match="three points lie in a line"):
            bpy.ops.image_to_3d.set_ground(first=(0, 0, 0), second=(1, 0, 0), third=(3, 0, 0))
        assert made.matrix_world == before


class TestPlane:
    @pytest.fixture
    def fit(self, extension):
        """A car that is symmetric about the plane y = 0, in its own coordinates."""
        return PlaneFit(in_scene(car()), bpy.context.evaluated_depsgraph_get())

    def test_the_best_plane_is_found_and_both_halves_match(self, fit):
        best = fit.best()
        assert abs(math.sin(best.angle)) == pytest.approx(1.0, abs=1e-3)
        assert best.offset == pytest.approx(0.0, abs=0.02)
        assert fit.difference(best) < 0.01
        assert told_difference(0.004) == "Both halves match within 0.4%"

    def test_a_plane_moved_or_turned_away_fits_worse(self, fit):
        good = fit.difference(UprightPlane(math.pi / 2, 0.0))
        moved = fit.difference(UprightPlane(math.pi / 2, 0.1 * fit.size))
        turned = fit.difference(UprightPlane(math.pi / 2 + 0.3, 0.0))
        assert good < 0.2 * min(moved, turned)

    def test_turning_keeps_the_distance_from_the_middle(self):
        middle, plane = Vector((3, 4, 5)), UprightPlane(0.2, 1.5)
        turned = plane.turned(0.7, middle)
        assert turned.angle == pytest.approx(0.9)
        kept = [middle.dot(Vector(item.normal)) - item.offset for item in (plane, turned)]
        assert kept[0] == pytest.approx(kept[1])

    def test_the_drawn_plane_is_upright_and_goes_through_the_object(self, fit):
        matrix = Matrix.LocRotScale((1, 2, 3), Euler((0, 0, 0.5)), None)
        plane = UprightPlane(0.3, 0.2)
        corners = [matrix.inverted() @ corner for corner in fit.corners(plane, matrix)]
        for corner in corners:
            assert corner.dot(Vector(plane.normal)) == pytest.approx(0.2, abs=1e-5)
        assert (corners[0] - corners[3]).normalized().z == pytest.approx(-1.0)
        assert (sum(corners, Vector()) / 4 - fit.middle).length < fit.size


class TestSize:
    @pytest.mark.parametrize(
        ("text", "length"), [("12cm", 0.12), ("1.5", 1.5), ("1,5 m", 1.5), ("", None), ("tall", None), ("-3", None)]
    )
    def test_what_is_typed_is_a_length_or_none(self, extension, text, length):
        assert typed_length(text) == (None if length is None else pytest.approx(length))

    def test_a_typed_length_is_in_the_scenes_unit(self, extension):
        bpy.context.scene.unit_settings.scale_length = 0.001
        assert typed_length("12mm") == pytest.approx(12.0)

    @pytest.mark.parametrize("axis", [0, 1, 2])
    def test_the_line_is_as_long_as_the_side_and_beside_the_object(self, axis):
        lower, upper = Vector((-1, -2, 0)), Vector((1, 2, 3))
        start, end, bar = dimension_line(lower, upper, axis)
        assert (end - start) == Vector([(upper - lower)[index] if index == axis else 0 for index in range(3)])
        outside = [not (low <= value <= high) for low, value, high in zip(lower, start, upper, strict=True)]
        assert any(outside)
        assert bar.dot(end - start) == 0


@pytest.mark.parametrize("operator", ["pick_ground", "pick_distance", "place_symmetry", "drag_size"])
def test_nothing_can_be_placed_without_a_viewport(made, operator):
    assert not getattr(bpy.ops.image_to_3d, operator).poll()


def test_the_sketch_is_empty_after_it_ends(extension):
    SKETCH.points = [Vector()]
    SKETCH.plane = [Vector()] * 4
    SKETCH.stop()
    assert (SKETCH.points, SKETCH.lines, tuple(SKETCH.plane), SKETCH.label) == ([], [], (), None)


def test_the_panels_have_the_buttons(made):
    assert {"image_to_3d.drag_size", "image_to_3d.pick_ground"} <= set(draw(IMAGE_TO_3D_PT_transform))
    assert "image_to_3d.place_symmetry" in draw(IMAGE_TO_3D_PT_adjust)
