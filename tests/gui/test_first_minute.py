# SPDX-License-Identifier: GPL-3.0-or-later
"""The first minute, in Blender's own start-up scene: what the artist sees when the bar has gone.

The tests build on each other, in the order of the file. Please look at the screenshots.
"""

from pathlib import Path

import numpy as np
import pytest
from real_blender import SCREEN
from real_blender_pixels import coloured_pixels, filled_height
from real_blender_sidebar import Sidebar

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def photo():
    """Red, with blue windows: no colours of Blender's start-up scene."""
    return ROOT / "examples" / "toy_car.jpg"


@pytest.fixture(scope="module")
def button(blender):
    return Sidebar(blender).find_operator("image_to_3d.reconstruct_photo")


def wait_for_result(blender, known):
    """Wait for the end of the job and of the view's movement; the new object's name and the state."""
    blender.wait_for(lambda state: state["running"], 20, "the start of the job")
    state = blender.wait_for(lambda state: not state["running"], 300, "the end of the job")
    (name,) = set(state["meshes"]) - set(known["meshes"])
    blender.settle()
    return name, blender.state()


def apart(first, second):
    """The widest gap between two boxes along an axis; below 0 they reach into each other."""
    (lower, upper), (other_lower, other_upper) = np.array(first), np.array(second)
    return float(np.maximum(lower - other_upper, other_lower - upper).max())


def test_the_start_up_scene_is_blenders_own(blender):
    assert set(blender.state()["objects"]) == {"Camera", "Cube", "Light"}
    assert blender.state()["view"]["shading"] == ["SOLID", "MATERIAL"]


def test_one_click_shows_the_textured_result(blender, button, artifacts):
    before = blender.state()
    blender.settle()
    blender.screenshot(artifacts / "reveal-before.png")
    assert filled_height(coloured_pixels(artifacts / "reveal-before.png", before), before) == 0.0
    blender.click(button)
    name, state = wait_for_result(blender, before)
    blender.screenshot(artifacts / "reveal-first.png")
    assert state["selected"] == [name] == [state["active"]]
    assert apart(state["boxes"][name], state["boxes"]["Cube"]) > 0
    assert {"Camera", "Cube", "Light"} < set(state["objects"])
    pixels = coloured_pixels(artifacts / "reveal-first.png", state)
    assert 0.3 <= filled_height(pixels, state) <= 0.8
    red, green, blue = pixels[:, 2:].T
    assert np.mean(red > 1.5 * np.maximum(green, blue)) > 0.2, "the body"
    assert np.mean(blue > 1.2 * np.maximum(red, green)) > 0.05, "the windows"


def test_the_next_result_stands_beside_it_and_is_shown_as_well(blender, button, artifacts):
    before = blender.state()
    blender.click(button)
    name, state = wait_for_result(blender, before)
    blender.screenshot(artifacts / "reveal-second.png")
    others = [box for other, box in state["boxes"].items() if other != name]
    assert len(others) == 2
    assert min(apart(state["boxes"][name], other) for other in others) > 0
    assert 0.3 <= filled_height(coloured_pixels(artifacts / "reveal-second.png", state), state) <= 0.8
    assert state["view"]["location"] != before["view"]["location"]


def test_undo_takes_the_result_and_leaves_the_view(blender):
    before = blender.state()
    blender.press_over_viewport("ctrl+z")
    state = blender.wait_for(lambda state: len(state["meshes"]) < len(before["meshes"]), 20, "the undo")
    assert state["view"] == before["view"]


def test_a_dropped_photo_stands_where_it_was_dropped(blender, photo, artifacts):
    before = blender.state()
    view = before["viewport"]
    place = (view["x"] + view["width"] // 2, SCREEN[1] - view["y"] - view["height"] // 5)
    blender.move(*place)
    blender.ask({"drop": photo.name})
    name, state = wait_for_result(blender, before)
    blender.screenshot(artifacts / "reveal-dropped.png")
    lower, upper = np.array(state["boxes"][name])
    assert lower[2] == pytest.approx(0, abs=1e-4), "on the ground"
    others = [box for other, box in state["boxes"].items() if other != name]
    assert min(apart(state["boxes"][name], other) for other in others) > 0
    assert np.linalg.norm((lower + upper)[:2] / 2) > 0.5, "not at the cursor"
    assert 0.3 <= filled_height(coloured_pixels(artifacts / "reveal-dropped.png", state), state) <= 0.8


def test_the_preference_leaves_the_view_alone(blender, button):
    blender.ask({"preferences": {"reveals": False}})
    before = blender.state()
    blender.click(button)
    _name, state = wait_for_result(blender, before)
    assert state["view"] == before["view"]
    blender.ask({"preferences": {"reveals": True}})


def test_no_traceback_was_printed(blender):
    assert "Traceback" not in blender.log()
