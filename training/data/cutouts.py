# SPDX-License-Identifier: GPL-3.0-or-later
"""Cut-outs by the very network that the product cuts out with, so that training sees its real errors."""

from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from inference.cutout import NETWORK, NETWORK_MEAN, NETWORK_STD
from inference.masks import keep_sizeable_parts, refine


class Cutter:
    """Runs u2netp (0.4 s of processor time a photo) and the product's refinement of its mask."""

    def __init__(self, network: Path = NETWORK) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(str(network), options)

    def cut(self, photo: np.ndarray) -> np.ndarray:
        """The mask of a (NETWORK_SIZE, NETWORK_SIZE, 3) uint8 photo: float32 0..1 of the same size."""
        pixels = photo.astype(np.float32) / max(float(photo.max()), 1.0)
        batch = ((pixels - NETWORK_MEAN) / NETWORK_STD).transpose(2, 0, 1)[None].astype(np.float32)
        coarse = self.session.run(["1959"], {"input.1": np.ascontiguousarray(batch)})[0][0, 0]
        return keep_sizeable_parts(refine(photo, coarse.astype(np.float32)))


def window(picture: np.ndarray, part: float, size: int) -> np.ndarray:
    """The central ``part`` (0..1) of a square float picture along each side, enlarged to ``size`` pixels."""
    middle, half = picture.shape[0] / 2, picture.shape[0] * part / 2
    box = (middle - half, middle - half, middle + half, middle + half)
    return np.asarray(Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR, box=box))
