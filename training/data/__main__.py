# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the training set: ``python -m training.data --out build/dataset`` (``make dataset``).

Fetches what it needs, asks nothing, and makes each object into one file; what exists already is passed over, so the
command may be killed and started again. Several shards may run side by side (``--shard 0/2`` and ``--shard 1/2``).
What is trained with is stored as ``compact`` says (``.views``), what is measured with as whole arrays (``.npz``), and
validation objects both ways.

``--export DIR`` then writes what is trained with into a few files, from which ``--import DIR`` of a later round starts.
"""

import argparse
import functools
import subprocess
import sys
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import assemblies, compact, meshes, packs, reshaped, shapes, shards, solid, sources, split, sweethome, views
from .cutouts import Cutter
from .meshes import Model
from .render import Renderer

if TYPE_CHECKING:
    from .tracing import PathTracer

SOURCES = ("sweethome", "assemblies", "belongings", "shapes", "objects", "infinigen")
#: Views of an object that is trained with, and of one that is held out.
VIEWS, HELD_OUT_VIEWS = 4, 8
#: Of the views: 1 without shadows, floors, real cut-outs and views from far above; 2 without path-traced photos.
VERSION = 3
#: Share of objects that get a random two-colour pattern over their own colours.
PATTERN_CHANCE = {
    "infinigen": 0.12,
    "sweethome": 0.3,
    "shapes": 0.7,
    "assemblies": 0.04,
    "belongings": 0.04,
    "objects": 0.2,
}
#: Sources whose objects are worth reshaped copies; of the others a new seed makes a new object.
RESHAPED = ("sweethome", "infinigen")
#: Share of the views of training objects without such a pattern whose photo is path-traced, unless ``--traced`` is.
CYCLES_CHANCE = 0.06
#: Objects whose solid fills less than this share of its bounding box hold nothing to learn from.
MIN_SOLID_CELLS = 400

#: Where an export is looked for, beside the repository.
IMPORT = Path("../shared/data/views")
#: Megabytes of an export.
EXPORT_MEGABYTES = 200
#: Suffixes that say that an object is made, or that it cannot be.
ENDS = (compact.SUFFIX, ".npz", ".rejected")

Job = tuple[str, Path, Callable[[], Model]]


def jobs(args: argparse.Namespace) -> Iterator[Job]:
    """(name, file without suffix, loader) of all objects whose meshes are at hand, then of their reshaped copies."""
    found = list(originals(args))
    yield from found
    for number in range(1, args.copies + 1):
        for name, path, read in found:
            if path.parent.name in RESHAPED:
                copy = f"{name}~{number}"
                yield copy, _path(args, path.parent.name, copy), functools.partial(reshaped_copy, read, number)


def originals(args: argparse.Namespace) -> Iterator[Job]:
    """The same without copies."""
    if "sweethome" in args.sources:
        libraries = sweethome.unpack(args.sweethome, args.out / "sweethome")
        for entry in sweethome.entries(libraries):
            name = f"{entry.library}_{entry.path.parent.name}_{entry.path.stem}"
            yield _job(args, "sweethome", name, entry.path, entry.category, y_up=True)
    for path in packs.files(args.objects) if "objects" in args.sources and args.objects else ():
        name = f"{path.parent.name}_{path.stem}"
        yield name, _path(args, "objects", name), functools.partial(packs.load, path, name)
    made = {
        "assemblies": ("assembly", assemblies.random_assembly),
        "belongings": ("belonging", assemblies.random_belonging),
        "shapes": ("shape", shapes.random_shape),
    }
    for source, (word, make) in made.items():
        for seed in range(getattr(args, source) if source in args.sources else 0):
            name = f"{word}_{seed:05d}"
            yield name, _path(args, source, name), functools.partial(make, seed)
    for path in sorted(args.meshes.glob("*.ply")) if "infinigen" in args.sources else ():
        if not path.stem.endswith(".part"):
            yield _job(args, "infinigen", path.stem, path, path.stem.rsplit("_", 1)[0], y_up=False)


def _path(args: argparse.Namespace, source: str, name: str) -> Path:
    return args.out / "objects" / source / name


def _job(args: argparse.Namespace, source: str, name: str, path: Path, category: str, y_up: bool) -> Job:
    def read() -> Model:
        model = meshes.load(path, source, category, y_up)
        model.name = name
        return model

    return name, _path(args, source, name), read


def reshaped_copy(read: Callable[[], Model], number: int) -> Model:
    """Copy ``number`` of an object, for training alone. Raises ``Rejected`` if either belongs to what is held out."""
    model = read()
    model.name += f"~{number}"
    copy = reshaped.reshape(model, np.random.default_rng([zlib.crc32(model.name.encode()), 11]))
    if any(split.split_of(meshes.fingerprint(each)) != "train" for each in (model, copy)):
        raise meshes.Rejected("a copy of what is held out, or like it")
    return copy


@functools.cache
def path_tracer() -> "PathTracer":
    """Blender, started for the first object that needs it; where it does not start, that object fails."""
    from .tracing import PathTracer

    return PathTracer()


@dataclass(frozen=True)
class Tracing:
    """What path-traces photos, once it is started, and the share of the views that it does."""

    start: Callable[[], "PathTracer"]
    share: float = CYCLES_CHANCE


def tracers(
    tracing: Tracing, model: Model, pattern: dict[str, object], fingerprint: str, seed: int, count: int
) -> list["PathTracer | None"]:
    """For each of ``count`` views, what path-traces its photo, with the model loaded, or None.

    Drawn apart from the view's other random numbers, which are the same whether views are path-traced or not.
    """
    chosen = np.random.default_rng([seed, 3]).random(count) < tracing.share
    if not chosen.any() or pattern["pattern"] or split.split_of(fingerprint) != "train":
        return [None] * count
    tracer = tracing.start()
    tracer.load(model)
    return [tracer if each else None for each in chosen]


def make_object(
    renderer: Renderer,
    model: Model,
    view_count: int,
    cutter: Cutter | None = None,
    tracing: Tracing | None = None,
) -> dict[str, np.ndarray]:
    """All arrays of one object: its solid and its views.

    Some views are cut out by ``cutter``, and some photos path-traced, where these are given.
    """
    seed = zlib.crc32(f"{model.source}/{model.name}".encode())
    rng = np.random.default_rng(seed)
    signed = solid.signed_distance(model, seed)
    if (signed > 0).sum() < MIN_SOLID_CELLS:
        raise meshes.Rejected("nearly empty")
    points = model.corners.reshape(-1, 3)
    points = points[rng.choice(len(points), min(len(points), 6000), replace=False)]
    renderer.load(model, signed)
    pattern = views.sample_pattern(rng, PATTERN_CHANCE.get(model.source, 0.0))
    fingerprint = meshes.fingerprint(model)
    traced: list[PathTracer | None] = [None] * view_count
    if tracing is not None:
        traced = tracers(tracing, model, pattern, fingerprint, seed, view_count)
    made = [views.make_view(renderer, points, pattern, rng, cutter, tracer) for tracer in traced]
    arrays = {name: np.stack([getattr(view, name) for view in made]) for name in vars(made[0])}
    return {
        **arrays,
        "signed": solid.quantise(signed),
        "surface": meshes.sample_surface(model, 4000, rng).astype(np.float16),
        "name": np.array(model.name),
        "source": np.array(model.source),
        "category": np.array(model.category),
        "fingerprint": np.array(fingerprint),
        "split": np.array(split.split_of(fingerprint)),
        "version": np.array(VERSION),
    }


def bake_infinigen(python: Path, folder: Path, seed: int, only: Collection[str] | None) -> None:
    """Bake one object of each of infinigen's generators, in its own interpreter so that memory stays bounded.

    ``only``: names of the objects that are wanted, or None for all.
    """
    script = Path(__file__).with_name("infinigen_bake.py")
    command = [str(python), "-P", str(script), str(folder), str(seed), "1"]
    if only is not None:
        command += ["--only", *sorted(only)]
    for _ in range(3):  # Blender may crash on an object; the next try passes it over
        if subprocess.run(command, check=False).returncode == 0:
            return


class Maker:
    """Turns meshes into training objects, one file each."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.renderer, self.cutter = Renderer(views.RENDERED, views.MAPS), Cutter()
        self.index, self.count = map(int, args.shard.split("/"))

    def make_all(self) -> None:
        """Make every object of this shard whose mesh is at hand, except those made or rejected before."""
        for name, path, read in jobs(self.args):
            is_mine = zlib.crc32(name.encode()) % self.count == self.index
            is_wanted = self.args.only is None or name in self.args.only
            if is_mine and is_wanted and not any(path.with_name(path.name + end).exists() for end in ENDS):
                self._make(name, path, read)

    def _make(self, name: str, path: Path, read: Callable[[], Model]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        tracing = Tracing(path_tracer, self.args.traced)
        try:
            model = read()
            is_trained = split.split_of(meshes.fingerprint(model)) == "train"
            count = self.args.views if is_trained else HELD_OUT_VIEWS
            arrays = make_object(self.renderer, model, count, self.cutter, tracing)
        except Exception as error:  # noqa: BLE001 - one unreadable model must not end hours of work
            path.with_name(path.name + ".rejected").write_text(repr(error))
            print("rejected", name, repr(error)[:150], file=sys.stderr, flush=True)
            return
        store(path, arrays)
        print("made", name, flush=True)


def store(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write one object's files, ``path`` with the first or the second of ``ENDS`` or both, never half of one."""
    part = path.with_name(path.name + ".part")
    if str(arrays["split"]) != "test":
        views = path.with_name(path.name + compact.SUFFIX)
        part.write_bytes(compact.encode(arrays, views.name))
        part.rename(views)
    if str(arrays["split"]) != "train":
        with part.open("wb") as file:
            np.savez(file, **arrays)
        part.rename(path.with_name(path.name + ".npz"))


def _names(path: str) -> frozenset[str]:
    """The words of a text file."""
    return frozenset(Path(path).read_text(encoding="utf-8").split())


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/dataset"))
    parser.add_argument("--sources", nargs="*", choices=SOURCES, default=SOURCES, help="which to use")
    parser.add_argument("--sweethome", type=Path, help="the Debian package file, if it is not to be downloaded")
    parser.add_argument("--infinigen", type=Path, help="Python of an environment with infinigen, if there is one")
    parser.add_argument("--meshes", type=Path, help="folder of baked infinigen meshes: none are made")
    parser.add_argument("--seeds", type=int, default=16, help="objects of each infinigen generator")
    parser.add_argument("--shapes", type=int, default=285, help="number of random shapes")
    parser.add_argument("--assemblies", type=int, default=1900, help="number of objects assembled from parts")
    parser.add_argument("--belongings", type=int, default=600, help="number of objects of the later kinds of them")
    parser.add_argument("--copies", type=int, default=1, help="reshaped copies of each furniture and infinigen object")
    parser.add_argument("--objects", type=Path, help="folder of packed meshes, if there is one: see training/DATA.md")
    parser.add_argument("--views", type=int, default=VIEWS, help="of an object that is trained with")
    parser.add_argument("--traced", type=float, default=CYCLES_CHANCE, help="share of the photos that are path-traced")
    parser.add_argument(
        "--import", dest="imported", type=Path, default=IMPORT, help="folder of an export to start from, if it exists"
    )
    parser.add_argument("--export", dest="exported", type=Path, help="write what is trained with there, in the end")
    parser.add_argument("--megabytes", type=float, default=EXPORT_MEGABYTES, help="of an export, at most")
    parser.add_argument("--only", type=_names, help="text file of names, such as shape_00012: only these are made")
    parser.add_argument("--shard", default="0/1", help="this process's share, as in 0/2")
    return parser.parse_args()


def main() -> int:
    """Run from the command line; the exit code is 1, with one sentence, if a source cannot be fetched."""
    args = parse_arguments()
    if args.meshes is None:
        args.meshes = args.out / "infinigen"
    else:
        args.seeds = 0
    if args.imported.is_dir():
        print("imported", shards.gather(args.imported, args.out), "objects", flush=True)
    try:
        if "sweethome" in args.sources:
            args.sweethome = args.sweethome or sources.furniture(args.out / "downloads")
        maker = Maker(args)
        maker.make_all()
        if "infinigen" in args.sources and args.seeds:
            python = args.infinigen or sources.infinigen_python(args.out.parent / "infinigen")
            for seed in range(args.seeds):
                bake_infinigen(python, args.meshes, seed, args.only)
                maker.make_all()
    except sources.SourceProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    if args.exported:
        print(
            "exported {} objects, {} bytes".format(*shards.export(args.out, args.exported, int(args.megabytes * 1e6)))
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
