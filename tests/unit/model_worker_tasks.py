# SPDX-License-Identifier: GPL-3.0-or-later
"""The model tasks for a real worker that knows one more system: the teapot of ``model_cards``."""

import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent.parent))

from image_to_3d.inference import systems
from image_to_3d.inference.model_tasks import RUNS_NETWORKS, TASKS
from model_cards import teapot_card

__all__ = ["RUNS_NETWORKS", "TASKS"]

sys.modules["image_to_3d.inference.systems.teapot"] = SimpleNamespace(SYSTEM=SimpleNamespace(card=teapot_card()))
systems._MODULES["teapot"] = ".teapot"
