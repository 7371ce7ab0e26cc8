# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of what was measured: photo, truth and prediction from the same sides."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ..data.meshes import Model
from ..data.render import Camera, Renderer
from ..data.views import RENDERED
from .judge import STUDIO, Verdict, model_of
from .subjects import VIEW

#: Turns from the photo's side (degrees), and elevation: front, right, back, left, above.
SIDES = ((0, 12), (90, 12), (180, 12), (270, 12), (30, 65))
CELL = 112
GAP = 6
#: Distance of the camera, object units (the longest side is 2), and tan(half its field of view).
DISTANCE, HALF_TANGENT = 6.0, 0.225

Picture = NDArray[np.uint8]


def best_median_worst(verdicts: list[Verdict], count: int) -> dict[str, list[Verdict]]:
    """``count`` objects each, by F-score at 0.1."""
    ranked = sorted(verdicts, key=lambda verdict: -verdict.figures["pebble"]["f@0.1"])
    count = min(count, len(ranked) // 3) or 1
    start = (len(ranked) - count) // 2
    return {"best": ranked[:count], "median": ranked[start : start + count], "worst": ranked[-count:]}


def sheet(renderer: Renderer, groups: dict[str, list[Verdict]]) -> Image.Image:
    """Groups of textured objects below each other, under their titles, two objects in a row."""
    strips: list[Picture] = []
    for title, group in groups.items():
        drawn = [strip(renderer, verdict) for verdict in group]
        if len(drawn) % 2:
            drawn.append(np.full_like(drawn[0], 255))
        strips.append(_label(title, 2 * drawn[0].shape[1] + GAP))
        gap = np.full((drawn[0].shape[0], GAP, 3), 255, np.uint8)
        strips += [np.concatenate([left, gap, right], 1) for left, right in zip(drawn[::2], drawn[1::2], strict=True)]
    return Image.fromarray(np.concatenate(strips))


def strip(renderer: Renderer, verdict: Verdict) -> Picture:
    """Photo and figures; beside them, from all SIDES, the truth in grey, the prediction in grey and in its colours."""
    subject = verdict.subject
    to_object = subject.to_view.inverse()
    moved = verdict.result.mesh.moved(to_object.after(verdict.alignment))
    models = [
        model_of(subject.truth.moved(to_object), None),
        model_of(moved, None),
        model_of(moved, verdict.textured),
    ]
    backwards = subject.camera(VIEW).basis[2]
    azimuth = float(np.arctan2(backwards[0], -backwards[1]))
    rows = [turntable(renderer, model, azimuth) for model in models]
    side = 3 * CELL
    photo = Image.fromarray(subject.photo).resize((2 * CELL, 2 * CELL), Image.Resampling.LANCZOS)
    left = Image.new("RGB", (2 * CELL, side), "white")
    left.paste(photo, (0, 0))
    figures = verdict.figures["pebble"]
    lines = [
        subject.name[:34],
        f"{subject.source}, {subject.category}"[:34],
        f"F@0.1 {figures['f@0.1']:.2f}  F@0.05 {figures['f@0.05']:.2f}",
        f"visible {figures['visible f@0.1']:.2f}  hidden {figures['hidden f@0.1']:.2f}",
        f"Chamfer {figures['chamfer']:.3f}  normals {figures['normals']:.0f} deg",
    ]
    ImageDraw.Draw(left).multiline_text((4, 2 * CELL + 6), "\n".join(lines), fill=(40, 40, 40), spacing=6)
    return np.concatenate([np.asarray(left), np.concatenate(rows)], 1)


def turntable(renderer: Renderer, model: Model, azimuth: float, cell: int = CELL) -> Picture:
    """(cell, 5 cell, 3): a model from all SIDES, starting at an azimuth in radians."""
    renderer.load(model)
    pictures = []
    for turn, elevation in SIDES:
        a, e = azimuth + np.radians(turn), np.radians(elevation)
        backwards = np.array([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)])
        right = np.array([np.cos(a), np.sin(a), 0.0])
        basis = np.stack([right, np.cross(backwards, right), backwards])
        layer = renderer.draw(Camera(backwards * DISTANCE, basis, HALF_TANGENT), STUDIO, RENDERED)
        picture = np.where(layer.depth[..., None] > 0, layer.shaded, 255).astype(np.uint8)
        pictures.append(np.asarray(Image.fromarray(picture).resize((cell, cell), Image.Resampling.BOX)))
    return np.concatenate(pictures, 1)


def _label(text: str, width: int) -> Picture:
    picture = Image.new("RGB", (width, 22), (225, 225, 228))
    ImageDraw.Draw(picture).text((6, 5), text, fill=(40, 40, 40))
    return np.asarray(picture)
