# SPDX-License-Identifier: GPL-3.0-or-later
"""The work a worker does: the pipeline's functions as values that can be sent to another process.

To let the worker do something new, write a frozen dataclass with a ``run`` method and name it in ``TASKS``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import pipeline
from .bake import Maps, UVMesh
from .camera import Camera
from .code import Code
from .cutout import CutoutSettings
from .monitor import Monitor
from .runtime import Runtime
from .surface import Surface
from .view_matching import Start

ResultT_co = TypeVar("ResultT_co", covariant=True)


@dataclass(frozen=True)
class Context:
    """What a task may use.

    Attributes:
        sessions: the warm sessions; None in a worker whose tasks run no networks.
        monitor: hears of progress and knows of cancellation.
    """

    sessions: Runtime | None
    monitor: Monitor

    @property
    def runtime(self) -> Runtime:
        """The warm sessions; raises ``RuntimeError`` in a worker whose tasks run no networks."""
        if self.sessions is None:
            raise RuntimeError("this worker was started for tasks that run no networks")
        return self.sessions


class Task(Protocol[ResultT_co]):
    """A frozen dataclass of what ``protocol.pack`` takes; the return type of ``run`` must be annotated."""

    def run(self, context: Context) -> ResultT_co:
        """Do the work; called in the worker."""
        ...


@dataclass(frozen=True)
class Reconstruct:
    """``pipeline.reconstruct``."""

    photo_path: Path
    settings: pipeline.Settings

    def run(self, context: Context) -> pipeline.Reconstruction:
        """From the photo to arrays; raises what the pipeline raises."""
        return pipeline.reconstruct(self.photo_path, self.settings, context.runtime, context.monitor)


@dataclass(frozen=True)
class ReconstructAgain:
    """``pipeline.reconstruct_again``."""

    name: str
    code: Code
    settings: pipeline.Settings

    def run(self, context: Context) -> pipeline.Reconstruction:
        """From the code to arrays; raises what the pipeline raises."""
        return pipeline.reconstruct_again(self.name, self.code, self.settings, context.runtime, context.monitor)


@dataclass(frozen=True)
class PreviewCutout:
    """``pipeline.preview_cutout``."""

    photo_path: Path
    settings: CutoutSettings

    def run(self, context: Context) -> NDArray[np.uint8]:
        """(h, w, 4) uint8, at most 512 pixels; raises what the pipeline raises."""
        return pipeline.preview_cutout(self.photo_path, self.settings, context.runtime, context.monitor)


@dataclass(frozen=True)
class CutOutPhoto:
    """``pipeline.cut_out_photo``."""

    photo_path: Path
    settings: CutoutSettings

    def run(self, context: Context) -> NDArray[np.uint8]:
        """(h, w, 4) uint8, the photo's own size; raises what the pipeline raises."""
        return pipeline.cut_out_photo(self.photo_path, self.settings, context.runtime, context.monitor)


@dataclass(frozen=True)
class ExtractAgain:
    """``pipeline.extract_again``."""

    code: Code
    settings: pipeline.Settings

    def run(self, context: Context) -> Surface:
        """The surface at other settings; raises what the pipeline raises."""
        return pipeline.extract_again(self.code, self.settings, context.runtime, context.monitor)


@dataclass(frozen=True)
class BakeAgain:
    """``pipeline.bake_again``."""

    code: Code
    mesh: UVMesh
    settings: pipeline.Settings

    def run(self, context: Context) -> Maps:
        """The maps for a mesh of the artist's own; raises what the pipeline raises."""
        return pipeline.bake_again(self.code, self.mesh, self.settings, context.runtime, context.monitor)


@dataclass(frozen=True)
class ProjectPhoto:
    """``pipeline.project_photo``."""

    code: Code
    mesh: UVMesh
    photo_path: Path
    start: Start
    settings: pipeline.Settings

    def run(self, context: Context) -> pipeline.Projected:
        """Code and maps with the photo; raises what the pipeline raises."""
        return pipeline.project_photo(
            self.code, self.mesh, self.photo_path, self.start, self.settings, context.runtime, context.monitor
        )


@dataclass(frozen=True)
class PlacePhoto:
    """``pipeline.place_photo``."""

    code: Code
    mesh: UVMesh
    sha256: str
    camera: Camera
    settings: pipeline.Settings

    def run(self, context: Context) -> pipeline.Projected:
        """Code and maps with the photo as seen from the camera; raises what the pipeline raises."""
        return pipeline.place_photo(
            self.code, self.mesh, self.sha256, self.camera, self.settings, context.runtime, context.monitor
        )


@dataclass(frozen=True)
class RemovePhoto:
    """``pipeline.remove_photo``."""

    code: Code
    mesh: UVMesh
    sha256: str
    settings: pipeline.Settings

    def run(self, context: Context) -> pipeline.Projected:
        """Code and maps without the photo; raises what the pipeline raises."""
        return pipeline.remove_photo(self.code, self.mesh, self.sha256, self.settings, context.runtime, context.monitor)


TASKS: dict[str, type[Task[Any]]] = {
    task.__name__: task
    for task in (
        Reconstruct,
        ReconstructAgain,
        PreviewCutout,
        CutOutPhoto,
        ExtractAgain,
        BakeAgain,
        ProjectPhoto,
        PlacePhoto,
        RemovePhoto,
    )
}
"""By class name, as messages name them."""
