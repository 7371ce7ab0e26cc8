# SPDX-License-Identifier: GPL-3.0-or-later
"""Path-traced training photos: the object is where the masks have it, in the light that the other photos have."""

import sys
from dataclasses import replace

import bpy
import numpy as np
import pytest

from training.data import views
from training.data.assemblies import random_assembly
from training.data.meshes import Model, Part
from training.data.render import Camera, Look, Renderer
from training.data.tracing import PathTracer

SIZE = 96
LOOK = {
    "key_direction": (0.0, -0.6, 0.8),
    "key_color": (0.5, 0.5, 0.5),
    "fill_direction": (0.0, 0.0, 1.0),
    "fill_color": (0.0, 0.0, 0.0),
    "sky": (0.4, 0.4, 0.4),
    "ground": (0.2, 0.2, 0.2),
    "gloss": 0.0,
    "shininess": 20.0,
}


@pytest.fixture
def tracer():
    return PathTracer(samples=8)


def camera(azimuth, elevation, distance=5.0, half_tangent=0.3):
    """Looks at the origin."""
    level = np.array([np.sin(azimuth), -np.cos(azimuth), 0.0])
    backwards = np.cos(elevation) * level + [0.0, 0.0, np.sin(elevation)]
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    basis = np.stack([right, np.cross(backwards, right), backwards])
    return Camera(distance * backwards, basis, half_tangent)


def box(size=(2.0, 1.0, 1.2), texture=None):
    """A white box round the origin; the texture lies over the side towards -Y as one sees it."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * np.array(size) / 2
    quads = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    triangles = corners[np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])].astype(np.float32)
    face = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals = np.repeat((face / np.linalg.norm(face, axis=1, keepdims=True))[:, None], 3, 1)
    uv = (triangles[..., [0, 2]] / np.array(size)[[0, 2]] + 0.5).astype(np.float32)
    return Model("box", "test", "box", [Part(triangles, normals, np.ones_like(triangles), uv, texture)])


def pixels(points, view):
    """Where points (..., 3) appear: column and row (..., 2), whole numbers at the pixels' corners."""
    local = (points - view.eye) @ view.basis.T
    return (local[..., :2] / -local[..., 2:] / view.half_tangent * [1, -1] + 1) / 2 * SIZE


def projected_mask(model, view, finer=4):
    """Coverage of the model's triangles, (SIZE, SIZE) in 0..1, from the camera's definition alone."""
    rows, columns = (np.mgrid[: SIZE * finer, : SIZE * finer] + 0.5) / finer
    covered = np.zeros(rows.shape, bool)
    for corners in pixels(model.parts[0].corners, view):
        sides = []
        for (x, y), (next_x, next_y) in zip(corners, np.roll(corners, -1, 0), strict=True):
            sides.append((next_x - x) * (rows - y) - (next_y - y) * (columns - x) > 0)
        covered |= np.all(sides, 0) | ~np.any(sides, 0)
    return covered.reshape(SIZE, finer, SIZE, finer).mean((1, 3))


def drawn(tracer, view, floor=None, **look):
    return tracer.draw_photo(view, Look(LOOK | look), SIZE, floor, seed=1)


def linear(picture):
    return np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)


def overlap(first, second):
    return (first & second).sum() / (first | second).sum()


@pytest.mark.parametrize(("azimuth", "elevation"), [(0.5, 0.4), (3.6, 1.1), (-1.2, -0.3)])
def test_it_covers_the_pixels_that_the_camera_projects_it_to(tracer, azimuth, elevation):
    model, view = box(), camera(azimuth, elevation)
    tracer.load(model)
    alpha, expected = drawn(tracer, view)[..., 3], projected_mask(model, view)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for axis in (rows, columns):
        assert (alpha * axis).sum() / alpha.sum() == pytest.approx((expected * axis).sum() / expected.sum(), abs=0.1)
    assert overlap(alpha > 0.5, expected > 0.5) > 0.985


@pytest.mark.parametrize("sides", [1, 2])
def test_lights_are_as_bright_as_the_drawn_ones(tracer, sides):
    model = box()
    if sides == 2:  # some libraries have each face twice, seen from either side
        part = model.parts[0]
        backs = {name: getattr(part, name)[:, ::-1] for name in ("corners", "normals", "colors", "uv")}
        model.parts.append(replace(part, **backs))
    tracer.load(model)
    middle = (slice(40, 56), slice(40, 56))
    front, top = drawn(tracer, camera(0.0, 0.0))[middle], drawn(tracer, camera(0.0, np.pi / 2))[middle]
    below = drawn(tracer, camera(0.0, -np.pi / 2))[middle]
    assert linear(front[..., :3]).mean() == pytest.approx(0.5 * 0.6 + 0.3, rel=0.08)
    assert linear(top[..., :3]).mean() == pytest.approx(0.5 * 0.8 + 0.4, rel=0.08)
    assert linear(below[..., :3]).mean() == pytest.approx(0.2, rel=0.08)


def test_a_texture_stands_upright(tracer):
    texture = np.zeros((8, 8, 3), np.uint8)
    texture[:4, :4], texture[4:, 4:] = (255, 0, 0), (0, 255, 0)
    tracer.load(box(texture=texture))
    picture = drawn(tracer, camera(0.0, 0.0))
    assert picture[38, 30, 0] > 0.4 > picture[38, 30, 1] + 0.3
    assert picture[57, 65, 1] > 0.4 > picture[57, 65, 0] + 0.3


def test_the_floor_lies_under_the_object_and_takes_its_shadow(tracer):
    tracer.load(box())
    floor = (np.full((16, 16, 3), 200, np.uint8), 2.0)
    view = camera(0.0, 0.5)
    picture = drawn(tracer, view, floor, key_direction=(0.8, 0.0, 0.6), sky=(0.1,) * 3)
    assert picture[80:, :, 3].min() > 0.99
    places = pixels(np.array([[1.25, 0.0, -0.6], [-1.25, 0.0, -0.6]]), view).astype(int)
    lit, shadowed = (picture[row, column, :3].mean() for column, row in places)
    assert shadowed < 0.7 * lit


def test_nothing_of_former_objects_stays(tracer):
    def counts():
        return [len(kind) for kind in (bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.images)]

    texture = np.full((8, 8, 3), 100, np.uint8)
    tracer.load(box(texture=texture))
    drawn(tracer, camera(0.5, 0.4))
    before = counts()
    for _ in range(2):
        tracer.load(box(texture=texture))
        drawn(tracer, camera(0.5, 0.4), (texture, 1.0))
    assert counts() == before


@pytest.fixture
def both(tracer):
    """The renderer that draws and the one that traces, with the same object loaded, and the object."""
    if sys.platform != "linux":
        pytest.skip("the drawn pictures are made with EGL")
    model, renderer = random_assembly(3), Renderer()
    renderer.load(model)
    tracer.load(model)
    return renderer, tracer, model


def test_it_covers_the_pixels_of_the_drawn_mask(both):
    renderer, tracer, model = both
    rng = np.random.default_rng(3)
    view, look = views.sample_camera(model.corners.reshape(-1, 3), rng)[0], views.sample_look(rng, {"pattern": 0.0})
    masks = [renderer.draw_photo(view, look, SIZE), tracer.draw_photo(view, look, SIZE, None, seed=1)]
    assert overlap(*(picture[..., 3] > 0.5 for picture in masks)) > 0.985


def test_nothing_but_the_photo_of_a_view_changes(both):
    renderer, tracer, model = both
    points, generators = model.corners.reshape(-1, 3), [np.random.default_rng(3) for _ in range(2)]
    plain, traced = (
        views.make_view(renderer, points, {"pattern": 0.0}, generator, tracer=each)
        for generator, each in zip(generators, (None, tracer), strict=True)
    )
    changed = [name for name, array in vars(plain).items() if array.tobytes() != getattr(traced, name).tobytes()]
    assert changed == ["photo"]
    assert generators[0].random() == generators[1].random()
