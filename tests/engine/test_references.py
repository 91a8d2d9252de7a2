"""References in `.npz` files of other tools, whole and damaged."""

from __future__ import annotations

import struct
import zipfile

import numpy as np
import pytest
import torch

from ganstyle.engine.image_sets import ImageSet
from ganstyle.engine.references import Moments, read_reference, write_reference
from ganstyle.errors import EnvironmentProblem, NoInputError

MU, SIGMA = np.arange(3.0), np.diag([1.0, 2.0, 3.0])
PIXELS = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)


def stored(tmp_path, **arrays):
    np.savez(tmp_path / "ref.npz", **arrays)
    return tmp_path / "ref.npz"


@pytest.mark.parametrize("extra", [{}, {"mu_s": MU, "sigma_s": SIGMA}])
def test_statistics_of_pytorch_fid_and_of_adm_are_moments(tmp_path, extra):
    found = read_reference(stored(tmp_path, mu=MU.astype(np.float32), sigma=SIGMA, **extra))
    assert isinstance(found, Moments) and found.name == "ref.npz"
    assert found.mean.tolist() == [0, 1, 2] and found.mean.dtype == torch.float64
    assert torch.equal(found.covariance, torch.from_numpy(SIGMA))


def test_samples_of_adm_are_pictures(tmp_path):
    found = read_reference(stored(tmp_path, arr_0=PIXELS, arr_1=np.zeros(2)))
    assert isinstance(found, ImageSet) and found.count == 2
    first, second = found.iterate()
    assert torch.equal(second, torch.from_numpy(PIXELS[1]).permute(2, 0, 1)) and first.shape == (3, 4, 5)
    assert found.name(1) == "ref.npz[1]" and len(found.identity) == 64


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"mu": MU, "sigma": SIGMA[:2]}, "wrong shapes"),
        ({"mu": MU, "sigma": SIGMA.astype(int)}, "no floating point"),
        ({"mu": MU, "sigma": SIGMA * np.nan}, "not finite"),
        ({"mu": MU, "sigma": SIGMA + np.triu(np.ones((3, 3)), 1)}, "not symmetric"),
        ({"arr_0": PIXELS.astype(float)}, "not uint8"),
        ({"arr_0": PIXELS[..., :2]}, "not uint8"),
        ({"other": MU}, "holds other, but neither"),
        ({"mu": np.array([{}], dtype=object), "sigma": SIGMA}, "damaged or no .npz"),
    ],
)
def test_what_is_no_reference_is_said(tmp_path, arrays, said):
    with pytest.raises(NoInputError, match=said) as caught:
        read_reference(stored(tmp_path, **arrays))
    assert "pytorch-fid" in caught.value.hint


def test_a_file_that_is_cut_off_is_said(tmp_path):
    path = stored(tmp_path, mu=MU, sigma=SIGMA)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(NoInputError, match=r"damaged or no \.npz"):
        read_reference(path)


def entry(shape, data=b""):
    """A NumPy file whose header says anything."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


@pytest.mark.parametrize(
    "mu",
    [
        entry("(1000000000000,)"),  # 8 TB
        entry("(100000000000000000000,)"),
        entry("(-3,)"),
        entry("(3,)", b"12"),
        b"no array",
    ],
)
def test_a_header_that_lies_is_said(tmp_path, mu):
    with zipfile.ZipFile(tmp_path / "ref.npz", "w") as archive:
        archive.writestr("mu.npy", mu)
        archive.writestr("sigma.npy", entry("(1, 1)", bytes(8)))
    with pytest.raises(NoInputError, match=r"ref\.npz is damaged"):
        read_reference(tmp_path / "ref.npz")


def test_what_is_written_is_read_again_also_by_other_tools(tmp_path):
    path = tmp_path / "new" / "ref.npz"
    write_reference(path, torch.from_numpy(MU), torch.from_numpy(SIGMA).float())
    found = read_reference(path)
    assert torch.equal(found.mean, torch.from_numpy(MU)) and torch.equal(found.covariance, torch.from_numpy(SIGMA))
    with np.load(path) as stored_there:  # as pytorch-fid reads it
        assert np.array_equal(stored_there["mu"][:], MU) and np.array_equal(stored_there["sigma"][:], SIGMA)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(EnvironmentProblem, match="can't be written"):
        write_reference(tmp_path / "file" / "ref.npz", torch.zeros(2), torch.eye(2))
