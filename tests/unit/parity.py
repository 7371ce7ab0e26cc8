# SPDX-License-Identifier: GPL-3.0-or-later
"""Our half of the comparison with the authors' code: graphs on seeded weights and inputs."""

import json
from pathlib import Path

import numpy as np
from image_to_3d.export.cases import largest_difference, seeded_input
from image_to_3d.export.seeded import seeded_tensor, write_seeded
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.network import Network, Precision
from image_to_3d.inference.runtime import Runtime, RuntimeSettings

FIXTURES = Path(__file__).resolve().parent / "export"
PLANES_TOLERANCE, DECODED_TOLERANCE = 1e-3, 1e-4
"""Shares of the largest magnitude: of planes; of density, distance, colour and the rest."""


def assert_equals_recorded(case, graphs, tmp_path, threads=1):
    """Run the graphs of a case, which lie in the folder ``graphs``, and compare with what the authors' code gave."""
    with np.load(FIXTURES / "parity" / f"{case.name}.npz") as recorded:
        wanted = dict(recorded)
    found = {}
    for graph in case.graphs:
        found |= run_graph(graphs / f"{graph}.onnx", tmp_path, threads)
    assert set(found) == set(wanted)
    for name, difference in largest_difference(found, wanted).items():
        assert difference < (PLANES_TOLERANCE if name == "planes" else DECODED_TOLERANCE), name
        assert np.ptp(wanted[name]) > 0.5 * np.abs(wanted[name]).max(), f"{name} hardly varies and shows little"


def run_graph(graph, folder, threads):
    """Decoders take their weights as inputs, encoders from a checkpoint."""
    manifest = json.loads(graph.with_suffix(".json").read_text(encoding="utf-8"))
    inputs = {name: seeded_input(name, tuple(shape)) for name, shape in manifest["inputs"].items()}
    shapes = {name: tuple(tensor["shape"]) for name, tensor in manifest["tensors"].items()}
    runtime = Runtime(RuntimeSettings(device="cpu", threads=threads))
    if manifest["initializers"]:
        checkpoint = folder / f"{graph.stem}.safetensors"
        write_seeded(checkpoint, shapes, prefix=manifest["prefix"])
        return runtime.run(Network(graph, checkpoint, Precision.FLOAT32), inputs, Monitor())
    weights = {name: seeded_tensor(name, shape) for name, shape in shapes.items()}
    return runtime.run(graph, inputs | weights, Monitor())
