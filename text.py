# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in panels and dialogs: Blender's labels do not wrap by themselves."""

import re
import unicodedata

import bpy

from .translations import iface_

CHARACTER_WIDTH = 6.2
"""Mean width of a letter at Blender's usual font size, pixels."""

LABEL_MARGIN = 64
"""Pixels of a sidebar's width that a label with an icon cannot use."""

PREFERENCES_MARGIN = 240
"""Pixels of the preferences' width that a label with an icon cannot use: headings, boxes in boxes."""

DEFAULT_LINE = 36
"""Characters of a line where the sidebar's width is not known."""

WIDE, CLOSING = r"\u3000-\u9fff\uff00-\uffef", r"\u3001\u3002\uff09\uff0c\uff1a\uff1b\u300d\u30fc"
PIECES = re.compile(rf"[{WIDE}][{CLOSING}]*\s*|[^\s{WIDE}]+\s*")
"""What is never broken: a wide character with the punctuation after it, or a word; each with the space after it."""


def wrap(text: str, context: bpy.types.Context) -> list[str]:
    """Break a sentence, in the interface's language, into lines that fit the sidebar, or the preferences."""
    length, region = DEFAULT_LINE, context.region
    is_preferences = context.area is not None and context.area.type == "PREFERENCES"
    if region is not None and (region.type == "UI" or is_preferences):
        margin = PREFERENCES_MARGIN if is_preferences else LABEL_MARGIN
        length = max(12, int((region.width / context.preferences.system.ui_scale - margin) / CHARACTER_WIDTH))
    return broken(iface_(text), length)


def broken(text: str, length: int) -> list[str]:
    """Lines of at most ``length`` letters, where Chinese and Japanese characters are as wide as two.

    Those may be broken between any two characters, except before punctuation; other scripts between words.
    """
    lines = [""]
    for piece in PIECES.findall(text):
        if lines[-1] and letters(lines[-1] + piece.rstrip()) > length:
            lines[-1] = lines[-1].rstrip()
            lines.append("")
        lines[-1] += piece
        while letters(lines[-1].rstrip()) > length:  # one word, longer than a line: a path
            lines.append(lines[-1][length:])
            lines[-2] = lines[-2][:length]
    return [line.strip() for line in lines if line.strip()]


def letters(text: str) -> int:
    """The width of a text in letters."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
