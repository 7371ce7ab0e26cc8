# SPDX-License-Identifier: GPL-3.0-or-later
"""All figures of one object: Pebble's, the inflated silhouette's, the ellipsoid's."""

import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.priors.view_frame import normal_angle, overlap

from ..data.meshes import Model, Part
from ..data.render import Look as Light
from ..data.render import Renderer
from ..data.views import MAPS
from .alignment import align
from .baselines import ellipsoid, inflated_silhouette
from .images import exposure, psnr, ssim
from .looks import look_at, surface_points
from .mesh import Array, Similarity, TriangleMesh
from .product import Product, Result, Textured
from .scores import nearest_distances, surface_scores
from .subjects import POINTS, VIEW, Subject, stored_albedo
from .volume import volume_overlap

#: Of the points on each surface, how many serve to find the alignment.
ALIGNED_POINTS = 2_500
#: Pixels along each side at which outlines are compared: the mask's. Normals: MAPS, the truth's.
LOOK_SIZE = 192

#: The method of a verdict's figures that are the prediction's own, where a known shape took its place.
PREDICTED = "as predicted"

Figures = dict[str, float]


@dataclass(frozen=True)
class Verdict:
    """About one subject: figures by method, and what is needed to draw Pebble's result.

    Attributes:
        subject: what was reconstructed.
        figures: by method, then by name.
        result: Pebble's.
        alignment: lays Pebble's mesh on the truth.
        textured: Pebble's mesh in the view frame, with its texture; None where it was not asked for.
    """

    subject: Subject
    figures: dict[str, Figures]
    result: Result
    alignment: Similarity
    textured: Textured | None = None


class Judge:
    """Reconstructs subjects and measures. What does not depend on the network is kept in a file from run to run."""

    def __init__(self, product: Product, kept: Path) -> None:
        self._product = product
        self._kept = kept
        self._baselines: dict[str, dict[str, Figures]] = json.loads(kept.read_text()) if kept.exists() else {}

    def shape(self, subject: Subject) -> Verdict:
        """The shape alone; where a known shape took the prediction's place, the prediction is judged, too."""
        result = self._product.reconstruct(subject)
        found, alignment = geometry(result.mesh, subject)
        figures = {"pebble": found | _product_figures(subject, self._product, result)}
        if result.code.prior is not None:
            figures[PREDICTED] = geometry(self._product.as_predicted(result).mesh, subject)[0]
        return Verdict(subject, figures, result, alignment)

    def baselines(self, subject: Subject) -> dict[str, Figures]:
        """Figures of the inflated silhouette and of the ellipsoid."""
        content = subject.arrays["signed"].tobytes() + subject.mask.tobytes()
        key = f"{subject.source}/{subject.name}/{zlib.crc32(content):08x}"
        if key not in self._baselines:
            inflated = inflated_silhouette(subject.mask > 127, subject.focal)
            self._baselines[key] = {
                "inflated": geometry(inflated, subject)[0],
                "ellipsoid": geometry(ellipsoid(subject.truth), subject)[0],
            }
            self._kept.write_text(json.dumps(self._baselines))
        return self._baselines[key]

    def texture(self, verdict: Verdict, renderer: Renderer) -> Verdict:
        """The verdict with the texture's figures, and with the textured mesh for pictures."""
        textured = self._product.texture(verdict.result)
        found = texture_figures(verdict.subject, renderer, textured, verdict.alignment)
        figures = verdict.figures | {"pebble": verdict.figures["pebble"] | found}
        return replace(verdict, figures=figures, textured=textured)


def geometry(predicted: TriangleMesh, subject: Subject) -> tuple[Figures, Similarity]:
    """Figures of a mesh in the view frame, and the alignment by which distances and volumes were measured.

    Which side is visible, outlines and normals are judged before the alignment, in the photo's own camera.
    """
    truth, focal = subject.truth, subject.focal
    scale = 2 / truth.longest_side
    fixed, seen_true = subject.truth_points
    points, seen = surface_points(predicted, focal, POINTS, np.random.default_rng(2))
    alignment = align(points[:ALIGNED_POINTS], fixed[:ALIGNED_POINTS])
    fixed, moved = fixed * scale, alignment.apply(points) * scale
    forward, backward = nearest_distances(moved, fixed)
    figures = surface_scores(forward, backward)
    # Of each side's points the distance to the whole of the other surface counts: so precision and recall of the two
    # sides average to the whole's, and it is not held against a shape which of its points happen to be visible.
    for side, one, other in (("visible", seen, seen_true), ("hidden", ~seen, ~seen_true)):
        figures |= {f"{side} {name}": value for name, value in surface_scores(forward[one], backward[other]).items()}
    alone = surface_scores(*nearest_distances(moved[seen], fixed[seen_true]))
    figures["visible alone f@0.1"] = alone["f@0.1"]
    figures["volume"] = volume_overlap(predicted.moved(alignment), truth)
    look = look_at(predicted, focal, LOOK_SIZE)
    figures["silhouette"] = overlap(look.covered, subject.mask > 127)
    figures["true silhouette"] = overlap(look.covered, subject.true_mask)
    figures["normals"] = normal_angle(look_at(predicted, focal, MAPS), subject.look)
    return figures, alignment


def _product_figures(subject: Subject, product: Product, result: Result) -> Figures:
    """What only a reconstruction by the product has."""
    report, rotation = result.surface.report, result.code.camera.rotation
    fields_of_view = [2 * np.arctan(1 / focal) for focal in (product.guessed_focal(subject), subject.focal)]
    return {
        "elevation error": float(np.degrees(abs(np.arcsin(rotation[2, 2]) - subject.elevation))),
        "field of view error": float(np.degrees(abs(fields_of_view[0] - fields_of_view[1]))),
        "watertight": float(report.watertight),
        "parts": report.components,
        "excess parts": max(0, report.components - subject.parts),
        "seconds": result.seconds,
    }


def texture_figures(subject: Subject, renderer: Renderer, textured: Textured, alignment: Similarity) -> Figures:
    """Likeness of the baked colours, without light, to the object's own, from the photo's side and from others.

    The whole square over white is compared, at the resolution at which the truth is stored. From the photo's side the
    mesh stays where the product's own camera sees it, for the others it is aligned. A gain for each channel that
    compensates for the photo's light is found from the photo's side.
    """
    truths = {view: stored_albedo(subject, view) for view in (VIEW, *subject.other_views)}
    pictures = _unlit(subject, renderer, textured, Similarity.identity(), [VIEW])
    gains = exposure(pictures[0][0], truths[VIEW], pictures[0][1] & subject.look.covered)
    pictures += _unlit(subject, renderer, textured, alignment, subject.other_views)
    likeness = []
    for (picture, covered), truth in zip(pictures, truths.values(), strict=True):
        shown = np.where(covered[..., None], np.clip(picture * gains, 0, 255), 255)
        likeness.append((psnr(shown, truth), ssim(shown, truth)))
    front, others = likeness[0], np.mean(likeness[1:], axis=0)
    return {"psnr": front[0], "ssim": front[1], "other psnr": float(others[0]), "other ssim": float(others[1])}


def _unlit(
    subject: Subject, renderer: Renderer, textured: Textured, alignment: Similarity, views: list[int]
) -> list[tuple[Array, NDArray[np.bool_]]]:
    """For each view the colours (96, 96, 3), 0..255, without light, and where the object is (96, 96)."""
    renderer.load(model_of(textured.mesh.moved(subject.to_view.inverse().after(alignment)), textured))
    layers = [renderer.draw(subject.camera(view), STUDIO, MAPS) for view in views]
    return [(layer.albedo.astype(np.float64), layer.depth > 0) for layer in layers]


def model_of(mesh: TriangleMesh, textured: Textured | None) -> Model:
    """For the renderer; grey without a texture."""
    corners = mesh.corners.astype(np.float32)
    grey = np.full(corners.shape, 0.62, np.float32)
    normals = mesh.vertex_normals()[mesh.triangles].astype(np.float32)
    part = Part(corners, normals, grey)
    if textured is not None:
        # The renderer wants row 0 at the top.
        part = Part(
            corners, normals, grey, textured.uvs.astype(np.float32), np.ascontiguousarray(textured.texture[::-1])
        )
    return Model("", "", "", [part])


#: For pictures; where colours without light are wanted it only keeps the renderer from adding a pattern.
STUDIO = Light(
    {
        "key_direction": (-0.45, -0.6, 0.66), "key_color": (0.75, 0.75, 0.75), "fill_direction": (0.7, 0.5, 0.5),
        "fill_color": (0.35, 0.35, 0.35), "sky": (0.4, 0.4, 0.42), "ground": (0.2, 0.2, 0.2), "gloss": 0.1,
        "shininess": 20.0, "pattern": 0.0,
    }
)  # fmt: skip
