# SPDX-License-Identifier: GPL-3.0-or-later
"""From a photo to a game-ready asset as an artist goes there: each button with the mouse, each step undone once.

The tests build on each other, in the order of the file, as one sitting at the computer. The user guide shows their
screenshots: ``make pictures`` takes them over from build/artifacts.
"""

import json
import struct
import time

import pytest
from real_blender import SCREEN
from real_blender_sidebar import Sidebar

FACES = 3000
FILE_LIST = (600, 450)
"""Pixels; a place in the list of Blender's file browser, which opens as a window at the top left."""

STAND_IN = ".image_to_3d stand-in"


@pytest.fixture(scope="module")
def sidebar(blender):
    return Sidebar(blender)


@pytest.fixture
def keep(blender, artifacts):
    """Keeps a screenshot once nothing moves any more, without the mouse in the way."""

    def screenshot(name):
        blender.settle()
        blender.screenshot(artifacts / f"walk-{name}.png")

    return screenshot


def run(blender, sidebar, operator, seconds, **at):
    """Press the button of a job and wait for its end; the state then."""
    sidebar.press(operator, **at)
    blender.wait_for(lambda state: state["running"], 20, f"the start of {operator}")
    return blender.wait_for(lambda state: not state["running"], seconds, f"the end of {operator}")


def undo(blender, condition, what):
    """Ctrl+Z once."""
    blender.press_over_viewport("ctrl+z")
    return blender.wait_for(condition, 30, f"the undo of {what}")


def test_a_copied_file_becomes_the_photo(blender, sidebar, photo, keep):
    keep("photo")
    blender.ask({"settings": {"photo": None}})
    button = sidebar.find_operator("image_to_3d.paste_photo", at_right=True)
    blender.ask({"clipboard": "no picture"})
    blender.click(button)
    keep("no-picture")
    assert blender.state()["photo"] == ""
    blender.xdotool("key", "Escape")
    blender.ask({"clipboard": f"file:///{blender.session}/{photo.name}"})
    blender.click(button)
    blender.wait_for(lambda state: state["photo"] == photo.name, 10, "the pasted photo")
    undo(blender, lambda state: state["photo"] == "", "the paste")
    blender.press_over_viewport("ctrl+shift+z")
    blender.wait_for(lambda state: state["photo"] == photo.name, 10, "redo")


def test_a_photo_becomes_a_textured_object(blender, sidebar, photo, keep):
    state = run(blender, sidebar, "image_to_3d.reconstruct_photo", 300)
    made = state["meshes"][photo.stem]
    assert made["faces"] > 10_000
    assert made["uv_layers"]
    assert made["images"] == [f"{photo.stem} base color"]
    blender.ask({"show_texture": True})
    keep("reconstructed")


def test_a_slider_shows_a_coarse_surface_and_rests_as_one_step(blender, sidebar, photo, keep, artifacts):
    before = blender.state()["meshes"]
    sidebar.unfold("IMAGE_TO_3D_PT_adjust")
    name = photo.stem
    with sidebar.drag("image_to_3d_adjust.base_cut", lambda state: state["adjusted"]["base_cut"] > 0.05):
        live = blender.wait_for(lambda state: state["meshes"][name]["mesh"] == STAND_IN, 60, "the live preview")
        assert 0 < live["meshes"][name]["faces"] < before[name]["faces"]
        blender.screenshot(artifacts / "walk-adjust.png")
    changed = blender.wait_for(
        lambda state: not state["running"] and state["meshes"][name]["mesh"] not in (STAND_IN, before[name]["mesh"]),
        120,
        "the exact surface",
    )
    assert changed["meshes"][name]["uv_layers"]
    assert changed["meshes"][name]["faces"] != before[name]["faces"]
    keep("adjusted")
    after = undo(blender, lambda state: state["meshes"] == before, "the adjustment")
    assert after["adjusted"]["base_cut"] == 0.0


def test_retopology_by_hand_is_prepared(blender, sidebar, photo, keep):
    before = blender.state()["meshes"]
    sidebar.unfold("IMAGE_TO_3D_PT_retopology")
    sidebar.press("image_to_3d.prepare_retopology")
    state = blender.wait_for(lambda state: state["mode"] == "EDIT", 60, "Edit Mode")
    assert state["active"] == f"{photo.stem}_low"
    assert state["meshes"][f"{photo.stem}_low"]["faces"] == 0
    assert "SHRINKWRAP" in state["meshes"][f"{photo.stem}_low"]["modifiers"]
    keep("prepared")
    undo(blender, lambda state: state["meshes"] == before and state["mode"] == "OBJECT", "the preparation")


def test_automatic_retopology_makes_about_as_many_faces_as_asked(blender, sidebar, photo, keep):
    before = blender.state()["meshes"]
    sidebar.unfold("IMAGE_TO_3D_PT_retopology")
    sidebar.type_into("retopology.faces", str(FACES))
    state = run(blender, sidebar, "image_to_3d.auto_retopology", 600)
    low, high = (state["meshes"][f"{photo.stem}_{kind}"] for kind in ("low", "high"))
    assert 0.8 * FACES < low["faces"] < 1.25 * FACES
    assert low["uv_layers"]
    assert high["faces"] == before[photo.stem]["faces"]
    assert state["selected"] == [f"{photo.stem}_low"]
    blender.ask({"show_wireframe": True})
    keep("retopology")
    undo(blender, lambda state: state["meshes"] == before, "the retopology")
    blender.press_over_viewport("ctrl+shift+z")
    blender.wait_for(lambda state: f"{photo.stem}_low" in state["meshes"], 30, "redo")


def test_the_bake_fills_every_map(blender, sidebar, photo, keep):
    blender.ask({"settings": {"retopology.texture_size": "1024"}, "show_texture": True})
    before = blender.state()["meshes"]
    sidebar.unfold("IMAGE_TO_3D_PT_bake")
    state = run(blender, sidebar, "image_to_3d.bake", 600)
    low = f"{photo.stem}_low"
    maps = [f"{low} {kind}" for kind in ("base color", "normal", "occlusion")]
    assert state["meshes"][low]["images"] == maps
    blender.ask({"measure_images": True})
    images = blender.state()["images"]
    for name, least in zip(maps, (0.05, 0.005, 0.05), strict=True):
        assert images[name]["is_packed"]
        assert max(images[name]["spread"][:3]) > least, f"{name} is flat"
    assert images[maps[0]]["size"] == [1024, 1024]
    assert images[maps[1]]["mean"][2] > 0.9, "normals point outwards"
    keep("baked")
    undo(blender, lambda state: state["meshes"] == before, "the bake")
    blender.press_over_viewport("ctrl+shift+z")
    blender.wait_for(lambda state: state["meshes"][low]["images"] == maps, 30, "redo")


def test_the_check_lists_what_matters(blender, sidebar, keep):
    sidebar.unfold("IMAGE_TO_3D_PT_export")
    sidebar.press("image_to_3d.check_asset")
    time.sleep(1)
    keep("check")
    blender.xdotool("key", "Escape")


def test_the_exported_file_holds_mesh_textures_and_origin(blender, sidebar, photo, keep):
    before = blender.state()
    sidebar.press("image_to_3d.export_asset", "'WEB'")
    blender.wait_for(lambda state: "FILE_BROWSER" in state["areas"], 30, "the file browser")
    keep("export")
    blender.move(*FILE_LIST)
    blender.xdotool("key", "Return")
    blender.wait_for(lambda state: "FILE_BROWSER" not in state["areas"], 30, "the end of the file browser")
    path = blender.folder / f"{photo.stem}_low.glb"
    blender.wait_for(lambda _: path.is_file(), 60, "the file")
    document = read_glb(path)
    (mesh,) = document["meshes"]
    (primitive,) = mesh["primitives"]
    assert {"POSITION", "NORMAL", "TEXCOORD_0"} <= set(primitive["attributes"])
    (material,) = document["materials"]
    assert {"normalTexture", "occlusionTexture"} <= set(material)
    assert "baseColorTexture" in material["pbrMetallicRoughness"]
    assert all("bufferView" in image for image in document["images"]), "textures are inside the file"
    origin = document["asset"]["extras"]["image_to_3d"]
    assert origin["photo_name"] == photo.name
    assert len(origin["photo_sha256"]) == 64
    assert blender.state()["meshes"] == before["meshes"], "the scene stays as it was"


def test_the_brush_corrects_the_cutout(blender, sidebar, photo, keep):
    sidebar.press("image_to_3d.edit_cutout", at_right=True)
    blender.wait_for(lambda state: state["image_corners"], 60, "the Image Editor")
    state = blender.wait_for(
        lambda state: "IMAGE_TO_3D_PT_cutout_editor" in state["open_panels"], 30, "our tab in the Image Editor"
    )
    blender.settle()
    whole = kept_share(blender, photo)
    assert 0.1 < whole < 0.9
    blender.stroke(in_picture(state, 0.2, 0.35), in_picture(state, 0.45, 0.35))
    blender.settle()
    cut = kept_share(blender, photo)
    assert cut < whole - 0.02
    keep("cutout")
    blender.xdotool("key", "ctrl+z")
    blender.settle()
    assert kept_share(blender, photo) == pytest.approx(whole, abs=1e-6)
    sharp = cutout_alpha(blender, photo)
    Sidebar(blender, "image_sidebar").press("image_to_3d.cutout_feather")
    blender.settle()
    soft = cutout_alpha(blender, photo)
    assert soft["mean"] == pytest.approx(sharp["mean"], abs=0.02)
    assert soft["spread"] < sharp["spread"], "in between is neither kept nor cut away"


def cutout_alpha(blender, photo):
    """Mean and spread of the edited cut-out's alpha."""
    blender.ask({"measure_images": True})
    images = blender.state()["images"]
    image = next(images[name] for name in images if name.startswith("Cut-out") and name.endswith(photo.name))
    return {name: image[name][3] for name in ("mean", "spread")}


def kept_share(blender, photo):
    """How much of the photo the cut-out keeps."""
    return cutout_alpha(blender, photo)["mean"]


def in_picture(state, x, y):
    """A place in the Image Editor's picture, as shares of its sides from the bottom left, in pixels of the screen."""
    left, bottom, right, top = state["image_corners"]
    return round(left + x * (right - left)), SCREEN[1] - round(bottom + y * (top - bottom))


def read_glb(path):
    """The JSON chunk of a binary glTF file."""
    data = path.read_bytes()
    magic, version, length, size, kind = struct.unpack_from("<4sIII4s", data)
    assert (magic, version, length, kind) == (b"glTF", 2, len(data), b"JSON")
    return json.loads(data[20 : 20 + size])
