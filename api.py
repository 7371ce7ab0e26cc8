# SPDX-License-Identifier: GPL-3.0-or-later
"""Image to 3D for scripts and pipelines. All functions block until they are done.

::

    from bl_ext.user_default.image_to_3d import api

    made = api.reconstruct("cup.jpg", api.settings("HIGH", target_faces=20_000), size=0.12)
    cup = bpy.data.objects[made.object]
    api.write(cup, "out", ("glb", "blend"))

Every failure that can be foreseen is a ``ReconstructionError`` with a ``message`` and a ``hint``; after it the scene is
as it was. The worker process stays warm between calls; ``shutdown`` ends it early, Blender's exit ends it anyway.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import bpy

from .engine import ENGINE
from .game_asset import AssetFile, GameAssetOptions, GameAssetTask
from .inference import views
from .inference.bake import BakeSettings
from .inference.code import Code
from .inference.cutout import CutoutMethod, CutoutSettings
from .inference.errors import OutputError, ReconstructionError, SettingsError
from .inference.monitor import Monitor
from .inference.pipeline import Settings
from .inference.priors.choose import ShapeChoice
from .inference.surface import SurfaceSettings
from .inference.symmetry import MirrorPlane
from .inference.symmetry_search import MirrorChoice
from .inference.view_matching import Side, Start
from .options import DEFAULT_QUALITY, QUALITIES
from .retopology_tasks import BakeLowPolyTask, LowPolyOptions, RetopologyOptions, RetopologyTask
from .scene.detail_bake import DetailSettings
from .scene.files import WRITERS, make_folder, write_files
from .scene.low_material import MapOptions
from .scene.mesh_check import MeshCheck
from .scene.photos import listed_photos
from .scene.placement import Placement
from .scene.places import AT_CURSOR, Place
from .scene.remesh import RemeshMethod
from .scene.retopology import Prepared, high_of, prepare
from .scene.stored_code import elevation_of, load_code
from .symmetry_tasks import Across, AsymmetryTask, SymmetryOptions, SymmetryTask
from .tasks import PlacePhotoTask, ProjectPhotoTask, ReconstructTask, RemovePhotoTask, Summary

__all__ = [
    "Across",
    "AssetFile",
    "Code",
    "CutoutMethod",
    "CutoutSettings",
    "DetailSettings",
    "GameAssetOptions",
    "LowPolyOptions",
    "MapOptions",
    "MeshCheck",
    "MirrorPlane",
    "Place",
    "Placement",
    "Prepared",
    "ReconstructionError",
    "RemeshMethod",
    "RetopologyOptions",
    "Settings",
    "ShapeChoice",
    "Side",
    "Summary",
    "SymmetryOptions",
    "bake_low_poly",
    "join_views",
    "make_game_asset",
    "place_photo",
    "prepare_retopology",
    "project_photo",
    "read_code",
    "reconstruct",
    "reconstruct_all",
    "remove_photo",
    "remove_symmetry",
    "retopologise",
    "settings",
    "shutdown",
    "symmetrise",
    "write",
]


def settings(
    quality: str = DEFAULT_QUALITY,
    *,
    system: str = "pebble",
    cutout: CutoutSettings | None = None,
    resolution: int | None = None,
    texture_size: int | None = None,
    target_faces: int | None = None,
    photo_strength: float = 1.0,
    symmetrise: bool = False,
    shape: ShapeChoice = ShapeChoice.AUTOMATIC,
) -> Settings:
    """Settings from a quality preset and what should differ from it.

    Args:
        quality: ``"DRAFT"``, ``"STANDARD"`` or ``"HIGH"``.
        system: id of the reconstruction system.
        cutout: how the object is separated from its background; by default its own transparency, or a network.
        resolution: cells along the longest side of the surface's grid.
        texture_size: pixels along each side of the maps.
        target_faces: about how many quads to keep; None keeps all.
        photo_strength: 0..1, how much of the photo is projected on the side that it shows.
        symmetrise: mirror the side that the photo sees better onto the other one, where a mirror plane fits.
        shape: what is known of the object's shape: automatic, as predicted, round, a box or a ball.

    Raises:
        KeyError: there is no such quality.
    """
    preset = QUALITIES[quality]
    return Settings(
        system=system,
        cutout=cutout or CutoutSettings(),
        surface=SurfaceSettings(resolution=resolution or preset.resolution, target_faces=target_faces),
        bake=BakeSettings(texture_size=texture_size or preset.texture_size, photo_strength=photo_strength),
        symmetrise=MirrorChoice() if symmetrise else None,
        shape=shape,
    )


def reconstruct(
    photo: str | Path,
    with_settings: Settings | None = None,
    *,
    size: float = 1.0,
    place: Place = AT_CURSOR,
    context: bpy.types.Context | None = None,
) -> Summary:
    """Make a textured object from a photo. The view of no viewport is touched.

    Args:
        photo: path of the file; of a sheet of views (``join_views``) for a system that needs several.
        with_settings: see ``settings``; Standard quality by default.
        size: length of the longest side, Blender units.
        place: where it stands; exactly at the 3D cursor by default. ``Place(keeps_clear=True)`` goes to the right past
            what stands there.
        context: ``bpy.context`` by default.

    Returns:
        The names of what was made, counts, and seconds by stage.

    Raises:
        ReconstructionError: with ``message`` and ``hint``; nothing was made.
    """
    task = ReconstructTask(Path(photo), with_settings or settings(), size, place)
    ENGINE.run(task, context or bpy.context)
    if task.summary is None:
        raise RuntimeError("the task ended without a summary")
    return task.summary


def reconstruct_all(
    photos: Iterable[str | Path],
    with_settings: Settings | None = None,
    *,
    size: float = 1.0,
    place: Place = AT_CURSOR,
    context: bpy.types.Context | None = None,
) -> list[Summary | ReconstructionError]:
    """Make a textured object from each of several photos, in a row; a photo that fails stops nothing.

    Args:
        photos: paths of the files.
        with_settings: see ``settings``; Standard quality by default.
        size: length of each object's longest side, Blender units.
        place: where the first one stands; the others stand beside it.
        context: ``bpy.context`` by default.

    Returns:
        For each photo, in their order: what was made, or why nothing was.
    """
    outcomes: list[Summary | ReconstructionError] = []
    for photo in photos:
        try:
            outcomes.append(reconstruct(photo, with_settings, size=size, place=place, context=context))
            place = replace(place, keeps_clear=True)
        except ReconstructionError as error:
            outcomes.append(error)
    return outcomes


def symmetrise(
    target: bpy.types.Object, options: SymmetryOptions | None = None, *, context: bpy.types.Context | None = None
) -> MirrorPlane:
    """Mirror the side of a reconstructed object that its photo sees better onto the other one; no network runs.

    Surface and maps are made again and exchanged; adjusting, baking and retopology keep to the plane from then on.

    Args:
        target: an object that was reconstructed from a photo.
        options: plane and kept side; both are found by default.
        context: ``bpy.context`` by default, in Object Mode.

    Returns:
        The plane in the engine's object frame (see ``read_code``); its normal points to the side that was kept.

    Raises:
        ReconstructionError: no plane fits and none was named, among others; nothing was changed.
    """
    task = SymmetryTask(target, options or SymmetryOptions())
    ENGINE.run(task, context or bpy.context)
    if task.result is None or task.result.mirror is None:
        raise RuntimeError("the task ended without a mirror plane")
    return task.result.mirror


def remove_symmetry(target: bpy.types.Object, *, context: bpy.types.Context | None = None) -> None:
    """Bring the network's own reading of both sides of a symmetric object back.

    Raises:
        ReconstructionError: with ``message`` and ``hint``; nothing was changed.
    """
    ENGINE.run(AsymmetryTask(target), context or bpy.context)


def project_photo(
    target: bpy.types.Object,
    photo: str | Path,
    side: Side = Side.BACK,
    *,
    cutout: CutoutSettings | None = None,
    context: bpy.types.Context | None = None,
) -> float:
    """Project another photo of the same thing on a reconstructed object; its camera is found and made.

    A photo that the object has already takes the place of its former self.

    Args:
        target: the object, with UVs.
        photo: path of the file.
        side: roughly which side of the object it shows.
        cutout: how the thing is separated from its background; by default its own transparency, or a network.
        context: ``bpy.context`` by default, in Object Mode.

    Returns:
        How well the outlines agree: intersection over union, 0..1. Below 0.85 the match is doubtful.

    Raises:
        ReconstructionError: with ``message`` and ``hint``; nothing was changed.
    """
    context = context or bpy.context
    start = Start.at(side, elevation_of(target))
    depsgraph = context.evaluated_depsgraph_get()
    task = ProjectPhotoTask(target, Path(photo), start, cutout or CutoutSettings(), depsgraph)
    ENGINE.run(task, context)
    return listed_photos(target)[-1].agreement


def place_photo(target: bpy.types.Object, name: str, *, context: bpy.types.Context | None = None) -> float:
    """Project a further photo again from where its camera stands now, after it was moved.

    Args:
        target: the object.
        name: of the photo's file.
        context: ``bpy.context`` by default, in Object Mode.

    Returns:
        How well the outlines agree, as ``project_photo``.

    Raises:
        ReconstructionError: with ``message`` and ``hint``; nothing was changed.
    """
    context = context or bpy.context
    sha256 = _photo_called(target, name)
    ENGINE.run(PlacePhotoTask(target, sha256, context.evaluated_depsgraph_get()), context)
    return next(photo.agreement for photo in listed_photos(target) if photo.sha256 == sha256)


def remove_photo(target: bpy.types.Object, name: str, *, context: bpy.types.Context | None = None) -> None:
    """Remove a further photo and its camera from an object, and bake its texture without it.

    Args:
        target: the object.
        name: of the photo's file.
        context: ``bpy.context`` by default, in Object Mode.

    Raises:
        ReconstructionError: with ``message`` and ``hint``; nothing was changed.
    """
    context = context or bpy.context
    ENGINE.run(RemovePhotoTask(target, _photo_called(target, name), context.evaluated_depsgraph_get()), context)


def _photo_called(target: bpy.types.Object, name: str) -> str:
    photos = listed_photos(target)
    for photo in photos:
        if photo.name == name:
            return photo.sha256
    raise SettingsError(
        f"'{target.name}' has no further photo called '{name}'.",
        f"Choose from: {', '.join(photo.name for photo in photos) or 'none'}.",
    )


def join_views(photos: Sequence[str | Path], sheet: str | Path) -> Path:
    """Put six views of one object into one picture, which ``reconstruct`` takes as the photo of a multi-view system.

    Args:
        photos: square pictures of one scale, 30, 90, 150, 210, 270 and 330 degrees counter-clockwise (seen from above)
            from the front, by turns 20 degrees above and 10 below the horizon; transparent parts become white.
        sheet: the PNG to write.

    Returns:
        The path of the sheet.

    Raises:
        PhotoError: there aren't six, or one can't be read or isn't square.
        OutputError: the sheet can't be written.
    """
    views.join_views([Path(photo) for photo in photos], Path(sheet), Monitor())
    return Path(sheet)


def prepare_retopology(
    high: bpy.types.Object,
    *,
    tolerance: float = 0.02,
    use_symmetry: bool = True,
    context: bpy.types.Context | None = None,
) -> Prepared:
    """Make an empty low-poly target over a high-poly object, with mirror, shrinkwrap and snapping set up.

    Args:
        high: any mesh object; it is renamed to end in ``_high`` and locked for selection.
        tolerance: largest error of a symmetry that is used, in parts of the longest side.
        use_symmetry: add a Mirror modifier where the shape is symmetric within the tolerance.
        context: ``bpy.context`` by default, in Object Mode.

    Raises:
        SettingsError: the object has no faces, no volume or a negative scale. Nothing was changed.
    """
    return prepare(context or bpy.context, high, tolerance, use_symmetry=use_symmetry)


def retopologise(
    high: bpy.types.Object, options: RetopologyOptions | None = None, *, context: bpy.types.Context | None = None
) -> tuple[bpy.types.Object, MeshCheck, list[str]]:
    """Make a low-poly mesh with UVs beside a high-poly object, in a background Blender.

    Args:
        high: any mesh object; it is renamed to end in ``_high`` and hidden in the viewport, not changed.
        options: method, faces, symmetry, levels of detail; 5,000 quads by default.
        context: ``bpy.context`` by default, in Object Mode.

    Returns:
        The new object, what was measured of it, and sentences about what went otherwise than asked, such as a
        method that failed and was replaced.

    Raises:
        ReconstructionError: with ``message`` and ``hint``; nothing was made.
    """
    context = context or bpy.context
    task = RetopologyTask(high, options or RetopologyOptions(), context.evaluated_depsgraph_get())
    ENGINE.run(task, context)
    if task.remeshed is None:
        raise RuntimeError("the task ended without a mesh")
    return bpy.data.objects[task.low], task.remeshed.check, task.notes


def bake_low_poly(
    low: bpy.types.Object,
    high: bpy.types.Object | None = None,
    options: LowPolyOptions | None = None,
    *,
    context: bpy.types.Context | None = None,
) -> list[str]:
    """Bake a reconstructed object's colours, normals and ambient occlusion to a low-poly mesh, as its material.

    Args:
        low: any mesh object; unwrapped into a new UV map if it has none or an overlapping one.
        high: the reconstructed object; by default the one that ``low`` was made for.
        options: sizes, maps and what may be replaced.
        context: ``bpy.context`` by default, in Object Mode.

    Returns:
        Sentences about what went otherwise than asked.

    Raises:
        ReconstructionError: with ``message`` and ``hint``; nothing was changed.
    """
    source = high or high_of(low) or low
    context = context or bpy.context
    task = BakeLowPolyTask(low, source, options or LowPolyOptions(), context.evaluated_depsgraph_get())
    ENGINE.run(task, context)
    return task.notes


def make_game_asset(
    high: bpy.types.Object, options: GameAssetOptions | None = None, *, context: bpy.types.Context | None = None
) -> tuple[bpy.types.Object, list[str]]:
    """Make a game asset of a reconstructed object: low-poly mesh, bake, levels of detail, check and file.

    Args:
        high: the reconstructed object; it is renamed to end in ``_high`` and hidden in the viewport, not changed.
        options: of each step; by default ``GameAssetOptions.preset("PROP")``, without a file.
        context: ``bpy.context`` by default, in Object Mode.

    Returns:
        The low-poly object, and sentences about what went otherwise than asked or could be better.

    Raises:
        ReconstructionError: with ``message`` and ``hint``; nothing was made. A file that could not be written at the
            end is no failure: the asset is there, and a sentence says so.
    """
    context = context or bpy.context
    task = GameAssetTask(high, options or GameAssetOptions.preset(), context.evaluated_depsgraph_get())
    ENGINE.run(task, context)
    advice = [f"{finding.subject}: {finding.value}. {finding.advice}." for finding in task.findings if finding.advice]
    return bpy.data.objects[task.low], [*task.notes, *advice]


def read_code(target: bpy.types.Object) -> tuple[Code, Placement]:
    """What the network made of the photo, as stored with a reconstructed object, and the way to its object frame.

    Raises:
        ModelError: the object was not reconstructed from a photo, or its code is damaged.
    """
    return load_code(target)


def write(
    target: bpy.types.Object,
    folder: str | Path,
    formats: Iterable[str] = ("glb",),
    context: bpy.types.Context | None = None,
) -> dict[str, Path]:
    """Write an object to files named after it.

    Args:
        target: the object.
        folder: made if it is not there.
        formats: of blend, glb, obj, fbx, usd; a .blend holds the whole present file.
        context: ``bpy.context`` by default.

    Returns:
        The main file of each format.

    Raises:
        OutputError: a file cannot be written; no half-written file is left.
    """
    unknown = [kind for kind in formats if kind not in WRITERS]
    if unknown:
        raise OutputError(f"There is no format '{unknown[0]}'.", f"Choose from: {', '.join(WRITERS)}.")
    make_folder(Path(folder))
    return write_files(context or bpy.context, target, Path(folder), bpy.path.clean_name(target.name), formats)


def shutdown() -> None:
    """End the worker process and free its memory; the next call starts it again."""
    ENGINE.shutdown()
