# SPDX-License-Identifier: GPL-3.0-or-later
"""The frozen encoder's features of each view: computed when a view is first used, then kept in a local file.

0.1 seconds of processor time and 213 kB a view. Where an accelerator computes them at each step, none are kept.
"""

import fcntl
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .encoder import FEATURE_CHANNELS, PATCHES, WIDTH, Encoder
from .samples import mirror_tokens

#: Shapes of one view's features, in the order of ``Encoder.forward``; stored one behind the other as float16.
SHAPES = (
    (FEATURE_CHANNELS[0], 24, 24),
    (FEATURE_CHANNELS[1], 12, 12),
    (FEATURE_CHANNELS[2], 6, 6),
    (PATCHES * PATCHES + 1, WIDTH),
)
SIZES = [int(np.prod(shape)) for shape in SHAPES]
ROW_BYTES = 2 * sum(SIZES)


class Features:
    """A file of rows, and a list of what each row is of. Several processes may use one folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._rows_path, self._names_path = folder / "features.bin", folder / "features.txt"
        self._rows_path.touch()
        self._names_path.touch()
        self._rows: dict[str, int] = {}
        self._encoder: Encoder | None = None

    def of(self, names: Sequence[str], odd: Sequence[bool], photos: NDArray[np.uint8]) -> list[Tensor]:
        """Float16 features of n views, in the order of ``Encoder.forward``.

        Args:
            names: unlike for each view of the data set, without line breaks.
            odd: whether DINOv2 sees the view's mirror image (its tokens are turned back): half of the views then have
                the right tokens as they are and half as mirror images, which training makes use of.
            photos: (n, 192, 192, 3) sRGB over grey; looked at where there are no features yet.
        """
        missing = [i for i, name in enumerate(names) if name not in self._rows]
        if missing:
            self._look_again()
            missing = [i for i in missing if names[i] not in self._rows]
        if missing:
            turned = torch.tensor([odd[i] for i in missing])
            self._append([names[i] for i in missing], self._compute(photos[missing], turned))
        with self._rows_path.open("rb") as file:
            rows = []
            for name in names:
                file.seek(self._rows[name] * ROW_BYTES)
                rows.append(np.frombuffer(file.read(ROW_BYTES), np.float16))
        parts = torch.from_numpy(np.stack(rows)).split(SIZES, 1)
        return [part.unflatten(1, shape) for part, shape in zip(parts, SHAPES, strict=True)]

    @torch.inference_mode()
    def _compute(self, photos: NDArray[np.uint8], turned: Tensor) -> NDArray[np.float16]:
        self._encoder = self._encoder or Encoder().to(memory_format=torch.channels_last)
        batch = torch.from_numpy(photos).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        maps = self._encoder.convolutional(batch)
        batch = torch.where(turned[:, None, None, None], batch.flip(3), batch)
        tokens = mirror_tokens(self._encoder.transformer(batch), turned)
        return torch.cat([part.flatten(1) for part in [*maps, tokens]], 1).numpy().astype(np.float16)

    def _look_again(self) -> None:
        names = self._names_path.read_text(encoding="utf-8").splitlines()
        self._rows = {name: row for row, name in enumerate(names)}

    def _append(self, names: list[str], rows: NDArray[np.float16]) -> None:
        """Rows first, then their names: what was cut short is written over."""
        with self._names_path.open("a", encoding="utf-8") as listed, self._rows_path.open("r+b") as file:
            fcntl.flock(listed, fcntl.LOCK_EX)
            self._look_again()  # another process may have added some meanwhile
            file.seek(len(self._rows) * ROW_BYTES)
            fresh = [i for i, name in enumerate(names) if name not in self._rows]
            file.write(rows[fresh].tobytes())
            file.flush()
            listed.writelines(f"{names[i]}\n" for i in fresh)
            listed.flush()
            self._look_again()
