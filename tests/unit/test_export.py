# SPDX-License-Identifier: GPL-3.0-or-later
"""The weightless graphs of others' networks: what they ask of a checkpoint is what the authors published."""

import json
from pathlib import Path

import pytest
from image_to_3d.export.published import published
from image_to_3d.inference.binding import load_manifest

GRAPHS = Path(__file__).resolve().parents[2] / "inference" / "graphs"
MOST_BYTES = 3_000_000

GRAPHS_OF = {
    "triposr": ["triposr_encoder", "triposr_decoder"],
    **{
        f"openlrm_{size}": [f"openlrm_{size}_encoder", f"openlrm_{size}_decoder"] for size in ("small", "base", "large")
    },
    **{
        f"instantmesh_{size}": [f"instantmesh_{size}_{part}" for part in ("encoder", "geometry", "weights", "color")]
        for size in ("base", "large")
    },
    **{
        f"instantmesh_nerf_{size}": [f"instantmesh_{size}_encoder", f"instantmesh_{size}_nerf_decoder"]
        for size in ("base", "large")
    },
}
"""Graphs that run a checkpoint, by the list of the checkpoint's tensors."""


@pytest.mark.parametrize("name", GRAPHS_OF)
def test_graphs_need_tensors_of_the_published_names_and_shapes(name):
    wanted = published(name)
    for graph in GRAPHS_OF[name]:
        for tensor, info in load_manifest(GRAPHS / f"{graph}.onnx").tensors.items():
            assert (info.shape, info.dtype) == (wanted[tensor], "float32"), tensor


@pytest.mark.parametrize("name", GRAPHS_OF)
def test_each_published_tensor_is_needed_or_known_to_be_unused(name):
    wanted = set(published(name))
    for graph in GRAPHS_OF[name]:
        manifest = load_manifest(GRAPHS / f"{graph}.onnx")
        assert wanted <= set(manifest.tensors) | manifest.unused


@pytest.mark.parametrize("name", GRAPHS_OF)
def test_only_the_pooler_is_needed_by_no_graph(name):
    needed = set().union(*(load_manifest(GRAPHS / f"{graph}.onnx").tensors for graph in GRAPHS_OF[name]))
    assert all(".pooler." in tensor for tensor in set(published(name)) - needed)


def test_graphs_together_are_small():
    graphs = [graph for graph in GRAPHS.glob("*.onnx") if graph.with_suffix(".json").is_file()]
    assert {GRAPHS / f"{graph}.onnx" for names in GRAPHS_OF.values() for graph in names} <= set(graphs)
    assert sum(graph.stat().st_size for graph in graphs) < MOST_BYTES


def test_graphs_name_their_exporter_and_no_folder_of_the_machine():
    for names in GRAPHS_OF.values():
        for name in names:
            content = (GRAPHS / f"{name}.onnx").read_bytes()
            manifest = json.loads((GRAPHS / f"{name}.json").read_text(encoding="utf-8"))
            assert manifest["fingerprint"].encode() in content
            assert manifest["exporter"].encode() in content
            assert b".py" not in content
            assert b"/home" not in content
