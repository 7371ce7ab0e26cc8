# SPDX-License-Identifier: GPL-3.0-or-later
"""The shelf of photos: what is on it, the queue that reconstructs it, and what belongs to each photo."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from image_to_3d import api, shelf, thumbnails
from image_to_3d.engine import ENGINE
from image_to_3d.inference.cutout import CutoutMethod
from image_to_3d.inference.errors import CutoutError, PhotoError
from image_to_3d.inference.sentence import Sentence
from image_to_3d.jobs import JobState
from image_to_3d.operators.orders import order_by_sidebar, task_for
from image_to_3d.operators.reconstruct import IMAGE_TO_3D_OT_reconstruct
from image_to_3d.operators.shelf import open_photos
from image_to_3d.scene.cutout_image import create_cutout_image
from image_to_3d.scene.shelf import RESULT_KEY, find_shelved, shelve, shelved_results
from image_to_3d.shelf import QUEUE, PhotoState
from image_to_3d.thumbnails import SIZE, THUMBNAILS, thumbnail
from mathutils import Vector
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    """Paths of three photos."""
    paths = []
    for name, colour in (("cup", (200, 30, 30)), ("lamp", (30, 160, 60)), ("chair", (40, 60, 200))):
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (60, 40), colour).save(path)
        paths.append(path)
    return paths


@pytest.fixture
def scene(extension):
    """The scene, with an empty queue before and after."""
    yield bpy.context.scene
    QUEUE.reset()
    ENGINE.failure = ENGINE.summary = None


@pytest.fixture
def shelved(scene, photos):
    """The three photos on the shelf, by name."""
    add(photos)
    return {item.image.name.partition(".")[0]: item for item in scene.image_to_3d.shelf}


def add(photos):
    return bpy.ops.image_to_3d.add_photos(
        "EXEC_DEFAULT", True, directory=str(photos[0].parent), files=[{"name": path.name} for path in photos]
    )


@pytest.fixture
def job(fake_job, reconstruction):
    """Makes a job that gives a result of that name."""
    return lambda name: fake_job([JobState.RUNNING, JobState.DONE], result=replace(reconstruction, name=name))


def failing(fake_job, message="'lamp.png' is damaged."):
    return fake_job([JobState.FAILED], error=PhotoError(message, "Export it again."))


def states(scene):
    results = shelved_results(scene)
    return {
        item.image.name.partition(".")[0]: QUEUE.state(item.identifier, results) for item in scene.image_to_3d.shelf
    }


def test_photos_lie_on_the_shelf_once_and_the_first_is_chosen(scene, photos):
    assert add(photos) == {"FINISHED"}
    assert [item.image.name for item in scene.image_to_3d.shelf] == ["cup.png", "lamp.png", "chair.png"]
    assert scene.image_to_3d.photo.name == "cup.png"
    add(photos[1:])
    assert len(scene.image_to_3d.shelf) == 3
    assert scene.image_to_3d.photo.name == "lamp.png"
    assert set(states(scene).values()) == {PhotoState.NEW}


def test_a_photo_chosen_in_the_sidebar_lies_on_the_shelf(scene, photos):
    scene.image_to_3d.photo = bpy.data.images.load(str(photos[2]))
    assert [item.image.name for item in scene.image_to_3d.shelf] == ["chair.png"]


def test_a_file_that_is_none_is_told_and_the_others_are_there(scene, photos):
    with pytest.raises(RuntimeError, match="missing"):
        add([*photos, photos[0].with_name("missing.png")])
    assert len(scene.image_to_3d.shelf) == 3


def test_all_are_reconstructed_one_after_another_and_one_failure_stops_nothing(host, job, fake_job, scene, shelved):
    host.jobs = [job("cup"), failing(fake_job), job("chair")]
    with pytest.raises(RuntimeError, match=r"lamp\.png: 'lamp\.png' is damaged\. Export it again\."):
        bpy.ops.image_to_3d.reconstruct_shelf()
    assert states(scene) == {"cup": PhotoState.DONE, "lamp": PhotoState.FAILED, "chair": PhotoState.DONE}
    results = shelved_results(scene)
    assert {results[shelved[name].identifier].name for name in ("cup", "chair")} == {"cup", "chair"}
    assert [item.image.name for item in open_photos(scene)] == ["lamp.png"]
    assert QUEUE.is_empty


def test_a_failure_is_forgotten_when_the_photo_is_tried_again(host, job, scene, shelved):
    QUEUE.begin(order_by_sidebar(scene, shelved["lamp"].image))
    QUEUE.fail(PhotoError("Too dark.", "Light it."))
    host.jobs = [job("cup"), job("lamp"), job("chair")]
    assert bpy.ops.image_to_3d.reconstruct_shelf() == {"FINISHED"}
    assert set(states(scene).values()) == {PhotoState.DONE}
    with pytest.raises(RuntimeError, match="All photos are reconstructed or waiting"):
        bpy.ops.image_to_3d.reconstruct_shelf()


def test_draft_first_makes_all_drafts_and_then_refines_those_that_were_kept(host, job, scene, shelved):
    scene.image_to_3d.draft_first = True
    asked = []
    for item in shelved.values():
        QUEUE.put([order_by_sidebar(scene, item.image, draft_first=True)])
    assert QUEUE.length == 6
    host.jobs = [job(name) for name in ("cup", "lamp", "chair")] + [job("again")] * 2
    for number in range(5):
        order = QUEUE.take()
        asked.append((order.photo, order.is_refinement, order.settings.surface.resolution))
        ENGINE.run(task_for(order), bpy.context)
        QUEUE.succeed()
        if number == 2:
            bpy.data.objects.remove(bpy.data.objects["lamp"])
    identifiers = [item.identifier for item in shelved.values()]
    assert asked == [(name, False, 96) for name in identifiers] + [
        (name, True, 160) for name in (identifiers[0], identifiers[2])
    ]
    assert QUEUE.take() is None
    name, _code, settings = host.asked[3]
    assert (name, settings.surface.resolution, settings.bake.texture_size) == ("cup", 160, 2048)


def test_the_order_keeps_the_settings_of_its_moment_and_the_cutout_of_its_photo(host, scene, shelved):
    scene.image_to_3d.quality = "DRAFT"
    scene.image_to_3d.size = 0.3
    QUEUE.put([order_by_sidebar(scene, shelved["cup"].image)])
    scene.image_to_3d.quality = "HIGH"
    scene.image_to_3d.size = 2.0
    shelved["cup"].image.image_to_3d.cutout = "ALPHA"
    task = task_for(QUEUE.take())
    assert (task.settings.surface.resolution, task.size) == (96, pytest.approx(0.3))
    assert task.settings.cutout.method is CutoutMethod.ALPHA


class TestQueue:
    @pytest.fixture
    def queued(self, scene, shelved):
        QUEUE.put(order_by_sidebar(scene, item.image) for item in shelved.values())
        return [item.identifier for item in shelved.values()]

    def test_one_photo_is_cancelled_and_the_others_go_on(self, queued):
        QUEUE.take()
        QUEUE.cancel_photo(queued[0])
        QUEUE.cancelled()
        QUEUE.cancel_photo(queued[1])
        assert [order.photo for order in QUEUE.waiting] == [queued[2]]

    def test_escape_cancels_all(self, queued):
        QUEUE.take()
        QUEUE.cancelled()
        assert QUEUE.is_empty
        assert QUEUE.length == 0

    def test_the_cancel_button_cancels_all(self, host, fake_job, queued):
        host.jobs = [fake_job([JobState.RUNNING] * 3)]
        order = QUEUE.take()
        ENGINE.begin(task_for(order), engine_settings())
        assert bpy.ops.image_to_3d.cancel() == {"FINISHED"}
        assert not QUEUE.waiting
        assert ENGINE.job.poll() is JobState.CANCELLED

    def test_a_photo_queued_again_waits_once(self, scene, shelved, queued):
        QUEUE.put([order_by_sidebar(scene, shelved["cup"].image)])
        assert [order.photo for order in QUEUE.waiting] == [queued[1], queued[2], queued[0]]

    def test_the_end_of_the_queue_names_all_that_it_made(self, queued):
        told = []
        for ending in (QUEUE.succeed, lambda: QUEUE.fail(PhotoError("Too dark.", "Light it.")), QUEUE.succeed):
            QUEUE.take()
            told.append(ending())
        assert told == [(), None, (queued[0], queued[2])]

    def test_photos_taken_off_the_shelf_are_passed_over(self, scene, queued):
        bpy.ops.image_to_3d.remove_from_shelf(photo=queued[0])
        shelf_of = scene.image_to_3d.shelf
        bpy.data.images.remove(shelf_of[0].image)
        assert QUEUE.take().photo == queued[2]

    def test_an_operator_that_ends_without_a_word_is_a_failure(self, queued, monkeypatch):
        monkeypatch.setattr(shelf, "_invoke", lambda: None)
        assert QUEUE.tick() == shelf.TICK_SECONDS
        assert QUEUE.working.photo == queued[0]
        QUEUE.tick()
        assert "interrupted" in QUEUE.failures[queued[0]].message
        assert QUEUE.working.photo == queued[1]

    def test_undo_takes_back_a_result_and_leaves_the_queue_alone(self, host, job, scene, shelved, queued):
        host.jobs = [job("cup")]
        bpy.ops.ed.undo_push(message="photos")
        bpy.ops.image_to_3d.reconstruct_next("EXEC_DEFAULT", True)
        assert states(scene)["cup"] is PhotoState.DONE
        bpy.ops.ed.undo()
        scene = bpy.context.scene
        assert states(scene) == {"cup": PhotoState.NEW, "lamp": PhotoState.WAITING, "chair": PhotoState.WAITING}
        assert QUEUE.take().photo == queued[1]

    def test_the_result_goes_into_the_shelfs_scene_whatever_is_shown(self, host, job, scene, queued):
        host.jobs = [job("cup")]
        other = bpy.data.scenes.new("Other")
        bpy.context.window.scene = other
        bpy.ops.image_to_3d.reconstruct_next()
        assert queued[0] in shelved_results(scene)
        assert not list(other.objects)

    def test_loading_a_file_empties_it(self, queued):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert QUEUE.is_empty


def engine_settings():
    from image_to_3d.preferences import UserSettings

    return UserSettings()


def test_shelf_results_and_failures_are_saved_with_the_file(host, job, fake_job, scene, shelved, tmp_path):
    host.jobs = [job("cup"), failing(fake_job), job("chair")]
    with pytest.raises(RuntimeError):
        bpy.ops.image_to_3d.reconstruct_shelf()
    failure = PhotoError(Sentence("'{name}' is empty (0 bytes).", name="lamp.png"), "Export or copy the photo again.")
    QUEUE.failures[shelved["lamp"].identifier] = failure
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shelf.blend"))
    assert states(bpy.context.scene)["lamp"] is PhotoState.FAILED
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shelf.blend"))
    scene = bpy.context.scene
    assert states(scene) == {"cup": PhotoState.DONE, "lamp": PhotoState.FAILED, "chair": PhotoState.DONE}
    (read,) = QUEUE.failures.values()
    assert (read.message, read.message.template) == (str(failure.message), failure.message.template)
    assert read.hint == failure.hint


def test_a_renamed_result_is_found_and_a_copy_or_a_deleted_one_is_not(host, job, scene, shelved):
    host.jobs = [job("cup")]
    scene.image_to_3d.photo = shelved["cup"].image
    bpy.ops.image_to_3d.reconstruct_photo()
    made = shelved_results(scene)[shelved["cup"].identifier]
    made.name = "mug"
    copy = made.copy()
    scene.collection.objects.link(copy)
    assert shelved_results(scene)[shelved["cup"].identifier] == made
    bpy.data.batch_remove([made, copy])
    assert states(scene)["cup"] is PhotoState.NEW


class TestClick:
    def test_the_first_click_chooses_photo_and_result(self, host, job, scene, shelved):
        host.jobs = [job(name) for name in ("cup", "lamp", "chair")]
        bpy.ops.image_to_3d.reconstruct_shelf()
        bpy.ops.image_to_3d.choose_photo(photo=shelved["lamp"].identifier)
        assert scene.image_to_3d.photo.name == "lamp.png"
        assert bpy.context.object.name == "lamp"
        assert bpy.context.selected_objects == [bpy.data.objects["lamp"]]
        assert QUEUE.is_empty

    def test_the_second_click_queues_the_photo_once_more_and_keeps_its_result(self, host, job, scene, shelved):
        host.jobs = [job(name) for name in ("cup", "lamp", "chair", "cup")]
        bpy.ops.image_to_3d.reconstruct_shelf()
        identifier = shelved["cup"].identifier
        bpy.ops.image_to_3d.choose_photo(photo=identifier)
        bpy.ops.image_to_3d.choose_photo(photo=identifier)
        assert states(scene)["cup"] is PhotoState.WAITING
        before = shelved_results(scene)[identifier]
        bpy.ops.image_to_3d.reconstruct_next()
        after = shelved_results(scene)[identifier]
        assert after != before
        assert before.name in scene.objects
        assert RESULT_KEY not in before

    def test_a_tooltip_tells_name_state_and_cause(self, scene, shelved):
        QUEUE.begin(order_by_sidebar(scene, shelved["lamp"].image))
        QUEUE.fail(PhotoError("Too dark.", "Light it."))
        describe = bpy.types.IMAGE_TO_3D_OT_choose_photo.description
        lines = describe(bpy.context, SimpleNamespace(photo=shelved["lamp"].identifier)).splitlines()
        assert lines == ["lamp.png", "Too dark. Light it.", "Click to choose the photo, again to try once more"]


class TestOwnCutout:
    def test_an_edited_cutout_stays_with_its_photo_and_the_next_photo_works(self, host, job, scene, shelved):
        settings = scene.image_to_3d
        settings.photo = shelved["cup"].image
        create_cutout_image(settings.photo, np.full((40, 60, 4), 255, np.uint8))
        settings.cutout = "EDITED"
        host.jobs = [job(name) for name in ("cup", "lamp", "chair")]
        assert bpy.ops.image_to_3d.reconstruct_shelf() == {"FINISHED"}
        assert [asked[1].cutout.method for asked in host.asked] == [
            CutoutMethod.MASK,
            CutoutMethod.AUTOMATIC,
            CutoutMethod.AUTOMATIC,
        ]
        settings.photo = shelved["lamp"].image
        assert settings.cutout == "AUTOMATIC"
        settings.photo = shelved["cup"].image
        assert settings.cutout == "EDITED"

    def test_a_mask_fits_one_photo_only(self, scene, shelved):
        settings = scene.image_to_3d
        settings.photo = shelved["cup"].image
        settings.cutout, settings.mask_path = "MASK", "/masks/cup.png"
        settings.photo = shelved["lamp"].image
        assert (settings.cutout, settings.mask_path) == ("AUTOMATIC", "")

    def test_other_choices_are_usual_from_then_on_but_change_no_photo_with_its_own(self, scene, shelved):
        settings = scene.image_to_3d
        settings.photo = shelved["cup"].image
        settings.cutout = "NONE"
        settings.photo = shelved["lamp"].image
        assert settings.cutout == "NONE"
        settings.cutout = "NETWORK"
        settings.photo = shelved["cup"].image
        assert settings.cutout == "NONE"

    def test_a_mask_chosen_before_any_photo_is_the_first_ones(self, scene, photos):
        settings = scene.image_to_3d
        settings.cutout, settings.mask_path = "MASK", "/masks/cup.png"
        first, second = (bpy.data.images.load(str(path)) for path in photos[:2])
        settings.photo = first
        assert (settings.cutout, settings.mask_path) == ("MASK", "/masks/cup.png")
        settings.photo = second
        assert (settings.cutout, settings.mask_path) == ("AUTOMATIC", "")

    def test_a_deleted_edited_cutout_is_told_in_one_sentence(self, scene, shelved):
        shelved["cup"].image.image_to_3d.cutout = "EDITED"
        with pytest.raises(CutoutError, match="no edited cut-out"):
            task_for(order_by_sidebar(scene, shelved["cup"].image))


class TestDrop:
    """What a drop, or the file browser, does in a window."""

    @pytest.fixture(autouse=True)
    def window(self, monkeypatch):
        """Blender without a window executes what it is asked to invoke: here that leads to what a window does."""
        monkeypatch.setattr("image_to_3d.operators.reconstruct.runs_in_window", lambda _context: True)
        monkeypatch.setattr(
            IMAGE_TO_3D_OT_reconstruct, "_run_all", lambda self, context, _paths: self.invoke(context, None)
        )

    def drop(self, photos, **arguments):
        files = [{"name": path.name} for path in photos]
        return bpy.ops.image_to_3d.reconstruct(directory=str(photos[0].parent), files=files, **arguments)

    def test_all_photos_wait_and_the_first_becomes_the_current_one(self, scene, photos):
        scene.image_to_3d.quality, scene.image_to_3d.size = "DRAFT", 0.5
        assert self.drop(photos) == {"FINISHED"}
        assert set(states(scene).values()) == {PhotoState.WAITING}
        assert scene.image_to_3d.photo.name == "cup.png"
        assert {(order.settings.surface.resolution, order.size) for order in QUEUE.waiting} == {(96, 0.5)}
        assert all(order.place.keeps_clear for order in QUEUE.waiting)
        assert bpy.app.timers.is_registered(shelf._tick)

    def test_what_the_caller_set_goes_before_the_sidebar(self, scene, photos):
        self.drop(photos[:2], resolution=64, location=(1, 2, 0), cutout="NONE")
        order = QUEUE.waiting[0]
        assert order.settings.surface.resolution == 64
        assert order.place.point == (1, 2, 0)
        assert task_for(QUEUE.take()).settings.cutout.method is CutoutMethod.NONE

    def test_drafts_come_first_where_the_sidebar_says_so(self, scene, photos):
        scene.image_to_3d.draft_first = True
        self.drop(photos)
        assert [order.refined is not None for order in QUEUE.waiting] == [True] * 3

    def test_a_dropped_photo_keeps_its_own_cutout(self, scene, shelved, photos):
        shelved["cup"].image.image_to_3d.cutout = "ALPHA"
        self.drop(photos[:2])
        methods = [task_for(QUEUE.take()).settings.cutout.method for _ in range(2)]
        assert methods == [CutoutMethod.ALPHA, CutoutMethod.AUTOMATIC]

    def test_the_results_stand_side_by_side(self, host, job, scene, photos):
        self.drop(photos)
        host.jobs = [job(path.stem) for path in photos]
        for _ in photos:
            bpy.ops.image_to_3d.reconstruct_next()
        spans = sorted(
            (min(corner), max(corner))
            for corner in (
                [(item.matrix_world @ Vector(point)).x for point in item.bound_box]
                for item in scene.objects
                if item.type == "MESH"
            )
        )
        assert len(spans) == 3
        assert all(first[1] < second[0] for first, second in pairwise(spans))


class TestFiles:
    def test_scripts_reconstruct_several_files_in_one_call(self, host, job, scene, photos):
        host.jobs = [job(path.stem) for path in photos]
        files = [{"name": path.name} for path in photos]
        assert bpy.ops.image_to_3d.reconstruct(directory=str(photos[0].parent), files=files, size=0.2) == {"FINISHED"}
        assert [asked[0] for asked in host.asked] == photos
        assert {"cup", "lamp", "chair"} <= {item.name for item in scene.objects}
        assert not scene.image_to_3d.shelf, "scripts leave the sidebar alone"

    def test_scripts_learn_which_file_failed_and_get_the_others(self, host, job, fake_job, scene, photos):
        host.jobs = [job("cup"), failing(fake_job), job("chair")]
        files = [{"name": path.name} for path in photos]
        with pytest.raises(RuntimeError, match=r"lamp\.png: 'lamp\.png' is damaged"):
            bpy.ops.image_to_3d.reconstruct(directory=str(photos[0].parent), files=files)
        assert {"cup", "chair"} <= {item.name for item in scene.objects}

    def test_the_api_returns_a_summary_or_the_failure_of_each(self, host, job, fake_job, scene, photos):
        host.jobs = [job("cup"), failing(fake_job), job("chair")]
        first, second, third = api.reconstruct_all(photos, api.settings("DRAFT"), size=0.2)
        assert (first.object, third.object) == ("cup", "chair")
        assert isinstance(second, api.ReconstructionError)


class TestThumbnails:
    def test_it_shows_the_whole_photo_upright(self, extension, tmp_path):
        photo = Image.new("RGB", (80, 40), (255, 255, 255))
        photo.paste((255, 0, 0), (0, 0, 40, 40))
        exif = Image.Exif()
        exif[0x0112] = 6  # the camera was turned: stored left is seen at the top
        photo.save(tmp_path / "turned.png", exif=exif)
        pixels = thumbnail(bpy.data.images.load(str(tmp_path / "turned.png")))
        assert pixels.shape == (SIZE, SIZE, 4)
        shown = np.argwhere(pixels[..., 3] > 0)
        (bottom, left), (top, right) = shown.min(axis=0), shown.max(axis=0)
        assert (top - bottom) > 1.8 * (right - left), "80 x 40 on its side"
        middle = (left + right) // 2
        np.testing.assert_allclose(pixels[top - 4, middle, :3], (1, 0, 0), atol=0.05)
        np.testing.assert_allclose(pixels[bottom + 4, middle, :3], (1, 1, 1), atol=0.05)

    def test_packed_and_generated_images_have_one(self, extension, photos):
        image = bpy.data.images.load(str(photos[0]))
        image.pack()
        photos[0].unlink()
        np.testing.assert_allclose(
            thumbnail(image)[SIZE // 2, SIZE // 2], (200 / 255, 30 / 255, 30 / 255, 1), atol=0.02
        )
        made = bpy.data.images.new("made", 256, 256)
        made.generated_color = (0, 1, 0, 1)
        np.testing.assert_allclose(thumbnail(made)[SIZE // 2, SIZE // 2], (0, 1, 0, 1), atol=0.02)

    def test_each_is_read_once_and_what_cannot_be_read_is_no_error(self, extension, photos, monkeypatch):
        images = [bpy.data.images.load(str(path)) for path in photos]
        photos[1].write_bytes(b"no photo")
        read = []
        monkeypatch.setattr(thumbnails, "thumbnail", lambda image: read.append(image.name) or thumbnail(image))
        for _ in range(2):
            for image in images:
                THUMBNAILS.icon(image)
            while THUMBNAILS.read_some():
                pass
        assert read == ["cup.png", "lamp.png", "chair.png"]


def test_an_undone_choice_leaves_the_shelf(scene, photos):
    bpy.ops.ed.undo_push(message="before")
    add(photos)
    bpy.ops.ed.undo()
    assert not bpy.context.scene.image_to_3d.shelf


def test_images_that_were_deleted_give_up_their_place(scene, shelved, photos, tmp_path):
    bpy.data.images.remove(shelved["lamp"].image)
    Image.new("RGB", (40, 40)).save(tmp_path / "more.png")
    more = shelve(scene, bpy.data.images.load(str(tmp_path / "more.png")))
    assert [item.image.name for item in scene.image_to_3d.shelf] == ["cup.png", "chair.png", "more.png"]
    assert find_shelved(scene, more.identifier).image.name == "more.png"
