# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs checkpoints from the Hugging Face hub or a mirror of it. The only module that touches the network.

The official client (huggingface_hub) asks the hub and fetches the bytes. Two things are done here because it does not
do them: what was fetched before a cut is kept in a file of our own, so that the next attempt goes on from there (since
its version 2 the client deletes it), and the whole file's SHA-256 is compared before it counts as installed.

An access token goes to the hub in one header of each request, over TLS, and nowhere else: ``Connection`` hides it from
``repr``, no message has it, and HTTP redirects to other servers drop it.
"""

import errno
import functools
import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .binding import check_fit
from .errors import DownloadError, ReconstructionError
from .monitor import ModelStage, Monitor
from .sentence import Sentence
from .store import LOCK, HashOrigin, Installed, Store, cannot_write, checkpoint_source, gigabytes, hash_file

if TYPE_CHECKING:
    from .systems import CheckpointSource, SystemCard

CHUNK_BYTES = 1 << 20
"""Fetched between two looks at the monitor; the client's own 10 MB would let a slow line's progress stand still."""

SIZE_TOLERANCE = 0.02
"""How much the hub's size may differ from the card's, which was agreed to; it may be computed from the tensors."""

SHA256 = re.compile(r"[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}")

NO_SPACE = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


@dataclass(frozen=True)
class Connection:
    """How the hub may be reached.

    Attributes:
        is_allowed: whether to connect at all: Blender's preference "Allow Online Access".
        endpoint: address of a mirror; empty for the environment's ``HF_ENDPOINT`` or else https://huggingface.co.
        token: the user's access token; empty for the one that the user's other Hugging Face tools use (``HF_TOKEN`` or
            ``hf auth login``), which is only sent for gated repositories.
    """

    is_allowed: bool
    endpoint: str = ""
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Offer:
    """What the hub says about a file before it is fetched.

    Attributes:
        url: of the file at exactly this commit.
        commit: of the repository.
        sha256: that the file has to have.
        hash_origin: who says so.
        size: in bytes.
    """

    url: str
    commit: str
    sha256: str
    hash_origin: HashOrigin
    size: int


def install(card: "SystemCard", store: Store, connection: Connection, monitor: Monitor) -> Installed:
    """Fetch a system's checkpoint, check it, and put it into the models folder.

    What an earlier attempt has fetched is not fetched again. If it is installed already, nothing is done.

    Args:
        card: of a system with a checkpoint.
        store: where to.
        connection: whether and how to connect.
        monitor: progress by ``ModelStage``, and cancellation: what has been fetched until then is kept.

    Raises:
        DownloadError: no connection, no permission, or not the file that was expected.
        OutputError: no space, or the models folder cannot be written.
        ModelError: the system is bundled with the extension.
        Cancelled: the monitor said so.
    """
    source = checkpoint_source(card)
    found = store.installed(card.id)
    if found is not None and found.is_intact:
        return found
    _require_permission(connection)
    client = _import_client()
    folder = store.folder_for(card)
    with _lock(folder / LOCK, card):
        with monitor.stage(ModelStage.CONNECT), _explained(card, connection):
            headers = _headers(client, source, connection)
            offer = _ask(client, card, source, connection, headers)
        part = folder / f"{offer.sha256[:16]}.part"
        store.require_space(card, offer.size - _size(part))
        with monitor.stage(ModelStage.DOWNLOAD), _explained(card, connection, folder):
            _fetch(client, offer, part, headers, monitor)
        path = _check_and_name(part, folder / Path(source.filename).name, offer, card, monitor)
    name = f"{source.repository}/{source.filename}"
    return store.record(card, Installed(path, name, offer.commit, offer.sha256, offer.hash_origin, offer.size, False))


def _require_permission(connection: Connection) -> None:
    if not connection.is_allowed:
        raise DownloadError(
            "Online access is switched off, so nothing was downloaded.",
            "Allow it in Blender's preferences (System > Network), or use a file you have.",
        )
    if connection.endpoint and urlsplit(connection.endpoint).scheme not in ("http", "https"):
        raise DownloadError(
            Sentence("The mirror's address '{address}' is not a web address.", address=connection.endpoint),
            "Enter one that starts with https://, or leave it empty.",
        )


def _import_client() -> Any:  # noqa: ANN401 - the client is loaded late and may be missing
    """huggingface_hub, told to send nothing but what the download itself needs."""
    try:
        client = importlib.import_module("huggingface_hub")
        constants: Any = importlib.import_module("huggingface_hub.constants")
        for name in ("errors", "file_download", "utils"):
            importlib.import_module(f"huggingface_hub.{name}")
        for name in ("filelock", "httpx2"):
            importlib.import_module(name)
    except ImportError as error:
        raise DownloadError(
            Sentence("The Python package '{name}' is missing, so nothing can be downloaded.", name=error.name),
            "Install the extension's package that was made for this system, or use a file you have.",
        ) from error
    constants.HF_HUB_DISABLE_TELEMETRY = True
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    return client


@contextmanager
def _lock(path: Path, card: "SystemCard") -> Iterator[None]:
    """Held while files are written; the system lets go of it when the process ends, in whatever way."""
    filelock = importlib.import_module("filelock")
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise DownloadError(
            Sentence("{name} is being installed already, perhaps by another Blender.", name=card.name),
            "Wait until that has ended.",
        ) from error
    except OSError as error:
        raise cannot_write(path.parent, error) from error
    try:
        yield
    finally:
        lock.release()


def _headers(client: Any, source: "CheckpointSource", connection: Connection) -> dict[str, str]:  # noqa: ANN401
    """The requests' headers; the only place that handles the token."""
    token = connection.token or (client.get_token() if source.is_gated else None)
    endpoint = urlsplit(connection.endpoint or client.constants.ENDPOINT)
    if token and endpoint.scheme != "https" and endpoint.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise DownloadError(
            Sentence(
                "The mirror '{host}' has no encrypted connection, so your access token is not sent to it.",
                host=endpoint.hostname,
            ),
            "Use an address that starts with https://, or remove the token.",
        )
    headers: dict[str, str] = client.utils.build_hf_headers(token=token or False)
    return headers


def _ask(
    client: Any,  # noqa: ANN401
    card: "SystemCard",
    source: "CheckpointSource",
    connection: Connection,
    headers: dict[str, str],
) -> Offer:
    """Ask the hub what it would send, and refuse what is not what the user agreed to."""
    endpoint = connection.endpoint.rstrip("/") or None
    place = functools.partial(client.hf_hub_url, source.repository, source.filename, endpoint=endpoint)
    said = client.get_hf_file_metadata(place(revision=source.revision), token=False, headers=headers, endpoint=endpoint)
    commit, etag = said.commit_hash or source.revision, said.etag or ""
    if COMMIT.fullmatch(source.revision) and commit != source.revision:
        raise _other_file(card, _instead(f"commit {commit[:8]}", source.revision[:8]))
    told = etag if SHA256.fullmatch(etag) else None
    if source.sha256 is not None and told not in (None, source.sha256):
        raise _other_file(card, Sentence("its SHA-256 differs"))
    sha256 = source.sha256 or told
    if sha256 is None:
        raise _other_file(card, Sentence("without its SHA-256"))
    size = source.size_bytes if said.size is None else said.size
    if abs(size - source.size_bytes) > SIZE_TOLERANCE * source.size_bytes:
        raise _other_file(card, _instead(gigabytes(size), gigabytes(source.size_bytes)))
    origin = HashOrigin.CARD if source.sha256 else HashOrigin.HUB
    return Offer(place(revision=commit), commit, sha256, origin, size)


def _instead(found: str, expected: str) -> Sentence:
    return Sentence("{found} instead of {expected}", found=found, expected=expected)


def _other_file(card: "SystemCard", difference: Sentence) -> DownloadError:
    return DownloadError(
        Sentence(
            "The hub offers another file than the {name} that this extension knows ({difference}).",
            name=card.name,
            difference=difference,
        ),
        "Update the extension, remove a mirror from its preferences, or use a file you have.",
    )


def _fetch(
    client: Any,  # noqa: ANN401
    offer: Offer,
    part: Path,
    headers: dict[str, str],
    monitor: Monitor,
) -> None:
    """Append what is missing to ``part``. The client itself tries again a few times when the connection breaks."""
    with part.open("ab") as file:
        if file.tell() > offer.size:
            file.truncate(0)
        # The hub's own address, not that of the server it redirects to: that one expires after some minutes.
        client.file_download.http_get(
            offer.url,
            file,
            resume_size=file.tell(),
            headers=headers,
            expected_size=offer.size,
            displayed_filename=part.name,
            tqdm_class=functools.partial(_Progress, monitor=monitor, size=offer.size),
        )


class _Progress:
    """What the client takes for a progress bar. It is told of each chunk before the chunk is written.

    ``initial`` comes from the client: the bytes that are there already, unless the server made it start anew.
    """

    def __init__(self, monitor: Monitor, size: int, initial: int, **_bar: object) -> None:
        self._monitor, self._size, self._done = monitor, size, initial

    def __enter__(self) -> "_Progress":
        return self

    def __exit__(self, *_ending: object) -> None:
        pass

    def update(self, count: int) -> None:
        """So many more bytes, or fewer where the server made the client start anew."""
        self._done += count
        if self._done > self._size:
            raise DownloadError("The hub sends more than it announced.", "Try again later, or use a file you have.")
        self._monitor.progress(self._done / self._size)


def _check_and_name(part: Path, path: Path, offer: Offer, card: "SystemCard", monitor: Monitor) -> Path:
    """Give a fetched file its name, if it is what it has to be; one with another hash is deleted."""
    sha256, _size = hash_file(part, monitor)
    try:
        if sha256 != offer.sha256:
            part.unlink()
            raise DownloadError(
                Sentence(
                    "What was downloaded for {name} is damaged or not the published file (its SHA-256 differs), "
                    "and was deleted.",
                    name=card.name,
                ),
                "Try again; if it happens again, a proxy or mirror changes files: use a file you have.",
            )
        check_fit(card.graphs, part)
        part.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


@contextmanager
def _explained(card: "SystemCard", connection: Connection, folder: Path | None = None) -> Iterator[None]:
    """Turn what the client raises into a sentence and what to do; ``folder`` is being written, if any."""
    try:
        yield
    except ReconstructionError:
        raise
    except Exception as error:
        known = _explain(error, card, connection, folder)
        if known is None:
            raise
        raise known from error


def _explain(
    error: Exception, card: "SystemCard", connection: Connection, folder: Path | None
) -> ReconstructionError | None:
    errors = importlib.import_module("huggingface_hub.errors")
    httpx = importlib.import_module("httpx2")
    if isinstance(error, errors.OfflineModeIsEnabled):
        return DownloadError(
            "The environment variable HF_HUB_OFFLINE forbids connecting to the hub.",
            "Unset it, or use a file you have.",
        )
    if isinstance(error, errors.HfHubHTTPError):
        return _explain_answer(error, card, connection)
    if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
        host = urlsplit(connection.endpoint).hostname or Sentence("the hub")
        return DownloadError(
            Sentence("The connection to {host} failed ({reason}).", host=host, reason=_first_line(error)),
            "Check your internet connection and proxy. What was downloaded is kept; install again to go on from there.",
        )
    if isinstance(error, OSError) and error.errno in NO_SPACE and folder is not None:
        return cannot_write(folder, error)
    if isinstance(error, OSError) and error.errno is None:  # the client's check of the size
        return DownloadError(
            Sentence("The download of {name} ended early.", name=card.name),
            "Install it again to go on from where it stopped.",
        )
    if isinstance(error, OSError) and folder is not None:
        return cannot_write(folder, error)
    return None


def _explain_answer(error: Any, card: "SystemCard", connection: Connection) -> DownloadError:  # noqa: ANN401
    """The hub answered, but not with the file."""
    source = checkpoint_source(card)
    answer = error.response
    code, reason = answer.status_code, answer.headers.get("X-Error-Code", "")
    if reason == "GatedRepo" or code in (401, 403):
        page = f"https://huggingface.co/{source.repository}"
        if source.is_gated:
            return DownloadError(
                Sentence("The authors of {name} give it only to those who agreed to their terms.", name=card.name),
                Sentence("Agree on {page}, then enter an access token in the extension's preferences.", page=page),
            )
        return DownloadError(
            Sentence("The hub refused the download of {name} ({code}).", name=card.name, code=code),
            "Check the access token and the mirror in the extension's preferences.",
        )
    if code == 404:
        return DownloadError(
            Sentence(
                "The hub no longer has '{file}' of {repository} ({code}).",
                file=source.filename,
                repository=source.repository,
                code=code,
            ),
            "Update the extension, or use a file you have.",
        )
    if code == 429:
        wait = answer.headers.get("Retry-After", "")
        return DownloadError(
            "The hub has had too many requests from your address.",
            Sentence("Wait {seconds} seconds and try again.", seconds=wait)
            if wait.isdigit()
            else "Wait some minutes and try again.",
        )
    told = "The hub cannot send {name} now (it answered {code})."
    if connection.endpoint:
        told = "The mirror cannot send {name} now (it answered {code})."
    return DownloadError(Sentence(told, name=card.name, code=code), "Try again later.")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
