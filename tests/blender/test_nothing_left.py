# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extension sets for a while is as before afterwards: snapping, overlays, the camera, the render size."""

from types import SimpleNamespace

import bpy
import pytest
from image_to_3d.inference.pipeline import Settings
from image_to_3d.operators.auto_retopology import IMAGE_TO_3D_OT_add_levels
from image_to_3d.photo_view import PHOTO_VIEW
from image_to_3d.scene.build import build
from image_to_3d.scene.camera import matched_camera
from image_to_3d.scene.modelling_tools import FORMER_KEY, SNAPPING


@pytest.fixture
def area(extension):
    """A 3D viewport."""
    return next(item for item in bpy.context.window_manager.windows[0].screen.areas if item.type == "VIEW_3D")


@pytest.fixture
def viewport(area):
    """Its space."""
    return area.spaces.active


@pytest.fixture
def call(area):
    """Calls an operator as from the viewport."""

    def call(name, **values):
        region = next(item for item in area.regions if item.type == "WINDOW")
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
            ended = getattr(bpy.ops.image_to_3d, name)("EXEC_DEFAULT", **values)
        # Apart, because Blender crashes in background where an operator makes its undo step inside an override.
        bpy.ops.ed.undo_push(message=name)
        return ended

    return call


@pytest.fixture
def thing(viewport):
    """Something to model over, and tool settings that nobody has by default."""
    bpy.ops.mesh.primitive_monkey_add()
    target = bpy.context.object
    target.name = "thing"
    tools = bpy.context.scene.tool_settings
    tools.use_snap, tools.snap_elements_individual = True, {"FACE_NEAREST"}
    tools.use_snap_rotate, tools.use_snap_selectable = False, True
    tools.mesh_select_mode = (False, True, True)
    viewport.overlay.show_retopology = False
    return target


def tools_now(viewport):
    tools = bpy.context.scene.tool_settings
    values = {name: getattr(tools, name) for name in SNAPPING} | {"overlay": viewport.overlay.show_retopology}
    values["mesh_select_mode"] = tuple(values["mesh_select_mode"])
    return values


class TestRetopologyByHand:
    def test_finish_gives_everything_back(self, viewport, thing, call):
        before = tools_now(viewport)
        call("prepare_retopology", edit=False)
        assert tools_now(viewport) != before
        assert viewport.overlay.show_retopology
        assert thing.hide_select
        assert call("finish_retopology") == {"FINISHED"}
        assert tools_now(viewport) == before
        assert not thing.hide_select
        assert FORMER_KEY not in bpy.data.objects["thing_low"]
        with pytest.raises(RuntimeError, match="was not prepared"):
            call("finish_retopology")

    def test_blenders_own_snapping_comes_back(self, viewport, thing, call):
        tools = bpy.context.scene.tool_settings
        tools.snap_elements = {"INCREMENT"}
        assert tools.snap_elements_individual == set()
        call("prepare_retopology", edit=False)
        call("finish_retopology")
        assert tools.snap_elements == {"INCREMENT"}

    def test_finish_leaves_edit_mode(self, viewport, thing, call):
        # Without a window Blender has no tools to choose from.
        call("prepare_retopology", edit=False)
        bpy.ops.object.mode_set(mode="EDIT")
        bpy.ops.mesh.primitive_plane_add()
        call("finish_retopology")
        assert bpy.context.mode == "OBJECT"

    def test_what_the_artist_changed_meanwhile_stays(self, viewport, thing, call):
        call("prepare_retopology", edit=False)
        bpy.context.scene.tool_settings.use_snap = False
        call("finish_retopology")
        assert not bpy.context.scene.tool_settings.use_snap

    def test_a_high_poly_that_was_locked_before_stays_locked(self, viewport, thing, call):
        thing.hide_select = True
        call("prepare_retopology", edit=False)
        call("finish_retopology")
        assert thing.hide_select

    def test_undo_of_prepare_gives_everything_back_and_redo_takes_it_again(self, viewport, thing, call):
        before = tools_now(viewport)
        bpy.ops.ed.undo_push(message="before")
        call("prepare_retopology", edit=False)
        prepared = tools_now(viewport)
        bpy.ops.ed.undo()
        assert tools_now(viewport) == before
        assert not bpy.data.objects["thing"].hide_select
        bpy.ops.ed.redo()
        assert tools_now(viewport) == prepared

    def test_undo_of_finish_takes_up_the_tools_again(self, viewport, thing, call):
        before = tools_now(viewport)
        call("prepare_retopology", edit=False)
        prepared = tools_now(viewport)
        call("finish_retopology")
        bpy.ops.ed.undo()
        assert tools_now(viewport) == prepared
        bpy.ops.ed.redo()
        assert tools_now(viewport) == before


class TestLookThroughThePhotosCamera:
    @pytest.fixture
    def look(self, reconstruction, photo_path, area):
        """Begins a look, as the button does; a scene with a camera of its own."""
        own = bpy.data.objects.new("own", bpy.data.cameras.new("own"))
        bpy.context.scene.collection.objects.link(own)
        bpy.context.scene.camera = own
        bpy.context.scene.render.resolution_x = 1234
        made = bpy.data.objects[build(bpy.context, reconstruction, photo_path, Settings(), size=1.0).object]

        def look():
            with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area):
                PHOTO_VIEW.begin(bpy.context, matched_camera(made), 400, 300)

        yield look
        PHOTO_VIEW.forget()

    def now(self):
        scene = bpy.context.scene
        return scene.camera.name, scene.render.resolution_x, scene.render.resolution_y

    def test_leaving_the_view_gives_camera_and_render_size_back(self, look, viewport):
        before = self.now()
        look()
        assert viewport.region_3d.view_perspective == "CAMERA"
        assert self.now() == ("ball camera", 400, 300)
        assert PHOTO_VIEW.check() is not None
        look()
        viewport.region_3d.view_perspective = "PERSP"
        assert PHOTO_VIEW.check() is None
        assert self.now() == before

    def test_what_the_artist_changes_meanwhile_stays(self, look, viewport):
        look()
        bpy.context.scene.render.resolution_x = 4096
        viewport.region_3d.view_perspective = "PERSP"
        PHOTO_VIEW.check()
        assert self.now()[1] == 4096

    def test_a_file_saved_during_a_look_holds_the_scene_as_it_was(self, look, tmp_path):
        before = self.now()
        look()
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "look.blend"), copy=True)
        assert self.now() == ("ball camera", 400, 300)
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "look.blend"))
        assert self.now() == before

    def test_an_undo_step_that_was_made_during_a_look_does_not_bring_it_back(self, look, viewport):
        before = self.now()
        bpy.ops.ed.undo_push(message="before")
        look()
        bpy.data.objects.new("made meanwhile", None)
        bpy.ops.ed.undo_push(message="during")
        viewport.region_3d.view_perspective = "PERSP"
        PHOTO_VIEW.check()
        bpy.data.objects.new("made afterwards", None)
        bpy.ops.ed.undo_push(message="after")
        bpy.ops.ed.undo()
        assert "made meanwhile" in bpy.data.objects
        assert self.now() == before


class TestLevelsOfDetail:
    def test_0_adds_none(self, extension):
        bpy.ops.mesh.primitive_monkey_add()
        before = len(bpy.data.objects)
        assert bpy.ops.image_to_3d.add_levels(levels=0) == {"CANCELLED"}
        assert len(bpy.data.objects) == before

    def test_the_button_takes_number_and_ratio_from_the_sidebar(self, extension):
        settings = bpy.context.scene.image_to_3d.retopology
        settings.levels, settings.level_ratio = 0, 0.25
        # Blender calls no invoke in background.
        operator = SimpleNamespace(properties=SimpleNamespace(is_property_set=lambda _: False), execute=lambda _: None)
        IMAGE_TO_3D_OT_add_levels.invoke(operator, bpy.context, None)
        assert (operator.levels, operator.level_ratio) == (0, 0.25)


def test_the_bakes_texture_size_is_its_own(extension):
    settings = bpy.context.scene.image_to_3d
    settings.quality = "DRAFT"
    assert settings.retopology.texture_size == "2048"
    settings.retopology.texture_size = "4096"
    assert settings.texture_size == "1024"
