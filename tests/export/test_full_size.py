# SPDX-License-Identifier: GPL-3.0-or-later
"""TripoSR at its published size equals the authors' code: 1.7 GB of seeded weights, bound like a user's checkpoint.

The other networks' fixtures are there too; ``IMAGE_TO_3D_ALL_SIZES=1`` runs them all (minutes).
"""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "unit"))

from image_to_3d.export.cases import FULL
from parity import assert_equals_recorded

GRAPHS = Path(__file__).resolve().parents[2] / "inference" / "graphs"
RUN = [case for case in FULL if case.name == "triposr" or os.environ.get("IMAGE_TO_3D_ALL_SIZES") == "1"]


@pytest.mark.parametrize("case", RUN, ids=lambda case: case.name)
def test_published_networks_equal_the_authors_code(case, tmp_path):
    try:
        assert_equals_recorded(case, GRAPHS, tmp_path, threads=0)
    finally:
        # pytest keeps temporary folders for days, and this one holds gigabytes.
        for checkpoint in tmp_path.glob("*.safetensors"):
            checkpoint.unlink()
