# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar in the light theme, at twice the size and in other languages: please look at the screenshots.

What a program can see of it: everything is drawn, without a Python error, and grows with the interface's scale.
"""

import pytest
from real_blender_sidebar import Sidebar

WIDTH = 292
"""Pixels of a fresh Blender's sidebar."""

PLAIN = {"theme": "Blender_Dark", "ui_scale": 1.0, "language": "en_US"}


@pytest.fixture(scope="module")
def panels(blender):
    """The main panel, with a hint that has to be broken into lines, and one panel unfolded."""
    blender.ask({"settings": {"system": "triposr"}})
    Sidebar(blender).unfold("IMAGE_TO_3D_PT_bake")
    return {"IMAGE_TO_3D_PT_main", "IMAGE_TO_3D_PT_bake"}


@pytest.mark.parametrize(
    ("name", "look", "growth"),
    [
        ("light", {"theme": "Blender_Light"}, 1.0),
        ("light-double", {"theme": "Blender_Light", "ui_scale": 2.0}, 2.0),
        ("dark-double", {"ui_scale": 2.0}, 2.0),
        ("german", {"language": "de_DE"}, 1.0),
        ("japanese", {"language": "ja_JP"}, 1.0),
        ("chinese", {"language": "zh_HANS"}, 1.0),
    ],
)
def test_the_sidebar_is_drawn(blender, panels, artifacts, name, look, growth):
    try:
        change(blender, look, growth)
        blender.screenshot(artifacts / f"looks-{name}.png")
        assert panels <= set(blender.state()["open_panels"])
        assert "Traceback" not in blender.log()
    finally:
        change(blender, PLAIN, 1.0)


def change(blender, look, growth):
    """Set preferences and wait until the sidebar is drawn by them, and as wide as it should be."""
    blender.ask(look | {"redraw": "sidebar"})
    blender.wait_for(
        lambda state: state["open_panels"] and state["sidebar"]["width"] == pytest.approx(growth * WIDTH, rel=0.05),
        30,
        f"a sidebar with {look}",
    )
    blender.settle()
