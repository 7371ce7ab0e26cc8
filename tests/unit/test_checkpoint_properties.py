# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for any checkpoint: proper files are read back exactly, spoilt ones never do worse than being refused."""

import math
import sys
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_to_3d.inference.checkpoints import open_checkpoint
from image_to_3d.inference.errors import ModelError

sys.path.insert(0, str(Path(__file__).parent))

from checkpoint_files import FIXTURES, program, tensor_program, write_safetensors, write_torch

# Derandomised: the same examples each time. No deadline: nothing here is timed.
quick = settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))

NAMES = st.text(st.characters(exclude_categories=("Cs",)), max_size=40).filter(lambda name: name != "__metadata__")
DTYPES = st.sampled_from(["float64", "float32", "float16", "int64", "int32", "bool"])
SHAPES = st.lists(st.integers(0, 5), max_size=4).map(tuple)
GOOD = {name: (FIXTURES / name).read_bytes() for name in ("plain.safetensors", "plain.pt", "views.pt", "training.pt")}


def opened(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "given"
        path.write_bytes(content)
        return open_checkpoint(path)


def array_of(dtype, shape, seed):
    values = np.random.default_rng(seed).integers(0, 256, math.prod(shape) * np.dtype(dtype).itemsize, np.uint8)
    return (values % 2 if dtype == "bool" else values).view(dtype).reshape(shape)


@quick
@given(st.dictionaries(NAMES, st.tuples(DTYPES, SHAPES, st.integers(0, 2**32)), max_size=6))
def test_any_arrays_survive_safetensors(kinds):
    arrays = {name: array_of(*kind) for name, kind in kinds.items()}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = open_checkpoint(write_safetensors(Path(folder) / "a.safetensors", arrays))
    assert list(checkpoint.tensors) == list(arrays)
    for name, array in arrays.items():
        assert checkpoint.read(name).tobytes() == array.tobytes()
        assert checkpoint.read(name).shape == array.shape
        assert checkpoint.read(name).dtype == array.dtype


@quick
@given(st.data())
def test_any_view_of_a_torch_storage_is_the_one_numpy_makes(data):
    whole = np.arange(120, dtype=np.float32).reshape(data.draw(st.sampled_from([(120,), (8, 15), (4, 5, 6)])))
    view = whole.transpose(data.draw(st.permutations(range(whole.ndim))))
    view = view[tuple(slice(data.draw(st.integers(0, 3)), None, data.draw(st.integers(1, 3))) for _ in view.shape)]
    offset = (view.ctypes.data - whole.ctypes.data) // 4
    strides = tuple(stride // 4 for stride in view.strides)
    content = program(tensor_program(count=120, offset=offset, shape=view.shape, strides=strides))
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = open_checkpoint(write_torch(Path(folder) / "a.ckpt", content, {"0": whole.tobytes()}))
    np.testing.assert_array_equal(checkpoint.read("weight"), view)


def survives(content):
    """A spoilt file is refused, or what it says can be read and is no larger than the file."""
    try:
        checkpoint = opened(content)
    except ModelError as error:
        assert error.message.isprintable()
        return
    for name in checkpoint.tensors:
        assert checkpoint.read(name).nbytes <= 2 * len(content)


@quick
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_files_with_changed_bytes(name, data):
    content = bytearray(GOOD[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(content))


@quick
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_files_with_a_part_cut_out_doubled_or_moved(name, data):
    content = GOOD[name]
    start, end, place = sorted(data.draw(st.integers(0, len(content))) for _ in range(3))
    part = content[start:end]
    kept = data.draw(st.sampled_from([content[:start], content]))
    survives(kept[:place] + part * data.draw(st.integers(0, 2)) + content[place:])


@quick
@given(st.binary(max_size=300))
def test_pickles_of_any_bytes(content):
    with tempfile.TemporaryDirectory() as folder:
        path = write_torch(Path(folder) / "a.ckpt", b"\x80\x02}" + content + b".", {"0": bytes(16)})
        survives(path.read_bytes())
