"""Pictures to styles."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_painter import Painter, noise

from ganstyle.errors import InputError, NoInputError
from ganstyle.style.learning import (
    encode,
    make_style,
    mean_code,
    read_works,
    resized,
    samples_of,
    thumbnail,
    usable_style_picture,
)
from ganstyle.style.refining import RefinePlan


def pixels(picture: torch.Tensor) -> np.ndarray:
    """Return (H, W, 3) of (3, H, W)."""
    return picture.permute(1, 2, 0).numpy()


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
    codes = np.stack([encode(adastyle, pixels(work)) for work in works])
    style = make_style(works, name="x", base=adastyle)
    assert np.allclose(style.code, codes.mean(0), atol=1e-6)
    assert np.array_equal(style.codes, codes.astype(np.float16))
    assert np.allclose(mean_code(list(codes)), codes.mean(0), atol=1e-6)


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


def test_copies_are_named_and_left_out(painter: Painter) -> None:
    works = read_works([noise((90, 80, 70)), noise((90, 80, 70)), noise((10, 80, 70))])
    assert len(works.images) == 2
    assert works.skipped == [("a Tensor", "the same picture as another one")]


def test_of_too_many_pictures_an_even_choice_is_read(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganstyle.style.learning.MAX_READ", 3)
    pictures = [noise((20 * index, 80, 70)) for index in range(6)]
    works = read_works(pictures)
    assert [np.array_equal(a, pixels(b)) for a, b in zip(works.images, pictures[::2], strict=True)] == [True] * 3
    assert works.skipped == [("3 of 6 pictures", "3 are enough")]


def test_refinement_is_told_on_the_card(painter: Painter) -> None:
    works, photos = [noise((90, 80, 70))], [noise((10, 20, 30))]
    instant = make_style(works, name="x", base=painter.base)
    plan = RefinePlan(steps=3, photos=photos, loss=object(), loss_name="hinge")
    fitted = make_style(works, name="x", base=painter.base, plan=plan)
    # Every step goes a tenth of the way to what is half a unit above the works' own code.
    goal = painter.base.stylizer.encode(works[0].float()[None] / 127.5 - 1)[0].numpy() + 0.5
    assert np.allclose(fitted.code, goal + 0.9**3 * (instant.code - goal), atol=1e-5)
    card = fitted.card
    assert (card.fit_steps, card.fit_loss, instant.card.fit_steps) == (3, "hinge", 0)
    assert card.instant_score == pytest.approx(float(np.abs(instant.code - goal).mean()), abs=1e-4)
    assert card.refined_score == pytest.approx(0.9**3 * card.instant_score, abs=1e-4)


def test_a_plan_of_nothing_refines_nothing(painter: Painter) -> None:
    style = make_style([noise((90, 80, 70))], name="x", base=painter.base, plan=RefinePlan(steps=0))
    assert style.card.fit_steps == 0


def test_a_style_carries_small_pictures_of_its_works_unless_lean(painter: Painter) -> None:
    works = [noise((50 * index, 90, 120), size=(300, 400)) for index in range(5)]
    style, lean = (make_style(works, name="x", base=painter.base, lean=lean) for lean in (False, True))
    assert [Image.open(io.BytesIO(data)).size for data in style.samples] == [(341, 256)] * 3
    assert sum(len(data) for data in style.samples) < 33_000
    assert (lean.samples, lean.codes) == ((), None)
    assert np.array_equal(lean.code, style.code)


def test_a_picture_that_compresses_badly_is_made_smaller() -> None:
    wild = torch.randint(0, 256, (3, 256, 1400), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    (data,) = samples_of([pixels(wild)])
    assert len(data) < 33_000
    assert min(Image.open(io.BytesIO(data)).size) < 256


def test_resizing_keeps_the_aspect_but_cuts_strips() -> None:
    assert resized(np.zeros((100, 150, 3), np.uint8), 50).shape == (50, 75, 3)
    strip = np.zeros((100, 5000, 3), np.uint8)
    strip[:, 2500 - 300 : 2500 + 300] = 200
    assert resized(strip, 50).shape == (50, 300, 3)
    assert (resized(strip, 50)[:, 1:-1] == 200).all()


@pytest.mark.parametrize(("size", "side"), [((150, 211), 64), ((90, 70), 100), ((97, 300), 96)])
def test_resizing_agrees_with_torch(size: tuple[int, int], side: int) -> None:
    picture = torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = resized(pixels(picture), side)
    how = {"size": found.shape[:2], "mode": "bilinear", "antialias": True}
    expected = torch.nn.functional.interpolate(picture[None].double(), **how)[0].permute(1, 2, 0).numpy()
    assert np.abs(found - expected).max() < 0.501


@pytest.mark.parametrize(("contrast", "usable"), [(0.9, False), (1.1, True)])
def test_a_picture_needs_a_deviation_of_one_level_in_some_channel(contrast: float, usable: bool) -> None:
    values = np.random.default_rng(0).permutation(np.repeat([-1, 1], 128 * 64)).reshape(128, 128)
    picture = np.full((128, 128, 3), 100.0)
    picture[..., 1] += np.rint(np.where(np.arange(128) < 128 * contrast**2 / 4, 2, 0) * values)
    picture = picture.astype(np.uint8)
    assert (picture.std((0, 1)).max() >= 1) == usable
    if usable:
        assert usable_style_picture(picture) is picture
    else:
        with pytest.raises(InputError, match="blank"):
            usable_style_picture(picture)


def test_the_thumbnail_is_a_small_jpeg_of_the_work() -> None:
    picture = Image.open(io.BytesIO(thumbnail(pixels(noise((90, 140, 70), size=(200, 400))))))
    assert (picture.format, picture.size) == ("JPEG", (192, 96))
    assert torch.tensor(picture.resize((1, 1)).getpixel((0, 0))).sub(torch.tensor([90, 140, 70])).abs().max() < 6
