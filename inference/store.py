# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checkpoints are installed, where they are, and whether they are still what they were. No network here.

Each system has a folder of its own in the models folder, with the checkpoint and a record of it (``installed.json``):

    MODELS FOLDER/triposr/model.ckpt
    MODELS FOLDER/triposr/installed.json

A checkpoint that a studio keeps elsewhere is only recorded: reading never copies it and removing never deletes it.
The record is written last and in one step, so a folder without one holds nothing but an unfinished download.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .binding import check_fit
from .errors import ModelError, OutputError
from .monitor import ModelStage, Monitor
from .sentence import Sentence

if TYPE_CHECKING:
    from .systems import CheckpointSource, SystemCard

RECORD = "installed.json"
LOCK = "lock"
"""Held while a checkpoint is being downloaded, so that two Blenders never write one file."""

BLOCK_BYTES = 8 << 20
"""Read at a time; SHA-256 takes about 5 ms for so much, so progress is smooth and cancelling immediate."""

SPARE_BYTES = 200_000_000
"""Left free on the disk after an installation: a full disk stops more than this extension."""


class HashOrigin(StrEnum):
    """Who says what a checkpoint's SHA-256 has to be."""

    CARD = "card"
    """The extension: it was known when the extension was made."""
    HUB = "hub"
    """The hub, when the checkpoint was installed."""
    FILE = "file"
    """The file itself: it was given by the user and is not the published one. Its tensors were compared instead."""


@dataclass(frozen=True)
class Installed:
    """A checkpoint that is there.

    Attributes:
        path: of the file, absolute.
        source: where it came from: ``owner/name/filename`` on the hub, or the path of the user's own file.
        revision: the commit on the hub; empty for a user's own file.
        sha256: of the file when it was installed, hexadecimal.
        hash_origin: what ``sha256`` was compared with.
        bytes: size of the file.
        is_external: the file stays where the user keeps it, outside the models folder.
    """

    path: Path
    source: str
    revision: str
    sha256: str
    hash_origin: HashOrigin
    bytes: int
    is_external: bool

    @property
    def is_intact(self) -> bool:
        """Whether the file is there in its full size; ``Store.verify`` reads all of it."""
        try:
            return self.path.stat().st_size == self.bytes
        except OSError:
            return False


class Store:
    """The models folder.

    Attributes:
        folder: absolute; None where there is none: then nothing is installed and nothing can be.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def installed(self, system_id: str) -> Installed | None:
        """What the record says; None where nothing is installed. Whether the file is still there: ``is_intact``."""
        if self.folder is None:
            return None
        folder = self.folder / system_id
        try:
            record = json.loads((folder / RECORD).read_text("utf-8"))
            return Installed(
                path=Path(record["path"]) if record["is_external"] else folder / Path(record["path"]).name,
                source=str(record["source"]),
                revision=str(record["revision"]),
                sha256=str(record["sha256"]),
                hash_origin=HashOrigin(record["hash_origin"]),
                bytes=int(record["bytes"]),
                is_external=bool(record["is_external"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            # No record, or one that an interrupted disk has garbled: installing again writes another.
            return None

    def require(self, card: "SystemCard") -> Path:
        """The system's checkpoint.

        Raises:
            ModelError: it is not installed, or its file is gone or has another size.
        """
        found = self.installed(card.id)
        if found is None:
            raise not_installed(card)
        if not found.is_intact:
            raise ModelError(
                Sentence("The file of {name} is missing or was changed: '{path}'.", name=card.name, path=found.path),
                "Bring it back, or install it again in the extension's preferences.",
            )
        return found.path

    def folder_for(self, card: "SystemCard") -> Path:
        """The system's own folder, made if need be.

        Raises:
            OutputError: there is no models folder, or it cannot be written.
        """
        if self.folder is None:
            raise OutputError("There is no folder for models.", "Choose one in the extension's preferences.")
        folder = self.folder / card.id
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
        return folder

    def require_space(self, card: "SystemCard", needed: int) -> None:
        """Refuse before anything is written what would not fit.

        Args:
            card: of the system.
            needed: bytes still to be written.

        Raises:
            OutputError: less is free, or there is no models folder.
        """
        folder = self.folder_for(card)
        free = shutil.disk_usage(folder).free
        if free < needed + SPARE_BYTES:
            raise OutputError(
                Sentence(
                    "{name} needs {needed} of disk space, and {free} are free in '{folder}'.",
                    name=card.name,
                    needed=gigabytes(needed + SPARE_BYTES),
                    free=gigabytes(free),
                    folder=folder,
                ),
                "Free some space, or choose another models folder in the extension's preferences.",
            )

    def record(self, card: "SystemCard", installed: Installed) -> Installed:
        """Write the record of a checkpoint that is in its place, and delete what it replaces.

        Raises:
            OutputError: it cannot be written.
        """
        folder = self.folder_for(card)
        content: dict[str, Any] = {
            "path": str(installed.path) if installed.is_external else installed.path.name,
            "source": installed.source,
            "revision": installed.revision,
            "sha256": installed.sha256,
            "hash_origin": installed.hash_origin.value,
            "bytes": installed.bytes,
            "is_external": installed.is_external,
        }
        part = folder / f"{RECORD}.part"
        try:
            part.write_text(json.dumps(content, indent=2), "utf-8")
            part.replace(folder / RECORD)
            for path in folder.iterdir():
                if path.is_file() and path.name not in (RECORD, LOCK) and not path.samefile(installed.path):
                    path.unlink()
        except OSError as error:
            raise cannot_write(folder, error) from error
        return installed

    def adopt(self, card: "SystemCard", file: Path, copy: bool, monitor: Monitor) -> Installed:
        """Use a file that the user has, after checking that it is what the system needs.

        Args:
            card: of a system with a checkpoint.
            file: the checkpoint.
            copy: copy it into the models folder; otherwise it stays where it is and must stay there, unless it is in
                that folder already.
            monitor: progress and cancellation; warned where the file is not the published one.

        Raises:
            ModelError: it cannot be read, or does not hold the tensors that the system needs.
            OutputError: no space, or the models folder cannot be written.
            Cancelled: the monitor said so; nothing was changed.
        """
        file = file.absolute()
        source = checkpoint_source(card)
        sha256, size = hash_file(file, monitor)
        origin = HashOrigin.CARD if sha256 == source.sha256 else HashOrigin.FILE
        check_fit(card.graphs, file)
        if origin is HashOrigin.FILE and source.sha256 is not None:
            monitor.warn(
                Sentence(
                    "It is not the file that {name}'s authors publish, but it has the same tensors.", name=card.name
                )
            )
        # One folder may have several spellings: links, mapped drives, capital letters.
        is_external = not copy and not file.parent.samefile(self.folder_for(card))
        path = file if is_external else self._copy(card, file, size, monitor)
        return self.record(card, Installed(path, str(file), "", sha256, origin, size, is_external))

    def verify(self, card: "SystemCard", monitor: Monitor) -> Installed:
        """Read the whole checkpoint, compare its SHA-256 with the record's, and its tensors with the system's graphs.

        Raises:
            ModelError: it is not installed, missing, was changed since, or does not fit.
            Cancelled: the monitor said so.
        """
        found = self.installed(card.id)
        if found is None:
            raise not_installed(card)
        self.require(card)
        sha256, _size = hash_file(found.path, monitor)
        if sha256 != found.sha256:
            raise ModelError(
                Sentence(
                    "The file of {name} was damaged or changed since it was installed: '{path}'.",
                    name=card.name,
                    path=found.path,
                ),
                "Remove it and install it again.",
            )
        check_fit(card.graphs, found.path)
        return found

    def remove(self, card: "SystemCard") -> int:
        """Delete the checkpoint, unfinished downloads and the record; a file kept elsewhere stays.

        Returns:
            The bytes that were freed.

        Raises:
            OutputError: something cannot be deleted, for example because another Blender uses it (Windows).
        """
        if self.folder is None:
            return 0
        folder = self.folder / card.id
        if not folder.is_dir():
            return 0
        try:
            # The record first: what cannot be deleted after it counts as an unfinished download.
            (folder / RECORD).unlink(missing_ok=True)
            freed = sum(path.stat().st_size for path in folder.iterdir())
            shutil.rmtree(folder)
        except OSError as error:
            raise OutputError(
                Sentence(
                    "{name} cannot be removed from '{folder}' ({reason}).",
                    name=card.name,
                    folder=folder,
                    reason=error.strerror or error,
                ),
                "Close other Blenders that use it and try again.",
            ) from error
        return freed

    def _copy(self, card: "SystemCard", file: Path, size: int, monitor: Monitor) -> Path:
        """Copy a checked file into the system's folder; a half-written copy never gets its name."""
        target = self.folder_for(card) / Path(checkpoint_source(card).filename).name
        if target.exists() and target.samefile(file):
            return target
        self.require_space(card, size)
        part = target.with_name(f"{target.name}.copy")
        try:
            with monitor.stage(ModelStage.COPY), file.open("rb") as source, part.open("wb") as copied:
                _copy_blocks(source, copied, size, monitor)
            part.replace(target)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise cannot_write(target, error) from error
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return target


def checkpoint_source(card: "SystemCard") -> "CheckpointSource":
    """Where the card's checkpoint is published.

    Raises:
        ModelError: the system is bundled with the extension and has none.
    """
    if card.checkpoint is None:
        raise ModelError(
            Sentence("{name} is bundled with the extension.", name=card.name), "There is nothing to install or remove."
        )
    return card.checkpoint


def hash_file(path: Path, monitor: Monitor) -> tuple[str, int]:
    """SHA-256 (hexadecimal) and size of a file, as the stage ``VERIFY``.

    Raises:
        ModelError: it cannot be read.
        Cancelled: the monitor said so.
    """
    digest, done = hashlib.sha256(), 0
    try:
        with monitor.stage(ModelStage.VERIFY), path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
                done += len(block)
                monitor.progress(done / max(size, done))
    except OSError as error:
        raise ModelError(
            Sentence("'{path}' cannot be read ({reason}).", path=path, reason=error.strerror or error),
            "Choose another file, or check its permissions.",
        ) from error
    return digest.hexdigest(), done


def not_installed(card: "SystemCard") -> ModelError:
    """The failure to find a checkpoint, in words."""
    return ModelError(
        Sentence("{name} is not installed.", name=card.name),
        Sentence(
            "Install it in the extension's preferences ({size}), or choose another system.",
            size=gigabytes(card.download_bytes),
        ),
    )


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The failure to write into the models folder, in words."""
    return OutputError(
        Sentence("'{path}' cannot be written ({reason}).", path=path, reason=error.strerror or error),
        "Free some space, or choose another models folder in the extension's preferences.",
    )


def _copy_blocks(source: BinaryIO, target: BinaryIO, size: int, monitor: Monitor) -> None:
    done = 0
    while block := source.read(BLOCK_BYTES):
        target.write(block)
        done += len(block)
        monitor.progress(done / max(size, done))


def gigabytes(count: int) -> str:
    """Decimal, as shops and disks count."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
