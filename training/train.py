# SPDX-License-Identifier: GPL-3.0-or-later
"""Train Pebble's decoder: ``python -m training.train --data build/dataset --out build/pebble --minutes 180``.

Runs on a CPU, where the frozen encoder's features are kept beside the data set, or with ``--device cuda`` on an
accelerator, where all views lie in its memory and the encoder sees each photo as it is changed. Checkpointed every few
minutes and resumable: the learning rate follows the minutes trained so far, not the clock. On a CPU new objects are
picked up as they are made. Curves go to ``curves.jsonl`` beside the checkpoint.
"""

import argparse
import copy
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .dataset import VALIDATION_VIEWS, Dataset, LoadedDataset, batches, prefetched, settle_validation
from .encoder import Encoder
from .features import Features
from .losses import NEAR, TOLERANT, WEIGHTS, losses, placed
from .network import Decoder
from .samples import Batch, augment

#: Share of the normals' weights at the start; they grow to all of it: first where things are, then how they bend.
EARLY_NORMALS = 0.3
#: Highest learning rates, all AdamW, for batches of ``BATCH``: of the convolutions, of the transformer, and of DINOv2's
#: tuned layers. They grow with the square root of the batch.
PEAKS = (4e-4, 3e-4, 3e-5)
BATCH, EMA, WARM_UP = 16, 0.997, 100
#: AdamW's decay.
WEIGHT_DECAY = 0.05


@torch.inference_mode()
def validate(decoder: Decoder, dataset: Dataset, encoder: Encoder | None) -> dict[str, float]:
    """Losses, mean depth errors and shares of right depths on a fixed set of held-out views."""
    decoder.eval()
    with torch.random.fork_rng():
        torch.manual_seed(5)  # for the rays that are looked at
        return _judge(decoder, dataset, encoder)


def _judge(decoder: Decoder, dataset: Dataset, encoder: Encoder | None) -> dict[str, float]:
    sums: dict[str, float] = {}
    pairs = [(record, view) for record in dataset.objects for view in VALIDATION_VIEWS]
    for start in range(0, len(pairs), BATCH):
        group = pairs[start : start + BATCH]
        batch = dataset.batch(group, [False] * len(group))
        if encoder is not None:
            batch.features = encoder(batch.photo)
        prediction = decoder(batch.photo, batch.mask, batch.features, batch.columns)
        parts = losses(prediction, batch)
        error = (prediction.depths - batch.depths).abs()
        parts |= {name: error[:, i].nanmean() for i, name in enumerate(("front_distance", "back_distance"))}
        shape = (placed(prediction.depths, batch.depths) - batch.depths).abs()
        parts["shape_distance"] = shape.nanmean()
        for i, name in enumerate(("front_near", "back_near")):
            parts[name] = (shape[:, i] < NEAR).sum() / shape[:, i].isfinite().sum().clamp(min=1)
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(group) / len(pairs)
    return sums


class Trainer:
    """State of a run: weights, their moving average, optimiser, minutes, steps and samples so far."""

    def __init__(
        self, args: argparse.Namespace, decoder: Decoder | None = None, encoder: Encoder | None = None
    ) -> None:
        """``decoder``: with the weights to begin with; ``encoder``: runs at each step, on an accelerator."""
        self.args, self.device, self.encoder = args, torch.device(args.device), encoder
        torch.manual_seed(7)
        self.decoder = (decoder or Decoder()).to(self.device, memory_format=torch.channels_last)
        self.path = args.out / "checkpoint.pt"
        if args.start and not self.path.exists():
            self.decoder.load_state_dict(torch.load(args.start, self.device, weights_only=True)["average"])
        self.average = copy.deepcopy(self.decoder).eval()
        groups = [{"params": part, "peak": peak} for part, peak in zip(self._parts(), PEAKS, strict=True)]
        self.optimizer = torch.optim.AdamW(groups, PEAKS[0], weight_decay=WEIGHT_DECAY)
        self.spent, self.step, self.samples = 0.0, 0, 0
        if self.path.exists():
            state = torch.load(self.path, self.device, weights_only=True)
            self.decoder.load_state_dict(state["decoder"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            for group, peak in zip(self.optimizer.param_groups, PEAKS, strict=True):
                group |= {"weight_decay": WEIGHT_DECAY, "peak": peak}  # a changed setting holds from the restart on
            self.spent, self.step, self.samples = state["spent"], state["step"], state["samples"]

    def _parts(self) -> tuple[list[nn.Parameter], ...]:
        """The parameters by learning rate, in the order of ``PEAKS``."""
        seeing = list(self.decoder.thinking.seeing.parameters())
        thinking = [p for p in self.decoder.thinking.parameters() if not any(p is other for other in seeing)]
        known = {id(p) for p in (*seeing, *thinking)}
        return [p for p in self.decoder.parameters() if id(p) not in known], thinking, seeing

    @property
    def is_finished(self) -> bool:
        """Whether all minutes of the schedule are spent."""
        return self.spent > self.args.minutes * 60

    def save(self) -> None:
        """Write the checkpoint; never leave a half-written one."""
        state = {"decoder": self.decoder.state_dict(), "average": self.average.state_dict()}
        state |= {"optimizer": self.optimizer.state_dict()}
        state |= {"spent": self.spent, "step": self.step, "samples": self.samples}
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.rename(self.path)

    def tell(self, values: dict[str, Any], held_out: Dataset | None) -> None:
        """Add a line to the curves; with ``held_out``, save and measure first."""
        line = {"step": self.step, "samples": self.samples, "minutes": round(self.spent / 60, 2)} | values
        if held_out is not None:
            self.save()
            judged = validate(self.average, held_out, self.encoder)
            line["validation"] = {name: round(value, 5) for name, value in judged.items()}
        text = json.dumps(line)
        with (self.args.out / "curves.jsonl").open("a") as file:
            file.write(text + "\n")
        print(text, flush=True)

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """One step; returns the unweighted parts of the loss."""
        self.decoder.train()
        batch = augment(batch, self.encoder)
        progress = min(1.0, self.spent / 60 / self.args.minutes)
        share = self._rate(progress) * math.sqrt(len(batch.photo) / BATCH)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share
        normals = EARLY_NORMALS + (1 - EARLY_NORMALS) * progress
        tolerant = TOLERANT[0] * (TOLERANT[1] / TOLERANT[0]) ** progress
        parts = losses(self.decoder(batch.photo, batch.mask, batch.features, batch.columns), batch, tolerant)
        weights = {name: weight * (normals if "normal" in name else 1) for name, weight in WEIGHTS.items()}
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        self.optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 2.0, error_if_nonfinite=True)
        self.optimizer.step()
        self.step, self.samples = self.step + 1, self.samples + len(batch.photo)
        self._follow()
        return {name: part.detach() for name, part in parts.items()} | {"rate": torch.tensor(PEAKS[0] * share)}

    def _rate(self, progress: float) -> float:
        """The share of the learning rates' peaks: it rises at first, then falls along a cosine."""
        warm = min(1.0, (self.step + 1) / WARM_UP)
        return self.args.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(EMA, self.step / (self.step + 20))
        for slow, fast in zip(self.average.state_dict().values(), self.decoder.state_dict().values(), strict=True):
            if slow.is_floating_point():
                slow.lerp_(fast, 1 - keep)
            else:
                slow.copy_(fast)


def run(trainer: Trainer, train: Dataset, held_out: Dataset) -> None:
    """Train to the end of the schedule."""
    args = trainer.args
    settle_validation(held_out, args.out / "validation.json")
    if trainer.step == 0:  # where the curves begin: with untrained weights, or with those of --start
        trainer.tell({"objects": len(train.objects)}, held_out)
    source = batches(train, args.batch, seed=trainer.step)
    sums: dict[str, Tensor] = {}
    told, started = trainer.step, time.monotonic()
    for batch in prefetched(source) if trainer.encoder is None else source:
        for name, value in trainer.learn(batch).items():
            sums[name] = sums[name] + value if name in sums else value  # read only when told: no waiting at each step
        now = time.monotonic()
        trainer.spent, started = trainer.spent + now - started, now
        if trainer.step % args.report == 0 or trainer.is_finished:
            means = {name: round(float(total) / (trainer.step - told), 5) for name, total in sums.items()}
            judged = trainer.step % (args.report * 4) == 0 or trainer.is_finished
            trainer.tell({"objects": len(train.objects)} | means, held_out if judged else None)
            sums, told = {}, trainer.step
        if trainer.is_finished:
            return


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of a run."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--data", type=Path, default=Path("build/dataset"))
    options.add_argument("--out", type=Path, default=Path("build/pebble"))
    options.add_argument("--start", type=Path, help="checkpoint of an earlier run whose weights to begin with")
    options.add_argument("--minutes", type=float, default=180.0, help="length of the schedule, minutes of training")
    options.add_argument("--rate", type=float, default=1.0, help="part of the learning rates; less for a second round")
    options.add_argument("--batch", type=int, default=BATCH, help="samples a step")
    options.add_argument("--report", type=int, default=50, help="steps between two lines of the curves")
    options.add_argument("--device", default="cpu", help="cpu, or cuda")
    options.add_argument("--threads", type=int, default=2, help="of the processor")
    return options


def datasets(args: argparse.Namespace, device: torch.device) -> tuple[Dataset, Dataset]:
    """What trains and what validates: on a CPU with features that are kept, else in the device's memory."""
    if device.type == "cpu":
        features = Features(args.data / "features")
        return Dataset(args.data, "train", features), Dataset(args.data, "validation", features)
    loaded = [LoadedDataset(args.data, split, device, args.threads) for split in ("train", "validation")]
    return loaded[0], loaded[1]


def main() -> None:
    """Run from the command line."""
    args = parser(__doc__).parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(args.device)
    encoder = None if device.type == "cpu" else Encoder().to(device, memory_format=torch.channels_last)
    run(Trainer(args, encoder=encoder), *datasets(args, device))


if __name__ == "__main__":
    main()
