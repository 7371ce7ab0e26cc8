# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of an object: camera, light, the photo with its faults, and the truth along each ray.

The crop's own coordinates, which the network predicts in (``inference/systems/pebble.py`` inverts
them): u to the right and v downwards in -1..1 across the crop, w away from the camera, all in units
of the crop's half-size in the plane through the middle of the object's depth.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from .render import Camera, Look, Renderer

#: Pixels of the photo and mask, and of the depth and colour maps, along each side.
PHOTO, MAPS = 192, 96
#: Pixels rendered along each side before averaging down to PHOTO.
RENDERED = 384
#: Share of the crop's side that the object's longer side takes; jittered by FILL_JITTER.
FILL, FILL_JITTER = 0.86, 0.05
ELEVATION_MEAN, ELEVATION_SPREAD = np.radians(20.0), np.radians(17.0)
ELEVATION_RANGE = (np.radians(-20.0), np.radians(80.0))
#: Field of view of the crop, not of the whole photo.
FIELD_OF_VIEW = (np.radians(10.0), np.radians(50.0))


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

    ambient = rng.uniform(0.25, 0.75)
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
    image = image * np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.06, 3))
    image = np.clip(image, 0, 1) ** np.exp(rng.normal(0, 0.15))
    if rng.random() < 0.4:
        image = ndimage.gaussian_filter(image, (*(rng.uniform(0.3, 1.3),) * 2, 0))
    if rng.random() < 0.5:
        image = image + rng.normal(0, rng.uniform(0.005, 0.035), image.shape)
    result = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    if rng.random() < 0.5:
        buffer = io.BytesIO()
        Image.fromarray(result).save(buffer, "JPEG", quality=int(rng.integers(35, 92)))
        result = np.asarray(Image.open(buffer))
    return result


def background(rng: np.random.Generator) -> np.ndarray:
    """A smooth random background, which shows only where the mask is wrong. (PHOTO, PHOTO, 3)."""
    colors = rng.uniform(0, 1, (4, 4, 3)) * rng.uniform(0, 1) + rng.uniform(0, 1, 3) * 0.6
    grid = Image.fromarray((np.clip(colors, 0, 1) * 255).astype(np.uint8))
    return np.asarray(grid.resize((PHOTO, PHOTO), Image.Resampling.BICUBIC), np.float32) / 255


def composite(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Replace what is outside the mask by middle grey, as the product does before encoding."""
    alpha = mask[..., None].astype(np.float32) / 255
    return (photo * alpha + 127.0 * (1 - alpha) + 0.5).astype(np.uint8)


def make_view(renderer: Renderer, points: np.ndarray, pattern: dict, rng: np.random.Generator) -> View:
    """Render one view of the loaded model. ``points``: (n, 3) of its surface, for framing."""
    camera, elevation, middle = sample_camera(points, rng)
    look = sample_look(rng, pattern)
    large = renderer.draw(camera, look, RENDERED)
    layers = [renderer.draw(camera, look, MAPS, last) for last in (False, True)]
    factor = RENDERED // PHOTO
    covered = large.depth > 0
    alpha = covered.reshape(PHOTO, factor, PHOTO, factor).mean((1, 3))
    premultiplied = large.shaded * covered[..., None] / 255.0
    colour = premultiplied.reshape(PHOTO, factor, PHOTO, factor, 3).mean((1, 3))
    true_mask = alpha > 0.5
    mask = spoil_mask(true_mask, rng)
    photo = spoil_photo(colour + background(rng) * (1 - alpha[..., None]), rng)
    edge = np.asarray(Image.fromarray((mask * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6)))
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
