# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices, errors and cancellation, with the real ONNX Runtime and the bundled cut-out network."""

import json
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from image_to_3d.inference import runtime as runtime_module
from image_to_3d.inference.binding import fingerprint
from image_to_3d.inference.checkpoints import TensorInfo
from image_to_3d.inference.cutout import NETWORK
from image_to_3d.inference.errors import Cancelled, ModelError
from image_to_3d.inference.monitor import Monitor
from image_to_3d.inference.network import Network, Precision
from image_to_3d.inference.runtime import Runtime, RuntimeSettings

sys.path.insert(0, str(Path(__file__).parent))

from checkpoint_files import LINEAR, LINEAR_WEIGHTS, write_linear

INPUTS = {"input.1": np.zeros((1, 3, 320, 320), np.float32)}
STATE = onnxruntime.capi.onnxruntime_pybind11_state


class CancellingMonitor(Monitor):
    """Cancels after being asked a number of times."""

    def __init__(self, patience):
        super().__init__()
        self.patience = patience

    def is_cancelled(self):
        self.patience -= 1
        return self.patience < 0


@pytest.fixture(scope="module")
def runtime():
    runtime = Runtime(RuntimeSettings(device="cpu"))
    yield runtime
    runtime.release()


def fake_onnxruntime(providers, session_class=onnxruntime.InferenceSession):
    """ONNX Runtime as it would be with other providers built in."""
    fake = types.SimpleNamespace(**{name: getattr(onnxruntime, name) for name in dir(onnxruntime)})
    fake.get_available_providers = lambda: providers
    fake.InferenceSession = session_class
    return fake


def test_run_gives_all_outputs_by_name(runtime):
    monitor = Monitor()
    outputs = runtime.run(NETWORK, INPUTS, monitor)
    assert len(outputs) == 7
    assert outputs["1959"].shape == (1, 1, 320, 320)
    assert monitor.warnings == []
    assert runtime.device == "cpu"


def test_sessions_stay_warm_until_released(tmp_path):
    runtime = Runtime(RuntimeSettings(device="cpu", threads=1))
    copy = tmp_path / "copy.onnx"
    shutil.copy(NETWORK, copy)
    first = runtime.run(copy, INPUTS, Monitor())
    copy.unlink()
    second = runtime.run(copy, INPUTS, Monitor())
    np.testing.assert_array_equal(first["1959"], second["1959"])
    runtime.release()
    with pytest.raises(ModelError, match="missing"):
        runtime.run(copy, INPUTS, Monitor())


def test_cancelling_stops_the_run_and_leaves_the_session_usable(runtime):
    monitor = CancellingMonitor(patience=1)
    with pytest.raises(Cancelled):
        runtime.run(NETWORK, INPUTS, monitor)
    assert monitor.patience < 0
    assert runtime.run(NETWORK, INPUTS, Monitor())["1959"].shape == (1, 1, 320, 320)


def test_cancelling_terminates_the_network_in_mid_run(runtime, monkeypatch):
    """Not merely afterwards: ONNX Runtime itself reports that it was told to stop."""
    runtime.run(NETWORK, INPUTS, Monitor())
    session = runtime._sessions[NETWORK].session
    failures = []

    class Spy:
        def __getattr__(self, name):
            return getattr(session, name)

        def run_with_iobinding(self, *arguments):
            try:
                return session.run_with_iobinding(*arguments)
            except Exception as error:
                failures.append(str(error))
                raise

    monkeypatch.setattr(runtime_module, "POLL_SECONDS", 0.001)
    monkeypatch.setitem(runtime._sessions, NETWORK, runtime_module._Loaded(Spy(), {}))
    with pytest.raises(Cancelled):
        runtime.run(NETWORK, INPUTS, CancellingMonitor(patience=0))
    assert len(failures) == 1
    assert "terminate" in failures[0]


@pytest.mark.parametrize("content", [b"", b"not a network", b"\x08\x06" + bytes(5000)])
def test_corrupt_network(runtime, tmp_path, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        runtime.run(path, INPUTS, Monitor())
    assert "broken.onnx" in caught.value.message
    assert "damaged" in caught.value.message
    assert "Reinstall" in caught.value.hint


def test_truncated_network(runtime, tmp_path):
    path = tmp_path / "cut.onnx"
    path.write_bytes(NETWORK.read_bytes()[:1_000_000])
    with pytest.raises(ModelError, match="damaged"):
        runtime.run(path, INPUTS, Monitor())


def test_missing_network(runtime, tmp_path):
    with pytest.raises(ModelError) as caught:
        runtime.run(tmp_path / "gone.onnx", INPUTS, Monitor())
    assert "gone.onnx" in caught.value.message
    assert "Reinstall" in caught.value.hint


def test_unfitting_inputs_are_a_model_error(runtime):
    with pytest.raises(ModelError, match=r"u2netp\.onnx"):
        runtime.run(NETWORK, {"input.1": np.zeros((1, 3, 10, 10), np.float64)}, Monitor())


def test_unknown_device():
    with pytest.raises(ModelError, match="quantum"):
        Runtime(RuntimeSettings(device="quantum"))


def test_automatic_prefers_the_gpu(monkeypatch):
    for providers, expected in (
        (["CPUExecutionProvider", "CUDAExecutionProvider"], "cuda"),
        (["DmlExecutionProvider", "CPUExecutionProvider"], "directml"),
        (["AzureExecutionProvider", "CoreMLExecutionProvider", "CPUExecutionProvider"], "coreml"),
        (["AzureExecutionProvider", "CPUExecutionProvider"], "cpu"),
    ):
        monkeypatch.setattr(onnxruntime, "get_available_providers", lambda providers=providers: providers)
        assert Runtime(RuntimeSettings()).device == expected


def test_a_device_that_is_not_built_in_is_replaced_with_one_warning(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    runtime, monitor = Runtime(RuntimeSettings(device="directml")), Monitor()
    runtime.run(NETWORK, INPUTS, monitor)
    runtime.run(NETWORK, INPUTS, monitor)
    assert runtime.device == "cpu"
    assert len(monitor.warnings) == 1
    assert "directml" in monitor.warnings[0]
    assert "CPU" in monitor.warnings[0]


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_silently_did_not_load_is_noticed(monkeypatch):
    fake = fake_onnxruntime(["CUDAExecutionProvider", "CPUExecutionProvider"])
    monkeypatch.setattr(runtime_module, "_import_onnxruntime", lambda: fake)
    runtime, monitor = Runtime(RuntimeSettings()), Monitor()
    assert runtime.device == "cuda"
    assert runtime.run(NETWORK, INPUTS, monitor)["1959"].shape == (1, 1, 320, 320)
    assert runtime.device == "cpu"
    assert len(monitor.warnings) == 1
    assert "driver" in monitor.warnings[0]


@pytest.mark.parametrize("fails_at", ["creation", "run"])
def test_a_gpu_that_fails_hands_over_to_the_cpu(monkeypatch, fails_at):
    class GpuSession:
        def __init__(self, model, options, providers):
            self._is_gpu = providers[0] != "CPUExecutionProvider"
            if self._is_gpu and fails_at == "creation":
                raise STATE.Fail("CUDA failure 35: driver too old\nmore lines")
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

        def get_providers(self):
            return ["CUDAExecutionProvider", "CPUExecutionProvider"] if self._is_gpu else ["CPUExecutionProvider"]

        def get_outputs(self):
            return self._session.get_outputs()

        def io_binding(self):
            return self._session.io_binding()

        def run_with_iobinding(self, *arguments):
            if self._is_gpu:
                raise STATE.RuntimeException("CUDA failure 2: out of memory\nmore lines")
            return self._session.run_with_iobinding(*arguments)

    fake = fake_onnxruntime(["CUDAExecutionProvider", "CPUExecutionProvider"], GpuSession)
    monkeypatch.setattr(runtime_module, "_import_onnxruntime", lambda: fake)
    runtime, monitor = Runtime(RuntimeSettings()), Monitor()
    assert runtime.run(NETWORK, INPUTS, monitor)["1959"].shape == (1, 1, 320, 320)
    assert runtime.device == "cpu"
    assert len(monitor.warnings) == 1
    assert "CUDA failure" in monitor.warnings[0]
    assert "more lines" not in monitor.warnings[0]


def test_telemetry_is_switched_off(monkeypatch):
    calls = []
    monkeypatch.setattr(onnxruntime, "disable_telemetry_events", lambda: calls.append(True))
    Runtime(RuntimeSettings())
    assert calls == [True]


def test_a_missing_onnxruntime_is_a_clear_error(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ModelError) as caught:
        Runtime(RuntimeSettings())
    assert "ONNX Runtime" in caught.value.message
    assert "Install" in caught.value.hint


WEIGHT = LINEAR_WEIGHTS["layer.weight"]
X = np.random.default_rng(6).standard_normal((3, 1024), np.float32)
SCALE = np.linspace(1, 2, 512, dtype=np.float32)[None]
INPUTS_OF_LINEAR = {"x": X, "scale": SCALE}


@pytest.fixture
def checkpoint(tmp_path):
    return write_linear(tmp_path / "weights.safetensors")


def linear(weight=WEIGHT, scale=SCALE):
    """What ``linear.onnx`` computes."""
    product = X @ weight.T + LINEAR_WEIGHTS["layer.bias"]
    return product * LINEAR_WEIGHTS["norm.weight"] * scale @ LINEAR_WEIGHTS["table"]


def test_a_graph_without_weights_runs_on_those_of_a_checkpoint(runtime, checkpoint):
    outputs = runtime.run(Network(LINEAR, checkpoint), INPUTS_OF_LINEAR, Monitor())
    assert list(outputs) == ["result"]
    np.testing.assert_allclose(outputs["result"], linear(), atol=1e-5)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody write to a mapped file")
def test_large_matrices_are_used_where_they_lie_in_the_file(checkpoint):
    """What is written into the file after loading is what the next run computes with: there is no copy anywhere."""
    runtime, network = Runtime(RuntimeSettings(device="cpu")), Network(LINEAR, checkpoint)
    runtime.run(network, INPUTS_OF_LINEAR, Monitor())
    content = bytearray(checkpoint.read_bytes())
    place = content.index(WEIGHT.tobytes())
    with checkpoint.open("r+b") as file:
        file.seek(place)
        file.write((2 * WEIGHT).tobytes())
    outputs = runtime.run(network, INPUTS_OF_LINEAR, Monitor())
    np.testing.assert_allclose(outputs["result"], linear(2 * WEIGHT), atol=1e-5)


def test_two_checkpoints_of_one_graph_are_two_networks(runtime, checkpoint, tmp_path):
    other = write_linear(tmp_path / "other.safetensors", layer_weight=2 * WEIGHT)
    for path, weight in ((checkpoint, WEIGHT), (other, 2 * WEIGHT), (checkpoint, WEIGHT)):
        outputs = runtime.run(Network(LINEAR, path), INPUTS_OF_LINEAR, Monitor())
        np.testing.assert_allclose(outputs["result"], linear(weight), atol=1e-5)


def test_constant_inputs_are_uploaded_once_and_replaced_by_others(checkpoint, monkeypatch):
    uploads = []
    make = onnxruntime.OrtValue.ortvalue_from_numpy

    def counting(array, *where):
        uploads.append(where)
        return make(array, *where)

    fake = fake_onnxruntime(["CPUExecutionProvider"])
    fake.OrtValue = types.SimpleNamespace(ortvalue_from_numpy=counting)
    monkeypatch.setattr(runtime_module, "_import_onnxruntime", lambda: fake)
    runtime, network = Runtime(RuntimeSettings()), Network(LINEAR, checkpoint)
    other = 3 * SCALE
    for scale in (SCALE, SCALE, other, other, SCALE):
        outputs = runtime.run(network, {"x": X}, Monitor(), {"scale": scale})
        np.testing.assert_allclose(outputs["result"], linear(scale=scale), atol=3e-5)
    assert uploads.count(("cpu", 0)) == 3


def test_an_input_that_is_missing_is_a_model_error(runtime, checkpoint):
    with pytest.raises(ModelError, match=r"linear\.onnx"):
        runtime.run(Network(LINEAR, checkpoint), {"x": X}, Monitor())


def test_a_checkpoint_that_does_not_fit_is_told_by_its_tensors(runtime, tmp_path):
    path = write_linear(tmp_path / "wrong.safetensors", layer_weight=WEIGHT.T)
    with pytest.raises(ModelError, match=r"layer\.weight \(1024x512 float32 instead of 512x1024 float32\)"):
        runtime.run(Network(LINEAR, path), INPUTS_OF_LINEAR, Monitor())


def changed_manifest(tmp_path, change):
    for name in ("linear.onnx", "checkpoint"):
        shutil.copy(LINEAR.with_name(name), tmp_path)
    content = json.loads(LINEAR.with_suffix(".json").read_text(encoding="utf-8"))
    change(content)
    (tmp_path / "linear.json").write_text(json.dumps(content), encoding="utf-8")
    return tmp_path / "linear.onnx"


def test_a_manifest_that_leaves_an_initializer_out(runtime, checkpoint, tmp_path):
    graph = changed_manifest(tmp_path, lambda content: content["initializers"].pop("layer.bias"))
    with pytest.raises(ModelError, match=r"linear\.onnx.*damaged"):
        runtime.run(Network(graph, checkpoint), INPUTS_OF_LINEAR, Monitor())


def test_a_graph_and_a_manifest_of_different_exports(runtime, tmp_path):
    def rename(content):
        content["tensors"]["table"]["shape"] = [256, 8]
        content["fingerprint"] = fingerprint(
            {name: TensorInfo(tuple(entry["shape"]), entry["dtype"]) for name, entry in content["tensors"].items()}
        )

    graph = changed_manifest(tmp_path, rename)
    path = write_linear(tmp_path / "other.safetensors", table=LINEAR_WEIGHTS["table"].reshape(256, 8))
    with pytest.raises(ModelError, match=r"linear\.onnx"):
        runtime.run(Network(graph, path), INPUTS_OF_LINEAR, Monitor())


@pytest.mark.parametrize(
    ("device", "own", "setting", "expected"),
    [
        ("cpu", "automatic", "automatic", "linear"),
        ("cpu", "automatic", "float16", "linear_float16_weights"),
        ("cpu", "automatic", "int8", "linear_int8"),
        ("cpu", "float16", "automatic", "linear_float16_weights"),
        ("cpu", "float32", "float16", "linear"),
        ("cuda", "automatic", "automatic", "linear_float16"),
        ("directml", "automatic", "automatic", "linear_float16"),
        ("coreml", "automatic", "automatic", "linear_float16"),
        ("cuda", "automatic", "int8", "linear_float16"),
        ("cuda", "automatic", "float32", "linear"),
        ("cuda", "float32", "float16", "linear"),
    ],
)
def test_the_precision_that_is_chosen(device, own, setting, expected):
    network = Network(LINEAR, Path("weights"), Precision(own))
    assert network.variant(Precision(setting), device).stem == expected


def test_a_network_without_variants_is_run_as_it_is(tmp_path):
    graph = tmp_path / "linear.onnx"
    assert Network(graph, Path("weights")).variant(Precision.INT8, "cpu") == graph


def test_16_bit_weights_are_rounded_and_nothing_else_is(checkpoint):
    runtime = Runtime(RuntimeSettings(device="cpu", precision=Precision.FLOAT16))
    outputs = runtime.run(Network(LINEAR, checkpoint), INPUTS_OF_LINEAR, Monitor())
    np.testing.assert_allclose(outputs["result"], linear(WEIGHT.astype(np.float16).astype(np.float32)), atol=1e-5)
    assert np.abs(outputs["result"] - linear()).max() > 1e-4


def test_8_bit_weights_stay_close(checkpoint):
    runtime = Runtime(RuntimeSettings(device="cpu", precision=Precision.INT8))
    outputs = runtime.run(Network(LINEAR, checkpoint), INPUTS_OF_LINEAR, Monitor())
    relative = np.abs(outputs["result"] - linear()).max() / np.abs(linear()).max()
    assert 1e-4 < relative < 0.05


def test_the_16_bit_graph_of_gpus_stays_close_and_keeps_its_inputs_and_outputs(checkpoint, monkeypatch):
    """A stand-in for a GPU: what the runtime gives to it, run by the CPU."""
    files = []

    class Gpu:
        def __init__(self, model, options, providers):
            files.append((model.stem, providers))
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

        def __getattr__(self, name):
            return getattr(self._session, name)

        def get_providers(self):
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    memory = []
    make = onnxruntime.OrtValue.ortvalue_from_numpy

    def in_memory(array, kind="cpu", number=0):
        memory.append(kind)
        return make(array)

    fake = fake_onnxruntime(["CUDAExecutionProvider", "CPUExecutionProvider"], Gpu)
    fake.OrtValue = types.SimpleNamespace(ortvalue_from_numpy=in_memory)
    monkeypatch.setattr(runtime_module, "_import_onnxruntime", lambda: fake)
    runtime, monitor = Runtime(RuntimeSettings()), Monitor()
    for _ in range(2):
        outputs = runtime.run(Network(LINEAR, checkpoint), {"x": X}, monitor, {"scale": SCALE})
    assert files == [("linear_float16", ["CUDAExecutionProvider", "CPUExecutionProvider"])]
    assert memory.count("cuda") == 1
    assert outputs["result"].dtype == np.float32
    relative = np.abs(outputs["result"] - linear()).max() / np.abs(linear()).max()
    assert 1e-5 < relative < 0.01
    assert monitor.warnings == []


def test_a_gpu_that_fails_hands_over_networks_with_a_checkpoint_too(checkpoint, monkeypatch):
    files = []

    class GpuSession:
        def __init__(self, model, options, providers):
            files.append(model.stem)
            if providers[0] != "CPUExecutionProvider":
                raise STATE.Fail("CUDA failure 2: out of memory")
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)

        def __getattr__(self, name):
            return getattr(self._session, name)

    fake = fake_onnxruntime(["CUDAExecutionProvider", "CPUExecutionProvider"], GpuSession)
    monkeypatch.setattr(runtime_module, "_import_onnxruntime", lambda: fake)
    runtime, monitor = Runtime(RuntimeSettings()), Monitor()
    outputs = runtime.run(Network(LINEAR, checkpoint), INPUTS_OF_LINEAR, monitor)
    np.testing.assert_allclose(outputs["result"], linear(), atol=1e-5)
    assert files == ["linear_float16", "linear"]
    assert len(monitor.warnings) == 1
