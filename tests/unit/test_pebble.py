# SPDX-License-Identifier: GPL-3.0-or-later
"""Pebble's field keeps what its docstring promises, and the bundled network fits its module."""

import time

import numpy as np
import pytest
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.errors import CutoutError, ModelError
from image_to_3d.inference.framing import FramedPhoto
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.runtime import Runtime, RuntimeSettings
from image_to_3d.inference.systems import get_system, pebble
from image_to_3d.inference.systems import silhouette as silhouette_map

SIZE, FOCAL = 400, 4.0
RADIUS = 0.8


def window_axes(size):
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    return np.meshgrid(axis, axis)


def ball_outputs(solid=4.0):
    """What the network would say about a ball seen from far away: grey in front, red behind."""
    u, v = window_axes(pebble.MAPS)
    half = np.sqrt(np.maximum(RADIUS**2 - u**2 - v**2, 0))
    albedo = np.full((6, pebble.MAPS, pebble.MAPS), 0.5)
    albedo[3:] = np.array([0.9, 0.1, 0.1])[:, None, None]
    return {
        "depths": np.stack([-half, half])[None].astype(np.float32),
        "solid": np.full((1, pebble.BINS, pebble.MAPS, pebble.MAPS), solid, np.float32),
        "albedo": albedo[None].astype(np.float32),
        "camera": np.array([[0.3, np.log(2 * np.arctan(1 / FOCAL))]], np.float32),
    }


def disc(radius=RADIUS):
    u, v = window_axes(SIZE)
    return ((u**2 + v**2 < radius**2) * 255).astype(np.uint8)


def code_of(outputs, alpha):
    arrays, elevation, field_of_view = pebble.read_prediction(outputs, alpha)
    camera = pebble.fit_camera(arrays, 1 / np.tan(field_of_view / 2), elevation)
    photo = np.dstack([np.full((SIZE, SIZE, 3), 128, np.uint8), alpha])
    return Code(
        "pebble",
        pebble.SYSTEM.card.version,
        arrays,
        camera,
        Window(SIZE / 2, SIZE / 2, SIZE / 2, SIZE, SIZE),
        photo,
        {},
    )


@pytest.fixture(scope="module")
def ball():
    code = code_of(ball_outputs(), disc())
    return code, get_system("pebble").field(code, None)


def along_rays(code, window_points, steps=120):
    """Points on rays through the window, (steps, n, 3)."""
    distance = np.linalg.norm(code.camera.position)
    half = distance / code.camera.focal
    depths = distance + half * np.linspace(-pebble.DEPTH_RANGE, pebble.DEPTH_RANGE, steps)
    points = [code.camera.unproject(window_points, np.full(len(window_points), depth)) for depth in depths]
    return np.stack(points).astype(np.float32)


def silhouette(code, field, size, level=None):
    u, v = window_axes(size)
    points = along_rays(code, np.stack([u.ravel(), -v.ravel()], -1))
    values = field.values(points.reshape(-1, 3)).reshape(points.shape[:2])
    return (values > (field.iso_level if level is None else level)).any(0).reshape(size, size)


def test_a_ball_is_a_ball_in_the_object_frame(ball):
    code, field = ball
    directions = np.random.default_rng(0).normal(size=(2000, 3))
    directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)
    radius = RADIUS * np.linalg.norm(code.camera.position) / code.camera.focal
    assert 0.8 < radius < 0.96, "it fills the object frame; perspective makes its front bulge"
    # Perspective bends the ball a little, and where front meets back the edge is rounded.
    assert (field.values(directions * radius * 0.88) > field.iso_level).mean() > 0.99
    assert (field.values(directions * radius * 1.12) < field.iso_level).mean() > 0.99
    assert field.values(np.zeros((1, 3), np.float32))[0] > field.iso_level


def test_the_object_stays_inside_its_box_and_the_box_inside_the_cube(ball):
    _, field = ball
    assert (field.lower >= -1).all()
    assert (field.upper <= 1).all()
    points = np.random.default_rng(1).uniform(-1.2, 1.2, (50_000, 3)).astype(np.float32)
    outside = ((points < field.lower) | (points > field.upper)).any(1)
    assert (field.values(points[outside]) < field.iso_level).all()


def test_the_object_faces_the_front_and_stands_upright():
    """A plate that is nearer at its top leans towards -Y at its top when seen level."""
    outputs = ball_outputs()
    _, v = window_axes(pebble.MAPS)
    outputs["depths"] = np.stack([v * 0.5, v * 0.5 + 0.1])[None].astype(np.float32)
    outputs["camera"][0, 0] = 0.0
    code = code_of(outputs, disc())
    field = pebble.SYSTEM.field(code, None)
    points = np.random.default_rng(2).uniform(-1, 1, (100_000, 3)).astype(np.float32)
    inside = points[field.values(points) > field.iso_level]
    top, bottom = inside[inside[:, 2] > 0.3], inside[inside[:, 2] < -0.3]
    assert top[:, 1].mean() < -0.1 < 0.1 < bottom[:, 1].mean()


def test_values_are_continuous(ball):
    _, field = ball
    rng = np.random.default_rng(3)
    starts, ends = rng.uniform(-1, 1, (2, 40, 3))
    share = np.linspace(0, 1, 2001)[:, None, None]
    line = (starts + (ends - starts) * share).astype(np.float32)
    values = field.values(line.reshape(-1, 3)).reshape(len(share), -1)
    length = np.linalg.norm(ends - starts, axis=1) / 2000
    assert (np.abs(np.diff(values, axis=0)) / length).max() < 25


@pytest.mark.parametrize("solid", [4.0, -8.0], ids=["network says solid", "network says empty"])
def test_the_silhouette_is_the_cutouts_whatever_the_network_says(solid):
    """A ring with a spoke two pixels wide: neither the hole nor the spoke may be lost."""
    u, v = window_axes(SIZE)
    alpha = disc()
    alpha[np.hypot(u, v) < 0.5] = 0
    alpha[(np.abs(v) < 3 / SIZE) & (np.abs(u) < 0.6)] = 255
    code = code_of(ball_outputs(solid), alpha)
    found = silhouette(code, pebble.SYSTEM.field(code, None), SIZE // 2)
    expected = alpha[::2, ::2] > 127
    assert (found & expected).sum() / (found | expected).sum() > 0.96
    middle = found[SIZE // 4 - 2 : SIZE // 4 + 2, SIZE // 8 : -SIZE // 8]
    assert middle.any(0).mean() > 0.95, "the spoke is there"


@pytest.mark.parametrize("end", [0, 1])
def test_the_thinnest_shell_bears_both_ends_of_the_iso_levels_range(end):
    outputs = ball_outputs(solid=-8.0)
    outputs["depths"][:, 1] = outputs["depths"][:, 0]
    code = code_of(outputs, disc())
    field = pebble.SYSTEM.field(code, None)
    found = silhouette(code, field, SIZE // 4, field.iso_range[end])
    inside = disc(RADIUS - 0.1)[::4, ::4] > 127
    assert found[inside].mean() > 0.99
    assert found.mean() < 1.3 * (disc() > 127).mean()


def test_hollows_that_the_network_sees_are_hollow():
    outputs = ball_outputs()
    outputs["solid"][0, 24:40] = -6.0
    code = code_of(outputs, disc())
    field = pebble.SYSTEM.field(code, None)
    values = field.values(along_rays(code, np.zeros((1, 2)))[:, 0])
    crossings = np.flatnonzero(np.diff(values > field.iso_level))
    assert len(crossings) == 4, "in, out at the hollow, in again, out at the back"


def test_front_and_back_have_their_own_colours(ball):
    code, field = ball
    distance = np.linalg.norm(code.camera.position)
    half = distance / code.camera.focal * RADIUS
    points = code.camera.unproject(np.zeros((2, 2)), np.array([distance - half, distance + half])).astype(np.float32)
    found = field.appearance(points)
    np.testing.assert_allclose(found.base_color, [[0.5] * 3, [0.9, 0.1, 0.1]], atol=0.02)
    assert found.base_color.dtype == np.float32


def test_no_points_and_points_behind_the_camera(ball):
    code, field = ball
    assert field.values(np.zeros((0, 3), np.float32)).shape == (0,)
    assert field.appearance(np.zeros((0, 3), np.float32)).base_color.shape == (0, 3)
    behind = (code.camera.position * 1.5)[None].astype(np.float32)
    assert field.values(behind)[0] < field.iso_level


def test_a_hundred_thousand_values_are_quick(ball):
    _, field = ball
    points = np.random.default_rng(4).uniform(-1, 1, (100_000, 3)).astype(np.float32)
    times = []
    for _ in range(5):
        start = time.process_time()
        field.values(points)
        times.append(time.process_time() - start)
    assert min(times) < 0.2, "25 ms on an idle core; the surface needs some millions"


def test_an_empty_cutout_is_refused():
    with pytest.raises(CutoutError):
        pebble.read_prediction(ball_outputs(), np.zeros((SIZE, SIZE), np.uint8))


def test_a_code_of_another_version_is_refused(ball):
    code, _ = ball
    later = Code("pebble", "99", code.arrays, code.camera, code.window, code.photo, {})
    with pytest.raises(ModelError, match="99"):
        pebble.SYSTEM.field(later, None)


def test_a_stored_code_gives_the_same_field(ball):
    code, field = ball
    again = pebble.SYSTEM.field(Code.from_bytes(code.to_bytes()), None)
    points = np.random.default_rng(5).uniform(-1, 1, (1000, 3)).astype(np.float32)
    np.testing.assert_array_equal(again.values(points), field.values(points))


def test_squared_distance_is_exact_within_reach():
    target = np.random.default_rng(6).random((40, 40)) > 0.97
    rows, columns = np.nonzero(target)
    y, x = np.mgrid[:40, :40]
    exact = ((y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2).min(-1)
    np.testing.assert_array_equal(silhouette_map.squared_distance(target), np.minimum(exact, silhouette_map.REACH**2))


def test_extend_keeps_the_inside_and_continues_it():
    inside = np.zeros((pebble.MAPS, pebble.MAPS), bool)
    inside[30:60, 30:60] = True
    values = np.where(inside, np.linspace(0, 1, pebble.MAPS)[:, None], np.nan)
    found = pebble.extend(values.astype(np.float32), inside)
    np.testing.assert_array_equal(found[inside], values[inside].astype(np.float32))
    assert np.isfinite(found).all()
    assert found[10, 45] < 0.5 < found[85, 45]
    assert (found >= values[inside].min() - 1e-5).all()
    assert (found <= values[inside].max() + 1e-5).all()


def test_enlarging_keeps_a_ramp_and_invents_no_extremes():
    ramp = np.tile(np.linspace(0, 1, 32, dtype=np.float32), (32, 1))
    large = pebble.enlarge(ramp, 4)
    assert large.shape == (128, 128)
    expected = (((np.arange(128) + 0.5) / 4) - 0.5) / 31
    np.testing.assert_allclose(large[64, 12:-12], expected[12:-12], atol=1e-5)


def framed_ball():
    """A lit ball over grey, as the pipeline frames it."""
    size = pebble.PHOTO
    u, v = window_axes(size)
    mask = (np.hypot(u, v) < RADIUS).astype(np.float32)
    light = np.clip(0.3 + 0.6 * np.sqrt(np.maximum(1 - (u**2 + v**2) / RADIUS**2, 0)) - 0.2 * v, 0, 1)
    image = np.where(mask[..., None] > 0, light[..., None] * [1, 0.6, 0.4], pebble.GREY / 255).astype(np.float32)
    cutout = np.dstack([(image * 255).astype(np.uint8), (mask * 255).astype(np.uint8)])
    return FramedPhoto(image, mask, cutout, Window(96, 96, 96, size, size), None)


def test_the_bundled_network_makes_a_small_and_sound_code_of_a_ball():
    code = get_system("pebble").encode(framed_ball(), Runtime(RuntimeSettings(device="cpu")), Monitor())
    assert code.system == "pebble"
    assert {name: array.shape for name, array in code.arrays.items()} == {
        "depths": (2, 96, 96),
        "solid": (64, 96, 96),
        "albedo": (6, 96, 96),
        "silhouette": (384, 384),
    }
    assert {str(array.dtype) for array in code.arrays.values()} <= {"float16", "uint8"}
    assert len(code.to_bytes()) < 2_000_000
    field = pebble.SYSTEM.field(code, None)
    points = np.random.default_rng(7).uniform(-1, 1, (100_000, 3)).astype(np.float32)
    share = (field.values(points) > field.iso_level).mean()
    assert 0.15 < share < 0.75, "a ball fills about half of its cube"
    front = code.arrays["depths"][0].astype(float)
    assert front[48, 48] < front[48, 16] - 0.1, "its middle is nearer than its rim"
    expected = framed_ball().mask[::2, ::2] > 0.5
    found = silhouette(code, field, 96)
    assert (found & expected).sum() / (found | expected).sum() > 0.95


def test_the_same_photo_gives_the_same_code():
    runtime = Runtime(RuntimeSettings(device="cpu", threads=1))
    first, second = (get_system("pebble").encode(framed_ball(), runtime, Monitor()).to_bytes() for _ in range(2))
    assert first == second


def test_a_known_focal_length_is_used():
    framed = framed_ball()
    known = FramedPhoto(framed.image, framed.mask, framed.cutout, framed.window, 6.5)
    code = get_system("pebble").encode(known, Runtime(RuntimeSettings(device="cpu")), Monitor())
    assert code.camera.focal == pytest.approx(6.5)
    assert isinstance(code.camera, Camera)
