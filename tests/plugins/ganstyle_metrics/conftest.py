"""Seeded random weights in the shape of the Inception file, and real pictures."""

from __future__ import annotations

import hashlib

import pytest
import skimage
import torch
from ganstyle_metrics.inception import InceptionOptions, _layers, inception_extractor
from torch import nn


def random_state(seed=0):
    """566 tensors: Kaiming convolutions, batch norms that do something, as in the published file."""
    generator = torch.Generator().manual_seed(seed)
    network = nn.Sequential(_layers())
    network.fc = nn.Linear(2048, 1008)
    for name, value in network.state_dict().items():
        if value.ndim > 1:
            value.normal_(std=(2 / value[0].numel()) ** 0.5, generator=generator)
        elif name.endswith(("bn.weight", "running_var")):
            value.uniform_(0.8, 1.2, generator=generator)
        elif value.is_floating_point():
            value.normal_(std=0.1, generator=generator)
    return network.state_dict()


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory):
    """(path, sha256) of a weights file of 95 MB."""
    path = tmp_path_factory.mktemp("weights") / "random-inception.pth"
    torch.save(random_state(), path)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def inception_values(inception_file):
    """Option values that accept the random file."""
    return {"weights": str(inception_file[0]), "weights_sha256": inception_file[1]}


@pytest.fixture(scope="session")
def extractor(inception_values):
    """The network with random weights."""
    return inception_extractor(InceptionOptions(**inception_values), "cpu")


@pytest.fixture(scope="session")
def photos():
    """Two different real photographs, uint8 (2, 3, 60, 80)."""
    parts = [skimage.data.astronaut()[:60, 100:180], skimage.data.coffee()[200:260, 300:380]]
    return torch.stack([torch.from_numpy(part.copy()).permute(2, 0, 1) for part in parts])
