"""VGG-16 features: how pictures get to the network, and what is taken from it."""

from __future__ import annotations

import hashlib

import pytest
import torch
from ganstyle_metrics import vgg
from ganstyle_metrics.resize import tf1
from ganstyle_metrics.vgg import Vgg16Extractor, vgg16_extractor
from torch import nn

from ganstyle.data.weights import VGG16, WeightsOptions
from ganstyle.errors import EnvironmentProblem, ModelError


class TinyVgg(nn.Module):
    """As torchvision's, but for the sizes: features, then a classifier of seven layers."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 2, 32, stride=32), nn.Flatten())
        self.classifier = nn.Sequential(
            nn.Linear(98, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 10)
        )

    def forward(self, images):
        return self.classifier(self.features(images))


def stored(path, network):
    torch.save(network.state_dict(), path)
    return WeightsOptions(weights=str(path), weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_features_are_those_behind_the_second_relu_of_normalised_pictures(tmp_path, monkeypatch, photos):
    monkeypatch.setattr(vgg, "vgg16", TinyVgg)
    peer = TinyVgg().eval()
    options = stored(tmp_path / "vgg.pth", peer)
    found = vgg16_extractor(options, "cpu")
    unit = tf1(photos, 224) / 255
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = peer.classifier[:5](peer.features((unit - mean[:, None, None]) / deviation[:, None, None]))
    torch.testing.assert_close(found(photos), expected, rtol=1e-4, atol=1e-5)
    assert (found(photos) >= 0).all()
    assert not found.standard and options.weights_sha256 in found.key
    assert vgg16_extractor(options, "cpu") is found


def test_another_network_is_refused_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(vgg, "vgg16", TinyVgg)
    with pytest.raises(ModelError, match="not the weights of VGG-16"):
        vgg16_extractor(stored(tmp_path / "vgg.pth", nn.Linear(2, 2)), "cpu")


def test_a_file_of_another_content_is_never_used(tmp_path, monkeypatch):
    monkeypatch.setenv("GANSTYLE_HOME", str(tmp_path))
    (tmp_path / VGG16.files[0]).write_bytes(b"truncated")
    with pytest.raises(EnvironmentProblem, match=r"sha256 [0-9a-f]{12}") as caught:
        vgg16_extractor(WeightsOptions(weights=str(tmp_path / VGG16.files[0])), "cpu")
    assert VGG16.url in caught.value.hint


@pytest.mark.slow
def test_features_equal_torch_fidelity(tmp_path, photos):
    from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16
    from torchvision.models import vgg16

    with torch.device("meta"):
        network = vgg16()
    pattern = torch.randn(10_007, generator=torch.Generator().manual_seed(0))  # 138 million draws take a minute
    for name, value in network.state_dict().items():
        scale = (2 / value[0].numel()) ** 0.5 if value.ndim > 1 else 0.1
        filled = pattern.repeat(value.numel() // len(pattern) + 1)[: value.numel()].view(value.shape) * scale
        network.load_state_dict({name: filled}, strict=False, assign=True)
    options = stored(tmp_path / "vgg.pth", network)
    peer = FeatureExtractorVGG16("vgg16", ["fc2_relu"], feature_extractor_weights_path=options.weights)
    ours = vgg16_extractor(options, "cpu")
    assert isinstance(ours, Vgg16Extractor)
    torch.testing.assert_close(ours(photos), peer(photos)[0], rtol=1e-4, atol=1e-5)
