# SPDX-License-Identifier: GPL-3.0-or-later
"""Assets: with a picture that shows the object, with where it came from, in the catalog of choice."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from image_to_3d.inference.pipeline import Settings
from image_to_3d.panels.export import IMAGE_TO_3D_PT_export
from image_to_3d.scene.asset_library import CATALOGS_FILE, Catalog, add_asset, catalogs_of, ensure_catalog
from image_to_3d.scene.asset_picture import PICTURE_SIZE, draw_picture
from image_to_3d.scene.build import build
from image_to_3d.scene.retopology import HIGH_KEY
from image_to_3d.scene.stored_code import has_code

from .test_panels import draw


@pytest.fixture
def made(extension, reconstruction, photo_path):
    """The reconstructed box, active."""
    code = replace(reconstruction.code, provenance={"system": "Pebble"})
    named = replace(reconstruction, code=code)
    return bpy.data.objects[build(bpy.context, named, photo_path, Settings(), size=1.0).object]


@pytest.fixture
def library(tmp_path):
    """A folder that the preferences know as a library."""
    folder = tmp_path / "props"
    folder.mkdir()
    libraries = bpy.context.preferences.filepaths.asset_libraries
    known = libraries.new(name="Props", directory=str(folder))
    yield folder
    libraries.remove(known)


def tags(target):
    return {tag.name for tag in target.asset_data.tags}


def shown(target):
    """The preview's pixels as a picture."""
    pixels = np.empty(len(target.preview.image_pixels_float), np.float32)
    target.preview.image_pixels_float.foreach_get(pixels)
    return pixels.reshape(*target.preview.image_size, 4)


def test_an_object_becomes_an_asset_of_the_present_file(made):
    assert bpy.ops.image_to_3d.add_asset() == {"FINISHED"}
    assert tags(made) == {"Image to 3D", "Pebble"}
    assert made.asset_data.catalog_id == ensure_catalog(None, "Image to 3D").identifier
    assert shown(made)[..., 3].mean() > 0.2


def test_photo_network_and_licence_are_told(made):
    made["image_to_3d_provenance"] = (
        '{"photo_name": "tea cup.jpg", "system": "Pebble", "weights_licence": "GPL-3.0-or-later"}'
    )
    bpy.ops.image_to_3d.add_asset()
    about = made.asset_data
    assert about.description == "Reconstructed from the photo 'tea cup.jpg' by Pebble (GPL-3.0-or-later)"
    assert about.license == "GPL-3.0-or-later"
    assert tags(made) == {"Image to 3D", "tea cup", "Pebble", "GPL-3.0-or-later"}


def test_a_library_gets_a_file_of_its_own_and_the_scene_stays(made, library, counts):
    before = counts()
    done = bpy.ops.image_to_3d.add_asset(library="Props", catalog="Props/Kitchen")
    assert done == {"FINISHED"}
    assert made.asset_data is None
    assert counts() == before
    [catalog] = catalogs_of(library)
    assert catalog.path == "Props/Kitchen"
    with bpy.data.libraries.load(str(library / "ball.blend"), assets_only=True) as (found, wanted):
        assert found.objects == ["ball"]
        wanted.objects = ["ball"]
    [loaded] = wanted.objects
    assert loaded.asset_data.catalog_id == catalog.identifier
    assert has_code(loaded), "it can still be adjusted"
    assert len(loaded.data.polygons) == len(made.data.polygons)
    assert shown(loaded)[..., 3].mean() > 0.2


def test_a_low_poly_mesh_goes_without_its_sculpture_and_keeps_it_here(made, library):
    low = made.copy()
    low.data, low.name = made.data.copy(), "ball_low"
    del low["image_to_3d_code"]
    low[HIGH_KEY] = made
    bpy.context.scene.collection.objects.link(low)
    path = add_asset(bpy.context, low, "", library)
    assert low[HIGH_KEY] == made
    with bpy.data.libraries.load(str(path)) as (found, _wanted):
        assert found.objects == ["ball_low"]


def test_nothing_in_a_library_is_replaced(made, library):
    names = [add_asset(bpy.context, made, "Props", library).name for _ in range(2)]
    assert names == ["ball.blend", "ball_2.blend"]
    assert len(catalogs_of(library)) == 1


def test_catalogs_that_are_there_are_kept_and_found(tmp_path):
    identifier = "e5b4a2a0-7c0c-4b62-8bde-6bd3a8a3e2c1"
    file = tmp_path / CATALOGS_FILE
    file.write_text(f"# mine\nVERSION 1\n\n{identifier}:Props/Kitchen:Kitchen", encoding="utf-8")
    assert ensure_catalog(tmp_path, "Props/Kitchen") == Catalog("Props/Kitchen", identifier)
    another = ensure_catalog(tmp_path, " Food / Tea: green ")
    assert another.path == "Food/Tea- green", "a colon would end the path"
    assert [item.path for item in catalogs_of(tmp_path)] == ["Props/Kitchen", "Food/Tea- green"]
    assert file.read_text(encoding="utf-8").startswith("# mine\n")


def test_a_saved_file_has_its_catalogs_beside_it(made, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    target = bpy.context.object
    bpy.ops.image_to_3d.add_asset(catalog="Food")
    [catalog] = catalogs_of(tmp_path)
    assert target.asset_data.catalog_id == catalog.identifier


def test_a_library_whose_folder_is_gone_is_refused_in_a_sentence(made, library):
    library.rmdir()
    with pytest.raises(RuntimeError, match="folder of the asset library 'Props' is not there"):
        bpy.ops.image_to_3d.add_asset(library="Props")
    assert made.asset_data is None


def test_what_cannot_be_written_leaves_no_asset_behind(made, library, monkeypatch):
    (library / CATALOGS_FILE).mkdir()
    with pytest.raises(RuntimeError, match=r"asset library '.*props' cannot be written"):
        bpy.ops.image_to_3d.add_asset(library="Props")
    assert made.asset_data is None
    assert [path.name for path in library.iterdir()] == [CATALOGS_FILE]


def test_the_picture_shows_the_texture_from_the_front(made):
    picture = draw_picture(made, bpy.context.evaluated_depsgraph_get())
    assert picture.shape == (PICTURE_SIZE, PICTURE_SIZE, 4)
    alpha = picture[..., 3]
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    assert np.ptp(columns) == pytest.approx(0.88 * PICTURE_SIZE, abs=3), "it fills the picture but for a margin"
    assert np.ptp(rows) < np.ptp(columns), "the box is wider than it is high"
    colours = picture[alpha == 1][:, :3]
    assert (colours[:, 0] > 2 * colours[:, 1]).any() and (colours[:, 2] > 2 * colours[:, 0]).any(), "red and blue"


def test_the_picture_of_a_turned_object_is_turned(made):
    depsgraph = bpy.context.evaluated_depsgraph_get()
    before = draw_picture(made, depsgraph)
    made.rotation_euler[1] = np.pi / 2
    bpy.context.view_layer.update()
    after = draw_picture(made, bpy.context.evaluated_depsgraph_get())[..., 3]
    assert np.abs(before[..., 3] - after).mean() > 0.05
    rows, columns = np.flatnonzero(after.any(axis=1)), np.flatnonzero(after.any(axis=0))
    assert np.ptp(rows) > np.ptp(columns)


def test_a_mesh_without_faces_is_refused(extension):
    mesh = bpy.data.objects.new("empty", bpy.data.meshes.new("empty"))
    bpy.context.scene.collection.objects.link(mesh)
    bpy.context.view_layer.objects.active = mesh
    with pytest.raises(RuntimeError, match="'empty' has no faces"):
        bpy.ops.image_to_3d.add_asset()


def test_the_button_is_in_the_export_panel(made):
    assert draw(IMAGE_TO_3D_PT_export)[-1] == "image_to_3d.add_asset"
