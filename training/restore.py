# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a checkpoint of the published network, to go on training it: ``python -m training.restore``.

The ONNX file holds all that was trained, but with batch normalisation folded into the convolutions. What the folding
took away, each layer's mean and variance, is measured anew on training views; the network is then the same
function as the file, and ``python -m training.train --start build/pebble_start.pt`` begins where its training ended.
"""

import argparse
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from .dataset import Dataset, batches
from .encoder import PHOTO, Encoder
from .export import DEFAULT_GRAPH, check
from .features import Features
from .network import Decoder, Pebble
from .train import BATCH

#: Batches of training views on which means and variances are measured.
CALIBRATION_BATCHES = 24
#: What the exporter names after its module, and the end of the names of weights stored as float16.
PREFIX, HALF = "network.", ".half"
#: The name that the exporter gives to DINOv2's token for the whole, whose use it computes beforehand.
SUMMARY = "/network/encoder/transformer/Expand_output_0"


def read_weights(path: Path) -> tuple[dict[str, Tensor], list[Tensor], list[Tensor]]:
    """The graph's tensors: those that kept their names; the folded convolutions' weights and biases by turns; matrices.

    What the exporter transposed or folded it names anew, ``onnx::Conv_123``, and counts in the order of use.
    """
    values = {t.name.removesuffix(HALF): torch.from_numpy(_float32(t)) for t in onnx.load(path).graph.initializer}
    named = {name.removeprefix(PREFIX): value for name, value in values.items() if name.startswith(PREFIX)}
    named["encoder.transformer.summary"] = values[SUMMARY]

    def renamed(kind: str) -> list[Tensor]:
        names = [name for name in values if name.startswith(kind)]
        return [values[name] for name in sorted(names, key=lambda name: int(name.removeprefix(kind)))]

    return named, renamed("onnx::Conv_"), renamed("onnx::MatMul_")


def _float32(tensor: onnx.TensorProto) -> np.ndarray:
    array = numpy_helper.to_array(tensor)
    return array.astype(np.float32) if array.dtype == np.float16 else np.array(array)


def read(path: Path) -> Pebble:
    """The network in a graph; its batch normalisations only add the folded biases until they are calibrated.

    Nothing but the graph is needed: it holds the frozen encoder too.

    Raises:
        ValueError: the graph is not one of this network's.
    """
    network = Pebble(Decoder(pretrained=False), Encoder(pretrained=False)).eval()
    named, folded, (_, *matrices) = read_weights(path)  # the first makes photos smaller; the network has it already
    linear = [f"{name}.weight" for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    linear = [name for name in linear if name not in named]
    pairs = folded_pairs(network)
    if (len(matrices), len(folded)) != (len(linear), 2 * len(pairs)):
        raise ValueError(f"{path.name} is of another version of the network")
    named |= {name: matrix.T for name, matrix in zip(linear, matrices, strict=True)}
    for (convolution, norm), weight, bias in zip(pairs, folded[::2], folded[1::2], strict=True):
        named |= {f"{convolution}.weight": weight, f"{norm}.bias": bias}
        named[f"{norm}.weight"] = torch.ones_like(bias)
        named[f"{norm}.running_var"] = torch.full_like(bias, 1 - network.get_submodule(norm).eps)
        named[f"{norm}.running_mean"] = torch.zeros_like(bias)
    state = network.state_dict()
    missing = [name for name in state if name not in named and not name.endswith("num_batches_tracked")]
    if missing:
        raise ValueError(f"{path.name} lacks {', '.join(missing[:5])}: it is of another version of the network")
    network.load_state_dict({name: value for name, value in named.items() if name in state}, strict=False)
    return network


def folded_pairs(network: nn.Module) -> list[tuple[str, str]]:
    """Names of each convolution without a bias and of the normalisation behind it, in the order of use."""
    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    return [
        (name, following)
        for (name, layer), (following, norm) in pairwise(layers)
        if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
    ]


@torch.no_grad()
def calibrate(decoder: Decoder, dataset: Dataset, encoder: Encoder | None = None) -> None:
    """Give each batch normalisation the mean and variance of what comes in, and keep what it computes.

    ``encoder``: for views without kept features.
    """
    norms = [module for module in decoder.modules() if isinstance(module, nn.BatchNorm2d)]
    sums = {norm: norm.weight.new_zeros(2, norm.num_features, dtype=torch.float64) for norm in norms}

    def note(norm: nn.BatchNorm2d, inputs: tuple[Tensor, ...]) -> None:
        flat = inputs[0].double().transpose(0, 1).flatten(1)
        sums[norm] += torch.stack([flat.mean(1), (flat**2).mean(1)]) / CALIBRATION_BATCHES

    hooks = [norm.register_forward_pre_hook(note) for norm in norms]
    decoder.eval()
    for batch in islice(batches(dataset, BATCH, seed=0), CALIBRATION_BATCHES):
        features = batch.features if encoder is None else encoder(batch.photo)
        decoder(batch.photo, batch.mask, features, batch.columns)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        mean, square = sums[norm].float()
        norm.running_mean.copy_(mean)
        norm.running_var.copy_((square - mean**2).clamp(min=0))
        norm.weight.copy_((norm.running_var + norm.eps).sqrt())
        norm.bias.add_(mean)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--graph", type=Path, default=DEFAULT_GRAPH)
    parser.add_argument("--data", type=Path, default=Path("build/dataset"))
    parser.add_argument("--out", type=Path, default=Path("build/pebble_start.pt"))
    args = parser.parse_args()
    network = read(args.graph)
    calibrate(network.decoder, Dataset(args.data, "train", Features(args.data / "features")))
    torch.manual_seed(0)
    example = (torch.rand(1, 3, PHOTO, PHOTO) * 255, (torch.rand(1, 1, PHOTO, PHOTO) > 0.5).float())
    check(network, args.graph, example)
    torch.save({"average": network.decoder.state_dict()}, args.out)
    print(f"{args.out}: the weights of {args.graph.name}")


if __name__ == "__main__":
    main()
