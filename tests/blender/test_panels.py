# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar, drawn on a recording layout: whatever it names exists, and it shows what an artist needs to see."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from image_to_3d.cutout_preview import CHECKER_GREYS, ICON_SIZE, PREVIEW, icon_pixels
from image_to_3d.engine import ENGINE
from image_to_3d.inference.errors import PhotoError
from image_to_3d.inference.pipeline import Settings
from image_to_3d.inference.sentence import Sentence
from image_to_3d.operators.arguments import scene_settings
from image_to_3d.panels import adjust, networks, photos, result, retopology
from image_to_3d.panels import sidebar as panels
from image_to_3d.progress import kind_of, reconstruction_kind
from image_to_3d.scene.build import build
from image_to_3d.scene.family import NextStep
from image_to_3d.scene.mesh_check import MeshCheck
from image_to_3d.scene.retopology import CHECK_KEY, HIGH_KEY
from image_to_3d.tasks import ReconstructTask
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
        if name in ("column", "row", "box", "split", "grid_flow"):
            return lambda **_: Layout(self.drawn)
        raise AttributeError(name)

    def __setattr__(self, name, value):
        assert name in bpy.types.UILayout.bl_rna.properties, f"a layout has no {name}"

    def panel(self, name, *, default_closed):
        assert default_closed, "what is folded is folded at first"
        return Layout(), Layout(self.drawn)

    def context_pointer_set(self, name, data):
        assert data is not None, f"{name} is nothing"

    def popover(self, panel, **_):
        assert hasattr(bpy.types, panel)
        self.drawn.append(panel)

    def prop_enum(self, data, name, value):
        assert value in {item.identifier for item in data.bl_rna.properties[name].enum_items} | {getattr(data, name)}
        self.drawn.append(value)

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
        assert icon_value >= 0, "0 without a window"
        self.drawn.append("icon" if scale == 9.0 else "thumbnail")

    def progress(self, factor, text):
        assert 0 <= factor <= 1
        self.drawn.append(f"progress {factor:.2f} {text}")

    def label(self, text="", icon="NONE", **_):
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        self.drawn.append(text)

    def separator(self, **_):
        pass

    def context_string_set(self, name, value):
        assert name.startswith("image_to_3d_") and value


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
    ENGINE.progress.begin(None, {})
    ENGINE.progress.observe("Encoding the photo", 0.5)
    drawn = draw(panels.IMAGE_TO_3D_PT_main)
    shown = next(text for text in drawn if text.startswith("progress"))
    assert re.match(r"progress 0\.4\d Encoding the photo  4\d %", shown), "the stages before it, and half of it"
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


def test_retopology_and_baking_are_folded_and_their_buttons_stand_before_the_details():
    drawn = draw(retopology.IMAGE_TO_3D_PT_retopology)
    buttons = [name for name in drawn if name.startswith("image_to_3d.")]
    assert buttons == ["image_to_3d.auto_retopology", "image_to_3d.prepare_retopology", "image_to_3d.add_levels"]
    assert drawn.index("image_to_3d.add_levels") < drawn.index("tolerance")
    drawn = draw(retopology.IMAGE_TO_3D_PT_bake)
    assert drawn.index("image_to_3d.bake") < drawn.index("cage")
    for panel in (retopology.IMAGE_TO_3D_PT_retopology, retopology.IMAGE_TO_3D_PT_bake):
        assert panel.bl_options == {"DEFAULT_CLOSED"}


def low_poly(of=None):
    """A mesh of one quad, the active object."""
    mesh = bpy.data.meshes.new("low")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)], [], [(0, 1, 2, 3)])
    low = bpy.data.objects.new("low", mesh)
    bpy.context.scene.collection.objects.link(low)
    bpy.context.view_layer.objects.active = low
    if of is not None:
        low[HIGH_KEY] = of
    return low


def test_what_was_measured_of_a_low_poly_is_shown_with_it():
    low = low_poly()
    check = MeshCheck(
        10, 12345, 1.0, 7, 0, folds=2, open_edges=0, knotted_edges=0, mean_distance=0.0012, largest_distance=0.02
    )
    low[CHECK_KEY] = json.dumps(asdict(check))
    drawn = " ".join(draw(retopology.IMAGE_TO_3D_PT_retopology))
    assert "12,345 faces, 100% quads; at 7 corners other than four edges meet" in drawn, "wrapped to the sidebar"
    assert "Off the sculpture by 0.12% on average, 2.0% at most" in drawn
    assert "To repair: 2 folded faces, 0 open edges" in drawn
    low[CHECK_KEY] = "of another version"
    assert "corners" not in " ".join(draw(retopology.IMAGE_TO_3D_PT_retopology))


@pytest.fixture
def made(reconstruction, photo_path):
    """A reconstructed box, the active object."""
    reconstruction = replace(
        reconstruction,
        seconds={"Unwrapping": 0.25, "Baking the texture": 1.0},
        warnings=(Sentence("A handle of {thickness} m is thin.", thickness=0.01),),
        code=replace(reconstruction.code, provenance={"system": "Pebble"}),
    )
    return bpy.data.objects[build(bpy.context, reconstruction, photo_path, Settings(), size=1.0).object]


def test_the_result_tells_the_facts_of_the_active_object_first(made):
    assert result.IMAGE_TO_3D_PT_result.poll(bpy.context)
    drawn = draw(result.IMAGE_TO_3D_PT_result)
    assert drawn[:4] == ["ball", "6 faces, 1 m x 50 cm x 80 cm", "By Pebble in 1.2 s", "A handle of 0.01 m is thin."]
    assert drawn[-6:] == ["Unwrapping", "0.25 s", "Baking the texture", "1.00 s", "Total", "1.25 s"], "below all else"
    assert "image_to_3d.view_camera" in drawn
    bpy.context.view_layer.objects.active = None
    assert not result.IMAGE_TO_3D_PT_result.poll(bpy.context)


def test_facts_stay_with_the_object_when_the_file_is_opened_again(made, tmp_path):
    shown = draw(result.IMAGE_TO_3D_PT_result)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "saved.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "saved.blend"))
    assert draw(result.IMAGE_TO_3D_PT_result) == shown


def test_the_result_names_the_next_step_of_a_sculpture_and_of_its_low_poly_mesh(made):
    assert "image_to_3d.auto_retopology" in draw(result.IMAGE_TO_3D_PT_result)
    low = low_poly(of=made)
    drawn = draw(result.IMAGE_TO_3D_PT_result)
    assert drawn[0] == "image_to_3d.show_mesh", "the switch between both"
    assert "image_to_3d.bake" in drawn
    low.data.materials.append(made.data.materials[0])
    assert "image_to_3d.check_asset" in draw(result.IMAGE_TO_3D_PT_result)
    bpy.context.view_layer.objects.active = made
    assert NextStep.SWITCH.value in draw(result.IMAGE_TO_3D_PT_result)


def test_panels_of_a_low_poly_mesh_lead_to_its_sculpture(made):
    low_poly(of=made)
    for panel in (adjust.IMAGE_TO_3D_PT_adjust, photos.IMAGE_TO_3D_PT_photos):
        assert panel.poll(bpy.context)
        assert "image_to_3d.show_mesh" in draw(panel)
    assert "base_cut" not in draw(adjust.IMAGE_TO_3D_PT_adjust)
    assert bpy.ops.image_to_3d.show_mesh(member="HIGH") == {"FINISHED"}
    assert bpy.context.object == made
    assert "base_cut" in draw(adjust.IMAGE_TO_3D_PT_adjust)


def test_the_list_of_networks_compares_them():
    drawn = " ".join(draw(networks.IMAGE_TO_3D_PT_networks))
    assert "Good for quick looks and simple shapes; needs no download" in drawn
    assert "Commercial work is allowed (MIT); 1.7 GB download, 2.5 GB memory" in drawn
    assert "Not for commercial work (CC-BY-NC-4.0)" in drawn
    assert "InstantMesh" not in drawn, "it takes six photos"
    assert "How long it takes here is known after its first run" in drawn
    assert "IMAGE_TO_3D_PT_networks" in draw(panels.IMAGE_TO_3D_PT_main)


def test_the_list_of_networks_tells_how_long_each_takes_here(sidebar):
    settings = bpy.context.scene.image_to_3d
    task = ReconstructTask(Path("cup.jpg"), scene_settings(settings), 1.0)
    kind = reconstruction_kind(settings.system, settings.resolution, int(settings.texture_size))
    assert kind_of(task) == kind, "what was learned is found again"
    ENGINE.progress._known().learn(kind, {"Encoding the photo": 9.0, "Unwrapping": 3.4})
    assert "About 12 s here" in draw(networks.IMAGE_TO_3D_PT_networks)


def test_a_failure_shows_what_happened_and_what_to_do():
    ENGINE.failure = PhotoError("'cup.png' is damaged or incomplete, so that nothing can be seen.", "Export it again.")
    drawn = draw(result.IMAGE_TO_3D_PT_result)
    assert " ".join(drawn[:-1]).startswith("'cup.png' is damaged or incomplete, so that nothing can be seen. Export it")
    assert max(map(len, drawn)) <= DEFAULT_LINE


def test_preferences_draw(extension, monkeypatch):
    drawn = Layout()
    preferences = extension.preferences.ImageTo3DPreferences
    shortcut = ("key map", "entry")
    monkeypatch.setattr(extension.preferences, "registered_items", lambda: [shortcut])
    blenders_own = extension.preferences.rna_keymap_ui
    monkeypatch.setattr(blenders_own, "draw_kmi", lambda *arguments: drawn.drawn.append(arguments[2:4]))
    preferences.draw(SimpleNamespace(layout=drawn, bl_rna=preferences.bl_rna), bpy.context)
    wanted = {"device", "threads", "idle_minutes", "ONNX Runtime found", "image_to_3d.copy_diagnostics", shortcut}
    assert wanted <= set(drawn.drawn)


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
