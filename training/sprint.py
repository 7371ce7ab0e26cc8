# SPDX-License-Identifier: GPL-3.0-or-later
"""Train for some minutes on an accelerator that is there for no longer.

Such a machine is bare, takes some 60 MB at once, and gives back a few files of 16 MB at most. So:

1. Here, ``python -m training.data --sources --export build/sprint --megabytes 50`` writes shards of what is made.
2. There, ``python -m training.sprint --shards build/sprint --out OUT --minutes 7``. It needs PyTorch, onnx,
   onnxruntime, NumPy, Pillow and the 23 kB of PyPI's ``efficientnet-lite-pytorch``; all weights come from this
   repository's ``pebble.onnx``. The views are decoded once and lie in the accelerator's memory, where they are
   mirrored, stretched and tinted; the encoder sees the changed photos. Steps are in bfloat16.
3. Here, ``python -m training.sprint --join OUT --out build/sprint_end.pt`` puts the returned parts together, for
   ``training.export``, ``training.train --start`` or, on such a machine again, ``--start``.

The parts are written anew whenever the run is judged, so that one that is cut off has something to give back.
"""

import argparse
import io
import json
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from . import restore, train
from .data import shards
from .dataset import LoadedDataset
from .encoder import PHOTO
from .export import DEFAULT_GRAPH, MIN_HALVED, check
from .network import Decoder

#: Bytes of a part of the checkpoint, at most.
PART_BYTES = 15_000_000
#: Samples a step, and steps between two lines of the curves; every fourth is judged and written.
BATCH, REPORT = 128, 50


def split(average: dict[str, Tensor], folder: Path) -> list[Path]:
    """Write weights, the large ones as float16 as they ship, in parts of at most ``PART_BYTES``."""
    state = {
        name: value.half() if value.is_floating_point() and value.numel() >= MIN_HALVED else value
        for name, value in average.items()
    }
    buffer = io.BytesIO()
    torch.save({name: value.cpu() for name, value in state.items()}, buffer)
    content, paths = buffer.getvalue(), []
    for number, start in enumerate(range(0, len(content), PART_BYTES)):
        paths.append(folder / f"weights.{number}.part")
        paths[-1].write_bytes(content[start : start + PART_BYTES])
    return paths


def join(folder: Path) -> dict[str, Tensor]:
    """The weights that ``split`` wrote, as float32."""
    content = b"".join(path.read_bytes() for path in sorted(folder.glob("weights.*.part")))
    state: dict[str, Tensor] = torch.load(io.BytesIO(content), weights_only=True)
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


class SprintTrainer(train.Trainer):
    """A trainer whose checkpoint is what can be given back."""

    def save(self) -> None:
        """Write the averaged weights in parts."""
        split(self.average.state_dict(), self.args.out)


def sprint(args: argparse.Namespace) -> None:
    """Train on the shards' objects, beginning with the graph's weights, or with those of ``--start``."""
    device = torch.device(args.device)
    network = restore.read(args.graph)
    example = (torch.rand(1, 3, PHOTO, PHOTO) * 255, (torch.rand(1, 1, PHOTO, PHOTO) > 0.5).float())
    check(network, args.graph, example)
    network.to(device, memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder:
        shards.gather(args.shards, Path(folder))
        objects, held_out = (
            LoadedDataset(Path(folder), name, device, args.threads) for name in ("train", "validation")
        )
    print(json.dumps({"train": len(objects.objects), "validation": len(held_out.objects)}), flush=True)
    if args.start is None:
        restore.calibrate(network.decoder, objects, network.encoder)
    train.run(SprintTrainer(args, network.decoder, network.encoder), objects, held_out)


def main() -> None:
    """Run from the command line."""
    options = train.parser(__doc__)
    options.set_defaults(device="cuda", batch=BATCH, report=REPORT, minutes=7.0, rate=0.5, threads=16)
    options.add_argument("--graph", type=Path, default=DEFAULT_GRAPH, help="the network whose weights to begin with")
    options.add_argument("--shards", type=Path, default=Path("build/sprint"), help="folder of an export")
    options.add_argument("--join", type=Path, help="folder of returned parts to put together into the file --out")
    args = options.parse_args()
    if args.join:
        decoder = Decoder(pretrained=False)
        decoder.load_state_dict(join(args.join))
        torch.save({"average": decoder.state_dict()}, args.out)
        return
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    sprint(args)


if __name__ == "__main__":
    main()
