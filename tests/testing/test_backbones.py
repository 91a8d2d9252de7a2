"""The kit on backbones: each breach is found, what keeps the contract passes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ganstyle.api import Options
from ganstyle.errors import EnvironmentProblem
from ganstyle.testing import ConformanceError, NotCheckable, check_backbone


class NoOptions(Options):
    """No options."""


class Edges(nn.Module):
    """Differences of neighbours, at two sizes."""

    style_taps = ("fine", "coarse")
    content_taps = ("coarse",)

    def forward(self, images, taps):
        fine = images[..., 1:] - images[..., :-1]
        maps = {"fine": fine, "coarse": nn.functional.avg_pool2d(fine, 4)}
        return {tap: maps[tap] for tap in taps}


def check(cls):
    def build(options: NoOptions) -> nn.Module:
        return cls()

    check_backbone(build)


class Learning(Edges):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(1))


class Nameless(Edges):
    style_taps = ()


class Generous(Edges):
    def forward(self, images, taps):
        return super().forward(images, ("fine", "coarse"))


class Cut(Edges):
    def forward(self, images, taps):
        return super().forward(images.detach(), taps)


class Sociable(Edges):
    def forward(self, images, taps):
        return super().forward(images - images.mean(0), taps)


class Flat(Edges):
    def forward(self, images, taps):
        return {tap: maps.flatten(1) for tap, maps in super().forward(images, taps).items()}


class Infinite(Edges):
    def forward(self, images, taps):
        return {tap: maps / 0 for tap, maps in super().forward(images, taps).items()}


def test_a_small_backbone_keeps_the_contract():
    check(Edges)


@pytest.mark.parametrize(
    ("breach", "said"),
    [
        (Learning, "parameters that want gradients"),
        (Nameless, r"`style_taps` is \(\)"),
        (Generous, "asked for one map"),
        (Cut, "no gradient comes from fine"),
        (Sociable, "depends on the others"),
        (Flat, "no float"),
        (Infinite, "not finite"),
    ],
)
def test_each_breach_is_found(breach, said):
    with pytest.raises(ConformanceError, match=said):
        check(breach)


def test_a_function_is_no_module():
    def build(options: NoOptions) -> object:
        return type("Plain", (), {"style_taps": ("a",), "content_taps": ("a",)})()

    with pytest.raises(ConformanceError, match=r"no torch\.nn\.Module"):
        check_backbone(build)


def test_missing_weights_are_not_a_breach():
    def build(options: NoOptions) -> nn.Module:
        raise EnvironmentProblem("no weights", where="here")

    with pytest.raises(NotCheckable, match="no weights"):
        check_backbone(build)
