# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where ONNX Runtime is used: devices, threads, weights, cancellation, and errors an artist understands.

Networks that ship with the extension have their weights inside (a ``Path``). The others are a graph without weights and
somebody else's checkpoint (a ``Network``): their weights stay in the mapped file, so that running them takes no second
copy, and pages of the file that memory runs short of are simply read again.
"""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .binding import bind, load_manifest
from .checkpoints import open_checkpoint
from .errors import Cancelled, ModelError
from .monitor import Monitor
from .network import Network, Precision
from .sentence import Sentence
from .store import Store

PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Devices by preference; ``auto`` takes the first one that this build of ONNX Runtime has."""

DEVICE_MEMORY = {"cuda": "cuda", "directml": "dml"}
"""What ONNX Runtime calls the memory of the devices that have their own; the others work in the CPU's."""

LARGE_MATRIX = 2**20
"""Bytes from which a matrix of weights is used where it lies; ONNX Runtime copies what is smaller or has other axes."""

POLL_SECONDS = 0.03
"""How often a running network is asked whether it was cancelled."""


@dataclass(frozen=True)
class RuntimeSettings:
    """Where and how networks run.

    Attributes:
        device: ``auto`` or one of ``PROVIDERS``.
        threads: of the CPU; 0 for all cores.
        models_folder: where installed checkpoints are; None where there are none, as in tests.
        precision: of networks that leave it open.
    """

    device: str = "auto"
    threads: int = 0
    models_folder: Path | None = None
    precision: Precision = Precision.AUTOMATIC


@dataclass(frozen=True)
class _Loaded:
    """A session, and the values of initializers that it uses without owning them."""

    session: Any
    values: Mapping[str, Any]


class Runtime:
    """Keeps one session per network warm and runs it.

    A GPU that cannot be used is never silent: the CPU takes over with a warning, once, for all networks.

    Attributes:
        device: what is really in use, a key of ``PROVIDERS``.
        store: the installed checkpoints.
    """

    def __init__(self, settings: RuntimeSettings) -> None:
        if settings.device not in ("auto", *PROVIDERS):
            raise ModelError(
                Sentence("There is no compute device called '{name}'.", name=settings.device),
                Sentence("Choose auto or {names}.", names=", ".join(PROVIDERS)),
            )
        self._settings = settings
        self.store = Store(settings.models_folder)
        self._ort = _import_onnxruntime()
        self._sessions: dict[Path | Network, _Loaded] = {}
        self._constants: dict[tuple[Path | Network, str], tuple[NDArray[Any], Any]] = {}
        available = [name for name, provider in PROVIDERS.items() if provider in self._ort.get_available_providers()]
        self.device = available[0] if settings.device == "auto" else settings.device
        self._is_available = self.device in available

    def run(
        self,
        network: Path | Network,
        inputs: Mapping[str, NDArray[Any]],
        monitor: Monitor,
        constants: Mapping[str, NDArray[Any]] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Run a network.

        Args:
            network: the ``.onnx`` file, or a graph with the checkpoint that its weights are in.
            inputs: one array per input of the graph, by name, but for those in ``constants``.
            monitor: receives a warning if the CPU takes over from a GPU. Its ``is_cancelled`` is polled from a second
                thread while the network runs.
            constants: inputs that many runs share. A GPU keeps them until the network is given another array (the
                object counts, so it must not be changed meanwhile).

        Returns:
            The graph's outputs by name.

        Raises:
            ModelError: a file is missing or corrupt, the checkpoint does not fit, or the network does not run.
            Cancelled: the monitor said so; within about POLL_SECONDS and the time of one operator.
        """
        try:
            return self._run_once(network, inputs, constants or {}, monitor)
        except _errors(self._ort) as error:
            if self.device == "cpu":
                raise ModelError(
                    Sentence("The network '{name}' failed ({reason}).", name=network.name, reason=_first_line(error)),
                    "Reinstall the extension; if it happens again, report it with the preferences' diagnostics.",
                ) from error
            self._fall_back_to_cpu(_first_line(error), monitor)
        return self.run(network, inputs, monitor, constants)

    def release(self) -> None:
        """Free all sessions and their memory; the next run loads its network again."""
        self._constants.clear()
        self._sessions.clear()

    def _run_once(
        self,
        network: Path | Network,
        inputs: Mapping[str, NDArray[Any]],
        constants: Mapping[str, NDArray[Any]],
        monitor: Monitor,
    ) -> dict[str, NDArray[Any]]:
        session = self._session(network, monitor)
        binding = session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, np.ascontiguousarray(array))
        for name, array in constants.items():
            binding.bind_ortvalue_input(name, self._on_device(network, name, array))
        names = [output.name for output in session.get_outputs()]
        for name in names:
            binding.bind_output(name, "cpu")
        options = self._ort.RunOptions()
        with _terminated_on_cancel(options, monitor) as cancelled:
            try:
                session.run_with_iobinding(binding, options)
            except _errors(self._ort) as error:
                if cancelled.is_set():
                    raise Cancelled from error
                raise
        return dict(zip(names, binding.copy_outputs_to_cpu(), strict=True))

    def _on_device(self, network: Path | Network, name: str, array: NDArray[Any]) -> Any:  # noqa: ANN401
        """A constant input in the device's memory; uploaded only if it is another array than the last time."""
        held, value = self._constants.get((network, name), (None, None))
        if held is not array:
            memory = DEVICE_MEMORY.get(self.device, "cpu")
            value = self._ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array), memory, 0)
            self._constants[network, name] = (array, value)
        return value

    def _session(self, network: Path | Network, monitor: Monitor) -> Any:  # noqa: ANN401 - onnxruntime has no types
        if not self._is_available:
            self._fall_back_to_cpu(Sentence("this build of ONNX Runtime does not support it"), monitor)
        if network not in self._sessions:
            self._sessions[network] = self._load(network, monitor)
        return self._sessions[network].session

    def _load(self, network: Path | Network, monitor: Monitor) -> _Loaded:
        file = network if isinstance(network, Path) else network.variant(self._settings.precision, self.device)
        if not file.is_file():
            raise ModelError(Sentence("The network '{path}' is missing.", path=file), "Reinstall the extension.")
        weights = {} if isinstance(network, Path) else _read_weights(file, network.checkpoint, monitor)
        try:
            loaded = self._create(file, weights)
        except _errors(self._ort) as error:
            if self.device == "cpu":
                raise ModelError(
                    Sentence(
                        "The network '{name}' cannot be loaded: the file is damaged or not an ONNX network.",
                        name=file.name,
                    ),
                    "Reinstall the extension.",
                ) from error
            self._fall_back_to_cpu(_first_line(error), monitor)
            return self._load(network, monitor)
        # ONNX Runtime itself goes on without a provider whose libraries it cannot load; only this list tells.
        if PROVIDERS[self.device] not in loaded.session.get_providers():
            self._fall_back_to_cpu(Sentence("its driver or libraries could not be loaded"), monitor)
            return self._load(network, monitor)
        if isinstance(network, Network):
            _check_origin(loaded.session, file)
        return loaded

    def _create(self, file: Path, weights: Mapping[str, NDArray[Any]]) -> _Loaded:
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = self._settings.threads or core_count()
        options.inter_op_num_threads = 1
        options.execution_mode = self._ort.ExecutionMode.ORT_SEQUENTIAL
        # Idle threads of the pool otherwise spin at full load between runs, which the artist's viewport would feel.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # DirectML requires it, and on the CPU it costs memory without gaining time: u2netp's peak is 354 MB without
        # and 548 MB with patterns. The arena stays on: without it the same run needs 15 % more CPU time.
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        values = self._give_weights(options, weights) if weights else {}
        providers = list(dict.fromkeys([PROVIDERS[self.device], PROVIDERS["cpu"]]))
        return _Loaded(self._ort.InferenceSession(file, options, providers=providers), values)

    def _give_weights(self, options: Any, weights: Mapping[str, NDArray[Any]]) -> dict[str, Any]:  # noqa: ANN401
        """Bind initializers: large matrices stay where they are, unless a GPU has to have them in its own memory."""
        large = {
            name
            for name, array in weights.items()
            if self.device == "cpu" and array.ndim == 2 and array.nbytes >= LARGE_MATRIX
        }
        values = {name: self._ort.OrtValue.ortvalue_from_numpy(array) for name, array in weights.items()}
        for name in large:
            options.add_initializer(name, values[name])
        others = [name for name in values if name not in large]
        options.add_external_initializers(others, [values[name] for name in others])
        if large:
            # Each of these would copy every matrix: arranging it as the CPU's kernels like it best, and widening 16-bit
            # weights once for all (as constants, or as initializers fused with their use at the last level).
            options.add_session_config_entry("session.disable_prepacking", "1")
            options.add_session_config_entry("optimization.disable_specified_optimizers", "ConstantFolding")
            options.graph_optimization_level = self._ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
        return values

    def _fall_back_to_cpu(self, reason: str, monitor: Monitor) -> None:
        monitor.warn(
            Sentence(
                "The {name} device cannot be used ({reason}); the CPU is used instead, which is slower.",
                name=self.device,
                reason=reason,
            )
        )
        self.device = "cpu"
        self._is_available = True
        self.release()


def _read_weights(graph: Path, checkpoint: Path, monitor: Monitor) -> dict[str, NDArray[Any]]:
    """The arrays that a weightless graph needs; those that are views keep the checkpoint's file mapped."""
    manifest = load_manifest(graph)
    with open_checkpoint(checkpoint) as opened:
        return bind(manifest, opened, monitor)


def _check_origin(session: Any, graph: Path) -> None:  # noqa: ANN401
    """The graph and the manifest that it was bound by are of one export.

    Raises:
        ModelError: they are not.
    """
    exported = session.get_modelmeta().custom_metadata_map.get("fingerprint")
    if exported != load_manifest(graph).fingerprint:
        raise ModelError(
            Sentence("The network '{name}' and its list of tensors differ.", name=graph.name),
            "Reinstall the extension.",
        )


def _import_onnxruntime() -> Any:  # noqa: ANN401
    """Imported late, so that what needs no network (baking, extraction) neither loads nor waits for it."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ModelError(
            Sentence("ONNX Runtime cannot be loaded ({reason}).", reason=_first_line(error)),
            "Install the extension's package that was made for this system.",
        ) from error
    # The Windows builds report usage to Microsoft unless told not to.
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def _errors(ort: Any) -> tuple[type[Exception], ...]:  # noqa: ANN401
    """ONNX Runtime's exceptions: they share no base class of their own, and a run with bound arrays raises Python's."""
    state = ort.capi.onnxruntime_pybind11_state
    names = (
        "EngineError",
        "EPFail",
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoModel",
        "NoSuchFile",
        "NotImplemented",
        "RuntimeException",
    )
    return (RuntimeError, *(getattr(state, name) for name in names))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def core_count() -> int:
    """Cores this process may use: fewer than the machine has inside containers and under task managers."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _terminated_on_cancel(options: Any, monitor: Monitor) -> Iterator[threading.Event]:  # noqa: ANN401
    """While the block runs, poll the monitor and terminate the run it belongs to.

    Yields:
        An event that is set once the run was told to stop.

    Raises:
        Cancelled: also when the request came too late to stop the run.
    """
    finished, cancelled = threading.Event(), threading.Event()

    def watch() -> None:
        while not finished.wait(POLL_SECONDS):
            if monitor.is_cancelled():
                cancelled.set()
                options.terminate = True
                return

    watcher = threading.Thread(target=watch, name="cancellation", daemon=True)
    watcher.start()
    try:
        yield cancelled
    finally:
        finished.set()
        watcher.join()
    if cancelled.is_set():
        raise Cancelled
