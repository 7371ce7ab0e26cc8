# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reads standard output, also of what is written past Python. In processes of their own: pytest catches it too."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def outputs(script):
    """What a script that knows ``console`` and ``os`` writes to standard output and to standard error."""
    command = [sys.executable, "-c", f"import console, os\n{script}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.splitlines(), done.stderr.splitlines()


def test_what_is_printed_in_silence_is_lost_and_nothing_else():
    script = """
print("before")
with console.silent_stdout():
    print("lost")
    os.write(1, b"lost past Python\\n")
print("after")
"""
    assert outputs(script) == (["before", "after"], [])


def test_results_alone_reach_standard_output():
    script = """
with console.own_stdout() as results:
    print("chatter")
    os.write(1, b"chatter past Python\\n")
    results.write("a result\\n")
print("after")
"""
    output, errors = outputs(script)
    assert output == ["a result", "after"]
    assert sorted(errors) == ["chatter", "chatter past Python"]
