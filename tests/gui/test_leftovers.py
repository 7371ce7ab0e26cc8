# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is left behind: each thing that the extension sets for a while is as before afterwards.

The tests build on each other, in the order of the file.
"""

import time

import numpy as np
import pytest
from PIL import Image
from real_blender import SCREEN, VIEWPORT
from real_blender_sidebar import Sidebar

STATUS_BAR = (0, SCREEN[1] - 20, 600, SCREEN[1])
"""Pixels of the screen, at the left, where Blender says what keys do."""


@pytest.fixture(scope="module")
def sidebar(blender):
    return Sidebar(blender)


@pytest.fixture
def status_bar(blender, artifacts):
    """Its pixels with the mouse at rest over the viewport."""

    def status_bar(name, *, settles=True):
        blender.move(*VIEWPORT)
        if settles:
            blender.settle()
        blender.screenshot(artifacts / f"leftovers-{name}.png")
        with Image.open(artifacts / f"leftovers-{name}.png") as picture:
            return np.asarray(picture.convert("RGB").crop(STATUS_BAR)).astype(int)

    return status_bar


def difference(first, second):
    """Share of pixels that differ."""
    return float((np.abs(first - second).max(axis=2) > 40).mean())


def test_the_status_text_goes_from_every_workspace(blender, sidebar, status_bar):
    before = status_bar("status-before")
    sidebar.press("image_to_3d.reconstruct_photo")
    blender.wait_for(lambda state: state["running"] and state["fraction"] > 0.1, 100, "some progress")
    during = status_bar("status-during", settles=False)
    assert difference(before, during) > 0.005
    blender.ask({"workspace": "Modeling"})
    fraction = blender.state()["fraction"]
    blender.wait_for(lambda state: state["fraction"] > fraction + 0.05, 100, "progress in the other workspace")
    blender.wait_for(lambda state: not state["running"], 300, "the end of the job")
    time.sleep(12)  # the report of the job's end goes, too
    blender.ask({"workspace": "Layout"})
    blender.wait_for(lambda state: state["workspace"] == "Layout", 20, "the first workspace")
    after = status_bar("status-after")
    assert difference(before, after) < 0.002


def test_closing_the_window_that_started_a_job_does_not_lose_it(blender, artifacts):
    before = blender.state()
    blender.ask({"run_in_new_window": True})
    blender.wait_for(lambda state: state["windows"] == 2 and state["fraction"] > 0.05, 60, "the job in a new window")
    blender.ask({"close_new_window": True})
    state = blender.wait_for(lambda state: state["windows"] == 1, 20, "the end of the window")
    assert state["running"]
    state = blender.wait_for(lambda state: not state["running"], 300, "the end of the job")
    (made,) = set(state["meshes"]) - set(before["meshes"])
    assert state["active"] == made
    blender.settle()
    blender.screenshot(artifacts / "leftovers-window-closed.png")
    blender.press_over_viewport("ctrl+z")
    blender.wait_for(lambda state: made not in state["meshes"], 20, "the undo")
    blender.press_over_viewport("ctrl+shift+z")
    blender.wait_for(lambda state: made in state["meshes"], 20, "redo")


def test_a_look_through_the_photos_camera_ends_with_the_view(blender, sidebar, photo, artifacts):
    before = blender.state()
    assert before["scene"]["camera"] == "Camera"
    sidebar.press("image_to_3d.view_camera")
    state = blender.wait_for(lambda state: state["view"]["perspective"] == "CAMERA", 10, "the photo's camera")
    with Image.open(photo) as picture:
        aspect = picture.width / picture.height
    width, height = state["scene"]["resolution"]
    assert state["scene"]["camera"].startswith(photo.stem)
    assert width / height == pytest.approx(aspect, rel=1e-2)
    blender.settle()
    blender.screenshot(artifacts / "leftovers-camera.png")
    blender.press_over_viewport("KP_0")
    blender.wait_for(lambda state: state["scene"] == before["scene"], 10, "the scene's own camera and render size")
    blender.screenshot(artifacts / "leftovers-camera-left.png")


def test_escape_while_a_slider_is_dragged_makes_nothing_anew(blender, sidebar):
    sidebar.unfold("IMAGE_TO_3D_PT_adjust")
    before = blender.state()
    with sidebar.drag("image_to_3d_adjust.base_cut", lambda state: state["adjusted"]["base_cut"] > 0.03):
        blender.xdotool("key", "Escape")
        blender.wait_for(lambda state: state["adjusted"] == before["adjusted"], 10, "the slider's former value")
    time.sleep(3)
    state = blender.state()
    assert not state["running"]
    assert state["meshes"] == before["meshes"]


def test_finishing_retopology_gives_everything_back(blender, sidebar, artifacts):
    before = blender.state()["scene"]
    sidebar.unfold("IMAGE_TO_3D_PT_retopology")
    sidebar.press("image_to_3d.prepare_retopology")
    state = blender.wait_for(lambda state: state["mode"] == "EDIT", 60, "Edit Mode")
    assert state["scene"]["overlay"] and state["scene"]["snapping"] != before["snapping"]
    assert len(state["scene"]["locked"]) == 1
    blender.settle()
    blender.screenshot(artifacts / "leftovers-prepared.png")
    sidebar.press("image_to_3d.finish_retopology")
    blender.wait_for(lambda state: state["mode"] == "OBJECT" and state["scene"] == before, 20, "everything as before")
    blender.settle()
    blender.screenshot(artifacts / "leftovers-finished.png")
    blender.press_over_viewport("ctrl+z")
    blender.wait_for(lambda state: state["scene"]["overlay"], 20, "the undo of finishing")
    blender.press_over_viewport("ctrl+shift+z")
    blender.wait_for(lambda state: state["scene"] == before, 20, "redo")


def test_no_traceback_was_printed(blender):
    assert "Traceback" not in blender.log()
