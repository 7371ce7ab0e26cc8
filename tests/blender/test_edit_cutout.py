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
    bpy.ops.image_to_3d.edit_cutout()
    assert host.asked[-1][1].method is CutoutMethod.AUTOMATIC
    assert find_cutout_image(sidebar.photo) == edited
    np.testing.assert_array_equal(read_mask(edited), cut_out[:, ::-1, 3])


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
    context = SimpleNamespace(tool_settings=bpy.context.tool_settings, space_data=SimpleNamespace(image=edited))
    assert IMAGE_TO_3D_PT_cutout_editor.poll(context)
    IMAGE_TO_3D_PT_cutout_editor.draw(SimpleNamespace(layout=layout), context)
    assert layout.drawn[-1] == "image_to_3d.reconstruct_photo"
    assert {"image_to_3d.cutout_box", "image_to_3d.cutout_invert", "image_to_3d.cutout_feather"} <= set(layout.drawn)
    context.space_data.image = bpy.data.images.new("another", 8, 8)
    assert not IMAGE_TO_3D_PT_cutout_editor.poll(context)
