"""ArtFID: how near painted pictures are to their contents, times how near all of them are to all works.

Paper: Wright and Ommer 2022 (arXiv:2207.12280). Its package (art-fid 0.0.2) passes the number of workers as the number
of sizes of its default "ArtFID infinity", which then is the distance of 5,000 pictures; here it is the plain distance
of all of them, `--mode art_fid` there. The network's weights have no published hash: only a user's own file is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot, isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ganstyle.data.weights import WeightsOptions, file_sha256, load_state_dict
from ganstyle.errors import EnvironmentProblem, ModelError, NoInputError, UsageError
from ganstyle.functional.distances import pair_frechet
from ganstyle.functional.feature_pairs import FeaturePair
from ganstyle.functional.frechet_spread import frechet_deviation
from ganstyle_metrics.backbones import BackboneOptions, load_backbone
from ganstyle_metrics.efficientnet import lite0_extractor
from ganstyle_metrics.paired import PairEvaluator, check_pair, check_side
from ganstyle_metrics.perceptual import LiteDistance, Lpips
from ganstyle_metrics.sets import Extractor
from ganstyle_metrics.trunks import load_trunk

ART_URL = "https://huggingface.co/matthias-wright/art_inception/resolve/main/art_inception.pth"
HEADS = ("fc1.", "fc2.", "AuxLogits")
SHORTEST = 75  # Inception's pooling leaves nothing of less


class ArtFidOptions(WeightsOptions):
    """Options of `artfid`; `weights` is the AlexNet file of LPIPS."""

    net: Annotated[
        Literal["efficientnet_lite0", "art_inception"],
        Field(description="Offline, ours and named as such; or the paper's: LPIPS and an Inception trained on art."),
    ] = "efficientnet_lite0"
    art_weights: Annotated[str | None, Field(description=f"Of the paper's network: {ART_URL}, 0.1 GB.")] = None


class ArtInception(nn.Module):
    """The paper's network: torchvision's Inception v3, trained on art, to 2048 pooled features.

    Attributes:
        key: names network, layer, resize and weights.
        weights_sha256: of the weights file.
    """

    width, resize, standard = 2048, "own size", True

    def __init__(self, state: Mapping[str, Tensor], *, weights_sha256: str) -> None:
        """Take the state dict of the paper's file; its classifiers are left out.

        Raises:
            ModelError: names or shapes of the rest differ.
        """
        from torchvision.models import inception_v3  # as slow to import as torch: only the paper's network needs it

        super().__init__()
        self.weights_sha256 = weights_sha256
        self.key = f"art-inception:pool:own-size:{weights_sha256}"
        with torch.device("meta"):
            self.body = inception_v3(weights=None, aux_logits=False, init_weights=False, transform_input=False)
        self.body.fc = nn.Identity()
        try:
            body = {name: value for name, value in state.items() if not name.startswith(HEADS)}
            self.body.load_state_dict(body, strict=True, assign=True)
        except RuntimeError:  # torch lists hundreds of names; one sentence says more
            raise ModelError("these are not the weights of ArtFID's Inception network", hint=ART_URL) from None
        self.requires_grad_(False).eval()

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Tensor:
        """Return float32 (B, 2048) on the CPU of uint8 images (B, 3, H, W)."""
        return self.body(images.float() / 255).cpu()


class ArtFid(PairEvaluator):
    """(1 + distance to the contents) (1 + Fréchet distance to the works): 1 is the best there is.

    All works of the styles that occur among the pictures form the other set, each once.
    """

    styled = True

    def __init__(self, content: PairEvaluator, extractor: Extractor, *, key: str, device: torch.device | str) -> None:
        self.content, self.network = content, extractor
        self.weights_sha256 = extractor.weights_sha256
        self.resize = extractor.resize
        self.shortest = 32 if extractor.width < 2048 else SHORTEST
        protocol = f"(1 + {content.key}) (1 + Fréchet distance of {extractor.width} features, pictures and works)"
        super().__init__(key=key, protocol=protocol, device=device)

    def reset(self) -> None:
        """Forget all pairs; the styles stay."""
        super().reset()
        self._features: list[Tensor] = []
        self._styles: list[str] = []
        self._compared: FeaturePair | None = None

    def take_styles(self, works: Mapping[str, Sequence[Tensor]]) -> None:
        """Take the works of each style, uint8 (3, H, W) of any size.

        Raises:
            InputError: a work is too small.
        """
        for pictures in works.values():
            check_side(pictures, self.shortest)
        self._works, self._compared = works, None

    def measure(self, images: Tensor, reference: Tensor, *, styles: Sequence[str] = (), **_: Any) -> Tensor:
        """Return the distance of each picture to its content, float (B,).

        Raises:
            UsageError: no styles were given, or an unknown one.
        """
        check_pair(images, reference, shortest=self.shortest)
        unknown = sorted(set(styles) - set(getattr(self, "_works", {})))
        if unknown or len(styles) != len(images):
            what = f"there is no style {unknown[0]!r}" if unknown else "artfid needs the style of each picture"
            raise UsageError(what, hint="ganstyle eval --pairs OUT CONTENT --style FOLDER")
        self._features.append(self.network(images))
        self._compared = None
        self._styles += styles
        return self.content.measure(images, reference)

    def compute(self) -> dict[str, float]:
        """Return the product.

        Raises:
            NoInputError: no pairs, or fewer than two pictures or works.
        """
        return {self.key: (1 + self.values().mean().item()) * (1 + self.style_distance())}

    def style_distance(self) -> float:
        """Return the Fréchet distance between the pictures and the works of their styles.

        Raises:
            NoInputError: fewer than two pictures or works.
        """
        return max(0.0, pair_frechet(self._sets()).item())

    def _sets(self) -> FeaturePair:
        if self._compared is None:
            pictures = torch.cat(self._features)
            works = [self.network(work[None].to(self.device)) for name in self._used() for work in self._works[name]]
            if min(len(works), len(pictures)) < 2:
                what = f"artfid compares sets: {len(pictures):,} pictures, {len(works):,} works"
                raise NoInputError(what, hint="give at least two of each; some hundred are needed for a steady value")
            order = pictures.double().sum(1).argsort()  # sums don't depend on the order of pairs
            self._compared = FeaturePair(pictures[order], torch.cat(works))
        return self._compared

    def _used(self) -> list[str]:
        return sorted(set(self._styles))

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % at these counts: the spreads of both factors, taken as independent."""
        contents, distance = self.values(), self.style_distance()
        if len(contents) < 2:
            return {}
        parts = (
            (1 + distance) * contents.std().item() / len(contents) ** 0.5,
            (1 + contents.mean().item()) * frechet_deviation(self._sets()).item(),
        )
        value, half = self.compute()[self.key], 1.96 * hypot(*parts)
        return {self.key: (value - half, value + half)} if isfinite(half) else {}

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know."""
        works = sum(len(self._works[name]) for name in self._used())
        said = [f"(1 + {self.values().mean():.4g} to the contents) (1 + {self.style_distance():.4g} to the works)"]
        if min(works, len(self._styles)) <= self.network.width:
            counts = f"{len(self._styles):,} pictures, {works:,} works, {self.network.width:,} features"
            said.append(f"rank-deficient: {counts}; compare equal counts only")
        if works != len(self._styles):
            said.append(f"unequal counts ({len(self._styles):,} pictures, {works:,} works): compare equal counts only")
        return said


def build_artfid(options: ArtFidOptions, device: torch.device | str) -> ArtFid:
    """Return ArtFID, or its offline relative.

    Raises:
        EnvironmentProblem: weights are missing.
    """
    if options.net == "efficientnet_lite0":
        content = LiteDistance(load_backbone(BackboneOptions(), device), device)
        return ArtFid(content, lite0_extractor(str(device)), key="artfid_efficientnet_lite0", device=device)
    if options.art_weights is None or not Path(options.art_weights).is_file():
        hint = f"download {ART_URL} and say --set metric.artfid.art_weights=PATH (no hash of it is published)"
        raise EnvironmentProblem(
            "the weights of ArtFID's Inception are missing", where=str(options.art_weights), hint=hint
        )
    path = Path(options.art_weights)
    network = ArtInception(load_state_dict(path), weights_sha256=file_sha256(path)).to(device)
    alex = load_trunk("alex", options, device)
    lpips = Lpips(alex, key="lpips_alex", protocol="LPIPS v0.1, alex", device=device)
    return ArtFid(lpips, network, key="artfid_art_inception", device=device)
