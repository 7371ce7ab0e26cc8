# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in panels: Blender's labels do not wrap by themselves."""

import textwrap

import bpy

CHARACTER_WIDTH = 6.2
"""Mean width of a letter at Blender's usual font size, pixels."""

LABEL_MARGIN = 64
"""Pixels of a sidebar's width that a label with an icon cannot use."""

PREFERENCES_MARGIN = 240
"""Pixels of the preferences' width that a label with an icon cannot use: headings, boxes in boxes."""

DEFAULT_LINE = 36
"""Characters of a line where the sidebar's width is not known."""


def wrap(text: str, context: bpy.types.Context) -> list[str]:
    """Break a sentence into lines that fit the sidebar, or the preferences."""
    length, region = DEFAULT_LINE, context.region
    is_preferences = context.area is not None and context.area.type == "PREFERENCES"
    if region is not None and (region.type == "UI" or is_preferences):
        margin = PREFERENCES_MARGIN if is_preferences else LABEL_MARGIN
        length = max(12, int((region.width / context.preferences.system.ui_scale - margin) / CHARACTER_WIDTH))
    return textwrap.wrap(text, length)
