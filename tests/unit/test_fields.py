# SPDX-License-Identifier: GPL-3.0-or-later
import numpy as np
import pytest
from image_to_3d.inference.fields import VoxelField, gradient, sample_grid

RNG = np.random.default_rng(5)
SHAPE = (9, 7, 8)
GRID = RNG.random(SHAPE, np.float32)
SAMPLES = np.argwhere(np.ones(SHAPE)).astype(np.float32)


def inner_points(count):
    return RNG.uniform(2, 4, (count, 3)).astype(np.float32)


def test_linear_sampling_passes_through_the_samples_and_halves_between_them():
    assert np.array_equal(sample_grid(GRID, SAMPLES, 1), GRID.ravel())
    between = sample_grid(GRID, np.array([[2.5, 3, 4]], np.float32), 1)
    assert between == pytest.approx((GRID[2, 3, 4] + GRID[3, 3, 4]) / 2, abs=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_ramp_is_reproduced_exactly(order):
    x, y, z = np.indices(SHAPE)
    ramp = (2 * x - y + 0.5 * z + 3).astype(np.float32)
    points = inner_points(200)
    assert sample_grid(ramp, points, order) == pytest.approx(points @ [2, -1, 0.5] + 3, abs=1e-5)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_no_value_leaves_the_range_of_the_grid_even_outside_it(order):
    points = RNG.uniform(-4, 14, (5000, 3)).astype(np.float32)
    values = sample_grid(GRID, points, order)
    assert values.min() >= GRID.min() - 1e-6
    assert values.max() <= GRID.max() + 1e-6
    assert sample_grid(GRID, np.array([[-9, -9, -9]], np.float32), 1) == GRID[0, 0, 0]


def largest_slope_jump(order):
    """Largest change of the slope along x over a thousandth of a sample, on a line through many cells."""
    x = np.arange(1, 7, 1e-3)
    line = np.stack([x, np.full_like(x, 2.3), np.full_like(x, 4.6)], axis=1).astype(np.float32)
    slope = np.diff(sample_grid(GRID * 8, line, order).astype(np.float64)) / 1e-3
    return np.abs(slope[20:] - slope[:-20]).max()


def test_splines_of_order_two_and_three_have_no_creases():
    assert largest_slope_jump(2) < 0.1 * largest_slope_jump(1)
    assert largest_slope_jump(3) < 0.1 * largest_slope_jump(1)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_channels_are_sampled_like_single_grids_also_over_several_chunks(order):
    points = RNG.uniform(0, 8, (40000, 3)).astype(np.float32)
    channels = np.stack([GRID, 1 - GRID], axis=-1)
    sampled = sample_grid(channels, points, order)
    assert sampled.shape == (40000, 2)
    assert sampled[:, 0] == pytest.approx(sample_grid(GRID, points, order), abs=1e-6)
    assert sampled.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_no_points_give_no_values():
    assert sample_grid(GRID, np.empty((0, 3), np.float32), 2).shape == (0,)


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="order is 4"):
        sample_grid(GRID, SAMPLES, 4)


def full_voxels():
    """A field that is inside everywhere up to the faces of its grid."""
    colors = np.zeros((*SHAPE, 3), np.float32) + np.array([0.2, 0.4, 0.6], np.float32)
    return VoxelField(GRID + 1, colors, np.array([-0.5, -0.4, -0.3]), 0.1, iso_level=0.9)


def test_a_voxel_field_is_empty_outside_its_box_and_continuous_up_to_there():
    field = full_voxels()
    directions = RNG.normal(size=(500, 3)).astype(np.float32)
    centre = (field.lower + field.upper) / 2
    far = centre + directions / np.linalg.norm(directions, axis=1, keepdims=True) * 1.2
    assert (field.values(far) < field.iso_level).all()
    on_the_box = np.array([[field.lower[0] - 1e-4, centre[1], centre[2]]], np.float32)
    assert field.values(on_the_box)[0] < field.iso_level < field.values(centre[None])[0]
    line = np.linspace(field.lower - 0.05, field.upper + 0.05, 4000).astype(np.float32)
    assert np.abs(np.diff(field.values(line))).max() < 0.05


def test_a_voxel_field_knows_its_colours():
    colors = full_voxels().appearance(inner_points(5) * 0.1 - 0.3).base_color
    assert colors == pytest.approx(np.tile([0.2, 0.4, 0.6], (5, 1)), abs=1e-6)


def test_gradient_of_a_ramp():
    x, y, z = np.indices(SHAPE)
    field = VoxelField((2 * x - y + 3 * z) * 0.1, np.zeros((*SHAPE, 3)), np.zeros(3), 0.1, iso_level=1.0)
    slopes = gradient(field, inner_points(20) * 0.1, 0.01)
    assert slopes == pytest.approx(np.tile([2, -1, 3], (20, 1)), abs=1e-3)
