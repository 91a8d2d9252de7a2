"""A base model with known answers, installed as a plugin would be: a style is its mean and deviation per channel."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_plugins import Site
from PIL import Image

from ganstyle.registry import Registry, default_registry

RECORDS = """
from ganstyle.api import Architecture, hookimpl
ganstyle_api = 1
@hookimpl
def ganstyle_components():
    yield Architecture("moments", "Paints by mean and deviation.", "tiny_painter_plugin.nets:build",
                       weights="tiny_painter_plugin:weights/moments.safetensors", styles="tiny_painter_plugin:styles")
"""
NETS = """
import torch
from torch import nn
from ganstyle.api import ImageSpec, Options

class NoOptions(Options):
    pass

class Moments(nn.Module):
    code_length = 6

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def encode(self, style):
        return torch.cat([style.std((2, 3), correction=0).log(), style.mean((2, 3))], 1)

    def measure(self, content, code, *, seed=0):
        return content.mean((2, 3), keepdim=True), content.std((2, 3), correction=0, keepdim=True) + 1e-6

    def stylize(self, content, code, *, statistics=None, offset=(0, 0), seed=0):
        mean, deviation = statistics or self.measure(content, code)
        gain, bias = code[:, :, None, None].chunk(2, 1)
        return self.scale * ((content - mean) / deviation * gain.exp() + bias)

    def fitting(self, works, photos, *, code, loss=None, seed=0):
        return Towards(works, code)

class Towards:
    # Every step goes a tenth of the way to the works' own code plus a half; the score is the distance left.
    def __init__(self, works, code):
        signed = [work.float()[None] / 127.5 - 1 for work in works]
        self.code, self.goal = code, torch.cat([Moments().encode(work) for work in signed]).mean(0)
        self.goal = self.goal + 0.5

    def step(self, fraction):
        self.code = self.code + 0.1 * (self.goal - self.code)
        return {}

    def score(self, code):
        return {"total": float((code - self.goal).abs().mean())}

def build(options: NoOptions, image: ImageSpec):
    return {"stylizer": Moments()}
"""


@dataclass
class Painter:
    """What a test needs of the installed plugin."""

    folder: Path
    registry: Registry
    base: Any


@pytest.fixture
def painter(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Painter]:
    """Install the plugin with weights and a shipped style `sunset`; the built-in styles are disabled."""
    from ganstyle.style.bank import write_style
    from ganstyle.style.base import load_base
    from ganstyle.style.learning import make_style

    monkeypatch.setenv("GANSTYLE_DISABLE_PLUGINS", "ganstyle:styles")
    package = site.folder / "tiny_painter_plugin"
    (package / "styles").mkdir(parents=True)
    (package / "__init__.py").write_text(textwrap.dedent(RECORDS))
    (package / "nets.py").write_text(textwrap.dedent(NETS))
    site.modules += ["tiny_painter_plugin", "tiny_painter_plugin.nets"]
    site.register("tiny-painter", "painter = tiny_painter_plugin")
    registry = default_registry()
    _save_weights(registry, package / "weights" / "moments.safetensors")
    base = load_base(registry=registry, device="cpu")
    for name, color in (("sunset", (200, 90, 40)), ("night", (20, 40, 120))):
        style = make_style(noise(color), name=name, base=base, title=name.title())
        write_style(style, package / "styles" / f"{name}.style.safetensors")
    yield Painter(package, registry, base)


def _save_weights(registry: Registry, path: Path) -> None:
    from ganstyle.api import ImageSpec
    from ganstyle.engine.model import Card, Named, Shape, save_model

    networks = registry.build("arch", "moments", {}, ImageSpec(64, 64))
    shape = Shape(height=64, width=64)
    card = Card(arch=Named(name="moments"), task=Named(name="gan"), loss=Named(name="bce"), image=shape)
    save_model(path, networks, card)


def noise(color: tuple[int, int, int], *, size: tuple[int, int] = (96, 96), seed: int = 0) -> torch.Tensor:
    """Return uint8 (3, H, W): coarse noise of deviation 12 levels around a color."""
    generator = torch.Generator().manual_seed(seed)
    rough = torch.randn(1, 3, 8, 8, generator=generator)
    smooth = torch.nn.functional.interpolate(rough, size=size, mode="nearest")[0]
    smooth = (smooth - smooth.mean((1, 2), keepdim=True)) / smooth.std((1, 2), correction=0, keepdim=True)
    return (torch.tensor(color).view(3, 1, 1) + 12 * smooth).round().clamp(0, 255).byte()


def gradient(width: int = 120, height: int = 80) -> Image.Image:
    """Return a picture whose red grows to the right, green downwards, blue is constant."""
    x, y = np.meshgrid(np.linspace(60, 190, width), np.linspace(60, 190, height))
    wave = 100 + 20 * np.sin(x * y / 2000 * math.pi)
    return Image.fromarray(np.stack([x, y, wave], 2).round().astype(np.uint8))
