# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing from the hub: the real client against a server on this machine, and everything that can go wrong."""

import hashlib
import importlib
import shutil
import socket
import sys
from collections import namedtuple
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

huggingface_hub = pytest.importorskip("huggingface_hub", reason="the package huggingface_hub is not installed")
for name in ("constants", "file_download"):
    importlib.import_module(f"huggingface_hub.{name}")

from image_to_3d.inference import protocol  # noqa: E402
from image_to_3d.inference.errors import Cancelled, DownloadError, ModelError, OutputError  # noqa: E402
from image_to_3d.inference.hub import Connection, install  # noqa: E402
from image_to_3d.inference.monitor import Monitor  # noqa: E402
from image_to_3d.inference.store import HashOrigin, Store  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent.parent))

from hub_server import COMMIT, LocalHub  # noqa: E402
from model_cards import CONTENT, DIGEST, checkpoint, teapot_card, teapot_graph  # noqa: E402

CARD = teapot_card()
TOKEN = "hf_averysecretwordofthetest"


class RecordingMonitor(Monitor):
    """Writes down what it hears, and cancels when a stage is a certain share done."""

    def __init__(self, cancel_at=2.0):
        super().__init__()
        self.heard, self.cancel_at = [], cancel_at

    def on_progress(self, stage, fraction):
        self.heard.append((stage.value, fraction))

    def is_cancelled(self):
        return any(stage == "Downloading" and fraction >= self.cancel_at for stage, fraction in self.heard)


@pytest.fixture
def hub():
    with LocalHub(CONTENT) as server:
        yield server


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "models")


@pytest.fixture(autouse=True)
def clean_client(monkeypatch, tmp_path):
    """No tokens of this machine's user, no waiting between the client's own attempts, no connection kept for others."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.file_download.time, "sleep", lambda seconds: None)
    huggingface_hub.utils.close_session()
    yield
    huggingface_hub.utils.close_session()


def connect(hub, token=""):
    return Connection(is_allowed=True, endpoint=hub.endpoint, token=token)


def parts(store):
    return [path for path in store.folder.rglob("*") if path.suffix == ".part"]


def test_the_whole_file_arrives_checked_and_recorded(hub, store):
    monitor = RecordingMonitor()
    made = install(CARD, store, connect(hub), monitor)
    assert store.require(CARD).read_bytes() == CONTENT
    assert made == store.installed("teapot")
    assert (made.revision, made.sha256, made.hash_origin) == (COMMIT, DIGEST, HashOrigin.CARD)
    assert made.source == "artists/teapot/model.ckpt"
    assert sorted(path.name for path in made.path.parent.iterdir()) in (
        ["installed.json", "lock", "model.ckpt"],
        ["installed.json", "model.ckpt"],
    )
    stages = list(dict.fromkeys(stage for stage, _ in monitor.heard))
    assert stages == ["Connecting", "Downloading", "Verifying"]
    fractions = [fraction for stage, fraction in monitor.heard if stage == "Downloading"]
    assert fractions == sorted(fractions)
    assert any(0.2 < fraction < 0.8 for fraction in fractions)


def test_an_installed_file_is_not_fetched_again(hub, store):
    install(CARD, store, connect(hub), Monitor())
    count = len(hub.requests)
    assert install(CARD, store, connect(hub), Monitor()) == store.installed("teapot")
    assert len(hub.requests) == count


def test_where_the_hash_was_not_known_it_is_the_hubs_and_says_so(hub, store):
    made = install(teapot_card(sha256=None), store, connect(hub), Monitor())
    assert (made.sha256, made.hash_origin) == (DIGEST, HashOrigin.HUB)


def test_a_branch_becomes_the_commit_it_stood_at(hub, store):
    made = install(teapot_card(revision="main"), store, connect(hub), Monitor())
    assert made.revision == COMMIT
    asked = [path for server, method, path, _ in hub.requests if (server, method) == ("hub", "GET")]
    assert asked == [f"/artists/teapot/resolve/{COMMIT}/model.ckpt"]


def test_cut_off_once_the_client_goes_on_by_itself(hub, store):
    hub.cuts = [1_500_000]
    assert install(CARD, store, connect(hub), Monitor()).sha256 == DIGEST
    ranges = [headers.get("range") for headers in hub.asked("storage")]
    assert ranges[0] is None
    assert 1_000_000 <= int(ranges[1].removeprefix("bytes=").removesuffix("-")) <= 1_500_000


def test_cut_off_for_good_it_goes_on_at_the_next_attempt(hub, store):
    hub.cuts = [1_500_000]
    old_storage = hub.storage_status
    with pytest.raises(DownloadError, match="cannot send Teapot now") as told:
        # The connection breaks, and what comes then is an error.
        install(CARD, store, connect(hub), CutHook(hub))
    assert "Try again later" in told.value.hint
    (part,) = parts(store)
    kept = part.stat().st_size
    assert 1_000_000 <= kept <= 1_500_000
    assert part.read_bytes() == CONTENT[:kept]
    assert store.installed("teapot") is None
    hub.storage_status = old_storage
    hub.requests.clear()
    assert install(CARD, store, connect(hub), Monitor()).path.read_bytes() == CONTENT
    assert [headers["range"] for headers in hub.asked("storage")] == [f"bytes={kept}-"]
    assert parts(store) == []


class CutHook(Monitor):
    """Makes the storage server fail after the first bytes have come."""

    def __init__(self, hub):
        super().__init__()
        self.hub = hub

    def on_progress(self, stage, fraction):
        if stage.value == "Downloading" and fraction > 0:
            self.hub.storage_status = 500


def test_a_server_that_cannot_go_on_starts_anew(hub, store):
    folder = store.folder_for(CARD)
    (folder / f"{DIGEST[:16]}.part").write_bytes(CONTENT[:1_200_000])
    hub.ignores_ranges = True
    assert install(CARD, store, connect(hub), Monitor()).path.read_bytes() == CONTENT


@pytest.mark.parametrize("kept", [CONTENT + b"more", b"?" * len(CONTENT)], ids=["too long", "wrong"])
def test_a_damaged_leftover_never_becomes_the_file(hub, store, kept):
    folder = store.folder_for(CARD)
    (folder / f"{DIGEST[:16]}.part").write_bytes(kept)
    with suppress(DownloadError):
        install(CARD, store, connect(hub), Monitor())
    assert install(CARD, store, connect(hub), Monitor()).path.read_bytes() == CONTENT


def test_changed_bytes_are_noticed_and_deleted(hub, store):
    hub.content = CONTENT[:-1] + b"?"
    with pytest.raises(DownloadError, match="its SHA-256 differs"):
        install(CARD, store, connect(hub), Monitor())
    assert store.installed("teapot") is None
    assert parts(store) == []
    assert not (store.folder / "teapot" / "model.ckpt").exists()


def test_a_published_file_that_does_not_fit_is_not_installed(hub, store, tmp_path):
    hub.content = checkpoint(handle=np.ones((3, 250_000), np.float32))
    hub.offered, hub.size = hashlib.sha256(hub.content).hexdigest(), len(hub.content)
    card = replace(teapot_card(sha256=None), graphs=(teapot_graph(tmp_path),))
    with pytest.raises(ModelError, match="spout"):
        install(card, store, connect(hub), Monitor())
    assert store.installed("teapot") is None


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"offered": "0" * 64}, "its SHA-256 differs"),
        ({"commit": "f" * 40}, "commit ffffffff instead of 01234567"),
        ({"size": 9_000_000}, "9.0 MB instead of 3.0 MB"),
    ],
)
def test_another_file_than_agreed_to_is_refused_before_it_is_fetched(hub, store, change, difference):
    for name, value in change.items():
        setattr(hub, name, value)
    with pytest.raises(DownloadError) as told:
        install(CARD, store, connect(hub), Monitor())
    assert difference in told.value.message
    assert hub.asked("storage") == []


def test_a_file_whose_hash_nobody_knows_is_refused(hub, store):
    hub.offered = None
    with pytest.raises(DownloadError, match="without its SHA-256"):
        install(teapot_card(sha256=None), store, connect(hub), Monitor())
    assert install(CARD, store, connect(hub), Monitor()).hash_origin is HashOrigin.CARD, "the card's own suffices"


@pytest.mark.parametrize(
    ("status", "code", "retry_after", "message", "hint"),
    [
        (401, "", None, "refused the download of Teapot (401)", "Check the access token"),
        (403, "", None, "refused the download of Teapot (403)", "Check the access token"),
        (404, "EntryNotFound", None, "no longer has 'model.ckpt' of artists/teapot", "use a file you have"),
        (404, "RevisionNotFound", None, "no longer has 'model.ckpt' of artists/teapot", "Update the extension"),
        (404, "RepoNotFound", None, "no longer has 'model.ckpt' of artists/teapot", "Update the extension"),
        (429, "", "77", "too many requests", "Wait 77 seconds"),
        (429, "", None, "too many requests", "Wait some minutes"),
        (503, "", None, "cannot send Teapot now (it answered 503)", "Try again later"),
    ],
)
def test_refusals_are_explained(hub, store, status, code, retry_after, message, hint):
    hub.status, hub.code, hub.retry_after = status, code, retry_after
    with pytest.raises(DownloadError) as told:
        install(CARD, store, connect(hub), Monitor())
    assert message in told.value.message
    assert hint in told.value.hint
    assert store.installed("teapot") is None


def test_a_gated_repository_says_where_to_agree(hub, store):
    hub.token = TOKEN
    with pytest.raises(DownloadError) as told:
        install(teapot_card(is_gated=True), store, connect(hub), Monitor())
    assert "who agreed to their terms" in told.value.message
    assert "https://huggingface.co/artists/teapot" in told.value.hint


def test_the_token_goes_to_the_hub_alone_and_shows_nowhere(hub, store, capfd, caplog):
    hub.token = TOKEN
    caplog.set_level("DEBUG")
    connection = connect(hub, TOKEN)
    made = install(teapot_card(is_gated=True), store, connection, Monitor())
    assert made.sha256 == DIGEST
    assert {headers["authorization"] for headers in hub.asked("hub", "HEAD") + hub.asked("hub")} == {f"Bearer {TOKEN}"}
    assert hub.asked("storage")
    assert all("authorization" not in headers for headers in hub.asked("storage")), "the other origin"
    assert TOKEN not in repr(connection)
    hub.status = 500
    store.remove(CARD)
    with pytest.raises(DownloadError) as told:
        install(teapot_card(is_gated=True), store, connection, Monitor())
    chain = [told.value, told.value.__cause__]
    captured = capfd.readouterr()
    everything = [*map(str, chain), *map(repr, chain), caplog.text, captured.out, captured.err]
    assert not any(TOKEN in text for text in everything)
    for path in store.folder.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes()


def test_this_users_other_token_is_only_for_gated_repositories(hub, store, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    install(CARD, store, connect(hub), Monitor())
    assert all("authorization" not in headers for _, _, _, headers in hub.requests)
    store.remove(CARD)
    hub.token = TOKEN
    install(teapot_card(is_gated=True), store, connect(hub), Monitor())
    assert hub.asked("hub")[-1]["authorization"] == f"Bearer {TOKEN}"


def test_the_token_never_travels_unencrypted(store):
    connection = Connection(is_allowed=True, endpoint="http://mirror.example", token=TOKEN)
    with no_sockets(), pytest.raises(DownloadError, match="no encrypted connection"):
        install(CARD, store, connection, Monitor())


def test_requests_tell_nothing_about_the_machine(hub, store):
    install(CARD, store, connect(hub), Monitor())
    for headers in hub.asked("hub", "HEAD") + hub.asked("hub"):
        assert "torch" not in headers["user-agent"]
        assert "agent/" not in headers["user-agent"].replace("user-agent", "")
        assert "cookie" not in headers


def test_cancelled_in_the_middle_what_came_is_kept(hub, store):
    with pytest.raises(Cancelled):
        install(CARD, store, connect(hub), RecordingMonitor(cancel_at=0.5))
    (part,) = parts(store)
    assert CONTENT.startswith(part.read_bytes())
    kept = part.stat().st_size
    assert kept > 0
    hub.requests.clear()
    assert install(CARD, store, connect(hub), Monitor()).path.read_bytes() == CONTENT
    assert hub.asked("storage")[0]["range"] == f"bytes={kept}-"


def test_what_would_not_fit_is_refused_before_it_is_fetched(hub, store, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 10**6))
    with pytest.raises(OutputError, match=r"Teapot needs 0\.2 GB of disk space"):
        install(CARD, store, connect(hub), Monitor())
    assert hub.asked("storage") == []


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX's")
def test_a_disk_that_fills_up_meanwhile_is_told(hub, store):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        with pytest.raises(OutputError, match="teapot' cannot be written"):
            install(CARD, store, connect(hub), Monitor())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert store.installed("teapot") is None
    assert install(CARD, store, connect(hub), Monitor()).path.read_bytes() == CONTENT


def test_two_installations_of_one_system_do_not_mix(hub, store):
    import filelock

    with filelock.FileLock(store.folder_for(CARD) / "lock"), pytest.raises(DownloadError, match="installed already"):
        install(CARD, store, connect(hub), Monitor())
    assert hub.requests == []


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_fetched(hub, store):
    (store.folder_for(CARD) / "lock").mkdir()
    with pytest.raises(OutputError, match="teapot' cannot be written"):
        install(CARD, store, connect(hub), Monitor())
    assert hub.requests == []


def test_no_answer_is_told_with_the_servers_name(store):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        connection = Connection(is_allowed=True, endpoint=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(DownloadError, match=r"The connection to 127\.0\.0\.1 failed") as told:
            install(CARD, store, connection, Monitor())
    assert "Check your internet connection" in told.value.hint


@contextmanager
def no_sockets():
    """Whatever opens a socket in here fails the test."""
    real = socket.socket

    def refuse(*arguments, **named):
        raise AssertionError("a socket was opened")

    socket.socket = refuse
    try:
        yield
    finally:
        socket.socket = real


@pytest.mark.parametrize("case", ["not allowed", "environment", "no address", "bundled", "installed"])
def test_no_socket_is_opened_where_none_is_wanted(hub, store, monkeypatch, case):
    connection, card, expected = connect(hub), CARD, DownloadError
    if case == "not allowed":
        connection = Connection(is_allowed=False, endpoint=hub.endpoint)
    elif case == "environment":
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    elif case == "no address":
        connection = Connection(is_allowed=True, endpoint="ftp://mirror.example")
    elif case == "bundled":
        card, expected = replace(CARD, checkpoint=None), ModelError
    else:
        install(CARD, store, connection, Monitor())
        expected = None
    count = len(hub.requests)
    with no_sockets():
        if expected is None:
            install(card, store, connection, Monitor())
        else:
            with pytest.raises(expected) as told:
                install(card, store, connection, Monitor())
            assert told.value.hint
    assert len(hub.requests) == count


def test_a_missing_client_is_told(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(DownloadError, match="package 'huggingface_hub' is missing") as told:
        install(CARD, store, Connection(is_allowed=True), Monitor())
    assert "use a file you have" in told.value.hint


def test_hf_endpoint_is_the_default_address(hub, store, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}",
    )
    assert install(CARD, store, Connection(is_allowed=True), Monitor()).sha256 == DIGEST


def test_a_connection_crosses_to_the_worker_with_its_token(hub):
    connection = connect(hub, TOKEN)
    tree, arrays = protocol.pack(connection)
    assert protocol.unpack(Connection, tree, arrays) == connection
    assert arrays == {}, "only messages carry the token, no file does"
