# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line's ``models``: what can be installed, what is, and whether it is intact.

    blender --background --command image_to_3d models list
    blender --background --command image_to_3d models install triposr
    blender --background --command image_to_3d models install triposr --file /studio/model.ckpt
    blender --background --command image_to_3d models verify
    blender --background --command image_to_3d models remove triposr

Standard output carries one JSON object per system and line, standard error what is meant for people. An access token is
taken from the environment variable ``HF_TOKEN`` or from ``hf auth login``: on a command line others could read it.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import bpy

from .console import own_stdout
from .inference.errors import Cancelled, OutputError, ReconstructionError
from .inference.hub import Connection
from .inference.model_tasks import AdoptModel, InstallModel, VerifyModel
from .inference.store import Store, checkpoint_source, gigabytes
from .inference.systems import SystemCard, get_system, system_ids
from .jobs import Job
from .models import MODELS, ModelState, ModelTask, facts
from .preferences import UserSettings, user_settings

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130


class UsageError(ReconstructionError):
    """The arguments make no sense together."""


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        settings: with the models folder.
        folder: of the models.
        options: the parsed arguments.
        results: for JSON lines.
    """

    settings: UserSettings
    folder: Path
    options: argparse.Namespace
    results: TextIO

    def tell(self, state: ModelState, **more: object) -> None:
        """One JSON line about a system."""
        self.results.write(json.dumps(describe(state) | more, ensure_ascii=False) + "\n")
        self.results.flush()


def main(arguments: Sequence[str]) -> int:
    """Run ``models ...`` and return its exit code: 0 all well, 1 failed, 2 wrong arguments, 130 interrupted."""
    try:
        options = create_parser().parse_args(arguments)
    except SystemExit as leaving:  # argparse has printed help or what is wrong
        return int(leaving.code or 0)
    with own_stdout() as results:
        try:
            return options.action(create_request(options, results))
        except (ReconstructionError, Cancelled) as error:
            say(str(error) or "Cancelled.")
            return 2 if isinstance(error, UsageError) else EXIT_FAILED
        except KeyboardInterrupt:
            MODELS.shutdown()
            say("Interrupted. What was downloaded is kept: install again to go on from there.")
            return EXIT_INTERRUPTED


def create_parser() -> argparse.ArgumentParser:
    """The arguments, with their help."""
    parser = argparse.ArgumentParser(prog="image_to_3d models", description="Manage reconstruction systems' models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--models-folder", type=Path, metavar="DIR", help="default: as the preferences say")

    listing = commands.add_parser("list", parents=[common], help="all systems and what is installed")
    listing.set_defaults(action=list_models)

    installing = commands.add_parser("install", parents=[common], help="download a model, or use a file you have")
    installing.add_argument("system", choices=system_ids(), metavar="SYSTEM")
    installing.add_argument("--yes", action="store_true", help="agree to the licence without being asked")
    installing.add_argument("--file", type=Path, metavar="FILE", help="use this file instead of downloading one")
    installing.add_argument("--link", action="store_true", help="with --file: leave it where it is, do not copy it")
    installing.add_argument("--mirror", metavar="URL", help="instead of the Hugging Face hub or HF_ENDPOINT")
    installing.set_defaults(action=install_model)

    verifying = commands.add_parser("verify", parents=[common], help="read models and compare their SHA-256")
    verifying.add_argument("systems", nargs="*", metavar="SYSTEM", help="default: all that are installed")
    verifying.set_defaults(action=verify_models)

    removing = commands.add_parser("remove", parents=[common], help="delete a model")
    removing.add_argument("system", choices=system_ids(), metavar="SYSTEM")
    removing.set_defaults(action=remove_model)
    return parser


def create_request(options: argparse.Namespace, results: TextIO) -> Request:
    """The preferences, with what the arguments change; raises ``OutputError`` where there is no models folder."""
    settings = user_settings(bpy.context)
    folder = options.models_folder.absolute() if options.models_folder else settings.runtime.models_folder
    if folder is None:
        raise OutputError("There is no folder for models.", "Name one with --models-folder.")
    settings = replace(settings, runtime=replace(settings.runtime, models_folder=folder))
    return Request(settings, folder, options, results)


def list_models(request: Request) -> int:
    """Every system; a table for people."""
    states = MODELS.states(request.folder)
    for state in states:
        request.tell(state)
    rows = [("system", "state", "download", "memory", "licence"), *(_row(state) for state in states)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    say(f"\nModels folder: {request.folder}")
    return 0


def install_model(request: Request) -> int:
    """Show what it is, ask, and install."""
    options = request.options
    if options.link and options.file is None:
        raise UsageError("There is no file to link.", "Add --file FILE.")
    card = get_system(options.system).card
    checkpoint_source(card)
    for label, value in facts(card, request.folder):
        say(f"{label + ':':<16} {value}")
    if options.file is not None:
        task: ModelTask = AdoptModel(card.id, request.folder, options.file.absolute(), not options.link)
    else:
        _ask(card, options)
        mirror = request.settings.mirror if options.mirror is None else options.mirror
        task = InstallModel(card.id, request.folder, Connection(may_connect(), mirror, request.settings.token))
    run(task, request)
    request.tell(MODELS.state(request.folder, card.id))
    return 0


def verify_models(request: Request) -> int:
    """Read them; one that is damaged never keeps the others from being read."""
    store = Store(request.folder)
    chosen = request.options.systems or [system for system in system_ids() if store.installed(system) is not None]
    if not chosen:
        say("No model is installed.")
    failed = 0
    for system in chosen:
        try:
            run(VerifyModel(get_system(system).card.id, request.folder), request)
        except ReconstructionError as error:
            failed += 1
            say(str(error))
            if system in system_ids():
                request.tell(MODELS.state(request.folder, system), intact=False, error=error.message, hint=error.hint)
        else:
            request.tell(MODELS.state(request.folder, system), intact=True)
    return EXIT_FAILED if failed else 0


def remove_model(request: Request) -> int:
    """Delete it."""
    card = get_system(request.options.system).card
    checkpoint_source(card)
    say(f"Removed; {gigabytes(MODELS.remove(card, request.folder))} are free again.")
    request.tell(MODELS.state(request.folder, card.id))
    return 0


def may_connect() -> bool:
    """Blender's own permission. As a Python module it has no window to give it in: there the command itself is it."""
    return bool(bpy.app.online_access or (bpy.app.module and not bpy.app.online_access_override))


def run(task: ModelTask, request: Request) -> None:
    """Run a task, with its progress on standard error; raises what it raises."""
    MODELS.run(task, request.settings, Progress())
    say(MODELS.notice)


class Progress:
    """Prints a line for each tenth of a stage."""

    def __init__(self) -> None:
        self._told: tuple[str, int] | None = None

    def __call__(self, job: Job[Any]) -> None:
        """Called between two looks at the job."""
        now = (job.stage, int(job.fraction * 10))
        if now != self._told:
            self._told = now
            say(f"{job.stage} {now[1] * 10} %")


def describe(state: ModelState) -> dict[str, Any]:
    """A system as a JSON object."""
    card, source, found = state.card, state.card.checkpoint, state.installed
    record: dict[str, Any] = {
        "system": card.id,
        "name": card.name,
        "state": state.name,
        "licence": card.licence,
        "who_may_use": card.who_may_use,
        "source": card.source,
        "gives": card.gives,
        "views": card.views,
        "memory_bytes": card.memory_bytes,
    }
    if source is not None:
        record |= {
            "repository": source.repository,
            "revision": source.revision,
            "filename": source.filename,
            "download_bytes": source.size_bytes,
            "is_gated": source.is_gated,
        }
    if found is not None:
        record |= {
            "path": str(found.path),
            "installed_from": found.source,
            "installed_revision": found.revision,
            "sha256": found.sha256,
            "sha256_from": found.hash_origin.value,
        }
    return record


def say(text: str) -> None:
    """To people."""
    print(text, file=sys.stderr, flush=True)


def _row(state: ModelState) -> tuple[str, ...]:
    card = state.card
    download = gigabytes(card.download_bytes) if card.checkpoint else ""
    return (card.id, state.name, download, gigabytes(card.memory_bytes), card.licence)


def _ask(card: SystemCard, options: argparse.Namespace) -> None:
    """Agreement, from whoever sits at the terminal; raises ``UsageError`` where nobody does, and ``Cancelled``."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"Installing {card.name} means agreeing to its licence ({card.licence}).", "Add --yes.")
    print("Install? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Cancelled
