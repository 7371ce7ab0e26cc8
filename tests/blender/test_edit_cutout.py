# SPDX-License-Identifier: GPL-3.0-or-later
"""Correcting the cut-out: what is painted is what is reconstructed, and the photo's colours survive underneath."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from image_to_3d.inference.cutout import CutoutMethod
from image_to_3d.jobs import JobState
from image_to_3d.operators.edit_cutout import box_of
from image_to_3d.panels.cutout_editor import IMAGE_TO_3D_PT_cutout_editor
from image_to_3d.scene.cutout_image import find_cutout_image, read_mask
from image_to_3d.scene.cutout_image import invert as invert_image
from PIL import Image

from .test_panels import Layout


@pytest.fixture
def cut_out(photo_path):
    """The photo with the left two thirds opaque, as the engine returns it."""
    pixels = np.array(Image.open(photo_path).convert("RGBA"))
    pixels[:, 270:, 3] = 0
    return pixels


@pytest.fixture
def edited(host, fake_job, sidebar, cut_out):
    host.jobs = [fake_job([JobState.DONE], result=cut_out)]
    assert bpy.ops.image_to_3d.edit_cutout() == {"FINISHED"}
    return find_cutout_image(sidebar.photo)


@pytest.fixture
def reopen(tmp_path):
    """Saves the file, opens it again and gives the photo's cut-out as it is then."""

    def save_and_open():
        path = str(tmp_path / "work.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.open_mainfile(filepath=path)
        return cutout_now()

    return save_and_open


def cutout_now():
    """Looked up anew: undo and loading make other Python objects of the same data-block."""
    return find_cutout_image(bpy.context.scene.image_to_3d.photo)


def paint(image, rows, alpha=0.0):
    """A stroke over some rows, counted from the top, of which undo does not know."""
    pixels = np.array(image.pixels[:], np.float32).reshape(300, 400, 4)[::-1]
    pixels[rows, :, 3] = alpha
    image.pixels.foreach_set(pixels[::-1].ravel())


def stroke(image):
    """A change with an undo step of Blender's own kind for painting, as a brush makes it: the mask is inverted."""
    with bpy.context.temp_override(edit_image=image):
        assert bpy.ops.image.invert(invert_a=True) == {"FINISHED"}


def feather(_image):
    """By the button, with its undo step."""
    bpy.ops.image_to_3d.cutout_feather("EXEC_DEFAULT", True, radius=9.0)


def invert(_image):
    """By the button, with its undo step."""
    bpy.ops.image_to_3d.cutout_invert("EXEC_DEFAULT", True)


def test_the_image_is_the_photo_with_the_mask_as_alpha(edited, sidebar, cut_out):
    assert sidebar.cutout == "EDITED"
    assert tuple(edited.size) == (400, 300)
    np.testing.assert_array_equal(read_mask(edited), cut_out[..., 3])
    stored = np.array(edited.pixels[:]).reshape(300, 400, 4)[::-1] * 255
    np.testing.assert_allclose(stored[..., :3], cut_out[..., :3], atol=0.6, err_msg="also under what is cut away")
    assert edited.packed_file is not None, "saved with the file"


def test_what_is_painted_is_what_is_reconstructed(edited, sidebar, host, done):
    pixels = np.array(edited.pixels[:], np.float32).reshape(300, 400, 4)
    pixels[:100, :50, 3] = 0  # a stroke at the lower left
    edited.pixels.foreach_set(pixels.ravel())
    host.jobs = [done()]
    bpy.ops.image_to_3d.reconstruct_photo()
    _path, settings = host.asked[-1]
    assert settings.cutout.method is CutoutMethod.MASK
    with Image.open(settings.cutout.mask_path) as mask:
        painted = np.array(mask)
    assert painted.shape == (300, 400)
    assert (painted[200:, :50] == 0).all()
    assert (painted[:200, :270] == 255).all()


def test_editing_anew_renews_the_same_image(edited, host, fake_job, cut_out, sidebar):
    host.jobs = [fake_job([JobState.DONE], result=np.ascontiguousarray(cut_out[:, ::-1]))]
    bpy.ops.image_to_3d.edit_cutout(begin_anew=True)
    assert host.asked[-1][1].method is CutoutMethod.AUTOMATIC
    assert find_cutout_image(sidebar.photo) == edited
    np.testing.assert_array_equal(read_mask(edited), cut_out[:, ::-1, 3])


def test_the_brush_goes_on_from_what_was_painted(edited, host, sidebar):
    paint(edited, slice(0, 100))
    before, asked = read_mask(edited), len(host.asked)
    assert bpy.ops.image_to_3d.edit_cutout() == {"FINISHED"}
    assert len(host.asked) == asked, "nothing is cut out anew"
    np.testing.assert_array_equal(read_mask(find_cutout_image(sidebar.photo)), before)


@pytest.mark.parametrize("cutout", ["AUTOMATIC", "NETWORK", "NONE"])
def test_the_brush_starts_from_what_the_preview_made(host, fake_job, sidebar, cut_out, cutout):
    sidebar.cutout = cutout
    host.jobs = [fake_job([JobState.DONE], result=cut_out), fake_job([JobState.DONE], result=cut_out)]
    bpy.ops.image_to_3d.preview_cutout()
    bpy.ops.image_to_3d.edit_cutout()
    assert host.asked[-1] == host.asked[-2], "the same photo with the same settings"


def test_a_box_asks_the_network(edited, host, fake_job, cut_out):
    host.jobs = [fake_job([JobState.DONE], result=cut_out)]
    bpy.ops.image_to_3d.edit_cutout(box=(0.25, 0.0, 0.75, 0.5))
    settings = host.asked[-1][1]
    assert (settings.method, settings.box) == (CutoutMethod.NETWORK, (0.25, 0.0, 0.75, 0.5))


def test_corners_of_a_drag_make_a_box_in_any_order():
    assert box_of((0.75, 0.25), (0.25, 1.5)) == pytest.approx((0.25, 0.0, 0.75, 0.75))


def test_invert_and_feather(edited, cut_out):
    bpy.ops.image_to_3d.cutout_invert()
    np.testing.assert_array_equal(read_mask(edited), 255 - cut_out[..., 3])
    bpy.ops.image_to_3d.cutout_feather(radius=4.0)
    mask = read_mask(edited)[150].astype(int)
    assert (np.diff(mask[255:285]) >= 0).all()
    assert mask[270] == pytest.approx(128, abs=12)
    assert (mask[250], mask[290]) == (0, 255)


def test_strokes_are_saved_with_the_file(edited, cut_out, reopen):
    paint(edited, slice(0, 100))
    painted = read_mask(edited)
    assert edited.is_dirty
    assert painted.sum() < cut_out[..., 3].sum(dtype=int)
    np.testing.assert_array_equal(read_mask(reopen()), painted)
    assert not cutout_now().is_dirty, "Blender would ask about it when quitting"


def test_an_edited_cut_out_stays_in_the_file_without_an_image_editor(edited, cut_out, reopen):
    for _time in range(3):
        np.testing.assert_array_equal(read_mask(reopen()), cut_out[..., 3])


def test_a_photo_that_is_renamed_keeps_its_cut_out(edited, sidebar, reopen):
    sidebar.photo.name = "mug front"
    assert find_cutout_image(sidebar.photo) == edited
    other = bpy.data.images.new("another", 8, 8)
    assert find_cutout_image(other) is None
    assert reopen() is not None


@pytest.mark.parametrize("change", ["invert", "feather", "begin_anew"])
def test_undo_and_redo_change_the_mask_that_is_seen_used_and_saved(edited, host, fake_job, cut_out, reopen, change):
    paint(edited, slice(0, 100))
    bpy.ops.ed.undo_push(message="before")
    before = read_mask(edited)
    if change == "begin_anew":
        host.jobs = [fake_job([JobState.DONE], result=np.ascontiguousarray(cut_out[:, ::-1]))]
        bpy.ops.image_to_3d.edit_cutout("EXEC_DEFAULT", True, begin_anew=True)
    elif change == "feather":
        bpy.ops.image_to_3d.cutout_feather("EXEC_DEFAULT", True, radius=20.0)
    else:
        bpy.ops.image_to_3d.cutout_invert("EXEC_DEFAULT", True)
    after = read_mask(cutout_now())
    assert (after != before).any()
    bpy.ops.ed.undo()
    np.testing.assert_array_equal(read_mask(cutout_now()), before)
    bpy.ops.ed.redo()
    np.testing.assert_array_equal(read_mask(cutout_now()), after)
    bpy.ops.ed.undo()
    np.testing.assert_array_equal(read_mask(reopen()), before)


def test_strokes_before_and_after_an_operator_are_undone_one_by_one(edited, reopen):
    bpy.ops.ed.undo_push(message="before")
    masks = [read_mask(edited)]
    for change in (stroke, feather, stroke, invert, feather, stroke):
        change(cutout_now())
        masks.append(read_mask(cutout_now()))
    for mask in masks[-2::-1]:
        bpy.ops.ed.undo()
        np.testing.assert_array_equal(read_mask(cutout_now()), mask)
    for mask in masks[1:]:
        bpy.ops.ed.redo()
        np.testing.assert_array_equal(read_mask(cutout_now()), mask)
    for _step in range(4):
        bpy.ops.ed.undo()
    np.testing.assert_array_equal(read_mask(reopen()), masks[2])


def test_the_undo_history_leaps_over_operators_and_strokes(edited):
    bpy.ops.ed.undo_push(message="before")
    masks = [read_mask(edited)]
    for change in (feather, stroke, feather, feather, stroke, invert):
        change(cutout_now())
        masks.append(read_mask(cutout_now()))
    for place in (1, 6, 2, 5, 0, 3, 6, 0, 4, 2):
        bpy.ops.ed.undo_history(item=place)
        np.testing.assert_array_equal(read_mask(cutout_now()), masks[place])


def test_a_cut_out_whose_photo_was_removed_can_still_be_changed(edited, sidebar, cut_out):
    bpy.data.images.remove(sidebar.photo)
    invert_image(edited)
    np.testing.assert_array_equal(read_mask(edited), 255 - cut_out[..., 3])


def test_another_change_after_undo_takes_the_undone_ones_place(edited):
    bpy.ops.ed.undo_push(message="before")
    before = read_mask(edited)
    invert(edited)
    bpy.ops.ed.undo()
    feather(cutout_now())
    feathered = read_mask(cutout_now())
    bpy.ops.ed.undo()
    np.testing.assert_array_equal(read_mask(cutout_now()), before)
    bpy.ops.ed.redo()
    np.testing.assert_array_equal(read_mask(cutout_now()), feathered)


def test_undo_past_a_save_does_not_lose_strokes(edited, tmp_path, reopen):
    """Saving packs; undoing something else afterwards brings the older packed file back, under the newer pixels."""
    bpy.ops.ed.undo_push(message="before")
    stroke(edited)
    painted = read_mask(edited)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "work.blend"))
    bpy.data.objects.new("empty", None)
    bpy.ops.ed.undo_push(message="add")
    bpy.ops.ed.undo()
    np.testing.assert_array_equal(read_mask(cutout_now()), painted)
    np.testing.assert_array_equal(read_mask(reopen()), painted)


def test_a_resized_cut_out_is_left_alone_by_undo(edited):
    bpy.ops.ed.undo_push(message="before")
    invert(edited)
    cutout_now().scale(40, 30)
    bpy.ops.ed.undo()
    assert tuple(cutout_now().size) == (40, 30)


class Switching:
    """A job during which the artist does something."""

    def __init__(self, fake_job, cut_out, deed):
        self._job, self._deed = fake_job([JobState.DONE], result=cut_out), deed

    def __getattr__(self, name):
        return getattr(self._job, name)

    def wait(self, tick=None):
        self._deed()
        return self._job.wait()


@pytest.mark.parametrize("chosen", ["another", None])
def test_a_cut_out_belongs_to_the_photo_it_was_made_from(host, fake_job, sidebar, cut_out, chosen):
    photo = sidebar.photo
    other = bpy.data.images.new(chosen, 400, 300) if chosen else None
    host.jobs = [Switching(fake_job, cut_out, lambda: setattr(sidebar, "photo", other))]
    assert bpy.ops.image_to_3d.edit_cutout() == {"FINISHED"}
    np.testing.assert_array_equal(read_mask(find_cutout_image(photo)), cut_out[..., 3])
    assert find_cutout_image(other) is None
    assert sidebar.cutout != "EDITED", "the photo that is chosen now has none"


def test_a_photo_that_is_removed_meanwhile_is_told(host, fake_job, sidebar, cut_out):
    host.jobs = [Switching(fake_job, cut_out, lambda: bpy.data.images.remove(sidebar.photo))]
    with pytest.raises(RuntimeError, match=r"Photo 'ball\.png' was removed meanwhile"):
        bpy.ops.image_to_3d.edit_cutout()
    assert not bpy.data.images


def test_a_photo_that_is_renamed_meanwhile_gets_its_cut_out(host, fake_job, sidebar, cut_out):
    host.jobs = [Switching(fake_job, cut_out, lambda: setattr(sidebar.photo, "name", "mug front"))]
    bpy.ops.image_to_3d.edit_cutout()
    assert find_cutout_image(sidebar.photo) is not None


def test_an_empty_or_missing_edit_is_told(edited, sidebar, photo_path):
    pixels = np.array(edited.pixels[:], np.float32)
    pixels[3::4] = 0
    edited.pixels.foreach_set(pixels)
    with pytest.raises(RuntimeError, match="edited cut-out is empty"):
        bpy.ops.image_to_3d.reconstruct_photo()
    bpy.data.images.remove(edited)
    with pytest.raises(RuntimeError, match="no edited cut-out"):
        bpy.ops.image_to_3d.reconstruct_photo()


def test_a_dropped_file_is_not_cut_with_another_photos_mask(edited, host, done, photo_path):
    host.jobs = [done()]
    bpy.ops.image_to_3d.reconstruct("INVOKE_DEFAULT", filepath=str(photo_path))
    assert host.asked[-1][1].cutout.method is CutoutMethod.AUTOMATIC


def test_the_editors_panel(edited):
    layout = Layout()
    context = SimpleNamespace(
        tool_settings=bpy.context.tool_settings, space_data=SimpleNamespace(image=edited), scene=bpy.context.scene
    )
    assert IMAGE_TO_3D_PT_cutout_editor.poll(context)
    IMAGE_TO_3D_PT_cutout_editor.draw(SimpleNamespace(layout=layout), context)
    assert layout.drawn[-1] == "image_to_3d.reconstruct_photo"
    assert {"cutout_overlay", "image_to_3d.cutout_done"} <= set(layout.drawn)
    assert {"image_to_3d.cutout_box", "image_to_3d.cutout_invert", "image_to_3d.cutout_feather"} <= set(layout.drawn)
    context.space_data.image = bpy.data.images.new("another", 8, 8)
    assert not IMAGE_TO_3D_PT_cutout_editor.poll(context)
