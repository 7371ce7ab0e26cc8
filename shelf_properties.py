# SPDX-License-Identifier: GPL-3.0-or-later
"""What belongs to one photo: its cut-out, wherever it is chosen, and its place on a scene's shelf."""

import bpy
from bpy.props import EnumProperty, PointerProperty, StringProperty

from .inference.cutout import CutoutMethod

CUTOUT_ITEMS = (
    (CutoutMethod.AUTOMATIC.name, "Automatic", "The photo's own transparency where it has any, otherwise a network"),
    (CutoutMethod.NETWORK.name, "Network", "Find the object with a network, even in a photo with transparency"),
    (CutoutMethod.ALPHA.name, "Transparency", "The photo's own alpha channel"),
    (CutoutMethod.MASK.name, "Mask", "A black and white picture of the photo's size: white is the object"),
    (CutoutMethod.NONE.name, "None", "The object fills the photo"),
)
EDITED_CUTOUT = ("EDITED", "Edited", "As corrected in the Image Editor; press Edit Cut-Out for it")
USUAL_CUTOUT = ("USUAL", "As Usual", "As chosen for other photos")
OWN_CUTOUTS = (CutoutMethod.MASK.name, EDITED_CUTOUT[0])
"""What fits one photo only, and is never taken over for the next one."""

CUTOUT_TEXTS = {"name": "Cut-Out", "description": "How the object is separated from its background"}
MASK_TEXTS = {"name": "Mask", "description": "Picture file whose white part is the object"}


class ImageTo3DPhoto(bpy.types.PropertyGroup):
    """What an image data-block knows as a photo."""

    cutout: EnumProperty(**CUTOUT_TEXTS, items=(USUAL_CUTOUT, *CUTOUT_ITEMS, EDITED_CUTOUT))
    mask_path: StringProperty(**MASK_TEXTS, subtype="FILE_PATH")


class ImageTo3DShelved(bpy.types.PropertyGroup):
    """A photo on the shelf. Its state is not kept: ``shelf.py`` reads it from what there is."""

    identifier: StringProperty(name="Identifier", description="Tells photos apart, whatever their images are called")
    image: PointerProperty(name="Photo", description="Photo on the shelf", type=bpy.types.Image)
    failure: StringProperty(
        name="Failure", description="Why the photo could not be reconstructed, as JSON; written when the file is saved"
    )


_register_classes, _unregister_classes = bpy.utils.register_classes_factory((ImageTo3DPhoto, ImageTo3DShelved))


def register() -> None:
    """Attach the photo's group to images."""
    _register_classes()
    bpy.types.Image.image_to_3d = PointerProperty(type=ImageTo3DPhoto)


def unregister() -> None:
    """Detach it."""
    del bpy.types.Image.image_to_3d
    _unregister_classes()
