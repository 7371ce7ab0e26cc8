# SPDX-License-Identifier: GPL-3.0-or-later
"""Pack finished objects into flat arrays for training, with the frozen encoder's features.

``python -m training.pack --data build/dataset``. Append-only and resumable: each call adds the
objects that were finished since the last one; a running training picks them up at its next epoch.
"""

import argparse
import fcntl
import json
from pathlib import Path

import numpy as np
import torch

from .encoder import FEATURE_CHANNELS, PATCHES, PHOTO, WIDTH, Encoder
from .network import MAPS

#: name -> (shape of one row, dtype). One row a view, except ``signed``: one row an object.
LAYOUT: dict[str, tuple[tuple[int, ...], str]] = {
    "photo": ((PHOTO, PHOTO, 3), "u1"),
    "mask": ((PHOTO, PHOTO), "u1"),
    "depths": ((2, MAPS, MAPS), "f2"),
    "albedo": ((2, MAPS, MAPS, 3), "u1"),
    "camera": ((16,), "f4"),
    "f3": ((FEATURE_CHANNELS[0], 24, 24), "f2"),
    "f4": ((FEATURE_CHANNELS[1], 12, 12), "f2"),
    "f5": ((FEATURE_CHANNELS[2], 6, 6), "f2"),
    "tokens": ((PATCHES * PATCHES + 1, WIDTH), "f2"),
    "signed": ((96, 96, 96), "i1"),
}


def read_index(folder: Path) -> list[dict]:
    """Entries of the packed objects: name, source, category, split, fingerprint, row, views, number."""
    path = folder / "index.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def open_arrays(folder: Path) -> dict[str, np.ndarray]:
    """Map all packed arrays read-only."""
    arrays = {}
    for name, (shape, kind) in LAYOUT.items():
        path = folder / f"{name}.bin"
        row = int(np.prod(shape)) * np.dtype(kind).itemsize
        rows = path.stat().st_size // row
        arrays[name] = np.memmap(path, np.dtype(kind), "r", shape=(rows, *shape))
    return arrays


@torch.inference_mode()
def features(encoder: Encoder, photos: np.ndarray) -> dict[str, np.ndarray]:
    """Encoder maps and tokens of (n, 192, 192, 3) uint8 photos, float16.

    Every other photo is mirrored before DINOv2 sees it, and its tokens are turned back: half of the views then have
    the right tokens as they are and half as mirror images, which training makes use of.
    """
    batch = torch.from_numpy(photos).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
    maps = encoder.convolutional(batch)
    batch[1::2] = batch[1::2].flip(3)
    tokens = encoder.transformer(batch)
    tokens[1::2] = torch.from_numpy(mirror_tokens(tokens[1::2].numpy()))
    names = ("f3", "f4", "f5", "tokens")
    return {n: m.contiguous().numpy().astype(np.float16) for n, m in zip(names, [*maps, tokens], strict=True)}


def mirror_tokens(tokens: np.ndarray) -> np.ndarray:
    """Exchange left and right in (..., 145, 384)."""
    patches = tokens[..., 1:, :].reshape(*tokens.shape[:-2], PATCHES, PATCHES, WIDTH)[..., ::-1, :]
    return np.concatenate([tokens[..., :1, :], patches.reshape(*tokens.shape[:-2], PATCHES * PATCHES, WIDTH)], -2)


def append(folder: Path, entries: list[dict], arrays: dict[str, np.ndarray], meta: dict) -> dict:
    """Write one object's rows at the place the index says, which repairs a write cut short."""
    number = len(entries)
    row = entries[-1]["row"] + entries[-1]["views"] if entries else 0
    for name, (shape, kind) in LAYOUT.items():
        data = np.ascontiguousarray(arrays[name], np.dtype(kind))
        offset = (number if name == "signed" else row) * int(np.prod(shape)) * data.itemsize
        path = folder / f"{name}.bin"
        path.touch()
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data.tobytes())
    entry = {**meta, "row": row, "views": len(arrays["photo"]), "number": number}
    with (folder / "index.jsonl").open("a") as file:
        file.write(json.dumps(entry) + "\n")
    return entry


def pack(data: Path) -> int:
    """Add all new objects; returns how many were added. Only one process packs, others pass at once."""
    folder = data / "packed"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        return _add_new(data, folder)


def _add_new(data: Path, folder: Path) -> int:
    entries = read_index(folder)
    known = {entry["name"] for entry in entries}
    seen = {entry["fingerprint"] for entry in entries}
    encoder = Encoder().to(memory_format=torch.channels_last)
    added = 0
    for path in sorted((data / "objects").glob("*/*.npz"), key=lambda p: p.stat().st_mtime):
        if path.stem in known:
            continue
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in ("photo", "mask", "depths", "albedo", "camera", "signed")}
            names = ("source", "category", "split", "fingerprint")
            meta = {"name": path.stem, **{name: str(stored[name]) for name in names}}
        if meta["fingerprint"] in seen:  # a near-duplicate teaches nothing new
            continue
        arrays |= features(encoder, arrays["photo"])
        entries.append(append(folder, entries, arrays | {"signed": arrays["signed"][None]}, meta))
        seen.add(meta["fingerprint"])
        added += 1
    return added


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build/dataset"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("packed", pack(args.data), "objects")


if __name__ == "__main__":
    main()
