# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and shapes of the tensors in the checkpoints that the networks' authors publish.

``tensors/`` has one list per checkpoint, made by building the authors' own networks (with transformers 4.35.0, whose
names the checkpoints have) and listing their state dictionaries; all of them are float32.
"""

import re
from pathlib import Path

LISTS = Path(__file__).resolve().parent / "tensors"


def published(name: str) -> dict[str, tuple[int, ...]]:
    """Shapes by tensor of one checkpoint; in the lists ``{0-11}`` stands for twelve layers."""
    shapes = {}
    for line in (LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        pattern, shape = line.split()
        layers = re.search(r"\{0-(\d+)\}", pattern)
        for number in range(int(layers[1]) + 1) if layers else [0]:
            tensor = pattern.replace(layers[0], str(number)) if layers else pattern
            shapes[tensor] = tuple(map(int, shape.split("x")))
    return shapes
