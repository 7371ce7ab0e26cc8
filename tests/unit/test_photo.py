# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of file an artist may choose: the right pixels, or one sentence that says what to do."""

import hashlib
import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference import photo as photo_module
from image_to_3d.inference.errors import PhotoError
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.photo import Photo, load_photo
from PIL import Image, ImageCms, PngImagePlugin

RED, GREEN, BLUE = (200, 30, 20), (20, 180, 40), (30, 40, 190)


def quadrants(size: int = 64) -> Image.Image:
    """Red, green / blue, white: no two turns or flips of it are equal."""
    image = Image.new("RGB", (size, size), (255, 255, 255))
    half = size // 2
    for colour, corner in ((RED, (0, 0)), (GREEN, (half, 0)), (BLUE, (0, half))):
        image.paste(colour, (*corner, corner[0] + half, corner[1] + half))
    return image


def corners(photo: Photo) -> list[tuple[int, ...]]:
    """The middle colour of each quadrant, in reading order."""
    height, width = photo.pixels.shape[:2]
    return [
        tuple(int(v) for v in photo.pixels[y, x, :3])
        for y in (height // 4, 3 * height // 4)
        for x in (width // 4, 3 * width // 4)
    ]


def assert_quadrants(photo: Photo, tolerance: int) -> None:
    np.testing.assert_allclose(corners(photo), [RED, GREEN, BLUE, (255, 255, 255)], atol=tolerance)


def load(path: Path) -> Photo:
    """Load, and insist that nothing was warned about."""
    monitor = Monitor()
    photo = load_photo(path, monitor)
    assert monitor.warnings == []
    return photo


@pytest.mark.parametrize(
    ("suffix", "tolerance"), [("png", 0), ("tif", 0), ("bmp", 0), ("gif", 4), ("jpg", 6), ("webp", 12)]
)
def test_formats(tmp_path: Path, suffix: str, tolerance: int) -> None:
    path = tmp_path / f"a chair.{suffix}"
    quadrants().save(path)
    photo = load(path)
    assert_quadrants(photo, tolerance)
    assert photo.pixels.shape == (64, 64, 4)
    assert photo.pixels.dtype == np.uint8
    assert (photo.pixels[..., 3] == 255).all()
    assert not photo.has_alpha
    assert photo.name == "a chair"
    assert photo.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert photo.focal_35mm is None


def test_palette_with_transparent_colour(tmp_path: Path) -> None:
    image = quadrants().quantize(4)
    blue = image.getpixel((5, 60))
    image.save(tmp_path / "p.png", transparency=blue)
    photo = load(tmp_path / "p.png")
    assert photo.has_alpha
    assert photo.pixels[60, 5, 3] == 0
    assert photo.pixels[5, 5].tolist() == [*RED, 255]


def test_named_transparent_colour_of_an_rgb_png(tmp_path: Path) -> None:
    quadrants().save(tmp_path / "t.png", transparency=GREEN)
    photo = load(tmp_path / "t.png")
    assert photo.pixels[5, 60, 3] == 0
    assert photo.pixels[60, 60].tolist() == [255, 255, 255, 255]


def test_straight_alpha_keeps_colours_at_every_opacity(tmp_path: Path) -> None:
    image = quadrants()
    image.putalpha(Image.linear_gradient("L").resize((64, 64)))
    for suffix in ("png", "tif"):
        image.save(tmp_path / f"a.{suffix}")
        photo = load(tmp_path / f"a.{suffix}")
        np.testing.assert_array_equal(photo.pixels, np.array(image))
        assert photo.has_alpha


def test_shrinking_does_not_darken_half_transparent_edges(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_module, "MAX_SIDE", 100)
    pixels = np.zeros((300, 300, 4), np.uint8)
    pixels[50:251, 50:251] = (*RED, 255)
    Image.fromarray(pixels).save(tmp_path / "big.png")
    photo = load(tmp_path / "big.png")
    assert photo.pixels.shape == (100, 100, 4)
    edge = photo.pixels[(photo.pixels[..., 3] > 40) & (photo.pixels[..., 3] < 250)]
    assert len(edge) > 100
    np.testing.assert_allclose(edge[:, :3], np.broadcast_to(RED, (len(edge), 3)), atol=15)


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey(tmp_path: Path, mode: str) -> None:
    grey = Image.linear_gradient("L").resize((64, 64)).convert(mode)
    grey.save(tmp_path / "g.png")
    pixels = load(tmp_path / "g.png").pixels
    expected = np.array(grey.convert("L"))
    for channel in range(3):
        np.testing.assert_array_equal(pixels[..., channel], expected)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path, suffix: str) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / f"deep.{suffix}")
    pixels = load(tmp_path / f"deep.{suffix}").pixels
    np.testing.assert_allclose(pixels[..., 0], ramp / 257.0, atol=0.5)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_header(width: int, height: int) -> bytes:
    """The first bytes of a PNG of that size, whose pixels are missing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", bytes(16))


def _sixteen_bit_png(channels: int, colour_type: int) -> bytes:
    """A 64 x 64 PNG with 16 bits per channel: Pillow reads these but cannot write them."""
    ramp = np.linspace(0, 65535, 64 * 64 * channels).reshape(64, 64 * channels).astype(">u2")
    rows = zlib.compress(b"".join(b"\0" + row.tobytes() for row in ramp))
    header = struct.pack(">IIBBBBB", 64, 64, 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


@pytest.mark.parametrize(("channels", "colour_type"), [(3, 2), (4, 6), (2, 4)])
def test_sixteen_bit_colour(tmp_path: Path, channels: int, colour_type: int) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(_sixteen_bit_png(channels, colour_type))
    pixels = load(path).pixels
    expected = np.linspace(0, 255, 64 * 64 * channels).reshape(64, 64, channels)
    picked = pixels[..., [0, 3]] if channels == 2 else pixels[..., :channels]
    np.testing.assert_allclose(picked, expected, atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = quadrants().resize((96, 64))
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    photo = load(tmp_path / "turned.png")
    assert photo.pixels.shape == (64, 96, 4)
    assert_quadrants(photo, 0)


@pytest.mark.parametrize(("value", "expected"), [(26, 26.0), (0, None), (5000, None)])
def test_exif_focal_length(tmp_path: Path, value: int, expected: float | None) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = value
    quadrants().save(tmp_path / "phone.jpg", exif=exif)
    assert load(tmp_path / "phone.jpg").focal_35mm == expected


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_exif_does_not_stop_the_photo(tmp_path: Path) -> None:
    quadrants().save(
        tmp_path / "odd.jpg", exif=b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x02\xff\xff\xff\xff\xff\xff"
    )
    photo = load_photo(tmp_path / "odd.jpg", Monitor())
    assert_quadrants(photo, 6)


def test_cmyk(tmp_path: Path) -> None:
    quadrants().convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    assert_quadrants(load(tmp_path / "print.jpg"), 10)


def test_lab(tmp_path: Path) -> None:
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(quadrants(), transform)
    assert lab is not None
    lab.save(tmp_path / "lab.tif")
    assert_quadrants(load(tmp_path / "lab.tif"), 12)


def _swapped_primaries_profile() -> bytes:
    """An RGB profile whose red and blue are exchanged: applying it is unmistakable."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    entries = {bytes(data[o : o + 4]): o for o in (132 + 12 * i for i in range(count))}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    return bytes(data)


def test_embedded_profile_is_converted_to_srgb(tmp_path: Path) -> None:
    quadrants().save(tmp_path / "wide.png", icc_profile=_swapped_primaries_profile())
    found = corners(load(tmp_path / "wide.png"))
    np.testing.assert_allclose(found[:3], [RED[::-1], GREEN[::-1], BLUE[::-1]], atol=4)


def test_grey_file_with_an_rgb_profile(tmp_path: Path) -> None:
    Image.linear_gradient("L").save(tmp_path / "g.png", icc_profile=_swapped_primaries_profile())
    pixels = load(tmp_path / "g.png").pixels.astype(int)
    assert np.abs(pixels[..., 0] - np.array(Image.linear_gradient("L"), int)).max() <= 3


def test_damaged_profile_is_warned_about(tmp_path: Path) -> None:
    quadrants().save(tmp_path / "odd.png", icc_profile=b"not a profile")
    monitor = Monitor()
    photo = load_photo(tmp_path / "odd.png", monitor)
    assert_quadrants(photo, 0)
    assert len(monitor.warnings) == 1
    assert "odd.png" in monitor.warnings[0]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tif"])
def test_of_several_pictures_the_first_is_used_with_a_warning(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"moving.{suffix}"
    lossless = {"lossless": True} if suffix == "webp" else {}
    quadrants().save(
        path, save_all=True, append_images=[Image.new("RGB", (64, 64), c) for c in (RED, BLUE)], **lossless
    )
    monitor = Monitor()
    assert_quadrants(load_photo(path, monitor), 4)
    assert len(monitor.warnings) == 1
    assert "3 pictures" in monitor.warnings[0]


def test_long_side_is_limited_and_the_shape_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_module, "MAX_SIDE", 128)
    for suffix in ("jpg", "png"):
        quadrants().resize((600, 300)).save(tmp_path / f"long.{suffix}", quality=95)
        photo = load(tmp_path / f"long.{suffix}")
        assert photo.pixels.shape == (64, 128, 4)
        assert_quadrants(photo, 8)


def test_rounded_corners_are_no_cut_out(tmp_path: Path) -> None:
    image = quadrants(100)
    alpha = Image.new("L", image.size, 255)
    alpha.putpixel((0, 0), 0)
    image.putalpha(alpha)
    image.save(tmp_path / "window.png")
    assert not load(tmp_path / "window.png").has_alpha


def _jpeg(folder: Path) -> bytes:
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (256, 256, 3), np.uint8)).save(folder / "whole.jpg")
    return (folder / "whole.jpg").read_bytes()


BAD_FILES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "empty.png": (lambda _: b"", "0 bytes"),
    "text.png": (lambda _: b"hello, I am a letter, not a photo", "not a photo"),
    "model.glb": (lambda _: b"glTF\2\0\0\0" + bytes(100) + bytes(100), "not a photo"),
    "program.eps": (lambda _: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 640 640\n", "not a photo"),
    "cut.jpg": (lambda folder: _jpeg(folder)[:9000], "damaged"),
    "header_only.jpg": (lambda folder: _jpeg(folder)[:300], "damaged"),
    "huge.png": (lambda _: _png_header(30000, 30000), "million pixels"),
    "large.png": (lambda _: _png_header(13000, 10000), "million pixels"),
    "dot.png": (lambda _: _png_header(1, 1), "1 x 1"),
    "line.png": (lambda _: _png_header(4000, 3), "4000 x 3"),
    "no_pixels.png": (lambda _: _png_header(64, 64), "damaged"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files(tmp_path: Path, name: str) -> None:
    content, expected = BAD_FILES[name]
    path = tmp_path / name
    path.write_bytes(content(tmp_path))
    assert_clear_error(path, expected)


def assert_clear_error(path: Path, expected: str) -> None:
    """A PhotoError with two whole sentences: what happened, naming the file, and what to do."""
    with pytest.raises(PhotoError) as caught:
        load_photo(path, Monitor())
    assert expected in caught.value.message
    assert path.name in caught.value.message
    for sentence in (caught.value.message, caught.value.hint):
        assert sentence.endswith(".")
        assert "\n" not in sentence


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert_clear_error(tmp_path / "gone.png", "no file")
    assert_clear_error(tmp_path / "gone" / "gone.png", "no file")
    assert_clear_error(tmp_path, "folder")


@pytest.mark.parametrize("refused", ["open", "stat"])
def test_unreadable_file_or_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str) -> None:
    """Simulated, because tests may run as a user whom nothing is forbidden."""
    path = tmp_path / "secret.png"
    quadrants().save(path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, refused, refuse)
        assert_clear_error(path, "Permission denied")


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links and /dev/null are not of Windows")
def test_odd_paths(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "b.png")
    assert_clear_error(tmp_path / "a.png", "no file")
    assert_clear_error(Path("/dev/null"), "not a file")
    assert_clear_error(tmp_path / ("long" * 200), "cannot be opened")


def test_float_tiff_is_refused_rather_than_misread(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((64, 64), np.float32)).save(tmp_path / "scan.tif")
    assert_clear_error(tmp_path / "scan.tif", "32 bits")


def test_too_large_is_refused_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "huge.png").write_bytes(_png_header(12000, 12000))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda _: pytest.fail("the file was decoded"))
    assert_clear_error(tmp_path / "huge.png", "million pixels")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_damage_is_always_a_photo_or_a_clear_error(tmp_path: Path) -> None:
    """Flipping, cutting and overwriting bytes never raises anything but PhotoError."""
    rng = np.random.default_rng(7)
    refused = 0
    for suffix in ("png", "jpg", "webp", "tif", "gif"):
        source = tmp_path / f"whole.{suffix}"
        quadrants().save(source)
        whole = source.read_bytes()
        for _ in range(40):
            data = bytearray(whole[: rng.integers(8, len(whole) + 1)])
            for place in rng.integers(0, len(data), rng.integers(0, 6)):
                data[place] = rng.integers(0, 256)
            source.write_bytes(bytes(data))
            try:
                photo = load_photo(source, Monitor())
            except PhotoError:
                refused += 1
            else:
                assert photo.pixels.shape[2] == 4
                assert max(photo.pixels.shape) <= photo_module.MAX_SIDE
    assert refused > 50


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
def test_a_file_name_that_is_no_utf_8_becomes_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"mug\xe9.png")
    Image.new("RGB", (64, 64)).save(path)
    assert load_photo(path, Monitor()).name == "mug\ufffd"
