"""Features kept between evaluations, found by content: never by a name, never trusted when damaged."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from ganstyle.data.tensors import read_header, read_tensors, write_tensors
from ganstyle.engine.content_index import home_cache
from ganstyle.errors import GanstyleError

VERSION = 2
MAX_BYTES = 2 << 30


@dataclass
class Facts:
    """What is known of the pictures behind features.

    Attributes:
        sizes: `"64 x 48"` (width x height) to number of pictures.
        skipped: number of pictures that could not be read.
        unread: their places among all pictures, counted from 0, as far as known.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    unread: list[int] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Number of pictures."""
        return sum(self.sizes.values())

    def add(self, images: Tensor) -> None:
        """Count a batch (B, 3, H, W)."""
        size = f"{images.shape[3]} x {images.shape[2]}"
        self.sizes[size] = self.sizes.get(size, 0) + len(images)


class FeatureCache:
    """Files in the user's cache folder; whatever goes wrong with one costs time only.

    Args:
        folder: where; None is the user's cache folder.
        max_bytes: the least recently used files beyond this are removed.

    Attributes:
        damaged: number of files that were cut off or changed, and so were not used.
    """

    def __init__(self, folder: Path | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder or home_cache() / "features"
        self.max_bytes = max_bytes
        self.damaged = 0

    def read(self, identity: str, extractor: str) -> tuple[Tensor, Facts] | None:
        """Return features (N, D) and facts, or None: unknown content, or a file that is damaged or of another version.

        Args:
            identity: hash of the pictures; empty is never found.
            extractor: key of the network, its weights and its resize.
        """
        path = self._path(identity, extractor)
        if not identity or not path.is_file():
            return None
        with suppress(GanstyleError, OSError, ValueError, KeyError, TypeError):
            stored = read_header(path).metadata
            features = read_tensors(path)["features"]
            facts = Facts(**json.loads(stored["facts"]))
            if stored["sha256"] == _digest(features) and facts.count == len(features):
                os.utime(path)
                return features, facts
        self.damaged += 1
        return None

    def write(self, identity: str, extractor: str, *, features: Tensor, facts: Facts) -> None:
        """Keep features; a full or read-only disk is no error."""
        if not identity:
            return
        stored = {"sha256": _digest(features), "facts": json.dumps(vars(facts)), "extractor": extractor}
        with suppress(GanstyleError, OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_tensors(self._path(identity, extractor), {"features": features}, stored)
            self._prune()

    def _path(self, identity: str, extractor: str) -> Path:
        key = hashlib.sha256(f"{VERSION}\0{identity}\0{extractor}".encode()).hexdigest()
        return self.folder / f"{key[:40]}.safetensors"

    def _prune(self) -> None:
        files = sorted(self.folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime, reverse=True)
        total = 0
        for file in files:
            total += file.stat().st_size
            if total > self.max_bytes:
                file.unlink(missing_ok=True)


def _digest(features: Tensor) -> str:
    return hashlib.sha256(features.contiguous().numpy().data).hexdigest()
