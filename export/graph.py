# SPDX-License-Identifier: GPL-3.0-or-later
"""From a torch method to a weightless ONNX graph and its manifest.

The graph's large initializers are named by the checkpoint's own tensors and marked as external, so that ONNX Runtime
binds the official file's memory to them (``inference/binding.py``). Torch's exporter runs on uninitialised weights:
they never reach the file, and pages that nobody touches cost no memory. The same code and versions give the same bytes.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import onnx_ir
import onnxscript.optimizer
import torch
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto
from onnx_ir.passes import common as passes
from torch import Tensor, nn

OPSET = 20
EXPORTER = f"torch {torch.__version__.partition('+')[0]} dynamo"
EXTERNAL = "checkpoint"
"""Stands where ONNX expects the name of the file with the weights. ONNX Runtime wants a file of that name to exist
beside the graph, or weights cannot be given to it without being copied."""
EXTERNAL_TEXT = (
    "The weights of the graphs beside this file are in checkpoints that users install; ONNX asks for a file.\n"
)


@dataclass(frozen=True)
class Derived:
    """An initializer that is computed from the checkpoint's tensors when the graph is bound.

    Attributes:
        rule: its name in the registry of ``inference/binding.py``.
        sources: the tensors it is computed from.
        parameters: of the rule.
    """

    rule: str
    sources: tuple[str, ...]
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """One graph to export.

    Attributes:
        name: of its files.
        network: builds the network; its state dictionary has the official names.
        method: of the network, the computation to export.
        inputs: name and shape in the order of the method's arguments; None is a free dimension.
        outputs: names in the order of the method's results.
        derived: argument of the method that becomes an initializer, with its shape and how it is computed.
        official: tensors that checkpoints may hold, where other variants than ``network`` share the graph.
        prefix: that the checkpoint's names carry and the graph's do not; tensors without it are none of ours.
        has_weight_inputs: the weights become inputs of the graph, by their names in the manifest's ``tensors``, instead
            of external initializers. So decoders run on weights that are kept with their planes
            (``inference/triplane.py``), without a checkpoint; it costs no time.
    """

    name: str
    network: Callable[[], nn.Module]
    method: str
    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: Sequence[str]
    derived: Mapping[str, tuple[tuple[int, ...], Derived]] = field(default_factory=dict)
    official: frozenset[str] = frozenset()
    prefix: str = ""
    has_weight_inputs: bool = False


class _Method(nn.Module):
    """Presents one method of a network as a module's forward."""

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network = network
        self.method = method

    def forward(self, *arguments: Tensor) -> Tensor | tuple[Tensor, ...]:
        return getattr(self.network, self.method)(*arguments)


def uninitialised(build: Callable[[], nn.Module]) -> nn.Module:
    """A network whose weights take no memory until they are written."""
    with torch.device("meta"):
        network = build()
    return network.to_empty(device="cpu").eval()


def export(graph: Graph) -> tuple[ModelProto, dict[str, Any]]:
    """The weightless model and its manifest.

    Raises:
        ValueError: the exporter left something in the graph that the manifest cannot account for.
    """
    network = uninitialised(graph.network)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    model = _trace(graph, network)
    make = _keep_as_inputs if graph.has_weight_inputs else _make_external
    weights = make(model.graph, shapes, graph.derived)
    inputs = [value.name for value in model.graph.input if not graph.has_weight_inputs or value.name not in weights]
    if inputs != list(graph.inputs):
        raise ValueError(f"{graph.name} has the inputs {inputs} instead of {list(graph.inputs)}")
    model.opset_import.sort(key=lambda opset: opset.domain)
    _strip(model)
    manifest = _manifest(graph, shapes, weights)
    for key in ("opset", "exporter", "fingerprint"):
        model.metadata_props.add(key=key, value=str(manifest[key]))
    model.producer_name, model.producer_version = "image_to_3d export", ""
    return model, manifest


def write(model: ModelProto, manifest: Mapping[str, Any], folder: Path) -> None:
    """Write both files of a graph, deterministically."""
    name = manifest["graph"]
    (folder / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))
    (folder / f"{name}.json").write_text(manifest_text(manifest), encoding="utf-8")
    (folder / EXTERNAL).write_text(EXTERNAL_TEXT, encoding="utf-8")


def manifest_text(manifest: Mapping[str, Any]) -> str:
    """JSON with one line per tensor, which is short and shows differences."""
    lines = []
    for key, value in manifest.items():
        if isinstance(value, dict):
            entries = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in value.items())
            lines.append(f"{json.dumps(key)}: {{\n{entries}\n }}")
        else:
            lines.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def fingerprint(tensors: Mapping[str, tuple[int, ...]], dtype: str = "float32") -> str:
    """SHA-256 over sorted names, shapes and dtypes of tensors, one ``name shape dtype`` per line (shape ``2x3``)."""
    lines = [f"{name} {'x'.join(map(str, shape))} {dtype}\n" for name, shape in sorted(tensors.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _trace(graph: Graph, network: nn.Module) -> ModelProto:
    """The exporter's graph, simplified, with all weights and derived initializers as inputs."""
    dynamic = {
        name: {axis: torch.export.Dim(name, min=2) for axis, size in enumerate(shape) if size is None} or None
        for name, shape in graph.inputs.items()
    }
    inputs = dict(graph.inputs) | {name: shape for name, (shape, _) in graph.derived.items()}
    # Two different sizes above one, so that the exporter doesn't take a free dimension for a fixed one.
    arguments = tuple(torch.zeros([7 if size is None else size for size in shape]) for shape in inputs.values())
    program = torch.onnx.export(
        _Method(network, graph.method).eval(),
        arguments,
        input_names=list(inputs),
        output_names=list(graph.outputs),
        opset_version=OPSET,
        dynamic_shapes=(tuple(dynamic.get(name) for name in inputs),),
        dynamo=True,
        optimize=False,
        verbose=False,
    )
    model = program.model
    # Parameters become inputs while the graph is simplified: nothing can be computed from their meaningless values.
    for name in network.state_dict():
        value = model.graph.initializers.pop(f"network.{name}", None)
        if value is not None:
            value.const_value = None
            value.name = name
            model.graph.inputs.append(value)
    onnxscript.optimizer.optimize(model, onnx_shape_inference=False)
    passes.NameFixPass()(model)
    proto = onnx_ir.to_proto(model)
    onnx.checker.check_model(proto)
    return proto


def _make_external(
    graph: GraphProto, shapes: Mapping[str, tuple[int, ...]], derived: Mapping[str, object]
) -> dict[str, tuple[int, ...]]:
    """Turn weight inputs into external initializers; returns their names and shapes."""
    used = {name for node in graph.node for name in node.input}
    weights = {}
    for value in [value for value in graph.input if value.name in shapes or value.name in derived]:
        graph.input.remove(value)
        if value.name not in used:
            continue
        weights[value.name] = tuple(size.dim_value for size in value.type.tensor_type.shape.dim)
        tensor = graph.initializer.add(name=value.name, data_type=TensorProto.FLOAT, dims=weights[value.name])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value=EXTERNAL)
    return weights


def _keep_as_inputs(
    graph: GraphProto, shapes: Mapping[str, tuple[int, ...]], derived: Mapping[str, object]
) -> dict[str, tuple[int, ...]]:
    """Drop weight inputs that are not used; returns the names and shapes of the others.

    Raises:
        ValueError: there are derived initializers, which need a checkpoint.
    """
    if derived:
        raise ValueError(f"{', '.join(derived)} can't be an input: it is made of a checkpoint's tensors")
    used = {name for node in graph.node for name in node.input}
    for value in [value for value in graph.input if value.name in shapes and value.name not in used]:
        graph.input.remove(value)
    return {value.name: shapes[value.name] for value in graph.input if value.name in shapes}


def _strip(model: ModelProto) -> None:
    """Remove what only helps to debug an export, machine paths among it, and name the rest by its place."""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    model.graph.name, model.doc_string, model.graph.doc_string = "graph", "", ""
    for value in [*model.graph.input, *model.graph.output]:
        value.doc_string = ""
        del value.metadata_props[:]
    kept = {value.name for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]}
    inline = [tensor for tensor in model.graph.initializer if tensor.data_location != TensorProto.EXTERNAL]
    names = {tensor.name: f"c{number}" for number, tensor in enumerate(inline)}
    kept -= set(names)
    for tensor in inline:
        tensor.name = names[tensor.name]
    for number, node in enumerate(model.graph.node):
        node.name, node.doc_string = "", ""
        del node.metadata_props[:]
        node.attribute.sort(key=lambda attribute: attribute.name)
        if any(attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for attribute in node.attribute):
            raise ValueError(f"node {number} ({node.op_type}) holds a graph of its own")
        for place, name in enumerate(node.output):
            if name and name not in kept:
                names[name] = f"{number}" if place == 0 else f"{number}.{place}"
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    if model.functions:
        raise ValueError(f"functions are left in the graph: {[function.name for function in model.functions]}")


def _manifest(
    graph: Graph, shapes: Mapping[str, tuple[int, ...]], weights: Mapping[str, tuple[int, ...]]
) -> dict[str, Any]:
    needed, initializers = set(), {}
    for name in sorted(weights):
        if name in shapes:
            needed.add(name)
            if not graph.has_weight_inputs:
                initializers[name] = {"tensor": name}
        else:
            rule = graph.derived[name][1]
            needed.update(rule.sources)
            initializers[name] = {"derive": rule.rule, "from": list(rule.sources), **rule.parameters}
    tensors = {name: shapes[name] for name in sorted(needed)}
    return {
        "graph": graph.name,
        "opset": OPSET,
        "exporter": EXPORTER,
        "fingerprint": fingerprint(tensors),
        "prefix": graph.prefix,
        "inputs": {name: list(shape) for name, shape in graph.inputs.items()},
        "outputs": list(graph.outputs),
        "tensors": {name: {"shape": list(shape), "dtype": "float32"} for name, shape in tensors.items()},
        "unused": sorted((set(shapes) | graph.official) - needed),
        "initializers": initializers,
    }
