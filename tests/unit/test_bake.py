# SPDX-License-Identifier: GPL-3.0-or-later
"""Baking: the photo where it shows the surface and nowhere else, the field elsewhere, no background anywhere."""

import sys
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.bake import BakeSettings, UVMesh, bake
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.errors import Cancelled
from image_to_3d.inference.fields import Appearance
from image_to_3d.inference.monitor import Monitor, Stage
from image_to_3d.inference.raster import rasterize
from image_to_3d.inference.symmetry import MirrorPlane
from image_to_3d.inference.unwrap import unwrap

sys.path.insert(0, str(Path(__file__).parent))

from meshes import bumpy_ball, triangulated, voxel_surface, wall

GREY = np.array([0.5, 0.5, 0.5])
MAGENTA = np.array([230, 30, 200], np.uint8)
GREEN = np.array([0, 255, 0], np.uint8)
CAMERA = Camera.looking_at_origin(0.0, focal=2.5, distance=3.0)
SIZE = 512


class ColoredField:
    """Colours by place; ``colors(points) -> (n, 3)`` or one colour."""

    iso_level = 0.0
    iso_range = (-0.1, 0.1)
    lower = np.full(3, -1, np.float32)
    upper = np.full(3, 1, np.float32)

    def __init__(self, colors=GREY, detail=0.1, **materials):
        self.colors = colors if callable(colors) else lambda points: np.broadcast_to(colors, points.shape)
        self.detail = detail
        self.materials = materials
        self.asked = 0

    def values(self, points):
        return np.zeros(len(points), np.float32)

    def appearance(self, points):
        assert points.dtype == np.float32
        self.asked += len(points)
        materials = {name: value(points) if callable(value) else value for name, value in self.materials.items()}
        return Appearance(np.asarray(self.colors(points), np.float32), **materials)


def window_grid(size):
    """Window coordinates (size, size, 2) of a picture's pixels, row 0 at the top."""
    place = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(place, -place)
    return np.stack([x, y], axis=-1)


def code_of(photo, camera=CAMERA):
    size = len(photo)
    return Code("test", "1", {}, camera, Window(size / 2, size / 2, size / 2, size, size), photo, {})


def photo_of(color, alpha=None, size=SIZE):
    """(size, size, 4) from a colour (3,) or picture (size, size, 3), opaque unless alpha is given."""
    photo = np.full((size, size, 4), 255, np.uint8)
    photo[:, :, :3] = np.round(color)
    if alpha is not None:
        photo[:, :, 3] = np.where(alpha, 255, 0)
    return photo


def fine_checker(size=SIZE, cell=4):
    """Black and white, the mean of which is grey."""
    place = np.arange(size) // cell
    return np.where((place[:, None] + place[None]) % 2, 255, 0)[:, :, None].astype(np.uint8)


def uv_mesh(vertices, faces, uvs):
    return UVMesh(vertices, *triangulated(faces, uvs))


def cross(a, b):
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def texel_points(mesh, size):
    """For each texel inside a triangle: its row, column, triangle and place in space."""
    rows, columns, owners, places = [], [], [], []
    for part in rasterize(mesh.uvs * size - 0.5):
        a, b, c = (mesh.uvs[part.triangle, corner].astype(np.float64) * size - 0.5 for corner in range(3))
        p = np.stack([part.x, part.y], axis=1)
        area = cross(b - a, c - a)
        v, w = cross(p - a, c - a) / area, cross(b - a, p - a) / area
        weights = np.stack([1 - v - w, v, w], axis=1)
        places.append((mesh.vertices[mesh.triangles[part.triangle]] * weights[:, :, None]).sum(axis=1))
        rows.append(part.y)
        columns.append(part.x)
        owners.append(part.triangle)
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(owners), np.concatenate(places)


@pytest.fixture(scope="module")
def ball():
    vertices, faces = bumpy_ball(24)
    return uv_mesh(vertices, faces, unwrap(vertices, faces, Monitor()))


def facing_camera(mesh, places, owners):
    """Cosine between the triangles' normals and the direction to the camera."""
    a, b, c = (mesh.vertices[mesh.triangles[owners, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    sight = CAMERA.position - places
    return (normals * sight).sum(axis=1) / np.linalg.norm(normals, axis=1) / np.linalg.norm(sight, axis=1)


MIRROR = MirrorPlane((0.6, -0.8), 0.1)
"""Turned: the camera sees most of the kept side, and a part of the other one."""


def smooth_picture():
    """A photo without symmetry, whose colours change slowly."""
    x, y = window_grid(SIZE).transpose(2, 0, 1)
    return photo_of(127.5 + 100 * np.stack([np.sin(5 * x), np.cos(6 * y), np.sin(4 * x + 3 * y)], axis=-1))


@pytest.fixture(scope="module")
def mirrored_ball():
    """A ball about a point of the plane, and so its own mirror image there, with texels' places."""
    vertices, faces = bumpy_ball(24, bumps=0.0)
    vertices = (vertices + MIRROR.offset * np.array([*MIRROR.normal, 0.0])).astype(np.float32)
    mesh = uv_mesh(vertices, faces, unwrap(vertices, faces, Monitor()))
    return mesh, texel_points(mesh, SIZE)


def pairs_of_texels(places):
    """Texels on the kept side, and for each the nearest one to its mirror image; only close pairs."""
    rng = np.random.default_rng(0)
    kept = rng.choice(np.flatnonzero(MIRROR.distances(places) > 0.02), 500, replace=False)
    images = MIRROR.mirrored(places[kept])
    nearest = np.array([((places - image) ** 2).sum(axis=1).argmin() for image in images])
    close = np.linalg.norm(places[nearest] - images, axis=1) < 0.006
    assert close.sum() > 300
    return kept[close], nearest[close]


def test_mirroring_the_whole_photo_colours_both_sides_alike(mirrored_ball):
    mesh, (rows, columns, _, places) = mirrored_ball
    field = ColoredField(lambda points: 0.5 + 0.4 * np.sin(3 * points))
    settings = BakeSettings(SIZE, mirror_all=True)
    maps = bake(code_of(smooth_picture()), field, mesh, settings, Monitor(), MIRROR)
    colors = maps.base_color[rows, columns].astype(int)
    kept, images = pairs_of_texels(places)
    difference = np.abs(colors[kept] - colors[images]).max(axis=1)
    assert np.quantile(difference, 0.95) <= 8
    plain = bake(code_of(smooth_picture()), field, mesh, BakeSettings(SIZE), Monitor())
    other = plain.base_color[rows, columns].astype(int)
    assert np.quantile(np.abs(other[kept] - other[images]).max(axis=1), 0.5) > 30


def test_the_photo_stays_where_it_is_seen_and_its_mirror_image_fills_the_hidden_side(mirrored_ball):
    mesh, (rows, columns, owners, places) = mirrored_ball
    field, photo = ColoredField(MAGENTA / 255), smooth_picture()
    own = bake(code_of(photo), field, mesh, BakeSettings(SIZE), Monitor()).base_color[rows, columns].astype(int)
    both = bake(code_of(photo), field, mesh, BakeSettings(SIZE), Monitor(), MIRROR).base_color[rows, columns]
    facing = facing_camera(mesh, places, owners)
    seen = facing > 0.5
    assert np.quantile(np.abs(both[seen].astype(int) - own[seen]).max(axis=1), 0.99) <= 2
    given_up = MIRROR.distances(places) < -0.02
    images = MIRROR.mirrored(places)
    hidden = given_up & (facing < 0) & (facing_camera_of_ball(images) > 0.5)
    assert hidden.sum() > 1000
    window, _depth = CAMERA.project(images[hidden])
    x, y = np.clip(((window * [1, -1] + 1) * SIZE / 2).astype(int), 0, SIZE - 1).T
    assert np.quantile(np.abs(both[hidden].astype(int) - photo[y, x, :3]).max(axis=1), 0.95) <= 6


def facing_camera_of_ball(places):
    """As ``facing_camera``, for places on ``mirrored_ball``."""
    normals = places - MIRROR.offset * np.array([*MIRROR.normal, 0.0])
    sight = CAMERA.position - places
    return (normals * sight).sum(axis=1) / np.linalg.norm(normals, axis=1) / np.linalg.norm(sight, axis=1)


def test_where_the_camera_sees_the_surface_the_texels_are_the_photos_pixels():
    vertices, faces, uvs = wall(16, 0.7, y=-0.1)
    x, y = window_grid(SIZE).transpose(2, 0, 1)
    picture = 127.5 + 100 * np.stack([np.sin(20 * x), np.cos(20 * y), np.sin(9 * x * y)], axis=-1)
    maps = bake(
        code_of(photo_of(picture)), ColoredField(), uv_mesh(vertices, faces, uvs), BakeSettings(SIZE), Monitor()
    )

    place = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    u, v = np.meshgrid(0.7 * place, 0.7 * place)
    window, _ = CAMERA.project(np.stack([u, np.full_like(u, -0.1), v], axis=-1).reshape(-1, 3))
    x, y = window.reshape(SIZE, SIZE, 2).transpose(2, 0, 1)
    expected = 127.5 + 100 * np.stack([np.sin(20 * x), np.cos(20 * y), np.sin(9 * x * y)], axis=-1)
    assert np.abs(maps.base_color - expected).max() < 1.6
    assert maps.coverage == 1.0


def test_the_far_side_gets_no_photo_pixels(ball):
    maps = bake(code_of(photo_of(fine_checker())), ColoredField(), ball, BakeSettings(SIZE), Monitor())
    rows, columns, owners, places = texel_points(ball, SIZE)
    facing = facing_camera(ball, places, owners)
    values = maps.base_color[rows, columns].astype(int)
    assert np.abs(values[facing < -0.05] - 128).max() < 40
    assert np.abs(values[facing > 0.6] - 128).mean() > 80


def test_a_part_behind_another_does_not_get_its_picture():
    back, near = wall(32, 0.8, y=0.4), wall(16, 0.25, y=-0.4)
    faces = np.concatenate([back[1], near[1] + len(back[0])])
    uvs = np.concatenate([back[2] * [0.6, 1.0], [0.65, 0.0] + near[2] * [0.3, 1.0]]).astype(np.float32)
    mesh = uv_mesh(np.concatenate([back[0], near[0]]), faces, uvs)
    seen_from_camera, _ = CAMERA.project(np.array([[0.25, -0.4, 0.25]]))
    half_size = seen_from_camera[0, 0]
    picture = np.where((np.abs(window_grid(SIZE)) < half_size).all(axis=-1)[:, :, None], MAGENTA, np.uint8(128))
    maps = bake(code_of(photo_of(picture)), ColoredField(), mesh, BakeSettings(SIZE), Monitor())

    rows, columns, owners, _ = texel_points(mesh, SIZE)
    on_back = np.isin(owners % len(faces), np.arange(len(back[1])))
    values = maps.base_color[rows, columns].astype(int)
    pinkness = values[:, 0] - values[:, 1]
    assert pinkness[~on_back].mean() > 180
    # What remains on the back wall is the colour shift of the whole, no picture of the square in front.
    behind = np.zeros((SIZE, SIZE), int)
    behind[rows[on_back], columns[on_back]] = pinkness[on_back]
    steps = np.abs(np.diff(behind[:, : int(0.59 * SIZE)], axis=1))
    assert steps.max() < 25


@pytest.mark.parametrize("margin_of_error", [1.0, 0.93], ids=["same outline", "smaller in the photo"])
def test_no_background_at_the_silhouette(ball, margin_of_error):
    outline, _ = CAMERA.project(ball.vertices)
    radius = np.linalg.norm(outline, axis=1).max() * margin_of_error
    inside = np.linalg.norm(window_grid(SIZE), axis=-1) < radius
    picture = np.where(inside[:, :, None], np.uint8(128), GREEN)
    maps = bake(code_of(photo_of(picture, inside)), ColoredField(), ball, BakeSettings(SIZE), Monitor())
    greenness = maps.base_color[:, :, 1].astype(int) - maps.base_color[:, :, 0]
    assert greenness.max() <= 4


def test_the_hidden_side_takes_the_photos_colouring(ball):
    """A field that is too dark all over is lightened all over, though the photo shows one side."""
    photo = photo_of(np.array([180, 150, 120], np.uint8))
    maps = bake(code_of(photo), ColoredField(np.array([0.35, 0.35, 0.35])), ball, BakeSettings(SIZE), Monitor())
    rows, columns, _, _ = texel_points(ball, SIZE)
    assert np.abs(maps.base_color[rows, columns].astype(int) - [180, 150, 120]).max() < 12


def test_the_front_does_not_show_through_a_thin_part():
    """A screen 0.08 thick whose front is chequered in black and white."""
    vertices, faces = voxel_surface(lambda points: (np.abs(points) < [0.7, 0.04, 0.7]).all(axis=1), 50)
    mesh = uv_mesh(vertices, faces, unwrap(vertices, faces, Monitor()))
    maps = bake(code_of(photo_of(fine_checker(cell=48))), ColoredField(), mesh, BakeSettings(SIZE), Monitor())
    rows, columns, _, places = texel_points(mesh, SIZE)
    on_the_back = (places[:, 1] > 0.039) & (np.abs(places[:, [0, 2]]) < 0.6).all(axis=1)
    values = maps.base_color[rows, columns, 0].astype(float)
    assert values[on_the_back].std() < 6
    assert values[places[:, 1] < -0.039].std() > 100


def test_without_photo_strength_the_field_alone_is_baked(ball):
    def colors(points):
        return 0.5 + 0.4 * np.sin(3 * points + [0, 1, 2])

    settings = BakeSettings(SIZE, photo_strength=0.0)
    maps = bake(code_of(photo_of(MAGENTA)), ColoredField(colors), ball, settings, Monitor())
    rows, columns, _, places = texel_points(ball, SIZE)
    assert np.abs(maps.base_color[rows, columns] - 255 * colors(places)).max() < 3


def test_a_smooth_field_is_asked_far_less_often_than_there_are_texels(ball):
    field = ColoredField(lambda points: 0.5 + 0.4 * np.sin(3 * points))
    bake(code_of(photo_of(MAGENTA)), field, ball, BakeSettings(1024), Monitor())
    assert field.asked < 0.05 * 1024 * 1024


def test_detail_finer_than_the_mesh_is_baked_texel_by_texel():
    """A checker of 0.05 on a wall of 0.3 faces."""

    def checker(points):
        cell = np.floor((points + 1.0) / 0.05).astype(int)
        return np.repeat(((cell[:, :1] + cell[:, 2:]) % 2) * 0.8 + 0.1, 3, axis=1)

    mesh = uv_mesh(*wall(4, 0.6, y=0.0))
    settings = BakeSettings(SIZE, photo_strength=0.0)
    maps = bake(code_of(photo_of(MAGENTA)), ColoredField(checker, detail=0.5), mesh, settings, Monitor())
    rows, columns, _, places = texel_points(mesh, SIZE)
    near_an_edge = (np.abs((places[:, [0, 2]] + 1.0) / 0.05 % 1.0 - 0.5) > 0.49).any(axis=1)
    error = np.abs(maps.base_color[rows, columns] - 255 * checker(places.astype(np.float32)))
    assert error[~near_an_edge].max() < 2


def test_a_coarse_mesh_gets_the_fields_colours_inside_its_faces():
    """Two triangles, and a colour that varies across them."""

    def colors(points):
        return 0.5 + 0.4 * np.sin(6 * points[:, [0, 2, 0]])

    field = ColoredField(colors, detail=0.05)
    mesh = uv_mesh(*wall(1, 0.9, y=0.0))
    maps = bake(code_of(photo_of(MAGENTA)), field, mesh, BakeSettings(SIZE, photo_strength=0.0), Monitor())
    rows, columns, _, places = texel_points(mesh, SIZE)
    assert np.abs(maps.base_color[rows, columns] - 255 * colors(places)).max() < 4
    assert field.asked < 0.1 * SIZE * SIZE


def test_constants_stay_numbers_and_the_rest_becomes_maps(ball):
    def roughness(points):
        return (0.5 + 0.5 * points[:, 2]).astype(np.float32)

    plain = bake(code_of(photo_of(MAGENTA)), ColoredField(), ball, BakeSettings(256), Monitor())
    assert (plain.roughness, plain.metallic) == (0.5, 0.0)

    field = ColoredField(roughness=roughness, metallic=0.25)
    maps = bake(code_of(photo_of(MAGENTA)), field, ball, BakeSettings(256), Monitor())
    assert maps.metallic == 0.25
    assert maps.roughness.shape == (256, 256)
    assert maps.roughness.dtype == np.uint8
    rows, columns, _, places = texel_points(ball, 256)
    assert np.abs(maps.roughness[rows, columns] - 255 * roughness(places)).max() < 3
    np.testing.assert_array_equal(maps.base_color, plain.base_color)


@pytest.mark.parametrize("size", [256, 500, 1024])
def test_margins_continue_the_islands(size):
    """A wall on the middle of the texture: half of it red, half blue."""
    vertices, faces, uvs = wall(16, 0.5, y=0.0)
    field = ColoredField(lambda points: np.where(points[:, :1] < 0, [0.9, 0.1, 0.1], [0.1, 0.1, 0.9]))
    mesh = uv_mesh(vertices, faces, (0.25 + 0.5 * uvs).astype(np.float32))
    maps = bake(code_of(photo_of(MAGENTA)), field, mesh, BakeSettings(size, margin=16, photo_strength=0.0), Monitor())
    margin, quarter = round(16 * size / 1024), size // 4
    beside = slice(quarter - margin, size - quarter + margin), slice(quarter, size - quarter)
    middle, seam = size // 2, size // 24
    near_island = np.zeros((size, size), bool)
    near_island[beside] = near_island[beside[::-1]] = True
    left, right = near_island.copy(), near_island.copy()
    left[:, middle - seam :] = right[:, : middle + seam] = False
    assert np.abs(maps.base_color[left].astype(int) - [230, 26, 26]).max() <= 1
    assert np.abs(maps.base_color[right].astype(int) - [26, 26, 230]).max() <= 1
    assert np.abs(maps.base_color[: quarter // 2].astype(int) - [128, 26, 128]).max() < 4
    assert maps.coverage == pytest.approx(0.25, abs=0.01)


def test_the_first_row_is_the_lower_edge():
    mesh = uv_mesh(*wall(16, 0.5, y=0.0))
    field = ColoredField(lambda points: np.repeat(0.5 + 0.8 * points[:, 2:], 3, axis=1))
    maps = bake(code_of(photo_of(MAGENTA)), field, mesh, BakeSettings(64, photo_strength=0.0), Monitor())
    assert maps.base_color[0].mean() < 35
    assert maps.base_color[-1].mean() > 220


def test_uvs_outside_the_square_are_wrapped_and_reported():
    vertices, faces, uvs = wall(8, 0.6, y=0.0)
    field = ColoredField(lambda points: 0.5 + 0.4 * np.sin(4 * points))
    monitor, settings = Monitor(), BakeSettings(256)
    inside = bake(code_of(photo_of(MAGENTA)), field, uv_mesh(vertices, faces, uvs), settings, monitor)
    assert monitor.warnings == []
    moved = uv_mesh(vertices, faces, uvs + np.float32([3.0, -2.0]))
    outside = bake(code_of(photo_of(MAGENTA)), field, moved, settings, monitor)
    assert np.abs(outside.base_color.astype(int) - inside.base_color).max() <= 1
    assert len(monitor.warnings) == 1
    assert "128 triangles have UVs outside" in monitor.warnings[0]


def test_overlapping_uvs_are_reported():
    vertices, faces, uvs = wall(8, 0.6, y=0.0)
    mesh = uv_mesh(np.concatenate([vertices, vertices]), np.concatenate([faces, faces]), np.concatenate([uvs, uvs]))
    monitor = Monitor()
    maps = bake(code_of(photo_of(MAGENTA)), ColoredField(), mesh, BakeSettings(128), monitor)
    assert len(monitor.warnings) == 1
    assert "50% of the UVs lie one over the other" in monitor.warnings[0]
    assert maps.coverage == 1.0


def test_damaged_triangles_are_left_out():
    vertices, faces, uvs = wall(8, 0.6, y=0.0)
    mesh = uv_mesh(vertices, faces, uvs)
    uvs, triangles = mesh.uvs.copy(), mesh.triangles.copy()
    uvs[0] = np.nan
    uvs[1, 0] = 1e9
    uvs[2] = uvs[2, :1]
    triangles[3] = triangles[3, 0]
    monitor = Monitor()
    maps = bake(
        code_of(photo_of(MAGENTA)), ColoredField(), UVMesh(vertices, triangles, uvs), BakeSettings(128), monitor
    )
    assert len(monitor.warnings) == 1
    assert monitor.warnings[0].startswith("2 triangles have damaged UVs")
    assert 0.97 < maps.coverage < 0.99
    assert np.abs(maps.base_color.astype(int) - MAGENTA).max() < 4


def test_a_mesh_without_faces_gives_empty_maps():
    mesh = UVMesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int32), np.zeros((0, 3, 2), np.float32))
    maps = bake(code_of(photo_of(MAGENTA)), ColoredField(), mesh, BakeSettings(64), Monitor())
    assert maps.coverage == 0.0
    assert maps.base_color.shape == (64, 64, 3)


def test_points_behind_the_camera_take_the_fields_colour():
    camera = Camera.looking_at_origin(0.0, focal=1.0, distance=0.5)
    mesh = uv_mesh(*wall(8, 0.6, y=-0.9))
    maps = bake(code_of(photo_of(MAGENTA), camera), ColoredField(), mesh, BakeSettings(64), Monitor())
    assert np.abs(maps.base_color.astype(int) - 128).max() <= 1


def test_progress_grows_and_cancelling_stops(ball):
    class Watcher(Monitor):
        def __init__(self, patience):
            super().__init__()
            self.fractions, self.patience = [], patience

        def on_progress(self, stage, fraction):
            self.fractions.append(fraction)

        def is_cancelled(self):
            return len(self.fractions) >= self.patience

    watcher = Watcher(patience=1000)
    with watcher.stage(Stage.BAKE):
        bake(code_of(photo_of(MAGENTA)), ColoredField(), ball, BakeSettings(1024), watcher)
    assert watcher.fractions == sorted(watcher.fractions)
    assert len(watcher.fractions) > 6

    watcher = Watcher(patience=5)
    with pytest.raises(Cancelled), watcher.stage(Stage.BAKE):
        bake(code_of(photo_of(MAGENTA)), ColoredField(), ball, BakeSettings(1024), watcher)
