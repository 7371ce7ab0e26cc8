# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights from a seed, in a checkpoint's layout: for parity checks, and to measure without anybody's real weights.

Needs numpy only. Every tensor has its own generator: a network with fewer layers has the same weights in those it has.

    python -m export.seeded inference/graphs/triposr_*.json --out triposr.safetensors
"""

import argparse
import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 20240304
"""TripoSR's birthday; any other would do."""
TABLES = ("pos_embed", "position_embeddings", "tokenizer.embeddings", "cls_token", "register_tokens")
TRANSPOSED = ("post_processor.", "upsampler.", "transformer.deconv.")
"""Transposed convolutions: the only matrices with the inputs first."""
DECODERS = ("decoder.", "synthesizer.decoder.")
"""Perceptrons without normalisation: their weights make up for what each activation takes away."""


def seeded_tensor(name: str, shape: tuple[int, ...], seed: int = SEED) -> NDArray[np.float32]:
    """One tensor: matrices keep the variance of what they multiply, tables vary by 0.5, norms lie around 1.

    A network with such weights carries signal from end to end, so that a difference anywhere shows in the result.

    Args:
        name: in the checkpoint, without a prefix.
        shape: of the tensor.
        seed: the same seed gives the same tensor with every numpy from 1.24 on.

    Returns:
        ``shape`` float32.
    """
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    values = generator.standard_normal(shape, dtype=np.float32)
    if name.endswith(TABLES):
        values *= np.float32(0.5)
    elif len(shape) >= 2:
        inputs = shape[0] if name.startswith(TRANSPOSED) else math.prod(shape[1:])
        gain = 2.5 if name.startswith(DECODERS) else 1
        values *= np.float32(math.sqrt(gain / inputs))
    elif name.endswith((".weight", ".gamma")):
        values *= np.float32(0.1)
        values += 1
    else:
        values *= np.float32(0.1)
    return values


def write_seeded(path: Path, shapes: Mapping[str, tuple[int, ...]], seed: int = SEED, prefix: str = "") -> None:
    """Write a safetensors file of seeded tensors, one at a time (a full-size TripoSR is 1.7 GB).

    Args:
        path: of the file.
        shapes: of the tensors by name, without the prefix.
        seed: see ``seeded_tensor``.
        prefix: put before every name in the file.
    """
    header, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * math.prod(shape)
        header[prefix + name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            seeded_tensor(name, shape, seed).tofile(file)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("manifests", type=Path, nargs="+", help="of the graphs that are to run")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in options.manifests]
    # Variants say only in what they differ from the graph that they were made from.
    manifests = [manifest for manifest in manifests if "variant_of" not in manifest]
    shapes = {name: tuple(tensor["shape"]) for manifest in manifests for name, tensor in manifest["tensors"].items()}
    write_seeded(options.out, shapes, options.seed, manifests[0]["prefix"])
    print(f"{options.out}: {len(shapes)} tensors, {options.out.stat().st_size / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
