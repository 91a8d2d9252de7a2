"""Values that nobody named, chosen from the pictures, their size and the machine; each with its reason."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from ganstyle.api import DatasetLike
from ganstyle.config import Config, Selection
from ganstyle.engine.budget import with_time
from ganstyle.engine.device import choose_device
from ganstyle.engine.layout import choose_layout
from ganstyle.registry import Registry

FEW_IMAGES: tuple[tuple[int, int], ...] = ((200, 8), (2_000, 16), (20_000, 32))
"""Below so many pictures, at most this batch: small sets want more steps for the same images shown."""
LARGEST_BATCH = 64
PIXELS_OF_BATCH = 4096  # batch x side per 16 GB of GPU memory, as the auto configuration of arXiv:2006.06676 has it
EMA_STEPS = 312.5  # 10 kimg at batch 32, arXiv:1912.04958
MOST_PASSES = 50  # of the data in an EMA half-life
GAMMA = 2e-4  # times height x width / batch, arXiv:2006.06676, section C.1
LEAST_GAMMA = 3.0
ADA_SHARE, ADA_IMAGES = 0.125, (10_000, 500_000)  # of the budget; 500k is the paper's for 25M images


@dataclass(frozen=True)
class Situation:
    """What the choices depend on.

    Attributes:
        config: so far; earlier choices are in it.
        images: different pictures in the data set; 0 if that doesn't matter.
        device: cpu, cuda or mps.
        memory_gb: of the GPU; 0 on others.
        cores: CPU cores that this process may use.
    """

    config: Config
    images: int
    device: str
    memory_gb: float = 0.0
    cores: int = 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the training pictures."""
        train = self.config.train
        return train.resolution, train.width or train.resolution


def settle(
    config: Config, registry: Registry, *, dataset: DatasetLike | None = None, seconds: float | None = None
) -> tuple[Config, list[str]]:
    """Choose what the configuration leaves open, and the budget if it is given as a time.

    Args:
        config: of `resolve`; its `automatic` keys are chosen, everything else stays.
        registry: finds its components.
        dataset: the configuration's, if it is open already.
        seconds: for the whole run; becomes `train.images`, by measuring.

    Returns:
        The configuration with nothing left open, and lines that tell what was chosen and why; none if nothing was.

    Raises:
        UsageError, NoInputError, EnvironmentProblem: the data set or the device can't be had.
    """
    lines, told = [], []
    for key in (key for key in RULES if key in config.automatic and key not in OF_BUDGET):
        dataset = dataset or registry.build("data", config.data.name, config.data.options, "train")
        config, text = _ruled(config, key, len(dataset))
        told.append(text)
    if LAYOUT in config.automatic:  # it times steps of everything chosen before
        chosen, took = choose_layout(config, registry)
        config = _with(config, LAYOUT, chosen)
        told.append(_layout_text(chosen, took))
    if seconds is not None:
        config, line = with_time(config, registry, seconds)
        lines.append(line)
    for key in (key for key in OF_BUDGET if key in config.automatic):
        config, text = _ruled(config, key, 0)
        told.append(text)
    said = [text for text in told if text]
    return replace(config, automatic=()), (["automatic: " + ", ".join(said)] if said else []) + lines


def _ruled(config: Config, key: str, images: int) -> tuple[Config, str]:
    device = choose_device(config.train.device)
    value, text = RULES[key](Situation(config, images, device.type, _memory_gb(device), _cores()))
    return _with(config, key, value), text


def batch(here: Situation) -> tuple[int, str]:
    """Choose the batch: a power of two, smaller for few pictures, and for large ones on a small GPU."""
    few = next((most for below, most in FEW_IMAGES if here.images < below), LARGEST_BATCH)
    side = max(here.size)
    fits = PIXELS_OF_BATCH // side * max(1, round(here.memory_gb / 16))
    if fits < few:
        size = max(4, 1 << fits.bit_length() - 1) if fits else 4
        return size, f"batch {size} ({side} pixels)"
    return few, f"batch {few} ({here.images:,} images)"


def ema(here: Situation) -> tuple[int, str]:
    """Choose the half-life of the averages: as many steps as StyleGAN2's, but no more than 50 passes of the data."""
    steps, passes = EMA_STEPS * here.config.train.batch, MOST_PASSES * here.images
    chosen = round(min(steps, passes))
    why = f"batch {here.config.train.batch}" if steps <= passes else f"{MOST_PASSES} x {here.images:,} images"
    return chosen, f"EMA half-life {chosen:,} images ({why})"


def gamma(here: Situation) -> tuple[float, str]:
    """Choose the weight of R1 or R2: 0.0002 x height x width / batch (arXiv:2006.06676), at least 3, to three digits.

    The formula is for batches of 32 and more and millions of pictures; it gives .01 for 32 pixels at batch 16, where
    short runs needed 2 to 3 (see the recipe of stylegan2, and docs/results/gans.md).
    """
    height, width = here.size
    chosen = max(LEAST_GAMMA, float(f"{GAMMA * height * width / here.config.train.batch:.3g}"))
    return chosen, f"gamma {chosen:g} ({width}x{height}, batch {here.config.train.batch})"


def ada_speed(here: Situation) -> tuple[int, str]:
    """Choose in how many pictures ADA may go from 0 to 1: an eighth of the budget, at most the paper's 500,000."""
    chosen = min(max(round(ADA_SHARE * here.config.train.images), ADA_IMAGES[0]), ADA_IMAGES[1])
    return chosen, f"ADA in {chosen:,} images (of {here.config.train.images:,})"


def workers(here: Situation) -> tuple[int, str]:
    """Choose the processes that read pictures: none beside a CPU that trains, up to four beside a GPU."""
    if here.device == "cpu":
        return 0, ""  # they would take the cores that train
    chosen = min(4, here.cores - 1)
    return chosen, f"workers {chosen} ({here.cores} cores)"


def _layout_text(chosen: str, seconds: Mapping[str, float]) -> str:
    if not seconds:
        return ""
    return f"{chosen} ({max(seconds.values()) / seconds[chosen]:.2f} times as fast a step)"


OF_BUDGET = ("task.ada_speed_images",)
LAYOUT = "train.memory_format"
RULES: Mapping[str, Callable[[Situation], tuple[Any, str]]] = {
    "train.batch": batch,
    "train.ema_halflife_images": ema,
    "train.workers": workers,
    "regularizer.r1.gamma": gamma,
    "regularizer.r2.gamma": gamma,
    "task.ada_speed_images": ada_speed,
}
"""By key of OPEN_TO_AUTO, the layout apart, from the situation to (value, what to tell)."""


def _with(config: Config, key: str, value: Any) -> Config:
    section, *names, option = key.split(".")
    old, changed = getattr(config, section), dict[str, Any]()
    if isinstance(old, Selection):
        changed[section] = _chosen(old, option, value)
    elif isinstance(old, tuple):
        changed[section] = tuple(_chosen(one, option, value) if one.name == names[0] else one for one in old)
    else:
        changed[section] = old.model_copy(update={option: value})
    return replace(config, **changed)


def _chosen(old: Selection, option: str, value: Any) -> Selection:
    return Selection(old.name, {**old.options, option: value})


def _memory_gb(device: torch.device) -> float:
    return torch.cuda.get_device_properties(device).total_memory / 1e9 if device.type == "cuda" else 0.0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
