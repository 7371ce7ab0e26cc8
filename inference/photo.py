# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a photo: any common file becomes upright, 8-bit sRGB pixels with straight alpha."""

import hashlib
import io
import re
import stat
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from .errors import PhotoError
from .monitor import Monitor
from .sentence import Sentence

MAX_PIXELS = 128_000_000
"""Larger files are refused from their header: decoding needs 4 bytes a pixel, so this bounds it to half a gigabyte.
The largest common cameras have about 102 million pixels."""

MAX_SIDE = 3072
"""Longest side kept, pixels: an object that fills two thirds of it has the 2048 pixels that projection can use."""

MIN_SIDE = 32
"""Shortest side accepted, pixels; below it there is nothing to reconstruct."""

HIDDEN_SHARE = 0.005
"""An alpha channel counts when it hides at least this share of the photo: rounded corners of a screenshot do not."""

_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "AVIF", "GIF", "BMP")
"""What is opened, by Pillow's names. A closed list, because some of Pillow's other readers start programs (EPS)."""

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF 2.32, tag 0x0112: how to turn the stored picture upright."""

_ORIENTATION, _EXIF_IFD, _FOCAL_LENGTH_35MM = 0x0112, 0x8769, 0xA405

_DECODE_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error)
"""What Pillow's readers raise on damaged files; the list is long because each reader has its own habits."""

_SIXTEEN_TO_EIGHT = ((np.arange(65536, dtype=np.uint32) + 128) // 257).astype(np.uint8)


@dataclass(frozen=True)
class Photo:
    """A photo, upright and in sRGB.

    Attributes:
        pixels: (h, w, 4) uint8, sRGB-encoded with straight alpha, row 0 at the top, longest side at most 3072.
        has_alpha: the file has an alpha channel that hides something.
        focal_35mm: focal length in millimetres on 35 mm film as EXIF tells it, or None.
        name: the file's name without its extension.
        sha256: of the file, hexadecimal.
    """

    pixels: NDArray[np.uint8]
    has_alpha: bool
    focal_35mm: float | None
    name: str
    sha256: str


def load_photo(path: Path, monitor: Monitor) -> Photo:
    """Read a PNG, JPEG, WebP, TIFF, AVIF, GIF or BMP file.

    Grey, palette, 16-bit, CMYK and Lab pictures are converted, embedded colour profiles and EXIF orientation applied.
    Of an animation or a file with several pages the first picture is used, with a warning.

    Args:
        path: the file.
        monitor: receives the warnings.

    Raises:
        PhotoError: there is no such file, it cannot be read, is no photo, is damaged, too large or too small.
    """
    with _open(path) as file:
        try:
            Image.init()
            with Image.open(file, formats=[name for name in _FORMATS if name in Image.OPEN]) as image:
                _check_size(image, path)
                _warn_of_more_pictures(image, path, monitor)
                colour, alpha = _decode(image, path, monitor)
                orientation, focal = _read_exif(image, path, monitor)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except Image.DecompressionBombError as error:
            raise _too_large(path) from error
        except UnidentifiedImageError as error:
            raise PhotoError(
                Sentence("'{name}' is not a photo that can be read.", name=path.name),
                "Choose a PNG, JPEG, WebP or TIFF file.",
            ) from error
        except _DECODE_ERRORS as error:
            raise PhotoError(
                Sentence("'{name}' is damaged or incomplete ({reason}).", name=path.name, reason=error),
                "Export or copy the photo again, for example as PNG.",
            ) from error
    colour.putalpha(alpha)
    if orientation in _UPRIGHT:
        colour = colour.transpose(_UPRIGHT[orientation])
    pixels = np.array(colour)
    hidden = float(np.mean(pixels[..., 3] < 128))
    return Photo(pixels, hidden >= HIDDEN_SHARE, focal, readable(path.stem), sha256)


def readable(name: str) -> str:
    """A file's name as text for names and files of our own: bytes that are no UTF-8, which Linux allows, are replaced.

    Python keeps such bytes as lone surrogates, which neither Blender nor USD nor glTF takes.
    """
    return re.sub(r"[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", name)


def _open(path: Path) -> io.BufferedReader:
    """Open the file, telling apart the ways in which that fails."""
    again = "Check the path, or choose the photo again."
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoError(Sentence("'{path}' is a folder.", path=path), "Choose a photo inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError(Sentence("'{path}' is not a file.", path=path), again)
        if status.st_size == 0:
            raise PhotoError(
                Sentence("'{name}' is empty (0 bytes).", name=path.name), "Export or copy the photo again."
            )
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PhotoError(Sentence("There is no file '{path}'.", path=path), again) from error
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        reason = getattr(error, "strerror", None) or error
        raise PhotoError(
            Sentence("'{path}' cannot be opened ({reason}).", path=path, reason=reason),
            "Check that you may read the file and its folder.",
        ) from error


def _too_large(path: Path) -> PhotoError:
    return PhotoError(
        Sentence(
            "'{name}' has more than {megapixels} million pixels.", name=path.name, megapixels=MAX_PIXELS // 1_000_000
        ),
        Sentence("Scale it down, {side} pixels along the longest side are enough.", side=MAX_SIDE),
    )


def _check_size(image: Image.Image, path: Path) -> None:
    """Refuse by the header, before any pixel is decoded."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(path)
    if min(width, height) < MIN_SIDE:
        raise PhotoError(
            Sentence("'{name}' is only {width} x {height} pixels.", name=path.name, width=width, height=height),
            Sentence(
                "Use a photo of at least {side} pixels along each side; 500 or more give a good result.", side=MIN_SIDE
            ),
        )


def _warn_of_more_pictures(image: Image.Image, path: Path, monitor: Monitor) -> None:
    """Say that only the first picture is used. A phone's JPEG (MPO) carries previews and depth, not more photos."""
    count = getattr(image, "n_frames", 1)
    if count > 1 and image.format != "MPO":
        monitor.warn(Sentence("'{name}' holds {count} pictures; the first one is used.", name=path.name, count=count))


def _decode(image: Image.Image, path: Path, monitor: Monitor) -> tuple[Image.Image, Image.Image]:
    """Decode at MAX_SIDE or less: sRGB colours (mode RGB) and alpha (mode L)."""
    profile = image.info.get("icc_profile")
    # Before decoding, so that a large JPEG is decoded at half its size or less.
    image.draft(image.mode, (MAX_SIDE, MAX_SIDE))
    plain = _to_eight_bits(image, path)
    plain.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if plain.mode in ("LA", "RGBA"):
        alpha = plain.getchannel("A")
        # Taking the channels, not compositing: colours under transparent pixels stay as they are.
        colour = plain.getchannel("L") if plain.mode == "LA" else plain.convert("RGB")
    else:
        alpha, colour = Image.new("L", plain.size, 255), plain
    return _to_srgb(colour, profile, path, monitor), alpha


def _to_eight_bits(image: Image.Image, path: Path) -> Image.Image:
    """Any of Pillow's modes to L, LA, RGB, RGBA, CMYK or LAB, transparency as an alpha channel."""
    mode = image.mode
    if mode == "F" or (mode == "I" and image.format != "PNG"):
        raise PhotoError(
            Sentence("'{name}' stores 32 bits per channel.", name=path.name), "Save it with 8 or 16 bits per channel."
        )
    if mode == "I" or mode.startswith("I;16"):
        return _from_sixteen_bits(image)
    if mode in ("1", "L", "RGB", "P") and "transparency" in image.info:
        return image.convert("LA" if mode in ("1", "L") else "RGBA")
    targets = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}
    image.load()
    return image.convert(targets[mode]) if mode in targets else image


def _from_sixteen_bits(image: Image.Image) -> Image.Image:
    """16-bit grey to L, or LA where a PNG names one grey as transparent."""
    values = np.asarray(image)
    grey = Image.fromarray(_SIXTEEN_TO_EIGHT[values])
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey
    alpha = Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8))
    return Image.merge("LA", (grey, alpha))


def _to_srgb(colour: Image.Image, profile: bytes | None, path: Path, monitor: Monitor) -> Image.Image:
    """L, RGB, CMYK or LAB to sRGB by the embedded profile; a damaged or unfitting profile is left out with a warning.

    Without a profile, grey and RGB are taken as sRGB (as every browser does) and Lab as CIE L*a*b* under D50.
    """
    try:
        source = None
        if profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        elif colour.mode == "LAB":
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        if source is not None:
            is_rgb = source.profile.xcolor_space.strip() == "RGB"
            image = colour.convert("RGB") if is_rgb and colour.mode == "L" else colour
            converted = ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                ImageCms.Intent.RELATIVE_COLORIMETRIC,
                "RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            if converted is not None:
                return converted
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        monitor.warn(
            Sentence(
                "The colour profile of '{name}' cannot be used; its colours may look slightly off.", name=path.name
            )
        )
    return colour.convert("RGB")


def _read_exif(image: Image.Image, path: Path, monitor: Monitor) -> tuple[int, float | None]:
    """Orientation (1..8) and 35 mm focal length. Damaged metadata never stops a photo whose pixels are fine."""
    try:
        exif = image.getexif()
        orientation = int(exif.get(_ORIENTATION, 1))
        focal = float(exif.get_ifd(_EXIF_IFD).get(_FOCAL_LENGTH_35MM, 0))
        # EXIF 2.32: 0 means unknown. Beyond 1 m no real lens is meant.
        return orientation, focal if 1 <= focal <= 1000 else None
    except _DECODE_ERRORS:
        monitor.warn(Sentence("The metadata of '{name}' is damaged; the photo may lie on its side.", name=path.name))
        return 1, None
