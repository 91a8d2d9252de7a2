"""The style encoder without torch against the network that it is written from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from ganstyle_styles import encoding
from ganstyle_styles.adastyle import STYLE_TAPS, AdaStyleOptions, Stylizer
from ganstyle_styles.encoding import StyleEncoder, backbone_graph, tapped_channels, typical_moments
from ganstyle_styles.graph import build_graph
from PIL import Image

from ganstyle.data.embedded import embedded_pictures
from ganstyle.data.reading import as_array
from ganstyle.nn.lite0 import read_lite0
from ganstyle.style.graph import open_session
from ganstyle.style.painters import network_code, to_signed

OPTIONS = {"base_channels": 8, "blocks": 1, "hidden": 16, "embedding": 12}
SIZES = [(96, 131), (32, 32), (31, 57), (1, 1), (3, 200)]


@pytest.fixture(scope="module")
def network() -> Stylizer:
    torch.manual_seed(0)
    stylizer = Stylizer(AdaStyleOptions(**OPTIONS)).eval()
    torch.nn.init.normal_(stylizer.encoder.head.weight, std=3)  # codes up to the limit
    return stylizer


@pytest.fixture(scope="module")
def weights(network: Stylizer) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in network.state_dict().items()}


@pytest.fixture(scope="module")
def encoder(weights: dict[str, np.ndarray]) -> StyleEncoder:
    return StyleEncoder(weights, open_session)


def photograph(height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(as_array(embedded_pictures("photos")[0])).resize((width, height)))


@pytest.mark.parametrize("size", SIZES)
def test_codes_are_those_of_the_network(encoder: StyleEncoder, network: Stylizer, size: tuple[int, int]) -> None:
    picture = photograph(*size)
    found, wanted = encoder.encode(picture), network_code(network, picture)
    assert found.dtype == np.float32
    assert np.abs(wanted).max() > 1  # not all of it small
    assert np.abs(found - wanted).max() < 1e-3
    assert np.abs(found - network_code(network, picture[:, ::-1] // 2)).max() > 0.1


@pytest.mark.parametrize("level", [0, 127, 255])
def test_moments_of_flat_pictures_stay_finite_and_equal(encoder: StyleEncoder, network: Stylizer, level: int) -> None:
    picture = np.full((40, 50, 3), level, np.uint8)
    with torch.no_grad():
        wanted = network.encoder.moments(to_signed(picture))[0].numpy()
    assert np.allclose(encoder.moments(picture), wanted, atol=2e-3)


def test_typical_moments_are_those_of_the_network(network: Stylizer) -> None:
    mean, deviation = typical_moments(read_lite0())
    assert np.allclose(mean, network.encoder.typical_mean, atol=1e-5)
    assert np.allclose(deviation, network.encoder.typical_deviation, atol=1e-5)


def test_the_taps_are_those_of_the_network(network: Stylizer) -> None:
    assert tuple(f"b{index}.depthwise" for index in encoding.TAPPED_BLOCKS) == STYLE_TAPS
    assert tapped_channels() == [network.encoder.backbone.channels(tap) for tap in STYLE_TAPS]


def test_the_graph_is_valid_onnx() -> None:
    onnx = pytest.importorskip("onnx")
    onnx.checker.check_model(onnx.load_from_string(backbone_graph(read_lite0())), full_check=True)


def test_half_precision_weights_are_read_as_the_network_reads_them(weights: dict[str, np.ndarray]) -> None:
    halves = {name: value.astype(np.float16) for name, value in weights.items()}
    floats = {name: value.astype(np.float32) for name, value in halves.items()}
    picture = photograph(40, 50)
    first, second = (StyleEncoder(each, open_session).encode(picture) for each in (halves, floats))
    assert np.array_equal(first, second)


def test_the_graph_is_opened_when_needed_and_closed_when_told(weights: dict[str, np.ndarray]) -> None:
    opened: list[int] = []
    counting = lambda model: opened.append(len(model)) or open_session(model)  # noqa: E731
    graph = build_graph(OPTIONS, weights, counting)
    assert graph.encode is not None
    for _ in range(2):
        graph.encode(photograph(32, 40))
    assert len(opened) == 1
    graph.release()
    graph.encode(photograph(32, 40))
    assert len(opened) == 2


def test_another_backbone_is_left_to_the_network(weights: dict[str, np.ndarray]) -> None:
    assert build_graph({**OPTIONS, "backbone": "another"}, weights, open_session).encode is None


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda weights: weights.pop("encoder.head.bias"), KeyError),
        (lambda weights: weights.update({"encoder.mlp.0.weight": np.zeros((16, 10))}), ValueError),
        (lambda weights: weights.update({"encoder.mlp.2.bias": np.zeros(13)}), ValueError),
        (lambda weights: weights.update({"encoder.head.weight": np.zeros((7, 13))}), ValueError),
    ],
)
def test_foreign_weights_are_refused(
    weights: dict[str, np.ndarray], change: Callable[[Any], object], error: type[Exception]
) -> None:
    changed = dict(weights)
    change(changed)
    with pytest.raises(error):
        StyleEncoder(changed, open_session)
