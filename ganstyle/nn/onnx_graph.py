"""ONNX graphs, written without the `onnx` package: a few nodes, constants and shapes as protocol buffers.

What applies styles starts in half a second that way, and a graph is made for whatever widths a model was trained with.
Format: onnx.proto of ONNX 1.17 (IR version 8), and the wire format of protocol buffers. Imports no torch.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

IR_VERSION = 8
OPSET = 17
_ELEMENT_TYPES = {"float32": 1, "uint8": 2, "int32": 6, "int64": 7, "float16": 10}

Attribute = int | float | str | Sequence[int]
Shape = Sequence[int | str]


class GraphBuilder:
    """Collects nodes; every method that adds one returns the name of its output."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []

    def input(self, name: str, kind: str, shape: Shape) -> str:
        """Declare an input; `kind` is a NumPy type, a side of the shape is a number or a word for any number."""
        self._inputs.append(_message(11, _value(name, kind, shape)))
        return name

    def output(self, name: str, kind: str, shape: Shape) -> None:
        """Declare an output, which a node must make."""
        self._outputs.append(_message(12, _value(name, kind, shape)))

    def constant(self, array: NDArray[Any]) -> str:
        """Add an array; it is stored as it is."""
        name = f"constant.{len(self._constants)}"
        self._constants.append(_message(5, _tensor(name, array)))
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Attribute) -> str:
        """Add a node with one output.

        Args:
            operator: of ONNX, e.g. `Conv`.
            *inputs: names of inputs, constants or outputs of other nodes; "" leaves an optional one out.
            output: its name; default a new one.
            **attributes: of the operator.
        """
        return self.split(operator, *inputs, outputs=[output or f"node.{len(self._nodes)}"], **attributes)[0]

    def split(self, operator: str, *inputs: str, outputs: Sequence[str], **attributes: Attribute) -> Sequence[str]:
        """Add a node with several outputs, and return their names."""
        fields = [_message(1, name.encode()) for name in inputs] + [_message(2, name.encode()) for name in outputs]
        fields += [_message(4, operator.encode()), *(_attribute(key, value) for key, value in attributes.items())]
        self._nodes.append(_message(1, b"".join(fields)))
        return outputs

    def to_bytes(self) -> bytes:
        """Return the model file."""
        parts = [*self._nodes, _message(2, self.name.encode()), *self._constants, *self._inputs, *self._outputs]
        opset = _message(1, b"") + _number(2, OPSET)
        return _number(1, IR_VERSION) + _message(2, b"ganstyle") + _message(7, b"".join(parts)) + _message(8, opset)


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers are written modulo 2^64
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        body = _number(3, value) + _number(20, 2)
    elif isinstance(value, float):
        body = _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, 1)
    elif isinstance(value, str):
        body = _message(4, value.encode()) + _number(20, 3)
    else:
        body = b"".join(_number(8, item) for item in value) + _number(20, 7)
    return _message(5, _message(1, name.encode()) + body)


def _tensor(name: str, array: NDArray[Any]) -> bytes:
    sides = b"".join(_number(1, side) for side in array.shape)
    kind = _number(2, _ELEMENT_TYPES[array.dtype.name])
    return sides + kind + _message(8, name.encode()) + _message(9, np.ascontiguousarray(array).tobytes())


def _value(name: str, kind: str, shape: Shape) -> bytes:
    sides = b"".join(_message(1, _side(side)) for side in shape)
    tensor = _number(1, _ELEMENT_TYPES[kind]) + _message(2, sides)
    return _message(1, name.encode()) + _message(2, _message(1, tensor))


def _side(side: int | str) -> bytes:
    return _message(2, side.encode()) if isinstance(side, str) else _number(1, side)
