# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts: a surface cut into few large pieces that lie flat, ready to be packed into a texture.

Projecting a bumpy surface face by face makes confetti: thousands of islands whose colours bleed into each other.
Here the *shape* decides, not its bumps: a smoothed copy of the surface is sorted by which of the six axis directions
each part faces (so that the front of the object, which the photo shows, stays one island seen straight on), the
borders are straightened, small pieces join their neighbours, pieces that would cover themselves are split, and each
is projected along its own mean normal. Packing is the next step, see ``scene/unwrap.py``: it needs only the outlines
made here, a few hundred points instead of the whole mesh.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .monitor import Monitor

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]

SMOOTHING = 0.05
"""Steps of smoothing for the copy that is projected, times the root of the number of faces: bumps, whose width counts
in faces on a dense mesh, go; a coarse mesh keeps its shape."""

NORMAL_SMOOTHING = 0.2
"""Likewise the further steps for the normals alone, which decide the charts' borders."""

MOST_STEPS, MOST_NORMAL_STEPS = 10, 40
"""However dense the mesh."""

BORDER_STEPS = 8
"""Rounds in which a face may change sides to shorten the border."""

BORDER_WEIGHT = 0.25
"""What agreeing with all four neighbours is worth, against the cosine to the projection direction."""

SMALL_SHARE = 0.004
"""Charts below this share of the surface join a neighbour where it faces a similar direction."""

FACING_LIMIT = 0.25
"""Cosine of the steepest angle (75 degrees) at which a chart may join a neighbour's projection."""

LAYER_DISTANCE = 4.0
"""Faces this many edge lengths below others of the same chart, at the same place, are a second layer."""

TURN_GAIN = 0.9
"""A chart is turned only if its bounding box shrinks to this share."""

CUT_ROUNDS = 4
"""Times that a chart, and then its pieces, may be cut."""

CUT_FACES = 64
"""Charts of fewer faces are not cut."""

CUT_CELLS = 32
"""Places along a chart's longer side where it may be cut."""

CUT_FILL = 0.6
"""Charts that fill more of their box are not cut."""

CUT_GAIN = 0.75
"""A cut must shrink the boxes to this share."""


@dataclass(frozen=True)
class Charts:
    """A surface cut into flat pieces that are not yet packed: all lie around the origin, one over the other.

    Attributes:
        labels: (m,) int32, each face's chart, 0 to c - 1.
        uvs: (m, k, 2) float32, the face corners in their chart's plane, in object units: a chart's area here is its
            area on the surface.
    """

    labels: NDArray[np.int32]
    uvs: NDArray[np.float32]

    def packed(self, placements: NDArray[np.float32]) -> NDArray[np.float32]:
        """Corner UVs (m, k, 2) float32 within 0..1.

        Args:
            placements: (c, 2, 3) float32, each chart's affine map into the unit square.
        """
        uvs = _turned(self.uvs, placements[:, :, :2], self.labels) + placements[self.labels][:, None, :, 2]
        return np.clip(uvs, 0.0, 1.0).astype(np.float32)


def make_charts(vertices: NDArray[np.float32], faces: NDArray[np.int32], monitor: Monitor) -> Charts:
    """Cut a surface into charts.

    Args:
        vertices: (n, 3) float32, object frame.
        faces: (m, k) int32 with k = 3 or 4, counter-clockwise seen from outside; m at least 1.
        monitor: asked for cancellation between the steps.
    """
    neighbours = _face_neighbours(faces, len(vertices))
    extent = float(np.sqrt(len(faces)))
    smooth = _smoothed(vertices, faces, min(round(SMOOTHING * extent), MOST_STEPS))
    monitor.progress(0.3)
    vectors = _area_vectors(smooth[faces])
    normals = _smoothed_normals(vectors, neighbours, min(round(NORMAL_SMOOTHING * extent), MOST_NORMAL_STEPS))
    sides = _sides(normals, neighbours)
    monitor.progress(0.5)
    areas = np.linalg.norm(_area_vectors(vertices[faces]), axis=1)
    labels = _components(sides, neighbours)
    labels = _joined(labels, neighbours, areas, normals)
    monitor.progress(0.6)
    labels = _without_layers(labels, neighbours, smooth[faces], normals)
    labels = _joined(labels, neighbours, areas, normals, SMALL_SHARE / 20)
    monitor.progress(0.8)
    uvs = _projected(labels, neighbours, smooth[faces], vectors, areas)
    cut = _without_frames(labels, neighbours, uvs)
    if cut.max() > labels.max():
        labels, uvs = cut, _projected(cut, neighbours, smooth[faces], vectors, areas)
    return Charts(labels.astype(np.int32), uvs.astype(np.float32))


def _face_neighbours(faces: Ints, vertex_count: int) -> Ints:
    """(m, k) the face across each edge; the face itself at borders and at edges of more than two faces."""
    count, corners = faces.shape
    following = np.roll(faces, -1, axis=1)
    keys = (np.minimum(faces, following).astype(np.int64) * vertex_count + np.maximum(faces, following)).ravel()
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    same = ordered[1:] == ordered[:-1]
    pair = same.copy()
    pair[1:] &= ~same[:-1]
    pair[:-1] &= ~same[1:]
    first, second = order[:-1][pair], order[1:][pair]
    neighbours = np.repeat(np.arange(count), corners)
    neighbours[first], neighbours[second] = second // corners, first // corners
    return neighbours.reshape(count, corners)


def _smoothed(vertices: Floats, faces: Ints, steps: int) -> Floats:
    """Vertices (n, 3) float32 moved ``steps`` times to the mean of their faces' centres."""
    flat, sides = faces.ravel(), np.ascontiguousarray(faces.T)
    around = np.argsort(flat, kind="stable") // len(sides)
    counts = np.bincount(flat, minlength=len(vertices))
    used = np.flatnonzero(counts)
    starts = (np.cumsum(counts) - counts)[used]
    weight = (1.0 / len(sides) / counts[used]).astype(np.float32)
    moved = vertices.copy()
    for axis in range(3):
        column = moved[:, axis].copy()
        for _ in range(steps):
            centres = sum((column[side] for side in sides[1:]), column[sides[0]])
            column[used] = weight * np.add.reduceat(centres[around], starts)
        moved[:, axis] = column
    return moved


def _area_vectors(corners: Floats) -> Floats:
    """Corners (m, k, 3) to normals (m, 3) whose length is the face's area."""
    if corners.shape[1] == 4:
        return np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]) * 0.5
    return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) * 0.5


def _smoothed_normals(vectors: Floats, neighbours: Ints, steps: int) -> Floats:
    """Unit normals (m, 3) float32 of area vectors averaged over neighbours ``steps`` times."""
    across = np.ascontiguousarray(neighbours.T)
    smooth = []
    for column in vectors.astype(np.float32).T:
        total = np.ascontiguousarray(column)
        for _ in range(steps):
            total = sum((total[side] for side in across), total) * np.float32(1.0 / (len(across) + 1))
        smooth.append(total)
    normals = np.stack(smooth, axis=1)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)


def _sides(normals: Floats, neighbours: Ints) -> Ints:
    """(m,) 0 to 5: the axis direction each face belongs to, with short borders between them.

    Iterated conditional modes on a Potts model (Besag 1986): the cosine says which direction suits the face, the
    neighbours' choices keep the border straight.
    """
    fit = np.concatenate([normals, -normals], axis=1)
    choice = fit.argmax(axis=1)
    rows = np.arange(len(fit))
    bonus = np.float32(BORDER_WEIGHT / neighbours.shape[1])
    for _ in range(BORDER_STEPS):
        score = fit.copy()
        for side in neighbours.T:
            score[rows, choice[side]] += bonus
        choice = score.argmax(axis=1)
    return choice


def _components(classes: Ints, neighbours: Ints) -> Ints:
    """(m,) numbers 0.. of the connected pieces of equal class.

    Label propagation with hooking of roots and pointer jumping: logarithmic in the pieces' extent, as a loop over
    faces would be slow in Python.
    """
    here = np.arange(len(classes), dtype=np.int32)
    linked = [np.where(classes[side] == classes, side, here) for side in neighbours.T.astype(np.int32)]
    labels = here
    while True:
        lowest = labels
        for side in linked:
            lowest = np.minimum(lowest, labels[side])
        hooked = labels.copy()
        np.minimum.at(hooked, labels, lowest)
        hooked = np.minimum(hooked, lowest)
        hooked = hooked[hooked[hooked]]
        if np.array_equal(hooked, labels):
            return np.unique(labels, return_inverse=True)[1].reshape(-1)
        labels = hooked


def _joined(labels: Ints, neighbours: Ints, areas: Floats, normals: Floats, share: float = SMALL_SHARE) -> Ints:
    """Labels (m,) after each chart below ``share`` joined the neighbour with the longest common border.

    A chart joins only where it faces the neighbour's way; smallest charts go first, so that crumbs grow together
    before they join something large.
    """
    count = int(labels.max()) + 1
    size = np.bincount(labels, areas, minlength=count).astype(np.float64)
    mean: Floats = np.stack(
        [np.bincount(labels, areas * normals[:, axis], minlength=count) for axis in range(3)], axis=1
    )
    border: list[dict[int, int]] = [{} for _ in range(count)]
    here, there = np.repeat(labels, neighbours.shape[1]), labels[neighbours].ravel()
    pairs, lengths = np.unique((here * count + there)[here != there], return_counts=True)
    for pair, length in zip(pairs.tolist(), lengths.tolist(), strict=True):
        border[pair // count][pair % count] = length
    parent = np.arange(count)
    limit = share * areas.sum()
    for chart in np.argsort(size).tolist():
        if size[chart] >= limit:
            continue
        for other in sorted(border[chart], key=lambda key: -border[chart][key]):
            cosine = mean[chart] @ mean[other]
            if cosine < FACING_LIMIT * np.linalg.norm(mean[chart]) * np.linalg.norm(mean[other]):
                continue
            _merge(chart, other, size, mean, border)
            parent[chart] = other
            break
    while not np.array_equal(parent, parent[parent]):
        parent = parent[parent]
    return np.unique(parent[labels], return_inverse=True)[1].reshape(-1)


def _merge(chart: int, into: int, size: Floats, mean: Floats, border: list[dict[int, int]]) -> None:
    """Add a chart's size, mean normal and borders to another's."""
    size[into] += size[chart]
    mean[into] += mean[chart]
    for other, length in border[chart].items():
        del border[other][chart]
        if other != into:
            border[other][into] = border[into][other] = border[into].get(other, 0) + length


def _frames(labels: Ints, vectors: Floats) -> Floats:
    """(c, 3, 3) per chart: rows are the plane's right and up and the mean normal."""
    count = int(labels.max()) + 1
    normal: Floats = np.stack([np.bincount(labels, vectors[:, axis], minlength=count) for axis in range(3)], axis=1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    # Keep the object's up direction up in the texture; charts seen from above or below have the back up.
    vertical = np.abs(normal[:, 2]) > 0.9
    reference = np.where(vertical[:, None], np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]))
    right = np.cross(reference, normal)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-30)
    return np.stack([right, np.cross(normal, right), normal], axis=1)


def _without_layers(labels: Ints, neighbours: Ints, corners: Floats, normals: Floats) -> Ints:
    """Labels (m,) after parts that lie behind others of their own chart became charts themselves.

    Seen along a chart's mean normal, faces are binned into cells of one and a half edge lengths; where a cell holds
    faces at clearly different heights, the lower ones are a second layer. Repeated for spirals.
    """
    centres = corners.mean(axis=1)
    edge = float(np.median(np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)))
    for _ in range(4):
        frames = _frames(labels, normals)
        local = _turned(centres[:, None], frames, labels)[:, 0]
        cells = np.floor(local[:, :2] / (1.5 * edge)).astype(np.int64)
        cells -= cells.min(axis=0)
        span = cells.max(axis=0) + 1
        key = (labels * span[0] + cells[:, 0]) * span[1] + cells[:, 1]
        _, cell = np.unique(key, return_inverse=True)
        cell = cell.reshape(-1)
        top = np.full(int(cell.max()) + 1, -np.inf)
        np.maximum.at(top, cell, local[:, 2])
        below = top[cell] - local[:, 2] > LAYER_DISTANCE * edge
        if not below.any():
            return labels
        # A neighbour of a lower face that is low itself by half the distance belongs to the same layer.
        labels = _components(labels * 2 + below, neighbours)
    return labels


def _projected(labels: Ints, neighbours: Ints, corners: Floats, vectors: Floats, areas: Floats) -> Floats:
    """(m, k, 2) corners in their chart's plane, each chart turned to fit a small box and scaled to its area."""
    frames = _frames(labels, vectors)
    flat = _turned(corners, frames[:, :2], labels)
    count = len(frames)
    covered = np.bincount(labels, _flat_areas(flat), minlength=count)
    wanted = np.bincount(labels, areas, minlength=count)
    turns = _turns(labels, neighbours, flat, count) * np.sqrt(wanted / np.maximum(covered, 1e-12))[:, None, None]
    return _turned(flat, turns, labels)


def _turned(corners: Floats, matrices: Floats, labels: Ints) -> Floats:
    """Corners (m, k, j) times their chart's matrix (c, i, j): (m, k, i)."""
    rows = []
    for matrix in matrices.astype(corners.dtype).transpose(1, 2, 0):
        terms = (corners[:, :, axis] * entry[labels][:, None] for axis, entry in enumerate(matrix))
        rows.append(sum(terms, np.zeros((), corners.dtype)))
    return np.stack(rows, axis=-1)


def _turns(labels: Ints, neighbours: Ints, flat: Floats, count: int) -> Floats:
    """(c, 2, 2) rotations after which the charts' bounding boxes are small; none where little would be won.

    Charts stay upright where they can: an artist who paints on the texture finds the front as the photo shows it.
    """
    rim = ((labels[neighbours] != labels[:, None]) | (neighbours == np.arange(len(labels))[:, None])).any(axis=1)
    rim[np.unique(labels, return_index=True)[1]] = True
    order = np.flatnonzero(rim)[np.argsort(labels[rim], kind="stable")]
    starts = np.searchsorted(labels[order], np.arange(count))
    points = flat[order]
    angles = np.radians(np.arange(0.0, 90.0, 5.0))
    boxes = np.empty((len(angles), count))
    for index, angle in enumerate(angles):
        box = np.ones(count)
        for axis in (np.array([np.cos(angle), -np.sin(angle)]), np.array([np.sin(angle), np.cos(angle)])):
            along = points @ axis
            box *= np.maximum.reduceat(along.max(axis=1), starts) - np.minimum.reduceat(along.min(axis=1), starts)
        boxes[index] = box
    angle = np.where(boxes.min(axis=0) < TURN_GAIN * boxes[0], angles[boxes.argmin(axis=0)], 0.0)
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cosine, -sine], axis=1), np.stack([sine, cosine], axis=1)], axis=1)


def _without_frames(labels: Ints, neighbours: Ints, flat: Floats) -> Ints:
    """Labels (m,) after charts that waste most of their box, like a frame or a U, were cut into bars.

    Such a chart is cut by the straight line after which the boxes of its pieces are smallest, again and again while
    that pays.
    """
    centres = flat.mean(axis=1)
    for _ in range(CUT_ROUNDS):
        order = np.argsort(labels, kind="stable")
        ends = np.cumsum(np.bincount(labels))
        sides = np.zeros(len(labels), np.int64)
        for start, end in zip((ends - np.bincount(labels)).tolist(), ends.tolist(), strict=True):
            faces = order[start:end]
            if len(faces) >= CUT_FACES:
                sides[faces] = _cut(centres[faces])
        if not sides.any():
            break
        labels = _components(labels * 2 + sides, neighbours)
    return labels


def _cut(points: Floats) -> Ints:
    """(p,) side of the best straight cut through points (p, 2); all 0 if no cut pays."""
    low, size = points.min(axis=0), np.ptp(points, axis=0)
    cell = max(size.max() / CUT_CELLS, 2.0 * float(np.sqrt(size[0] * size[1] / len(points))))
    cells = np.floor((points - low) / cell).astype(np.int64)
    picture = np.zeros(cells.max(axis=0) + 1, bool)
    picture[cells[:, 0], cells[:, 1]] = True
    if picture.mean() > CUT_FILL:
        return np.zeros(len(points), np.int64)
    best = (CUT_GAIN * picture.size, 0, 0)
    for axis in (0, 1):
        view = picture if axis == 0 else picture.T
        for place in range(1, len(view)):
            length = int((view[place - 1] & view[place]).sum())
            cost = _boxes(view[:place]) + _boxes(view[place:]) + 2.0 * length
            best = min(best, (cost, axis, place))
    return np.where(best[2] > 0, cells[:, best[1]] >= best[2], False).astype(np.int64)


def _boxes(picture: NDArray[np.bool_]) -> float:
    """Area of the boxes around the parts of a picture that empty columns separate."""
    columns = picture.any(axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], columns, [False]]).astype(np.int8)))
    total = 0
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        rows = np.flatnonzero(picture[:, start:end].any(axis=1))
        total += (end - start) * (int(rows[-1]) - int(rows[0]) + 1)
    return float(total)


def _flat_areas(flat: Floats) -> Floats:
    """Absolute areas (m,) of polygons (m, k, 2)."""
    x, y = flat[:, :, 0], flat[:, :, 1]
    return np.abs((x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)) * 0.5
