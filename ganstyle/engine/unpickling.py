"""A program that turns a foreign .pt file into safetensors; run alone, in a process with few rights.

It imports nothing of ganstyle, so that `python -I unpickling.py` starts anywhere. No pickle is ever executed: the zip
is checked, the names of all programs that the pickle asks for are listed, and torch reads it with `weights_only=True`.
Answers are one JSON object on stdout.
"""

from __future__ import annotations

import json
import pickletools
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

MAX_PICKLE_BYTES = 32 << 20
MAX_ENTRIES = 50_000
MAX_TENSORS = 20_000
MAX_DEPTH = 6
CPU_SECONDS = 300
SPARE_BYTES = 3 << 30

# What a dictionary of tensors needs, and nothing else.
ALLOWED = re.compile(
    r"collections OrderedDict"
    r"|torch (?:Size|device|[A-Z][A-Za-z0-9]*Storage|float32|float16|bfloat16|float64|int64|int32|uint8|bool)"
    r"|torch\.storage (?:UntypedStorage|TypedStorage)"
    r"|torch\._utils _rebuild_(?:tensor_v2|parameter)"
)


class Refused(Exception):
    """The file is not one that is read."""


def limit(file_bytes: int) -> None:
    """Cap memory, time and written bytes of this process, where the system can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        "RLIMIT_DATA": SPARE_BYTES + 4 * file_bytes,
        "RLIMIT_FSIZE": 2 * file_bytes + (1 << 20),
        "RLIMIT_CPU": CPU_SECONDS,
        "RLIMIT_CORE": 0,
    }
    for name, value in limits.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            cap = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (cap, hard))


def check_zip(path: str, file_bytes: int) -> bytes:
    """Return the pickle inside a file of torch.save.

    Raises:
        Refused: no such zip, or one that unpacks to more than it holds.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            _check_entries(entries, file_bytes)
            pickles = [entry for entry in entries if entry.filename.count("/") == 1 and "/data.pkl" in entry.filename]
            if len(pickles) != 1 or pickles[0].file_size > MAX_PICKLE_BYTES:
                raise Refused("it holds no pickle of torch.save, or a huge one")
            return archive.read(pickles[0])
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        raise Refused(f"it is no zip as torch.save writes since 1.6 ({type(error).__name__})") from None


def _check_entries(entries: list[zipfile.ZipInfo], file_bytes: int) -> None:
    if len(entries) > MAX_ENTRIES:
        raise Refused(f"it has {len(entries)} entries")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise Refused("it is compressed, which torch.save never does; it could unpack to any size")
    if sum(entry.file_size for entry in entries) > file_bytes:
        raise Refused("its entries overlap")
    names = [entry.filename for entry in entries]
    if len(set(names)) != len(names):
        raise Refused("two entries have the same name")


def globals_of(pickle: bytes) -> list[str]:
    """Return every `module name` that a pickle would import, without running it.

    Raises:
        Refused: it can't be followed.
    """
    found: set[str] = set()
    strings: list[str] = []
    memo: dict[int, str] = {}
    try:
        for opcode, argument, _ in pickletools.genops(pickle):
            if opcode.name in ("GLOBAL", "INST"):
                found.add(str(argument))
            elif opcode.name == "STACK_GLOBAL":
                found.add(" ".join(strings[-2:]) or "?")
            _follow(opcode.name, argument, strings, memo)
    except Exception as error:  # damaged or hostile: anything may be raised
        raise Refused(f"its pickle can't be followed ({type(error).__name__})") from None
    return sorted(found)


def _follow(name: str, argument: Any, strings: list[str], memo: dict[int, str]) -> None:
    """Keep the last strings on the stack, as far as STACK_GLOBAL needs them."""
    if "UNICODE" in name or "STRING" in name:
        strings.append(str(argument))
    elif name == "MEMOIZE":
        memo[len(memo)] = strings[-1] if strings else "?"
    elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
        memo[argument] = strings[-1] if strings else "?"
    elif name in ("GET", "BINGET", "LONG_BINGET"):
        strings.append(memo.get(argument, "?"))
    del strings[:-64]


def tensors_of(value: Any, prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield (name, tensor) of nested dictionaries, names joined by dots."""
    import torch

    if isinstance(value, torch.Tensor):
        yield prefix, value
    elif isinstance(value, Mapping) and depth < MAX_DEPTH:
        for key, item in value.items():
            yield from tensors_of(item, f"{prefix}.{key}" if prefix else str(key), depth + 1)


def convert(path: str, out: str) -> int:
    """Write the tensors as safetensors; return how many.

    Raises:
        Refused: torch refuses the pickle, or there is no tensor.
    """
    import torch
    from safetensors.torch import save_file

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's own text advises to switch the protection off; it is not shown
        raise Refused(f"torch refuses it ({type(error).__name__})") from None
    found = dict(tensors_of(loaded))
    plain = {name: value.detach().contiguous().clone() for name, value in found.items() if _is_plain(value)}
    if not plain or len(plain) > MAX_TENSORS:
        raise Refused(f"it holds {len(plain)} tensors")
    save_file(plain, out)
    return len(plain)


def _is_plain(value: Any) -> bool:
    return value.layout.__repr__() == "torch.strided" and not value.is_quantized and not value.is_complex()


def main(arguments: list[str]) -> int:
    """Run `inspect FILE` or `convert FILE OUT`; 0 is done, 5 is refused."""
    import os

    mode, path = arguments[0], arguments[1]
    answer: dict[str, Any] = {"globals": []}
    try:
        file_bytes = os.path.getsize(path)
        limit(file_bytes)
        answer["globals"] = globals_of(check_zip(path, file_bytes))
        unknown = [name for name in answer["globals"] if not ALLOWED.fullmatch(name)]
        if unknown:
            answer["unknown"] = unknown
            raise Refused(f"it asks for programs that weights don't need: {', '.join(unknown[:5])}")
        if mode == "convert":
            answer["tensors"] = convert(path, arguments[2])
    except Refused as error:
        answer["refused"] = str(error)
    except MemoryError:
        answer["refused"] = "it needs more memory than its size allows"
    sys.stdout.write(json.dumps(answer))
    return 5 if "refused" in answer else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
