# SPDX-License-Identifier: GPL-3.0-or-later
"""Extraction on fields whose surfaces are known, and against evaluating every sample of the grid."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from image_to_3d.inference.errors import Cancelled, ModelError, SurfaceError
from image_to_3d.inference.fields import Appearance
from image_to_3d.inference.lattice import STEPS, Sampler, VoxelGrid, sample
from image_to_3d.inference.monitor import Monitor, Stage
from image_to_3d.inference.surface import SurfaceSettings, _mesh, _newton_step, extract_densely, extract_surface

openvdb = pytest.importorskip("openvdb", reason="Blender's OpenVDB module is not installed")


class AnalyticField:
    """Inside where ``distance(points)`` is negative."""

    def __init__(self, distance, detail=0.1, half_size=1.0, iso_level=0.0):
        self.distance = distance
        self.detail = detail
        self.iso_level = iso_level
        self.iso_range = (iso_level - 0.1, iso_level + 0.1)
        self.upper = np.broadcast_to(np.float32(half_size), 3)
        self.lower = -self.upper
        self.calls = 0

    def values(self, points):
        assert points.dtype == np.float32
        self.calls += 1
        return (self.iso_level - self.distance(points)).astype(np.float32)

    def appearance(self, points):
        return Appearance(np.ones_like(points))


def ball(centre, radius):
    return lambda points: np.linalg.norm(points - np.asarray(centre, np.float32), axis=1) - np.float32(radius)


def rod(centre, radius, half_length):
    """Along Z."""

    def distance(points):
        x, y, z = (points - np.asarray(centre, np.float32)).T
        return np.maximum(np.hypot(x, y) - radius, np.abs(z) - half_length)

    return distance


def plate(centre, half_sides):
    return lambda points: (np.abs(points - np.asarray(centre, np.float32)) - np.asarray(half_sides)).max(axis=1)


def ring(height, major, minor):
    return lambda points: np.hypot(np.hypot(points[:, 0], points[:, 1]) - major, points[:, 2] - height) - minor


def union(*distances):
    return lambda points: np.min([distance(points) for distance in distances], axis=0)


def hollow(outer, inner):
    return lambda points: np.maximum(outer(points), -inner(points))


THIN_PARTS = {
    "body": ball((-0.2, 0.0, 0.1), 0.45),
    "ring": ring(-0.3, 0.8, 0.025),
    "rod": rod((0.55, 0.3, 0.0), 0.02, 0.9),
    "plate": plate((0.9, 0.0, 0.0), (0.02, 0.3, 0.5)),
    "small ball": ball((0.5, -0.7, -0.7), 0.04),
}


def thin_field():
    return AnalyticField(union(*THIN_PARTS.values()), detail=0.04)


def extract(field, resolution=64, monitor=None, **settings):
    return extract_surface(field, SurfaceSettings(resolution, **settings), monitor or Monitor())


def dense_levels(field, grid):
    """Levels at every sample; on the box's faces closed as ``Sampler.closed_levels`` promises."""
    voxels = np.stack(np.indices(grid.shape), axis=-1).reshape(-1, 3).astype(np.int32)
    return Sampler(field, grid, Monitor()).closed_levels(voxels, (0, 1)).reshape(grid.shape)


def mesh_dense(levels):
    """OpenVDB's vertices (voxel coordinates) and quads with every sample given."""
    grid = openvdb.FloatGrid(1.0)
    grid.copyFromArray(-levels)
    return grid.convertToQuads(0.0)


def mesh_sampled(field, grid):
    """The same from coarse-to-fine sampling, before the Newton step and cleaning."""
    return _mesh(sample(field, grid, Sampler(field, grid, Monitor())).lattice)


def parts_of(vertex_count, faces):
    """Number of each vertex's connected part, the plain way."""
    labels = np.arange(vertex_count)
    while True:
        lowest = labels[faces].min(axis=1)
        spread = labels.copy()
        np.minimum.at(spread, faces, lowest[:, None])
        if (spread == labels).all():
            return labels
        labels = spread


def edge_directions(faces):
    """Each undirected edge with the sum and count of the directions it is run along."""
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    edges, number = np.unique(np.sort(np.stack([start, end]), axis=0), axis=1, return_inverse=True)
    number = number.ravel()
    return edges, np.bincount(number), np.bincount(number, np.where(start < end, 1, -1))


def volume(vertices, faces):
    corners = vertices[faces].astype(np.float64)
    halves = [corners[:, [0, 1, 2]], corners[:, [0, 2, 3]]]
    return sum(np.linalg.det(half).sum() for half in halves) / 6


def test_a_ball_comes_out_round_closed_and_facing_outward():
    surface = extract(AnalyticField(ball((0.1, -0.2, 0.05), 0.6), iso_level=3.0), resolution=96)
    distance = ball((0.1, -0.2, 0.05), 0.6)(surface.vertices)
    assert np.abs(distance).max() < 0.01 * surface.report.spacing
    _, counts, directions = edge_directions(surface.faces)
    assert (counts == 2).all()
    assert (directions == 0).all()
    assert surface.report.watertight
    assert surface.report.non_manifold_edges == 0
    assert volume(surface.vertices, surface.faces) == pytest.approx(4 / 3 * np.pi * 0.6**3, rel=2e-3)
    assert surface.vertices.dtype == np.float32
    assert surface.faces.dtype == np.int32


def test_thin_parts_are_kept_with_a_tenth_of_the_evaluations():
    field = thin_field()
    surface = extract(field, resolution=256, floater_share=0.0)
    report = surface.report
    assert report.dense_evaluations == 256**3
    assert report.evaluations < report.dense_evaluations / 10
    assert report.components == len(THIN_PARTS)
    assert report.found_diameter <= field.detail
    for name, distance in THIN_PARTS.items():
        own = surface.vertices[np.abs(distance(surface.vertices)) < 0.3 * report.spacing]
        assert len(own) > 300, name
    assert len(np.unique(surface.vertices, axis=0)) == len(surface.vertices)
    tips = surface.vertices[np.hypot(*(surface.vertices[:, :2] - [0.55, 0.3]).T) < 0.03]
    assert np.ptp(tips[:, 2]) == pytest.approx(1.8, abs=report.spacing)


def test_evaluations_grow_with_the_surface():
    counts = [extract(thin_field(), resolution).report.evaluations for resolution in (128, 256)]
    assert counts[1] < 5 * counts[0]


def test_evaluations_are_counted_truly():
    field = thin_field()
    counted = 0
    values = field.values

    def counting(points):
        nonlocal counted
        counted += len(points)
        return values(points)

    field.values = counting
    assert extract(field, target_faces=3000).report.evaluations == counted


def normals(vertices, faces):
    return np.cross(vertices[faces[:, 2]] - vertices[faces[:, 0]], vertices[faces[:, 3]] - vertices[faces[:, 1]])


@pytest.mark.parametrize("resolution", [64, 97, 130])
def test_the_surface_is_the_one_that_evaluating_everything_gives(resolution):
    field = thin_field()
    grid = VoxelGrid.of(field, resolution)
    dense, dense_faces = mesh_dense(dense_levels(field, grid))
    sampled, faces = mesh_sampled(field, grid)
    order, dense_order = np.lexsort(sampled.T), np.lexsort(dense.T)
    assert np.array_equal(sampled[order], dense[dense_order])
    assert len(faces) == len(dense_faces)
    surface = extract(field, resolution, floater_share=0.0)
    assert np.array_equal(surface.faces, faces)
    newton_steps = (surface.vertices - grid.lower) / grid.spacing - sampled
    assert np.linalg.norm(newton_steps, axis=1).max() < 0.501
    smooth = np.abs(THIN_PARTS["body"](surface.vertices)) < 0.5 * grid.spacing
    assert np.linalg.norm(newton_steps[smooth], axis=1).max() < 0.1


def test_the_cleaned_surface_equals_the_dense_one_too():
    field = thin_field()
    surface = extract(field, 64, floater_share=0.0)
    dense = extract_densely(field, SurfaceSettings(64, floater_share=0.0), Monitor())
    assert dense.report.evaluations == dense.report.dense_evaluations + len(dense.vertices)
    assert replace(dense.report, evaluations=0, found_diameter=0.0) == replace(
        surface.report, evaluations=0, found_diameter=0.0
    )
    points = [mesh.vertices[np.lexsort(mesh.vertices.T)] for mesh in (surface, dense)]
    assert np.array_equal(*points)


def tangle(seed, size=49):
    """Levels of smooth noise: many thin bridges, tunnels and separate crumbs; about a tenth is inside."""
    noise = np.random.default_rng(seed).normal(size=(size,) * 3)
    frequency = np.fft.fftfreq(size)
    length = np.sqrt(sum(axis**2 for axis in np.meshgrid(frequency, frequency, frequency, indexing="ij")))
    smooth = np.fft.ifftn(np.fft.fftn(noise) * np.exp(-((length / 0.13) ** 2))).real
    return (smooth / smooth.std() - 1.2).astype(np.float32)


class SampledLevels:
    """Levels known at the voxels themselves, and nowhere else."""

    def __init__(self, levels, detail):
        self.levels = levels
        self.iso_level = 0.0
        self.iso_range = (-0.1, 0.1)
        self.detail = detail
        self.lower, self.upper = np.zeros(3, np.float32), np.full(3, len(levels) - 1, np.float32)

    def values(self, points):
        inner = np.rint(points).astype(int)
        outside = (inner >= len(self.levels)).any(axis=1)
        values = self.levels[tuple(np.minimum(inner, len(self.levels) - 1).T)]
        return np.where(outside, np.float32(-1), values)


@pytest.mark.parametrize("detail", [diameter * 1.001 for diameter, _ in STEPS])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_part_that_is_found_is_complete(seed, detail):
    field = SampledLevels(tangle(seed), detail)
    grid = VoxelGrid.of(field, len(field.levels))
    dense, dense_faces = mesh_dense(dense_levels(field, grid))
    vertices, faces = mesh_sampled(field, grid)
    where = {tuple(vertex): number for number, vertex in enumerate(dense)}
    numbers = np.array([where[tuple(vertex)] for vertex in vertices])  # a vertex of no dense part is a KeyError
    labels = parts_of(len(dense), dense_faces)
    kept = np.unique(labels[numbers])
    assert len(numbers) == np.isin(labels, kept).sum()
    assert len(faces) == np.isin(labels[dense_faces[:, 0]], kept).sum()
    assert len(kept) > 0.3 * len(np.unique(labels))


@pytest.mark.parametrize(("diameter", "steps"), STEPS)
@pytest.mark.parametrize("sign", [1, -1], ids=["part", "gap"])
def test_no_ball_of_the_promised_size_is_missed(diameter, steps, sign):
    """The field is a step, so that only a sample within the ball can tell."""
    generator = np.random.default_rng(steps[0])
    resolution = 41
    for _ in range(40):
        radius = diameter * 1.001 / 2
        centre = generator.uniform(1.01 + radius, resolution - 2.01 - radius, 3).astype(np.float32)

        def values(points, centre=centre, radius=radius):
            within = np.linalg.norm(points - centre, axis=1) <= radius
            on_box = ((points <= 0) | (points >= resolution - 1)).any(axis=1)
            return np.where(on_box, -1, np.where(within, sign, -sign)).astype(np.float32)

        field = SampledLevels(np.empty((resolution,) * 3), diameter * 1.001)
        field.values = values
        grid = VoxelGrid.of(field, resolution)
        sampled = sample(field, grid, Sampler(field, grid, Monitor()))
        assert sampled.found_diameter == pytest.approx(diameter)
        middle = sampled.lattice.addresses(*np.rint(centre).astype(int))
        assert sampled.lattice.inside(middle) == (sign > 0)


def test_the_promise_is_kept_when_the_field_knows_less_detail_than_a_voxel():
    assert extract(AnalyticField(ball((0, 0, 0), 0.5), detail=1e-4)).report.found_diameter == pytest.approx(
        2.2361 * 2 / 63
    )


@pytest.mark.parametrize("half_size", [1.0, (1.0, 0.55, 0.33)])
def test_a_part_that_reaches_the_box_is_closed_on_its_faces(half_size):
    field = AnalyticField(plate((0, 0, 0), (2, 2, 0.2)), half_size=half_size)
    surface = extract(field, 48)
    assert surface.report.watertight
    assert surface.report.components == 1
    twentieth = surface.report.spacing / 20
    assert surface.vertices.min(axis=0) == pytest.approx([*field.lower[:2], -0.2], abs=twentieth)
    assert surface.vertices.max(axis=0) == pytest.approx([*field.upper[:2], 0.2], abs=twentieth)
    sides = 2 * field.upper
    assert volume(surface.vertices, surface.faces) == pytest.approx(sides[0] * sides[1] * 0.4, rel=0.02)


def test_surfaces_that_nobody_can_see_are_dropped():
    solid = hollow(ball((0, 0, 0), 0.8), ball((0, 0, 0), 0.6))
    surface = extract(AnalyticField(union(solid, ball((0.1, 0, 0), 0.3))), 64)
    assert surface.report.components == 1
    assert surface.report.dropped_shells == 2
    assert volume(surface.vertices, surface.faces) == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=5e-3)
    assert len(np.unique(surface.faces)) == len(surface.vertices)


def test_a_part_in_an_open_cup_is_not_inside_it():
    cup = hollow(rod((0, 0, 0), 0.8, 0.8), rod((0, 0, 0.3), 0.6, 0.9))
    surface = extract(AnalyticField(union(cup, ball((0.05, 0.02, 0.1), 0.4))), 64)
    assert surface.report.components == 2
    assert surface.report.dropped_shells == 0


def test_floaters_are_dropped_and_large_parts_are_not():
    field = AnalyticField(union(ball((-0.3, 0, 0), 0.5), ball((0.7, 0, 0), 0.15), ball((0.5, 0.7, 0), 0.035)), 0.07)
    surface = extract(field, 64)
    assert (surface.report.components, surface.report.dropped_floaters) == (2, 1)
    assert surface.vertices[:, 1].max() < 0.52
    everything = extract(field, 64, floater_share=0.0)
    assert (everything.report.components, everything.report.dropped_floaters) == (3, 0)
    assert extract(field, 64, floater_share=0.5).report.components == 1


def test_the_newton_step_comes_closer_and_turns_no_face_over():
    """A rough field sampled coarsely: unchecked, eight faces would turn over."""
    waves = np.random.default_rng(3).normal(size=(8, 3)).astype(np.float32) * 25

    def distance(points):
        return np.linalg.norm(points, axis=1) - 0.6 + 0.03 * np.sin(points @ waves.T).sum(axis=1)

    field = AnalyticField(distance, detail=0.1)
    grid = VoxelGrid.of(field, 40)
    sampler = Sampler(field, grid, Monitor())
    lattice = sample(field, grid, sampler).lattice
    before, faces = _mesh(lattice)
    after = _newton_step(before, faces, lattice, sampler)
    assert (np.einsum("ij,ij->i", normals(before, faces), normals(after, faces)) >= 0).all()
    residuals = [np.abs(distance(grid.points(voxels))).mean() for voxels in (after, before)]
    assert residuals[0] < 0.6 * residuals[1]


def test_target_faces_lowers_the_resolution_and_says_so():
    field = AnalyticField(ball((0, 0, 0), 0.7))
    surface = extract(field, 192, target_faces=4000)
    assert len(surface.faces) == pytest.approx(4000, rel=0.1)
    assert surface.report.resolution < 60
    assert surface.report.spacing == pytest.approx(2 / (surface.report.resolution - 1))
    plenty = extract(field, 48, target_faces=1_000_000)
    assert plenty.report.resolution == 48


def test_target_faces_that_no_grid_gives_are_warned_of():
    monitor = Monitor()
    surface = extract(AnalyticField(ball((0, 0, 0), 0.7)), 192, monitor, target_faces=100)
    (warning,) = monitor.warnings
    assert f"{len(surface.faces)} faces instead of 100; Auto Retopology" in warning
    monitor = Monitor()
    for target in (4000, 1_000_000):
        extract(AnalyticField(ball((0, 0, 0), 0.7)), 48, monitor, target_faces=target)
    assert monitor.warnings == [], "met, or fewer"


@pytest.mark.parametrize("resolution", [0, 31, 513])
def test_a_resolution_out_of_range_is_refused(resolution):
    with pytest.raises(SurfaceError, match=f"resolution {resolution} is out of range"):
        extract(AnalyticField(ball((0, 0, 0), 0.5)), resolution)


def test_an_empty_field_is_an_error_that_says_what_to_do():
    with pytest.raises(SurfaceError) as caught:
        extract(AnalyticField(lambda points: np.ones(len(points))))
    assert caught.value.message == "Nothing was reconstructed from this photo."
    assert "cut-out" in caught.value.hint


def test_values_that_are_not_numbers_are_an_error():
    distance = ball((0, 0, 0), 0.5)
    with pytest.raises(SurfaceError, match="not numbers"):
        extract(AnalyticField(lambda points: np.where(points[:, 0] > 0.4, np.nan, distance(points))))


def test_infinite_values_are_as_good_as_large_ones():
    distance = ball((0, 0, 0), 0.5)
    field = AnalyticField(lambda points: np.where(np.abs(distance(points)) > 0.2, np.inf, 1) * distance(points))
    surface = extract(field)
    assert np.abs(distance(surface.vertices)).max() < 0.05 * surface.report.spacing


class Watching(Monitor):
    def __init__(self, cancel_at=2.0):
        super().__init__()
        self.fractions = []
        self.cancel_at = cancel_at

    def on_progress(self, stage, fraction):
        self.fractions.append(fraction)

    def is_cancelled(self):
        return bool(self.fractions) and self.fractions[-1] >= self.cancel_at


@pytest.mark.parametrize("target", [None, 20_000])
def test_progress_rises_to_one(target):
    monitor = Watching()
    with monitor.stage(Stage.SURFACE):
        extract(thin_field(), 160, monitor, target_faces=target)
    assert monitor.fractions == sorted(monitor.fractions)
    assert monitor.fractions[0] == 0
    assert monitor.fractions[-1] == 1
    assert len(monitor.fractions) > 6


def test_cancelling_stops_before_the_next_batch():
    monitor = Watching(cancel_at=0.3)
    field = thin_field()
    with pytest.raises(Cancelled), monitor.stage(Stage.SURFACE):
        extract(field, 192, monitor)
    assert 0 < field.calls < 8


def test_a_missing_openvdb_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "openvdb", None)
    with pytest.raises(ModelError, match="OpenVDB"):
        extract(AnalyticField(ball((0, 0, 0), 0.5)))
