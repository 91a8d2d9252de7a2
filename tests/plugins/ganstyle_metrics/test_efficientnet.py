"""EfficientNet-Lite0 features: what they are, and that they see what matters."""

from __future__ import annotations

import pytest
import torch
from ganstyle_metrics import efficientnet
from ganstyle_metrics.efficientnet import lite0_extractor
from torch.nn import functional as F

from ganstyle.errors import EnvironmentProblem
from ganstyle.nn.encoders import load_lite0


def test_features_are_the_mean_of_the_last_block(photos):
    unit = F.interpolate(photos.float(), size=(224, 224), mode="bilinear", antialias=True) / 127.5 - 1
    with torch.inference_mode():
        expected = load_lite0(last_block=15)(unit, ["b15.output"])["b15.output"].mean((2, 3))
    features = lite0_extractor("cpu")(photos)
    assert features.shape == (2, 320)
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-5)


def test_a_flip_moves_features_less_than_another_photograph(photos):
    extractor = lite0_extractor("cpu")
    astronaut, coffee, flipped = extractor(torch.cat([photos, photos[:1].flip(3)]))
    assert (astronaut - flipped).norm() < 0.7 * (astronaut - coffee).norm()


def test_missing_weights_are_an_environment_problem(monkeypatch):
    def missing(**_):
        raise FileNotFoundError("backbone weights not found")

    monkeypatch.setattr(efficientnet, "load_lite0", missing)
    with pytest.raises(EnvironmentProblem, match="backbone weights not found"):
        lite0_extractor("cpu:0")
