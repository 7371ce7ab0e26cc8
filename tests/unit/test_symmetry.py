# SPDX-License-Identifier: GPL-3.0-or-later
"""Folding a field at a plane, on shapes that are known: what is kept appears on both sides, and the halves match."""

import dataclasses
import math

import numpy as np
import pytest
from image_to_3d.inference.errors import SettingsError, SurfaceError
from image_to_3d.inference.fields import Appearance
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.surface import SurfaceSettings, extract_surface
from image_to_3d.inference.symmetry import MirroredField, MirrorPlane

openvdb = pytest.importorskip("openvdb", reason="Blender's OpenVDB module is not installed")

BUMP = np.array([0.4, -0.3, 0.1], np.float32)
ANGLES = (0.0, 27.0, 90.0, 200.0)


def plane_at(degrees, offset=0.03):
    return MirrorPlane((math.cos(math.radians(degrees)), math.sin(math.radians(degrees))), offset)


class BumpyBall:
    """A ball with a bump towards ``BUMP``; red where x is above 0, and darker with height."""

    iso_level, iso_range, detail = 0.0, (-0.1, 0.1), 0.1
    lower, upper = np.full(3, -1, np.float32), np.full(3, 1, np.float32)

    def values(self, points):
        ball = 0.5 - np.linalg.norm(points, axis=1)
        bump = 0.15 - np.linalg.norm(points - BUMP, axis=1)
        return np.maximum(ball, bump).astype(np.float32)

    def appearance(self, points):
        return Appearance(
            np.stack([points[:, 0] > 0, 0 * points[:, 1], 0.5 + 0.4 * points[:, 2]], 1).astype(np.float32)
        )


def extract(plane, field=None, **settings):
    settings = SurfaceSettings(**{"resolution": 64, **settings})
    return extract_surface(field or BumpyBall(), settings, Monitor(), plane)


def unpaired(vertices, plane):
    """How far the farthest vertex's mirror image is from a vertex."""
    mirrored = plane.mirrored(vertices.astype(np.float64))
    squares = (vertices.astype(np.float64) ** 2).sum(axis=1)
    nearest = squares[None] - 2 * mirrored @ vertices.T + (mirrored**2).sum(axis=1)[:, None]
    return math.sqrt(max(nearest.min(axis=1).max(), 0.0))


@pytest.mark.parametrize("degrees", ANGLES)
def test_folding_keeps_one_side_and_mirrors_it(degrees):
    plane = plane_at(degrees)
    points = np.random.default_rng(0).uniform(-1, 1, (200, 3)).astype(np.float32)
    folded = plane.folded(points)
    assert (plane.distances(folded) >= -1e-6).all()
    kept = plane.distances(points) >= 0
    assert kept.any()
    assert not kept.all()
    assert np.array_equal(folded[kept], points[kept])
    assert plane.folded(plane.mirrored(points)) == pytest.approx(folded, abs=1e-6)
    assert plane.mirrored(plane.mirrored(points)) == pytest.approx(points, abs=1e-6)
    assert plane.turned_over().distances(points) == pytest.approx(-plane.distances(points), abs=1e-6)


@pytest.mark.parametrize("degrees", ANGLES)
@pytest.mark.parametrize(
    "settings", [{}, {"smoothing": 5}, {"base_cut": 0.3, "iso_shift": -0.3}, {"target_faces": 800}]
)
def test_the_halves_of_the_surface_are_mirror_images(degrees, settings):
    plane = plane_at(degrees)
    surface = extract(plane, **settings)
    assert surface.report.watertight
    assert surface.report.non_manifold_edges == 0
    assert surface.report.components == 1
    assert unpaired(surface.vertices, plane) < 1e-3 * surface.report.spacing
    distances = plane.distances(surface.vertices)
    seam = np.abs(distances) < 1e-5
    assert seam.sum() > 8, "an edge loop lies in the plane"
    crossing = (distances[surface.faces] > 1e-5).any(axis=1) & (distances[surface.faces] < -1e-5).any(axis=1)
    assert not crossing.any()


@pytest.mark.parametrize("degrees", ANGLES)
def test_a_bump_of_the_kept_side_appears_on_both_and_one_of_the_other_side_on_none(degrees):
    plane = plane_at(degrees, 0.0)
    if plane.distances(BUMP[None])[0] < 0:
        plane = plane.turned_over()
    both, none = extract(plane), extract(plane.turned_over())
    bulging = both.vertices[np.linalg.norm(both.vertices, axis=1) > 0.53]
    sides = plane.distances(bulging) > 0
    assert sides.sum() == (~sides).sum() > 20
    assert np.linalg.norm(none.vertices, axis=1).max() < 0.53
    levels = np.abs(BumpyBall().values(plane.folded(both.vertices))) / both.report.spacing
    assert np.quantile(levels, 0.98) < 0.005
    assert levels.max() < 0.1, "in the crease round the bump"


def test_cells_are_as_large_as_without_a_plane_whatever_its_direction():
    plain = extract(None)
    for degrees in ANGLES:
        assert extract(plane_at(degrees)).report.spacing == pytest.approx(plain.report.spacing)


def test_a_plate_in_the_plane_that_is_as_thick_as_the_detail_is_found_and_closed():
    class Plate(BumpyBall):
        def values(self, points):
            u = points[:, 0] * np.float32(math.cos(0.6)) + points[:, 1] * np.float32(math.sin(0.6))
            v = points[:, 1] * np.float32(math.cos(0.6)) - points[:, 0] * np.float32(math.sin(0.6))
            sides = [0.05 - np.abs(u - 0.1), 0.4 - np.abs(v), 0.4 - np.abs(points[:, 2])]
            return np.minimum.reduce(sides).astype(np.float32)

    plane = plane_at(math.degrees(0.6), 0.1)
    surface = extract(plane, Plate(), resolution=128)
    assert surface.report.watertight
    sizes = np.ptp(surface.vertices @ plane.axes.T, axis=0)
    assert sizes == pytest.approx([0.1, 0.8, 0.8], abs=surface.report.spacing)


def test_the_mirrored_field_answers_alike_on_both_sides():
    plane = plane_at(27.0)
    field = MirroredField(BumpyBall(), plane)
    points = np.random.default_rng(1).uniform(-1, 1, (500, 3)).astype(np.float32)
    mirrored = plane.mirrored(points)
    assert field.values(points) == pytest.approx(field.values(mirrored), abs=1e-6)
    colors = field.appearance(points).base_color, field.appearance(mirrored).base_color
    assert colors[0] == pytest.approx(colors[1], abs=1e-6)
    assert (field.lower <= -1).all()
    assert (field.upper >= 1).all()


def test_a_plane_beside_the_object_is_refused():
    with pytest.raises(SettingsError, match="beside the object"):
        extract(MirrorPlane((1.0, 0.0), 1.5))
    with pytest.raises(SurfaceError):
        extract(MirrorPlane((1.0, 0.0), 0.8))


def test_a_damaged_plane_is_refused():
    for wrong in ({"normal": (1.0, 1.0)}, {"normal": (math.nan, 0.0)}, {"offset": math.inf}):
        with pytest.raises(SettingsError, match="damaged"):
            dataclasses.replace(plane_at(0.0), **wrong)
