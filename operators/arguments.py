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
from ..properties import EDITED_CUTOUT, ImageTo3DSettings
from ..scene.cutout_image import find_cutout_image, write_mask


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


def scene_cutout_settings(settings: ImageTo3DSettings) -> CutoutSettings:
    """Settings of the cut-out as the sidebar has them.

    Raises:
        CutoutError: a mask is missing, or the edited cut-out is empty or of another photo.
        OutputError: the edited cut-out cannot be written for the engine.
    """
    if settings.cutout == EDITED_CUTOUT[0]:
        image = find_cutout_image(settings.photo)
        if image is None:
            raise CutoutError("This photo has no edited cut-out.", "Press Edit Cut-Out, or choose another cut-out.")
        folder = Path(bpy.app.tempdir) / "image_to_3d_masks"
        return CutoutSettings(CutoutMethod.MASK, write_mask(image, folder))
    return cutout_settings(settings.cutout, settings.mask_path)


def scene_settings(settings: ImageTo3DSettings) -> Settings:
    """The engine's settings as the sidebar has them; raises ``CutoutError`` where a mask is missing."""
    return Settings(
        system=settings.system,
        cutout=scene_cutout_settings(settings),
        surface=SurfaceSettings(resolution=settings.resolution, target_faces=settings.target_faces or None),
        bake=BakeSettings(texture_size=int(settings.texture_size), photo_strength=settings.photo_strength),
        symmetrise=MirrorChoice() if settings.symmetrise else None,
        shape=ShapeChoice[settings.shape],
    )
