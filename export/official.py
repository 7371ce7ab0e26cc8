# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the authors' own code, from checkouts of their repositories, on seeded weights and inputs.

Nothing of it is copied here and nothing of it is needed to export or to run a graph; it says what the results have to
be. Sizes come from our settings, so that small networks of the authors' classes can be compared too.
"""

import importlib.machinery
import importlib.util
import math
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .cases import seeded_input
from .instantmesh import CORNERS, InstantMeshSettings
from .openlrm import DINOv2Settings, OpenLRMSettings
from .seeded import seeded_tensor
from .triposr import TripoSRSettings
from .vit import EPSILON, IMAGE_MEAN, IMAGE_STD, ViTSettings

UNNEEDED = (
    "accelerate",
    "accelerate.logging",
    "cv2",
    "imageio",
    "mcubes",
    "nvdiffrast",
    "nvdiffrast.torch",
    "rembg",
    "torchmcubes",
    "trimesh",
    "xatlas",
)
"""Imported by the authors' modules, but not used by what is compared: meshing, rendering, background removal."""

INITIALISERS = ("kaiming_uniform_", "uniform_", "normal_", "trunc_normal_", "xavier_uniform_")

Outputs = dict[str, NDArray[np.float32]]


class _Anything:
    """Stands for whatever an unneeded module would offer."""

    def __getattr__(self, name: str) -> "_Anything":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Anything()

    def __call__(self, *_: object, **__: object) -> "_Anything":
        return _Anything()


def prepare(checkout: Path) -> None:
    """Make a checkout importable, run eagerly, and put stand-ins for modules that the comparison does not need."""
    torch.compiler.set_stance("force_eager")
    for name in INITIALISERS:
        # Every weight is replaced by a seeded one, and drawing them takes longer than running the network.
        setattr(nn.init, name, lambda tensor, *_, **__: tensor)
    sys.path.insert(0, str(checkout))
    for name in [name for name in UNNEEDED if importlib.util.find_spec(name.partition(".")[0]) is None]:
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        module.__getattr__ = _Anything().__getattr__
        sys.modules.setdefault(name, module)


def run_triposr(settings: TripoSRSettings) -> Outputs:
    """TripoSR's image to triplane, and its decoder at points."""
    import tsr.models.tokenizers.image
    from omegaconf import OmegaConf
    from transformers.models.vit.configuration_vit import ViTConfig

    ViTConfig.from_pretrained = staticmethod(lambda *_, **__: _vit_config(settings.vit))
    tsr.models.tokenizers.image.hf_hub_download = lambda **_: ""
    models = "tsr.models"
    config = {
        "cond_image_size": settings.image,
        "image_tokenizer_cls": f"{models}.tokenizers.image.DINOSingleImageTokenizer",
        "image_tokenizer": {},
        "tokenizer_cls": f"{models}.tokenizers.triplane.Triplane1DTokenizer",
        "tokenizer": {"plane_size": settings.size, "num_channels": settings.width},
        "backbone_cls": f"{models}.transformer.transformer_1d.Transformer1D",
        "backbone": {
            "in_channels": settings.width,
            "num_attention_heads": settings.heads,
            "attention_head_dim": settings.width // settings.heads,
            "num_layers": settings.depth,
            "cross_attention_dim": settings.vit.width,
        },
        "post_processor_cls": f"{models}.network_utils.TriplaneUpsampleNetwork",
        "post_processor": {"in_channels": settings.width, "out_channels": settings.channels},
        "decoder_cls": f"{models}.network_utils.NeRFMLP",
        "decoder": {
            "in_channels": 3 * settings.channels,
            "n_neurons": 64,
            "n_hidden_layers": 9,
            "activation": "silu",
        },
        "renderer_cls": f"{models}.nerf_renderer.TriplaneNeRFRenderer",
        "renderer": {
            "radius": settings.radius,
            "feature_reduction": "concat",
            "density_activation": "exp",
            "density_bias": -1.0,
        },
    }
    from tsr.system import TSR

    network = _with_seeded_weights(TSR(OmegaConf.create(config)))
    image = seeded_input("image", (1, 3, settings.image, settings.image))
    planes, points = _planes(settings), torch.from_numpy(seeded_input("points", (None, 3)))
    with torch.inference_mode():
        # The authors take images as the file has them, channels last.
        encoded = network(torch.from_numpy(image).permute(0, 2, 3, 1), "cpu")
        decoded = network.renderer.query_triplane(network.decoder, points, planes)
    return _arrays(planes=encoded[0], density=decoded["density"][:, 0], color=decoded["color"])


def run_openlrm(settings: OpenLRMSettings) -> Outputs:
    """OpenLRM's image and camera to triplane, and its decoder at points."""
    from openlrm.models.encoders.dinov2_wrapper import Dinov2Wrapper
    from openlrm.models.modeling_lrm import ModelLRM

    encoder = settings.encoder
    # Instead of a download.
    Dinov2Wrapper._build_dinov2 = staticmethod(lambda *_, **__: _dinov2(encoder))  # noqa: SLF001
    network = ModelLRM(
        camera_embed_dim=settings.camera,
        rendering_samples_per_ray=96,
        transformer_dim=settings.width,
        transformer_layers=settings.depth,
        transformer_heads=settings.heads,
        triplane_low_res=settings.size,
        triplane_high_res=2 * settings.size,
        triplane_dim=settings.channels,
        encoder_type="dinov2",
        encoder_model_name="",
        encoder_feat_dim=encoder.width,
    )
    _with_seeded_weights(network)
    image = torch.from_numpy(seeded_input("image", (1, 3, settings.image, settings.image)))
    camera = torch.from_numpy(seeded_input("camera", (1, 16)))
    with torch.inference_mode():
        encoded = network.forward_planes(image, camera)
    return _arrays(planes=encoded[0]) | _decode_density(network.synthesizer, _planes(settings))


def run_instantmesh(settings: InstantMeshSettings) -> Outputs:
    """InstantMesh's decoders, and of mesh variants images and cameras to triplane (the encoder is the same)."""
    from src.models.encoder.dino import ViTModel
    from src.models.encoder.dino_wrapper import DinoWrapper
    from src.models.lrm import InstantNeRF
    from src.models.lrm_mesh import InstantMesh
    from transformers import ViTImageProcessor

    processor = ViTImageProcessor(image_mean=list(IMAGE_MEAN), image_std=list(IMAGE_STD))
    vit = ViTModel(_vit_config(settings.vit), add_pooling_layer=False)
    # Instead of a download.
    DinoWrapper._build_dino = staticmethod(lambda *_, **__: (vit, processor))  # noqa: SLF001
    sizes = {
        "encoder_feat_dim": settings.vit.width,
        "transformer_dim": settings.width,
        "transformer_layers": settings.depth,
        "transformer_heads": settings.heads,
        "triplane_low_res": settings.size,
        "triplane_high_res": 2 * settings.size,
        "triplane_dim": settings.channels,
    }
    network = InstantMesh(grid_res=settings.lattice, **sizes) if settings.is_mesh else InstantNeRF(**sizes)
    _with_seeded_weights(network)
    planes = _planes(settings)
    if not settings.is_mesh:
        return _decode_density(network.synthesizer, planes)
    images = torch.from_numpy(seeded_input("images", (settings.views, 3, settings.image, settings.image)))
    cameras = torch.from_numpy(seeded_input("cameras", (settings.views, 16)))
    with torch.inference_mode():
        encoded = network.forward_planes(images.unsqueeze(0), cameras.unsqueeze(0))
    return _arrays(planes=encoded[0]) | _decode_mesh(network.synthesizer, planes)


def _decode_density(synthesizer: nn.Module, planes: Tensor) -> Outputs:
    """What the graphs of density decoders return; the authors' own activation of the density is left out."""
    points = torch.from_numpy(seeded_input("points", (None, 3))).unsqueeze(0)
    options = synthesizer.rendering_kwargs
    with torch.inference_mode():
        decoded = synthesizer.renderer.run_model(planes.unsqueeze(0), synthesizer.decoder, points, None, options)
    return _arrays(density=decoded["sigma"][0, :, 0], color=decoded["rgb"][0].clamp(0, 1))


def _decode_mesh(synthesizer: nn.Module, planes: Tensor) -> Outputs:
    points = torch.from_numpy(seeded_input("points", (None, 3))).unsqueeze(0)
    corners = torch.from_numpy(seeded_input("corners", (None, CORNERS, 3))).reshape(1, -1, 3)
    cubes = torch.arange(corners.shape[1]).reshape(-1, CORNERS)
    none = torch.zeros(1, CORNERS, dtype=torch.long)
    with torch.inference_mode():
        sdf, deformation, _ = synthesizer.get_geometry_prediction(planes.unsqueeze(0), points, none)
        *_, weights = synthesizer.get_geometry_prediction(planes.unsqueeze(0), corners, cubes)
        color = synthesizer.get_texture_prediction(planes.unsqueeze(0), points)
    # InstantMesh.get_sdf_deformation_prediction, step 2, with its deformation multiplier of 4 and 128 cells.
    displacement = torch.tanh(deformation[0]) / (128 * 4.0)
    return _arrays(sdf=sdf[0, :, 0], displacement=displacement, weights=weights[0], color=color[0].clamp(0, 1))


def _dinov2(settings: DINOv2Settings) -> nn.Module:
    from openlrm.models.encoders.dinov2.hub import backbones
    from openlrm.models.encoders.dinov2.layers import Block, MemEffAttention
    from openlrm.models.encoders.dinov2.models.vision_transformer import DinoVisionTransformer

    if settings.depth == DINOv2Settings.depth:
        size = {384: "s", 768: "b"}[settings.width]
        return getattr(backbones, f"dinov2_vit{size}14_reg")(pretrained=False)
    # As hub/backbones.py builds the variants with registers, to which no other sizes can be given.
    return DinoVisionTransformer(
        img_size=settings.native * settings.patch,
        patch_size=settings.patch,
        embed_dim=settings.width,
        depth=settings.depth,
        num_heads=settings.heads,
        init_values=1.0,
        block_chunks=0,
        block_fn=lambda **options: Block(attn_class=MemEffAttention, **options),
        num_register_tokens=settings.registers,
        interpolate_antialias=True,
        interpolate_offset=0.0,
    )


def _vit_config(settings: ViTSettings) -> Any:  # noqa: ANN401 - a class of transformers
    from transformers.models.vit.configuration_vit import ViTConfig

    return ViTConfig(
        image_size=settings.native * settings.patch,
        patch_size=settings.patch,
        hidden_size=settings.width,
        num_hidden_layers=settings.depth,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.width,
        layer_norm_eps=EPSILON,
    )


def _with_seeded_weights(network: nn.Module) -> nn.Module:
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            tensor.copy_(torch.from_numpy(seeded_tensor(name, tuple(tensor.shape))))
    return network.eval()


def _planes(settings: TripoSRSettings | OpenLRMSettings | InstantMeshSettings) -> Tensor:
    return torch.from_numpy(seeded_input("planes", (3, settings.channels, 2 * settings.size, 2 * settings.size)))


def _arrays(**tensors: Tensor) -> Outputs:
    arrays = {name: tensor.contiguous().numpy() for name, tensor in tensors.items()}
    for name, array in arrays.items():
        if not math.isfinite(float(np.abs(array).max())):
            raise ValueError(f"{name} has numbers that are not finite")
    return arrays
