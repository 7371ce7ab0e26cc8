# SPDX-License-Identifier: GPL-3.0-or-later
"""A TripoSR checkpoint of the official size and layout whose result is known, for tests and measurements.

The network's last residual connection adds its learned triplane to what the transformer makes of the photo. Here the
transformer's output matrix is zero, the learned triplane holds the wanted planes and the upsampling passes them on: all
of the network runs, at full size, and every photo gives the same object. Needs numpy only.

    python -m export.known FIT.npz --out model.safetensors [--sparse]

FIT.npz is a file of ``bench/_fit_triplane.py``: ``planes`` and the decoder's tensors.
"""

import argparse
import json
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .seeded import seeded_tensor

GRAPHS = Path(__file__).resolve().parent.parent / "inference" / "graphs"
UPSAMPLING = 2
"""Texels of the planes along each side of a token."""


def triposr_shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors that TripoSR's graphs need, by name."""
    names = ("triposr_encoder", "triposr_decoder")
    manifests = [json.loads((GRAPHS / f"{name}.json").read_text(encoding="utf-8")) for name in names]
    return {name: tuple(tensor["shape"]) for manifest in manifests for name, tensor in manifest["tensors"].items()}


def known_tensors(planes: NDArray[np.float32], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
    """The tensors that make the encoder answer with ``planes`` (3, channels, h, w), exactly."""
    embeddings, upsampling = (
        np.zeros(shapes[name], np.float32) for name in ("tokenizer.embeddings", "post_processor.upsample.weight")
    )
    for channel in range(planes.shape[1]):
        for row in range(UPSAMPLING):
            for column in range(UPSAMPLING):
                source = (channel * UPSAMPLING + row) * UPSAMPLING + column
                embeddings[:, source] = planes[:, channel, row::UPSAMPLING, column::UPSAMPLING]
                upsampling[source, channel, row, column] = 1
    silent = ("post_processor.upsample.bias", "backbone.proj_out.weight", "backbone.proj_out.bias")
    return {
        "tokenizer.embeddings": embeddings,
        "post_processor.upsample.weight": upsampling,
        **{name: np.zeros(shapes[name], np.float32) for name in silent},
    }


def write_known(
    path: Path, planes: NDArray[np.float32], decoder: Mapping[str, NDArray[np.float32]], sparse: bool
) -> None:
    """Write the checkpoint, 1.7 GB, as safetensors.

    Args:
        path: of the file.
        planes: (3, 40, 64, 64).
        decoder: the decoder's tensors by their official names.
        sparse: leave all other weights zero, as holes of the file: it takes little space and time where the file system
            knows holes. Otherwise they are seeded random numbers, which run as slowly as real ones.
    """
    shapes = triposr_shapes()
    known = known_tensors(planes, shapes) | dict(decoder)
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            if name in known:
                file.write(np.ascontiguousarray(known[name], np.float32).tobytes())
            elif sparse:
                file.seek(4 * math.prod(shape), 1)
            else:
                file.write(seeded_tensor(name, shape).tobytes())
        file.truncate()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fit", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sparse", action="store_true", help="zeros instead of random numbers, as holes of the file")
    options = parser.parse_args()
    with np.load(options.fit) as fit:
        decoder = {name: fit[name] for name in fit.files if name != "planes"}
        write_known(options.out, fit["planes"].astype(np.float32), decoder, options.sparse)


if __name__ == "__main__":
    main()
