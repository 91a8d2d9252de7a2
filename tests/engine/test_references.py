"""References in `.npz` files of other tools, whole and damaged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ganstyle.engine.image_sets import ImageSet
from ganstyle.engine.references import Moments, read_reference
from ganstyle.errors import NoInputError

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
