"""`.npz` references: means and covariances in the layouts of pytorch-fid and ADM, or pictures as ADM stores samples."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganstyle.data.names import shown
from ganstyle.data.weights import replace_file
from ganstyle.engine.content_index import files_identity
from ganstyle.engine.image_sets import ImageSet, indexed_set
from ganstyle.errors import EnvironmentProblem, InputError, NoInputError

LARGEST_BYTES = 8 << 30  # unpacked; 50,000 pictures of 224 pixels
# A header that lies about its size, an entry that is no array, a zip that is encrypted or packed in an unknown way.
_BROKEN = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, MemoryError, OverflowError, AttributeError,
           NotImplementedError, RuntimeError)  # fmt: skip
_ASYMMETRY = 1e-3  # of the largest entry; more is no covariance


@dataclass(frozen=True)
class Moments:
    """What is left of a set of features.

    Attributes:
        mean: float64 (D,).
        covariance: float64 (D, D).
        name: of the file.
    """

    mean: Tensor
    covariance: Tensor
    name: str


def read_reference(path: Path) -> ImageSet | Moments:
    """Return what a `.npz` file holds.

    Args:
        path: with `mu` (D,) and `sigma` (D, D), as pytorch-fid and ADM write statistics; or with `arr_0` uint8
            (N, H, W, 3), as ADM writes samples.

    Raises:
        NoInputError: missing, damaged, too large, or something else.
    """
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as stored:
            if {"mu", "sigma"} <= set(stored.files):
                return _moments(stored["mu"], stored["sigma"], path)
            if "arr_0" in stored.files:
                return _pictures(stored["arr_0"], path)
            names = ", ".join(stored.files[:5])
    except _BROKEN as error:
        raise _unusable(path, f"is damaged or no .npz file ({type(error).__name__})") from None
    raise _unusable(path, f"holds {names or 'nothing'}, but neither mu and sigma nor pictures in arr_0")


def write_reference(path: Path, mean: Tensor, covariance: Tensor) -> None:
    """Write moments as pytorch-fid does, whole or not at all, for `read_reference` and for other tools.

    Args:
        path: `.npz`; replaced if it exists.
        mean: float (D,), e.g. from `moments(real=True)` of a Fréchet distance.
        covariance: float (D, D).

    Raises:
        EnvironmentProblem: the place can't be written.
    """
    content = io.BytesIO()
    np.savez(content, mu=mean.double().cpu().numpy(), sigma=covariance.double().cpu().numpy())
    try:
        replace_file(path, content.getvalue())
    except OSError as error:
        raise EnvironmentProblem(f"{shown(path)} can't be written: {error.strerror}", where=shown(path)) from None


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        total = sum(member.file_size for member in archive.infolist())
    if total > LARGEST_BYTES:
        raise _unusable(path, f"unpacks to {total / 1e9:.1f} GB, more than is read at once")


def _moments(mean: NDArray[np.generic], covariance: NDArray[np.generic], path: Path) -> Moments:
    shapes = f"mu {mean.shape}, sigma {covariance.shape}"
    if mean.ndim != 1 or covariance.shape != (len(mean), len(mean)) or len(mean) == 0:
        raise _unusable(path, f"has the wrong shapes: {shapes}")
    if mean.dtype.kind != "f" or covariance.dtype.kind != "f":
        raise _unusable(path, f"holds no floating point numbers: {mean.dtype}, {covariance.dtype}")
    first, second = torch.from_numpy(mean.astype(np.float64)), torch.from_numpy(covariance.astype(np.float64))
    if not (torch.isfinite(first).all() and torch.isfinite(second).all()):
        raise _unusable(path, "holds values that are not finite")
    if (second - second.T).abs().max() > _ASYMMETRY * second.abs().max():
        raise _unusable(path, "has a sigma that is not symmetric")
    return Moments(first, second, shown(path.name))


def _pictures(pixels: NDArray[np.generic], path: Path) -> ImageSet:
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] != 3 or len(pixels) == 0:
        raise _unusable(path, f"has arr_0 of {pixels.dtype} {pixels.shape}, not uint8 (N, H, W, 3)")

    def read(place: int) -> Tensor:
        return torch.from_numpy(pixels[place]).permute(2, 0, 1)

    return indexed_set(
        len(pixels), read, lambda place: f"{shown(path.name)}[{place}]", identify=lambda: files_identity([path])
    )


def _unusable(path: Path, why: str) -> NoInputError:
    hint = "statistics of pytorch-fid or ADM (mu, sigma), or samples of ADM (arr_0)"
    return InputError(f"{shown(path.name)} {why}", where=shown(path), hint=hint)
