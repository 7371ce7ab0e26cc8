# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the fuzzer of the checkpoint readers for a while; see fuzz_checkpoints.py.

    make fuzz [ARGS="--seconds 600 --jobs 2"]

Inputs that find new branches are kept in build/fuzz/ and taken up the next time, as are the ones that break a rule
(crash-...). Linux and macOS, Python 3.11.
"""

import argparse
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "build" / "fuzz"
FIXTURES = ROOT / "tests" / "unit" / "checkpoints"
SLOWEST, LARGEST_MEMORY, LONGEST_INPUT = 10, 1024, 20_000


def write_seeds() -> None:
    """The fixtures, whole and as their parts, and a few programs that use instructions they lack."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    for path in FIXTURES.iterdir():
        if path.suffix not in (".pt", ".safetensors"):
            continue
        content = path.read_bytes()
        (CORPUS / f"seed-{path.name}").write_bytes(b"f" + content)
        if path.suffix == ".safetensors":
            (length,) = struct.unpack("<Q", content[:8])
            header = json.dumps(json.loads(content[8 : 8 + length])).encode()
            (CORPUS / f"seed-header-{path.name}").write_bytes(b"h" + header + b"\n" + content[8 + length :])
        elif zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
                (CORPUS / f"seed-pickle-{path.name}").write_bytes(b"p" + archive.read(name))
    for number, program in enumerate((b"cos\nsystem\n(X\x02\0\0\0lstR.", b"}q\0h\0\x85\x94h\1b.", b"\x80\4(]}\x93u.")):
        (CORPUS / f"seed-program-{number}").write_bytes(b"p" + program)


def main() -> int:
    """Fuzz; exit code 1 if something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    requirements = ROOT / "tools" / "requirements" / "fuzz.txt"
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
    write_seeds()
    command = [
        sys.executable,
        ROOT / "tools" / "fuzz_checkpoints.py",
        CORPUS,
        f"-max_total_time={options.seconds}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={LARGEST_MEMORY}",
        f"-max_len={LONGEST_INPUT}",
        f"-artifact_prefix={CORPUS}/",
        "-print_final_stats=1",
    ]
    workers = [subprocess.Popen(command) for _ in range(options.jobs)]
    codes = [worker.wait() for worker in workers]
    return 1 if any(codes) else 0


if __name__ == "__main__":
    sys.exit(main())
