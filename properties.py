# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings per scene, and what a running job shows on the window manager."""

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .adjustments import active_value, change_active
from .engine import ENGINE
from .inference.pipeline import RESOLUTION_RANGE
from .inference.priors.choose import ShapeChoice
from .inference.systems import get_system, system_ids
from .models import MODELS, models_folder
from .options import DEFAULT_QUALITY, QUALITIES, TEXTURE_SIZES
from .retopology_properties import TEXTURE_ITEMS, ImageTo3DRetopology
from .scene.camera import camera_in_use, photo_fade, set_photo_fade
from .scene.family import sculpture_of
from .scene.selection import active_object
from .scene.shelf import shelve
from .shelf_properties import (
    CUTOUT_ITEMS,
    CUTOUT_TEXTS,
    EDITED_CUTOUT,
    MASK_TEXTS,
    OWN_CUTOUTS,
    USUAL_CUTOUT,
    ImageTo3DShelved,
)

DEFAULT = QUALITIES[DEFAULT_QUALITY]

SHAPE_ITEMS = (
    (ShapeChoice.AUTOMATIC.name, "Automatic", "A ball, a box or a round thing where the photo clearly shows one"),
    (ShapeChoice.AS_PREDICTED.name, "As Predicted", "As the network sees it, whatever the photo shows"),
    (ShapeChoice.ROUND.name, "Round", "Round about an axis, as if turned on a lathe: a cup, a bottle, a hat"),
    (ShapeChoice.BOX.name, "Box", "A box that stands upright, with rounded edges"),
    (ShapeChoice.BALL.name, "Ball", "A ball"),
)
CUSTOM_QUALITY = ("CUSTOM", "Custom", "As set under Detail")
QUALITY_ITEMS = tuple((key, quality.label, quality.description) for key, quality in QUALITIES.items())

SYSTEM_TEXTS = {
    "name": "Network",
    "description": "Which network reads the photo; they differ in quality, speed and what results may be used for",
}
SIZE_TEXTS = {"name": "Size", "description": "Length of the object's longest side"}
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
    "description": "How fine the surface is: steps along the longest side; more show more and take longer",
}
TEXTURE_SIZE_TEXTS = {"name": "Texture Size", "description": "Pixels along each side of the textures"}
MIRROR_ALL_TEXTS = {
    "name": "Mirror the Whole Photo",
    "description": "Of a symmetric object, show one side's photo on both, even where the photo shows the other side",
}
SHAPE_TEXTS = {
    "name": "Shape",
    "description": "What is known of the object's shape; the side that the photo does not show follows from it",
}
SYMMETRISE_TEXTS = {
    "name": "Symmetrise",
    "description": "Mirror the side that the photo sees better onto the other one, where a mirror plane fits",
}
ISO_TEXTS = {
    "name": "Slimness",
    "description": "Higher makes the object thinner all over, lower makes it fuller",
}
BASE_CUT_TEXTS = {"name": "Base Cut", "description": "Share of the height that is cut off flat at the base"}
SMOOTHING_TEXTS = {"name": "Smoothing", "description": "How often ripples are evened out; the volume stays"}
FLOATER_TEXTS = {
    "name": "Loose Parts",
    "description": "Separate parts with less than this share of the whole surface are left out",
}


def system_items() -> tuple[tuple[str, str, str], ...]:
    """Identifier, name and tooltip of each reconstruction system, from its card."""
    cards = [get_system(system_id).card for system_id in system_ids()]
    return tuple((card.id, card.name, card.description) for card in cards)


_shown_systems: list[tuple[str, str, str, str, int]] = []
"""What the selector was last given: Blender wants the texts of computed items kept alive."""


def _selectable_systems(_self: bpy.types.PropertyGroup, _context: bpy.types.Context | None) -> list[Any]:
    """Those that need one photo, with an arrow at what is not installed. Files keep the number: the system's place."""
    _shown_systems.clear()
    for number, state in enumerate(MODELS.states(models_folder(bpy.context))):
        card = state.card
        if card.views == 1:
            about = f"{card.description}. Good for {card.good_for}"
            if not state.is_ready:
                about += ". Not installed"
            _shown_systems.append((card.id, card.name, about, "CHECKMARK" if state.is_ready else "IMPORT", number))
    return _shown_systems


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


CUTOUT_NAMES = tuple(item[0] for item in (*CUTOUT_ITEMS, EDITED_CUTOUT))


def photo_cutout(settings: "ImageTo3DSettings", photo: bpy.types.Image | None) -> tuple[str, str]:
    """Method and mask's path of a photo's cut-out: its own, or as usual where none was chosen for it."""
    if photo is None or photo.image_to_3d.cutout == USUAL_CUTOUT[0]:
        return settings.usual_cutout, settings.usual_mask_path
    return photo.image_to_3d.cutout, photo.image_to_3d.mask_path


def _get_cutout(self: "ImageTo3DSettings") -> int:
    return CUTOUT_NAMES.index(photo_cutout(self, self.photo)[0])


def _set_cutout(self: "ImageTo3DSettings", index: int) -> None:
    """For the present photo, and for others where it can fit them."""
    name = CUTOUT_NAMES[index]
    if self.photo is not None:
        self.photo.image_to_3d.cutout = name
    if self.photo is None or name not in OWN_CUTOUTS:
        self.usual_cutout = name


def _get_mask_path(self: "ImageTo3DSettings") -> str:
    return photo_cutout(self, self.photo)[1]


def _set_mask_path(self: "ImageTo3DSettings", path: str) -> None:
    if self.photo is None:
        self.usual_mask_path = path
    else:
        self.photo.image_to_3d.mask_path = path


def _photo_chosen(self: "ImageTo3DSettings", _context: bpy.types.Context) -> None:
    """Put it on the shelf. A mask that was chosen before any photo is this one's alone."""
    if self.photo is None:
        return
    shelve(self.id_data, self.photo)
    if self.usual_cutout in OWN_CUTOUTS:
        self.photo.image_to_3d.cutout, self.photo.image_to_3d.mask_path = self.usual_cutout, self.usual_mask_path
        self.usual_cutout, self.usual_mask_path = CUTOUT_NAMES[0], ""


class ImageTo3DSettings(bpy.types.PropertyGroup):
    """What the sidebar sets; operators called by scripts take arguments instead."""

    photo: PointerProperty(
        name="Photo",
        description="Photo of one object, best with all of it in view",
        type=bpy.types.Image,
        poll=_is_photo,
        update=_photo_chosen,
    )
    shelf: CollectionProperty(name="Photos", description="Photos that were chosen or dropped", type=ImageTo3DShelved)
    draft_first: BoolProperty(
        name="Draft First",
        description="Make a quick draft of every photo, then refine the drafts that are still there",
        default=False,
    )
    system: EnumProperty(**SYSTEM_TEXTS, items=_selectable_systems)
    cutout: EnumProperty(**CUTOUT_TEXTS, items=(*CUTOUT_ITEMS, EDITED_CUTOUT), get=_get_cutout, set=_set_cutout)
    cutout_overlay: EnumProperty(
        name="Cover",
        description="What covers the part that is cut away while the cut-out is corrected",
        items=(
            ("CHECKER", "Checker", "Blender's own pattern for what is transparent; stands out from any colour"),
            ("RED", "Red", "A red film"),
            ("GREEN", "Green", "A green film, for red objects"),
        ),
    )
    mask_path: StringProperty(**MASK_TEXTS, subtype="FILE_PATH", get=_get_mask_path, set=_set_mask_path)
    usual_cutout: EnumProperty(
        name="Usual Cut-Out",
        description="How the object is separated from its background in photos without a choice of their own",
        items=(*CUTOUT_ITEMS, EDITED_CUTOUT),
    )
    usual_mask_path: StringProperty(
        name="Usual Mask", description="Mask for the photo that is chosen next", subtype="FILE_PATH"
    )
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
    symmetrise: BoolProperty(**SYMMETRISE_TEXTS, default=False)
    shape: EnumProperty(**SHAPE_TEXTS, items=SHAPE_ITEMS)
    size: FloatProperty(**SIZE_TEXTS, default=1.0, min=0.001, soft_min=0.01, soft_max=100.0, subtype="DISTANCE")
    is_begun: BoolProperty(
        name="Begun", description="The scene is not new any more: your own defaults are no longer taken", default=False
    )
    retopology: PointerProperty(
        name="Retopology", description="Low-poly mesh, and baking to it", type=ImageTo3DRetopology
    )


def _adjustable(name: str) -> dict[str, Any]:
    """``get`` and ``set`` of a slider for the active object."""

    def change(self: "ImageTo3DAdjustment", value: float) -> None:
        change_active(name, value, live=self.is_live)

    return {"get": lambda _self: active_value(name), "set": change}


def _get_target_faces(_self: bpy.types.PropertyGroup) -> int:
    return active_value("target_faces") or 0


def _set_target_faces(self: "ImageTo3DAdjustment", value: int) -> None:
    change_active("target_faces", value or None, live=self.is_live)


def _get_adjusted_texture(_self: bpy.types.PropertyGroup) -> int:
    """The item nearest to the size; scripts may have baked any."""
    size = active_value("texture_size")
    return min(range(len(TEXTURE_SIZES)), key=lambda index: abs(TEXTURE_SIZES[index] - size))


def _set_adjusted_texture(self: "ImageTo3DAdjustment", index: int) -> None:
    change_active("texture_size", TEXTURE_SIZES[index], live=self.is_live)


class ImageTo3DAdjustment(bpy.types.PropertyGroup):
    """The active object's sliders. On the window manager, because dragging them must make no undo step."""

    is_live: BoolProperty(
        name="Live",
        description="Show a coarse surface while a slider moves, and apply it when it rests",
        default=True,
    )
    iso_shift: FloatProperty(**ISO_TEXTS, min=-1.0, max=1.0, **_adjustable("iso_shift"))
    base_cut: FloatProperty(**BASE_CUT_TEXTS, min=0.0, max=0.9, subtype="FACTOR", **_adjustable("base_cut"))
    smoothing: IntProperty(**SMOOTHING_TEXTS, min=0, max=100, soft_max=30, **_adjustable("smoothing"))
    floater_share: FloatProperty(
        **FLOATER_TEXTS, min=0.0, max=1.0, soft_max=0.2, precision=3, subtype="FACTOR", **_adjustable("floater_share")
    )
    resolution: IntProperty(
        **RESOLUTION_TEXTS, min=RESOLUTION_RANGE[0], max=RESOLUTION_RANGE[1], **_adjustable("resolution")
    )
    target_faces: IntProperty(
        **TARGET_FACES_TEXTS, min=0, soft_max=200_000, get=_get_target_faces, set=_set_target_faces
    )
    texture_size: EnumProperty(
        **TEXTURE_SIZE_TEXTS, items=TEXTURE_ITEMS, get=_get_adjusted_texture, set=_set_adjusted_texture
    )
    photo_strength: FloatProperty(
        **PHOTO_STRENGTH_TEXTS, min=0.0, max=1.0, subtype="FACTOR", **_adjustable("photo_strength")
    )
    mirror_all: BoolProperty(**MIRROR_ALL_TEXTS, **_adjustable("mirror_all"))


def _get_fade(_self: bpy.types.PropertyGroup) -> float:
    camera = camera_in_use(sculpture_of(active_object()), bpy.context.scene)
    return photo_fade(camera) if camera is not None else 0.0


def _set_fade(_self: bpy.types.PropertyGroup, value: float) -> None:
    camera = camera_in_use(sculpture_of(active_object()), bpy.context.scene)
    if camera is not None:
        set_photo_fade(camera, value)


class ImageTo3DStatus(bpy.types.PropertyGroup):
    """The job in progress, and the view. Each property is computed when read: nothing of it is saved with a file."""

    photo_fade: FloatProperty(
        name="Photo over Render",
        description="Looking through the photo's camera: fade from the object to the photo it was made from",
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        get=_get_fade,
        set=_set_fade,
    )

    is_running: BoolProperty(name="Running", get=lambda _self: ENGINE.is_busy)
    stage: StringProperty(name="Stage", get=lambda _self: ENGINE.job.stage if ENGINE.job else "")
    fraction: FloatProperty(name="Progress", subtype="FACTOR", min=0, max=1, get=lambda _self: ENGINE.progress.fraction)


_register_classes, _unregister_classes = bpy.utils.register_classes_factory(
    (ImageTo3DSettings, ImageTo3DStatus, ImageTo3DAdjustment)
)


def register() -> None:
    """Attach the groups under one name each."""
    _register_classes()
    bpy.types.Scene.image_to_3d = PointerProperty(type=ImageTo3DSettings)
    bpy.types.WindowManager.image_to_3d = PointerProperty(type=ImageTo3DStatus)
    bpy.types.WindowManager.image_to_3d_adjust = PointerProperty(type=ImageTo3DAdjustment)


def unregister() -> None:
    """Detach them."""
    del bpy.types.WindowManager.image_to_3d_adjust
    del bpy.types.WindowManager.image_to_3d
    del bpy.types.Scene.image_to_3d
    _unregister_classes()
