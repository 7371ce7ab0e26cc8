# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: photos and folders in, 3D files out, several at a time.

In Blender, with the extension installed:

    blender --background --command image_to_3d PHOTO... --output DIR

and from a clone, with the bpy module from the Python package index:

    python tools/image_to_3d.py PHOTO... --output DIR

``models`` as the first argument manages reconstruction systems' models instead (``cli_models``).

Standard output carries one JSON object per photo and line; everything meant for people goes to standard error. (What
Blender's own program prints while it starts, before this command, cannot be kept away: results start with a brace.)
Exit codes: 0 all photos are done, 1 at least one failed, 2 wrong arguments, 130 interrupted.
"""

import argparse
import json
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import bpy

from . import cli_models
from .background import BACKGROUND
from .console import own_stdout
from .engine import create_launch
from .game_asset import GameAssetOptions
from .inference.bake import BakeSettings
from .inference.cutout import CutoutMethod, CutoutSettings
from .inference.errors import OutputError, ReconstructionError, SettingsError
from .inference.monitor import Monitor
from .inference.network import Precision
from .inference.photo import readable
from .inference.pipeline import RESOLUTION_RANGE, Settings
from .inference.priors.choose import ShapeChoice
from .inference.runtime import PROVIDERS, RuntimeSettings, core_count
from .inference.surface import SurfaceSettings
from .inference.symmetry_search import MirrorChoice
from .inference.systems import system_ids
from .inference.view_matching import Side, Start
from .inference.views import join_views
from .jobs import Host, Job, JobState
from .models import models_folder
from .options import ASSET_PRESETS, DEFAULT_QUALITY, PHOTO_SUFFIXES, QUALITIES, TEXTURE_SIZES
from .preferences import UserSettings
from .retopology_tasks import BakeLowPolyTask, LowPolyOptions, RetopologyOptions, RetopologyTask, run_blocking
from .scene.files import WRITERS, make_folder, write_files
from .scene.retopology import high_of
from .scene.stored_code import elevation_of
from .tasks import ProjectPhotoTask, ReconstructTask

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Item:
    """One photo of the batch.

    Attributes:
        photo: its path.
        stem: of its output files, unique in the batch.
    """

    photo: Path
    stem: str


@dataclass(frozen=True)
class Batch:
    """What to do with every photo.

    Attributes:
        settings: of the engine.
        size: longest side of the object, Blender units.
        folder: for the output.
        formats: keys of ``WRITERS``.
        overwrite: whether files of the same name are replaced.
        retopology: how to make a low-poly mesh, or None.
        low_poly: how to bake to it, or None.
        also: further photos of the one object, and which sides they show.
    """

    settings: Settings
    size: float
    folder: Path
    formats: tuple[str, ...]
    overwrite: bool
    retopology: RetopologyOptions | None = None
    low_poly: LowPolyOptions | None = None
    also: tuple[tuple[Side, Path], ...] = ()


class Slot:
    """One worker of the batch and the photo that it works on."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.item: Item | None = None
        self.task: ReconstructTask | None = None
        self.job: Job[Any] | None = None
        self.started = 0.0

    def start(self, item: Item, batch: Batch) -> None:
        """Hand the next photo over; raises ``ReconstructionError`` if that fails."""
        self.item, self.job, self.started = item, None, time.perf_counter()
        _refuse_existing(item, batch)
        self.task = ReconstructTask(item.photo, batch.settings, batch.size)
        self.job = self.task.begin(self.host)

    def finish(self, batch: Batch) -> dict[str, Any]:
        """Build the object in an empty file, write it, and tell; raises ``ReconstructionError``."""
        if self.job.error is not None:
            raise self.job.error
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
        self.task.finish(bpy.context, self.job.result)
        summary = self.task.summary
        warnings = self._project_photos(summary.object, batch)
        name, notes = self._make_low(summary.object, batch)
        made = bpy.data.objects[name]
        files = write_files(bpy.context, made, batch.folder, self.item.stem, batch.formats, batch.overwrite)
        return {
            "photo": str(self.item.photo),
            "status": "done",
            "files": {kind: str(path) for kind, path in files.items()},
            "vertices": len(made.data.vertices),
            "faces": len(made.data.polygons),
            "islands": summary.islands,
            "seconds": round(time.perf_counter() - self.started, 3),
            "seconds_by_stage": {stage: round(value, 3) for stage, value in summary.seconds.items()},
            "warnings": [*summary.warnings, *warnings, *notes],
        }

    def _project_photos(self, name: str, batch: Batch) -> list[str]:
        """Project the further photos, and return what there is to say about them."""
        warnings: list[str] = []
        for side, photo in batch.also:
            target = bpy.data.objects[name]
            start = Start.at(side, elevation_of(target))
            depsgraph = bpy.context.evaluated_depsgraph_get()
            task = ProjectPhotoTask(target, photo, start, CutoutSettings(), depsgraph)
            run_blocking(task, self.host, bpy.context)
            warnings += task.result.warnings
        return warnings

    def _make_low(self, name: str, batch: Batch) -> tuple[str, list[str]]:
        """The low-poly object's name and what there is to say about it, or the object itself where none is wanted."""
        if batch.retopology is None:
            return name, []
        depsgraph = bpy.context.evaluated_depsgraph_get()
        remeshing = RetopologyTask(bpy.data.objects[name], batch.retopology, depsgraph)
        run_blocking(remeshing, self.host, bpy.context)
        notes = remeshing.notes
        if batch.low_poly is not None:
            low = bpy.data.objects[remeshing.low]
            depsgraph = bpy.context.evaluated_depsgraph_get()
            baking = BakeLowPolyTask(low, high_of(low), batch.low_poly, depsgraph)
            run_blocking(baking, self.host, bpy.context)
            notes += baking.notes
        return remeshing.low, notes


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "models":
        return cli_models.main(arguments[1:])
    parser = create_parser()
    try:
        options = parser.parse_args(arguments)
    except SystemExit as leaving:  # argparse has printed help or what is wrong
        return int(leaving.code or 0)
    with own_stdout() as results:
        try:
            batch = create_batch(options)
            items = find_items(options.photos)
            make_folder(batch.folder)
            if options.views:
                items = [join_items(items, batch)]
            if batch.also and len(items) > 1:
                raise UsageError("--also is for one object, and these are several.", "Give one photo at a time.")
            workers = min(options.jobs, len(items))
            return run(items, batch, launch_settings(options, workers), workers, results)
        except ReconstructionError as error:
            _tell(str(error))
            return EXIT_USAGE if isinstance(error, UsageError | SettingsError) else EXIT_FAILED
        except KeyboardInterrupt:
            _tell("Interrupted.")
            return EXIT_INTERRUPTED


class UsageError(ReconstructionError):
    """The arguments make no sense together."""


def create_parser() -> argparse.ArgumentParser:
    """The arguments, with their help."""
    parser = argparse.ArgumentParser(prog="image_to_3d", description="Reconstruct textured 3D objects from photos.")
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="photo files, or folders of them")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder for the results")
    parser.add_argument(
        "--format", default="glb", metavar="LIST", help=f"comma-separated, of {','.join(WRITERS)} (default: glb)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace results of the same name")
    parser.add_argument("--system", choices=system_ids(), default=system_ids()[0], help="reconstruction system")
    parser.add_argument(
        "--quality", type=str.lower, choices=[name.lower() for name in QUALITIES], default=DEFAULT_QUALITY.lower()
    )
    parser.add_argument(
        "--resolution", type=_in_range(*RESOLUTION_RANGE), metavar="N", help="instead of the quality's own"
    )
    parser.add_argument("--texture-size", type=int, choices=TEXTURE_SIZES, help="instead of the quality's own")
    parser.add_argument(
        "--target-faces", type=_in_range(100, 5_000_000), metavar="N", help="reduce the surface to about N quads"
    )
    parser.add_argument("--size", type=_positive, default=1.0, metavar="METRES", help="longest side (default: 1)")
    parser.add_argument("--photo-strength", type=_share, default=1.0, metavar="0..1", help="of the projected photo")
    parser.add_argument(
        "--symmetrise",
        action="store_true",
        help="mirror the side that the photo sees better onto the other one, where a mirror plane fits",
    )
    parser.add_argument(
        "--shape",
        choices=list(ShapeChoice),
        default=ShapeChoice.AUTOMATIC.value,
        help="what is known of the object's shape (default: automatic)",
    )
    parser.add_argument(
        "--cutout",
        choices=[method.name.lower() for method in CutoutMethod],
        default="automatic",
        help="how to find the object",
    )
    parser.add_argument("--mask", type=Path, metavar="FILE", help="white is the object; implies --cutout mask")
    parser.add_argument("--device", choices=("auto", *PROVIDERS), default="auto", help="compute device")
    parser.add_argument(
        "--precision",
        choices=[precision.value for precision in Precision],
        default="automatic",
        help="how weights of downloaded models are kept in memory",
    )
    parser.add_argument(
        "--threads", type=_in_range(0, 1024), default=0, metavar="N", help="for all jobs together; 0: all cores"
    )
    parser.add_argument(
        "--views", action="store_true", help="the photos are six views of one object, for systems that need them"
    )
    parser.add_argument(
        "--also",
        action="append",
        default=[],
        type=_side_and_photo,
        metavar="SIDE=PHOTO",
        help=f"another photo of the object, to project on it; sides: {', '.join(Side)}",
    )
    parser.add_argument(
        "--retopology",
        type=_in_range(50, 500_000),
        metavar="FACES",
        help="write a low-poly mesh of about so many quads instead; a .blend keeps both",
    )
    parser.add_argument(
        "--game-asset",
        type=str.lower,
        choices=[name.lower() for name in ASSET_PRESETS],
        help="make a game asset instead: low-poly mesh, baked textures and levels of detail by this preset",
    )
    parser.add_argument("--levels", type=_in_range(0, 6), default=0, metavar="N", help="levels of detail (.blend)")
    parser.add_argument(
        "--bake", action="store_true", help="bake colours, normals and ambient occlusion to the low-poly mesh"
    )
    parser.add_argument("--models-folder", type=Path, metavar="DIR", help="default: as the preferences say")
    parser.add_argument("--jobs", type=_in_range(1, 64), default=1, metavar="N", help="photos at a time, a worker each")
    return parser


def create_batch(options: argparse.Namespace) -> Batch:
    """Settings from parsed arguments.

    Raises:
        UsageError: they make no sense together.
    """
    formats = tuple(dict.fromkeys(part.strip().lower() for part in options.format.split(",") if part.strip()))
    unknown = [kind for kind in formats if kind not in WRITERS]
    if unknown or not formats:
        raise UsageError(f"There is no format '{', '.join(unknown)}'.", f"Choose from: {', '.join(WRITERS)}.")
    method = CutoutMethod[options.cutout.upper()] if options.mask is None else CutoutMethod.MASK
    if method is CutoutMethod.MASK and options.mask is None:
        raise UsageError("No mask is given.", "Add --mask FILE.")
    quality = QUALITIES[options.quality.upper()]
    settings = Settings(
        system=options.system,
        cutout=CutoutSettings(method, options.mask),
        surface=SurfaceSettings(resolution=options.resolution or quality.resolution, target_faces=options.target_faces),
        bake=BakeSettings(
            texture_size=options.texture_size or quality.texture_size, photo_strength=options.photo_strength
        ),
        symmetrise=MirrorChoice() if options.symmetrise else None,
        shape=ShapeChoice(options.shape),
    )
    retopology, low_poly = _low_poly_options(options, settings.bake)
    return Batch(
        settings,
        options.size,
        options.output.absolute(),
        formats,
        options.overwrite,
        retopology,
        low_poly,
        tuple(options.also),
    )


def _low_poly_options(
    options: argparse.Namespace, bake: BakeSettings
) -> tuple[RetopologyOptions | None, LowPolyOptions | None]:
    """Whether and how a low-poly mesh is made and baked; raises ``UsageError``."""
    if options.game_asset is not None:
        if options.retopology or options.bake or options.levels:
            raise UsageError("A game asset's preset says how its mesh is made.", "Give --game-asset alone.")
        asset = GameAssetOptions.preset(options.game_asset.upper(), texture_size=options.texture_size)
        return asset.retopology, replace(asset.low_poly, photo_strength=bake.photo_strength)
    if options.retopology is None:
        if options.bake or options.levels:
            raise UsageError("There is no low-poly mesh to bake or to thin out.", "Add --retopology FACES.")
        return None, None
    retopology = RetopologyOptions(faces=options.retopology, levels=options.levels)
    low_poly = LowPolyOptions(bake.texture_size, bake.margin, bake.photo_strength) if options.bake else None
    return retopology, low_poly


def launch_settings(options: argparse.Namespace, workers: int) -> UserSettings:
    """Device and threads of each worker; cores are shared out evenly among them. Models as the preferences say."""
    threads = options.threads
    if workers > 1:
        threads = max(1, (threads or core_count()) // workers)
    folder = options.models_folder.absolute() if options.models_folder else models_folder(bpy.context)
    runtime = RuntimeSettings(options.device, threads, folder, Precision(options.precision))
    return UserSettings(runtime, idle_seconds=0.0)


def find_items(paths: Iterable[Path]) -> list[Item]:
    """Photos of the arguments, folders searched (not their subfolders), each with a file name of its own.

    Raises:
        UsageError: a folder is unreadable or holds no photo.
    """
    photos: list[Path] = []
    for path in paths:
        photos += _photos_in(path) if path.is_dir() else [path]
    items: dict[str, Item] = {}
    for photo in dict.fromkeys(photo.absolute() for photo in photos):
        stem, number = readable(photo.stem), 2
        while stem.lower() in items:
            stem, number = f"{readable(photo.stem)}_{number}", number + 1
        items[stem.lower()] = Item(photo, stem)
    return list(items.values())


def join_items(items: Sequence[Item], batch: Batch) -> Item:
    """Put photos that are views of one object into one sheet in the output folder, named after the first.

    Raises:
        PhotoError: they aren't six square photos.
        OutputError: the sheet is there already, or can't be written.
    """
    sheet = batch.folder / f"{items[0].stem}_views.png"
    if sheet.exists() and not batch.overwrite:
        raise OutputError(f"'{sheet}' exists already.", "Add --overwrite, or choose another folder.")
    join_views([item.photo for item in items], sheet, Monitor())
    return Item(sheet, items[0].stem)


def run(items: Sequence[Item], batch: Batch, settings: UserSettings, workers: int, results: TextIO) -> int:
    """Reconstruct all photos, ``workers`` at a time; one that fails never stops the rest.

    Returns:
        The exit code.
    """
    waiting, told = deque(items), []
    folder = Path(bpy.app.tempdir)
    slots = [Slot(Host(create_launch(settings, folder))) for _ in range(workers)]
    try:
        while waiting or any(slot.item for slot in slots):
            ended = [record for slot in slots if (record := _step(slot, waiting, batch)) is not None]
            for record in ended:
                results.write(json.dumps(record, ensure_ascii=False) + "\n")
                results.flush()
                told.append(record)
                _tell(f"[{len(told)}/{len(items)}] {_line(record)}")
            if not ended:
                time.sleep(POLL_SECONDS)
    finally:
        for slot in slots:
            slot.host.shutdown()
        BACKGROUND.shutdown()
    if len(items) > 1:
        _tell(_table(told))
    return 0 if all(record["status"] == "done" for record in told) else EXIT_FAILED


def _step(slot: Slot, waiting: deque[Item], batch: Batch) -> dict[str, Any] | None:
    """Drive one worker; returns the record of a photo that has just ended."""
    try:
        if slot.item is None:
            if waiting:
                slot.start(waiting.popleft(), batch)
            return None
        if slot.job is None or slot.job.poll() is JobState.RUNNING:
            return None
        record = slot.finish(batch)
    except ReconstructionError as error:
        record = _failure(slot.item, error.message, error.hint)
    except Exception as error:  # noqa: BLE001 - a bug met with one photo must not stop the rest; it is told in full
        _tell(traceback.format_exc())
        record = _failure(slot.item, f"{type(error).__name__}: {error}", "Report this with the text above.")
    slot.item = None
    return record


def _failure(item: Item, error: str, hint: str) -> dict[str, Any]:
    return {"photo": str(item.photo), "status": "failed", "error": error, "hint": hint}


def _refuse_existing(item: Item, batch: Batch) -> None:
    existing = [name for kind in batch.formats if (batch.folder / (name := f"{item.stem}.{kind}")).exists()]
    if existing and not batch.overwrite:
        raise OutputError(f"'{existing[0]}' is already in '{batch.folder}'.", "Add --overwrite to replace it.")


def _photos_in(folder: Path) -> list[Path]:
    try:
        textures = _textures_in(folder)
        found = sorted(path for path in folder.iterdir() if _is_photo(path) and path.name not in textures)
    except OSError as error:
        raise UsageError(f"Folder '{folder}' cannot be read ({error.strerror}).", "Check its permissions.") from error
    if not found:
        raise UsageError(f"Folder '{folder}' holds no photo.", f"Photos end in {', '.join(PHOTO_SUFFIXES)}.")
    return found


def _is_photo(path: Path) -> bool:
    """Whether a folder's entry is one; hidden files are none, as macOS leaves ``._a.jpg`` beside ``a.jpg``."""
    return path.suffix.lower() in PHOTO_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _textures_in(folder: Path) -> set[str]:
    """Names of textures of OBJ results, which lie beside them: no photos, if results are put where the photos are."""
    names: set[str] = set()
    for library in folder.glob("*.mtl"):
        for line in library.read_text("utf-8", "replace").splitlines():
            _, start, rest = line.partition(f" {library.stem}_")
            if line.startswith("map_") and start:
                names.add(f"{library.stem}_{rest}")
    return names


def _line(record: dict[str, Any]) -> str:
    name = Path(record["photo"]).name
    if record["status"] == "failed":
        return f"{name}: {record['error']} {record['hint']}"
    return f"{name}: {record['faces']:,} faces in {record['seconds']:.1f} s"


def _table(records: Sequence[dict[str, Any]]) -> str:
    """A line per photo."""
    width = max(len(Path(record["photo"]).name) for record in records)
    lines = [f"{'photo':<{width}}  {'status':<6}  {'faces':>9}  {'islands':>7}  {'seconds':>7}"]
    for record in records:
        start = f"{Path(record['photo']).name:<{width}}  {record['status']:<6}"
        if record["status"] == "done":
            lines.append(f"{start}  {record['faces']:>9,}  {record['islands']:>7,}  {record['seconds']:>7.1f}")
        else:
            lines.append(f"{start}  {record['error']}")
    return "\n".join(lines)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _in_range(lower: int, upper: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not lower <= value <= upper:
            raise argparse.ArgumentTypeError(f"{value} is not between {lower} and {upper}")
        return value

    parse.__name__ = "number"
    return parse


def _side_and_photo(text: str) -> tuple[Side, Path]:
    side, _, photo = text.partition("=")
    if side.lower() not in list(Side) or not photo:
        raise argparse.ArgumentTypeError(f"'{text}' is not SIDE=PHOTO with a side of {', '.join(Side)}")
    return Side(side.lower()), Path(photo).absolute()


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a length")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


_commands: list[object] = []


def register() -> None:
    """Make ``blender --command image_to_3d`` known."""
    _commands.append(bpy.utils.register_cli_command("image_to_3d", main))


def unregister() -> None:
    """Take it back."""
    bpy.utils.unregister_cli_command(_commands.pop())
