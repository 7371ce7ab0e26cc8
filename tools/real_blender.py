# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Blender 5.2 with its window, mouse and keyboard, on any Linux where we are root.

Debian sid's Blender lives in a folder of its own (chroot), made once and kept in the user's cache. Each session runs in
its own mount and process namespaces, so that nothing of it survives: no mounts, no processes. Its display is a virtual
one (Xvfb) with software OpenGL.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MODULE = "bl_ext.user_default.image_to_3d"
SCREEN = (1600, 1000)
VIEWPORT = (500, 550)
"""Pixels; a place in the 3D viewport of Blender's first workspace, left of the sidebar."""

# python3-* are modules that official Blenders bundle; Pillow and ONNX Runtime must come from the extension's own zip.
PACKAGES = [
    "blender",
    "ca-certificates",
    "imagemagick",
    "libgl1-mesa-dri",
    "python3-cattr",
    "python3-numpy",
    "python3-openvdb",
    "python3-requests",
    "python3-zstandard",
    "xdotool",
    "xvfb",
]
DRIVER = Path(__file__).resolve().parent / "real_blender_driver.py"

_ENTER = 'mount --bind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
_RUN = """
Xvfb -displayfd 3 -screen 0 {width}x{height}x24 +extension GLX 3>/{session}/display 2>/{session}/xvfb.log &
while ! [ -s /{session}/display ]; do sleep 0.1; done
DISPLAY=:$(cat /{session}/display) blender --python /{session}/driver.py >/{session}/blender.log 2>&1
echo $? >/{session}/exit_code
sleep infinity
"""


class NotPossibleHere(Exception):
    """This machine cannot have a real Blender; the message says why."""


def real_blender_root() -> Path:
    """The folder with Debian's Blender, made first where needed (about a minute and 1.7 GB).

    Raises NotPossibleHere.
    """
    if sys.platform != "linux":
        raise NotPossibleHere("a real Blender is made with debootstrap, which needs Linux")
    if os.geteuid() != 0:
        raise NotPossibleHere("a real Blender lives in a chroot, which needs root")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = cache / "image_to_3d" / "real-blender"
    stamp = root / "ready"
    wanted = " ".join(PACKAGES)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return root
    if shutil.which("debootstrap") is None:
        raise NotPossibleHere("debootstrap is not installed: apt install debootstrap")
    root.parent.mkdir(parents=True, exist_ok=True)
    if not (root / "usr/bin/apt-get").exists() or (root / "debootstrap").exists():
        shutil.rmtree(root, ignore_errors=True)
        _make(["debootstrap", "--variant=minbase", "sid", str(root)])
    resolver = Path("/etc/resolv.conf")
    if resolver.is_file():
        shutil.copyfile(resolver, root / "etc/resolv.conf")
    # A mirror may lag behind; its signatures are verified all the same.
    lenient = ["-o", "Acquire::Check-Valid-Until=false"]
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y", *lenient]
    _make(enter(root, [*quiet, "update"]))
    _make(enter(root, [*quiet, "install", "--no-install-recommends", *PACKAGES]))
    _make(enter(root, [*quiet, "clean"]))
    stamp.write_text(wanted, encoding="utf-8")
    return root


def enter(root: Path, command: list[str]) -> list[str]:
    """``command`` inside ``root``, in namespaces of its own that end with it."""
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*namespaces, "sh", "-c", _ENTER, str(root), *command]


def _make(command: list[str]) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        lines = (finished.stderr or finished.stdout).strip().splitlines()
        raise NotPossibleHere(f"{command[0]} failed: {lines[-1] if lines else 'no reason given'}")


class Window:
    """One running Blender: its screen, mouse, keyboard, and what the driver inside tells about it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder

    @property
    def session(self) -> str:
        """The session's folder as Blender sees it, without the leading slash."""
        return str(self.folder.relative_to(self.root))

    def state(self) -> dict[str, Any]:
        """What the driver wrote last; empty before its first word."""
        path = self.folder / "state.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}

    def wait_for(self, condition: Callable[[dict[str, Any]], bool], seconds: float, what: str) -> dict[str, Any]:
        """The first state that meets the condition; raises TimeoutError, or RuntimeError if Blender ended before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state()
            if state and condition(state):
                return state
            if self.exit_code() is not None:
                raise RuntimeError(f"Blender ended while waiting for {what}:\n{self.log()}")
            time.sleep(0.02)
        raise TimeoutError(f"{what} did not happen within {seconds} s; last state: {self.state()}\n{self.log()}")

    def exit_code(self) -> int | None:
        """Blender's, once it has ended."""
        path = self.folder / "exit_code"
        text = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
        return int(text) if text else None

    def log(self) -> str:
        """What Blender printed."""
        path = self.folder / "blender.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    def ask(self, request: dict[str, Any]) -> None:
        """Let the driver set something up (see its ``obey``) and wait until it has."""
        number = self.state()["answered"] + 1
        pending = self.folder / "request.json.part"
        pending.write_text(json.dumps({"number": number} | request), encoding="utf-8")
        pending.rename(self.folder / "request.json")
        self.wait_for(lambda state: state["answered"] == number, 30, f"the answer to {request}")

    def settle(self, seconds: float = 1.0) -> None:
        """Wait until Blender has had nothing to draw for a while: a frame takes long without a GPU."""
        # It draws after it has handled an event, so that only a second answer knows how long the picture took.
        for _ in range(2):
            self.ask({})
        self.wait_for(lambda state: state["quiet_seconds"] > seconds, 60, "an idle window")

    def xdotool(self, *arguments: str | int) -> None:
        """Send real events to the display."""
        self._on_display(["xdotool", *map(str, arguments)])

    def move(self, x: int, y: int) -> None:
        """Put the mouse somewhere; y counts down from the screen's top. Two steps: Blender reacts to motion."""
        self.xdotool("mousemove", x - 2, y - 2, "mousemove", x, y)

    def screenshot(self, path: Path) -> None:
        """A PNG of the whole display."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._on_display(["import", "-window", "root", f"/{self.session}/screenshot.png"])
        shutil.copyfile(self.folder / "screenshot.png", path)

    def click(self, place: tuple[int, int]) -> None:
        """A left click."""
        self.move(*place)
        time.sleep(0.1)
        self.xdotool("click", 1)

    def stroke(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press the left button, draw a straight line and let go."""
        self.move(*start)
        time.sleep(0.2)
        shares = [step / 8 for step in range(1, 9)]
        places = [[round(a + share * (b - a)) for a, b in zip(start, end, strict=True)] for share in shares]
        moves = [part for place in places for part in ("sleep", "0.05", "mousemove", *place)]
        self.xdotool("mousedown", 1, *moves, "mouseup", 1)

    def press_over_viewport(self, keys: str) -> None:
        """A shortcut, with the mouse over the 3D viewport."""
        self.settle()
        self.move(*VIEWPORT)
        self.xdotool("key", keys)

    def _on_display(self, command: list[str]) -> None:
        display = (self.folder / "display").read_text(encoding="utf-8").strip()
        environment = {"DISPLAY": f":{display}", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        subprocess.run(["chroot", str(self.root), *command], env=environment, check=True, capture_output=True)


@contextmanager
def window(root: Path, package: Path, files: list[Path]) -> Iterator[Window]:
    """A Blender with its window, the package installed in an empty user folder, and ``files`` beside the driver.

    Raises RuntimeError if Blender does not come up.
    """
    folder = Path(tempfile.mkdtemp(prefix="session_", dir=root / "tmp"))
    blender = Window(root, folder)
    for file in [package, *files]:
        shutil.copyfile(file, folder / file.name)
    shutil.copyfile(DRIVER, folder / "driver.py")
    width, height = SCREEN
    script = _RUN.format(session=blender.session, width=width, height=height)
    environment = {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": f"/{blender.session}",
        "LANG": "C.UTF-8",
        "TMPDIR": f"/{blender.session}",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "BLENDER_USER_RESOURCES": f"/{blender.session}/user",
    }
    install = ["blender", "--background", "--python-exit-code", "1", "--python", f"/{blender.session}/driver.py", "--"]
    command = enter(root, [*install, "install", f"/{blender.session}/{package.name}"])
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise RuntimeError(f"The package cannot be installed:\n{finished.stdout}{finished.stderr}")
    process = subprocess.Popen(enter(root, ["sh", "-c", script]), env=environment)
    try:
        blender.wait_for(lambda state: state["sidebar"].get("width", 0) > 1, 300, "Blender's window")
        yield blender
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
