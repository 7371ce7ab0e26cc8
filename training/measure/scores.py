# SPDX-License-Identifier: GPL-3.0-or-later
"""Distances between two surfaces, each given as points spread evenly over it."""

import numpy as np
from scipy.spatial import cKDTree

from .mesh import Array

THRESHOLDS = (0.1, 0.05)
#: Chamfer distance of a surface that is missing: no two points of an object are farther apart, about.
MISSING = 2.0


def nearest_distances(predicted: Array, truth: Array) -> tuple[Array, Array]:
    """(n,) from each predicted point (n, 3) to the nearest true one, and (m,) from each true one (m, 3) back."""
    if not len(predicted) or not len(truth):
        return np.full(len(predicted), np.inf), np.full(len(truth), np.inf)
    return cKDTree(truth).query(predicted)[0], cKDTree(predicted).query(truth)[0]


def surface_scores(forward: Array, backward: Array) -> dict[str, float]:
    """Chamfer distance and F-scores from the distances of predicted points (n,) and of true ones (m,).

    Chamfer distance: the mean of each, summed. F-score: harmonic mean of precision and recall, the shares of predicted
    and of true points that are nearer than a threshold (Tatarchenko et al., "What do single-view 3D reconstruction
    networks learn?", 2019). The truth's longest side is 2. Where there are no points on either side the figures are
    NaN, where there are none on one they are the worst.
    """
    if not len(forward) or not len(backward):
        missing = len(forward) or len(backward)
        found = {"chamfer": MISSING if missing else np.nan}
        return found | {f"f@{threshold}": 0.0 if missing else np.nan for threshold in THRESHOLDS}
    found = {"chamfer": float(min(forward.mean() + backward.mean(), MISSING))}
    for threshold in THRESHOLDS:
        precision, recall = float((forward < threshold).mean()), float((backward < threshold).mean())
        found[f"f@{threshold}"] = 2 * precision * recall / max(precision + recall, 1e-9)
    return found
