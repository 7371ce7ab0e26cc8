# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the pickle inside a torch checkpoint without unpickling it.

A pickle is a program for a stack machine, and Python's own machine calls whatever the program names. This one knows
only what descriptions of tensors are made of: plain values, lists, tuples, dictionaries, and the few names in
``_ALLOWED``, none of which is called either. Anything else is refused by name. Time and memory are bounded by
``MOST_STEPS`` and ``LARGEST_DESCRIPTION``: no instruction makes more than one small object, and dictionaries have words
and small numbers as keys, since one can make tuples and huge numbers whose hashing or collisions take forever.
"""

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from .tensor_layout import (
    LARGEST_DESCRIPTION,
    LONGEST_NAME,
    MOST_TENSORS,
    Refused,
    checked_sizes,
    element_count,
    quote,
)

MOST_STEPS = 400_000
"""Instructions in the program, and values in what it builds. A tensor takes about 40: enough for ten thousand."""

DEEPEST = 16
"""Levels of dictionaries and lists."""

LARGEST_KEY = 2**62

_STORAGES = {
    "torch DoubleStorage": "float64",
    "torch FloatStorage": "float32",
    "torch HalfStorage": "float16",
    "torch BFloat16Storage": "bfloat16",
    "torch LongStorage": "int64",
    "torch IntStorage": "int32",
    "torch ShortStorage": "int16",
    "torch CharStorage": "int8",
    "torch ByteStorage": "uint8",
    "torch BoolStorage": "bool",
}
_TENSOR = "torch._utils _rebuild_tensor_v2"
_PARAMETER = "torch._utils _rebuild_parameter"
_DICTIONARY = "collections OrderedDict"
_ALLOWED = {_TENSOR, _PARAMETER, _DICTIONARY, *_STORAGES}


@dataclass(frozen=True)
class Storage:
    """A stretch of numbers in a file of its own.

    Attributes:
        key: the file's name inside the archive's ``data`` folder.
        dtype: a key of ``STORED_TYPES``.
        count: of elements.
    """

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class TensorDescription:
    """A tensor as a view of a storage; ``offset`` and ``strides`` count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class _Name:
    """Something that the program named (``module name``); it is never looked up."""

    name: str


def read_tensor_pickle(program: bytes) -> dict[str, TensorDescription]:
    """The tensors that a torch checkpoint's ``data.pkl`` describes, by name.

    Nested dictionaries (``{"state_dict": {...}}``) and lists give names joined by dots; other values are left out.

    Raises:
        Refused: the program is damaged, too long, or names anything but parts of tensors.
    """
    if len(program) > LARGEST_DESCRIPTION:
        raise Refused("its list of tensors is longer than any network's")
    root = _Machine().run(program)
    if not isinstance(root, dict):
        raise Refused("it holds no dictionary of tensors")
    return _collect(root)


class _Machine:
    """The stack machine; see ``pickletools`` for what each instruction means."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._suspended: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def run(self, program: bytes) -> object:
        """The value that the program leaves."""
        for step, (instruction, argument) in enumerate(_instructions(program)):
            if step > MOST_STEPS:
                raise Refused(f"its list of tensors has more than {MOST_STEPS} instructions")
            if instruction == "STOP":
                return self.pop()
            action = _ACTIONS.get(instruction)
            if action is None:
                raise Refused(f"its pickle holds the instruction {instruction}, which no tensor needs")
            action(self, argument)
        raise Refused("its list of tensors has no end")

    def pop(self) -> Any:  # noqa: ANN401 - whatever the program made
        if not self._stack:
            raise Refused("its list of tensors is damaged (nothing left on the stack)")
        return self._stack.pop()

    def pop_to_mark(self) -> list[Any]:
        if not self._suspended:
            raise Refused("its list of tensors is damaged (a mark is missing)")
        items, self._stack = self._stack, self._suspended.pop()
        return items

    def push(self, value: object) -> None:
        self._stack.append(value)

    def mark(self, _: object) -> None:
        self._suspended.append(self._stack)
        self._stack = []

    def put(self, index: int) -> None:
        self._memo[index] = self.pop()
        self.push(self._memo[index])

    def memoize(self, _: object) -> None:
        self.put(len(self._memo))

    def get(self, index: int) -> None:
        if index not in self._memo:
            raise Refused("its list of tensors is damaged (it recalls what was never stored)")
        self.push(self._memo[index])

    def push_tuple(self, length: int) -> None:
        items = [self.pop() for _ in range(length)]
        self.push(tuple(reversed(items)))

    def append(self, items: list[Any]) -> None:
        target = self.pop()
        if type(target) is not list:
            raise Refused("its list of tensors is damaged (it appends to what is no list)")
        target.extend(items)
        self.push(target)

    def set(self, items: list[Any]) -> None:
        target = self.pop()
        if type(target) is not dict or len(items) % 2:
            raise Refused("its list of tensors is damaged (it sets an item of what is no dictionary)")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not (isinstance(key, str) or (isinstance(key, int) and abs(key) < LARGEST_KEY)):
                raise Refused("its pickle holds a dictionary whose keys are not words or numbers")
            target[key] = value
        self.push(target)

    def set_item(self, _: object) -> None:
        value, key = self.pop(), self.pop()
        self.set([key, value])

    def name(self, name: object) -> None:
        """GLOBAL: its argument is ``module name``."""
        if name not in _ALLOWED:
            raise Refused(f"its pickle tries to use {quote(str(name).replace(' ', '.', 1))}, which no tensor needs")
        self.push(_Name(str(name)))

    def name_from_stack(self, _: object) -> None:
        name, module = self.pop(), self.pop()
        self.name(f"{module} {name}" if isinstance(module, str) and isinstance(name, str) else "a nameless object")

    def storage(self, _: object) -> None:
        """BINPERSID: ``("storage", type, key, device, count)``, as ``torch.save`` writes it."""
        match self.pop():
            case ("storage", _Name(name), str() as key, str(), int() as count) if name in _STORAGES:
                (count,) = checked_sizes((count,), f"the storage {quote(key)}")
                self.push(Storage(key, _STORAGES[name], count))
            case _:
                raise Refused("its pickle refers to something outside that is no storage of numbers")

    def reduce(self, _: object) -> None:
        arguments, called = self.pop(), self.pop()
        match called, arguments:
            case _Name(name), () if name == _DICTIONARY:
                self.push({})
            case _Name(name), tuple() if name == _TENSOR:
                self.push(_tensor(arguments))
            case _Name(name), (TensorDescription() as tensor, bool(), dict()) if name == _PARAMETER:
                self.push(tensor)
            case _Name(name), _:
                raise Refused(f"its pickle calls {quote(name.replace(' ', '.'))} with unknown arguments")
            case _:
                raise Refused("its pickle calls something that has no name")

    def build(self, _: object) -> None:
        """BUILD: the attributes of an ordered dictionary (a state dictionary's version numbers), which nobody needs."""
        self.pop()
        target = self.pop()
        if type(target) is not dict:
            raise Refused("its pickle sets attributes of something that has none")
        self.push(target)


_ACTIONS: dict[str, Callable[[_Machine, Any], object]] = {
    "PROTO": lambda *_: None,
    "FRAME": lambda *_: None,
    "MARK": _Machine.mark,
    "POP": lambda machine, _: machine.pop(),
    "POP_MARK": lambda machine, _: machine.pop_to_mark(),
    "NONE": _Machine.push,
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "BININT": _Machine.push,
    "BININT1": _Machine.push,
    "BININT2": _Machine.push,
    "LONG1": _Machine.push,
    "BINFLOAT": _Machine.push,
    "BINUNICODE": _Machine.push,
    "SHORT_BINUNICODE": _Machine.push,
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "TUPLE1": lambda machine, _: machine.push_tuple(1),
    "TUPLE2": lambda machine, _: machine.push_tuple(2),
    "TUPLE3": lambda machine, _: machine.push_tuple(3),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.pop_to_mark()),
    "SETITEM": _Machine.set_item,
    "SETITEMS": lambda machine, _: machine.set(machine.pop_to_mark()),
    "BINPUT": _Machine.put,
    "LONG_BINPUT": _Machine.put,
    "MEMOIZE": _Machine.memoize,
    "BINGET": _Machine.get,
    "LONG_BINGET": _Machine.get,
    "GLOBAL": _Machine.name,
    "STACK_GLOBAL": _Machine.name_from_stack,
    "BINPERSID": _Machine.storage,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
}


def _instructions(program: bytes) -> Iterator[tuple[str, Any]]:
    """Names and arguments of the program's instructions."""
    try:
        for instruction, argument, _ in pickletools.genops(program):
            yield instruction.name, argument
    except Refused:
        raise
    except ValueError as error:
        raise Refused("its list of tensors is damaged (not a pickle, or cut off)") from error


def _tensor(arguments: tuple[Any, ...]) -> TensorDescription:
    """``_rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)``, checked against its storage."""
    match arguments:
        case (Storage() as storage, int() as offset, tuple() as shape, tuple() as strides, bool(), dict()):
            what = f"a tensor in the storage {quote(storage.key)}"
        case _:
            raise Refused("its pickle describes a tensor in an unknown way")
    shape, strides = checked_sizes(shape, what), checked_sizes(strides, what)
    (offset,) = checked_sizes((offset,), what)
    if len(shape) != len(strides):
        raise Refused(f"{what} has {len(shape)} axes and {len(strides)} strides")
    count = element_count(shape)
    if count == 0:
        return TensorDescription(storage, 0, shape, strides)
    last = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
    # More elements than the storage has would be a small file that becomes a huge array when it is copied.
    if count > storage.count or last >= storage.count:
        raise Refused(f"{what} reaches beyond it")
    return TensorDescription(storage, offset, shape, strides)


class _Place(NamedTuple):
    """A value's way from the root. Names are joined only for tensors: many values may share one long name."""

    parent: "_Place | None"
    key: object
    depth: int

    def name(self) -> str:
        keys: list[str] = []
        place: _Place | None = self
        while place is not None and place.parent is not None:
            keys.append(place.key if isinstance(place.key, str) else str(place.key))
            place = place.parent
        if sum(map(len, keys)) > LONGEST_NAME:
            raise Refused(f"the name of a tensor, {quote(keys[0])}, is too long")
        return ".".join(reversed(keys))


def _collect(root: object) -> dict[str, TensorDescription]:
    """All tensors inside nested dictionaries and lists, by the names joined with dots."""
    tensors: dict[str, TensorDescription] = {}
    waiting: list[tuple[_Place, Any]] = [(_Place(None, "", 0), root)]
    seen = 0
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, TensorDescription):
            name = place.name()
            if name in tensors:
                raise Refused(f"it holds the tensor {quote(name)} twice")
            tensors[name] = value
        else:
            seen += len(value)
            if seen > MOST_STEPS or len(tensors) > MOST_TENSORS:
                raise Refused("it describes more tensors than any network has")
            if place.depth > DEEPEST:
                raise Refused(f"its dictionaries are nested more than {DEEPEST} deep")
            items = value.items() if isinstance(value, dict) else enumerate(value)
            inner = [(key, item) for key, item in items if isinstance(item, _HOLDERS)]
            waiting.extend((_Place(place, key, place.depth + 1), item) for key, item in reversed(inner))
    return tensors


_HOLDERS = (TensorDescription, dict, list, tuple)
