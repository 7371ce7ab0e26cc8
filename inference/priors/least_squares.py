# SPDX-License-Identifier: GPL-3.0-or-later
"""Robust least squares from several starts at once, in numpy.

Starts and the steps of the numerical derivative are one batch: a fit of eight numbers from five starts takes as many
calls as one start with known derivatives would.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

STEP = 1e-4
"""Of the numerical derivative, in units of the parameters."""

DAMPING, LEAST_DAMPING, MOST_DAMPING = 1e-2, 1e-6, 1e4
"""Marquardt's factor at the start, and its limits."""

ENOUGH = 1e-4
"""Share by which the best start's cost must have fallen in ``PATIENCE`` steps to go on."""

PATIENCE = 4


def least_squares(residuals: Callable[[Array], Array], starts: Array, rounds: int) -> tuple[Array, float]:
    """Minimise the sum of soft absolute values of residuals, 2 (sqrt(1 + r^2) - 1), as Levenberg and Marquardt do.

    Args:
        residuals: (b, p) parameters -> (b, n) residuals, in units in which 1 is an ordinary error.
        starts: (s, p) where to begin.
        rounds: steps at most.

    Returns:
        The best parameters (p,) found from any start, and their cost.
    """
    best, count = starts.astype(np.float64), starts.shape[1]
    damping = np.full(len(best), DAMPING)
    values = residuals(best)
    costs = _costs(values)
    history = [float(costs.min())]
    for _ in range(rounds):
        stepped = best[:, None, :] + STEP * np.eye(count)
        slopes = (residuals(stepped.reshape(-1, count)).reshape(len(best), count, -1) - values[:, None]) / STEP
        weights = 1 / np.sqrt(1 + values * values)
        normal = np.einsum("bpn,bqn,bn->bpq", slopes, slopes, weights, optimize=True)
        gradient = np.einsum("bpn,bn->bp", slopes, weights * values)
        diagonal = np.einsum("bpp->bp", normal)
        damped = normal + (damping[:, None] * diagonal + 1e-9)[:, :, None] * np.eye(count)
        tried = best - np.linalg.solve(damped, gradient[:, :, None])[:, :, 0]
        tried_values = residuals(tried)
        tried_costs = _costs(tried_values)
        better = tried_costs < costs
        best[better], values[better], costs[better] = tried[better], tried_values[better], tried_costs[better]
        damping = np.clip(np.where(better, damping / 4, damping * 4), LEAST_DAMPING, MOST_DAMPING)
        history.append(float(costs.min()))
        if len(history) > PATIENCE and history[-1] > (1 - ENOUGH) * history[-1 - PATIENCE]:
            break
    first = int(costs.argmin())
    return best[first], float(costs[first])


def _costs(values: Array) -> Array:
    """(b, n) -> (b,)."""
    total: Array = (2 * (np.sqrt(1 + values * values) - 1)).sum(axis=1)
    return total
