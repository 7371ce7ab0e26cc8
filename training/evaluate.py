# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure Pebble as the field measures: ``python -m training.evaluate --data build/dataset --scans FOLDER``.

Runs the product's own road (encode, extract the surface, unwrap, bake) on objects that no training saw, and apart on
scans that no training source contains. Beside Pebble stand the inflated silhouette and the best ellipsoid, so that a
number means something. Writes for each set, ``test`` or ``scans``, its tables (``test.md``), the figures of each object
(``test.csv``) and a sheet of pictures (``test.jpg``) into ``--out``, and with ``--publish`` into ``docs/``. With
``--than`` and an earlier ``test.csv`` it measures that file's objects only, and says what changed since.
``training/measure`` says what is measured and how.
"""

import argparse
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

from inference.priors.choose import ShapeChoice
from inference.systems import pebble

from .data.render import Renderer
from .data.views import MAPS, RENDERED
from .measure import card
from .measure.changes import changes, read_earlier
from .measure.judge import PREDICTED, Judge, Verdict
from .measure.priors import gains
from .measure.product import Product
from .measure.results import groups, table, write_csv
from .measure.sheets import best_median_worst, sheet
from .measure.subjects import Subject, held_out, scans

DOCS = Path(__file__).resolve().parent.parent / "docs"
CARD = DOCS / "pebble.md"
#: What stands above a set's tables; its title, and what it was asked for with.
HEAD = """# Pebble's figures: {title}

Written by `make evaluate ARGS="{arguments}"`. [pebble.md](../pebble.md#the-measure) says what they mean,
[pebble_{title}.csv](pebble_{title}.csv) has each object. Means, medians in brackets.

"""
#: Categories with fewer objects are not listed in the table by category.
LEAST_IN_CATEGORY = 3
JPEG_QUALITY = 85


def subjects(args: argparse.Namespace) -> dict[str, Iterator[Subject]]:
    """What is measured, by the name of its set."""
    found: dict[str, Iterator[Subject]] = {}
    known = read_earlier(args.than) if args.than else None
    for split in args.splits if args.count else ():
        found[split] = held_out(args.data, split, args.count, known)
    if args.scans:
        found["scans"] = scans(args.scans, args.scan_names, args.out / "scans")
    return found


def measure(args: argparse.Namespace) -> dict[str, list[Verdict]]:
    """Judge everything; tells each object as it is done, and draws the sheets."""
    judge = Judge(Product(args.network, ShapeChoice(args.shape)), args.out / "baselines.json")
    renderer = None if args.quick else Renderer(RENDERED, MAPS)
    sets: dict[str, list[Verdict]] = {}
    for title, found in subjects(args).items():
        sets[title] = []
        for number, subject in enumerate(found):
            verdict = judge.shape(subject)
            if renderer is not None:
                verdict = replace(verdict, figures=verdict.figures | judge.baselines(subject))
            if renderer is not None and number < args.textures:
                verdict = judge.texture(verdict, renderer)
            sets[title].append(verdict)
            figures = verdict.figures["pebble"]
            shown = ", ".join(f"{name} {figures[name]:.3f}" for name in ("f@0.1", "f@0.05", "chamfer", "normals"))
            print(f"{title}, {subject.source}, {subject.name}: {shown}", flush=True)
        if renderer is not None and sets[title]:
            chosen = best_median_worst(sets[title], args.pictures)
            textured = {
                rank: [v if v.textured else judge.texture(v, renderer) for v in group] for rank, group in chosen.items()
            }
            sheet(renderer, textured).save(args.out / f"{title}.jpg", quality=JPEG_QUALITY)
    return sets


def publish(out: Path, title: str) -> None:
    """Copy what was written about a set to where the model card links to it, and its tables into the card."""
    (DOCS / "figures").mkdir(exist_ok=True)
    for suffix in (".md", ".csv"):
        shutil.copy(out / f"{title}{suffix}", DOCS / "figures" / f"pebble_{title}{suffix}")
    shutil.copy(out / f"{title}.jpg", DOCS / "images" / f"pebble_{title}.jpg")
    text = card.fill(CARD.read_text(encoding="utf-8"), card.published(DOCS / "figures"))
    CARD.write_text(text, encoding="utf-8")


def report(title: str, verdicts: list[Verdict]) -> str:
    """A set's tables, as Markdown."""
    parts = [table({title: verdicts})]
    if len({verdict.subject.source for verdict in verdicts}) > 1:
        parts += ["## By source\n", groups(verdicts, "source")]
    parts += ["## By category\n", groups(verdicts, "category", LEAST_IN_CATEGORY)]
    if any(PREDICTED in verdict.figures for verdict in verdicts):
        parts += ["## Known shapes in place of the prediction\n", gains(verdicts)]
    return "\n".join(parts)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("build/dataset"))
    parser.add_argument("--network", type=Path, default=pebble.SYSTEM.card.graphs[0])
    parser.add_argument("--scans", type=Path, help="folder of GLB scans")
    parser.add_argument("--scan-names", type=Path, help="text file that lists the scans to use")
    parser.add_argument("--splits", nargs="+", default=["test"], choices=["validation", "test"])
    parser.add_argument("--count", type=int, default=100, help="objects of each split; 0 for scans alone")
    parser.add_argument("--than", nargs="+", type=Path, help="earlier .csv, whose objects are measured and compared")
    parser.add_argument("--textures", type=int, default=40, help="objects of each set whose texture is measured")
    parser.add_argument("--pictures", type=int, default=4, help="objects shown as best, as median and as worst")
    parser.add_argument("--shape", choices=list(ShapeChoice), default="automatic", help="said of all objects")
    parser.add_argument("--quick", action="store_true", help="Pebble's shape only: no baselines, textures, pictures")
    parser.add_argument("--publish", action="store_true", help="write into docs/, too")
    parser.add_argument("--out", type=Path, default=Path("build/evaluation"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    started = time.process_time()
    sets = {title: verdicts for title, verdicts in measure(args).items() if verdicts}
    for title, verdicts in sets.items():
        text = report(title, verdicts)
        # Where the data lies on this machine is nobody's business.
        asked = "--count 0 --scans FOLDER" if title == "scans" else f"--splits {title} --count {args.count}"
        asked += " --than EARLIER" if args.than else ""
        (args.out / f"{title}.md").write_text(HEAD.format(title=title, arguments=asked) + text, encoding="utf-8")
        write_csv(args.out / f"{title}.csv", title, verdicts)
        if args.publish:
            publish(args.out, title)
        print(text)
        if args.than:
            print(changes(verdicts, read_earlier(args.than)))
    print(f"{len(list(chain(*sets.values())))} objects, {time.process_time() - started:.0f} s of processor time")


if __name__ == "__main__":
    main()
