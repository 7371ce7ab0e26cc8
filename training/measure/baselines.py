# SPDX-License-Identifier: GPL-3.0-or-later
"""What a network has to beat: the inflated silhouette, and the best ellipsoid."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from .mesh import TriangleMesh, outwards

#: Cells along each side of the window, and of the sphere's grid.
CELLS = 96


def inflated_silhouette(mask: NDArray[np.bool_], focal: float) -> TriangleMesh:
    """The silhouette as a pillow in the view frame.

    Half its thickness is sqrt(d r), where d is the distance to the outline and r the largest such distance. Of several
    profiles (d times 0.5, 1 and 1.5, sqrt(d), spheres along the medial axis) none scored better on validation objects.

    Args:
        mask: (s, s) of the whole window, row 0 at the top; not empty.
        focal: of the camera, half windows.
    """
    size = len(mask)
    inside, outside = (np.maximum(ndimage.distance_transform_edt(m) - 0.5, 0) * (2 / size) for m in (mask, ~mask))
    pick = (np.arange(CELLS) + 0.5) * (size / CELLS) - 0.5
    places = np.meshgrid(pick, pick, indexing="ij")
    half, edge = (
        ndimage.map_coordinates(image, places, order=1, mode="nearest")
        for image in (np.sqrt(inside * inside.max()), inside - outside)
    )
    step = 2 / CELLS
    reach = float(half.max()) + 2 * step
    w = np.arange(-reach, reach + step, step)
    solid = np.minimum(half[..., None] - np.abs(w), edge[..., None])
    cells, triangles, _, _ = measure.marching_cubes(np.pad(solid, 1, constant_values=-step), 0)
    row, column, layer = cells.T - 1
    depth = focal + layer * step - reach
    u, v = (column + 0.5) * step - 1, 1 - (row + 0.5) * step
    return outwards(TriangleMesh(np.stack([u * depth / focal, v * depth / focal, focal - depth], 1), triangles))


def ellipsoid(truth: TriangleMesh) -> TriangleMesh:
    """The ellipsoid with the truth's own volume centre and second moments: it knows the answer, as far as it goes.

    The moments are those of the solid inside the closed mesh, from signed tetrahedra to the origin.
    """
    corners = truth.corners - truth.vertices.mean(0)
    volumes = np.linalg.det(corners) / 6
    total = volumes.sum()
    centre = (volumes[:, None] * corners.sum(1) / 4).sum(0) / total
    # Of a tetrahedron with one corner at the origin: volume / 20 (sum of x x^T over corners + s s^T), s their sum.
    sums = corners.sum(1)
    second = np.einsum("n,nci,ncj->ij", volumes, corners, corners) + np.einsum("n,ni,nj->ij", volumes, sums, sums)
    covariance = second / (20 * total) - np.outer(centre, centre)
    squares, axes = np.linalg.eigh(covariance)
    lengths = np.sqrt(5 * np.maximum(squares, 1e-8))  # a solid ellipsoid's moment along a half axis a is a^2 / 5
    grid = np.linspace(-1.2, 1.2, 48)
    x, y, z = np.meshgrid(grid, grid, grid, indexing="ij")
    vertices, triangles, _, _ = measure.marching_cubes(1 - np.sqrt(x * x + y * y + z * z), 0)
    ball = vertices * (grid[1] - grid[0]) + grid[0]
    points = (ball * lengths) @ axes.T + centre + truth.vertices.mean(0)
    return outwards(TriangleMesh(points, triangles))
