"""CLIP ViT-L/14 features (336 pixels) and the kernel distance on them.

Papers: Radford et al. 2021 (arXiv:2103.00020); Jayasumana et al. 2024 (arXiv:2401.09603). Weights by OpenAI (MIT).
"""

from __future__ import annotations

import functools
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.data.weights import WeightsOptions, chosen_weights, load_state_dict
from ganstyle.errors import ModelError
from ganstyle.functional.gaussian_mmd import gaussian_mmd, gaussian_mmd_deviation
from ganstyle_metrics.resize import pillow
from ganstyle_metrics.sets import Extractor, FeatureEvaluator, interval
from ganstyle_metrics.vision_transformer import Shape, VisionTransformer, load_published, quick_gelu
from ganstyle_metrics.weights_table import CLIP

SIDE = 336
SIGMA = 10.0
SCALE = 1000.0
FEW = 5000  # the bias of the estimate, about 1 / N of its scale, is then small beside usual values
CLIP_L14 = Shape(
    patch=14,
    grid=24,
    width=1024,
    depth=24,
    heads=16,
    epsilon=1e-5,
    gelu=quick_gelu,
    norm_first=True,
    out=768,
)
_LAYER = r"vision_model\.encoder\.layers\.(\d+)\."
NAMES = {
    r"text_.*|logit_scale|vision_model\.embeddings\.position_ids": "",
    r"vision_model\.embeddings\.patch_embedding\.weight": "patches.weight",
    r"vision_model\.pre_layrnorm\.(.*)": r"first_norm.\1",
    r"vision_model\.post_layernorm\.(.*)": r"norm.\1",
    r"visual_projection\.weight": "out.weight",
    _LAYER + r"layer_norm(\d)\.(.*)": r"blocks.\1.norm\2.\3",
    _LAYER + r"mlp\.(.*)": r"blocks.\1.\2",
    _LAYER + r"self_attn\.out_proj\.(.*)": r"blocks.\1.proj.\2",
}
"""Published names to ours, see `load_published`."""


class ClipExtractor:
    """Pictures to the image embedding of CLIP, of length 1.

    Attributes:
        key: names network, layer, resize and weights; equal keys give equal features.
        width: features per picture.
        resize: how pictures get to 336 pixels.
        weights_sha256: of the weights file.
        standard: whether these are the published weights.
    """

    resize = f"centre square, pillow bicubic {SIDE}"

    def __init__(self, network: VisionTransformer, *, weights_sha256: str, device: torch.device | str) -> None:
        self.network, self.device, self.weights_sha256 = network.to(device), device, weights_sha256
        self.width = network.shape.out
        self.key = f"clip-vitl14-336:embedding:{self.resize}:{weights_sha256}"
        self.standard = weights_sha256 == CLIP.sha256
        self._mean = torch.tensor([0.48145466, 0.4578275, 0.40821073], device=device)[:, None, None] * 255
        self._deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711], device=device)[:, None, None] * 255

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 (B, 768) on the CPU of uint8 images (B, 3, H, W)."""
        square = pillow(centre_square(images), SIDE).to(self.device)
        return F.normalize(self.network((square - self._mean) / self._deviation)).cpu()


def centre_square(images: Tensor) -> Tensor:
    """Return the largest square in the middle of images (B, C, H, W)."""
    side = min(images.shape[2:])
    top, left = ((size - side) // 2 for size in images.shape[2:])
    return images[..., top : top + side, left : left + side]


def clip_extractor(options: WeightsOptions, device: torch.device | str) -> ClipExtractor:
    """Find, verify and load the network; metrics with equal options share it.

    Raises:
        EnvironmentProblem: no such weights, or a file of another content.
        ModelError: the file accepted by its hash holds another network.
    """
    path, sha256 = chosen_weights(CLIP, options)
    return _loaded(path, sha256, str(device))


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, sha256: str, device: str) -> ClipExtractor:
    network = load_published(CLIP_L14, joined(load_state_dict(path)), names=NAMES, title=CLIP.name)
    return ClipExtractor(network, weights_sha256=sha256, device=device)


def joined(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a published file with queries, keys and values in one, and tokens in our shape.

    Raises:
        ModelError: some of them are missing.
    """
    state = dict(state)
    try:
        state["class_token"] = state.pop("vision_model.embeddings.class_embedding")[None, None]
        state["positions"] = state.pop("vision_model.embeddings.position_embedding.weight")[None]
        for name in [name for name in state if name.startswith("vision_model") and ".self_attn.q_proj." in name]:
            layer, kind = name.split(".")[3], name.split(".")[-1]
            parts = [state.pop(name.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")]
            state[f"blocks.{layer}.qkv.{kind}"] = torch.cat(parts)
    except (KeyError, IndexError):
        raise ModelError(f"these are not the weights of {CLIP.name}") from None
    return state


class Cmmd(FeatureEvaluator):
    """Squared MMD with a Gaussian kernel of width 10, times 1000 (arXiv:2401.09603)."""

    key = "cmmd_clip_vitl14_336"

    @property
    def protocol(self) -> str:
        """The definition in words."""
        return f"biased MMD², Gaussian kernel of width {SIGMA:g}, x {SCALE:g}, {self.extractor.width} features"

    def compute(self) -> dict[str, float]:
        """Return the distance.

        Raises:
            NoInputError: fewer than two pictures on a side, or features that are not finite.
        """
        value = self.pair().once("gaussian", lambda: gaussian_mmd(self.pair(), sigma=SIGMA))
        return {self.key: SCALE * value.item()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the value at these counts, by random halves; none for very many pictures."""
        if self.fewest() < 4 or not self.pair().held:
            return {}
        deviation = SCALE * gaussian_mmd_deviation(self.pair(), sigma=SIGMA).item()
        return {self.key: interval(self.compute()[self.key], deviation)}

    def warnings(self) -> list[str]:
        """Add how far the number of pictures can be trusted."""
        said, fewest = super().warnings(), self.fewest()
        if fewest < FEW:
            said.append(f"only {fewest:,} images: below {FEW:,} the value is clearly too high (a biased estimate)")
        return said


def build_cmmd(options: WeightsOptions, device: torch.device | str) -> Cmmd:
    """Return the kernel distance on CLIP features."""
    extractor: Extractor = clip_extractor(options, device)
    return Cmmd(extractor)
