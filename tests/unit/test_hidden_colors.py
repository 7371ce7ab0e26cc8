# SPDX-License-Identifier: GPL-3.0-or-later
"""Colours of what no photo shows: no print of the front, stripes that run round, nothing that depends on the mesh."""

import sys
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.bake import vertex_normals
from image_to_3d.inference.hidden_colors import hidden_colors

sys.path.insert(0, str(Path(__file__).parent))

from meshes import bumpy_ball, voxel_surface

CREAM, RED, BLUE = np.array([[235, 225, 205], [190, 40, 35], [40, 70, 180]], float)


def triangulated(faces):
    return np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])


def painted(vertices, faces, picture):
    """Colours of a mesh whose side towards -Y shows ``picture(points)``, and how squarely it faces that way."""
    triangles = triangulated(faces)
    normals = vertex_normals(vertices, triangles)
    facing = -normals[:, 1]
    weights = np.clip((facing - 0.12) / 0.28, 0, 1)
    colors = hidden_colors(vertices, normals, triangles, picture(vertices), weights)
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
