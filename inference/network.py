# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runtime is asked to run: a weightless graph, the file with its weights, and how precise it has to be."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Precision(StrEnum):
    """How a network's weights are held in memory."""

    AUTOMATIC = "automatic"
    """float16 on a GPU, ``CPU_PRECISION`` on a CPU, as far as the network has such a variant."""
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    INT8 = "int8"


CPU_PRECISION = Precision.FLOAT32


@dataclass(frozen=True)
class Network:
    """A graph without weights, and the checkpoint they are in.

    Attributes:
        graph: the ``.onnx`` file for float32; variants lie beside it (``NAME_float16.onnx``), manifests too.
        checkpoint: safetensors or torch zip.
        precision: wanted for this network; ``AUTOMATIC`` leaves it to the runtime's settings and device.
    """

    graph: Path
    checkpoint: Path
    precision: Precision = Precision.AUTOMATIC

    @property
    def name(self) -> str:
        """For messages."""
        return self.graph.name

    def variant(self, wanted: Precision, device: str) -> Path:
        """The graph to run on a device: the one of the precision asked for, or float32 where there is none.

        Args:
            wanted: by the user; this network's own ``precision`` goes first.
            device: a key of ``runtime.PROVIDERS``.
        """
        precision = self.precision if self.precision != Precision.AUTOMATIC else wanted
        if precision == Precision.AUTOMATIC:
            precision = CPU_PRECISION if device == "cpu" else Precision.FLOAT16
        variant = self.graph.with_stem(f"{self.graph.stem}_{precision}")
        return variant if variant.is_file() else self.graph
