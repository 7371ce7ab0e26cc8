# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: held-out objects of the data set, and scans that no training source contains."""

import zlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from inference.priors.view_frame import Look

from ..data import meshes, solid
from ..data.__main__ import make_object
from ..data.render import Camera, Renderer
from ..data.views import MAPS, RENDERED
from .looks import surface_points
from .mesh import Array, Similarity, TriangleMesh, outwards, smooth

#: The view whose photo is reconstructed, and how many others the texture is judged from.
VIEW, OTHER_VIEWS = 2, 4
SCAN_VIEWS = VIEW + 1 + OTHER_VIEWS
#: Points on each surface that is compared.
POINTS = 10_000
#: Separate parts of the truth with a smaller share of its volume do not count.
LEAST_PART = 0.01
#: The YCB set's groups, by the first number that follows them. Calli et al., "Benchmarking in manipulation research",
#: 2015, table 2.
YCB_GROUPS = ((19, "food"), (35, "kitchen"), (53, "tools"), (65, "shapes"), (100, "tasks"))


@dataclass(frozen=True)
class Subject:
    """An object, its views and its true shape; ``arrays`` as ``training.data`` stores them."""

    name: str
    source: str
    category: str
    arrays: dict[str, NDArray]

    @property
    def photo(self) -> NDArray[np.uint8]:
        """(192, 192, 3) sRGB over grey, as the network sees it."""
        return self.arrays["photo"][VIEW]

    @property
    def mask(self) -> NDArray[np.uint8]:
        """(192, 192), with a cut-out's faults, as the network sees it."""
        return self.arrays["mask"][VIEW]

    @property
    def true_mask(self) -> NDArray[np.bool_]:
        """(192, 192), without faults."""
        return self.arrays["true_mask"][VIEW] > 127

    @property
    def focal(self) -> float:
        """Of the photo's camera, half windows."""
        return 1 / float(self.arrays["camera"][VIEW][12])

    @property
    def elevation(self) -> float:
        """Of the photo's camera, radians."""
        return float(self.arrays["camera"][VIEW][14])

    def camera(self, view: int) -> Camera:
        """Of a view, in the object's own frame (Z up, longest side 2)."""
        numbers = self.arrays["camera"][view].astype(float)
        return Camera(numbers[:3], numbers[3:12].reshape(3, 3), float(numbers[12]))

    @cached_property
    def to_view(self) -> Similarity:
        """From the object's own frame to the view frame."""
        camera, middle = self.camera(VIEW), float(self.arrays["camera"][VIEW][13])
        half = middle * camera.half_tangent
        return Similarity(camera.basis / half, (np.array([0, 0, middle]) - camera.basis @ camera.eye) / half)

    @cached_property
    def truth(self) -> TriangleMesh:
        """The solid's surface in the view frame, smoothed: the grid's steps are not the object's."""
        grid = self.arrays["signed"].astype(np.float32)
        cells, triangles, _, _ = measure.marching_cubes(np.pad(grid, 1, constant_values=-127.0), 0)
        points = (cells - 0.5) * solid.CELL - solid.EXTENT
        return smooth(outwards(TriangleMesh(points.astype(np.float64), triangles))).moved(self.to_view)

    @cached_property
    def truth_points(self) -> tuple[Array, NDArray[np.bool_]]:
        """(POINTS, 3) on the truth, and which of them the photo shows."""
        return surface_points(self.truth, self.focal, POINTS, np.random.default_rng(1))

    @cached_property
    def look(self) -> Look:
        """What the photo shows, from the object's own mesh, 96 pixels a side."""
        depth = self.arrays["depths"][VIEW][0].astype(np.float64)
        return Look.from_depth(np.where(np.isnan(depth), np.inf, self.focal + depth), self.focal)

    @property
    def parts(self) -> int:
        """Separate parts of the solid."""
        labels, count = ndimage.label(self.arrays["signed"] > 0, np.ones((3, 3, 3)))
        shares = np.bincount(labels.ravel(), minlength=count + 1)[1:] / max((labels > 0).sum(), 1)
        return int((shares >= LEAST_PART).sum())

    @property
    def other_views(self) -> list[int]:
        """From where else the texture is judged."""
        count = len(self.arrays["camera"])
        return [view for view in range(count) if view != VIEW][-OTHER_VIEWS:]


def subject_of(arrays: dict[str, NDArray]) -> Subject:
    """From stored arrays."""
    return Subject(*(str(arrays[name]) for name in ("name", "source", "category")), arrays)


def held_out(data: Path, split: str, count: int, names: Container[str] | None = None) -> Iterator[Subject]:
    """At most ``count`` objects of a split, in an order that mixes the sources and does not change as they grow.

    With ``names``, only objects that are called so.
    """
    paths = sorted((data / "objects").glob("*/*.npz"), key=lambda path: zlib.crc32(path.stem.encode()))
    for path in paths:
        if count <= 0:
            return
        with np.load(path) as stored:
            if str(stored["split"]) == split and (names is None or str(stored["name"]) in names):
                count -= 1
                yield subject_of({name: stored[name] for name in stored.files})


def scans(folder: Path, names: Path | None, cache: Path) -> Iterator[Subject]:
    """The GLB files of a folder, or those that a text file lists; rendered once and kept in ``cache``."""
    wanted = set(names.read_text().split()) if names else None
    cache.mkdir(parents=True, exist_ok=True)
    renderer: Renderer | None = None
    for path in sorted(folder.glob("*.glb")):
        if wanted is not None and path.stem not in wanted:
            continue
        kept = cache / f"{path.stem}.npz"
        if not kept.exists():
            renderer = renderer or Renderer(RENDERED, MAPS)
            try:
                model = meshes.load(path, "scans", _ycb_group(path.stem), y_up=True)
                arrays = make_object(renderer, model, SCAN_VIEWS)
            except meshes.Rejected as error:
                print("left out", path.stem, error)
                continue
            np.savez(kept, **arrays)
        with np.load(kept) as stored:
            yield subject_of({name: stored[name] for name in stored.files})


def _ycb_group(name: str) -> str:
    """The group of a YCB scan such as ``025_mug``; other files are just scans."""
    number = name.split("_")[0].split("-")[0]
    if not number.isdigit():
        return "scans"
    return next(group for end, group in YCB_GROUPS if int(number) < end)


def stored_albedo(subject: Subject, view: int) -> Array:
    """(96, 96, 3) sRGB 0..255 of a view over white: the object's own colours, without light."""
    empty = np.isnan(subject.arrays["depths"][view][0].astype(np.float32))
    return np.where(empty[..., None], 255.0, subject.arrays["albedo"][view][0].astype(np.float64))
