# SPDX-License-Identifier: GPL-3.0-or-later
"""What systems share that make a triplane from one photo with an encoder and decode it with a small network.

Weights are read from the authors' own checkpoint (``binding``). The encoder's are bound to its graph; the decoder's,
some ten thousand numbers, are kept in the code beside the planes: extracting and baking again need no checkpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..binding import load_manifest, match
from ..camera import Camera
from ..checkpoints import open_checkpoint
from ..code import Code
from ..derivations import as_type
from ..errors import ModelError
from ..framing import FramedPhoto
from ..monitor import Monitor
from ..network import Network
from ..runtime import Runtime
from ..sentence import Sentence
from ..triplane import PLANES, Decoder, LevelSet, Placement, TriplaneField, stored_planes, texel_size
from . import SystemCard

Array = NDArray[np.float32]


def read_weights(graph: Path, checkpoint: Path) -> dict[str, Array]:
    """The tensors that a decoding graph takes as inputs, by their names in the graph's manifest, float32.

    Raises:
        ModelError: the checkpoint does not fit.
    """
    with open_checkpoint(checkpoint) as opened:
        names = match(load_manifest(graph), opened)
        return {name: np.array(as_type(opened.read(stored), "float32")) for name, stored in names.items()}


def weight_names(graph: Path) -> tuple[str, ...]:
    """The tensors that a decoding graph takes as inputs.

    Raises:
        ModelError: the manifest is missing or damaged.
    """
    return tuple(load_manifest(graph).tensors)


def check_version(code: Code, card: SystemCard) -> None:
    """Refuse codes of other versions.

    Raises:
        ModelError: the code is of another version.
    """
    if code.version != card.version:
        raise ModelError(
            Sentence(
                "The stored code was made by {name} {version}, this is {name} {current}.",
                name=card.name,
                version=code.version,
                current=card.version,
            ),
            "Reconstruct the object from its photo again.",
        )


def channels_first(image: Array) -> Array:
    """(h, w, 3) to (1, 3, h, w), contiguous."""
    return np.ascontiguousarray(np.moveaxis(image, -1, 0)[None], np.float32)


@dataclass(frozen=True)
class SingleViewSystem:
    """A system with one encoder and one decoder; see ``System``.

    Attributes:
        card: ``graphs`` are the encoder's and the decoder's.
        placement: of the network's frame.
        level_set: which densities, before their activation, are the surface.
        camera: from which the authors' own renderer shows what the photo showed, object frame.
    """

    card: SystemCard
    placement: Placement
    level_set: LevelSet
    camera: Camera

    def encoder_inputs(self, framed: FramedPhoto) -> Mapping[str, Array]:
        """What the encoder's graph takes."""
        return {"image": channels_first(framed.image)}

    def encode(self, framed: FramedPhoto, runtime: Runtime, monitor: Monitor) -> Code:
        """Run the encoder; see ``System.encode``."""
        encoder, decoder = self.card.graphs
        checkpoint = runtime.store.require(self.card)
        weights = read_weights(decoder, checkpoint)
        outputs = runtime.run(Network(encoder, checkpoint), dict(self.encoder_inputs(framed)), monitor)
        arrays: dict[str, NDArray[Any]] = {PLANES: stored_planes(outputs[PLANES]), **weights}
        return Code(self.card.id, self.card.version, arrays, self.camera, framed.window, framed.cutout, {})

    def field(self, code: Code, runtime: Runtime) -> TriplaneField:
        """The code as a function of space; see ``System.field``."""
        check_version(code, self.card)
        graph = self.card.graphs[1]
        decoder = Decoder.of(graph, code.arrays, weight_names(graph), runtime)
        return TriplaneField(
            lambda points: decoder(points, "density"),
            lambda points: decoder(points, "color"),
            self.placement,
            self.level_set,
            texel_size(code),
        )
