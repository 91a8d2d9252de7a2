"""The Fréchet distance on DINOv2 features, from a stored file to a value, with a small network."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from ganstyle_metrics import dinov2
from ganstyle_metrics.dinov2 import build_fd_dinov2
from ganstyle_metrics.vision_transformer import VisionTransformer
from ganstyle_metrics.weights_table import DINOV2
from PIL import Image

from ganstyle.data.weights import WeightsOptions
from ganstyle.errors import EnvironmentProblem, ModelError


@pytest.fixture
def network(monkeypatch):
    """The published form, narrow and shallow."""
    monkeypatch.setattr(dinov2, "VIT_L14", dataclasses.replace(dinov2.VIT_L14, width=16, depth=1, heads=2))
    torch.manual_seed(0)
    found = VisionTransformer(dinov2.VIT_L14).eval()
    for value in found.parameters():
        torch.nn.init.normal_(value, std=0.3)
    return found


def stored(path, network):
    """Options that accept the network, stored under the published names."""
    names = {"class_token": "cls_token", "positions": "pos_embed"}
    state = {"mask_token": torch.zeros(1, 16)}
    for name, value in network.state_dict().items():
        for ours, theirs in {
            "patches": "patch_embed.proj",
            ".qkv": ".attn.qkv",
            "0.proj": "0.attn.proj",
            "fc": "mlp.fc",
        }.items():
            name = name.replace(ours, theirs)
        state[names.get(name, name.replace("scale1", "ls1.gamma").replace("scale2", "ls2.gamma"))] = value
    torch.save(state, path)
    return WeightsOptions(weights=str(path), weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_value_needs_nothing_but_the_published_file(tmp_path, network, photos):
    options = stored(tmp_path / "dinov2.pth", network)
    found = build_fd_dinov2(options, "cpu")
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    resized = [
        np.asarray(Image.fromarray(one.permute(1, 2, 0).numpy()).resize((224, 224), Image.Resampling.BICUBIC))
        for one in photos
    ]
    unit = torch.from_numpy(np.stack([(one / 255 - mean) / deviation for one in resized])).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        torch.testing.assert_close(found.extractor(photos), network(unit), rtol=1e-3, atol=1e-4)
    found.update(photos, real=True)
    found.update(photos.flip(0), real=False)
    assert found.compute() == {"fd_dinov2_vitl14": pytest.approx(0, abs=1e-3)}
    assert found.resize == "pillow bicubic 224"
    assert "not the published weights" in found.warnings()[0]


def test_other_files_are_refused(tmp_path, network, monkeypatch):
    monkeypatch.setenv("GANSTYLE_WEIGHTS_DIR", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match=DINOV2.files[0]) as caught:
        build_fd_dinov2(WeightsOptions(), "cpu")
    assert DINOV2.sha256 in caught.value.hint
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    digest = hashlib.sha256((tmp_path / "other.pth").read_bytes()).hexdigest()
    with pytest.raises(ModelError, match="not the weights of DINOv2"):
        build_fd_dinov2(WeightsOptions(weights=str(tmp_path / "other.pth"), weights_sha256=digest), "cpu")
