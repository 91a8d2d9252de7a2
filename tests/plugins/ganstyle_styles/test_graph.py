"""The painter's graphs against the network that they are written from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from ganstyle_styles.graph import MAX_ADAPTERS, GraphStylizer, build_graph, framed, shuffled
from PIL import Image

from ganstyle.api import ImageSpec
from ganstyle.data.embedded import embedded_pictures
from ganstyle.data.reading import as_array
from ganstyle.registry import load_registry
from ganstyle.style.bank import StyleBank
from ganstyle.style.base import load_base
from ganstyle.style.graph import open_session
from ganstyle.style.painters import TorchPainter

SIZES = [(17, 23), (300, 211), (1, 1), (64, 8)]


def difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.abs(first.astype(int) - second.astype(int))


def photograph(height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(as_array(embedded_pictures("photos")[0])).resize((width, height)))


def pair(**options: Any) -> tuple[GraphStylizer, TorchPainter]:
    """Return a small random painter as a graph and as a network."""
    torch.manual_seed(0)
    options = {"base_channels": 8, "blocks": 2, "hidden": 16, "embedding": 16} | options
    network = load_registry(plugins=False).build("arch", "adastyle", options, ImageSpec(64, 64))["stylizer"].eval()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return build_graph(options, weights, open_session), TorchPainter(network, "cpu")


@pytest.fixture(scope="module")
def small() -> tuple[GraphStylizer, TorchPainter]:
    return pair()


def code_of(painter: Any) -> np.ndarray:
    return 0.5 * np.random.default_rng(1).standard_normal(painter.code_length, dtype=np.float32)


@pytest.fixture(scope="module")
def shipped() -> tuple[Any, Any]:
    """Return the shipped painter as a graph and as a network."""
    return load_base(device="cpu").painter, load_base(device="cpu", graph=False).painter


@pytest.mark.parametrize("style", StyleBank().names())
def test_every_shipped_style_is_painted_as_by_the_network(shipped: tuple[Any, Any], style: str) -> None:
    graph, network = shipped
    assert (graph.engine[:4], network.engine[:5]) == ("onnx", "torch")
    code = StyleBank().load(style).code
    for height, width in ((17, 23), (120, 91)):
        picture = photograph(height, width)
        found = difference(graph.paint_tile(picture, code, seed=2), network.paint_tile(picture, code, seed=2))
        assert found.max() <= 1 and (found > 0).mean() < 2e-3  # a value of x.5 may be rounded either way


@pytest.mark.parametrize("size", SIZES)
def test_any_size_is_painted_as_by_the_network(small: Any, size: tuple[int, int]) -> None:
    graph, network = small
    picture, code = photograph(*size), code_of(graph)
    found = difference(graph.paint_tile(picture, code, seed=9), network.paint_tile(picture, code, seed=9))
    assert found.max() <= 1 and (found > 0).mean() < 2e-3
    assert difference(network.paint_tile(picture, code, seed=9), picture).max() > 20  # something was painted


def test_tiles_with_the_moments_of_the_whole_are_painted_as_by_the_network(small: Any) -> None:
    graph, network = small
    picture, code = photograph(120, 200), code_of(graph)
    moments, expected = graph.measure(picture, code, seed=9), network.measure(picture, code, seed=9)
    for found, wanted in zip(moments, expected, strict=True):
        assert all(np.allclose(one, other.numpy(), atol=1e-4) for one, other in zip(found, wanted, strict=True))
    tile, place = picture[40:, 64:], {"offset": (40, 64), "seed": 9}
    painted = graph.paint_tile(tile, code, statistics=moments, **place)
    assert difference(painted, network.paint_tile(tile, code, statistics=expected, **place)).max() <= 1
    assert difference(painted, graph.paint_tile(tile, code, **place)).max() > 1  # its own moments are others


def test_the_moments_of_a_picture_paint_it_as_without_them(small: Any) -> None:
    graph, _ = small
    picture, code = photograph(64, 80), code_of(graph)
    moments = graph.measure(picture, code)
    assert difference(graph.paint_tile(picture, code, statistics=moments), graph.paint_tile(picture, code)).max() <= 1


@pytest.mark.parametrize("options", [{"base_channels": 12, "blocks": 1}, {"base_channels": 4, "blocks": 7}])
def test_other_widths_and_depths_have_their_graph(options: dict[str, int]) -> None:
    graph, network = pair(**options)
    picture, code = photograph(40, 56), code_of(graph)
    assert graph.code_length == network.code_length
    assert difference(graph.paint_tile(picture, code), network.paint_tile(picture, code)).max() <= 1


def test_seeds_and_places_give_other_strokes(small: Any) -> None:
    graph, _ = small
    picture, code = photograph(40, 56), code_of(graph)
    first = graph.paint_tile(picture, code, seed=1)
    assert np.array_equal(first, graph.paint_tile(picture, code, seed=1))
    assert not np.array_equal(first, graph.paint_tile(picture, code, seed=2))
    assert not np.array_equal(first, graph.paint_tile(picture, code, seed=1, offset=(8, 0)))


def test_the_number_of_threads_changes_no_pixel() -> None:
    graphs = [pair(base_channels=16)[0] for _ in range(3)]
    for threads, graph in enumerate(graphs, start=1):
        graph.open_session = lambda model, threads=threads: open_session(model, threads=threads)
    picture, code = photograph(203, 260), code_of(graphs[0])
    first, *others = ((graph.paint_tile(picture, code), graph.measure(picture, code)) for graph in graphs)
    for painted, moments in others:
        assert np.array_equal(painted, first[0])
        assert all(np.array_equal(one, other) for one, other in zip(sum(moments, ()), sum(first[1], ())))


@pytest.mark.parametrize("kind", ["whole", "measure", "tile"])
def test_the_graphs_are_valid_onnx(small: Any, kind: str) -> None:
    onnx = pytest.importorskip("onnx")
    onnx.checker.check_model(onnx.load_from_string(small[0].layers.graph(kind)), full_check=True)


def test_graphs_are_made_only_when_needed(small: Any) -> None:
    graph, made = pair()[0], []
    open_one = graph.open_session
    graph.open_session = lambda model: made.append(model) or open_one(model)
    for _ in range(2):
        graph.paint_tile(photograph(16, 16), code_of(graph))
    assert len(made) == 1
    graph.release()
    graph.paint_tile(photograph(16, 16), code_of(graph))
    assert len(made) == 2


def adapted(painter: Any, *, seed: int = 1, size: float = 0.1) -> np.ndarray:
    """Return a code with an adapter."""
    drawn = np.random.default_rng(seed).standard_normal(painter.adapter_length, dtype=np.float32)
    return np.concatenate([code_of(painter), np.float32(size) * drawn])


def test_a_style_with_an_adapter_is_painted_as_by_the_network_whole_and_in_tiles(small: Any) -> None:
    graph, network = small
    assert graph.adapter_length == network.adapter_length == 2 * 32 * 49
    picture, numbers = photograph(90, 120), adapted(graph)
    painted = graph.paint_tile(picture, numbers, seed=3)
    assert difference(painted, network.paint_tile(picture, numbers, seed=3)).max() <= 1
    assert difference(painted, graph.paint_tile(picture, code_of(graph), seed=3)).mean() > 1
    tiles = [
        painter.paint_tile(picture[:, 32:], numbers, statistics=painter.measure(picture, numbers), offset=(0, 32))
        for painter in (graph, network)
    ]
    assert difference(*tiles).max() <= 1


def test_an_adapter_of_zeros_is_none(small: Any) -> None:
    graph, _ = small
    picture = photograph(24, 32)
    zeros = adapted(graph, size=0.0)
    assert np.array_equal(graph.paint_tile(picture, zeros), graph.paint_tile(picture, code_of(graph)))


def test_the_sessions_of_a_few_adapters_stay_open() -> None:
    graph, made = pair()[0], []
    open_one = graph.open_session
    graph.open_session = lambda model: made.append(model) or open_one(model)
    picture, styles = photograph(16, 16), [adapted(graph, seed=seed) for seed in range(MAX_ADAPTERS + 1)]
    for numbers in [*styles[:MAX_ADAPTERS], *styles[:MAX_ADAPTERS]]:
        graph.paint_tile(picture, numbers)
    assert len(made) == MAX_ADAPTERS
    for numbers in (styles[-1], styles[1], styles[0]):  # the first was the longest ago
        graph.paint_tile(picture, numbers)
    assert len(made) == MAX_ADAPTERS + 2


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda weights: weights.pop("painter.to_rgb.bias"), KeyError),
        (lambda weights: weights.update({"painter.to_rgb.bias": np.zeros(11)}), ValueError),
        (lambda weights: weights.update({"painter.merge_half.weight": np.zeros((8, 8, 5, 5))}), ValueError),
    ],
)
def test_foreign_weights_are_refused(change: Callable[[dict[str, Any]], object], error: type[Exception]) -> None:
    weights = dict(pair()[0].layers.weights)
    change(weights)
    with pytest.raises(error):
        build_graph({"base_channels": 8, "blocks": 2}, weights, open_session)


def test_the_frame_repeats_the_cells_at_the_edge() -> None:
    content = np.arange(3 * 5 * 3, dtype=np.uint8).reshape(3, 5, 3)
    planes = framed(content)
    assert planes.shape == (1, 3, 12, 12)
    rows, columns = [0, 1, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2], [0, 1, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4]
    assert np.array_equal(planes[0].transpose(1, 2, 0), content[rows][:, columns])


def test_planes_become_a_picture_as_in_torch() -> None:
    planes = np.arange(12 * 3 * 4, dtype=np.uint8).reshape(1, 12, 3, 4)
    expected = torch.nn.functional.pixel_shuffle(torch.from_numpy(planes), 2)[0].permute(1, 2, 0)
    assert np.array_equal(shuffled(planes), expected.numpy())
