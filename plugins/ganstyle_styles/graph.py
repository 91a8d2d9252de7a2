"""The painter of `adastyle` as ONNX graphs: what applies a style without torch.

Three graphs of the same layers: `whole` normalises by the picture's own moments, `measure` returns them, `tile` takes
them. Written from `adastyle.Painter`, whose results they give to within a hundredth of a level of 255; that some
layers are written otherwise (below) is for speed, as measured on a CPU of 2026 with onnxruntime 1.31.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganstyle.nn.onnx_graph import GraphBuilder

from .encoding import BACKBONE, StyleEncoder
from .noise import position_noise

GRID = 8
FRAME = 2  # pixels around the picture that the first layer reads
EPSILON = 1e-5  # as in functional.style.channel_statistics
STROKES = 7  # side of the kernels that an adapter changes
MAX_ADAPTERS = 4  # whose sessions stay open: as many as the regions of a usual mask

Array = NDArray[Any]
Weights = Mapping[str, Array]
Session = Callable[[Mapping[str, Array]], Sequence[Array]]
Moments = list[tuple[Array, Array]]


def build_graph(
    options: Mapping[str, Any], weights: Weights, open_session: Callable[[bytes], Session]
) -> GraphStylizer:
    """Return what paints with the weights of a stylizer.

    Args:
        options: of the architecture, with `base_channels` and `blocks`.
        weights: name in the stylizer's state to array; float16 or float32.
        open_session: makes a graph callable: inputs by name to the list of outputs.

    Raises:
        KeyError, ValueError: the weights are not those of such a painter.
    """
    layers = Layers(int(options["base_channels"]), int(options["blocks"]), weights)
    known = options.get("backbone", BACKBONE) == BACKBONE
    return GraphStylizer(layers, open_session, StyleEncoder(weights, open_session) if known else None)


class GraphStylizer:
    """Paints pieces of pictures; graphs are made when first needed, and for every adapter anew.

    An adapter's kernels are written into the graphs: as inputs of a graph they would cost a convolution its fast path.

    Args:
        layers: of the painter.
        open_session: see `build_graph`.
        encoder: reads styles off pictures; None leaves that to the network.

    Attributes:
        encode: takes uint8 (H, W, 3), returns the code float32 (code_length,); or None.
    """

    def __init__(
        self, layers: Layers, open_session: Callable[[bytes], Session], encoder: StyleEncoder | None = None
    ) -> None:
        self.layers, self.open_session, self._encoder = layers, open_session, encoder
        self.encode = encoder.encode if encoder else None
        self.code_length, self.adapter_length = layers.code_length, layers.adapter_length
        self._sessions: OrderedDict[bytes, dict[str, Session]] = OrderedDict()

    def paint_tile(
        self,
        content: NDArray[np.uint8],
        code: Array,
        *,
        statistics: Moments | None = None,
        offset: tuple[int, int] = (0, 0),
        seed: int = 0,
    ) -> NDArray[np.uint8]:
        """Paint a piece.

        Args:
            content: uint8 (H, W, 3).
            code: float32 (code_length,), or followed by the `adapter_length` numbers of an adapter.
            statistics: from `measure` of the whole picture; None takes the piece's own.
            offset: the piece's row and column, multiples of 8.
            seed: of the stroke noise.

        Returns:
            uint8 (H, W, 3).
        """
        kind = "whole" if statistics is None else "tile"
        code, adapter = self._parted(code)
        feeds = self._feeds(content, code, statistics=statistics, offset=offset, seed=seed)
        (planes,) = self._session(kind, adapter)(feeds)
        return shuffled(planes)[: content.shape[0], : content.shape[1]]

    def measure(self, content: NDArray[np.uint8], code: Array, *, seed: int = 0) -> Moments:
        """Return mean and deviation, float32 (1, C, 1, 1), of every modulation site for uint8 (H, W, 3)."""
        code, adapter = self._parted(code)
        found = self._session("measure", adapter)(self._feeds(content, code, seed=seed))
        return list(zip(found[::2], found[1::2], strict=True))

    def release(self) -> None:
        """Close the sessions: one that ran out of memory keeps what it had got."""
        self._sessions.clear()
        if self._encoder is not None:
            self._encoder.release()

    def _parted(self, code: Array) -> tuple[Array, Array | None]:
        """Return the code proper, and its adapter; one of zeros is none."""
        code, adapter = np.split(np.asarray(code, np.float32), [self.code_length])
        return code, adapter if adapter.any() else None

    def _session(self, kind: str, adapter: Array | None) -> Session:
        key = b"" if adapter is None else hashlib.sha256(adapter.tobytes()).digest()
        opened = self._sessions.setdefault(key, {})
        self._sessions.move_to_end(key)
        if kind not in opened:
            opened[kind] = self.open_session(self.layers.graph(kind, adapter))
        if len(self._sessions) > MAX_ADAPTERS:
            self._sessions.popitem(last=False)
        return opened[kind]

    def _feeds(
        self,
        content: NDArray[np.uint8],
        code: Array,
        *,
        statistics: Moments | None = None,
        offset: tuple[int, int] = (0, 0),
        seed: int = 0,
    ) -> dict[str, Array]:
        planes = framed(content)
        feeds: dict[str, Array] = {"image": planes, **self.layers.code_inputs(code, statistics)}
        for scale in (8, 4):
            sides = [(side - 2 * FRAME) // scale for side in planes.shape[2:]]
            start = (offset[0] // scale, offset[1] // scale)
            feeds[f"noise{scale}"] = position_noise(sides, offset=start, seed=seed + scale)
        return feeds


def framed(content: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return planes with sides that are multiples of 8, in a frame: what the first layer reads.

    A layer that repeats edges would repeat the first 2 x 2 pixels of a picture that it sees in cells of 2 x 2.

    Args:
        content: uint8 (H, W, 3).

    Returns:
        uint8 (1, 3, H' + 4, W' + 4), H' and W' rounded up to multiples of 8 by repeating the last pixel.
    """
    height, width = content.shape[:2]
    sides = [side + -side % GRID + 2 * FRAME for side in (height, width)]
    planes = np.empty((1, 3, *sides), np.uint8)
    inner = planes[0, :, FRAME:-FRAME, FRAME:-FRAME]
    inner[:, :height, :width] = content.transpose(2, 0, 1)
    inner[:, :height, width:] = inner[:, :height, width - 1 : width]
    inner[:, height:] = inner[:, height - 1 : height]
    for axis in (3, 2):
        view = planes.swapaxes(axis, 0)
        view[:FRAME], view[-FRAME:] = view[FRAME : 2 * FRAME], view[-2 * FRAME : -FRAME]
    return planes


def shuffled(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture, (2h, 2w, 3), of planes (1, 12, h, w): a channel's 2 x 2 places follow one another."""
    height, width = planes.shape[2:]
    picture = np.empty((height, 2, width, 2, 3), planes.dtype)
    for index, plane in enumerate(planes[0]):  # four times as fast as a transposition
        picture[:, index % 4 // 2, :, index % 2, index // 4] = plane
    return picture.reshape(2 * height, 2 * width, 3)


class Layers:
    """Writes the painter's layers into graphs.

    Args:
        base_channels: channels at half resolution.
        blocks: depthwise blocks at 1/8 resolution.
        weights: name in the stylizer's state to array.

    Raises:
        KeyError: an array is missing.
        ValueError: one has another shape.
    """

    def __init__(self, base_channels: int, blocks: int, weights: Weights) -> None:
        self.half, self.quarter, self.eighth = base_channels, 2 * base_channels, 4 * base_channels
        self.blocks, self.weights = blocks, weights
        self.sites = (*[self.eighth] * blocks, self.quarter, self.half)
        self.sizes = [*(2 * c for c in self.sites), self.quarter, self.half, self.eighth, self.quarter]
        for name, (outputs, inputs, side) in self.convolutions().items():
            found = [weights[f"painter.{name}.{part}"].shape for part in ("weight", "bias")]
            if found != [(outputs, inputs, side, side), (outputs,)]:
                raise ValueError(f"layer {name} has shapes {found}, expected {(outputs, inputs, side, side)}")

    def convolutions(self) -> dict[str, tuple[int, int, int]]:
        """Return name to (channels out, channels in of a group, side) of every layer."""
        half, quarter, eighth = self.half, self.quarter, self.eighth
        layers = {"from_rgb": (half, 12, 3), "down_quarter": (quarter, half, 3), "down_eighth": (eighth, quarter, 3)}
        for index in range(self.blocks):
            layers[f"blocks.{index}.depthwise"] = (eighth, 1, STROKES)
            layers[f"blocks.{index}.expand"] = (2 * eighth, eighth, 1)
            layers[f"blocks.{index}.project"] = (eighth, 2 * eighth, 1)
        layers |= {"up_quarter": (4 * quarter, eighth, 1), "merge_quarter": (quarter, quarter, 3)}
        return layers | {"up_half": (4 * half, quarter, 1), "merge_half": (half, half, 3), "to_rgb": (12, half, 3)}

    @property
    def code_length(self) -> int:
        """How many numbers a style code has."""
        return sum(self.sizes)

    @property
    def adapter_length(self) -> int:
        """How many numbers a style's adapter has."""
        return self.blocks * self.eighth * STROKES**2

    def code_inputs(self, code: Array, statistics: Moments | None) -> dict[str, Array]:
        """Return the inputs that depend on the style: factors and shifts of the sites, gates, noise amplitudes."""
        parts = np.split(np.asarray(code, np.float32), np.cumsum(self.sizes)[:-1])
        gates, amplitudes = parts[-4:-2], parts[-2:]
        inputs = {f"gate{index}": _column(1 / (1 + np.exp(-part))) for index, part in enumerate(gates)}
        inputs |= {f"amplitude{index}": _column(part) for index, part in enumerate(amplitudes)}
        for index, part in enumerate(parts[:-4]):
            gain, bias = np.split(part, 2)
            factor, shift = np.exp(gain), bias
            if statistics is not None:
                mean, deviation = (value.reshape(-1) for value in statistics[index])
                factor = factor / deviation
                shift = bias - mean * factor
                factor, shift = _column(factor), _column(shift)
            inputs |= {f"factor{index}": factor, f"shift{index}": shift}
        return inputs

    def graph(self, kind: str, adapter: Array | None = None) -> bytes:
        """Return the ONNX graph `whole`, `measure` or `tile`, with kernels changed by float32 (adapter_length,)."""
        layers = self if adapter is None else Layers(self.half, self.blocks, self._adapted(adapter))
        return _Writer(layers, kind).written()

    def _adapted(self, adapter: Array) -> Weights:
        changes = adapter.reshape(self.blocks, self.eighth, 1, STROKES, STROKES)
        names = [f"painter.blocks.{index}.depthwise.weight" for index in range(self.blocks)]
        changed = {name: self.weights[name] + change for name, change in zip(names, changes, strict=True)}
        return {**self.weights, **changed}


class _Writer:
    """One graph while it is written."""

    def __init__(self, layers: Layers, kind: str) -> None:
        self.layers, self.kind, self.graph = layers, kind, GraphBuilder(f"adastyle_{kind}")

    def written(self) -> bytes:
        graph, layers = self.graph, self.layers
        half = graph.add("Relu", self.first())
        quarter = graph.add("Relu", self.conv(half, "down_quarter", 3, stride=2))
        features = graph.add("Relu", self.conv(quarter, "down_eighth", 3, stride=2))
        features = self.noisy(features, 8, layers.eighth, index=0)
        for index in range(layers.blocks):
            features = self.block(features, index)
        features = self.larger(features, "up_quarter", quarter, gate=0)
        features = self.noisy(features, 4, layers.quarter, index=1)
        features = graph.add("Relu", self.site(self.conv(features, "merge_quarter", 3), layers.blocks))
        features = self.larger(features, "up_half", half, gate=1)
        features = graph.add("Relu", self.site(self.conv(features, "merge_half", 3), layers.blocks + 1))
        if self.kind != "measure":
            self.last(features)
        return graph.to_bytes()

    def first(self) -> str:
        """Pixels to half resolution: cells of 2 x 2, then 3 x 3 of them, is one layer of 6 x 6 with stride 2."""
        weight, bias = self.weight("from_rgb")
        cells = weight.reshape(-1, 3, 2, 2, 3, 3).transpose(0, 1, 4, 2, 5, 3).reshape(-1, 3, 6, 6)
        image = self.graph.add("Cast", self.graph.input("image", "uint8", [1, 3, "rows", "columns"]), to=1)
        # (x / 127.5 - 1) is done by the weights: there is no padding that it would have to spare.
        constants = (self.constant(cells / 127.5), self.constant(bias - cells.sum((1, 2, 3))))
        return self.graph.add("Conv", image, *constants, kernel_shape=[6, 6], strides=[2, 2])

    def last(self, features: str) -> None:
        """Half resolution to pixels, in planes: the inverse of (x / 127.5 - 1), rounded and clipped."""
        one, level, zero = np.float32(1), np.float32(2 / 255), np.uint8(0)
        painted = self.graph.add("Tanh", self.conv(features, "to_rgb", 3))
        raised = self.graph.add("Add", painted, self.graph.constant(np.array(one)))
        constants = (self.graph.constant(np.array(level)), self.graph.constant(np.array(zero)))
        self.graph.add("QuantizeLinear", raised, *constants, output="painted")
        self.graph.output("painted", "uint8", [1, 12, "half_rows", "half_columns"])

    def block(self, features: str, index: int) -> str:
        name = f"blocks.{index}"
        depthwise = self.conv(features, f"{name}.depthwise", STROKES, group=self.layers.eighth)
        hidden = self.graph.add("Relu", self.conv(self.site(depthwise, index), f"{name}.expand", 1))
        return self.graph.add("Add", features, self.conv(hidden, f"{name}.project", 1))

    def conv(self, features: str, name: str, side: int, *, stride: int = 1, group: int = 1) -> str:
        """A convolution that repeats the edge."""
        if side > 1:
            frame = np.array([0, 0, side // 2, side // 2] * 2, np.int64)
            features = self.graph.add("Pad", features, self.graph.constant(frame), mode="edge")
        constants = [self.constant(array) for array in self.weight(name)]
        shape = {"kernel_shape": [side, side], "strides": [stride, stride], "group": group}
        return self.graph.add("Conv", features, *constants, **shape)

    def larger(self, features: str, name: str, skip: str, *, gate: int) -> str:
        """1 x 1, each place to 2 x 2 of them, plus the gated skip.

        As a transposed convolution: half the time of a layer and its shuffling. Its bias is the same at all four
        places, the layer's is not, so a channel of ones takes it.
        """
        weight, bias = self.weight(name)
        joined = np.concatenate([weight.reshape(*weight.shape[:2]), bias[:, None]], 1)
        kernel = joined.reshape(-1, 2, 2, joined.shape[1]).transpose(3, 0, 1, 2)
        extra, one = np.array([0, 0, 0, 0, 0, 1, 0, 0], np.int64), np.float32(1)
        ones = self.graph.add("Pad", features, self.graph.constant(extra), self.graph.constant(np.array(one)))
        shape = {"kernel_shape": [2, 2], "strides": [2, 2]}
        enlarged = self.graph.add("ConvTranspose", ones, self.constant(kernel), **shape)
        weighed = self.graph.add("Mul", skip, self.column(f"gate{gate}", kernel.shape[1]))
        return self.graph.add("Add", enlarged, weighed)

    def noisy(self, features: str, scale: int, channels: int, *, index: int) -> str:
        noise = self.graph.input(f"noise{scale}", "float32", [1, 1, f"rows{scale}", f"columns{scale}"])
        amplitude = self.column(f"amplitude{index}", channels)
        return self.graph.add("Add", features, self.graph.add("Mul", noise, amplitude))

    def site(self, features: str, index: int) -> str:
        """Normalise and modulate: e^g (x - mean) / deviation + b."""
        channels, graph = self.layers.sites[index], self.graph
        if self.kind == "tile":
            scaled = graph.add("Mul", features, self.column(f"factor{index}", channels))
            return graph.add("Add", scaled, self.column(f"shift{index}", channels))
        if self.kind == "measure":
            self.moments(features, index, channels)
        factor = graph.input(f"factor{index}", "float32", [channels])
        shift = graph.input(f"shift{index}", "float32", [channels])
        # One channel at a time stays in the cache, where means, differences and products of whole maps do not.
        return graph.add("InstanceNormalization", features, factor, shift, epsilon=EPSILON)

    def moments(self, features: str, index: int, channels: int) -> None:
        graph = self.graph
        mean = graph.add("ReduceMean", features, output=f"mean{index}", axes=[2, 3])
        centred = graph.add("Sub", features, mean)
        variance = graph.add("ReduceMean", graph.add("Mul", centred, centred), axes=[2, 3])
        least = graph.constant(np.array(EPSILON, np.float32))
        graph.add("Sqrt", graph.add("Add", variance, least), output=f"deviation{index}")
        for name in ("mean", "deviation"):
            graph.output(f"{name}{index}", "float32", [1, channels, 1, 1])

    def column(self, name: str, channels: int) -> str:
        return self.graph.input(name, "float32", [1, channels, 1, 1])

    def weight(self, name: str) -> tuple[Array, Array]:
        weights = self.layers.weights
        return tuple(weights[f"painter.{name}.{part}"].astype(np.float64) for part in ("weight", "bias"))  # type: ignore[return-value]

    def constant(self, array: Array) -> str:
        return self.graph.constant(array.astype(np.float32))


def _column(values: Array) -> Array:
    return values.astype(np.float32).reshape(1, -1, 1, 1)
