# SPDX-License-Identifier: GPL-3.0-or-later
"""The product's own road, from a framed photo to a textured mesh, timed."""

import importlib
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.bake import BakeSettings, UVMesh, bake
from inference.camera import Window
from inference.code import Code
from inference.framing import FramedPhoto, spread
from inference.monitor import Monitor
from inference.network import Network
from inference.priors.choose import ShapeChoice, choose_shape
from inference.priors.prior_field import field_of
from inference.runtime import Runtime, RuntimeSettings
from inference.surface import Surface, SurfaceSettings, extract_surface
from inference.systems import pebble
from inference.unwrap import unwrap

from .mesh import Array, Similarity, TriangleMesh
from .subjects import Subject

TEXTURE_SIZE = 512


@dataclass(frozen=True)
class Textured:
    """A mesh with a texture: uvs (m, 3, 2) per corner, v upwards; texture (s, s, 3) uint8 sRGB, row 0 at v = 0."""

    mesh: TriangleMesh
    uvs: Array
    texture: NDArray[np.uint8]


@dataclass(frozen=True)
class Result:
    """What the product made of a subject.

    Attributes:
        code: what the network said.
        surface: in the object frame.
        to_view: from the object frame to the view frame.
        seconds: of processor time, photo to code and code to surface.
    """

    code: Code
    surface: Surface
    to_view: Similarity
    seconds: float

    @property
    def mesh(self) -> TriangleMesh:
        """In the view frame."""
        vertices = self.surface.vertices.astype(np.float64)
        return TriangleMesh.from_quads(vertices, self.surface.faces).moved(self.to_view)


class _Remembering(Runtime):
    """Gives the same answer to the same question without running the network again."""

    def __init__(self, settings: RuntimeSettings) -> None:
        super().__init__(settings)
        self._answers: dict[tuple[bytes, ...], dict[str, NDArray[Any]]] = {}

    def run(
        self,
        network: Path | Network,
        inputs: Mapping[str, NDArray[Any]],
        monitor: Monitor,
        constants: Mapping[str, NDArray[Any]] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """See ``Runtime.run``."""
        question = tuple(array.tobytes() for _, array in sorted(inputs.items()))
        if question not in self._answers:
            self._answers[question] = super().run(network, inputs, monitor, constants)
        return self._answers[question]

    def forget(self) -> None:
        """Free the answers."""
        self._answers.clear()


class Product:
    """Pebble with the weights of a file, as the extension runs it.

    Args:
        network: the file.
        shape: what is said of the objects' shapes.
    """

    def __init__(self, network: Path, shape: ShapeChoice = ShapeChoice.AUTOMATIC) -> None:
        reach_openvdb()
        # One thread, since the machine may be busy with other things and processor time is what is reported.
        self._runtime = _Remembering(RuntimeSettings(device="cpu", threads=1))
        self._system = pebble.Pebble()
        self._system.card = replace(pebble.Pebble.card, graphs=(network,))
        self._shape = shape

    def reconstruct(self, subject: Subject) -> Result:
        """Shape, with the lens known as from EXIF: what is judged is the shape, not the lens."""
        self._runtime.forget()
        started = time.process_time()
        code = self._system.encode(framed(subject, subject.focal), self._runtime, Monitor())
        code = choose_shape(code, self._shape, lambda: self._system.field(code, self._runtime), Monitor()).code
        return self._extracted(code, started)

    def as_predicted(self, result: Result) -> Result:
        """The same without a known shape."""
        return self._extracted(result.code.as_predicted(), time.process_time())

    def _extracted(self, code: Code, started: float) -> Result:
        surface = extract_surface(field_of(self._system, code, self._runtime), SurfaceSettings(), Monitor())
        return Result(code, surface, view_frame(code), time.process_time() - started)

    def guessed_focal(self, subject: Subject) -> float:
        """The focal length in half windows that the network gives a photo without EXIF."""
        return self._system.encode(framed(subject, None), self._runtime, Monitor()).camera.focal

    def texture(self, result: Result) -> Textured:
        """Unwrapped and baked, the photo projected, in the view frame."""
        surface = result.surface
        uvs = unwrap(surface.vertices, surface.faces, Monitor())
        triangles, corner_uvs = result.mesh.triangles, uvs[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3, 2)
        mesh = UVMesh(surface.vertices, triangles.astype(np.int32), corner_uvs)
        field = field_of(self._system, result.code, self._runtime)
        maps = bake(result.code, field, mesh, BakeSettings(texture_size=TEXTURE_SIZE), Monitor())
        return Textured(result.mesh, corner_uvs, maps.base_color)


def framed(subject: Subject, focal: float | None) -> FramedPhoto:
    """A subject's photo as ``inference.framing`` hands it to a system."""
    size = len(subject.mask)
    alpha = subject.mask.astype(np.float32)[..., None] / 255
    # The stored photo lies over grey; the cut-out's colours are the object's own, also along and beyond the outline.
    own = np.clip((subject.photo - 127 * (1 - alpha)) / np.maximum(alpha, 0.1), 0, 255).astype(np.float32)
    colour = spread(own, (alpha[..., 0] > 0.5) + 1e-3 * alpha[..., 0])
    cutout = np.dstack([(colour + 0.5).astype(np.uint8), subject.mask])
    window = Window(size / 2, size / 2, size / 2, size, size)
    return FramedPhoto(subject.photo.astype(np.float32) / 255, alpha[..., 0], cutout, window, focal)


def view_frame(code: Code) -> Similarity:
    """From the object frame to the view frame of a code's camera."""
    camera = code.camera
    distance = float(np.linalg.norm(camera.position))
    half = distance / camera.focal
    matrix = camera.rotation.T / half
    return Similarity(matrix, np.array([0, 0, distance / half]) - matrix @ camera.position)


def reach_openvdb() -> None:
    """Make Blender's OpenVDB importable: it lies in a folder of the bpy package that only bpy adds to the path."""
    if importlib.util.find_spec("openvdb") is None:
        blender = importlib.util.find_spec("bpy")
        if blender is not None and blender.origin is not None:
            found = Path(blender.origin).parent.glob("*/python/lib/python3*/site-packages")
            sys.path.extend(str(folder) for folder in found)
