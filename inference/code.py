# SPDX-License-Identifier: GPL-3.0-or-later
"""The code: what a network made of the photo, kept with the object so that nothing after it needs the network again.

A code is small (Pebble about 1 MB, TripoSR 2 MB). It holds the network's output as named float16 arrays, the camera
and window that tie it to the photo, and the cut-out photo itself for projection. As bytes it is a zip of ``.npy``
files, a JSON header and one WebP picture: it can be opened with any tool and is never unpickled.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .camera import Camera, Window
from .errors import ModelError
from .sentence import Sentence

FORMAT = 1
"""Version of the byte layout; a reader refuses what it does not know."""

PHOTO_QUALITY = 95
"""WebP quality of the kept photo: no visible loss at 2048 pixels, about a tenth of the size of PNG."""

PHOTO_METHOD = 0
"""WebP's effort, 0..6. At this quality more effort makes the file no smaller but costs twice the time."""


@dataclass(frozen=True)
class Code:
    """A network's reading of one photo.

    Attributes:
        system: id of the reconstruction system, e.g. ``"pebble"``.
        version: the system's version; a field can only be made by a system that knows this version.
        arrays: named arrays, float16 or uint8, of the shapes the system documents.
        camera: the photo's camera in the object frame.
        window: which part of the photo the camera's window is.
        photo: (s, s, 4) uint8, the cut-out photo inside the window: sRGB, straight alpha, at most 2048 pixels.
        provenance: where it came from: ``photo_name``, ``photo_sha256``, ``weights_licence`` and the like.
    """

    system: str
    version: str
    arrays: Mapping[str, NDArray[Any]]
    camera: Camera
    window: Window
    photo: NDArray[np.uint8]
    provenance: Mapping[str, str]
    _stored: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def to_bytes(self) -> bytes:
        """Serialise; the same code gives the same bytes.

        A code that came from bytes gives back those very bytes: its photo is not compressed a second time, which would
        cost half a second and lose a little quality with every step.
        """
        if self._stored is not None:
            return self._stored
        header = {
            "format": FORMAT,
            "system": self.system,
            "version": self.version,
            "camera": self.camera.to_json(),
            "window": asdict(self.window),
            "provenance": dict(self.provenance),
        }
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            _write_member(archive, "header.json", json.dumps(header, sort_keys=True).encode())
            _write_member(archive, "photo.webp", _encode_photo(self.photo))
            for name, array in sorted(self.arrays.items()):
                member = io.BytesIO()
                np.lib.format.write_array(member, np.ascontiguousarray(array), allow_pickle=False)
                _write_member(archive, f"{name}.npy", member.getvalue())
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Inverse of ``to_bytes``.

        Raises:
            ModelError: the bytes are damaged or of a later format.
        """
        hint = "Reconstruct the object from its photo again."
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                header = json.loads(archive.read("header.json"))
                if header["format"] != FORMAT:
                    raise ModelError(
                        Sentence(
                            "The stored code has format {stored}, this version reads format {known}.",
                            stored=header["format"],
                            known=FORMAT,
                        ),
                        "Update the extension.",
                    )
                photo = np.array(Image.open(io.BytesIO(archive.read("photo.webp"))).convert("RGBA"))
                arrays = {
                    name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                    for name in archive.namelist()
                    if name.endswith(".npy")
                }
                code = cls(
                    header["system"],
                    header["version"],
                    arrays,
                    Camera.from_json(header["camera"]),
                    Window(**header["window"]),
                    photo,
                    header["provenance"],
                )
                object.__setattr__(code, "_stored", bytes(data))  # the way into a frozen dataclass
                return code
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError, EOFError) as error:
            raise ModelError(Sentence("The stored code is damaged ({reason}).", reason=error), hint) from error


def _write_member(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Write with a fixed date, so that equal codes are equal bytes."""
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


def _encode_photo(photo: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    # exact=True keeps the colours under transparent pixels, which projection's filtering touches at the silhouette.
    Image.fromarray(photo, "RGBA").save(buffer, "WEBP", quality=PHOTO_QUALITY, method=PHOTO_METHOD, exact=True)
    return buffer.getvalue()
