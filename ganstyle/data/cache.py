"""A prepared copy of a data set: decoded, shrunk, memory-mapped.

A folder with `manifest.json`, `index.npy` (int64 (N, 4): chunk, first byte, height, width), `labels.npy` and
`chunk-000.npy` ... (uint8, pictures one after the other, height x width x 3). Pictures keep their proportions; their
short side is large enough for a random crop of 80 % at the chosen resolution.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ganstyle.data.names import shown
from ganstyle.data.pictures import Pictures, entry, existing_folder
from ganstyle.data.writing import write_json
from ganstyle.errors import EnvironmentProblem, InputError, NoInputError, UsageError

SCHEMA = 1
MANIFEST = "manifest.json"
CHUNK_BYTES = 256 << 20
MAX_MANIFEST_BYTES = 512 << 20
CROP_SHARE = 0.8


@dataclass
class _Chunks:
    """Pictures on their way to disk."""

    folder: Path
    chunk_bytes: int
    index: list[tuple[int, int, int, int]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    pending: list[NDArray[np.uint8]] = field(default_factory=list)
    pending_bytes: int = 0

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Take one picture, uint8 (H, W, 3)."""
        if self.pending and self.pending_bytes + pixels.size > self.chunk_bytes:
            self.flush()
        self.index.append((len(self.files), self.pending_bytes, pixels.shape[0], pixels.shape[1]))
        self.pending.append(pixels.reshape(-1))
        self.pending_bytes += pixels.size

    def flush(self) -> None:
        """Write what is pending as one chunk."""
        if self.pending:
            self.write(f"chunk-{len(self.files):03d}.npy", np.concatenate(self.pending))
            self.pending, self.pending_bytes = [], 0

    def write(self, name: str, array: NDArray[Any]) -> None:
        """Write an array and note its size and hash."""
        with open(self.folder / name, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
            stream.flush()
            os.fsync(stream.fileno())
        self.files.append(_identity(self.folder / name))


def prepare(
    dataset: Any,
    folder: str | os.PathLike[str],
    *,
    resolution: int,
    chunk_bytes: int = CHUNK_BYTES,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """Write a cache of a data set, at once or not at all.

    Args:
        dataset: a `DatasetLike`; unreadable files are left out and listed.
        folder: must not exist, or be empty.
        resolution: side that will be trained at, pixels.
        chunk_bytes: of one file, about.
        progress: called with the number of pictures done.

    Returns:
        the manifest.

    Raises:
        UsageError: the folder holds something.
        NoInputError: no picture could be read.
        EnvironmentProblem: full disk or no permission.
    """
    target = Path(folder)
    _check_free(target)
    temporary = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=".tmp-"))
        manifest = _fill(dataset, _Chunks(temporary, chunk_bytes), resolution, progress)
        temporary.chmod(0o755)
        os.replace(temporary, target)  # onto an empty folder at most
        return manifest
    except OSError as error:
        reason = error.strerror or "the disk refuses"
        raise EnvironmentProblem(f"cache {shown(target)} can't be written: {reason}", where=shown(target)) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def estimated_bytes(count: int, resolution: int) -> int:
    """Return about what a cache takes at most: pictures of proportions up to 3:2."""
    short_side = math.ceil(resolution / CROP_SHARE)
    return count * short_side * short_side * 3 * 3 // 2


def _check_free(target: Path) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if os.path.lexists(target):
        raise UsageError(
            f"{shown(target)} exists; a cache never overwrites", where=shown(target), hint="choose another folder"
        )


def _fill(dataset: Any, chunks: _Chunks, resolution: int, progress: Callable[[int], None] | None) -> dict[str, Any]:
    short_side = math.ceil(resolution / CROP_SHARE)
    names: list[str] = []
    labels: list[int] = []
    skipped: list[str] = []
    files = getattr(dataset, "files", None) or [f"item-{index:07d}" for index in range(len(dataset))]
    for index in range(len(dataset)):
        try:
            item = dataset[index]
        except InputError as error:
            skipped.append(error.message)
            continue
        chunks.add(_shrunk(item["images"], short_side))
        names.append(shown(files[index]))
        labels.append(int(item.get("labels", -1)))
        if progress:
            progress(index + 1)
    if not names:
        raise NoInputError(f"none of {len(dataset)} pictures can be read: {'; '.join(skipped[:3])}")
    facts = {"resolution": resolution, "short_side": short_side, "names": names, "skipped": skipped}
    return _finish(dataset, chunks, labels, facts)


def _finish(dataset: Any, chunks: _Chunks, labels: list[int], facts: dict[str, Any]) -> dict[str, Any]:
    chunks.flush()
    pictures_bytes = sum(file["bytes"] for file in chunks.files)
    chunks.write("index.npy", np.asarray(chunks.index, np.int64))
    chunks.write("labels.npy", np.asarray(labels, np.int64))
    fingerprint = getattr(dataset, "fingerprint", None)
    manifest = {
        "schema": SCHEMA,
        "kind": "ganstyle-cache",
        "count": len(labels),
        "bytes": pictures_bytes,
        "styles": list(getattr(dataset, "styles", None) or []),
        "source_fingerprint": fingerprint() if fingerprint else "",
        **facts,
        "files": chunks.files,
    }
    write_json(chunks.folder / MANIFEST, manifest)
    return manifest


def _shrunk(image: Tensor, short_side: int) -> NDArray[np.uint8]:
    """Return (H, W, 3) with that short side; a smaller picture stays as it is."""
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    factor = short_side / min(pixels.shape[:2])
    if factor >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor)))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


def _identity(path: Path) -> dict[str, Any]:
    with open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"file": path.name, "bytes": path.stat().st_size, "sha256": digest}


def is_cache(folder: str | os.PathLike[str]) -> bool:
    """Tell whether `prepare` wrote the folder."""
    return (Path(folder) / MANIFEST).is_file() and (Path(folder) / "index.npy").is_file()


class CachedPictures(Pictures):
    """A cache as a data set; pictures are copied out of memory-mapped files.

    Args:
        path: folder that `prepare` wrote.
        labels: `"auto"` or `"none"`.
        verify: compare every file's sha256 first, at about 0.6 GB/s.

    Raises:
        NoInputError: missing, no cache, or damaged.
    """

    remember = False  # the operating system keeps mapped files in memory already

    def __init__(self, path: str | os.PathLike[str], *, labels: str = "auto", verify: bool = True) -> None:
        self.root = existing_folder(path)
        manifest = _read_manifest(self.root)
        self._check_files(manifest, verify)
        self.index = self._array("index.npy")
        self.labels = self._array("labels.npy")
        self._check_index(manifest)
        entries = [entry(name, int(row[2] * row[3] * 3)) for name, row in zip(manifest["names"], self.index)]
        super().__init__(shown(self.root), entries, labels="none")
        self.styles = list(manifest["styles"]) if labels == "auto" else []
        self.resolution = int(manifest["resolution"])
        self._source = str(manifest["source_fingerprint"])
        self._maps: dict[int, NDArray[np.uint8]] = {}

    def label(self, index: int) -> int:
        """Return the number of a picture's style in `styles`."""
        return int(self.labels[index])

    def read(self, index: int) -> Tensor:
        """Return one picture, uint8 (3, H, W)."""
        chunk, start, height, width = (int(number) for number in self.index[index])
        if chunk not in self._maps:
            self._maps[chunk] = np.load(self.root / f"chunk-{chunk:03d}.npy", mmap_mode="r", allow_pickle=False)
        pixels = np.array(self._maps[chunk][start : start + height * width * 3])
        return torch.from_numpy(pixels.reshape(height, width, 3)).permute(2, 0, 1)

    def fingerprint(self) -> str:
        """Return a sha256 over the names, sizes and the fingerprint of the source."""
        return hashlib.sha256((super().fingerprint() + self._source).encode()).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}

    def _array(self, name: str) -> NDArray[np.int64]:
        try:
            return np.load(self.root / name, allow_pickle=False)
        except (OSError, ValueError, EOFError):
            raise _damaged(self.root, f"{name} can't be read") from None

    def _check_files(self, manifest: dict[str, Any], verify: bool) -> None:
        for known in manifest["files"]:
            path = self.root / Path(str(known["file"])).name
            if not path.is_file() or path.stat().st_size != known["bytes"]:
                raise _damaged(self.root, f"{shown(path.name)} is missing or cut off")
            if verify and _identity(path)["sha256"] != known["sha256"]:
                raise _damaged(self.root, f"sha256 of {shown(path.name)} differs")

    def _check_index(self, manifest: dict[str, Any]) -> None:
        count = len(manifest["names"])
        sizes = [known["bytes"] for known in manifest["files"] if str(known["file"]).startswith("chunk-")]
        fits = self.index.shape == (count, 4) and self.labels.shape == (count,) and count > 0 and self.index.min() >= 0
        if fits:
            chunk, start, height, width = self.index.T
            fits = chunk.max() < len(sizes) and height.min() > 0 and width.min() > 0
            fits = fits and bool(np.all(start + height * width * 3 <= np.asarray(sizes)[chunk]))
        if not fits:
            raise _damaged(self.root, "its index does not fit its files")


def _read_manifest(root: Path) -> dict[str, Any]:
    path = root / MANIFEST
    if not path.is_file():
        raise NoInputError(
            f"{shown(root)} is no cache: it has no {MANIFEST}", where=shown(root), hint="ganstyle data prepare"
        )
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise _damaged(root, f"its {MANIFEST} is too large")
    try:
        manifest = json.loads(path.read_bytes())
        keys = ("names", "styles", "files", "resolution", "source_fingerprint")
        known = (
            manifest["kind"] == "ganstyle-cache" and manifest["schema"] == SCHEMA and all(k in manifest for k in keys)
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        known = False
    if not known:
        raise _damaged(root, f"its {MANIFEST} is not one that this version wrote")
    return manifest


def _damaged(root: Path, reason: str) -> NoInputError:
    return NoInputError(f"cache {shown(root)} can't be used: {reason}", where=shown(root), hint="prepare it again")
