# SPDX-License-Identifier: GPL-3.0-or-later
"""Packed meshes: artists' objects, each in a small ``.npz`` with its textures inside (sources: ``training/DATA.md``).

A file holds ``v`` (n, 3) uint16 positions, 0 to 65535 over the cube from -1 to 1, Z up; ``f`` (m, 3) triangles; ``p``
(m,) the part of each triangle; for each part ``part_kind`` (0 one colour, 1 texture, 2 a colour for each corner) and
``part_color`` (3,) sRGB; ``c`` (s, 3, 3) the corners' colours of the parts of kind 2, in order; ``uv`` (t, 3, 2) uint16
of those of kind 1, in order, times ``uv_size`` plus ``uv_low`` of the part, over 65535, v upwards; ``t0``, ``t1`` ...:
the texture of part 0, 1 ... in bytes of a picture file; and ``name``, ``source`` and ``category``.

Most of these objects have flat colours, which no photo has: they get wood, cloth, leather, wear or a pattern.
"""

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .builder import projected
from .meshes import Model, Part, corner_normals, normalise
from .surfaces import Surface, covering, grained, leather, paint, woven
from .sweethome import EXCLUDED_NAMES


def worn(rng: np.random.Generator, base: NDArray[Any]) -> Surface:
    """Paint that has been used."""
    return paint(rng, base, float(rng.uniform(0.15, 0.7)))


Covering = Callable[[np.random.Generator, NDArray[Any]], Surface]
#: Share of the objects whose flat colours stay as they are: there are plain toys.
PLAIN = 0.2
#: The coverings of an object's flat parts, and how often each is drawn. One object has mostly one kind of them.
COVERINGS: dict[Covering, int] = {worn: 4, woven: 2, leather: 2, grained: 2, covering: 2}
#: Share of a covered object's parts that are covered with something else.
OTHER = 0.25


def files(folder: Path) -> list[Path]:
    """The packed meshes of a folder of folders, in a fixed order, but for parts of buildings and things of glass."""
    return [path for path in sorted(folder.glob("*/*.npz")) if not EXCLUDED_NAMES.search(path.stem)]


def load(path: Path, name: str) -> Model:
    """Read one object under this name; what it is covered with depends on the name alone. Raises ``Rejected``."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), 13])
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files}
    model = Model(name, "objects", str(arrays["category"]), _parts(arrays))
    if rng.random() >= PLAIN:
        main = _draw(rng)
        for part in model.parts:
            if part.texture is None and np.ptp(part.colors, (0, 1)).max() == 0:
                _cover(part, rng, _draw(rng) if rng.random() < OTHER else main)
    return normalise(model)


def _parts(arrays: dict[str, NDArray[Any]]) -> list[Part]:
    vertices = arrays["v"].astype(np.float32) / 32767.5 - 1
    faces, parts = arrays["f"].astype(np.int64), []
    starts = {"uv": 0, "c": 0}

    def following(key: str, count: int) -> NDArray[Any]:
        starts[key] += count
        return arrays[key][starts[key] - count : starts[key]]

    for number, kind in enumerate(arrays["part_kind"]):
        mine = faces[arrays["p"] == number]
        if len(mine) == 0:
            continue
        corners = vertices[mine]
        colors = np.broadcast_to(arrays["part_color"][number].astype(np.float32) / 255, corners.shape).copy()
        part = Part(corners, corner_normals(corners, mine), colors)
        if kind == 1:
            uv = following("uv", len(mine)).astype(np.float32) / 65535
            part.uv = uv * arrays["uv_size"][number] + arrays["uv_low"][number]
            picture = Image.open(io.BytesIO(arrays[f"t{number}"].tobytes()))
            part.texture = np.asarray(picture.convert("RGB"))
        elif kind == 2:
            part.colors = following("c", len(mine)).astype(np.float32) / 255
        parts.append(part)
    return parts


def _draw(rng: np.random.Generator) -> Covering:
    weights = np.array(list(COVERINGS.values()), float)
    return list(COVERINGS)[int(rng.choice(len(weights), p=weights / weights.sum()))]


def _cover(part: Part, rng: np.random.Generator, make: Covering) -> None:
    """Give a part of one colour a texture in about that colour."""
    surface = make(rng, part.colors[0, 0].astype(float))
    part.uv, part.texture = projected(part.corners, surface).astype(np.float32), surface.texture
