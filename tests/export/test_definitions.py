# SPDX-License-Identifier: GPL-3.0-or-later
"""The torch definitions: the official names and shapes, and the same graphs on every export."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from image_to_3d.export import instantmesh, openlrm, triposr
from image_to_3d.export.catalogue import catalogue, reduced_catalogue
from image_to_3d.export.graph import export, write
from image_to_3d.export.positions import PositionRule, position_table
from image_to_3d.export.published import published
from image_to_3d.inference import derivations

ROOT = Path(__file__).resolve().parents[2]
GRAPHS, REDUCED = ROOT / "inference" / "graphs", ROOT / "tests" / "unit" / "export" / "reduced"

NETWORKS = {
    "triposr": lambda: triposr.TripoSR(triposr.TripoSRSettings()),
    "openlrm_small": lambda: openlrm.OpenLRM(openlrm.SMALL),
    "openlrm_base": lambda: openlrm.OpenLRM(openlrm.BASE),
    "openlrm_large": lambda: openlrm.OpenLRM(openlrm.LARGE),
    "instantmesh_base": lambda: instantmesh.InstantMesh(instantmesh.MESH_BASE),
    "instantmesh_large": lambda: instantmesh.InstantMesh(instantmesh.MESH_LARGE),
    "instantmesh_nerf_base": lambda: instantmesh.InstantMesh(instantmesh.NERF_BASE),
    "instantmesh_nerf_large": lambda: instantmesh.InstantMesh(instantmesh.NERF_LARGE),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_state_dictionaries_equal_the_published_ones(name):
    with torch.device("meta"):
        network = NETWORKS[name]()
    assert {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()} == published(name)


@pytest.mark.parametrize(
    ("graph", "folder"),
    [(graph, GRAPHS) for graph in catalogue()] + [(graph, REDUCED) for graph in reduced_catalogue()],
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_export_gives_the_bytes_that_are_committed(graph, folder, tmp_path):
    write(*export(graph), tmp_path)
    for suffix in (".onnx", ".json"):
        assert (tmp_path / f"{graph.name}{suffix}").read_bytes() == (folder / f"{graph.name}{suffix}").read_bytes()


@pytest.mark.parametrize(
    "rule",
    [
        PositionRule(14, 32, 0.1, antialias=False),
        PositionRule(14, 20, 0.1, antialias=False),
        PositionRule(37, 16, 0.0, antialias=True),
        PositionRule(37, 32, 0.0, antialias=True),
    ],
)
def test_position_tables_are_derived_as_torch_interpolates_them(rule):
    table = np.random.default_rng(0).standard_normal((1, 1 + rule.native**2, 8), dtype=np.float32)
    derived = derivations.position_table(table, rule.native, rule.grid, rule.offset, rule.antialias)
    np.testing.assert_allclose(derived, position_table(torch.from_numpy(table), rule).numpy(), atol=2e-5)


def test_manifests_say_how_their_position_tables_are_derived():
    for graph in catalogue():
        manifest = json.loads((GRAPHS / f"{graph.name}.json").read_text(encoding="utf-8"))
        rules = [entry for entry in manifest["initializers"].values() if "derive" in entry]
        assert len(rules) == (1 if "encoder" in graph.name else 0)
