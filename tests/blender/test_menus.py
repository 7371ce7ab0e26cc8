# SPDX-License-Identifier: GPL-3.0-or-later
"""Where people look for it: entries in Blender's menus, and a shortcut that takes none of Blender's."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import bpy
import pytest
from image_to_3d.panels.menus import ENTRIES
from image_to_3d.shortcuts import SHORTCUTS

KEYMAPS_IN_A_VIEWPORT = (
    "Window",
    "Screen",
    "Screen Editing",
    "View2D",
    "Frames",
    "Animation",
    "User Interface",
    "3D View",
    "3D View Generic",
    "Object Mode",
    "Object Non-modal",
)
"""Blender's key maps that are asked for a key pressed in a 3D viewport in Object Mode."""


class Layout:
    """Writes down operators and menus, and what of the text stands before them."""

    def __init__(self):
        self.found = []

    def operator(self, name, *, text="", **_):
        group, _, rest = name.partition(".")
        kind = getattr(getattr(bpy.ops, group), rest).get_rna_type()
        self.found.append((name, text or kind.name))

    def menu(self, name, **_):
        self.found.append((name, getattr(bpy.types, name).bl_label))

    def separator(self):
        pass


class Menu:
    """What Blender hands to a function that draws in a menu."""

    def __init__(self):
        self.layout = Layout()


def drawn(draw):
    menu = Menu()
    draw(menu, bpy.context)
    return dict(menu.layout.found)


@pytest.fixture
def entries(extension):
    """What our entries draw into each of Blender's menus."""
    bpy.ops.mesh.primitive_cube_add()
    return {menu: drawn(draw) for menu, draw in ENTRIES}


def test_blenders_menus_have_the_entries_and_lose_them_again(extension):
    for menu, draw in ENTRIES:
        assert draw in getattr(bpy.types, menu).draw._draw_funcs
    extension.unregister()
    try:
        for menu, draw in ENTRIES:
            assert draw not in getattr(bpy.types, menu).draw._draw_funcs
    finally:
        extension.register()


def test_each_menu_leads_to_the_reconstruction(entries):
    assert entries["VIEW3D_MT_add"] == {"IMAGE_TO_3D_MT_add": "Image to 3D"}
    assert entries["TOPBAR_MT_file_import"] == {"image_to_3d.reconstruct": "Image to 3D (Photos)"}
    assert entries["VIEW3D_MT_object_context_menu"] == {"IMAGE_TO_3D_MT_object": "Image to 3D"}


@pytest.mark.parametrize("word", ["reconstruct", "photo", "image to 3d"])
def test_the_search_finds_it_by_what_people_type(extension, word):
    """F3 looks through menus, by the menu's name and the entry's."""
    found = drawn(bpy.types.IMAGE_TO_3D_MT_add.draw)
    texts = [f"Add > Image to 3D > {text}" for text in found.values()]
    assert any(word in text.lower() for text in texts)
    assert "image_to_3d.reconstruct" in found


def test_the_context_menu_has_more_for_a_reconstructed_object(host, done, photo_path):
    bpy.ops.mesh.primitive_cube_add()
    plain = drawn(bpy.types.IMAGE_TO_3D_MT_object.draw)
    host.jobs = [done()]
    bpy.ops.image_to_3d.reconstruct(filepath=str(photo_path))
    own = drawn(bpy.types.IMAGE_TO_3D_MT_object.draw)
    assert "image_to_3d.auto_retopology" in plain
    assert set(own) - set(plain) >= {"image_to_3d.reconstruct_again", "image_to_3d.project_photo"}


@pytest.mark.parametrize("name", ["blender_default", "industry_compatible_data"])
def test_the_shortcut_is_none_of_blenders(extension, name):
    keymaps = {title: items["items"] for title, _where, items in blenders_keymaps(name)}
    assert len(set(keymaps) & set(KEYMAPS_IN_A_VIEWPORT)) > 6
    taken = [
        (title, item[0])
        for title in KEYMAPS_IN_A_VIEWPORT
        for item in keymaps.get(title, ())
        for shortcut in SHORTCUTS
        if clashes(item[1], shortcut)
    ]
    assert not taken


def test_the_test_for_clashes_knows_one(extension):
    keymaps = {title: items["items"] for title, _where, items in blenders_keymaps("blender_default")}
    pressed = [item[0] for item in keymaps["Object Mode"] if item[1].get("type") == "X" and not item[1].get("ctrl")]
    assert "object.delete" in pressed


def test_the_presets_begin_with_a_field_for_the_first_one(extension):
    layout = MagicMock()
    panel = SimpleNamespace(layout=layout, preset_add_operator="image_to_3d.add_preset")
    bpy.types.IMAGE_TO_3D_PT_presets.draw(panel, bpy.context)
    drawn_in = [*layout.operator.call_args_list, *layout.row.return_value.operator.call_args_list]
    assert {call.args[0].partition(".")[2] for call in drawn_in} == {"add_preset", "save_defaults", "forget_defaults"}
    assert not layout.label.called


def test_shortcuts_run_operators_that_exist(extension):
    for shortcut in SHORTCUTS:
        group, _, rest = shortcut.operator.partition(".")
        assert getattr(getattr(bpy.ops, group), rest).get_rna_type().name


def blenders_keymaps(name):
    """The key maps that Blender generates, as data."""
    path = Path(bpy.utils.system_resource("SCRIPTS")) / "presets" / "keyconfig" / "keymap_data" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.generate_keymaps()


def clashes(event, shortcut):
    """Whether an entry of Blender's would be run by the same key."""
    if event.get("type") != shortcut.key:
        return False
    return all(
        event.get("any") or event.get(key, False) in (-1, getattr(shortcut, key)) for key in ("ctrl", "shift", "alt")
    )
