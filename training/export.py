# SPDX-License-Identifier: GPL-3.0-or-later
"""Export the trained network: ``python -m training.export --checkpoint build/pebble/checkpoint.pt``.

Writes ``inference/graphs/pebble.onnx``: float16 weights that are cast to float32 when the file is
loaded, which halves the file and leaves the arithmetic alone. The same checkpoint gives the same bytes.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from .encoder import PHOTO
from .network import MAPS, Decoder, Pebble

OUTPUTS = ("depths", "albedo", "solid", "camera")
#: Weights smaller than this stay float32: they cost nothing and biases profit.
MIN_HALVED = 512
#: Largest difference allowed between PyTorch and the exported file, per output.
TOLERANCE = 0.05
#: The network that ships.
DEFAULT_GRAPH = Path(__file__).resolve().parent.parent / "inference" / "graphs" / "pebble.onnx"


def load(checkpoint: Path) -> Pebble:
    """The network with the averaged weights of a checkpoint."""
    decoder = Decoder(pretrained=False)
    decoder.load_state_dict(torch.load(checkpoint, weights_only=True)["average"])
    return Pebble(decoder).eval()


class _Plain(nn.Module):
    """Returns a tuple, as the exporter wants."""

    def __init__(self, network: Pebble) -> None:
        super().__init__()
        self.network = network

    def forward(self, photo: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.network(photo, mask))


def halve_weights(model: onnx.ModelProto) -> None:
    """Store large float32 initializers as float16 behind a Cast, which ONNX Runtime folds at load."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < MIN_HALVED:
            continue
        name, half = tensor.name, numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(half, name + ".half"))
        casts.append(helper.make_node("Cast", [name + ".half"], [name], name=name + ".cast", to=TensorProto.FLOAT))
    for number, node in enumerate(casts):
        model.graph.node.insert(number, node)


def export(network: Pebble, path: Path) -> None:
    """Write the ONNX file and check it against PyTorch."""
    example = (torch.rand(1, 3, PHOTO, PHOTO) * 255, (torch.rand(1, 1, PHOTO, PHOTO) > 0.5).float())
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.onnx"
        torch.onnx.export(
            _Plain(network).eval(),
            example,
            raw,
            input_names=["photo", "mask"],
            output_names=list(OUTPUTS),
            opset_version=17,
            dynamo=False,
        )
        # Batch normalisation is folded into the convolutions here, so that it isn't left to each load.
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        folded = Path(folder) / "folded.onnx"
        options.optimized_model_filepath = str(folded)
        onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
        model = onnx.load(folded)
    halve_weights(model)
    model.producer_name, model.producer_version, model.doc_string = "image_to_3d training/export.py", "1", ""
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString(deterministic=True))
    check(network, path, example)


def check(network: Pebble, path: Path, example: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Compare the file with PyTorch on one input; raises if they differ."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found = session.run(list(OUTPUTS), {"photo": example[0].numpy(), "mask": example[1].numpy()})
    with torch.inference_mode():
        expected = network(*example)
    for name, value in zip(OUTPUTS, found, strict=True):
        difference = float(np.abs(value - getattr(expected, name).numpy()).max())
        print(f"{name}: {value.shape}, largest difference {difference:.4f}")
        if difference > TOLERANCE:
            raise SystemExit(f"{name} differs by {difference}")
    assert found[0].shape == (1, 2, MAPS, MAPS)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("build/pebble/checkpoint.pt"))
    parser.add_argument("--out", type=Path, default=DEFAULT_GRAPH)
    args = parser.parse_args()
    torch.manual_seed(0)
    export(load(args.checkpoint), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
