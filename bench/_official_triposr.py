# SPDX-License-Identifier: GPL-3.0-or-later
"""TripoSR's official pipeline, stage by stage: what ``run.py --bake-texture`` does. Runs where PyTorch is.

    python bench/_official_triposr.py CHECKOUT CHECKPOINT PHOTO PICTURE --resolution R --texture T

Needs what the authors' code imports: transformers 4.35.0, omegaconf, einops, imageio, trimesh, xatlas, moderngl;
scikit-image stands in for torchmcubes, which has to be compiled (its time is small). The photo is cut out already, so
that rembg is not needed. Writes the texture to PICTURE and prints one JSON object: seconds by stage, peak memory,
triangles.
"""

import argparse
import contextlib
import functools
import json
import resource
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from skimage import measure

CONFIG = {
    "cond_image_size": 512,
    "image_tokenizer_cls": "tsr.models.tokenizers.image.DINOSingleImageTokenizer",
    "image_tokenizer": {},
    "tokenizer_cls": "tsr.models.tokenizers.triplane.Triplane1DTokenizer",
    "tokenizer": {"plane_size": 32, "num_channels": 1024},
    "backbone_cls": "tsr.models.transformer.transformer_1d.Transformer1D",
    "backbone": {
        "in_channels": 1024,
        "num_attention_heads": 16,
        "attention_head_dim": 64,
        "num_layers": 16,
        "cross_attention_dim": 768,
    },
    "post_processor_cls": "tsr.models.network_utils.TriplaneUpsampleNetwork",
    "post_processor": {"in_channels": 1024, "out_channels": 40},
    "decoder_cls": "tsr.models.network_utils.NeRFMLP",
    "decoder": {"in_channels": 120, "n_neurons": 64, "n_hidden_layers": 9, "activation": "silu"},
    "renderer_cls": "tsr.models.nerf_renderer.TriplaneNeRFRenderer",
    "renderer": {
        "radius": 0.87,
        "feature_reduction": "concat",
        "density_activation": "exp",
        "density_bias": -1.0,
        "num_samples_per_ray": 128,
    },
}
"""``config.yaml`` of the published checkpoint."""

CHUNK = 8192
"""``run.py``'s default."""


def marching_cubes(level: torch.Tensor, threshold: float) -> tuple[torch.Tensor, torch.Tensor]:
    """In torchmcubes' place: vertices in reversed order of the axes."""
    vertices, faces, _, _ = measure.marching_cubes(level.numpy(), threshold, gradient_direction="ascent")
    return torch.from_numpy(vertices[:, ::-1].copy()), torch.from_numpy(faces.astype(np.int64))


def prepare(checkout: Path) -> None:
    """Make the checkout importable, with stand-ins for what is not needed or not to be had."""
    sys.path.insert(0, str(checkout))
    sys.modules["rembg"] = types.ModuleType("rembg")
    cubes = types.ModuleType("torchmcubes")
    cubes.marching_cubes = marching_cubes  # type: ignore[attr-defined]
    sys.modules["torchmcubes"] = cubes
    moderngl.create_context = functools.partial(moderngl.create_context, backend="egl")

    import tsr.models.tokenizers.image as tokenizer
    from transformers.models.vit.configuration_vit import ViTConfig

    # facebook/dino-vitb16's config.json holds the class's defaults, but for these.
    tokenizer.hf_hub_download = lambda **_: ""
    ViTConfig.from_pretrained = staticmethod(lambda *_, **__: ViTConfig(qkv_bias=True))


class Stages:
    """Wall and processor seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu_seconds: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block."""
        started, cpu_started = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = time.perf_counter() - started
        self.cpu_seconds[name] = time.process_time() - cpu_started


def load(checkpoint: Path) -> Any:  # noqa: ANN401 - the authors' class, known only when the checkout is
    """The network with its weights."""
    from omegaconf import OmegaConf
    from tsr.system import TSR

    network = TSR(OmegaConf.create(CONFIG))
    weights = load_file(checkpoint)
    # Tensors that the network holds but does not use (the image encoder's pooler) may be left out of the file.
    missing, unexpected = network.load_state_dict(weights, strict=False)
    if unexpected or any("pooler" not in name for name in missing):
        raise SystemExit(f"the checkpoint lacks {missing} and has besides {unexpected}")
    network.renderer.set_chunk_size(CHUNK)
    return network.eval()


def run(options: argparse.Namespace) -> dict[str, Any]:
    """The stages of ``run.py``."""
    import tsr.bake_texture as baking
    from tsr.utils import remove_background, resize_foreground

    stages = Stages()
    with stages.stage("load"):
        network = load(options.checkpoint)
    with stages.stage("photo"):
        image = resize_foreground(remove_background(Image.open(options.photo)), 0.85)
        pixels = np.array(image).astype(np.float32) / 255.0
        pixels = pixels[:, :, :3] * pixels[:, :, 3:4] + (1 - pixels[:, :, 3:4]) * 0.5
        image = Image.fromarray((pixels * 255.0).astype(np.uint8))
    with stages.stage("encode"), torch.no_grad():
        planes = network([image], device="cpu")
    with stages.stage("surface"):
        mesh = network.extract_mesh(planes, has_vertex_color=False, resolution=options.resolution)[0]

    def timed_atlas(*arguments: Any) -> Any:  # noqa: ANN401
        with stages.stage("unwrap"):
            return make_atlas(*arguments)

    make_atlas, baking.make_atlas = baking.make_atlas, timed_atlas
    with stages.stage("bake"):
        baked = baking.bake_texture(mesh, network, planes[0], options.texture)
    for seconds in (stages.seconds, stages.cpu_seconds):
        seconds["bake"] -= seconds["unwrap"]
    Image.fromarray((baked["colors"] * 255).astype(np.uint8)).save(options.picture)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "seconds": stages.seconds,
        "cpu_seconds": stages.cpu_seconds,
        "peak_bytes": peak,
        "triangles": len(mesh.faces),
        "torch": torch.__version__,
    }


def main() -> int:
    """Run once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("checkout", "checkpoint", "photo", "picture"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--texture", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    prepare(options.checkout)
    print(json.dumps(run(options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
