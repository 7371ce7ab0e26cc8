# SPDX-License-Identifier: GPL-3.0-or-later
"""The side that the photo does not show: made symmetric with the mouse, and the place for further photos.

The tests build on each other, in the order of the file.
"""

from pathlib import Path

import pytest
from real_blender_sidebar import Sidebar

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def photo():
    """Something symmetric."""
    return ROOT / "examples" / "toy_car.jpg"


@pytest.fixture(scope="module")
def sidebar(blender):
    return Sidebar(blender)


def finish(blender, sidebar, operator):
    """Press the button of a job and wait for its end; the meshes then."""
    sidebar.press(operator)
    blender.wait_for(lambda state: state["running"], 20, f"the start of {operator}")
    return blender.wait_for(lambda state: not state["running"], 300, f"the end of {operator}")["meshes"]


def test_symmetrise_and_the_way_back(blender, sidebar, photo, artifacts):
    before = finish(blender, sidebar, "image_to_3d.reconstruct_photo")
    blender.ask({"show_texture": True})
    sidebar.unfold("IMAGE_TO_3D_PT_adjust")
    symmetric = finish(blender, sidebar, "image_to_3d.symmetrise")
    assert symmetric[photo.stem]["mesh"] != before[photo.stem]["mesh"]
    assert symmetric[photo.stem]["uv_layers"]
    blender.settle()
    blender.screenshot(artifacts / "sides-symmetric.png")
    again = finish(blender, sidebar, "image_to_3d.remove_symmetry")
    assert again[photo.stem]["faces"] == before[photo.stem]["faces"]


def test_another_photo_is_chosen_in_the_file_browser(blender, sidebar, artifacts):
    before = blender.state()["objects"]
    sidebar.unfold("IMAGE_TO_3D_PT_photos")
    sidebar.press("image_to_3d.project_photo")
    blender.settle()
    blender.screenshot(artifacts / "sides-photo.png")
    blender.xdotool("key", "Escape")
    blender.settle()
    assert blender.state()["objects"] == before
    assert not blender.state()["running"]
