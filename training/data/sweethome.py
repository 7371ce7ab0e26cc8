# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's ``sweethome3d-furniture``: 820 artist-made objects in five libraries (CC0 and CC BY 3.0)."""

import re
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "sweethome3d-furniture"
#: Flat things set in walls, and whole rooms: not objects somebody photographs.
EXCLUDED_CATEGORIES = {"doors and windows", "staircases"}
EXCLUDED_NAMES = re.compile(r"door|window|stair|wall|fence|curtain|glass|mirror|picture|frame|carpet|rug\b|blind", re.I)


@dataclass(frozen=True)
class Entry:
    """One model of a library, as its catalogue describes it."""

    library: str
    name: str
    category: str
    creator: str
    path: Path


def unpack(package: Path, folder: Path) -> Path:
    """Unpack the Debian package and its libraries once; returns the folder of libraries."""
    done = folder / "libraries"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["dpkg", "-x", str(package), str(folder / "package")], check=True)
        partial = folder / "libraries.part"
        for library in sorted((folder / "package").rglob("*.sh3f")):
            with zipfile.ZipFile(library) as archive:
                archive.extractall(partial / library.stem)
        partial.rename(done)
    return done


def entries(libraries: Path) -> list[Entry]:
    """All usable models of the unpacked libraries, in a fixed order."""
    found = []
    for folder in sorted(p for p in libraries.iterdir() if p.is_dir()):
        text = (folder / "PluginFurnitureCatalog.properties").read_text("latin-1")
        values = dict(re.findall(r"^(\w+#\d+)=(.*)$", text, re.M))
        for number in sorted({int(key.split("#")[1]) for key in values}):
            name, category = (values.get(f"{key}#{number}", "").strip() for key in ("name", "category"))
            model = values.get(f"model#{number}", "").strip().lstrip("/")
            if category.lower() in EXCLUDED_CATEGORIES or EXCLUDED_NAMES.search(name) or not model:
                continue
            path = folder / model
            if path.suffix.lower() == ".obj" and path.exists():
                found.append(Entry(folder.name, name, category, values.get(f"creator#{number}", "").strip(), path))
    return found
