"""The Inception networks of other FID tools, all on one file of seeded random weights.

The published weights are 96 MB and nothing here downloads; the arithmetic of a network is the same on random ones.
evaluate.py times these networks, tests/parity compares their features with ours. Every function imports its tool when
called: `pip install pytorch-fid clean-fid torchmetrics "scipy<1.18"` (never dependencies of ganstyle).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from ganstyle_metrics.inception import InceptionOptions, _layers, inception_extractor
from torch import Tensor, nn

Network = Callable[[Tensor], Tensor]  # uint8 (B, 3, H, W) to float (B, 2048)
FILE = "pt_inception-2015-12-05-6726825d.pth"  # where pytorch-fid's loader finds it instead of downloading
TORCHSCRIPT = "inception-2015-12-05.pt"
SIDE = 299


def random_weights(seed: int = 0) -> dict[str, Tensor]:
    """Return 566 tensors in the shapes of the published file: Kaiming convolutions, batch norms that do something."""
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


def write_weights(folder: Path, seed: int = 0) -> Path:
    """Write random weights to the place below a torch.hub folder where tools look for them."""
    path = folder / "checkpoints" / FILE
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(random_weights(seed), path)
    return path


def ours(weights: Path, *, resize: str = "tf1") -> Network:
    """Return ganstyle's extractor."""
    return inception_extractor(InceptionOptions(resize=resize, **accepted(weights)), "cpu")


def accepted(weights: Path) -> dict[str, str]:
    """Return the options by which ganstyle takes this file instead of the published one."""
    return {"weights": str(weights), "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}


def torch_fidelity(weights: Path) -> Network:
    """Return torch-fidelity's extractor: TensorFlow 1's resize."""
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    network = FeatureExtractorInceptionV3("peer", ["2048"], feature_extractor_weights_path=str(weights)).eval()
    return without_gradients(lambda images: network(images)[0])


def pytorch_fid(weights: Path) -> Network:
    """Return pytorch-fid's extractor: torch's bilinear resize without antialias."""
    from pytorch_fid.inception import InceptionV3

    before = torch.hub.get_dir()
    torch.hub.set_dir(str(weights.parents[1]))
    try:
        network = InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval()
    finally:
        torch.hub.set_dir(before)
    return without_gradients(lambda images: network(images / 255)[0].flatten(1))


def torchmetrics(weights: Path, *, antialias: bool = True) -> Network:
    """Return torchmetrics' extractor: bilinear with antialias, its default, or TensorFlow 1's resize."""
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature_extractor_weights_path=str(weights), antialias=antialias)
    return without_gradients(metric.inception)


def clean_fid(weights: Path) -> Network:
    """Return clean-fid's extractor: Pillow's bicubic resize of each channel in float."""
    from cleanfid.resize import build_resizer

    resize, network = build_resizer("clean"), clean_fid_network(weights)

    def extract(images: Tensor) -> Tensor:
        pixels = (image.permute(1, 2, 0).numpy() for image in images)
        return network(torch.stack([torch.from_numpy(resize(one)).permute(2, 0, 1) for one in pixels]))

    return without_gradients(extract)


def clean_fid_network(weights: Path) -> Any:
    """Return clean-fid's wrapper around a TorchScript file: a stand-in for NVIDIA's, traced from the same layers."""
    from cleanfid.inception_torchscript import InceptionV3W

    folder = weights.parents[1]
    if not (folder / TORCHSCRIPT).is_file():
        layers = plain_layers(weights)
        traced = torch.jit.trace(layers, torch.zeros(2, 3, SIDE, SIDE))
        torch.jit.script(_Holder(traced)).save(str(folder / TORCHSCRIPT))
    return InceptionV3W(str(folder), download=False).eval()


class _Holder(nn.Module):
    """What clean-fid takes from the file: an attribute `layers`."""

    def __init__(self, layers: Any) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def plain_layers(weights: Path) -> nn.Module:
    """Return the network with its batch norms unfused, ending with the pooled features."""
    body = nn.Sequential(_layers())
    state = torch.load(weights, map_location="cpu", weights_only=True)
    body.load_state_dict({name: value for name, value in state.items() if not name.startswith("fc.")})
    return body.append(nn.Flatten(1)).eval()


def without_gradients(extract: Network) -> Network:
    """Return a function that keeps no graph."""

    def run(images: Tensor) -> Tensor:
        with torch.inference_mode():
            return extract(images)

    return run


PEERS: dict[str, tuple[Callable[[Path], Network], str]] = {  # name: (its extractor, our resize that means the same)
    "torch-fidelity": (torch_fidelity, "tf1"),
    "pytorch-fid": (pytorch_fid, "pytorch"),
    "clean-fid": (clean_fid, "clean"),
    "torchmetrics": (torchmetrics, "antialias"),
}
