# SPDX-License-Identifier: GPL-3.0-or-later
"""Sheets of six views."""

import numpy as np
import pytest
from image_to_3d.inference.errors import OutputError, PhotoError
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.photo import load_photo
from image_to_3d.inference.views import join_views, split_sheet
from PIL import Image

COLORS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), (250, 0, 250)]


@pytest.fixture
def paths(tmp_path):
    """Six pictures, a bar of colour on transparent ground."""
    result = []
    for number, color in enumerate(COLORS):
        picture = Image.new("RGBA", (200, 200))
        picture.paste((*color, 255), (0, 0, 100, 200))
        result.append(tmp_path / f"view {number}.png")
        picture.save(result[-1])
    return result


def test_six_photos_become_a_sheet_and_the_sheet_six_views(paths, tmp_path):
    sheet = tmp_path / "sheet.png"
    join_views(paths, sheet, Monitor())
    assert Image.open(sheet).size == (640, 960)
    views = split_sheet(load_photo(sheet, Monitor()))
    assert views.shape == (6, 320, 320, 3)
    np.testing.assert_allclose(views[:, 100, 50] * 255, COLORS, atol=1)
    np.testing.assert_allclose(views[:, 100, 270], 1)


def test_sheets_of_other_sizes_are_resized(tmp_path):
    path = tmp_path / "large.png"
    Image.new("RGB", (1280, 1920), (10, 20, 30)).save(path)
    views = split_sheet(load_photo(path, Monitor()))
    assert views.shape == (6, 320, 320, 3)
    np.testing.assert_allclose(views * 255, np.broadcast_to((10, 20, 30), views.shape), atol=0.01)


@pytest.mark.parametrize("size", [(640, 640), (960, 640), (641, 960)])
def test_what_is_no_sheet_is_refused(tmp_path, size):
    path = tmp_path / "photo.png"
    Image.new("RGB", size).save(path)
    with pytest.raises(PhotoError, match="sheet of six views"):
        split_sheet(load_photo(path, Monitor()))


def test_wrong_views_are_refused(paths, tmp_path):
    with pytest.raises(PhotoError, match="5 views"):
        join_views(paths[:5], tmp_path / "sheet.png", Monitor())
    Image.new("RGB", (200, 100)).save(paths[2])
    with pytest.raises(PhotoError, match="view 2"):
        join_views(paths, tmp_path / "sheet.png", Monitor())
    assert not (tmp_path / "sheet.png").exists()


def test_a_sheet_that_cannot_be_written_is_told(paths, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        join_views(paths, tmp_path / "gone" / "sheet.png", Monitor())
