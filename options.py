# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be chosen, for the sidebar, scripts and the command line alike."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Quality:
    """What a preset stands for.

    Attributes:
        label: as the artist reads it.
        description: one sentence for a tooltip, without its full stop.
        resolution: cells along the longest side of the surface's grid.
        texture_size: pixels along a side of the maps.
    """

    label: str
    description: str
    resolution: int
    texture_size: int


QUALITIES = {
    "DRAFT": Quality("Draft", "A quick look: coarse surface, 1K texture", 96, 1024),
    "STANDARD": Quality("Standard", "Medium surface, 2K texture", 160, 2048),
    "HIGH": Quality("High", "Fine surface, 4K texture; takes several times as long", 256, 4096),
}
"""Presets by identifier, coarsest first."""

DEFAULT_QUALITY = "STANDARD"


@dataclass(frozen=True)
class AssetPreset:
    """What a game asset of a use is made with.

    Attributes:
        label: as the artist reads it.
        description: one sentence for a tooltip, without its full stop.
        faces: about how many quads; engines count twice as many triangles.
        texture_size: pixels along a side of the maps.
        levels: of detail besides the mesh itself.
    """

    label: str
    description: str
    faces: int
    texture_size: int
    levels: int


ASSET_PRESETS = {
    "MOBILE": AssetPreset("Mobile 1.5k", "For phones and crowds: 1,500 faces, 1K textures, one level", 1500, 1024, 1),
    "PROP": AssetPreset("Prop 5k", "For most things in a scene: 5,000 faces, 2K textures, two levels", 5000, 2048, 2),
    "HERO": AssetPreset(
        "Hero 20k", "For what is seen up close: 20,000 faces, 4K textures, three levels", 20_000, 4096, 3
    ),
}
"""By identifier, coarsest first."""

DEFAULT_PRESET = "PROP"
TEXTURE_SIZES = (512, 1024, 2048, 4096)

PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".avif", ".bmp")
"""Files taken for photos in a folder, and offered to reconstruct when dropped on the viewport."""
