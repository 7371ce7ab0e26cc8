# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields: a code seen as a function of space in the object frame."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
"""(n, 3) float32 in the object frame: Blender's axes, the object inside [-1, 1]^3, facing -Y."""


@dataclass(frozen=True)
class Appearance:
    """Surface colour and, where the system predicts them, the other Principled BSDF inputs.

    Attributes:
        base_color: (n, 3) float32, sRGB-encoded, 0..1; None if the system predicts a bare shape.
        roughness: (n,) float32 0..1; a float where one value holds for the whole object; None if not predicted.
        metallic: likewise.
        certainty: 0..1, how far ``base_color`` is to be believed where no photo shows the surface. Baking takes the
            rest from what the photos show beside it (``hidden_colors``).
    """

    base_color: NDArray[np.float32] | None
    roughness: NDArray[np.float32] | float | None = None
    metallic: NDArray[np.float32] | float | None = None
    certainty: float = 1.0


class Field(Protocol):
    """A scalar function whose level set is the surface, with an appearance.

    Attributes:
        iso_level: the surface is where ``values`` equals it; inside is greater.
        iso_range: the fullest and the thinnest level at which the surface still makes sense, around ``iso_level``.
        lower, upper: (3,) float32 corners of a box, within [-1, 1]^3, outside which everything is empty.
        detail: smallest thickness (object units) of a part, or gap, that the field can represent; extraction
            guarantees not to lose parts of at least this size.
    """

    iso_level: float
    iso_range: tuple[float, float]
    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    detail: float

    def values(self, points: Points) -> NDArray[np.float32]:
        """(n, 3) -> (n,); continuous, any n including 0, points outside the box allowed (below the iso level)."""
        ...

    def appearance(self, points: Points) -> Appearance:
        """(n, 3) -> colours at points on or near the surface."""
        ...


SAMPLE_CHUNK = 16384
"""Points interpolated at a time: their indices, weights and taps stay in a core's cache (measured: 65536 is 1.2 to 2
times slower)."""


def sample_grid(grid: NDArray[np.float32], coordinates: NDArray[np.float32], order: int = 1) -> NDArray[np.float32]:
    """Interpolate a regular grid by a tensor-product B-spline whose coefficients are the grid's values.

    Order 1 is trilinear interpolation and reproduces the values. Orders 2 and 3 have continuous first and second
    derivatives, so level sets come out without facets; they smooth the values slightly instead of passing through
    them. A result never leaves the range of the values it was made from (the weights are positive and sum to one).

    Args:
        grid: (d, h, w) or (d, h, w, c) float32.
        coordinates: (n, 3) float32 in units of samples, in the order of the grid's axes; (0, 0, 0) is the first
            sample. Beyond the grid its outermost values continue.
        order: 1, 2 or 3; 8, 27 or 64 values are read per point.

    Returns:
        (n,) or (n, c) float32.
    """
    flat = np.ascontiguousarray(grid, np.float32).reshape(-1, *grid.shape[3:])
    result = np.empty((len(coordinates), *grid.shape[3:]), np.float32)
    for start in range(0, len(coordinates), SAMPLE_CHUNK):
        chunk = slice(start, start + SAMPLE_CHUNK)
        result[chunk] = _sample_chunk(flat, grid.shape[:3], coordinates[chunk], order)
    return result


def _sample_chunk(
    flat: NDArray[np.float32], shape: tuple[int, ...], coordinates: NDArray[np.float32], order: int
) -> NDArray[np.float32]:
    strides = (shape[1] * shape[2], shape[2], 1)
    axes = [_spline_taps(coordinates[:, axis], shape[axis], strides[axis], order) for axis in range(3)]
    (planes, plane_weights), (rows, row_weights), (columns, column_weights) = axes
    total = np.zeros((len(coordinates), *flat.shape[1:]), np.float32)
    spread = (slice(None), *(None,) * (flat.ndim - 1))
    for plane, plane_weight in zip(planes, plane_weights, strict=True):
        for row, row_weight in zip(rows, row_weights, strict=True):
            start = plane + row
            line = np.zeros_like(total)
            for column, column_weight in zip(columns, column_weights, strict=True):
                # mode="clip" spares numpy a bounds check; the indices are within bounds already.
                line += flat.take(start + column, axis=0, mode="clip") * column_weight[spread]
            line *= (plane_weight * row_weight)[spread]
            total += line
    return total


def _spline_taps(
    position: NDArray[np.float32], size: int, stride: int, order: int
) -> tuple[list[NDArray[np.intp]], list[NDArray[np.float32]]]:
    """Along one axis: offsets into the flat grid and weights of the ``order`` + 1 samples each point sees.

    The weights are the uniform B-spline's, see e.g. Unser, "Splines: a perfect fit for signal and image processing",
    1999. Order 2 is centred on the nearest sample, orders 1 and 3 on the interval the point lies in.
    """
    position = np.clip(position, np.float32(0), np.float32(size - 1))
    nearest = np.rint(position) if order == 2 else np.floor(position)
    t = position - nearest
    half = np.float32(0.5)
    if order == 1:
        weights = [1 - t, t]
    elif order == 2:
        weights = [half * (half - t) ** 2, np.float32(0.75) - t * t, half * (half + t) ** 2]
    elif order == 3:
        sixth = np.float32(1 / 6)
        left, right = (1 - t) ** 3 * sixth, t**3 * sixth
        middle = (4 + t * t * (3 * t - 6)) * sixth
        weights = [left, middle, 1 - left - middle - right, right]
    else:
        raise ValueError(f"order is {order}, not 1, 2 or 3")
    first = nearest.astype(np.intp) - order // 2
    taps = [np.clip(first + tap, 0, size - 1) * stride for tap in range(order + 1)]
    return taps, weights


class VoxelField:
    """Values on a regular grid of samples, interpolated by B-splines, as a ``Field``.

    Outside the grid the outermost values continue and fall by the grid's whole range within one sample's spacing: the
    field is continuous, and empty outside its box, which is the grid's extent grown by that spacing.

    Args:
        grid: (x, y, z) float32 samples, axes as in the object frame.
        colors: (x, y, z, 3) float32 sRGB-encoded 0..1 at the same samples.
        origin: (3,) place of ``grid[0, 0, 0]``, object frame.
        spacing: distance between neighbouring samples, object units.
        iso_level: see ``Field``.
        order: of the splines for the values, 1 to 3; colours are always trilinear.
    """

    def __init__(
        self,
        grid: NDArray[np.float32],
        colors: NDArray[np.float32],
        origin: NDArray[np.float32],
        spacing: float,
        iso_level: float,
        order: int = 2,
    ) -> None:
        self.grid = np.ascontiguousarray(grid, np.float32)
        self.colors = np.ascontiguousarray(colors, np.float32)
        self.origin = origin.astype(np.float32)
        self.spacing = np.float32(spacing)
        self.iso_level = iso_level
        self.iso_range = ((iso_level + float(self.grid.min())) / 2, (iso_level + float(self.grid.max())) / 2)
        self.order = order
        self.detail = spacing
        extent = (np.array(grid.shape) - 1).astype(np.float32) * self.spacing
        self.lower: NDArray[np.float32] = self.origin - self.spacing
        self.upper: NDArray[np.float32] = self.origin + extent + self.spacing
        self._fall = np.float32(np.ptp(self.grid))

    def values(self, points: Points) -> NDArray[np.float32]:
        """(n, 3) -> (n,); see ``Field``."""
        coordinates = (points - self.origin) / self.spacing
        nearest = np.clip(coordinates, 0, np.array(self.grid.shape, np.float32) - 1)
        outside = np.abs(coordinates - nearest).max(axis=1, initial=0)
        values: NDArray[np.float32] = sample_grid(self.grid, nearest, self.order) - self._fall * outside
        return values

    def appearance(self, points: Points) -> Appearance:
        """(n, 3) -> trilinear colours; roughness and metallic are not known."""
        return Appearance(sample_grid(self.colors, (points - self.origin) / self.spacing))


def gradient(field: Field, points: Points, step: float) -> NDArray[np.float32]:
    """Central differences of ``field.values``: (n, 3) -> (n, 3) float32, per object unit.

    Args:
        field: what to differentiate.
        points: where.
        step: half the distance between the two samples, object units.
    """
    offsets = np.concatenate([np.eye(3, dtype=np.float32), -np.eye(3, dtype=np.float32)]) * np.float32(step)
    samples = (points[None] + offsets[:, None]).reshape(-1, 3)
    values = field.values(samples).reshape(6, -1)
    difference: NDArray[Any] = (values[:3] - values[3:]) / np.float32(2 * step)
    return difference.T
