# SPDX-License-Identifier: GPL-3.0-or-later
"""Record what the authors' own code makes of seeded weights and inputs, as fixtures for the tests.

    python -m export.parity --triposr CHECKOUT --openlrm CHECKOUT --instantmesh CHECKOUT [--full] [--only CASE]

Checkouts are clones of the authors' repositories: VAST-AI-Research/TripoSR d26e331, 3DTopia/OpenLRM 3108b69 and
TencentARC/InstantMesh 08822c5. Besides ``export/requirements.txt`` this needs what their code imports:
``transformers==4.35.0``, ``einops``, ``omegaconf``. Full sizes take minutes and up to 6 GB of memory.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from . import catalogue, instantmesh, official, openlrm, triposr
from .cases import FULL, REDUCED, Case, kept

FAMILIES = ("triposr", "openlrm", "instantmesh")
FIXTURES = Path(__file__).resolve().parent.parent / "tests" / "unit" / "export" / "parity"

RUNS: dict[str, Callable[[], official.Outputs]] = {
    "reduced_triposr": lambda: official.run_triposr(catalogue.REDUCED_TRIPOSR),
    "reduced_openlrm": lambda: official.run_openlrm(catalogue.REDUCED_OPENLRM),
    "reduced_instantmesh": lambda: official.run_instantmesh(catalogue.REDUCED_MESH),
    "reduced_instantmesh_nerf": lambda: official.run_instantmesh(catalogue.REDUCED_NERF),
    "triposr": lambda: official.run_triposr(triposr.TripoSRSettings()),
    "openlrm_small": lambda: official.run_openlrm(openlrm.SMALL),
    "openlrm_base": lambda: official.run_openlrm(openlrm.BASE),
    "openlrm_large": lambda: official.run_openlrm(openlrm.LARGE),
    "instantmesh_base": lambda: official.run_instantmesh(instantmesh.MESH_BASE),
    "instantmesh_large": lambda: official.run_instantmesh(instantmesh.MESH_LARGE),
    "instantmesh_base_nerf": lambda: official.run_instantmesh(instantmesh.NERF_BASE),
    "instantmesh_large_nerf": lambda: official.run_instantmesh(instantmesh.NERF_LARGE),
}
"""The authors' networks by the names of the cases."""


def record(case: Case, folder: Path) -> None:
    """Run a case and write ``NAME.npz``: of each output the values that ``cases.kept`` picks."""
    outputs = RUNS[case.name]()
    np.savez_compressed(folder / f"{case.name}.npz", **{name: kept(output) for name, output in outputs.items()})
    print(json.dumps({case.name: {name: [list(a.shape), round(float(a.std()), 4)] for name, a in outputs.items()}}))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for family in FAMILIES:
        parser.add_argument(f"--{family}", type=Path, metavar="CHECKOUT")
    parser.add_argument("--out", type=Path, default=FIXTURES)
    parser.add_argument("--full", action="store_true", help="the published sizes instead of the reduced ones")
    parser.add_argument("--only", help="one case by its name")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for family in FAMILIES:
        checkout = getattr(options, family)
        if checkout is None:
            continue
        official.prepare(checkout)
        for case in FULL if options.full else REDUCED:
            if family in case.name and options.only in (None, case.name):
                record(case, options.out)


if __name__ == "__main__":
    main()
