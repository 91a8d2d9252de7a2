"""Pictures to styles."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_painter import Painter, noise

from ganstyle.errors import NoInputError, UsageError
from ganstyle.style.learning import encode, make_style, mean_code, read_works, resized, thumbnail


def test_order_does_not_matter(adastyle) -> None:
    works = [noise((60 * index, 90, 120), seed=index) for index in range(3)]
    first, second = (make_style(order, name="x", base=adastyle) for order in (works, works[::-1]))
    assert np.array_equal(first.code, second.code)
    assert first.card == second.card


def test_copies_of_one_work_equal_the_work(adastyle) -> None:
    one, many = (make_style([noise((80, 90, 120))] * count, name="x", base=adastyle) for count in (1, 5))
    assert np.allclose(one.code, many.code, atol=1e-6)


def test_the_code_of_several_works_is_the_mean_of_their_codes(adastyle) -> None:
    works = [noise((60 * index, 90, 120), seed=index) for index in range(3)]
    codes = torch.stack([encode(adastyle, work) for work in works])
    style = make_style(works, name="x", base=adastyle)
    assert np.allclose(style.code, codes.mean(0), atol=1e-6)
    assert np.array_equal(style.codes, codes.half())
    assert torch.allclose(mean_code(list(codes)), codes.mean(0), atol=1e-6)


def test_unusable_pictures_are_left_out_and_named(painter: Painter, tmp_path: Path) -> None:
    for index in range(2):
        Image.fromarray(noise((90, 80, 70), seed=index).permute(1, 2, 0).numpy()).save(tmp_path / f"good{index}.png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "blank.png")
    Image.new("RGB", (64, 8), "red").save(tmp_path / "tiny.png")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    works = read_works([tmp_path, tmp_path / "gone.png"])
    assert len(works.images) == 2
    reasons = {Path(what).name: why for what, why in works.skipped}
    assert sorted(reasons) == ["blank.png", "gone.png", "tiny.png", "torn.jpg"]
    assert "blank" in reasons["blank.png"]
    assert "64x8" in reasons["tiny.png"]


def test_no_usable_picture_says_why(painter: Painter) -> None:
    with pytest.raises(NoInputError, match="blank"):
        make_style(torch.full((3, 64, 64), 7, dtype=torch.uint8), name="x", base=painter.base)


def test_fingerprints_are_those_of_the_files(painter: Painter, tmp_path: Path) -> None:
    import hashlib

    path = tmp_path / "a.png"
    Image.fromarray(noise((90, 80, 70)).permute(1, 2, 0).numpy()).save(path)
    style = make_style(path, name="x", base=painter.base)
    assert style.card.fingerprints == (hashlib.sha256(path.read_bytes()).hexdigest(),)


def test_refinement_goes_through_the_stylizer(painter: Painter) -> None:
    seen: list[tuple[int, int]] = []
    works, photos = [noise((90, 80, 70))], [noise((10, 20, 30))]
    instant = make_style(works, name="x", base=painter.base)
    fitted = make_style(
        works, name="x", base=painter.base, steps=3, photos=photos, progress=lambda *step: seen.append(step)
    )
    assert np.allclose(fitted.code, instant.code + 0.03)
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert (instant.card.fit_steps, fitted.card.fit_steps) == (0, 3)


def test_a_base_model_without_refinement_says_so(painter: Painter) -> None:
    del type(painter.base.stylizer).fit
    with pytest.raises(UsageError, match="can't refine"):
        make_style([noise((90, 80, 70))], name="x", base=painter.base, steps=3)


def test_resizing_keeps_the_aspect_but_cuts_strips() -> None:
    assert resized(torch.zeros(3, 100, 150, dtype=torch.uint8), 50).shape == (3, 50, 75)
    assert resized(torch.zeros(3, 100, 5000, dtype=torch.uint8), 50).shape == (3, 50, 300)


def test_the_thumbnail_is_a_small_jpeg_of_the_work() -> None:
    picture = Image.open(io.BytesIO(thumbnail(noise((90, 140, 70), size=(200, 400)))))
    assert (picture.format, picture.size) == ("JPEG", (192, 96))
    assert torch.tensor(picture.resize((1, 1)).getpixel((0, 0))).sub(torch.tensor([90, 140, 70])).abs().max() < 6


def test_the_real_stylizer_refines_a_code(adastyle) -> None:
    works, photos = [noise((90, 80, 160), size=(200, 200))], [noise((60, 120, 90), size=(200, 200), seed=1)]
    instant, fitted = (make_style(works, name="x", base=adastyle, steps=steps, photos=photos) for steps in (0, 1))
    assert 0 < np.abs(fitted.code - instant.code).max() <= 0.011  # Adam's first step is its rate
