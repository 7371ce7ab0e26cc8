# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface in other languages: one JSON file a language, from the English text to its translation.

To add a language, add a file named after Blender's code for it (Preferences > Interface > Language shows them as
tooltips). What a file does not hold stays English.
"""

import json
from pathlib import Path

import bpy

CONTEXTS = ("*", "Operator")
"""Blender looks up operators' names in a context of their own, everything else in the general one."""


def read_translations() -> dict[str, dict[tuple[str, str], str]]:
    """All languages as ``bpy.app.translations`` wants them: (context, English) to translation, by language code."""
    return {
        path.stem: {
            (context, english): translated
            for english, translated in json.loads(path.read_text(encoding="utf-8")).items()
            for context in CONTEXTS
        }
        for path in sorted(Path(__file__).parent.glob("*.json"))
    }


def register() -> None:
    """Hand the languages to Blender."""
    bpy.app.translations.register(__package__, read_translations())


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(__package__)
