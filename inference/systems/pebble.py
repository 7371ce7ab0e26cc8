# SPDX-License-Identifier: GPL-3.0-or-later
"""Pebble, the network bundled with the extension: one photo, under a second on two cores, a coarse but whole object.

The network (``training/network.py``) sees the framed crop and predicts along each of 96 x 96 rays where the ray first
enters and last leaves the object, which stretches between are solid, and both surfaces' colours. Its coordinates are
the crop's own: u to the right and v downwards, -1 to 1 across the window, and w away from the camera, all in units of
the window's half-size in the plane through the origin. ``PebbleField`` inverts that with the code's camera, so that a
column of the prediction is a ray of the photo.

The silhouette is not left to the network: the field is cut along the photo's own alpha, and every ray inside it keeps
a shell of material, so the result covers exactly the pixels that the cut-out covers.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..camera import Camera
from ..code import Code
from ..errors import CutoutError, ModelError
from ..fields import Appearance, Points
from ..framing import FramedPhoto, FramingSettings
from ..monitor import Monitor
from ..runtime import Runtime
from ..sentence import Sentence
from . import GRAPHS, SystemCard
from .silhouette import SILHOUETTE, gaussian, silhouette_distance

Array = NDArray[np.float32]
Outputs = dict[str, NDArray[Any]]

PHOTO = 192
"""Pixels along each side of the network's input (``PHOTO`` in ``training/network.py``)."""

MAPS, BINS = 96, 64
"""Rays along each side, and logits along each ray (``training/network.py``)."""

DEPTH_RANGE = 1.3
"""The logits span w from -1.3 to 1.3 (``training/network.py``)."""

GREY = 127.0
"""What replaces the background, 0..255, as in training (``composite`` in ``training/data/views.py``)."""

SOFTNESS = 0.02
"""Half-sizes per logit near a surface: the occupancy target's softness in ``training/train.py``."""

BIAS = -0.4
"""Added to all logits; found on validation objects (F-score at 0.1: 0.719, against 0.717 at 1 and 0.715 where all is
solid). Emptier makes no holes, since there is always a wall."""

LIMIT = 0.05
"""Half-sizes beyond which distances to inner surfaces are cut off; farther ones carry no information."""

FAR = 0.2
"""Half-sizes along a ray beyond which distances to the first and last surface are cut off."""

MIN_THICKNESS = 0.045
"""Least thickness of anything, half-sizes: about two rays' spacing, so that walls survive sampling."""

WALL, JOINT = float(np.cos(np.arctan(12))), float(np.cos(np.arctan(16)))
"""``facing`` of a surface from which on it has a wall, and up to which it has none. A table top seen from five degrees
above its plane has a slope of 11. Lower limits score better (F-score at 0.1 on 24 validation objects: 0.717 with slopes
of 6 and 10, against 0.709), but leave slits where a photo looks along a surface, which nobody wants to mend."""

LEAST_FACING = 0.3
"""``facing`` below which thin parts are not lengthened further."""

BLEND = 0.02
"""Width over which two surfaces are rounded where they meet, half-sizes."""

THINNEST = MIN_THICKNESS / 2 - BLEND / 4
"""What the field reaches in the middle of the thinnest walls: half their thickness, less what the rounding takes."""

BORNE = 0.3
"""Share of ``THINNEST`` up to which the iso level may rise: with half of it, two of eight example photos have holes."""

BACK_BLUR = 1.2
"""Standard deviation of the hidden surface's smoothing, rays. Nothing is known there that would be finer."""

BACK_COLOR_BLUR = 3.0
"""Standard deviation of the hidden surface's colours, rays. The network shows the front's print there again, faintly
mirrored (14 validation objects from 4 other sides: SSIM 0.697 against 0.692, PSNR 15.61 against 15.54 dB). With a wider
one the figures rise further, but a boot loses its sole's colour."""

HIDDEN_CERTAINTY = 0.0
"""See ``Appearance.certainty``: on the hidden surface the network shows the front's print again, washed out."""

CALM_REACH, CALM_STEP = 1.5, 0.06
"""Standard deviations of the depth maps' bilateral filter: rays, and half-sizes of depth. Without it, print on a flat
box shows as bumps."""

ROUNDING = 0.08
"""Width of the rim along the outline in which the hidden surface comes forward, half-sizes."""

FIT = 0.95
"""The object's largest coordinate in the object frame."""

MAX_LOG_FOV, MIN_LOG_FOV = float(np.log(np.radians(60))), float(np.log(np.radians(8)))
"""Limits for the predicted field of view: somewhat beyond those of the training views (10 to 50 degrees)."""


class Pebble:
    """The bundled system; see ``System``."""

    card = SystemCard(
        id="pebble",
        name="Pebble",
        version="2",
        description="Bundled with the extension: fast and coarse, works offline on any computer",
        good_for="quick looks and simple shapes; needs no download",
        gives="surface, base colour",
        licence="GPL-3.0-or-later AND Apache-2.0 AND MIT",
        licence_url="",
        who_may_use="Everyone, for any purpose",
        source="trained by this project (docs/pebble.md) on features of efficientnet-lite0 and DINOv2",
        checkpoint=None,
        graphs=(GRAPHS / "pebble.onnx",),
        memory_bytes=400_000_000,
        framing=FramingSettings(size=PHOTO, foreground_ratio=0.86, background=(GREY / 255,) * 3),
    )

    def encode(self, framed: FramedPhoto, runtime: Runtime, monitor: Monitor) -> Code:
        """Run the network; see ``System.encode``."""
        photo = np.ascontiguousarray(np.moveaxis(framed.image * 255, -1, 0)[None], np.float32)
        mask = np.ascontiguousarray(framed.mask[None, None], np.float32)
        outputs = predict(lambda inputs: runtime.run(self.card.graphs[0], inputs, monitor), photo, mask)
        arrays, elevation, field_of_view = read_prediction(outputs, framed.cutout[..., 3])
        focal = framed.focal if framed.focal is not None else 1 / np.tan(field_of_view / 2)
        camera = fit_camera(arrays, float(focal), elevation)
        return Code(self.card.id, self.card.version, arrays, camera, framed.window, framed.cutout, {})

    def field(self, code: Code, runtime: Runtime) -> "PebbleField":  # noqa: ARG002 - numpy is enough
        """The code as a function of space, in numpy alone; see ``System.field``."""
        if code.version != self.card.version:
            raise ModelError(
                Sentence(
                    "The stored code was made by Pebble {version}, this is Pebble {current}.",
                    version=code.version,
                    current=self.card.version,
                ),
                "Reconstruct the object from its photo again.",
            )
        return PebbleField(code)


class PebbleField:
    """Signed distance to the surface, roughly, in half-sizes of the window; see ``Field``.

    Code arrays: ``depths`` (2, 96, 96) float16, w of the first and last surface; ``solid`` (64, 96, 96) float16, logits
    from w = -1.3 to 1.3; ``albedo`` (6, 96, 96) uint8, sRGB of the first and of the last surface; ``silhouette``
    (384, 384) float16, half-sizes to the cut-out's edge, positive inside. Rows run from the top.
    """

    iso_level = 0.0
    iso_range = (-0.04, BORNE * THINNEST)

    def __init__(self, code: Code) -> None:
        self._camera = code.camera
        self._distance = float(np.linalg.norm(code.camera.position))
        self._half = self._distance / code.camera.focal
        depths = np.asarray(code.arrays["depths"], np.float32)
        silhouette = np.asarray(code.arrays["silhouette"], np.float32)
        first, last = (enlarge(depth, SILHOUETTE // MAPS) for depth in depths)
        first_facing = facing(first)
        # Along a ray that only grazes it, a part of the least thickness is longer, or it would tear.
        least = MIN_THICKNESS / np.maximum(first_facing, LEAST_FACING)
        last = first + np.maximum((last - first) * roundness(silhouette), least)
        self._maps = np.stack([first, last, silhouette, first_facing, facing(last)])
        self._colors = np.asarray(code.arrays["albedo"], np.float32) / 255
        solid = np.asarray(code.arrays["solid"], np.float32) + BIAS
        solid = np.clip(solid * SOFTNESS, -LIMIT, LIMIT)
        self._solid = np.ascontiguousarray(enlarge(enlarge_depth(solid), 2))
        self.detail = 2 * 2 / MAPS * self._half
        self.lower, self.upper = self._bounds(depths, silhouette)

    def values(self, points: Points) -> Array:
        """(n, 3) -> (n,); see ``Field``."""
        u, v, w, ahead = self._to_window(points)
        first, last, edge, first_facing, last_facing = bilinear(self._maps, u, v)
        # Cut off, because far from a surface the facing of a steep place says nothing and would only make it uneven.
        behind_first = np.clip(w - first, -FAR, FAR) * first_facing
        before_last = np.clip(last - w, -FAR, FAR) * last_facing
        hull = smooth_minimum(behind_first, before_last, BLEND)
        result: Array = np.minimum(hull, edge)
        inner = np.flatnonzero(result > -LIMIT - BLEND)
        stretch = trilinear(self._solid, u[inner], v[inner], w[inner] / DEPTH_RANGE)
        # Whatever the logits say, there is a wall behind the first surface and one before the last, unless they are so
        # steep that they only join two surfaces, one behind the other: such a wall would close a cup's mouth. One of
        # the two there always is.
        last_trust = trust(last_facing[inner])
        first_trust = np.maximum(trust(first_facing[inner]), 1 - last_trust)
        np.maximum(stretch, wall(first_trust) - behind_first[inner], out=stretch)
        np.maximum(stretch, wall(last_trust) - before_last[inner], out=stretch)
        result[inner] = np.minimum(smooth_minimum(hull[inner], stretch, BLEND), edge[inner])
        return np.where(ahead, result, np.float32(-1.0))

    def appearance(self, points: Points) -> Appearance:
        """Colours blended from the front's to the back's along the ray; see ``Field``."""
        u, v, w, _ = self._to_window(points)
        first, last = bilinear(self._maps[:2], u, v)
        share = np.clip((w - first) / np.maximum(last - first, 1e-3), 0, 1)
        share = share * share * (3 - 2 * share)
        colors = bilinear(self._colors, u, v)
        return Appearance(np.ascontiguousarray(_blend(colors[:3], colors[3:], share).T), certainty=HIDDEN_CERTAINTY)

    def _to_window(self, points: Points) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
        """Object frame to u, v, w, and whether each point is in front of the camera."""
        window, depth = self._camera.project(np.asarray(points, np.float32))
        w = (depth - self._distance) / self._half
        return (
            window[:, 0].astype(np.float32),
            -window[:, 1].astype(np.float32),
            w.astype(np.float32),
            depth > 0.05 * self._distance,
        )

    def _bounds(self, depths: Array, silhouette: Array) -> tuple[Array, Array]:
        corners = surface_points(depths, silhouette, self._camera)
        margin = 2 / MAPS * self._half
        lower, upper = corners.min(0) - margin, corners.max(0) + margin
        return np.clip(lower, -1, 1).astype(np.float32), np.clip(upper, -1, 1).astype(np.float32)


def predict(run: Callable[[dict[str, Array]], Outputs], photo: Array, mask: Array) -> Outputs:
    """The mean of what the network says about a photo and about its mirror image, turned back.

    Twice 80 ms for smoother surfaces: the errors of the two are partly independent.

    Args:
        run: runs the network once on named inputs.
        photo: (1, 3, 192, 192), sRGB 0..255 over grey.
        mask: (1, 1, 192, 192), 0..1.
    """
    plain = run({"photo": photo, "mask": mask})
    mirrored = run({"photo": np.ascontiguousarray(photo[..., ::-1]), "mask": np.ascontiguousarray(mask[..., ::-1])})
    return {
        name: (value + (mirrored[name] if name == "camera" else mirrored[name][..., ::-1])) / 2
        for name, value in plain.items()
    }


def read_prediction(outputs: Outputs, alpha: NDArray[np.uint8]) -> tuple[dict[str, NDArray[Any]], float, float]:
    """The network's outputs -> the code's arrays, elevation and field of view (radians).

    Maps are continued smoothly beyond the silhouette, and no ray is thinner than ``MIN_THICKNESS``.

    Raises:
        CutoutError: nothing is inside the silhouette.
    """
    silhouette = silhouette_distance(alpha)
    inside = np.asarray(Image.fromarray(alpha).resize((MAPS, MAPS), Image.Resampling.BOX)) > 127
    if not inside.any():
        # Something thinner than half a ray, all along: what the outline says of it has to do.
        inside = _blocks(silhouette).max((1, 3)) > 0
    if not inside.any():
        raise CutoutError("The cut-out is empty.", "Mark the object in the photo.")
    first, last = outputs["depths"][0].astype(np.float32)
    first, last = calm(first, inside), calm(blur(last, inside, BACK_BLUR), inside)
    first, last = extend(np.stack([first, last]), inside)
    first = np.clip(first, -DEPTH_RANGE + 0.1, DEPTH_RANGE - 0.1)
    last = np.minimum(np.maximum(last, first + MIN_THICKNESS), DEPTH_RANGE)
    albedo = outputs["albedo"][0].astype(np.float32)
    hidden = [blur(channel, inside, BACK_COLOR_BLUR) for channel in albedo[3:]]
    albedo = extend(np.stack([*albedo[:3], *hidden]), inside)
    elevation, log_fov = (float(x) for x in outputs["camera"][0])
    arrays = {
        "depths": np.stack([first, last]).astype(np.float16),
        "solid": np.clip(outputs["solid"][0], -8, 8).astype(np.float16),
        "albedo": np.round(np.clip(albedo, 0, 1) * 255).astype(np.uint8),
        "silhouette": silhouette.astype(np.float16),
    }
    return arrays, elevation, float(np.exp(np.clip(log_fov, MIN_LOG_FOV, MAX_LOG_FOV)))


def surface_points(depths: Array, silhouette: Array, camera: Camera) -> Array:
    """Points of both surfaces inside the silhouette in the object frame, (n, 3)."""
    rows, columns = np.nonzero(_blocks(silhouette).max((1, 3)) > 0)
    window = np.stack([(columns + 0.5) / MAPS * 2 - 1, 1 - (rows + 0.5) / MAPS * 2], -1)
    distance = float(np.linalg.norm(camera.position))
    half = distance / camera.focal
    both = [camera.unproject(window, distance + half * depth[rows, columns].astype(np.float64)) for depth in depths]
    return np.concatenate(both).astype(np.float32)


def _blocks(silhouette: Array) -> Array:
    """(MAPS, n, MAPS, n) a silhouette's pixels by the ray that they belong to, along the first and the third axis."""
    step = SILHOUETTE // MAPS
    return silhouette.reshape(MAPS, step, MAPS, step)


def fit_camera(arrays: dict[str, NDArray[Any]], focal: float, elevation: float) -> Camera:
    """The camera at which the predicted object just fits the object frame's cube."""
    unit = Camera.looking_at_origin(elevation, focal, focal)
    points = surface_points(np.asarray(arrays["depths"], np.float32), np.asarray(arrays["silhouette"]), unit)
    reach = float(np.abs(points).max()) + 2 / MAPS
    return Camera.looking_at_origin(elevation, focal, focal * FIT / reach)


def facing(depth: Array) -> Array:
    """Cosine between the rays and the normals of a depth map: turns distances along rays into distances."""
    down, right = np.gradient(depth, 2 / len(depth))
    result: Array = 1 / np.sqrt(1 + down * down + right * right)
    return result


def trust(facing: Array) -> Array:
    """How much of a wall belongs to a surface of this facing, 0..1."""
    return np.clip((facing - JOINT) / (WALL - JOINT), 0, 1)


def wall(trust: Array) -> Array:
    """Thickness of the wall for this trust, half-sizes; negative enough to have no effect where there is none."""
    return (MIN_THICKNESS + LIMIT) * trust - LIMIT


def roundness(silhouette: Array) -> Array:
    """Share of the thickness that is kept, by distance to the silhouette: a quarter of an ellipse.

    Most things curve towards their outline, where the ray only grazes them; without this, errors of the hidden
    surface would stand as walls along the outline.
    """
    inward = np.clip(silhouette / ROUNDING, 0, 1)
    return np.sqrt(inward * (2 - inward))


def calm(depth: Array, inside: NDArray[np.bool_]) -> Array:
    """Bilateral filter of a depth map within a mask: takes out ripples, leaves steps between surfaces and slopes."""
    radius = int(2 * CALM_REACH + 0.5)
    padded = np.pad(depth, radius)
    known = np.pad(inside.astype(np.float32), radius)
    height, width = depth.shape
    total, weights = np.zeros_like(depth), np.full_like(depth, 1e-9)
    for row in range(2 * radius + 1):
        for column in range(2 * radius + 1):
            window = (slice(row, row + height), slice(column, column + width))
            near = np.exp(-((row - radius) ** 2 + (column - radius) ** 2) / (2 * CALM_REACH**2))
            alike = np.exp(-((padded[window] - depth) ** 2) / np.float32(2 * CALM_STEP**2))
            weight = alike * known[window] * np.float32(near)
            total += weight * padded[window]
            weights += weight
    return np.where(inside, total / weights, depth)


def blur(image: Array, inside: NDArray[np.bool_], sigma: float) -> Array:
    """Blur within a mask, without letting anything in from outside."""
    weight = inside.astype(np.float32)
    return np.where(inside, gaussian(image * weight, sigma) / np.maximum(gaussian(weight, sigma), 1e-6), image)


def extend(images: Array, inside: NDArray[np.bool_]) -> Array:
    """Continue the values inside a mask smoothly over everything outside it; (..., h, w) -> the same."""
    values = np.where(inside, images, 0).astype(np.float32)
    weight = inside.astype(np.float32)
    total, known = values.copy(), weight.copy()
    for sigma in (0.7, 1.5, 3.0, 6.0, 12.0, 40.0):
        spread, amount = gaussian(values, sigma), gaussian(weight, sigma)
        # Coarser blurs only fill where the finer ones found next to nothing.
        share = np.clip(1 - known / 0.05, 0, 1) * (amount > 1e-7)
        total += share * spread / np.maximum(amount, 1e-7)
        known += share
    return np.where(inside, images, total / np.maximum(known, 1e-7)).astype(np.float32)


def enlargement(size: int, factor: int) -> Array:
    """Matrix (size * factor, size) that enlarges a row of samples with the smooth cubic B-spline."""
    place = (np.arange(size * factor) + 0.5) / factor - 0.5
    index = np.floor(place).astype(int)
    t = place - index
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]) / 6
    matrix = np.zeros((size * factor, size), np.float32)
    for offset, weight in zip(range(-1, 3), weights, strict=True):
        np.add.at(matrix, (np.arange(size * factor), np.clip(index + offset, 0, size - 1)), weight)
    return matrix


def enlarge(image: Array, factor: int) -> Array:
    """Enlarge the last two axes smoothly."""
    rows, columns = (enlargement(image.shape[axis], factor) for axis in (-2, -1))
    return np.matmul(np.matmul(rows, image), columns.T)


def enlarge_depth(volume: Array) -> Array:
    """Double the first axis smoothly, (d, h, w) -> (2 d, h, w)."""
    return np.tensordot(enlargement(volume.shape[0], 2), volume, 1)


def smooth_minimum(a: Array, b: Array, width: float) -> Array:
    """Minimum with a round corner (Quilez's polynomial): differs from it only where |a - b| < width."""
    overlap = np.maximum(np.float32(width) - np.abs(a - b), 0) / np.float32(width)
    return np.minimum(a, b) - overlap * overlap * np.float32(width / 4)


def _cells(place: Array, size: int) -> tuple[NDArray[np.intp], Array]:
    """Lower neighbour and fraction for positions -1..1 over ``size`` samples; clamped at the border."""
    scaled = np.clip((place + 1) * (size / 2) - 0.5, 0, size - 1.001)
    index = scaled.astype(np.intp)
    return index, (scaled - index).astype(np.float32)


def bilinear(maps: Array, u: Array, v: Array) -> Array:
    """Sample (c, h, w) maps at u (columns) and v (rows) in -1..1: -> (c, n)."""
    channels, height, width = maps.shape
    row, s = _cells(v, height)
    column, t = _cells(u, width)
    start = row * width + column
    result = np.empty((channels, len(start)), np.float32)
    for samples, flat in zip(result, maps.reshape(channels, -1), strict=True):
        samples[:] = _blend(_lerp(flat, start, t), _lerp(flat, start + width, t), s)
    return result


def trilinear(volume: Array, u: Array, v: Array, w: Array) -> Array:
    """Sample a (d, h, w) volume at u (columns), v (rows) and w (slices) in -1..1: -> (n,)."""
    depth, height, width = volume.shape
    k, r = _cells(w, depth)
    i, s = _cells(v, height)
    j, t = _cells(u, width)
    flat, start = volume.reshape(-1), (k * height + i) * width + j
    near = _blend(_lerp(flat, start, t), _lerp(flat, start + width, t), s)
    start += height * width
    return _blend(near, _blend(_lerp(flat, start, t), _lerp(flat, start + width, t), s), r)


def _blend(a: Array, b: Array, share: Array) -> Array:
    """From a to b."""
    return a + (b - a) * share


def _lerp(flat: Array, start: NDArray[np.intp], share: Array) -> Array:
    """Between each sample and the next one in memory."""
    return _blend(flat.take(start), flat.take(start + 1), share)


SYSTEM = Pebble()
