# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets of the reconstruction's settings, and the artist's own defaults in new scenes."""

from pathlib import Path

import bpy
import pytest
from image_to_3d.presets import DEFAULTS_NAME, SUBFOLDER, begin_scenes, begin_soon, defaults_file, read_preset


@pytest.fixture
def settings(extension):
    """The scene's settings; presets made by the test are removed."""
    yield bpy.context.scene.image_to_3d
    for folder in bpy.utils.preset_paths(SUBFOLDER):
        for path in Path(folder).glob("*.py"):
            path.unlink()


def change(settings):
    settings.system, settings.quality, settings.size = "triposr", "HIGH", 0.25
    settings.symmetrise, settings.draft_first, settings.photo_strength = True, True, 0.5
    settings.target_faces, settings.cutout = 4000, "ALPHA"


def assert_changed(settings):
    assert (settings.system, settings.quality, settings.size) == ("triposr", "HIGH", 0.25)
    assert (settings.symmetrise, settings.draft_first, settings.photo_strength) == (True, True, 0.5)
    assert (settings.target_faces, settings.cutout) == (4000, "ALPHA")


def test_a_preset_is_saved_listed_and_applied(settings):
    change(settings)
    assert bpy.ops.image_to_3d.add_preset(name="Small props") == {"FINISHED"}
    path = bpy.utils.preset_find("Small props", SUBFOLDER, display_name=True)
    settings.quality, settings.size, settings.system, settings.cutout = "DRAFT", 2.0, "pebble", "NONE"
    settings.symmetrise = settings.draft_first = False
    settings.photo_strength, settings.target_faces = 1.0, 0
    bpy.ops.script.execute_preset(filepath=path, menu_idname="IMAGE_TO_3D_MT_presets")
    assert_changed(settings)
    assert bpy.ops.image_to_3d.add_preset(name="Small props", remove_name=True) == {"FINISHED"}
    assert not Path(path).exists()


def test_what_belongs_to_one_photo_is_in_no_preset(settings, photo_path):
    settings.photo = bpy.data.images.load(str(photo_path))
    settings.cutout, settings.mask_path = "MASK", "/masks/ball.png"
    bpy.ops.image_to_3d.add_preset(name="Plain")
    path = bpy.utils.preset_find("Plain", SUBFOLDER, display_name=True)
    assert dict(read_preset(Path(path)))["usual_cutout"] == "AUTOMATIC"
    assert "ball" not in Path(path).read_text(encoding="utf-8")


class TestDefaults:
    def test_new_scenes_and_files_begin_with_them(self, settings):
        change(settings)
        assert bpy.ops.image_to_3d.save_defaults() == {"FINISHED"}
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert_changed(bpy.context.scene.image_to_3d)
        bpy.ops.scene.new(type="NEW")
        begin_soon(bpy.context.scene)
        assert bpy.app.timers.is_registered(begin_scenes)
        begin_scenes()
        assert_changed(bpy.context.scene.image_to_3d)

    def test_they_are_replaced_and_forgotten(self, settings):
        for size in (0.5, 0.75):
            settings.size = size
            bpy.ops.image_to_3d.save_defaults()
        assert dict(read_preset(defaults_file()))["size"] == 0.75
        assert bpy.ops.image_to_3d.forget_defaults() == {"FINISHED"}
        assert defaults_file() is None
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert bpy.context.scene.image_to_3d.size == 1.0
        with pytest.raises(RuntimeError, match="No defaults of your own"):
            bpy.ops.image_to_3d.forget_defaults()

    def test_a_scene_in_which_something_was_set_keeps_it(self, settings, tmp_path):
        settings.size = 3.0
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "own.blend"))
        change(settings)
        bpy.ops.image_to_3d.save_defaults()
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "own.blend"))
        assert bpy.context.scene.image_to_3d.size == 3.0
        assert bpy.context.scene.image_to_3d.system == "pebble"

    def test_a_preset_with_unknown_or_foreign_lines_is_read_without_running_it(self, settings, tmp_path):
        bpy.ops.image_to_3d.add_preset(name=DEFAULTS_NAME)
        with defaults_file().open("a", encoding="utf-8") as file:
            file.write(f"settings.system = 'gone'\nopen({str(tmp_path / 'run')!r}, 'w')\nsettings.size = 0.125\n")
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert bpy.context.scene.image_to_3d.size == 0.125
        assert bpy.context.scene.image_to_3d.system == "pebble"
        assert not (tmp_path / "run").exists()
