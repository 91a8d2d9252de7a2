"""The style encoder of `adastyle` without torch: a picture to its code.

The frozen backbone up to its last tap is an ONNX graph that ends in the moments of every channel; the small perceptron
behind them is NumPy. Written from `adastyle.StyleEncoder`, whose codes it gives to within some 1e-5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganstyle.nn.lite0 import Arrays, folded, lite0_shapes, lite0_strides, read_lite0, under
from ganstyle.nn.onnx_graph import GraphBuilder

BACKBONE = "efficientnet-lite0"
TAPPED_BLOCKS = (0, 1, 3, 5, 8)  # `adastyle.STYLE_TAPS`: what their depthwise convolutions give
EPSILON = 1e-5  # as in functional.style.channel_statistics
LOG_GAIN_LIMIT = 3.0
PERCEPTRON = ("mlp.0", "mlp.2", "head")

Array = NDArray[Any]
Floats = NDArray[np.float32]
Session = Callable[[Mapping[str, Array]], Sequence[Array]]


class StyleEncoder:
    """Reads styles off pictures; backbone and graph are loaded when first needed.

    Args:
        weights: name in the stylizer's state to array.
        open_session: makes a graph callable: inputs by name to the list of outputs.

    Raises:
        KeyError: an array is missing.
        ValueError: one has another shape.
    """

    def __init__(self, weights: Mapping[str, Array], open_session: Callable[[bytes], Session]) -> None:
        self.layers = [(weights[f"encoder.{name}.weight"], weights[f"encoder.{name}.bias"]) for name in PERCEPTRON]
        inputs = 2 * sum(tapped_channels())
        for weight, bias in self.layers:
            if weight.shape != (*bias.shape, inputs):
                raise ValueError(f"the style encoder has a layer of {weight.shape}, its input has {inputs} numbers")
            inputs = len(bias)
        self.open_session = open_session
        self._opened: tuple[Session, Floats, Floats] | None = None

    def encode(self, picture: NDArray[np.uint8]) -> Floats:
        """Return the code, float32 (D,), of uint8 (H, W, 3) as it is, any H and W.

        Raises:
            FileNotFoundError: the backbone's weights are not installed.
            ValueError: they are damaged.
        """
        values = self.moments(picture)
        for index, (weight, bias) in enumerate(self.layers):
            values = np.maximum(values, 0) if index else values
            values = weight.astype(np.float32) @ values + bias.astype(np.float32)
        limit = np.float32(LOG_GAIN_LIMIT)
        return limit * np.tanh(values / limit)

    def moments(self, picture: NDArray[np.uint8]) -> Floats:
        """Return the standardised moments of uint8 (H, W, 3), float32 (width,): means, then log deviations."""
        if self._opened is None:
            state = read_lite0()
            self._opened = (self.open_session(backbone_graph(state)), *typical_moments(state))
        session, typical_mean, typical_deviation = self._opened
        planes = np.ascontiguousarray(picture.transpose(2, 0, 1))[None]
        mean, deviation = (part.reshape(-1) for part in session({"image": planes}))
        typical = typical_deviation + np.float32(1e-3)
        logs = np.maximum(np.log(deviation / typical), np.float32(-4))
        return np.concatenate([(mean - typical_mean) / typical, logs])

    def release(self) -> None:
        """Close the session."""
        self._opened = None


def tapped_channels() -> list[int]:
    """Return the channels of every tap."""
    shapes = lite0_shapes()
    return [shapes[f"_blocks.{index}._depthwise_conv.weight"][0] for index in TAPPED_BLOCKS]


def typical_moments(state: Arrays) -> tuple[Floats, Floats]:
    """Return the mean and deviation, float32 (C,), that natural pictures have at all taps one after the other.

    As `EfficientNetLite0.typical_moments`: those of a Gaussian with the batch norm's moments after ReLU6.

    Args:
        state: of the backbone.
    """
    norms = [under(state, f"_blocks.{index}._bn1.") for index in TAPPED_BLOCKS]
    centre, spread = (np.concatenate([norm[part] for norm in norms]) for part in ("bias", "weight"))
    points = (np.arange(800) + 0.5) / 100 - 4
    mass = np.exp(-(points**2) / 2)
    mass /= mass.sum()
    values = np.clip(centre[:, None] + np.abs(spread)[:, None] * points, 0, 6)
    mean = values @ mass
    deviation = np.sqrt((values - mean[:, None]) ** 2 @ mass)
    return mean.astype(np.float32), deviation.astype(np.float32)


def backbone_graph(state: Arrays) -> bytes:
    """Return the graph: `image` uint8 (1, 3, H, W) to the `mean` and `deviation` of all taps' channels, (1, C, 1, 1).

    Args:
        state: of the backbone, see `read_lite0`.
    """
    writer = _Writer(state)
    features, tapped = writer.stem(), []
    for index, stride in enumerate(lite0_strides()[: TAPPED_BLOCKS[-1] + 1]):
        wide, features = writer.block(features, index, stride)
        if index in TAPPED_BLOCKS:
            tapped.append(wide)
    return writer.finished(tapped)


class _Writer:
    """The graph while it is written."""

    def __init__(self, state: Arrays) -> None:
        self.state, self.graph = state, GraphBuilder("adastyle_encode")

    def stem(self) -> str:
        """Pixels to (x - 127) / 128, before anything is padded with zeros, and through the first layer."""
        pixels = self.graph.add("Cast", self.graph.input("image", "uint8", [1, 3, "rows", "columns"]), to=1)
        centred = self.graph.add("Sub", pixels, self.number(127))
        scaled = self.graph.add("Mul", centred, self.number(1 / 128))
        return self.clipped(self.conv(scaled, "_conv_stem", "_bn0", stride=2))

    def block(self, features: str, index: int, stride: int) -> tuple[str, str]:
        """Return the activated depthwise map and the block's output; the last block's output is left out."""
        name, wide = f"_blocks.{index}.", features
        if f"{name}_expand_conv.weight" in self.state:
            wide = self.clipped(self.conv(features, f"{name}_expand_conv", f"{name}_bn0"))
        wide = self.clipped(self.conv(wide, f"{name}_depthwise_conv", f"{name}_bn1", stride=stride))
        if index == TAPPED_BLOCKS[-1]:
            return wide, ""
        output = self.conv(wide, f"{name}_project_conv", f"{name}_bn2")
        return wide, self.graph.add("Add", output, features) if self.keeps_shape(index, stride) else output

    def keeps_shape(self, index: int, stride: int) -> bool:
        """Whether a block has a residual: it keeps the size, and as many channels as the block before it gave."""
        given = [self.state[f"_blocks.{block}._bn2.bias"].size for block in (max(index - 1, 0), index)]
        return index > 0 and stride == 1 and given[0] == given[1]

    def conv(self, features: str, name: str, norm: str, *, stride: int = 1) -> str:
        """A convolution with its norm folded in; an odd zero of padding goes after, as in TensorFlow."""
        weight, bias = folded(self.state[f"{name}.weight"], under(self.state, f"{norm}."))
        side, group = weight.shape[2], len(weight) if weight.shape[1] == 1 else 1
        shape = {"kernel_shape": [side, side], "strides": [stride, stride], "group": group}
        constants = (self.graph.constant(weight), self.graph.constant(bias))
        return self.graph.add("Conv", features, *constants, auto_pad="SAME_UPPER", **shape)

    def clipped(self, features: str) -> str:
        return self.graph.add("Clip", features, self.number(0), self.number(6))

    def finished(self, tapped: Sequence[str]) -> bytes:
        """Return the graph's bytes, with the moments of the tapped maps."""
        found = [self.moments(features) for features in tapped]
        for place, name in enumerate(("mean", "deviation")):
            self.graph.add("Concat", *(pair[place] for pair in found), output=name, axis=1)
            self.graph.output(name, "float32", [1, sum(tapped_channels()), 1, 1])
        return self.graph.to_bytes()

    def moments(self, features: str) -> tuple[str, str]:
        mean = self.graph.add("ReduceMean", features, axes=[2, 3])
        centred = self.graph.add("Sub", features, mean)
        variance = self.graph.add("ReduceMean", self.graph.add("Mul", centred, centred), axes=[2, 3])
        return mean, self.graph.add("Sqrt", self.graph.add("Add", variance, self.number(EPSILON)))

    def number(self, value: float) -> str:
        return self.graph.constant(np.array(value, np.float32))
