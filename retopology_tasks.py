# SPDX-License-Identifier: GPL-3.0-or-later
"""Automatic retopology and baking to a low-poly mesh: what they ask the workers for, and what it becomes in Blender."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from .background import BACKGROUND
from .inference.bake import BakeSettings, Maps
from .inference.errors import OutputError, SettingsError
from .inference.monitor import RetopologyStage, Stage, StartStage
from .inference.pipeline import Settings
from .inference.sentence import Sentence
from .jobs import CompositeJob, Host, Job, JobChain, JobLadder
from .scene.background_tasks import BakeDetail, Remesh, Unwrap
from .scene.build import all_or_nothing
from .scene.detail_bake import DetailMaps, DetailSettings
from .scene.facts import add_seconds
from .scene.levels import levels_of
from .scene.low_material import MapOptions, create_low_material
from .scene.polygons import Polygons, read_evaluated
from .scene.provenance import store_provenance
from .scene.remesh import Remeshed, RemeshMethod, RemeshSettings
from .scene.retopology import add_levels, add_low, belong_to, high_in_low_frame, low_frame, symmetry_of
from .scene.selection import leave_edit_mode
from .scene.stored_code import load_code, load_mirror, load_settings
from .scene.symmetry import Symmetry
from .scene.uv_mesh import uv_mesh, uv_overlap
from .tasks import existing

WORST_DISTANCE = 0.06
"""Largest distance, in parts of the longest side, above which another attempt is made, although such a mesh can be
used: narrow gaps are often closed so far, and a part that was lost is farther away."""

ATTEMPT_SECONDS, FACES_PER_SECOND = 120.0, 100.0
"""Time for an attempt: so long, and a second more for so many faces. QuadriFlow takes a few seconds for 5,000 on an
idle computer; where it takes twenty times as long it will not end."""

NEW_UV_MAP = "Bake"
"""Name of the UV map that is added to a mesh whose own cannot be baked to."""

MOST_OVERLAP = 0.02
"""Share of a UV map that may lie over other parts or outside the square: neighbouring islands touch in a few texels."""


@dataclass(frozen=True)
class RetopologyOptions:
    """How to make a low-poly mesh.

    Attributes:
        method: quads, decimate or voxel.
        faces: about how many.
        use_symmetry: mirror where the shape is symmetric.
        tolerance: largest error of a symmetry, in parts of the longest side.
        keep_sharp: let edge loops follow sharp edges.
        levels: of detail besides the mesh itself.
        level_ratio: faces of each level against the one before.
    """

    method: RemeshMethod = RemeshMethod.QUADS
    faces: int = 5000
    use_symmetry: bool = True
    tolerance: float = 0.02
    keep_sharp: bool = False
    levels: int = 0
    level_ratio: float = 0.5


class WorkerTask(Protocol):
    """One of the tasks below."""

    def begin(self, host: Host) -> CompositeJob[Any]:
        """Hand it to the workers."""
        ...

    def finish(self, context: bpy.types.Context, result: Any) -> None:  # noqa: ANN401 - its own job's
        """Use the result."""
        ...


def run_blocking(task: WorkerTask, host: Host, context: bpy.types.Context) -> None:
    """Run a task to its end without the engine's state, for batches; raises ``ReconstructionError``."""
    job = task.begin(host)
    job.wait()
    if job.error is not None:
        raise job.error
    task.finish(context, job.result)


class RetopologyTask:
    """A low-poly object beside a high-poly one.

    Attributes:
        low: after ``finish``, the new object's name.
        remeshed: after ``finish``, what was made, with its check.
        symmetry: the mirror plane that was used, or None.
        notes: after ``finish``, sentences about what went otherwise than asked.
    """

    stage_shares: ClassVar[dict[str, float]] = {
        StartStage.BLENDER: 0.1,
        RetopologyStage.HEAL: 0.12,
        RetopologyStage.REMESH: 0.6,
        RetopologyStage.FIT: 0.15,
        RetopologyStage.CHECK: 0.05,
        RetopologyStage.UNWRAP: 0.08,
    }

    def __init__(self, high: bpy.types.Object, options: RetopologyOptions, depsgraph: bpy.types.Depsgraph) -> None:
        """Read the high-poly; raises ``SettingsError`` if it cannot be a source."""
        self._began = time.monotonic()
        self.high = high.name
        self.options = options
        self.low = ""
        self.remeshed: Remeshed | None = None
        self.notes: list[str] = []
        self._polygons = high_in_low_frame(high, low_frame(high), depsgraph)
        self.symmetry: Symmetry | None = None
        if options.use_symmetry:
            found = symmetry_of(high, self._polygons)
            self.symmetry = found if found.error <= options.tolerance else None

    def begin(self, _host: Host) -> JobLadder[Remeshed]:
        """Try the ways to such a mesh in the background Blender."""
        seconds = ATTEMPT_SECONDS + self.options.faces / FACES_PER_SECOND
        self._ladder = JobLadder([self._attempt(settings) for settings in self._ways()], self._badness, seconds)
        return self._ladder

    def finish(self, context: bpy.types.Context, result: Remeshed) -> None:
        """Add the object and its levels of detail."""
        high = existing(self.high)
        with all_or_nothing():
            low = add_low(context, high, result)
        add_seconds(low, {"Retopology": time.monotonic() - self._began})
        add_levels(context, low, self.options.levels, self.options.level_ratio)
        self.low, self.remeshed = low.name, result
        if self._ladder.failures:
            self.notes.append(
                Sentence(
                    "{count} attempts failed: {last}", count=len(self._ladder.failures), last=self._ladder.failures[-1]
                )
            )
        if result.method is not self.options.method:
            self.notes.append("No attempt made usable quads, so that the mesh was decimated to triangles.")
        if result.check.folds or result.check.open_edges:
            self.notes.append(
                Sentence(
                    "{folds} folded faces and {open_edges} open edges remain.",
                    folds=result.check.folds,
                    open_edges=result.check.open_edges,
                )
            )

    def _ways(self) -> list[RemeshSettings]:
        """What was asked for, then finer and coarser healing, other seeds, without symmetry; Decimate last."""
        options = self.options
        first = RemeshSettings(options.method, options.faces, self.symmetry, options.keep_sharp)
        if options.method is not RemeshMethod.QUADS:
            return [first]
        ways = [first, replace(first, voxel_scale=1.0, seed=1), replace(first, voxel_scale=1.6, seed=2)]
        if self.symmetry is not None:
            ways.append(replace(first, symmetry=None, seed=3))
        # As many triangles as the quads would have had.
        decimate = replace(first, method=RemeshMethod.DECIMATE, faces=2 * options.faces, symmetry=None)
        return [*ways, decimate]

    def _attempt(self, settings: RemeshSettings) -> Callable[[], Job[Remeshed]]:
        return lambda: BACKGROUND.start(Remesh(self._polygons, settings))

    @staticmethod
    def _badness(result: Remeshed) -> float:
        """0 for what an artist would take without a word."""
        check = result.check
        folded = 10.0 * check.folds / check.faces
        far = max(0.0, check.largest_distance - WORST_DISTANCE)
        return folded + far + (check.open_edges + check.knotted_edges) / check.faces


@dataclass(frozen=True)
class LowPolyOptions:
    """How to bake to a low-poly mesh.

    Attributes:
        texture_size: side of the maps.
        margin: in texels of a 1024 map.
        photo_strength: how much of the photo is projected.
        detail: normals and occlusion; texture size and margin there are taken from here.
        maps: how they are stored.
        replace_material: materials that the mesh has may leave it.
        new_uvs: unwrap even if the mesh has UVs that could be baked to.
        apply_modifiers: may be applied where the mesh must be unwrapped as it looks.
    """

    texture_size: int = 2048
    margin: int = 8
    photo_strength: float = 1.0
    detail: DetailSettings = field(default_factory=DetailSettings)
    maps: MapOptions = field(default_factory=MapOptions)
    replace_material: bool = False
    new_uvs: bool = False
    apply_modifiers: bool = False


class BakeSource:
    """A reconstructed object to bake from, read once: the scene may change while the workers are busy.

    Attributes:
        name: of the object.
        wants_detail: whether normals or ambient occlusion are baked.
        provenance: of the object.
    """

    def __init__(
        self,
        source: bpy.types.Object,
        frame: Matrix,
        options: LowPolyOptions,
        depsgraph: bpy.types.Depsgraph,
        *,
        is_itself: bool = False,
    ) -> None:
        """Read it.

        Args:
            source: the object.
            frame: world matrix of the coordinates of the low-poly mesh.
            options: how to bake.
            depsgraph: evaluated.
            is_itself: it is baked to itself, so that there is no detail to bake.

        Raises:
            SettingsError: it has no faces, no volume, or is mirrored.
            ModelError: it has no code.
        """
        self.name = source.name
        self._options = options
        self._code, self._placement = load_code(source)
        self._mirror, self._mirrors_all = load_mirror(source), load_settings(source)[1].mirror_all
        low_frame(source)
        self._to_source = np.array(source.matrix_world.inverted() @ frame)
        has_maps = options.detail.normals or options.detail.occlusion_samples > 0
        self.wants_detail = has_maps and not is_itself
        self._high = high_in_low_frame(source, frame, depsgraph, with_shading=True) if self.wants_detail else None

    @property
    def provenance(self) -> Mapping[str, str]:
        """Where the object came from."""
        return self._code.provenance

    def begin_detail(self, low: Polygons) -> Job[DetailMaps]:
        """Let the background Blender bake normals and ambient occlusion to a mesh with UVs."""
        options = self._options
        detail = replace(options.detail, texture_size=options.texture_size, margin=options.margin)
        return BACKGROUND.start(BakeDetail(self._high, low, detail))

    def begin_colours(self, low: Polygons, host: Host) -> Job[Maps]:
        """Let the engine bake colours to a mesh with UVs."""
        options = self._options
        settings = Settings(
            system=self._code.system,
            bake=BakeSettings(options.texture_size, options.margin, options.photo_strength, self._mirrors_all),
            mirror=self._mirror,
        )
        return host.bake_again(self._code, uv_mesh(low, self._to_source, self._placement), settings)


class BakeLowPolyTask:
    """All maps of a low-poly mesh: colours from the stored code and the photo, normals and occlusion by Cycles.

    Attributes:
        target: name of the low-poly object.
        notes: after ``finish``, sentences about what went otherwise than asked.
    """

    stage_shares: ClassVar[dict[str, float]] = {
        StartStage.BLENDER: 0.1,
        RetopologyStage.UNWRAP: 0.1,
        RetopologyStage.NORMALS: 0.25,
        RetopologyStage.OCCLUSION: 0.4,
        StartStage.WORKER: 0.1,
        Stage.BAKE: 0.25,
    }

    def __init__(
        self,
        target: bpy.types.Object,
        source: bpy.types.Object,
        options: LowPolyOptions,
        depsgraph: bpy.types.Depsgraph,
    ) -> None:
        """Read both meshes.

        Raises:
            SettingsError: something would be overwritten that may not, or the meshes cannot be baked.
            ModelError: the source has no code.
        """
        self._began = time.monotonic()
        self.target, self.options = target.name, options
        self.notes: list[str] = []
        frame = low_frame(target)
        self._low = read_evaluated(target, depsgraph, with_shading=True).transformed(
            np.array(frame.inverted() @ target.matrix_world)
        )
        if not len(self._low.starts):
            raise SettingsError(Sentence("'{name}' has no faces.", name=target.name), "Build a mesh first.")
        self._source = BakeSource(source, frame, options, depsgraph, is_itself=source == target)
        overlap = uv_overlap(self._low)
        self._unwraps = options.new_uvs or overlap > MOST_OVERLAP
        if self._unwraps and self._low.uvs is not None and not options.new_uvs:
            self.notes.append(
                Sentence("{share:.0%} of its UVs overlap or lie outside; a new UV map was added.", share=overlap)
            )
        self._refuse_overwriting(target)

    def begin(self, host: Host) -> JobChain:
        """UVs and detail in the background Blender, colours in the engine's worker."""
        steps: list[Callable[..., Job[Any]]] = []
        if self._unwraps:
            steps.append(lambda: BACKGROUND.start(Unwrap(self._low)))
        if self._source.wants_detail:
            steps.append(lambda *results: self._source.begin_detail(self._with_uvs(results)))
        steps.append(lambda *results: self._source.begin_colours(self._with_uvs(results), host))
        return JobChain(steps)

    def finish(self, context: bpy.types.Context, result: tuple[Any, ...]) -> None:
        """Give the mesh its UVs and the new material; its old materials leave the mesh but not the file."""
        target = existing(self.target)
        maps: Maps = result[-1]
        detail: DetailMaps | None = result[-2] if self._source.wants_detail else None
        leave_edit_mode(target)
        with all_or_nothing():
            material = create_low_material(self.target, maps, detail, self.options.maps)
            if self._unwraps:
                self._store_uvs(context, target, result[0])
        levels = levels_of(target)
        coarser = levels[levels.index(target) + 1 :] if target in levels else []  # finer ones were not asked for
        for item in [target, *(level for level in coarser if level.data.uv_layers)]:
            item.data.materials.clear()
            item.data.materials.append(material)
            store_provenance(item, self._source.provenance)
        if self._source.name in bpy.data.objects:
            belong_to(target, bpy.data.objects[self._source.name])
        add_seconds(target, {"Bake": time.monotonic() - self._began})
        if detail is not None and detail.missed > MOST_OVERLAP:
            self.notes.append(
                Sentence(
                    "{share:.0%} of the rays missed the sculpture: raise the Search Distance.", share=detail.missed
                )
            )

    def _refuse_overwriting(self, target: bpy.types.Object) -> None:
        """Nothing that the artist made goes without having been asked for."""
        materials = [slot.material.name for slot in target.material_slots if slot.material is not None]
        if materials and not self.options.replace_material:
            raise SettingsError(
                Sentence(
                    "'{name}' has a material already: {materials}.", name=target.name, materials=", ".join(materials)
                ),
                "Allow replacing it (it stays in the file), or remove it first.",
            )
        if self._unwraps and len(target.data.loops) != len(self._low.corners) and not self.options.apply_modifiers:
            raise SettingsError(
                Sentence("'{name}' has to be unwrapped, and its modifiers change its faces.", name=target.name),
                "Allow applying them, or apply them first.",
            )

    def _with_uvs(self, results: tuple[Any, ...]) -> Polygons:
        return replace(self._low, uvs=results[0]) if self._unwraps else self._low

    def _store_uvs(self, context: bpy.types.Context, target: bpy.types.Object, uvs: NDArray[np.float32]) -> None:
        """As a new UV map, beside those that the mesh has; on the mesh as it looks where modifiers are applied."""
        mesh, is_applied = target.data, len(target.data.loops) != len(self._low.corners)
        if is_applied:
            depsgraph = context.evaluated_depsgraph_get()
            mesh = bpy.data.meshes.new_from_object(target.evaluated_get(depsgraph), depsgraph=depsgraph)
        if len(mesh.loops) != len(uvs):
            raise OutputError(Sentence("'{name}' was edited meanwhile.", name=self.target), "Bake again.")
        layer = mesh.uv_layers.new(name=NEW_UV_MAP, do_init=False)
        if layer is None:
            raise OutputError(
                Sentence("'{name}' has eight UV maps already.", name=self.target), "Remove one and bake again."
            )
        layer.uv.foreach_set("vector", np.ascontiguousarray(uvs, np.float32).ravel())
        mesh.uv_layers.active = layer
        layer.active_render = True
        if is_applied:
            target.data = mesh
            target.modifiers.clear()
