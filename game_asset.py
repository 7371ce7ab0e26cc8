# SPDX-License-Identifier: GPL-3.0-or-later
"""A game asset of a reconstructed object in one task: low-poly mesh, bake, levels of detail, check, file."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import bpy

from .inference.errors import OutputError, ReconstructionError, SettingsError
from .inference.sentence import Sentence
from .jobs import Host, Job, JobChain
from .options import ASSET_PRESETS, DEFAULT_PRESET
from .retopology_tasks import BakeLowPolyTask, BakeSource, LowPolyOptions, RetopologyOptions, RetopologyTask
from .scene.asset_check import Finding, check_asset
from .scene.build import all_or_nothing
from .scene.export_asset import KINDS, ExportedAsset, ExportSettings, export_asset, with_suffix
from .scene.facts import Facts, store_facts
from .scene.levels import levels_of
from .scene.low_material import create_low_material
from .scene.provenance import store_provenance
from .scene.remesh import Remeshed
from .scene.retopology import add_levels, low_frame, low_name
from .tasks import existing

RETOPOLOGY_SHARE = 0.45
"""Of the progress bar; for 5,000 faces the low-poly mesh takes about as long as the bake."""


@dataclass(frozen=True)
class AssetFile:
    """Where the asset is written.

    Attributes:
        path: of the file; its suffix follows the kind.
        kind: key of ``KINDS``.
    """

    path: Path
    kind: str


@dataclass(frozen=True)
class GameAssetOptions:
    """How to make a game asset.

    Attributes:
        retopology: of the low-poly mesh and its levels of detail.
        low_poly: of the bake.
        file: what to write; None only makes the asset in the scene.
    """

    retopology: RetopologyOptions = field(default_factory=RetopologyOptions)
    low_poly: LowPolyOptions = field(default_factory=LowPolyOptions)
    file: AssetFile | None = None

    @classmethod
    def preset(
        cls,
        name: str = DEFAULT_PRESET,
        file: AssetFile | None = None,
        *,
        faces: int | None = None,
        texture_size: int | None = None,
        levels: int | None = None,
    ) -> "GameAssetOptions":
        """By a preset's name, with other faces, texture size or levels of detail where they are given.

        Raises:
            SettingsError: there is no such preset.
        """
        if name not in ASSET_PRESETS:
            raise SettingsError(
                Sentence("There is no preset called '{name}'.", name=name),
                Sentence("Choose one of: {names}.", names=", ".join(ASSET_PRESETS)),
            )
        preset = ASSET_PRESETS[name]
        return cls(
            RetopologyOptions(faces=faces or preset.faces, levels=preset.levels if levels is None else levels),
            LowPolyOptions(texture_size=texture_size or preset.texture_size),
            file,
        )


class GameAssetTask:
    """All steps from a sculpture to a game asset. The scene is touched once, at the end; cancelled, never.

    Attributes:
        low: after ``finish``, the low-poly object's name.
        notes: after ``finish``, sentences about what went otherwise than asked.
        findings: after ``finish``, what the check found.
        written: after ``finish``, the file, or None.
    """

    stage_shares: ClassVar[dict[str, float]] = {
        **{stage: RETOPOLOGY_SHARE * share for stage, share in RetopologyTask.stage_shares.items()},
        **{
            stage: (1 - RETOPOLOGY_SHARE) * share
            for stage, share in BakeLowPolyTask.stage_shares.items()
            if stage not in RetopologyTask.stage_shares
        },
    }

    def __init__(self, high: bpy.types.Object, options: GameAssetOptions, depsgraph: bpy.types.Depsgraph) -> None:
        """Read the sculpture.

        Raises:
            SettingsError: it has no faces, no volume, or is mirrored.
            ModelError: it was not reconstructed from a photo.
            OutputError: the file could not be written.
        """
        self._began = time.monotonic()
        self.options = options
        self.low = ""
        self.notes: list[str] = []
        self.findings: list[Finding] = []
        self.written: ExportedAsset | None = None
        _refuse_unwritable(options.file)
        # Levels of detail come last, so that they have the baked material.
        self._retopology = RetopologyTask(high, replace(options.retopology, levels=0), depsgraph)
        self._source = BakeSource(high, low_frame(high), options.low_poly, depsgraph)

    def begin(self, host: Host) -> JobChain:
        """Mesh and detail in the background Blender, colours in the engine's worker."""
        steps: list[Callable[..., Job[Any]]] = [lambda: self._retopology.begin(host)]
        if self._source.wants_detail:
            steps.append(lambda remeshed: self._source.begin_detail(remeshed.polygons))
        steps.append(lambda remeshed, *_detail: self._source.begin_colours(remeshed.polygons, host))
        return JobChain(steps)

    def finish(self, context: bpy.types.Context, result: tuple[Any, ...]) -> None:
        """Build the asset, then check and write it; what cannot be written is told, and the asset stays."""
        remeshed: Remeshed = result[0]
        detail = result[1] if self._source.wants_detail else None
        high = existing(self._retopology.high)
        with all_or_nothing():
            material = create_low_material(low_name(high), result[-1], detail, self.options.low_poly.maps)
            self._retopology.finish(context, remeshed)
        low = bpy.data.objects[self._retopology.low]
        low.data.materials.append(material)
        store_provenance(low, self._source.provenance)
        add_levels(context, low, self.options.retopology.levels, self.options.retopology.level_ratio)
        store_facts(low, Facts({"Make Game Asset": time.monotonic() - self._began}))
        self.low = low.name
        self.notes += self._retopology.notes
        self.findings = check_asset(low)
        self._write(context, low)

    @property
    def remeshed(self) -> Remeshed | None:
        """After ``finish``, the mesh that was made, with its check."""
        return self._retopology.remeshed

    def _write(self, context: bpy.types.Context, low: bpy.types.Object) -> None:
        file = self.options.file
        if file is None:
            return
        kind = KINDS[file.kind]
        levels = levels_of(low) if file.kind == "ENGINE" else [low]
        settings = ExportSettings(file.kind, kind.texture_size, kind.megabytes)
        try:
            self.written = export_asset(context, levels, file.path, settings)
        except ReconstructionError as error:
            self.notes.append(
                Sentence("The asset is made but not exported: {message} {hint}", message=error.message, hint=error.hint)
            )


def _refuse_unwritable(file: AssetFile | None) -> None:
    """Tell before minutes of work that the file cannot be written after them; raises ``OutputError``."""
    if file is None:
        return
    folder = with_suffix(file.path, file.kind).parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(
            Sentence("The folder '{folder}' cannot be written to.", folder=folder), "Choose another folder."
        )
