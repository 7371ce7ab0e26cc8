# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights for weightless graphs: found under any common prefix, checked, and not copied where they need not be."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference.binding import bind, check_fit, fingerprint, load_manifest, match
from image_to_3d.inference.checkpoints import TensorInfo, open_checkpoint
from image_to_3d.inference.derivations import position_table
from image_to_3d.inference.errors import Cancelled, ModelError
from image_to_3d.inference.monitor import Monitor

sys.path.insert(0, str(Path(__file__).parent))

from checkpoint_files import FIXTURES, LINEAR, LINEAR_WEIGHTS, write_linear, write_safetensors

WEIGHT, BIAS, TABLE = (LINEAR_WEIGHTS[name] for name in ("layer.weight", "layer.bias", "table"))


@pytest.fixture
def given(tmp_path):
    return tmp_path / "weights.safetensors"


def bound(path, graph=LINEAR):
    with open_checkpoint(path) as checkpoint:
        return bind(load_manifest(graph), checkpoint, Monitor())


def mismatch(path):
    with pytest.raises(ModelError) as caught:
        check_fit([LINEAR], path)
    assert "weights.safetensors" in caught.value.message
    assert "linear" in caught.value.message
    return caught.value.message


def test_initializers_are_the_checkpoints_tensors_and_what_rules_make_of_them(given):
    arrays = bound(write_linear(given))
    assert set(arrays) == {"layer.weight", "layer.bias", "norm.weight", "table.turned"}
    np.testing.assert_array_equal(arrays["layer.weight"], WEIGHT)
    np.testing.assert_array_equal(arrays["table.turned"], TABLE.T)
    assert all(array.dtype == np.float32 and array.flags.c_contiguous for array in arrays.values())


def test_tensors_that_lie_in_the_file_as_wanted_are_not_copied(given):
    arrays = bound(write_linear(given))
    assert not arrays["layer.weight"].flags.owndata
    assert not arrays["layer.weight"].flags.writeable


@pytest.mark.parametrize("stored", [np.float16, np.float64])
def test_other_stored_precisions_are_converted(given, stored):
    arrays = bound(write_linear(given, layer_weight=WEIGHT.astype(stored), table=TABLE.astype(stored)))
    np.testing.assert_array_equal(arrays["layer.weight"], WEIGHT.astype(stored).astype(np.float32))
    assert {array.dtype.name for array in arrays.values()} == {"float32"}


def test_a_16_bit_variant_takes_narrower_numbers_from_the_same_checkpoint(given):
    weights_only = bound(write_linear(given), LINEAR.with_stem("linear_float16_weights"))
    assert {name for name, array in weights_only.items() if array.dtype == np.float16} == {"layer.weight"}
    everything = bound(given, LINEAR.with_stem("linear_float16"))
    assert {array.dtype.name for array in everything.values()} == {"float16"}
    np.testing.assert_array_equal(everything["table.turned"], TABLE.T.astype(np.float16))


def test_16_bit_numbers_stay_views_where_they_are_wanted(given):
    arrays = bound(write_linear(given, layer_weight=WEIGHT.astype(np.float16)), LINEAR.with_stem("linear_float16"))
    assert not arrays["layer.weight"].flags.owndata


def test_numbers_beyond_16_bits_are_an_error_not_infinity(given):
    write_linear(given, layer_bias=np.full(512, 1e5, np.float32))
    with pytest.raises(ModelError, match=r"layer\.bias.*too large for 16 bits.*float32"):
        bound(given, LINEAR.with_stem("linear_float16"))


def test_8_bit_weights_are_within_half_a_step_of_each_output(given):
    weight = WEIGHT.copy()
    weight[3] *= 100  # a large output must not make the others coarse
    weight[4] = 0
    arrays = bound(write_linear(given, layer_weight=weight), LINEAR.with_stem("linear_int8"))
    steps, scales = arrays["layer.weight.int8"], arrays["layer.weight.scale"]
    assert steps.dtype == np.int8
    assert steps.shape == (1024, 512)
    assert np.abs(steps.astype(int)).max(axis=0).tolist() == [0 if row == 4 else 64 for row in range(512)]
    assert np.abs(steps.T * scales[:, None] - weight).max(axis=1) == pytest.approx(
        np.abs(weight).max(axis=1) / 128, rel=0.2
    )
    assert "layer.weight" not in arrays


@pytest.mark.parametrize(
    "prefix", ["generator.", "", "state_dict.generator.", "module.", "state_dict.model.", "model."]
)
def test_common_prefixes_are_seen_through(given, prefix):
    with open_checkpoint(write_linear(given, prefix)) as checkpoint:
        assert match(load_manifest(LINEAR), checkpoint) == {name: prefix + name for name in LINEAR_WEIGHTS}


def test_what_lies_outside_the_prefix_is_not_the_networks(given):
    arrays = {f"generator.{name}": array for name, array in LINEAR_WEIGHTS.items()}
    check_fit([LINEAR], write_safetensors(given, arrays | {"loss.weight": np.ones(3, np.float32)}))


def test_unused_tensors_are_expected(given):
    check_fit([LINEAR], write_linear(given, pooler_weight=np.ones(3, np.float32)))


def test_one_error_names_all_that_is_missing_unknown_and_misshapen(given):
    changes = {"layer_bias": None, "layer_weight": WEIGHT.T, "extra_weight": np.ones(1)}
    message = mismatch(write_linear(given, **changes))
    assert "1 tensor is missing: layer.bias" in message
    assert "1 tensor is not known: extra.weight" in message
    assert "1 tensor does not fit: layer.weight (1024x512 float32 instead of 512x1024 float32)" in message


def test_whole_numbers_are_no_weights(given):
    message = mismatch(write_linear(given, layer_bias=np.ones(512, np.int64)))
    assert "layer.bias (512 int64 instead of 512 float32)" in message


def test_a_checkpoint_of_another_network_is_told_briefly(given):
    message = mismatch(write_safetensors(given, {f"block.{n}": np.ones(1, np.float32) for n in range(500)}))
    assert "4 tensors are missing: layer.bias, layer.weight, norm.weight and 1 more" in message
    assert len(message) < 400


def test_long_lists_are_counted(given):
    message = mismatch(write_linear(given, **{f"block_{n}": np.ones(1, np.float32) for n in range(500)}))
    assert "500 tensors are not known: block.0, block.1, block.2 and 497 more" in message


def test_cancelling_while_copies_are_made(given):
    class Impatient(Monitor):
        def is_cancelled(self):
            return True

    with open_checkpoint(write_linear(given)) as checkpoint, pytest.raises(Cancelled):
        bind(load_manifest(LINEAR), checkpoint, Impatient())


def changed_manifest(tmp_path, change):
    shutil.copy(LINEAR, tmp_path)
    content = json.loads(LINEAR.with_suffix(".json").read_text(encoding="utf-8"))
    change(content)
    (tmp_path / "linear.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path / "linear.onnx"


def test_a_manifest_that_was_changed_is_noticed(tmp_path):
    graph = changed_manifest(tmp_path, lambda content: content["tensors"]["table"].update(shape=[4, 512]))
    with pytest.raises(ModelError, match="changed since it was exported"):
        load_manifest(graph)


def test_a_damaged_or_missing_manifest(tmp_path):
    graph = changed_manifest(tmp_path, lambda content: content.pop("tensors"))
    with pytest.raises(ModelError, match=r"linear\.json.*damaged"):
        load_manifest(graph)
    graph.with_suffix(".json").write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"linear\.json.*damaged"):
        load_manifest(graph)
    graph.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match=r"linear\.json.*missing"):
        load_manifest(graph)


def test_a_variant_of_a_graph_that_is_not_there_or_differs(tmp_path):
    shutil.copy(LINEAR.with_name("linear_int8.json"), tmp_path)
    with pytest.raises(ModelError, match=r"linear\.json.*missing"):
        load_manifest(tmp_path / "linear_int8.onnx")
    changed_manifest(tmp_path, lambda content: content["initializers"].pop("layer.weight"))
    with pytest.raises(ModelError, match=r"linear_int8\.json.*damaged"):
        load_manifest(tmp_path / "linear_int8.onnx")


def test_a_rule_that_does_not_exist_is_named(tmp_path, given):
    graph = changed_manifest(tmp_path, lambda content: content["initializers"]["table.turned"].update(derive="guess"))
    with pytest.raises(ModelError, match="unknown 'guess'"):
        bound(write_linear(given), graph)


def test_the_fingerprint_depends_on_names_shapes_and_types_but_not_on_order():
    tensors = {"a": TensorInfo((2, 3), "float32"), "b": TensorInfo((), "int64")}
    assert fingerprint(tensors) == fingerprint(dict(reversed(tensors.items())))
    others = [
        tensors | {"b": TensorInfo((1,), "int64")},
        tensors | {"b": TensorInfo((), "int32")},
        tensors | {"c": TensorInfo((), "int64")},
        {"a": tensors["a"]},
        {"a": TensorInfo((23,), "float32"), "b": tensors["b"]},
    ]
    assert len({fingerprint(other) for other in [tensors, *others]}) == 6


def wave(side, width=3):
    """A table whose patches follow a smooth function, and that function at other patches."""
    rows, columns = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    phase = (rows + 0.5) / side + 2 * (columns + 0.5) / side
    patches = np.stack([np.cos(phase + channel) for channel in range(width)], axis=-1)
    first = np.full((1, width), 9.0)
    return np.concatenate([first, patches.reshape(side * side, width)])[None].astype(np.float32)


@pytest.mark.parametrize(("native", "grid", "antialias"), [(14, 32, False), (14, 20, False), (37, 16, True)])
def test_the_position_table_follows_the_functions_it_samples(native, grid, antialias):
    """Without an offset the middle of the table is the same smooth function, sampled at other places."""
    table = position_table(wave(native), native, grid, 0.0, antialias)
    assert table.shape == (1, 1 + grid**2, 3)
    np.testing.assert_array_equal(table[0, 0], [9, 9, 9])
    inside = slice(grid // 4, grid - grid // 4)
    inner = table[0, 1:].reshape(grid, grid, 3)[inside, inside]
    np.testing.assert_allclose(inner, wave(grid)[0, 1:].reshape(grid, grid, 3)[inside, inside], atol=0.015)


@pytest.mark.parametrize("case", ["14_32_0.1", "14_20_0.1", "37_16_aa", "37_24_aa", "37_32_aa"])
def test_the_position_table_is_torchs(case):
    """The numbers are torch's own, by ``interpolate(scale_factor=...)`` as the networks' authors call it."""
    stored = np.load(FIXTURES / "positions.npz")
    native, grid, rule = case.split("_")
    offset = 0.0 if rule == "aa" else float(rule)
    table = position_table(stored[f"table_{native}"], int(native), int(grid), offset, rule == "aa")
    places = np.linspace(0, int(grid) ** 2, 60).astype(int)
    np.testing.assert_allclose(table[0, places], stored[f"result_{case}"], atol=2e-5)


def test_the_offset_of_the_position_rule_matters():
    """A newer rule without it shifts results; a test that could not tell them apart would be worth nothing."""
    table = np.load(FIXTURES / "positions.npz")["table_14"]
    assert np.abs(position_table(table, 14, 32, 0.1, False) - position_table(table, 14, 32, 0.0, False)).max() > 0.005


def test_a_table_of_the_right_size_is_left_alone():
    table = wave(14)
    np.testing.assert_array_equal(position_table(table, 14, 14, 0.1, False), table)
