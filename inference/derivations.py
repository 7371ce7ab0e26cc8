# SPDX-License-Identifier: GPL-3.0-or-later
"""What graphs need that is computed from a checkpoint's tensors when they are bound, in numpy.

``RULES`` has the functions by the names that manifests use. Each takes the tensors as stored, and the manifest's
parameters by name.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

PLAIN_CUBIC, SMOOTH_CUBIC = -0.75, -0.5
"""The cubic kernel's free parameter: torch's own, and PIL's, which torch follows where it antialiases."""

INT8_LIMIT = 64
"""Largest weight in steps, half of what the type would hold. Processors without VNNI add two products of weights and
8-bit activations in 16 bits and cut off what overflows: 2 x 64 x 255 is the most that fits. ONNX Runtime calls that
reduced range ("Quantize ONNX models"); its other remedy, session.x64quantprecision, is slower on every processor and
wants the weights in the graph's own file."""
INT8_ROWS = 256
"""Rows that are quantised at once, to keep the temporary copies small."""

CUBIC_REACH = 2
"""Samples to each side that the cubic kernel covers."""


def as_type(values: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Values in another type; the same array where it has that type already.

    Raises:
        FloatingPointError: a number is too large for it.
    """
    with np.errstate(over="raise"):
        return values.astype(dtype, copy=False)


def transpose(values: NDArray[Any], axes: list[int]) -> NDArray[np.float32]:
    """Axes in another order, in float32."""
    return as_type(values, "float32").transpose(axes)


def position_table(values: NDArray[Any], native: int, grid: int, offset: float, antialias: bool) -> NDArray[np.float32]:
    """A vision transformer's table of positions for another size of image, by the rules of the networks' authors.

    As ``torch.nn.functional.interpolate(mode="bicubic", scale_factor=(grid + offset) / native)`` does it: sampling
    follows the scale factor, not the sizes. Transformers 4.35 and DINO add an offset of 0.1; newer versions of both do
    not, and give other results with the same weights.

    Args:
        values: (1, 1 + native^2, width); the first row, of the class token, is kept.
        native: patches along each side that the network was trained with.
        grid: patches along each side here.
        offset: added to ``grid`` before the scale factor is computed.
        antialias: the kernel is widened where the table shrinks, and is PIL's.

    Returns:
        (1, 1 + grid^2, width).
    """
    table = as_type(values, "float32")
    if grid == native:
        return table
    weights = _cubic_weights(native, grid, native / (grid + offset), antialias)
    patches = table[0, 1:].reshape(native, native, -1).astype(np.float64)
    patches = np.einsum("ia,jb,abc->ijc", weights, weights, patches, optimize=True)
    result = np.concatenate([table[0, :1], patches.reshape(grid * grid, -1).astype(np.float32)])
    return result[None]


def int8_scales(matrix: NDArray[Any]) -> NDArray[np.float32]:
    """What one step of each output's 8-bit weights is worth: (outputs, inputs) -> (outputs,)."""
    # Looked for in both directions, since the absolute values would be a copy of the matrix.
    largest = np.maximum(matrix.max(axis=1), -matrix.min(axis=1)).astype(np.float32)
    return np.where(largest > 0, largest / INT8_LIMIT, np.float32(1))


def int8_weights(matrix: NDArray[Any]) -> NDArray[np.int8]:
    """A matrix in steps of ``int8_scales``, turned for ONNX Runtime: (outputs, inputs) -> (inputs, outputs)."""
    scales = int8_scales(matrix)
    result = np.empty(matrix.shape[::-1], np.int8)
    for start in range(0, len(matrix), INT8_ROWS):
        rows = slice(start, start + INT8_ROWS)
        result[:, rows] = np.rint(matrix[rows] / scales[rows, None]).T
    return result


def _cubic_weights(native: int, grid: int, step: float, antialias: bool) -> NDArray[np.float64]:
    """(grid, native): how much each sample counts for each result; ``step`` is the distance of results in samples."""
    width = max(step, 1.0) if antialias else 1.0
    centers = step * (np.arange(grid) + 0.5) - 0.5
    # Beyond the border its sample is repeated; with antialiasing the kernel is cut off there instead.
    samples = np.arange(native) if antialias else np.arange(-CUBIC_REACH, native + CUBIC_REACH)
    distances = np.abs(centers[:, None] - samples) / width
    weights = _cubic(distances, SMOOTH_CUBIC if antialias else PLAIN_CUBIC)
    if antialias:
        return weights / weights.sum(axis=1, keepdims=True)
    folded = np.zeros((grid, native))
    for sample, column in zip(np.clip(samples, 0, native - 1), weights.T, strict=True):
        folded[:, sample] += column
    return folded


def _cubic(x: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel at distances x >= 0 (IEEE Transactions on Acoustics 29 (6), 1981)."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < CUBIC_REACH, far, 0.0))


RULES: dict[str, Callable[..., NDArray[Any]]] = {
    "int8_scales": int8_scales,
    "int8_weights": int8_weights,
    "position_table": position_table,
    "transpose": transpose,
}
