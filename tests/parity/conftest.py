"""The parity suite: ganstyle's numbers beside those of the tools that papers quote, from the same weights and pictures.

    pip install "ganstyle[parity]"
    pytest -m parity tests/parity
    PARITY_DATA=DATA pytest -m parity tests/parity

DATA may hold `cifar10/test.zip`, `paintings/monet` (256 px), `masters` (mixed sizes) and `mnist`; without it the
pictures are crops of the embedded photographs. A test whose peer isn't installed is skipped with its name.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import torch

from ganstyle.data.embedded import embedded_pictures
from ganstyle.data.reading import read_image

DATA = os.environ.get("PARITY_DATA")
MOST = 330  # pixels of a side; more only takes longer
FOLDERS = {32: "cifar10/test.zip", 256: "paintings/monet", "mixed": "masters", "grey": "masters"}


def pytest_collection_modifyitems(items):
    """Mark everything in this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.parity)
            item.add_marker(pytest.mark.timeout(1800))


@pytest.fixture(scope="session")
def peers():
    """benchmarks/metric_peers.py: the networks of other tools."""
    path = Path(__file__).parents[2] / "benchmarks" / "metric_peers.py"
    spec = importlib.util.spec_from_file_location("metric_peers", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def weights(peers, tmp_path_factory):
    """A file of seeded random Inception weights."""
    return peers.write_weights(tmp_path_factory.mktemp("hub"))


@pytest.fixture(scope="session")
def real_pictures():
    """Return a function: (kind, count) to a list of uint8 (3, H, W): kind 32, 256, mixed or grey."""
    return lambda kind, count: (_given if DATA else _cropped)(kind, count)


def _cropped(kind, count):
    """Crops of the embedded photographs, all different."""
    photos = [read_image(path) for path in embedded_pictures("photos")]
    generator = torch.Generator().manual_seed(0)
    sides = (
        [(kind, kind)] * count
        if isinstance(kind, int)
        else [(60 + 41 * i % 270, 330 - 29 * i % 250) for i in range(count)]
    )
    found = []
    for index, (height, width) in enumerate(sides):
        photo = photos[index % len(photos)]
        top, left = (
            int(torch.randint(0, size - side + 1, (), generator=generator))
            for size, side in zip(photo.shape[1:], (height, width), strict=True)
        )
        found.append(_greyed(photo[:, top : top + height, left : left + width], kind))
    return found


def _given(kind, count):
    """Pictures of PARITY_DATA, spread evenly over its files."""
    from ganstyle.engine.sources import picture_set
    from ganstyle.registry import default_registry

    place = Path(DATA) / FOLDERS[kind]
    if not place.exists():
        pytest.skip(f"PARITY_DATA has no {FOLDERS[kind]}")
    pictures = picture_set(str(place), registry=default_registry(), count=count)
    return [_greyed(picture[:, :MOST, :MOST], kind) for picture in pictures.iterate()]


def _greyed(picture, kind):
    if kind != "grey":
        return picture.contiguous()
    weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    return (picture * weights).sum(0).round().to(torch.uint8).expand(3, -1, -1).contiguous()


@pytest.fixture(scope="session")
def feature_sets():
    """Return a function: count to two sets of (count, 2048) non-negative correlated features, as Inception's are.

    Made up, not of pictures: 6,000 pictures through the network would take a quarter of an hour.
    """

    def make(count):
        mix = torch.randn(256, 2048, generator=torch.Generator().manual_seed(0)) / 16
        sets = []
        for seed in (1, 2):
            generator = torch.Generator().manual_seed(seed)
            rows = torch.randn(count, 256, generator=generator) @ mix
            noise = torch.randn(count, 2048, generator=generator)
            sets.append((rows + 0.5 * noise + 0.02 * seed).relu())
        return sets

    return make
