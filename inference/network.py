# SPDX-License-Identifier: GPL-3.0-or-later
"""What the runtime is asked to run: a weightless graph, the file with its weights, and how precise it has to be."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Precision(StrEnum):
    """How a network's weights are kept in memory."""

    AUTOMATIC = "automatic"
    """``FLOAT16`` on a GPU, ``CPU_PRECISION`` on a CPU."""
    FLOAT32 = "float32"
    """As the authors run it. On a CPU the weights stay in the checkpoint's file."""
    FLOAT16 = "float16"
    """On a CPU the weights alone: sums and products are computed in float32."""
    INT8 = "int8"
    """On a CPU weights of 8 bits, multiplied with activations brought to 8 bits; on a GPU the same as float16."""


CPU_PRECISION = Precision.FLOAT32

CPU_VARIANTS = {Precision.FLOAT16: "float16_weights", Precision.INT8: "int8"}
"""What is added to a graph's name (``export/quantize.py``)."""
GPU_VARIANTS = {Precision.FLOAT16: "float16", Precision.INT8: "float16"}


@dataclass(frozen=True)
class Network:
    """A graph without weights, and the checkpoint they are in.

    Attributes:
        graph: the ``.onnx`` file for float32; variants lie beside it (``NAME_int8.onnx``), manifests too.
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
        variants, automatic = (CPU_VARIANTS, CPU_PRECISION) if device == "cpu" else (GPU_VARIANTS, Precision.FLOAT16)
        precision = wanted if self.precision == Precision.AUTOMATIC else self.precision
        if precision == Precision.AUTOMATIC:
            precision = automatic
        if precision not in variants:
            return self.graph
        variant = self.graph.with_stem(f"{self.graph.stem}_{variants[precision]}")
        return variant if variant.is_file() else self.graph
