"""How steady a painted film is: the error along the source's motion, and flicker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest
from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ganstyle.api import Options
from ganstyle.errors import InputError, NoInputError
from ganstyle.functional.film import flicker, optical_flow, scaled_flow, visible, warp_error
from ganstyle.functional.images import luma, resize
from ganstyle_metrics.paired import check_pair, mean_interval

Frames = tuple[Tensor, Tensor]


class WarpOptions(Options):
    """Options of `warp_error`."""

    flow: Annotated[
        Literal["windows", "tvl1"],
        Field(description="Motion by windows that register (fast), or scikit-image's TV-L1 (ten times slower)."),
    ] = "windows"
    side: Annotated[int, Field(ge=64, le=2048, description="Long side of the frames that motion is found in.")] = 256


class FlickerOptions(Options):
    """Flicker has one protocol and no options."""


class FilmEvaluator:
    """Base of the metrics of films: two frames of each film are in memory at a time, and one value is kept per film.

    Attributes:
        key: of the value.
        protocol: the definition in words.
    """

    paired = True
    film = True
    higher_is_better = False

    def __init__(self, *, key: str, protocol: str, device: torch.device | str) -> None:
        self.key, self.protocol, self.device = key, protocol, device
        self.reset()

    def reset(self) -> None:
        """Forget all films."""
        self._values: list[float] = []

    def update(self, images: Tensor, reference: Tensor) -> None:
        """Refuse: films come frame by frame."""
        raise InputError(f"{self.key} compares films", hint="ganstyle eval film RESULT.mp4 SOURCE.mp4")

    @torch.inference_mode()
    def update_film(self, frames: Iterable[Tensor], reference: Iterable[Tensor]) -> None:
        """Take a film and its source.

        Args:
            frames: uint8 (3, H, W) in order.
            reference: as many frames of the same size, of the source.

        Raises:
            InputError: fewer than two frames, other sizes, or films of unequal length.
        """
        found = [self.measure(before, after) for before, after in pairwise(self._paired(frames, reference))]
        if not found:
            raise InputError(f"{self.key} needs films of at least two frames")
        values = torch.tensor(found, dtype=torch.float64)
        self._keep(values.nanmean(0))

    def _paired(self, frames: Iterable[Tensor], reference: Iterable[Tensor]) -> Iterator[Frames]:
        for number, pair in enumerate(zip_longest(frames, reference)):
            mine, theirs = pair
            if mine is None or theirs is None:
                shorter = "film" if mine is None else "source"
                hint = "cut both to the same frames, at the same rate"
                raise InputError(f"the {shorter} ends after {number:,} frames, the other goes on", hint=hint)
            check_pair(mine[None], theirs[None])
            yield tuple(frame[None].to(self.device).float() / 255 for frame in (mine, theirs))  # type: ignore[misc]

    def measure(self, before: Frames, after: Frames) -> float | list[float]:
        """Return the value of two frames in a row, each (film, source), float (1, 3, H, W) in [0, 1]."""
        raise NotImplementedError

    def _keep(self, value: Tensor) -> None:
        self._values.append(value.item())

    def compute(self) -> dict[str, float]:
        """Return the mean over films of the mean over frames.

        Raises:
            NoInputError: there were no films.
        """
        return {self.key: self.pair_values().sort().values.mean().item()}

    def pair_values(self) -> Tensor:
        """Return the value of each film, float64 (n,), in the order they came.

        Raises:
            NoInputError: there were no films.
        """
        if not self._values:
            raise NoInputError("there are no films to compare", hint="ganstyle eval film RESULT.mp4 SOURCE.mp4")
        return torch.tensor(self._values, dtype=torch.float64)

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Return 95 % of the mean over films; frames of one film depend on one another and give none."""
        found = mean_interval(self.pair_values().sort().values)
        return {} if found is None else {self.key: found}

    def warnings(self) -> list[str]:
        """Return what a reader of the score must know."""
        return []


class WarpError(FilmEvaluator):
    """Squared difference of neighbouring frames along the source's motion, where nothing is hidden.

    The second value is that of the source itself: what is lost to noise, changing light and a motion that isn't found
    exactly. A film below it is smoother than its source.
    """

    def __init__(self, options: WarpOptions, device: torch.device | str) -> None:
        self.options = options
        protocol = (
            f"MSE of frames in [0, 1] along the source's motion ({options.flow}, long side {options.side}, brought to "
            "full size), without pixels that fail the forward-backward check or lie at borders of motion"
        )
        super().__init__(key=f"warp_error_{options.flow}{options.side}", protocol=protocol, device=device)

    def reset(self) -> None:
        """Forget all films."""
        super().reset()
        self._sources: list[float] = []
        self._hidden: list[float] = []

    def measure(self, before: Frames, after: Frames) -> list[float]:
        """Return the error of the film, that of the source, and the share of pixels that is seen."""
        small = [_reduced(frame, self.options.side) for frame in (before[1], after[1])]
        forward, back = (self._flow(a, b) for a, b in ((small[1], small[0]), (small[0], small[1])))
        size = after[0].shape[2:]
        seen = resize(visible(forward, back).float(), *size) > 0.999
        flow = scaled_flow(forward, *size)
        errors = [warp_error(after[i], before[i], flow, seen=seen).item() for i in (0, 1)]
        return [*errors, seen.float().mean().item()]

    def _flow(self, frame: Tensor, other: Tensor) -> Tensor:
        if self.options.flow == "windows":
            return optical_flow(frame, other)
        from skimage.registration import optical_flow_tvl1  # half a second, only where asked for

        grey = (luma(picture)[0, 0].cpu().numpy().astype(np.float32) for picture in (frame, other))
        down, across = optical_flow_tvl1(*grey)
        return torch.from_numpy(np.stack([across, down]))[None].float().to(frame.device)

    def _keep(self, value: Tensor) -> None:
        if value.isnan().any():
            raise InputError("no pixel of the source can be followed from frame to frame: cuts, noise or no texture")
        super()._keep(value[0])
        self._sources.append(value[1].item())
        self._hidden.append(1 - value[2].item())

    def compute(self) -> dict[str, float]:
        """Return the error of the films, then that of their sources.

        Raises:
            NoInputError: there were no films.
        """
        sources = torch.tensor(self._sources, dtype=torch.float64).sort().values
        return super().compute() | {f"{self.key}_of_source": sources.mean().item()}

    def warnings(self) -> list[str]:
        """Add how much could not be followed."""
        hidden = sum(self._hidden) / max(len(self._hidden), 1)
        return [f"{hidden:.0%} of the pixels can't be followed and don't count"] if hidden > 0.3 else []


def _reduced(frame: Tensor, side: int) -> Tensor:
    scale = min(1.0, side / max(frame.shape[2:]))
    return resize(frame, *(max(32, round(length * scale)) for length in frame.shape[2:]))


class Flicker(FilmEvaluator):
    """Change from frame to frame beyond the source's, pixel by pixel, without following any motion."""

    def measure(self, before: Frames, after: Frames) -> float:
        """Return the flicker between two frames."""
        return flicker(after[0], before[0], after[1], source_before=before[1]).item()


def build_warp_error(options: WarpOptions, device: torch.device | str) -> WarpError:
    """Return the error along the source's motion (Lai et al. 2018)."""
    return WarpError(options, device)


def build_flicker(options: FlickerOptions, device: torch.device | str) -> Flicker:
    """Return the change beyond the source's."""
    protocol = "mean of max(0, |change of the film| - |change of the source|), RGB in [0, 1], neighbouring frames"
    return Flicker(key="flicker_beyond_source", protocol=protocol, device=device)
