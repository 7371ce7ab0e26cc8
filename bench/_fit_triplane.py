# SPDX-License-Identifier: GPL-3.0-or-later
"""Fit a triplane and a decoder of TripoSR's layout to a known object. Runs in the training environment.

    python bench/_fit_triplane.py OBJECT OUTPUT.npz [--steps N]

The loss is that of an occupancy network (Mescheder et al. 2019), with the level at which TripoSR cuts its density as
the boundary: like a density learned from pictures, the field is steep at the surface and arbitrary away from it. The
file holds what TripoSR's code does: ``planes`` float16 and the decoder's tensors by their official names.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _shapes import OBJECTS, Part, colors, signed_distance

CHANNELS, SIZE, WIDTH, HIDDEN = 40, 64, 64, 9
ISO_LEVEL = 1 + math.log(25)
SOFTNESS = 0.01
"""Object units over which occupancy goes from 0.27 to 0.73."""
POOL = 300_000
"""Points of each kind, near the surface and anywhere, that batches are drawn from."""
BATCH = 8192


def to_network(points: np.ndarray) -> np.ndarray:
    """Object frame to TripoSR's: x towards the camera, y to the right, z up."""
    return np.stack([-points[:, 1], points[:, 0], points[:, 2]], axis=1)


def near_surface(parts: list[Part], count: int, rng: np.random.Generator) -> np.ndarray:
    """Points scattered round the surface, (count, 3)."""
    found = []
    while sum(map(len, found)) < count:
        points = rng.uniform(-0.75, 0.75, (count, 3)).astype(np.float32)
        points = points[np.abs(signed_distance(parts, points)) < 0.15]
        for _ in range(4):
            step = 1e-3
            offsets = step * np.eye(3, dtype=np.float32)
            slope = [signed_distance(parts, points + o) - signed_distance(parts, points - o) for o in offsets]
            slopes = np.stack(slope, axis=1) / (2 * step)
            points = points - signed_distance(parts, points)[:, None] * slopes
        found.append(points[np.abs(signed_distance(parts, points)) < 2e-3])
    surface = np.concatenate(found)[:count]
    return surface + rng.normal(0, 0.02, surface.shape).astype(np.float32)


def decoder() -> nn.Sequential:
    """TripoSR's, with its tensors' indices."""
    layers: list[nn.Module] = [nn.Linear(3 * CHANNELS, WIDTH), nn.SiLU()]
    for _ in range(HIDDEN - 1):
        layers += [nn.Linear(WIDTH, WIDTH), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 4))


def decode(planes: Tensor, network: nn.Sequential, points: Tensor) -> Tensor:
    """(3, c, h, w), points (n, 3) within [-1, 1] -> raw density and colours (n, 4)."""
    grid = torch.stack([points[:, [0, 1]], points[:, [0, 2]], points[:, [1, 2]]]).unsqueeze(1)
    features = functional.grid_sample(planes, grid, mode="bilinear", align_corners=False)
    result: Tensor = network(features.flatten(0, 2).T)
    return result


def fit(name: str, steps: int) -> dict[str, np.ndarray]:
    """Planes and weights of an object."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    parts = OBJECTS[name]()
    points = np.concatenate([near_surface(parts, POOL, rng), rng.uniform(-1, 1, (POOL, 3)).astype(np.float32)])
    occupancy = torch.from_numpy(1 / (1 + np.exp(np.clip(-signed_distance(parts, points) / SOFTNESS, -30, 30))))
    color, places = torch.from_numpy(colors(parts, points)), torch.from_numpy(to_network(points))
    planes, network = nn.Parameter(0.3 * torch.randn(3, CHANNELS, SIZE, SIZE)), decoder()
    with torch.no_grad():
        for layer in network:
            if isinstance(layer, nn.Linear):  # SiLU halves small values; ten default layers would pass on nothing
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)
    optimiser = torch.optim.Adam([{"params": [planes], "lr": 3e-2}, {"params": network.parameters(), "lr": 3e-3}])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, 1e-4)
    for step in range(steps):
        chosen = torch.from_numpy(rng.integers(0, 2 * POOL, BATCH))
        decoded = decode(planes, network, places[chosen])
        loss = functional.binary_cross_entropy_with_logits(decoded[:, 0] - ISO_LEVEL, occupancy[chosen].float())
        near = chosen < POOL
        loss = loss + functional.mse_loss(torch.sigmoid(decoded[near, 1:]), color[chosen][near])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(f"{name}: step {step}, loss {loss.item():.4f}", flush=True)
    tensors = {f"decoder.layers.{key}": value.detach().numpy() for key, value in network.state_dict().items()}
    return {"planes": planes.detach().numpy().astype(np.float16), **tensors}


def main() -> int:
    """Fit one object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("object", choices=OBJECTS)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    arrays = fit(options.object, options.steps)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez(options.output, **arrays)
    return 0


if __name__ == "__main__":
    sys.exit(main())
