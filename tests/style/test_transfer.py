"""Photographs in, paintings out; the painter of `tiny_painter` gives answers known by construction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_painter import Painter, gradient, noise

from ganstyle.errors import InputError, UsageError
from ganstyle.style.learning import make_style
from ganstyle.style.transfer import TransferOptions, apply_style, picture_of, transfer


def moments(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.asarray(image, dtype=np.float64)[..., :3].reshape(-1, 3)
    return pixels.mean(0), pixels.std(0)


def test_full_strength_gives_the_moments_of_the_style(painter: Painter) -> None:
    mean, deviation = moments(transfer(gradient(), "sunset", device="cpu"))
    assert np.allclose(mean, (200, 90, 40), atol=1.5)
    assert np.allclose(deviation, 12, atol=1.5)


def test_strength_zero_is_the_photograph_exactly(painter: Painter) -> None:
    assert np.array_equal(np.asarray(transfer(gradient(), "sunset", strength=0)), np.asarray(gradient()))


def test_a_tiny_strength_stays_near_the_photograph(painter: Painter) -> None:
    painted = np.asarray(transfer(gradient(), "sunset", strength=0.01), dtype=int)
    assert np.abs(painted - np.asarray(gradient(), dtype=int)).max() <= 2


@pytest.mark.parametrize("strength", [0.25, 0.5, 0.75])
def test_strength_moves_the_mean_linearly(painter: Painter, strength: float) -> None:
    photo, _ = moments(gradient())
    mean, _ = moments(transfer(gradient(), "sunset", strength=strength))
    assert np.allclose(mean, photo + strength * (np.array([200, 90, 40]) - photo), atol=1.5)


def test_distance_grows_with_strength(painter: Painter) -> None:
    photo = np.asarray(gradient(), dtype=float)
    strengths = (0, 0.05, 0.1, 0.2, 0.3, 0.6, 1)
    distances = [np.abs(np.asarray(transfer(gradient(), "sunset", strength=s)) - photo).mean() for s in strengths]
    assert distances == sorted(distances)


def test_blend_of_two_styles_has_the_weighted_mean(painter: Painter) -> None:
    mean, _ = moments(transfer(gradient(), "sunset:3,night:1"))
    assert np.allclose(mean, 0.75 * np.array([200, 90, 40]) + 0.25 * np.array([20, 40, 120]), atol=1.5)


def test_any_picture_is_a_style(painter: Painter) -> None:
    for style in (noise((90, 180, 60)), noise((90, 180, 60)).permute(1, 2, 0).numpy()):
        mean, _ = moments(transfer(gradient(), style))
        assert np.allclose(mean, (90, 180, 60), atol=1.5)


def test_alpha_comes_back_exactly(painter: Painter) -> None:
    alpha = (np.arange(80 * 120) % 256).astype(np.uint8).reshape(80, 120)
    photo = gradient()
    photo.putalpha(Image.fromarray(alpha))
    painted = transfer(photo, "sunset")
    assert painted.mode == "RGBA"
    assert np.array_equal(np.asarray(painted)[..., 3], alpha)


def test_hidden_pixels_do_not_leak_into_the_painting(painter: Painter) -> None:
    photo = np.dstack([np.asarray(gradient()), np.full((80, 120), 255, np.uint8)])
    photo[:, :60, 3] = 0
    other = photo.copy()
    other[:, :60, :3] = 255 - other[:, :60, :3]
    assert np.array_equal(np.asarray(transfer(photo, "sunset")), np.asarray(transfer(other, "sunset")))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 3), (33, 17), (250, 8)])
def test_any_size_comes_back_as_it_was(painter: Painter, size: tuple[int, int]) -> None:
    assert transfer(gradient().resize(size), "sunset").size == size


def test_a_tensor_gives_a_tensor_equal_to_the_picture(painter: Painter) -> None:
    photo = torch.from_numpy(np.array(gradient())).permute(2, 0, 1)
    painted = transfer(photo, "sunset")
    assert torch.equal(painted, torch.from_numpy(np.array(transfer(gradient(), "sunset"))).permute(2, 0, 1))


def test_orientation_of_a_pil_image_is_applied(painter: Painter) -> None:
    photo = gradient()
    photo.getexif()[0x0112] = 6
    expected = np.rot90(np.asarray(transfer(gradient(), "sunset")), -1)
    assert np.abs(np.asarray(transfer(photo, "sunset"), dtype=int) - expected).max() <= 1


def test_max_size_shrinks_and_says_so(painter: Painter) -> None:
    style = make_style(noise((90, 90, 90)), name="gray", base=painter.base)
    options = TransferOptions(max_size=60)
    painting = apply_style(picture_of(gradient()), style, base=painter.base, options=options)
    assert painting.rgb.shape == (40, 60, 3)
    assert painting.notes == ("shrunk from 120x80 to 60x40",)


def test_settings_hold_what_is_needed_to_repeat_and_no_path(painter: Painter, tmp_path) -> None:
    gradient().save(tmp_path / "secret_place.png")
    style = make_style(noise((90, 90, 90)), name="gray", base=painter.base)
    painting = apply_style(picture_of(tmp_path / "secret_place.png"), style, base=painter.base)
    assert painting.settings["style"] == "gray"
    assert painting.settings["base_sha256"] == painter.base.sha256
    assert "secret_place" not in str(painting.settings)


@pytest.mark.parametrize(
    ("options", "word"),
    [({"strength": -0.1}, "strength"), ({"strength": float("nan")}, "strength"), ({"preserve_color": "lumma"}, "luma"),
     ({"tile": 8}, "tile"), ({"max_size": 0}, "max_size")],
)  # fmt: skip
def test_values_out_of_range_are_refused(options: dict, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        TransferOptions(**options)


def test_a_batch_of_pictures_is_refused(painter: Painter) -> None:
    with pytest.raises(InputError, match="channels"):
        transfer(torch.zeros(2, 3, 8, 8), "sunset")


def test_the_same_seed_gives_the_same_pixels(adastyle) -> None:
    style = make_style(noise((90, 120, 60)), name="leaf", base=adastyle)
    first, second, other = (
        apply_style(picture_of(gradient()), style, base=adastyle, options=TransferOptions(seed=seed)).rgb
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
