# SPDX-License-Identifier: GPL-3.0-or-later
"""View matching: known cameras are found again from where an artist would say, by silhouette and by colour."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.errors import Cancelled
from image_to_3d.inference.monitor import Monitor, PhotoStage
from image_to_3d.inference.raster import rasterize
from image_to_3d.inference.view_matching import (
    Side,
    Start,
    Subject,
    agreement,
    match_view,
    rotation_by,
    turn_of,
)

sys.path.insert(0, str(Path(__file__).parent))

from meshes import voxel_surface

SIZE = 384
WINDOW = Window(SIZE / 2, SIZE / 2, SIZE / 2, SIZE, SIZE)
FOCAL = 2.7


def pot(points):
    """A tea pot with a knob, and one foot: no two views of it are alike."""
    x, y, z = points.T
    body = (x / 0.45) ** 2 + (y / 0.4) ** 2 + (z / 0.4) ** 2 < 1
    spout = (np.hypot(z - 0.1 - (x - 0.4) * 0.7, y) < 0.1) & (x > 0.3) & (x < 0.85)
    handle = (np.abs(np.hypot(x + 0.45, z) - 0.28) < 0.07) & (np.abs(y) < 0.07)
    knob = x**2 + y**2 + (z - 0.45) ** 2 < 0.1**2
    foot = (np.hypot(x - 0.1, y + 0.2) < 0.12) & (z > -0.6) & (z < 0)
    return body | spout | handle | knob | foot


def can(points):
    """The same from all around."""
    return (np.hypot(points[:, 0], points[:, 1]) < 0.5) & (np.abs(points[:, 2]) < 0.7)


def subject(inside, trusted=None):
    vertices, faces = voxel_surface(inside, 64)
    x, y, z = vertices.T
    colors = np.stack([np.sin(9 * x), np.cos(8 * z + 4 * y), np.sin(7 * y)], axis=1) * 0.4 + 0.5
    triangles = faces[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)
    trust = np.zeros(len(vertices)) if trusted is None else trusted(vertices)
    return Subject(vertices, triangles, colors.astype(np.float32), trust.astype(np.float32))


def photograph(thing, camera):
    """(s, s, 4) uint8: the subject in its colours, transparent around it."""
    points, depth = camera.project(thing.vertices.astype(float))
    order = np.argsort(-depth[thing.triangles].mean(axis=1))
    picture = np.zeros((SIZE, SIZE, 4), np.uint8)
    colors = (thing.colors[thing.triangles].mean(axis=1) * 255).astype(np.uint8)
    for part in rasterize(((points * 0.5 + 0.5) * SIZE - 0.5)[thing.triangles[order]]):
        picture[part.y, part.x, :3] = colors[order[part.triangle]]
        picture[part.y, part.x, 3] = 255
    return picture[::-1].copy()


def camera_near(side, yaw, pitch, roll=0.0):
    """Off a side by degrees, off the middle, at a distance of its own."""
    rotation = Start.at(side, 0.0).rotation @ rotation_by(np.radians([-pitch, 0.0, roll]))
    rotation = rotation_by(np.radians([0.0, 0.0, yaw])) @ rotation
    return Camera(rotation @ np.array([0.05, -0.04, 3.3]), rotation, FOCAL)


def degrees_between(first, second):
    return np.degrees(np.linalg.norm(turn_of(first.rotation.T @ second.rotation)))


@pytest.mark.parametrize(("side", "yaw", "pitch", "roll"), [(Side.BACK, 30, 20, 4), (Side.LEFT, -30, 5, 0)])
def test_a_camera_30_degrees_off_the_side_is_found(side, yaw, pitch, roll):
    thing, camera = subject(pot), camera_near(side, yaw, pitch, roll)
    match = match_view(
        thing, photograph(thing, camera), WINDOW, Start.at(side, 0.1), FOCAL, is_focal_known=True, monitor=Monitor()
    )
    assert degrees_between(match.camera, camera) < 3
    assert np.linalg.norm(match.camera.position - camera.position) < 0.2
    assert match.agreement > 0.97
    assert match.camera.focal == pytest.approx(FOCAL, rel=1e-3)


def test_from_above_any_turn_of_the_picture_is_found():
    thing, camera = subject(pot), camera_near(Side.TOP, 0, 6, 140)
    match = match_view(
        thing, photograph(thing, camera), WINDOW, Start.at(Side.TOP, 0.1), FOCAL, is_focal_known=True, monitor=Monitor()
    )
    assert degrees_between(match.camera, camera) < 5
    assert match.agreement > 0.96


def test_an_unknown_focal_length_is_found_nearby():
    thing, camera = subject(pot), camera_near(Side.RIGHT, 10, 10)
    match = match_view(
        thing,
        photograph(thing, camera),
        WINDOW,
        Start.at(Side.RIGHT, 0.1),
        FOCAL * 1.3,
        is_focal_known=False,
        monitor=Monitor(),
    )
    assert degrees_between(match.camera, camera) < 4
    assert match.agreement > 0.97
    assert FOCAL * 0.8 < match.camera.focal < FOCAL * 1.35


def test_known_colours_turn_what_looks_the_same_from_all_around():
    front = Camera.looking_at_origin(0.0, FOCAL, 3.3).position

    def seen_from_front(vertices):
        return (vertices @ front > 0.2) * (np.abs(vertices[:, 2]) < 0.65)

    camera = camera_near(Side.RIGHT, -25, 10)
    known, unknown = subject(can, seen_from_front), subject(can)
    picture = photograph(known, camera)
    off = [
        degrees_between(
            match_view(
                thing, picture, WINDOW, Start.at(Side.RIGHT, 0.1), FOCAL, is_focal_known=True, monitor=Monitor()
            ).camera,
            camera,
        )
        for thing in (known, unknown)
    ]
    assert off[0] < 5
    assert off[1] > 15, "the outline alone cannot tell"


def test_the_part_beyond_the_photos_edge_is_not_held_against_a_camera():
    thing, camera = subject(pot), camera_near(Side.BACK, 0, 10)
    picture = photograph(thing, camera)
    cut = SIZE * 2 // 5
    picture[:, :cut, 3] = 0
    half = Window(SIZE / 2 - cut, SIZE / 2, SIZE / 2, SIZE - cut, SIZE)
    assert agreement(thing.vertices, thing.triangles, camera, picture, half) > 0.98
    assert agreement(thing.vertices, thing.triangles, camera, picture, WINDOW) < 0.8


def test_a_photo_of_something_else_is_told_by_its_agreement():
    thing = subject(pot)
    picture = photograph(subject(can), camera_near(Side.FRONT, 0, 10))
    match = match_view(thing, picture, WINDOW, Start.at(Side.LEFT, 0.1), FOCAL, is_focal_known=True, monitor=Monitor())
    assert match.agreement < 0.85


def test_sides_are_blenders_and_turns_come_back():
    outward = {side: Start.at(side, 0.0).rotation[:, 2].round(6).tolist() for side in Side}
    assert outward[Side.RIGHT] == [1, 0, 0] and outward[Side.LEFT] == [-1, 0, 0]
    assert outward[Side.BACK] == [0, 1, 0] and outward[Side.FRONT] == [0, -1, 0]
    assert outward[Side.TOP] == [0, 0, 1] and outward[Side.BOTTOM] == [0, 0, -1]
    turn = np.array([0.3, -1.2, 0.5])
    np.testing.assert_allclose(turn_of(rotation_by(turn)), turn, atol=1e-9)
    assert math.isclose(np.linalg.det(rotation_by(turn)), 1.0)


def test_a_thing_thinner_than_a_pixel_of_the_search_is_matched():
    def pencil(points):
        return (np.abs(points[:, 0]) < 0.016) & (np.abs(points[:, 1]) < 0.016) & (np.abs(points[:, 2]) < 0.9)

    thing, camera = subject(pencil), camera_near(Side.BACK, 0, 10, 3)
    match = match_view(
        thing,
        photograph(thing, camera),
        WINDOW,
        Start.at(Side.BACK, 0.1),
        FOCAL,
        is_focal_known=True,
        monitor=Monitor(),
    )
    assert match.agreement > 0.8


def test_it_can_be_cancelled():
    class Impatient(Monitor):
        def is_cancelled(self):
            return self._stage is not None

    thing = subject(can)
    monitor = Impatient()
    picture = photograph(thing, camera_near(Side.BACK, 0, 0))
    with pytest.raises(Cancelled), monitor.stage(PhotoStage.MATCH):
        match_view(thing, picture, WINDOW, Start.at(Side.BACK, 0.1), FOCAL, is_focal_known=True, monitor=monitor)
