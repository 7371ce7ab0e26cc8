# SPDX-License-Identifier: GPL-3.0-or-later
"""One mug in Blender's own start-up scene, from the photo to the game asset, and what is placed by hand.

The tests build on each other, in the order of the file. The README's first picture is a screenshot of them.
"""

import time
from pathlib import Path

import numpy as np
import pytest
from real_blender import SCREEN, VIEWPORT
from real_blender_pixels import coloured_pixels, filled_height
from real_blender_sidebar import SCROLL_ALL, Sidebar

ROOT = Path(__file__).resolve().parents[2]
FACES = 1500
"""Of the preset Mobile 1.5k."""


@pytest.fixture(scope="module")
def photo():
    """Something that was turned on a wheel, and can be shown from every side."""
    return ROOT / "examples" / "mug.jpg"


@pytest.fixture(scope="module")
def sidebar(blender):
    return Sidebar(blender)


@pytest.fixture
def keep(blender, artifacts):
    """Keeps a screenshot once nothing moves any more; its path."""

    def screenshot(name):
        blender.settle()
        path = artifacts / f"asset-{name}.png"
        blender.screenshot(path)
        return path

    return screenshot


def test_the_result_is_revealed(blender, sidebar, photo, keep):
    sidebar.press("image_to_3d.reconstruct_photo")
    blender.wait_for(lambda state: state["running"], 20, "the start of the job")
    blender.wait_for(lambda state: not state["running"], 300, "the end of the job")
    picture = keep("revealed")
    state = blender.state()
    assert state["active"] == photo.stem
    assert 0.3 <= filled_height(coloured_pixels(picture, state), state) <= 0.8


def test_three_clicks_turn_the_object_onto_its_base(blender, sidebar, photo, keep):
    sidebar.unfold("IMAGE_TO_3D_PT_transform")
    before = blender.state()
    pixels = coloured_pixels(keep("before-ground"), before)[:, :2]
    rows, columns = pixels.T
    corners = [np.argmin(rows + columns), np.argmax(rows + columns), np.argmin(columns - rows)]
    middle = pixels.mean(axis=0)
    top = SCREEN[1] - before["viewport"]["y"] - before["viewport"]["height"]
    sidebar.press("image_to_3d.pick_ground")
    for number, corner in enumerate(corners):
        row, column = np.round(0.6 * pixels[corner] + 0.4 * middle).astype(int).tolist()
        if number == 2:
            keep("ground-two-points")
        blender.click((before["viewport"]["x"] + column, top + row))
        time.sleep(1)
    state = blender.wait_for(lambda state: state["boxes"] != before["boxes"], 20, "the turn")
    lower, upper = np.array(state["boxes"][photo.stem])
    assert lower[2] < 1e-3 < upper[2], "it touches the ground"
    keep("ground")
    blender.press_over_viewport("ctrl+z")
    blender.wait_for(lambda state: state["boxes"] == before["boxes"], 20, "the undo")


def test_one_button_makes_the_game_asset(blender, sidebar, photo, keep):
    blender.ask({"settings": {"retopology.preset": "MOBILE"}})
    before = blender.state()
    sidebar.press("image_to_3d.make_game_asset")
    blender.wait_for(lambda state: state["running"], 20, "the start of the job")
    state = blender.wait_for(lambda state: not state["running"], 600, "the end of the job")
    low = f"{photo.stem}_low"
    assert state["active"] == low
    assert 0.8 * FACES < state["meshes"][low]["faces"] < 1.25 * FACES
    assert state["meshes"][low]["images"] == [f"{low} {kind}" for kind in ("base color", "normal", "occlusion")]
    (coarse,) = [name for name in state["meshes"] if name not in {low, f"{photo.stem}_high", "Cube"}]
    assert 0.3 < state["meshes"][coarse]["faces"] / state["meshes"][low]["faces"] < 0.7
    assert state["meshes"][f"{photo.stem}_high"]["faces"] == before["meshes"][photo.stem]["faces"]
    sidebar.unfold("IMAGE_TO_3D_PT_result")
    blender.move(*VIEWPORT)
    keep("game-asset")


def test_high_and_low_show_one_or_the_other(blender, sidebar, photo, keep):
    low, high = f"{photo.stem}_low", f"{photo.stem}_high"
    blender.click(sidebar.find_operator("image_to_3d.show_mesh", "'HIGH'", column=(0, 2)))
    state = blender.wait_for(lambda state: state["active"] == high, 20, "the sculpture")
    assert high in state["visible"] and low not in state["visible"]
    keep("high")
    blender.click(sidebar.find_operator("image_to_3d.show_mesh", "'LOW'", column=(1, 2)))
    state = blender.wait_for(lambda state: state["active"] == low, 20, "the low-poly mesh")
    assert low in state["visible"] and high not in state["visible"]
    keep("low")


def test_done_gives_the_area_back(blender, sidebar, keep):
    before = blender.state()
    sidebar.scroll(-SCROLL_ALL)
    sidebar.press("image_to_3d.edit_cutout", at_right=True)
    blender.wait_for(
        lambda state: state["image_corners"] and "IMAGE_TO_3D_PT_cutout_editor" in state["open_panels"],
        90,
        "our tab in the Image Editor",
    )
    keep("cutout")
    Sidebar(blender, "image_sidebar").press("image_to_3d.cutout_done")
    blender.wait_for(
        lambda state: all(state[name] == before[name] for name in ("areas", "viewport")),
        20,
        "the viewport's former width",
    )
    keep("cutout-done")


def test_no_traceback_was_printed(blender):
    assert "Traceback" not in blender.log()
