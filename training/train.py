# SPDX-License-Identifier: GPL-3.0-or-later
"""Train Pebble's decoder: ``python -m training.train --data build/dataset --out build/pebble --minutes 180``.

Runs on a CPU. Checkpointed every few minutes and resumable: the learning rate follows the minutes
trained so far, not the clock. New objects are packed at the start, and picked up as they appear in
the pack. Curves go to ``curves.jsonl`` beside the checkpoint.
"""

import argparse
import copy
import json
import math
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .data.solid import CELL, EXTENT, RESOLUTION, TRUNCATION
from .encoder import PATCHES
from .network import BINS, DEPTH_RANGE, FEATURE_DROPOUT, MAPS, Decoder, Prediction
from .pack import mirror_tokens, open_arrays, pack, read_index

#: Rays a sample on which the logits between the surfaces are trained.
COLUMNS = 640
#: Softness of the occupancy target, object units; about a cell.
SOFTNESS = 0.02
#: Near its first and last surface a ray is in material, whatever the grid says: half-sizes of the crop.
SKIN = 0.035
WEIGHTS = {
    "front": 1.2,
    "back": 1.0,
    "front_shape": 1.8,
    "back_shape": 1.4,
    "front_normal": 0.4,
    "back_normal": 0.2,
    "solid": 0.25,
    "albedo": 0.3,
    "camera": 0.6,
}
#: Share of the normals' weights at the start; they grow to all of it: first where things are, then how they bend.
EARLY_NORMALS = 0.3
#: Depth errors beyond this (half-sizes, at the start and at the end) weigh ever less, so that in the end one of two
#: plausible answers is chosen and not their mean.
TOLERANT = (0.6, 0.2)
#: The same for the curves, which are to stay comparable.
JUDGED_TOLERANT = 0.25
#: Depths are cut off here, as the field cuts them: few objects are longer, seen from an end, and nobody could tell.
MAX_DEPTH = 1.25
#: A depth's slope beyond this (w per half-size) is an edge between two surfaces, not a slope.
MAX_SLOPE = 5.0
#: Distances, in rays, over which slopes are compared.
SLOPE_STEPS = (1, 4)
#: Highest learning rates, all AdamW: of the convolutions, of the transformer, and of DINOv2's tuned layers.
PEAKS = (4e-4, 3e-4, 3e-5)
BATCH, EMA, WARM_UP = 16, 0.997, 100
#: AdamW's decay.
WEIGHT_DECAY = 0.05
#: Share of the samples that are made wider or narrower, and by how much at most.
STRETCHED, STRETCH = 0.6, 1.3
#: Share of samples shown in the orientation in which DINOv2 saw them, and not as its mirror image.
TRUE_ORIENTATION = 0.75
#: The curves' validation set: the objects of the split that are packed first, in these views.
VALIDATION_OBJECTS, VALIDATION_VIEWS = 64, (2, 5)


@dataclass
class Batch:
    """Tensors of n samples; see ``LAYOUT`` in ``pack.py`` for the shapes."""

    photo: Tensor
    mask: Tensor
    features: list[Tensor]
    depths: Tensor  #: NaN where there is no truth
    albedo: Tensor  #: (n, 6, 96, 96) 0..1
    camera: Tensor  #: (n, 2) elevation, log field of view
    columns: Tensor  #: (n, k) flat indices of rays
    solid: Tensor  #: (n, 64, k) target in 0..1, NaN outside the object's hull


class Dataset:
    """Reads samples from the pack; one split."""

    def __init__(self, folder: Path, split: str) -> None:
        self.folder, self.split = folder, split
        self.refresh()

    def refresh(self) -> None:
        """See what was packed since the last time."""
        self.objects = [e for e in read_index(self.folder) if e["split"] == self.split]
        self.arrays = open_arrays(self.folder)

    def sample(self, entry: dict, view: int, rng: np.random.Generator, flip: bool) -> dict[str, np.ndarray]:
        """One view as arrays, mirrored if asked."""
        row = entry["row"] + view
        a = {name: np.array(array[row]) for name, array in self.arrays.items() if name != "signed"}
        signed = np.array(self.arrays["signed"][entry["number"]])
        visible = np.isfinite(a["depths"][0]) & (a["mask"].reshape(MAPS, 2, MAPS, 2).mean((1, 3)) > 127)
        a["depths"] = np.where(visible, a["depths"].astype(np.float32), np.nan)
        inside = np.flatnonzero(visible)
        if len(inside) == 0:
            inside = np.zeros(1, np.int64)
        # Rays whose two surfaces lie far apart hold the gaps worth learning: they are drawn more often.
        depth = np.nan_to_num(a["depths"].reshape(2, -1)[:, inside])
        chance = 0.15 + np.clip(depth[1] - depth[0], 0, 1.5)
        columns = rng.choice(inside, COLUMNS, p=chance / chance.sum())
        a["solid"] = column_targets(signed, a["camera"], a["depths"], columns)
        if flip:
            columns = columns // MAPS * MAPS + (MAPS - 1 - columns % MAPS)
            for name in ("mask", "depths", "f3", "f4", "f5"):
                a[name] = a[name][..., ::-1]
            for name in ("photo", "albedo"):
                a[name] = a[name][..., ::-1, :]
            a["tokens"] = mirror_tokens(a["tokens"])
        a["columns"] = columns
        return a


def settle_validation(dataset: Dataset, path: Path) -> None:
    """Keep the objects that are listed in ``path``; if there is no such file, list the first ones and keep those.

    So a run is judged by the same objects to its end, however many are packed by the time it is resumed.
    """
    if not path.exists():
        path.write_text(json.dumps([entry["name"] for entry in dataset.objects[:VALIDATION_OBJECTS]]))
    names = set(json.loads(path.read_text()))
    dataset.objects = [entry for entry in dataset.objects if entry["name"] in names]


def column_targets(signed: np.ndarray, camera: np.ndarray, depths: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Occupancy along rays, (64, k) in 0..1, NaN outside the hull between first and last surface.

    signed: (96, 96, 96) int8 of ``solid.quantise``; camera: (16,) of ``View.camera``.
    """
    eye, basis, tangent, middle = camera[:3], camera[3:12].reshape(3, 3), camera[12], camera[13]
    w = ((np.arange(BINS) + 0.5) / BINS * 2 - 1).astype(np.float32) * DEPTH_RANGE
    depth = middle + w[:, None] * (middle * tangent)
    u = ((columns % MAPS + 0.5) / MAPS * 2 - 1) * tangent
    v = -((columns // MAPS + 0.5) / MAPS * 2 - 1) * tangent
    rays = (np.stack([u, v, -np.ones_like(u)], -1) @ basis).astype(np.float32)
    cells = ((eye + EXTENT + depth[..., None] * rays) * (1 / CELL)).astype(np.int32)
    outside = ((cells < 0) | (cells >= RESOLUTION)).any(-1)
    cells = np.clip(cells, 0, RESOLUTION - 1)
    distance = signed[cells[..., 0], cells[..., 1], cells[..., 2]].astype(np.float32) * (TRUNCATION / 127)
    target = 1 / (1 + np.exp(-distance / SOFTNESS))
    target[outside] = 0
    first, last = depths.reshape(2, -1)[:, columns]
    skin = (w[:, None] - first < SKIN) | (last - w[:, None] < SKIN)
    hull = (w[:, None] > first) & (w[:, None] < last)
    return np.where(hull, np.where(skin, np.maximum(target, 0.95), target), np.nan)


def collate(samples: list[dict[str, np.ndarray]]) -> Batch:
    """Stack samples into tensors of the types the network wants."""

    def stack(name: str) -> Tensor:
        return torch.from_numpy(np.stack([s[name] for s in samples]))

    camera = stack("camera")
    return Batch(
        photo=stack("photo").permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last),
        mask=stack("mask")[:, None].float() / 255,
        features=[
            *(stack(name).float().contiguous(memory_format=torch.channels_last) for name in ("f3", "f4", "f5")),
            stack("tokens").float(),
        ],
        depths=stack("depths").float(),
        albedo=stack("albedo").permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 255,
        camera=torch.stack([camera[:, 14], camera[:, 15].log()], 1),
        columns=stack("columns"),
        solid=stack("solid").float(),
    )


def batches(dataset: Dataset, size: int, seed: int) -> Iterator[Batch]:
    """Endless shuffled batches: each pass shows every object once, in one random view.

    Raises:
        SystemExit: the objects do not fill one batch.
    """
    if len(dataset.objects) < size:
        raise SystemExit(
            f"Training needs at least {size} objects, {len(dataset.objects)} are packed for {dataset.split}: "
            "let python -m training.data make more."
        )
    rng = np.random.default_rng(seed)
    while True:
        dataset.refresh()
        order = rng.permutation(len(dataset.objects))
        for start in range(0, len(order) - size + 1, size):
            chosen = [dataset.objects[i] for i in order[start : start + size]]
            views = [int(rng.integers(e["views"])) for e in chosen]
            as_seen = rng.random(size) < TRUE_ORIENTATION
            flips = [bool(view % 2) == bool(seen) for view, seen in zip(views, as_seen, strict=True)]
            yield collate([dataset.sample(e, v, rng, f) for e, v, f in zip(chosen, views, flips, strict=True)])


def vary(batch: Batch) -> Batch:
    """Keep the network from learning the objects by heart: other tints and exposures, and some features left out.

    The encoder's maps are computed once for each view, so they can only be thinned out.
    """
    n = len(batch.photo)
    *maps, tokens = batch.features
    gain = torch.empty(n, 3, 1, 1).uniform_(0.85, 1.15) * torch.empty(n, 1, 1, 1).uniform_(0.75, 1.25)
    photo = torch.where(batch.mask > 0.5, (batch.photo * gain).clamp(0, 255), batch.photo)
    features = [*(functional.dropout2d(feature, FEATURE_DROPOUT) for feature in maps), tokens]
    return replace(batch, photo=photo.contiguous(memory_format=torch.channels_last), features=features)


def stretch(batch: Batch) -> Batch:
    """Make some objects wider or narrower: photo, truth and features alike, as far as the crop has room.

    Across the picture the features of a stretched photo are nearly the stretched features, and neither depths nor
    elevation change: this makes new objects of old ones without the encoder.
    """
    n = len(batch.photo)
    wide = ((batch.mask > 0.5).any(2).squeeze(1) * torch.linspace(-1, 1, batch.mask.shape[3]).abs()).amax(1)
    tall = ((batch.mask > 0.5).any(3).squeeze(1) * torch.linspace(-1, 1, batch.mask.shape[2]).abs()).amax(1)
    factor = torch.exp(torch.empty(n).uniform_(-1, 1) * math.log(STRETCH))
    # The longer side fills the crop, so what is wide may not become narrow, and nothing may leave the crop.
    factor = torch.minimum(torch.maximum(factor, (tall / wide.clamp(min=0.1)).clamp(max=1)), 0.92 / wide.clamp(min=0.1))
    factor = torch.where(torch.rand(n) < STRETCHED, factor, torch.ones(n))
    transform = torch.zeros(n, 2, 3)
    transform[:, 0, 0], transform[:, 1, 1] = 1 / factor, 1

    def warp(maps: Tensor, mode: str = "bilinear") -> Tensor:
        grid = functional.affine_grid(transform, list(maps.shape), align_corners=False)
        return functional.grid_sample(maps, grid, mode, "border", align_corners=False)

    *maps, tokens = batch.features
    patches = tokens[:, 1:].transpose(1, 2).unflatten(2, (PATCHES, PATCHES))
    tokens = torch.cat([tokens[:, :1], warp(patches).flatten(2).transpose(1, 2)], 1)
    place = ((batch.columns % MAPS + 0.5) / MAPS * 2 - 1) * factor[:, None]
    moved = ((place + 1) / 2 * MAPS).long().clamp(0, MAPS - 1)
    return replace(
        batch,
        photo=warp(batch.photo).contiguous(memory_format=torch.channels_last),
        mask=warp(batch.mask),
        features=[*(warp(m).contiguous(memory_format=torch.channels_last) for m in maps), tokens],
        depths=warp(batch.depths, "nearest"),
        albedo=warp(batch.albedo, "nearest"),
        columns=batch.columns // MAPS * MAPS + moved,
    )


def prefetched(source: Iterator[Batch], ahead: int = 3) -> Iterator[Batch]:
    """Prepare batches in a thread; what goes wrong there is raised here."""
    ready: queue.Queue[Batch | BaseException] = queue.Queue(ahead)

    def fill() -> None:
        try:
            for batch in source:
                ready.put(batch)
        except BaseException as problem:  # noqa: BLE001 - or the training would wait for ever
            ready.put(problem)

    threading.Thread(target=fill, daemon=True).start()
    while True:
        batch = ready.get()
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def normal_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean of 1 - cosine between normals where the truth is one smooth surface. (n, 96, 96) each."""
    total = predicted.new_zeros(())
    for step in SLOPE_STEPS:
        scale = MAPS / 2 / step
        slopes = []
        for depth in (predicted, truth):
            corner = depth[:, :-step, :-step]
            slopes.append(((depth[:, step:, :-step] - corner) * scale, (depth[:, :-step, step:] - corner) * scale))
        (down, right), (true_down, true_right) = slopes
        smooth = (true_down.abs() < MAX_SLOPE) & (true_right.abs() < MAX_SLOPE)  # false for NaN too
        true_down, true_right = true_down.nan_to_num().clamp(-MAX_SLOPE, MAX_SLOPE), true_right.nan_to_num()
        true_right = true_right.clamp(-MAX_SLOPE, MAX_SLOPE)
        lengths = (1 + down**2 + right**2) * (1 + true_down**2 + true_right**2)
        cosine = (1 + down * true_down + right * true_right) / lengths.sqrt()
        total = total + ((1 - cosine) * smooth).sum() / smooth.sum().clamp(min=1) / len(SLOPE_STEPS)
    return total


def placed(depths: Tensor, truth: Tensor) -> Tensor:
    """The predicted depths moved along the view, each sample to the middle of what suits its surfaces. (n, 2, 96, 96).

    How far the middle of the whole depth lies behind what is seen can hardly be told from a photo, and nobody minds;
    next to it a wrong shape would hardly count. Like the shift-invariant losses of Ranftl et al., "Towards Robust
    Monocular Depth Estimation" (2020). ``truth``: NaN where there is none.
    """
    shifts = (truth - depths.detach())[:, :, ::2, ::2].flatten(2).nanmedian(2).values
    return depths + shifts.mean(1).nan_to_num()[:, None, None, None]  # a sample may have nothing that is known


def losses(prediction: Prediction, batch: Batch, tolerant: float = JUDGED_TOLERANT) -> dict[str, Tensor]:
    """The parts of the loss, unweighted; ``tolerant``: see ``TOLERANT``."""
    known = batch.depths.isfinite()
    count = known[:, 0].sum().clamp(min=1)
    truth = batch.depths.clamp(-MAX_DEPTH, MAX_DEPTH)

    def mean_errors(depths: Tensor) -> Tensor:
        distance = functional.smooth_l1_loss(depths, truth.nan_to_num(), reduction="none", beta=0.05)
        return (tolerant * torch.log1p(distance / tolerant) * known).sum((0, 2, 3)) / count

    front, back = mean_errors(prediction.depths)
    front_shape, back_shape = mean_errors(placed(prediction.depths, truth))
    hull = batch.solid.isfinite()
    cross = functional.binary_cross_entropy_with_logits(prediction.solid, batch.solid.nan_to_num(), reduction="none")
    colour = (prediction.albedo - batch.albedo).abs() * known[:, :1]
    return {
        "front": front,
        "back": back,
        "front_shape": front_shape,
        "back_shape": back_shape,
        "front_normal": normal_loss(prediction.depths[:, 0], batch.depths[:, 0]),
        "back_normal": normal_loss(prediction.depths[:, 1], batch.depths[:, 1]),
        "solid": (cross * hull).sum() / hull.sum().clamp(min=1),
        "albedo": colour.sum() / (6 * count),
        # A wrong elevation tilts the whole object; the field of view can hardly be told from one crop.
        "camera": (prediction.camera - batch.camera).abs().mean(0) @ batch.camera.new_tensor([1.0, 0.2]),
    }


@torch.inference_mode()
def validate(decoder: Decoder, dataset: Dataset) -> dict[str, float]:
    """Losses and mean depth errors on a fixed set of held-out views."""
    rng = np.random.default_rng(5)
    decoder.eval()
    sums: dict[str, float] = {}
    pairs = [(e, v) for e in dataset.objects for v in VALIDATION_VIEWS]
    for start in range(0, len(pairs), BATCH):
        group = pairs[start : start + BATCH]
        batch = collate([dataset.sample(e, v, rng, flip=False) for e, v in group])
        prediction = decoder(batch.photo, batch.mask, batch.features, batch.columns)
        parts = losses(prediction, batch)
        error = (prediction.depths - batch.depths).abs()
        parts |= {name: error[:, i].nanmean() for i, name in enumerate(("front_distance", "back_distance"))}
        parts["shape_distance"] = (placed(prediction.depths, batch.depths) - batch.depths).abs().nanmean()
        for name, value in parts.items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(group) / len(pairs)
    return sums


class Trainer:
    """State of a run: weights, their moving average, optimiser, minutes and steps so far."""

    def __init__(self, out: Path, minutes: float, start: Path | None = None, rate: float = 1.0) -> None:
        self.out, self.minutes, self.rate = out, minutes, rate
        torch.manual_seed(7)
        self.decoder = Decoder().to(memory_format=torch.channels_last)
        self.path = out / "checkpoint.pt"
        if start and not self.path.exists():
            self.decoder.load_state_dict(torch.load(start, weights_only=True)["average"])
        self.average = copy.deepcopy(self.decoder).eval()
        groups = [{"params": part, "peak": peak} for part, peak in zip(self._parts(), PEAKS, strict=True)]
        self.optimizer = torch.optim.AdamW(groups, PEAKS[0], weight_decay=WEIGHT_DECAY)
        self.spent, self.step = 0.0, 0
        if self.path.exists():
            state = torch.load(self.path, weights_only=True)
            self.decoder.load_state_dict(state["decoder"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
            for group, peak in zip(self.optimizer.param_groups, PEAKS, strict=True):
                group |= {"weight_decay": WEIGHT_DECAY, "peak": peak}  # a changed setting holds from the restart on
            self.spent, self.step = state["spent"], state["step"]

    def _parts(self) -> tuple[list[nn.Parameter], ...]:
        """The parameters by learning rate, in the order of ``PEAKS``."""
        seeing = list(self.decoder.thinking.seeing.parameters())
        thinking = [p for p in self.decoder.thinking.parameters() if not any(p is other for other in seeing)]
        known = {id(p) for p in (*seeing, *thinking)}
        return [p for p in self.decoder.parameters() if id(p) not in known], thinking, seeing

    def save(self) -> None:
        """Write the checkpoint; never leave a half-written one."""
        state = {"decoder": self.decoder.state_dict(), "average": self.average.state_dict()}
        state |= {"optimizer": self.optimizer.state_dict(), "spent": self.spent, "step": self.step}
        part = self.path.with_suffix(".part")
        torch.save(state, part)
        part.rename(self.path)

    def tell(self, values: dict[str, Any], held_out: Dataset | None) -> None:
        """Add a line to the curves; with ``held_out``, save and measure first."""
        line = {"step": self.step, "samples": self.step * BATCH, "minutes": round(self.spent / 60, 2)} | values
        if held_out is not None:
            self.save()
            line["validation"] = {k: round(x, 5) for k, x in validate(self.average, held_out).items()}
        text = json.dumps(line)
        with (self.out / "curves.jsonl").open("a") as file:
            file.write(text + "\n")
        print(text, flush=True)

    def learn(self, batch: Batch) -> dict[str, float]:
        """One step."""
        self.decoder.train()
        warm = min(1.0, (self.step + 1) / WARM_UP)
        progress = min(1.0, self.spent / 60 / self.minutes)
        share = self.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * share
        normals = EARLY_NORMALS + (1 - EARLY_NORMALS) * progress
        tolerant = TOLERANT[0] * (TOLERANT[1] / TOLERANT[0]) ** progress
        parts = losses(self.decoder(batch.photo, batch.mask, batch.features, batch.columns), batch, tolerant)
        weights = {name: weight * (normals if "normal" in name else 1) for name, weight in WEIGHTS.items()}
        total = sum((weights[name] * part for name, part in parts.items()), torch.zeros(()))
        self.optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 2.0, error_if_nonfinite=True)
        self.optimizer.step()
        self.step += 1
        self._follow()
        return {name: float(part.detach()) for name, part in parts.items()} | {"rate": PEAKS[0] * share}

    @torch.no_grad()
    def _follow(self) -> None:
        keep = min(EMA, self.step / (self.step + 20))
        for slow, fast in zip(self.average.state_dict().values(), self.decoder.state_dict().values(), strict=True):
            if slow.is_floating_point():
                slow.lerp_(fast, 1 - keep)
            else:
                slow.copy_(fast)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build/dataset"))
    parser.add_argument("--out", type=Path, default=Path("build/pebble"))
    parser.add_argument("--start", type=Path, help="checkpoint of an earlier run whose weights to begin with")
    parser.add_argument("--minutes", type=float, default=180.0, help="length of the schedule, minutes of training")
    parser.add_argument("--rate", type=float, default=1.0, help="part of the learning rates; less for a second round")
    parser.add_argument("--report", type=int, default=50, help="steps between two lines of the curves")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    print("packed", pack(args.data), "new objects", flush=True)
    trainer = Trainer(args.out, args.minutes, args.start, args.rate)
    train = Dataset(args.data / "packed", "train")
    held_out = Dataset(args.data / "packed", "validation")
    settle_validation(held_out, args.out / "validation.json")
    sums: dict[str, float] = {}
    told = trainer.step
    if trainer.step == 0:  # where the curves begin: with untrained weights, or with those of --start
        trainer.tell({"objects": len(train.objects)}, held_out)
    started = time.monotonic()
    for batch in prefetched(batches(train, BATCH, seed=trainer.step)):
        for name, value in trainer.learn(vary(stretch(batch))).items():
            sums[name] = sums.get(name, 0.0) + value
        now = time.monotonic()
        trainer.spent, started = trainer.spent + now - started, now
        finished = trainer.spent > args.minutes * 60
        if trainer.step % args.report == 0 or finished:
            means = {name: round(total / (trainer.step - told), 5) for name, total in sums.items()}
            line = {"objects": len(train.objects)} | means
            judged = trainer.step % (args.report * 4) == 0 or finished
            trainer.tell(line, held_out if judged else None)
            sums, told = {}, trainer.step
        if finished:
            break


if __name__ == "__main__":
    main()
