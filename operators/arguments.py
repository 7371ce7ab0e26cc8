# SPDX-License-Identifier: GPL-3.0-or-later
"""From properties, whoever holds them, to the engine's settings."""

from pathlib import Path

import bpy

from ..inference.bake import BakeSettings
from ..inference.cutout import CutoutMethod, CutoutSettings
from ..inference.errors import CutoutError
from ..inference.pipeline import Settings
from ..inference.priors.choose import ShapeChoice
from ..inference.surface import SurfaceSettings
from ..inference.symmetry_search import MirrorChoice
from ..properties import ImageTo3DSettings, photo_cutout
from ..retopology_tasks import LowPolyOptions, RetopologyOptions
from ..scene.cutout_image import find_cutout_image, write_mask
from ..scene.detail_bake import DetailSettings
from ..scene.low_material import MapOptions
from ..scene.remesh import RemeshMethod
from ..shelf_properties import EDITED_CUTOUT


def cutout_settings(method: str, mask_path: str) -> CutoutSettings:
    """Settings of the cut-out.

    Args:
        method: name of a ``CutoutMethod``.
        mask_path: a file as Blender stores paths; only used by the method MASK.

    Raises:
        CutoutError: a mask is wanted and none is given.
    """
    chosen = CutoutMethod[method]
    if chosen is not CutoutMethod.MASK:
        return CutoutSettings(chosen)
    if not mask_path:
        raise CutoutError("No mask is chosen.", "Choose a mask file, or another cut-out.")
    return CutoutSettings(chosen, Path(bpy.path.abspath(mask_path)))


def photo_cutout_settings(settings: ImageTo3DSettings, photo: bpy.types.Image | None) -> CutoutSettings:
    """Settings of a photo's own cut-out.

    Raises:
        CutoutError: a mask is missing, or the edited cut-out is empty or was deleted.
        OutputError: the edited cut-out cannot be written for the engine.
    """
    method, mask_path = photo_cutout(settings, photo)
    if method == EDITED_CUTOUT[0]:
        image = find_cutout_image(photo)
        if image is None:
            raise CutoutError("This photo has no edited cut-out.", "Press Edit Cut-Out, or choose another cut-out.")
        folder = Path(bpy.app.tempdir) / "image_to_3d_masks"
        return CutoutSettings(CutoutMethod.MASK, write_mask(image, folder))
    return cutout_settings(method, mask_path)


def scene_cutout_settings(settings: ImageTo3DSettings) -> CutoutSettings:
    """Those of the sidebar's photo; raises what ``photo_cutout_settings`` raises."""
    return photo_cutout_settings(settings, settings.photo)


def scene_settings(settings: ImageTo3DSettings) -> Settings:
    """The engine's settings as the sidebar has them, for any photo: the cut-out is left to the photo."""
    return Settings(
        system=settings.system,
        surface=SurfaceSettings(resolution=settings.resolution, target_faces=settings.target_faces or None),
        bake=BakeSettings(texture_size=int(settings.texture_size), photo_strength=settings.photo_strength),
        symmetrise=MirrorChoice() if settings.symmetrise else None,
        shape=ShapeChoice[settings.shape],
    )


def retopology_options(values: bpy.types.PropertyGroup | bpy.types.Operator) -> RetopologyOptions:
    """How to make a low-poly mesh, as the Retopology panel or an operator with the same properties says."""
    return RetopologyOptions(
        method=RemeshMethod[values.method],
        faces=values.faces,
        use_symmetry=values.use_symmetry,
        tolerance=values.tolerance,
        keep_sharp=values.keep_sharp,
        levels=values.levels,
        level_ratio=values.level_ratio,
    )


def low_poly_options(
    values: bpy.types.PropertyGroup | bpy.types.Operator, texture_size: int, photo_strength: float
) -> LowPolyOptions:
    """How to bake to a low-poly mesh, as the Bake panel or an operator with the same properties says."""
    return LowPolyOptions(
        texture_size=texture_size,
        margin=values.margin,
        photo_strength=photo_strength,
        detail=DetailSettings(
            normals=values.normals,
            occlusion_samples=values.occlusion_samples if values.occlusion else 0,
            cage=values.cage,
        ),
        maps=MapOptions(int(values.bits), values.green == "DIRECTX", values.pack_orm),
    )
