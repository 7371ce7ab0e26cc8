# SPDX-License-Identifier: GPL-3.0-or-later
"""Variants of a weightless graph whose weights take less memory, weightless too.

- ``float16_weights``: matrices are kept in 16 bits and widened, one at a time, before they are multiplied in 32 bits.
- ``int8``: matrices are kept in 8 bits with one scale per output; activations are scaled to 8 bits as they come, and
  the products are whole numbers. Twice as fast on CPUs with such instructions.
- ``float16``: everything is 16 bits wide, inputs and outputs apart. For GPUs.

What becomes of a checkpoint's tensors is computed when the graph is bound, by rules of ``inference/derivations.py``;
a variant's manifest only says for which matrices. The rest it takes from the manifest of the graph it is made from.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

SMALLEST = 2**16
"""Elements a matrix must have to be worth the trouble."""

DOMAIN = "com.microsoft"
KEPT_WIDE = frozenset({"InstanceNormalization"})
"""Computed in 32 bits even in a 16-bit graph: it sums the squares of a whole map. LayerNormalization does so itself."""


@dataclass(frozen=True)
class Variant:
    """A way to keep weights.

    Attributes:
        name: added to the graph's.
        rewrite: changes the graph in place; returns the names of the initializers that changed.
        rule: under which the manifest lists them, see ``load_manifest`` in ``inference/binding.py``.
    """

    name: str
    rewrite: Callable[[GraphProto], list[str]]
    rule: str


def make_variant(model: ModelProto, manifest: Mapping[str, Any], variant: Variant) -> tuple[ModelProto, dict[str, Any]]:
    """The variant's model and manifest."""
    result = ModelProto()
    result.CopyFrom(model)
    changed = variant.rewrite(result.graph)
    if DOMAIN not in {opset.domain for opset in result.opset_import}:
        result.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    content = {
        "graph": f"{manifest['graph']}_{variant.name}",
        "variant_of": manifest["graph"],
        "fingerprint": manifest["fingerprint"],
        variant.rule: sorted(changed),
    }
    return result, content


def narrow_weights(graph: GraphProto) -> list[str]:
    """float16 matrices, each widened by a node of its own just before it is used."""
    matrices = _matrices(graph)
    # ONNX Runtime follows a node's inputs back in the order of their numbers: with these first it computes the
    # activations first and widens a matrix when it is needed. Elsewhere all would be widened before anything else.
    nodes = [helper.make_node("Cast", [name], [f"{name}.wide"], to=TensorProto.FLOAT) for name in matrices]
    for node in graph.node:
        if node.op_type == "Gemm" and node.input[1] in matrices:
            node.input[1] = f"{node.input[1]}.wide"
        nodes.append(node)
    _replace_nodes(graph, nodes)
    for tensor in matrices.values():
        tensor.data_type = TensorProto.FLOAT16
    return list(matrices)


def quantize(graph: GraphProto) -> list[str]:
    """8-bit matrices, multiplied with activations that are brought to 8 bits on the way."""
    matrices = _matrices(graph)
    nodes = []
    for node in graph.node:
        name = node.input[1] if node.op_type == "Gemm" else ""
        if name in matrices:
            inputs = [node.input[0], f"{name}.int8", f"{name}.scale", "", *node.input[2:3]]
            nodes.append(helper.make_node("DynamicQuantizeMatMul", inputs, node.output, domain=DOMAIN))
        else:
            nodes.append(node)
    _replace_nodes(graph, nodes)
    for name, tensor in matrices.items():
        rows, columns = tensor.dims
        graph.initializer.remove(tensor)
        _add_external(graph, f"{name}.int8", TensorProto.INT8, (columns, rows))
        _add_external(graph, f"{name}.scale", TensorProto.FLOAT, (rows,))
    return list(matrices)


def halve(graph: GraphProto) -> list[str]:
    """16-bit arithmetic; inputs and outputs keep their types, so that a caller notices nothing."""
    changed = [tensor.name for tensor in graph.initializer if _is_external(tensor)]
    nodes = []
    names = {value.name: f"{value.name}.half" for value in graph.input}
    for name, half in names.items():
        nodes.append(helper.make_node("Cast", [name], [half], to=TensorProto.FLOAT16))
    wide = {name for node in graph.node if node.op_type in KEPT_WIDE for name in node.input[1:]}
    for tensor in graph.initializer:
        if tensor.name in wide and _is_external(tensor):
            raise ValueError(f"{tensor.name} is used by a node that stays 32 bits wide")
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in wide:
            _halve_tensor(tensor)
    results = {value.name: f"{value.name}.half" for value in graph.output}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [results.get(name, name) for name in node.output]
        nodes += _kept_wide(node) if node.op_type in KEPT_WIDE else [node]
    for name, half in results.items():
        nodes.append(helper.make_node("Cast", [half], [name], to=TensorProto.FLOAT))
    _replace_nodes(graph, nodes)
    return changed


def _kept_wide(node: NodeProto) -> list[NodeProto]:
    """A node of a 16-bit graph that computes in 32 bits."""
    source, result = node.input[0], node.output[0]
    node.input[0], node.output[0] = f"{result}.in", f"{result}.out"
    return [
        helper.make_node("Cast", [source], [node.input[0]], to=TensorProto.FLOAT),
        node,
        helper.make_node("Cast", [node.output[0]], [result], to=TensorProto.FLOAT16),
    ]


def _halve_tensor(tensor: TensorProto) -> None:
    if _is_external(tensor):
        tensor.data_type = TensorProto.FLOAT16
    else:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float16"), tensor.name))


VARIANTS = (
    Variant("float16_weights", narrow_weights, "float16"),
    Variant("int8", quantize, "int8"),
    Variant("float16", halve, "float16"),
)


def _matrices(graph: GraphProto) -> dict[str, TensorProto]:
    """External initializers that are (outputs, inputs) matrices of exactly one plain Gemm."""
    external = {tensor.name: tensor for tensor in graph.initializer if _is_external(tensor)}
    users: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    return {
        name: tensor
        for name, tensor in external.items()
        if len(users.get(name, [])) == 1
        and len(tensor.dims) == 2
        and tensor.dims[0] * tensor.dims[1] >= SMALLEST
        and _is_plain(users[name][0], name)
    }


def _is_plain(node: NodeProto, weight: str) -> bool:
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    return (
        node.op_type == "Gemm"
        and node.input[1] == weight
        and attributes.get("transB", 0) == 1
        and attributes.get("transA", 0) == 0
        and attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0
    )


def _is_external(tensor: TensorProto) -> bool:
    return tensor.data_location == TensorProto.EXTERNAL


def _add_external(graph: GraphProto, name: str, dtype: int, shape: Iterable[int]) -> None:
    tensor = graph.initializer.add(name=name, data_type=dtype, dims=shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="checkpoint")


def _replace_nodes(graph: GraphProto, nodes: list[NodeProto]) -> None:
    copies = [NodeProto() for _ in nodes]
    for copy, node in zip(copies, nodes, strict=True):
        copy.CopyFrom(node)
    del graph.node[:]
    graph.node.extend(copies)
