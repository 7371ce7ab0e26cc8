# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Hugging Face hub on this machine: one repository with one large file, and the server that it redirects to.

It answers as the hub does (headers, redirects, ranges, error codes); what goes wrong is chosen by the test.
"""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "artists/teapot"
FILENAME = "model.ckpt"
RESOLVE = f"/{REPOSITORY}/resolve/"

HOLD_SECONDS = 60.0
"""How long a stalled transfer waits to be released; reached only by a test that fails."""


class LocalHub:
    """The hub and its storage server, two addresses of this machine; a context manager.

    Attributes:
        content: of the file.
        offered: SHA-256 the hub tells, by default the content's; None: what it tells of files outside LFS.
        size: the hub tells, by default the content's.
        commit: the hub tells.
        status, code: what the hub answers instead of the file, and its ``X-Error-Code``.
        storage_status: what the storage server answers instead of the bytes.
        retry_after: seconds, with status 429.
        cuts: lengths after which the next transfers break off, one transfer each.
        ignores_ranges: whether transfers start at the beginning whatever is asked.
        stall_after: bytes after which transfers wait for ``released``.
        token: that requests must carry; None: none needed.
        requests: all that came: server ("hub" or "storage"), method, path, headers.
        stalled: set when a transfer waits.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.offered: str | None = hashlib.sha256(content).hexdigest()
        self.size = len(content)
        self.commit = COMMIT
        self.status, self.code, self.storage_status = 200, "", 200
        self.retry_after: str | None = None
        self.cuts: list[int] = []
        self.ignores_ranges = False
        self.stall_after: int | None = None
        self.token: str | None = None
        self.requests: list[tuple[str, str, str, dict[str, str]]] = []
        self.stalled, self.released = threading.Event(), threading.Event()
        self._servers: list[Server] = []

    def __enter__(self) -> "LocalHub":
        for name, handler in (("hub", HubHandler), ("storage", StorageHandler)):
            bound = type(handler.__name__, (handler,), {"hub": self, "name": name})
            server = Server(("127.0.0.1", 0), bound)
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            self._servers.append(server)
        return self

    def __exit__(self, *_ending: object) -> None:
        self.released.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    @property
    def endpoint(self) -> str:
        """Address of the hub."""
        return f"http://127.0.0.1:{self._servers[0].server_port}"

    @property
    def storage(self) -> str:
        """Address of the storage server; another origin than the hub."""
        return f"http://127.0.0.1:{self._servers[1].server_port}"

    def asked(self, server: str, method: str = "GET") -> list[dict[str, str]]:
        """The headers of such requests, in order, names in lower case."""
        return [headers for name, kind, _path, headers in self.requests if (name, kind) == (server, method)]


class Server(ThreadingHTTPServer):
    """One thread for each connection."""

    daemon_threads = True

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Clients that hang up in mid-transfer are what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    """What both servers share."""

    hub: LocalHub
    name: str
    protocol_version = "HTTP/1.1"

    def note(self) -> None:
        """Write the request down."""
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.hub.requests.append((self.name, self.command, self.path, headers))

    def answer(self, status: int, headers: dict[str, str]) -> None:
        """A whole answer without a body."""
        self.send_response(status)
        for key, value in ({"Content-Length": "0"} | headers).items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing on the terminal."""


class HubHandler(Handler):
    """Answers with a redirect to the storage server, as the hub does for large files."""

    def do_HEAD(self) -> None:
        self.note()
        hub = self.hub
        known = self.path.startswith(RESOLVE) and self.path.endswith(f"/{FILENAME}")
        if not known:
            self.answer(404, {"X-Error-Code": "EntryNotFound"})
        elif hub.status != 200:
            extra = {"Retry-After": hub.retry_after} if hub.retry_after else {}
            self.answer(hub.status, {"X-Error-Code": hub.code} | extra)
        elif hub.token is not None and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self.answer(401, {"X-Error-Code": "GatedRepo"})
        else:
            etag = hub.offered or "8d3b5fcbd1b5e3a5e6a1"
            told = {"X-Repo-Commit": hub.commit, "X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(hub.size)}
            self.answer(302, told | {"Location": f"{hub.storage}/bytes?signature=abc"})

    do_GET = do_HEAD  # noqa: N815


class StorageHandler(Handler):
    """Sends the bytes, or some of them."""

    def do_GET(self) -> None:
        self.note()
        hub = self.hub
        if hub.storage_status != 200:
            self.answer(hub.storage_status, {})
            return
        start = 0
        asked = self.headers.get("Range")
        if asked is not None and not hub.ignores_ranges:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        body = hub.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(hub.content) - 1}/{len(hub.content)}")
        self.end_headers()
        if hub.stall_after is not None:
            self.wfile.write(body[: hub.stall_after])
            hub.stalled.set()
            hub.released.wait(HOLD_SECONDS)
            body = body[hub.stall_after :]
        if hub.cuts:
            body = body[: hub.cuts.pop(0)]
            self.close_connection = True
        try:
            self.wfile.write(body)
        except OSError:  # the client has gone
            self.close_connection = True
