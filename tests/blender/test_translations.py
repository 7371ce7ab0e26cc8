# SPDX-License-Identifier: GPL-3.0-or-later
"""The main flow in German, Japanese and Chinese: complete, and without texts that the interface no longer has."""

import re
from pathlib import Path

import bpy
import pytest
from image_to_3d.translations import read_translations

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("de_DE", "ja_JP", "zh_HANS")
MAIN_FLOW = (
    "image_to_3d.paste_photo",
    "image_to_3d.reconstruct_photo",
    "image_to_3d.preview_cutout",
    "image_to_3d.edit_cutout",
    "image_to_3d.cancel",
    "image_to_3d.adjust",
    "image_to_3d.view_camera",
    "image_to_3d.auto_retopology",
    "image_to_3d.bake",
    "image_to_3d.export_asset",
)


@pytest.fixture
def language(extension):
    """Sets Blender's language, and English again afterwards."""
    view = bpy.context.preferences.view
    before = view.language

    def choose(code):
        view.language = code
        view.use_translate_interface = True

    yield choose
    view.language = before


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_main_flow_is_translated(extension, code):
    known = {english for _context, english in read_translations()[code]}
    texts = {bpy.ops.image_to_3d.reconstruct_photo.get_rna_type().description}
    for name in MAIN_FLOW:
        texts.add(getattr(bpy.ops.image_to_3d, name.split(".")[1]).get_rna_type().name)
    settings = bpy.types.Scene.bl_rna.properties["image_to_3d"].fixed_type.properties
    for name in ("photo", "cutout", "system", "quality", "size", "resolution", "texture_size", "photo_strength"):
        texts.add(settings[name].name)
    for name in dir(bpy.types):
        if name.startswith("IMAGE_TO_3D_PT_"):
            texts.add(getattr(bpy.types, name).bl_label)
    assert texts <= known, texts - known


def test_languages_have_the_same_texts_and_none_is_stale():
    translations = read_translations()
    assert set(translations) == set(LANGUAGES)
    texts = [{english for _context, english in table} for table in translations.values()]
    assert texts[0] == texts[1] == texts[2]
    folders = ("operators", "panels", "inference", "scene")
    sources = [*ROOT.glob("*.py"), *(path for name in folders for path in (ROOT / name).glob("*.py"))]
    written = re.sub(r'"\s*\n\s*"', "", "\n".join(path.read_text(encoding="utf-8") for path in sources))
    stale = {text for text in texts[0] if text not in written}
    assert not stale
    assert all(text.strip() for table in translations.values() for text in table.values())


@pytest.mark.parametrize(("code", "expected"), [("de_DE", "Aus Bild rekonstruieren"), ("zh_HANS", "从图像重建")])
def test_blender_shows_the_translation(language, code, expected):
    if code not in bpy.app.translations.locales:
        pytest.skip("this Blender was built without languages")
    language(code)
    assert bpy.app.translations.pgettext_iface("Reconstruct from Image", "Operator") == expected
    assert bpy.app.translations.pgettext_iface("Reconstruct from Image") == expected
