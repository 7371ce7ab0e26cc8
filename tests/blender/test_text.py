# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences in panels: broken into lines that fit, in scripts with spaces and without."""

import pytest
from image_to_3d.text import broken, letters

CLOSING = "\u3001\u3002\uff09\uff0c"
TEXTS = (
    "There is no file '/home/artist/photos/cup.png'. Check the path, or choose the photo again.",
    "写真が選ばれていません。上で開くか、写真をビューポートにドロップしてください",
    "未选择照片。请在上方打开一张、或将照片拖放到 3D 视图中",
    "a" * 100,
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("length", [12, 24, 36])
def test_lines_fit_and_nothing_is_lost(text, length):
    lines = broken(text, length)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    # A closing mark may hang over the edge: it never begins a line.
    assert max(map(letters, lines)) <= length + 2
    assert not any(line[0] in CLOSING for line in lines)


def test_words_stay_whole():
    assert broken("one two three", 8) == ["one two", "three"]


def test_wide_characters_count_twice():
    assert letters("ab写真") == 6
    assert broken("写真写真写真", 8) == ["写真写真", "写真"]
