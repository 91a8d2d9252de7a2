"""Fixtures: a base model with known answers, and a small stylizer of the real architecture."""

from __future__ import annotations

import pytest
import torch
from tiny_painter import painter  # noqa: F401  a fixture

from ganstyle.api import ImageSpec
from ganstyle.registry import load_registry
from ganstyle.style.base import BaseModel, base_of


@pytest.fixture(scope="session")
def adastyle() -> BaseModel:
    """A small random adastyle: the real receptive field, norms and noise."""
    torch.manual_seed(0)
    options = {"base_channels": 8, "hidden": 16, "embedding": 16}
    networks = load_registry(plugins=False).build("arch", "adastyle", options, ImageSpec(64, 64))
    return base_of(networks["stylizer"], "adastyle", torch.device("cpu"))
