# SPDX-License-Identifier: GPL-3.0-or-later
"""The interface in other languages: one JSON file a language, from the English text to its translation.

Blender looks up by itself what it draws: names, labels, tooltips. Reports, errors and sentences with values are
translated here, where ``Sentence`` keeps template and values apart.

To add a language, add a file named after Blender's code for it (Preferences > Interface > Language shows them as
tooltips). What a file does not hold stays English.
"""

import json
from collections.abc import Callable
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_iface, pgettext_rpt, pgettext_tip

from ..inference.errors import ReconstructionError
from ..inference.sentence import Sentence

OWN_CONTEXT = "Image to 3D"
CONTEXTS = ("*", "Operator", OWN_CONTEXT)
"""Blender looks up operators' names in a context of their own, everything else in the general one; there its own
translation of a word goes first. A property whose own one is too long for the sidebar names our context."""


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


def iface_(text: str) -> str:
    """A sentence or a word for a panel or the status bar, in the interface's language where it is known."""
    return _translated(text, pgettext_iface)


def rpt_(text: str) -> str:
    """Likewise for ``Operator.report``."""
    return _translated(text, pgettext_rpt)


def tip_(text: str) -> str:
    """Likewise for ``Operator.poll_message_set``, which is shown in a tooltip."""
    return _translated(text, pgettext_tip)


def error_text(error: BaseException) -> str:
    """What happened and what to do next, for a report; of our own exceptions, any other stays as it is."""
    if isinstance(error, ReconstructionError):
        return f"{rpt_(error.message)} {rpt_(error.hint)}"
    return str(error)


def _translated(text: str, look_up: Callable[[str], str]) -> str:
    if not isinstance(text, Sentence):
        return look_up(text)
    values = {
        name: _translated(value, look_up) if isinstance(value, Sentence) else value
        for name, value in text.values.items()
    }
    return look_up(text.template).format(**values)


def register() -> None:
    """Hand the languages to Blender."""
    bpy.app.translations.register(__package__, read_translations())


def unregister() -> None:
    """Take them back."""
    bpy.app.translations.unregister(__package__)
