# SPDX-License-Identifier: GPL-3.0-or-later
"""A system with a small checkpoint, for tests of installing."""

import hashlib
import json
import struct
from pathlib import Path

import numpy as np
from hub_server import COMMIT, FILENAME, REPOSITORY
from image_to_3d.inference.binding import fingerprint
from image_to_3d.inference.checkpoints import TensorInfo
from image_to_3d.inference.framing import FramingSettings
from image_to_3d.inference.systems import CheckpointSource, SystemCard


def checkpoint(**tensors: np.ndarray) -> bytes:
    """A safetensors file with float32 tensors."""
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(tensor.astype("<f4").tobytes() for tensor in tensors.values())


CONTENT = checkpoint(spout=np.random.default_rng(7).normal(size=(3, 250_000)).astype(np.float32))
"""Of the published file: some of the client's chunks."""

DIGEST = hashlib.sha256(CONTENT).hexdigest()


def teapot_graph(folder: Path) -> Path:
    """A graph's path with its manifest beside it: it needs the tensor ``spout``."""
    tensors = {"spout": TensorInfo((3, 250_000), "float32")}
    manifest = {
        "graph": "teapot",
        "fingerprint": fingerprint(tensors),
        "prefix": "",
        "tensors": {name: {"shape": info.shape, "dtype": info.dtype} for name, info in tensors.items()},
        "unused": [],
        "initializers": {"spout": {"tensor": "spout"}},
    }
    (folder / "teapot.json").write_text(json.dumps(manifest))
    return folder / "teapot.onnx"


def teapot_card(**changes) -> SystemCard:
    """The card; ``changes`` are of its ``CheckpointSource``."""
    source = {
        "repository": REPOSITORY,
        "revision": COMMIT,
        "filename": FILENAME,
        "size_bytes": len(CONTENT),
        "sha256": DIGEST,
        "is_gated": False,
    }
    return SystemCard(
        id="teapot",
        name="Teapot",
        version="1",
        description="Turns everything into a teapot",
        good_for="teapots",
        gives="surface, base colour",
        licence="MIT",
        licence_url="https://example.org/licence",
        who_may_use="Everyone, for any purpose",
        source="the artists' guild",
        checkpoint=CheckpointSource(**(source | changes)),
        graphs=(),
        memory_bytes=2_000_000_000,
        framing=FramingSettings(size=64, foreground_ratio=0.85),
    )
