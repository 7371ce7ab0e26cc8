# SPDX-License-Identifier: GPL-3.0-or-later
"""The code: what a network made of the photo, kept with the object so that nothing after it needs the network again.

A code is small (Pebble about 1 MB, TripoSR 2 MB). It holds the network's output as named float16 arrays, the camera
and window that tie it to the photo, and the cut-out photo itself for projection; likewise further photos of the same
object that were projected on it. As bytes it is a zip of ``.npy`` files, a JSON header and a WebP picture for each
photo: it can be opened with any tool and is never unpickled.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .camera import Camera, Window
from .errors import ModelError
from .sentence import Sentence

FORMAT = 1
"""Version of the byte layout; a reader refuses what it does not know."""

PRIOR_PREFIX = "prior/"
"""What the names of a prior's stored numbers begin with, to tell them from the code's own arrays."""

PHOTO_QUALITY = 95
"""WebP quality of the kept photo: no visible loss at 2048 pixels, about a tenth of the size of PNG."""

PHOTO_METHOD = 0
"""WebP's effort, 0..6. At this quality more effort makes the file no smaller but costs twice the time."""


@dataclass(frozen=True)
class FurtherPhoto:
    """Another photo of the object, whose view was matched to it.

    Attributes:
        pixels: (s, s, 4) uint8, the cut-out inside the window, as ``Code.photo``.
        camera: its camera in the object frame.
        window: which part of the photo the camera's window is.
        agreement: how well the object's silhouette agrees with the cut-out's, as intersection over union, 0..1.
        provenance: ``photo_name`` and ``photo_sha256``, of its file.
    """

    pixels: NDArray[np.uint8]
    camera: Camera
    window: Window
    agreement: float
    provenance: Mapping[str, str]
    _encoded: bytes | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Of its file."""
        return self.provenance["photo_name"]

    @property
    def sha256(self) -> str:
        """Of its file; photos of an object are told apart by it."""
        return self.provenance["photo_sha256"]

    def encoded(self) -> bytes:
        """The pixels as they are stored; of a photo that was stored before, the very same bytes."""
        return self._encoded or _encode_photo(self.pixels)

    def placed(self, camera: Camera, agreement: float) -> Self:
        """The same photo taken from elsewhere; its pixels are not compressed a second time."""
        moved = replace(self, camera=camera, agreement=agreement)
        _keep(moved, "_encoded", self._encoded)
        return moved


@dataclass(frozen=True)
class Prior:
    """A known shape that the object was found to have; see ``priors``.

    Attributes:
        kind: of the shape, e.g. ``"ball"``.
        numbers: all that makes the shape, by name, in the view frame of the code's camera.
        camera: the predicted camera, for which the system's own field holds; ``Code.camera`` has the same view of the
            shape, but stands where the shape is upright and fills the object frame.
    """

    kind: str
    numbers: Mapping[str, NDArray[Any]]
    camera: Camera


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
        photos: further photos that were projected on the object, in the order in which they were added.
        prior: the known shape that takes the prediction's place, or None.
    """

    system: str
    version: str
    arrays: Mapping[str, NDArray[Any]]
    camera: Camera
    window: Window
    photo: NDArray[np.uint8]
    provenance: Mapping[str, str]
    photos: tuple[FurtherPhoto, ...] = ()
    prior: Prior | None = None
    _stored: bytes | None = field(default=None, init=False, repr=False, compare=False)
    _encoded: bytes | None = field(default=None, init=False, repr=False, compare=False)

    def with_photos(self, photos: tuple[FurtherPhoto, ...]) -> Self:
        """The same code with other further photos; the first photo is not compressed a second time."""
        changed = replace(self, photos=photos)
        _keep(changed, "_encoded", self._encoded)
        return changed

    def as_predicted(self) -> Self:
        """The code as its system made it, without a prior; its photo is not compressed a second time."""
        if self.prior is None:
            return self
        changed = replace(self, camera=self.prior.camera, prior=None)
        _keep(changed, "_encoded", self._encoded)
        return changed

    def to_bytes(self) -> bytes:
        """Serialise; the same code gives the same bytes.

        A code that came from bytes gives back those very bytes: its photo is not compressed a second time, which would
        cost half a second and lose a little quality with every step.
        """
        if self._stored is not None:
            return self._stored
        header: dict[str, Any] = {
            "format": FORMAT,
            "system": self.system,
            "version": self.version,
            "camera": self.camera.to_json(),
            "window": asdict(self.window),
            "provenance": dict(self.provenance),
        }
        if self.photos:  # a code without them has the bytes it always had
            header["photos"] = [_describe(photo) for photo in self.photos]
        arrays = dict(self.arrays)
        if self.prior is not None:  # likewise
            header["prior"] = {"kind": self.prior.kind, "camera": self.prior.camera.to_json()}
            arrays |= {PRIOR_PREFIX + name: array for name, array in self.prior.numbers.items()}
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            _write_member(archive, "header.json", json.dumps(header, sort_keys=True).encode())
            _write_member(archive, "photo.webp", self._encoded or _encode_photo(self.photo))
            for number, further in enumerate(self.photos, 2):
                _write_member(archive, _member(number), further.encoded())
            for name, array in sorted(arrays.items()):
                member = io.BytesIO()
                np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
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
                encoded = archive.read("photo.webp")
                arrays = {
                    name.removesuffix(".npy"): np.load(io.BytesIO(archive.read(name)), allow_pickle=False)
                    for name in archive.namelist()
                    if name.endswith(".npy")
                }
                prior = _take_prior(header.get("prior"), arrays)
                code = cls(
                    header["system"],
                    header["version"],
                    arrays,
                    Camera.from_json(header["camera"]),
                    Window(**header["window"]),
                    _decode_photo(encoded),
                    header["provenance"],
                    tuple(
                        _read_photo(described, archive.read(_member(number)))
                        for number, described in enumerate(header.get("photos", ()), 2)
                    ),
                    prior,
                )
                _keep(code, "_stored", bytes(data))
                _keep(code, "_encoded", encoded)
                return code
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, OSError, EOFError) as error:
            raise ModelError(Sentence("The stored code is damaged ({reason}).", reason=error), hint) from error


def _take_prior(described: Mapping[str, Any] | None, arrays: dict[str, NDArray[Any]]) -> Prior | None:
    """The stored prior; its numbers are taken out of the code's arrays."""
    if described is None:
        return None
    stored = [name for name in arrays if name.startswith(PRIOR_PREFIX)]
    numbers = {name.removeprefix(PRIOR_PREFIX): arrays.pop(name) for name in stored}
    return Prior(described["kind"], numbers, Camera.from_json(described["camera"]))


def _keep(value: Code | FurtherPhoto, name: str, data: bytes | None) -> None:
    """Set a private field: the way into a frozen dataclass."""
    object.__setattr__(value, name, data)


def _member(number: int) -> str:
    """Where the photo of that number is; the first is called ``photo.webp``."""
    return f"photo_{number}.webp"


def _describe(photo: FurtherPhoto) -> dict[str, Any]:
    """A further photo without its pixels, for the header."""
    return {
        "camera": photo.camera.to_json(),
        "window": asdict(photo.window),
        "agreement": photo.agreement,
        "provenance": dict(photo.provenance),
    }


def _read_photo(described: Mapping[str, Any], encoded: bytes) -> FurtherPhoto:
    """Inverse of ``_describe``, with the pixels."""
    photo = FurtherPhoto(
        _decode_photo(encoded),
        Camera.from_json(described["camera"]),
        Window(**described["window"]),
        float(described["agreement"]),
        described["provenance"],
    )
    _keep(photo, "_encoded", encoded)
    return photo


def _write_member(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Write with a fixed date, so that equal codes are equal bytes."""
    archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED)


def _encode_photo(photo: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    # exact=True keeps the colours under transparent pixels, which projection's filtering touches at the silhouette.
    Image.fromarray(photo, "RGBA").save(buffer, "WEBP", quality=PHOTO_QUALITY, method=PHOTO_METHOD, exact=True)
    return buffer.getvalue()


def _decode_photo(encoded: bytes) -> NDArray[np.uint8]:
    return np.array(Image.open(io.BytesIO(encoded)).convert("RGBA"))
