"""Reads the pickle inside a PyTorch file without executing anything it asks for.

Only the names below are understood, and all of them are functions and classes of this file: what
comes out are dictionaries, lists, numbers, texts and descriptions of tensors. The opcodes are
checked beforehand, so that a pickle can neither reserve memory nor reach an attribute.
"""

import pickle
import pickletools
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import ml_dtypes
import numpy as np

from vggjax.errors import WeightsError

_LARGEST = 16 * 2**20  # bytes; a state dict's pickle is a few thousand
_MOST_INSTRUCTIONS = 2**20
_LARGEST_KEY = 50  # values in a tuple that is a key, those of tuples in it among them
_MOST_AXES, _MOST_COUNT = 64, 2**62
_OPCODE_NAMES = (
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT "
    "BINUNICODE SHORT_BINUNICODE BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES EMPTY_TUPLE "
    "TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS BINPUT "
    "LONG_BINPUT MEMOIZE BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD BINPERSID"
)
_OPCODES = frozenset(_OPCODE_NAMES.split())
_STORAGE_DTYPES: dict[str, Any] = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


class Storage(NamedTuple):
    """A stretch of numbers kept elsewhere in the file: `total` of `dtype`, found by `key`.

    `start` and `length` are the part of it that tensors may use (all of it in files since 2017).
    """

    key: str
    dtype: np.dtype
    total: int
    start: int
    length: int


class Tensor:
    """A view of a storage; `offset` and `strides` count numbers, and stay inside the storage."""

    def __init__(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> None:
        shape, strides = tuple(shape), tuple(strides)  # a pickle could still change its lists
        sizes = (offset, *shape, *strides)
        if not isinstance(storage, Storage) or len(shape) > _MOST_AXES or not _counts(sizes):
            raise ValueError("impossible tensor")
        steps = zip(shape, strides, strict=True)
        last = offset + sum((size - 1) * stride for size, stride in steps)
        count = prod(shape)
        # A stride of 0 would make terabytes out of one number: none may exceed its storage.
        if count > storage.length or (count and last >= storage.length):
            raise ValueError(f"a tensor of {count:,} numbers in a storage of {storage.length:,}")
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides

    def __setstate__(self, state: Any) -> None:
        """Ignore what files of PyTorch 0.1 add to a parameter (whether it needs a gradient)."""

    def view(self, buffer: bytes) -> np.ndarray:
        """The tensor's numbers, given its storage's bytes; ValueError if NumPy can't hold them."""
        size = self.storage.dtype.itemsize
        strides = [stride * size for stride in self.strides]
        offset = (self.storage.start + self.offset) * size
        return np.ndarray(self.shape, self.storage.dtype, buffer, offset, strides)


class _Parameter:
    """Stands for what wraps a tensor: gives the tensor itself."""

    def __new__(cls, data: Any, *_: Any) -> Any:
        if not isinstance(data, Tensor):
            raise ValueError("a parameter that is no tensor")
        return data

    def __setstate__(self, state: Any) -> None:
        """Seal the class."""


class _Table(dict):
    """Stands for OrderedDict; ignores the attributes that a pickle wants to set on it."""

    def __setstate__(self, state: Any) -> None:
        """Ignore `_metadata`, which holds version numbers of layers."""


class _Value:
    """Stands for what is no tensor, such as a device, a type or a set: nothing is made of it."""

    def __init__(self, *_: Any) -> None:
        """Take whatever it would be made of."""

    def __setstate__(self, state: Any) -> None:
        """Ignore it."""


# What beside tensors PyTorch's own safe reader takes, from wherever its versions have it.
_VALUES = (
    *(("torch", name) for name in ("device", "Size", "Tensor", "finfo", "iinfo")),
    *(("torch", name) for name in ("float64", "float32", "float16", "bfloat16", "float", "double")),
    *(("torch", name) for name in ("int64", "int32", "int16", "int8", "uint8", "bool", "half")),
    *(("torch", name) for name in ("strided", "sparse_coo", "channels_last", "preserve_format")),
    *((module, "set") for module in ("builtins", "__builtin__")),
    ("collections", "Counter"),
    ("collections", "deque"),
)
# A pickle may ask to set attributes (BUILD) on any of these. It can't: a class with `__setstate__`
# has that called, without an object, which fails; a text has no attributes.
_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): _Table,
    ("torch._utils", "_rebuild_tensor"): Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): Tensor,
    ("torch._utils", "_rebuild_parameter"): _Parameter,
    ("torch.nn.parameter", "Parameter"): _Parameter,
    **dict.fromkeys(_VALUES, _Value),
    **{(module, name): name for module in ("torch", "torch.cuda") for name in _STORAGE_DTYPES},
}


def load_pickle(file: BinaryIO, path: Path) -> tuple[Any, dict[str, Storage]]:
    """Read the next pickle in `file`: its object, and the storages it refers to by key.

    Raises WeightsError, before anything is built, if it does what no table of weights needs.
    """
    start = file.tell()
    data = file.read(_LARGEST)
    length = _checked_length(data, path)
    file.seek(start + length)
    unpickler = _Unpickler(BytesIO(data[:length]), path)
    return unpickler.load(), unpickler.storages


def _checked_length(data: bytes, path: Path) -> int:
    end, sizes = 0, _Sizes()
    for number, (opcode, argument, position) in enumerate(pickletools.genops(data)):
        end = (position or 0) + 1
        if number >= _MOST_INSTRUCTIONS:
            raise ValueError("a pickle of more than a million instructions")
        if opcode.name == "GLOBAL":
            module, _, name = str(argument).partition(" ")
            _allowed(module, name, path)
        elif opcode.name not in _OPCODES:
            raise WeightsError(
                f"{path} holds the pickle instruction {opcode.name}, which no table of weights "
                "needs, so nothing of it was executed; save `model.state_dict()` instead."
            )
        elif opcode.name == "LONG_BINPUT" and (argument or 0) > len(data):
            raise ValueError("a pickle that numbers more objects than it holds")
        sizes.follow(opcode, argument)
    return end


class _Sizes:
    """How large the objects of a pickle are where they are used as keys.

    A tuple that holds another one twice, and so on, is small in a file and on a disk, but takes for
    ever to be hashed. So the machine's stack and memo are followed with sizes instead of objects.
    """

    def __init__(self) -> None:
        self.stack: list[int] = []
        self.marks: list[int] = []
        self.memo: dict[int, int] = {}

    def follow(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        """What an instruction does; ValueError if it uses as a key what is too large for one."""
        name = opcode.name
        if name == "MARK":
            self.marks.append(len(self.stack))
        elif "PUT" in name or name == "MEMOIZE":
            self.memo[len(self.memo) if argument is None else argument] = self.stack[-1]
        elif "GET" in name:
            self.stack.append(self.memo[argument])
        else:
            taken = self._taken(opcode)
            if "SETITEM" in name and max(taken[name == "SETITEM" :: 2], default=0) > _LARGEST_KEY:
                raise ValueError("a key that is too large")
            size = 1 + sum(taken) if "TUPLE" in name else 1
            size = _LARGEST_KEY + 1 if name == "LONG1" else size  # many of those have one hash
            self.stack += [min(size, _LARGEST_KEY + 1)] * len(opcode.stack_after)

    def _taken(self, opcode: pickletools.OpcodeInfo) -> list[int]:
        """Takes an instruction's objects off the stack: those since a mark, or so many."""
        before = opcode.stack_before
        if pickletools.markobject in before:
            start = self.marks.pop()
            taken = self.stack[start:]
            start -= before.index(pickletools.markobject)  # what stands before the mark
        else:
            start = len(self.stack) - len(before)
            taken = self.stack[start:]
        if start < 0:
            raise ValueError("a pickle that takes what it has not put")
        del self.stack[start:]
        return taken


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BytesIO, path: Path) -> None:
        super().__init__(file, encoding="utf-8")
        self.path = path
        self.storages: dict[str, Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        return _allowed(module, name, self.path)

    def persistent_load(self, pid: Any) -> Storage:
        kind, type_, key, _, count, *rest = pid
        view = rest[0] if rest else None
        start, length = (0, count) if view is None else view[1:]
        if not all(isinstance(each, str) for each in (kind, type_, key)):
            raise ValueError("unknown persistent object")
        if kind != "storage" or type_ not in _STORAGE_DTYPES:
            raise ValueError("unknown persistent object")
        if not _counts((count, start, length)) or start + length > count:
            raise ValueError("impossible storage size")
        storage = Storage(key, np.dtype(_STORAGE_DTYPES[type_]), count, start, length)
        known = self.storages.setdefault(key, storage)
        if (known.dtype, known.total) != (storage.dtype, count):
            raise ValueError("one storage with two sizes")
        return storage


def _counts(values: Any) -> bool:
    return all(type(value) is int and 0 <= value <= _MOST_COUNT for value in values)


def _allowed(module: str, name: str, path: Path) -> Any:
    if (module, name) not in _ALLOWED:
        what = f"{module}.{name}"[:100]
        if "qtensor" in name or name.startswith(("qint", "quint")):
            raise WeightsError(f"{path} is quantised ({what}); save its weights in floats.")
        raise WeightsError(
            f"{str(path)[:200]} asks for {what}, which no table of weights needs, so nothing of it "
            "was executed; if it is a whole pickled model that you trust, load it with PyTorch and "
            "save `model.state_dict()`."
        )
    return _ALLOWED[module, name]
