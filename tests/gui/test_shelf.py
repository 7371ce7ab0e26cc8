# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten photos dropped at once, in Blender's own start-up scene; then where else people look for it.

The tests build on each other, in the order of the file, as one sitting at the computer. Please look at the screenshots.
"""

import time
from pathlib import Path

import numpy as np
import pytest
from real_blender import SCREEN, VIEWPORT
from real_blender_pixels import coloured_pixels
from real_blender_sidebar import Sidebar

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("boot", "cup_and_saucer", "hat", "hammer", "pail", "pan", "sheep", "statue", "volleyball")
DAMAGED = "damaged.jpg"
PRESETS = (94, 97)
"""Pixels from the sidebar's right edge and from the screen's top to the icon for presets."""

COLUMNS = 4
"""Of thumbnails in a fresh Blender's sidebar."""


@pytest.fixture(scope="module")
def files(photo, tmp_path_factory):
    """Nine photos and one that cannot be read, and the photo that is chosen when Blender starts."""
    damaged = tmp_path_factory.mktemp("photos") / DAMAGED
    damaged.write_bytes((ROOT / "examples" / "photos" / "dutar.jpg").read_bytes()[:4000])
    return [photo, damaged, *(ROOT / "examples" / "photos" / f"{name}.jpg" for name in NAMES)]


@pytest.fixture(scope="module")
def sidebar(blender):
    return Sidebar(blender)


@pytest.fixture(scope="module")
def dropped(files):
    """The names of the ten, the damaged one in the middle."""
    names = [f"{name}.jpg" for name in NAMES]
    return [*names[:3], DAMAGED, *names[3:]]


def photos(state):
    return {item["name"]: item for item in state["shelf"]}


def states_of(state, names):
    return [photos(state)[name]["state"] for name in names]


def apart(first, second):
    """The widest gap between two boxes along an axis; below 0 they reach into each other."""
    (lower, upper), (other_lower, other_upper) = np.array(first), np.array(second)
    return float(np.maximum(lower - other_upper, other_lower - upper).max())


def find_thumbnail(blender, sidebar, name):
    """Where a photo's thumbnail is."""
    shelf = blender.state()["shelf"]
    number = [item["name"] for item in shelf].index(name)
    identifier = shelf[number]["identifier"]
    return sidebar.find_operator("image_to_3d.choose_photo", identifier, column=(number % COLUMNS, COLUMNS))


def test_ten_dropped_photos_have_their_thumbnails_at_once(blender, dropped, artifacts):
    blender.ask({"settings": {"quality": "DRAFT"}})
    blender.move(*VIEWPORT)
    blender.ask({"drop": dropped})
    readable = [name for name in dropped if name != DAMAGED]
    state = blender.wait_for(
        lambda state: len(state["shelf"]) == 11 and all(photos(state)[name]["has_thumbnail"] for name in readable),
        120,
        "the thumbnails",
    )
    assert state["photo"] == dropped[0]
    assert "DONE" not in states_of(state, dropped)
    blender.wait_for(lambda state: states_of(state, dropped).count("DONE") >= 2, 240, "two results")
    blender.screenshot(artifacts / "shelf-queue.png")


def test_the_queue_runs_through_and_one_failure_stops_nothing(blender, dropped, artifacts):
    state = blender.wait_for(
        lambda state: not {"WAITING", "WORKING", "NEW"} & set(states_of(state, dropped)), 600, "the end of the queue"
    )
    assert states_of(state, dropped) == ["FAILED" if name == DAMAGED else "DONE" for name in dropped]
    boxes = list(state["boxes"].values())
    assert len(boxes) == 10, "nine results and Blender's cube"
    gaps = [apart(first, second) for number, first in enumerate(boxes) for second in boxes[:number]]
    assert min(gaps) > 0, "side by side"
    blender.settle()
    blender.screenshot(artifacts / "shelf-row.png")
    state = blender.state()
    columns = coloured_pixels(artifacts / "shelf-row.png", state)[:, 1]
    # From the red hammer to the ball; what stands left of them is grey.
    assert np.ptp(columns) > 0.3 * (state["sidebar"]["x"] - state["viewport"]["x"]), "the whole row is in view"


def test_a_click_selects_the_result_and_the_next_one_makes_it_again(blender, sidebar, dropped, artifacts):
    before = blender.state()
    chosen = before["shelf"][2]
    place = find_thumbnail(blender, sidebar, chosen["name"])
    blender.click(place)
    state = blender.wait_for(lambda state: state["active"] == chosen["result"], 20, "the selection")
    assert state["selected"] == [chosen["result"]]
    assert state["photo"] == chosen["name"]
    blender.settle()
    blender.screenshot(artifacts / "shelf-selected.png")
    blender.click(place)
    blender.wait_for(lambda state: state["running"], 20, "the next job")
    state = blender.wait_for(
        lambda state: not state["running"] and state["shelf"][2]["state"] == "DONE", 240, "the end of the job"
    )
    assert state["shelf"][2]["result"] not in ("", chosen["result"])
    assert chosen["result"] in state["objects"]
    assert len(state["meshes"]) == len(before["meshes"]) + 1


def test_one_undo_takes_one_result(blender):
    before = blender.state()
    blender.press_over_viewport("ctrl+z")
    state = blender.wait_for(lambda state: len(state["meshes"]) < len(before["meshes"]), 30, "the undo")
    assert len(state["meshes"]) == len(before["meshes"]) - 1
    assert len(state["shelf"]) == len(before["shelf"])


def test_the_failed_photo_says_why(blender, sidebar, dropped, artifacts):
    failed = photos(blender.state())[DAMAGED]
    assert failed["state"] == "FAILED"
    place = find_thumbnail(blender, sidebar, DAMAGED)
    blender.click(place)
    blender.wait_for(lambda state: state["photo"] == DAMAGED, 20, "the choice")
    blender.move(place[0] + 3, place[1] + 3)
    time.sleep(3)
    blender.screenshot(artifacts / "shelf-failed.png")


def test_escape_stops_the_whole_queue(blender, dropped):
    before = blender.state()
    blender.move(*VIEWPORT)
    blender.ask({"drop": [dropped[0], dropped[1], dropped[2]]})
    blender.wait_for(lambda state: state["running"] and state["fraction"] > 0.1, 60, "some progress")
    blender.move(*VIEWPORT)
    blender.xdotool("key", "Escape")
    state = blender.wait_for(
        lambda state: not state["running"] and not {"WAITING", "WORKING"} & set(states_of(state, dropped)), 30, "rest"
    )
    assert state["meshes"].keys() == before["meshes"].keys()


def test_an_edited_cutout_stays_with_its_photo_and_the_next_photo_works(blender, sidebar, dropped, artifacts):
    blender.ask({"choose": "hat.jpg"})
    sidebar.press("image_to_3d.edit_cutout", at_right=True)
    blender.wait_for(
        lambda state: state["image_corners"] and "IMAGE_TO_3D_PT_cutout_editor" in state["open_panels"],
        90,
        "our tab in the Image Editor",
    )
    blender.settle()
    left, bottom, right, top = blender.state()["image_corners"]
    middle = (round((left + right) / 2), SCREEN[1] - round((bottom + top) / 2))
    blender.stroke(middle, (middle[0] + 60, middle[1]))
    blender.settle()
    blender.screenshot(artifacts / "shelf-brush.png")
    before = blender.state()
    blender.ask({"choose": "sheep.jpg"})
    sidebar.press("image_to_3d.reconstruct_photo")
    blender.wait_for(lambda state: state["running"], 20, "the start of the job")
    state = blender.wait_for(lambda state: not state["running"], 240, "the end of the job")
    assert len(state["meshes"]) == len(before["meshes"]) + 1
    assert photos(state)["sheep.jpg"]["state"] == "DONE"
    blender.settle()
    blender.screenshot(artifacts / "shelf-next-photo.png")
    blender.ask({"close_image_editor": True})


def test_the_add_menu_has_it(blender, artifacts):
    blender.press_over_viewport("shift+a")
    time.sleep(1)
    blender.screenshot(artifacts / "shelf-add-menu.png")
    blender.xdotool("key", "Escape")


def test_the_shortcut_works_and_can_be_changed(blender):
    blender.press_over_viewport("ctrl+shift+alt+r")
    blender.wait_for(lambda state: state["running"], 20, "the start of the job")
    blender.wait_for(lambda state: not state["running"], 240, "the end of the job")
    blender.ask({"shortcut": {"operator": "image_to_3d.reconstruct_photo", "keys": {"type": "F7", "ctrl": False}}})
    blender.press_over_viewport("ctrl+shift+alt+r")
    time.sleep(2)
    assert not blender.state()["running"]
    blender.press_over_viewport("shift+alt+F7")
    blender.wait_for(lambda state: state["running"], 20, "the start of the job")
    blender.xdotool("key", "Escape")
    blender.wait_for(lambda state: not state["running"], 30, "the end of the job")


def test_the_presets_are_drawn(blender, sidebar, artifacts):
    blender.click((sidebar.geometry["x"] + sidebar.geometry["width"] - PRESETS[0], PRESETS[1]))
    time.sleep(3)
    blender.settle()
    blender.screenshot(artifacts / "shelf-presets.png")
    blender.move(*VIEWPORT)


def test_no_traceback_was_printed(blender):
    assert "Traceback" not in blender.log()
