# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole flow, from a photo to a textured surface.

Start reading at ``reconstruct``: every stage is one call into the module that does it.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .bake import BakeSettings, Maps, UVMesh, bake
from .camera import Camera
from .code import Code, FurtherPhoto
from .cutout import CutoutSettings, cut_out
from .errors import ModelError, SettingsError
from .fields import Field
from .framing import frame
from .monitor import Monitor, PhotoStage, Stage
from .photo import Photo, load_photo, readable
from .priors.choose import ShapeChoice, choose_shape
from .priors.prior_field import field_of
from .runtime import Runtime
from .sentence import Sentence
from .surface import Surface, SurfaceSettings, extract_surface
from .symmetry import MirrorPlane
from .symmetry_search import MirrorChoice, choose_plane
from .systems import MultiViewSystem, SystemCard, get_system, system_ids
from .unwrap import unwrap
from .view_matching import Start, agreement, match_view, subject_of

RESOLUTION_RANGE = (32, 512)
"""Cells along the longest side: coarser shows nothing, finer than any system's field."""

TEXTURE_SIZE_RANGE = (256, 4096)
"""Texels along a side."""

FAIR_AGREEMENT = 0.85
"""Silhouettes that agree less, as intersection over union, are worth a warning: colours land beside their places."""

PREVIEW_SIZE = 512
"""Longest side of a cut-out's preview, pixels."""


@dataclass(frozen=True)
class Settings:
    """What the artist can choose about a reconstruction.

    Attributes:
        system: id of the reconstruction system.
        cutout: how the object is told from its background.
        surface: how finely it is extracted.
        bake: how it is textured.
        mirror: the plane at which the object is made symmetric, or None.
        symmetrise: choose that plane anew, whatever ``mirror`` says; only where surface and maps are both made.
        shape: whether a known shape may take the prediction's place, and which; only where the network runs.

    Raises:
        SettingsError: on construction, if a value is out of its range.
    """

    system: str = "pebble"
    cutout: CutoutSettings = field(default_factory=CutoutSettings)
    surface: SurfaceSettings = field(default_factory=SurfaceSettings)
    bake: BakeSettings = field(default_factory=BakeSettings)
    mirror: MirrorPlane | None = None
    symmetrise: MirrorChoice | None = None
    shape: ShapeChoice = ShapeChoice.AUTOMATIC

    def __post_init__(self) -> None:
        if self.system not in system_ids():
            raise SettingsError(
                Sentence("There is no reconstruction system called '{system}'.", system=self.system),
                Sentence("Choose one of: {system_ids}.", system_ids=", ".join(system_ids())),
            )
        _check_range(Sentence("resolution"), self.surface.resolution, *RESOLUTION_RANGE)
        _check_range(Sentence("texture size"), self.bake.texture_size, *TEXTURE_SIZE_RANGE)
        _check_range(Sentence("texture margin"), self.bake.margin, 0, 64)
        _check_range(Sentence("strength of the photo"), self.bake.photo_strength, 0, 1)
        _check_range(Sentence("smallest share of a separate part"), self.surface.floater_share, 0, 1)
        _check_range(Sentence("shift of the iso level"), self.surface.iso_shift, -1, 1)
        _check_range(Sentence("share cut off at the base"), self.surface.base_cut, 0, 0.9)
        _check_range(Sentence("number of smoothing rounds"), self.surface.smoothing, 0, 100)
        if self.surface.target_faces is not None:
            _check_range(Sentence("number of faces"), self.surface.target_faces, 100, 5_000_000)


@dataclass(frozen=True)
class Reconstruction:
    """An object made from a photo, ready for Blender.

    Attributes:
        name: from the photo's file.
        code: all that is needed to extract and bake again.
        surface: quads in the object frame.
        uvs: (m, 4, 2) float32, 0..1, one for each corner of each quad.
        maps: the textures.
        mirror: the plane at which it was made symmetric, or None.
        seconds: wall time by stage, in order.
        warnings: sentences about what could be better.
        shape: one sentence on the known shape that the object was found to have now, and how well that fits; empty
            where the shape is as predicted.
    """

    name: str
    code: Code
    surface: Surface
    uvs: NDArray[np.float32]
    maps: Maps
    mirror: MirrorPlane | None
    seconds: dict[str, float]
    warnings: tuple[str, ...]
    shape: str = ""


@dataclass(frozen=True)
class Projected:
    """An object's texture with its further photos.

    Attributes:
        code: with the photos.
        maps: of the mesh that was asked for.
        warnings: sentences about what could be better.
    """

    code: Code
    maps: Maps
    warnings: tuple[str, ...]


def reconstruct(photo_path: Path, settings: Settings, runtime: Runtime, monitor: Monitor) -> Reconstruction:
    """Make a textured surface from a photo.

    Args:
        photo_path: the photo, or the sheet of views (``views``) for a system that needs several.
        settings: the artist's choices.
        runtime: runs the networks.
        monitor: progress, warnings and cancellation.

    Raises:
        ReconstructionError: one of its kinds, by the stage that failed.
        Cancelled: the monitor said so.
    """
    system = get_system(settings.system)
    if system.card.checkpoint is not None:
        runtime.store.require(system.card)  # what is not installed is told before the artist waits for anything
    with monitor.stage(Stage.PHOTO):
        photo = load_photo(photo_path, monitor)
    if isinstance(system, MultiViewSystem):
        with monitor.stage(Stage.ENCODE):
            code = system.encode_views(photo, runtime, monitor)
    else:
        with monitor.stage(Stage.CUTOUT):
            mask = cut_out(photo, settings.cutout, runtime, monitor)
            framed = frame(photo, mask, system.card.framing)
        with monitor.stage(Stage.ENCODE):
            code = system.encode(framed, runtime, monitor)
    with monitor.stage(Stage.SHAPE):
        choice = choose_shape(code, settings.shape, lambda: system.field(code, runtime), monitor)
    code = replace(choice.code, provenance=_provenance(photo_path, photo, system.card, settings))
    made = _extract_and_bake(photo.name, code, field_of(system, code, runtime), settings, monitor)
    return replace(made, shape=choice.report)


def _extract_and_bake(name: str, code: Code, shape: Field, settings: Settings, monitor: Monitor) -> Reconstruction:
    """The later half of the flow, which needs no checkpoint: from the field to a textured surface."""
    with monitor.stage(Stage.SURFACE):
        mirror = settings.mirror
        if settings.symmetrise is not None:
            mirror = choose_plane(code, shape, settings.surface, settings.symmetrise, monitor)
        surface = extract_surface(shape, settings.surface, monitor, mirror)
    with monitor.stage(Stage.UNWRAP):
        uvs = unwrap(surface.vertices, surface.faces, monitor)
    with monitor.stage(Stage.BAKE):
        maps = bake(code, shape, _triangulated(surface, uvs), settings.bake, monitor, mirror)
    seconds = {stage.value: duration for stage, duration in monitor.seconds.items()}
    return Reconstruction(name, code, surface, uvs, maps, mirror, seconds, tuple(monitor.warnings))


def reconstruct_again(name: str, code: Code, settings: Settings, runtime: Runtime, monitor: Monitor) -> Reconstruction:
    """A stored code as a textured surface once more, with other settings; no checkpoint is needed.

    Args:
        name: of the object.
        code: from an earlier reconstruction.
        settings: the artist's choices; system and cut-out are the code's own whatever they say.
        runtime: evaluates the code's field.
        monitor: progress, warnings and cancellation.

    Raises:
        ModelError: the code is of a system or version that is not here.
        SymmetryError: a mirror plane is required, and none fits.
        SurfaceError: there is no surface.
        Cancelled: the monitor said so.
    """
    return _extract_and_bake(name, code, field_of(get_system(code.system), code, runtime), settings, monitor)


def preview_cutout(photo_path: Path, settings: CutoutSettings, runtime: Runtime, monitor: Monitor) -> NDArray[np.uint8]:
    """What would be cut out: (h, w, 4) uint8, sRGB with straight alpha, at most PREVIEW_SIZE pixels.

    Raises:
        PhotoError, CutoutError, ModelError: as ``reconstruct``.
        Cancelled: the monitor said so.
    """
    preview = Image.fromarray(cut_out_photo(photo_path, settings, runtime, monitor))
    preview.thumbnail((PREVIEW_SIZE, PREVIEW_SIZE), Image.Resampling.BOX)
    return np.array(preview)


def cut_out_photo(photo_path: Path, settings: CutoutSettings, runtime: Runtime, monitor: Monitor) -> NDArray[np.uint8]:
    """The cut-out in the photo's own size, for the artist to correct: (h, w, 4) uint8, sRGB with straight alpha.

    The colours under what is cut away are still the photo's, so that it can be painted back.

    Raises:
        PhotoError, CutoutError, ModelError: as ``reconstruct``.
        Cancelled: the monitor said so.
    """
    with monitor.stage(Stage.PHOTO):
        photo = load_photo(photo_path, monitor)
    with monitor.stage(Stage.CUTOUT):
        mask = cut_out(photo, settings, runtime, monitor)
    pixels = photo.pixels.copy()
    pixels[..., 3] = (mask * 255 + 0.5).astype(np.uint8)
    return pixels


def extract_again(code: Code, settings: Settings, runtime: Runtime, monitor: Monitor) -> Surface:
    """The surface of a stored code, for example at another resolution; no checkpoint is needed.

    Raises:
        ModelError: the code is of a system or version that is not here.
        SurfaceError: there is no surface.
        Cancelled: the monitor said so.
    """
    with monitor.stage(Stage.SURFACE):
        shape = field_of(get_system(code.system), code, runtime)
        return extract_surface(shape, settings.surface, monitor, settings.mirror)


def bake_again(code: Code, mesh: UVMesh, settings: Settings, runtime: Runtime, monitor: Monitor) -> Maps:
    """The maps of a stored code for any mesh with UVs, such as the artist's own retopology; no checkpoint is needed.

    Raises:
        ModelError: the code is of a system or version that is not here.
        Cancelled: the monitor said so.
    """
    with monitor.stage(Stage.BAKE):
        shape = field_of(get_system(code.system), code, runtime)
        return bake(code, shape, mesh, settings.bake, monitor, settings.mirror)


def project_photo(
    code: Code, mesh: UVMesh, photo_path: Path, start: Start, settings: Settings, runtime: Runtime, monitor: Monitor
) -> Projected:
    """Find from where another photo shows an object, keep it with the code, and bake the object with all its photos.

    A photo that the code has already takes the place of its former self.

    Args:
        code: of the object.
        mesh: the object in the object frame, with UVs.
        photo_path: the other photo.
        start: about where it was taken from.
        settings: how it is cut out and how to bake; the surface is the mesh.
        runtime: runs the cut-out's network and evaluates the code's field.
        monitor: progress, warnings and cancellation.

    Raises:
        PhotoError, CutoutError, ModelError: as ``reconstruct``.
        Cancelled: the monitor said so.
    """
    system = get_system(code.system)
    field = field_of(system, code, runtime)
    with monitor.stage(Stage.PHOTO):
        photo = load_photo(photo_path, monitor)
    with monitor.stage(Stage.CUTOUT):
        mask = cut_out(photo, settings.cutout, runtime, monitor)
        framed = frame(photo, mask, system.card.framing)
    others = tuple(other for other in code.photos if other.sha256 != photo.sha256)
    with monitor.stage(PhotoStage.MATCH):
        subject = subject_of(code.with_photos(others), mesh, monitor)
        focal = code.camera.focal if framed.focal is None else framed.focal
        match = match_view(
            subject,
            framed.cutout,
            framed.window,
            start,
            focal,
            is_focal_known=framed.focal is not None,
            monitor=monitor,
        )
    origin = {"photo_name": readable(photo_path.name), "photo_sha256": photo.sha256}
    further = FurtherPhoto(framed.cutout, match.camera, framed.window, match.agreement, origin)
    _warn_of_disagreement(further, monitor)
    return _bake_photos(code.with_photos((*others, further)), field, mesh, settings, monitor)


def place_photo(
    code: Code, mesh: UVMesh, sha256: str, camera: Camera, settings: Settings, runtime: Runtime, monitor: Monitor
) -> Projected:
    """Take a further photo as seen from another camera, one that the artist fitted by hand, and bake anew.

    Args:
        code: of the object.
        mesh: the object in the object frame, with UVs.
        sha256: which of the code's further photos.
        camera: whose window is the photo's.
        settings: how to bake.
        runtime: evaluates the code's field.
        monitor: progress, warnings and cancellation.

    Raises:
        ModelError: the code has no such photo, or is of a system or version that is not here.
        Cancelled: the monitor said so.
    """
    if all(photo.sha256 != sha256 for photo in code.photos):
        raise ModelError("The object has no such photo.", "Project the photo on it again.")
    photos = []
    for photo in code.photos:
        if photo.sha256 == sha256:
            share = agreement(mesh.vertices, mesh.triangles, camera, photo.pixels, photo.window)
            photos.append(photo.placed(camera, share))
            _warn_of_disagreement(photos[-1], monitor)
        else:
            photos.append(photo)
    field = field_of(get_system(code.system), code, runtime)
    return _bake_photos(code.with_photos(tuple(photos)), field, mesh, settings, monitor)


def remove_photo(
    code: Code, mesh: UVMesh, sha256: str, settings: Settings, runtime: Runtime, monitor: Monitor
) -> Projected:
    """Forget one of a code's further photos, and bake anew without it; arguments and errors as ``place_photo``."""
    photos = tuple(photo for photo in code.photos if photo.sha256 != sha256)
    if len(photos) == len(code.photos):
        raise ModelError("The object has no such photo.", "Its other photos are listed in the sidebar.")
    field = field_of(get_system(code.system), code, runtime)
    return _bake_photos(code.with_photos(photos), field, mesh, settings, monitor)


def _bake_photos(code: Code, field: Field, mesh: UVMesh, settings: Settings, monitor: Monitor) -> Projected:
    with monitor.stage(Stage.BAKE):
        maps = bake(code, field, mesh, settings.bake, monitor, settings.mirror)
    return Projected(code, maps, tuple(monitor.warnings))


def _warn_of_disagreement(photo: FurtherPhoto, monitor: Monitor) -> None:
    if photo.agreement < FAIR_AGREEMENT:
        monitor.warn(
            Sentence(
                "'{name}' agrees with the object's outline by {agreement:.0%} only: say another side, or look through "
                "its camera, fit it by hand and use it as it stands.",
                name=photo.name,
                agreement=photo.agreement,
            )
        )


def _check_range(name: Sentence, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        raise SettingsError(
            Sentence("The {name} is {value}.", name=name, value=value),
            Sentence("Choose a value from {lowest} to {highest}.", lowest=lowest, highest=highest),
        )


def _triangulated(surface: Surface, uvs: NDArray[np.float32]) -> UVMesh:
    """Each quad as two triangles that keep its corners' UVs."""
    corners = np.array([[0, 1, 2], [0, 2, 3]])
    triangles = surface.faces[:, corners].reshape(-1, 3)
    return UVMesh(surface.vertices, triangles, uvs[:, corners].reshape(-1, 3, 2))


def _provenance(photo_path: Path, photo: Photo, card: SystemCard, settings: Settings) -> dict[str, str]:
    """Where a code came from, kept with the object for good."""
    return {
        "photo_name": readable(photo_path.name),
        "photo_sha256": photo.sha256,
        "system": card.name,
        "system_version": card.version,
        "weights_source": card.source,
        "weights_licence": card.licence,
        # The only values that JSON does not know are paths; a stored code does not tell where the artist keeps files.
        "settings": json.dumps(asdict(settings), default=lambda path: path.name, sort_keys=True),
    }
