# SPDX-License-Identifier: GPL-3.0-or-later
"""Unwrapping: few islands that do not overlap, kept apart, of one scale, filling the texture."""

import sys
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.errors import Cancelled
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.raster import rasterize
from image_to_3d.inference.unwrap import GAP, unwrap

sys.path.insert(0, str(Path(__file__).parent))

from meshes import bumpy_ball, triangulated, voxel_surface


def box(centre, half_sides):
    return lambda points: (np.abs(points - np.asarray(centre)) <= np.asarray(half_sides)).all(axis=1)


def union(*shapes):
    return lambda points: np.logical_or.reduce([shape(points) for shape in shapes])


def chair():
    legs = [box((x, y, -0.4), (0.06, 0.06, 0.5)) for x in (-0.5, 0.5) for y in (-0.5, 0.5)]
    return voxel_surface(union(box((0, 0, 0), (0.6, 0.6, 0.08)), box((0, 0.5, 0.5), (0.6, 0.08, 0.5)), *legs), 64)


def winding_ramp():
    """Two turns of a spiral ramp: its upper side, seen from above, lies over itself."""

    def inside(points):
        x, y, z = points.T
        turn = (np.arctan2(y, x) / (2 * np.pi)) % 1.0
        near = [np.abs(z - (0.7 * (turn + lap) - 0.8)) < 0.07 for lap in (0, 1)]
        return (np.hypot(x, y) < 0.9) & (np.hypot(x, y) > 0.35) & np.logical_or(*near)

    return voxel_surface(inside, 64)


def cup():
    def inside(points):
        radius, height = np.hypot(points[:, 0], points[:, 1]), points[:, 2]
        return (radius < 0.7) & (np.abs(height) < 0.7) & ~((radius < 0.6) & (height > -0.6))

    return voxel_surface(inside, 64)


SHAPES = {"ball": lambda: bumpy_ball(40), "chair": chair, "ramp": winding_ramp, "cup": cup}


@pytest.fixture(scope="module", params=SHAPES)
def unwrapped(request):
    vertices, faces = SHAPES[request.param]()
    return vertices, faces, unwrap(vertices, faces, Monitor())


def islands(faces, uvs):
    """(m,) the island of each face: faces that share an edge in space and in UV space."""
    corner_ids = np.unique(
        np.concatenate([faces.reshape(-1, 1), np.round(uvs.reshape(-1, 2) * 1e5).astype(np.int64)], axis=1),
        axis=0,
        return_inverse=True,
    )[1].reshape(faces.shape)
    labels = np.arange(corner_ids.max() + 1)
    while True:
        lowest = labels[corner_ids].min(axis=1)
        smaller = labels.copy()
        np.minimum.at(smaller, corner_ids.ravel(), np.repeat(lowest, faces.shape[1]))
        smaller = smaller[smaller]
        if (smaller == labels).all():
            return np.unique(labels[corner_ids[:, 0]], return_inverse=True)[1].reshape(-1)
        labels = smaller


def painted(faces, uvs, values, size):
    """How often each texel is covered (s, s), and the value of the last face on it."""
    _, corners = triangulated(faces, uvs)
    count, picture = np.zeros((size, size), int), np.full((size, size), -1)
    for fragments in rasterize(corners * size - 0.5):
        np.add.at(count, (fragments.y, fragments.x), 1)
        picture[fragments.y, fragments.x] = values[fragments.triangle % len(faces)]
    return count, picture


def areas(corners):
    across = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    if corners.shape[2] == 2:
        return 0.5 * (across[0][:, 0] * across[1][:, 1] - across[0][:, 1] * across[1][:, 0])
    return 0.5 * np.linalg.norm(np.cross(*across), axis=1)


def test_all_lies_in_the_square(unwrapped):
    _, faces, uvs = unwrapped
    assert uvs.shape == (*faces.shape, 2)
    assert uvs.dtype == np.float32
    assert uvs.min() >= 0.0
    assert uvs.max() <= 1.0


def test_islands_are_few_and_fill_the_texture(unwrapped):
    _, faces, uvs = unwrapped
    count, _ = painted(faces, uvs, np.zeros(len(faces), int), 512)
    assert islands(faces, uvs).max() < 60
    assert (count > 0).mean() > 0.5


def test_nothing_overlaps(unwrapped):
    _, faces, uvs = unwrapped
    count, _ = painted(faces, uvs, np.zeros(len(faces), int), 1024)
    assert (count > 1).sum() < 0.004 * (count > 0).sum()


def test_islands_are_not_mirrored(unwrapped):
    _, _, uvs = unwrapped
    signed = areas(uvs.astype(np.float64))
    assert -signed[signed < 0].sum() < 0.004 * np.abs(signed).sum()


def test_islands_keep_their_distance(unwrapped):
    _, faces, uvs = unwrapped
    size = 1024
    _, picture = painted(faces, uvs, islands(faces, uvs), size)
    apart = int(0.9 * GAP * size)
    for axis in (0, 1):
        for distance in range(1, apart):
            a, b = (np.take(picture, part, axis) for part in (range(distance, size), range(size - distance)))
            # One island's bays may be narrower, and a few texels of an island may be its own border's far side.
            assert ((a != b) & (a >= 0) & (b >= 0)).sum() == 0


def test_all_islands_have_one_scale(unwrapped):
    vertices, faces, uvs = unwrapped
    label = islands(faces, uvs)
    in_space = np.bincount(label, areas(vertices[faces].astype(np.float64)))
    in_texture = np.bincount(label, np.abs(areas(uvs.astype(np.float64))))
    density = in_texture / in_space * in_space.sum() / in_texture.sum()
    assert density.min() > 0.9
    assert density.max() < 1.1


def test_a_face_is_not_squeezed(unwrapped):
    vertices, faces, uvs = unwrapped
    density = np.abs(areas(uvs.astype(np.float64))) / areas(vertices[faces].astype(np.float64))
    assert np.quantile(density / np.median(density), 0.02) > 0.2


def test_bumps_do_not_make_islands():
    smooth, rough = bumpy_ball(40, bumps=0.0), bumpy_ball(40, bumps=0.06)
    counts = [islands(faces, unwrap(vertices, faces, Monitor())).max() for vertices, faces in (smooth, rough)]
    assert counts[1] <= counts[0] + 2


def test_the_same_surface_gives_the_same_uvs():
    vertices, faces = chair()
    first, second = (unwrap(vertices, faces, Monitor()) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_triangles_and_single_faces():
    triangle = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    uvs = unwrap(triangle, np.array([[0, 1, 2]], np.int32), Monitor())
    a, b = uvs[0, 1] - uvs[0, 0], uvs[0, 2] - uvs[0, 0]
    assert uvs.shape == (1, 3, 2)
    assert a @ b == pytest.approx(0.0, abs=1e-4)
    assert np.linalg.norm(a) == pytest.approx(np.linalg.norm(b), rel=1e-3)
    assert np.linalg.norm(a) > 0.5


def test_faces_without_area_and_edges_of_four_faces():
    """Two cubes that share an edge, and a face that is a line."""
    vertices, faces = voxel_surface(union(box((-0.5, -0.5, 0), (0.5,) * 3), box((0.5, 0.5, 0), (0.5,) * 3)), 8)
    faces = np.concatenate([faces, faces[:1, [0, 0, 1, 1]]])
    uvs = unwrap(vertices, faces, Monitor())
    assert np.isfinite(uvs).all()
    count, _ = painted(faces, uvs, np.zeros(len(faces), int), 256)
    assert count.max() == 1


def test_it_can_be_cancelled():
    class Impatient(Monitor):
        def is_cancelled(self):
            return True

    vertices, faces = bumpy_ball(10)
    with pytest.raises(Cancelled):
        unwrap(vertices, faces, Impatient())
