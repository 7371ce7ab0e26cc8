# SPDX-License-Identifier: GPL-3.0-or-later
"""The code kept with its object, so that surface and maps can be made again without the photo or the network."""

import json
import math
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from typing import Any, TypeVar

import bpy

from ..inference.bake import BakeSettings
from ..inference.code import Code
from ..inference.errors import ModelError, SettingsError
from ..inference.pipeline import Settings
from ..inference.priors.choose import ShapeChoice
from ..inference.sentence import Sentence
from ..inference.surface import SurfaceSettings
from ..inference.symmetry import MirrorPlane
from .placement import Placement

CODE_KEY = "image_to_3d_code"
PLACEMENT_KEY = "image_to_3d_placement"
SETTINGS_KEY = "image_to_3d_settings"
RESULT_KEY = "image_to_3d_result"
"""Custom property: an identifier that each reconstruction gets once; the artist's copies of an object share its own."""

SettingsT = TypeVar("SettingsT", SurfaceSettings, BakeSettings)


def store_code(target: bpy.types.Object, code: bytes, placement: Placement) -> None:
    """Keep a code's bytes, and the way back to the object frame, as custom properties of the object."""
    if CODE_KEY in target:
        # Blender (4.5 to 5.2) writes bytes over bytes as a string, up to the first zero; written anew they stay whole.
        del target[CODE_KEY]
    target[CODE_KEY] = code
    target[PLACEMENT_KEY] = placement.to_list()
    if RESULT_KEY not in target:
        target[RESULT_KEY] = uuid.uuid4().hex


def has_code(target: bpy.types.Object | None) -> bool:
    """Whether the object was reconstructed from a photo and can be baked or extracted again."""
    return target is not None and CODE_KEY in target and PLACEMENT_KEY in target


def result_identifier(target: bpy.types.Object) -> str | bytes:
    """What an object with a code and its copies have in common, and no other reconstruction has.

    Objects from before identifiers were kept are told apart by their codes.
    """
    return target[RESULT_KEY] if RESULT_KEY in target else bytes(target[CODE_KEY])


def load_code(target: bpy.types.Object) -> tuple[Code, Placement]:
    """The object's code and placement.

    Raises:
        ModelError: it has none, or a damaged one.
    """
    if not has_code(target):
        raise ModelError(
            Sentence("'{name}' was not reconstructed from a photo.", name=target.name), "Choose an object that was."
        )
    return Code.from_bytes(bytes(target[CODE_KEY])), Placement.from_list(list(target[PLACEMENT_KEY]))


def elevation_of(target: bpy.types.Object) -> float:
    """How far above the horizon the object's photo was taken, radians.

    Raises:
        ModelError: it has no code, or a damaged one.
    """
    x, y, z = load_code(target)[0].camera.position
    return math.atan2(z, math.hypot(x, y))


def store_settings(target: bpy.types.Object, settings: Settings) -> None:
    """Remember how surface and maps were made, as JSON that a person can read in the object's properties."""
    values = {"surface": asdict(settings.surface), "bake": asdict(settings.bake)}
    if settings.mirror is not None:
        values["mirror"] = asdict(settings.mirror)
    if settings.shape is not ShapeChoice.AUTOMATIC:
        values["shape"] = settings.shape.value
    target[SETTINGS_KEY] = json.dumps(values, sort_keys=True)


def load_settings(target: bpy.types.Object) -> tuple[SurfaceSettings, BakeSettings]:
    """How the object's surface and maps were made; defaults for what is not known of it.

    Raises:
        ModelError: what is stored is damaged.
    """
    with _refusing_damage(target):
        values = json.loads(target.get(SETTINGS_KEY, "{}"))
        return _known(SurfaceSettings, values.get("surface", {})), _known(BakeSettings, values.get("bake", {}))


def load_mirror(target: bpy.types.Object) -> MirrorPlane | None:
    """The plane at which the object was made symmetric, in the object frame; None if it was not.

    Raises:
        ModelError: what is stored is damaged.
    """
    with _refusing_damage(target):
        values = json.loads(target.get(SETTINGS_KEY, "{}")).get("mirror")
        if values is None:
            return None
        x, y = values["normal"]
        return MirrorPlane((float(x), float(y)), float(values["offset"]))


def load_shape(target: bpy.types.Object) -> ShapeChoice:
    """What the artist said of the object's shape when it was reconstructed; it counts when the network runs again.

    Raises:
        ModelError: what is stored is damaged.
    """
    with _refusing_damage(target):
        values = json.loads(target.get(SETTINGS_KEY, "{}"))
        return ShapeChoice(values.get("shape", ShapeChoice.AUTOMATIC.value))


def has_mirror(target: bpy.types.Object) -> bool:
    """Whether the object was made symmetric; for panels, which must not fail, a look and no more."""
    return '"mirror":' in str(target.get(SETTINGS_KEY, ""))


@contextmanager
def _refusing_damage(target: bpy.types.Object) -> Iterator[None]:
    """Say what to do about settings that cannot be read."""
    try:
        yield
    except (TypeError, ValueError, AttributeError, KeyError, SettingsError) as error:
        raise ModelError(
            Sentence("The settings kept with '{name}' are damaged.", name=target.name),
            Sentence(
                "Delete its custom property '{settings_key}' to start from the defaults.", settings_key=SETTINGS_KEY
            ),
        ) from error


def _known(kind: type[SettingsT], values: dict[str, Any]) -> SettingsT:
    """Settings from stored values, those of another version of the extension left out."""
    names = {item.name for item in fields(kind)}
    return kind(**{name: value for name, value in values.items() if name in names})
