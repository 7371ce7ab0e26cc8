# SPDX-License-Identifier: GPL-3.0-or-later
"""TripoSR in Blender, with the real worker: install, reconstruct, save, and adjust again where the model is gone.

The network's own weights are not here. At full size (``make test-triposr``: 3 GB of memory, about a minute) a
checkpoint of the official size and layout takes their place, whose triplane is known whatever the photo
(``export/known.py``). By default the encoder's answer is put in directly, and everything after it runs.
"""

import os
import sys
from pathlib import Path

import bpy
import image_to_3d
import numpy as np
import pytest
from image_to_3d import api
from image_to_3d.engine import ENGINE
from image_to_3d.export.known import write_known
from image_to_3d.inference.camera import Window
from image_to_3d.inference.code import Code
from image_to_3d.inference.errors import ModelError
from image_to_3d.inference.store import Store
from image_to_3d.inference.systems import get_system
from image_to_3d.models import MODELS, models_folder
from image_to_3d.tasks import ReconstructTask
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent.parent / "unit"))

from known_triplanes import code_arrays, known_triposr

FULL_SIZE = os.environ.get("IMAGE_TO_3D_FULL_SIZE") == "1"
GREEN = (40, 180, 60)


@pytest.fixture
def engine():
    """The extension with its own worker; the models folder is the test run's, and left empty."""
    image_to_3d.register()
    yield ENGINE
    if Store(models_folder(bpy.context)).installed("triposr") is not None:
        MODELS.remove(get_system("triposr").card, models_folder(bpy.context))
    image_to_3d.unregister()
    ENGINE.failure = ENGINE.summary = None


@pytest.fixture
def photo_path(tmp_path):
    """What the known object looks like from the front: its outline, in one colour, on transparent ground."""
    pixels = np.zeros((480, 400, 4), np.uint8)
    for left, right, top, bottom in ((80, 320, 160, 440), (240, 320, 40, 160)):
        pixels[top:bottom, left:right] = (*GREEN, 255)
    path = tmp_path / "block.png"
    Image.fromarray(pixels).save(path)
    return path


class FromCode(ReconstructTask):
    """A reconstruction whose encoder has run already."""

    def __init__(self, code, photo_path, settings):
        super().__init__(photo_path, settings, 1.3)
        self.code = code

    def begin(self, host):
        return host.reconstruct_again("block", self.code, self.settings)


def draft():
    return api.settings("DRAFT", system="triposr", resolution=64, texture_size=512)


def check_shape(block):
    """The nose points at the viewer, -Y; the chimney stands on the right, +X."""
    x, y, z = np.array([block.matrix_world @ vertex.co for vertex in block.data.vertices]).T
    # Longest is z in the network's units, 1.1 of 1.1 high, 1.1 deep, 0.6 wide.
    assert np.ptp(x) / np.ptp(z) == pytest.approx(0.6 / 1.1, abs=0.05)
    assert np.ptp(y) / np.ptp(z) == pytest.approx(1.0, abs=0.07)
    assert z.min() == pytest.approx(0, abs=0.01)  # an adjusted object stays where it is
    middle_x, middle_y = (x.min() + x.max()) / 2, (y.min() + y.max()) / 2
    nose = y < y.min() + 0.1 * np.ptp(y)
    assert np.abs(x[nose] - middle_x).max() < 0.25 * np.ptp(x)
    assert y[nose].max() < middle_y
    chimney = z > z.min() + 0.85 * np.ptp(z)
    assert chimney.any()
    assert x[chimney].min() > middle_x


def check_colors(block):
    """The back shows the network's colours, of which the photo knows nothing: red right, blue left."""
    image = next(image for image in bpy.data.images if image.size[:] == (512, 512) and "olor" in image.name)
    pixels = np.array(image.pixels[:]).reshape(512, 512, 4)
    found = []
    for polygon in block.data.polygons:
        if polygon.normal.y > 0.9:
            u, v = block.data.uv_layers.active.data[polygon.loop_start].uv
            found.append((polygon.center.x, *pixels[int(v * 511.99), int(u * 511.99), :3]))
    places, red, _, blue = np.array(found).T
    right = places > np.median(places)
    assert np.median(red[right]) > np.median(red[~right]) + 0.2
    assert np.median(blue[~right]) > np.median(blue[right]) + 0.2


def save_and_open(path):
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    bpy.ops.wm.open_mainfile(filepath=str(path))


def check_again_without_model(name, path):
    """Saved, opened where the model is not installed, made finer, and baked."""
    save_and_open(path)
    assert Store(models_folder(bpy.context)).installed("triposr") is None
    block = bpy.data.objects[name]
    before, dimensions = len(block.data.polygons), block.dimensions.copy()
    assert bpy.ops.image_to_3d.adjust(target=name, resolution=96) == {"FINISHED"}
    block = bpy.data.objects[name]
    assert 1.8 < len(block.data.polygons) / before < 2.8
    np.testing.assert_allclose(block.dimensions, dimensions, rtol=0.05)
    check_shape(block)


def test_a_triplane_in_a_file_is_extracted_and_baked_again_without_its_model(engine, photo_path, tmp_path):
    known = known_triposr()
    system = get_system("triposr")
    photo = np.asarray(Image.open(photo_path).resize((256, 256)))
    window = Window(200, 240, 240, 400, 480)
    arrays = code_arrays(known.planes, known.weights)
    code = Code("triposr", system.card.version, arrays, system.camera, window, photo, {})
    task = FromCode(code, photo_path, draft())
    engine.run(task, bpy.context)
    block = bpy.data.objects[task.summary.object]
    check_shape(block)
    check_again_without_model(block.name, tmp_path / "block.blend")


def test_reconstructing_without_the_model_says_what_to_do(engine, photo_path):
    objects = len(bpy.data.objects)
    with pytest.raises(ModelError, match="TripoSR is not installed") as caught:
        api.reconstruct(photo_path, draft())
    assert caught.value.hint
    assert len(bpy.data.objects) == objects


@pytest.mark.skipif(not FULL_SIZE, reason="runs TripoSR's encoder at full size: make test-triposr")
def test_from_installing_to_adjusting_at_full_size(engine, photo_path, tmp_path):
    known = known_triposr()
    checkpoint = tmp_path / "model.safetensors"
    write_known(checkpoint, known.planes, known.weights, sparse=True)
    assert checkpoint.stat().st_size > 1_670_000_000
    arguments = {"system": "triposr", "filepath": str(checkpoint), "copy": False}
    assert bpy.ops.image_to_3d.use_model_file(**arguments) == {"FINISHED"}
    assert Store(models_folder(bpy.context)).installed("triposr").is_external

    made = api.reconstruct(photo_path, draft(), size=1.3)
    block = bpy.data.objects[made.object]
    assert max(block.dimensions) == pytest.approx(1.3, rel=1e-3)
    check_shape(block)
    check_colors(block)
    code, _ = api.read_code(block)
    np.testing.assert_array_equal(code.arrays["planes"], known.planes.astype(np.float16))

    assert bpy.ops.image_to_3d.remove_model(system="triposr") == {"FINISHED"}
    assert checkpoint.is_file()
    engine.shutdown()
    check_again_without_model(block.name, tmp_path / "block.blend")
