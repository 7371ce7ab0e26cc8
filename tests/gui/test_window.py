# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job as an artist does it: the button pressed with the mouse, Ctrl+Z, Esc, and quitting in the middle.

The tests build on each other, in the order of the file, as one sitting at the computer.
"""

import json
import time
from pathlib import Path

import pytest
from real_blender import VIEWPORT
from real_blender_sidebar import Sidebar

BUTTON = "image_to_3d.reconstruct_photo"


@pytest.fixture(scope="module")
def button(blender):
    """Where Reconstruct from Image is."""
    return Sidebar(blender).find_operator(BUTTON)


@pytest.fixture(scope="module")
def before(blender):
    return blender.state()


def press_and_wait_for_start(blender, button):
    blender.settle()
    blender.ask({"forget_blocks": True})
    blender.click(button)
    return blender.wait_for(lambda state: state["running"], 10, "the start of the job")


def test_button_starts_a_job_that_shows_its_progress(blender, button, before, artifacts):
    blender.screenshot(artifacts / "1-photo-chosen.png")
    press_and_wait_for_start(blender, button)
    blender.wait_for(lambda state: state["fraction"] > 0.25, 120, "a quarter of the job")
    blender.screenshot(artifacts / "2-running.png")
    state = blender.wait_for(lambda state: not state["running"], 300, "the end of the job")
    assert len(state["stages"]) >= 4
    assert state["objects"] != before["objects"]


def test_the_object_appears_and_is_selected(blender, before, photo, artifacts):
    state = blender.state()
    new = set(state["objects"]) - set(before["objects"])
    assert any(name.startswith(photo.stem) for name in new)
    assert any(name.startswith(photo.stem) for name in state["selected"])
    assert state["counts"]["cameras"] == before["counts"]["cameras"] + 1
    blender.ask({"show_texture": True})
    blender.settle()
    blender.screenshot(artifacts / "3-reconstructed.png")


def test_window_stays_live_during_the_job(blender, artifacts):
    state = blender.state()
    blocks = {"during_the_job": state["longest_block"], "final_build": state["final_block"]}
    (artifacts / "main-thread-blocks.json").write_text(json.dumps(blocks), encoding="utf-8")
    print(
        f"\nlongest main-thread block: {blocks['during_the_job']:.3f} s during the job, {blocks['final_build']:.3f} s"
    )
    assert blocks["during_the_job"] < 1.0, "the network must not run in Blender's own process"


def test_one_undo_takes_everything_away_again(blender, before, artifacts):
    blender.press_over_viewport("ctrl+z")
    state = blender.wait_for(lambda state: state["objects"] == before["objects"], 20, "the undo")
    blender.settle()
    blender.screenshot(artifacts / "4-undone.png")
    for kind in ("meshes", "materials", "cameras", "collections"):
        assert state["counts"][kind] == before["counts"][kind], kind


def test_escape_cancels_within_a_second(blender, button, before, artifacts):
    press_and_wait_for_start(blender, button)
    blender.move(*VIEWPORT)
    blender.wait_for(lambda state: state["fraction"] > 0.1, 120, "some progress")
    pressed = time.monotonic()
    blender.xdotool("key", "Escape")
    state = blender.wait_for(lambda state: not state["running"], 20, "the end of the job")
    seconds = time.monotonic() - pressed
    blender.settle()
    blender.screenshot(artifacts / "5-cancelled.png")
    print(f"\ncancelled {seconds:.2f} s after Esc")
    assert state["objects"] == before["objects"]
    assert state["counts"]["meshes"] == before["counts"]["meshes"]
    assert seconds < 1.5, "a second, and what the virtual display and this test's polling add"


def test_the_next_job_after_a_cancelled_one_works(blender, button, before):
    press_and_wait_for_start(blender, button)
    state = blender.wait_for(lambda state: not state["running"], 300, "the end of the job")
    assert len(state["objects"]) > len(before["objects"])


def test_quitting_in_the_middle_of_a_job_leaves_no_process(blender, button):
    press_and_wait_for_start(blender, button)
    blender.wait_for(lambda state: state["fraction"] > 0.1, 120, "some progress")
    assert processes_of(blender), "the worker runs"
    blender.move(*VIEWPORT)
    blender.xdotool("key", "ctrl+q")
    end = time.monotonic() + 30
    while blender.exit_code() is None and time.monotonic() < end:
        time.sleep(0.1)
    assert blender.exit_code() == 0, blender.log()
    end = time.monotonic() + 5
    while processes_of(blender) and time.monotonic() < end:
        time.sleep(0.1)
    assert processes_of(blender) == []


def processes_of(blender):
    """Command lines of worker processes that belong to this Blender's session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if blender.session in command and "worker.py" in command:
            found.append(command)
    return found
