# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the published tables into the model card, so that its figures are those of the files beside it.

The card says where: between ``<!-- figures -->`` and ``<!-- end -->`` both sets side by side, between
``<!-- sources -->`` and ``<!-- end -->`` the held-out objects by source.
"""

import re
from pathlib import Path

#: Sets in the order of the card, and what it calls them.
SETS = {"test": "held out", "scans": "scans"}


def published(figures: Path) -> dict[str, str]:
    """The text of each set's file in ``docs/figures``, by set; sets that were not published yet are missing."""
    paths = {title: figures / f"pebble_{title}.md" for title in SETS}
    return {title: path.read_text(encoding="utf-8") for title, path in paths.items() if path.exists()}


def fill(card: str, files: dict[str, str]) -> str:
    """The card with the tables of ``files``, which ``published`` gives.

    Raises:
        ValueError: the card has no such place, or a file no such table.
    """
    card = _replace(card, "figures", side_by_side({SETS[title]: first_table(text) for title, text in files.items()}))
    _, found, by_source = files.get("test", "").partition("## By source\n")
    return _replace(card, "sources", "\n".join(first_table(by_source))) if found else card


def first_table(text: str) -> list[str]:
    """The lines of the first table in a text. Raises ``ValueError`` if there is none."""
    match = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    if match is None:
        raise ValueError("there is no table in what was published")
    return match.group().splitlines()


def side_by_side(tables: dict[str, list[str]]) -> str:
    """Join tables that have the same kind of first column; rows that only one table has get empty cells."""
    rows: dict[str, list[str]] = {}
    width = 0
    for title, lines in tables.items():
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]
        cells[0] = ["", *(re.sub(r"^\w+ \(", f"{title} (", cell) for cell in cells[0][1:])]
        for label, *values in cells:
            row = rows.setdefault(label, [])
            row += [""] * (width - len(row)) + values
        width += len(cells[0]) - 1
    head, *body = ("| " + " | ".join([label, *row, *[""] * (width - len(row))]) + " |" for label, row in rows.items())
    return "\n".join([head, "| --- |" + " --- |" * width, *body])


def _replace(card: str, name: str, text: str) -> str:
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(card):
        raise ValueError(f"the model card has no place for its {name}")
    return pattern.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", card, count=1)
