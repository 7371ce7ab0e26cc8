# SPDX-License-Identifier: GPL-3.0-or-later
"""Registration: the similarity transform that lays one point set on another."""

import numpy as np
from scipy.spatial import cKDTree

from .mesh import Array, Similarity

ROUNDS = 20


def fit_similarity(source: Array, target: Array) -> Similarity:
    """Least squares for corresponding points (n, 3) each.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns", 1991.
    """
    centre, goal = source.mean(0), target.mean(0)
    a, b = source - centre, target - goal
    u, sigma, vt = np.linalg.svd(b.T @ a / len(a))
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    matrix = (u * sign) @ vt * ((sigma * sign).sum() / (a * a).sum(1).mean())
    return Similarity(matrix, goal - matrix @ centre)


def align(moving: Array, fixed: Array) -> Similarity:
    """Iterative closest points with scale, from where the points are; correspondences both ways.

    One way alone would let the scale shrink until everything sits on a dense part of the other.

    Args:
        moving, fixed: (n, 3), (m, 3).
    """
    total = Similarity.identity()
    tree = cKDTree(fixed)
    for _ in range(ROUNDS):
        moved = total.apply(moving)
        forward, backward = tree.query(moved)[1], cKDTree(moved).query(fixed)[1]
        step = fit_similarity(np.concatenate([moved, moved[backward]]), np.concatenate([fixed[forward], fixed]))
        total = step.after(total)
    return total
