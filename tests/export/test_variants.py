# SPDX-License-Identifier: GPL-3.0-or-later
"""Variants with fewer bits: made anew they are the committed ones, and they compute nearly the same."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from image_to_3d.export import quantize
from image_to_3d.export.graph import write
from image_to_3d.export.seeded import write_seeded
from image_to_3d.inference.binding import load_manifest
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.network import Network, Precision
from image_to_3d.inference.runtime import Runtime, RuntimeSettings

ROOT = Path(__file__).resolve().parents[2]
GRAPHS, REDUCED = ROOT / "inference" / "graphs", ROOT / "tests" / "unit" / "export" / "reduced"
BASES = sorted(path for path in GRAPHS.glob("*_encoder.onnx"))

LARGEST_ERRORS = {"float16_weights": 1e-3, "int8": 0.05, "float16": 1e-2}
"""Root of the mean square, relative to the standard deviation of the planes. Where 8-bit products overflow, on
processors without VNNI, weights of full range had 0.07 to 0.15."""


def made(graph, variant):
    model = onnx.load(graph, load_external_data=False)
    manifest = json.loads(graph.with_suffix(".json").read_text(encoding="utf-8"))
    return quantize.make_variant(model, manifest, variant)


@pytest.mark.parametrize("variant", quantize.VARIANTS, ids=lambda variant: variant.name)
@pytest.mark.parametrize("graph", BASES, ids=lambda graph: graph.stem)
def test_making_a_variant_gives_the_bytes_that_are_committed(graph, variant, tmp_path):
    write(*made(graph, variant), tmp_path)
    for suffix in (".onnx", ".json"):
        name = f"{graph.stem}_{variant.name}{suffix}"
        assert (tmp_path / name).read_bytes() == (GRAPHS / name).read_bytes()


def test_weightless_graphs_together_are_small():
    bundled = {"pebble.onnx", "u2netp.onnx"}
    assert sum(path.stat().st_size for path in GRAPHS.glob("*.onnx") if path.name not in bundled) < 3_000_000


@pytest.mark.parametrize("name", ["triposr", "openlrm", "instantmesh"])
def test_variants_compute_nearly_the_same(name, tmp_path, monkeypatch):
    monkeypatch.setattr(quantize, "SMALLEST", 1)  # the reduced networks' matrices are tiny
    graph = REDUCED / f"reduced_{name}_encoder.onnx"
    manifest = load_manifest(graph)
    shapes = {tensor: info.shape for tensor, info in manifest.tensors.items()}
    write_seeded(tmp_path / "weights.safetensors", shapes, prefix=manifest.prefix)
    for suffix in (".onnx", ".json"):
        (tmp_path / graph.name).with_suffix(suffix).write_bytes(graph.with_suffix(suffix).read_bytes())
    generator, inputs = np.random.default_rng(3), {}
    for value in onnx.load(graph, load_external_data=False).graph.input:
        shape = [size.dim_value for size in value.type.tensor_type.shape.dim]
        inputs[value.name] = generator.random(shape, np.float32)
    runtime = Runtime(RuntimeSettings(device="cpu"))

    def planes(path):
        network = Network(path, tmp_path / "weights.safetensors", Precision.FLOAT32)
        return runtime.run(network, inputs, Monitor())["planes"]

    exact = planes(tmp_path / graph.name)
    for variant in quantize.VARIANTS:
        write(*made(tmp_path / graph.name, variant), tmp_path)
        result = planes(tmp_path / f"{graph.stem}_{variant.name}.onnx")
        error = np.sqrt(np.mean((result - exact) ** 2)) / exact.std()
        assert result.dtype == np.float32
        assert 1e-7 < error < LARGEST_ERRORS[variant.name], (variant.name, error)
