# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of an object: camera, light, the photo with its faults, and the truth along each ray.

The crop's own coordinates, which the network predicts in (``inference/systems/pebble.py`` inverts
them): u to the right and v downwards in -1..1 across the crop, w away from the camera, all in units
of the crop's half-size in the plane through the middle of the object's depth.
"""

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from inference.cutout import NETWORK_SIZE

from . import backdrops
from .cutouts import Cutter, window
from .render import Camera, Look, Renderer

if TYPE_CHECKING:
    from .tracing import PathTracer

#: Pixels of the photo and mask, and of the depth and colour maps, along each side.
PHOTO, MAPS = 192, 96
#: Pixels rendered along each side before averaging down to PHOTO.
RENDERED = 2 * PHOTO
#: Share of the crop's side that the object's longer side takes; jittered by FILL_JITTER.
FILL, FILL_JITTER = 0.86, 0.05
ELEVATION_MEAN, ELEVATION_SPREAD = np.radians(20.0), np.radians(17.0)
ELEVATION_RANGE = (np.radians(-20.0), np.radians(80.0))
#: Share of the views from far above, as people photograph what lies on their table.
HIGH_CHANCE, HIGH_RANGE = 0.18, (np.radians(38.0), np.radians(75.0))
#: Field of view of the crop, not of the whole photo.
FIELD_OF_VIEW = (np.radians(15.0), np.radians(50.0))
#: Share of the views that are cut out by the product's own network, and how much more than the crop it sees.
CUT_CHANCE, SCENE_RANGE = 0.04, (1.15, 2.2)
#: A network's cut-out is kept if it overlaps the true mask so much and its box is the true one within so
#: much of the crop's side: the crop follows the mask, so that a larger error would be another crop.
MIN_OVERLAP, BOX_TOLERANCE = 0.8, 0.05
#: Share of the views with a floor under the object; the others stand before a wall only.
FLOOR_CHANCE = 0.7


@dataclass
class View:
    """One training view; arrays are indexed [row, column]."""

    photo: np.ndarray  #: (PHOTO, PHOTO, 3) uint8 sRGB, background replaced by grey
    mask: np.ndarray  #: (PHOTO, PHOTO) uint8, the faulty mask that the network sees
    true_mask: np.ndarray  #: (PHOTO, PHOTO) uint8
    depths: np.ndarray  #: (2, MAPS, MAPS) float16, w of the first and last surface, NaN where empty
    albedo: np.ndarray  #: (2, MAPS, MAPS, 3) uint8 sRGB of the first and last surface
    camera: np.ndarray  #: (16,) float32: eye 3, basis 9, tan(fov / 2), middle depth, elevation, fov


def sample_camera(model_points: np.ndarray, rng: np.random.Generator) -> tuple[Camera, float, float]:
    """A camera whose crop is centred on the object. Returns it, its elevation, the middle depth."""
    azimuth = rng.uniform(0, 2 * np.pi)
    elevation = float(np.clip(rng.normal(ELEVATION_MEAN, ELEVATION_SPREAD), *ELEVATION_RANGE))
    if rng.random() < HIGH_CHANCE:
        elevation = float(rng.uniform(*HIGH_RANGE))
    fov = float(np.exp(rng.uniform(*np.log(FIELD_OF_VIEW))))
    tangent = np.tan(fov / 2)
    fill = FILL + rng.uniform(-FILL_JITTER, FILL_JITTER)
    backwards = np.array([np.cos(elevation) * np.sin(azimuth), -np.cos(elevation) * np.cos(azimuth), np.sin(elevation)])
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    basis = np.stack([right, np.cross(backwards, right), backwards])
    offset = rng.uniform(-0.02, 0.02, 2)
    target, distance = np.zeros(3), 1.5 / tangent + 1.0
    for _ in range(6):
        eye = target + distance * backwards
        local = (model_points - eye) @ basis.T
        depth = np.maximum(-local[:, 2], 0.05)
        plane = local[:, :2] / depth[:, None] / tangent
        low, high = plane.min(0), plane.max(0)
        middle = (depth.min() + depth.max()) / 2
        shift = (low + high) / 2 - offset
        target = target + (shift * tangent * middle) @ basis[:2]
        distance = max(distance * (high - low).max() / 2 / fill, 1.8)
    camera = Camera(target + distance * backwards, basis, float(tangent))
    local = camera.to_camera(model_points)
    return camera, elevation, float(-(local[:, 2].min() + local[:, 2].max()) / 2)


def sample_look(rng: np.random.Generator, pattern: dict[str, object]) -> Look:
    """Random lights: a warm or cool key, a weak fill, and a sky that differs from the ground."""

    def direction(height: tuple[float, float]) -> tuple[float, ...]:
        angle, up = rng.uniform(0, 2 * np.pi), rng.uniform(*height)
        flat = np.sqrt(1 - up * up)
        return (float(flat * np.cos(angle)), float(flat * np.sin(angle)), float(up))

    def tint(strength: float, colour: float) -> tuple[float, ...]:
        return tuple(float(x) for x in strength * (1 + rng.uniform(-colour, colour, 3)))

    ambient = rng.uniform(0.3, 0.85)
    glossy = rng.random() < 0.5
    return Look(
        {
            "key_direction": direction((0.1, 0.98)),
            "key_color": tint(rng.uniform(0.2, 1.0), 0.15),
            "fill_direction": direction((-0.2, 0.9)),
            "fill_color": tint(rng.uniform(0.0, 0.35), 0.2),
            "sky": tint(ambient, 0.08),
            "ground": tint(ambient * rng.uniform(0.3, 0.9), 0.12),
            "gloss": float(rng.uniform(0.05, 0.5)) if glossy else 0.0,
            "shininess": float(np.exp(rng.uniform(1.5, 4.5))),
            "occlusion": float(rng.uniform(0.5, 1.0)),
            "hardness": float(np.exp(rng.uniform(1.0, 3.2))),
            **pattern,
        }
    )


def sample_pattern(rng: np.random.Generator, chance: float) -> dict[str, object]:
    """A two-colour solid pattern over the object, or none."""
    if rng.random() > chance:
        return {"pattern": 0.0}
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0] * np.exp(rng.uniform(0.7, 2.8, (3, 1)))
    return {
        "pattern": float(rng.uniform(0.4, 1.0)),
        "pattern_color": tuple(float(x) for x in rng.uniform(0.03, 0.95, 3)),
        "pattern_axes": tuple(float(x) for x in axes.T.ravel()),
    }


def spoil_mask(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Errors as a 320-pixel cut-out network makes them: soft wandering edges, small parts lost."""
    size = mask.shape[0]
    if rng.random() < 0.25:
        return mask
    sigma = float(np.exp(rng.uniform(np.log(0.5), np.log(2.2))))
    soft = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    noise = ndimage.zoom(rng.normal(size=(13, 13)), size / 13, order=3)[:size, :size]
    limit = 0.5 + rng.uniform(-0.12, 0.12) + rng.uniform(0, 0.13) * noise
    return soft > np.clip(limit, 0.12, 0.88)


def spoil_photo(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Camera faults: exposure, white balance, contrast, blur, noise, JPEG. (H, W, 3) in 0..1."""
    balance = 0.06 if rng.random() < 0.8 else 0.15
    # A camera's automatic exposure goes some way towards a middle brightness; the rest is chance.
    automatic = (0.45 / max(float(image.mean()), 0.1)) ** rng.uniform(0.3, 0.9)
    image = image * np.clip(automatic, 0.75, 2.0) * np.exp(rng.normal(0, 0.15)) * np.exp(rng.normal(0, balance, 3))
    image = np.clip(image, 0, 1) ** np.exp(rng.normal(0, 0.15))
    if rng.random() < 0.4:
        image = ndimage.gaussian_filter(image, (*(rng.uniform(0.3, 1.3),) * 2, 0))
    if rng.random() < 0.15:
        image = _small_photo(image, int(rng.integers(64, 150)))
    if rng.random() < 0.5:
        image = image + rng.normal(0, rng.uniform(0.005, 0.035), image.shape)
    result = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.5:
        buffer = io.BytesIO()
        Image.fromarray(result).save(buffer, "JPEG", quality=int(rng.integers(35, 92)))
        result = np.asarray(Image.open(buffer))
    return result


def _small_photo(image: np.ndarray, size: int) -> np.ndarray:
    """As if the crop had been only ``size`` pixels large."""
    small = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8)).resize((size, size), Image.Resampling.BOX)
    return np.asarray(small.resize(image.shape[1::-1], Image.Resampling.BICUBIC), np.float32) / 255


def backdrop(renderer: Renderer, camera: Camera, look: Look, size: int, seed: int) -> np.ndarray:
    """What is behind and under the loaded object: wall, floor and its shadow. (size, size, 3) in 0..1.

    Two cameras that look the same way see the same backdrop where they have the same ``seed``.
    """
    picture, floor = surroundings(camera, size, seed)
    if floor is not None:
        drawn = renderer.draw_floor(camera, look, size, *floor).astype(np.float32) / 255
        picture += drawn[..., 3:] * (drawn[..., :3] - picture)
    return picture


def surroundings(camera: Camera, size: int, seed: int) -> tuple[np.ndarray, backdrops.Floor | None]:
    """The wall, (size, size, 3) in 0..1, and the floor if there is one."""
    rng = np.random.default_rng(seed)
    wall = backdrops.wall(rng, size)
    has_floor = rng.random() < FLOOR_CHANCE and camera.basis[2, 2] > 0.02
    return wall, backdrops.floor(rng) if has_floor else None


def trace_scene(tracer: "PathTracer", camera: Camera, look: Look, seed: int) -> np.ndarray:
    """The loaded object before what ``backdrop`` shows too, path-traced: (PHOTO, PHOTO, 3) float32 in 0..1."""
    wall, floor = surroundings(camera, PHOTO, seed)
    picture = tracer.draw_photo(camera, look, PHOTO, floor, seed)
    return picture[..., :3] + wall * (1 - picture[..., 3:])


def composite(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Replace what is outside the mask by middle grey, as the product does before encoding."""
    alpha = mask[..., None].astype(np.float32) / 255
    return (photo * alpha + 127.0 * (1 - alpha) + 0.5).astype(np.uint8)


def cut_out(renderer: Renderer, cutter: Cutter, camera: Camera, look: Look, seed: int, zoom: float) -> np.ndarray:
    """The mask that the product's network finds in the wider scene, over the crop: (PHOTO, PHOTO) float32."""
    wide = replace(camera, half_tangent=camera.half_tangent * zoom)
    picture = renderer.draw_photo(wide, look, NETWORK_SIZE)
    scene = picture[..., :3] + backdrop(renderer, wide, look, NETWORK_SIZE, seed) * (1 - picture[..., 3:])
    return window(cutter.cut((np.clip(scene, 0, 1) * 255).astype(np.uint8)), 1 / zoom, PHOTO)


def is_usable(mask: np.ndarray, true_mask: np.ndarray) -> bool:
    """Whether a cut-out (bool) would still give about this crop."""
    if (mask & true_mask).sum() < MIN_OVERLAP * (mask | true_mask).sum():
        return False
    boxes = [np.array([np.flatnonzero(m.any(axis))[[0, -1]] for axis in (0, 1)]) for m in (mask, true_mask)]
    return bool(np.abs(boxes[0] - boxes[1]).max() <= BOX_TOLERANCE * mask.shape[0])


def make_view(
    renderer: Renderer,
    points: np.ndarray,
    pattern: dict,
    rng: np.random.Generator,
    cutter: Cutter | None = None,
    tracer: "PathTracer | None" = None,
) -> View:
    """Render one view of the loaded model. ``points``: (n, 3) of its surface, for framing.

    ``tracer``, with the same model loaded, makes the photo unless the view is cut out by ``cutter``, which saw the
    drawn one. Nothing else depends on it.
    """
    camera, elevation, middle = sample_camera(points, rng)
    look = sample_look(rng, pattern)
    seed = int(rng.integers(2**31))
    layers = [renderer.draw(camera, look, MAPS, last) for last in (False, True)]
    picture = renderer.draw_photo(camera, look, PHOTO)
    true_mask = picture[..., 3] > 0.5
    mask = spoil_mask(true_mask, rng)
    edge = np.asarray(Image.fromarray((mask * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6)))
    if cutter is not None and rng.random() < CUT_CHANCE:
        cut = cut_out(renderer, cutter, camera, look, seed, float(rng.uniform(*SCENE_RANGE)))
        if is_usable(cut > 0.5, true_mask):
            edge = np.round(np.clip(cut, 0, 1) * 255).astype(np.uint8)
            tracer = None
    if tracer is not None:
        scene = trace_scene(tracer, camera, look, seed)
    else:
        scene = picture[..., :3] + backdrop(renderer, camera, look, PHOTO, seed) * (1 - picture[..., 3:])
    photo = spoil_photo(scene, rng)
    half_size = middle * camera.half_tangent
    depths = np.stack([layer.depth for layer in layers])
    depths = np.where(depths > 0, (depths - middle) / half_size, np.nan)
    albedo = np.stack([layer.albedo for layer in layers])
    numbers = [*camera.eye, *camera.basis.ravel(), camera.half_tangent, middle, elevation]
    return View(
        photo=composite(photo, edge),
        mask=edge,
        true_mask=(true_mask * 255).astype(np.uint8),
        depths=depths.astype(np.float16),
        albedo=albedo,
        camera=np.array([*numbers, 2 * np.arctan(camera.half_tangent)], np.float32),
    )
