# SPDX-License-Identifier: GPL-3.0-or-later
"""Rasterising: every point inside, none outside, none twice along a shared edge."""

import numpy as np
from image_to_3d.inference.raster import gradients, rasterize, scan


def covered(corners):
    """All (triangle, x, y)."""
    parts = [np.stack([part.triangle, part.x, part.y], axis=1) for part in rasterize(corners)]
    return {tuple(row) for row in np.concatenate(parts).tolist()}


def test_a_point_is_covered_if_it_lies_inside():
    corners = np.random.default_rng(3).uniform(-5, 30, (200, 3, 2))
    y, x = np.mgrid[-6:32, -6:32]
    expected = set()
    for index, (a, b, c) in enumerate(corners):
        sides = np.stack([(q[0] - p[0]) * (y - p[1]) - (q[1] - p[1]) * (x - p[0]) for p, q in ((a, b), (b, c), (c, a))])
        inside = (sides > 0).all(axis=0) | (sides < 0).all(axis=0)
        expected |= {(index, int(i), int(j)) for i, j in zip(x[inside], y[inside], strict=True)}
    assert covered(corners) == expected


def test_triangles_that_share_edges_cover_each_point_once():
    """A net of triangles over a square, its corners on grid points, on half points and anywhere."""
    random = np.random.default_rng(5)
    for shake in (0.0, 0.5, 1.7):
        net = np.stack(np.meshgrid(np.arange(0.0, 31.0, 5.0), np.arange(0.0, 31.0, 5.0), indexing="ij"), axis=-1)
        inner = random.uniform(-1, 1, (5, 5, 2)) * shake
        net[1:-1, 1:-1] += np.round(inner * 2) / 2 if shake == 0.5 else inner
        a, b, c, d = net[:-1, :-1], net[1:, :-1], net[1:, 1:], net[:-1, 1:]
        corners = np.concatenate([np.stack([a, b, c], axis=2), np.stack([a, c, d], axis=2)]).reshape(-1, 3, 2)
        corners[::3] = corners[::3, ::-1]
        points = [(x, y) for _, x, y in covered(corners)]
        assert len(points) == len(set(points)) == 30 * 30
        assert set(points) == {(x, y) for x in range(30) for y in range(30)}


def test_large_and_thin_triangles_and_those_without_area():
    corners = np.array(
        [
            [[-0.5, -0.5], [3999.5, -0.5], [-0.5, 3999.5]],
            [[10.0, 0.2], [10.0, 99.7], [10.001, 50.0]],
            [[5.0, 5.0], [9.0, 9.0], [7.0, 7.0]],
            [[3.0, 3.0], [3.0, 3.0], [3.0, 3.0]],
        ]
    )
    counts = np.zeros(4, int)
    for part in rasterize(corners):
        np.add.at(counts, part.triangle, 1)
    assert abs(counts[0] - 8_000_000) < 4000
    assert counts[1:].tolist() == [99, 0, 0]
    assert sum(len(part.x) for part in rasterize(np.zeros((0, 3, 2)))) == 0


def test_attributes_are_linear():
    corners = np.random.default_rng(1).uniform(0, 200, (50, 3, 2))
    attributes = np.stack([2 * corners[..., 0] - corners[..., 1], np.full(corners.shape[:2], 7.0)], axis=-1)
    fragments = scan(corners, slice(0, 50))
    first, second = gradients(corners, attributes).at(fragments)
    np.testing.assert_allclose(first, 2 * fragments.x - fragments.y, atol=0.01)
    np.testing.assert_allclose(second, 7.0, atol=1e-5)
