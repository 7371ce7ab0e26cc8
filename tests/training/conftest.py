# SPDX-License-Identifier: GPL-3.0-or-later
"""Training runs from the repository's root: ``import training``."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2]))
