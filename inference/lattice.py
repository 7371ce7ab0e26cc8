# SPDX-License-Identifier: GPL-3.0-or-later
"""Coarse-to-fine sampling: a field's values where its surface is, and only the sides (inside, outside) elsewhere.

The samples of resolution R form a lattice of *voxels*. It is sampled first at every c-th voxel and at the centres of
the cubes between those samples (together a body-centred cubic lattice, the sparsest that leaves no room for a ball of a
given size). Cells whose samples lie on different sides are subdivided, down to single voxels. On each level the
surface is followed: where the samples of an evaluated cell's face contradict the side its neighbour was taken to lie
on, the neighbour is evaluated too, and so on.

Two guarantees follow.

*Nothing large is missed.* A part, or a gap, into which a ball of diameter ``found_diameter`` fits at one place holds
a coarse sample. This diameter is at most ``field.detail``, or the smallest the lattice can promise (2.24 voxels) where
that is larger.

*What is found is complete.* No edge between neighbouring voxels has ends on different sides unless both were
evaluated. The surface of a part that was found is therefore the same as after evaluating every voxel, down to its
thinnest connected twig.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import SettingsError, SurfaceError
from .fields import Field
from .monitor import Monitor
from .symmetry import MirrorPlane, box_corners

Cells = NDArray[np.int32]
"""(3, k) coordinates of cells, the cubes between nodes; a cell has those of its lowest node."""

PAGE = 8
"""Nodes along the side of a page; the side of OpenVDB's leaves, so that pages and leaves coincide."""

PAGE_SIZE = PAGE**3

BATCH = 131072
"""Points per call of ``field.values``: cancellation is checked between calls, and their memory stays small."""

CHUNK = 262144
"""Nodes addressed at a time: whole-array arithmetic stays in a core's cache."""

UNKNOWN = np.float32(1)
"""Magnitude of levels that were not evaluated; only their sign means anything."""

LARGEST_LEVEL = np.float32(1e30)
"""Infinite levels become this, so that interpolation between samples stays finite."""

SAMPLING_SHARE = 0.9
"""Of the stage's progress; the rest is meshing."""

STEPS: tuple[tuple[float, tuple[int, ...]], ...] = (
    (8.9443, (8, 4, 2, 1)),
    (7.4833, (6, 2, 1)),
    (4.4722, (4, 2, 1)),
    (3.7417, (3, 1)),
    (2.2361, (2, 1)),
)
"""Diameter in voxels of the largest ball that fits between the coarse samples, and the steps down to one voxel.

Twice the covering radius: sqrt(5) / 2 c for a body-centred cubic lattice of side c; sqrt(14) / 3 c where the step is
divided by 3, since the centres are rounded to the next finer lattice."""


def chunks(count: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most ``size`` that cover ``count`` things."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


@dataclass(frozen=True)
class VoxelGrid:
    """Where a field is sampled.

    Attributes:
        lower: (3,) float32, the box's lower corner and the first sample, object frame.
        upper: (3,) float32, the box's upper corner.
        spacing: distance between neighbouring samples, object units.
        shape: samples along each axis; those of the longest side end on the box, the others on or less than one
            spacing beyond it.
        axes: (3, 3) float32, the grid's directions as rows, where they aren't the object frame's.
    """

    lower: NDArray[np.float32]
    upper: NDArray[np.float32]
    spacing: float
    shape: tuple[int, int, int]
    axes: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, field: Field, resolution: int) -> "VoxelGrid":
        """The grid with ``resolution`` samples along the longest side of the field's box."""
        lower, upper = np.asarray(field.lower, np.float32), np.asarray(field.upper, np.float32)
        sides = (upper - lower).astype(np.float64)
        spacing = float(sides.max()) / (resolution - 1)
        # The tolerance keeps rounding from adding a layer of samples to a side that is a whole number of spacings.
        x, y, z = (int(count) + 1 for count in np.ceil(sides / spacing - 1e-4))
        return cls(lower, upper, spacing, (x, y, z))

    @classmethod
    def across(cls, field: Field, plane: MirrorPlane, resolution: int) -> "VoxelGrid":
        """The grid for a field folded at a plane, as fine as ``of`` would make it for the field itself.

        Its first axis is the plane's normal, and the plane lies half-way between two layers of samples: the samples
        are mirror images of each other. ``lower`` and ``upper`` are the first and the last sample.

        Raises:
            SettingsError: the kept side of the plane is outside the field's box.
        """
        corners = box_corners(field)
        spacing = float((field.upper - field.lower).max()) / (resolution - 1)
        reach = float(plane.distances(corners).max())
        if reach <= spacing:
            raise SettingsError("The mirror plane lies beside the object.", "Choose a plane that runs through it.")
        along = corners @ plane.axes.T
        layers = math.ceil(reach / spacing)
        lowest = [plane.offset - (layers + 0.5) * spacing, *along.min(axis=0)[1:].tolist()]
        across = np.ceil(np.ptp(along, axis=0)[1:] / spacing - 1e-4).astype(int) + 1
        shape = (2 * layers + 2, int(across[0]), int(across[1]))
        lower = np.array(lowest, np.float32)
        upper = lower + (np.array(shape, np.float32) - 1) * np.float32(spacing)
        return cls(lower @ plane.axes, upper @ plane.axes, spacing, shape, plane.axes)

    def points(self, voxels: NDArray[Any]) -> NDArray[np.float32]:
        """(n, 3) voxel coordinates, whole or between samples, to (n, 3) float32 in the object frame."""
        steps = voxels.astype(np.float32) * np.float32(self.spacing)
        return self.lower + (steps if self.axes is None else steps @ self.axes)


class Sampler:
    """Evaluates the field's level, value minus iso level, in batches.

    Attributes:
        evaluations: points evaluated so far.
    """

    def __init__(self, field: Field, grid: VoxelGrid, monitor: Monitor) -> None:
        self.evaluations = 0
        self._field = field
        self._grid = grid
        self._monitor = monitor

    def levels(self, voxels: NDArray[Any], fractions: tuple[float, float]) -> NDArray[np.float32]:
        """Levels at (n, 3) voxel coordinates.

        Args:
            voxels: where.
            fractions: of the stage's progress, before and after.

        Raises:
            SurfaceError: the field has values that are not numbers.
            Cancelled: between batches.
        """
        result = np.empty(len(voxels), np.float32)
        begin, end = fractions
        for batch in chunks(len(voxels), BATCH):
            self._monitor.progress(begin + (end - begin) * batch.start / len(voxels))
            result[batch] = self._field.values(self._grid.points(voxels[batch])) - np.float32(self._field.iso_level)
        if np.isnan(result).any():
            raise SurfaceError(
                "The reconstruction holds values that are not numbers.",
                "Reconstruct the object again; if it happens again, use another photo or system.",
            )
        self.evaluations += len(voxels)
        return np.clip(result, -LARGEST_LEVEL, LARGEST_LEVEL)

    def closed_levels(self, voxels: NDArray[np.int32], fractions: tuple[float, float]) -> NDArray[np.float32]:
        """Like ``levels`` at samples; those on or beyond the box's faces count as outside.

        A part that reaches the box is so closed by a flat cap within a thousandth of a voxel of the last sample.
        """
        levels = self.levels(voxels, fractions)
        last = np.array(self._grid.shape, np.int32) - 1
        on_box = ((voxels <= 0) | (voxels >= last)).any(axis=1) & (levels > 0)
        levels[on_box] *= np.float32(-1e-3)
        return levels


class Lattice:
    """Levels at every ``step``-th voxel, kept in pages of 8^3 nodes that are made when first asked for.

    A new page takes its nodes' sides from the next coarser lattice, and the levels at the nodes both share.

    Attributes:
        step: voxels between neighbouring nodes.
        size: nodes along each axis.
        pages: (p, 3) int32 coordinates of the pages made so far, in units of pages.
    """

    def __init__(self, step: int, size: tuple[int, int, int], parent: "Lattice | None") -> None:
        self.step = step
        self.size = size
        self.pages = np.empty((0, 3), np.int32)
        self._parent = parent
        self._table_shape = tuple(-(-count // PAGE) for count in size)
        # Where each page's levels begin, -1 where there is none.
        self._table = np.full(self._table_shape, -1, np.int64).ravel()
        self._levels = np.empty(0, np.float32)
        self._known = np.empty(0, bool)

    def addresses(self, x: NDArray[Any], y: NDArray[Any], z: NDArray[Any]) -> NDArray[np.int64]:
        """Where nodes' levels are kept; coordinates that broadcast against each other are cheapest."""
        _, rows, columns = self._table_shape
        page = ((x >> 3) * rows + (y >> 3)) * columns + (z >> 3)
        found: NDArray[np.int64] = self._table.take(page)
        if found.min(initial=0) < 0:
            self._make_pages(page[found < 0])
            found = self._table.take(page)
        found += ((x & 7) << 6) + ((y & 7) << 3) + (z & 7)
        return found

    def inside(self, addresses: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether nodes are inside, as far as is known."""
        return self._levels.take(addresses) > 0

    def levels_and_known(self, addresses: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Levels, and which of them were evaluated; only the others' signs mean anything."""
        return self._levels.take(addresses), self._known.take(addresses)

    def page_levels(self) -> NDArray[np.float32]:
        """(p, 8, 8, 8) float32, the levels of each page."""
        return self._levels[: len(self.pages) * PAGE_SIZE].reshape(-1, PAGE, PAGE, PAGE)

    def evaluate(
        self, addresses: Iterable[NDArray[np.int64]], sampler: Sampler, fractions: tuple[float, float]
    ) -> None:
        """Evaluate those of the addresses, given in any number of arrays, whose levels are not known yet."""
        wanted = np.zeros(len(self._known), bool)
        for some in addresses:
            wanted[some.ravel()] = True
        wanted &= ~self._known
        fresh = np.flatnonzero(wanted)
        within = (fresh & (PAGE_SIZE - 1)).astype(np.int32)
        nodes = self.pages[fresh // PAGE_SIZE] * PAGE
        nodes += np.stack([within >> 6, within >> 3 & 7, within & 7], axis=1)
        self._levels[fresh] = sampler.closed_levels(nodes * self.step, fractions)
        self._known[fresh] = True

    def _make_pages(self, missing: NDArray[np.int64]) -> None:
        flags = np.zeros(len(self._table), bool)
        flags[missing] = True
        fresh = np.flatnonzero(flags)
        first, last = len(self.pages), len(self.pages) + len(fresh)
        self._table[fresh] = np.arange(first, last) * PAGE_SIZE
        corners = np.stack(np.unravel_index(fresh, self._table_shape), axis=1).astype(np.int32)
        self.pages = np.concatenate([self.pages, corners])
        if last * PAGE_SIZE > len(self._levels):
            spare = np.empty(max(last, 2 * first) * PAGE_SIZE - len(self._levels), np.float32)
            self._levels = np.concatenate([self._levels, spare])
            self._known = np.concatenate([self._known, np.zeros(len(spare), bool)])
        for chunk in chunks(len(corners), CHUNK // PAGE_SIZE):
            place = slice((first + chunk.start) * PAGE_SIZE, (first + chunk.stop) * PAGE_SIZE)
            self._levels[place], self._known[place] = self._defaults(corners[chunk])

    def _defaults(self, pages: NDArray[np.int32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        if self._parent is None:
            count = len(pages) * PAGE_SIZE
            return np.full(count, -UNKNOWN), np.zeros(count, bool)
        factor = self._parent.step // self.step
        within = np.arange(PAGE, dtype=np.int32)
        axes = [pages[:, axis, None] * PAGE + within for axis in range(3)]
        # A page may reach beyond the lattice; there the outermost nodes, which are outside, continue.
        x, y, z = (np.minimum(axis // factor, count - 1) for axis, count in zip(axes, self._parent.size, strict=True))
        found = self._parent.addresses(x[:, :, None, None], y[:, None, :, None], z[:, None, None, :])
        levels, known = self._parent.levels_and_known(found)
        x, y, z = (axis % factor == 0 for axis in axes)
        known &= x[:, :, None, None] & y[:, None, :, None] & z[:, None, None, :]
        return np.where(known, levels, np.where(levels > 0, UNKNOWN, -UNKNOWN)).ravel(), known.ravel()


@dataclass(frozen=True)
class SampledField:
    """What ``sample`` found out.

    Attributes:
        lattice: levels at every voxel near the surface.
        found_diameter: parts and gaps into which a ball of this diameter (object units) fits were found.
    """

    lattice: Lattice
    found_diameter: float


def sample(field: Field, grid: VoxelGrid, sampler: Sampler) -> SampledField:
    """Sample a field coarse to fine; see the module's docstring for what is guaranteed.

    Raises:
        SurfaceError: nothing is inside, or values are not numbers.
        Cancelled: between batches.
    """
    allowed = field.detail / grid.spacing
    diameter, steps = next((entry for entry in STEPS if entry[0] <= allowed), STEPS[-1])
    cubes = [-(-(count - 1) // steps[0]) for count in grid.shape]
    lattices: list[Lattice] = []
    for step in steps:
        x, y, z = (cube * (steps[0] // step) + 1 for cube in cubes)
        lattices.append(Lattice(step, (x, y, z), lattices[-1] if lattices else None))
    share = SAMPLING_SHARE / len(steps)
    cells = _sample_coarse(lattices[0], steps[1], sampler, share)
    for level, (parent, child) in enumerate(itertools.pairwise(lattices), 1):
        cells = _subdivide(parent, child, cells, sampler, (level * share, (level + 1) * share))
    return SampledField(lattices[-1], diameter * grid.spacing)


def sample_densely(grid: VoxelGrid, sampler: Sampler) -> SampledField:
    """Evaluate every sample of the grid: what ``sample`` is measured against.

    Raises:
        SurfaceError: nothing is inside, or values are not numbers.
        Cancelled: between batches.
    """
    lattice = Lattice(1, grid.shape, None)
    x, y, z = np.ogrid[: grid.shape[0], : grid.shape[1], : grid.shape[2]]
    everything = lattice.addresses(x, y, z)
    lattice.evaluate([everything], sampler, (0.0, SAMPLING_SHARE))
    if not lattice.inside(everything).any():
        raise _nothing()
    return SampledField(lattice, 3**0.5 * grid.spacing)


def _nothing() -> SurfaceError:
    return SurfaceError("Nothing was reconstructed from this photo.", "Check the cut-out, or try another photo.")


def _sample_coarse(lattice: Lattice, next_step: int, sampler: Sampler, share: float) -> Cells:
    """Evaluate all nodes and cell centres; return the cells whose samples do not agree."""
    x, y, z = np.ogrid[: lattice.size[0], : lattice.size[1], : lattice.size[2]]
    corners = lattice.addresses(x, y, z)
    lattice.evaluate([corners], sampler, (0.0, share / 2))
    cells = np.indices([count - 1 for count in lattice.size], np.int32).reshape(3, -1)
    centres = cells.T * lattice.step + next_step * (lattice.step // next_step // 2)
    # Not kept for the finer lattice: the few that lie near the surface are cheaper evaluated twice than stored.
    some = every = sampler.closed_levels(centres, (share / 2, share)) > 0
    for part in _corner_views(lattice.inside(corners)):
        some, every = some | part.ravel(), every & part.ravel()
    if not some.any():
        raise _nothing()
    return cells[:, some & ~every]


def _corner_views(nodes: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """The eight corners of every cell, from nodes along the last three axes."""
    ends = (slice(None, -1), slice(1, None))
    for x, y, z in itertools.product(ends, repeat=3):
        yield nodes[..., x, y, z]


def _subdivide(
    parent: Lattice, child: Lattice, cells: Cells, sampler: Sampler, fractions: tuple[float, float]
) -> Cells:
    """Evaluate the child's nodes in the parent's cells, follow the surface into neighbours, return mixed children."""
    factor = parent.step // child.step
    within = np.arange(factor + 1, dtype=np.int32)
    shape = (parent.size[0] - 1, parent.size[1] - 1, parent.size[2] - 1)
    active = np.zeros(shape, bool)
    active[tuple(cells)] = True
    mixed: list[Cells] = []
    while cells.size:
        nodes = []
        for chunk in chunks(cells.shape[1], CHUNK // within.size**3):
            x, y, z = cells[:, chunk, None] * factor + within
            nodes.append(child.addresses(x[:, :, None, None], y[:, None, :, None], z[:, None, None, :]))
        child.evaluate(nodes, sampler, fractions)
        fractions = (fractions[1], fractions[1])
        inside = np.concatenate([child.inside(some) for some in nodes])
        mixed.append(_mixed_children(cells * factor, inside))
        cells = _contradicted_neighbours(parent, cells, inside, active)
    return np.concatenate(mixed, axis=1)


def _mixed_children(lowest: Cells, inside: NDArray[np.bool_]) -> Cells:
    """Children with corners on both sides; ``lowest`` is the first child of each cell."""
    corners = list(_corner_views(inside))
    some, every = corners[0], corners[0]
    for part in corners[1:]:
        some, every = some | part, every & part
    cell, *offset = np.nonzero(some & ~every)
    return lowest[:, cell] + np.stack(offset).astype(np.int32)


def _contradicted_neighbours(
    parent: Lattice, cells: Cells, inside: NDArray[np.bool_], active: NDArray[np.bool_]
) -> Cells:
    """Neighbours taken to lie on one side, whose shared face has samples on the other; marks them active."""
    found: list[Cells] = []
    for axis, end in itertools.product(range(3), (0, -1)):
        face = inside.take(end, axis=axis + 1).reshape(len(inside), -1)
        neighbours = cells.copy()
        neighbours[axis] += 1 if end else -1
        there = (neighbours[axis] >= 0) & (neighbours[axis] < active.shape[axis])
        there[there] = ~active[tuple(neighbours[:, there])]
        neighbours = neighbours[:, there]
        side = parent.inside(parent.addresses(*neighbours))
        neighbours = neighbours[:, (face[there] != side[:, None]).any(axis=1)]
        # Marked here, a cell is not found again from its other faces; each cell has one neighbour this way.
        active[tuple(neighbours)] = True
        found.append(neighbours)
    return np.concatenate(found, axis=1)
