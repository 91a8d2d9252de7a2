"""Read and write safetensors with checks that the library leaves out; no pickle, ever.

A header is parsed by us before the library sees the file: its size, names, shapes, types and offsets are capped and
must fit the file's length, so that a hostile header costs neither memory nor time. Reading a header imports no torch.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganstyle.data.names import shown
from ganstyle.errors import EnvironmentProblem, ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

MAX_HEADER_BYTES = 4 << 20
MAX_TENSORS = 20_000
MAX_RANK = 8

_ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "I16": 2, "U16": 2, "F16": 2, "BF16": 2,
    "I32": 4, "U32": 4, "F32": 4, "I64": 8, "U64": 8, "F64": 8,
}  # fmt: skip

_FOREIGN = (
    (b"PK\x03\x04", "a zip archive, as torch.save writes: it can hold programs"),
    (b"\x80\x02", "a pickle: it can hold programs"),
    (b"\x80\x03", "a pickle: it can hold programs"),
    (b"\x80\x04", "a pickle: it can hold programs"),
    (b"\x80\x05", "a pickle: it can hold programs"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy file"),
    (b"GGUF", "a GGUF file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
)


@dataclass(frozen=True)
class Header:
    """What a file says about itself.

    Attributes:
        tensors: name to (type as safetensors spells it, shape).
        metadata: free text by key.
    """

    tensors: dict[str, tuple[str, tuple[int, ...]]]
    metadata: dict[str, str]


def read_header(path: str | os.PathLike[str]) -> Header:
    """Read names, types, shapes and metadata without reading a tensor.

    Raises:
        ModelError: missing, foreign, unsafe or damaged file.
    """
    return _checked_header(Path(path))


def read_tensors(
    path: str | os.PathLike[str], *, expected: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, Tensor]:
    """Read every tensor, on the CPU.

    Args:
        path: a safetensors file, whatever its extension.
        expected: name to shape; more, fewer or other ones are refused before anything is allocated.

    Raises:
        ModelError: missing, foreign, unsafe or damaged file; other tensors than expected; numbers not finite.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = Path(path)
    header = _checked_header(path)
    if expected is not None:
        _check_expected(header, expected, path)
    try:
        tensors = load(path.read_bytes())
    except (SafetensorError, ValueError, KeyError, RuntimeError):
        raise _broken(path, "its contents can't be read") from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise _broken(path, f"tensor {shown(name)} holds values that are not finite")
    return tensors


def read_arrays(
    path: str | os.PathLike[str], *, prefix: str = "", expected: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, NDArray[Any]]:
    """Read tensors as NumPy arrays, without torch.

    Args:
        path: a safetensors file, whatever its extension.
        prefix: only names that begin so; the others' bytes are not read.
        expected: name to shape of the whole file; more, fewer or other ones are refused.

    Raises:
        ModelError: as `read_tensors`; or a type that NumPy lacks, such as bfloat16.
    """
    import numpy as np
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    header = _checked_header(path)
    if expected is not None:
        _check_expected(header, expected, path)
    try:
        with safe_open(path, framework="numpy") as stored:
            arrays = {name: stored.get_tensor(name) for name in header.tensors if name.startswith(prefix)}
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, OSError):
        raise _broken(path, "its contents can't be read") from None
    for name, array in arrays.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise _broken(path, f"tensor {shown(name)} holds values that are not finite")
    return arrays


def write_arrays(
    path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> Path:
    """Write NumPy arrays as `write_tensors` writes tensors: the same bytes, without torch.

    Raises:
        ModelError: a number is not finite.
        EnvironmentProblem: full disk or no permission; the old file is intact.
    """
    import numpy as np
    from safetensors.numpy import save

    from ganstyle.data.writing import write_atomic

    ready = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    for name, array in ready.items():
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise ModelError(f"tensor {name} holds values that are not finite; nothing was written", where=shown(path))
    return write_atomic(path, save(ready, dict(metadata or {})))


def write_tensors(
    path: str | os.PathLike[str], tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> Path:
    """Write a file at once or not at all, replacing one of that name.

    Args:
        path: target file.
        tensors: any device; stored contiguous; shared memory is stored once per name.
        metadata: text by key.

    Raises:
        ModelError: a number is not finite.
        EnvironmentProblem: full disk or no permission; the old file is intact.
    """
    import torch
    from safetensors.torch import save

    from ganstyle.data.writing import write_atomic  # brings numpy and Pillow, which listing styles has no use for

    ready = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    for name, tensor in ready.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ModelError(f"tensor {name} holds values that are not finite; nothing was written", where=shown(path))
    return write_atomic(path, save(ready, dict(metadata or {})))


def _checked_header(path: Path) -> Header:
    try:
        with open(path, "rb", opener=_nonblocking) as stream:
            size = os.fstat(stream.fileno()).st_size
            head = stream.read(9)
            length = _header_length(head, size, path)
            raw = head[8:] + stream.read(length - 1)
    except FileNotFoundError:
        raise ModelError(f"{shown(path)} does not exist", where=shown(path)) from None
    except OSError as error:
        raise EnvironmentProblem(f"{shown(path)} can't be read: {error.strerror}", where=shown(path)) from None
    return _parsed(raw, size - 8 - length, path)


def _nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a fifo must not block


def _header_length(head: bytes, size: int, path: Path) -> int:
    for magic, what in _FOREIGN:
        # A header of 640 bytes begins as a pickle does; the brace behind its length tells them apart.
        if head.startswith(magic) and head[8:] != b"{":
            raise ModelError(
                f"{shown(path)} is {what}; only safetensors files are loaded",
                where=shown(path),
                hint="ask its author for a .safetensors file",
            )
    length = int.from_bytes(head[:8], "little")
    if len(head) < 8 or length < 2:
        raise _broken(path, f"it has {size} bytes and no header")
    if length > MAX_HEADER_BYTES and head[8:] != b"{":
        raise _broken(path, "it is no safetensors file")
    if length > MAX_HEADER_BYTES:
        raise _broken(path, f"its header claims {length} bytes, at most {MAX_HEADER_BYTES} are read")
    if length > size - 8:
        raise _broken(path, f"it is cut off: {size} bytes, the header alone claims {length}")
    return length


def _parsed(raw: bytes, data_bytes: int, path: Path) -> Header:
    try:
        entries = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        raise _broken(path, "its header is no safetensors header") from None
    if not isinstance(entries, dict):
        raise _broken(path, "its header is no safetensors header")
    metadata = entries.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _broken(path, "its metadata is not text")
    if len(entries) > MAX_TENSORS:
        raise _broken(path, f"it claims {len(entries)} tensors, at most {MAX_TENSORS} are read")
    tensors = {}
    spans = []
    for name, entry in entries.items():
        dtype, shape, span = _entry(name, entry, path)
        tensors[name] = (dtype, shape)
        spans.append(span)
    _check_spans(spans, data_bytes, path)
    return Header(tensors, metadata)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate key")
    return result


def _entry(name: str, entry: Any, path: Path) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    try:
        dtype, shape, (start, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
        item_bytes = _ITEM_BYTES[dtype]
    except (TypeError, KeyError, ValueError):
        raise _broken(path, f"the entry of tensor {shown(name)[:80]} is malformed") from None
    numbers = (*shape, start, end)
    if len(shape) > MAX_RANK or any(type(n) is not int or not 0 <= n < 1 << 62 for n in numbers):
        raise _broken(path, f"the shape of tensor {shown(name)[:80]} is malformed")
    if math.prod(shape) * item_bytes != end - start:
        raise _broken(path, f"tensor {shown(name)[:80]} does not fill its place")
    return dtype, shape, (start, end)


def _check_spans(spans: list[tuple[int, int]], data_bytes: int, path: Path) -> None:
    position = 0
    for start, end in sorted(spans):
        if start != position:
            raise _broken(path, "its tensors overlap or leave a hole")
        position = end
    if position != data_bytes:
        state = "cut off" if position > data_bytes else "longer than it says"
        raise _broken(path, f"it is {state}: {data_bytes} bytes of tensors, its header claims {position}")


def _check_expected(header: Header, expected: Mapping[str, tuple[int, ...]], path: Path) -> None:
    missing, extra = sorted(set(expected) - set(header.tensors)), sorted(set(header.tensors) - set(expected))
    if missing or extra:
        name = shown((missing or extra)[0])[:80]
        verb = "lacks" if missing else "has an unknown"
        raise _broken(path, f"it {verb} tensor {name} ({len(missing)} missing, {len(extra)} unknown)")
    for name, shape in expected.items():
        if header.tensors[name][1] != tuple(shape):
            raise _broken(path, f"tensor {name} is {header.tensors[name][1]}, expected {tuple(shape)}")


def _broken(path: Path, reason: str) -> ModelError:
    return ModelError(f"{shown(path)} can't be used: {reason}", where=shown(path), hint="copy or download it again")
