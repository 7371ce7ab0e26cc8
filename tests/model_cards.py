# SPDX-License-Identifier: GPL-3.0-or-later
"""A system with a small checkpoint, for tests of installing."""

import hashlib

import numpy as np
from hub_server import COMMIT, FILENAME, REPOSITORY
from image_to_3d.inference.framing import FramingSettings
from image_to_3d.inference.systems import CheckpointSource, SystemCard

CONTENT = np.random.default_rng(7).bytes(3_000_000)
"""Of the checkpoint: some of the client's chunks."""

DIGEST = hashlib.sha256(CONTENT).hexdigest()


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
