"""What the networks refuse, and sizes that no power of two divides."""

from __future__ import annotations

import pytest
import torch
from ganstyle_example.networks import NetworkOptions, build_networks

from ganstyle.api import ImageSpec
from ganstyle.errors import UsageError

SMALL = NetworkOptions(channels=4, z_dim=5)


def test_any_size_is_made_exactly() -> None:
    networks = build_networks(SMALL, ImageSpec(37, 50))
    images = networks["generator"](torch.zeros(2, 5))
    assert images.shape == (2, 3, 37, 50)
    assert networks["discriminator"](images).shape == (2, 1)


@pytest.mark.parametrize("image", [ImageSpec(32, 32, labels=2), ImageSpec(4, 32)])
def test_labels_and_tiny_pictures_are_refused(image: ImageSpec) -> None:
    with pytest.raises(UsageError):
        build_networks(SMALL, image)
