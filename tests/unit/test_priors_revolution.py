# SPDX-License-Identifier: GPL-3.0-or-later
"""Turned things, made up and rendered to evidence: what their axis, profile and inside are found to be."""

from dataclasses import replace

import numpy as np
import pytest
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.priors.axis_plane import find_axis_planes
from image_to_3d.inference.priors.choose import ShapeChoice, choose_shape
from image_to_3d.inference.priors.evidence import Evidence
from image_to_3d.inference.priors.lathe import Axis, cast
from image_to_3d.inference.priors.prior_field import field_of
from image_to_3d.inference.priors.revolution import Revolution, fit_revolution
from image_to_3d.inference.priors.view_frame import Look, pixel_grid
from image_to_3d.inference.surface import SurfaceSettings, extract_surface
from image_to_3d.inference.systems import pebble
from image_to_3d.inference.systems.pebble import MAPS
from image_to_3d.inference.systems.silhouette import silhouette_distance

FOCAL = 4.0
UPRIGHT = np.array([0.0, 1.0, 0.0])


def turned_axis(elevation: float, roll: float = 0.0) -> Axis:
    """An axis through the window's middle, seen from above by ``elevation`` and turned in the photo by ``roll``."""
    up = np.array([0, np.cos(elevation), np.sin(elevation)])
    sideways = np.array([1.0, 0, 0])
    turn = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return Axis(FOCAL, np.zeros(3), turn @ up, turn @ sideways)


def evidence_of_depth(depth: np.ndarray, elevation: float) -> Evidence:
    """Evidence from true depths at 384 pixels: what a perfect network would have seen."""
    silhouette = silhouette_distance((np.isfinite(depth) * 255).astype(np.uint8))
    first = depth.reshape(96, 4, 96, 4).min((1, 3))
    # The hidden side mirrors the seen one at the plane through the axis and across the view, nearly.
    last = np.maximum(2 * (FOCAL - pixel_grid(96)[1] * np.tan(elevation)) - first, first + 0.05)
    camera = Camera.looking_at_origin(elevation, FOCAL, FOCAL)
    return Evidence(camera, silhouette, Look.from_depth(first, FOCAL), last)


def evidence_of_section(section: list[list[float]], elevation: float, **place: float) -> Evidence:
    x, y = pixel_grid(384)
    hits = cast(turned_axis(elevation, **place), np.array(section), x.ravel(), y.ravel())
    return evidence_of_depth(hits.depth.reshape(384, 384), elevation)


VASE = [[-0.7, 0], [-0.7, 0.25], [-0.4, 0.42], [-0.1, 0.45], [0.2, 0.3], [0.4, 0.2], [0.6, 0.22], [0.7, 0.25], [0.7, 0]]
CUP = [[-0.4, 0], [-0.4, 0.38], [0.4, 0.45], [0.4, 0.4], [-0.33, 0.33], [-0.33, 0]]
CAN = [[-0.5, 0], [-0.5, 0.4], [0.5, 0.4], [0.5, 0]]
BOTTLE = [[-0.8, 0], [-0.8, 0.3], [0.2, 0.3], [0.4, 0.12], [0.75, 0.12], [0.75, 0]]


def angle_between(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(one @ other, -1, 1))))


def radius_at(fitted: Revolution, height: float) -> float:
    """Of the outside at a height of the true axis, whose origin is the window's middle, in the true scale."""
    rim = int(fitted.section[:, 0].argmax())
    outside = fitted.section[: rim + 1]
    scale = FOCAL / (FOCAL - fitted.axis.origin[2])
    return scale * float(np.interp(height / scale, outside[:, 0], outside[:, 1]))


@pytest.mark.parametrize("elevation", [10, 25])
@pytest.mark.parametrize("section", [VASE, BOTTLE], ids=["vase", "bottle"])
def test_a_turned_thing_is_recognised_with_its_axis_and_profile(section, elevation):
    evidence = evidence_of_section(section, np.radians(elevation))
    fit = fit_revolution(evidence, is_asked=False)
    assert fit is not None
    assert fit.is_sure
    assert fit.overlap > 0.96
    fitted = fit.primitive
    assert angle_between(fitted.up, turned_axis(np.radians(elevation)).direction) < 5
    true = np.array(section)
    for height in (-0.5, -0.2, 0.1, 0.5):
        assert radius_at(fitted, height) == pytest.approx(np.interp(height, true[1:-1, 0], true[1:-1, 1]), abs=0.03)


def test_a_thing_that_leans_sideways_in_the_photo_is_stood_upright():
    evidence = evidence_of_section(VASE, np.radians(20), roll=np.radians(9))
    fit = fit_revolution(evidence, is_asked=False)
    assert fit.is_sure
    assert angle_between(fit.primitive.up, turned_axis(np.radians(20), np.radians(9)).direction) < 3


def test_the_mirror_plane_goes_through_the_axis_wherever_it_stands_in_the_window():
    axis = turned_axis(np.radians(20), np.radians(-7))
    moved = Axis(axis.focal, np.array([0.15, 0.1, 0]), axis.direction, axis.sideways)
    x, y = pixel_grid(384)
    depth = cast(moved, np.array(CAN), x.ravel(), y.ravel()).depth.reshape(384, 384)
    best = find_axis_planes(evidence_of_depth(depth, np.radians(20)))[0]
    assert best.score > 0.95
    assert abs(best.sideways @ moved.direction) < 0.02
    assert abs(best.sideways @ (moved.origin - [0, 0, FOCAL])) < 0.05


def test_a_cup_is_hollow_down_to_its_floor_and_a_can_is_not():
    cup = fit_revolution(evidence_of_section(CUP, np.radians(35)), is_asked=False).primitive
    can = fit_revolution(evidence_of_section(CAN, np.radians(35)), is_asked=False).primitive
    points = np.stack([turned_axis(np.radians(35)).direction * height for height in (-0.2, 0.0, 0.3)])
    assert (cup.distances(points) < -0.05).all()
    assert (can.distances(points) > 0.05).all()
    floor = cup.section[-1, 0]
    assert floor == pytest.approx(-0.33, abs=0.08)


def test_a_handle_stays_the_networks():
    x, y = pixel_grid(384)
    depth = cast(turned_axis(np.radians(20)), np.array(CAN), x.ravel(), y.ravel()).depth.reshape(384, 384)
    handle = (np.hypot(x - 0.42, y) < 0.22) & (np.hypot(x - 0.42, y) > 0.14)
    fit = fit_revolution(
        evidence_of_depth(np.where(np.isfinite(depth), depth, np.where(handle, FOCAL, np.inf)), np.radians(20)), False
    )
    assert fit.is_sure
    rest = fit.primitive.rest
    assert rest is not None
    assert (rest[handle & (x > 0.5)] > 0).all()
    assert (rest[x < 0.2] < 0).all()


def test_a_step_that_the_outline_hides_is_carved_out():
    section = [[-0.3, 0], [-0.3, 0.75], [-0.22, 0.75], [-0.22, 0.35], [0.3, 0.38], [0.3, 0]]
    fitted = fit_revolution(evidence_of_section(section, np.radians(30)), is_asked=False).primitive
    axis = turned_axis(np.radians(30))
    corner = axis.circles(np.array(-0.08), np.array(0.5))
    assert (fitted.distances(corner) < 0).all()
    assert (fitted.distances(axis.circles(np.array(-0.26), np.array(0.6))) > 0).all()


def box_depth(turn: float, elevation: float, size: tuple[float, float, float]) -> np.ndarray:
    """Depths of a box at the window's middle, turned about its upright axis."""
    x, y = pixel_grid(384)
    rays = np.stack([x / FOCAL, y / FOCAL, np.full_like(x, -1)], -1)
    axis = turned_axis(elevation)
    across = np.cross(axis.sideways, axis.direction)
    right = np.cos(turn) * axis.sideways + np.sin(turn) * across
    frame = np.stack([right, np.cross(axis.direction, right), axis.direction], 1)
    start, moving = np.array([0, 0, FOCAL]) @ frame, rays @ frame
    near, far = (-np.array(size) - start) / moving, (np.array(size) - start) / moving
    first, last = np.minimum(near, far).max(-1), np.maximum(near, far).min(-1)
    return np.where(first < last, first, np.inf)


def test_what_is_predicted_to_be_flat_is_not_taken_for_round():
    evidence = evidence_of_section(BOTTLE, np.radians(10))
    flat = replace(evidence, last=0.4 * evidence.first.depth + 0.6 * evidence.last)
    assert not fit_revolution(flat, is_asked=False).is_sure


def test_what_the_depths_contradict_is_not_taken_for_round():
    evidence = evidence_of_section(VASE, np.radians(20))
    assert fit_revolution(evidence, is_asked=False).is_sure
    slanted = Look.from_depth(evidence.first.depth + 0.8 * pixel_grid(96)[0], FOCAL)
    assert not fit_revolution(replace(evidence, first=slanted), is_asked=False).is_sure


def test_a_lopsided_thing_without_a_handle_is_not_taken_for_round():
    x, y = pixel_grid(384)
    wider = np.where((x > 0) & (y > -0.2), x / 1.12, x)
    depth = cast(turned_axis(np.radians(20)), np.array(CAN), wider.ravel(), y.ravel()).depth.reshape(384, 384)
    fit = fit_revolution(evidence_of_depth(depth, np.radians(20)), is_asked=False)
    assert fit.primitive.rest is None
    assert not fit.is_sure


def test_a_box_is_refused():
    fit = fit_revolution(evidence_of_depth(box_depth(0.5, np.radians(25), (0.5, 0.3, 0.35)), np.radians(25)), False)
    assert fit is None or not fit.is_sure


def test_a_chair_is_refused():
    parts = [box_depth(0.6, np.radians(20), (0.35, 0.35, 0.04))]
    x, y = pixel_grid(384)
    back = np.where((x > -0.3) & (x < 0.1) & (y > 0) & (y < 0.8), FOCAL + 0.3, np.inf)
    legs = [
        np.where((np.abs(x - at) < 0.03) & (y < 0) & (y > -0.7 + drop), FOCAL, np.inf)
        for at, drop in ((-0.4, 0.2), (0, 0), (0.4, 0.2))
    ]
    depth = np.min([*parts, back, *legs], axis=0)
    fit = fit_revolution(evidence_of_depth(depth, np.radians(20)), is_asked=False)
    assert fit is None or not fit.is_sure


def test_a_fit_comes_back_from_its_numbers():
    fitted = fit_revolution(evidence_of_section(CUP, np.radians(30)), is_asked=False).primitive
    again = Revolution.from_numbers(fitted.numbers())
    points = np.random.default_rng(0).uniform(-0.8, 0.8, (500, 3)).astype(np.float32)
    np.testing.assert_allclose(again.distances(points), fitted.distances(points), atol=2e-3)
    np.testing.assert_allclose(again.up, fitted.up, atol=1e-6)
    assert again.detail == pytest.approx(fitted.detail)


def code_of(evidence: Evidence) -> Code:
    """A code of Pebble whose depths are true in front, and say nothing of the back."""
    first = np.where(evidence.first.covered, evidence.first.depth - FOCAL, 0)
    arrays = {
        "depths": np.stack([first, first + 0.3]).astype(np.float16),
        "solid": np.full((64, MAPS, MAPS), 4, np.float16),
        "albedo": np.full((6, MAPS, MAPS), 128, np.uint8),
        "silhouette": evidence.silhouette.astype(np.float16),
    }
    photo = np.full((384, 384, 4), 128, np.uint8)
    photo[..., 3] = np.where(evidence.silhouette > 0, 255, 0)
    return Code(
        "pebble", pebble.Pebble.card.version, arrays, evidence.camera, Window(192, 192, 192, 384, 384), photo, {}
    )


def test_a_turned_thing_is_chosen_and_comes_back_from_the_codes_bytes():
    code = code_of(evidence_of_section(CUP, np.radians(30)))
    chosen = choose_shape(code, ShapeChoice.AUTOMATIC, lambda: pytest.fail("not needed"), Monitor()).code
    assert chosen.prior.kind == "revolution"
    again = Code.from_bytes(chosen.to_bytes())
    points = np.random.default_rng(0).uniform(-1, 1, (500, 3)).astype(np.float32)
    fields = [field_of(pebble.SYSTEM, each, None) for each in (chosen, again)]
    np.testing.assert_array_equal(fields[0].values(points), fields[1].values(points))
    up = again.camera.rotation @ again.prior.numbers["up"]
    np.testing.assert_allclose(up, [0, 0, 1], atol=1e-5, err_msg="it stands upright in the object frame")


def test_a_turned_things_surface_is_watertight():
    pytest.importorskip("openvdb", reason="Blender's OpenVDB module is not installed")
    code = code_of(evidence_of_section(CUP, np.radians(30)))
    chosen = choose_shape(code, ShapeChoice.ROUND, lambda: pytest.fail("not needed"), Monitor()).code
    surface = extract_surface(field_of(pebble.SYSTEM, chosen, None), SurfaceSettings(), Monitor())
    assert surface.report.watertight
    assert surface.report.components == 1
