# SPDX-License-Identifier: GPL-3.0-or-later
"""Installed checkpoints: recorded, found again, checked, and removed without touching what is not ours."""

import json
import shutil
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference import store as store_module
from image_to_3d.inference.errors import Cancelled, ModelError, OutputError
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.runtime import Runtime, RuntimeSettings
from image_to_3d.inference.store import HashOrigin, Store

sys.path.insert(0, str(Path(__file__).parent.parent))

from model_cards import CONTENT, DIGEST, checkpoint, teapot_card, teapot_graph

CARD = teapot_card()


class CancellingMonitor(Monitor):
    """Cancels as soon as some of a stage is done."""

    def __init__(self, at=""):
        super().__init__()
        self.at, self.is_told = at, False

    def on_progress(self, stage, fraction):
        self.is_told |= stage.value == self.at and fraction > 0

    def is_cancelled(self):
        return self.is_told


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "models")


@pytest.fixture
def file(tmp_path):
    """The published checkpoint, somewhere on a studio's server."""
    path = tmp_path / "server" / "teapot model.ckpt"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(store_module, "BLOCK_BYTES", 100_000)


def test_nothing_is_installed_at_first_and_the_message_says_what_to_do(store):
    assert store.installed("teapot") is None
    with pytest.raises(ModelError) as told:
        store.require(CARD)
    assert told.value.message == "Teapot is not installed."
    assert "Install it" in told.value.hint
    assert not store.folder.exists(), "looking makes no folders"


def test_without_a_models_folder_nothing_is_installed_and_nothing_can_be(file):
    store = Store(None)
    assert store.installed("teapot") is None
    assert store.remove(CARD) == 0
    with pytest.raises(OutputError, match="no folder for models"):
        store.adopt(CARD, file, True, Monitor())


@pytest.mark.parametrize("copy", [True, False])
def test_a_file_of_the_users_is_copied_or_left_where_it_is(store, file, copy):
    made = store.adopt(CARD, file, copy, Monitor())
    assert (made.sha256, made.bytes, made.is_external) == (DIGEST, len(CONTENT), not copy)
    assert made.hash_origin is HashOrigin.CARD
    path = store.require(CARD)
    assert path.read_bytes() == CONTENT
    assert path == (store.folder / "teapot" / "model.ckpt" if copy else file)
    assert Store(store.folder).installed("teapot") == made, "another process finds the same"
    assert store.remove(CARD) == (len(CONTENT) if copy else 0)
    assert store.installed("teapot") is None
    assert not (store.folder / "teapot").exists()
    assert file.read_bytes() == CONTENT, "the user's own file stays"


def test_the_models_folder_can_be_moved(store, file, tmp_path):
    store.adopt(CARD, file, True, Monitor())
    shutil.move(store.folder, tmp_path / "elsewhere")
    assert Store(tmp_path / "elsewhere").require(CARD) == tmp_path / "elsewhere" / "teapot" / "model.ckpt"


@pytest.fixture
def strict_card(tmp_path):
    """The card with a graph that says which tensors it needs."""
    return replace(CARD, graphs=(teapot_graph(tmp_path),))


@pytest.mark.parametrize("sha256", [DIGEST, None])
def test_a_file_of_ones_own_making_is_taken_if_its_tensors_fit(store, strict_card, tmp_path, sha256):
    other = tmp_path / "tuned.safetensors"
    other.write_bytes(checkpoint(spout=np.ones((3, 250_000), np.float32)))
    monitor = Monitor()
    card = replace(strict_card, checkpoint=replace(CARD.checkpoint, sha256=sha256))
    made = store.adopt(card, other, True, monitor)
    assert made.hash_origin is HashOrigin.FILE
    assert store.require(card).read_bytes() == other.read_bytes()
    warned = ["It is not the file that Teapot's authors publish, but it has the same tensors."]
    assert monitor.warnings == (warned if sha256 else [])
    assert store.verify(card, Monitor()) == made


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (checkpoint(handle=np.ones((3, 4), np.float32)), "spout"),
        (checkpoint(spout=np.ones((3, 4), np.float32)), "spout"),
        (b"a photo, perhaps", "neither a safetensors file nor a torch checkpoint"),
        (CONTENT[:-1000], "cannot be used"),
    ],
    ids=["other tensors", "other shape", "no checkpoint", "cut off"],
)
def test_a_file_that_does_not_fit_is_refused_and_what_was_installed_stays(
    store, strict_card, file, tmp_path, content, reason
):
    store.adopt(strict_card, file, True, Monitor())
    other = tmp_path / "other.ckpt"
    other.write_bytes(content)
    with pytest.raises(ModelError) as told:
        store.adopt(strict_card, other, True, Monitor())
    assert reason in told.value.message
    assert store.require(strict_card).read_bytes() == CONTENT


@pytest.mark.parametrize("stage", ["Verifying", "Copying"])
def test_cancelling_leaves_what_was_there(store, file, small_blocks, stage):
    monitor = CancellingMonitor(stage)
    with pytest.raises(Cancelled):
        store.adopt(CARD, file, True, monitor)
    assert monitor.is_told
    assert store.installed("teapot") is None
    assert list(store.folder.rglob("*.*")) == []


def test_a_copy_that_would_not_fit_is_refused_before_it_starts(store, file, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 10**8))
    with pytest.raises(OutputError, match=r"needs 0\.2 GB of disk space, and 0\.1 GB are free"):
        store.adopt(CARD, file, True, Monitor())
    assert list(store.folder.rglob("*.*")) == []
    assert store.adopt(CARD, file, False, Monitor()).path == file, "a link needs no space"


def test_verify_reads_all_of_it(store, file, small_blocks):
    store.adopt(CARD, file, True, Monitor())
    assert store.verify(CARD, Monitor()).sha256 == DIGEST
    path = store.require(CARD)
    damaged = bytearray(CONTENT)
    damaged[1_234_567] ^= 1
    path.write_bytes(damaged)
    assert store.require(CARD) == path, "one bit does not show in its size"
    with pytest.raises(ModelError, match="damaged or changed"):
        store.verify(CARD, Monitor())
    with pytest.raises(Cancelled):
        store.verify(CARD, CancellingMonitor("Verifying"))


@pytest.mark.parametrize("harm", ["gone", "shorter"])
def test_a_file_that_went_missing_is_named(store, file, harm):
    made = store.adopt(CARD, file, False, Monitor())
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(CONTENT[:-5])
    assert not made.is_intact
    for use in (store.require, lambda card: store.verify(card, Monitor())):
        with pytest.raises(ModelError, match=r"missing or was changed: '.*teapot model\.ckpt'"):
            use(CARD)


def test_an_unreadable_file_is_named(store, tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.ckpt' cannot be read"):
        store.adopt(CARD, tmp_path / "nowhere.ckpt", True, Monitor())


@pytest.mark.parametrize("content", ["", "{", "[]", '{"path": 3}', "\x00" * 100])
def test_a_damaged_record_counts_as_not_installed(store, file, content):
    store.adopt(CARD, file, True, Monitor())
    (store.folder / "teapot" / "installed.json").write_text(content)
    assert store.installed("teapot") is None
    assert store.adopt(CARD, file, True, Monitor()) == store.installed("teapot")


def test_a_record_cannot_point_out_of_its_folder_unless_it_says_so(store, file):
    store.adopt(CARD, file, True, Monitor())
    record = store.folder / "teapot" / "installed.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"path": "../../server/teapot model.ckpt"}))
    assert store.installed("teapot").path.parent == store.folder / "teapot"


def test_a_new_file_replaces_the_old_one_and_its_leftovers(store, file):
    store.adopt(CARD, file, True, Monitor())
    (store.folder / "teapot" / "0123.part").write_bytes(b"half")
    renamed = replace(CARD, checkpoint=replace(CARD.checkpoint, filename="weights/other.safetensors"))
    store.adopt(renamed, file, True, Monitor())
    names = sorted(path.name for path in (store.folder / "teapot").iterdir())
    assert names == ["installed.json", "other.safetensors"]


@pytest.mark.parametrize("copy", [True, False])
def test_adopting_the_installed_file_itself_keeps_it(store, file, copy):
    path = store.adopt(CARD, file, True, Monitor()).path
    again = store.adopt(CARD, path, copy, Monitor())
    assert (again.path, again.is_external) == (path, False)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("copy", [True, False])
def test_a_file_that_is_there_under_another_spelling_of_the_path_is_kept(store, file, copy, tmp_path):
    path = store.adopt(CARD, file, True, Monitor()).path
    link = tmp_path / "link"
    try:
        link.symlink_to(store.folder)
    except OSError as error:
        pytest.skip(f"this system makes no links here: {error}")
    for other in (link / "teapot" / path.name, path):
        again = Store(link).adopt(CARD, other, copy, Monitor())
        assert not again.is_external
        assert path.read_bytes() == CONTENT
    assert store.installed("teapot").path == path


def test_a_folder_of_the_users_among_the_files_stays(store, file):
    own = store.folder / "teapot" / "mine"
    own.mkdir(parents=True)
    store.adopt(CARD, file, True, Monitor())
    assert own.is_dir()


def test_bundled_systems_have_nothing_to_install(store, file):
    bundled = replace(CARD, checkpoint=None)
    with pytest.raises(ModelError, match="bundled with the extension"):
        store.adopt(bundled, file, True, Monitor())


@pytest.mark.skipif(sys.platform == "win32", reason="folders as files are POSIX's way to fail even for root")
def test_a_folder_that_cannot_be_made_is_named(file, tmp_path):
    (tmp_path / "models").write_text("a file is in the way")
    with pytest.raises(OutputError, match="models/teapot' cannot be written"):
        Store(tmp_path / "models").adopt(CARD, file, True, Monitor())


def test_the_runtime_knows_the_store(tmp_path):
    assert Runtime(RuntimeSettings(device="cpu", models_folder=tmp_path)).store.folder == tmp_path
    assert Runtime(RuntimeSettings(device="cpu")).store.installed("teapot") is None
