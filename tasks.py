# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extension asks the engine for: how each task begins, and what its result becomes in Blender."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from .inference.code import Code
from .inference.cutout import CutoutSettings
from .inference.errors import OutputError
from .inference.pipeline import Reconstruction, Settings
from .inference.sentence import Sentence
from .inference.surface import Surface
from .jobs import Host, Job
from .scene.build import Built, build, rebuild
from .scene.mesh import count_islands
from .scene.preview import end_previews, show_preview


@dataclass(frozen=True)
class Summary:
    """What was made, for the panel and for batch reports.

    Attributes:
        object: name of the object; likewise ``camera`` and ``collection``.
        vertices, faces, islands: counts; islands of the UV map.
        seconds: wall time by stage, in order.
        warnings: sentences about what could be better.
    """

    object: str
    camera: str
    collection: str
    vertices: int
    faces: int
    islands: int
    seconds: dict[str, float]
    warnings: tuple[str, ...]


class ReconstructTask:
    """From a photo to an object in the scene.

    Attributes:
        summary: after ``finish``, what was made.
    """

    def __init__(self, photo_path: Path, settings: Settings, size: float) -> None:
        self.photo_path = photo_path
        self.settings = settings
        self.size = size
        self.summary: Summary | None = None

    def begin(self, host: Host) -> Job[Reconstruction]:
        """Send the photo's path and the settings."""
        return host.reconstruct(self.photo_path, self.settings)

    def finish(self, context: bpy.types.Context, result: Reconstruction) -> None:
        """Build the object."""
        built = build(context, result, self.photo_path, self.settings, self.size)
        self.summary = summarise(result, built)


class ReconstructAgainTask(ReconstructTask):
    """The same photo once more: the result is named after the former one and known to be of its photo."""

    def __init__(
        self, photo_path: Path, settings: Settings, size: float, name: str, provenance: Mapping[str, str]
    ) -> None:
        super().__init__(photo_path, settings, size)
        self.name = name
        self.photo = {key: provenance[key] for key in ("photo_name", "photo_sha256") if key in provenance}

    def finish(self, context: bpy.types.Context, result: Reconstruction) -> None:
        """Build the object."""
        # The photo inside the .blend may be encoded anew and then has another hash than its file had.
        code = replace(result.code, provenance={**result.code.provenance, **self.photo})
        super().finish(context, replace(result, name=self.name, code=code))


class AdjustTask:
    """The surface and maps of a stored code once more, with other settings, for the object they came from.

    Attributes:
        target: name of the object; a name, because the artist goes on working meanwhile.
        result: after ``finish``, what was made.
    """

    def __init__(self, target: str, code: Code, settings: Settings) -> None:
        self.target = target
        self.code = code
        self.settings = settings
        self.result: Reconstruction | None = None

    def begin(self, host: Host) -> Job[Reconstruction]:
        """Send code and settings."""
        return host.reconstruct_again(self.target, self.code, self.settings)

    def finish(self, _context: bpy.types.Context, result: Reconstruction) -> None:
        """Exchange the object's mesh and material."""
        end_previews()
        rebuild(existing(self.target), result, self.settings)
        self.result = result


class PreviewSurfaceTask:
    """A coarse surface of a stored code, shown in the object's place while the artist drags a slider.

    Attributes:
        target: name of the object.
    """

    def __init__(self, target: str, code: Code, settings: Settings) -> None:
        self.target = target
        self.code = code
        self.settings = settings

    def begin(self, host: Host) -> Job[Surface]:
        """Send code and settings."""
        return host.extract_again(self.code, self.settings)

    def finish(self, _context: bpy.types.Context, result: Surface) -> None:
        """Show it; nothing of it is part of the file."""
        show_preview(existing(self.target), result)


class PreviewTask:
    """The photo's cut-out, to be seen before running.

    Attributes:
        pixels: after ``finish``, (h, w, 4) uint8, row 0 at the top.
    """

    def __init__(self, photo_path: Path, settings: CutoutSettings) -> None:
        self.photo_path = photo_path
        self.settings = settings
        self.pixels: NDArray[np.uint8] | None = None

    def begin(self, host: Host) -> Job[NDArray[np.uint8]]:
        """Send the photo's path and the settings."""
        return host.preview_cutout(self.photo_path, self.settings)

    def finish(self, _context: bpy.types.Context, result: NDArray[np.uint8]) -> None:
        """Keep the picture; the scene is not touched."""
        self.pixels = result


class CutOutTask:
    """The photo's cut-out in its own size, to be corrected by hand.

    Attributes:
        pixels: after ``finish``, (h, w, 4) uint8, row 0 at the top.
    """

    def __init__(self, photo_path: Path, settings: CutoutSettings) -> None:
        self.photo_path = photo_path
        self.settings = settings
        self.pixels: NDArray[np.uint8] | None = None

    def begin(self, host: Host) -> Job[NDArray[np.uint8]]:
        """Send the photo's path and the settings."""
        return host.cut_out_photo(self.photo_path, self.settings)

    def finish(self, _context: bpy.types.Context, result: NDArray[np.uint8]) -> None:
        """Keep the picture; the operator shows it."""
        self.pixels = result


def existing(name: str) -> bpy.types.Object:
    """The object of that name; raises ``OutputError`` if it went away while the engine worked."""
    target = bpy.data.objects.get(name)
    if target is None:
        raise OutputError(
            Sentence("'{name}' was deleted or renamed meanwhile.", name=name), "Select it and start again."
        )
    return target


def summarise(result: Reconstruction, built: Built) -> Summary:
    """What a reconstruction became."""
    return Summary(
        object=built.object,
        camera=built.camera,
        collection=built.collection,
        vertices=len(result.surface.vertices),
        faces=len(result.surface.faces),
        islands=count_islands(result.surface.faces, result.uvs),
        seconds=dict(result.seconds),
        warnings=tuple(result.warnings),
    )
