"""Base models that paint without torch: when they are used, and what happens where they can't be."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_painter import Painter, gradient

from ganstyle.api import Architecture
from ganstyle.data.tensors import read_arrays, write_arrays
from ganstyle.engine.cards import CARD_KEY, read_card
from ganstyle.errors import EnvironmentProblem, ModelError
from ganstyle.nn.onnx_graph import GraphBuilder
from ganstyle.style import graph as graphs
from ganstyle.style.bank import StyleBank
from ganstyle.style.base import BaseModel, load_base, weights_path
from ganstyle.style.graph import GraphPainter, graph_painter, may_have_gpu, open_session, thread_count


def record(graph: Any) -> Architecture:
    return Architecture("a", "A sentence.", "package:build", graph=graph)


class Fixed:
    """A stylizer that adds its weight to every pixel."""

    code_length = 3

    def __init__(self, options: Mapping[str, Any], weights: Mapping[str, Any], open_session: Any) -> None:
        self.step = options["step"] * int(weights["shift"][0])

    def paint_tile(
        self, content: Any, code: Any, *, statistics: Any = None, offset: Any = (0, 0), seed: int = 0
    ) -> Any:
        return content + np.uint8(self.step + seed + offset[1] + (statistics or 0))

    def measure(self, content: Any, code: Any, *, seed: int = 0) -> Any:
        return 100 + seed

    def release(self) -> None:
        self.step = 0


def test_a_plugin_s_graph_paints_with_its_options_and_weights() -> None:
    painter = graph_painter(record(Fixed), {"step": 2}, {"shift": np.array([5.0])})
    assert painter is not None
    assert (painter.code_length, painter.device, painter.engine[:11]) == (3, "cpu", "onnxruntime")
    picture, code = np.zeros((1, 2, 3), np.uint8), np.zeros(3, np.float32)
    statistics = painter.measure(picture, code, seed=1)
    assert (painter.paint_tile(picture, code) == 10).all()
    assert (painter.paint_tile(picture, code, statistics=statistics, offset=(8, 16), seed=4) == 131).all()
    assert painter.on_cpu() is painter
    painter.release()
    assert (painter.paint_tile(picture, code) == 0).all()


def test_a_graph_that_cannot_be_imported_names_its_target() -> None:
    with pytest.raises(EnvironmentProblem, match="No module named") as caught:
        graph_painter(record("no_such_module_at_all:build"), {}, {})
    assert caught.value.where == "no_such_module_at_all:build"


def test_without_a_graph_or_with_other_weights_torch_paints() -> None:
    assert graph_painter(record(""), {}, {}) is None
    assert graph_painter(record(Fixed), {"step": 2}, {}) is None


def test_a_graph_that_fails_names_its_plugin() -> None:
    with pytest.raises(EnvironmentProblem, match="graph of arch 'a' failed: TypeError"):
        graph_painter(record(Fixed), {"step": None}, {"shift": np.array([5.0])})


@pytest.mark.parametrize("graph", ["nothing", "package:", "a:b:c", "../x:y"])
def test_a_graph_must_be_a_function_or_name_one(graph: str) -> None:
    with pytest.raises(ValueError, match="graph"):
        record(graph)


def test_a_session_runs_on_as_many_threads_as_it_is_told() -> None:
    graph = GraphBuilder("double")
    x = graph.input("x", "float32", ["n"])
    graph.add("Add", x, x, output="y")
    graph.output("y", "float32", ["n"])
    for threads in (None, 1, 2):
        (doubled,) = open_session(graph.to_bytes(), threads=threads)({"x": np.array([1, 4], np.float32)})
        assert doubled.tolist() == [2, 8]


def test_the_number_of_threads_follows_the_variable_that_torch_obeys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert thread_count() == 3
    for nonsense in ("0", "many", "-1", ""):
        monkeypatch.setenv("OMP_NUM_THREADS", nonsense)
        assert 1 <= thread_count() <= (os.cpu_count() or 1)


def test_a_gpu_is_looked_for_by_its_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(graphs, "_GPU_FILES", (str(tmp_path / "driver"),))
    assert not may_have_gpu()
    (tmp_path / "driver").touch()
    assert may_have_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not may_have_gpu()


def test_the_shipped_base_model_paints_by_its_graph_and_keeps_its_fingerprint() -> None:
    by_graph, by_torch = load_base(device="cpu"), load_base(device="cpu", graph=False)
    assert isinstance(by_graph.painter, GraphPainter)
    assert not isinstance(by_torch.painter, GraphPainter)
    assert (by_graph.sha256, by_graph.name) == (by_torch.sha256, by_torch.name)
    assert by_graph.code_length == by_torch.code_length == by_graph.stylizer.code_length


def test_a_base_model_without_a_graph_is_painted_by_torch(painter: Painter) -> None:
    assert painter.base.painter.engine.startswith("torch")


def test_a_model_with_a_wrong_tensor_is_refused_by_the_network(tmp_path: Path) -> None:
    from ganstyle.registry import default_registry

    source = weights_path(None, default_registry())
    arrays = read_arrays(source)
    arrays["stylizer/painter.to_rgb.bias"] = np.zeros(7, np.float16)
    path = write_arrays(tmp_path / "model.safetensors", arrays, {CARD_KEY: read_card(source).model_dump_json()})
    with pytest.raises(ModelError, match=r"to_rgb\.bias"):
        load_base(path, device="cpu")


class Reading(Fixed):
    """One that encodes as well: the mean colour."""

    def encode(self, picture: Any) -> Any:
        if self.step == 0:
            raise FileNotFoundError("weights are gone")
        return picture.mean((0, 1)).astype(np.float32)


def base_with(graph: Any, opened: list[str]) -> BaseModel:
    """Return a base model whose network's code is 7."""

    def open_network() -> Any:
        import torch

        opened.append("network")
        return type("Network", (), {"encode": staticmethod(lambda style: torch.full((len(style), 3), 7.0))})()

    found = graph_painter(record(graph), {"step": 2}, {"shift": np.array([5.0])})
    assert found is not None
    return BaseModel("a", "0" * 64, found, "cpu", False, open_network)


def test_a_graph_that_can_encode_spares_the_network() -> None:
    opened: list[str] = []
    picture = np.full((4, 5, 3), (1, 2, 3), np.uint8)
    assert base_with(Reading, opened).encode(picture).tolist() == [1, 2, 3] and opened == []
    assert base_with(Fixed, opened).encode(picture).tolist() == [7, 7, 7] and opened == ["network"]


def test_what_encoding_lacks_is_told_in_our_words() -> None:
    base = base_with(Reading, [])
    base.painter.release()
    with pytest.raises(EnvironmentProblem, match="the style encoder failed: weights are gone"):
        base.encode(np.zeros((4, 5, 3), np.uint8))


def test_the_shipped_base_model_encodes_by_its_graph_as_by_torch() -> None:
    from ganstyle.style.learning import encode

    by_graph, by_torch = load_base(device="cpu"), load_base(device="cpu", graph=False)
    for picture in (gradient(), gradient(45, 400)):
        first, second = (encode(base, np.asarray(picture)) for base in (by_graph, by_torch))
        assert np.abs(first - second).max() < 1e-3
        assert np.abs(second).max() > 0.1


PROGRAM = """
import sys
import numpy as np
import ganstyle
photo, work = (np.random.default_rng(seed).integers(0, 256, (40, 60, 3), dtype=np.uint8) for seed in range(2))
for style, strength in [({names[0]!r}, 1), ("{names[0]}:0.6,{names[1]}:0.4", 1), (work, 1), ({names[0]!r}, 0.5)]:
    painting = ganstyle.transfer(photo, style, strength=strength, device="auto")
    print(painting.size, [name for name in {slow!r} if name in sys.modules])
"""


def test_styles_are_applied_without_importing_torch() -> None:
    program = PROGRAM.format(names=StyleBank().names(), slow=("torch", "scipy", "skimage", "onnx"))
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout.splitlines() == ["(60, 40) []"] * 4, done.stderr


COMMANDS = """
import sys
from ganstyle.cli.app import main
for line in {lines!r}:
    sys.argv = ["ganstyle", "transfer", {photo!r}, "--out", {out!r}, "--quiet", "--device", "cpu", *line]
    try:
        code = main()
    except SystemExit as end:
        code = end.code
    print("way", code or 0, [name for name in ("torch", "onnx") if name in sys.modules])
"""
WAYS = (
    "--style {picture}",
    "--style {folder}",
    "--style {name} --strength 0.5",
    "--style {picture} --strength 0.3,1.4 --stroke-size 2 --variations 2",
    "--style {picture}:0.5,{name}:0.5 --preserve-color luma",
    "--style {name} --preserve-color histogram --max-size 64",
    "--style {name} --style {folder} --sheet",
    "--style {name} --style {picture} --mask {mask}",
)


@pytest.mark.slow
def test_no_way_to_ask_for_a_style_imports_torch(tmp_path: Path) -> None:
    folder = tmp_path / "works"
    folder.mkdir()
    photo, picture, mask = tmp_path / "photo.png", folder / "picture.png", tmp_path / "mask.png"
    gradient(96, 64).save(photo)
    gradient(120, 90).rotate(90).save(picture)
    Image.fromarray(np.repeat(np.uint8([[0, 255]]), 48, 1).repeat(64, 0)).save(mask)
    names = {"picture": picture, "folder": folder, "name": StyleBank().names()[0], "mask": mask}
    lines = [way.format(**names).split() for way in WAYS]
    program = COMMANDS.format(photo=str(photo), out=str(tmp_path / "out"), lines=lines)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    answers = [line for line in done.stdout.splitlines() if line.startswith("way")]
    assert answers == ["way 0 []"] * len(WAYS), done.stderr
    assert len(list((tmp_path / "out").iterdir())) == len(WAYS) + 3


LARGE = """
import resource
import numpy as np
from PIL import Image
import ganstyle
rough = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
photo = np.asarray(Image.fromarray(rough).resize((6000, 4000)))
assert ganstyle.transfer(photo, {style!r}, strength=0.5, device="cpu").size == (6000, 4000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_24_megapixels_take_less_than_a_gigabyte() -> None:
    program = LARGE.format(style=StyleBank().names()[0])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert int(done.stdout) < 1 << 20, done.stderr  # in KiB
