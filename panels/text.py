# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in panels: Blender's labels do not wrap by themselves."""

import textwrap

import bpy

CHARACTER_WIDTH = 6.2
"""Mean width of a letter at Blender's usual font size, pixels."""

LABEL_MARGIN = 64
"""Pixels of a sidebar's width that a label with an icon cannot use."""

DEFAULT_LINE = 36
"""Characters of a line where the sidebar's width is not known."""


def wrap(text: str, context: bpy.types.Context) -> list[str]:
    """Break a sentence into lines that fit the sidebar."""
    length = DEFAULT_LINE
    if context.region is not None and context.region.type == "UI":
        width = context.region.width / context.preferences.system.ui_scale
        length = max(12, int((width - LABEL_MARGIN) / CHARACTER_WIDTH))
    return textwrap.wrap(text, length)
