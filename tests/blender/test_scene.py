# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays become an object an artist can use: placed, textured, with its camera and its code; or nothing at all."""

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from image_to_3d.inference.code import Code
from image_to_3d.inference.errors import ModelError, PhotoError
from image_to_3d.inference.pipeline import Settings
from image_to_3d.scene import build as build_module
from image_to_3d.scene.build import build, rebuild
from image_to_3d.scene.mesh import count_islands
from image_to_3d.scene.placement import Placement
from image_to_3d.scene.stored_code import has_code, load_code
from mathutils import Matrix, Vector
from PIL import Image


def world_vertices(target):
    return np.array([target.matrix_world @ vertex.co for vertex in target.data.vertices])


@pytest.fixture
def built(reconstruction, photo_path):
    bpy.context.scene.cursor.location = (3, 4, 5)
    bpy.context.scene.cursor.rotation_euler = (0.3, 0.2, 0.1)
    names = build(bpy.context, reconstruction, photo_path, Settings(), size=0.4)
    bpy.context.view_layer.update()
    return names


@pytest.fixture
def made(built):
    return bpy.data.objects[built.object]


def test_it_stands_on_the_cursor_with_the_size_asked_for(made):
    points = world_vertices(made)
    lower, upper = points.min(axis=0), points.max(axis=0)
    np.testing.assert_allclose(upper - lower, [0.4, 0.2, 0.32], atol=1e-5)
    np.testing.assert_allclose((lower + upper)[:2] / 2, [3, 4], atol=1e-5)
    assert lower[2] == pytest.approx(5, abs=1e-5)
    assert made.scale == Vector((1, 1, 1))
    assert made.rotation_euler.to_matrix() == Matrix.Identity(3), "the cursor's rotation is ignored"


def test_it_is_named_after_the_photo_and_alone_selected_in_its_own_collection(built, made):
    assert built.object == built.collection == "ball"
    assert bpy.context.view_layer.objects.active == made
    assert bpy.context.selected_objects == [made]
    assert {child.name for child in bpy.data.collections["ball"].objects} == {built.object, built.camera}


def test_faces_look_outside_are_smooth_and_carry_the_uvs(made, reconstruction):
    mesh = made.data
    centre = np.mean([vertex.co for vertex in mesh.vertices], axis=0)
    assert all(polygon.normal.dot(polygon.center - Vector(centre)) > 0 for polygon in mesh.polygons)
    assert all(polygon.use_smooth for polygon in mesh.polygons)
    found = np.array([corner.vector for corner in mesh.uv_layers.active.uv]).reshape(-1, 4, 2)
    np.testing.assert_allclose(found, reconstruction.uvs, atol=1e-6)
    assert count_islands(reconstruction.surface.faces, found.astype(np.float32)) == 6


def test_islands_that_share_an_edge_of_the_map_count_once():
    faces = np.array([[0, 1, 2, 3], [1, 4, 5, 2]], np.int32)
    left = np.array([[0, 0], [0.5, 0], [0.5, 1], [0, 1]], np.float32)
    joined = np.stack([left, left + np.float32([0.5, 0])])
    apart = np.stack([left * 0.5, left * 0.5 + np.float32([0.5, 0])])
    assert count_islands(faces, joined) == 1
    assert count_islands(faces, apart) == 2


def test_the_material_shows_the_map_and_keeps_constants_as_values(made):
    material = made.active_material
    shader = next(node for node in material.node_tree.nodes if node.bl_idname == "ShaderNodeBsdfPrincipled")
    image = shader.inputs["Base Color"].links[0].from_node.image
    assert image.packed_file is not None
    assert image.colorspace_settings.name == "sRGB"
    pixels = np.array(image.pixels[:]).reshape(64, 64, 4) * 255
    np.testing.assert_allclose(pixels[0, 0, :3], [200, 40, 30], atol=0.01, err_msg="row 0 is v = 0")
    np.testing.assert_allclose(pixels[-1, 0, :3], [30, 60, 200], atol=0.01)
    assert not shader.inputs["Roughness"].is_linked
    assert shader.inputs["Roughness"].default_value == pytest.approx(0.7)
    assert shader.inputs["Metallic"].default_value == 0.0


def test_the_camera_sees_every_vertex_where_the_photo_shows_it(built, made, reconstruction):
    scene, camera = bpy.context.scene, bpy.data.objects[built.camera]
    code = reconstruction.code
    window_points, _ = code.camera.project(reconstruction.surface.vertices.astype(float))
    expected = code.window.to_photo(window_points)
    seen = np.array([world_to_camera_view(scene, camera, Vector(point)) for point in world_vertices(made)])
    width, height = code.window.photo_width, code.window.photo_height
    found = np.stack([seen[:, 0] * width, (1 - seen[:, 1]) * height], axis=1)
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert (scene.render.resolution_x, scene.render.resolution_y) == (width, height)
    assert scene.camera == camera


def test_the_camera_stays_matched_when_the_object_is_moved(built, made, reconstruction):
    before = world_to_camera_view(bpy.context.scene, bpy.data.objects[built.camera], Vector(world_vertices(made)[0]))
    made.matrix_world = Matrix.Translation((1, 2, 3)) @ Matrix.Rotation(0.7, 4, "Z") @ Matrix.Scale(2, 4)
    bpy.context.view_layer.update()
    after = world_to_camera_view(bpy.context.scene, bpy.data.objects[built.camera], Vector(world_vertices(made)[0]))
    np.testing.assert_allclose(before[:2], after[:2], atol=1e-5)


def test_a_scene_with_a_camera_keeps_it(reconstruction, photo_path):
    scene = bpy.context.scene
    own = bpy.data.objects.new("own", bpy.data.cameras.new("own"))
    scene.collection.objects.link(own)
    scene.camera = own
    resolution = (scene.render.resolution_x, scene.render.resolution_y)
    build(bpy.context, reconstruction, photo_path, Settings(), size=1.0)
    assert scene.camera == own
    assert (scene.render.resolution_x, scene.render.resolution_y) == resolution


def test_the_photo_is_packed_behind_the_camera(built, photo_path):
    background = bpy.data.objects[built.camera].data.background_images[0]
    assert bpy.data.objects[built.camera].data.show_background_images
    assert bytes(background.image.packed_file.data) == photo_path.read_bytes()
    assert str(photo_path.parent) not in background.image.filepath, "the file does not tell where the artist works"


def test_a_photo_taken_sideways_is_packed_upright(reconstruction, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.new("RGB", (120, 90), (200, 100, 50))
    stored.save(tmp_path / "sideways.jpg", exif=exif)
    names = build(bpy.context, reconstruction, tmp_path / "sideways.jpg", Settings(), size=1.0)
    image = bpy.data.objects[names.camera].data.background_images[0].image
    assert tuple(image.size) == (90, 120)


def test_code_and_placement_survive_saving_and_loading(made, reconstruction, tmp_path):
    path = str(tmp_path / "saved.blend")
    expected = reconstruction.code.to_bytes()
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=path)
    target = bpy.data.objects["ball"]
    code, placement = load_code(target)
    assert code.to_bytes() == expected
    local = np.array([vertex.co for vertex in target.data.vertices], np.float32)
    np.testing.assert_allclose(placement.to_object_frame(local), reconstruction.surface.vertices, atol=1e-5)
    assert isinstance(code, Code)


def test_an_object_without_a_code_is_told_apart():
    target = bpy.data.objects.new("cube", None)
    assert not has_code(target)
    assert not has_code(None)
    with pytest.raises(ModelError, match="'cube' was not reconstructed"):
        load_code(target)


def test_placement_there_and_back():
    points = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    placement = Placement.standing(points, 2.5)
    np.testing.assert_allclose(placement.to_object_frame(placement.to_local(points)), points, atol=1e-12)
    assert Placement.from_list(placement.to_list()) == placement


def test_a_second_run_makes_a_second_object(built, reconstruction, photo_path):
    again = build(bpy.context, reconstruction, photo_path, Settings(), size=1.0)
    assert again.object != built.object
    assert again.object.startswith("ball")
    assert built.object in bpy.data.objects


def edited(name):
    """A triangle of the artist's, in Edit Mode."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (1, 1, 0)], [], [(0, 1, 2)])
    item = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(item)
    bpy.context.view_layer.objects.active = item
    bpy.ops.object.mode_set(mode="EDIT")
    return item


def test_who_edits_something_is_not_interrupted(reconstruction, photo_path):
    own = edited("own")
    made = build(bpy.context, reconstruction, photo_path, Settings(), size=1.0)
    assert made.object in bpy.data.objects
    assert bpy.context.object == own
    assert bpy.context.mode == "EDIT_MESH"
    bpy.ops.object.mode_set(mode="OBJECT")


def test_an_object_in_edit_mode_gets_its_new_mesh_and_the_former_keeps_the_edits(built, reconstruction):
    target = bpy.data.objects[built.object]
    former = target.data
    bpy.context.view_layer.objects.active = target
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="SELECT")
    bpy.ops.mesh.delete(type="ONLY_FACE")
    rebuild(target, reconstruction, Settings())
    assert target.mode == "OBJECT"
    assert target.data != former
    assert len(target.data.polygons) > 0
    assert len(former.polygons) == 0


def test_a_script_that_removes_its_result_makes_the_next(built, reconstruction, photo_path):
    bpy.data.objects.remove(bpy.data.objects[built.object])
    again = build(bpy.context, reconstruction, photo_path, Settings(), size=1.0)
    assert bpy.context.object.name == again.object


@pytest.mark.parametrize("step", ["create_mesh", "create_material", "create_photo", "create_camera", "make_active"])
def test_a_failure_at_any_step_leaves_nothing(step, reconstruction, photo_path, counts, monkeypatch):
    other = bpy.data.objects.new("other", None)
    bpy.context.scene.collection.objects.link(other)
    bpy.context.view_layer.objects.active = other
    before = counts()
    real = getattr(build_module, step)

    def fail_after(*args):
        real(*args)
        raise RuntimeError("out of luck")

    monkeypatch.setattr(build_module, step, fail_after)
    with pytest.raises(RuntimeError, match="out of luck"):
        build(bpy.context, reconstruction, photo_path, Settings(), size=1.0)
    assert counts() == before
    assert "other" in bpy.data.objects


def test_a_photo_deleted_meanwhile_leaves_nothing(reconstruction, photo_path, counts):
    photo_path.unlink()
    before = counts()
    with pytest.raises(PhotoError, match=r"ball\.png"):
        build(bpy.context, reconstruction, photo_path, Settings(), size=1.0)
    assert counts() == before
