# SPDX-License-Identifier: GPL-3.0-or-later
"""Several results of one photo: made again with the same cut-out, stood side by side, one kept."""

import dataclasses

import bpy
import numpy as np
import pytest
from image_to_3d.inference.camera import Window
from image_to_3d.inference.cutout import CutoutMethod
from image_to_3d.inference.framing import whole_mask
from image_to_3d.inference.pipeline import Settings
from image_to_3d.inference.priors.choose import ShapeChoice
from image_to_3d.inference.surface import SurfaceSettings
from image_to_3d.jobs import JobState
from image_to_3d.scene.build import build
from image_to_3d.scene.compare import results_of_same_photo
from image_to_3d.scene.stored_code import RESULT_KEY, has_code
from PIL import Image


@pytest.fixture
def result(reconstruction):
    """The box, with a photo's hash, and a cut-out that is opaque in its left half."""
    photo = np.full((220, 220, 4), 255, np.uint8)
    photo[:, 110:, 3] = 0
    code = dataclasses.replace(
        reconstruction.code, photo=photo, provenance={"photo_name": "ball.png", "photo_sha256": "ab" * 32}
    )
    return dataclasses.replace(reconstruction, code=code)


@pytest.fixture
def made(host, result, photo_path):
    settings = Settings(surface=SurfaceSettings(resolution=77, smoothing=3), shape=ShapeChoice.ROUND)
    return bpy.data.objects[build(bpy.context, result, photo_path, settings, size=0.4).object]


@pytest.fixture
def again(made, host, fake_job, result):
    """Reconstructed once more; the engine saw the photo out of the .blend, with another hash."""
    other = dataclasses.replace(result.code, provenance={"photo_name": "ball_photo.png", "photo_sha256": "cd" * 32})
    host.jobs = [fake_job([JobState.DONE], result=dataclasses.replace(result, name="ball_photo", code=other))]
    assert bpy.ops.image_to_3d.reconstruct_again() == {"FINISHED"}
    return bpy.context.object


def test_again_with_the_same_photo_cutout_settings_and_size(again, made, host):
    path, settings = host.asked[-1]
    with Image.open(path) as photo:
        assert photo.size == (400, 300)
    assert (settings.system, settings.surface.resolution, settings.surface.smoothing) == ("pebble", 77, 3)
    assert settings.shape is ShapeChoice.ROUND
    assert settings.cutout.method is CutoutMethod.MASK
    with Image.open(settings.cutout.mask_path) as mask:
        opaque = np.array(mask) > 127
    assert opaque.shape == (300, 400)
    rows, columns = np.nonzero(opaque)
    assert (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1) == (40, 150, 50, 270)
    assert again != made
    assert again.name.startswith("ball")
    assert max(again.dimensions) == pytest.approx(0.4, rel=1e-4)


def test_results_stand_side_by_side(again, made):
    assert results_of_same_photo(made) == [made, again]
    bpy.context.view_layer.update()
    assert made.location.x == 0
    assert again.location.x == pytest.approx(0.5)
    assert again.location.y == made.location.y


def test_results_are_in_one_collection(again, made):
    (comparison,) = bpy.context.scene.collection.children
    assert comparison.name == "ball results"
    assert {item.name for item in comparison.all_objects if item.type == "MESH"} == {made.name, again.name}
    assert {len(own.all_objects) for own in comparison.children} == {2}
    bpy.ops.image_to_3d.line_up()
    assert list(bpy.context.scene.collection.children) == [comparison], "the same one, the next time"


def test_where_the_artist_keeps_a_result_is_left_alone(again, made):
    props = bpy.data.collections.new("props")
    bpy.context.scene.collection.children.link(props)
    props.objects.link(bpy.data.objects.new("crate", None))
    own = made.users_collection[0]
    own.objects.unlink(made)
    props.objects.link(made)
    bpy.context.view_layer.objects.active = made
    bpy.ops.image_to_3d.line_up()
    assert {collection.name for collection in made.users_collection} == {"props", "ball results"}
    bpy.ops.image_to_3d.keep()
    assert made.users_collection == (props,)


def test_one_is_kept_in_its_place_and_the_others_go(again, made, counts):
    again_name = again.name
    bpy.context.view_layer.objects.active = again
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.image_to_3d.keep("EXEC_DEFAULT", True) == {"FINISHED"}
    assert [item.name for item in bpy.data.objects if item.type == "MESH"] == [again_name]
    assert sum(item.type == "CAMERA" for item in bpy.data.objects) == 1
    assert len(bpy.data.collections) == 1
    assert tuple(bpy.data.objects[again_name].location) == (0, 0, 0)
    bpy.ops.ed.undo()
    assert sum(item.type == "MESH" for item in bpy.data.objects) == 2


def test_other_photos_are_left_alone(again, made, reconstruction, photo_path):
    other = bpy.data.objects[build(bpy.context, reconstruction, photo_path, Settings(), size=0.4).object]
    bpy.context.view_layer.objects.active = made
    bpy.ops.image_to_3d.keep()
    assert other.name in bpy.data.objects
    with pytest.raises(RuntimeError, match="only result of its photo"):
        bpy.ops.image_to_3d.line_up()


def copied(item, *, linked=False, with_camera=False):
    """As by Shift+D, or Alt+D; the copy stands at 7 along X."""
    bpy.ops.object.select_all(action="DESELECT")
    for part in (item, *(item.children if with_camera else ())):
        part.select_set(True)
    bpy.context.view_layer.objects.active = item
    bpy.ops.object.duplicate(linked=linked)
    bpy.context.object.location.x = 7
    return bpy.context.object


def keep(item):
    bpy.context.view_layer.objects.active = item
    assert bpy.ops.image_to_3d.keep() == {"FINISHED"}


def test_copies_are_no_results(made):
    copies = [copied(made), copied(made, linked=True), copied(made, with_camera=True)]
    assert results_of_same_photo(made) == [made]
    keep(made)
    assert {item.name for item in (made, *copies)} <= set(bpy.context.scene.objects.keys())


@pytest.mark.parametrize("linked", [False, True])
def test_copies_neither_go_nor_move(again, made, linked):
    copies = [copied(made, linked=linked), copied(again, linked=linked)]
    again.name, copies[1].name = "renamed", "also renamed"
    assert results_of_same_photo(copies[0]) == [made, again]
    bpy.context.view_layer.objects.active = copies[0]
    bpy.ops.image_to_3d.line_up()
    assert [item.location.x for item in copies] == [7, 7]
    keep(made)
    assert "renamed" not in bpy.data.objects
    assert {made.name, *(item.name for item in copies)} <= set(bpy.context.scene.objects.keys())
    assert [item.location.x for item in copies] == [7, 7]
    assert not any("results" in collection.name for collection in bpy.data.collections)


def test_a_copy_that_is_chosen_stays_beside_its_own_result(again, made):
    copy, gone = copied(made), again.name
    keep(copy)
    assert gone not in bpy.data.objects
    assert {made.name, copy.name} <= set(bpy.context.scene.objects.keys())
    assert copy.location.x == 7


def test_a_result_copied_with_its_camera_is_not_guessed(again, made):
    copy = copied(again, with_camera=True)
    keep(made)
    assert {again.name, copy.name} <= set(bpy.context.scene.objects.keys())


def test_results_without_cameras_are_still_results(again, made):
    bpy.data.batch_remove([*made.children, *again.children])
    assert results_of_same_photo(made) == [made, again]


def test_results_are_told_from_copies_after_renaming_and_in_an_opened_file(again, made, tmp_path):
    copied(again).name = "a copy"
    made.name, again.name = "one", "two"
    path = str(tmp_path / "results.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    keep(bpy.data.objects["one"])
    assert {item.name for item in bpy.context.scene.objects if item.type == "MESH"} == {"one", "a copy"}


def test_objects_from_before_identifiers_are_told_apart_by_their_codes(made):
    del made[RESULT_KEY]
    copy = copied(made)
    assert results_of_same_photo(copy) == [made]
    keep(made)
    assert copy.name in bpy.context.scene.objects


def test_the_first_result_may_go_while_another_is_made(made, host, fake_job, result, capfd):
    class Deleting(fake_job):
        def poll(self):
            if made_name in bpy.data.objects:
                bpy.data.objects.remove(bpy.data.objects[made_name])
                bpy.context.view_layer.update()
            return super().poll()

    made_name = made.name
    host.jobs = [Deleting([JobState.DONE], result=result)]
    assert bpy.ops.image_to_3d.reconstruct_again() == {"FINISHED"}
    assert has_code(bpy.context.object)
    assert "there is no other result of its photo any more" in capfd.readouterr().out


def test_a_photo_that_is_gone_is_told(made):
    made.children[0].data.background_images.clear()
    with pytest.raises(RuntimeError, match="is not in this file any more"):
        bpy.ops.image_to_3d.reconstruct_again()


def test_the_whole_mask_of_a_window_that_reaches_beyond_the_photo():
    cutout = np.full((8, 8, 4), 255, np.uint8)
    mask = whole_mask(cutout, Window(centre_x=5, centre_y=10, half_size=10, photo_width=30, photo_height=16))
    assert mask.shape == (16, 30)
    assert (mask[:, :15] == 255).all()
    assert (mask[:, 15:] == 0).all()
