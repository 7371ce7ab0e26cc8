# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings per scene, and what a running job shows on the window manager."""

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from .engine import ENGINE
from .inference.cutout import CutoutMethod
from .inference.pipeline import RESOLUTION_RANGE
from .inference.systems import get_system, system_ids
from .options import DEFAULT_QUALITY, QUALITIES, TEXTURE_SIZES

DEFAULT = QUALITIES[DEFAULT_QUALITY]

CUTOUT_ITEMS = (
    (CutoutMethod.AUTOMATIC.name, "Automatic", "The photo's own transparency where it has any, otherwise a network"),
    (CutoutMethod.NETWORK.name, "Network", "Find the object with a network, even in a photo with transparency"),
    (CutoutMethod.ALPHA.name, "Transparency", "The photo's own alpha channel"),
    (CutoutMethod.MASK.name, "Mask", "A black and white picture of the photo's size: white is the object"),
    (CutoutMethod.NONE.name, "None", "The object fills the photo"),
)
TEXTURE_ITEMS = tuple((str(size), f"{size} px", f"Maps of {size} by {size} pixels") for size in TEXTURE_SIZES)
CUSTOM_QUALITY = ("CUSTOM", "Custom", "As set under Detail")
QUALITY_ITEMS = tuple((key, quality.label, quality.description) for key, quality in QUALITIES.items())

SYSTEM_TEXTS = {
    "name": "System",
    "description": "The network that reconstructs; they differ in quality, speed and licence",
}
SIZE_TEXTS = {"name": "Size", "description": "Length of the object's longest side"}
CUTOUT_TEXTS = {"name": "Cut-Out", "description": "How the object is separated from its background"}
MASK_TEXTS = {"name": "Mask", "description": "Picture file whose white part is the object"}
PHOTO_STRENGTH_TEXTS = {
    "name": "Photo Strength",
    "description": "How much of the photo is projected on the side that it shows, instead of the network's colours",
}
TARGET_FACES_TEXTS = {
    "name": "Target Faces",
    "description": "About how many quads the surface is reduced to; 0 keeps all",
}
RESOLUTION_TEXTS = {
    "name": "Resolution",
    "description": "Cells along the longest side in which the surface is looked for; finer shows more and takes longer",
}
TEXTURE_SIZE_TEXTS = {"name": "Texture Size", "description": "Pixels along each side of the maps"}


def system_items() -> tuple[tuple[str, str, str], ...]:
    """Identifier, name and tooltip of each reconstruction system, from its card."""
    cards = [get_system(system_id).card for system_id in system_ids()]
    return tuple((card.id, card.name, card.description) for card in cards)


def _is_photo(_self: bpy.types.PropertyGroup, image: bpy.types.Image) -> bool:
    """Which images the selector offers: those with a picture of their own."""
    return image.source in {"FILE", "GENERATED"} and image.type in {"IMAGE", "UV_TEST"}


def _get_quality(self: "ImageTo3DSettings") -> int:
    """The preset that the details amount to; the item after the last preset is Custom."""
    details = (self.resolution, int(self.texture_size))
    presets = [(quality.resolution, quality.texture_size) for quality in QUALITIES.values()]
    return presets.index(details) if details in presets else len(presets)


def _set_quality(self: "ImageTo3DSettings", index: int) -> None:
    """Choosing a preset sets the details; choosing Custom leaves them as they are."""
    if index < len(QUALITIES):
        quality = list(QUALITIES.values())[index]
        self.resolution = quality.resolution
        self.texture_size = str(quality.texture_size)


class ImageTo3DSettings(bpy.types.PropertyGroup):
    """What the sidebar sets; operators called by scripts take arguments instead."""

    photo: PointerProperty(
        name="Photo",
        description="Photo of one object, best with all of it in view",
        type=bpy.types.Image,
        poll=_is_photo,
    )
    system: EnumProperty(**SYSTEM_TEXTS, items=system_items())
    cutout: EnumProperty(**CUTOUT_TEXTS, items=CUTOUT_ITEMS)
    mask_path: StringProperty(**MASK_TEXTS, subtype="FILE_PATH")
    quality: EnumProperty(
        name="Quality",
        description="How fine surface and texture are",
        items=(*QUALITY_ITEMS, CUSTOM_QUALITY),
        get=_get_quality,
        set=_set_quality,
    )
    resolution: IntProperty(
        **RESOLUTION_TEXTS, default=DEFAULT.resolution, min=RESOLUTION_RANGE[0], max=RESOLUTION_RANGE[1]
    )
    texture_size: EnumProperty(**TEXTURE_SIZE_TEXTS, items=TEXTURE_ITEMS, default=str(DEFAULT.texture_size))
    target_faces: IntProperty(**TARGET_FACES_TEXTS, default=0, min=0, soft_max=200_000)
    photo_strength: FloatProperty(**PHOTO_STRENGTH_TEXTS, default=1.0, min=0.0, max=1.0, subtype="FACTOR")
    size: FloatProperty(**SIZE_TEXTS, default=1.0, min=0.001, soft_min=0.01, soft_max=100.0, subtype="DISTANCE")


class ImageTo3DStatus(bpy.types.PropertyGroup):
    """The job in progress. Each property is computed when read, so nothing of it is ever saved with a file."""

    is_running: BoolProperty(name="Running", get=lambda _self: ENGINE.is_busy)
    stage: StringProperty(name="Stage", get=lambda _self: ENGINE.job.stage if ENGINE.job else "")
    fraction: FloatProperty(name="Progress", subtype="FACTOR", min=0, max=1, get=lambda _self: ENGINE.fraction)


_register_classes, _unregister_classes = bpy.utils.register_classes_factory((ImageTo3DSettings, ImageTo3DStatus))


def register() -> None:
    """Attach the groups under one name each."""
    _register_classes()
    bpy.types.Scene.image_to_3d = PointerProperty(type=ImageTo3DSettings)
    bpy.types.WindowManager.image_to_3d = PointerProperty(type=ImageTo3DStatus)


def unregister() -> None:
    """Detach them."""
    del bpy.types.WindowManager.image_to_3d
    del bpy.types.Scene.image_to_3d
    _unregister_classes()
