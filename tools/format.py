# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats the code and applies the lint rules that can be fixed without thought."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    for arguments in (["format"], ["check", "--fix"]):
        code = subprocess.run([sys.executable, "-m", "ruff", *arguments, str(ROOT)], check=False).returncode
        if code != 0:
            sys.exit(code)
