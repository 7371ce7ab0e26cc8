# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extension asks the engine for: how each task begins, and what its result becomes in Blender."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import bpy
import numpy as np
from numpy.typing import NDArray

from .inference.code import Code, FurtherPhoto
from .inference.cutout import CutoutSettings
from .inference.errors import ModelError, OutputError
from .inference.monitor import PhotoStage, Stage, StartStage
from .inference.pipeline import Projected, Reconstruction, Settings
from .inference.sentence import Sentence
from .inference.surface import Surface
from .inference.view_matching import Start
from .jobs import Host, Job
from .progress import RECONSTRUCTION
from .scene.build import Built, build, rebuild
from .scene.cutout_image import create_cutout_image
from .scene.mesh import count_islands
from .scene.photos import mesh_in_object_frame, read_camera, update_photos
from .scene.places import AT_CURSOR, Place
from .scene.preview import end_previews, show_preview
from .scene.stored_code import load_code, load_mirror, load_settings

AGAIN_SHARES = {StartStage.WORKER: 0.1, Stage.SURFACE: 0.3, Stage.UNWRAP: 0.2, Stage.BAKE: 0.4}
"""Rough share of the time that each stage takes when a stored code is used again."""

CUTOUT_SHARES = {StartStage.WORKER: 0.2, Stage.PHOTO: 0.1, Stage.CUTOUT: 0.7}
"""Likewise of a photo that is only cut out."""


@dataclass(frozen=True)
class Summary:
    """What was made, for the panel and for batch reports.

    Attributes:
        object: name of the object; likewise ``camera`` and ``collection``.
        vertices, faces, islands: counts; islands of the UV map.
        seconds: wall time by stage, in order.
        warnings: sentences about what could be better.
        shape: one sentence on the known shape that the object was found to have; empty where it is as predicted.
    """

    object: str
    camera: str
    collection: str
    vertices: int
    faces: int
    islands: int
    seconds: dict[str, float]
    warnings: tuple[str, ...]
    shape: str = ""


class ReconstructTask:
    """From a photo to an object in the scene, at the 3D cursor unless another place is asked for.

    Attributes:
        summary: after ``finish``, what was made.
    """

    kind: ClassVar[str] = RECONSTRUCTION

    def __init__(self, photo_path: Path, settings: Settings, size: float, place: Place = AT_CURSOR) -> None:
        self.photo_path = photo_path
        self.settings = settings
        self.size = size
        self.place = place
        self.summary: Summary | None = None

    def begin(self, host: Host) -> Job[Reconstruction]:
        """Send the photo's path and the settings."""
        return host.reconstruct(self.photo_path, self.settings)

    def finish(self, context: bpy.types.Context, result: Reconstruction) -> None:
        """Build the object."""
        built = build(context, result, self.photo_path, self.settings, self.size, self.place)
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

    stage_shares: ClassVar[dict[str, float]] = AGAIN_SHARES

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
        show_preview(existing(self.target), result, self.settings)


class _PhotosTask:
    """Base of tasks that change an object's further photos and bake it anew, as it was baked.

    Attributes:
        target: name of the object; a name, because the artist goes on working meanwhile.
        result: after ``finish``, what was made.
    """

    stage_shares: ClassVar[dict[str, float]] = {
        StartStage.WORKER: 0.1,
        Stage.PHOTO: 0.05,
        Stage.CUTOUT: 0.25,
        PhotoStage.MATCH: 0.35,
        Stage.BAKE: 0.35,
    }

    def __init__(
        self, target: bpy.types.Object, depsgraph: bpy.types.Depsgraph, cutout: CutoutSettings | None = None
    ) -> None:
        """Read the object.

        Raises:
            ModelError: it has no code, or a damaged one.
            SettingsError: it has no faces or no UVs.
        """
        end_previews()
        self.target = target.name
        self.code, _placement = load_code(target)
        self.mesh = mesh_in_object_frame(target, depsgraph)
        surface, bake = load_settings(target)
        mirror = load_mirror(target)
        self.settings = Settings(self.code.system, cutout or CutoutSettings(), surface, bake, mirror)
        self.result: Projected | None = None

    def finish(self, _context: bpy.types.Context, result: Projected) -> None:
        """Exchange the object's code and material."""
        update_photos(existing(self.target), result)
        self.result = result

    def _photo(self, sha256: str) -> FurtherPhoto:
        found = next((photo for photo in self.code.photos if photo.sha256 == sha256), None)
        if found is None:
            raise ModelError(
                Sentence("'{name}' has no such photo.", name=self.target), "Its other photos are listed in the sidebar."
            )
        return found


class ProjectPhotoTask(_PhotosTask):
    """Another photo of an object, projected on it.

    Attributes:
        photo: after ``finish``, the photo as it is kept with the object.
    """

    def __init__(
        self,
        target: bpy.types.Object,
        photo_path: Path,
        start: Start,
        cutout: CutoutSettings,
        depsgraph: bpy.types.Depsgraph,
    ) -> None:
        super().__init__(target, depsgraph, cutout)
        self.photo_path, self.start = photo_path, start
        self.photo: FurtherPhoto | None = None

    def begin(self, host: Host) -> Job[Projected]:
        """Send the object, the photo's path and the side."""
        return host.project_photo(self.code, self.mesh, self.photo_path, self.start, self.settings)

    def finish(self, _context: bpy.types.Context, result: Projected) -> None:
        """Exchange the object's code and material, and make the photo's camera."""
        update_photos(existing(self.target), result, self.photo_path)
        self.result, self.photo = result, result.code.photos[-1]


class PlacePhotoTask(_PhotosTask):
    """A further photo as seen from its camera where that stands now.

    Attributes:
        photo: after ``finish``, the photo as it is kept with the object.
    """

    def __init__(self, target: bpy.types.Object, sha256: str, depsgraph: bpy.types.Depsgraph) -> None:
        super().__init__(target, depsgraph)
        self.photo = self._photo(sha256)
        self.camera = read_camera(target, self.photo)

    def begin(self, host: Host) -> Job[Projected]:
        """Send the object and the camera."""
        return host.place_photo(self.code, self.mesh, self.photo.sha256, self.camera, self.settings)

    def finish(self, context: bpy.types.Context, result: Projected) -> None:
        """Exchange the object's code and material; the camera stays where it is."""
        super().finish(context, result)
        self.photo = next(photo for photo in result.code.photos if photo.sha256 == self.photo.sha256)


class RemovePhotoTask(_PhotosTask):
    """An object without one of its further photos.

    Attributes:
        photo: the one that is removed.
    """

    def __init__(self, target: bpy.types.Object, sha256: str, depsgraph: bpy.types.Depsgraph) -> None:
        super().__init__(target, depsgraph)
        self.photo = self._photo(sha256)

    def begin(self, host: Host) -> Job[Projected]:
        """Send the object and which photo."""
        return host.remove_photo(self.code, self.mesh, self.photo.sha256, self.settings)


class PreviewTask:
    """The photo's cut-out, to be seen before running.

    Attributes:
        pixels: after ``finish``, (h, w, 4) uint8, row 0 at the top.
    """

    stage_shares: ClassVar[dict[str, float]] = CUTOUT_SHARES

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
        photo_name: of the photo's data-block; after ``finish`` as it is called then.
        image: after ``finish``, the cut-out's data-block.
    """

    stage_shares: ClassVar[dict[str, float]] = CUTOUT_SHARES

    def __init__(self, photo: bpy.types.Image, photo_path: Path, settings: CutoutSettings) -> None:
        self.photo_path = photo_path
        self.settings = settings
        self.photo_name = photo.name
        self.image: bpy.types.Image | None = None
        # Not the data-block: the artist may remove it, or undo, while the engine works. Renaming does not change this.
        self._photo_uid = photo.session_uid

    def begin(self, host: Host) -> Job[NDArray[np.uint8]]:
        """Send the photo's path and the settings."""
        return host.cut_out_photo(self.photo_path, self.settings)

    def finish(self, _context: bpy.types.Context, result: NDArray[np.uint8]) -> None:
        """Keep the picture with the photo that it was made from, whichever is chosen by now."""
        photo = next((image for image in bpy.data.images if image.session_uid == self._photo_uid), None)
        if photo is None:
            raise OutputError(
                Sentence("Photo '{name}' was removed meanwhile.", name=self.photo_name),
                "Choose a photo and start again.",
            )
        self.photo_name = photo.name
        self.image = create_cutout_image(photo, result)


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
        shape=result.shape,
    )
