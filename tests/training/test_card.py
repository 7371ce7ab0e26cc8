# SPDX-License-Identifier: GPL-3.0-or-later
"""The model card's figures are those of the published tables."""

from pathlib import Path

import pytest

from training.measure import card

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEST = """# Title

| | test (2): pebble | test (2): inflated |
| --- | --- | --- |
| F-score at 0.1 | 0.7 (0.8) | 0.5 (0.5) |
| seconds | 0.4 |  |

## By source

| source | objects |
| --- | --- |
| shapes | 2 |

## By category
"""
SCANS = """| | scans (1): pebble |
| --- | --- |
| F-score at 0.1 | 0.9 (0.9) |
| watertight | 1.0 |
"""
CARD = "Before\n<!-- figures -->\nold\n<!-- end -->\nbetween\n<!-- sources -->\nold\n<!-- end -->\nafter\n"
FILLED = """Before
<!-- figures -->

|  | held out (2): pebble | held out (2): inflated | scans (1): pebble |
| --- | --- | --- | --- |
| F-score at 0.1 | 0.7 (0.8) | 0.5 (0.5) | 0.9 (0.9) |
| seconds | 0.4 |  |  |
| watertight |  |  | 1.0 |

<!-- end -->
between
<!-- sources -->

| source | objects |
| --- | --- |
| shapes | 2 |

<!-- end -->
after
"""


def test_the_sets_stand_side_by_side():
    filled = card.fill(CARD, {"test": TEST, "scans": SCANS})
    assert filled == FILLED
    assert card.fill(filled, {"test": TEST, "scans": SCANS}) == FILLED


@pytest.mark.parametrize("text", ["", "Before\n<!-- figures -->\n"])
def test_a_card_without_a_place_for_them_is_refused(text):
    with pytest.raises(ValueError, match="no place"):
        card.fill(text, {"test": TEST})


def test_a_file_without_a_table_is_refused():
    with pytest.raises(ValueError, match="no table"):
        card.fill(CARD, {"test": "nothing"})


def test_the_card_shows_what_was_published():
    text = (DOCS / "pebble.md").read_text(encoding="utf-8")
    assert text == card.fill(text, card.published(DOCS / "figures"))
