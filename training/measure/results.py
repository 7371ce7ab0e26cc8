# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts as a table of means and medians, and as one line for each object."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .judge import Verdict

METHODS = ("pebble", "inflated", "ellipsoid")
#: What a column of the table is called, and how many decimals it is printed with.
SHOWN = {
    "chamfer": ("Chamfer distance", 3),
    "f@0.1": ("F-score at 0.1", 3),
    "f@0.05": ("F-score at 0.05", 3),
    "visible chamfer": ("visible side: Chamfer distance", 3),
    "visible f@0.1": ("visible side: F-score at 0.1", 3),
    "visible f@0.05": ("visible side: F-score at 0.05", 3),
    "visible alone f@0.1": ("visible side against visible side: F-score at 0.1", 3),
    "hidden chamfer": ("hidden side: Chamfer distance", 3),
    "hidden f@0.1": ("hidden side: F-score at 0.1", 3),
    "hidden f@0.05": ("hidden side: F-score at 0.05", 3),
    "volume": ("volumetric IoU", 3),
    "silhouette": ("silhouette IoU, with the mask given", 4),
    "true silhouette": ("silhouette IoU, with the true mask", 4),
    "normals": ("angle between visible normals, degrees", 1),
    "elevation error": ("elevation error, degrees", 1),
    "field of view error": ("field of view error, degrees", 1),
    "psnr": ("colours from the photo's side: PSNR, dB", 1),
    "ssim": ("colours from the photo's side: SSIM", 3),
    "other psnr": ("colours from 4 other sides: PSNR, dB", 1),
    "other ssim": ("colours from 4 other sides: SSIM", 3),
    "watertight": ("watertight, share", 3),
    "excess parts": ("more parts than the truth, share", 3),
    "seconds": ("processor time, photo to mesh, seconds", 2),
}
#: Figures that are true or false; their median says nothing.
SHARES = ("watertight", "excess parts")
#: Columns of the tables by source and by category.
BRIEF = ("f@0.1", "f@0.05", "chamfer", "visible f@0.1", "hidden f@0.1", "normals")


def values_of(verdicts: Iterable[Verdict], method: str, name: str) -> np.ndarray:
    """A figure of a method for each object that has it."""
    found = [verdict.figures[method][name] for verdict in verdicts if name in verdict.figures.get(method, {})]
    values = np.array(found, float)
    values = values[~np.isnan(values)]
    return (values > 0).astype(float) if name in SHARES else values


def table(sets: dict[str, list[Verdict]]) -> str:
    """Markdown: figures down, sets and methods across; mean (median) over the objects that have the figure."""
    columns = [
        (title, method)
        for title, verdicts in sets.items()
        for method in METHODS
        if verdicts and method in verdicts[0].figures
    ]
    head = [f"{title} ({len(sets[title])}): {method}" for title, method in columns]
    lines = ["| | " + " | ".join(head) + " |", "| --- |" + " --- |" * len(columns)]
    for name, (label, digits) in SHOWN.items():
        cells = [_cell(values_of(sets[title], method, name), digits, name in SHARES) for title, method in columns]
        if any(cells):
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(values: np.ndarray, digits: int, is_share: bool) -> str:
    if not len(values):
        return ""
    mean = f"{values.mean():.{digits}f}"
    return mean if is_share else f"{mean} ({np.median(values):.{digits}f})"


def groups(verdicts: list[Verdict], attribute: str, least: int = 1) -> str:
    """Markdown: means by source or category (those with at least ``least`` objects), the best first."""
    members: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        members.setdefault(getattr(verdict.subject, attribute), []).append(verdict)
    inflated = any("inflated" in verdict.figures for verdict in verdicts)
    head = [attribute, "objects", *(SHOWN[name][0] for name in BRIEF), *(["inflated: F-score at 0.1"] * inflated)]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " --- |" * (len(head) - 1)]
    for name, group in sorted(members.items(), key=lambda item: -values_of(item[1], "pebble", "f@0.1").mean()):
        if len(group) < least:
            continue
        cells = [f"{values_of(group, 'pebble', figure).mean():.{SHOWN[figure][1]}f}" for figure in BRIEF]
        cells += [f"{values_of(group, 'inflated', 'f@0.1').mean():.3f}"] * inflated
        lines.append(f"| {name} | {len(group)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_csv(path: Path, title: str, verdicts: list[Verdict]) -> None:
    """One line for each object of a set and method, for comparison with later results."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "source", "category", "name", "method", *SHOWN])
        for verdict in verdicts:
            subject = verdict.subject
            for method, figures in verdict.figures.items():
                numbers = [f"{figures[name]:.4g}" if name in figures else "" for name in SHOWN]
                writer.writerow([title, subject.source, subject.category, subject.name, method, *numbers])
