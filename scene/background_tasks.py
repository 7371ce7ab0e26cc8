# SPDX-License-Identifier: GPL-3.0-or-later
"""What the background Blender can be asked for; see ``background.py``."""

from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..inference.monitor import RetopologyStage
from ..inference.tasks import Context, Task
from .detail_bake import DetailMaps, DetailSettings, bake_detail
from .polygons import Polygons
from .remesh import Remeshed, RemeshSettings, remesh
from .unwrapping import unwrapped

RUNS_NETWORKS = False
"""Tells ``inference/service.py`` to leave ONNX Runtime alone."""


@dataclass(frozen=True)
class Remesh:
    """A low-poly mesh with UVs from a high-poly one."""

    high: Polygons
    settings: RemeshSettings

    def run(self, context: Context) -> Remeshed:
        """Raises what ``remesh`` raises."""
        _empty_file()
        made = remesh(self.high, self.settings, context.monitor)
        with context.monitor.stage(RetopologyStage.UNWRAP):
            uvs = unwrapped(made.polygons, context.monitor)
        return replace(made, polygons=replace(made.polygons, uvs=uvs))


@dataclass(frozen=True)
class Unwrap:
    """UVs for a mesh of any faces."""

    polygons: Polygons

    def run(self, context: Context) -> NDArray[np.float32]:
        """(c, 2) for each corner, within the unit square, without overlap."""
        _empty_file()
        with context.monitor.stage(RetopologyStage.UNWRAP):
            return unwrapped(self.polygons, context.monitor)


@dataclass(frozen=True)
class BakeDetail:
    """Normals and ambient occlusion of a high-poly mesh for a low-poly one with UVs."""

    high: Polygons
    low: Polygons
    settings: DetailSettings

    def run(self, context: Context) -> DetailMaps:
        """Raises what ``bake_detail`` raises."""
        _empty_file()
        return bake_detail(self.high, self.low, self.settings, context.monitor)


def _empty_file() -> None:
    """Nothing of the start-up file, nothing of the job before."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)


TASKS: dict[str, type[Task[Any]]] = {task.__name__: task for task in (Remesh, Unwrap, BakeDetail)}
"""By class name, as messages name them."""
