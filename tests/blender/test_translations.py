# SPDX-License-Identifier: GPL-3.0-or-later
"""The main flow in German, Japanese and Chinese: complete, and without texts that the interface no longer has."""

import ast
import builtins
import re
import string
from pathlib import Path

import bpy
import pytest
from image_to_3d.inference.errors import PhotoError
from image_to_3d.inference.monitor import ModelStage, RetopologyStage, Stage
from image_to_3d.inference.sentence import Sentence
from image_to_3d.inference.systems import get_system, system_ids
from image_to_3d.models import facts
from image_to_3d.properties import TEXTURE_ITEMS
from image_to_3d.scene.transform import Origin
from image_to_3d.translations import error_text, read_translations, rpt_

ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("de_DE", "ja_JP", "zh_HANS")
MAIN_FLOW = (
    "image_to_3d.paste_photo",
    "image_to_3d.reconstruct_photo",
    "image_to_3d.preview_cutout",
    "image_to_3d.edit_cutout",
    "image_to_3d.cutout_done",
    "image_to_3d.cancel",
    "image_to_3d.add_photos",
    "image_to_3d.reconstruct_shelf",
    "image_to_3d.choose_photo",
    "image_to_3d.cancel_photo",
    "image_to_3d.remove_from_shelf",
    "image_to_3d.add_preset",
    "image_to_3d.save_defaults",
    "image_to_3d.forget_defaults",
    "image_to_3d.adjust",
    "image_to_3d.view_camera",
    "image_to_3d.auto_retopology",
    "image_to_3d.finish_retopology",
    "image_to_3d.bake",
    "image_to_3d.export_asset",
    "image_to_3d.symmetrise",
    "image_to_3d.remove_symmetry",
    "image_to_3d.symmetrise_by_hand",
    "image_to_3d.project_photo",
    "image_to_3d.place_photo",
    "image_to_3d.remove_photo",
    "image_to_3d.install_model",
    "image_to_3d.use_model_file",
    "image_to_3d.verify_model",
    "image_to_3d.remove_model",
    "image_to_3d.cancel_model",
    "image_to_3d.reconstruct_again",
    "image_to_3d.line_up",
    "image_to_3d.keep",
    "image_to_3d.set_size",
    "image_to_3d.set_distance",
    "image_to_3d.pick_distance",
    "image_to_3d.set_origin",
    "image_to_3d.stand_upright",
    "image_to_3d.show_mesh",
    "image_to_3d.make_game_asset",
    "image_to_3d.add_asset",
    "image_to_3d.place_symmetry",
    "image_to_3d.drag_size",
    "image_to_3d.pick_ground",
    "image_to_3d.set_ground",
)

DIALOGS = (
    "make_game_asset",
    "add_asset",
    "symmetrise_by_hand",
    "project_photo",
    "use_model_file",
    "reconstruct_again",
    "set_size",
    "set_distance",
    "set_origin",
)
"""Operators whose own properties are shown before they run."""

MAIN_MODULES = (
    "operators/reconstruct.py",
    "operators/orders.py",
    "operators/shelf.py",
    "operators/presets.py",
    "operators/cutout.py",
    "operators/edit_cutout.py",
    "operators/adjust.py",
    "operators/prepare_retopology.py",
    "operators/finish_retopology.py",
    "operators/auto_retopology.py",
    "operators/bake.py",
    "operators/export_asset.py",
    "operators/task_operator.py",
    "operators/photo_file.py",
    "operators/paste_photo.py",
    "operators/cancel.py",
    "operators/symmetrise.py",
    "operators/project_photo.py",
    "operators/camera.py",
    "operators/arguments.py",
    "operators/models.py",
    "operators/compare.py",
    "operators/show_mesh.py",
    "operators/game_asset.py",
    "operators/add_asset.py",
    "operators/handles.py",
    "operators/drag_size.py",
    "operators/place_symmetry.py",
    "operators/transform.py",
    "panels/sidebar.py",
    "panels/result.py",
    "panels/networks.py",
    "panels/shelf.py",
    "panels/menus.py",
    "panels/retopology.py",
    "panels/adjust.py",
    "panels/cutout_editor.py",
    "panels/export.py",
    "panels/photos.py",
    "panels/models.py",
    "tasks.py",
    "shelf.py",
    "retopology_tasks.py",
    "game_asset.py",
    "symmetry_tasks.py",
    "engine.py",
    "progress.py",
    "background.py",
    "models.py",
    "scene/retopology.py",
    "scene/asset_check.py",
    "scene/export_asset.py",
    "scene/cutout_image.py",
    "scene/uv_mesh.py",
    "scene/unwrapping.py",
    "scene/detail_bake.py",
    "scene/photos.py",
    "scene/images.py",
    "scene/stored_code.py",
    "scene/remesh.py",
    "scene/provenance.py",
    "scene/files.py",
    "scene/transform.py",
    "scene/family.py",
    "scene/asset_library.py",
    "scene/plane_fit.py",
    "scene/compare.py",
    "inference/photo.py",
    "inference/cutout.py",
    "inference/framing.py",
    "inference/bake.py",
    "inference/lattice.py",
    "inference/pipeline.py",
    "inference/priors/choose.py",
    "inference/priors/prior_field.py",
    "inference/code.py",
    "inference/surface.py",
    "inference/symmetry.py",
    "inference/symmetry_search.py",
    "inference/view_matching.py",
    "inference/blending.py",
    "inference/systems/pebble.py",
    "inference/systems/single_view.py",
    "inference/runtime.py",
    "inference/binding.py",
    "inference/checkpoints.py",
    "inference/triplane.py",
    "inference/views.py",
    "inference/systems/__init__.py",
    "inference/systems/instantmesh.py",
    "inference/hub.py",
    "inference/store.py",
    "inference/service.py",
    "inference/protocol.py",
    "jobs/worker_process.py",
    "jobs/job.py",
    "jobs/composite.py",
    "jobs/host.py",
    "jobs/launch.py",
)

ENGLISH_ONLY = ("cli.py", "cli_models.py", "console.py", "api.py")
"""What speaks to the command line and to scripts alone."""


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
def test_what_the_main_flow_shows_is_translated(extension, code):
    known = {english for _context, english in read_translations()[code]}
    texts = {str(stage) for stage in (*Stage, *RetopologyStage)}
    texts |= {str(stage) for stage in ModelStage} | {origin.value for origin in Origin}
    cards = [get_system(system).card for system in system_ids()]
    texts |= {text for card in cards for text in (card.gives, card.good_for, card.who_may_use)}
    texts |= {label for card in cards if card.checkpoint is not None for label, _value in facts(card, None)}
    for name in MAIN_FLOW:
        kind = getattr(bpy.ops.image_to_3d, name.split(".")[1]).get_rna_type()
        texts |= {kind.name, kind.description}
    scene = bpy.types.Scene.bl_rna.properties["image_to_3d"].fixed_type.properties
    adjust = bpy.types.WindowManager.bl_rna.properties["image_to_3d_adjust"].fixed_type.properties
    dialogs = [
        [item for item in getattr(bpy.ops.image_to_3d, name).get_rna_type().properties if not item.is_hidden]
        for name in DIALOGS
    ]
    for properties in (scene, scene["retopology"].fixed_type.properties, adjust, *dialogs):
        for item in (item for item in properties if item.identifier not in {"rna_type", "name"}):
            texts |= {item.name, item.description}
            if item.type == "ENUM":
                texts |= {text for choice in item.enum_items for text in (choice.name, choice.description)}
    for name in dir(bpy.types):
        if name.startswith("IMAGE_TO_3D_PT_"):
            texts.add(getattr(bpy.types, name).bl_label)
    missing = {text for text in texts - known if text and not text.isupper() and "px" not in text}
    missing -= {"OpenGL", "DirectX", *(choice[2] for choice in TEXTURE_ITEMS)}
    missing -= {text for card in cards for text in (card.name, card.description)}
    assert not missing


@pytest.mark.parametrize("code", LANGUAGES)
def test_what_the_main_flow_says_is_translated(code):
    known = {english for _context, english in read_translations()[code]}
    told = {
        node.value: path
        for path in MAIN_MODULES
        for node in written(ROOT / path)
        if isinstance(node, ast.Constant) and any(map(str.isalpha, node.value))
    }
    missing = {text: path for text, path in told.items() if text not in known}
    assert not missing


def test_values_are_filled_in_after_the_translation():
    """An f-string is another text each time, so no language could hold it: it has to be a ``Sentence``."""
    modules = sources()
    assert {ROOT / path for path in MAIN_MODULES} <= set(modules)
    found = [
        (path.relative_to(ROOT).as_posix(), ast.unparse(node))
        for path in modules
        if path.name not in ENGLISH_ONLY
        for node in written(path)
        if isinstance(node, ast.JoinedStr) and re.search("[a-z]{2}", "".join(fixed_parts(node)))
    ]
    assert not found


def test_languages_fill_in_the_same_values():
    for table in read_translations().values():
        for (_context, english), translated in table.items():
            assert places(english) == places(translated), english


def test_languages_have_the_same_texts_and_none_is_stale():
    translations = read_translations()
    assert set(translations) == set(LANGUAGES)
    texts = [{english for _context, english in table} for table in translations.values()]
    assert texts[0] == texts[1] == texts[2]
    code = re.sub(r'"\s*\n\s*"', "", "\n".join(path.read_text(encoding="utf-8") for path in sources()))
    stale = {text for text in texts[0] if text not in code}
    assert not stale
    assert all(text.strip() for table in translations.values() for text in table.values())


@pytest.mark.parametrize(("code", "number"), [("de_DE", "12,345 Flächen"), ("zh_HANS", "12,345 个面")])
def test_reports_and_errors_are_told_in_the_language(language, code, number):
    if code not in bpy.app.translations.locales:
        pytest.skip("this Blender was built without languages")
    language(code)
    told = rpt_(
        Sentence("Reconstructed '{name}': {faces:,} faces in {seconds:.1f} s", name="{cup}", faces=12345, seconds=1)
    )
    assert "{cup}" in told
    assert number in told
    error = PhotoError(Sentence("'{name}' is empty (0 bytes).", name="cup.png"), "Export or copy the photo again.")
    assert "empty" not in error_text(error)
    assert "cup.png" in error_text(error)
    assert "empty" in str(error), "logs and scripts stay English"


def sources():
    """All modules of the extension."""
    folders = ("operators", "panels", "inference", "scene", "jobs")
    return [*ROOT.glob("*.py"), *(path for name in folders for path in (ROOT / name).rglob("*.py"))]


def written(path):
    """Strings and f-strings of a module that reach the artist, as they are written: in the call, or in a variable."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    for argument in spoken(module):
        yield from texts_of(argument, module)


def spoken(module):
    """The arguments of calls in a module whose texts reach the artist."""
    for call in ast.walk(module):
        if isinstance(call, ast.Call):
            name = ast.unparse(call.func).rpartition(".")[2]
            if name in {"Sentence", "iface_", "rpt_", "tip_", "warn", "poll_message_set", "status_text_set"}:
                yield from call.args[:1]
            elif name == "report":
                yield from call.args[1:]
            elif (
                (name == "append" and "notes" in ast.unparse(call.func))
                or name == "Finding"
                or (name.endswith("Error") and name not in dir(builtins))
            ):
                yield from call.args


def texts_of(node, module, followed=()):
    """What an expression is or may be; names stand for all that the module assigns to them, in whatever function."""
    parts = []
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield node
    elif isinstance(node, ast.Name) and node.id not in followed:
        parts = assigned(node.id, module)
    elif isinstance(node, ast.IfExp):
        parts = [node.body, node.orelse]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        parts = [node.func.value, *node.args]
    elif isinstance(node, ast.Subscript):
        parts = [node.value]
    elif isinstance(node, ast.Tuple | ast.List):
        parts = node.elts
    elif isinstance(node, ast.Dict):
        parts = node.values
    for part in parts:
        yield from texts_of(part, module, (*followed, getattr(node, "id", None)))


def assigned(name, module):
    """The values of all assignments to a name."""
    for node in ast.walk(module):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            names = {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}
            if name in names:
                yield node.value


def fixed_parts(text):
    """What an f-string has between its values."""
    return [part.value for part in text.values if isinstance(part, ast.Constant)]


def places(template):
    """Names and formats of the values that a template takes."""
    return sorted((name, form) for _, name, form, _ in string.Formatter().parse(template) if name)


@pytest.mark.parametrize(("code", "expected"), [("de_DE", "Aus Bild rekonstruieren"), ("zh_HANS", "从图像重建")])
def test_blender_shows_the_translation(language, code, expected):
    if code not in bpy.app.translations.locales:
        pytest.skip("this Blender was built without languages")
    language(code)
    assert bpy.app.translations.pgettext_iface("Reconstruct from Image", "Operator") == expected
    assert bpy.app.translations.pgettext_iface("Reconstruct from Image") == expected
