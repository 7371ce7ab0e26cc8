# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist can change about a surface: level, base, smoothness."""

import numpy as np
import pytest
from image_to_3d.inference.errors import SettingsError
from image_to_3d.inference.fields import Appearance
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.pipeline import Settings
from image_to_3d.inference.shaping import smooth
from image_to_3d.inference.surface import SurfaceSettings, extract_surface


class Ball:
    """A ball of radius 0.5 in a box that only just holds it; its levels may move it by 0.04."""

    iso_level, iso_range, detail = 2.0, (1.96, 2.04), 0.1
    lower, upper = np.full(3, -0.52, np.float32), np.full(3, 0.52, np.float32)

    def values(self, points):
        return (2.5 - np.linalg.norm(points, axis=1)).astype(np.float32)

    def appearance(self, points):
        return Appearance(np.abs(points))


def extract(**settings):
    return extract_surface(Ball(), SurfaceSettings(resolution=64, **settings), Monitor())


@pytest.mark.parametrize(("shift", "radius"), [(-1.0, 0.54), (-0.5, 0.52), (0.5, 0.48), (1.0, 0.46)])
def test_the_iso_level_swells_and_thins_the_surface(shift, radius):
    surface = extract(iso_shift=shift)
    assert np.linalg.norm(surface.vertices, axis=1) == pytest.approx(np.full(len(surface.vertices), radius), abs=2e-3)
    assert surface.report.watertight


def test_the_base_is_cut_off_flat_and_closed():
    surface = extract(base_cut=0.25)
    x, y, z = surface.vertices.T
    assert z.min() == pytest.approx(-0.25, abs=0.01)
    assert z.max() == pytest.approx(0.5, abs=2e-3)
    base = np.abs(z + 0.25) < 2e-3
    assert np.hypot(x, y)[base].min() < 0.05, "the cut is closed by a disc"
    assert np.hypot(x, y)[base].max() > 0.4
    assert surface.report.watertight


def test_level_and_base_together():
    surface = extract(iso_shift=-1.0, base_cut=0.5)
    assert surface.vertices[:, 2].min() == pytest.approx(0.0, abs=0.015)
    assert surface.vertices[:, 2].max() == pytest.approx(0.54, abs=2e-3)


def test_smoothing_takes_ripples_and_keeps_the_volume():
    plain = extract()
    rng = np.random.default_rng(3)
    rough = plain.vertices + rng.normal(0, 0.004, plain.vertices.shape).astype(np.float32)
    calm = smooth(rough, plain.faces, 10)
    spread = [np.linalg.norm(vertices, axis=1).std() for vertices in (rough, calm)]
    assert spread[1] < 0.5 * spread[0]
    assert np.linalg.norm(calm, axis=1).mean() == pytest.approx(0.5, abs=2e-3)


def test_smoothing_through_the_settings_moves_vertices_only():
    plain, calm = extract(), extract(smoothing=5)
    assert np.array_equal(plain.faces, calm.faces)
    assert 0 < np.abs(plain.vertices - calm.vertices).max() < 0.01


@pytest.mark.parametrize("wrong", [{"iso_shift": 1.5}, {"base_cut": 1.0}, {"smoothing": -1}])
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(SettingsError, match="Choose a value from"):
        Settings(surface=SurfaceSettings(**wrong))
