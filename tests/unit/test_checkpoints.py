# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints: files of the real libraries are read exactly, and whatever else they are told is refused."""

import builtins
import os
import shutil
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference import tensor_pickle
from image_to_3d.inference.checkpoints import open_checkpoint
from image_to_3d.inference.errors import ModelError
from image_to_3d.inference.tensor_layout import LARGEST_DESCRIPTION, MOST_TENSORS

sys.path.insert(0, str(Path(__file__).parent))

from checkpoint_files import (
    FIXTURES,
    hostile_program,
    program,
    safetensors_bytes,
    tensor_program,
    unicode,
    write_safetensors,
    write_torch,
)

NUMBERS = np.arange(12, dtype=np.float32).reshape(3, 4) / 8 - 0.5
MEGABYTE = 2**20


def refusal(path):
    """The sentence with which a file is refused; the shape of the error is the same for all."""
    with pytest.raises(ModelError) as caught:
        open_checkpoint(path)
    assert path.name in caught.value.message
    assert caught.value.message.endswith(".")
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()
    assert caught.value.hint
    return caught.value.message


def refused_bytes(tmp_path, content):
    path = tmp_path / "given"
    path.write_bytes(content)
    return refusal(path)


def refused_program(tmp_path, content, storages=None):
    return refusal(write_torch(tmp_path / "given.ckpt", content, storages))


@pytest.mark.parametrize("name", ["plain.safetensors", "plain.pt", "protocol4.pt"])
def test_every_type_is_read_as_the_libraries_wrote_it(name):
    with open_checkpoint(FIXTURES / name) as checkpoint:
        stored = {name: (info.shape, info.dtype) for name, info in checkpoint.tensors.items()}
        read = {name: checkpoint.read(name) for name in checkpoint.tensors}
    assert stored == {
        "single.weight": ((3, 4), "float32"),
        "half.weight": ((3, 4), "float16"),
        "brain.weight": ((3, 4), "bfloat16"),
        "double.weight": ((3, 4), "float64"),
        "count": ((), "int64"),
        "places": ((2, 2), "int32"),
        "flags": ((3,), "bool"),
        "empty": ((0, 4), "float32"),
    }
    for kind, dtype in (("single", "float32"), ("half", "float16"), ("brain", "float32"), ("double", "float64")):
        np.testing.assert_array_equal(read[f"{kind}.weight"], NUMBERS)
        assert read[f"{kind}.weight"].dtype == dtype
    assert read["count"] == 7
    np.testing.assert_array_equal(read["places"], [[1, -2], [3, 4]])
    np.testing.assert_array_equal(read["flags"], [True, False, True])
    assert read["empty"].shape == (0, 4)
    assert not any(array.flags.writeable for array in read.values())


def test_views_that_share_a_storage_are_read_with_their_strides():
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    with open_checkpoint(FIXTURES / "views.pt") as checkpoint:
        np.testing.assert_array_equal(checkpoint.read("whole"), whole)
        np.testing.assert_array_equal(checkpoint.read("transposed"), whole.T)
        np.testing.assert_array_equal(checkpoint.read("part"), whole[1:3, 2:5])
        np.testing.assert_array_equal(checkpoint.read("column"), whole[:, 3])
        np.testing.assert_array_equal(checkpoint.read("parameter"), np.ones((2, 2)))


def test_nested_dictionaries_give_dotted_names_and_settings_are_left_out():
    with open_checkpoint(FIXTURES / "training.pt") as checkpoint:
        assert list(checkpoint.tensors) == [
            "state_dict.generator.0.weight",
            "state_dict.generator.0.bias",
            "state_dict.generator.1.weight",
            "state_dict.generator.1.bias",
            "state_dict.generator.1.running_mean",
            "state_dict.generator.1.running_var",
            "state_dict.generator.1.num_batches_tracked",
            "states.0.mean",
        ]
        np.testing.assert_array_equal(checkpoint.read("states.0.mean"), [0.25, 0.25])
        np.testing.assert_array_equal(checkpoint.read("state_dict.generator.1.running_var"), [1, 1])


def test_arrays_outlive_the_checkpoint_which_then_reads_no_more(tmp_path):
    checkpoint = open_checkpoint(write_safetensors(tmp_path / "a.safetensors", {"a": NUMBERS}))
    array = checkpoint.read("a")
    checkpoint.forget()
    checkpoint.close()
    np.testing.assert_array_equal(array, NUMBERS)
    with pytest.raises(ValueError, match="closed"):
        checkpoint.read("a")


def test_nothing_of_a_large_file_is_copied_or_read_at_once(tmp_path):
    """A file of 1 GB, nearly all of it a hole: opening and viewing it costs no memory."""
    path = tmp_path / "large.safetensors"
    count = 2**28
    header = {"a": {"dtype": "F32", "shape": [count], "data_offsets": [0, 4 * count]}}
    path.write_bytes(safetensors_bytes(header))
    size = path.stat().st_size + 4 * count
    os.truncate(path, size)
    tracemalloc.start()
    with open_checkpoint(path) as checkpoint:
        array = checkpoint.read("a")
        assert array[-1] == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert array.nbytes == 4 * count
    assert peak < MEGABYTE


@pytest.mark.parametrize(
    ("stored", "expected"),
    [(0x3F80, 1.0), (0xC049, -3.140625), (0x7F80, np.inf), (0x0001, 2.0**-133), (0x8000, -0.0)],
)
def test_bfloat16_is_widened_exactly(tmp_path, stored, expected):
    path = tmp_path / "a.safetensors"
    header = {"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}
    path.write_bytes(safetensors_bytes(header, struct.pack("<H", stored)))
    with open_checkpoint(path) as checkpoint:
        value = checkpoint.read("a")[0]
    assert value == expected
    assert np.signbit(value) == np.signbit(expected)


def test_a_missing_file(tmp_path):
    assert "missing" in refusal(tmp_path / "gone.ckpt")


def test_a_folder_or_a_file_without_permission(tmp_path):
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>Not found</html>", "neither a safetensors file nor a torch checkpoint"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\n", "neither"),
        (b"PK\3\4", "no end"),
        (b"\1", "neither"),
    ],
)
def test_files_of_another_kind(tmp_path, content, said):
    assert said in refused_bytes(tmp_path, content)


def test_files_of_other_torch_formats_say_so():
    assert "before 1.6" in refusal(FIXTURES / "old.pt")
    assert "torch.nn.modules.container.Sequential" in refusal(FIXTURES / "whole_network.pt")


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "data", "said"),
    [
        ({"a": ENTRY}, bytes(7), "cut off"),
        ({"a": ENTRY}, bytes(9), "longer than its tensors"),
        ({"a": ENTRY | {"shape": [3]}}, bytes(8), "does not fit the bytes"),
        ({"a": ENTRY | {"shape": [-2]}}, bytes(8), "shape of 'a'"),
        ({"a": ENTRY | {"shape": [2.0]}}, bytes(8), "shape of 'a'"),
        ({"a": ENTRY | {"shape": [True, 2]}}, bytes(8), "shape of 'a'"),
        ({"a": ENTRY | {"shape": [2**62, 2**62]}}, bytes(8), "shape of 'a'"),
        ({"a": ENTRY | {"shape": [2**40] * 8}}, bytes(8), "does not fit the bytes"),
        ({"a": ENTRY | {"shape": [1] * 9 + [2]}}, bytes(8), "short list"),
        ({"a": ENTRY | {"data_offsets": [8, 0]}}, bytes(8), "does not fit the bytes"),
        ({"a": ENTRY | {"data_offsets": [0, 8, 16]}}, bytes(8), "does not fit the bytes"),
        ({"a": ENTRY | {"data_offsets": [8, 16]}}, bytes(16), "leaves a gap"),
        ({"a": ENTRY, "b": ENTRY}, bytes(8), "overlaps"),
        ({"a": ENTRY, "b": ENTRY | {"data_offsets": [4, 12]}}, bytes(12), "overlaps"),
        ({"a": ENTRY | {"dtype": "F8_E4M3"}}, bytes(8), "'F8_E4M3', which is not supported"),
        ({"a": ENTRY | {"dtype": [[]]}}, bytes(8), "not supported"),
        ({"a": {"dtype": "F32", "shape": [2]}}, bytes(8), "incomplete"),
        ({"a": ENTRY | {"file": "/etc/passwd"}}, bytes(8), "incomplete"),
        ({"a": [0, 8]}, bytes(8), "incomplete"),
        ({"a" * 1000: ENTRY}, bytes(8), "too long"),
        ({"a\x1b[2J\n": ENTRY | {"shape": [3]}}, bytes(8), "does not fit the bytes"),
        (b"{" + b" " * 50, b"", "not valid JSON"),
        (b'{"a": 1, "a": 1}', b"", "occurs twice"),
        (b'{"a": {"dtype": "F32", "dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}', bytes(8), "occurs twice"),
        (b'{"a": ' + b"[" * 200_000, b"", "nested too deeply"),
        (b'{"a": {"dtype": "F32", "shape": [' + b"9" * 10_000 + b'], "data_offsets": [0, 8]}}', b"", "not valid JSON"),
        (b'{"a": NaN}', b"", "incomplete"),
        (b'{"\xff": 1}', b"", "not valid JSON"),
    ],
)
def test_a_wrong_safetensors_header(tmp_path, header, data, said):
    assert said in refused_bytes(tmp_path, safetensors_bytes(header, data))


@pytest.mark.parametrize("length", [2**64 - 1, LARGEST_DESCRIPTION + 1, 1000])
def test_a_header_that_claims_more_than_there_is(tmp_path, length):
    message = refused_bytes(tmp_path, struct.pack("<Q", length) + b"{}")
    assert "claims" in message or "ends within" in message


def test_more_tensors_than_any_network_has(tmp_path):
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    header = {f"{n}": entry for n in range(MOST_TENSORS + 1)}
    assert "more than" in refused_bytes(tmp_path, safetensors_bytes(header))


def test_a_tensor_written_by_hand_is_read(tmp_path):
    """The refusals below are only worth something if the program that they vary is a good one."""
    path = write_torch(tmp_path / "a.ckpt", program(tensor_program()), {"0": np.arange(4, dtype="<f4").tobytes()})
    with open_checkpoint(path) as checkpoint:
        np.testing.assert_array_equal(checkpoint.read("weight"), [0, 1, 2, 3])


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        (os.system, ("echo harm > {}",), f"{os.system.__module__}.system"),
        (builtins.eval, ("open({!r}, 'w')",), "builtins.eval"),
        (builtins.exec, ("open({!r}, 'w')",), "builtins.exec"),
        (shutil.copy, (__file__, "{}"), "shutil.copy"),
        (builtins.getattr, ("torch", "load"), "builtins.getattr"),
        (__import__, ("os",), "__import__"),
    ],
)
def test_nothing_is_called_and_the_error_names_it(tmp_path, function, arguments, named, protocol):
    harm = tmp_path / "harm"
    filled = [text.format(str(harm)) for text in arguments]
    message = refused_program(tmp_path, hostile_program(function, *filled, protocol=protocol))
    named = named.replace("builtins", "__builtin__") if protocol == 2 else named
    assert named in message
    assert "no tensor needs" in message
    assert not harm.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "damaged"),
        (b"\x80\x02}", "damaged"),
        (b"\x80\x02.", "nothing left"),
        (b"\x80\x02].", "no dictionary"),
        (b"\x80\x02}" + b"\x8c\xff", "damaged"),
        (b"\x80\x02}h\x05.", "never stored"),
        (b"\x80\x02}t.", "mark is missing"),
        (b"\x80\x02K\x01K\x02a.", "no list"),
        (b"\x80\x02K\x01K\x02K\x03s.", "no dictionary"),
        (b"\x80\x02}(K\x01u.", "no dictionary"),
        (b"\x80\x02})K\x01s.", "not words or numbers"),
        (b"\x80\x02}\x8a\x09" + bytes(8) + b"\x01K\x01s.", "not words or numbers"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "unknown arguments"),
        (b"\x80\x02K\x01)R.", "no name"),
        (b"\x80\x02K\x01}b.", "attributes"),
        (b"\x80\x02}Q.", "refers to something outside"),
        (b"\x80\x02P17\n.", "PERSID"),
        (b"\x80\x02ctorch\nFloatStorage\n)\x81.", "NEWOBJ"),
        (b"\x80\x02(S'os'\nios\nsystem\n.", "STRING"),
        (b"\x80\x02K\x01K\x02\x93.", "a.nameless object"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".", "damaged"),
        (b"\x80\x02\x8b" + struct.pack("<i", 2**30) + b".", "damaged"),
    ],
)
def test_a_wrong_pickle(tmp_path, content, said):
    assert said in refused_program(tmp_path, content)


@pytest.mark.parametrize(
    ("changes", "storages", "said"),
    [
        ({}, {}, "lacks the numbers"),
        ({"key": "../../../etc/passwd"}, {"0": bytes(16)}, "lacks the numbers"),
        ({}, {"0": bytes(15)}, "15 bytes instead of 16"),
        ({"shape": (5,)}, {"0": bytes(16)}, "reaches beyond"),
        ({"offset": 1}, {"0": bytes(16)}, "reaches beyond"),
        ({"shape": (2,), "strides": (4,)}, {"0": bytes(16)}, "reaches beyond"),
        ({"shape": (2**30, 2**30), "strides": (0, 0)}, {"0": bytes(16)}, "reaches beyond"),
        ({"strides": (-1,)}, {"0": bytes(16)}, "axis that is not a number"),
        ({"offset": -1}, {"0": bytes(16)}, "axis that is not a number"),
        ({"shape": (2**63,)}, {"0": bytes(16)}, "axis that is not a number"),
        ({"shape": (4, 1)}, {"0": bytes(16)}, "2 axes and 1 strides"),
        ({"shape": (1,) * 9, "strides": (1,) * 9}, {"0": bytes(16)}, "short list"),
        ({"count": 2**50}, {"0": bytes(16)}, "axis that is not a number"),
        ({"count": -4}, {"0": bytes(16)}, "axis that is not a number"),
        ({"storage": "QInt8Storage"}, {"0": bytes(16)}, "torch.QInt8Storage"),
    ],
)
def test_a_tensor_that_does_not_fit_its_storage(tmp_path, changes, storages, said):
    assert said in refused_program(tmp_path, program(tensor_program(**changes)), storages)


def bomb_of_tuples():
    """Each tuple holds the one before twice: 2^60 leaves to whoever hashes it."""
    return b"\x80\x02}K\x01" + b"".join(b"q%c0h%ch%c\x86" % (n, n, n) for n in range(60)) + b"K\x01s."


def bomb_of_lists(width, depth):
    """Each list holds the one before many times: width^depth leaves to whoever walks it."""
    lists = b"".join(b"]q%c(" % (n + 1) + (b"h%c" % n) * width + b"e0" for n in range(depth))
    return b"\x80\x02]q\x000" + lists + b"}" + unicode("weight") + b"h%cs." % depth


def colliding_keys():
    """Numbers with the same hash: a dictionary takes the square of their number of steps."""
    numbers = [b"\x8a\x10" + ((2**61 - 1) * n).to_bytes(16, "little") for n in range(3, 300)]
    return b"\x80\x02}" + b"".join(number + b"Ns" for number in numbers) + b"."


def long_shared_name(count):
    """A name of 300 KB that many tensors share."""
    entries = b"".join(unicode(str(n)) + b"h\x00" for n in range(count))
    return b"\x80\x02" + tensor_program() + b"q\x000}" + unicode("a" * 300_000) + b"}(" + entries + b"us."


STEPS = 20_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bomb_of_tuples(), "not words or numbers"),
        (bomb_of_lists(2, 60), "deep"),
        (bomb_of_lists(1000, 10), "more tensors"),
        (bomb_of_lists(1000, 3), "more tensors"),
        (colliding_keys(), "not words or numbers"),
        (long_shared_name(STEPS // 4), "too long"),
        (b"\x80\x02" + b"]" * 2 * STEPS + b".", "instructions"),
        (b"\x80\x02" + b"(" * 2 * STEPS + b".", "instructions"),
        (b"\x80\x02}" + unicode("a") + b"]" * (STEPS // 3) + b"a" * (STEPS // 3 - 1) + b"s.", "deep"),
        (b"\x80\x02}q\x00" + unicode("a") + b"h\x00s.", "deep"),
        (b"\x80\x02" + b"N" * (LARGEST_DESCRIPTION + 1), "more than any list of tensors"),
    ],
)
def test_bombs_are_refused_within_little_memory(tmp_path, monkeypatch, content, said):
    monkeypatch.setattr(tensor_pickle, "MOST_STEPS", STEPS)  # a twentieth, since tracing memory is slow
    path = write_torch(tmp_path / "bomb.ckpt", content, {"0": bytes(16)})
    tracemalloc.start(1)
    message = refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert said in message
    assert peak < 10 * MEGABYTE


GOOD = program(tensor_program())


def archive(tmp_path, *members, compression=zipfile.ZIP_STORED):
    path = tmp_path / "given.ckpt"
    with zipfile.ZipFile(path, "w", compression) as opened:
        for name, content in members:
            opened.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name",
    ["../evil", "/etc/passwd", "archive/../../evil", "archive\\evil", "C:/evil", "archive//x", "archive/\x1b[2J", "a/"],
)
def test_names_that_are_no_plain_paths(tmp_path, name):
    members = [("archive/data.pkl", GOOD), ("archive/data/0", bytes(16)), (name, b"harm")]
    assert "no plain relative path" in refusal(archive(tmp_path, *members))
    assert [path.name for path in tmp_path.iterdir()] == ["given.ckpt"]


def test_compressed_members(tmp_path):
    members = [("archive/data.pkl", GOOD), ("archive/data/0", bytes(16))]
    assert "compressed" in refusal(archive(tmp_path, *members, compression=zipfile.ZIP_DEFLATED))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_the_same_name(tmp_path):
    members = [("archive/data.pkl", GOOD), ("archive/data/0", bytes(16)), ("archive/data/0", bytes(16))]
    assert "twice" in refusal(archive(tmp_path, *members))


def test_archives_with_no_or_several_lists_of_tensors(tmp_path):
    assert "0 files called" in refusal(archive(tmp_path, ("archive/data/0", bytes(16))))
    assert "2 files called" in refusal(archive(tmp_path, ("a/data.pkl", GOOD), ("b/data.pkl", GOOD)))


def test_numbers_in_the_other_byte_order(tmp_path):
    path = write_torch(tmp_path / "big.ckpt", GOOD, {"0": bytes(16)}, {"archive/byteorder": b"big"})
    assert "most significant byte first" in refusal(path)


def test_a_damaged_list_of_tensors(tmp_path):
    content = bytearray(write_torch(tmp_path / "a.ckpt", GOOD, {"0": bytes(16)}).read_bytes())
    content[content.index(b"weight")] = ord("x")
    assert "checksum" in refused_bytes(tmp_path, bytes(content))


def changed(content, marker, offset, layout, value, place=0):
    """The file with a field of its ``place``-th header of a kind replaced."""
    start = -1
    for _ in range(place + 1):
        start = content.index(marker, start + 1)
    changed = bytearray(content)
    struct.pack_into(layout, changed, start + offset, value)
    return bytes(changed)


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


@pytest.mark.parametrize(
    ("marker", "offset", "layout", "value", "place", "said"),
    [
        (CENTRAL, 42, "<I", 0, 1, "two things"),  # both members at the first one's header
        (CENTRAL, 42, "<I", 2**31, 0, "outside"),
        (CENTRAL, 24, "<I", 2**30, 0, "compressed"),
        (CENTRAL, 10, "<H", 8, 0, "compressed"),
        (CENTRAL, 8, "<H", 1, 0, "encrypted"),
        (CENTRAL, 28, "<H", 2**16 - 1, 1, "damaged"),
        (CENTRAL, 0, "<I", 0, 0, "damaged"),
        (LOCAL, 8, "<H", 8, 0, "two things"),
        (LOCAL, 28, "<H", 2**16 - 1, 1, "outside"),
        (LOCAL, 28, "<H", 40, 0, "overlaps"),
        (LOCAL, 30, "<H", 0x6262, 0, "two things"),
        (END, 4, "<H", 1, 0, "split"),
        (END, 10, "<H", 2**16 - 1, 0, "split"),
        (END, 12, "<I", 2**31, 0, "more than any checkpoint"),
        (END, 12, "<I", 20, 0, "damaged"),
        (END, 16, "<I", 2**31, 0, "outside"),
        (END, 16, "<I", 0, 0, "damaged"),
        (END, 20, "<H", 7, 0, "follows"),
    ],
)
def test_a_wrong_archive(tmp_path, marker, offset, layout, value, place, said):
    content = write_torch(tmp_path / "a.ckpt", GOOD, {"0": bytes(16)}).read_bytes()
    assert said in refused_bytes(tmp_path, changed(content, marker, offset, layout, value, place))


def test_two_members_in_the_same_bytes(tmp_path):
    """A member that lies inside another one: sizes say so in both headers."""
    inner = bytearray(archive(tmp_path, ("archive/data/0", bytes(16))).read_bytes())
    path = archive(tmp_path, ("archive/data.pkl", GOOD), ("archive/data/1", bytes(inner[:60]) + bytes(100)))
    content = path.read_bytes()
    start = content.index(inner[:30])
    name = b"archive/data/0"
    entry = struct.pack("<4s6H3I5H2I", CENTRAL, 20, 20, 0, 0, 0, 0, 0, 16, 16, len(name), 0, 0, 0, 0, 0, start) + name
    end = content.index(END)
    _, _, _, _, count, size, directory, _ = struct.unpack("<4s4H2IH", content[end:])
    last = struct.pack("<4s4H2IH", END, 0, 0, count + 1, count + 1, size + len(entry), directory, 0)
    assert "overlaps" in refused_bytes(tmp_path, content[:end] + entry + last)


def test_every_cut_of_a_file_is_refused(tmp_path):
    for fixture in ("plain.safetensors", "plain.pt"):
        content = (FIXTURES / fixture).read_bytes()
        for length in range(1, len(content), 7):
            refused_bytes(tmp_path, content[:length])


def test_archives_in_zip64(tmp_path):
    path = tmp_path / "wide.ckpt"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("archive/data.pkl", GOOD)
        with opened.open("archive/data/0", "w", force_zip64=True) as member:
            member.write(np.arange(4, dtype="<f4").tobytes())
    content = path.read_bytes()
    end = content.index(END)
    _, _, _, _, count, size, start, _ = struct.unpack("<4s4H2IH", content[end:])
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    last = struct.pack("<4s4H2IH", END, 0, 0, 0xFFFF, 0xFFFF, 2**32 - 1, 2**32 - 1, 0)
    path.write_bytes(content[:end] + record + locator + last)
    with open_checkpoint(path) as checkpoint:
        np.testing.assert_array_equal(checkpoint.read("weight"), [0, 1, 2, 3])
    lost = struct.pack("<4sIQI", b"PK\6\7", 0, 2**40, 1)
    assert "damaged" in refused_bytes(tmp_path, content[:end] + record + lost + last)


def test_offsets_in_the_zip64_field_count(tmp_path):
    content = write_torch(tmp_path / "a.ckpt", GOOD, {"0": np.arange(4, dtype="<f4").tobytes()}).read_bytes()
    entry = content.index(CENTRAL)
    fields = list(struct.unpack_from("<4s6H3I5H2I", content, entry))
    offset, fields[16], fields[11] = fields[16], 2**32 - 1, 12
    name = content[entry + 46 : entry + 46 + fields[10]]
    for place, is_good in ((offset, True), (2**63, False)):
        wide = struct.pack("<4s6H3I5H2I", *fields) + name + struct.pack("<2HQ", 1, 8, place)
        rest = content[entry + 46 + len(name) :]
        end = bytearray(rest[rest.index(END) :])
        struct.pack_into("<I", end, 12, struct.unpack_from("<I", end, 12)[0] + 12)
        path = tmp_path / "given.ckpt"
        path.write_bytes(content[:entry] + wide + rest[: rest.index(END)] + end)
        if is_good:
            with open_checkpoint(path) as checkpoint:
                np.testing.assert_array_equal(checkpoint.read("weight"), [0, 1, 2, 3])
        else:
            assert "outside" in refusal(path)


def test_messages_show_no_control_characters_of_the_file(tmp_path):
    header = {"a\x1b[2J\n": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}
    assert "\\x1b" in refused_bytes(tmp_path, safetensors_bytes(header, bytes(8)))
