# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects that training reads: their records in memory, their views decoded batch by batch or all at once."""

import json
import queue
import threading
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from .data.compact import SUFFIX, Record
from .features import Features
from .samples import Batch, Raw, prepare

#: Share of samples shown in the orientation in which DINOv2 saw them, and not as its mirror image.
TRUE_ORIENTATION = 0.75
#: The curves' validation set: as many objects of the split, in these views.
VALIDATION_OBJECTS, VALIDATION_VIEWS = 64, (2, 5)

#: An object, and the number of one of its views.
Pair = tuple[Record, int]


class Dataset:
    """The objects of one split in a data set's folder."""

    def __init__(self, folder: Path, split: str, features: Features | None) -> None:
        """``features``: where those of the views are kept; None if the encoder runs at each step."""
        self.folder, self.split, self.features = folder, split, features
        self.objects: list[Record] = []
        self._seen: set[str] = set()
        self._fingerprints: set[str] = set()
        self.refresh()

    def refresh(self) -> None:
        """See what was made since the last time. Of objects with the same fingerprint only the first is kept."""
        for path in sorted((self.folder / "objects").glob(f"*/*{SUFFIX}")):
            name = str(path.relative_to(self.folder))
            if name in self._seen:
                continue
            self._seen.add(name)
            record = Record(path.read_bytes())
            if record.told["split"] == self.split and record.told["fingerprint"] not in self._fingerprints:
                self._fingerprints.add(record.told["fingerprint"])
                self.objects.append(record)

    def batch(self, pairs: Sequence[Pair], mirrored: Sequence[bool]) -> Batch:
        """These views, some of them as mirror images."""
        raw = Raw.of(pairs)
        features = []
        if self.features is not None:
            names = [f"{record.told['source']}/{record.told['file']} {view}" for record, view in pairs]
            features = self.features.of(names, [bool(view % 2) for _, view in pairs], raw.photo.numpy())
        return prepare(raw, features, torch.tensor(mirrored))


class LoadedDataset(Dataset):
    """All views decoded and on a device at once: 250 kB of its memory a view, 900 kB an object; keeps no features."""

    def __init__(self, folder: Path, split: str, device: torch.device, threads: int) -> None:
        """Decode everything.

        Raises:
            SystemExit: there are no objects of this split.
        """
        super().__init__(folder, split, None)
        if not self.objects:
            raise SystemExit(
                f"There are no objects for {split}: let python -m training.data make some, or export more."
            )
        with ThreadPoolExecutor(threads) as pool:
            decoded = list(pool.map(lambda record: Raw.of([(record, n) for n in range(record.views)]), self.objects))
        views = {name: torch.cat([getattr(raw, name) for raw in decoded]) for name in vars(decoded[0])}
        views["signed"] = torch.stack([raw.signed[0] for raw in decoded])
        self._raw = Raw(**views).to(device)
        starts = np.cumsum([0, *(record.views for record in self.objects)])
        self._places = {id(record): (number, int(starts[number])) for number, record in enumerate(self.objects)}

    def refresh(self) -> None:
        """Read the objects once; what is made later is not looked at."""
        if not self.objects:
            super().refresh()

    def batch(self, pairs: Sequence[Pair], mirrored: Sequence[bool]) -> Batch:
        """These views, some of them as mirror images, made on the device."""
        device = self._raw.photo.device
        places = torch.tensor([(*self._places[id(record)], view) for record, view in pairs]).to(device)
        rows, numbers = places[:, 1] + places[:, 2], places[:, 0]
        picked = {name: tensor[numbers if name == "signed" else rows] for name, tensor in vars(self._raw).items()}
        return prepare(Raw(**picked), [], torch.tensor(mirrored).to(device))


def settle_validation(dataset: Dataset, path: Path) -> None:
    """Keep the objects that are listed in ``path``; if there is no such file, list some of all sources and keep those.

    So a run is judged by the same objects to its end, however many are made by the time it is resumed.
    """
    if not path.exists():
        mixed = sorted((record.told["name"] for record in dataset.objects), key=lambda name: zlib.crc32(name.encode()))
        path.write_text(json.dumps(mixed[:VALIDATION_OBJECTS]))
    names = set(json.loads(path.read_text()))
    dataset.objects = [record for record in dataset.objects if record.told["name"] in names]


def batches(dataset: Dataset, size: int, seed: int) -> Iterator[Batch]:
    """Endless shuffled batches: each pass shows every object once, in one random view.

    Raises:
        SystemExit: the objects do not fill one batch.
    """
    if len(dataset.objects) < size:
        raise SystemExit(
            f"Training needs at least {size} objects, {len(dataset.objects)} are there for {dataset.split}: "
            "let python -m training.data make more."
        )
    rng = np.random.default_rng(seed)
    while True:
        dataset.refresh()
        order = rng.permutation(len(dataset.objects))
        for start in range(0, len(order) - size + 1, size):
            chosen = [dataset.objects[i] for i in order[start : start + size]]
            views = [int(rng.integers(record.views)) for record in chosen]
            as_seen = rng.random(size) < TRUE_ORIENTATION
            mirrored = [bool(view % 2) == bool(seen) for view, seen in zip(views, as_seen, strict=True)]
            yield dataset.batch(list(zip(chosen, views, strict=True)), mirrored)


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
