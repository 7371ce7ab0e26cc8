# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing models in Blender: consent, permission, progress, and what panels show; with a hub on this machine."""

import json
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

pytest.importorskip("huggingface_hub", reason="the package huggingface_hub is not installed")

from image_to_3d import cli, cli_models, models, preferences
from image_to_3d.engine import ENGINE
from image_to_3d.inference import systems
from image_to_3d.inference.runtime import RuntimeSettings
from image_to_3d.inference.store import Store
from image_to_3d.models import MODELS
from image_to_3d.operators import models as operators
from image_to_3d.operators.diagnostics import diagnostics
from image_to_3d.panels import sidebar
from image_to_3d.preferences import UserSettings

from .test_panels import Layout

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))

from hub_server import COMMIT, LocalHub  # noqa: E402
from model_cards import CONTENT, DIGEST, teapot_card  # noqa: E402

TOKEN = "hf_averysecretwordofthetest"


@pytest.fixture
def hub():
    with LocalHub(CONTENT) as server:
        yield server


@pytest.fixture
def folder(extension, tmp_path, hub, monkeypatch):
    """The models folder of a Blender that knows the teapot, may connect, and has this machine's hub as its mirror."""
    settings = UserSettings(RuntimeSettings(models_folder=tmp_path / "models"), mirror=hub.endpoint)
    launch = models._launch

    def launch_with_teapot(settings):
        plain = launch(settings)
        paths = (*plain.search_paths, str(TESTS / "unit"))
        return replace(plain, search_paths=paths, tasks="model_worker_tasks")

    for module in (models, operators):
        monkeypatch.setattr(module, "user_settings", lambda context: settings)
    monkeypatch.setattr(models, "_launch", launch_with_teapot)
    teapot = SimpleNamespace(SYSTEM=SimpleNamespace(card=teapot_card()))
    monkeypatch.setitem(sys.modules, "image_to_3d.inference.systems.teapot", teapot)
    monkeypatch.setitem(systems._MODULES, "teapot", ".teapot")
    monkeypatch.setattr(bpy.context.preferences.system, "use_online_access", True)
    MODELS.refresh()
    yield settings.runtime.models_folder
    bpy.context.preferences.system.use_online_access = False
    MODELS.shutdown()
    MODELS.failure, MODELS.notice, MODELS.system = None, "", ""


def test_a_script_installs_verifies_and_removes(folder, hub):
    assert MODELS.state(folder, "teapot").name == "available"
    assert bpy.ops.image_to_3d.install_model(system="teapot") == {"FINISHED"}
    assert MODELS.notice == "Teapot is installed."
    assert MODELS.state(folder, "teapot").name == "installed"
    assert Store(folder).installed("teapot").sha256 == DIGEST
    assert bpy.ops.image_to_3d.verify_model(system="teapot") == {"FINISHED"}
    assert MODELS.notice == "Teapot is intact."
    assert bpy.ops.image_to_3d.remove_model(system="teapot") == {"FINISHED"}
    assert MODELS.state(folder, "teapot").name == "available"
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("copy", [True, False])
def test_a_file_of_ones_own_needs_no_connection(folder, hub, tmp_path, copy):
    bpy.context.preferences.system.use_online_access = False
    own = tmp_path / "own.ckpt"
    own.write_bytes(CONTENT)
    assert bpy.ops.image_to_3d.use_model_file(system="teapot", filepath=str(own), copy=copy) == {"FINISHED"}
    assert MODELS.state(folder, "teapot").installed.is_external == (not copy)
    assert hub.requests == []
    own.unlink()
    MODELS.refresh()
    assert MODELS.state(folder, "teapot").name == ("installed" if copy else "missing")


def test_blenders_permission_decides(folder, hub):
    bpy.context.preferences.system.use_online_access = False
    with pytest.raises(RuntimeError, match="Online access is off"):
        bpy.ops.image_to_3d.install_model(system="teapot")
    assert hub.requests == []


def test_failures_say_what_to_do_and_nothing_is_installed(folder, hub):
    hub.status = 429
    with pytest.raises(RuntimeError, match="too many requests"):
        bpy.ops.image_to_3d.install_model(system="teapot")
    assert "too many requests" in MODELS.failure.message
    assert MODELS.state(folder, "teapot").name == "available"
    with pytest.raises(RuntimeError, match="bundled with the extension"):
        bpy.ops.image_to_3d.install_model(system="pebble")
    with pytest.raises(RuntimeError, match="no reconstruction system called 'kettle'"):
        bpy.ops.image_to_3d.verify_model(system="kettle")
    with pytest.raises(RuntimeError, match="Teapot is not installed"):
        bpy.ops.image_to_3d.verify_model(system="teapot")


def drive():
    """As Blender's timer does."""
    while MODELS.advance():
        time.sleep(0.01)


def test_in_a_window_it_goes_on_while_a_file_is_opened_and_stops_when_asked(folder, hub):
    hub.stall_after = 2_500_000
    task = operators.InstallModel("teapot", folder, models.connection(bpy.context))
    MODELS.begin_with_timer(task, operators.user_settings(bpy.context))
    assert MODELS.is_busy
    with pytest.raises(RuntimeError, match="Wait for it or cancel it"):
        bpy.ops.image_to_3d.install_model(system="teapot")
    while not hub.stalled.is_set():
        assert MODELS.advance()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    assert MODELS.advance(), "it is not tied to the file"
    assert bpy.ops.image_to_3d.cancel_model() == {"FINISHED"}
    drive()
    assert MODELS.notice == "Cancelled. What was downloaded is kept"
    hub.stall_after = None
    MODELS.begin_with_timer(task, operators.user_settings(bpy.context))
    drive()
    assert MODELS.state(folder, "teapot").name == "installed"


def test_disabling_the_extension_ends_it(folder, hub):
    hub.stall_after = 1_500_000
    task = operators.InstallModel("teapot", folder, models.connection(bpy.context))
    job = MODELS.begin(task, operators.user_settings(bpy.context))
    worker = job._worker
    while not hub.stalled.is_set():
        assert MODELS.advance()
    models.unregister()
    models.register()
    assert worker.exit_code is not None
    assert not MODELS.is_busy


def test_a_model_in_use_is_not_removed(folder, hub):
    bpy.ops.image_to_3d.install_model(system="teapot")
    ENGINE.job = SimpleNamespace(stage="Encoding the photo", fraction=0.5, cancel=lambda: None)
    try:
        with pytest.raises(RuntimeError, match="A reconstruction is in progress"):
            bpy.ops.image_to_3d.remove_model(system="teapot")
    finally:
        ENGINE.job = None
    assert Store(folder).require(teapot_card()).is_file()


def test_everything_is_told_before_it_is_agreed_to(folder):
    told = dict(models.facts(teapot_card(), folder))
    assert told["Licence"] == "MIT"
    assert told["Who may use it"] == "Everyone, for any purpose"
    assert told["Source"] == "the artists' guild"
    assert told["File"] == f"model.ckpt of artists/teapot on the Hugging Face hub, commit {COMMIT[:12]}"
    assert told["Download, disk"].startswith("3.0 MB; ") and str(folder) in told["Download, disk"]
    assert "2.0 GB" in told["Memory"]
    assert told["SHA-256"] == "known to this extension"
    told = dict(models.facts(teapot_card(sha256=None, is_gated=True, revision="main"), folder))
    assert told["File"].endswith("the newest of its branch 'main'")
    assert "not known beforehand" in told["SHA-256"]
    assert "agree" in told["Terms"]


class TestSidebar:
    def drawn(self, panel=None):
        layout = Layout()
        sidebar.IMAGE_TO_3D_PT_main.draw(SimpleNamespace(layout=layout), bpy.context)
        return layout.drawn

    @pytest.fixture
    def settings(self, folder, monkeypatch):
        settings = bpy.context.scene.image_to_3d
        settings.photo = bpy.data.images.new("photo", 8, 8)
        settings.system = "teapot"
        return settings

    def test_what_is_not_installed_can_be_chosen_and_says_how_to_get_it(self, settings, folder):
        drawn = self.drawn()
        assert "Teapot is not installed" in drawn
        assert "3.0 MB, MIT" in drawn
        assert "image_to_3d.install_model" in drawn
        with pytest.raises(RuntimeError, match="Teapot is not installed"):
            bpy.ops.image_to_3d.reconstruct_photo()
        bpy.ops.image_to_3d.install_model(system="teapot")
        drawn = self.drawn()
        assert not any("installed" in text for text in drawn)
        assert "image_to_3d.install_model" not in drawn
        assert bpy.ops.image_to_3d.reconstruct_photo.poll()

    def test_what_is_bundled_says_nothing(self, settings):
        settings.system = "pebble"
        assert "image_to_3d.install_model" not in self.drawn()

    def test_without_permission_it_leads_to_the_preference(self, settings):
        bpy.context.preferences.system.use_online_access = False
        assert "extensions.userpref_show_online" in self.drawn()
        assert "image_to_3d.install_model" not in self.drawn()

    def test_a_download_shows_how_far_it_is(self, settings, folder, hub):
        MODELS.system, MODELS.job = "teapot", SimpleNamespace(stage="Downloading", fraction=0.5)
        try:
            drawn = self.drawn()
        finally:
            MODELS.job = None
        assert "progress 0.50 Downloading  1.5 MB of 3.0 MB" in drawn
        assert "image_to_3d.cancel_model" in drawn

    def test_a_failure_is_shown_where_it_was_caused(self, settings, hub):
        hub.status = 503
        with pytest.raises(RuntimeError):
            bpy.ops.image_to_3d.install_model(system="teapot")
        assert "cannot send Teapot now" in " ".join(self.drawn())
        settings.system = "triposr"
        assert "cannot send Teapot now" not in " ".join(self.drawn())

    def test_a_saved_file_keeps_the_choice(self, settings, tmp_path):
        path = str(tmp_path / "scene.blend")
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        assert bpy.context.scene.image_to_3d.system == "pebble"
        bpy.ops.wm.open_mainfile(filepath=path)
        assert bpy.context.scene.image_to_3d.system == "teapot"

    def test_a_choice_that_this_version_does_not_know_is_asked_for_again(self, settings, folder, monkeypatch):
        monkeypatch.delitem(systems._MODULES, "teapot")
        MODELS.refresh()
        assert settings.system == ""
        assert "system" in self.drawn()
        with pytest.raises(RuntimeError, match="No network is chosen"):
            bpy.ops.image_to_3d.reconstruct_photo()


def test_the_preferences_list_every_system_with_its_state(folder, monkeypatch):
    bpy.ops.image_to_3d.install_model(system="teapot")
    drawn = Layout()
    kind = preferences.ImageTo3DPreferences
    kind.draw(SimpleNamespace(layout=drawn, bl_rna=kind.bl_rna), bpy.context)
    text = " ".join(drawn.drawn)
    assert "Teapot" in text and "Everyone, for any purpose" in text
    assert DIGEST[:12] in text and "the published file" in text
    assert {"image_to_3d.verify_model", "image_to_3d.remove_model", "image_to_3d.install_model"} <= set(drawn.drawn)
    assert {"models_folder", "mirror", "token"} <= set(drawn.drawn)
    assert TOKEN not in text


def test_only_an_installation_opens_a_socket(extension, monkeypatch, capfd):
    def refuse(*arguments, **named):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    extension.unregister()
    extension.register()
    bpy.context.preferences.system.use_online_access = True
    try:
        kind = preferences.ImageTo3DPreferences
        kind.draw(SimpleNamespace(layout=Layout(), bl_rna=kind.bl_rna), bpy.context)
        sidebar.IMAGE_TO_3D_PT_main.draw(SimpleNamespace(layout=Layout()), bpy.context)
        assert cli.main(["models", "list"]) == 0
        assert cli.main(["models", "verify"]) == 0
        assert bpy.ops.image_to_3d.install_model.poll()
    finally:
        bpy.context.preferences.system.use_online_access = False


def test_diagnostics_hold_the_failure_and_never_the_token(folder, hub, monkeypatch):
    settings = replace(operators.user_settings(bpy.context), token=TOKEN)
    monkeypatch.setattr(operators, "user_settings", lambda context: settings)
    monkeypatch.setattr(operators, "connection", lambda context: models.Connection(True, hub.endpoint, TOKEN))
    hub.status = 403
    with pytest.raises(RuntimeError, match=r"refused the download of Teapot \(403\)"):
        bpy.ops.image_to_3d.install_model(system="teapot")
    assert hub.asked("hub", "HEAD")[0]["authorization"] == f"Bearer {TOKEN}"
    text = diagnostics(bpy.context)
    assert "refused the download of Teapot (403)" in text
    assert "HfHubHTTPError" in text, "the worker's traceback"
    assert TOKEN not in text


class TestToken:
    @pytest.fixture
    def addon(self, extension, monkeypatch):
        """The extension as an enabled add-on, with its preferences."""
        import image_to_3d

        monkeypatch.setattr(preferences, "_session_token", "")
        addon = bpy.context.preferences.addons.new()
        addon.module = image_to_3d.__name__
        yield addon.preferences
        bpy.context.preferences.addons.remove(addon)

    def test_it_reaches_the_connection_and_no_file(self, addon, tmp_path):
        addon.token = f" {TOKEN} "
        addon.mirror = "https://mirror.example"
        settings = preferences.user_settings(bpy.context)
        assert models.connection(bpy.context).token == settings.token == TOKEN
        assert TOKEN not in repr(settings) + repr(models.connection(bpy.context))
        bpy.ops.wm.save_userpref()
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"), compress=False)
        saved = [*Path(bpy.utils.resource_path("USER")).rglob("*.blend"), tmp_path / "scene.blend"]
        assert len(saved) >= 2
        content = [path.read_bytes() for path in saved]
        assert any(b"https://mirror.example" in data for data in content), "the preferences were saved"
        assert not any(TOKEN.encode() in data for data in content)

    def test_it_is_typed_as_a_password(self, addon):
        # Blender neither shows such a property nor writes its changes to the Info editor.
        assert addon.bl_rna.properties["token"].subtype == "PASSWORD"

    def test_the_models_folder_is_the_users_choice(self, addon, tmp_path):
        assert preferences.user_settings(bpy.context).runtime.models_folder == preferences.default_models_folder()
        addon.models_folder = str(tmp_path / "studio")
        assert preferences.user_settings(bpy.context).runtime.models_folder == tmp_path / "studio"


class TestCommandLine:
    @pytest.fixture
    def run(self, folder, capfd, monkeypatch):
        """Exit code, JSON lines, and what people read."""
        settings = operators.user_settings(bpy.context)
        monkeypatch.setattr(cli_models, "user_settings", lambda context: settings)

        def run(*arguments):
            code = cli.main(["models", *map(str, arguments)])
            captured = capfd.readouterr()
            return code, [json.loads(line) for line in captured.out.splitlines()], captured.err

        return run

    def test_list_tells_everything_about_every_system(self, run, folder):
        code, records, errors = run("list")
        assert code == 0
        assert [record["system"] for record in records] == list(systems.system_ids())
        by_id = {record["system"]: record for record in records}
        assert by_id["pebble"]["state"] == "bundled"
        assert by_id["teapot"] == {
            "system": "teapot",
            "name": "Teapot",
            "state": "available",
            "licence": "MIT",
            "who_may_use": "Everyone, for any purpose",
            "source": "the artists' guild",
            "gives": "surface, base colour",
            "views": 1,
            "memory_bytes": 2_000_000_000,
            "repository": "artists/teapot",
            "revision": COMMIT,
            "filename": "model.ckpt",
            "download_bytes": len(CONTENT),
            "is_gated": False,
        }
        assert str(folder) in errors

    def test_install_shows_what_it_is_and_wants_agreement(self, run, folder, hub):
        code, records, errors = run("install", "teapot")
        assert (code, records) == (2, []), "no terminal, so nobody can agree"
        assert "Add --yes" in errors
        assert "Everyone, for any purpose" in errors
        assert hub.requests == []
        code, records, errors = run("install", "teapot", "--yes")
        assert code == 0
        assert (records[0]["state"], records[0]["sha256"], records[0]["sha256_from"]) == ("installed", DIGEST, "card")
        assert records[0]["installed_revision"] == COMMIT
        assert "Teapot is installed." in errors

    def test_verify_reads_all_that_is_installed(self, run, folder):
        assert run("verify")[:2] == (0, [])
        run("install", "teapot", "--yes")
        code, records, _ = run("verify")
        assert (code, records[0]["system"], records[0]["intact"]) == (0, "teapot", True)
        path = Path(records[0]["path"])
        path.write_bytes(CONTENT[:-1] + b"?")
        code, records, errors = run("verify", "teapot")
        assert (code, records[0]["intact"]) == (1, False)
        assert "damaged or changed" in records[0]["error"] and "damaged or changed" in errors

    def test_a_file_is_linked_and_removing_leaves_it(self, run, folder, tmp_path, hub):
        own = tmp_path / "own.ckpt"
        own.write_bytes(CONTENT)
        code, records, _ = run("install", "teapot", "--file", own, "--link")
        assert (code, records[0]["path"]) == (0, str(own))
        code, records, _ = run("remove", "teapot")
        assert (code, records[0]["state"]) == (0, "available")
        assert own.read_bytes() == CONTENT
        assert hub.requests == []

    def test_the_models_folder_can_be_named(self, run, folder, tmp_path):
        assert run("install", "teapot", "--yes", "--models-folder", tmp_path / "other")[0] == 0
        assert Store(tmp_path / "other").installed("teapot") is not None
        assert Store(folder).installed("teapot") is None

    def test_failures_have_an_exit_code(self, run, hub):
        hub.status = 404
        code, records, errors = run("install", "teapot", "--yes")
        assert (code, records) == (1, [])
        assert "no longer has" in errors
        assert run("install", "kettle")[0] == 2
        assert run("install", "teapot", "--link")[0] == 2
        assert run("remove", "pebble")[0] == 1
        assert run("verify", "kettle")[0] == 1
        assert run()[0] == 2
