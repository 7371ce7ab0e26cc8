# SPDX-License-Identifier: GPL-3.0-or-later
"""What known shapes gained over the prediction whose place they took, by kind and for each object."""

import numpy as np

from .judge import PREDICTED, Verdict
from .results import SHOWN

#: Columns: the figures that say how good a shape is.
FIGURES = ("f@0.1", "f@0.05", "chamfer", "normals")
#: A known shape that loses more of the F-score at 0.1 was taken wrongly.
LARGEST_LOSS = 0.02


def gains(verdicts: list[Verdict]) -> str:
    """Markdown: the known shapes that were accepted, figures before and after, means by kind and then each object."""
    accepted = [verdict for verdict in verdicts if PREDICTED in verdict.figures]
    lost = [verdict for verdict in accepted if _gain(verdict) < -LARGEST_LOSS]
    head = ["", "objects", *(SHOWN[name][0] for name in FIGURES), "gain in F-score at 0.1"]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " --- |" * (len(head) - 1)]
    kinds = sorted({_kind(verdict) for verdict in accepted})
    for label, group in [*((kind, [v for v in accepted if _kind(v) == kind]) for kind in kinds), ("all", accepted)]:
        if group:
            lines.append(_row(label, group))
    for verdict in sorted(accepted, key=_gain):
        lines.append(_row(f"{verdict.subject.name} ({_kind(verdict)})", [verdict]))
    share = len(lost) / max(len(verdicts), 1)
    lines.append(
        f"\n{len(accepted)} of {len(verdicts)} accepted, {len(lost)} ({share:.1%}) lose more than {LARGEST_LOSS}."
    )
    return "\n".join(lines) + "\n"


def _kind(verdict: Verdict) -> str:
    prior = verdict.result.code.prior
    return prior.kind if prior is not None else ""


def _gain(verdict: Verdict) -> float:
    return verdict.figures["pebble"]["f@0.1"] - verdict.figures[PREDICTED]["f@0.1"]


def _row(label: str, group: list[Verdict]) -> str:
    cells = [label, str(len(group))]
    for name in FIGURES:
        before, now = (np.mean([v.figures[method][name] for v in group]) for method in (PREDICTED, "pebble"))
        digits = SHOWN[name][1]
        cells.append(f"{before:.{digits}f} to {now:.{digits}f}")
    cells.append(f"{np.mean([_gain(v) for v in group]):+.3f}")
    return "| " + " | ".join(cells) + " |"
