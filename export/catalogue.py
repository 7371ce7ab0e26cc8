# SPDX-License-Identifier: GPL-3.0-or-later
"""Every graph that the extension carries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace

import torch
from torch import nn

from . import instantmesh, openlrm, triposr
from .graph import Derived, Graph
from .positions import PositionRule
from .vit import ViTSettings

POINTS = (None, 3)

REDUCED_TRIPOSR = triposr.TripoSRSettings(
    vit=ViTSettings(grid=6, width=48, depth=2, heads=3, native=4, has_pooler=True),
    width=64,
    depth=2,
    heads=4,
    size=8,
    channels=8,
)
REDUCED_OPENLRM = openlrm.OpenLRMSettings(
    openlrm.DINOv2Settings(grid=5, width=64, heads=4, depth=2, native=8),
    width=64,
    depth=2,
    heads=4,
    channels=8,
    camera=32,
    size=8,
)
REDUCED_MESH = instantmesh.InstantMeshSettings(
    depth=2,
    channels=8,
    is_mesh=True,
    vit=ViTSettings(grid=5, width=48, depth=2, heads=3, native=4, modulation=48),
    width=64,
    heads=4,
    size=8,
)
REDUCED_NERF = replace(REDUCED_MESH, is_mesh=False)


def catalogue() -> list[Graph]:
    """All graphs, in the order of their names."""
    graphs = [*triposr_graphs("triposr", triposr.TripoSRSettings())]
    for size, settings in {"small": openlrm.SMALL, "base": openlrm.BASE, "large": openlrm.LARGE}.items():
        graphs += openlrm_graphs(f"openlrm_{size}", settings)
    variants = {
        "base": (instantmesh.MESH_BASE, instantmesh.NERF_BASE),
        "large": (instantmesh.MESH_LARGE, instantmesh.NERF_LARGE),
    }
    for size, (mesh, nerf) in variants.items():
        graphs += instantmesh_graphs(f"instantmesh_{size}", mesh, nerf)
    return sorted(graphs, key=lambda graph: graph.name)


def reduced_catalogue() -> list[Graph]:
    """Small networks of the same classes, for tests."""
    return [
        *triposr_graphs("reduced_triposr", REDUCED_TRIPOSR),
        *openlrm_graphs("reduced_openlrm", REDUCED_OPENLRM),
        *instantmesh_graphs("reduced_instantmesh", REDUCED_MESH, REDUCED_NERF),
    ]


def tensor_names(build: Callable[[], nn.Module]) -> frozenset[str]:
    """Names in the state dictionary of a network."""
    with torch.device("meta"):
        return frozenset(build().state_dict())


def triposr_graphs(name: str, settings: triposr.TripoSRSettings) -> list[Graph]:
    """TripoSR's encoder and decoder."""

    def build() -> nn.Module:
        return triposr.TripoSR(settings)

    source = "image_tokenizer.model.embeddings.position_embeddings"
    positions = _positions(source, settings.vit.rule, settings.vit.width)
    side = settings.image
    return [
        Graph(f"{name}_encoder", build, "encode", {"image": (1, 3, side, side)}, ["planes"], positions),
        Graph(
            f"{name}_decoder",
            build,
            "decode",
            {"planes": _planes(settings.channels, settings.size), "points": POINTS},
            ["density", "color"],
            has_weight_inputs=True,
        ),
    ]


def openlrm_graphs(name: str, settings: openlrm.OpenLRMSettings) -> list[Graph]:
    """OpenLRM's encoder and decoder."""

    def build() -> nn.Module:
        return openlrm.OpenLRM(settings)

    positions = _positions("encoder.model.pos_embed", settings.encoder.rule, settings.encoder.width)
    side = settings.image
    images = {"image": (1, 3, side, side), "camera": (1, 16)}
    points = {"planes": _planes(settings.channels, settings.size), "points": POINTS}
    return [
        Graph(f"{name}_encoder", build, "encode", images, ["planes"], positions),
        Graph(f"{name}_decoder", build, "decode", points, ["density", "color"], has_weight_inputs=True),
    ]


def instantmesh_graphs(
    name: str, mesh: instantmesh.InstantMeshSettings, nerf: instantmesh.InstantMeshSettings
) -> list[Graph]:
    """InstantMesh's encoder, which both variants share, and the decoders of both."""

    def build_mesh() -> nn.Module:
        return instantmesh.InstantMesh(mesh)

    def build_nerf() -> nn.Module:
        return instantmesh.InstantMesh(nerf)

    positions = _positions("encoder.model.embeddings.position_embeddings", mesh.vit.rule, mesh.vit.width)
    views, side = mesh.views, mesh.image
    images = {"images": (views, 3, side, side), "cameras": (views, 16)}
    planes = {"planes": _planes(mesh.channels, mesh.size)}
    points, corners = planes | {"points": POINTS}, planes | {"corners": (None, instantmesh.CORNERS, 3)}
    either = tensor_names(build_mesh) | tensor_names(build_nerf)

    def graph(part: str, build: Callable[[], nn.Module], method: str, inputs: Mapping, outputs: Sequence[str]) -> Graph:
        encodes = method == "encode"
        derived, official = (positions, either) if encodes else ({}, frozenset())
        return Graph(f"{name}_{part}", build, method, inputs, outputs, derived, official, "lrm_generator.", not encodes)

    return [
        graph("encoder", build_mesh, "encode", images, ["planes"]),
        graph("geometry", build_mesh, "geometry", points, ["sdf", "displacement"]),
        graph("weights", build_mesh, "cube_weights", corners, ["weights"]),
        graph("color", build_mesh, "colour", points, ["color"]),
        graph("nerf_decoder", build_nerf, "density", points, ["density", "color"]),
    ]


def _planes(channels: int, size: int) -> tuple[int, ...]:
    return (3, channels, 2 * size, 2 * size)


def _positions(source: str, rule: PositionRule, width: int) -> dict[str, tuple[tuple[int, ...], Derived]]:
    """The position table as an initializer that tells where it comes from."""
    derived = Derived("position_table", (source,), asdict(rule))
    return {f"{source}.{rule.grid}x{rule.grid}": ((1, 1 + rule.grid**2, width), derived)}
