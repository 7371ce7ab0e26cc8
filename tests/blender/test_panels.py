# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar, drawn on a recording layout: whatever it names exists, and it shows what an artist needs to see."""

import json
from dataclasses import asdict
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from image_to_3d.cutout_preview import CHECKER_GREYS, ICON_SIZE, PREVIEW, icon_pixels
from image_to_3d.engine import ENGINE
from image_to_3d.inference.errors import PhotoError
from image_to_3d.panels import retopology
from image_to_3d.panels import sidebar as panels
from image_to_3d.scene.mesh_check import MeshCheck
from image_to_3d.scene.retopology import CHECK_KEY
from image_to_3d.tasks import Summary
from image_to_3d.text import DEFAULT_LINE


class Arguments:
    """What a button passes on; every argument must exist."""

    def __init__(self, names):
        self.__dict__["names"] = names

    def __setattr__(self, name, value):
        assert name in self.names, f"the operator has no {name}"


class Layout:
    """Writes down what is drawn; every property and operator named must exist."""

    def __init__(self, drawn=None):
        self.__dict__["drawn"] = [] if drawn is None else drawn

    def __getattr__(self, name):
        if name in ("column", "row", "box", "split"):
            return lambda **_: Layout(self.drawn)
        raise AttributeError(name)

    def __setattr__(self, name, value):
        assert name in bpy.types.UILayout.bl_rna.properties, f"a layout has no {name}"

    def prop(self, data, name, **_):
        assert name in data.bl_rna.properties
        self.drawn.append(name)

    def template_ID(self, data, name, *, open):  # noqa: N802, A002 - Blender's names
        assert name in data.bl_rna.properties
        assert open == "image.open"
        self.drawn.append(name)

    def operator(self, name, **_):
        group, _, rest = name.partition(".")
        kind = getattr(getattr(bpy.ops, group), rest).get_rna_type()
        self.drawn.append(name)
        return Arguments({item.identifier for item in kind.properties})

    def operator_menu_enum(self, name, argument, **_):
        setattr(self.operator(name), argument, None)

    def template_icon(self, icon_value, scale):
        self.drawn.append("icon")

    def progress(self, factor, text):
        assert 0 <= factor <= 1
        self.drawn.append(f"progress {factor:.2f} {text}")

    def label(self, text="", icon="NONE", **_):
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        self.drawn.append(text)

    def separator(self, **_):
        pass


def draw(panel):
    layout = Layout()
    panel.draw(SimpleNamespace(layout=layout), bpy.context)
    return layout.drawn


@pytest.fixture(autouse=True)
def quiet_engine(extension):
    yield
    ENGINE.job = ENGINE.failure = ENGINE.summary = None
    PREVIEW.clear()


def test_the_main_panel_leads_from_the_photo_to_the_button():
    drawn = draw(panels.IMAGE_TO_3D_PT_main)
    wanted = ["photo", "cutout", "image_to_3d.preview_cutout", "system", "quality", "size"]
    assert [name for name in drawn if name in wanted] == wanted
    assert drawn[-1] == "image_to_3d.reconstruct_photo"
    assert "mask_path" not in drawn


def test_the_mask_is_asked_for_when_it_is_used():
    bpy.context.scene.image_to_3d.cutout = "MASK"
    assert "mask_path" in draw(panels.IMAGE_TO_3D_PT_main)


def test_a_running_job_shows_its_stage_and_a_way_out():
    ENGINE.job = SimpleNamespace(stage="Encoding the photo", fraction=0.5)
    drawn = draw(panels.IMAGE_TO_3D_PT_main)
    assert "progress 0.32 Encoding the photo  32%" in drawn
    assert drawn[-1] == "image_to_3d.cancel"
    assert "image_to_3d.reconstruct_photo" not in drawn


def test_progress_never_enters_a_saved_file(tmp_path):
    ENGINE.job = SimpleNamespace(stage="Encoding the photo", fraction=0.5, cancel=lambda: None)
    assert bpy.context.window_manager.image_to_3d.is_running
    ENGINE.job = None
    assert not bpy.context.window_manager.image_to_3d.is_running
    assert bpy.context.window_manager.image_to_3d.stage == ""


def test_the_detail_panel_is_folded_and_has_the_numbers():
    assert panels.IMAGE_TO_3D_PT_detail.bl_options == {"DEFAULT_CLOSED"}
    assert draw(panels.IMAGE_TO_3D_PT_detail) == [
        "resolution",
        "texture_size",
        "target_faces",
        "photo_strength",
        "shape",
        "symmetrise",
    ]


def test_retopology_and_baking_are_folded_and_lead_to_their_buttons():
    drawn = draw(retopology.IMAGE_TO_3D_PT_retopology)
    buttons = [name for name in drawn if name.startswith("image_to_3d.")]
    assert buttons == ["image_to_3d.prepare_retopology", "image_to_3d.auto_retopology", "image_to_3d.add_levels"]
    assert draw(retopology.IMAGE_TO_3D_PT_bake)[-1] == "image_to_3d.bake"
    for panel in (retopology.IMAGE_TO_3D_PT_retopology, retopology.IMAGE_TO_3D_PT_bake):
        assert panel.bl_options == {"DEFAULT_CLOSED"}


def test_what_was_measured_of_a_low_poly_is_shown_with_it():
    low = bpy.data.objects.new("low", bpy.data.meshes.new("low"))
    bpy.context.scene.collection.objects.link(low)
    bpy.context.view_layer.objects.active = low
    check = MeshCheck(
        10, 12345, 1.0, 7, 0, folds=2, open_edges=0, knotted_edges=0, mean_distance=0.0012, largest_distance=0.02
    )
    low[CHECK_KEY] = json.dumps(asdict(check))
    drawn = draw(retopology.IMAGE_TO_3D_PT_retopology)
    assert "12,345 faces, 100% quads, 7 poles" in drawn
    assert "From the high-poly: 0.12% mean, 2.0% at most" in " ".join(drawn), "wrapped to the sidebar"
    assert "2 folds, 0 open edges" in drawn
    low[CHECK_KEY] = "of another version"
    assert not [line for line in draw(retopology.IMAGE_TO_3D_PT_retopology) if "poles" in line]


def test_the_result_tells_what_was_made_as_long_as_it_is_there():
    assert not panels.IMAGE_TO_3D_PT_result.poll(bpy.context)
    target = bpy.data.objects.new("cup", None)
    ENGINE.summary = Summary("cup", "cup camera", "cup", 10, 12345, 42, {"Unwrapping": 0.25}, ("Thin handle.",))
    assert panels.IMAGE_TO_3D_PT_result.poll(bpy.context)
    drawn = draw(panels.IMAGE_TO_3D_PT_result)
    assert drawn[:3] == ["cup", "12,345 faces, 42 UV islands", "Thin handle."]
    assert drawn.count("0.25 s") == 2, "the stage and the total"
    assert "image_to_3d.view_camera" in drawn
    bpy.data.objects.remove(target)
    assert not panels.IMAGE_TO_3D_PT_result.poll(bpy.context)


def test_a_failure_shows_what_happened_and_what_to_do():
    ENGINE.failure = PhotoError("'cup.png' is damaged or incomplete, so that nothing can be seen.", "Export it again.")
    drawn = draw(panels.IMAGE_TO_3D_PT_result)
    assert " ".join(drawn[:-1]).startswith("'cup.png' is damaged or incomplete, so that nothing can be seen. Export it")
    assert max(map(len, drawn)) <= DEFAULT_LINE


def test_preferences_draw(extension):
    drawn = Layout()
    preferences = extension.preferences.ImageTo3DPreferences
    preferences.draw(SimpleNamespace(layout=drawn, bl_rna=preferences.bl_rna), bpy.context)
    assert {"device", "threads", "idle_minutes", "ONNX Runtime found", "image_to_3d.copy_diagnostics"} <= set(
        drawn.drawn
    )


def test_the_preview_is_the_square_around_the_object_over_a_checkerboard():
    pixels = np.zeros((100, 200, 4), np.uint8)
    pixels[40:60, 150:190] = (0, 0, 255, 255)
    pixels[40:45, 150:190] = (255, 0, 0, 255)
    icon = icon_pixels(pixels)
    assert icon.shape == (ICON_SIZE, ICON_SIZE, 4)
    assert icon.dtype == np.float32
    middle = ICON_SIZE // 2
    np.testing.assert_array_equal(icon[middle, middle], [0, 0, 1, 1])
    np.testing.assert_array_equal(icon[middle + 50, middle], [1, 0, 0, 1], err_msg="upright: red is on top")
    np.testing.assert_array_equal(icon[middle, 20], [0, 0, 1, 1], err_msg="the object fills the width but for a margin")
    assert set(icon[middle - 80, :, 0]) == set(np.float32(CHECKER_GREYS))
    assert (icon[..., 3] == 1).all()


def test_a_preview_of_nothing_is_the_checkerboard():
    assert set(icon_pixels(np.zeros((10, 20, 4), np.uint8))[..., 0].ravel()) == set(np.float32(CHECKER_GREYS))


def test_a_preview_is_shown_for_its_own_photo_only(host, fake_job, sidebar):
    from image_to_3d.jobs import JobState

    host.jobs = [fake_job([JobState.DONE], result=np.full((20, 30, 4), 200, np.uint8))]
    images = len(bpy.data.images)
    assert bpy.ops.image_to_3d.preview_cutout() == {"FINISHED"}
    assert len(bpy.data.images) == images, "a preview is no data-block"
    assert "icon" in draw(panels.IMAGE_TO_3D_PT_main)
    sidebar.cutout = "NONE"
    assert "icon" not in draw(panels.IMAGE_TO_3D_PT_main)
