# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed since an earlier measurement of the same objects, and whether chance alone could have done it."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .judge import Figures, Verdict
from .results import SHARES, SHOWN

#: Figures that do not say how good a result is.
LEFT_OUT = ("seconds", *SHARES)
#: Figures of which less is better.
LESS_IS_BETTER = ("chamfer", "normals", "error")


def read_earlier(paths: Iterable[Path], method: str = "pebble") -> dict[str, Figures]:
    """A method's figures of each object, by its name, from files of ``write_csv``."""
    found: dict[str, Figures] = {}
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["method"] == method]
        found |= {row["name"]: {name: float(row[name]) for name in SHOWN if row.get(name)} for row in rows}
    return found


def changes(verdicts: list[Verdict], earlier: dict[str, Figures]) -> str:
    """Markdown: means before and after over the objects that have both, their difference with its standard error, and
    how many objects became better.
    """
    lines = ["| | objects | before | now | change | standard error | better |", "| --- |" + " --- |" * 6]
    for name, (label, digits) in SHOWN.items():
        pairs = [
            (earlier[verdict.subject.name][name], verdict.figures["pebble"][name])
            for verdict in verdicts
            if name in earlier.get(verdict.subject.name, {}) and name in verdict.figures["pebble"]
        ]
        before, now = np.array(pairs, float).reshape(-1, 2).T
        known = np.isfinite(before) & np.isfinite(now)
        if name in LEFT_OUT or known.sum() < 2:
            continue
        before, now = before[known], now[known]
        difference = now - before
        error = difference.std(ddof=1) / np.sqrt(len(difference))
        better = (difference < 0) if name.endswith(LESS_IS_BETTER) else (difference > 0)
        means = (f"{value:.{digits}f}" for value in (before.mean(), now.mean()))
        changed = (f"{value:{sign}.{digits + 1}f}" for value, sign in ((difference.mean(), "+"), (error, "")))
        lines.append(f"| {label} | {len(difference)} | " + " | ".join([*means, *changed, f"{better.sum()} |"]))
    return "\n".join(lines) + "\n"
