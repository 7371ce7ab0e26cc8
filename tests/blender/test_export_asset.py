# SPDX-License-Identifier: GPL-3.0-or-later
"""Assets for the web, AR and engines: metres, Y up, small textures, levels of detail, and where they came from."""

import json
import struct
import zipfile

import bpy
import numpy as np
import pytest
from image_to_3d.inference.pipeline import Settings
from image_to_3d.panels.export import IMAGE_TO_3D_PT_export
from image_to_3d.scene.asset_check import check_asset
from image_to_3d.scene.build import build
from image_to_3d.scene.export_asset import KINDS, obstacle_to
from image_to_3d.scene.levels import levels_of
from image_to_3d.scene.provenance import PROVENANCE_KEY, provenance_of

from .test_panels import draw


@pytest.fixture
def made(extension, reconstruction, photo_path):
    """The box of 0.4 x 0.2 x 0.32 with a texture of 64 pixels, active; locked, as a high-poly is."""
    target = bpy.data.objects[build(bpy.context, reconstruction, photo_path, Settings(), size=0.4).object]
    target.hide_select = True
    return target


@pytest.fixture
def textured(made):
    """The same with a texture of 1024 pixels of noise."""
    image = next(node.image for node in made.active_material.node_tree.nodes if node.bl_idname == "ShaderNodeTexImage")
    image.scale(1024, 1024)
    image.pixels.foreach_set(np.random.default_rng(1).random(1024 * 1024 * 4, np.float32))
    image.pack()
    return made


def glb_document(path):
    data = path.read_bytes()
    assert struct.unpack_from("<4sII", data) == (b"glTF", 2, len(data))
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and length % 4 == 0
    return json.loads(data[20 : 20 + length])


def usd_stage(path):
    if bpy.app.module:
        bpy.utils.expose_bundled_modules()
    from pxr import Usd

    return Usd.Stage.Open(str(path))


def exported_size(path):
    """The file's bounding box in metres, by its importer; USD's by its own library."""
    if path.suffix == ".usdz":
        stage = usd_stage(path)
        from pxr import Usd, UsdGeom

        box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default", "render"]).ComputeWorldBound(stage.GetPseudoRoot())
        return np.array(box.ComputeAlignedRange().GetSize()) * UsdGeom.GetStageMetersPerUnit(stage)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    if path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    else:
        bpy.ops.import_scene.fbx(filepath=str(path))
    bpy.context.view_layer.update()
    (found,) = (item for item in bpy.data.objects if item.type == "MESH")
    return np.ptp([found.matrix_world @ vertex.co for vertex in found.data.vertices], axis=0)


def test_provenance_is_kept_and_can_be_read(made):
    assert provenance_of(made) == {"photo_name": "ball"}
    made[PROVENANCE_KEY] = "edited to nonsense"
    assert provenance_of(made) == {}


def test_glb_for_the_web(made, tmp_path):
    path = tmp_path / "ball.glb"
    assert bpy.ops.image_to_3d.export_asset(filepath=str(path), kind="WEB") == {"FINISHED"}
    document = glb_document(path)
    assert document["asset"]["extras"] == {"image_to_3d": {"photo_name": "ball"}}
    assert {image["mimeType"] for image in document["images"]} == {"image/jpeg"}
    accessor = document["accessors"][document["meshes"][0]["primitives"][0]["attributes"]["POSITION"]]
    size = np.array(accessor["max"]) - accessor["min"]
    np.testing.assert_allclose(size, [0.4, 0.32, 0.2], atol=1e-4, err_msg="metres, Y up")
    assert len(document["nodes"]) == 1, "no camera"
    assert "extras" not in document["nodes"][0], "the code of megabytes stays at home"
    assert made.hide_select, "still locked"
    bpy.ops.import_scene.gltf(filepath=str(path))


def test_usdz_for_quick_look(made, tmp_path):
    path = tmp_path / "ball.usdz"
    assert bpy.ops.image_to_3d.export_asset(filepath=str(path), kind="QUICK_LOOK") == {"FINISHED"}
    from pxr import Usd, UsdGeom

    with zipfile.ZipFile(path) as archive:
        assert all(item.compress_type == zipfile.ZIP_STORED for item in archive.infolist())
        assert any(item.filename.endswith(".png") for item in archive.infolist()), "textures are packed"
    stage = Usd.Stage.Open(str(path))
    assert UsdGeom.GetStageUpAxis(stage) == "Y"
    assert UsdGeom.GetStageMetersPerUnit(stage) == pytest.approx(1.0)
    assert stage.GetDefaultPrim().GetCustomDataByKey("image_to_3d:photo_name") == "ball"
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default", "render"]).ComputeWorldBound(stage.GetPseudoRoot())
    np.testing.assert_allclose(box.ComputeAlignedRange().GetSize(), [0.4, 0.32, 0.2], atol=1e-4)


def test_textures_are_halved_until_the_file_is_small_enough(textured, tmp_path):
    path = tmp_path / "ball.glb"
    image = next(item for item in bpy.data.images if item.size[0] == 1024)
    before = len(bpy.data.images), image.packed_file.size
    bpy.ops.image_to_3d.export_asset(filepath=str(path), megabytes=0.6)
    assert path.stat().st_size < 0.6e6
    assert (len(bpy.data.images), image.packed_file.size, image.size[0]) == (*before, 1024), "the scene keeps its own"
    bpy.ops.image_to_3d.export_asset(filepath=str(path), texture_size=256)
    assert path.stat().st_size < 0.2e6


def test_a_file_that_cannot_be_small_enough_is_not_written(textured, tmp_path):
    with pytest.raises(RuntimeError, match="fewer faces"):
        bpy.ops.image_to_3d.export_asset(filepath=str(tmp_path / "ball.glb"), megabytes=0.01)
    assert [path.name for path in tmp_path.iterdir()] == ["ball.png"], "only the photo itself"


def test_levels_of_detail_by_their_names(made):
    for name in ("ball_LOD2", "ball_LOD1", "ballast_LOD1"):
        bpy.context.scene.collection.objects.link(bpy.data.objects.new(name, made.data))
    for name in ("ball", "ball_LOD1", "ball_LOD2"):
        assert [level.name for level in levels_of(bpy.data.objects[name])] == ["ball", "ball_LOD1", "ball_LOD2"]
    made.name = "ball_LOD0"
    assert [level.name for level in levels_of(made)] == ["ball_LOD0", "ball_LOD1", "ball_LOD2"]
    made.name = "other"
    assert [level.name for level in levels_of(bpy.data.objects["ball_LOD2"])] == ["ball_LOD1", "ball_LOD2"]


def test_the_web_gets_the_active_level(made, tmp_path):
    for name in ("ball_LOD1", "ball_LOD2"):
        bpy.context.scene.collection.objects.link(bpy.data.objects.new(name, made.data.copy()))
    bpy.context.view_layer.objects.active = bpy.data.objects["ball_LOD2"]
    path = tmp_path / "level.glb"
    bpy.ops.image_to_3d.export_asset(filepath=str(path), kind="WEB")
    assert [node["name"] for node in glb_document(path)["nodes"]] == ["ball_LOD2"]
    path = tmp_path / "level.usdz"
    bpy.ops.image_to_3d.export_asset(filepath=str(path), kind="QUICK_LOOK")
    assert usd_stage(path).GetPrimAtPath("/root/ball_LOD2")


def hide_object(item):
    item.hide_viewport = True


def hide_collection(_item):
    bpy.context.view_layer.layer_collection.children["ball"].hide_viewport = True


def hide_collection_everywhere(_item):
    bpy.data.collections["ball"].hide_viewport = True


@pytest.mark.parametrize("hide", [hide_object, hide_collection, hide_collection_everywhere])
@pytest.mark.parametrize("kind", list(KINDS))
def test_what_is_hidden_from_the_exporters_is_refused(made, tmp_path, hide, kind):
    hide(made)
    with pytest.raises(RuntimeError, match=r"'ball' is hidden in all viewports.*Outliner"):
        bpy.ops.image_to_3d.export_asset(filepath=str(tmp_path / "hidden"), kind=kind)
    assert not list(tmp_path.glob("hidden*"))
    assert made.hide_select, "still locked"


def test_a_level_in_an_excluded_collection_is_not_left_out_in_silence(made, tmp_path):
    away = bpy.data.collections.new("away")
    bpy.context.scene.collection.children.link(away)
    away.objects.link(bpy.data.objects.new("ball_LOD1", made.data.copy()))
    bpy.context.view_layer.layer_collection.children["away"].exclude = True
    count, parent = len(bpy.data.objects), made.parent
    with pytest.raises(RuntimeError, match="'ball_LOD1' is hidden"):
        bpy.ops.image_to_3d.export_asset(filepath=str(tmp_path / "ball.fbx"), kind="ENGINE")
    assert not list(tmp_path.glob("*.fbx"))
    assert (len(bpy.data.objects), made.parent) == (count, parent)
    bpy.ops.image_to_3d.export_asset(filepath=str(tmp_path / "ball.fbx"), kind="ENGINE", with_levels=False)


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_is_hidden_by_eye_or_in_renders_alone_is_exported(made, tmp_path, kind):
    made.hide_render = True
    made.hide_set(True)
    bpy.context.view_layer.objects.active = made
    path = tmp_path / f"ball{KINDS[kind].suffix}"
    assert bpy.ops.image_to_3d.export_asset(filepath=str(path), kind=kind) == {"FINISHED"}
    np.testing.assert_allclose(sorted(exported_size(path)), [0.2, 0.32, 0.4], atol=1e-4)


def test_a_dot_in_a_name_is_no_suffix(made, tmp_path):
    for name in ("chair.v1", "chair.v2", "chair.v2.glb", "chair.usdz", "CHAIR.GLB"):
        bpy.ops.image_to_3d.export_asset(filepath=str(tmp_path / name), kind="WEB")
    written = {path.name for path in tmp_path.glob("*.glb")}
    assert {"chair.v1.glb", "chair.v2.glb", "chair.glb", "CHAIR.glb"} >= written >= {"chair.v1.glb", "chair.v2.glb"}
    bpy.ops.image_to_3d.export_asset(filepath=str(tmp_path / "chair.v3"), kind="QUICK_LOOK")
    assert (tmp_path / "chair.v3.usdz").is_file()


@pytest.mark.parametrize("folder", ["", "/tmp/"])
def test_a_file_without_a_name_is_told(made, folder):
    with pytest.raises(RuntimeError, match="has no name\\. Choose a folder and type a name"):
        bpy.ops.image_to_3d.export_asset(filepath=folder, kind="WEB")


@pytest.mark.parametrize(("system", "metres"), [("METRIC", 0.001), ("IMPERIAL", 0.5), ("NONE", 1.0)])
@pytest.mark.parametrize("kind", list(KINDS))
def test_files_are_in_metres_whatever_the_scenes_unit(made, tmp_path, kind, system, metres):
    units = bpy.context.scene.unit_settings
    units.system, units.scale_length = system, 0.001 if system == "NONE" else metres
    path = tmp_path / f"ball{KINDS[kind].suffix}"
    bpy.ops.image_to_3d.export_asset(filepath=str(path), kind=kind)
    np.testing.assert_allclose(sorted(exported_size(path)), np.array([0.2, 0.32, 0.4]) * metres, rtol=1e-3)


def test_the_check_list_is_in_metres_whatever_the_scenes_unit(made):
    bpy.context.scene.unit_settings.scale_length = 0.01
    findings = {finding.subject: finding for finding in check_asset(made)}
    assert findings["Size"].value == "0.004 x 0.002 x 0.0032"
    assert findings["Size"].advice == "Set Real Size"
    assert findings["Texel density"].value == "6,336 per metre (5,009 to 7,084)"


def test_fbx_with_levels_of_detail(made, tmp_path):
    level = bpy.data.objects.new("ball_LOD1", made.data.copy())
    bpy.context.scene.collection.objects.link(level)
    path = tmp_path / "ball.fbx"
    count, place = len(bpy.data.objects), made.matrix_world.copy()
    assert bpy.ops.image_to_3d.export_asset(filepath=str(path), kind="ENGINE") == {"FINISHED"}
    assert b"LodGroup" in path.read_bytes()
    assert (len(bpy.data.objects), made.parent, made.matrix_world) == (count, None, place)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.import_scene.fbx(filepath=str(path))
    bpy.context.view_layer.update()
    meshes = [item for item in bpy.data.objects if item.type == "MESH"]
    assert len(meshes) == 2
    for item in meshes:
        np.testing.assert_allclose(sorted(item.dimensions), [0.2, 0.32, 0.4], atol=1e-4)


def test_a_sound_asset_has_nothing_to_say_but_what_it_is(made):
    findings = {finding.subject: finding for finding in check_asset(made)}
    assert findings["Triangles"].value == "12"
    assert (findings["Manifold"].value, findings["Scale"].value) == ("yes, closed", "applied")
    assert findings["UV map"].value == "within 0..1"
    assert findings["Texel density"].value == "63 per metre (50 to 71)"
    assert findings["Texture"].value == "ball base color: 64 x 64"
    assert [finding.subject for finding in findings.values() if finding.advice] == []


def test_what_is_wrong_is_said_with_what_to_do(made):
    made.scale = (2, 2, 300)
    made.name = "Tasse à café"
    made.data.materials.append(bpy.data.materials.new("second"))
    made.data.uv_layers.active.uv[0].vector = (1.5, 0.5)
    bpy.context.view_layer.update()
    advised = {finding.subject for finding in check_asset(made) if finding.advice}
    assert {"Scale", "Name", "Materials", "UV map"} <= advised
    bpy.ops.mesh.primitive_plane_add()
    plane = {finding.subject: finding.value for finding in check_asset(bpy.context.object)}
    assert plane["Manifold"] == "open at 4 edges"
    assert bpy.ops.image_to_3d.check_asset() == {"FINISHED"}


def test_the_panel_offers_every_use(extension):
    shown = draw(IMAGE_TO_3D_PT_export)
    assert shown.count("image_to_3d.export_asset") == 3
    assert "image_to_3d.check_asset" in shown


def test_a_blender_without_usd_refuses_quick_look_with_its_reason(made, tmp_path, extension, monkeypatch):
    for module in ("export_asset", "provenance"):
        monkeypatch.setattr(f"image_to_3d.scene.{module}.has_usd", lambda: False)
    assert "without USD" in obstacle_to("QUICK_LOOK")
    assert obstacle_to("WEB") == obstacle_to("ENGINE") == ""
    with pytest.raises(RuntimeError, match="built without USD") as told:
        bpy.ops.image_to_3d.export_asset(filepath=str(tmp_path / "cup.usdz"), kind="QUICK_LOOK")
    assert "Traceback" not in str(told.value)
    assert list(tmp_path.glob("cup*")) == []
