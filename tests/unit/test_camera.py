# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera and the window tie pixels of the photo to points of the object, both ways."""

import numpy as np
import pytest
from image_to_3d.inference.camera import Camera, Window


@pytest.fixture
def camera() -> Camera:
    return Camera.looking_at_origin(np.radians(20.0), focal=3.0, distance=4.0)


def test_the_origin_is_in_the_middle_of_the_window(camera: Camera) -> None:
    window_points, depth = camera.project(np.zeros((1, 3)))
    np.testing.assert_allclose(window_points, [[0, 0]], atol=1e-12)
    np.testing.assert_allclose(depth, [4.0])


def test_the_camera_stands_in_front_and_its_axes_are_right_handed(camera: Camera) -> None:
    assert camera.position[1] < 0 < camera.position[2], "in front is towards -Y, raised is +Z"
    np.testing.assert_allclose(camera.rotation.T @ camera.rotation, np.eye(3), atol=1e-12)
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)


def test_right_and_up_in_the_photo_are_right_and_up_on_the_object(camera: Camera) -> None:
    window_points, _ = camera.project(np.array([[0.3, 0.0, 0.0], [0.0, 0.0, 0.3]]))
    assert window_points[0, 0] > 0.2
    assert abs(window_points[0, 1]) < 1e-12
    assert window_points[1, 1] > 0.2
    assert abs(window_points[1, 0]) < 1e-12


def test_unproject_undoes_project(camera: Camera) -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    np.testing.assert_allclose(camera.unproject(*camera.project(points)), points, atol=1e-12)


def test_points_behind_the_camera_are_told_by_their_depth(camera: Camera) -> None:
    _, depth = camera.project(camera.position[None] * 2)
    assert depth[0] < 0


def test_json_round_trip(camera: Camera) -> None:
    again = Camera.from_json(camera.to_json())
    np.testing.assert_array_equal(again.position, camera.position)
    np.testing.assert_array_equal(again.rotation, camera.rotation)
    assert again.focal == camera.focal


def test_window_corners_and_back() -> None:
    window = Window(centre_x=300, centre_y=200, half_size=100, photo_width=640, photo_height=480)
    corners = np.array([[-1.0, 1.0], [1.0, -1.0]])
    np.testing.assert_allclose(window.to_photo(corners), [[200, 100], [400, 300]])
    np.testing.assert_allclose(window.from_photo(window.to_photo(corners)), corners)
