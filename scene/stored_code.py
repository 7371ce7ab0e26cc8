# SPDX-License-Identifier: GPL-3.0-or-later
"""The code kept with its object, so that surface and maps can be made again without the photo or the network."""

import bpy

from ..inference.code import Code
from ..inference.errors import ModelError
from .placement import Placement

CODE_KEY = "image_to_3d_code"
PLACEMENT_KEY = "image_to_3d_placement"


def store_code(target: bpy.types.Object, code: bytes, placement: Placement) -> None:
    """Keep a code's bytes, and the way back to the object frame, as custom properties of the object."""
    target[CODE_KEY] = code
    target[PLACEMENT_KEY] = placement.to_list()


def has_code(target: bpy.types.Object | None) -> bool:
    """Whether the object was reconstructed from a photo and can be baked or extracted again."""
    return target is not None and CODE_KEY in target and PLACEMENT_KEY in target


def load_code(target: bpy.types.Object) -> tuple[Code, Placement]:
    """The object's code and placement.

    Raises:
        ModelError: it has none, or a damaged one.
    """
    if not has_code(target):
        raise ModelError(f"'{target.name}' was not reconstructed from a photo.", "Choose an object that was.")
    return Code.from_bytes(bytes(target[CODE_KEY])), Placement.from_list(list(target[PLACEMENT_KEY]))
