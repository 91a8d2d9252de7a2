"""How varied the generator's pictures are, and how far from copies, measured against real ones."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from ganstyle.api import Batch
from ganstyle.data.transforms import Preprocess
from ganstyle.data.writing import to_uint8
from ganstyle.engine.image_sets import dataset_set
from ganstyle.engine.session import Session
from ganstyle.nn.encoders import load_lite0

COUNT = 64  # fixed latents
CHUNK = 16  # pictures at a time: memory as in a small training step
LITE0_TAP, LITE0_SIDE = "b10.output", 64
SMALLEST = 48  # below this side an encoder sees blurred dots, and costs more than the steps it watches
POOLED = 8
FEW = 1000  # training pictures: with more, copies are unlikely, and looking for them is no longer cheap

Features = Callable[[Tensor], Tensor]


class Diversity:
    """The mean distance between generated pictures over that between real ones; 1 is as varied as the data.

    The latents and the real pictures are the same at every reading, and no random state of the training is moved.

    Args:
        session: whose averaged networks are sampled.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        image = session.image
        self.features = choose_features(min(image.height, image.width), session.device)
        self._real: Batch | None = None
        self._real_distance = 0.0
        self._made: Tensor | None = None
        self._known: Tensor | None = None

    def read(self) -> float | None:
        """Return the ratio; None if the data are fewer than two pictures, or all alike."""
        if len(self.session.dataset) < 2:
            return None
        reals = self._reals()
        if self._real_distance == 0.0:
            count = min(COUNT, len(self.session.dataset))
            self._real_distance = mean_distance(self.features(to_uint8(reals["images"][:count])))
        if self._real_distance == 0.0:
            return None
        self._made = self.features(self.pictures())
        return mean_distance(self._made) / self._real_distance

    def nearest(self) -> float | None:
        """Return how far the pictures of the last reading are from the data, for sets of few pictures.

        Returns:
            The mean distance of a generated picture to its nearest training picture over that of a training picture
            to its nearest other one; 0 is copies. Mirrored pictures count as well. None for more than FEW pictures,
            fewer than two, or twins throughout.
        """
        if self._made is None or not 2 <= len(self.session.dataset) <= FEW:
            return None
        known = self._known_features()
        apart = nearest_distance(known[: len(known) // 2], known, own=True)
        return nearest_distance(self._made, known) / apart if apart > 0 else None

    def _known_features(self) -> Tensor:
        """Return those of every training picture, then of each mirrored, float (2 N, D)."""
        if self._known is None:
            train, device = self.session.config.train, self.session.device
            plain = Preprocess.plain(train.resolution, train.width)
            pictures = torch.stack(list(dataset_set(self.session.dataset, preprocess=plain).iterate())).to(device)
            self._known = torch.cat([self.features(pictures), self.features(pictures.flip(3))])
        return self._known

    @torch.inference_mode()
    def pictures(self) -> Tensor:
        """Return the pictures of the fixed latents, uint8 (64, 3, H, W) on the session's device."""
        session = self.session
        generator = torch.Generator(device=session.device).manual_seed(session.config.train.seed)
        parts = [part for part, _ in self._reals().split(CHUNK)]
        made = [
            session.task.sample(session.averaged.networks, len(part), generator=generator, batch=part) for part in parts
        ]
        return torch.cat([to_uint8(images) for images in made])

    def _reals(self) -> Batch:
        if self._real is None:
            self._real = next(self.session.loader(batch=COUNT)).to(self.session.device)
        return self._real


def choose_features(side: int, device: torch.device) -> Features:
    """Return what pictures are compared by: EfficientNet-Lite0 where it is installed and the pictures are large enough.

    Args:
        side: of the pictures, the shorter one, in pixels.
        device: where to compute.

    Returns:
        A function of uint8 (B, 3, H, W) to float (B, D).
    """
    if side < SMALLEST:
        return pixel_features
    try:
        encoder = load_lite0(last_block=10).to(device)
    except (FileNotFoundError, ValueError):  # the package with the weights is optional
        return pixel_features

    @torch.inference_mode()
    def encoded(pictures: Tensor) -> Tensor:
        parts = [F.adaptive_avg_pool2d(_scaled(part), LITE0_SIDE) for part in pictures.split(CHUNK)]
        return torch.cat([encoder(part, [LITE0_TAP])[LITE0_TAP].mean((2, 3)) for part in parts])

    return encoded


def pixel_features(pictures: Tensor) -> Tensor:
    """Return float (B, 192), the means over an 8 x 8 grid, of uint8 (B, 3, H, W)."""
    return F.adaptive_avg_pool2d(_scaled(pictures), POOLED).flatten(1)


def mean_distance(features: Tensor) -> float:
    """Return the mean Euclidean distance over all pairs of rows of float (N, D), N > 1."""
    return float(torch.pdist(features.float().flatten(1)).mean())


def nearest_distance(features: Tensor, known: Tensor, *, own: bool = False) -> float:
    """Return the mean Euclidean distance of rows to their nearest row in another set.

    Args:
        features: float (M, D).
        known: float (N, D).
        own: `features` are the first half of `known`, the second half is theirs mirrored: neither counts as near.
    """
    exact = "donot_use_mm_for_euclid_dist"  # products of matrices would leave copies a little apart
    distances = torch.cdist(features.float().flatten(1), known.float().flatten(1), compute_mode=exact)
    if own:
        distances.fill_diagonal_(float("inf"))
        distances[:, len(features) :].fill_diagonal_(float("inf"))
    return float(distances.min(1).values.mean())


def _scaled(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1
