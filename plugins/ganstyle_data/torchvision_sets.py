"""MNIST, CIFAR-10 and ImageNet-style folders, in torchvision's places.

torchvision downloads (only when asked) and finds classes; the network is never touched otherwise. MNIST's idx files
and the binary form of CIFAR-10 are read here; the Python form of CIFAR-10 is a pickle, which torchvision opens only
if its md5 is that of the original.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ganstyle.api import Options
from ganstyle.data.finding import is_image_name, is_litter
from ganstyle.data.locations import datasets_folder
from ganstyle.data.names import shown
from ganstyle.data.pictures import Pictures, decoded, entry, existing_folder
from ganstyle.data.reading import open_picture
from ganstyle.errors import EnvironmentProblem, NoInputError
from ganstyle.nn.installation import require_torchvision
from ganstyle_data.idx import read_idx

CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()
_DOWNLOAD_HINT = "--set data.download=true fetches it, or set data.root to where it is"


class DownloadedOptions(Options):
    """Where a well-known set is, and whether to fetch it."""

    root: Annotated[str, Field(description="Folder; empty: datasets/ in ganstyle's own folder.")] = ""
    download: Annotated[bool, Field(description="Fetch missing files from the network.")] = False

    def folder(self) -> Path:
        """Return the root that is meant."""
        return Path(self.root).expanduser() if self.root else datasets_folder()


class ImageFolderOptions(Options):
    """Where the class folders are."""

    root: Annotated[str, Field(description="Folder of class folders, or one with train and val inside.")] = ""
    download: Annotated[bool, Field(description="Refused: such a set has no public place.")] = False


class ArrayPictures:
    """Pictures held in one array.

    Args:
        where: for messages.
        images: uint8 (N, H, W) or (N, 3, H, W).
        labels: (N,).
        styles: names of the labels.
    """

    remember = False  # they are in memory as they are

    def __init__(self, where: str, images: Tensor, labels: Tensor, styles: Sequence[str]) -> None:
        if len(images) != len(labels) or len(images) == 0:
            raise NoInputError(f"{where} has {len(images)} pictures and {len(labels)} labels", where=where)
        if int(labels.max()) >= len(styles):
            raise NoInputError(f"{where} has label {int(labels.max())} of {len(styles)}", where=where)
        self.where, self.images, self.labels, self.styles = where, images, labels, list(styles)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.images[index]
        return {"images": image.expand(3, -1, -1) if image.ndim == 2 else image, "labels": int(self.labels[index])}

    def fingerprint(self) -> str:
        """Return a sha256 over the labels and a thousandth of the pixels."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update(self.labels.to(torch.int64).numpy().tobytes())
        digest.update(self.images.reshape(-1)[::997].numpy().tobytes())
        return digest.hexdigest()


def build_mnist(options: DownloadedOptions, split: str) -> ArrayPictures:
    """Return MNIST in three equal channels, 28x28.

    The idx files, plain or .gz, may lie in root itself or in `MNIST/raw` below it.

    Raises:
        EnvironmentProblem: files are missing, or the download failed.
        NoInputError: a file is damaged.
    """
    part = "train" if split == "train" else "t10k"
    names = (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
    root = options.folder()
    places = (root, root / "MNIST" / "raw")
    if options.download and not _found(places, names):
        _download("MNIST", root)
    images, labels = (read_idx(path) for path in _require("MNIST", places, names))
    if images.ndim != 3 or labels.ndim != 1:
        raise NoInputError(f"the MNIST files in {shown(root)} have unexpected shapes", where=shown(root))
    return ArrayPictures(shown(root), torch.from_numpy(images), torch.from_numpy(labels), [str(n) for n in range(10)])


def build_cifar10(options: DownloadedOptions, split: str) -> ArrayPictures:
    """Return CIFAR-10, 32x32, from `cifar-10-batches-bin` or `cifar-10-batches-py` below root.

    Raises:
        EnvironmentProblem: files are missing or not the originals, or the download failed.
        NoInputError: a file is damaged.
    """
    root = options.folder()
    names = [f"data_batch_{n}.bin" for n in range(1, 6)] if split == "train" else ["test_batch.bin"]
    places = (root / "cifar-10-batches-bin", root)
    binary = _found(places, names)
    if binary:
        records = np.concatenate([_cifar_records(path) for path in binary])
        images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())
        return ArrayPictures(shown(root), images, torch.from_numpy(records[:, 0].copy()), CIFAR10_CLASSES)
    return _cifar_by_torchvision(root, options.download, split)


def _cifar_records(path: Path) -> NDArray[np.uint8]:
    data = np.fromfile(path, np.uint8)
    if data.size == 0 or data.size % 3073:  # one byte of label, 32 x 32 x 3 of pixels
        raise NoInputError(f"{shown(path)} is damaged: {data.size} bytes", where=shown(path))
    return data.reshape(-1, 3073)


def _cifar_by_torchvision(root: Path, download: bool, split: str) -> ArrayPictures:
    folder = root / "cifar-10-batches-py"
    if not download:
        names = [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch", "batches.meta"]
        _require("CIFAR-10", (folder,), names)
    data = _torchvision("CIFAR10", root, train=split == "train", download=download)
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2)
    return ArrayPictures(shown(root), images, torch.tensor(data.targets), CIFAR10_CLASSES)


def build_image_folder(options: ImageFolderOptions, split: str) -> Pictures:
    """Return ImageNet-style folders: one folder per class, in root or in its `train` and `val`.

    Raises:
        NoInputError: the folder is missing or has no class folders with pictures.
        EnvironmentProblem: torchvision can't be used, or a download was asked for.
    """
    if options.download:
        raise EnvironmentProblem("an image_folder has no public place to download from", where="data.download")
    root = existing_folder(options.root or "data.root (not set)")
    if all((root / name).is_dir() for name in ("train", "val")):
        root = root / ("train" if split == "train" else "val")
    return ClassFolders(root)


class ClassFolders(Pictures):
    """Classes as torchvision's `ImageFolder` finds them, pictures by our own reader."""

    def __init__(self, root: Path) -> None:
        require_torchvision()
        from torchvision.datasets import ImageFolder

        try:
            found = ImageFolder(str(root), is_valid_file=_is_picture, allow_empty=True)
        except FileNotFoundError:
            raise NoInputError(f"{shown(root)} holds no class folders", where=shown(root)) from None
        paths = [Path(path) for path, _ in found.samples]
        if not paths:
            raise NoInputError(f"{shown(root)} holds no pictures in class folders", where=shown(root))
        self.root = root
        super().__init__(shown(root), [entry(p.relative_to(root).as_posix(), p.stat().st_size) for p in paths])
        self.styles = list(found.classes)  # a class without pictures keeps its number

    def read(self, index: int) -> Tensor:
        """Return one picture, uint8 (3, H, W)."""
        return decoded(open_picture(self.root / self.entries[index].name))


def _is_picture(path: str) -> bool:
    name = Path(path).name
    return is_image_name(name) and not is_litter(name)


def _found(places: Sequence[Path], names: Sequence[str]) -> list[Path]:
    """Return the files if one place has all of them, plain or .gz; else nothing."""
    for place in places:
        paths = [next((p for p in (place / name, place / f"{name}.gz") if p.is_file()), None) for name in names]
        if all(paths):
            return [path for path in paths if path]
    return []


def _require(title: str, places: Sequence[Path], names: Sequence[str]) -> list[Path]:
    found = _found(places, names)
    if not found:
        raise EnvironmentProblem(
            f"{title} is not in {shown(places[0])}: needs {', '.join(names)}",
            where=shown(places[0]),
            hint=_DOWNLOAD_HINT,
        )
    return found


def _download(name: str, root: Path) -> None:
    _torchvision(name, root, train=True, download=True)


def _torchvision(name: str, root: Path, **arguments: Any) -> Any:
    require_torchvision()
    import torchvision.datasets

    build: Callable[..., Any] = getattr(torchvision.datasets, name)
    try:
        root.mkdir(parents=True, exist_ok=True)
        return build(str(root), **arguments)
    except (OSError, RuntimeError):
        state = "could not be downloaded" if arguments.get("download") else "is damaged or not the original"
        raise EnvironmentProblem(
            f"{name} in {shown(root)} {state}", where=shown(root), hint="check the network, or fetch it by hand"
        ) from None
