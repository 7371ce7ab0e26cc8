# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of what no photo shows: no print of the front, stripes that run round, nothing that depends on the mesh."""

import sys
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.bake import BakeSettings, UVMesh, bake, vertex_normals
from image_to_3d.inference.camera import Camera, Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.fields import Appearance
from image_to_3d.inference.hidden_colors import GREY, hidden_colors
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.unwrap import unwrap

sys.path.insert(0, str(Path(__file__).parent))

from meshes import bumpy_ball, voxel_surface

CREAM, RED, BLUE = np.array([[235, 225, 205], [190, 40, 35], [40, 70, 180]], float)


def weights_by(facing):
    return np.clip((facing - 0.12) / 0.28, 0, 1)


def painted(vertices, faces, picture):
    """Colours of a mesh whose side towards -Y shows ``picture(points)``, and how squarely it faces that way."""
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    normals = vertex_normals(vertices, triangles)
    facing = -normals[:, 1]
    colors = hidden_colors(vertices, normals, triangles, picture(vertices), weights_by(facing))
    assert colors.shape == vertices.shape
    assert colors.dtype == np.float32
    return colors, facing


def face(points):
    """Two eyes and a mouth on cream."""
    x, z = points[:, 0], points[:, 2]
    eyes = (np.abs(np.abs(x) - 0.22) < 0.1) & (np.abs(z - 0.18) < 0.1)
    mouth = (np.abs(x) < 0.3) & (np.abs(z + 0.25) < 0.08)
    return np.where(eyes[:, None], BLUE, np.where(mouth[:, None], RED, CREAM))


def stripes(points):
    """Layers of three colours, each 0.2 high."""
    return np.stack([CREAM, RED, BLUE])[np.floor(points[:, 2] / 0.2).astype(int) % 3]


def board(points):
    return (np.abs(points) < [0.7, 0.06, 0.7]).all(axis=1)


def round_cylinder(radius=0.6, half_height=0.7, around=96, along=56):
    """Only its side: vertices and quads."""
    angle = np.arange(around) * 2 * np.pi / around
    height = np.linspace(-half_height, half_height, along + 1)
    turn, z = np.meshgrid(angle, height)
    vertices = np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=-1).reshape(-1, 3)
    index = np.arange(len(vertices)).reshape(along + 1, around)
    following = np.roll(index, -1, axis=1)
    faces = np.stack([index[:-1], following[:-1], following[1:], index[1:]], axis=-1).reshape(-1, 4)
    return vertices.astype(np.float32), faces.astype(np.int32)


@pytest.mark.parametrize(
    "mesh",
    [bumpy_ball(40, bumps=0.0), voxel_surface(board, 64), round_cylinder()],
    ids=["ball", "thin board", "cylinder"],
)
def test_what_is_printed_on_the_front_is_not_on_the_back(mesh):
    vertices, faces = mesh
    colors, facing = painted(vertices, faces, face)
    back = facing < -0.3
    print_behind = face(vertices[back]) - CREAM
    difference = colors[back] - CREAM
    assert np.abs(difference).max() < 12
    contrast = (print_behind * difference).sum() / (print_behind**2).sum()
    assert abs(contrast) < 0.02


def test_layers_continue_round_at_the_same_height_without_mixing():
    vertices, faces = round_cylinder()
    colors, facing = painted(vertices, faces, stripes)
    height = (vertices[:, 2] / 0.2) % 1.0
    side = (np.abs(vertices[:, 2]) < 0.6) & (np.abs(height - 0.5) < 0.3)
    behind = side & (facing < -0.5)
    assert behind.sum() > 500
    error = np.abs(colors[behind] - stripes(vertices[behind])).max(axis=1)
    assert np.quantile(error, 0.95) < 30
    assert np.median(error) < 10


def test_a_blemish_of_the_outline_does_not_colour_the_back():
    """A reflection along the left edge, as on a glossy mug."""

    def glossy(points):
        return np.where((points[:, 0] < -0.58)[:, None], RED, BLUE)

    vertices, faces = round_cylinder()
    colors, facing = painted(vertices, faces, glossy)
    assert np.abs(colors[(facing < -0.7)] - BLUE).max() < 40


def test_no_seam_runs_along_the_profile():
    def smooth(points):
        return 128 + 90 * np.sin(4 * points + [0, 1, 2])

    vertices, faces = bumpy_ball(40, bumps=0.0)
    colors, facing = painted(vertices, faces, smooth)
    whole = colors + (smooth(vertices) - colors) * weights_by(facing)[:, None]
    start, end = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    jumps = np.abs(whole[start] - whole[end]).max(axis=1)
    middle = 0.5 * (facing[start] + facing[end])
    within, across = jumps[middle > 0.5], jumps[np.abs(middle) < 0.3]
    assert np.quantile(across, 0.95) < 1.1 * within.max()
    assert np.quantile(across, 0.99) < 2.0 * within.max()
    assert across.max() < 5.0 * within.max()


def test_another_mesh_of_the_same_surface_gets_the_same_colours():
    def regions(points):
        return np.where((points[:, 2] > 0.1)[:, None], CREAM, np.where((points[:, 0] > 0)[:, None], RED, BLUE))

    (fine, fine_faces), (coarse, coarse_faces) = (bumpy_ball(steps, bumps=0.0) for steps in (56, 34))
    one, other = (painted(*mesh, regions)[0] for mesh in ((fine, fine_faces), (coarse, coarse_faces)))
    nearest = np.array([((fine - point) ** 2).sum(axis=1).argmin() for point in coarse])
    difference = np.abs(one[nearest] - other).max(axis=1)
    assert np.quantile(difference, 0.9) < 20
    assert np.median(difference) < 3


def test_an_object_that_no_photo_shows_is_grey():
    vertices, faces = bumpy_ball(8)
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    nothing = np.zeros((len(vertices), 3))
    colors = hidden_colors(vertices, vertex_normals(vertices, triangles), triangles, nothing, nothing[:, 0])
    assert (colors == GREY).all()


class BareField:
    """A shape without colours, as some systems predict it."""

    iso_level = 0.0
    iso_range = (-0.1, 0.1)
    lower = np.full(3, -1, np.float32)
    upper = np.full(3, 1, np.float32)
    detail = 0.1

    def values(self, points):
        return np.zeros(len(points), np.float32)

    def appearance(self, points):
        return Appearance(None)


@pytest.fixture(scope="module")
def cup():
    """A photo of a cream cylinder with a red square on its front, and the mesh."""
    vertices, faces = round_cylinder()
    uvs = unwrap(vertices, faces, Monitor())
    halves = ([0, 1, 2], [0, 2, 3])
    triangles, corners = (np.concatenate([array[:, half] for half in halves]) for array in (faces, uvs))
    place = (np.arange(512) + 0.5) / 256 - 1
    x, y = np.meshgrid(place, -place)
    photo = np.full((512, 512, 4), 255, np.uint8)
    photo[..., :3] = np.where(((np.abs(x) < 0.25) & (np.abs(y) < 0.25))[..., None], RED, CREAM)
    camera = Camera.looking_at_origin(0.0, focal=2.5, distance=3.0)
    code = Code("test", "1", {}, camera, Window(256, 256, 256, 512, 512), photo, {})
    return code, UVMesh(vertices, triangles, corners)


def redness(maps):
    return maps.base_color[..., 0].astype(int) - maps.base_color[..., 1]


def test_a_bare_shape_is_baked_with_the_print_on_its_front_alone(cup):
    code, mesh = cup
    maps = bake(code, BareField(), mesh, BakeSettings(256), Monitor())
    share = (redness(maps) > 100).mean()
    seen = mesh.vertices[(mesh.vertices[:, 1] < 0) & (np.abs(mesh.vertices[:, 0]) < 0.25)]
    assert len(seen) > 0
    # The square is 0.25 * 3 / 2.5 * 2 wide and high at the axis, a little less on the surface before it.
    whole = 2 * np.pi * 0.6 * 1.4 / maps.coverage
    assert 0.2 < share * whole < 0.4
    # Beyond the square all is cream: nothing grey, nothing washed out.
    assert np.quantile(np.abs(maps.base_color[redness(maps) < 30].astype(int) - CREAM).max(axis=1), 0.99) < 12


def test_baking_twice_gives_the_same_bytes(cup):
    code, mesh = cup
    one, other = (bake(code, BareField(), mesh, BakeSettings(256), Monitor()) for _ in range(2))
    assert one.base_color.tobytes() == other.base_color.tobytes()
