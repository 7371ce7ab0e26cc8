# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours that run round turned things: sharp borders behind, and no highlight or picture carried there."""

import sys
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.bake import vertex_normals
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code, Prior
from image_to_3d.inference.hidden_colors import hidden_colors
from image_to_3d.inference.layers import layers
from image_to_3d.inference.priors.circles import circles_of
from image_to_3d.inference.priors.lathe import Axis
from image_to_3d.inference.priors.revolution import Revolution
from image_to_3d.inference.priors.view_frame import ViewFrame

sys.path.insert(0, str(Path(__file__).parent))

AROUND, ROWS, RADIUS = 96, 57, 0.57
CREAM, RED = np.array([[235, 225, 205], [190, 40, 35]], float)


@pytest.fixture(scope="module")
def cylinder():
    """Points, normals and triangles of an open cylinder about Z."""
    turn, z = np.meshgrid(np.arange(AROUND) * 2 * np.pi / AROUND, np.linspace(-0.7, 0.7, ROWS))
    points = np.stack([RADIUS * np.cos(turn), RADIUS * np.sin(turn), z], axis=-1).reshape(-1, 3).astype(np.float32)
    index = np.arange(len(points)).reshape(ROWS, AROUND)
    following = np.roll(index, -1, axis=1)
    a, b, c, d = index[:-1], following[:-1], following[1:], index[1:]
    triangles = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return points, vertex_normals(points, triangles), triangles


def two_layers(points):
    return np.where((points[:, 2] > 0.21)[:, None], CREAM, RED)


def behind(cylinder, colors, circles):
    """What the back gets, row by row, where the front shows some colours."""
    points, normals, triangles = cylinder
    weights = np.clip((-normals[:, 1] - 0.12) / 0.28, 0, 1)
    painted = hidden_colors(points, normals, triangles, colors, weights, circles)
    return painted.reshape(ROWS, AROUND, 3)[:, normals[:AROUND, 1] > 0.6]


def rows():
    return np.repeat(np.arange(ROWS), AROUND)


def test_a_border_of_two_layers_is_as_sharp_behind_as_in_front(cylinder):
    wanted = two_layers(cylinder[0])
    back = behind(cylinder, wanted, rows())
    wanted = wanted.reshape(ROWS, AROUND, 3)[:, :1]
    assert np.abs(back - wanted).max() < 12
    assert np.abs(behind(cylinder, two_layers(cylinder[0]), None) - wanted).max() > 40


def test_a_highlight_near_the_outline_does_not_run_round(cylinder):
    points = cylinder[0]
    wanted = two_layers(points)
    glossy = np.where(((points[:, 0] > 0.4) & (np.abs(points[:, 2]) < 0.1))[:, None], 255.0, wanted)
    assert np.abs(behind(cylinder, glossy, rows()) - wanted.reshape(ROWS, AROUND, 3)[:, :1]).max() < 20


def test_panels_are_no_layers(cylinder):
    points, normals, _ = cylinder
    panels = np.where((np.sin(5 * np.arctan2(points[:, 1], points[:, 0])) > 0)[:, None], CREAM, RED)
    colors, belief = layers(rows(), panels, np.clip(-normals[:, 1], 0, 1), np.ones(len(points)))
    assert belief.max() < 0.7
    assert {tuple(color) for color in colors} <= {tuple(CREAM), tuple(RED)}


def test_circles_that_no_photo_shows_are_not_believed(cylinder):
    points, normals, _ = cylinder
    is_above = points[:, 2] > 0.0
    weights = np.where(is_above, np.clip(-normals[:, 1], 0, 1), 0.0)
    belief = layers(rows(), two_layers(points), weights, np.ones(len(points)))[1]
    assert (belief[is_above] == 1.0).all()
    assert (belief[~is_above] == 0.0).all()


def code_of(section):
    """A photo of a thing turned about Z, taken from 30 degrees above."""
    camera = Camera.looking_at_origin(np.radians(30), focal=2.5, distance=3.0)
    view = ViewFrame(camera)
    origin, up, side = view.from_object(np.array([[0, 0, 0], [0, 0, 1], [1, 0, 0]], float))
    direction, sideways = (up - origin) * view.half, (side - origin) * view.half
    shape = Revolution(Axis(2.5, origin, direction, sideways), section / view.half, direction)
    photo = np.zeros((8, 8, 4), np.uint8)
    prior = Prior("revolution", shape.numbers(), camera)
    return Code("test", "1", {}, camera, Window(4, 4, 4, 8, 8), photo, {}, prior=prior)


def test_circles_run_round_at_the_same_height_and_leave_a_handle_out(cylinder):
    points, normals, _ = cylinder
    code = code_of(np.array([[-0.7, 0.0], [-0.7, RADIUS], [0.7, RADIUS], [0.7, 0.0]]))
    circles = circles_of(code, points, normals).reshape(ROWS, AROUND)
    inner = circles[2:-2]
    assert (inner >= 0).all()
    assert (np.ptp(inner, axis=1) <= 1).all()
    assert (np.diff(inner[:, 0]) >= 1).all()
    handle = points + 0.2 * normals
    assert (circles_of(code, handle, normals) == -1).all()


def test_a_thing_that_is_not_turned_has_no_circles(cylinder):
    points, normals, _ = cylinder
    code = code_of(np.array([[-0.7, 0.0], [-0.7, RADIUS], [0.7, RADIUS], [0.7, 0.0]])).as_predicted()
    assert circles_of(code, points, normals) is None
