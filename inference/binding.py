# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives a weightless graph its weights: which tensor of a checkpoint, or what made of it, each initializer is.

Beside a graph lies its manifest (``NAME.json``, written by ``export/``). It lists the tensors that the checkpoint has
to hold, with a fingerprint of their names, shapes and types, and says for each initializer of the graph where it comes
from: a tensor as it lies in the file, of which no copy is made, or what a rule of ``derivations`` makes of some.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checkpoints import Checkpoint, TensorInfo, open_checkpoint
from .derivations import RULES, as_type
from .errors import Cancelled, ModelError
from .monitor import Monitor
from .sentence import Sentence

WRAPPERS = ("", "state_dict.", "module.", "model.", "state_dict.module.", "state_dict.model.")
"""What training tools put before every name: Lightning's dictionary, torch's parallel wrapper, a model's attribute."""

FLOATS = frozenset({"float32", "float16", "bfloat16", "float64"})
"""Types that a checkpoint may store numbers in where the graph's authors used float32."""

NAMED = 3
"""Tensors that an error names of each kind before it only counts them."""

REINSTALL = "Reinstall the extension."


@dataclass(frozen=True)
class Manifest:
    """What a weightless graph needs; see ``load_manifest``.

    Attributes:
        graph: name of the graph's file without its extension.
        fingerprint: of ``tensors``; the graph's own metadata has the same.
        prefix: of the tensors' names in the published checkpoint; what does not begin with it is not the network's.
        tensors: shape and type of each needed tensor, by its name without the prefix.
        unused: names of tensors that the checkpoint may hold besides.
        initializers: by name: ``{"tensor": name}`` or ``{"derive": rule, "from": [names], ...parameters}``, both with
            an optional ``dtype``; a tensor is float32 without it.
    """

    graph: str
    fingerprint: str
    prefix: str
    tensors: Mapping[str, TensorInfo]
    unused: frozenset[str]
    initializers: Mapping[str, Mapping[str, Any]]


def load_manifest(graph: Path) -> Manifest:
    """The manifest of a graph, which lies beside it.

    Raises:
        ModelError: it is missing, damaged, or contradicts itself.
    """
    path = graph.with_suffix(".json")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if "variant_of" in content:
            return _variant(load_manifest(graph.with_stem(content["variant_of"])), content)
        tensors = {
            name: TensorInfo(tuple(entry["shape"]), entry["dtype"]) for name, entry in content["tensors"].items()
        }
        manifest = Manifest(
            content["graph"],
            content["fingerprint"],
            content["prefix"],
            tensors,
            frozenset(content["unused"]),
            content["initializers"],
        )
    except OSError as error:
        raise ModelError(
            Sentence("The network's list of tensors '{path}' is missing.", path=path), REINSTALL
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            Sentence("The network's list of tensors '{name}' is damaged.", name=path.name), REINSTALL
        ) from error
    if fingerprint(tensors) != manifest.fingerprint:
        raise ModelError(
            Sentence("The network's list of tensors '{name}' was changed since it was exported.", name=path.name),
            REINSTALL,
        )
    return manifest


def _variant(base: Manifest, content: Mapping[str, Any]) -> Manifest:
    """The manifest of a graph that keeps some weights in fewer bits: it lists those, under ``float16`` or ``int8``.

    Raises:
        KeyError: it lists what the graph it was made from has not.
    """
    initializers = dict(base.initializers)
    for name in content.get("float16", ()):
        initializers[name] = {**initializers[name], "dtype": "float16"}
    for name in content.get("int8", ()):
        source = [initializers.pop(name)["tensor"]]
        initializers[f"{name}.int8"] = {"derive": "int8_weights", "from": source}
        initializers[f"{name}.scale"] = {"derive": "int8_scales", "from": source}
    return replace(base, graph=content["graph"], initializers=initializers)


def fingerprint(tensors: Mapping[str, TensorInfo]) -> str:
    """SHA-256 over sorted names, shapes and dtypes of tensors, one ``name shape dtype`` per line (shape ``2x3``)."""
    lines = [f"{name} {'x'.join(map(str, info.shape))} {info.dtype}\n" for name, info in sorted(tensors.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check_fit(graphs: Iterable[Path], checkpoint: Path) -> None:
    """Whether a checkpoint holds what all these graphs need.

    Raises:
        ModelError: it cannot be read or does not fit one of them.
    """
    with open_checkpoint(checkpoint) as opened:
        for graph in graphs:
            match(load_manifest(graph), opened)


def match(manifest: Manifest, checkpoint: Checkpoint) -> dict[str, str]:
    """Find the manifest's tensors in a checkpoint, whatever common prefix its names have.

    Returns:
        The name in the file by the name in the manifest.

    Raises:
        ModelError: tensors are missing, unknown, or of another shape or type; one error names all of them.
    """
    stored = checkpoint.tensors
    prefixes = [wrapper + own for own in dict.fromkeys([manifest.prefix, ""]) for wrapper in WRAPPERS]
    prefix = max(prefixes, key=lambda prefix: sum(prefix + name in stored for name in manifest.tensors))
    missing = [name for name in manifest.tensors if prefix + name not in stored]
    known = manifest.unused.union(manifest.tensors)
    own = [name.removeprefix(prefix) for name in stored if name.startswith(prefix)]
    unknown = [name for name in own if name not in known]
    unfitting = [
        f"{name} ({_shown(stored[prefix + name])} instead of {_shown(wanted)})"
        for name, wanted in manifest.tensors.items()
        if prefix + name in stored and not _fits(stored[prefix + name], wanted)
    ]
    problems = [
        _listed(names, one, several)
        for names, one, several in (
            (missing, "tensor is missing", "tensors are missing"),
            (unknown, "tensor is not known", "tensors are not known"),
            (unfitting, "tensor does not fit", "tensors do not fit"),
        )
        if names
    ]
    if problems:
        raise ModelError(
            Sentence(
                "The checkpoint '{name}' does not fit the network '{network}': {problems}.",
                name=checkpoint.path.name,
                network=manifest.graph,
                problems="; ".join(problems),
            ),
            "Choose the checkpoint that the system's authors publish for exactly this system.",
        )
    return {name: prefix + name for name in manifest.tensors}


def bind(manifest: Manifest, checkpoint: Checkpoint, monitor: Monitor) -> dict[str, NDArray[Any]]:
    """The value of each external initializer of the graph.

    Returns:
        Contiguous arrays in the graph's types. Where a tensor lies in the file as the graph wants it, the array is a
        view of the mapped file.

    Raises:
        ModelError: the checkpoint does not fit (see ``match``), or has numbers beyond the range of a 16-bit graph.
        Cancelled: while copies were being made.
    """
    names = match(manifest, checkpoint)
    arrays: dict[str, NDArray[Any]] = {}
    for name, origin in manifest.initializers.items():
        if monitor.is_cancelled():
            raise Cancelled
        try:
            array = _initializer(origin, names, checkpoint)
        except FloatingPointError as error:
            raise ModelError(
                Sentence(
                    "The checkpoint '{name}' has numbers in '{tensor}' that are too large for 16 bits.",
                    name=checkpoint.path.name,
                    tensor=name,
                ),
                "Choose the precision float32.",
            ) from error
        except KeyError as error:
            raise ModelError(
                Sentence(
                    "The list of tensors of '{network}' asks for the unknown {name}.",
                    network=manifest.graph,
                    name=error,
                ),
                REINSTALL,
            ) from error
        arrays[name] = array
    return arrays


def _initializer(origin: Mapping[str, Any], names: Mapping[str, str], checkpoint: Checkpoint) -> NDArray[Any]:
    """One initializer; pages of the file that are needed no more, because a copy was made, are let go."""
    if "tensor" in origin:
        stored = checkpoint.read(names[origin["tensor"]])
        array = as_type(stored, origin.get("dtype", "float32"))
        if array is stored:
            return np.ascontiguousarray(array)
    else:
        parameters = {key: value for key, value in origin.items() if key not in ("derive", "from", "dtype")}
        array = RULES[origin["derive"]](*(checkpoint.read(names[name]) for name in origin["from"]), **parameters)
        array = as_type(array, origin.get("dtype", array.dtype.name))
    checkpoint.forget()
    return np.ascontiguousarray(array)


def _fits(stored: TensorInfo, wanted: TensorInfo) -> bool:
    same_kind = stored.dtype == wanted.dtype or (wanted.dtype == "float32" and stored.dtype in FLOATS)
    return stored.shape == wanted.shape and same_kind


def _shown(info: TensorInfo) -> str:
    return f"{'x'.join(map(str, info.shape)) or 'one'} {info.dtype}"


def _listed(names: list[str], one: str, several: str) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{len(names)} {one if len(names) == 1 else several}: {', '.join(names[:NAMED])}{more}"
