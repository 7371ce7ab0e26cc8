# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the files of this folder with the real libraries, which the tests do without.

    pip install torch==2.13.0 safetensors==0.8.0 onnx==1.23.2 && python tests/unit/checkpoints/make.py

``test_checkpoints.py`` and ``test_binding.py`` say what they hold.
"""

import hashlib
import json
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parents[2]))

from export.quantize import VARIANTS, make_variant  # noqa: E402 (its folder has to be named first)


def tensors() -> OrderedDict[str, torch.Tensor]:
    """One tensor of each kind that networks are stored in."""
    numbers = torch.arange(12, dtype=torch.float32).reshape(3, 4) / 8 - 0.5
    return OrderedDict(
        {
            "single.weight": numbers,
            "half.weight": numbers.half(),
            "brain.weight": numbers.bfloat16(),
            "double.weight": numbers.double(),
            "count": torch.tensor(7),
            "places": torch.tensor([[1, -2], [3, 4]], dtype=torch.int32),
            "flags": torch.tensor([True, False, True]),
            "empty": torch.zeros(0, 4),
        }
    )


SHAPES = {"layer.bias": [512], "layer.weight": [512, 1024], "norm.weight": [512], "table": [512, 4]}
"""One matrix is large enough for ONNX Runtime to use it where it lies."""


def linear_graph() -> onnx.ModelProto:
    """result = (x @ weight.T + bias) * norm * scale @ table.turned.T, without its weights."""
    shapes = {name: shape for name, shape in SHAPES.items() if name != "table"} | {"table.turned": [4, 512]}
    initializers = []
    for name, shape in shapes.items():
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="checkpoint")
        initializers.append(tensor)
    nodes = [
        helper.make_node("Gemm", ["x", "layer.weight", "layer.bias"], ["product"], transB=1),
        helper.make_node("Mul", ["product", "norm.weight"], ["normed"]),
        helper.make_node("Mul", ["normed", "scale"], ["scaled"]),
        helper.make_node("Gemm", ["scaled", "table.turned"], ["result"], transB=1),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 1024]),
        helper.make_tensor_value_info("scale", TensorProto.FLOAT, [1, 512]),
    ]
    outputs = [helper.make_tensor_value_info("result", TensorProto.FLOAT, [3, 4])]
    graph = helper.make_graph(nodes, "linear", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def write_linear() -> None:
    """The graph, its variants and their manifests, as ``export/`` writes them."""
    text = "".join(f"{name} {'x'.join(map(str, shape))} float32\n" for name, shape in SHAPES.items())
    manifest = {
        "graph": "linear",
        "fingerprint": hashlib.sha256(text.encode()).hexdigest(),
        "prefix": "generator.",
        "tensors": {name: {"shape": shape, "dtype": "float32"} for name, shape in SHAPES.items()},
        "unused": ["pooler.weight"],
        "initializers": {
            "layer.bias": {"tensor": "layer.bias"},
            "layer.weight": {"tensor": "layer.weight"},
            "norm.weight": {"tensor": "norm.weight"},
            "table.turned": {"derive": "transpose", "from": ["table"], "axes": [1, 0]},
        },
    }
    model = linear_graph()
    model.metadata_props.add(key="fingerprint", value=manifest["fingerprint"])
    for made, content in [(model, manifest), *(make_variant(model, manifest, variant) for variant in VARIANTS)]:
        path = FOLDER / f"{content['graph']}.onnx"
        onnx.save(made, path)
        path.with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (FOLDER / "checkpoint").write_text("ONNX Runtime wants a file of this name to exist.\n", encoding="utf-8")


def write_positions() -> None:
    """Position tables interpolated by torch, at 60 places each."""
    torch.manual_seed(2)
    arrays = {}
    for native in (14, 37):
        arrays[f"table_{native}"] = (torch.randn(1, 1 + native**2, 2) / 2).numpy()
    for native, grid, rule in ((14, 32, "0.1"), (14, 20, "0.1"), (37, 16, "aa"), (37, 24, "aa"), (37, 32, "aa")):
        offset = 0.0 if rule == "aa" else float(rule)
        table = torch.from_numpy(arrays[f"table_{native}"])
        patches = torch.nn.functional.interpolate(
            table[:, 1:].reshape(1, native, native, 2).permute(0, 3, 1, 2),
            scale_factor=(grid + offset) / native,
            mode="bicubic",
            antialias=rule == "aa",
        )
        result = torch.cat([table[:, :1], patches.permute(0, 2, 3, 1).reshape(1, -1, 2)], dim=1)[0].numpy()
        arrays[f"result_{native}_{grid}_{rule}"] = result[np.linspace(0, grid**2, 60).astype(int)]
    np.savez_compressed(FOLDER / "positions.npz", **arrays)


def main() -> None:
    """Write the fixtures."""
    write_positions()
    write_linear()
    plain = tensors()
    save_file(plain, FOLDER / "plain.safetensors", metadata={"format": "pt"})
    torch.save(plain, FOLDER / "plain.pt")
    shared = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    views = {
        "whole": shared,
        "transposed": shared.T,
        "part": shared[1:3, 2:5],
        "column": shared[:, 3],
        "parameter": torch.nn.Parameter(torch.ones(2, 2, dtype=torch.bfloat16)),
    }
    torch.save(views, FOLDER / "views.pt")
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    training = {
        "epoch": 3,
        "state_dict": network.state_dict(prefix="generator."),
        "hyper_parameters": {"rate": 1e-4, "sizes": [1, 2, (3, None)], "name": "small", "large": 2**40, "tuned": True},
        "states": [{"mean": torch.full((2,), 0.25)}],
    }
    torch.save(training, FOLDER / "training.pt")
    torch.save(plain, FOLDER / "protocol4.pt", pickle_protocol=4)
    torch.save(plain, FOLDER / "old.pt", _use_new_zipfile_serialization=False)
    torch.save(network, FOLDER / "whole_network.pt")


if __name__ == "__main__":
    main()
