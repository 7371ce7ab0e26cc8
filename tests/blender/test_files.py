# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written comes back: shape, size, UVs and texture, in every format."""

from pathlib import Path

import bpy
import numpy as np
import pytest
from image_to_3d.inference.errors import OutputError
from image_to_3d.inference.pipeline import Settings
from image_to_3d.scene import files
from image_to_3d.scene.build import build
from image_to_3d.scene.files import WRITERS, make_folder, write_files

READERS = {
    "glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    "obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
    "fbx": lambda path: bpy.ops.import_scene.fbx(filepath=path),
    "usd": lambda path: bpy.ops.wm.usd_import(filepath=path),
    "blend": lambda path: bpy.ops.wm.open_mainfile(filepath=path),
}


@pytest.fixture
def made(reconstruction, photo_path):
    return bpy.data.objects[build(bpy.context, reconstruction, photo_path, Settings(), size=0.4).object]


def texture(target):
    """Pixels of the image that feeds the base colour."""
    nodes = target.active_material.node_tree.nodes
    shader = next(node for node in nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    node = shader.inputs["Base Color"].links[0].from_node
    while node.bl_idname != "ShaderNodeTexImage":
        node = next(socket.links[0].from_node for socket in node.inputs if socket.is_linked)
    width, height = node.image.size
    return np.array(node.image.pixels[:]).reshape(height, width, -1)[..., :3] * 255


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_round_trip(kind, made, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    written = write_files(bpy.context, made, folder, "ball", [kind])
    assert written == {kind: folder / f"ball.{kind}"}
    assert not list(folder.glob(".*")), "no staging folder is left"
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    READERS[kind](str(written[kind]))
    bpy.context.view_layer.update()
    (target,) = [item for item in bpy.data.objects if item.type == "MESH"]
    points = np.array([target.matrix_world @ vertex.co for vertex in target.data.vertices])
    np.testing.assert_allclose(points.max(axis=0) - points.min(axis=0), [0.4, 0.2, 0.32], atol=1e-4)
    assert points[:, 2].min() == pytest.approx(0, abs=1e-4)
    uvs = np.array([corner.vector for corner in target.data.uv_layers.active.uv])
    assert uvs.min() == pytest.approx(0.03, abs=1e-3)
    assert uvs.max() == pytest.approx(0.97, abs=1e-3)
    pixels = texture(target)
    assert pixels.shape == (64, 64, 3)
    np.testing.assert_allclose(pixels[0, 0], [200, 40, 30], atol=1)
    np.testing.assert_allclose(pixels[-1, 0], [30, 60, 200], atol=1)


@pytest.mark.parametrize("kind", ["glb", "obj", "fbx"])
def test_files_are_in_metres_whatever_the_scenes_unit(kind, made, tmp_path):
    bpy.context.scene.unit_settings.scale_length = 0.01
    written = write_files(bpy.context, made, tmp_path, "ball", [kind])
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    READERS[kind](str(written[kind]))
    bpy.context.view_layer.update()
    (target,) = [item for item in bpy.data.objects if item.type == "MESH"]
    points = np.array([target.matrix_world @ vertex.co for vertex in target.data.vertices])
    np.testing.assert_allclose(np.ptp(points, axis=0), [0.004, 0.002, 0.0032], rtol=1e-3)


def test_usd_is_in_metres_whatever_the_scenes_unit(made, tmp_path):
    """Read by USD's own library: Blender's importer passes over the scale of the root that its exporter made."""
    bpy.context.scene.unit_settings.scale_length = 0.01
    written = write_files(bpy.context, made, tmp_path, "ball", ["usd"])
    from pxr import Usd, UsdGeom

    stage = Usd.Stage.Open(str(written["usd"]))
    assert UsdGeom.GetStageMetersPerUnit(stage) == pytest.approx(1.0)
    box = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default", "render"]).ComputeWorldBound(stage.GetPseudoRoot())
    np.testing.assert_allclose(box.ComputeAlignedRange().GetSize(), [0.004, 0.002, 0.0032], rtol=1e-3)


def test_several_formats_at_once_leave_the_scene_as_it_was(made, tmp_path):
    before = {image.name: image.filepath_raw for image in bpy.data.images}
    written = write_files(bpy.context, made, tmp_path, "ball", list(WRITERS))
    assert set(written) == set(WRITERS)
    assert all(path.stat().st_size > 0 for path in written.values())
    assert {image.name: image.filepath_raw for image in bpy.data.images} == before


def test_an_exporter_that_fails_leaves_no_file(made, tmp_path, monkeypatch):
    def fail(_target, path):
        path.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setitem(files.WRITERS, "obj", fail)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        write_files(bpy.context, made, tmp_path / "", "ball", ["glb", "obj"])
    assert "free space" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["ball.png"], "only the photo itself"


def test_an_exporter_that_writes_nothing_is_noticed(made, tmp_path, monkeypatch):
    monkeypatch.setitem(files.WRITERS, "obj", lambda _target, _path: None)
    with pytest.raises(OutputError, match="exporter wrote nothing"):
        write_files(bpy.context, made, tmp_path, "ball", ["obj"])


def test_an_output_folder_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="Nothing can be written"):
        make_folder(tmp_path / "file" / "out")
    with pytest.raises(OutputError, match="Nothing can be written"):
        make_folder(Path("/proc/out"))
